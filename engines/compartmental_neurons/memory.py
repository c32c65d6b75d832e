"""Two long arrays that kernels work in: one of numbers, one of whole numbers that say what is where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

_ALIGNED = 8


class Arena:
    """Numbers, laid one after the other; each piece begins at a multiple of 8."""

    def __init__(self) -> None:
        self._pieces: list[NDArray[np.float64]] = []
        self._size = 0

    def add(self, values: ArrayLike) -> int:
        """Where a piece is to be found."""
        flat = np.asarray(values, np.float64).ravel()
        at, room = self._size, -(-max(len(flat), 1) // _ALIGNED) * _ALIGNED
        self._pieces.append(np.concatenate([flat, np.zeros(room - len(flat))]))
        self._size += room
        return at

    def whole(self) -> NDArray[np.float64]:
        """All pieces, in memory that begins with a line of the cache."""
        raw = np.zeros(self._size + _ALIGNED)
        skip = (-raw.ctypes.data % 64) // 8
        found = raw[skip : skip + self._size]
        if self._pieces:
            found[:] = np.concatenate(self._pieces)
        return found


class Table:
    """Whole numbers, laid one after the other."""

    def __init__(self, head: int) -> None:
        self._numbers: list[int] = [0] * head

    def add(self, values: ArrayLike) -> int:
        """Where a list is to be found."""
        at = len(self._numbers)
        self._numbers.extend(np.asarray(values, np.int64).ravel().tolist())
        return at

    def set(self, at: int, values: Sequence[int]) -> None:
        """Write over numbers that stand there."""
        self._numbers[at : at + len(values)] = [int(value) for value in values]

    def whole(self) -> NDArray[np.int64]:
        return np.array(self._numbers, np.int64)
