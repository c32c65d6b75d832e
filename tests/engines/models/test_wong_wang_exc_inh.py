"""Wong-Wang with two populations: fixed points, an independent solver, feedback inhibition in closed form, where inputs act."""

from __future__ import annotations

import numpy as np
import pytest
from model_runs import CHAIN, received, run, solve
from scipy.optimize import root

from cosim.sdk import CosimError

MODEL = "wong_wang_exc_inh"
ALL = ["S_E", "S_I", "rate", "rate_i"]
THREE = np.array([[0.0, 0.2, 0.3], [0.5, 0.0, 0.5], [1.5, 0.5, 0.0]])  # rows sum to 0.5, 1 and 2


def rate(x, a, b, d):
    """H in Hz of a current in nA; Deco et al. 2014, equations 7 and 8."""
    y = a * x - b
    return y / (1 - np.exp(-d * y))


def currents(S_E, S_I, network=0.0, J_i=1.0, current=0.0, current_i=0.0, share=0.0):
    """x_E, x_I in nA; equations 5 and 6."""
    x_E = 0.382 + 1.4 * 0.15 * S_E + 0.15 * network - J_i * S_I + current
    return x_E, 0.7 * 0.382 + 0.15 * S_E - S_I + share * 0.15 * network + current_i


def slopes(states, **given):
    """dS_E/dt, dS_I/dt in 1/s; equations 9 and 10."""
    S_E, S_I = states
    x_E, x_I = currents(S_E, S_I, **given)
    r_E, r_I = rate(x_E, 310.0, 125.0, 0.16), rate(x_I, 615.0, 177.0, 0.087)
    return np.array([-S_E / 0.1 + (1 - S_E) * 0.641 * r_E, -S_I / 0.01 + r_I])


def fixed_point(**given):
    found = root(lambda s: slopes(s, **given), [0.16, 0.04], tol=1e-15)
    assert np.abs(slopes(found.x, **given)).max() < 1e-11
    return found.x


def controlled(network_in):
    """J_i in nA of regions that receive ``network_in`` times their own S_E, and r_E in Hz; x_E = b_E / a_E - 0.026 nA."""
    x_E = 125.0 / 310.0 - 0.026
    r_E = rate(x_E, 310.0, 125.0, 0.16)
    S_E = 0.1 * 0.641 * r_E / (1 + 0.1 * 0.641 * r_E)
    S_I = root(lambda s: -s / 0.01 + rate(0.7 * 0.382 + 0.15 * S_E - s, 615.0, 177.0, 0.087), 0.04, tol=1e-15).x[0]
    assert np.allclose([S_E, S_I], [0.164120, 0.039163], atol=5e-7)
    return (0.382 + 1.4 * 0.15 * S_E + 0.15 * np.asarray(network_in) * S_E - x_E) / S_I, r_E


def test_fixed_point_of_an_isolated_region_is_the_paper_s():
    S_E, S_I = fixed_point()
    assert abs(S_E - 0.164757) < 5e-7  # the paper's number
    x_E, x_I = currents(S_E, S_I)
    expected = [S_E, S_I, rate(x_E, 310.0, 125.0, 0.16), rate(x_I, 615.0, 177.0, 0.087)]
    assert np.allclose(expected[2:], [3.0773, 3.9218], atol=5e-5)
    for start in (0.0, 0.5):
        out = run(MODEL, 5000, initial={"S_E": start, "S_I": start}, outputs=ALL)
        assert np.allclose([out[name][-1, 0] for name in ALL], expected, rtol=1e-9)


def test_a_region_starts_at_its_fixed_point():
    out = run(MODEL, 1000, outputs=ALL)
    assert np.ptp(out["rate"]) < 1e-3  # Hz; the file has six digits


@pytest.mark.parametrize("start", [(0.0, 0.0), (0.9, 0.3)])
def test_agrees_with_a_solver(start):
    given = {"current": 0.03, "current_i": -0.02, "J_i": 1.3}
    inputs = {name: np.full((5000, 1), given[name]) for name in ("current", "current_i")}
    expected = solve(lambda s: slopes(s, **given), start, 0.5, 5000)
    initial = dict(zip(("S_E", "S_I"), start, strict=True))
    out = run(MODEL, 500, inputs, initial=initial, outputs=ALL, integrator="rk4", parameters={"J_i": 1.3})
    # dt is 0.01 of tau_I and 0.02 of its relaxation time: rk4 leaves some (0.02)^5 a step at the start
    assert np.abs(out["S_E"][:, 0] - expected[0]).max() < 1e-9
    assert np.abs(out["S_I"][:, 0] - expected[1]).max() < 1e-9
    x_E, x_I = currents(expected[0], expected[1], **given)
    assert np.allclose(out["rate"][:, 0], rate(x_E, 310.0, 125.0, 0.16), rtol=1e-6)
    assert np.allclose(out["rate_i"][:, 0], rate(x_I, 615.0, 177.0, 0.087), rtol=1e-6)


def test_feedback_inhibition_in_closed_form_brings_every_region_to_its_target():
    J_i, r_E = controlled([0.0, 0.5, 1.0, 2.0])
    assert r_E == pytest.approx(3.0631, abs=5e-5)
    assert np.allclose(J_i, [1.0019, 1.3162, 1.6305, 2.2591], atol=5e-5)
    brain = {"connectome": {"weights": THREE.tolist(), "delays": 5.0, "zero_diagonal": True}, "outputs": ALL}
    controlled_rates = run(MODEL, 10_000, **brain, parameters={"J_i": J_i[1:].tolist()})["rate"]
    assert np.allclose(controlled_rates[-1], r_E, rtol=1e-8)
    free = run(MODEL, 10_000, **brain)["rate"]
    assert free[-1].max() > 2 * r_E  # without it, coupling drives the rates up
    assert np.ptp(free[-1]) > 1


def test_the_network_reaches_inhibitory_cells_as_feedforward_says():
    start, G = {"S_E": [0.1, 0.6], "S_I": [0.02, 0.1]}, 2.0
    pair = run(MODEL, 100, connectome=CHAIN, G=G, initial=start, outputs=ALL, parameters={"feedforward": 0.4})
    arrived = 0.15 * G * 0.3 * received(pair["S_E"][:, 1], 0.6, 20)[:, None]
    given = {"current": arrived, "current_i": 0.4 * arrived}
    alone = run(MODEL, 100, given, initial={"S_E": 0.1, "S_I": 0.02}, outputs=ALL)
    for name in ("S_E", "S_I", "rate_i"):
        assert np.allclose(alone[name][:, 0], pair[name][:, 0], rtol=1e-11)


def test_inhibitory_current_lowers_the_excitatory_rate():
    """A constant current on both populations is at the fixed point of the equations, whichever it acts on."""
    for given in ({"current": 0.05}, {"current_i": 0.05}, {"current": -0.02, "current_i": 0.01}):
        S_E, S_I = fixed_point(**given)
        inputs = {name: np.full((50_000, 1), given.get(name, 0.0)) for name in ("current", "current_i")}
        out = run(MODEL, 5000, inputs, outputs=ALL)
        assert np.allclose([out["S_E"][-1, 0], out["S_I"][-1, 0]], [S_E, S_I], rtol=1e-9)
    assert fixed_point(current_i=0.05)[0] < fixed_point()[0] < fixed_point(current=0.05)[0]


def test_noise_of_each_population_has_the_size_of_its_sigma():
    n, sizes = 5000, {"sigma_S_E": 0.1, "sigma_S_I": 0.3}
    given = {"integrator": "euler", "outputs": ALL, "initial": {"S_E": 0.5, "S_I": 0.5}}
    start = np.array([0.5, 0.5])
    noisy = run(MODEL, 0.1, **given, replicas=n, parameters=sizes)
    quiet = dict(zip(("S_E", "S_I"), start + 1e-4 * slopes(start), strict=True))
    moved = [(noisy[s][0] - quiet[s]) / (sizes[f"sigma_{s}"] * np.sqrt(1e-4)) for s in quiet]
    for each in moved:
        assert abs(each.mean()) < 4 / np.sqrt(n)
        assert abs(each.var() - 1) < 4 * np.sqrt(2 / n)
    assert abs(np.corrcoef(moved)[0, 1]) < 4 / np.sqrt(n)


def test_exponential_euler_does_not_apply():
    with pytest.raises(CosimError, match="not apply to 'S_E'"):
        run(MODEL, 1, integrator="exponential_euler")
