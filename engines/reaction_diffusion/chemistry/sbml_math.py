"""Formulas of SBML as expressions, from the trees that libSBML reads; functions that a file defines have been put in before."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from typing import Any

from cosim.sdk import CosimError
from engines.equations.expression import plain_number
from engines.reaction_diffusion.chemistry.measures import AVOGADRO
from engines.reaction_diffusion.chemistry.sbml_terms import folded, number

_CALLED = {
    "exp": "exp", "ln": "log", "abs": "abs", "sin": "sin", "cos": "cos", "tan": "tan", "sinh": "sinh", "cosh": "cosh",
    "tanh": "tanh", "arctan": "arctan",
}  # fmt: skip
_COMPARED: Mapping[str, type[ast.cmpop]] = {"lt": ast.Lt, "leq": ast.LtE, "gt": ast.Gt, "geq": ast.GtE}
_FIXED = {
    "constant_pi": math.pi, "constant_e": math.e, "constant_true": 1.0, "constant_false": 0.0, "name_avogadro": AVOGADRO,
}  # fmt: skip
_NUMBERS = ("integer", "real", "real_e", "rational")


class Formulas:
    """Reads formulas.

    Parameters
    ----------
    symbol
        Gives the tree that stands for an identifier.
    """

    def __init__(self, library: Any, symbol: Callable[[str], ast.expr]) -> None:
        names = {name: value for name, value in vars(library).items() if name.startswith("AST_")}
        self._kinds = {value: name.removeprefix("AST_").lower() for name, value in names.items()}
        self._symbol = symbol

    def read(self, node: Any) -> ast.expr:
        """A formula as an expression.

        Raises
        ------
        CosimError
            Something in it has no place in a rate: time, a delay, a function that there is not.
        """
        kind = self._kinds.get(node.getType(), "something")
        parts = [node.getChild(k) for k in range(node.getNumChildren())]
        if kind in _NUMBERS:
            return number(float(node.getInteger()) if kind == "integer" else float(node.getReal()))
        if kind == "name":
            return self._symbol(node.getName())
        if kind in _FIXED:
            return number(_FIXED[kind])
        if kind in ("name_time", "function_delay"):
            what = "time by itself" if kind == "name_time" else "a delay"
            raise CosimError(f"{what} has no place here", mend="rates depend on species, parameters and states")
        bare = kind.removeprefix("function_").removeprefix("relational_").removeprefix("logical_")
        if bare == "piecewise":
            return self._piecewise(parts)
        found = self._operation(bare, [self.read(part) for part in parts])
        if found is None:
            mend = "rates are of + - * / powers, exp, ln, sqrt, <, >, piecewise and such"
            raise CosimError(f"{node.getName() or bare} has no place here", mend=mend)
        return found

    def _operation(self, kind: str, parts: list[ast.expr]) -> ast.expr | None:
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
                one_over = ast.BinOp(number(1.0), ast.Div(), degree)
                return _call("sqrt", x) if plain_number(degree) == 2 else ast.BinOp(x, ast.Pow(), one_over)
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
            case _, [x] if kind in _CALLED:
                return _call(_CALLED[kind], x)
            case _, [first, _, *_] if kind in _COMPARED:
                return ast.Compare(first, [_COMPARED[kind]()] * (len(parts) - 1), parts[1:])
        return None

    def _piecewise(self, parts: list[Any]) -> ast.expr:
        """Pairs of value and condition, and what holds otherwise."""
        pairs = len(parts) // 2
        found = self.read(parts[-1]) if len(parts) % 2 else number(0.0)
        for k in reversed(range(pairs)):
            found = ast.IfExp(self.read(parts[2 * k + 1]), self.read(parts[2 * k]), found)
        return found


def _call(name: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name), list(arguments), [])
