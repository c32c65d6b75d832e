"""This brain on paper: TVB's default connectome, read here anew, and the parameters of scenario.yaml, brain.py and column.py.

A region that TVB simulates stands still where tau r = population_rate(I), I = eta + tau (J r + G sum_j W_ij r_j) (Montbrió, Pazó
and Roxin 2015). The column's cells are leaky integrate-and-fire neurons under many small inputs, of mean mu and variance sigma²/2,

1/nu = t_ref + tau sqrt(pi) integral from (V_reset - mu)/sigma + k to (V_th - mu)/sigma + k of e^(u²) (1 + erf u) du

mu = tau J (K_E nu + K_X x - g K_I nu) + tau I/C,   sigma² = tau J² (K_E nu + K_X x + g² K_I nu),   J = w tau_syn/C

(Siegert 1951; Brunel 2000, J Comput Neurosci 8, 183), where the synapses' own time constant moves both bounds by
k = |zeta(1/2)| sqrt(tau_syn/tau)/sqrt(2) (Fourcaud and Brunel 2002, Neural Comput 14, 2057). x is what a fibre carries, the mean
rate of the regions that project to the column.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import brentq, root
from scipy.special import erfcx

from scenarios.mean_field import ZETA_HALF, population_rate
from scenarios.tvb_data import read_connectome

Floats = NDArray[np.float64]
COLUMN, LIGHT_PA = "rPFCPOL", 75.0
SPEED, DT_MS = 4.0, 0.1  # mm/ms, ms
G, TAU_S, ETA, J, DELTA = 0.06, 0.01, -1.0, 3.0, 0.7
EXCITATORY, INHIBITORY, FIBRES, STRENGTH = 40, 10, 150, 6.0
MEMBRANE_S, SYNAPSE_S, REFRACTORY_S, CAPACITY_PF, WEIGHT_PA = 10e-3, 0.5e-3, 2e-3, 250.0, 200.0
THRESHOLD, RESET = 15.0, 0.0
"""mV above the resting potential."""
KICK = WEIGHT_PA * SYNAPSE_S / CAPACITY_PF * 1e3
"""mV. J, by which one excitatory spike moves the membrane altogether."""


@dataclass(frozen=True, eq=False)
class Coupled:
    """The 76 regions.

    Attributes
    ----------
    weights, steps
        (regions, regions), row = receiver: weight of a tract, and the steps of 0.1 ms that it takes.
    column
        The row of the region that is a column.
    """

    labels: tuple[str, ...]
    weights: Floats
    steps: NDArray[np.int64]
    column: int

    @property
    def strength(self) -> float:
        """G sum_j W_ij of the column: what it receives from regions that all fire with 1 Hz, in Hz."""
        return float(G * self.weights[self.column].sum())

    def fibre_hz(self, rates_hz: Floats) -> float:
        """Mean rate of the regions that project to the column, by the weight of their tracts."""
        return float(G * self.weights[self.column] @ rates_hz / self.strength)

    def rates_hz(self, current_pa: float = 0.0) -> Floats:
        """(regions,) where everything stands still together, the column by Siegert's formula."""

        def residual(rates_hz: Floats) -> Floats:
            drive = ETA + TAU_S * (J * rates_hz + G * self.weights @ rates_hz)
            still = population_rate(drive, DELTA) / TAU_S
            still[self.column] = column_hz(self.fibre_hz(rates_hz), current_pa)
            return np.asarray(still - rates_hz)

        found = root(residual, np.full(len(self.weights), 20.0), tol=1e-11)
        assert np.abs(residual(found.x)).max() < 1e-6, "no fixed point was found"
        return np.asarray(found.x)

    def first_steps(self) -> NDArray[np.int64]:
        """(regions,) steps after which each region can first be moved by the column, over any number of tracts.

        What a region does in a step reaches another at the end of the step that begins when the tract has been passed.
        """
        from scipy.sparse.csgraph import dijkstra

        graph = np.where(self.weights.T > 0, self.steps.T + 1, 0)  # row = sender
        return np.minimum(dijkstra(graph, indices=self.column), 10**6).astype(np.int64)  # where no path leads: never


def siegert_hz(mu: float, sigma: float, threshold: float = THRESHOLD) -> float:
    """Mean rate of a leaky integrate-and-fire neuron; mu, sigma and threshold in mV above rest."""
    moved = -ZETA_HALF * np.sqrt(SYNAPSE_S / MEMBRANE_S / 2)
    low, high = (RESET - mu) / sigma + moved, (threshold - mu) / sigma + moved
    if high > 20:  # e^(20²): never
        return 0.0
    passage = quad(lambda u: erfcx(-u), low, high)[0]
    return float(1 / (REFRACTORY_S + MEMBRANE_S * np.sqrt(np.pi) * passage))


def moments(rate_hz: float, fibre_hz: float, current_pa: float = 0.0) -> tuple[float, float]:
    """mu and sigma in mV of a cell in a column that fires with ``rate_hz``."""
    heard = EXCITATORY * rate_hz + FIBRES * fibre_hz
    mu = MEMBRANE_S * (KICK * (heard - STRENGTH * INHIBITORY * rate_hz) + current_pa / CAPACITY_PF * 1e3)
    return mu, KICK * np.sqrt(MEMBRANE_S * (heard + STRENGTH**2 * INHIBITORY * rate_hz))


def column_hz(fibre_hz: float, current_pa: float = 0.0, threshold: float = THRESHOLD) -> float:
    """The rate with which the column's cells fire when they hear each other fire with it."""
    if fibre_hz <= 0:
        return 0.0
    return float(brentq(lambda rate: siegert_hz(*moments(rate, fibre_hz, current_pa), threshold) - rate, 0.0, 400.0))


def next_order_hz(fibre_hz: float, current_pa: float = 0.0) -> float:
    """By how much the column's rate may differ from ``column_hz``: the threshold, so to speak, is known to as many mV.

    sigma tau_syn/tau, the next order of the synapses' correction, and half a kick, by which a jump overshoots on average.
    """
    rate = column_hz(fibre_hz, current_pa)
    moved = moments(rate, fibre_hz, current_pa)[1] * SYNAPSE_S / MEMBRANE_S + KICK / 2
    return rate - column_hz(fibre_hz, current_pa, THRESHOLD + moved)


@lru_cache(maxsize=1)
def coupled() -> Coupled:
    weights, lengths_mm, labels = read_connectome("connectivity_76", "tvb")
    return Coupled(labels, weights, np.rint(lengths_mm / SPEED / DT_MS).astype(np.int64), labels.index(COLUMN))


def lags_ms(column: Floats, others: Floats, longest_ms: float = 60.0) -> tuple[Floats, Floats]:
    """When each region follows the noise of the column: correlations (lags,) of the column's rate with what moves the others.

    ``column`` (steps,), ``others`` (steps, regions). Input moves the membranes, which move the rate: the second difference of a
    rate is what came in with the last two steps. The column's noise is nearly white, so it correlates at its tract's delay only.

    Returns
    -------
    lags_ms, correlations
        (lags,), (lags, regions).
    """
    moved = np.diff(others, n=2, axis=0, prepend=others[:1].repeat(2, axis=0))
    noise, moved = column - column.mean(), moved - moved.mean(axis=0)
    lags = np.arange(1, min(round(longest_ms / DT_MS), len(noise) // 2))
    size = 1 << int(2 * len(noise) - 1).bit_length()
    spectrum = np.fft.rfft(noise, size).conj()[:, None] * np.fft.rfft(moved, size, axis=0)
    products = np.fft.irfft(spectrum, size, axis=0)[lags]
    return lags * DT_MS, products / np.sqrt((noise**2).sum() * (moved**2).sum(axis=0))
