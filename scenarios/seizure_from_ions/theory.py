# mypy: disable-error-code="untyped-decorator,no-any-return"
"""What theory says of a region of cells in potassium and of the brain around it. No engine is asked.

A cell has four equations: V, n, the shift of potassium inside, and potassium that glia and the bath give (Depannemaecker et al.
2022); here they are integrated by the classical Runge-Kutta method.

A Wong-Wang region: dS/dt = -S/tau + gamma (1 - S) H(x), x = w J S + I_0 + J c, where c = G sum_j W_ij S_j is what it hears (Deco et
al. 2013). S grows with what is heard, and nothing makes it fall: brains are ordered. One that starts lower, and hears cells whose S
is lower at all times, is lower at all times, whatever the delays. So no course rises above the least fixed point for the highest S
that the cells ever have: ``Brain.ceiling``.

References
----------
Depannemaecker, Ivanov, Lillo, Spek, Bernard and Jirsa (2022), J Comput Neurosci 50, 33.
Deco, Ponce-Alvarez, Mantini, Romani, Hagmann and Corbetta (2013), J Neurosci 33, 11239.
Smith (1995), Monotone Dynamical Systems, chapter 5, for delays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.optimize import brentq

from engines.connectome import ConnectomeParams, build_connectome

Floats = NDArray[np.float64]
SLOPE, OFFSET, SHARPNESS = 270.0, 108.0, 0.154  # 1/nC, Hz, s
GAMMA, TAU_S, J_N, I_0, W = 0.641, 0.1, 0.2609, 0.3, 1.0
CONNECTOME = {
    "generate": {"regions": 98, "density": 0.15, "decay_length": 25.0, "spread": 2.0, "seed": 5},
    "speed": 4.0,
    "normalise": "row_sum",
}
FOCUS, START = "l22", 0.035


# -- a cell ------------------------------------------------------------------------------------------------------------


@njit
def _slopes(v: float, n: float, shift: float, given: float, bath: float) -> tuple[float, float, float, float]:
    """Per ms of V (mV), n, and mM of potassium inside and from glia and bath; pF, nS, pA."""
    inside, outside, sodium = 140.0 + shift, 4.8 - 3.0 * shift + given, 16.0 - shift
    m, h = 1.0 / (1.0 + np.exp(-(v + 24.0) / 12.0)), 1.1 - 1.0 / (1.0 + np.exp(3.2 - 8.0 * n))
    k = (0.12 + 22.0 * n) * (v - 26.64 * np.log(outside / inside))
    na = (0.02 + 40.0 * m * h) * (v - 26.64 * np.log((138.0 + 3.0 * shift) / sodium))
    cl = 7.5 * (v + 26.64 * np.log(112.0 / 5.0))
    pump = 250.0 / ((1.0 + np.exp(10.5 - 0.5 * sodium)) * (1.0 + np.exp(5.5 - outside)))
    n_rest = 1.0 / (1.0 + np.exp(-(v + 19.0) / 18.0))
    return -(k + na + cl + pump) / 0.92929, (n_rest - n) / 0.25, 0.04 / 2160.0 * (2.0 * pump - k), 0.01 * (bath - outside)


@njit
def _spikes(bath: float, steps: int, dt: float, most: int) -> Floats:
    v, shift, given = -78.0, -0.6, 0.8
    n = 1.0 / (1.0 + np.exp(-(v + 19.0) / 18.0))
    found, count = np.empty(most), 0
    for step in range(steps):
        a = _slopes(v, n, shift, given, bath)
        b = _slopes(v + dt / 2 * a[0], n + dt / 2 * a[1], shift + dt / 2 * a[2], given + dt / 2 * a[3], bath)
        c = _slopes(v + dt / 2 * b[0], n + dt / 2 * b[1], shift + dt / 2 * b[2], given + dt / 2 * b[3], bath)
        d = _slopes(v + dt * c[0], n + dt * c[1], shift + dt * c[2], given + dt * c[3], bath)
        before = v
        v += dt / 6 * (a[0] + 2 * b[0] + 2 * c[0] + d[0])
        n += dt / 6 * (a[1] + 2 * b[1] + 2 * c[1] + d[1])
        shift += dt / 6 * (a[2] + 2 * b[2] + 2 * c[2] + d[2])
        given += dt / 6 * (a[3] + 2 * b[3] + 2 * c[3] + d[3])
        if before < -20.0 <= v and count < most:
            found[count] = dt * (step + (-20.0 - before) / (v - before))
            count += 1
    return found[:count]


def spikes_ms(bath_mm: float, until_ms: float, dt_ms: float = 0.01) -> Floats:
    """When V of a cell in a bath of ``bath_mm`` passes -20 mV; the fifth digit of a rate does not change with half the step."""
    found: Floats = _spikes(bath_mm, round(until_ms / dt_ms), dt_ms, 200_000)
    return found


# -- a region ----------------------------------------------------------------------------------------------------------


@njit
def rate_hz(x: float) -> float:
    """H(x) of the current x in nA."""
    u = SLOPE * x - OFFSET
    return 1.0 / SHARPNESS if u == 0.0 else u / (1.0 - np.exp(-SHARPNESS * u))


def heard_for(share: float) -> float:
    """The c with which a region stands still at S = ``share``."""
    needed = share / (GAMMA * TAU_S * (1.0 - share))
    return float(brentq(lambda x: rate_hz(x) - needed, -1.0, 20.0, xtol=1e-15) - W * J_N * share - I_0) / J_N


def folds() -> tuple[tuple[float, float], tuple[float, float]]:
    """(S, c) where the low state ends and where the high one does: c has an extreme there as a function of S."""

    def bend(share: float) -> float:
        return heard_for(share + 1e-6) - heard_for(share - 1e-6)

    return tuple((share := float(brentq(bend, *span)), heard_for(share)) for span in ((0.05, 0.33), (0.33, 0.8)))  # type: ignore[return-value]


def rest(heard: float = 0.0) -> float:
    """S of the low state for what is heard."""
    low, _ = folds()
    return float(brentq(lambda share: heard_for(share) - heard, 1e-6, low[0], xtol=1e-15))


# -- a brain -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Brain:
    """All regions of the connectome; the one of cells is row ``focus`` of ``weights`` (regions, regions), row = receiver."""

    labels: tuple[str, ...]
    weights: Floats
    delays_ms: Floats
    focus: int

    @property
    def others(self) -> NDArray[np.int64]:
        return np.delete(np.arange(len(self.labels)), self.focus)

    @property
    def heard(self) -> Floats:
        """(regions,) share of its input that a region has from that of the cells."""
        return self.weights[:, self.focus]

    def ceiling(self, strength: float, share: float) -> Floats:
        """(regions,) the least fixed point for the region of cells held at S = ``share``, from below to 1e-9."""
        found: Floats = _ceiling(*self._edges(), strength, self.focus, share, len(self.labels))
        return found

    def intact(self, strength: float) -> Floats:
        """(regions,) the lowest fixed point with a mean field in place of the cells too."""
        found: Floats = _ceiling(*self._edges(), strength, -1, 0.0, len(self.labels))
        return found

    def courses(self, strength: float, share: Floats, step_ms: float = 0.25) -> Floats:
        """S of all regions at whole ms, (ms, regions), for a course of the region of cells, (ms,), the first at 1 ms.

        Runge-Kutta's classical method; delays as long as tracts are, the past interpolated linearly.
        """
        receiver, sender, weight = self._edges()
        late = self.delays_ms[receiver, sender]
        found: Floats = _courses(
            receiver, sender, weight, late, strength, self.focus, np.append(START, share), step_ms, len(self.labels)
        )
        return found

    def _edges(self) -> tuple[Any, Any, Floats]:
        receiver, sender = np.nonzero(self.weights)
        return receiver, sender, self.weights[receiver, sender]


def brain() -> Brain:
    made = build_connectome(ConnectomeParams.model_validate(CONNECTOME))
    labels = tuple(made.space.labels)
    return Brain(labels, made.dense(), made.dense_delays_ms(), labels.index(FOCUS))


@njit
def _ceiling(receiver: Any, sender: Any, weight: Floats, strength: float, focus: int, share: float, regions: int) -> Floats:
    state = np.zeros(regions)
    if focus >= 0:
        state[focus] = share
    for _ in range(1_000_000):
        heard, moved = np.zeros(regions), 0.0
        for k in range(len(weight)):
            heard[receiver[k]] += weight[k] * state[sender[k]]
        for i in range(regions):
            if i != focus:
                opening = GAMMA * TAU_S * rate_hz(W * J_N * state[i] + I_0 + J_N * strength * heard[i])
                further = opening / (1.0 + opening)
                moved, state[i] = max(moved, abs(further - state[i])), further
        if moved < 1e-13:
            break
    return state


@njit
def _slope(state: float, heard: float) -> float:
    return -state / TAU_S + GAMMA * (1.0 - state) * rate_hz(W * J_N * state + I_0 + J_N * heard)


@njit
def _courses(
    receiver: Any,
    sender: Any,
    weight: Floats,
    late: Floats,
    strength: float,
    focus: int,
    share: Floats,
    step_ms: float,
    regions: int,
) -> Floats:
    per_ms, last = round(1.0 / step_ms), len(share) - 1
    past = np.full((last * per_ms + 1, regions), START)  # rows a step apart, the first at 0
    for row in range(len(past)):
        at = row / per_ms
        k = min(int(at), last - 1)
        past[row, focus] = share[k] + (share[k + 1] - share[k]) * (at - k)
    heard = np.empty((3, regions))  # at the start, the middle and the end of a step
    for row in range(len(past) - 1):
        heard[:] = 0.0
        for part in range(3):
            for k in range(len(weight)):
                at = max((row + part / 2.0) - late[k] * per_ms, 0.0)
                lower = min(int(at), len(past) - 2)
                value = past[lower, sender[k]]
                heard[part, receiver[k]] += weight[k] * (value + (past[lower + 1, sender[k]] - value) * (at - lower))
        dt = step_ms * 1e-3
        for i in range(regions):
            if i != focus:
                s, c0, c1, c2 = past[row, i], strength * heard[0, i], strength * heard[1, i], strength * heard[2, i]
                a = _slope(s, c0)
                b = _slope(s + dt / 2 * a, c1)
                c = _slope(s + dt / 2 * b, c1)
                past[row + 1, i] = s + dt / 6 * (a + 2 * b + 2 * c + _slope(s + dt * c, c2))
    return past[per_ms::per_ms]
