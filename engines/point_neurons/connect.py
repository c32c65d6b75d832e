"""Projections become arrays: stored synapses, or a term of the mean field."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cosim.sdk import CosimError, format_ns
from engines.equations.randoms import key_of
from engines.point_neurons import kernels
from engines.point_neurons.arrays import Floats, Groups, Integers, MeanField, Synapses
from engines.point_neurons.check import partners
from engines.point_neurons.params import Network, Projection, Qif

RULES = ("fixed_indegree", "bernoulli", "all_to_all", "one_to_one")  # in the order in which the kernels count them


def is_mean_field(projection: Projection, params: Network) -> bool:
    """Whether a projection goes through the mean rate of its source."""
    return projection.rule == "all_to_all" and isinstance(params.populations[projection.target], Qif)


def spike_weight(projection: Projection, params: Network) -> float:
    """What one spike adds at one synapse: pA, or for qif J over the number of partners that a neuron has (on average)."""
    if projection.weight is not None:
        return projection.weight
    assert projection.J is not None
    sources = partners(params)[projection.source] - (not projection.autapses and projection.source == projection.target)
    if projection.rule == "one_to_one":
        return projection.J
    return projection.J / (projection.indegree or sources * (projection.probability or 1.0))


def connect(params: Network, seed: int, groups: Groups, link_ns: Mapping[str, int], quanta: Floats) -> tuple[Synapses, MeanField]:
    """All projections, of which every random choice is a function of (seed, projection name, target neuron).

    ``link_ns``: for each spike input, how long its link has delayed what arrives. ``quanta`` (populations,).
    """
    group_of = {name: g for g, name in enumerate(partners(params))}
    population_of = {name: p for p, name in enumerate(params.populations)}
    projections = sorted(params.projections.items())
    stored = [(name, p) for name, p in projections if not is_mean_field(p, params)]
    stored.sort(key=lambda item: group_of[item[1].source])
    mean = [(name, p) for name, p in projections if is_mean_field(p, params)]
    mean.sort(key=lambda item: population_of[item[1].target])

    first = np.cumsum([0, *groups.size[: len(population_of)]])
    rows, row_starts, columns, weights = [0], [np.empty(0, np.int64)], [np.empty(0, np.uint32)], []
    for name, projection in stored:
        target, source = population_of[projection.target], group_of[projection.source]
        inhibits = projection.weight is not None and projection.weight < 0
        row_start, targets = kernels.draw(
            RULES.index(projection.rule),
            key_of(seed, "projection", name),
            int(groups.size[source]),
            int(groups.size[target]),
            projection.indegree or 0,
            projection.probability or 1.0,
            not projection.autapses and projection.source == projection.target,
            int(first[target] + inhibits * first[-1]),
        )
        row_starts.append(row_start + sum(len(earlier) for earlier in columns))
        rows.append(rows[-1] + len(row_start))
        columns.append(targets)
        weights.append(round(spike_weight(projection, params) / quanta[target]))
    return (
        Synapses(
            of_group=_starts([group_of[p.source] for _, p in stored], len(group_of)),
            row=_integers(rows[:-1]),
            row_start=np.concatenate(row_starts),
            targets=np.concatenate(columns),
            weight=_integers(weights),
            delay=_integers([_steps_left(name, p, params.dt, link_ns.get(p.source)) for name, p in stored]),
        ),
        MeanField(
            of_target=_starts([population_of[p.target] for _, p in mean], len(population_of)),
            group=_integers([group_of[p.source] for _, p in mean]),
            J=np.array([p.J for _, p in mean], np.float64),
            delay=_integers([_steps_left(name, p, params.dt, link_ns.get(p.source)) for name, p in mean]),
        ),
    )


def _steps_left(name: str, projection: Projection, dt_ns: int, link_ns: int | None) -> int:
    """Steps that a spike still has before it when it comes in: the delay without what the link (None: no link) has taken of it."""
    if projection.delay is None:
        return 1 if link_ns is None else 0
    left_ns, where = projection.delay - (link_ns or 0), f"params.projections.{name}.delay"
    why = f"the link to {projection.source} takes {format_ns(link_ns or 0)}, the projection {format_ns(projection.delay)} in all"
    if left_ns < 0:
        mend = f"{format_ns(link_ns or 0)} or more; left out, spikes act as they arrive"
        raise CosimError("spikes would arrive later than they should act", where=where, why=why, mend=mend)
    if left_ns % dt_ns:
        what = f"what the link leaves of the delay is not a whole number of {format_ns(dt_ns)} steps"
        near = ", ".join(format_ns((link_ns or 0) + left_ns // dt_ns * dt_ns + more) for more in (0, dt_ns))
        raise CosimError(what, where=where, why=why, mend=f"nearest: {near}")
    return left_ns // dt_ns


def _starts(sorted_keys: list[int], count: int) -> Integers:
    """(count + 1,): where each key begins in a sorted list."""
    return _integers(np.searchsorted(_integers(sorted_keys), np.arange(count + 1)))


def _integers(values: object) -> Integers:
    return np.array(values, np.int64)
