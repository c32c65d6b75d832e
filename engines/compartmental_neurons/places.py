"""Where things of cells are in the arena: slots of synapses, compartments, states."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cosim.sdk import CosimError
from engines.compartmental_neurons.batch import Batch
from engines.compartmental_neurons.cells import Integers
from engines.compartmental_neurons.recorded import Shown
from engines.compartmental_neurons.simulation import Simulation
from engines.compartmental_neurons.wiring import Slots, of_cells


class Places:
    """Looks up where things are."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation, self._batches = simulation, simulation.batches
        self._cells = {
            (batch.population.name, cell): (number, batch, lane)
            for number, batch in enumerate(self._batches)
            for lane, cell in enumerate(batch.cells.tolist())
        }

    def of_population(self, name: str) -> list[tuple[int, Batch]]:
        """Number and batch of each."""
        return [(number, batch) for number, batch in enumerate(self._batches) if batch.population.name == name]

    def cell(self, population: str, cell: int) -> tuple[int, Batch, int]:
        """Number and batch of a cell, and its lane."""
        return self._cells[population, cell]

    def slots(self, population: str, name: str, column: str, slots: Slots) -> tuple[Integers, Integers]:
        """Batch, and place in the arena of a column, of all slots of a mechanism."""
        batches, addresses = np.full(len(slots.cells), -1), np.full(len(slots.cells), -1)
        for number, batch in self.of_population(population):
            which = of_cells(slots.cells, batch.cells)
            if len(which):
                batches[which] = number
                addresses[which] = batch.slot(batch.placed(name), column, np.arange(len(which)))
        return batches, addresses

    def nodes(self, population: str, slots: Slots) -> Integers:
        """Place of the potential of the compartment of every slot."""
        found = np.empty(len(slots.cells), np.int64)
        for _, batch in self.of_population(population):
            which = of_cells(slots.cells, batch.cells)
            lanes = np.searchsorted(batch.cells, slots.cells[which])
            found[which] = batch.fields["V"] + slots.nodes[which] * batch.lanes + lanes
        return found

    def code(self, population: str, name: str, function: str) -> tuple[Integers, Integers, Integers]:
        """For every batch: where its uniform numbers are, the address of a function, the length of its inner step."""
        uniforms, codes, dts = (np.zeros(len(self._batches), np.int64) for _ in range(3))
        for number, batch in self.of_population(population):
            if name in batch.uniforms:
                uniforms[number] = batch.uniforms[name]
                codes[number] = getattr(self._simulation.kernel(batch.population, name), function).address
                dts[number] = self._simulation.dt_ns // batch.population.substeps
        return uniforms, codes, dts

    def shown(self, shown: Shown, slots: Mapping[tuple[str, str], Slots]) -> tuple[int, Integers]:
        """Batch, and places in the arena, of what a record shows of a cell.

        Raises
        ------
        CosimError
            The cell has nothing of the kind there.
        """
        number, batch, lane = self.cell(shown.population, shown.cell)
        mechanism, _, column = shown.value.rpartition(".")
        if not mechanism:
            return number, batch.place(column, lane, shown.nodes)
        placed = next((item for item in batch.population.placed if item.name == mechanism), None)
        if placed is not None and placed.cells is None:
            return number, batch.column(placed, column, lane, shown.nodes)
        own = slots[shown.population, mechanism]
        which = of_cells(own.cells, batch.cells)
        nodes = np.where(own.cells[which] == shown.cell, own.nodes[which], -1).tolist()
        missing = [node for node in shown.nodes.tolist() if node not in nodes]
        if placed is None or missing:
            node = missing[0] if missing else int(shown.nodes[0])
            why = f"no connection ends in compartment {node}, and each has states of its own"
            raise CosimError(f"{shown.population}[{shown.cell}] has no {shown.value} to record", why=why, mend="leave it out")
        return number, batch.slot(placed, column, np.array([nodes.index(node) for node in shown.nodes.tolist()], np.int64))
