"""Two long arrays that kernels work in: one of numbers, one of whole numbers that say what is where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Integers = NDArray[np.int64]
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
        self._pieces: list[NDArray[np.int64]] = [np.zeros(head, np.int64)]
        self._size = head

    def add(self, values: ArrayLike) -> int:
        """Where a list is to be found."""
        at = self._size
        self._pieces.append(np.asarray(values, np.int64).ravel())
        self._size += len(self._pieces[-1])
        return at

    def set_head(self, values: Sequence[int]) -> None:
        """Write the numbers that stand first."""
        self._pieces[0][: len(values)] = values

    def whole(self) -> NDArray[np.int64]:
        return np.concatenate(self._pieces)


class Pairs:
    """Places in the arena and columns that belong to them, by batch."""

    def __init__(self) -> None:
        self._found: dict[int, list[Integers]] = {}

    def add(self, batch: int, addresses: NDArray[Any], columns: NDArray[Any]) -> None:
        """Some of one batch."""
        self._found.setdefault(batch, []).append(np.stack([addresses, columns], axis=1))

    def of(self, batch: int) -> Integers:
        """(n, 2) of a batch."""
        return np.concatenate(self._found.get(batch, [np.empty((0, 2), np.int64)])).astype(np.int64)
