"""Receptors and transporters: exact solutions of their equations, and the figures that their papers give."""

from __future__ import annotations

import numpy as np
import published
import pytest
from one_voxel import Voxel
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.optimize import brentq

SCHEMES = {
    "ampa_jonas": ("glutamate", published.JONAS),
    "ampa_patneau_mayer": ("glutamate", published.PATNEAU_MAYER),
    "nmda_lester_jahr": ("glutamate", published.LESTER_JAHR),
    "gaba_a": ("gaba", published.JONES_WESTBROOK),
}


def generator(model, names, concentration):
    """(states, states) of dx/dt = M x, 1/ms, at a concentration in mM."""
    found = np.zeros((len(names), len(names)))
    for a, b, binds, there, back in SCHEMES[model][1]:
        i, j, there = names.index(a), names.index(b), there * (concentration if binds else 1.0)
        found[:, i] += there * (np.eye(len(names))[j] - np.eye(len(names))[i])
        found[:, j] += back * (np.eye(len(names))[i] - np.eye(len(names))[j])
    return found


def after_pulse(model, concentration, pulse_ms, times_ms):
    """(states, times) exact, of a receptor that has heard nothing before a pulse that starts at 0; times after its start."""
    names = [name for name in Voxel(model).names if name != SCHEMES[model][0]]
    start = np.array([float(name == "C0") for name in names])
    on, off = (generator(model, names, c) for c in (concentration, 0.0))
    states = [expm(off * max(t - pulse_ms, 0)) @ expm(on * min(t, pulse_ms)) @ start for t in times_ms]
    return dict(zip(names, np.transpose(states), strict=True))


def run_pulse(model, concentration, pulse_ms, times_ms, tolerance=1e-10):
    """The same by the model's compiled code."""
    transmitter, times = SCHEMES[model][0], np.asarray(times_ms)
    voxel = Voxel(model, held=[transmitter])
    during, later = times[times < pulse_ms] * 1e-3, times[times >= pulse_ms] * 1e-3 - pulse_ms * 1e-3
    rows = voxel.run(pulse_ms * 1e-3, [*during, pulse_ms * 1e-3], voxel.at(**{transmitter: concentration}), tolerance)
    after = rows[:, -1].copy()
    after[voxel.names.index(transmitter)] = 0.0
    rest = voxel.run(later[-1], later, after, tolerance)
    return dict(zip(voxel.names, np.hstack([rows[:, :-1], rest]), strict=True))


@pytest.mark.parametrize(
    ("model", "transmitter", "alpha", "beta", "digits"),
    [
        ("ampa_two_state", "glutamate", 1.1, 0.19, 0.617986),
        ("nmda_two_state", "glutamate", 0.072, 0.0066, 0.069243),
        ("gaba_a_two_state", "gaba", 5.0, 0.18, 0.959819),
    ],
)
def test_two_states_open_and_close_as_exponentials(model, transmitter, alpha, beta, digits):
    """r = a (1 - e^(-(a + b) t)) / (a + b) at 1 mM, a = alpha 1 mM; then e^(-b t)."""
    voxel = Voxel(model, held=[transmitter], count=80)
    start = voxel.at(**{transmitter: 1.0})
    bound = voxel.run(1e-3, start=start)[:, 0]
    expected = alpha / (alpha + beta) * -np.expm1(-(alpha + beta))
    assert bound[voxel.names.index("O")] / 80 == pytest.approx(expected, rel=1e-9)
    assert expected == pytest.approx(digits, abs=5e-7)
    bound[voxel.names.index(transmitter)] = 0.0
    later = voxel.run(7e-3, start=bound)[:, 0]
    assert later[voxel.names.index("O")] / 80 == pytest.approx(expected * np.exp(-beta * 7), rel=1e-8)


@pytest.mark.parametrize("model", SCHEMES)
@pytest.mark.parametrize("pulse_ms", [0.1, 1.0])
def test_schemes_follow_the_exact_solution(model, pulse_ms):
    """The exponential of the matrix of rates, at 1 mM and after."""
    times = [pulse_ms / 2, pulse_ms, pulse_ms + 0.3, 3.0, 12.0, 60.0]
    found, expected = run_pulse(model, 1.0, pulse_ms, times), after_pulse(model, 1.0, pulse_ms, times)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-7, atol=1e-9)


def test_jonas_opens_a_share_of_0_59487_which_falls_to_1_over_e_in_2_669_ms():
    """The peak is where the exact slope of O is 0, at 1.0515 ms."""

    def exact(time_ms):
        return after_pulse("ampa_jonas", 1.0, 1.0, [time_ms])["O"][0]

    def slope(time_ms):
        return exact(time_ms + 1e-4) - exact(time_ms - 1e-4)

    peak = brentq(slope, 1.01, 1.2)
    decayed = brentq(lambda time: exact(time) - exact(peak) / np.e, 2, 6)
    assert (peak, exact(peak), decayed - peak) == pytest.approx((1.0515, 0.594868, 2.669), rel=2e-5)
    found = run_pulse("ampa_jonas", 1.0, 1.0, [peak - 1e-3, peak, peak + 1e-3, decayed])["O"]
    assert found[1] == found.max() == pytest.approx(exact(peak), rel=1e-8)
    assert found[3] == pytest.approx(found[1] / np.e, rel=1e-7)


def test_jonas_is_in_detailed_balance_to_0_6_per_cent():
    """Products of the rates around both circles, one way over the other."""
    given = {name: item.default for name, item in Voxel("ampa_jonas").described.parameters.items()}
    left = given["k_2"] * given["alpha_2"] * given["k_3_back"] * given["beta_1"]
    right = given["alpha_1"] * given["k_3"] * given["beta_2"] * given["k_2_back"]
    assert left / right == pytest.approx(1, abs=6e-3)
    left = given["alpha"] * given["alpha_3"] * given["beta_4"] * given["beta_2"]
    right = given["alpha_2"] * given["alpha_4"] * given["beta_3"] * given["beta"]
    assert left / right == pytest.approx(1, abs=6e-3)


def test_patneau_mayer_opens_a_share_of_0_1716_and_desensitises():
    """1 mM: the peak after 1 ms, and in the end the equilibrium of a scheme without circles, step by step."""
    found = run_pulse("ampa_patneau_mayer", 1.0, 1.0, np.linspace(1, 1.1, 101))
    assert found["O"].max() == pytest.approx(0.17159, abs=1e-5)
    c1, c2 = 13 / 0.0059, 13 / 0.0059 * 13 / 86
    weights = {"C0": 1, "C1": c1, "C2": c2, "D1": c1 * 0.9 / 0.064, "D2": c2 * 0.9 / 0.064, "O": c2 * 2.7 / 0.2}
    voxel = Voxel("ampa_patneau_mayer", held=["glutamate"])
    last = dict(zip(voxel.names, voxel.run(10.0, start=voxel.at(glutamate=1.0))[:, 0], strict=True))
    for name, weight in weights.items():
        assert last[name] == pytest.approx(weight / sum(weights.values()), rel=1e-6)


@pytest.mark.parametrize("model", ["nmda_two_state", "nmda_lester_jahr"])
@pytest.mark.parametrize(("V", "part"), [(-70, 0.04447), (-40, 0.23016), (-20, 0.50814), (0, 0.78118)])
def test_magnesium_blocks_as_jahr_and_stevens_found(model, V, part):
    voxel = Voxel(model, inputs={"V": V})
    shown = voxel.outputs(voxel.at(C0=0, O=12) if model == "nmda_lester_jahr" else voxel.at(C=0, O=12))
    assert shown["open"] == 12
    assert shown["unblocked"] / 12 == pytest.approx(part, abs=5e-6)
    assert shown["conductance"] == pytest.approx(50 * shown["unblocked"], rel=1e-12)
    assert part == pytest.approx(1 / (1 + np.exp(-0.062 * V) / 3.57), abs=5e-6)


def test_a_clements_transient_nearly_saturates_lester_and_jahr():
    """1.1 mM with a decay of 1.2 ms: 98 % have bound one at least, 85 % two."""
    voxel = Voxel("nmda_lester_jahr", held=["glutamate"])

    def slopes(t, x):
        return voxel.slopes(np.array([1.1 * np.exp(-t / 1.2e-3), *x[1:]]))

    last = dict(zip(voxel.names, solve_ivp(slopes, (0, 0.02), voxel.start, "Radau", rtol=1e-8, atol=1e-11).y[:, -1], strict=True))
    assert 1 - last["C0"] == pytest.approx(0.981, abs=1e-3)
    assert last["C2"] + last["D"] + last["O"] == pytest.approx(0.854, abs=1e-3)


def test_gaba_a_opens_as_mozrzymas_found():
    """93 % of the largest peak at 1 mM; in 0.1 ms less than a third of what 1 ms opens; desensitised channels open again."""
    times = np.linspace(0.01, 8, 800)  # ms

    def peak(concentration, pulse_ms):
        found = run_pulse("gaba_a", concentration, pulse_ms, times, tolerance=1e-6)
        return (found["O1"] + found["O2"]).max()

    largest = max(peak(concentration, 7.0) for concentration in (3, 10, 30, 100))
    assert peak(1.0, 7.0) / largest == pytest.approx(0.93, abs=0.02)
    assert peak(1.0, 0.1) < peak(1.0, 1.0) / 3
    tail = run_pulse("gaba_a", 1.0, 1.0, [2.0, 50.0])
    assert tail["O2"][1] > np.exp(-0.4 * 48) * tail["O2"][0] * 1e3  # channels close at 0.4 /ms, and open again


def test_gaba_b_answers_to_a_train_rather_than_to_one_release():
    """Pulses of 0.5 mM for 0.3 ms; exact: R between pulses, and G, are exponentials."""
    voxel = Voxel("gaba_b", held=["gaba"], count=1)

    def largest(pulses):
        x, found, r, g = voxel.start.copy(), [], 0.0, 0.0
        for _ in range(pulses):
            for concentration, duration_ms in ((0.5, 0.3), (0.0, 4.7)):
                x[voxel.names.index("gaba")] = concentration
                rows = voxel.run(duration_ms * 1e-3, start=x)
                x = rows[:, -1]
                rate, end = 0.52 * concentration + 0.0013, 0.52 * concentration / (0.52 * concentration + 0.0013)
                # r(t) = end + (r - end) e^(-rate t); dG/dt = 0.098 r(t) - 0.033 G
                slow, fast = np.exp(-0.033 * duration_ms), np.exp(-rate * duration_ms)
                g = g * slow + 0.098 * (end * (1 - slow) / 0.033 + (r - end) * (fast - slow) / (0.033 - rate))
                r = end + (r - end) * fast
                assert x[voxel.names.index("RB")] == pytest.approx(r, rel=1e-7)
                assert x[voxel.names.index("G")] == pytest.approx(g, rel=1e-7)
        x[voxel.names.index("gaba")] = 0.0
        found = voxel.run(0.4, np.linspace(0, 0.4, 200), x)
        return max(voxel.outputs(column)["open"] for column in found.T)

    assert largest(10) > 20 * largest(1)


def test_transporters_saturate_as_an_enzyme_of_three_steps():
    """Steady: k_cat [glutamate] / (K_M + [glutamate]), k_cat = k_a k_r / (k_a + k_r), K_M = k_cat (k_off + k_a) / (k_on k_a)."""
    voxel = Voxel("glutamate_clearance", held=["glutamate"], count=50)
    k_on, k_off, across, back = 36, 0.36, 0.36, 0.0514
    k_cat = across * back / (across + back)
    half = k_cat * (k_off + across) / (k_on * across)
    for concentration in (0.0005, half, 0.02, 1.0):
        steady = voxel.run(1.0, start=voxel.at(glutamate=concentration))[:, 0]
        expected = 50 * k_cat * concentration / (half + concentration)
        assert voxel.outputs(steady)["flux"] == pytest.approx(expected, rel=1e-7)
    assert 1 / k_cat == pytest.approx(22.2, abs=0.05)


def test_transporters_first_hold_what_they_have_not_carried():
    """100 transporters and 30 molecules in a small volume: within 0.5 ms most are bound, hardly any is inside; later all are."""
    voxel = Voxel("glutamate_clearance", volume=0.001, count=100)
    molecules = 30 / voxel.per[voxel.names.index("glutamate")]
    early, late = voxel.run(1.0, [5e-4, 1.0], voxel.at(glutamate=molecules)).T
    early, late = (dict(zip(voxel.names, column, strict=True)) for column in (early, late))
    assert early["GT"] > 0.5 * 30 > 0.2 * 30 > early["inside"]
    assert late["inside"] == pytest.approx(30, rel=1e-6)
    for values in (early, late):
        free = values["glutamate"] * voxel.per[voxel.names.index("glutamate")]
        assert free + values["GT"] + values["inside"] == pytest.approx(30, rel=1e-10)


@pytest.mark.parametrize("model", ["ampa_jonas", "gaba_a", "nmda_lester_jahr", "ampa_patneau_mayer"])
def test_transmitter_is_conserved_with_what_is_bound(model):
    """3000 molecules and 200 receptors in a cleft of 0.01 um³: bound and free stay 3000 to 1e-10."""
    transmitter = SCHEMES[model][0]
    voxel = Voxel(model, volume=0.01, count=200)
    free, bound = voxel.names.index(transmitter), voxel.chemistry.bound(f"m.{transmitter}")
    rows = voxel.run(0.05, np.linspace(0, 0.05, 30), voxel.at(**{transmitter: 3000 / voxel.per[free]}))
    molecules = voxel.per[free] * rows[free] + bound @ rows
    np.testing.assert_allclose(molecules, 3000, rtol=1e-10)
    assert rows[free].min() * voxel.per[free] < 2900  # some is bound
