"""The calcium rule against a fine integration of its equations, and by what is known of single spikes."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from tests.engines.point_neurons.plasticity.pairs import DELAY_MS, W_MAX, expected, network, trains
from tests.engines.point_neurons.running import changes, run

STOP_MS = 300.0
PRE, POST = trains(3, 25.0, STOP_MS, seed=6), trains(3, 25.0, STOP_MS, seed=7)
DP = {"tau_ca": 20.0, "C_pre": 1.0, "C_post": 2.0, "theta_d": 1.0, "theta_p": 1.3, "gamma_d": 200.0, "gamma_p": 321.808, "D": 13.7}
FAST = {"rule": "calcium", "tau": 2.0}  # s: so that much is learnt in a short run


def course(rule, double_well, tolerance=1e-12):
    """w by a solver that starts anew wherever calcium jumps or crosses a threshold."""

    def of(pre, post, stop_ms):
        jumps = sorted([(t + rule["D"], rule["C_pre"]) for t in pre] + [(t, rule["C_post"]) for t in post])
        w, calcium, now = 0.5, 0.0, 0.0
        for time, size in [*((t, s) for t, s in jumps if t < stop_ms + 1e-9), (stop_ms, 0.0)]:
            above = [
                (rule["tau_ca"] * math.log(calcium / rule[name]) if calcium > rule[name] else 0.0)
                for name in ("theta_d", "theta_p")
            ]
            edges = sorted({0.0, time - now, *(min(t, time - now) for t in above)})
            for begin, end in pairwise(edges):
                if end - begin < 1e-9:
                    continue
                down, up = (
                    gamma * (begin < t) / rule["tau"] / 1e3
                    for gamma, t in zip((rule["gamma_d"], rule["gamma_p"]), above, strict=True)
                )
                well = double_well / rule["tau"] / 1e3

                def slope(_, w, up=up, down=down, well=well):
                    return well * w * (1 - w) * (w - 0.5) + up * (1 - w) - down * w

                w = solve_ivp(slope, (0.0, end - begin), [w], rtol=tolerance, atol=tolerance, method="DOP853").y[0, -1]
            calcium = calcium * math.exp(-(time - now) / rule["tau_ca"]) + size
            now = time
        return w

    return of


@pytest.mark.parametrize("double_well", [False, True])
@pytest.mark.parametrize("changed", [{}, {"D": 0.0}, {"theta_d": 1.3, "theta_p": 1.0}])
def test_efficacies_follow_the_equations(double_well, changed):
    rule = DP | FAST | changed
    found = run(STOP_MS, **network(PRE, POST, rule | {"double_well": double_well}))["w"] / W_MAX
    for time in (100.0, 300.0):
        wanted = expected(PRE, POST, course(rule, double_well), time)
        assert found[round(2 * time) - 1] == pytest.approx(wanted, abs=1e-10)  # of the solver's tolerance over some 50 pieces
    assert np.ptp(found[-1]) > 0.05


def test_a_lone_spike_of_the_source_does_nothing_and_one_of_the_target_does():
    """C_pre just reaches theta_d and C_post is above both: log 2 and log 2 / 1.3 time constants of depression and potentiation."""
    rule = DP | FAST | {"double_well": False}
    found = run(100, **network([[10.0], []], [[], [20.0]], rule))["w"][-1] / W_MAX
    assert found[0] == 0.5  # the source has spiked, not the target
    both, alone = 20.0 * math.log(2.0 / 1.3), 20.0 * (math.log(2.0) - math.log(2.0 / 1.3))
    up, down = 321.808 / 2000.0, 200.0 / 2000.0
    w = up / (up + down) + (0.5 - up / (up + down)) * math.exp(-(up + down) * both)
    assert found[3] == pytest.approx(w * math.exp(-down * alone), abs=1e-14)  # source without, target with a spike


def test_at_rest_efficacies_fall_into_one_of_two_wells():
    """x = w - 1/2: x^2 grows by a logistic equation, x^2 / (1/4 - x^2) by exp(t / (2 tau))."""
    for start in (0.4, 0.6):
        given = network([[]], [[]], {"rule": "calcium", "tau": 0.02}, weight=start * W_MAX, weights={"w": {"projection": "learns"}})
        found = run(100, **given)["w"][-1, 0] / W_MAX
        odds = 0.01 / 0.24 * math.exp(100.0 / 40.0)
        assert found - 0.5 == pytest.approx(math.copysign(math.sqrt(0.25 * odds / (1 + odds)), start - 0.5), abs=1e-9)


@pytest.mark.parametrize("changed", [{}, {"D": 0.0}])
def test_weights_do_not_depend_on_windows_threads_or_a_saved_state(changed):
    post = [*POST, [round(1.0 + 1.1 * k, 1) for k in range(260)]]
    assert changes(STOP_MS, 1.0, **network(PRE, post, DP | FAST | changed)) == []


@pytest.mark.parametrize(("gap_ms", "sign"), [(-30.0, -1), (-10.0, -1), (5.0, 1), (20.0, 1)])
def test_the_defaults_depress_before_and_potentiate_after_the_source(gap_ms, sign):
    """The target spikes ``gap_ms`` after the source, as it reaches the synapse; ten pairs, one a second."""
    pre = [[100.0 + 1000.0 * k for k in range(10)]]
    post = [[round(time + gap_ms - DELAY_MS, 1) for time in pre[0]]]
    given = network(pre, post, {"rule": "calcium"}, weights={"w": {"projection": "learns"}})
    assert sign * (run(9500, **given)["w"][-1, 0] / W_MAX - 0.5) > 0.01
