"""Rows of what is recorded of plastic projections."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, Port
from engines.point_neurons.params import Network
from engines.point_neurons.plasticity.learning import Learning
from engines.point_neurons.plasticity.params import WeightRecord
from engines.point_neurons.simulation import Inputs, Simulation

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Recorder:
    """What one record gives out.

    Attributes
    ----------
    of
        Number of the state, 0 for the weight; of states of sources, their number.
    sources
        (n,) neurons whose state it is, or None where it is of synapses.
    picked
        For each part, sources whose rows are looked at, and for each of their synapses its channel, or -1.
    """

    learning: Learning
    p: int
    of: int
    channels: int
    is_mean: bool
    sources: Integers | None
    picked: list[tuple[Integers, Integers]]

    @classmethod
    def of_record(cls, learning: Learning, record: WeightRecord, channels: int) -> Recorder:
        """Look up what is recorded; a CosimError, yet to be located, where a pair has no synapse."""
        p = learning.place_of(record.projection)
        rule = learning.learners[p].rule
        if record.of in rule.shown:
            size = learning.learners[p].plan.sources
            sources = np.arange(size) if record.sources == "all" else np.array(record.sources, np.int64)
            return cls(learning, p, list(rule.shown).index(record.of), channels, False, sources, [])
        of = ["weight", *rule.states].index(record.of)
        picked = _pairs(learning, p, record.synapses) if isinstance(record.synapses, list) else _everything(learning, p, record)
        return cls(learning, p, of, channels, record.synapses == "mean", None, picked)

    def row(self, step: int) -> Floats:
        """(channels,) at a step."""
        learning, learner = self.learning, self.learning.learners[self.p]
        if self.sources is not None:
            return learning.shown(self.p, step, self.of, self.sources)
        found = np.zeros(learner.plan.targets if self.is_mean else self.channels)
        for (own, _), (sources, channels) in zip(learning.parts(), self.picked, strict=True):
            values = learning.values(self.p, own, step, self.of, sources)
            values = learner.weights_of(values) if self.of == 0 else values
            is_meant = channels >= 0
            found += np.bincount(channels[is_meant], values[is_meant], len(found))
        learning.total([found])
        if not self.is_mean:
            return found
        # summed by target, each of which lives in one part, so that the order of the sum is always the same
        count = np.array([sum(len(channels) for _, channels in self.picked)])
        learning.total([count])
        return np.array([math.fsum(found) / count[0]]) if count[0] else np.zeros(1)


def _everything(learning: Learning, p: int, record: WeightRecord) -> list[tuple[Integers, Integers]]:
    sources = np.arange(learning.learners[p].plan.sources)
    if record.synapses == "all":
        return [(sources, place) for place in learning.in_order(p)]
    return [(sources, learning.targets(p, own, part)) for own, part in learning.parts()]


def _pairs(learning: Learning, p: int, pairs: list[tuple[int, int]]) -> list[tuple[Integers, Integers]]:
    found, counts = [], np.zeros(len(pairs), np.int64)
    for own, part in learning.parts():
        share, targets = learning.shares(p)[own], learning.targets(p, own, part)
        wanted = {source: dict[int, int]() for source, _ in pairs}
        for channel, (source, target) in enumerate(pairs):
            wanted[source][target] = channel
        channels = [
            wanted[source].get(int(t), -1) for source in wanted for t in targets[share.rows[source] : share.rows[source + 1]]
        ]
        found.append((np.array(list(wanted), np.int64), np.array(channels, np.int64)))
        np.add.at(counts, found[-1][1][found[-1][1] >= 0], 1)
    learning.total([counts])
    if (missing := np.flatnonzero(counts == 0)).size:
        source, target = pairs[missing[0]]
        raise CosimError(
            f"neuron {source} has no synapse onto {target}", why="the rule has drawn none", mend="record others, or mean"
        )
    return found


def recorders_of(network: Network, learning: Learning, channels: Mapping[str, int]) -> dict[str, Recorder]:
    """By port; a CosimError where a pair that is to be recorded has no synapse."""
    found = {}
    for name, record in network.weights.items():
        try:
            found[name] = Recorder.of_record(learning, record, channels[name])
        except CosimError as error:
            raise error.located(f"params.weights.{name}.synapses") from None
    return found


class Records:
    """All records of an engine, and how a window is cut so that rows within it are read at their times."""

    def __init__(self, network: Network, learning: Learning, ports: Sequence[Port]) -> None:
        self._recorders = recorders_of(network, learning, {port.name: len(port.space) for port in ports})
        self._every = {port.name: port.dt_ns // network.dt if port.dt_ns else None for port in ports}
        self._dt_ns = network.dt

    def advance(
        self, simulation: Simulation, first_step: int, steps: int, coming: Inputs, observed: Floats
    ) -> tuple[list[Integers], Integers, dict[str, Floats]]:
        """As ``Simulation.advance``, with the rows of every record."""
        if not self._recorders:
            return *simulation.advance(first_step, steps, coming, observed), {}
        last, at, found, fired = first_step + steps, first_step, list[list[Integers]](), list[Integers]()
        rows = {name: list[Floats]() for name in self._recorders}
        inner = {step for every in self._every.values() if every for step in range(first_step + every, last, every)}
        for stop in sorted(inner | {last}):
            whole = stop - at == steps
            part = coming if whole else _part_of(coming, first_step, at, stop)
            keys, counts = simulation.advance(at, stop - at, part, observed[at - first_step : stop - first_step])
            found.append([each + (at - first_step) * self._dt_ns * simulation.number.channels for each in keys])
            fired.append(counts)
            for name, recorder in self._recorders.items():
                every = self._every[name]
                if stop == last if every is None else stop % every == 0:
                    rows[name].append(recorder.row(stop))
            at = stop
        joined = [np.concatenate(parts) for parts in zip(*found, strict=True)]
        return (joined, np.concatenate(fired), {name: np.array(values) for name, values in rows.items()})


def _part_of(coming: Inputs, first_step: int, begin: int, end: int) -> Inputs:
    """What comes in after one step, up to another."""
    steps = slice(begin - first_step, end - first_step)
    spikes = slice(*np.searchsorted(coming.step, [begin, end], side="right"))
    return coming._replace(
        drive=coming.drive[steps],
        own=np.ascontiguousarray(coming.own[:, steps]),
        rates=np.ascontiguousarray(coming.rates[:, steps]),
        step=coming.step[spikes],
        group=coming.group[spikes],
        source=coming.source[spikes],
    )
