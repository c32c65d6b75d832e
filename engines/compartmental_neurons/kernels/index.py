"""Where a number stands in the record of a batch or of a mechanism: offsets into the table of whole numbers that kernels read.

"at" is an offset into the arena of numbers, "list" one into the table itself. A field has a number for every compartment and lane
of a batch, and 8 more, to which places that stand for nothing lead.
"""

from __future__ import annotations

(
    NODES, LANES, SUBSTEPS, DT_NS, MIDDLE, INTERPOLATES,  # how many, 1 or 8, inner steps of a step, their length, Crank-Nicolson
    PARENTS, STILL,  # lists of a number a compartment: its parent; whether all from here on to the tips never changes
    V_AT, D_AT, RHS_AT, OUTSIDE_AT, MEMBRANE_AT,  # fields; the last two -1 where there are none
    CAPACITY_AT, DIAGONAL_AT, RIGHT_AT, AXIAL_AT, INVERSE_AT, FACTOR_AT,  # a number a compartment
    MECHANISMS, MECHANISM_COUNT,  # list of records
    DETECTORS, DETECTOR_COUNT,  # list of: V at, former V at, threshold at, channel
    INPUTS, INPUT_COUNT,  # list of: at, column
    OBSERVED, OBSERVED_COUNT,  # list of: at, column
    EMPTIED, EMPTIED_COUNT,  # list of: field of an ion's current
    NERNST, NERNST_COUNT,  # list of: E at, inside at, outside at, valence at, list of places, how many
    TEMPERATURE, TEMPERATURE_AT,  # column of the input, or -1; K
    NEXT_EVENT,  # kernels' own
    BATCH,
) = range(35)  # fmt: skip

(
    BLOCKS, AT, STRIDE, PLACES, CONTIGUOUS, UNIFORM_AT,
    PREPARE, CURRENT, MOVE,  # addresses of code, 0 where there is none
    CONDUCTS, FOLLOWS,  # whether it has a conductance; whether it looks at V
    READS, READ_COUNT,  # list of: field, column; before currents
    ADDS, ADD_COUNT,  # list of: field, column; after currents
    HEARS, HEAR_COUNT,  # list of: field, column; before it moves
    TELLS, TELL_COUNT,  # list of: field, column; after it has moved
    MECHANISM,
) = range(20)  # fmt: skip

BATCHES, BATCH_COUNT, TRANSFERS, TRANSFER_COUNT, HEAD = range(5)
"""The head of the table; transfers are a list of: target, source, after every step (gap junctions)."""

EVENT = 5
"""Whole numbers of an event: inner step, address of the code, slot at, uniform at, bits of the weight."""
