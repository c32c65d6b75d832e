"""One batch of cells in memory: fields, mechanisms, and the record by which kernels find them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.compartmental_neurons.cells import LANES, Cells, Floats, Integers
from engines.compartmental_neurons.ions import ZERO_CELSIUS, symbols_at
from engines.compartmental_neurons.kernels import index
from engines.compartmental_neurons.mechanisms.initial import start
from engines.compartmental_neurons.mechanisms.placed import Placed
from engines.compartmental_neurons.mechanisms.variant import Variant, concentration_column, current_column
from engines.compartmental_neurons.memory import Arena, Table
from engines.compartmental_neurons.wiring import of_cells

_FURTHER = 8
"""Numbers at the end of a field, for places that stand for nothing."""


@dataclass(eq=False)
class Batch:
    """Where everything of some cells is in the arena.

    Attributes
    ----------
    cells
        (k,) their numbers in the population, one a lane.
    fields
        Where the field of ``V``, ``E_na``, ``ca_i``, … begins.
    blocks
        By mechanism: where its numbers begin; ``slots`` has the places of the cells' slots among them.
    """

    population: Cells
    cells: Integers
    lanes: int
    fields: dict[str, int] = field(default_factory=dict)
    blocks: dict[str, int] = field(default_factory=dict)
    uniforms: dict[str, int] = field(default_factory=dict)
    slots: dict[str, Integers] = field(default_factory=dict)

    def placed(self, name: str) -> Placed:
        """The mechanism of a name."""
        return next(item for item in self.population.placed if item.name == name)

    def place(self, symbol: str, lane: int, nodes: NDArray[Any]) -> Integers:
        """Where numbers of a field are, for some compartments of a cell."""
        return self.fields[symbol] + np.asarray(nodes, np.int64) * self.lanes + lane

    def column(self, placed: Placed, name: str, lane: int, nodes: NDArray[Any]) -> Integers:
        """Where a number of a mechanism is, for some of its compartments of a cell."""
        found = {int(node): k for k, node in enumerate(placed.nodes)}
        which = np.array([found[int(node)] for node in nodes], np.int64) * self.lanes + lane
        return self.slot(placed, name, which)

    def slot(self, placed: Placed, name: str, which: Integers) -> Integers:
        """Where a number of a mechanism is, by the number of the place."""
        at, columns = self.blocks[placed.name], placed.variant.columns
        return at + (which // LANES * len(columns) + columns[name]) * LANES + which % LANES


class Assembler:
    """Lays batches out.

    Parameters
    ----------
    is_middle
        Whether steps are solved in their middle (Crank-Nicolson).
    interpolates
        Whether spikes are stamped within a step, or with its end.
    """

    def __init__(self, arena: Arena, table: Table, dt_ns: int, is_middle: bool, interpolates: bool) -> None:
        self.arena, self.table, self._dt_ns, self._is_middle, self._interpolates = arena, table, dt_ns, is_middle, interpolates

    def lay(self, cells: Cells, numbers: Integers, kernels: Mapping[str, ModuleType]) -> tuple[Batch, list[int]]:
        """A batch and its record, to which inputs and records are added later; ``kernels`` are compiled code by mechanism."""
        batch = Batch(cells, numbers, 1 if len(numbers) == 1 else LANES)
        record = [0] * index.BATCH
        record[index.NODES], record[index.LANES] = cells.compartments.count, batch.lanes
        record[index.SUBSTEPS], record[index.DT_NS] = cells.substeps, self._dt_ns // cells.substeps
        record[index.MIDDLE], record[index.INTERPOLATES] = int(self._is_middle), int(self._interpolates)
        self._fields(batch, record)
        self._cable(batch, record)
        self._ions(batch, record)
        records: list[int] = []
        for placed in cells.active:
            records += self._mechanism(batch, placed, kernels[placed.name])
        record[index.MECHANISMS], record[index.MECHANISM_COUNT] = self.table.add(records), len(cells.active)
        self._detectors(batch, record)
        record[index.TEMPERATURE], record[index.TEMPERATURE_AT] = -1, batch.fields["temperature"]
        return batch, record

    # -- fields ----------------------------------------------------------------------------------------------------

    def _field(self, batch: Batch, name: str, values: Floats | float) -> int:
        """A number for every compartment and lane; the same in all lanes."""
        each = np.broadcast_to(np.asarray(values, np.float64), (batch.population.compartments.count,))
        batch.fields[name] = self.arena.add(np.concatenate([np.repeat(each, batch.lanes), np.full(_FURTHER, each[0])]))
        return batch.fields[name]

    def _fields(self, batch: Batch, record: list[int]) -> None:
        cells = batch.population
        record[index.V_AT] = self._field(batch, "V", cells.potential)
        record[index.D_AT], record[index.RHS_AT] = self._field(batch, "1d", 1.0), self._field(batch, "1rhs", 0.0)
        record[index.OUTSIDE_AT] = self._field(batch, "1outside", 0.0) if cells.hears_field else -1
        record[index.MEMBRANE_AT] = self._field(batch, "membrane_current", 0.0) if cells.tells_membrane else -1
        batch.fields["temperature"] = self.arena.add([cells.celsius + ZERO_CELSIUS])

    def _cable(self, batch: Batch, record: list[int]) -> None:
        """The equations without what moves; what is still is eliminated here, in the order in which kernels would."""
        cells, compartments = batch.population, batch.population.compartments
        dt = self._dt_ns * 1e-9 / cells.substeps
        capacity = (2.0 if self._is_middle else 1.0) * cells.capacitance * compartments.area / dt
        axial, parent = compartments.conductance, compartments.parent
        diagonal = capacity + axial
        np.add.at(diagonal, parent[1:], axial[1:])
        right = np.zeros(compartments.count)
        for placed in cells.leaks:
            assert placed.leak is not None
            area = compartments.area[placed.nodes]
            diagonal[placed.nodes] += placed.leak[0] * area
            right[placed.nodes] += placed.leak[1] * area
        inverse, factor = np.zeros(compartments.count), np.zeros(compartments.count)
        for node in range(compartments.count - 1, 0, -1):
            if cells.is_still[node]:
                inverse[node] = 1.0 / diagonal[node]
                factor[node] = axial[node] * inverse[node]
                diagonal[parent[node]] -= factor[node] * axial[node]
        record[index.PARENTS], record[index.STILL] = self.table.add(parent), self.table.add(cells.is_still.astype(np.int64))
        for key, values in (
            (index.CAPACITY_AT, capacity), (index.DIAGONAL_AT, diagonal), (index.RIGHT_AT, right), (index.AXIAL_AT, axial),
            (index.INVERSE_AT, inverse), (index.FACTOR_AT, factor),
        ):  # fmt: skip
            record[key] = self.arena.add(values)

    def _ions(self, batch: Batch, record: list[int]) -> None:
        cells, lists = batch.population, []
        for name in cells.used_ions:
            ion = cells.ions[name]
            for symbol in (f"E_{name}", f"{name}_i", f"{name}_o"):
                self._field(batch, symbol, cells.ion_fields[symbol])
            if name in cells.nernst:
                places = self._moving_places(batch, name)
                valence = self.arena.add([ion.valence])
                fields = [batch.fields[symbol] for symbol in (f"E_{name}", f"{name}_i", f"{name}_o")]
                lists += [*fields, valence, self.table.add(places), len(places)]
        record[index.NERNST], record[index.NERNST_COUNT] = self.table.add(lists), len(cells.nernst)
        emptied = [self._field(batch, f"i_{name}", 0.0) for name in cells.heard_currents]
        record[index.EMPTIED], record[index.EMPTIED_COUNT] = self.table.add(emptied), len(emptied)

    def _moving_places(self, batch: Batch, ion: str) -> Integers:
        """Where in a field a concentration of an ion moves."""
        cells, symbols = batch.population, {f"{ion}_i", f"{ion}_o"}
        if cells.is_warmed or symbols & cells.driven:
            nodes = np.flatnonzero(cells.compartments.area > 0)
        else:
            told = [placed.nodes for placed in cells.active if symbols & placed.description.concentrations.keys()]
            nodes = np.unique(np.concatenate(told))
        return (nodes[:, None] * batch.lanes + np.arange(batch.lanes)).ravel()

    # -- mechanisms ------------------------------------------------------------------------------------------------

    def _mechanism(self, batch: Batch, placed: Placed, kernel: ModuleType) -> list[int]:
        variant, cells = placed.variant, batch.population
        places, nodes, which = self._places(batch, placed)
        count = len(places)
        blocks = -(-count // LANES)
        nothing = cells.compartments.count * batch.lanes
        padded = np.concatenate([places, np.full(blocks * LANES - count, nothing)])
        is_contiguous = placed.cells is None and batch.lanes == LANES
        columns = self._columns(batch, placed, nodes, which)
        block = np.zeros((blocks, len(variant.columns), LANES))
        for name, values in columns.items():
            full = np.concatenate([values, np.full(blocks * LANES - count, values[0] if count else 0.0)])
            block[:, variant.columns[name]] = full.reshape(blocks, LANES)
        batch.blocks[placed.name] = self.arena.add(block)
        uniform = self._uniform(cells, placed)
        batch.uniforms[placed.name] = self.arena.add([*uniform, *[0.0] * len(variant.derived)])
        record = [0] * index.MECHANISM
        record[index.BLOCKS], record[index.AT], record[index.STRIDE] = blocks, batch.blocks[placed.name], variant.stride
        record[index.PLACES], record[index.CONTIGUOUS] = self.table.add(padded), int(is_contiguous)
        record[index.UNIFORM_AT], record[index.PREPARE] = batch.uniforms[placed.name], kernel.prepare.address
        record[index.CURRENT] = kernel.current.address if placed.description.currents else 0
        record[index.MOVE] = kernel.move.address if variant.moves else 0
        record[index.CONDUCTS] = int(variant.has_conductance)
        record[index.FOLLOWS] = int("V" in variant.symbols)
        for key, pairs in self._passing(batch, variant).items():
            record[key], record[key + 1] = self.table.add(pairs), len(pairs)
        return record

    def _places(self, batch: Batch, placed: Placed) -> tuple[Integers, Integers, Integers]:
        """Place in a field, compartment and number of the value of every place of a mechanism in a batch."""
        if placed.cells is None:
            nodes = np.repeat(placed.nodes, batch.lanes)
            which = np.repeat(np.arange(len(placed.nodes)), batch.lanes)
            return nodes * batch.lanes + np.tile(np.arange(batch.lanes), len(placed.nodes)), nodes, which
        which = of_cells(placed.cells, batch.cells)
        lanes = np.searchsorted(batch.cells, placed.cells[which])
        batch.slots[placed.name] = which
        return placed.nodes[which] * batch.lanes + lanes, placed.nodes[which], which

    def _columns(self, batch: Batch, placed: Placed, nodes: Integers, which: Integers) -> dict[str, Floats]:
        """Numbers of all places at the start."""
        cells, variant = batch.population, placed.variant
        values = {name: value[which] if isinstance(value, np.ndarray) else value for name, value in placed.values.items()}
        symbols = symbols_at(cells, nodes, values)
        symbols |= {name: cells.ion_fields[name][nodes] for name in variant.read_of_ions}
        symbols |= dict.fromkeys(placed.description.inputs, 0.0)
        symbols |= start(placed.description, symbols, len(nodes))
        return {
            name: np.array(np.broadcast_to(symbols[name], (len(nodes),)), np.float64) for name in variant.columns if name in symbols
        }

    def _uniform(self, cells: Cells, placed: Placed) -> list[float]:
        variant, dt = placed.variant, self._dt_ns * 1e-9 / cells.substeps
        known = {"celsius": cells.celsius, "temperature": cells.celsius + ZERO_CELSIUS, "1dt": dt}
        names = variant.uniform[: len(variant.uniform) - len(variant.derived)]
        return [float(known[name]) if name in known else float(np.ravel(placed.values[name])[0]) for name in names]

    def _passing(self, batch: Batch, variant: Variant) -> dict[int, list[tuple[int, int]]]:
        """What goes from fields into columns and back, and when."""
        cells, columns = batch.population, variant.columns
        moving = {f"E_{ion}" for ion in cells.nernst} | cells.moving_concentrations
        heard = {f"i_{ion}" for ion in cells.heard_currents} | cells.moving_concentrations
        reads = sorted(variant.read_of_ions & moving)
        hears = sorted(variant.read_of_ions & heard)
        return {
            index.READS: [(batch.fields[name], columns[name]) for name in reads],
            index.ADDS: [
                (batch.fields[f"i_{ion}"], columns[current_column(ion)])
                for ion in variant.ions_written
                if ion in cells.heard_currents
            ],
            index.HEARS: [(batch.fields[name], columns[name]) for name in hears],
            index.TELLS: [(batch.fields[name], columns[concentration_column(name)]) for name in variant.description.concentrations],
        }

    def _detectors(self, batch: Batch, record: list[int]) -> None:
        cells, rows = batch.population, list[int]()
        if cells.detector is not None:
            for lane, cell in enumerate(batch.cells):
                before = self.arena.add([cells.potential[cells.detector.node]])
                threshold = self.arena.add([cells.detector.threshold])
                place = int(batch.place("V", lane, np.array([cells.detector.node]))[0])
                rows += [place, before, threshold, cells.first_channel + int(cell)]
        record[index.DETECTORS], record[index.DETECTOR_COUNT] = self.table.add(rows), len(rows) // 4
