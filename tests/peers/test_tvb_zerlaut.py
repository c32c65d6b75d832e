"""The AdEx mean field in TVB and here: 76 regions with delays, state by state, first and second order."""

from __future__ import annotations

import re

import numpy as np
import pytest
from tvb_network import largest_difference, random_states, run_ours, run_tvb

from engines.neural_mass.description import shipped

STEPS = 1000  # of 0.1 ms
RANGES = {"E": (0.0005, 0.008), "I": (0.004, 0.02), "W_e": (10.0, 120.0), "W_i": (-5.0, 5.0), "ou_drift": (0.0, 0.0003)}
COVARIANCES = {"C_ee": (0.0, 3e-7), "C_ei": (0.0, 3e-7), "C_ii": (0.0, 1e-6)}  # 1/ms**2
STARTS = random_states(RANGES | COVARIANCES, seed=8)
"""Rates outside stay above 0: TVB's second order cuts their sum off there, as ours do, its first order network and drift alone."""
WEIGHT_NOISE = 10.5  # TVB's default; here the drift is what it makes
PER_TVB = {"E": 1e3, "I": 1e3, "C_ee": 1e6, "C_ei": 1e6, "C_ii": 1e6, "W_e": 1.0, "W_i": 1.0, "ou_drift": 1e3 * WEIGHT_NOISE}
NAMES = {"E": "nu_e", "I": "nu_i", "ou_drift": "drift"}
OURS_OF_TVB = {"p_connect_e": "p_e", "p_connect_i": "p_i", "K_ext_e": "K_ext_e", "tau_OU": "tau_drift"}
EXTERNAL = {"ex_ex": "nu_ext_ee", "ex_in": "nu_ext_ei", "in_ex": "nu_ext_ie", "in_in": "nu_ext_ii"}

DEFAULTS = {"external_input_ex_ex": 0.003, "external_input_in_ex": 0.003}  # 1/ms; without any, regions fall silent
OTHERS = {
    "T": 7.0, "g_L": 11.0, "E_L_e": -63.0, "E_L_i": -64.0, "C_m": 180.0, "b_e": 40.0, "a_e": 2.0, "b_i": 5.0, "a_i": 1.0,
    "tau_w_e": 300.0, "tau_w_i": 40.0, "E_e": 1.0, "E_i": -79.0, "Q_e": 1.4, "Q_i": 4.8, "tau_e": 4.5, "tau_i": 5.5,
    "N_tot": 9000, "p_connect_e": 0.055, "p_connect_i": 0.045, "g": 0.22, "K_ext_e": 390, "K_ext_i": 30, "tau_OU": 20.0,
    "external_input_ex_ex": 0.004, "external_input_in_ex": 0.0035, "external_input_ex_in": 0.002, "external_input_in_in": 0.001,
}  # fmt: skip


def states_of(order):
    return ["E", "I", *(COVARIANCES if order == "Second" else ()), "W_e", "W_i", "ou_drift"]


def of_tvb(order, strength, integrator="heun", **values):
    from tvb.simulator import coupling
    from tvb.simulator.models import zerlaut

    kind = getattr(zerlaut, f"ZerlautAdaptation{order}Order")
    model = kind(**{name: np.array([value]) for name, value in values.items()})
    starts = {name: STARTS[name] for name in states_of(order)}
    return run_tvb(model, coupling.Linear(a=np.array([strength])), starts, steps=STEPS, integrator=integrator)


def of_ours(order, strength, integrator="heun", model=None, **values):
    """In TVB's units."""
    scales = np.array([PER_TVB[name] for name in states_of(order)])
    starts = {NAMES.get(name, name): STARTS[name] * PER_TVB[name] for name in states_of(order)}
    given = {OURS_OF_TVB.get(name, name): value for name, value in values.items() if not name.startswith("external_input")}
    given |= {EXTERNAL[name[15:]]: 1e3 * value for name, value in values.items() if name.startswith("external_input")}
    model = model or f"zerlaut_{order.lower()}_order"
    found = run_ours(str(model), starts, steps=STEPS, integrator=integrator, G=strength, parameters=given)
    return found / scales[:, None]


@pytest.fixture
def as_tvb_codes_it(tmp_path):
    """The second order with two of TVB's formulas in place of ours: rates by Hz, and the derivatives in C_ei."""
    text = shipped()["zerlaut_second_order"].read_text()
    text = re.sub(r"(: derivative\(.*\))", r"\1 / 1000", text)  # of a derivative once more: a millionth
    ours = "C_ee * F_i_e + C_ei * F_i_i + C_ei * F_e_e + C_ii * F_e_i"
    assert ours in text
    path = tmp_path / "zerlaut_second_order_of_tvb.yaml"
    path.write_text(text.replace(ours, "C_ee * F_e_e + C_ei * F_e_i + C_ei * F_i_e + C_ii * F_i_i"))
    return path


@pytest.mark.parametrize("integrator", ["heun", "euler"])
def test_the_first_order_agrees_with_tvb(integrator):
    theirs = of_tvb("First", 0.005, integrator, **DEFAULTS)
    ours = of_ours("First", 0.005, integrator, **DEFAULTS)
    # sums are made in another order, erfc is written otherwise: some 1e-15 each
    assert largest_difference(ours, theirs).max() < 1e-10
    weaker = of_ours("First", 0.004, integrator, **DEFAULTS)
    assert largest_difference(weaker, theirs)[0] > 1e-3  # the network is not idle


def test_other_values_mean_the_same_in_both():
    assert largest_difference(of_ours("First", 0.003, **OTHERS), of_tvb("First", 0.003, **OTHERS)).max() < 1e-10


@pytest.mark.parametrize("values", [DEFAULTS, {**OTHERS, "S_i": 1.2}])
def test_the_second_order_agrees_with_tvb_where_it_is_written_as_tvb_has_it(as_tvb_codes_it, values):
    """TVB takes derivatives of F by differences over 1e-7 /ms, good to some 1e-9 in the first and 1e-5 in the second."""
    theirs = of_tvb("Second", 0.003, **values)
    ours = of_ours("Second", 0.003, model=as_tvb_codes_it, **values)
    assert largest_difference(ours, theirs).max() < 1e-8


def test_the_covariances_do_not_move_the_rates_of_tvb(as_tvb_codes_it):
    """Second derivatives that are a millionth: its second order has the rates of its first."""
    first, second = (of_tvb(order, 0.003, **DEFAULTS) for order in ("First", "Second"))
    assert largest_difference(second[:, :2], first[:, :2]).max() < 1e-6
