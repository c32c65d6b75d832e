"""Brunel's network: theory against the paper's numbers and itself, the scenario's files against theory, measures by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

import cosim
from engines.equations.quantities import number
from scenarios.brunel import theory
from scenarios.brunel.measures import Activity
from scenarios.brunel.theory import ASYNCHRONOUS, FAST, REGULAR, SLOW

FILES = {"brunel": ASYNCHRONOUS, "brunel/sr": REGULAR, "brunel/si_fast": FAST, "brunel/si_slow": SLOW}


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_the_numbers_of_its_regime(name):
    plan = cosim.check(name).plan
    network, regime = plan.engines["network"].params, FILES[name]
    assert network.dt == theory.DT_S * 1e9
    for population in network.populations.values():
        values = {key: number(value, "ms" if key in ("tau_m", "t_ref") else "mV") for key, value in population.parameters.items()}
        assert values == {"tau_m": 20.0, "t_ref": 2.0, "E_L": 0.0, "V_reset": theory.RESET, "V_th": theory.THRESHOLD}
        (outside,) = population.poisson.values()
        assert (outside.rate, number(outside.weight, "mV")) == (pytest.approx(regime.outside_hz), theory.KICK)
    for projection in network.projections.values():
        assert number(projection.delay, "ms") == pytest.approx(theory.DELAY_S * 1e3)
        inputs, weight = {"E": (theory.EXCITATORY, theory.KICK), "I": (theory.INHIBITORY, -regime.g * theory.KICK)}[
            projection.source
        ]
        assert (projection.indegree, number(projection.weight, "mV")) == (inputs, pytest.approx(weight))


def test_siegert_s_formula_and_the_cv_have_known_values():
    """12.5115 Hz and 0.623 under a mean of 18 mV and sigma of 3 mV."""
    assert theory.siegert_hz(18.0, 3.0) == pytest.approx(12.5115, abs=1e-4)
    assert theory.variation(18.0, 3.0) == pytest.approx(0.623, abs=5e-4)


def test_the_mean_field_is_the_paper_s():
    """38.0, 55.8 and 6.5 Hz (Brunel 2000)."""
    assert [round(regime.rate_hz(), 1) for regime in (FAST, SLOW)] == [55.8, 6.5]
    assert ASYNCHRONOUS.rate_hz() == pytest.approx(38.0, abs=0.06)


def test_the_asynchronous_state_is_lost_at_the_frequencies_of_the_paper():
    """190 Hz and 29 Hz (Brunel 2000); stable where the network is asynchronous."""
    for regime, hz in ((FAST, 190.0), (SLOW, 29.0)):
        mode = regime.mode()
        assert mode.real > 0
        assert mode.imag / (2 * math.pi) == pytest.approx(hz, abs=0.5)
    assert REGULAR.mode().real > 0
    assert ASYNCHRONOUS.mode().real < -100


@pytest.mark.parametrize("regime", [ASYNCHRONOUS, FAST, SLOW])
def test_slow_responses_are_the_slopes_of_siegert_s_formula(regime):
    rate, h = regime.rate_hz(), 0.01
    mu, sigma = regime.moments(rate)
    mean, variance = theory.responses(np.array([1e-3 + 0j]), mu, sigma, rate)
    by_mean = (theory.siegert_hz(mu + h, sigma) - theory.siegert_hz(mu - h, sigma)) / (2 * h)
    by_variance = (theory.siegert_hz(mu, math.sqrt(sigma**2 + h)) - theory.siegert_hz(mu, math.sqrt(sigma**2 - h))) / (2 * h)
    assert mean[0].real == pytest.approx(by_mean, rel=1e-2)  # first order in the step of 0.025 mV
    assert variance[0].real == pytest.approx(by_variance, rel=1e-2)


def test_fast_responses_fall_as_the_root_of_the_frequency():
    """nu/sigma sqrt(2/(i omega tau)) to the mean, of white noise (Brunel, Chance, Fourcaud and Abbott 2001)."""
    rate = ASYNCHRONOUS.rate_hz()
    mu, sigma = ASYNCHRONOUS.moments(rate)
    omega = 2 * math.pi * np.array([500.0, 1000.0])
    mean, _ = theory.responses(1j * omega, mu, sigma, rate)
    expected = rate / sigma * np.sqrt(2 / (1j * omega * theory.TAU_S))
    np.testing.assert_allclose(mean, expected, rtol=0.1)  # the next order is smaller by another such root


class TestMeasures:
    def regular(self, period_ms=5.0, size=50, stop_ms=1000.0):
        times = np.tile(np.arange(period_ms, stop_ms + 1e-9, period_ms), size)
        return Activity.of(times, np.repeat(np.arange(size), len(times) // size), size, 0.0, stop_ms)

    def poisson(self, rate_hz=20.0, size=2000, stop_ms=1000.0, rhythm_hz=0.0):
        """Neurons that all fire at twice the rate, thinned by (1 + cos) / 2."""
        rng = np.random.default_rng(1)
        times = rng.uniform(0, stop_ms, rng.poisson(2 * rate_hz * size * stop_ms / 1e3))
        times = times[rng.random(len(times)) < (1 + np.cos(2 * np.pi * rhythm_hz * times / 1e3) * (rhythm_hz > 0)) / 2]
        return Activity.of(times, rng.integers(0, size, len(times)), size, 0.0, stop_ms)

    def test_neurons_in_step_are_regular(self):
        found = self.regular()
        assert found.rate_hz() == pytest.approx(200.0)
        assert found.irregularity() == pytest.approx(0.0, abs=1e-6)
        assert found.fluctuation() == pytest.approx(3.0)  # one bin of ten: sqrt(10 - 1)

    def test_neurons_that_share_a_rhythm_have_it_in_their_spectrum(self):
        found = self.poisson(rhythm_hz=43.0)
        assert found.rhythm_hz() == pytest.approx(43.0, abs=1.0)  # 2 Hz from line to line
        assert found.persistence() > 0.85
        assert found.fluctuation() == pytest.approx(
            math.sqrt(0.5 + 1 / 20), rel=0.05
        )  # of the rhythm, and of counts of 20 in 0.5 ms

    def test_independent_poisson_neurons_have_a_cv_of_1_and_a_flat_spectrum_of_1(self):
        found = self.poisson()
        assert found.irregularity() == pytest.approx(1.0, abs=0.02)  # some 40 000 intervals, cut to the second that is seen
        frequencies, power = found.spectrum()
        assert power[frequencies > 10].mean() == pytest.approx(1.0, abs=0.1)  # 3 pieces of 500 frequencies
        assert found.fluctuation() == pytest.approx(1 / math.sqrt(20.0 * 2000 * 0.5e-3), rel=0.1)  # counts of 20 in 0.5 ms
        assert found.persistence() < 0.2
