"""Where a number stands in the records that kernels of the deterministic solver read.

"list" is an offset into the table of whole numbers, "at" one into the numbers, the state or the memory they work in, as said.
"""

from __future__ import annotations

LINES, TREE, UPTAKE, HELD_UPTAKE = range(4)
"""Kinds of sweeps."""

(
    KIND,
    FIELD,  # of the species, at in the state
    UNITS,  # of work, that threads may share: groups of lines, pieces of voxels
    LENGTH, STRIDE, COUNT,  # of lines: voxels along one, from voxel to voxel, how many lines; of the other kinds only LENGTH
    ROW_UNITS,  # units that STRIDE lines side by side in the state are cut into; 0: lines are far from each other
    TABLES,  # list: of every block of lines (a tree is one) its factors (at in numbers), walls (at or -1), whether any is held
    PARENTS,  # list, of a tree
    FRACTION, FRACTION_STRIDE,  # at in numbers, what is taken up; 1 or, where it is the same everywhere, 0
    HELD,  # list: voxels, of HELD_UPTAKE
    LEDGERS,  # at in the state: released, left, taken_up, supplied
    TALLIES,  # whether anything leaves or is supplied
    IS_SECOND_ORDER,
    SWEEP,
) = range(16)  # fmt: skip

(
    ROWS, SPECIES, STATES, SHARED, WIDTH,
    FIRST,  # at in the state: the block of the first voxel
    VOXELS,  # list: of a row its voxel
    FIELDS,  # list: of the shared species, where their fields are (at in the state), then where their ledgers of what was supplied
    INPUTS, INPUT_COLUMNS,  # how many; list, of every row
    PARAMETERS, MEASURES,  # at in numbers; 5 measures of every row
    MEASURES_OF_EIGHT,  # at in numbers; of every eight rows five eights
    FLOORS,  # at in numbers: errors that never matter, of every number
    SLOPES, JACOBIAN, OBSERVE,  # addresses of code: of eight voxels, of eight, of one
    COURSE,  # list: how the Jacobian is eliminated
    OUTPUTS, OUTPUT_AT,  # how many; at in the state
    KEPT,  # at in the step sizes
    IS_HELD,  # list: of every row and shared species whether it is held; or -1
    IS_STILL,  # whether nothing reacts
    ROOM_OF_PATCH,  # at in the memory to work in
    PATCH,
) = range(25)  # fmt: skip

GAMMA, SECOND = 0.2928932188134524, 2.414213562373095
"""Of the scheme of diffusion of second order: 1 - 1/sqrt(2) and 1 + sqrt(2)."""
MEASURES_OF_VOXEL = 5
BLOCK = 3
"""Whole numbers of a block of lines among TABLES."""
COEFFICIENTS = 5
"""Of every voxel: conductance to the one before, elimination factor, inverse of the diagonal, volume, 1 / volume; of each eight
numbers for eight lines, of a tree those of all voxels."""
PIECE = 4096
"""Voxels of a unit of UPTAKE."""
GROUP = 4
"""Blocks of eight lines in a unit of LINES."""

SHRUNK, ENDLESS, NOT_FINITE = 1, 2, 3
"""What may go wrong: steps of reactions have shrunk to nothing, are too many, or a number is not finite."""
