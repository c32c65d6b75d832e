"""Models in SBML, levels 1 to 3, read by libSBML, as descriptions of reactions.

    species in moles, of one volume      concentrations, which change as in the file whatever the volume of a voxel
    species in items, or of several      numbers of molecules, which change as in the file, whose sizes stand in the rates
    compartments
    kinetic laws                         mass action where it is a constant times whole powers of species, else rate laws; a
                                         difference is taken apart into the ways there and back
    parameters, local ones too           parameters (those of a reaction R are called R_k), assignment rules expressions and outputs,
                                         rate rules states
    functions, initial assignments       put in where they stand

Events, delays, algebraic rules, fast reactions and what else would change the model if it were left out are refused.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from cosim.sdk import CosimError
from cosim.sdk.errors import ScenarioError, raise_all
from engines.equations.derivative import Derivatives
from engines.equations.description import Equations
from engines.equations.dimensions import si_factor
from engines.equations.expression import RESERVED, Expression
from engines.reaction_diffusion.chemistry.description import ReactionDescription
from engines.reaction_diffusion.chemistry.equation import difference
from engines.reaction_diffusion.chemistry.measures import AVOGADRO
from engines.reaction_diffusion.chemistry.parts import OneWay, ReactionParts
from engines.reaction_diffusion.chemistry.sbml_math import Formulas, Term, folded, kinds, number, terms_of, times
from engines.reaction_diffusion.chemistry.sbml_units import SbmlUnit, Units

_CONCENTRATIONS = {1e3: "M", 1.0: "mM", 1e-3: "uM", 1e-6: "nM"}
"""Units by what they are in mol/m³."""


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
    try:
        import libsbml
    except ImportError:
        raise CosimError(
            "python-libsbml is not installed", why=f"{name} is SBML, which it reads", mend="pip install 'neuro-cosim[sbml]'"
        ) from None
    document = libsbml.readSBMLFromString(content.decode("utf-8", "replace"))
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, False)
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_MODELING_PRACTICE, False)
    if not document.getNumErrors(libsbml.LIBSBML_SEV_ERROR) and not document.getNumErrors(libsbml.LIBSBML_SEV_FATAL):
        document.checkConsistency()
    faults = [
        error for k in range(document.getNumErrors()) if (error := document.getError(k)).getSeverity() >= libsbml.LIBSBML_SEV_ERROR
    ]
    raise_all(
        [
            CosimError(" ".join(e.getShortMessage().split()), where=f"{name}:{e.getLine()}", why=_first(e.getMessage()))
            for e in faults
        ]
    )
    if document.getModel() is None:
        raise CosimError(f"{name} has no model", mend="an SBML file holds one model")
    return _Model(libsbml, name, document).description()


class _Model:
    """Reads one model; faults are collected."""

    def __init__(self, library: Any, name: str, document: Any) -> None:
        self._library, self._name, self._document, self._model = library, name, document, document.getModel()
        self._faults: list[CosimError] = []
        self._refuse_unsupported()
        for conversion in ("promoteLocalParameters", "expandFunctionDefinitions", "expandInitialAssignments"):
            self._convert(conversion)
        raise_all(self._faults)
        self._units = Units(library, self._model)
        self._formulas = Formulas(kinds(library), self._symbol)
        self._assigned = {rule.getVariable(): rule for rule in self._rules("isAssignment")}
        self._moving = {rule.getVariable(): rule for rule in self._rules("isRate")}
        self._measure_up()

    def description(self) -> ReactionDescription:
        """All of it.

        Raises
        ------
        ScenarioError
            With all faults.
        """
        expressions = self._expressions()
        derivatives = {
            _safe(name): self._expression(rule, lambda tree: times(tree, 1.0 / self._time.factor))
            for name, rule in self._moving.items()
        }
        ways, texts = self._reactions(expressions)
        raise_all(self._faults)
        found = ReactionDescription.model_validate(
            {
                "title": self._model.getName() or self._model.getId() or self._name,
                "about": self._about(),
                "species": {_safe(one.getId()): self._species_item(one) for one in self._own_species()},
                "states": {_safe(name): {"initial": self._start(name)} for name in self._moving},
                "derivatives": {name: ast.unparse(expression.tree) for name, expression in derivatives.items()},
                "parameters": {_safe(one.getId()): self._parameter_item(one) for one in self._own_parameters()},
                "expressions": {name: ast.unparse(expression.tree) for name, expression in expressions.items()},
                "outputs": {name: {"value": name} for name in expressions},
                "reactions": texts,
            }
        )
        outputs = {name: Expression(name, ast.Name(name)) for name in expressions}
        measures = dict.fromkeys(found.species, 0 if self._is_counted else 4)
        found._parts = ReactionParts(Equations({}, expressions, derivatives, {}, outputs), measures, tuple(ways), {})
        return found

    # -- what there is no place for --------------------------------------------------------------------------------

    def _refuse_unsupported(self) -> None:
        model = self._model
        for k in range(self._document.getNumPlugins()):
            package = self._document.getPlugin(k)
            if self._document.getPackageRequired(package.getPackageName()):
                self._fault(self._document, f"the file needs the package {package.getPackageName()} of SBML", "write it without")
        for event in _all(model, "Event"):
            self._fault(
                event, f"event {event.getId()!r} has no place here", "releases and inputs of a scenario change things in time"
            )
        for rule in _all(model, "Rule"):
            if rule.isAlgebraic():
                self._fault(rule, "an algebraic rule has no place here", "solve it for one of its variables: an assignment rule")
            elif model.getCompartment(rule.getVariable()) is not None:
                self._fault(rule, f"compartment {rule.getVariable()!r} changes its size", "sizes are constant here")
            elif model.getSpecies(rule.getVariable()) is None and model.getParameter(rule.getVariable()) is None:
                self._fault(
                    rule, f"a rule sets {rule.getVariable()!r}, which is neither species nor parameter", "write it as a number"
                )
        for reaction in _all(model, "Reaction"):
            what = f"reaction {reaction.getId()!r}"
            if reaction.isSetFast() and reaction.getFast():
                self._fault(reaction, f"{what} is fast", "give it rates that are", "it would be in equilibrium at all times")
            if not reaction.isSetKineticLaw() or reaction.getKineticLaw().getMath() is None:
                self._fault(reaction, f"{what} has no kinetic law", "give it one")
            for side in ("Reactant", "Product"):
                for one in _all(reaction, side):
                    self._refuse_stoichiometry(one, what)
        for one in _all(model, "Species"):
            if one.isSetConversionFactor() or model.isSetConversionFactor():
                self._fault(one, f"species {one.getId()!r} has a conversion factor", "put it into the kinetic laws")

    def _refuse_stoichiometry(self, reference: Any, what: str) -> None:
        value = reference.getStoichiometry()
        if reference.isSetStoichiometryMath() or (
            reference.isSetId() and self._model.getInitialAssignment(reference.getId()) is not None
        ):
            self._fault(reference, f"{what} has a stoichiometry that is a formula", "write a whole number")
        elif math.isnan(value) or value != int(value) or value < 0:
            self._fault(reference, f"{what} turns over {value:g} {reference.getSpecies()}", "whole numbers of molecules react")

    def _convert(self, option: str) -> None:
        properties = self._library.ConversionProperties()
        properties.addOption(option, True)
        if self._document.convert(properties) != self._library.LIBSBML_OPERATION_SUCCESS:
            self._fault(self._model, f"libSBML cannot {_TOLD[option]}", "write it without them")

    # -- units and sizes -------------------------------------------------------------------------------------------

    def _measure_up(self) -> None:
        """What numbers of the file mean."""
        model, self._unsaid = self._model, list[str]()
        found: dict[str, SbmlUnit] = {}
        for what in ("substance", "time", "volume"):
            found[what], is_said = self._units.of_model(what)
            if not is_said:
                self._unsaid.append(f"{what} in {found[what].text}")
        self._substance, self._time = found["substance"], found["time"]
        if "mole" not in self._substance.kinds and not {"item", "dimensionless"} & set(self._substance.kinds):
            self._fault(model, f"substance is in {self._substance.text}", "moles or items")
        self._is_in_items = "mole" not in self._substance.kinds
        used = {one.getCompartment() for one in _all(model, "Species")}
        self._sizes = {one.getId(): self._size(one) for one in _all(model, "Compartment")}
        self._is_single = len(used) == 1 and all(model.getCompartment(one).getSpatialDimensions() == 3 for one in used)
        self._is_counted = self._is_in_items or not self._is_single
        self._per_unit = self._substance.factor * (1.0 if self._is_in_items else AVOGADRO)  # molecules in a unit of substance
        self._volume = math.nan
        if self._is_single:
            (compartment,) = used
            named = model.getCompartment(compartment).getUnits()
            unit = (self._units.named(named) if named else None) or found["volume"]
            self._volume = self._sizes[compartment] * unit.factor
        for one in _all(model, "Species"):
            if one.getSubstanceUnits() and self._units.named(one.getSubstanceUnits()) != self._substance:
                self._fault(one, f"species {one.getId()!r} is in units of its own", "the same unit of substance for all")
        if model.getLevel() > 2 and model.getExtentUnits() and self._units.named(model.getExtentUnits()) != self._substance:
            self._fault(model, "extents of reactions are in other units than substance", "the same unit for both")

    def _size(self, compartment: Any) -> float:
        if compartment.getSpatialDimensions() == 0:
            return 1.0
        size = compartment.getSize()
        if self._model.getLevel() == 1:
            size = compartment.getVolume()
        if math.isnan(size):
            self._fault(compartment, f"compartment {compartment.getId()!r} has no size", "give it one: rates are per compartment")
            return 1.0
        return float(size)

    def _factor(self, species: Any) -> float:
        """What a species' symbol here, in SI units, is multiplied by to be its symbol in the file."""
        size = 1.0 if species.getHasOnlySubstanceUnits() else self._sizes[species.getCompartment()]
        if not self._is_counted:
            return self._volume / (self._substance.factor * size)
        return 1.0 / (self._per_unit * size)

    def _symbol(self, name: str) -> ast.expr:
        """What stands for an identifier in a formula: the number that it is in the file."""
        if name in self._sizes:
            return number(self._sizes[name])
        symbol = ast.Name(_safe(name))
        if name in self._assigned or name in self._moving:
            return symbol
        species, parameter = self._model.getSpecies(name), self._model.getParameter(name)
        if species is not None:
            return times(symbol, self._factor(species))
        if parameter is not None:
            return times(symbol, 1.0 / si_factor(self._unit_of(parameter)))
        raise CosimError(f"{name!r} in a formula is neither species, parameter nor compartment", mend="write it as a number")

    # -- species, parameters, rules --------------------------------------------------------------------------------

    def _own_species(self) -> Iterator[Any]:
        for one in _all(self._model, "Species"):
            if one.getId() not in self._assigned and one.getId() not in self._moving:
                yield one

    def _own_parameters(self) -> Iterator[Any]:
        for one in _all(self._model, "Parameter"):
            if one.getId() not in self._assigned and one.getId() not in self._moving:
                yield one

    def _species_item(self, species: Any) -> dict[str, Any]:
        size, about = self._sizes[species.getCompartment()], species.getName() or ""
        amount = species.getInitialConcentration() * size if species.isSetInitialConcentration() else species.getInitialAmount()
        amount = 0.0 if math.isnan(amount) else amount  # in units of substance
        if self._is_counted:
            return {"unit": "1", "initial": amount * self._per_unit, "about": about}
        concentration = amount * self._substance.factor / self._volume
        unit = self._unit_of_species()
        return {"unit": unit, "initial": float(f"{concentration / si_factor(unit):.15g}"), "about": about}

    def _unit_of_species(self) -> str:
        (size,) = {self._sizes[one.getCompartment()] for one in _all(self._model, "Species")}
        return _CONCENTRATIONS.get(float(f"{self._substance.factor * size / self._volume:.12g}"), "mM")

    def _unit_of(self, parameter: Any) -> str:
        unit = self._units.named(parameter.getUnits()) if parameter.getUnits() else None
        return unit.text if unit is not None else "1"

    def _parameter_item(self, parameter: Any) -> dict[str, Any]:
        value = parameter.getValue()
        if math.isnan(value):
            self._fault(parameter, f"parameter {parameter.getId()!r} has no value", "give it one")
        return {"unit": self._unit_of(parameter), "default": value, "about": parameter.getName() or ""}

    def _start(self, name: str) -> float:
        """The number in the file that a rate rule's variable begins with."""
        species, parameter = self._model.getSpecies(name), self._model.getParameter(name)
        if species is None:
            value = parameter.getValue()
        else:
            size = self._sizes[species.getCompartment()]
            is_amount = species.isSetInitialAmount()
            value = species.getInitialAmount() if is_amount else species.getInitialConcentration()
            if species.getHasOnlySubstanceUnits() != is_amount:
                value = value / size if is_amount else value * size
        return 0.0 if math.isnan(value) else float(value)

    def _rules(self, kind: str) -> Iterator[Any]:
        for rule in _all(self._model, "Rule"):
            if getattr(rule, kind)():
                yield rule

    def _expression(self, owner: Any, made: Callable[[ast.expr], ast.expr] = lambda tree: tree) -> Expression:
        """The formula of a rule or a kinetic law; 0 where it has a fault, which is noted."""
        math_of, where = owner.getMath(), self._where(owner)
        text = " ".join((self._library.formulaToL3String(math_of) or "").split())
        try:
            return Expression(text, made(self._formulas.read(math_of)), where)
        except CosimError as error:
            error.why = error.why or f"in {text}"
            self._faults.append(error.located(where))
            return Expression(text, number(0.0), where)

    def _expressions(self) -> dict[str, Expression]:
        """Assignment rules, each behind those that it uses."""
        found = {_safe(name): self._expression(rule) for name, rule in self._assigned.items()}
        graph = {name: sorted(expression.names() & found.keys()) for name, expression in found.items()}
        try:
            return {name: found[name] for name in TopologicalSorter(graph).static_order()}
        except CycleError as error:
            self._fault(self._model, f"rules use each other in a circle: {' -> '.join(error.args[1])}", "break it")
            return {}

    # -- reactions -------------------------------------------------------------------------------------------------

    def _reactions(self, expressions: Mapping[str, Expression]) -> tuple[list[OneWay], dict[str, dict[str, str]]]:
        ways: list[OneWay] = []
        texts: dict[str, dict[str, str]] = {}
        derivatives = Derivatives()
        for name, expression in expressions.items():
            derivatives.add(name, expression)
        species = {_safe(one.getId()) for one in self._own_species()}
        moving = set(species)  # with the expressions that rest on them
        for name, expression in expressions.items():
            if expression.names() & moving:
                moving.add(name)
        for reaction in _all(self._model, "Reaction"):
            found, text = self._reaction(reaction, species, moving)
            for way in found:
                for symbol in sorted(way.rate.names() & moving):
                    self._collect(lambda way=way, symbol=symbol: derivatives.of(way.rate, symbol), reaction)  # type: ignore[misc]
            ways += found
            texts[_safe(reaction.getId())] = text
        return ways, texts

    def _reaction(self, reaction: Any, species: set[str], moving: set[str]) -> tuple[list[OneWay], dict[str, str]]:
        name = _safe(reaction.getId())
        left, right = (self._side(reaction, side, species) for side in ("Reactant", "Product"))
        fixed = {_safe(one.getId()) for one in self._own_species() if one.getBoundaryCondition() or one.getConstant()}
        change = {key: value for key, value in difference(left, right).items() if key not in fixed}
        law = self._expression(reaction.getKineticLaw())
        # extents per time of the file, as molecules or mol/m³ per second
        scale = (self._per_unit if self._is_counted else self._substance.factor / self._volume) / self._time.factor
        equation = f"{_told(left)} {'<->' if reaction.getReversible() else '->'} {_told(right)}"
        if not change:
            return [], {"equation": equation, "rate": law.text}
        parts = self._both(law.tree) if reaction.getReversible() else None
        if parts is None:
            (way,) = [self._way(name, law.tree, scale, left, change, species, moving, law)]
            return [way], {"equation": equation, "rate": law.text}
        back = {key: -value for key, value in change.items()}
        there = self._way(f"{name}.forward", parts[0], scale, left, change, species, moving, law)
        return (
            [there, self._way(f"{name}.backward", parts[1], scale, right, back, species, moving, law)],
            {"equation": equation, "forward": ast.unparse(parts[0]), "backward": ast.unparse(parts[1])},
        )

    def _side(self, reaction: Any, side: str, species: set[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for one in _all(reaction, side):
            key = _safe(one.getSpecies())
            if key in species:
                found[key] = found.get(key, 0) + int(one.getStoichiometry())
        return {key: value for key, value in found.items() if value}

    def _both(self, law: ast.expr) -> tuple[ast.expr, ast.expr] | None:
        """A difference of two rates that are not negative, or None."""
        terms = terms_of(law)
        if terms is None or not all(term.is_plain() for term in terms):
            return None
        sides = [[term.tree() for term in terms if term.is_negative == is_back] for is_back in (False, True)]
        if not sides[0] or not sides[1]:
            return None
        return folded(ast.Add(), sides[0], 0.0), folded(ast.Add(), sides[1], 0.0)

    def _way(
        self,
        name: str,
        law: ast.expr,
        scale: float,
        before: Mapping[str, int],
        change: Mapping[str, int],
        species: set[str],
        moving: set[str],
        written: Expression,
    ) -> OneWay:
        measure = 0 if self._is_counted else 4
        terms = terms_of(law)
        if terms is not None and len(terms) == 1 and not terms[0].is_negative:
            found = self._mass_action(terms[0], species, moving)
            if found is not None:
                orders, constant = found
                # one event takes no more than react in it, so that no number falls below 0
                if all(-number_of <= orders.get(one, 0) for one, number_of in change.items()):
                    rate = Expression(written.text, times(constant, scale), written.where)
                    return OneWay(name, orders, change, measure, True, rate, written.text)
        return OneWay(
            name, before, change, measure, False, Expression(written.text, times(law, scale), written.where), written.text
        )

    def _mass_action(self, term: Term, species: set[str], moving: set[str]) -> tuple[dict[str, int], ast.expr] | None:
        """Orders and constant of a term, or None where it is no mass action.

        What a file counts in items reacts at its law to the letter: A * A is not A (A - 1).
        """
        found = term.orders(species)
        if found is None or any(isinstance(node, ast.Name) and node.id in moving for node in ast.walk(found[1])):
            return None
        if max(found[0].values(), default=0) > (1 if self._is_in_items else 8):
            return None
        return found

    # -- told ------------------------------------------------------------------------------------------------------

    def _about(self) -> str:
        parts = []
        if self._unsaid:
            parts.append(f"The file does not say its units; they are taken to be: {', '.join(self._unsaid)}.")
        if not self._is_single:
            parts.append(
                "It has several compartments, or one that is no volume: species are counted, and sizes are those of the file."
            )
        return " ".join(parts)

    def _where(self, element: Any) -> str:
        line = element.getLine() or (element.getParentSBMLObject().getLine() if element.getParentSBMLObject() else 0)
        return f"{self._name}:{line}"

    def _fault(self, element: Any, what: str, mend: str, why: str = "") -> None:
        self._faults.append(CosimError(what, where=self._where(element), why=why, mend=mend))

    def _collect(self, make: Callable[[], Any], element: Any) -> None:
        try:
            make()
        except CosimError as error:
            self._faults.append(error.located(self._where(element)))


_TOLD = {
    "promoteLocalParameters": "make global parameters of local ones",
    "expandFunctionDefinitions": "put in the functions that the file defines",
    "expandInitialAssignments": "work out the initial assignments",
}


def _all(owner: Any, what: str) -> Iterator[Any]:
    for k in range(getattr(owner, f"getNum{what}{'' if what == 'Species' else 's'}")()):
        yield getattr(owner, f"get{what}")(k)


def _safe(name: str) -> str:
    """A name that is no function or constant of expressions."""
    return f"{name}_" if name in RESERVED else name


def _told(side: Mapping[str, int]) -> str:
    return " + ".join(f"{value} {key}" if value > 1 else key for key, value in side.items()) or "∅"


def _first(text: str) -> str:
    return " ".join(text.split())[:160]


__all__ = ["ScenarioError", "read_sbml"]
