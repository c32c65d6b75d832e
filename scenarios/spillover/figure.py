"""The block in a plane, what comes to silent synapses and opens there; of the variant, two engines against one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.results import Run
from scenarios.drawing import BLUE, INK, LIGHT, PALE, RED, plain, title
from scenarios.spillover.claims import BURST_MS, RECEPTORS, SILENT, SOUTH, UPTAKE, WEST, expected_peaks
from scenarios.spillover.theory import Block

Floats = NDArray[np.float64]
MAPS_MS = (1.2, 2.0, 4.0)
SHOWN_UM = (0.02, 200.0)
"""µM, from the palest to the darkest."""
EARLY_MS = 11.0
COLOURS = {"near": RED, "centre": BLUE, "north": INK, "far": PALE}
LEGEND: Any = {"fontsize": 8, "frameon": False}


def figure(run: Run) -> Any:
    """A matplotlib Figure, drawn from the streams that the scenario records."""
    from matplotlib.figure import Figure

    is_variant = run.provenance["name"] == "spillover_partner"
    drawn: Any = Figure((11, 3.4 if is_variant else 7), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.08, h_pad=0.08, wspace=0.04)
    if is_variant:
        _partner(drawn.subplots(1, 3), run)
        return plain(drawn)
    rows = drawn.add_gridspec(2, 1, height_ratios=(1, 1.05))
    _maps(drawn, rows[0].subgridspec(1, 3), run)
    below = rows[1].subgridspec(1, 3)
    _early(drawn.add_subplot(below[0]), run)
    _distance(drawn.add_subplot(below[1]), run)
    _together(drawn.add_subplot(below[2]), run)
    return plain(drawn)


# -- the scenario --------------------------------------------------------------------------------------------------------------


def _maps(drawn: Any, cells: Any, run: Run) -> None:
    from matplotlib.colors import LinearSegmentedColormap, LogNorm

    plane = run.samples("one.plane")
    assert plane.positions_um is not None
    x, y = (np.unique(plane.positions_um[:, axis].round(6)) for axis in (0, 1))
    order = np.lexsort((plane.positions_um[:, 0].round(6), plane.positions_um[:, 1].round(6)))
    colours = LinearSegmentedColormap.from_list("deep", ["white", LIGHT, RED, "#5b1a12"])
    axes, shown = [], None
    for k, time in enumerate(MAPS_MS):
        ax = drawn.add_subplot(cells[k])
        row = min(int(np.searchsorted(plane.times_ms, time - 1e-9)), len(plane.times_ms) - 1)
        values = np.clip(plane.values[row, order].reshape(len(y), len(x)), *SHOWN_UM)
        shown = ax.pcolormesh(x, y, values, cmap=colours, norm=LogNorm(*SHOWN_UM), shading="nearest", rasterized=True)
        _synapses(ax, names=k == 0)
        ax.set_aspect("equal")
        ax.set_xlabel("x (µm)", fontsize=9)
        axes.append(ax)
        title(ax, "abc"[k], f"{plane.times_ms[row] - BURST_MS[0]:.1f} ms after a spike of west")
    axes[0].set_ylabel("y (µm)", fontsize=9)
    bar = drawn.colorbar(shown, ax=axes, aspect=18, pad=0.01)
    bar.set_label("glutamate (µM)", fontsize=9)
    bar.ax.tick_params(labelsize=8)


def _synapses(ax: Any, names: bool) -> None:
    places = {"west": WEST, "south": SOUTH, **SILENT}
    for name, (x, y, _) in places.items():
        ax.plot(x, y, "o", ms=5, mfc=INK if name == "west" else "none", mec=INK, mew=1)
        if names:
            ax.annotate(name, (x, y), (5, 4), textcoords="offset points", fontsize=8, color=INK)


def _early(ax: Any, run: Run) -> None:
    """One spike: the block, and images of the Green function as dots."""
    signal = run.samples("one.glutamate")
    shown = signal.times_ms < EARLY_MS
    dots = np.concatenate([np.arange(0.15, 1, 0.15), np.arange(1, EARLY_MS - 1, 0.6)])
    block = Block(uptake=UPTAKE)
    for name, colour in COLOURS.items():
        column = list(SILENT).index(name)
        distance = float(np.linalg.norm(np.subtract(SILENT[name], WEST)))
        ax.plot(
            signal.times_ms[shown] - BURST_MS[0],
            signal.values[shown, column],
            color=colour,
            lw=1.3,
            label=f"{name}, {distance:.1f} µm",
        )
        ax.plot(dots, block.concentration(SILENT[name], WEST, dots), "o", color=colour, ms=2.6)
    ax.set_yscale("log")
    ax.set_ylim(3e-3, 30)
    ax.set_xlim(0, EARLY_MS - BURST_MS[0])
    ax.set_xlabel("time after the spike (ms)", fontsize=9)
    ax.set_ylabel("glutamate (µM)", fontsize=9)
    ax.legend(ncols=2, **LEGEND)
    title(ax, "d", "At silent synapses; dots: Green function")


def _distance(ax: Any, run: Run) -> None:
    """Largest open parts of the silent synapses of `one`, against their distance from west."""
    distances = [float(np.linalg.norm(np.subtract(place, WEST))) for place in SILENT.values()]
    for receptor, colour in (("nmda", BLUE), ("ampa", RED)):
        signal = run.samples(f"one.{receptor}")
        peaks = signal.values[:, : len(SILENT)].max(axis=0) / RECEPTORS[receptor][1]
        ax.plot(distances, expected_peaks(receptor, [WEST]) * 1e6, "-", color=colour, lw=1)
        ax.plot(distances, peaks * 1e6, "o", color=colour, ms=5, label=f"{receptor.upper()} receptors")
    ax.set_yscale("log")
    ax.set_xlabel("distance from west (µm)", fontsize=9)
    ax.set_ylabel("open at the most, per million", fontsize=9)
    ax.legend(**LEGEND)
    title(ax, "e", "Five spikes of west; lines: theory")


def _together(ax: Any, run: Run) -> None:
    column, count = list(SILENT).index("centre"), RECEPTORS["nmda"][1]
    one, two = (run.samples(f"{engine}.nmda") for engine in ("one", "two"))
    courses = (
        (two.values, BLUE, "-", "both at once"),
        (2 * one.values, BLUE, ":", "sum of each alone"),
        (one.values, INK, "-", "west alone"),
    )
    for values, colour, style, words in courses:
        ax.plot(one.times_ms, values[:, column] / count * 1e6, style, color=colour, lw=1.3, label=words)
    for time in BURST_MS:
        ax.axvline(time, 0, 0.03, color=INK, lw=1.5)
    ax.set_xlim(0, one.times_ms[-1])
    ax.set_ylim(0, 1.35 * float(two.values[:, column].max()) / count * 1e6 + 1e-9)  # room for the legend
    ax.set_xlabel("time (ms)", fontsize=9)
    ax.set_ylabel("open NMDA receptors, per million", fontsize=9)
    ax.legend(**LEGEND)
    title(ax, "f", "West and east, at centre between them")


# -- the variant ---------------------------------------------------------------------------------------------------------------


def _partner(axes: Any, run: Run) -> None:
    for ax, letter, key, words in (
        (axes[0], "a", "ampa", "Open AMPA receptors"), (axes[1], "b", "bound", "Glutamate that receptors have bound")
    ):  # fmt: skip
        for engine, style, colour in (("whole", "-", PALE), ("receptors", "--", RED)):
            signal = run.samples(f"{engine}.{key}")
            told = "in one engine" if engine == "whole" else "in an engine of their own"
            ax.plot(signal.times_ms, signal.values[:, 0], style, color=colour, lw=2.4 if engine == "whole" else 1.2, label=told)
        ax.set_xlabel("time (ms)", fontsize=9)
        ax.set_ylim(0, None)
        title(ax, letter, words)
    axes[1].legend(**LEGEND)
    whole, block = run.samples("whole.glutamate"), run.samples("block.glutamate")
    axes[2].plot(whole.times_ms, whole.values[:, 1], color=PALE, lw=2.4)
    axes[2].plot(block.times_ms, block.values[:, 1], "--", color=RED, lw=1.2)
    axes[2].set_xlabel("time (ms)", fontsize=9)
    axes[2].set_ylabel("glutamate (µM)", fontsize=9)
    axes[2].set_ylim(0, None)
    title(axes[2], "c", "0.6 µm away")
