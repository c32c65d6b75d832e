"""Kernels of connections that depend on distance.

Sources are sorted into cells of a grid. From a target, no source of a cell is nearer than the box around them, and so none is
likelier than a source there would be: candidates are drawn with that probability, by geometric gaps, and kept in proportion to
their own. Far cells, where nothing can be drawn any more, cost one look.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit, uint64
from numpy.typing import NDArray

from engines.equations.maths import exp, log1p, log_of_positive, sqrt
from engines.equations.randoms import GOLDEN, mix

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_inline = njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
PROFILES = ("gaussian", "exponential", "step")
_GAUSSIAN, _EXPONENTIAL = 0, 1
_A_CELL = 16  # sources, on average
_NEVER = 2.0**-53  # no random number is as small
_NEARER = 1.0 - 1e-9  # of the way to a box, so that rounding never puts a source outside of it
_BELOW_53 = np.uint64(11)
_ONE = np.uint64(1)

Places = NDArray[np.float64]


class Surroundings(NamedTuple):
    """Where sources and targets are, µm; two dimensions are three with the last 0.

    Attributes
    ----------
    profile
        Place in ``PROFILES``.
    probability
        At distance 0.
    length
        µm.
    period
        (3,) sides of the box that closes on itself; infinite where it does not.
    sources, targets
        (neurons, 3).
    first
        (cells + 1,): those in a cell are ``members[first[c]]`` to ``members[first[c + 1]]``.
    members
        (sources,) numbers of sources.
    centre, half
        (cells, 3) of the box around those in a cell, and half its sides.
    """

    profile: int
    probability: float
    length: float
    period: NDArray[np.float64]
    sources: Places
    targets: Places
    first: NDArray[np.int64]
    members: NDArray[np.int64]
    centre: Places
    half: Places


def surroundings(
    profile: str, probability: float, length: float, period: tuple[float, ...] | None, sources: Places, targets: Places
) -> Surroundings:
    """Positions (neurons, 2 or 3) µm, with the sources sorted into cells."""
    places, others = (np.zeros((len(rows), 3)) for rows in (sources, targets))
    places[:, : sources.shape[1]], others[:, : targets.shape[1]] = sources, targets
    sides = np.full(3, math.inf)
    sides[: len(period or ())] = period or ()
    cell = _cells(places, sources.shape[1])
    order = np.argsort(cell, kind="stable")
    first = np.concatenate([[0], np.flatnonzero(np.diff(cell[order])) + 1]).astype(np.int64)
    low, high = np.minimum.reduceat(places[order], first), np.maximum.reduceat(places[order], first)
    return Surroundings(
        profile=PROFILES.index(profile),
        probability=probability,
        length=length,
        period=sides,
        sources=places,
        targets=others,
        first=np.append(first, len(places)),
        members=order.astype(np.int64),
        centre=(low + high) / 2,
        half=(high - low) / 2,
    )


def _cells(places: Places, dimensions: int) -> NDArray[np.int64]:
    """(sources,) the cell of each: a grid with as many divisions on each side."""
    divisions = max(1, math.floor((len(places) / _A_CELL) ** (1 / dimensions)))
    low, span = places.min(axis=0), np.ptp(places, axis=0)
    at = np.minimum((places - low) / np.where(span > 0.0, span, 1.0) * divisions, divisions - 1).astype(np.int64)
    return (at[:, 0] * divisions + at[:, 1]) * divisions + at[:, 2]


def nowhere() -> Surroundings:
    """Of rules that do not look at distance."""
    none = np.zeros((1, 3))
    return Surroundings(0, 0.0, 1.0, np.full(3, math.inf), none, none, np.zeros(1, np.int64), np.zeros(1, np.int64), none, none)


# -- kernels -------------------------------------------------------------------------------------------------------------------


@_inline
def _apart(a, b, period):
    """Distance along one axis."""
    d = abs(a - b)
    return abs(d - period * np.floor(d / period + 0.5)) if period < np.inf else d


@_inline
def _chance(s, squared):
    """Of a connection over a distance, of which this is the square."""
    if s.profile == _GAUSSIAN:
        return s.probability * exp(squared / (-2.0 * s.length * s.length))
    if s.profile == _EXPONENTIAL:
        return s.probability * exp(-sqrt(squared) / s.length)
    return s.probability if squared <= s.length * s.length else 0.0


@_kernel
def _largest_chance(s, target, cell):
    """At the point of the box around a cell that is nearest to a target."""
    squared = 0.0
    for axis in range(3):
        d = max(0.0, _apart(s.targets[target, axis], s.centre[cell, axis], s.period[axis]) - s.half[cell, axis])
        squared += d * d
    return _chance(s, squared * _NEARER)


@_kernel
def near(s, stream, target, is_alone, found):
    """Write the sources of a target into ``found``; how many they are."""
    count, word = 0, uint64(0)
    x, y, z = s.targets[target, 0], s.targets[target, 1], s.targets[target, 2]
    for cell in range(len(s.first) - 1):
        largest = _largest_chance(s, target, cell)
        if largest < _NEVER:
            continue
        scale, at, end = 1.0 / log1p(-largest), np.float64(s.first[cell]) - 1.0, np.float64(s.first[cell + 1])
        while True:
            at += 1.0 + np.floor(log_of_positive(_uniform(stream, word)) * scale)
            word += _ONE
            if not at < end:
                break
            source = s.members[np.int64(at)]
            dx = _apart(x, s.sources[source, 0], s.period[0])
            dy = _apart(y, s.sources[source, 1], s.period[1])
            dz = _apart(z, s.sources[source, 2], s.period[2])
            is_kept = _uniform(stream, word) * largest < _chance(s, dx * dx + dy * dy + dz * dz)
            word += _ONE
            if is_kept and not (is_alone and source == target):
                found[count] = source
                count += 1
    return count


@_inline
def _uniform(stream, word):
    return (np.float64(mix(stream + word * GOLDEN) >> _BELOW_53) + 0.5) * 2.0**-53
