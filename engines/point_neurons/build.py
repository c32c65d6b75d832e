"""A network from its parameters."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from cosim.sdk import Setup
from engines.equations.compiled import load_compiled
from engines.point_neurons.connections.connect import connect, connect_plastic
from engines.point_neurons.connections.delays import links_of
from engines.point_neurons.connections.lists import Edges
from engines.point_neurons.connections.memory import available_bytes, memory_needed, refuse_too_large
from engines.point_neurons.connections.projections import groups_of
from engines.point_neurons.connections.quanta import quanta_of
from engines.point_neurons.connections.synapses import MeanField, Synapses
from engines.point_neurons.generators import generator_spikes
from engines.point_neurons.kernels.source import Source
from engines.point_neurons.layout import Layout
from engines.point_neurons.params import ModulatorInput, Network, SpikesInput
from engines.point_neurons.plan import Population, make_plan
from engines.point_neurons.plasticity.learning import Learning
from engines.point_neurons.populations import make_populations
from engines.point_neurons.simulation import Simulation
from engines.point_neurons.traffic import Traffic


@dataclass(frozen=True)
class Built:
    """A network at time 0."""

    simulation: Simulation
    traffic: Traffic
    layout: Layout
    synapses: Synapses
    mean_field: MeanField
    learning: Learning


def build(network: Network, seed: int, setup: Setup, edges: Mapping[str, Edges] | None = None) -> Built:
    """Populations, connections and kernels, for the neurons of this process; ``edges`` as ``connect`` takes them."""
    ranks, rank = (1, 0) if setup.comm is None else (setup.comm.size, setup.comm.rank)
    refuse_too_large(memory_needed(network, ranks * network.threads, edges), _available(setup))
    quanta = quanta_of(network, edges)
    populations = make_populations(network, seed, quanta, setup)
    layout = Layout(
        tuple(population.name for population in populations),
        tuple(population.size for population in populations),
        tuple(population.variant.slots for population in populations),
        tuple(len(population.variant.receptors) for population in populations),
        ranks * network.threads,
        rank * network.threads,
        network.threads,
    )
    with ThreadPoolExecutor(network.threads) as pool:
        synapses, mean_field, wiring = connect(network, seed, layout, setup.delays_ns, quanta, pool, edges)
        plastic_synapses = connect_plastic(network, seed, wiring, pool)
    modulators = [name for name, item in network.inputs.items() if isinstance(item, ModulatorInput)]
    learning = Learning(
        wiring.plastic, plastic_synapses, layout, len(groups_of(network)), modulators, network.dt, setup.log, setup.comm
    )
    kernels = [load_compiled(_title(item), Source(item.variant).code(), setup.log) for item in populations]
    plan, sources = make_plan(populations, kernels, layout)
    first_channel = np.cumsum([0, *(item.size for item in network.populations.values())])
    interval = min(wiring.shortest, learning.interval)
    past = _past(network, setup, mean_field)
    longest = max([wiring.longest, *(steps for _, steps, _ in past)])
    simulation = Simulation(
        plan, populations, layout, synapses, mean_field, learning, longest, interval, network.dt,
        int(first_channel[-1]), setup.log, setup.comm,
    )  # fmt: skip
    _hear(past, simulation, mean_field)
    names = list(groups_of(network))
    inputs = {name: names.index(name) for name, item in network.inputs.items() if isinstance(item, SpikesInput)}
    traffic = Traffic(populations, layout, sources, inputs, *generator_spikes(network), first_channel, network.dt)
    return Built(simulation, traffic, layout, synapses, mean_field, learning)


def _past(network: Network, setup: Setup, mean_field: MeanField) -> list[tuple[int, int, float]]:
    """Terms of the mean field that hear spikes from before time 0, of groups with an initial rate: the term, over how many steps
    they still arrive, link included, and how many spikes a step."""
    links, found = links_of(network, setup.delays_ns), []
    for g, (name, size) in enumerate(groups_of(network).items()):
        item = network.populations.get(name) or network.inputs[name]
        spikes = getattr(item, "initial_rate", 0.0) * network.dt / 1e9
        for m in range(mean_field.of_group[g], mean_field.of_group[g + 1]) if spikes > 0 else ():
            heard = size - 1 if mean_field.own_column[m] >= 0 else size  # a neuron without autapses does not hear itself
            found.append((m, links.get(name, 0) // network.dt + int(mean_field.delay[m]), spikes * heard))
    return found


def _hear(past: Sequence[tuple[int, int, float]], simulation: Simulation, mean_field: MeanField) -> None:
    """Lay what is still to arrive of the past into the coming steps, which the ring has room for."""
    number = simulation.number
    for m, steps, spikes in past:
        rows = np.arange(1, steps + 1) % number.slots
        simulation.arrays.mean[:, rows * number.sums + mean_field.place[m]] += round(float(mean_field.weight[m]) * spikes)


def _available(setup: Setup) -> float:
    """Bytes for all processes together: they share the memory of the machines that they are on."""
    if setup.comm is None:
        return available_bytes()
    left = dict[str, float]()
    for machine, size in setup.comm.allgather((platform.node(), available_bytes())):
        left[machine] = min(size, left.get(machine, size))
    return min(left.values()) * len(left)


def _title(population: Population) -> str:
    return f"{population.variant.name} ({population.variant.scheme})"
