"""Pictures of matrices: functional beside structural connectivity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.connectivity import FEWEST_ROWS
from cosim.pictures import INK, QUIET, new_figure, put_title, save_figure, short
from cosim.results import Run, SampledSignal

MOST_REGIONS_NAMED = 30
BOLD_SETTLES_MS = 20_000.0
"""What is left out of BOLD before channels are correlated: the haemodynamic model starts from rest."""


def draw_connectivity(run: Run, name: str, path: Path, discard_ms: float | None = None) -> Path:
    """The functional connectivity of any recorded stream of samples beside the structural one; ``discard_ms`` from the start."""
    figure = new_figure((9.5, 4.6))
    draw_matrices(figure, run, name, discard_ms)
    return save_figure(figure, path)


def _settled_ms(run: Run, name: str) -> float:
    """What a picture leaves out: of BOLD 20 s, or a third of a run that is shorter than a minute."""
    signal = run.samples(name)
    return min(BOLD_SETTLES_MS, float(signal.times_ms[-1]) / 3) if signal.quantity == "bold" and len(signal.times_ms) else 0.0


def can_correlate(run: Run, name: str) -> bool:
    signal = run.samples(name)
    return len(signal.labels) > 1 and int((signal.times_ms > _settled_ms(run, name)).sum()) >= FEWEST_ROWS


def draw_matrices(part: Any, run: Run, name: str, discard_ms: float | None = None) -> None:
    """Structural and functional matrix, regions of the left hemisphere before those of the right; of replicas the first."""
    discard_ms = _settled_ms(run, name) if discard_ms is None else discard_ms
    signal = run.samples(name)
    group = "replica0" if "replica0" in signal.groups else None
    found = run.connectivity(name, discard_ms, group=group)
    order, borders = _by_hemisphere(signal if group is None else signal.part(group))
    axes = part.subplots(1, 1 if found.weights is None else 2, squeeze=False)[0]
    if found.weights is not None:
        _draw_weights(part, axes[0], found.weights[np.ix_(order, order)])
    values = found.values[np.ix_(order, order)]
    apart = np.abs(values[~np.eye(len(values), dtype=bool)])
    most = max(0.2, np.ceil(10 * np.quantile(apart[np.isfinite(apart)], 0.99)) / 10) if np.isfinite(apart).any() else 1.0
    _matrix(part, axes[-1], values, "RdBu_r", vmin=-most, vmax=most)
    put_title(axes[-1], f"functional: correlation of {found.rows} rows" + (f" after {discard_ms * 1e-3:g} s" if discard_ms else ""))
    for ax in axes:
        _name_regions(ax, [found.labels[k].removeprefix("0/" if group else "") for k in order], borders)
    likeness = f":  r(SC, FC) = {found.likeness():.2f}" if np.isfinite(found.likeness()) else ""
    part.suptitle(f"{name}{', replica 0' if group else ''}{likeness}", fontsize=9.5, color=INK, parse_math=False)


def _draw_weights(part: Any, ax: Any, weights: NDArray[np.float64]) -> None:
    """On a logarithmic scale where a few connections are far stronger than most."""
    from matplotlib.colors import LogNorm

    positive = weights[weights > 0]
    wide = len(positive) and positive.max() > 100 * np.median(positive)
    _matrix(part, ax, weights, "Blues", norm=LogNorm(float(np.quantile(positive, 0.02)), float(positive.max())) if wide else None)
    put_title(ax, "structural: weights")
    ax.set_xlabel("sender", fontsize=8)
    ax.set_ylabel("receiver", fontsize=8)


def _by_hemisphere(signal: SampledSignal) -> tuple[NDArray[np.int64], dict[str, int]]:
    """Channels in the order drawn, and the sizes of the stretches that have names."""
    named = {side: signal.groups[side] for side in ("left", "right") if side in signal.groups}
    rest = np.setdiff1d(np.arange(len(signal.labels)), np.concatenate([[], *named.values()]))
    if len(named) < 2:
        return np.arange(len(signal.labels)), {}
    sizes = {side: len(rows) for side, rows in named.items()} | ({"other": len(rest)} if len(rest) else {})
    return np.concatenate([*named.values(), rest]).astype(np.int64), sizes


def _matrix(part: Any, ax: Any, values: NDArray[np.float64], colours: str, **scale: Any) -> None:
    """Draws a matrix; its diagonal, and what is 0 on a logarithmic scale or not known, stays blank."""
    import matplotlib

    shown = values.copy()
    np.fill_diagonal(shown, np.nan)
    if scale.get("norm") is not None:
        shown[shown <= 0] = np.nan
    kind = matplotlib.colormaps[colours].with_extremes(bad="white")
    image = ax.imshow(shown, cmap=kind, interpolation="nearest", **scale)
    part.colorbar(image, ax=ax, shrink=0.8).ax.tick_params(labelsize=7, color=QUIET)


def _name_regions(ax: Any, labels: list[str], borders: dict[str, int]) -> None:
    ax.tick_params(length=0, labelsize=6)
    edges = np.cumsum([0, *borders.values()])
    for edge in edges[1:-1]:
        ax.axhline(edge - 0.5, color=QUIET, lw=0.6)
        ax.axvline(edge - 0.5, color=QUIET, lw=0.6)
    if len(labels) <= MOST_REGIONS_NAMED:
        names = [short(label) for label in labels]
        ax.set_xticks(range(len(labels)), names, rotation=90)
        ax.set_yticks(range(len(labels)), names)
    elif borders:
        middles = (edges[:-1] + edges[1:]) / 2 - 0.5
        ax.set_xticks(middles, list(borders), fontsize=7.5)
        ax.set_yticks(middles, list(borders), rotation=90, va="center", fontsize=7.5)
    for spine in ax.spines.values():
        spine.set_edgecolor(QUIET)
        spine.set_linewidth(0.6)
