"""The generic two-dimensional oscillator in TVB and here: 76 regions with delays, state by state, for TVB's parameter sets."""

from __future__ import annotations

import numpy as np
import pytest
from tvb_network import largest_difference, random_states, run_ours, run_tvb

STEPS = 3000
STARTS = random_states({"V": (-2.0, 4.0), "W": (-6.0, 6.0)}, seed=4)
GHOSH = {"a": 1.05, "b": -1.0, "c": 0.0, "d": 0.1, "e": 0.0, "f": 1 / 3, "g": 1.0, "alpha": 1.0, "beta": 0.2, "gamma": -1.0,
         "tau": 1.25}  # fmt: skip
SETS = {
    "excitable": {"a": -2.0, "b": -10.0, "c": 0.0},
    "excitable, a = 2": {"a": 2.0, "b": -10.0, "c": 0.0},
    "bistable": {"a": 1.0, "b": 0.0, "c": -5.0},
    "bistable, I = -1": {"a": 1.0, "b": 0.0, "c": -5.0, "I": -1.0},
    "Morris-Lecar": {"a": 0.5, "b": 0.6, "c": -4.0},
    "Ghosh et al. 2008": GHOSH,
    "Sanz Leon et al. 2013": {"a": -0.5, "b": -10.0, "c": 0.0},
}


def of_tvb(values, strength, integrator="heun"):
    from tvb.simulator import coupling, models

    model = models.Generic2dOscillator(**{name: np.array([value]) for name, value in values.items()})
    return run_tvb(model, coupling.Linear(a=np.array([strength])), STARTS, steps=STEPS, integrator=integrator)


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_trajectories_agree_with_tvb(values):
    theirs = of_tvb(values, 0.005)
    ours = run_ours("generic_2d_oscillator", STARTS, G=0.005, steps=STEPS, parameters=values)
    # sums are made in another order, 1e-16 each, over 3000 steps
    assert largest_difference(ours, theirs).max() < 1e-10
    weaker = run_ours("generic_2d_oscillator", STARTS, G=0.0049, steps=STEPS, parameters=values)
    assert largest_difference(weaker, theirs).max() > 1e-4  # the network is not idle


@pytest.mark.parametrize("integrator", ["euler", "rk4"])
def test_trajectories_agree_with_the_other_integrators_of_tvb(integrator):
    values = {**GHOSH, "I": 0.3, "d": 0.05}
    ours = run_ours("generic_2d_oscillator", STARTS, G=0.005, steps=STEPS, parameters=values, integrator=integrator)
    assert largest_difference(ours, of_tvb(values, 0.005, integrator)).max() < 1e-10
