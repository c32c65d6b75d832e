"""A mechanism of a membrane as a file: channels, synapses, pumps and pools of ions.

    kind: density                                            # over the membrane; point: at a place; ion: of a concentration
    parameters: {g: {unit: S/cm**2, default: 0.12}}
    rates: {q: 3**((celsius - 6.3) / 10)}                    # names for parts of what gates are made of
    gates: {m: {alpha: …, beta: …, factor: q}, h: {inf: …, tau: …}}
    kinetics: {C: O (opening, closing)}                      # or occupancies of a scheme, see ``kinetics``
    currents: {na: g * m**3 * h * (V - E_na)}                # outward, of an ion or ``nonspecific``
    concentrations: {ca_i: pool}                             # which state of an ion's mechanism is its concentration
    receptors: {spikes: {weight: uS, sets: {g: g + weight}}} # what a spike does to states

Symbols beside a file's own: ``V`` (membrane potential), ``celsius``, ``temperature`` (K), ``area``, ``diameter``, ``faraday``,
``gas_constant``; of any ion x ``E_x`` (reversal potential), ``x_i``, ``x_o`` (concentrations) and, where kind is ion, ``i_x`` (its
current, outward, over the area).

``rates``, ``gates`` and the rates of ``kinetics`` are written as papers print them: every symbol stands for its plain number in
its own unit (V in mV, concentrations in mM, temperature in °C), alpha and beta come out in 1/ms, tau in ms. Everything else
(``expressions``, ``derivatives``, ``currents`` …) is held against its units.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PrivateAttr

from cosim.sdk import CosimError, Params, did_you_mean
from engines.compartmental_neurons.mechanisms.checking import Parts, texts_of
from engines.compartmental_neurons.mechanisms.kinetics import species
from engines.compartmental_neurons.mechanisms.parts import MechanismParts
from engines.compartmental_neurons.mechanisms.symbols import (
    NONSPECIFIC,
    PROVIDED,
    in_small,
    ion_of,
    is_plain,
    unit_of_ion,
)
from engines.equations.description import Checker, Description, Equations, State, read_description

MODELS = Path(__file__).parent / "models"


class Gate(Params):
    """A number from 0 to 1 that follows the potential: dx/dt = factor (alpha (1 - x) - beta x), or factor (inf - x) / tau."""

    alpha: Annotated[str | float | None, Field(description="rate of opening, 1/ms")] = None
    beta: Annotated[str | float | None, Field(description="rate of closing, 1/ms")] = None
    inf: Annotated[str | float | None, Field(description="where it goes")] = None
    tau: Annotated[str | float | None, Field(description="how fast, ms; with alpha and beta left out; 0: at once")] = None
    factor: Annotated[str | float, Field(description="of the temperature, by which it is faster")] = 1.0
    about: str = ""


class Receptor(Params):
    """Where spikes act: what states are after one, from what they were and ``weight``."""

    weight: Annotated[str, Field(description="unit of the weights of synapses")]
    sets: Annotated[dict[str, str | float], Field(description="states after a spike", min_length=1)]
    about: str = ""


class MechanismDescription(Description):
    """A mechanism's file."""

    symbols: ClassVar[tuple[str, ...]] = ("states", "parameters", "inputs", "beside")

    kind: Annotated[Literal["density", "point", "ion"], Field(description="over the membrane, at a place, or of an ion")]
    states: dict[str, State] = {}
    derivatives: dict[str, str | float] = {}
    rates: dict[str, str | float] = {}
    gates: dict[str, Gate] = {}
    kinetics: Annotated[dict[str, list[str]], Field(description="schemes: lists of 'A <-> B (forward, backward)'")] = {}
    currents: dict[str, str] = {}
    concentrations: dict[str, str] = {}
    receptors: dict[str, Receptor] = {}
    initial: Annotated[dict[str, str | float], Field(description="states at the start; gates and schemes start at rest")] = {}
    scheme: Annotated[
        Literal["exponential_euler", "euler", "heun", "rk4"], Field(description="how states with derivatives move on")
    ] = "exponential_euler"

    _parts: MechanismParts = PrivateAttr()

    @property
    def parts(self) -> MechanismParts:
        """The checked expressions of gates, currents and so on."""
        return self._parts

    @property
    def occupancies(self) -> list[str]:
        """Names of the states of all schemes."""
        return list(dict.fromkeys(name for lines in self.kinetics.values() for line in lines for name in species(line)))

    @property
    def moving(self) -> list[str]:
        """Names of all that changes of itself: gates, occupancies, states."""
        return [*self.gates, *self.occupancies, *self.states]

    @cached_property
    def beside(self) -> dict[str, Given]:
        """What expressions are given beside states, parameters and inputs: gates, occupancies, rates, what every mechanism has."""
        own = {*self.states, *self.parameters, *self.inputs, *self.expressions}
        found = dict.fromkeys([*self.gates, *self.occupancies, *self.rates], Given("1"))
        found |= {name: Given(unit) for name, unit in PROVIDED.items()}
        for word in dict.fromkeys(re.findall(r"[A-Za-z_]\w*", " ".join(text for _, text in texts_of(self)))):
            near = next((form for form in (word, in_small(word)) if unit_of_ion(form)), "")
            if near and near not in found:  # of a word that is one but for capitals too, so that a fault can name it
                found[near] = Given(unit_of_ion(near))
        return {name: given for name, given in found.items() if name not in own and is_plain(name)}

    def check(self, equations: Equations, checker: Checker) -> None:
        self._parts = Parts(self, equations, checker).read()


@dataclass(frozen=True)
class Given:
    """A symbol that expressions are given."""

    unit: str


def shipped() -> dict[str, Path]:
    """Name and file of every mechanism that comes with the engine."""
    return {path.stem: path for path in sorted(MODELS.rglob("*.yaml"))}


def mechanism_file(name: str, folder: Path) -> Path:
    """The file of a mechanism: one that is shipped, by name, or the user's own, by its path from ``folder``.

    Raises
    ------
    CosimError
        There is none.
    """
    from engines.compartmental_neurons.mechanisms.neuroml import file_of, is_neuroml

    found = (folder / Path(name).expanduser()).resolve()
    if is_neuroml(Path(name)):
        if file_of(found).is_file():
            return found
    elif not name.endswith((".yaml", ".yml")):
        if name not in shipped():
            raise CosimError(
                f"there is no mechanism {name!r}", mend=f"{did_you_mean(name, shipped())}; a file of your own ends in .yaml"
            )
        return shipped()[name]
    if not found.exists():
        raise CosimError(f"file {name!r} does not exist", why=f"looked for {found}", mend=f"paths start at {folder.resolve()}")
    return found


def read_mechanism(path: Path) -> MechanismDescription:
    """A mechanism's file, checked."""
    from engines.compartmental_neurons.mechanisms.neuroml import file_of, is_neuroml, read_path

    if is_neuroml(path) and file_of(path).is_file():
        return read_path(path)
    return read_description(path, MechanismDescription)[0]


__all__ = [
    "NONSPECIFIC", "PROVIDED", "Gate", "MechanismDescription", "MechanismParts", "Receptor", "ion_of", "mechanism_file",
    "read_mechanism", "shipped", "species", "unit_of_ion",
]  # fmt: skip
