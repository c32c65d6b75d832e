"""Volumes and resistances to diffusion along sections, exact for the frusta between their points.

A frustum from diameter a to b of length l holds π l (a² + a b + b²) / 12 and takes 4 l / (π a b), the integral of 1 / area across.
Of a shell of thickness t under the membrane the cross-section is π t (d - t), where d > 2 t: it holds π t l ((a + b) / 2 - t) and
takes l ln((b - t) / (a - t)) / (π t (b - a)).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.compartmental_neurons.morphology.tree import Section

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Inside:
    """What lies between the start of sections and some places on them.

    Attributes
    ----------
    volume
        (m,) µm³.
    resistance
        (m,) 1/µm: integral of 1 / cross-section.
    cross_section
        (m,) µm², at the place.
    """

    volume: Floats
    resistance: Floats
    cross_section: Floats


class Tubes:
    """The insides of all sections, whole or a shell under the membrane.

    Parameters
    ----------
    shell
        µm, its thickness; None: all of the inside.
    """

    def __init__(self, sections: Sequence[Section], shell: float | None = None) -> None:
        self._shell = shell
        outlines = [_outline(section, shell) for section in sections]
        sizes = np.array([len(arc) for arc, _ in outlines])
        self._first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        self._last_piece = self._first + sizes - 2
        self._arc = np.concatenate([arc for arc, _ in outlines])
        self._diameters = np.concatenate([diameters for _, diameters in outlines])
        self._lengths = np.array([section.length for section in sections])
        number = np.repeat(np.arange(len(sections)), sizes)
        self._ends = np.cumsum(sizes)[:-1]
        self._order = number + self._arc / self._lengths[number]  # never falls: k to k + 1 along section k
        volume, resistance, _ = self._up_to(np.arange(len(self._arc) - 1), self._arc[1:])
        self._volume, self._resistance = self._sums(volume), self._sums(resistance)

    def up_to(self, section: Integers, at: Floats) -> Inside:
        """From the start of each given section to ``at``, 0 to 1, of it."""
        piece = np.searchsorted(self._order, section + at, side="right") - 1
        piece = np.clip(piece, self._first[section], self._last_piece[section])
        volume, resistance, cross_section = self._up_to(piece, at * self._lengths[section])
        return Inside(self._volume[piece] + volume, self._resistance[piece] + resistance, cross_section)

    def _up_to(self, piece: Integers, arc: Floats) -> tuple[Floats, Floats, Floats]:
        """Of pieces from their first points up to some arcs, and the cross-section there."""
        a, whole = self._diameters[piece], self._arc[piece + 1] - self._arc[piece]
        share = np.divide(arc - self._arc[piece], whole, out=np.ones(len(piece)), where=whole > 0)
        length = np.maximum(arc - self._arc[piece], 0.0) * (whole > 0)
        b = a + (self._diameters[piece + 1] - a) * np.clip(share, 0.0, 1.0)
        if self._shell is None:
            return _of_core(a, b, length)
        core, shell = _of_core(a, b, length), _of_shell(a, b, length, self._shell)
        is_thick = np.minimum(a, self._diameters[piece + 1]) >= 2 * self._shell * (1 - 1e-12)
        return (
            np.where(is_thick, shell[0], core[0]), np.where(is_thick, shell[1], core[1]), np.where(is_thick, shell[2], core[2])
        )  # fmt: skip

    def _sums(self, values: Floats) -> Floats:
        """(points,) sums of the pieces before each point of the same section, which a thin one elsewhere does not blur."""
        before = np.concatenate([[0.0], values])
        before[self._first] = 0.0  # from the end of a section to the start of the next is nothing
        return np.concatenate([np.cumsum(part) for part in np.split(before, self._ends)])


def _of_core(a: Floats, b: Floats, length: Floats) -> tuple[Floats, Floats, Floats]:
    return np.pi / 12 * length * (a * a + a * b + b * b), 4 / np.pi * length / (a * b), np.pi / 4 * b * b


def _of_shell(a: Floats, b: Floats, length: Floats, thickness: float) -> tuple[Floats, Floats, Floats]:
    near = np.maximum(a, 2 * thickness) - thickness
    grows = (np.maximum(b, 2 * thickness) - thickness - near) / near
    per_growth = np.divide(np.log1p(grows), grows, out=np.ones(len(near)), where=grows != 0)
    around = np.pi * thickness
    return around * length * ((a + b) / 2 - thickness), length * per_growth / (around * near), around * (b - thickness)


def _outline(section: Section, shell: float | None) -> tuple[Floats, Floats]:
    """Arcs and diameters of its points, and of the places where the shell fills all of it or begins not to."""
    arc, diameters = section.arc, section.diameters
    if shell is None:
        return arc, diameters
    above = diameters - 2 * shell
    crossing = np.flatnonzero((above[1:] * above[:-1] < 0) & (np.diff(arc) > 0))
    share = above[crossing] / (above[crossing] - above[crossing + 1])
    places = arc[crossing] + share * (arc[crossing + 1] - arc[crossing])
    return np.insert(arc, crossing + 1, places), np.insert(diameters, crossing + 1, 2 * shell)
