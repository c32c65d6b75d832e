"""Kernels of monitors. Imports Numba, so it is loaded where a monitor is built."""

from __future__ import annotations

from numba import float64, njit, types, void

_TABLE = types.Array(float64, 2, "C", readonly=True)


@njit(void(_TABLE, _TABLE, float64[:, ::1]), cache=True, nogil=True, error_model="numpy")
def project(gain, rows, out):  # type: ignore[no-untyped-def]
    """out[k, s] = sum over r of gain[r, s] rows[k, r], in the order of r, however many rows there are."""
    for k in range(len(rows)):
        for s in range(gain.shape[1]):
            out[k, s] = 0.0
        for r in range(gain.shape[0]):
            x = rows[k, r]
            for s in range(gain.shape[1]):
                out[k, s] += gain[r, s] * x
