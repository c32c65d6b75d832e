"""The brain and the column on paper, each from its own equations; no engine is asked.

A region of the brain stands still where tau r = population_rate(I), I = eta + current + tau (J r + G sum_j W_ij r_j) (Montbrió,
Pazó and Roxin 2015, Phys Rev X 5, 021028). eta is what gives every region 8 Hz at rest. Rows of W sum to 1, so x = sum_j W_ij r_j
is the mean rate of what projects to region i.

The column's neurons are leaky integrate-and-fire under many small inputs, of mean mu and variance sigma²/2,

1/nu = t_ref + tau sqrt(pi) integral from (V_reset - mu)/sigma + k to (V_th - mu)/sigma + k of e^(u²) (1 + erf u) du

mu = tau (sum_j K_j J_j nu_j + J (K_own 8 Hz + K_x x)) + tau I/C,   sigma² = tau (sum_j K_j J_j² nu_j + J² (K_own 8 Hz + K_x x))

with J = w tau_syn/C, and k = |zeta(1/2)| sqrt(tau_syn/tau)/sqrt(2) for the synapses' own time constant (Siegert 1951; Fourcaud and
Brunel 2002, Neural Comput 14, 2057). K, w and I are those of the scaled-down circuit. At rest it has the means and variances of the
whole one; where rates move, its means move less, by the root of its share of in-degrees.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root
from scipy.special import erfcx

from cosim.claims import load_beside
from scenarios.mean_field import ZETA_HALF, population_rate, rate_slope
from scenarios.microcircuit import tables
from scenarios.microcircuit.tables import OUTSIDE_HZ, POPULATIONS, circuit
from scenarios.tvb_data import read_connectome


def beside(file: str, name: str) -> Any:
    """From a file of this folder."""
    return load_beside(Path(__file__), file, name)


Floats = NDArray[np.float64]
ColumnScale, synapses_of_fibres = (beside("column.py", name) for name in ("ColumnScale", "synapses_of_fibres"))
REGION, STIMULATED, SPEED, DT_MS = "rV1", "rV2", 4.0, 0.1  # mm/ms, ms
G, TAU_S, J, DELTA, REST_HZ = 20.0, 0.01, 3.0, 0.7, 8.0
TOLD = ("L23E", "L5E")
"""Populations whose spikes the brain hears."""
POINTS, WEIGHTS = np.polynomial.legendre.leggauss(100)


# -- the brain -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Brain:
    """The 76 regions, one of which is the column.

    Attributes
    ----------
    weights, steps
        (regions, regions), row = receiver: share of what a region hears; steps of 0.1 ms that a tract takes.
    """

    labels: tuple[str, ...]
    weights: Floats
    steps: NDArray[np.int64]

    @property
    def region(self) -> int:
        return self.labels.index(REGION)

    @cached_property
    def eta(self) -> Floats:
        """(regions,) with which all fire at 8 Hz."""
        spread = 2 * np.pi * TAU_S * REST_HZ
        drive = (spread / 2) ** 2 - (DELTA / spread) ** 2  # where population_rate is tau 8 Hz
        return np.asarray(drive - TAU_S * REST_HZ * (J + G * self.weights.sum(axis=1)))

    def rates_hz(self, told_hz: Floats | float, current: float = 0.0, bent_hz: Floats | float = 0.0) -> Floats:
        """(regions,) where all stand still while they are told, each its own or all one, that the column fires with ``told_hz``."""
        told = np.broadcast_to(told_hz, len(self.labels))
        from_column = G * self.weights[:, self.region] * (told - told[self.region])
        stimulus = np.where(np.array(self.labels) == STIMULATED, current, 0.0)

        def residual(rates_hz: Floats) -> Floats:
            drive = self.eta + stimulus + TAU_S * (J * rates_hz + G * self.weights @ rates_hz + from_column)
            still = population_rate(drive, DELTA) / TAU_S + bent_hz
            still[self.region] = told[self.region]
            return np.asarray(still - rates_hz)

        found = root(residual, np.full(len(self.labels), REST_HZ), tol=1e-12)
        assert np.abs(residual(found.x)).max() < 1e-8, "no fixed point was found"
        return np.asarray(found.x)

    def bent_hz(self, rates_hz: Floats, variance: Floats) -> Floats:
        """(regions,) by how much rates that fluctuate are higher than those of the mean input, for the curve is bent upwards.

        With I(x) = (pi x)² - delta²/(2 pi x)² and x = tau r it is -I''/(2 I') var x, where what comes in is slow against tau.
        """
        x = TAU_S * rates_hz
        slope = 2 * np.pi**2 * x + DELTA**2 / (2 * np.pi**2 * x**3)
        bend = 2 * np.pi**2 - 3 * DELTA**2 / (2 * np.pi**2 * x**4)
        return np.asarray(-bend / (2 * slope) * TAU_S * variance)

    def heard_hz(self, rates_hz: Floats) -> float:
        """x of the column."""
        return float(self.weights[self.region] @ rates_hz)

    def moved(self, rates_hz: Floats, current: float = 0.0) -> Floats:
        """(regions,) by how much each rate moves when the column's is told to be 1 Hz higher."""
        stimulus = np.where(np.array(self.labels) == STIMULATED, current, 0.0)
        drive = self.eta + stimulus + TAU_S * (J * rates_hz + G * self.weights @ rates_hz)
        loop = rate_slope(drive, DELTA)[:, None] * (J * np.eye(len(drive)) + G * self.weights)
        loop[self.region] = 0.0
        return np.asarray(np.linalg.solve(np.eye(len(drive)) - loop, np.eye(len(drive))[self.region]))


@lru_cache(maxsize=1)
def brain() -> Brain:
    weights, lengths_mm, labels = read_connectome("connectivity_76")
    heard = weights.sum(axis=1, keepdims=True)
    shares = np.divide(weights, heard, out=np.zeros_like(weights), where=heard > 0)
    return Brain(labels, shares, np.rint(lengths_mm / SPEED / DT_MS).astype(np.int64))


# -- the column ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Column:
    """The scaled microcircuit and its fibres."""

    params: Any = field(default_factory=lambda: ColumnScale())

    @cached_property
    def _circuit(self) -> Any:
        return circuit(self.params.neurons, self.params.indegrees, self.params.background)

    def rates_hz(self, heard_hz: float) -> Floats:
        """(8,) when fibres fire with ``heard_hz``."""
        found = root(lambda rates: self._answer(np.abs(rates), heard_hz) - rates, tables.RATES_HZ, tol=1e-10)
        assert found.success, "no fixed point was found"
        return np.asarray(found.x)

    def response(self, heard_hz: float = OUTSIDE_HZ, by_hz: float = 1e-3) -> Floats:
        """(8,) d ln nu / dx: the linear response, in 1/Hz."""
        more, less = self.rates_hz(heard_hz + by_hz), self.rates_hz(heard_hz - by_hz)
        return np.asarray((np.log(more) - np.log(less)) / (2 * by_hz))

    def _answer(self, rates_hz: Floats, heard_hz: float) -> Floats:
        found, tau_s = self._circuit, tables.MEMBRANE_MS * 1e-3
        kick = tables.SYNAPSE_MS / tables.CAPACITY_PF  # mV a pA
        inputs, kicks = found.synapses / found.sizes[:, None], kick * found.weights_pa
        outside_hz = found.outside_hz + synapses_of_fibres(self.params) * (heard_hz - OUTSIDE_HZ)
        outside = kick * found.outside_pa
        mean = tau_s * ((inputs * kicks) @ rates_hz + outside * outside_hz) + tau_s * 1e3 * found.current_pa / tables.CAPACITY_PF
        spread = (1 + tables.WEIGHT_SD**2) * (inputs * kicks**2) @ rates_hz + outside**2 * outside_hz
        return siegert_hz(mean, np.sqrt(tau_s * spread))


def siegert_hz(mean_mv: Floats, sigma_mv: Floats) -> Floats:
    """Rates of the column's neurons; mV above rest."""
    tau_s, moved = tables.MEMBRANE_MS * 1e-3, -ZETA_HALF * np.sqrt(tables.SYNAPSE_MS / tables.MEMBRANE_MS / 2)
    low = (tables.RESET_MV - tables.REST_MV - mean_mv) / sigma_mv + moved
    high = (tables.THRESHOLD_MV - tables.REST_MV - mean_mv) / sigma_mv + moved
    half = (high - low) / 2
    passage = half * (WEIGHTS @ erfcx(-(half * POINTS[:, None] + (low + high) / 2)))
    return np.asarray(1 / (tables.REFRACTORY_MS * 1e-3 + tau_s * np.sqrt(np.pi) * passage))


def told_hz(rates_hz: Floats) -> float:
    """Mean rate of the neurons whose spikes the brain hears, from that of each population."""
    sizes = np.array([tables.SIZES[POPULATIONS.index(name)] for name in TOLD])
    return float(sizes @ rates_hz[[POPULATIONS.index(name) for name in TOLD]] / sizes.sum())
