"""Parameters of the neural mass engine: the YAML keys, their units, ranges and defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

from cosim.sdk import Duration, InputFile, Params, format_ns
from cosim.sdk.units import from_file, told
from engines.connectome import ConnectomeParams
from engines.equations.files import model_file_by
from engines.equations.quantities import Quantity
from engines.equations.stepping import Integrator
from engines.neural_mass import values
from engines.neural_mass.description import Function, RegionDescription, model_file, read_model
from engines.neural_mass.monitors import AnyMonitor


def _bare(value: Any) -> Any:
    """Numbers without a unit; what is wrong is told once, and not for each form that a value may have."""

    def read() -> Any:
        found = values.numbers(value, "1")
        return dict(zip(value, found, strict=True)) if isinstance(value, dict) else found if isinstance(value, list) else found[0]

    return told(read)


Value = Annotated[float | list[float] | dict[str | int, float], BeforeValidator(_bare)]
"""One number; one for each region; or by region or group, with ``default`` for the rest. In the unit of the symbol."""


class LayerParams(Params):
    """Connections that bring something into one coupling term of the model."""

    model_config = ConfigDict(allow_inf_nan=False)

    term: Annotated[str | None, Field(description="the model's coupling term that it adds to; else the one of its own name")] = None
    connectome: Annotated[ConnectomeParams | None, Field(description="of its own; else the engine's")] = None
    sends: Annotated[
        str | None, Field(description="an expression of the model's states and parameters; else what the term says")
    ] = None
    function: Annotated[Function | None, Field(description="else what the term says")] = None
    strength: Annotated[
        Quantity, Field(description="factor of what arrives, with the unit that makes the term of it; else G, a bare number")
    ] = None
    midpoint: Annotated[Quantity, Field(description="of sigmoidal, in the unit of what is sent; else the term's")] = None
    slope: Annotated[Quantity, Field(description="of sigmoidal, in the unit of what is sent; else the term's")] = None
    height: Annotated[Quantity, Field(description="of sigmoidal, in the unit of the term; else the term's")] = None


class StimulusParams(Params):
    """What is added to an input or a parameter of the model in some regions for some time."""

    model_config = ConfigDict(allow_inf_nan=False)

    target: Annotated[str, Field(description="an input or a parameter of the model, or G")]
    regions: Annotated[str | list[str | int] | dict[str, float], Field(description="a selector; or weights by region")] = "*"
    amplitude: Annotated[float | str, Field(description="in the unit of the target")]
    shape: Annotated[
        Literal["constant", "pulses", "sine", "ramp"],
        Field(description="constant; pulses of width every period; sine of period; ramp from 0 at start to the amplitude at stop"),
    ] = "constant"
    start: Duration = 0
    stop: Annotated[Duration | None, Field(description="else to the end")] = None
    period: Annotated[Duration | None, Field(gt=0)] = None
    width: Annotated[Duration | None, Field(gt=0, description="of a pulse; else half the period")] = None

    @model_validator(mode="after")
    def _complete(self) -> StimulusParams:
        needed = {"pulses": "period", "sine": "period", "ramp": "stop"}.get(self.shape)
        if needed is not None and getattr(self, needed) is None:
            raise ValueError(f"shape {self.shape} needs {needed}")
        for name, shapes in {"period": ("pulses", "sine"), "width": ("pulses",)}.items():
            if getattr(self, name) is not None and self.shape not in shapes:
                raise ValueError(f"shape {self.shape} has no {name}: it belongs to {' and '.join(shapes)}")
        if self.width is not None and self.period is not None and self.width > self.period:
            raise ValueError(f"a width of {format_ns(self.width)} is longer than the period, {format_ns(self.period)}")
        if self.stop is not None and self.stop <= self.start:
            raise ValueError("stop must be later than start")
        return self


class ChangeParams(Params):
    """A parameter gets another value during the run."""

    at: Annotated[Duration, Field(ge=0)]
    parameter: Annotated[str, Field(description="of the model, or G")]
    to: Any
    regions: str | list[str | int] = "*"


class TuneParams(Params):
    """A parameter is found, region by region, with which an output has a target: feedback inhibition control and the like."""

    model_config = ConfigDict(allow_inf_nan=False)

    parameter: str
    output: Annotated[str, Field(description="an output or a state of the model")]
    target: Annotated[Any, Field(description="in the unit of the output; one, or by region")]
    method: Annotated[
        Literal["fixed_point", "iterative"],
        Field(
            description="fixed_point: Newton's method on the noise-free equations; iterative: simulate, average, correct, repeat"
        ),
    ] = "fixed_point"
    tolerance: Annotated[Any, Field(description="of iterative, in the unit of the output")] = None
    duration: Annotated[Duration, Field(gt=0, description="of each simulation of iterative; the first tenth is left out")] = (
        10_000_000_000
    )
    at_most: Annotated[int, Field(ge=1, description="iterations of iterative")] = 50

    @model_validator(mode="after")
    def _complete(self) -> TuneParams:
        for name in ("tolerance", "duration", "at_most"):
            is_given = name in self.model_fields_set and getattr(self, name) != type(self).model_fields[name].default
            if is_given and self.method == "fixed_point":
                raise ValueError(f"{name} is of method iterative; fixed_point simulates nothing")
        return self


class NeuralMassParams(Params):
    """A brain of regions, each a model of a population, coupled through connectomes with delays."""

    model_config = ConfigDict(allow_inf_nan=False)

    model: Annotated[
        Path,
        model_file_by(model_file, read_model),
        Field(
            description="the name of a model that comes with the engine, or a file of your own such as ./mine.yaml",
            validate_default=True,
        ),
    ] = "montbrio_pazo_roxin"  # type: ignore[assignment]  # validated, as any value
    connectome: ConnectomeParams
    G: Annotated[
        Value, Field(description="global coupling: factor of every weight of couplings without a strength of their own")
    ] = 1.0
    parameters: Annotated[dict[str, Any], Field(description="of the model: one value, one a region, or by region and group")] = {}
    initial: Annotated[dict[str, Any], Field(description="states at time 0 and all along before it, as for parameters")] = {}
    history: Annotated[
        InputFile | None,
        Field(description="in place of initial: .npz of states before time 0, each (steps, regions), the last row at time 0"),
    ] = None
    couplings: Annotated[dict[str, LayerParams], Field(description="by name; else one for each coupling term of the model")] = {}
    short_delays: Annotated[
        Literal["refuse", "round"],
        Field(description="delays of less than half a step but more than 0: refuse them, or let them act at once"),
    ] = "refuse"
    vary: Annotated[list[str], Field(description="parameters of the model, or G, that come in over a port of their name")] = []
    stimuli: list[StimulusParams] = []
    changes: list[ChangeParams] = []
    tune: TuneParams | None = None
    outputs: Annotated[
        list[str] | None, Field(description="outputs and states of the model that become ports; else its outputs")
    ] = None
    monitors: Annotated[dict[str, AnyMonitor], Field(description="by port name: averages, BOLD, EEG and MEG of an output")] = {}
    external: Annotated[
        list[str | int], Field(description="regions simulated elsewhere; what they send comes in, their input goes out")
    ] = []
    only: Annotated[list[str | int], Field(description="regions simulated here; all others that project to them are external")] = []
    replicas: Annotated[int, Field(ge=1, description="copies of the brain, run side by side")] = 1
    sweep: Annotated[
        dict[str, Annotated[list[Any], Field(min_length=1)]],
        Field(description="parameters of the model, or G: a value for each replica"),
    ] = {}
    threads: Annotated[int, Field(ge=1, description="that share the replicas out")] = 1
    dt: Annotated[Duration, Field(gt=0, description="integration step")] = 100_000
    integrator: Annotated[Integrator, Field(description="the network term and inputs are held over the stages of a step")] = "heun"

    @property
    def description(self) -> RegionDescription:
        """The model, read."""
        return read_model(self.model)[0]

    @model_validator(mode="after")
    def _units(self, info: ValidationInfo) -> NeuralMassParams:
        values.check_units(self, from_file(info))
        return self
