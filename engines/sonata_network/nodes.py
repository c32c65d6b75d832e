"""Populations of nodes, and sets of nodes that a configuration names or describes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, did_you_mean
from engines.sonata_network.config import Config
from engines.sonata_network.faults import Faults
from engines.sonata_network.files import files_of, open_file, populations_in
from engines.sonata_network.members import Members, read_members
from engines.sonata_network.tables import TypeTable

SIMULATED = ("point_neuron", "point_process")
"""``model_type`` of neurons; the second is what the first was called before."""


@dataclass(frozen=True)
class Nodes:
    """A population.

    Attributes
    ----------
    ids
        (n,) int64 as edges and spikes name them.
    is_virtual
        (n,) sources of spikes that are not simulated.
    """

    members: Members
    ids: NDArray[np.int64]
    is_virtual: NDArray[np.bool_]

    @property
    def name(self) -> str:
        return self.members.name

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, ids: NDArray[Any]) -> NDArray[np.int64]:
        """(k,) rows of nodes by number; -1 for one that is not there."""
        ids = np.asarray(ids).astype(np.int64)
        if np.array_equal(self.ids, np.arange(len(self))):
            return np.where((ids >= 0) & (ids < len(self)), ids, -1)
        order = np.argsort(self.ids, kind="stable")
        place = np.minimum(np.searchsorted(self.ids[order], ids), len(self) - 1)
        return np.where(self.ids[order][place] == ids, order[place], -1)

    def positions(self) -> NDArray[np.float64] | None:
        """(n, 3) µm, where every node has x and y; z is 0 where it is missing."""
        if not (self.members.has("x") and self.members.has("y")):
            return None
        found = np.stack([self.members.numbers("x"), self.members.numbers("y"), self.members.numbers("z", 0.0)], axis=1)
        return None if np.isnan(found).any() else found


def read_nodes(config: Config, faults: Faults) -> dict[str, Nodes]:
    """Populations by name, of all files of nodes that the circuit names."""
    found: dict[str, Nodes] = {}
    for path, table in files_of(config, "node", faults):
        for nodes in faults.collect(path, _read_file, path, table) or []:
            if nodes.name in found:
                faults.add(f"population {nodes.name!r} is there twice", path)
            found[nodes.name] = nodes
    if not found and not faults.found:
        faults.add("the circuit has no nodes", config.path, mend='add "networks": {"nodes": […]}, or "network": a circuit\'s file')
    return found


def _read_file(path: Path, table: TypeTable) -> list[Nodes]:
    with open_file(path) as file:
        return [_population(name, path, group, table.of(name)) for name, group in populations_in(file, "node", path)]


def _population(name: str, path: Path, group: Any, types: dict[int, dict[str, Any]]) -> Nodes:
    members = read_members(name, path, group, "node", types)
    ids = np.asarray(group["node_id"][()]).astype(np.int64) if "node_id" in group else np.arange(len(members))
    if len(ids) != len(members):
        raise CosimError(f"datasets of {name} differ in length", where=str(path), why=f"{len(members)} types, {len(ids)} node_id")
    if len(np.unique(ids)) != len(ids):
        raise CosimError(f"a node_id of {name} is there twice", where=str(path))
    kinds = members.column("model_type")
    strange = sorted({str(kind) for kind in kinds} - {*SIMULATED, "virtual"})
    if strange:
        raise CosimError(
            f"nodes of {name} are of model_type {strange[0]}",
            where=str(path),
            why="this engine simulates point neurons",
            mend="model_type is point_neuron or virtual; nodes with a morphology want another engine",
        )
    if members.has("model_processing"):
        why, mend = "it is Python of the model's author, and not in the files", "leave model_processing out"
        raise CosimError(f"nodes of {name} have model_processing", where=str(path), why=why, mend=mend)
    return Nodes(members, ids, kinds == "virtual")


# -- sets of nodes --------------------------------------------------------------------------------------------------------------


def node_set(
    given: Any, config: Config, populations: dict[str, Nodes], above: tuple[str, ...] = ()
) -> dict[str, NDArray[np.int64]]:
    """Rows by population, of a set by its name or as a description; a population's name is a set too, ``all`` is everything.

    Raises
    ------
    CosimError
        There is no such set, population or attribute.
    """
    if isinstance(given, str):
        sets = config.section("node_sets")
        if given in sets and given not in above:
            return node_set(sets[given], config, populations, (*above, given))
        if given in populations:
            return {given: np.arange(len(populations[given]))}
        if given == "all":
            return {name: np.arange(len(nodes)) for name, nodes in populations.items()}
        known = [*sets, *populations, "all"]
        lacking = config.values.get("node_sets_file") if not sets else None
        raise CosimError(
            f"there is no node set {given!r}", why=f"{lacking} does not exist" if lacking else "", mend=did_you_mean(given, known)
        )
    if isinstance(given, list) and given and all(isinstance(name, str) for name in given):
        parts = [node_set(name, config, populations, above) for name in given]
        names = dict.fromkeys(name for part in parts for name in part)
        return {name: np.unique(np.concatenate([part[name] for part in parts if name in part])) for name in names}
    if isinstance(given, dict):
        return _described(given, populations)
    raise CosimError(f"{given!r} is no node set", mend='write a name, or {"population": …, "node_id": […]}')


def _described(given: dict[str, Any], populations: dict[str, Nodes]) -> dict[str, NDArray[np.int64]]:
    wanted = {key: value if isinstance(value, list) else [value] for key, value in given.items()}
    names = wanted.pop("population", None) or wanted.pop("populations", None) or list(populations)
    for name in names:
        if name not in populations:
            raise CosimError(f"there is no population {name!r}", mend=did_you_mean(str(name), populations))
    for key in wanted:
        if key not in ("node_id", "node_ids") and not any(populations[name].members.has(key) for name in names):
            known = dict.fromkeys(key for name in names for row in populations[name].members.types.values() for key in row)
            raise CosimError(f"no node of {', '.join(names)} has {key!r}", mend=did_you_mean(key, [*known, "node_id"]))
    for number in (*wanted.get("node_id", ()), *wanted.get("node_ids", ())):
        if not any(number in populations[name].ids for name in names):
            sizes = ", ".join(f"{name} has {len(populations[name])} nodes" for name in names)
            raise CosimError(f"there is no node {number!r}", why=sizes)
    return {name: _matching(populations[name], wanted) for name in names}


def _matching(nodes: Nodes, wanted: dict[str, list[Any]]) -> NDArray[np.int64]:
    kept = np.ones(len(nodes), bool)
    for key, values in wanted.items():
        if key in ("node_id", "node_ids"):
            kept &= np.isin(nodes.ids, values)
        else:
            column = nodes.members.column(key)
            kept &= np.array([value in values for value in column], bool)
    return np.flatnonzero(kept)
