"""Plastic projections of a network in motion: their shares, and what these hold at a step."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from cosim.sdk.errors import raise_all
from engines.equations.compiled import load_compiled
from engines.point_neurons.connections.synapses import Synapses
from engines.point_neurons.connections.wiring import Stored
from engines.point_neurons.layout import Layout
from engines.point_neurons.plasticity import calls
from engines.point_neurons.plasticity.card import Plastic, Share
from engines.point_neurons.plasticity.shares import Learner, share_of
from engines.point_neurons.plasticity.source import code_of
from engines.point_neurons.ranks import Ranks

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
MOST_STEPS = 65535


class Learning:
    """The plastic projections of this process.

    Attributes
    ----------
    learners
        In the order of ``plastic``.
    plastic
        For the loop over steps.
    ranks
        None where there is one.
    """

    def __init__(
        self, stored: Sequence[Stored], synapses: Synapses, layout: Layout, groups: int, modulators: Sequence[str], dt_ns: int,
        log: logging.Logger, comm: Any = None,
    ) -> None:  # fmt: skip
        self.learners = [Learner.of(label, each, dt_ns) for label, each in zip(_labels(stored), stored, strict=True)]
        _refuse_at_once(self.learners)
        self.layout, self.ranks = layout, Ranks(comm, layout.own_parts) if comm is not None and comm.size > 1 else None
        own = range(layout.own_parts)
        self._shares = [[share_of(each, p, q, synapses, layout) for q in own] for p, each in enumerate(self.learners)]
        self._kernels = [_compiled(each, log) for each in self.learners]
        self._first_step = np.zeros(1, np.int64)
        self.plastic = self._tables(groups, modulators)

    def _tables(self, groups: int, modulators: Sequence[str]) -> Plastic:
        learners, kernels = self.learners, self._kernels
        onto = [(each.plan.population, p) for p, each in enumerate(learners) if each.rule.is_lasting]
        populations = np.array(sorted(onto), np.int64).reshape(-1, 2)
        heard = [each.rule.modulated.source if each.rule.modulated else "" for each in learners]
        return Plastic(
            of_group=np.searchsorted([each.plan.group for each in learners], np.arange(groups + 1)).astype(np.int64),
            onto=np.searchsorted(populations[:, 0], np.arange(len(self.layout.sizes) + 1)).astype(np.int64),
            onto_order=np.ascontiguousarray(populations[:, 1]),
            spike=_addresses(kernels, "spike"),
            depart=_addresses(kernels, "depart"),
            sweep=_addresses(kernels, "sweep"),
            cards=np.array([entry for shares in self._shares for share in shares for entry in share.card()] or [0], np.int64),
            parts=self.layout.own_parts,
            link=np.array([each.link for each in learners], np.int64),
            left=np.array([each.left for each in learners], np.int64),
            modulator=np.array([list(modulators).index(name) if name else -1 for name in heard], np.int64),
            modulators=np.zeros((1, max(1, len(modulators)))),
            first_step=self._first_step,
        )

    @property
    def interval(self) -> int:
        """Most steps from one exchange of spikes to the next: what arrives meets no spike of a target that is not known yet."""
        return min(
            (bound for each in self.learners for bound in (each.delay + each.link, each.epoch or MOST_STEPS)), default=MOST_STEPS
        )

    @property
    def synapses(self) -> int:
        return sum(len(share.targets) for shares in self._shares for share in shares)

    @property
    def synapse_bytes(self) -> int:
        """Of what grows with synapses."""
        return sum(share.number_bytes for shares in self._shares for share in shares)

    def hear(self, first_step: int, rows: Floats) -> None:
        """(steps, modulators) that hold over a window."""
        self._first_step[0] = first_step
        self.plastic = self.plastic._replace(modulators=rows)

    # -- what synapses are -----------------------------------------------------------------------------------------

    def place_of(self, name: str) -> int:
        """Number of a projection."""
        return [each.label for each in self.learners].index(name)

    def shares(self, p: int) -> list[Share]:
        """Of a projection, one for each part of this process."""
        return self._shares[p]

    def parts(self) -> Iterator[tuple[int, int]]:
        """Numbers of the parts of this process, here and among all."""
        first = self.layout.first_part
        return ((own, first + own) for own in range(self.layout.own_parts))

    def values(self, p: int, own: int, step: int, of: int = 0, sources: Integers | None = None) -> Floats:
        """Of the synapses of some sources or all at a step, row after row: shares of the way, or a state; nothing is changed."""
        share = self._shares[p][own]
        chosen = np.arange(len(share.source)) if sources is None else sources
        out = np.empty(int((share.rows[chosen + 1] - share.rows[chosen]).sum()))
        self._look(p, own, self._kernels[p].look.address, step, of, chosen, out)
        return out

    def shown(self, p: int, step: int, of: int, sources: Integers) -> Floats:
        """A state of some source neurons at a step."""
        out = np.empty(len(sources))
        self._look(p, 0, self._kernels[p].shown.address, step, of, sources, out)
        return out

    def _look(self, p: int, own: int, address: int, step: int, of: int, sources: Integers, out: Floats) -> None:
        if len(out):
            calls.look(self.plastic, p, own, address, self.time(p, step), of, np.ascontiguousarray(sources, np.int64), out)

    def time(self, p: int, step: int) -> float:
        """Of the synapses: spikes of sources that come over a link are known to them as late as it delays."""
        return float(max(step - self.learners[p].link, 0))

    def targets(self, p: int, own: int, part: int) -> Integers:
        """(synapses,) numbers in the population."""
        found: Integers = self._shares[p][own].targets.astype(np.int64) * self.layout.parts + part
        return found

    def in_order(self, p: int) -> list[Integers]:
        """For each part, where its synapses stand among all: by target, then by source, then as they were drawn."""
        counts = np.zeros(self.learners[p].plan.targets, np.int64)
        targets = [self.targets(p, own, part) for own, part in self.parts()]
        for found in targets:
            counts += np.bincount(found, minlength=len(counts))
        self.total([counts])
        first = np.cumsum(counts) - counts
        places = []
        for found in targets:
            order = np.argsort(found, kind="stable")
            ordered = found[order]
            within = np.arange(len(ordered)) - np.searchsorted(ordered, ordered)
            place = np.empty(len(found), np.int64)
            place[order] = first[ordered] + within
            places.append(place)
        return places

    def total(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Sums over all ranks, in place."""
        if self.ranks is not None:
            self.ranks.total(arrays)

    def gathered(self, p: int, values: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """(synapses, …) of all parts, in order, of (synapses of a part, …)."""
        places = self.in_order(p)
        count = np.array([sum(map(len, places))])
        self.total([count])
        found = np.zeros((int(count[0]), *values[0].shape[1:]), values[0].dtype)
        for place, rows in zip(places, values, strict=True):
            found[place] = rows
        self.total([found])
        return found


def _refuse_at_once(learners: Sequence[Learner]) -> None:
    faults = []
    for learner in learners:
        if learner.delay < 1:
            what, where = "plastic synapses would act at once", f"params.projections.{learner.plan.name}.delay"
            why = "a spike of the source meets those that the target has emitted up to one delay before"
            faults.append(CosimError(what, where=where, why=why, mend="a delay of one step or more, or a link with one"))
    raise_all(faults)


def _labels(stored: Sequence[Stored]) -> list[str]:
    names = [each.plan.name for each in stored]
    return [name if names.count(name) == 1 else f"{name}.{each.plan.receptor}" for name, each in zip(names, stored, strict=True)]


def _compiled(learner: Learner, log: logging.Logger) -> ModuleType:
    return load_compiled(f"the plasticity of {learner.label}", code_of(learner.rule), log)


def _addresses(kernels: Sequence[ModuleType], function: str) -> Integers:
    return np.array([getattr(kernel, function).address for kernel in kernels], np.int64)
