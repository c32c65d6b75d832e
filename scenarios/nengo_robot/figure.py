"""The arm and its hand on the way round the star, what the pull does and what is learned, spikes, and longer delays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.claims import load_beside
from cosim.results import Run, SampledSignal, SpikeTrain
from scenarios.drawing import BLUE, INK, LIGHT, PALE, RED, plain, title

NETWORK, SECOND, PULLED = RED, BLUE, LIGHT
STARS = ("free", "pulled to the right", "pulled, second time", "free again")
STAR_MS, CORNER_MS = 5000, 1000
REACH_MS = (1000, 2000)
"""The reach that is drawn with the whole arm, and whose spikes are."""
LONGER_MS = (50, 60)
"""Delays, in all, of the courses that are computed beside the run's."""
HERE = Path(__file__)
Floats = NDArray[np.float64]


def figure(run: Run) -> Any:
    """A matplotlib Figure, drawn from the streams that scenario.yaml records."""
    from matplotlib.figure import Figure

    senses, hand = run.samples("arm.sensors"), run.samples("arm.body_position").values[:, :2]
    corners, pull = (load_beside(HERE, "claims.py", name) for name in ("STAR", "PULL"))
    drawn = Figure((11, 7.8), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.06, h_pad=0.06, wspace=0.02)
    rows = drawn.add_gridspec(3, 1, height_ratios=(1.2, 0.95, 1.15))
    top = rows[0].subgridspec(1, 5, width_ratios=(1.45, 1, 1, 1, 1))
    _arm(drawn.add_subplot(top[0]), senses, hand, corners)
    places = [drawn.add_subplot(top[k + 1]) for k in range(4)]
    for k, ax in enumerate(places):
        _star(ax, hand[k * STAR_MS : (k + 1) * STAR_MS], corners, STARS[k])
    title(places[0], "b", STARS[0])
    middle = rows[1].subgridspec(1, 2, width_ratios=(2.2, 1))
    _torques(drawn.add_subplot(middle[0]), run, senses, pull)
    _distances(drawn.add_subplot(middle[1]), hand, corners, pull)
    bottom = rows[2].subgridspec(1, 2, width_ratios=(1.3, 1))
    _raster(drawn.add_subplot(bottom[0]), run.spikes("brain.spikes"))
    _delays(drawn.add_subplot(bottom[1]), run, senses, corners)
    return plain(drawn)


def _arm(ax: Any, senses: SampledSignal, hand: Floats, corners: Floats) -> None:
    """Shoulder, elbow and hand every 50 ms of one reach, from pale to dark."""
    upper = load_beside(HERE, "theory.py", "UPPER")
    rows = np.arange(*(REACH_MS if len(hand) >= REACH_MS[1] else (0, len(hand))), 50)
    for k, row in enumerate(rows):
        shoulder = senses.values[row, 0]
        elbow = upper * np.array([np.cos(shoulder), np.sin(shoulder)])
        line = np.array([[0, 0], elbow, hand[row]])
        ax.plot(*line.T, "-", color=INK, lw=1.6, alpha=0.12 + 0.6 * ((k + 1) / len(rows)) ** 2, solid_capstyle="round")
        ax.plot(*elbow, "o", color=INK, ms=3, mew=0, alpha=0.3)
    ax.plot(*hand[rows[0] : rows[-1] + 50].T, color=NETWORK, lw=1.6, zorder=3)
    ax.plot(*corners.T, "+", color=SECOND, ms=9, mew=1.6, zorder=4)
    ax.plot(0, 0, "o", color=INK, ms=7)
    ax.text(0.02, -0.015, "shoulder", fontsize=8, va="top")
    ax.set_aspect("equal")
    ax.set_xlim(-0.17, 0.34)
    ax.set_ylim(-0.05, 0.6)
    ax.set_xlabel("to the right (m)", fontsize=9)
    ax.set_ylabel("forward (m)", fontsize=9)
    title(ax, "a", "A reach, every 50 ms")


def _star(ax: Any, hand: Floats, corners: Floats, words: str) -> None:
    """The hand's way; an arrow where it is pulled."""
    if len(hand):
        ax.plot(*hand.T, color=NETWORK, lw=1.3)
    ax.plot(*corners.T, "+", color=SECOND, ms=9, mew=1.6, zorder=4)
    if "pulled" in words:
        ax.annotate("", (0.11, 0.29), (0.035, 0.29), arrowprops={"arrowstyle": "-|>", "color": INK})
        ax.text(0.03, 0.29, "8 N", fontsize=8, ha="right", va="center")
    ax.set_aspect("equal")
    ax.set_xlim(-0.155, 0.125)
    ax.set_ylim(0.275, 0.555)
    ax.set_axis_off()
    ax.set_title(words, fontsize=9.5, loc="left")


def _torques(ax: Any, run: Run, senses: SampledSignal, pull: Floats) -> None:
    """The shoulder's torque, what of it is learned, and what the pull takes."""
    jacobian = load_beside(HERE, "theory.py", "jacobian")
    torque, learned = run.samples("brain.torque"), run.samples("brain.learned")
    times_s = torque.times_ms / 1e3
    ax.plot(times_s, torque.values[:, 0], color=PALE, lw=0.8, label="all of it")
    ax.plot(times_s, learned.values[:, 0], color=NETWORK, lw=1.4, label="learned")
    shown = np.arange(0, len(senses.values), 20)
    under = (senses.times_ms[shown] > STAR_MS) & (senses.times_ms[shown] <= 3 * STAR_MS)
    needed = [-(jacobian(q).T @ pull)[0] for q in senses.values[shown, :2]]
    ax.plot(senses.times_ms[shown] / 1e3, np.where(under, needed, 0), color=INK, lw=1, ls=":", label="what the pull takes")
    if times_s[-1] > STAR_MS / 1e3:
        ax.axvspan(STAR_MS / 1e3, min(3 * STAR_MS / 1e3, times_s[-1]), color=PULLED, alpha=0.25, lw=0, zorder=0)
    ax.set_xlim(0, times_s[-1])
    ax.set_xlabel("time (s)", fontsize=9)
    ax.set_ylabel("shoulder torque (N m)", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper right", ncols=3, bbox_to_anchor=(1, 1.17), borderpad=0)
    title(ax, "c", "Torque")


def _distances(ax: Any, hand: Floats, corners: Floats, pull: Floats) -> None:
    """Hand to corner at the end of each reach, beside what it would be if nothing were learned."""
    at_end, hand_m, pushed = (
        load_beside(HERE, file, name)
        for file, name in (("claims.py", "at_end_of_reaches"), ("theory.py", "hand_m"), ("theory.py", "pushed"))
    )
    ends = at_end(hand)
    if not len(ends):
        _too_short(ax)
        return
    order = np.arange(len(ends)) % len(corners)
    aside = [np.linalg.norm(hand_m(pushed(corner, pull)) - corner) for corner in corners]
    under = (np.arange(len(ends)) >= len(corners)) & (np.arange(len(ends)) < 3 * len(corners))
    numbers = np.arange(1, len(ends) + 1)
    if under.any():
        ax.axvspan(len(corners) + 0.5, min(3 * len(corners), len(ends)) + 0.5, color=PULLED, alpha=0.25, lw=0, zorder=0)
        ax.plot(
            numbers[under],
            1e3 * np.array(aside)[order][under],
            "o",
            mfc="none",
            mec=INK,
            ms=4.5,
            mew=0.9,
            label="theory, not learned",
        )
    ax.plot(numbers, 1e3 * np.linalg.norm(ends - corners[order], axis=1), "o-", color=NETWORK, ms=3.5, lw=0.8, label="measured")
    ax.set_ylim(0, 1.35 * ax.get_ylim()[1])  # room for the legend
    ax.set_xlim(0.3, len(ends) + 0.7)
    ax.set_xticks(numbers[4::5] if len(ends) > 4 else numbers)
    ax.set_xlabel("reach", fontsize=9)
    ax.set_ylabel("distance to corner (mm)", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper left", ncols=2, handletextpad=0.3)
    title(ax, "d", "Where reaches end")


def _raster(ax: Any, spikes: SpikeTrain) -> None:
    """Spikes of the motor population during the reach of a."""
    start_ms, stop_ms = (REACH_MS[0] - 200, REACH_MS[1]) if spikes.stop_ms >= REACH_MS[1] else (0.0, spikes.stop_ms)
    shown = (spikes.times_ms > start_ms) & (spikes.times_ms <= stop_ms)
    ax.plot(spikes.times_ms[shown] / 1e3, spikes.channels[shown], "|", color=INK, ms=2.2, mew=0.5)
    if start_ms < REACH_MS[0] < stop_ms:
        ax.axvline(REACH_MS[0] / 1e3, color=NETWORK, lw=1, ls="--", label="the target jumps")
        ax.legend(fontsize=8, frameon=False, loc="upper right", bbox_to_anchor=(1, 1.15), borderpad=0)
    ax.set_xlim(start_ms / 1e3, stop_ms / 1e3)
    ax.set_ylim(-0.8, len(spikes.labels) - 0.2)
    ax.set_xlabel("time (s)", fontsize=9)
    ax.set_ylabel("neuron", fontsize=9)
    title(ax, "e", f"Spikes of {len(spikes.labels)} neurons of the motor population")


def _delays(ax: Any, run: Run, senses: SampledSignal, corners: Floats) -> None:
    """The elbow during the first reaches, beside the equations of motion with the same and with longer delays."""
    course, longest_delay = (load_beside(HERE, "theory.py", name) for name in ("course", "longest_delay"))
    steps = min(2 * CORNER_MS, len(senses.values))
    targets = np.repeat(corners, CORNER_MS, axis=0)[:steps]
    links = run.links()
    own_ms = round(links["sense"].delay_ms + links["act"].delay_ms)
    act_s = links["act"].delay_ms * 1e-3
    shades = (SECOND, "#b9770e")
    for delay_ms, colour in zip(LONGER_MS, shades, strict=True):
        angles = course(targets, np.zeros((steps, 2)), delay_ms * 1e-3 - act_s, act_s, accuracy=1e-6)
        ax.plot(senses.times_ms[:steps] / 1e3, np.degrees(angles[:, 1]), color=colour, lw=1.1, label=f"{delay_ms} ms")
    angles = course(targets, np.zeros((steps, 2)), own_ms * 1e-3 - act_s, act_s, accuracy=1e-6)
    ax.plot(
        senses.times_ms[:steps] / 1e3, np.degrees(senses.values[:steps, 1]), color=NETWORK, lw=1.8, label=f"{own_ms} ms, this run"
    )
    ax.plot(senses.times_ms[:steps] / 1e3, np.degrees(angles[:, 1]), color=INK, lw=1, ls=":", label=f"{own_ms} ms")
    ax.set_xlim(0, senses.times_ms[steps - 1] / 1e3)
    ax.set_xlabel("time (s)", fontsize=9)
    ax.set_ylabel("elbow (°)", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper left", borderpad=0)
    title(ax, "f", f"Delays in all: stable to {longest_delay()[0] * 1e3:.1f} ms, then {longest_delay()[1] / 2 / np.pi:.1f} Hz")


def _too_short(ax: Any) -> None:
    ax.text(0.5, 0.5, "needs 1 s of simulated time", transform=ax.transAxes, ha="center", va="center", fontsize=9, color=INK)
    ax.set_xticks([])
    ax.set_yticks([])
