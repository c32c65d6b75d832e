"""Sources of Poisson spikes, relays, and background spikes: counts, intervals, independence, rates that move."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chisquare, kstest, poisson

from tests.engines.point_neurons.running import MS, Run, changes, run

Floats = NDArray[np.float64]
DT_MS = 0.1


def assert_poisson(counts: Floats, mean: float) -> None:
    """(steps, neurons) counts: mean, variance, distribution; tolerances are 5 standard errors of n counts."""
    n = counts.size
    assert counts.mean() == pytest.approx(mean, abs=5 * math.sqrt(mean / n))
    assert counts.var() / counts.mean() == pytest.approx(1, abs=5 * math.sqrt(2 / n + 1 / (n * mean)))
    k = np.arange(poisson.ppf(1e-3, mean), poisson.ppf(1 - 1e-3, mean) + 1)
    inner, expected = np.array([(counts == value).sum() for value in k]), poisson.pmf(k, mean) * n
    assert chisquare([*inner, n - inner.sum()], [*expected, n - expected.sum()]).pvalue > 1e-4


def assert_independent(counts: Floats, mean: float) -> None:
    """Of the next step, the next neuron, both; and steps against neurons."""
    z = (counts - mean) / math.sqrt(mean)
    side = min(counts.shape)
    square = z[:side, :side]
    for lagged in (z[1:] * z[:-1], z[:, 1:] * z[:, :-1], z[1:, 1:] * z[:-1, :-1], (square * square.T)[np.triu_indices(side, 1)]):
        assert lagged.mean() == pytest.approx(0, abs=5 / math.sqrt(lagged.size))


# -- sources -------------------------------------------------------------------------------------------------------------------


def sources(stop_ms: float, size: int, drive: Any = None, dt: int = MS // 10, **parameters: Any) -> Run:
    return run(
        stop_ms,
        None if drive is None else {"drive": drive},
        populations={"s": {"model": "poisson_generator", "size": size, "parameters": parameters}},
        inputs={"drive": {"kind": "drive", "to": "s", "input": "drive", "each": True}},
        dt=dt,
    )


def counted(found: Run, steps: int, size: int, dt: int = MS // 10) -> Floats:
    """(steps, size) spikes."""
    counts = np.zeros((steps, size))
    np.add.at(counts, (found.spikes.times_ns // dt - 1, found.spikes.channels), 1.0)
    return counts


@pytest.mark.parametrize("rate", [200.0, 9000.0])
def test_a_source_has_poisson_counts_and_several_spikes_a_step_where_its_rate_is_high(rate: float) -> None:
    counts = counted(sources(200, 500, rate=rate), 2000, 500)
    assert_poisson(counts, rate * DT_MS / 1000)
    assert_independent(counts, rate * DT_MS / 1000)
    assert counts.max() > (6 if rate > 1000 else 1)


def test_intervals_of_a_source_are_exponential_and_unrelated() -> None:
    """Times are known to a step: within it they are laid anywhere."""
    found, rng = sources(6000, 100, rate=50.0), np.random.default_rng(3)
    intervals = []
    for channel in range(100):
        times = np.sort(found.times_ms(channel) - DT_MS * rng.uniform(size=len(found.times_ms(channel))))
        intervals.append(np.diff(times)[:200])
    gathered = np.array(intervals)  # the first 200 of each neuron: of 300, so that none is cut off by the end
    assert gathered.shape == (100, 200)
    assert kstest(gathered.ravel() / 20.0, "expon").pvalue > 1e-3
    z = gathered / 20.0 - 1.0
    assert abs((z[:, 1:] * z[:, :-1]).mean()) < 5 / math.sqrt(z[:, 1:].size)


def test_a_rate_from_outside_moves_a_source() -> None:
    """rate + drive, 0 where that is negative: a sine of 40 ms over one and a half of its periods, one phase a neuron."""
    steps, size = 600, 1000
    phase = np.arange(size) / size * 2 * np.pi
    drive = 300.0 * np.sin(2 * np.pi * np.arange(steps)[:, None] / 400 + phase)
    counts = counted(sources(60, size, drive, rate=100.0), steps, size)
    mean = np.maximum(100.0 + drive, 0.0) * DT_MS / 1000
    assert not counts[mean == 0.0].any()
    # rows and columns of the table against their sums, each a Poisson number
    for axis in (0, 1):
        sums, expected = counts.sum(axis=axis), mean.sum(axis=axis)
        z = (sums - expected) / np.sqrt(np.maximum(expected, 1e-12))
        assert np.abs(z[expected > 5]).max() < 5.5
        assert (z[expected > 5] ** 2).mean() == pytest.approx(1, abs=5 * math.sqrt(2.5 / (expected > 5).sum()))


def test_each_source_may_have_a_rate_of_its_own() -> None:
    counts = counted(sources(1000, 4, rate=[0.0, 10.0, 100.0, 1000.0]), 10_000, 4).sum(axis=0)
    assert counts[0] == 0
    assert np.all(np.abs(counts[1:] - [10, 100, 1000]) < 5 * np.sqrt([10, 100, 1000]))


def test_a_source_does_not_depend_on_who_else_is_there() -> None:
    one = {"model": "poisson_generator", "size": 5, "parameters": {"rate": 100.0}}
    alone = run(200, populations={"s": one}).spikes
    beside = run(200, populations={"other": one, "s": one}).spikes
    mine = beside.channels >= 5
    assert len(alone) > 50
    assert np.array_equal(alone.times_ns, beside.times_ns[mine])
    assert np.array_equal(alone.channels + 5, beside.channels[mine])
    assert not np.array_equal(alone.times_ns, beside.times_ns[~mine])


# -- relays --------------------------------------------------------------------------------------------------------------------


def relayed(times: list[float], channels: list[int], weight: float = 1.0, **given: Any) -> list[tuple[float, int]]:
    found = run(
        10,
        {"x": (times, channels)},
        populations={"p": {"model": "parrot", "size": 3}},
        inputs={"x": {"kind": "spikes", "size": 3}},
        projections={"xp": {"from": "x", "to": "p", "rule": "one_to_one", "weight": weight, **given}},
    )
    return list(zip((found.spikes.times_ns / MS).tolist(), found.spikes.channels.tolist(), strict=True))


def test_a_relay_repeats_what_arrives_at_the_step_at_which_it_arrives() -> None:
    assert relayed([1.0, 2.0, 2.0, 3.0], [0, 1, 2, 0], delay=0.4) == [(1.4, 0), (2.4, 1), (2.4, 2), (3.4, 0)]


def test_a_relay_repeats_as_many_spikes_as_arrive_at_once() -> None:
    assert relayed([1.0, 1.0, 2.0], [0, 0, 1]) == [(1.0, 0), (1.0, 0), (2.0, 1)]
    assert relayed([1.0, 2.0], [0, 1], weight=2.0) == [(1.0, 0), (1.0, 0), (2.0, 1), (2.0, 1)]


def test_a_relay_leaves_out_what_is_of_no_weight() -> None:
    assert relayed([1.0, 2.0], [0, 1], weight=0.0) == []
    assert relayed([1.0, 2.0], [0, 1], weight=-1.0) == []


def test_spikes_go_through_a_chain_of_relays_and_keep_their_number() -> None:
    """Sources of up to several spikes a step, two relays behind one another: the same counts, later by the delays."""
    size, steps = 60, 1000
    one = {"model": "parrot", "size": size}
    found = run(
        100,
        populations={"s": {"model": "poisson_generator", "size": size, "parameters": {"rate": 5000.0}}, "p": one, "q": one},
        projections={
            "sp": {"from": "s", "to": "p", "rule": "one_to_one", "weight": 1.0, "delay": 0.3},
            "pq": {"from": "p", "to": "q", "rule": "one_to_one", "weight": 1.0, "delay": 0.2},
        },
    )
    counts = counted(found, steps, 3 * size)
    first, second, third = (counts[:, k * size : (k + 1) * size] for k in range(3))
    assert first.max() > 3
    assert np.array_equal(first[:-3], second[3:])
    assert np.array_equal(second[:-2], third[2:])
    assert not second[:3].any()
    assert not third[:5].any()


# -- background ----------------------------------------------------------------------------------------------------------------


def arrived(steps: int, rows: Any = None, **network: Any) -> Floats:
    """(steps, 500) counts of what arrives: a current that is gone after a step holds them in pA."""
    leaky = {"model": "iaf_psc_exp", "size": 500, "parameters": {"V_th": 1e9, "tau_syn_ex": 1e-3}}
    given = {"inputs": {"x": {"kind": "rate", "to": "e", "weight": 1.0, "each": True}}} if rows is not None else {}
    found = run(
        steps * DT_MS,
        None if rows is None else {"x": rows},
        populations={"e": {**leaky, **network}},
        record={"i_ex": {"e": "all"}},
        **given,
    )
    counts: Floats = np.rint(found["i_ex"])
    assert np.abs(found["i_ex"] - counts).max() < 1e-7  # whole numbers but for quanta, 2^-40 of the largest weight
    return counts


@pytest.mark.parametrize("mean", [0.02, 0.8, 7.0, 40.0])
def test_background_spikes_are_poisson_and_independent(mean: float) -> None:
    """40 a step is drawn as a sum of three."""
    counts = arrived(200, poisson={"x": {"rate": mean * 1e4, "weight": 1.0}})
    assert_poisson(counts, mean)
    assert_independent(counts, mean)


def test_two_backgrounds_are_independent_and_add_up() -> None:
    counts = arrived(200, poisson={"x": {"rate": 4000.0, "weight": 1.0}, "y": {"rate": 9000.0, "weight": 1.0}})
    assert_poisson(counts, 1.3)
    counts = arrived(200, poisson={"x": {"rate": 4000.0, "weight": 1.0}, "y": {"rate": 4000.0, "weight": 1000.0}})
    first, second = counts % 1000, counts // 1000
    assert_poisson(second, 0.4)
    z = (first - 0.4) * (second - 0.4) / 0.4
    assert abs(z.mean()) < 5 / math.sqrt(z.size)


@pytest.mark.parametrize("top", [9000.0, 400_000.0])
def test_a_rate_input_becomes_poisson_spikes_of_that_rate(top: float) -> None:
    rates = np.where(np.arange(200) < 100, 0.2 * top, top)[:, None] * np.linspace(0, 2, 500)  # Hz
    counts = arrived(200, rates)
    mean = rates * DT_MS / 1000
    deviation = counts - mean
    for part in (slice(100), slice(100, 200)):
        n = deviation[part].size
        assert abs(deviation[part].mean()) < 5 * math.sqrt(mean[part].mean() / n)
        square = deviation[part, 1:] ** 2 / mean[part, 1:]  # variance of each: 2 + 1/mean
        assert square.mean() == pytest.approx(1, abs=5 * math.sqrt((2 + 1 / mean[part, 1:]).mean() / n))
    assert not counts[:, 0].any()


def test_background_does_not_depend_on_who_else_is_there() -> None:
    noisy = {"model": "iaf_psc_exp", "size": 50, "poisson": {"x": {"rate": 9000.0, "weight": 88.0}}}
    alone = run(50, populations={"e": noisy}).spikes
    beside = run(50, populations={"i": {"model": "iaf_psc_exp", "size": 3}, "e": noisy}).spikes
    assert len(alone) > 50
    assert np.array_equal(alone.times_ns, beside.times_ns)
    assert np.array_equal(alone.channels + 3, beside.channels)


NETWORK: dict[str, Any] = {
    "populations": {
        "s": {"model": "poisson_generator", "size": 70, "parameters": {"rate": 500.0}},
        "p": {"model": "parrot", "size": 70},
        "e": {
            "model": "iaf_psc_exp",
            "size": 40,
            "poisson": {"x": {"rate": 9000.0, "weight": 80.0}, "y": {"rate": 2e5, "weight": 1.0}},
        },
    },
    "projections": {
        "sp": {"from": "s", "to": "p", "rule": "one_to_one", "weight": 1.0, "delay": 0.5},
        "pe": {"from": "p", "to": "e", "rule": "fixed_indegree", "indegree": 5, "weight": 30.0, "delay": 1.5},
    },
    "inputs": {"drive": {"kind": "drive", "to": "s", "input": "drive"}, "more": {"kind": "rate", "to": "e", "weight": 20.0}},
    "record": {"potential": {"e": [0, 39]}},
}


def test_windows_threads_and_a_saved_state_change_no_bit() -> None:
    played = {"drive": np.linspace(0, 5000, 500), "more": np.linspace(8000, 0, 500)}
    assert len(run(50, played, **NETWORK).times_ms()) > 1000
    assert changes(50, 0.5, played, **NETWORK) == []
