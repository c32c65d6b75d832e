"""Triplet-based spike-timing-dependent plasticity."""

from __future__ import annotations

from typing import Literal

from engines.point_neurons.plasticity.rule import BoundedRule, Rule, Share, Time, Trace


class TripletStdp(BoundedRule):
    """Pairs and triplets of spikes change w, the weight's share of the way from w_min to w_max.

    target spikes:  w + r1 (A2_plus + A3_plus o2)     r1, r2: traces of the source, tau_plus and tau_x
    source spikes:  w - o1 (A2_minus + A3_minus r2)   o1, o2: traces of the target, tau_minus and tau_y

    Traces are taken just before the spike and add up over all earlier ones. Bounds are hard. The defaults are the minimal
    all-to-all model that Pfister and Gerstner fitted to pairings in visual cortex. NEST's stdp_triplet_synapse has amplitudes in
    units of the weight: with w_min = 0 they are these times w_max.

    References
    ----------
    Pfister and Gerstner (2006), Journal of Neuroscience 26, 9673.
    """

    rule: Literal["stdp_triplet"]
    tau_plus: Time = 16.8
    tau_minus: Time = 33.7
    tau_x: Time = 101.0
    tau_y: Time = 114.0
    A2_plus: Share = 0.0
    A3_plus: Share = 6.5e-3
    A2_minus: Share = 7.1e-3
    A3_minus: Share = 0.0

    def described(self) -> Rule:
        return Rule(
            constants={name: getattr(self, name) for name in ("A2_plus", "A3_plus", "A2_minus", "A3_minus")},
            pre={"r1": Trace(self.tau_plus), "r2": Trace(self.tau_x)},
            post={"o1": Trace(self.tau_minus), "o2": Trace(self.tau_y)},
            on_post=("w = w + r1 * (A2_plus + A3_plus * o2)",),
            on_pre=("w = w - o1 * (A2_minus + A3_minus * r2)",),
        )
