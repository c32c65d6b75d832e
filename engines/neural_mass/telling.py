"""A model in words: what ``cosim describe neural_mass.<model>`` prints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from engines.equations.description import State
from engines.neural_mass.description import RegionDescription, read_model, shipped
from engines.neural_mass.layers import formula_of


def tell(path: Path) -> str:
    """Equations, units, ranges, defaults, sources, ports and references of a model's file."""
    model = read_model(path)[0]
    parts = [f"{model.title}  (model: {path.stem if path in shipped().values() else path.name})", model.about]
    parts += [_section("states", _states(model)), _section("equations", _equations(model))]
    parts += [_section("coupling terms", [(f"c = {name}", *_term(model, name)) for name in model.coupling])]
    parts += [_section("parameters", _parameters(model))]
    parts += [_section("inputs", [(name, _unit(item.unit), item.about) for name, item in model.inputs.items()])]
    parts += [_section("outputs", _outputs(model)), _section("references", [(text,) for text in model.references])]
    return "\n\n".join(part for part in parts if part)


def _section(title: str, rows: Iterable[Sequence[str]]) -> str:
    table = [[cell.strip() for cell in row] for row in rows]
    if not table:
        return ""
    widths = [max(len(row[k]) for row in table) for k in range(len(table[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return "\n".join([title, *(f"  {line}" for line in lines)])


def _unit(unit: str) -> str:
    return "" if unit == "1" else unit


def _bounds(low: float | None, high: float | None, name: str) -> str:
    if low is None and high is None:
        return ""
    if low is None:
        return f"{name} <= {high:g}"
    return f"{name} >= {low:g}" if high is None else f"{low:g} <= {name} <= {high:g}"


def _states(model: RegionDescription) -> list[tuple[str, ...]]:
    return [
        (name, f"{state.initial:g} {_unit(state.unit)} at t = 0", _limits(name, state), state.about)
        for name, state in model.states.items()
    ]


def _limits(name: str, state: State) -> str:
    """Where it may start, and where it is kept."""
    start, kept = _bounds(*state.range, name), _bounds(*state.clamp, name)
    if start == kept:
        return f"kept at {kept}" if kept else ""
    return ", ".join(part for part in (start, f"kept at {kept}" if kept else "") if part)


def _equations(model: RegionDescription) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [(name, f"= {value}") for name, value in model.expressions.items()]
    for name, value in model.derivatives.items():
        noise = f"  +  ({model.noise[name]}) dW/dt" if name in model.noise else ""
        rows.append((f"d{name}/dt", f"= {value}{noise}"))
    return rows


def _term(model: RegionDescription, name: str) -> tuple[str, ...]:
    term = model.coupling[name]
    sends = f"x = {term.sends}"
    if term.function == "sigmoidal":
        of_sent = f" {_unit(term.sends_unit or term.unit)}".rstrip()
        numbers = f"midpoint {term.midpoint:g}{of_sent}, slope {term.slope:g}{of_sent}, height {term.height:g}"
        sends += f", {numbers} {_unit(term.unit)}".rstrip()
    return f"= {formula_of(term.function)}", sends, _unit(term.unit), term.about


def _parameters(model: RegionDescription) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, item in model.parameters.items():
        bounds = f"{name} > 0" if item.positive else _bounds(*item.range, name)
        rows.append((name, f"{item.default:g} {_unit(item.unit)}", bounds, item.about, f"[{item.source}]" if item.source else ""))
    return rows


def _outputs(model: RegionDescription) -> list[tuple[str, ...]]:
    roles = {model.firing_rate: "firing rate", model.bold: "feeds BOLD"}
    if model.firing_rate == model.bold:
        roles = {model.firing_rate: "firing rate, feeds BOLD"}
    return [
        (name, f"= {output.value}", _unit(output.unit), output.about, f"[{roles[name]}]" if name in roles else "")
        for name, output in model.outputs.items()
    ]
