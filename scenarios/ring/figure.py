"""The spikes of all rings, the somata of one, the first touch and the answer, and the cell."""

from __future__ import annotations

from typing import Any

import numpy as np

import cosim
from cosim.results import Run
from engines.compartmental_neurons.anatomy import anatomy_of
from engines.compartmental_neurons.morphology.drawing import draw, scale_bar
from engines.compartmental_neurons.morphology.sites import compartments_of
from scenarios.drawing import BLUE, INK, PALE, RED, plain, title

CELLS = 10
KICK_MS, SHOWN_MS = 1.0, 14.0
APART_MV = 35.0
"""Between the courses of two somata."""
LEGEND: Any = {"fontsize": 8, "frameon": False}


def figure(run: Run) -> Any:
    """A matplotlib Figure, drawn from what scenario.yaml records."""
    from matplotlib.figure import Figure

    drawn: Any = Figure((11, 6.6), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.08, h_pad=0.08, wspace=0.04)
    cells = drawn.add_gridspec(2, 2, width_ratios=(1.35, 1), height_ratios=(1.15, 1))
    _raster(drawn.add_subplot(cells[0, 0]), run)
    _somata(drawn.add_subplot(cells[1, 0]), run)
    _cell(drawn.add_subplot(cells[0, 1]), run)
    _answer(drawn.add_subplot(cells[1, 1]), run)
    return plain(drawn)


def _raster(ax: Any, run: Run) -> None:
    spikes = run.spikes("cells.spikes")
    first = spikes.channels < CELLS
    for chosen, colour in ((~first, INK), (first, RED)):
        ax.plot(spikes.times_ms[chosen], spikes.channels[chosen], ".", color=colour, ms=4, mew=0)
    ax.set_xlim(0, spikes.stop_ms)
    ax.set_ylim(-2, len(spikes.labels) + 1)
    ax.set_ylabel("cell", fontsize=9)
    title(ax, "a", f"{len(spikes.times_ms)} spikes: ten rings of ten cells, one spike in each")


def _somata(ax: Any, run: Run) -> None:
    """The first ring, a line for each cell."""
    v = run.samples("cells.soma")
    for cell in range(CELLS):
        ax.plot(v.times_ms, v.values[:, cell] + APART_MV * cell, color=RED, lw=0.8)
    ax.set_yticks([-65 + APART_MV * cell for cell in range(CELLS)], [str(cell) for cell in range(CELLS)])
    ax.set_xlim(0, v.times_ms[-1])
    ax.set_xlabel("time (ms)", fontsize=9)
    ax.set_ylabel("cell of the first ring", fontsize=9)
    title(ax, "b", "Voltage of their somata; from line to line 35 mV")


def _answer(ax: Any, run: Run) -> None:
    """The first cell: where it is touched, at the far end of a tip, and in the soma; the soma of the next cell."""
    soma = run.samples("cells.soma")
    shown = soma.times_ms <= SHOWN_MS
    for name, column, colour, words in (
        ("touched", 0, BLUE, "first cell, where it is touched"), ("tip", 0, PALE, "its tip, 340 µm further on"),
        ("soma", 0, RED, "its soma"), ("soma", 1, INK, "soma of the next cell"),
    ):  # fmt: skip
        ax.plot(soma.times_ms[shown], run.samples(f"cells.{name}").values[shown, column], color=colour, lw=1.2, label=words)
    spikes = run.spikes("cells.spikes")
    early = spikes.times_ms[spikes.channels == 0]
    if len(early):
        for time in (KICK_MS, early[0], early[0] + 5.0):
            ax.axvline(time, 0, 0.82, color=PALE, lw=0.7, ls=(0, (4, 3)), zorder=0)
    ax.set_xlim(0, SHOWN_MS)
    ax.set_xlabel("time (ms)", fontsize=9)
    ax.set_ylabel("V (mV)", fontsize=9)
    ax.set_ylim(-80, 70)  # room for the legend
    ax.legend(loc="upper center", ncols=2, **LEGEND)
    title(ax, "d", "A kick, the answer, and 5 ms later the next cell")


def _cell(ax: Any, run: Run) -> None:
    """The tree, laid out in a plane, and the synapse."""
    plan = cosim.check(run.folder / "scenario.yaml").plan
    assert plan is not None
    (population,) = plan.engines["cells"].params.populations.values()
    anatomy = anatomy_of(population.cell)
    draw(ax, anatomy.compartments, color=INK)
    ax.set_aspect("equal", adjustable="datalim")
    node = compartments_of(population.synapses["touch"].at, anatomy.regions)
    ax.plot(*anatomy.compartments.middle[node, :2].T, "o", color=BLUE, ms=7, mfc="none", mew=1.5)
    scale_bar(ax, 100.0)
    count = int(np.sum(anatomy.compartments.area > 0))
    title(ax, "c", f"The cell: {count} compartments; o: its synapse")
