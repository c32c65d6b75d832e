"""What ports of records show: which number, of which cell, in which compartment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cosim.sdk import CosimError, Port, Segments, Space, did_you_mean
from engines.compartmental_neurons.cells import Floats, Integers
from engines.compartmental_neurons.mechanisms.description import MechanismDescription, read_mechanism, unit_of_ion
from engines.compartmental_neurons.morphology.sites import compartments_of
from engines.compartmental_neurons.params import ROOT, DriveInput, Neurons, Population, Record
from engines.compartmental_neurons.populations import Kind

QUANTITIES = {"V": ("membrane_potential", "mV"), "membrane_current": ("membrane_current", "nA")}


@dataclass(frozen=True)
class Column:
    """Columns of a port among all inputs, and what its numbers are multiplied by."""

    first: int
    count: int
    factor: float


@dataclass(frozen=True, eq=False)
class Shown:
    """What a record shows of one cell: a number of some of its compartments."""

    population: str
    cell: int
    nodes: Integers
    value: str


def shown_by(params: Neurons, port: str, kinds: Mapping[str, Sequence[Kind]], seed: int) -> list[Shown]:
    """What a record shows, cell by cell."""
    record = params.record[port]
    population = params.populations[record.of]
    wanted = range(population.size) if record.cells == "all" else record.cells
    shapes = shapes_of(kinds[record.of])
    return [Shown(record.of, cell, nodes_of(record, params, shapes[cell], seed, cell, port), record.value) for cell in wanted]


def shapes_of(kinds: Sequence[Kind]) -> dict[int, Kind]:
    """The kind of every cell."""
    return {cell: kind for kind in kinds for cell in kind.numbers.tolist()}


def nodes_of(record: Record, params: Neurons, kind: Kind, seed: int, cell: int, port: str) -> Integers:
    """The compartments of a cell that a record shows."""
    regions = kind.anatomy.regions
    if record.value == "membrane_current" and record.at is None:
        return np.flatnonzero(regions.has_membrane)
    mechanism = record.value.rpartition(".")[0]
    group = params.populations[record.of].synapses.get(mechanism) or drives_of(params, record.of).get(mechanism)
    if group is not None and record.at is None:
        return np.unique(compartments_of(group.at, regions, seed, cell, f"{record.of}.{mechanism}"))
    return compartments_of(ROOT if record.at is None else record.at, regions, seed, cell, f"record {port}")


def unit_of(record: Record, params: Neurons) -> tuple[str, str]:
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
        if column.startswith("i_") and unit_of_ion(column):
            return "current", "nA"  # of the whole compartment
        if unit := unit_of_ion(column):
            return "", unit
        raise CosimError(
            f"there is no value {record.value!r}", mend="V, membrane_current, an ion's such as ca_i, or MECHANISM.STATE"
        )
    known = described_of(params.populations[record.of])
    known |= {name: read_mechanism(item.mechanism) for name, item in drives_of(params, record.of).items()}
    described = known.get(mechanism)
    if described is None:
        raise CosimError(f"no mechanism is called {mechanism!r}", mend=did_you_mean(mechanism, known))
    if column not in described.moving:
        raise CosimError(f"{mechanism} has no state {column!r}", mend=did_you_mean(column, described.moving))
    return "", described.states[column].unit if column in described.states else "1"


def described_of(population: Population) -> dict[str, MechanismDescription]:
    """Mechanisms of a population by the names that records call them by."""
    found = {item.title: item.description for item in population.cell.membrane}
    return found | {name: group.description for name, group in population.synapses.items()}


def drives_of(params: Neurons, population: str) -> dict[str, DriveInput]:
    """Inputs with mechanisms of their own on the cells of a population, by name."""
    return {name: item for name, item in params.inputs.items() if isinstance(item, DriveInput) and item.target == population}


def recorded_ports(params: Neurons, kinds: Mapping[str, Sequence[Kind]], seed: int) -> list[Port]:
    """One for every record."""
    ports = []
    for name, record in params.record.items():
        population = params.populations[record.of]
        shown = shown_by(params, name, kinds, seed)
        quantity, unit = unit_of(record, params)
        space = space_of(shown, kinds[record.of], origins_of(population))
        ports.append(Port(name, "out", "samples", space, quantity=quantity, unit=unit, dt_ns=record.every or params.dt))
    return ports


def space_of(shown: Sequence[Shown], kinds: Sequence[Kind], origins: Floats) -> Space:
    """Names, places and pieces of cable of compartments."""
    shapes, labels = shapes_of(kinds), list[str]()
    are_alone = all(len(item.nodes) == 1 for item in shown)
    start, middle, stop, diameter = list[Floats](), list[Floats](), list[Floats](), list[Floats]()
    for item in shown:
        name, compartments = f"{item.population}[{item.cell}]", shapes[item.cell].anatomy.compartments
        labels += [name] if are_alone else [f"{name}.{node}" for node in item.nodes.tolist()]
        for found, end in ((start, compartments.start), (middle, compartments.middle), (stop, compartments.stop)):
            found.append(end[item.nodes] + origins[item.cell])
        diameter.append(compartments.diameter[item.nodes])
    if len(set(labels)) < len(labels):  # random sites may fall together
        labels = [f"{label}.{k}" for k, label in enumerate(labels)]
    segments = Segments(np.concatenate(start), np.concatenate(stop), np.concatenate(diameter))
    return Space(tuple(labels), positions=np.concatenate(middle), segments=segments)


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
