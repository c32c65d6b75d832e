"""Izhikevich's simple model: both schemes against the same steps taken in plain Python, and against a solver of high order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from tests.engines.point_neurons.running import MS, Run, changes, run

KINDS = {  # a, b, c, d of the paper's figure 2
    "regular spiking": (0.02, 0.2, -65.0, 8.0),
    "intrinsically bursting": (0.02, 0.2, -55.0, 4.0),
    "chattering": (0.02, 0.2, -50.0, 2.0),
    "fast spiking": (0.1, 0.2, -65.0, 2.0),
    "low-threshold spiking": (0.02, 0.25, -65.0, 2.0),
    "resonator": (0.1, 0.26, -65.0, 2.0),
}
CURRENT = 10.0


def neurons(stop_ms: float, dt: int, scheme: str, kinds: Any = KINDS) -> Run:
    values = np.array([KINDS[kind] for kind in kinds])
    parameters = {name: values[:, k].tolist() for k, name in enumerate("abcd")} | {"I_e": CURRENT}
    return run(
        stop_ms,
        populations={"n": {"model": "izhikevich", "size": len(values), "parameters": parameters, "integrator": scheme}},
        record={"potential": {"n": "all"}, "u": {"n": "all"}},
        dt=dt,
    )


def slopes(v: float, u: float, a: float, b: float) -> tuple[float, float]:
    return 0.04 * v * v + 5.0 * v + 140.0 - u + CURRENT, a * (b * v - u)


def one_step(v: float, u: float, h: float, a: float, b: float, scheme: str) -> tuple[float, float]:
    k1 = slopes(v, u, a, b)
    if scheme == "euler":
        return v + h * k1[0], u + h * k1[1]
    k2 = slopes(v + 0.5 * h * k1[0], u + 0.5 * h * k1[1], a, b)
    k3 = slopes(v + 0.5 * h * k2[0], u + 0.5 * h * k2[1], a, b)
    k4 = slopes(v + h * k3[0], u + h * k3[1], a, b)
    return tuple(x + h * (p + 2 * q + 2 * r + s) / 6 for x, p, q, r, s in zip((v, u), k1, k2, k3, k4, strict=True))  # type: ignore[return-value]


def by_hand(kind: str, steps: int, h: float, scheme: str) -> tuple[list[int], NDArray[np.float64]]:
    """Steps at whose ends it spikes; (steps, 2) V and u."""
    a, b, c, d = KINDS[kind]
    v, u, spikes, rows = c, b * c, [], np.empty((steps, 2))
    for k in range(steps):
        v, u = one_step(v, u, h, a, b, scheme)
        if v >= 30.0:
            v, u = c, u + d
            spikes.append(k + 1)
        rows[k] = v, u
    return spikes, rows


@pytest.mark.parametrize(("scheme", "step_ms"), [("euler", 0.1), ("rk4", 0.05)])
def test_every_kind_of_neuron_spikes_as_in_the_same_steps_by_hand(scheme: str, step_ms: float) -> None:
    """To 1e-9 over 60 ms. A difference in the last digit grows in each upstroke: tenfold every 10 ms in the fast spiking neuron,
    which is chaotic as the phase of its resets on the grid feeds back, less in all others."""
    steps = round(60 / step_ms)
    found = neurons(60, round(step_ms * MS), scheme)
    for n, kind in enumerate(KINDS):
        spikes, rows = by_hand(kind, steps, step_ms, scheme)
        assert len(spikes) >= 2
        assert np.rint(found.times_ms(n) / step_ms).astype(int).tolist() == spikes
        assert found["potential"][:, n] == pytest.approx(rows[:, 0], abs=1e-9 * 100)
        assert found["u"][:, n] == pytest.approx(rows[:, 1], abs=1e-9 * 20)


def test_a_regular_spiking_neuron_fires_23_times_a_second() -> None:
    """The classical Runge-Kutta scheme, 0.01 ms, from (-65, -13)."""
    times = neurons(1000, MS // 100, "rk4", ["regular spiking"]).times_ms()
    assert len(times) == 23
    assert times[:3] == pytest.approx([3.13, 26.24, 71.08], abs=0.0051)
    assert np.diff(times)[-1] == pytest.approx(44.82, abs=0.0051)


def test_spikes_of_the_runge_kutta_scheme_are_late_by_a_step_each_at_most() -> None:
    """Against times at which V goes through 30 mV, by a method of order 8 at 1e-12: a reset waits for the end of its step."""
    a, b, c, d = KINDS["regular spiking"]

    def peak(t: float, y: NDArray[np.float64]) -> float:
        return float(y[0]) - 30.0

    peak.terminal = True  # type: ignore[attr-defined]
    t, y, exact = 0.0, [c, b * c], []
    while t < 400:
        solution = solve_ivp(lambda t, y: slopes(y[0], y[1], a, b), (t, 500), y, "DOP853", events=peak, rtol=1e-12, atol=1e-12)
        t = solution.t_events[0][0]
        y = [c, solution.y_events[0][0][1] + d]
        exact.append(t)
    for dt in (MS // 20, MS // 100):
        times = neurons(500, dt, "rk4", ["regular spiking"]).times_ms()[: len(exact)]
        late = (times - exact) * MS / dt
        assert np.all(late > 0)
        assert np.all(late < np.arange(len(late)) + 1)


NETWORK: dict[str, Any] = {
    "populations": {
        "e": {
            "model": "izhikevich",
            "size": 70,
            "parameters": {"c": {"uniform": [-65.0, -55.0]}, "I_e": {"normal": [4.0, 2.0]}},
            "poisson": {"x": {"rate": 1000.0, "weight": 1.0}},
        },
    },
    "projections": {
        "ex": {"from": "e", "to": "e", "rule": "fixed_indegree", "indegree": 8, "weight": 2.0, "delay": 1.5},
        "in": {"from": "e", "to": "e", "rule": "fixed_indegree", "indegree": 3, "weight": -4.0, "delay": 0.8},
    },
    "record": {"potential": {"e": [0, 1, 69]}, "u": {"e": [5]}},
}


def test_windows_threads_and_a_saved_state_change_no_bit() -> None:
    assert len(run(100, **NETWORK).times_ms()) > 100
    assert changes(100, 0.5, **NETWORK) == []
