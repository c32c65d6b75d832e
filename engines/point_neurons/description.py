"""What a model of neurons says beyond its equations: receptors, when a neuron spikes, what a spike resets, refractoriness.

    receptors: {excitatory: {weight: pA, adds: {i_ex: weight}, sign: positive}}
    spike:     {when: V >= V_th, reset: {V: V_reset}, refractory: t_ref, holds: [V]}     # when, hazard, rate or repeats
    initial:   {V: E_L}

A step goes in NEST's order: (1) states move on, inputs held over the step; (2) what arrives at the end of the step is added;
(3) states that ``holds`` names have stood still, in a refractory neuron, over all of that; (4) the condition is looked at; (5) the
states that ``reset`` names are set, from what all were before. A spike is stamped with the end of its step.

Schemes: ``exact`` for linear equations; ``semi_exact`` moves states that are linear and rest on no others exactly, such as
conductances, and the rest by rk4, which takes the former as they are at the start, the middle and the end of a step; ``quadratic``
for a state whose derivative is a V² + b V + c; the others as in ``engines.equations.stepping``.
"""

from __future__ import annotations

import ast
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PrivateAttr

from cosim.sdk import CosimError, Params, did_you_mean
from engines.equations.description import Checker, Description, Equations, State, read_description
from engines.equations.dimensions import NONE, of_expression, of_unit
from engines.equations.expression import Expression, linear_parts, read

MODELS = Path(__file__).parent / "models"
Scheme = Literal["exact", "semi_exact", "quadratic", "euler", "heun", "rk4", "exponential_euler"]


class Receptor(Params):
    """Where spikes act. Its name, as a symbol, is the sum of the weights that arrive over a step per second, held over it."""

    weight: Annotated[str, Field(description="unit of the weights of synapses")]
    adds: Annotated[
        dict[str, str], Field(description="what a spike adds to states at the end of the step: multiples of the symbol 'weight'")
    ] = {}
    sign: Annotated[Literal["positive", "negative", "any"], Field(description="of the weights")] = "any"
    about: str = ""

    @property
    def unit(self) -> str:
        """Of the symbol."""
        return "Hz" if self.weight == "1" else f"{self.weight}*Hz"


class Spike(Params):
    """When a neuron spikes, and what then happens."""

    when: Annotated[str | None, Field(description="a condition, such as V >= V_th")] = None
    hazard: Annotated[str | None, Field(description="in Hz: it spikes in a step with the chance 1 - exp(-hazard dt)")] = None
    rate: Annotated[str | None, Field(description="in Hz, of a Poisson process: as many spikes as come in a step")] = None
    repeats: Annotated[str | None, Field(description="a receptor: as many spikes as the weights come to that arrive there")] = None
    reset: Annotated[dict[str, str | float], Field(description="states after a spike, from those before it")] = {}
    refractory: Annotated[str | float | None, Field(description="a time")] = None
    holds: Annotated[list[str], Field(description="states that stand still while a neuron is refractory")] = []

    @property
    def is_random(self) -> bool:
        return self.hazard is not None or self.rate is not None

    @property
    def is_counted(self) -> bool:
        """Whether there may be several in a step."""
        return self.rate is not None or self.repeats is not None


class NeuronDescription(Description):
    """A model's file."""

    symbols: ClassVar[tuple[str, ...]] = ("states", "parameters", "inputs", "receptors")

    states: dict[str, State] = {}  # a source of spikes may have none
    derivatives: dict[str, str | float] = {}
    receptors: dict[str, Receptor] = {}
    spike: Spike
    initial: Annotated[dict[str, str | float], Field(description="states at time 0, where they depend on parameters")] = {}
    scheme: Annotated[Scheme, Field(description="how states move on, unless a user says otherwise")] = "rk4"

    _parts: SpikeParts = PrivateAttr()

    @property
    def parts(self) -> SpikeParts:
        """The checked expressions of spikes, receptors and initial states."""
        return self._parts

    def check(self, equations: Equations, checker: Checker) -> None:
        self._parts = SpikeParts()
        self._check_spike(checker)
        if "weight" in self.parameters:
            why = "in receptors, 'weight' is that of the spike"
            checker.fault("'weight' is taken", "parameters", "weight", why=why, mend="give it another name")
        for name, receptor in self.receptors.items():
            self._check_receptor(name, receptor, checker)
        for name, value in self.initial.items():
            self._hold_state("initial", name, value, checker, self._parts.initial)
            allowed = {*self.parameters}
            stray = name in self._parts.initial and equations.symbols_of(self._parts.initial[name]) - allowed
            if stray:
                checker.fault(
                    f"{', '.join(sorted(stray))} is no parameter", "initial", name, why="a start may rest on nothing else"
                )
        for name in self.spike.holds:
            if name not in self.states:
                checker.fault(f"{name!r} is no state", "spike", "holds", mend=did_you_mean(name, self.states))
        if self.spike.holds and self.spike.refractory is None:
            checker.fault("nothing says for how long", "spike", "holds", mend="add refractory: t_ref")

    def _check_spike(self, checker: Checker) -> None:
        spike = self.spike
        kinds = [kind for kind in ("when", "hazard", "rate", "repeats") if getattr(spike, kind) is not None]
        if len(kinds) != 1:
            what = f"a spike has {' and '.join(kinds)}" if kinds else "nothing says when a neuron spikes"
            checker.fault(what, "spike", mend="write one of when: V >= V_th, hazard: … in Hz, rate: … in Hz, repeats: a receptor")
        if spike.is_counted:
            for key in ("reset", "refractory", "holds"):
                if getattr(spike, key):
                    checker.fault(f"{key} goes with a spike by when or hazard", "spike", key, why="here several may come in a step")
        if spike.repeats is not None and spike.repeats not in self.receptors:
            checker.fault(f"{spike.repeats!r} is no receptor", "spike", "repeats", mend=did_you_mean(spike.repeats, self.receptors))
        elif spike.repeats is not None and self.receptors[spike.repeats].weight != "1":
            why = f"weights there are in {self.receptors[spike.repeats].weight}"
            checker.fault(f"{spike.repeats!r} has no bare numbers to count", "spike", "repeats", why=why, mend='weight: "1"')
        if spike.when is not None:
            self._parts.when = checker.read(f"1.0 if ({spike.when}) else 0.0", "spike", "when")
            if self._parts.when is not None:
                checker.hold(self._parts.when, NONE, "a condition", "spike", "when")
                match self._parts.when.tree:
                    case ast.IfExp(test=ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not())):
                        pass
                    case _:
                        checker.fault(f"{spike.when} is no condition", "spike", "when", mend="write one such as V >= V_th")
        for key, text in (("hazard", spike.hazard), ("rate", spike.rate)):
            if text is not None:
                self._parts.hazard = checker.read(text, "spike", key)
                if self._parts.hazard is not None:
                    checker.hold(self._parts.hazard, of_unit("Hz"), f"a {key}", "spike", key)
        if spike.refractory is not None:
            self._parts.refractory = found = checker.read(spike.refractory, "spike", "refractory")
            if found is not None:
                checker.hold(found, of_unit("s"), "a time", "spike", "refractory")
                if stray := sorted(found.names() - self.parameters.keys()):
                    checker.fault(f"{', '.join(stray)} is no parameter", "spike", "refractory", why="refractoriness is constant")
        for name, value in spike.reset.items():
            self._hold_state("spike", name, value, checker, self._parts.reset)

    def _hold_state(self, section: str, name: str, value: str | float, checker: Checker, found: dict[str, Expression]) -> None:
        keys = (section, "reset", name) if section == "spike" else (section, name)
        if name not in self.states:
            checker.fault(f"{name!r} is no state", *keys, mend=did_you_mean(name, self.states))
            return
        expression = checker.read(value, *keys)
        if expression is not None and name in checker.known:
            checker.hold(expression, checker.known[name], f"state {name}", *keys)
            found[name] = expression

    def _check_receptor(self, name: str, receptor: Receptor, checker: Checker) -> None:
        for state, text in receptor.adds.items():
            keys = ("receptors", name, "adds", state)
            if state not in self.states:
                checker.fault(f"{state!r} is no state", *keys, mend=did_you_mean(state, self.states))
                continue
            slope = checker.collect(partial(self._slope, text, receptor, checker, state), *keys)
            if slope is not None:
                self._parts.adds[name, state] = slope

    def _slope(self, text: str, receptor: Receptor, checker: Checker, state: str) -> Expression:
        """What a weight of 1 adds; a CosimError where it is not a multiple of the weight."""
        read_text = read(text)
        unknown = sorted(read_text.names() - {*self.parameters, "weight"})
        if unknown:
            raise CosimError(f"there is no parameter {unknown[0]!r}", mend=did_you_mean(unknown[0], [*self.parameters, "weight"]))
        known = {**checker.known, "weight": of_unit(receptor.weight)}
        if of_expression(read_text, known) != checker.known.get(state):
            what, why = f"{text} is in {of_expression(read_text, known)}", f"{state} is in {checker.known.get(state)}"
            raise CosimError(what, why=why, mend="check the unit of the receptor's weight and those of the parameters")
        parts = linear_parts(read_text.tree, "weight", {})
        zero = parts is not None and Expression("", parts[1]).value(dict.fromkeys(read_text.names(), 1.0))
        if parts is None or zero != 0.0:
            raise CosimError(f"{text} is not a multiple of the weight", mend="write it like weight * e / tau_syn")
        return Expression(text, parts[0])


class SpikeParts:
    """Checked expressions.

    Attributes
    ----------
    when, hazard, refractory
        ``when`` is 1 or 0; ``hazard`` is a rate where the spike has one.
    reset, initial
        By state.
    adds
        By receptor and state: what a weight of 1 adds, of parameters alone.
    """

    def __init__(self) -> None:
        self.when: Expression | None = None
        self.hazard: Expression | None = None
        self.refractory: Expression | None = None
        self.reset: dict[str, Expression] = {}
        self.initial: dict[str, Expression] = {}
        self.adds: dict[tuple[str, str], Expression] = {}


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
            mend = f"{did_you_mean(name, [*shipped(), 'spike_generator'])}; a file of your own ends in .yaml"
            raise CosimError(f"there is no model {name!r}", mend=mend)
        return shipped()[name]
    found = (folder / Path(name).expanduser()).resolve()
    if not found.exists():
        raise CosimError(f"file {name!r} does not exist", why=f"looked for {found}", mend=f"paths start at {folder.resolve()}")
    return found


def read_model(path: Path) -> tuple[NeuronDescription, Equations]:
    """A model's file, checked."""
    return read_description(path, NeuronDescription)
