"""A step of reactions that are not stiff: the explicit method of order 5, with one of order 4 in it, of Dormand and Prince (1980).

    k_i = f(x + h sum_(j<i) a_ij k_j),    x' = x + h sum_j a_7j k_j,    error h sum_j e_j k_j

Its last slopes are the first of the next step.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from engines.compartmental_neurons.kernels.eight import LANES, fused, load, same, store
from engines.reaction_diffusion.kernels.addresses import place
from engines.reaction_diffusion.kernels.voxels import END, NOW, NUMBERS, RIGHT, STAGES, TRIED, eight, evaluate, vector, weigh

COUNT = 7
POINTS = np.array([
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [1 / 5, 0.0, 0.0, 0.0, 0.0, 0.0],
    [3 / 40, 9 / 40, 0.0, 0.0, 0.0, 0.0],
    [44 / 45, -56 / 15, 32 / 9, 0.0, 0.0, 0.0],
    [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729, 0.0, 0.0],
    [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656, 0.0],
    [35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
])  # fmt: skip
"""a_ij"""
WRONG = np.array([71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40])
"""e_j"""


@njit(cache=True, nogil=True, error_model="numpy")
def explicit_step(slopes, work, count, inputs, p, m, holds, tolerance, floors):
    """Try a step of TRIED in each lane, from the numbers and their slopes.

    END has the numbers after it, the last of the stages the slopes there, ERRORS the largest error over what is allowed.
    """
    size, first = count * LANES, vector(count, STAGES)
    x, end, k = place(work, vector(count, NUMBERS)), place(work, vector(count, END)), place(work, first)
    now, wrong = place(work, vector(count, NOW)), place(work, vector(count, RIGHT))
    step = load(place(work, eight(count, TRIED)), 0)
    for i in range(0, size, LANES):
        store(k, i, load(now, i))
    for stage in range(1, COUNT):
        for i in range(0, size, LANES):
            total = same(POINTS[stage, 0]) * load(k, i)
            for j in range(1, stage):
                total = fused(same(POINTS[stage, j]), load(k, j * size + i), total)
            store(end, i, fused(step, total, load(x, i)))
        evaluate(slopes, work, vector(count, END), first + stage * size, count, inputs, p, m, holds)
    for i in range(0, size, LANES):
        total = same(WRONG[0]) * load(k, i)
        for j in range(1, COUNT):
            total = fused(same(WRONG[j]), load(k, j * size + i), total)
        store(wrong, i, step * total)
    weigh(work, vector(count, RIGHT), floors, tolerance, count)
