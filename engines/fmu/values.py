"""Numbers on their way between payloads and an FMU: one call for all variables of a type."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, Payload, Samples
from engines.fmu.description import TYPES
from engines.fmu.ports import Connector


class Values:
    """The variables of one FMI type that are set, or read, in one call.

    Attributes
    ----------
    numbers
        (n,) of the FMI type: what ``move`` sets, or what it has read. The FMU is given the address of this array once.
    places
        For each port, its columns.
    """

    def __init__(self, fmu: Any, version: int, verb: str, function: str, those: Sequence[Connector], step_ns: int) -> None:
        variables = [variable for connector in those for variable in connector.variables]
        stops = np.cumsum([len(connector.port.space) for connector in those]).tolist()
        self.places = {
            connector.port.name: slice(start, stop) for connector, start, stop in zip(those, [0, *stops], stops, strict=False)
        }
        self.numbers = np.zeros(stops[-1], next(dtype for name, dtype in TYPES[version].values() if name == function))
        references = (ctypes.c_uint32 * len(variables))(*(variable.reference for variable in variables))
        shared = np.ctypeslib.as_ctypes(self.numbers)
        count = () if version == 2 else (len(self.numbers),)
        self.move = partial(
            getattr(fmu, f"fmi{version}{verb}{function}"), fmu.component, references, len(variables), shared, *count
        )
        self._ranges = {connector.port.name: np.array(connector.ranges) for connector in those}
        self._step_ns = step_ns

    def rows(self, inputs: Mapping[str, Payload], steps: int) -> NDArray[Any]:
        """(steps, n) of the FMI type: what arrives, a row a step.

        Raises
        ------
        CosimError
            A whole number, an enumeration or a Boolean is given a value that, rounded, it cannot have.
        """
        rows = np.empty((steps, len(self.numbers)), self.numbers.dtype)
        for name, place in self.places.items():
            payload = inputs[name]
            assert isinstance(payload, Samples)
            values = payload.refined(self._step_ns).values
            rows[:, place] = values if rows.dtype.kind == "f" else self._rounded(name, values)
        return rows

    def _rounded(self, port: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
        rounded = np.rint(values)
        low, high = self._ranges[port].T
        wrong = np.argwhere(~((low <= rounded) & (rounded <= high)))
        if len(wrong):
            step, channel = wrong[0]
            bounds = f"from {low[channel]:.15g} to {high[channel]:.15g}"
            raise CosimError(f"port {port!r} takes whole numbers {bounds}, and gets {values[step, channel]:.15g}")
        return rounded
