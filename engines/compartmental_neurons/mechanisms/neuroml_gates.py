"""Gates of NeuroML's channels as gates and schemes of mechanisms.

    gateHHrates          alpha, beta                          inf = alpha / (alpha + beta), tau = 1 / (alpha + beta)
    gateHHratesInf       alpha, beta, steady state            its own inf
    gateHHratesTau       alpha, beta, time course             its own tau
    gateHHratesTauInf    alpha, beta, both                    its own inf and tau; the rates for them to rest on
    gateHHtauInf         time course, steady state
    gateHHInstantaneous  steady state                         at once
    gateFractional       sub-gates with a time course and a steady state each, their sum by fractional conductance
    gateKS               states, and transitions between them

Rates are times the product of a gate's q10Settings. A gate counts in the conductance to the power of its ``instances``. A type of a
file that extends one of these may have another inf, tau, q or fcond.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cosim.sdk import CosimError
from engines.compartmental_neurons.mechanisms.neuroml_types import Component, Formula, Symbols, Type, Types, as_number
from engines.compartmental_neurons.mechanisms.neuroml_units import number, quantity
from engines.compartmental_neurons.mechanisms.neuroml_xml import Element
from engines.compartmental_neurons.mechanisms.symbols import PROVIDED, unit_of_ion
from engines.equations.expression import RESERVED

GATES = (
    "gateHHrates", "gateHHratesInf", "gateHHratesTau", "gateHHratesTauInf", "gateHHtauInf", "gateHHInstantaneous", "gateFractional",
    "gateKS",
)  # fmt: skip
_PARTS = {"forwardRate": "r", "reverseRate": "r", "timeCourse": "t", "steadyState": "x"}
"""Children of a gate, and the variable in which each has its value."""
_BESIDE = {"notes", "annotation", "property", "q10Settings"}
_KT = 25.3
"""mV: k T / e in the standard's vHalfTransition, whatever the temperature."""


class Sections:
    """Sections of a description as they are filled, the line of every key, and names that are taken."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.data: dict[str, Any] = {}
        self.lines: dict[tuple[str | int, ...], int] = {}
        self.taken = {*PROVIDED, *RESERVED}

    def put(self, section: str, key: str, value: Any, where: str) -> None:
        self.data.setdefault(section, {})[key] = value
        self.mark((section, key), where)

    def mark(self, keys: tuple[str | int, ...], where: str) -> None:
        """Say on which line something stands; where it is of another file, say no line."""
        name, _, line = where.rpartition(":")
        if name == self.file and line.isdigit():
            self.lines[keys] = int(line)

    def name(self, wanted: str) -> str:
        """A symbol like a name that nothing else has."""
        plain = re.sub(r"\W", "_", wanted)
        plain = plain if re.match(r"[A-Za-z_]", plain) else f"x{plain}"
        while plain in self.taken or keyword.iskeyword(plain) or unit_of_ion(plain):
            plain = f"x_{plain}"  # behind it, E would be the reversal potential of an ion x
        self.taken.add(plain)
        return plain


class Gates:
    """Reads the gates of a channel into sections.

    Parameters
    ----------
    symbols
        What every expression may rest on, such as ``v``.
    """

    def __init__(self, types: Types, sections: Sections, symbols: Symbols) -> None:
        self._types, self._sections, self._symbols = types, sections, symbols

    def factor(self, element: Element) -> str:
        """What a gate multiplies the conductance by.

        Raises
        ------
        CosimError
            The gate has something that is not supported, which is named.
        """
        kind = next((name for name in self._types.ancestry(element.type) if name in GATES), "")
        if not kind:
            raise element.fault(f"{element.tag} {element.id!r} is of type {element.type!r}", mend=f"supported: {', '.join(GATES)}")
        name = self._sections.name(element.id)
        scale = self._product(element, self._symbols)
        if kind == "gateKS":
            inner = self._scheme(element, name)
        elif kind == "gateFractional":
            parts = [self._fraction(child, name, scale) for child in element.all("subGate")]
            inner = " + ".join(parts)
        else:
            return self._hodgkin_huxley(element, kind, name, scale)
        return _power(inner, self._instances(element))

    # -- Hodgkin and Huxley's ----------------------------------------------------------------------------------------

    def _hodgkin_huxley(self, element: Element, kind: str, name: str, scale: str) -> str:
        own = self._types.of(element) if element.type not in GATES else Type(kind, "", element.where)
        known = {*_PARTS, *_BESIDE}
        for child in element.children:
            if child.tag not in known:
                raise child.fault(
                    f"{child.tag} in gate {element.id!r} is not supported", mend=f"supported: {', '.join(sorted(known))}"
                )
        told: dict[str, Callable[[], str]] = {**self._symbols, "rateScale": lambda: scale, "q": lambda: name}

        def select(formula: Formula) -> str:
            return self._selected(element, formula, told)

        component = Component(element, own, told, self._keeper(name), select)
        self._refuse_dynamics(element, own)
        for part, variable in (("forwardRate", "alpha"), ("reverseRate", "beta"), ("timeCourse", "tau"), ("steadyState", "inf")):
            if variable in own.derived:
                text = component.value(variable)
            elif element.first(part) is not None:
                text = self._part(element.needed(part), name, told)
            elif part in _needed(kind) and variable not in own.derived:
                raise element.fault(f"gate {element.id!r} has no {part}", why=f"a {kind} has {', '.join(_needed(kind))}")
            else:
                continue
            if variable in ("alpha", "beta") and kind != "gateHHrates":
                text = self._keep(f"{name}_{variable}", text, element.where)
            told[variable] = lambda text=text: text  # type: ignore[misc]
        at_once = kind == "gateHHInstantaneous" or "q" in own.derived
        gate = self._gate(kind, at_once, told)
        if "tau" not in own.derived and scale != "1" and not at_once:
            gate["factor"] = scale
        self._sections.put("gates", name, gate, element.where)
        if "fcond" in own.derived:
            told["instances"] = lambda: repr(self._instances(element))
            itself = ("q", "inf") if at_once else ("q",)
            told |= {variable: lambda: name for variable in itself}
            followed = replace(own, derived={key: item for key, item in own.derived.items() if key not in itself})
            return f"({Component(element, followed, told, self._keeper(name), select).value('fcond')})"
        return _power(name, self._instances(element))

    def _gate(self, kind: str, at_once: bool, told: dict[str, Callable[[], str]]) -> dict[str, str | float]:
        def given(variable: str) -> str:
            text = told[variable]()
            plain = as_number(text)
            return text if plain is None else repr(plain)

        if "inf" not in told and "tau" not in told:
            return {"alpha": given("alpha"), "beta": given("beta")}
        if "alpha" in told:
            told.setdefault("inf", lambda: f"{told['alpha']()} / ({told['alpha']()} + {told['beta']()})")
            told.setdefault("tau", lambda: f"1 / ({told['alpha']()} + {told['beta']()})")
        tau = 0.0 if at_once else given("tau")
        return {"inf": given("inf"), "tau": tau}

    def _refuse_dynamics(self, element: Element, own: Type) -> None:
        """A gate that moves otherwise than every other does not become one."""
        for variable, formula in own.derivatives.items():
            text = re.sub(r"\s", "", formula.text)
            if variable != "q" or text not in ("(inf-q)/tau", "(-q+inf)/tau", "(q-inf)/-tau"):
                why = f"its {variable} moves by {formula.text!r}"
                raise CosimError(f"type {own.name!r} is not supported", where=formula.where, why=why, mend="(inf - q) / tau is")

    def _fraction(self, element: Element, gate: str, scale: str) -> str:
        """A sub-gate's part in the sum."""
        name = self._sections.name(f"{gate}_{element.id}")
        told: dict[str, Callable[[], str]] = {**self._symbols, "rateScale": lambda: scale}
        inf = self._part(element.needed("steadyState"), name, told)
        tau = self._part(element.needed("timeCourse"), name, told)
        plain = as_number(tau)
        written: dict[str, Any] = {"inf": inf, "tau": tau if plain is None else plain}
        if scale != "1":
            written["factor"] = scale
        self._sections.put("gates", name, written, element.where)
        return f"{_told(number(element.attribute('fractionalConductance'), 'none'))} * {name}"

    # -- schemes -----------------------------------------------------------------------------------------------------

    def _scheme(self, element: Element, name: str) -> str:
        scaling = element.first("q10Settings")
        if scaling is not None and as_number(self._product(element, self._symbols)) != 1:
            why = "the standard's gateKS does nothing with them"
            raise scaling.fault(f"gate {element.id!r} has q10Settings", why=why, mend="leave them out, or scale the rates")
        states, conducts = {}, []
        for child in element.children:
            if child.tag in ("openState", "closedState", "state", "KSState"):
                states[child.attribute("id")] = symbol = self._sections.name(f"{name}_{child.attribute('id')}")
                part = {"openState": "1", "closedState": "0"}.get(child.type) or child.attribute("relativeConductance")
                if float(part):
                    conducts.append(symbol if float(part) == 1 else f"{_told(float(part))} * {symbol}")
        lines = []
        for child in element.children:
            if child.tag.endswith("Transition"):
                lines.append(self._transition(child, states, name))
                self._sections.mark(("kinetics", name, len(lines) - 1), child.where)
            elif child.tag not in ("openState", "closedState", "state", "KSState", *_BESIDE):
                raise child.fault(f"{child.tag} in gate {element.id!r} is not supported")
        if not conducts or not lines:
            raise element.fault(f"gate {element.id!r} has no {'transition' if conducts else 'open state'}")
        self._sections.put("kinetics", name, lines, element.where)
        return " + ".join(conducts)

    def _transition(self, element: Element, states: dict[str, str], name: str) -> str:
        ends = []
        for end in ("from", "to"):
            if element.attribute(end) not in states:
                raise element.fault(f"there is no state {element.attribute(end)!r}", mend=f"states are {', '.join(states)}")
            ends.append(states[element.attribute(end)])
        source, target = ends
        if element.type in ("forwardTransition", "reverseTransition"):
            rate = self._part(element.needed("rate"), name, self._symbols, "r")
            first, second = (source, target) if element.type == "forwardTransition" else (target, source)
            return f"{first} -> {second} ({rate})"
        if element.type == "vHalfTransition":
            forward, backward = self._half(element)
            return f"{source} <-> {target} ({forward}, {backward})"
        if element.type == "tauInfTransition":
            inf = self._keep(f"{name}_inf", self._part(element.needed("steadyState"), name, self._symbols), element.where)
            tau = self._keep(f"{name}_tau", self._part(element.needed("timeCourse"), name, self._symbols), element.where)
            return f"{source} <-> {target} ({inf} / {tau}, (1 - {inf}) / {tau})"
        raise element.fault(
            f"{element.type} is not supported",
            mend="supported: forwardTransition, reverseTransition, vHalfTransition, tauInfTransition",
        )

    def _half(self, element: Element) -> tuple[str, str]:
        """A barrier's rates: exp(z gamma (V - V_half) / kT) / tau and back, neither faster than 1 / tau_min."""
        read = {"vHalf": "voltage", "z": "none", "gamma": "none", "tau": "time", "tauMin": "time"}
        v_half, z, gamma, tau, least = (quantity(element, key, dimension) for key, dimension in read.items())

        def one(slope: float) -> str:
            return f"1 / ({_told(tau)} * exp({_told(-slope / _KT)} * (V - {_told(v_half)})) + {_told(least)})"

        return one(z * gamma), one(-z * (1 - gamma))

    # -- parts -------------------------------------------------------------------------------------------------------

    def _part(self, element: Element, name: str, told: Symbols, variable: str = "") -> str:
        """The expression of a rate, a time course or a steady state."""
        wanted = variable or _PARTS[element.tag]
        kind = self._types.of(element)
        return Component(element, kind, told, self._keeper(f"{name}_{element.tag}")).value(wanted)

    def _product(self, element: Element, told: Symbols) -> str:
        """All scalings by temperature of a gate, multiplied."""
        found = [
            Component(child, self._types.of(child), told, self._keeper(child.tag)).value("q10")
            for child in element.all("q10Settings")
        ]
        return " * ".join(found if len(found) == 1 else [f"({text})" for text in found]) or "1"

    def _selected(self, element: Element, formula: Formula, told: Symbols) -> str:
        """``timeCourse/t`` and ``q10Settings[*]/q10`` in a type of a file."""
        child, _, variable = formula.select.replace("[*]", "").partition("/")
        texts = [
            Component(found, self._types.of(found), told, self._keeper(found.tag)).value(variable) for found in element.all(child)
        ]
        sign, none = (" + ", "0") if formula.reduce == "add" else (" * ", "1")
        if not formula.reduce and len(texts) != 1:
            raise CosimError(f"{formula.select!r} selects {len(texts)} children", where=element.where)
        return texts[0] if len(texts) == 1 else sign.join(f"({text})" for text in texts) or none

    def _keeper(self, prefix: str) -> Callable[[str, str, str], str]:
        return lambda name, text, where: self._keep(f"{prefix}_{name}", text, where)

    def _keep(self, name: str, text: str, where: str) -> str:
        """A name for an expression, among the rates."""
        symbol = self._sections.name(name)
        self._sections.put("rates", symbol, text, where)
        return symbol

    def _instances(self, element: Element) -> float:
        return quantity(element, "instances", "none") if "instances" in element.attributes else 1.0


def _needed(kind: str) -> list[str]:
    rates, shape = ["forwardRate", "reverseRate"], kind.removeprefix("gateHH")
    found = rates if shape.startswith("rates") else []
    tail = shape.removeprefix("rates").lower()
    return [
        *found,
        *(["timeCourse"] if "tau" in tail else []),
        *(["steadyState"] if "inf" in tail or tail == "instantaneous" else []),
    ]


def _power(text: str, instances: float) -> str:
    if instances == 1:
        return text if text.isidentifier() else f"({text})"
    return f"{text if text.isidentifier() else f'({text})'}**{_told(instances)}"


def _told(value: float) -> str:
    """A number as short as it can be, negative ones in brackets."""
    text = repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
    return f"({text})" if value < 0 else text
