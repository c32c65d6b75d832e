"""A made connectome for any number of regions, free of anyone's licence: spatially embedded, seeded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.connectome.params import GenerateParams
from engines.connectome.tracts import Entries, Floats, Ints, Tracts

_SEMI_AXES_MM = np.array([60.0, 85.0, 60.0])  # about a human hemisphere: across, front to back, up
_GAP_MM = 10.0  # between the hemispheres
_BLOCK = 2**20
"""Pairs of regions looked at at once."""
_DENSE = 1000
"""Regions up to which the weights are summed as a full matrix, zeros and all: to the last bit what seeds are known by."""


def generate(params: GenerateParams) -> Tracts:
    """Regions on two half ellipsoids, mirrored, left ones first.

    weight_ij = exp(-distance_ij / decay length) * exp(spread * normal), directed; the strongest input of every region and then
    the strongest of all are kept, ``density * n (n - 1)`` (at least n) in number, scaled so that a row sums to 1 on average.
    tract length = tortuosity * distance.
    """
    rng, count = np.random.default_rng(params.seed), params.regions
    left, right = count - count // 2, count // 2
    half = _half_ellipsoid(left, rng)
    positions = np.concatenate([half * [-1, 1, 1], half[:right]])
    receiver, sender, strength = _strongest(params, positions, rng)
    lengths = params.tortuosity * _distances(positions[receiver], positions[sender])
    weights = strength * (count / _sum(receiver, sender, strength, count))
    digits = len(str(left))
    return Tracts(
        tuple(f"{side}{i + 1:0{digits}}" for side, many in (("l", left), ("r", right)) for i in range(many)),
        Entries(count, receiver, sender, weights),
        Entries(count, receiver, sender, lengths),
        positions=positions,
        groups={"left": tuple(range(left)), "right": tuple(range(left, count))},
        length_unit="mm",
    )


def _half_ellipsoid(count: int, rng: np.random.Generator) -> Floats:
    """(count, 3) in mm, x > 0: a golden spiral over the half sphere, turned and shaken, stretched to the semi-axes."""
    x = (np.arange(count) + 0.5) / count
    angle = np.pi * (3 - np.sqrt(5)) * np.arange(count) + rng.uniform(0, 2 * np.pi)
    radius = np.sqrt(1 - x**2)
    points = np.stack([x, radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    points += rng.normal(0, 0.2 / np.sqrt(count), points.shape)
    points[:, 0] = np.abs(points[:, 0])
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return np.asarray(points * _SEMI_AXES_MM + [_GAP_MM / 2, 0, 0])


def _strongest(params: GenerateParams, positions: Floats, rng: np.random.Generator) -> tuple[Ints, Ints, Floats]:
    """Receivers, senders and strengths of the connections that are kept, row by row.

    Rows are made in blocks. Of those seen so far only as many are held as will be kept; of equal ones the first.
    """
    count = params.regions
    wanted = max(count, round(params.density * count * (count - 1))) - count
    first = np.empty(count, np.int64), np.empty(count)  # the strongest input of each region: flat place, strength
    place, strength = np.empty(0, np.int64), np.empty(0)
    for start in range(0, count, max(1, _BLOCK // count)):
        rows = np.arange(start, min(count, start + max(1, _BLOCK // count)))
        block = np.exp(
            -_distances(positions[rows, None], positions[None]) / params.decay_length
            + params.spread * rng.standard_normal((len(rows), count))
        )
        block[np.arange(len(rows)), rows] = 0.0
        best = block.argmax(axis=1)
        first[0][rows], first[1][rows] = rows * count + best, block[np.arange(len(rows)), best]
        block[np.arange(len(rows)), best] = -1.0
        threshold = strength.min() if len(strength) and len(strength) == wanted else -0.5
        more = np.flatnonzero(block.ravel() > threshold)
        place = np.concatenate([place, start * count + more])
        strength = np.concatenate([strength, block.ravel()[more]])
        held = np.sort(np.argsort(-strength, kind="stable")[:wanted])
        place, strength = place[held], strength[held]
    place, strength = np.concatenate([first[0], place]), np.concatenate([first[1], strength])
    order = np.argsort(place)
    return *np.divmod(place[order], count), strength[order]


def _distances(here: Floats, there: Floats) -> Floats:
    return np.asarray(np.linalg.norm(here - there, axis=-1))


def _sum(receiver: Ints, sender: Ints, strength: Floats, count: int) -> float:
    if count > _DENSE:
        return float(strength.sum())
    matrix: NDArray[np.float64] = np.zeros((count, count))
    matrix[receiver, sender] = strength
    return float(matrix.sum())
