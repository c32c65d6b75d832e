"""Files of nodes and edges, as ``networks`` of a configuration names them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.sonata_network.config import Config
from engines.sonata_network.faults import Faults
from engines.sonata_network.tables import TypeTable, read_types

MAGIC, VERSION = 0x0A7A, (0, 1)
"""Attributes that every HDF5 file of SONATA has."""


def files_of(config: Config, kind: str, faults: Faults) -> Iterator[tuple[Path, TypeTable]]:
    """Files of one kind, node or edge, with the table of their types; what is not enabled is left out."""
    given = config.section("networks").get(f"{kind}s") or []
    if not isinstance(given, list) or not all(isinstance(entry, dict) for entry in given):
        faults.add(f"networks.{kind}s is no list of mappings", config.path)
        return
    for number, entry in enumerate(given):
        if is_enabled(entry):
            where = f"{config.path}  networks.{kind}s[{number}]"
            file = faults.collect(where, config.file, "networks", entry.get(f"{kind}s_file"), f"file of {kind}s")
            table = faults.collect(where, _table, config, kind, entry.get(f"{kind}_types_file"))
            if file is not None and table is not None:
                yield file, table


def _table(config: Config, kind: str, named: Any) -> TypeTable:
    path = None if named is None else config.file("networks", named, f"table of {kind} types")
    return read_types(path, f"{kind}_type_id")


def is_enabled(entry: dict[str, Any]) -> bool:
    return entry.get("enabled", True) not in (False, "False", "false")


def open_file(path: Path) -> Any:
    """An HDF5 file to read."""
    import h5py

    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise CosimError(f"{path.name} is no HDF5 file", where=str(path), why=str(error)) from None


def populations_in(file: Any, kind: str, path: Path) -> list[tuple[str, Any]]:
    """Names and groups of all populations in an open file."""
    if f"{kind}s" not in file:
        raise CosimError(f"{path.name} has no {kind}s", where=str(path), why=f"SONATA keeps them in /{kind}s/POPULATION")
    return list(file[f"{kind}s"].items())


def dataset(group: Any, name: str, path: Path) -> NDArray[Any]:
    """A dataset that must be there."""
    if name not in group:
        raise CosimError(f"{group.name} has no {name}", where=str(path))
    return np.asarray(group[name][()])


def mark(file: Any) -> None:
    """Write that a file is one of SONATA's."""
    file.attrs["magic"] = np.uint32(MAGIC)
    file.attrs["version"] = np.array(VERSION, np.uint32)
