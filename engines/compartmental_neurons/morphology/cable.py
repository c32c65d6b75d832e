"""Areas, resistances and places along sections, exact for the frusta between their points.

A frustum from diameter a to b of length l has the side π (a + b)/2 sqrt(l² + ((b - a)/2)²) and, for a current along its axis, the
resistance 4 ρ l / (π a b). Where the diameter steps, the side is the ring between both circles. Both are worked out along all
sections at once as sums up to each point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.compartmental_neurons.morphology.tree import Floats, Section

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Along:
    """What lies between the start of sections and some places on them.

    Attributes
    ----------
    area
        (m,) µm², of the side.
    resistance
        (m,) 1/µm: resistance over resistivity.
    points
        (m, 3) µm: the places themselves.
    """

    area: Floats
    resistance: Floats
    points: Floats


class Cables:
    """The points of all sections one behind the other."""

    def __init__(self, sections: Sequence[Section]) -> None:
        sizes = np.array([len(section.diameters) for section in sections])
        self._first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        self._last_piece = self._first + sizes - 2
        self._points = np.concatenate([section.points for section in sections])
        self._diameters = np.concatenate([section.diameters for section in sections])
        self._arc = np.concatenate([section.arc for section in sections])
        self.lengths = np.array([section.length for section in sections])
        number = np.repeat(np.arange(len(sections)), sizes)
        self._order = number + self._arc / self.lengths[number]  # never falls: k to k + 1 along section k
        pieces = np.arange(len(self._arc) - 1)
        area, resistance = self._up_to(pieces, self._arc[1:])
        between = number[1:] != number[:-1]  # from the end of a section to the start of the next is no cable
        area[between], resistance[between] = 0.0, 0.0
        self._area, self._resistance = _sums(area, number, self._first), _sums(resistance, number, self._first)

    def along(self, section: Integers, at: Floats) -> Along:
        """From the start of each given section to ``at``, 0 to 1, of it; a step of the diameter at ``at`` lies before it."""
        piece = np.searchsorted(self._order, section + at, side="right") - 1
        piece = np.clip(piece, self._first[section], self._last_piece[section])
        arc = at * self.lengths[section]
        area, resistance = self._up_to(piece, arc)
        share = self._share(piece, arc)[:, None]
        points = self._points[piece] + share * (self._points[piece + 1] - self._points[piece])
        return Along((self._area[piece] + area) * (at > 0), self._resistance[piece] + resistance, points)

    def _up_to(self, piece: Integers, arc: Floats) -> tuple[Floats, Floats]:
        """Side and resistance of the pieces from their first points up to some arcs."""
        near, length = self._diameters[piece], arc - self._arc[piece]
        far = near + (self._diameters[piece + 1] - near) * self._share(piece, arc)
        area = np.pi / 2 * (near + far) * np.hypot(length, (far - near) / 2)
        return area, 4 / np.pi * length / (near * far)

    def _share(self, piece: Integers, arc: Floats) -> Floats:
        """How much of the pieces lies before some arcs: all of one without length, which is a step of the diameter."""
        length = self._arc[piece + 1] - self._arc[piece]
        share: Floats = np.divide(arc - self._arc[piece], length, out=np.ones(len(piece)), where=length > 0)
        return np.clip(share, 0.0, 1.0)


def _sums(values: Floats, number: Integers, first: Integers) -> Floats:
    """(points,) sums of the pieces before each point of the same section."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    up_to: Floats = sums - sums[first[number]]
    return up_to
