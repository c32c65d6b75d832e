"""A cell of a NeuroML 2 file, shape and membrane, as a cell of a scenario.

Every channel density is a mechanism of the density's own id, so records refer to it by that, and densities of one channel in one
place add up. A model of a concentration goes by the model's id. Regions are segment groups.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from cosim.sdk import CosimError, did_you_mean
from cosim.sdk.errors import ScenarioError, raise_all
from engines.compartmental_neurons.anatomy import Anatomy, anatomy_of
from engines.compartmental_neurons.mechanisms.biophysics import (
    CELLS,
    EVERYWHERE,
    Along,
    Biophysics,
    Placement,
    Species,
    read_biophysics,
)
from engines.compartmental_neurons.mechanisms.neuroml import file_of
from engines.compartmental_neurons.mechanisms.neuroml_units import quantity
from engines.compartmental_neurons.mechanisms.neuroml_xml import Element, read_xml
from engines.compartmental_neurons.mechanisms.symbols import NONSPECIFIC
from engines.compartmental_neurons.morphology.source import Form
from engines.compartmental_neurons.params import Cell

FROM_ROOT = "Path Length from root"
"""The one metric of NeuroML: µm along the cables from where the first segment begins."""


def read_neuroml_cell(path: Path) -> Cell:
    """The cell that a path leads to: ``cell.nml``, or ``cells.nml/pyramidal`` where the file has several.

    Raises
    ------
    CosimError
        One, which says all that is wrong with the file, with lines.
    """
    try:
        return _Builder(path).cell()
    except ScenarioError as error:
        raise CosimError("\n".join([f"{file_of(path).name} has faults", *map(str, error.faults)])) from None
    except CosimError as error:
        raise CosimError(f"{error.where}: {error.what}" if error.where else error.what, why=error.why, mend=error.mend) from None


class _Builder:
    def __init__(self, path: Path) -> None:
        self._file = file_of(path)
        cell = None if path == self._file else path.name
        self._root = read_xml(self._file)
        self._said: Biophysics = read_biophysics(self._file, cell)
        self._form = self._checked(lambda: Form(file=self._file, cell=cell))
        self._shape = self._form.shape().morphology
        self._element = next((item for item in self._root.all(*CELLS) if item.id == self._said.cell), self._root)

    def cell(self) -> Cell:
        raise_all([*self._groups(), *self._ids(), *self._without_species()])
        numbers = self._numbers()
        uniform = [self._membrane(item) for item in self._said.placements if not isinstance(item.density, Along)]
        given = numbers | {"membrane": [*uniform, *self._pools()], "ions": self._ions()}
        cell = self._made(given)
        anatomy = anatomy_of(cell)
        if not self._said.resistivity and np.count_nonzero(anatomy.regions.has_membrane) > 1:
            raise self._element.fault(f"cell {self._said.cell!r} has no resistivity", why="it has several compartments")
        differing = [item for item in self._said.placements if isinstance(item.density, Along)]
        if not differing:
            return cell
        parts = [part for item in differing for part in self._along(item, anatomy)]
        return self._made(given | {"membrane": [*given["membrane"], *parts]})

    def _made(self, given: Mapping[str, Any]) -> Cell:
        cell: Cell = self._checked(lambda: Cell.model_validate({"morphology": self._form, **given}))
        return cell

    def _checked(self, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except ValidationError as error:
            told = "\n".join(dict.fromkeys(item["msg"] for item in error.errors()))
            more = next((item["ctx"] for item in error.errors() if item["type"] == "cosim"), {})
            raise CosimError(told, why=str(more.get("why") or ""), mend=str(more.get("mend") or "")) from None

    # -- what is wrong -----------------------------------------------------------------------------------------------------

    def _groups(self) -> Iterator[CosimError]:
        """Faults of elements that name a segment group which is not there."""
        said = self._said
        pairs = (*said.capacitance, *said.resistivity, *said.potential, *said.threshold)
        known = {*self._shape.groups, EVERYWHERE}
        groups = [item.group for item in said.placements] + [item.group for item in said.species] + [name for name, _ in pairs]
        for group in dict.fromkeys(groups):
            if group not in known:
                where = next((item.where for item in self._naming(group)), self._element.where)
                yield CosimError(f"there is no segment group {group!r}", where=where, mend=did_you_mean(group, known))

    def _naming(self, group: str) -> Iterator[Element]:
        for top in (self._element, self._root):
            yield from (item for item in top.within() if item.attributes.get("segmentGroup") == group and item.tag != "include")

    def _ids(self) -> Iterator[CosimError]:
        """Faults of densities that share an id: what is called by it would be two things."""
        first: dict[str, Placement] = {}
        for item in self._said.placements:
            if first.setdefault(item.id, item).where != item.where:
                why = f"the first is at {first[item.id].where}"
                yield CosimError(f"two densities are called {item.id!r}", where=item.where, why=why)

    def _without_species(self) -> Iterator[CosimError]:
        """Faults of currents that follow from concentrations which nothing says."""
        known = {item.ion for item in self._said.species}
        for item in self._said.placements:
            if item.law != "ohmic" and item.ion not in known:
                what = f"nothing says the concentrations of {item.ion}"
                yield CosimError(what, where=item.where, why=f"{item.id!r} follows from them", mend="add a species to the cell")

    # -- membrane and ions -------------------------------------------------------------------------------------------------

    def _path(self, name: str, *words: str) -> Path:
        return self._file / ".".join([name, *words])

    def _membrane(self, item: Placement) -> dict[str, Any]:
        path = self._path(item.channel, item.law, item.ion)
        return {"mechanism": path, "in": item.group, "parameters": item.parameters, "name": item.id}

    def _pools(self) -> list[dict[str, Any]]:
        """Of every species what moves it, by the model's id; with the ion behind it where that is taken."""
        taken = {item.id for item in self._said.placements}
        ions = Counter(model for model, _ in {(item.model, item.ion) for item in self._said.species})
        return [
            {
                "mechanism": self._path(item.model, item.ion), "in": item.group, "parameters": item.parameters,
                "name": f"{item.model}_{item.ion}" if item.model in taken or ions[item.model] > 1 else item.model,
            }
            for item in self._said.species
        ]  # fmt: skip

    def _ions(self) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = {}
        ions = [item.ion for item in self._said.placements] + [item.ion for item in self._said.species]
        for ion in dict.fromkeys(ion for ion in ions if ion != NONSPECIFIC):
            species = [item for item in self._said.species if item.ion == ion]
            found[ion] = self._concentrations(ion, species)
            laws = {(item.law, item.reversal) for item in self._said.placements if item.ion == ion}
            if len(laws) == 1 and (reversal := next(iter(laws))[1]) is not None:
                found[ion]["reversal"] = reversal
        return found

    def _concentrations(self, ion: str, species: list[Species]) -> dict[str, float]:
        if not species:
            return {}
        other = next((item for item in species if item.outside != species[0].outside), None)
        if other is not None:
            why = f"{species[0].outside:g} mM at {species[0].where}, {other.outside:g} mM here"
            raise CosimError(f"{ion} has several concentrations outside", where=other.where, why=why, mend="one for all groups")
        if species[0].outside <= 0:
            raise CosimError(f"there is no {ion} outside", where=species[0].where, mend="an initialExtConcentration above 0")
        inside = next((item.inside for item in species if item.inside > 0), None)  # where there is none, the pool says so
        return {"outside": species[0].outside} | ({} if inside is None else {"inside": inside})

    # -- numbers of the cable ----------------------------------------------------------------------------------------------

    def _numbers(self) -> dict[str, Any]:
        said = self._said
        if not said.capacitance:
            raise self._element.fault(f"cell {said.cell!r} has no specificCapacitance")
        found: dict[str, Any] = {"capacitance": _one_or_all(said.capacitance)}
        if said.resistivity:
            found["resistivity"] = _one_or_all(said.resistivity)
        potentials = list(dict.fromkeys(value for _, value in said.potential))
        if len(potentials) > 1:
            where = [item.where for item in self._element.within() if item.tag == "initMembPotential"]
            why = f"{potentials[0]:g} mV and {potentials[1]:g} mV"
            raise CosimError("the cell starts at several potentials", where=(where or [""])[-1], why=why, mend="one for all groups")
        if potentials:
            found["potential"] = potentials[0]
        networks = [item for item in self._root.all("network") if "temperature" in item.attributes]
        warm = {quantity(item, "temperature", "temperature") for item in networks}
        if len(warm) == 1:
            found["temperature"] = round(warm.pop() - 273.15, 9)
        return found

    # -- what differs along the cell ---------------------------------------------------------------------------------------

    def _along(self, item: Placement, anatomy: Anatomy) -> Iterator[dict[str, Any]]:
        """The density's regions: sections in which the way from the root and the engine's distance differ by the same."""
        assert isinstance(item.density, Along)
        if item.density.metric != FROM_ROOT:
            raise CosimError(f"there is no metric {item.density.metric!r}", where=item.where, mend=f"there is {FROM_ROOT!r}")
        sections = self._shape.groups[item.group] if item.group in self._shape.groups else tuple(range(len(self._shape.sections)))
        if 0 in sections and anatomy.regions.counts[0] > 1:
            why = f"it is cut into {anatomy.regions.counts[0]} compartments, and distances go from its middle both ways"
            what = f"density {item.id!r} differs along the first section"
            raise CosimError(what, where=item.where, why=why, mend="leave it out of the group, as a density of its own")
        starts = self._starts()
        near = min((starts[k] for k in sections), default=0.0)
        far = max((starts[k] + float(self._shape.lengths[k]) for k in sections), default=0.0)
        back = 0.0 if item.density.start is None else near - item.density.start
        scale = 1.0 if item.density.normalised is None else item.density.normalised / (far - back)
        apart: dict[float, list[int]] = {}
        for k in sections:
            apart.setdefault(self._apart(k, starts[k], anatomy) - back, []).append(k)
        key = "permeability" if item.law == "ghk" else "g"
        for shift, numbers in apart.items():
            way = f"({scale!r} * (distance + {shift!r}))" if scale != 1.0 else f"(distance + {shift!r})"
            profile = {"along": re.sub(r"\bdistance\b", way, item.density.expression)}
            yield self._membrane(item) | {"in": {"section": numbers}, "parameters": item.parameters | {key: profile}}

    def _starts(self) -> list[float]:
        """µm from where the first section begins to where each begins."""
        found: list[float] = []
        for section in self._shape.sections:
            parent = section.parent
            found.append(0.0 if parent < 0 else found[parent] + section.parent_at * float(self._shape.lengths[parent]))
        return found

    def _apart(self, section: int, start: float, anatomy: Anatomy) -> float:
        """µm by which the way from the root is more than the engine's distance from the soma's centre."""
        compartments = anatomy.compartments
        node = int(np.flatnonzero((compartments.section == section) & anatomy.regions.has_membrane)[0])
        own = start + float(compartments.at[node]) * float(self._shape.lengths[section])
        return round(own - float(compartments.distance[node]), 6)


def _one_or_all(pairs: tuple[tuple[str, float], ...]) -> float | dict[str, float]:
    """A number where it is said of everything alone, else numbers by group, of which the last counts."""
    if len(pairs) == 1 and pairs[0][0] == EVERYWHERE:
        return pairs[0][1]
    found: dict[str, float] = {}
    for group, value in pairs:
        found.pop(group, None)
        found[group] = value
    return found
