"""A step of stiff reactions: a Rosenbrock method of order 4 with an embedded one of order 3.

RODAS (Hairer and Wanner 1996, Solving Ordinary Differential Equations II, section VI.4): six stages, gamma = 1/4, L-stable and
stiffly accurate. In the form without products of the Jacobian J with vectors, for x' = f(x) and a step h,

    (1 / (gamma h) - J) k_i = f(x + sum_(j<i) a_ij k_j) + sum_(j<i) c_ij k_j / h
    x' = x + sum_j a_6j k_j + k_6,   error k_6

The matrix, of few rows, is inverted and so used six times. Linear invariants of f are invariants of the step.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from engines.compartmental_neurons.kernels.eight import LANES, fused, load, same, store
from engines.reaction_diffusion.kernels.addresses import call, place
from engines.reaction_diffusion.kernels.voxel import END, MATRIX, NOW, NUMBERS, RATIOS, RIGHT, STAGES, THERE, probe, weigh

GAMMA = 0.25
COUNT = 6
POINTS = np.array([
    [0.0, 0.0, 0.0, 0.0, 0.0],
    [1.544000000000000, 0.0, 0.0, 0.0, 0.0],
    [0.9466785280815826, 0.2557011698983284, 0.0, 0.0, 0.0],
    [3.314825187068521, 2.896124015972201, 0.9986419139977817, 0.0, 0.0],
    [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950, 0.0],
    [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950, 1.0],
])  # fmt: skip
"""a_ij"""
SLOPES = np.array([
    [0.0, 0.0, 0.0, 0.0, 0.0],
    [-5.668800000000000, 0.0, 0.0, 0.0, 0.0],
    [-2.430093356833875, -0.2063599157091915, 0.0, 0.0, 0.0],
    [-0.1073529058151375, -9.594562251023355, -20.47028614809616, 0.0, 0.0],
    [7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160, 0.0],
    [8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054],
])  # fmt: skip
"""c_ij"""
OTHERS = (1.0 - np.eye(LANES)).ravel()
"""(8, 8) 1 in all lanes but one."""
_kernel = njit(cache=True, nogil=True, error_model="numpy")
_inline = njit(cache=True, nogil=True, error_model="numpy", forceinline=True)


@_kernel
def stiff_step(slopes, work, u, p, m, held, holds, step, tolerance, floors, count, width):
    """Try a step from the numbers of a voxel, their slopes and the Jacobian; the largest error over what is allowed.

    ``END`` has the numbers after it.
    """
    if not _invert(work, 1.0 / (GAMMA * step), held, holds, count, width):
        return np.inf
    x, end, there = place(work, NUMBERS * width), place(work, END * width), place(work, THERE * width)
    right, k, matrix = place(work, RIGHT * width), place(work, STAGES * width), place(work, MATRIX * width)
    _multiply(place(work, NOW * width), k, 0, matrix, count, width)
    for stage in range(1, COUNT):
        for c in range(0, width, LANES):
            total = load(x, c)
            for j in range(stage):
                total = fused(same(POINTS[stage, j]), load(k, j * width + c), total)
            store(end, c, total)
        call(slopes, probe(work, END, held, holds, count, width), u, p, m, there)
        for c in range(0, width, LANES):
            total = load(there, c)
            for j in range(stage):
                total = fused(same(SLOPES[stage, j] / step), load(k, j * width + c), total)
            store(right, c, total)
        _multiply(right, k, stage * width, matrix, count, width)
    last = place(work, (STAGES + COUNT - 1) * width)
    for c in range(0, width, LANES):
        store(end, c, load(end, c) + load(last, c))
    return weigh(work, last, floors, same(tolerance), count, width)


@_inline
def _multiply(right, found, at, matrix, count, width):
    """The product of the inverse, whose columns are rows of ``matrix``, and a right side."""
    for c in range(0, width, LANES):
        total = same(0.0)
        for i in range(count):
            total = fused(same(right[i]), load(matrix, i * width + c), total)
        store(found, at + c, total)


# -- the inverse -------------------------------------------------------------------------------------------------------


@_kernel
def _invert(work, diagonal, held, holds, count, width):
    """The transpose of the inverse of ``diagonal`` - J, by Gauss and Jordan; False where there is none."""
    jacobian, matrix = place(work, (MATRIX + count) * width), place(work, MATRIX * width)
    swaps = place(work, RATIOS * width)
    for j in range(count):
        for i in range(count):
            matrix[j * width + i] = 0.0 if holds and held[j] else -jacobian[i * count + j]
        matrix[j * width + j] += diagonal
    has_swapped = False
    for k in range(count):
        row = _pivot(matrix, k, count, width)
        pivot = matrix[row * width + k]
        if not 0.0 < abs(pivot) < np.inf:
            return False
        swaps[k] = row
        if row != k:
            _swap(matrix, row * width, k * width, width)
            has_swapped = True
        _eliminate(matrix, k, pivot, count, width)
    if has_swapped:
        _swap_back(matrix, swaps, count, width)
    return True


@_inline
def _eliminate(matrix, k, pivot, count, width):
    """Clear a column but for the pivot; in its place comes a column of the inverse.

    Numbers are taken eight at a time throughout: to read eight of which one has just been written takes long.
    """
    block, others = k // LANES * LANES, load(place(OTHERS, k % LANES * LANES), 0)
    scale = same(1.0 / pivot)
    for c in range(0, width, LANES):
        rest = load(matrix, k * width + c)
        if c == block:
            rest = fused(rest, others, same(1.0) - others)
        store(matrix, k * width + c, scale * rest)
    for i in range(count):
        factor = matrix[i * width + k]
        if i == k or factor == 0.0:
            continue
        less = same(-factor)
        for c in range(0, width, LANES):
            rest = load(matrix, i * width + c)
            if c == block:
                rest = rest * others
            store(matrix, i * width + c, fused(less, load(matrix, k * width + c), rest))


@_kernel
def _swap_back(matrix, swaps, count, width):
    """The columns of an inverse in order, after rows were swapped."""
    for n in range(count):
        k = count - 1 - n
        other = int(swaps[k])
        if other != k:
            for i in range(count):
                matrix[i * width + k], matrix[i * width + other] = matrix[i * width + other], matrix[i * width + k]


@_inline
def _pivot(matrix, k, count, width):
    """The row of the largest number of a column, unless that of the diagonal is nearly as large."""
    row, largest = k, 8.0 * abs(matrix[k * width + k])
    for i in range(k + 1, count):
        size = abs(matrix[i * width + k])
        if size > largest:
            row, largest = i, size
    return row


@_inline
def _swap(matrix, a, b, width):
    for c in range(0, width, LANES):
        kept = load(matrix, a + c)
        store(matrix, a + c, load(matrix, b + c))
        store(matrix, b + c, kept)
