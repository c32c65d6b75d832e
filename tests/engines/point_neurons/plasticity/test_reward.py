"""Reward-modulated plasticity: the integral of eligibility times reward, exactly; whatever the rows, windows and gaps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.engines.point_neurons.plasticity.pairs import W_MAX, events, expected, network, trains
from tests.engines.point_neurons.running import changes, run

STOP_MS = 600.0
PRE, POST = trains(4, 20.0, STOP_MS, seed=3), trains(3, 20.0, STOP_MS, seed=4)
RULE = {"rule": "stdp_reward", "modulator": "reward", "A_plus": 0.2, "A_minus": 0.15, "tau_eligibility": 70.0, "baseline": 0.3}
REWARD = np.random.default_rng(5).normal(1.0, 8.0, 600)  # rows of 1 ms


def with_reward(pre=PRE, post=POST, **more):
    given = network(pre, post, RULE | more)
    return given | {"inputs": {"reward": {"kind": "modulator"}}}


def course(rule, rows, row_ms):
    """w by integrating from row to row and spike to spike; times in ms, w changes by c (m - baseline) per s."""

    def of(pre, post, stop_ms):
        w, c, now = 0.5, 0.0, 0.0
        edges = [(k * row_ms, None) for k in range(1, math.floor(stop_ms / row_ms) + 1)]
        found = sorted([*events(pre, post, stop_ms), *edges, (stop_ms, None)], key=lambda event: event[0])
        for time, is_pre in found:
            reward = rows[min(math.floor(now / row_ms + 1e-9), len(rows) - 1)] - rule["baseline"]
            decay = math.exp(-(time - now) / rule["tau_eligibility"])
            w += c * reward * rule["tau_eligibility"] / 1000.0 * (1.0 - decay)
            c, now = c * decay, time
            if is_pre is False:
                c += rule["A_plus"] * sum(math.exp(-(time - t) / 20.0) for t in pre if t < time - 1e-6)
            if is_pre is True:
                c -= rule["A_minus"] * sum(math.exp(-(time - t) / 20.0) for t in post if t < time - 1e-6)
        return w

    return of


def test_weights_gather_the_eligibility_weighed_by_the_reward():
    found = run(STOP_MS, {"reward": REWARD}, **with_reward())["w"] / W_MAX
    assert 0.0 < found.min() < found.max() < 1.0
    for time in (123.5, 400.0, 600.0):
        wanted = expected(PRE, POST, course(RULE, REWARD, 1.0), time)
        assert found[round(2 * time) - 1] == pytest.approx(wanted, abs=1e-12)
    assert np.ptp(found[-1]) > 0.01


@pytest.mark.parametrize("tau_ms", [5.0, 2000.0])
def test_long_gaps_and_short_memories_are_as_exact(tau_ms):
    """No spikes for 500 ms, while the reward changes 500 times; brought up to date every 204.8 or 0.4 ms, or not at all."""
    pre, post = [[10.0, 590.0], [10.0]], [[11.0, 585.0], [12.0]]
    found = run(STOP_MS, {"reward": REWARD}, **with_reward(pre, post, tau_eligibility=tau_ms))["w"][-1] / W_MAX
    rule = RULE | {"tau_eligibility": tau_ms}
    assert found == pytest.approx(expected(pre, post, course(rule, REWARD, 1.0), STOP_MS), abs=1e-12)
    assert np.abs(found - 0.5).max() > 1e-5


def test_nothing_is_learnt_at_the_baseline():
    found = run(STOP_MS, {"reward": [0.3]}, **with_reward())["w"] / W_MAX
    assert (found == 0.5).all()


def test_an_unlinked_reward_is_0():
    found = run(STOP_MS, None, **with_reward())["w"]
    assert (found == run(STOP_MS, {"reward": [0.0]}, **with_reward())["w"]).all()
    assert np.ptp(found) > 0.0


def test_bounds_hold():
    found = run(STOP_MS, {"reward": 100.0 * REWARD}, **with_reward())["w"] / W_MAX
    assert (found.min(), found.max()) == (0.0, 1.0)


def test_eligibility_is_recorded():
    weights = {"c": {"projection": "learns", "of": "eligibility", "synapses": [[0, 0]]}}
    pre, post = [[10.0]], [[13.5]]
    found = run(50, {"reward": [1.0]}, **(with_reward(pre, post) | {"weights": weights}))["c"]
    assert found[-1, 0] == pytest.approx(0.2 * math.exp(-5.0 / 20.0 - 35.0 / 70.0), abs=1e-15)


@pytest.mark.parametrize("tau_ms", [5.0, 70.0])
def test_weights_do_not_depend_on_windows_threads_or_a_saved_state(tau_ms):
    assert changes(STOP_MS, 1.0, {"reward": REWARD}, **with_reward(tau_eligibility=tau_ms)) == []
