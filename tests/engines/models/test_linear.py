"""The linear stochastic network: covariance, lagged covariance and spectra against closed forms, exact for each integrator.

dx = A x dt + sigma dW with A = (G W - gamma) / T. The network term is held over a step, so an undelayed network moves by
x' = B x + c sigma sqrt(dt) z, z standard normal, and with h = gamma dt / T, M = dt G W / T

    euler              B = 1 - h + M                             c = 1
    heun               B = 1 - h + h^2/2 + (1 - h/2) M           c = 1 - h/2
    exponential_euler  B = e^-h + (1 - e^-h) / h M               c^2 = (1 - e^-2h) / (2 h)

Its stationary covariance solves C = B C B' + c^2 sigma^2 dt. That is A C + C A' + sigma^2 = 0 but for O(dt).
"""

from __future__ import annotations

import numpy as np
import pytest
from model_runs import ALONE, CHAIN, received, run, solve
from scipy.linalg import solve_continuous_lyapunov, solve_discrete_lyapunov

INTEGRATORS = ("euler", "heun", "exponential_euler")
T, GAMMA, G, SIGMA = 0.01, 1.2, 0.8, 3.0  # s, -, -, 1/s^0.5
N = 6
COARSE = 2e-3  # s
WEIGHTS = np.random.default_rng(2).uniform(0, 0.4, (N, N)) * (1 - np.eye(N))
BRAIN = {"connectome": {"weights": WEIGHTS.tolist(), "delays": 0.0}, "G": G}
PARAMETERS = {"T": 1000 * T, "gamma": GAMMA}


def step(integrator, dt, G=G):
    """B, and c^2 sigma^2 dt."""
    h, M = GAMMA * dt / T, dt * G * WEIGHTS / T
    own, of_network, noise = {
        "euler": (1 - h, 1.0, 1.0),
        "heun": (1 - h + h**2 / 2, 1 - h / 2, (1 - h / 2) ** 2),
        "exponential_euler": (np.exp(-h), (1 - np.exp(-h)) / h, (1 - np.exp(-2 * h)) / (2 * h)),
    }[integrator]
    return own * np.eye(N) + of_network * M, noise * SIGMA**2 * dt * np.eye(N)


def covariance(integrator, dt, G=G):
    return solve_discrete_lyapunov(*step(integrator, dt, G))


def continuous(G=G):
    return solve_continuous_lyapunov((G * WEIGHTS - GAMMA * np.eye(N)) / T, -(SIGMA**2) * np.eye(N))


def lagged(B, C, most):
    """(most + 1, N, N): C(k) = <x(t + k) x(t)'> = B^k C."""
    found = [C]
    for _ in range(most):
        found.append(B @ found[-1])
    return np.array(found)


def sampling_error(B, C, lag, samples):
    """(N, N) standard error of <x_i(t + lag) x_j(t)> over a stationary Gaussian course of mean 0 (Bartlett's formula).

    var = sum_m [C_ii(m) C_jj(m) + C_ij(m + lag) C_ji(m - lag)] / samples, m from -inf to inf
    """
    most = int(np.ceil(np.log(1e-8) / np.log(np.abs(np.linalg.eigvals(B)).max()))) + lag
    positive = lagged(B, C, most + lag)
    at = {m: positive[m] if m >= 0 else positive[-m].T for m in range(-most - lag, most + lag + 1)}
    total = sum(np.outer(np.diag(at[m]), np.diag(at[m])) + at[m + lag] * at[m - lag].T for m in range(-most, most + 1))
    return np.sqrt(total / samples)


def course(integrator, dt_ms, steps, seed=1):
    """(steps, N) at rest."""
    settle = round(500 / dt_ms)  # ms; the slowest mode decays in some 50
    out = run("linear", (steps + settle) * dt_ms, seed=seed, integrator=integrator, dt=round(dt_ms * 1e6), **BRAIN,
              parameters=PARAMETERS | {"sigma_x": SIGMA})  # fmt: skip
    return out["activity"][settle:]


@pytest.fixture(scope="module", params=INTEGRATORS)
def noisy(request):
    return request.param, course(request.param, 1000 * COARSE, 600_000)  # 1200 s


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_a_step_is_the_matrix_of_the_scheme(integrator):
    B, _ = step(integrator, 1e-3)
    for region in range(N):
        start = {"x": np.eye(N)[region].tolist()}
        out = run("linear", 1, dt="1 ms", integrator=integrator, **BRAIN, parameters=PARAMETERS, initial=start)
        assert np.allclose(out["activity"][0], B[:, region], rtol=1e-14, atol=1e-16)


def test_stationary_covariance_is_the_discrete_lyapunov_solution(noisy):
    integrator, x = noisy
    B, C = step(integrator, COARSE)[0], covariance(integrator, COARSE)
    error = sampling_error(B, C, 0, len(x))
    assert np.abs((x.T @ x / len(x) - C) / error).max() < 4.5  # 21 numbers: by chance once in 7000 seeds
    assert (error / C).max() < 0.05
    over_lags = np.linalg.solve(np.eye(N) - B, C)  # sum of C(k) from k = 0 on
    assert (np.abs(x.mean(axis=0)) < 4.5 * np.sqrt(np.diag(over_lags + over_lags.T - C) / len(x))).all()


def test_the_bias_of_the_step_shows_beside_the_lyapunov_solution(noisy):
    """At dt = T / 5 it is of some per cent: the sampling error is small enough to see it."""
    integrator, x = noisy
    error = sampling_error(step(integrator, COARSE)[0], covariance(integrator, COARSE), 0, len(x))
    assert np.abs((x.T @ x / len(x) - continuous()) / error).max() > 6


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_the_bias_is_of_order_dt(integrator):
    """Half the step, half the bias; without a network Heun's is of order dt^2 and exponential Euler has none."""
    bias = [np.linalg.norm(covariance(integrator, dt) - continuous()) for dt in (2e-4, 1e-4, 5e-5)]
    assert bias[0] / bias[1] == pytest.approx(2, abs=0.05)
    assert bias[1] / bias[2] == pytest.approx(2, abs=0.03)
    alone = [np.linalg.norm(covariance(integrator, dt, G=0) - continuous(G=0)) for dt in (2e-4, 1e-4)]
    if integrator == "exponential_euler":
        assert max(alone) < 1e-13
    else:
        assert alone[0] / alone[1] == pytest.approx({"euler": 2, "heun": 4}[integrator], abs=0.1)


def test_stationary_covariance_is_the_lyapunov_solution_at_a_small_step():
    C, small = covariance("heun", 5e-5), 5e-5
    x = course("heun", 0.05, 1_000_000)  # 50 s
    error = sampling_error(step("heun", small)[0], C, 0, len(x))
    bias = np.abs(C - continuous())
    assert (bias < 0.1 * error).all()  # too small a bias to show
    assert np.abs((x.T @ x / len(x) - continuous()) / error).max() < 4.5


@pytest.mark.parametrize("lag", [1, 5, 20])
def test_lagged_covariance(noisy, lag):
    integrator, x = noisy
    B, C = step(integrator, COARSE)[0], covariance(integrator, COARSE)
    found = x[lag:].T @ x[:-lag] / (len(x) - lag)
    expected = lagged(B, C, lag)[lag]
    error = sampling_error(B, C, lag, len(x))
    assert np.abs((found - expected) / error).max() < 4.5
    if lag == 20:
        assert (
            np.abs((found.T - expected) / error).max() > 6
        )  # the weights go one way more than the other: transposed, it would show


def test_spectrum(noisy):
    """Periodograms of pieces, averaged, against sum_k (1 - |k| / L) C(k) e^(-i w k), their exact mean.

    That in turn is the spectrum (e^iw - B)^-1 Q (e^-iw - B')^-1 but for what pieces of finite length leak.
    """
    integrator, x = noisy
    B, Q = step(integrator, COARSE)
    C, length = covariance(integrator, COARSE), 1000
    pieces = x[: len(x) // length * length].reshape(-1, length, N)
    found = (np.abs(np.fft.rfft(pieces, axis=1)) ** 2).mean(axis=0) / length
    weight = (1 - np.arange(length) / length)[:, None] * np.diagonal(lagged(B, C, length - 1), axis1=1, axis2=2)
    mean = 2 * np.fft.rfft(weight, axis=0).real - weight[0]
    frequencies = [1, 3, 10, 30, 100, 300]
    # each of the pieces is exponentially distributed about its mean: error of 1 / sqrt(pieces)
    assert np.abs(found[frequencies] / mean[frequencies] - 1).max() < 4.5 / np.sqrt(len(pieces))
    for k in frequencies:
        inverse = np.linalg.inv(np.exp(2j * np.pi * k / length) * np.eye(N) - B)
        assert np.allclose(np.diag(inverse @ Q @ inverse.conj().T).real, mean[k], rtol=0.06)  # tau / L of the slowest mode


def test_agrees_with_a_solver():
    A = (G * WEIGHTS - GAMMA * np.eye(N)) / T
    start = np.linspace(-1, 1, N)
    expected = solve(lambda x: A @ x + 0.3 / T, start, 0.05, 500).T
    errors = []
    for dt_ms in (0.1, 0.05):
        steps = round(50 / dt_ms)
        given = {"drive": np.full((steps, N), 0.3)}
        out = run("linear", 50, given, dt=round(dt_ms * 1e6), integrator="rk4", **BRAIN, parameters=PARAMETERS,
                  initial={"x": start.tolist()})  # fmt: skip
        errors.append(np.abs(out["activity"][steps // 500 - 1 :: steps // 500] - expected).max())
    assert errors[0] < 0.01
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.1)  # the network term is held over a step: order 1


@pytest.mark.parametrize("integrator", ["heun", "rk4", "exponential_euler"])
def test_a_region_alone_decays_with_its_time_constant(integrator):
    out = run("linear", 20, integrator=integrator, parameters=PARAMETERS, initial={"x": 1.0}, connectome=ALONE)
    accuracy = {"heun": 1e-5, "rk4": 1e-10, "exponential_euler": 1e-13}[integrator]  # h = 0.012: h^2 / 6, h^4 / 120 a T / gamma
    assert out["activity"][-1, 0] == pytest.approx(np.exp(-0.02 * GAMMA / T), rel=10 * accuracy)


def test_the_network_and_the_drive_add():
    start = {"x": [0.2, -1.0]}
    pair = run("linear", 20, connectome=CHAIN, G=2.0, initial=start)["activity"]
    drive = 2.0 * 0.3 * received(pair[:, 1], -1.0, 20)
    alone = run("linear", 20, {"drive": drive[:, None]}, initial={"x": 0.2})["activity"]
    assert np.allclose(alone[:, 0], pair[:, 0], rtol=1e-12, atol=1e-15)
