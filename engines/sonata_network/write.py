"""Networks of the point-neuron engine written as SONATA, so that PointNet, NEST and this package can read them.

    circuit_config.json, simulation_config.json    what bmtk and NEST's SonataNetwork start from
    network/NAME_nodes.h5, NAME_node_types.csv     a population each
    network/NAME_edges.h5, NAME_edge_types.csv     a projection each
    components/NAME.json, NAME_0.json, …           parameters of types, by NEST's names
    inputs/NAME.h5                                 spikes of generators

Neurons whose parameters differ are of types of their own, up to ``MOST_TYPES``; beyond, their parameters stand in nodes.h5, where
SONATA has a place for them but PointNet 1.2 and NEST 3.10 do not look.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.point_neurons.check import check
from engines.point_neurons.connections.projections import groups_of
from engines.point_neurons.params import Generator, Network, Population, SpikesInput
from engines.sonata_network.faults import Faults
from engines.sonata_network.files import mark
from engines.sonata_network.listed import edges_for
from engines.sonata_network.realised import Floats, Realised, Synapse
from engines.sonata_network.spikes import write_spikes
from engines.sonata_network.templates import TEMPLATES, Template

MOST_TYPES = 1000
_SYNAPSE = "static_synapse.json"
"""Without parameters, but PointNet wants a file."""


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
    check(network, edges_for(network))
    _refuse(network)
    names = _names(network)
    made, folder = Realised(network, seed if network.seed is None else network.seed), Path(folder)
    for kind in ("network", "components", "inputs"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    (folder / "components" / _SYNAPSE).write_text("{}\n", encoding="utf-8")
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
    for name, projection in network.projections.items():
        if getattr(projection, "plasticity", None) is not None:
            faults.add("plastic synapses are not written", f"params.projections.{name}.plasticity")
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
        if template.file == population.model and not template.arrays:
            known = {*map(template.own, template.parameters)}
            if foreign := sorted({*population.parameters} - known):
                raise CosimError(f"NEST's {name} has no {foreign[0]}", mend=f"leave {foreign[0]} out")
            return name, template
    written = ", ".join(name for name, template in TEMPLATES.items() if not template.arrays)
    raise CosimError(f"{population.model.stem} is none of the models that are written", why=f"those are NEST's {written}")


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

    types, type_ids, own = [dict[str, Any]()], np.zeros(size, np.uint64), dict[str, Any]()
    rows: list[dict[str, Any]] = [{"node_type_id": 0, "model_type": "virtual"}]
    if isinstance(item, Population):
        types, type_ids, own = _types(made.parameters(key), size)
        model = {"model_type": "point_neuron", "model_template": f"nest:{template_for(item)[0]}"}
        files = [f"{name}.json" if len(types) == 1 else f"{name}_{number}.json" for number in range(len(types))]
        rows = [{"node_type_id": number, **model, "dynamics_params": file} for number, file in enumerate(files)]
        for file, values in zip(files, types, strict=True):
            (folder / "components" / file).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    _write_table(folder / "network" / f"{name}_node_types.csv", rows)
    with h5py.File(folder / "network" / f"{name}_nodes.h5", "w") as h5:
        mark(h5)
        group = _members(h5, "node", name, type_ids)
        group["node_id"] = np.arange(size, dtype=np.uint64)
        for axis, column in zip("xyz", np.transpose(made.positions(key)), strict=False):
            group[f"0/{axis}"] = column
        for symbol, column in own.items():
            group[f"0/dynamics_params/{symbol}"] = column


def _types(given: dict[str, float | Floats], size: int) -> tuple[list[dict[str, Any]], NDArray[np.uint64], dict[str, Floats]]:
    """Parameters of each type of nodes, (size,) which type each node is, and parameters that nodes have of their own."""
    common = {symbol: value for symbol, value in given.items() if not isinstance(value, np.ndarray)}
    own = {symbol: value for symbol, value in given.items() if isinstance(value, np.ndarray)}
    if not own:
        return [common], np.zeros(size, np.uint64), {}
    sets, numbers = np.unique(np.stack(list(own.values()), axis=1), axis=0, return_inverse=True)
    if len(sets) > MOST_TYPES:
        return [common], np.zeros(size, np.uint64), own
    return [common | dict(zip(own, row, strict=True)) for row in sets.tolist()], numbers.reshape(-1).astype(np.uint64), {}


def _write_edges(folder: Path, name: str, synapses: Synapse, source: str, target: str) -> None:
    import h5py

    values = {"syn_weight": synapses.weight, "delay": synapses.delay_ms}
    same = {key: float(column[0]) for key, column in values.items() if len(column) and (column == column[0]).all()}
    row: dict[str, Any] = {"edge_type_id": 0, "target_query": "*", "source_query": "*", "model_template": "static_synapse"}
    row["dynamics_params"] = _SYNAPSE
    _write_table(folder / "network" / f"{name}_edge_types.csv", [row | same])
    with h5py.File(folder / "network" / f"{name}_edges.h5", "w") as file:
        mark(file)
        group = _members(file, "edge", name, np.zeros(len(synapses.source), np.uint64))
        for key, ids, population in (("source", synapses.source, source), ("target", synapses.target, target)):
            group[f"{key}_node_id"] = ids.astype(np.uint64)
            group[f"{key}_node_id"].attrs["node_population"] = population
        for key, column in values.items():
            if key not in same:
                group[f"0/{key}"] = column


def _members(file: Any, kind: str, name: str, type_ids: NDArray[np.uint64]) -> Any:
    """A population, all in group 0."""
    group = file.create_group(f"{kind}s/{name}")
    group.create_group("0")
    group[f"{kind}_type_id"] = type_ids
    group[f"{kind}_group_id"] = np.zeros(len(type_ids), np.uint64)
    group[f"{kind}_group_index"] = np.arange(len(type_ids), dtype=np.uint64)
    return group


def _write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    lines = [" ".join(rows[0]), *(" ".join(map(str, row.values())) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


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
