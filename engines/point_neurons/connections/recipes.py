"""What the kernels that make synapses are told of a projection."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.equations.randoms import key_of
from engines.point_neurons.connections.positions import positions_of
from engines.point_neurons.connections.projections import Plan, neurons_of
from engines.point_neurons.connections.rows import Columns, Own
from engines.point_neurons.connections.rules import (
    ALL_TO_ALL,
    BERNOULLI,
    DISTANCE,
    INDEGREE,
    LIST,
    ONE_TO_ONE,
    Rule,
    by_target,
    shared_out,
)
from engines.point_neurons.connections.surroundings import Surroundings, nowhere, surroundings
from engines.point_neurons.connections.wiring import BITS, Stored
from engines.point_neurons.distributions import Numbers
from engines.point_neurons.draws import Draws
from engines.point_neurons.layout import LANES, Layout
from engines.point_neurons.params import Network

Integers = NDArray[np.int64]
_KINDS = {
    "all_to_all": ALL_TO_ALL,
    "one_to_one": ONE_TO_ONE,
    "fixed_indegree": INDEGREE,
    "fixed_outdegree": INDEGREE,  # of the sources, with the populations exchanged
    "fixed_total_number": INDEGREE,
    "bernoulli": BERNOULLI,
    "distance": DISTANCE,
    "list": LIST,
    "sonata": LIST,
}
_CONSTANT = Draws(-1, 0.0, 0.0, -math.inf, math.inf)


@dataclass(frozen=True, eq=False)
class Recipe:
    """All that makes the synapses of a projection; ``is_by_source``: random numbers are keyed by the sources."""

    rule: Rule
    is_by_source: bool
    columns: Columns
    weight: Own
    delay: Own


def recipe_of(network: Network, seed: int, layout: Layout, stored: Stored) -> Recipe:
    """That of a projection whose synapses are stored."""
    plan, dt, steps = stored.plan, network.dt, stored.steps
    first, order = np.zeros(1, np.int64), np.empty(0, np.int64)
    if plan.edges is not None:
        first, order = by_target(plan.edges.target, plan.targets)
    weight_key, delay_key = _key(seed, plan, "weight"), _key(seed, plan, "delay")
    most = 2.0**BITS - 1.0
    to_whole = 1.0 / math.ldexp(stored.quantum, stored.shift), 0.0, 0.0, -most, most
    whole, part = divmod(steps.link_ns, dt)  # apart, so that a link of whole steps changes nothing in the rounding
    to_steps = 1e6 / dt, part / dt, float(whole), float(steps.least), float(steps.most)
    return Recipe(
        rule=_rule(network, seed, plan, first, order),
        is_by_source=plan.projection.rule == "fixed_outdegree",
        columns=columns_of(plan, layout),
        weight=_own(plan.weight if plan.has_own_weights else None, order, weight_key, to_whole),
        delay=_own(steps.own, order, delay_key, to_steps),
    )


def columns_of(plan: Plan, layout: Layout) -> Columns:
    """Where the targets of a projection stand in a row of the ring."""
    first = int(layout.first_column[plan.population]) + plan.receptor * LANES
    return Columns(first, layout.receptors[plan.population] * LANES)


def _key(seed: int, plan: Plan, purpose: str) -> np.uint64:
    return key_of(seed, "projection", plan.name, purpose, str(plan.receptor))


def _rule(network: Network, seed: int, plan: Plan, first: Integers, order: Integers) -> Rule:
    projection, sources, targets = plan.projection, plan.sources, plan.targets
    if projection.rule == "fixed_outdegree":
        sources, targets = targets, sources
    if projection.rule == "fixed_total_number":
        key, choices = _key(seed, plan, "shares"), sources - plan.is_alone
        first = shared_out(key, projection.number or 0, choices, targets, not projection.multapses)
    return Rule(
        kind=_KINDS[projection.rule],
        key=_key(seed, plan, "partners"),
        sources=sources,
        targets=targets,
        is_alone=plan.is_alone,
        is_distinct=not projection.multapses,
        degree=projection.indegree or projection.outdegree or 0,
        probability=float(projection.probability or 0.0),
        first=first,
        listed=np.empty(0, np.uint32) if plan.edges is None else plan.edges.source[order].astype(np.uint32),
        surroundings=_around(network, seed, plan),
    )


def _around(network: Network, seed: int, plan: Plan) -> Surroundings:
    projection, populations = plan.projection, neurons_of(network)
    if projection.rule != "distance":
        return nowhere()
    assert projection.profile is not None
    assert projection.length is not None
    places = [positions_of(name, populations[name], seed) for name in (projection.source, projection.target)]
    return surroundings(projection.profile, float(projection.probability or 0.0), projection.length, projection.period, *places)


def _own(
    values: Numbers | NDArray[np.float64] | None,
    order: Integers,
    key: np.uint64,
    rounding: tuple[float, float, float, float, float],
) -> Own:
    draws = Draws.of(values) if isinstance(values, Numbers) else _CONSTANT
    listed = values[order] if isinstance(values, np.ndarray) else np.empty(0)
    return Own(values is not None, draws, key, listed, *rounding)
