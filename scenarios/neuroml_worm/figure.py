"""Motor neurons, muscles and the body's curvature, and the shapes that the three drives bend it into."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.claims import load_beside
from cosim.results import Run, SampledSignal, SpikeTrain
from scenarios.drawing import INK, PALE, plain, title

DORSAL, VENTRAL, COMMAND, CALMING = "#c0392b", "#2471a3", "#7d6608", "#7f8c8d"
DRIVES = {"PVC": ((200.0, 800.0), COMMAND), "DB": ((1000.0, 1600.0), DORSAL), "VB": ((1800.0, 2400.0), VENTRAL)}
CLASSES = {"PVC": COMMAND, "AVB": COMMAND, "DA": DORSAL, "DB": DORSAL, "AS": DORSAL, "DD": CALMING, "VA": VENTRAL, "VB": VENTRAL,
           "VD": CALMING}  # fmt: skip
REST_MV = -50.0
Floats = NDArray[np.float64]


def figure(run: Run) -> Any:
    """A matplotlib Figure, drawn from the streams that scenario.yaml records."""
    from matplotlib.figure import Figure

    spikes, muscles, curvature = run.spikes("worm.spikes"), run.samples("worm.muscles"), run.samples("body.curvature")
    stop_s = float(curvature.times_ms[-1]) / 1e3
    drawn = Figure((11, 8.2), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.08, h_pad=0.06, wspace=0.04)
    rows = drawn.add_gridspec(3, 2, height_ratios=(1.25, 1, 1), width_ratios=(1.9, 1))
    raster = drawn.add_subplot(rows[0, 0])
    _raster(raster, spikes)
    potentials = drawn.add_subplot(rows[1, 0], sharex=raster)
    _potentials(potentials, muscles)
    bending = drawn.add_subplot(rows[2, 0], sharex=raster)
    _bending(drawn, bending, curvature)
    for ax in (raster, potentials):
        _driven(ax, stop_s)
        ax.tick_params(labelbottom=False)
    raster.set_xlim(0, stop_s)
    bending.set_xlabel("time (s)", fontsize=9)
    _against_theory(drawn.add_subplot(rows[0, 1]), spikes, muscles)
    _shapes(drawn.add_subplot(rows[1:, 1]), curvature)
    return plain(drawn)


def _driven(ax: Any, stop_s: float) -> None:
    """A band for as long as each current flows."""
    for (start_ms, end_ms), colour in DRIVES.values():
        if start_ms / 1e3 < stop_s:
            ax.axvspan(start_ms / 1e3, min(end_ms / 1e3, stop_s), color=colour, alpha=0.1, lw=0, zorder=0)


def _raster(ax: Any, spikes: SpikeTrain) -> None:
    """Neurons by class, from head to tail within each."""
    ticks, row = {}, 0
    for name, colour in CLASSES.items():
        members = sorted((label for label in spikes.labels if label.startswith(name)), key=lambda label: (len(label), label))
        for member in members:
            times_s = spikes.times_ms[spikes.channels == spikes.labels.index(member)] / 1e3
            ax.plot(times_s, np.full(len(times_s), row), "|", color=colour, ms=2.6, mew=0.6)
            row += 1
        if name != "AVB":  # no room for two names: two cells each
            ticks["PVC, AVB" if name == "PVC" else name] = row - (len(members) + 1) / 2
    ax.set_ylim(row, -1)
    ax.set_yticks(list(ticks.values()), list(ticks))
    title(ax, "a", "Spikes of 73 neurons: command, dorsal, ventral, and calming ones")


def _potentials(ax: Any, muscles: SampledSignal) -> None:
    """Every muscle pale, the mean of either side strong."""
    times_s = muscles.times_ms / 1e3
    for side, colour, name in (("D", DORSAL, "dorsal"), ("V", VENTRAL, "ventral")):
        found = muscles.values[:, [label[1] == side for label in muscles.labels]]
        ax.plot(times_s, found, color=colour, lw=0.3, alpha=0.25)
        ax.plot(times_s, found.mean(axis=1), color=colour, lw=1.6, label=f"{found.shape[1]} {name} muscles, mean")
    ax.axhline(REST_MV, color=PALE, lw=0.8, zorder=1)
    ax.set_ylabel("potential (mV)", fontsize=9)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.2 * (high - low))
    ax.legend(fontsize=8, frameon=False, loc="upper left", ncols=2)
    title(ax, "b", "Muscles of the body wall")


def _bending(drawn: Any, ax: Any, curvature: SampledSignal) -> None:
    largest = max(float(np.abs(curvature.values).max()), 1e-6)
    extent = (0, curvature.times_ms[-1] / 1e3, len(curvature.labels) + 0.5, 0.5)
    image = ax.imshow(
        curvature.values.T, aspect="auto", cmap="RdBu_r", vmin=-largest, vmax=largest, extent=extent, interpolation="nearest"
    )
    ax.set_ylabel("segment", fontsize=9)
    ax.set_yticks([1, 12, 24], ["1, head", "12", "24, tail"])
    bar = drawn.colorbar(image, ax=ax, pad=0.01)
    bar.set_label("curvature (1/mm)", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    title(ax, "c", "The body bends: dorsal (red), ventral (blue)")


def _against_theory(ax: Any, spikes: SpikeTrain, muscles: SampledSignal) -> None:
    """Mean potentials of all muscles in the last 0.4 s of each drive, against the equation with their neurons' spikes."""
    network, circuit, potential = (
        load_beside(Path(__file__), file, name)
        for file, name in (("worm.py", "network"), ("theory.py", "circuit"), ("theory.py", "potential"))
    )
    spans = {name: drive for name, drive in DRIVES.items() if drive[0][1] <= muscles.times_ms[-1]}
    if not spans:
        ax.text(0.5, 0.5, "needs 0.8 s of simulated time", transform=ax.transAxes, ha="center", va="center", fontsize=9, color=INK)
        ax.set_xticks([])
        ax.set_yticks([])
        return
    worm, last_ms = circuit(network()), max(span[1] for span, _ in spans.values())
    junctions = {label: [c for c in worm.neuromuscular("") if c.target == label] for label in muscles.labels}
    courses = np.array([potential(junctions[label], spikes, last_ms) for label in muscles.labels])
    for name, ((_, stop_ms), colour) in spans.items():
        rows = (muscles.times_ms > stop_ms - 400) & (muscles.times_ms <= stop_ms)
        expected = courses[:, round((stop_ms - 400) / 0.1) : round(stop_ms / 0.1)].mean(axis=1)
        ax.plot(expected, muscles.values[rows].mean(axis=0), "o", color=colour, ms=3.2, mew=0, alpha=0.8, label=f"{name} driven")
    low, high = ax.get_xlim()
    ax.plot([low, high], [low, high], color=PALE, lw=1, zorder=1)
    ax.set_xlabel("equation of the muscle (mV)", fontsize=9)
    ax.set_ylabel("measured (mV)", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper left")
    title(ax, "d", "95 muscles, three drives")


def _shapes(ax: Any, curvature: SampledSignal) -> None:
    """The midline at the end of each drive: a body of 1 mm, head on the left, dorsal up."""
    ends = [(name, end, colour) for name, ((_, end), colour) in DRIVES.items() if end <= curvature.times_ms[-1]]
    ends = ends or [("last", float(curvature.times_ms[-1]), INK)]
    for place, (name, end_ms, colour) in enumerate(ends):
        bent = curvature.values[int(np.searchsorted(curvature.times_ms, end_ms))]
        x, y = midline(bent)
        ax.plot(x, y - 0.75 * place, color=colour, lw=5, solid_capstyle="round")
        ax.plot(x[0], y[0] - 0.75 * place, "o", color=INK, ms=3.5)
        ax.text(-0.02, 0.22 - 0.75 * place, f"{name} driven" if name != "last" else "at the end", fontsize=8.5, color=colour)
    ax.set_aspect("equal")
    ax.set_xlim(-0.08, 1.08)
    ax.set_ylim(-0.75 * (len(ends) - 1) - 0.42, 0.36)
    ax.set_xticks([0, 0.5, 1])
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("mm (head: dot; dorsal: up)", fontsize=9)
    title(ax, "e", "Shape at the end of each drive")


def midline(curvature: Floats) -> tuple[Floats, Floats]:
    """x and y in mm, (segments + 1,): a chain of segments 1/24 mm long, turned so that the ends lie level.

    Bending that is dorsal, which is up, turns the chain up.
    """
    length = 1.0 / len(curvature)
    angle = np.concatenate(([0.0], np.cumsum(curvature[1:] * length)))
    steps = length * np.exp(1j * angle)
    points = np.concatenate(([0.0], np.cumsum(steps)))
    points = points * np.exp(-1j * np.angle(points[-1]))
    points = points - 1j * points.imag.mean() + (1 - points[-1].real) / 2
    return points.real, points.imag
