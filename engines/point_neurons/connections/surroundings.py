"""Kernels of connections that depend on distance.

Sources are sorted along a curve that fills space, and halves of halves of them make a tree of boxes. From a target, no source in a
box is likelier than one at its nearest point would be: candidates are drawn with that probability, by geometric gaps, and kept in
proportion to their own. A box with few candidates, or in which all are nearly as likely, need not be looked into for that; so most
of what is far costs one look.
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
_IN_A_LEAF = 16  # sources, or some more
_LEVELS = 10  # of the curve: bits of each coordinate
_NEVER = 2.0**-53  # no random number is as small
_FEW = 1.0  # candidates in a box
_NEARLY = 0.5  # of the largest chance in a box
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
    members, sources
        Numbers of the sources in the order of the curve, and (sources, 3) where they are.
    targets
        (targets, 3).
    leaves
        How many; a power of two. Box k has the boxes 2 k and 2 k + 1 in it; box 1 has all sources, the last ``leaves`` are leaves.
    centre, half
        (2 leaves, 3) of a box, and half its sides.
    """

    profile: int
    probability: float
    length: float
    period: NDArray[np.float64]
    members: NDArray[np.int64]
    sources: Places
    targets: Places
    leaves: int
    centre: Places
    half: Places


def surroundings(
    profile: str, probability: float, length: float, period: tuple[float, ...] | None, sources: Places, targets: Places
) -> Surroundings:
    """Positions (neurons, 2 or 3) µm, with the sources in their tree."""
    places, others = (np.zeros((len(rows), 3)) for rows in (sources, targets))
    places[:, : sources.shape[1]], others[:, : targets.shape[1]] = sources, targets
    sides = np.full(3, math.inf)
    sides[: len(period or ())] = period or ()
    members = np.argsort(_along_curve(places), kind="stable")
    leaves = 2 ** max(0, (len(places) // _IN_A_LEAF).bit_length() - 1)
    first = np.arange(leaves) * len(places) // leaves
    low, high = np.zeros((2 * leaves, 3)), np.zeros((2 * leaves, 3))
    places = places[members]
    low[leaves:], high[leaves:] = np.minimum.reduceat(places, first), np.maximum.reduceat(places, first)
    level = leaves // 2
    while level:
        low[level : 2 * level] = np.minimum(low[2 * level : 4 * level : 2], low[2 * level + 1 : 4 * level : 2])
        high[level : 2 * level] = np.maximum(high[2 * level : 4 * level : 2], high[2 * level + 1 : 4 * level : 2])
        level //= 2
    return Surroundings(
        profile=PROFILES.index(profile),
        probability=probability,
        length=length,
        period=sides,
        members=members.astype(np.int64),
        sources=places,
        targets=others,
        leaves=leaves,
        centre=(low + high) / 2,
        half=(high - low) / 2,
    )


def _along_curve(places: Places) -> NDArray[np.int64]:
    """(sources,) where each is on a Z-shaped curve through space (Morton 1966): bits of the coordinates taken in turns."""
    span = np.ptp(places, axis=0)
    whole = ((places - places.min(axis=0)) / max(float(span.max()), 1e-300) * (2**_LEVELS - 1)).astype(np.int64)
    found = np.zeros(len(places), np.int64)
    for bit in range(_LEVELS):
        for axis in range(3):
            found |= ((whole[:, axis] >> bit) & 1) << (3 * bit + axis)
    return found


def nowhere() -> Surroundings:
    """Of rules that do not look at distance."""
    none = np.zeros((1, 3))
    return Surroundings(0, 0.0, 1.0, np.full(3, math.inf), np.zeros(1, np.int64), none, none, 1, none, none)


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


@_inline
def _nearest_and_farthest(s, target, box):
    """Squares of the distances of a target from the nearest point of a box, and at least that from its farthest."""
    nearest, farthest = 0.0, 0.0
    for axis in range(3):
        d, half = _apart(s.targets[target, axis], s.centre[box, axis], s.period[axis]), s.half[box, axis]
        near_side = max(0.0, d - half)
        nearest += near_side * near_side
        farthest += (d + half) * (d + half)
    return nearest * _NEARER, farthest


@_kernel
def near(s, stream, target, is_alone, found):
    """Write the sources of a target into ``found``; how many they are."""
    count, word, box, level, sources = 0, uint64(0), 1, 1, len(s.members)
    while box > 0:
        first, end = (box - level) * sources // level, (box - level + 1) * sources // level
        nearest, farthest = _nearest_and_farthest(s, target, box)
        largest = _chance(s, nearest)
        if largest * (end - first) > _FEW and level < s.leaves and _chance(s, farthest) < _NEARLY * largest:
            box, level = 2 * box, 2 * level
            continue
        if largest > _NEVER:
            scale, at = 1.0 / log1p(-largest), np.float64(first) - 1.0
            while True:
                at += 1.0 + np.floor(log_of_positive(_uniform(stream, word)) * scale)
                word += _ONE
                if not at < end:
                    break
                place = np.int64(at)
                is_kept = _uniform(stream, word) * largest < _chance(s, _squared(s, place, target))
                word, source = word + _ONE, s.members[place]
                if is_kept and not (is_alone and source == target):
                    found[count] = source
                    count += 1
        while box & 1:  # the second of two: up to the first box that has a next one
            box, level = box >> 1, level >> 1
        box += box > 0
    return count


@_inline
def _squared(s, place, target):
    """Of the distance."""
    total = 0.0
    for axis in range(3):
        d = _apart(s.targets[target, axis], s.sources[place, axis], s.period[axis])
        total += d * d
    return total


@_inline
def _uniform(stream, word):
    return (np.float64(mix(stream + word * GOLDEN) >> _BELOW_53) + 0.5) * 2.0**-53
