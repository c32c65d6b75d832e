"""Models of regions run for a test: a brain in the engine, and the same equations, written anew, in SciPy's solver."""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from cosim.sdk import Samples, Setup, Window
from engines.neural_mass import NeuralMass

MS = 1_000_000
ALONE = {"weights": [[0.0]], "delays": 0.0}
CHAIN = {"weights": [[0.0, 0.3], [0.0, 0.0]], "delays": 2.0, "labels": ["a", "b"]}
"""b sends to a, 2 ms on its way; nothing comes back."""


def build(window_ns, inputs=(), seed=1, **params):
    """An engine; ``inputs`` are the names of the connected ports."""
    given = NeuralMass.Params(**params)
    ports = {port.name: port for port in NeuralMass.ports(given)}
    connected = {name: ports[name] for name in inputs}
    delays = {name: np.zeros(len(port.space), np.int64) for name, port in connected.items()}
    return NeuralMass(given, Setup("brain", window_ns, seed, connected, delays))


def run(model, duration_ms, inputs=None, seed=1, **params):
    """Output: (steps, regions) at the end of every step of one long window, region by region; ``inputs`` likewise."""
    window, inputs = Window(0, round(duration_ms * MS)), inputs or {}
    engine = build(window.length_ns, inputs, seed, model=model, **{"connectome": ALONE, **params})
    out = engine.advance(window, {name: Samples(window, np.asarray(rows)) for name, rows in inputs.items()})
    return {name: samples.values for name, samples in out.items()}


def solve(slopes, start, duration, steps):
    """(states, steps) at ``steps`` times after 0, equally far apart, by a Runge-Kutta method of order 8 at a tolerance of 1e-11."""
    times = np.linspace(0, duration, steps + 1)[1:]
    found = solve_ivp(lambda t, x: slopes(x), (0, duration), start, "DOP853", times, rtol=1e-11, atol=1e-13)
    assert found.success
    return found.y


def roots(function, low, high, pieces=20_000):
    """All simple roots of a function between two bounds, rising."""
    x = np.linspace(low, high, pieces)
    y = np.array([function(each) for each in x])
    return [brentq(function, x[k], x[k + 1], xtol=1e-15) for k in np.flatnonzero(y[:-1] * y[1:] < 0)]


def received(sent, initial, delay_steps):
    """What was sent ``delay_steps`` before the start of each step, from what was sent at the end of each."""
    return np.concatenate([np.full(1 + delay_steps, initial), sent])[: len(sent)]
