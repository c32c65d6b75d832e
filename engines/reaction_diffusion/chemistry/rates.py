"""Rates as they are written: ``4.59 /mM/ms``, ``4.59 1/(mM*ms)``, or expressions of a model's symbols."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from cosim.sdk import CosimError
from cosim.sdk.units import split_quantity
from engines.equations.description import Checker, Equations
from engines.equations.dimensions import BASES, Dimension, of_unit, si_factor
from engines.equations.expression import Expression

_WORD = re.compile(r"[^\W\d]\w*")
_DIVIDED = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*/")
_OF_TIME_AND_SPACE = frozenset({1, 2, 5})
"""Base units of rate constants among those of ``Dimension``: m, s and mol."""


@dataclass(frozen=True, eq=False)
class Rate:
    """A rate or a constant, and its dimension; None of a bare 0, which has any."""

    expression: Expression
    dimension: Dimension | None


class Rates:
    """Reads the rates of a description; faults go to the checker.

    Parameters
    ----------
    species
        Symbols that are no constants.
    defaults
        Parameters in SI units.
    """

    def __init__(self, checker: Checker, equations: Equations, species: frozenset[str], defaults: dict[str, float]) -> None:
        self._checker, self._equations, self._species, self._defaults = checker, equations, species, defaults
        self._symbols = {*checker.description.given(), *checker.description.expressions}

    def law(self, text: str | float, *keys: str) -> Rate | None:
        """A number with a unit, or an expression of any symbols; None where it has a fault."""
        try:
            rate = self._quantity(" ".join(str(text).split()))
        except CosimError as error:
            self._checker.faults.append(error.located(self._checker.text.where(*keys)))
            return None
        if rate is None:
            expression = self._checker.read(text, *keys)
            if expression is None:
                return None
            if expression.text in ("0", "0.0"):
                return Rate(expression, None)
            dimension = self._checker.dimension(expression, *keys)
            rate = None if dimension is None else Rate(expression, dimension)
        return rate if rate is None or self._is_sound(rate, *keys) else None

    def constant(self, text: str | float, *keys: str) -> Rate | None:
        """One that depends on no species."""
        rate = self.law(text, *keys)
        if rate is None:
            return None
        moving = sorted(self._equations.symbols_of(rate.expression) & self._species)
        if moving:
            self._checker.fault(
                f"the constant {text} depends on {', '.join(moving)}", *keys,
                why="a rate by mass action is a constant times its reactants",
                mend="constants are of parameters, inputs and states; of species give the whole rate: {equation: …, rate: …}",
            )  # fmt: skip
            return None
        return rate

    def _is_sound(self, rate: Rate, *keys: str) -> bool:
        """Whether a rate of nothing but parameters is 0 or more; else a fault."""
        if not self._equations.symbols_of(rate.expression) <= self._defaults.keys():
            return True
        values: dict[str, object] = dict(self._defaults)
        for name in self._equations.needed(rate.expression):
            values[name] = self._equations.expressions[name].value(values)
        value = float(rate.expression.value(values))  # type: ignore[arg-type]
        if value >= 0:
            return True
        rests = "" if isinstance(rate.expression.tree, (ast.Constant, ast.UnaryOp)) else " with the parameters at their defaults"
        self._checker.fault(
            f"the rate {rate.expression.text} is negative", *keys,
            why=f"it is {value:g} in SI units{rests}",
            mend="a rate is 0 or more; to go the other way turn the reaction round",
        )  # fmt: skip
        return False

    def _quantity(self, text: str) -> Rate | None:
        """A number with a unit, or None where it is an expression."""
        found = split_quantity(text)
        if found is None or not found[1] or found[1].startswith(("*", "+", "-", "<", ">")):
            return None
        number, unit = found
        words = _WORD.findall(unit)
        if _DIVIDED.match(text) and any(word in self._symbols for word in words):
            if all(word in self._symbols for word in words) and _may_be_of_rate(unit):
                raise CosimError(
                    f"{text!r} may be read in two ways",
                    why=f"{', '.join(dict.fromkeys(words))}: of units, and of symbols of this file",
                    mend="make the number a parameter with a unit, or give the symbol another name",
                )
            return None
        if text[len(text) - len(unit) :].lstrip().startswith(("if ", "and ", "or ")):
            return None
        tree: ast.expr = ast.Constant(abs(number) * si_factor(unit))
        return Rate(Expression(text, tree if number >= 0 else ast.UnaryOp(ast.USub(), tree)), of_unit(unit))


def unit_that_fits(above: str, below: Mapping[str, int]) -> str:
    """Of a constant whose product with reactants in some units, so many of each, is in ``above`` per ms."""
    powers = Counter({"ms": -1})
    for unit, count in ((above, 1), *((unit, -count) for unit, count in below.items())):
        is_inverse = unit.startswith("1/")
        powers[unit.removeprefix("1/") if is_inverse else unit] += -count if is_inverse else count
    del powers["1"]
    return _quotient({f"({unit})" if "/" in unit else unit: Fraction(power) for unit, power in powers.items()})


def told(dimension: Dimension | None) -> str:
    """In SI units as a chemist writes them: ``m**3/(mol*s)``."""
    return "any unit" if dimension is None else _quotient(dict(zip(BASES, dimension.exponents, strict=True))) or "a bare number"


def _quotient(powers: Mapping[str, Fraction]) -> str:
    above, below = ([_power(base, sign * e) for base, e in sorted(powers.items()) if sign * e > 0] for sign in (1, -1))
    bottom = f"/({'*'.join(below)})" if len(below) > 1 else "".join(f"/{unit}" for unit in below)
    return f"{'*'.join(above) or (1 if below else '')}{bottom}"


def _power(unit: str, exponent: Fraction) -> str:
    """``um**2`` twice is ``um**4``."""
    base, _, own = unit.partition("**") if not unit.startswith("(") else (unit, "", "")
    power = exponent * int(own or 1)
    return base if power == 1 else f"{base}**{float(power):g}"


def _may_be_of_rate(unit: str) -> bool:
    try:
        exponents = of_unit(unit).exponents
    except CosimError:
        return False
    return all(not exponent or place in _OF_TIME_AND_SPACE for place, exponent in enumerate(exponents))
