"""Poisson and binomial numbers of a stream and a counter, exactly: inversion where few are expected, rejection where many are.

Each function gives the number and the counter of the next. Rejection is by transformed ratios of uniforms (Hoermann 1993: PTRS in
Insurance: Mathematics and Economics 12, 39; BTRS in Journal of Statistical Computation and Simulation 46, 101): some 1.2 trials of
two numbers each, whatever the mean.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np
from numba import njit

from engines.equations.maths import exp, log1p, log_of_positive, sqrt
from engines.equations.randoms import GOLDEN, mix

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_ONE_TO_TWO = np.uint64(0x3FF0000000000000)
_BELOW_EXPONENT = np.uint64(12)
_HALF_STEP = 2.0**-53
_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
_FEW = 10.0
"""Means from which on rejection works."""


@_kernel
def counted(stream, counter):
    """A number in (0, 1) of a stream and a counter: one of (k + 1/2) 2^-52, by SplitMix64 (Steele, Lea and Flood 2014)."""
    word = mix(np.uint64(stream) + np.uint64(counter) * GOLDEN)
    return (np.uint64((word >> _BELOW_EXPONENT) | _ONE_TO_TWO).view(np.float64) - 1.0) + _HALF_STEP


@_kernel
def log_factorial(k):
    """log k! of a whole number k >= 0: Stirling's series from 16 on, to 1e-15 relative."""
    if k < 16.0:
        product = 1.0
        while k > 1.0:
            product *= k
            k -= 1.0
        return log_of_positive(product)
    z = k + 1.0
    y = 1.0 / (z * z)
    series = (1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1260.0 - y * (1.0 / 1680.0 - y / 1188.0)))) / z
    return (z - 0.5) * log_of_positive(z) - z + _HALF_LOG_TWO_PI + series


@_kernel
def poisson(mean, stream, counter):
    """A Poisson number (float64) of some mean >= 0."""
    if mean <= 0.0:
        return 0.0, counter
    if mean < _FEW:
        rest, chance, k = counted(stream, counter), exp(-mean), 0.0
        while rest > chance and k < 200.0:  # beyond, chances are below the grain of the uniform number
            rest -= chance
            k += 1.0
            chance *= mean / k
        return k, counter + 1
    b = 0.931 + 2.53 * sqrt(mean)
    a = -0.059 + 0.02483 * b
    log_scale, likely = log_of_positive(1.1239 + 1.1328 / (b - 3.4)), 0.9277 - 3.6224 / (b - 2.0)
    log_mean = log_of_positive(mean)
    while True:
        u, v = counted(stream, counter) - 0.5, counted(stream, counter + 1)
        counter += 2
        edge = 0.5 - abs(u)
        k = math.floor((2.0 * a / edge + b) * u + mean + 0.43)
        if edge >= 0.07 and v <= likely:
            return k, counter
        if k < 0.0 or (edge < 0.013 and v > edge):
            continue
        height = log_of_positive(v) + log_scale - log_of_positive(a / (edge * edge) + b)
        if height <= k * log_mean - mean - log_factorial(k):
            return k, counter


@_kernel
def binomial(number, chance, stream, counter):
    """How many (float64) of a whole number of things are chosen, each with the same chance."""
    if number <= 0.0 or chance <= 0.0:
        return 0.0, counter
    if chance >= 1.0:
        return number, counter
    if chance > 0.5:
        found, counter = _binomial(number, 1.0 - chance, stream, counter)
        return number - found, counter
    return _binomial(number, chance, stream, counter)


@_kernel
def _binomial(n, p, stream, counter):
    """Of chances up to 1/2."""
    odds = p / (1.0 - p)
    if n * p < _FEW:
        rest, chance, k = counted(stream, counter), exp(n * log1p(-p)), 0.0
        while rest > chance and k < n:
            rest -= chance
            k += 1.0
            chance *= odds * (n - k + 1.0) / k
        return k, counter + 1
    spread = sqrt(n * p * (1.0 - p))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    scale, likely, mode = (2.83 + 5.1 / b) * spread, 0.92 - 4.2 / b, math.floor((n + 1.0) * p)
    log_odds, top = log_of_positive(odds), log_factorial(mode) + log_factorial(n - mode)
    while True:
        u, v = counted(stream, counter) - 0.5, counted(stream, counter + 1)
        counter += 2
        edge = 0.5 - abs(u)
        k = math.floor((2.0 * a / edge + b) * u + n * p + 0.5)
        if edge >= 0.07 and v <= likely:
            return k, counter
        if k < 0.0 or k > n:
            continue
        height = log_of_positive(v * scale / (a / (edge * edge) + b))
        if height <= top - log_factorial(k) - log_factorial(n - k) + (k - mode) * log_odds:
            return k, counter
