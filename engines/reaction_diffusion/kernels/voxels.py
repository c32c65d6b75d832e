"""Memory in which the numbers of eight voxels are moved on: vectors of ``count`` eights, a lane for each voxel."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from engines.compartmental_neurons.kernels.eight import LANES, fused, larger_each, load, magnitude_each, same, select_each, store
from engines.reaction_diffusion.kernels.addresses import call, place

NUMBERS, END, PROBE, NOW, RIGHT, FROZEN, STAGES, INPUTS = (*range(7), 13)
"""Vectors: numbers before and after a step; where slopes are taken; slopes at the start; a right side, or errors; numbers as they
were, for those that are held; seven stages, or six. After them come the eights below, inputs, what is held, and two matrices.
"""
TRIED, ERRORS, STEP, DONE, STIFF, KNOWN, REFUSED, FINISHED, MASK, ROOM, EIGHTS = range(11)
"""Eights: the step that is tried, its largest error over what is allowed; the step to try next; s of the span that are done;
whether steps are implicit, the Jacobian is of these numbers, the last step was refused, all is done; which lanes a step counts for;
and one for anything.
"""
_inline = njit(cache=True, nogil=True, error_model="numpy", forceinline=True)


def room_for(count: int, inputs: int) -> int:
    """Numbers of memory that eight voxels of ``count`` numbers take."""
    return ((INPUTS + 1) * count + EIGHTS + inputs + count + 2 * count * count) * LANES


@_inline
def vector(count, which):
    """Where a vector is."""
    return which * count * LANES


@_inline
def eight(count, which):
    """Where one of the eights is."""
    return ((INPUTS + 1) * count + which) * LANES


@_inline
def lanes(work, count, which):
    """One of the eights."""
    return place(work, eight(count, which))


@_inline
def given(count, inputs):
    """Where inputs, what is held, the Jacobian and the matrix are."""
    at = eight(count, EIGHTS)
    held = at + inputs * LANES
    jacobian = held + count * LANES
    return at, held, jacobian, jacobian + count * count * LANES


@_inline
def evaluate(code, work, at, found, count, inputs, p, m, holds):
    """Code for eight voxels, of one of the vectors; numbers that are held are as they were."""
    u, held, _, _ = given(count, inputs)
    x = place(work, at)
    if holds:
        x = place(work, vector(count, PROBE))
        for i in range(0, count * LANES, LANES):
            is_held = load(place(work, held), i) > same(0.0)
            store(x, i, select_each(is_held, load(place(work, vector(count, FROZEN)), i), load(place(work, at), i)))
    call(code, x, place(work, u), p, m, place(work, found))


@_inline
def weigh(work, error, floors, tolerance, count):
    """Into ERRORS, of each lane: the largest error over what is allowed, which is floor + tolerance * size before or after.

    Infinite where a number is not finite.
    """
    before, after = place(work, vector(count, NUMBERS)), place(work, vector(count, END))
    errors, worst, sound = place(work, error), same(0.0), same(0.0)
    for i in range(count):
        at = i * LANES
        size = larger_each(magnitude_each(load(before, at)), magnitude_each(load(after, at)))
        ratio = magnitude_each(load(errors, at)) / fused(same(tolerance), size, same(floors[i]))
        store(errors, at, ratio)
        sound = sound + ratio
        worst = larger_each(worst, ratio)
    store(place(work, eight(count, ERRORS)), 0, select_each(sound < same(np.inf), worst, same(np.inf)))
