"""Statistics are held to bounds that a right translator misses with probability 1e-6 (two-sided); seeds are fixed."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats

from cosim.sdk import CosimError, Port, Space, Spikes, Window
from cosim.sdk.contract import TranslatorContract, same_bits
from cosim.sdk.time import NS_PER_MS
from couplers.spikes_to_rate import SpikesToRate

ALARM = 1e-6
RNG = np.random.default_rng(0)  # the protocol's argument; this translator draws nothing


def cells(count: int, interval_ms: float | None = 1) -> Port:
    interval = None if interval_ms is None else round(interval_ms * NS_PER_MS)
    return Port("spikes", "out", "spikes", Space.numbered(count), dt_ns=interval)


def rate(channels: int = 1) -> Port:
    return Port("drive", "in", "samples", Space.numbered(channels), "firing_rate", "Hz")


def build(source: Port, target: Port, **params: object) -> SpikesToRate:
    return SpikesToRate(source, target, SpikesToRate.Params(**params))


def spikes(window: Window, *events: tuple[int, int]) -> Spikes:
    times, channels = (np.array(column, kind) for column, kind in zip(zip(*events, strict=True), (np.int64, np.int32), strict=True))
    return Spikes.sorted(window, times, channels)


def poisson(rate_hz: float, count: int, seconds: float, seed: int) -> Spikes:
    rng, window = np.random.default_rng(seed), Window(0, round(seconds * 1e9))
    number = rng.poisson(rate_hz * count * seconds)
    times = rng.integers(1, window.stop_ns, number, endpoint=True)
    return Spikes.sorted(window, times, rng.integers(0, count, number).astype(np.int32))


class TestBins(TranslatorContract):
    translator = SpikesToRate
    source, target = cells(5), rate(5)
    params = SpikesToRate.Params(bin="250 us")
    refuses = ((rate(5), rate(5)), (cells(5, interval_ms=0.4), rate(5)))


class TestPooledBins(TranslatorContract):
    translator = SpikesToRate
    source, target = cells(5), rate()
    params = SpikesToRate.Params()


class TestExponential(TranslatorContract):
    translator = SpikesToRate
    source, target = cells(5), rate()
    params = SpikesToRate.Params(kernel="exp", tau="10 ms", bin="0.5 ms", initial="3 Hz")


class TestExponentialOfEach(TranslatorContract):
    translator = SpikesToRate
    source, target = cells(5), rate(5)
    params = SpikesToRate.Params(kernel="exp", tau="10 ms")


def test_a_spike_at_the_stop_of_a_bin_belongs_to_it():
    window = Window(0, 4 * NS_PER_MS)
    out = build(cells(1, 4), rate(), bin="1 ms").translate(
        spikes(window, (1, 0), (NS_PER_MS, 0), (NS_PER_MS + 1, 0), (4 * NS_PER_MS, 0)), RNG
    )
    assert out.values[:, 0].tolist() == [2000, 1000, 0, 1000]  # 1 spike in 1 ms is 1000 Hz


@given(st.integers(1, 9), st.integers(1, 6), st.integers(-50, 50), st.data())
def test_no_spike_slips_a_bin(bin_ns, bins, start_ns, data):
    """Bins of a few ns, so that many spikes stand on boundaries; against a count by comparison of whole numbers."""
    window = Window(start_ns, start_ns + bin_ns * bins)
    events = data.draw(
        st.lists(st.tuples(st.integers(window.start_ns + 1, window.stop_ns), st.integers(0, 2)), min_size=1, max_size=30)
    )
    out = SpikesToRate(cells(3).but(dt_ns=window.length_ns), rate(3), SpikesToRate.Params(bin=bin_ns)).translate(
        spikes(window, *events), RNG
    )
    for k in range(bins):
        low, high = start_ns + k * bin_ns, start_ns + (k + 1) * bin_ns
        for channel in range(3):
            count = sum(low < t <= high and c == channel for t, c in events)
            assert out.values[k, channel] == count / (bin_ns * 1e-9)


@given(
    st.lists(st.tuples(st.integers(1, 12 * NS_PER_MS), st.integers(0, 3)), min_size=1, max_size=60),
    st.lists(st.integers(1, 11), unique=True, max_size=5),
    st.integers(-20, 20),
    st.sampled_from([{"kernel": "bin"}, {"kernel": "exp", "tau": "7 ms", "initial": 2.5}]),
    st.sampled_from([1, 4]),
)
def test_cutting_the_window_does_not_change_the_rate(events, cuts, shift_ms, kernel, targets):
    """Bit for bit, and the same wherever time starts."""
    whole = spikes(Window(0, 12 * NS_PER_MS), *events)
    params = {"bin": NS_PER_MS, **kernel}
    once = build(cells(4, 12), rate(targets), **params).translate(whole, RNG)
    other = build(cells(4, None), rate(targets), **params)
    shift, edges = shift_ms * NS_PER_MS, [0, *(c * NS_PER_MS for c in sorted(cuts)), whole.window.stop_ns]
    parts = [other.translate(whole.cut(Window(a, b)).shifted(shift), RNG).shifted(-shift) for a, b in pairwise(edges)]
    assert same_bits(type(once).join(parts), once)


@given(st.lists(st.tuples(st.integers(1, 8 * NS_PER_MS), st.integers(0, 3)), min_size=1, max_size=40), st.floats(0, 50))
def test_the_exponential_is_exact(events, initial):
    """Against initial · e^{-t/τ} + Σ e^{-(t - t_spike)/τ} / (N τ), each spike from its own time."""
    window, tau = Window(0, 8 * NS_PER_MS), 5e-3
    out = build(cells(4, 8), rate(), kernel="exp", tau="5 ms", bin="2 ms", initial=initial).translate(spikes(window, *events), RNG)
    for k, got in enumerate(out.values[:, 0]):
        t = (k + 1) * 2e-3
        exact = initial * np.exp(-t / tau) + sum(
            np.exp(-(t - s * 1e-9) / tau) / (4 * tau) for s, _ in events if s <= (k + 1) * 2 * NS_PER_MS
        )
        assert got == pytest.approx(exact, rel=1e-13, abs=1e-13)  # rounding: some 50 sums and 4 products of 1e-16 each


def test_the_exponential_lags_by_tau():
    """Centroid of the answer to one spike: ∫ t r dt / ∫ r dt = τ, and the area is one spike."""
    step, tau = 0.05, 10.0  # ms
    source = cells(1, 400)
    out = build(source, rate(), kernel="exp", tau="10 ms", bin="50 us").translate(spikes(Window(0, 400 * NS_PER_MS), (1, 0)), RNG)
    t = (np.arange(len(out.values)) + 1) * step
    # a sum over the bins' ends for the integral from 0: both are short of the first half step, O((step / τ)²) and step / (2 τ)
    assert out.values[:, 0].sum() * step * 1e-3 == pytest.approx(1, rel=step / tau)
    assert np.average(t, weights=out.values[:, 0]) == pytest.approx(tau, rel=step / tau)


def test_bins_lag_by_half_a_bin():
    """Spikes of a rate that grows as a·t; the count in (t - T, t] over T is the rate at t - T/2."""
    slope, width = 2e5, 10e-3  # Hz/s, s; spike n stands where ∫ = n
    times = np.sqrt(2 * np.arange(1, 10_000) / slope)
    window = Window(0, 200 * NS_PER_MS)
    given_ = np.rint(times[times <= 0.2] * 1e9).astype(np.int64)
    out = build(cells(1, 200), rate(), bin="10 ms").translate(Spikes(window, given_, np.zeros(len(given_), np.int32)), RNG)
    t = out.times_ns * 1e-9
    assert np.all(np.abs(out.values[:, 0] - slope * (t - width / 2)) <= 1 / width)  # a whole spike is counted or not


def test_the_exponential_has_the_deviation_it_states():
    """√(r / (2 N τ)) for Poisson spikes: 1.58 Hz for 5 Hz, 100 cells, 10 ms."""
    r, count, tau, seconds = 5.0, 100, 10e-3, 400
    out = build(cells(count, seconds * 1000), rate(), kernel="exp", tau="10 ms", bin="50 ms", initial=r).translate(
        poisson(r, count, seconds, 1), RNG
    )
    values = out.values[:, 0]  # 5 τ apart: correlation e^-5, which widens the variance of the estimate by 1 + e^-10
    stated = np.sqrt(r / (2 * count * tau))
    assert stated == pytest.approx(1.5811, abs=1e-4)
    # var of s²/σ² is (2 + excess kurtosis)/n; shot noise with an exponential kernel: excess = 1/(N r τ) (Campbell)
    spread = np.sqrt((2 + 1 / (count * r * tau)) / len(values))
    z = stats.norm.isf(ALARM / 2)
    assert abs(values.var() / stated**2 - 1) < z * spread
    assert abs(values.mean() - r) < z * stated / np.sqrt(len(values) * (1 - np.exp(-5)) / (1 + np.exp(-5)))


def test_bins_have_the_deviation_they_state():
    """√(r / (N T)) for Poisson spikes: 0.707 Hz for 5 Hz, 1000 cells, 10 ms."""
    r, count, seconds = 5.0, 1000, 50
    values = build(cells(count, seconds * 1000), rate(), bin="10 ms").translate(poisson(r, count, seconds, 2), RNG).values[:, 0]
    stated, n = np.sqrt(r / (count * 10e-3)), len(values)
    assert stated == pytest.approx(0.7071, abs=1e-4)
    low, high = stats.chi2.ppf([ALARM / 2, 1 - ALARM / 2], n - 1) / (n - 1)  # counts of 50 are normal enough: excess 1/50
    assert low < values.var(ddof=1) / stated**2 < high


def test_a_declared_start_leaves_no_ramp():
    """Silence decays from ``initial``; without it the first value of a 10 Hz train is far below 10 Hz."""
    window = Window(-5 * NS_PER_MS, 0)
    out = build(cells(2, 5), rate(), kernel="exp", tau="10 ms", bin="1 ms", initial="10 Hz").translate(Spikes.empty(window), RNG)
    assert out.values[:, 0] == pytest.approx(10 * np.exp(-np.arange(1, 6) / 10), rel=1e-14)
    regular = poisson(10, 10_000, 0.01, 3)
    ramp, level = (
        build(cells(10_000, 10), rate(), kernel="exp", tau="10 ms", bin="1 ms", initial=i).translate(regular, RNG).values[:, 0]
        for i in (0.0, 10.0)
    )
    z_sd = stats.norm.isf(ALARM / 2) * np.sqrt(10 / (2 * 10_000 * 10e-3))
    assert np.all(np.abs(level - 10) < z_sd)
    assert ramp[0] == pytest.approx(10 * (1 - np.exp(-0.1)), abs=z_sd)


def test_pooling_gives_hertz_per_cell():
    window, events = Window(0, NS_PER_MS), ((5, 0), (6, 1), (7, 1))
    each = build(cells(4), rate(4)).translate(spikes(window, *events), RNG)
    assert each.values.tolist() == [[1000, 2000, 0, 0]]
    for translator in (build(cells(4), rate()), build(cells(4), rate(4), pool="all")):
        assert translator.translate(spikes(window, *events), RNG).values.tolist() == [[750]]
    assert len(build(cells(4), rate(), pool="channel").port.space) == 4
    assert build(cells(4), rate(2)).port.space.labels == cells(4).space.labels


def test_the_port_says_what_comes_out():
    binned = build(cells(3), rate(3)).port
    assert (binned.kind, binned.quantity, binned.unit, binned.of, binned.dt_ns) == (
        "samples",
        "firing_rate",
        "Hz",
        "mean",
        NS_PER_MS,
    )
    filtered = build(cells(3), rate(), kernel="exp", tau="10 ms", bin="500 us").port
    assert (filtered.of, filtered.dt_ns, filtered.space.labels) == ("value", 500_000, ("0",))


def test_refusals_say_what_fits():
    with pytest.raises(CosimError, match="bins of 3 ms do not fill the link's interval of 10 ms") as caught:
        build(cells(1, 10), rate(), bin="3 ms")
    assert "divides 10 ms" in caught.value.mend
    with pytest.raises(CosimError, match="takes spikes") as caught:
        build(rate(), rate())
    assert "low_pass" in caught.value.mend


@pytest.mark.parametrize(
    "bad",
    [
        {"kernel": "exp"},
        {"tau": "1 ms"},
        {"initial": "1 Hz"},
        {"bin": "0 ms"},
        {"kernel": "exp", "tau": "1 ms", "initial": "-1 Hz"},
    ],
)
def test_parameters_that_do_not_go_together_are_refused(bad):
    with pytest.raises(ValidationError):
        SpikesToRate.Params(**bad)
