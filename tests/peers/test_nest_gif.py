"""Models with thresholds that move, in NEST and here: gif_psc_exp, gif_cond_exp and mat2_psc_exp."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from nest_reference import Circuit, fresh_nest, largest_difference, random_trains
from numpy.typing import NDArray

from engines.point_neurons.description import read_model, shipped
from tests.engines.point_neurons.running import Synapses, run

Floats = NDArray[np.float64]
STC, SFA = ((25.0, 30.0), (150.0, 5.0)), ((10.0, 4.0), (60.0, 1.5), (300.0, -0.3))
"""Time constant in ms, and what a spike adds in pA and mV."""
RISING = {"I_e": 140.0, "lambda_0": 10.0, "V_T_star": -45.0, "Delta_V": 2.0}


def busy(model: str, dt_ms: float, stop_ms: float, mean: float = 50.0, **parameters: Any) -> Circuit:
    """Two neurons, six trains, two of them inhibitory, and noisy currents about a mean in pA."""
    rng = np.random.default_rng(5)
    is_conductance = "cond" in model
    synapses = []
    for k in range(6):
        sign, receptor = (1.0, "excitatory") if k < 4 else (1.0 if is_conductance else -1.0, "inhibitory")
        weight = (1.0 if is_conductance else 40.0) * (1 + 0.2 * k)
        synapses.append(Synapses("trains", [(k, 0), (k, 1)], sign * weight, 0.2 + 0.2 * k, receptor if is_conductance else None))
    currents = rng.normal(mean, 30.0, (round(stop_ms), 2))
    currents[0] = 0.0
    trains = random_trains(6, 100.0, stop_ms, seed=6)
    return Circuit(model, 2, parameters, trains, synapses, "inhibitory", currents, 1.0, dt_ms)


# -- gif -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "bound"), [("gif_psc_exp", 1e-9), ("gif_cond_exp", 1e-6)])
def test_a_neuron_that_never_spikes_has_the_course_of_nest(model: str, bound: float) -> None:
    """Exact with currents, of order 4 with conductances. NEST's gif_psc_exp, unlike its other models, lets the current of a spike
    act on the potential over the step at whose end it arrives: as if it had come a step before."""
    circuit, given = busy(model, 0.05, 200.0, lambda_0=0.0), {"gsl_error_tol": 1e-10}
    early = circuit
    if model == "gif_psc_exp":
        given = {}
        early = replace(circuit, synapses=[replace(item, delay_ms=item.delay_ms - 0.05) for item in circuit.synapses])
    ours, theirs = early.here(200.0), circuit.in_nest(200.0, ["V_m"], **given)
    assert len(ours.times_ms) == len(theirs.times_ms) == 0
    assert np.ptp(theirs.traces["V_m"]) > 5.0
    assert largest_difference(ours.traces["V"], theirs.traces["V_m"]) < bound


def in_nest(model: str, size: int, stop_ms: float) -> list[Floats]:
    """Spike times in ms of neurons with adaptation."""
    nest = fresh_nest(0.1)
    nest.rng_seed = 4
    kinds = {"tau_stc": STC, "q_stc": STC, "tau_sfa": SFA, "q_sfa": SFA}
    given = {name: [pair[name.startswith("q")] for pair in pairs] for name, pairs in kinds.items()}
    neurons = nest.Create(model, size, params={**RISING, **given})
    recorder = nest.Create("spike_recorder")
    nest.Connect(neurons, recorder)
    nest.Simulate(stop_ms)
    times, who = np.asarray(recorder.events["times"]), np.asarray(recorder.events["senders"]) - neurons.tolist()[0]
    return [np.sort(times[who == neuron]) for neuron in range(size)]


def here(model: str, size: int, stop_ms: float) -> list[Floats]:
    given = {f"tau_stc{k + 1}": tau for k, (tau, _) in enumerate(STC)} | {f"q_stc{k + 1}": q for k, (_, q) in enumerate(STC)}
    given |= {f"tau_sfa{k + 1}": tau for k, (tau, _) in enumerate(SFA)} | {f"q_sfa{k + 1}": q for k, (_, q) in enumerate(SFA)}
    found = run(stop_ms, populations={"g": {"model": model, "size": size, "parameters": RISING | given}})
    return [found.times_ms(neuron) for neuron in range(size)]


@pytest.mark.parametrize("model", ["gif_psc_exp", "gif_cond_exp"])
def test_adapting_neurons_have_the_statistics_of_nest(model: str) -> None:
    """The first spike, intervals, and their relation to the one before; both sides' standard errors. NEST holds the currents that
    spikes start over each step, half a step too long on average: some 0.1 % of an interval."""
    size, stop_ms = 300, 2000.0
    found = []
    for trains in (here(model, size, stop_ms), in_nest(model, size, stop_ms)):
        intervals = np.array([np.diff(train)[:20] for train in trains])  # of some 35
        assert intervals.shape == (size, 20)
        late = intervals[:, 5:]
        z = late - late.mean()
        relation = (z[:, 1:] * z[:, :-1]).mean() / late.var()
        values = np.array([np.mean([train[0] for train in trains]), intervals[:, 0].mean(), late.mean(), late.std(), relation])
        first = np.std([train[0] for train in trains]) / np.sqrt(size)
        errors = np.array([first, intervals[:, 0].std() / np.sqrt(size), late.std() / np.sqrt(late.size),
                           late.std() / np.sqrt(late.size), 1 / np.sqrt(late.size)])  # fmt: skip
        found.append((values, errors))
    (ours, one), (theirs, other) = found
    assert ours[2] > 1.1 * ours[1]  # it adapts
    assert ours[4] < -0.05  # and remembers
    assert np.all(np.abs(ours - theirs) < 4.5 * np.hypot(one, other) + 0.001 * np.abs(theirs))


@pytest.mark.parametrize("model", ["gif_psc_exp", "gif_cond_exp"])
def test_defaults_are_those_of_nest(model: str) -> None:
    theirs, ours = fresh_nest(0.1).GetDefaults(model), read_model(shipped()[model])[0].parameters
    lists = {name for name in ours if name[-1].isdigit()}
    assert {name: item.default for name, item in ours.items() if name not in lists} == {
        name: theirs[name] for name in ours if name not in lists
    }


# -- mat2 ----------------------------------------------------------------------------------------------------------------------


def test_the_neuron_that_is_not_reset_has_course_threshold_and_spikes_of_nest() -> None:
    """Exact in both; 1e-9 of some 100 mV. NEST gives the threshold as it is after a spike, as we do."""
    parameters = {"alpha_1": [37.0, 1.0], "alpha_2": [2.0, 0.1], "t_ref": [2.0, 7.5], "tau_2": [200.0, 50.0]}
    circuit = busy("mat2_psc_exp", 0.1, 400.0, 450.0, **parameters)
    ours, theirs = circuit.here(400.0), circuit.in_nest(400.0, ["V_m", "V_th"])
    assert np.bincount(ours.neurons, minlength=2).min() > 5
    assert ours.has_the_spikes_of(theirs)
    assert largest_difference(ours.traces["V"], theirs.traces["V_m"]) < 1e-9
    assert largest_difference(ours.traces["th1"] + ours.traces["th2"] - 51.0, theirs.traces["V_th"]) < 1e-9
    assert np.diff(ours.times_ms[ours.neurons == 1]).min() == pytest.approx(7.6)  # not reset, it spikes as soon as it can


def test_defaults_of_the_neuron_that_is_not_reset_are_those_of_nest() -> None:
    theirs, ours = fresh_nest(0.1).GetDefaults("mat2_psc_exp"), read_model(shipped()["mat2_psc_exp"])[0].parameters
    assert {name: item.default for name, item in ours.items()} == {name: theirs[name] for name in ours}
