"""A made connectome for any number of regions, free of anyone's licence: spatially embedded, seeded."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.connectome.params import GenerateParams

_SEMI_AXES_MM = np.array([60.0, 85.0, 60.0])  # about a human hemisphere: across, front to back, up
_GAP_MM = 10.0  # between the hemispheres


@lru_cache(maxsize=8)
def generate(params: GenerateParams) -> Mapping[str, Any]:
    """What ``Tracts`` takes: regions on two half ellipsoids, mirrored, left ones first.

    weight_ij = exp(-distance_ij / decay length) * exp(spread * normal), directed; the strongest input of every region and then
    the strongest of all are kept, ``density * n (n - 1)`` (at least n) in number, scaled so that a row sums to 1 on average.
    tract length = tortuosity * distance.
    """
    rng = np.random.default_rng(params.seed)
    left, right = params.regions - params.regions // 2, params.regions // 2
    half = _half_ellipsoid(left, rng)
    positions = np.concatenate([half * [-1, 1, 1], half[:right]])
    distances = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    strength = np.exp(-distances / params.decay_length + params.spread * rng.standard_normal(distances.shape))
    np.fill_diagonal(strength, 0.0)
    weights = _strongest(strength, max(params.regions, round(params.density * params.regions * (params.regions - 1))))
    digits = len(str(left))
    labels = tuple(f"{side}{i + 1:0{digits}}" for side, count in (("l", left), ("r", right)) for i in range(count))
    return MappingProxyType(
        {
            "labels": labels,
            "weights": weights * (params.regions / weights.sum()),
            "lengths_mm": params.tortuosity * distances,
            "positions_mm": positions,
            "groups": {"left": tuple(range(left)), "right": tuple(range(left, params.regions))},
        }
    )


def _half_ellipsoid(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(count, 3) in mm, x > 0: a golden spiral over the half sphere, turned and shaken, stretched to the semi-axes."""
    x = (np.arange(count) + 0.5) / count
    angle = np.pi * (3 - np.sqrt(5)) * np.arange(count) + rng.uniform(0, 2 * np.pi)
    radius = np.sqrt(1 - x**2)
    points = np.stack([x, radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    points += rng.normal(0, 0.2 / np.sqrt(count), points.shape)
    points[:, 0] = np.abs(points[:, 0])
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return np.asarray(points * _SEMI_AXES_MM + [_GAP_MM / 2, 0, 0])


def _strongest(strength: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """``strength`` with all but ``count`` entries set to 0; every row keeps its largest."""
    keep = np.zeros(strength.shape, bool)
    keep[np.arange(len(strength)), strength.argmax(axis=1)] = True
    rest = np.where(keep, -1.0, strength).ravel()
    keep.ravel()[np.argsort(-rest, kind="stable")[: count - len(strength)]] = True
    return np.where(keep, strength, 0.0)
