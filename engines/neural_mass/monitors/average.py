"""Temporal average: the mean of an output over stretches of time."""

from __future__ import annotations

import logging
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cosim.sdk import Duration, Params, Port
from engines.neural_mass.monitors.monitor import Floats, Taken, mean_of, refuse_uneven_window, steps_of


class AverageParams(Params):
    """The mean of an output over the steps of every stretch of time."""

    role: ClassVar[str] = "firing_rate"

    kind: Literal["average"]
    of: Annotated[str | None, Field(description="an output or a state of the model; else its firing rate")] = None
    every: Annotated[Duration, Field(gt=0, description="a whole number of steps, of which a window is a whole number")] = 1_000_000

    def port(self, name: str, taken: Taken) -> Port:
        steps_of(name, "every", self.every, taken.dt_ns)
        return Port(name, "out", "samples", taken.space, taken.output.quantity, taken.output.unit, of="mean", dt_ns=self.every)

    def build(self, name: str, taken: Taken, window_ns: int, log: logging.Logger) -> Average:
        refuse_uneven_window(name, "every", self.every, window_ns)
        return Average(steps_of(name, "every", self.every, taken.dt_ns))


class Average:
    """mean[k] = sum of the rows of stretch k / their number, in the order of time."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self.state: dict[str, NDArray[np.float64]] = {}

    def take(self, rows: Floats) -> Floats:
        return mean_of(rows, self._steps)
