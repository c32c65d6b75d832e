"""Statistics are held to bounds that a right translator misses with probability 1e-6 (two-sided); seeds are fixed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats

from cosim.sdk import CosimError, Port, Samples, Space, Spikes, Window
from cosim.sdk.contract import TranslatorContract
from cosim.sdk.time import NS_PER_MS
from couplers.rate_to_spikes import RateToSpikes
from couplers.spikes_to_rate import SpikesToRate

ALARM = 1e-6
Z = stats.norm.isf(ALARM / 2)


def rates(channels: int, unit: str = "Hz", dt_ms: float = 1, of: str = "mean") -> Port:
    return Port("rate", "out", "samples", Space.numbered(channels), "firing_rate", unit, of, round(dt_ms * NS_PER_MS))


def cells(count: int) -> Port:
    return Port("drive", "in", "spikes", Space.numbered(count))


def philox(frame: int, seed: int = 11) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=np.array([seed, frame], np.uint64)))


def play(translator: RateToSpikes, values: np.ndarray, dt_ms: float = 1, rows: int = 1, seed: int = 11) -> Spikes:
    """All rows of ``values``, in frames of ``rows``, as one batch of spikes."""
    step = round(dt_ms * NS_PER_MS) * rows
    frames = [Samples(Window(j * step, (j + 1) * step), values[j * rows : (j + 1) * rows]) for j in range(len(values) // rows)]
    return Spikes.join([translator.translate(frame, philox(j, seed)) for j, frame in enumerate(frames)])


def build(source: Port, target: Port, **params: object) -> RateToSpikes:
    return RateToSpikes(source, target, RateToSpikes.Params(**params))


class TestChannelByChannel(TranslatorContract):
    translator = RateToSpikes
    source, target = rates(6, dt_ms=0.25), cells(6)
    params = RateToSpikes.Params(scale=20)
    refuses = (
        (cells(6), cells(6)),
        (rates(6, unit="mV"), cells(6)),
        (rates(6).but(quantity="angular_velocity"), cells(6)),
    )


class TestOneRateForMany(TranslatorContract):
    translator = RateToSpikes
    source, target = rates(1, unit="1/ms", of="value"), cells(30)
    params = RateToSpikes.Params(scale=0.02)


def test_counts_have_the_mean_and_the_variance_of_a_poisson_process():
    channels, steps = 20, 4000
    expected = np.linspace(0, 190, channels)  # Hz; 0 to 0.19 spikes a step
    out = play(build(rates(channels), cells(channels)), np.tile(expected, (steps, 1)), rows=10)
    totals = np.bincount(out.channels, minlength=channels)
    mean = expected * steps * 1e-3
    assert totals[0] == 0
    assert np.all(np.abs(totals[1:] - mean[1:]) < Z * np.sqrt(mean[1:]))

    # dispersion test: Σ (n - mean)² / mean over windows of 20 ms is chi-squared with one degree less than there are windows;
    # the channels are given the false alarm rate together
    windows = 200
    for channel in range(5, channels):
        counts = np.bincount((out.times_ns[out.channels == channel] - 1) // (20 * NS_PER_MS), minlength=windows)
        fano = counts.var(ddof=1) / counts.mean()
        low, high = stats.chi2.ppf([ALARM / 2 / channels, 1 - ALARM / 2 / channels], windows - 1) / (windows - 1)
        assert low < fano < high


def test_every_step_and_channel_has_a_poisson_count_of_its_own():
    """Drawing the total first, then its places, gives the counts that a draw for each place would give."""
    pattern = np.array([[400.0, 0.0, 900.0], [100.0, 1500.0, 0.0]])  # Hz, two steps of a frame
    repeats = 4000
    out = play(build(rates(3), cells(3)), np.tile(pattern, (repeats, 1)), rows=2)
    place = ((out.times_ns - 1) // NS_PER_MS) * 3 + out.channels
    counts = np.bincount(place, minlength=repeats * 6).reshape(repeats, 6)
    for got, mean in zip(counts.T, pattern.ravel() * 1e-3, strict=True):
        if mean == 0:
            assert not got.any()
            continue
        top = 4
        observed = np.bincount(np.minimum(got, top), minlength=top + 1)
        law = np.append(stats.poisson.pmf(np.arange(top), mean), stats.poisson.sf(top - 1, mean))
        usual = law * repeats > 5  # the usual limit of the chi-squared approximation; the rest is lumped
        observed, law = np.append(observed[usual], observed[~usual].sum()), np.append(law[usual], law[~usual].sum())
        keep = law > 0
        assert stats.chisquare(observed[keep], law[keep] / law[keep].sum() * repeats).pvalue > ALARM
    scatter = np.corrcoef(counts[:, pattern.ravel() > 0].T)[np.triu_indices(4, 1)]
    assert np.all(np.abs(scatter) < Z / np.sqrt(repeats))


def test_no_bias_at_a_tenth_of_a_hertz():
    """n = ceil(rate dt) spikes a step would be ten thousand times too many here."""
    trains, steps = 1000, 20_000
    out = play(build(rates(1), cells(trains)), np.full((steps, 1), 0.1), rows=1)
    mean = 0.1 * trains * steps * 1e-3
    assert abs(len(out) - mean) < Z * np.sqrt(mean)


def test_intervals_are_exponential_in_operational_time():
    steps = 20_000
    rate = 60 + 55 * np.sin(np.arange(steps) / 37)  # Hz, per step of 1 ms
    out = play(build(rates(1), cells(1)), rate[:, None], rows=5)
    grid = np.append(0, np.cumsum(rate) * 1e-3)
    operational = np.interp(out.times_ns / NS_PER_MS, np.arange(steps + 1), grid)  # ∫ rate up to each spike
    assert len(out) > 1000
    assert stats.kstest(np.diff(operational, prepend=0), "expon").pvalue > ALARM


def test_times_are_uniform_over_the_whole_nanoseconds_of_a_step():
    dt_ns = 7
    translator = RateToSpikes(rates(1).but(dt_ns=dt_ns), cells(1), RateToSpikes.Params())
    out = translator.translate(Samples(Window(100, 100 + dt_ns), np.full((1, 1), 3e12)), philox(0))
    counts = np.bincount(out.times_ns - 100, minlength=dt_ns + 1)
    assert counts[0] == 0
    assert counts[1:].sum() == len(out) > 20_000
    assert stats.chisquare(counts[1:]).pvalue > ALARM


@given(st.integers(1, 5), st.lists(st.booleans(), min_size=1, max_size=8), st.integers(-1000, 1000), st.integers(0, 2**32))
def test_no_spike_slips_out_of_its_step(dt_ns, active, start_ns, seed):
    """Steps of few ns, at negative times too: many spikes stand on boundaries, and all in (start, stop] of a step with a rate."""
    values = np.where(active, 3e9, 0.0)[:, None]
    translator = RateToSpikes(rates(1).but(dt_ns=dt_ns), cells(1), RateToSpikes.Params())
    window = Window(start_ns, start_ns + dt_ns * len(active))
    out = translator.translate(Samples(window, values), philox(0, seed))
    steps = [next(k for k in range(len(active)) if start_ns + k * dt_ns < t <= start_ns + (k + 1) * dt_ns) for t in out.times_ns]
    assert all(active[k] for k in steps)


def test_trains_are_pairwise_independent():
    trains, windows = 30, 5000
    out = play(build(rates(1), cells(trains)), np.full((windows, 1), 80.0), dt_ms=5)
    counts = np.bincount((out.times_ns - 1) // (5 * NS_PER_MS) * trains + out.channels, minlength=windows * trains)
    correlation = np.corrcoef(counts.reshape(windows, trains).T)[np.triu_indices(trains, 1)]
    # windows · ρ² of one pair is chi-squared with one degree of freedom; pairs of uncorrelated variables add
    low, high = stats.chi2.ppf([ALARM / 2, 1 - ALARM / 2], len(correlation))
    assert low < windows * (correlation**2).sum() < high
    assert abs(correlation.mean()) < Z / np.sqrt(windows * len(correlation))


def test_frames_are_independent():
    windows = 5000
    out = play(build(rates(1), cells(1)), np.full((windows, 1), 300.0))
    counts = np.bincount((out.times_ns - 1) // NS_PER_MS, minlength=windows)
    assert abs(np.corrcoef(counts[:-1], counts[1:])[0, 1]) < Z / np.sqrt(windows)


def test_shared_gives_one_train_a_source_channel():
    translator = build(rates(1), cells(8), trains="shared")
    assert translator.port.space.labels == ("0",)
    assert set(play(translator, np.full((50, 1), 500.0)).channels) == {0}


def test_one_rate_takes_the_channels_of_the_target():
    target = cells(3).but(space=Space(("soma", "dend", "axon")))
    assert build(rates(1), target).port.space.labels == target.space.labels


def test_unit_and_scale_multiply_the_rate():
    kilohertz = build(rates(2, unit="kHz"), cells(2), scale=0.5)
    hertz = build(rates(2), cells(2))
    a, b = play(kilohertz, np.full((100, 2), 0.25)), play(hertz, np.full((100, 2), 125.0))
    assert len(a) > 0
    assert np.array_equal(a.times_ns, b.times_ns)
    assert np.array_equal(a.channels, b.channels)


@settings(max_examples=20)
@given(st.sampled_from([-1.0, -1e-300, np.nan]), st.integers(0, 3), st.integers(0, 2))
def test_a_rate_below_zero_is_refused_by_channel_and_time(bad, step, channel):
    space = Space(("left", "middle", "right"))
    translator = build(rates(3).but(space=space), cells(3).but(space=space))
    values = np.full((4, 3), 5.0)
    values[step, channel] = bad
    with pytest.raises(CosimError, match=rf"channel '{space.labels[channel]}' of 'rate' .* at {11 + step} ms") as caught:
        translator.translate(Samples(Window(10 * NS_PER_MS, 14 * NS_PER_MS), values), philox(0))
    assert "scale: {low: 0}" in caught.value.mend


@pytest.mark.parametrize("rate", [1e15, np.inf])
def test_absurdly_many_spikes_are_refused_before_they_are_drawn(rate):
    with pytest.raises(CosimError, match="would make"):
        play(build(rates(1), cells(1)), np.full((1, 1), rate))


def test_refusals_say_what_fits():
    with pytest.raises(CosimError, match="is in mV") as caught:
        build(rates(1, unit="mV"), cells(1))
    assert "Hz" in caught.value.mend
    with pytest.raises(CosimError, match="takes samples of firing_rate") as caught:
        build(cells(2), cells(2))
    assert "these are spikes" in caught.value.mend
    with pytest.raises(CosimError, match="2 rates cannot be given to 3 independent trains") as caught:
        build(rates(2), cells(3), trains="independent")
    assert "trains: shared" in caught.value.mend
    with pytest.raises(ValidationError):
        RateToSpikes.Params(scale=-1)


@pytest.mark.parametrize("kernel", [{"kernel": "bin"}, {"kernel": "exp", "tau": "20 ms", "initial": 7.0}])
def test_there_and_back_is_unbiased(kernel):
    """Rate to spikes to rate: the mean over a long time is the rate, within Z of the deviation of its spike count."""
    trains, steps, rate = 50, 8000, 7.0
    spikes = build(rates(1), cells(trains))
    source = spikes.port.but(dt_ns=NS_PER_MS)
    back = SpikesToRate(source, rates(1), SpikesToRate.Params(**kernel))
    out = []
    for j in range(steps):
        window = Window(j * NS_PER_MS, (j + 1) * NS_PER_MS)
        out.append(back.translate(spikes.translate(Samples(window, np.full((1, 1), rate)), philox(j)), philox(j)).values[0, 0])
    assert back.port.unit == "Hz"
    # A spike at a uniform time has, summed over the ends of the bins that follow, a weight of mean 1, whatever the kernel; what has
    # not come out at the end came out of ``initial`` at the start. So the mean deviates as the number of spikes does.
    assert abs(np.mean(out) - rate) < Z * np.sqrt(rate / (trains * steps * 1e-3))
