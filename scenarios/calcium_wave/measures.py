"""What is read off a recorded wave: where voxels are, and when calcium comes up through a level there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from cosim.results import SampledSignal

Floats = NDArray[np.float64]
LEVEL_UM = 0.25
"""Half way up a wave."""


@dataclass(frozen=True, eq=False)
class Wave:
    """Calcium in voxels of branches.

    Attributes
    ----------
    times_s
        (rows,).
    calcium
        (rows, voxels) µM.
    branch, at
        (voxels,) names; µm from the start of the branch.
    """

    times_s: Floats
    calcium: Floats
    branch: NDArray[np.str_]
    at: Floats

    @classmethod
    def of(cls, signal: SampledSignal, lengths: dict[str, float]) -> Wave:
        """Of a record of every voxel, whose labels are like ``upper@0.25``."""
        names, places = zip(*(label.split("@") for label in signal.labels), strict=True)
        at = np.array([float(place) * lengths[name] for name, place in zip(names, places, strict=True)])
        return cls(signal.times_ms / 1e3, signal.values, np.array(names), at)

    def course(self, branch: str, at: float) -> Floats:
        """(rows,) µM at a place."""
        chosen = self.branch == branch
        order = np.argsort(self.at[chosen])
        found: Floats = CubicSpline(self.at[chosen][order], self.calcium[:, chosen][:, order], axis=1)(at)
        return found

    def arrival_s(self, branch: str, at: float, level: float = LEVEL_UM) -> float:
        """When calcium comes up through a level at a place; NaN where it never does."""
        return crossing(self.times_s, self.course(branch, at), level)

    def travel_s(self, start: tuple[str, float], stop: tuple[str, float]) -> float:
        """From one place (branch, µm) to another."""
        return self.arrival_s(*stop) - self.arrival_s(*start)


def crossing(times: Floats, course: Floats, level: float) -> float:
    """First time at which a course comes up through a level, between rows by a cubic."""
    above = course > level
    row = int(np.argmax(above))
    if not above.any() or row == 0:
        return np.nan
    span = slice(max(row - 3, 0), row + 3)
    cubic = CubicSpline(times[span], course[span] - level)
    roots = [root for root in cubic.roots(extrapolate=False) if times[row - 1] <= root <= times[row]]
    return float(roots[0])
