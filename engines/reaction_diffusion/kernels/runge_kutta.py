"""A step of reactions that are not stiff: the explicit method of order 5, with one of order 4 in it, of Dormand and Prince (1980).

    k_i = f(x + h sum_(j<i) a_ij k_j),    x' = x + h sum_j a_7j k_j,    error h sum_j e_j k_j

Its last slopes are the first of the next step.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from engines.compartmental_neurons.kernels.eight import LANES, fused, load, same, store
from engines.reaction_diffusion.kernels.addresses import call, place
from engines.reaction_diffusion.kernels.voxel import END, NOW, NUMBERS, RIGHT, STAGES, probe, weigh

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
ERRORS = np.array([71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40])
"""e_j"""


@njit(cache=True, nogil=True, error_model="numpy")
def explicit_step(slopes, work, u, p, m, held, holds, step, tolerance, floors, count, width):
    """Try a step from the numbers of a voxel and their slopes; the largest error over what is allowed.

    ``END`` has the numbers after it, and the last of the stages the slopes there.
    """
    x, end, k = place(work, NUMBERS * width), place(work, END * width), place(work, STAGES * width)
    now, right = place(work, NOW * width), place(work, RIGHT * width)
    for c in range(0, width, LANES):
        store(k, c, load(now, c))
    for stage in range(1, COUNT):
        for c in range(0, width, LANES):
            total = same(POINTS[stage, 0]) * load(k, c)
            for j in range(1, stage):
                total = fused(same(POINTS[stage, j]), load(k, j * width + c), total)
            store(end, c, fused(same(step), total, load(x, c)))
        call(slopes, probe(work, END, held, holds, count, width), u, p, m, place(work, (STAGES + stage) * width))
    for c in range(0, width, LANES):
        total = same(ERRORS[0]) * load(k, c)
        for j in range(1, COUNT):
            total = fused(same(ERRORS[j]), load(k, j * width + c), total)
        store(right, c, same(step) * total)
    return weigh(work, right, floors, same(tolerance), count, width)
