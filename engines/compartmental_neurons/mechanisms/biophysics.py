"""What NeuroML 2 says of a cell's membrane and inside: which channel is where, how dense, and the numbers of the cable.

Every group is a segment group of the cell, or ``all``. What a thing is stands in a mechanism (``neuroml``), which is made from the
channel's file and the law of the density's current.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cosim.sdk import CosimError, did_you_mean
from engines.compartmental_neurons.mechanisms.description import MechanismDescription
from engines.compartmental_neurons.mechanisms.neuroml import Law, Library, channel_of, ion_named, library_of, pool_of
from engines.compartmental_neurons.mechanisms.neuroml_types import converted
from engines.compartmental_neurons.mechanisms.neuroml_units import quantity
from engines.compartmental_neurons.mechanisms.neuroml_xml import Element, read_xml

EVERYWHERE = "all"
_LAWS: dict[str, Law] = {
    "channelDensity": "ohmic", "channelDensityVShift": "ohmic", "channelDensityNonUniform": "ohmic",
    "channelDensityNernst": "nernst", "channelDensityNonUniformNernst": "nernst", "channelDensityGHK": "ghk",
    "channelDensityNonUniformGHK": "ghk", "channelDensityGHK2": "ghk2",
}  # fmt: skip
CELLS = ("cell", "cell2CaPools")
_MEMBRANE = ("membraneProperties", "membraneProperties2CaPools")


@dataclass(frozen=True)
class Along:
    """How a density differs along a cell.

    Attributes
    ----------
    expression
        Of ``distance`` in µm, in S/cm² or, of a permeability, in cm/s.
    metric
        What the distance is, such as ``Path Length from root``.
    start, normalised
        From where it is counted, and whether it is 1 at the far end: as the file says, nothing where it does not.
    """

    expression: str
    metric: str
    start: float | None
    normalised: float | None


@dataclass(frozen=True)
class Placement:
    """A channel in a segment group.

    Attributes
    ----------
    id, channel
        Of the density, and of the channel.
    density
        S/cm², or of the law ghk the permeability in cm/s; where it differs along the cell, how.
    reversal
        mV; None where it follows from concentrations.
    shift
        mV by which gates are shifted.
    where
        ``file:line``.
    """

    id: str
    group: str
    channel: str
    law: Law
    ion: str
    density: float | Along
    reversal: float | None
    shift: float
    where: str

    @property
    def parameters(self) -> dict[str, float]:
        """Of the mechanism in its own units, a density that differs along the cell left out."""
        found = {} if isinstance(self.density, Along) else {"permeability" if self.law == "ghk" else "g": self.density}
        if self.reversal is not None:
            found["E"] = self.reversal
        return found | ({"vShift": self.shift} if self.shift else {})


@dataclass(frozen=True)
class Species:
    """An ion in a segment group: mM at the start, inside and outside; ``model`` is what moves it inside."""

    ion: str
    group: str
    model: str
    inside: float
    outside: float
    where: str

    @property
    def parameters(self) -> dict[str, float]:
        """Of the mechanism in its own units."""
        return {"start": self.inside}


@dataclass(frozen=True, eq=False)
class Biophysics:
    """A cell but for its shape.

    Attributes
    ----------
    capacitance, resistivity, potential, threshold
        (group, value) in the order of the file, in µF/cm², ohm cm, mV and mV; what comes later counts where groups overlap.
    """

    cell: str
    placements: tuple[Placement, ...]
    species: tuple[Species, ...]
    capacitance: tuple[tuple[str, float], ...]
    resistivity: tuple[tuple[str, float], ...]
    potential: tuple[tuple[str, float], ...]
    threshold: tuple[tuple[str, float], ...]
    library: Library

    def mechanism(self, placed: Placement | Species) -> MechanismDescription:
        """The mechanism of a channel in a group, or of what moves an ion."""
        if isinstance(placed, Species):
            return pool_of(self.library, self.library.pool(placed.model), placed.ion)
        return channel_of(self.library, self.library.channel(placed.channel), placed.law, placed.ion)


def read_biophysics(path: Path, cell: str | None = None, further: Sequence[Path] = ()) -> Biophysics:
    """The biophysical properties of a cell in a NeuroML 2 file.

    Parameters
    ----------
    cell
        Its id; may be left out where the file has one.
    further
        Files of channels that the cell's file does not include.

    Raises
    ------
    CosimError
        There is no such cell; it names a channel that no file has; something in it is not supported: with the line.
    """
    library = library_of((path, *further))
    root = read_xml(path)
    cells = {element.id: element for element in root.within() if element.tag in CELLS}
    if cell is None and len(cells) != 1:
        why = f"it has {', '.join(cells)}" if cells else "it has none"
        raise CosimError(f"{path.name} has {len(cells)} cells", why=why, mend="name one" if cells else "")
    name = cell or next(iter(cells))
    if name not in cells:
        raise CosimError(f"{path.name} has no cell {name!r}", mend=did_you_mean(name, cells))
    return _Reader(library, root, cells[name]).read()


class _Reader:
    def __init__(self, library: Library, root: Element, cell: Element) -> None:
        self._library, self._root, self._cell = library, root, cell

    def read(self) -> Biophysics:
        properties = self._properties()
        membrane = properties.needed(*_MEMBRANE)
        inside = properties.first("intracellularProperties", "intracellularProperties2CaPools")
        placements: list[Placement] = []
        for child in membrane.children:
            if child.tag in _LAWS:
                placements += self._placements(child)
            elif child.tag not in ("spikeThresh", "specificCapacitance", "initMembPotential", "notes", "annotation", "property"):
                raise child.fault(f"{child.tag} is not supported", mend=f"supported: {', '.join(_LAWS)}")
        species = [self._species(child) for child in (inside.all("species") if inside is not None else ())]
        return Biophysics(
            self._cell.id, tuple(placements), tuple(species), self._numbers(membrane, "specificCapacitance", "specificCapacitance"),
            self._numbers(inside, "resistivity", "resistivity"), self._numbers(membrane, "initMembPotential", "voltage"),
            self._numbers(membrane, "spikeThresh", "voltage"), self._library,
        )  # fmt: skip

    def _properties(self) -> Element:
        """The element below the cell, or the one that the cell names."""
        names = ("biophysicalProperties", "biophysicalProperties2CaPools")
        found = self._cell.first(*names)
        if found is None and (named := self._cell.attributes.get("biophysicalProperties")):
            found = next((item for item in self._root.all(*names) if item.id == named), None)
        if found is None:
            raise self._cell.fault(f"cell {self._cell.id!r} has no biophysicalProperties in this file")
        return found

    def _numbers(self, element: Element | None, tag: str, dimension: str) -> tuple[tuple[str, float], ...]:
        found = element.all(tag) if element is not None else []
        return tuple((item.attributes.get("segmentGroup", EVERYWHERE), quantity(item, "value", dimension)) for item in found)

    def _placements(self, element: Element) -> list[Placement]:
        """One, or of a density that differs along the cell one for each group."""
        law, channel = _LAWS[element.tag], element.attribute("ionChannel")
        kind = self._library.channel(channel, element)
        ion = ion_named(element.attributes.get("ion") or kind.attributes.get("species"))
        if "segment" in element.attributes:
            raise element.fault(f"{element.tag} {element.id!r} is on one segment", mend="give its segment group")
        reversal = quantity(element, "erev", "voltage") if law == "ohmic" else None
        shift = quantity(element, "vShift", "voltage") if "vShift" in element.attributes else 0.0
        key, dimension = ("permeability", "permeability") if law == "ghk" else ("condDensity", "conductanceDensity")
        groups: list[tuple[str, float | Along]] = []
        for child in element.all("variableParameter"):
            if child.attribute("parameter") != key:
                raise child.fault(f"{child.attribute('parameter')} cannot differ along a cell", mend=f"{key} can")
            groups.append((child.attribute("segmentGroup"), self._along(child, "100" if law == "ghk" else "1e-4")))
        if not groups:
            if key not in element.attributes:
                raise element.fault(f"{element.tag} {element.id!r} has no {key}")
            groups.append((element.attributes.get("segmentGroup", EVERYWHERE), quantity(element, key, dimension)))
        return [Placement(element.id, group, channel, law, ion, value, reversal, shift, element.where) for group, value in groups]

    def _of_distance(self, value: Element, variable: str, factor: str) -> str:
        """The file's expression is in SI units."""

        def symbol(name: str, where: str) -> str:
            if name != variable:
                raise CosimError(f"there is no {name!r} here", where=where, mend=f"there is {variable}")
            return "distance"

        return f"{factor} * ({converted(value.attribute('value'), symbol, value.where)})"

    def _along(self, element: Element, factor: str) -> Along:
        value, group = element.needed("inhomogeneousValue"), element.attribute("segmentGroup")
        name = value.attribute("inhomogeneousParameter")
        for item in self._root.within():
            if item.tag == "segmentGroup" and item.id == group:
                for found in item.all("inhomogeneousParameter"):
                    if found.id == name:
                        proximal, distal = found.first("proximal"), found.first("distal")
                        return Along(
                            self._of_distance(value, found.attribute("variable"), factor), found.attribute("metric"),
                            None if proximal is None else float(proximal.attribute("translationStart")),
                            None if distal is None else float(distal.attribute("normalizationEnd")),
                        )  # fmt: skip
        raise value.fault(f"segment group {group!r} has no inhomogeneousParameter {name!r}")

    def _species(self, element: Element) -> Species:
        model = element.attribute("concentrationModel")
        self._library.pool(model, element)
        ion = ion_named(element.attributes.get("ion") or element.id, "")
        if not ion:
            raise element.fault(
                f"species {element.id!r} is of an ion that is not known", why=f"ion={element.attributes.get('ion')!r}"
            )
        inner, outer = (quantity(element, key, "concentration") for key in ("initialConcentration", "initialExtConcentration"))
        return Species(ion, element.attributes.get("segmentGroup", EVERYWHERE), model, inner, outer, element.where)
