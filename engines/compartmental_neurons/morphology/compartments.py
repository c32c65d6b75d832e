"""A morphology cut into compartments: a tree of nodes, each in the centre of a cylinder-like piece, as NEURON lays them.

A section of k compartments has its nodes at (i + 1/2)/k of its length. What lies from centre to centre is the axial resistance
between them. Where several cables go on from the end of a section stands a node without membrane; where one goes on, the two halves
are in series, which is the same. A section that begins inside its parent begins at the node of the compartment there.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.sdk import CosimError
from engines.compartmental_neurons.morphology.cable import Along, Cables, Integers
from engines.compartmental_neurons.morphology.discretisation import Discretisation, counts_of
from engines.compartmental_neurons.morphology.tree import Floats, Morphology

__all__ = ["Compartments", "Discretisation", "counts_of", "cut"]

Place = tuple[int, float]
"""A section, and where on it, 0 to 1."""


@dataclass(frozen=True, eq=False, repr=False)
class Compartments:
    """n nodes, breadth first from the root: parents stand before their children.

    Attributes
    ----------
    parent
        (n,) number of the next node on the way to the root, -1 for the root. The root is the first compartment of the root section.
    conductance
        (n,) S, axial, to the parent; 0 for the root.
    area
        (n,) m² of membrane, 0 for a node where sections meet.
    section
        (n,) number of the section; where sections meet, that of which it is the end.
    at
        (n,) place of the node in its section, 0 to 1.
    distance
        (n,) µm along the cables from the centre of the root section.
    start, middle, stop
        (n, 3) µm: both ends and the node.
    diameter
        (n,) µm: that of a cylinder of the same length and area; 0 where sections meet.
    length
        (n,) µm along the cable.
    """

    parent: Integers
    conductance: Floats
    area: Floats
    section: Integers
    at: Floats
    distance: Floats
    start: Floats
    middle: Floats
    stop: Floats
    diameter: Floats
    length: Floats

    @property
    def count(self) -> int:
        """Of nodes, with those without membrane."""
        return len(self.parent)


def cut(morphology: Morphology, counts: ArrayLike, resistivity: ArrayLike) -> Compartments:
    """The compartments of a morphology.

    Parameters
    ----------
    morphology
        The tree.
    counts
        (sections,) how many compartments each section has; or one number for all.
    resistivity
        (sections,) axial, ohm m; or one number for all.
    """
    sections = len(morphology.sections)
    numbers = np.broadcast_to(np.asarray(counts), sections)
    rho = np.broadcast_to(np.asarray(resistivity, np.float64), sections)
    if numbers.dtype.kind not in "iu" or (numbers < 1).any():
        raise CosimError("a section has no compartment", why="counts are whole numbers of at least 1")
    if not (np.isfinite(rho) & (rho > 0)).all():
        raise CosimError(f"the axial resistivity is {rho[~(rho > 0)][:1]} ohm m", why="current along a cable meets some resistance")
    return _Cut(morphology, numbers.astype(np.int64), rho).compartments()


class _Cut:
    """One morphology on its way to compartments. Nodes are numbered section by section first, then those without membrane."""

    def __init__(self, morphology: Morphology, counts: Integers, resistivity: Floats) -> None:
        self._sections = morphology.sections
        self._counts = counts
        self._first = np.concatenate([[0], np.cumsum(counts)[:-1]])
        self._section = np.repeat(np.arange(len(counts)), counts)
        inside = np.arange(len(self._section)) - self._first[self._section]
        k = counts[self._section]
        self._at = (inside + 0.5) / k
        cables = Cables(self._sections)
        ends = [cables.along(self._section, (inside + part) / k) for part in (0.0, 0.5, 1.0)]
        self._start, self._middle, self._stop = ends
        self._lengths = cables.lengths
        self._area = self._stop.area - self._start.area
        per_ohm = resistivity[self._section] * 1e6  # resistances over resistivity are in 1/µm
        self._left = (self._middle.resistance - self._start.resistance) * per_ohm
        self._right = (self._stop.resistance - self._middle.resistance) * per_ohm
        self._places = self._begins()

    def compartments(self) -> Compartments:
        joints = self._joints()
        parent, resistance = self._tree(joints)
        order = _breadth_first(parent)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        conductance = np.divide(1.0, resistance, out=np.zeros(len(order)), where=parent >= 0)
        section, at = self._with(joints, self._section, self._at)
        length = np.concatenate([self._lengths[self._section] / self._counts[self._section], np.zeros(len(joints))])
        area = np.concatenate([self._area, np.zeros(len(joints))])
        diameter = np.divide(area, np.pi * length, out=np.zeros(len(order)), where=length > 0)
        points = [self._points(joints, end) for end in (self._start, self._middle, self._stop)]
        found = [conductance, area * 1e-12, section, at, self._distances(section, at), *points, diameter, length]
        new_parent = np.where(parent >= 0, rank[parent], -1)[order]
        return Compartments(new_parent, *(values[order] for values in found))

    # -- where sections meet --------------------------------------------------------------------------------------------------

    def _begins(self) -> list[Place]:
        """Where each section begins, told of the section that it really begins on: at its end, inside, or the root's start."""
        places: list[Place] = [(0, 0.0)]
        for section in self._sections[1:]:
            at_start = section.parent_at == 0 and section.parent > 0  # where the parent begins, and so on down
            places.append(places[section.parent] if at_start else (section.parent, float(section.parent_at)))
        return places

    def _joints(self) -> dict[Place, int]:
        """Nodes without membrane: the ends of sections from which more than one cable goes on."""
        ends = Counter(place for place in self._places[1:] if place[1] in (0.0, 1.0))
        several = [place for place, children in ends.items() if children > 1]
        return {place: len(self._section) + number for number, place in enumerate(several)}

    def _tree(self, joints: dict[Place, int]) -> tuple[Integers, Floats]:
        """Parent of every node, and the resistance to it in ohm."""
        nodes = len(self._section) + len(joints)
        parent, resistance = np.arange(-1, nodes - 1), np.zeros(nodes)
        resistance[1 : len(self._section)] = self._right[:-1] + self._left[1:]
        for place, node in joints.items():
            parent[node], resistance[node] = self._near(place)
        for place, first in zip(self._places[1:], self._first[1:], strict=True):
            node, half = (joints[place], 0.0) if place in joints else self._near(place)
            parent[first], resistance[first] = node, half + self._left[first]
        return parent, resistance

    def _near(self, place: Place) -> tuple[int, float]:
        """The compartment at a place of a section, and the resistance from its node to the place: 0 inside."""
        section, at = place
        inside = min(int(at * self._counts[section]), int(self._counts[section]) - 1)
        node = int(self._first[section]) + inside
        return node, float(self._left[node] if at == 0 else self._right[node] if at == 1 else 0.0)

    def _with(self, joints: dict[Place, int], section: Integers, at: Floats) -> tuple[Integers, Floats]:
        sections = np.array([place[0] for place in joints], np.int64)
        return np.concatenate([section, sections]), np.concatenate([at, [place[1] for place in joints]])

    def _points(self, joints: dict[Place, int], along: Along) -> NDArray[np.float64]:
        nodes = [self._near(place)[0] for place in joints]
        ends = [(self._start if at == 0 else self._stop).points[node] for (_, at), node in zip(joints, nodes, strict=True)]
        return np.concatenate([along.points, np.array(ends).reshape(-1, 3)])

    def _distances(self, section: Integers, at: Floats) -> Floats:
        """µm from the centre of the root section, in which that is both ways."""
        starts = np.zeros(len(self._sections))
        for number, (parent, place) in enumerate(self._places[1:], 1):
            if 0 < place < 1:  # sections begin at the node of a compartment
                place = (int(place * self._counts[parent]) + 0.5) / self._counts[parent]
            way = place if parent else abs(place - 0.5)
            starts[number] = starts[parent] + way * self._lengths[parent]
        return np.where(section > 0, starts[section] + at * self._lengths[section], np.abs(at - 0.5) * self._lengths[0])


def _breadth_first(parent: Integers) -> Integers:
    """Nodes in the order of a walk from the root, level by level, children of a node side by side."""
    children: list[list[int]] = [[] for _ in parent]
    for node, of in enumerate(parent.tolist()):
        if of >= 0:
            children[of].append(node)
    order, waiting = [], deque([int(np.flatnonzero(parent == -1)[0])])
    while waiting:
        node = waiting.popleft()
        order.append(node)
        waiting.extend(children[node])
    return np.array(order, np.int64)
