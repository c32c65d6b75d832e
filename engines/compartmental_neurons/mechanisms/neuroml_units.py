"""Numbers with NeuroML's units, such as ``10 mS_per_cm2``, ``0.1per_ms`` or ``6.3 degC``."""

from __future__ import annotations

import re

from cosim.sdk import CosimError
from cosim.sdk.units import si_dimension
from engines.compartmental_neurons.mechanisms.neuroml_xml import Element
from engines.equations.dimensions import of_unit

UNITS = {
    "none": "1", "time": "ms", "per_time": "1/ms", "voltage": "mV", "per_voltage": "1/mV", "concentration": "mM",
    "temperature": "K", "length": "um", "area": "um**2", "volume": "um**3", "resistance": "Mohm", "resistivity": "ohm*cm",
    "conductance": "nS", "conductanceDensity": "S/cm**2", "capacitance": "pF", "specificCapacitance": "uF/cm**2",
    "current": "nA", "currentDensity": "mA/cm**2", "permeability": "cm/s", "charge": "C", "charge_per_mole": "C/mol",
    "substance": "mol", "idealGasConstantDims": "J/(mol*K)", "rho_factor": "mol/(m*A*s)",
    "conductance_per_voltage": "nS/mV",
}  # fmt: skip
"""NeuroML's dimensions, and the unit in which descriptions have them."""
_QUANTITY = re.compile(r"^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z]\w*)?\s*$")
_KILOGRAM, _SECOND = 1e-12, 1e-3
"""What counts as 1 where mV, ms, m, A, mM and K do: then every dimension of LEMS has one unit, and no equation needs a factor."""


def number(text: str, dimension: str) -> float:
    """A quantity in the unit of ``UNITS``.

    Raises
    ------
    CosimError
        It cannot be read, or has another dimension.
    """
    if dimension not in UNITS:
        raise CosimError(f"there is no dimension {dimension!r}", mend=f"known here: {', '.join(UNITS)}")
    value, unit = _split(text)
    if unit == "degC" and dimension == "temperature":
        return value + 273.15
    return float(f"{value * _factor(text, unit, dimension):.15g}") if value else value


def quantity(element: Element, name: str, dimension: str) -> float:
    """An attribute in the unit of ``UNITS``; a CosimError with its line where there is none, or it is no such quantity."""
    try:
        return number(element.attribute(name), dimension)
    except CosimError as error:
        raise error.located(element.where) from None


def coherent(text: str, dimension: str) -> float:
    """A quantity in units in which LEMS's equations hold as they stand: ms, mV, mM, K, m, A and what follows from them."""
    value = number(text, dimension)
    factor, powers = si_dimension(UNITS[dimension])
    scale = _KILOGRAM ** float(powers[0]) * _SECOND ** float(powers[2])
    return float(f"{value * float(f'{factor / scale:.12g}'):.15g}")


def _split(text: str) -> tuple[float, str]:
    match = _QUANTITY.match(text)
    if match is None:
        raise CosimError(f"{text!r} is no quantity", mend="write a number and a unit, such as '10 mV' or '0.1 per_ms'")
    return float(match[1]), match[2] or ""


def _factor(text: str, unit: str, dimension: str) -> float:
    ours = _ours(unit)
    try:
        fits = of_unit(ours) == of_unit(UNITS[dimension])
    except CosimError:
        raise CosimError(
            f"{text!r} has no unit that is known", mend="units are those of NeuroML 2, such as mV or S_per_m2"
        ) from None
    if not fits:
        raise CosimError(f"{text!r} is no {dimension}", mend=f"a number in {UNITS[dimension]}" if unit else "add its unit")
    return float(f"{si_dimension(ours)[0] / si_dimension(UNITS[dimension])[0]:.12g}")


def _ours(unit: str) -> str:
    """``mS_per_cm2`` as ``mS/(cm**2)``."""
    first, *below = f"_{unit}".split("_per_")
    parts = [re.sub(r"([A-Za-z])([23])$", r"\1**\2", part) for part in first.strip("_").split("_")]
    names = [re.sub(r"([A-Za-z])([23])$", r"\1**\2", part) for part in below]
    return ("*".join(filter(None, parts)) or "1") + "".join(f"/({name})" for name in names)
