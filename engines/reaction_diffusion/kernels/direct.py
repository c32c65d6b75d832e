"""Single events in one voxel, exactly: the direct method (Gillespie 1977).

Everything that happens, reactions of up to two molecules, uptake and loss, is a channel: k x_i x_j, x being 1, then the numbers
that are changed, then n - 1 of those of which two react. After an event all propensities are worked out anew: for some tens of
channels that takes less time than to look up which have changed, and rounding errors do not pile up. A channel is looked for first
among sums of four, then among four; all change as many numbers, some by 0, so that the processor knows how many.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from numba import njit

from engines.reaction_diffusion.kernels.events import draw
from engines.reaction_diffusion.kernels.memory import behind, float64s, int32s, int64s
from engines.reaction_diffusion.kernels.records import (
    AT,
    BATCH,
    COUNTS,
    EVENTS,
    EXPONENTIALS,
    KEPT,
    LEFT,
    NUMBERS,
    ONE_AMOUNTS,
    ONE_AT,
    ONE_CHANGES,
    ONE_CHANNELS,
    ONE_COEFFICIENTS,
    ONE_COUNT,
    ONE_FACTORS,
    ONE_FEWER,
    ONE_PAIRS,
    ONE_PLACES,
    SCRATCH,
    SOUND,
    TIME,
    UNIFORMS,
)

_kernel = njit(cache=True, nogil=True, error_model="numpy")


@_kernel
def run_one(fixed, work, state, limit):
    """All events until the time that is left of the step is over, or there were ``limit``."""
    counts, numbers = int64s(work[COUNTS]), float64s(work[NUMBERS])
    exponentials, uniforms = float64s(work[EXPONENTIALS]), float64s(work[UNIFORMS])
    places, count, channels = int64s(fixed[ONE_PLACES]), fixed[ONE_COUNT], fixed[ONE_CHANNELS]
    factors, k, fewer = int32s(fixed[ONE_FACTORS]), float64s(work[ONE_COEFFICIENTS]), int32s(fixed[ONE_FEWER])
    changes, changed, amounts = fixed[ONE_CHANGES], int32s(fixed[ONE_AT]), float64s(fixed[ONE_AMOUNTS])
    x = float64s(work[SCRATCH])
    a = behind(x, count + fixed[ONE_PAIRS] + 2)
    upto = behind(a, channels)  # sums of the fours up to each
    fours = channels // 4
    x[0] = 1.0
    for j in range(count):
        x[j + 1] = state[places[j]]
    for j in range(fixed[ONE_PAIRS]):
        one_fewer = x[fewer[j]] - 1.0  # -1 where there is none, which goes on to 0 with the first; a part of one makes no pair
        x[count + 1 + j] = 0.0 if -1.0 < one_fewer < 0.0 else one_fewer
    left, time, at, events = numbers[LEFT], numbers[TIME], counts[AT], counts[EVENTS]
    while True:
        total = 0.0
        for four in range(fours):
            c = 4 * four
            a0 = k[c] * (x[factors[2 * c]] * x[factors[2 * c + 1]])
            a1 = k[c + 1] * (x[factors[2 * c + 2]] * x[factors[2 * c + 3]])
            a2 = k[c + 2] * (x[factors[2 * c + 4]] * x[factors[2 * c + 5]])
            a3 = k[c + 3] * (x[factors[2 * c + 6]] * x[factors[2 * c + 7]])
            a[c], a[c + 1], a[c + 2], a[c + 3] = a0, a1, a2, a3
            total += (a0 + a1) + (a2 + a3)
            upto[four] = total
        if left >= time * total or events >= limit:
            break  # numba 0.68: a number of the loop that is set on the way out has a wrong value within it, so nothing is
        time -= left / total
        target = uniforms[at & KEPT] * total
        at += 1
        if at % BATCH == 0:
            draw(work, at + BATCH)
        left = exponentials[at & KEPT]
        four = 0
        while four < fours - 1 and target >= upto[four]:
            four += 1
        target -= upto[four - 1] if four > 0 else 0.0
        c, sum_here = 4 * four, a[4 * four]
        while c < 4 * four + 3 and target >= sum_here:
            c += 1
            sum_here += a[c]
        if a[c] <= 0.0:  # rounding led past the last that can happen
            continue
        for j in range(c * changes, (c + 1) * changes):
            x[changed[j]] += amounts[j]
        events += 1
    for j in range(count):
        state[places[j]] = x[j + 1]
    is_over = left >= time * total
    numbers[LEFT], numbers[TIME] = (left - time * total, 0.0) if is_over else (left, time)
    counts[AT], counts[EVENTS] = at, events
    return SOUND
