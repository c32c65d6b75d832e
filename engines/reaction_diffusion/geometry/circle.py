"""Squares cut by a circle around [0, 0]: areas and lengths of sides inside, in closed form.

By mirror images only the quarter x, y >= 0 is worked out; a square across an axis is cut in two there.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def areas_inside(x: Floats, y: Floats, spacing: float, radius: float) -> Floats:
    """(n,) area of squares with given centres that is inside the circle."""
    found = np.zeros(len(x))
    for x0, x1 in _mirrored(x, spacing):
        for y0, y1 in _mirrored(y, spacing):
            found += _area(x0, x1, y0, y1, radius)
    return found


def sides_inside(at: Floats, low: Floats, high: Floats, radius: float) -> Floats:
    """(n,) length of straight lines inside the circle, at one coordinate and from low to high in the other."""
    half = np.sqrt(np.maximum(radius**2 - at**2, 0.0))
    inside: Floats = np.maximum(np.minimum(high, half) - np.maximum(low, -half), 0.0)
    return inside


def _mirrored(centre: Floats, spacing: float) -> Iterator[tuple[Floats, Floats]]:
    """The part of an interval above 0, and that below, turned over; empty where there is none."""
    low, high = centre - spacing / 2, centre + spacing / 2
    yield np.maximum(low, 0.0), np.maximum(high, 0.0)
    yield np.maximum(-high, 0.0), np.maximum(-low, 0.0)


def _area(x0: Floats, x1: Floats, y0: Floats, y1: Floats, radius: float) -> Floats:
    """Below min(y1, sqrt(R² - x²)) and above y0, from x0 to x1: a rectangle, then what is under the arc."""
    flat = np.clip(_other(y1, radius), x0, x1)
    end = np.clip(_other(y0, radius), flat, x1)
    rectangle = (flat - x0) * (y1 - y0)
    under: Floats = np.maximum(_primitive(end, radius) - _primitive(flat, radius) - y0 * (end - flat), 0.0)
    return np.where((x1 > x0) & (y1 > y0), rectangle + under, 0.0)


def _other(coordinate: Floats, radius: float) -> Floats:
    other: Floats = np.sqrt(np.maximum(radius**2 - coordinate**2, 0.0))
    return other


def _primitive(x: Floats, radius: float) -> Floats:
    """Of sqrt(R² - x²)."""
    primitive: Floats = (x * _other(x, radius) + radius**2 * np.arcsin(np.minimum(x / radius, 1.0))) / 2
    return primitive
