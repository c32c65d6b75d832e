"""Networks that no machine holds, or that say two things at once, are refused before anything is laid out."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from cosim.sdk import CosimError, Samples, Setup, Spikes, Window
from engines.compartmental_neurons import CompartmentalNeurons
from engines.compartmental_neurons.needed import needed, refuse_too_large
from engines.compartmental_neurons.params import Neurons
from tests.engines.compartmental_neurons.theory.cell_runs import HH, branched, build, neurons, ns, one, passive, patch

ABSURD = 1_000_000_000
SYNAPSES = {"s": {"mechanism": "exponential_synapse", "at": "soma"}}
ION = """\
title: carries an ion of its own
kind: point
parameters:
  tau: {unit: ms, default: 2, positive: true}
states:
  g: {unit: uS}
derivatives:
  g: -g / tau
currents:
  zz: g * (V - E_zz)
receptors:
  spikes: {weight: uS, sets: {g: g + weight}}
"""


def refused(params: Neurons) -> CosimError:
    with pytest.raises(CosimError) as caught:
        CompartmentalNeurons.ports(params)
    return caught.value


def onto(count: int = 10, source: str = "a", **projection: Any) -> Neurons:
    """A population with synapses, onto which it projects itself, or an input ``in``."""
    told = {"from": source, "to": "a", "synapses": "s", "weight": 0.001, "delay": ns(1), **projection}
    inputs = {"in": {"kind": "spikes", "size": 2}}
    population = {"size": count, "cell": patch(), "synapses": SYNAPSES}
    return neurons(populations={"a": population}, inputs=inputs, projections={"p": told})


def sited(site: Any) -> Neurons:
    return one(branched(), record={"v": {"of": "a", "at": site}})


def fine(**rule: Any) -> Neurons:
    return one({"morphology": {"cable": {"length": 200.0, "diameter": 2.0, "label": "soma"}}, "compartments": rule})


HUGE = {
    "cells": lambda: one(patch(), population={"size": ABSURD}),
    "cells that each have a shape": lambda: one({"morphology": {"ring": {}}, "membrane": [passive()]}, population={"size": ABSURD}),
    "compartments of a section": lambda: fine(count=ABSURD),
    "compartments of a branch": lambda: one(
        {"morphology": {"branches": {"soma": {"length": 9.0, "diameter": 9.0, "compartments": ABSURD}}}}
    ),
    "short compartments": lambda: fine(max_length=1e-6),
    "two compartments for very little": lambda: fine(two_per=1e-300),
    "compartments of few length constants": lambda: fine(d_lambda=1e-12),
    "places at random": lambda: sited({"in": "soma", "count": ABSURD}),
    "places at short distances": lambda: sited({"in": "dendrites", "every": 1e-8}),
    "synapses at random": lambda: one(
        patch(), population={"synapses": {"s": {"mechanism": "exponential_synapse", "at": {"in": "soma", "count": ABSURD}}}}
    ),
    "connections onto each cell": lambda: onto(rule="fixed_indegree", indegree=ABSURD),
    "connections of all with all": lambda: onto(50_000),
    "connections of nearly all with all": lambda: onto(50_000, rule="bernoulli", probability=0.9),
    "channels": lambda: one(patch(), inputs={"in": {"kind": "spikes", "size": ABSURD}}),
}


@pytest.mark.parametrize("name", HUGE)
def test_what_no_machine_holds_is_refused_with_both_numbers_and_without_being_laid_out(name):
    params = HUGE[name]()
    CompartmentalNeurons.ports(one(patch()))  # imports what is needed
    tracemalloc.start()
    fault = refused(params)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30e6
    assert "GiB, this machine has" in fault.what
    assert fault.where.startswith("params.")
    assert "take" in fault.why
    assert fault.mend.startswith("fewer")


def test_a_window_whose_rows_no_machine_holds_is_refused():
    params = one(patch(), record={"v": {"of": "a"}})
    with pytest.raises(CosimError, match=r"window of \d+ steps needs") as caught:
        CompartmentalNeurons(params, Setup("x", 25_000 * 10**13, 1, {}, {}))
    assert "shorter windows" in caught.value.mend


def test_what_is_needed_is_told_of_the_largest_part():
    parts = needed(onto(1000), 0)
    with pytest.raises(CosimError) as caught:
        refuse_too_large(parts, 1e6)
    assert caught.value.where == "params.projections.p"
    assert "1e+06 synapses" in caught.value.why
    refuse_too_large(parts, 1e10)


@pytest.mark.parametrize("key", ["weight", "delay"])
@pytest.mark.parametrize("given", [[], [0.5, 0.5]])
def test_a_list_of_weights_or_delays_goes_with_a_list_of_pairs(key, given):
    values = [ns(value) for value in given] if key == "delay" else given
    fault = refused(onto(source="in", rule="bernoulli", probability=0.5, **{key: values}))
    assert f"a list of {key}s with rule bernoulli" in str(fault)
    assert f"params.projections.p.{key}" in str(fault)


@pytest.mark.parametrize("source", ["in", "a"])
def test_a_delay_below_nothing_is_refused(source):
    assert "does not act before" in str(refused(onto(source=source, delay=-ns(1))))


def test_a_cell_alone_cannot_draw_others():
    assert "no other cell" in str(refused(onto(1, rule="fixed_indegree", indegree=3, autapses=False)))


def _npy(path, values):
    np.save(path, values)


FILES = {
    "nothing.npy": lambda path: path.write_bytes(b""),
    "text.npy": lambda path: path.write_text("hello", encoding="utf-8"),
    "words.npy": lambda path: _npy(path, np.array([["a", "b", "c"]] * 2)),
    "complex.npy": lambda path: _npy(path, np.ones((2, 3), complex)),
    "nan.npy": lambda path: _npy(path, np.full((2, 3), np.nan)),
    "objects.npy": lambda path: np.save(path, np.array([[None] * 3] * 2), allow_pickle=True),
    "heading.csv": lambda path: path.write_text("x,y,z\n1,2,3\n1,2,3\n", encoding="utf-8"),
    "infinite.csv": lambda path: path.write_text("1,2,3\n1,inf,3\n", encoding="utf-8"),
    "empty.csv": lambda path: path.write_text("", encoding="utf-8"),
    "few.csv": lambda path: path.write_text("1,2,3\n", encoding="utf-8"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_positions_that_are_none_is_refused(tmp_path, name):
    FILES[name](tmp_path / name)
    params = neurons(tmp_path, populations={"a": {"size": 2, "cell": patch(), "positions": name}}, record={"v": {"of": "a"}})
    assert "params.populations.a.positions" in str(refused(params))


def pooled(*membrane: Any, **given: Any) -> Neurons:
    cell = branched(membrane=[HH, *membrane])
    return one(cell, **given)


def test_a_concentration_has_one_setter():
    salt = {"kind": "concentration", "to": "a", "symbol": "k_o"}
    assert "two inputs are k_o" in str(refused(pooled(inputs={"b": salt, "c": salt})))
    both = pooled({"mechanism": "k_shell"}, inputs={"b": salt})
    assert "k_shell sets k_o of a, and so does this input" in str(refused(both))
    pools = [{"mechanism": "ca_hva"}, {"mechanism": "ca_pool", "name": "p"}, {"mechanism": "ca_pool", "name": "q"}]
    assert "p and q both set ca_i" in str(refused(pooled(*pools)))
    apart = [pools[0], pools[1] | {"in": "soma"}, pools[2] | {"in": "dendrites"}]
    CompartmentalNeurons.ports(pooled(*apart, inputs={"b": salt}))


def test_an_ion_that_nobody_knows_is_refused_in_synapses(tmp_path):
    (tmp_path / "own.yaml").write_text(ION, encoding="utf-8")

    def with_ions(**ions: Any) -> Neurons:
        group = {"mechanism": "./own.yaml", "at": "soma"}
        return neurons(tmp_path, populations={"a": {"cell": patch() | {"ions": ions}, "synapses": {"s": group}}})

    assert "unknown ion zz" in str(refused(with_ions()))
    CompartmentalNeurons.ports(with_ions(zz={"valence": 1, "inside": 1.0, "outside": 2.0}))


def test_a_name_in_the_membrane_is_none_of_the_engines_own():
    fault = refused(one(patch(membrane=[HH | {"name": "1pulse_k"}]), population={"pulses": {"k": {"current": 1.0}}}))
    assert "begins with a digit" in str(fault)


@pytest.mark.parametrize("key", ["detector", "source_at", "target_at"])
def test_a_detector_and_a_gap_junction_have_one_place(key):
    many = {"all": "dendrites"}
    junction = {"from": "a", "to": "a", "pairs": [[0, 1]], "conductance": 1.0}
    population = {"size": 2} | ({"detector": many} if key == "detector" else {})
    junctions = {} if key == "detector" else {"j": junction | {key: many}}
    fault = refused(one(branched(), population=population, gap_junctions=junctions))
    assert "places" in str(fault)
    assert key in str(fault)


@pytest.mark.parametrize(
    "item", [{"kind": "temperature"}, {"kind": "field", "to": "a"}, {"kind": "concentration", "to": "a", "symbol": "k_o"}]
)
def test_what_comes_in_without_a_link_is_refused(item):
    engine = CompartmentalNeurons(one(patch(), inputs={"b": item}), Setup("x", ns(1), 1, {}, {}))
    window = Window(0, ns(1))
    with pytest.raises(CosimError, match="something comes in by b"):
        engine.advance(window, {"b": Samples(window, np.ones((1, 1)))})
    engine.close()


@pytest.mark.parametrize("threads", [1, 2])
def test_a_closed_engine_goes_no_further(threads):
    engine = build(one(patch(), population={"size": 20}, threads=threads), 1.0)
    engine.close()
    with pytest.raises(CosimError, match="closed"):
        engine.advance(Window(0, ns(1)), {})


@pytest.mark.parametrize(
    ("start_ns", "stop_ns"), [(1_000_000, 1_010_000), (1_013_000, 1_030_000), (1_010_000, 1_015_000), (999_000, 2_001_000)]
)
def test_a_pulse_brings_its_charge_however_short(start_ns, stop_ns):
    """A cell that is a capacitor: C dV = I dt, to the last bits, for backward Euler sums charges up."""
    kick = {"current": 0.05, "start": start_ns, "stop": stop_ns}
    params = one(patch(membrane=()), population={"pulses": {"k": kick}, "threshold": 1e3}, record={"v": {"of": "a"}})
    engine = build(params, 3.0)
    found = engine.advance(Window(0, ns(3)), {})
    engine.close()
    risen_v = (found["v"].values[-1, 0] + 65.0) * 1e-3
    capacitance = np.pi * (20e-6) ** 2 * 0.01
    assert risen_v * capacitance == pytest.approx(0.05e-9 * (stop_ns - start_ns) * 1e-9, rel=1e-9)
    assert isinstance(found["spikes"], Spikes)
