"""Propensities of reactions in rows (voxels with reactions), and rows in groups by powers of two of the sum of theirs.

Of a group a row is taken at random, and with the chance (its propensity) / (2^k of its group) one of its channels fires; else
nothing happens (thinning; composition and rejection of Slepoy, Thompson and Plimpton 2008). Every sum is worked out afresh from
its terms, so rounding errors do not pile up. A row stays in its group until it is above its bound or below a quarter of it.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from engines.reaction_diffusion.kernels.memory import behind, call, float64s, int32s, int64s
from engines.reaction_diffusion.kernels.records import (
    ACTIVE,
    ACTIVE_COUNT,
    BLOCK,
    BLOCKS,
    CHANNEL_COUNT,
    COEFFICIENTS,
    COEFFICIENTS_OF,
    COUNTS,
    FACTOR_BASES,
    FACTOR_LESS,
    FACTOR_OWN,
    FACTOR_STARTS,
    FAULT,
    FAULT_CHANNEL,
    FAULT_ROW,
    FIRST_CHANNEL,
    FREE,
    FREE_COUNT,
    GROUP_SIZES,
    GROUPS,
    HAS_LAWS,
    INPUT_COLUMNS,
    INPUT_COUNT,
    IS_LAW,
    LAST_INPUTS,
    LAWS,
    LEVELS,
    LOWEST,
    MEASURES,
    MEMBERS,
    NEGATIVE,
    NOT_FINITE,
    NUMBERS,
    PATCH,
    PATCH_RECORDS,
    POSITIONS,
    PROPENSITIES,
    ROOM,
    ROW,
    ROW_AT,
    ROW_CHANNELS,
    ROW_COEFFICIENTS,
    ROW_INPUTS,
    ROW_MEASURES,
    ROW_PATCH,
    ROW_RECORDS,
    ROW_VOXEL,
    ROWS_SUM,
    SCRATCH,
    SHARED_COUNT,
    SHARED_LIST,
    SPECIES_COUNT,
    STATE_COUNT,
    TOO_FAST,
    VALUES,
    VOXELS,
)

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_EXPONENT = np.uint64(52)
_TO_ONE = np.uint64(0x3FF)


# -- one row -------------------------------------------------------------------------------------------------------------------


@_kernel
def record_of(fixed, row):
    """The record of a row."""
    return behind(int64s(fixed[ROW_RECORDS]), row * ROW)


@_kernel
def patch_of(fixed, record):
    """The record of the patch of a row."""
    return behind(int64s(fixed[PATCH_RECORDS]), record[ROW_PATCH] * PATCH)


@_kernel
def gather(fixed, work, state, record, patch):
    """Numbers of a row, as its chemistry has them: species, states, then its inputs; addresses as pointers."""
    x = float64s(work[SCRATCH])
    shared, number = int64s(patch[SHARED_LIST]), patch[SHARED_COUNT]
    for k in range(number):
        x[k] = state[shared[k] * fixed[VOXELS] + record[ROW_VOXEL]]
    own = patch[SPECIES_COUNT] + patch[STATE_COUNT] - number
    for k in range(own):
        x[number + k] = state[record[ROW_AT] + k]
    u = behind(x, number + own)
    columns, inputs = behind(int64s(fixed[INPUT_COLUMNS]), record[ROW_INPUTS]), float64s(work[LAST_INPUTS])
    for k in range(patch[INPUT_COUNT]):
        u[k] = inputs[columns[k]]
    return x, u, float64s(patch[VALUES]), behind(float64s(fixed[MEASURES]), record[ROW_MEASURES]), behind(u, patch[INPUT_COUNT])


@_kernel
def product(fixed, state, record, channel):
    """n (n - 1) … of the reactants of a channel, 0 where there are too few."""
    starts, bases = int32s(fixed[FACTOR_STARTS]), int64s(fixed[FACTOR_BASES])
    own, less = int32s(fixed[FACTOR_OWN]), float64s(fixed[FACTOR_LESS])
    found = 1.0
    for f in range(starts[channel], starts[channel + 1]):
        place = bases[f] + (record[ROW_AT] if own[f] else record[ROW_VOXEL])
        there = state[place] - less[f]
        found *= there if there > 0.0 else 0.0
    return found


@_kernel
def fail(work, fault, row, channel):
    """Note the first fault."""
    counts = int64s(work[COUNTS])
    if counts[FAULT] == 0:
        counts[FAULT], counts[FAULT_ROW], counts[FAULT_CHANNEL] = fault, row, channel


@_kernel
def fill_laws(fixed, work, state, row, record, patch):
    """Propensities of all rate laws of a row; of one with too few reactants 0."""
    x, u, p, m, v = gather(fixed, work, state, record, patch)
    call(patch[LAWS], x, u, p, m, v)
    is_law, first = int32s(fixed[IS_LAW]), patch[FIRST_CHANNEL]
    propensities = behind(float64s(work[PROPENSITIES]), record[ROW_CHANNELS])
    for k in range(patch[CHANNEL_COUNT]):
        if not is_law[first + k]:
            continue
        if not abs(v[k]) < 1e300:
            fail(work, NOT_FINITE, row, k)
            v[k] = 0.0
        propensities[k] = v[k] if v[k] > 0.0 and product(fixed, state, record, first + k) > 0.0 else 0.0


@_kernel
def fill_coefficients(fixed, work, state, row, record, patch):
    """Coefficients of mass action of a row, as its inputs and states are now."""
    x, u, p, m, _ = gather(fixed, work, state, record, patch)
    into = behind(float64s(work[COEFFICIENTS]), record[ROW_COEFFICIENTS])
    call(patch[COEFFICIENTS_OF], x, u, p, m, into)
    for channel in range(patch[CHANNEL_COUNT]):
        if not abs(into[channel]) < 1e300:
            fail(work, NOT_FINITE, row, channel)
        elif into[channel] < 0.0:
            fail(work, NEGATIVE, row, channel)


@_kernel
def fill(fixed, work, state, row):
    """All propensities of a row, and its group."""
    record = record_of(fixed, row)
    patch = patch_of(fixed, record)
    propensities = behind(float64s(work[PROPENSITIES]), record[ROW_CHANNELS])
    coefficients = behind(float64s(work[COEFFICIENTS]), record[ROW_COEFFICIENTS])
    for k in range(patch[CHANNEL_COUNT]):
        propensities[k] = coefficients[k] * product(fixed, state, record, patch[FIRST_CHANNEL] + k)
    if patch[HAS_LAWS]:
        fill_laws(fixed, work, state, row, record, patch)
    regroup(work, row, _sum(propensities, patch[CHANNEL_COUNT]))


@_kernel
def refresh(fixed, work, state, row, moved, first, last):
    """Propensities of some channels of a row, listed from ``first`` to before ``last``, and its group."""
    record = record_of(fixed, row)
    patch = patch_of(fixed, record)
    begin = patch[FIRST_CHANNEL]
    propensities = behind(float64s(work[PROPENSITIES]), record[ROW_CHANNELS])
    coefficients = behind(float64s(work[COEFFICIENTS]), record[ROW_COEFFICIENTS])
    is_law, moves_laws = int32s(fixed[IS_LAW]), False
    for d in range(first, last):
        channel = moved[d]
        if is_law[channel]:
            moves_laws = True
        else:
            propensities[channel - begin] = coefficients[channel - begin] * product(fixed, state, record, channel)
    if moves_laws:
        fill_laws(fixed, work, state, row, record, patch)
    regroup(work, row, _sum(propensities, patch[CHANNEL_COUNT]))


@_kernel
def _sum(values, count):
    """In four sums side by side, which takes less time."""
    a = b = c = d = 0.0
    even = count - count % 4
    for k in range(0, even, 4):
        a += values[k]
        b += values[k + 1]
        c += values[k + 2]
        d += values[k + 3]
    for k in range(even, count):
        a += values[k]
    return (a + b) + (c + d)


# -- groups --------------------------------------------------------------------------------------------------------------------


@_kernel
def bound_of(group):
    """2^(group + LOWEST)."""
    return np.uint64(group + LOWEST + 1023 << 52).view(np.float64)


@_kernel
def regroup(work, row, propensity):
    """A row of some propensity goes to the group where it belongs, if it is in none or no longer fits the one it is in."""
    levels = int32s(work[LEVELS])
    group = levels[row]
    if group >= 0:
        bound = bound_of(group)
        if propensity <= bound and propensity > 0.25 * bound:
            return
        _leave(work, row, group)
    elif propensity == 0.0:
        return
    levels[row] = -1
    if propensity > 0.0:
        exponent = np.int64(np.float64(propensity).view(np.uint64) >> _EXPONENT) - 1023
        group = max(0, exponent + 1 - LOWEST)
        if group >= GROUPS:
            fail(work, TOO_FAST, row, -1)
            group = GROUPS - 1
        levels[row] = group
        _join(work, row, group)
    _add_up(work)


@_kernel
def _join(work, row, group):
    sizes, members, counts = int64s(work[GROUP_SIZES]), int32s(work[MEMBERS]), int64s(work[COUNTS])
    blocks = behind(int32s(work[BLOCKS]), group * work[ROOM])
    size = sizes[group]
    if size % BLOCK == 0:
        counts[FREE_COUNT] -= 1
        blocks[size // BLOCK] = int32s(work[FREE])[counts[FREE_COUNT]]
    if size == 0:
        _activate(work, group)
    position = blocks[size // BLOCK] * BLOCK + size % BLOCK
    members[position] = row
    int32s(work[POSITIONS])[row] = position
    sizes[group] = size + 1


@_kernel
def _leave(work, row, group):
    sizes, members, positions = int64s(work[GROUP_SIZES]), int32s(work[MEMBERS]), int32s(work[POSITIONS])
    blocks, counts = behind(int32s(work[BLOCKS]), group * work[ROOM]), int64s(work[COUNTS])
    size = sizes[group] - 1
    last = members[blocks[size // BLOCK] * BLOCK + size % BLOCK]
    members[positions[row]] = last
    positions[last] = positions[row]
    sizes[group] = size
    if size % BLOCK == 0:
        int32s(work[FREE])[counts[FREE_COUNT]] = blocks[size // BLOCK]
        counts[FREE_COUNT] += 1
    if size == 0:
        _deactivate(work, group)


@_kernel
def _activate(work, group):
    active, counts = int32s(work[ACTIVE]), int64s(work[COUNTS])
    k = counts[ACTIVE_COUNT]
    while k > 0 and active[k - 1] < group:
        active[k] = active[k - 1]
        k -= 1
    active[k] = group
    counts[ACTIVE_COUNT] += 1


@_kernel
def _deactivate(work, group):
    active, counts = int32s(work[ACTIVE]), int64s(work[COUNTS])
    k = 0
    while active[k] != group:
        k += 1
    counts[ACTIVE_COUNT] -= 1
    for j in range(k, counts[ACTIVE_COUNT]):
        active[j] = active[j + 1]


@_kernel
def _add_up(work):
    active, sizes, total = int32s(work[ACTIVE]), int64s(work[GROUP_SIZES]), 0.0
    for k in range(int64s(work[COUNTS])[ACTIVE_COUNT]):
        total += bound_of(active[k]) * sizes[active[k]]
    float64s(work[NUMBERS])[ROWS_SUM] = total


@_kernel
def take_row(work, x):
    """The row at x, from 0 to the sum of all groups, and the bound of its group; -1 where rounding led past the end."""
    active, sizes = int32s(work[ACTIVE]), int64s(work[GROUP_SIZES])
    for k in range(int64s(work[COUNTS])[ACTIVE_COUNT]):
        group = active[k]
        bound = bound_of(group)
        width = bound * sizes[group]
        if x < width:
            slot = min(int(x / bound), sizes[group] - 1)
            block = int32s(work[BLOCKS])[group * work[ROOM] + slot // BLOCK]
            return int32s(work[MEMBERS])[block * BLOCK + slot % BLOCK], bound
        x -= width
    return -1, 1.0
