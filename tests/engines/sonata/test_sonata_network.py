import h5py
import numpy as np
import pytest
from sonata_files import Circuit, loop, play

import cosim
from cosim.sdk import CosimError, Samples, Setup, Spikes, Window
from cosim.sdk.contract import EngineContract
from cosim.sdk.time import NS_PER_MS
from engines.point_neurons import Network, PointNeurons
from engines.sonata_network import SonataNetwork, SonataParams, scenario_of
from engines.sonata_network.listed import edges_for

NEURON = {"model_type": "point_neuron", "model_template": "nest:iaf_psc_exp", "dynamics_params": "cell.json"}
SYNAPSE = {"edge_type_id": 1, "model_template": "static_synapse", "syn_weight": 500.0, "delay": 1.0}
VIRTUAL = {"node_type_id": 9, "model_type": "virtual"}


def pair(folder, **cell):
    """One neuron that one virtual node reaches."""
    circuit = Circuit(folder)
    circuit.component("cell.json", **cell)
    circuit.nodes("cell", [{"node_type_id": 1, **NEURON}], [1]).nodes("source", [VIRTUAL], [9])
    return circuit.edges("source", "cell", [(0, 0)], [SYNAPSE]).spikes("source", [[10.0, 12.0]])


def potential(circuit, stop_ms=30.0, **report):
    circuit.reports = {"v": {"cells": "all", "variable_name": "V_m", "module": "multimeter_report", **report}}
    return play(circuit.params(), stop_ms)[2]["v"].values


class TestSonataNetwork(EngineContract):
    engine = SonataNetwork
    one_window_ms, many_windows_ms = 60, 2

    @pytest.fixture(autouse=True)
    def circuit(self, tmp_path):
        circuit = loop(tmp_path).clamp("step", {"population": "cortex", "node_id": [0, 3, 11]}, amp=200.0, delay=7.0, duration=20.3)
        circuit.reports = {"v": {"cells": {"ei": "i"}, "variable_name": "V_m", "module": "membrane_report", "interval": 0.5}}
        type(self).params = circuit.params(linked=["thalamus"], currents={"into": {"to": {"ei": "e"}, "each": True}})


# -- the same network, told otherwise ------------------------------------------------------------------------------------------


def listed(circuit):
    """The loop as a network of the point-neuron engine, with every synapse in a list."""
    with h5py.File(circuit.folder / "cortex_to_cortex_edges.h5") as file:
        group = file["edges/cortex_to_cortex"]
        inner = np.stack([group["source_node_id"], group["target_node_id"]], 1).tolist()
        nsyns = group["0/nsyns"][()]
    with h5py.File(circuit.folder / "thalamus_to_cortex_edges.h5") as file:
        group = file["edges/thalamus_to_cortex"]
        outer = np.stack([group["source_node_id"], group["target_node_id"]], 1)
        weight, delay = group["0/syn_weight"][()], group["0/delay"][()]
    with h5py.File(circuit.folder / "thalamus_spikes.h5") as file:
        times, ids = file["spikes/thalamus/timestamps"][()], file["spikes/thalamus/node_ids"][()]
    common = {"from": "cortex", "to": "cortex", "rule": "list"}
    excites = [k for k, (source, _) in enumerate(inner) if source < 9]
    inhibits = [k for k, (source, _) in enumerate(inner) if source >= 9]
    projections = {
        "e": {**common, "pairs": [inner[k] for k in excites], "weight": [60.0 * nsyns[k] for k in excites], "delay": "1.5 ms"},
        "i": {**common, "pairs": [inner[k] for k in inhibits], "weight": [-90.0 * nsyns[k] for k in inhibits], "delay": "0.8 ms"},
    }
    for step in np.unique(delay):
        chosen = delay == step
        played = {"from": "thalamus", "to": "cortex", "rule": "list", "delay": f"{step} ms"}
        projections[f"t{step}"] = {**played, "pairs": outer[chosen].tolist(), "weight": weight[chosen].tolist()}
    own = {"tau_m": [10.0] * 9 + [8.0] * 3, "V_reset": [-70.0] * 9 + [-65.0] * 3, "I_e": [300.0] * 9 + [350.0] * 3}
    populations = {
        "cortex": {"model": "iaf_psc_exp", "size": 12, "parameters": own},
        "thalamus": {"model": "spike_generator", "size": 4, "times": [np.sort(times[ids == k]).tolist() for k in range(4)]},
    }
    return Network.model_validate({"populations": populations, "projections": projections})


def test_a_circuit_is_the_network_that_lists_its_synapses(tmp_path):
    circuit = loop(tmp_path)
    times, channels, _ = play(circuit.params())
    other = PointNeurons(listed(circuit), Setup("listed", 100 * NS_PER_MS, 1)).advance(Window(0, 100 * NS_PER_MS), {})["spikes"]
    kept = other.channels < 12
    assert len(times) > 50
    assert np.array_equal(times * NS_PER_MS, other.times_ns[kept])
    assert np.array_equal(channels, other.channels[kept])


def test_threads_do_not_change_a_spike(tmp_path):
    circuit = loop(tmp_path)
    (times, channels, _), (others, their_channels, _) = play(circuit.params()), play(circuit.params(threads=3))
    assert np.array_equal(times, others)
    assert np.array_equal(channels, their_channels)


# -- nodes ---------------------------------------------------------------------------------------------------------------------


def test_nodes_of_several_models_are_one_population(tmp_path):
    circuit = Circuit(tmp_path)
    circuit.component("cell.json", I_e=500.0)
    circuit.component("still.json")
    still = {"node_type_id": 2, **NEURON, "model_template": "nest:iaf_psc_delta", "dynamics_params": "still.json"}
    circuit.nodes("mixed", [{"node_type_id": 1, **NEURON}, still, VIRTUAL], [1, 2, 9, 1, 2], ids=[10, 11, 12, 13, 14])
    circuit.edges("mixed", "mixed", [(12, 11), (10, 14)], [{**SYNAPSE, "syn_weight": 40.0}])
    circuit.spikes("mixed", [[]] * 12 + [[20.0, 21.0]])
    times, channels, _ = play(circuit.params())
    port = SonataNetwork.ports(circuit.params())[0]
    assert port.space.labels == ("mixed[10]", "mixed[11]", "mixed[13]", "mixed[14]")
    assert port.space.groups == {"mixed": (0, 1, 2, 3)}
    assert times[channels == 1].tolist() == [21.0]  # 40 mV, 1 ms after; the second finds it refractory
    assert len(times[channels == 0]) == 6  # 500 pA: 63 Hz
    assert np.array_equal(times[channels == 0], times[channels == 2])
    assert times[channels == 3] == pytest.approx(times[channels == 0] + 1.0, abs=1e-9)


def test_parameters_of_nodes_come_before_those_of_types(tmp_path):
    circuit = Circuit(tmp_path)
    circuit.component("cell.json", V_m=-60.0, E_L=-60.0)
    circuit.nodes("cells", [{"node_type_id": 1, **NEURON}], [1] * 3, parameters={"V_m": [-58.0, -57.0, -56.0]})
    assert potential(circuit, 0.1) == pytest.approx(-60.0 + np.exp(-0.01) * np.array([[2.0, 3.0, 4.0]]), rel=1e-12)


def test_a_neuron_begins_at_70_mv_below_wherever_it_rests(tmp_path):
    """As NEST's: a new E_L leaves V_m where it is."""
    assert potential(pair(tmp_path, E_L=-80.0), 0.1) == pytest.approx(-80.0 + 10.0 * np.exp(-0.01), rel=1e-12)


def test_the_rate_is_of_populations_of_the_circuit(tmp_path):
    _, channels, out = play(loop(tmp_path).params())
    assert out["rate"].values.shape == (1000, 1)
    assert out["rate"].values.sum() * 1e-4 * 12 == pytest.approx(len(channels), rel=1e-12)


def test_groups_may_be_sets_of_nodes(tmp_path):
    circuit = loop(tmp_path)
    circuit.more = {
        "node_sets": {"some": {"node_id": [1, 10]}, "both": ["some", "few"], "few": {"population": "cortex", "node_id": 2}}
    }
    params = circuit.params(groups={"i": {"ei": "i"}, "set": "both"})
    (port,) = (port for port in SonataNetwork.ports(params) if port.name == "spikes")
    assert port.space.groups == {"i": (9, 10, 11), "set": (1, 2, 10)}


def test_positions_are_those_of_the_nodes(tmp_path):
    circuit = Circuit(tmp_path)
    circuit.component("cell.json")
    circuit.nodes("cells", [{"node_type_id": 1, **NEURON}], [1, 1], columns={"x": [1.0, 2.0], "y": [3.0, 4.0]})
    (port,) = (port for port in SonataNetwork.ports(circuit.params()) if port.name == "spikes")
    assert port.space.positions.tolist() == [[1.0, 3.0, 0.0], [2.0, 4.0, 0.0]]


# -- edges ---------------------------------------------------------------------------------------------------------------------


def psp_onset(values):
    """ms of the first row at which the potential has moved."""
    return (np.flatnonzero(np.abs(values[:, 0] + 70.0) > 1e-9)[0] + 1) * 0.1


def test_a_spike_arrives_after_the_delay_and_moves_the_potential_from_then_on(tmp_path):
    assert psp_onset(potential(pair(tmp_path))) == pytest.approx(11.1)


def test_a_delay_that_nobody_gives_is_1_ms(tmp_path):
    circuit = pair(tmp_path)
    del circuit.edges_files[:]
    circuit.edges("source", "cell", [(0, 0)], [{"edge_type_id": 1, "syn_weight": 500.0}])
    assert psp_onset(potential(circuit)) == pytest.approx(11.1)


def test_a_delay_may_stand_in_the_parameters_of_synapses(tmp_path):
    circuit = pair(tmp_path)
    del circuit.edges_files[:]
    named = circuit.component("synapse.json", delay=3.0)
    circuit.edges("source", "cell", [(0, 0)], [{"edge_type_id": 1, "syn_weight": 500.0, "dynamics_params": named}])
    assert psp_onset(potential(circuit)) == pytest.approx(13.1)


def test_times_between_two_steps_count_as_the_later_one(tmp_path):
    assert psp_onset(potential(pair(tmp_path).spikes("source", [[9.9001]]))) == pytest.approx(11.1)


def test_edges_of_virtual_nodes_that_nothing_plays_are_left_out(tmp_path):
    circuit = pair(tmp_path)
    circuit.inputs = {}
    assert (potential(circuit) == -70.0).all()


def test_what_is_not_enabled_is_left_out(tmp_path):
    circuit = pair(tmp_path)
    circuit.edges_files[0]["enabled"] = False
    assert (potential(circuit) == -70.0).all()


def test_nsyns_multiplies_the_weight(tmp_path):
    circuit = pair(tmp_path)
    once = potential(circuit)
    del circuit.edges_files[:]
    circuit.edges("source", "cell", [(0, 0)], [{**SYNAPSE, "weight_function": "wmax"}], columns={"nsyns": [2]})
    assert potential(circuit) + 70.0 == pytest.approx(2.0 * (once + 70.0), rel=1e-9)


# -- what is played in, what is recorded ---------------------------------------------------------------------------------------


def test_spikes_of_a_csv_are_those_of_hdf5(tmp_path):
    circuit = loop(tmp_path)
    first = play(circuit.params())
    with h5py.File(tmp_path / "thalamus_spikes.h5") as file:
        columns = zip(file["spikes/thalamus/timestamps"], file["spikes/thalamus/node_ids"], strict=True)
        rows = [f"{time!r} thalamus {node}" for time, node in ((float(t), int(n)) for t, n in columns)]
    (tmp_path / "spikes.csv").write_text("\n".join(["timestamps population node_ids", *rows, "1.0 other 0"]))
    circuit.inputs["thalamus"] |= {"module": "csv", "input_file": "spikes.csv"}
    second = play(circuit.params())
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])


def test_spikes_over_a_link_are_those_of_the_file(tmp_path):
    circuit = loop(tmp_path)
    alone = play(circuit.params())
    with h5py.File(tmp_path / "thalamus_spikes.h5") as file:
        times, ids = file["spikes/thalamus/timestamps"][()], file["spikes/thalamus/node_ids"][()]
    window = Window(0, 100 * NS_PER_MS)
    played = Spikes.sorted(window, np.rint(times * NS_PER_MS).astype(np.int64), ids.astype(np.int32))
    params = circuit.params(linked=["thalamus"])
    (port,) = (port for port in SonataNetwork.ports(params) if port.direction == "in")
    assert (port.name, port.space.labels[3]) == ("thalamus", "thalamus[3]")
    setup = Setup("linked", window.stop_ns, 1, {"thalamus": port}, {"thalamus": np.zeros(4, np.int64)})
    spikes = SonataNetwork(params, setup).advance(window, {"thalamus": played})["spikes"]
    assert np.array_equal(spikes.times_ns, alone[0] * NS_PER_MS)
    assert np.array_equal(spikes.channels, alone[1])


def membrane(current_pa, dt_ms=0.1):
    """V of a leaky neuron (C 250 pF, tau 10 ms, rest -70 mV) under a course of current, a row a step: exact, as it is held."""
    keep, rows, v = np.exp(-dt_ms / 10.0), [], 0.0
    for current in current_pa:
        v = keep * v + (1.0 - keep) * current * 10.0 / 250.0
        rows.append(v - 70.0)
    return np.array(rows)


def test_a_clamp_is_in_force_from_one_step_after_its_time_on(tmp_path):
    circuit = pair(tmp_path)
    circuit.inputs = {}
    circuit.clamp("one", "cell", amp=[100.0, 50.0], delay=[2.0, 5.0], duration=[2.0, 9.0]).clamp(
        "two", "all", amp=30.0, delay=3.0, duration=8.0
    )
    course = np.zeros(300)
    course[21:41] += 100.0  # step k, from 0 on, ends at 0.1 (k + 1) ms
    course[51:141] += 50.0
    course[31:111] += 30.0
    assert potential(circuit)[:, 0] == pytest.approx(membrane(course), rel=1e-12)


def test_a_clamp_from_a_table_holds_each_value_up_to_the_next(tmp_path):
    circuit = pair(tmp_path)
    circuit.inputs = {}
    (tmp_path / "currents.csv").write_text("timestamps amps\n2.0 100.0\n4.0 -20.0\n")
    circuit.clamp("one", "cell", input_type="csv", file="currents.csv")
    course = np.zeros(300)
    course[21:41], course[41:] = 100.0, -20.0
    assert potential(circuit)[:, 0] == pytest.approx(membrane(course), rel=1e-12)


def test_currents_over_links_add_to_clamps_node_by_node(tmp_path):
    circuit = loop(tmp_path).clamp("step", {"node_id": [1]}, amp=40.0, delay=1.0, duration=2.0)
    circuit.edges_files.clear()
    circuit.reports = {"v": {"cells": {"node_id": [0, 1, 2]}, "variable_name": "V_m", "module": "multimeter_report"}}
    params = circuit.params(currents={"all": {"to": "cortex"}, "each": {"to": {"node_id": [2, 0]}, "each": True}})
    ports = {port.name: port for port in SonataNetwork.ports(params)}
    assert ports["each"].space.labels == ("cortex[0]", "cortex[2]")
    window = Window(0, 6 * NS_PER_MS)
    inputs = {name: ports[name] for name in ("all", "each")}
    engine = SonataNetwork(params, Setup("fed", window.stop_ns, 1, inputs, {name: np.zeros(1, np.int64) for name in inputs}))
    own = np.stack([np.linspace(0, 60, 60), np.linspace(60, 0, 60)], 1)
    out = engine.advance(window, {"all": Samples(window, np.full((2, 1), 10.0)), "each": Samples(window, own)})["v"].values
    clamped = np.full(60, 310.0)  # I_e of the type, and what all get
    clamped[11:31] += 40.0
    for channel, course in enumerate((310.0 + own[:, 0], clamped, 310.0 + own[:, 1])):
        assert out[:, channel] == pytest.approx(membrane(course), rel=1e-12)


def test_a_report_is_a_port_with_its_own_cells_and_step(tmp_path):
    circuit = loop(tmp_path).clamp("step", {"node_id": [1]}, amp=40.0, delay=1.0, duration=2.0)
    circuit.reports = {
        "v": {"cells": {"node_id": [11, 2]}, "variable_name": "V_m", "module": "multimeter_report"},
        "slow": {"cells": {"ei": "e"}, "variable_name": "V_m", "module": "membrane_report", "interval": 2.0},
        "off": {"cells": "nobody", "module": "nothing", "enabled": False},
    }
    ports = {port.name: port for port in SonataNetwork.ports(circuit.params())}
    assert (ports["v"].space.labels, ports["v"].unit, ports["v"].quantity) == (
        ("cortex[2]", "cortex[11]"),
        "mV",
        "membrane_potential",
    )
    assert (ports["slow"].dt_ns, len(ports["slow"].space)) == (2 * NS_PER_MS, 9)
    out = play(circuit.params())[2]
    assert np.array_equal(out["slow"].values[:, 2], out["v"].values[19::20, 0])
    assert [port.name for port in SonataNetwork.ports(circuit.params(reports=False))] == ["spikes", "rate"]


def test_it_runs_as_a_scenario(tmp_path):
    circuit = loop(tmp_path).clamp("step", {"node_id": [1]}, amp=40.0, delay=1.0, duration=2.0)
    circuit.reports = {"v": {"cells": {"ei": "i"}, "variable_name": "V_m", "module": "membrane_report", "interval": 0.5}}
    scenario = scenario_of(circuit.config(), threads=2)
    assert (scenario["clock"]["stop"], scenario["engines"]["net"]["window"]) == ("100000000 ns", "100000000 ns")
    run = cosim.run(scenario, out=tmp_path / "run", transport="inline")
    times, channels, out = play(circuit.params())
    assert np.array_equal(run.spikes("net.spikes").times_ms, times)
    assert np.array_equal(run.spikes("net.spikes").channels, channels)
    assert list(run.spikes("net.spikes").groups) == ["cortex"]
    assert np.array_equal(run.samples("net.v").values, out["v"].values)


def test_windows_of_a_scenario_are_whole_numbers_of_its_rows(tmp_path):
    circuit = loop(tmp_path)
    circuit.run["tstop"] = 120.0
    circuit.reports = {
        str(step): {"cells": "cortex", "variable_name": "V_m", "module": "membrane_report", "interval": step} for step in (0.3, 0.5)
    }
    assert scenario_of(circuit.config())["engines"]["net"]["window"] == "60000000 ns"


def test_a_model_of_ones_own_stands_for_a_template(tmp_path):
    """Its receptors are the receptor_type 1, 2 … of NEST's models with several."""
    (tmp_path / "leaky.yaml").write_text(
        "title: Leaky, two receptors\n"
        "states: {V: {unit: mV}}\n"
        "parameters: {tau: {unit: ms, default: 10, positive: true}, top: {unit: mV, default: 1000}}\n"
        "receptors: {up: {weight: mV, adds: {V: weight}}, down: {weight: mV, adds: {V: -weight}}}\n"
        "derivatives: {V: -V / tau}\n"
        "scheme: exact\n"
        "spike: {when: V >= top, reset: {V: 0}}\n"
    )
    circuit = Circuit(tmp_path)
    circuit.component("cell.json", tau=20.0)
    circuit.nodes("cell", [{"node_type_id": 1, **NEURON, "model_template": "nest:my_leaky"}], [1]).nodes("source", [VIRTUAL], [9])
    down, up = circuit.component("down.json", receptor_type=2), circuit.component("up.json", receptor_type=1)
    types = [
        {**SYNAPSE, "syn_weight": 8.0, "dynamics_params": down},
        {**SYNAPSE, "edge_type_id": 2, "syn_weight": 2.0, "dynamics_params": up},
    ]
    circuit.edges("source", "cell", [(0, 0), (0, 0)], types, [1, 2]).spikes("source", [[10.0]])
    circuit.reports = {"v": {"cells": "all", "variable_name": "V", "module": "multimeter_report"}}
    params = SonataParams.model_validate({"config": circuit.config(), "models": {"nest:my_leaky": tmp_path / "leaky.yaml"}})
    values = play(params, 30.0)[2]["v"].values[:, 0]
    assert values[108] == 0.0
    assert values[109:] == pytest.approx(-6.0 * np.exp(-0.1 * np.arange(191) / 20.0), rel=1e-9)


def test_every_template_is_told():
    assert SonataNetwork.models()["nest:iaf_psc_delta"] == "Leaky integrate-and-fire, delta synapses"
    assert "after_spike_currents" in SonataNetwork.describe_model("nest:glif_psc")
    assert len(SonataNetwork.models()) == 8


def test_a_window_that_does_not_fit_a_report_is_refused(tmp_path):
    circuit = loop(tmp_path)
    circuit.reports = {"v": {"cells": "all", "variable_name": "V_m", "module": "multimeter_report", "interval": 0.4}}
    with pytest.raises(CosimError, match=r"1 ms is not a whole number"):
        SonataNetwork(circuit.params(), Setup("short", NS_PER_MS, 1))


def test_a_projection_may_name_a_file_of_edges_itself(tmp_path):
    """With weights that nobody has but the projection, and with those of the file."""
    loop(tmp_path)
    populations = {"thalamus": {"model": "iaf_psc_exp", "size": 4}, "cortex": {"model": "iaf_psc_exp", "size": 12}}
    common = {"rule": "sonata", "to": "cortex"}
    projections = {
        "own": {**common, "from": "thalamus", "file": tmp_path / "thalamus_to_cortex_edges.h5"},
        "given": {**common, "from": "cortex", "file": tmp_path / "cortex_to_cortex_edges.h5", "weight": "9 pA", "delay": "2 ms"},
    }
    edges = edges_for(Network.model_validate({"populations": populations, "projections": projections}))
    with h5py.File(tmp_path / "thalamus_to_cortex_edges.h5") as file:
        group = file["edges/thalamus_to_cortex"]
        assert np.array_equal(edges["own"].source, group["source_node_id"])
        assert np.array_equal(edges["own"].target, group["target_node_id"])
        assert np.array_equal(edges["own"].weight, group["0/syn_weight"])
        assert np.array_equal(edges["own"].delay_ms, group["0/delay"])
    assert (len(edges["given"]), edges["given"].weight, edges["given"].delay_ms) == (60, None, None)


def test_a_network_with_files_of_edges_spikes_as_the_circuit(tmp_path):
    circuit = loop(tmp_path)
    times, channels, _ = play(circuit.params())
    told = listed(circuit).model_dump(by_alias=True, exclude_none=True)
    played = {"rule": "sonata", "from": "thalamus", "to": "cortex", "file": tmp_path / "thalamus_to_cortex_edges.h5"}
    told["projections"] = {"played": played} | {name: item for name, item in told["projections"].items() if name in "ei"}
    made = PointNeurons(Network.model_validate(told), Setup("files", 100 * NS_PER_MS, 1))
    spikes = made.advance(Window(0, 100 * NS_PER_MS), {})["spikes"]
    assert np.array_equal(spikes.times_ns[spikes.channels < 12], times * NS_PER_MS)
    assert np.array_equal(spikes.channels[spikes.channels < 12], channels)
