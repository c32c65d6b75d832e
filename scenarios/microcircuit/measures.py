"""What is measured of the eight populations: rates, irregularity, synchrony, and what follows a volley.

Irregularity is the coefficient of variation of a neuron's intervals, the mean of those that have three. Synchrony is the variance
over the mean of a population's spike counts in 3 ms (Potjans and Diesmann 2014); of independent Poisson neurons it is 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
LEAST_INTERVALS = 3
BIN_MS = 3.0


@dataclass(frozen=True, eq=False)
class Activity:
    """Spikes of all populations after the start.

    Attributes
    ----------
    times_ms, channels
        (n,); channels number the neurons of one population after those of the other.
    sizes
        (8,)
    """

    times_ms: Floats
    channels: Integers
    sizes: Integers
    start_ms: float
    stop_ms: float

    @classmethod
    def of(cls, times_ms: Floats, channels: Integers, sizes: Sequence[int], start_ms: float, stop_ms: float) -> Activity:
        """Those between two times."""
        kept = (times_ms > start_ms) & (times_ms <= stop_ms)
        return cls(times_ms[kept], channels[kept], np.array(sizes), start_ms, stop_ms)

    @property
    def first(self) -> Integers:
        """(8 + 1,) channels."""
        return np.concatenate([[0], np.cumsum(self.sizes)])

    def rates_hz(self) -> Floats:
        """(8,) means over neurons and time."""
        counts = np.histogram(self.channels, self.first)[0]
        return np.asarray(1e3 * counts / (self.sizes * (self.stop_ms - self.start_ms)))

    def irregularity(self) -> Floats:
        """(8,)"""
        order = np.lexsort((self.times_ms, self.channels))
        times, neurons = self.times_ms[order], self.channels[order]
        same = np.diff(neurons) == 0
        intervals, neurons = np.diff(times)[same], neurons[1:][same]
        size = int(self.sizes.sum())
        count = np.bincount(neurons, minlength=size)
        mean = np.bincount(neurons, intervals, size) / np.maximum(count, 1)
        squares = np.bincount(neurons, (intervals - mean[neurons]) ** 2, size) / np.maximum(count - 1, 1)
        variations = np.where(count >= LEAST_INTERVALS, np.sqrt(squares) / np.maximum(mean, 1e-9), np.nan)
        parts = [variations[a:b] for a, b in zip(self.first[:-1], self.first[1:], strict=True)]
        return np.array([part[~np.isnan(part)].mean() if (~np.isnan(part)).any() else np.nan for part in parts])

    def synchrony(self) -> Floats:
        """(8,)"""
        counts = self.counts(BIN_MS)
        return np.asarray(counts.var(axis=0) / np.maximum(counts.mean(axis=0), 1e-9))

    def counts(self, bin_ms: float) -> Floats:
        """(bins, 8) spikes of every population; one on an edge is of the bin that ends there."""
        bins = int((self.stop_ms - self.start_ms) / bin_ms + 1e-6)
        which = np.ceil((self.times_ms - self.start_ms) / bin_ms - 1e-6).astype(np.int64) - 1
        population = np.searchsorted(self.first, self.channels, side="right") - 1
        place = (which * 8 + population)[which < bins]
        return np.bincount(place, minlength=8 * bins).reshape(bins, 8).astype(np.float64)


PERIOD_MS, BEFORE_MS = 500.0, 20.0
"""Volleys come in the last 10 ms of each period; what follows them is looked at from some ms before on."""
VOLLEY_MS = 10.0


def answer_hz(found: Activity) -> tuple[Floats, Floats]:
    """Times in ms after a volley begins, at the middles of bins of 1 ms, and (bins, 8) mean rates around all volleys."""
    periods = int((found.stop_ms - found.start_ms) / PERIOD_MS + 1e-6)
    counts = found.counts(1.0)[: int(periods * PERIOD_MS)].reshape(periods, -1, 8).mean(axis=0)
    shift = int(PERIOD_MS - VOLLEY_MS - BEFORE_MS)
    return np.asarray(np.arange(len(counts)) - BEFORE_MS + 0.5), np.asarray(np.roll(counts, -shift, axis=0) * 1e3 / found.sizes)


def begins_ms(found: Activity) -> Floats:
    """(8,) when the answer to a volley reaches half of its peak, after the volley begins."""
    times, rates = answer_hz(found)
    rest = rates[int(100 + BEFORE_MS) :].mean(axis=0)
    half = (rates.max(axis=0) + rest) / 2
    first = (rates >= half).argmax(axis=0)
    before = rates[first - 1, np.arange(8)]
    risen = (half - before) / (rates[first, np.arange(8)] - before)
    return np.asarray(times[first] - 1.0 + risen)
