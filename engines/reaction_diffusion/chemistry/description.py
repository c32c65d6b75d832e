"""A model of reactions as a file.

    parameters:  {k_on: {unit: 1/(mM*ms), default: 4.59, positive: true}}
    inputs:      {V: {unit: mV, quantity: membrane_potential, default: -70}}
    species:     {glutamate: {unit: mM}, C0: {unit: "1", initial: 1}, PIP2: {unit: 1/um**2}}
    states:      {h: {unit: "1", initial: 0.8}}                 # numbers that are no molecules, one in each voxel
    derivatives: {h: (h_inf - h) / tau_h}
    expressions: {h_inf: 1 / (1 + exp((V - V_h) / s_h))}
    reactions:
      first: glutamate + C0 <-> C1, k_on, 4.26 /ms             # mass action: constants with units, or expressions
      pump: {equation: Ca ->, rate: v_max * Ca**2 / (K**2 + Ca**2)}
      leak: {equation: Ca_er <-> Ca, forward: leak * Ca_er, backward: leak * Ca}
      kinase: {equation: S -> P, catalyst: E, k_cat: 5 /s, K_M: 2 uM}
    conserved:   {receptors: C0 + C1, glutamate: glutamate + C1} # held against every reaction
    outputs:     {conductance: {value: g_open * O, unit: pS, quantity: conductance}}

Beside reactions it is a description as any other, see ``engines.equations.description``; symbols of species are in their units.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, PrivateAttr, model_validator

from cosim.sdk import CosimError, Params, did_you_mean
from engines.equations.description import Checker, Description, Equations, Input, State, read_description
from engines.reaction_diffusion.chemistry.parts import ReactionParts

MODELS = Path(__file__).parent / "models"
SBML = (".xml", ".sbml")


class ModelSpecies(Params):
    """Molecules of a kind."""

    unit: Annotated[str, Field(description="of its symbol: mM, 1/um**3; on membrane 1/um**2, mol/m**2; a number of molecules: 1")]
    initial: Annotated[float, Field(ge=0, description="at time 0")] = 0.0
    about: str = ""


class ModelInput(Input):
    """What comes in from outside."""

    default: Annotated[float, Field(description="where nothing comes in")] = 0.0


class Reaction(Params):
    """A reaction: its text alone, or with a rate law."""

    equation: Annotated[str, Field(description="'A + B <-> C, k_f, k_b'; with rates of its own: 'A + B -> C'")]
    rate: Annotated[str | float | None, Field(description="net rate, any expression; what is negative goes backward")] = None
    forward: Annotated[str | float | None, Field(description="rate of the way there, any expression")] = None
    backward: Annotated[str | float | None, Field(description="rate of the way back, any expression")] = None
    catalyst: Annotated[str | None, Field(description="the enzyme E of a rate k_cat E S / (K_M + S)")] = None
    k_cat: Annotated[str | float | None, Field(description="turnover of one catalyst")] = None
    K_M: Annotated[str | float | None, Field(description="concentration of half its speed")] = None
    about: str = ""
    source: Annotated[str, Field(description="where its numbers are from")] = ""

    @model_validator(mode="before")
    @classmethod
    def _text_alone(cls, value: Any) -> Any:
        return value if isinstance(value, (dict, Reaction)) else {"equation": value}


class ReactionDescription(Description):
    """A model's file."""

    symbols: ClassVar[tuple[str, ...]] = ("species", "states", "parameters", "inputs")

    species: dict[str, ModelSpecies] = {}
    states: dict[str, State] = {}
    derivatives: dict[str, str | float] = {}
    inputs: dict[str, ModelInput] = {}  # type: ignore[assignment]  # each is an Input
    reactions: dict[str, Reaction] = {}
    conserved: Annotated[dict[str, str], Field(description="sums of species that no reaction changes")] = {}

    _parts: ReactionParts = PrivateAttr()

    @property
    def parts(self) -> ReactionParts:
        """The checked reactions."""
        return self._parts

    def check(self, equations: Equations, checker: Checker) -> None:
        from engines.reaction_diffusion.chemistry.checking import Reactions

        self._parts = Reactions(self, equations, checker).read()


def shipped() -> dict[str, Path]:
    """Name and file of every model that comes with the engine."""
    return {path.stem: path for path in sorted(MODELS.rglob("*.yaml"))}


def model_file(name: str, folder: Path) -> Path:
    """The file of a model: one that is shipped, by name, or the user's own, by its path from ``folder``.

    Raises
    ------
    CosimError
        There is none.
    """
    if not name.endswith((".yaml", ".yml", *SBML)):
        if name not in shipped():
            mend = f"{did_you_mean(name, shipped())}; a file of your own ends in .yaml, of SBML in .xml or .sbml"
            raise CosimError(f"there is no model {name!r}", mend=mend)
        return shipped()[name]
    found = (folder / Path(name).expanduser()).resolve()
    if not found.exists():
        raise CosimError(f"file {name!r} does not exist", why=f"looked for {found}", mend=f"paths start at {folder.resolve()}")
    return found


def read_reactions(path: Path) -> ReactionDescription:
    """A model's file, checked; see ``read_description`` for what is raised."""
    if path.suffix in SBML:
        from engines.reaction_diffusion.chemistry.sbml import read_sbml

        return read_sbml(path)
    return read_description(path, ReactionDescription)[0]
