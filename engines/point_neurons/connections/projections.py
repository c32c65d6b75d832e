"""Projections held against the populations that they join, and what each comes to in numbers. Nothing here is compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from cosim.sdk.units import parse_ns
from engines.equations.quantities import number
from engines.point_neurons.connections.lists import Edges, read_edges
from engines.point_neurons.connections.receptors import receptor_of
from engines.point_neurons.distributions import CONSTANT, Numbers, synapse_numbers_of
from engines.point_neurons.params import KINDS, Distribution, Generator, Network, Population, Projection, SpikesInput

MOST_STEPS = 65535
"""Of a delay."""
MOST_ABOVE_MEDIAN = 2.0**20
"""Of a weight: 2^-31 of the largest is then 2^-11 of what is usual."""
_LOGNORMAL = KINDS.index("lognormal")
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Plan:
    """A projection in numbers. A list with weights of both signs makes two.

    Attributes
    ----------
    group
        Where its sources are among ``groups_of``.
    population
        Where its targets are among ``neurons_of``.
    receptor
        Of the targets' model.
    unit
        Of its weights.
    weight
        Of a synapse; (synapses,) of a list.
    delay
        ns; a distribution in ms; ms of a list, one or (synapses,); or None: as short as can be.
    edges
        Of a list.
    """

    name: str
    projection: Projection
    group: int
    sources: int
    population: int
    targets: int
    is_recurrent: bool
    receptor: int
    unit: str
    weight: Numbers | Floats
    delay: int | Numbers | Floats | None
    edges: Edges | None

    @property
    def is_mean_field(self) -> bool:
        """Whether one sum for the target population does, and no synapses are stored."""
        same_weight = isinstance(self.weight, Numbers) and self.weight.is_constant
        is_static = self.projection.plasticity is None
        return self.projection.rule == "all_to_all" and same_weight and not self.has_own_delays and is_static

    @property
    def is_alone(self) -> bool:
        """Whether a neuron must not be its own partner."""
        return self.is_recurrent and not self.projection.autapses

    @property
    def weight_bounds(self) -> tuple[float, float]:
        """The least and the largest, in ``unit``, at the start or ever."""
        return ever(self.projection, self.unit, bounds_of(self.weight))

    @property
    def has_own_weights(self) -> bool:
        return not (isinstance(self.weight, Numbers) and self.weight.is_constant)

    @property
    def has_own_delays(self) -> bool:
        return isinstance(self.delay, np.ndarray) or (isinstance(self.delay, Numbers) and not self.delay.is_constant)


def ever(projection: Projection, unit: str, bounds: tuple[float, float]) -> tuple[float, float]:
    """Bounds of weights with those between which plasticity moves them."""
    moving = projection.plasticity.bounds(unit) if projection.plasticity is not None else None
    return bounds if moving is None else (min(*bounds, *moving), max(*bounds, *moving))


def bounds_of(values: Numbers | Floats) -> tuple[float, float]:
    """The least and the largest."""
    if isinstance(values, Numbers):
        return values.bounds
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)


def groups_of(network: Network) -> dict[str, int]:
    """All that a projection may come from, with its size: populations, generators among them, then spike inputs."""
    sizes = {name: population.size for name, population in network.populations.items()}
    return sizes | {name: port.size for name, port in network.inputs.items() if isinstance(port, SpikesInput)}


def neurons_of(network: Network) -> dict[str, Population]:
    """Populations of neurons, in the order of ``Layout``."""
    return {name: p for name, p in network.populations.items() if not isinstance(p, Generator)}


def partners_of(projection: Projection, sources: int, targets: int, edges: Edges | None) -> float | None:
    """How many synapses a target neuron has on average; None where only building tells."""
    choices = sources - (projection.source == projection.target and not projection.autapses)
    match projection.rule:
        case "all_to_all":
            return choices
        case "one_to_one":
            return 1.0
        case "fixed_indegree":
            return projection.indegree
        case "fixed_outdegree":
            return None if projection.outdegree is None else projection.outdegree * sources / targets
        case "fixed_total_number":
            return None if projection.number is None else projection.number / targets
        case "bernoulli":
            return None if projection.probability is None else projection.probability * choices
    return None if edges is None else len(edges) / targets


def _weight_of(projection: Projection, partners: float | None, edges: Edges | None, unit: str) -> Numbers | Floats:
    """Of a synapse, in ``unit``; (synapses,) of a list that says so. A CosimError where it is not in that unit."""
    listed = None if edges is None else edges.weights_in(unit)
    if listed is not None:
        return listed if isinstance(listed, np.ndarray) else Numbers(CONSTANT, listed)
    if projection.total_weight is not None:
        total = number(projection.total_weight, unit)
        return Numbers(CONSTANT, total / partners if partners else 0.0)
    assert not isinstance(projection.weight, list)
    found = synapse_numbers_of(projection.weight, unit)
    if found.kind == _LOGNORMAL and max(map(abs, found.bounds)) > MOST_ABOVE_MEDIAN * abs(found.first):
        what = f"drawn weights reach {max(found.bounds, key=abs):.3g} {unit}, where half of them are below {found.first:g} {unit}"
        raise CosimError(what, why="weights of a projection are kept to 2^-31 of the largest that can be", mend="add high: …")
    return found


def delay_of(projection: Projection, edges: Edges | None) -> int | Numbers | Floats | None:
    """ns; a distribution in ms; ms of a list, one or (synapses,); or None: as short as can be. A CosimError where it is no time."""
    if edges is not None and edges.delay_ms is not None:
        return edges.delay_ms if isinstance(edges.delay_ms, np.ndarray) else Numbers(CONSTANT, edges.delay_ms)
    if isinstance(projection.delay, Distribution):
        return synapse_numbers_of(projection.delay, "ms")
    if projection.delay is None:
        return None
    return parse_ns(projection.delay) if isinstance(projection.delay, str) else _whole_ns(number(projection.delay, "ms"))


def _whole_ns(delay_ms: float) -> int:
    """Exact, but for what a float of milliseconds cannot say."""
    found = round(delay_ms * 1e6)
    if abs(delay_ms * 1e6 - found) > 1e-3:
        raise CosimError(f"{delay_ms} ms is not a whole number of nanoseconds", mend="delays are whole steps")
    return found


# -- the projections of a network ----------------------------------------------------------------------------------------------


def plans_of(network: Network, edges: Mapping[str, Edges] | None = None) -> list[Plan]:
    """All projections of a network that has no faults, in the order of their groups, then as the scenario names them.

    Parameters
    ----------
    edges
        Synapses of projections whose rule is ``sonata``, by their names.
    """
    groups = list(groups_of(network))
    found = [plan for name in network.projections for plan in plans_for(network, name, edges or {})]
    return sorted(found, key=lambda plan: groups.index(plan.projection.source))


def plans_for(network: Network, name: str, edges: Mapping[str, Edges]) -> list[Plan]:
    """One projection."""
    projection, sizes = network.projections[name], groups_of(network)
    populations = list(neurons_of(network))
    return [
        Plan(
            name=name,
            projection=projection,
            group=list(sizes).index(projection.source),
            sources=sizes[projection.source],
            population=populations.index(projection.target),
            targets=sizes[projection.target],
            is_recurrent=projection.source == projection.target,
            receptor=receptor,
            unit=unit,
            weight=weight,
            delay=delay_of(projection, listed),
            edges=listed,
        )
        for receptor, unit, weight, listed in weights_of(network, projection, listed_in(projection, edges.get(name)))
    ]


def listed_in(projection: Projection, edges: Edges | None) -> Edges | None:
    """The list of a projection, None where it draws; ``edges`` are those that somebody else has read."""
    if projection.rule == "sonata" and edges is None:
        raise CosimError("nobody has read its edges", mend="hand them over as edges={projection: edges_of(...)}")
    return read_edges(projection) if projection.rule == "list" else edges


def weights_of(
    network: Network, projection: Projection, edges: Edges | None
) -> list[tuple[int, str, Numbers | Floats, Edges | None]]:
    """Receptor, unit, weights, and those of the list that have them: of a list, weights below 0 may go elsewhere than those above.

    Raises
    ------
    CosimError
        No receptor takes the weights, or they are in no unit of theirs; yet to be located.
    """
    sizes, target = groups_of(network), network.populations[projection.target]
    assert isinstance(target, Population)
    receptors = list(target.description.receptors.values())
    partners = partners_of(projection, sizes[projection.source], sizes[projection.target], edges)
    found: list[tuple[int, str, Numbers | Floats, Edges | None]] = []
    for part in [edges] if edges is None or projection.receptor is not None else _by_sign(edges):
        weigh = partial(_weight_of, projection, partners, part)

        def bounds(unit: str, weigh: Callable[[str], Numbers | Floats] = weigh) -> tuple[float, float]:
            return ever(projection, unit, bounds_of(weigh(unit)))

        receptor = receptor_of(target.description, projection.receptor, bounds)
        unit = receptors[receptor].weight
        found.append((receptor, unit, weigh(unit), part))
    return found


def _by_sign(edges: Edges) -> list[Edges]:
    """Those of weights of 0 and more, and those below, where there are both."""
    is_negative = edges.is_negative
    if is_negative.all() or not is_negative.any():
        return [edges]
    return [edges.only(~is_negative), edges.only(is_negative)]
