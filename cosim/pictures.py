"""Pictures: the graph of a scenario, and a run at a glance. Needs matplotlib (extra: plot)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.claims import load_beside
from cosim.graph import graph_figure
from cosim.results import FEWEST_ROWS, Run, SampledSignal
from cosim.scenario.plan import Plan
from cosim.sdk import CosimError

INK, QUIET = "#1c2833", "#5d6d7e"
COLOURS = ("#2471a3", "#b9770e", "#1e8449", "#7d3c98", "#a93226", "#117a65", "#6e2c00", "#34495e")
MOST_LINES, MOST_SPIKES, MOST_STREAMS, MOST_NAMED = 100, 60_000, 8, 8
MOST_REGIONS_NAMED, MOST_MATRICES = 30, 3
BOLD_SETTLES_MS = 20_000.0
"""What is left out of BOLD before channels are correlated: the haemodynamic model starts from rest."""
POINTS_ACROSS = 2000
"""Rows of samples drawn; of more, the lowest and highest of each stretch."""


def _figure(size: tuple[float, float]) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise CosimError("pictures need matplotlib", mend="pip install 'neuro-cosim[plot]'") from None
    return Figure(size, layout="constrained")


def _save(figure: Any, path: Path) -> Path:
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
    _figure((1, 1))  # says what is missing, where matplotlib is
    return _save(graph_figure(plan), path)


# -- a run at a glance -------------------------------------------------------------------------------------------------


def draw_run(run: Run, path: Path) -> Path:
    """The scenario's own figure where it has one, else the recorded streams and who waited for whom."""
    source = _scenario_file(run)
    own = load_beside(source, "figure.py", "figure") if source else None
    return _save(own(run) if own else overview_figure(run), path)


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
    recorded = run.streams()
    streams = list(recorded.items())[:MOST_STREAMS]
    bold = [name for name, quantity in run.quantities().items() if quantity == "bold" and _can_correlate(run, name)][:MOST_MATRICES]
    heights = [max(1.75 * len(streams), 0.01), *[4.3] * len(bold), 1.9]
    figure = _figure((9.5, 1.1 + sum(heights)))
    parts = figure.subfigures(len(heights), 1, height_ratios=heights) if streams else [None, figure]
    for part, name in zip(parts[1:-1], bold, strict=True):
        _draw_connectivity(part, run, name, _settled_ms(run, name))
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


def _title(ax: Any, words: str) -> None:
    ax.set_title(words, fontsize=8.5, loc="left", color=INK, parse_math=False)


def _draw_samples(ax: Any, run: Run, name: str, scale: float) -> None:
    signal = run.samples(name)
    count = signal.values.shape[1]
    times, values = _thinned(signal.times_ms * scale, signal.values[:, :MOST_LINES])
    for c, course in enumerate(values.T):
        colour = COLOURS[c % len(COLOURS)] if count <= MOST_NAMED else COLOURS[0]
        ax.plot(times, course, lw=0.8, color=colour, alpha=0.9 if count <= MOST_NAMED else 0.35, label=_short(signal.labels[c]))
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
    _title(ax, f"{name}{more}")


def _short(label: str) -> str:
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
        ax.set_yticks(range(count), [_short(label) for label in train.labels])
    else:
        ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.set_ylabel("channel", fontsize=8)
    _title(ax, f"{name}: {len(train.times_ms)} spikes" + (f", every {step}th shown" if step > 1 else ""))


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
    _title(ax, words)
    _tidy(ax)
    if not values:
        ax.set_axis_off()
        ax.text(0, 0.7, "nobody waited", fontsize=8, color=QUIET, transform=ax.transAxes)
        return
    bars = ax.barh([_short(name) for name in values], list(values.values()), color=colour, height=0.6)
    ax.bar_label(bars, [f"{value:.3g} %" for value in values.values()], fontsize=7, padding=3, color=QUIET)
    ax.set_xlim(0, 1.2 * max(*values.values(), 1.0))
    ax.set_ylim(max(len(values), 3) - 0.5, -0.5)


# -- connectivity ------------------------------------------------------------------------------------------------------


def draw_connectivity(run: Run, name: str, path: Path, discard_ms: float | None = None) -> Path:
    """The functional connectivity of any recorded stream of samples beside the structural one; ``discard_ms`` from the start."""
    figure = _figure((9.5, 4.6))
    _draw_connectivity(figure, run, name, _settled_ms(run, name) if discard_ms is None else discard_ms)
    return _save(figure, path)


def _settled_ms(run: Run, name: str) -> float:
    """What a picture leaves out: of BOLD 20 s, or a third of a run that is shorter than a minute."""
    signal = run.samples(name)
    return min(BOLD_SETTLES_MS, float(signal.times_ms[-1]) / 3) if signal.quantity == "bold" and len(signal.times_ms) else 0.0


def _can_correlate(run: Run, name: str) -> bool:
    signal = run.samples(name)
    return len(signal.labels) > 1 and int((signal.times_ms > _settled_ms(run, name)).sum()) >= FEWEST_ROWS


def _draw_connectivity(part: Any, run: Run, name: str, discard_ms: float) -> None:
    """Structural and functional matrix, regions of the left hemisphere before those of the right; of replicas the first."""
    signal = run.samples(name)
    group = "replica0" if "replica0" in signal.groups else None
    found = run.connectivity(name, discard_ms, group=group)
    order, borders = _by_hemisphere(signal if group is None else signal.part(group))
    axes = part.subplots(1, 1 if found.weights is None else 2, squeeze=False)[0]
    if found.weights is not None:
        _draw_weights(part, axes[0], found.weights[np.ix_(order, order)])
    values = found.values[np.ix_(order, order)]
    apart = np.abs(values[~np.eye(len(values), dtype=bool)])
    most = max(0.2, np.ceil(10 * np.quantile(apart[np.isfinite(apart)], 0.99)) / 10) if np.isfinite(apart).any() else 1.0
    _matrix(part, axes[-1], values, "RdBu_r", vmin=-most, vmax=most)
    _title(axes[-1], f"functional: correlation of {found.rows} rows" + (f" after {discard_ms * 1e-3:g} s" if discard_ms else ""))
    for ax in axes:
        _name_regions(ax, [found.labels[k].removeprefix("0/" if group else "") for k in order], borders)
    likeness = f":  r(SC, FC) = {found.likeness():.2f}" if np.isfinite(found.likeness()) else ""
    part.suptitle(f"{name}{', replica 0' if group else ''}{likeness}", fontsize=9.5, color=INK, parse_math=False)


def _draw_weights(part: Any, ax: Any, weights: NDArray[np.float64]) -> None:
    """On a logarithmic scale where a few connections are far stronger than most."""
    from matplotlib.colors import LogNorm

    positive = weights[weights > 0]
    wide = len(positive) and positive.max() > 100 * np.median(positive)
    _matrix(part, ax, weights, "Blues", norm=LogNorm(float(np.quantile(positive, 0.02)), float(positive.max())) if wide else None)
    _title(ax, "structural: weights")
    ax.set_xlabel("sender", fontsize=8)
    ax.set_ylabel("receiver", fontsize=8)


def _by_hemisphere(signal: SampledSignal) -> tuple[NDArray[np.int64], dict[str, int]]:
    """Channels in the order drawn, and the sizes of the stretches that have names."""
    named = {side: signal.groups[side] for side in ("left", "right") if side in signal.groups}
    rest = np.setdiff1d(np.arange(len(signal.labels)), np.concatenate([[], *named.values()]))
    if len(named) < 2:
        return np.arange(len(signal.labels)), {}
    sizes = {side: len(rows) for side, rows in named.items()} | ({"other": len(rest)} if len(rest) else {})
    return np.concatenate([*named.values(), rest]).astype(np.int64), sizes


def _matrix(part: Any, ax: Any, values: NDArray[np.float64], colours: str, **scale: Any) -> None:
    """Draws a matrix; its diagonal, and what is 0 on a logarithmic scale or not known, stays blank."""
    import matplotlib

    shown = values.copy()
    np.fill_diagonal(shown, np.nan)
    if scale.get("norm") is not None:
        shown[shown <= 0] = np.nan
    kind = matplotlib.colormaps[colours].with_extremes(bad="white")
    image = ax.imshow(shown, cmap=kind, interpolation="nearest", **scale)
    part.colorbar(image, ax=ax, shrink=0.8).ax.tick_params(labelsize=7, color=QUIET)


def _name_regions(ax: Any, labels: list[str], borders: dict[str, int]) -> None:
    ax.tick_params(length=0, labelsize=6)
    edges = np.cumsum([0, *borders.values()])
    for edge in edges[1:-1]:
        ax.axhline(edge - 0.5, color=QUIET, lw=0.6)
        ax.axvline(edge - 0.5, color=QUIET, lw=0.6)
    if len(labels) <= MOST_REGIONS_NAMED:
        names = [_short(label) for label in labels]
        ax.set_xticks(range(len(labels)), names, rotation=90)
        ax.set_yticks(range(len(labels)), names)
    elif borders:
        middles = (edges[:-1] + edges[1:]) / 2 - 0.5
        ax.set_xticks(middles, list(borders), fontsize=7.5)
        ax.set_yticks(middles, list(borders), rotation=90, va="center", fontsize=7.5)
    for spine in ax.spines.values():
        spine.set_edgecolor(QUIET)
        spine.set_linewidth(0.6)
