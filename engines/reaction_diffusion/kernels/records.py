"""What stands where in the records that stochastic kernels read: addresses of tables, and numbers of things.

``fixed`` is of a system and the same for all replicas, ``work`` is of one replica. "numbers" are float64, "places" are places in
the state. A *row* is a voxel with reactions; a *class* is the molecules of one shared species in voxels that they leave at rates
alike; a *kind* is a voxel with the same ways out for a species; a *source* is a voxel in which a species is held.
"""

from __future__ import annotations

(
    VOXELS, SHARED, CLASSES, SLOTS, PATCHES, ROWS, SOURCES, LEDGER, FLOWS, FAR,  # how many; first ledger; whether to look ahead
    ROW_OF,  # int32 of each voxel: its row or -1
    KIND_CLASSES,  # int32 of each kind
    CHANCES,  # numbers, slot by slot of each kind: chance of this way out or one before, of a molecule that its class takes
    GOALS,  # int32, the same and one more: how many places on, or STAYS, LEAVES, TAKEN_UP
    BOUNDS, INVERSES,  # numbers of each class: 1/s at which its molecules are taken, s
    CLASS_SPECIES,  # int32 of each class
    VOLUMES,  # numbers, molecules per mol/m³ of each voxel
    SOURCE_PLACES, SOURCE_COLUMNS, SOURCE_KINDS,  # int32
    SOURCE_RATES,  # numbers, 1/s
    ROW_RECORDS, PATCH_RECORDS,  # int64, see below
    INPUT_COLUMNS,  # int64, of each row: columns of the row of inputs
    MEASURES,  # numbers, five of each kind of row
    FACTOR_STARTS, FACTOR_BASES, FACTOR_SHARED, FACTOR_LESS,  # of each channel: coefficient * product of (n - less)
    CHANGE_STARTS, CHANGE_BASES, CHANGE_SHARED, CHANGE_AMOUNTS,  # of each channel: shared species or -1, molecules
    IS_LAW,  # int32 of each channel
    LONE_STARTS, LONE_PARTNERS,  # of each patch and species: own species of which it meets one wherever it reacts; none otherwise
    ORDERS, OWN_ORDERS,  # int32 of each patch and species: highest order of its reactions, and how often it is in that
    FLOW_COLUMNS, FLOW_PLACES, FLOW_LEDGERS, FLOW_SHARES,
    ONE_PLACES, ONE_COUNT, ONE_FEWER, ONE_PAIRS,  # as in ``one_voxel``
    ONE_CHANNELS, ONE_FACTORS, ONE_RATES, ONE_CHANGES, ONE_AT, ONE_AMOUNTS,
    FIXED,
) = range(54)  # fmt: skip

ROW_VOXEL, ROW_AT, ROW_PATCH, ROW_INTENSITIES, ROW_COEFFICIENTS, ROW_INPUTS, ROW_MEASURES, ROW = range(8)
"""Its voxel; where its own numbers begin; its patch; where its propensities (of leaps), coefficients, columns and so on begin."""

(
    FIRST_CHANNEL, CHANNEL_COUNT, SPECIES_FIRST, FIRST_ROW, ROW_COUNT, SPECIES_COUNT, SHARED_COUNT, STATE_COUNT, INPUT_COUNT,
    SHARED_LIST,  # address of int64: numbers of its shared species
    SLOPES, COEFFICIENTS_OF, LAWS, OBSERVE, VALUES, IS_CONSTANT, HAS_LAWS, OUTPUT_COUNT, FIRST_OUTPUT, PATCH,
) = range(20)  # fmt: skip

(
    TIMES_STREAM, CHOICES_STREAM, SECOND_STREAM, DRAWS_STREAM,
    WAYS_OUT,  # int32 pairs of each place of a shared species: kind (or LOOSE, HELD), ceiling up to which its row's bound holds
    LISTS, LIST_STARTS, SIZES, SUMS, DEBTS,  # int32 places; int64 of classes and one more; int64; 1/s; int32 of each place
    NEEDED,  # int64 of each class: entries for which there was no room
    EXPONENTIALS, UNIFORMS,  # numbers of candidates, two batches
    AHEAD,  # of candidates to come: int64 places in lists, numbers
    COEFFICIENTS,  # numbers of each row, in 1/s
    ONE_COEFFICIENTS,  # numbers of ``direct``
    LEVELS, POSITIONS,  # int32 of each row: its group or -1, and where it stands among members
    MEMBERS, BLOCKS, FREE, ROOM,  # int32: members, block by block; blocks of each group; free blocks; blocks of a group at most
    GROUP_SIZES, ACTIVE,  # int64 of each group; int32 groups with members, largest first
    SOURCE_SUMS,  # numbers, 1/s of this source and those before
    QUEUE,  # int64 pairs: place and how many molecules a full list had no room for
    COUNTS, NUMBERS,  # see below
    MEANS, VARIANCES, INTENSITIES,  # numbers of ``leaps``: of places and ledgers, and of channels
    LAST_INPUTS, SCRATCH,  # the row of inputs that coefficients are of; numbers
    WORK,
) = range(34)  # fmt: skip

(
    AT, QUEUED, EVENTS, ACTIVE_COUNT, FREE_COUNT, DRAWS, STARTED, STALE,
    STEP, PHASE, ADDED,  # where a call stopped, to go on
    LIMIT,  # events until which single events follow each other
    FAULT, FAULT_ROW, FAULT_CHANNEL, LEAPS, COUNT_LENGTH,
) = range(17)  # fmt: skip

LEFT, TIME, ROWS_SUM, SOURCE_SUM, TOTAL, INVERSE, NUMBER_LENGTH = range(7)
"""Of a unit exponential until the next event; s left of the step; 1/s of all rows, sources, and everything; s."""

LOOSE, HELD = -1, -2
AHEAD_ROOM = 128
HAUNTED = 1 << 29
"""Added to the kind of a place that has ghosts."""
HIGH = 1 << 30
"""A ceiling above all numbers."""
STAYS, LEAVES, TAKEN_UP = 1 << 30, (1 << 30) + 1, (1 << 30) + 2
BATCH, KEPT = 128, 255
"""Numbers that are drawn at a time; two batches are kept, number k at k & KEPT."""
GROUPS, LOWEST = 128, -40
"""Group g has the rows whose propensity is at most 2^(g + LOWEST) per second."""
BLOCK = 16
"""Rows that a group takes room for at a time."""
RELEASED, LEFT_LEDGER, TAKEN_LEDGER, SUPPLIED, LEDGER_COUNT = range(5)
SOUND, FULL, NOT_FINITE, NEGATIVE, TOO_FAST = range(5)
"""What a kernel says in the end."""
