"""Channels of published cells: where gates rest and how fast they go there, beside the formulas as they are printed.

The formulas of Hay's and of Mainen and Sejnowski's cells are written out here as their authors have them, potentials in mV, times
in ms; the channels of the engine that are theirs with other parameters must come to the same curves.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from running_mechanisms import LEAK, run, sweep

from engines.compartmental_neurons.mechanisms.description import mechanism_file, read_mechanism, shipped
from engines.compartmental_neurons.mechanisms.placed import values_of

V = np.linspace(-120.0, 60.0, 2161) + 1e-4  # beside the places where printed formulas are 0 / 0
QT = 2.3 ** ((34 - 21) / 10)
exp = np.exp


def curves(mechanism, gate, celsius=34.0, ca_mm=None, **parameters):
    """(potentials,) where a gate rests, and its time constant in ms."""
    described = read_mechanism(mechanism_file(mechanism, Path()))
    symbols = values_of(described, parameters) | {"V": V * 1e-3, "celsius": celsius, "ca_i": ca_mm}
    for name, expression in described.parts.equations.expressions.items():
        symbols[name] = expression.value(symbols)
    rest, pace = (part.value(symbols) for part in described.parts.gates[gate])
    return np.broadcast_to(rest, V.shape), np.broadcast_to(1e3 / pace, V.shape)


def of_rates(alpha, beta, factor=1.0):
    return alpha / (alpha + beta), 1 / (alpha + beta) / factor


def same(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)  # printed differences lose some digits near 0 / 0


def rising(v, half, steepness, rate):
    """A (v - half) / (1 - e^(-(v - half) / k))."""
    return rate * (v - half) / (1 - exp(-(v - half) / steepness))


# -- Hay, Hill, Schürmann, Markram and Segev 2011 ----------------------------------------------------------------------


@pytest.mark.parametrize(("activation", "inactivation"), [(-38, -66), (-32, -60)], ids=["NaTa_t", "NaTs2_t"])
def test_transient_sodium_of_hay(activation, inactivation):
    v, given = V, {"V_m": activation, "V_h": inactivation, "T": 21}
    opening, closing = rising(v, activation, 6, 0.182), rising(-v, -activation, 6, 0.124)
    same(curves("na_transient", "m", **given), of_rates(opening, closing, QT))
    freed = -0.015 * (v - inactivation) / (1 - exp((v - inactivation) / 6))
    bound = -0.015 * (-v + inactivation) / (1 - exp((-v + inactivation) / 6))
    same(curves("na_transient", "h", **given), of_rates(freed, bound, QT))


def test_persistent_sodium_of_hay():
    v = V
    opening, closing = rising(v, -38, 6, 0.182), rising(-v, 38, 6, 0.124)
    same(curves("na_persistent_gated", "m"), (1 / (1 + exp((v + 52.6) / -4.6)), 6 / (opening + closing) / QT))
    freed = -2.88e-6 * (v + 17) / (1 - exp((v + 17) / 4.63))
    bound = 6.94e-6 * (v + 64.4) / (1 - exp(-(v + 64.4) / 2.63))
    same(curves("na_persistent_gated", "h"), (1 / (1 + exp((v + 48.8) / 10)), 1 / (freed + bound) / QT))


def test_potassium_of_hay():
    v = V + 10  # the junction of pipette and bath
    slow = np.where(v < -50, 1.25 + 175.03 * exp(0.026 * v), 1.25 + 13 * exp(-0.026 * v))
    persistent = {"V_m": -1, "k_m": 12, "shift": -10}
    same(curves("k_persistent", "m", **persistent), (1 / (1 + exp(-(v + 1) / 12)), slow / QT))
    tau = 360 + (1010 + 24 * (v + 55)) * exp(-(((v + 75) / 48) ** 2))
    same(curves("k_persistent", "h", **persistent), (1 / (1 + exp((v + 54) / 11)), tau / QT))
    transient = {"V_m": 0, "k_m": 19, "shift": -10}
    same(curves("k_transient", "m", **transient), (1 / (1 + exp(-v / 19)), (0.34 + 0.92 * exp(-(((v + 71) / 59) ** 2))) / QT))
    same(curves("k_transient", "h", **transient), (1 / (1 + exp((v + 66) / 10)), (8 + 49 * exp(-(((v + 73) / 23) ** 2))) / QT))
    same(curves("k_v3", "m"), (1 / (1 + exp((V - 18.7) / -9.7)), 0.2 * 20 / (1 + exp((V + 46.56) / -44.14))))
    same(curves("k_m", "m"), of_rates(3.3e-3 * exp(0.1 * (V + 35)), 3.3e-3 * exp(-0.1 * (V + 35)), QT))


def test_calcium_and_cations_of_hay():
    v = V + 10
    same(curves("ca_lva", "m"), (1 / (1 + exp((v + 30) / -6)), (5 + 20 / (1 + exp((v + 25) / 5))) / QT))
    same(curves("ca_lva", "h"), (1 / (1 + exp((v + 80) / 6.4)), (20 + 50 / (1 + exp((v + 40) / 7))) / QT))
    opening = 0.055 * (-27 - V) / (exp((-27 - V) / 3.8) - 1)
    same(curves("ca_hva", "m"), of_rates(opening, 0.94 * exp((-75 - V) / 17)))
    same(curves("ca_hva", "h"), of_rates(0.000457 * exp((-13 - V) / 50), 0.0065 / (exp((-V - 15) / 28) + 1)))
    same(curves("hcn", "m"), of_rates(0.001 * 6.43 * (V + 154.9) / (exp((V + 154.9) / 11.9) - 1), 0.001 * 193 * exp(V / 33.1)))


@pytest.mark.parametrize("ca_mm", [1e-5, 2e-4, 4.3e-4, 1e-3, 0.1])
def test_potassium_that_calcium_opens(ca_mm):
    same(curves("k_sk", "z", ca_mm=ca_mm), (1 / (1 + (0.00043 / ca_mm) ** 4.8), 1.0))
    same(curves("k_ca_mainen", "n", celsius=37.0, ca_mm=ca_mm), of_rates(0.01 * ca_mm, 0.02, 2.3**1.4))


# -- Mainen and Sejnowski 1996 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("celsius", [37.0, 23.0])
def test_channels_of_mainen_and_sejnowski(celsius):
    factor, v = 2.3 ** ((celsius - 23) / 10), V - 10
    same(curves("na_mainen", "m", celsius), of_rates(rising(v, -35, 9, 0.182), rising(-v, 35, 9, 0.124), factor))
    speed = rising(v, -50, 5, 0.024) + rising(-v, 75, 5, 0.0091)
    same(curves("na_mainen", "h", celsius), (1 / (1 + exp((v + 65) / 6.2)), 1 / speed / factor))
    same(curves("k_mainen", "n", celsius), of_rates(rising(V, 25, 9, 0.02), rising(-V, -25, 9, 0.002), factor))
    slow = {"V_n": -30, "opening": 0.001, "closing": 0.001}
    same(curves("k_mainen", "n", celsius, **slow), of_rates(rising(V, -30, 9, 0.001), rising(-V, 30, 9, 0.001), factor))
    opening = 0.055 * (-27 - V) / (exp((-27 - V) / 3.8) - 1)
    same(curves("ca_hva", "m", celsius, q10=2.3), of_rates(opening, 0.94 * exp((-75 - V) / 17), factor))


@pytest.mark.parametrize(("mechanism", "ion"), [("na_mainen", "na"), ("k_mainen", "k"), ("k_ca_mainen", "k"), ("ca_hva", "ca")])
def test_their_conductances_too_grow_with_temperature(mechanism, ion):
    described = read_mechanism(mechanism_file(mechanism, Path()))
    given = {"q10": 2.3} if mechanism == "ca_hva" else {}
    symbols = values_of(described, {"g": 100.0, **given}) | dict.fromkeys(described.gates, 0.5)
    symbols |= {"V": 0.01, "ca_i": 1e-4, f"E_{ion}": -0.05}

    def current(celsius):
        q = described.parts.equations.expressions["q"].value(symbols | {"celsius": celsius})
        return described.parts.currents[ion].value(symbols | {"q": q})

    assert current(37.0) / current(23.0) == pytest.approx(2.3**1.4, rel=1e-14)


# -- all of them -------------------------------------------------------------------------------------------------------

CHANNELS = [name for name, path in shipped().items() if path.parent.name == "channels"]
IONS = {"na": {"reversal": 50}, "k": {"reversal": -90}, "ca": {"inside": 1e-4, "outside": 2}}


def test_a_set_is_complete():
    allen = "ca_hva ca_lva ca_pool hcn k_m k_m_vervaeke k_persistent k_transient k_d k_v2 k_v3 k_sk"
    sodium = "na_transient na_carter na_persistent na_persistent_gated na_mainen"
    assert {*allen.split(), *sodium.split(), "k_mainen", "k_ca_mainen"} <= {*CHANNELS}


@pytest.mark.parametrize("mechanism", CHANNELS)
def test_every_channel_says_what_it_is(mechanism):
    described = read_mechanism(shipped()[mechanism])
    assert described.title
    assert described.references or mechanism == "na_pool"  # which is arithmetic
    assert all(item.about for item in [*described.parameters.values(), *described.gates.values(), *described.states.values()])


@pytest.mark.parametrize("mechanism", [name for name in CHANNELS if read_mechanism(shipped()[name]).gates])
def test_gates_stay_from_0_to_1_far_beyond_any_potential(mechanism):
    """A quarter of a volt to either side, where nothing may overflow."""
    gates = [f"{mechanism}.{name}" for name in read_mechanism(shipped()[mechanism]).gates]
    if mechanism == "k_v2":
        gates.remove("k_v2.h2")  # its printed time constant falls below 0 at -150 mV
    found = run({mechanism: {}, "passive": LEAK}, sweep(2000, 0.11), gates, ions=IONS)
    for name, values in found.items():
        assert np.isfinite(values).all(), name
        assert values.min() >= 0, name
        assert values.max() <= 1, name


@pytest.mark.parametrize("mechanism", ["na_transient", "k_mainen", "ca_hva", "hcn", "na_persistent_gated", "hh"])
def test_rates_are_smooth_where_they_are_0_over_0(mechanism):
    """x / (e^x - 1) at 0: its neighbours lie on one line with it."""
    described = read_mechanism(mechanism_file(mechanism, Path()))
    for half in (-40.0, 25.0, -27.0, -154.9, -38.0, -17.0, -64.4, -55.0, -66.0):
        v = (half + np.array([-1e-4, 0.0, 1e-4])) * 1e-3
        symbols = values_of(described, {}) | {"V": v, "celsius": 34.0}
        for name, expression in described.parts.equations.expressions.items():
            symbols[name] = expression.value(symbols)
        for rest, pace in described.parts.gates.values():
            for part in (rest, pace):
                left, middle, right = np.broadcast_to(part.value(symbols), 3)
                assert abs(left + right - 2 * middle) < 1e-9 * abs(middle)
