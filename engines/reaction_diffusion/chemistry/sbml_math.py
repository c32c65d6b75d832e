"""Formulas of SBML as expressions, and rates taken apart into ways there and back.

Formulas come as libSBML reads them (MathML of content). Functions that a file defines have been put in before.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cosim.sdk import CosimError
from engines.equations.expression import plain_number, whole_number
from engines.reaction_diffusion.chemistry.measures import AVOGADRO

_MOST_TERMS, _MOST_POWER = 16, 8
_CALLED = {
    "exp": "exp", "ln": "log", "abs": "abs", "sin": "sin", "cos": "cos", "tan": "tan", "sinh": "sinh", "cosh": "cosh",
    "tanh": "tanh", "arctan": "arctan",
}  # fmt: skip
_COMPARED: Mapping[str, type[ast.cmpop]] = {"lt": ast.Lt, "leq": ast.LtE, "gt": ast.Gt, "geq": ast.GtE}
_FIXED = {"pi": math.pi, "exponentiale": math.e, "avogadro": AVOGADRO, "true": 1.0, "false": 0.0}


def kinds(library: Any) -> dict[int, str]:
    """Names of libSBML's types of nodes: ``plus``, ``function_power``, …"""
    return {value: name.removeprefix("AST_").lower() for name, value in vars(library).items() if name.startswith("AST_")}


class Formulas:
    """Reads formulas.

    Parameters
    ----------
    kinds
        Of ``kinds``.
    symbol
        Gives the tree that stands for an identifier.
    """

    def __init__(self, kinds: Mapping[int, str], symbol: Callable[[str], ast.expr]) -> None:
        self._kinds, self._symbol = kinds, symbol

    def read(self, node: Any) -> ast.expr:
        """A formula as an expression.

        Raises
        ------
        CosimError
            Something in it has no place in a rate: time, a delay, a function that there is not.
        """
        kind = self._kinds.get(node.getType(), "something")
        parts = [node.getChild(k) for k in range(node.getNumChildren())]
        if kind in ("integer", "real", "real_e", "rational"):
            return number(float(node.getInteger()) if kind == "integer" else float(node.getReal()))
        if kind == "name":
            return self._symbol(node.getName())
        if kind in ("name_time", "function_delay"):
            what = "time by itself" if kind == "name_time" else "a delay"
            raise CosimError(f"{what} has no place here", mend="rates depend on species, parameters and states")
        bare = kind.removeprefix("function_").removeprefix("relational_").removeprefix("logical_").removeprefix("constant_")
        if kind.removeprefix("constant_").removeprefix("name_") in _FIXED:
            return number(_FIXED[kind.removeprefix("constant_").removeprefix("name_")])
        if bare == "piecewise":
            return self._piecewise(parts)
        return self._operation(bare, [self.read(part) for part in parts])

    def _operation(self, kind: str, parts: list[ast.expr]) -> ast.expr:
        match kind, parts:
            case "plus", _:
                return folded(ast.Add(), parts, 0.0)
            case "times", _:
                return folded(ast.Mult(), parts, 1.0)
            case "minus", [x]:
                return ast.UnaryOp(ast.USub(), x)
            case "minus", [a, b]:
                return ast.BinOp(a, ast.Sub(), b)
            case "divide", [a, b]:
                return ast.BinOp(a, ast.Div(), b)
            case "power", [a, b]:
                return ast.BinOp(a, ast.Pow(), b)
            case "root", [x]:
                return _call("sqrt", x)
            case "root", [degree, x]:
                return (
                    _call("sqrt", x)
                    if plain_number(degree) == 2
                    else ast.BinOp(x, ast.Pow(), ast.BinOp(number(1), ast.Div(), degree))
                )
            case "log", [x]:
                return ast.BinOp(_call("log", x), ast.Div(), number(math.log(10.0)))
            case "log", [base, x]:
                return ast.BinOp(_call("log", x), ast.Div(), _call("log", base))
            case "min" | "max", [first, *others]:
                for other in others:
                    first = _call(kind, first, other)
                return first
            case "and" | "or", [_, _, *_]:
                return ast.BoolOp(ast.And() if kind == "and" else ast.Or(), parts)
            case "not", [x]:
                return ast.UnaryOp(ast.Not(), x)
        if kind in _COMPARED and len(parts) > 1:
            return ast.Compare(parts[0], [_COMPARED[kind]()] * (len(parts) - 1), parts[1:])
        if kind in _CALLED and len(parts) == 1:
            return _call(_CALLED[kind], parts[0])
        raise CosimError(f"{kind} has no place here", mend="rates are of + - * / powers, exp, ln, sqrt, <, >, piecewise and such")

    def _piecewise(self, parts: list[Any]) -> ast.expr:
        found = self.read(parts[-1]) if len(parts) % 2 else number(0.0)
        for k in range(len(parts) - len(parts) % 2 - 2, -1, -2):
            found = ast.IfExp(self.read(parts[k + 1]), self.read(parts[k]), found)
        return found


@dataclass(frozen=True)
class Term:
    """A product.

    Attributes
    ----------
    above, below
        Its factors, and what it is divided by.
    """

    is_negative: bool
    above: tuple[ast.expr, ...]
    below: tuple[ast.expr, ...]

    def tree(self) -> ast.expr:
        """Its size, without the sign."""
        top = folded(ast.Mult(), list(self.above), 1.0)
        return ast.BinOp(top, ast.Div(), folded(ast.Mult(), list(self.below), 1.0)) if self.below else top

    def is_plain(self) -> bool:
        """Whether it shows that it is not negative: there is no difference in it."""
        nodes = (node for part in (*self.above, *self.below) for node in ast.walk(part))
        return not any(isinstance(node, (ast.Sub, ast.USub)) for node in nodes)

    def orders(self, species: Container[str]) -> tuple[dict[str, int], ast.expr] | None:
        """Whole powers of species, and the rest; None where species are in it otherwise."""
        orders: dict[str, int] = {}
        rest = []
        for factor in self.above:
            if isinstance(factor, ast.Name) and factor.id in species:
                orders[factor.id] = orders.get(factor.id, 0) + 1
            else:
                rest.append(factor)
        kept = Term(False, tuple(rest), self.below).tree()
        return (orders, kept) if not _mentions(kept, species) else None


def terms_of(tree: ast.expr) -> list[Term] | None:
    """A sum as its terms, products of sums multiplied out; None where that would be too many."""
    try:
        found = list(_terms(tree))
    except OverflowError:
        return None
    return found if len(found) <= _MOST_TERMS else None


def number(value: float) -> ast.expr:
    return ast.Constant(value) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-value))


def times(tree: ast.expr, factor: float) -> ast.expr:
    return tree if factor == 1.0 else ast.BinOp(tree, ast.Mult(), ast.Constant(factor))


def folded(operation: ast.operator, parts: list[ast.expr], empty: float) -> ast.expr:
    """Parts in a row, such as a + b + c."""
    if not parts:
        return number(empty)
    found = parts[0]
    for part in parts[1:]:
        found = ast.BinOp(found, operation, part)
    return found


def _terms(tree: ast.expr) -> Iterator[Term]:
    match tree:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            yield from _terms(left)
            yield from _terms(right)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            yield from _terms(left)
            yield from (Term(not term.is_negative, term.above, term.below) for term in _terms(right))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield from (Term(not term.is_negative, term.above, term.below) for term in _terms(operand))
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            pairs = [(a, b) for a in _terms(left) for b in _terms(right)]
            if len(pairs) > _MOST_TERMS:
                raise OverflowError
            yield from (Term(a.is_negative != b.is_negative, a.above + b.above, a.below + b.below) for a, b in pairs)
        case ast.BinOp(left=base, op=ast.Pow(), right=exponent) if (whole := whole_number(exponent)) and 1 < whole <= _MOST_POWER:
            below = [*_terms(base)]
            if len(below) == 1 and not below[0].is_negative:
                yield Term(False, below[0].above * whole, below[0].below * whole)
            else:
                yield Term(False, (tree,), ())
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            below = [*_terms(right)]
            if len(below) == 1:
                (other,) = below
                yield from (
                    Term(a.is_negative != other.is_negative, a.above + other.below, a.below + other.above) for a in _terms(left)
                )
            else:
                yield from (Term(a.is_negative, a.above, (*a.below, right)) for a in _terms(left))
        case _:
            yield Term(False, (tree,), ())


def _mentions(tree: ast.expr, names: Container[str]) -> bool:
    return any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(tree))


def _call(name: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name), list(arguments), [])
