"""A model in words: what ``cosim describe point_neurons.<model>`` prints."""

from __future__ import annotations

from pathlib import Path

from engines.equations.telling import equations, parameters, section, states, unit
from engines.point_neurons.description import NeuronDescription, read_model, shipped


def tell(path: Path) -> str:
    """Equations, spikes, receptors, units, ranges, defaults, sources, outputs and references of a model's file."""
    model = read_model(path)[0]
    parts = [f"{model.title}  (model: {path.stem if path in shipped().values() else path.name})", model.about]
    parts += [section("states", _states(model)), section("equations", equations(model)), section("spikes", _spikes(model))]
    parts += [section("receptors", [_receptor(model, name) for name in model.receptors])]
    parts += [section("parameters", parameters(model))]
    parts += [section("inputs", [(name, unit(item.unit), item.about) for name, item in model.inputs.items()])]
    parts += [section("outputs", [(name, f"= {item.value}", unit(item.unit), item.about) for name, item in model.outputs.items()])]
    parts += [f"integrated by: {model.scheme}"] if model.states else []
    parts += [section("references", [(text,) for text in model.references])]
    return "\n\n".join(part for part in parts if part)


GENERATOR = """\
Spikes at given times  (model: spike_generator)

A population of sources that listen to nothing, each of which spikes at the times that the scenario gives: above 0 ms, and moved to
the end of the step that they are in. `from` of a projection may name it.

size    neurons
times   a list of times for each neuron, such as [["5 ms", "25 ms"], ["40 ms"]]
file    in place of times: .h5 in SONATA's form, or .csv of times in ms and neurons, counted from 0"""


def _states(model: NeuronDescription) -> list[tuple[str, ...]]:
    """As of any description, with starts that rest on parameters."""
    starts = {name: f"{value} at t = 0" for name, value in model.initial.items()}
    return [(name, starts.get(name, start), *rest) for name, start, *rest in states(model)]


def _spikes(model: NeuronDescription) -> list[tuple[str, ...]]:
    spike = model.spike
    kinds = {"when": "{}", "hazard": "{}, in Hz", "rate": "{}, in Hz", "repeats": "{}"}
    rows: list[tuple[str, ...]] = [
        (kind, told.format(getattr(spike, kind))) for kind, told in kinds.items() if getattr(spike, kind)
    ]
    rows += [("then", f"{name} = {value}") for name, value in spike.reset.items()]
    if spike.refractory is not None:
        held = f", while {', '.join(spike.holds)} stands still" if spike.holds else ""
        rows.append(("refractory", f"for {spike.refractory}{held}"))
    return rows


def _receptor(model: NeuronDescription, name: str) -> tuple[str, ...]:
    receptor = model.receptors[name]
    adds = ", ".join(f"{state} + {text}" for state, text in receptor.adds.items()) or "held over the step in which spikes arrive"
    sign = "" if receptor.sign == "any" else receptor.sign
    return name, f"weight in {receptor.weight}" if receptor.weight != "1" else "weight", sign, adds, receptor.about
