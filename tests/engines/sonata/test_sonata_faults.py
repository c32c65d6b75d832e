"""What is wrong with a circuit, or not supported, is told by name, all of it at once."""

import json

import h5py
import numpy as np
import pytest
from sonata_files import Circuit, loop

from cosim.sdk import CosimError
from engines.sonata_network import SonataNetwork, SonataParams, scenario_of
from engines.sonata_network.circuit import read_circuit
from engines.sonata_network.network import network_of
from engines.sonata_network.synapses import with_synapses


def faults(params):
    """What is told when ports are asked for."""
    with pytest.raises(CosimError) as caught:
        SonataNetwork.ports(params)
    return [str(fault) for fault in getattr(caught.value, "faults", [caught.value])]


def fault(params):
    (only,) = faults(params)
    return only


def fault_of_building(params):
    """What is told when synapses are read."""
    circuit = read_circuit(params)
    with pytest.raises(CosimError) as caught:
        with_synapses(network_of(circuit, params)[0], circuit)
    return str(caught.value)


def rewritten(path, change):
    """A table of types with its text changed."""
    path.write_text(change(path.read_text()))


def test_all_faults_are_told_at_once(tmp_path):
    circuit = loop(tmp_path)
    circuit.run["dt"] = "soon"
    circuit.inputs["noise"] = {"input_type": "spikes", "module": "poisson", "node_set": "thalamus"}
    circuit.inputs["light"] = {"input_type": "optogenetics", "module": "laser"}
    circuit.reports = {"v": {"cells": "cortx", "variable_name": "V_m", "module": "multimeter_report"}}
    circuit.component("exc.json", tau_mem=3.0)
    rewritten(tmp_path / "cortex_to_cortex_edge_types.csv", lambda text: text.replace("static_synapse", "tsodyks_synapse", 1))
    told = faults(circuit.params())
    for part in (
        "run.dt is 'soon'",
        "spikes of module 'poisson' cannot be read",
        "an input 'optogenetics' of module 'laser' is not supported",
        "there is no node set 'cortx'\n  mend: did you mean 'cortex'?",
        "iaf_psc_exp has no 'tau_mem'\n  mend: did you mean 'tau_m'?",
        "edge type 1 of cortex_to_cortex is a tsodyks_synapse",
    ):
        assert any(part in text for text in told), part
    assert len(told) == 6


# -- configurations --------------------------------------------------------------------------------------------------------------


def test_a_variable_that_the_manifest_does_not_have_is_named(tmp_path):
    circuit = loop(tmp_path)
    circuit.nodes_files[0]["nodes_file"] = "$NETWORK_DIR/cortex_nodes.h5"
    assert any("the manifest has no NETWORK_DIR" in text for text in faults(circuit.params()))


def test_a_circle_in_the_manifest_is_told(tmp_path):
    path = tmp_path / "simulation.json"
    path.write_text(json.dumps({"manifest": {"$A": "$B/a", "$B": "$A/b"}}))
    assert "cannot be told" in fault(SonataParams(config=path))


def test_a_configuration_that_is_no_json_is_told_with_its_line(tmp_path):
    path = tmp_path / "simulation.json"
    path.write_text('{\n  "run": {"dt": 0.1,}\n}')
    assert f"{path}:2" in fault(SonataParams(config=path))


def test_a_circuit_of_another_simulator_is_refused(tmp_path):
    circuit = loop(tmp_path)
    circuit.more = {"target_simulator": "NEURON"}
    assert "made for NEURON" in fault(circuit.params())


def test_a_step_is_needed(tmp_path):
    circuit = loop(tmp_path)
    del circuit.run["dt"]
    assert 'mend: add "run": {"dt": 0.1}, or dt to the params' in fault(circuit.params())
    assert len(SonataNetwork.ports(circuit.params(dt=50_000))) == 2


def test_an_end_is_needed_for_a_scenario_of_its_own(tmp_path):
    circuit = loop(tmp_path)
    del circuit.run["tstop"]
    with pytest.raises(CosimError, match="does not say when it ends"):
        scenario_of(circuit.config())


# -- nodes and edges -------------------------------------------------------------------------------------------------------------


def test_nodes_with_a_morphology_want_another_engine(tmp_path):
    circuit = loop(tmp_path)
    rewritten(tmp_path / "cortex_node_types.csv", lambda text: text.replace("point_neuron", "biophysical"))
    assert "nodes of cortex are of model_type biophysical" in "".join(faults(circuit.params()))


def test_nodes_that_a_function_makes_are_refused(tmp_path):
    circuit = loop(tmp_path)
    rewritten(
        tmp_path / "thalamus_node_types.csv", lambda _: "node_type_id model_type model_processing\n5 virtual aibs_perisomatic\n"
    )
    assert any("nodes of thalamus have model_processing" in text for text in faults(circuit.params()))


def test_a_template_without_a_model_is_refused(tmp_path):
    circuit = loop(tmp_path)
    rewritten(tmp_path / "cortex_node_types.csv", lambda text: text.replace("nest:iaf_psc_exp", "nest:hh_psc_alpha"))
    told = fault(circuit.params())
    assert "there is no model for the model_template 'nest:hh_psc_alpha'" in told
    assert "models: {'nest:hh_psc_alpha': ./mine.yaml}" in told


def test_a_parameter_that_here_has_one_value_alone_is_refused_with_another(tmp_path):
    circuit = loop(tmp_path, delta=0.5)
    assert all("iaf_psc_exp has it as 0.0 alone" in text for text in faults(circuit.params()))
    assert len(SonataNetwork.ports(loop(tmp_path / "fine", delta=0.0, tau_minus=30.0).params())) == 2


def test_a_type_that_no_table_has_is_told(tmp_path):
    circuit = loop(tmp_path)
    rewritten(tmp_path / "cortex_node_types.csv", lambda text: text.replace("101 ", "102 "))
    assert "node type 101 of cortex is in no table" in "".join(faults(circuit.params()))


def test_a_row_with_too_few_cells_is_told_with_its_line(tmp_path):
    circuit = loop(tmp_path)
    rewritten(tmp_path / "thalamus_to_cortex_edge_types.csv", lambda text: text + "8\n")
    assert f"{tmp_path / 'thalamus_to_cortex_edge_types.csv'}:3" in fault(circuit.params())


def test_a_weight_function_of_the_authors_own_is_refused(tmp_path):
    circuit = loop(tmp_path)
    (tmp_path / "thalamus_to_cortex_edge_types.csv").write_text("edge_type_id weight_function\n7 DirectionRule\n")
    assert "has the weight_function 'DirectionRule'" in fault(circuit.params())


def test_edges_without_a_weight_are_refused(tmp_path):
    circuit = loop(tmp_path)
    rewritten(tmp_path / "cortex_to_cortex_edge_types.csv", lambda text: text.replace("-90.0", "NULL"))
    assert "edge type 2 of cortex_to_cortex has no weight" in fault(circuit.params())


def test_an_edge_to_a_node_that_is_not_there_is_told_with_its_number(tmp_path):
    circuit = loop(tmp_path)
    with h5py.File(tmp_path / "thalamus_to_cortex_edges.h5", "r+") as file:
        file["edges/thalamus_to_cortex/target_node_id"][17] = 12
    assert "edge 17 of thalamus_to_cortex has target_node_id 12" in fault_of_building(circuit.params())


def test_an_edge_from_a_population_that_is_not_there_is_told(tmp_path):
    circuit = loop(tmp_path)
    with h5py.File(tmp_path / "thalamus_to_cortex_edges.h5", "r+") as file:
        file["edges/thalamus_to_cortex/source_node_id"].attrs["node_population"] = "thalmus"
    assert "mend: did you mean 'thalamus'?" in fault(circuit.params())


def test_datasets_of_different_lengths_are_told(tmp_path):
    circuit = loop(tmp_path)
    with h5py.File(tmp_path / "thalamus_to_cortex_edges.h5", "r+") as file:
        group = file["edges/thalamus_to_cortex"]
        kept = group["target_node_id"][:29], dict(group["target_node_id"].attrs)
        del group["target_node_id"]
        group["target_node_id"] = kept[0]
        group["target_node_id"].attrs.update(kept[1])
    assert "30 types, 29 target_node_id" in fault_of_building(circuit.params())


def test_a_receptor_type_of_a_model_that_goes_by_the_sign_is_refused(tmp_path):
    circuit = loop(tmp_path)
    circuit.component("odd.json", receptor_type=2)
    rewritten(tmp_path / "thalamus_to_cortex_edge_types.csv", lambda _: "edge_type_id dynamics_params\n7 odd.json\n")
    assert "edges onto cortex have receptor_type 2" in fault_of_building(circuit.params())


def test_parameters_that_a_synapse_does_not_have_are_refused(tmp_path):
    circuit = loop(tmp_path)
    circuit.component("stdp.json", tau_plus=20.0)
    rewritten(tmp_path / "thalamus_to_cortex_edge_types.csv", lambda _: "edge_type_id dynamics_params\n7 stdp.json\n")
    assert "stdp.json has 'tau_plus', which static synapses have not" in fault(circuit.params())


# -- what is played in and recorded ------------------------------------------------------------------------------------------------


def test_a_spike_that_is_not_after_0_is_refused(tmp_path):
    circuit = loop(tmp_path).spikes("thalamus", [[0.0, 3.0], [], [], []])
    assert "thalamus_spikes.h5 has spikes at 0 ms" in fault(circuit.params())


def test_a_spike_of_a_node_that_is_not_there_is_refused(tmp_path):
    circuit = loop(tmp_path).spikes("thalamus", [[]] * 4 + [[3.0]])
    assert "has spikes of node 4" in fault(circuit.params())


def test_a_file_of_spikes_of_other_populations_is_refused(tmp_path):
    circuit = loop(tmp_path)
    with h5py.File(tmp_path / "thalamus_spikes.h5", "r+") as file:
        file.move("spikes/thalamus", "spikes/thalamos")
        file.copy("spikes/thalamos", file["spikes"], name="retina")
    assert "did you mean 'thalamos'?" in fault(circuit.params())


@pytest.mark.parametrize(
    ("clamp", "told"),
    [
        ({"amp": 1.0, "delay": 2.05, "duration": 1.0}, "a clamp changes at 2.05 ms"),
        ({"amp": [1.0, 2.0], "delay": [2.0], "duration": [1.0]}, "differ in length"),
        ({"amp": [1.0, 2.0], "delay": [2.0, 2.0], "duration": [1.0, 1.0]}, "do not rise"),
        ({"amp": "large", "delay": 2.0, "duration": 1.0}, "amp of a clamp is 'large'"),
        ({"input_type": "nwb", "file": "sweeps.nwb"}, "a clamp of input_type 'nwb' is not supported"),
        ({"input_type": "csv", "file": "none.csv"}, "file of currents 'none.csv' does not exist"),
    ],
)
def test_a_clamp_that_cannot_be_is_told(tmp_path, clamp, told):
    assert told in fault(loop(tmp_path).clamp("step", "cortex", **clamp).params())


@pytest.mark.parametrize(
    ("report", "told"),
    [
        ({"variable_name": "g_ex"}, "cortex has no variable 'g_ex'"),
        ({"cells": "thalamus"}, "no cell of the report is simulated"),
        ({"module": "extracellular"}, "reports: false"),
        ({"interval": 0.25}, "a row every 0.25 ms"),
        ({"cells": {"layer": 4}}, "no node of cortex, thalamus has 'layer'"),
        ({"cells": {"population": "cortex", "node_id": [3, 12]}}, "there is no node 12"),
    ],
)
def test_a_report_that_cannot_be_is_told(tmp_path, report, told):
    circuit = loop(tmp_path)
    circuit.reports = {"v": {"cells": "cortex", "variable_name": "V_m", "module": "multimeter_report", **report}}
    assert told in fault(circuit.params())


def test_ports_of_one_name_are_refused(tmp_path):
    circuit = loop(tmp_path)
    circuit.reports = {"rate": {"cells": "cortex", "variable_name": "V_m", "module": "multimeter_report"}}
    assert "two ports are called 'rate'" in fault(circuit.params())


def test_what_the_params_name_must_be_there(tmp_path):
    circuit = loop(tmp_path)
    told = faults(circuit.params(linked=["thalams"], groups={"all": "cortx"}, currents={"i": {"to": "thalamus"}}))
    assert any("there is no virtual population 'thalams'\n  mend: did you mean 'thalamus'?" in text for text in told)
    assert any(text.startswith("params.groups.all: there is no node set 'cortx'") for text in told)
    assert any(text.startswith("params.currents.i.to: no node of the set is simulated") for text in told)


def test_a_file_that_is_not_hdf5_is_told(tmp_path):
    circuit = loop(tmp_path)
    (tmp_path / "cortex_nodes.h5").write_text("x y z")
    assert any("cortex_nodes.h5 is no HDF5 file" in text for text in faults(circuit.params()))


def test_a_circuit_without_neurons_is_refused(tmp_path):
    circuit = Circuit(tmp_path).nodes("thalamus", [{"node_type_id": 1, "model_type": "virtual"}], [1])
    assert "all nodes of the circuit are virtual" in fault(circuit.params())


def test_parameters_of_nodes_that_are_not_finite_are_refused(tmp_path):
    circuit = loop(tmp_path)
    with h5py.File(tmp_path / "cortex_nodes.h5", "r+") as file:
        file["nodes/cortex/0/dynamics_params/I_e"] = np.full(12, np.nan)
    assert "I_e is not finite" in fault(circuit.params())
