"""Networks of point neurons: the contract, what results may not depend on, and networks cut in two."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from cosim.sdk import CosimError, Setup, Spikes, Window
from cosim.sdk.contract import EngineContract, same_bits
from engines.point_neurons import Network, PointNeurons
from tests.engines.point_neurons.running import MS, build, changes, ns, run

PSC = 87.8085  # pA: makes a PSP of 0.15 mV with tau_m 10 ms, tau_syn 0.5 ms, 250 pF (Potjans and Diesmann 2014)
FAST = {"tau_syn_ex": 0.5, "tau_syn_in": 0.5}


# -- the contract --------------------------------------------------------------------------------------------------------------


class TestQif(EngineContract):
    engine = PointNeurons
    params = Network(
        populations={
            "q": {
                "model": "qif",
                "size": 30,
                "parameters": {"eta": {"lorentzian": [1.0, 1.0]}},
                "initial": {"V": {"lorentzian": [-2.0, 0.6], "shuffled": True}},
                "initial_rate": 20.0,
                "poisson": {"outside": {"rate": 500.0, "weight": 0.2}},
            },
            "r": {"model": "qif", "size": 7, "parameters": {"eta": {"lorentzian": [2.0, 1.0]}}},
        },
        projections={
            "qq": {"from": "q", "to": "q", "total_weight": 3.0, "delay": 0.3},
            "rq": {"from": "r", "to": "q", "total_weight": -1.0},
            "qr": {"from": "q", "to": "r", "rule": "fixed_indegree", "indegree": 5, "total_weight": 2.0, "autapses": False},
            "xr": {"from": "elsewhere", "to": "r", "total_weight": 1.0, "delay": 2.0},
        },
        inputs={
            "drive": {"kind": "drive", "to": "q", "input": "drive"},
            "push": {"kind": "drive", "to": "r", "each": True},
            "elsewhere": {"kind": "spikes", "size": 5},
        },
        record={"potential": {"q": [0, 29], "r": [3]}},
    )
    delay_ms = 0.5
    bad_params = (
        {"no_such_parameter_at_all": 1},
        {"record": {"potential": {"q": [30]}}},
        {"record": {"rate": {"q": [3]}}},
        {"record": {"current": {"q": [3]}}},
        {"inputs": {"rate": {"kind": "drive", "to": "q"}}},
        {"inputs": {"push": {"kind": "drive", "to": "q", "input": "voltage"}}},
        {"projections": {"qq": {"from": "q", "to": "q", "weight": 1.0, "total_weight": 1.0}}},
        {"populations": {"q": {"model": "qif", "size": 3, "integrator": "exact"}}},
        {"populations": {"q": {"model": "qif", "size": 3, "parameters": {"eta": [1.0, 2.0]}}}},
        {"populations": {"q": {"model": "qif", "size": 3, "parameters": {"tau": -1.0}}}},
    )


class TestLeaky(EngineContract):
    engine = PointNeurons
    params = Network(
        populations={
            "e": {
                "model": "iaf_psc_exp",
                "size": 40,
                "initial": {"V": {"uniform": [-74.0, -56.0]}},
                "parameters": {"I_e": 600.0, "V_th": {"normal": [-55.0, 0.5]}},
            },
            "times": {"model": "spike_generator", "size": 2, "times": [[1.0, 1.05, 7.2], [0.3]]},
            "i": {
                "model": "iaf_psc_exp",
                "size": 10,
                "poisson": {"outside": {"rate": 12e3, "weight": PSC}},
                "parameters": {"tau_syn_ex": 0.5, "I_e": 400.0},
            },
        },
        projections={
            "ee": {"from": "e", "to": "e", "rule": "bernoulli", "probability": 0.2, "weight": 50.0, "delay": 1.5},
            "ei": {"from": "e", "to": "i", "rule": "fixed_indegree", "indegree": 8, "weight": 50.0, "autapses": False},
            "ie": {"from": "i", "to": "e", "rule": "all_to_all", "weight": -50.0, "delay": 1.0},
            "ii": {"from": "i", "to": "i", "rule": "all_to_all", "weight": -20.0, "autapses": False},
            "te": {"from": "times", "to": "e", "weight": {"normal": [300.0, 30.0], "low": 0.0}, "delay": {"uniform": [0.5, 2.0]}},
            "xe": {"from": "elsewhere", "to": "e", "rule": "one_to_one", "weight": 400.0},
        },
        inputs={
            "elsewhere": {"kind": "spikes", "size": 40},
            "drive": {"kind": "rate", "to": "e", "weight": 30.0},
            "push": {"kind": "drive", "to": "i", "each": True},
        },
        record={"V": {"e": [1]}, "synaptic_current": {"i": "all"}},
    )
    bad_params = (
        {"dt": 3 * MS},
        {"projections": {"ee": {"from": "nobody", "to": "e", "weight": 1.0}}},
        {"projections": {"ee": {"from": "e", "to": "e", "weight": 1.0, "delay": 0.15}}},
        {"projections": {"ee": {"from": "e", "to": "e", "weight": 1.0, "delay": 0}}},
        {"projections": {"ee": {"from": "e", "to": "e", "weight": 1.0, "rule": "bernoulli"}}},
        {"projections": {"ei": {"from": "e", "to": "i", "weight": 1.0, "rule": "one_to_one"}}},
        {"projections": {"te": {"from": "e", "to": "times", "weight": 1.0}}},
        {"inputs": {"drive": {"kind": "rate", "to": "e"}}},
        {"inputs": {"drive": {"kind": "rate", "to": "e", "weight": 3.0, "receptor": "gaba"}}},
        {"inputs": {"e": {"kind": "spikes", "size": 1}}},
        {"populations": {"e": {"model": "iaf_psc_exp", "size": 4, "parameters": {"t_ref": 0.15}}}},
    )


@pytest.mark.parametrize("contract", [TestQif(), TestLeaky()])
def test_the_networks_of_the_contract_are_alive(contract: EngineContract) -> None:
    spikes = contract.run(contract.one_window_ms)["spikes"]
    for port in PointNeurons.ports(contract.params):
        for members in port.space.groups.values():
            assert np.isin(spikes.channels, members).sum() > 2


def test_a_scenario_is_checked_without_numba() -> None:
    code = """
import sys
from engines.point_neurons import Network, PointNeurons
projections = {"p": {"from": "q", "to": "q", "weight": 1}}
PointNeurons.ports(Network(populations={"q": {"model": "qif", "size": 3}}, projections=projections))
assert "numba" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_faults_are_told_at_once() -> None:
    params = Network(
        populations={"e": {"model": "iaf_psc_exp", "size": 2, "parameters": {"tau": 3.0}}},
        projections={"ee": {"from": "e", "to": "f", "weight": 1.0}, "eg": {"from": "g", "to": "e", "weight": 1.0}},
        record={"u": {"e": [0]}},
    )
    with pytest.raises(CosimError) as caught:
        PointNeurons.ports(params)
    assert [fault.where for fault in caught.value.faults] == [  # type: ignore[attr-defined]
        "params.populations.e.parameters.tau",
        "params.projections.ee.to",
        "params.projections.eg.from",
        "params.record.u.e",
    ]


def test_a_neuron_that_diverges_is_told_with_its_number_and_state(tmp_path: Any) -> None:
    (tmp_path / "wild.yaml").write_text(
        "title: wild\n"
        "states: {V: {initial: 1}}\n"
        "parameters: {tau: {unit: ms, default: 1, positive: true}, growth: {default: 0}}\n"
        "derivatives: {V: growth * V**2 / tau}\n"
        "spike: {when: V >= 1e300}\n"
        "scheme: euler\n"
    )
    populations = {"w": {"model": str(tmp_path / "wild.yaml"), "size": 3, "parameters": {"growth": [0.0, 0.0, 50.0]}}}
    with pytest.raises(CosimError, match="w diverged: neuron 2") as caught:
        run(200, populations=populations)
    assert caught.value.why.startswith("its state V is")


# -- networks ------------------------------------------------------------------------------------------------------------------

LEAKY: dict[str, Any] = {
    "e": {
        "model": "iaf_psc_exp",
        "size": 80,
        "parameters": FAST,
        "poisson": {"outside": {"rate": 11e3, "weight": PSC}},
        "initial": {"V": {"normal": [-60.0, 5.0]}},
    },
    "i": {"model": "iaf_psc_exp", "size": 20, "parameters": FAST, "poisson": {"outside": {"rate": 13e3, "weight": PSC}}},
}
QIF: dict[str, Any] = {
    "e": {
        "model": "qif",
        "size": 80,
        "parameters": {"eta": {"lorentzian": [1.0, 1.0]}},
        "initial_rate": 50.0,
        "poisson": {"outside": {"rate": 300.0, "weight": 0.1}},
    },
    "i": {"model": "qif", "size": 20, "parameters": {"eta": {"lorentzian": [3.0, 1.0]}}, "initial_rate": 30.0},
}
SPARSE = {
    name: {"from": name[0], "to": name[1], "rule": "fixed_indegree", "indegree": 8, "delay": 1.5}
    for name in ("ee", "ei", "ie", "ii")
}
ONTO_LEAKY: dict[str, Any] = {"ee": {"weight": 87.1}, "ei": {"weight": 91.7}, "ie": {"weight": -350.3}, "ii": {"weight": -333.3}}
ONTO_QIF: dict[str, Any] = {
    "ee": {"total_weight": 3.0}, "ei": {"total_weight": 2.7}, "ie": {"total_weight": -4.3}, "ii": {"total_weight": -1.1},
}  # fmt: skip
DRAWN: dict[str, Any] = {
    "ee": {"weight": {"normal": [87.1, 9.0], "low": 0.0}, "delay": {"normal": [2.0, 0.5], "low": 1.5}},
    "ei": {"weight": {"lognormal": [91.7, 0.3]}, "delay": {"uniform": [1.5, 3.0]}},
    "ie": {"weight": {"normal": [-350.3, 35.0], "high": 0.0}, "delay": {"exponential": 3.0, "low": 1.5}},
    "ii": {"weight": -333.3, "rule": "bernoulli", "probability": 0.4, "indegree": None},
}
NETWORKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "leaky": (LEAKY, {name: {**SPARSE[name], **ONTO_LEAKY[name]} for name in SPARSE}),
    "weights and delays of their own": (LEAKY, {name: {**SPARSE[name], **DRAWN[name]} for name in SPARSE}),
    "qif": (QIF, {name: {**SPARSE[name], **ONTO_QIF[name]} for name in SPARSE}),
    "qif mean field": (QIF, {name: {"from": name[0], "to": name[1], "delay": 1.5, **ONTO_QIF[name]} for name in SPARSE}),
    "leaky and qif": (
        {"e": LEAKY["e"], "i": QIF["i"]},
        {n: {**SPARSE[n], **(ONTO_LEAKY if n[1] == "e" else ONTO_QIF)[n]} for n in SPARSE},
    ),
}


@pytest.mark.parametrize("network", NETWORKS)
def test_windows_threads_and_saved_states_change_nothing(network: str) -> None:
    populations, projections = NETWORKS[network]
    given = {"populations": populations, "projections": projections, "record": {"V": {"e": [0, 7]}}, "seed": 3}
    assert changes(60, 0.5, **given) == []


def half(name: str, populations: dict[str, Any], projections: dict[str, Any]) -> dict[str, Any]:
    """The part of a network that ends in one population; the other becomes an input of the same name."""
    other = "i" if name == "e" else "e"
    elsewhere = {"kind": "spikes", "size": populations[other]["size"], "initial_rate": populations[other].get("initial_rate", 0.0)}
    return {
        "populations": {name: populations[name]},
        "projections": {key: value for key, value in projections.items() if value["to"] == name},
        "inputs": {other: elsewhere},
    }


@pytest.mark.parametrize(("link_ms", "window_ms"), [(1.5, 1.5), (1.5, 0.5), (1.0, 1.0), (0.5, 0.1)])
@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_cut_along_its_delays_equals_the_whole_spike_for_spike(network: str, link_ms: float, window_ms: float) -> None:
    """Projections take 1.5 ms or more, of which the link takes a part or all."""
    populations, projections = NETWORKS[network]
    stop_ns, step_ns, link_ns = ns(60), ns(window_ms), ns(link_ms)
    whole = run(60, seed=3, populations=populations, projections=projections).spikes
    parts = {
        name: build(window_ms, seed=3, delays_ms={other: link_ms}, **half(name, populations, projections))
        for name, other in (("e", "i"), ("i", "e"))
    }
    before = {name: [Spikes.empty(Window(-link_ns, 0))] for name in parts}
    for start in range(0, stop_ns, step_ns):
        window = Window(start, start + step_ns)
        inputs = {name: Spikes.join(before[name]).shifted(link_ns).cut(window) for name in parts}
        for name, other in (("e", "i"), ("i", "e")):
            spikes = parts[name].advance(window, {other: inputs[other]})["spikes"]
            assert isinstance(spikes, Spikes)
            before[name].append(spikes)
    sent = {name: Spikes.join(before[name]) for name in parts}
    for name, first, size in (("e", 0, 80), ("i", 80, 20)):
        mine = (whole.channels >= first) & (whole.channels < first + size)
        assert mine.sum() > 50
        assert np.array_equal(whole.times_ns[mine], sent[name].times_ns)
        assert np.array_equal(whole.channels[mine] - first, sent[name].channels)


def test_the_two_halves_do_hear_one_another() -> None:
    """Else the test above would prove nothing."""
    for populations, projections in NETWORKS.values():
        whole = run(60, seed=3, populations=populations, projections=projections).spikes
        for silent in ("ei", "ie"):
            fewer = {name: p for name, p in projections.items() if name != silent}
            assert not same_bits(whole, run(60, seed=3, populations=populations, projections=fewer).spikes)


def test_a_mean_field_equals_the_same_synapses_one_by_one() -> None:
    """all_to_all of one weight goes through one sum; with a list of all pairs each synapse is stored."""
    populations, projections = NETWORKS["leaky"]
    sizes = {name: population["size"] for name, population in populations.items()}
    summed, listed = {}, {}
    for name, projection in projections.items():
        common = {"from": name[0], "to": name[1], "weight": projection["weight"] / 10, "delay": 1.5}
        apart = name[0] == name[1]
        pairs = [[s, t] for s in range(sizes[name[0]]) for t in range(sizes[name[1]]) if not (apart and s == t)]
        summed[name] = {**common, "rule": "all_to_all", "autapses": False} if apart else {**common, "rule": "all_to_all"}
        listed[name] = {**common, "rule": "list", "pairs": pairs}
    for threads in (1, 3):
        first, second = (run(60, seed=3, threads=threads, populations=populations, projections=p) for p in (summed, listed))
        assert len(first.spikes) > 100
        assert first.differs(second) == []


def test_a_network_of_no_spikes_at_all_is_quiet_and_right() -> None:
    found = run(5, populations={"e": {"model": "iaf_psc_exp", "size": 1}}, record={"V": {"e": [0]}})
    assert len(found.spikes) == 0
    assert found["V"] == pytest.approx(np.full((50, 1), -70.0), abs=1e-13)


def test_background_does_not_depend_on_who_else_is_there() -> None:
    noisy = {"model": "iaf_psc_exp", "size": 50, "parameters": FAST, "poisson": {"outside": {"rate": 13e3, "weight": PSC}}}
    alone = run(50, populations={"e": noisy}).spikes
    beside = run(50, populations={"i": {"model": "iaf_psc_exp", "size": 3}, "e": noisy}).spikes
    assert len(alone) > 50
    assert np.array_equal(alone.times_ns, beside.times_ns)
    assert np.array_equal(alone.channels + 3, beside.channels)


@pytest.mark.parametrize(("link_ms", "says"), [(2.0, "later than they should act"), (0.25, "not a whole number of")])
def test_a_link_that_does_not_fit_the_delay_is_refused(link_ms: float, says: str) -> None:
    with pytest.raises(CosimError, match=says) as caught:
        build(1, delays_ms={"i": link_ms}, **half("e", *NETWORKS["leaky"]))
    assert caught.value.where == "params.projections.ie.delay"


def test_the_seed_of_the_parameters_stands_over_that_of_the_engine() -> None:
    first = run(50, seed=1, populations=LEAKY).spikes
    second = PointNeurons(Network(populations=LEAKY, seed=1), Setup("net", ns(50), 99)).advance(Window(0, ns(50)), {})["spikes"]
    assert same_bits(first, second)
    assert not same_bits(first, run(50, seed=99, populations=LEAKY).spikes)


def test_a_state_of_another_network_is_refused() -> None:
    with pytest.raises(CosimError, match="another network"):
        build(populations=LEAKY).load(build(populations={"e": {**LEAKY["e"], "size": 79}, "i": LEAKY["i"]}).save())
