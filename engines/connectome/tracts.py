"""What a source of a connectome says, before speed, transposition and scaling: matrices, dense or as a list of entries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LengthUnit = Literal["mm", "cm", "m"]

_SIDES = (
    ("left", re.compile(r"^l(?=[A-Z0-9])|(?i:^(?:l|lh|left|ctx-lh)[_.\- ]|[_.\- ](?:l|lh|left)$)")),
    ("right", re.compile(r"^r(?=[A-Z0-9])|(?i:^(?:r|rh|right|ctx-rh)[_.\- ]|[_.\- ](?:r|rh|right)$)")),
)


@dataclass(frozen=True, eq=False)
class Entries:
    """Those entries of a (count, count) matrix that are there, in any order.

    Attributes
    ----------
    row, column
        (entries,) of the matrix as the source has it; unless it is to be transposed, row = receiver.
    values
        (entries,)
    """

    count: int
    row: Ints
    column: Ints
    values: Floats

    def at(self, row: Ints, column: Ints) -> Floats:
        """The values at some places, NaN where there is no entry."""
        keys = self.row * self.count + self.column
        order = np.argsort(keys, kind="stable")
        asked = row * self.count + column
        place = np.minimum(np.searchsorted(keys, asked, sorter=order), max(len(keys) - 1, 0))
        if not len(keys):
            return np.full(len(asked), np.nan)
        found = order[place]
        return np.where(keys[found] == asked, self.values[found], np.nan)


Matrix = NDArray[np.float64] | Entries


def turned(matrix: Matrix) -> Matrix:
    """Rows for columns."""
    return Entries(matrix.count, matrix.column, matrix.row, matrix.values) if isinstance(matrix, Entries) else matrix.T


@dataclass(frozen=True, eq=False)
class Tracts:
    """Regions and the matrices between them, unchecked.

    Attributes
    ----------
    weights
        (regions, regions), row = receiver unless the user says otherwise.
    lengths
        Of tracts, in ``length_unit``: a matrix, one number for all, or None.
    delays_ms
        In place of lengths, likewise.
    positions
        (regions, 3) in ``length_unit``.
    length_unit
        None: the source does not say it.
    areas_mm2, orientations
        (regions,) and (regions, 3): surface of a region and the mean of its unit normals.
    """

    labels: tuple[str, ...]
    weights: Matrix
    lengths: Matrix | float | None = None
    delays_ms: Matrix | float | None = None
    positions: Floats | None = None
    groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    length_unit: LengthUnit | None = None
    areas_mm2: Floats | None = None
    orientations: Floats | None = None

    @property
    def count(self) -> int:
        """Rows of the weights, which make the regions."""
        return self.weights.count if isinstance(self.weights, Entries) else len(self.weights)


def numbered(count: int) -> tuple[str, ...]:
    """``r0``, ``r1``, …: names where the source has none."""
    return tuple(f"r{i}" for i in range(count))


def hemispheres_of(labels: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Groups ``left`` and ``right`` when every label tells its side (``lV1``, ``r_V1``, ``V1_L``), else none."""
    groups = {side: tuple(i for i, label in enumerate(labels) if pattern.search(label)) for side, pattern in _SIDES}
    told = sorted(row for rows in groups.values() for row in rows)
    return groups if told == list(range(len(labels))) and all(groups.values()) else {}


def split(flags: NDArray[np.bool_], yes: str, no: str) -> dict[str, tuple[int, ...]]:
    """Two groups from a flag a region; none when the flags are all alike."""
    if flags.all() or not flags.any():
        return {}
    return {yes: tuple(np.flatnonzero(flags).tolist()), no: tuple(np.flatnonzero(~flags).tolist())}
