"""The brain of this scenario on paper: TVB's default connectome, read here anew, and the parameters of scenario.yaml."""

from __future__ import annotations

import importlib.util
import io
import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from cosim.sdk import CosimError
from scenarios.mean_field import Brain

SWAPPED, STIMULATED, CURRENT = "rV2", "rV1", 4.0


@lru_cache(maxsize=1)
def brain() -> tuple[Brain, tuple[str, ...]]:
    """The 76 regions and their labels."""
    found = importlib.util.find_spec("tvb_data")
    if found is None or not found.submodule_search_locations:
        raise CosimError("the package tvb-data is not installed", mend="pip install 'neuro-cosim[data]'")
    with zipfile.ZipFile(Path(found.submodule_search_locations[0]) / "connectivity" / "connectivity_76.zip") as file:
        weights = np.loadtxt(io.BytesIO(file.read("weights.txt")))
        labels = tuple(line.split()[0] for line in file.read("centres.txt").decode().splitlines() if line.strip())
    np.fill_diagonal(weights, 0.0)
    swapped = labels.index(SWAPPED)
    return Brain(weights, G=0.06, tau_s=0.01, eta=-1.0, J=3.0, delta=0.7, swapped=swapped, guess_hz=20.0), labels


def stimulus() -> np.ndarray:
    """(regions,) the current while it lasts."""
    labels = brain()[1]
    return np.where(np.array(labels) == STIMULATED, CURRENT, 0.0)
