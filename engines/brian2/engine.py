"""The engine: a Brian2 network that is prepared once and then goes step by step."""

from __future__ import annotations

import gc
import tempfile
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cosim.sdk import CosimError, Duration, ModelEngine, ModelParams, Setup, Simulator, Window, format_ns
from engines.brian2.helper import Brian2Helper
from engines.brian2.process import Turn, load_quietly, model_of_its_own, refuse_standalone


class Brian2Params(ModelParams):
    dt: Annotated[Duration, Field(gt=0, description="the step of Brian2's defaultclock")] = 100_000
    codegen: Annotated[
        Literal["numpy", "cython"],
        Field(description="numpy starts at once; cython is faster, needs a C++ compiler, and compiles once, some 2 s an object"),
    ] = "numpy"


class Brian2(ModelEngine):
    """A Brian2 network; ``build(args, seed, sim)`` makes its objects, hands them to ``sim.add`` and says what its ports are.

    Step k of a window covers (start + k dt, start + (k + 1) dt]. Brian2 stamps what happens in it with its beginning, cosim with
    its end. A spike that arrives is one of a ``SpikeGeneratorGroup`` in the step in which it falls. A row that arrives is written
    before the first step in which it is in force; a row that leaves is what the variable holds when its last step is done.

    ``Network.run`` prepares the objects anew at every call, which takes some 50 ms. So it is called once, for 0 s, and the engine
    then goes through the steps as it would: no thread is needed to meet it on its way.

    References
    ----------
    Stimberg, Brette and Goodman (2019), eLife 8, e47314.
    """

    Params = Brian2Params
    simulator: ClassVar[Simulator] = Simulator(
        "Brian2", "brian2", "brian2", "brian2", can={"threads": "one", "MPI": "no", "save": "yes, but for Python variables"}
    )

    def __init__(self, params: Brian2Params, setup: Setup) -> None:
        brian2 = load_quietly(self.simulator)
        self._dt_ns, self._turn = params.dt, Turn(brian2, setup)
        self._turn.take()
        with model_of_its_own(brian2, params.dt, params.codegen) as self._clock:
            self._helper = helper = Brian2Helper(brian2)
            try:
                self.build_model(params, setup, helper, params.dt)
            finally:
                refuse_standalone(brian2, str(params.model))
            self._check_clock(params)
            self._network = helper.network
            if params.codegen == "cython":
                setup.log.info("compiling what is not in cython's cache: some 2 s for each of %d objects", len(self._network))
            self._network.run(0 * brian2.second, namespace=helper.namespace)
        helper.namespace = {}
        gc.collect()  # Brian2 now warns of objects that were made and not handed over
        self._objects = [found for found in self._network.sorted_objects if found.active]
        self._clocks = {clock: self._steps_of(clock) for clock in [self._clock, *(found.clock for found in self._objects)]}
        self._plans: dict[tuple[bool, ...], tuple[list[Any], list[Any]]] = {}

    def _check_clock(self, params: Brian2Params) -> None:
        if (dt_ns := round(self._clock.dt_ * 1e9)) != params.dt:
            raise CosimError(
                f"{params.model} sets defaultclock.dt to {format_ns(dt_ns)}, and the engine's dt is {format_ns(params.dt)}",
                mend=f"leave it out of the model; in the scenario: dt: {format_ns(dt_ns)}",
            )

    def _steps_of(self, clock: Any) -> int:
        """How many steps of the engine one of ``clock`` takes."""
        dt_ns = round(clock.dt_ * 1e9)
        if dt_ns % self._dt_ns:
            raise CosimError(
                f"{clock.name} has a step of {format_ns(dt_ns)}, and the engine's is {format_ns(self._dt_ns)}",
                why="an object may have a step of its own that is a whole number of the engine's",
                mend="in the scenario: dt: the shortest of all",
            )
        return int(dt_ns // self._dt_ns)

    def step(self, window: Window) -> None:
        self._turn.take()
        helper, inputs, outputs = self._helper, self.inputs.values(), self.outputs.values()
        for helper.step in range(window.steps(self._dt_ns)):
            for each in inputs:
                each.act(helper.step)
            runs, ticks = self._due()
            for run in runs:
                run()
            for count, time, dt in ticks:
                count[0] += 1
                time[0] = count[0] * dt[0]
            for output in outputs:
                output.sample()
        self._network.t_ = float(self._clock.variables["t"].get_value()[0])

    def _due(self) -> tuple[list[Any], list[Any]]:
        """What runs in this step, in Brian2's order, and (count, time, dt) of the clocks that tick at its end."""
        count = self._helper.count = int(self._clock.variables["timestep"].get_value()[0])
        due = tuple([count % steps == 0 for steps in self._clocks.values()])
        if due not in self._plans:
            clocks = [clock for clock, now in zip(self._clocks, due, strict=True) if now]
            ticks = [tuple(clock.variables[name].get_value() for name in ("timestep", "t", "dt")) for clock in clocks]
            self._plans[due] = [found.run for found in self._objects if found.clock in clocks], ticks
        return self._plans[due]

    def save(self) -> dict[str, NDArray[Any]]:
        """What ``Network.store`` keeps, spikes under way included, and the random numbers."""
        self._turn.take()
        with tempfile.TemporaryDirectory() as folder:
            self._network.store(filename=f"{folder}/state")
            network = Path(folder, "state").read_bytes()
        return {"network": np.frombuffer(network, np.uint8), "random": np.frombuffer(self._turn.save(), np.uint8)}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self._turn.take()
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "state").write_bytes(state["network"].tobytes())
            self._network.restore(filename=f"{folder}/state")
        self._clock.set_interval(self._network.t, self._network.t)  # where no object runs on it, it is not restored
        self._turn.load(state["random"].tobytes())

    def close(self) -> None:
        self._turn.end()
