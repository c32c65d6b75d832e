"""Kuramoto in TVB and here: 76 regions with delays, at every step.

TVB's omega is in radians per ms. Its coupling is documented as a / N, N regions; TVB 2.10 divides by the number of its coupling
variables instead, which is 1.
"""

from __future__ import annotations

import numpy as np
import pytest
from tvb_network import largest_difference, random_states, run_ours, run_tvb

STARTS = random_states({"theta": (0.0, 2 * np.pi)}, seed=1)
OMEGA = np.random.default_rng(2).uniform(0.2, 0.3, 76)  # rad/ms
STRENGTH = 0.002  # 1/ms


def of_tvb(**given):
    from tvb.simulator import coupling, models

    model = models.Kuramoto(omega=OMEGA)
    return run_tvb(model, coupling.Kuramoto(a=np.array([STRENGTH])), STARTS, **given)


def of_ours(**given):
    parameters = {"f": (1000 * OMEGA / (2 * np.pi)).tolist(), "K": 1000.0}
    return run_ours("kuramoto", STARTS, G=STRENGTH, parameters=parameters, **given)


@pytest.mark.parametrize("integrator", ["heun", "euler", "rk4"])
def test_trajectories_agree_with_tvb(integrator):
    given = {"steps": 3000, "integrator": integrator}
    theirs = of_tvb(**given)
    assert np.abs(theirs[-1, 0] - STARTS["theta"] - 300 * OMEGA).max() > 0.5  # the coupling does move the phases
    assert largest_difference(of_ours(**given), theirs).max() < 1e-13


def test_trajectories_agree_with_tvb_as_it_is_shipped():
    """It keeps weights and the past in single precision."""
    assert largest_difference(of_ours(steps=3000), of_tvb(steps=3000, precise=False)).max() < 1e-6
