"""Small functions of kernels: choices of two values, and powers. Straight-line, so that loops over them become vector code."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from numba import njit


@njit(inline="always")
def select(condition, yes, no):
    """``yes`` where the condition holds, else ``no``; both have been computed."""
    return yes if condition else no


@njit(inline="always")
def magnitude(x):
    return abs(x)


@njit(inline="always")
def smaller(a, b):
    """NaN stays NaN, in ``a``."""
    return b if b < a else a


@njit(inline="always")
def larger(a, b):
    """NaN stays NaN, in ``a``."""
    return b if b > a else a


@njit(inline="always")
def clip(x, low, high):
    raised = low if low > x else x
    return high if high < raised else raised


@njit(inline="always")
def sign(x):
    return (1.0 if x > 0.0 else 0.0) - (1.0 if x < 0.0 else 0.0)


@njit(inline="always")
def square(x):
    return x * x


@njit(inline="always")
def cube(x):
    return x * x * x
