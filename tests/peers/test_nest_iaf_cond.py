"""iaf_cond_exp and iaf_cond_alpha in NEST and here.

NEST integrates by Runge-Kutta-Fehlberg 4(5), with steps that keep an error estimate of each state below 1e-3 (mV, nS); here
conductances are exact and the potential is of order 4. So both agree to that tolerance, and the better the smaller the steps of
the grid, which are NEST's largest steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nest_reference import Circuit, Found, fresh_nest, largest_difference, random_trains

from engines.point_neurons.description import read_model, shipped
from tests.engines.point_neurons.running import Synapses

RECORDED = {"V": "V_m", "g_ex": "g_ex", "g_in": "g_in"}
WEIGHT = {"iaf_cond_exp": 25.0, "iaf_cond_alpha": 12.0}
every = pytest.mark.parametrize("model", WEIGHT)


def busy(model: str, parameters: dict[str, Any], dt_ms: float, stop_ms: float) -> Circuit:
    """Three neurons, ten trains of 150 Hz, four of them inhibitory, noisy currents, and a ring."""
    rng = np.random.default_rng(5)
    weight, targets = WEIGHT[model], range(3)
    synapses = [
        Synapses("trains", [(k, j) for j in targets], weight * (1 + 0.1 * k), 0.1 + 0.3 * k, "excitatory") for k in range(6)
    ]
    synapses += [
        Synapses("trains", [(k, j) for j in targets], weight / 10 * (k - 4), 0.1 + 0.3 * k, "inhibitory") for k in range(6, 10)
    ]
    synapses.append(Synapses("neurons", [(0, 1), (1, 2), (2, 0)], 2.0 * weight, 1.5, "excitatory"))
    currents = rng.normal(250.0, 200.0, (round(stop_ms), 3))
    currents[0] = 0.0
    trains = random_trains(10, 150.0, stop_ms, seed=6)  # on the grid of 0.1 ms, whatever the step
    return Circuit(model, 3, parameters, trains, synapses, "inhibitory", currents, 1.0, dt_ms)


def both(circuit: Circuit, stop_ms: float) -> tuple[Found, Found]:
    return circuit.here(stop_ms), circuit.in_nest(stop_ms, list(RECORDED.values()), V_m=circuit.parameters.get("E_L", -70.0))


def differences(ours: Found, theirs: Found) -> dict[str, float]:
    """The largest of each state, as a share of its largest value; the potential's in mV."""
    return {
        here: largest_difference(ours.traces[here], theirs.traces[there]) / (1.0 if here == "V" else theirs.traces[there].max())
        for here, there in RECORDED.items()
    }


@every
def test_traces_and_spikes_are_those_of_nest_to_its_tolerance(model: str) -> None:
    """At 0.1 ms, half a tau_syn_ex: 300 ms with spikes, refractoriness, currents and a ring."""
    parameters = {"t_ref": [2.0, 0.1, 5.0], "g_L": [16.6667, 10.0, 20.0], "C_m": [250.0, 200.0, 300.0]}
    ours, theirs = both(busy(model, parameters, 0.1, 300.0), 300.0)
    assert np.bincount(ours.neurons, minlength=3).min() > 5
    assert ours.has_the_spikes_of(theirs)
    found = differences(ours, theirs)
    assert found["V"] < 2e-3
    assert max(found["g_ex"], found["g_in"]) < 3e-5


@every
def test_both_agree_the_better_the_smaller_the_steps(model: str) -> None:
    """From 0.1 ms to 0.02 ms by 5^4: the potential here is of order 4, all else is better."""
    found = []
    for dt_ms in (0.1, 0.02):
        ours, theirs = both(busy(model, {}, dt_ms, 100.0), 100.0)
        assert np.bincount(ours.neurons, minlength=3).min() > 2
        assert ours.has_the_spikes_of(theirs)
        found.append(differences(ours, theirs))
    assert found[1]["V"] < found[0]["V"] / 5**4 * 1.5
    assert found[1]["V"] < 4e-6
    assert max(found[1]["g_ex"], found[1]["g_in"]) < 2e-7


@every
def test_defaults_are_those_of_nest(model: str) -> None:
    theirs, ours = fresh_nest(0.1).GetDefaults(model), read_model(shipped()[model])[0].parameters
    assert {name: item.default for name, item in ours.items()} == {name: theirs[name] for name in ours}


@every
def test_a_constant_current_gives_the_spike_times_of_nest(model: str) -> None:
    circuit = Circuit(model, 4, {"I_e": [260.0, 400.0, 800.0, 3000.0]})
    ours, theirs = both(circuit, 300.0)
    assert np.bincount(ours.neurons, minlength=4).min() > 5
    assert ours.has_the_spikes_of(theirs)
