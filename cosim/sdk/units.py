"""Quantities with units: ``"10 ms"`` becomes the number that a typed parameter declares its unit for.

Times become whole nanoseconds, exactly. Everything else goes through pint, which is imported when first needed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from cosim.sdk.cache import writable_cache
from cosim.sdk.errors import CosimError
from cosim.sdk.time import format_ns

TIME_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9}
_QUANTITY = re.compile(r"^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*$")


@lru_cache(maxsize=1)
def _registry() -> Any:
    import pint  # some 0.3 s, so only where a unit really has to be looked up

    registry = pint.UnitRegistry(cache_folder=str(writable_cache()[0] / "pint"))
    registry.define("spike = 1")
    registry.define("spikes = 1")
    return registry


@lru_cache(maxsize=1024)
def factor(source: str, target: str) -> float:
    """What a value in ``source`` is multiplied by to be in ``target``; a CosimError when their dimensions differ."""
    if source == target:
        return 1.0
    if source in TIME_UNITS and target in TIME_UNITS:
        return TIME_UNITS[source] / TIME_UNITS[target]
    registry = _registry()
    try:
        if registry.Quantity(0.0, source or "1").to(target).magnitude:  # degC and K differ by more than a factor
            raise CosimError("one is counted from another zero")
        exact = registry.Quantity(1.0, source or "1").to(target).magnitude
        return float(f"{exact:.15g}")  # pint multiplies prefixes as floats: 999.9999999999999 nS to a uS
    except Exception as error:  # pint raises many kinds: unknown name, bad syntax, other dimension, offset unit
        raise CosimError(f"{source or 'a bare number'} cannot be converted to {target}", why=str(error).splitlines()[0]) from None


@lru_cache(maxsize=1024)
def si_dimension(unit: str) -> tuple[float, tuple[Fraction, ...]]:
    """The factor of a unit to SI, and its exponents of kg, m, s, A, K, mol and cd: ``("ms") == (0.001, (0, 0, 1, 0, 0, 0, 0))``."""
    if unit in TIME_UNITS:
        return TIME_UNITS[unit] / 1e9, (Fraction(0), Fraction(0), Fraction(1), *[Fraction(0)] * 4)
    if unit in ("1", ""):
        return 1.0, (Fraction(0),) * 7
    registry = _registry()
    try:
        quantity = registry.Quantity(1.0, unit).to_base_units()
        if registry.Quantity(0.0, unit).to_base_units().magnitude:
            raise CosimError("it is counted from another zero than K")
    except Exception as error:  # pint raises many kinds: unknown name, bad syntax, offset unit
        raise CosimError(
            f"{unit!r} is not a unit",
            why=(str(error) or "it cannot be read").splitlines()[0],
            mend="write it like mV, 1/ms or nS/um**2",
        ) from None
    powers = {str(name): Fraction(power).limit_denominator(64) for name, power in quantity.unit_items()}
    names = {"kilogram": 0, "meter": 1, "second": 2, "ampere": 3, "kelvin": 4, "mole": 5, "candela": 6, "radian": None}
    found = [Fraction(0)] * 7
    for name, power in powers.items():
        row = names.get(name)
        if name not in names:
            raise CosimError(f"{unit!r} has no place among SI units", why=f"it comes down to {name}")
        if row is not None:
            found[row] = power
    return float(f"{quantity.magnitude:.15g}"), tuple(found)


def split_quantity(text: str) -> tuple[float, str] | None:
    """Number and unit of ``"0.01 s"``, ``"2mV"`` or ``"1 / ms"``, the unit empty where there is none; None: no quantity."""
    match = _QUANTITY.match(text)
    if match is None:
        return None
    number, unit = match.groups()
    return float(number), f"1{unit}" if unit.startswith("/") else unit


def parse(text: str, unit: str) -> float:
    """``"0.01 s"`` in ``unit``: ``parse("0.01 s", "ms") == 10.0``."""
    quantity = split_quantity(text)
    if quantity is None:
        raise CosimError(f"{text!r} is not a quantity", mend=f"write a number and a unit, such as '1 {unit}'")
    number, given = quantity
    if not given and unit != "1":
        raise CosimError(f"{text!r} has no unit", mend=f"write '{text.strip()} {unit}' if that is what you mean")
    return number * factor(given or "1", unit)


def parse_ns(text: str) -> int:
    """``"2.5 ms"`` as whole nanoseconds, exactly; a CosimError with the two nearest values when it is not whole."""
    match = _QUANTITY.match(text)
    if match is None or match.group(2) not in TIME_UNITS:
        raise CosimError(
            f"{text!r} is not a time",
            mend=f"write a number and one of {', '.join(u for u in TIME_UNITS if u.isascii())}, such as '2.5 ms'",
        )
    exact = Decimal(match.group(1)) * TIME_UNITS[match.group(2)]
    if abs(exact) >= 2**63:
        raise CosimError(f"{text!r} is longer than 64 bits of nanoseconds can say", mend="at most 292 years, 2.5e6 h")
    if exact != exact.to_integral_value():
        low = math.floor(exact)
        raise CosimError(f"{text!r} is not a whole number of nanoseconds", mend=f"nearest: {format_ns(low)}, {format_ns(low + 1)}")
    return int(exact)


class Unit:
    """Annotation of a parameter: ``tau: Annotated[float, Unit("ms")] = 10.0``.

    In a file the value is a string with a unit of the same dimension, or a bare number where the unit is ``"1"``. Python
    callers may also pass numbers, taken to be in the declared unit. Lists and mappings are converted item by item.
    """

    def __init__(self, unit: str) -> None:
        self.unit = unit

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_before_validator_function(self._convert, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        inner = handler(schema)
        if self.unit == "1":
            return inner
        return {
            "anyOf": [{"type": "string", "pattern": r"^\s*[-+0-9.]"}, {k: v for k, v in inner.items() if k in ("type", "items")}],
            "unit": self.unit,
        }

    def _convert(self, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, (list, tuple)):
            return [self._convert(item, info) for item in value]
        if isinstance(value, dict):
            return {key: self._convert(item, info) for key, item in value.items()}
        if isinstance(value, str):
            return told(lambda: parse(value, self.unit))
        if self.unit != "1" and isinstance(value, (int, float)) and from_file(info):
            raise _fault(CosimError(f"{value} has no unit", mend=f"write '{value} {self.unit}' if that is what you mean"))
        return value


class _Duration:
    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_before_validator_function(self._convert, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^\s*\+?[0-9.]+([eE][-+]?\d+)?\s*(ns|us|µs|ms|s|min|h)\s*$", "examples": ["2.5 ms"]}

    def _convert(self, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, str):
            return told(lambda: parse_ns(value))
        if isinstance(value, (int, float)) and from_file(info):
            raise _fault(CosimError(f"{value} has no unit", mend=f"write '{value} ms' or '{value} s'"))
        return value


Duration = Annotated[int, _Duration()]
"""A time: ``"2.5 ms"`` in a file, whole nanoseconds in Python."""


class _InputFile:
    """A path in a file is relative to the scenario's folder; it must exist when the scenario is checked."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self._resolve, handler(source))

    def _resolve(self, path: Path, info: ValidationInfo) -> Path:
        folder = Path((info.context or {}).get("folder", "."))
        found = (folder / path.expanduser()).resolve()
        if not found.exists():
            raise _fault(
                CosimError(
                    f"file {str(path)!r} does not exist", why=f"looked for {found}", mend="paths start at the scenario's folder"
                )
            )
        return found


InputFile = Annotated[Path, _InputFile()]
"""A file that a parameter names; resolved against the scenario's folder."""


def from_file(info: ValidationInfo) -> bool:
    """Whether a value comes from a scenario file, where units are obligatory."""
    return bool(info.context and info.context.get("from_file"))


def told(convert: Callable[[], Any]) -> Any:
    """What ``convert`` gives; its CosimError in the form that pydantic collects."""
    try:
        return convert()
    except CosimError as error:
        raise _fault(error) from None


def _fault(error: CosimError) -> PydanticCustomError:
    """A CosimError in the form in which pydantic collects it beside the others."""
    context = {"what": error.what, "why": error.why, "mend": error.mend}
    return PydanticCustomError("cosim", "{what}", context)
