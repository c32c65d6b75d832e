"""The networks of this scenario in a dozen lines of numpy, apart from the engine and from the training code.

Potentials V and y in mV above rest, thresholds 15 mV + beta b, steps of 10 ms; x, z: which pixels' channels and neurons spike.

    V <- alpha V + W_in x + W z,   b <- rho b,   z = [V >= 15 + beta b],   V <- V - (15 + beta b) z,   b <- b + z
    y <- alpha y + W_out z         of the step before
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosim.claims import load_beside

CHANNELS, encode, halves, read_digits = (
    load_beside(Path(__file__), "images.py", name) for name in ("CHANNELS", "encode", "halves", "read_digits")
)
Floats = NDArray[np.float64]
WEIGHTS = Path(__file__).parent / "weights"
NEURONS, DIGITS = 100, 10
THRESHOLD_MV = 15.0
BETA_MV = {"adaptive": 3.0, "plain": 0.0}
ALPHA, RHO = math.exp(-10.0 / 10.0), math.exp(-10.0 / 400.0)


class Course(NamedTuple):
    """(steps, neurons) which spike and how far thresholds are raised, and (steps, 10) readout, both in mV."""

    spikes: NDArray[np.bool_]
    raised: Floats
    readout: Floats


def weights(kind: str) -> tuple[Floats, Floats, Floats]:
    """Of input, recurrent and readout synapses, rows the senders, in mV."""
    shapes = {"input": (CHANNELS, NEURONS), "recurrent": (NEURONS, NEURONS), "readout": (NEURONS, DIGITS)}
    found = []
    for name, shape in shapes.items():
        matrix = np.zeros(shape)
        with np.load(WEIGHTS / f"{kind}_{name}.npz") as file:
            matrix[file["source"], file["target"]] = file["weight"]
        found.append(matrix)
    return found[0], found[1], found[2]


def course(kind: str, x: NDArray[np.bool_]) -> Course:
    """What a network does that is told ``x`` (steps, channels), from rest."""
    w_in, w, w_out = weights(kind)
    spikes, raised, readout = np.zeros((len(x), NEURONS), bool), np.zeros((len(x), NEURONS)), np.zeros((len(x), DIGITS))
    V, b, z, y = np.zeros(NEURONS), np.zeros(NEURONS), np.zeros(NEURONS), np.zeros(DIGITS)
    for k, told in enumerate(x):
        y = ALPHA * y + z @ w_out
        V = ALPHA * V + w_in[told].sum(axis=0) + z @ w
        b = RHO * b
        threshold = THRESHOLD_MV + BETA_MV[kind] * b
        z = np.where(threshold <= V, 1.0, 0.0)
        V, b = V - threshold * z, b + z
        spikes[k], raised[k], readout[k] = z > 0, BETA_MV[kind] * b, y
    return Course(spikes, raised, readout)


@lru_cache(maxsize=2)
def tested(kind: str) -> Course:
    """Over the whole stream of test images."""
    return course(kind, encode(read_digits()[0][halves()[1]]).reshape(-1, CHANNELS))


def trained(kind: str) -> list[dict[str, Any]]:
    """What the training code found of each seed: images that its network got right, and how many spikes that took."""
    found: dict[str, list[dict[str, Any]]] = json.loads((WEIGHTS / "trained.json").read_text())
    return found[kind]
