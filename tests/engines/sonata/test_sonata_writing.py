import json

import h5py
import numpy as np
import pytest
from sonata_files import STOP_MS, loop, network

import cosim
from cosim.sdk import CosimError, Setup, Window
from cosim.sdk.time import NS_PER_MS
from engines.point_neurons import Network, PointNeurons
from engines.sonata_network import SonataNetwork, SonataParams, read_spikes, spikes_to_sonata, write, write_sonata, write_spikes
from engines.sonata_network.circuit import read_circuit
from engines.sonata_network.network import network_of
from engines.sonata_network.realised import Realised
from engines.sonata_network.synapses import with_synapses


def spikes_of(engine):
    window = Window(0, round(STOP_MS * NS_PER_MS))
    return engine.advance(window, {})["spikes"]


@pytest.mark.parametrize("most_types", [1000, 10])
def test_what_is_written_and_read_back_spikes_the_same(tmp_path, monkeypatch, most_types):
    """Be the parameters of the neurons those of a type each, or of their own."""
    monkeypatch.setattr(write, "MOST_TYPES", most_types)
    made, setup = network(), Setup("made", round(STOP_MS * NS_PER_MS), 1)
    config = write_sonata(made, tmp_path / "circuit", stop_ms=STOP_MS)
    ours, theirs = spikes_of(PointNeurons(made, setup)), spikes_of(SonataNetwork(SonataParams(config=config), setup))
    kept = ours.channels < 50
    assert kept.sum() > 100
    assert np.array_equal(ours.times_ns[kept], theirs.times_ns)
    assert np.array_equal(ours.channels[kept], theirs.channels)


def test_what_is_written_and_read_back_has_the_same_synapses(tmp_path):
    made = network()
    params = SonataParams(config=write_sonata(made, tmp_path, stop_ms=STOP_MS))
    circuit = read_circuit(params)
    read, listed = with_synapses(network_of(circuit, params)[0], circuit)
    names = {"L2/3E": "L2_3E", "L2/3I": "L2_3I", "played": "played"}
    realised = Realised(made, 11)
    assert len(read.projections) == 4
    for name, projection in made.projections.items():
        back, synapses, found = read.projections[name], realised.synapses(name), listed[name]
        assert (back.source, back.target) == (names[projection.source], names[projection.target])
        assert np.array_equal(synapses.source, found.source)
        assert np.array_equal(synapses.target, found.target)
        assert synapses.weight == pytest.approx(np.broadcast_to(found.weight, len(found)), rel=1e-15)
        assert synapses.delay_ms == pytest.approx(np.broadcast_to(found.delay_ms, len(found)), rel=1e-15)
    assert len(listed["ee"]) == 200
    assert np.array_equal(circuit.populations["L2_3E"].positions(), realised.positions("L2/3E"))


def test_inhibitory_conductances_are_written_as_weights_below_0(tmp_path):
    """As NEST's models have them."""
    populations = {name: {"model": "iaf_cond_exp", "size": 3} for name in "ab"}
    common = {"from": "a", "to": "b", "rule": "one_to_one", "delay": "1 ms"}
    projections = {
        "up": {**common, "weight": "2 nS"},
        "down": {**common, "weight": "5 nS", "receptor": "inhibitory"},
        "all": {**common, "rule": "all_to_all", "weight": "0.5 nS", "receptor": "inhibitory"},
    }
    params = SonataParams(
        config=write_sonata(Network.model_validate({"populations": populations, "projections": projections}), tmp_path)
    )
    rows = {name: (tmp_path / f"network/{name}_edge_types.csv").read_text().splitlines()[1].split() for name in projections}
    assert {name: float(row[-2]) for name, row in rows.items()} == {"up": 2.0, "down": -5.0, "all": -0.5}
    circuit = read_circuit(params)
    read, listed = with_synapses(network_of(circuit, params)[0], circuit)
    found = {name: (read.projections[name].receptor, edges.weight, len(edges)) for name, edges in listed.items()}
    assert found == {"up": ("excitatory", 2.0, 3), "down": ("inhibitory", 5.0, 3), "all": ("inhibitory", 0.5, 9)}


def test_inputs_of_spikes_are_virtual_populations_without_spikes(tmp_path):
    more = {"inputs": {"outside": {"kind": "spikes", "size": 3}}}
    projection = {"from": "outside", "to": "L2/3I", "rule": "all_to_all", "weight": "10 pA", "delay": "2 ms"}
    made = network(**more, projections={"in": projection})
    config = write_sonata(made, tmp_path)
    ports = SonataNetwork.ports(SonataParams(config=config, linked=["outside"]))
    assert [(port.name, len(port.space)) for port in ports if port.direction == "in"] == [("outside", 3)]


def test_files_say_that_they_are_sonata(tmp_path):
    write_sonata(network(), tmp_path, stop_ms=STOP_MS)
    for path in (*tmp_path.glob("network/*.h5"), *tmp_path.glob("inputs/*.h5")):
        with h5py.File(path) as file:
            assert (file.attrs["magic"], file.attrs["version"].tolist()) == (0x0A7A, [0, 1])
    assert json.loads((tmp_path / "simulation_config.json").read_text())["run"] == {"tstop": STOP_MS, "dt": 0.1}
    assert json.loads((tmp_path / "components/L2_3I.json").read_text()) == {
        "C_m": 250.0, "tau_m": 8.0, "E_L": -70.0, "V_th": -57.0, "V_reset": -70.0, "t_ref": 2.0, "I_e": 480.0,
        "tau_syn_ex": 2.0, "tau_syn_in": 2.0, "V_m": -70.0,
    }  # fmt: skip


def test_what_sonata_has_no_word_for_is_told_all_at_once(tmp_path):
    populations = {
        "q": {"model": "qif", "size": 3},
        "noisy": {"model": "iaf_psc_exp", "size": 3, "poisson": {"p": {"rate": "10 Hz", "weight": "5 pA"}}},
    }
    made = Network.model_validate({"populations": populations, "inputs": {"i": {"kind": "drive", "to": "noisy"}}})
    with pytest.raises(CosimError) as caught:
        write_sonata(made, tmp_path / "nothing")
    told = [str(fault) for fault in caught.value.faults]
    assert told[0].startswith("params.populations.q: qif is none of the models that are written")
    assert told[1].startswith("params.populations.noisy: SONATA has no word for Poisson background")
    assert told[2].startswith("params.inputs.i: SONATA has no word for an input of kind drive")
    assert not (tmp_path / "nothing").exists()


def test_names_that_would_be_one_file_are_refused(tmp_path):
    populations = {name: {"model": "iaf_psc_exp", "size": 1} for name in ("a/b", "a_b")}
    with pytest.raises(CosimError, match="a/b and a_b would be one file"):
        write_sonata(Network.model_validate({"populations": populations}), tmp_path)


# -- spikes of a run -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path):
    circuit = loop(tmp_path / "circuit")
    use = f"{SonataNetwork.__module__}:SonataNetwork"
    engine = {
        "use": use,
        "window": "20 ms",
        "params": {"config": str(circuit.config()), "groups": {"e": {"ei": "e"}, "i": {"ei": "i"}}},
    }
    scenario = {"cosim": 1, "about": {"name": "loop"}, "clock": {"stop": "100 ms"}, "engines": {"net": engine}}
    return cosim.run({**scenario, "record": {"streams": ["net.spikes"]}}, out=tmp_path / "run", transport="inline")


def test_spikes_of_a_run_are_written_by_group(run, tmp_path):
    train = run.spikes("net.spikes")
    spikes_to_sonata(train, tmp_path / "spikes.h5")
    for name, first in (("e", 0), ("i", 9)):
        times, nodes = read_spikes(tmp_path / "spikes.h5", name)
        assert len(times) > 10
        assert np.array_equal(times, train.of(name).times_ms)
        assert np.array_equal(nodes, train.of(name).channels - first)
    with h5py.File(tmp_path / "spikes.h5") as file:
        assert file["spikes/e"].attrs["sorting"] == "by_time"
        assert file["spikes/e/timestamps"].attrs["units"] == "milliseconds"
        assert file["spikes/e/node_ids"].dtype == np.uint64


def test_the_file_of_a_run_is_itself_one_of_sonata(run):
    """Its population is called as the stream, and its nodes are the channels."""
    times, nodes = read_spikes(run.file, "net.spikes")
    assert np.array_equal(times, run.spikes("net.spikes").times_ms)
    assert np.array_equal(nodes, run.spikes("net.spikes").channels)


def test_spikes_that_were_written_may_be_played(run, tmp_path):
    """A file of one population will do for any."""
    train = run.spikes("net.spikes")
    write_spikes(tmp_path / "some.h5", {"e": (train.times_ms, train.channels % 4)})
    circuit = loop(tmp_path / "other")
    circuit.inputs["thalamus"]["input_file"] = str(tmp_path / "some.h5")
    played = read_circuit(circuit.params()).trains["thalamus"]
    for node in range(4):
        assert np.array_equal(played[node], train.times_ms[train.channels % 4 == node])


def test_channels_of_two_groups_cannot_be_written(run, tmp_path):
    train = run.spikes("net.spikes")
    train.groups["also"] = np.array([0, 9])
    with pytest.raises(CosimError, match="share channels"):
        spikes_to_sonata(train, tmp_path / "spikes.h5")


def test_spikes_of_a_run_are_trains_of_neo(run):
    pytest.importorskip("neo")
    trains = run.spikes("net.spikes").to_neo()
    assert [train.name for train in trains][9:11] == ["cortex[9]", "cortex[10]"]
    assert sum(map(len, trains)) == len(run.spikes("net.spikes").times_ms)
