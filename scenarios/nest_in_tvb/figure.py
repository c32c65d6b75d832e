"""Rates of all regions and of the column, its spikes, what goes in and comes out, and the delays that its noise tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.claims import load_beside
from cosim.results import Run, SampledSignal, SpikeTrain
from scenarios.drawing import BLUE, INK, LIGHT, PALE, RED, plain, title

NETWORK, INHIBITORY = RED, BLUE
LIT_MS, LIGHT_PA = (1000.0, 2000.0), 75.0
SETTLED_MS = 300.0
BIN_MS = 10.0
EVERY = 10
"""Rows of the mean fields that are drawn: one in 1 ms."""
PIECES_MS = 100.0
"""What is averaged for a point of input and output."""
Floats = NDArray[np.float64]
coupled, column_hz, lags_ms = (load_beside(Path(__file__), "theory.py", name) for name in ("coupled", "column_hz", "lags_ms"))


def figure(run: Run) -> Any:
    """A matplotlib Figure, drawn from the streams that scenario.yaml records."""
    from matplotlib.figure import Figure

    rates, inflow, spikes = run.samples("brain.rate"), run.samples("brain.inflow"), run.spikes("column.spikes")
    brain, last_ms = coupled(), float(rates.times_ms[-1])
    drawn = Figure((11, 7.6), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.08, h_pad=0.06, wspace=0.04)
    rows = drawn.add_gridspec(3, 3, height_ratios=(0.75, 0.95, 1.25), width_ratios=(1.25, 1, 1))
    top = drawn.add_subplot(rows[0, :])
    below = drawn.add_subplot(rows[1, :], sharex=top)
    _column(top, spikes, last_ms, len(spikes.labels))
    _courses(below, rates, brain)
    for ax in (top, below):
        _light(ax, last_ms)
    _raster(drawn.add_subplot(rows[2, 0]), spikes, last_ms)
    _in_and_out(drawn.add_subplot(rows[2, 1]), rates, inflow, spikes, brain)
    _delays(drawn.add_subplot(rows[2, 2]), rates, spikes, brain)
    return plain(drawn)


def _column(ax: Any, spikes: SpikeTrain, last_ms: float, size: int) -> None:
    excitatory = spikes.of("exc")
    edges = np.arange(0, last_ms + BIN_MS / 2, BIN_MS)
    counts = np.histogram(excitatory.times_ms, edges)[0]
    ax.plot((edges[1:] - BIN_MS / 2) / 1e3, counts / (0.8 * size * BIN_MS * 1e-3), color=NETWORK, lw=1.1)
    for rate_hz, (from_ms, to_ms) in _theory(last_ms):
        ax.plot([from_ms / 1e3, to_ms / 1e3], [rate_hz] * 2, color=INK, lw=1, ls=(0, (4, 2)))
    ax.plot([], [], color=INK, lw=1, ls=(0, (4, 2)), label="fixed point of all 76, the column by Siegert's formula")
    ax.set_ylim(0, 1.3 * max(counts.max() / (0.8 * size * BIN_MS * 1e-3), 1))
    ax.set_ylabel("column (Hz)", fontsize=9)
    ax.tick_params(labelbottom=False)
    ax.legend(fontsize=8, frameon=False, loc="upper right")
    title(ax, "a", f"Right frontal pole: a column of {size} neurons in NEST, excitatory cells in bins of {BIN_MS:.0f} ms")


def _theory(last_ms: float) -> list[tuple[float, tuple[float, float]]]:
    """The column's rate in the fixed point without and with the current, and when it holds."""
    brain = coupled()
    spans = [(0.0, (0.0, LIT_MS[0])), (LIGHT_PA, LIT_MS), (0.0, (LIT_MS[1], last_ms))]
    return [
        (float(brain.rates_hz(pa)[brain.column]), (from_ms, min(to_ms, last_ms)))
        for pa, (from_ms, to_ms) in spans
        if last_ms > from_ms
    ]


def _courses(ax: Any, rates: SampledSignal, brain: Any) -> None:
    """The 75, those that hear the column darker."""
    direct = np.flatnonzero(brain.weights[:, brain.column])
    far = np.setdiff1d(np.arange(len(brain.labels)), [*direct, brain.column])
    for rows, colour, label in ((direct, INK, "hear the column"), (far, PALE, "do not")):
        ax.plot(rates.times_ms[::EVERY] / 1e3, 1e3 * rates.values[::EVERY, rows], color=colour, lw=0.6, zorder=1 + (rows is direct))
        ax.plot([], [], color=colour, lw=1.5, label=f"{len(rows)} {label}")
    low, high = 1e3 * np.delete(rates.values, brain.column, axis=1).min(), 1e3 * np.delete(rates.values, brain.column, axis=1).max()
    ax.set_xlim(0, rates.times_ms[-1] / 1e3)
    ax.set_ylim(low - 0.06 * (high - low), high + 0.3 * (high - low))  # room for the legend
    ax.set_xlabel("time (s)", fontsize=9)
    ax.set_ylabel("firing rate (Hz)", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper right", ncols=2)
    title(ax, "b", "The other 75 regions, mean fields in The Virtual Brain")


def _light(ax: Any, last_ms: float) -> None:
    """A band for as long as the current flows."""
    if last_ms > LIT_MS[0]:
        ax.axvspan(LIT_MS[0] / 1e3, min(LIT_MS[1], last_ms) / 1e3, color=LIGHT, alpha=0.25, lw=0, zorder=0)


def _raster(ax: Any, spikes: SpikeTrain, last_ms: float) -> None:
    """Every n-th neuron around the onset of the current, inhibitory ones on top."""
    start_ms, stop_ms = (LIT_MS[0] - 100, LIT_MS[0] + 150) if last_ms >= LIT_MS[0] + 150 else (max(last_ms - 250, 0), last_ms)
    size = len(spikes.labels)
    every = max(1, size // 200)
    shown = (spikes.times_ms > start_ms) & (spikes.times_ms <= stop_ms) & (spikes.channels % every == every // 2)
    inhibitory = np.isin(spikes.channels, spikes.groups["inh"])
    for kept, colour in ((shown & ~inhibitory, INK), (shown & inhibitory, INHIBITORY)):
        ax.plot(spikes.times_ms[kept] / 1e3, spikes.channels[kept], ".", color=colour, ms=2, mew=0)
    if start_ms < LIT_MS[0] < stop_ms:
        _light(ax, stop_ms)
    ax.set_xlim(start_ms / 1e3, stop_ms / 1e3)
    ax.set_ylim(0, size)
    ax.set_xlabel("time (s)", fontsize=9)
    ax.set_ylabel("neuron (blue: inhibitory)", fontsize=9)
    title(ax, "c", "Spikes of the column" + (f", every {every}th neuron" if every > 1 else ""))


def _in_and_out(ax: Any, rates: SampledSignal, inflow: SampledSignal, spikes: SpikeTrain, brain: Any) -> None:
    """The mean rate on the column's fibres, and its own: averages against Siegert's formula."""
    last_ms = float(rates.times_ms[-1])
    if last_ms < 2 * SETTLED_MS:
        _too_short(ax, "needs 0.6 s of simulated time")
        return
    fibre_hz, inputs = 1e3 * inflow.values[:, 0] / brain.strength, []
    for pa, (from_ms, to_ms), colour in ((0.0, (0.0, LIT_MS[0]), INK), (LIGHT_PA, LIT_MS, NETWORK)):
        starts = np.arange(from_ms + SETTLED_MS, min(to_ms, last_ms) - PIECES_MS + 1e-6, PIECES_MS)
        if not len(starts):
            continue
        arrived = [((inflow.times_ms + 7.4 > start) & (inflow.times_ms + 7.4 <= start + PIECES_MS)) for start in starts]
        heard = np.array([fibre_hz[rows].mean() for rows in arrived])
        told = np.array([((spikes.times_ms > start) & (spikes.times_ms <= start + PIECES_MS)).sum() for start in starts])
        told = told / (len(spikes.labels) * PIECES_MS * 1e-3)
        inputs += [(pa, colour, heard.mean())]
        ax.plot(heard, told, "o", color=colour, mfc="none", ms=3.5, mew=0.8, zorder=2)
        ax.plot(heard.mean(), told.mean(), "D", color=colour, ms=6, zorder=3)
    low, high = ax.get_xlim()
    for pa, colour, middle in inputs:
        course = np.linspace(min(low, middle - 1.5), max(high, middle + 1.5), 40)
        ax.plot(course, [column_hz(x, pa) for x in course], color=colour, lw=1, zorder=1)
    ax.plot([], [], color=INK, lw=1, label="Siegert, self-consistent")
    ax.plot([], [], "o", color=INK, mfc="none", ms=3.5, label=f"averages of {PIECES_MS:.0f} ms")
    ax.plot([], [], "D", color=INK, ms=6, label="of all (red: under the current)")
    ax.set_ylim(0, 1.45 * ax.get_ylim()[1])
    ax.set_xlabel("mean rate on its fibres (Hz)", fontsize=9)
    ax.set_ylabel("rate of the column (Hz)", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper left")
    title(ax, "d", "What goes in, and what comes out")


def _delays(ax: Any, rates: SampledSignal, spikes: SpikeTrain, brain: Any) -> None:
    """When what moves a region correlates with the column's noise for the first time, against the length of its tract."""
    if rates.times_ms[-1] < 2 * SETTLED_MS:
        _too_short(ax, "needs 0.6 s of simulated time")
        return
    direct = np.flatnonzero(brain.weights[:, brain.column])
    steps = np.rint(spikes.of("exc").times_ms / 0.1).astype(np.int64)
    column = np.bincount(steps, minlength=len(rates.values) + 1)[1 : len(rates.values) + 1].astype(np.float64)
    lags, correlations = lags_ms(column, rates.values[:, direct])
    found = lags[(np.abs(correlations) > 0.5 * np.abs(correlations).max(axis=0)).argmax(axis=0)]
    tract_ms = 0.1 * brain.steps[direct, brain.column]
    ax.plot([0, 40], [0, 40], color=PALE, lw=1, zorder=1)
    ax.plot(tract_ms, found, "o", color=INK, ms=4, mew=0, zorder=2)
    ax.set_xlim(0, tract_ms.max() * 1.08)
    ax.set_ylim(0, tract_ms.max() * 1.08)
    ax.set_xlabel("tract, length / speed (ms)", fontsize=9)
    ax.set_ylabel("first effect (ms)", fontsize=9)
    title(ax, "e", "Delays, from the column's noise")
    nearest = int(tract_ms.argmin())
    small = ax.inset_axes((0.56, 0.12, 0.42, 0.32))
    shown = lags < 2.5 * tract_ms[nearest]
    small.plot(lags[shown], correlations[shown, nearest], color=INK, lw=0.8)
    small.set_xlabel("lag (ms)", fontsize=7, labelpad=1)
    small.set_title(f"correlation, {brain.labels[direct[nearest]]}", fontsize=7, pad=2)
    small.tick_params(labelsize=6)
    small.spines[["top", "right"]].set_visible(False)


def _too_short(ax: Any, words: str) -> None:
    ax.text(0.5, 0.5, words, transform=ax.transAxes, ha="center", va="center", fontsize=9, color=INK)
    ax.set_xticks([])
    ax.set_yticks([])
