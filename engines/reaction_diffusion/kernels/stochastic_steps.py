"""Steps of one replica: what comes in at their start, events or leaps, models' own equations, what is watched."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

from numba import njit

from engines.reaction_diffusion.kernels.direct import run_one
from engines.reaction_diffusion.kernels.events import draw, moved, run_events
from engines.reaction_diffusion.kernels.leaps import run_leaps
from engines.reaction_diffusion.kernels.memory import behind, call, float64s, int32s, int64s
from engines.reaction_diffusion.kernels.molecules import change_number, enter_all, enter_queued, kind_at, tally
from engines.reaction_diffusion.kernels.poisson import poisson
from engines.reaction_diffusion.kernels.records import (
    ADDED,
    AT,
    BATCH,
    CHANNEL_COUNT,
    COEFFICIENTS,
    COUNTS,
    DRAWS,
    DRAWS_STREAM,
    EXPONENTIALS,
    FAULT,
    FIRST_OUTPUT,
    FIRST_ROW,
    FLOW_COLUMNS,
    FLOW_LEDGERS,
    FLOW_PLACES,
    FLOW_SHARES,
    FLOWS,
    FULL,
    HAS_LAWS,
    HELD,
    INPUT_COUNT,
    IS_CONSTANT,
    KEPT,
    LAST_INPUTS,
    LEDGER,
    LEDGER_COUNT,
    LEFT,
    LIMIT,
    NUMBERS,
    OBSERVE,
    ONE_CHANNELS,
    ONE_COEFFICIENTS,
    ONE_RATES,
    OUTPUT_COUNT,
    PATCH,
    PATCH_RECORDS,
    PATCHES,
    PHASE,
    QUEUED,
    ROW_AT,
    ROW_COUNT,
    ROW_VOXEL,
    ROWS,
    SHARED,
    SHARED_COUNT,
    SHARED_LIST,
    SLOPES,
    SOUND,
    SOURCE_COLUMNS,
    SOURCE_PLACES,
    SOURCE_RATES,
    SOURCE_SUM,
    SOURCE_SUMS,
    SOURCES,
    SPECIES_COUNT,
    STALE,
    STARTED,
    STATE_COUNT,
    STEP,
    SUPPLIED,
    TIME,
    VOLUMES,
    VOXELS,
    WAYS_OUT,
)
from engines.reaction_diffusion.kernels.rows import SLACK, fill_coefficients, gather, patch_of, rebound, record_of
from engines.reaction_diffusion.kernels.watching import is_due, watch

MOST_PARTS = 10_000
"""Of a step, in which states of models are moved on."""

_kernel = njit(cache=True, nogil=True, error_model="numpy")
ONE, MANY, BY_STATE = range(3)
"""Ways to go on by events: of one voxel, of many with lists and groups, which follow the state, and of many while those do not."""
UNLIMITED = 1 << 62
NEW, LOADED, RUNNING = range(3)
"""Whether tables are to be made of the state, only of what was loaded with it, or are there."""


# -- inputs --------------------------------------------------------------------------------------------------------------------


@_kernel
def _take_inputs(work, inputs, step, columns):
    """Note a row of inputs; whether any has changed."""
    last, row, changed = float64s(work[LAST_INPUTS]), behind(inputs, step * columns), False
    for k in range(columns):
        changed |= last[k] != row[k]
        last[k] = row[k]
    return changed


@_kernel
def _renew(fixed, work, state, way, started, has_changed):
    """Coefficients of rows whose inputs or states may have moved, and bounds with them."""
    is_renewed = started != RUNNING
    for number in range(fixed[PATCHES]):
        patch = behind(int64s(fixed[PATCH_RECORDS]), number * PATCH)
        has_moved = patch[STATE_COUNT] > 0 or (has_changed and patch[INPUT_COUNT] > 0)
        if has_moved or started != RUNNING:
            for row in range(patch[FIRST_ROW], patch[FIRST_ROW] + patch[ROW_COUNT]):
                if started != RUNNING or not patch[IS_CONSTANT]:
                    fill_coefficients(fixed, work, state, row, record_of(fixed, row), patch)
                if way == MANY and (has_moved or started == NEW):
                    rebound(fixed, work, state, row, SLACK)
            is_renewed = True
        if started == NEW and patch[HAS_LAWS] and way != ONE:
            _never_hold(fixed, work, patch)
    if way == ONE and is_renewed:
        _fill_one(fixed, work)


@_kernel
def _never_hold(fixed, work, patch):
    """Ceilings that every number is above."""
    ways, shared = int32s(work[WAYS_OUT]), int64s(patch[SHARED_LIST])
    for row in range(patch[FIRST_ROW], patch[FIRST_ROW] + patch[ROW_COUNT]):
        for j in range(patch[SHARED_COUNT]):
            ways[2 * (shared[j] * fixed[VOXELS] + record_of(fixed, row)[ROW_VOXEL]) + 1] = -1


@_kernel
def _fill_one(fixed, work):
    """What ``direct`` multiplies by: coefficients of the one row, then rates of uptake and loss."""
    k, rates, known = float64s(work[ONE_COEFFICIENTS]), float64s(fixed[ONE_RATES]), 0
    if fixed[ROWS] > 0:
        coefficients, known = float64s(work[COEFFICIENTS]), patch_of(fixed, record_of(fixed, 0))[CHANNEL_COUNT]
        for c in range(known):
            k[c] = coefficients[c]
    for c in range(known, fixed[ONE_CHANNELS]):
        k[c] = rates[c]


@_kernel
def _hold(fixed, work, state, way):
    """Numbers that inputs prescribe, and how fast molecules leave where they are."""
    places, columns, rates = int32s(fixed[SOURCE_PLACES]), int32s(fixed[SOURCE_COLUMNS]), float64s(fixed[SOURCE_RATES])
    inputs, sums, volumes, total = float64s(work[LAST_INPUTS]), float64s(work[SOURCE_SUMS]), float64s(fixed[VOLUMES]), 0.0
    for k in range(fixed[SOURCES]):
        place = places[k]
        species, number = place // fixed[VOXELS], inputs[columns[k]] * volumes[place % fixed[VOXELS]]
        change = number - state[place]
        state[fixed[LEDGER] + LEDGER_COUNT * species + SUPPLIED] += change
        state[place] = number
        total += number * rates[k]
        sums[k] = total
        if way == MANY and change != 0.0:
            moved(fixed, work, state, place)
    float64s(work[NUMBERS])[SOURCE_SUM] = total


# -- molecules that come in ----------------------------------------------------------------------------------------------------


@_kernel
def _row_of(fixed, place):
    """The row that has a place of its own, or -1."""
    for number in range(fixed[PATCHES]):
        patch = behind(int64s(fixed[PATCH_RECORDS]), number * PATCH)
        width = patch[SPECIES_COUNT] + patch[STATE_COUNT] - patch[SHARED_COUNT]
        if width > 0 and patch[ROW_COUNT] > 0:
            row = (place - record_of(fixed, patch[FIRST_ROW])[ROW_AT]) // width
            if 0 <= row < patch[ROW_COUNT]:
                return patch[FIRST_ROW] + row
    return -1


@_kernel
def _add(fixed, work, state, way, place, amount, ledger):
    """Molecules come, or go as far as they are there, and are noted in a ledger."""
    is_shared = place < fixed[SHARED] * fixed[VOXELS]
    is_held = is_shared and kind_at(work, place) == HELD
    if amount < 0.0 and not is_held:
        amount = -min(-amount, state[place])
    if amount == 0.0:
        return
    state[ledger] += amount
    if is_held:
        state[fixed[LEDGER] + LEDGER_COUNT * (place // fixed[VOXELS]) + SUPPLIED] -= amount
    elif way != MANY:
        state[place] += amount
    elif is_shared:
        change_number(fixed, work, state, place, amount)
        moved(fixed, work, state, place)
    else:
        state[place] += amount
        row = _row_of(fixed, place)
        if row >= 0:
            rebound(fixed, work, state, row, SLACK)


@_kernel
def _flow(fixed, work, state, way, dt):
    """Poisson numbers of what comes in over a step; of what goes out no more than is there."""
    columns, places = int64s(fixed[FLOW_COLUMNS]), int64s(fixed[FLOW_PLACES])
    ledgers, shares = int64s(fixed[FLOW_LEDGERS]), float64s(fixed[FLOW_SHARES])
    inputs, counts = float64s(work[LAST_INPUTS]), int64s(work[COUNTS])
    for k in range(fixed[FLOWS]):
        mean = inputs[columns[k]] * shares[k] * dt
        number, counts[DRAWS] = poisson(abs(mean), work[DRAWS_STREAM], counts[DRAWS])
        if number > 0.0:
            _add(fixed, work, state, way, places[k], number if mean > 0.0 else -number, ledgers[k])


# -- what models add -----------------------------------------------------------------------------------------------------------


@_kernel
def _move_states(fixed, work, state, dt):
    """States of models over a step by the classical method of Runge and Kutta, numbers of molecules as they are at its end."""
    for number in range(fixed[PATCHES]):
        patch = behind(int64s(fixed[PATCH_RECORDS]), number * PATCH)
        if patch[STATE_COUNT] > 0:
            for row in range(patch[FIRST_ROW], patch[FIRST_ROW] + patch[ROW_COUNT]):
                _move_row(fixed, work, state, row, patch, dt)


@_kernel
def _move_row(fixed, work, state, row, patch, dt):
    record = record_of(fixed, row)
    x, u, p, m, scratch = gather(fixed, work, state, record, patch)
    species, count = patch[SPECIES_COUNT], patch[STATE_COUNT]
    at = record[ROW_AT] + species - patch[SHARED_COUNT]
    y, slope, total = behind(x, species), behind(scratch, species), behind(scratch, species + count)
    parts = _parts(patch, x, u, p, m, scratch, dt)
    span = dt / parts
    for _ in range(parts):
        for k in range(count):
            y[k], total[k] = state[at + k], 0.0
        for stage in range(4):
            call(patch[SLOPES], x, u, p, m, scratch)
            weight = 1.0 if stage == 0 or stage == 3 else 2.0
            onward = span if stage == 2 else 0.5 * span
            for k in range(count):
                total[k] += weight * slope[k]
                y[k] = state[at + k] + onward * slope[k]
        for k in range(count):
            state[at + k] += span / 6.0 * total[k]


@_kernel
def _parts(patch, x, u, p, m, scratch, dt):
    """How many parts a step is cut into, so that none is longer than a quarter of the time in which a state follows.

    Its rate is taken from how a slope changes over half a step.
    """
    species, count = patch[SPECIES_COUNT], patch[STATE_COUNT]
    y, slope, before = behind(x, species), behind(scratch, species), behind(scratch, species + count)
    call(patch[SLOPES], x, u, p, m, scratch)
    for k in range(count):
        before[k] = slope[k]
        y[k] += 0.5 * dt * slope[k]
    call(patch[SLOPES], x, u, p, m, scratch)
    most = 0.0
    for k in range(count):
        if before[k] != 0.0:
            most = max(most, abs(slope[k] - before[k]) / (0.5 * dt * abs(before[k])))
    return int(min(max(1.0, math.ceil(4.0 * dt * most)), MOST_PARTS))


@_kernel
def _observe(fixed, work, state):
    """Outputs of all rows."""
    for row in range(fixed[ROWS]):
        record = record_of(fixed, row)
        patch = patch_of(fixed, record)
        if patch[OUTPUT_COUNT] > 0:
            x, u, p, m, z = gather(fixed, work, state, record, patch)
            call(patch[OBSERVE], x, u, p, m, z)
            for k in range(patch[OUTPUT_COUNT]):
                state[patch[FIRST_OUTPUT] + (row - patch[FIRST_ROW]) * patch[OUTPUT_COUNT] + k] = z[k]


# -- the steps -----------------------------------------------------------------------------------------------------------------


@_kernel
def _begin_step(fixed, work, state, way, dt, inputs, columns, additions):
    """All that happens at the start of a step."""
    counts, numbers = int64s(work[COUNTS]), float64s(work[NUMBERS])
    if counts[STALE]:
        way = BY_STATE if way == MANY else way
    step, started = counts[STEP], counts[STARTED]
    has_changed = _take_inputs(work, inputs, step, columns)
    if started != RUNNING:
        block = counts[AT] // BATCH * BATCH
        draw(work, block)
        draw(work, block + BATCH)
        if started == NEW:
            numbers[LEFT] = float64s(work[EXPONENTIALS])[counts[AT] & KEPT]
            if way == MANY:
                enter_all(fixed, work, state)
        counts[STARTED] = RUNNING
    if started != RUNNING or has_changed:
        _hold(fixed, work, state, way)
    _renew(fixed, work, state, way, started, has_changed)
    at_steps, places, amounts, ledgers = additions
    while counts[ADDED] < len(at_steps) and at_steps[counts[ADDED]] == step:
        k = counts[ADDED]
        _add(fixed, work, state, way, places[k], amounts[k], ledgers[k])
        counts[ADDED] = k + 1
    _flow(fixed, work, state, way, dt)
    if way == MANY:
        tally(fixed, work)
    numbers[TIME], counts[LIMIT] = dt, 0
    counts[PHASE] = 1


@_kernel
def _watch(fixed, work, state, pointer, is_end, views, sums, first, stride, out):
    starts, places, weights, every, is_mean, uses_outputs, has_means, grain = views
    step = int64s(work[COUNTS])[STEP]
    if is_due(step, is_end, has_means, grain):
        if uses_outputs:
            _observe(fixed, work, pointer)
        watch(state, step, is_end, starts, places, weights, every, is_mean, sums, first, stride, out)


@_kernel
def _run(fixed, work, state, how, steps, inputs, columns, additions, views, sums, first, stride, out):
    """Move one replica on; SOUND, or why it stopped before."""
    counts, pointer = int64s(work[COUNTS]), float64s(state.ctypes.data)
    way, epsilon, dt = how
    if counts[QUEUED] > 0:
        enter_queued(fixed, work)
    while counts[STEP] < steps:
        if counts[PHASE] == 0:
            _begin_step(fixed, work, pointer, way, dt, inputs, columns, additions)
            _watch(fixed, work, state, pointer, False, views, sums, first, stride, out)
            if counts[FAULT] != SOUND:
                return counts[FAULT]
            if counts[QUEUED] > 0:
                return FULL
        if epsilon > 0.0:
            status = run_leaps(fixed, work, pointer, way, epsilon)
        elif way == ONE:
            status = run_one(fixed, work, pointer, UNLIMITED)
        else:
            status = run_events(fixed, work, pointer, UNLIMITED)
        if status != SOUND:
            return status
        _move_states(fixed, work, pointer, dt)
        _watch(fixed, work, state, pointer, True, views, sums, first, stride, out)
        counts[PHASE] = 0
        counts[STEP] += 1
    counts[STEP] = 0
    counts[ADDED] = 0
    return SOUND


@_kernel
def run(address, works, states, statuses, begin, end, how, steps, inputs, additions, edges, views, sums, first, stride, out):
    """Move replicas on by some steps.

    Parameters
    ----------
    address
        Of the record of the system.
    works, states, sums, out
        (replicas, …) record, state, means under way and rows of each.
    statuses
        (replicas,) SOUND, or why it stopped before: FULL, to be called again once lists have more room, or a fault. Those that are
        SOUND are left as they are.
    begin, end
        Replicas, the last left out.
    how
        ONE or MANY; by how much of itself a leap may change a propensity, 0 for no leaps; s of a step.
    inputs
        (steps, columns).
    additions
        Steps, places, amounts, ledgers.
    edges
        (replicas, 2) of the additions of each.
    views
        Starts, places, weights, every, is_mean; whether outputs are used, whether there are means, and the grain.
    first, stride
        As ``watch`` takes them.
    """
    fixed, rows, columns = int64s(address), float64s(inputs.ctypes.data), inputs.shape[1]
    at_steps, places, amounts, ledgers = additions
    for r in range(begin, end):
        if statuses[r] == SOUND:
            continue
        a, b = edges[r]
        mine = at_steps[a:b], places[a:b], amounts[a:b], ledgers[a:b]
        work = int64s(works[r].ctypes.data)
        statuses[r] = _run(fixed, work, states[r], how, steps, rows, columns, mine, views, sums[r], first, stride, out[r])
