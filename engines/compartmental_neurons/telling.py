"""A mechanism in words: what ``cosim describe compartmental_neurons.<mechanism>`` prints."""

from __future__ import annotations

from pathlib import Path

from engines.compartmental_neurons.mechanisms.description import MechanismDescription, read_mechanism, shipped
from engines.equations.telling import equations, parameters, section, states, unit

_KINDS = {
    "density": "over the membrane, currents in A/m²",
    "point": "at a place, currents in A",
    "ion": "of an ion, whose concentrations it moves",
}
_SCHEMES = {
    "exponential_euler": "exponential Euler",
    "euler": "Euler",
    "heun": "Heun",
    "rk4": "Runge-Kutta of order 4",
}


def tell(path: Path) -> str:
    """Gates, schemes, currents, units, ranges, defaults, sources and references of a mechanism's file."""
    model = read_mechanism(path)
    name = path.stem if path in shipped().values() else path.name
    parts = [f"{model.title}  (mechanism: {name}; {_KINDS[model.kind]})", model.about]
    parts += [section("rates (plain numbers: mV, mM, °C, ms)", [(key, f"= {value}") for key, value in model.rates.items()])]
    parts += [section("gates (1/ms, ms)", [_gate(model, key) for key in model.gates])]
    parts += [section(f"scheme {key} (1/ms)", [(line,) for line in lines]) for key, lines in model.kinetics.items()]
    parts += [section("states", _states(model)), section("equations", equations(model))]
    parts += [section("currents (outward)", [(ion, f"= {text}") for ion, text in model.currents.items()])]
    parts += [section("concentrations", [(ion, f"= {text}") for ion, text in model.concentrations.items()])]
    parts += [section("receptors", [_receptor(model, key) for key in model.receptors])]
    parts += [section("parameters", parameters(model))]
    parts += [section("inputs", [(key, unit(item.unit), item.about) for key, item in model.inputs.items()])]
    parts += [f"states are moved on by: {_SCHEMES[model.scheme]}"] if model.states else []
    parts += [section("references", [(text,) for text in model.references])]
    return "\n\n".join(part for part in parts if part)


def _gate(model: MechanismDescription, name: str) -> tuple[str, ...]:
    gate = model.gates[name]
    if gate.alpha is not None:
        how = f"alpha = {gate.alpha},  beta = {gate.beta}"
    elif gate.tau == 0:
        how = f"= {gate.inf}, at once"
    else:
        how = f"inf = {gate.inf},  tau = {gate.tau}"
    start = f"{model.initial[name]} at t = 0" if name in model.initial else ""
    faster = "" if gate.factor in (1, 1.0, "1") else f"faster by {gate.factor}"
    return name, how, faster, start, gate.about


def _states(model: MechanismDescription) -> list[tuple[str, ...]]:
    """As of any description, with starts that rest on other things."""
    starts = {name: f"{value} at t = 0" for name, value in model.initial.items()}
    return [(name, starts.get(name, start), *rest) for name, start, *rest in states(model)]


def _receptor(model: MechanismDescription, name: str) -> tuple[str, ...]:
    receptor = model.receptors[name]
    sets = ", ".join(f"{state} = {text}" for state, text in receptor.sets.items())
    return name, f"weight in {receptor.weight}" if receptor.weight != "1" else "weight", sets, receptor.about
