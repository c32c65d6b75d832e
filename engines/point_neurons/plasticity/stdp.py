"""Pair-based spike-timing-dependent plasticity."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from engines.point_neurons.plasticity.rule import BoundedRule, Rule, Share, Time, Trace


class Stdp(BoundedRule):
    """Pairs of spikes change w, the weight's share of the way from w_min to w_max.

    target spikes:  w + A_plus (1 - w)^mu_plus r      r: sum of exp(-t / tau_plus) over earlier spikes of the source
    source spikes:  w - A_minus w^mu_minus o          o: sum of exp(-t / tau_minus) over earlier spikes of the target

    ``nearest`` takes the last spike alone in place of the sum. With w_min = 0 these are NEST's stdp_synapse and
    stdp_nn_symm_synapse, A_plus = lambda and A_minus = alpha lambda. Exponents 0 make hard bounds, 1 soft ones.

    References
    ----------
    Song, Miller and Abbott (2000), Nature Neuroscience 3, 919.
    Gütig, Aharonov, Rotter and Sompolinsky (2003), Journal of Neuroscience 23, 3697.
    Morrison, Diesmann and Gerstner (2008), Biological Cybernetics 98, 459.
    """

    model_config = ConfigDict(populate_by_name=True)

    rule: Literal["stdp"]
    pairing: Annotated[Literal["all", "nearest"], Field(description="which earlier spikes of the partner count")] = "all"
    tau_plus: Time = 20.0
    tau_minus: Time = 20.0
    lambda_: Annotated[
        Share | None, Field(alias="lambda", description="largest step up, in shares; 0.01 where nothing is said")
    ] = None
    alpha: Annotated[Share | None, Field(description="steps down by steps up; 1 where nothing is said")] = None
    A_plus: Annotated[Share | None, Field(description="in place of lambda")] = None
    A_minus: Annotated[Share | None, Field(description="in place of alpha lambda")] = None
    mu_plus: Share = 1.0
    mu_minus: Share = 1.0

    @model_validator(mode="after")
    def _one_way(self) -> Stdp:
        ours, theirs = (self.A_plus, self.A_minus), (self.lambda_, self.alpha)
        if ours != (None, None) and theirs != (None, None):
            raise ValueError("give either lambda and alpha, or A_plus and A_minus")
        if (self.A_plus is None) != (self.A_minus is None):
            raise ValueError("give both A_plus and A_minus")
        return self

    @property
    def amplitudes(self) -> tuple[float, float]:
        """A_plus and A_minus."""
        if self.A_plus is not None and self.A_minus is not None:
            return self.A_plus, self.A_minus
        up = 0.01 if self.lambda_ is None else self.lambda_
        return up, up * (1.0 if self.alpha is None else self.alpha)

    def described(self) -> Rule:
        up, down = self.amplitudes
        is_nearest = self.pairing == "nearest"
        return Rule(
            constants={"A_plus": up, "A_minus": down, "mu_plus": self.mu_plus, "mu_minus": self.mu_minus},
            pre={"r": Trace(self.tau_plus, is_nearest)},
            post={"o": Trace(self.tau_minus, is_nearest)},
            on_post=("w = w + A_plus * dependence(1.0 - w, mu_plus) * r",),
            on_pre=("w = w - A_minus * dependence(w, mu_minus) * o",),
            imports={"dependence": "engines.point_neurons.plasticity.flows"},
        )
