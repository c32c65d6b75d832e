"""Spikes become firing rates: counts in bins, or a causal exponential filter."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from cosim.sdk import CosimError, Duration, Params, Payload, Port, Samples, Space, Spikes, Unit, format_ns


class SpikesToRateParams(Params):
    kernel: Annotated[
        Literal["bin", "exp"], Field(description="bin: count in bins; exp: causal exponential filter, read at the bins' ends")
    ] = "bin"
    bin: Annotated[
        Duration | None, Field(gt=0, description="step of the rate; by default the link's interval, which it must divide")
    ] = None
    tau: Annotated[Duration | None, Field(gt=0, description="time constant of the exponential filter")] = None
    pool: Annotated[
        Literal["auto", "channel", "all"],
        Field(
            description="channel: a rate each; all: the mean over all selected cells; auto: all where the target has one channel"
        ),
    ] = "auto"
    initial: Annotated[
        float, Unit("Hz"), Field(ge=0, allow_inf_nan=False, description="rate at which the exponential filter starts")
    ] = 0.0

    @model_validator(mode="after")
    def _tau_belongs_to_exp(self) -> SpikesToRateParams:
        if self.kernel == "exp" and self.tau is None:
            raise ValueError("kernel exp needs a time constant, such as tau: 10 ms")
        if self.kernel == "bin" and (self.tau is not None or self.initial):
            raise ValueError("tau and initial belong to kernel exp; kernel bin has no memory")
        return self


class SpikesToRate:
    """Mean firing rate per cell, in Hz, of every channel or of all N selected cells together (``pool``; else N = 1).

    ``bin``: rate = n / (N T), n spikes in the bin (t - T, t], a mean over it. Unbiased; for Poisson spikes of rate r its standard
    deviation is √(r / (N T)); group delay T/2. A spike at a bin's stop belongs to the bin, one at its start to the bin before.

    ``exp``: τ dr/dt = -r + Σ δ(t - t_spike) / N, read at the bins' ends. Exact: each spike decays from its own time, whatever the
    bin. Unbiased once exp(-t/τ) has passed, or from the start if ``initial`` is the true rate (else it ramps up from ``initial``);
    standard deviation √(r / (2 N τ)); group delay τ.

    Such noise of a finite N acts as drive on what receives it, and can kick a bistable target over.

    References
    ----------
    Dayan and Abbott (2001), Theoretical Neuroscience, section 1.2; the deviations are Campbell's theorem for shot noise.
    """

    Params = SpikesToRateParams
    place = "source"  # a few numbers replace many spikes

    def __init__(self, source: Port, target: Port, params: SpikesToRateParams) -> None:
        if source.kind != "spikes":
            raise CosimError(
                f"spikes_to_rate takes spikes, and {source.name!r} brings {source.describe()}",
                mend="for samples there are low_pass, resample, scale and project",
            )
        if params.bin is not None and source.dt_ns is not None and source.dt_ns % params.bin:
            step, interval = format_ns(params.bin), format_ns(source.dt_ns)
            raise CosimError(
                f"bins of {step} do not fill the link's interval of {interval}",
                why="each frame is translated when it is there, so that no bin may reach into the next",
                mend=f"choose a bin that divides {interval}, or an interval that is a multiple of {step}",
            )
        self._pooled = params.pool == "all" or (params.pool == "auto" and len(target.space) == 1 and len(source.space) > 1)
        self._cells = len(source.space) if self._pooled else 1
        self._bin_ns, self._tau_ns = params.bin or source.dt_ns, params.tau
        space = source.space
        if self._pooled:
            space = target.space if len(target.space) == 1 else Space(("mean",))
        of = "mean" if params.kernel == "bin" else "value"
        self.port = source.but(
            kind="samples", quantity="firing_rate", unit="Hz", of=of, dt_ns=self._bin_ns, space=space, allow_nan=False
        )
        self.state: dict[str, NDArray[Any]] = {} if self._tau_ns is None else {"rate": np.full(len(space), params.initial)}

    def translate(self, payload: Payload, rng: np.random.Generator) -> Samples:
        """Rates (bins, channels) in Hz per cell."""
        assert isinstance(payload, Spikes)
        window, channels = payload.window, len(self.port.space)
        bin_ns = self._bin_ns or window.length_ns
        bins = window.steps(bin_ns)
        row = (payload.times_ns - (window.start_ns + 1)) // bin_ns  # (start, start + bin] is row 0, in whole ns
        cell = row if self._pooled else row * channels + payload.channels
        if self._tau_ns is None:
            counts = np.bincount(cell, minlength=bins * channels).reshape(bins, channels)
            return Samples(window, counts / (bin_ns * 1e-9 * self._cells))
        age_ns = window.start_ns + (row + 1) * bin_ns - payload.times_ns  # at the end of the spike's bin
        jumps = np.exp(-age_ns / self._tau_ns) / (self._tau_ns * 1e-9 * self._cells)
        arrived: NDArray[Any] = np.bincount(cell, jumps, bins * channels)
        arrived = arrived.astype(np.float64, copy=False)  # NumPy 2.4 gives integers where cell is empty
        return Samples(window, self._decay(arrived.reshape(bins, channels), bin_ns))

    def _decay(self, arrived: NDArray[np.float64], bin_ns: int) -> NDArray[np.float64]:
        """The filter at each bin's end, from what has ``arrived`` (bins, channels) there; one row after the other, so that how time
        is cut into frames changes no bit."""
        assert self._tau_ns is not None
        keep, rate = math.exp(-bin_ns / self._tau_ns), self.state["rate"]
        out = np.empty_like(arrived)
        for k, jump in enumerate(arrived):
            rate = out[k] = rate * keep + jump
        self.state["rate"] = out[-1].copy()
        return out
