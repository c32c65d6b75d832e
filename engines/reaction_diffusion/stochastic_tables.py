"""Tables of a system as the stochastic kernels read them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.reaction_diffusion.chemistry.measures import AVOGADRO, measures_of
from engines.reaction_diffusion.kernels import records as r
from engines.reaction_diffusion.one_voxel import OneVoxel, is_simple
from engines.reaction_diffusion.system import Floats, Flows, Integers, Patch, System
from engines.reaction_diffusion.ways_out import WaysOut, ways_out

_OF_LAWS = 4
"""Order that rate laws count as in the choice of leaps: as steep as n^4."""

_NEAR = 1 << 15
"""Places that a processor's own cache holds; beyond, it is told of those that it will look at."""


class Tables:
    """The record of a system, and the arrays to which it leads.

    Attributes
    ----------
    fixed
        (FIXED,) whole numbers and addresses.
    lists
        (classes,) species of each class of molecules that are listed.
    is_direct
        Whether there is one voxel, with reactions simple enough for ``direct``.
    sizes
        Numbers of intensities, coefficients and scratch that a replica needs.
    """

    def __init__(self, system: System, flows: Flows, leaps: bool, log: logging.Logger) -> None:
        self.system = system
        self.fixed = np.zeros(r.FIXED, np.int64)
        self._kept: list[NDArray[Any]] = []
        self.patches = [patch for patch in system.patches if len(patch.voxels)]
        self.is_direct = is_simple(system, self.patches)
        self.ways = ways_out(system, is_listed=leaps or not self.is_direct)
        self._write_numbers(flows)
        self._write_ways(self.ways)
        self._write_rows(log)
        self._write_channels()
        if self.is_direct:
            self._write_direct()

    # -- pieces ----------------------------------------------------------------------------------------------------

    def _keep(self, entry: int, values: Iterable[float] | NDArray[Any], kind: type) -> NDArray[Any]:
        """An array that lasts as long as the record that has its address; at least one number, so that it has one."""
        array: NDArray[Any] = np.ascontiguousarray(values, kind).reshape(-1)
        array = array if len(array) else np.zeros(1, kind)
        self._kept.append(array)
        self.fixed[entry] = array.ctypes.data
        return array

    def _write_numbers(self, flows: Flows) -> None:
        system, fixed = self.system, self.fixed
        fixed[r.VOXELS], fixed[r.SHARED] = len(system.volumes), len(system.shared)
        fixed[r.PATCHES], fixed[r.ROWS] = len(self.patches), sum(len(patch.voxels) for patch in self.patches)
        fixed[r.LEDGER], fixed[r.FLOWS] = system.ledgers, len(flows.columns)
        fixed[r.FAR] = len(system.shared) * len(system.volumes) > _NEAR
        self._keep(r.VOLUMES, system.volumes * AVOGADRO, np.float64)
        self._keep(r.FLOW_COLUMNS, flows.columns, np.int64)
        self._keep(r.FLOW_PLACES, flows.places, np.int64)
        self._keep(r.FLOW_LEDGERS, flows.ledgers, np.int64)
        self._keep(r.FLOW_SHARES, flows.shares, np.float64)

    def _write_ways(self, ways: WaysOut) -> None:
        system, fixed = self.system, self.fixed
        fixed[r.CLASSES], fixed[r.SLOTS], fixed[r.SOURCES] = len(ways.bounds), ways.goals.shape[1] - 1, len(ways.sources)
        rows = np.full(len(system.volumes), -1, np.int32)
        rows[[voxel for patch in self.patches for voxel in patch.voxels]] = np.arange(fixed[r.ROWS])
        self._keep(r.ROW_OF, rows, np.int32)
        self._keep(r.KIND_CLASSES, ways.kind_classes, np.int32)
        self._keep(r.CHANCES, ways.chances, np.float64)
        self._keep(r.GOALS, ways.goals, np.int32)
        self._keep(r.BOUNDS, ways.bounds, np.float64)
        self._keep(r.INVERSES, 1.0 / ways.bounds, np.float64)
        self._keep(r.CLASS_SPECIES, ways.class_species, np.int32)
        self._keep(r.SOURCE_PLACES, ways.sources, np.int32)
        self._keep(r.SOURCE_COLUMNS, ways.source_columns, np.int32)
        self._keep(r.SOURCE_KINDS, ways.source_kinds, np.int32)
        self._keep(r.SOURCE_RATES, ways.source_rates, np.float64)

    def _write_rows(self, log: logging.Logger) -> None:
        system = self.system
        rows = np.zeros((int(self.fixed[r.ROWS]), r.ROW), np.int64)
        patches = np.zeros((len(self.patches), r.PATCH), np.int64)
        columns: list[Integers] = []
        kinds, which = _kinds_of_rows(system, self.patches)
        first = intensities = coefficients = channels = species = inputs = scratch = 0
        for number, patch in enumerate(self.patches):
            chemistry, count = patch.chemistry, len(patch.voxels)
            own = rows[first : first + count]
            number_of = np.arange(count)
            mine = which[first : first + count]
            own[:, r.ROW_VOXEL], own[:, r.ROW_PATCH] = patch.voxels, number
            own[:, r.ROW_AT] = patch.first + number_of * patch.width
            own[:, r.ROW_INTENSITIES] = intensities + number_of * len(chemistry.channels)
            shared = np.unique(mine, return_inverse=True)[1] if chemistry.is_constant else number_of
            own[:, r.ROW_COEFFICIENTS] = coefficients + shared * len(chemistry.channels)
            own[:, r.ROW_INPUTS] = inputs + number_of * len(chemistry.inputs)
            own[:, r.ROW_MEASURES] = 5 * mine
            columns.append(np.asarray(patch.inputs, np.int64).reshape(-1))
            self._write_patch(patches[number], patch, log)
            patches[number, [r.FIRST_ROW, r.FIRST_CHANNEL, r.SPECIES_FIRST]] = first, channels, species
            first += count
            intensities += count * len(chemistry.channels)
            coefficients += (int(shared.max()) + 1) * len(chemistry.channels)
            inputs += count * len(chemistry.inputs)
            channels += len(chemistry.channels)
            species += len(chemistry.species)
            numbers = len(chemistry.species) + len(chemistry.states)
            behind = max(len(chemistry.channels), 3 * numbers, len(chemistry.outputs))
            scratch = max(scratch, numbers + len(chemistry.inputs) + behind)
        self.sizes = intensities, coefficients, scratch
        self._keep(r.ROW_RECORDS, rows, np.int64)
        self._keep(r.PATCH_RECORDS, patches, np.int64)
        self._keep(r.INPUT_COLUMNS, np.concatenate([np.empty(0, np.int64), *columns]), np.int64)
        self._keep(r.MEASURES, kinds, np.float64)

    def _write_patch(self, record: Integers, patch: Patch, log: logging.Logger) -> None:
        chemistry = patch.chemistry
        shared, values = (np.ascontiguousarray(array) for array in (patch.shared.astype(np.int64), chemistry.values))
        shared, values = (array if len(array) else np.zeros(1, array.dtype) for array in (shared, values))
        self._kept += [shared, values]
        compiled = chemistry.compiled(log)
        record[r.CHANNEL_COUNT], record[r.ROW_COUNT] = len(chemistry.channels), len(patch.voxels)
        record[r.SPECIES_COUNT], record[r.SHARED_COUNT] = len(chemistry.species), len(patch.shared)
        record[r.STATE_COUNT], record[r.INPUT_COUNT] = len(chemistry.states), len(chemistry.inputs)
        record[r.SHARED_LIST], record[r.VALUES] = shared.ctypes.data, values.ctypes.data
        record[r.SLOPES], record[r.COEFFICIENTS_OF] = compiled.slopes, compiled.coefficients
        record[r.LAWS], record[r.OBSERVE] = compiled.laws, compiled.observe
        record[r.IS_CONSTANT], record[r.HAS_LAWS] = chemistry.is_constant, chemistry.has_laws
        record[r.OUTPUT_COUNT], record[r.FIRST_OUTPUT] = len(chemistry.outputs), patch.outputs

    def _write_channels(self) -> None:
        voxels = len(self.system.volumes)
        factors: list[list[tuple[int, int, float]]] = []
        changes: list[list[tuple[int, int, float]]] = []
        is_law: list[bool] = []
        for patch in self.patches:
            for channel in patch.chemistry.channels:
                orders = [(j, k) for j, order in enumerate(channel.reactants) for k in range(order)]
                factors.append([(*_base(patch, j, voxels), float(k)) for j, k in orders])
                changed = np.flatnonzero(channel.change)
                changes.append([
                    (*_base(patch, j, voxels), float(channel.change[j])) for j in changed
                ])  # fmt: skip
                is_law.append(not channel.is_mass_action)
        self._keep(r.FACTOR_STARTS, _starts(factors), np.int32)
        for entry, kind, values in zip(
            (r.FACTOR_BASES, r.FACTOR_SHARED, r.FACTOR_LESS), (np.int64, np.int32, np.float64), _columns(factors), strict=True
        ):
            self._keep(entry, values, kind)
        self._keep(r.CHANGE_STARTS, _starts(changes), np.int32)
        for entry, kind, values in zip(
            (r.CHANGE_BASES, r.CHANGE_SHARED, r.CHANGE_AMOUNTS), (np.int64, np.int32, np.float64), _columns(changes), strict=True
        ):
            self._keep(entry, values, kind)
        self._keep(r.IS_LAW, is_law, np.int32)
        partners = [some for patch in self.patches for some in _partners(patch)]
        self._keep(r.LONE_STARTS, _starts(partners), np.int32)
        self._keep(r.LONE_PARTNERS, [place for some in partners for place in some], np.int64)
        orders = [pair for patch in self.patches for pair in _orders(patch)]
        self._keep(r.ORDERS, [order for order, _ in orders], np.int32)
        self._keep(r.OWN_ORDERS, [own for _, own in orders], np.int32)
        self.most_changes = max((len(some) for some in changes), default=0)

    def _write_direct(self) -> None:
        """One voxel, as ``direct`` has it."""
        one = OneVoxel(self.system, self.patches)
        for entry, (values, kind) in one.tables().items():
            self._keep(entry, values, kind)
        self.fixed[r.ONE_COUNT], self.fixed[r.ONE_PAIRS] = len(one.places), len(one.pairs)
        self.fixed[r.ONE_CHANNELS], self.fixed[r.ONE_CHANGES] = len(one.rates), one.most_changes
        _, coefficients, scratch = self.sizes
        self.sizes = len(one.rates), coefficients, max(scratch, one.scratch)


def _kinds_of_rows(system: System, patches: Sequence[Patch]) -> tuple[Floats, Integers]:
    """(kinds, 5) measures of rows that differ in them, and (rows,) which are those of each row."""
    voxels = np.concatenate([np.empty(0, np.int64), *(patch.voxels for patch in patches)])
    volumes, areas = system.volumes[voxels], system.areas[voxels]
    pairs, which = np.unique(np.stack([volumes, areas], axis=1), axis=0, return_inverse=True)
    volumes, areas = pairs.T
    return measures_of(volumes, areas).T, which.reshape(-1)


def _rests(patch: Patch) -> list[set[int]]:
    """Of each channel the species that move its propensity."""
    found = []
    for channel in patch.chemistry.channels:
        places = {place for place in channel.rests_on if place < len(patch.chemistry.species)}
        found.append(places | set(np.flatnonzero(channel.reactants).tolist()))
    return found


def _partners(patch: Patch) -> list[list[int]]:
    """Of each species where its partners are in the patch's own block, if wherever it reacts it meets one of those."""
    known, found = len(patch.shared), [list[int]() for _ in patch.chemistry.species]
    for j in range(known):
        mine = [set(np.flatnonzero(c.reactants).tolist()) for c in patch.chemistry.channels if c.reactants[j]]
        if all(max(some) >= known for some in mine):
            found[j] = sorted({max(some) - known for some in mine})
    return found


def _orders(patch: Patch) -> list[tuple[int, int]]:
    """Of each species the highest order of reactions that depend on it, and its own share of that; of rate laws 4."""
    found = [(0, 0)] * len(patch.chemistry.species)
    for channel, rests in zip(patch.chemistry.channels, _rests(patch), strict=True):
        for species in rests:
            mine = (int(channel.reactants.sum()), int(channel.reactants[species])) if channel.is_mass_action else (_OF_LAWS, 1)
            found[species] = max(found[species], mine)
    return found


def _base(patch: Patch, species: int, voxels: int) -> tuple[int, int]:
    """Where the numbers of a species of a patch begin, and which shared one it is; of its own ones -1."""
    known = len(patch.shared)
    return (int(patch.shared[species]) * voxels, int(patch.shared[species])) if species < known else (species - known, -1)


def _starts(parts: Sequence[Sequence[object]]) -> list[int]:
    return list(accumulate((len(part) for part in parts), initial=0))


def _columns(parts: Sequence[Sequence[tuple[int, int, float]]]) -> list[list[float]]:
    flat = [item for part in parts for item in part]
    return [[item[k] for item in flat] for k in range(3)]
