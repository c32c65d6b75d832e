"""A model in words: the parts that ``cosim describe`` prints of any description."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engines.equations.description import Description, State


def section(title: str, rows: Iterable[Sequence[str]]) -> str:
    """A table under its title, or nothing where it has no rows."""
    table = [[cell.strip() for cell in row] for row in rows]
    if not table:
        return ""
    widths = [max(len(row[k]) for row in table) for k in range(len(table[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return "\n".join([title, *(f"  {line}" for line in lines)])


def unit(name: str) -> str:
    """As it stands behind a number."""
    return "" if name == "1" else name


def _bounds(low: float | None, high: float | None, name: str) -> str:
    if low is None and high is None:
        return ""
    if low is None:
        return f"{name} <= {high:g}"
    return f"{name} >= {low:g}" if high is None else f"{low:g} <= {name} <= {high:g}"


def states(model: Description) -> list[tuple[str, ...]]:
    return [
        (name, f"{state.initial:g} {unit(state.unit)} at t = 0", _limits(name, state), state.about)
        for name, state in model.states.items()
    ]


def _limits(name: str, state: State) -> str:
    """Where it may start, and where it is kept."""
    start, kept = _bounds(*state.range, name), _bounds(*state.clamp, name)
    if start == kept:
        return f"kept at {kept}" if kept else ""
    return ", ".join(part for part in (start, f"kept at {kept}" if kept else "") if part)


def equations(model: Description) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [(name, f"= {value}") for name, value in model.expressions.items()]
    for name, value in model.derivatives.items():
        noise = f"  +  ({model.noise[name]}) dW/dt" if name in model.noise else ""
        rows.append((f"d{name}/dt", f"= {value}{noise}"))
    return rows


def parameters(model: Description) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, item in model.parameters.items():
        bounds = f"{name} > 0" if item.positive else _bounds(*item.range, name)
        rows.append((name, f"{item.default:g} {unit(item.unit)}", bounds, item.about, f"[{item.source}]" if item.source else ""))
    return rows
