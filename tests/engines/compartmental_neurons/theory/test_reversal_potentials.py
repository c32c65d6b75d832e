"""Reversal potentials follow what moves them: concentrations that come in or that pools set, and the temperature."""

from __future__ import annotations

import numpy as np
import pytest
from cell_runs import HH, one, patch, run

GAS_CONSTANT, FARADAY = 8.31446261815324, 96485.33212331001


def nernst_mv(celsius, outside, inside):
    return 1000 * GAS_CONSTANT * (celsius + 273.15) / FARADAY * np.log(outside / inside)


def test_potassium_that_comes_in_moves_its_reversal_potential():
    inputs = {"bath": {"kind": "concentration", "to": "a", "symbol": "k_o"}}
    found = run(one(patch(), inputs=inputs, record={"E": {"of": "a", "value": "E_k"}}), 1.0, played={"bath": [20.0]})
    assert found["E"][-1, 0] == pytest.approx(nernst_mv(6.3, 20.0, 54.4), rel=1e-12)


def test_potassium_around_the_membrane_moves_its_reversal_potential():
    shell = {"mechanism": "k_shell"}
    told = {"E": {"of": "a", "value": "E_k"}, "k_o": {"of": "a", "value": "k_o"}}
    found = run(one(patch(membrane=(HH, shell)), record=told, population={"pulses": {"p": {"current": 0.5}}}), 20.0)
    assert np.ptp(found["k_o"]) > 0.01
    assert found["E"][1:, 0] == pytest.approx(nernst_mv(6.3, found["k_o"][:-1, 0], 54.4), rel=1e-12)  # at the start of a step


def test_a_potential_that_is_told_stays():
    inputs = {"bath": {"kind": "concentration", "to": "a", "symbol": "k_o"}}
    cell = patch(ions={"k": {"reversal": -80.0}})
    found = run(one(cell, inputs=inputs, record={"E": {"of": "a", "value": "E_k"}}), 1.0, played={"bath": [20.0]})
    assert (found["E"] == -80.0).all()


def test_the_temperature_that_comes_in_moves_potentials_by_nernst():
    cell = patch(ions={"k": {"inside": 54.4, "outside": 2.5}})
    warm = one(cell, inputs={"bath": {"kind": "temperature"}}, record={"v": {"of": "a"}, "E": {"of": "a", "value": "E_k"}})
    found = run(warm, 30.0, played={"bath": [36.3]})
    kept = run(one({**cell, "temperature": 36.3}, record={"v": {"of": "a"}, "E": {"of": "a", "value": "E_k"}}), 30.0)
    assert found["E"][-1, 0] == pytest.approx(nernst_mv(36.3, 2.5, 54.4), rel=1e-12)
    assert found["v"][-1, 0] == pytest.approx(kept["v"][-1, 0], abs=0.05)  # gates started at another rest


def test_a_recorded_current_of_an_ion_is_that_of_the_compartment():
    pool = {"mechanism": "ca_pool"}
    cell = patch(membrane=({"mechanism": "ca_hva"}, pool, {"mechanism": "passive"}), temperature=34.0)
    told = {"i": {"of": "a", "value": "i_ca"}, "v": {"of": "a"}, "E": {"of": "a", "value": "E_ca"}}
    told |= {"m": {"of": "a", "value": "ca_hva.m"}, "h": {"of": "a", "value": "ca_hva.h"}}
    found = run(one(cell, record=told, population={"pulses": {"p": {"current": 0.3}}}), 5.0)
    area_cm2, g = np.pi * 20.0**2 * 1e-8, default_of("ca_hva", "g")
    driven = g * area_cm2 * found["m"][:-1] ** 2 * found["h"][:-1] * (found["v"][:-1] - found["E"][1:]) * 1e6
    assert found["i"][1:] == pytest.approx(driven, rel=1e-9)


def default_of(mechanism, parameter):
    from engines.compartmental_neurons.mechanisms.description import read_mechanism, shipped

    return read_mechanism(shipped()[mechanism]).parameters[parameter].default


def test_a_choice_by_temperature_alone_is_one(tmp_path):
    (tmp_path / "warm.yaml").write_text(
        "title: A channel that opens in the warmth\nkind: density\nparameters: {g: {unit: S/cm**2, default: 0.001}}\n"
        "gates: {m: {inf: 'where(celsius > 20, 1 / (1 + exp(-(V + 40) / 5)), 0)', tau: 1}}\n"
        "currents: {nonspecific: g * m * (V - E_k)}\n"
    )
    for celsius, is_open in ((30.0, True), (10.0, False)):
        membrane = ({"mechanism": str(tmp_path / "warm.yaml")}, {"mechanism": "passive"})
        told = {"m": {"of": "a", "value": "warm.m"}}
        found = run(one(patch(membrane=membrane, temperature=celsius), record=told), 1.0)
        assert (found["m"][-1, 0] > 0) == is_open
