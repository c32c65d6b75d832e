"""Expressions of a model description: read by Python's grammar, held against a whitelist, never evaluated as they stand.

An expression is a tree of numbers, names, ``+ - * / **``, comparisons, ``and or not``, ``a if condition else b`` and the
functions in ``FUNCTIONS``. What goes into a kernel is written anew from the tree, so no text of the user's is ever run.
"""

from __future__ import annotations

import ast
import math
import sys
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from cosim.sdk import CosimError, did_you_mean

FUNCTIONS: Mapping[str, tuple[int, Callable[..., object]]] = {
    "exp": (1, np.exp),
    "expm1": (1, np.expm1),
    "log": (1, np.log),
    "log1p": (1, np.log1p),
    "sqrt": (1, np.sqrt),
    "sin": (1, np.sin),
    "cos": (1, np.cos),
    "tan": (1, np.tan),
    "sinh": (1, np.sinh),
    "cosh": (1, np.cosh),
    "tanh": (1, np.tanh),
    "arctan": (1, np.arctan),
    "erf": (1, special.erf),
    "erfc": (1, special.erfc),
    "exprel": (1, special.exprel),
    "logistic": (1, special.expit),
    "softplus": (1, lambda x: np.logaddexp(0.0, x)),
    "abs": (1, np.abs),
    "sign": (1, np.sign),
    "min": (2, np.minimum),
    "max": (2, np.maximum),
    "clip": (3, lambda x, low, high: np.minimum(np.maximum(x, low), high)),
    "where": (3, np.where),
}
"""Arguments of each function, and what gives it for arrays. ``exprel(x)`` is (e^x - 1) / x, ``logistic(x)`` 1 / (1 + e^-x)."""

CONSTANTS = {"pi": math.pi}
DERIVATIVE = "derivative"
RESERVED = frozenset({*FUNCTIONS, *CONSTANTS, DERIVATIVE, "t", "dt"})
MOST_CHARACTERS, MOST_POWER = 4000, 64
MOST_DEPTH = 64  # Python reads no more than 200 brackets within each other, and kernel code has up to three a level

_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)
_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}


@dataclass(frozen=True, eq=False)
class Expression:
    """A checked tree, and the text it was read from.

    Attributes
    ----------
    where
        ``file:line  key.path`` of the text.
    """

    text: str
    tree: ast.expr
    where: str = ""

    def names(self) -> frozenset[str]:
        """The symbols it uses; constants and functions left out."""
        called = {id(node.func) for node in ast.walk(self.tree) if isinstance(node, ast.Call)}
        found = (node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name) and id(node) not in called)
        return frozenset(found) - CONSTANTS.keys()

    def code(self, symbols: Mapping[str, str]) -> str:
        """The expression for a kernel, each symbol under the name that it has there."""
        return write(self.tree, symbols)

    def value(self, symbols: Mapping[str, object]) -> object:
        """What it is for given numbers or arrays, by NumPy."""
        with np.errstate(all="ignore"):
            return _value(self.tree, symbols)


def read(text: str | float, where: str = "", derivatives: bool = False) -> Expression:
    """An expression from its text.

    Parameters
    ----------
    derivatives
        Whether ``derivative(expression, symbol)`` may stand in it: where something works it out, see ``derivative``.

    Raises
    ------
    CosimError
        It is not in Python's grammar; or something in it is not in the whitelist, which is named with its column.
    """
    text = repr(text) if isinstance(text, (int, float)) and not isinstance(text, bool) else str(text)
    line = " ".join(text.split())
    if len(line) > MOST_CHARACTERS:
        raise CosimError(
            f"an expression of {len(line)} characters", where=where, mend=f"split it: at most {MOST_CHARACTERS}, in 'expressions'"
        )
    if "#" in line:  # the lines are one by now, so a comment would hide all that follows it
        raise CosimError(f"{line[:60]!r} has a comment in it", where=where, mend="put it outside of the text, or in 'about'")
    try:
        tree = ast.parse(line, mode="eval").body
        _check(tree, line, derivatives)
    except SyntaxError as error:
        raise CosimError(f"{line!r} cannot be read: {error.msg}", where=where, why=f"at column {error.offset or 1}") from None
    except CosimError as error:
        raise error.located(where) from None
    except (RecursionError, MemoryError, ValueError) as error:
        raise CosimError("an expression that is nested too deep or has a character no expression has", where=where,
                         why=str(error)[:80], mend="split it, with names in 'expressions'") from None  # fmt: skip
    return Expression(line, tree, where)


def write(node: ast.expr, symbols: Mapping[str, str]) -> str:
    """Kernel code of a number, in brackets; whole powers become products, conditions 1 or 0, choices selections of two values."""

    def inner(child: ast.expr) -> str:
        return write(child, symbols)

    match node:
        case ast.Constant(value=number):
            return repr(float(number))  # type: ignore[arg-type]
        case ast.Name(id=name):
            return repr(CONSTANTS[name]) if name in CONSTANTS else symbols[name]
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
            return f"select({_truth(node, symbols)}, 1.0, 0.0)"
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return f"(-{inner(operand)})"
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return inner(operand)
        case ast.BinOp(left=base, op=ast.Pow(), right=exponent):
            whole = whole_number(exponent)
            if whole is None or (abs(whole) > 3 and not isinstance(base, ast.Name)):  # a product would repeat the base
                return f"power({inner(base)}, {inner(exponent)})"
            return f"(1.0 / {_product(inner(base), -whole)})" if whole < 0 else _product(inner(base), whole)
        case ast.BinOp(left=left, op=op, right=right):
            return f"({inner(left)} {_SIGNS[type(op)]} {inner(right)})"
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return f"select({_truth(test, symbols)}, {inner(body)}, {inner(orelse)})"
        case ast.Call(func=ast.Name(id="where"), args=[test, yes, no]):
            return f"select({_truth(test, symbols)}, {inner(yes)}, {inner(no)})"
        case ast.Call(func=ast.Name(id=name), args=arguments):
            called = {"abs": "magnitude", "min": "smaller", "max": "larger"}.get(name, name)
            return f"{called}({', '.join(map(inner, arguments))})"
    raise AssertionError(ast.dump(node))


def whole_number(node: ast.expr) -> int | None:
    """The whole number, not too large, that an exponent is written as, or None."""
    number = plain_number(node)
    return None if number is None or number != int(number) or abs(number) > MOST_POWER else int(number)


def plain_number(node: ast.expr) -> float | None:
    """The number that an exponent is written as, or None."""
    match node:
        case ast.Constant(value=number):
            return float(number)  # type: ignore[arg-type]
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant() as digits):
            return -float(digits.value)  # type: ignore[arg-type]
    return None


Parts = tuple[ast.expr, ast.expr]
"""(a, b) of a * x + b."""


def linear_parts(node: ast.expr, name: str, named: Mapping[str, Parts | None]) -> Parts | None:
    """(a, b) of a tree that is a * name + b with a and b free of the name, or None where it is not.

    Parameters
    ----------
    named
        Parts of the named expressions that depend on the name.
    """
    zero = ast.Constant(0.0)
    moving = {name, *named}
    if not uses(node, moving):
        return zero, node
    match node:
        case ast.Name(id=found):
            return (ast.Constant(1.0), zero) if found == name else named[found]
        case ast.UnaryOp(op=ast.USub(), operand=operand) if parts := linear_parts(operand, name, named):
            return ast.UnaryOp(ast.USub(), parts[0]), ast.UnaryOp(ast.USub(), parts[1])
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            first, second = linear_parts(left, name, named), linear_parts(right, name, named)
            if first and second:
                return ast.BinOp(first[0], op, second[0]), ast.BinOp(first[1], op, second[1])
        case ast.BinOp(left=left, op=ast.Mult() as op, right=right):
            linear, other = (left, right) if uses(left, moving) else (right, left)
            if not uses(other, moving) and (parts := linear_parts(linear, name, named)):
                return ast.BinOp(parts[0], op, other), ast.BinOp(parts[1], op, other)
        case ast.BinOp(left=left, op=ast.Div() as op, right=right) if not uses(right, moving):
            if parts := linear_parts(left, name, named):
                return ast.BinOp(parts[0], op, right), ast.BinOp(parts[1], op, right)
    return None


def depth(node: ast.expr) -> int:
    """Levels of a tree."""
    return 1 + max((depth(child) for child in children(node)), default=0)


def children(node: ast.expr) -> Iterator[ast.expr]:
    """The expressions a node is made of; the function of a call left out."""
    called = node.func if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr) and child is not called:
            yield child


def uses(node: ast.expr, names: Container[str]) -> bool:
    """Whether one of some names stands in a tree."""
    return any(isinstance(child, ast.Name) and child.id in names for child in ast.walk(node))


# -- inside ------------------------------------------------------------------------------------------------------------


def _truth(node: ast.expr, symbols: Mapping[str, str]) -> str:
    """Kernel code of a condition; a number holds where it is not 0."""
    match node:
        case ast.Compare(left=left, ops=ops, comparators=rights):
            sides = [write(side, symbols) for side in (left, *rights)]
            parts = [f"({a} {_SIGNS[type(op)]} {b})" for a, op, b in zip(sides, ops, sides[1:], strict=False)]
            return parts[0] if len(parts) == 1 else f"({' & '.join(parts)})"
        case ast.BoolOp(op=op, values=values):
            return "(" + (" & " if isinstance(op, ast.And) else " | ").join(_truth(value, symbols) for value in values) + ")"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return f"(not {_truth(operand, symbols)})"
    return f"({write(node, symbols)} != 0.0)"


def _product(base: str, whole: int) -> str:
    """Repeated squares: x**7 is x * square(cube(x))."""
    if whole < 2:
        return base if whole else "1.0"
    if whole % 2:
        return f"cube({base})" if whole == 3 else f"({base} * {_product(base, whole - 1)})"
    return f"square({_product(base, whole // 2)})"


def _check(node: ast.expr, line: str, derivatives: bool, level: int = 1) -> None:
    """The whitelist; everything else is a fault at its column."""
    if level > MOST_DEPTH:
        raise _fault(node, line, "an expression that is nested too deep", "split it, with names in 'expressions'")
    for child in children(node):
        _check(child, line, derivatives, level + 1)
    match node:
        case ast.Constant(value=number) if isinstance(number, (int, float)) and not isinstance(number, bool):
            if abs(number) > sys.float_info.max:
                raise _fault(node, line, f"{_part(node, line)} is too large for a number")
        case ast.Name() | ast.BoolOp() | ast.IfExp() | ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Not()):
            pass
        case ast.BinOp(op=op) if isinstance(op, _ARITHMETIC):
            pass
        case ast.Compare(ops=ops) if all(isinstance(op, _COMPARISONS) for op in ops):
            pass
        case ast.Compare():
            what = f"{_part(node, line)!r} compares in a way that numbers with rounding do not"
            raise _fault(node, line, what, "use <, <=, > or >=")
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            _check_call(node, line, name, arguments, derivatives)
        case ast.BinOp(op=ast.BitXor()):
            raise _fault(node, line, f"{_part(node, line)!r}: ^ is no power here", "write **")
        case _:
            known = "use numbers, symbols of the model, + - * / **, comparisons, 'a if c else b' and: " + ", ".join(FUNCTIONS)
            raise _fault(node, line, f"{_part(node, line)!r} has no place in an expression", known)


def _check_call(node: ast.Call, line: str, name: str, arguments: list[ast.expr], derivatives: bool) -> None:
    if name == DERIVATIVE:
        if not derivatives:
            raise _fault(node, line, f"{name} has no place here", "give it a name in 'expressions', and use the name")
        if len(arguments) != 2 or not isinstance(arguments[1], ast.Name):
            raise _fault(node, line, f"{name} takes an expression and a symbol", "write it like derivative(F, x)")
    elif name not in FUNCTIONS:
        raise _fault(node, line, f"there is no function {name!r}", did_you_mean(name, FUNCTIONS))
    elif len(arguments) != FUNCTIONS[name][0]:
        expected = f"{FUNCTIONS[name][0]} argument{'s' if FUNCTIONS[name][0] > 1 else ''}"
        raise _fault(node, line, f"{name} takes {expected}, not {len(arguments)}")


def _fault(node: ast.expr, line: str, what: str, mend: str = "") -> CosimError:
    column = len(line.encode()[: node.col_offset].decode()) + 1  # the tree counts bytes
    shown = line if len(line) <= 80 else f"…{line[max(0, column - 30) : column + 50]}…"
    return CosimError(what, why=f"at column {column} of {shown!r}", mend=mend)


def _part(node: ast.expr, line: str) -> str:
    return (ast.get_source_segment(line, node) or ast.dump(node))[:60]


def _value(node: ast.expr, symbols: Mapping[str, object]) -> Any:
    match node:
        case ast.Constant(value=number):
            return float(number)  # type: ignore[arg-type]
        case ast.Name(id=name):
            return CONSTANTS[name] if name in CONSTANTS else symbols[name]
        case ast.UnaryOp(op=op, operand=operand):
            inner = _value(operand, symbols)
            return 1.0 * np.logical_not(inner) if isinstance(op, ast.Not) else -inner if isinstance(op, ast.USub) else inner
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATIONS[type(op)](_value(left, symbols), _value(right, symbols))
        case ast.Compare(left=left, ops=ops, comparators=rights):
            values = [_value(side, symbols) for side in (left, *rights)]
            parts = [_OPERATIONS[type(op)](a, b) for a, op, b in zip(values, ops, values[1:], strict=False)]
            return 1.0 * np.logical_and.reduce(np.broadcast_arrays(*parts))
        case ast.BoolOp(op=op, values=values):
            joined = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return 1.0 * joined.reduce(np.broadcast_arrays(*(_value(value, symbols) for value in values)))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return np.where(*(_value(part, symbols) for part in (test, body, orelse)))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return FUNCTIONS[name][1](*(_value(argument, symbols) for argument in arguments))
    raise AssertionError(ast.dump(node))


_OPERATIONS: Mapping[type, Callable[..., Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}
