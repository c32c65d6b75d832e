"""Reactions in one voxel over some time, to a tolerance: explicit steps where they are not stiff, implicit ones where they are.

Whether they are is read from the Jacobian J: min(|J|_1, |J|_inf) is no less than its spectral radius. It is looked at before
implicit steps, and when an explicit step has too large an error.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from engines.compartmental_neurons.kernels.eight import LANES, load, store
from engines.equations.maths import sqrt
from engines.reaction_diffusion.kernels.addresses import call, place
from engines.reaction_diffusion.kernels.deterministic_records import ENDLESS, NOT_FINITE, SHRUNK
from engines.reaction_diffusion.kernels.rosenbrock import stiff_step
from engines.reaction_diffusion.kernels.runge_kutta import COUNT, explicit_step
from engines.reaction_diffusion.kernels.voxel import END, FROZEN, MATRIX, NOW, NUMBERS, RATIOS, STAGES, probe

CALM, STIFF = 2.0, 4.0
"""|J| span up to which implicit steps are given up for explicit ones, and from which on it is the other way round."""
SHORTEST, MOST_STEPS = 1e-12, 1_000_000
"""Part of a span below which steps are said to have shrunk to nothing; and how many there may be."""
SAFETY = 0.9
_kernel = njit(cache=True, nogil=True, error_model="numpy")
_inline = njit(cache=True, nogil=True, error_model="numpy", forceinline=True)


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
        Step that was about right at the end of the last span, with a minus where it was an explicit one; 0: none yet.
    tolerance, floors
        Relative error allowed in a span; (width,) errors that never matter.
    held, holds
        (count,) whether the slope of a number leaves it as it is and is added up in its place; whether there are any.
    work
        See ``voxel``: the first ``count`` numbers are those of the voxel, before and after.
    fault
        (5,) what went wrong, or 0, and with which number.

    Returns
    -------
    What to keep for the next span.
    """
    width = (count + LANES - 1) // LANES * LANES
    x, end, now = place(work, NUMBERS * width), place(work, END * width), place(work, NOW * width)
    if holds:
        _copy(place(work, FROZEN * width), x, width)
    call(slopes, probe(work, NUMBERS, held, holds, count, width), u, p, m, now)
    step, is_stiff = abs(kept) if kept != 0.0 else span, kept >= 0.0
    done, steps, is_known, was_refused = 0.0, 0, False, False
    while True:
        if _is_still(now, count):
            return step if is_stiff else -step
        if is_stiff and not is_known:
            is_known = True
            call(jacobian, probe(work, NUMBERS, held, holds, count, width), u, p, m, place(work, (MATRIX + count) * width))
            is_stiff = _size(work, count, width) * span > CALM
        left = span - done
        is_last = step >= left * (1.0 - 1e-10)
        tried = left if is_last else (0.5 * left if step > 0.5 * left else step)
        steps += 1
        if is_stiff:
            error = stiff_step(slopes, work, u, p, m, held, holds, tried, tolerance, floors, count, width)
        else:
            error = explicit_step(slopes, work, u, p, m, held, holds, tried, tolerance, floors, count, width)
        right = max(tried * _factor(error, is_stiff), 0.0 if error > 1.0 or tried == step else step)
        if error <= 1.0:
            _copy(x, end, width)
            step = min(right, tried) if was_refused else right
            if is_last:
                return step if is_stiff else -step
            done += tried
            was_refused = is_known = False
            if is_stiff:
                call(slopes, probe(work, NUMBERS, held, holds, count, width), u, p, m, now)
            else:
                _copy(now, place(work, (STAGES + COUNT - 1) * width), width)
        else:
            step, was_refused = right, True
            if not is_stiff and not is_known:
                is_known = True
                call(jacobian, probe(work, NUMBERS, held, holds, count, width), u, p, m, place(work, (MATRIX + count) * width))
                is_stiff = not _size(work, count, width) * span < STIFF
                step = span if is_stiff else step
        if step < SHORTEST * span or steps > MOST_STEPS:
            fault[0], fault[1] = _cause(work, count, width, steps), _worst(work, count, width)
            return 0.0


@_inline
def _copy(target, source, width):
    for c in range(0, width, LANES):
        store(target, c, load(source, c))


@_inline
def _is_still(slopes, count):
    still = True
    for i in range(count):
        still &= slopes[i] == 0.0
    return still


@_inline
def _factor(error, is_stiff):
    """By how much the next step may be longer: error^(-1/4), or of the explicit method error^(-3/16), close to its -1/5."""
    if not error < 1e30:
        return 0.1
    root = sqrt(sqrt(max(error, 1e-12)))
    if not is_stiff:
        root = sqrt(root) * sqrt(sqrt(root))
    return min(max(SAFETY / root, 0.1), 6.0)


@_kernel
def _size(work, count, width):
    """min(|J|_1, |J|_inf), 1/s."""
    jacobian, columns = place(work, (MATRIX + count) * width), place(work, RATIOS * width)
    most, total = 0.0, 0.0
    for j in range(count):
        columns[j] = 0.0
    for i in range(count):
        row = 0.0
        for j in range(count):
            size = abs(jacobian[i * count + j])
            row += size
            columns[j] += size
        most = max(most, row)
        total += row
    largest = 0.0
    for j in range(count):
        largest = max(largest, columns[j])
    return min(most, largest) if total < np.inf else np.inf


# -- what went wrong ---------------------------------------------------------------------------------------------------


@_kernel
def _cause(work, count, width, steps):
    x, now = place(work, NUMBERS * width), place(work, NOW * width)
    for i in range(count):
        if not (abs(x[i]) < np.inf and abs(now[i]) < np.inf):
            return NOT_FINITE
    return ENDLESS if steps > MOST_STEPS else SHRUNK


@_kernel
def _worst(work, count, width):
    """The number that is not finite, or that has the largest error."""
    x, now, ratios, worst = place(work, NUMBERS * width), place(work, NOW * width), place(work, RATIOS * width), 0
    for i in range(count):
        if not (abs(x[i]) < np.inf and abs(now[i]) < np.inf):
            return i
        if not ratios[i] <= ratios[worst]:
            worst = i
    return worst
