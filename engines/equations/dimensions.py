"""Dimensions of expressions: every sum, comparison and argument is held against its units before anything is compiled."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from cosim.sdk import CosimError
from cosim.sdk.units import si_dimension
from engines.equations.expression import CONSTANTS, Expression, plain_number

BASES = ("kg", "m", "s", "A", "K", "mol", "cd")
_NAMED = ("1/s", "V", "V/s", "V/s**0.5", "V**2", "V**2/s", "A", "A/s", "S", "F", "C", "1/C", "ohm", "mol/m**3", "J", "N", "Pa")


@dataclass(frozen=True)
class Dimension:
    """Exponents of the seven SI base units, in the order of ``BASES``."""

    exponents: tuple[Fraction, ...] = (Fraction(0),) * 7

    def __mul__(self, other: Dimension) -> Dimension:
        return Dimension(tuple(a + b for a, b in zip(self.exponents, other.exponents, strict=True)))

    def __truediv__(self, other: Dimension) -> Dimension:
        return self * other**-1

    def __pow__(self, power: Fraction | int) -> Dimension:
        return Dimension(tuple(a * power for a in self.exponents))

    def __str__(self) -> str:
        if self == NONE:
            return "a bare number"
        known = next((name for name in _NAMED if of_unit(name) == self), None)
        if known is not None:
            return known
        parts = [f"{base}**{float(e):g}" if e != 1 else base for base, e in zip(BASES, self.exponents, strict=True) if e]
        return "*".join(parts)


NONE = Dimension()


@lru_cache(maxsize=256)
def of_unit(unit: str) -> Dimension:
    """The dimension of a unit such as ``mV/ms``."""
    return Dimension(si_dimension(unit)[1])


@lru_cache(maxsize=256)
def si_factor(unit: str) -> float:
    """What a number in ``unit`` is multiplied by to be in SI units."""
    return si_dimension(unit)[0]


def of_expression(expression: Expression, symbols: Mapping[str, Dimension]) -> Dimension:
    """The dimension of an expression.

    Raises
    ------
    CosimError
        A sum, comparison or choice of two dimensions; a function or an exponent of something that is not a bare number.
    """
    try:
        return _of(expression.tree, symbols)
    except CosimError as error:
        raise error.located(expression.where) from None


def _of(node: ast.expr, symbols: Mapping[str, Dimension]) -> Dimension:
    match node:
        case ast.Constant():
            return NONE
        case ast.Name(id=name):
            return NONE if name in CONSTANTS else symbols[name]
        case ast.UnaryOp(op=op, operand=operand):
            dimension = _of(operand, symbols)
            return NONE if isinstance(op, ast.Not) else dimension
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _of(left, symbols) * _of(right, symbols)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _of(left, symbols) / _of(right, symbols)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _of_power(left, right, symbols)
        case ast.BinOp(left=left, right=right):
            return _alike(node, "adds" if isinstance(node.op, ast.Add) else "subtracts", (left, right), symbols)
        case ast.Compare(left=left, comparators=rights):
            _alike(node, "compares", (left, *rights), symbols)
            return NONE
        case ast.BoolOp(values=values):
            for value in values:
                _of(value, symbols)
            return NONE
        case ast.IfExp(test=test, body=body, orelse=orelse):
            _of(test, symbols)
            return _alike(node, "chooses between", (body, orelse), symbols)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _of_call(node, name, arguments, symbols)
    raise AssertionError(ast.dump(node))


def _of_power(base: ast.expr, exponent: ast.expr, symbols: Mapping[str, Dimension]) -> Dimension:
    dimension = _of(base, symbols)
    if _of(exponent, symbols) != NONE:
        raise CosimError(f"the exponent {ast.unparse(exponent)} is in {_of(exponent, symbols)}", why="an exponent is a bare number")
    if dimension == NONE:
        return NONE
    number = plain_number(exponent)
    if number is not None:
        return dimension.__pow__(Fraction(number).limit_denominator(64))
    raise CosimError(
        f"{ast.unparse(base)} is in {dimension} and raised to {ast.unparse(exponent)}",
        why="the dimension would depend on a value",
        mend="divide it by a reference first, or write the exponent as a number",
    )


def _of_call(node: ast.Call, name: str, arguments: list[ast.expr], symbols: Mapping[str, Dimension]) -> Dimension:
    if name in ("abs", "min", "max", "clip"):
        return _alike(node, f"{name} takes", arguments, symbols)
    if name == "where":
        _of(arguments[0], symbols)
        return _alike(node, "chooses between", arguments[1:], symbols)
    dimension = _of(arguments[0], symbols)
    if name == "sqrt":
        return dimension ** Fraction(1, 2)
    if name == "sign":
        return NONE
    if dimension != NONE:
        raise CosimError(
            f"{name}({ast.unparse(arguments[0])}) takes a bare number",
            why=f"{ast.unparse(arguments[0])} is in {dimension}",
            mend="divide it by a parameter of the same unit",
        )
    return NONE


def _alike(node: ast.expr, verb: str, parts: tuple[ast.expr, ...] | list[ast.expr], symbols: Mapping[str, Dimension]) -> Dimension:
    parts = [part for part in parts if not (isinstance(part, ast.Constant) and part.value == 0)] or list(parts)  # 0 fits any unit
    found = [_of(part, symbols) for part in parts]
    different = next((i for i, dimension in enumerate(found) if dimension != found[0]), None)
    if different is not None:
        raise CosimError(
            f"{ast.unparse(node)} {verb} {found[0]} and {found[different]}",
            why=f"{ast.unparse(parts[0])} is in {found[0]}, {ast.unparse(parts[different])} in {found[different]}",
            mend="check the units of the symbols; a number has none: make it a parameter with a unit",
        )
    return found[0]
