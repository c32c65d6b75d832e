"""Rates of all regions, the spikes and voltages of the one that has dendrites, and where cells and brain meet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.claims import load_beside
from cosim.results import Run, SampledSignal, SpikeTrain
from scenarios.drawing import BLUE, INK, LIGHT, PALE, RED, plain, title

NETWORK, TUFT = RED, BLUE
LIT_MS = 2000.0
REST, STIMULATED = (300.0, 2000.0), (2300.0, 4000.0)
BIN_MS = 40.0
EVERY = 10
"""Rows of the mean fields that are drawn: one in 1 ms."""
INFLOWS_HZ, SECONDS = (58.0, 64.0, 70.0, 76.0, 82.0, 88.0, 94.0), 1.0
"""Where the cells' answer is measured for **d**, and for how long."""
Floats = NDArray[np.float64]


def figure(run: Run) -> Any:
    """A matplotlib Figure, drawn from the streams that scenario.yaml records; **d** runs the cells alone for some seconds."""
    from matplotlib.figure import Figure

    rates, inflow, spikes = run.samples("brain.rate"), run.samples("brain.inflow"), run.spikes("column.spikes")
    last_ms = float(rates.times_ms[-1])
    drawn = Figure((11, 7.6), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.08, h_pad=0.06, wspace=0.04)
    rows = drawn.add_gridspec(3, 3, height_ratios=(1.25, 1, 0.8), width_ratios=(1.35, 1, 1))
    _courses(drawn.add_subplot(rows[0, :]), rates, spikes, last_ms)
    around_ms = (LIT_MS - 75, LIT_MS + 125) if last_ms >= LIT_MS + 125 else (max(last_ms - 200, 0), last_ms)
    raster = drawn.add_subplot(rows[1, 0])
    _raster(raster, spikes, around_ms)
    _voltage(drawn.add_subplot(rows[2, 0], sharex=raster), run.samples("column.voltage"), around_ms)
    meeting, answers = drawn.add_subplot(rows[1:, 1]), drawn.add_subplot(rows[1:, 2])
    title(meeting, "d", "Where cells and brain meet")
    title(answers, "e", "What the current does elsewhere")
    if last_ms >= STIMULATED[1]:
        _meeting(meeting, inflow, spikes)
        _answers(answers, rates, spikes)
    else:
        for ax in (meeting, answers):
            _too_short(ax)
    return plain(drawn)


def _light(ax: Any, last_ms: float, scale: float = 1.0) -> None:
    """A band for as long as the current flows."""
    if last_ms > LIT_MS:
        ax.axvspan(LIT_MS * scale, last_ms * scale, color=LIGHT, alpha=0.25, lw=0, zorder=0)


def _courses(ax: Any, rates: SampledSignal, spikes: SpikeTrain, last_ms: float) -> None:
    others = np.delete(rates.values, rates.labels.index("rV1"), axis=1)
    ax.plot(rates.times_ms[::EVERY] / 1e3, others[::EVERY], color=PALE, lw=0.6, zorder=1)
    ax.plot([], [], color=PALE, lw=1.5, label="74 regions, mean fields")
    bin_ms = BIN_MS if last_ms >= 25 * BIN_MS else last_ms / 10
    edges = np.linspace(0, last_ms - last_ms % bin_ms, max(1, int(last_ms / bin_ms)) + 1)
    exc = spikes.of("exc")
    binned = np.histogram(exc.times_ms, edges)[0] / (len(spikes.groups["exc"]) * (edges[1] - edges[0]) * 1e-3)
    middles_s = (edges[1:] + edges[:-1]) / 2e3
    ax.plot(middles_s, binned, color=NETWORK, lw=1.1, zorder=3, label=f"rV2, {len(spikes.groups['exc'])} excitatory cells in Arbor")
    _light(ax, last_ms, 1e-3)
    low, high = min(others.min(), binned.min()), max(others.max(), binned.max())
    ax.set_xlim(0, last_ms / 1e3)
    ax.set_ylim(low - 0.06 * (high - low), high + 0.3 * (high - low))  # room for the legend
    ax.set_xlabel("time (s)", fontsize=9)
    ax.set_ylabel("firing rate (Hz)", fontsize=9)
    title(ax, "a", "All regions but rV1, into which a current flows from 2 s on")
    ax.legend(fontsize=8, frameon=False, loc="upper right", ncols=2)


def _raster(ax: Any, spikes: SpikeTrain, around_ms: tuple[float, float]) -> None:
    shown = (spikes.times_ms > around_ms[0]) & (spikes.times_ms <= around_ms[1])
    inhibitory = np.isin(spikes.channels, spikes.groups["inh"])
    for rows, colour in ((shown & ~inhibitory, INK), (shown & inhibitory, TUFT)):
        ax.plot(spikes.times_ms[rows], spikes.channels[rows] + 1, ".", color=colour, ms=3, mew=0)
    if around_ms[0] < LIT_MS < around_ms[1]:
        _light(ax, around_ms[1])
    ax.set_xlim(*around_ms)
    ax.set_ylim(0, len(spikes.labels) + 1)
    ax.set_ylabel("cell", fontsize=9)
    ax.tick_params(labelbottom=False)
    title(ax, "b", "Spikes in rV2; blue: inhibitory")


def _voltage(ax: Any, voltage: SampledSignal, around_ms: tuple[float, float]) -> None:
    rows = (voltage.times_ms > around_ms[0]) & (voltage.times_ms <= around_ms[1])
    for label, colour, name in (("soma", INK, "soma"), ("tuft", NETWORK, "tuft of its dendrite")):
        ax.plot(voltage.times_ms[rows], voltage.channel(label)[rows], color=colour, lw=0.9, label=name)
    if around_ms[0] < LIT_MS < around_ms[1]:
        _light(ax, around_ms[1])
    ax.set_ylim(-85, 85)
    ax.set_yticks([-80, -40, 0, 40])
    ax.set_xlabel("time (ms)", fontsize=9)
    ax.set_ylabel("voltage (mV)", fontsize=9)
    title(ax, "c", "One of the cells")
    ax.legend(fontsize=8, frameon=False, loc="upper right", ncols=2)


def _meeting(ax: Any, inflow: SampledSignal, spikes: SpikeTrain) -> None:
    """The cells' answer alone, the brain's fixed point for every rate of theirs, and what the coupled run does."""
    here = Path(__file__)
    stimulus, inflow_hz, working_point = (
        load_beside(here, "theory.py", name) for name in ("stimulus", "inflow_hz", "working_point")
    )
    answer, column = (load_beside(here, "alone.py", name) for name in ("answer", "Column"))
    curve = answer(column(size=len(spikes.labels)), INFLOWS_HZ, SECONDS, seed=2)
    at = np.linspace(INFLOWS_HZ[0] - 4, INFLOWS_HZ[-1] + 4, 50)
    ax.plot(at, [curve(x) for x in at], color=INK, lw=1.2, zorder=2)
    ax.errorbar(
        curve.inflows_hz, curve.rates_hz, 2 * curve.counting_error_hz(SECONDS), fmt="o", color=INK, ms=3.5, lw=0.8,
        label="cells alone (2 sd)",
    )  # fmt: skip
    fired_hz = np.array([14.0, 38.0])
    for current, style, name in ((0.0, "-", "the brain at rest"), (stimulus(), "--", "with the current")):
        ax.plot([inflow_hz(rate, current) for rate in fired_hz], fired_hz, style, color=TUFT, lw=1.2, zorder=1, label=name)
    for span_ms, current, filled in ((REST, 0.0, {}), (STIMULATED, stimulus(), {"mfc": "white"})):
        rows = (inflow.times_ms > span_ms[0]) & (inflow.times_ms <= span_ms[1])
        expected, heard = working_point(curve, current)
        ax.plot(heard, expected, "+", color=INK, ms=13, mew=1.0, zorder=3)
        ax.plot(inflow.values[rows].mean(), mean_rate_hz(spikes, span_ms), "D", color=NETWORK, ms=6, mew=1.2, zorder=4, **filled)
    ax.plot([], [], "D", color=NETWORK, ms=6, label="coupled; open: with the current")
    ax.set_xlim(at[0], at[-1])
    ax.set_ylim(fired_hz[0], fired_hz[1] + 6)
    ax.set_xlabel("inflow to rV2 (Hz)", fontsize=9)
    ax.set_ylabel("rate of its cells (Hz)", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper left")


def _answers(ax: Any, rates: SampledSignal, spikes: SpikeTrain) -> None:
    """How each region's rate rises when the current comes, against the fixed points with the cells' rates as they were."""
    here = Path(__file__)
    (whole, _), stimulus = load_beside(here, "theory.py", "brain")(), load_beside(here, "theory.py", "stimulus")()
    rates_hz = load_beside(here, "theory.py", "rates_hz")
    expected = rates_hz(mean_rate_hz(spikes, STIMULATED), stimulus) - rates_hz(mean_rate_hz(spikes, REST))
    expected = np.delete(expected, whole.swapped)
    means = [rates.values[(rates.times_ms > a) & (rates.times_ms <= b)].mean(axis=0) for a, b in (REST, STIMULATED)]
    found, shown = means[1] - means[0], expected > 1e-3
    low, high = expected[shown].min() / 2, expected.max() * 2
    ax.plot([low, high], [low, high], color=PALE, lw=1, zorder=1)
    ax.loglog(expected[shown], np.maximum(found[shown], low), "o", color=INK, ms=3.2, mew=0, zorder=2)
    ax.set_xlim(low, high)
    ax.set_ylim(low, high)
    ax.set_xlabel("rise of a region's rate, theory (Hz)", fontsize=9)
    ax.set_ylabel("measured (Hz)", fontsize=9)


def mean_rate_hz(spikes: SpikeTrain, span_ms: tuple[float, float]) -> float:
    """Of the excitatory cells."""
    exc = spikes.of("exc")
    within = (exc.times_ms > span_ms[0]) & (exc.times_ms <= span_ms[1])
    return float(within.sum() / (len(spikes.groups["exc"]) * (span_ms[1] - span_ms[0]) * 1e-3))


def _too_short(ax: Any) -> None:
    ax.text(0.5, 0.5, "needs 4 s of simulated time", transform=ax.transAxes, ha="center", va="center", fontsize=9, color=INK)
    ax.set_xticks([])
    ax.set_yticks([])
