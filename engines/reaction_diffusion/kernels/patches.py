"""Voxels with the same reactions: their numbers are taken out of the state, eight by eight, and put back."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from engines.compartmental_neurons.kernels.eight import LANES
from engines.reaction_diffusion.kernels.addresses import call, place
from engines.reaction_diffusion.kernels.deterministic_records import (
    COURSE,
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
    MEASURES_OF_EIGHT,
    MEASURES_OF_VOXEL,
    OBSERVE,
    OUTPUT_AT,
    OUTPUTS,
    PARAMETERS,
    ROOM_OF_PATCH,
    ROWS,
    SHARED,
    SLOPES,
    SPECIES,
    STATES,
    VOXELS,
    WIDTH,
)
from engines.reaction_diffusion.kernels.diffusion import note
from engines.reaction_diffusion.kernels.reactions import react
from engines.reaction_diffusion.kernels.voxels import FINISHED, FROZEN, NUMBERS, STEP, STIFF, eight, given, vector

_kernel = njit(cache=True, nogil=True, error_model="numpy")


@_kernel
def react_rows(state, inputs, step, dt, tolerance, record, table, numbers, kept, first, last, parts, work, fault):
    """Reactions of some voxels of a patch over a step, eight at a time; ``first`` is a multiple of eight."""
    if record[IS_STILL]:
        return
    count, room = record[SPECIES] + record[STATES], work[record[ROOM_OF_PATCH] :]
    parameters, floors = place(numbers, record[PARAMETERS]), place(numbers, record[FLOORS])
    for start in range(first, last, LANES):
        rows = min(LANES, last - start)
        holds = _gather(state, inputs, step, dt, record, table, kept, start, rows, room)
        react(
            record[SLOPES], record[JACOBIAN], room, count, record[INPUTS], parameters,
            place(numbers, record[MEASURES_OF_EIGHT] + start * MEASURES_OF_VOXEL),
            dt, tolerance, floors, holds, table, record[COURSE], fault,
        )  # fmt: skip
        if fault[0] != 0:
            fault[4] = start + fault[5]
            return
        _scatter(state, record, table, kept, start, rows, room, parts)


@_kernel
def _gather(state, inputs, step, dt, record, table, kept, start, rows, room):
    """All of eight voxels side by side; lanes beyond the last are like the last, and finished. Whether a number of any is held."""
    shared, width, count = record[SHARED], record[WIDTH], record[SPECIES] + record[STATES]
    u, is_held, _, _ = given(count, record[INPUTS])
    x, size, holds = place(room, vector(count, NUMBERS)), count * LANES, False
    for lane in range(LANES):
        row = start + min(lane, rows - 1)
        voxel, own = table[record[VOXELS] + row], record[FIRST] + row * width
        for k in range(shared):
            x[k * LANES + lane] = state[table[record[FIELDS] + k] + voxel]
        for k in range(width):
            x[(shared + k) * LANES + lane] = state[own + k]
        for k in range(record[INPUTS]):
            room[u + k * LANES + lane] = inputs[step, table[record[INPUT_COLUMNS] + row * record[INPUTS] + k]]
        before = kept[record[KEPT] + row]
        room[eight(count, STEP) + lane] = abs(before) if before != 0.0 else dt
        room[eight(count, STIFF) + lane] = 1.0 if before >= 0.0 else 0.0
        room[eight(count, FINISHED) + lane] = 0.0 if lane < rows else 1.0
    if record[IS_HELD] >= 0:
        for lane in range(LANES):
            row = start + min(lane, rows - 1)
            for k in range(shared):
                value = table[record[IS_HELD] + row * shared + k]
                room[is_held + k * LANES + lane] = value
                holds |= value != 0
        for i in range(size):
            room[vector(count, FROZEN) + i] = x[i]
    return holds


@_kernel
def _scatter(state, record, table, kept, start, rows, room, parts):
    """Numbers after the step, where they belong; what is held stays, and what became of it is noted."""
    shared, width, count = record[SHARED], record[WIDTH], record[SPECIES] + record[STATES]
    for lane in range(rows):
        row = start + lane
        x = place(room, vector(count, NUMBERS) + lane)
        voxel, own = table[record[VOXELS] + row], record[FIRST] + row * width
        for k in range(shared):
            field = table[record[FIELDS] + k] + voxel
            if record[IS_HELD] >= 0 and table[record[IS_HELD] + row * shared + k]:
                parts[row * shared + k] = state[field] - x[k * LANES]
            else:
                state[field] = x[k * LANES]
        for k in range(width):
            state[own + k] = x[(shared + k) * LANES]
        longest = room[eight(count, STEP) + lane]
        kept[record[KEPT] + row] = longest if room[eight(count, STIFF) + lane] != 0.0 else -longest


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
    for p in range(len(patches)):
        record = patches[p]
        u, outputs, shared = np.empty(max(record[INPUTS], 1)), record[OUTPUTS], record[SHARED]
        if outputs == 0:
            continue
        x, parameters = place(work, 0), place(numbers, record[PARAMETERS])
        for row in range(record[ROWS]):
            voxel, own = table[record[VOXELS] + row], record[FIRST] + row * record[WIDTH]
            for k in range(shared):
                x[k] = state[table[record[FIELDS] + k] + voxel]
            for k in range(record[WIDTH]):
                x[shared + k] = state[own + k]
            for k in range(record[INPUTS]):
                u[k] = inputs[step, table[record[INPUT_COLUMNS] + row * record[INPUTS] + k]]
            measures = place(numbers, record[MEASURES] + MEASURES_OF_VOXEL * row)
            found = place(state, record[OUTPUT_AT] + row * outputs)
            call(record[OBSERVE], x, place(u, 0), parameters, measures, found)
