"""What a MuJoCo model is driven with and what is read from it, row by row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.sdk import OutputBinding, Port, Samples, StepInput, Window


class Force(StepInput):
    """Rows of ``array`` that are driven; without a link they stay as the model has them."""

    def __init__(self, array: NDArray[np.float64], rows: Sequence[int]) -> None:
        self._shape = array[np.asarray(rows, np.intp)].shape
        super().__init__(math.prod(self._shape))
        self._array, self._driven = array, np.asarray(rows, np.intp)

    @property
    def each(self) -> int:
        """Steps over which a row is in force; 0 without a link."""
        return self._each if self.fed else 0

    def apply(self, step: int) -> None:
        if self.fed:
            self._array[self._driven] = self.at(step).reshape(self._shape)


class Rows(OutputBinding):
    """What ``read`` gives, a new array, every so many steps; ``early``: of the step that ends, before positions have moved on."""

    kind = "samples"

    def __init__(self, channels: int, read: Callable[[], ArrayLike], early: bool = False) -> None:
        self.channels, self._read, self._early = channels, read, early
        self._rows: list[NDArray[np.float64]] = []

    def bound(self, port: Port, dt_ns: int) -> None:
        super().bound(port, dt_ns)
        self.every = (port.dt_ns or dt_ns) // dt_ns

    def read_if(self, early: bool) -> None:
        if early == self._early:
            self._rows.append(np.asarray(self._read(), np.float64).reshape(1, self.channels))

    def take(self, window: Window) -> Samples:
        rows, self._rows = self._rows, []
        return Samples(window, rows[0] if len(rows) == 1 else np.concatenate(rows))
