"""How weights are scaled: by the largest, by what each region receives, or by the spectral radius."""

from __future__ import annotations

import contextlib

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from cosim.sdk import CosimError

Floats = NDArray[np.float64]
_DENSE = 500
"""Regions up to which all eigenvalues are computed; beyond, only the largest of each strongly connected part."""


def scaled(matrix: csr_array, how: str) -> Floats:
    """The entries of ``matrix`` (row = receiver), scaled.

    max:       W_ij / max |W|
    row_sum:   W_ij / sum_k |W_ik|; a row without entries stays empty
    spectral:  W_ij / max |eigenvalue of W|
    """
    weights = matrix.data
    if how == "none" or not matrix.shape[0]:
        return np.asarray(weights, np.float64)
    if how == "row_sum":
        receiver = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        sums = np.bincount(receiver, np.abs(weights), matrix.shape[0])
        return np.asarray(weights / sums[receiver])
    size = np.abs(weights).max(initial=0.0) if how == "max" else spectral_radius(matrix)
    if size <= 0:
        raise CosimError(
            f"the connectome cannot be normalised by {how}",
            why="all weights are 0" if how == "max" or not len(weights) else "its spectral radius is 0: no loop of connections",
            mend="use normalise: none",
        )
    return np.asarray(weights / size)


def spectral_radius(matrix: csr_array) -> float:
    """max |eigenvalue|, 0 where no connections form a loop.

    Ordered by strongly connected parts a matrix is block triangular, so its eigenvalues are those of its parts.
    """
    count, part = connected_components(matrix, directed=True, connection="strong")
    sizes = np.bincount(part, minlength=count)
    if sizes.max() == 1:
        return float(np.abs(matrix.diagonal()).max())
    if matrix.shape[0] <= _DENSE:
        return _largest(matrix)
    radius = float(np.abs(matrix.diagonal()[sizes[part] == 1]).max(initial=0.0))
    for which in np.flatnonzero(sizes > 1):
        rows = np.flatnonzero(part == which)
        radius = max(radius, _largest(matrix[rows][:, rows]))
    return radius


def _largest(matrix: csr_array) -> float:
    """max |eigenvalue|: by Arnoldi iteration; of few regions, or where it does not converge (many of nearly one size), of all."""
    if matrix.shape[0] > _DENSE:
        from scipy.sparse.linalg import ArpackError, eigs

        start = np.random.default_rng(0).standard_normal(matrix.shape[0])  # ARPACK's own would differ from call to call
        with contextlib.suppress(ArpackError):
            return float(np.abs(eigs(matrix, k=6, v0=start, tol=0, maxiter=300, return_eigenvectors=False)).max())
    return float(np.abs(np.linalg.eigvals(matrix.toarray())).max())
