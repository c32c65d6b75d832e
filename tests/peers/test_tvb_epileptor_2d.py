"""The two-dimensional Epileptor in TVB and here: 76 regions with delays, state by state."""

from __future__ import annotations

import numpy as np
import pytest
from tvb_network import largest_difference, random_states, run_ours, run_tvb

STEPS = 3000
STARTS = random_states({"x1": (-2.0, 0.8), "z": (2.7, 4.0)}, seed=4)
STRENGTH, TVB_RATE = 0.01, 0.00035


def of_tvb(starts=STARTS, integrator="heun", **values):
    from tvb.simulator import coupling, models

    model = models.Epileptor2D(**{name: np.atleast_1d(value) for name, value in values.items()})
    return run_tvb(model, coupling.Difference(a=np.array([STRENGTH])), starts, steps=STEPS, integrator=integrator)


def of_ours(starts=STARTS, integrator="heun", **values):
    parameters = {"tau0": 1 / TVB_RATE, "as_tvb": 1.0, **values}
    return run_ours("epileptor_2d", starts, G=STRENGTH, steps=STEPS, integrator=integrator, parameters=parameters)


@pytest.mark.parametrize("integrator", ["heun", "euler", "rk4"])
def test_trajectories_agree_with_tvb(integrator):
    theirs = of_tvb(Ks=-0.3, Kvf=0.2, integrator=integrator)
    assert (theirs[-1, 0] > 0).sum() > 5  # regions in either state
    assert (theirs[-1, 0] < -1).sum() > 5
    # sums are made in another order, 1e-16 each, over 3000 steps
    assert largest_difference(of_ours(K=0.3, K_vf=0.2, integrator=integrator), theirs).max() < 1e-10
    assert largest_difference(of_ours(K=-0.3, K_vf=0.2, integrator=integrator), theirs).max() > 1e-3  # the sign counts


def test_other_values_mean_the_same_in_both():
    x0 = np.linspace(-2.4, -1.6, 76)
    theirs = of_tvb(Ks=-0.3, x0=x0, Iext=3.3, slope=0.4, r=0.001, tt=0.5)
    ours = of_ours(K=0.3, x0=x0.tolist(), I_1=3.3, slope=0.4, tau0=1000.0, T=2.0)
    assert largest_difference(ours, theirs).max() < 1e-10


def test_the_sigmoidal_permittivity_agrees():
    theirs = of_tvb(Ks=-0.3, r=0.01, modification=True)
    assert largest_difference(of_ours(K=0.3, tau0=100.0, sigmoidal=1.0), theirs).max() < 1e-10
    assert largest_difference(of_ours(K=0.3, tau0=100.0), theirs).max() > 1e-3


def test_permittivity_below_zero_is_driven_back_as_in_tvb():
    starts = {**STARTS, "z": np.linspace(-1.2, -0.4, 76)}
    theirs = of_tvb(starts, Ks=-0.3, r=0.01)
    assert largest_difference(of_ours(starts, K=0.3, tau0=100.0), theirs).max() < 1e-10
    assert largest_difference(of_ours(starts, K=0.3, tau0=100.0, as_tvb=0.0), theirs).max() > 1e-2


def test_tvb_leaves_the_printed_cubic_where_x1_is_positive():
    """Where x1 stays below 0 both are one, and above they part."""
    quiet = {"x1": np.linspace(-2.0, -1.4, 76), "z": np.full(76, 3.2)}
    assert largest_difference(of_ours(quiet, as_tvb=0.0, K=0.0, x0=-2.3), of_tvb(quiet, x0=-2.3)).max() < 1e-10
    assert largest_difference(of_ours(as_tvb=0.0, K=0.3), of_tvb(Ks=-0.3)).max() > 1e-2
