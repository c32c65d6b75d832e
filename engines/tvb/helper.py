"""What a model of TVB makes its ports with."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.sdk import (
    CosimError,
    Setup,
    StepOutput,
)
from engines.tvb.bindings import External, Inflow, MonitorOut, Parameter, Stimulus
from engines.tvb.brain import Brain

Ints = NDArray[np.int64]


class TvbHelper:
    """What a model's ``build`` makes its ports with. Regions are told by labels, globs, slices, or by numbers; None: all."""

    _brain: Brain | None = None

    def __init__(self, module: ModuleType, setup: Setup) -> None:
        self._module, self._setup = module, setup

    @property
    def brain(self) -> Brain:
        if self._brain is None:
            raise CosimError("there is no TVB simulator yet", mend="first: sim.simulator(simulator.Simulator(…)), then the ports")
        return self._brain

    def simulator(self, simulator: Any) -> Any:
        """Take the model and configure it; it is given back. Before any port is made."""
        if self._brain is not None:
            raise CosimError("the model has a simulator already", mend="one in each engine; several engines of TVB fit one process")
        self._brain = Brain(simulator, self._setup)
        return simulator

    def external_in(self, regions: Any, variable: str) -> External:
        """A coupling variable of regions that are simulated elsewhere, in TVB's unit; a channel each region (and mode)."""
        brain, row = self.brain, self.brain.variable(variable)
        if row not in brain.tvb.model.cvar:
            told = ", ".join(brain.tvb.model.state_variables[i] for i in brain.tvb.model.cvar)
            raise CosimError(f"{variable} is not what regions of {brain.name} send to each other", mend=f"one of: {told}")
        return External(brain, brain.select(regions), row, self._setup)

    def inflow_out(self, regions: Any, term: int = 0) -> Inflow:
        """What ``regions`` receive from those simulated here: ``coupling[term]`` of the model's ``dfun``, ``lead_ns`` ahead."""
        return Inflow(self.brain, self.brain.select(regions), term, self._setup)

    def stimulus_in(self, regions: Any, variable: str) -> Stimulus:
        """Added to the derivative of ``variable``, in its unit per ms."""
        return Stimulus(self.brain, self.brain.select(regions), self.brain.variable(variable))

    def parameter_in(self, name: str, regions: Any = None) -> Parameter:
        """A parameter of the model, one value a region; where no link feeds it, it stays as it is."""
        return Parameter(self.brain, self.brain.select(regions), name, self._setup)

    def samples_out(self, variable: str, regions: Any = None) -> StepOutput:
        """A state variable; a channel each region (and mode)."""
        brain, row = self.brain, self.brain.variable(variable)
        entries = brain.entries(brain.select(regions))
        return StepOutput(len(entries), lambda: brain.state[row].reshape(-1)[entries])

    def monitor_out(self, monitor: Any) -> MonitorOut:
        """What a TVB monitor tells, at the step at which it does; channels as in its array, the last axis fastest."""
        afferent = isinstance(monitor, self._module.monitors.AfferentCoupling)
        return MonitorOut(self.brain, monitor, afferent)


def lead_ns(weights: ArrayLike, delays_ms: ArrayLike, dt_ns: int, external: Sequence[int]) -> int:
    """How far ahead ``inflow_out`` of the regions in ``external`` may speak: their shortest delay from a region simulated here.

    For ``ports(args)``: TVB is not imported. ``weights`` and ``delays_ms`` are (regions, regions), row = receiver.
    """
    outside = list(external)
    steps = np.rint(np.asarray(delays_ms) / (dt_ns / 1e6)).astype(np.int64)  # as TVB: a half goes to the even side
    into = np.asarray(weights)[outside] != 0
    into[:, outside] = False
    return int(steps[outside][into].min()) * dt_ns if into.any() else 0
