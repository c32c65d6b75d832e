"""How many synapses a network will have, and what memory it takes, from its parameters alone."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.point_neurons.connections.delays import links_of, steps_of
from engines.point_neurons.connections.lists import Edges
from engines.point_neurons.connections.positions import positions_of
from engines.point_neurons.connections.projections import Plan, neurons_of, partners_of, plans_of
from engines.point_neurons.layout import LANES
from engines.point_neurons.params import Network, Population, Projection

_COLUMN, _WEIGHT, _PLACE = 4, 4, 8  # bytes
_QUANTA, _STATE, _SPIKE = 8, 8, 2 * (4 + 8)  # of a spike, neuron and time, twice: one interval is written as another is read
_MOST_INTERVAL, _MOST_SPIKES = 256, 2**22  # steps, and neurons times steps, until spikes are exchanged
_ALONE = 16  # steps, where nothing is
_GIB = 2.0**30
_SAMPLE = 1000  # neurons of each population, whose distances stand for all


@dataclass(frozen=True)
class Need:
    """Memory of a network, of all its parts together.

    Attributes
    ----------
    synapses
        How many are expected, of each projection that stores any.
    synapse_bytes, row_bytes
        Of targets, weights and delays; of the places where rows begin, one for each source and part.
    slots, ring_bytes
        How many coming steps have room for what arrives in them; of a whole number for each of them, neuron and receptor.
    neuron_bytes
        Of states, and of room for spikes until they are exchanged.
    """

    synapses: Mapping[str, float]
    synapse_bytes: float
    row_bytes: float
    slots: int = 0
    ring_bytes: float = 0.0
    neuron_bytes: float = 0.0

    @property
    def total_bytes(self) -> float:
        return self.synapse_bytes + self.row_bytes + self.ring_bytes + self.neuron_bytes

    def __str__(self) -> str:
        count = sum(self.synapses.values())
        each = self.synapse_bytes / count if count else 0.0
        others = {"rows": self.row_bytes, f"{self.slots} steps of what is under way": self.ring_bytes, "neurons": self.neuron_bytes}
        told = [f"{_told(size)} of {what}" for what, size in others.items() if size > 0.01 * self.total_bytes]
        return f"{_told(self.total_bytes)} ({' + '.join([f'{count:.4g} synapses × {each:.3g} bytes', *told])})"


def expected_synapses(network: Network, edges: Mapping[str, Edges] | None = None) -> dict[str, float]:
    """How many synapses each projection that stores any has on average; of ``distance``, from a sample of pairs."""
    found = dict[str, float]()
    for plan in plans_of(network, edges):
        if not plan.is_mean_field:
            found[plan.name] = found.get(plan.name, 0.0) + _expected(network, plan)
    return found


def memory_needed(network: Network, parts: int = 1, edges: Mapping[str, Edges] | None = None) -> Need:
    """What all parts of a network take together."""
    links, synapse_bytes, row_bytes = links_of(network, {}), 0.0, 0.0
    synapses, longest, within = dict[str, float](), 1, list[int]()
    for plan in plans_of(network, edges):
        steps = steps_of(plan, network.dt, links)
        longest = max(longest, steps.most)
        if plan.projection.source not in links:
            within.append(steps.least)
        if not plan.is_mean_field:
            expected = _expected(network, plan)
            synapses[plan.name] = synapses.get(plan.name, 0.0) + expected
            each = _COLUMN + _WEIGHT * plan.has_own_weights
            if plan.projection.plasticity is not None:
                each += plan.projection.plasticity.described().synapse_bytes(plan.has_own_weights)
            if plan.has_own_delays:
                each += 1 if steps.most <= 255 else 2
            synapse_bytes += each * expected
            row_bytes += _PLACE * (plan.sources + 1) * parts
    slots, ring_bytes, neuron_bytes = _of_neurons(network, parts, longest, min(within, default=_ALONE))
    return Need(synapses, synapse_bytes, row_bytes, slots, ring_bytes, neuron_bytes)


def _of_neurons(network: Network, parts: int, longest: int, shortest: int) -> tuple[int, float, float]:
    """Slots of the ring of all parts, its bytes, and those of states and spikes."""
    columns = states = lanes = 0
    for population in neurons_of(network).values():
        described = population.description
        in_part = math.ceil(math.ceil(population.size / parts) / LANES) * LANES
        lanes += in_part
        columns += in_part * len(described.receptors)
        states += in_part * (len(described.states) + 2)  # how long it is still refractory, and a mark
    interval = max(1, min(shortest, _MOST_INTERVAL, _MOST_SPIKES // max(lanes, 1)))
    slots = 1 << (longest + interval + 1).bit_length()
    spikes = lanes * interval * (parts // network.threads)  # every process has room for those of all parts
    return slots, float(_QUANTA * slots * columns * parts), float((_STATE * states + _SPIKE * spikes) * parts)


def refuse_too_large(need: Need, available: float | None = None) -> None:
    """Refuse a network that this machine cannot hold.

    Parameters
    ----------
    available
        Bytes; else what the machine has left now.

    Raises
    ------
    CosimError
        With both numbers, and what takes the most.
    """
    left = available_bytes() if available is None else available
    if need.total_bytes <= left:
        return
    what = f"the network needs {need}, this machine has {_told(left)}"
    if need.ring_bytes + need.neuron_bytes > need.synapse_bytes + need.row_bytes:
        why = f"each neuron has room for what arrives in the next {need.slots} steps, which the longest delay decides"
        raise CosimError(what, where="params", why=why, mend="shorter delays, a longer dt, or fewer neurons")
    if need.synapses:
        largest = max(need.synapses, key=lambda name: need.synapses[name])
        raise CosimError(
            what,
            where=f"params.projections.{largest}",
            why=f"most are of this one, {need.synapses[largest]:.4g}",
            mend="fewer neurons or partners; weights and delays that are the same for all; or more machines, with ranks",
        )


def available_bytes() -> float:
    """Memory that is left on this machine, or where the system does not say, all that it has."""
    information = Path("/proc/meminfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return float(line.split()[1]) * 1024.0
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def _told(size: float) -> str:
    return f"{size / _GIB:.3g} GiB" if size >= 0.1 * _GIB else f"{size / 2**20:.3g} MiB"


def _expected(network: Network, plan: Plan) -> float:
    if plan.projection.rule == "distance":
        return _mean_chance(network, plan.projection) * (plan.sources - plan.is_alone) * plan.targets
    partners = partners_of(plan.projection, plan.sources, plan.targets, plan.edges)
    assert partners is not None
    return partners * plan.targets


def _mean_chance(network: Network, projection: Projection) -> float:
    """Of a connection of a pair, over neurons evenly spaced in the order of their numbers."""
    ends = [_sampled(network.populations[name]) for name in (projection.source, projection.target)]
    apart = ends[0][:, None, :] - ends[1][None, :, :]
    if projection.period is not None:
        apart -= np.array(projection.period) * np.rint(apart / np.array(projection.period))
    squared, length = np.square(apart).sum(axis=2), projection.length or 1.0
    if projection.profile == "step":
        chance = (squared <= length**2).astype(np.float64)
    elif projection.profile == "exponential":
        chance = np.exp(-np.sqrt(squared) / length)
    else:
        chance = np.exp(squared / (-2.0 * length**2))
    if projection.source == projection.target and len(chance) > 1:
        np.fill_diagonal(chance, 0.0)  # of a neuron with itself
        return (projection.probability or 0.0) * float(chance.sum()) / (len(chance) * (len(chance) - 1))
    return (projection.probability or 0.0) * float(chance.mean())


def _sampled(population: object) -> NDArray[np.float64]:
    assert isinstance(population, Population)
    if population.positions is None:
        assert population.extent is not None
        sides = np.array(population.extent)
        return np.random.default_rng(population.size).uniform(-sides / 2, sides / 2, (min(_SAMPLE, population.size), len(sides)))
    found = positions_of("", population, 0)
    return np.take(found, np.linspace(0, len(found) - 1, min(_SAMPLE, len(found))).astype(np.int64), axis=0)
