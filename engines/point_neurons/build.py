"""A network from its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosim.sdk import Setup
from engines.equations.compiled import load_compiled
from engines.point_neurons.connect import connect, connect_plastic
from engines.point_neurons.generators import generator_spikes
from engines.point_neurons.layout import Layout
from engines.point_neurons.lists import Edges
from engines.point_neurons.memory import available_bytes, memory_needed, refuse_too_large
from engines.point_neurons.params import ModulatorInput, Network, SpikesInput
from engines.point_neurons.plan import Population, make_plan
from engines.point_neurons.plasticity.learning import Learning
from engines.point_neurons.populations import make_populations
from engines.point_neurons.projections import groups_of
from engines.point_neurons.quanta import quanta_of
from engines.point_neurons.simulation import Simulation, initial_arrivals
from engines.point_neurons.source import Source
from engines.point_neurons.synapses import MeanField, Synapses
from engines.point_neurons.traffic import Traffic

_BESIDE = [Path(__file__).with_name(f"{name}.py") for name in ("pointers", "quadratic", "layout")]


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
    kernels = [load_compiled(_title(item), Source(item.variant).code(), setup.log, *_BESIDE) for item in populations]
    plan, sources = make_plan(populations, kernels, layout)
    first_channel = np.cumsum([0, *(item.size for item in network.populations.values())])
    interval = min(wiring.shortest, learning.interval)
    simulation = Simulation(
        plan, populations, layout, synapses, mean_field, learning, wiring.longest, interval, network.dt,
        int(first_channel[-1]), setup.log, setup.comm,
    )  # fmt: skip
    _hear_the_past(network, setup, simulation, mean_field)
    names = list(groups_of(network))
    inputs = {name: names.index(name) for name, item in network.inputs.items() if isinstance(item, SpikesInput)}
    traffic = Traffic(populations, layout, sources, inputs, *generator_spikes(network), first_channel, network.dt)
    return Built(simulation, traffic, layout, synapses, mean_field, learning)


def _hear_the_past(network: Network, setup: Setup, simulation: Simulation, mean_field: MeanField) -> None:
    """Spikes before time 0 that groups fired at their initial rates, as mean fields hear them."""
    for g, (name, size) in enumerate(groups_of(network).items()):
        item = network.populations.get(name) or network.inputs[name]
        rate = getattr(item, "initial_rate", 0.0)
        link = max(0, int(np.max(setup.delays_ns[name], initial=0))) if name in setup.delays_ns and name in network.inputs else 0
        if rate > 0:
            initial_arrivals(simulation, mean_field, g, rate * size * network.dt / 1e9, link // network.dt)


def _title(population: Population) -> str:
    return f"{population.variant.name} ({population.variant.scheme})"
