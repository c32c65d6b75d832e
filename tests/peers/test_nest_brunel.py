"""Brunel's network in NEST and here, from the numbers in the files of the scenario: rate, irregularity and rhythm of four regimes.

Both draw their own synapses, starts and spikes from outside. Ours runs with eight seeds, NEST with three; means may differ by four
standard deviations of such a difference, as the spread of ours tells it (by chance: one comparison in 200).
"""

from __future__ import annotations

import numpy as np
import pytest
from nest_reference import fresh_nest

import cosim
from cosim.sdk import Setup, Window
from engines.equations.quantities import number
from engines.point_neurons import Network, PointNeurons
from scenarios.brunel.measures import Activity

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
SEEDS, NEST_SEEDS = (1, 2, 3, 4, 5, 6, 7, 8), (1, 2, 3)
SPANS_MS = {"brunel": (150, 550), "brunel/sr": (99, 201), "brunel/si_fast": (150, 550), "brunel/si_slow": (300, 1500)}
"""Of what is measured; SR after a volley at the start, for whole periods of 3 ms."""
MEASURES = ("rate_hz", "irregularity", "fluctuation", "rhythm_hz")
LEAST = {"rate_hz": 0.5, "irregularity": 0.005, "fluctuation": 0.02, "rhythm_hz": 0.5}
"""What a difference may be in any case: in SR the spread is that of volleys on the grid of 0.1 ms and of bins of 0.5 ms."""


def network_of(name: str) -> Network:
    plan = cosim.check(name).plan
    assert plan is not None
    return plan.engines["network"].params


def of_ours(network: Network, seed: int, span_ms: tuple[int, int]) -> Activity:
    running = PointNeurons(network, Setup("network", span_ms[1] * 10**6, seed))
    spikes = running.advance(Window(0, span_ms[1] * 10**6), {})["spikes"]
    return Activity.of(spikes.times_ns / 1e6, spikes.channels, _size(network), *span_ms)


def of_nest(network: Network, seed: int, span_ms: tuple[int, int]) -> Activity:
    """The same populations and projections; what is not said here is refused by the assertions."""
    nest = fresh_nest(network.dt / 1e6)
    nest.rng_seed = seed
    units = {"tau_m": "ms", "t_ref": "ms", "E_L": "mV", "V_reset": "mV", "V_th": "mV"}
    populations = {}
    for name, given in network.populations.items():  # all before the generators, for their numbers in NEST make the channels
        parameters = {key: number(value, units[key]) for key, value in given.parameters.items()}
        populations[name] = nest.Create(given.model.stem, given.size, parameters)
    for name, given in network.populations.items():
        nodes = populations[name]
        nodes.V_m = nest.random.uniform(*(number(bound, "mV") for bound in given.initial["V"].uniform))
        for source in given.poisson.values():
            outside = nest.Create("poisson_generator", params={"rate": source.rate})
            nest.Connect(outside, nodes, syn_spec={"weight": number(source.weight, "mV"), "delay": network.dt / 1e6})
    for projection in network.projections.values():
        assert projection.rule == "fixed_indegree"
        rule = {
            "rule": "fixed_indegree", "indegree": projection.indegree,
            "allow_autapses": projection.autapses, "allow_multapses": projection.multapses,
        }  # fmt: skip
        synapse = {"weight": number(projection.weight, "mV"), "delay": number(projection.delay, "ms")}
        nest.Connect(populations[projection.source], populations[projection.target], rule, synapse)
    recorder = nest.Create("spike_recorder")
    for nodes in populations.values():
        nest.Connect(nodes, recorder)
    nest.Simulate(float(span_ms[1]))
    events = recorder.get("events")
    first = next(iter(populations.values()))[0].global_id
    return Activity.of(events["times"], events["senders"] - first, _size(network), *span_ms)


def _size(network: Network) -> int:
    return sum(population.size for population in network.populations.values())


def measured(runs: list[Activity]) -> np.ndarray:
    """(runs, measures)"""
    return np.array([[getattr(run, name)() for name in MEASURES] for run in runs])


@pytest.fixture(scope="module")
def theirs() -> dict[str, np.ndarray]:
    """(runs, measures) of NEST in every regime; in SR, where seeds hardly matter and spikes are many, of one."""
    found = {}
    for name, span_ms in SPANS_MS.items():
        seeds = NEST_SEEDS[:1] if name == "brunel/sr" else NEST_SEEDS
        found[name] = measured([of_nest(network_of(name), seed, span_ms) for seed in seeds])
    return found


def largest_allowed(ours: np.ndarray, runs: int) -> np.ndarray:
    """(measures,) of a difference of means."""
    spread = ours.std(axis=0, ddof=1) * np.sqrt(1 / len(ours) + 1 / runs)
    return np.maximum(4 * spread, [LEAST[name] for name in MEASURES])


@pytest.mark.parametrize("name", SPANS_MS)
def test_a_regime_is_the_same_in_nest(name, theirs):
    seeds = SEEDS[:3] if name == "brunel/sr" else SEEDS
    ours = measured([of_ours(network_of(name), seed, SPANS_MS[name]) for seed in seeds])
    difference = np.abs(ours.mean(axis=0) - theirs[name].mean(axis=0))
    allowed = largest_allowed(ours, len(theirs[name]))
    assert (difference <= allowed).all(), (MEASURES, ours.mean(axis=0), theirs[name].mean(axis=0), allowed)


def test_a_little_less_inhibition_is_told_apart(theirs):
    network = network_of("brunel")
    weaker = {key: network.projections[key].model_copy(update={"weight": "-0.48 mV"}) for key in ("IE", "II")}
    other = network.model_copy(update={"projections": network.projections | weaker})
    ours = measured([of_ours(other, seed, SPANS_MS["brunel"]) for seed in SEEDS[:4]])
    difference = np.abs(ours.mean(axis=0) - theirs["brunel"].mean(axis=0))
    assert difference[0] > largest_allowed(ours, len(theirs["brunel"]))[0]  # 43 Hz in place of 38
