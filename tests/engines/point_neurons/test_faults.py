"""What cannot be built is refused before it is built, with the place and the numbers; of the past, all is heard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from running import build, run

from cosim.sdk import CosimError, ScenarioError
from engines.point_neurons import Network, PointNeurons
from engines.point_neurons import build as building
from engines.point_neurons.check import check
from engines.point_neurons.connections.projections import plans_of
from engines.point_neurons.description import read_model

LIF = {"model": "iaf_psc_exp", "size": 20}


def faults(**network: Any) -> dict[str, str]:
    """What ``cosim check`` finds, by place."""
    try:
        check(Network(**network))
    except ScenarioError as error:
        return {fault.where: fault.what for fault in error.faults}
    except CosimError as error:
        return {error.where: error.what}
    return {}


def near(**population: Any) -> dict[str, Any]:
    """Neurons that are joined to those around them."""
    around = {"rule": "distance", "probability": 0.9, "profile": "gaussian", "length": 1e6, "weight": 1.0}
    return {"populations": {"a": LIF | population}, "projections": {"x": {"from": "a", "to": "a"} | around}}


@pytest.mark.parametrize("size", [2, 4, 20_000])
def test_a_file_of_positions_has_a_row_for_each_neuron(size: int, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("0,1\n1,2\n2,3\n")
    where, what = "params.populations.a.positions", f"p.csv has 3 positions for {size} neurons"
    assert faults(**near(size=size, positions=tmp_path / "p.csv")) == {where: what}
    assert faults(**near(size=3, positions=tmp_path / "p.csv")) == {}


def test_a_file_of_positions_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.npy").write_bytes(b"")
    assert faults(**near(positions=tmp_path / "p.npy")) == {"params.populations.a.positions": "p.npy is not a table of positions"}


@pytest.mark.parametrize(
    ("extent", "what"),
    [
        ((1.0,), "extent has 1 sides"),
        ((1.0, 1.0, 1.0, 1.0), "extent has 4 sides"),
        ((1.0, -2.0), "a side of extent is -2 um"),
        ((0.0, 2.0), "a side of extent is 0 um"),
    ],
)
def test_a_box_has_two_or_three_sides_longer_than_0(extent: tuple[float, ...], what: str) -> None:
    assert faults(**near(extent=extent)) == {"params.populations.a.extent": what}


def test_a_network_that_the_machine_cannot_hold_is_refused_before_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "available_bytes", lambda: 2.0**20)
    network = {"populations": {"a": LIF}, "projections": {"x": {"from": "a", "to": "a", "weight": 1.0, "delay": 1000.0}}}
    # 2^14 steps for the 10 000 of the delay, 64 lanes and 2 receptors, 8 bytes each: 16 MiB
    with pytest.raises(CosimError, match=r"the network needs 16\.\d MiB .*, this machine has 1 MiB"):
        build(**network)
    monkeypatch.setattr(building, "available_bytes", lambda: 2.0**30)
    build(**network)


@pytest.mark.parametrize(
    ("section", "given", "what"),
    [
        ("parameters", {"tau_m": {"normal": [10.0, 10.0]}}, "tau_m of neuron"),
        ("parameters", {"C_m": {"lorentzian": [100.0, 100.0]}}, "C_m of neuron 0 is drawn as -"),
        ("parameters", {"tau_syn_ex": {"exponential": -1.0}}, "tau_syn_ex of neuron"),
        ("initial", {"g_ex": {"normal": [0.0, 5.0]}}, "g_ex of neuron"),
    ],
)
def test_what_is_drawn_is_held_to_the_bounds_of_the_model(section: str, given: dict[str, Any], what: str) -> None:
    model = "iaf_cond_exp" if section == "initial" else "iaf_psc_exp"
    with pytest.raises(CosimError, match=what) as caught:
        build(populations={"a": {"model": model, "size": 200, section: given}})
    assert caught.value.where == f"params.populations.a.{section}.{next(iter(given))}"
    assert "it must be" in caught.value.why


def test_what_would_be_beyond_the_bounds_but_is_not_drawn_is_no_fault() -> None:
    """A normal number may be 8.6 standard deviations away, and is not."""
    build(populations={"a": LIF | {"parameters": {"tau_m": {"normal": [10.0, 1.5]}, "t_ref": {"uniform": [0.0, 2.0]}}}})


def test_ends_of_a_uniform_distribution_are_told_by_the_check() -> None:
    where = "params.populations.a.parameters.tau_m"

    def found(**tau_m: Any) -> dict[str, str]:
        return faults(populations={"a": LIF | {"parameters": {"tau_m": tau_m}}})

    assert found(uniform=[-1.0, 20.0]) == {where: "tau_m is drawn from -1 to 20 ms"}
    assert found(uniform=[-1.0, 20.0], low=0.0) == {}
    assert found(uniform=[0.0, 20.0]) == {}  # 0 itself is not drawn


@pytest.mark.parametrize("link_ms", [0.0, 10.0])
def test_what_is_heard_of_the_past_is_as_long_as_delay_and_link(link_ms: float) -> None:
    """1000 neurons at 10 Hz, 0.001 mV each, over 10.1 ms: one spike a step, until those of time 0 would arrive."""
    delay = {"delay": 10.1}
    found = run(
        20, delays_ms={"far": link_ms}, record={"V": {"n": [0]}},
        populations={"n": {"model": "iaf_psc_delta", "size": 1, "parameters": {"V_th": 1e6, "tau_m": 1e9}}},
        inputs={"far": {"kind": "spikes", "size": 1000, "initial_rate": 10.0}},
        projections={"p": {"from": "far", "to": "n", "weight": 0.001} | delay},
    )["V"][:, 0]  # fmt: skip
    expected = -70.0 + 0.001 * np.minimum(np.arange(1, 201), 101)
    # the leak over 20 ms of 1e9 ms is 2e-9 of 0.1 mV; a quantum of a weight is 2^-40 of it
    assert np.allclose(found, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("size", [2, 10])
def test_without_autapses_a_neuron_does_not_hear_its_own_past(size: int) -> None:
    neurons = {"model": "iaf_psc_delta", "size": size, "parameters": {"V_th": 1e9, "tau_m": 1e9}, "initial_rate": 100.0}
    projection = {"from": "a", "to": "a", "weight": 1.0, "delay": 1.0}
    for autapses, heard in ((True, size), (False, size - 1)):
        projections = {"x": projection | {"autapses": autapses}}
        found = run(2, populations={"a": neurons}, projections=projections, record={"V": {"a": [0]}})["V"][-1, 0]
        assert found == pytest.approx(-70.0 + heard * 0.1, abs=1e-8)  # 100 Hz over 1 ms


def listed(weight: list[Any]) -> dict[str, Any]:
    pairs = [(0, 1), (1, 2), (2, 3)]
    projection = {"from": "a", "to": "a", "rule": "list", "pairs": pairs, "weight": weight}
    return {"populations": {"a": LIF}, "projections": {"x": projection}}


def test_weights_of_a_list_have_units() -> None:
    plans = plans_of(Network(**listed(["5 pA", 0.25, "-0.001 nA"])))
    assert [(plan.receptor, plan.edges and plan.edges.source.tolist()) for plan in plans] == [(0, [0, 1]), (1, [2])]
    assert isinstance(plans[0].weight, np.ndarray)
    assert plans[0].weight.tolist() == [5.0, 0.25]
    assert plans[1].weight_bounds == (-1.0, -1.0)
    where = "params.projections.x.weight"
    assert "weight 1: " in faults(**listed(["5 pA", "3 mV", "1 pA"]))[where]


def test_weights_of_a_list_that_comes_from_a_file_need_units() -> None:
    network = Network.model_validate(listed([1.0, 2.0, 3.0]), context={"from_file": True, "folder": "."})
    with pytest.raises(CosimError, match=r"weight 0: '1\.0' has no unit") as caught:
        check(network)
    assert "pA" in caught.value.mend


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("s.csv", "a,b\n", "s.csv cannot be read"),
        ("s.csv", "1,0\n2,9\n", "there is no neuron 9"),
        ("s.csv", "0,0\n", "a spike at 0 ms"),
        ("s.h5", "nothing", "s.h5 cannot be read"),
    ],
)
def test_spikes_of_a_file_are_read_by_the_check(name: str, text: str, what: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    generator = {"model": "spike_generator", "size": 2, "file": tmp_path / name}
    assert faults(populations={"g": generator, "a": LIF}) == {"params.populations.g.file": what}
    given = {"model": "spike_generator", "size": 1, "times": [[-1.0]]}
    assert faults(populations={"g": given, "a": LIF}) == {"params.populations.g.times": "a spike at -1 ms"}


def test_a_file_of_spikes_that_changes_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    network = {"populations": {"g": {"model": "spike_generator", "size": 2, "file": file}, "a": LIF}}
    file.write_text("1,0\n")
    assert faults(**network) == {}
    file.write_text("1,0\n2,12\n")
    assert faults(**network) == {"params.populations.g.file": "there is no neuron 12"}


def test_a_truncation_that_keeps_little_is_refused_for_synapses_and_delays() -> None:
    projection = {"from": "a", "to": "a", "rule": "fixed_indegree", "indegree": 3}
    weight = {"normal": [0.0, 1.0], "low": 2.0}
    found = faults(populations={"a": LIF}, projections={"x": projection | {"weight": weight}})
    assert found == {"params.projections.x.weight": "only 0.023 of the draws lie from 2 to inf pA"}
    delay = {"normal": [-2.0, 1.0], "high": 5.0}
    with pytest.raises(CosimError, match=r"only 0\.02 of the draws lie from 0\.05 to 5 ms") as caught:
        build(populations={"a": LIF}, projections={"x": projection | {"weight": 1.0, "delay": delay}})
    assert caught.value.where == "params.projections.x.delay"


def test_generators_are_described_among_the_models() -> None:
    assert "spike_generator" in PointNeurons.models()
    assert "times" in PointNeurons.describe_model("spike_generator")


def test_a_parameter_cannot_have_the_name_of_the_weight(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("""
title: a name that is taken
states: {V: {unit: mV}}
parameters: {tau: {unit: ms, default: 10}, weight: {unit: mV, default: 3}}
receptors: {s: {weight: mV, adds: {V: weight}}}
derivatives: {V: -V / tau}
spike: {when: V >= weight}
""")
    with pytest.raises(ScenarioError, match="'weight' is taken") as caught:
        read_model(tmp_path / "own.yaml")
    assert caught.value.faults[0].where == "own.yaml:4  parameters.weight"


def test_a_neuron_is_recorded_once() -> None:
    found = faults(populations={"a": LIF}, record={"V": {"a": [0, 3, 0]}})
    assert found == {"params.record.V.a": "neuron 0 of a is named twice"}
