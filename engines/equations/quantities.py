"""Numbers that a scenario gives symbols of a model, in the unit of the symbol."""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, ValidationInfo

from cosim.sdk import CosimError
from cosim.sdk.units import from_file, parse, told


def number(value: Any, unit: str, is_from_file: bool = False) -> float:
    """A number in ``unit``, from a number or from text with a unit."""
    if isinstance(value, str):
        found = parse(value, unit)
    elif isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise CosimError(f"{value!r} is not a number", mend=f"write a number in {unit}" if unit != "1" else "")
    elif is_from_file and unit != "1" and value != 0:
        raise CosimError(f"{value} has no unit", mend=f"write '{value} {unit}' if that is what you mean")
    else:
        found = _float(value)
    if not np.isfinite(found):
        raise CosimError(f"{value} is not finite")
    return found


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # of a whole number of more than 308 digits
        return math.inf


def _as_written(value: Any, info: ValidationInfo) -> Any:
    """A number from a file as text, so that its unit is asked for where the unit is known; 0 is 0 in any unit."""
    if value is None or isinstance(value, str):
        return value
    found = told(lambda: number(value, "1"))
    return f"{found!r}" if from_file(info) and found else found


Quantity = Annotated[float | str | None, BeforeValidator(_as_written)]
"""A number in Python, text with a unit in a file."""
