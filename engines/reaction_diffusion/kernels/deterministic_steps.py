"""The steps of a call: what comes in, diffusion for half a step, reactions, diffusion for the other half, what is watched."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from engines.compartmental_neurons.kernels.eight import LANES, load, same, store
from engines.reaction_diffusion.kernels.addresses import place
from engines.reaction_diffusion.kernels.deterministic_records import NOT_FINITE, ROWS, UNITS
from engines.reaction_diffusion.kernels.diffusion import note, settle, sweep
from engines.reaction_diffusion.kernels.patches import observe, react_rows, settle_reactions
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
        (6,) what went wrong, or 0; the number in the voxel, the step, the patch (or -1, and the place in the state), the row.
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
