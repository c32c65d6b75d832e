"""Reactions in eight voxels over some time, to a tolerance: explicit steps where they are not stiff, implicit ones where they are.

Each voxel has steps of its own; what one does makes no difference to another. Whether a voxel is stiff is read from its Jacobian J:
min(|J|_1, |J|_inf) is no less than the spectral radius. It is looked at before implicit steps, and when an explicit one is refused.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from engines.compartmental_neurons.kernels.eight import LANES, larger_each, load, magnitude_each, same, select_each, store
from engines.equations.maths import sqrt
from engines.reaction_diffusion.kernels.addresses import place
from engines.reaction_diffusion.kernels.deterministic_records import ENDLESS, NOT_FINITE, SHRUNK
from engines.reaction_diffusion.kernels.rosenbrock import implicit_step
from engines.reaction_diffusion.kernels.runge_kutta import COUNT, explicit_step
from engines.reaction_diffusion.kernels.voxels import (
    DONE,
    END,
    ERRORS,
    FINISHED,
    KNOWN,
    MASK,
    NOW,
    NUMBERS,
    REFUSED,
    RIGHT,
    ROOM,
    STAGES,
    STEP,
    STIFF,
    TRIED,
    evaluate,
    given,
    lanes,
    vector,
)

CALM, WILD = 2.0, 4.0
"""|J| span up to which implicit steps are given up for explicit ones, and from which on it is the other way round."""
SHORTEST, MOST_STEPS = 1e-12, 1_000_000
"""Part of a span below which steps are said to have shrunk to nothing; and how many there may be."""
SAFETY, ENOUGH = 0.9, 0.5
"""Steps are this part of what error estimates allow; a step over a whole span with so small an error is kept as it is."""
_kernel = njit(cache=True, nogil=True, error_model="numpy")
_inline = njit(cache=True, nogil=True, error_model="numpy", forceinline=True)


@_kernel
def react(slopes, jacobian, work, count, inputs, p, m, span, tolerance, floors, holds, table, course, fault):
    """Move the numbers of eight voxels on by a span of time.

    Parameters
    ----------
    slopes, jacobian
        Addresses of code for eight voxels.
    work
        See ``voxels``. NUMBERS before and after; STEP that is about right, and STIFF, whether it is an implicit one, also before
        and after; FINISHED in lanes without a voxel; inputs and what is held.
    tolerance, floors
        Relative error allowed in a step; (count,) errors that never matter.
    course
        Where the elimination is in ``table``.
    fault
        (6,) what went wrong, or 0; with which number; and, last, in which lane.
    """
    known, done = lanes(work, count, KNOWN), lanes(work, count, DONE)
    step, finished, refused = lanes(work, count, STEP), lanes(work, count, FINISHED), lanes(work, count, REFUSED)
    for lane in range(LANES):
        done[lane] = known[lane] = refused[lane] = 0.0
    evaluate(slopes, work, vector(count, NUMBERS), vector(count, NOW), count, inputs, p, m, holds)
    for _ in range(MOST_STEPS):
        _rest(work, count)
        explicit, implicit, unknown = _waiting(work, count)
        if explicit + implicit == 0:
            return
        if unknown:
            _judge(jacobian, work, count, inputs, p, m, span, holds, table, course)
            explicit, implicit, _ = _waiting(work, count)
        if explicit:
            _plan(work, count, span, 0.0, 0.0)
            explicit_step(slopes, work, count, inputs, p, m, holds, tolerance, floors)
            if _settle(work, count, span, 0.0):
                _judge(jacobian, work, count, inputs, p, m, span, holds, table, course)
            _take(work, count, vector(count, STAGES + COUNT - 1))
        if implicit:
            _plan(work, count, span, 1.0, span)
            implicit_step(slopes, work, count, inputs, p, m, holds, tolerance, floors, table, course)
            _settle(work, count, span, 1.0)
            _take(work, count, -1)
            if _is_left(work, count):
                evaluate(slopes, work, vector(count, NUMBERS), vector(count, NOW), count, inputs, p, m, holds)
        for lane in range(LANES):
            if finished[lane] == 0.0 and step[lane] < SHORTEST * span:
                _blame(work, count, lane, SHRUNK, fault)
                return
    for lane in range(LANES):
        if finished[lane] == 0.0:
            _blame(work, count, lane, ENDLESS, fault)
            return


@_inline
def _rest(work, count):
    """Voxels in which nothing changes any more are finished."""
    now, finished, room = place(work, vector(count, NOW)), lanes(work, count, FINISHED), lanes(work, count, ROOM)
    total = same(0.0)
    for i in range(0, count * LANES, LANES):
        total = total + magnitude_each(load(now, i))  # what is not a number stays so
    store(room, 0, total)
    for lane in range(LANES):
        if room[lane] == 0.0:
            finished[lane] = 1.0


@_inline
def _waiting(work, count):
    """How many voxels wait for explicit and for implicit steps, and how many of these have no Jacobian yet."""
    stiff, known, finished = lanes(work, count, STIFF), lanes(work, count, KNOWN), lanes(work, count, FINISHED)
    explicit, implicit, unknown = 0, 0, 0
    for lane in range(LANES):
        if finished[lane] == 0.0:
            explicit += stiff[lane] == 0.0
            implicit += stiff[lane] != 0.0
            unknown += stiff[lane] != 0.0 and known[lane] == 0.0
    return explicit, implicit, unknown


@_inline
def _plan(work, count, span, is_stiff, otherwise):
    """The step to try in each lane: to the end of the span if that is not too long, to its middle rather than nearly to its end."""
    tried, step, done = lanes(work, count, TRIED), lanes(work, count, STEP), lanes(work, count, DONE)
    stiff, finished = lanes(work, count, STIFF), lanes(work, count, FINISHED)
    for lane in range(LANES):
        left = span - done[lane]
        if finished[lane] != 0.0 or stiff[lane] != is_stiff:
            tried[lane] = otherwise
        elif step[lane] >= left * (1.0 - 1e-10):
            tried[lane] = left
        else:
            tried[lane] = 0.5 * left if step[lane] > 0.5 * left else step[lane]


@_inline
def _settle(work, count, span, is_stiff):
    """Which lanes have taken their step, and which step comes next; whether the Jacobian of one that was refused is wanted."""
    tried, errors, step = lanes(work, count, TRIED), lanes(work, count, ERRORS), lanes(work, count, STEP)
    done, stiff = lanes(work, count, DONE), lanes(work, count, STIFF)
    known, refused = lanes(work, count, KNOWN), lanes(work, count, REFUSED)
    finished, mask = lanes(work, count, FINISHED), lanes(work, count, MASK)
    is_wanted = False
    for lane in range(LANES):
        mask[lane] = 0.0
        if finished[lane] != 0.0 or stiff[lane] != is_stiff:
            continue
        h, error = tried[lane], errors[lane]
        if error > 1.0:
            step[lane], refused[lane] = h * _factor(error, is_stiff), 1.0
            is_wanted |= is_stiff == 0.0 and known[lane] == 0.0
            continue
        mask[lane] = 1.0
        if h != span or error > ENOUGH:
            longest = 6.0 if refused[lane] == 0.0 else 1.0
            step[lane] = max(h * min(_factor(error, is_stiff), longest), 0.0 if h == step[lane] else step[lane])
        if h == span - done[lane]:
            finished[lane] = 1.0
        done[lane] += h
        refused[lane] = known[lane] = 0.0
    return is_wanted


@_inline
def _factor(error, is_stiff):
    """By how much the next step may be longer: error^(-1/4), or of the explicit method error^(-3/16), close to its -1/5."""
    if not error < 1e30:
        return 0.1
    root = sqrt(sqrt(max(error, 1e-12)))
    if is_stiff == 0.0:
        root = sqrt(root) * sqrt(sqrt(root))
    return min(max(SAFETY / root, 0.1), 6.0)


@_inline
def _take(work, count, slopes):
    """Numbers after the step, and slopes there if they are known, in lanes that have taken it."""
    x, end, now = place(work, vector(count, NUMBERS)), place(work, vector(count, END)), place(work, vector(count, NOW))
    is_taken = load(lanes(work, count, MASK), 0) > same(0.0)
    for i in range(0, count * LANES, LANES):
        store(x, i, select_each(is_taken, load(end, i), load(x, i)))
        if slopes >= 0:
            store(now, i, select_each(is_taken, load(place(work, slopes), i), load(now, i)))


@_inline
def _is_left(work, count):
    finished, found = lanes(work, count, FINISHED), False
    for lane in range(LANES):
        found |= finished[lane] == 0.0
    return found


@_kernel
def _judge(jacobian, work, count, inputs, p, m, span, holds, table, course):
    """Take the Jacobian, and decide where it is new whether a voxel is stiff."""
    _, _, at, _ = given(count, inputs)
    evaluate(jacobian, work, vector(count, NUMBERS), at, count, inputs, p, m, holds)
    stiff, known, finished = lanes(work, count, STIFF), lanes(work, count, KNOWN), lanes(work, count, FINISHED)
    step, refused, room = lanes(work, count, STEP), lanes(work, count, REFUSED), lanes(work, count, ROOM)
    store(room, 0, _size(work, at, count, table, course))
    for lane in range(LANES):
        if finished[lane] != 0.0 or known[lane] != 0.0:
            continue
        if stiff[lane] != 0.0:
            known[lane] = 1.0
            if room[lane] * span <= CALM:
                stiff[lane] = 0.0
        elif refused[lane] != 0.0:
            known[lane] = 1.0
            if not room[lane] * span < WILD:
                stiff[lane], step[lane] = 1.0, span


@_inline
def _size(work, at, count, table, course):
    """min(|J|_1, |J|_inf) of eight voxels, 1/s."""
    jacobian, columns = place(work, at), place(work, vector(count, RIGHT))
    for i in range(0, count * LANES, LANES):
        store(columns, i, same(0.0))
    most, row, last = same(0.0), same(0.0), -1
    for e in range(table[course]):
        entry = table[course + 1 + e]
        size = magnitude_each(load(jacobian, entry * LANES))
        if entry // count != last:
            row, last = same(0.0), entry // count
        row = row + size
        most = larger_each(row, most)
        column = entry % count * LANES
        store(columns, column, load(columns, column) + size)
    largest = same(0.0)
    for i in range(0, count * LANES, LANES):
        largest = larger_each(load(columns, i), largest)
    return select_each(most < largest, most, largest)


@_kernel
def _blame(work, count, lane, cause, fault):
    """What went wrong in a lane, and the number that is not finite, or that has the largest error."""
    x, now = place(work, vector(count, NUMBERS)), place(work, vector(count, NOW))
    ratios = place(work, vector(count, RIGHT))
    fault[0], fault[1], fault[5] = cause, 0, lane
    for i in range(count):
        if not (abs(x[i * LANES]) < np.inf and abs(now[i * LANES]) < np.inf):
            fault[0], fault[1] = NOT_FINITE, i
            return
        if not ratios[i * LANES] <= ratios[fault[1] * LANES]:
            fault[1] = i
