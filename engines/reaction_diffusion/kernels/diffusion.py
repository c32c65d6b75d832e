"""Diffusion along one axis over a time h, implicitly: lines of voxels eight at a time, and trees.

With c = n / V, conductances g to neighbours and w to the outside, V dc/dt = G c is solved by the two-stage SDIRK scheme with
gamma = 1 - 1/sqrt(2) (Alexander 1977: second order, L-stable). For a linear equation z = h G / V its step is
R(z) = u + (1 + sqrt 2) u (u - 1) with u = 1 / (1 - gamma z), so with B = (V - gamma h G)^-1, in increments of c,

    a = B gamma h G c,    b = B V a,    n' = n + V (a + (1 + sqrt 2) b)

or, by backward Euler, gamma = 1 and n' = n + V a. Increments sum to 0 to rounding, and vanish where nothing changes, so that
nothing drifts. What leaves is that of the two stages, n + V a and n'. A voxel that is held has an increment of 0.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from numba import njit

from engines.compartmental_neurons.kernels.eight import LANES, fused, larger_each, load, same, store
from engines.compartmental_neurons.kernels.pointers import place
from engines.reaction_diffusion.kernels.deterministic_records import (
    BLOCK,
    COEFFICIENTS,
    COUNT,
    FIELD,
    FRACTION,
    FRACTION_STRIDE,
    GAMMA,
    GROUP,
    HELD,
    IS_SECOND_ORDER,
    KIND,
    LEDGERS,
    LENGTH,
    LINES,
    PIECE,
    ROW_UNITS,
    SECOND,
    STRIDE,
    TABLES,
    TALLIES,
    TREE,
    UNITS,
    UPTAKE,
)
from engines.reaction_diffusion.kernels.trees import sweep_tree

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_inline = njit(cache=True, nogil=True, error_model="numpy", forceinline=True)


@_kernel
def sweep(state, numbers, table, record, first, last, parts, work):
    """Some units of work of one sweep.

    Parameters
    ----------
    state
        (size,) of a replica.
    record
        (SWEEP,) whole numbers.
    first, last
        Units, the last left out.
    parts
        (2 units,) of each unit: what has left or was taken up, what was supplied.
    work
        Memory to work in.
    """
    kind = record[KIND]
    if kind == LINES:
        for unit in range(first, last):
            _group(state, numbers, table, record, unit, parts, work)
    elif kind == TREE:
        sweep_tree(state, numbers, table, record, parts, work)
    elif kind == UPTAKE:
        for unit in range(first, last):
            _take_up(state, numbers, record, unit, parts)
    else:
        _take_up_held(state, numbers, table, record, parts)


@_kernel
def settle(state, record, parts, carries, ledgers):
    """Note what all units of a sweep have given."""
    kind = record[KIND]
    if not record[TALLIES]:
        return
    left, supplied = 0.0, 0.0
    for unit in range(record[UNITS]):
        left += parts[2 * unit]
        supplied += parts[2 * unit + 1]
    note(state, record[LEDGERS] + (1 if kind in (LINES, TREE) else 2), left, carries, ledgers)
    note(state, record[LEDGERS] + 3, supplied, carries, ledgers)


@_kernel
def note(state, ledger, amount, carries, ledgers):
    """Add to a ledger; what rounding takes away is carried to the next time (Kahan)."""
    missing = amount - carries[ledger - ledgers]
    total = state[ledger] + missing
    carries[ledger - ledgers] = (total - state[ledger]) - missing
    state[ledger] = total


# -- lines -------------------------------------------------------------------------------------------------------------


@_kernel
def _group(state, numbers, table, record, unit, parts, work):
    """Some blocks of eight lines."""
    length, is_second_order = record[LENGTH], record[IS_SECOND_ORDER]
    size = length * LANES
    first, lines = _lines_of(record, unit)
    if record[ROW_UNITS]:
        _gather_near(state, record, first, lines, work)
    else:
        _gather_far(state, record, first, lines, work)
    a, b, room = place(work, GROUP * size), place(work, (GROUP + 1) * size), place(work, (GROUP + 2) * size)
    left, supplied = 0.0, 0.0
    for block in range((lines + LANES - 1) // LANES):
        entry = record[TABLES] + (unit * GROUP + block) * BLOCK
        factors, walls, n = place(numbers, table[entry]), table[entry + 1], place(work, block * size)
        if walls >= 0:
            _solve_walled(n, a, factors, place(numbers, walls), length)
        else:
            _solve(n, a, factors, length)
        if is_second_order:
            _solve_again(a, b, factors, length)
        out = 0.0
        if walls >= 0:
            out = _leaving(n, a, b, factors, place(numbers, walls), length, is_second_order, room)
            left += out
        if table[entry + 2]:
            supplied += _growth(a, b, factors, length, is_second_order, room) + out
        if is_second_order:
            _finish(n, a, b, factors, length)
        else:
            _finish_first_order(n, a, factors, length)
    if record[ROW_UNITS]:
        _scatter_near(state, record, first, lines, work)
    else:
        _scatter_far(state, record, first, lines, work)
    parts[2 * unit], parts[2 * unit + 1] = left, supplied


@_inline
def _lines_of(record, unit):
    """The first of the lines of a unit, and how many they are."""
    row_units, most = record[ROW_UNITS], GROUP * LANES
    if row_units:
        within = unit % row_units * most
        return unit // row_units * record[STRIDE] + within, min(most, record[STRIDE] - within)
    return unit * most, min(most, record[COUNT] - unit * most)


@_inline
def _base(record, line):
    """Where a line begins in the state."""
    stride = record[STRIDE]
    return record[FIELD] + line // stride * (stride * record[LENGTH]) + line % stride


@_kernel
def _gather_near(state, record, first, lines, work):
    """Numbers of lines that are side by side, eight by eight."""
    length, stride, size = record[LENGTH], record[STRIDE], record[LENGTH] * LANES
    source, target, whole = place(state, _base(record, first)), place(work, 0), lines // LANES
    for i in range(length):
        for block in range(whole):
            store(target, block * size + i * LANES, load(source, i * stride + block * LANES))
        if lines % LANES:
            for k in range(LANES):
                inside = whole * LANES + k < lines
                target[whole * size + i * LANES + k] = source[i * stride + whole * LANES + k] if inside else 0.0


@_kernel
def _scatter_near(state, record, first, lines, work):
    length, stride, size = record[LENGTH], record[STRIDE], record[LENGTH] * LANES
    target, source, whole = place(state, _base(record, first)), place(work, 0), lines // LANES
    for i in range(length):
        for block in range(whole):
            store(target, i * stride + block * LANES, load(source, block * size + i * LANES))
        for k in range(lines % LANES):
            target[i * stride + whole * LANES + k] = source[whole * size + i * LANES + k]


@_kernel
def _gather_far(state, record, first, lines, work):
    """The same of lines that are anywhere."""
    length, stride, size = record[LENGTH], record[STRIDE], record[LENGTH] * LANES
    for k in range((lines + LANES - 1) // LANES * LANES):
        target = place(work, k // LANES * size + k % LANES)
        if k < lines:
            source = place(state, _base(record, first + k))
            for i in range(length):
                target[i * LANES] = source[i * stride]
        else:
            for i in range(length):
                target[i * LANES] = 0.0


@_kernel
def _scatter_far(state, record, first, lines, work):
    length, stride, size = record[LENGTH], record[STRIDE], record[LENGTH] * LANES
    for k in range(lines):
        source, target = place(work, k // LANES * size + k % LANES), place(state, _base(record, first + k))
        for i in range(length):
            target[i * stride] = source[i * LANES]


@_inline
def _back(a, factors, length):
    """From the right side that has been eliminated to increments: a_i = inverse_i a_i + factor_(i+1) a_(i+1)."""
    after, factor = same(0.0), same(0.0)
    for k in range(length):
        i = length - 1 - k
        at = i * COEFFICIENTS * LANES
        after = fused(factor, after, load(factors, at + 2 * LANES) * load(a, i * LANES))
        factor = load(factors, at + LANES)
        store(a, i * LANES, after)


@_kernel
def _solve(n, a, factors, length):
    """a = B gamma h G c, of eight lines."""
    c, flux, known = load(n, 0) * load(factors, 4 * LANES), same(0.0), same(0.0)
    for i in range(length):
        at = i * COEFFICIENTS * LANES
        following, out = c, same(0.0)
        if i + 1 < length:
            following = load(n, (i + 1) * LANES) * load(factors, at + (COEFFICIENTS + 4) * LANES)
            out = load(factors, at + COEFFICIENTS * LANES) * (c - following)
        known = fused(load(factors, at + LANES), known, flux - out)
        store(a, i * LANES, known)
        c, flux = following, out
    _back(a, factors, length)


@_kernel
def _solve_walled(n, a, factors, walls, length):
    """The same with conductances to the outside."""
    c, flux, known = load(n, 0) * load(factors, 4 * LANES), same(0.0), same(0.0)
    for i in range(length):
        at = i * COEFFICIENTS * LANES
        following, out = c, same(0.0)
        if i + 1 < length:
            following = load(n, (i + 1) * LANES) * load(factors, at + (COEFFICIENTS + 4) * LANES)
            out = load(factors, at + COEFFICIENTS * LANES) * (c - following)
        known = fused(load(factors, at + LANES), known, (flux - out) - load(walls, i * LANES) * c)
        store(a, i * LANES, known)
        c, flux = following, out
    _back(a, factors, length)


@_kernel
def _solve_again(a, b, factors, length):
    """b = B V a."""
    known = same(0.0)
    for i in range(length):
        at = i * COEFFICIENTS * LANES
        known = fused(load(factors, at + LANES), known, load(factors, at + 3 * LANES) * load(a, i * LANES))
        store(b, i * LANES, known)
    _back(b, factors, length)


@_kernel
def _finish(n, a, b, factors, length):
    second = same(SECOND)
    for i in range(length):
        volume = load(factors, (i * COEFFICIENTS + 3) * LANES)
        change = fused(second, load(b, i * LANES), load(a, i * LANES))
        store(n, i * LANES, fused(volume, change, load(n, i * LANES)))


@_kernel
def _finish_first_order(n, a, factors, length):
    """Never below 0: where rounding alone makes it so, 0."""
    for i in range(length):
        volume = load(factors, (i * COEFFICIENTS + 3) * LANES)
        store(n, i * LANES, larger_each(fused(volume, load(a, i * LANES), load(n, i * LANES)), same(0.0)))


@_kernel
def _leaving(n, a, b, factors, walls, length, is_second_order, room):
    """What leaves eight lines: h w ((1 - gamma) c + gamma c') of the stages; by backward Euler h w c'. ``walls`` are gamma h w."""
    found, second = same(0.0), same(GAMMA * SECOND)
    for i in range(length):
        stage = fused(load(n, i * LANES), load(factors, (i * COEFFICIENTS + 4) * LANES), load(a, i * LANES))
        if is_second_order:
            stage = fused(second, load(b, i * LANES), stage)
        found = fused(load(walls, i * LANES), stage, found)
    store(room, 0, found)
    total = _sum(room)
    return total / GAMMA if is_second_order else total


@_kernel
def _growth(a, b, factors, length, is_second_order, room):
    """Sum of the increments of eight lines."""
    found, second = same(0.0), same(SECOND)
    for i in range(length):
        change = load(a, i * LANES)
        if is_second_order:
            change = fused(second, load(b, i * LANES), change)
        found = fused(load(factors, (i * COEFFICIENTS + 3) * LANES), change, found)
    store(room, 0, found)
    return _sum(room)


@_inline
def _sum(room):
    found = 0.0
    for k in range(LANES):
        found += room[k]
    return found


# -- uptake ------------------------------------------------------------------------------------------------------------


@_kernel
def _take_up(state, numbers, record, unit, parts):
    """Some voxels lose a part 1 - exp(-k h) of what they have."""
    fraction, stride = place(numbers, record[FRACTION]), record[FRACTION_STRIDE]
    n, taken = place(state, record[FIELD]), 0.0
    for voxel in range(unit * PIECE, min((unit + 1) * PIECE, record[LENGTH])):
        amount = n[voxel] * fraction[voxel * stride]
        n[voxel] -= amount
        taken += amount
    parts[2 * unit], parts[2 * unit + 1] = taken, 0.0


@_kernel
def _take_up_held(state, numbers, table, record, parts):
    """k h of what is held is taken up, and supplied again."""
    taken = 0.0
    for k in range(record[LENGTH]):
        taken += state[record[FIELD] + table[record[HELD] + k]] * numbers[record[FRACTION] + k]
    parts[0], parts[1] = taken, taken
