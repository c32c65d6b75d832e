"""The steps of a call: what comes in, diffusion for half a step, reactions, diffusion for the other half, what is watched."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from engines.compartmental_neurons.kernels.eight import LANES, load, same, store
from engines.reaction_diffusion.kernels.addresses import call, place
from engines.reaction_diffusion.kernels.deterministic_records import (
    FIELDS,
    FIRST,
    FLOORS,
    INPUT_COLUMNS,
    INPUTS,
    IS_HELD,
    IS_STILL,
    JACOBIAN,
    KEPT,
    MEASURES,
    NOT_FINITE,
    OBSERVE,
    OUTPUT_AT,
    OUTPUTS,
    PARAMETERS,
    ROWS,
    SHARED,
    SLOPES,
    SPECIES,
    STATES,
    UNITS,
    VOXELS,
    WIDTH,
)
from engines.reaction_diffusion.kernels.diffusion import note, settle, sweep
from engines.reaction_diffusion.kernels.reactions import react
from engines.reaction_diffusion.kernels.watching import is_due, watch

_kernel = njit(cache=True, nogil=True, error_model="numpy")


@_kernel
def run(
    state, inputs, steps, dt, tolerance, ledgers, half, sweeps, patches, table, numbers,
    kept, carries, parts, work, fault,
    addition_steps, addition_places, amounts, addition_ledgers,
    flow_columns, flow_places, flow_ledgers, shares,
    clamp_columns, clamp_places, clamp_ledgers, clamp_factors,
    starts, places, weights, every, is_mean, uses_outputs, has_means, grain, sums, first, stride, out,
):  # fmt: skip
    """Move one replica on.

    Parameters
    ----------
    state
        (size,)
    inputs
        (steps, columns)
    ledgers
        Where they begin in the state.
    half
        How many of the sweeps come before the reactions.
    sweeps, patches, table, numbers
        See ``deterministic_records``.
    kept, carries
        What voxels that react keep for the next step, and what rounding has kept from ledgers.
    parts, work
        Memory to work in.
    fault
        (5,) what went wrong, or 0; the number in the voxel, the step, the patch (or -1, and the place in the state), the row.
    clamp_factors
        Molecules of a mol/m³ in a voxel.
    sums
        (columns,) of means, 0 at first.
    """
    addition = 0
    for step in range(steps):
        addition = come_in(
            state, inputs, step, dt, ledgers, carries, addition,
            addition_steps, addition_places, amounts, addition_ledgers,
            flow_columns, flow_places, flow_ledgers, shares,
            clamp_columns, clamp_places, clamp_ledgers, clamp_factors,
        )  # fmt: skip
        show(
            state, inputs, step, False, patches, table, numbers, work,
            starts, places, weights, every, is_mean, uses_outputs, has_means, grain, sums, first, stride, out,
        )  # fmt: skip
        for s in range(half):
            sweep(state, numbers, table, sweeps[s], 0, sweeps[s, UNITS], parts, work)
            settle(state, sweeps[s], parts, carries, ledgers)
        for p in range(len(patches)):
            react_rows(
                state, inputs, step, dt, tolerance, patches[p], table, numbers, kept, 0, patches[p, ROWS], parts, work, fault
            )
            if fault[0] != 0:
                fault[2], fault[3] = step, p
                return
            settle_reactions(state, patches[p], table, parts, carries, ledgers)
        for s in range(half, len(sweeps)):
            sweep(state, numbers, table, sweeps[s], 0, sweeps[s, UNITS], parts, work)
            settle(state, sweeps[s], parts, carries, ledgers)
        show(
            state, inputs, step, True, patches, table, numbers, work,
            starts, places, weights, every, is_mean, uses_outputs, has_means, grain, sums, first, stride, out,
        )  # fmt: skip
    look(state, ledgers, fault)


@_kernel
def show(
    state, inputs, step, is_end, patches, table, numbers, work,
    starts, places, weights, every, is_mean, uses_outputs, has_means, grain, sums, first, stride, out,
):  # fmt: skip
    """What is watched at the start or the end of a step, if anything is."""
    if is_due(step, is_end, has_means, grain):
        if uses_outputs:
            observe(state, inputs, step, patches, table, numbers, work)
        watch(state, step, is_end, starts, places, weights, every, is_mean, sums, first, stride, out)


@_kernel
def look(state, ledgers, fault):
    """Whether all molecules are finite; where not, the place."""
    total, numbers, rest = same(0.0), place(state, 0), 0.0
    for i in range(0, ledgers - LANES + 1, LANES):
        total = total + load(numbers, i) * same(0.0)
    for i in range(ledgers - ledgers % LANES, ledgers):
        rest += state[np.uint64(i)] * 0.0
    room = np.empty(LANES)
    store(place(room, 0), 0, total)
    for k in range(LANES):
        rest += room[k]
    if rest != 0.0:
        for i in range(ledgers):
            if not abs(state[i]) < np.inf:
                fault[0], fault[1], fault[3] = NOT_FINITE, i, -1
                return


# -- what comes in -----------------------------------------------------------------------------------------------------


@_kernel
def come_in(
    state, inputs, step, dt, ledgers, carries, addition,
    addition_steps, addition_places, amounts, addition_ledgers,
    flow_columns, flow_places, flow_ledgers, shares,
    clamp_columns, clamp_places, clamp_ledgers, clamp_factors,
):  # fmt: skip
    """Releases, flows and prescribed concentrations at the start of a step; the first addition that is left."""
    while addition < len(addition_steps) and addition_steps[addition] == step:
        state[addition_places[addition]] += amounts[addition]
        note(state, addition_ledgers[addition], amounts[addition], carries, ledgers)
        addition += 1
    for k in range(len(flow_columns)):
        amount = inputs[step, flow_columns[k]] * dt * shares[k]
        if amount < 0.0:  # no more than there is
            amount = -min(-amount, max(state[flow_places[k]], 0.0))
        state[flow_places[k]] += amount
        note(state, flow_ledgers[k], amount, carries, ledgers)
    for k in range(len(clamp_columns)):
        wanted = inputs[step, clamp_columns[k]] * clamp_factors[k]
        note(state, clamp_ledgers[k], wanted - state[clamp_places[k]], carries, ledgers)
        state[clamp_places[k]] = wanted
    return addition


# -- reactions ---------------------------------------------------------------------------------------------------------


@_kernel
def react_rows(state, inputs, step, dt, tolerance, record, table, numbers, kept, first, last, parts, work, fault):
    """Reactions of some voxels of a patch over a step."""
    if record[IS_STILL]:
        return
    species, shared = record[SPECIES], record[SHARED]
    count, width = species + record[STATES], record[WIDTH]
    u, held = np.empty(max(record[INPUTS], 1)), np.zeros(count, np.bool_)
    holds = record[IS_HELD] >= 0
    x, before = place(work, 0), np.empty(max(shared, 1))
    parameters, floors = place(numbers, record[PARAMETERS]), place(numbers, record[FLOORS])
    for row in range(first, last):
        voxel = table[record[VOXELS] + row]
        own = record[FIRST] + row * width
        _take(state, record, table, voxel, own, x)
        for k in range(record[INPUTS]):
            u[k] = inputs[step, table[record[INPUT_COLUMNS] + row * record[INPUTS] + k]]
        is_held_here = False
        if holds:
            for k in range(shared):
                held[k] = table[record[IS_HELD] + row * shared + k] != 0
                is_held_here |= held[k]
                before[k] = x[k]
        measures = place(numbers, record[MEASURES] + 5 * row)
        kept[record[KEPT] + row] = react(
            record[SLOPES], record[JACOBIAN], count, place(u, 0), parameters, measures, dt, kept[record[KEPT] + row],
            tolerance, floors, held, is_held_here, work, fault,
        )  # fmt: skip
        if fault[0] != 0:
            fault[4] = row
            return
        if holds:
            for k in range(shared):
                parts[row * shared + k] = before[k] - x[k] if held[k] else 0.0
                if held[k]:
                    x[k] = before[k]
        for k in range(shared):
            state[table[record[FIELDS] + k] + voxel] = x[k]
        for k in range(width):
            state[own + k] = x[shared + k]


@_kernel
def _take(state, record, table, voxel, own, x):
    """The numbers of a voxel, side by side."""
    shared = record[SHARED]
    for k in range(shared):
        x[k] = state[table[record[FIELDS] + k] + voxel]
    for k in range(record[WIDTH]):
        x[shared + k] = state[own + k]


@_kernel
def settle_reactions(state, record, table, parts, carries, ledgers):
    """Note what reactions have taken of species that are held."""
    if record[IS_HELD] < 0 or record[IS_STILL]:
        return
    for row in range(record[ROWS]):
        for k in range(record[SHARED]):
            if table[record[IS_HELD] + row * record[SHARED] + k]:
                ledger = table[record[FIELDS] + record[SHARED] + k]
                note(state, ledger, parts[row * record[SHARED] + k], carries, ledgers)


@_kernel
def observe(state, inputs, step, patches, table, numbers, work):
    """Work out what models show, in all voxels."""
    x = place(work, 0)
    for p in range(len(patches)):
        record = patches[p]
        u, outputs = np.empty(max(record[INPUTS], 1)), record[OUTPUTS]
        if outputs == 0:
            continue
        parameters = place(numbers, record[PARAMETERS])
        for row in range(record[ROWS]):
            _take(state, record, table, table[record[VOXELS] + row], record[FIRST] + row * record[WIDTH], x)
            for k in range(record[INPUTS]):
                u[k] = inputs[step, table[record[INPUT_COLUMNS] + row * record[INPUTS] + k]]
            measures = place(numbers, record[MEASURES] + 5 * row)
            found = place(state, record[OUTPUT_AT] + row * outputs)
            call(record[OBSERVE], x, place(u, 0), parameters, measures, found)
