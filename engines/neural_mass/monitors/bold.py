"""BOLD: a haemodynamic model of every region, fed with an output of the regions' model."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from cosim.sdk import CosimError, Duration, Params, Port, did_you_mean, format_ns
from cosim.sdk.errors import ScenarioError
from cosim.sdk.units import from_file, parse, told
from engines.equations.dimensions import si_factor
from engines.neural_mass.monitors.haemodynamics import Haemodynamics, read_haemodynamics, shipped
from engines.neural_mass.monitors.monitor import Floats, Taken, refuse_uneven_window, steps_of


def _file(name: Any, info: ValidationInfo) -> Path:
    """The file of a haemodynamic model: one that is shipped, by name, or the user's own, by its path."""

    def read() -> Path:
        path = shipped().get(str(name))
        if path is None and str(name).endswith((".yaml", ".yml")):
            path = (Path((info.context or {}).get("folder", ".")) / Path(str(name)).expanduser()).resolve()
            if not path.exists():
                raise CosimError(f"file {str(name)!r} does not exist", why=f"looked for {path}")
        if path is None:
            raise CosimError(
                f"there is no haemodynamic model {str(name)!r}",
                mend=f"{did_you_mean(str(name), shipped())} A file of your own ends in .yaml",
            )
        try:
            read_haemodynamics(path)
        except ScenarioError as error:
            raise CosimError(f"{path.name} has faults", why="\n".join(map(str, error.faults))) from None
        return path

    found: Path = told(read)
    return found


class BoldParams(Params):
    """The BOLD signal of every region, as a share of the signal at rest."""

    role: ClassVar[str] = "bold"

    kind: Literal["bold"]
    of: Annotated[
        str | None, Field(description="what feeds it, an output or a state of the model; else what the model names for bold")
    ] = None
    gain: Annotated[
        float | str | None,
        Field(
            description="makes a bare number, the activity, of what feeds it: in the inverse of its unit, such as 0.01 1/Hz; "
            "1 where what feeds it is a bare number",
        ),
    ] = None
    every: Annotated[
        Duration | None, Field(gt=0, description="a row's interval, a whole number of steps; null: one row a window")
    ] = None
    step: Annotated[Duration, Field(gt=0, description="of the haemodynamic model; it takes the mean of its source over a step")] = (
        10_000_000
    )
    model: Annotated[
        Path,
        BeforeValidator(_file),
        Field(
            description="the name of a haemodynamic model that comes with the engine, or a file of your own", validate_default=True
        ),
    ] = "balloon_windkessel"  # type: ignore[assignment]  # validated, as any value
    parameters: Annotated[dict[str, float | str], Field(description="of the haemodynamic model")] = {}
    shows: Annotated[str, Field(description="an output of the haemodynamic model")] = "bold"

    @model_validator(mode="after")
    def _values(self, info: ValidationInfo) -> BoldParams:
        told(lambda: self._check(from_file(info)))
        return self

    def port(self, name: str, taken: Taken) -> Port:
        steps_of(name, "step", self.step, taken.dt_ns)
        if self.every is not None:
            steps_of(name, "every", self.every, self.step, "haemodynamic steps")
        self.si_gain(name, taken)
        shown = self._description.outputs[self.shows]
        return Port(name, "out", "samples", taken.space, shown.quantity, shown.unit, of="value", dt_ns=self.every)

    def build(self, name: str, taken: Taken, window_ns: int, log: logging.Logger) -> Bold:
        self.port(name, taken)  # checks what follows from the parameters alone
        refuse_uneven_window(name, "every" if self.every else "step", self.every or self.step, window_ns)
        return Bold(name, self, taken, window_ns, log)

    def si_values(self) -> Floats:
        """(parameters,) of the haemodynamic model in SI units, in its order."""
        described = self._description.parameters
        given = {name: _number(self.parameters.get(name, item.default), item.unit) for name, item in described.items()}
        return np.array([given[name] * si_factor(item.unit) for name, item in described.items()])

    def si_gain(self, name: str, taken: Taken) -> float:
        """What a row, in the unit of the output, is multiplied by to be the activity."""
        unit, inverse = taken.output.unit, _inverse(taken.output.unit)
        try:
            if self.gain is None and unit != "1":
                raise CosimError("there is no gain")
            return 1.0 if self.gain is None else _number(self.gain, inverse)
        except CosimError as error:
            raise CosimError(
                f"monitors.{name}: {taken.name} is in {unit.replace('1', 'bare numbers')}, and {error.what}",
                why=f"what feeds {self.model.stem} times its gain must be a bare number",
                mend=f"write gain: in {inverse}; 0.01 {inverse} makes 1 of 100 {unit}"
                if unit != "1"
                else "write gain: as a number",
            ) from None

    @property
    def _description(self) -> Haemodynamics:
        return read_haemodynamics(self.model).description

    def _check(self, is_from_file: bool) -> None:
        described = self._description
        if self.shows not in described.outputs:
            raise CosimError(f"{self.model.stem} has no output {self.shows!r}", mend=did_you_mean(self.shows, described.outputs))
        for name, value in self.parameters.items():
            item = described.parameters.get(name)
            if item is None:
                raise CosimError(f"{self.model.stem} has no parameter {name!r}", mend=did_you_mean(name, described.parameters))
            if is_from_file and not isinstance(value, str) and item.unit != "1":
                raise CosimError(f"{name}: {value:g} has no unit", mend=f"write '{value:g} {item.unit}' if that is what you mean")
            number = _number(value, item.unit)
            if why := item.beyond(number):
                raise CosimError(f"{name} is {number:g} {item.unit}".removesuffix(" 1"), why=why)


class Bold:
    """Steps a haemodynamic model of every channel on from window to window.

    A step takes the mean of its source over the step, in the order of time, and Heun's rule. Windows are whole numbers of steps,
    so no step is ever cut.
    """

    def __init__(self, name: str, params: BoldParams, taken: Taken, window_ns: int, log: logging.Logger) -> None:
        model = read_haemodynamics(params.model)
        self._name, self._params, self._taken = name, params, taken
        self._kernel = model.kernel(params.shows, log)
        self._values, self._gain = params.si_values(), params.si_gain(name, taken)
        self._count = params.step // taken.dt_ns
        self._every = (params.every or window_ns) // params.step
        self._unit = si_factor(model.description.outputs[params.shows].unit)
        self._names = list(model.description.states)
        channels = taken.replicas * len(taken.space)
        initial = [state.initial * si_factor(state.unit) for state in model.description.states.values()]
        self.state: dict[str, NDArray[np.float64]] = {"states": np.repeat(np.array(initial)[:, None], channels, axis=1)}

    def take(self, rows: Floats) -> Floats:
        out = np.empty((len(rows) // (self._count * self._every), rows.shape[1]))
        rows, states = np.ascontiguousarray(rows), self.state["states"]
        self._kernel(rows, self._count, self._every, self._gain, self._params.step * 1e-9, self._values, states, out)
        if not np.isfinite(states).all():
            raise self._divergence(states)
        return out / self._unit if self._unit != 1.0 else out

    def _divergence(self, states: Floats) -> CosimError:
        state, channel = np.argwhere(~np.isfinite(states))[0]
        region = self._taken.space.labels[channel % len(self._taken.space)]
        return CosimError(
            f"monitors.{self._name}: {self._params.model.stem} diverged in region {region}",
            why=f"its state {self._names[state]} is {states[state, channel]}",
            mend=f"use a smaller gain, or a step below {format_ns(self._params.step)}",
        )


def _number(value: float | str, unit: str) -> float:
    return parse(value, unit) if isinstance(value, str) else float(value)


def _inverse(unit: str) -> str:
    return "1" if unit == "1" else f"1/{unit}" if unit.isalpha() else f"1/({unit})"
