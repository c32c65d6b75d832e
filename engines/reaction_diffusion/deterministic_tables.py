"""A system as kernels of the deterministic solver read it: records, a table of whole numbers, one array of all other numbers."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from engines.compartmental_neurons.memory import Arena, Table
from engines.equations.compiled import load_compiled
from engines.reaction_diffusion.chemistry.measures import AVOGADRO, measures_of
from engines.reaction_diffusion.elimination import Elimination
from engines.reaction_diffusion.kernels import deterministic_records as records
from engines.reaction_diffusion.lanes import LANES, eightfold, pattern
from engines.reaction_diffusion.sweeps import Sweeps
from engines.reaction_diffusion.system import LEDGERS, Floats, Integers, Patch, System

FLOOR = 1e-6
"""Molecules (or, of states, SI units): a number well below this need not be right to the tolerance."""


@dataclass(frozen=True, eq=False)
class Tables:
    """A system in memory.

    Attributes
    ----------
    half
        How many of the sweeps come before the reactions.
    sweeps, patches
        Records.
    rows
        Voxels that react, counted once for each patch.
    parts, room
        Numbers of memory in which units of work say what they give to ledgers, and in which kernels work.
    """

    half: int
    sweeps: Integers
    patches: Integers
    table: Integers
    numbers: Floats
    rows: int
    parts: int
    room: int

    @classmethod
    def of(cls, system: System, tolerance: float, scheme: str, log: logging.Logger) -> Tables:
        numbers, table, rows = Arena(), Table(0), 0
        sweeps = Sweeps(system, scheme, numbers, table)
        found = []
        for patch in system.patches:
            record = _record(patch, system, tolerance, numbers, table, log)
            record[records.KEPT] = rows
            rows += len(patch.voxels)
            found.append(record)
        moves = np.array([*sweeps.before, *sweeps.after], np.int64).reshape(-1, records.SWEEP)
        patches = np.array(found, np.int64).reshape(-1, records.PATCH)
        whole, parts, room = table.whole(), _parts(moves, patches), _room(moves, patches)
        return cls(len(sweeps.before), moves, patches, whole, numbers.whole(), rows, parts, room)


def clamps_of(system: System) -> tuple[Integers, Integers, Integers, Floats]:
    """Columns, places, ledgers, and molecules of a mol/m³, of what is prescribed."""
    species, voxels = np.nonzero(system.clamped >= 0)
    ledgers = system.ledgers + len(LEDGERS) * species + LEDGERS.index("supplied")
    return system.clamped[species, voxels], species * len(system.volumes) + voxels, ledgers, AVOGADRO * system.volumes[voxels]


def _record(patch: Patch, system: System, tolerance: float, numbers: Arena, table: Table, log: logging.Logger) -> list[int]:
    chemistry, voxels = patch.chemistry, patch.voxels
    count = len(chemistry.species) + len(chemistry.states)
    code, record = load_compiled("reactions of eight voxels", eightfold(chemistry.code), log), [0] * records.PATCH
    fields = patch.shared * len(system.volumes)
    supplied = system.ledgers + len(LEDGERS) * patch.shared + LEDGERS.index("supplied")
    held = (system.clamped[patch.shared][:, voxels] >= 0).T
    measures = measures_of(system.volumes[voxels], system.areas[voxels]).T
    lanes = np.minimum(np.arange(-(-len(voxels) // LANES) * LANES), len(voxels) - 1).reshape(-1, LANES)
    record[records.ROWS], record[records.SHARED], record[records.WIDTH] = len(voxels), len(patch.shared), patch.width
    record[records.SPECIES], record[records.STATES] = len(chemistry.species), len(chemistry.states)
    record[records.FIRST], record[records.OUTPUT_AT], record[records.OUTPUTS] = patch.first, patch.outputs, len(chemistry.outputs)
    record[records.VOXELS], record[records.FIELDS] = table.add(voxels), table.add([*fields, *supplied])
    record[records.INPUTS], record[records.INPUT_COLUMNS] = len(chemistry.inputs), table.add(patch.inputs)
    record[records.PARAMETERS], record[records.MEASURES] = numbers.add(chemistry.values), numbers.add(measures)
    record[records.MEASURES_OF_EIGHT] = numbers.add(measures[lanes].swapaxes(1, 2))
    record[records.FLOORS] = numbers.add(np.full(count, tolerance * FLOOR))
    record[records.SLOPES], record[records.JACOBIAN] = code.slopes.address, code.jacobian.address
    record[records.OBSERVE] = chemistry.compiled(log).observe
    record[records.COURSE] = table.add(Elimination.of(count, pattern(chemistry.code)).flat())
    record[records.IS_HELD] = table.add(held) if held.any() else -1
    record[records.IS_STILL] = int(chemistry.is_still)
    return record


def _parts(sweeps: Integers, patches: Integers) -> int:
    of_sweeps = [2 * int(record[records.UNITS]) for record in sweeps]
    of_patches = [int(record[records.ROWS] * record[records.SHARED]) for record in patches if record[records.IS_HELD] >= 0]
    return max([1, *of_sweeps, *of_patches])


def _room(sweeps: Integers, patches: Integers) -> int:
    """The most that any sweep needs; after it memory for each patch, whose place is noted."""
    from engines.reaction_diffusion.kernels.voxels import room_for

    room = 1
    for record in sweeps:
        length = int(record[records.LENGTH])
        if record[records.KIND] == records.LINES:
            room = max(room, ((records.GROUP + 2) * length + 1) * LANES)
        elif record[records.KIND] == records.TREE:
            room = max(room, 2 * length)
    room = max([room, *(int(record[records.SPECIES] + record[records.STATES]) for record in patches)])  # outputs, voxel by voxel
    for record in patches:
        record[records.ROOM_OF_PATCH] = room
        room += room_for(int(record[records.SPECIES] + record[records.STATES]), int(record[records.INPUTS]))
    return room
