"""Connectomes from zip files in the TVB layout, and from the package tvb-data, which is read in place and not imported.

A member is known by the start of its name, in any folder of the archive, plain or ``.bz2``: ``weights`` and ``tract_lengths``
(a square matrix, one row a line), ``centres`` (a line a region: name x y z), ``cortical`` and ``hemispheres`` (a flag a region;
in ``hemispheres`` 1 is right), ``areas`` (a number a region, mm²) and ``average_orientations`` (three a region).
"""

from __future__ import annotations

import bz2
import difflib
import zipfile
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.connectome.damage import reading
from engines.connectome.text import names_and_places, text_of
from engines.connectome.tracts import Tracts, hemispheres_of, numbered, split

_MEMBERS = {
    "weights": ("weights",),
    "lengths": ("tract_lengths", "tract", "lengths"),
    "centres": ("centres", "centers", "positions"),
    "cortical": ("cortical",),
    "hemispheres": ("hemispheres", "hemisphere"),
    "areas": ("areas",),
    "orientations": ("average_orientations", "orientations"),
}
_TABLES = ("weights", "lengths", "areas", "orientations")
_ANEW = "test it with unzip -t; take another copy, or pack it anew without a password"


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


def read_zip(path: Path) -> Tracts:
    """A zip file in the TVB layout; a member that is there must have a line for every region."""
    with reading(f"{path.name} cannot be read as a zip file", _ANEW), zipfile.ZipFile(path) as archive:
        names = {key: _member(archive.namelist(), stems) for key, stems in _MEMBERS.items()}
        for key, name in names.items():
            if name is None and key in ("weights", "lengths"):
                raise CosimError(
                    f"{path.name} has no {_MEMBERS[key][0]}",
                    why=f"it has {', '.join(archive.namelist()) or 'no member'}",
                    mend=f"add {_MEMBERS[key][0]}.txt: one row a line, row = receiver",
                )
        text = {key: _text(archive, name, path.name) for key, name in names.items() if name is not None}
    tables = {key: _table(text[key], f"{names[key]} in {path.name}") for key in _TABLES if key in text}
    count = len(tables["weights"])
    labels, positions = numbered(count), None
    if "centres" in text:
        labels, positions = names_and_places(text["centres"], f"centres in {path.name}", placed=True)
    groups = hemispheres_of(labels)
    for key, (yes, no) in (("hemispheres", ("right", "left")), ("cortical", ("cortical", "subcortical"))):
        if key in text:
            groups |= split(_flags(text[key], f"{names[key]} in {path.name}", count), yes, no)
    areas = tables["areas"].ravel() if "areas" in tables else None
    return Tracts(
        labels, tables["weights"], tables["lengths"], positions=positions, groups=groups,
        areas_mm2=areas, orientations=tables.get("orientations"),
    )  # fmt: skip


def _member(names: list[str], stems: tuple[str, ...]) -> str | None:
    files = [name for name in names if not name.endswith("/") and "__MACOSX" not in name]
    for stem in stems:
        for name in files:
            if PurePosixPath(name).name.lower().split(".")[0] == stem:
                return name
    return None


def _text(archive: zipfile.ZipFile, name: str, file: str) -> str:
    with reading(f"{name} in {file} cannot be unpacked", _ANEW):
        data = archive.read(name)
        return text_of(bz2.decompress(data) if name.endswith(".bz2") else data, f"{name} in {file}")


def _table(text: str, name: str) -> NDArray[np.float64]:
    lines = [line for line in (line.replace(",", " ").split("#")[0] for line in text.splitlines()) if line.strip()]
    mend = "one row a line, as many numbers on each"
    if not lines:
        raise CosimError(f"{name} is empty", mend=mend)
    with reading(f"{name} is not a table of numbers", mend):
        return np.loadtxt(lines, np.float64, ndmin=2)


def _flags(text: str, name: str, count: int) -> NDArray[np.bool_]:
    flags = np.array([word.lower() in ("1", "true", "1.0", "t") for word in text.split()], bool)
    if len(flags) != count:
        raise CosimError(
            f"{name} has {len(flags)} flags for {count} regions", mend="give one for each region, or remove the member"
        )
    return flags
