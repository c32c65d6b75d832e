"""The Virtual Brain: a brain of delayed regions, some of which may be simulated elsewhere."""

from __future__ import annotations

import logging.config
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any, ClassVar
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import (
    ModelEngine,
    ModelParams,
    Setup,
    Simulator,
    Window,
    check_steps,
    numpy_seeded,
)
from engines.tvb.bindings import MonitorOut
from engines.tvb.helper import TvbHelper
from engines.tvb.ways import restore, saved

Ints = NDArray[np.int64]


class QuietSimulator(Simulator):
    """TVB 2.10 gives the whole process new log handlers when it is imported, and says much; here only its errors are heard."""

    def load(self) -> ModuleType:
        if "tvb.basic.logger.builder" in sys.modules:  # somebody has TVB already, as they like it
            return super().load()
        for name in ("tvb", "numexpr"):
            logging.getLogger(name).setLevel(logging.ERROR)
        with mock.patch("logging.config.fileConfig"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return super().load()


class Tvb(ModelEngine):
    """A simulator of The Virtual Brain; ``build(args, seed, sim)`` hands it to ``sim.simulator(…)``, which configures it.

    The engine makes TVB's own steps, one by one, so that results are TVB's, bit for bit. A row that arrives is in force over the
    step that ends at its time; a row that leaves is the state at its time. Time 0 is the last row of the initial history.

    ``sim`` offers ``samples_out(variable, regions)`` and ``monitor_out(monitor)``; ``stimulus_in(regions, variable)`` adds to a
    derivative, per ms, and ``parameter_in(name, regions)`` sets a parameter. Regions of ``external_in(regions, variable)`` are
    simulated elsewhere: links bring their coupling variable, over any whole delay up to that of each connection and one step, and
    what is left of the connection's is waited here, so that a brain that is cut agrees with the whole one bit for bit.
    ``inflow_out(regions)`` tells what they receive from here, ahead by the port's ``lead_ns``, which may be as much as their
    shortest connection takes: the row that ends at e is TVB's coupling term, after its post function, for the step that ends at
    e + lead. What external regions receive from each other is left out: link them directly.

    References
    ----------
    Sanz Leon et al. (2013), Front Neuroinform 7, 10.
    """

    Params = ModelParams
    simulator: ClassVar[Simulator] = QuietSimulator(
        "TVB", "tvb.simulator.simulator", "tvb-library", "tvb", can={"threads": "no", "MPI": "no", "save": "yes, with its noise"}
    )

    def __init__(self, params: ModelParams, setup: Setup) -> None:
        helper = TvbHelper(self.simulator.load(), setup)
        with numpy_seeded(setup.seed):
            returned = params.model.function(params.args, setup.seed, helper)
        brain = self._brain = helper.brain
        check_steps(setup.window_ns, brain.dt_ns, f"the TVB model {params.model}")
        self.bind(params, setup, returned, brain.dt_ns)
        brain.wire()
        self._fed = [binding for name, binding in self.inputs.items() if name in setup.inputs]
        setup.log.info(
            "%d regions, %d connections, %d regions external, delays up to %g ms",
            len(brain.space), np.count_nonzero(brain.weighted), brain.external.sum(), brain.delays.max() * brain.dt_ns / 1e6,
        )  # fmt: skip

    def step(self, window: Window) -> None:
        brain, outputs = self._brain, list(self.outputs.values())
        steps = window.steps(brain.dt_ns)
        brain.open_window(steps)
        for k in range(steps):
            brain.begin_step()
            for binding in self._fed:
                binding.apply(k)
            brain.make_step()
            for output in outputs:
                output.sample()

    def save(self) -> dict[str, NDArray[Any]]:
        """The state, the past as far as the longest delay, what monitors have gathered, where the noise stands."""
        brain = self._brain
        state = {"step": np.array(brain.step), "state": brain.state.copy(), "held": brain.held.copy(), "ring": brain.ring.save()}
        for key, thing in self._lasting():
            state |= {f"{key}.{name}": value for name, value in saved(thing).items()}
        return state

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        brain = self._brain
        brain.step = int(state["step"])
        brain.state, brain.held[:] = state["state"].copy(), state["held"]
        brain.ring.load(state["ring"])
        for key, thing in self._lasting():
            restore(thing, {name.removeprefix(f"{key}."): v for name, v in state.items() if name.startswith(f"{key}.")})

    def _lasting(self) -> Iterator[tuple[str, Any]]:
        """All that changes as TVB runs, but for its state."""
        noise = getattr(self._brain.tvb.integrator, "noise", None)
        if noise is not None:
            yield "noise", noise
        for name, output in self.outputs.items():
            if isinstance(output, MonitorOut):
                yield f"{name}.latest", output
                yield f"{name}.monitor", output.monitor
                if getattr(output.monitor, "obsnoise", None) is not None:
                    yield f"{name}.obsnoise", output.monitor.obsnoise
