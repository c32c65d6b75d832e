"""Units of an SBML file: as factors to SI units, and as texts where they have one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from cosim.sdk import CosimError
from engines.equations.dimensions import si_factor

_PREFIXES = {0: "", -3: "m", -6: "u", -9: "n", -12: "p", -15: "f", 3: "k", 6: "M", -1: "d", -2: "c"}
_TIMES = {60.0: "min", 3600.0: "hour", 86400.0: "day"}
_TEXTS = {
    "mole": "mol", "litre": "l", "liter": "l", "metre": "m", "meter": "m", "second": "s", "gram": "g", "kilogram": "kg",
    "volt": "V", "ampere": "A", "kelvin": "K", "joule": "J", "coulomb": "C", "farad": "F", "siemens": "S", "ohm": "ohm",
    "newton": "N", "hertz": "Hz", "pascal": "Pa", "watt": "W",
}  # fmt: skip
_COUNTS = ("item", "dimensionless")
_BUILT_IN = {"substance": "mole", "volume": "litre", "area": "metre**2", "length": "metre", "time": "second"}
"""What the levels before 3 take where a file says nothing."""


@dataclass(frozen=True)
class OneUnit:
    """(multiplier 10^scale kind)^exponent"""

    kind: str
    exponent: float = 1.0
    scale: int = 0
    multiplier: float = 1.0

    @property
    def factor(self) -> float:
        """To SI units."""
        own = 1.0 if self.kind in _COUNTS else si_factor(_TEXTS[self.kind])
        return float((self.multiplier * 10.0**self.scale * own) ** self.exponent)

    @property
    def text(self) -> str | None:
        """As it stands behind a number; None where it has no name."""
        if self.kind in _COUNTS:
            return "" if self.factor == 1.0 else None
        text = _TEXTS[self.kind]
        if self.multiplier == 1.0 and self.scale in _PREFIXES and not (text == "kg" and self.scale):
            text = _PREFIXES[self.scale] + text
        elif text == "s" and self.scale == 0 and self.multiplier in _TIMES:
            text = _TIMES[self.multiplier]
        else:
            return None
        return text if self.exponent == 1 else f"{text}**{self.exponent:g}"


@dataclass(frozen=True)
class SbmlUnit:
    """A product of units."""

    parts: tuple[OneUnit, ...]

    @property
    def factor(self) -> float:
        return float(f"{math.prod(part.factor for part in self.parts):.15g}")

    @property
    def text(self) -> str:
        """As it stands behind a number; ``1`` where it has no name."""
        texts = [part.text for part in self.parts]
        return "1" if None in texts else "*".join(text for text in texts if text) or "1"

    @property
    def is_of_items(self) -> bool:
        return all(part.kind in _COUNTS for part in self.parts)

    @property
    def is_of_moles(self) -> bool:
        return [part.kind for part in self.parts if part.kind != "dimensionless"] == ["mole"]


class Units:
    """All units of a model."""

    def __init__(self, library: Any, model: Any) -> None:
        self._library, self._model = library, model

    def named(self, name: str) -> SbmlUnit | None:
        """A unit by its name in the file, one of SBML's own, or None.

        Raises
        ------
        CosimError
            It is made of a unit that is not known here.
        """
        definition = self._model.getUnitDefinition(name)
        if definition is not None:
            return SbmlUnit(tuple(self._part(definition.getUnit(k)) for k in range(definition.getNumUnits())))
        text = _BUILT_IN.get(name, name) if self._model.getLevel() < 3 else name
        kind, _, power = text.partition("**")
        return SbmlUnit((OneUnit(kind, float(power or 1)),)) if kind in (*_TEXTS, *_COUNTS) else None

    def of_model(self, what: str) -> tuple[SbmlUnit, bool]:
        """Unit of substance, time or volume, and whether it is known."""
        name = getattr(self._model, f"get{what.capitalize()}Units")() if self._model.getLevel() > 2 else what
        found = self.named(name) if name else None
        return (found, True) if found is not None else (SbmlUnit((OneUnit(_BUILT_IN[what]),)), False)

    def text_of(self, name: str) -> str:
        """Of a unit by its name, ``1`` where there is none."""
        found = self.named(name) if name else None
        return "1" if found is None else found.text

    def _part(self, unit: Any) -> OneUnit:
        kind = self._library.UnitKind_toString(unit.getKind())
        if kind not in (*_TEXTS, *_COUNTS):
            raise CosimError(f"the unit {kind} is not known here", mend="moles or items, litres or metres, seconds")
        return OneUnit(kind, unit.getExponentAsDouble(), unit.getScale(), unit.getMultiplier())
