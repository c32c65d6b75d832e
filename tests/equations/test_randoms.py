"""Counted random numbers: their distribution, that neighbours have nothing in common, and what they depend on."""

from __future__ import annotations

import math
import re

import llvmlite.binding as llvm
import numpy as np
import pytest
from numba import config, njit
from numpy.typing import NDArray
from scipy import stats

from engines.equations.randoms import GOLDEN, key_of, mix, normal, streams, uniform

STEPS = REGIONS = 1000
NUMBERS = STEPS * REGIONS
KEY = key_of(7, "noise")
has_vectors = llvm.get_host_cpu_features().get("avx2", False) and config.CPU_NAME != "generic"
needs_vectors = pytest.mark.skipif(not has_vectors, reason="no AVX2 here")


@njit(error_model="numpy")
def normals_of(stream, first, out):  # type: ignore[no-untyped-def]
    for k in range(len(out)):
        for i in range(len(stream)):
            out[k, i] = normal(stream[i], first + k)


@njit(error_model="numpy")
def uniforms_of(stream, first, out):  # type: ignore[no-untyped-def]
    for k in range(len(out)):
        for i in range(len(stream)):
            out[k, i] = uniform(stream[i], first + k)


def normals(stream: NDArray[np.uint64], first: int = 0, steps: int = STEPS) -> NDArray[np.float64]:
    """(steps, regions)"""
    out = np.empty((steps, len(stream)))
    normals_of(stream, first, out)
    return out


def uniforms(stream: NDArray[np.uint64], first: int = 0, steps: int = STEPS) -> NDArray[np.float64]:
    """(steps, regions)"""
    out = np.empty((steps, len(stream)))
    uniforms_of(stream, first, out)
    return out


@pytest.fixture(scope="module")
def million() -> NDArray[np.float64]:
    return normals(streams(KEY, np.arange(REGIONS), 0))


def assert_unrelated(a: NDArray[np.float64], b: NDArray[np.float64]) -> None:
    """Neither the numbers nor their squares are correlated: |r| < 5 / sqrt(n), five standard errors."""
    for x, y in ((a, b), (a**2, b**2)):
        assert abs(np.corrcoef(x.ravel(), y.ravel())[0, 1]) < 5 / math.sqrt(a.size)


# -- distribution --------------------------------------------------------------------------------------------------------------


def test_normal_numbers_have_the_moments_of_the_normal_distribution(million):
    """Each within five standard errors."""
    x = million.ravel()
    for moment, truth, variance in ((x, 0, 1), (x**2, 1, 2), (x**3, 0, 15), (x**4, 3, 96), (x**6, 15, 10395 - 225)):
        assert abs(moment.mean() - truth) < 5 * math.sqrt(variance / NUMBERS)
    assert abs(stats.skew(x)) < 5 * math.sqrt(6 / NUMBERS)
    assert abs(stats.kurtosis(x)) < 5 * math.sqrt(24 / NUMBERS)


def test_normal_numbers_are_distributed_normally(million):
    """Kolmogorov and Smirnov: all together, the numbers of the single steps, and those of the single regions."""
    assert stats.kstest(million.ravel(), "norm").pvalue > 1e-3
    for rows in (million, million.T):
        of_rows = [stats.kstest(row, "norm").pvalue for row in rows[::20]]
        assert stats.kstest(of_rows, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("size", [2.0, 3.0, 4.0])
def test_tails_have_their_share(million, size):
    """Both, within five standard deviations of a Poisson number; beyond 4 they hold some 32 of a million each."""
    expected = NUMBERS * stats.norm.sf(size)
    for count in (np.sum(million > size), np.sum(million < -size)):
        assert abs(count - expected) < 5 * math.sqrt(expected)


def test_uniform_numbers_fill_the_open_interval_evenly():
    x = uniforms(streams(KEY, np.arange(REGIONS), 0))
    assert 0.0 < x.min() < 1e-5
    assert 1.0 - 1e-5 < x.max() < 1.0
    assert abs(x.mean() - 0.5) < 5 * math.sqrt(1 / 12 / NUMBERS)
    assert stats.kstest(x.ravel(), "uniform").pvalue > 1e-3


def test_the_most_extreme_words_give_finite_numbers():
    """The mixing keeps 0, so the stream that equals the step's own word has the smallest uniform number, 2^-53."""
    for step in range(50):
        for use in (1, 2, 3):
            (stream,) = mix.py_func(np.array([4 * step + use], np.uint64) * GOLDEN)
            assert abs(normal(stream, step)) <= math.sqrt(2 * 53 * math.log(2))
            assert uniform(stream, step) == 2.0**-53 or use != 3


# -- independence --------------------------------------------------------------------------------------------------------------


def test_neighbouring_regions_are_unrelated(million):
    for shift in (1, 2, 64):
        assert_unrelated(million[:, shift:], million[:, :-shift])


def test_neighbouring_steps_are_unrelated(million):
    for shift in (1, 2, 64):
        assert_unrelated(million[shift:], million[:-shift])


def test_noise_terms_are_unrelated(million):
    assert_unrelated(million, normals(streams(KEY, np.arange(REGIONS), 1)))


def test_seeds_and_purposes_are_unrelated(million):
    for key in (key_of(8, "noise"), key_of(7, "initial")):
        assert_unrelated(million, normals(streams(key, np.arange(REGIONS), 0)))


def test_normal_and_uniform_numbers_of_one_step_are_unrelated(million):
    assert_unrelated(million, uniforms(streams(KEY, np.arange(REGIONS), 0)))


def test_neighbours_differ_in_half_their_bits():
    """Each of the 52 bits in half of all pairs of neighbouring regions, steps and terms, within five standard errors."""
    regions = np.arange(200)
    words = [np.floor(uniforms(streams(KEY, regions, term), 0, 200) * 2.0**52).astype(np.uint64) for term in (0, 1)]
    for a, b in ((words[0][:, 1:], words[0][:, :-1]), (words[0][1:], words[0][:-1]), (words[0], words[1])):
        bits = ((a ^ b).ravel()[:, None] >> np.arange(52, dtype=np.uint64)) & np.uint64(1)
        assert np.all(np.abs(bits.mean(axis=0) - 0.5) < 5 * 0.5 / math.sqrt(a.size))


def test_streams_that_differ_in_one_bit_differ_in_half_their_numbers_bits():
    base = streams(KEY, np.arange(500), 0)
    for bit in range(64):
        a, b = (np.floor(uniforms(stream, 3, 1) * 2.0**52).astype(np.uint64) for stream in (base, base ^ np.uint64(1 << bit)))
        assert abs(np.bitwise_count(a ^ b).mean() - 26) < 5 * math.sqrt(52 / 4 / 500)


# -- what a number depends on --------------------------------------------------------------------------------------------------


def test_a_stream_depends_on_its_own_region_alone():
    alone = [streams(KEY, np.array([region]), 2)[0] for region in (0, 3, 97, 10**6)]
    assert streams(KEY, np.array([97, 3, 10**6, 0]), 2).tolist() == [alone[2], alone[1], alone[3], alone[0]]
    assert streams(KEY, np.arange(98), 2)[[0, 3, 97]].tolist() == alone[:3]


def test_no_two_streams_are_equal():
    seen = np.concatenate([streams(key, np.arange(10_000), term) for key in (KEY, key_of(8, "noise")) for term in range(5)])
    assert len(np.unique(seen)) == len(seen) == 100_000


def test_windows_do_not_change_a_bit(million):
    """Steps 0 to 1000 in windows of 1, 7 and the rest, the last first."""
    stream = streams(KEY, np.arange(REGIONS), 0)
    parts = {first: normals(stream, first, steps) for first, steps in ((8, STEPS - 8), (1, 7), (0, 1))}
    assert np.concatenate([parts[0], parts[1], parts[8]]).tobytes() == million.tobytes()


def test_the_order_of_regions_does_not_matter(million):
    shuffled = np.random.default_rng(1).permutation(REGIONS)
    assert normals(streams(KEY, shuffled, 0)).tobytes() == million[:, shuffled].tobytes()


def test_a_loop_gives_the_bits_of_single_calls():
    """1003 regions: the body of the vectorised loop and its tail; counters as far as 2^61."""
    stream = streams(KEY, np.arange(1003), 0)
    for step in (0, 1, 12_345, 2**61):
        assert normals(stream, step, 1)[0].tolist() == [normal(each, step) for each in stream]
        assert uniforms(stream, step, 1)[0].tolist() == [uniform(each, step) for each in stream]


def test_numbers_are_the_same_on_every_machine():
    """Three of each, written down."""
    stream = streams(key_of(1, "a", "b"), np.array([0, 1, 5]), 0)
    assert stream.tolist() == [14199065930373629836, 7504375309992803604, 5927379474058530789]
    assert normals(stream, 9, 1)[0].tolist() == [-0.32770022168735014, 1.3936741805457917, -0.7845095780726423]
    assert uniforms(stream, 9, 1)[0].tolist() == [0.30260066012288356, 0.7962620281379044, 0.32112106962734643]


def test_keys_differ_with_seed_and_purpose():
    assert len({int(key_of(seed, *names)) for seed in (1, 2) for names in ((), ("a",), ("a", "b"), ("ab",))}) == 8


@needs_vectors
@pytest.mark.parametrize("loop", [normals_of, uniforms_of], ids=["normal", "uniform"])
def test_loops_are_vectorised(loop):
    """Over the regions, four or more at once."""
    loop(streams(KEY, np.arange(3), 0), 0, np.empty((1, 3)))
    (code,) = loop.inspect_llvm().values()
    widths = [int(width) for width in re.findall(r"f(?:add|mul) <(\d+) x double>", code)]
    assert widths
    assert max(widths) >= 4
