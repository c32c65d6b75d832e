"""An engine around a user's model whose simulator is a page long: what the SDK does for such engines, without any simulator."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from cosim.sdk import (
    Duration,
    InputBinding,
    ModelEngine,
    ModelParams,
    OutputBinding,
    Setup,
    Simulator,
    Spikes,
    StepInput,
    StepOutput,
    Window,
    spikes_from_steps,
)

ADDERS, LONERS = f"{__file__}:Adders", f"{__file__}:Loners"

MODEL = """
from cosim.sdk import Params, Port, Space


class Sum(Params):
    cells: int = 3


def ports(args):
    space = Space.numbered(args.cells)
    return [
        Port("x", "in", "samples", space),
        Port("kicks", "in", "spikes", space),
        Port("sum", "out", "samples", space, dt_ns=1_000_000),
        Port("mean", "out", "samples", space, dt_ns=2_000_000, of="mean"),
        Port("spikes", "out", "spikes", space),
    ]


def build(args: Sum, seed, sim):
    inputs = {"x": sim.samples_in(args.cells), "kicks": sim.spikes_in(args.cells)}
    return {**inputs, "sum": sim.samples_out(), "mean": sim.samples_out(), "spikes": sim.spikes_out()}

"""


class AdderParams(ModelParams):
    dt: Annotated[Duration, Field(gt=0)] = 500_000


class Kicks(InputBinding):
    kind = "spikes"

    def __init__(self, channels: int) -> None:
        self.channels, self.kicks = channels, np.zeros((0, channels))

    def give(self, window: Window, payload: Spikes) -> None:
        self.kicks = np.zeros((window.steps(self.dt_ns), self.channels))
        np.add.at(self.kicks, (payload.steps(self.dt_ns), payload.channels), 1.0)


class Fired(OutputBinding):
    kind = "spikes"

    def __init__(self, channels: int) -> None:
        self.channels, self.steps, self.cells = channels, [], []

    def take(self, window: Window) -> Spikes:
        steps, cells, self.steps, self.cells = self.steps, self.cells, [], []
        return spikes_from_steps(window, self.dt_ns, steps, cells)


class Adders(ModelEngine):
    """Each cell adds what it is given; where the sum passes a whole number it spikes."""

    Params = AdderParams
    simulator: ClassVar[Simulator] = Simulator("Fractions", "fractions", "numpy", "none")

    def __init__(self, params: AdderParams, setup: Setup) -> None:
        self.simulator.load()
        self._dt_ns, self.total = params.dt, np.zeros(0)
        self.build_model(params, setup, self, params.dt)

    def samples_in(self, cells: int) -> StepInput:
        self.total, self.x = np.zeros(cells), StepInput(cells)
        return self.x

    def spikes_in(self, cells: int) -> Kicks:
        self.kicks = Kicks(cells)
        return self.kicks

    def samples_out(self) -> StepOutput:
        return StepOutput(len(self.total), lambda: self.total)

    def spikes_out(self) -> Fired:
        self.fired = Fired(len(self.total))
        return self.fired

    def step(self, window: Window) -> None:
        for k in range(window.steps(self._dt_ns)):
            before = np.floor(self.total)
            self.total = self.total + self.x.at(k) * 0.01
            if len(self.kicks.kicks):
                self.total = self.total + self.kicks.kicks[k]
            cells = np.flatnonzero(np.floor(self.total) > before)
            self.fired.cells += cells.tolist()
            self.fired.steps += [k] * len(cells)
            for name in ("sum", "mean"):
                self.outputs[name].sample()

    def save(self) -> dict[str, np.ndarray]:
        return {"total": self.total}

    def load(self, state: dict[str, np.ndarray]) -> None:
        self.total = state["total"]


class Loners(Adders):
    """The same, of a simulator that holds one model a process."""

    simulator: ClassVar[Simulator] = Simulator("Loner", "fractions", "numpy", "none", alone="Loner")
