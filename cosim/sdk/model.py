"""A model that the user has built in a simulator: ``model: column.py:build``.

The file says which ports the model has, without importing the simulator, and builds it with an engine's helper:

    def ports(args):
        return [Port("drive", "in", "spikes", Space.numbered(10)), Port("spikes", "out", "spikes", Space.numbered(100))]

    def build(args: Column, seed, sim):
        ...
        return {"drive": sim.spikes_in(cells), "spikes": sim.spikes_out(cells)}

What ``sim``'s methods return are bindings: each brings one port's payloads to the simulator or takes them out of it.
"""

from __future__ import annotations

import inspect
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import (
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from cosim.sdk.engine import Params, Setup
from cosim.sdk.errors import CosimError, did_you_mean
from cosim.sdk.loading import load_file, load_module
from cosim.sdk.payload import Payload, Samples, Spikes
from cosim.sdk.port import Port
from cosim.sdk.simulator import Simulator
from cosim.sdk.time import Window, format_ns, nearest_multiples
from cosim.sdk.units import told


class ModelFunction:
    """The user's function, by where it stands: ``column.py:build`` (``build`` unless given) or ``package.module:function``."""

    def __init__(self, text: str, folder: Path) -> None:
        self.file, _, name = text.partition(":")
        self.text, self.name = text, name or "build"
        if self.file.endswith(".py"):
            self.module: ModuleType = load_file((folder / Path(self.file).expanduser()).resolve(), text)
        elif "/" in self.file:
            raise CosimError(f"{text!r} names no Python file", mend=f"{self.file}.py:{self.name}")
        else:
            self.module = load_module(self.file, text)
        self.function: Callable[..., Any] = self._find(self.name)
        self.args_type = self._args_type()

    def ports(self, args: Any) -> list[Port]:
        """What the file's ``ports(args)`` declares."""
        declare = self._find("ports")
        try:
            returned = declare(args)
        except CosimError:
            raise
        except Exception as error:  # the user's code may raise anything
            raise self._ports_fault(error) from error
        declared = list(returned) if isinstance(returned, Iterable) else None
        strange = [returned] if declared is None else [port for port in declared if not isinstance(port, Port)]
        if declared is None or strange:
            raise CosimError(f"ports() of {self.file} returns {type(strange[0]).__name__}", mend="a list of cosim.sdk.Port")
        return declared

    def _ports_fault(self, error: Exception) -> CosimError:
        """What the file's ``ports`` raised, with its own line there, and the two slips that are easily made."""
        frames = traceback.extract_tb(error.__traceback__)
        frame = next((f for f in reversed(frames) if f.filename == self.module.__file__), frames[-1])
        mend = ""
        if isinstance(error, ModuleNotFoundError):
            mend = "import the simulator inside build(): ports() does without"
        elif isinstance(error, AttributeError) and self.args_type is Params:
            mend = f"name the class of the arguments: def {self.name}(args: MyParams, seed, sim), with class MyParams(Params)"
        what = f"ports() of {self.file} raised {type(error).__name__}"
        return CosimError(what, why=f"{frame.filename}:{frame.lineno}: {error}", mend=mend)

    def _find(self, name: str) -> Callable[..., Any]:
        found = getattr(self.module, name, None)
        if callable(found):
            return found  # type: ignore[no-any-return]
        known = [n for n, v in vars(self.module).items() if inspect.isfunction(v) and v.__module__ == self.module.__name__]
        raise CosimError(f"{self.file} has no function {name!r}", mend=did_you_mean(name, known))

    def _args_type(self) -> type[Params]:
        """The class of the function's first parameter, as annotated; one without fields where there is none."""
        first = next(iter(inspect.signature(self.function).parameters.values()), None)
        said = first.annotation if first is not None else None
        found = vars(self.module).get(said) if isinstance(said, str) else said
        if isinstance(said, str) and found is None:
            raise CosimError(
                f"{self.name}({first}, …): {said!r} is not in the file", mend="import or define the class of the arguments"
            )
        return found if isinstance(found, type) and issubclass(found, Params) else Params

    def __str__(self) -> str:
        return self.text

    # -- how pydantic reads it from a scenario ---------------------------------------------------------------------

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            cls._read, serialization=core_schema.plain_serializer_function_ser_schema(lambda value: value)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "examples": ["model.py:build"]}

    @classmethod
    def _read(cls, value: Any, info: ValidationInfo) -> ModelFunction:
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise ValueError("the model is named as file.py:function, such as 'column.py:build'")
        found: ModelFunction = told(lambda: cls(value, Path((info.context or {}).get("folder", "."))))
        return found


class ModelParams(Params):
    """What every engine around a user's model takes."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    model: Annotated[ModelFunction, Field(description="file.py:function beside the scenario, or package.module:function")]
    args: Annotated[Any, Field(validate_default=True, description="the function's own parameters, typed by its annotation")] = {}

    @field_validator("args", mode="after")
    @classmethod
    def _typed(cls, value: Any, info: ValidationInfo) -> Any:
        model = info.data.get("model")
        if model is None or isinstance(value, model.args_type):
            return value
        try:
            return model.args_type.model_validate(value, context=info.context)
        except ValidationError as error:
            raise _with_known_keys(error, model.args_type) from None


def _with_known_keys(error: ValidationError, args_type: type[Params]) -> ValidationError:
    """The same faults; one of an unknown key says which keys there are, for nobody else knows the type."""
    told: list[InitErrorDetails] = []
    for line in error.errors(include_url=False):
        kind, context = line["type"], {**line.get("ctx", {}), "message": line["msg"]}
        if kind == "extra_forbidden" and len(line["loc"]) == 1:
            mend = did_you_mean(str(line["loc"][0]), args_type.model_fields)
            kind, context = "cosim", {"message": line["msg"], "what": f"unknown key {line['loc'][0]!r}", "why": "", "mend": mend}
        told.append({"type": PydanticCustomError(kind, "{message}", context), "loc": line["loc"], "input": line["input"]})
    return ValidationError.from_exception_data(error.title, told)


# -- bindings: what a helper's methods return --------------------------------------------------------------------------


class Binding(ABC):
    """One port of a model, joined to the simulator.

    Attributes
    ----------
    kind, channels
        What the simulator's side carries; held against the port that was declared.
    port, dt_ns
        Set when the model is bound: the port (an input: as it will arrive), and the engine's step.
    """

    direction: ClassVar[Literal["in", "out"]]
    kind: Literal["spikes", "samples"]
    channels: int
    port: Port
    dt_ns: int

    def bound(self, port: Port, dt_ns: int) -> None:
        """Called once, before the first window."""
        self.port, self.dt_ns = port, dt_ns


class InputBinding(Binding):
    """Brings what arrives to the simulator."""

    direction = "in"

    @abstractmethod
    def give(self, window: Window, payload: Any) -> None:
        """Before the simulator goes through ``window``. Not called in windows of an input that no link feeds."""


class OutputBinding(Binding):
    """Takes what the simulator says."""

    direction = "out"

    @abstractmethod
    def take(self, window: Window) -> Payload:
        """After the simulator has gone through ``window``."""


class StepInput(InputBinding):
    """Samples that a simulator reads step by step: ``at(step)`` is the row in force, (channels,) float64; 0 without a link.

    Attributes
    ----------
    fed
        Whether anything has arrived: false in a run without a link to the port.
    """

    kind = "samples"
    fed = False

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self._rows: NDArray[np.float64] = np.zeros((1, channels))
        self._each = 1

    def give(self, window: Window, payload: Samples) -> None:
        self._rows, self._each, self.fed = payload.values, payload.dt_ns // self.dt_ns, True

    def at(self, step: int) -> NDArray[np.float64]:
        """The row in force over ``step`` of the window, counted from 0; only to be read."""
        row: NDArray[np.float64] = self._rows[min(step // self._each, len(self._rows) - 1)]
        return row


class StepOutput(OutputBinding):
    """Samples read from a simulator: the engine calls ``sample()`` after every step.

    A port of ``mean`` values gets the mean over its step, one of ``value`` the value at its end.
    """

    kind = "samples"

    def __init__(self, channels: int, read: Callable[[], ArrayLike]) -> None:
        self.channels, self._read = channels, read
        self._rows: list[NDArray[np.float64]] = []
        self._steps = 0

    def bound(self, port: Port, dt_ns: int) -> None:
        super().bound(port, dt_ns)
        assert port.dt_ns is not None
        self._every, self._sums = port.dt_ns // dt_ns, port.of == "mean"
        self._sum = np.zeros(self.channels)

    def sample(self) -> None:
        """The simulator stands at the end of a step."""
        self._steps += 1
        full = self._steps % self._every == 0
        if self._sums:
            self._sum += np.asarray(self._read(), np.float64).reshape(self.channels)
            if full:
                self._rows.append(self._sum / self._every)
                self._sum = np.zeros(self.channels)
        elif full:
            self._rows.append(np.array(self._read(), np.float64).reshape(self.channels))

    def take(self, window: Window) -> Samples:
        rows, self._rows = self._rows, []
        return Samples(window, np.array(rows))


# -- the engine around a model -------------------------------------------------------------------------------------------


class ModelEngine:
    """What engines around a user's model share: ports from the model's file, bindings held against them, one window's course.

    A subclass loads its simulator (``self.simulator.load()``) and calls ``build_model`` in ``__init__``, steps it in ``step``.
    """

    Params: ClassVar[type[ModelParams]]
    simulator: ClassVar[Simulator]

    inputs: dict[str, Any]
    outputs: dict[str, Any]

    @classmethod
    def ports(cls, params: Any) -> Sequence[Port]:
        return params.model.ports(params.args)  # type: ignore[no-any-return]

    @classmethod
    def step_ns(cls, params: Any) -> int | None:
        """The simulator's step, where the parameters say it: windows are held against it before anything is built."""
        return getattr(params, "dt", None)

    def build_model(self, params: Any, setup: Setup, helper: Any, dt_ns: int) -> None:
        """Call the user's function with its arguments, the seed and ``helper``; keep its bindings as ``inputs`` and ``outputs``."""
        check_steps(setup.window_ns, dt_ns, f"the {self.simulator.name} model {params.model}")
        returned = params.model.function(params.args, setup.seed, helper)
        self.bind(params, setup, returned, dt_ns)

    def bind(self, params: Any, setup: Setup, returned: Any, dt_ns: int) -> None:
        """Hold bindings, by port name, against the declared ports; ``inputs`` and ``outputs`` are then ready."""
        declared = {port.name: port for port in self.ports(params)}
        check_bindings(str(params.model), declared, returned)
        self.inputs = {name: found for name, found in returned.items() if found.direction == "in"}
        self.outputs = {name: found for name, found in returned.items() if found.direction == "out"}
        for name, port in declared.items():
            arriving = setup.inputs.get(name, port) if port.direction == "in" else port.but(dt_ns=port.dt_ns or setup.window_ns)
            if arriving.kind == "samples" and arriving.dt_ns and arriving.dt_ns % dt_ns:
                comes = "what arrives has" if port.direction == "in" else "it has"
                step, asked = format_ns(dt_ns), f"in ports(): Port({name!r}, …, dt_ns={dt_ns})"
                raise CosimError(
                    f"port {name!r}: {comes} a step of {format_ns(arriving.dt_ns)}, and the model's is {step}",
                    why=f"{format_ns(arriving.dt_ns)} is not a whole number of {step}",
                    mend=asked if port.direction == "out" else f"on the link: via: [{{resample: {{dt: {step}}}}}]; or {asked}",
                )
            returned[name].bound(arriving, dt_ns)

    def advance(self, window: Window, inputs: Mapping[str, Payload]) -> dict[str, Payload]:
        for name, payload in inputs.items():
            self.inputs[name].give(window, payload)
        self.step(window)
        return {name: output.take(window) for name, output in self.outputs.items()}

    def step(self, window: Window) -> None:
        """Move the simulator from the window's start to its stop."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is held unless a subclass says so."""


def check_steps(window_ns: int, dt_ns: int, whose: str) -> None:
    """A CosimError that names the windows that fit, where ``dt_ns`` does not fill ``window_ns``."""
    if window_ns % dt_ns:
        raise CosimError(
            f"a window of {format_ns(window_ns)} is not a whole number of the {format_ns(dt_ns)} steps of {whose}",
            mend=f"window: a multiple of {format_ns(dt_ns)}; nearest: {nearest_multiples(window_ns, dt_ns)}",
        )


def check_bindings(model: str, declared: Mapping[str, Port], returned: Any) -> None:
    """That what a build function returned is a mapping of one fitting binding for each declared port."""
    if not isinstance(returned, Mapping):
        raise CosimError(
            f"{model} returned {type(returned).__name__}", mend="return bindings by port name: {'spikes': sim.spikes_out(cells)}"
        )
    told = f"ports() declares {', '.join(declared) or 'none'}; {model} returned {', '.join(map(str, returned)) or 'none'}"
    for name in [name for name in returned if name not in declared]:
        raise CosimError(f"the model has no port {name!r}", why=told, mend=did_you_mean(str(name), declared))
    for name, port in declared.items():
        if name not in returned:
            raise CosimError(f"{model} does not return port {name!r}", why=told, mend=f"add {name!r} to what it returns")
        found = returned[name]
        if not isinstance(found, Binding):
            raise CosimError(
                f"{model} returned {type(found).__name__} for port {name!r}",
                mend="return what a method of sim gives, such as sim.spikes_out(…)",
            )
        if (found.direction, found.kind) != (port.direction, port.kind):
            raise CosimError(
                f"port {name!r} is declared as {port.kind} {port.direction}, and {model} bound {found.kind} {found.direction}",
                mend="declare it as what it is, or bind it with the other method",
            )
        if found.channels != len(port.space):
            raise CosimError(
                f"port {name!r} is declared with {len(port.space)} channels, and {model} bound {found.channels}",
                mend="in ports() give its Space as many labels as the model has cells there",
            )


def spikes_from_steps(window: Window, dt_ns: int, steps: ArrayLike, channels: ArrayLike) -> Spikes:
    """Events told by the step in which they happened, counted from 0: each stands at the end of its step."""
    times_ns = window.start_ns + (np.asarray(steps, np.int64) + 1) * dt_ns
    return Spikes.sorted(window, times_ns, np.asarray(channels, np.int32))
