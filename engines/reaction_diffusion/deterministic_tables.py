"""A system as kernels of the deterministic solver read it: records, a table of whole numbers, one array of all other numbers."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from engines.compartmental_neurons.memory import Arena, Table
from engines.reaction_diffusion.chemistry.measures import AVOGADRO, measures_of
from engines.reaction_diffusion.kernels import deterministic_records as records
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
    from engines.reaction_diffusion.kernels.voxel import padded

    chemistry, voxels = patch.chemistry, patch.voxels
    count = len(chemistry.species) + len(chemistry.states)
    code, record = chemistry.compiled(log), [0] * records.PATCH
    fields = patch.shared * len(system.volumes)
    supplied = system.ledgers + len(LEDGERS) * patch.shared + LEDGERS.index("supplied")
    floors = np.ones(padded(count))
    floors[:count] = tolerance * FLOOR
    held = (system.clamped[patch.shared][:, voxels] >= 0).T
    record[records.ROWS], record[records.SPECIES], record[records.STATES] = (
        len(voxels),
        len(chemistry.species),
        len(chemistry.states),
    )
    record[records.SHARED], record[records.WIDTH], record[records.FIRST] = len(patch.shared), patch.width, patch.first
    record[records.VOXELS], record[records.FIELDS] = table.add(voxels), table.add([*fields, *supplied])
    record[records.INPUTS], record[records.INPUT_COLUMNS] = len(chemistry.inputs), table.add(patch.inputs)
    record[records.PARAMETERS] = numbers.add(chemistry.values)
    record[records.MEASURES] = numbers.add(measures_of(system.volumes[voxels], system.areas[voxels]).T)
    record[records.FLOORS] = numbers.add(floors)
    record[records.SLOPES], record[records.JACOBIAN], record[records.OBSERVE] = code.slopes, code.jacobian, code.observe
    record[records.OUTPUTS], record[records.OUTPUT_AT] = len(chemistry.outputs), patch.outputs
    record[records.IS_HELD] = table.add(held) if held.any() else -1
    record[records.IS_STILL] = int(chemistry.is_still)
    return record


def _parts(sweeps: Integers, patches: Integers) -> int:
    of_sweeps = [2 * int(record[records.UNITS]) for record in sweeps]
    of_patches = [int(record[records.ROWS] * record[records.SHARED]) for record in patches if record[records.IS_HELD] >= 0]
    return max([1, *of_sweeps, *of_patches])


def _room(sweeps: Integers, patches: Integers) -> int:
    from engines.reaction_diffusion.kernels.voxel import padded, room_for

    needs = [1]
    for record in sweeps:
        length = int(record[records.LENGTH])
        if record[records.KIND] == records.LINES:
            needs.append(((records.GROUP + 2) * length + 1) * padded(1))
        elif record[records.KIND] == records.TREE:
            needs.append(2 * length)
    return max([*needs, *(room_for(int(record[records.SPECIES] + record[records.STATES])) for record in patches)])
