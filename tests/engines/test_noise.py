"""Noise of the neural mass engine: moments against closed forms, weak and strong order, and what its numbers depend on.

Ornstein-Uhlenbeck, dx = (mu - x) / tau dt + sigma dW, and geometric Brownian motion, dx = a x dt + b x dW, as files of a user's
own. The latter has another mean in Itô's sense, e^(a t), which Euler gives, and in Stratonovich's, e^((a + b^2 / 2) t), Heun's.
"""

from __future__ import annotations

import numpy as np
import pytest

from cosim.sdk import CosimError, Setup, Window
from engines.neural_mass import NeuralMass

MS = 1_000_000
ALONE = {"weights": [[0.0]], "delays": 0.0}
SIX = {"generate": {"regions": 6, "seed": 3, "density": 0.6}}
MODELS = {
    "wiener": """
        title: Wiener process
        states: {x: {initial: 0}}
        derivatives: {x: 0}
        noise: {x: sigma}
        parameters: {sigma: {unit: 1/s**0.5, default: 1}}
    """,
    "ornstein_uhlenbeck": """
        title: Ornstein-Uhlenbeck process
        states: {x: {unit: mV, initial: -2}}
        parameters:
          tau: {unit: ms, default: 20}
          mu: {unit: mV, default: 3}
          sigma: {unit: mV/s**0.5, default: 10}
        derivatives: {x: (mu - x) / tau}
        noise: {x: sigma}
    """,
    "geometric": """
        title: geometric Brownian motion
        states: {x: {initial: 1}}
        parameters: {a: {unit: 1/s, default: 0.5}, b: {unit: 1/s**0.5, default: 0.4}}
        derivatives: {x: a * x}
        noise: {x: b * x}
    """,
}
TAU, MU, SIGMA, START = 0.02, 3.0, 10.0, -2.0
A, B = 0.5, 0.4


@pytest.fixture
def model(tmp_path):
    def write(name):
        path = tmp_path / f"{name}.yaml"
        path.write_text(MODELS[name].replace("\n        ", "\n"), encoding="utf-8")
        return path

    return write


def build(window_ns, seed=1, **params):
    return NeuralMass(NeuralMass.Params(**{"connectome": ALONE, **params}), Setup("brain", window_ns, seed, {}, {}))


def run(model, duration_ms, dt_ms=1.0, seed=1, **params):
    """(steps, channels) of x."""
    window = Window(0, round(duration_ms * MS))
    engine = build(window.length_ns, seed, model=model, dt=round(dt_ms * MS), **{"outputs": ["x"], **params})
    return engine.advance(window, {})["x"].values


# -- additive noise ------------------------------------------------------------------------------------------------------------


def ou_step(integrator, dt):
    """(factor of x - mu, variance added) of a step of length ``dt``, in s; for rk4 its polynomial."""
    h = dt / TAU
    factor = {
        "euler": 1 - h,
        "heun": 1 - h + h**2 / 2,
        "rk4": 1 - h + h**2 / 2 - h**3 / 6 + h**4 / 24,
        "exponential_euler": np.exp(-h),
    }
    added = {
        "euler": 1.0,
        "heun": (1 - h / 2) ** 2,
        "rk4": (1 - h / 2 + h**2 / 6 - h**3 / 24) ** 2,  # dW / dt is held over the step, as an input
        "exponential_euler": (1 - np.exp(-2 * h)) / (2 * h),
    }
    return factor[integrator], added[integrator] * SIGMA**2 * dt


def ou_moments(integrator, dt, steps):
    """Mean and variance after some steps."""
    factor, added = ou_step(integrator, dt)
    return MU + (START - MU) * factor**steps, added * (1 - factor ** (2 * steps)) / (1 - factor**2)


def ou_exact(t):
    return MU + (START - MU) * np.exp(-t / TAU), SIGMA**2 * TAU / 2 * (1 - np.exp(-2 * t / TAU))


@pytest.mark.parametrize("integrator", ["euler", "heun", "rk4", "exponential_euler"])
def test_mean_and_variance_of_an_ornstein_uhlenbeck_process_are_those_of_the_scheme(model, integrator):
    n, dt_ms = 8000, 5.0  # dt = tau / 4: what each scheme makes of it differs
    x = run(model("ornstein_uhlenbeck"), 60, dt_ms, integrator=integrator, replicas=n)
    for steps in (1, 3, 12):
        mean, variance = ou_moments(integrator, dt_ms / 1000, steps)
        assert x[steps - 1].mean() == pytest.approx(mean, abs=4.5 * np.sqrt(variance / n))
        assert x[steps - 1].var() == pytest.approx(variance, rel=4.5 * np.sqrt(2 / n))
    mean, variance = ou_exact(0.06)
    if integrator == "exponential_euler":  # exact at any step
        assert ou_moments(integrator, 5e-3, 12) == pytest.approx((mean, variance), rel=1e-12)
    elif integrator == "euler":  # a step as long as that shows; variances of Heun and rk4 are right to some h^2
        assert abs(x[-1].var() / variance - 1) > 4.5 * np.sqrt(2 / n)


@pytest.mark.parametrize("integrator", ["euler", "heun", "rk4"])
def test_at_a_small_step_they_are_the_closed_form(model, integrator):
    n = 8000
    x = run(model("ornstein_uhlenbeck"), 30, 0.1, integrator=integrator, replicas=n, outputs=["x"])[-1]
    mean, variance = ou_exact(0.03)
    bias = np.abs(np.array(ou_moments(integrator, 1e-4, 300)) - (mean, variance))
    assert (bias < 0.5 * np.array([np.sqrt(variance / n), variance * np.sqrt(2 / n)])).all()  # dt / tau = 0.005: too small to see
    assert x.mean() == pytest.approx(mean, abs=4.5 * np.sqrt(variance / n))
    assert x.var() == pytest.approx(variance, rel=4.5 * np.sqrt(2 / n))


@pytest.mark.parametrize(("integrator", "order"), [("euler", 1), ("heun", 2), ("rk4", 2)])
def test_weak_order_with_additive_noise(integrator, order):
    """Of the exact moments of the scheme, which the engine was held against; Heun and rk4 are of order 2 with additive noise."""
    mean, variance = ou_exact(0.04)
    errors = np.array([ou_moments(integrator, 0.04 / steps, steps) for steps in (20, 40, 80)]) - (mean, variance)
    observed = np.log2(np.abs(errors[:-1] / errors[1:]))
    assert observed[:, 1] == pytest.approx(order, abs=0.15)
    assert observed[:, 0] == pytest.approx({"euler": 1, "heun": 2, "rk4": 4}[integrator], abs=0.15)


def test_the_increments_are_independent_and_normal(model):
    n, steps = 200, 1000
    w = np.diff(run(model("wiener"), steps, replicas=n, integrator="euler"), axis=0, prepend=0.0) / np.sqrt(1e-3)
    count = w.size
    assert abs(w.mean()) < 4.5 / np.sqrt(count)
    assert abs(w.var() - 1) < 4.5 * np.sqrt(2 / count)
    assert abs((w**4).mean() - 3) < 4.5 * np.sqrt(96 / count)
    for neighbours in ((w[1:], w[:-1]), (w[:, 1:], w[:, :-1])):  # in time; between replicas
        assert abs((neighbours[0] * neighbours[1]).mean()) < 4.5 / np.sqrt(count)


# -- multiplicative noise --------------------------------------------------------------------------------------------------------


def gbm_moments(integrator, dt, steps):
    """<x>, <x^2> after some steps; a step multiplies by 1 + u, and with Heun by 1 + u + u^2 / 2, where u = a dt + b dW."""
    m, v = A * dt, B**2 * dt  # of u
    u1, u2, u3, u4 = m, m**2 + v, m**3 + 3 * m * v, m**4 + 6 * m**2 * v + 3 * v**2
    first, second = (1 + u1, 1 + 2 * u1 + u2) if integrator == "euler" else (1 + u1 + u2 / 2, 1 + 2 * u1 + 2 * u2 + u3 + u4 / 4)
    return np.array([first**steps, second**steps])


def gbm_exact(integrator, t):
    """Itô's for Euler, Stratonovich's for Heun."""
    growth = A if integrator == "euler" else A + B**2 / 2
    return np.exp([growth * t, (2 * growth + B**2) * t])


@pytest.mark.parametrize("integrator", ["euler", "heun"])
def test_multiplicative_noise_is_ito_s_with_euler_and_stratonovich_s_with_heun(model, integrator):
    n, steps = 8000, 100
    x = run(model("geometric"), 1000, 10.0, integrator=integrator, replicas=n)[-1]
    for k, expected in enumerate(gbm_moments(integrator, 0.01, steps), 1):
        error = (x**k).std() / np.sqrt(n)
        assert (x**k).mean() == pytest.approx(expected, abs=4.5 * error)
        other = gbm_exact("heun" if integrator == "euler" else "euler", 1.0)[k - 1]
        assert abs((x**k).mean() - other) > 8 * error


@pytest.mark.parametrize("integrator", ["euler", "heun"])
def test_weak_order_with_multiplicative_noise(integrator):
    """The exact moments of the scheme, which the engine was held against, approach the closed form with dt."""
    errors = np.array([gbm_moments(integrator, 1 / steps, steps) for steps in (50, 100, 200)]) - gbm_exact(integrator, 1.0)
    assert np.log2(np.abs(errors[:-1] / errors[1:])) == pytest.approx(np.ones((2, 2)), abs=0.1)


@pytest.mark.parametrize(("integrator", "strong"), [("euler", 0.5), ("heun", 1.0)])
def test_order_along_the_very_paths_of_the_noise(model, integrator, strong):
    """The Wiener process of the same seed gives each path's exact end, x = e^((a - b^2/2) t + b W) for Itô, e^(a t + b W) else.

    The mean difference (weak, common random numbers) shrinks with dt, its root mean square (strong) with dt^1/2 and dt.
    """
    n, differences, sizes = 4000, [], []
    for dt_ms in (50.0, 25.0, 12.5):
        given = {"dt_ms": dt_ms, "integrator": integrator, "replicas": n}
        x = run(model("geometric"), 1000, **given)
        w = run(model("wiener"), 1000, **given)
        exact = np.exp(A - (B**2 / 2 if integrator == "euler" else 0.0) + B * w[-1])
        differences.append([(x[-1] - exact).mean(), (x[-1] - exact).std() / np.sqrt(n)])
        sizes.append(np.sqrt(((x[-1] - exact) ** 2).mean()))
        u = A * dt_ms / 1000 + B * np.diff(w, axis=0, prepend=0.0)
        path = np.cumprod(1 + u + (u**2 / 2 if integrator == "heun" else 0.0), axis=0)
        assert np.allclose(x, path, rtol=1e-12)  # both have the same numbers
    assert np.log2(np.array(sizes[:-1]) / sizes[1:]) == pytest.approx(
        np.full(2, strong), abs=0.15
    )  # the next order bends the first
    for (mean, error), dt in zip(differences, (0.05, 0.025, 0.0125), strict=True):
        steps = round(1 / dt)
        expected = (gbm_moments(integrator, dt, steps) - gbm_exact(integrator, 1.0))[0]
        assert mean == pytest.approx(expected, abs=4.5 * error)
        assert abs(expected) > 4.5 * error  # so that the order is seen, not just its error


@pytest.mark.parametrize("integrator", ["rk4", "exponential_euler"])
def test_schemes_for_additive_noise_refuse_the_other(model, integrator):
    with pytest.raises(CosimError, match="does not take the noise of 'x'"):
        run(model("geometric"), 10, integrator=integrator)


# -- what the numbers depend on --------------------------------------------------------------------------------------------------

BRAIN = {"model": "wong_wang", "connectome": SIX, "G": 0.5, "parameters": {"sigma_S": 0.3}, "outputs": ["S"], "dt": MS // 10}
DT = BRAIN["dt"]


def course(window_steps=200, steps=600, seed=1, engine=None, start=0, **params):
    """(steps, channels) of S, in windows of ``window_steps``."""
    engine = engine or build(window_steps * DT, seed, **{**BRAIN, **params})
    edges = range(start, start + steps, window_steps)
    return np.concatenate([engine.advance(Window(k * DT, (k + window_steps) * DT), {})["S"].values for k in edges])


def test_cutting_the_windows_does_not_change_a_bit():
    whole = course(600)
    assert all(np.array_equal(course(steps), whole) for steps in (1, 40, 300))


def test_two_seeds_differ_from_the_first_step():
    assert (course(seed=1)[0] != course(seed=2)[0]).all()
    assert np.array_equal(course(seed=2), course(seed=2))


def test_regions_have_noise_of_their_own_whichever_are_simulated():
    whole = course(G=0.0)
    labels = build(MS, **BRAIN)._network.connectome.space.labels
    for region in (0, 4):
        assert np.array_equal(course(G=0.0, only=[labels[region]])[:, 0], whole[:, region])
    others = [i for i in range(6) if i not in (1, 3)]
    assert np.array_equal(course(G=0.0, external=[labels[1], labels[3]]), whole[:, others])


def test_a_replica_has_the_noise_of_its_number_whichever_others_there_are():
    alone, four = course(), course(replicas=4)
    assert np.array_equal(four[:, :6], alone)
    assert np.array_equal(course(replicas=2), four[:, :12])
    assert np.array_equal(course(replicas=4, threads=2), four)
    firsts = four[0].reshape(4, 6)
    assert len(np.unique(firsts)) == 24  # each its own


def test_the_noise_of_a_replica_does_not_depend_on_the_parameters_of_others():
    sweep = course(replicas=3, sweep={"w": [0.5, 0.9, 1.0]})
    other = course(replicas=3, sweep={"w": [0.7, 0.9, 0.2]})
    assert np.array_equal(sweep[:, 6:12], other[:, 6:12])


def test_saving_and_loading_midway_gives_the_same_bits():
    whole = course(100, 600, replicas=2)
    first = build(100 * DT, **BRAIN, replicas=2)
    before = course(100, 300, engine=first)
    second = build(100 * DT, **BRAIN, replicas=2)
    second.load(first.save())
    assert np.array_equal(np.concatenate([before, course(100, 300, engine=second, start=300)]), whole)


def test_noise_of_one_state_leaves_the_numbers_of_another_alone():
    """The noise of S_I is the same with and without noise of S_E: at no weights S_I feels S_E in no other way."""
    given = {"model": "wong_wang_exc_inh", "outputs": ["S_I"], "dt": DT}
    free = {"J_N": 0.0, "sigma_S_I": 0.3}
    runs = [build(100 * DT, **given, parameters=free | {"sigma_S_E": size}) for size in (0.0, 0.2)]
    first, second = (engine.advance(Window(0, 100 * DT), {})["S_I"].values for engine in runs)
    assert np.array_equal(first, second)
