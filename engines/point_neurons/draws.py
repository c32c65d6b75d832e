"""Kernels of independent draws; values of neurons.

A draw is a function of a key (of a seed and what it is for), of the number of a neuron in its population, and of a counter. So it
does not depend on how neurons are dealt out to parts, nor on engines that a network is cut into.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, uint64
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.equations.dimensions import si_factor
from engines.equations.maths import exp, log_of_positive
from engines.equations.quantities import number
from engines.equations.randoms import GOLDEN, mix, normal, uniform
from engines.point_neurons.distributions import Numbers, numbers_of
from engines.point_neurons.params import KINDS, Distribution, Value

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_inline = njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
_UNIFORM, _NORMAL, _LOGNORMAL, _EXPONENTIAL, _LORENTZIAN = (KINDS.index(kind) for kind in KINDS)
_MOST_DRAWS = 1000
_NEXT_DRAW = np.uint64(1 << 40)  # counters of draws that are repeated are beyond those of all others


class Draws(NamedTuple):
    """A distribution as kernels take it."""

    kind: int
    first: float
    second: float
    low: float
    high: float

    @classmethod
    def of(cls, numbers: Numbers) -> Draws:
        return cls(numbers.kind, numbers.first, numbers.second, numbers.low, numbers.high)


# -- kernels -------------------------------------------------------------------------------------------------------------------


@_inline
def stream_of(key, neuron):
    """The stream of a neuron, by its number in the population."""
    return mix(key + GOLDEN * (uint64(neuron) + uint64(1)))


@_inline
def below(word, count, bits):
    """A whole number from 0 to below ``count``, less than 2^``bits``, of the upper bits of a random word.

    With ``bits`` <= 32 some numbers are likelier than others by a share of up to 2^(2 bits - 64).
    """
    return ((word >> bits) * uint64(count)) >> (uint64(64) - bits)


@_kernel
def bits_of(count):
    """Bits of a whole number, at least 1."""
    bits = uint64(1)
    while (uint64(count) >> bits) > uint64(0):
        bits += uint64(1)
    return bits


@_inline
def _draw(draws, stream, counter):
    """One draw: a constant where the kind is none of those that are drawn."""
    if draws.kind == _UNIFORM:
        return draws.first + (draws.second - draws.first) * uniform(stream, counter)
    if draws.kind == _NORMAL:
        return draws.first + draws.second * normal(stream, counter)
    if draws.kind == _LOGNORMAL:
        return draws.first * exp(draws.second * normal(stream, counter))
    if draws.kind == _EXPONENTIAL:
        return -draws.first * log_of_positive(uniform(stream, counter))
    return draws.first


@_kernel
def _draw_again(draws, stream, counter):
    """The first of 999 more draws that lies between ``low`` and ``high``.

    Where none does, the nearer bound: one in 2e22, of the least ``Numbers.kept`` that is allowed.
    """
    value = draws.first
    for k in range(1, _MOST_DRAWS):
        value = _draw(draws, stream, uint64(counter) + uint64(k) * _NEXT_DRAW)
        if draws.low <= value <= draws.high:
            return value
    return min(max(value, draws.low), draws.high)


@_kernel
def draw_many(draws, stream, count, values):
    """Draws 0 to below ``count`` of a stream, into ``values``."""
    first, second = draws.first, draws.second  # a loop for each kind, which makes vector code of it
    if draws.kind == _UNIFORM:
        for j in range(count):
            values[uint64(j)] = first + (second - first) * uniform(stream, j)
    elif draws.kind == _NORMAL:
        for j in range(count):
            values[uint64(j)] = first + second * normal(stream, j)
    elif draws.kind == _LOGNORMAL:
        for j in range(count):
            values[uint64(j)] = first * exp(second * normal(stream, j))
    elif draws.kind == _EXPONENTIAL:
        for j in range(count):
            values[uint64(j)] = -first * log_of_positive(uniform(stream, j))
    else:
        values[:count] = first
    low, high, beyond = draws.low, draws.high, 0
    for j in range(count):
        beyond += (values[uint64(j)] < low) | (values[uint64(j)] > high)
    if beyond:
        for j in range(count):
            if not low <= values[j] <= high:
                values[j] = _draw_again(draws, stream, j)


@_kernel
def _draw_each(draws, key, counter, values):
    for i in range(len(values)):
        stream = stream_of(key, i)
        values[i] = _draw(draws, stream, counter)
        if not draws.low <= values[i] <= draws.high:
            values[i] = _draw_again(draws, stream, counter)


@_kernel
def _words(key, words):
    for i in range(len(words)):
        words[i] = stream_of(key, i)


# -- values of neurons ---------------------------------------------------------------------------------------------------------


def drawn(numbers: Numbers, size: int, key: np.uint64, counter: int = 0) -> NDArray[np.float64]:
    """(size,): one draw for each neuron of a population."""
    values = np.empty(size)
    _draw_each(Draws.of(numbers), key, counter, values)
    return values


def draw_values(value: Value, unit: str, size: int, key: np.uint64) -> float | NDArray[np.float64]:
    """What a scenario gives the neurons of a population.

    A Lorentzian is not drawn: neuron j of N, from 1 on, has the quantile centre + half width tan(pi/2 (2j - N - 1)/(N + 1)), or
    where it is shuffled the quantile of a random other one.

    Parameters
    ----------
    unit
        Of the symbol that it is for.
    size
        Neurons of the population.
    key
        Of ``key_of``, for a distribution.

    Returns
    -------
    float | NDArray
        In SI units: one number for all, or (size,).

    Raises
    ------
    CosimError
        As many values as neurons are not there, or a number of another unit.
    """
    factor = si_factor(unit)
    if isinstance(value, list):
        if len(value) != size:
            raise CosimError(f"{len(value)} values for {size} neurons", mend="give one for all, one for each, or a distribution")
        return np.array([number(item, unit) for item in value]) * factor
    if not isinstance(value, Distribution):
        return number(value, unit) * factor
    numbers = numbers_of(value, unit)
    if value.kind != "lorentzian":
        return drawn(numbers, size, key) * factor
    quantiles = np.tan(np.pi / 2 * (2 * np.arange(1, size + 1) - size - 1) / (size + 1))
    if value.shuffled:
        words = np.empty(size, np.uint64)
        _words(key, words)
        quantiles = quantiles[np.argsort(words, kind="stable")]
    return (numbers.first + numbers.second * quantiles) * factor
