"""White noise on neurons, and many small kicks that come to the same: moments, first-passage times, independence."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf, erfcx, zeta

from cosim.sdk import CosimError
from tests.engines.point_neurons.running import MS, Run, changes, run

TAU, T_REF = 20.0, 2.0  # ms
THRESHOLD, RESET = 20.0, 10.0  # mV
MU, SIGMA = 18.0, 3.0  # mV; the potential's spread without threshold is SIGMA/sqrt(2)
NOISY = """
title: Leaky integrate-and-fire with white noise
states: {V: {unit: mV}}
parameters:
  tau: {unit: ms, default: 20, positive: true}
  mu: {unit: mV, default: 18}
  sigma: {unit: mV/ms**0.5, default: 0}
  V_th: {unit: mV, default: 20}
  t_ref: {unit: ms, default: 2}
derivatives: {V: (mu - V) / tau}
noise: {V: sigma}
scheme: exponential_euler
spike: {when: V >= V_th, reset: {V: 10}, refractory: t_ref, holds: [V]}
""".replace("{V: 10}", "{V: V_th / 2}")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "noisy.yaml").write_text(NOISY)
    return tmp_path / "noisy.yaml"


def noisy(
    model: Path, stop_ms: float, size: int, dt: int = MS // 10, recorded: Any = (0,), scheme: str | None = None, **values: Any
) -> Run:
    parameters = {"sigma": SIGMA / math.sqrt(TAU), **values}
    return run(
        stop_ms,
        populations={"n": {"model": str(model), "size": size, "parameters": parameters, "integrator": scheme}},
        record={"V": {"n": recorded if recorded == "all" else list(recorded)}},
        dt=dt,
    )


# -- moments -------------------------------------------------------------------------------------------------------------------


def spread(scheme: str, h: float) -> float:
    """Variance, in SIGMA²/2, at which a scheme stands for a step of h tau: that of x' = g x + a normal number of variance 2 h s."""
    gain, share = {
        "euler": (1 - h, 1.0),
        "heun": (1 - h + h * h / 2, (1 - h / 2) ** 2),
        "exponential_euler": (math.exp(-h), -math.expm1(-2 * h) / (2 * h)),
    }[scheme]
    return 2 * h * share / (1 - gain * gain)


@pytest.mark.parametrize("scheme", ["exponential_euler", "heun", "euler"])
def test_white_noise_without_threshold_has_the_moments_of_the_scheme(model: Path, scheme: str) -> None:
    """Steps of tau/10, so that schemes differ: 1, 1.0007 and 1.053 of the variance. 300 neurons over 100 tau, after 10 tau."""
    found = noisy(model, 2200, 300, 2 * MS, "all", scheme, V_th=1000.0)["V"][100:] - MU
    variance, n = SIGMA**2 / 2, found.size * 0.1  # a sample every tau or so is independent
    assert abs(found.mean()) < 5 * math.sqrt(2 * variance / n)  # the correlation time doubles it
    expected = variance * spread(scheme, 0.1)
    assert found.var() == pytest.approx(expected, rel=5 * math.sqrt(2 / n))
    assert abs(expected / variance - 1) > 5 * math.sqrt(2 / n) or scheme != "euler"
    z = found / math.sqrt(expected)
    gain = {"euler": 0.9, "heun": 0.905, "exponential_euler": math.exp(-0.1)}[scheme]
    for lag in (1, 5, 10):
        assert (z[lag:] * z[:-lag]).mean() == pytest.approx(gain**lag, abs=5 * math.sqrt(2 / n))
    assert (z**3).mean() == pytest.approx(0, abs=5 * math.sqrt(15 / n))
    assert (z**4).mean() == pytest.approx(3, abs=5 * math.sqrt(96 / n))


def test_neurons_have_noise_of_their_own(model: Path) -> None:
    found = noisy(model, 2200, 60, 2 * MS, "all", V_th=1000.0)["V"][100:]
    innovations = found[1:] - MU - math.exp(-0.1) * (found[:-1] - MU)
    z = innovations / innovations.std()
    pairs = (z.T @ z / len(z))[np.triu_indices(60, 1)]
    assert np.abs(pairs).max() < 5 / math.sqrt(len(z))
    assert np.mean(pairs**2) == pytest.approx(1 / len(z), rel=5 * math.sqrt(2 / len(pairs)))
    assert abs((z[1:] * z[:-1]).mean()) < 5 / math.sqrt(z.size)
    assert abs((z[:, 1:] * z[:, :-1]).mean()) < 5 / math.sqrt(z.size)


def test_noise_on_the_potential_stands_still_while_a_neuron_is_refractory(model: Path) -> None:
    found = noisy(model, 400, 1, recorded=[0])
    spikes = np.rint(found.times_ms() / 0.1).astype(int)
    assert len(spikes) > 3
    for row in spikes[:3] - 1:
        assert np.all(found["V"][row : row + 21, 0] == RESET)
        assert found["V"][row + 21, 0] != RESET


def test_exact_integration_takes_no_noise(model: Path) -> None:
    assert len(noisy(model, 20, 1, scheme="exact", sigma=0.0, mu=30.0).times_ms()) == 0  # 21.97 ms to the threshold: silent yet
    with pytest.raises(CosimError, match="exact integration takes no noise"):
        noisy(model, 20, 1, scheme="exact")


# -- first passages ------------------------------------------------------------------------------------------------------------


def siegert(threshold: float) -> float:
    """Mean interval in ms: t_ref + tau sqrt(pi) (integral of e^(u²) (1 + erf u) from the reset to the threshold)."""
    low, high = (RESET - MU) / SIGMA, (threshold - MU) / SIGMA
    return T_REF + TAU * math.sqrt(math.pi) * float(quad(lambda u: erfcx(-u), low, high, epsabs=1e-12)[0])


def variance(threshold: float) -> float:
    """Of the interval in ms²: 2 pi tau² integral of (e^(x²) integral of e^(y²) (1 + erf y)² from -infinity to x); Brunel (2000)."""
    low, high = (RESET - MU) / SIGMA, (threshold - MU) / SIGMA

    def inner(x: float) -> float:
        # e^(x² + y²) (1 + erf y)², where 1 + erf y = e^(-y²) erfcx(-y)
        return float(quad(lambda y: math.exp((x - y) * (x + y)) * erfcx(-y) ** 2, -math.inf, x, epsabs=1e-10)[0])

    return 2 * math.pi * TAU**2 * float(quad(inner, low, high, epsabs=1e-8)[0])


def test_the_integrals_are_those_of_the_literature() -> None:
    """Against the form with erf, where it holds digits; and numbers known for this point."""
    low, high = (RESET - MU) / SIGMA, (THRESHOLD - MU) / SIGMA
    plain = quad(lambda u: math.exp(u * u) * (1 + erf(u)), low, high)[0]
    assert siegert(THRESHOLD) == pytest.approx(T_REF + TAU * math.sqrt(math.pi) * plain, rel=1e-9)
    assert 1000 / siegert(THRESHOLD) == pytest.approx(12.5115, abs=5e-5)
    assert math.sqrt(variance(THRESHOLD)) / siegert(THRESHOLD) == pytest.approx(0.623, abs=5e-4)


def seen_on_a_grid(dt_ms: float) -> float:
    """The threshold that, looked at without pause, is passed when this one is that is looked at every step.

    -zeta(1/2)/sqrt(2 pi) = 0.5826 of a step's spread higher (Chernoff 1965; Broadie, Glasserman and Kou 1997), up to order dt.
    """
    return THRESHOLD - float(zeta(0.5)) / math.sqrt(2 * math.pi) * SIGMA * math.sqrt(dt_ms / TAU)


def assert_first_passages(found: Run, size: int, dt_ms: float) -> None:
    """Mean and spread of the first 15 intervals of each neuron, of some 30; 5 standard errors, and 0.3 % of order dt."""
    trains = [np.diff(found.times_ms(channel))[:15] for channel in range(size)]
    intervals = np.array([train for train in trains if len(train) == 15])
    assert len(intervals) > 0.995 * size
    mean, sd = siegert(seen_on_a_grid(dt_ms)), math.sqrt(variance(seen_on_a_grid(dt_ms)))
    n = intervals.size
    assert intervals.mean() == pytest.approx(mean, abs=5 * sd / math.sqrt(n) + 0.003 * mean)
    assert intervals.std() == pytest.approx(sd, rel=5 * math.sqrt(2 / n) + 0.01)


@pytest.mark.parametrize("dt", [MS // 10, MS // 40])
def test_white_noise_makes_a_neuron_fire_at_siegerts_rate(model: Path, dt: int) -> None:
    size = 600
    assert_first_passages(noisy(model, 2400, size, dt), size, dt / MS)


def test_many_small_kicks_make_a_neuron_fire_at_siegerts_rate() -> None:
    """Excitation and inhibition of 0.1 mV: mu = J tau (e - i), sigma² = J² tau (e + i)."""
    size, kick = 600, 0.1
    difference, total = MU / (kick * TAU / 1000), SIGMA**2 / (kick**2 * TAU / 1000)
    background = {
        "e": {"rate": (total + difference) / 2, "weight": kick},
        "i": {"rate": (total - difference) / 2, "weight": -kick},
    }
    parameters = {"tau_m": TAU, "E_L": 0.0, "V_th": THRESHOLD, "V_reset": RESET, "t_ref": T_REF}
    cells = {"model": "iaf_psc_delta", "size": size, "parameters": parameters, "initial": {"V": RESET}, "poisson": background}
    assert_first_passages(run(2400, populations={"n": cells}), size, 0.1)


def test_windows_threads_and_a_saved_state_change_no_bit(model: Path) -> None:
    cells = {"model": str(model), "size": 70, "parameters": {"sigma": SIGMA / math.sqrt(TAU), "mu": {"uniform": [15.0, 25.0]}}}
    network: dict[str, Any] = {"populations": {"n": cells}, "record": {"V": {"n": [0, 1, 69]}}}
    assert len(run(100, **network).times_ms()) > 50
    assert changes(100, 0.5, **network) == []
