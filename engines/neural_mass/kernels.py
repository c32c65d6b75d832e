"""The one compiled loop of the neural mass engine.

Sums over connections run along time: a region whose connections all take d steps or more has its input known d steps ahead, so
it is summed for a block of steps at once, each element over senders in increasing order. How long the blocks are changes no bit.
Compiled for one signature, without fast-math and so without contraction: two layouts of a network agree bit for bit.
"""

from __future__ import annotations

import numpy as np
from numba import float64, int64, njit, types

LOOKAHEAD = 32  # steps of a block at most

_WHOLE = types.Array(int64, 1, "C", readonly=True)
_REAL = types.Array(float64, 1, "C", readonly=True)
_INPUT = types.Array(float64, 2, "C", readonly=True)
_CONNECTIONS = types.Tuple((_WHOLE, _WHOLE, _WHOLE, _REAL))


@njit(inline="always")
def _rate_slope(r, v, noise, twice_leak):
    """delta / (pi tau^2) + 2 r v / tau, in Hz/s."""
    return noise + twice_leak * (r * v)


@njit(inline="always")
def _potential_slope(r, v, held, gain, pi_tau, leak):
    """(v^2 + J tau r + held - (pi tau r)^2) / tau, in 1/s; ``held`` is all that is constant over the step."""
    width = pi_tau * r
    return leak * (v * v + gain * r + held - width * width)


@njit(inline="always")
def _sum_block(block, connections, i, column, history, G):
    """G sum_j W_ij r_j for region i and ``len(block)`` steps, the first of which starts at ``column``."""
    first, source, delay, weight = connections
    if len(block) == 1:
        total = 0.0
        for p in range(first[i], first[i + 1]):
            total += weight[p] * history[source[p], column - delay[p]]
        block[0] = G * total
        return
    block[:] = 0.0
    for p in range(first[i], first[i + 1]):
        past = history[source[p], column - delay[p] : column - delay[p] + len(block)]
        w = weight[p]
        for b in range(len(block)):
            block[b] += w * past[b]
    for b in range(len(block)):
        block[b] *= G


@njit(
    types.void(
        types.boolean, _REAL, int64, int64, _WHOLE, _WHOLE, _CONNECTIONS, _CONNECTIONS,
        _WHOLE, _WHOLE, _INPUT, _INPUT, _INPUT,
        float64[:, ::1], float64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1],
    ),
    cache=True,
    nogil=True,
)  # fmt: skip
def integrate(
    is_rk4, constants, steps, position, simulated, lookahead, incoming, inflowing,
    arriving, channels, arriving_hz, drive_hz, current,
    history, potential, rate_out, potential_out, inflow_out,
):  # fmt: skip
    """Move the simulated regions ``steps`` steps on from column ``position`` of the history.

    Parameters
    ----------
    constants
        (6,): dt in s, tau in s, eta with the constant current, J, delta, G.
    simulated, lookahead
        (regions,) their rows of ``history``; for how many steps their network input is known, 1 to LOOKAHEAD.
    incoming, inflowing
        first, source, steps, weight of ``Connections``: to the simulated regions, and from them to the external ones.
    arriving, channels, arriving_hz
        External regions with a link: their rows of ``history``, their columns of the (steps, external) rates that arrive.
    drive_hz, current
        (steps, regions) each, in force over the step that ends at the row's time.
    history
        (kept regions, columns) rates in Hz. Column ``position`` holds the state at the start, or the row that arrived then.
    potential
        (regions,) v, moved on in place.
    rate_out, potential_out
        (steps, regions) state at the end of each step.
    inflow_out
        (steps, external) network input of the external regions, in Hz.
    """
    dt, tau, eta, J, delta, G = constants
    leak, gain, pi_tau = 1.0 / tau, J * tau, np.pi * tau
    noise, twice_leak = delta / (np.pi * tau * tau), 2.0 / tau
    half, sixth = 0.5 * dt, dt / 6.0
    regions = len(simulated)
    rate, held = np.empty(regions), np.empty(regions)
    network_hz = np.empty((regions, LOOKAHEAD))  # of the steps made_from .. made_to - 1
    made_from, made_to = np.zeros(regions, np.int64), np.zeros(regions, np.int64)

    for q in range(len(arriving)):
        for n in range(steps):
            history[arriving[q], position + 1 + n] = arriving_hz[n, channels[q]]
    for i in range(regions):
        rate[i] = history[simulated[i], position]

    for n in range(steps):
        for i in range(regions):
            if made_to[i] == n:
                count = min(lookahead[i], steps - n)
                _sum_block(network_hz[i, :count], incoming, i, position + n, history, G)
                made_from[i], made_to[i] = n, n + count
            held[i] = eta + tau * (network_hz[i, n - made_from[i]] + drive_hz[n, i]) + current[n, i]
        for i in range(regions):
            r, v, h = rate[i], potential[i], held[i]
            r1, v1 = _rate_slope(r, v, noise, twice_leak), _potential_slope(r, v, h, gain, pi_tau, leak)
            if is_rk4:
                r_at, v_at = r + half * r1, v + half * v1
                r2, v2 = _rate_slope(r_at, v_at, noise, twice_leak), _potential_slope(r_at, v_at, h, gain, pi_tau, leak)
                r_at, v_at = r + half * r2, v + half * v2
                r3, v3 = _rate_slope(r_at, v_at, noise, twice_leak), _potential_slope(r_at, v_at, h, gain, pi_tau, leak)
                r_at, v_at = r + dt * r3, v + dt * v3
                r4, v4 = _rate_slope(r_at, v_at, noise, twice_leak), _potential_slope(r_at, v_at, h, gain, pi_tau, leak)
                rate[i] = r + sixth * (r1 + 2.0 * (r2 + r3) + r4)
                potential[i] = v + sixth * (v1 + 2.0 * (v2 + v3) + v4)
            else:
                r_at, v_at = r + dt * r1, v + dt * v1
                r2, v2 = _rate_slope(r_at, v_at, noise, twice_leak), _potential_slope(r_at, v_at, h, gain, pi_tau, leak)
                rate[i] = r + half * (r1 + r2)
                potential[i] = v + half * (v1 + v2)
        for i in range(regions):
            rate_out[n, i] = rate[i]
            potential_out[n, i] = potential[i]
            history[simulated[i], position + 1 + n] = rate[i]

    if inflow_out.shape[1]:
        block = np.empty(steps)
        for i in range(inflow_out.shape[1]):
            _sum_block(block, inflowing, i, position, history, G)
            for n in range(steps):
                inflow_out[n, i] = block[n]
