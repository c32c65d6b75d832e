"""Reads the reactions of a description, and holds them against its units and its claims of what is conserved."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from cosim.sdk import did_you_mean
from engines.equations.derivative import Derivatives
from engines.equations.description import Checker, Equations
from engines.equations.dimensions import NONE, Dimension, si_factor
from engines.equations.expression import Expression
from engines.reaction_diffusion.chemistry.conservation import claim_of, weight_of
from engines.reaction_diffusion.chemistry.equation import Equation, Side, difference, read_equation
from engines.reaction_diffusion.chemistry.measures import PLACES, UNITS, measure_of, of_rate, place_of
from engines.reaction_diffusion.chemistry.parts import OneWay, ReactionParts
from engines.reaction_diffusion.chemistry.rates import Rate, Rates, told, unit_that_fits

if TYPE_CHECKING:
    from engines.reaction_diffusion.chemistry.description import Reaction, ReactionDescription

MOST_ORDER = 8
"""Of one species in mass action."""
_LAWS = ("rate", "forward", "backward", "catalyst", "k_cat", "K_M")


class Reactions:
    """Reads what a description has beside equations; faults go to the checker."""

    def __init__(self, described: ReactionDescription, equations: Equations, checker: Checker) -> None:
        self._described, self._equations, self._checker = described, equations, checker
        defaults = {
            name: item.default * si_factor(item.unit) for name, item in described.parameters.items() if name in checker.known
        }
        self._rates = Rates(checker, equations, frozenset(described.species), defaults)
        self._measures: dict[str, int] = {}

    def read(self) -> ReactionParts:
        self._refuse_misfits()
        self._measures = self._species()
        ways: list[OneWay] = []
        equations: dict[str, Equation] = {}
        for name, item in self._described.reactions.items():
            equation: Equation | None = self._checker.collect(lambda item=item: read_equation(item.equation), "reactions", name)  # type: ignore[misc]
            if equation is not None and self._is_known(equation, name):
                equations[name] = equation
                ways += self._ways(name, item, equation)
        self._derivable(ways)
        return ReactionParts(self._equations, self._measures, tuple(ways), self._claims(equations))

    # -- names and units -------------------------------------------------------------------------------------------

    def _refuse_misfits(self) -> None:
        described, fault = self._described, self._checker.fault
        if not described.species and not described.states:
            fault("there is nothing in it", "title", mend="name what reacts under species")
        for name in described.noise:
            fault("states have no noise here", "noise", name, mend="leave it out; single molecules react at random by themselves")
        for name, state in described.states.items():
            if state.clamp != (None, None):
                fault("states are not clamped here", "states", name, "clamp", mend="bound its derivative")
        for name in described.outputs:
            section = next((section for section in ("species", "states") if name in getattr(described, section)), None)
            if section:
                fault(
                    f"{name!r} is already one of {section}",
                    "outputs",
                    name,
                    mend="give it another name; what is there can be recorded",
                )
        for name in described.reactions:
            if not name.isidentifier():
                fault(
                    f"{name!r} is no name of a reaction", "reactions", name, mend="use letters, digits and _, such as first_binding"
                )

    def _species(self) -> dict[str, int]:
        found = {}
        for name, item in self._described.species.items():
            if name in self._checker.known:
                measure = self._checker.collect(lambda unit=item.unit: measure_of(unit), "species", name, "unit")  # type: ignore[misc]
                if measure is not None:
                    found[name] = measure
        return found

    def _is_known(self, equation: Equation, name: str) -> bool:
        """Whether all species are ones that the file has, and something changes; faults are noted."""
        species = self._described.species
        for one in equation.species:
            if one not in species:
                mend = did_you_mean(one, species) if species else "name it under species"
                self._checker.fault(f"there is no species {one!r}", "reactions", name, why=f"in {equation.text!r}", mend=mend)
        if not equation.change:
            self._checker.fault(
                f"{equation.text!r} changes nothing", "reactions", name, mend="what goes in and comes out must differ"
            )
        return bool(equation.change) and all(one in self._measures for one in equation.species)

    # -- kinds of reactions ----------------------------------------------------------------------------------------

    def _ways(self, name: str, item: Reaction, equation: Equation) -> Iterator[OneWay]:
        given = [key for key in _LAWS if getattr(item, key) is not None]
        if not given:
            yield from self._mass_action(name, equation)
        elif equation.constants:
            what = f"{name} has constants behind its equation and {', '.join(given)}"
            self._checker.fault(what, "reactions", name, mend="one of the two")
        elif given == ["rate"]:
            yield from self._law(name, name, equation, "rate", item.rate, equation.left, equation.change)
        elif set(given) == {"forward", "backward"} and equation.is_reversible:
            yield from self._law(f"{name}.forward", name, equation, "forward", item.forward, equation.left, equation.change)
            back = difference(equation.right, equation.left)
            yield from self._law(f"{name}.backward", name, equation, "backward", item.backward, equation.right, back)
        elif set(given) == {"catalyst", "k_cat", "K_M"}:
            yield from self._catalysed(name, item, equation)
        else:
            mend = "write rate; or with <-> forward and backward; or catalyst, k_cat and K_M"
            self._checker.fault(f"{name} has {', '.join(given)}", "reactions", name, why="that is no rate of it", mend=mend)

    def _mass_action(self, name: str, equation: Equation) -> Iterator[OneWay]:
        wanted, count = 2 if equation.is_reversible else 1, len(equation.constants)
        if count != wanted:
            self._checker.fault(
                f"{equation.text!r} has {count or 'no'} rate constant{'s' if count != 1 else ''}", "reactions", name,
                why="<-> takes two, -> takes one",
                mend="write them behind commas, as in 'A + B <-> C, 4.6 /mM/ms, 4.3 /ms', or give a rate",
            )  # fmt: skip
            return
        sides = ((equation.left, equation.right), (equation.right, equation.left))
        names = [f"{name}.forward", f"{name}.backward"] if wanted == 2 else [name]
        for full, (before, after), text in zip(names, sides, equation.constants, strict=False):
            rate = self._rates.constant(text, "reactions", name)
            measure = None if rate is None else self._measure_of_order(name, text, rate, before, after)
            if rate is not None and measure is not None:
                yield OneWay(full, before, difference(before, after), measure, True, rate.expression, text)

    def _law(
        self, full: str, name: str, equation: Equation, key: str, text: str | float | None, before: Side, change: Side
    ) -> Iterator[OneWay]:
        assert text is not None
        rate = self._rates.law(text, "reactions", name, key)
        measure = None if rate is None else self._measure_of_law(name, rate, equation.species, equation, key)
        if rate is not None and measure is not None:
            yield OneWay(full, before, change, measure, False, rate.expression, rate.expression.text)

    def _catalysed(self, name: str, item: Reaction, equation: Equation) -> Iterator[OneWay]:
        """k_cat E S / (K_M + S)"""
        catalyst, fault = str(item.catalyst), self._checker.fault
        if catalyst not in self._measures:
            if catalyst not in self._described.species:
                mend = did_you_mean(catalyst, self._described.species)
                fault(f"there is no species {catalyst!r}", "reactions", name, "catalyst", mend=mend)
            return
        if equation.is_reversible or list(equation.left.values()) != [1]:
            mend = "write it like 'S -> P'; for other kinetics give a rate"
            fault(f"{equation.text!r} is not of one substrate, one way", "reactions", name, mend=mend)
            return
        assert item.k_cat is not None
        assert item.K_M is not None
        k_cat = self._rates.constant(item.k_cat, "reactions", name, "k_cat")
        half = self._rates.constant(item.K_M, "reactions", name, "K_M")
        if k_cat is None or half is None:
            return
        (substrate,), known = equation.left, self._checker.known
        if half.dimension != known[substrate]:
            unit = self._described.species[substrate].unit
            why, mend = f"it is in {told(half.dimension)}, {substrate} in {unit}", f"a unit such as {unit}"
            fault(f"K_M = {item.K_M} does not fit {substrate}", "reactions", name, "K_M", why=why, mend=mend)
            return
        text = f"{item.k_cat} * {catalyst} * {substrate} / ({item.K_M} + {substrate})"
        bound = ast.BinOp(half.expression.tree, ast.Add(), ast.Name(substrate))
        speed = ast.BinOp(k_cat.expression.tree, ast.Mult(), ast.Name(catalyst))
        tree = ast.BinOp(ast.BinOp(speed, ast.Mult(), ast.Name(substrate)), ast.Div(), bound)
        dimension = None if k_cat.dimension is None else k_cat.dimension * known[catalyst]
        rate = Rate(Expression(text, tree, self._checker.text.where("reactions", name)), dimension)
        measure = self._measure_of_law(name, rate, [*equation.species, catalyst], equation, "k_cat")
        if measure is not None:
            yield OneWay(name, equation.left, equation.change, measure, False, rate.expression, text)

    # -- units of rates --------------------------------------------------------------------------------------------

    def _measure_of_order(self, name: str, text: str, rate: Rate, before: Side, after: Side) -> int | None:
        """In which a mass action counts; a fault where the unit of its constant does not fit its order."""
        involved = [*before, *after]
        if max(before.values(), default=0) > MOST_ORDER:
            why = f"{sum(before.values())} molecules react at once"
            self._checker.fault(f"{name} is of order {sum(before.values())}", "reactions", name, why=why, mend="give it a rate")
            return None
        place = place_of(self._measures[one] for one in involved)
        first = next(one for one in involved if self._measures[one] in place)
        if rate.dimension is None:
            return self._measures[first]
        product = self._product(before)
        found = next((measure for measure in place if of_rate(measure) == rate.dimension * product), None)
        if found is None:
            units = {one: self._described.species[one].unit for one in involved}
            below = Counter[str]()
            for one, order in before.items():
                below[units[one]] += order
            reactants = " + ".join(f"{order} {one}" if order > 1 else one for one, order in before.items())
            self._checker.fault(
                f"{text} does not fit a reaction of order {sum(before.values())}", "reactions", name,
                why=f"it is in {told(rate.dimension)}; {f'of {reactants}' if before else 'out of nothing'} {PLACES[place]} "
                    f"it must be in {told(of_rate(self._measures[first]) / product)}",
                mend=f"a unit such as {unit_that_fits(units[first], below)}",
            )  # fmt: skip
        return found

    def _product(self, before: Side) -> Dimension:
        product = NONE
        for one, order in before.items():
            product = product * self._checker.known[one] ** order
        return product

    def _measure_of_law(self, name: str, rate: Rate, species: list[str], equation: Equation, key: str) -> int | None:
        """In which a rate counts: at the place of its species or at a finer one, such as per membrane."""
        place = place_of(self._measures[one] for one in species)
        if rate.dimension is None:
            return place[0]
        allowed = range(1 if place[0] else 0, place[-1] + 1)  # a rate in 1/s of densities would hang on the size of voxels
        found = next((measure for measure in allowed if of_rate(measure) == rate.dimension), None)
        if found is None:
            units = [f"{UNITS[measure]}/s" for measure in reversed(allowed)]
            self._checker.fault(
                f"the rate {rate.expression.text} is in {told(rate.dimension)}", "reactions", name, key,
                why=f"{equation.text!r} is {PLACES[place]}",
                mend=f"it must be in the dimension of {' or '.join(units)}",
            )  # fmt: skip
        return found

    def _derivable(self, ways: list[OneWay]) -> None:
        """Rates and derivatives of states by the species and states that they rest on: solvers need them."""
        derivatives = Derivatives()
        for name, expression in self._equations.expressions.items():
            self._checker.collect(lambda name=name, one=expression: derivatives.add(name, one), "expressions", name)  # type: ignore[misc]
        moving = {*self._described.species, *self._described.states}
        wanted = [(("reactions", way.name.partition(".")[0]), way.rate) for way in ways]
        wanted += [(("derivatives", name), one) for name, one in self._equations.derivatives.items()]
        for keys, expression in wanted:
            for symbol in sorted(self._equations.symbols_of(expression) & moving):
                if self._checker.collect(lambda e=expression, s=symbol: derivatives.of(e, s), *keys) is None:  # type: ignore[misc]
                    break

    # -- claims ----------------------------------------------------------------------------------------------------

    def _claims(self, equations: Mapping[str, Equation]) -> dict[str, Mapping[str, int]]:
        found, species = {}, self._described.species
        for name, text in self._described.conserved.items():
            expression = self._checker.read(text, "conserved", name)
            if expression is None:
                continue
            claim = self._checker.collect(lambda e=expression: claim_of(e, species), "conserved", name)  # type: ignore[misc]
            if claim is None:
                continue
            if name in species and claim.get(name) != 1:
                mend = f"write it like {name} + …, each complex times how many {name} it has bound"
                self._checker.fault(f"{name} is not in its own sum", "conserved", name, why=text, mend=mend)
                continue
            found[name] = claim
            for reaction, equation in equations.items():
                before, after = weight_of(claim, equation.left), weight_of(claim, equation.right)
                if before != after:
                    self._checker.fault(
                        f"{reaction} does not conserve {name}", "reactions", reaction,
                        why=f"{equation.text!r} makes {after} of {before}, counted as {text}",
                        mend="balance the reaction, or mend what is said under 'conserved'",
                    )  # fmt: skip
        return found
