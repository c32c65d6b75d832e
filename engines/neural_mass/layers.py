"""Layers: connections that each bring what regions send into one coupling term of the model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cosim.sdk import CosimError, did_you_mean
from cosim.sdk.errors import raise_all
from cosim.sdk.units import split_quantity
from engines.connectome import Connectome, build_connectome
from engines.equations.description import Equations
from engines.equations.dimensions import NONE, Dimension, of_expression, of_unit, si_factor
from engines.equations.expression import Expression, read
from engines.neural_mass.description import Function, RegionDescription, Term, fit
from engines.neural_mass.params import LayerParams, NeuralMassParams

_SIGMOID = ("midpoint", "slope", "height")


def formula_of(function: Function) -> str:
    """What a receiver makes of what is sent, x."""
    formulas = {
        "linear": "G sum_j W_ij x_j(t - tau_ij)",
        "difference": "G sum_j W_ij (x_j(t - tau_ij) - x_i(t))",
        "sigmoidal": "G height / (1 + exp(-(sum_j W_ij x_j(t - tau_ij) - midpoint) / slope))",
        "kuramoto": "G sum_j W_ij sin(x_j(t - tau_ij) - x_i(t))",
    }
    return formulas[function]


@dataclass(frozen=True, eq=False)
class Layer:
    """One set of connections.

    Attributes
    ----------
    sends
        What its senders send, x.
    strength
        In SI units; None where it is G.
    midpoint, slope, height
        Of a sigmoidal function, in SI units.
    """

    name: str
    term: str
    function: Function
    sends: Expression
    strength: float | None
    connectome: Connectome
    midpoint: float = 0.0
    slope: float = 1.0
    height: float = 1.0

    @property
    def channels(self) -> tuple[str, ...]:
        """Expressions of what travels: linear sums of it are all that a receiver needs."""
        if self.function == "kuramoto":
            return f"sin({self.sends.text})", f"cos({self.sends.text})"
        return (self.sends.text,)

    def received(self, strength: str, sums: Sequence[str], own: Sequence[str], weights: str) -> str:
        """Code of what arrives.

        Parameters
        ----------
        sums
            Code of sum_j W_ij channel_j(t - tau_ij) for each channel.
        own
            Code of channel_i(t), what the receiver sends itself, for each channel.
        weights
            Code of sum_j W_ij.
        """
        match self.function:
            case "linear":
                return f"{strength} * {sums[0]}"
            case "difference":
                return f"{strength} * ({sums[0]} - {weights} * {own[0]})"
            case "sigmoidal":
                return f"{strength} * ({self.height!r} * logistic(({sums[0]} - {self.midpoint!r}) / {self.slope!r}))"
            case "kuramoto":
                return f"{strength} * ({own[1]} * {sums[0]} - {own[0]} * {sums[1]})"  # sine and cosine


def strength_of(number: int) -> str:
    """Symbol of a layer's strength; a digit comes first, as in no symbol of a model."""
    return f"{number}_strength"


def weights_of(number: int) -> str:
    """Symbol of the sum of the weights that a region receives over a layer."""
    return f"{number}_weights"


def build_layers(params: NeuralMassParams, description: RegionDescription, equations: Equations) -> list[Layer]:
    """The layers that ``couplings`` names; without it, one for each coupling term of the model.

    Raises
    ------
    CosimError
        All at once: a term that the model does not have; an expression that cannot be sent; units that do not fit; two
        connectomes whose regions differ.
    """
    labels = build_connectome(params.connectome).space.labels
    layers, faults = list[Layer](), list[CosimError]()
    for name, given in (params.couplings or {name: LayerParams() for name in description.coupling}).items():
        try:
            layers.append(_layer(name, given, build_connectome(given.connectome or params.connectome), description, equations))
            if layers[-1].connectome.space.labels != labels:
                raise CosimError("its connectome has other regions than the engine's", mend="use the same names in the same order")
        except CosimError as error:
            faults.append(error.about(f"coupling {name!r}"))
    raise_all(faults)
    return layers


def _layer(name: str, given: LayerParams, connectome: Connectome, description: RegionDescription, equations: Equations) -> Layer:
    if not (name.isascii() and name.isidentifier()):
        raise CosimError(f"a coupling cannot be called {name!r}", mend="use letters, digits and _, such as gap_junctions")
    target = given.term or name
    if target not in description.coupling:
        raise CosimError(
            f"the model has no coupling term {target!r}",
            why=f"its terms: {', '.join(description.coupling) or 'none'}",
            mend=f"{did_you_mean(target, description.coupling)}; term: … says which, beside a name of its own",
        )
    term = description.coupling[target]
    sends = description.sends[target] if given.sends is None else _sends(given.sends, name, description, equations)
    function = given.function or term.function
    strength, dimension = (None, NONE) if given.strength is None else _in_si(given.strength, "1", "strength")
    fit(description, equations, sends, function, term.unit, dimension)
    sigmoid = {}
    if function == "sigmoidal":
        sigmoid = _sigmoid(given, term, of_expression(sends, equations.dimensions))
    elif stray := [key for key in _SIGMOID if getattr(given, key) is not None]:
        raise CosimError(f"{function} has no {' and no '.join(stray)}", mend="write function: sigmoidal, or leave it out")
    return Layer(name, target, function, sends, strength, connectome, **sigmoid)


def _sends(text: str, name: str, description: RegionDescription, equations: Equations) -> Expression:
    try:
        sends = read(text, f"couplings.{name}.sends")
    except CosimError as error:
        raise error.about("sends") from None
    known = [*description.given(), *equations.expressions]
    unknown = sorted(sends.names() - set(known))
    if unknown:
        told = " and ".join(map(repr, unknown))
        raise CosimError(f"sends: there is no symbol {told}", mend=did_you_mean(unknown[0], known))
    return sends


def _in_si(value: float | str, unit: str, what: str) -> tuple[float, Dimension]:
    """In SI units, and its dimension; a number is in ``unit``."""
    if not isinstance(value, str):
        return value * si_factor(unit), of_unit(unit)
    quantity = split_quantity(value)
    if quantity is None or not math.isfinite(quantity[0]):
        raise CosimError(f"{what}: {value!r} is not a number with a unit", mend="write it like '0.2 mV'")
    found, given = quantity[0], quantity[1] or "1"
    try:
        return found * si_factor(given), of_unit(given)
    except CosimError as error:
        raise error.about(what) from None


def _sigmoid(given: LayerParams, term: Term, sent: Dimension) -> dict[str, float]:
    """The numbers of a sigmoidal function in SI units; midpoint and slope are in the unit of what is sent."""
    found, of_sent = {}, term.unit_sent(sent) or "1"
    for key, unit, expected in (("midpoint", of_sent, sent), ("slope", of_sent, sent), ("height", term.unit, of_unit(term.unit))):
        value = getattr(term, key) if getattr(given, key) is None else getattr(given, key)
        found[key], dimension = _in_si(value, unit, key)
        if dimension != expected and value != 0:  # 0 is 0 in any unit
            sides = "the term" if key == "height" else "what is sent"
            raise CosimError(f"{key} is in {dimension}, {sides} in {expected}", mend=f"write it with a unit of {expected}")
    if found["slope"] <= 0:
        raise CosimError(f"slope is {given.slope}", why="it must be more than 0")
    return found
