"""What a rule of plasticity is: traces of spikes, and lines of code that say what a spike does to a weight.

A weight is told by ``w``, its share of the way from ``w_min`` to ``w_max``: 0 at the one, 1 at the other, and kept between them.
So a rule knows nothing of units or signs. Times in lines are ms. Lines are Python that Numba compiles, of the names that the rule
gives its constants, traces and states, and of the functions in ``engines.equations.maths``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from cosim.sdk import CosimError, Params, Unit
from engines.equations.quantities import Quantity, number

Time = Annotated[float, Unit("ms"), Field(gt=0)]
Share = Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class Trace:
    """What a neuron remembers of its spikes: it decays with ``tau_ms``; a spike adds 1 or, where ``is_nearest``, makes it 1."""

    tau_ms: float
    is_nearest: bool = False


@dataclass(frozen=True)
class Modulated:
    """A third factor m(t) that comes over an input of kind ``modulator``.

    Lines find in ``dose`` the integral of (m - baseline) exp(-t / tau_ms) from the last event of the synapse on, in s, and in
    ``kept`` what exp(-t / tau_ms) is by now.
    """

    source: str
    tau_ms: float
    baseline: float


@dataclass(frozen=True)
class Rule:
    """A rule, as kernels are made of it.

    Between events ``between`` moves a synapse on over ``elapsed`` ms; its events are spikes of its two neurons as they reach it,
    and for modulated rules some fixed times. Where spikes of both arrive in one step, that of the target counts first, and neither
    sees the other's trace.

    Attributes
    ----------
    constants
        Numbers that lines use. Rules that differ in these alone share compiled code.
    pre, post
        Traces of source and target neurons. In ``on_pre`` and ``on_post`` they stand as they are just before the spike; in
        ``between`` as they are just after the event at its beginning.
    on_pre, on_post
        Lines at a spike of the source and of the target, which change ``w`` and ``states``.
    states
        What a synapse has beside its weight, 0 at the start.
    lag_ms
        How much later than its arrival a spike of the source acts on its trace. Rules without ``on_pre`` and ``on_post`` alone.
    source_states
        What a source neuron keeps for all its synapses, with what it is before the first spike.
    on_spike
        Lines at a spike of the source, which change ``source_states`` and set ``efficacy``, by which weights are multiplied.
    shown
        Expressions of ``source_states``, ``elapsed`` ms after the last spike, that may be recorded.
    imports
        Functions of kernels that lines call: name and module.
    """

    constants: Mapping[str, float] = field(default_factory=dict)
    pre: Mapping[str, Trace] = field(default_factory=dict)
    post: Mapping[str, Trace] = field(default_factory=dict)
    on_pre: tuple[str, ...] = ()
    on_post: tuple[str, ...] = ()
    between: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    modulated: Modulated | None = None
    lag_ms: float = 0.0
    source_states: Mapping[str, float] = field(default_factory=dict)
    on_spike: tuple[str, ...] = ()
    shown: Mapping[str, str] = field(default_factory=dict)
    imports: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_lasting(self) -> bool:
        """Whether weights change, not only what of them a spike brings."""
        return bool(self.on_pre or self.on_post or self.between)

    @property
    def is_continuous(self) -> bool:
        """Whether synapses move on by themselves, as their traces tell, and a spike does no more than change a trace."""
        return bool(self.between) and not (self.on_pre or self.on_post)

    def synapse_bytes(self, has_own_weights: bool) -> int:
        """What a synapse takes beside its target."""
        return 8 * (1 + len(self.states)) if self.is_lasting else 8 * has_own_weights


class PlasticityRule(Params):
    """Base of the parameters of a rule; ``described`` makes it ready for kernels."""

    rule: str

    def described(self) -> Rule:
        raise NotImplementedError

    def bounds(self, unit: str) -> tuple[float, float] | None:
        """``w_min`` and ``w_max`` in the unit of the receptor; None where weights do not change."""
        return None


class BoundedRule(PlasticityRule):
    """A rule that changes weights between two bounds."""

    w_max: Annotated[
        Quantity, Field(description="the strongest that a synapse can be; of inhibition in models with signed weights negative")
    ]
    w_min: Annotated[Quantity, Field(description="the weakest")] = 0.0

    def bounds(self, unit: str) -> tuple[float, float] | None:
        """``w_min`` and ``w_max`` in the unit of the receptor; a CosimError, yet to be located, where they are equal."""
        low, high = (_number(name, getattr(self, name), unit) for name in ("w_min", "w_max"))
        if low == high:
            raise CosimError(f"w_min and w_max are both {low:g}", why="weights move between them", mend="w_max: a stronger one")
        return low, high


def _number(name: str, value: float | str | None, unit: str) -> float:
    try:
        return number(value, unit)
    except CosimError as error:
        raise error.about(f"plasticity.{name}") from None
