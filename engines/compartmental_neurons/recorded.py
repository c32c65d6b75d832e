"""What ports of records show: which number, of which cell, in which compartment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cosim.sdk import CosimError, Port, Segments, Space, did_you_mean
from engines.compartmental_neurons.cells import Floats, Integers
from engines.compartmental_neurons.mechanisms.description import MechanismDescription, unit_of_ion
from engines.compartmental_neurons.morphology.sites import compartments_of
from engines.compartmental_neurons.params import ROOT, Neurons, Population, Record
from engines.compartmental_neurons.populations import Kind

QUANTITIES = {"V": ("membrane_potential", "mV"), "membrane_current": ("membrane_current", "nA")}


@dataclass(frozen=True)
class Column:
    """Columns of a port among all inputs, and what its numbers are multiplied by."""

    first: int
    count: int
    factor: float


@dataclass(frozen=True)
class Shown:
    """One channel of a record."""

    population: str
    cell: int
    node: int
    value: str


def columns_of(params: Neurons, port: str, kinds: Mapping[str, Sequence[Kind]], seed: int) -> list[Shown]:
    """The channels of a record."""
    record = params.record[port]
    population = params.populations[record.of]
    wanted = range(population.size) if record.cells == "all" else record.cells
    shape = {int(cell): kind for kind in kinds[record.of] for cell in kind.numbers}
    return [
        Shown(record.of, cell, int(node), record.value)
        for cell in wanted
        for node in nodes_of(record, population, shape[cell], seed, cell, port)
    ]


def nodes_of(record: Record, population: Population, kind: Kind, seed: int, cell: int, port: str) -> Integers:
    """The compartments of a cell that a record shows."""
    regions = kind.anatomy.regions
    if record.value == "membrane_current" and record.at is None:
        return np.flatnonzero(regions.has_membrane)
    group = population.synapses.get(record.value.rpartition(".")[0])
    if group is not None and record.at is None:
        return np.unique(compartments_of(group.at, regions, seed, cell, f"{record.of}.{record.value.rpartition('.')[0]}"))
    return compartments_of(ROOT if record.at is None else record.at, regions, seed, cell, f"record {port}")


def unit_of(record: Record, population: Population) -> tuple[str, str]:
    """Quantity and unit of what a record shows.

    Raises
    ------
    CosimError
        There is no such value.
    """
    if record.value in QUANTITIES:
        return QUANTITIES[record.value]
    mechanism, _, column = record.value.rpartition(".")
    if not mechanism:
        if unit := unit_of_ion(column):
            return "", unit
        raise CosimError(
            f"there is no value {record.value!r}", mend="V, membrane_current, an ion's such as ca_i, or MECHANISM.STATE"
        )
    described = described_of(population).get(mechanism)
    if described is None:
        raise CosimError(f"no mechanism is called {mechanism!r}", mend=did_you_mean(mechanism, described_of(population)))
    if column not in described.moving:
        raise CosimError(f"{mechanism} has no state {column!r}", mend=did_you_mean(column, described.moving))
    return "", described.states[column].unit if column in described.states else "1"


def described_of(population: Population) -> dict[str, MechanismDescription]:
    """Mechanisms of a population by the names that records call them by."""
    found = {item.title: item.description for item in population.cell.membrane}
    return found | {name: group.description for name, group in population.synapses.items()}


def recorded_ports(params: Neurons, kinds: Mapping[str, Sequence[Kind]], seed: int) -> list[Port]:
    """One for every record."""
    ports = []
    for name, record in params.record.items():
        population = params.populations[record.of]
        shown = columns_of(params, name, kinds, seed)
        quantity, unit = unit_of(record, population)
        space = space_of(shown, kinds, origins_of(population))
        ports.append(Port(name, "out", "samples", space, quantity=quantity, unit=unit, dt_ns=params.dt))
    return ports


def space_of(shown: Sequence[Shown], kinds: Mapping[str, Sequence[Kind]], origins: Floats) -> Space:
    """Names, places and pieces of cable of compartments."""
    per_cell = len({(item.cell, item.node) for item in shown}) > len({item.cell for item in shown})
    labels, rows = [], []
    for k, item in enumerate(shown):
        labels.append(f"{item.population}[{item.cell}]" + (f".{item.node}" if per_cell else ""))
        compartments = next(kind for kind in kinds[item.population] if item.cell in kind.numbers).anatomy.compartments
        shift = origins[item.cell]
        rows.append([getattr(compartments, end)[item.node] + shift for end in ("start", "middle", "stop")])
        rows[k].append(np.full(3, compartments.diameter[item.node]))
    places = np.array(rows, np.float64).reshape(-1, 4, 3)
    if len(set(labels)) < len(labels):  # random sites may fall together
        labels = [f"{label}.{k}" for k, label in enumerate(labels)]
    segments = Segments(places[:, 0], places[:, 2], places[:, 3, 0])
    return Space(tuple(labels), positions=places[:, 1], segments=segments)


def origins_of(population: Population) -> Floats:
    """(cells, 3) µm by which the morphologies are shifted."""
    if population.positions is None:
        return np.zeros((population.size, 3))
    if isinstance(population.positions, list):
        found = np.array(population.positions, np.float64)
    else:
        path = population.positions
        found = np.load(path, allow_pickle=False) if path.suffix == ".npy" else np.loadtxt(path, delimiter=",", ndmin=2)
    if found.shape != (population.size, 3):
        raise CosimError(f"positions are {found.shape}", why=f"there are {population.size} cells", mend="[x, y, z] of each")
    return found
