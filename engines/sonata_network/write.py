"""Networks of the point-neuron engine written as SONATA, so that PointNet, NEST and this package can read them.

    circuit_config.json, simulation_config.json    what bmtk and NEST's SonataNetwork start from
    network/NAME_nodes.h5, NAME_node_types.csv     a population each
    network/NAME_edges.h5, NAME_edge_types.csv     a projection each
    components/NAME.json                           parameters, by NEST's names
    inputs/NAME.h5                                 spikes of generators

Parameters that neurons have of their own stand in nodes.h5, as SONATA has it; PointNet 1.2 and NEST 3.10 read only those of types.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from cosim.sdk import CosimError
from engines.point_neurons.check import check
from engines.point_neurons.description import shipped
from engines.point_neurons.params import Generator, Network, Population, SpikesInput
from engines.point_neurons.projections import groups_of
from engines.sonata_network.faults import Faults
from engines.sonata_network.files import mark
from engines.sonata_network.realised import Realised, Synapse
from engines.sonata_network.spikes import write_spikes
from engines.sonata_network.templates import TEMPLATES, Template


def write_sonata(network: Network, folder: Path | str, stop_ms: float = 1000.0, seed: int = 0) -> Path:
    """Write a network as files of SONATA; gives the path of its simulation_config.json.

    Random draws of parameters, positions and connections are made now: what is written is one network. Spike inputs become virtual
    populations without spikes; who reads the files says where theirs come from.

    Parameters
    ----------
    folder
        Made where it is missing; files in it are overwritten.
    stop_ms
        How long the simulation is to be.
    seed
        Of the draws, where the network has none of its own: the engine's seed in a run (``run.provenance``) for the same draws.

    Raises
    ------
    CosimError
        Something that SONATA has no word for; a ScenarioError with all of it where there is more.
    """
    check(network)
    _refuse(network)
    names = _names(network)
    made, folder = Realised(network, seed if network.seed is None else network.seed), Path(folder)
    for kind in ("network", "components", "inputs"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for name, size in groups_of(network).items():
        _write_nodes(folder, names[name], network.populations.get(name), size, made, name)
    for name, projection in network.projections.items():
        _write_edges(folder, names[name], made.synapses(name), names[projection.source], names[projection.target])
    played = {names[name]: made.trains(name) for name, item in network.populations.items() if isinstance(item, Generator)}
    for name, trains in played.items():
        write_spikes(folder / "inputs" / f"{name}.h5", {name: trains})
    return _write_configurations(folder, network, names, [*played], stop_ms)


# -- what cannot be written ----------------------------------------------------------------------------------------------------


def _refuse(network: Network) -> None:
    faults = Faults()
    for name, item in network.populations.items():
        where = f"params.populations.{name}"
        if isinstance(item, Population):
            faults.collect(where, template_for, item)
            if item.poisson:
                faults.add("SONATA has no word for Poisson background", where, mend="write it as a spike_generator")
        if getattr(item, "initial_rate", 0.0):
            faults.add("SONATA has no word for an initial_rate", where)
    for name, port in network.inputs.items():
        if not isinstance(port, SpikesInput):
            faults.add(
                f"SONATA has no word for an input of kind {port.kind}", f"params.inputs.{name}", mend="inputs of spikes are written"
            )
    faults.raise_all()


def template_for(population: Population) -> tuple[str, Template]:
    """Name and template of NEST's model that a population is of.

    Raises
    ------
    CosimError
        NEST has none that is the same.
    """
    for name, template in TEMPLATES.items():
        if shipped().get(template.model) == population.model:
            known = {*map(template.own, template.parameters)}
            if foreign := sorted({*population.parameters} - known):
                raise CosimError(f"NEST's {name} has no {foreign[0]}", mend=f"leave {foreign[0]} out")
            return name, template
    mend = f"use one of {', '.join(TEMPLATES)}"
    raise CosimError(f"NEST has no model that is {population.model.stem}", why="SONATA names models as NEST does", mend=mend)


def _names(network: Network) -> dict[str, str]:
    """Names of populations and projections as those of files and groups of HDF5."""
    found = {name: re.sub(r"[^\w.-]", "_", name) for name in (*groups_of(network), *network.projections)}
    doubles = [name for name in found if sum(found[name].lower() == other.lower() for other in found.values()) > 1]
    if doubles:
        why = "SONATA keeps populations of nodes and of edges in files of their names"
        raise CosimError(f"{' and '.join(doubles[:2])} would be one file", why=why, mend="rename one")
    return found


# -- files -------------------------------------------------------------------------------------------------------------------------


def _write_nodes(folder: Path, name: str, item: Any, size: int, made: Realised, key: str) -> None:
    import h5py

    row: dict[str, Any] = {"node_type_id": 0, "model_type": "virtual"}
    own: dict[str, Any] = {}
    if isinstance(item, Population):
        template, values = template_for(item)[0], made.parameters(key)
        common = {symbol: float(value) for symbol, value in values.items() if np.ndim(value) == 0}
        own = {symbol: value for symbol, value in values.items() if np.ndim(value)}
        (folder / "components" / f"{name}.json").write_text(json.dumps(common, indent=2) + "\n", encoding="utf-8")
        row |= {"model_type": "point_neuron", "model_template": f"nest:{template}", "dynamics_params": f"{name}.json"}
    _write_table(folder / "network" / f"{name}_node_types.csv", row)
    with h5py.File(folder / "network" / f"{name}_nodes.h5", "w") as file:
        mark(file)
        group = _members(file, "node", name, size)
        group["node_id"] = np.arange(size, dtype=np.uint64)
        for axis, values in zip("xyz", np.transpose(made.positions(key)), strict=False):
            group[f"0/{axis}"] = values
        for symbol, values in own.items():
            group[f"0/dynamics_params/{symbol}"] = values


def _write_edges(folder: Path, name: str, synapses: Synapse, source: str, target: str) -> None:
    import h5py

    values = {"syn_weight": synapses.weight, "delay": synapses.delay_ms}
    same = {key: float(column[0]) for key, column in values.items() if len(column) and (column == column[0]).all()}
    row = {"edge_type_id": 0, "target_query": "*", "source_query": "*", "model_template": "static_synapse"}
    _write_table(folder / "network" / f"{name}_edge_types.csv", row | same)
    with h5py.File(folder / "network" / f"{name}_edges.h5", "w") as file:
        mark(file)
        group = _members(file, "edge", name, len(synapses.source))
        for key, ids, population in (("source", synapses.source, source), ("target", synapses.target, target)):
            group[f"{key}_node_id"] = ids.astype(np.uint64)
            group[f"{key}_node_id"].attrs["node_population"] = population
        for key, column in values.items():
            if key not in same:
                group[f"0/{key}"] = column


def _members(file: Any, kind: str, name: str, count: int) -> Any:
    """A population of ``count`` members of type 0, all in group 0."""
    group = file.create_group(f"{kind}s/{name}")
    group.create_group("0")
    group[f"{kind}_type_id"] = np.zeros(count, np.uint64)
    group[f"{kind}_group_id"] = np.zeros(count, np.uint64)
    group[f"{kind}_group_index"] = np.arange(count, dtype=np.uint64)
    return group


def _write_table(path: Path, row: dict[str, Any]) -> None:
    path.write_text(f"{' '.join(row)}\n{' '.join(map(str, row.values()))}\n", encoding="utf-8")


def _write_configurations(folder: Path, network: Network, names: dict[str, str], played: list[str], stop_ms: float) -> Path:
    manifest = {"$BASE_DIR": "${configdir}"} | {
        f"${kind.upper()}_DIR": f"$BASE_DIR/{kind}" for kind in ("network", "components", "inputs")
    }

    def files(kind: str, of: list[str]) -> list[dict[str, str]]:
        return [
            {f"{kind}s_file": f"$NETWORK_DIR/{name}_{kind}s.h5", f"{kind}_types_file": f"$NETWORK_DIR/{name}_{kind}_types.csv"}
            for name in of
        ]

    nodes, edges = [names[name] for name in groups_of(network)], [names[name] for name in network.projections]
    components = {"point_neuron_models_dir": "$COMPONENTS_DIR", "synaptic_models_dir": "$COMPONENTS_DIR"}
    circuit = {
        "manifest": manifest,
        "target_simulator": "NEST",
        "components": components,
        "networks": {"nodes": files("node", nodes), "edges": files("edge", edges)},
    }
    spikes = {"input_type": "spikes", "module": "sonata"}
    simulation = {
        "manifest": manifest | {"$OUTPUT_DIR": "$BASE_DIR/output"},
        "target_simulator": "NEST",
        "network": "circuit_config.json",
        "run": {"tstop": stop_ms, "dt": network.dt / 1e6},
        "inputs": {name: spikes | {"input_file": f"$INPUTS_DIR/{name}.h5", "node_set": name} for name in played},
        "output": {"output_dir": "$OUTPUT_DIR", "log_file": "log.txt", "spikes_file": "spikes.h5", "overwrite_output_dir": True},
    }
    for name, config in (("circuit_config.json", circuit), ("simulation_config.json", simulation)):
        (folder / name).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return folder / "simulation_config.json"
