"""Tuning: a parameter of every region with which an output has a target."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import Setup
from engines.neural_mass.network import Network


def tuned(network: Network, setup: Setup) -> Mapping[str, NDArray[np.float64]]:
    """(replicas, regions) of the parameter that ``tune`` names, in SI units; empty without it."""
    return {}
