"""Wilson-Cowan in TVB and here: 76 regions with delays, state by state, with both forms of TVB's response functions.

TVB's response is c S(a (alpha (x - theta) - b)); so our slope is a alpha and our threshold theta + b / alpha. With shift_sigmoid it
subtracts the logistic function of -a b, as ours does of -a theta: for theta = 0 the same. Its k is a number, ours a multiple of
S(inf). Its network reaches E alone, as here.
"""

from __future__ import annotations

import numpy as np
import pytest
from tvb_network import largest_difference, random_states, run_ours, run_tvb

STARTS = random_states({"E": (0.0, 1.0), "I": (0.0, 1.0)}, seed=1)
TVB = {
    "c_ee": 12.0,
    "c_ei": 4.0,
    "c_ie": 13.0,
    "c_ii": 11.0,
    "a_e": 1.2,
    "b_e": 2.8,
    "a_i": 1.0,
    "b_i": 4.0,
    "P": 0.5,
}  # its own but P
WITHOUT_SHIFT = {  # the 20 Hz cycle of TVB's table 1, after Sanz-Leon et al. 2014
    "c_ee": 10.0, "c_ei": 6.0, "c_ie": 10.0, "c_ii": 1.0, "a_e": 1.0, "a_i": 1.0, "b_e": 0.0, "b_i": 0.0, "alpha_e": 1.2,
    "alpha_i": 2.0, "theta_e": 2.0, "theta_i": 3.5, "r_e": 0.0, "r_i": 0.0, "P": 0.5,
}  # fmt: skip
PAPER = {"c_ee": 16.0, "c_ei": 12.0, "c_ie": 15.0, "c_ii": 3.0, "a_e": 1.3, "b_e": 4.0, "a_i": 2.0, "b_i": 3.7, "P": 1.25}
DEFAULT = {"alpha_e": 1.0, "alpha_i": 1.0, "theta_e": 0.0, "theta_i": 0.0, "r_e": 1.0, "r_i": 1.0, "tau_e": 10.0, "tau_i": 8.0}


def logistic(x):
    return 1 / (1 + np.exp(-x))


def of_tvb(values, shift, strength, **given):
    from tvb.simulator import coupling, models

    arrays = {name: np.array([value]) for name, value in (DEFAULT | values).items()}
    model = models.WilsonCowan(**arrays, shift_sigmoid=np.array([shift]))
    return run_tvb(model, coupling.Linear(a=np.array([strength])), STARTS, **given)


def of_ours(values, shift, strength, **given):
    v = DEFAULT | values
    parameters = {"c1": v["c_ee"], "c2": v["c_ei"], "c3": v["c_ie"], "c4": v["c_ii"], "P": v["P"], "shift": float(shift)}
    for ours, theirs in (("E", "e"), ("I", "i")):
        a, alpha, b = v[f"a_{theirs}"], v[f"alpha_{theirs}"], v[f"b_{theirs}"]
        threshold = v[f"theta_{theirs}"] + b / alpha
        parameters |= {f"a_{ours}": a * alpha, f"theta_{ours}": threshold, f"r_{ours}": v[f"r_{theirs}"]}
        parameters |= {f"tau_{ours}": v[f"tau_{theirs}"]}
        parameters |= {f"saturation_{ours}": 1 / (1 - logistic(-a * alpha * threshold)) if shift else 1.0}
    return run_ours("wilson_cowan", STARTS, G=strength, parameters=parameters, **given)


@pytest.mark.parametrize("integrator", ["heun", "euler", "rk4"])
@pytest.mark.parametrize(
    ("values", "shift"), [(TVB, True), (WITHOUT_SHIFT, False), (PAPER, True)], ids=["as TVB", "without shift", "as the paper"]
)
def test_trajectories_agree_with_tvb(integrator, values, shift):
    given = {"steps": 3000, "integrator": integrator, "strength": 0.01}
    theirs = of_tvb(values, shift, **given)
    assert np.ptp(theirs[-1], axis=1).min() > 1e-3  # the regions differ
    # sums in another order, and thresholds that are sums of TVB's: 1e-16, which cycles of 20 Hz enlarge
    assert largest_difference(of_ours(values, shift, **given), theirs).max() < 1e-11


def test_trajectories_agree_with_tvb_as_it_is_shipped():
    """It keeps weights and the past in single precision."""
    given = {"steps": 3000, "strength": 0.01}
    found = largest_difference(of_ours(WITHOUT_SHIFT, False, **given), of_tvb(WITHOUT_SHIFT, False, **given, precise=False))
    assert found.max() < 1e-6
