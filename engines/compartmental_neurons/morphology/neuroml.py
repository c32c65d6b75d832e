"""Cells of NeuroML2: segments, their groups and where they are joined, read by libNeuroML.

A section is a chain of segments each of which goes on from the end of the one before, alone, at the same point and diameter, and in
the same groups. So a group is whole sections, a diameter steps only from section to section, and no ring is counted as membrane.
A segment that ends where it begins, as wide, is a sphere: it becomes a cylinder as long as it is wide, of the sphere's area.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cosim.sdk import CosimError, did_you_mean
from cosim.sdk.errors import raise_all
from engines.compartmental_neurons.morphology.samples import sphere
from engines.compartmental_neurons.morphology.tree import Floats, Morphology, Section

_UNBRANCHED = "sao864921383"
_LABELS = {"GO:0043025": "soma", "GO:0030424": "axon", "GO:0030425": "dendrite"}
"""Of groups, by their neuroLexId."""


def read_neuroml(path: Path, cell: str | None = None) -> Morphology:
    """The morphology of a cell in a NeuroML2 file.

    Parameters
    ----------
    cell
        Its id, where the file has several.

    Raises
    ------
    CosimError
        libNeuroML is not installed, or the file has no such cell, or the cell's segments are no tree of cables.
    """
    try:
        loaders = importlib.import_module("neuroml.loaders")
    except ImportError:
        raise CosimError(
            f"{path.name} needs libNeuroML",
            where=str(path),
            why="it reads NeuroML files",
            mend='pip install "neuro-cosim[morphologies]", or libNeuroML',
        ) from None
    try:
        text = path.read_text(encoding="utf-8")
        document = loaders.NeuroMLLoader.load(str(path))
    except Exception as error:  # it raises what its XML parser does, and others
        raise CosimError(f"{path.name} cannot be read", where=f"{path.name}:1", why=str(error).splitlines()[0]) from None
    return _Cell(_chosen(document, cell, path.name), text, path.name).morphology()


def _chosen(document: Any, cell: str | None, file: str) -> Any:
    """The morphology of the cell that is asked for, its own or one that it names."""
    cells = {found.id: found for found in [*document.cells, *document.cell2_ca_poolses]}
    alone = {found.id: found for found in document.morphology}
    if cell is None and len(cells or alone) != 1:
        mend = f"cell: one of {', '.join(cells or alone)}" if cells or alone else ""
        raise CosimError(f"{file} has {len(cells or alone)} cells", where=f"{file}:1", mend=mend)
    name = next(iter(cells or alone)) if cell is None else cell
    if name not in (cells or alone):
        raise CosimError(f"{file} has no cell {name!r}", where=f"{file}:1", mend=did_you_mean(name, cells or alone))
    found = alone[name] if not cells else cells[name].morphology or alone.get(cells[name].morphology_attr)
    if found is None or not found.segments:
        raise CosimError(f"cell {name!r} has no segments", where=f"{file}:1", why="its morphology is empty or in another file")
    return found


class _Cell:
    """The segments of one cell on their way to sections."""

    def __init__(self, morphology: Any, text: str, file: str) -> None:
        self._segments = {int(segment.id): segment for segment in morphology.segments}
        self._groups = {group.id: group for group in morphology.segment_groups}
        lines = (found for found in re.finditer(r"<(?:\w+:)?segment\s[^>]*?\bid\s*=\s*[\"'](\d+)[\"']", text))
        self._where = {int(found[1]): f"{file}:{text.count(chr(10), 0, found.start()) + 1}" for found in lines}
        self._file = file
        raise_all(self._faults(morphology))
        self._order = self._from_root()
        self._members = {name: frozenset(self._members_of(name, ())) for name in self._groups}
        self._in = {
            segment: frozenset(n for n, members in self._members.items() if segment in members) for segment in self._segments
        }

    def morphology(self) -> Morphology:
        chains = self._chains()
        place = {segment: (number, at) for number, chain in enumerate(chains) for at, segment in enumerate(chain)}
        sections = []
        for number, chain in enumerate(chains):
            parent, at = self._joined(chain[0], chains, place)
            points, diameters = self._cable(chain)
            sections.append(Section(points, diameters, parent, at, self._label(chain[0]), self._name(chain)))
            if number and not np.any(points != points[0]):
                raise self._fault(chain[0], "has no length", "it ends where it begins, and is no sphere")
        groups = {name: tuple(sorted({place[segment][0] for segment in members})) for name, members in self._members.items()}
        return Morphology(tuple(sections), groups)

    # -- what is wrong --------------------------------------------------------------------------------------------------------

    def _fault(self, segment: int, what: str, why: str = "") -> CosimError:
        return CosimError(f"segment {segment} {what}", where=self._where.get(segment, f"{self._file}:1"), why=why)

    def _faults(self, morphology: Any) -> list[CosimError]:
        faults, seen = [], set()
        for segment in morphology.segments:
            number = int(segment.id)
            if number in seen:
                faults.append(self._fault(number, "is given twice"))
            seen.add(number)
            parent = _parent(segment)
            if parent >= 0 and parent not in self._segments:
                faults.append(self._fault(number, f"has the parent {parent}, which does not exist"))
            if segment.distal is None or (parent < 0 and segment.proximal is None):
                faults.append(
                    self._fault(number, "has no distal point" if segment.distal is None else "is the root and has no proximal")
                )
            ends = [end for end in (segment.proximal, segment.distal) if end is not None]
            if not all(np.isfinite([float(end.x), float(end.y), float(end.z)]).all() and float(end.diameter) > 0 for end in ends):
                faults.append(self._fault(number, "has a point that is not finite, or a diameter that is not above 0"))
            if not 0 <= _fraction(segment) <= 1:
                faults.append(self._fault(number, f"begins at {_fraction(segment):g} of its parent", "0 is its start, 1 its end"))
        roots = [number for number, segment in self._segments.items() if _parent(segment) < 0]
        if len(roots) != 1:
            told = f"segments {', '.join(map(str, roots[:8]))} have no parent" if roots else "every segment has a parent"
            faults.append(CosimError("the cell does not hang together", where=f"{self._file}:1", why=f"{told}; one is the root"))
        return faults

    def _from_root(self) -> list[int]:
        """Segments with parents before their children, branch by branch in the order of the file."""
        self._children: dict[int, list[int]] = {number: [] for number in (-1, *self._segments)}
        for number, segment in self._segments.items():
            self._children[_parent(segment)].append(number)
        order, waiting = [], self._children[-1][:]
        while waiting:
            order.append(waiting.pop())
            waiting.extend(reversed(self._children[order[-1]]))
        if len(order) < len(self._segments):
            left = next(number for number in self._segments if number not in set(order))
            raise self._fault(left, "is its own ancestor", "following parents from here never comes to the root")
        return order

    # -- groups ---------------------------------------------------------------------------------------------------------------

    def _members_of(self, name: str, above: tuple[str, ...]) -> Iterator[int]:
        group = self._groups[name]
        for member in group.members:
            yield self._known(int(member.segments), name)
        for include in group.includes:
            if include.segment_groups not in self._groups or include.segment_groups in (*above, name):
                why = "it includes itself" if include.segment_groups in (*above, name) else "there is no such group"
                raise CosimError(f"group {name!r} includes {include.segment_groups!r}", where=f"{self._file}:1", why=why)
            yield from self._members_of(include.segment_groups, (*above, name))
        for path in group.paths:
            yield from self._between(path, name)
        for tree in group.sub_trees:
            yield from self._between(tree, name)

    def _known(self, segment: int, group: str) -> int:
        if segment not in self._segments:
            raise CosimError(f"group {group!r} has segment {segment}, which does not exist", where=f"{self._file}:1")
        return segment

    def _between(self, path: Any, group: str) -> list[int]:
        """Segments from one on outwards, of those the ones on the way to another where that is given."""
        start = self._known(int(path.from_.segments), group) if path.from_ is not None else self._order[0]
        inside, outward = {start}, [start]
        for segment in self._order:
            if _parent(self._segments[segment]) in inside and segment not in inside:
                inside.add(segment)
                outward.append(segment)
        if path.to is None:
            return outward
        way, at = [], self._known(int(path.to.segments), group)
        while at in inside:
            way.append(at)
            at = _parent(self._segments[at])
        return way

    # -- sections -------------------------------------------------------------------------------------------------------------

    def _chains(self) -> list[list[int]]:
        chains: list[list[int]] = []
        of: dict[int, list[int]] = {}
        for segment in self._order:
            parent = _parent(self._segments[segment])
            if parent >= 0 and self._goes_on(parent, segment):
                of[parent].append(segment)
            else:
                chains.append([segment])
            of[segment] = of[parent] if parent >= 0 and self._goes_on(parent, segment) else chains[-1]
        return chains

    def _goes_on(self, parent: int, segment: int) -> bool:
        here, before = self._segments[segment], self._segments[parent]
        alone = sum(_fraction(self._segments[child]) == 1 for child in self._children[parent]) == 1
        if not alone or _fraction(here) != 1 or self._in[parent] != self._in[segment] or self._is_sphere(parent):
            return False
        return here.proximal is None or bool((_point(here.proximal) == _point(before.distal)).all())

    def _is_sphere(self, segment: int) -> bool:
        here = self._segments[segment]
        return here.proximal is not None and bool((_point(here.proximal) == _point(here.distal)).all())

    def _cable(self, chain: list[int]) -> tuple[Floats, Floats]:
        if len(chain) == 1 and self._is_sphere(chain[0]):
            end = _point(self._segments[chain[0]].distal)
            return sphere(end[:3], float(end[3]))
        first = self._segments[chain[0]]
        start = self._place_on_parent(first) if first.proximal is None else _point(first.proximal)
        ends = np.array([start, *(_point(self._segments[segment].distal) for segment in chain)])
        return ends[:, :3], ends[:, 3]

    def _place_on_parent(self, segment: Any) -> Floats:
        """Where a segment without a point of its own begins."""
        parent, fraction = self._segments[_parent(segment)], _fraction(segment)
        stop = _point(parent.distal)
        if fraction == 1:
            return stop
        start = _point(parent.proximal) if parent.proximal is not None else self._place_on_parent(parent)
        return start + fraction * (stop - start)

    def _joined(self, segment: int, chains: list[list[int]], place: dict[int, tuple[int, int]]) -> tuple[int, float]:
        """Number of the section on which a segment begins, and where."""
        parent, fraction = _parent(self._segments[segment]), _fraction(self._segments[segment])
        if parent < 0:
            return -1, 0.0
        number, before = place[parent]
        points, _ = self._cable(chains[number])
        if len(chains[number]) == 1:
            return number, fraction
        arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        at = (arc[before] + fraction * (arc[before + 1] - arc[before])) / arc[-1]
        return number, float(min(at, 1.0))

    def _label(self, segment: int) -> str:
        names = sorted(self._in[segment])
        for label in ("apical", "basal"):
            if any(label in name.lower() for name in names):
                return label
        found = {_LABELS.get(self._groups[name].neuro_lex_id) for name in names}
        return next((label for label in _LABELS.values() if label in found), "type_0")

    def _name(self, chain: list[int]) -> str:
        """The group of the chain, if it is all of an unbranched one, else its first segment's name."""
        for name in sorted(self._in[chain[0]]):
            if self._groups[name].neuro_lex_id == _UNBRANCHED and self._members[name] == frozenset(chain):
                return str(name)
        return str(self._segments[chain[0]].name or f"segment {chain[0]}")


def _parent(segment: Any) -> int:
    return -1 if segment.parent is None else int(segment.parent.segments)


def _fraction(segment: Any) -> float:
    return 1.0 if segment.parent is None or segment.parent.fraction_along is None else float(segment.parent.fraction_along)


def _point(point: Any) -> Floats:
    """(4,) coordinates and diameter, µm."""
    return np.array([float(point.x), float(point.y), float(point.z), float(point.diameter)])
