"""Connectomes from tables of numbers: one file for the weights, one for tract lengths or delays.

Cells are parted by tabs, semicolons, commas or white space, whichever comes first in this list in the first line; beside
semicolons a comma is a decimal point. A first row and a first column may be names, which must agree wherever they stand.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.connectome.damage import brief, reading
from engines.connectome.params import CsvParams
from engines.connectome.text import is_number, names_and_places, read_text
from engines.connectome.tracts import Tracts, hemispheres_of, numbered

Names = tuple[str, ...]


def read_csv(params: CsvParams) -> Tracts:
    """Weights, lengths or delays, and names: of the files themselves, or of one of their own."""
    weights, labels = _table(params.weights)
    named = [(params.weights, labels)]
    rest: dict[str, NDArray[np.float64] | None] = {"lengths": None, "delays": None}
    for key, path in (("lengths", params.lengths), ("delays", params.delays)):
        if path is not None:
            rest[key], labels = _table(path)
            named.append((path, labels))
    positions = None
    if params.labels is not None:
        labels, positions = names_and_places(read_text(params.labels), params.labels.name)
        if not labels:
            raise CosimError(f"{params.labels.name} is empty", mend="a line a region: name, or name x y z")
        named.append((params.labels, labels))
    told = _agreed(named) or numbered(len(weights))
    return Tracts(told, weights, rest["lengths"], rest["delays"], positions, hemispheres_of(told))


def _table(path: Path) -> tuple[NDArray[np.float64], Names]:
    """The matrix of a file, and the names that stand beside it, if any."""
    with reading(f"{path.name} is not a table of numbers", mend="one row a line, row = receiver; as many numbers on each"):
        return _parsed(path)


def _parsed(path: Path) -> tuple[NDArray[np.float64], Names]:
    lines = [line.strip("\r\n") for line in read_text(path).splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise CosimError(f"{path.name} is empty", mend="one row a line, row = receiver")
    delimiter = next((mark for mark in "\t;," if mark in lines[0]), " ")
    if delimiter == ";":
        lines = [line.replace(",", ".") for line in lines]
    head = _cells(lines[0], delimiter)
    has_row = not all(map(is_number, head))
    has_row &= len(lines) > 1 and not (all(map(is_number, head[1:])) and len(head) == len(lines) + 1)  # a column of names alone
    body = lines[1:] if has_row else lines
    width = len(_cells(body[0], delimiter))
    has_column = not is_number(_cells(body[0], delimiter)[0]) or (has_row and width == len(body) + 1)
    columns = tuple(head[1:] if has_column and len(head) == width else head) if has_row else ()
    rows = tuple(_cells(line, delimiter)[0] for line in body) if has_column else ()
    if has_column and width == 1:
        raise ValueError(f"no number stands on the line {brief(body[0])!r}")
    matrix = np.loadtxt(
        body, np.float64, delimiter=None if delimiter == " " else delimiter, comments=None, quotechar='"', ndmin=2,
        usecols=range(1, width) if has_column else None,
    )  # fmt: skip
    return matrix, _agreed([(path, rows), (path, columns)])


def _cells(line: str, delimiter: str) -> list[str]:
    stripped = line.strip() if delimiter == " " else line
    return [cell.strip() for cell in next(csv.reader([stripped], delimiter=delimiter, skipinitialspace=True))]


def _agreed(named: list[tuple[Path, Names]]) -> Names:
    """The names that all who give some give alike, or none."""
    given = [(path, names) for path, names in named if names]
    for path, names in given[1:]:
        first, agreed = given[0]
        if len(names) != len(agreed):
            if first == path:
                what = f"the rows and columns of {path.name} name {len(agreed)} and {len(names)} regions"
            else:
                what = f"{first.name} names {len(agreed)} regions, {path.name} {len(names)}"
            raise CosimError(what, mend="name the same regions in both")
        differ = [place for place, (a, b) in enumerate(zip(agreed, names, strict=True)) if a != b]
        if differ:
            between = f"the rows and columns of {path.name}" if first == path else f"{first.name} and {path.name}"
            raise CosimError(
                f"{between} name regions differently",
                why=f"the first of {len(differ)}: region {differ[0]} is "
                f"{brief(agreed[differ[0]])!r} and {brief(names[differ[0]])!r}",
                mend="bring both into one order",
            )
    return given[0][1] if given else ()
