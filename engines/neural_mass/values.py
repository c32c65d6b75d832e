"""Values that a scenario gives symbols of a model: one number, one a region, or by region and group; into SI units."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from cosim.sdk import CosimError, Space, did_you_mean, format_ns
from engines.equations.dimensions import si_factor
from engines.equations.quantities import number

if TYPE_CHECKING:
    from engines.neural_mass.description import RegionDescription
    from engines.neural_mass.params import NeuralMassParams

Floats = NDArray[np.float64]


def unit_of(description: RegionDescription, name: str) -> str:
    """The unit of a symbol: a state, parameter or input of the model, or ``G``."""
    if name == "G":
        return "1"
    for section in (description.states, description.parameters, description.inputs):
        if name in section:
            return str(section[name].unit)
    raise KeyError(name)


def unit_of_output(description: RegionDescription, name: str) -> str:
    """The unit of an output of the model, or of a state that is shown as one."""
    return description.outputs[name].unit if name in description.outputs else description.states[name].unit


def numbers(value: Any, unit: str, is_from_file: bool = False) -> list[float]:
    """Those of a value: one, one a region, or by region and group."""
    return [number(item, unit, is_from_file) for item in _items(value)]


def _items(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else value.values() if isinstance(value, Mapping) else (value,)


def by_region(value: Any, unit: str, space: Space, name: str, default: float | None) -> float | Floats:
    """In SI units: one number for all regions, or (regions,).

    Parameters
    ----------
    default
        In ``unit``, for regions that a mapping without ``default`` leaves out; None: it may leave out none.
    """
    factor = si_factor(unit)
    if isinstance(value, Mapping):
        rest = value.get("default", default)
        found = np.full(len(space), np.nan if rest is None else number(rest, unit))
        for selector, item in value.items():
            if selector != "default":
                try:
                    found[space.select(selector)] = number(item, unit)
                except CosimError as error:
                    raise error.about(name) from None
        left_out = [label for label, item in zip(space.labels, found, strict=True) if np.isnan(item)]
        if left_out:
            more = f" and {len(left_out) - 8} more" if len(left_out) > 8 else ""
            raise CosimError(f"{name} leaves out {', '.join(left_out[:8])}{more}", mend="add default: … for the rest")
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
    check = _Check(params, is_from_file)
    check.values()
    check.drives()
    check.shown()
    check.tune()
    check.once()
    if check.faults:
        raise ValidationError.from_exception_data("NeuralMassParams", check.faults)


class _Check:
    """Holds what a scenario says against the model, and collects the faults."""

    def __init__(self, params: NeuralMassParams, is_from_file: bool) -> None:
        self.faults: list[InitErrorDetails] = []
        self._params, self._described, self._is_from_file = params, params.description, is_from_file
        self._tunable = [*self._described.parameters, "G"]
        self._shown = [*self._described.outputs, *self._described.states]

    def values(self) -> None:
        """Those that hold all along, or for each replica."""
        for name, value in self._params.parameters.items():
            self._hold(self._described.parameters, name, "parameter", (value,), "parameters", name)
        for name, value in self._params.initial.items():
            self._hold(self._described.states, name, "state", (value,), "initial", name)
        for name, swept in self._params.sweep.items():
            self._hold(self._tunable, name, "parameter", swept, "sweep", name)

    def drives(self) -> None:
        """What moves during the run."""
        for name in self._params.vary:
            self._hold(self._tunable, name, "parameter", (), "vary")
        for i, stimulus in enumerate(self._params.stimuli):
            moved = [*self._described.inputs, *self._tunable]
            self._hold(moved, stimulus.target, "input or parameter", (), "stimuli", i, "target")
            if stimulus.target in moved:  # an amplitude is a difference: it may lie beyond the bounds
                with self._noting(stimulus.amplitude, "stimuli", i, "amplitude"):
                    number(stimulus.amplitude, unit_of(self._described, stimulus.target), self._is_from_file)
        for i, change in enumerate(self._params.changes):
            self._hold(self._tunable, change.parameter, "parameter", (change.to,), "changes", i)

    def shown(self) -> None:
        """Outputs, as ports and for monitors."""
        for name in self._params.outputs or ():
            self._hold(self._shown, name, "output or state", (), "outputs")
        for name, monitor in self._params.monitors.items():
            if monitor.of is not None:
                self._hold(self._shown, monitor.of, "output or state", (), "monitors", name, "of")

    def tune(self) -> None:
        tune = self._params.tune
        if tune is None:
            return
        self._hold(self._described.parameters, tune.parameter, "parameter", (), "tune", "parameter")
        self._hold(self._shown, tune.output, "output or state", (), "tune", "output")
        if tune.output in self._shown:
            unit = unit_of_output(self._described, tune.output)
            with self._noting(tune.target, "tune", "target"):
                numbers(tune.target, unit, self._is_from_file)
            with self._noting(tune.tolerance, "tune", "tolerance"):
                if tune.tolerance is not None and number(tune.tolerance, unit, self._is_from_file) <= 0:
                    raise CosimError(f"a tolerance of {tune.tolerance}", why="it must be more than 0")
        with self._noting(tune.duration, "tune", "duration"):
            if tune.method == "iterative" and tune.duration < 10 * self._params.dt:
                why = f"the first tenth is left out, and a step is {format_ns(self._params.dt)}"
                raise CosimError(f"{format_ns(tune.duration)} are less than ten steps", why=why, mend="give a longer duration")

    def once(self) -> None:
        """No value has two instructions, of which one would be lost."""
        params = self._params
        tuned = [params.tune.parameter] if params.tune is not None else []
        changed = [change.parameter for change in params.changes]
        self._apart("vary", params.vary, {"changes": changed, "sweep": params.sweep, "tune": tuned})
        self._apart("tune", tuned, {"sweep": params.sweep})
        for key, names in (("vary", params.vary), ("outputs", params.outputs or [])):
            for name in (name for name, times in Counter(names).items() if times > 1):
                with self._noting(name, key):
                    raise CosimError(f"{name} is named twice", mend="name it once")
        if params.history is not None and params.initial:
            with self._noting(list(params.initial), "initial"):
                raise CosimError("initial and history both say where states start", mend="leave one of them out")

    # -- inside ----------------------------------------------------------------------------------------------------

    def _apart(self, key: str, names: Iterable[str], others: Mapping[str, Container[str]]) -> None:
        for name in dict.fromkeys(names):
            for other in (other for other, named in others.items() if name in named):
                with self._noting(name, key):
                    mend = "leave it out of one of them"
                    raise CosimError(f"{name} is in {key} and in {other}", why="only one of them can say what it is", mend=mend)

    def _hold(self, known: Iterable[str], name: str, what: str, values: Sequence[Any], *keys: str | int) -> None:
        with self._noting(name, *keys):
            if name not in (known := list(known)):
                raise CosimError(f"{self._params.model.stem} has no {what} {name!r}", mend=did_you_mean(name, known))
            for value in values:
                self._in_bounds(name, numbers(value, unit_of(self._described, name), self._is_from_file))

    def _in_bounds(self, name: str, found: Iterable[float]) -> None:
        item = self._described.parameters.get(name) or self._described.states.get(name)
        for value in found:
            if item is not None and (why := item.beyond(value)):
                raise CosimError(f"{name} is {value:g} {item.unit}".removesuffix(" 1"), why=why)

    @contextmanager
    def _noting(self, given: Any, *keys: str | int) -> Iterator[None]:
        """Takes down a CosimError in the form in which pydantic collects it."""
        try:
            yield
        except CosimError as error:
            context = {"what": error.what, "why": error.why, "mend": error.mend}
            self.faults.append({"type": PydanticCustomError("cosim", "{what}", context), "loc": keys, "input": given})
