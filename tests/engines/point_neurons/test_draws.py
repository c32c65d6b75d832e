"""Values from numbers, lists and distributions: what is drawn, from what, and that it depends on nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from cosim.sdk import CosimError
from engines.equations.randoms import key_of
from engines.point_neurons.distributions import CONSTANT, Numbers, numbers_of, synapse_numbers_of
from engines.point_neurons.draws import Draws, draw_many, draw_values, drawn, stream_of
from engines.point_neurons.params import Distribution

KEY = key_of(7, "a test")
LEAST_P = 1e-4  # of seeded tests: one in ten thousand right programs would fail, and this one does not


def values(size: int = 20_000, key: np.uint64 = KEY, unit: str = "mV", **distribution: Any) -> np.ndarray:
    found = draw_values(Distribution(**distribution), unit, size, key)
    assert isinstance(found, np.ndarray)
    return found


@pytest.mark.parametrize(
    ("distribution", "expected"),
    [
        ({"uniform": ["-70 mV", "-0.05 V"]}, stats.uniform(-0.07, 0.02)),
        ({"normal": ["-70 mV", "5 mV"]}, stats.norm(-0.07, 0.005)),
        ({"lognormal": ["2 mV", 0.5]}, stats.lognorm(0.5, scale=0.002)),
        ({"lognormal": ["-2 mV", 0.5]}, None),
        ({"exponential": "3 mV"}, stats.expon(scale=0.003)),
        ({"normal": ["1 mV", "2 mV"], "low": "0 mV", "high": "2 mV"}, stats.truncnorm(-0.5, 0.5, 0.001, 0.002)),
        ({"exponential": "3 mV", "low": "3 mV"}, stats.expon(0.003, 0.003)),
    ],
)
def test_draws_have_the_distribution_in_si_units(distribution: dict[str, Any], expected: Any) -> None:
    found = values(**distribution)
    if expected is None:  # the mirror image of a positive median
        found, expected = -found, stats.lognorm(0.5, scale=0.002)
    assert stats.kstest(found, expected.cdf).pvalue > LEAST_P


@pytest.mark.parametrize("kind", ["normal", "lognormal", "exponential", "uniform"])
def test_draws_of_neighbours_and_of_other_keys_are_independent(kind: str) -> None:
    given = {kind: ["1 mV", 0.4 if kind == "lognormal" else "2 mV"] if kind != "exponential" else "1 mV"}
    first, other = values(**given), values(key=key_of(7, "another"), **given)
    # the correlation of independent draws has a standard deviation of 1/sqrt(n)
    assert abs(stats.spearmanr(first[:-1], first[1:]).statistic) < 4 / np.sqrt(len(first))
    assert abs(stats.spearmanr(first, other).statistic) < 4 / np.sqrt(len(first))


def test_a_draw_depends_on_the_number_of_the_neuron_alone() -> None:
    given = {"normal": ["1 mV", "2 mV"], "low": "0 mV"}
    assert np.array_equal(values(100, **given), values(1000, **given)[:100])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"uniform": [1.0, 5.0], "low": 2.0, "high": 4.0}, 0.5),
        ({"uniform": [1.0, 1.0], "low": 1.0}, 1.0),
        ({"normal": [1.0, 2.0], "low": 0.0, "high": 2.5}, stats.norm(1, 2).cdf(2.5) - stats.norm(1, 2).cdf(0)),
        ({"normal": [1.0, 0.0], "high": 1.0}, 1.0),
        ({"lognormal": [2.0, 0.5], "low": 1.5}, stats.lognorm(0.5, scale=2).sf(1.5)),
        ({"lognormal": [-2.0, 0.5], "low": -3.0, "high": 0.0}, stats.lognorm(0.5, scale=2).cdf(3)),
        ({"exponential": 3.0, "high": 2.0}, stats.expon(scale=3).cdf(2)),
        ({"exponential": -3.0, "low": -5.0, "high": -1.0}, stats.expon(scale=3).cdf(5) - stats.expon(scale=3).cdf(1)),
        ({"lorentzian": [0.0, 1.0]}, 1.0),
    ],
)
def test_how_many_draws_are_kept_is_known_beforehand(given: dict[str, Any], expected: float) -> None:
    assert numbers_of(Distribution(**given), "1").kept == pytest.approx(expected, rel=1e-12)


def test_no_value_piles_up_at_a_bound_and_what_would_is_refused() -> None:
    found = values(20_000, unit="1", normal=[0.0, 1.0], low=1.5)  # keeps 0.067
    assert found.min() > 1.5
    assert stats.kstest(found, stats.truncnorm(1.5, np.inf).cdf).pvalue > LEAST_P
    with pytest.raises(CosimError, match=r"only 0\.023 of the draws lie from 2 to inf mV"):
        numbers_of(Distribution(normal=(0.0, 1.0), low=2.0), "mV")


@pytest.mark.parametrize(
    ("numbers", "share"),
    [
        (Numbers(0, -1.0, 3.0), 0.99),
        (Numbers(1, 5.0, 2.0), 0.45),
        (Numbers(2, -3.0, 0.7), 0.03),
        (Numbers(3, 4.0), 0.25),
        (Numbers(1, 0.0, 1.0, -0.5, 0.25), 0.99),
    ],
)
def test_bounds_are_kept_and_no_wider_than_need_be(numbers: Numbers, share: float) -> None:
    """They are where the least of 2^53 uniform numbers leads; that of 200 000 leads to 4.4 of 8.57 standard deviations."""
    found, (least, largest) = drawn(numbers, 200_000, KEY), numbers.bounds
    assert least <= found.min()
    assert found.max() <= largest
    assert np.ptp(found) > share * (largest - least)


def test_synapses_have_draws_of_their_own_by_neuron_and_number() -> None:
    draws, out, longer = Draws.of(Numbers(1, 0.0, 1.0, -1.0, 2.0)), np.empty(50), np.empty(80)
    draw_many(draws, np.uint64(stream_of(KEY, 3)), 50, out)
    draw_many(draws, np.uint64(stream_of(KEY, 3)), 80, longer)
    assert np.array_equal(out, longer[:50])
    draw_many(draws, np.uint64(stream_of(KEY, 4)), 50, longer)
    assert not np.isin(out, longer[:50]).any()


def test_synapses_have_the_distribution_that_neurons_have() -> None:
    for numbers in (Numbers(0, -1.0, 3.0), Numbers(1, 5.0, 2.0, 4.0), Numbers(2, -3.0, 0.7), Numbers(3, 4.0, high=9.0)):
        out = np.empty((200, 100))
        for neuron, row in enumerate(out):
            draw_many(Draws.of(numbers), np.uint64(stream_of(KEY, neuron)), len(row), row)
        assert stats.ks_2samp(out.reshape(-1), drawn(numbers, 20_000, key_of(7, "others"))).pvalue > LEAST_P


def test_a_lorentzian_is_its_quantiles_in_order_or_shuffled() -> None:
    plain = values(101, unit="1", lorentzian=[-5, 2])
    assert np.all(np.diff(plain) > 0)
    # quantile j of N is where the cumulative distribution is j / (N + 1)
    assert np.allclose(stats.cauchy(-5, 2).cdf(plain), np.arange(1, 102) / 102, rtol=1e-12)
    shuffled = values(101, unit="1", lorentzian=[-5, 2], shuffled=True)
    assert np.array_equal(np.sort(shuffled), plain)
    assert abs(stats.spearmanr(shuffled, plain).statistic) < 0.4
    assert not np.array_equal(shuffled, values(101, unit="1", key=key_of(8, "x"), lorentzian=[-5, 2], shuffled=True))


def test_a_number_is_for_all_and_a_list_for_each() -> None:
    assert draw_values("-0.07 V", "mV", 3, KEY) == -0.07
    assert np.array_equal(draw_values([1.0, "2 mV", 3.0], "mV", 3, KEY), np.array([1.0, 2.0, 3.0]) * 1e-3)
    with pytest.raises(CosimError, match="2 values for 3 neurons"):
        draw_values([1.0, 2.0], "mV", 3, KEY)


@pytest.mark.parametrize(
    ("distribution", "what"),
    [
        ({"normal": ["1 mV", "-2 mV"]}, "the standard deviation of normal is -2"),
        ({"normal": ["1 pA", "2 mV"]}, "pA cannot be converted to mV"),
        ({"uniform": [2, 1]}, "uniform ends below its beginning"),
        ({"uniform": [1, 2], "low": 3}, "nothing that is drawn lies from 3 to inf mV"),
        ({"normal": [0, 1], "low": 2, "high": 1}, "low is 2 mV and high 1 mV"),
        ({"lorentzian": [0, 1], "low": 0}, "nothing of a lorentzian can be drawn again"),
        ({"lorentzian": [0, -1]}, "the half width of lorentzian is -1"),
        ({"normal": [0, 1], "shuffled": True}, "shuffled says nothing to normal"),
    ],
)
def test_a_distribution_that_nothing_can_be_drawn_from_is_refused(distribution: dict[str, Any], what: str) -> None:
    with pytest.raises(CosimError, match=what):
        numbers_of(Distribution(**distribution), "mV")


def test_a_distribution_is_of_one_kind() -> None:
    with pytest.raises(ValidationError, match="not uniform and normal"):
        Distribution(uniform=(1, 2), normal=(1, 2))
    with pytest.raises(ValidationError, match="give one of"):
        Distribution(low=1)


def test_a_lorentzian_is_not_for_synapses() -> None:
    with pytest.raises(CosimError, match="lorentzian is not for synapses"):
        synapse_numbers_of(Distribution(lorentzian=(0, 1)), "pA")
    assert synapse_numbers_of("2 pA", "pA") == Numbers(CONSTANT, 2.0)


def test_numbers_in_another_unit_are_the_same_distribution() -> None:
    for numbers in (
        Numbers(0, 1.0, 2.0, 1.5),
        Numbers(1, 1.0, 2.0, high=3.0),
        Numbers(2, 1.0, 0.5),
        Numbers(3, 2.0),
        Numbers(-1, 4.0),
    ):
        assert np.allclose(drawn(numbers.times(1000.0), 100, KEY), drawn(numbers, 100, KEY) * 1000.0, rtol=1e-14)
