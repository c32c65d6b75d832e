"""Tables of node and edge types: text in columns between spaces, one row a type."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosim.sdk import CosimError

MISSING = frozenset({"", "NULL", "NA", "N/A", "None", "NaN", "nan", "null"})


@dataclass(frozen=True)
class TypeTable:
    """Types of nodes or edges.

    Attributes
    ----------
    rows
        In the order of the file; cells as whole numbers, numbers, text, or None where nothing stands.
    """

    path: Path | None
    key: str
    rows: list[dict[str, Any]]

    def of(self, population: str) -> dict[int, dict[str, Any]]:
        """By number, those of one population: a column ``population`` tells them apart, where there is one.

        Raises
        ------
        CosimError
            A type has no number, or two have the same.
        """
        found: dict[int, dict[str, Any]] = {}
        for row in self.rows:
            if row.get("population") not in (None, population):
                continue
            number = row[self.key]
            if not isinstance(number, int):
                raise CosimError(f"{self.key} is {number!r}", where=str(self.path), why="types are told apart by whole numbers")
            if number in found:
                raise CosimError(f"{self.key} {number} is there twice", where=str(self.path))
            found[number] = row
        return found


def read_types(path: Path | None, key: str) -> TypeTable:
    """A file of types; ``key`` is node_type_id or edge_type_id. No file: no types have attributes.

    Raises
    ------
    CosimError
        The file has no such column, or a row has more or fewer cells than there are columns.
    """
    if path is None:
        return TypeTable(None, key, [])
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CosimError(f"{path} cannot be read", why=str(error)) from None
    cells = _cells(lines)
    if not cells or key not in cells[0][1]:
        found = ", ".join(cells[0][1]) if cells else "nothing"
        raise CosimError(
            f"{path.name} has no column {key}", where=str(path), why=f"it has {found}", mend="columns are parted by spaces"
        )
    header, rows = cells[0][1], []
    for line, row in cells[1:]:
        if len(row) != len(header):
            why = f"{len(row)} cells, {len(header)} columns"
            raise CosimError(f"a row of {path.name} has not as many cells as there are columns", where=f"{path}:{line}", why=why)
        rows.append({name: _value(cell) for name, cell in zip(header, row, strict=True)})
    return TypeTable(path, key, rows)


def read_columns(path: Path, names: tuple[str, ...], separator: str = " ") -> dict[str, list[Any]]:
    """The named columns of a file of numbers or text."""
    try:
        cells = _cells(path.read_text(encoding="utf-8").splitlines(), separator)
    except (OSError, UnicodeDecodeError) as error:
        raise CosimError(f"{path} cannot be read", why=str(error)) from None
    header = cells[0][1] if cells else []
    if lacking := [name for name in names if name not in header]:
        raise CosimError(
            f"{path.name} has no column {', '.join(lacking)}", where=str(path), why=f"it has {', '.join(header) or 'none'}"
        )
    places = [header.index(name) for name in names]
    for line, row in cells[1:]:
        if len(row) != len(header):
            raise CosimError(f"a row of {path.name} has {len(row)} cells, not {len(header)}", where=f"{path}:{line}")
    return {name: [_value(row[place]) for _, row in cells[1:]] for name, place in zip(names, places, strict=True)}


def _cells(lines: list[str], separator: str = " ") -> list[tuple[int, list[str]]]:
    """Number and cells of every line that is not empty; several spaces are one."""
    if separator in (" ", "\t"):
        lines, separator = [line.replace("\t", " ").strip() for line in lines], " "
    parted = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    return [(number, row) for number, row in enumerate(parted, 1) if row]


def _value(cell: str) -> Any:
    if cell in MISSING:
        return None
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell
