"""Digits as they are shown, what neurons do meanwhile, and what they answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cosim.claims import load_beside
from cosim.results import Run
from scenarios.drawing import BLUE, INK, LIGHT, PALE, RED, plain, title

PIXELS, STEPS, answers, halves, read_digits = (
    load_beside(Path(__file__), "images.py", name) for name in ("PIXELS", "STEPS", "answers", "halves", "read_digits")
)
is_right = load_beside(Path(__file__), "claims.py", "is_right")
trained = load_beside(Path(__file__), "theory.py", "trained")
STEP_S, SHOWN = 0.01, 5
IMAGE_S, PIXELS_S = STEPS * STEP_S, PIXELS * STEP_S


def figure(run: Run) -> Any:
    """A matplotlib Figure, drawn from the streams that scenario.yaml records."""
    from matplotlib.figure import Figure

    digits = run.samples("digits.digit").values[:, 0].astype(int)
    told = answers(run.samples("network.potential").values)
    images = min(SHOWN, -(-len(digits) // STEPS))
    last_s = min(images * IMAGE_S, len(digits) * STEP_S)
    drawn = Figure((11, 7.6), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.06, h_pad=0.04, wspace=0.03)
    rows = drawn.add_gridspec(5, 2, height_ratios=(0.75, 0.9, 1.3, 0.9, 1), width_ratios=(3.4, 1))
    top = drawn.add_subplot(rows[0, 0])
    _images(top, digits, told, images)
    below = [drawn.add_subplot(rows[k, 0], sharex=top) for k in range(1, 5)]
    _raster(below[0], run.spikes("digits.spikes"), last_s, "b", "Pixel after pixel: grey values reached (below) and left (above)")
    _raster(below[1], run.spikes("network.spikes").of("hidden"), last_s, "c", "100 neurons")
    _thresholds(below[2], run, last_s)
    _readout(below[3], run, digits, images, last_s)
    for ax in (top, *below[:-1]):
        ax.tick_params(labelbottom=False)
    top.set_xlim(0, last_s)
    below[-1].set_xlabel("time (s)", fontsize=9)
    moves = bool(np.ptp(run.samples("network.threshold").values))
    _accuracy(drawn.add_subplot(rows[:3, 1]), run, moves)
    _by_digit(drawn.add_subplot(rows[3:, 1]), digits[::STEPS][: len(told)], told)
    plain(drawn)
    top.spines["left"].set_visible(False)
    return drawn


def _images(ax: Any, digits: Any, told: Any, images: int) -> None:
    pixels = read_digits()[0][halves()[1]]
    for k in range(images):
        left = k * IMAGE_S
        ax.imshow(pixels[k].reshape(8, 8), cmap="Greys", extent=(left + 0.2, left + 0.44, 0, 1), aspect="auto", vmin=0, vmax=16)
        if k < len(told):
            right = told[k] == digits[k * STEPS]
            words = f"{digits[k * STEPS]}" if right else f"{digits[k * STEPS]}, answer {told[k]}"
            ax.text(left + 0.48, 0.5, words, color=INK if right else RED, fontsize=9, va="center")
    ax.set_ylim(-0.05, 1.05)
    ax.set_yticks([])
    title(ax, "a", "Images that nothing was learned from, one every 720 ms")


def _raster(ax: Any, train: Any, last_s: float, letter: str, words: str) -> None:
    kept = train.times_ms <= last_s * 1e3
    ax.plot(train.times_ms[kept] / 1e3, train.channels[kept], ".", color=INK, ms=1.6, mew=0)
    ax.set_ylabel("channel" if letter == "b" else "neuron", fontsize=9)
    title(ax, letter, words)


def _thresholds(ax: Any, run: Run, last_s: float) -> None:
    signal = run.samples("network.threshold")
    kept = signal.times_ms <= last_s * 1e3
    times_s, values = signal.times_ms[kept] / 1e3, signal.values[kept]
    busiest = np.argsort(np.ptp(values, axis=0))[::-1][:4]
    for column, colour in zip(busiest, (BLUE, RED, INK, PALE), strict=True):
        ax.plot(times_s, values[:, column], color=colour, lw=0.9)
    ax.set_ylabel("threshold (mV)", fontsize=9)
    title(ax, "d", "Thresholds of four of them" if np.ptp(values) else "Their thresholds")


def _readout(ax: Any, run: Run, digits: Any, images: int, last_s: float) -> None:
    signal = run.samples("network.potential")
    kept = signal.times_ms <= last_s * 1e3
    times_s, values = signal.times_ms[kept] / 1e3, signal.values[kept]
    ax.plot(times_s, values, color=PALE, lw=0.6)
    for k in range(images):
        mine = slice(k * STEPS, (k + 1) * STEPS)
        ax.plot(times_s[mine], values[mine, digits[k * STEPS]], color=RED, lw=1.1, label="the digit shown" if k == 0 else None)
        ax.axvspan(k * IMAGE_S + PIXELS_S, (k + 1) * IMAGE_S, color=LIGHT, alpha=0.5, lw=0)
    ax.set_ylabel("readout (mV)", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper left")
    title(ax, "e", "Ten neurons that sum; their mean is read where it is yellow")


def _accuracy(ax: Any, run: Run, moves: bool) -> None:
    for x, (kind, colour) in enumerate((("adaptive", BLUE), ("plain", INK))):
        seeds = np.array([found["right"] / found["images"] for found in trained(kind)])
        ax.bar(x, 100 * seeds.mean(), width=0.6, color=colour, alpha=0.25)
        label = "in training code, one a seed" if x == 0 else None
        ax.plot(x + np.linspace(-0.15, 0.15, len(seeds)), 100 * seeds, "o", color=colour, ms=4, label=label)
    right = is_right(run)
    if len(right):
        ax.plot(0 if moves else 1, 100 * right.mean(), "D", color=RED, ms=8, mfc="none", label=f"this run, {len(right)} images")
    ax.set_xticks([0, 1], ["adaptive\nthresholds", "fixed\nthresholds"])
    ax.axhline(10, color=PALE, lw=1, ls=":")
    ax.set_ylim(0, 119)
    ax.set_yticks(range(0, 101, 20))
    ax.set_ylabel("right answers (%)", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper left")
    title(ax, "f", "100 neurons of either kind")


def _by_digit(ax: Any, shown: Any, told: Any) -> None:
    counts = np.zeros((10, 10))
    np.add.at(counts, (shown, told), 1)
    ax.imshow(counts, cmap="Blues")
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if counts[row, column] > 0.6 * counts.max() else INK
        ax.text(column, row, f"{counts[row, column]:.0f}", ha="center", va="center", fontsize=6.5, color=colour)
    ax.set_xticks(range(10))
    ax.set_yticks(range(10))
    ax.set_xlabel("answer", fontsize=9)
    ax.set_ylabel("digit", fontsize=9)
    title(ax, "g", "What is taken for what")
