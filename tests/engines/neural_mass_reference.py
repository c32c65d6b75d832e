"""A slow, plain NumPy solution of the whole-brain equations, written apart from the engine, to hold it against."""

from __future__ import annotations

import numpy as np


def simulate(
    weights,
    delays_ms,
    steps,
    *,
    dt_ms=0.1,
    G=1.0,
    tau_ms=10.0,
    eta=-4.6,
    J=14.5,
    delta=0.7,
    rate_hz=0.0,
    v=-2.0,
    drive_hz=None,
    current=None,
    method="heun",
):
    """Rates in Hz and potentials, (steps, regions) each, at the end of every step.

    tau dr/dt = delta/(pi tau) + 2 r v;  tau dv/dt = v^2 + eta + J tau r + tau (c + drive) + current - (pi tau r)^2, where
    c_i(t) = G sum_j weights[i, j] r_j(t - delay_ij) is taken at the start of a step. All of the past is kept.
    """
    count = len(weights)
    dt, tau = dt_ms / 1e3, tau_ms / 1e3
    back = np.rint(np.asarray(delays_ms) / dt_ms).astype(int)
    sender = np.arange(count)
    rates, potentials = np.empty((steps + 1, count)), np.empty((steps + 1, count))
    rates[0], potentials[0] = rate_hz, v
    drive_hz = np.zeros((steps, count)) if drive_hz is None else drive_hz
    current = np.zeros((steps, count)) if current is None else current

    for n in range(steps):
        past = rates[np.maximum(n - back, 0), sender[None, :]]  # before time 0 the state at time 0 held
        c = G * np.sum(weights * past, axis=1)

        def slope(y, c=c, n=n):
            r, u = y
            dr = delta / (np.pi * tau**2) + 2 * r * u / tau
            du = (u**2 + eta + J * tau * r + tau * (c + drive_hz[n]) + current[n] - (np.pi * tau * r) ** 2) / tau
            return np.array([dr, du])

        y = np.array([rates[n], potentials[n]])
        if method == "heun":
            k1 = slope(y)
            y = y + dt / 2 * (k1 + slope(y + dt * k1))
        else:
            k1 = slope(y)
            k2 = slope(y + dt / 2 * k1)
            k3 = slope(y + dt / 2 * k2)
            k4 = slope(y + dt * k3)
            y = y + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        rates[n + 1], potentials[n + 1] = y
    return rates[1:], potentials[1:]
