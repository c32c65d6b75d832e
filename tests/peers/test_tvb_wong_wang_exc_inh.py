"""Wong-Wang with two populations in TVB (ReducedWongWangExcInh) and here: 76 regions with delays, state by state.

TVB counts time in ms, its gammas in 1/1000, and has a G of its own, 2 by default, beside the coupling's a; W_E, W_I, J_i and lamda
(feedforward) are the same. Its gamma_i is 1/1000 and its S_I's weight on inhibitory cells 1 nA. It keeps S_I below 1, ours need
not: S_I is 10 ms times the inhibitory rate, 0.04 at rest.
"""

from __future__ import annotations

import numpy as np
import pytest
from tvb_network import largest_difference, random_states, run_ours, run_tvb

STARTS = random_states({"S_e": (0.0, 1.0), "S_i": (0.0, 1.0)}, seed=2)
J_I = np.random.default_rng(3).uniform(0.8, 2.0, 76)


def of_tvb(feedforward, **given):
    from tvb.simulator import coupling, models

    model = models.ReducedWongWangExcInh(lamda=np.array([feedforward]), J_i=J_I)
    return run_tvb(model, coupling.Linear(a=np.array([0.01])), STARTS, **given)


def of_ours(feedforward, **given):
    initial = {"S_E": STARTS["S_e"], "S_I": STARTS["S_i"]}
    parameters = {"feedforward": feedforward, "J_i": J_I.tolist()}
    return run_ours("wong_wang_exc_inh", initial, G=0.01 * 2.0, parameters=parameters, **given)


@pytest.mark.parametrize("integrator", ["heun", "euler", "rk4"])
@pytest.mark.parametrize("feedforward", [0.0, 0.4])
def test_trajectories_agree_with_tvb(integrator, feedforward):
    given = {"steps": 3000, "integrator": integrator}
    theirs = of_tvb(feedforward, **given)
    assert np.ptp(theirs[-1, 0]) > 0.05  # the regions differ
    # sums are made in another order: some 1e-15
    assert largest_difference(of_ours(feedforward, **given), theirs).max() < 1e-13


def test_trajectories_agree_with_tvb_as_it_is_shipped():
    """It keeps weights and the past in single precision."""
    found = largest_difference(of_ours(0.0, steps=3000), of_tvb(0.0, steps=3000, precise=False))
    assert found.max() < 1e-6
