"""Plasticity that follows the calcium of a synapse past two thresholds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cosim.sdk import Unit
from engines.point_neurons.plasticity.rule import BoundedRule, Rule, Share, Time, Trace


class CalciumThreshold(BoundedRule):
    """The efficacy w, the weight's share of the way from w_min to w_max, moves while calcium c is above thresholds.

    tau dw/dt = -w (1 - w) (rho_star - w) + gamma_p (1 - w) [c > theta_p] - gamma_d w [c > theta_d]

    c decays with tau_ca; a spike of the target adds C_post, one of the source C_pre, that D later. Left out is the noise of the
    original. Thresholds are crossed at their exact times. The pieces between are exact where ``double_well`` is false, which
    drops the first term; with it they are integrated to some 1e-10. The defaults depress where the target spikes first and
    potentiate where the source does (their DP curve).

    References
    ----------
    Graupner and Brunel (2012), PNAS 109, 3991.
    """

    rule: Literal["calcium"]
    tau_ca: Time = 20.0
    C_pre: Share = 1.0
    C_post: Share = 2.0
    theta_d: Annotated[float, Field(gt=0)] = 1.0
    theta_p: Annotated[float, Field(gt=0)] = 1.3
    gamma_d: Share = 200.0
    gamma_p: Share = 321.808
    tau: Annotated[float, Unit("s"), Field(gt=0)] = 150.0
    rho_star: Annotated[float, Field(gt=0, lt=1, description="between the wells")] = 0.5
    double_well: bool = True
    D: Annotated[float, Unit("ms"), Field(ge=0, description="rounded to whole steps")] = 13.7

    def described(self) -> Rule:
        names = ("tau_ca", "C_pre", "C_post", "theta_d", "theta_p", "gamma_d", "gamma_p", "rho_star")
        piece = "theta_d, theta_p, gamma_d / tau, gamma_p / tau, rho_star, well / tau"
        return Rule(
            constants={name: getattr(self, name) for name in names} | {"tau": 1e3 * self.tau, "well": float(self.double_well)},
            pre={"r": Trace(self.tau_ca)},
            post={"o": Trace(self.tau_ca)},
            between=(f"w = calcium_flow(w, C_pre * r + C_post * o, elapsed, tau_ca, {piece})",),
            lag_ms=self.D,
            imports={"calcium_flow": "engines.point_neurons.plasticity.flows"},
        )
