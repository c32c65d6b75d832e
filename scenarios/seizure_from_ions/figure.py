"""From ions to a brain: potentials, potassium and spikes of the cells, open channels of all regions, and who is recruited."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import cosim
from cosim.claims import load_beside
from cosim.results import Run, SampledSignal
from scenarios.drawing import BLUE, INK, PALE, RED, plain, title


def beside(file: str, name: str) -> Any:
    """From a file of this folder."""
    return load_beside(Path(__file__), file, name)


brain, FOCUS = (beside("theory.py", name) for name in ("brain", "FOCUS"))
RECRUITED, Swept = (beside("claims.py", name) for name in ("RECRUITED", "Swept"))
ILL, HEALTHY = RED, BLUE
K_OUT_MM, BETA = 4.8, 3.0
COLUMNS = 1500
"""Of a drawn trace; in each the lowest and the highest value."""
EVERY = 10
"""Rows of the mean fields that are drawn: one in 10 ms."""
Floats = NDArray[np.float64]


def figure(run: Run) -> Any:
    """A matplotlib Figure, drawn from the streams that scenario.yaml records."""
    from matplotlib.figure import Figure

    whole, swept, up = brain(), Swept(run), run.samples("up")
    baths = _baths(run)
    drawn: Any = Figure((11.5, 8.2), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.08, h_pad=0.05, wspace=0.05)
    left, right = drawn.add_gridspec(1, 2, width_ratios=(1.75, 1))
    rows = left.subgridspec(4, 1, height_ratios=(1.05, 0.7, 0.75, 1.5))
    first = drawn.add_subplot(rows[0])
    courses = [first, *(drawn.add_subplot(rows[k], sharex=first) for k in range(1, 4))]
    _potentials(courses[0], run, baths)
    _potassium(courses[1], run, baths[1])
    _spikes(courses[2], run, baths)
    _open(courses[3], run.samples("brain.gating"), up, whole)
    for ax in courses[:-1]:
        ax.tick_params(labelbottom=False)
    lower, highest = right.subgridspec(2, 1), float(up.values.max())
    _recruited(drawn.add_subplot(lower[0]), swept, whole, highest)
    _by_weight(drawn.add_subplot(lower[1]), swept, whole, highest)
    return plain(drawn)


def _baths(run: Run) -> list[str]:
    """Potassium around healthy and ill cells, as the scenario writes it."""
    populations = cosim.load(run.folder / "scenario.yaml").file.engines["cells"].params["populations"]
    return [populations[name]["cell"]["membrane"][0]["parameters"]["K_bath"] for name in ("healthy", "ill")]


def _potentials(ax: Any, run: Run, baths: list[str]) -> None:
    ticks: list[float] = []
    for place, (stream, colour) in enumerate((("cells.voltage", ILL), ("cells.healthy_voltage", HEALTHY))):
        times_s, values = envelope(run.samples(stream))
        ax.plot(times_s, values - 130 * place, color=colour, lw=0.5)
        ticks += [-130 * place, -80 - 130 * place]
    ax.set_yticks(ticks, ["0", "-80", "0", "-80"])
    ax.set_xlim(0, run.samples("cells.voltage").times_ms[-1] / 1e3)
    ax.set_ylabel("potential (mV)", fontsize=9)
    title(ax, "a", f"A cell in a bath of {baths[1]} (red) and one in {baths[0]} (blue)")


def _potassium(ax: Any, run: Run, bath: str) -> None:
    """What the cell in the second bath has outside: K_o - beta DK_i + K_g."""
    shift, given = run.samples("cells.shift"), run.samples("cells.given")
    every = max(1, len(shift.values) // COLUMNS)
    outside = K_OUT_MM - BETA * shift.values[::every, 0] + given.values[::every, 0]
    ax.plot(shift.times_ms[::every] / 1e3, outside, color=ILL, lw=1)
    ax.set_ylabel("K$^+$ (mM)", fontsize=9)
    title(ax, "b", f"Potassium outside a cell in a bath of {bath}")


def _spikes(ax: Any, run: Run, baths: list[str]) -> None:
    spikes = run.spikes("cells.spikes")
    for group, colour in (("healthy", HEALTHY), ("ill", ILL)):
        shown = spikes.of(group)
        kept = np.unique(np.stack([shown.times_ms // 2, shown.channels]), axis=1)  # one in 2 ms is seen
        ax.plot(2e-3 * kept[0], kept[1], "|", color=colour, ms=5, mew=0.4)
    ax.set_ylim(-0.7, len(spikes.labels) - 0.3)
    ax.set_yticks([2, 7], baths)
    ax.set_ylabel("bath", fontsize=9)
    title(ax, "c", f"Spikes of the ten cells of {FOCUS}")


def _open(ax: Any, gating: SampledSignal, up: SampledSignal, whole: Any) -> None:
    heard = whole.heard[whole.others]
    recruited = gating.values.max(axis=0) > RECRUITED if len(gating.values) else np.zeros(len(heard), bool)
    times_s = gating.times_ms[::EVERY] / 1e3
    ax.plot(times_s, gating.values[::EVERY, ~recruited], color=PALE, lw=0.6, zorder=1)
    order = np.flatnonzero(recruited)[np.argsort(-heard[recruited])]
    for row in order:
        words = f"{gating.labels[row]}, {heard[row]:.2f}" if heard[row] else f"{gating.labels[row]}, hears others"
        ax.plot(times_s, gating.values[::EVERY, row], color=_shade(float(heard[row])), lw=1.2, zorder=2, label=words)
    since = up.times_ms > 0
    ax.plot(up.times_ms[since][::2] / 1e3, up.values[since][::2, 0], color=ILL, lw=1.3, zorder=3, label=f"{FOCUS}, the cells")
    ax.set_ylim(0, 1)
    ax.set_xlabel("time (s)", fontsize=9)
    ax.set_ylabel("open channels S", fontsize=9)
    ax.legend(fontsize=7.5, frameon=False, loc="upper left", ncols=3)
    title(ax, "d", f"{len(order)} of {len(heard)} mean fields follow; with what share they hear the cells")


def _recruited(ax: Any, swept: Any, whole: Any, highest: float) -> None:
    """How many follow, against the strength of the coupling; and of how many more theory does not rule it out."""
    strengths = swept.strengths
    ceiling = [int((whole.ceiling(float(G), highest)[whole.others] > RECRUITED).sum()) for G in strengths]
    measured = swept.recruited.sum(axis=1)
    ax.step(strengths, ceiling, where="post", color=PALE, lw=1.2, label="at the most, by theory")
    ax.plot(strengths, measured, "o-", color=INK, ms=3.5, lw=1, label="recruited")
    ax.set_yscale("symlog", linthresh=10)
    ax.set_yticks([0, 2, 4, 6, 8, 10, 30, 97], ["0", "2", "4", "6", "8", "10", "30", "97"])
    ax.set_xlim(0.18, strengths.max())
    ax.set_ylim(-0.4, 150)
    ax.set_xlabel("global coupling G", fontsize=9)
    ax.set_ylabel("regions", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="center right", bbox_to_anchor=(1, 0.45))
    title(ax, "e", "How many, against the coupling")


def _by_weight(ax: Any, swept: Any, whole: Any, highest: float) -> None:
    """The weakest coupling that recruits a region, against what it hears of the cells."""
    heard, first, strengths = whole.heard[whole.others], swept.first, swept.strengths
    ceilings = np.array([whole.ceiling(float(G), highest)[whole.others] > RECRUITED for G in strengths])
    bound = np.where(ceilings.any(axis=0), strengths[ceilings.argmax(axis=0)], np.nan)
    early = swept.early(heard)
    ax.plot(heard[heard > 0], bound[heard > 0], "_", color=PALE, ms=8, mew=1.5, label="no weaker one, by theory")
    for row in early:
        ax.plot(heard[row], first[row], "o", color=_shade(float(heard[row])), ms=6, zorder=3)
        ax.annotate(whole.labels[whole.others[row]], (heard[row], first[row]), (5, 4), "data", "offset points", fontsize=8)
    late = np.setdiff1d(np.flatnonzero((heard > 0) & ~np.isnan(first)), early)
    ax.plot(heard[late], first[late], "o", mfc="none", color=INK, ms=4, mew=0.8, label="with most others")
    if not len(early):
        ax.text(0.5, 0.5, "nothing is recruited", transform=ax.transAxes, ha="center", va="center", fontsize=9, color=INK)
        ax.set_ylim(0, strengths.max())
    else:
        ax.legend(fontsize=8, frameon=False, loc="lower left")
    ax.set_xlim(0, None)
    ax.set_xlabel(f"share of its input that a region has from {FOCUS}", fontsize=9)
    ax.set_ylabel("weakest coupling G", fontsize=9)
    title(ax, "f", "Who hears the cells most is recruited first")


def _shade(heard: float) -> Any:
    from matplotlib import colormaps

    return colormaps["viridis"](
        float(np.clip(1.78 - 3 * heard, 0.0, 0.88))
    )  # of those that are recruited most hear it with 0.4 to 0.6


def envelope(signal: SampledSignal) -> tuple[Floats, Floats]:
    """Times in s and values of a trace of one channel, of which as many columns are kept as are seen."""
    each = max(1, len(signal.values) // COLUMNS)
    count = len(signal.values) // each
    pieces = signal.values[: count * each, 0].reshape(count, each)
    times_s = signal.times_ms[: count * each].reshape(count, each).mean(axis=1) / 1e3
    return np.repeat(times_s, 2), np.stack([pieces.min(axis=1), pieces.max(axis=1)], axis=1).ravel()
