"""Rates as sums of products: which are by mass action, and which are differences of a way there and a way back."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engines.equations.expression import whole_number

_MOST_TERMS, _MOST_POWER = 16, 8


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
    below: tuple[ast.expr, ...] = ()

    def tree(self) -> ast.expr:
        """Its size, without the sign."""
        top = folded(ast.Mult(), list(self.above), 1.0)
        return ast.BinOp(top, ast.Div(), folded(ast.Mult(), list(self.below), 1.0)) if self.below else top

    def is_plain(self) -> bool:
        """Whether it shows that it is not negative, by having no difference in it."""
        nodes = (node for part in (*self.above, *self.below) for node in ast.walk(part))
        return not any(isinstance(node, (ast.Sub, ast.USub)) for node in nodes)

    def orders(self, species: Container[str]) -> tuple[dict[str, int], ast.expr]:
        """How often each species is a factor, and what is left."""
        orders: dict[str, int] = {}
        rest = []
        for factor in self.above:
            if isinstance(factor, ast.Name) and factor.id in species:
                orders[factor.id] = orders.get(factor.id, 0) + 1
            else:
                rest.append(factor)
        return orders, Term(False, tuple(rest), self.below).tree()


def terms_of(tree: ast.expr) -> list[Term] | None:
    """A sum as its terms, products of sums multiplied out; None where that would be too many."""
    try:
        found = list(_terms(tree))
    except OverflowError:
        return None
    return found if len(found) <= _MOST_TERMS else None


def both_ways(tree: ast.expr) -> tuple[ast.expr, ast.expr] | None:
    """A difference of two sums that show that they are not negative, or None."""
    terms = terms_of(tree)
    if terms is None or not all(term.is_plain() for term in terms):
        return None
    there, back = ([term.tree() for term in terms if term.is_negative == is_back] for is_back in (False, True))
    return (folded(ast.Add(), there, 0.0), folded(ast.Add(), back, 0.0)) if there and back else None


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


def put_in(tree: ast.expr, found: Mapping[str, ast.expr]) -> ast.expr:
    """A new tree, with others in place of some names."""
    match tree:
        case ast.Name(id=name):
            return found.get(name, tree)
        case ast.Call(func=func, args=arguments):
            return ast.Call(func, [put_in(argument, found) for argument in arguments], [])
    fields: dict[str, Any] = {}
    for key, value in ast.iter_fields(tree):
        if isinstance(value, list):
            fields[key] = [put_in(item, found) if isinstance(item, ast.expr) else item for item in value]
        else:
            fields[key] = put_in(value, found) if isinstance(value, ast.expr) else value
    return type(tree)(**fields)


def _terms(tree: ast.expr) -> Iterator[Term]:
    match tree:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            yield from _terms(left)
            yield from _terms(right)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            yield from _terms(left)
            yield from map(_turned, _terms(right))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield from map(_turned, _terms(operand))
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            pairs = [(a, b) for a in _terms(left) for b in _terms(right)]
            if len(pairs) > _MOST_TERMS:
                raise OverflowError
            for a, b in pairs:
                yield Term(a.is_negative != b.is_negative, a.above + b.above, a.below + b.below)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            below = [*_terms(right)]
            if len(below) > 1:  # a sum is divided by as it stands
                below = [Term(False, (right,))]
            for a in _terms(left):
                yield Term(a.is_negative != below[0].is_negative, a.above + below[0].below, a.below + below[0].above)
        case ast.BinOp(left=base, op=ast.Pow(), right=exponent):
            whole, inner = whole_number(exponent) or 0, [*_terms(base)]
            if 1 < whole <= _MOST_POWER and len(inner) == 1 and not inner[0].is_negative:
                yield Term(False, inner[0].above * whole, inner[0].below * whole)
            else:
                yield Term(False, (tree,))
        case _:
            yield Term(False, (tree,))


def _turned(term: Term) -> Term:
    return Term(not term.is_negative, term.above, term.below)
