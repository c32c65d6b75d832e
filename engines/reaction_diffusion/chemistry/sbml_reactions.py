"""Kinetic laws of an SBML file as reactions that go one way each."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any

from engines.equations.expression import Expression
from engines.reaction_diffusion.chemistry.equation import difference
from engines.reaction_diffusion.chemistry.parts import OneWay
from engines.reaction_diffusion.chemistry.sbml_file import all_of, safe, stoichiometry
from engines.reaction_diffusion.chemistry.sbml_terms import both_ways, terms_of, times

_MOST_ORDER = 8


@dataclass(frozen=True, eq=False)
class Laws:
    """Makes reactions.

    Attributes
    ----------
    species
        Names of those that can react.
    fixed
        Those of them that reactions do not change.
    moving
        Species, and expressions that rest on them.
    is_in_items
        A law of what is counted holds to the letter: A * A is not A (A - 1).
    measure
        In which rates count.
    in_si
        Makes a rate in SI units of one in the symbols and units of the file.
    """

    species: Container[str]
    fixed: Container[str]
    moving: Container[str]
    is_in_items: bool
    measure: int
    in_si: Callable[[Expression], Expression]

    def ways(self, reaction: Any, law: Expression, factors: Mapping[str, float]) -> tuple[list[OneWay], dict[str, str]]:
        """A reaction, one way or both, and how it is told.

        Parameters
        ----------
        factors
            By what species in SI units are multiplied to be those of the file.
        """
        name = safe(reaction.getId())
        left, right = (self._side(reaction, side) for side in ("Reactant", "Product"))
        change = {key: value for key, value in difference(left, right).items() if key not in self.fixed}
        arrow = "<->" if reaction.getReversible() else "->"
        equation = f"{_told(left)} {arrow} {_told(right)}".strip()
        parts = both_ways(law.tree) if reaction.getReversible() else None
        if parts is None:
            ways = [self._way(name, law, law.tree, left, change, factors)] if change else []
            return ways, {"equation": equation, "rate": law.text}
        told = {"equation": equation, "forward": ast.unparse(parts[0]), "backward": ast.unparse(parts[1])}
        if not change:
            return [], told
        back = {key: -value for key, value in change.items()}
        there = self._way(f"{name}.forward", law, parts[0], left, change, factors)
        return [there, self._way(f"{name}.backward", law, parts[1], right, back, factors)], told

    def _side(self, reaction: Any, side: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for one in all_of(reaction, side):
            key = safe(one.getSpecies())
            if key in self.species:  # one that a rule sets is no species here
                found[key] = found.get(key, 0) + int(stoichiometry(one))
        return {key: value for key, value in found.items() if value}

    def _way(
        self,
        name: str,
        law: Expression,
        tree: ast.expr,
        before: Mapping[str, int],
        change: Mapping[str, int],
        factors: Mapping[str, float],
    ) -> OneWay:
        text, found = ast.unparse(tree), self._mass_action(tree, change)
        if found is None:
            return OneWay(name, before, change, self.measure, False, self.in_si(Expression(text, tree, law.where)), text)
        orders, constant = found
        factor = math.prod(factors[one] ** order for one, order in orders.items())
        rate = self.in_si(Expression(text, times(constant, factor), law.where))
        return OneWay(name, orders, change, self.measure, True, rate, text)

    def _mass_action(self, tree: ast.expr, change: Mapping[str, int]) -> tuple[dict[str, int], ast.expr] | None:
        """Orders and constant of a rate, or None where it is no constant times species."""
        terms = terms_of(tree)
        if terms is None or len(terms) != 1 or terms[0].is_negative:
            return None
        orders, constant = terms[0].orders(self.species)
        is_constant = not any(isinstance(node, ast.Name) and node.id in self.moving for node in ast.walk(constant))
        is_possible = max(orders.values(), default=0) <= (1 if self.is_in_items else _MOST_ORDER)
        # one event takes no more than react in it, so that no number falls below 0
        is_enough = all(-number <= orders.get(one, 0) for one, number in change.items())
        return (orders, constant) if is_constant and is_possible and is_enough else None


def _told(side: Mapping[str, int]) -> str:
    return " + ".join(f"{count} {key}" if count > 1 else key for key, count in side.items())
