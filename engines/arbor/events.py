"""Events that are still to come, and the recipe by which Arbor is told of them."""

from __future__ import annotations

from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Events:
    """Events that are still to come: (n,) each of times in ms, targets and weights."""

    def __init__(self) -> None:
        self._times, self._targets, self._weights = np.empty(0), np.empty(0, np.int64), np.empty(0)

    def add(self, times_ms: Array, targets: Array, weights: Array) -> None:
        if len(times_ms):
            self._times = np.concatenate([self._times, times_ms])
            self._targets = np.concatenate([self._targets, targets])
            self._weights = np.concatenate([self._weights, weights])

    def take(self, before_ms: float) -> list[tuple[int, float, list[float]]]:
        """The (target, weight, times in ms) of those before a time, which are then gone."""
        now = self._times < before_ms
        if not now.any():
            return []
        times, targets, weights = self._times[now], self._targets[now], self._weights[now]
        self._times, self._targets, self._weights = self._times[~now], self._targets[~now], self._weights[~now]
        order = np.lexsort((times, weights, targets))
        times, targets, weights = times[order], targets[order], weights[order]
        new = (targets[1:] != targets[:-1]) | (weights[1:] != weights[:-1])
        bounds, at = [0, *(new.nonzero()[0] + 1).tolist(), len(times)], times.tolist()
        return [(int(targets[i]), float(weights[i]), at[i:j]) for i, j in pairwise(bounds)]

    def save(self) -> dict[str, Array]:
        return {"due_ms": self._times, "due_targets": self._targets, "due_weights": self._weights}

    def load(self, state: dict[str, Array]) -> None:
        self._times, self._targets, self._weights = state["due_ms"], state["due_targets"], state["due_weights"]


def make_feed(arbor: ModuleType, recipe: Any) -> Any:
    """A recipe for updates: no connections; by cell, ``own`` generators of ``recipe`` and further ``generators``."""
    cells = recipe.num_cells()

    class Feed(arbor.recipe):  # type: ignore[misc, name-defined]
        def num_cells(self) -> int:
            return cells  # type: ignore[no-any-return]

        def event_generators(self, gid: int) -> list[Any]:
            return self.own.get(gid, []) + self.generators.get(gid, [])  # type: ignore[no-any-return]

    feed = Feed()
    feed.own = {gid: found for gid in range(cells) if (found := list(recipe.event_generators(gid)))}
    feed.generators = {}
    return feed
