"""What all cases share: what goes in, how windows are timed, and the form in which both sides tell what came out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

MS = 1_000_000
CELLS = 10
SEED = 3


class Course(NamedTuple):
    """Windows gone through.

    Attributes
    ----------
    stamps_ns
        (windows + 1,) of the clock: the beginning, and the end of each window.
    told
        All that came out, (events, 2) of times in ns and channels, or (rows, channels).
    """

    stamps_ns: list[int]
    told: NDArray[np.float64]


def spike_of(window: int) -> tuple[int, int]:
    """Time in ns and channel of the one spike that a window brings: in its middle, to the cells in turn."""
    return window * MS + MS // 2, window % CELLS


def row_of(window: int, channels: int) -> NDArray[np.float64]:
    """The row that is in force over a window: (channels,), in three levels."""
    return 0.1 * (window % 3) + 0.001 * np.arange(channels)


def timed(step: Callable[[int], Any], windows: int) -> tuple[list[int], list[Any]]:
    """The clock around each call of ``step(window)``, and what the calls return."""
    told, stamps_ns = [], [time.perf_counter_ns()]
    for window in range(windows):
        told.append(step(window))
        stamps_ns.append(time.perf_counter_ns())
    return stamps_ns, told


def spikes_told(windows: int, times_ns: ArrayLike, channels: ArrayLike) -> NDArray[np.float64]:
    """(n, 2): times and channels, sorted, up to the end of the last window: simulators differ in when they tell its last step."""
    times, cells = np.asarray(times_ns, np.float64), np.asarray(channels, np.float64)
    order = np.lexsort((cells, times))
    found = np.column_stack([times[order], cells[order]])
    return found[found[:, 0] <= windows * MS]
