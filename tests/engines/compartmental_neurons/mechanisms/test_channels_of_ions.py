"""Concentrations that currents move, and currents that concentrations move."""

from __future__ import annotations

import numpy as np
import pytest
from running_mechanisms import run, sweep

FARADAY, GAS = 96485.33212331001, 8.31446261815324
AREA = np.pi * (10e-6) ** 2  # m², of the compartment in all of these
DT = 25e-6


def write(folder, text, name="own.yaml"):
    (folder / name).write_text(text, encoding="utf-8")
    return f"./{name}"


CLAMPED_FLOW = """
title: A current of an ion that nothing moves
kind: density
parameters: {{flow: {{unit: A/m**2, default: 0}}}}
currents: {{{ion}: flow}}
"""


def test_calcium_of_a_constant_current_follows_the_exact_solution(tmp_path):
    flow = -0.003  # A/m², inward
    own = write(tmp_path, CLAMPED_FLOW.format(ion="ca"))
    pool = {"share": 0.05, "tau": 80, "depth": 0.1, "lowest": 1e-4}
    found = run(
        {own: {"flow": flow}, "ca_pool": pool, "passive": {}}, np.zeros(8000), ["ca_i", "ca_pool.ca"],
        ions={"ca": {"inside": 1e-4, "outside": 2}}, folder=tmp_path,
    )  # fmt: skip
    t = DT * np.arange(1, 8001)
    gain = -flow * 0.05 / (2 * FARADAY * 0.1e-6) * 0.08  # mol/m³, after long
    np.testing.assert_allclose(found["ca_i"], 1e-4 + gain * (1 - np.exp(-t / 0.08)), rtol=1e-12)
    assert (found["ca_i"] == found["ca_pool.ca"]).all()


def test_what_flows_is_found_again_as_concentration(tmp_path):
    """Sodium that came in fills the cylinder; potassium that went out, but for what the bath took, the shell."""
    found = run(
        {"hh": {}, "na_pool": {}, "k_shell": {"tau": 1e9, "depth": 10}, "nak_pump": {"most": 1e-3}, "passive": {}},
        np.full(4000, 0.04),
        ["V", "na_i", "k_o", "E_na", "E_k"], celsius=6.3, start_mv=-65,
        ions={"na": {"inside": 10, "outside": 140}, "k": {"inside": 140, "outside": 2.5}},
    )  # fmt: skip
    assert (found["V"] > 0).any()
    temperature = 279.45
    np.testing.assert_allclose(
        found["E_na"][1:], nernst(1, found["na_i"][:-1], 140.0, temperature), rtol=1e-13
    )  # of the step before
    np.testing.assert_allclose(found["E_k"][1:], nernst(1, 140.0, found["k_o"][:-1], temperature), rtol=1e-13)
    assert found["na_i"][-1] > 10.0003
    assert found["k_o"][-1] > 2.5


def nernst(valence, inside, outside, temperature):
    """mV."""
    return 1e3 * GAS * temperature / (valence * FARADAY) * np.log(outside / inside)


@pytest.mark.parametrize("ion", ["na", "k"])
def test_charge_is_conserved(tmp_path, ion):
    """Moles that came are the integral of the current over F: to rounding, for each step adds what flowed in it."""
    own = write(tmp_path, CLAMPED_FLOW.format(ion=ion))
    flow, steps, held = -0.5, 4000, {"passive": {"g": 0.01}}
    if ion == "na":
        found = run({own: {"flow": flow}, "na_pool": {}, **held}, np.zeros(steps), ["na_i"], folder=tmp_path)["na_i"]
        volume, start, sign = np.pi / 4 * (10e-6) ** 3, 10.0, -1
    else:
        shell = {"tau": 1e12, "depth": 200}
        found = run({own: {"flow": flow}, "k_shell": shell, **held}, np.zeros(steps), ["k_o"], folder=tmp_path)["k_o"]
        volume, start, sign = AREA * 200e-9, 2.5, 1
    moles = sign * flow * AREA * DT * np.arange(1, steps + 1) / FARADAY
    np.testing.assert_allclose((found - start) * volume, moles, rtol=1e-9)


def test_a_shell_that_is_left_alone_goes_to_the_bath():
    found = run({"k_shell": {"bath": 2.5, "tau": 5}, "hh": {"g_na": 0, "g_k": 0}}, np.zeros(4000), ["k_o"], start_mv=-77)
    assert found["k_o"][-1] == 2.5


def test_the_pump_holds_sodium_where_what_leaks_in_equals_what_it_takes_out(tmp_path):
    """At rest three sodium ions go out for two of potassium that come in, and the flow is that of the formula."""
    own = write(tmp_path, CLAMPED_FLOW.format(ion="na"))
    most, leak = 0.1, 0.1  # mA/cm², which is 10 A/m², and A/m²
    found = run(
        {own: {"flow": -leak}, "nak_pump": {"most": most}, "na_pool": {}, "passive": {"g": 0.01}}, np.zeros(60_000),
        ["na_i"], dt_ms=0.1, ions={"na": {"inside": 2, "outside": 140}, "k": {"inside": 140, "outside": 3.5}},
        folder=tmp_path, diameter_um=0.05,
    )["na_i"]  # fmt: skip
    turning = (1 + 10 / found[-1]) ** -3 * (1 + 3.5 / 3.5) ** -2
    assert 3 * most * 10 * turning == pytest.approx(leak, rel=1e-9)
    assert abs(found[-1] - found[-2]) < 1e-9


# -- Goldman, Hodgkin and Katz -----------------------------------------------------------------------------------------


def ghk(v, inside, outside, kelvin=307.15):
    """A/m² of a permeability of 1 m/s, v in V."""
    u = 2 * FARADAY * v / (GAS * kelvin)
    with np.errstate(invalid="ignore"):
        bent = np.where(u == 0, 1.0, u / -np.expm1(-u))
    return 2 * FARADAY * (inside - outside * np.exp(-u)) * bent


@pytest.mark.parametrize("celsius", [34.0, 6.3])
def test_a_permeability_carries_the_current_of_goldman_hodgkin_and_katz(tmp_path, celsius):
    """All gates open; V goes through 0. The potential follows from the current that the formula says."""
    ungated = write(tmp_path, UNGATED)
    steps, p = 4000, 1e-7
    found = run(
        {ungated: {"P": p * 100}, "passive": {"g": 5e-4, "E": 0}}, sweep(steps), ["V"], celsius=celsius, start_mv=0,
        ions={"ca": {"inside": 1e-4, "outside": 2}}, folder=tmp_path,
    )["V"] * 1e-3  # fmt: skip
    before = np.concatenate([[0.0], found[:-1]])
    at, further = (p * ghk(before + shift, 1e-4, 2.0, celsius + 273.15) for shift in (0.0, 1e-6))
    slope = (further - at) / 1e-6
    flow = at + slope * (found - before) + 5.0 * found  # A/m² during a step, linear in V as the engine takes it
    charged = 0.01 * (found - before) / DT
    np.testing.assert_allclose(charged, sweep(steps) * 1e-9 / AREA - flow, atol=1e-6)
    assert before[0] == 0.0  # where the formula is 0 / 0
    assert found.min() < -0.02 < 0.02 < found.max()


UNGATED = """
title: Calcium by a permeability, always open
kind: density
parameters: {P: {unit: cm/s, default: 1.0e-5}}
expressions:
  u: 2 * faraday * V / (gas_constant * temperature)
currents:
  ca: 2 * faraday * P * (ca_i - ca_o * exp(-u)) / exprel(-u)
"""


def test_the_gated_permeability_is_still_where_no_current_flows():
    """At the reversal potential by Nernst, for any temperature."""
    for celsius in (6.3, 34.0):
        rest = nernst(2, 1e-4, 2.0, celsius + 273.15)
        found = run(
            {"ca_ghk": {"P": 1e-3}}, np.zeros(400), ["V"], celsius=celsius, start_mv=rest,
            ions={"ca": {"inside": 1e-4, "outside": 2}},
        )["V"]  # fmt: skip
        np.testing.assert_allclose(found, rest, atol=1e-9)


# -- the neuron in a bath of potassium ---------------------------------------------------------------------------------


def spikes_in_bath(bath, seconds=8.0):
    """(spikes,) times in ms after 3 s, and V, of the neuron as it is published."""
    dt = 0.01  # ms: the membrane is charged within 0.02 ms
    found = run(
        {"k_bath": {"K_bath": bath}}, np.zeros(round(seconds * 1e3 / dt)), ["V"], celsius=37.0, start_mv=-78, dt_ms=dt,
        capacitance=0.115, diameter_um=16.03817, solver="crank_nicolson",
    )["V"]  # fmt: skip
    up = np.flatnonzero((found[1:] >= -25) & (found[:-1] < -25)) * dt
    return up[up > 3000], found[round(3000 / dt) :]


@pytest.mark.parametrize("bath", [4.0, 5.5])
def test_in_little_potassium_the_neuron_is_silent(bath):
    times, v = spikes_in_bath(bath, 5.0)
    assert len(times) == 0
    assert np.ptp(v) < 1


@pytest.mark.parametrize(
    ("bath", "longest", "in_a_group"),
    [(7.5, (400, 700), (6, 20)), (12.5, (300, 700), (200, 1000)), (17.0, (500, 1300), (400, 3000))],
)
def test_with_more_it_fires_in_groups(bath, longest, in_a_group):
    """Groups at 7.5, bursts at 12.5 and seizures at 17 mM: more and more spikes between silences of half a second and more."""
    times, _ = spikes_in_bath(bath)
    gaps = np.diff(times)
    silent = gaps[gaps > 100]
    assert len(silent) >= 2
    assert longest[0] < np.median(silent) < longest[1]
    inner = np.diff(np.flatnonzero(gaps > 100))
    assert in_a_group[0] < np.median(inner) < in_a_group[1], (inner, silent)


def test_between_groups_and_bursts_it_fires_tonically():
    times, _ = spikes_in_bath(9.5)
    gaps = np.diff(times)
    assert len(gaps) > 300
    assert gaps.max() < 1.05 * gaps.min()


def test_at_20_millimolar_activity_is_sustained():
    times, v = spikes_in_bath(20.0)
    assert np.diff(times).max() < 5  # ms: no rest
    assert v.max() < 5
    assert v.min() > -60  # it never comes back to where it was silent
