"""Firing rates become spikes: independent inhomogeneous Poisson processes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cosim.sdk import CosimError, Params, Payload, Port, Samples, Spikes, format_ns
from cosim.sdk.units import factor

MOST_SPIKES = 1e9
"""Expected in one frame; more is a mistaken unit, and would not fit in memory."""
_MAKE_RATE = "via: [{scale: {factor: …, quantity: firing_rate, unit: Hz}}, …]"


class RateToSpikesParams(Params):
    process: Annotated[Literal["poisson"], Field(description="the point process")] = "poisson"
    trains: Annotated[
        Literal["auto", "independent", "shared"],
        Field(
            description="independent: one a target channel; shared: one a source channel; auto: independent for one rate to many"
        ),
    ] = "auto"
    scale: Annotated[
        float, Field(ge=0, allow_inf_nan=False, description="multiplies the rate: N_syn for the pooled input of N_syn synapses")
    ] = 1.0


class RateToSpikes:
    """Independent inhomogeneous Poisson spike trains, whose rate is each row's over the step that the row ends.

    The spikes of all steps and channels together number Poisson(Λ), Λ = Σ λ dt; given their number, each falls into a step and
    channel with probability λ dt / Λ, at a time uniform among the whole ns of (start, stop] of the step. That is exactly
    independent Poisson counts in every step and channel, at the cost of the spikes and not of the channels.

    Mean ∫λ dt and variance ∫λ dt of a count (Fano factor 1): no bias at any rate, however few spikes a frame holds; inter-spike
    intervals are exponential in operational time; trains are independent. Group delay 0; a row that is the value *at* its time,
    rather than the mean of its step, is played dt/2 early. One rate that feeds many target channels gives each a train of its own.

    References
    ----------
    Kingman (1993), Poisson Processes, chapter 2 (superposition, and the places of points given their number).
    """

    Params = RateToSpikesParams
    place = "target"  # spikes of many trains are more than the rate they come from

    def __init__(self, source: Port, target: Port, params: RateToSpikesParams) -> None:
        if source.kind != "samples" or source.quantity not in ("", "firing_rate"):
            raise CosimError(
                f"rate_to_spikes takes samples of firing_rate, and {source.name!r} brings {source.describe()}",
                mend="leave it out: these are spikes" if source.kind == "spikes" else f"turn them into a rate before: {_MAKE_RATE}",
            )
        try:
            hz = factor(source.unit, "Hz")
        except CosimError as error:
            raise CosimError(
                f"rate_to_spikes takes a rate, and {source.name!r} is in {source.unit}",
                why=error.why or error.what,
                mend=f"give it in Hz, kHz, 1/s or 1/ms, or turn it into that before: {_MAKE_RATE}",
            ) from None
        sources, targets = len(source.space), len(target.space)
        if params.trains == "independent" and sources not in (1, targets):
            raise CosimError(
                f"{sources} rates cannot be given to {targets} independent trains",
                why="one rate feeds any number of trains, or as many rates as trains one each",
                mend="select one source channel, or as many as the target has, or use trains: shared",
            )
        self._trains = targets if sources == 1 and params.trains != "shared" else 1
        self._scale, self._labels = hz * params.scale, source.space.labels
        self.port = source.but(
            kind="spikes",
            quantity="",
            unit="1",
            of="value",
            dt_ns=None,
            allow_nan=False,
            space=target.space if self._trains > 1 else source.space,
        )
        self.state: dict[str, NDArray[Any]] = {}

    def translate(self, payload: Payload, rng: np.random.Generator) -> Spikes:
        """Spikes from rates (steps, channels) in the source's unit.

        Raises
        ------
        CosimError
            A rate is negative or not a number, or asks for absurdly many spikes.
        """
        assert isinstance(payload, Samples)
        self._check(payload)
        rates, dt_ns = payload.values, payload.dt_ns
        # Draws in fixed order: how many, which cell, which train, when. random() <= 1 - 2^-53, so that its product with the last
        # sum stays below it, and a cell of rate 0, having no width, is never hit.
        sums = np.cumsum(rates)  # (steps * channels,)
        expected = float(sums[-1]) * self._scale * dt_ns * 1e-9 * self._trains
        if not expected <= MOST_SPIKES:
            raise CosimError(
                f"rate_to_spikes would make {expected:.3g} spikes in {payload.window}",
                why=f"the highest rate is {rates.max() * self._scale:.4g} Hz, over {rates.shape[1] * self._trains} trains",
                mend=f"is {self.port.name!r} really in the unit it declares?",
            )
        count = int(rng.poisson(expected))
        cells = np.searchsorted(sums, rng.random(count) * sums[-1], side="right")
        steps, channels = np.divmod(cells, rates.shape[1])
        if self._trains > 1:
            channels = rng.integers(0, self._trains, count)
        times_ns = payload.window.start_ns + steps * dt_ns + rng.integers(1, dt_ns, count, endpoint=True)
        return Spikes.sorted(payload.window, times_ns.astype(np.int64, copy=False), channels.astype(np.int32))

    def _check(self, payload: Samples) -> None:
        if payload.values.min() >= 0:  # False for NaN too
            return
        step, channel = np.argwhere(~(payload.values >= 0))[0]
        rate, time = payload.values[step, channel], format_ns(int(payload.times_ns[step]))
        raise CosimError(
            f"channel {self._labels[channel]!r} of {self.port.name!r} has a rate of {rate:.6g} at {time}",
            why="a Poisson process has a rate of at least 0",
            mend="mend the source, or clip what it gives before: via: [{scale: {low: 0}}, …]",
        )
