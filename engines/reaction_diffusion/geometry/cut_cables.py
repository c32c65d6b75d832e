"""Cables of a morphology cut into voxels.

Voxels have their values in their middles. Where more than two cables meet stands a voxel of its own, made of half a voxel of each,
with its value at the meeting point; so volumes are whole, the tree stays a tree, and values are evenly apart along every section.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from engines.compartmental_neurons.morphology.cable import Cables
from engines.compartmental_neurons.morphology.compartments import Compartments
from engines.compartmental_neurons.morphology.regions import Regions
from engines.compartmental_neurons.morphology.tree import Morphology
from engines.reaction_diffusion.geometry.grid import Floats, Integers, Mask, summed
from engines.reaction_diffusion.geometry.mesh import Mesh, Walls
from engines.reaction_diffusion.geometry.tubes import Tubes
from engines.reaction_diffusion.system import Axis

Place = tuple[int, float]
"""A section, and where on it, 0 to 1."""


@dataclass(frozen=True, eq=False)
class _Pieces:
    """Pieces of sections, one behind the other; a voxel has one, and a joint one of each cable.

    Attributes
    ----------
    section, voxel
        (m,) numbers.
    start, stop, node
        (m,) places in the section: both ends, and that of the value.
    """

    section: Integers
    voxel: Integers
    start: Floats
    stop: Floats
    node: Floats


class CutCables:
    """A morphology on its way to voxels.

    Attributes
    ----------
    sections
        (voxels,) the section of each.
    """

    def __init__(self, morphology: Morphology, kept: Mask, max_length: float, shell: float | None) -> None:
        self._morphology, self._kept, self._max_length = morphology, kept, max_length
        self._lengths = morphology.lengths
        self._places = self._begins()
        self._begun = {place for section, place in enumerate(self._places) if section and kept[section]}
        self._joints: dict[Place, int] = {}
        self._pieces = self._cut()
        pieces = self._pieces
        tubes, cables = Tubes(morphology.sections, shell), Cables(morphology.sections)
        self._ends = [tubes.up_to(pieces.section, at) for at in (pieces.start, pieces.node, pieces.stop)]
        self._along = [cables.along(pieces.section, at) for at in (pieces.start, pieces.node, pieces.stop)]
        self._count = int(pieces.voxel.max()) + 1
        _, self._main = np.unique(pieces.voxel, return_index=True)  # of a joint: the end of the section before it
        self.sections = pieces.section[self._main]
        self._link()

    def regions(self) -> Regions:
        """Of all voxels of the kept sections, as pieces of cable."""
        return Regions(self._morphology, self._compartments)

    def mesh(self, mask: Mask, permeability: float) -> Mesh:
        """Those voxels of which the mask says so; where others begin is an end, of a permeability in µm/ms."""
        inside, rank = np.flatnonzero(mask), np.cumsum(mask) - 1
        has_parent = self._parent >= 0
        has_parent[has_parent] = mask[self._parent[has_parent]]
        resistance = self._near + self._far
        parent = np.where(has_parent, rank[self._parent], -1)[inside]
        openings = np.divide(1.0, resistance, out=np.zeros(self._count), where=has_parent & (resistance > 0))[inside]
        pieces = self._pieces
        volumes, areas = (
            summed(pieces.voxel, stop - start, self._count)[inside]
            for start, stop in (
                (self._ends[0].volume, self._ends[2].volume), (self._along[0].area, self._along[2].area)
            )
        )  # fmt: skip
        whole = self._compartments
        own = Compartments(parent, openings, *(getattr(whole, name)[inside] for name in _KEPT))
        return Mesh(
            "dendrite",
            volumes,
            areas,
            own.middle.copy(),
            (Axis(parent, 0),),
            ("along",),
            openings[None],
            np.empty(0),
            self._walls(permeability, mask, rank, has_parent),
            regions=Regions(self._morphology, own),
        )

    # -- pieces ---------------------------------------------------------------------------------------------------------------

    def _begins(self) -> list[Place]:
        """Where each section begins, told of the section that it really begins on: at its end, inside, or the root's start."""
        places: list[Place] = [(0, 0.0)]
        for section in self._morphology.sections[1:]:
            at_start = section.parent_at == 0 and section.parent > 0
            places.append(places[section.parent] if at_start else (section.parent, float(section.parent_at)))
        return places

    def _cut(self) -> _Pieces:
        """Section by section; joints are numbered with the section of which they are the end."""
        is_joint = self._meetings()
        parts: list[tuple[Integers, Integers, Floats, Floats, Floats]] = []
        voxels = 0
        for section in np.flatnonzero(self._kept).tolist():
            begin, end = self._places[section], (section, 1.0)
            if section == 0 and begin in is_joint:
                self._joints[begin], voxels = voxels, voxels + 1
            first, last = self._joints.get(begin) if begin in is_joint else None, end in is_joint
            count = self._whole_voxels(section, first is not None, last)
            edges, nodes = _edges(count, first is not None, last)
            numbers = np.arange(voxels, voxels + count + last)
            voxels += count + last
            if last:
                self._joints[end] = voxels - 1
            numbers = np.concatenate([[first], numbers]) if first is not None else numbers
            parts.append((np.full(len(numbers), section), numbers.astype(np.int64), edges[:-1], edges[1:], nodes))
        return _Pieces(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def _meetings(self) -> set[Place]:
        """Ends of sections where more than two cables meet; of sections that are not kept only the others of them count."""
        begun = Counter(
            place for place, kept in zip(self._places[1:], self._kept[1:], strict=True) if kept and place[1] in (0.0, 1.0)
        )
        return {place for place, children in begun.items() if children > 1 and self._kept[place[0]]}

    def _whole_voxels(self, section: int, joint_before: bool, joint_behind: bool) -> int:
        joints = joint_before + joint_behind
        exact = float(self._lengths[section]) / self._max_length - joints / 2 - 1e-6  # 10.0000001 of them are 10
        return max(math.ceil(exact), 0 if joints == 2 else 1)

    # -- links ----------------------------------------------------------------------------------------------------------------

    def _link(self) -> None:
        """Parent of every voxel, and the resistances from its value to the face and from there to the parent's value, 1/µm."""
        pieces = self._pieces
        start, node, stop = (end.resistance for end in self._ends)
        self._parent = np.full(self._count, -1)
        self._near, self._far = np.zeros(self._count), np.zeros(self._count)
        self._face = np.zeros(self._count)
        goes_on = np.flatnonzero(pieces.section[1:] == pieces.section[:-1]) + 1
        self._join(pieces.voxel[goes_on], pieces.voxel[goes_on - 1], node[goes_on] - start[goes_on], (stop - node)[goes_on - 1])
        self._face[pieces.voxel[goes_on]] = self._ends[0].cross_section[goes_on]
        self._leaves: list[tuple[int, float, float]] = []  # voxel, resistance to the end, cross-section there
        self._starts(node - start)
        self._stops(stop - node)

    def _join(self, child: Integers, parent: Integers, near: Floats, far: Floats) -> None:
        self._parent[child], self._near[child], self._far[child] = parent, near, far

    def _starts(self, half: Floats) -> None:
        """Of sections that begin with a voxel of their own: it goes on from where the section begins."""
        pieces, cross_sections = self._pieces, self._ends[0].cross_section
        self._first = np.full(len(self._lengths), -1)
        self._first[pieces.section[::-1]] = np.arange(len(pieces.section))[::-1]
        self._last = np.full(len(self._lengths), -1)
        self._last[pieces.section] = np.arange(len(pieces.section))
        for section in np.flatnonzero(self._kept).tolist():
            piece, begin = int(self._first[section]), self._places[section]
            if begin in self._joints:
                continue
            voxel = int(pieces.voxel[piece])
            if (section == 0 and begin not in self._begun) or not self._kept[begin[0]]:
                self._leaves.append((voxel, float(half[piece]), float(cross_sections[piece])))
            if section == 0 or not self._kept[begin[0]]:
                continue
            on, far = self._near_place(begin)
            self._join(np.array([voxel]), np.array([int(pieces.voxel[on])]), half[piece : piece + 1], np.array([far]))
            self._face[voxel] = cross_sections[piece]

    def _stops(self, half: Floats) -> None:
        """Of sections behind which nothing goes on."""
        for section in np.flatnonzero(self._kept).tolist():
            if (section, 1.0) not in self._begun:
                piece = int(self._last[section])
                voxel = int(self._pieces.voxel[piece])
                self._leaves.append((voxel, float(half[piece]), float(self._ends[2].cross_section[piece])))

    def _near_place(self, place: Place) -> tuple[int, float]:
        """The piece at a place of a section, and the resistance from its value there: 0 inside, where sections begin at values."""
        section, at = place
        first, last = int(self._first[section]), int(self._last[section])
        start, node, stop = (end.resistance for end in self._ends)
        if at == 0:
            return first, float(node[first] - start[first])
        if at == 1:
            return last, float(stop[last] - node[last])
        return first + int(np.searchsorted(self._pieces.stop[first:last], at, side="right")), 0.0

    # -- what is told of voxels -----------------------------------------------------------------------------------------------

    def _walls(self, permeability: float, mask: Mask, rank: Integers, has_parent: Mask) -> Walls:
        if permeability == 0:
            return Walls.none(1)
        ends = [(rank[voxel], resistance, area) for voxel, resistance, area in self._leaves if mask[voxel]]
        is_cut = (self._parent >= 0) & ~has_parent  # at the edge of the region
        ends += [(rank[voxel], self._near[voxel], self._face[voxel]) for voxel in np.flatnonzero(is_cut & mask)]
        is_left = (self._parent >= 0) & ~mask
        is_left[is_left] = mask[self._parent[is_left]]
        ends += [(rank[self._parent[voxel]], self._far[voxel], self._face[voxel]) for voxel in np.flatnonzero(is_left)]
        voxels, resistances, areas = (np.array(part) for part in zip(*ends, strict=True)) if ends else (np.empty(0),) * 3
        with np.errstate(divide="ignore"):
            openings = 1.0 / resistances
        return Walls(voxels.astype(np.int64), np.ones((len(voxels), 1)), openings, permeability * areas)

    @cached_property
    def _compartments(self) -> Compartments:
        """All voxels as pieces of cable."""
        pieces, main = self._pieces, self._main
        length = (pieces.stop - pieces.start) * self._lengths[pieces.section]
        lengths = summed(pieces.voxel, length, self._count)
        area = summed(pieces.voxel, self._along[2].area - self._along[0].area, self._count)
        last = np.full(self._count, -1)
        last[pieces.voxel] = np.arange(len(pieces.voxel))  # of a joint: the start of the last section that begins there
        start, middle, stop = (along.points for along in self._along)
        diameter = area / (np.pi * lengths)
        ends = (start[main], middle[main], stop[last])
        found = (area * 1e-12, self.sections, pieces.node[main], self._distances(pieces.section[main], pieces.node[main]), *ends)
        return Compartments(self._parent, np.zeros(self._count), *found, diameter, lengths)

    def _distances(self, section: Integers, at: Floats) -> Floats:
        """µm from the centre of the root section, in which that is both ways."""
        starts = np.zeros(len(self._lengths))
        for number, (parent, place) in enumerate(self._places[1:], 1):
            way = place if parent else abs(place - 0.5)
            starts[number] = starts[parent] + way * self._lengths[parent]
        return np.where(section > 0, starts[section] + at * self._lengths[section], np.abs(at - 0.5) * self._lengths[0])


_KEPT = ("area", "section", "at", "distance", "start", "middle", "stop", "diameter", "length")


def _edges(count: int, joint_before: bool, joint_behind: bool) -> tuple[Floats, Floats]:
    """Ends of pieces and places of values, of whole voxels and halves that belong to joints, 0 to 1."""
    widths: Sequence[float] = [0.5] * joint_before + [1.0] * count + [0.5] * joint_behind
    edges = np.concatenate([[0.0], np.cumsum(widths)]) / sum(widths)
    edges[-1] = 1.0
    nodes = (edges[1:] + edges[:-1]) / 2
    if joint_before:
        nodes[0] = 0.0
    if joint_behind:
        nodes[-1] = 1.0
    return edges, nodes
