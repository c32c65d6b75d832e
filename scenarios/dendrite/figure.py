"""The cell coloured by its voltage at three moments, the spikes that it hears, soma and tuft, and the field along the probe."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import cosim
from cosim.results import Run, SampledSignal, SpikeTrain
from engines.compartmental_neurons.anatomy import anatomy_of
from engines.compartmental_neurons.morphology.compartments import Compartments
from engines.compartmental_neurons.morphology.drawing import draw
from scenarios.drawing import BLUE, INK, LIGHT, PALE, RED, plain, title

Floats = NDArray[np.float64]
TUFT, FINE, LABEL = BLUE, 8, 9
SHOWN_MV = (-80.0, 0.0)
BEFORE_AND_AFTER_MS = ((0.0, 5.0), (10.0, 15.0))
"""A surprise: means over this are compared."""
VOLLEY_MS = (7.0, 18.0)
"""After a surprise: when its spikes are at the tuft, and when what they did is over at the latest."""
RASTER = {"exc": INK, "inh": RED, "afferents": TUFT}


def figure(run: Run) -> Any:
    """A matplotlib Figure, drawn from the streams that scenario.yaml records."""
    from matplotlib.figure import Figure

    plan = cosim.check(run.folder / "scenario.yaml").plan
    assert plan is not None
    population = plan.engines["cell"].params.populations["cell"]
    cell = Upright(anatomy_of(population.cell).compartments, plan.engines["probe"].params)
    v, lfp, spikes = run.samples("cell.v"), run.samples("lfp"), run.spikes("network.spikes")
    surprises = _surprises(plan.engines["surprise"].params, spikes.stop_ms)
    drawn = Figure((12, 6.6), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.06, h_pad=0.05, wspace=0.02)
    left, right = drawn.subfigures(1, 2, width_ratios=(1.15, 1))
    _cells(left, cell, v, surprises)
    rows = right.add_gridspec(3, 2, height_ratios=(0.8, 0.9, 2.1), width_ratios=(4, 1))
    above = right.add_subplot(rows[0, :])
    middle = right.add_subplot(rows[1, :], sharex=above)
    below = right.add_subplot(rows[2, 0])
    _raster(above, spikes)
    _traces(middle, cell, v, run.spikes("cell.spikes"))
    _field(below, cell, lfp)
    _profile(right.add_subplot(rows[2, 1], sharey=below), cell, lfp, surprises)
    for ax in (above, middle, below):
        for time in surprises:
            ax.axvline(time, color=LIGHT, lw=2.0, zorder=0)
        ax.set_xlim(0, spikes.stop_ms)
    above.tick_params(labelbottom=False)
    return plain(drawn, FINE)


class Upright:
    """The cell turned so that the probe is vertical: x aside, y along the probe, both in µm from the soma."""

    def __init__(self, compartments: Compartments, probe: Any) -> None:
        up = probe.places[-1] - probe.places[0]
        up /= np.linalg.norm(up)
        aside = np.cross(up, [0.0, 0.0, 1.0])
        aside /= np.linalg.norm(aside)
        self._turn = np.stack([aside, up, np.cross(aside, up)], axis=1)
        self._soma = compartments.middle[0]
        start, middle, stop = (self.turned(points) for points in (compartments.start, compartments.middle, compartments.stop))
        self.compartments = replace(compartments, start=start, middle=middle, stop=stop)
        self.contacts = self.turned(probe.places)
        self.has_membrane = compartments.area > 0
        self.tip = int(np.argmax(self.compartments.middle[self.has_membrane][:, 1]))

    def turned(self, points: Floats) -> Floats:
        """(n, 3)."""
        found: Floats = (points - self._soma) @ self._turn
        return found

    def everywhere(self, values: Floats) -> Floats:
        """(n,) for all nodes of what compartments with membrane have."""
        found = np.full(self.compartments.count, np.nan)
        found[self.has_membrane] = values
        return found


def _surprises(params: Any, stop_ms: float) -> list[float]:
    first, every = float(params.spikes[0][0]), params.length / 1e6
    return [time for time in np.arange(first, stop_ms, every).tolist() if time < stop_ms]


def _moments(cell: Upright, v: SampledSignal, surprises: list[float]) -> list[tuple[str, int]]:
    """What is shown, and its row: before the first surprise, the volley at the tuft, the highest voltage of the soma."""
    found = [("before a surprise", int(np.searchsorted(v.times_ms, surprises[0] if surprises else v.times_ms[-1])))]
    rows = [np.flatnonzero((v.times_ms > time + VOLLEY_MS[0]) & (v.times_ms < time + VOLLEY_MS[1])) for time in surprises]
    if rows and len(rows[0]):
        found.append(("a volley at the tuft", int(rows[0][np.argmax(v.values[rows[0], cell.tip])])))
    found.append(("the soma at its highest", int(np.argmax(v.values[:, 0]))))
    return [(name, min(row, len(v.times_ms) - 1)) for name, row in found]


def _cells(drawn: Any, cell: Upright, v: SampledSignal, surprises: list[float]) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("warm", [TUFT, "#8fa9bf", LIGHT, RED])
    moments = _moments(cell, v, surprises)
    axes = drawn.subplots(1, len(moments), squeeze=False)[0]
    places = np.concatenate([cell.compartments.middle, cell.contacts])
    for ax, (name, row) in zip(axes, moments, strict=True):
        shown = draw(ax, cell.compartments, cell.everywhere(v.values[row]), cmap=colours, clim=SHOWN_MV, linewidths=0.9)
        ax.scatter([0], [0], s=36, c=[v.values[row, 0]], cmap=colours, vmin=SHOWN_MV[0], vmax=SHOWN_MV[1], zorder=3)
        ax.set(xlim=(places[:, 0].min() - 10, places[:, 0].max() + 10), ylim=(places[:, 1].min() - 40, places[:, 1].max() + 10))
        ax.set_axis_off()
        ax.set_title(f"{v.times_ms[row]:.1f} ms:\n{name}", fontsize=FINE)
    axes[0].plot(*cell.contacts[:, :2].T, "s", color=PALE, ms=2.6, zorder=2)
    (left, _), (low, _) = axes[0].get_xlim(), axes[0].get_ylim()
    axes[0].plot([left + 10, left + 110], [low + 8, low + 8], color=INK, lw=1.5)
    axes[0].text(left + 60, low + 14, "100 µm", ha="center", fontsize=FINE, color=INK)
    bar = drawn.colorbar(shown, ax=axes.tolist(), orientation="horizontal", shrink=0.5, aspect=30, pad=0.01)
    bar.set_label("membrane potential (mV)", fontsize=LABEL)
    bar.outline.set_visible(False)
    drawn.suptitle(
        rf"$\bf{{a}}$  The cell, {len(v.labels)} compartments, and the contacts of the probe", fontsize=9.5, x=0.02, ha="left"
    )


def _raster(ax: Any, spikes: SpikeTrain) -> None:
    """Some of each population: as many as the smallest has."""
    count = min(len(spikes.groups[name]) for name in RASTER)
    for k, (name, colour) in enumerate(RASTER.items()):
        some = spikes.groups[name][:count]
        chosen = np.isin(spikes.channels, some)
        ax.plot(spikes.times_ms[chosen], spikes.channels[chosen] - some.min() + k * (count + 6), ".", color=colour, ms=1.6)
    ax.set_yticks([k * (count + 6) + count / 2 for k in range(len(RASTER))], list(RASTER))
    ax.tick_params(axis="y", length=0)
    title(ax, "b", f"Spikes in the network, {count} neurons of each population")


def _traces(ax: Any, cell: Upright, v: SampledSignal, own: SpikeTrain) -> None:
    ax.plot(v.times_ms, v.values[:, cell.tip], color=TUFT, lw=0.9, label="tip of the tuft")
    ax.plot(v.times_ms, v.values[:, 0], color=INK, lw=0.9, label="soma")
    ax.set_ylabel("voltage (mV)", fontsize=LABEL)
    count = int((own.times_ms <= own.stop_ms).sum())
    title(ax, "c", f"What soma and tuft make of them; the cell spikes {count} times")
    ax.legend(fontsize=FINE, frameon=False, loc="upper left", handlelength=1.2)


def _field(ax: Any, cell: Upright, lfp: SampledSignal) -> None:
    """A trace for each contact at its place along the probe."""
    depth = cell.contacts[:, 1]
    spacing = float(depth[1] - depth[0])
    courses = lfp.values - np.median(lfp.values, axis=0)
    per_uv = 6 * spacing / max(float(np.percentile(np.ptp(courses, axis=0), 75)), 1e-3)
    for place, course in zip(depth, courses.T, strict=True):
        shown = np.clip(course * per_uv, -spacing, spacing)  # spikes near the soma would cover all others
        ax.plot(lfp.times_ms, place + shown, color=INK, lw=0.5)
    bar = float(f"{spacing / per_uv:.1g}")
    ax.plot([0.02 * lfp.times_ms[-1]] * 2, [depth[-1] + 0.7 * spacing, depth[-1] + 0.7 * spacing + bar * per_uv], color=INK, lw=1.5)
    ax.text(0.035 * lfp.times_ms[-1], depth[-1] + 0.7 * spacing, f"{bar:g} µV", fontsize=FINE, color=INK)
    ax.set_ylim(depth[0] - 1.5 * spacing, depth[-1] + 2 * spacing)
    ax.set_xlabel("time (ms)", fontsize=LABEL)
    ax.set_ylabel("along the probe, from the soma (µm)", fontsize=LABEL)
    title(ax, "d", "Potential outside, at each contact")


def _profile(ax: Any, cell: Upright, lfp: SampledSignal, surprises: list[float]) -> None:
    """What a volley at the tuft adds along the probe: the mean of all, less what was there when the surprise came."""
    found = []
    for time in surprises:
        before, after = ((lfp.times_ms > time + start) & (lfp.times_ms <= time + stop) for start, stop in BEFORE_AND_AFTER_MS)
        if after.any() and lfp.times_ms[-1] >= time + BEFORE_AND_AFTER_MS[1][1]:
            found.append(lfp.values[after].mean(axis=0) - lfp.values[before].mean(axis=0))
    ax.axvline(0, color=PALE, lw=0.8)
    for profile in found:
        ax.plot(profile, cell.contacts[:, 1], color=TUFT, lw=0.6, alpha=0.5)
    if found:
        ax.plot(np.mean(found, axis=0), cell.contacts[:, 1], "o-", color=TUFT, lw=1.3, ms=2.6)
    ax.tick_params(labelleft=False)
    ax.set_xlabel("µV", fontsize=LABEL)
    title(ax, "e", "A volley")
