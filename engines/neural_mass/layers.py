"""Layers: connections that each bring what regions send into one coupling term of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cosim.sdk import CosimError, did_you_mean
from cosim.sdk.units import si_dimension
from engines.connectome import Connectome, ConnectomeParams, build_connectome
from engines.equations.description import Equations
from engines.equations.dimensions import Dimension, of_expression, of_unit, si_factor
from engines.equations.expression import Expression, read
from engines.neural_mass.description import Function, RegionDescription, Term, misfit
from engines.neural_mass.params import LayerParams, NeuralMassParams


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
        A term that the model does not have; an expression that cannot be sent; units that do not fit; two connectomes whose
        regions differ.
    """
    given = params.couplings or {name: LayerParams() for name in description.coupling}
    layers = [_layer(name, layer, params.connectome, description, equations) for name, layer in given.items()]
    labels = build_connectome(params.connectome).space.labels
    for layer in layers:
        if layer.connectome.space.labels != labels:
            raise CosimError(
                f"the connectome of coupling {layer.name!r} has other regions than the engine's",
                mend="use the same names in the same order",
            )
    return layers


def _layer(name: str, given: LayerParams, shared: ConnectomeParams, description: RegionDescription, equations: Equations) -> Layer:
    if not (name.isascii() and name.isidentifier()):
        raise CosimError(f"a coupling cannot be called {name!r}", mend="use letters, digits and _, such as gap_junctions")
    target = given.term or name
    if target not in description.coupling:
        raise CosimError(
            f"the model has no coupling term {target!r}, for coupling {name!r}",
            why=f"its terms: {', '.join(description.coupling) or 'none'}",
            mend=f"{did_you_mean(target, description.coupling)} Write term: … where the coupling has a name of its own",
        )
    term = description.coupling[target]
    sends = description.sends[target]
    if given.sends is not None:
        sends = read(given.sends, f"couplings.{name}.sends")
        known = [*description.given(), *equations.expressions]
        for unknown in sorted(sends.names() - set(known)):
            raise CosimError(f"couplings.{name}.sends: there is no symbol {unknown!r}", mend=did_you_mean(unknown, known))
    function = given.function or term.function
    strength, unit = _strength(given.strength, name)
    fault = misfit(description, equations, sends, function, term.unit, unit)
    if fault is not None:
        raise CosimError(f"coupling {name!r}: {fault.what}", why=fault.why, mend=fault.mend)
    sent = of_expression(sends, equations.dimensions)
    return Layer(name, target, function, sends, strength, build_connectome(given.connectome or shared), **_sigmoid(term, sent))


def _strength(value: float | str | None, name: str) -> tuple[float | None, str]:
    """In SI units, and its unit."""
    if not isinstance(value, str):
        return value, "1"
    digits, _, unit = value.strip().partition(" ")
    try:
        return float(digits) * si_dimension(unit.strip() or "1")[0], unit.strip() or "1"
    except ValueError:
        raise CosimError(
            f"couplings.{name}.strength: {value!r} is not a number with a unit", mend="write it like '0.2 mV'"
        ) from None


def _sigmoid(term: Term, sent: Dimension) -> dict[str, float]:
    """The numbers of a sigmoidal function in SI units; midpoint and slope are in the unit of what is sent."""
    scale = si_factor(term.unit)
    inner = scale if of_unit(term.unit) == sent else 1.0
    return {"midpoint": term.midpoint * inner, "slope": term.slope * inner, "height": term.height * scale}
