"""The two-dimensional Epileptor: rest and its eigenvalues, the knee, the cycle in the limit of slow z, an independent solver."""

from __future__ import annotations

import math

import numpy as np
import pytest
from model_runs import run, solve
from scipy.integrate import quad
from scipy.optimize import brentq

KNEE = -4 / 3
"""The lower turning point of the cubic: 3 x^2 + 4 x = 0."""


def cubic(x):
    """z where x does not change."""
    return 4.1 - x**3 - 2 * x**2


def slopes(u, x0=-1.6, tau0=2857.0, as_tvb=0.0, sigmoidal=0.0):
    """Proix et al. 2014, and as tvb-library has them, per unit of time."""
    x, z = u.tolist()
    f = (5 * x - 0.6 * (z - 4) ** 2) * x if as_tvb and x >= 0 else x**3 + 2 * x**2
    h = x0 + 3 / (1 + math.exp(-(x + 0.5) / 0.1)) if sigmoidal else 4 * (x - x0) - (0.1 * z**7 if as_tvb and z < 0 else 0)
    return [1 - f - z + 3.1, (h - z) / tau0]


def at_rest(x0):
    [x] = [root.real for root in np.roots([-1, -2, -4, 4.1 + 4 * x0]) if abs(root.imag) < 1e-9]
    return np.array([x, 4 * (x - x0)])


def jacobian(point, tau0=2857.0):
    return np.array([[-3 * point[0] ** 2 - 4 * point[0], -1], [4 / tau0, -1 / tau0]])


def course(duration_ms, start=(-1.5, 3.0), dt_ms=0.1, **params):
    """(x1 and z, steps) of one region."""
    given = {"initial": {"x1": float(start[0]), "z": float(start[1])}, "integrator": "rk4", "dt": round(dt_ms * 1e6)}
    out = run("epileptor_2d", duration_ms, outputs=["x1", "z"], **given, **params)
    return np.array([out["x1"][:, 0], out["z"][:, 0]])


def jumps(x, dt):
    """Times at which x crosses -0.6 up, and down."""
    up, down = ((a[:-1] < 0) & (a[1:] >= 0) for a in (x + 0.6, -0.6 - x))
    return dt * np.flatnonzero(up), dt * np.flatnonzero(down)


def test_rest_is_lost_at_the_knee_of_the_cubic():
    """At x0 = -2.0620 in the limit of slow z; with tau0 at hand where the trace is 0."""
    assert np.roots(np.polyder([-1, -2, 0, 4.1])).min() == pytest.approx(KNEE)
    assert (cubic(KNEE), KNEE - cubic(KNEE) / 4) == pytest.approx((2.914815, -2.0620), abs=5e-5)
    x = brentq(lambda x: np.trace(jacobian([x])), -1.5, -1.3)
    critical = x - cubic(x) / 4
    assert critical == pytest.approx(KNEE - cubic(KNEE) / 4, abs=1e-3)
    for x0, seizes in ((critical - 0.003, False), (critical + 0.003, True)):
        found = course(40_000, at_rest(x0) + 1e-3, parameters={"x0": x0})
        assert (found[0] > 0).any() == seizes
        if not seizes:
            assert np.abs(found[:, -1] - at_rest(x0)).max() < 1e-4


@pytest.mark.parametrize("x0", [-2.3, -2.08, -2.05])
def test_near_rest_it_moves_by_the_eigenvalues_of_the_jacobian(x0):
    rest = at_rest(x0)
    values, vectors = np.linalg.eig(jacobian(rest))
    value, vector = values[0], vectors[:, 0]
    times = np.arange(1, 1001) / 10
    expected = rest[:, None] + 1e-7 * (vector[:, None] * np.exp(value * times)).real
    # the square of 1e-7, made larger by 1 / |lambda| = 25, and grown; and rounding
    tolerance = 1e-12 * max(1.0, np.exp(2 * value.real * 100)) + 2e-14
    assert np.abs(course(100, rest + 1e-7 * vector.real, parameters={"x0": x0}) - expected).max() < tolerance


def test_where_z_is_slow_the_cycle_follows_the_cubic():
    """Time on each branch: tau0 times the integral of dz / (4 (x1 - x0) - z) along it."""
    x0, tau0 = -1.8, 2.857e5
    element = lambda x: (-3 * x**2 - 4 * x) / (4 * (x - x0) - cubic(x))  # noqa: E731
    landing = [root for root in np.roots([1, 2, 0, cubic(KNEE) - 4.1]).real if root > 0]  # 2/3
    ictal, interictal = (tau0 * quad(element, a, b)[0] for a, b in ((landing[0], 0.0), (-2.0, KNEE)))
    x = course(500_000, dt_ms=0.5, parameters={"x0": x0, "tau0": tau0})[0]
    up, down = jumps(x, 0.5)
    # a knee is passed late, by some tau0^(1/3): tau0^(-2/3) = 2e-4 of the whole, some ten times
    assert down[0] - up[0] == pytest.approx(ictal, rel=0.01)
    assert up[1] - down[0] == pytest.approx(interictal, rel=0.01)


@pytest.mark.parametrize("values", [{"x0": -1.8}, {"x0": -1.8, "as_tvb": 1.0}, {"x0": 2.0, "sigmoidal": 1.0}])
def test_agrees_with_a_solver(values):
    expected = solve(lambda u: slopes(u, **values), [-1.5, 3.0], 4000.0, 40_000)
    found = course(4000, parameters=values)
    # what the scheme errs in time is the more where a jump ends a slow passage of a knee; steps over a kink are of second order
    assert np.abs(found[1] - expected[1]).max() < 1e-6
    for ours, theirs in zip(jumps(found[0], 0.1), jumps(expected[0], 0.1), strict=True):
        assert len(theirs) > 0  # beginnings and ends of seizures
        assert np.allclose(ours, theirs, atol=0.11)


def test_the_unit_of_time_is_a_parameter():
    assert np.allclose(course(500, parameters={"T": 0.5}, dt_ms=0.05), course(1000), rtol=1e-10)


def test_a_current_adds_to_that_at_rest():
    shifted = course(100, parameters={"I_1": 3.5})
    assert np.allclose(course(100, inputs={"current": np.full((1000, 1), 0.4)}), shifted, rtol=1e-12)


LABELS = ["lAMYG", "lHC", "rV1"]
LIMBIC = {"weights": [[0, 0.6, 0], [1.0, 0, 0], [0, 0, 0]], "delays": 5.0, "labels": LABELS}
FOCUS = {"x0": {"default": -2.2, "lAMYG": -1.6}}


@pytest.mark.parametrize(("G", "recruited"), [(0.0, [True, False, False]), (0.4, [True, True, False])])
def test_a_region_of_its_own_excitability_seizes_and_recruits_what_it_projects_to(G, recruited):
    x = run("epileptor_2d", 1500, connectome=LIMBIC, G=G, parameters=FOCUS, outputs=["x1"])["x1"]
    assert (x.max(axis=0) > 0).tolist() == recruited
    if all(recruited[:2]):
        assert np.argmax(x[:, 0] > 0) < np.argmax(x[:, 1] > 0)


@pytest.mark.parametrize(("name", "state", "expected"), [("K", "z", -0.7 * 0.6 * 1.9 / 2857), ("K_vf", "x1", 0.7 * 0.6 * 1.9)])
def test_the_couplings_act_on_their_states(name, state, expected):
    chain = {"weights": [[0.0, 0.3], [0.0, 0.0]], "delays": 2.0, "labels": ["a", "b"]}
    given = {"connectome": chain, "initial": {"x1": {"a": -1.4, "b": 0.5}}, "integrator": "euler", "outputs": ["x1", "z"]}
    with_b, without = (run("epileptor_2d", 0.1, G=G, parameters={"K": 0.0, name: 0.7}, **given) for G in (2.0, 0.0))
    changes = {key: (with_b[key] - without[key])[0, 0] / 0.1 for key in ("x1", "z")}
    assert changes.pop(state) == pytest.approx(expected, rel=1e-9)
    assert set(changes.values()) == {0.0}


def test_noise_of_x1_moves_x1_alone_by_its_size_times_the_root_of_the_step():
    many = {"connectome": {"weights": np.zeros((500, 500)).tolist(), "delays": 0.0}, "integrator": "euler", "outputs": ["x1", "z"]}
    still, noisy = (run("epileptor_2d", 0.1, **many, parameters={"sigma_x1": size}) for size in (0.0, 2.0))
    # 500 numbers: their standard deviation has a relative error of 1 / sqrt(1000), of which this is four
    assert np.std((noisy["x1"] - still["x1"])[0]) == pytest.approx(2.0 * np.sqrt(1e-4), rel=0.13)
    assert np.array_equal(noisy["z"], still["z"])
