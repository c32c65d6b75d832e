"""Releases alone: when molecules appear, how many, and what is left in the terminal."""

import numpy as np
import pytest

from cosim.sdk import Window
from engines.reaction_diffusion.params import Release
from engines.reaction_diffusion.release import Releaser, Sites

MS = 1_000_000
DT = 10_000


def sites(count=1, places=1):
    shares = np.tile(np.arange(1, places + 1) / np.arange(1, places + 1).sum(), count)
    return Sites(np.arange(count + 1) * places, np.arange(count * places), shares, 1000)


def releaser(is_whole=False, replicas=1, at=None, seed=1, molecules=100, **more):
    params = Release(species="glutamate", at=[(0, 0, 0)], molecules=molecules, **more)
    return Releaser("vesicle", params, at or sites(), DT, replicas, seed, is_whole)


def hear(item, times_ms, channels=None, stop_ms=1000.0):
    times = np.array([round(t * MS) for t in times_ms], np.int64)
    item.hear(Window(0, round(stop_ms * MS)), times, np.zeros(len(times), np.int64) if channels is None else np.array(channels))


@pytest.mark.parametrize(("at_ns", "step"), [(1 * MS, 100), (1 * MS + 4_999, 100), (1 * MS + 5_000, 101), (1 * MS - 4_999, 100)])
def test_a_spike_acts_at_the_start_of_the_nearest_step(at_ns, step):
    item = releaser()
    item.hear(Window(0, 2 * MS), np.array([at_ns]), np.array([0]))
    found = item.take(0, 90, 50)
    assert found.steps.tolist() == [step - 90]
    assert found.amounts.tolist() == [100]


def test_a_spike_at_the_end_of_a_window_acts_in_the_next():
    item = releaser()
    item.hear(Window(0, MS), np.array([MS - 1]), np.array([0]))
    assert len(item.take(0, 0, 100).steps) == 0
    item.forget(100)
    item.hear(Window(MS, 2 * MS), np.array([], np.int64), np.array([], np.int64))
    assert item.take(0, 100, 100).steps.tolist() == [0]


def test_all_of_a_vesicle_comes_out_over_its_time():
    """In each step what an exponential loses in it, to rounding."""
    item = releaser(lasting=MS)
    hear(item, [1.0])
    found = item.take(0, 0, 100_000)
    assert found.amounts.sum() == pytest.approx(100, rel=1e-14)
    assert found.amounts[:5] == pytest.approx(100 * (1 - np.exp(-DT / MS)) * np.exp(-DT / MS * np.arange(5)), rel=1e-12)


def test_whole_molecules_are_spread_over_places_and_time_without_loss():
    item = releaser(is_whole=True, at=sites(2, 7), molecules=101, lasting=50_000)
    hear(item, [1.0, 2.0, 2.0], [0, 1, 0])
    found = item.take(0, 0, 100_000)
    assert (found.amounts == np.round(found.amounts)).all()
    assert found.amounts.sum() == 303
    assert [found.amounts[found.places // 7 == site].sum() for site in (0, 1)] == [202, 101]


def test_its_own_times_release_at_all_sites_once():
    item = releaser(at=sites(3), times=[0, 2 * MS])
    for k in range(4):
        item.hear(Window(k * MS, (k + 1) * MS), np.array([], np.int64), np.array([], np.int64))
    found = item.take(0, 0, 1000)
    assert found.steps.tolist() == [0] * 3 + [200] * 3


def mean_release(times_ms, u, recovery_ms, facilitation_ms=None):
    """Tsodyks and Markram (1997): what of one vesicle each spike releases on average."""
    docked, use, last, found = 1.0, 0.0, 0.0, []
    for time in times_ms:
        docked += (1 - docked) * (1 - np.exp(-(time - last) / recovery_ms))
        if facilitation_ms:
            use = use * np.exp(-(time - last) / facilitation_ms)
            use += u * (1 - use)
        else:
            use = u
        found.append(docked * use)
        docked -= docked * use
        last = time
    return np.array(found)


@pytest.mark.parametrize("facilitation_ms", [None, 100])
def test_the_mean_is_that_of_tsodyks_and_markram(facilitation_ms):
    times = np.cumsum([5, 10, 20, 20, 60, 200, 5])
    vesicles = {"places": 4, "probability": 0.3, "recovery": 80 * MS}
    if facilitation_ms:
        vesicles["facilitation"] = facilitation_ms * MS
    item = releaser(vesicles=vesicles)
    hear(item, times)
    expected = 4 * 100 * mean_release(times, 0.3, 80, facilitation_ms)
    assert item.take(0, 0, 100_000).amounts == pytest.approx(expected, rel=1e-12)


def test_single_vesicles_have_that_mean_and_the_variance_of_a_binomial():
    """The first spike: n p and n p (1 - p). Later ones: the mean (vesicles are independent, so it holds for each)."""
    times, replicas = np.cumsum([5, 10, 20, 20]), 4000
    item = releaser(True, replicas, molecules=1, vesicles={"places": 5, "probability": 0.4, "recovery": 50 * MS})
    hear(item, times)
    found = np.zeros((replicas, len(times)))
    for k in range(replicas):
        taken = item.take(k, 0, 100_000)
        found[k, np.searchsorted(np.round(times * MS / DT), taken.steps)] = taken.amounts
    expected = 5 * mean_release(times, 0.4, 50)
    error = np.sqrt(expected * (1 - expected / 5) / replicas)  # each place gives one or none
    assert (np.abs(found.mean(axis=0) - expected) < 4 * error).all()
    assert found[:, 0].var() == pytest.approx(5 * 0.4 * 0.6, rel=4 * np.sqrt(2 / replicas))


def test_windows_and_saving_change_nothing():
    times, vesicles = np.cumsum([0.3, 0.4, 0.9, 1.3, 0.001]), {"places": 5, "probability": 0.4, "recovery": 2 * MS}
    whole = releaser(True, 3, vesicles=vesicles, lasting=200_000)
    hear(whole, times, stop_ms=4)
    parts = releaser(True, 3, vesicles=vesicles, lasting=200_000)
    amounts = [[] for _ in range(3)]
    for k in range(8):
        window = Window(k * MS // 2, (k + 1) * MS // 2)
        ns = np.array([round(t * MS) for t in times if window.start_ns < round(t * MS) <= window.stop_ns], np.int64)
        parts.hear(window, ns, np.zeros(len(ns), np.int64))
        for replica in range(3):
            taken = parts.take(replica, k * 50, 50)
            amounts[replica] += [(step + k * 50, amount) for step, amount in zip(taken.steps, taken.amounts, strict=True)]
        parts.forget((k + 1) * 50)
        state, parts = parts.save(), releaser(True, 3, vesicles=vesicles, lasting=200_000)
        parts.load(state)
    for replica in range(3):
        expected = whole.take(replica, 0, 400)
        assert amounts[replica] == list(zip(expected.steps, expected.amounts, strict=True))
