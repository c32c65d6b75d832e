"""A model in words: what ``cosim describe neural_mass.<model>`` prints."""

from __future__ import annotations

from pathlib import Path

from engines.equations.telling import equations, parameters, section, states, unit
from engines.neural_mass.description import RegionDescription, read_model, shipped
from engines.neural_mass.layers import formula_of


def tell(path: Path) -> str:
    """Equations, units, ranges, defaults, sources, ports and references of a model's file."""
    model = read_model(path)[0]
    parts = [f"{model.title}  (model: {path.stem if path in shipped().values() else path.name})", model.about]
    parts += [section("states", states(model)), section("equations", equations(model))]
    parts += [section("coupling terms", [(f"c = {name}", *_term(model, name)) for name in model.coupling])]
    parts += [section("parameters", parameters(model))]
    parts += [section("inputs", [(name, unit(item.unit), item.about) for name, item in model.inputs.items()])]
    parts += [section("outputs", _outputs(model)), section("references", [(text,) for text in model.references])]
    return "\n\n".join(part for part in parts if part)


def _term(model: RegionDescription, name: str) -> tuple[str, ...]:
    term = model.coupling[name]
    sends = f"x = {term.sends}"
    if term.function == "sigmoidal":
        of_sent = f" {unit(term.sends_unit or term.unit)}".rstrip()
        numbers = f"midpoint {term.midpoint:g}{of_sent}, slope {term.slope:g}{of_sent}, height {term.height:g}"
        sends += f", {numbers} {unit(term.unit)}".rstrip()
    return f"= {formula_of(term.function)}", sends, unit(term.unit), term.about


def _outputs(model: RegionDescription) -> list[tuple[str, ...]]:
    roles = {model.firing_rate: "firing rate", model.bold: "feeds BOLD"}
    if model.firing_rate == model.bold:
        roles = {model.firing_rate: "firing rate, feeds BOLD"}
    return [
        (name, f"= {output.value}", unit(output.unit), output.about, f"[{roles[name]}]" if name in roles else "")
        for name, output in model.outputs.items()
    ]
