"""Poisson and binomial numbers: their distributions, where each way of making them begins and ends."""

import numpy as np
import pytest
from numba import njit
from scipy.special import gammaln
from scipy.stats import binom, chisquare, kstest, poisson

from engines.equations.randoms import key_of, streams
from engines.reaction_diffusion.kernels import poisson as numbers

STREAM = streams(key_of(3, "numbers"), np.arange(1), 0).view(np.int64)[0]


@njit
def many_poisson(mean, count, stream):
    out, counter = np.empty(count), 0
    for k in range(count):
        out[k], counter = numbers.poisson(mean, stream, counter)
    return out, counter


@njit
def many_binomial(number, chance, count, stream):
    out, counter = np.empty(count), 0
    for k in range(count):
        out[k], counter = numbers.binomial(number, chance, stream, counter)
    return out, counter


@njit
def many_uniform(count, stream):
    out = np.empty(count)
    for k in range(count):
        out[k] = numbers.counted(stream, k)
    return out


def assert_follows(found, law, count=100_000):
    """Pearson's test over cells of at least 20 expected."""
    assert (found == np.floor(found)).all()
    low, high = int(law.ppf(1e-7)), int(law.ppf(1.0 - 1e-7))
    assert found.min() >= low - 1
    assert found.max() <= high + 1
    edges, expected = [low - 2], []
    at = 0.0
    for k in range(low, high + 1):
        at += law.pmf(k) * count
        if at >= 20.0:
            edges.append(k)
            expected.append(at)
            at = 0.0
    edges[-1] = high + 2
    expected[-1] += count - sum(expected)
    counts = np.diff(np.searchsorted(np.sort(found), edges, side="right"))
    assert chisquare(counts, expected).pvalue > 1e-4


@pytest.mark.parametrize("mean", [0.01, 0.7, 4.0, 9.999, 10.0, 13.3, 57.0, 1234.5, 3e6])
def test_poisson_numbers_are_poisson_distributed(mean):
    found, counter = many_poisson(mean, 100_000, STREAM)
    assert_follows(found, poisson(mean))
    assert counter < 3 * len(found)


@pytest.mark.parametrize(
    ("number", "chance"),
    [(1, 0.3), (7, 0.5), (20, 0.49), (20, 0.51), (25, 0.97), (100, 0.1), (1000, 0.0099), (1000, 0.4), (10**6, 0.73), (10**7, 1e-6)],
)
def test_binomial_numbers_are_binomially_distributed(number, chance):
    found, _ = many_binomial(float(number), chance, 100_000, STREAM)
    assert_follows(found, binom(number, chance))


def test_nothing_comes_of_nothing():
    assert many_poisson(0.0, 10, STREAM)[0].tolist() == [0] * 10
    assert many_poisson(-1.0, 10, STREAM)[0].tolist() == [0] * 10
    assert many_binomial(0.0, 0.5, 10, STREAM)[0].tolist() == [0] * 10
    assert many_binomial(5.0, 0.0, 10, STREAM)[0].tolist() == [0] * 10
    assert many_binomial(5.0, 1.0, 10, STREAM)[0].tolist() == [5] * 10


def test_uniform_numbers_are_uniform():
    found = many_uniform(100_000, STREAM)
    assert kstest(found, "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(found[1:], found[:-1])[0, 1]) < 4.0 / np.sqrt(len(found))


@pytest.mark.parametrize("k", [0, 1, 2, 7, 15, 16, 17, 30, 1000, 10**6, 10**12])
def test_factorials_are_right_to_their_last_digits(k):
    assert numbers.log_factorial(float(k)) == pytest.approx(gammaln(k + 1.0), rel=2e-15, abs=1e-15)
