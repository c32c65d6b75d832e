"""Spike-timing-dependent plasticity that takes effect with a third factor."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from engines.point_neurons.plasticity.rule import BoundedRule, Modulated, Rule, Share, Time, Trace


class RewardStdp(BoundedRule):
    """Pairs of spikes leave an eligibility c, and a modulator m makes it change w, the share of the way from w_min to w_max.

    target spikes:  c + A_plus r        r: sum of exp(-t / tau_plus) over earlier spikes of the source
    source spikes:  c - A_minus o       o: sum of exp(-t / tau_minus) over earlier spikes of the target
    always:         dc/dt = -c / tau_eligibility,   dw/dt = c (m - baseline), per s

    m comes over an input of kind ``modulator`` and holds over the steps of its rows; 0 where nothing is linked. The integral is
    exact. Bounds are hard, and held whenever a synapse is brought up to date: at its spikes, and at fixed times no further apart
    than four time constants of the eligibility.

    References
    ----------
    Izhikevich (2007), Cerebral Cortex 17, 2443.
    Frémaux and Gerstner (2016), Frontiers in Neural Circuits 9, 85.
    """

    rule: Literal["stdp_reward"]
    modulator: Annotated[str, Field(description="an input of kind modulator")]
    baseline: Annotated[float, Field(description="the modulator at which nothing is learnt")] = 0.0
    tau_eligibility: Time = 1000.0
    tau_plus: Time = 20.0
    tau_minus: Time = 20.0
    A_plus: Share = 0.01
    A_minus: Share = 0.01

    def described(self) -> Rule:
        return Rule(
            constants={"A_plus": self.A_plus, "A_minus": self.A_minus},
            pre={"r": Trace(self.tau_plus)},
            post={"o": Trace(self.tau_minus)},
            states=("eligibility",),
            modulated=Modulated(self.modulator, self.tau_eligibility, self.baseline),
            on_post=("eligibility = eligibility + A_plus * r",),
            on_pre=("eligibility = eligibility - A_minus * o",),
            between=("w = w + eligibility * dose", "eligibility = eligibility * kept"),
        )
