"""Exponentials of many small matrices at once, in steps that give each the same bits alone and among others, on any machine.

By scaling and squaring of a Taylor series. Matrices in SI units have entries of all sizes: first they are balanced by powers of
two, which changes no digit (Osborne 1960, J ACM 7, 338).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_AT_ONCE = 8192
_TERMS = 14  # of matrices whose norm is at most 1/4: the next is 4^-15/15! = 1e-21
_SWEEPS = 3
_FAINT = 8  # what rests on nothing, or on what nothing rests, may have any size: some small one


def exponentials(matrices: Floats) -> Floats:
    """(…, k, k) of the same shape."""
    size = matrices.shape[-1]
    flat = np.moveaxis(matrices.reshape(-1, size, size), 0, -1)
    found = np.empty(flat.shape)
    for first in range(0, flat.shape[-1], _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        found[..., part] = _exponential(np.array(flat[..., part], order="C"))
    return np.ascontiguousarray(np.moveaxis(found, -1, 0)).reshape(matrices.shape)


def _exponential(a: Floats) -> Floats:
    """Of (k, k, n), which is written to."""
    size = len(a)
    exponents = _balance(a)
    squarings = np.maximum(np.frexp(size * np.abs(a).max(axis=(0, 1)))[1] + 2, 0)
    a = np.ldexp(a, -squarings)
    one = np.eye(size)[:, :, None]
    found = one + a / _TERMS
    for n in range(_TERMS - 1, 0, -1):
        found = one + _product(a, found) / n
    for n in range(int(squarings.max(initial=0))):
        found = np.where(n < squarings, _product(found, found), found)
    back: Floats = np.ldexp(found, exponents[:, None] - exponents[None, :])
    return back


def _balance(a: Floats) -> NDArray[np.int64]:
    """Make D^-1 A D of A, D powers of two, so that rows and columns are alike in size; (k, n) exponents of D."""
    size = len(a)
    found = np.zeros((size, a.shape[-1]), np.int64)
    for i in [i for _ in range(_SWEEPS) for i in range(size)]:
        others = np.arange(size) != i
        column, row = np.abs(a[others, i]).max(axis=0, initial=0.0), np.abs(a[i, others]).max(axis=0, initial=0.0)
        c, r = np.frexp(column)[1].astype(np.int64), np.frexp(row)[1].astype(np.int64)
        shift = np.select(
            [(column > 0.0) & (row > 0.0), column > 0.0, row > 0.0], [(r - c) // 2, -c - _FAINT, r + _FAINT], np.int64(0)
        )
        a[:, i] = np.ldexp(a[:, i], shift)
        a[i] = np.ldexp(a[i], -shift)
        found[i] += shift
    return found


def _product(a: Floats, b: Floats) -> Floats:
    """Of (k, k, n) and (k, k, n), in one order of sums; terms that are 0 in all matrices are left out."""
    size = len(a)
    found, is_left, is_right = np.zeros_like(a), (a != 0.0).any(axis=-1), (b != 0.0).any(axis=-1)
    for i, k in np.argwhere(is_left):
        for j in range(size):
            if is_right[k, j]:
                found[i, j] += a[i, k] * b[k, j]
    return found
