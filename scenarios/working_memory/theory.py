"""The network on paper: rates that hold themselves up, synapses between spikes, and when an item can no longer lie low.

A leaky integrate-and-fire neuron under many small inputs, of mean mu and variance sigma²/2 (mV), fires at

1/nu = t_ref + tau sqrt(pi) integral from (V_reset - mu)/sigma to (V_th - mu)/sigma of e^(u²) (1 + erf u) du
mu = drive + tau sum K J e nu,   sigma² = noise² + tau sum K (J e)² nu

(Siegert 1951; Brunel 2000, J Comput Neurosci 8, 183). K is how many inputs come from a population, e = u x what their synapses
release of J, 1 where they are static. At a rate nu

u = U (1 + tau_F nu)/(1 + U tau_F nu),   x = 1/(1 + tau_D u nu)

(Mongillo, Barak and Tsodyks 2008, Science 319, 1543). u and x are slow. What neurons do meanwhile is the same equation with the e
of an item held: up to some e* it has a state of low rates. Beyond it there is none, and the item fires until its resources are
spent, in a population spike. Further drive lowers e*.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar, root
from scipy.special import erfcx

from cosim.claims import load_beside


def beside(file: str, name: str) -> Any:
    """From a file of this folder."""
    return load_beside(Path(__file__), file, name)


Floats = NDArray[np.float64]
Memory, network, CELLS, THRESHOLD_MV, KICK_MV = (
    beside("network.py", name) for name in ("Memory", "network", "CELLS", "THRESHOLD_MV", "KICK_MV")
)
REFRACTORY_S = 2e-3
POINTS, WEIGHTS = np.polynomial.legendre.leggauss(100)
ITEM = 0
"""The population that is cued; all items are alike."""


@dataclass(frozen=True, eq=False)
class Theory:
    """The network of some parameters. Populations stand as there: item1, item2, …, others, inhibitory.

    Attributes
    ----------
    boost_mv
        By how much excitatory neurons are driven further.
    """

    params: Any = field(default_factory=lambda: Memory())
    boost_mv: float = 0.0

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(self._network.populations)

    @cached_property
    def _network(self) -> Any:
        return network(self.params)

    @cached_property
    def _inputs(self) -> Floats:
        """(3, populations, populations) K J, K J² and K J³ in powers of mV, row = receiver."""
        found = np.zeros((3, len(self.names), len(self.names)))
        for projection in self._network.projections.values():
            weight = float(str(projection.weight).removesuffix(" mV"))
            pair = self.names.index(projection.target), self.names.index(projection.source)
            found[:, pair[0], pair[1]] += projection.indegree * weight ** np.arange(1, 4)
        return found

    # -- synapses --------------------------------------------------------------------------------------------------

    def at_rate(self, rate_hz: Floats) -> tuple[Floats, Floats]:
        """u and x at constant rates."""
        tau_f, tau_d, share = self._synapse
        u = share * (1 + tau_f * rate_hz) / (1 + share * tau_f * rate_hz)
        return u, 1 / (1 + tau_d * u * rate_hz)

    def along(self, rate_hz: Floats, dt_s: float, u: float, x: float) -> tuple[Floats, Floats]:
        """u and x (steps,) at the ends of steps over which rates (steps,) hold: du/dt = (U - u)/tau_F + U (1 - u) nu and so on."""
        (tau_f, tau_d, share), found = self._synapse, np.empty((2, len(rate_hz)))
        for k, rate in enumerate(rate_hz):
            speed = (1 / tau_f if tau_f else np.inf) + share * rate
            settled = share * (1 / tau_f + rate) / speed if tau_f else share
            u_before, u = u, settled + (u - settled) * np.exp(-speed * dt_s)
            speed = 1 / tau_d + (u_before + u) / 2 * rate
            x = 1 / tau_d / speed + (x - 1 / tau_d / speed) * np.exp(-speed * dt_s)
            found[:, k] = u, x
        return found[0], found[1]

    def of_spikes(self, spikes_s: Floats, times_s: Floats) -> tuple[Floats, Floats]:
        """u and x of one neuron's synapses at some times, from its spikes; a spike at such a time has been counted."""
        (tau_f, tau_d, share), found = self._synapse, np.empty((2, len(times_s)))
        u, x, last = share, 1.0, 0.0
        events = sorted([(time, 0, -1) for time in spikes_s] + [(time, 1, k) for k, time in enumerate(times_s)])
        for time, _, k in events:
            u = share + (u - share) * (np.exp((last - time) / tau_f) if tau_f else 0.0)
            x = 1 - (1 - x) * np.exp((last - time) / tau_d)
            last = time
            if k < 0:
                u, x = u + share * (1 - u), x - u * x
            else:
                found[:, k] = u, x
        return found[0], found[1]

    @property
    def _synapse(self) -> tuple[float, float, float]:
        return self.params.facilitation / 1e9, self.params.recovery / 1e9, self.params.use

    # -- rates -----------------------------------------------------------------------------------------------------

    @cached_property
    def rates_hz(self) -> Floats:
        """(populations,) in the spontaneous state, items all alike."""
        found = root(lambda rate: self._answer(rate, self._efficacy(rate)) - rate, self._guess(), tol=1e-10)
        assert found.success, "no spontaneous state was found"
        return np.asarray(found.x)

    @cached_property
    def unsure_hz(self) -> Floats:
        """(populations,) what the skewness g of the inputs, which are kicks, may make of these rates: a factor e^(g (z³ - 3 z)/6).

        That is how far the potential's density at threshold, z standard deviations off, differs from a Gaussian one (Edgeworth).
        """
        rate = self.rates_hz
        mean, variance, third = self._moments(rate, self._efficacy(rate))
        deviation = np.sqrt(variance / 2)
        z = (THRESHOLD_MV - mean) / deviation
        return np.asarray(rate * np.abs(1 - np.exp(third / 3 / deviation**3 * (z**3 - 3 * z) / 6)))

    @cached_property
    def critical(self) -> float:
        """e*, up to which an item lies low."""
        return float(brentq(self._least, float(self._unboosted[ITEM]), 0.99, xtol=1e-4))

    def low_hz(self, efficacy: float) -> float:
        """Rate of an item in its state of low rates, while its synapses release ``efficacy``."""
        held = self._unboosted
        held[ITEM] = efficacy
        found = root(lambda rate: self._answer(rate, held) - rate, self._guess(), tol=1e-9)
        assert found.success, "there is no such state"
        return float(found.x[ITEM])

    @property
    def highest_low_hz(self) -> float:
        """Where the state of low rates ends: an item that fires more has left it."""
        return float(self._bottleneck(self.critical).x)

    def breaks_out_in(self, seconds: float) -> float:
        """u x, beyond e*, with which the way out of low rates takes so long: tau dr over what is fired more than r, summed."""
        rates_hz = np.linspace(0.3, 12.0, 40)

        def passage_s(efficacy: float) -> float:
            excess = np.array([self._excess(efficacy, rate) for rate in rates_hz])
            return float(self._tau_s[ITEM] * np.trapezoid(1 / np.maximum(excess, 1e-3), rates_hz))

        return float(brentq(lambda efficacy: passage_s(efficacy) - seconds, self.critical, self.critical + 0.2, xtol=2e-3))

    def _least(self, efficacy: float) -> float:
        return float(self._bottleneck(efficacy).fun)

    def _bottleneck(self, efficacy: float) -> Any:
        """Where up to 8 Hz the item would fire least more than it does: if that is below 0, there is a state of low rates."""
        bounds = (0.0, 8.0)
        return minimize_scalar(lambda rate: self._excess(efficacy, rate), bounds=bounds, method="bounded", options={"xatol": 1e-3})

    def _excess(self, efficacy: float, rate_hz: float) -> float:
        """By how much the item would fire more than it does; all others fire as they then must."""
        held = self._unboosted
        held[ITEM] = efficacy

        def answer(others: Floats) -> Floats:
            return self._answer(np.insert(others, ITEM, rate_hz), held)

        solved = root(lambda others: np.delete(answer(others), ITEM) - others, np.delete(self._guess(), ITEM), tol=1e-9)
        return float(answer(solved.x)[ITEM]) - rate_hz

    @property
    def _unboosted(self) -> Floats:
        """(populations,) what synapses release before there is any further drive; a copy."""
        return self._before._efficacy(self._before.rates_hz)

    @cached_property
    def _before(self) -> Theory:
        return replace(self, boost_mv=0.0)

    def _guess(self) -> Floats:
        return np.array([0.5] * (len(self.names) - 1) + [5.0])

    def _efficacy(self, rate_hz: Floats) -> Floats:
        u, x = self.at_rate(rate_hz)
        return np.asarray(u * x)

    def _answer(self, rate_hz: Floats, efficacy: Floats) -> Floats:
        """(populations,) rates of neurons that hear these rates; synapses among excitatory ones release ``efficacy``."""
        mean, variance, _ = self._moments(rate_hz, efficacy)
        return siegert_hz(mean, np.sqrt(variance), self._tau_s, np.array([CELLS[kind][1] for kind in self._kinds]))

    def _moments(self, rate_hz: Floats, efficacy: Floats) -> Floats:
        """(3, populations) mu and tau sum K (J e)^n nu for n of 2 and 3, in powers of mV, with what comes from outside."""
        released, params = np.ones_like(self._inputs[0]), self.params
        released[:-1, :-1] = efficacy[:-1]
        found = np.array([self._tau_s * ((each * released ** (n + 1)) @ rate_hz) for n, each in enumerate(self._inputs)])
        found[1] = np.abs(found[1])  # on its way a search may try rates below 0
        boost = self.boost_mv * (np.array(self._kinds) == "exc")
        found[0] += np.array([params.drive if kind == "exc" else params.inhibitory_drive for kind in self._kinds]) + boost
        found[1] += params.noise**2 + KICK_MV * boost
        found[2] += KICK_MV * params.noise**2 + KICK_MV**2 * boost
        return found

    @cached_property
    def _kinds(self) -> list[str]:
        return ["exc"] * (len(self.names) - 1) + ["inh"]

    @cached_property
    def _tau_s(self) -> Floats:
        return np.array([CELLS[kind][0] for kind in self._kinds]) * 1e-3


def siegert_hz(mean_mv: Floats, sigma_mv: Floats, tau_s: Floats, reset_mv: Floats) -> Floats:
    """Rates of leaky integrate-and-fire neurons."""
    low, high = (reset_mv - mean_mv) / sigma_mv, np.minimum((THRESHOLD_MV - mean_mv) / sigma_mv, 20.0)
    half = (high - low) / 2
    passage = half * (WEIGHTS @ erfcx(-(half * POINTS[:, None] + (low + high) / 2)))
    return np.asarray(1 / (REFRACTORY_S + tau_s * np.sqrt(np.pi) * passage))
