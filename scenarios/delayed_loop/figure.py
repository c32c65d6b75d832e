"""Angles of the four joints beside the mode that lasts longest, and the roots that they were fitted to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import lambertw

from cosim.claims import load_beside
from cosim.results import Run
from scenarios.drawing import INK, PALE, plain

COLOURS = ("#1e8449", "#2471a3", "#b9770e", "#c0392b")
Floats = NDArray[np.float64]


def figure(run: Run) -> Any:
    """A matplotlib Figure, drawn from the streams that scenario.yaml records; gains and delays are read from the run."""
    from matplotlib.figure import Figure

    angle = run.samples("plant.angle")
    links = run.links()
    dt_s = (angle.times_ms[1] - angle.times_ms[0]) * 1e-3
    tau_s = (links["sense"].delay_ms + links["act"].delay_ms) * 1e-3 - dt_s / 2
    gains = [float(label.removeprefix("k = ").split("/s")[0]) for label in run.samples("controller.velocity").labels]
    drawn = Figure((10.5, 5.6), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.08, h_pad=0.04, hspace=0.04)
    grid = drawn.add_gridspec(len(gains), 2, width_ratios=(1.45, 1))
    first = None
    for row, gain in enumerate(gains):
        ax = drawn.add_subplot(grid[row, 0], sharex=first)
        first = first or ax
        _course(ax, angle.times_ms / 1e3, angle.values[:, row], gain, tau_s, COLOURS[row % len(COLOURS)])
        ax.tick_params(labelbottom=row == len(gains) - 1)
    drawn.axes[0].set_title(r"$\bf{a}$  A joint turned back by what it was 0.1 s before", fontsize=9.5, loc="left")
    drawn.axes[-1].set_xlabel("time (s)", fontsize=9)
    drawn.supylabel("angle (rad)", fontsize=9)
    _roots(drawn.add_subplot(grid[:, 1]), angle.values, gains, tau_s, dt_s)
    return plain(drawn)


def _course(ax: Any, times_s: Floats, angle: Floats, gain: float, tau_s: float, colour: str) -> None:
    root = complex(lambertw(-gain * tau_s)) / tau_s
    envelope = np.exp(root.real * times_s)
    late = times_s > 3 * tau_s
    scale = np.abs(angle[late] / envelope[late]).max() if late.any() else np.nan
    for sign in (1, -1) if root.imag else (1,):
        ax.plot(times_s, sign * scale * envelope, color=INK, lw=0.9, ls=":")
    ax.plot(times_s, angle, color=colour, lw=1.2)
    ax.set_xlim(0, times_s[-1])
    highest = 1.2 * np.abs(angle).max()
    ax.set_ylim(-highest if root.imag else -0.2, highest)
    ax.text(1.01, 0.5, f"k = {gain:.4g}/s\nkτ = {gain * tau_s:.3f}", transform=ax.transAxes, fontsize=8, color=colour, va="center")


def _roots(ax: Any, angles: Floats, gains: list[float], tau_s: float, dt_s: float) -> None:
    """Growth and frequency: as theory has them for every gain, and as fitted to the four courses."""
    fitted_root, from_s = (load_beside(Path(__file__), "claims.py", name) for name in ("fitted_root", "FROM_S"))
    most = 1.15 * max(*gains, 1 / tau_s) * tau_s
    near = np.linspace(0, 1, 300) ** 3  # close to 1/e, where creeping becomes ringing, the root moves fast
    loops = np.exp(-1) + np.concatenate([(0.02 - np.exp(-1)) * near[::-1], (most - np.exp(-1)) * near])
    locus = lambertw(-loops) / tau_s
    ax.plot(locus.real, locus.imag / (2 * np.pi), color=PALE, lw=2, zorder=1, label="Lambert's W, all gains")
    ax.axvline(0, color=INK, lw=0.8, ls="--", zorder=0)
    rows = round(from_s / dt_s)
    for gain, colour, course in zip(gains, COLOURS, angles.T, strict=False):
        if len(course) > rows + 10:
            root = fitted_root(course[rows:], dt_s)
            ax.plot(
                root.real,
                root.imag / (2 * np.pi),
                "o",
                color=colour,
                ms=7,
                mec="white",
                mew=0.8,
                zorder=2,
                label=f"k = {gain:.4g}/s",
            )
    ax.set_ylim(-0.15, None)
    for side, words, align in ((-0.2, "stable", "right"), (0.2, "unstable", "left")):
        ax.text(side, 0.35, words, transform=ax.get_xaxis_transform(), ha=align, fontsize=8, rotation=90)
    ax.set_xlabel("growth (1/s)", fontsize=9)
    ax.set_ylabel("frequency (Hz)", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper left")
    ax.set_title(r"$\bf{b}$  Growth and ringing, from the last 1.5 s", fontsize=9.5, loc="left")
