"""Small circuits in files of SONATA, written here with h5py, as bmtk's builder lays them out."""

from __future__ import annotations

import json

import h5py
import numpy as np

from cosim.sdk import Setup, Window
from cosim.sdk.time import NS_PER_MS
from engines.point_neurons import Network
from engines.sonata_network import SonataNetwork, SonataParams

STOP_MS = 60.0


class Circuit:
    """A folder with a circuit; files are added one by one, ``config`` ties them together.

    Parameters
    ----------
    folder
        Where it is.
    """

    def __init__(self, folder):
        self.folder, self.nodes_files, self.edges_files = folder, [], []
        self.inputs, self.reports, self.more = {}, {}, {}
        self.run = {"tstop": 100.0, "dt": 0.1}
        (folder / "components").mkdir(parents=True, exist_ok=True)

    def component(self, name, **values):
        (self.folder / "components" / name).write_text(json.dumps(values))
        return name

    def table(self, name, rows):
        keys = list(dict.fromkeys(key for row in rows for key in row))
        lines = [" ".join(keys), *(" ".join(str(row.get(key, "NULL")) for key in keys) for row in rows)]
        (self.folder / name).write_text("\n".join(lines) + "\n")
        return name

    def nodes(self, name, types, type_ids, ids=None, columns=None, parameters=None):
        """A population; ``columns`` and ``parameters`` are of the nodes themselves."""
        count, file = len(type_ids), f"{name}_nodes.h5"
        with h5py.File(self.folder / file, "w") as h5:
            group = h5.create_group(f"nodes/{name}")
            group["node_type_id"] = np.array(type_ids, np.uint64)
            group["node_id"] = np.arange(count) if ids is None else np.array(ids)
            self._members(group, "node", count, columns, parameters)
        table = self.table(f"{name}_node_types.csv", types)
        self.nodes_files.append({"nodes_file": f"$BASE_DIR/{file}", "node_types_file": f"$BASE_DIR/{table}"})
        return self

    def edges(self, source, target, pairs, types, type_ids=None, columns=None, parameters=None):
        """A population, called as those that it joins; one type unless ``type_ids`` says more."""
        name, count = f"{source}_to_{target}", len(pairs)
        ids = np.full(count, types[0]["edge_type_id"]) if type_ids is None else np.array(type_ids)
        with h5py.File(self.folder / f"{name}_edges.h5", "w") as h5:
            group = h5.create_group(f"edges/{name}")
            group["edge_type_id"] = ids.astype(np.uint64)
            for key, population, column in (("source", source, 0), ("target", target, 1)):
                group[f"{key}_node_id"] = np.array(pairs, np.uint64).reshape(-1, 2)[:, column]
                group[f"{key}_node_id"].attrs["node_population"] = population
            self._members(group, "edge", count, columns, parameters)
        table = self.table(f"{name}_edge_types.csv", types)
        self.edges_files.append({"edges_file": f"$BASE_DIR/{name}_edges.h5", "edge_types_file": f"$BASE_DIR/{table}"})
        return self

    def _members(self, group, kind, count, columns, parameters):
        group[f"{kind}_group_id"] = np.zeros(count, np.uint32)
        group[f"{kind}_group_index"] = np.arange(count, dtype=np.uint64)
        own = group.create_group("0")
        for key, values in (columns or {}).items():
            own[key] = values
        for key, values in (parameters or {}).items():
            own[f"dynamics_params/{key}"] = values

    def spikes(self, name, trains, file=None, **more):
        """What the nodes of a virtual population fire, ms, from a list each."""
        file = file or f"{name}_spikes.h5"
        with h5py.File(self.folder / file, "w") as h5:
            group = h5.create_group(f"spikes/{name}")
            group["timestamps"] = np.array([time for train in trains for time in train], float)
            group["node_ids"] = np.repeat(np.arange(len(trains)), [len(train) for train in trains])
        self.inputs[name] = {"input_type": "spikes", "module": "sonata", "input_file": f"$BASE_DIR/{file}", "node_set": name} | more
        return self

    def clamp(self, name, node_set, **more):
        self.inputs[name] = {"input_type": "current_clamp", "module": "IClamp", "node_set": node_set} | more
        return self

    def config(self):
        """Write both configurations; gives the path of the simulation's."""
        manifest = {"$BASE_DIR": "${configdir}"}
        networks = {"nodes": self.nodes_files, "edges": self.edges_files}
        components = {"point_neuron_models_dir": "$BASE_DIR/components", "synaptic_models_dir": "$BASE_DIR/components"}
        circuit = {"manifest": manifest, "components": components, "networks": networks}
        simulation = {
            "manifest": manifest,
            "run": self.run,
            "inputs": self.inputs,
            "reports": self.reports,
            "network": "circuit.json",
        }
        simulation |= {"target_simulator": "NEST", **self.more}
        (self.folder / "circuit.json").write_text(json.dumps(circuit))
        (self.folder / "simulation.json").write_text(json.dumps(simulation))
        return self.folder / "simulation.json"

    def params(self, **more):
        return SonataParams(config=self.config(), **more)


def loop(folder, model="iaf_psc_exp", **parameters):
    """Twelve neurons, nine of which excite and three inhibit, played to by four virtual nodes; weights and delays of all kinds."""
    circuit = Circuit(folder)
    circuit.component("exc.json", I_e=300.0, **parameters)
    circuit.component("inh.json", tau_m=8.0, V_reset=-65.0, I_e=350.0, **parameters)
    neuron = {"model_type": "point_neuron", "model_template": f"nest:{model}"}
    types = [
        {"node_type_id": 100, **neuron, "dynamics_params": "exc.json", "ei": "e"},
        {"node_type_id": 101, **neuron, "dynamics_params": "inh.json", "ei": "i"},
    ]
    rng = np.random.default_rng(4)
    circuit.nodes("cortex", types, [100] * 9 + [101] * 3)
    circuit.nodes("thalamus", [{"node_type_id": 5, "model_type": "virtual"}], [5] * 4)
    pairs = rng.integers(0, 12, (60, 2))
    synapse = {"model_template": "static_synapse"}
    inner = [
        {"edge_type_id": 1, **synapse, "syn_weight": 60.0, "delay": 1.5},
        {"edge_type_id": 2, **synapse, "syn_weight": -90.0, "delay": 0.8},
    ]
    circuit.edges("cortex", "cortex", pairs, inner, np.where(pairs[:, 0] < 9, 1, 2), {"nsyns": rng.integers(1, 4, 60)})
    outer = {"syn_weight": rng.uniform(50, 200, 30), "delay": rng.integers(3, 30, 30) / 10}
    circuit.edges(
        "thalamus",
        "cortex",
        np.stack([rng.integers(0, 4, 30), rng.integers(0, 12, 30)], 1),
        [{"edge_type_id": 7, **synapse}],
        columns=outer,
    )
    circuit.spikes("thalamus", [np.sort(rng.uniform(0.5, 95.0, 25)).tolist() for _ in range(4)])
    return circuit


def play(params, stop_ms=100.0, window_ms=None):
    """Times in ms and channels of the spikes, and the last payloads, of a run without inputs."""
    window_ms = window_ms or stop_ms
    engine = SonataNetwork(params, Setup("sonata", round(window_ms * NS_PER_MS), 1))
    times, channels, out = [], [], {}
    for k in range(round(stop_ms / window_ms)):
        out = engine.advance(Window(*(round(edge * window_ms * NS_PER_MS) for edge in (k, k + 1))), {})
        times.append(out["spikes"].times_ns / NS_PER_MS)
        channels.append(out["spikes"].channels)
    return np.concatenate(times), np.concatenate(channels), out


def network(**more):
    """Draws of all kinds: parameters, positions, partners, weights, delays."""
    populations = {
        "L2/3E": {
            "model": "iaf_psc_exp",
            "size": 40,
            "parameters": {"I_e": "450 pA", "V_th": {"normal": ["-56 mV", "1 mV"]}},
            "initial": {"V": {"uniform": ["-70 mV", "-60 mV"]}},
            "extent": ["100 um", "100 um", "50 um"],
        },
        "L2/3I": {"model": "iaf_psc_exp", "size": 10, "parameters": {"tau_m": "8 ms", "I_e": "480 pA", "V_th": "-57 mV"}},
        "played": {"model": "spike_generator", "size": 2, "times": [["3 ms", "20.05 ms"], ["7.123456 ms"]]},
    }
    projections = {
        "ee": {
            "from": "L2/3E", "to": "L2/3E", "rule": "fixed_indegree", "indegree": 5, "autapses": False,
            "weight": {"normal": ["60 pA", "6 pA"], "low": "0 pA"}, "delay": {"uniform": ["0.3 ms", "2 ms"]},
        },
        "ei": {"from": "L2/3E", "to": "L2/3I", "rule": "bernoulli", "probability": 0.2, "weight": "50 pA", "delay": "1.2 ms"},
        "ie": {"from": "L2/3I", "to": "L2/3E", "rule": "all_to_all", "weight": "-20 pA", "delay": "0.7 ms"},
        "pe": {"from": "played", "to": "L2/3E", "rule": "all_to_all", "weight": "400 pA", "delay": "1 ms"},
    }  # fmt: skip
    return Network.model_validate({"dt": "0.1 ms", "populations": populations, "projections": projections, "seed": 11} | more)
