"""What a number or a distribution of a scenario means in numbers of one unit, how far it reaches, and its faults."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from cosim.sdk import CosimError
from engines.equations.quantities import number
from engines.point_neurons.params import KINDS, Distribution, Draw

CONSTANT = -1
"""The kind of a number that is not drawn."""
FARTHEST_NORMAL = math.sqrt(-2.0 * math.log(2.0**-53))
"""No normal number is farther from 0: the uniform number that it is made of is at least 2^-53."""
FARTHEST_EXPONENTIAL = -math.log(2.0**-53)
LEAST_KEPT = 0.05
"""Of the draws, the share that must lie between ``low`` and ``high``: 1000 in a row then miss with a chance of 5e-23."""


@dataclass(frozen=True)
class Numbers:
    """A number or a distribution, in one unit.

    Attributes
    ----------
    kind
        Place in ``KINDS``, or ``CONSTANT``.
    first, second
        As in ``Distribution``: low and high, mean and standard deviation, median and standard deviation of the logarithm, the mean
        alone, centre and half width; of a constant, its value and 0.
    low, high
        What is beyond is drawn again.
    """

    kind: int
    first: float
    second: float = 0.0
    low: float = -math.inf
    high: float = math.inf

    @property
    def is_constant(self) -> bool:
        return self.kind == CONSTANT

    @property
    def reach(self) -> tuple[float, float]:
        """The least and the largest value that can be drawn, ``low`` and ``high`` left aside."""
        a, b = self.first, self.second
        match "constant" if self.kind == CONSTANT else KINDS[self.kind]:
            case "constant":
                return a, a
            case "uniform":
                return a, b
            case "normal":
                return a - FARTHEST_NORMAL * b, a + FARTHEST_NORMAL * b
            case "lognormal":
                ends = a * _exp(-FARTHEST_NORMAL * b), a * _exp(FARTHEST_NORMAL * b)
            case "exponential":
                ends = 0.0, a * FARTHEST_EXPONENTIAL
            case _:
                return -math.inf, math.inf
        return min(ends), max(ends)

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the largest value that can be drawn."""
        least, largest = self.reach
        return max(least, self.low), min(largest, self.high)

    @property
    def kept(self) -> float:
        """The chance that a draw lies between ``low`` and ``high``."""
        low, high = self._below(self.low), self._below(self.high)
        return float(self.low <= self.first <= self.high) if low is None or high is None else max(0.0, high - low)

    def _below(self, x: float) -> float | None:
        """The chance of a draw below x; None where all are ``first``, and of a Lorentzian, which is not drawn."""
        a, b = self.first, self.second
        match "constant" if self.kind == CONSTANT else KINDS[self.kind]:
            case "uniform" if b > a:
                return min(1.0, max(0.0, (x - a) / (b - a)))
            case "normal" if b > 0.0:
                return _below_normal((x - a) / b)
            case "lognormal" if a != 0.0 and b > 0.0:
                nearer = _below_normal(math.log(x / a) / b) if x / a > 0.0 else 0.0
            case "exponential" if a != 0.0:
                nearer = -math.expm1(-x / a) if x / a > 0.0 else 0.0
            case _:
                return None
        return nearer if a > 0.0 else 1.0 - nearer  # to 0 than x is

    def times(self, factor: float) -> Numbers:
        """The same in a unit that is 1/``factor`` as large, ``factor`` above 0."""
        second = self.second if self.kind == KINDS.index("lognormal") else self.second * factor
        return Numbers(self.kind, self.first * factor, second, self.low * factor, self.high * factor)

    def at_least(self, low: float) -> Numbers:
        """The same, drawn again below ``low`` too."""
        return replace(self, low=max(self.low, low))


def _below_normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def _exp(x: float) -> float:
    return math.exp(x) if x < 709.0 else math.inf


def numbers_of(value: Draw, unit: str) -> Numbers:
    """A number or a distribution in ``unit``.

    Raises
    ------
    CosimError
        A number of another unit, or a distribution that nothing can be drawn from; yet to be located.
    """
    if not isinstance(value, Distribution):
        return Numbers(CONSTANT, number(value, unit))
    given = getattr(value, value.kind)
    first, second = given if isinstance(given, tuple) else (given, 0.0)
    found = Numbers(
        kind=KINDS.index(value.kind),
        first=number(first, unit),
        second=float(second) if value.kind == "lognormal" else number(second, unit),
        low=-math.inf if value.low is None else number(value.low, unit),
        high=math.inf if value.high is None else number(value.high, unit),
    )
    _check(value, found, "" if unit == "1" else f" {unit}")
    return found


def synapse_numbers_of(value: Draw, unit: str) -> Numbers:
    """The same for synapses, which have no order that the quantiles of a Lorentzian could go by."""
    if isinstance(value, Distribution) and value.kind == "lorentzian":
        others = ", ".join(kind for kind in KINDS if kind != "lorentzian")
        raise CosimError("lorentzian is not for synapses", why="it has quantiles in the order of neurons", mend=f"one of {others}")
    return numbers_of(value, unit)


def _check(given: Distribution, found: Numbers, unit: str) -> None:
    if given.kind == "lorentzian" and (given.low is not None or given.high is not None):
        why = "its values are quantiles, not draws"
        raise CosimError("nothing of a lorentzian can be drawn again", why=why, mend="leave out low and high")
    if given.shuffled and given.kind != "lorentzian":
        raise CosimError(f"shuffled says nothing to {given.kind}", why="its draws have no order", mend="leave it out")
    if given.kind == "uniform" and found.first > found.second:
        why = f"it goes from {found.first:g} to {found.second:g}{unit}"
        raise CosimError("uniform ends below its beginning", why=why, mend="write [low, high]")
    if given.kind != "uniform" and found.second < 0.0:
        what = "half width" if given.kind == "lorentzian" else "standard deviation"
        raise CosimError(f"the {what} of {given.kind} is {found.second:g}", why="it is 0 or more")
    if found.low > found.high:
        raise CosimError(f"low is {found.low:g}{unit} and high {found.high:g}{unit}", mend="low is the smaller one")
    if found.bounds[0] > found.bounds[1]:
        least, largest = found.reach
        raise CosimError(
            f"nothing that is drawn lies from {found.low:g} to {found.high:g}{unit}",
            why=f"{given.kind} reaches from {least:.6g} to {largest:.6g}{unit}",
            mend="low and high say what is kept of the draws",
        )
    refuse_rare(found, unit)


def refuse_rare(found: Numbers, unit: str) -> None:
    """A CosimError where most draws are thrown away; yet to be located.

    What is beyond ``low`` and ``high`` is drawn again, a thousand times at most.
    """
    if found.kept < LEAST_KEPT:
        within = f"from {found.low:g} to {found.high:g}{unit}"
        raise CosimError(
            f"only {found.kept:.2g} of the draws lie {within}",
            why=f"what is beyond is drawn again; at least {LEAST_KEPT:g} must be kept, or values would pile up at the bound",
            mend="a distribution whose middle lies within low and high",
        )
