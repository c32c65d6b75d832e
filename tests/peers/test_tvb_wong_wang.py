"""Wong-Wang with one population in TVB (ReducedWongWang) and here: 76 regions with delays, at every step.

TVB counts time in ms, so its a is 0.27 / (kHz nC), b 0.108 kHz and d 154 ms; its default w = 0.6 and I_o = 0.33 are not the
paper's. Both keep S between 0 and 1.
"""

from __future__ import annotations

import numpy as np
import pytest
from tvb_network import largest_difference, random_states, run_ours, run_tvb

STARTS = random_states({"S": (0.0, 1.0)}, seed=1)


def of_tvb(w, I_0, **given):
    from tvb.simulator import coupling, models

    values = {"w": w, "I_o": I_0, "gamma": 0.641}
    model = models.ReducedWongWang(**{name: np.array([value]) for name, value in values.items()})
    return run_tvb(model, coupling.Linear(a=np.array([0.01])), STARTS, **given)


def of_ours(w, I_0, **given):
    return run_ours("wong_wang", STARTS, G=0.01, parameters={"w": w, "I_0": I_0}, **given)


@pytest.mark.parametrize("integrator", ["heun", "euler", "rk4"])
@pytest.mark.parametrize(("w", "I_0"), [(0.9, 0.3), (0.6, 0.33)])
def test_trajectories_agree_with_tvb(integrator, w, I_0):
    given = {"steps": 3000, "integrator": integrator}
    theirs = of_tvb(w, I_0, **given)
    assert np.ptp(theirs[-1]) > 0.05  # the regions differ
    # sums are made in another order: some 1e-15
    assert largest_difference(of_ours(w, I_0, **given), theirs).max() < 1e-13


def test_trajectories_agree_with_tvb_as_it_is_shipped():
    """It keeps weights and the past in single precision."""
    found = largest_difference(of_ours(0.9, 0.3, steps=3000), of_tvb(0.9, 0.3, steps=3000, precise=False))
    assert found.max() < 1e-6
