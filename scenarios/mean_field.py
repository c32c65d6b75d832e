"""Fixed points of coupled populations of quadratic integrate-and-fire neurons: as mean fields, and with N neurons.

tau dr/dt = delta/(pi tau) + 2 r v,   tau dv/dt = v² + I - (pi tau r)²,   I_i = eta + current_i + tau (J r_i + G sum_j W_ij r_j)

stands still where tau r = population_rate(I), the rate of infinitely many neurons of excitability eta_j around I (Montbrió, Pazó
and Roxin 2015, Phys Rev X 5, 021028). Here everything is solved from these equations alone; no engine is asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ZETA_HALF = -1.4603545088095868
"""Riemann's zeta function at 1/2."""


def population_rate(drive: Floats | float, delta: float) -> Floats:
    """tau r of infinitely many neurons: sqrt((I + sqrt(I² + delta²))/2)/pi, the mean of sqrt(eta_j)/pi over the Lorentzian."""
    drive = np.asarray(drive, np.float64)
    return np.asarray(np.sqrt((drive + np.hypot(drive, delta)) / 2) / np.pi)


def rate_slope(drive: Floats | float, delta: float) -> Floats:
    """d(tau r)/dI, from I = (pi tau r)² - delta²/(2 pi tau r)²."""
    rate = population_rate(drive, delta)
    return np.asarray(1 / (2 * np.pi**2 * rate + delta**2 / (2 * np.pi**2 * rate**3)))


def network_rate(drive: float, delta: float, size: int, peak: float, pauses: bool = True) -> float:
    """tau r of ``size`` neurons at the quantiles of the Lorentzian, each counted by itself.

    A neuron of excitability E > 0 needs 2/sqrt(E) arctan(peak/sqrt(E)) from -peak to peak, and then ``pauses`` for 2/peak, the
    time from there to infinity and back from minus infinity, or does not.
    """
    quantiles = np.tan(np.pi / 2 * (2 * np.arange(1, size + 1) - size - 1) / (size + 1))
    root = np.sqrt(np.maximum(drive + delta * quantiles, 0.0))
    root = root[root > 0]
    return float((1 / (2 / root * np.arctan(peak / root) + 2 / peak * pauses)).sum() / size)


def quantile_bias(delta: float, size: int) -> float:
    """By how much ``size`` quantiles fall short of the Lorentzian, in tau r: -zeta(1/2) sqrt(delta/(pi³ size)).

    The k-th highest excitability is some delta N/(pi k), so the sum over neurons of sqrt(eta_j)/(pi N) differs from the integral as
    the sum of k^-1/2 differs from the integral of k^-1/2, which is zeta(1/2) (Euler-Maclaurin).
    """
    return float(-ZETA_HALF * np.sqrt(delta / (np.pi**3 * size)))


@dataclass(frozen=True, eq=False)
class Brain:
    """Coupled regions of equal parameters; rates in Hz.

    Attributes
    ----------
    weights
        (regions, regions), row = receiver.
    guess_hz
        Where the search for the fixed point starts: it chooses between low and high states.
    swapped
        The region that may be a network of neurons.
    peak, pauses
        Of its neurons: see ``network_rate``.
    """

    weights: Floats
    G: float
    tau_s: float
    eta: float
    J: float
    delta: float
    swapped: int
    guess_hz: float
    peak: float = 100.0
    pauses: bool = True

    def drive(self, rates_hz: Floats, current: Floats | float = 0.0) -> Floats:
        """(regions,) I, dimensionless."""
        scaled = self.tau_s * rates_hz
        return np.asarray(self.eta + current + self.J * scaled + self.G * self.weights @ scaled)

    def rates_hz(self, size: int | None = None, current: Floats | float = 0.0) -> Floats:
        """(regions,) the fixed point; with a ``size`` the swapped region has so many neurons."""
        from scipy.optimize import root

        def residual(rates_hz: Floats) -> Floats:
            drive = self.drive(rates_hz, current)
            scaled = population_rate(drive, self.delta)
            if size is not None:
                scaled[self.swapped] = network_rate(float(drive[self.swapped]), self.delta, size, self.peak, self.pauses)
            return np.asarray(scaled / self.tau_s - rates_hz)

        found = root(residual, np.full(len(self.weights), self.guess_hz), tol=1e-13)
        assert np.abs(residual(found.x)).max() < 1e-9, "no fixed point was found"
        return np.asarray(found.x)

    def gain(self, current: Floats | float = 0.0) -> Floats:
        """(regions,) by how much each rate moves when the swapped one's is shifted by 1: a column of (1 - A)^-1.

        A_ij = slope_i (J delta_ij + G W_ij) is the loop: the slope is that of ``population_rate`` at the fixed point.
        """
        count = len(self.weights)
        slope = rate_slope(self.drive(self.rates_hz(current=current), current), self.delta)
        loop = slope[:, None] * (self.J * np.eye(count) + self.G * self.weights)
        return np.asarray(np.linalg.solve(np.eye(count) - loop, np.eye(count)[self.swapped]))

    def bias_hz(self, size: int, current: Floats | float = 0.0) -> Floats:
        """(regions,) leading order of what ``size`` neurons cost: ``quantile_bias`` times ``gain``; falls as size^-1/2."""
        return -self.gain(current) * quantile_bias(self.delta, size) / self.tau_s

    def firing_share(self, current: Floats | float = 0.0) -> float:
        """The share of the swapped region's neurons that fire: those with I + delta tan(…) > 0."""
        drive = self.drive(self.rates_hz(current=current), current)[self.swapped]
        return float(0.5 + np.arctan(drive / self.delta) / np.pi)

    def self_bias_hz(self, size: int, current: Floats | float = 0.0) -> float:
        """What it costs the swapped region that a neuron cannot hear its own spike, J f/(2 pi² size) times ``gain``.

        Its own spike finds it at the reset, where a kick moves no phase; so it hears J r_j/size less than the mean field says, and
        slows by that times 1/(2 pi² r_j). f is the share that fires. The same 1/size holds for the rest of the second order, that
        of rates which fluctuate with size^-1/2 through the curvature of ``population_rate``.
        """
        slowed = self.J * self.firing_share(current) / (2 * np.pi**2 * size)
        return float(slowed * self.gain(current)[self.swapped] / self.tau_s)

    def counting_error_hz(self, size: int, seconds: float, current: Floats | float = 0.0) -> float:
        """Standard deviation of the mean rate over ``seconds``: each count is cut at two phases, with a variance of 1/6."""
        return float(np.sqrt(self.firing_share(current) / (6 * size)) / seconds * self.gain(current)[self.swapped])

    def fluctuation_shift_hz(self, region: int, rate_hz: Floats, potential: Floats) -> float:
        """By how much a mean field that is driven to fluctuate leaves its fixed point, from the courses (steps,) of r and v.

        The averages of d ln r/dt and dv/dt are 0: <v> = -delta/(2 pi) <1/x> and <v²> + I + J <x> = pi² <x²>, x = tau r. To second
        order, with d<x>: (1/slope - J) d<x> = var v - pi² var x + 2 v² var x / x².
        """
        x = float(self.tau_s * self.rates_hz()[region])
        v = -self.delta / (2 * np.pi * x)
        varied = np.var(potential) + (2 * v * v / (x * x) - np.pi**2) * np.var(self.tau_s * rate_hz)
        stiffness = 1 / rate_slope(self.drive(self.rates_hz())[region], self.delta) - self.J
        return float(varied / stiffness / self.tau_s)
