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

import ast
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PrivateAttr

from cosim.sdk import CosimError, Params, did_you_mean
from engines.compartmental_neurons.mechanisms.kinetics import Scheme, read_scheme
from engines.equations.description import Checker, Description, Equations, State, read_description
from engines.equations.dimensions import Dimension, of_unit, si_factor
from engines.equations.expression import Expression

MODELS = Path(__file__).parent / "models"
NONSPECIFIC = "nonspecific"
PROVIDED = {
    "V": "mV", "celsius": "1", "temperature": "K", "area": "um**2", "diameter": "um", "faraday": "C/mol",
    "gas_constant": "J/(mol*K)",
}  # fmt: skip
"""Symbols that every mechanism is given, and their units."""
_OF_ION = re.compile(r"^(?:E_(?P<reversal>[a-z]\w*)|i_(?P<current>[a-z]\w*)|(?P<inner>[a-z][a-z0-9]*)_i|(?P<outer>[a-z][a-z0-9]*)_o)$")
_UNITS_OF_ION = {"reversal": "mV", "current": "mA/cm**2", "inner": "mM", "outer": "mM"}


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
    sets: Annotated[dict[str, str], Field(description="states after a spike", min_length=1)]
    about: str = ""


class MechanismDescription(Description):
    """A mechanism's file."""

    symbols: ClassVar[tuple[str, ...]] = ("states", "parameters", "inputs")

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
        found = dict.fromkeys(name for lines in self.kinetics.values() for line in lines for name in _species(line))
        return list(found)

    @property
    def moving(self) -> list[str]:
        """Names of all that changes of itself: gates, occupancies, states."""
        return [*self.gates, *self.occupancies, *self.states]

    def given(self) -> dict[str, str]:
        found = super().given() | dict.fromkeys([*self.gates, *self.occupancies, *self.rates], "1")
        texts = " ".join(map(str, _texts(self)))
        for word in dict.fromkeys(re.findall(r"[A-Za-z_]\w*", texts)):
            if word in PROVIDED and word not in found:
                found[word] = PROVIDED[word]
            elif word not in found and word not in self.expressions and (unit := unit_of_ion(word)):
                found[word] = unit
        return found

    def check(self, equations: Equations, checker: Checker) -> None:
        self._parts = parts = MechanismParts()
        parts.equations = _Reader(self, equations, checker, parts).read()


class MechanismParts:
    """Checked expressions, all in SI units.

    Attributes
    ----------
    equations
        With rates among the named expressions; ``derivatives`` of states, not of gates.
    gates
        By gate: where it goes, and how fast, 1/s (None: at once).
    schemes
        Schemes with their rates, 1/s.
    currents
        By ion: in A/m² or, of a point, in A.
    concentrations, initial
        By symbol of the ion, by state.
    receptors
        By receptor and state, with the symbol ``weight``.
    """

    def __init__(self) -> None:
        self.equations: Equations
        self.gates: dict[str, tuple[Expression, Expression | None]] = {}
        self.schemes: dict[str, Scheme] = {}
        self.currents: dict[str, Expression] = {}
        self.concentrations: dict[str, Expression] = {}
        self.initial: dict[str, Expression] = {}
        self.receptors: dict[tuple[str, str], Expression] = {}


def unit_of_ion(symbol: str) -> str:
    """Unit of a symbol that belongs to an ion, such as ``E_na``; empty where it is none."""
    match = _OF_ION.match(symbol)
    return _UNITS_OF_ION[str(match.lastgroup)] if match else ""


def ion_of(symbol: str) -> str:
    """``na`` of ``E_na``, ``i_na``, ``na_i`` and ``na_o``; empty for any other."""
    match = _OF_ION.match(symbol)
    return next(filter(None, match.groups())) if match else ""


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
    if not name.endswith((".yaml", ".yml")):
        if name not in shipped():
            raise CosimError(f"there is no mechanism {name!r}", mend=f"{did_you_mean(name, shipped())}; a file of your own ends in .yaml")
        return shipped()[name]
    found = (folder / Path(name).expanduser()).resolve()
    if not found.exists():
        raise CosimError(f"file {name!r} does not exist", why=f"looked for {found}", mend=f"paths start at {folder.resolve()}")
    return found


def read_mechanism(path: Path) -> MechanismDescription:
    """A mechanism's file, checked."""
    return read_description(path, MechanismDescription)[0]


# -- inside ------------------------------------------------------------------------------------------------------------


def _texts(described: MechanismDescription) -> Iterator[Any]:
    """Everything in which symbols are used."""
    for section in ("expressions", "derivatives", "noise", "rates", "currents", "concentrations", "initial"):
        yield from getattr(described, section).values()
    for gate in described.gates.values():
        yield from (gate.alpha, gate.beta, gate.inf, gate.tau, gate.factor)
    for lines in described.kinetics.values():
        yield from (line.partition("(")[2] for line in lines)
    for receptor in described.receptors.values():
        yield from receptor.sets.values()
    yield from (output.value for output in described.outputs.values())


def _species(line: str) -> list[str]:
    return [word for word in re.findall(r"[A-Za-z_]\w*", line.partition("(")[0])]


class _Reader:
    """Reads what stands beside the equations of a description."""

    def __init__(self, described: MechanismDescription, equations: Equations, checker: Checker, parts: MechanismParts) -> None:
        self.described, self.equations, self.checker, self.parts = described, equations, checker, parts
        self.units = described.given()

    def read(self) -> Equations:
        rates = self._rates()
        merged = Equations(
            self.checker.known,
            _ordered({**rates, **self.equations.expressions}, self.checker),
            self.equations.derivatives, self.equations.noise, self.equations.outputs,
        )  # fmt: skip
        for name, gate in self.described.gates.items():
            self._gate(name, gate)
        for name, lines in self.described.kinetics.items():
            self._scheme(name, lines)
        self._currents()
        self._concentrations()
        self._initial()
        for name, receptor in self.described.receptors.items():
            self._receptor(name, receptor)
        return merged

    def _plain(self, value: str | float, *keys: str | int, weight: float = 1.0) -> Expression | None:
        """An expression of plain numbers, as one of SI numbers; its value times ``weight``."""
        found = self.checker.read(value, *keys)
        if found is None:
            return None
        tree = _Plain({name: si_factor(unit) for name, unit in self.units.items()}).visit(found.tree)
        scaled = tree if weight == 1.0 else ast.BinOp(ast.Constant(weight), ast.Mult(), tree)
        return Expression(found.text, scaled, found.where)

    def _rates(self) -> dict[str, Expression]:
        found = {name: self._plain(value, "rates", name) for name, value in self.described.rates.items()}
        return {name: item for name, item in found.items() if item is not None}

    def _gate(self, name: str, gate: Gate) -> None:
        by_rates, by_rest = (gate.alpha, gate.beta), (gate.inf, gate.tau)
        given = [key for key in ("alpha", "beta", "inf", "tau") if getattr(gate, key) is not None]
        if given not in (["alpha", "beta"], ["inf", "tau"]):
            what = f"gate {name} has {', '.join(given) or 'nothing'}"
            self.checker.fault(what, "gates", name, mend="write alpha and beta, or inf and tau")
            return
        factor = self._plain(gate.factor, "gates", name, "factor", weight=1000.0)
        if by_rates[0] is not None and by_rates[1] is not None:
            alpha, beta = self._plain(by_rates[0], "gates", name, "alpha"), self._plain(by_rates[1], "gates", name, "beta")
            if alpha and beta and factor:
                both = ast.BinOp(alpha.tree, ast.Add(), beta.tree)
                where = alpha.where
                self.parts.gates[name] = (
                    Expression(alpha.text, ast.BinOp(alpha.tree, ast.Div(), both), where),
                    Expression(alpha.text, ast.BinOp(factor.tree, ast.Mult(), both), where),
                )
        elif by_rest[0] is not None and by_rest[1] is not None:
            rest, tau = self._plain(by_rest[0], "gates", name, "inf"), self._plain(by_rest[1], "gates", name, "tau")
            if rest and tau and factor:
                at_once = isinstance(tau.tree, ast.Constant) and tau.tree.value == 0
                pace = None if at_once else Expression(tau.text, ast.BinOp(factor.tree, ast.Div(), tau.tree), tau.where)
                self.parts.gates[name] = (rest, pace)

    def _scheme(self, name: str, lines: list[str]) -> None:
        def rate(text: str, row: int) -> Expression | None:
            return self._plain(text, "kinetics", name, row, weight=1000.0)

        scheme = self.checker.collect(lambda: read_scheme(lines, rate), "kinetics", name)
        if scheme is not None:
            self.parts.schemes[name] = scheme

    def _currents(self) -> None:
        expected = of_unit("A" if self.described.kind == "point" else "A/m**2")
        for name, text in self.described.currents.items():
            if self.described.kind == "ion":
                self.checker.fault("a mechanism of an ion has no current", "currents", name, mend="kind: density")
            found = self.checker.read(text, "currents", name)
            if found is not None:
                self.checker.hold(found, expected, f"a current of kind {self.described.kind}", "currents", name)
                self.parts.currents[name] = found

    def _concentrations(self) -> None:
        for name, text in self.described.concentrations.items():
            if unit_of_ion(name) != "mM":
                why = f"{name!r} is none"
                self.checker.fault("concentrations are named like ca_i and k_o", "concentrations", name, why=why)
                continue
            found = self.checker.read(text, "concentrations", name)
            if found is not None:
                self.checker.hold(found, of_unit("mM"), "a concentration", "concentrations", name)
                self.parts.concentrations[name] = found
        if self.described.concentrations and self.described.kind != "ion":
            self.checker.fault("only a mechanism of an ion has concentrations", "concentrations", mend="kind: ion")

    def _initial(self) -> None:
        for name, value in self.described.initial.items():
            if name not in self.described.moving:
                self.checker.fault(f"{name!r} is no state", "initial", name, mend=did_you_mean(name, self.described.moving))
                continue
            found = self.checker.read(value, "initial", name)
            if found is not None and name in self.checker.known:
                self.checker.hold(found, self.checker.known[name], f"state {name}", "initial", name)
                self.parts.initial[name] = found

    def _receptor(self, name: str, receptor: Receptor) -> None:
        weight = self.checker.collect(lambda: of_unit(receptor.weight), "receptors", name, "weight")
        known: dict[str, Dimension] = dict(self.checker.known)
        if weight is None:
            return
        for state, text in receptor.sets.items():
            keys = ("receptors", name, "sets", state)
            if state not in self.described.moving:
                self.checker.fault(f"{state!r} is no state", *keys, mend=did_you_mean(state, self.described.moving))
                continue
            found = self.checker.collect(lambda text=text, keys=keys: self._of_weight(text, keys), *keys)  # type: ignore[misc]
            if found is not None:
                self.checker.known = known | {"weight": weight}
                self.checker.hold(found, known[state], f"state {state}", *keys)
                self.checker.known = known
                self.parts.receptors[name, state] = found

    def _of_weight(self, text: str, keys: tuple[str, ...]) -> Expression:
        from engines.equations.expression import read

        found = read(text, self.checker.text.where(*keys))
        allowed = [*self.units, *self.described.expressions, "weight"]
        unknown = sorted(found.names() - set(allowed))
        if unknown:
            raise CosimError(f"there is no symbol {unknown[0]!r}", mend=did_you_mean(unknown[0], allowed))
        return found


class _Plain(ast.NodeTransformer):
    """Puts plain numbers, in the units of their symbols, for SI ones: V / 0.001 for V."""

    def __init__(self, factors: Mapping[str, float]) -> None:
        self._factors = factors

    def visit_Call(self, node: ast.Call) -> ast.expr:
        return ast.Call(node.func, [self.visit(argument) for argument in node.args], [])

    def visit_Name(self, node: ast.Name) -> ast.expr:
        factor = self._factors.get(node.id, 1.0)
        return node if factor == 1.0 else ast.BinOp(node, ast.Mult(), ast.Constant(float(f"{1 / factor:.15g}")))


def _ordered(expressions: Mapping[str, Expression], checker: Checker) -> dict[str, Expression]:
    graph = {name: sorted(item.names() & expressions.keys()) for name, item in expressions.items()}
    try:
        return {name: expressions[name] for name in TopologicalSorter(graph).static_order()}
    except CycleError as error:
        circle = error.args[1]
        checker.fault(f"rates use each other in a circle: {' -> '.join(circle)}", "rates", circle[0])
        return {}
