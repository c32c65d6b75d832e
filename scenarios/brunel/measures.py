"""What is measured of a network's spikes: how irregular neurons fire, how their rate fluctuates, and in what rhythm.

Irregularity is the coefficient of variation of all intervals: neurons have as many inputs, so they are alike. An interval x is
seen in a time T with a chance that falls as T - x, so it weighs 1/(T - x).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
BIN_MS = 0.5
SEGMENT_MS = 500.0
"""Of which spectra are averaged; they overlap by half."""


@dataclass(frozen=True, eq=False)
class Activity:
    """Spikes of a network after its start.

    Attributes
    ----------
    times_ms, channels
        (n,)
    size
        Neurons.
    """

    times_ms: Floats
    channels: Integers
    size: int
    start_ms: float
    stop_ms: float

    @classmethod
    def of(cls, times_ms: Floats, channels: Integers, size: int, start_ms: float, stop_ms: float) -> Activity:
        """Those between two times."""
        kept = (times_ms > start_ms) & (times_ms <= stop_ms)
        return cls(times_ms[kept], channels[kept], size, start_ms, stop_ms)

    @property
    def span_ms(self) -> float:
        return self.stop_ms - self.start_ms

    def rate_hz(self) -> float:
        return 1e3 * len(self.times_ms) / (self.size * self.span_ms)

    def rates_hz(self, bin_ms: float = BIN_MS) -> Floats:
        """(bins,) of all neurons together; a spike on an edge is of the bin that ends there."""
        bins = int(self.span_ms / bin_ms + 1e-6)
        which = np.ceil((self.times_ms - self.start_ms) / bin_ms - 1e-6).astype(np.int64) - 1
        counts = np.bincount(which[which < bins], minlength=bins)
        return np.asarray(1e3 * counts / (self.size * bin_ms))

    def intervals_ms(self) -> Floats:
        """(intervals,) of all neurons."""
        order = np.lexsort((self.times_ms, self.channels))
        same = np.diff(self.channels[order]) == 0
        return np.asarray(np.diff(self.times_ms[order])[same])

    def irregularity(self) -> float:
        """Coefficient of variation of the intervals."""
        intervals = self.intervals_ms()
        weights = 1.0 / (self.span_ms - intervals + 1.0)
        mean = np.average(intervals, weights=weights)
        return float(np.sqrt(np.average((intervals - mean) ** 2, weights=weights)) / mean)

    def fluctuation(self) -> float:
        """Standard deviation of the rate in bins of 0.5 ms over its mean."""
        rates = self.rates_hz()
        return float(rates.std() / rates.mean())

    def spectrum(self) -> tuple[Floats, Floats]:
        """Frequencies in Hz, and the power of the rate over that of as many independent Poisson neurons."""
        rates = self.rates_hz()
        length = min(len(rates), round(SEGMENT_MS / BIN_MS))
        window = np.hanning(length)
        pieces = np.stack([rates[k : k + length] for k in range(0, len(rates) - length + 1, max(1, length // 2))])
        power = (np.abs(np.fft.rfft((pieces - rates.mean()) * window)) ** 2).mean(axis=0) * BIN_MS * 1e-3 / (window**2).sum()
        return np.asarray(np.fft.rfftfreq(length, BIN_MS * 1e-3)), power * self.size / rates.mean()

    def rhythm_hz(self) -> float:
        """The mean frequency of the power around its peak, from two thirds to three halves of it."""
        frequencies, power = self.spectrum()
        peak = frequencies[1:][power[1:].argmax()]
        near = (frequencies >= peak / 1.5) & (frequencies <= peak * 1.5)
        return float(np.average(frequencies[near], weights=power[near]))

    def persistence(self) -> float:
        """Correlation of the rate with itself about one period of its rhythm later, where it is largest."""
        rates = self.rates_hz() - self.rates_hz().mean()
        products = np.fft.irfft(np.abs(np.fft.rfft(rates, 2 * len(rates))) ** 2)[: len(rates)]
        period = 1e3 / self.rhythm_hz() / BIN_MS
        return float(products[int(0.7 * period) : int(1.3 * period) + 2].max() / products[0])
