"""The FMU engine: instantiated through FMPy, stepped with arrays that stay where they are."""

from __future__ import annotations

import ctypes
import logging
import shutil
import tempfile
import zipfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, Payload, Port, Samples, Setup, Simulator, Window, check_steps
from cosim.sdk.time import format_ns
from cosim.sdk.units import parse
from engines.fmu.description import TYPES, describe
from engines.fmu.ports import Connector, FmuParams, connectors, step_of
from engines.fmu.values import Values


class Fmu:
    """An FMU for co-simulation, FMI 2.0 or 3.0: each of its inputs and outputs that are numbers is a port.

    It goes in its communication step, whatever the window. A row that arrives is set before the step that ends at its time; a row
    that leaves is read after it. What no link feeds keeps its start value. Whole numbers, enumerations and Booleans are rounded,
    and refused out of their range. ``save`` raises a CosimError where the FMU cannot serialize its state.

    References
    ----------
    Modelica Association (2022), Functional Mock-up Interface Specification 3.0; (2014), 2.0.
    """

    Params = FmuParams
    simulator: ClassVar[Simulator] = Simulator(
        "FMPy", "fmpy", "fmpy", "fmi", can={"threads": "those of the FMU", "MPI": "no", "save": "where the FMU can"}
    )

    @classmethod
    def ports(cls, params: FmuParams) -> Sequence[Port]:
        return [connector.port for connector in connectors(params)]

    @classmethod
    def step_ns(cls, params: FmuParams) -> int:
        return step_of(params)

    def __init__(self, params: FmuParams, setup: Setup) -> None:
        self._fmpy = self.simulator.load()
        self._about, self._step_ns = describe(params.fmu), step_of(params)
        self._name, self._log, self._said = params.fmu.name, setup.log, deque[str](maxlen=12)
        check_steps(setup.window_ns, self._step_ns, f"the FMU {self._name}")
        self._fmu: Any = None
        self._running = False
        self._folder = Path(tempfile.mkdtemp(prefix="cosim-fmu-"))
        try:
            self._start(params)
        except Exception as error:
            self.close()
            raise error if isinstance(error, CosimError) else self._fault("does not start", error) from error
        self._do_step = self._stepper()
        found = connectors(params)
        self._inputs = [connector for connector in found if connector.port.direction == "in"]
        self._outputs = [connector for connector in found if connector.port.direction == "out"]
        self._fed: list[str] = []
        self._given: list[Values] = []
        self._taken = self._values("Get", self._outputs)
        setup.log.info("FMI %d, steps of %s", self._about.version, format_ns(self._step_ns))

    def advance(self, window: Window, inputs: Mapping[str, Payload]) -> Mapping[str, Payload]:
        if self._fed != list(inputs):
            self._fed = list(inputs)
            self._given = self._values("Set", [connector for connector in self._inputs if connector.port.name in inputs])
        steps, start_ns, step_ns, do_step = window.steps(self._step_ns), window.start_ns, self._step_ns, self._do_step
        given = [(values.numbers, values.rows(inputs, steps), values.move) for values in self._given]
        taken = [(values.numbers, np.empty((steps, len(values.numbers))), values.move) for values in self._taken]
        self._said.clear()
        try:
            for k in range(steps):
                for numbers, rows, move in given:
                    numbers[:] = rows[k]
                    move()
                do_step((start_ns + k * step_ns) / 1e9)
                for numbers, rows, move in taken:
                    move()
                    rows[k] = numbers
        except self._fmpy.fmi1.FMICallException as error:
            fault = self._fault(f"stops in the step from {format_ns(start_ns + k * step_ns)}", error)
            self._running = False  # FMI: after an error it may only be freed, after a fatal one not even that
            self._fmu = None if error.status > 3 else self._fmu
            raise fault from error
        return {
            name: Samples(window, np.ascontiguousarray(rows[:, place]))
            for values, (_, rows, _) in zip(self._taken, taken, strict=True)
            for name, place in values.places.items()
        }

    def save(self) -> dict[str, NDArray[Any]]:
        """The FMU's own serialized state."""
        self._check_restorable()
        state = self._fmu.getFMUState()
        serialized = self._fmu.serializeFMUState(state)
        self._fmu.freeFMUState(state)
        return {"fmu": np.frombuffer(serialized, np.uint8).copy()}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self._check_restorable()
        restored = self._fmu.deserializeFMUState(state["fmu"].tobytes())
        self._fmu.setFMUState(restored)
        self._fmu.freeFMUState(restored)

    def close(self) -> None:
        fmu, self._fmu = self._fmu, None
        if fmu is not None:
            with suppress(self._fmpy.fmi1.FMICallException):
                if self._running:
                    fmu.terminate()
            fmu.freeInstance()
        shutil.rmtree(self._folder, ignore_errors=True)

    # -- starting ------------------------------------------------------------------------------------------------------

    def _start(self, params: FmuParams) -> None:
        """Unpack, load, instantiate and initialize, at time 0."""
        from fmpy.simulation import instantiate_fmu

        version = self._about.version
        platform = self._fmpy.platform if version == 2 else self._fmpy.platform_tuple
        if platform not in self._about.platforms:
            raise CosimError(
                f"{self._name} has no program for {platform}",
                why=f"it has: {', '.join(self._about.platforms) or 'none'}",
                mend=f"export it for this platform, or, if it brings its C sources: fmpy compile {self._name}",
            )
        with zipfile.ZipFile(params.fmu) as archive:
            archive.extractall(self._folder)
        described = self._fmpy.read_model_description(str(params.fmu), validate=False)
        self._fmu = fmu = instantiate_fmu(str(self._folder), described, "CoSimulation", debug_logging=params.log, logger=self._hear)
        structural = [name for name in params.start if self._about.variables[name].causality == "structuralParameter"]
        if structural:
            fmu.enterConfigurationMode()
            self._set_start(params, structural)
            fmu.exitConfigurationMode()
        if version == 2:
            fmu.setupExperiment(tolerance=params.tolerance, startTime=0.0)
        self._set_start(params, [name for name in params.start if name not in structural])
        fmu.enterInitializationMode(*(() if version == 2 else (params.tolerance, 0.0)))
        fmu.exitInitializationMode()
        self._running = True

    def _set_start(self, params: FmuParams, names: Sequence[str]) -> None:
        for name in names:
            variable, given = self._about.variables[name], params.start[name]
            if variable.type == "String":
                self._fmu.setString([variable.reference], [str(given)])
                continue
            function, dtype = TYPES[self._about.version][variable.type]
            if isinstance(given, str):
                given = parse(given, variable.unit)
            numbers = np.ravel(np.asarray(given)).astype(dtype).tolist()
            getattr(self._fmu, f"set{function}")([variable.reference], numbers)

    def _stepper(self) -> Callable[[float], Any]:
        """Do one step from a time in s."""
        fmu, step, final = (
            self._fmu,
            self._step_ns / 1e9,
            not self._about.restorable,
        )  # final: no state before it is asked for again
        if self._about.version == 2:
            return lambda time: fmu.fmi2DoStep(fmu.component, time, step, final)
        event, ends, early, reached = ctypes.c_bool(), ctypes.c_bool(), ctypes.c_bool(), ctypes.c_double()
        told = [ctypes.byref(flag) for flag in (event, ends, early, reached)]

        def do_step(time: float) -> None:
            fmu.fmi3DoStep(fmu.component, time, step, final, *told)
            if ends.value or early.value:
                raise CosimError(
                    f"the FMU {self._name} {'asks to end the run' if ends.value else 'returned early'} at {reached.value:g} s",
                    why="; ".join(self._said),
                )

        return do_step

    def _values(self, verb: str, those: Sequence[Connector]) -> list[Values]:
        """One call for each type among the variables of ``those``."""
        version = self._about.version
        calls: dict[str, list[Connector]] = {}
        for connector in those:
            calls.setdefault(TYPES[version][connector.variables[0].type][0], []).append(connector)
        return [Values(self._fmu, version, verb, function, members, self._step_ns) for function, members in calls.items()]

    # -- telling -------------------------------------------------------------------------------------------------------

    def _hear(self, *said: Any) -> None:
        """FMI's log callback: (environment, instance in FMI 2, status, category, message)."""
        status, message = said[-3], (said[-1] or b"").decode("utf-8", "replace").strip()
        self._said.append(message)
        self._log.log(logging.INFO if status == 0 else logging.WARNING, "%s: %s", self._name, message)

    def _fault(self, what: str, error: Exception) -> CosimError:
        why = "; ".join([str(error), *self._said])
        with suppress(Exception):  # FMI 2 tells how far a discarded step came
            if getattr(error, "status", 0) == 2 and self._about.version == 2:
                why += f"; it came to {self._fmu.getRealStatus(2):g} s"
        mend = "step: a shorter one" if getattr(error, "status", 0) == 2 else ""
        return CosimError(f"the FMU {self._name} {what}", why=why, mend=mend)

    def _check_restorable(self) -> None:
        if not self._about.restorable:
            raise CosimError(
                f"the FMU {self._name} cannot save its state",
                why="its modelDescription.xml does not state canGetAndSetFMUState and canSerializeFMUState",
                mend="run it without checkpoints and outside of iterate groups",
            )
