"""A morphology: a tree of unbranched pieces of cable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from cosim.sdk.errors import raise_all

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Section:
    """An unbranched piece of cable: frusta between points.

    Parameters
    ----------
    points
        (n >= 2, 3) µm. Two in the same place make a step of the diameter.
    diameters
        (n,) µm, above 0.
    parent
        Number of an earlier section, -1 for the root.
    parent_at
        Where on the parent it begins, 0 to 1.
    label
        What it is: soma, axon, basal, apical, …
    name
        What it is called, if anything.
    """

    points: Floats
    diameters: Floats
    parent: int
    parent_at: float
    label: str
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", _kept(self.points))
        object.__setattr__(self, "diameters", _kept(self.diameters))

    @cached_property
    def arc(self) -> Floats:
        """(n,) µm: the way along the points from the first."""
        steps = np.sqrt(np.sum(np.diff(self.points, axis=0) ** 2, axis=1))
        return np.concatenate([[0.0], np.cumsum(steps)])

    @property
    def length(self) -> float:
        """µm, along the points."""
        return float(self.arc[-1])


@dataclass(frozen=True, eq=False, repr=False)
class Morphology:
    """Sections, the root first and every other one behind its parent.

    Parameters
    ----------
    sections
        At least one.
    groups
        Further named sets of sections, by their numbers.

    Raises
    ------
    CosimError
        All that is wrong with the sections at once.
    """

    sections: tuple[Section, ...]
    groups: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        object.__setattr__(self, "sections", tuple(self.sections))
        raise_all(faults_of(self.sections, self.groups))

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Each label once, in the order of the sections."""
        return tuple(dict.fromkeys(section.label for section in self.sections))

    @cached_property
    def lengths(self) -> Floats:
        """(sections,) µm."""
        return np.array([section.length for section in self.sections])


def faults_of(sections: Sequence[Section], groups: Mapping[str, tuple[int, ...]]) -> list[CosimError]:
    """What keeps sections from being a tree of cables."""
    if not sections:
        return [CosimError("the morphology has no section", why="a cell is at least one piece of cable")]
    faults = [fault for number, section in enumerate(sections) for fault in _faults_of_one(number, section)]
    for name, numbers in groups.items():
        outside = [number for number in numbers if not 0 <= number < len(sections)]
        if outside:
            why = f"there are {len(sections)}, counted from 0"
            faults.append(CosimError(f"group {name!r} names section {outside[0]}, which does not exist", why=why))
    return faults


def _faults_of_one(number: int, section: Section) -> list[CosimError]:
    called = f"section {number}" + (f" ({section.name})" if section.name else "")
    points, diameters = section.points, section.diameters
    if points.ndim != 2 or points.shape[1] != 3 or len(points) < 2 or diameters.shape != points.shape[:1]:
        why = f"points have the shape {points.shape} and diameters {diameters.shape}, not (n, 3) and (n,) with n of 2 or more"
        return [CosimError(f"{called} is no piece of cable", why=why)]
    faults = []
    if not np.isfinite(points).all():
        faults.append(CosimError(f"{called} has a point that is not finite", mend="every coordinate is a number of µm"))
    elif section.length <= 0:
        faults.append(CosimError(f"{called} has no length", why="all its points are in one place", mend="leave it out"))
    wrong = diameters[~(np.isfinite(diameters) & (diameters > 0))]
    if len(wrong):
        faults.append(CosimError(f"{called} has a diameter of {wrong[0]:g} µm", why="cable is wider than nothing"))
    if (number == 0) != (section.parent == -1) or section.parent >= number or section.parent < -1:
        why = "the first section is the root, of parent -1; every other has an earlier one for a parent"
        faults.append(CosimError(f"{called} has the parent {section.parent}", why=why))
    if not 0 <= section.parent_at <= 1:
        faults.append(CosimError(f"{called} begins at {section.parent_at:g} of its parent", why="0 is its start, 1 its end"))
    return faults


def _kept(values: Floats) -> Floats:
    """A copy of its own that nobody changes: arcs and compartments are worked out of it once."""
    kept = np.array(values, dtype=np.float64)
    kept.setflags(write=False)
    return kept
