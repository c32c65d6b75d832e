"""Spikes and rates around cue and read-out, what the synapses remember meanwhile, and when an item must fire, on paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.claims import load_beside
from cosim.results import Run, SampledSignal, SpikeTrain
from cosim.scenario.reader import read_file
from cosim.sdk.units import parse
from scenarios.drawing import BLUE, INK, LIGHT, PALE, RED, plain, title


def beside(file: str, name: str) -> Any:
    """From a file of this folder."""
    return load_beside(Path(__file__), file, name)


SHOWN, INHIBITORY, RESOURCES = RED, BLUE, "#7d3c98"
BIN_MS = 10.0
DRAWN = {"others": 60, "inhibitory": 40}
"""Neurons of the raster; 40 of an item."""
Floats = NDArray[np.float64]
Theory, Memory, KICK_MV, CELLS = (
    beside(file, name)
    for file, name in (("theory.py", "Theory"), ("network.py", "Memory"), ("network.py", "KICK_MV"), ("network.py", "CELLS"))
)


@dataclass(frozen=True)
class Stimulus:
    """A player's rate that is above 0 once: from when to when, and by how much it drives excitatory neurons further."""

    from_ms: float
    to_ms: float
    drive_mv: float

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Stimulus | None:
        dt_ms, rates_hz = parse(params["dt"], "ms"), np.array(params["values"], np.float64)[:, 0]
        rows = np.flatnonzero(rates_hz)
        if not len(rows):
            return None
        drive_mv = CELLS["exc"][0] * 1e-3 * float(rates_hz.max()) * KICK_MV
        return cls(float(rows[0] * dt_ms), float((rows[-1] + 1) * dt_ms), drive_mv)


@dataclass(frozen=True, eq=False)
class Shown:
    """What a run has simulated, and what of it there is."""

    params: Any
    cue: Stimulus | None
    readout: Stimulus | None
    item: str
    last_ms: float

    @classmethod
    def of(cls, run: Run) -> Shown:
        engines = read_file(run.folder / "scenario.yaml").data["engines"]
        params = Memory.model_validate(engines["network"].get("params") or {})
        cue, readout = (Stimulus.of(engines[name]["params"]) for name in ("cue", "readout"))
        return cls(params, cue, readout, f"item{params.watched}", float(run.samples("network.rate").times_ms[-1]))

    def reached(self, stimulus: Stimulus | None, by_its_end: bool = False) -> bool:
        return stimulus is not None and self.last_ms >= (stimulus.to_ms if by_its_end else stimulus.from_ms)


def figure(run: Run) -> Any:
    """A matplotlib Figure, drawn from the streams that scenario.yaml records."""
    from matplotlib.figure import Figure

    shown, rate, u, x = Shown.of(run), run.samples("network.rate"), run.samples("network.u"), run.samples("network.x")
    drawn: Any = Figure((11, 8.2), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.08, h_pad=0.06, wspace=0.04)
    rows = drawn.add_gridspec(4, 3, height_ratios=(1.25, 0.7, 0.8, 1.15), width_ratios=(1, 1, 1))
    top = drawn.add_subplot(rows[0, :])
    courses, synapses = (drawn.add_subplot(rows[k, :], sharex=top) for k in (1, 2))
    _raster(top, run.spikes("network.spikes"), shown.item)
    _rates(courses, rate, shown.item)
    _synapses(synapses, u, x, shown)
    for ax in (top, courses, synapses):
        _bands(ax, shown)
    _critical(drawn.add_subplot(rows[3, 0]), u, x, shown)
    _each(drawn.add_subplot(rows[3, 1]), u, shown)
    _asked(drawn.add_subplot(rows[3, 2]), rate, shown)
    return plain(drawn)


@lru_cache(maxsize=64)
def critical_at(params: str, boost_mv: float) -> float:
    """e*; parameters as JSON."""
    return float(Theory(Memory.model_validate_json(params), boost_mv).critical)


def _bands(ax: Any, shown: Shown) -> None:
    for stimulus, alpha in ((shown.cue, 0.4), (shown.readout, 0.2)):
        if stimulus is not None and shown.reached(stimulus):
            ax.axvspan(stimulus.from_ms / 1e3, min(stimulus.to_ms, shown.last_ms) / 1e3, color=LIGHT, alpha=alpha, lw=0, zorder=0)


def _raster(ax: Any, spikes: SpikeTrain, item: str) -> None:
    first, ticks = 0, []
    for name, members in spikes.groups.items():
        count = DRAWN.get(name, 40)
        chosen = members[:: max(1, len(members) // count)][:count]
        kept = np.isin(spikes.channels, chosen)
        colour = SHOWN if name == item else INHIBITORY if name == "inhibitory" else INK
        ax.plot(
            spikes.times_ms[kept] / 1e3, first + np.searchsorted(chosen, spikes.channels[kept]), ".", color=colour, ms=1.8, mew=0
        )
        ticks.append((first + len(chosen) / 2, name.replace("item", "item ")))
        first += len(chosen)
        ax.axhline(first - 0.5, color=PALE, lw=0.4, zorder=0)
    ax.set_yticks([place for place, _ in ticks], [name for _, name in ticks])
    ax.set_ylim(-0.5, first - 0.5)
    ax.tick_params(labelbottom=False)
    number = item.removeprefix("item")
    title(ax, "a", f"Spikes of some neurons. First band: item {number} is shown; second: all excitatory neurons are driven alike")


def _rates(ax: Any, rate: SampledSignal, item: str) -> None:
    rows = round(BIN_MS / (rate.times_ms[1] - rate.times_ms[0]))
    whole = len(rate.values) // rows * rows
    binned = rate.values[:whole].reshape(-1, rows, len(rate.labels)).mean(axis=1)
    middles_s = (np.arange(len(binned)) + 0.5) * BIN_MS / 1e3
    for k, name in enumerate(rate.labels):
        if name.startswith("item"):
            colour, width = (SHOWN, 1.2) if name == item else (INK, 0.6)
            ax.plot(middles_s, binned[:, k], color=colour, lw=width, zorder=2 + (name == item))
    ax.set_xlim(0, rate.times_ms[-1] / 1e3)
    ax.set_ylim(0, min(1.05 * max(binned[5:, :-1].max(initial=1.0), 10.0), 150.0))
    ax.set_ylabel("items (Hz)", fontsize=9)
    ax.tick_params(labelbottom=False)
    title(ax, "b", f"Rates of the items, in bins of {BIN_MS:.0f} ms")


def _synapses(ax: Any, u: SampledSignal, x: SampledSignal, shown: Shown) -> None:
    times_s, critical = u.times_ms / 1e3, np.full(len(u.times_ms), critical_at(shown.params.model_dump_json(), 0.0))
    ax.plot(times_s, x.values.mean(axis=1), color=RESOURCES, lw=1, label="resources x")
    ax.plot(times_s, u.values.mean(axis=1), color=INHIBITORY, lw=1, label="use u")
    ax.plot(times_s, (u.values * x.values).mean(axis=1), color=SHOWN, lw=1.4, label="what a spike releases, u x")
    if (asked := shown.readout) is not None:
        critical[(u.times_ms > asked.from_ms) & (u.times_ms <= asked.to_ms)] = critical_at(
            shown.params.model_dump_json(), asked.drive_mv
        )
    ax.plot(times_s, critical, color=INK, lw=0.9, ls=(0, (4, 2)), label="e*: beyond it the item must fire")
    ax.set_ylim(0, 1.35)
    ax.set_yticks([0, 0.5, 1])
    ax.set_xlabel("time (s)", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper left", ncols=4)
    title(ax, "c", "Synapses of the item's 400 neurons, on average")


def _critical(ax: Any, u: SampledSignal, x: SampledSignal, shown: Shown) -> None:
    """e* over the drive that is added, and where the item is before it is shown and before it is asked."""
    boosts_mv = np.linspace(0, 3, 5)
    critical = [critical_at(shown.params.model_dump_json(), float(boost)) for boost in boosts_mv]
    ax.plot(boosts_mv, critical, color=INK, lw=1.2)
    ax.fill_between(boosts_mv, critical, 1, color=SHOWN, alpha=0.08, lw=0)
    ax.text(1.6, 0.65, "must fire", fontsize=9, color=SHOWN)
    ax.text(1.6, 0.06, "may lie low", fontsize=9, color=INK)
    for stimulus, colour, label in ((shown.cue, INK, "any other item"), (shown.readout, SHOWN, "the item shown")):
        if stimulus is not None and shown.readout is not None and shown.reached(stimulus):
            row = np.searchsorted(u.times_ms, stimulus.from_ms)
            released = float((u.values[row] * x.values[row]).mean())
            arrow = {"arrowstyle": "->", "color": colour, "lw": 1.2}
            ax.annotate("", (shown.readout.drive_mv, released), (0, released), arrowprops=arrow)
            ax.plot([0], [released], "o", color=colour, ms=5)
            ax.text(0.1, released - 0.015, label, fontsize=8, color=colour, va="top")
    if shown.readout is None and shown.cue is not None and shown.last_ms > shown.cue.to_ms:
        released = (u.values * x.values).mean(axis=1)[u.times_ms > shown.cue.to_ms]
        ax.plot([0, 0], [released.min(), released.max()], color=SHOWN, lw=4, solid_capstyle="butt")
        ax.text(0.1, released.min(), "the item shown,\nfrom then on", fontsize=8, color=SHOWN, va="bottom")
    ax.set_xlim(-0.1, 3)
    ax.set_ylim(0, 0.8)
    ax.set_xlabel("further drive (mV)" + ("; arrows: the read-out" if shown.readout is not None else ""), fontsize=9)
    ax.set_ylabel("u x, held", fontsize=9)
    title(ax, "d", "When an item can lie low, on paper")


def _each(ax: Any, u: SampledSignal, shown: Shown) -> None:
    """How u is spread over the neurons."""
    title(ax, "e", "What 400 neurons have been left with")
    if not shown.params.facilitation or shown.cue is None or not shown.reached(shown.cue, by_its_end=True):
        _nothing(ax, "needs 0.7 s of simulated time" if shown.params.facilitation else f"u is U = {shown.params.use} for ever")
        return
    later_ms = shown.last_ms if shown.readout is None else min(shown.readout.from_ms, shown.last_ms)
    later = f"{(later_ms - shown.cue.to_ms) / 1e3:.2f} s later"
    for at_ms, colour, label in ((shown.cue.to_ms, INK, "after the cue"), (later_ms, SHOWN, later)):
        values = u.values[min(int(np.searchsorted(u.times_ms, at_ms)), len(u.values) - 1)]
        ax.hist(values, np.linspace(shown.params.use, 1, 41), color=colour, alpha=0.75, label=label, lw=0)
    ax.axvline(shown.params.use, color=PALE, lw=3, label="before it: U, if rested")
    ax.set_xlim(shown.params.use - 0.02, 1)
    ax.set_ylim(0, 1.45 * ax.get_ylim()[1])
    ax.set_xlabel("use u of a neuron's synapses", fontsize=9)
    ax.set_ylabel("neurons", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper right")


def _asked(ax: Any, rate: SampledSignal, shown: Shown) -> None:
    """Mean rates during the read-out, or where there is none from the cue on."""
    title(ax, "f", "What the read-out wakes" if shown.readout is not None else "Mean rates after the cue")
    span = shown.readout or shown.cue
    if span is None or not shown.reached(span, by_its_end=True):
        _nothing(ax, f"needs {0.0 if span is None else span.to_ms / 1e3:g} s of simulated time")
        return
    from_ms, to_ms = (span.from_ms, span.to_ms) if shown.readout is not None else (span.to_ms, shown.last_ms)
    rows = (rate.times_ms > from_ms) & (rate.times_ms <= to_ms)
    if not rows.any():
        _nothing(ax, "needs more simulated time")
        return
    names = [name for name in rate.labels if name.startswith("item")]
    heights = [float(rate.channel(name)[rows].mean()) for name in names]
    ax.bar(range(len(names)), heights, color=[SHOWN if name == shown.item else PALE for name in names], width=0.6)
    if shown.readout is not None:
        low_hz = Theory(shown.params, shown.readout.drive_mv).highest_low_hz
        ax.axhline(low_hz, color=INK, lw=0.9, ls=(0, (4, 2)))
        ax.text(len(names) - 0.5, low_hz * 1.08, "the most of lying low", fontsize=8, color=INK, ha="right", va="bottom")
    ax.set_xticks(range(len(names)), [name.replace("item", "item ") for name in names])
    ax.set_ylim(0, max(1.1 * max(heights), 4))
    ax.set_ylabel("mean rate (Hz)", fontsize=9)


def _nothing(ax: Any, words: str) -> None:
    ax.text(0.5, 0.5, words, transform=ax.transAxes, ha="center", va="center", fontsize=9, color=INK)
    ax.set_xticks([])
    ax.set_yticks([])
