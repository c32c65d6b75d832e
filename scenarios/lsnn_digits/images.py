"""Handwritten digits as a stream of spikes, one pixel a step: read from the installed package scikit-learn, which is not imported.

An image of 8 x 8 pixels with grey values of 0 to 16 is told row by row, from the left. For each of the values 1 to 16 one channel
spikes when the grey value comes up to it from one pixel to the next, and one when it falls below; an image begins at 0. A last
channel spikes in the steps after the image, in which the answer is read. Bellec et al. (2018) encode the larger images of MNIST in
such a way, by crossings of grey values and a cue.
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

GREYS, PIXELS, CUE = 16, 64, 8
CHANNELS = 2 * GREYS + 1
STEPS = PIXELS + CUE
"""Of an image: its pixels, and the steps in which the answer is read."""
STRIDE = 149
"""The test stream takes every 149th test image, round and round: their number is no multiple of it."""


def package() -> Path | None:
    """The file of digits, where the package is installed."""
    found = find_spec("sklearn")
    places = (found.submodule_search_locations if found else None) or ()
    files = [Path(place) / "datasets" / "data" / "digits.csv.gz" for place in places]
    return next((file for file in files if file.is_file()), None)


@lru_cache(maxsize=1)
def read_digits() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(images, pixels) grey values, and (images,) digits, in the order of the file; not to be written."""
    file = package()
    if file is None:
        raise FileNotFoundError("the package scikit-learn is not installed: pip install --no-deps scikit-learn")
    with gzip.open(file, "rt") as lines:
        table = np.loadtxt(lines, np.int64, delimiter=",")
    table.flags.writeable = False
    return table[:, :PIXELS], table[:, PIXELS]


def halves() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the images to learn from, and of those to be tested on: every fifth ten, shuffled by a stride."""
    number = np.arange(len(read_digits()[1]))
    is_test = number // 10 % 5 == 4
    test = number[is_test]
    return number[~is_test], test[np.arange(len(test)) * STRIDE % len(test)]


def encode(images: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(images, steps, channels) which channels spike, from (images, pixels)."""
    values = np.arange(1, GREYS + 1)
    reached = images[:, :, None] >= values
    before = np.concatenate([np.zeros_like(reached[:, :1]), reached[:, :-1]], axis=1)
    spikes = np.zeros((len(images), STEPS, CHANNELS), bool)
    spikes[:, :PIXELS, :GREYS] = reached & ~before
    spikes[:, :PIXELS, GREYS : 2 * GREYS] = before & ~reached
    spikes[:, PIXELS:, -1] = True
    return spikes


def answers(readout: NDArray[np.float64]) -> NDArray[np.int64]:
    """(images,) the digit whose readout, of (steps, 10), is highest over the last steps of each image."""
    whole = len(readout) // STEPS
    told = readout[: whole * STEPS].reshape(whole, STEPS, -1)[:, PIXELS:]
    found: NDArray[np.int64] = told.mean(axis=1).argmax(axis=1)
    return found
