"""Pictures: the graph of a scenario, and a run at a glance. Needs matplotlib (extra: plot)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cosim.claims import load_beside
from cosim.results import Run
from cosim.scenario.plan import LinkPlan, Plan
from cosim.sdk import CosimError, format_ns

LOOP, CHAIN, INK = "#c0392b", "#5d6d7e", "#1c2833"
COLOURS = ("#2471a3", "#b9770e", "#1e8449", "#7d3c98", "#a93226", "#117a65", "#6e2c00", "#34495e")
MOST_LINES, MOST_SPIKES = 100, 60_000


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


# -- the graph of a scenario -------------------------------------------------------------------------------------------


def draw_graph(plan: Plan, path: Path) -> Path:
    """Engines as boxes, links as arrows with translators and delays; links of loops in red."""
    places = _layout(plan)
    columns = 1 + max(x for x, _ in places.values())
    rows = 1 + max(y for _, y in places.values()) - min(y for _, y in places.values())
    figure = _figure((max(6.0, 3.6 * columns + 1), max(3.0, 1.9 * rows + 1)))
    axes = figure.add_subplot()
    axes.set_axis_off()
    for name, (x, y) in places.items():
        use = plan.scenario.file.engines[name].use.split("/")[-1]
        words = f"$\\bf{{{name.replace('_', chr(92) + '_')}}}$\n{use}\nwindow {format_ns(plan.engines[name].window_ns)}"
        box = {"boxstyle": "round,pad=0.6", "fc": "#eaf2f8", "ec": INK, "lw": 1.2}
        axes.text(2 * x, y, words, ha="center", va="center", fontsize=9, color=INK, bbox=box, zorder=3)
    pairs: dict[tuple[str, str], int] = {}
    for link in plan.links.values():
        key = (link.source, link.target)
        pairs[key] = pairs.get(key, 0) + 1
        _draw_link(axes, link, places, pairs[key], link.name in plan.proof.in_loop)
    axes.set_xlim(-1.0, 2 * columns - 1.0)
    low, high = min(y for _, y in places.values()), max(y for _, y in places.values())
    axes.set_ylim(low - 0.9, high + 0.9)
    verdict = "cannot deadlock" if plan.proof.is_live else "would deadlock"
    axes.set_title(f"{plan.name}: {verdict}" + (" (links of loops in red)" if plan.proof.in_loop else ""), fontsize=10, color=INK)
    return _save(figure, path)


def _layout(plan: Plan) -> dict[str, tuple[float, float]]:
    """Columns in the order in which data flow; the engines of a loop side by side on a row each."""
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from(plan.engines)
    graph.add_edges_from((link.source, link.target) for link in plan.links.values())
    packed = nx.condensation(graph)
    places, column = {}, 0
    for generation in nx.topological_generations(packed):
        groups = [sorted(packed.nodes[g]["members"], key=list(plan.engines).index) for g in generation]
        width = max(min(2, len(group)) for group in groups)
        y = 0.0
        for group in sorted(groups, key=lambda g: list(plan.engines).index(g[0])):
            for i, name in enumerate(group):
                places[name] = (float(column + (i % 2 if len(group) > 1 else 0)), y - (i // 2))
            y -= (len(group) + 1) // 2
        column += width
    return places


def _draw_link(axes: Any, link: LinkPlan, places: dict[str, tuple[float, float]], nth: int, in_loop: bool) -> None:
    from matplotlib.patches import FancyArrowPatch

    (x0, y0), (x1, y1) = places[link.source], places[link.target]
    start, end = np.array([2 * x0, y0]), np.array([2 * x1, y1])
    colour = LOOP if in_loop else CHAIN
    bend = 0.25 + 0.22 * (nth - 1)
    middle = (start + end) / 2
    if link.source == link.target:
        start, end, middle, bend = (
            start + np.array([-0.25, 0.25]),
            start + np.array([0.25, 0.25]),
            start + np.array([0, 0.75]),
            -1.6,
        )
    else:
        across = np.array([end[1] - start[1], start[0] - end[0]])
        middle = middle + across * bend / 2
    style: Any = {"arrowstyle": "-|>", "mutation_scale": 14, "shrinkA": 34, "shrinkB": 34, "lw": 1.4, "color": colour, "zorder": 1}
    axes.add_patch(FancyArrowPatch(tuple(start), tuple(end), connectionstyle=f"arc3,rad={bend}", **style))
    via = " > ".join(stage.name for stage in link.stages)
    words = f"{link.name}" + (f"\n{via}" if via else "") + f"\n{format_ns(link.delay_ns)}{' (hold)' if link.hold else ''}"
    axes.text(
        *middle,
        words,
        fontsize=7.5,
        color=colour,
        ha="center",
        va="center",
        zorder=2,
        bbox={"fc": "white", "ec": "none", "pad": 1.0, "alpha": 0.9},
    )


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
    """One row a stream: samples as lines, spikes as a raster; below, where the wall time went."""
    streams = list(run.streams().items())[:8]
    figure = _figure((9, 1.2 + 1.9 * (len(streams) + 1)))
    axes = figure.subplots(len(streams) + 1, 1, squeeze=False)[:, 0]
    for ax, (name, kind) in zip(axes, streams, strict=False):
        (_draw_spikes if kind == "spikes" else _draw_samples)(ax, run, name)
        ax.sharex(axes[0])
    if streams:
        axes[len(streams) - 1].set_xlabel("time (ms)")
    _draw_times(axes[-1], run)
    figure.suptitle(str(run.provenance["name"]), fontsize=11)
    return figure


def _draw_samples(ax: Any, run: Run, name: str) -> None:
    signal = run.samples(name)
    shown = signal.values[:, :MOST_LINES]
    step = max(1, len(shown) // 4000)
    ax.plot(signal.times_ms[::step], shown[::step], lw=0.7, color=COLOURS[0], alpha=1.0 if shown.shape[1] < 4 else 0.5)
    unit = "" if signal.unit == "1" else f" ({signal.unit})"
    ax.set_ylabel(f"{signal.quantity.replace('_', ' ') or 'value'}{unit}", fontsize=8)
    more = f", the first {MOST_LINES} of {signal.values.shape[1]}" if signal.values.shape[1] > MOST_LINES else ""
    ax.set_title(f"{name}{more}", fontsize=9, loc="left")


def _draw_spikes(ax: Any, run: Run, name: str) -> None:
    train = run.spikes(name)
    step = max(1, len(train.times_ms) // MOST_SPIKES)
    ax.plot(train.times_ms[::step], train.channels[::step], ",", color=INK)
    ax.set_ylabel("channel", fontsize=8)
    ax.set_title(f"{name}: {len(train.times_ms)} spikes" + (f", every {step}th shown" if step > 1 else ""), fontsize=9, loc="left")


def _draw_times(ax: Any, run: Run) -> None:
    """For every engine the share of wall time in which it computed."""
    overview = run.overview
    if not overview:
        ax.set_axis_off()
        return
    names = sorted(overview["compute_ns"])
    shares = [100e-9 * overview["compute_ns"][name] / max(overview["wall_s"], 1e-9) for name in names]
    ax.barh(names, shares, color=COLOURS[2], height=0.6)
    ax.set_xlim(0, 100)
    ax.set_xlabel("share of wall time in which the engine computed (%)", fontsize=8)
    ax.invert_yaxis()
