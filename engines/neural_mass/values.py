"""Values that a scenario gives symbols of a model: one number, one a region, or by region and group; into SI units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from cosim.sdk import CosimError, Space, did_you_mean
from cosim.sdk.units import parse
from engines.equations.dimensions import si_factor

if TYPE_CHECKING:
    from engines.neural_mass.description import RegionDescription
    from engines.neural_mass.params import NeuralMassParams

Floats = NDArray[np.float64]


def unit_of(description: RegionDescription, name: str) -> str:
    """The unit of a state, parameter, input or output of the model, or of ``G``."""
    if name == "G":
        return "1"
    for section in (description.states, description.parameters, description.inputs, description.outputs):
        if name in section:
            return str(section[name].unit)
    raise KeyError(name)


def number(value: Any, unit: str, is_from_file: bool = False) -> float:
    """A number in ``unit``, from a number or from text with a unit."""
    if isinstance(value, str):
        return parse(value, unit)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise CosimError(f"{value!r} is not a number", mend=f"write a number in {unit}" if unit != "1" else "")
    if is_from_file and unit != "1" and value != 0:
        raise CosimError(f"{value} has no unit", mend=f"write '{value} {unit}' if that is what you mean")
    if not np.isfinite(value):
        raise CosimError(f"{value} is not finite")
    return float(value)


def check(value: Any, unit: str, is_from_file: bool) -> None:
    """A CosimError where a value cannot be read."""
    for item in value if isinstance(value, list) else value.values() if isinstance(value, Mapping) else (value,):
        number(item, unit, is_from_file)


def by_region(value: Any, unit: str, space: Space, name: str, default: float) -> float | Floats:
    """In SI units: one number for all regions, or (regions,).

    Parameters
    ----------
    default
        In ``unit``, for regions that a mapping without ``default`` leaves out.
    """
    factor = si_factor(unit)
    if isinstance(value, Mapping):
        found = np.full(len(space), number(value.get("default", default), unit))
        for selector, item in value.items():
            if selector != "default":
                try:
                    found[space.select(selector)] = number(item, unit)
                except CosimError as error:
                    raise CosimError(f"{name}: {error.what}", why=error.why, mend=error.mend) from None
        return found * factor
    if isinstance(value, list):
        if len(value) != len(space):
            raise CosimError(
                f"{name} has {len(value)} values for {len(space)} regions",
                mend="give one value for all, one for each region, or a mapping of regions with a default",
            )
        return np.array([number(item, unit) for item in value]) * factor
    return number(value, unit) * factor


def check_units(params: NeuralMassParams, is_from_file: bool) -> None:
    """Every name and unit of the values in ``params``; all faults at once, as pydantic collects them."""
    described, faults = params.description, list[InitErrorDetails]()
    tunable = [*described.parameters, "G"]
    outputs = [*described.outputs, *described.states]

    def hold(known: Any, name: str, what: str, values: tuple[Any, ...], *keys: str | int) -> None:
        try:
            if name not in known:
                raise CosimError(f"{params.model.stem} has no {what} {name!r}", mend=did_you_mean(name, known))
            for value in values:
                check(value, unit_of(described, name), is_from_file)
                _in_range(described, name, value)
        except CosimError as error:
            context = {"what": error.what, "why": error.why, "mend": error.mend}
            faults.append({"type": PydanticCustomError("cosim", "{what}", context), "loc": keys, "input": name})

    for name, value in params.parameters.items():
        hold(described.parameters, name, "parameter", (value,), "parameters", name)
    for name, value in params.initial.items():
        hold(described.states, name, "state", (value,), "initial", name)
    for name in params.vary:
        hold(tunable, name, "parameter", (), "vary")
    for name, value in params.sweep.items():
        hold(tunable, name, "parameter", tuple(value), "sweep", name)
    for i, stimulus in enumerate(params.stimuli):
        hold([*described.inputs, *tunable], stimulus.target, "input or parameter", (), "stimuli", i, "target")
        if stimulus.target in [*described.inputs, *tunable]:
            hold([stimulus.target], stimulus.target, "", (), "stimuli", i)
            _collect(
                faults,
                lambda s=stimulus: check(s.amplitude, unit_of(described, s.target), is_from_file),
                stimulus,
                "stimuli",
                i,
                "amplitude",
            )
    for i, change in enumerate(params.changes):
        hold(tunable, change.parameter, "parameter", (change.to,), "changes", i)
    for name in params.outputs or ():
        hold(outputs, name, "output or state", (), "outputs")
    if params.tune is not None:
        hold(described.parameters, params.tune.parameter, "parameter", (), "tune", "parameter")
        hold(outputs, params.tune.output, "output or state", (params.tune.target,), "tune", "target")
    for name, monitor in params.monitors.items():
        if monitor.of is not None:
            hold(outputs, monitor.of, "output or state", (), "monitors", name, "of")
    if faults:
        raise ValidationError.from_exception_data("NeuralMassParams", faults)


def _collect(faults: list[InitErrorDetails], make: Any, value: Any, *keys: str | int) -> None:
    try:
        make()
    except CosimError as error:
        context = {"what": error.what, "why": error.why, "mend": error.mend}
        faults.append({"type": PydanticCustomError("cosim", "{what}", context), "loc": keys, "input": str(value)})


def _in_range(described: RegionDescription, name: str, value: Any) -> None:
    item: Any = described.parameters.get(name) or described.states.get(name)
    if item is None:
        return
    low, high = item.range
    for part in value if isinstance(value, list) else value.values() if isinstance(value, Mapping) else (value,):
        x = number(part, item.unit)
        if (low is not None and x < low) or (high is not None and x > high) or (getattr(item, "positive", False) and x <= 0):
            bounds = "more than 0" if getattr(item, "positive", False) else f"from {_bound(low)} to {_bound(high)}"
            raise CosimError(f"{name} is {x:g} {item.unit}".removesuffix(" 1"), why=f"it must be {bounds}")


def _bound(value: float | None) -> str:
    return "anywhere" if value is None else f"{value:g}"
