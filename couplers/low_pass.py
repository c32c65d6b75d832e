"""A first-order low-pass of any sampled quantity."""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cosim.sdk import CosimError, Duration, Params, Payload, Port, Samples
from cosim.sdk.units import parse


class LowPassParams(Params):
    tau: Annotated[Duration, Field(gt=0, description="time constant")]
    initial: Annotated[float | str, Field(description="where the filter starts: a quantity, or a number in the source's unit")] = (
        0.0
    )


class LowPass:
    """First-order low-pass of each channel: τ dy/dt = x - y, exact for an x held over the step that its row ends.

    y_k = y_{k-1} + (1 - e^{-dt/τ}) (x_k - y_{k-1}), the value at the step's end. No bias at rest (gain 1); it forgets ``initial``
    with e^{-t/τ}. Independent rows of variance σ² come out with σ² (1 - e^{-dt/τ}) / (1 + e^{-dt/τ}) ≈ σ² dt/(2τ). Group delay
    dt / (e^{dt/τ} - 1) ≈ τ - dt/2 behind the row's time, that is τ behind the middle of its step.

    References
    ----------
    Oppenheim and Willsky (1997), Signals and Systems, section 6.5.1; step-invariant discretisation.
    """

    Params = LowPassParams
    place = "source"

    def __init__(self, source: Port, target: Port, params: LowPassParams) -> None:
        if source.kind != "samples":
            raise CosimError(
                f"low_pass takes samples, and {source.name!r} brings {source.describe()}",
                mend="make a rate of the spikes first: via: [{spikes_to_rate: {bin: 1 ms}}, …]; its kernel exp filters, too",
            )
        if source.dt_ns is None:
            raise CosimError(
                f"low_pass does not know the step of {source.name!r}",
                mend="say it in the translator before: {spikes_to_rate: {bin: 1 ms}}",
            )
        initial = parse(params.initial, source.unit) if isinstance(params.initial, str) else params.initial
        self._gain = -math.expm1(-source.dt_ns / params.tau)
        self.port = source.but(of="value")
        self.state: dict[str, NDArray[Any]] = {"y": np.full(len(source.space), float(initial))}

    def translate(self, payload: Payload, rng: np.random.Generator) -> Samples:
        """The filter at each row's time, (steps, channels)."""
        assert isinstance(payload, Samples)
        out, y = np.empty_like(payload.values), self.state["y"]
        for k, x in enumerate(payload.values):  # row after row: how time is cut into frames changes no bit
            y = out[k] = y + self._gain * (x - y)
        self.state["y"] = out[-1].copy()
        return Samples(payload.window, out)
