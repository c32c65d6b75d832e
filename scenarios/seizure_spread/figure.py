"""Field potentials in the order in which regions are recruited, the brain from above, and how many are recruited."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import cosim
from cosim.claims import load_beside
from cosim.results import Run, SampledSignal
from cosim.sdk import Space
from engines.connectome import ConnectomeParams, build_connectome
from scenarios.drawing import BLUE, INK, PALE, RED, plain, title

CRITICAL_X0, KNEE_X, HIGHEST_X, ONSET = (
    load_beside(Path(__file__), "theory.py", name) for name in ("CRITICAL_X0", "KNEE_X", "HIGHEST_X", "ONSET")
)
whole = load_beside(Path(__file__), "claims.py", "whole")
Floats = NDArray[np.float64]
DRAWN, AT_REST = 15, 2
"""Courses in panel a, and how many of them are of regions that are not recruited."""


def figure(run: Run) -> Any:
    """A matplotlib Figure, drawn from the streams that scenario.yaml records."""
    from matplotlib import colormaps
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    brain = cosim.load(run.folder / "scenario.yaml").file.engines
    excitability = dict(brain["brain"].params["parameters"]["x0"])
    made = build_connectome(ConnectomeParams(**brain["brain"].params["connectome"]))
    labels = made.space.labels
    x, field = whole(run, "discharge", labels), whole(run, "field", labels)
    is_focus = np.array([excitability.get(label, excitability["default"]) > CRITICAL_X0 for label in x.labels])
    onsets_s = first_times_s(x)
    last = np.nanmax(onsets_s) if (~np.isnan(onsets_s)).any() else 1.0
    first = np.nanmin(onsets_s) if (~np.isnan(onsets_s)).any() else 0.0
    norm, colours = Normalize(first, last + 0.08 * (last - first)), colormaps["viridis"]

    drawn = Figure((11, 8.2), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.08, h_pad=0.06, wspace=0.04)
    rows = drawn.add_gridspec(2, 1, height_ratios=(1.45, 1))
    top = rows[0].subgridspec(1, 2, width_ratios=(1.75, 1))
    bottom = rows[1].subgridspec(1, 2, width_ratios=(1.15, 1))
    _courses(drawn.add_subplot(top[0]), field, onsets_s, colours(norm(onsets_s)))
    map_axes = drawn.add_subplot(top[1])
    _from_above(map_axes, seen_from_above(made.space), onsets_s, is_focus, norm, colours)
    weights = made.dense()
    heard = weights[:, is_focus].sum(axis=1)
    least = 4.0 * (CRITICAL_X0 - excitability["default"]) / ((HIGHEST_X - KNEE_X) * heard[~is_focus].max())
    _numbers(drawn.add_subplot(bottom[0]), run, brain, len(x.labels), least)
    _by_weight(drawn.add_subplot(bottom[1]), x.labels, onsets_s, heard, is_focus, colours(norm(onsets_s)))
    plain(drawn)
    map_axes.spines[:].set_visible(False)
    return drawn


def _courses(ax: Any, field: SampledSignal, onsets_s: Floats, colours: Floats) -> None:
    """Every n-th region by its onset, then some that stay at rest."""
    order = np.argsort(onsets_s)  # nan last
    recruited, resting = order[: (~np.isnan(onsets_s)).sum()], order[(~np.isnan(onsets_s)).sum() :]
    count = min(len(recruited), DRAWN - min(AT_REST, len(resting)))
    chosen = [recruited[round(k)] for k in np.linspace(0, len(recruited) - 1, count)] if count else []
    chosen += list(resting[:AT_REST] if count else resting[:DRAWN])
    for place, row in enumerate(chosen):
        colour = PALE if np.isnan(onsets_s[row]) else colours[row]
        ax.plot(field.times_ms / 1e3, -place + 0.29 * (field.values[:, row] - 0.7), color=colour, lw=0.5)
        if not np.isnan(onsets_s[row]):
            ax.plot(onsets_s[row], -place, "|", color=RED, ms=9, mew=1.4, zorder=3)
    ax.set_yticks([-place for place in range(len(chosen))], [field.labels[row] for row in chosen], fontsize=8)
    ax.set_xlim(0, field.times_ms[-1] / 1e3)
    ax.set_ylim(-len(chosen), 0.8)
    ax.set_xlabel("time (s)", fontsize=9)
    title(ax, "a", f"Field potentials in the order of onset, {len(chosen)} of {len(field.labels)} regions")


def _from_above(ax: Any, places: Floats, onsets_s: Floats, is_focus: NDArray[np.bool_], norm: Any, colours: Any) -> None:
    """Regions where they lie, left on the left, front up; coloured by onset."""
    from matplotlib.cm import ScalarMappable

    rest = np.isnan(onsets_s)
    ax.scatter(*places[rest].T, s=36, facecolors="none", edgecolors=PALE, lw=1)
    recruited = ~rest & ~is_focus
    ax.scatter(*places[recruited].T, s=48, c=onsets_s[recruited], cmap=colours, norm=norm, lw=0)
    ax.scatter(*places[is_focus].T, s=70, marker="D", c=colours(norm(onsets_s[is_focus])), edgecolors=RED, lw=1.6, zorder=3)
    ax.set_aspect("equal")
    ax.margins(0.06)
    ax.set_xticks([])
    ax.set_yticks([])
    bar = ax.figure.colorbar(ScalarMappable(norm, colours), ax=ax, shrink=0.6, pad=0.02)
    bar.set_label("onset (s)", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    title(ax, "b", "The brain from above; diamonds: where it begins")


def seen_from_above(space: Space) -> Floats:
    """(regions, 2) in mm, left regions on the left and front up: connectomes differ in which axis crosses the brain."""
    assert space.positions is not None
    places = space.positions[:, :2] / 1e3
    is_left = np.array([label.startswith("l") for label in space.labels])
    apart = places[~is_left].mean(axis=0) - places[is_left].mean(axis=0)
    across = int(np.abs(apart).argmax())
    return np.stack([places[:, across] * np.sign(apart[across]), places[:, 1 - across]], axis=1)


def _numbers(ax: Any, run: Run, engines: Any, regions: int, least: float) -> None:
    """Recruited regions against the strength of the coupling."""
    for name, words, style in (
        ("sweep", "Epileptor, 6 dimensions", {"color": INK, "marker": "o"}),
        ("reduced", "reduced, 2 dimensions", {"color": BLUE, "marker": "s", "mfc": "white"}),
    ):
        strengths = engines[name].params["sweep"]["G"]
        seizing = (run.samples(f"{name}.discharge").values > ONSET).any(axis=0).reshape(len(strengths), regions).sum(axis=1)
        ax.plot(strengths, seizing, lw=1.1, ms=4, label=words, **style)
    ax.axvline(least, color=RED, lw=1, ls="--", zorder=1)
    ax.annotate(
        "none below:\n$4(x_c-x_0)\\,/\\,2\\max w$", (least, 0.93), (6, 0), ("data", "axes fraction"), "offset points",
        color=RED, fontsize=8, va="top", bbox={"fc": "white", "ec": "none", "alpha": 0.85, "pad": 1},
    )  # fmt: skip
    ax.set_xlim(0, None)
    ax.set_ylim(0, regions * 1.05)
    ax.set_xlabel("global coupling G", fontsize=9)
    ax.set_ylabel("regions that seize", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="lower right")
    title(ax, "c", "How many, against the strength of the coupling")


def _by_weight(
    ax: Any, labels: tuple[str, ...], onsets_s: Floats, heard: Floats, is_focus: NDArray[np.bool_], colours: Floats
) -> None:
    """Onset against the share of what a region hears that is from the focus."""
    shown = ~np.isnan(onsets_s) & ~is_focus
    ax.scatter(heard[shown], onsets_s[shown], s=26, c=colours[shown], lw=0)
    named: list[float] = []
    for row in np.flatnonzero(shown)[np.argsort(-heard[shown])][:5]:
        if all(abs(onsets_s[row] - other) > 0.05 * np.ptp(onsets_s[shown]) for other in named):  # names must not overlap
            ax.annotate(labels[row], (heard[row], onsets_s[row]), (5, 3), "data", "offset points", fontsize=8, color=INK)
            named.append(onsets_s[row])
    if not shown.any():
        ax.text(0.5, 0.5, "nothing is recruited yet", transform=ax.transAxes, ha="center", va="center", fontsize=9, color=INK)
    ax.set_xlabel("share of its input that a region has from the focus, w", fontsize=9)
    ax.set_ylabel("onset (s)", fontsize=9)
    title(ax, "d", "Who hears the focus is recruited early")


def first_times_s(x: SampledSignal) -> Floats:
    """(regions,) when each first passes the onset; nan where it never does."""
    above = x.values > ONSET
    return np.where(above.any(axis=0), x.times_ms[above.argmax(axis=0)] / 1e3, np.nan)
