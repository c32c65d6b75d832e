"""Montbrió-Pazó-Roxin in TVB and here: 76 regions with delays, state by state.

TVB counts time in ms and rates in 1/ms, and adds the network term without tau where the paper and ours have tau times it: its
a is our G tau / ms. It puts r to 0 where it falls below, ours does not: r never does here. Its Gamma is not in its equations.
"""

from __future__ import annotations

import numpy as np
import pytest
from tvb_network import largest_difference, random_states, run_ours, run_tvb

DT_MS = 0.02  # of tau = 1 ms; TVB's own 0.1 makes the high state ring, and 0.3 leaves it
STEPS = 10_000  # 200 tau
VALUES = {"J": 14.5, "eta": -4.6}
STARTS = random_states({"r": (0.0, 1.5), "V": (-2.0, 1.5)}, seed=4)  # regions on both sides of the middle fixed point


def of_tvb(strength=0.002, tau=1.0, starts=STARTS, **given):
    from tvb.simulator import coupling, models

    values = {name: np.array([value]) for name, value in {**VALUES, "Delta": 0.7, "tau": tau}.items()}
    return run_tvb(models.MontbrioPazoRoxin(**values), coupling.Linear(a=np.array([strength * tau])), starts, **given)


def of_ours(strength=0.002, tau=1.0, starts=STARTS, **given):
    initial = {"r": 1000 * starts["r"], "v": starts["V"]}
    parameters = {**VALUES, "delta": 0.7, "tau": tau}
    found = run_ours("montbrio_pazo_roxin", initial, G=strength, parameters=parameters, **given)
    return found * np.array([1e-3, 1.0])[:, None]


@pytest.mark.parametrize("integrator", ["heun", "euler", "rk4"])
def test_trajectories_agree_with_tvb(integrator):
    given = {"steps": STEPS, "dt_ms": DT_MS, "integrator": integrator}
    theirs = of_tvb(**given)
    high = theirs[-1, 0] > 0.5
    assert 10 < high.sum() < 66  # some regions end in the high state, others in the low one: not a trivial agreement
    # sums are made in another order: 1e-16 each, over 10 000 steps, drawn out where a region passes the middle fixed point
    assert largest_difference(of_ours(**given), theirs).max() < 1e-10


def test_trajectories_agree_with_tvb_as_it_is_shipped():
    given = {"steps": STEPS, "dt_ms": DT_MS}
    found = largest_difference(of_ours(**given), of_tvb(**given, precise=False))
    assert found.max() < 1e-6  # TVB keeps weights and the past in single precision: 6e-8 of each
    assert found.max() > 1e-10  # which is what makes the difference


def test_trajectories_agree_at_another_speed_and_time_constant():
    slow = {"r": STARTS["r"] / 10, "V": STARTS["V"]}
    given = {"steps": 3000, "dt_ms": 0.1, "speed": 1.5, "tau": 10.0, "starts": slow}
    assert largest_difference(of_ours(**given), of_tvb(**given)).max() < 1e-10  # TVB's a: 10 G


@pytest.fixture(scope="module")
def lopsided():
    """A connectome that goes one way more than the other: weights and lengths (mm), row = receiver."""
    rng = np.random.default_rng(7)
    weights = np.where(rng.random((12, 12)) < 0.4, rng.random((12, 12)), 0.0)
    return weights, rng.uniform(5, 150, (12, 12))


def test_a_reversed_matrix_is_caught(lopsided):
    weights, lengths = lopsided
    starts = random_states({"r": (0.0, 1.5), "V": (-2.0, 1.5)}, seed=5, regions=12)
    given = {"steps": 3000, "dt_ms": DT_MS, "strength": 0.1, "starts": starts}
    theirs = of_tvb(**given, weights=weights, lengths=lengths)
    assert largest_difference(of_ours(**given, weights=weights, lengths=lengths), theirs).max() < 1e-10
    assert largest_difference(of_ours(**given, weights=weights.T.copy(), lengths=lengths.T.copy()), theirs).min() > 1e-2
    assert largest_difference(of_ours(**given, weights=weights, lengths=lengths.T.copy()), theirs).min() > 1e-3  # its delays alone


def test_delays_are_rounded_alike_also_at_the_half(lopsided):
    """Lengths that are a whole number of half steps: 0.5, 1.5, 2.5 … go to the even neighbour in both."""
    weights, _ = lopsided
    halves = np.random.default_rng(8).integers(1, 200, weights.shape)
    starts = random_states({"r": (0.0, 1.5), "V": (-2.0, 1.5)}, seed=6, regions=12)
    given = {"steps": 2000, "dt_ms": 0.03125, "speed": 4.0, "strength": 0.1, "starts": starts, "weights": weights}
    lengths = halves * 0.5 * 0.03125 * 4.0  # exact in binary
    theirs = of_tvb(**given, lengths=lengths)
    assert largest_difference(of_ours(**given, lengths=lengths, short_delays="round"), theirs).max() < 1e-10
    up = np.floor(halves * 0.5 + 0.5) * 0.03125 * 4.0
    assert largest_difference(of_ours(**given, lengths=up), theirs).max() > 1e-6  # the other rule would show
