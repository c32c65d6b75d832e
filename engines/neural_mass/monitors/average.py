"""Temporal average: the mean of an output over stretches of time."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cosim.sdk import Duration, Params, Port, Space
from engines.neural_mass.monitors.monitor import Floats, Output, refuse_misfit


class AverageParams(Params):
    """The mean of an output over the steps of every stretch of time."""

    kind: Literal["average"]
    of: Annotated[str | None, Field(description="an output or a state of the model; else its firing rate")] = None
    every: Annotated[Duration, Field(gt=0, description="a whole number of steps, that fits into the window")] = 1_000_000

    role: Literal["firing_rate"] = Field("firing_rate", exclude=True, repr=False)

    def port(self, name: str, output: Output, space: Space, dt_ns: int) -> Port:
        refuse_misfit(name, self.every, dt_ns)
        return Port(name, "out", "samples", space, output.quantity, output.unit, of="mean", dt_ns=self.every)

    def build(self, dt_ns: int, regions: int, replicas: int) -> Average:
        return Average(self.every // dt_ns)


class Average:
    """mean[k] = sum of the rows of stretch k / their number, in the order of time."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self.state: dict[str, NDArray[np.float64]] = {}

    def take(self, rows: Floats) -> Floats:
        stretches = rows.reshape(-1, self._steps, rows.shape[1])
        total = stretches[:, 0].copy()
        for k in range(1, self._steps):
            total += stretches[:, k]
        return np.asarray(total / self._steps)
