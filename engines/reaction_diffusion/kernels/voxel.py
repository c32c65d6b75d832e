"""Memory in which the numbers of a voxel are moved on: vectors of ``width`` numbers, ``count`` of them and zeros up to an eight."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from engines.compartmental_neurons.kernels.eight import LANES, fused, larger_each, load, magnitude_each, store
from engines.reaction_diffusion.kernels.addresses import place

NUMBERS, END, PROBE, NOW, THERE, FROZEN, RATIOS, RIGHT, STAGES, MATRIX = (*range(9), 15)
"""Vectors: numbers before and after a step; where slopes are taken; slopes at the start and there; numbers as they were for those
that are held; errors over what is allowed; a right side; seven stages; ``count`` rows of a matrix. After them comes the Jacobian.
"""
_inline = njit(cache=True, nogil=True, error_model="numpy", forceinline=True)


def padded(count: int) -> int:
    """Numbers of a vector, in whole eights."""
    return -(-count // LANES) * LANES


def room_for(count: int) -> int:
    """Numbers of memory that a voxel of ``count`` numbers takes."""
    return (MATRIX + count) * padded(count) + count * count


@_inline
def probe(work, source, held, holds, count, width):
    """Where to take slopes for numbers in one of the vectors: there, but for numbers that are held, which are as they were."""
    if not holds:
        return place(work, source * width)
    given, frozen, found = place(work, source * width), place(work, FROZEN * width), place(work, PROBE * width)
    for i in range(count):
        found[i] = frozen[i] if held[i] else given[i]
    return found


@_inline
def weigh(work, error, floors, tolerance, count, width):
    """The largest error over what is allowed: floor + tolerance * the larger of the numbers before and after.

    Infinite where a number is not finite.
    """
    ratios = place(work, RATIOS * width)
    before, after = place(work, NUMBERS * width), place(work, END * width)
    for c in range(0, width, LANES):
        size = larger_each(magnitude_each(load(before, c)), magnitude_each(load(after, c)))
        store(ratios, c, magnitude_each(load(error, c)) / fused(tolerance, size, load(floors, c)))
    worst, total = 0.0, 0.0
    for i in range(count):
        total += ratios[i]
        worst = max(worst, ratios[i])
    return worst if total < np.inf else np.inf
