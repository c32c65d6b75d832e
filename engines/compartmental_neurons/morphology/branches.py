"""Cells by description: named branches, each a piece of cable that leaves another at some place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from cosim.sdk import CosimError, Params, Unit, did_you_mean
from cosim.sdk.units import told
from engines.compartmental_neurons.morphology.cable import Integers
from engines.compartmental_neurons.morphology.regions import listed
from engines.compartmental_neurons.morphology.samples import LABELS
from engines.compartmental_neurons.morphology.tree import Floats, Morphology, Section

Length = Annotated[float, Unit("um"), Field(gt=0)]
Coordinate = Annotated[float, Unit("um")]
Fraction = Annotated[float, Field(ge=0, le=1)]
Point = tuple[Coordinate, Coordinate, Coordinate]

_AHEAD = np.array([1.0, 0.0, 0.0])
_FAN = math.radians(110)
"""Between the first and the last of the branches that leave the root together; narrower from fork to fork."""
_NARROWS = 0.75


@dataclass(frozen=True, eq=False)
class Shape:
    """A cell's form.

    Attributes
    ----------
    morphology
        The tree.
    counts
        (sections,) compartments of each where the form says so; 0: as the cell's own rule says.
    """

    morphology: Morphology
    counts: Integers


def _wide(diameters: list[float]) -> list[float]:
    def check() -> list[float]:
        for diameter in diameters:
            if diameter <= 0:
                raise CosimError(f"a diameter is {diameter:g} um", why="cable is wider than nothing")
        return diameters

    wide: list[float] = told(check)
    return wide


Diameters = Annotated[list[float], AfterValidator(_wide), BeforeValidator(listed), Unit("um")]


class Branch(Params):
    """A piece of cable."""

    length: Annotated[Length | None, Field(description="without points: a straight piece, laid out by the engine")] = None
    points: Annotated[list[Point] | None, Field(min_length=2, description="[x, y, z] of each; in place of length")] = None
    diameter: Annotated[Diameters, Field(min_length=1, description="one, [at the start, at the end], or one a point")]
    parent: Annotated[str | None, Field(description="the branch that it leaves; none of the root")] = None
    at: Annotated[Fraction, Field(description="where on the parent: 0 is its start, 1 its end")] = 1.0
    label: Annotated[str | None, Field(description="what it is; else its name if that is a label such as soma, else dendrite")] = (
        None
    )
    compartments: Annotated[int | None, Field(ge=1, description="else as the cell's rule says")] = None

    @model_validator(mode="after")
    def _sound(self) -> Branch:
        if (self.length is None) == (self.points is None):
            raise ValueError("give either length or points")
        sizes = (1, 2) if self.points is None else (1, 2, len(self.points))
        if len(self.diameter) not in sizes:
            raise ValueError(f"{len(self.diameter)} diameters: give {', '.join(map(str, sizes[:-1]))} or {sizes[-1]}")
        if self.points is not None and len(set(self.points)) == 1:
            raise ValueError("all its points are in one place")
        return self

    def diameters_at(self, points: Floats) -> Floats:
        """(n,) µm at (n, 3) points."""
        if len(self.diameter) in (1, len(points)):
            return np.resize(np.array(self.diameter), len(points))
        arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        tapered: Floats = self.diameter[0] + (self.diameter[-1] - self.diameter[0]) * arc / arc[-1]
        return tapered


def in_order(branches: Mapping[str, Branch]) -> tuple[str, ...]:
    """The names of branches, the root first, parents before their children; as they are given, where that is so.

    Raises
    ------
    ValueError
        No root or several, a parent that is not there, branches in a circle.
    """
    roots = [name for name, branch in branches.items() if branch.parent is None]
    for name, branch in branches.items():
        if branch.parent is not None and branch.parent not in branches:
            raise ValueError(f"{name} leaves {branch.parent!r}, which is not there: {did_you_mean(branch.parent, branches)}")
    if len(roots) != 1:
        who = f"{' and '.join(roots)} have no parent" if roots else "every branch has a parent"
        raise ValueError(f"{who}: one branch is the root, and a cell hangs together")
    rank = {name: number for number, name in enumerate(branches)}
    if all(branch.parent is None or rank[branch.parent] < rank[name] for name, branch in branches.items()):
        return tuple(branches)
    children: dict[str | None, list[str]] = {}
    for name, branch in branches.items():
        children.setdefault(branch.parent, []).append(name)
    order = [roots[0]]
    for name in order:
        order += children.get(name, [])
    if len(order) < len(branches):
        raise ValueError(f"{', '.join(name for name in branches if name not in order)} leave each other in a circle")
    return tuple(order)


def shape_of(branches: Mapping[str, Branch]) -> Shape:
    """The form that named branches describe.

    A branch without points leaves its parent straight on from its end, backwards from its start, sidewards from inside; several
    that leave one place fan out.
    """
    order = in_order(branches)
    rank = {name: number for number, name in enumerate(order)}
    siblings: dict[tuple[Any, float], list[str]] = {}
    for name in order:
        siblings.setdefault((branches[name].parent, branches[name].at), []).append(name)
    layout = _Layout()
    sections: list[Section] = []
    for name in order:
        branch = branches[name]
        parent = -1 if branch.parent is None else rank[branch.parent]
        beside = siblings[branch.parent, branch.at]
        points = layout.points(branch, parent, sections, beside.index(name), len(beside))
        label = branch.label or (name if name in LABELS.values() else "dendrite")
        sections.append(Section(points, branch.diameters_at(points), parent, branch.at if parent >= 0 else 0.0, label, name))
    return Shape(Morphology(tuple(sections)), np.array([branches[name].compartments or 0 for name in order]))


class _Layout:
    """Where straight branches go, in the plane z = 0 of their root."""

    def __init__(self) -> None:
        self._forks: list[int] = []  # of each section, on the way to it

    def points(self, branch: Branch, parent: int, sections: list[Section], number: int, of: int) -> Floats:
        self._forks.append(0 if parent < 0 else self._forks[parent] + (of > 1))
        if branch.points is not None:
            return np.array(branch.points)
        assert branch.length is not None
        start, ahead = np.zeros(3), _AHEAD
        if parent >= 0:
            start, ahead = _leaving(sections[parent], branch.at)
            fan = _FAN * _NARROWS ** self._forks[parent]
            ahead = _turned(ahead, fan * (number / (of - 1) - 0.5)) if of > 1 else ahead
        return np.array([start, start + branch.length * ahead])


def _leaving(section: Section, at: float) -> tuple[Floats, Floats]:
    """The point at a place of a section, and the direction in which a branch leaves there."""
    if at in (0, 1):
        inwards = section.points if at == 0 else section.points[::-1]
        before = next(point for point in inwards if (point != inwards[0]).any())
        return inwards[0], (inwards[0] - before) / math.dist(inwards[0], before)
    arc = at * section.length
    point = np.array([np.interp(arc, section.arc, section.points[:, axis]) for axis in range(3)])
    piece = min(int(np.searchsorted(section.arc, arc, side="right")) - 1, len(section.arc) - 2)
    ahead = (section.points[piece + 1] - section.points[piece]) / (section.arc[piece + 1] - section.arc[piece])
    return point, _turned(ahead, math.pi / 2)


def _turned(ahead: Floats, angle: float) -> Floats:
    """A direction turned in the plane z = 0; one that has no part in it is laid into it first."""
    flat = ahead if angle == 0 or math.hypot(ahead[0], ahead[1]) > 1e-6 else _AHEAD
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([cosine * flat[0] - sine * flat[1], sine * flat[0] + cosine * flat[1], flat[2]])
