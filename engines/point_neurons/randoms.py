"""Random numbers that are a function of what they are for, outside the kernels."""

from __future__ import annotations

import numpy as np

from engines.equations.randoms import GOLDEN, mix
from engines.point_neurons.arrays import Bits, Floats


def bits(key: np.uint64, count: int) -> Bits:
    """(count,) random words."""
    words: Bits = mix.py_func(key + GOLDEN * np.arange(1, count + 1, dtype=np.uint64))  # arrays of uint64 wrap round silently
    return words


def uniforms(key: np.uint64, count: int) -> Floats:
    """(count,) in the open interval (0, 1)."""
    return np.asarray((bits(key, count) >> np.uint64(11)) + 0.5, np.float64) * 2.0**-53
