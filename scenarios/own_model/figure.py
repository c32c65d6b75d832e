"""A model of one's own: let go, beside its frequencies; pushed by noise; and coupled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cosim.claims import load_beside
from cosim.results import Run
from scenarios.drawing import BLUE, INK, PALE, RED, plain, title

GROWTH_HZ, TWIST, course, cycle_hz, diffusion, phases, slowest_mode = (
    load_beside(Path(__file__), "theory.py", name)
    for name in ("GROWTH_HZ", "TWIST", "course", "cycle_hz", "diffusion", "phases", "slowest_mode")
)
states = load_beside(Path(__file__), "claims.py", "states")


def figure(run: Run) -> Any:
    """A matplotlib Figure, drawn from the streams that scenario.yaml records."""
    from matplotlib.figure import Figure

    drawn = Figure((11, 6.6), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.08, h_pad=0.06, wspace=0.04)
    axes = drawn.subplots(2, 2)
    times_s = run.samples("alone.x").times_ms / 1e3
    _let_go(axes[0, 0], run, times_s)
    _frequencies(axes[0, 1], run, times_s)
    _pushed(axes[1, 0], run, times_s)
    _coupled(axes[1, 1], run)
    return plain(drawn)


def _let_go(ax: Any, run: Run, times_s: Any) -> None:
    shown = times_s <= 0.8
    x = run.samples("alone.x").values[shown]
    for column, colour in ((0, BLUE), (4, INK)):
        ax.plot(times_s[shown], x[:, column], color=colour, lw=1.2, label=f"growth {GROWTH_HZ[column]:g}/s")
        exact = course(times_s[shown], GROWTH_HZ[column : column + 1], 0.5)
        ax.plot(times_s[shown][::8], exact.real[::8], "o", color=colour, ms=2.5, mew=0)
    ax.plot([], [], "o", color=INK, ms=2.5, label="closed form")
    ax.set_ylim(-1.1, 1.75)
    ax.set_xlabel("time (s)", fontsize=9)
    ax.set_ylabel("x (mV)", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper right", ncols=3)
    title(ax, "a", "Two of twelve, let go half way out")


def _frequencies(ax: Any, run: Run, times_s: Any) -> None:
    last = times_s > times_s[-1] * 0.75  # one of them is pushed before
    found = np.polyfit(times_s[last], phases(states(run, "alone")[last]), 1)[0] / (2 * np.pi)
    growth = np.linspace(0, GROWTH_HZ[-1] + 1, 2)
    ax.plot(growth, cycle_hz(growth), color=PALE, lw=1.2, label="$f - b\\,a\\,/\\,2\\pi$")
    ax.plot(GROWTH_HZ, found, "o", color=INK, ms=4, label="measured")
    ax.set_xlabel("growth a (1/s)", fontsize=9)
    ax.set_ylabel("frequency (Hz)", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper right")
    title(ax, "b", "The twist: who grows fast turns slowly")


def _pushed(ax: Any, run: Run, times_s: Any) -> None:
    at = phases(states(run, "noisy"))
    variance = (at - at[:1]).var(axis=1)
    ax.plot(times_s, variance, color=INK, lw=1.2, label="400 copies")
    ax.plot(times_s, diffusion(TWIST) * times_s, color=RED, lw=1.2, label="$\\sigma^2(1+b^2)\\,t\\,/\\,R^2$")
    ax.plot(times_s, diffusion(0.0) * times_s, color=RED, lw=1, ls=":", label="without twist")
    ax.set_ylim(0, None)
    ax.set_xlabel("time (s)", fontsize=9)
    ax.set_ylabel("variance of phase (rad²)", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper left")
    title(ax, "c", "Noise drives phases apart")


def _coupled(ax: Any, run: Run) -> None:
    z, times_s = states(run, "together")[::10], run.samples("together.x").times_ms[::10] / 1e3
    rate, mode = slowest_mode()
    left = np.abs(phases(z * z[:, :1].conj()) @ mode)
    ax.semilogy(times_s, np.abs(np.angle(z * np.exp(-1j * np.angle(z.mean(axis=1)))[:, None])), color=PALE, lw=0.7, zorder=1)
    ax.plot([], [], color=PALE, lw=1.2, label="phases less their mean")
    ax.plot(times_s, left, color=INK, lw=1.3, label="slowest mode")
    late = times_s > times_s[-1] * 0.6
    ax.plot(
        times_s[late],
        1.6 * left[-1] * np.exp(-rate * (times_s[late] - times_s[-1])),
        color=RED,
        lw=1.2,
        label=f"$e^{{-{rate:.2f}\\,t}}$",
    )
    ax.set_ylim(1e-4, 5)
    ax.set_xlabel("time (s)", fontsize=9)
    ax.set_ylabel("phase (rad)", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper right")
    title(ax, "d", "Coupling draws twelve together")
