"""Synapses that have been drawn become shares of plastic projections, one for each part of this process."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.point_neurons.connections.delays import Steps
from engines.point_neurons.connections.projections import Plan, bounds_of
from engines.point_neurons.connections.synapses import NONE, Synapses
from engines.point_neurons.connections.wiring import Stored
from engines.point_neurons.layout import LANES, Layout
from engines.point_neurons.plasticity.card import NEVER, WHOLES, Floats, Share
from engines.point_neurons.plasticity.flows import fading
from engines.point_neurons.plasticity.rule import PlasticityRule, Rule

_FEWEST = 32  # records of a neuron's past: synapses of silent sources are brought up to date when half of them are used
_EPOCH = 4.0  # time constants of an eligibility, at most


@dataclass(frozen=True, eq=False)
class Learner:
    """A plastic projection in numbers.

    Attributes
    ----------
    label
        Its name; with that of the receptor where a list has made two of it.
    low, high
        Weights of w = 0 and w = 1, in the unit of the receptor.
    link, left
        Steps that the link of an input has taken of the delay, and those that are left.
    """

    label: str
    stored: Stored
    rule: Rule
    low: float
    high: float
    link: int
    left: int
    dt_ms: float

    @classmethod
    def of(cls, label: str, stored: Stored, dt_ns: int) -> Learner:
        plan, steps = stored.plan, stored.steps
        plasticity = plan.projection.plasticity
        assert isinstance(plasticity, PlasticityRule)
        low, high = plasticity.bounds(plan.unit) or (0.0, max(map(abs, bounds_of(plan.weight))) or 1.0)
        return cls(label, stored, plasticity.described(), low, high, link_steps(steps, dt_ns), steps.constant or 0, dt_ns / 1e6)

    @property
    def plan(self) -> Plan:
        return self.stored.plan

    @property
    def delay(self) -> int:
        """Steps in all."""
        return self.link + self.left

    @property
    def epoch(self) -> int:
        """Steps between the times at which all synapses are brought up to date; 0 where nothing is modulated."""
        if self.rule.modulated is None:
            return 0
        return 1 << max(0, math.floor(math.log2(_EPOCH * self.rule.modulated.tau_ms / self.dt_ms)))

    @property
    def lag(self) -> int:
        return round(self.rule.lag_ms / self.dt_ms)

    def weights_of(self, shares: Floats) -> Floats:
        """In the unit of the receptor."""
        return self.low + (self.high - self.low) * shares


def link_steps(steps: Steps, dt_ns: int) -> int:
    """Whole steps that a link has taken of a delay."""
    return -(-steps.link_ns // dt_ns)


def share_of(learner: Learner, p: int, own: int, synapses: Synapses, layout: Layout) -> Share:
    """A projection, number ``p`` of those in ``synapses``, in one part."""
    plan, at = learner.plan, synapses.row_at[p, own]
    rows = synapses.rows[at : at + plan.sources + 1]
    begin, end = int(rows[0]), int(rows[-1])
    stride = layout.receptors[plan.population] * LANES
    first_column = int(layout.first_column[plan.population]) + plan.receptor * LANES
    rule, neurons = learner.rule, int(layout.blocks[plan.population]) * LANES
    past_mask, lag_mask = _mask(learner.delay + learner.link + 3, _FEWEST), _mask(learner.lag + 3)
    past = np.zeros((neurons if rule.is_lasting else 0, past_mask + 1, 2 + len(rule.post)))
    past[:, :, 0] = NEVER
    source = _sources(rule, plan.sources, lag_mask)
    depth = 1 << (1 + (learner.link + 256) // learner.epoch).bit_length() if learner.epoch else 0
    wholes = (
        plan.sources, source.shape[1], past.shape[2], past_mask, lag_mask, first_column, stride, learner.epoch, depth,
    )  # fmt: skip
    return Share(
        rows=rows - begin,
        targets=_local(synapses.targets[begin:end], first_column, stride),
        weights=_weights(learner, p, own, begin, end, synapses),
        states=np.zeros((end - begin, len(rule.states))),
        source=source,
        past=past,
        heads=np.zeros(len(past), np.int64),
        doses=np.zeros((depth, learner.epoch + 1)),
        progress=np.zeros(3),
        numbers=_numbers(learner),
        wholes=dict(zip(WHOLES, wholes, strict=True)),
    )


def _mask(least: int, fewest: int = 1) -> int:
    """One less than the power of two that is at least as large."""
    return (1 << (max(least, fewest) - 1).bit_length()) - 1


def _local(columns: NDArray[np.uint32], first_column: int, stride: int) -> NDArray[np.uint32]:
    """Columns of a ring's row become numbers of neurons in their part."""
    columns -= np.uint32(first_column)  # in place, for there may be many
    if stride != LANES:
        columns[:] = columns // np.uint32(stride) * np.uint32(LANES) + columns % np.uint32(stride)
    return columns


def _weights(learner: Learner, p: int, own: int, begin: int, end: int, synapses: Synapses) -> Floats:
    if (at := synapses.weight_at[p, own]) == NONE:
        return np.full(end - begin if learner.rule.is_lasting else 0, _constant(learner))
    found = synapses.weights[begin + at : end + at].astype(np.float64)
    found *= math.ldexp(learner.stored.quantum, learner.stored.shift)
    found -= learner.low
    found /= learner.high - learner.low
    return np.clip(found, 0.0, 1.0, out=found) if learner.rule.is_lasting else found


def _constant(learner: Learner) -> float:
    return (bounds_of(learner.plan.weight)[0] - learner.low) / (learner.high - learner.low)


def _sources(rule: Rule, sources: int, lag_mask: int) -> Floats:
    """(sources, numbers) before any spike."""
    if not rule.is_continuous:
        record = [NEVER, *(0.0 for _ in rule.pre), *rule.source_states.values()]
    else:
        record = [NEVER, 0.0, *([NEVER, *(0.0 for _ in rule.pre)] * (lag_mask + 1))]
    return np.tile(np.array(record), (sources, 1))


def _numbers(learner: Learner) -> Floats:
    rule, quantum, dt_ms = learner.rule, learner.stored.quantum, learner.dt_ms
    third = (0.0, 0.0, 0.0)
    if rule.modulated is not None:
        third = (rule.modulated.baseline, rule.modulated.tau_ms / 1e3, dt_ms / rule.modulated.tau_ms)
    decays = [dt_ms / trace.tau_ms for trace in (*rule.pre.values(), *rule.post.values())]
    first: list[Any] = [learner.low / quantum, (learner.high - learner.low) / quantum, _constant(learner)]
    numbers = [*first, learner.delay, learner.lag, dt_ms, *third, *rule.constants.values(), *decays]
    faded = decays if rule.modulated is None else [*decays, third[2]]
    return np.concatenate([np.array(numbers, np.float64), *(fading(decay) for decay in faded)])
