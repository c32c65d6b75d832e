"""Which sweeps a step of diffusion is made of, and the tables that each needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engines.compartmental_neurons.memory import Arena, Table
from engines.reaction_diffusion.kernels import deterministic_records as records
from engines.reaction_diffusion.lanes import LANES
from engines.reaction_diffusion.system import LEDGERS, Axis, Floats, Integers, System

SECOND_ORDER, BACKWARD_EULER = "second_order", "backward_euler"
GAMMA = {SECOND_ORDER: records.GAMMA, BACKWARD_EULER: 1.0}
"""Part of a step over which each stage is implicit."""
_UNIT = records.GROUP * LANES
_FEW = 2
"""Lines that are solved one after the other, rather than eight at once with most lanes empty."""
Truths = NDArray[np.bool_]


@dataclass(frozen=True)
class Lines:
    """How voxels form lines along an axis.

    Attributes
    ----------
    length, stride
        Voxels of a line, and from one to the next.
    count
        Lines, numbered so that neighbours in memory follow each other.
    """

    length: int
    stride: int
    count: int

    @classmethod
    def along(cls, axes: Sequence[Axis], number: int) -> Lines | None:
        """Of one of some axes; None where it is a tree."""
        axis, voxels = axes[number], len(axes[number].parent)
        if axis.stride <= 0 or voxels % axis.stride:
            return None
        begins = axis.parent.reshape(-1, axis.stride) < 0
        for larger in sorted({other.stride for other in axes if other.stride > axis.stride}):
            length, rest = divmod(larger, axis.stride)
            if not rest and voxels % larger == 0 and begins[::length].all():
                return cls(length, axis.stride, voxels // length)
        return cls(len(begins), axis.stride, axis.stride)

    def of(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """(count, length) of numbers of voxels."""
        return np.moveaxis(values.reshape(-1, self.length, self.stride), 2, 1).reshape(-1, self.length)

    @property
    def row_units(self) -> int:
        """Units of work that lines side by side in memory are cut into; 0 where they are not."""
        return -(-self.stride // _UNIT) if self.stride >= LANES else 0

    @cached_property
    def units(self) -> Integers:
        """(units, lines of one) numbers of lines, -1 beyond the last."""
        per_row = self.row_units
        if not per_row:
            found = np.full(-(-self.count // _UNIT) * _UNIT, -1, np.int64)
            found[: self.count] = np.arange(self.count)
            return found.reshape(-1, _UNIT)
        rows = np.full((self.count // self.stride, per_row * _UNIT), -1, np.int64)
        rows[:, : self.stride] = np.arange(self.count).reshape(-1, self.stride)
        return rows.reshape(-1, _UNIT)


@dataclass(frozen=True, eq=False)
class Flow:
    """What moves one species along one axis, in SI units.

    Attributes
    ----------
    conductances, walls
        (voxels,) m³/s to the parent, and to the outside.
    volumes
        (voxels,) m³; 1 where there is none.
    held
        (voxels,) whether the number of molecules stays as it is.
    """

    axis: Axis
    lines: Lines | None
    conductances: Floats
    walls: Floats
    volumes: Floats
    held: Truths

    @property
    def is_tree(self) -> bool:
        return self.lines is None or self.lines.count <= _FEW

    @cached_property
    def kinds(self) -> tuple[Floats, Floats, Floats, Truths, Integers]:
        """Conductances, walls, volumes and held voxels of lines that differ, (kinds, length), and of each line which it is."""
        assert self.lines is not None
        parts = [self.lines.of(values) for values in (self.conductances, self.walls, self.volumes, self.held)]
        first = np.zeros(1, np.int64)
        if all((part == part[0]).all() for part in parts):
            return (*(part[:1] for part in parts), np.zeros(self.lines.count, np.int64))  # type: ignore[return-value]
        rows = np.ascontiguousarray(np.concatenate(parts, axis=1, dtype=np.float64))
        keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
        _, first, which = np.unique(keys, return_index=True, return_inverse=True)
        return (*(part[first] for part in parts), which.ravel())  # type: ignore[return-value]

    @property
    def is_uniform(self) -> bool:
        """Whether it is the same along all lines, in voxels of one size, and nothing is held."""
        if self.lines is None or self.held.any() or (self.volumes != self.volumes[0]).any():
            return False
        return len(self.kinds[0]) == 1


class Sweeps:
    """The sweeps of a system, in two parts: before and after the reactions.

    Attributes
    ----------
    before, after
        Records, see ``kernels.deterministic_records``.
    """

    def __init__(self, system: System, scheme: str, numbers: Arena, table: Table) -> None:
        self._system, self._scheme, self._numbers, self._table = system, scheme, numbers, table
        self.before: list[list[int]] = []
        self.after: list[list[int]] = []
        reacting = {int(s) for patch in system.patches if not patch.chemistry.is_still for s in patch.shared}
        for species in range(len(system.shared)):
            self._plan(species, species in reacting)

    def _plan(self, species: int, reacts: bool) -> None:
        """Strang's splitting: every part for half a step, then in reverse order; whole steps where parts commute."""
        dt, flows = self._system.dt, self._flows(species)
        held = self._held(species)
        uptake = self._system.uptake[species]
        active = self._system.volumes > 0
        is_even = not held.any() and (uptake[active] == uptake[active][:1]).all()
        commutes = len(flows) <= 1 or all(flow.is_uniform for flow in flows)
        if reacts:
            first = [*self._take_up(species, 0.5 * dt), *(self._record(species, flow, 0.5 * dt) for flow in flows)]
            self.before += first
            self.after += first[::-1]
            return
        moves = [self._record(species, flow, dt) for flow in flows] if commutes else []
        if not commutes:
            halves = [self._record(species, flow, 0.5 * dt) for flow in flows[:-1]]
            moves = [*halves, self._record(species, flows[-1], dt), *halves[::-1]]
        if is_even or not flows:
            self.before += [*moves, *self._take_up(species, dt)]
        else:
            first = self._take_up(species, 0.5 * dt)
            self.before += [*first, *moves, *first[::-1]]

    def _held(self, species: int) -> Truths:
        found: Truths = self._system.clamped[species] >= 0
        return found

    def _flows(self, species: int) -> list[Flow]:
        """Along every axis on which something moves, or leaves."""
        system = self._system
        volumes, walls = np.where(system.volumes > 0, system.volumes, 1.0), system.walls[species]
        axes = system.axes or (Axis(np.full(len(volumes), -1, np.int64), 0),)
        faces = system.faces[species] if system.axes else np.zeros((1, len(volumes)))
        held = self._held(species)
        return [
            Flow(axes[a], Lines.along(axes, a), faces[a], walls[a], volumes, held)
            for a in range(len(axes))
            if faces[a].any() or walls[a].any()
        ]

    # -- records ---------------------------------------------------------------------------------------------------

    def _blank(self, species: int, kind: int, units: int, length: int) -> list[int]:
        record = [0] * records.SWEEP
        record[records.KIND], record[records.UNITS], record[records.LENGTH] = kind, units, length
        record[records.FIELD] = species * len(self._system.volumes)
        record[records.LEDGERS] = self._system.ledgers + len(LEDGERS) * species
        record[records.IS_SECOND_ORDER] = int(self._scheme == SECOND_ORDER)
        return record

    def _record(self, species: int, flow: Flow, span: float) -> list[int]:
        record = self._tree(species, flow, span) if flow.is_tree else self._lines(species, flow, span)
        record[records.TALLIES] = int(flow.walls.any() or flow.held.any())
        return record

    def _tree(self, species: int, flow: Flow, span: float) -> list[int]:
        from engines.reaction_diffusion.kernels.trees import factor_tree

        record = self._blank(species, records.TREE, 1, len(flow.volumes))
        inside, outside = (GAMMA[self._scheme] * span * values for values in (flow.conductances, flow.walls))
        parents = np.where(inside > 0, flow.axis.parent, -1)
        diagonal = flow.volumes + inside + outside
        np.add.at(diagonal, parents[parents >= 0], inside[parents >= 0])
        factor, inverse = factor_tree(parents, inside, diagonal, flow.held)
        place = self._numbers.add(np.stack([inside, factor, inverse, flow.volumes, 1.0 / flow.volumes]))
        walls = self._numbers.add(outside) if outside.any() else -1
        record[records.TABLES] = self._table.add([place, walls, int(flow.held.any())])
        record[records.PARENTS] = self._table.add(parents)
        return record

    def _lines(self, species: int, flow: Flow, span: float) -> list[int]:
        lines = flow.lines
        assert lines is not None
        record = self._blank(species, records.LINES, len(lines.units), lines.length)
        record[records.STRIDE], record[records.COUNT], record[records.ROW_UNITS] = lines.stride, lines.count, lines.row_units
        record[records.TABLES] = self._table.add(self._blocks(flow, lines, span))
        return record

    def _blocks(self, flow: Flow, lines: Lines, span: float) -> Integers:
        """(blocks, BLOCK) where their numbers are; blocks that are alike share them."""
        conductances, walls, volumes, held, which = flow.kinds
        inside, outside = GAMMA[self._scheme] * span * conductances, GAMMA[self._scheme] * span * walls
        coefficients = _eliminated(inside, outside, volumes, held)  # (kinds + 1, length, COEFFICIENTS), nothing in the last
        kinds = np.append(which, len(conductances))[lines.units].reshape(-1, LANES)
        alike, place_of = np.unique(kinds, axis=0, return_inverse=True)
        leaks, holds = (np.append(values.any(axis=1), False) for values in (walls, held))
        outside = np.concatenate([outside, np.zeros_like(outside[:1])])
        found = np.full((len(alike), records.BLOCK), -1, np.int64)
        size, leaky = lines.length * LANES, leaks[alike].any(axis=1)
        first = self._numbers.add(np.moveaxis(coefficients[alike], 1, 3))
        found[:, 0] = first + records.COEFFICIENTS * size * np.arange(len(alike))
        if leaky.any():
            found[leaky, 1] = self._numbers.add(outside[alike[leaky]].swapaxes(1, 2)) + size * np.arange(leaky.sum())
        found[:, 2] = holds[alike].any(axis=1)
        return found[place_of.ravel()]

    def _take_up(self, species: int, span: float) -> list[list[int]]:
        """What is taken up over a time; of voxels that are held k h, which is supplied again."""
        rates, held = self._system.uptake[species], self._held(species)
        if not rates.any():
            return []
        voxels = len(rates)
        record = self._blank(species, records.UPTAKE, -(-voxels // records.PIECE), voxels)
        fractions, active = np.where(held, 0.0, -np.expm1(-rates * span)), self._system.volumes > 0
        is_even = (fractions[active] == fractions[active][0]).all()
        record[records.FRACTION] = self._numbers.add(fractions[active][:1] if is_even else fractions)
        record[records.FRACTION_STRIDE], record[records.TALLIES] = int(not is_even), 1
        found = [record]
        there = np.flatnonzero(held & (rates > 0))
        if len(there):
            record = self._blank(species, records.HELD_UPTAKE, 1, len(there))
            record[records.HELD], record[records.FRACTION] = self._table.add(there), self._numbers.add(rates[there] * span)
            record[records.TALLIES] = 1
            found.append(record)
        return found


def _eliminated(inside: Floats, outside: Floats, volumes: Floats, held: Truths) -> Floats:
    """(kinds + 1, length, COEFFICIENTS) of lines; the last is one without molecules."""
    kinds, length = inside.shape
    found = np.zeros((kinds + 1, length, records.COEFFICIENTS))
    found[:, :, 2:] = 1.0
    found[:kinds, :, 0], found[:kinds, :, 3], found[:kinds, :, 4] = inside, volumes, 1.0 / volumes
    found[:kinds, 0, 0] = 0.0  # nothing comes before a line
    inside = found[:kinds, :, 0]
    diagonal = volumes + inside + outside
    diagonal[:, :-1] += inside[:, 1:]
    factor, inverse = found[:kinds, :, 1], found[:kinds, :, 2]
    for i in range(length):
        if i > 0:
            factor[:, i] = np.where(held[:, i], 0.0, inside[:, i] * inverse[:, i - 1])
            diagonal[:, i] -= inside[:, i] * factor[:, i]
        inverse[:, i] = np.where(held[:, i], 0.0, 1.0 / diagonal[:, i])
    return found
