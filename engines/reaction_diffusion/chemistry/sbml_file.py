"""An SBML file: read by libSBML, held against what there is a place for here, with functions and local parameters put in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from cosim.sdk import CosimError
from cosim.sdk.errors import raise_all
from engines.equations.expression import RESERVED

_CONVERSIONS = {
    "promoteLocalParameters": "make global parameters of local ones",
    "expandFunctionDefinitions": "put in the functions that the file defines",
    "expandInitialAssignments": "work out the initial assignments",
}
_WITHOUT_EFFECT = ("l3v2extendedmath", "layout", "render")
"""Packages of SBML: mathematics is refused function by function, pictures are left out."""


class SbmlFile:
    """A file and its faults.

    Attributes
    ----------
    library
        libSBML.
    model
        Its model.
    faults
        Found so far.
    """

    def __init__(self, name: str, content: bytes) -> None:
        self.library, self.name = _library(name), name
        self.faults: list[CosimError] = []
        self._document = self.library.readSBMLFromString(content.decode("utf-8", "replace"))
        self._hold_to_sbml()
        self.model = self._document.getModel()
        if self.model is None:
            raise CosimError(f"{name} has no model", mend="an SBML file holds one model")
        self._refuse()
        raise_all(self.faults)
        for option, told in _CONVERSIONS.items():
            properties = self.library.ConversionProperties()
            properties.addOption(option, True)
            if self._document.convert(properties) != self.library.LIBSBML_OPERATION_SUCCESS:
                self.fault(self.model, f"libSBML cannot {told}", "write it without them")

    def fault(self, element: Any, what: str, mend: str, why: str = "") -> None:
        self.faults.append(CosimError(what, where=self.where(element), why=why, mend=mend))

    def collect(self, make: Callable[[], Any], element: Any) -> Any:
        """What ``make`` gives; its fault noted, and None, where it raises one."""
        try:
            return make()
        except CosimError as error:
            self.faults.append(error.located(self.where(element)))
            return None

    def raise_faults(self) -> None:
        raise_all(self.faults)

    def where(self, element: Any) -> str:
        """File, line and name of an element, or of the one around it."""
        line, around = element.getLine(), element.getParentSBMLObject()
        while not line and around is not None:
            line, around = around.getLine(), around.getParentSBMLObject()
        return f"{self.name}:{line}" + (f"  {element.getIdAttribute()}" if element.isSetIdAttribute() else "")

    def formula(self, owner: Any) -> str:
        """The formula of a rule or a law as a line of text."""
        return " ".join((self.library.formulaToL3String(owner.getMath()) or "").split())

    # -- inside ----------------------------------------------------------------------------------------------------

    def _hold_to_sbml(self) -> None:
        """What libSBML finds against the rules of SBML; units are our own matter."""
        library, document = self.library, self._document
        for category in (library.LIBSBML_CAT_UNITS_CONSISTENCY, library.LIBSBML_CAT_MODELING_PRACTICE):
            document.setConsistencyChecks(category, False)
        severe = (library.LIBSBML_SEV_ERROR, library.LIBSBML_SEV_FATAL)
        if not any(document.getNumErrors(severity) for severity in severe):
            document.checkConsistency()
        errors = [document.getError(k) for k in range(document.getNumErrors())]
        for error in (error for error in errors if error.getSeverity() in severe):
            what = " ".join(error.getShortMessage().split())
            lines = [line.strip() for line in error.getMessage().splitlines()]  # the rule of SBML, then what breaks it
            why = next((line for line in reversed(lines) if line), "")
            self.faults.append(CosimError(what, where=f"{self.name}:{error.getLine()}", why=why))
        raise_all(self.faults)

    def _refuse(self) -> None:
        model = self.model
        for k in range(self._document.getNumPlugins()):
            package = self._document.getPlugin(k).getPackageName()
            if self._document.getPackageRequired(package) and package not in _WITHOUT_EFFECT:
                self.fault(self._document, f"the file needs the package {package} of SBML", "write it without")
        for event in all_of(model, "Event"):
            mend = "releases and inputs of a scenario change things in time"
            self.fault(event, f"event {event.getIdAttribute()!r} has no place here", mend)
        for rule in all_of(model, "Rule"):
            if rule.isAlgebraic():
                self.fault(rule, "an algebraic rule has no place here", "solve it for one of its variables: an assignment rule")
            elif not rule.isSetMath():
                self.fault(rule, f"the rule of {rule.getVariable()!r} has no formula", "give it one")
            elif model.getCompartment(rule.getVariable()) is not None:
                self.fault(rule, f"compartment {rule.getVariable()!r} changes its size", "sizes are constant here")
            elif model.getSpecies(rule.getVariable()) is None and model.getParameter(rule.getVariable()) is None:
                self.fault(rule, f"a rule sets {rule.getVariable()!r}, neither species nor parameter", "write a number there")
        for reaction in all_of(model, "Reaction"):
            self._refuse_reaction(reaction, f"reaction {reaction.getId()!r}")
        for one in all_of(model, "Species"):
            if one.isSetConversionFactor() or model.isSetConversionFactor():
                self.fault(one, f"species {one.getId()!r} has a conversion factor", "put it into the kinetic laws")

    def _refuse_reaction(self, reaction: Any, what: str) -> None:
        if reaction.isSetFast() and reaction.getFast():
            self.fault(reaction, f"{what} is fast", "give it rates that are", "it would be in equilibrium at all times")
        if not reaction.isSetKineticLaw() or reaction.getKineticLaw().getMath() is None:
            self.fault(reaction, f"{what} has no kinetic law", "give it one")
        for reference in (*all_of(reaction, "Reactant"), *all_of(reaction, "Product")):
            value, name = stoichiometry(reference), reference.getIdAttribute()
            is_formula = reference.isSetStoichiometryMath() or (name and self.model.getInitialAssignment(name) is not None)
            if is_formula:
                self.fault(reference, f"{what} has a stoichiometry that is a formula", "write a whole number")
            elif math.isnan(value) or value != int(value) or value < 0:
                turned = f"{what} turns over {value:g} {reference.getSpecies()}"
                self.fault(reference, turned, "write whole numbers", "whole numbers of molecules react")


def all_of(owner: Any, what: str) -> Iterator[Any]:
    """All reactions, species, … of a model, or reactants of a reaction."""
    for k in range(getattr(owner, f"getNum{what}{'' if what == 'Species' else 's'}")()):
        yield getattr(owner, f"get{what}")(k)


def stoichiometry(reference: Any) -> float:
    """Molecules of a reactant or product; level 1 has fractions."""
    return float(reference.getStoichiometry()) / (reference.getDenominator() or 1)


def safe(name: str) -> str:
    """A name that is no function or constant of expressions."""
    return f"{name}_" if name in RESERVED else name


def _library(name: str) -> Any:
    try:
        return import_module("libsbml")
    except ImportError:
        raise CosimError(
            "python-libsbml is not installed", why=f"{name} is SBML, which it reads", mend="pip install 'neuro-cosim[sbml]'"
        ) from None
