"""Reactions in rows (voxels with reactions), and rows in groups by powers of two of a bound on the sum of their propensities.

Of a group a row is taken at random, and with the chance (its propensity) / (2^k of its group) one of its channels fires; else
nothing happens (thinning; composition and rejection of Slepoy, Thompson and Plimpton 2008). Propensities are worked out for the row
that is taken, and only then: what the group was chosen by is a bound that holds as long as no shared species is above its *ceiling*
there, some more than were there (partial propensities are bounded so by Thanh, Priami and Zunino 2014). So a molecule that hops in
or out of a row costs one comparison. Rate laws need not grow with the numbers that they depend on; rows with any have ceilings
of -1, and their propensities are worked out whenever a number moves.
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
    FACTOR_SHARED,
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
    HIGH,
    INPUT_COLUMNS,
    INPUT_COUNT,
    IS_LAW,
    LAST_INPUTS,
    LAWS,
    LEVELS,
    LONE_PARTNERS,
    LONE_STARTS,
    LOWEST,
    MEASURES,
    MEMBERS,
    NEGATIVE,
    NOT_FINITE,
    NUMBERS,
    ORDERS,
    PATCH,
    PATCH_RECORDS,
    POSITIONS,
    ROOM,
    ROW,
    ROW_AT,
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
    SPECIES_FIRST,
    STATE_COUNT,
    TOO_FAST,
    VALUES,
    VOXELS,
    WAYS_OUT,
)

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_EXPONENT = np.uint64(52)
SLACK, NO_SLACK = 2, 31


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
    shared, less = int32s(fixed[FACTOR_SHARED]), float64s(fixed[FACTOR_LESS])
    found = 1.0
    for f in range(starts[channel], starts[channel + 1]):
        place = bases[f] + (record[ROW_AT] if shared[f] < 0 else record[ROW_VOXEL])
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
def laws_of(fixed, work, state, row, record, patch):
    """Propensities of the rate laws of a row (other channels are left as they are); of one with too few reactants 0."""
    x, u, p, m, v = gather(fixed, work, state, record, patch)
    call(patch[LAWS], x, u, p, m, v)
    is_law, first = int32s(fixed[IS_LAW]), patch[FIRST_CHANNEL]
    for k in range(patch[CHANNEL_COUNT]):
        if not is_law[first + k]:
            continue
        if not abs(v[k]) < 1e300:
            fail(work, NOT_FINITE, row, k)
            v[k] = 0.0
        elif not product(fixed, state, record, first + k) > 0.0:
            v[k] = 0.0
        elif v[k] < 0.0:
            fail(work, NEGATIVE, row, k)
            v[k] = 0.0
    return v


@_kernel
def rebound(fixed, work, state, row, slack):
    """New ceilings of a row, a bound on the sum of its propensities, and the group that goes with it.

    Ceilings are what is there and a quarter of it more, and no lower than they were (SLACK); where a row was taken in vain they are
    what is there (NO_SLACK).
    """
    record = record_of(fixed, row)
    patch = patch_of(fixed, record)
    first, total = patch[FIRST_CHANNEL], 0.0
    k, is_law = behind(float64s(work[COEFFICIENTS]), record[ROW_COEFFICIENTS]), int32s(fixed[IS_LAW])
    if patch[HAS_LAWS]:
        v = laws_of(fixed, work, state, row, record, patch)
        for c in range(patch[CHANNEL_COUNT]):
            total += v[c] if is_law[first + c] else k[c] * product(fixed, state, record, first + c)
    else:
        _set_ceilings(fixed, work, state, record, patch, slack)
        for c in range(patch[CHANNEL_COUNT]):
            if k[c] > 0.0:
                total += k[c] * _highest_product(fixed, work, state, record, first + c)
    regroup(work, row, total)


@_kernel
def _set_ceilings(fixed, work, state, record, patch, slack):
    """Of shared species that meet none of their partners, as long as those are the row's own, there are none."""
    ways, shared, orders = int32s(work[WAYS_OUT]), int64s(patch[SHARED_LIST]), int32s(fixed[ORDERS])
    starts, partners = int32s(fixed[LONE_STARTS]), int64s(fixed[LONE_PARTNERS])
    for j in range(patch[SHARED_COUNT]):
        place, species = shared[j] * fixed[VOXELS] + record[ROW_VOXEL], patch[SPECIES_FIRST] + j
        met, first, last = 0.0, starts[species], starts[species + 1]
        for k in range(first, last):
            met += state[partners[k] + record[ROW_AT]]
        if orders[species] == 0 or (first < last and met == 0.0):
            ways[2 * place + 1] = HIGH
        else:
            number, before = int(state[place]), ways[2 * place + 1]
            number += number + 2 >> slack
            ways[2 * place + 1] = before if slack == SLACK and number < before < HIGH else number


@_kernel
def _highest_product(fixed, work, state, record, channel):
    """The product of the reactants of a channel, with shared species at their ceilings."""
    starts, bases = int32s(fixed[FACTOR_STARTS]), int64s(fixed[FACTOR_BASES])
    shared, less = int32s(fixed[FACTOR_SHARED]), float64s(fixed[FACTOR_LESS])
    ways, found = int32s(work[WAYS_OUT]), 1.0
    for f in range(starts[channel], starts[channel + 1]):
        place = bases[f] + (record[ROW_AT] if shared[f] < 0 else record[ROW_VOXEL])
        number = state[place] if shared[f] < 0 else float(ways[2 * place + 1])
        found *= max(number - less[f], 0.0)
    return found


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
        exponent = int(np.float64(propensity).view(np.uint64) >> _EXPONENT) - 1023
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
