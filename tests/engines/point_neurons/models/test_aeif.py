"""Adaptive exponential integrate-and-fire: spike times against a solver that goes through the upstroke, order, refractoriness."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from tests.engines.point_neurons.running import MS, Run, changes, run

BRETTE_GERSTNER = {"V_reset": -70.6, "I_e": 1000.0}
"""What differs from the defaults in the paper's example: the reset, and a current that makes it fire."""
C_M, G_L, E_L, V_TH, DELTA_T, V_PEAK, A, B, TAU_W = 281.0, 30.0, -70.6, -50.4, 2.0, 0.0, 4.0, 80.5, 144.0
E_EX, E_IN, TAU_EX, TAU_IN = 0.0, -85.0, 0.2, 2.0


def one(stop_ms: float, spikes: Any = None, dt: int = MS // 10, **parameters: float) -> Run:
    """One neuron, with an excitatory (channel 0) and an inhibitory (channel 1) synapse of 10 nS."""
    onto_one = {"to": "e", "rule": "one_to_one", "weight": 10.0}
    return run(
        stop_ms,
        spikes and {"ex": spikes[0], "in": spikes[1]},
        populations={"e": {"model": "aeif_cond_exp", "size": 1, "parameters": parameters}},
        inputs={"ex": {"kind": "spikes", "size": 1}, "in": {"kind": "spikes", "size": 1}},
        projections={
            "x": {"from": "ex", "receptor": "excitatory", **onto_one},
            "i": {"from": "in", "receptor": "inhibitory", **onto_one},
        },
        record={"potential": {"e": [0]}, "adaptation": {"e": [0]}},
        dt=dt,
    )


def upstroke(potential: float) -> float:
    """x = exp(-(V - V_th)/Delta_T): where V runs away exponentially, x goes to 0 in a straight line."""
    return math.exp(-(potential - V_TH) / DELTA_T)


def exact_spikes(current: float, reset: float, stop_ms: float) -> NDArray[np.float64]:
    """Times in ms at which V goes through the peak, by a method of order 8 in x and w at a tolerance of 1e-12."""

    def slopes(t: float, y: NDArray[np.float64]) -> list[float]:
        x, w = max(y[0], 1e-300), y[1]  # a trial stage may look beyond 0
        v = V_TH - DELTA_T * math.log(x)
        return [-x / DELTA_T * (G_L * (E_L - v) - w + current) / C_M - G_L / C_M, (A * (v - E_L) - w) / TAU_W]

    def peak(t: float, y: NDArray[np.float64]) -> float:
        return float(y[0]) - upstroke(V_PEAK)

    peak.terminal = True  # type: ignore[attr-defined]
    t, start, found = 0.0, [upstroke(E_L), 0.0], []
    while True:
        solution = solve_ivp(slopes, (t, stop_ms), start, "DOP853", events=peak, rtol=1e-12, atol=1e-14)
        if not len(solution.t_events[0]):
            return np.array(found)
        t = solution.t_events[0][0]
        start = [upstroke(reset), solution.y_events[0][0][1] + B]
        found.append(t)


def test_the_solver_in_the_other_variable_gives_the_published_train() -> None:
    """To 1 us, as two solvers at 1e-9 had given them."""
    assert exact_spikes(1000.0, -70.6, 70.0) == pytest.approx([11.792, 25.376, 41.196, 59.776], abs=6e-4)


@pytest.mark.parametrize("dt", [MS // 10, MS // 50, MS // 200])
def test_spikes_are_late_by_a_step_each_at_most(dt: int) -> None:
    """Order 1: each reset waits for the end of its step, and those waits add up. One more step is for the upstroke: where V runs
    away within a step, the scheme, which sees slopes at three points of it, may be a step behind."""
    exact = exact_spikes(1000.0, -70.6, 200.0)
    found = one(200, dt=dt, **BRETTE_GERSTNER).times_ms()
    found = found[: len(exact)]
    late = (found - exact[: len(found)]) * MS / dt
    assert len(found) >= len(exact) - 1
    assert np.all(late > 0)
    assert np.all(late < np.arange(len(late)) + 2)


def solved(times: tuple[list[float], list[float]], stop_ms: float, step_ms: float, current: float) -> NDArray[np.float64]:
    """(2, steps) V and w without spikes, between arrivals by a method of order 8 at 1e-12."""

    def slopes(t: float, y: NDArray[np.float64]) -> list[float]:
        v, w, ex, inh = y
        dv = G_L * (E_L - v) + G_L * DELTA_T * math.exp((v - V_TH) / DELTA_T) + ex * (E_EX - v) + inh * (E_IN - v) - w + current
        return [dv / C_M, (A * (v - E_L) - w) / TAU_W, -ex / TAU_EX, -inh / TAU_IN]

    edges = sorted({0.0, stop_ms, *times[0], *times[1]})
    grid, rows, y = np.arange(1, round(stop_ms / step_ms) + 1) * step_ms, [], np.array([E_L, 0.0, 0.0, 0.0])
    for a, b in pairwise(edges):
        y = y + 10.0 * np.array([0.0, 0.0, times[0].count(a), times[1].count(a)])
        inside = grid[(grid > a + 1e-9) & (grid < b + 1e-9)]
        solution = solve_ivp(slopes, (a, b), y, "DOP853", np.append(inside[:-1], b), rtol=1e-12, atol=1e-12)
        rows.append(solution.y[:2])
        y = solution.y[:, -1]
    return np.concatenate(rows, axis=1)


def test_the_course_below_the_peak_is_of_order_four() -> None:
    rng = np.random.default_rng(1)
    times = tuple(sorted((rng.integers(1, 190, 12) * 0.4).tolist()) for _ in range(2))
    errors = []
    for dt in (MS // 10, MS // 20, MS // 40):
        found = one(80, ((times[0], [0] * 12), (times[1], [0] * 12)), dt=dt, I_e=400.0)
        exact = solved((times[0], times[1]), 80.0, dt / MS, 400.0)
        assert not len(found.times_ms())
        errors.append(np.abs([found["potential"][:, 0] - exact[0], found["adaptation"][:, 0] - exact[1]]).max(axis=1))
    assert np.ptp(exact[0]) > 10  # mV: there is something to follow
    assert np.all(np.array(errors[0]) < 1e-3)  # mV and pA, at 0.1 ms, half of tau_syn_ex
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert orders == pytest.approx(np.full((2, 2), 4.0), abs=0.4)


def test_adaptation_goes_on_at_the_reset_potential_while_a_neuron_is_refractory() -> None:
    """w' = (a (V_reset - E_L) - w)/tau_w, in closed form; the scheme's error over a step is (dt/tau_w)^5/120 of w, 1e-18."""
    found = one(60, **(BRETTE_GERSTNER | {"t_ref": 5.0, "V_reset": -58.0}))
    first = round(found.times_ms()[0] / 0.1) - 1  # the row of the spike
    v, w = found["potential"][first : first + 51, 0], found["adaptation"][first : first + 51, 0]
    assert np.all(v == -58.0)
    assert found["potential"][first + 51, 0] > -58.0
    end = A * (-58.0 - E_L)
    assert w == pytest.approx(end + (w[0] - end) * np.exp(-0.1 * np.arange(51) / TAU_W), rel=1e-13)


def test_nothing_overflows_however_sharp_or_strong() -> None:
    """exp((V_peak - V_th)/Delta_T) is e^5040: infinite, and so is V, up to its reset. w sees V_peak at most."""
    found = one(20, Delta_T=0.01, I_e=20_000.0)
    assert len(found.times_ms()) > 10
    assert np.isfinite(found["potential"]).all()
    most = len(found.times_ms()) * B + A * (V_PEAK - E_L)
    assert 0 < found["adaptation"].max() < most


def test_without_adaptation_it_fires_regularly_at_the_time_of_the_integral() -> None:
    """T = integral of dV / V' from reset to peak; spikes are some step of 5 us later each."""
    found = one(100, dt=MS // 200, I_e=900.0, a=0.0, b=0.0)
    intervals = np.diff(found.times_ms())
    v = np.linspace(-60.0, 0.0, 600_001)
    slope = (G_L * (E_L - v) + G_L * DELTA_T * np.exp((v - V_TH) / DELTA_T) + 900.0) / C_M
    assert slope.min() > 0
    period = np.trapezoid(1 / slope, v)
    assert np.ptp(intervals) < 1e-6
    assert 0 < intervals[0] - period < 2 * 0.005


NETWORK: dict[str, Any] = {
    "populations": {
        "e": {
            "model": "aeif_cond_exp",
            "size": 70,
            "parameters": {"I_e": {"uniform": [400.0, 900.0]}, "t_ref": 1.0},
            "poisson": {"x": {"rate": 2000.0, "weight": 3.0, "receptor": "excitatory"}},
        },
    },
    "projections": {
        "ex": {
            "from": "e",
            "to": "e",
            "rule": "fixed_indegree",
            "indegree": 8,
            "weight": 5.0,
            "receptor": "excitatory",
            "delay": 1.5,
        },
        "in": {
            "from": "e",
            "to": "e",
            "rule": "fixed_indegree",
            "indegree": 3,
            "weight": 9.0,
            "receptor": "inhibitory",
            "delay": 0.8,
        },
    },
    "record": {"potential": {"e": [0, 1, 69]}, "adaptation": {"e": [5]}},
}


def test_windows_threads_and_a_saved_state_change_no_bit() -> None:
    assert len(run(100, **NETWORK).times_ms()) > 100
    assert changes(100, 0.5, **NETWORK) == []
