"""How many synapses a network will have, and what memory they take, from its parameters alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.point_neurons.delays import links_of, steps_of
from engines.point_neurons.lists import Edges
from engines.point_neurons.params import Network, Population, Projection
from engines.point_neurons.positions import positions_of
from engines.point_neurons.projections import Plan, partners_of, plans_of

_COLUMN, _WEIGHT, _PLACE = 4, 4, 8  # bytes
_GIB = 2.0**30
_SAMPLE = 1000  # neurons of each population, whose distances stand for all


@dataclass(frozen=True)
class Need:
    """Memory of the synapses of a network.

    Attributes
    ----------
    synapses
        How many are expected, of each projection that stores any.
    synapse_bytes, row_bytes
        Of targets, weights and delays; of the places where rows begin, one for each source and part.
    """

    synapses: Mapping[str, float]
    synapse_bytes: float
    row_bytes: float

    @property
    def total_bytes(self) -> float:
        return self.synapse_bytes + self.row_bytes

    def __str__(self) -> str:
        count = sum(self.synapses.values())
        each = self.synapse_bytes / count if count else 0.0
        rows = f" + {_told(self.row_bytes)} of rows" if self.row_bytes > 0.01 * self.total_bytes else ""
        return f"{_told(self.total_bytes)} ({count:.4g} synapses × {each:.3g} bytes{rows})"


def expected_synapses(network: Network, edges: Mapping[str, Edges] | None = None) -> dict[str, float]:
    """How many synapses each projection that stores any has on average; of ``distance``, from a sample of pairs."""
    found = dict[str, float]()
    for plan in plans_of(network, edges):
        if not plan.is_mean_field:
            found[plan.name] = found.get(plan.name, 0.0) + _expected(network, plan)
    return found


def memory_needed(network: Network, parts: int = 1, edges: Mapping[str, Edges] | None = None) -> Need:
    """What the synapses of all parts of a network take together."""
    links, synapse_bytes, row_bytes = links_of(network, {}), 0.0, 0.0
    for plan in plans_of(network, edges):
        if not plan.is_mean_field:
            each = _COLUMN + _WEIGHT * plan.has_own_weights
            if plan.projection.plasticity is not None:
                each += plan.projection.plasticity.described().synapse_bytes(plan.has_own_weights)
            if plan.has_own_delays:
                each += 1 if steps_of(plan, network.dt, links).most <= 255 else 2
            synapse_bytes += each * _expected(network, plan)
            row_bytes += _PLACE * (plan.sources + 1) * parts
    return Need(expected_synapses(network, edges), synapse_bytes, row_bytes)


def refuse_too_large(need: Need, available: float | None = None) -> None:
    """Refuse a network whose synapses this machine cannot hold.

    Parameters
    ----------
    available
        Bytes; else what the machine has left now.

    Raises
    ------
    CosimError
        With both numbers, and the projection that takes the most.
    """
    left = available_bytes() if available is None else available
    if need.total_bytes > left:
        largest = max(need.synapses, key=lambda name: need.synapses[name])
        raise CosimError(
            f"the synapses need {need}, this machine has {_told(left)}",
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
