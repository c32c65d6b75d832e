"""The twisted oscillator on paper. With z = x + iy = r e^(i theta), growth a, frequency f, radius R and twist b,

    dr/dt = a r (1 - r^2 / R^2),   dtheta/dt = 2 pi f - b a r^2 / R^2

so that on the cycle, r = R, it turns with f - b a / 2 pi, and theta - b ln r moves on evenly from anywhere.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from engines.connectome import ConnectomeParams, build_connectome

Floats = NDArray[np.float64]

FREQUENCY_HZ, RADIUS_MV, TWIST, SIGMA = 12.0, 1.0, 1.5, 0.2
GROWTH_HZ = np.arange(2.0, 25.0, 2.0)
PUSH, PUSHED_S = 20.0, (2.0, 3.0)  # mV/s, into the last of them
COUPLING_HZ = 8.0  # G times exchange


def course(times_s: Floats, growth: Floats, start_mv: float) -> NDArray[np.complex128]:
    """(times, oscillators) x + iy of oscillators alone that begin at x = start, y = 0.

    r^2 = R^2 / (1 + (R^2 / start^2 - 1) e^(-2 a t)),   theta = 2 pi f t - b/2 ln(1 + start^2 / R^2 (e^(2 a t) - 1))
    """
    t, share = times_s[:, None], (start_mv / RADIUS_MV) ** 2
    r = RADIUS_MV / np.sqrt(1.0 + (1.0 / share - 1.0) * np.exp(-2.0 * growth * t))
    theta = 2.0 * np.pi * FREQUENCY_HZ * t - TWIST / 2.0 * np.log1p(share * np.expm1(2.0 * growth * t))
    return np.asarray(r * np.exp(1j * theta))


def pushed(times_s: Floats, growth: float, start_mv: float) -> NDArray[np.complex128]:
    """(times,) x + iy of one that is pushed by PUSH while the hand pushes, by scipy's DOP853."""

    def slope(t: float, state: Floats, push: float) -> list[float]:
        x, y = state
        lost = growth * (x**2 + y**2) / RADIUS_MV**2
        turning = 2.0 * np.pi * FREQUENCY_HZ - TWIST * lost
        return [(growth - lost) * x - turning * y + push, (growth - lost) * y + turning * x]

    found, state, before = [], [start_mv, 0.0], 0.0
    for until, push in ((PUSHED_S[0], 0.0), (PUSHED_S[1], PUSH), (times_s[-1], 0.0)):
        mine = times_s[(times_s > before + 1e-9) & (times_s < until + 1e-9)]
        if len(mine):
            part = solve_ivp(slope, (before, mine[-1]), state, "DOP853", mine, args=(push,), rtol=1e-10, atol=1e-12)
            found.append(part.y[0] + 1j * part.y[1])
            state, before = list(part.y[:, -1]), until
    return np.concatenate(found)


def cycle_hz(growth: Floats, twist: float = TWIST) -> Floats:
    """Frequency on the cycle."""
    return np.asarray(FREQUENCY_HZ - twist * growth / (2.0 * np.pi))


def phases(z: NDArray[np.complex128], twist: float = TWIST) -> Floats:
    """(times, oscillators) theta - b ln r, unwound: what noise pushes and coupling pulls, and nothing else changes."""
    return np.asarray(np.unwrap(np.angle(z), axis=0) - twist * np.log(np.abs(z) / RADIUS_MV))


def diffusion(twist: float) -> float:
    """Variance that the phase gains per second: noise along the cycle and, through the twist, across it."""
    return SIGMA**2 * (1.0 + twist**2) / RADIUS_MV**2


@lru_cache(maxsize=1)
def slowest_mode() -> tuple[float, Floats]:
    """(rate in 1/s, left eigenvector) with which the last difference of phases dies: of G times the Laplacian."""
    made = {"generate": {"regions": 12, "density": 0.3, "spread": 0, "seed": 2}, "delays": "0 ms"}
    weights = build_connectome(ConnectomeParams(**made)).dense()
    values, vectors = np.linalg.eig((np.diag(weights.sum(axis=1)) - weights).T)
    second = np.argsort(values.real)[1]
    return float(COUPLING_HZ * values[second].real), np.asarray(vectors[:, second].real)
