"""The brain of this scenario on paper: TVB's default connectome, read here anew, and the parameters of scenario.yaml."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from scenarios.mean_field import Brain
from scenarios.tvb_data import read_connectome

SWAPPED, STIMULATED, CURRENT = "rV2", "rV1", 4.0


@lru_cache(maxsize=1)
def brain() -> tuple[Brain, tuple[str, ...]]:
    """The 76 regions and their labels."""
    weights, _, labels = read_connectome("connectivity_76")
    swapped = labels.index(SWAPPED)
    return Brain(weights, G=0.06, tau_s=0.01, eta=-1.0, J=3.0, delta=0.7, swapped=swapped, guess_hz=20.0), labels


def stimulus() -> np.ndarray:
    """(regions,) the current while it lasts."""
    labels = brain()[1]
    return np.where(np.array(labels) == STIMULATED, CURRENT, 0.0)
