"""Rates of the two regions against their common fixed point, the spikes of b, and what N neurons cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cosim.claims import load_beside
from cosim.results import Run, SampledSignal, SpikeTrain
from scenarios.drawing import BLUE, INK, RED, plain, title

MEAN_FIELD, NETWORK = BLUE, RED
SETTLED_MS, BIN_MS, HIGH_HZ = 500.0, 2.0, 50.0
SIZES = np.unique(np.geomspace(250, 64000, 25).astype(int))


def figure(run: Run) -> Any:
    """A matplotlib Figure, drawn from the streams that scenario.yaml records."""
    from matplotlib.figure import Figure

    a, b, spikes = run.samples("brain.rate"), run.samples("column.rate"), run.spikes("column.spikes")
    high = a.values[-1, 0] > HIGH_HZ
    brain = load_beside(Path(__file__), "claims.py", "theory")(120.0 if high else 6.0)
    drawn = Figure((10.5, 5.6), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.08, h_pad=0.06)
    grid = drawn.add_gridspec(2, 2, height_ratios=(1, 1), width_ratios=(1.6, 1))
    _courses(drawn.add_subplot(grid[0, 0]), a, b, brain.rates_hz()[0])
    _raster(drawn.add_subplot(grid[1, 0]), spikes)
    settled, shift_hz = a.times_ms > SETTLED_MS, 0.0
    if settled.any():
        shift_hz = brain.fluctuation_shift_hz(0, a.values[settled, 0], run.samples("brain.potential").values[settled, 0])
    _shortfall(drawn.add_subplot(grid[:, 1]), a, b, len(spikes.labels), brain, shift_hz)
    return plain(drawn)


def _courses(ax: Any, a: SampledSignal, b: SampledSignal, fixed_hz: float) -> None:
    rows = max(1, round(BIN_MS / (b.times_ms[1] - b.times_ms[0])))
    whole = len(b.values) // rows * rows
    binned_ms, binned = b.times_ms[:whole].reshape(-1, rows).mean(axis=1), b.values[:whole, 0].reshape(-1, rows).mean(axis=1)
    ax.plot(binned_ms / 1e3, binned, color=NETWORK, lw=0.9, label="b, a network")
    ax.plot(a.times_ms / 1e3, a.values[:, 0], color=MEAN_FIELD, lw=1.3, label="a, a mean field")
    ax.axhline(fixed_hz, color=INK, lw=0.9, ls="--", label=f"theory: both at {fixed_hz:.1f} Hz", zorder=3)
    ax.set_xlim(0, a.times_ms[-1] / 1e3)
    lowest, highest = min(np.min(a.values), np.min(binned)), max(np.max(a.values), np.max(binned))
    ax.set_ylim(lowest, highest + 0.2 * (highest - lowest))  # room for the legend
    ax.set_xlabel("time (s)", fontsize=9)
    ax.set_ylabel("firing rate (Hz)", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper right", ncols=3)
    title(ax, "a", "Two coupled regions, one of them simulated neuron by neuron")


def _raster(ax: Any, spikes: SpikeTrain) -> None:
    """The last 0.1 s; neurons are numbered by excitability."""
    size, start_ms = len(spikes.labels), max(spikes.stop_ms - 100, 0)
    every = max(1, size // 100)
    shown = (spikes.times_ms > start_ms) & (spikes.channels % every == every // 2)
    ax.plot(spikes.times_ms[shown] / 1e3, 100 * spikes.channels[shown] / size, ".", color=INK, ms=2.2, mew=0)
    ax.set_xlim(start_ms / 1e3, spikes.stop_ms / 1e3)
    ax.set_ylim(0, 100)
    ax.set_xlabel("time (s)", fontsize=9)
    ax.set_ylabel("percentile of excitability", fontsize=9)
    title(ax, "b", f"Spikes of b, every {every}th neuron")


def _shortfall(ax: Any, a: SampledSignal, b: SampledSignal, size: int, brain: Any, shift_hz: float) -> None:
    """Mean field less time average, for this run's size, and what theory says of all sizes.

    ``shift_hz`` is what a's own fluctuations, which b brings, do to its mean.
    """
    mean_field = brain.rates_hz()
    summed = np.array([mean_field - brain.rates_hz(int(n)) for n in SIZES])  # (sizes, regions)
    leading = np.array([-brain.bias_hz(int(n)) for n in SIZES])
    for region, signal, colour, name in ((1, b, NETWORK, "b, the network"), (0, a, MEAN_FIELD, "a, its partner")):
        ax.loglog(SIZES, summed[:, region], color=colour, lw=1.3)
        ax.loglog(SIZES, leading[:, region], color=colour, lw=0.9, ls=":")
        settled = signal.values[signal.times_ms > SETTLED_MS, 0]
        if len(settled):
            ax.loglog(
                size, mean_field[region] - settled.mean(), "o", color=colour, ms=6, mec="white", mew=0.8, zorder=3, label=name
            )
            if region == 0:
                less = mean_field[0] - settled.mean() + shift_hz
                ax.loglog(size, less, "o", color=colour, ms=6, mfc="white", zorder=3, label="a, less the shift by its fluctuations")
    ax.plot([], [], color=INK, lw=1.3, label="theory, sum over neurons")
    ax.plot([], [], color=INK, lw=0.9, ls=":", label=r"leading order, $N^{-1/2}$")
    ax.set_xlabel("neurons in b", fontsize=9)
    ax.set_ylabel("mean field less time average (Hz)", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="lower left")
    title(ax, "c", "What N neurons cost")
