"""Connectomes from zip files in the TVB layout, and from the package tvb-data, which is read in place and not imported.

A member is known by the start of its name, in any folder of the archive, plain or ``.bz2``: ``weights`` and ``tract_lengths``
(a square matrix, one row a line), ``centres`` (a line a region: name x y z), ``cortical`` and ``hemispheres`` (a flag a region;
in ``hemispheres`` 1 is right).
"""

from __future__ import annotations

import bz2
import difflib
import re
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError

_MEMBERS = {
    "weights": ("weights",),
    "lengths": ("tract_lengths", "tract", "lengths"),
    "centres": ("centres", "centers", "positions"),
    "cortical": ("cortical",),
    "hemispheres": ("hemispheres", "hemisphere"),
}
_SIDES = (
    ("left", re.compile(r"^l(?=[A-Z0-9])|(?i:^(?:l|lh|left|ctx-lh)[_.\- ]|[_.\- ](?:l|lh|left)$)")),
    ("right", re.compile(r"^r(?=[A-Z0-9])|(?i:^(?:r|rh|right|ctx-rh)[_.\- ]|[_.\- ](?:r|rh|right)$)")),
)


def find_tvb(name: str) -> Path:
    """The file of a connectome in the installed package tvb-data."""
    spec = find_spec("tvb_data")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not folders:
        raise CosimError(
            f"connectome {name!r} needs the package tvb-data",
            why="it is not installed; its data are under GPL-3 and do not come with cosim",
            mend="pip install tvb-data (or: pip install 'neuro-cosim[data]')",
        )
    root = Path(folders[0]) / "connectivity"
    files = {path.relative_to(root).with_suffix("").as_posix(): path for path in sorted(root.rglob("*.zip"))}
    if name not in files:
        near = difflib.get_close_matches(name, files, 3)
        raise CosimError(
            f"tvb-data has no connectome {name!r}",
            why=f"it has {', '.join(files)}",
            mend=f"did you mean {' or '.join(near)}?" if near else "name one of these",
        )
    return files[name]


@lru_cache(maxsize=8)
def read_zip(path: Path, changed_ns: int) -> Mapping[str, Any]:
    """What ``Tracts`` takes, from a zip file; ``changed_ns`` (its time stamp) makes a changed file be read again."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {key: _member(archive.namelist(), stems) for key, stems in _MEMBERS.items()}
            for key, name in names.items():
                if name is None and key in ("weights", "lengths"):
                    raise CosimError(
                        f"{path.name} has no {_MEMBERS[key][0]}",
                        why=f"it has {', '.join(archive.namelist()) or 'no member'}",
                        mend=f"add {_MEMBERS[key][0]}.txt: one row a line, row = receiver",
                    )
            text = {key: _text(archive, name) for key, name in names.items() if name is not None}
    except (zipfile.BadZipFile, OSError) as error:
        raise CosimError(f"{path.name} cannot be read as a zip file", why=str(error)) from None
    weights, lengths = (_table(text[key], f"{names[key]} in {path.name}") for key in ("weights", "lengths"))
    labels, positions = tuple(f"r{i}" for i in range(len(weights))), None
    if "centres" in text:
        labels, positions = _centres(text["centres"], path.name)
    groups = hemispheres_of(labels)
    if "hemispheres" in text:
        groups |= _flagged(text["hemispheres"], "right", "left", len(labels))
    if "cortical" in text:
        groups |= _flagged(text["cortical"], "cortical", "subcortical", len(labels))
    return MappingProxyType(
        {"labels": labels, "weights": weights, "lengths_mm": lengths, "positions_mm": positions, "groups": groups}
    )


def hemispheres_of(labels: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Groups ``left`` and ``right`` when every label tells its side (``lV1``, ``r_V1``, ``V1_L``), else none."""
    groups = {side: tuple(i for i, label in enumerate(labels) if pattern.search(label)) for side, pattern in _SIDES}
    told = sorted(row for rows in groups.values() for row in rows)
    return groups if told == list(range(len(labels))) and all(groups.values()) else {}


def _member(names: list[str], stems: tuple[str, ...]) -> str | None:
    files = [name for name in names if not name.endswith("/") and "__MACOSX" not in name]
    for stem in stems:
        for name in files:
            if PurePosixPath(name).name.lower().split(".")[0] == stem:
                return name
    return None


def _text(archive: zipfile.ZipFile, name: str) -> str:
    data = archive.read(name)
    data = bz2.decompress(data) if name.endswith(".bz2") else data
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _table(text: str, name: str) -> NDArray[np.float64]:
    lines = [line.replace(",", " ").split("#")[0] for line in text.splitlines()]
    try:
        return np.loadtxt([line for line in lines if line.strip()], np.float64, ndmin=2)
    except ValueError as error:
        raise CosimError(f"{name} is not a table of numbers", why=str(error)) from None


def _centres(text: str, name: str) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Names and places: on each line the first three numbers in a row are the place, what stands before them the name."""
    labels, positions = [], []
    for number, line in enumerate(filter(str.strip, text.splitlines())):
        words = line.replace(",", " ").split()
        first = next((i for i in range(len(words) - 2) if all(_is_number(word) for word in words[i : i + 3])), None)
        if first is None:
            raise CosimError(f"line {number + 1} of centres in {name} is not 'name x y z'", why=f"it reads {line.strip()!r}")
        labels.append(" ".join(words[:first]).strip("\"'") or f"r{number}")
        positions.append([float(word) for word in words[first : first + 3]])
    return tuple(labels), np.array(positions).reshape(-1, 3)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _flagged(text: str, yes: str, no: str, count: int) -> dict[str, tuple[int, ...]]:
    """Two groups from a flag a region; none when the flags don't fit the regions or are all alike."""
    flags = [word.lower() in ("1", "true", "1.0", "t") for word in text.split()]
    if len(flags) != count or all(flags) or not any(flags):
        return {}
    return {yes: tuple(i for i, flag in enumerate(flags) if flag), no: tuple(i for i, flag in enumerate(flags) if not flag)}
