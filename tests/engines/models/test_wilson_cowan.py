"""Wilson-Cowan: limit cycles and fixed points against an independent solver, the response function, where inputs act."""

from __future__ import annotations

import numpy as np
import pytest
from model_runs import CHAIN, received, run, solve
from scipy.integrate import solve_ivp
from scipy.optimize import root

MODEL = "wilson_cowan"
EI = ["E", "I"]


def response(x, a, theta):
    """Equation 15 of the paper, 0 at 0."""
    return 1 / (1 + np.exp(-a * (x - theta))) - 1 / (1 + np.exp(a * theta))


def slopes(states, P=1.25, Q=0.0):
    """Equations 11 and 12 with time in units of tau, r = 1, and k the largest value of the response."""
    E, I = states  # noqa: E741  # the paper's name
    k_E, k_I = 1 - 1 / (1 + np.exp(1.3 * 4)), 1 - 1 / (1 + np.exp(2 * 3.7))
    dE = -E + (k_E - E) * response(16 * E - 12 * I + P, 1.3, 4.0)
    return np.array([dE, -I + (k_I - I) * response(15 * E - 3 * I + Q, 2.0, 3.7)])


def cycle(P):
    """(period in tau, least E, largest E) after 200 tau, by root finding on the solver's dense output."""

    def turns(t, x):
        return slopes(x, P)[0]

    found = solve_ivp(lambda t, x: slopes(x, P), (0, 300), [0.1, 0.05], "DOP853", events=turns, rtol=1e-11, atol=1e-13)
    late = found.t_events[0] > 200
    times, values = found.t_events[0][late], found.y_events[0][late, 0]
    return np.diff(times[::2]).mean(), values.min(), values.max()


def ours(P, duration_tau, dt_ms=0.05, inputs=None, **params):
    given = {"initial": {"E": 0.1, "I": 0.05}, "integrator": "rk4", "outputs": EI, **params}
    out = run(MODEL, 10 * duration_tau, inputs, dt=round(dt_ms * 1e6), parameters={"P": P}, **given)
    return np.stack([out["E"][:, 0], out["I"][:, 0]])


def period(E, dt_tau):
    """Of a course, by upward passes of its mean, between neighbouring steps along a line."""
    y = E - (E.min() + E.max()) / 2
    k = np.flatnonzero((y[:-1] < 0) & (y[1:] >= 0))
    passes = (k - y[k] / (y[k + 1] - y[k])) * dt_tau
    return (passes[-1] - passes[0]) / (len(passes) - 1)


@pytest.mark.parametrize(("P", "known"), [(1.25, 4.9959), (1.5, 3.3199)])
def test_limit_cycle(P, known):
    expected, low, high = cycle(P)
    assert expected == pytest.approx(known, abs=5e-5)
    E = ours(P, 300)[0, 40_000:]  # steps of 0.005 tau
    assert period(E, 0.005) == pytest.approx(expected, rel=1e-6)  # a pass is found to (0.005)^2 of a curvature, over 20 periods
    assert (E.min(), E.max()) == pytest.approx((low, high), rel=1e-5)  # of a parabola, at most 0.0025 from its vertex
    if P == 1.25:
        assert (low, high) == pytest.approx((0.10256, 0.26966), abs=5e-6)


@pytest.mark.parametrize("P", [1.0, 2.0])
def test_there_is_no_cycle_at_weaker_and_at_stronger_input(P):
    states = ours(P, 500)
    assert np.ptp(states[:, -2000:], axis=1).max() < 1e-6
    at_rest = root(lambda x: slopes(x, P), states[:, -1], tol=1e-14).x
    assert states[:, -1] == pytest.approx(at_rest, abs=1e-6)


def test_agrees_with_a_solver():
    for start in ((0.0, 0.0), (0.5, 0.3)):
        expected = solve(lambda x: slopes(x, P=1.4, Q=0.2), start, 10, 1000)
        inputs = {"drive": np.full((1000, 1), 0.3), "drive_i": np.full((1000, 1), 0.2)}
        found = ours(1.1, 10, 0.1, inputs, initial=dict(zip(EI, start, strict=True)))
        assert np.abs(found - expected).max() < 1e-7  # steps of 0.01 tau, rates of up to 10 / tau: some 1e-8


def test_without_input_there_is_rest():
    """S(0) = 0: the paper's shift makes E = I = 0 a fixed point, and it is stable."""
    assert np.abs(ours(0.0, 10, initial={"E": 0.0, "I": 0.0})).max() < 1e-16
    assert np.abs(ours(0.0, 50)[:, -1]).max() < 1e-6


def test_without_the_shift_the_responses_are_plain_logistic_functions():
    """With shift = 0 and r = 0 at no weights: E = S(P) = logistic(a (P - theta))."""
    free = dict.fromkeys(("c1", "c2", "c3", "c4", "r_E", "r_I", "shift"), 0.0)
    out = run(MODEL, 500, parameters=free | {"P": 3.0, "Q": 4.0}, outputs=EI)
    assert out["E"][-1, 0] == pytest.approx(1 / (1 + np.exp(1.3)), rel=1e-12)
    assert out["I"][-1, 0] == pytest.approx(1 / (1 + np.exp(-0.6)), rel=1e-12)


def test_the_firing_rate_is_a_share_of_the_largest():
    out = run(MODEL, 10, outputs=["rate", "rate_i", "E", "I"], parameters={"rate_max": 80.0})
    assert np.allclose(out["rate"], 80 * out["E"], rtol=1e-14)
    assert np.allclose(out["rate_i"], 80 * out["I"], rtol=1e-14)


def test_the_network_reaches_excitatory_cells_as_their_input_does():
    start = {"E": [0.1, 0.4], "I": [0.05, 0.2]}
    pair = run(MODEL, 100, connectome=CHAIN, G=2.0, initial=start, outputs=EI)
    drive = 2.0 * 0.3 * received(pair["E"][:, 1], 0.4, 20)
    alone = run(MODEL, 100, {"drive": drive[:, None]}, initial={"E": 0.1, "I": 0.05}, outputs=EI)
    for name in EI:
        assert np.allclose(alone[name][:, 0], pair[name][:, 0], rtol=1e-11)


def test_noise_of_each_population_has_the_size_of_its_sigma():
    n, sizes = 5000, {"sigma_E": 0.1, "sigma_I": 0.3}
    noisy = run(MODEL, 0.1, integrator="euler", outputs=EI, replicas=n, parameters=sizes)
    start = np.array([0.1, 0.05])
    for name, quiet in zip(EI, start + 0.01 * slopes(start), strict=True):  # 0.1 ms is 0.01 tau
        moved = (noisy[name][0] - quiet) / (sizes[f"sigma_{name}"] * np.sqrt(1e-4))
        assert abs(moved.mean()) < 4 / np.sqrt(n)
        assert abs(moved.var() - 1) < 4 * np.sqrt(2 / n)
