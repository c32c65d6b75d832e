"""Somata traced as outlines: cable out of one closed line, or out of several one above the other.

NEURON's Import3d turns an outline into a straight cable of 21 points along its longest axis, as wide at each as the outline is
across, and a stack of outlines into a cable through their centres, as wide as circles that stand for them. Areas and input
resistances hang on how that is done, so this does the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosim.sdk import CosimError
from engines.compartmental_neurons.morphology.tree import Floats

_PLACES = 101
_SLICES = 21
_SAME = 1e-11
"""Closer numbers are equal to NEURON."""


def soma_of(outlines: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Points and diameters of the cable for a soma.

    Parameters
    ----------
    outlines
        Each (n >= 3, 3) µm, closed by its first point.

    Returns
    -------
    tuple
        (m, 3) µm and (m,) µm.

    Raises
    ------
    CosimError
        An outline that encloses nothing, or several that do not lie in order above each other.
    """
    if len(outlines) == 1:
        return _along_axis(outlines[0])
    heights = np.array([outline[:, 2].mean() for outline in outlines])
    steps = np.diff(heights)
    if not ((steps > 0).all() or (steps < 0).all()):
        told = ", ".join(f"{height:g}" for height in heights)
        raise CosimError("the outlines of the soma are not in order", why=f"they stand at z = {told} um", mend="sort them by z")
    circles = [_circle(outline) for outline in outlines]
    return np.array([centre for centre, _ in circles]), np.array([diameter for _, diameter in circles])


def _circle(outline: Floats) -> tuple[Floats, float]:
    """Centre, and the sum of the mean radius and of that of a circle of the same circumference."""
    places = _places(outline)
    centre = places.mean(axis=0)
    circumference = float(np.sum(np.linalg.norm(np.roll(outline, -1, axis=0) - outline, axis=1)))
    return centre, float(np.linalg.norm(places - centre, axis=1).mean()) + circumference / (2 * np.pi)


def _places(outline: Floats) -> Floats:
    """(101, 3) along an outline from its first point to its last, as far apart as each other when seen along z."""
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(outline[:, :2], axis=0), axis=1))])
    if way[-1] <= 0:
        raise CosimError("the outline of the soma has no length", why="all its points are in one place")
    at = np.arange(_PLACES) * (way[-1] / (_PLACES - 1))
    return np.stack([np.interp(at, way, outline[:, axis]) for axis in range(3)], axis=1)


def _along_axis(outline: Floats) -> tuple[Floats, Floats]:
    places = _places(outline)
    centre = places.mean(axis=0)
    away = places - centre
    major, minor = _axes(away)
    along, across = away @ major, away @ minor
    turn = int(np.argmax(along))  # from one end around to it again, by the other end
    along, across = np.roll(along, -turn), np.roll(across, -turn)
    end = int(np.argmin(along))
    sides = [_rising(along[:end][::-1], across[:end][::-1]), _rising(along[end:], across[end:])]
    ends = np.sort(np.concatenate([side[0] for side in sides]))
    if len(ends) < 4:
        raise _flat()
    at = ends[1] + np.arange(_SLICES) * ((ends[-2] - ends[1]) / (_SLICES - 1))
    diameters = np.abs(np.subtract(*(np.interp(at, *side) for side in sides)))
    diameters[0], diameters[-1] = (diameters[0] + diameters[1]) / 2, (diameters[-1] + diameters[-2]) / 2  # ends do not taper to 0
    if not (diameters > 0).all():
        raise _flat()
    return centre + at[:, None] * major, diameters


def _axes(away: Floats) -> tuple[Floats, Floats]:
    """The longest axis, its largest part positive, and the next one, laid into the plane of x and y."""
    _, vectors = np.linalg.eigh(away.T @ away)  # from the smallest to the largest
    major, minor = vectors[:, 2], vectors[:, 1] * [1.0, 1.0, 0.0]
    if major[np.argmax(np.abs(major))] < 0:
        major = -major
    length = np.linalg.norm(minor)
    if length < 1e-6:
        raise _flat()
    return major, minor / length


def _rising(along: Floats, across: Floats) -> tuple[Floats, Floats]:
    """One side of an outline without the points where it turns back, looked for from its far end."""
    kept, widths = along.tolist(), across.tolist()
    here = len(kept) - 1
    while here > 0:
        if kept[here] <= kept[here - 1] + _SAME:
            del kept[here], widths[here]
            if here < len(kept):
                continue
        here -= 1
    return np.array(kept), np.array(widths)


def _flat() -> CosimError:
    return CosimError("the outline of the soma encloses nothing", why="seen along z it is a line", mend="trace it in x and y")
