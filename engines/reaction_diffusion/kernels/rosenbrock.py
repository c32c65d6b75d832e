"""Reactions in one voxel over a span of time, to a tolerance: a Rosenbrock method of order 4 with an embedded one of order 3.

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

from engines.compartmental_neurons.kernels.eight import LANES, fused, larger_each, load, magnitude_each, same, store
from engines.equations.maths import sqrt
from engines.reaction_diffusion.kernels.addresses import call, place
from engines.reaction_diffusion.kernels.deterministic_records import ENDLESS, NOT_FINITE, SHRUNK

GAMMA = 0.25
STAGES = 6
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
SHORTEST = 1e-12
"""Of a span: steps shorter than this are said to have shrunk to nothing."""
MOST_STEPS = 1_000_000
_kernel = njit(cache=True, nogil=True, error_model="numpy")
_inline = njit(cache=True, nogil=True, error_model="numpy", forceinline=True)


def room_for(count: int) -> int:
    """Numbers of memory that ``react`` works in, for ``count`` numbers in a voxel."""
    width = padded(count)
    return (STAGES + 7) * width + count * count + count * width


def padded(count: int) -> int:
    """Numbers of a vector, in whole eights."""
    return -(-count // LANES) * LANES


@_kernel
def react(slopes, jacobian, count, u, p, m, span, kept, tolerance, floors, held, holds, work, fault):
    """Move the numbers of a voxel on by a span of time.

    Parameters
    ----------
    slopes, jacobian
        Addresses of code.
    count
        Numbers in the voxel.
    kept
        Step that was about right at the end of the last span; <= 0: none yet.
    floors
        (padded,) errors that never matter.
    held, holds
        (count,) whether the slope of a number leaves it as it is and is added up beside it; whether there are any.
    work
        The first ``count`` numbers are those of the voxel, before and after; the rest up to ``room_for`` is memory to work in.
    fault
        (2,) what went wrong, or 0, and with which number.

    Returns
    -------
    The step that would be right next.
    """
    width = (count + LANES - 1) // LANES * LANES
    x, point, f, now = place(work, 0), place(work, width), place(work, 2 * width), place(work, 3 * width)
    frozen, ratios, right = place(work, 4 * width), place(work, 5 * width), place(work, 6 * width)
    k, matrix = place(work, 7 * width), place(work, (7 + STAGES) * width)
    slopes_at = place(work, (7 + STAGES + count) * width)
    if holds:
        for i in range(count):
            frozen[i] = x[i]
    done, step, steps, is_reduced = 0.0, kept if 0.0 < kept < span else span, 0, False
    largest = kept
    while True:
        call(slopes, _at(x, frozen, point, held, holds, count, width), u, p, m, now)
        if _is_still(now, count):
            return largest if largest > 0.0 else span
        call(jacobian, _at(x, frozen, point, held, holds, count, width), u, p, m, slopes_at)
        while True:
            left = span - done
            is_last = step >= left * (1.0 - 1e-10)
            tried = left if is_last else (0.5 * left if step > 0.5 * left else step)
            steps += 1
            error = np.inf
            if _invert(slopes_at, matrix, ratios, 1.0 / (GAMMA * tried), held, holds, count, width):
                _solve(now, k, 0, matrix, count, width)
                for stage in range(1, STAGES):
                    _point(x, point, k, stage, width)
                    if holds:
                        _freeze(point, frozen, held, count)
                    call(slopes, point, u, p, m, f)
                    _next(f, right, k, matrix, stage, 1.0 / tried, count, width)
                _end(x, point, k, width)
                error = _error(x, point, k, floors, ratios, tolerance, count, width)
            if error <= 1.0:
                break
            is_reduced = True
            step = tried * (max(0.1, 0.9 / sqrt(sqrt(error))) if error < 1e300 else 0.1)
            if step < SHORTEST * span or steps > MOST_STEPS:
                fault[0] = _cause(x, now, count, steps)
                fault[1] = _worst(x, now, ratios, count)
                return step
        for i in range(0, width, LANES):
            store(x, i, load(point, i))
        done += tried
        grown = tried * min(6.0, 0.9 / sqrt(sqrt(max(error, 1e-8))))
        if is_reduced:
            grown = min(grown, tried)
        is_reduced = False
        if is_last:
            return max(grown, step) if tried < step else grown
        step = max(grown, step) if tried < step else grown
        largest = step
        if steps > MOST_STEPS:
            fault[0], fault[1] = ENDLESS, _worst(x, now, ratios, count)
            return step


@_inline
def _at(x, frozen, point, held, holds, count, width):
    """The numbers at which to evaluate: those that are held as they were."""
    if not holds:
        return x
    for i in range(count):
        point[i] = frozen[i] if held[i] else x[i]
    return point


@_inline
def _is_still(f, count):
    still = True
    for i in range(count):
        still &= f[i] == 0.0
    return still


@_inline
def _freeze(point, frozen, held, count):
    for i in range(count):
        if held[i]:
            point[i] = frozen[i]


# -- a step ------------------------------------------------------------------------------------------------------------


@_kernel
def _invert(slopes_at, matrix, swaps, diagonal, held, holds, count, width):
    """The transpose of the inverse of ``diagonal`` - J, by Gauss and Jordan; False where there is none.

    ``matrix`` is (count, width) and starts as the transpose: a row of the result is what one right side adds to all numbers.
    """
    for j in range(count):
        for i in range(count):
            matrix[j * width + i] = 0.0 if holds and held[j] else -slopes_at[i * count + j]
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
    """Clear a column but for the pivot; in its place comes a column of the inverse. Numbers are taken eight at a time throughout, as
    to read eight of which one has just been written takes long."""
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


@_inline
def _solve(right, found, at, matrix, count, width):
    """The product of the inverse and a right side."""
    for c in range(0, width, LANES):
        total = same(0.0)
        for i in range(count):
            total = fused(same(right[i]), load(matrix, i * width + c), total)
        store(found, at + c, total)


@_inline
def _point(x, point, k, stage, width):
    """Where a stage looks at the slopes."""
    for c in range(0, width, LANES):
        total = load(x, c)
        for j in range(stage):
            total = fused(same(POINTS[stage, j]), load(k, j * width + c), total)
        store(point, c, total)


@_inline
def _next(f, right, k, matrix, stage, per_step, count, width):
    for c in range(0, width, LANES):
        total = load(f, c)
        for j in range(stage):
            total = fused(same(per_step * SLOPES[stage, j]), load(k, j * width + c), total)
        store(right, c, total)
    _solve(right, k, stage * width, matrix, count, width)


@_inline
def _end(x, point, k, width):
    """The numbers after the step."""
    for c in range(0, width, LANES):
        total = load(x, c)
        for j in range(STAGES - 1):
            total = fused(same(POINTS[STAGES - 1, j]), load(k, j * width + c), total)
        store(point, c, total + load(k, (STAGES - 1) * width + c))


@_inline
def _error(x, point, k, floors, ratios, tolerance, count, width):
    """The largest error over what is allowed; infinite where a number is not finite."""
    for c in range(0, width, LANES):
        size = larger_each(magnitude_each(load(x, c)), magnitude_each(load(point, c)))
        allowed = fused(same(tolerance), size, load(floors, c))
        store(ratios, c, magnitude_each(load(k, (STAGES - 1) * width + c)) / allowed)
    worst, total = 0.0, 0.0
    for i in range(count):
        total += ratios[i]
        worst = max(worst, ratios[i])
    return worst if total < np.inf else np.inf


# -- what went wrong ---------------------------------------------------------------------------------------------------


@_kernel
def _cause(x, now, count, steps):
    for i in range(count):
        if not (abs(x[i]) < np.inf and abs(now[i]) < np.inf):
            return NOT_FINITE
    return ENDLESS if steps > MOST_STEPS else SHRUNK


@_kernel
def _worst(x, now, ratios, count):
    """The number that is not finite, or that has the largest error."""
    worst = 0
    for i in range(count):
        if not (abs(x[i]) < np.inf and abs(now[i]) < np.inf):
            return i
        if not ratios[i] <= ratios[worst]:
            worst = i
    return worst
