"""A cable with sealed ends: its steady state, how it comes there, Rall's equivalent trees, and where its currents go.

The engine is held against closed forms twice: against those of the cable cut into compartments, which it must meet to rounding,
and against those of the cable itself, which it must approach with the square of a compartment's length.

References: Rall (1959, 1969); Jack, Noble and Tsien (1975), Electric Current Flow in Excitable Cells, chapter 4.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.engines.compartmental_neurons.theory.cell_runs import HH, branched, cable, neurons, ns, one, passive, run

LENGTH, DIAMETER, RESISTANCE, RESISTIVITY = 1000.0, 2.0, 20e3, 150.0  # um, um, ohm cm², ohm cm
TAU_MS, REST, CURRENT = 20.0, -65.0, 0.01  # 1 uF/cm²; mV; nA
LAMBDA = np.sqrt(DIAMETER * 1e-4 / 4 * RESISTANCE / RESISTIVITY) * 1e4  # um
R_INFINITE = 4 * RESISTIVITY * LAMBDA * 1e-4 / (np.pi * (DIAMETER * 1e-4) ** 2) * 1e-6  # Mohm, of a cable without end
EVERYWHERE = {"of": "a", "at": {"all": "all"}}
AT_START = {"i": {"kind": "drive", "to": "a", "at": {"section": 0, "at": 0.0}}}


def sealed(count, dt_ms, solver="backward_euler", **given):
    cell = cable(LENGTH, DIAMETER, count, [passive(RESISTANCE, REST)], resistivity=RESISTIVITY, potential=REST)
    return one(cell, dt=ns(dt_ms), solver=solver, **{"record": {"v": EVERYWHERE}, "inputs": AT_START} | given)


def centres(count):
    return (np.arange(count) + 0.5) * LENGTH / count


def steady(x, source):
    """(n,) Mohm: V at x over a current at ``source``, of the cable itself."""
    near, far = np.minimum(x, source), np.maximum(x, source)
    return R_INFINITE * np.cosh(near / LAMBDA) * np.cosh((LENGTH - far) / LAMBDA) / np.sinh(LENGTH / LAMBDA)


def modes(count):
    """Rates (1/ms) and shapes, (modes, compartments), by which the cut cable relaxes; mV that 1 nA at the start brings to each."""
    k = np.arange(count)
    step = LENGTH / count * 1e-4
    area, axial = np.pi * DIAMETER * 1e-4 * step, np.pi * (DIAMETER * 1e-4) ** 2 / (4 * RESISTIVITY * step)  # cm², S
    rates = (1.0 / RESISTANCE + 4 * axial / area * np.sin(k * np.pi / (2 * count)) ** 2) * 1e3
    shapes = np.cos(np.pi * k[:, None] * (np.arange(count) + 0.5) / count)
    share = np.where(k == 0, 1.0, 2.0) / count * shapes[:, 0]
    return rates, shapes, share / (area * rates) * 1e-3


# -- the steady state ----------------------------------------------------------------------------------------------------------


def far_later(count):
    """(n,) Mohm at the end of 20 steps of 50 time constants."""
    return (run(sealed(count, 1000.0), 20_000, played={"i": [CURRENT]})["v"][-1] - REST) / CURRENT


def test_the_numbers_of_the_textbook_are_those_of_its_formulas():
    assert pytest.approx(816.497, abs=5e-4) == LAMBDA
    assert steady(0.0, 0.0) == pytest.approx(463.527, abs=5e-4)
    assert steady(LENGTH, 0.0) / steady(0.0, 0.0) == pytest.approx(0.540960, abs=5e-7)


def test_the_steady_state_is_approached_with_the_square_of_a_compartment():
    errors = [np.abs(far_later(count) / steady(centres(count), centres(count)[0]) - 1).max() for count in (25, 50, 100)]
    assert errors[-1] < 2e-5
    assert np.divide(errors[:-1], errors[1:]) == pytest.approx([4.0, 4.0], rel=0.03)


def test_input_and_transfer_resistance_are_those_of_a_sealed_cable():
    """From the nodes of 1000 compartments, and half a compartment on to the ends by the exact solution."""
    count = 1000
    found, x = far_later(count), centres(count)
    assert found[0] * steady(0.0, 0.0) / steady(x[0], x[0]) == pytest.approx(463.527, abs=1e-3)
    assert found[-1] * steady(LENGTH, 0.0) / steady(x[-1], x[0]) == pytest.approx(463.527 * 0.540960, abs=1e-3)


def test_transfer_resistance_is_the_same_both_ways():
    """In a tree with tapers and forks: what a current at a tip makes at the soma is what it makes at the tip from the soma."""
    quiet = branched(membrane=[passive(5e3, REST)], potential=REST)
    tip, soma = {"section": "twig", "at": 1.0}, {"section": "soma", "at": 0.5}
    found = []
    for source, target in ((tip, soma), (soma, tip)):
        params = one(quiet, dt=ns(1000), record={"v": {"of": "a", "at": target}}, inputs={"i": AT_START["i"] | {"at": source}})
        found.append(run(params, 20_000, played={"i": [CURRENT]})["v"][-1, 0] - REST)
    assert found[0] > 1.0
    assert found[0] == pytest.approx(found[1], rel=1e-11)


# -- on the way there ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["backward_euler", "crank_nicolson"])
@pytest.mark.parametrize("dt_ms", [0.025, 1.0])
def test_a_cut_cable_charges_as_its_modes_say_to_rounding(solver, dt_ms):
    """r = 1/(1 + dt/tau) a step by backward Euler, (1 - dt/2 tau)/(1 + dt/2 tau) by Crank-Nicolson; V - REST is up to 4.6 mV,
    and V, of 65 mV, is rounded to 1e-14 in each step."""
    count, steps = 40, 400
    found = run(sealed(count, dt_ms, solver), steps * dt_ms, played={"i": [CURRENT]})["v"] - REST
    rates, shapes, gains = modes(count)
    x = dt_ms * rates
    factor = 1 / (1 + x) if solver == "backward_euler" else (1 - x / 2) / (1 + x / 2)
    expected = CURRENT * (gains * (1 - factor ** np.arange(1, steps + 1)[:, None])) @ shapes
    assert np.abs(found - expected).max() < 1e-10


def test_the_cable_charges_as_its_series_says():
    """V = sum of A_n (1 - e^(-t/tau_n)) cos(n pi x/L) with tau_n = tau/(1 + (n pi lambda/L)^2); Crank-Nicolson, 200 compartments.

    After 2 ms modes beyond the 200th have gone. What is left is of order dx^2: 2e-5 of the largest V, as in the steady state.
    """
    count = 200
    found = run(sealed(count, 0.01, "crank_nicolson"), 40, played={"i": [CURRENT]})
    x, t = centres(count), found.ends_ms[199::100]
    n = np.arange(count)
    tau = TAU_MS / (1 + (n * np.pi * LAMBDA / LENGTH) ** 2)
    strength = R_INFINITE * LAMBDA / LENGTH * np.where(n == 0, 1, 2) * tau / TAU_MS * np.cos(n * np.pi * x[0] / LENGTH)
    left = (strength * np.exp(-t[:, None] / tau)) @ np.cos(n[:, None] * np.pi * x / LENGTH)
    expected = CURRENT * (steady(x, x[0]) - left)
    assert expected.max() > 3.0
    assert np.abs(found["v"][199::100] - REST - expected).max() < 1e-5 * expected.max()


def test_time_constants_are_those_of_the_modes():
    """The share of each of the first modes in all of V after a pulse falls off with its own tau_n, here to the 4 figures that
    50 compartments have of the fifth: (5 pi / 50)^2 / 12."""
    count, dt_ms = 50, 0.01
    pulse = {"pulses": {"kick": {"current": 1.0, "start": 0, "stop": ns(0.1), "at": {"section": 0, "at": 0.0}}}}
    found = run(sealed(count, dt_ms, "crank_nicolson", inputs={}, population=pulse), 2.0)["v"] - REST
    shares = found @ np.cos(np.pi * np.arange(6)[:, None] * (np.arange(count) + 0.5) / count).T
    fell = np.log(shares[19] / shares[119])  # over 1 ms
    tau = TAU_MS / (1 + (np.arange(6) * np.pi * LAMBDA / LENGTH) ** 2)
    assert 1 / fell == pytest.approx(tau, rel=0.01)
    assert 1 / fell[:3] == pytest.approx(tau[:3], rel=2e-3)


# -- trees ---------------------------------------------------------------------------------------------------------------------


def test_a_tree_by_the_three_halves_law_is_one_cable():
    """Compartment by compartment, for every level of the tree has the area and the axial conductance of as much of the cable."""
    levels, each = 5, 4
    trunk = {"levels": levels, "length": 200.0, "diameter": 4.0, "label": "soma"}
    tree = {"morphology": {"rall": trunk}, "compartments": {"count": each}, "membrane": [passive(RESISTANCE, REST)],
            "resistivity": RESISTIVITY, "potential": REST}  # fmt: skip
    line = cable(levels * 200.0, 4.0, levels * each, tree["membrane"], resistivity=RESISTIVITY, potential=REST)
    deep = {"of": "a", "at": {"section": f"dend[{2**levels - 2}]", "at": 0.99}}
    trunks = {"of": "a", "at": {"section": 0, "at": 0.5}}
    given = {"dt": ns(0.05), "inputs": AT_START}
    of_tree = run(one(tree, record={"trunk": trunks, "tip": deep}, **given), 40, played={"i": [CURRENT]})
    of_line = run(one(line, record={"v": EVERYWHERE}, **given), 40, played={"i": [CURRENT]})
    assert of_line["v"][-1, -1] > REST + 0.5
    assert np.abs(of_tree["trunk"][:, 0] - of_line["v"][:, each // 2]).max() < 1e-10
    assert np.abs(of_tree["tip"][:, 0] - of_line["v"][:, -1]).max() < 1e-10


def test_currents_through_the_membrane_of_a_cell_sum_to_what_an_electrode_brings():
    """nA, of 31 compartments of up to some nA while the cell spikes: to rounding; the electrode's current is among them."""
    for solver in ("backward_euler", "crank_nicolson"):
        pulses = {"pulses": {"kick": {"current": 0.8, "start": ns(1), "stop": ns(4)}}}
        params = one(branched(), solver=solver, population=pulses, record={"i": {"of": "a", "value": "membrane_current"}})
        found = run(params, 12)
        assert len(found.times_ms()) >= 1
        assert np.abs(found["i"]).max() > 1.0
        assert np.abs(found["i"].sum(axis=1)).max() < 1e-12


def test_the_membrane_current_is_the_second_difference_of_the_potential():
    params = one(
        cable(500.0, 2.0, 20, [HH], resistivity=RESISTIVITY),
        population={"pulses": {"kick": {"current": 0.5, "start": 0, "at": {"section": 0, "at": 0.0}}}},
        record={"v": EVERYWHERE, "i": {"of": "a", "value": "membrane_current"}},
    )
    found = run(params, 8)
    axial = np.pi * 1e-4**2 / (RESISTIVITY * 25e-4) * 1e6  # uS
    padded = np.pad(found["v"], ((0, 0), (1, 1)), mode="edge")
    assert found["v"].max() > 0
    assert found["i"] == pytest.approx(axial * np.diff(padded, n=2), abs=1e-11)


def test_cells_of_one_population_charge_alike_and_do_not_touch():
    cell = cable(LENGTH, DIAMETER, 20, [passive(RESISTANCE, REST)], resistivity=RESISTIVITY, potential=REST)
    inputs = {"i": AT_START["i"] | {"each": True}}
    params = neurons(populations={"a": {"size": 11, "cell": cell}}, record={"v": {"of": "a"}}, inputs=inputs)
    strength = np.linspace(-CURRENT, CURRENT, 11)
    found = run(params, 30, played={"i": np.tile(strength, (1, 1))})["v"] - REST
    assert found[-1] / found[-1, -1] == pytest.approx(strength / CURRENT, abs=1e-11)
