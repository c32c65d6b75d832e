"""What a model of regions says beyond its equations: what its regions send each other, its firing rate, what feeds BOLD."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PrivateAttr

from cosim.sdk import CosimError, Params, did_you_mean
from engines.equations.description import Checker, Description, Equations, read_description
from engines.equations.dimensions import NONE, Dimension, of_expression, of_unit
from engines.equations.expression import Expression

MODELS = Path(__file__).parent / "models"
Function = Literal["linear", "difference", "sigmoidal", "kuramoto"]


class Term(Params):
    """A symbol of the equations that stands for what a region receives from the others."""

    unit: str = "1"
    quantity: str = ""
    sends: Annotated[str, Field(description="what a region sends: an expression of its states and parameters")]
    function: Annotated[
        Function,
        Field(
            description="of what is sent, x: linear sum_j W_ij x_j; difference sum_j W_ij (x_j - x_i); sigmoidal height / (1 + "
            "exp(-(sum_j W_ij x_j - midpoint) / slope)); kuramoto sum_j W_ij sin(x_j - x_i); x_j delayed"
        ),
    ] = "linear"
    sends_unit: Annotated[
        str | None, Field(description="of what is sent, and of midpoint and slope; else the term's, if that is of its dimension")
    ] = None
    midpoint: Annotated[float, Field(description="of sigmoidal, in the unit of what is sent")] = 0.0
    slope: Annotated[float, Field(gt=0, description="of sigmoidal, in the unit of what is sent")] = 1.0
    height: Annotated[float, Field(description="of sigmoidal, in the unit of the term")] = 1.0
    about: str = ""

    def unit_sent(self, sent: Dimension) -> str | None:
        """The unit of what is sent, as far as the term tells one of its dimension."""
        return next((unit for unit in (self.sends_unit, self.unit, "1") if unit is not None and of_unit(unit) == sent), None)


class RegionDescription(Description):
    """A model's file."""

    symbols: ClassVar[tuple[str, ...]] = ("states", "parameters", "inputs", "coupling")

    coupling: dict[str, Term] = {}
    firing_rate: Annotated[str | None, Field(description="the output that is the firing rate, in Hz")] = None
    bold: Annotated[str | None, Field(description="the output that feeds the haemodynamic model")] = None

    _sends: dict[str, Expression] = PrivateAttr(default_factory=dict)

    @property
    def sends(self) -> dict[str, Expression]:
        """What each term's senders send."""
        return self._sends

    def check(self, equations: Equations, checker: Checker) -> None:
        for name, term in self.coupling.items():
            expression = checker.read(term.sends, "coupling", name, "sends")
            if expression is not None and expression.names() | {name} <= checker.known.keys():
                self._sends[name] = expression
                checker.collect(partial(self._fit, term, expression, equations), "coupling", name, "sends")
        for section in (*self.symbols, "expressions"):
            if "G" in getattr(self, section):
                checker.fault("'G' is the engine's own symbol, the global coupling", section, "G", mend="give it another name")
        for role in ("firing_rate", "bold"):
            output = getattr(self, role)
            if output is not None and output not in self.outputs:
                checker.fault(f"{output!r} is no output", role, mend=did_you_mean(output, self.outputs))
        rate = self.firing_rate
        if rate is not None and rate in equations.outputs and of_unit(self.outputs[rate].unit) != of_unit("Hz"):
            checker.fault("the firing rate is not in Hz", "outputs", rate, "unit")

    def _fit(self, term: Term, sends: Expression, equations: Equations) -> None:
        """A CosimError where what a term says does not fit; midpoint and slope are in the unit of what is sent, so it is told."""
        fit(self, equations, sends, term.function, term.unit)
        sent = of_expression(sends, equations.dimensions)
        if term.sends_unit is not None and of_unit(term.sends_unit) != sent:
            raise CosimError(f"{sends.text} is in {sent}, not in {term.sends_unit}", mend="say its own unit in sends_unit")
        if term.function == "sigmoidal" and term.unit_sent(sent) is None:
            raise CosimError(
                f"{sends.text} is in {sent}, and the term in {term.unit}",
                why="midpoint and slope are in the unit of what is sent, which nothing tells",
                mend=f"say sends_unit: {self.given().get(sends.text, sent)}",
            )


def fit(
    description: RegionDescription,
    equations: Equations,
    sends: Expression,
    function: Function,
    unit: str,
    strength: Dimension = NONE,
) -> None:
    """A CosimError where regions cannot send an expression into a term of some unit, with a strength of some dimension."""
    outside = sorted(equations.symbols_of(sends) & {*description.inputs, *description.coupling})
    if outside:
        raise CosimError(
            f"{sends.text} sends {', '.join(outside)} on",
            why="what arrives in a step is not yet known when it is sent",
            mend="send an expression of states and parameters",
        )
    sent, term = of_expression(sends, equations.dimensions), of_unit(unit)
    if function == "kuramoto" and sent != NONE:
        raise CosimError(f"{sends.text} is in {sent}", why="kuramoto takes a phase, a bare number")
    if function == "sigmoidal" and strength != NONE:
        mend = "give height its unit, and strength none"
        raise CosimError(f"the strength is in {strength}", why=f"sigmoidal gives {unit}, the unit of its height", mend=mend)
    if function in ("linear", "difference") and sent * strength != term:
        needed = term / sent
        mend = "write strength as a bare number" if needed == NONE else f"give strength a unit of {needed}"
        raise CosimError(f"{sends.text} is in {sent}", why=_product(strength, unit), mend=mend)
    if function == "kuramoto" and strength != term:
        mend = f"write strength: 1 {unit}, or make the term a bare number"
        raise CosimError("kuramoto gives a bare number", why=_product(strength, unit), mend=mend)


def _product(strength: Dimension, unit: str) -> str:
    return (
        f"times its strength, {strength if strength == NONE else f'in {strength}'}, it must be in {NONE if unit == '1' else unit}"
    )


def shipped() -> dict[str, Path]:
    """Name and file of every model that comes with the engine."""
    return {path.stem: path for path in sorted(MODELS.glob("*.yaml"))}


def model_file(name: str, folder: Path) -> Path:
    """The file of a model: one that is shipped, by name, or the user's own, by its path from ``folder``.

    Raises
    ------
    CosimError
        There is none.
    """
    if not name.endswith((".yaml", ".yml")):
        if name not in shipped():
            raise CosimError(
                f"there is no model {name!r}", mend=f"{did_you_mean(name, shipped())}; a file of your own ends in .yaml"
            )
        return shipped()[name]
    found = (folder / Path(name).expanduser()).resolve()
    if not found.exists():
        raise CosimError(f"file {name!r} does not exist", why=f"looked for {found}", mend=f"paths start at {folder.resolve()}")
    return found


def read_model(path: Path) -> tuple[RegionDescription, Equations]:
    """A model's file, checked."""
    return read_description(path, RegionDescription)
