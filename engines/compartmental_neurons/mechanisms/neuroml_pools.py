"""NeuroML's models of a concentration as mechanisms of an ion.

    decayingPoolConcentrationModel      dC/dt = -i area / (z F volume) - (C - rest) / tau
    fixedFactorConcentrationModel       dC/dt = -rho i - (C - rest) / tau
    fixedFactorConcentrationModelTraub  dC/dt = -1e-9 phi i - beta (C - rest)

i is the ion's current, outward, over the area; the volume is that of a shell below the membrane, as if the compartment were a
sphere of its area. Types of files that extend one of these, or concentrationModel, and have a TimeDerivative of ``concentration``
are taken by that equation.
"""

from __future__ import annotations

from collections.abc import Mapping

from cosim.sdk import CosimError, did_you_mean
from engines.compartmental_neurons.ions import VALENCES
from engines.compartmental_neurons.mechanisms.neuroml_gates import Sections
from engines.compartmental_neurons.mechanisms.neuroml_types import Formula, Type, Types, converted
from engines.compartmental_neurons.mechanisms.neuroml_units import UNITS, number
from engines.compartmental_neurons.mechanisms.neuroml_xml import Element

_FIXED = {"restingConc": "concentration", "decayConstant": "time"}
POOLS: Mapping[str, dict[str, str]] = {
    "decayingPoolConcentrationModel": {**_FIXED, "shellThickness": "length"},
    "fixedFactorConcentrationModel": {**_FIXED, "rho": "rho_factor"},
    "fixedFactorConcentrationModelTraub": {"restingConc": "concentration", "beta": "per_time", "phi": "rho_factor"},
}
"""Parameters of each, and their dimensions."""
BASE = "concentrationModel"
"""What they all extend."""
START_MM = 5e-5
"""Where a type of a file has no restingConc; in NeuroML it is the cell's species that says it."""
_ABOUT = {
    "restingConc": "concentration at rest", "decayConstant": "time constant of the way back to rest",
    "shellThickness": "of the shell", "beta": "rate of the way back to rest", "rho": "what a current brings",
    "phi": "a billion times what a current brings",
}  # fmt: skip


class Pools:
    """Reads a model of a concentration into sections."""

    def __init__(self, types: Types, sections: Sections) -> None:
        self._types, self._sections = types, sections

    def read(self, element: Element, ion: str) -> None:
        """All sections of the mechanism, of an ion such as ``ca``.

        Raises
        ------
        CosimError
            The model is of a type that is not supported.
        """
        base = next((name for name in self._types.ancestry(element.type) if name in (*POOLS, BASE)), "")
        own = self._types.find(element.type) if element.type not in (*POOLS, BASE) else None
        slopes = set(own.derivatives) if own is not None else set[str]()
        if not base:
            self._types.of(element)  # there may be no such type at all
        if slopes - {"concentration"} or not (base in POOLS or slopes):
            raise element.fault(f"a concentration by {element.type} is not supported", mend=f"supported: {', '.join(POOLS)}")
        sections = self._sections
        sections.taken |= {"C", "start"}
        names = self._parameters(element, {**POOLS.get(base, {}), **(own.parameters if own else {})}, own)
        resting = sections.data["parameters"][names["restingConc"]]["default"] if "restingConc" in names else START_MM
        sections.put("parameters", "start", {"unit": "mM", "default": resting, "about": "concentration at time 0"}, element.where)
        sections.put("states", "C", {"unit": "mM", "clamp": [0, None], "about": f"concentration of {ion}"}, element.where)
        if own is not None and "concentration" in own.derivatives:
            self._translated(own, names, ion)
        else:
            self._standard(base, names, ion, element.where)
        sections.put("initial", "C", "start", element.where)
        sections.put("concentrations", f"{ion}_i", "C", element.where)

    def _parameters(self, element: Element, wanted: Mapping[str, str], own: Type | None) -> dict[str, str]:
        """Symbols of all parameters and constants."""
        names = {}
        texts = {name: (element.attribute(name), dimension, element.where) for name, dimension in wanted.items()}
        texts |= {name: (text, dimension, own.where) for name, (text, dimension) in (own.constants if own else {}).items()}  # type: ignore[union-attr]
        for name, (text, dimension, where) in texts.items():
            names[name] = self._sections.name(name)
            try:
                value = number(text, dimension)
            except CosimError as error:
                raise error.located(where) from None
            self._sections.put(
                "parameters", names[name], {"unit": UNITS[dimension], "default": value, "about": _ABOUT.get(name, "")}, where
            )
        return names

    def _standard(self, base: str, names: Mapping[str, str], ion: str, where: str) -> None:
        put, charge = self._sections.put, f"{VALENCES.get(ion, 2)} * faraday"
        back = f"(C - {names['restingConc']})"
        if base == "decayingPoolConcentrationModel":
            put("expressions", "radius", "sqrt(area / (4 * pi))", where)
            inner = f"(radius - {names['shellThickness']})"
            put("expressions", "volume", f"4 / 3 * pi * (radius**3 - {inner}**3)", where)
            slope = f"-i_{ion} * area / ({charge} * volume) - {back} / {names['decayConstant']}"
        elif base == "fixedFactorConcentrationModel":
            slope = f"-{names['rho']} * i_{ion} - {back} / {names['decayConstant']}"
        else:
            slope = f"-1e-9 * {names['phi']} * i_{ion} - {names['beta']} * {back}"
        put("derivatives", "C", slope, where)

    def _translated(self, own: Type, names: Mapping[str, str], ion: str) -> None:
        """The equation of a file, with its units."""
        known = {**names, "concentration": "C", "surfaceArea": "area", "iCa": f"(-i_{ion} * area)", "temperature": "temperature"}
        known |= {"v": "V"} | {name: self._sections.name(name) for name in own.derived}

        def symbol(name: str, where: str) -> str:
            if name not in known:
                raise CosimError(f"there is no {name!r} here", where=where, mend=did_you_mean(name, known))
            return known[name]

        def text(formula: Formula) -> str:
            if formula.select or formula.cases:
                raise CosimError(f"type {own.name!r} is not supported", where=formula.where, mend="one expression a variable")
            return converted(formula.text, symbol, formula.where)

        for name, formula in own.derived.items():
            self._sections.put("expressions", known[name], text(formula), formula.where)
        formula = own.derivatives["concentration"]
        self._sections.put("derivatives", "C", text(formula), formula.where)
