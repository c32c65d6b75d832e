"""Files of spikes, as SONATA lays them out: those that virtual nodes fire, and those that a run leaves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, did_you_mean
from engines.sonata_network.config import Config
from engines.sonata_network.faults import Faults
from engines.sonata_network.files import is_enabled, mark, open_file
from engines.sonata_network.nodes import Nodes, node_set
from engines.sonata_network.tables import read_columns

if TYPE_CHECKING:
    from cosim.results import SpikeTrain

HDF5_MODULES, CSV_MODULES = ("sonata", "h5", "hdf5"), ("csv",)
_MS = {"ms": 1.0, "millisecond": 1.0, "milliseconds": 1.0, "s": 1000.0, "sec": 1000.0, "second": 1000.0, "seconds": 1000.0}
Trains = tuple[NDArray[np.float64], NDArray[np.int64]]
"""Times in ms, and the node of each."""


def input_trains(config: Config, populations: dict[str, Nodes], faults: Faults) -> dict[str, list[NDArray[np.float64]]]:
    """By virtual population, what every node fires, sorted, ms; only populations of which an input speaks."""
    found: dict[str, list[Trains]] = {}
    for name, given in config.section("inputs").items():
        if isinstance(given, dict) and given.get("input_type") == "spikes" and is_enabled(given):
            for population, trains in _input(given, f"{config.path}  inputs.{name}", config, populations, faults):
                found.setdefault(population, []).append(trains)
    joined = {name: [np.concatenate(column) for column in zip(*parts, strict=True)] for name, parts in found.items()}
    return {name: by_node(times, rows, len(populations[name])) for name, (times, rows) in joined.items()}


def _input(
    given: dict[str, Any], where: str, config: Config, populations: dict[str, Nodes], faults: Faults
) -> Iterator[tuple[str, Trains]]:
    """By population, times and rows of nodes."""
    module = given.get("module")
    if module not in (*HDF5_MODULES, *CSV_MODULES):
        mend = f"module is one of {', '.join((*HDF5_MODULES, *CSV_MODULES))}; spikes of another form may come over a link"
        faults.add(f"spikes of module {module!r} cannot be read", where, mend=mend)
        return
    chosen = faults.collect(where, node_set, given.get("node_set", "all"), config, populations) or {}
    file = faults.collect(where, config.file, "inputs", given.get("input_file"), "file of spikes")
    virtual = {name: rows[populations[name].is_virtual[rows]] for name, rows in chosen.items()}
    if chosen and not any(len(rows) for rows in virtual.values()):
        faults.add("no node of the set is virtual", where, why="spikes are played by virtual nodes")
    for population, rows in virtual.items():
        if file is not None and len(rows):
            trains = faults.collect(where, _of_nodes, file, populations[population], rows, module)
            if trains is not None:
                yield population, trains


def _of_nodes(path: Path, nodes: Nodes, chosen: NDArray[np.int64], module: str) -> Trains:
    """Times, and rows of nodes, of those that are chosen."""
    times, ids = read_spikes(path, nodes.name) if module in HDF5_MODULES else _read_csv(path, nodes.name)
    if len(early := np.flatnonzero(~(times > 0.0))):
        what = f"{path.name} has spikes at {times[early[0]]:g} ms"
        raise CosimError(what, where=str(path), why="a run starts at 0: the first spike is after it")
    rows = nodes.rows(ids)
    if len(bad := np.flatnonzero(rows < 0)):
        what = f"{path.name} has spikes of node {ids[bad[0]]}"
        raise CosimError(what, where=str(path), why=f"{nodes.name} has {len(nodes)} nodes, none of that number")
    kept = np.isin(rows, chosen)
    return times[kept], rows[kept]


def by_node(times: NDArray[np.float64], rows: NDArray[np.int64], count: int) -> list[NDArray[np.float64]]:
    """Sorted times of each of ``count`` nodes."""
    order = np.lexsort((times, rows))
    return np.split(times[order], np.cumsum(np.bincount(rows, minlength=count))[:-1])


def read_spikes(path: Path, population: str | None = None) -> Trains:
    """The spikes of a population, from a file of SONATA; of the only one in the file, where it has another name or none.

    Raises
    ------
    CosimError
        The file has no spikes, or those of several populations but not of this one.
    """
    with open_file(path) as file:
        if "spikes" not in file:
            raise CosimError(f"{path.name} has no spikes", where=str(path), why="SONATA keeps them in /spikes/POPULATION")
        group = file["spikes"]
        groups = [name for name in group if "timestamps" in group[name]] if "timestamps" not in group else []
        if "timestamps" not in group:
            if not groups:
                return np.empty(0), np.empty(0, np.int64)
            name = population if population in groups else groups[0] if len(groups) == 1 else None
            if name is None:
                mend = did_you_mean(population or "", groups)
                raise CosimError(f"{path.name} has no spikes of {population!r}", where=str(path), mend=mend)
            group = group[name]
        ids = next((key for key in ("node_ids", "gids") if key in group), None)
        if ids is None or len(group[ids]) != len(group["timestamps"]):
            raise CosimError(f"{path.name} has not one node for each spike", where=f"{path}  {group.name}")
        unit = group["timestamps"].attrs.get("units", "ms")
        unit = unit.decode() if isinstance(unit, bytes) else str(unit)
        if unit not in _MS:
            raise CosimError(f"spikes are in {unit!r}", where=f"{path}  {group.name}", mend="units is milliseconds")
        return group["timestamps"][()].astype(np.float64) * _MS[unit], group[ids][()].astype(np.int64)


def _read_csv(path: Path, population: str) -> Trains:
    """Columns timestamps, node_ids and, where they are of several, population, parted by spaces; ms."""
    columns = read_columns(path, ("timestamps", "node_ids"))
    times, ids = np.array(columns["timestamps"], np.float64), np.array(columns["node_ids"], np.int64)
    try:
        owner = np.array(read_columns(path, ("population",))["population"], object)
    except CosimError:
        return times, ids
    return times[owner == population], ids[owner == population]


def write_spikes(path: Path | str, trains: Mapping[str, Trains]) -> None:
    """Spikes by population as a file of SONATA, sorted by time.

    Parameters
    ----------
    trains
        Times in ms, and the node of each.
    """
    import h5py

    with h5py.File(path, "w") as file:
        mark(file)
        spikes = file.create_group("spikes")
        for name, (times, ids) in trains.items():
            order = np.lexsort((ids, times))
            group = spikes.create_group(name)
            group.attrs["sorting"] = "by_time"
            group["timestamps"] = np.asarray(times, np.float64)[order]
            group["timestamps"].attrs["units"] = "milliseconds"
            group["node_ids"] = np.asarray(ids)[order].astype(np.uint64)


def spikes_to_sonata(train: SpikeTrain, path: Path | str) -> None:
    """Recorded spikes of a run as a file of SONATA: each group is a population, whose nodes are numbered from 0 on.

    Parameters
    ----------
    train
        What ``run.spikes("engine.spikes")`` gives. Without groups all channels are one population, called as the engine.

    Raises
    ------
    CosimError
        A channel belongs to two groups.
    """
    count = len(train.labels)
    groups = train.groups or {train.name.split(".")[0]: np.arange(count)}
    everywhere = np.concatenate(list(groups.values()))
    if len(np.unique(everywhere)) != len(everywhere):
        raise CosimError(
            f"groups of {train.name} share channels", why="a node is in one population", mend="choose with train.of(…)"
        )
    trains = {}
    for name, rows in groups.items():
        number = np.full(count, -1)
        number[rows] = np.arange(len(rows))
        own = number[train.channels]
        trains[name] = (train.times_ms[own >= 0], own[own >= 0])
    write_spikes(path, trains)
