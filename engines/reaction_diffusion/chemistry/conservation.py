"""What no reaction changes: weights of species, whole numbers, whose sum over all molecules stays as it is.

Of the changes of all reactions, the rows of a matrix N, these are the vectors w with N w = 0, found by elimination with fractions,
so that what is found is exact.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Mapping, Sequence
from fractions import Fraction
from math import gcd, lcm

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.equations.expression import Expression

Claim = dict[str, int]
_MOST_PAIRS = 4000
"""Of laws that are put together for one reaction."""


def laws_of(changes: NDArray[np.int64]) -> NDArray[np.int64]:
    """(laws, species) whole numbers without a common divisor, the first of each above 0; as many as are independent.

    Those without negative numbers, of the fewest species, come before others: they are what a chemist calls conserved.

    Parameters
    ----------
    changes
        (reactions, species) what one event adds to each species.
    """
    species = changes.shape[1]
    rows = [list(row) for row in dict.fromkeys(map(tuple, changes.tolist()))]
    found: list[list[int]] = []
    basis = _null_space(rows, species)
    plain = sorted(
        _without_negatives(rows, species), key=lambda law: (sum(map(bool, law)), sum(law), [not number for number in law])
    )
    for law in (*plain, *basis):
        if len(found) < len(basis) and rank_of([*found, law]) > len(found):
            found.append(law)
    found.sort(key=lambda law: [not number for number in law])
    return np.array(found, np.int64).reshape(len(found), species)


def rank_of(rows: Sequence[Sequence[int]]) -> int:
    """How many of some rows of whole numbers are independent."""
    return len(_reduced([[Fraction(number) for number in row] for row in rows], len(rows[0]))[1]) if rows else 0


def claim_of(expression: Expression, species: Container[str]) -> Claim:
    """The weights that a sum such as ``glutamate + C1 + 2*C2`` gives species.

    Raises
    ------
    CosimError
        It is no sum of whole multiples of species.
    """
    try:
        found = _linear(expression.tree, species)
    except ValueError as error:
        mend = "write it like C0 + C1 + 2*C2"
        raise CosimError(f"{expression.text!r} is no sum of species", why=str(error), mend=mend) from None
    if found.get(""):
        mend = "leave the number out: what is said is that the sum does not change"
        raise CosimError(f"{expression.text!r} has a number by itself", mend=mend)
    if any(weight.denominator != 1 for weight in found.values()):
        raise CosimError(f"{expression.text!r} has parts of molecules", mend="multiply it by their common denominator")
    claim = {name: int(weight) for name, weight in found.items() if weight and name}
    if not claim:
        raise CosimError(f"{expression.text!r} is a sum of nothing", mend="write it like C0 + C1 + 2*C2")
    return claim


def weight_of(claim: Mapping[str, int], side: Mapping[str, int]) -> int:
    """How much of what is claimed to be conserved is on one side of a reaction."""
    return sum(claim.get(name, 0) * number for name, number in side.items())


# -- inside --------------------------------------------------------------------------------------------------------------------


def _reduced(rows: list[list[Fraction]], columns: int) -> tuple[list[list[Fraction]], list[int]]:
    """Reduced row echelon form without its empty rows, and the column of the leading 1 of each."""
    pivots: list[int] = []
    for column in range(columns):
        top = len(pivots)
        best = next((k for k in range(top, len(rows)) if rows[k][column]), None)
        if best is None:
            continue
        rows[top], rows[best] = rows[best], rows[top]
        lead = rows[top][column]
        rows[top] = [number / lead for number in rows[top]]
        for k, row in enumerate(rows):
            if k != top and row[column]:
                factor = row[column]
                rows[k] = [a - factor * b for a, b in zip(row, rows[top], strict=True)]
        pivots.append(column)
    return rows[: len(pivots)], pivots


def _null_space(rows: Sequence[Sequence[int]], columns: int) -> list[list[int]]:
    """A law for each column that elimination leaves free."""
    reduced, pivots = _reduced([[Fraction(number) for number in row] for row in rows], columns)
    found = []
    for free in (k for k in range(columns) if k not in pivots):
        law = [Fraction(0)] * columns
        law[free] = Fraction(1)
        for row, pivot in zip(reduced, pivots, strict=True):
            law[pivot] = -row[free]
        scale = lcm(*(number.denominator for number in law))
        found.append(_smallest([int(number * scale) for number in law]))
    return found


def _without_negatives(rows: Sequence[Sequence[int]], columns: int) -> list[list[int]]:
    """The laws without negative numbers of which all others of that kind are sums (Schuster and Höfer 1991); none where too many.

    Of species by themselves, those laws that a reaction would break are put together in pairs so that it does not, reaction by
    reaction; a law whose species are all in another's makes that one superfluous.
    """
    laws = [[int(k == place) for k in range(columns)] for place in range(columns)]
    for row in rows:
        sides = {-1: list[tuple[list[int], int]](), 0: [], 1: []}
        for law in laws:
            change = sum(a * b for a, b in zip(law, row, strict=True))
            sides[(change > 0) - (change < 0)].append((law, change))
        laws = [law for law, _ in sides[0]]
        if len(sides[1]) * len(sides[-1]) > _MOST_PAIRS:
            return []
        for up, gain in sides[1]:
            laws += [_smallest([a * -loss + b * gain for a, b in zip(up, down, strict=True)]) for down, loss in sides[-1]]
        laws = _minimal(laws)
    return laws


def _minimal(laws: list[list[int]]) -> list[list[int]]:
    found: list[tuple[set[int], list[int]]] = []
    for law in sorted(laws, key=lambda law: sum(map(bool, law))):
        support = {k for k, number in enumerate(law) if number}
        if not any(other <= support for other, _ in found):
            found.append((support, law))
    return [law for _, law in found]


def _size(law: Sequence[int]) -> tuple[int, int, list[bool]]:
    """By which laws are put in order: of few species first, of few molecules, of early species."""
    return sum(map(bool, law)), sum(map(abs, law)), [not number for number in law]


def _smallest(law: list[int]) -> list[int]:
    """Without a common divisor, the first number above 0."""
    divisor, first = gcd(*law), next(number for number in law if number)
    return [number // divisor * (1 if first > 0 else -1) for number in law]


def _linear(node: ast.expr, species: Container[str]) -> dict[str, Fraction]:
    """Weights of a sum; of a number by itself under an empty name."""
    match node:
        case ast.Constant(value=number):
            return {"": Fraction(number)}  # type: ignore[arg-type]
        case ast.Name(id=name):
            if name not in species:
                raise ValueError(f"{name} is no species")
            return {name: Fraction(1)}
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _scaled(_linear(operand, species), Fraction(-1))
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            first, second = _linear(left, species), _linear(right, species)
            second = second if isinstance(op, ast.Add) else _scaled(second, Fraction(-1))
            return {name: first.get(name, Fraction(0)) + second.get(name, Fraction(0)) for name in {**first, **second}}
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            first, second = _linear(left, species), _linear(right, species)
            if first.keys() == {""}:
                return _scaled(second, first[""])
            if second.keys() == {""}:
                return _scaled(first, second[""])
    raise ValueError(f"{ast.unparse(node)} is no whole multiple of a species")


def _scaled(weights: Mapping[str, Fraction], factor: Fraction) -> dict[str, Fraction]:
    return {name: weight * factor for name, weight in weights.items()}
