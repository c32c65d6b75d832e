"""Pictures: the graph of a scenario, and a run at a glance. Needs matplotlib (extra: plot)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cosim.claims import load_beside
from cosim.graph import graph_figure
from cosim.results import Run
from cosim.scenario.plan import Plan
from cosim.sdk import CosimError

INK, QUIET = "#1c2833", "#5d6d7e"
COLOURS = ("#2471a3", "#b9770e", "#1e8449", "#7d3c98", "#a93226", "#117a65", "#6e2c00", "#34495e")
MOST_LINES, MOST_SPIKES, MOST_STREAMS, MOST_NAMED = 100, 60_000, 8, 8
MOST_MATRICES = 3
POINTS_ACROSS = 2000
"""Rows of samples drawn; of more, the lowest and highest of each stretch."""


def new_figure(size: tuple[float, float]) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise CosimError("pictures need matplotlib", mend="pip install 'neuro-cosim[plot]'") from None
    return Figure(size, layout="constrained")


def save_figure(figure: Any, path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise CosimError(f"{path} cannot be written", why=str(error)) from None
    except ValueError as error:  # an ending that matplotlib does not know
        raise CosimError(f"{path.name} is no picture", why=str(error), mend="end it in .png, .svg or .pdf") from None
    return path


def draw_graph(plan: Plan, path: Path) -> Path:
    """Engines as boxes, links as arrows with translators and delays; links of loops in red."""
    new_figure((1, 1))  # says what is missing, where matplotlib is
    return save_figure(graph_figure(plan), path)


# -- a run at a glance -------------------------------------------------------------------------------------------------


def draw_run(run: Run, path: Path) -> Path:
    """The scenario's own figure where it has one, else the recorded streams and who waited for whom."""
    source = _scenario_file(run)
    own = load_beside(source, "figure.py", "figure") if source else None
    return save_figure(own(run) if own else overview_figure(run), path)


def _scenario_file(run: Run) -> Path | None:
    """The folder from which the run's scenario came, as its resolved copy says."""
    from cosim.scenario.reader import read_file

    try:
        folder = read_file(run.folder / "scenario.yaml").data.get("folder")
    except CosimError:
        return None
    return Path(str(folder)) / "scenario.yaml" if folder else None


def overview_figure(run: Run) -> Any:
    """One row a stream: samples as lines, spikes as a raster; matrices of BOLD; below, where the wall time went."""
    from cosim.matrices import can_correlate, draw_matrices

    recorded = run.streams()
    streams = list(recorded.items())[:MOST_STREAMS]
    bold = [name for name, quantity in run.quantities().items() if quantity == "bold" and can_correlate(run, name)][:MOST_MATRICES]
    heights = [max(1.75 * len(streams), 0.01), *[4.3] * len(bold), 1.9]
    figure = new_figure((9.5, 1.1 + sum(heights)))
    parts = figure.subfigures(len(heights), 1, height_ratios=heights) if streams else [None, figure]
    for part, name in zip(parts[1:-1], bold, strict=True):
        draw_matrices(part, run, name)
    stop_ms = run.provenance["stop_ns"] * 1e-6
    scale, unit = (1e-3, "s") if stop_ms > 5000 else (1.0, "ms")
    if streams:
        axes = parts[0].subplots(len(streams), 1, squeeze=False, sharex=True)[:, 0]
        for ax, (name, kind) in zip(axes, streams, strict=True):
            (_draw_spikes if kind == "spikes" else _draw_samples)(ax, run, name, scale)
            _tidy(ax)
        axes[0].set_xlim(0, stop_ms * scale)
        axes[-1].set_xlabel(f"time ({unit})", fontsize=8)
    _draw_times(parts[-1], run)
    more = len(recorded) - len(streams)
    title = str(run.provenance["name"]) + (f"  ({more} more streams were recorded)" if more else "")
    figure.suptitle(title, fontsize=11, weight="bold", color=INK, parse_math=False)
    return figure


def _tidy(ax: Any) -> None:
    ax.tick_params(labelsize=7.5, color=QUIET)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def put_title(ax: Any, words: str) -> None:
    ax.set_title(words, fontsize=8.5, loc="left", color=INK, parse_math=False)


def _draw_samples(ax: Any, run: Run, name: str, scale: float) -> None:
    signal = run.samples(name)
    count = signal.values.shape[1]
    times, values = _thinned(signal.times_ms * scale, signal.values[:, :MOST_LINES])
    for c, course in enumerate(values.T):
        colour = COLOURS[c % len(COLOURS)] if count <= MOST_NAMED else COLOURS[0]
        ax.plot(times, course, lw=0.8, color=colour, alpha=0.9 if count <= MOST_NAMED else 0.35, label=short(signal.labels[c]))
    if 1 < count <= MOST_NAMED:
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7, frameon=False, handlelength=1.2)
    unit = "" if signal.unit == "1" else f" ({signal.unit})"
    ax.set_ylabel(f"{signal.quantity.replace('_', ' ') or 'value'}{unit}", fontsize=8, parse_math=False)
    more = (
        f", the first {MOST_LINES} of {count} channels"
        if count > MOST_LINES
        else f", {count} channels"
        if count > MOST_NAMED
        else ""
    )
    put_title(ax, f"{name}{more}")


def short(label: str) -> str:
    words = label if len(label) <= 18 else f"{label[:17]}…"
    return words.replace("$", r"\$").lstrip("_")


def _thinned(times: Any, values: Any) -> tuple[Any, Any]:
    """Of many rows the lowest and the highest of each stretch, so that no peak is lost."""
    stretch = len(values) // POINTS_ACROSS
    if stretch < 2:
        return times, values
    whole = len(values) // stretch
    parts = values[: whole * stretch].reshape(whole, stretch, -1)
    both = np.stack([parts.min(axis=1), parts.max(axis=1)], axis=1).reshape(2 * whole, -1)
    return np.repeat(times[stretch - 1 : whole * stretch : stretch], 2), both


def _draw_spikes(ax: Any, run: Run, name: str, scale: float) -> None:
    from matplotlib.ticker import MaxNLocator

    train = run.spikes(name)
    count, step = len(train.labels), -(-len(train.times_ms) // MOST_SPIKES) or 1
    times, channels = train.times_ms[::step] * scale, train.channels[::step]
    if count <= 20:
        ax.eventplot([times[channels == c] for c in range(count)], linelengths=0.8, lw=0.8, colors=INK)
    else:
        ax.scatter(times, channels, s=1.5 if len(times) < 10_000 else 0.3, color=INK, linewidths=0, rasterized=True)
    ax.set_ylim(-0.7, count - 0.3)
    if count <= MOST_NAMED:
        ax.set_yticks(range(count), [short(label) for label in train.labels])
    else:
        ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.set_ylabel("channel", fontsize=8)
    put_title(ax, f"{name}: {len(train.times_ms)} spikes" + (f", every {step}th shown" if step > 1 else ""))


def _draw_times(part: Any, run: Run) -> None:
    """For every engine the share of wall time in which it computed; for every link how long was waited for it."""
    overview = run.overview
    if not overview:
        return
    wall = max(overview["wall_s"], 1e-9)
    left, right = part.subplots(1, 2)
    shares = {name: 100e-9 * spent / wall for name, spent in sorted(overview["compute_ns"].items())}
    _bars(left, shares, COLOURS[2], "engines computed (% of wall time)")
    waits = {name: 100e-9 * spent / wall for name, spent in overview["waited_ns"].items()}
    longest = dict(sorted(waits.items(), key=lambda item: -item[1])[:6])
    _bars(right, longest, COLOURS[1], "a worker waited for a link (% of wall time)")


def _bars(ax: Any, values: dict[str, float], colour: str, words: str) -> None:
    put_title(ax, words)
    _tidy(ax)
    if not values:
        ax.set_axis_off()
        ax.text(0, 0.7, "nobody waited", fontsize=8, color=QUIET, transform=ax.transAxes)
        return
    bars = ax.barh([short(name) for name in values], list(values.values()), color=colour, height=0.6)
    ax.bar_label(bars, [f"{value:.3g} %" for value in values.values()], fontsize=7, padding=3, color=QUIET)
    ax.set_xlim(0, 1.2 * max(*values.values(), 1.0))
    ax.set_ylim(max(len(values), 3) - 0.5, -0.5)
