"""Kuramoto: locking of two oscillators in closed form, with and without delay, and the onset of order in a large ensemble."""

from __future__ import annotations

import numpy as np
import pytest
from model_runs import CHAIN, received, run
from scipy.optimize import brentq

PAIR = {"weights": [[0.0, 1.0], [1.0, 0.0]], "delays": 0.0}


def phases(duration_ms, **params):
    return run("kuramoto", duration_ms, **params)["phase"]


def ensemble(N, spread):
    """(N,) frequencies in Hz about 0, omega a Lorentzian's of half width 2 pi ``spread``: its quantiles."""
    return spread * np.tan(np.pi / 2 * (2 * np.arange(1, N + 1) - N - 1) / (N + 1))


def order(K, N, spread_hz, duration_s, dt_ms, seed=0):
    """(steps,) |mean of e^(i theta)| of an ensemble coupled all to all, from random phases."""
    start = np.random.default_rng(seed).uniform(0, 2 * np.pi, N)
    theta = phases(
        1000 * duration_s, dt=round(dt_ms * 1e6), integrator="euler", outputs=["phase"], G=1 / N,
        connectome={"weights": (np.ones((N, N)) - np.eye(N)).tolist(), "delays": 0.0},
        parameters={"f": ensemble(N, spread_hz).tolist(), "K": K}, initial={"theta": start.tolist()},
    )  # fmt: skip
    return np.abs(np.exp(1j * theta).mean(axis=1))


def test_an_oscillator_alone_turns_at_its_frequency():
    theta = phases(1000, parameters={"f": 7.0})
    assert theta[-1, 0] == pytest.approx(2 * np.pi * 7, rel=1e-12)
    out = run("kuramoto", 1000, parameters={"f": 7.0}, initial={"theta": 0.5})
    assert np.allclose(out["activity"], np.sin(out["phase"]), atol=1e-15)
    assert out["phase"][-1, 0] == pytest.approx(2 * np.pi * 7 + 0.5, rel=1e-12)


def test_a_drive_adds_to_the_angular_frequency():
    given = {"drive": np.full((10_000, 1), 3.0)}
    assert run("kuramoto", 1000, given, parameters={"f": 7.0})["phase"][-1, 0] == pytest.approx(2 * np.pi * 7 + 3.0, rel=1e-12)


def test_two_oscillators_lock_where_the_sine_of_their_difference_is_their_detuning():
    """sin(theta_2 - theta_1) = (omega_2 - omega_1) / (2 K); both turn at the mean frequency."""
    f, K = np.array([10.0, 10.5]), 2.0
    theta = phases(20_000, connectome=PAIR, parameters={"f": f.tolist(), "K": K})
    detuning = 2 * np.pi * (f[1] - f[0])
    assert theta[-1, 1] - theta[-1, 0] == pytest.approx(np.arcsin(detuning / (2 * K)), rel=1e-9)
    # what is left of the start decays with sqrt((2 K)^2 - detuning^2) = 2.5 / s; 20 s leave e^-50
    turned = theta[-1] - theta[10_000 * 10]
    assert turned == pytest.approx(np.full(2, 2 * np.pi * f.mean() * ((len(theta) - 1 - 100_000) * 1e-4)), rel=1e-9)


def test_beyond_locking_they_beat_at_the_root_of_what_is_left():
    """The difference phi' = detuning - 2 K sin(phi) turns once in 2 pi / sqrt(detuning^2 - 4 K^2)."""
    f, K = np.array([10.0, 11.0]), 2.5
    beat = np.sqrt((2 * np.pi) ** 2 - 4 * K**2)
    errors = []
    for dt_ms in (0.4, 0.2):
        theta = phases(20_000, connectome=PAIR, dt=round(dt_ms * 1e6), parameters={"f": f.tolist(), "K": K})
        difference = np.concatenate([[0.0], theta[:, 1] - theta[:, 0]])
        wholes = [np.interp(2 * np.pi * n, difference, dt_ms / 1000 * np.arange(len(difference))) for n in (1, 11)]
        errors.append(abs(2 * np.pi * 10 / (wholes[1] - wholes[0]) - beat))
    assert errors[0] < 1e-2 * beat
    assert errors[0] / errors[1] > 1.8  # held over a step, the coupling is of first order, whatever the integrator


@pytest.mark.parametrize("delay_ms", [5.0, 20.0, 40.0])
def test_delayed_oscillators_in_step_slow_down_to_a_frequency_in_closed_form(delay_ms):
    """Omega = omega - K sin(Omega tau); stable where cos(Omega tau) > 0 (Yeung and Strogatz 1999). Exact at any step."""
    f, K = 5.0, 4.0
    omega, tau = 2 * np.pi * f, delay_ms / 1000
    expected = brentq(lambda w: w - omega + K * np.sin(w * tau), omega - K, omega + K)
    assert np.cos(expected * tau) > 0.2
    connectome = {"weights": PAIR["weights"], "delays": delay_ms}
    theta = phases(15_000, connectome=connectome, parameters={"f": f, "K": K}, initial={"theta": [0.0, 0.4]})
    assert theta[-1, 1] - theta[-1, 0] == pytest.approx(0, abs=1e-6)
    assert (theta[-1] - theta[-10_001]) == pytest.approx(np.full(2, expected), rel=1e-6)  # over 1 s


def finite_size(K, N):
    """(r of an infinite ensemble, r of ours, bound on its fluctuations); half width 1, so K_c = 2.

    Locked oscillators, |omega| < K r, give r = <cos theta> = (1/N) sum sqrt(1 - (omega / K r)^2), which for N to inf is
    sqrt(1 - 2 / K). A drifting one has a mean of e^(i theta) that is imaginary, and odd in omega: they add nothing but their
    fluctuations, of variance at most 1 / N each over all of them. The ensemble's response to x = K r, F(x) = (sqrt(1 + x^2) - 1)
    / x, makes them 1 / (1 - K F'(x)) times as large.
    """
    omega, infinite = ensemble(N, 1.0), np.sqrt(max(0.0, 1 - 2 / K))
    if not infinite:
        return 0.0, 0.0, np.sqrt(1 / N) / (1 - K / 2)

    def locked(r):
        return np.sqrt(np.maximum(0, 1 - (omega / (K * r)) ** 2)).mean()

    finite = brentq(lambda r: locked(r) - r, 0.5 * infinite, 1.0)
    x, drifting = K * infinite, (np.abs(omega) > K * infinite).mean()
    response = 1 / np.sqrt(1 + x**2) - (np.sqrt(1 + x**2) - 1) / x**2
    return infinite, finite, np.sqrt(drifting / N) / (1 - K * response)


@pytest.mark.parametrize("K", [3.0, 4.0, 6.0])
def test_above_the_critical_coupling_the_order_is_the_closed_form_s(K):
    """r = sqrt(1 - K_c / K), K_c = 2 gamma for frequencies of a Lorentzian of half width gamma."""
    N, gamma = 300, 1.0
    infinite, finite, spread = finite_size(K, N)
    r = order(K * gamma, N, gamma / (2 * np.pi), 40, 20.0)[1000:]  # gamma dt = 0.02
    assert abs(finite - infinite) < 0.01  # how well 300 quantiles stand for the Lorentzian
    # in 20 / gamma some five independent values of the fluctuations are averaged; the step adds gamma dt / 2 of r at most
    assert r.mean() == pytest.approx(finite, abs=4 * spread / np.sqrt(5) + 0.01)
    assert np.abs(r - finite).max() < 6 * spread


def test_below_the_critical_coupling_there_is_no_order_but_that_of_a_finite_number():
    N, K = 300, 1.0
    _, _, spread = finite_size(K, N)
    r = order(K, N, 1 / (2 * np.pi), 40, 20.0)[1000:]
    assert np.sqrt((r**2).mean()) < 2 * spread
    assert np.sqrt((r**2).mean()) > 0.2 / np.sqrt(N)
    assert order(4.0, N, 1 / (2 * np.pi), 30, 20.0)[-1] > 4 * spread  # which order above it exceeds by far


def test_the_pull_is_the_strength_times_the_sine_of_the_difference():
    start = {"theta": [0.3, 2.0]}
    given = {"f": [4.0, 6.0], "K": 5.0}
    pair = phases(200, connectome=CHAIN, G=2.0, initial=start, parameters=given)
    mine = np.concatenate([[0.3], pair[:-1, 0]])
    drive = 5.0 * 2.0 * 0.3 * np.sin(received(pair[:, 1], 2.0, 20) - mine)
    alone = run("kuramoto", 200, {"drive": drive[:, None]}, initial={"theta": 0.3}, parameters={"f": 4.0})["phase"]
    assert np.allclose(alone[:, 0], pair[:, 0], rtol=1e-12)


def test_noise_makes_the_phase_diffuse():
    n, sigma = 4000, 0.8
    theta = phases(1000, dt="10 ms", replicas=n, parameters={"f": 1.0, "sigma_theta": sigma}, outputs=["phase"])
    assert theta[-1].var() == pytest.approx(sigma**2, rel=4 * np.sqrt(2 / n))  # after 1 s
    assert theta[-1].mean() == pytest.approx(2 * np.pi, abs=4 * sigma / np.sqrt(n))
