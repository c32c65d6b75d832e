"""What nodes.h5 and edges.h5 have in common: a population whose members have a type, and attributes of their own in groups."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.sonata_network.files import dataset


@dataclass(frozen=True)
class Group:
    """Members that have the same attributes of their own.

    Attributes
    ----------
    rows
        (k,) of the members in the population.
    columns, parameters
        (k,) each, by name; parameters are those of ``dynamics_params``.
    """

    rows: NDArray[np.int64]
    columns: dict[str, NDArray[Any]]
    parameters: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Members:
    """Nodes or edges of a population.

    Attributes
    ----------
    type_ids
        (n,) int64.
    types
        By number, attributes of all that are of the type.
    """

    name: str
    path: Path
    type_ids: NDArray[np.int64]
    types: dict[int, dict[str, Any]]
    groups: list[Group]

    def __len__(self) -> int:
        return len(self.type_ids)

    def has(self, name: str) -> bool:
        """Whether any member has this attribute."""
        return any(row.get(name) is not None for row in self.types.values()) or any(name in group.columns for group in self.groups)

    def column(self, name: str) -> NDArray[Any]:
        """(n,) objects: an attribute of every member, its own before its type's; None where it has none."""
        found = np.full(len(self), None, object)
        for number, row in self.types.items():
            if row.get(name) is not None:
                found[self.type_ids == number] = row[name]
        for group in self.groups:
            if name in group.columns:
                found[group.rows] = group.columns[name]
        return found

    def numbers(self, name: str, default: float = np.nan) -> NDArray[np.float64]:
        """(n,) float64: the same of an attribute that is a number; ``default`` where it is missing.

        Raises
        ------
        CosimError
            It is text.
        """
        found = np.full(len(self), default)
        for number, row in self.types.items():
            if row.get(name) is not None:
                found[self.type_ids == number] = _number(row[name], name, self)
        for group in self.groups:
            if name in group.columns:
                values = group.columns[name]
                if values.dtype.kind not in "iufb":
                    raise CosimError(f"{name} of {self.name} is text", where=str(self.path), mend="a number is wanted")
                found[group.rows] = values
        return found


def _number(value: Any, name: str, members: Members) -> float:
    if isinstance(value, str):
        raise CosimError(f"{name} of {members.name} is {value!r}", where=str(members.path), mend="a number is wanted")
    return float(value)


def read_members(
    name: str, path: Path, population: Any, kind: str, types: dict[int, dict[str, Any]], only_types: bool = False
) -> Members:
    """A population of an open file; ``kind`` is node or edge.

    Raises
    ------
    CosimError
        Datasets are missing or of different lengths, a type is not in the table, or a place is in no group.
    """
    type_ids = dataset(population, f"{kind}_type_id", path)
    numbers = _distinct(type_ids)
    if lacking := sorted({*numbers} - types.keys()) if types else []:
        raise CosimError(
            f"{kind} type {lacking[0]} of {name} is in no table", where=str(path), why=f"the table has {', '.join(map(str, types))}"
        )
    used = {number: types.get(number, {}) for number in numbers}
    groups = [] if only_types else _groups(name, path, population, kind, len(type_ids))
    return Members(name, path, type_ids.astype(np.int64), used, groups)


def _distinct(type_ids: NDArray[Any]) -> list[int]:
    if len(type_ids) and type_ids.min() >= 0 and type_ids.max() < 1 << 20:
        found: list[int] = np.flatnonzero(np.bincount(type_ids.astype(np.int64))).tolist()  # no sorting of all edges
        return found
    return [int(number) for number in np.unique(type_ids)]


def own_parameters(population: Any) -> list[str]:
    """Names of parameters that members have of their own, in an open file."""
    groups = [population[key] for key in population if key.isdigit()]
    return [name for group in groups if "dynamics_params" in group for name in group["dynamics_params"]]


def _groups(name: str, path: Path, population: Any, kind: str, count: int) -> list[Group]:
    numbers = [key for key in population if key.isdigit()]
    if not any(len(population[key]) for key in numbers):
        return []  # nobody has attributes of his own, and where they would stand may be left out
    group_ids = dataset(population, f"{kind}_group_id", path)
    places = dataset(population, f"{kind}_group_index", path).astype(np.int64)
    if len(group_ids) != count or len(places) != count:
        why = f"{count} types, {len(group_ids)} groups, {len(places)} places"
        raise CosimError(f"datasets of {name} differ in length", where=str(path), why=why)
    return [_group(name, path, population[key], np.flatnonzero(group_ids == int(key)), places) for key in numbers]


def _group(name: str, path: Path, group: Any, rows: NDArray[np.int64], places: NDArray[np.int64]) -> Group:
    wanted = places[rows]
    library = group.get("@library", {})

    def of(holder: Any) -> dict[str, NDArray[Any]]:
        found = {}
        for key, values in holder.items():
            if key == "dynamics_params" or not hasattr(values, "shape") or key == "@library":
                continue
            if len(rows) and (wanted.min() < 0 or wanted.max() >= len(values)):
                why = f"place {wanted.max()} is wanted, there are {len(values)}"
                raise CosimError(f"{key} of {name} is too short", where=f"{path}  {group.name}", why=why)
            taken = values[()][wanted]
            if key in library:
                taken = library[key][()][taken.astype(np.int64)]
            found[key] = _text(taken)
        return found

    return Group(rows, of(group), of(group["dynamics_params"]) if "dynamics_params" in group else {})


def _text(values: NDArray[Any]) -> NDArray[Any]:
    """HDF5 gives bytes where text was meant."""
    if values.dtype.kind in "OS":
        return np.array([value.decode() if isinstance(value, bytes) else value for value in values], object)
    return values
