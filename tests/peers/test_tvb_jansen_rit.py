"""Jansen-Rit in TVB and here: 76 regions with delays, state by state; TVB's convention and the published one."""

from __future__ import annotations

import numpy as np
import pytest
from tvb_network import largest_difference, random_states, run_ours, run_tvb

STEPS = 3000  # of 0.1 ms: three cycles
RANGES = {"y0": (0.0, 0.2), "y1": (0.0, 40.0), "y2": (0.0, 30.0), "y3": (-0.01, 0.01), "y4": (-1.0, 1.0), "y5": (-0.5, 0.5)}
STARTS = random_states(RANGES, seed=4)
PER_SECOND = np.array([1.0, 1.0, 1.0, 1e-3, 1e-3, 1e-3])[:, None]
"""States of ``jansen_rit`` in TVB's units: slopes in mV/ms."""


def of_tvb(strength=5.0, sent=None, integrator="heun", **values):
    from tvb.simulator import coupling, models

    model = models.JansenRit(**{name: np.array([value]) for name, value in values.items()})
    sigmoid = {name: np.array([value]) for name, value in {"a": strength, **(sent or {})}.items()}
    return run_tvb(model, coupling.SigmoidalJansenRit(**sigmoid), STARTS, steps=STEPS, integrator=integrator)


@pytest.mark.parametrize("integrator", ["heun", "euler", "rk4"])
def test_trajectories_agree_with_tvb(integrator):
    theirs = of_tvb(integrator=integrator)
    potential = theirs[-1000:, 1] - theirs[-1000:, 2]
    assert (np.ptp(potential, axis=0) > 1.0).sum() > 20  # mV; regions that oscillate
    ours = run_ours("jansen_rit_tvb", STARTS, G=5.0, steps=STEPS, integrator=integrator)
    # sums are made in another order, and the sigmoid is written otherwise: 1e-16 each, over 3000 steps
    assert largest_difference(ours, theirs).max() < 1e-10
    weaker = run_ours("jansen_rit_tvb", STARTS, G=4.9, steps=STEPS, integrator=integrator)
    assert largest_difference(weaker, theirs).max() > 1e-3  # the network is not idle


def test_other_values_mean_the_same_in_both():
    values = {"A": 3.6, "B": 20.0, "a": 0.09, "b": 0.06, "J": 128.0, "a_1": 1.1, "a_2": 0.7, "a_3": 0.3, "a_4": 0.2,
              "nu_max": 0.003, "v0": 5.8, "r": 0.6, "mu": 0.15}  # fmt: skip
    sent = {"cmin": 0.0005, "cmax": 0.006, "midpoint": 5.0}
    ours = run_ours("jansen_rit_tvb", STARTS, G=2.0, steps=STEPS, parameters={**values, **sent, "r_sent": 0.5})
    assert largest_difference(ours, of_tvb(2.0, {**sent, "r": 0.5}, **values)).max() < 1e-10


def test_the_published_model_is_tvbs_with_v0_of_6_mv():
    """Then TVB's coupling has the midpoint of the region's own sigmoid; its input is p."""
    starts = {name: values / scale for (name, values), scale in zip(STARTS.items(), PER_SECOND[:, 0], strict=True)}
    for p in (120.0, 220.0):
        ours = run_ours("jansen_rit", starts, G=5.0, steps=STEPS, parameters={"p": p}) * PER_SECOND
        assert largest_difference(ours, of_tvb(v0=6.0, mu=p / 1000)).max() < 1e-10
