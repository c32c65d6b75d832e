"""The linear model in TVB (Linear) and here: 76 regions with delays, at every step. TVB's gamma has the opposite sign."""

from __future__ import annotations

import numpy as np
import pytest
from tvb_network import largest_difference, random_states, run_ours, run_tvb

STARTS = random_states({"x": (-1.0, 1.0)}, seed=1)


def of_tvb(**given):
    from tvb.simulator import coupling, models

    return run_tvb(models.Linear(gamma=np.array([-0.1])), coupling.Linear(a=np.array([0.002])), STARTS, **given)


def of_ours(**given):
    return run_ours("linear", STARTS, G=0.002, parameters={"T": 1.0, "gamma": 0.1}, **given)


@pytest.mark.parametrize("integrator", ["heun", "euler", "rk4"])
def test_trajectories_agree_with_tvb(integrator):
    given = {"steps": 3000, "integrator": integrator}
    theirs = of_tvb(**given)
    assert np.abs(theirs[-1]).max() > 1e-4  # after 300 ms the network still rings: it is not just the decay, e^-30
    assert largest_difference(of_ours(**given), theirs).max() < 1e-13


def test_trajectories_agree_with_tvb_as_it_is_shipped():
    """It keeps weights and the past in single precision."""
    assert largest_difference(of_ours(steps=3000), of_tvb(steps=3000, precise=False)).max() < 1e-6
