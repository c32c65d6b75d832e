"""What the column hears and says, the other regions, spikes, and how far the current moves populations and regions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.claims import load_beside
from cosim.results import Run, SampledSignal, SpikeTrain
from scenarios.drawing import BLUE, INK, LIGHT, PALE, RED, plain, title
from scenarios.microcircuit.tables import POPULATIONS


def beside(file: str, name: str) -> Any:
    """From a file of this folder."""
    return load_beside(Path(__file__), file, name)


NETWORK, INHIBITORY, HEARD = RED, BLUE, "#7d3c98"
LIT_MS, SETTLED_MS, CURRENT, DELAY_MS = 3000.0, 300.0, 2.0, 7.4
BIN_MS = 50.0
EVERY = 20
"""Rows of the mean fields that are drawn: one in 2 ms."""
Floats = NDArray[np.float64]
brain, Column, G, REST_HZ = (beside("theory.py", name) for name in ("brain", "Column", "G", "REST_HZ"))


def figure(run: Run) -> Any:
    """A matplotlib Figure, drawn from the streams that scenario.yaml records."""
    from matplotlib.figure import Figure

    rates, inflow, up = run.samples("brain.rate"), run.samples("brain.inflow"), run.samples("up")
    last_ms = float(rates.times_ms[-1])
    drawn: Any = Figure((11, 8.0), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.08, h_pad=0.06, wspace=0.04)
    rows = drawn.add_gridspec(3, 3, height_ratios=(0.85, 0.9, 1.35), width_ratios=(1.3, 1.15, 1))
    top = drawn.add_subplot(rows[0, :])
    below = drawn.add_subplot(rows[1, :], sharex=top)
    _ways(top, inflow, up, last_ms)
    _regions(below, rates)
    for ax in (top, below):
        _light(ax, last_ms)
    _raster(drawn.add_subplot(rows[2, 0]), run.spikes("column.spikes"), last_ms)
    _populations(drawn.add_subplot(rows[2, 1]), run.samples("column.rate"), inflow)
    _moved(drawn.add_subplot(rows[2, 2]), rates, up)
    return plain(drawn)


def _light(ax: Any, last_ms: float) -> None:
    """A band for as long as the current flows."""
    if last_ms > LIT_MS:
        ax.axvspan(LIT_MS / 1e3, last_ms / 1e3, color=LIGHT, alpha=0.25, lw=0, zorder=0)


def _ways(ax: Any, inflow: SampledSignal, up: SampledSignal, last_ms: float) -> None:
    """Both links, as rates."""
    heard_ms = inflow.times_ms[::EVERY] + DELAY_MS
    middles_ms, told = in_bins(up)
    ax.plot(
        middles_ms / 1e3,
        told,
        color=NETWORK,
        lw=1,
        label=f"what it says: L23E and L5E, 5 times their rate, bins of {BIN_MS:.0f} ms",
    )
    ax.plot(heard_ms / 1e3, inflow.values[::EVERY, 0] / G, color=HEARD, lw=1.4, label="what it hears: mean rate of its fibres")
    for span_ms, current in spans(last_ms):
        rows = (up.times_ms > span_ms[0]) & (up.times_ms <= span_ms[1])
        still = brain().heard_hz(brain().rates_hz(float(up.values[rows, 0].mean()), current))
        ax.plot([span_ms[0] / 1e3, span_ms[1] / 1e3], [still] * 2, color=INK, lw=1, ls=(0, (4, 2)), zorder=4)
    ax.plot([], [], color=INK, lw=1, ls=(0, (4, 2)), label="fixed point of the other 75")
    ax.set_ylim(0, 1.45 * max(told.max(initial=1.0), 10.0))
    ax.set_ylabel("rate (Hz)", fontsize=9)
    ax.tick_params(labelbottom=False)
    ax.legend(fontsize=8, frameon=False, loc="upper left", ncols=3)
    title(ax, "a", "The primary visual cortex rV1, a column of 7717 neurons; from 3 s on a current flows into rV2")


def _regions(ax: Any, rates: SampledSignal) -> None:
    known = brain()
    at = np.array([known.labels.index(label) for label in rates.labels])
    direct = known.weights[at, known.region] > 0
    stimulated = rates.labels.index("rV2")
    for rows, colour, label in ((~direct, PALE, "others"), (direct, INK, "hear rV1")):
        kept = np.flatnonzero(rows & (np.arange(len(at)) != stimulated))
        ax.plot(rates.times_ms[::EVERY] / 1e3, rates.values[::EVERY, kept], color=colour, lw=0.6, zorder=1 + (colour == INK))
        ax.plot([], [], color=colour, lw=1.5, label=label)
    others = np.delete(rates.values, stimulated, axis=1)
    low, high = others.min(), others.max()
    ax.set_xlim(0, rates.times_ms[-1] / 1e3)
    ax.set_ylim(low - 0.06 * (high - low), high + 0.35 * (high - low))
    ax.set_xlabel("time (s)", fontsize=9)
    ax.set_ylabel("rate (Hz)", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper left", ncols=3)
    title(ax, "b", "The other regions, mean fields (but for rV2, which goes from 8 to 36 Hz)")


def _raster(ax: Any, spikes: SpikeTrain, last_ms: float) -> None:
    """Every fourth neuron around the onset of the current, from the surface of the cortex downwards."""
    start_ms, stop_ms = (LIT_MS - 100, LIT_MS + 150) if last_ms >= LIT_MS + 150 else (max(last_ms - 250, 0), last_ms)
    near = (spikes.times_ms > start_ms) & (spikes.times_ms <= stop_ms)
    near &= spikes.channels % 4 == 0
    for name in POPULATIONS:
        kept = near & np.isin(spikes.channels, spikes.groups[name])
        colour = INHIBITORY if name.endswith("I") else INK
        ax.plot(spikes.times_ms[kept] / 1e3, spikes.channels[kept], ".", color=colour, ms=2, mew=0)
    if start_ms < LIT_MS < stop_ms:
        _light(ax, stop_ms)
    middles = {name: float(np.mean(spikes.groups[name])) for name in POPULATIONS if name.endswith("E")}
    ax.set_yticks(list(middles.values()), [name.removesuffix("E").replace("L23", "L2/3") for name in middles])
    ax.set_xlim(start_ms / 1e3, stop_ms / 1e3)
    ax.set_ylim(len(spikes.labels), 0)
    ax.set_xlabel("time (s)", fontsize=9)
    title(ax, "c", "Spikes, blue: inhibitory neurons")


def _populations(ax: Any, rate: SampledSignal, inflow: SampledSignal) -> None:
    """Mean rates at rest and under the current, and what the mean field has for what is heard."""
    found = spans(float(rate.times_ms[-1]))
    for k, (span_ms, current) in enumerate(found):
        rows = (rate.times_ms > span_ms[0]) & (rate.times_ms <= span_ms[1])
        arrived = inflow.times_ms + DELAY_MS
        heard = float(inflow.values[(arrived > span_ms[0]) & (arrived <= span_ms[1]), 0].mean() / G)
        places = np.arange(len(POPULATIONS)) + (k - 0.5) * 0.38
        colours = [INHIBITORY if name.endswith("I") else INK for name in POPULATIONS]
        ax.bar(places, rate.values[rows].mean(axis=0), width=0.36, color=colours, alpha=0.9 if current else 0.4)
        ax.plot(places, Column().rates_hz(heard), "_", color=NETWORK, ms=9, mew=2, zorder=3)
    if not found:
        _too_short(ax, "needs 0.4 s of simulated time")
    else:
        ax.plot([], [], "_", color=NETWORK, ms=9, mew=2, label="mean field, for what it hears")
        ax.legend(fontsize=8, frameon=False, loc="upper left")
        ax.set_ylim(0, 1.3 * ax.get_ylim()[1])
        ax.set_xticks(range(len(POPULATIONS)), [name.removeprefix("L").replace("23", "2/3") for name in POPULATIONS])
        ax.set_ylabel("mean rate (Hz)", fontsize=9)
    title(ax, "d", "At rest (pale) and under the current")


def _moved(ax: Any, rates: SampledSignal, up: SampledSignal) -> None:
    """By how much every region fires more under the current, against the fixed points without and with it."""
    title(ax, "e", "What the current adds to 73 regions")
    found = spans(float(rates.times_ms[-1]))
    if len(found) < 2:
        _too_short(ax, "needs 3.4 s of simulated time")
        return
    known, expected, measured, deaf = brain(), [], [], []
    for span_ms, current in found:
        rows = (rates.times_ms > span_ms[0]) & (rates.times_ms <= span_ms[1])
        told = float(up.values[(up.times_ms > span_ms[0]) & (up.times_ms <= span_ms[1]), 0].mean())
        expected.append(known.rates_hz(told, current))
        deaf.append(known.rates_hz(REST_HZ, current))
        measured.append(np.insert(rates.values[rows].mean(axis=0), known.region, np.nan))
    more, theory, without = (values[1] - values[0] for values in (measured, expected, deaf))
    shown = (np.arange(len(theory)) != known.region) & (theory > 1e-9)
    direct = shown & (known.weights[:, known.region] > 0)
    low, high = theory[shown].min() / 2, theory[shown].max() * 2
    ax.plot([low, high], [low, high], color=PALE, lw=1, zorder=1)
    ax.loglog(theory[shown & ~direct], more[shown & ~direct], "o", color=PALE, ms=3.2, mew=0, zorder=2)
    ax.loglog(theory[direct], more[direct], "o", color=INK, ms=4, mew=0, zorder=3, label="hear rV1")
    ax.loglog(without[direct], more[direct], "x", color=NETWORK, ms=4, mew=0.9, zorder=3, label="theory if rV1 stayed at 8 Hz")
    ax.set_xlim(low, high)
    ax.set_ylim(low, high)
    ax.set_xlabel("fixed points (Hz)", fontsize=9)
    ax.set_ylabel("measured (Hz)", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper left")


def spans(last_ms: float) -> list[tuple[tuple[float, float], float]]:
    """From when to when is averaged, and the current then; only what has been simulated."""
    whole = [((SETTLED_MS, min(LIT_MS, last_ms)), 0.0), ((LIT_MS + SETTLED_MS, last_ms), CURRENT)]
    return [(span_ms, current) for span_ms, current in whole if span_ms[1] >= span_ms[0] + 100]


def in_bins(signal: SampledSignal) -> tuple[Floats, Floats]:
    """Middles (bins,) and means (bins,) of the only channel, from time 0 on."""
    kept = signal.times_ms > 1e-6
    times_ms, values = signal.times_ms[kept], signal.values[kept, 0]
    rows = round(BIN_MS / (times_ms[1] - times_ms[0]))
    whole = len(values) // rows * rows
    return times_ms[:whole].reshape(-1, rows).mean(axis=1), values[:whole].reshape(-1, rows).mean(axis=1)


def _too_short(ax: Any, words: str) -> None:
    ax.text(0.5, 0.5, words, transform=ax.transAxes, ha="center", va="center", fontsize=9, color=INK)
    ax.set_xticks([])
    ax.set_yticks([])
