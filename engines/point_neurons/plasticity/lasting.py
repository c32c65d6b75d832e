"""What lasts of plastic projections: weights that a run leaves in its file, and states that are saved and loaded."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.point_neurons.plasticity import calls
from engines.point_neurons.plasticity.card import KNOWN, SETTLED, SWEPT, Floats
from engines.point_neurons.plasticity.learning import Learning

Arrays = dict[str, NDArray[Any]]
MOST_KEPT_BYTES = 1 << 26
"""Of one array that a run's file takes."""


class Lasting:
    """Of the plastic projections of this process."""

    def __init__(self, learning: Learning) -> None:
        self._learning = learning

    def kept(self, step: int, log: logging.Logger) -> Arrays:
        """Source, target, weight and states of all synapses whose weights change, by target and then by source."""
        learning, found = self._learning, Arrays()
        for p, learner in enumerate(learning.learners):
            if not learner.rule.is_lasting:
                continue
            shares, label = learning.shares(p), learner.label
            if 8 * sum(len(share.targets) for share in shares) > MOST_KEPT_BYTES or learning.ranks is not None:
                why = "there are several ranks" if learning.ranks else f"they take more than {MOST_KEPT_BYTES >> 20} MiB"
                log.info("weights of %s are not kept with the run: %s; a record of weights gives them out", label, why)
                continue
            sources = [np.repeat(np.arange(len(share.source)), np.diff(share.rows)) for share in shares]
            targets = [learning.targets(p, own, part) for own, part in learning.parts()]
            found[f"{label}.source"] = learning.gathered(p, sources).astype(np.int32)
            found[f"{label}.target"] = learning.gathered(p, targets).astype(np.int32)
            for of, name in enumerate(("weight", *learner.rule.states)):
                values = learning.gathered(p, [learning.values(p, own, step, of) for own, _ in learning.parts()])
                found[f"{label}.{name}"] = learner.weights_of(values) if of == 0 else values
        return found

    def save(self, step: int) -> Arrays:
        """In the order of neurons: it may be loaded with other threads or ranks."""
        learning, found = self._learning, Arrays()
        for p, learner in enumerate(learning.learners):
            for own, _ in learning.parts():
                calls.catch_up(learning.plastic, p, own, learning.time(p, step))
            shares, name = learning.shares(p), f"plastic.{learner.label}"
            if learner.rule.is_lasting:
                found[f"{name}.weights"] = learning.gathered(p, [share.weights for share in shares])
                found[f"{name}.states"] = learning.gathered(p, [share.states for share in shares])
                found[f"{name}.past"] = _gathered_past(learning, p)
            found[f"{name}.sources"] = shares[0].source.copy()  # parts and ranks hear of all sources
            found[f"{name}.doses"] = shares[0].doses.copy()
            found[f"{name}.progress"] = np.array([shares[0].progress[SETTLED], shares[0].progress[KNOWN]])
        return found

    def load(self, saved: Mapping[str, NDArray[Any]], step: int) -> None:
        """Back to where ``save`` was called.

        Raises
        ------
        CosimError
            The saved state is of another network.
        """
        learning = self._learning
        for p, learner in enumerate(learning.learners):
            name, shares, parts = f"plastic.{learner.label}", learning.shares(p), learning.layout.parts
            sources = saved.get(f"{name}.sources")
            if sources is None or sources.shape != shares[0].source.shape:
                why = f"it has no plastic projection {learner.label!r} such as is here"
                raise CosimError("the saved state is of another network", why=why)
            for (_, part), share, place in zip(learning.parts(), shares, learning.in_order(p), strict=True):
                if learner.rule.is_lasting:
                    share.weights[:] = saved[f"{name}.weights"][place]
                    share.states[:] = saved[f"{name}.states"][place]
                    past = saved[f"{name}.past"][part::parts]
                    share.past[: len(past)] = past
                    share.heads[:] = share.past.shape[1]
                share.source[:] = sources
                share.doses[:] = saved[f"{name}.doses"]
                share.progress[[SETTLED, KNOWN]] = saved[f"{name}.progress"]
                share.progress[SWEPT] = learning.time(p, step)


def _gathered_past(learning: Learning, p: int) -> Floats:
    """(targets, records, numbers), the oldest first."""
    targets, parts = learning.learners[p].plan.targets, learning.layout.parts
    found = np.zeros((targets, *learning.shares(p)[0].past.shape[1:]))
    for (_, part), share in zip(learning.parts(), learning.shares(p), strict=True):
        length = share.past.shape[1]
        records = (share.heads[:, None] + np.arange(length)) % length
        rolled = np.take_along_axis(share.past, records[:, :, None], axis=1)
        found[part::parts] = rolled[: len(range(part, targets, parts))]
    learning.total([found])
    return found
