"""The generic two-dimensional oscillator: rest and its eigenvalues, what its named parameter sets do, an independent solver."""

from __future__ import annotations

import numpy as np
import pytest
from model_runs import CHAIN, received, run, solve

DEFAULTS = {"a": -2.0, "b": -10.0, "c": 0.0, "d": 0.02, "e": 3.0, "f": 1.0, "g": 0.0, "alpha": 1.0, "beta": 1.0, "gamma": 1.0,
            "tau": 1.0, "I": 0.0}  # fmt: skip
GHOSH = {"a": 1.05, "b": -1.0, "c": 0.0, "d": 0.1, "e": 0.0, "f": 1 / 3, "g": 1.0, "alpha": 1.0, "beta": 0.2, "gamma": -1.0,
         "tau": 1.25}  # fmt: skip
SANZ_LEON = {"a": -0.5}
BISTABLE = {"a": 1.0, "b": 0.0, "c": -5.0}
MORRIS_LECAR = {"a": 0.5, "b": 0.6, "c": -4.0}


def slopes(x, values):
    """Per ms."""
    p, (V, W) = {**DEFAULTS, **values}, x
    return np.array([
        p["d"] * p["tau"] * (p["alpha"] * W - p["f"] * V**3 + p["e"] * V**2 + p["g"] * V + p["gamma"] * p["I"]),
        p["d"] / p["tau"] * (p["a"] + p["b"] * V + p["c"] * V**2 - p["beta"] * W),
    ])  # fmt: skip


def fixed_points(values):
    """(V, W) by V, rising, and the eigenvalues (1/ms) of each."""
    p = {**DEFAULTS, **values}
    share = p["alpha"] / p["beta"]
    found = np.roots([
        -p["f"], p["e"] + share * p["c"], p["g"] + share * p["b"], p["gamma"] * p["I"] + share * p["a"]
    ])  # fmt: skip
    points = [np.array([V, (p["a"] + p["b"] * V + p["c"] * V**2) / p["beta"]]) for V in np.sort(found[abs(found.imag) < 1e-9].real)]
    return [(point, np.linalg.eigvals(jacobian(point, p))) for point in points]


def jacobian(point, p):
    V = point[0]
    return p["d"] * np.array([
        [p["tau"] * (-3 * p["f"] * V**2 + 2 * p["e"] * V + p["g"]), p["tau"] * p["alpha"]],
        [(p["b"] + 2 * p["c"] * V) / p["tau"], -p["beta"] / p["tau"]],
    ])  # fmt: skip


def course(duration_ms, values, start=(0.0, 0.0), **params):
    """(V and W, steps) of a region alone."""
    given = {"parameters": values, "initial": {"V": float(start[0]), "W": float(start[1])}, "integrator": "rk4"}
    out = run("generic_2d_oscillator", duration_ms, outputs=["V", "W"], **given, **params)
    return np.array([out["V"][:, 0], out["W"][:, 0]])


@pytest.mark.parametrize("values", [{}, SANZ_LEON, GHOSH, MORRIS_LECAR, {**BISTABLE, "I": -2.0}])
def test_an_excitable_region_settles_at_its_fixed_point(values):
    point, eigenvalues = fixed_points(values)[0]
    assert eigenvalues.real.max() < 0
    duration_ms = 40 / -eigenvalues.real.max()  # leaves e^-40
    step = 10 ** int(np.log10(duration_ms / 1e4)) if duration_ms > 1e4 else 0.1
    found = course(np.ceil(duration_ms), values, point + 0.05, dt=round(step * 1e6))
    assert np.allclose(found[:, -1], point, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("values", "known_hz"), [({}, 10.06), (SANZ_LEON, 10.00), ({**SANZ_LEON, "I": 2.1}, 9.59), (GHOSH, 15.71)])
def test_near_rest_it_rings_by_the_eigenvalues_of_the_jacobian(values, known_hz):
    p = {**DEFAULTS, **values}
    [(point, _)] = fixed_points(values)
    eigenvalues, vectors = np.linalg.eig(jacobian(point, p))
    first = int(np.argmax(eigenvalues.imag))
    value, vector = eigenvalues[first], vectors[:, first]
    assert 1000 * value.imag / (2 * np.pi) == pytest.approx(known_hz, abs=0.005)
    times = np.arange(1, 1001) / 10
    expected = point[:, None] + 1e-6 * (vector[:, None] * np.exp(value * times)).real
    # the square of 1e-6, three times so much by the cubic, and rounding
    assert np.abs(course(100, values, point + 1e-6 * vector.real) - expected).max() < 2e-11


@pytest.mark.parametrize("values", [{"a": 2.0}, {**MORRIS_LECAR, "b": 0.4}, BISTABLE, GHOSH, {"I": 1.0, "tau": 2.0, "beta": 0.8}])
def test_agrees_with_a_solver(values):
    expected = solve(lambda x: slopes(x, values), [0.5, 1.0], 1000.0, 10_000)
    # the scheme errs by (rate dt)^4, 1e-7 at the steepest for a short time; the cycles forget what is not phase
    assert np.abs(course(1000, values, (0.5, 1.0)) - expected).max() < 1e-6


def test_with_a_of_2_it_cycles_about_a_point_that_has_lost_its_stability():
    [(point, eigenvalues)] = fixed_points({"a": 2.0})
    assert eigenvalues.real.max() > 0
    V = course(6000, {"a": 2.0}, point + 0.5)[0, 40_000:]
    assert np.ptp(V) > 1
    rising = np.flatnonzero((V[:-1] < point[0]) & (V[1:] >= point[0]))
    assert np.diff(rising).mean() == pytest.approx(1085.5, abs=1)  # 108.55 ms, in steps of 0.1 ms


def test_the_bistable_set_rests_or_cycles_by_where_it_starts():
    (low, eigenvalues), (middle, saddle), _ = fixed_points(BISTABLE)
    golden = (1 + np.sqrt(5)) / 2
    assert np.allclose([low[0], middle[0]], [-golden, -1.0])  # of V^3 + 2 V^2 - 1
    assert eigenvalues.real.max() < 0 < saddle.real.max()
    resting, cycling = course(6000, BISTABLE, low + 0.1), course(3000, BISTABLE)
    assert np.allclose(resting[:, -1], low, atol=1e-3)  # the slower eigenvalue leaves e^-9
    assert np.ptp(cycling[0, 15_000:]) > 2


def test_gamma_is_the_sign_of_current_and_network_alike():
    shifted = course(300, {**GHOSH, "I": 0.4})
    assert np.allclose(course(300, GHOSH, inputs={"current": np.full((3000, 1), 0.4)}), shifted, rtol=1e-12, atol=1e-12)
    given = {"parameters": GHOSH, "outputs": ["V", "W"], "integrator": "rk4"}
    both = run("generic_2d_oscillator", 300, connectome=CHAIN, G=0.5, initial={"V": {"b": 1.0}}, **given)["V"]
    assert np.ptp(both[:, 1]) > 0.5
    sent = received(both[:, 1], 1.0, 20)
    alone = run("generic_2d_oscillator", 300, {"current": 0.3 * 0.5 * sent[:, None]}, **given)["V"]
    assert np.allclose(alone[:, 0], both[:, 0], rtol=1e-10, atol=1e-12)


def test_noise_moves_its_state_alone_by_its_size_times_the_root_of_the_step():
    many = {"connectome": {"weights": np.zeros((500, 500)).tolist(), "delays": 0.0}, "integrator": "euler", "outputs": ["V", "W"]}
    still, noisy = (run("generic_2d_oscillator", 0.1, **many, parameters={"sigma_V": size}) for size in (0.0, 2.0))
    # 500 numbers: their standard deviation has a relative error of 1 / sqrt(1000), of which this is four
    assert np.std((noisy["V"] - still["V"])[0]) == pytest.approx(2.0 * np.sqrt(1e-4), rel=0.13)
    assert np.array_equal(noisy["W"], still["W"])
