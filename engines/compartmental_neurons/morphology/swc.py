"""SWC files: one sample a line (number, type, x, y, z, radius, parent), read with all their faults told at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosim.sdk import CosimError, ScenarioError
from cosim.sdk.errors import raise_all
from engines.compartmental_neurons.morphology.samples import Samples, morphology_of
from engines.compartmental_neurons.morphology.tree import Morphology

_FIELDS = ("number", "type", "x", "y", "z", "radius", "parent")
_MOST_FAULTS = 50
"""That are told; a file in another format has one in every line."""


@dataclass(frozen=True, slots=True)
class _Line:
    where: str
    number: int
    kind: int
    point: tuple[float, float, float]
    radius: float
    parent: int


def read_swc(path: Path) -> Morphology:
    """The morphology in an SWC file.

    Raises
    ------
    CosimError
        What is wrong with the file, with ``file:line``; a ScenarioError where it is more than one thing.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CosimError(f"{path.name} cannot be read", where=str(path), why=str(error)) from None
    return morphology_from(data, path.name)


def morphology_from(data: bytes, file: str) -> Morphology:
    """The morphology in the text of an SWC file that is called ``file``."""
    lines, faults = _lines_of(data, file)
    _raise(faults)
    if not lines:
        why, mend = "no line is a sample", f"a line is {', '.join(_FIELDS)}; the first one, the root, has the parent -1"
        raise CosimError("the file has no samples", where=f"{file}:1", why=why, mend=mend)
    _raise([*_faults_of_numbers(lines), *_faults_of_values(lines)])
    ordered = _in_order(lines)
    try:
        return morphology_of(_samples(ordered))
    except CosimError as error:
        for fault in error.faults if isinstance(error, ScenarioError) else [error]:
            fault.located(f"{file}:1")
        raise


def _raise(faults: Sequence[CosimError]) -> None:
    if len(faults) > _MOST_FAULTS:
        left = len(faults) - _MOST_FAULTS
        faults = [*faults[:_MOST_FAULTS], CosimError(f"{left} more", where=faults[_MOST_FAULTS].where)]
    raise_all(faults)


# -- lines ---------------------------------------------------------------------------------------------------------------------


def _lines_of(data: bytes, file: str) -> tuple[list[_Line], list[CosimError]]:
    lines, faults = [], []
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        fields = raw.partition(b"#")[0].split()  # comments may be in any encoding
        if fields:
            try:
                lines.append(_line_of(fields, f"{file}:{number}"))
            except CosimError as error:
                faults.append(error.located(f"{file}:{number}"))
    return lines, faults


def _line_of(fields: list[bytes], where: str) -> _Line:
    if len(fields) != len(_FIELDS):
        raise CosimError(
            f"{len(fields)} fields instead of {len(_FIELDS)}",
            why=f"a sample is {', '.join(_FIELDS)}",
            mend="leave out further columns" if len(fields) > len(_FIELDS) else "",
        )
    number, kind, x, y, z, radius, parent = _values(fields)
    return _Line(where, _whole("number", number), _whole("type", kind), (x, y, z), radius, _whole("parent", parent))


def _values(fields: list[bytes]) -> list[float]:
    try:
        values = [float(field) for field in fields]
        if all(map(math.isfinite, values)):
            return values
    except ValueError:
        pass
    return [_value(name, field) for name, field in zip(_FIELDS, fields, strict=True)]  # which says what is wrong


def _value(name: str, field: bytes) -> float:
    try:
        value = float(field)
    except ValueError:
        is_text = _is_utf8(field)
        why = "" if is_text else "it is not text in UTF-8"
        raise CosimError(
            f"{name} is {repr(field.decode()) if is_text else repr(field)[1:]}", why=why, mend="write a number"
        ) from None
    if not math.isfinite(value):
        raise CosimError(f"{name} is {value:g}", why="it has to be finite")
    return value


def _is_utf8(field: bytes) -> bool:
    try:
        field.decode()
    except UnicodeDecodeError:
        return False
    return True


def _whole(name: str, value: float) -> int:
    if value != int(value) or abs(value) > 2**53:
        raise CosimError(f"{name} is {value:g}", why="it has to be a whole number")
    return int(value)


# -- faults of all lines together ------------------------------------------------------------------------------------------------


def _faults_of_values(lines: Sequence[_Line]) -> list[CosimError]:
    faults = []
    for line in lines:
        if line.radius <= 0:
            mend = "give it that of its neighbours, or leave the sample out and join its children to its parent"
            faults.append(CosimError(f"radius is {line.radius:g} µm", where=line.where, why="it has to be above 0", mend=mend))
        if line.kind < 0:
            why = "1 is soma, 2 axon, 3 basal, 4 apical; others are your own"
            faults.append(CosimError(f"type is {line.kind}", where=line.where, why=why))
        if line.number < 0:
            faults.append(CosimError(f"number is {line.number}", where=line.where, why="a parent of -1 stands for none"))
    return faults


def _faults_of_numbers(lines: Sequence[_Line]) -> list[CosimError]:
    """Numbers given twice, parents that are not there, more than one root, circles."""
    faults: list[CosimError] = []
    first: dict[int, _Line] = {}
    for line in lines:
        if line.number in first:
            why = f"{first[line.number].where} has it too"
            faults.append(CosimError(f"number {line.number} is given twice", where=line.where, why=why))
        first.setdefault(line.number, line)
    for line in lines:
        if line.parent != -1 and line.parent not in first:
            mend = "the root's parent is -1" if line.parent <= 0 else "write the number of a sample of this file"
            faults.append(CosimError(f"parent {line.parent} does not exist", where=line.where, mend=mend))
    return [*faults, *_faults_of_roots(lines), *_circles(first)]


def _faults_of_roots(lines: Sequence[_Line]) -> list[CosimError]:
    roots = [line for line in lines if line.parent == -1]
    why, mend = f"{roots[0].where} has one: a cell hangs together" if roots else "", "join the pieces, or make a file of each"
    return [CosimError("a second root", where=root.where, why=why, mend=mend) for root in roots[1:]]


def _circles(of: dict[int, _Line]) -> list[CosimError]:
    """One fault for each circle of parents."""
    faults: list[CosimError] = []
    seen: set[int] = set()
    for start in of:
        way: dict[int, None] = {}
        number = start
        while number in of and number not in seen and number not in way:
            way[number] = None
            number = of[number].parent
        if number in way:
            circle = [*way][[*way].index(number) :]
            shown = " → ".join(map(str, [*circle[:8], *(["…"] if len(circle) > 8 else []), number]))
            why = "following parents from here comes back here"
            faults.append(CosimError(f"samples are their own ancestors: {shown}", where=of[number].where, why=why))
        seen.update(way)
    return faults


# -- samples -------------------------------------------------------------------------------------------------------------------


def _in_order(lines: Sequence[_Line]) -> list[_Line]:
    """The root first, parents before children: by number where that does it, else branch by branch."""
    ordered = sorted(lines, key=lambda line: line.number)
    if ordered[0].parent == -1 and all(line.parent < line.number for line in ordered):
        return ordered
    children: dict[int, list[_Line]] = {}
    for line in reversed(ordered):
        children.setdefault(line.parent, []).append(line)
    found, waiting = [], children[-1]
    while waiting:
        found.append(waiting.pop())
        waiting.extend(children.get(found[-1].number, ()))
    return found


def _samples(lines: Sequence[_Line]) -> Samples:
    rank = {line.number: number for number, line in enumerate(lines)}
    return Samples(
        np.array([line.kind for line in lines]),
        np.array([line.point for line in lines]),
        np.array([2 * line.radius for line in lines]),
        np.array([rank.get(line.parent, -1) for line in lines]),
    )
