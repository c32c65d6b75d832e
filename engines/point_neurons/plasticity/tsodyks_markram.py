"""Short-term plasticity: synapses tire, and recover, with the spikes of their source."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cosim.sdk import Unit
from engines.point_neurons.plasticity.rule import PlasticityRule, Rule, Time


class TsodyksMarkram(PlasticityRule):
    """A spike releases a share u of the resources x; weights are those of full resources, all released.

    between spikes  u decays to 0 with tau_facil, x recovers to 1 with tau_rec
    at a spike      u -> u + U (1 - u), the weight acts by u x, x -> x - u x

    A source neuron has one u and x for all its synapses of the projection. Recorded are ``x``, and as ``u`` what a spike would
    release now, U + (1 - U) u: the u of Mongillo, Barak and Tsodyks (2008), whose rule this is in other words. NEST's
    tsodyks2_synapse is the same; before the first spike it must be given u = U, x = 1.

    References
    ----------
    Tsodyks, Pawelzik and Markram (1998), Neural Computation 10, 821.
    Mongillo, Barak and Tsodyks (2008), Science 319, 1543.
    """

    rule: Literal["tsodyks_markram"]
    U: Annotated[float, Field(gt=0, le=1, description="of the resources, what a first spike releases")] = 0.5
    tau_rec: Time = 800.0
    tau_facil: Annotated[float, Unit("ms"), Field(ge=0, description="0: no facilitation")] = 0.0

    def described(self) -> Rule:
        decayed = "u * exp(-elapsed / tau_facil)" if self.tau_facil else "0.0"
        recovered = "1.0 - (1.0 - x) * exp(-elapsed / tau_rec)"
        return Rule(
            constants={"U": self.U, "tau_rec": self.tau_rec, "tau_facil": self.tau_facil},
            source_states={"u": 0.0, "x": 1.0},
            on_spike=(f"u = {decayed}", f"x = {recovered}", "u = u + U * (1.0 - u)", "efficacy = u * x", "x = x - efficacy"),
            shown={"u": f"U + (1.0 - U) * {decayed}", "x": recovered},
        )
