"""Spikes, the network's rate, its spectrum, the neurons' intervals, and the rate at which the network hears itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from cosim.results import Run, SpikeTrain
from scenarios.brunel.measures import Activity
from scenarios.brunel.theory import ASYNCHRONOUS, FAST, REGULAR, SLOW, Regime, siegert_hz
from scenarios.drawing import BLUE, INK, PALE, RED, plain, title

REGIMES = {
    "brunel": (ASYNCHRONOUS, "asynchronous, irregular", 100.0),
    "brunel_sr": (REGULAR, "synchronous, regular", 30.0),
    "brunel_si_fast": (FAST, "synchronous, irregular, fast", 100.0),
    "brunel_si_slow": (SLOW, "synchronous, irregular, slow", 400.0),
}
"""Theory, words, and how many ms are shown."""
LEGEND: Any = {"fontsize": 8, "loc": "upper right", "facecolor": "white", "edgecolor": "none", "framealpha": 0.8}
SHOWN = {"E": 80, "I": 20}
"""Neurons."""
LEAST_MS = 150.0
"""Of spikes after the start, that anything can be said of them."""


def figure(run: Run) -> Any:
    """A matplotlib Figure, drawn from the spikes that scenario.yaml records."""
    from matplotlib.figure import Figure

    spikes = run.spikes("network.spikes")
    regime, words, shown_ms = REGIMES.get(str(run.provenance["name"]), REGIMES["brunel"])
    last_ms = float(spikes.stop_ms)
    found = Activity.of(spikes.times_ms, spikes.channels, len(spikes.labels), _start_ms(last_ms), last_ms)
    drawn: Any = Figure((11, 7.4), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.08, h_pad=0.06, wspace=0.04)
    rows = drawn.add_gridspec(3, 3, height_ratios=(1.1, 0.9, 1.25))
    top = drawn.add_subplot(rows[0, :])
    below = drawn.add_subplot(rows[1, :], sharex=top)
    from_ms = max(0.0, last_ms - shown_ms)
    _raster(
        top,
        spikes,
        from_ms,
        last_ms,
        f"{sum(SHOWN.values())} of {len(spikes.labels)} neurons: {words}, g = {regime.g:g}, η = {regime.eta:g}",
    )
    _course(below, spikes, from_ms, last_ms)
    panels = [drawn.add_subplot(rows[2, k]) for k in range(3)]
    if found.span_ms < LEAST_MS:
        for ax, letter, what in zip(panels, "cde", ("Spectrum", "Intervals", "Mean field"), strict=True):
            title(ax, letter, what)
            ax.text(
                0.5, 0.5, "needs 0.2 s of simulated time", transform=ax.transAxes, ha="center", va="center", fontsize=9, color=INK
            )
    else:
        _spectrum(panels[0], found, regime)
        _intervals(panels[1], found)
        _mean_field(panels[2], found, regime)
    return plain(drawn)


def _start_ms(last_ms: float) -> float:
    """What is left out of averages; of 300 ms it leaves whole periods of 3 ms."""
    return 200.0 if last_ms >= 1000 else min(99.0, last_ms / 3)


def _raster(ax: Any, spikes: SpikeTrain, from_ms: float, to_ms: float, words: str) -> None:
    line = 0
    for name, colour in (("E", INK), ("I", BLUE)):
        rows = spikes.groups[name][:: max(1, len(spikes.groups[name]) // SHOWN[name])][: SHOWN[name]]
        kept = np.isin(spikes.channels, rows) & (spikes.times_ms > from_ms)
        ax.plot(spikes.times_ms[kept], line + np.searchsorted(rows, spikes.channels[kept]), "|", color=colour, ms=3.2, mew=0.9)
        line += len(rows)
    ax.set_xlim(from_ms, to_ms)
    ax.set_ylim(-1, line)
    ax.set_ylabel("neuron (blue: I)", fontsize=9)
    ax.tick_params(labelbottom=False)
    title(ax, "a", words)


def _course(ax: Any, spikes: SpikeTrain, from_ms: float, to_ms: float) -> None:
    found = Activity.of(spikes.times_ms, spikes.channels, len(spikes.labels), from_ms, to_ms)
    rates = found.rates_hz(0.1)
    ax.fill_between(from_ms + 0.1 * np.arange(len(rates)), rates, color=INK, lw=0, step="post")
    ax.axhline(found.rate_hz(), color=RED, lw=1)
    ax.set_ylim(0, None)
    ax.set_xlabel("time (ms)", fontsize=9)
    ax.set_ylabel("rate (Hz)", fontsize=9)
    title(ax, "b", "Rate of all neurons in steps of 0.1 ms; red: its mean")


def _spectrum(ax: Any, found: Activity, regime: Regime) -> None:
    """The power of the rate over that of independent neurons, and the rhythm of linear theory."""
    frequencies, power = found.spectrum()
    mode = regime.mode()
    hz = mode.imag / (2 * np.pi)
    ax.semilogy(frequencies[1:], power[1:], color=INK, lw=1)
    ax.axhline(1, color=PALE, lw=1)
    grows = "grows" if mode.real > 0 else "dies out"
    ax.axvline(
        hz, color=RED, lw=1.2, ls=(0, (4, 2)), label=f"linear theory: {hz:.0f} Hz,\n{grows} with {abs(mode.real):.0f} per second"
    )
    ax.set_xlim(0, max(300.0, min(1000.0, 1.3 * hz)))
    bottom = power[1:].min() / 2
    ax.set_ylim(bottom, power.max() * (power.max() / bottom) ** 0.45)  # room for the legend
    ax.set_xlabel("frequency (Hz)", fontsize=9)
    ax.set_ylabel("power, of independent neurons: 1", fontsize=9)
    ax.legend(**LEGEND)
    title(ax, "c", f"Spectrum of the rate: {found.rhythm_hz():.0f} Hz")


def _intervals(ax: Any, found: Activity) -> None:
    intervals = found.intervals_ms()
    longest = max(4 * intervals.mean(), 5.0)
    ax.hist(intervals, np.arange(0.05, longest, max(0.1, round(longest / 60, 1))), color=PALE, density=True)
    times = np.linspace(0, longest, 200)
    ax.plot(
        times, np.exp(-times / intervals.mean()) / intervals.mean(), color=INK, lw=1, ls=(0, (4, 2)), label="of as many at random"
    )
    ax.set_xlim(0, longest)
    ax.set_yticks([])
    ax.set_xlabel("interval between spikes of a neuron (ms)", fontsize=9)
    ax.legend(**LEGEND)
    title(ax, "d", f"Intervals: CV {found.irregularity():.2f}")


def _mean_field(ax: Any, found: Activity, regime: Regime) -> None:
    """What a neuron answers to a network of a rate, by Siegert's formula, and where it answers with the same rate."""
    expected, measured = regime.rate_hz(), found.rate_hz()
    heard = np.linspace(0.5, 1.5, 25) * expected
    answers = [siegert_hz(*regime.moments(rate)) for rate in heard]
    ax.plot(heard, answers, color=BLUE, lw=1.2, label="answers, by Siegert's formula")
    ax.plot(heard, heard, color=PALE, lw=1, label="the same")
    ax.plot(expected, expected, "o", color=BLUE, ms=5, label=f"mean field: {expected:.1f} Hz")
    ax.plot(measured, measured, "D", color=RED, ms=5, label=f"network: {measured:.1f} Hz")
    ax.set_xlim(heard[0], heard[-1])
    ax.set_ylim(0, 1.75 * max(*answers, heard[-1]))
    ax.set_xlabel("rate that a neuron hears (Hz)", fontsize=9)
    ax.set_ylabel("rate with which it answers (Hz)", fontsize=9)
    ax.legend(**LEGEND)
    title(ax, "e", "Mean field")
