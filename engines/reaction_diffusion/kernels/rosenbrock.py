"""A step of stiff reactions: a Rosenbrock method of order 4 with an embedded one of order 3.

RODAS (Hairer and Wanner 1996, Solving Ordinary Differential Equations II, section VI.4): six stages, gamma = 1/4, L-stable and
stiffly accurate. In the form without products of the Jacobian J with vectors, for x' = f(x) and a step h,

    (1 / (gamma h) - J) k_i = f(x + sum_(j<i) a_ij k_j) + sum_(j<i) c_ij k_j / h
    x' = x + sum_j a_6j k_j + k_6,   error k_6

The matrix is factored once, without exchange of rows: where a pivot has become small beside 1 / (gamma h), the step is too long,
and is refused. Linear invariants of f are invariants of the step.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from engines.compartmental_neurons.kernels.eight import LANES, fused, load, same, select_each, smaller_each, store
from engines.reaction_diffusion.kernels.addresses import place
from engines.reaction_diffusion.kernels.voxels import (
    END,
    ERRORS,
    NOW,
    NUMBERS,
    RIGHT,
    STAGES,
    TRIED,
    eight,
    evaluate,
    given,
    vector,
    weigh,
)

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
SMALLEST = 0.05
"""Of a pivot, beside 1 / (gamma h), which it is at least where each reaction turns one molecule into another."""
_kernel = njit(cache=True, nogil=True, error_model="numpy")


@_kernel
def implicit_step(slopes, work, count, inputs, p, m, holds, tolerance, floors, table, course):
    """Try a step of TRIED in each lane, from the numbers, their slopes and the Jacobian.

    END has numbers after it, ERRORS the largest error over what is allowed; ``course`` is where the elimination is in ``table``.
    """
    size, first = count * LANES, vector(count, STAGES)
    x, end, k = place(work, vector(count, NUMBERS)), place(work, vector(count, END)), place(work, first)
    now, right = place(work, vector(count, NOW)), place(work, vector(count, RIGHT))
    step = load(place(work, eight(count, TRIED)), 0)
    is_sound = _factor(work, step, count, inputs, holds, table, course)
    for stage in range(COUNT):
        slope = now
        if stage > 0:
            for i in range(0, size, LANES):
                total = load(x, i)
                for j in range(stage):
                    total = fused(same(POINTS[stage, j]), load(k, j * size + i), total)
                store(end, i, total)
            evaluate(slopes, work, vector(count, END), vector(count, RIGHT), count, inputs, p, m, holds)
            slope = right
        for i in range(0, size, LANES):
            total = same(0.0)
            for j in range(stage):
                total = fused(same(SLOPES[stage, j]), load(k, j * size + i), total)
            store(k, stage * size + i, load(slope, i) + total / step)
        _solve(work, first + stage * size, count, inputs, table, course)
    last = (COUNT - 1) * size
    for i in range(0, size, LANES):
        store(end, i, load(end, i) + load(k, last + i))
        store(right, i, load(k, last + i))
    weigh(work, vector(count, RIGHT), floors, tolerance, count)
    errors = place(work, eight(count, ERRORS))
    store(errors, 0, select_each(is_sound > same(0.0), load(errors, 0), same(np.inf)))


@_kernel
def _factor(work, step, count, inputs, holds, table, course):
    """The triangular factors of 1 / (gamma h) - J in place of the matrix, with an inverse diagonal; 1 in lanes where it went well.

    A number that is held moves no slope.
    """
    _, held, jacobian_at, matrix_at = given(count, inputs)
    jacobian, matrix, entries = place(work, jacobian_at), place(work, matrix_at), table[course]
    diagonal, zero = same(1.0) / (same(GAMMA) * step), same(0.0)
    for e in range(entries):
        at = table[course + 1 + e]
        value = -load(jacobian, at * LANES)
        if holds:
            value = select_each(load(place(work, held), at % count * LANES) > zero, zero, value)
        if at % (count + 1) == 0:
            value = value + diagonal
        store(matrix, at * LANES, value)
    smallest, starts = same(np.inf), course + 1 + entries
    for n in range(count):
        begin = course + table[starts + n]
        k, rows = table[begin], table[begin + 1]
        columns = table[begin + 2 + rows]
        pivot = load(matrix, k * (count + 1) * LANES)
        smallest = smaller_each(smallest, pivot)
        inverse = same(1.0) / pivot
        store(matrix, k * (count + 1) * LANES, inverse)
        for r in range(rows):
            row = table[begin + 2 + r] * count
            factor = load(matrix, (row + k) * LANES) * inverse
            store(matrix, (row + k) * LANES, factor)
            for c in range(columns):
                column = table[begin + 3 + rows + c]
                at = (row + column) * LANES
                store(matrix, at, fused(-factor, load(matrix, (k * count + column) * LANES), load(matrix, at)))
    return select_each(smallest > same(SMALLEST) * diagonal, same(1.0), zero)


@_kernel
def _solve(work, right, count, inputs, table, course):
    """One right side after the other becomes what it is the right side of."""
    _, _, _, matrix_at = given(count, inputs)
    matrix, x, starts = place(work, matrix_at), place(work, right), course + 1 + table[course]
    for n in range(count):
        begin = course + table[starts + n]
        k = table[begin]
        value = -load(x, k * LANES)
        for r in range(table[begin + 1]):
            row = table[begin + 2 + r]
            store(x, row * LANES, fused(value, load(matrix, (row * count + k) * LANES), load(x, row * LANES)))
    for m in range(count):
        begin = course + table[starts + count - 1 - m]
        k, rows = table[begin], table[begin + 1]
        value = load(x, k * LANES)
        for c in range(table[begin + 2 + rows]):
            column = table[begin + 3 + rows + c]
            value = fused(-load(matrix, (k * count + column) * LANES), load(x, column * LANES), value)
        store(x, k * LANES, value * load(matrix, k * (count + 1) * LANES))
