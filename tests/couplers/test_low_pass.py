from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats

from cosim.sdk import CosimError, Port, Samples, Space, Window
from cosim.sdk.contract import TranslatorContract, same_bits
from cosim.sdk.time import NS_PER_MS
from couplers.low_pass import LowPass

RNG = np.random.default_rng(0)  # the protocol's argument; this translator draws nothing


def signal(channels: int = 1, dt_ns: int | None = NS_PER_MS, unit: str = "Hz") -> Port:
    return Port("rate", "out", "samples", Space.numbered(channels), "firing_rate", unit, "mean", dt_ns)


def build(source: Port, **params: object) -> LowPass:
    return LowPass(source, source.but(direction="in"), LowPass.Params(**params))


def samples(values: np.ndarray, dt_ns: int = NS_PER_MS) -> Samples:
    return Samples(Window(0, len(values) * dt_ns), np.asarray(values, float).reshape(len(values), -1))


class TestLowPass(TranslatorContract):
    translator = LowPass
    source = signal(4, dt_ns=250_000)
    target = signal(4, dt_ns=None)
    params = LowPass.Params(tau="20 ms", initial="5 Hz")
    refuses = ((Port("s", "out", "spikes", Space.numbered(4), dt_ns=NS_PER_MS), target), (signal(4, dt_ns=None), target))


def test_a_step_is_answered_as_the_equation_says():
    out = build(signal(), tau="10 ms", initial=2.0).translate(samples(np.full(50, 7.0)), RNG).values[:, 0]
    t = np.arange(1, 51)
    assert out == pytest.approx(7 + (2 - 7) * np.exp(-t / 10), rel=1e-14)  # rounding of at most 50 steps, each forgotten by e^-0.1


@given(st.integers(1, 50), st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=12))
def test_it_is_exact_for_what_is_held_over_a_step(refine, values):
    """Ten times finer rows of the same course give the same values, to rounding."""
    fine_ns = NS_PER_MS // refine
    coarse = samples(values, dt_ns=fine_ns * refine)
    a = build(signal(dt_ns=fine_ns * refine), tau="3 ms").translate(coarse, RNG).values
    b = build(signal(dt_ns=fine_ns), tau="3 ms").translate(coarse.refined(fine_ns), RNG).values[refine - 1 :: refine]
    # each of refine steps rounds to 2^-53 of values up to 1e3, and forgets with exp(-1 / (3 refine)): some 3 refine steps add up
    assert np.abs(a - b).max() <= 1e3 * 2.0**-53 * 8 * 3 * (refine + 1)


@given(st.lists(st.floats(-1e6, 1e6), min_size=12, max_size=12), st.lists(st.integers(1, 11), unique=True, max_size=5))
def test_cutting_the_window_changes_no_bit(values, cuts):
    whole = samples(values)
    once, other = build(signal(), tau="4 ms", initial=1.0).translate(whole, RNG), build(signal(), tau="4 ms", initial=1.0)
    edges = [0, *(c * NS_PER_MS for c in sorted(cuts)), whole.window.stop_ns]
    parts = [other.translate(whole.cut(Window(a, b)), RNG) for a, b in pairwise(edges)]
    assert same_bits(Samples.join(parts), once)


def test_it_lags_by_tau_behind_the_middle_of_a_step():
    pulse = np.zeros(500)
    pulse[0] = 1.0
    out = build(signal(), tau="10 ms").translate(samples(pulse), RNG).values[:, 0]
    assert out.sum() == pytest.approx(1, rel=1e-12)  # gain 1; e^-50 is cut off at the end, and 500 roundings
    lag = np.average(np.arange(500.0), weights=out)  # behind the row's time, in ms
    assert lag == pytest.approx(1 / np.expm1(0.1), rel=1e-12)
    assert lag + 0.5 == pytest.approx(10, abs=1 / 120)  # 1/(e^x - 1) = 1/x - 1/2 + x/12 - …, in steps, for x = 0.1


def test_noise_leaves_with_the_variance_it_states():
    rows, keep = 40_000, np.exp(-0.25)
    out = build(signal(), tau="4 ms").translate(samples(np.random.default_rng(5).standard_normal(rows)), RNG).values[100:, 0]
    stated = (1 - keep) / (1 + keep)
    # values correlate as keep^k, so that an estimate of the variance has (1 + keep²)/(1 - keep²) times the spread of white noise
    spread = np.sqrt(2 / len(out) * (1 + keep**2) / (1 - keep**2))
    assert abs(out.var() / stated - 1) < stats.norm.isf(5e-7) * spread  # missed with probability 1e-6


def test_the_start_takes_the_unit_of_the_source():
    assert build(signal(2, unit="Hz"), tau="1 ms", initial="0.003 kHz").state["y"] == pytest.approx([3, 3], rel=1e-15)
    with pytest.raises(CosimError, match="cannot be converted"):
        build(signal(), tau="1 ms", initial="3 mV")


def test_refusals_say_what_fits():
    with pytest.raises(CosimError, match="takes samples") as caught:
        build(Port("s", "out", "spikes", Space.numbered(1), dt_ns=NS_PER_MS), tau="1 ms")
    assert "spikes_to_rate" in caught.value.mend
    for bad in ({}, {"tau": "0 ms"}):
        with pytest.raises(ValidationError):
            LowPass.Params(**bad)


def test_what_comes_out_is_a_value_not_a_mean():
    assert build(signal(), tau="1 ms").port.of == "value"
