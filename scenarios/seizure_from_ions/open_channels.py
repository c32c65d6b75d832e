"""A firing rate opens NMDA channels: the synaptic variable S of a region whose neurons are simulated one by one."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from cosim.sdk import CosimError, Duration, Params, Payload, Port, Samples


class OpenChannelsParams(Params):
    tau: Annotated[Duration, Field(gt=0, description="NMDA decay time")] = 100_000_000
    gamma: Annotated[float, Field(ge=0, description="share of the closed channels that a spike opens")] = 0.641
    initial: Annotated[float, Field(ge=0, le=1, description="share of channels open at the start")] = 0.0


class OpenChannels:
    """tau dS/dt = -S + gamma tau (1 - S) r, exact for a rate r that is held over the step that its row ends.

    S goes to gamma tau r / (1 + gamma tau r) with 1/tau + gamma r, and stays within [0, 1). It is what a Wong-Wang region sends,
    with a measured rate in place of H(x). A spike that adds 1/N to the rate's integral opens a share q = 1 - exp(-gamma/N) of what
    is closed: Poisson spikes at N r in all come to a mean of tau N r q / (1 + tau N r q), lower than for a steady rate by a share
    of at most gamma/(2 N), and by less where a scale makes a spike count for less. Group delay tau / (1 + gamma tau r).

    References
    ----------
    Deco, Ponce-Alvarez, Mantini, Romani, Hagmann and Corbetta (2013), J Neurosci 33, 11239, equation 5.
    """

    Params = OpenChannelsParams
    place = "source"

    def __init__(self, source: Port, target: Port, params: OpenChannelsParams) -> None:
        if source.kind != "samples" or source.quantity != "firing_rate" or source.unit != "Hz":
            raise CosimError(
                f"open_channels takes a firing rate in Hz, and {source.name!r} brings {source.describe()}",
                mend="make a rate of the spikes before: via: [{spikes_to_rate: {bin: 0.5 ms}}, …]",
            )
        assert source.dt_ns is not None
        self._step_s, self._tau_s, self._gamma = source.dt_ns * 1e-9, params.tau * 1e-9, params.gamma
        self.port = source.but(quantity="gating", unit="1", of="value")
        self.state = {"S": np.full(len(source.space), params.initial)}

    def translate(self, payload: Payload, rng: np.random.Generator) -> Samples:
        """S at the end of each step, (steps, channels)."""
        assert isinstance(payload, Samples)
        opening = self._gamma * payload.values  # (steps, channels), 1/s
        pace = 1.0 / self._tau_s + opening
        rest, keep = opening / pace, np.exp(-self._step_s * pace)
        out, share = np.empty_like(opening), self.state["S"]
        for k in range(len(out)):
            share = out[k] = rest[k] + (share - rest[k]) * keep[k]
        self.state["S"] = share.copy()
        return Samples(payload.window, out)
