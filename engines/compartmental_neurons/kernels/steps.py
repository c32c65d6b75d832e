"""Steps of many cells: events, currents, elimination, gates, detectors, records.

One step, as NEURON takes it: events that are due act on their synapses; currents are taken from V and the gates, linear in V;
the potentials after the step (backward Euler) or in its middle (Crank-Nicolson) solve

    (C / dt + sum G + sum g) V' - sum G V'_neighbour = (C / dt) V + sum (g V - i)

by elimination from the tips to the root; gates then follow the new V. What is passive from some compartment on to the tips is
eliminated once and for all.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from engines.compartmental_neurons.kernels import index
from engines.compartmental_neurons.kernels.pointers import call_blocks, call_prepare, call_receive, place
from engines.compartmental_neurons.kernels.vectors import (
    LANES,
    add,
    begin,
    copy,
    eliminate,
    eliminate_still,
    fill,
    flow,
    overshoot,
    solve_root,
    substitute,
    substitute_still,
)
from engines.equations.maths import log

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_size = np.uint64  # places without a sign: no code for those counted from the end
ONE, EIGHT = np.uint64(1), np.uint64(LANES)

MOST_V = 1.0
"""V: beyond this a step is said to have been too long."""
OFTEN = 64
"""Steps between looks at all compartments."""
GAS_OVER_FARADAY = 8.31446261815324 / 96485.33212331001


@_kernel
def run(arena, table, first, last, step, steps, events, first_event, rows, observed, spikes):
    """Move batches on by some steps.

    Parameters
    ----------
    arena
        All numbers.
    table
        All records, see ``table``.
    first, last
        Batches, the last left out.
    step, steps
        Number of the first step, and how many.
    events
        (n, 5) as one axis, ordered by batch and inner step.
    first_event
        (batches + 1,) of each batch among ``events``.
    rows
        (steps, columns) inputs.
    observed
        (steps, columns) records, written here.
    spikes
        How many there are, then time in ns and channel of each, written here.

    Returns
    -------
    int
        -1, or of potentials beyond all bounds the number of the batch, plus the number of all for each step before.
    """
    stride = steps if table[index.TRANSFER_COUNT] == 0 else 1
    done = 0
    for b in range(first, last):
        table[table[index.BATCHES] + b * index.BATCH + index.NEXT_EVENT] = first_event[b]
    while done < steps:
        for b in range(first, last):
            at = table[index.BATCHES] + b * index.BATCH
            event = table[at + index.NEXT_EVENT]
            for s in range(done, done + stride):
                event = _step(arena, table, at, step + s, s, events, event, first_event[b + 1], rows, observed, spikes)
                if not _is_sound(arena, table, at, (step + s) % OFTEN == OFTEN - 1):
                    return b + s * table[index.BATCH_COUNT]
            table[at + index.NEXT_EVENT] = event
        for k in range(table[index.TRANSFER_COUNT]):
            pair = table[index.TRANSFERS] + 2 * k
            arena[table[pair]] = arena[table[pair + 1]]
        done += stride
    return -1


@_kernel
def _step(arena, table, at, step, row, events, event, last_event, rows, observed, spikes):
    """One step of a batch; the first event that is left."""
    for k in range(table[at + index.INPUT_COUNT]):
        pair = table[at + index.INPUTS] + 2 * k
        arena[table[pair]] = rows[row, table[pair + 1]]
    if table[at + index.TEMPERATURE] >= 0:
        _warm(arena, table, at, rows[row, table[at + index.TEMPERATURE]])
    substeps = table[at + index.SUBSTEPS]
    for s in range(substeps):
        now = step * substeps + s
        while event < last_event and events[event * index.EVENT] <= now:
            weight = events[event * index.EVENT + 4 : event * index.EVENT + 5].view(np.float64)[0]
            slot, uniform = place(arena, events[event * index.EVENT + 2]), place(arena, events[event * index.EVENT + 3])
            call_receive(events[event * index.EVENT + 1], slot, weight, uniform)
            event += 1
        _currents(arena, table, at)
        if table[at + index.LANES] == LANES:
            _solve_eight(arena, table, at)
        else:
            _solve_one(arena, table, at)
        _move(arena, table, at)
        _detect(arena, table, at, now, spikes)
    if table[at + index.MEMBRANE_AT] >= 0:
        _membrane(arena, table, at)
    for k in range(table[at + index.OBSERVED_COUNT]):
        pair = table[at + index.OBSERVED] + 2 * k
        observed[row, table[pair + 1]] = arena[table[pair]]
    return event


@_kernel
def prepare(arena, table, at):
    """What depends on temperature alone, in all mechanisms of a batch."""
    for k in range(table[at + index.MECHANISM_COUNT]):
        m = table[at + index.MECHANISMS] + k * index.MECHANISM
        call_prepare(table[m + index.PREPARE], place(arena, table[m + index.UNIFORM_AT]))


@_kernel
def _warm(arena, table, at, celsius):
    if arena[table[at + index.TEMPERATURE_AT]] == celsius + 273.15:
        return
    arena[table[at + index.TEMPERATURE_AT]] = celsius + 273.15
    for k in range(table[at + index.MECHANISM_COUNT]):
        uniform = table[table[at + index.MECHANISMS] + k * index.MECHANISM + index.UNIFORM_AT]
        arena[uniform], arena[uniform + 1] = celsius, celsius + 273.15
    prepare(arena, table, at)


# -- currents ----------------------------------------------------------------------------------------------------------


@_kernel
def _currents(arena, table, at):
    """Right side and diagonal of all compartments."""
    nodes, lanes, still = _size(table[at + index.NODES]), _size(table[at + index.LANES]), _size(table[at + index.STILL])
    v, rhs, d = _size(table[at + index.V_AT]), _size(table[at + index.RHS_AT]), _size(table[at + index.D_AT])
    capacity, right = _size(table[at + index.CAPACITY_AT]), _size(table[at + index.RIGHT_AT])
    diagonal = _size(table[at + index.DIAGONAL_AT])
    if lanes == EIGHT:
        for i in range(nodes):
            begin(arena, v + i * EIGHT, rhs + i * EIGHT, arena[capacity + i], arena[right + i])
            if not table[still + i]:
                fill(arena, d + i * EIGHT, arena[diagonal + i])
    else:
        for i in range(nodes):
            arena[d + i] = arena[diagonal + i]
            arena[rhs + i] = arena[capacity + i] * arena[v + i] + arena[right + i]
    if table[at + index.OUTSIDE_AT] >= 0:
        outside = _size(table[at + index.OUTSIDE_AT])
        for i in range(nodes * lanes):
            arena[rhs + i] += arena[outside + i]
    for k in range(table[at + index.EMPTIED_COUNT]):
        field = _size(table[table[at + index.EMPTIED] + k])
        for i in range(nodes * lanes):
            arena[field + i] = 0.0
    for k in range(table[at + index.NERNST_COUNT]):
        _reverse(arena, table, table[at + index.NERNST] + 6 * k, arena[table[at + index.TEMPERATURE_AT]])
    for k in range(table[at + index.MECHANISM_COUNT]):
        m = table[at + index.MECHANISMS] + k * index.MECHANISM
        if table[m + index.CURRENT] == 0:
            continue
        _gather(arena, table, m, table[m + index.READS], table[m + index.READ_COUNT])
        call_blocks(
            table[m + index.CURRENT],
            table[m + index.BLOCKS],
            place(arena, table[m + index.AT]),
            place(arena, table[m + index.UNIFORM_AT]),
        )
        if table[m + index.CONDUCTS]:
            _scatter(arena, table, m, d, 1)
        _scatter(arena, table, m, rhs, 2)
        for j in range(table[m + index.ADD_COUNT]):
            pair = table[m + index.ADDS] + 2 * j
            _scatter(arena, table, m, table[pair], table[pair + 1])


@_kernel
def _reverse(arena, table, at, temperature):
    """Reversal potentials of an ion, by Nernst: R T / (z F) ln(outside / inside)."""
    potential, inside, outside = table[at], table[at + 1], table[at + 2]
    factor = GAS_OVER_FARADAY * temperature / arena[table[at + 3]]
    for k in range(table[at + 5]):
        i = table[table[at + 4] + k]
        arena[potential + i] = factor * log(arena[outside + i] / arena[inside + i])


@_kernel
def _gather(arena, table, m, pairs, count):
    """Numbers of compartments into columns of a mechanism."""
    for j in range(count):
        _gather_one(arena, table, m, table[pairs + 2 * j], table[pairs + 2 * j + 1])


@_kernel
def _gather_one(arena, table, m, field, column):
    stride, places = _size(table[m + index.STRIDE]), _size(table[m + index.PLACES])
    target, source = _size(table[m + index.AT] + column * LANES), _size(field)
    if table[m + index.CONTIGUOUS]:
        for b in range(_size(table[m + index.BLOCKS])):
            copy(arena, target + b * stride, source + _size(table[places + b * EIGHT]))
        return
    for b in range(_size(table[m + index.BLOCKS])):
        for k in range(EIGHT):
            arena[target + b * stride + k] = arena[source + _size(table[places + b * EIGHT + k])]


@_kernel
def _scatter(arena, table, m, field, column):
    """A column of a mechanism added to numbers of compartments."""
    stride, places = _size(table[m + index.STRIDE]), _size(table[m + index.PLACES])
    source, target = _size(table[m + index.AT] + column * LANES), _size(field)
    if table[m + index.CONTIGUOUS]:
        for b in range(_size(table[m + index.BLOCKS])):
            add(arena, target + _size(table[places + b * EIGHT]), source + b * stride)
        return
    for b in range(_size(table[m + index.BLOCKS])):
        for k in range(EIGHT):
            arena[target + _size(table[places + b * EIGHT + k])] += arena[source + b * stride + k]


@_kernel
def _tell(arena, table, m, field, column):
    """A column of a mechanism as the numbers of compartments."""
    stride, places = _size(table[m + index.STRIDE]), _size(table[m + index.PLACES])
    source, target = _size(table[m + index.AT] + column * LANES), _size(field)
    for b in range(_size(table[m + index.BLOCKS])):
        for k in range(EIGHT):
            arena[target + _size(table[places + b * EIGHT + k])] = arena[source + b * stride + k]


# -- potentials --------------------------------------------------------------------------------------------------------


@_kernel
def _solve_eight(arena, table, at):
    """Elimination for 8 cells at once. In the middle of a step V goes over into ``rhs`` first, and from there to the end of it."""
    nodes, parents, still = _size(table[at + index.NODES]), _size(table[at + index.PARENTS]), _size(table[at + index.STILL])
    v, rhs, d = _size(table[at + index.V_AT]), _size(table[at + index.RHS_AT]), _size(table[at + index.D_AT])
    axial, inverse = _size(table[at + index.AXIAL_AT]), _size(table[at + index.INVERSE_AT])
    factor = _size(table[at + index.FACTOR_AT])
    for k in range(ONE, nodes):
        i = nodes - k
        here, p = i * EIGHT, _size(table[parents + i]) * EIGHT
        if table[still + i]:
            eliminate_still(arena, rhs + here, rhs + p, arena[factor + i])
        else:
            eliminate(arena, d + here, rhs + here, d + p, rhs + p, arena[axial + i])
    x = rhs if table[at + index.MIDDLE] else v
    solve_root(arena, x, d, rhs)
    for i in range(ONE, nodes):
        here, p = i * EIGHT, _size(table[parents + i]) * EIGHT
        if table[still + i]:
            substitute_still(arena, x + here, rhs + here, x + p, arena[axial + i], arena[inverse + i])
        else:
            substitute(arena, x + here, d + here, rhs + here, x + p, arena[axial + i])
    if table[at + index.MIDDLE]:
        for i in range(nodes):
            overshoot(arena, v + i * EIGHT, rhs + i * EIGHT)


@_kernel
def _solve_one(arena, table, at):
    """The same for one cell."""
    nodes, parents, still = _size(table[at + index.NODES]), _size(table[at + index.PARENTS]), _size(table[at + index.STILL])
    v, rhs, d = _size(table[at + index.V_AT]), _size(table[at + index.RHS_AT]), _size(table[at + index.D_AT])
    axial, inverse = _size(table[at + index.AXIAL_AT]), _size(table[at + index.INVERSE_AT])
    factor = _size(table[at + index.FACTOR_AT])
    for k in range(ONE, nodes):
        i = nodes - k
        p = _size(table[parents + i])
        if table[still + i]:
            arena[rhs + p] += arena[factor + i] * arena[rhs + i]
        else:
            one = 1.0 / arena[d + i]
            arena[d + i] = one
            part = arena[axial + i] * one
            arena[d + p] -= part * arena[axial + i]
            arena[rhs + p] += part * arena[rhs + i]
    x = rhs if table[at + index.MIDDLE] else v
    arena[x] = (1.0 / arena[d]) * arena[rhs]
    for i in range(ONE, nodes):
        known = arena[rhs + i] + arena[axial + i] * arena[x + _size(table[parents + i])]
        arena[x + i] = (arena[inverse + i] if table[still + i] else arena[d + i]) * known
    if table[at + index.MIDDLE]:
        for i in range(nodes):
            arena[v + i] = (arena[rhs + i] + arena[rhs + i]) - arena[v + i]


@_kernel
def _membrane(arena, table, at):
    """What flows out of every compartment through its membrane: as much as comes in along the cell."""
    nodes, parents, lanes = table[at + index.NODES], table[at + index.PARENTS], table[at + index.LANES]
    v, found, axial, outside = (
        table[at + index.V_AT],
        table[at + index.MEMBRANE_AT],
        table[at + index.AXIAL_AT],
        table[at + index.OUTSIDE_AT],
    )
    for i in range(nodes * lanes):
        arena[found + i] = 0.0 if outside < 0 else arena[outside + i]
    for i in range(1, nodes):
        p = table[parents + i]
        if lanes == LANES:
            flow(arena, v + i * LANES, v + p * LANES, found + i * LANES, found + p * LANES, arena[axial + i])
        else:
            coming = arena[axial + i] * (arena[v + p] - arena[v + i])
            arena[found + i] += coming
            arena[found + p] -= coming


@_kernel
def _is_sound(arena, table, at, thoroughly):
    """Whether potentials are within bounds: at the root, which hears of everything that is not finite, or everywhere."""
    v, wrong = table[at + index.V_AT], 0
    for i in range(table[at + index.LANES] * (table[at + index.NODES] if thoroughly else 1)):
        wrong += not abs(arena[v + i]) < MOST_V
    return wrong == 0


# -- after a step ------------------------------------------------------------------------------------------------------


@_kernel
def _move(arena, table, at):
    """Gates and all else that changes of itself."""
    v = table[at + index.V_AT]
    for k in range(table[at + index.MECHANISM_COUNT]):
        m = table[at + index.MECHANISMS] + k * index.MECHANISM
        if table[m + index.FOLLOWS]:
            _gather_one(arena, table, m, v, 0)
        if table[m + index.MOVE] == 0:
            continue
        _gather(arena, table, m, table[m + index.HEARS], table[m + index.HEAR_COUNT])
        call_blocks(
            table[m + index.MOVE],
            table[m + index.BLOCKS],
            place(arena, table[m + index.AT]),
            place(arena, table[m + index.UNIFORM_AT]),
        )
        for j in range(table[m + index.TELL_COUNT]):
            pair = table[m + index.TELLS] + 2 * j
            _tell(arena, table, m, table[pair], table[pair + 1])


@_kernel
def _detect(arena, table, at, now, spikes):
    """Spikes where V has come up to a threshold, at the time of a straight line between both ends of the step."""
    dt = table[at + index.DT_NS]
    for k in range(table[at + index.DETECTOR_COUNT]):
        detector = table[at + index.DETECTORS] + 4 * k
        after, threshold = arena[table[detector]], arena[table[detector + 2]]
        before = arena[table[detector + 1]]
        arena[table[detector + 1]] = after
        if before < threshold <= after:
            early = dt
            if table[at + index.INTERPOLATES]:
                early = min(max(np.int64(np.ceil((threshold - before) / (after - before) * dt)), 1), dt)
            count = spikes[0]
            spikes[1 + 2 * count] = now * dt + early
            spikes[2 + 2 * count] = table[detector + 3]
            spikes[0] = count + 1
