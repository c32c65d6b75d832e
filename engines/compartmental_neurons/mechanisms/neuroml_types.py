"""Types of NeuroML's rates, variables, time courses and scalings, and those that a file defines by LEMS's ComponentType.

Each gives one number from V and so on, by expressions. They become expressions of mechanisms: parameters and constants as plain
numbers in the units of ``neuroml_units.coherent``, in which LEMS's equations hold as they stand.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from cosim.sdk import CosimError, did_you_mean
from engines.compartmental_neurons.mechanisms.neuroml_units import coherent
from engines.compartmental_neurons.mechanisms.neuroml_xml import Element
from engines.equations.expression import read

Symbols = Mapping[str, Callable[[], str]]
"""By LEMS's name: what gives the expression that stands for it."""
_FUNCTIONS = {name: name for name in ("exp", "sqrt", "abs", "sin", "cos", "tan", "sinh", "cosh", "tanh", "exprel")}
_FUNCTIONS |= {"ln": "log", "log": "log"}  # LEMS's log is the natural one
_WORDS = {
    ".lt.": "<", ".gt.": ">", ".leq.": "<=", ".geq.": ">=", ".eq.": "==", ".neq.": "!=", ".and.": " and ", ".or.": " or ",
    ".not.": " not ", "^": "**",
}  # fmt: skip
_WORD = re.compile("|".join(re.escape(word) for word in sorted(_WORDS, key=len, reverse=True)))


@dataclass(frozen=True, eq=False)
class Formula:
    """What a derived variable is: a text, cases of (condition or nothing, text), or what children give.

    Attributes
    ----------
    select, reduce
        ``q10Settings[*]/q10`` and how several are made one.
    """

    where: str
    text: str = ""
    cases: tuple[tuple[str, str], ...] = ()
    select: str = ""
    reduce: str = ""


@dataclass(frozen=True, eq=False)
class Type:
    """A ComponentType.

    Attributes
    ----------
    parameters
        Dimension by name.
    constants
        Text of its quantity and dimension by name.
    derivatives
        Of its state variables, of which ``assignments`` are what conditions and the start do to them.
    """

    name: str
    base: str
    where: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    derived: Mapping[str, Formula] = field(default_factory=dict)
    derivatives: Mapping[str, Formula] = field(default_factory=dict)


_HH = {"midpoint": "voltage", "scale": "voltage"}


def _standard(name: str, parameters: Mapping[str, str], output: str, text: str) -> Type:
    return Type(name, "", "NeuroML 2", parameters, {}, {output: Formula("NeuroML 2", text)})


_RISING, _SIGMOID = "rate * exp((v - midpoint) / scale)", "rate / (1 + exp(-(v - midpoint) / scale))"
_LINEAR = "rate / exprel(-(v - midpoint) / scale)"  # rate x / (1 - e^-x), and rate at x = 0
_Q10 = {"q10Factor": "none", "experimentalTemp": "temperature"}
STANDARD: Mapping[str, Type] = {
    item.name: item
    for item in (
        _standard("HHExpRate", {"rate": "per_time", **_HH}, "r", _RISING),
        _standard("HHSigmoidRate", {"rate": "per_time", **_HH}, "r", _SIGMOID),
        _standard("HHExpLinearRate", {"rate": "per_time", **_HH}, "r", _LINEAR),
        _standard("HHExpVariable", {"rate": "none", **_HH}, "x", _RISING),
        _standard("HHSigmoidVariable", {"rate": "none", **_HH}, "x", _SIGMOID),
        _standard("HHExpLinearVariable", {"rate": "none", **_HH}, "x", _LINEAR),
        _standard("fixedTimeCourse", {"tau": "time"}, "t", "tau"),
        _standard("q10Fixed", {"fixedQ10": "none"}, "q10", "fixedQ10"),
        _standard("q10ExpTemp", _Q10, "q10", "q10Factor ** ((temperature - experimentalTemp) / 10)"),
        _standard("q10ConductanceScaling", _Q10, "factor", "q10Factor ** ((temperature - experimentalTemp) / 10)"),
    )
}
"""The forms of the standard, by name."""


def read_type(element: Element) -> Type:
    """A ComponentType of a file."""
    constants = {item.attribute("name"): (item.attribute("value"), item.attribute("dimension")) for item in element.all("Constant")}
    constants |= {item.attribute("parameter"): (item.attribute("value"), "") for item in element.all("Fixed")}
    derived: dict[str, Formula] = {}
    derivatives: dict[str, Formula] = {}
    dynamics = element.first("Dynamics")
    for item in dynamics.children if dynamics is not None else ():
        given = item.attributes
        if item.tag == "DerivedVariable":
            texts = given.get("value", ""), (), given.get("select", ""), given.get("reduce", "")
            derived[item.attribute("name")] = Formula(item.where, *texts)
        elif item.tag == "ConditionalDerivedVariable":
            cases = tuple((case.attributes.get("condition", ""), case.attribute("value")) for case in item.all("Case"))
            derived[item.attribute("name")] = Formula(item.where, "", cases)
        elif item.tag == "TimeDerivative":
            derivatives[item.attribute("variable")] = Formula(item.where, item.attribute("value"))
    parameters = {item.attribute("name"): item.attribute("dimension") for item in element.all("Parameter")}
    return Type(
        element.attribute("name"), element.attributes.get("extends", ""), element.where, parameters, constants, derived, derivatives
    )


class Types:
    """The types of the standard and of some files."""

    def __init__(self, own: Mapping[str, Type]) -> None:
        self._own = own

    def of(self, element: Element) -> Type:
        """The type of an element, with all that it has of the types that it extends.

        Raises
        ------
        CosimError
            There is none of that name.
        """
        found = self.find(element.type)
        if found is None:
            known = [*STANDARD, *self._own]
            raise element.fault(
                f"there is no type {element.type!r}", why="neither in the standard nor in this file and those it includes",
                mend=did_you_mean(element.type, known),
            )  # fmt: skip
        return found

    def find(self, name: str) -> Type | None:
        """The same by name."""
        found: Type | None = None
        for item in reversed(list(self._chain(name))):
            if found is None:
                found = item
            else:
                derived = {**item.derived} if item.derived or item.derivatives else found.derived
                derivatives = item.derivatives if item.derived or item.derivatives else found.derivatives
                found = Type(
                    item.name, found.name, item.where, {**found.parameters, **item.parameters},
                    {**found.constants, **item.constants}, derived, derivatives,
                )  # fmt: skip
        return found

    def ancestry(self, name: str) -> list[str]:
        """A type and those that it extends, by name, to the first that is not of the files."""
        found = [name]
        while (item := self._own.get(found[-1])) is not None and item.base and item.base not in found:
            found.append(item.base)
        return found

    def _chain(self, name: str) -> Iterator[Type]:
        seen = set[str]()
        while name and name not in seen:
            seen.add(name)
            item = self._own.get(name) or STANDARD.get(name)
            if item is None:
                return
            yield item
            name = item.base


class Component:
    """The value of a component's variables as expressions.

    Parameters
    ----------
    symbols
        What comes from around it, such as ``v``.
    keep
        Gives a name to an expression that is used more than once: ``keep(name, text, where)``.
    select
        What children give, of ``select`` and ``reduce``.
    """

    def __init__(
        self, element: Element, kind: Type, symbols: Symbols, keep: Callable[[str, str, str], str],
        select: Callable[[Formula], str] | None = None,
    ) -> None:  # fmt: skip
        self._element, self._kind, self._symbols, self._keep, self._select = element, kind, symbols, keep, select
        self._named: dict[str, str] = {}
        self._open: list[str] = []

    def value(self, name: str) -> str:
        """The expression of a derived variable.

        Raises
        ------
        CosimError
            It rests on something that is not known, or on itself.
        """
        formula = self._kind.derived.get(name)
        if formula is None:
            raise self._element.fault(f"{self._kind.name} gives no {name}", why="it has no DerivedVariable of that name")
        if name in self._open:
            raise CosimError(f"{' -> '.join([*self._open, name])} rest on each other", where=formula.where)
        self._open.append(name)
        try:
            return self._of(formula)
        finally:
            self._open.pop()

    def _of(self, formula: Formula) -> str:
        if formula.select:
            if self._select is None:
                raise CosimError(f"{formula.select!r} cannot be selected here", where=formula.where)
            return self._select(formula)
        if not formula.cases:
            return self._converted(formula.text, formula.where)
        last = [text for condition, text in formula.cases if not condition]
        found = self._converted(last[0] if last else "0", formula.where)
        for condition, text in reversed([case for case in formula.cases if case[0]]):
            found = f"where({self._converted(condition, formula.where)}, {self._converted(text, formula.where)}, {found})"
        return found

    def _converted(self, text: str, where: str) -> str:
        return converted(text, self._symbol, where)

    def _symbol(self, name: str, where: str) -> str:
        kind, given = self._kind, self._element.attributes
        if name in self._named:
            return self._named[name]
        if name in kind.constants:
            value, dimension = kind.constants[name]
            return _plain(value, dimension or kind.parameters.get(name, "none"), where)
        if name in kind.parameters:
            if name not in given:
                raise self._element.fault(
                    f"{self._element.tag} has no {name}", why=f"{kind.name} takes {', '.join(kind.parameters)}"
                )
            return _plain(given[name], kind.parameters[name], self._element.where)
        if name in kind.derived:
            self._named[name] = self._keep(name, self.value(name), kind.derived[name].where)
            return self._named[name]
        if name in self._symbols:
            return self._symbols[name]()
        raise CosimError(
            f"there is no {name!r} here", where=where, why=f"in {kind.name}",
            mend=did_you_mean(name, [*kind.parameters, *kind.constants, *kind.derived, *self._symbols]),
        )  # fmt: skip


def _plain(text: str, dimension: str, where: str) -> str:
    try:
        return repr(coherent(text, dimension))
    except CosimError as error:
        raise error.located(where) from None


def parse_lems(text: str, where: str) -> ast.expr:
    """A LEMS expression as a tree of Python's.

    Raises
    ------
    CosimError
        It cannot be read.
    """
    try:
        return ast.parse(" ".join(_WORD.sub(lambda m: _WORDS[m[0]], text).split()), mode="eval").body
    except SyntaxError as error:
        raise CosimError(f"{text!r} cannot be read: {error.msg}", where=where) from None


def converted(text: str, symbol: Callable[[str, str], str], where: str) -> str:
    """A LEMS expression as one of mechanisms; ``symbol(name, where)`` gives what stands for a name."""
    return ast.unparse(_Names(symbol, where).visit(parse_lems(text, where)))


def as_number(text: str) -> float | None:
    """The number that an expression without symbols comes to; None for any other."""
    expression = read(text)
    return None if expression.names() else float(expression.value({}))  # type: ignore[arg-type]


class _Names(ast.NodeTransformer):
    """Puts expressions for names, and what expressions of mechanisms have for what they do not."""

    def __init__(self, symbol: Callable[[str, str], str], where: str) -> None:
        self._symbol, self._where = symbol, where

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.parse(self._symbol(node.id, self._where), mode="eval").body

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """``V - -55`` reads better as ``V + 55``, and what changes nothing goes: the bits stay the same."""
        left: ast.expr = self.visit(node.left)
        right: ast.expr = self.visit(node.right)
        if isinstance(node.op, ast.Sub) and isinstance(right, ast.UnaryOp) and isinstance(right.op, ast.USub):
            return ast.BinOp(left, ast.Add(), right.operand)
        if isinstance(node.op, (ast.Mult, ast.Div)) and isinstance(right, ast.Constant) and right.value == 1:
            return left
        if isinstance(node.op, ast.Sub) and isinstance(right, ast.Constant) and right.value == 0:
            return left
        return ast.BinOp(left, node.op, right)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name == "H" and len(node.args) == 1:  # Heaviside's step
            step = ast.Compare(self.visit(node.args[0]), [ast.Gt()], [ast.Constant(0)])
            return ast.Call(ast.Name("where"), [step, ast.Constant(1), ast.Constant(0)], [])
        if name not in _FUNCTIONS:
            raise CosimError(f"there is no function {name!r}", where=self._where, mend=did_you_mean(name, _FUNCTIONS))
        return ast.Call(ast.Name(_FUNCTIONS[name]), [self.visit(argument) for argument in node.args], [])

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """Equality becomes two inequalities: numbers with rounding are compared by nothing else."""
        left, right = self.visit(node.left), self.visit(node.comparators[0])
        if len(node.ops) > 1 or not isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
            return ast.Compare(left, node.ops, [self.visit(item) for item in node.comparators])
        signs: tuple[ast.cmpop, ast.cmpop] = (ast.LtE(), ast.GtE()) if isinstance(node.ops[0], ast.Eq) else (ast.Lt(), ast.Gt())
        joined = ast.And() if isinstance(node.ops[0], ast.Eq) else ast.Or()
        return ast.BoolOp(joined, [ast.Compare(left, [sign], [right]) for sign in signs])
