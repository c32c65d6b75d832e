"""Stuart-Landau in TVB (SupHopf, coupling Difference) and here: 76 regions with delays, state by state.

TVB's omega is in radians per ms, and its a and coupling count time in ms too: our T is then 1 ms.
"""

from __future__ import annotations

import numpy as np
import pytest
from tvb_network import largest_difference, random_states, run_ours, run_tvb

STARTS = random_states({"x": (-1.0, 1.0), "y": (-1.0, 1.0)}, seed=1)
OMEGA = np.random.default_rng(2).uniform(0.1, 0.3, 76)  # rad/ms


def of_tvb(a, **given):
    from tvb.simulator import coupling, models

    model = models.SupHopf(a=np.array([a]), omega=OMEGA)
    return run_tvb(model, coupling.Difference(a=np.array([0.001])), STARTS, **given)


def of_ours(a, **given):
    parameters = {"T": "1 ms", "a": a, "f": (1000 * OMEGA / (2 * np.pi)).tolist()}
    return run_ours("stuart_landau", STARTS, G=0.001, parameters=parameters, **given)


@pytest.mark.parametrize("integrator", ["heun", "euler", "rk4"])
@pytest.mark.parametrize("a", [0.1, -0.02])
def test_trajectories_agree_with_tvb(integrator, a):
    given = {"steps": 3000, "integrator": integrator}
    theirs = of_tvb(a, **given)
    assert np.ptp(theirs[-1, 0]) > 1e-4  # the regions differ
    assert largest_difference(of_ours(a, **given), theirs).max() < 1e-13


def test_trajectories_agree_with_tvb_as_it_is_shipped():
    """It keeps weights and the past in single precision."""
    assert largest_difference(of_ours(0.1, steps=3000), of_tvb(0.1, steps=3000, precise=False)).max() < 1e-6
