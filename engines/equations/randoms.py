"""Random numbers that are counted, not drawn: each is a function of what it is for, its stream and its counter.

A stream belongs to a key (of a seed and a purpose), a region and a noise term; the counter is the number of the step. So numbers do
not depend on windows, on engines, on how many regions there are or on the order in which they are asked for. The word behind a
number is the finaliser of SplitMix64 (Steele, Lea and Flood 2014; Stafford's mix 13) of the stream with a word of the counter; over
the regions of a step the latter is the same, so a loop over them works it out once, and is vectorised.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import hashlib

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engines.equations.maths import log_of_positive, sqrt

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ONE_TO_TWO = np.uint64(0x3FF0000000000000)  # with 52 bits below, a number in [1, 2)
_BELOW_EXPONENT = np.uint64(12)
_HALF_STEP = 2.0**-53  # the 2^52 numbers stand in the middle of their steps: neither 0 nor 1, and as many below 1/2 as above
_USES = np.uint64(4)  # words of one counter: two of a normal number, one of a uniform one
_FIRST, _SECOND, _THIRD = np.uint64(1), np.uint64(2), np.uint64(3)

_kernel = njit(cache=True, nogil=True, error_model="numpy", forceinline=True)


# -- streams -------------------------------------------------------------------------------------------------------------------


def key_of(seed: int, *names: str) -> np.uint64:
    """Key of a family of random numbers: a hash of the seed and of what they are for."""
    text = "\0".join((str(seed), *names)).encode()
    return np.uint64(int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little"))


def streams(key: np.uint64, regions: NDArray[np.integer], term: int) -> NDArray[np.uint64]:
    """Streams of one noise term in some regions; each depends on the number of its own region alone.

    Parameters
    ----------
    key
        Of ``key_of``.
    regions
        (n,) numbers of the regions, from 0 on.
    term
        Number of the noise term, from 0 on.

    Returns
    -------
    NDArray
        (n,) uint64.
    """
    words = np.asarray(regions).astype(np.uint64)  # arrays of uint64 wrap round silently, scalars warn
    of_term = _mix_array(key + GOLDEN * np.array([term + 1], np.uint64))
    return _mix_array(of_term + GOLDEN * (words + np.uint64(1)))


def uniforms(words: NDArray[np.uint64]) -> NDArray[np.float64]:
    """(n,) numbers in (0, 1), in the middle of 2^52 steps, one of each word."""
    found: NDArray[np.float64] = ((words >> _BELOW_EXPONENT).astype(np.float64) + 0.5) * 2.0**-52
    return found


def _mix_array(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    mixed: NDArray[np.uint64] = mix.py_func(words)
    return mixed


# -- kernels -------------------------------------------------------------------------------------------------------------------


@_kernel
def mix(x):
    """64 bits that look unrelated to those of ``x``, one to one."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@_kernel
def _one_to_two(stream, counter, use):
    """One of 2^52 numbers from 1 to below 2."""
    word = mix(stream ^ mix((np.uint64(counter) * _USES + use) * GOLDEN))
    return np.uint64((word >> _BELOW_EXPONENT) | _ONE_TO_TWO).view(np.float64)


@_kernel
def uniform(stream, counter):
    """One of the 2^52 numbers (k + 1/2) 2^-52 in (0, 1)."""
    return (_one_to_two(stream, counter, _THIRD) - 1.0) + _HALF_STEP


@_kernel
def normal(stream, counter):
    """A normal number of mean 0 and variance 1, at most 8.57 in size (Box and Muller 1958).

    sqrt(-2 log u) sin(pi v), u uniform in (0, 1), v in (-1/2, 1/2): the sine of an angle in that half of the circle has the
    distribution of the sine of any angle. The polynomial is a minimax fit of sin(pi v) to 2^-52.3 (Remez exchange at 60 digits).
    """
    u = (_one_to_two(stream, counter, _FIRST) - 1.0) + _HALF_STEP
    v = (_one_to_two(stream, counter, _SECOND) - 1.5) + _HALF_STEP
    z = v * v
    p = 0.08214587720451619 + z * (-0.007370354592295453 + z * (0.00046595789647841675 + z * -2.1099446372128783e-05))
    p = 2.5501640398563366 + z * (-0.5992645286883538 + z * p)
    return sqrt(-2.0 * log_of_positive(u)) * (v * (3.1415926535897927 + z * (-5.167712780049702 + z * p)))
