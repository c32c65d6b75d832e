"""Models in SBML, levels 1 to 3, as descriptions of reactions; libSBML reads them.

    species in moles, in one volume     concentrations: they change as in the file, whatever the volume of a voxel
    species in items; in several        numbers of molecules: they change as in the file, whose sizes stand in the rates
    compartments
    kinetic laws                        mass action, where they are constants times whole powers of species, else rate laws;
                                        a difference is taken apart into the ways there and back
    parameters                          parameters, local ones of a reaction R as R_k
    assignment rules, rate rules        expressions and outputs; states
    functions, initial assignments      put in where they stand

Events, delays, algebraic rules, fast reactions and what else would change the model if it were left out are refused.
"""

from __future__ import annotations

import ast
import math
from functools import lru_cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from cosim.sdk import CosimError
from engines.equations.derivative import Derivatives
from engines.equations.description import Equations
from engines.equations.dimensions import si_factor
from engines.equations.expression import Expression
from engines.reaction_diffusion.chemistry.description import ReactionDescription
from engines.reaction_diffusion.chemistry.parts import OneWay, ReactionParts
from engines.reaction_diffusion.chemistry.sbml_amounts import Amounts
from engines.reaction_diffusion.chemistry.sbml_file import SbmlFile, all_of, safe
from engines.reaction_diffusion.chemistry.sbml_math import Formulas
from engines.reaction_diffusion.chemistry.sbml_reactions import Laws
from engines.reaction_diffusion.chemistry.sbml_terms import number, put_in, times


def read_sbml(path: Path) -> ReactionDescription:
    """A file of SBML as a description.

    Raises
    ------
    ScenarioError
        All faults at once, each with its line: what SBML forbids, and what there is no place for here.
    CosimError
        python-libsbml is not installed; the file cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CosimError(f"{path.name} cannot be read", why=str(error)) from None
    return _read(path.name, content)


@lru_cache(maxsize=64)
def _read(name: str, content: bytes) -> ReactionDescription:
    return _Model(SbmlFile(name, content)).description()


class _Model:
    """Reads one model."""

    def __init__(self, file: SbmlFile) -> None:
        self._file, self._model = file, file.model
        self._amounts = Amounts(file)
        self._formulas = Formulas(file.library, self._symbol)
        rules = [rule for rule in all_of(self._model, "Rule") if not rule.isAlgebraic()]
        self._assigned = {rule.getVariable(): rule for rule in rules if rule.isAssignment()}
        self._moved = {rule.getVariable(): rule for rule in rules if rule.isRate()}
        self._species = {safe(one.getId()): one for one in self._own("Species")}
        self._parameters = {safe(one.getId()): one for one in self._own("Parameter")}
        self._numbers = self._in_file()

    def description(self) -> ReactionDescription:
        """All of it; a ScenarioError has all faults."""
        expressions = self._expressions()
        per_second = 1.0 / self._amounts.seconds
        derivatives = {safe(name): self._in_si(self._formula(rule), per_second) for name, rule in self._moved.items()}
        ways, told = self._reactions(expressions)
        self._hold_derivable(expressions, [way.rate for way in ways], list(derivatives.values()))
        if not self._species and not self._moved:
            self._file.fault(self._model, "nothing changes in the model", "species that react, or rate rules")
        parameters = {name: self._parameter(one) for name, one in self._parameters.items()}
        self._file.raise_faults()
        described = ReactionDescription.model_validate(
            {
                "title": self._model.getName() or self._model.getId() or self._file.name,
                "about": " ".join(self._amounts.about),
                "species": {name: self._species_of(one) for name, one in self._species.items()},
                "states": {safe(name): {"initial": self._start(name)} for name in self._moved},
                "derivatives": {name: one.text for name, one in derivatives.items()},
                "parameters": parameters,
                "expressions": {name: one.text for name, one in expressions.items()},
                "outputs": {name: {"value": name} for name in expressions},
                "reactions": told,
            }
        )
        outputs = {name: Expression(name, ast.Name(name)) for name in expressions}
        measures = dict.fromkeys(self._species, 0 if self._amounts.is_counted else 4)
        described._parts = ReactionParts(Equations({}, expressions, derivatives, {}, outputs), measures, tuple(ways), {})
        return described

    # -- symbols ---------------------------------------------------------------------------------------------------

    def _own(self, what: str) -> list[Any]:
        """Species or parameters that no rule sets."""
        rules = {*self._assigned, *self._moved}
        return [one for one in all_of(self._model, what) if one.getId() not in rules]

    def _symbol(self, name: str) -> ast.expr:
        """What stands for an identifier in a formula."""
        key = safe(name)
        if self._model.getCompartment(name) is not None:
            self._numbers[key] = number(self._amounts.size(name))
        elif key not in self._numbers and name not in self._assigned and name not in self._moved:
            raise CosimError(f"{name!r} is neither species, parameter nor compartment", mend="write a number in its place")
        return ast.Name(key)

    def _in_file(self) -> dict[str, ast.expr]:
        """What each symbol in SI units is in the file; compartments come in where they are used."""
        found = {name: times(ast.Name(name), 1.0 / si_factor(self._unit_of(one))) for name, one in self._parameters.items()}
        return found | {name: times(ast.Name(name), self._amounts.symbol_factor(one)) for name, one in self._species.items()}

    def _unit_of(self, parameter: Any) -> str:
        return str(self._file.collect(lambda: self._amounts.units.text_of(parameter.getUnits()), parameter) or "1")

    def _species_of(self, species: Any) -> dict[str, Any]:
        about = species.getName() if species.getName() != species.getId() else ""
        return {"unit": self._amounts.unit_of(species), "initial": self._amounts.initial(species), "about": about}

    def _parameter(self, parameter: Any) -> dict[str, Any]:
        if math.isnan(parameter.getValue()):
            self._file.fault(parameter, f"parameter {parameter.getId()!r} has no value", "give it one")
        about = parameter.getName() if parameter.getName() != parameter.getId() else ""
        return {"unit": self._unit_of(parameter), "default": parameter.getValue(), "about": about}

    def _start(self, name: str) -> float:
        """The number in the file that the variable of a rate rule begins with."""
        species = self._model.getSpecies(name)
        value = self._model.getParameter(name).getValue() if species is None else self._amounts.start(species)
        return 0.0 if math.isnan(value) else float(value)

    # -- formulas --------------------------------------------------------------------------------------------------

    def _formula(self, owner: Any) -> Expression:
        """Of a rule or a law, in the symbols of the file; 0, and a fault noted, where something in it has no place."""
        text = self._file.formula(owner)
        tree = self._file.collect(lambda: self._formulas.read(owner.getMath()), owner)
        return Expression(text, number(0.0) if tree is None else tree, self._file.where(owner))

    def _in_si(self, formula: Expression, factor: float = 1.0) -> Expression:
        """A formula for symbols in SI units, times a factor."""
        return Expression(formula.text, times(put_in(formula.tree, self._numbers), factor), formula.where)

    def _expressions(self) -> dict[str, Expression]:
        """Assignment rules, each behind those that it uses."""
        found = {safe(name): self._in_si(self._formula(rule)) for name, rule in self._assigned.items()}
        graph = {name: sorted(expression.names() & found.keys()) for name, expression in found.items()}
        return {name: found[name] for name in TopologicalSorter(graph).static_order()}

    def _reactions(self, expressions: dict[str, Expression]) -> tuple[list[OneWay], dict[str, dict[str, str]]]:
        fixed = {name for name, one in self._species.items() if one.getBoundaryCondition() or one.getConstant()}
        moving = set(self._species)
        for name, expression in expressions.items():
            moving |= {name} if expression.names() & moving else set()
        amounts = self._amounts
        measure, scale = 0 if amounts.is_counted else 4, amounts.per_extent / amounts.seconds
        laws = Laws(self._species.keys(), fixed, moving, amounts.is_in_items, measure, lambda rate: self._in_si(rate, scale))
        factors = {name: amounts.symbol_factor(one) for name, one in self._species.items()}
        found = {}
        for one in all_of(self._model, "Reaction"):
            found[safe(one.getId())] = laws.ways(one, self._formula(one.getKineticLaw()), factors)
        return [way for ways, _ in found.values() for way in ways], {name: told for name, (_, told) in found.items()}

    def _hold_derivable(self, expressions: dict[str, Expression], *wanted: list[Expression]) -> None:
        """Solvers need derivatives of all rates by species and states."""
        derivatives = Derivatives()
        moving = {*self._species, *map(safe, self._moved)}
        for name, expression in expressions.items():
            derivatives.add(name, expression)
        for expression in (one for group in wanted for one in group):
            for symbol in moving:
                try:
                    derivatives.of(expression, symbol)
                except CosimError as error:
                    self._file.faults.append(error.located(expression.where))
