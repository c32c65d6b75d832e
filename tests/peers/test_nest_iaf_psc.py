"""iaf_psc_delta, iaf_psc_exp and iaf_psc_alpha in NEST and here: every step of every state, and every spike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nest_reference import Circuit, fresh_nest, largest_difference, random_trains

from engines.point_neurons.description import read_model, shipped
from tests.engines.point_neurons.running import Synapses

RECORDED = {
    "iaf_psc_delta": {"V": "V_m"},
    "iaf_psc_exp": {"V": "V_m", "i_ex": "I_syn_ex", "i_in": "I_syn_in"},
    "iaf_psc_alpha": {"V": "V_m", "i_ex": "I_syn_ex", "i_in": "I_syn_in"},
}
WEIGHT = {"iaf_psc_delta": 1.0, "iaf_psc_exp": 70.0, "iaf_psc_alpha": 40.0}
every = pytest.mark.parametrize("model", RECORDED)


def busy(model: str, size: int, parameters: dict[str, Any], seed: int, dt_ms: float = 0.1) -> Circuit:
    """Ten trains of 200 Hz, four of them inhibitory, with delays from 0.1 ms to 2.8 ms; noisy currents; and a ring of neurons."""
    rng = np.random.default_rng(seed)
    weight = WEIGHT[model]
    inhibition = -1.0 if model == "iaf_psc_delta" else -0.5
    synapses = [
        Synapses("trains", [(k, j) for j in range(size)], (1.5 if k < 6 else inhibition) * weight * (1 + 0.1 * k), 0.1 + 0.3 * k)
        for k in range(10)
    ]
    synapses.append(Synapses("neurons", [(j, (j + 1) % size) for j in range(size)], 4.0 * weight, 1.5))
    synapses.append(Synapses("neurons", [(j, (j + 2) % size) for j in range(size)], -2.0 * weight, 0.1))
    currents = rng.normal(150.0, 200.0, (500, size))
    currents[:2] = 0.0  # generators of NEST cannot say anything for the first two steps
    return Circuit(model, size, parameters, random_trains(10, 200.0, 500.0, seed), synapses, "", currents, 1.0, dt_ms)


def compare(circuit: Circuit, stop_ms: float, least: int) -> None:
    """All spikes are the same; states differ by 1e-11 of their largest values at most: weights are kept to 2^-41 of the largest."""
    recorded = RECORDED[circuit.model]
    start = circuit.parameters.get("E_L", -70.0)
    ours, theirs = circuit.here(stop_ms), circuit.in_nest(stop_ms, list(recorded.values()), V_m=start)
    assert np.bincount(ours.neurons, minlength=circuit.size).min() >= least
    assert ours.has_the_spikes_of(theirs)
    for here, there in recorded.items():
        scale = np.abs(theirs.traces[there]).max()
        assert largest_difference(ours.traces[here], theirs.traces[there]) < 1e-11 * scale


@every
def test_traces_and_spikes_are_those_of_nest(model: str) -> None:
    """Five neurons that differ, among them one without refractoriness and one with tau_m = tau_syn."""
    tau = {} if model == "iaf_psc_delta" else {"tau_syn_ex": [0.5, 2.0, 10.0, 5.0, 2.0], "tau_syn_in": [2.0, 3.0, 10.0, 1.0, 5.0]}
    parameters = {
        "C_m": [250.0, 200.0, 250.0, 300.0, 250.0],
        "tau_m": [10.0, 10.0, 10.0, 20.0, 5.0],
        "E_L": [-70.0, -65.0, -70.0, -68.0, -70.0],
        "V_th": [-55.0, -50.0, -58.0, -55.0, -55.0],
        "V_reset": [-70.0, -60.0, -70.0, -65.0, -80.0],
        "t_ref": [2.0, 0.0, 0.1, 5.0, 20.0],
        "I_e": [350.0, 250.0, 0.0, 50.0, 900.0],
        **tau,
    }
    compare(busy(model, 5, parameters, seed=3), 500.0, least=4)


@every
def test_as_it_comes_and_in_steps_of_a_millisecond(model: str) -> None:
    circuit = busy(model, 3, {"I_e": [200.0, 300.0, 250.0]}, seed=4)
    synapses = [Synapses(item.source, item.pairs, item.weight, float(round(item.delay_ms) or 1)) for item in circuit.synapses]
    trains = random_trains(10, 200.0, 500.0, seed=5, dt_ms=1.0)
    compare(Circuit(model, 3, circuit.parameters, trains, synapses, "", circuit.currents, 1.0, 1.0), 500.0, least=4)


@every
def test_defaults_are_those_of_nest(model: str) -> None:
    theirs, ours = fresh_nest(0.1).GetDefaults(model), read_model(shipped()[model])[0].parameters
    assert {name: item.default for name, item in ours.items()} == {name: theirs[name] for name in ours}


@every
@pytest.mark.parametrize("current", [376.0, 500.0, 1500.0])
def test_a_constant_current_gives_the_spike_times_of_nest(model: str, current: float) -> None:
    circuit = Circuit(model, 1, {"I_e": current})
    ours, theirs = circuit.here(300), circuit.in_nest(300, ["V_m"])
    assert ours.has_the_spikes_of(theirs)
    assert largest_difference(ours.traces["V"], theirs.traces["V_m"]) < 1e-11
