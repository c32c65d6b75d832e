"""A cell of the scenario, cut into compartments, and the numbers that each of them has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from cosim.sdk import CosimError, did_you_mean
from engines.compartmental_neurons.cells import Floats, Integers, Ion
from engines.compartmental_neurons.ions import VALENCES
from engines.compartmental_neurons.mechanisms.description import MechanismDescription
from engines.compartmental_neurons.mechanisms.placed import Placed, values_of
from engines.compartmental_neurons.morphology.compartments import Compartments, counts_of, cut
from engines.compartmental_neurons.morphology.regions import AnyRegion, Regions
from engines.compartmental_neurons.params import Cell, Membrane, Profile
from engines.equations.dimensions import of_expression, of_unit
from engines.equations.expression import read
from engines.equations.quantities import number

DEFAULT_MM = {"na": (10.0, 140.0), "k": (54.4, 2.5), "ca": (5e-5, 2.0)}
DEFAULT_MV = {"na": 50.0, "k": -77.0}
"""Concentrations inside and outside, and reversal potentials, where a cell says nothing: NEURON's."""


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A kind of cell.

    Attributes
    ----------
    cell
        What the scenario says of it.
    compartments, regions
        What came of its shape.
    """

    cell: Cell
    compartments: Compartments
    regions: Regions

    @cached_property
    def capacitance(self) -> Floats:
        """(n,) F/m²."""
        return by_region(self.cell.capacitance, self.regions, 1.0, "capacitance") * 0.01

    @cached_property
    def membrane(self) -> list[Placed]:
        """Mechanisms over the membrane; of one that is named in several regions, the last that has a compartment counts there."""
        merged: dict[str, list[Membrane]] = {}
        for item in self.cell.membrane:
            merged.setdefault(item.title, []).append(item)
        return [placed for name, items in merged.items() if len((placed := self._placed(name, items)).nodes)]

    def _placed(self, name: str, items: list[Membrane]) -> Placed:
        described = items[0].description
        count = self.compartments.count
        has = np.zeros(count, bool)
        values = {key: np.full(count, parameter.default) for key, parameter in described.parameters.items()}
        for item in items:
            mask = self.regions.mask(item.region)
            has |= mask
            for key, parameter in described.parameters.items():
                given = item.parameters.get(key, parameter.default)
                values[key][mask] = self.along(given, parameter.unit, item.region)[mask]
        nodes = np.flatnonzero(has)
        return Placed(name, described, nodes, None, values_of(described, {key: value[nodes] for key, value in values.items()}))

    def along(self, value: Any, unit: str, region: AnyRegion = "all") -> Floats:
        """(n,) of a parameter, in its own unit; it has to be finite in a region."""
        if not isinstance(value, Profile):
            return np.full(self.compartments.count, number(value, unit))
        expression = read(value.along)
        symbols = {"distance": self.compartments.distance, "diameter": self.compartments.diameter}
        unknown = sorted(expression.names() - symbols.keys())
        if unknown:
            raise CosimError(f"there is no symbol {unknown[0]!r} along a cell", mend=did_you_mean(unknown[0], symbols))
        of_expression(expression, dict.fromkeys(symbols, of_unit("1")))
        found = np.array(np.broadcast_to(np.asarray(expression.value(symbols), np.float64), (self.compartments.count,)))
        if not np.isfinite(found[self.regions.mask(region)]).all():
            raise CosimError(f"{value.along} is not finite everywhere", why="it is taken at the centre of every compartment")
        return found

    def ions(self, used: set[str], moving: frozenset[str]) -> dict[str, Ion]:
        """All ions that mechanisms have to do with; the reversal potential of one whose concentration moves follows it."""
        found = {}
        for name in sorted(used):
            given = self.cell.ions.get(name)
            inside, outside = DEFAULT_MM.get(name, (1.0, 1.0))
            valence = VALENCES.get(name, 0) if given is None or given.valence is None else given.valence
            is_told = given is not None and (given.inside is not None or given.outside is not None)
            reversal = None if given is None else given.reversal
            if reversal is None and not is_told and not {f"{name}_i", f"{name}_o"} & moving:
                reversal = DEFAULT_MV.get(name)
            if given is not None:
                inside, outside = given.inside or inside, given.outside or outside
            found[name] = Ion(None if reversal is None else reversal * 1e-3, inside, outside, valence)
        return found


def anatomy_of(cell: Cell, seed: int = 0, number_of_cell: int = 0) -> Anatomy:
    """A cell, cut; its number counts where the shape is drawn.

    Raises
    ------
    CosimError
        A region that is not there; a shape that cannot be read.
    """
    shape = cell.morphology.shape(seed, number_of_cell)
    sections = len(shape.morphology.sections)
    rough = Regions(shape.morphology, cut(shape.morphology, np.ones(sections, np.int64), 1.0), cell.regions)
    order = _of_sections(rough.compartments, sections)
    resistivity = by_region(cell.resistivity, rough, 100.0, "resistivity")[order] * 0.01
    capacitance = by_region(cell.capacitance, rough, 1.0, "capacitance")[order] * 0.01
    counts = np.where(shape.counts > 0, shape.counts, counts_of(shape.morphology, cell.compartments, resistivity, capacitance))
    compartments = cut(shape.morphology, counts, resistivity)
    return Anatomy(cell, compartments, Regions(shape.morphology, compartments, cell.regions))


def _of_sections(compartments: Compartments, sections: int) -> Integers:
    """The compartment of each section, of which each has one."""
    inside = np.flatnonzero(compartments.area > 0)
    found = np.empty(sections, np.int64)
    found[compartments.section[inside]] = inside
    return found


def by_region(value: Any, regions: Regions, default: float, key: str) -> Floats:
    """(n,) of a number, or of one by region: of several that have a compartment the last counts."""
    if not isinstance(value, Mapping):
        return np.full(regions.compartments.count, float(value))
    found = np.full(regions.compartments.count, np.nan)
    for name, item in value.items():
        found[regions.mask(name)] = item
    left = regions.has_membrane & np.isnan(found)
    if left.any():
        section = regions.morphology.sections[int(regions.compartments.section[np.flatnonzero(left)[0]])]
        raise CosimError(f"{key} says nothing of {section.label}", mend=f"add {section.label}: …, or begin with all: …")
    found[np.isnan(found)] = default
    return found


def membrane_faults(anatomy: Anatomy, where: str) -> Iterator[CosimError]:
    """What is wrong with the membrane of a cell; faults of all mechanisms."""
    kinds: dict[str, MechanismDescription] = {}
    for k, item in enumerate(anatomy.cell.membrane):
        at = f"{where}.membrane.{k}"
        described = item.description
        if described.kind == "point":
            yield CosimError(
                f"{item.mechanism.stem} sits at a place", where=f"{at}.mechanism", mend="put it under synapses, or inputs"
            )
        if kinds.setdefault(item.title, described) is not described:
            yield CosimError(f"{item.title} names two mechanisms", where=at, mend="give one a name of its own")
        try:
            empty = not anatomy.regions.mask(item.region).any()
        except CosimError as error:
            yield error.located(f"{at}.in")
            continue
        yield from parameter_faults(described, item.parameters, f"{at}.parameters", anatomy, item.region)
        if empty:
            labels = ", ".join(anatomy.regions.morphology.labels)
            yield CosimError(f"{item.title} is in a region without a compartment", where=f"{at}.in", why=f"the cell has {labels}")
    yield from _ion_faults(anatomy, where)


def _ion_faults(anatomy: Anatomy, where: str) -> Iterator[CosimError]:
    known = {**VALENCES, **anatomy.cell.ions}
    for name, ion in anatomy.cell.ions.items():
        if ion.valence is None and name not in VALENCES:
            yield CosimError(f"nothing says how ion {name} is charged", where=f"{where}.ions.{name}", mend="add valence: 1")
        if ion.valence == 0:
            yield CosimError(f"ion {name} has no charge", where=f"{where}.ions.{name}.valence", why="no current would be one of it")
    for k, item in enumerate(anatomy.cell.membrane):
        for name in ions_of(item.description):
            if name not in known:
                mend = f"{did_you_mean(name, known)}; or say under ions what {name} is"
                yield CosimError(f"{item.title} is about an unknown ion {name}", where=f"{where}.membrane.{k}", mend=mend)


def ions_of(described: MechanismDescription) -> list[str]:
    """All ions that a mechanism has to do with."""
    from engines.compartmental_neurons.mechanisms.variant import Variant

    return [ion for ion in Variant("", described, ()).ions if ion]


def parameter_faults(
    described: MechanismDescription, given: Mapping[str, Any], where: str, anatomy: Anatomy | None = None, region: AnyRegion = "all"
) -> Iterator[CosimError]:
    """Faults of what the parameters of a mechanism are given."""
    for name, value in given.items():
        at = f"{where}.{name}"
        if name not in described.parameters:
            yield CosimError(
                f"{described.title!r} has no parameter {name!r}", where=at, mend=did_you_mean(name, described.parameters)
            )
            continue
        parameter = described.parameters[name]
        try:
            is_profile = anatomy is not None and isinstance(value, Profile)
            numbers = np.array([0.0 if is_profile else number(value, parameter.unit)])
            if anatomy is not None and is_profile:
                numbers = anatomy.along(value, parameter.unit, region)[anatomy.regions.mask(region)]
        except CosimError as error:
            yield error.located(at)
            continue
        for item in (numbers.min(), numbers.max()) if len(numbers) else ():
            if why := parameter.beyond(float(item)):
                yield CosimError(f"{name} is {item:g} {parameter.unit}".removesuffix(" 1"), where=at, why=why)
                break
