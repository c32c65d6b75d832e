"""Pair and triplet rules, synapse by synapse against sums over all pairs of spikes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engines.point_neurons.plasticity.pairs import DELAY_MS, W_MAX, expected, network, pair_stdp, trains, triplet_stdp
from tests.engines.point_neurons.running import changes, run

STOP_MS = 400.0
PRE, POST = trains(6, 30.0, STOP_MS, seed=1), trains(5, 30.0, STOP_MS, seed=2)
TIMES_MS = (100.0, 250.5, 400.0)


def course(plasticity, **more):
    """(rows, synapses) w every 0.5 ms."""
    return run(STOP_MS, **network(PRE, POST, plasticity, **more))["w"] / W_MAX


def largest_error(found, reference):
    wanted = [expected(PRE, POST, reference, time) for time in TIMES_MS]
    return max(np.abs(found[round(2 * time) - 1] - rows).max() for time, rows in zip(TIMES_MS, wanted, strict=True))


@pytest.mark.parametrize("pairing", ["all", "nearest"])
@pytest.mark.parametrize(("mu_plus", "mu_minus"), [(0.0, 0.0), (1.0, 1.0), (0.4, 0.7), (0.0, 1.0)])
def test_pairs_of_spikes_change_weights_as_defined(pairing, mu_plus, mu_minus):
    given = {"rule": "stdp", "pairing": pairing, "tau_plus": 15.0, "tau_minus": 30.0, "lambda": 0.05, "alpha": 1.1}
    found = course(given | {"mu_plus": mu_plus, "mu_minus": mu_minus})
    reference = pair_stdp(
        15.0, 30.0, lambda w: 0.05 * (1 - w) ** mu_plus, lambda w: 0.055 * w**mu_minus, nearest=pairing == "nearest"
    )
    assert largest_error(found, reference) < 1e-12
    assert np.ptp(found[-1]) > 0.1  # something has been learnt, and not the same everywhere


def test_hard_bounds_hold_and_are_reached():
    found = course({"rule": "stdp", "A_plus": 0.4, "A_minus": 0.5, "mu_plus": 0.0, "mu_minus": 0.0})
    assert (found.min(), found.max()) == (0.0, 1.0)
    reference = pair_stdp(20.0, 20.0, lambda w: 0.4, lambda w: 0.5)
    assert largest_error(found, reference) < 1e-12


def test_weights_move_between_any_two_bounds():
    """Of inhibition: from -3e-4 at w = 1 to -1e-4 at w = 0; a third of the way at the start."""
    given = {"rule": "stdp", "w_min": -1e-4, "w_max": -3e-4, "lambda": 0.05}
    found = run(STOP_MS, **network(PRE, POST, given, weight=-1e-4 - 2e-4 / 3))["w"]
    reference = pair_stdp(20.0, 20.0, lambda w: 0.05 * (1 - w), lambda w: 0.05 * w, start=1 / 3)
    assert np.abs((found[-1] + 1e-4) / -2e-4 - expected(PRE, POST, reference, STOP_MS)).max() < 1e-12


def test_triplets_of_spikes_change_weights_as_defined():
    taus = {"tau_plus": 16.8, "tau_minus": 33.7, "tau_x": 101.0, "tau_y": 125.0}
    amplitudes = {"A2_plus": 5e-3, "A3_plus": 6.2e-3, "A2_minus": 7e-3, "A3_minus": 2.3e-3}
    found = course({"rule": "stdp_triplet"} | taus | amplitudes)
    assert largest_error(found, triplet_stdp(taus, amplitudes)) < 1e-12
    assert np.ptp(found[-1]) > 0.01


@pytest.mark.parametrize("gap_ms", [10.0, -10.0])
def test_triplets_learn_more_of_fast_pairings(gap_ms):
    """30 pairs, the target ``gap_ms`` after the source as they reach the synapse, at 1 to 50 Hz; sums over them in closed form."""
    found = []
    for rate_hz in (1.0, 10.0, 20.0, 40.0, 50.0):
        period = 1000.0 / rate_hz
        pre = [20.0 + k * period for k in range(30)]
        post = [round(t + gap_ms - DELAY_MS, 1) for t in pre]
        given = network([pre], [post], {"rule": "stdp_triplet"} | MINIMAL, weights=LAST)
        found.append(run(np.ceil(pre[-1] + 20.0), **given)["w"][-1, 0] / W_MAX - 0.5)
        assert found[-1] == pytest.approx(_sum_over_pairs(period, gap_ms, 30), abs=1e-12)
    assert found[0] < 1e-3 < 0.05 < found[-1] == max(found)  # slow pairs do not strengthen, fast ones do, in whatever order


MINIMAL = {"tau_plus": 16.8, "tau_minus": 33.7, "tau_x": 101.0, "tau_y": 114.0, "A3_plus": 6.5e-3, "A2_minus": 7.1e-3}
LAST = {"w": {"projection": "learns", "synapses": "all"}}


def _sum_over_pairs(period, gap_ms, count):
    """r1, o2 and o1 at the spikes of regular trains are geometric series."""

    def series(first, tau, terms):
        q = np.exp(-period / tau)
        return np.exp(-first / tau) * (1 - q**terms) / (1 - q)

    k = np.arange(count)
    after, before = gap_ms % period, -gap_ms % period  # from a spike of the source to the next of the target, and back
    sources = k + 1 if gap_ms > 0 else k  # of the source before target spike k; and of the target before source spike k
    targets = k if gap_ms > 0 else k + 1
    r1, o2, o1 = series(after, 16.8, sources), series(period, 114.0, k), series(before, 33.7, targets)
    return float((r1 * 6.5e-3 * o2).sum() - (o1 * 7.1e-3).sum())


def test_spikes_at_one_instant_are_no_pair():
    """The target's spike reaches the synapse when the source spikes: it pairs with the source's earlier spikes alone."""
    pre, post = [10.0, 30.0], [28.5]
    found = run(40, **network([pre], [post], {"rule": "stdp", "A_plus": 0.1, "A_minus": 0.1, "mu_plus": 0, "mu_minus": 0}))["w"]
    assert found[-1, 0] / W_MAX == pytest.approx(0.5 + 0.1 * np.exp(-1.0), abs=1e-14)


def test_silent_sources_learn_from_targets_that_spike_for_long():
    """Far more spikes of the target than are remembered lie between the two spikes of the source."""
    pre, post = [[5.0, 395.0], [5.0]], [[round(6.0 + 2.0 * k, 1) for k in range(190)]]
    given = {"rule": "stdp", "A_plus": 0.01, "A_minus": 0.0, "mu_plus": 0, "mu_minus": 0, "tau_plus": 80.0}
    found = run(STOP_MS, **network(pre, post, given))["w"] / W_MAX
    reference = pair_stdp(80.0, 20.0, lambda w: 0.01, lambda w: 0.0)
    for time in TIMES_MS:
        assert np.abs(found[round(2 * time) - 1] - expected(pre, post, reference, time)).max() < 1e-12


@pytest.mark.parametrize("rule", ["stdp", "stdp_triplet"])
def test_weights_do_not_depend_on_windows_threads_or_a_saved_state(rule):
    post = [*POST[:4], [round(1.0 + 1.1 * k, 1) for k in range(350)]]  # the last one makes its synapses look back often
    assert changes(STOP_MS, 2.0, **network(PRE, post, {"rule": rule})) == []
