"""The cell as a tree coloured by its voltage, what the network sends, what soma and tip make of it, the cable, and the answer."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import cosim
from cosim.results import Run, SampledSignal, SpikeTrain
from cosim.sdk.loading import load_file
from scenarios.drawing import BLUE, INK, LIGHT, PALE, RED, plain, title

NETWORK, TIP = RED, BLUE
PULSE_MS, AWAKE_MS = 100.0, 300.0
SHOWN_MS = (40.0, 540.0)
AROUND_MS = (-10.0, 12.0)
"""A spike of the cell: what the network does before and after."""
BIN_MS = 0.5
LABEL, FINE = 9, 8
Floats = NDArray[np.float64]
HERE = Path(__file__).resolve().parent
cell, theory, rall_tree = (load_file(HERE / file, file) for file in ("cell.py", "theory.py", "rall_tree.py"))


def figure(run: Run) -> Any:
    """A matplotlib Figure, drawn from the streams that scenario.yaml records."""
    from matplotlib.figure import Figure

    spikes, own, v = run.spikes("network.spikes"), run.spikes("cell.spikes"), run.samples("cell.v")
    engines = cosim.check(run.folder / "scenario.yaml").plan.engines
    shown = SHOWN_MS if spikes.stop_ms >= SHOWN_MS[1] else (max(0.0, spikes.stop_ms - 500.0), spikes.stop_ms)
    drawn = Figure((11, 7.0), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.08, h_pad=0.06, wspace=0.03)
    left, right = drawn.subfigures(1, 2, width_ratios=(1.25, 2.1))
    rows = right.add_gridspec(3, 2, height_ratios=(1, 1.15, 1.15))
    _tree(left, v, engines["cell"].params.args, spikes.stop_ms)
    above = right.add_subplot(rows[0, :])
    below = right.add_subplot(rows[1, :], sharex=above)
    _raster(above, spikes, engines["cell"].params.args)
    _traces(below, v, own, shown)
    for ax in (above, below):
        ax.axvspan(shown[0], min(PULSE_MS, shown[1]), color=LIGHT, alpha=0.3, lw=0, zorder=0)
        ax.set_xlim(shown)
    above.tick_params(labelbottom=False)
    _cable(right.add_subplot(rows[2, 0]), v)
    _answer(right.add_subplot(rows[2, 1]), spikes, own, run.links()["answer"].delay_ms)
    return plain(drawn, FINE)


def _tree(drawn: Any, v: SampledSignal, args: Any, stop_ms: float) -> None:
    """Every compartment as wide as it is (twice), in the colour of its mean voltage."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LinearSegmentedColormap

    ax = drawn.add_subplot()
    since = AWAKE_MS if stop_ms >= 2 * AWAKE_MS else 0.0
    mean = v.values[(v.times_ms > since) & (v.times_ms <= stop_ms)].mean(axis=0)
    colours = LinearSegmentedColormap.from_list("warm", [TIP, "#8fa9bf", LIGHT, NETWORK])
    pieces, widths = [], []
    for branch in rall_tree.branches():
        ends = np.linspace(branch.start_um, branch.stop_um, branch.compartments + 1)
        pieces += list(pairwise(ends))
        widths += [max(1.6, 2.0 * branch.diameter_um)] * branch.compartments
    lines = LineCollection(pieces, linewidths=widths, cmap=colours, capstyle="round", zorder=1)
    lines.set_array(mean[1:])
    lines.set_clim(mean.min(), mean.max())
    ax.add_collection(lines)
    ax.scatter([0], [0], s=190, c=[mean[0]], cmap=colours, vmin=mean.min(), vmax=mean.max(), edgecolors=INK, lw=0.6, zorder=3)
    at = {branch.name: (np.array(branch.start_um), np.array(branch.stop_um)) for branch in rall_tree.branches()}
    for found, mark, name in zip(cell.places(args), ("o", "_"), ("excitatory synapse", "inhibitory synapse"), strict=True):
        x, y = np.array([(1 - along) * at[branch][0] + along * at[branch][1] for branch, along in found]).T
        size = {"o": {"s": 9, "facecolors": "white", "edgecolors": INK, "lw": 0.6}, "_": {"s": 45, "c": INK, "lw": 1.1}}[mark]
        ax.scatter(x, y, marker=mark, zorder=4, label=name, **size)
    low = ax.get_ylim()[0]
    ax.plot([150, 250], [low + 40, low + 40], color=INK, lw=1.5)
    ax.text(200, low + 52, "100 µm", ha="center", fontsize=FINE, color=INK)
    ax.margins(0.02)
    ax.set_aspect("equal", anchor="N")
    ax.set_axis_off()
    bar = drawn.colorbar(lines, ax=ax, orientation="horizontal", shrink=0.75, aspect=30, pad=0.01)
    bar.set_label(f"mean voltage, {since:.0f} to {stop_ms:.0f} ms (mV)", fontsize=LABEL)
    bar.ax.tick_params(labelsize=FINE)
    bar.outline.set_visible(False)
    ax.legend(fontsize=FINE, frameon=False, loc="center left", bbox_to_anchor=(-0.06, 0.5), handletextpad=0.1)
    title(ax, "a", f"The cell in NEURON, {len(v.labels)} compartments")


def _raster(ax: Any, spikes: SpikeTrain, args: Any) -> None:
    """The cells that have a synapse on the cell, the inhibitory ones on top."""
    gap = 4
    for group, count, above, colour in (("exc", args.excitatory, 0, INK), ("inh", args.inhibitory, args.excitatory + gap, NETWORK)):
        first = int(spikes.groups[group][0])
        heard = (spikes.channels >= first) & (spikes.channels < first + count)
        ax.plot(spikes.times_ms[heard], spikes.channels[heard] - first + above, "|", color=colour, ms=2.6, mew=0.7)
    ax.set_ylim(-1, args.excitatory + args.inhibitory + gap)
    middles = (args.excitatory / 2, args.excitatory + gap + args.inhibitory / 2)
    ax.set_yticks(middles, (f"{args.excitatory}\nexcitatory", f"{args.inhibitory}\ninhibitory"))
    ax.tick_params(axis="y", length=0)
    title(ax, "b", f"Spikes that it hears: {args.excitatory + args.inhibitory} of {len(spikes.labels)} cells in NEST")


def _traces(ax: Any, v: SampledSignal, own: SpikeTrain, shown: tuple[float, float]) -> None:
    there = rall_tree.compartments()
    tip = int(np.argmax(there.distance))
    rows = (v.times_ms > shown[0]) & (v.times_ms <= shown[1])
    ax.plot(v.times_ms[rows], v.values[rows, tip], color=TIP, lw=1.0, label=f"apical tip, {there.path_um[tip]:.0f} µm away")
    ax.plot(v.times_ms[rows], v.values[rows, 0], color=INK, lw=1.0, label="soma")
    ax.set_ylim(min(-70.0, v.values[rows].min() - 2), max(-55.0, v.values[rows][:, [0, tip]].max() + 18))
    ax.text(shown[0] + 2, ax.get_ylim()[1], "test pulse", fontsize=FINE, color=INK, va="top")
    ax.set_xlabel("time (ms)", fontsize=LABEL)
    ax.set_ylabel("voltage (mV)", fontsize=LABEL)
    count = int((own.times_ms <= own.stop_ms).sum())
    title(ax, "c", f"What soma and tip make of them; the soma spikes {count} times in {own.stop_ms / 1e3:g} s")
    ax.legend(fontsize=FINE, frameon=False, loc="upper right", ncols=2)


def _cable(ax: Any, v: SampledSignal) -> None:
    """The end of the test pulse: every compartment against Rall's cylinders."""
    there = rall_tree.compartments()
    row = min(int(np.searchsorted(v.times_ms, PULSE_MS)), len(v.times_ms) - 1)
    moved = v.values[row] - rall_tree.REST_MV
    for name, colour, mark in (("apical", INK, "o"), ("basal", NETWORK, "D")):
        rows = np.array(there.groups[name])
        reach = there.reach[rows[0]]
        x = np.linspace(0, reach, 100)
        ax.plot(x, theory.attenuation(x, reach), color=PALE, lw=1.4, zorder=1)
        ax.plot(there.distance[rows], moved[rows] / moved[0], mark, color=colour, ms=3.4, mew=0, label=name, zorder=2)
    ax.plot([], [], color=PALE, lw=1.4, label=r"$\cosh(L - X)\,/\,\cosh L$")
    ax.set_xlim(0, None)
    ax.set_xlabel("distance X (space constants)", fontsize=LABEL)
    ax.set_ylabel("voltage, part of the soma's", fontsize=LABEL)
    title(ax, "d", f"The test pulse after {v.times_ms[row]:.0f} ms")
    ax.legend(fontsize=FINE, frameon=False, loc="lower left")


def _answer(ax: Any, spikes: SpikeTrain, own: SpikeTrain, delay_ms: float) -> None:
    """Rates of cells that hear the cell, and of those that do not, around its spikes."""
    at = own.times_ms[(own.times_ms > -AROUND_MS[0]) & (own.times_ms < own.stop_ms - AROUND_MS[1])]
    title(ax, "e", "The network around spikes of the cell")
    if not len(at):
        ax.text(
            0.5, 0.5, "the cell has not spiked yet", transform=ax.transAxes, ha="center", va="center", fontsize=LABEL, color=INK
        )
        ax.set_xticks([])
        ax.set_yticks([])
        return
    edges = np.arange(AROUND_MS[0], AROUND_MS[1] + BIN_MS / 2, BIN_MS) - 0.05  # between NEST's steps
    hears = spikes.channels % 10 == 0
    for who, colour, name in (
        (~hears, PALE, f"{len(spikes.labels) * 9 // 10} others"),
        (hears, NETWORK, f"{len(spikes.labels) // 10} that hear it"),
    ):
        lags = (spikes.times_ms[who] - at[:, None]).ravel()
        cells = len(spikes.labels) // 10 * (1 if who is hears else 9)
        rate_hz = np.histogram(lags, edges)[0] / (len(at) * cells * BIN_MS * 1e-3)
        ax.stairs(rate_hz, edges, baseline=None, color=colour, lw=1.3, label=name)
    arrives_ms = delay_ms + 1.5  # and the connection within NEST
    ax.axvline(arrives_ms, color=INK, lw=0.8, ls=(0, (3, 2)), zorder=0)
    ax.text(arrives_ms + 0.8, 0.92, f"{arrives_ms:g} ms of delays", transform=ax.get_xaxis_transform(), fontsize=FINE, color=INK)
    ax.set_xlim(AROUND_MS)
    ax.set_ylim(0, None)
    ax.set_xlabel("time since its spike (ms)", fontsize=LABEL)
    ax.set_ylabel("firing rate (Hz)", fontsize=LABEL)
    ax.legend(fontsize=FINE, frameon=False, loc="upper left", bbox_to_anchor=(-0.01, 1.0), handlelength=1.2)
