"""Channels of the Allen cells against NEURON, which runs the NMODL files that come with bmtk, driven by the same current.

What is left, some 1e-11 mV, is NEURON's: it takes conductances as difference quotients over 0.001 mV, which lose ten digits.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from running_mechanisms import LEAK, bmtk_mechanisms, loaded, run, run_neuron, sweep

from engines.compartmental_neurons.mechanisms.description import mechanism_file, read_mechanism
from engines.compartmental_neurons.mechanisms.initial import start
from engines.compartmental_neurons.mechanisms.placed import values_of

STEPS, G = 4000, 0.0005
IONS = {"na": {"reversal": 53}, "k": {"reversal": -107}, "ca": {"reversal": 130, "inside": 5e-5, "outside": 2}}
REVERSAL = {"ena": 53.0, "ek": -107.0, "eca": 130.0}
CHANNELS = {
    "na_transient": ("NaTs", {}, "m h"),
    "na_persistent": ("Nap", {}, "h"),
    "na_carter": ("NaV", {}, "C1 C2 C3 C4 C5 O I1 I2 I3 I4 I5 I6"),
    "k_transient": ("K_T", {}, "m h"),
    "k_persistent": ("K_P", {}, "m h"),
    "k_d": ("Kd", {}, "m h"),
    "k_v2": ("Kv2like", {}, "m h1 h2"),
    "k_v3": ("Kv3_1", {}, "m"),
    "k_m": ("Im", {}, "m"),
    "k_m_vervaeke": ("Im_v2", {}, "m"),
    "ca_hva": ("Ca_HVA", {}, "m h"),
    "ca_lva": ("Ca_LVA", {}, "m h"),
    "hcn": ("Ih", {}, "m"),
}
"""NEURON's name, parameters that both have, states that both have."""
MILLIVOLTS, SHARES = 1e-9, 1e-11


@pytest.fixture(scope="session")
def h():
    pytest.importorskip("neuron")
    folder = bmtk_mechanisms()
    if folder is None:
        pytest.skip("bmtk, whose mechanisms these are, is not installed")
    return loaded(folder)


def at_rest(mechanism, celsius, potential):
    """Occupancies at rest: those of NaV.mod are not, for one of its equations at the start has another rate than the scheme."""
    described = read_mechanism(mechanism_file(mechanism, Path()))
    given = values_of(described, {}) | {"V": potential * 1e-3, "celsius": celsius, "temperature": celsius + 273.15}
    return {name: float(value[0]) for name, value in start(described, given, 1).items()}


def both(h, mechanism, suffix, ours, theirs, states, celsius):
    """All that differs, at its most."""
    current, states = sweep(STEPS), states.split()
    found = run(
        {mechanism: ours, "passive": LEAK}, current, ["V", *(f"{mechanism}.{name}" for name in states)], celsius=celsius, ions=IONS
    )
    begin = {f"{name}_{suffix}": value for name, value in at_rest(mechanism, celsius, -70.0).items()} if suffix == "NaV" else None
    expected = run_neuron(
        h, {suffix: theirs, "pas": {"g": LEAK["g"], "e": LEAK["E"]}}, current, ["v", *(f"{name}_{suffix}" for name in states)],
        celsius=celsius, reversal=REVERSAL, states=begin,
    )  # fmt: skip
    assert np.ptp(expected["v"]) > 80  # mV: it goes all over its range
    gone = [np.abs(found[f"{mechanism}.{name}"] - expected[f"{name}_{suffix}"]).max() for name in states]
    return np.abs(found["V"] - expected["v"]).max(), max(gone)


@pytest.mark.parametrize("celsius", [34.0, 22.0])
@pytest.mark.parametrize("mechanism", CHANNELS)
def test_a_channel_of_the_allen_cells_is_neurons(h, mechanism, celsius):
    suffix, parameters, states = CHANNELS[mechanism]
    potential, gates = both(h, mechanism, suffix, {"g": G, **parameters}, {"gbar": G}, states, celsius)
    assert potential < MILLIVOLTS
    assert gates < SHARES


@pytest.mark.parametrize(
    ("mechanism", "suffix", "ours", "theirs"),
    [
        ("na_transient", "NaTa", {"V_m": -48, "V_h": -69}, {}),
        ("na_transient", "NaTs", {"V_m": -35, "k_m": 7, "V_h": -60, "k_h": 5}, {"mvhalf": -35, "mk": 7, "hvhalf": -60, "hk": 5}),
        ("k_transient", "K_T", {"shift": -10}, {"vshift": -10}),
        ("k_persistent", "K_P", {"shift": 7}, {"vshift": 7}),
        ("k_v3", "Kv3_1", {"shift": -5}, {"vshift": -5}),
    ],
)
def test_parameters_mean_the_same(h, mechanism, suffix, ours, theirs):
    before = {f"{name}_{suffix}": getattr(h, f"{name}_{suffix}") for name in theirs}
    for name, value in theirs.items():  # of all cells at once, in NMODL
        setattr(h, f"{name}_{suffix}", value)
    try:
        potential, gates = both(h, mechanism, suffix, {"g": G, **ours}, {"gbar": G}, "m" if suffix == "Kv3_1" else "m h", 34.0)
    finally:
        for name, value in before.items():
            setattr(h, name, value)
    assert potential < MILLIVOLTS
    assert gates < SHARES


@pytest.mark.parametrize("celsius", [34.0, 22.0])
def test_calcium_its_potential_and_what_it_opens_are_neurons(h, celsius):
    """The pool moves on before channels look at it, and the reversal potential follows at the start of the next step."""
    current = sweep(STEPS)
    ions = {"k": {"reversal": -107}, "ca": {"inside": 5e-5, "outside": 2}}
    pool = {"share": 0.02, "tau": 150}
    found = run(
        {"ca_hva": {"g": 3e-4}, "ca_lva": {"g": 2e-4}, "ca_pool": pool, "k_sk": {"g": 1e-3}, "passive": LEAK}, current,
        ["V", "ca_i", "E_ca", "k_sk.z", "ca_hva.m"], celsius=celsius, ions=ions,
    )  # fmt: skip
    expected = run_neuron(
        h,
        {
            "Ca_HVA": {"gbar": 3e-4}, "Ca_LVA": {"gbar": 2e-4}, "CaDynamics": {"gamma": 0.02, "decay": 150}, "SK": {"gbar": 1e-3},
            "pas": {"g": LEAK["g"], "e": LEAK["E"]},
        },
        current, ["v", "cai", "eca", "z_SK", "m_Ca_HVA"], celsius=celsius, reversal={"ek": -107.0},
    )  # fmt: skip
    assert expected["cai"].max() > 5e-4
    assert np.abs(found["V"] - expected["v"]).max() < MILLIVOLTS
    assert np.abs(found["ca_i"] / expected["cai"] - 1).max() < 1e-11
    assert np.abs(found["E_ca"] - expected["eca"]).max() < MILLIVOLTS
    assert np.abs(found["k_sk.z"] - expected["z_SK"]).max() < SHARES


def test_many_channels_at_once_are_neurons(h):
    """As in the soma of an Allen cell, with spikes."""
    ours = {
        "na_carter": {"g": 0.1}, "k_transient": {"g": 0.01}, "k_d": {"g": 0.001}, "k_v2": {"g": 0.05}, "k_v3": {"g": 0.2},
        "ca_hva": {"g": 1e-4}, "ca_lva": {"g": 1e-3}, "ca_pool": {"share": 0.01, "tau": 500}, "k_sk": {"g": 1e-4},
        "k_m_vervaeke": {"g": 0.002}, "hcn": {"g": 1e-5},
    }  # fmt: skip
    theirs = {
        "NaV": {"gbar": 0.1}, "K_T": {"gbar": 0.01}, "Kd": {"gbar": 0.001}, "Kv2like": {"gbar": 0.05}, "Kv3_1": {"gbar": 0.2},
        "Ca_HVA": {"gbar": 1e-4}, "Ca_LVA": {"gbar": 1e-3}, "CaDynamics": {"gamma": 0.01, "decay": 500}, "SK": {"gbar": 1e-4},
        "Im_v2": {"gbar": 0.002}, "Ih": {"gbar": 1e-5},
    }  # fmt: skip
    current = np.full(STEPS, 0.05)
    ions = {"na": {"reversal": 53}, "k": {"reversal": -107}, "ca": {"inside": 5e-5, "outside": 2}}
    found = run(ours, current, ["V", "ca_i"], ions=ions)
    begin = {f"{name}_NaV": value for name, value in at_rest("na_carter", 34.0, -70.0).items()}
    expected = run_neuron(h, theirs, current, ["v", "cai"], reversal={"ena": 53.0, "ek": -107.0}, states=begin)
    spikes = np.flatnonzero((expected["v"][1:] > 0) & (expected["v"][:-1] <= 0))
    assert len(spikes) > 3
    assert np.abs(found["V"] - expected["v"]).max() < 1e-7  # spikes make more of a difference
    assert np.abs(found["ca_i"] / expected["cai"] - 1).max() < 1e-9


@pytest.mark.parametrize("second_order", [False, True])
def test_the_squid_axon_is_neurons_in_both_solvers(h, second_order):
    h.usetable_hh = 0
    current = np.full(STEPS, 0.04)
    solver = "crank_nicolson" if second_order else "backward_euler"
    found = run({"hh": {}}, current, ["V", "hh.m", "hh.h", "hh.n"], celsius=6.3, start_mv=-65, solver=solver)
    expected = run_neuron(
        h, {"hh": {}}, current, ["v", "m_hh", "h_hh", "n_hh"], celsius=6.3, start_mv=-65, second_order=second_order
    )
    assert np.count_nonzero((expected["v"][1:] > 0) & (expected["v"][:-1] <= 0)) > 4
    assert np.abs(found["V"] - expected["v"]).max() < 1e-7
    for gate in "mhn":
        assert np.abs(found[f"hh.{gate}"] - expected[f"{gate}_hh"]).max() < 1e-9
