"""What is held against a description of a mechanism beyond its units: the expressions of gates, schemes, currents, receptors."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from cosim.sdk import CosimError, did_you_mean
from engines.compartmental_neurons.mechanisms.kinetics import Scheme, read_scheme, species
from engines.compartmental_neurons.mechanisms.parts import MechanismParts
from engines.compartmental_neurons.mechanisms.symbols import (
    NONSPECIFIC,
    PROVIDED,
    WEIGHT,
    in_small,
    is_ion,
    is_plain,
    unit_of_ion,
)
from engines.equations.description import Checker, Equations
from engines.equations.dimensions import NONE, Dimension, of_unit, si_factor
from engines.equations.expression import DERIVATIVE, Expression, read
from engines.equations.stepping import linear_slope

if TYPE_CHECKING:
    from engines.compartmental_neurons.mechanisms.description import Gate, MechanismDescription, Receptor

Keys = tuple[str | int, ...]


class Parts:
    """Reads what stands beside the equations of a description; faults go to the checker, which may have some already."""

    def __init__(self, described: MechanismDescription, equations: Equations, checker: Checker) -> None:
        self.described, self.equations, self.checker = described, equations, checker
        self.found = MechanismParts()
        self.units = described.given()

    def read(self) -> MechanismParts:
        self._names()
        self._misplaced()
        rates = self._rates()
        self.found.equations = Equations(
            self.checker.known,
            self._ordered({**rates, **self.equations.expressions}),
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
        if not self.checker.faults:
            self._scheme_of_states()
            self._start()
        return self.found

    # -- names -----------------------------------------------------------------------------------------------------

    def _names(self) -> None:
        """Gates, occupancies and rates are symbols like others, and none may hide what is given to all."""
        described, seen = self.described, dict[str, str]()
        for section in ("states", "parameters", "inputs", "expressions"):
            for name in getattr(described, section):
                seen[name] = section
                if name in (*PROVIDED, WEIGHT):
                    why = "of a spike, in receptors" if name == WEIGHT else "every mechanism is given it"
                    self.checker.fault(f"{name!r} is taken", section, name, why=why, mend="give it another name")
        for name, keys in self._own_names():
            if not is_plain(name):
                self.checker.fault(f"{name!r} is no symbol", *keys, mend="use letters, digits and _, and no word of the language")
            elif name in (*PROVIDED, WEIGHT):
                self.checker.fault(f"{name!r} is taken", *keys, why="it is given to every mechanism", mend="give it another name")
            elif name in seen:
                self.checker.fault(f"{name!r} is already one of {seen[name]}", *keys, mend="give it another name")
            seen.setdefault(name, str(keys[0]))

    def _own_names(self) -> Iterator[tuple[str, Keys]]:
        for name in self.described.rates:
            yield name, ("rates", name)
        for name in self.described.gates:
            yield name, ("gates", name)
        for scheme, lines in self.described.kinetics.items():
            for name in dict.fromkeys(name for line in lines for name in species(line)):
                yield name, ("kinetics", scheme)

    def _misplaced(self) -> None:
        """What descriptions of other things have, and nothing here would look at; symbols of ions where they have no value."""
        kind = self.described.kind
        for section in ("noise", "outputs"):
            if getattr(self.described, section):
                self.checker.fault(f"a mechanism has no {section}", section, mend="leave it out")
        for keys, text in texts_of(self.described):
            for name in sorted(_words(text) & self.described.beside.keys() - self._taken):
                if unit_of_ion(name) and name.startswith("i_") and kind != "ion":
                    self.checker.fault(f"{name!r} is given to mechanisms of an ion", *keys, why=f"this one is of kind {kind}")
                if unit_of_ion(name) and name.startswith("E_") and kind == "ion":
                    why = "it follows from concentrations, and those from this mechanism"
                    self.checker.fault(f"{name!r} is not given to mechanisms of an ion", *keys, why=why)

    # -- plain numbers ---------------------------------------------------------------------------------------------

    def _plain(self, value: str | float, *keys: str | int, weight: float = 1.0) -> Expression | None:
        """An expression of plain numbers, as one of SI numbers; its value times ``weight``."""
        found = self.checker.read(value, *keys)
        known = self.checker.known
        if found is None or not found.names() - self.described.expressions.keys() <= known.keys():
            return None  # the fault of a symbol that it uses has been told
        named = sorted(name for name in found.names() & self.described.expressions.keys() if known.get(name, NONE) != NONE)
        for name in named:
            why = f"{found.text!r} is written in plain numbers, and nothing says in which unit"
            self.checker.fault(f"{name!r} is in {known[name]}", *keys, why=why, mend=f"move {name} to rates, or write it out")
        tree = _Plain({name: si_factor(self.units[name]) for name in found.names() & self.units.keys()}).visit(found.tree)
        scaled = tree if weight == 1.0 else ast.BinOp(ast.Constant(weight), ast.Mult(), tree)
        return None if named else Expression(found.text, scaled, found.where)

    @property
    def _taken(self) -> set[str]:
        return {*self.described.gates, *self.described.occupancies, *self.described.rates}

    def _rates(self) -> dict[str, Expression]:
        found = {name: self._plain(value, "rates", name) for name, value in self.described.rates.items()}
        for name, value in self.described.expressions.items():
            if re.search(rf"\b{DERIVATIVE}\b", str(value)) and (inside := _words(value) & (self._taken - {*self.described.gates})):
                why = f"{DERIVATIVE} does not look into {', '.join(sorted(inside))}"
                self.checker.fault(f"{value} cannot be worked out", "expressions", name, why=why, mend="write it out")
        return {name: item for name, item in found.items() if item is not None}

    def _gate(self, name: str, gate: Gate) -> None:
        given = [key for key in ("alpha", "beta", "inf", "tau") if getattr(gate, key) is not None]
        if given not in (["alpha", "beta"], ["inf", "tau"]):
            what = f"gate {name} has {', '.join(given) or 'nothing'}"
            self.checker.fault(what, "gates", name, mend="write alpha and beta, or inf and tau")
            return
        first, second = (self._plain(getattr(gate, key), "gates", name, key) for key in given)
        factor = self._plain(gate.factor, "gates", name, "factor", weight=1000.0)
        if first is None or second is None or factor is None:
            return
        if given == ["alpha", "beta"]:
            both = ast.BinOp(first.tree, ast.Add(), second.tree)
            rest, pace = ast.BinOp(first.tree, ast.Div(), both), ast.BinOp(factor.tree, ast.Mult(), both)
            self.found.gates[name] = Expression(first.text, rest, first.where), Expression(first.text, pace, first.where)
        else:
            at_once = isinstance(second.tree, ast.Constant) and second.tree.value == 0
            pace = ast.BinOp(factor.tree, ast.Div(), second.tree)
            self.found.gates[name] = first, None if at_once else Expression(second.text, pace, second.where)

    def _scheme(self, name: str, lines: list[str]) -> None:
        def rate(text: str, row: int) -> Expression | None:
            return self._plain(text, "kinetics", name, row, weight=1000.0)

        scheme: Scheme | None = self.checker.collect(lambda: read_scheme(lines, rate), "kinetics", name)
        if scheme is None:
            return
        self.found.schemes[name] = scheme
        used = self.found.equations.symbols_of(*(transition.rate for transition in scheme.transitions)) & {*scheme.states}
        if used:
            why = "its steady state, and a step of it, would not follow from linear equations"
            self.checker.fault(f"rates of {name} rest on its own {', '.join(sorted(used))}", "kinetics", name, why=why)

    # -- with units ------------------------------------------------------------------------------------------------

    def _currents(self) -> None:
        expected = of_unit("A" if self.described.kind == "point" else "A/m**2")
        for name, text in self.described.currents.items():
            if self.described.kind == "ion":
                self.checker.fault("a mechanism of an ion has no current", "currents", name, mend="kind: density")
            is_misspelt = name != NONSPECIFIC and did_you_mean(name, [NONSPECIFIC]).startswith("did")
            if not is_ion(name) or is_misspelt:
                mend = f"{name.lower()}, or {NONSPECIFIC}" if is_ion(name.lower()) and not is_misspelt else NONSPECIFIC
                self.checker.fault(f"{name!r} is no ion", "currents", name, why="a current is of an ion, such as na", mend=mend)
            found = self.checker.read(text, "currents", name)
            if found is not None:
                self.checker.hold(found, expected, f"a current of kind {self.described.kind}", "currents", name)
                self.found.currents[name] = found

    def _concentrations(self) -> None:
        for name, text in self.described.concentrations.items():
            if unit_of_ion(name) != "mM":
                mend = in_small(name) if unit_of_ion(in_small(name)) == "mM" else ""
                why = f"{name!r} is none"
                self.checker.fault("concentrations are named like ca_i and k_o", "concentrations", name, why=why, mend=mend)
                continue
            found = self.checker.read(text, "concentrations", name)
            if found is not None:
                self.checker.hold(found, of_unit("mM"), "a concentration", "concentrations", name)
                self.found.concentrations[name] = found
        if self.described.concentrations and self.described.kind != "ion":
            self.checker.fault("only a mechanism of an ion has concentrations", "concentrations", mend="kind: ion")

    def _initial(self) -> None:
        startable = [*self.described.states, *self.described.gates]
        for name, value in self.described.initial.items():
            if name not in startable:
                why = "schemes start at rest" if name in self.described.occupancies else ""
                self.checker.fault(f"{name!r} is no state", "initial", name, why=why, mend=did_you_mean(name, startable))
                continue
            found = self.checker.read(value, "initial", name)
            if found is not None and name in self.checker.known:
                self.checker.hold(found, self.checker.known[name], f"state {name}", "initial", name)
                self.found.initial[name] = found

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
            if found is not None and state in known:
                self.checker.known = known | {WEIGHT: weight}
                self.checker.hold(found, known[state], f"state {state}", *keys)
                self.checker.known = known
                self.found.receptors[name, state] = found

    def _of_weight(self, text: str | float, keys: Keys) -> Expression:
        found = read(text, self.checker.text.where(*keys))
        allowed = [*self.units, *self.described.expressions, WEIGHT]
        unknown = sorted(found.names() - set(allowed))
        if unknown:
            raise CosimError(f"there is no symbol {unknown[0]!r}", mend=did_you_mean(unknown[0], allowed))
        return found

    # -- as a whole ------------------------------------------------------------------------------------------------

    def _ordered(self, expressions: Mapping[str, Expression]) -> dict[str, Expression]:
        graph = {name: sorted(item.names() & expressions.keys()) for name, item in expressions.items()}
        try:
            return {name: expressions[name] for name in TopologicalSorter(graph).static_order()}
        except CycleError as error:
            circle = error.args[1]
            section = "rates" if circle[0] in self.described.rates else "expressions"
            self.checker.fault(f"rates use each other in a circle: {' -> '.join(circle)}", section, circle[0])
            return {}

    def _scheme_of_states(self) -> None:
        if self.described.scheme != "exponential_euler":
            return
        for name in self.described.states:
            try:
                linear_slope(self.found.equations, name)
            except CosimError as error:
                self.checker.faults.append(CosimError(error.what, where=error.where, why=error.why, mend="scheme: heun"))

    def _start(self) -> None:
        """What starts at rest must not rest on itself."""
        equations, moving = self.found.equations, {*self.described.moving}
        graph = {name: sorted(equations.symbols_of(*self.found.at_start(name)) & moving) for name in self.described.moving}
        for scheme in self.found.schemes.values():  # of a scheme all states come at once
            inside = {*scheme.states}
            graph |= {name: sorted({*graph[name]} - inside) for name in scheme.states}
        try:
            list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            circle = error.args[1]
            what = f"at the start, {' rests on '.join(circle)}"
            section = "gates" if circle[0] in self.described.gates else "initial"
            self.checker.fault(what, section, circle[0], mend=f"say where {circle[0]} starts, under initial")


class _Plain(ast.NodeTransformer):
    """Puts plain numbers, in the units of their symbols, for SI ones: V / 0.001 for V."""

    def __init__(self, factors: Mapping[str, float]) -> None:
        self._factors = factors

    def visit_Call(self, node: ast.Call) -> ast.expr:
        return ast.Call(node.func, [self.visit(argument) for argument in node.args], [])

    def visit_Name(self, node: ast.Name) -> ast.expr:
        factor = self._factors.get(node.id, 1.0)
        return node if factor == 1.0 else ast.BinOp(node, ast.Mult(), ast.Constant(float(f"{1 / factor:.15g}")))


def texts_of(described: MechanismDescription) -> Iterator[tuple[Keys, str]]:
    """Everything in which symbols are used, by its keys."""
    for section in ("expressions", "derivatives", "noise", "rates", "currents", "concentrations", "initial"):
        yield from (((section, name), str(value)) for name, value in getattr(described, section).items())
    for name, gate in described.gates.items():
        for key in ("alpha", "beta", "inf", "tau", "factor"):
            yield ("gates", name, key), str(getattr(gate, key))
    for name, lines in described.kinetics.items():
        yield from ((("kinetics", name, row), line.partition("(")[2]) for row, line in enumerate(lines))
    for name, receptor in described.receptors.items():
        yield from ((("receptors", name, "sets", state), str(value)) for state, value in receptor.sets.items())
    yield from ((("outputs", name, "value"), str(output.value)) for name, output in described.outputs.items())


def _words(value: str | float) -> set[str]:
    return set(re.findall(r"[A-Za-z_]\w*", str(value)))
