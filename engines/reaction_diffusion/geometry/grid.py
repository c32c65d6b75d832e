"""Squares or boxes side by side, the rim of a disc, and what arrays of places have in common."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.reaction_diffusion.system import Axis

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]
ON_THE_EDGE = 1e-9
"""Of a voxel: rounding of a point that is meant to lie on the edge of the space."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Voxels that are boxes side by side: number x + shape[0] (y + shape[1] z).

    Attributes
    ----------
    lower
        (3,) µm, the corner with the smallest coordinates.
    spacing
        (3,) µm.
    shape
        Voxels along x, y and z.
    """

    lower: Floats
    spacing: Floats
    shape: tuple[int, int, int]

    @property
    def upper(self) -> Floats:
        """(3,) µm."""
        upper: Floats = self.lower + self.spacing * np.array(self.shape)
        return upper

    @property
    def strides(self) -> tuple[int, int, int]:
        """By how much numbers grow along x, y and z."""
        return 1, self.shape[0], self.shape[0] * self.shape[1]

    @property
    def count(self) -> int:
        return math.prod(self.shape)

    def centres(self) -> Floats:
        """(count, 3) µm."""
        z, y, x = np.indices(self.shape[::-1]).reshape(3, -1)
        found: Floats = self.lower + self.spacing * (np.stack([x, y, z], axis=1) + 0.5)
        return found

    def axis(self, direction: int) -> Axis:
        """Faces between voxels along x (0), y (1) or z (2)."""
        stride, number = self.strides[direction], np.arange(self.count)
        along = number // stride % self.shape[direction]
        return Axis(np.where(along > 0, number - stride, -1), stride)

    def indices(self, voxels: Integers) -> Integers:
        """(k, 3) places of voxels along x, y and z."""
        return np.stack([voxels // stride % count for stride, count in zip(self.strides, self.shape, strict=True)], axis=1)

    def voxel_of(self, point: Floats) -> int | None:
        """The voxel in which a point lies, None outside of all."""
        slack = ON_THE_EDGE * self.spacing
        if (point < self.lower - slack).any() or (point > self.upper + slack).any():
            return None
        inside = np.clip(np.floor((point - self.lower) / self.spacing), 0, np.array(self.shape) - 1).astype(np.int64)
        return int(inside @ np.array(self.strides))


@dataclass(frozen=True, eq=False)
class Circle:
    """The rim of a disc.

    Attributes
    ----------
    centre
        (3,) µm.
    radius
        µm.
    """

    centre: Floats
    radius: float

    def distances(self, positions: Floats) -> Floats:
        """(n,) µm from the middle, in the plane of the disc."""
        found: Floats = np.hypot(positions[:, 0] - self.centre[0], positions[:, 1] - self.centre[1])
        return found


def summed(places: Integers, values: Floats, count: int) -> Floats:
    """(count,) sums of the values that have the same place."""
    found: Floats = np.bincount(places, values, count).astype(np.float64)
    return found


def told(place: Any) -> str:
    """``[0, 0.25, 0] um``."""
    return f"[{', '.join(f'{value + 0.0:.4g}' for value in np.round(place, 12))}] um"
