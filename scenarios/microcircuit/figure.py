"""Spikes of the eight populations, their rates beside those of the whole circuit, how irregular and how synchronous they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from cosim.results import Run, SpikeTrain
from scenarios.drawing import BLUE, INK, LIGHT, PALE, RED, plain, title
from scenarios.microcircuit.measures import PERIOD_MS, Activity, answer_hz
from scenarios.microcircuit.tables import POPULATIONS, RATES_HZ

SHOWN_MS, LEAST_MS = 300.0, 1000.0
MOST_LINES = 1300
LAYERS = {"L23": INK, "L4": RED, "L5": "#b9770e", "L6": BLUE}


def figure(run: Run) -> Any:
    """A matplotlib Figure, drawn from the spikes that scenario.yaml records."""
    from matplotlib.figure import Figure

    spikes = run.spikes("circuit.spikes")
    last_ms, sizes = float(spikes.stop_ms), [len(spikes.groups[name]) for name in POPULATIONS]
    drawn: Any = Figure((11, 8.0), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.08, h_pad=0.06, wspace=0.04)
    rows = drawn.add_gridspec(2, 3, height_ratios=(1.5, 1))
    has_volleys = "volley" in run.streams()
    to_ms = last_ms - 350.0 if has_volleys and last_ms > LEAST_MS else last_ms  # 150 ms after the last volley but one
    _raster(drawn.add_subplot(rows[0, :]), spikes, sizes, max(0.0, to_ms - SHOWN_MS), to_ms, has_volleys)
    panels = [drawn.add_subplot(rows[1, k]) for k in range(3)]
    if last_ms < LEAST_MS:
        for ax, letter, what in zip(panels, "bcd", ("Rates", "Irregularity", "Synchrony"), strict=True):
            title(ax, letter, what)
            ax.text(
                0.5, 0.5, "needs 1 s of simulated time", transform=ax.transAxes, ha="center", va="center", fontsize=9, color=INK
            )
        return plain(drawn)
    found = Activity.of(spikes.times_ms, spikes.channels, sizes, 500.0, last_ms)
    _rates(panels[0], found)
    if has_volleys:
        _answer(panels[1], found, (0, 2, 4, 6), "c", "Excitatory cells after a volley")
        _answer(panels[2], found, (1, 3, 5, 7), "d", "Inhibitory cells after a volley")
    else:
        _bars(panels[1], found.irregularity(), "c", "Irregularity", "CV of intervals, mean over neurons", 1.0)
        _bars(panels[2], found.synchrony(), "d", "Synchrony", "variance over mean of counts in 3 ms", 1.0)
    return plain(drawn)


def _raster(ax: Any, spikes: SpikeTrain, sizes: list[int], from_ms: float, to_ms: float, has_volleys: bool) -> None:
    """As many lines of each population as it has neurons among all, layer 2/3 on top."""
    every = max(1, sum(sizes) // MOST_LINES)
    recent = (spikes.times_ms > from_ms) & (spikes.times_ms <= to_ms)
    times, channels = spikes.times_ms[recent], spikes.channels[recent]
    line, ticks = 0, []
    for name in POPULATIONS:
        rows = spikes.groups[name][::every]
        kept = np.isin(channels, rows)
        ax.plot(times[kept], -(line + np.searchsorted(rows, channels[kept])), ".", color=_colour(name), ms=2.2, mew=0)
        ticks.append(-(line + len(rows) / 2))
        line += len(rows)
    if has_volleys:
        for end in np.arange(PERIOD_MS, to_ms + 1, PERIOD_MS):
            ax.axvspan(end - 10, end, color=LIGHT, alpha=0.4, lw=0, zorder=0)
    ax.set_xlim(from_ms, to_ms)
    ax.set_ylim(-line, 1)
    ax.set_yticks(ticks, POPULATIONS)
    ax.set_xlabel("time (ms)", fontsize=9)
    title(
        ax,
        "a",
        f"Spikes of every {every}th of {sum(sizes)} neurons" + ("; yellow: volleys on thalamic fibres" if has_volleys else ""),
    )


def _rates(ax: Any, found: Activity) -> None:
    _bars(ax, found.rates_hz(), "b", "Rates", "Hz", None)
    ax.plot(range(8), RATES_HZ, "_", color=INK, ms=17, mew=1.6, label="of the whole circuit")
    ax.legend(fontsize=8, frameon=False, loc="upper left")


def _bars(ax: Any, values: Any, letter: str, words: str, unit: str, reference: float | None) -> None:
    ax.bar(range(8), values, color=[_colour(name) for name in POPULATIONS], alpha=0.75)
    if reference is not None:
        ax.axhline(reference, color=PALE, lw=1, zorder=0)
    ax.set_xticks(range(8), POPULATIONS)
    ax.set_ylabel(unit, fontsize=9)
    title(ax, letter, words)


def _answer(ax: Any, found: Activity, chosen: tuple[int, ...], letter: str, words: str) -> None:
    times, rates = answer_hz(found)
    for k in chosen:
        ax.plot(times, rates[:, k], color=_colour(POPULATIONS[k]), lw=1.3, label=POPULATIONS[k])
    ax.axvspan(0, 10, color=LIGHT, alpha=0.4, lw=0, zorder=0)
    ax.set_xlim(-10, 50)
    ax.set_ylim(0, None)
    ax.set_xlabel("time after the volley begins (ms)", fontsize=9)
    ax.set_ylabel("rate (Hz)", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper right")
    title(ax, letter, words)


def _colour(name: str) -> str:
    return LAYERS[name[:-1]]
