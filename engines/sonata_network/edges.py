"""Populations of edges: who is connected to whom, with what weight and delay."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, did_you_mean
from engines.sonata_network.config import Config
from engines.sonata_network.edge_types import PLASTICITY, checked_types
from engines.sonata_network.faults import Faults
from engines.sonata_network.files import dataset, files_of, open_file, populations_in
from engines.sonata_network.members import own_parameters, read_members
from engines.sonata_network.nodes import Nodes
from engines.sonata_network.tables import TypeTable

DEFAULT_DELAY_MS = 1.0
"""NEST's, which PointNet leaves where neither edges nor their types say one."""
_ENDS = ("source", "target")


@dataclass(frozen=True)
class Connections:
    """Synapses, E of them.

    Attributes
    ----------
    source, target
        (E,) int64 rows in their populations.
    weight
        (E,) float64 as NEST takes it, all synapses of the edge together.
    delay_ms
        (E,) float64.
    receptor
        (E,) int64: NEST's ``receptor_type``, 0 where the sign of the weight tells.
    plasticity
        (E,) int64: which of ``rules`` changes the weight, -1 where none does.
    rules
        Parameters of NEST's stdp_synapse.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    weight: NDArray[np.float64]
    delay_ms: NDArray[np.float64]
    receptor: NDArray[np.int64]
    plasticity: NDArray[np.int64]
    rules: list[dict[str, float]]


@dataclass(frozen=True)
class Edges:
    """A population of edges, whose connections are yet to be read.

    Attributes
    ----------
    name, source, target
        Of the population, and of those of nodes that it connects.
    """

    name: str
    path: Path
    source: str
    target: str
    types: dict[int, dict[str, Any]]

    def read(self, source: Nodes, target: Nodes) -> Connections:
        """All connections.

        Raises
        ------
        CosimError
            An edge names a node that is not there, or has no weight.
        """
        with open_file(self.path) as file:
            group = file[f"edges/{self.name}"]
            members = read_members(self.name, self.path, group, "edge", self.types)
            ids = {key: dataset(group, f"{key}_node_id", self.path) for key in _ENDS}
        rows = {key: self._rows(key, nodes, ids[key], len(members)) for key, nodes in zip(_ENDS, (source, target), strict=True)}
        weight = members.numbers("syn_weight") * members.numbers("nsyns", 1.0)
        if len(bad := np.flatnonzero(~np.isfinite(weight))):
            raise CosimError(
                f"{len(bad)} of {len(weight)} edges of {self.name} have no weight",
                where=str(self.path),
                why=f"the first is edge {bad[0]}, of type {members.type_ids[bad[0]]}",
                mend="give syn_weight to all edges, or to their types",
            )
        delay, receptor = members.numbers("delay", DEFAULT_DELAY_MS), members.numbers("receptor_type", 0.0)
        plasticity, rules = self._plasticity(members.type_ids)
        return Connections(rows["source"], rows["target"], weight, delay, receptor.astype(np.int64), plasticity, rules)

    def _plasticity(self, type_ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[dict[str, float]]]:
        found, rules = np.full(len(type_ids), -1), list[dict[str, float]]()
        for number, row in self.types.items():
            if (rule := row.get(PLASTICITY)) is not None:
                rules += [] if rule in rules else [rule]
                found[type_ids == number] = rules.index(rule)
        return found, rules

    def _rows(self, key: str, nodes: Nodes, ids: NDArray[Any], count: int) -> NDArray[np.int64]:
        if len(ids) != count:
            why = f"{count} types, {len(ids)} {key}_node_id"
            raise CosimError(f"datasets of {self.name} differ in length", where=str(self.path), why=why)
        rows = nodes.rows(ids)
        if len(bad := np.flatnonzero(rows < 0)):
            why = f"{nodes.name} has {len(nodes)} nodes, none of that number; {len(bad)} edges name one that is not there"
            raise CosimError(f"edge {bad[0]} of {self.name} has {key}_node_id {ids[bad[0]]}", where=str(self.path), why=why)
        return rows


def read_edges(config: Config, populations: dict[str, Nodes], faults: Faults) -> list[Edges]:
    """All populations of edges that the circuit names."""
    if config.section("networks").get("gap_juncs"):
        faults.add(
            "the circuit has gap junctions", f"{config.path}  networks.gap_juncs", why="there are none between point neurons"
        )
    found: list[Edges] = []
    for path, table in files_of(config, "edge", faults):
        read = faults.collect(path, _read_file, path, table, config, faults) or []
        found += [edges for edges in read if _ends_known(edges, populations, faults)]
    return found


def _read_file(path: Path, table: TypeTable, config: Config, faults: Faults) -> list[Edges]:
    with open_file(path) as file:
        return [_population(name, path, group, table, config, faults) for name, group in populations_in(file, "edge", path)]


def _population(name: str, path: Path, group: Any, table: TypeTable, config: Config, faults: Faults) -> Edges:
    types = read_members(name, path, group, "edge", table.of(name), only_types=True).types
    columns = {key for number in group if number.isdigit() for key in group[number]}
    if own := own_parameters(group):
        what = f"edges of {name} have {own[0]} each of their own"
        faults.add(what, path, why="it is in their dynamics_params", mend="give parameters of synapses to their types")
    ends = {key: _population_of(group, key, path) for key in _ENDS}
    return Edges(
        name, path, ends["source"], ends["target"], checked_types(name, types, columns, table.path or path, config, faults)
    )


def _population_of(group: Any, key: str, path: Path) -> str:
    if f"{key}_node_id" not in group:
        raise CosimError(f"{group.name} has no {key}_node_id", where=str(path))
    told = group[f"{key}_node_id"].attrs.get("node_population", "")
    return told.decode() if isinstance(told, bytes) else str(told)


def _ends_known(edges: Edges, populations: dict[str, Nodes], faults: Faults) -> bool:
    for key, name in zip(_ENDS, (edges.source, edges.target), strict=True):
        if name not in populations:
            what = f"the {key} of {edges.name} is no population of the circuit"
            faults.add(what, edges.path, f"node_population of {key}_node_id is {name!r}", did_you_mean(name, populations))
    if edges.target in populations and populations[edges.target].is_virtual.all():
        faults.add(f"{edges.name} leads to {edges.target}, which is virtual", edges.path, why="virtual nodes hear nothing")
        return False
    return edges.source in populations and edges.target in populations
