"""A short piece of cable in place of a traced axon.

Most of an axon is cut off or missed when a cell is filled, and what is traced of it says little about its membrane. The perisomatic
cells of the Allen Institute, like many others, were therefore fitted with two pieces of 30 µm in its place, 1 µm thick, on the
middle of the soma.
"""

from __future__ import annotations

import numpy as np

from cosim.sdk import CosimError
from engines.compartmental_neurons.morphology.samples import LABELS, name_of
from engines.compartmental_neurons.morphology.tree import Floats, Morphology, Section

AXON = 2
PIECES, LENGTH_UM, DIAMETER_UM = 2, 30.0, 1.0


def with_stub(morphology: Morphology) -> Morphology:
    """The same cell with a stub for its axon, which goes the way that the axon went.

    The other sections keep their order, the stub's stand behind them; a cell without an axon is given one.

    Raises
    ------
    CosimError
        The axon carries something else, or is the root.
    """
    sections = morphology.sections
    is_axon = [section.label == LABELS[AXON] for section in sections]
    if is_axon[0]:
        raise CosimError(
            "the axon cannot be replaced: it is the root of the cell", mend="a root is the soma, or what stands for it"
        )
    for section, own in zip(sections, is_axon, strict=True):
        if not own and section.parent >= 0 and is_axon[section.parent]:
            called = section.name or section.label
            raise CosimError(f"the axon cannot be replaced: {called} grows out of it", why="nothing would hold it")
    kept = [number for number, own in enumerate(is_axon) if not own]
    rank = {old: new for new, old in enumerate(kept)}
    left = [_moved(sections[old], rank) for old in kept]
    groups = {name: tuple(rank[number] for number in numbers if number in rank) for name, numbers in morphology.groups.items()}
    return Morphology((*left, *_stub(morphology, len(left))), groups)


def _moved(section: Section, rank: dict[int, int]) -> Section:
    parent = rank.get(section.parent, -1)
    return Section(section.points, section.diameters, parent, section.parent_at, section.label, section.name)


def _stub(morphology: Morphology, first: int) -> list[Section]:
    """One piece behind the other, from the middle of the root."""
    root = morphology.sections[0]
    middle = np.array([np.interp(root.length / 2, root.arc, root.points[:, axis]) for axis in range(3)])
    ahead = _way(morphology, middle) * LENGTH_UM
    return [
        Section(
            np.stack([middle + number * ahead, middle + (number + 1) * ahead]),
            np.full(2, DIAMETER_UM),
            first + number - 1 if number else 0,
            1.0 if number else 0.5,
            LABELS[AXON],
            name_of(AXON, number),
        )
        for number in range(PIECES)
    ]


def _way(morphology: Morphology, middle: Floats) -> Floats:
    """(3,) of length 1: from the soma to where the axon is after as much cable as the stub has; where there is none, against y."""
    stem = next((section for section in morphology.sections if section.label == LABELS[AXON]), None)
    if stem is not None:
        arc = min(PIECES * LENGTH_UM, stem.length)
        way = np.array([np.interp(arc, stem.arc, stem.points[:, axis]) for axis in range(3)]) - middle
        if way.any():
            found: Floats = way / np.linalg.norm(way)
            return found
    return np.array([0.0, -1.0, 0.0])
