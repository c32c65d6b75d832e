"""Functional connectivity of a recorded stream, beside the structural one where the engine keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.results import SampledSignal
from cosim.sdk import CosimError

FEWEST_ROWS = 3
"""Of samples, for a correlation."""


@dataclass(frozen=True)
class Connectivity:
    """Functional connectivity, beside the structural one where it is known.

    Attributes
    ----------
    values
        (channels, channels) correlations; NaN for channels that never change.
    rows
        Of samples, from which they were made.
    weights
        (channels, channels) of the connections between the channels, row = receiver; None where the engine does not keep them.
    """

    name: str
    values: NDArray[np.float64]
    labels: tuple[str, ...]
    rows: int
    weights: NDArray[np.float64] | None = None

    def likeness(self, other: NDArray[np.float64] | None = None) -> float:
        """Pearson's correlation with another matrix, else with the weights, over all pairs of channels.

        Of the other matrix the mean of both directions is taken. NaN where there is none.
        """
        other = self.weights if other is None else other
        if other is None:
            return float("nan")
        upper = np.triu_indices(len(self.labels), 1)
        mine, theirs = self.values[upper], ((other + other.T) / 2)[upper]
        known = np.isfinite(mine) & np.isfinite(theirs)
        return float(correlated(np.stack([mine[known], theirs[known]], axis=1))[0, 1]) if known.sum() > 1 else float("nan")


def correlated(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(channels, channels): Pearson's correlation of the columns of (rows, channels); NaN for those that never change."""
    centred = values - values.mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=0))
    size[np.ptp(values, axis=0) == 0] = np.nan
    centred /= size
    found: NDArray[np.float64] = np.clip(centred.T @ centred, -1.0, 1.0)
    np.fill_diagonal(found, np.where(np.isnan(size), np.nan, 1.0))
    return found


def connectivity_of(
    signal: SampledSignal, kept: Mapping[str, NDArray[Any]], discard_ms: float, band_hz: tuple[float, float] | None
) -> Connectivity:
    """Of a signal; ``kept`` is what its engine has left in the file."""
    values = signal.values[signal.times_ms > discard_ms]
    if len(values) < FEWEST_ROWS:
        raise CosimError(
            f"{signal.name} has {len(values)} rows after {discard_ms:g} ms",
            why=f"a correlation of fewer than {FEWEST_ROWS} says nothing",
            mend="run longer, record more often, or discard less",
        )
    if band_hz is not None:
        values = _filtered(signal.name, values, float(signal.times_ms[1] - signal.times_ms[0]), band_hz)
    return Connectivity(signal.name, correlated(values), signal.labels, len(values), _weights(kept, signal.labels))


def _weights(kept: Mapping[str, NDArray[Any]], labels: tuple[str, ...]) -> NDArray[np.float64] | None:
    """Weights between channels of ``engine.port``, where the engine kept ``weights`` and ``labels`` of rows.

    Channels of replicas (``0/V1``) are found by what stands behind the slash; those of different replicas have no weight.
    """
    if not {"labels", "weights"} <= kept.keys():
        return None
    place = {label: k for k, label in enumerate(kept["labels"].tolist())}
    parted = [("", label) if label in place else label.partition("/")[::2] for label in labels]
    if not all(label in place for _, label in parted):
        return None
    rows, replica = [place[label] for _, label in parted], np.array([number for number, _ in parted])
    together = replica[:, None] == replica[None, :]
    return np.where(together, np.asarray(kept["weights"], np.float64)[np.ix_(rows, rows)], 0.0)


def _filtered(name: str, values: NDArray[np.float64], step_ms: float, band_hz: tuple[float, float]) -> NDArray[np.float64]:
    from scipy.signal import butter, sosfiltfilt

    low, high = band_hz
    fastest = 500.0 / step_ms
    if not 0 < low < high < fastest:
        raise CosimError(
            f"{name} has no band from {low:g} to {high:g} Hz",
            why=f"its rows are {step_ms:g} ms apart, so frequencies lie between 0 and {fastest:g} Hz",
        )
    try:
        return np.asarray(sosfiltfilt(butter(2, band_hz, "bandpass", fs=2 * fastest, output="sos"), values, axis=0))
    except ValueError:  # SciPy continues the signal on both sides by some rows
        raise CosimError(
            f"{len(values)} rows of {name} are too few for a filter", mend="run longer, or leave the band out"
        ) from None
