"""The connections of a recipe, followed outside Arbor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.arbor.detectors import Detectors, key

Array = NDArray[Any]


class Routes:
    """The connections of a recipe, followed outside Arbor: what its spikes become.

    Attributes
    ----------
    shortest_ns
        The shortest delay, rounded down.
    """

    def __init__(self, recipe: Any, detectors: Detectors, target: Callable[[int, Any], int]) -> None:
        cells = range(recipe.num_cells())
        raw_on: Callable[[int], Any] = getattr(recipe, "raw_connections_on", lambda gid: [])  # Arbor 0.12: the base class has none
        labelled, raw = [(gid, recipe.connections_on(gid)) for gid in cells], [(gid, raw_on(gid)) for gid in cells]
        detectors.look(each.source.gid for _, connections in labelled for each in connections)
        rows = [
            (key(each.source.gid, detectors.only(each.source.gid, each.source.label.label)), gid, each)
            for gid, connections in labelled
            for each in connections
        ]
        rows += [(key(each.source.gid, each.source.index), gid, each) for gid, connections in raw for each in connections]
        rows.sort(key=lambda row: row[0])
        self._sources, self._starts = np.unique(np.array([source for source, *_ in rows], np.int64), return_index=True)
        self._counts = np.diff(self._starts, append=len(rows))
        self._targets = np.array([target(gid, each.dest.label) for _, gid, each in rows], np.int64)
        self._weights = np.array([each.weight for *_, each in rows])
        self._delays = np.array([each.delay for *_, each in rows])
        self.shortest_ns = int(self._delays.min() * 1e6) if rows else 2**62

    def __len__(self) -> int:
        return len(self._targets)

    def follow(self, times_ms: Array, keys: Array) -> tuple[Array, Array, Array]:
        """Times in ms, targets and weights of the events that spikes become."""
        place = np.searchsorted(self._sources, keys)
        known = np.append(self._sources, -1)[place] == keys
        place = place[known]
        counts = self._counts[place]
        rows = np.repeat(self._starts[place] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        return np.repeat(times_ms[known], counts) + self._delays[rows], self._targets[rows], self._weights[rows]
