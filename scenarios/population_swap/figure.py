"""Rates of all regions, the spikes of the one that is a network, and both against theory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.claims import load_beside
from cosim.results import Run, SampledSignal, SpikeTrain
from scenarios.drawing import BLUE, INK, LIGHT, PALE, RED, plain, title

NETWORK, STIMULATED = RED, BLUE
LIT_MS = (1000.0, 2000.0)
SETTLED_MS = 600.0
"""After the start and after each step of the stimulus, before anything is averaged."""
BIN_MS = 5.0
EVERY = 10
"""Rows of the mean fields that are drawn: one in 1 ms."""
Floats = NDArray[np.float64]


def figure(run: Run) -> Any:
    """A matplotlib Figure, drawn from the streams that scenario.yaml records."""
    from matplotlib.figure import Figure

    rates, spikes = in_hz(run.samples("brain.rate")), run.spikes("column.spikes")
    pauses = "column.rate" in run.streams()  # point_neurons, which tells its rate; neurons of NEST and Brian2 jump at once
    network = run.samples("column.rate") if pauses else rate_of(spikes, rates)
    last_ms, size = rates.times_ms[-1], len(spikes.labels)
    spans = [span for span in ((0.0, LIT_MS[0]), LIT_MS) if last_ms >= span[1]]
    drawn = Figure((11, 7.6), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.08, h_pad=0.06, wspace=0.04)
    rows = drawn.add_gridspec(3, 3, height_ratios=(0.5, 1.2, 1.25), width_ratios=(1.25, 1, 1))
    top = drawn.add_subplot(rows[0, :])
    below = drawn.add_subplot(rows[1, :], sharex=top)
    _stimulated(top, rates)
    _courses(below, rates, network, size)
    for ax in (top, below):
        _light(ax, last_ms)
    _raster(drawn.add_subplot(rows[2, 0]), spikes, last_ms)
    _fixed_points(drawn.add_subplot(rows[2, 1]), rates, network, spans)
    _cost_of_neurons(drawn.add_subplot(rows[2, 2]), rates, network, (size, pauses), spans)
    return plain(drawn)


def _stimulated(ax: Any, rates: SampledSignal) -> None:
    ax.plot(rates.times_ms[::EVERY] / 1e3, rates.channel("rV1")[::EVERY], color=STIMULATED, lw=1.2)
    ax.set_ylim(0, None)
    ax.set_ylabel("rV1 (Hz)", fontsize=9)
    ax.tick_params(labelbottom=False)
    title(ax, "a", "The region that a current is played into, a mean field")


def _courses(ax: Any, rates: SampledSignal, network: SampledSignal, size: int) -> None:
    times_s = rates.times_ms / 1e3
    others = np.delete(rates.values, rates.labels.index("rV1"), axis=1)
    ax.plot(times_s[::EVERY], others[::EVERY], color=PALE, lw=0.6, zorder=1)
    ax.plot([], [], color=PALE, lw=1.5, label="74 regions, mean fields")
    binned_ms, binned = in_bins(network)
    ax.plot(binned_ms / 1e3, binned, color=NETWORK, lw=1.1, zorder=3, label=f"rV2, {thousands(size)} spiking neurons")
    low, high = min(others.min(), binned.min()), max(others.max(), binned.max())
    ax.set_xlim(0, times_s[-1])
    ax.set_ylim(low - 0.06 * (high - low), high + 0.35 * (high - low))  # room for the legend
    ax.set_xlabel("time (s)", fontsize=9)
    ax.set_ylabel("firing rate (Hz)", fontsize=9)
    title(ax, "b", "All other regions, one of them simulated neuron by neuron")
    ax.legend(fontsize=8, frameon=False, loc="upper right", ncols=2)


def _light(ax: Any, last_ms: float) -> None:
    """A band for as long as the current flows."""
    if last_ms > LIT_MS[0]:
        ax.axvspan(LIT_MS[0] / 1e3, min(LIT_MS[1], last_ms) / 1e3, color=LIGHT, alpha=0.25, lw=0, zorder=0)


def _raster(ax: Any, spikes: SpikeTrain, last_ms: float) -> None:
    """Every n-th neuron around the onset of the stimulus; they are numbered by excitability."""
    start_ms, stop_ms = (LIT_MS[0] - 100, LIT_MS[0] + 150) if last_ms >= LIT_MS[0] + 150 else (max(last_ms - 250, 0), last_ms)
    size = len(spikes.labels)
    every = max(1, size // 250)
    shown = (spikes.times_ms > start_ms) & (spikes.times_ms <= stop_ms) & (spikes.channels % every == every // 2)
    ax.plot(spikes.times_ms[shown] / 1e3, 100 * spikes.channels[shown] / size, ".", color=INK, ms=2, mew=0)
    if start_ms < LIT_MS[0] < stop_ms:
        _light(ax, stop_ms)
    ax.set_xlim(start_ms / 1e3, stop_ms / 1e3)
    ax.set_ylim(0, 100)
    ax.set_xlabel("time (s)", fontsize=9)
    ax.set_ylabel("percentile of excitability", fontsize=9)
    title(ax, "c", f"Spikes in rV2, every {every}th neuron")


def _fixed_points(ax: Any, rates: SampledSignal, network: SampledSignal, spans: list[tuple[float, float]]) -> None:
    """Time averages of all regions against the fixed point of the intact brain."""
    if not spans:
        _too_short(ax)
        return
    for span in spans:
        intact, measured, swapped, _ = _against_theory(rates, network, span)
        filled = {"mfc": "none"} if span == LIT_MS else {}
        others = np.delete(np.arange(len(intact)), swapped)
        others = others[intact[others] < 2 * intact[swapped]]  # rV1 under the current is in a
        ax.plot(intact[others], measured[others], "o", color=INK, ms=3.2, mew=0.7, zorder=2, **filled)
        ax.plot(intact[swapped], measured[swapped], "D", color=NETWORK, ms=6, mew=1.2, zorder=3, **filled)
    low, high = ax.get_xlim()
    ax.plot([low, high], [low, high], color=PALE, lw=1, zorder=1)
    ax.set_xlim(low, high)
    ax.plot([], [], "o", color=INK, ms=3.2, label="mean fields")
    ax.plot([], [], "D", color=NETWORK, ms=6, label="rV2, the network")
    if len(spans) > 1:
        ax.plot([], [], "s", color=INK, mfc="none", ms=4, label="open: stimulated")
    ax.set_xlabel("theory, intact brain (Hz)", fontsize=9)
    ax.set_ylabel("measured (Hz)", fontsize=9)
    title(ax, "d", "Mean rates")
    ax.legend(fontsize=8, frameon=False, loc="upper left")


def _cost_of_neurons(
    ax: Any, rates: SampledSignal, network: SampledSignal, neurons: tuple[int, bool], spans: list[tuple[float, float]]
) -> None:
    """How far each region falls short of the intact brain, against what so many neurons, pausing or not, must cost it."""
    if not spans:
        _too_short(ax)
        return
    intact, measured, swapped, brain = _against_theory(rates, network, spans[0])
    size, pauses = neurons
    expected, found = intact - replace(brain, pauses=pauses).rates_hz(size), intact - measured
    others = (np.arange(len(intact)) != swapped) & (expected > 1e-6)
    low, high = expected[others].min() / 2, expected[swapped] * 2
    ax.plot([low, high], [low, high], color=PALE, lw=1, zorder=1)
    ax.loglog(expected[others], np.maximum(found[others], low), "o", color=INK, ms=3.2, mew=0, zorder=2)
    ax.loglog(expected[swapped], found[swapped], "D", color=NETWORK, ms=6, zorder=3)
    ax.set_xlim(low, high)
    ax.set_ylim(low, high)
    ax.set_xlabel(f"theory, {thousands(size)} neurons (Hz)", fontsize=9)
    ax.set_ylabel("measured (Hz)", fontsize=9)
    title(ax, "e", "How far each falls short")


def _against_theory(rates: SampledSignal, network: SampledSignal, span: tuple[float, float]) -> tuple[Floats, Floats, int, Any]:
    """Rates of the intact brain as theory has them, (regions,), measured averages, the row of the network, and the theory."""
    brain, labels = load_beside(Path(__file__), "theory.py", "brain")()
    current = load_beside(Path(__file__), "theory.py", "stimulus")() if span == LIT_MS else 0.0
    rows = (rates.times_ms > span[0] + SETTLED_MS) & (rates.times_ms <= span[1])
    mean = dict(zip(rates.labels, rates.values[rows].mean(axis=0), strict=True))
    mean[labels[brain.swapped]] = network.values[rows, 0].mean()
    return brain.rates_hz(current=current), np.array([mean[label] for label in labels]), brain.swapped, brain


def in_hz(signal: SampledSignal) -> SampledSignal:
    """The same rates in Hz: The Virtual Brain has them in kHz."""
    return replace(signal, values=signal.values * {"Hz": 1.0, "kHz": 1e3}[signal.unit], unit="Hz")


def rate_of(spikes: SpikeTrain, like: SampledSignal) -> SampledSignal:
    """Spikes of the network as its rate on the grid of ``like``, for engines that tell spikes only."""
    dt_ms = like.times_ms[1] - like.times_ms[0]
    edges_ms = np.append(like.times_ms - dt_ms, like.times_ms[-1]) + 1e-6  # a spike on an edge is of the step that ends there
    counts = np.histogram(spikes.times_ms, edges_ms)[0]
    return replace(like, values=counts[:, None] / (len(spikes.labels) * dt_ms * 1e-3), labels=("rV2",))


def in_bins(signal: SampledSignal) -> tuple[Floats, Floats]:
    """Middles (bins,) and means (bins,) of the only channel in bins of ``BIN_MS``."""
    rows = max(1, round(BIN_MS / (signal.times_ms[1] - signal.times_ms[0])))
    whole = len(signal.values) // rows * rows
    return signal.times_ms[:whole].reshape(-1, rows).mean(axis=1), signal.values[:whole, 0].reshape(-1, rows).mean(axis=1)


def thousands(count: int) -> str:
    return f"{count:,}".replace(",", "\N{NO-BREAK SPACE}")


def _too_short(ax: Any) -> None:
    ax.text(0.5, 0.5, "needs 1 s of simulated time", transform=ax.transAxes, ha="center", va="center", fontsize=9, color=INK)
    ax.set_xticks([])
    ax.set_yticks([])
