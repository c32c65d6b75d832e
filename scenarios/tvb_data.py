"""Connectomes of the package tvb-data, read for what scenarios claim: apart from the engines' own reader, to hold it against."""

from __future__ import annotations

import importlib.util
import io
import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError

Floats = NDArray[np.float64]


def package_folder(name: str, mend: str) -> Path:
    """The folder of an installed package, which is not imported; a CosimError says how to get one that is not there."""
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise CosimError(f"the package {name.replace('_', '-')} is not installed", mend=mend)
    return Path(found.submodule_search_locations[0])


@lru_cache(maxsize=4)
def read_connectome(name: str, extra: str = "data") -> tuple[Floats, Floats, tuple[str, ...]]:
    """(regions, regions) weights without those of a region to itself, tract lengths in mm, and labels; not to be written."""
    path = package_folder("tvb_data", f"pip install 'neuro-cosim[{extra}]'") / "connectivity" / f"{name}.zip"
    with zipfile.ZipFile(path) as file:
        members = {Path(member).stem: member for member in file.namelist() if not Path(member).name.startswith(".")}
        weights, lengths_mm = (np.loadtxt(io.BytesIO(file.read(members[key]))) for key in ("weights", "tract_lengths"))
        labels = tuple(line.split()[0] for line in file.read(members["centres"]).decode().splitlines() if line.strip())
    np.fill_diagonal(weights, 0.0)
    weights.flags.writeable = lengths_mm.flags.writeable = False
    return weights, lengths_mm, labels
