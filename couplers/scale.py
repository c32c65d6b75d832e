"""A sampled quantity becomes another one: factor, offset, limits, a new name and unit."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from cosim.sdk import CosimError, Params, Payload, Port, Samples


class ScaleParams(Params):
    factor: Annotated[float, Field(allow_inf_nan=False, description="new unit per old unit")] = 1.0
    offset: Annotated[float, Field(allow_inf_nan=False, description="added after the factor, in the new unit")] = 0.0
    low: Annotated[float | None, Field(allow_inf_nan=False, description="no less comes out, in the new unit")] = None
    high: Annotated[float | None, Field(allow_inf_nan=False, description="no more comes out, in the new unit")] = None
    quantity: Annotated[str | None, Field(description="what comes out; by default what went in")] = None
    unit: Annotated[str | None, Field(description="unit of what comes out; by default that of what went in")] = None

    @model_validator(mode="after")
    def _limits_are_in_order(self) -> ScaleParams:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low ({self.low}) is above high ({self.high})")
        return self


class Scale:
    """y = factor · x + offset, held within [low, high], under the name and unit given.

    ``unit`` renames, it does not convert: the factor carries the units, as in {factor: 0.2, quantity: current, unit: pA} for 0.2 pA
    per Hz. Exact and without memory: the mean goes as the formula, the variance as factor², group delay 0. Limits bias the mean
    wherever the values reach them. Source: the formula.
    """

    Params = ScaleParams
    place = "source"  # the size stays

    def __init__(self, source: Port, target: Port, params: ScaleParams) -> None:
        if source.kind != "samples":
            raise CosimError(
                f"scale takes samples, and {source.name!r} brings {source.describe()}",
                mend="make a rate of the spikes first: via: [{spikes_to_rate: {bin: 1 ms}}, …]",
            )
        self._params = params
        quantity = source.quantity if params.quantity is None else params.quantity
        self.port = source.but(quantity=quantity, unit=source.unit if params.unit is None else params.unit)
        self.state: dict[str, NDArray[Any]] = {}

    def translate(self, payload: Payload, rng: np.random.Generator) -> Samples:
        """Values (steps, channels) in the new unit."""
        assert isinstance(payload, Samples)
        values = payload.values * self._params.factor + self._params.offset
        if self._params.low is not None or self._params.high is not None:
            np.clip(values, self._params.low, self._params.high, out=values)
        return Samples(payload.window, values)
