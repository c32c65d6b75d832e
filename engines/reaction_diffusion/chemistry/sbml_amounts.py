"""What numbers of an SBML file mean: units of substance, time and volume, sizes of compartments, amounts at the start."""

from __future__ import annotations

import math
from typing import Any

from engines.equations.dimensions import si_factor
from engines.reaction_diffusion.chemistry.measures import AVOGADRO
from engines.reaction_diffusion.chemistry.sbml_file import SbmlFile, all_of
from engines.reaction_diffusion.chemistry.sbml_units import SbmlUnit, Units

_CONCENTRATIONS = {1e3: "M", 1.0: "mM", 1e-3: "uM", 1e-6: "nM"}
"""Units by what they are in mol/m³."""


class Amounts:
    """Of one model.

    Attributes
    ----------
    units
        By their names.
    is_in_items
        Substance is in numbers of molecules.
    is_counted
        Species are numbers of molecules here; else concentrations.
    seconds
        In a unit of time.
    about
        What has been taken for granted.
    """

    def __init__(self, file: SbmlFile) -> None:
        model, self._file = file.model, file
        self.units = Units(file.library, model)
        self.about: list[str] = []
        self._substance, time, volume = (self._unit(what) for what in ("substance", "time", "volume"))
        self.seconds = time.factor
        if not self._substance.is_of_moles and not self._substance.is_of_items:
            file.fault(model, f"substance is in {self._substance.text}", "moles or items")
        self.is_in_items = self._substance.is_of_items
        self._sizes: dict[str, float] = {}
        homes = sorted({one.getCompartment() for one in all_of(model, "Species")})
        is_single = len(homes) == 1 and model.getCompartment(homes[0]).getSpatialDimensions() == 3
        if homes and not is_single:
            self.about.append(
                "Of several compartments, or one that is no volume: species are counted, sizes are those of the file."
            )
        self.is_counted = self.is_in_items or not is_single
        self._molecules = self._substance.factor * (1.0 if self.is_in_items else AVOGADRO)  # in a unit of substance
        self._volume = 1.0
        if not self.is_counted:
            self._volume = self.size(homes[0]) * (self._named(model.getCompartment(homes[0]).getUnits()) or volume).factor
        self._refuse_other_units()

    @property
    def per_extent(self) -> float:
        """Molecules, or where species are concentrations mol/m³, that a reaction turns over in an extent of 1."""
        return self._molecules if self.is_counted else self._substance.factor / self._volume

    def symbol_factor(self, species: Any) -> float:
        """What a species in SI units is multiplied by to be the number that it is in formulas of the file."""
        return 1.0 / (self.per_extent * self._per_amount(species))

    def unit_of(self, species: Any) -> str:
        """In which a species is given here."""
        if self.is_counted:
            return "1"
        size = self.size(species.getCompartment())
        return _CONCENTRATIONS.get(float(f"{self.per_extent * size:.12g}"), "mM")

    def initial(self, species: Any) -> float:
        """Of a species, in its unit here."""
        value = self.start(species) * self._per_amount(species) * self.per_extent / si_factor(self.unit_of(species))
        return float(f"{value:.15g}")

    def start(self, species: Any) -> float:
        """The number in formulas of the file that a species begins with."""
        is_amount = species.isSetInitialAmount()
        value = species.getInitialAmount() if is_amount else species.getInitialConcentration()
        if math.isnan(value):
            return 0.0
        if bool(species.getHasOnlySubstanceUnits()) == is_amount:
            return float(value)
        size = self.size(species.getCompartment())
        return float(value / size if is_amount else value * size)

    def size(self, name: str) -> float:
        """Of a compartment, in its unit; 1, and a fault noted, where it has none."""
        if name not in self._sizes:
            self._sizes[name] = self._size(self._file.model.getCompartment(name))
        return self._sizes[name]

    # -- inside ----------------------------------------------------------------------------------------------------

    def _per_amount(self, species: Any) -> float:
        """Substance in a 1 of a formula."""
        return 1.0 if species.getHasOnlySubstanceUnits() else self.size(species.getCompartment())

    def _unit(self, what: str) -> SbmlUnit:
        """Of the model, or of all its species where only they say it, or what is usual."""
        found = self._file.collect(lambda: self.units.of_model(what), self._file.model)
        unit, is_known = found or (SbmlUnit(()), True)
        names = {one.getSubstanceUnits() for one in all_of(self._file.model, "Species")} if what == "substance" else set()
        if not is_known and len(names) == 1 and (own := self._named(names.pop())) is not None:
            return own
        if not is_known:
            self.about.append(f"The file does not say the unit of {what}, which is taken to be {unit.text}.")
        return unit

    def _named(self, name: str) -> SbmlUnit | None:
        unit: SbmlUnit | None = self._file.collect(lambda: self.units.named(name), self._file.model) if name else None
        return unit

    def _size(self, compartment: Any) -> float:
        size = compartment.getVolume() if self._file.model.getLevel() == 1 else compartment.getSize()
        if math.isnan(size) and compartment.getSpatialDimensions() == 0:
            return 1.0
        if math.isnan(size) or size <= 0:
            what = f"compartment {compartment.getId()!r} has no size"
            self._file.fault(compartment, what, "give it one", "kinetic laws are of all of a compartment")
            return 1.0
        return float(size)

    def _refuse_other_units(self) -> None:
        file, model = self._file, self._file.model
        for one in all_of(model, "Species"):
            if one.getSubstanceUnits() and self._is_other(one.getSubstanceUnits()):
                file.fault(one, f"species {one.getId()!r} is in a unit of its own", "the same unit of substance for all")
        if model.getLevel() > 2 and model.getExtentUnits() and self._is_other(model.getExtentUnits()):
            file.fault(model, "extents of reactions are in another unit than substance", "the same unit for both")

    def _is_other(self, name: str) -> bool:
        unit = self._named(name)
        return unit is not None and unit != self._substance
