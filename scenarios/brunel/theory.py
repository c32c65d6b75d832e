"""Brunel's network on paper: a neuron whose potential noise would give mean mu and variance sigma²/2 fires with the rate and CV

1/nu = t_ref + tau sqrt(pi) int_a^b e^(u²) (1 + erf u) du                       a = (V_reset - mu)/sigma, b = (V_th - mu)/sigma
CV² = 2 pi (nu tau)² int_a^b e^(x²) int_-inf^x e^(y²) (1 + erf y)² dy dx

mu = J C_E tau (nu_ext + (1 - g/4) nu),   sigma² = J² C_E tau (nu_ext + (1 + g²/4) nu)

and with nu on both sides that is the network's own rate. A rate that moves by e^(lambda t) moves mu and sigma² by as much, one
delay later, and the network goes on by itself where

1 = H(lambda) = e^(-lambda D) (d mu/d nu R_mu(lambda) + d sigma²/d nu R_var(lambda)).

The responses R come from the Fokker-Planck equation, integrated from the threshold down (Richardson 2007).

A threshold that is looked at once in a step of dt, when the potential has gone sigma sqrt(dt/tau) on average, is found to be
crossed late, as if it were higher by -zeta(1/2)/sqrt(2 pi) of that (Broadie, Glasserman and Kou 1997).

References
----------
Brunel (2000), J Comput Neurosci 8, 183: mean field, stability, formula of the CV; simulations in its figure 8.
Richardson (2007), Phys Rev E 76, 021919.
Broadie, Glasserman and Kou (1997), Math Finance 7, 325.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import erfcx

from scenarios.mean_field import ZETA_HALF

Complex = NDArray[np.complex128]
TAU_S, REFRACTORY_S, DELAY_S, DT_S = 20e-3, 2e-3, 1.5e-3, 0.1e-3
THRESHOLD, RESET, KICK = 20.0, 10.0, 0.1
"""mV above rest."""
EXCITATORY, INHIBITORY = 1000, 250
"""Inputs of a neuron."""
UNIT_HZ = THRESHOLD / (KICK * EXCITATORY * TAU_S)
"""With which each synapse from outside fires when they bring the mean potential to the threshold."""
STEPS = 400
"""Of potential, from the threshold to the reset; they go on from there to where nobody is."""


@dataclass(frozen=True)
class Regime:
    """A place in the plane of inhibition and input from outside.

    Attributes
    ----------
    g
        How many times as strong an inhibitory synapse is.
    eta
        Rate of a synapse from outside over 10 Hz.
    """

    g: float
    eta: float

    @property
    def outside_hz(self) -> float:
        """Rate of all spikes from outside into one neuron."""
        return EXCITATORY * self.eta * UNIT_HZ

    @property
    def slopes(self) -> tuple[float, float]:
        """d mu/d nu and d sigma²/d nu, in mV s and mV² s."""
        balance = self.g * INHIBITORY / EXCITATORY
        return KICK * EXCITATORY * TAU_S * (1 - balance), KICK**2 * EXCITATORY * TAU_S * (1 + self.g * balance)

    def moments(self, rate_hz: float) -> tuple[float, float]:
        """mu and sigma in mV of a neuron in a network that fires with a rate."""
        mean, variance = self.slopes
        outside = KICK * self.outside_hz * TAU_S
        return outside + mean * rate_hz, math.sqrt(KICK * outside + variance * rate_hz)

    def rate_hz(self, more: float = 0.0, dt_s: float = 0.0) -> float:
        """Of a network that hears itself, thresholds higher by ``more`` mV and looked at once in a step."""

        def beyond(rate_hz: float) -> float:
            return siegert_hz(*self.moments(rate_hz), more, dt_s) - rate_hz

        return float(brentq(beyond, 1e-3, 1 / REFRACTORY_S - 1e-3))

    def mode(self) -> complex:
        """The lambda, in 1/s, with which the rate leaves where it stands still, or returns to it at the slowest."""
        axis = np.asarray(2j * np.pi * np.arange(5.0, 800.0, 5.0), np.complex128)
        distance = np.abs(1 - self.heard_again(axis))
        nearest = np.flatnonzero((distance[1:-1] < distance[:-2]) & (distance[1:-1] < distance[2:])) + 1
        return max((self._root(complex(axis[k])) for k in nearest), key=lambda root: root.real)

    def _root(self, start: complex) -> complex:
        """Where 1 = H, by Newton's steps of at most 200/s."""
        value = start
        for _ in range(100):
            here, beside = 1 - self.heard_again(np.array([value, value + 1.0]))
            step = here / (beside - here)
            value -= step * min(1.0, 200.0 / abs(step))
            if abs(step) < 1e-6:
                break
        return value

    def heard_again(self, rates: Complex) -> Complex:
        """H, by which a rate that moves as e^(lambda t) is multiplied until it is heard and answered; (modes,)."""
        rate_hz = self.rate_hz()
        mean, variance = responses(rates, *self.moments(rate_hz), rate_hz)
        return np.exp(-rates * DELAY_S) * (self.slopes[0] * mean + self.slopes[1] * variance)


ASYNCHRONOUS, REGULAR, FAST, SLOW = Regime(5, 2), Regime(3, 2), Regime(6, 4), Regime(4.5, 0.9)


def raised(sigma: float, dt_s: float) -> float:
    """mV by which a threshold that is looked at once in a step seems higher."""
    return -ZETA_HALF / math.sqrt(2 * math.pi) * sigma * math.sqrt(dt_s / TAU_S)


def bounds(mu: float, sigma: float, more: float = 0.0, dt_s: float = 0.0) -> tuple[float, float]:
    """a and b."""
    return (RESET - mu) / sigma, (THRESHOLD + more + raised(sigma, dt_s) - mu) / sigma


def siegert_hz(mu: float, sigma: float, more: float = 0.0, dt_s: float = 0.0) -> float:
    """Rate of a neuron under white noise."""
    passage = quad(lambda u: erfcx(-u), *bounds(mu, sigma, more, dt_s), limit=200)[0]
    return float(1 / (REFRACTORY_S + TAU_S * math.sqrt(math.pi) * passage))


def variation(mu: float, sigma: float, more: float = 0.0, dt_s: float = 0.0) -> float:
    """CV of its intervals."""

    def inner(x: float) -> float:
        return float(quad(lambda y: np.exp(x * x - y * y) * erfcx(-y) ** 2, x - 12.0, x, limit=200)[0])

    squared = 2 * math.pi * (siegert_hz(mu, sigma, more, dt_s) * TAU_S) ** 2
    return math.sqrt(squared * quad(inner, *bounds(mu, sigma, more, dt_s))[0])


def responses(rates: Complex, mu: float, sigma: float, rate_hz: float) -> tuple[Complex, Complex]:
    """d nu/d mu and d nu/d sigma² of neurons whose input moves as e^(lambda t), in Hz/mV and Hz/mV²; (modes,) each.

    -dJ/dV = lambda P (less what returns at the reset),   -dP/dV = 2/sigma² ((V - mu) P + tau J), and with P_0 of the steady state
    the same for the parts of first order, to which (mu_1 - 1/2 sigma²_1 d/dV) P_0 is added; J vanishes far below.
    """
    step = (THRESHOLD - RESET) / STEPS
    back = np.exp(-rates * REFRACTORY_S)
    density, flow = 0.0, rate_hz
    densities = np.zeros((3, len(rates)), complex)  # of the rate itself, of mu_1, of sigma²_1
    flows = np.array([[1.0], [0.0], [0.0]]) * np.ones(len(rates), complex)
    for k in range(math.ceil((THRESHOLD - min(RESET, mu) + 6 * sigma) / step)):
        pull = 2 / sigma**2 * (THRESHOLD - (k + 0.5) * step - mu)
        growth = math.exp(step * pull)
        held = (growth - 1) / pull if abs(pull) > 1e-9 else step
        slope = -(pull * density + 2 * TAU_S / sigma**2 * flow)
        pushed = np.array([[0.0], [-2 / sigma**2 * density], [1 / sigma**2 * slope]])
        below = densities * growth + held * (2 * TAU_S / sigma**2 * flows + pushed)
        flows = flows + step * rates * (densities + below) / 2
        density, densities = density * growth + held * 2 * TAU_S / sigma**2 * flow, below
        if k + 1 == STEPS:
            flow -= rate_hz
            flows[0] -= back
    return -flows[1] / flows[0], -flows[2] / flows[0]
