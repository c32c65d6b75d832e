"""Jansen-Rit: fixed points, their eigenvalues, cycles, an independent solver, and where inputs, network and noise act."""

from __future__ import annotations

import numpy as np
import pytest
from model_runs import CHAIN, received, roots, run, solve
from scipy.optimize import brentq

STATES = ["y0", "y1", "y2", "y3", "y4", "y5"]
OUTPUTS = [*STATES, "rate", "rate_e", "rate_i", "potential"]
A, B, a, b, C = 3.25, 22.0, 100.0, 50.0, 135.0  # mV, mV, 1/s, 1/s; Jansen and Rit 1995
C1, C2, C3, C4 = C, 0.8 * C, 0.25 * C, 0.25 * C
E0, V0, R = 2.5, 6.0, 0.56  # 1/s, mV, 1/mV


def sigmoid(v):
    return 2 * E0 / (1 + np.exp(R * (V0 - v)))


def sigmoid_slope(v):
    return R * sigmoid(v) * (1 - sigmoid(v) / (2 * E0))


def slopes(y, p):
    """Jansen and Rit 1995, equations 6."""
    return [
        *y[3:],
        A * a * sigmoid(y[1] - y[2]) - 2 * a * y[3] - a**2 * y[0],
        A * a * (p + C2 * sigmoid(C1 * y[0])) - 2 * a * y[4] - a**2 * y[1],
        B * b * C4 * sigmoid(C3 * y[0]) - 2 * b * y[5] - b**2 * y[2],
    ]


def at_rest(y0, p):
    """All states where y0 does not change."""
    return np.array([y0, A / a * (p + C2 * sigmoid(C1 * y0)), B / b * C4 * sigmoid(C3 * y0), 0, 0, 0])


def fixed_points(p):
    """By y0, rising."""
    pull = lambda y0: A / a * sigmoid(np.subtract(*at_rest(y0, p)[1:3])) - y0  # noqa: E731
    return [at_rest(y0, p) for y0 in roots(pull, 0, 2 * E0 * A / a)]


def jacobian(y):
    found = np.zeros((6, 6))
    found[[0, 1, 2], [3, 4, 5]] = 1
    found[[3, 4, 5], [0, 1, 2]] = -(a**2), -(a**2), -(b**2)
    found[[3, 4, 5], [3, 4, 5]] = -2 * a, -2 * a, -2 * b
    found[3, 1:3] += np.array([1, -1]) * A * a * sigmoid_slope(y[1] - y[2])
    found[4, 0] = A * a * C2 * C1 * sigmoid_slope(C1 * y[0])
    found[5, 0] = B * b * C4 * C3 * sigmoid_slope(C3 * y[0])
    return found


def leading(y):
    """The eigenvalue of largest real part (1/s) and its eigenvector."""
    values, vectors = np.linalg.eig(jacobian(y))
    first = int(np.argmax(values.real + 1e-9 * values.imag))
    return values[first], vectors[:, first]


def course(duration_ms, p, initial=None, dt_ms=0.1, **params):
    """(states, steps) of a region alone."""
    starts = dict(zip(STATES, map(float, initial), strict=True)) if initial is not None else {}
    given = {"parameters": {"p": p}, "initial": starts, "outputs": STATES, "integrator": "rk4", "dt": round(dt_ms * 1e6)}
    out = run("jansen_rit", duration_ms, **given, **params)
    return np.array([out[name][:, 0] for name in STATES])


def cycle(v, dt_s):
    """Frequency (Hz) from rising crossings of the middle, lowest and highest value."""
    above = v - (v.min() + v.max()) / 2
    rising = np.flatnonzero((above[:-1] < 0) & (above[1:] >= 0))
    crossings = rising + above[rising] / (above[rising] - above[rising + 1])
    return 1 / (np.diff(crossings).mean() * dt_s), v.min(), v.max()


def test_an_input_of_80_lets_it_rest():
    low, _, high = fixed_points(80.0)
    assert leading(low)[0].real < -28
    assert np.allclose(course(2000, 80.0)[:, -1], low, rtol=1e-12, atol=1e-10)  # decays at 28 / s: 2 s leave e^-56
    # there is a second rest, but one that is left and reached slowly, at 0.14 / s
    assert -0.2 < leading(high)[0].real < 0
    assert np.allclose(course(100, 80.0, high)[:, -1], high, rtol=1e-10, atol=1e-8)


@pytest.mark.parametrize("p", [80.0, 220.0, 310.0, 320.0])
def test_near_rest_it_moves_by_the_eigenvalues_of_the_jacobian(p):
    """x* + Re(v e^(lambda t)), with a v so small that what is not linear is lost."""
    rest = fixed_points(p)[-1]
    value, vector = leading(rest)
    assert 60 < value.imag < 75
    times = np.arange(1, 5001) / 1e4
    expected = rest[:, None] + 1e-6 * (vector[:, None] * np.exp(value * times)).real
    found = course(500, p, rest + 1e-6 * vector.real)
    # of 1e-6: the square is 1e-12 and grows no faster; the scheme errs by (|lambda| dt)^4 = 2e-9 of each step
    assert np.abs(found - expected).max() < 1e-10
    assert np.abs(found - rest[:, None]).max() > 5e-7


def test_the_cycle_ends_where_the_eigenvalue_crosses_zero():
    end = brentq(lambda p: leading(fixed_points(p)[-1])[0].real, 300, 330)
    assert end == pytest.approx(315.7, abs=0.05)  # Grimbert and Faugeras 2006: the upper Hopf point
    below, above = (course(60_000, p, dt_ms=0.5) for p in (310.0, 320.0))
    ends = [[np.ptp((y[1] - y[2])[second * 2000 :][:2000]) for second in (39, 59)] for y in (below, above)]
    assert ends[0][1] > 0.9  # mV
    assert ends[0] == pytest.approx(ends[0][:1] * 2, rel=0.01)  # it stays
    assert ends[1][1] / ends[1][0] == pytest.approx(np.exp(20 * leading(fixed_points(320.0)[-1])[0].real), rel=0.05)  # it decays


@pytest.mark.parametrize(("p", "known"), [(120.0, (2.3846, 1.2261, 11.1698)), (220.0, (10.938, 6.0883, 9.0344))])
def test_cycles(p, known):
    """Frequency, lowest and highest y1 - y2: of the engine and of the solver, alike."""
    settled = course(20_000, p)[:, -1]
    found = course(2000, p, settled)
    expected = solve(lambda y: slopes(y, p), settled, 2.0, 20_000)
    ours, theirs = (cycle(y[1] - y[2], 1e-4) for y in (found, expected))
    assert ours == pytest.approx(theirs, rel=1e-6)
    assert theirs == pytest.approx(known, rel=1e-4)
    # the scheme errs by (a dt)^4 = 1e-8 in a time constant, and in phase ever more
    assert (np.abs(found - expected).max(axis=1) / np.abs(expected).max(axis=1) < 1e-6).all()


def test_a_drive_of_1_hz_is_1_hz_of_p():
    shifted = course(200, 250.0)
    assert np.allclose(course(200, 220.0, inputs={"drive": np.full((2000, 1), 30.0)}), shifted, rtol=1e-12, atol=1e-12)


def test_the_network_term_adds_the_rates_of_the_senders_to_p():
    given = {"parameters": {"p": {"a": 130.0, "b": 220.0}}, "outputs": OUTPUTS}
    both = run("jansen_rit", 500, connectome=CHAIN, G=40.0, integrator="rk4", **given)
    assert np.ptp(both["rate"][:, 1]) > 1  # Hz
    sent = received(both["rate"][:, 1], sigmoid(0.0), 20)
    assert np.allclose(both["rate"][:, 1], sigmoid(both["y1"][:, 1] - both["y2"][:, 1]), rtol=1e-12)
    alone = run("jansen_rit", 500, {"drive": 0.3 * 40.0 * sent[:, None]}, parameters={"p": 130.0}, outputs=STATES, integrator="rk4")
    for name in STATES:
        assert np.allclose(alone[name][:, 0], both[name][:, 0], rtol=1e-9, atol=1e-9)


def test_outputs_are_rates_of_the_three_populations_and_the_potential_of_pyramidal_cells():
    out = run("jansen_rit", 300, connectome=CHAIN, outputs=OUTPUTS, parameters={"p": {"a": 130.0, "b": 220.0}}, integrator="rk4")
    v = out["y1"] - out["y2"]
    assert np.allclose(out["potential"], v, rtol=1e-13)
    for name, inner in {"rate": v, "rate_e": C1 * out["y0"], "rate_i": C3 * out["y0"]}.items():
        assert np.allclose(out[name], sigmoid(inner), rtol=1e-12)


def test_the_convention_of_tvb_differs_in_v0_alone():
    """And in its units: with v0 of 6 mV it has the same course."""
    out = run("jansen_rit_tvb", 500, parameters={"v0": 6.0}, outputs=STATES, integrator="rk4")
    slow = [out[name][:, 0] * (1000 if name in ("y3", "y4", "y5") else 1) for name in STATES]
    assert np.allclose(slow, course(500, 220.0), rtol=1e-9, atol=1e-9)
    as_shipped = run("jansen_rit_tvb", 500, outputs=STATES, integrator="rk4")
    assert np.abs((as_shipped["y1"] - as_shipped["y2"])[:, 0] - (slow[1] - slow[2])).max() > 0.1  # mV


@pytest.mark.parametrize(("model", "per_second"), [("jansen_rit", 1.0), ("jansen_rit_tvb", 1e-3)])
def test_noise_of_y4_moves_y4_alone_by_its_size_times_the_root_of_the_step(model, per_second):
    many = {"connectome": {"weights": np.zeros((500, 500)).tolist(), "delays": 0.0}, "integrator": "euler", "outputs": STATES}
    still = run(model, 0.1, **many)
    noisy = run(model, 0.1, **many, parameters={"sigma_y4": 400.0 * per_second})
    moved = (noisy["y4"] - still["y4"])[0]
    # 500 numbers: their standard deviation has a relative error of 1 / sqrt(1000), of which this is four
    assert np.std(moved) == pytest.approx(400.0 * per_second * np.sqrt(1e-4), rel=0.13)
    assert all(np.array_equal(noisy[name], still[name]) for name in STATES if name != "y4")
