"""Izhikevich's simple model in NEST, with its consistent_integration, and here by forward Euler: the same steps."""

from __future__ import annotations

import numpy as np
from nest_reference import Circuit, Found, fresh_nest, largest_difference, random_trains

from engines.point_neurons.description import read_model, shipped
from tests.engines.point_neurons.running import Synapses

KINDS = {"a": [0.02, 0.02, 0.02, 0.1], "b": [0.2, 0.2, 0.25, 0.26], "c": [-65.0, -50.0, -65.0, -65.0], "d": [8.0, 2.0, 2.0, 2.0]}
"""Regular spiking, chattering, low-threshold spiking, resonator."""


def both(circuit: Circuit, stop_ms: float) -> tuple[Found, Found]:
    given = {"V_m": circuit.parameters["c"], "U_m": [b * c for b, c in zip(KINDS["b"], KINDS["c"], strict=True)]}
    return circuit.here(stop_ms), circuit.in_nest(stop_ms, ["V_m", "U_m"], **given)


def test_constant_currents_give_the_courses_of_nest() -> None:
    """To 1e-9 of 100 mV and of 20 mV/ms; rounding grows in each upstroke and is forgotten after it."""
    ours, theirs = both(Circuit("izhikevich", 4, {**KINDS, "I_e": 10.0}), 300.0)
    assert np.bincount(ours.neurons, minlength=4).min() > 5
    assert ours.has_the_spikes_of(theirs)
    assert largest_difference(ours.traces["V"], theirs.traces["V_m"]) < 1e-7
    assert largest_difference(ours.traces["u"], theirs.traces["U_m"]) < 2e-8


def test_spikes_and_moving_currents_act_as_in_nest() -> None:
    """A spike and a current of a row act at the same steps. Courses are held together for 50 ms: weights are kept to 2^-40 of the
    largest, and what differs grows tenfold in some 10 ms in the resonator."""
    rng = np.random.default_rng(7)
    currents = rng.normal(5.0, 3.0, (150, 4))
    currents[0] = 0.0
    trains = random_trains(6, 100.0, 150.0, seed=8)
    synapses = [Synapses("trains", [(k, j) for j in range(4)], 3.0 if k < 4 else -2.0, 0.1 + 0.3 * k) for k in range(6)]
    ours, theirs = both(Circuit("izhikevich", 4, KINDS, trains, synapses, currents=currents, row_ms=1.0), 150.0)
    assert np.bincount(ours.neurons, minlength=4).min() > 2
    assert ours.has_the_spikes_of(theirs)
    assert largest_difference(ours.traces["V"][:500], theirs.traces["V_m"][:500]) < 1e-7


def test_defaults_are_those_of_nest() -> None:
    theirs, ours = fresh_nest(0.1).GetDefaults("izhikevich"), read_model(shipped()["izhikevich"])[0].parameters
    shared = [name for name in ours if name in theirs]
    assert set(shared) == {"a", "b", "c", "d", "V_th", "I_e"}
    assert {name: ours[name].default for name in shared} == {name: theirs[name] for name in shared}
