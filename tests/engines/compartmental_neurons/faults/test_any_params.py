"""Whatever stands in a scenario, it is refused with a reason, or runs: no other error comes out, and no number that is none."""

from __future__ import annotations

import contextlib
import copy
import logging
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from ruamel.yaml import YAML

import cosim
from cosim.sdk import CosimError, Setup, Spikes, Window
from cosim.sdk.contract import assert_payload_fits
from engines.compartmental_neurons import CompartmentalNeurons
from engines.compartmental_neurons.params import Neurons
from tests.engines.compartmental_neurons.faults.faulty_scenarios import SCENARIO

QUIET = logging.getLogger("quiet")
QUIET.setLevel(logging.ERROR)
NAMES = st.sampled_from(
    ["a", "b", "outside", "exc", "inh", "hh", "push", "v", "soma", "tail", "twig", "", "spikes", "1pulse_p", "V"]
)
REGIONS = st.sampled_from(["soma", "dendrites", "all", "axon", "tail", "far"]) | st.fixed_dictionaries(
    {}, optional={"in": st.sampled_from(["all", "far", "dendrites"]), "from": st.floats(0, 400), "to": st.floats(0, 400),
                  "label": NAMES, "section": st.lists(st.integers(-1, 3), max_size=2), "without": NAMES},
)  # fmt: skip
SITES = REGIONS | st.fixed_dictionaries(
    {}, optional={"in": REGIONS, "section": st.integers(-1, 3) | NAMES, "at": st.floats(-0.1, 1.1), "distance": st.floats(0, 300),
                  "every": st.floats(5, 300), "count": st.integers(0, 5), "all": REGIONS,
                  "nearest": st.tuples(*[st.floats(-100, 100)] * 3)},
)  # fmt: skip
NUMBERS = st.integers(-1, 12)
TIMES = st.sampled_from([0, 1, 12_500, 25_000, 60_000, 100_000, 1_000_000, -25_000])
WEIGHTS = st.sampled_from([0.001, 0.01, 0.0, -0.001, 1e3, "1 nS", "2 mV", float("nan"), None])


def some(**optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=optional)


def branches():
    branch = {"length": st.floats(1, 200), "diameter": st.sampled_from([1.0, [3.0, 1.0], 0.5]), "compartments": st.integers(1, 4)}
    parents = {"parent": st.sampled_from(["soma", "tail"]), "at": st.sampled_from([0.0, 0.4, 1.0])}
    return st.fixed_dictionaries(
        {"soma": st.just({"length": 15.0, "diameter": 15.0, "compartments": 1})},
        optional={
            "tail": st.fixed_dictionaries(branch | {"parent": st.just("soma")}),
            "twig": st.fixed_dictionaries(branch | parents),
        },
    ).map(lambda found: {"branches": found})


MEMBRANE = st.lists(
    st.fixed_dictionaries({"mechanism": st.sampled_from(["hh", "passive", "passive", "exponential_synapse", "none"])},
                          optional={"in": REGIONS, "name": NAMES}),
    max_size=3,
)  # fmt: skip
IONS = some(reversal=st.floats(-90, 60), inside=st.floats(-1, 9), outside=st.floats(1, 9), valence=st.integers(-1, 2))
CELLS = st.fixed_dictionaries(
    {"morphology": branches(), "membrane": MEMBRANE},
    optional={
        "regions": st.dictionaries(st.sampled_from(["far", "near"]), REGIONS, max_size=2),
        "compartments": some(count=st.integers(0, 5), max_length=st.floats(5, 100) | st.none(), d_lambda=st.floats(0.05, 1)),
        "ions": st.dictionaries(st.sampled_from(["na", "k", "zz"]), IONS, max_size=2),
        "potential": st.sampled_from([-65.0, -70.0, 0.0]),
        "temperature": st.sampled_from([6.3, 20.0, -300.0]),
    },
)  # fmt: skip
POPULATIONS = st.fixed_dictionaries(
    {"size": st.sampled_from([1, 2, 4, 9]), "cell": CELLS},
    optional={
        "synapses": st.dictionaries(
            st.sampled_from(["exc", "inh", "hh", "push"]),
            st.fixed_dictionaries({"mechanism": st.sampled_from(["exponential_synapse", "tsodyks_markram_synapse", "passive"]),
                                   "at": SITES}), max_size=2),
        "pulses": st.dictionaries(st.just("p"), st.fixed_dictionaries({"current": st.floats(-1, 1)}, optional={
            "at": SITES, "start": TIMES, "stop": TIMES, "cells": st.lists(NUMBERS, max_size=3)}), max_size=1),
        "detector": SITES, "substeps": st.sampled_from([1, 2, 3]), "threshold": st.floats(-60, 30),
    },
)  # fmt: skip
PROJECTIONS = st.fixed_dictionaries(
    {"from": NAMES, "to": st.sampled_from(["a", "a", "b"]), "synapses": st.sampled_from(["exc", "exc", "inh"]), "weight": WEIGHTS,
     "delay": TIMES},
    optional={"rule": st.sampled_from(["all_to_all", "one_to_one", "fixed_indegree", "bernoulli", "list"]), "indegree": NUMBERS,
              "probability": st.floats(0, 1), "pairs": st.lists(st.tuples(NUMBERS, NUMBERS), max_size=4), "autapses": st.booleans(),
              "receptor": NAMES},
)  # fmt: skip
JUNCTIONS = st.fixed_dictionaries(
    {"from": st.sampled_from(["a", "a", "b"]), "to": st.sampled_from(["a", "b"]), "conductance": st.floats(-1, 10),
     "pairs": st.lists(st.tuples(NUMBERS, NUMBERS), max_size=2)},
    optional={"source_at": SITES, "target_at": SITES},
)  # fmt: skip
INPUTS = st.one_of(
    st.fixed_dictionaries({"kind": st.just("spikes"), "size": NUMBERS}),
    st.fixed_dictionaries({"kind": st.just("drive"), "to": st.sampled_from(["a", "b"])},
                          optional={"at": SITES, "each": st.booleans(), "input": NAMES}),
    st.fixed_dictionaries({"kind": st.just("field"), "to": st.sampled_from(["a", "b"])}),
    st.fixed_dictionaries({"kind": st.just("concentration"), "to": st.just("a"), "symbol": st.sampled_from(["k_o", "x_q"])}),
    st.just({"kind": "temperature"}),
)  # fmt: skip
VALUES = ["V", "membrane_current", "hh.m", "exc.g", "exc.x", "E_na", "k_o", "i_k", "ca_i", "q", ".", "hh."]
RECORDS = st.fixed_dictionaries(
    {"of": st.sampled_from(["a", "a", "b"])},
    optional={"value": st.sampled_from(VALUES),
              "at": SITES, "cells": st.lists(st.integers(-1, 9), max_size=3) | st.just("all")},
)  # fmt: skip
NETWORKS = st.fixed_dictionaries(
    {"populations": st.fixed_dictionaries({"a": POPULATIONS}, optional={"b": POPULATIONS})},
    optional={
        "projections": st.dictionaries(st.sampled_from(["x", "y"]), PROJECTIONS, max_size=2),
        "gap_junctions": st.dictionaries(st.just("g"), JUNCTIONS, max_size=1),
        "inputs": st.dictionaries(st.sampled_from(["outside", "push", "phi", "exc", "v"]), INPUTS, max_size=2),
        "record": st.dictionaries(st.sampled_from(["v", "r", "spikes"]), RECORDS, max_size=2),
        "threads": st.sampled_from([1, 2]),
        "solver": st.sampled_from(["backward_euler", "crank_nicolson"]),
        "dt": st.sampled_from([25_000, 50_000, 0]),
    },
)  # fmt: skip


def refused(network: dict[str, Any]) -> str:
    """Why a network is refused; else it is run for two windows, unfed, and what comes out fits its ports."""
    try:
        params = Neurons.model_validate(network, context={"folder": "."})
        ports = CompartmentalNeurons.ports(params)
        engine = CompartmentalNeurons(params, Setup("any", 200_000, 1, log=QUIET))
    except (ValidationError, CosimError) as error:
        return str(error) or "?"
    try:
        for start in (0, 200_000):
            window = Window(start, start + 200_000)
            found = engine.advance(window, {})
            assert isinstance(found["spikes"], Spikes)
            for port in ports:
                if port.direction == "out":
                    assert_payload_fits(found[port.name], port, window)
        assert np.isfinite(engine.save()["numbers"]).all()
    except CosimError as error:
        return str(error)
    finally:
        engine.close()
    return ""


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(NETWORKS)
def test_any_network_is_refused_with_a_reason_or_runs(network):
    told = refused(network)
    assert "Traceback" not in told


def test_the_networks_are_of_both_kinds():
    """Enough of the examples run, or the test above would say little."""
    found = []

    @settings(max_examples=80, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(NETWORKS)
    def collect(network):
        found.append(refused(network))

    collect()
    assert sum(not told for told in found) >= 5
    assert sum(bool(told) for told in found) >= 5


# -- a sound scenario with something else in some of its places ----------------------------------------------------------------

JUNK: list[Any] = [
    None, "", [], {}, -1, 0, 1, 2.5, 1e308, float("nan"), float("inf"), "1 mV", "x", "5 um", "1 ms", True, 10**30, [1], [[0, 1]],
    {"x": 1}, "soma", "a", "./none.yaml", "0.1 S/cm**2", {"section": 0}, ["soma"], -0.5, "²", "\x00", "out",
]  # fmt: skip
SOUND = YAML(typ="safe").load(SCENARIO)


def places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to everything that stands below the parameters of the engine."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way for key, item in items for way in ((*above, key), *places(item, (*above, key)))]


PLACES = [way for way in places(SOUND) if len(way) > 3 and way[2] == "params"]


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(JUNK)), min_size=1, max_size=2))
def test_any_value_in_any_place_is_told_and_breaks_nothing(changes):
    scenario = copy.deepcopy(SOUND)
    for way, value in changes:
        with contextlib.suppress(KeyError, TypeError, IndexError):  # the first change may have taken the second's place away
            inside = scenario
            for key in way[:-1]:
                inside = inside[key]
            inside[way[-1]] = value
    for fault in cosim.check(scenario).faults:
        assert "raised" not in fault.what, fault  # which is how a bug of an engine is told
