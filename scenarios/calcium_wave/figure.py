"""The dendrite in the colours of its calcium, the wave along two ways through it; of the variant, fronts at a fork and a puff."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.results import Run
from scenarios.calcium_wave import front_claims, theory
from scenarios.calcium_wave.claims import branches_of, by_scipy, params_of, wave_of
from scenarios.calcium_wave.measures import Wave
from scenarios.drawing import BLUE, INK, LIGHT, PALE, RED, plain, title

Floats = NDArray[np.float64]
MOMENTS_S = (1.5, 4.2, 6.0, 8.0)
SHOWN_UM = (0.0, 0.7)
"""µM, from the palest to the darkest; where calcium comes in there is more."""
WAYS = {"down the trunk": ("upper", "trunk"), "to the end of tail": ("upper", "lower", "tail")}
"""From the tip of the first branch on."""
SEEN = {("upper", 30.0): INK, ("upper", 2.0): PALE, ("trunk", 30.0): RED, ("tail", 20.0): BLUE}
LEGEND: Any = {"fontsize": 8, "frameon": False}
DOTS = 8
"""Rows of SciPy's from one dot to the next."""


def figure(run: Run) -> Any:
    """A matplotlib Figure, drawn from the streams that the scenario records."""
    from matplotlib.figure import Figure

    drawn: Any = Figure((11, 6.6), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.08, h_pad=0.08, wspace=0.04)
    if run.provenance["name"] == "calcium_wave_front":
        _fronts(drawn, run)
        return plain(drawn)
    rows = drawn.add_gridspec(2, 1, height_ratios=(0.62, 1))
    wave = wave_of(run)
    _trees(drawn, rows[0].subgridspec(1, len(MOMENTS_S)), run, wave)
    below = rows[1].subgridspec(1, 3, width_ratios=(1, 1, 1.15))
    lengths = {name: branch.length for name, branch in branches_of(params_of(run)).items()}
    for k, (words, way) in enumerate(WAYS.items()):
        ax = drawn.add_subplot(below[k])
        _kymogram(ax, wave, way, lengths)
        title(ax, "bc"[k], f"From the tip of upper {words}")
    _courses(drawn.add_subplot(below[2]), run, wave)
    return plain(drawn)


def colours() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("deep", ["#e8edf1", LIGHT, RED, "#5b1a12"])


# -- the scenario ------------------------------------------------------------------------------------------------------------------


def _trees(drawn: Any, cells: Any, run: Run, wave: Wave) -> None:
    from matplotlib.collections import LineCollection

    signal, params = run.samples("dendrite.ca"), params_of(run)
    given, axes, shown = params.space.dendrite.morphology.branches, [], None
    for k, moment in enumerate(MOMENTS_S):
        row = min(int(np.searchsorted(signal.times_ms, 1e3 * moment - 1e-6)), len(signal.times_ms) - 1)
        ax = drawn.add_subplot(cells[k])
        for name, branch in given.items():
            points = np.array(branch.points)
            at = np.linspace(0, 1, 121)
            line = points[0] + at[:, None] * (points[-1] - points[0])
            wide = np.interp(at[:-1], [0, 1], [branch.diameter[0], branch.diameter[-1]])
            values = _along(wave, name, row, at[:-1])
            pieces = LineCollection(list(np.stack([line[:-1, :2], line[1:, :2]], axis=1)), cmap=colours(), linewidths=4.5 * wide)
            pieces.set_array(values)
            pieces.set_clim(*SHOWN_UM)
            pieces.set_capstyle("round")
            shown = ax.add_collection(pieces)
        ax.set(xlim=(-4, 112), ylim=(-42, 40))
        ax.set_aspect("equal")
        ax.set_axis_off()
        ax.text(0, 24, f"{signal.times_ms[row] / 1e3:.1f} s", fontsize=9, color=INK)
        axes.append(ax)
    title(axes[0], "a", "Calcium in the dendrite")
    axes[0].plot([0, 30], [-30, -30], color=INK, lw=1.5)
    axes[0].text(15, -38, "30 µm", ha="center", fontsize=8, color=INK)
    bar = drawn.colorbar(shown, ax=axes, aspect=16, pad=0.01, shrink=0.8)
    bar.set_label("calcium (µM)", fontsize=9)
    bar.ax.tick_params(labelsize=8)


def _along(wave: Wave, branch: str, row: int, part: Floats) -> Floats:
    """Calcium at parts of a branch's length, between voxels linearly."""
    chosen = wave.branch == branch
    order = np.argsort(wave.at[chosen])
    at = wave.at[chosen][order]
    found: Floats = np.interp(part * at[-1], at, wave.calcium[row, chosen][order])
    return found


def _kymogram(ax: Any, wave: Wave, way: tuple[str, ...], lengths: dict[str, float]) -> None:
    """Time to the right, the way from the tip upwards; the first branch is gone along against its direction."""
    done, at, values = 0.0, [], []
    for k, name in enumerate(way):
        chosen = wave.branch == name
        turned = k == 0 or name == "trunk"
        at.append(done + (lengths[name] - wave.at[chosen] if turned else wave.at[chosen]))
        values.append(wave.calcium[:, chosen])
        done += lengths[name]
        if k + 1 < len(way):
            ax.axhline(done, color=INK, lw=0.6, ls=(0, (4, 3)))
            ax.text(0.15, done + 1.5, "branch point", fontsize=7.5, color=INK)
    places, courses = np.concatenate(at), np.concatenate(values, axis=1)
    order = np.argsort(places)
    if len(wave.times_s) > 1:
        ax.pcolormesh(wave.times_s, places[order], courses[:, order].T, cmap=colours(), vmin=SHOWN_UM[0], vmax=SHOWN_UM[1],
                      shading="nearest", rasterized=True)  # fmt: skip
    ax.set_ylim(0, done)
    ax.set_xlabel("time (s)", fontsize=9)
    ax.set_ylabel("from the tip of upper (µm)", fontsize=9)


def _courses(ax: Any, run: Run, wave: Wave) -> None:
    theirs = by_scipy(run)
    for (branch, at), colour in SEEN.items():
        ax.plot(wave.times_s, wave.course(branch, at), color=colour, lw=1.3, label=f"{branch}, {at:g} µm from its start")
        ax.plot(theirs.times_s[::DOTS], theirs.course(branch, at)[::DOTS], "o", color=colour, ms=2.4)
    ax.set_xlabel("time (s)", fontsize=9)
    ax.set_ylabel("calcium (µM)", fontsize=9)
    ax.set_ylim(0, 0.95)  # room for the legend
    ax.legend(loc="upper left", ncols=2, **LEGEND)
    title(ax, "d", "At four places; dots: SciPy, method of lines")


# -- the variant -------------------------------------------------------------------------------------------------------------------


def _fronts(drawn: Any, run: Run) -> None:
    cells = drawn.add_gridspec(2, 2)
    lengths = {"stem": front_claims.STEM, "left": front_claims.BRANCH}
    for k, engine in enumerate(front_claims.PARALLEL):
        ax = drawn.add_subplot(cells[0, k])
        wave = front_claims.wave_of(run, engine)
        kept = wave.branch != "right"
        places = wave.at[kept] + np.where(wave.branch[kept] == "left", lengths["stem"], 0.0)
        order = np.argsort(places)
        if len(wave.times_s) > 1:
            ax.pcolormesh(wave.times_s, places[order], wave.calcium[:, kept][:, order].T, cmap=colours(), vmin=0, vmax=1,
                          shading="nearest", rasterized=True)  # fmt: skip
        ax.axhline(lengths["stem"], color=INK, lw=0.6, ls=(0, (4, 3)))
        run_um = theory.front_speed(front_claims.DIFFUSION, front_claims.RATE, front_claims.THRESHOLD) * np.array([0, 20.0])
        ax.plot([0, 20], 20 + run_um, color=BLUE, lw=1.5, ls=":")
        ax.set_ylim(0, sum(lengths.values()))
        ax.set_xlabel("time (s)", fontsize=9)
        ax.set_ylabel("along stem and branch (µm)", fontsize=9)
        ratio = front_claims.ratio(run, engine)
        title(ax, "ab"[k], f"Branches have {ratio:.2g} times the cross-section; dots: {run_um[1] / 20:g} µm/s")
    _ratios(drawn.add_subplot(cells[1, 0]))
    _puff(drawn.add_subplot(cells[1, 1]), run)


def _ratios(ax: Any) -> None:
    """Theory: what stops a front, and the speed, by the threshold."""
    a = np.linspace(0.15, 0.48, 100)
    ax.plot(a, [theory.stopping_ratio(value) for value in a], color=INK, lw=1.3)
    for ratio, colour in ((2.0, BLUE), (2.6, RED)):
        ax.plot(front_claims.THRESHOLD, ratio, "o", color=colour, ms=6)
    ax.text(0.36, 4.5, "stops", fontsize=9, color=INK)
    ax.text(0.22, 2.2, "passes", fontsize=9, color=INK)
    ax.set_ylim(0.8, 8)
    ax.set_xlabel("threshold a", fontsize=9)
    ax.set_ylabel("cross-section ahead over behind", fontsize=9)
    title(ax, "c", "What stops a front: sqrt(1 + (1 - 2a) / (a³ (2 - a)))")


def _puff(ax: Any, run: Run) -> None:
    free = run.samples("dyed.ca")
    assert free.positions_um is not None
    x = free.positions_um[:, 0] - free.positions_um[np.argmax(free.values[0]), 0]
    for moment, colour in ((0.5, PALE), (2.0, BLUE), (6.0, INK)):
        row = min(int(np.searchsorted(free.times_ms, 1e3 * moment - 1e-6)), len(free.times_ms) - 1)
        course, time = free.values[row], free.times_ms[row] / 1e3
        ax.plot(x, course * 1e3, color=colour, lw=1.3, label=f"{time:g} s")
        spread = 2 * theory.buffered(200.0, 20.0, 4.0) * time
        normal = course.sum() * (x[1] - x[0]) * np.exp(-(x**2) / (2 * spread)) / np.sqrt(2 * np.pi * spread)
        ax.plot(x[::6], normal[::6] * 1e3, "o", color=colour, ms=2.6)
    ax.set_xlabel("from the puff (µm)", fontsize=9)
    ax.set_ylabel("calcium (nM)", fontsize=9)
    ax.legend(**LEGEND)
    title(ax, "d", "A puff with a fast buffer; dots: (D + κ D_B) / (1 + κ)")
