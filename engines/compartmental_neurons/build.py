"""From the scenario to cells in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cosim.sdk import HELD, NOT_FED, CosimError, Setup, format_ns
from engines.compartmental_neurons.anatomy import Anatomy
from engines.compartmental_neurons.cells import Cells, Detector, Integers
from engines.compartmental_neurons.events import Connections, Events
from engines.compartmental_neurons.mechanisms.description import mechanism_file, read_mechanism
from engines.compartmental_neurons.mechanisms.placed import Placed, values_of
from engines.compartmental_neurons.memory import Pairs
from engines.compartmental_neurons.morphology.sites import AnySite, compartments_of
from engines.compartmental_neurons.params import (
    ConcentrationInput,
    DriveInput,
    FieldInput,
    Neurons,
    Population,
    Projection,
    SpikesInput,
    TemperatureInput,
)
from engines.compartmental_neurons.places import Places
from engines.compartmental_neurons.populations import Kind
from engines.compartmental_neurons.recorded import Column, shown_by
from engines.compartmental_neurons.simulation import Simulation
from engines.compartmental_neurons.wiring import Slots, Wired, is_shared, own_slots, shared_slots, wire
from engines.equations.dimensions import si_factor
from engines.equations.quantities import number

__all__ = ["Built", "build"]


@dataclass(eq=False)
class Built:
    """Cells at time 0, and how ports lead to them.

    Attributes
    ----------
    inputs
        By port: its first column among the inputs, how many, and what its numbers are multiplied by; fields have matrices instead.
    pulses
        (start, stop, column, A) of currents that are on for a while.
    """

    simulation: Simulation
    inputs: dict[str, Column]
    fields: dict[str, Any]
    spike_inputs: dict[str, tuple[int, int]]
    pulses: list[tuple[int, int, int, float]]
    width: int


def build(params: Neurons, setup: Setup, seed: int, kinds: Mapping[str, Sequence[Kind]]) -> Built:
    """Cells, synapses and all that leads to them; ``kinds`` are the shapes that ``check`` found."""
    return _Builder(params, setup, seed, kinds).built()


_NOTHING = np.empty(0, np.int64)


class _Builder:
    def __init__(self, params: Neurons, setup: Setup, seed: int, kinds: Mapping[str, Sequence[Kind]]) -> None:
        self.params, self.setup, self.seed = params, setup, seed
        self.places_seed = params.seed or 0  # ports show places, and know no other
        self.kinds = kinds
        self.sources = _sources(params)
        self.wired = {name: self._wire(name, item) for name, item in params.projections.items()}
        self.slots: dict[tuple[str, str], Slots] = {}
        self.own: dict[str, Integers] = {}
        self.inputs: dict[str, Column] = {}
        self.width = 0
        self.pulses: list[tuple[int, int, int, float]] = []
        self.wanted: list[tuple[str, str, str, Slots, Integers]] = []  # population, mechanism, input, slots, columns
        self.extra: dict[str, list[tuple[str, Placed]]] = {name: [] for name in params.populations}

    def built(self) -> Built:
        self._synapses()
        self._drives()
        self._pulses()
        self._junctions()
        populations = [cells for name in self.params.populations for cells in self._cells(name)]
        simulation = Simulation(
            populations, self.params.dt, self.params.threads, self.params.solver == "crank_nicolson",
            self.params.spike_times == "interpolated", self.setup.log,
        )  # fmt: skip
        places = Places(simulation)
        inputs, fields = self._inputs(places)
        observed = self._observed(places)
        transfers = self._transfers(places)
        temperature = next((self.inputs[name].first for name, item in self._linked() if isinstance(item, TemperatureInput)), -1)
        delays = [
            d for item, p in self._delays().items() if self.params.projections[item].source in self.params.populations for d in p
        ]
        interval = min([int(delay) // self.params.dt for delay in delays], default=1 << 40)
        events = Events(self._connections(places, simulation), len(simulation.batches), self.params.dt)
        simulation.finish(inputs, observed, transfers, temperature, interval, self.setup.window_ns // self.params.dt, events)
        spike_inputs = {
            name: self.sources[name] for name, item in self.params.inputs.items() if isinstance(item, SpikesInput)
        }  # fmt: skip
        return Built(simulation, self.inputs, fields, spike_inputs, self.pulses, self.width)

    # -- what sits on cells ----------------------------------------------------------------------------------------

    def _wire(self, name: str, projection: Projection) -> Wired:
        first, stop = self.sources[projection.source]
        return wire(name, projection, stop - first, self.params.populations[projection.target].size, self.seed)

    def _sites(self, population: str, site: AnySite, name: str) -> list[Integers]:
        """Compartments of a site on every cell."""
        found: list[Integers] = [np.empty(0, np.int64)] * self.params.populations[population].size
        for kind in self.kinds[population]:
            for cell in kind.numbers.tolist():
                found[cell] = compartments_of(site, kind.anatomy.regions, self.places_seed, cell, f"{population}.{name}")
        return found

    def _place(self, population: str, name: str, mechanism: Path, slots: Slots, given: Mapping[str, Any]) -> None:
        described = read_mechanism(mechanism)
        numbers = {key: number(value, described.parameters[key].unit) for key, value in given.items()}
        placed = Placed(name, described, slots.nodes, slots.cells, values_of(described, numbers))
        self.slots[population, name] = slots
        self.extra[population].append((name, placed))

    def _synapses(self) -> None:
        for population, item in self.params.populations.items():
            for name, group in item.synapses.items():
                sites = self._sites(population, group.at, name)
                onto = [p for p, q in self.params.projections.items() if (q.target, q.synapses) == (population, name)]
                if is_shared(group.description):
                    slots = shared_slots(sites)
                else:
                    slots, own = own_slots(sites, [self.wired[p] for p in onto]) if onto else (shared_slots([]), [])
                    self.own |= dict(zip(onto, own, strict=True))
                self._place(population, name, group.mechanism, slots, group.parameters)

    def _one_slot_each(self, population: str, site: AnySite, name: str, cells: Sequence[int] | None = None) -> Slots:
        sites = self._sites(population, site, name)
        chosen = range(len(sites)) if cells is None else sorted(cells)
        which = np.concatenate([np.full(len(sites[cell]), cell) for cell in chosen])
        return Slots(which, np.concatenate([sites[cell] for cell in chosen]), _NOTHING, _NOTHING)

    def _drives(self) -> None:
        for port, item in self.params.inputs.items():
            if isinstance(item, DriveInput):
                slots = self._one_slot_each(item.target, item.at, port)
                self._place(item.target, port, item.mechanism, slots, item.parameters)
                described = read_mechanism(item.mechanism)
                symbol = item.input or next(iter(described.inputs))
                count = len(slots.cells) if item.each else 1
                self.inputs[port] = Column(self.width, count, si_factor(described.inputs[symbol].unit))
                columns = self.width + (np.arange(count) if item.each else np.zeros(len(slots.cells), np.int64))
                self.wanted.append((item.target, port, symbol, slots, columns))
                self.width += count
            elif isinstance(item, ConcentrationInput):
                count = self.params.populations[item.target].size if item.each else 1
                self.inputs[port] = Column(self.width, count, 1.0)
                self.width += count
            elif isinstance(item, TemperatureInput):
                self.inputs[port] = Column(self.width, 1, 1.0)
                self.width += 1
            elif isinstance(item, FieldInput):
                count = sum(kind.anatomy.compartments.count * len(kind.numbers) for kind in self.kinds[item.target])
                self.inputs[port] = Column(self.width, count, 1e-3)
                self.width += count

    def _pulses(self) -> None:
        for population, item in self.params.populations.items():
            for name, pulse in item.pulses.items():
                title = f"1pulse_{name}"
                slots = self._one_slot_each(population, pulse.at, title, pulse.cells)
                self._place(population, title, mechanism_file("current_clamp", Path()), slots, {})
                self.wanted.append((population, title, "current", slots, np.full(len(slots.cells), self.width)))
                stop = 1 << 62 if pulse.stop is None else pulse.stop
                self.pulses.append((pulse.start, stop, self.width, pulse.current * 1e-9))
                self.width += 1

    def _junctions(self) -> None:
        for name, item in self.params.gap_junctions.items():
            pairs = np.array(item.pairs, np.int64).reshape(-1, 2)
            for side, population, site in ((0, item.source, item.source_at), (1, item.target, item.target_at)):
                sites = self._sites(population, site, name)
                order = np.argsort(pairs[:, side], kind="stable")
                cells = pairs[order, side]
                slots = Slots(cells, np.array([sites[cell][0] for cell in cells], np.int64), np.argsort(order), _NOTHING)
                mechanism = mechanism_file("gap_junction", Path())
                self._place(population, f"1gap_{name}_{side}", mechanism, slots, {"g": item.conductance * 1e-3})

    def _cells(self, name: str) -> list[Cells]:
        return [self._of_kind(name, self.params.populations[name], kind) for kind in self.kinds[name]]

    def _of_kind(self, name: str, population: Population, kind: Kind) -> Cells:
        anatomy: Anatomy = kind.anatomy
        on_cells = [_of_cells(placed, kind.numbers) for _, placed in self.extra[name]]
        placed = [*anatomy.membrane, *(item for item in on_cells if len(item.nodes))]
        inputs = [item for item in self.params.inputs.values() if getattr(item, "target", None) == name]
        ions = {ion for item in placed for ion in item.variant.ions}
        driven = frozenset(item.symbol for item in inputs if isinstance(item, ConcentrationInput))
        moving = {symbol for item in placed for symbol in item.description.concentrations}
        moving |= {item.symbol for _, item in self._linked() if isinstance(item, ConcentrationInput) and item.target == name}
        records = [item for item in self.params.record.values() if item.of == name]
        node = int(compartments_of(population.detector, anatomy.regions, self.places_seed)[0])
        return Cells(
            name, kind.numbers, anatomy.compartments, anatomy.capacitance,
            np.full(anatomy.compartments.count, population.cell.potential * 1e-3), population.cell.temperature,
            anatomy.ions(ions | {symbol[:-2] for symbol in driven}, frozenset(moving)), placed, population.substeps,
            Detector(node, population.threshold * 1e-3), driven,
            any(isinstance(item, FieldInput) for item in inputs), any(item.value == "membrane_current" for item in records),
            self.sources[name][0], any(isinstance(item, TemperatureInput) for _, item in self._linked()),
        )  # fmt: skip

    # -- what leads to and from them ---------------------------------------------------------------------------------

    def _inputs(self, places: Places) -> tuple[Pairs, dict[str, Any]]:
        found = Pairs()
        for population, name, symbol, slots, columns in self.wanted:
            batches, addresses = places.slots(population, name, symbol, slots)
            for batch in np.unique(batches).tolist():
                found.add(batch, addresses[batches == batch], columns[batches == batch])
        fields: dict[str, Any] = {}
        for port, item in self._linked():
            if isinstance(item, ConcentrationInput):
                self._concentration(port, item, places, found)
            elif isinstance(item, FieldInput):
                fields[port] = self._field(port, item, places, found)
        return found, fields

    def _linked(self) -> list[tuple[str, Any]]:
        """Inputs that something comes in by; without, temperature and concentrations stay what the cell says."""
        return [(name, item) for name, item in self.params.inputs.items() if name in self.setup.inputs]

    def _concentration(self, port: str, item: ConcentrationInput, places: Places, found: Pairs) -> None:
        for number_, batch in places.of_population(item.target):
            nodes = np.flatnonzero(batch.population.compartments.area > 0)
            for lane, cell in enumerate(batch.cells.tolist()):
                if np.ravel(self.setup.delays_ns.get(port, 0))[cell if item.each else 0] == NOT_FED:
                    continue
                column = self.inputs[port].first + (cell if item.each else 0)
                found.add(number_, batch.place(item.symbol, lane, nodes), np.full(len(nodes), column))

    def _field(self, port: str, item: FieldInput, places: Places, found: Pairs) -> Any:
        """How currents along the cells follow from potentials outside: of each cell the matrix of its axial conductances."""
        from scipy.sparse import block_diag, csr_array

        matrices, first = [], self.inputs[port].first
        for cell in range(self.params.populations[item.target].size):
            number_, batch, lane = places.cell(item.target, cell)
            compartments = batch.population.compartments
            count, child = compartments.count, np.arange(1, compartments.count)
            g, parent = compartments.conductance[1:], compartments.parent[1:]
            rows = np.concatenate([child, child, parent, parent])
            columns = np.concatenate([parent, child, child, parent])
            axial = csr_array((np.concatenate([g, -g, g, -g]), (rows, columns)), (count, count))
            matrices.append(_spread(axial, compartments.area == 0) @ axial)
            found.add(number_, batch.place("1outside", lane, np.arange(count)), np.arange(first, first + count))
            first += count
        return csr_array(block_diag(matrices))

    def _observed(self, places: Places) -> Pairs:
        found, column = Pairs(), 0
        for port in self.params.record:
            for shown in shown_by(self.params, port, self.kinds, self.places_seed):
                try:
                    batch, addresses = places.shown(shown, self.slots)
                except CosimError as error:
                    raise error.located(f"params.record.{port}") from None
                found.add(batch, addresses, np.arange(column, column + len(addresses)))
                column += len(addresses)
        return found

    def _transfers(self, places: Places) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for name, item in self.params.gap_junctions.items():
            names = [f"1gap_{name}_{side}" for side in (0, 1)]
            sides = []
            for population, title in zip((item.source, item.target), names, strict=True):
                slots = self.slots[population, title]
                own = slots.of_site
                _, peers = places.slots(population, title, "V_peer", slots)
                sides.append((peers[own], places.nodes(population, slots)[own]))
            found += zip(sides[0][0].tolist(), sides[1][1].tolist(), strict=True)
            found += zip(sides[1][0].tolist(), sides[0][1].tolist(), strict=True)
        return found

    # -- connections -----------------------------------------------------------------------------------------------

    def _delays(self) -> dict[str, Integers]:
        """ns of each connection."""
        found = {}
        for name, item in self.params.projections.items():
            wired = self.wired[name]
            given = np.asarray(item.delay, np.int64)
            found[name] = given[wired.listed] if given.ndim else np.full(len(wired.source), int(given))
        return found

    def _connections(self, places: Places, simulation: Simulation) -> Connections:
        parts: list[list[Any]] = [[] for _ in range(9)]
        delays = self._delays()
        for name, item in self.params.projections.items():
            wired, group = self.wired[name], self.params.populations[item.target].synapses[item.synapses]
            slots = self.slots[item.target, item.synapses]
            slot = self.own[name] if name in self.own else slots.dealt(wired)
            described = group.description
            receptor = item.receptor or next(iter(described.receptors))
            unit = described.receptors[receptor].weight
            weights = [number(value, unit) for value in item.weight] if isinstance(item.weight, list) else number(item.weight, unit)
            weight = np.asarray(weights, np.float64) * si_factor(unit)
            each = weight[wired.listed] if weight.ndim else np.full(len(slot), float(weight))
            batches, addresses = places.slots(item.target, item.synapses, "V", slots)
            uniforms, codes, dts = places.code(item.target, item.synapses, f"receive_{receptor}")
            source = self.sources[item.source][0] + wired.source
            delay = delays[name] - (link := self._link_ns(item.source))
            if (delay < 0).any():
                what, where = "spikes would arrive later than they should act", f"params.projections.{name}.delay"
                why = f"the link to {item.source} takes {format_ns(link)}, the projection {format_ns(link + int(delay.min()))}"
                raise CosimError(what, where=where, why=why, mend=f"{format_ns(link)} or more")
            batch, number_ = batches[slot], np.full(len(slot), list(described.receptors).index(receptor))
            columns = source, batch, codes[batch], number_, addresses[slot], uniforms[batch], dts[batch], each, delay
            for part, values in zip(parts, columns, strict=True):
                part.append(values)
        joined = [np.concatenate(part) if part else np.empty(0, np.int64) for part in parts]
        order = np.argsort(joined[0], kind="stable")
        total = max((stop for _, stop in self.sources.values()), default=0)
        first = np.searchsorted(joined[0][order], np.arange(total + 1))
        batch, code, number_, places_, uniform, dt_ns, weights_, delay = (values[order] for values in joined[1:])
        return Connections(first, batch, code, number_, places_, uniform, dt_ns, weights_.astype(np.float64), delay)

    def _link_ns(self, source: str) -> int:
        """What the link of an input has taken of the delay."""
        if source not in self.params.inputs:
            return 0
        fed = np.asarray(self.setup.delays_ns.get(source, ()), np.int64)
        given = np.unique(fed[fed != NOT_FED]).tolist()
        if len(given) > 1:
            why = ", ".join("held" if delay == HELD else format_ns(delay) for delay in given)
            what, mend = f"the links that end in {source} have several delays", "give them one delay, or an input each"
            raise CosimError(what, where=f"params.inputs.{source}", why=why, mend=mend)
        return int(max([0, *given]))


def _spread(axial: Any, is_bare: Any) -> Any:
    """What comes to a node without membrane goes on to its neighbours, as its conductances share it: only they can hold it."""
    from scipy.sparse import diags_array

    onwards = (axial - diags_array(axial.diagonal())) @ diags_array(is_bare / np.where(is_bare, -axial.diagonal(), 1.0))
    return (onwards + diags_array(1.0 - is_bare)).tocsr()


def _of_cells(placed: Placed, numbers: Integers) -> Placed:
    """The slots that some cells have."""
    assert placed.cells is not None
    keep = np.isin(placed.cells, numbers)
    values = {key: value[keep] if isinstance(value, np.ndarray) else value for key, value in placed.values.items()}
    return replace(placed, nodes=placed.nodes[keep], cells=placed.cells[keep], values=values)


def _sources(params: Neurons) -> dict[str, tuple[int, int]]:
    """First and last channel, the latter left out, of everything that spikes."""
    found, first = {}, 0
    for name, population in params.populations.items():
        found[name] = (first, first + population.size)
        first += population.size
    for name, item in params.inputs.items():
        if isinstance(item, SpikesInput):
            found[name] = (first, first + item.size)
            first += item.size
    return found
