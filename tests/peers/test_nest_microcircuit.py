"""The microcircuit in NEST and here, from the tables of the scenario: rates, irregularity and synchrony of every population.

Both draw their own synapses, starts and spikes from outside, with several seeds each, so what they find is compared as two samples
are: Welch's t-test for each population, and none of the eight may say that they differ with p < 0.001 (that any would by chance:
1 %). How small a difference that tells is tested, too.
"""

from __future__ import annotations

import numpy as np
import pytest
from nest_reference import fresh_nest
from scipy.stats import ttest_ind

from cosim.api import find_scenario
from cosim.scenario.registry import find
from cosim.sdk import Setup, Window
from scenarios.microcircuit import tables
from scenarios.microcircuit.measures import Activity

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
SEEDS = (1, 2, 3, 4, 5)
START_MS, STOP_MS = 500, 1500
SHARE = 0.1
UNLIKELY = 1e-3


def of_nest(seed: int) -> Activity:
    """The circuit built and run in NEST."""
    nest, circuit = fresh_nest(0.1), tables.circuit(SHARE, SHARE)
    nest.rng_seed = seed
    mean, deviation = tables.START_MV["optimised"]
    neuron = {
        "C_m": tables.CAPACITY_PF, "tau_m": tables.MEMBRANE_MS, "t_ref": tables.REFRACTORY_MS, "E_L": tables.REST_MV,
        "tau_syn_ex": tables.SYNAPSE_MS, "tau_syn_in": tables.SYNAPSE_MS, "V_reset": tables.RESET_MV, "V_th": tables.THRESHOLD_MV,
    }  # fmt: skip
    sizes, currents = circuit.sizes.tolist(), circuit.current_pa.tolist()
    # all neurons first, for their numbers in NEST are what the channels are made of
    populations = [nest.Create("iaf_psc_exp", size, {**neuron, "I_e": now}) for size, now in zip(sizes, currents, strict=True)]
    for k, nodes in enumerate(populations):
        nodes.V_m = nest.random.normal(mean[k], deviation[k])
        outside = nest.Create("poisson_generator", params={"rate": circuit.outside_hz[k]})
        nest.Connect(outside, nodes, syn_spec={"weight": circuit.outside_pa, "delay": 0.1})
    for t, target in enumerate(populations):
        for s, source in enumerate(populations):
            if not circuit.synapses[t, s]:
                continue
            weight, (mean_ms, sd_ms) = circuit.weights_pa[t, s], tables.DELAY_MS[tables.POPULATIONS[s][-1]]
            nest.Connect(
                source, target, {"rule": "fixed_total_number", "N": int(circuit.synapses[t, s])},
                {
                    "weight": nest.random.normal(weight, tables.WEIGHT_SD * abs(weight)),
                    "delay": nest.math.redraw(nest.random.normal(mean_ms, sd_ms), min=0.05, max=np.inf),
                },
            )  # fmt: skip
    recorder = nest.Create("spike_recorder")
    for nodes in populations:
        nest.Connect(nodes, recorder)
    nest.Simulate(float(STOP_MS))
    events = recorder.get("events")
    return Activity.of(events["times"], events["senders"] - populations[0][0].global_id, circuit.sizes, START_MS, STOP_MS)


def of_ours(seed: int, **given) -> Activity:
    """The circuit of the scenario, in the engine."""
    engine = find("engine", "./microcircuit.py:Microcircuit", find_scenario("microcircuit").parent)
    params = engine.Params(neurons=SHARE, indegrees=SHARE, seed=seed, **given)
    running = engine(params, Setup("circuit", STOP_MS * 10**6, seed))
    spikes = running.advance(Window(0, STOP_MS * 10**6), {})["spikes"]
    return Activity.of(spikes.times_ns / 1e6, spikes.channels, tables.circuit(SHARE, SHARE).sizes, START_MS, STOP_MS)


@pytest.fixture(scope="module")
def both() -> tuple[list[Activity], list[Activity]]:
    """NEST's and ours, one for each seed."""
    return [of_nest(seed) for seed in SEEDS], [of_ours(seed) for seed in SEEDS]


def likelihoods(theirs: list[Activity], ours: list[Activity], what: str) -> np.ndarray:
    """(8,) p of Welch's test."""
    samples = [np.array([getattr(found, what)() for found in runs]) for runs in (theirs, ours)]
    return ttest_ind(*samples, axis=0, equal_var=False).pvalue


@pytest.mark.parametrize("what", ["rates_hz", "irregularity", "synchrony"])
def test_populations_fire_as_they_do_in_nest(both, what):
    found = likelihoods(*both, what)
    known = ~np.isnan(found)  # of the few spikes of L23E and L6E no ten intervals may follow each other
    assert known.sum() >= 6
    assert (found[known] > UNLIKELY).all(), dict(zip(tables.POPULATIONS, found.round(4), strict=True))


def test_a_circuit_whose_inhibition_is_a_twentieth_weaker_is_told_apart(both, monkeypatch):
    monkeypatch.setattr(tables, "INHIBITION", 0.95 * tables.INHIBITION)
    others = [of_ours(seed) for seed in SEEDS]
    assert likelihoods(both[0], others, "rates_hz").min() < UNLIKELY
