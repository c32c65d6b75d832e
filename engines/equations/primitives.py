"""Small functions of kernels: choices of two values, and powers. Straight-line, so that loops over them become vector code."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from numba import njit


@njit(forceinline=True, error_model="numpy")
def select(condition, yes, no):
    """``yes`` where the condition holds, else ``no``; both have been computed."""
    return yes if condition else no


@njit(forceinline=True, error_model="numpy")
def magnitude(x):
    return abs(x)


@njit(forceinline=True, error_model="numpy")
def smaller(a, b):
    """NaN stays NaN, in ``a``."""
    return b if b < a else a


@njit(forceinline=True, error_model="numpy")
def larger(a, b):
    """NaN stays NaN, in ``a``."""
    return b if b > a else a


@njit(forceinline=True, error_model="numpy")
def clip(x, low, high):
    raised = low if low > x else x
    return high if high < raised else raised


@njit(forceinline=True, error_model="numpy")
def sign(x):
    return (1.0 if x > 0.0 else 0.0) - (1.0 if x < 0.0 else 0.0)


@njit(forceinline=True, error_model="numpy")
def square(x):
    return x * x


@njit(forceinline=True, error_model="numpy")
def cube(x):
    return x * x * x
