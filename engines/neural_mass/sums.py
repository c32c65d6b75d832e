"""Kernels that sum over connections. Each element is summed over senders in one order, however time is cut into blocks."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import float64, int32, int64, njit, types, uint64

from engines.equations.maths import sin

_WHOLE, _SHORT = types.Array(int64, 1, "C", readonly=True), types.Array(int32, 1, "C", readonly=True)
_ROW, _TABLE = types.Array(float64, 1, "C", readonly=True), types.Array(float64, 2, "C", readonly=True)
_CUBE, _STREAMS = types.Array(float64, 3, "C", readonly=True), types.Array(uint64, 3, "C", readonly=True)
_CONNECTIONS = types.Tuple((_WHOLE, _SHORT, _SHORT, _ROW))

SEND = types.void(int64, _TABLE, _CUBE, _CUBE, float64[:, :, ::1])
SLOPES = types.void(int64, _TABLE, _CUBE, _TABLE, _TABLE, float64[:, ::1], float64[:, ::1])
"""Signatures of the functions that are made of a model's description."""


def integrate_of(layers: int) -> types.Type:
    """The signature of ``integrate`` for some number of layers, each with its long and its short connections."""
    connections = types.UniTuple(types.UniTuple(_CONNECTIONS, 2), layers)
    counts = (int64,) * 6  # replica, last, steps, position, first_step, block
    given = (_WHOLE, _TABLE, _CUBE, _CUBE, connections, _STREAMS)
    return types.void(*counts, float64, *given, float64[:, :, ::1], float64[:, :, :, ::1], float64[:, :, ::1], int64[::1])


@njit(cache=True, nogil=True, error_model="numpy")
def sum_ahead(sums, count, at, connections, past, row):
    """sums[b, i] = sum over connections of region i of weight * past[source, at + b - delay], for ``count`` steps at once.

    Four connections at a time: a total is loaded and stored once for them, and four reads from memory are under way at once.
    Places are unsigned, as Numba looks twice at those that may be negative. ``row`` has room for ``count`` numbers.
    """
    first, source, delay, weight = connections
    if len(weight) == 0:
        sums[:count] = 0.0
        return
    flat, columns, steps = past.reshape(past.size), np.uint64(past.shape[1]), np.uint64(count)
    for i in range(len(first) - 1):
        for b in range(steps):
            row[b] = 0.0
        p, last = first[i], first[i + 1]
        while p + 4 <= last:
            s0 = np.uint64(source[p]) * columns + np.uint64(at - delay[p])
            s1 = np.uint64(source[p + 1]) * columns + np.uint64(at - delay[p + 1])
            s2 = np.uint64(source[p + 2]) * columns + np.uint64(at - delay[p + 2])
            s3 = np.uint64(source[p + 3]) * columns + np.uint64(at - delay[p + 3])
            w0, w1, w2, w3 = weight[p], weight[p + 1], weight[p + 2], weight[p + 3]
            for b in range(steps):
                total = row[b] + w0 * flat[s0 + b]
                total = total + w1 * flat[s1 + b]
                total = total + w2 * flat[s2 + b]
                row[b] = total + w3 * flat[s3 + b]
            p += 4
        while p < last:
            s0, w0 = np.uint64(source[p]) * columns + np.uint64(at - delay[p]), weight[p]
            for b in range(steps):
                row[b] += w0 * flat[s0 + b]
            p += 1
        for b in range(steps):
            sums[b, i] = row[b]


@njit(cache=True, nogil=True, error_model="numpy")
def add_now(sums, n, at, connections, past):
    """sums[n, i] += sum over connections of region i of weight * past[source, at - delay], every fourth into a sum of its own."""
    first, source, delay, weight = connections
    if len(weight) == 0:
        return
    flat, columns = past.reshape(past.size), np.uint64(past.shape[1])
    for i in range(len(first) - 1):
        a, b, c, d = 0.0, 0.0, 0.0, 0.0
        p, last = first[i], first[i + 1]
        while p + 4 <= last:
            a += weight[p] * flat[np.uint64(source[p]) * columns + np.uint64(at - delay[p])]
            b += weight[p + 1] * flat[np.uint64(source[p + 1]) * columns + np.uint64(at - delay[p + 1])]
            c += weight[p + 2] * flat[np.uint64(source[p + 2]) * columns + np.uint64(at - delay[p + 2])]
            d += weight[p + 3] * flat[np.uint64(source[p + 3]) * columns + np.uint64(at - delay[p + 3])]
            p += 4
        while p < last:
            a += weight[p] * flat[np.uint64(source[p]) * columns + np.uint64(at - delay[p])]
            p += 1
        sums[n, i] += (a + b) + (c + d)


@njit(cache=True, nogil=True, error_model="numpy")
def sines(phases):
    """(n,) their sines, the same bits on every machine."""
    found = np.empty(len(phases))
    for n in range(len(phases)):
        found[n] = sin(phases[n])
    return found
