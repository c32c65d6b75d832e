"""What a model of regions says beyond its equations: what its regions send each other, its firing rate, what feeds BOLD."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PrivateAttr

from cosim.sdk import CosimError, Params, did_you_mean
from engines.equations import dimensions
from engines.equations.description import Checker, Description, Equations, read_description
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
    midpoint: Annotated[float, Field(description="of sigmoidal, in the unit of what is sent")] = 0.0
    slope: Annotated[float, Field(gt=0, description="of sigmoidal, in the unit of what is sent")] = 1.0
    height: Annotated[float, Field(description="of sigmoidal, in the unit of the term")] = 1.0
    about: str = ""


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
            if expression is not None:
                self._sends[name] = expression
                fault = misfit(self, equations, expression, term.function, term.unit)
                if fault is not None:
                    checker.faults.append(fault.located(checker.text.where("coupling", name, "sends")))
        for section in (*self.symbols, "expressions"):
            if "G" in getattr(self, section):
                checker.fault("'G' is the engine's own symbol, the global coupling", section, "G", mend="give it another name")
        for role in ("firing_rate", "bold"):
            output = getattr(self, role)
            if output is not None and output not in self.outputs:
                checker.fault(f"{output!r} is no output", role, mend=did_you_mean(output, self.outputs))
        if self.firing_rate in self.outputs and dimensions.of_unit(self.outputs[self.firing_rate].unit) != dimensions.of_unit("Hz"):
            checker.fault("the firing rate is not in Hz", "outputs", self.firing_rate, "unit")


def misfit(
    description: RegionDescription, equations: Equations, sends: Expression, function: Function, unit: str, strength: str = "1"
) -> CosimError | None:
    """Why regions cannot send an expression into a term of some unit, or None."""
    outside = sorted(equations.symbols_of(sends) & {*description.inputs, *description.coupling})
    if outside:
        return CosimError(
            f"{sends.text} sends {', '.join(outside)} on",
            why="what arrives in a step is not yet known when it is sent",
            mend="send an expression of states and parameters",
        )
    found, expected = dimensions.of_expression(sends, equations.dimensions), dimensions.of_unit(unit) / dimensions.of_unit(strength)
    if function == "kuramoto" and found != dimensions.NONE:
        return CosimError(f"{sends.text} is in {found}", why="kuramoto takes a phase, a bare number")
    if function in ("linear", "difference") and found != expected:
        return CosimError(
            f"{sends.text} is in {found}", why=f"times its strength it must be in {unit}", mend="give strength a unit"
        )
    return None


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
