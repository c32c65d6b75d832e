"""Kernels that sum over connections. Each element of a sum runs over senders in increasing order, however it is cut into blocks."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def sum_ahead(sums, count, at, connections, past, row):
    """sums[b, i] = sum over connections of region i of weight * past[source, at + b - delay], for ``count`` steps at once.

    A weight and its place are read once for all steps, and along time neighbours are neighbours in memory.
    ``row`` has room for ``count`` numbers.
    """
    first, source, delay, weight = connections
    if len(source) == 0:
        sums[:count] = 0.0
        return
    total = row[:count]
    for i in range(len(first) - 1):
        total[:] = 0.0
        for p in range(first[i], first[i + 1]):
            start = at - delay[p]
            sent = past[source[p], start : start + count]
            w = weight[p]
            for b in range(count):
                total[b] += w * sent[b]
        for b in range(count):
            sums[b, i] = total[b]


@njit(cache=True, nogil=True, error_model="numpy")
def add_now(sums, at, connections, past):
    """sums[i] += sum over connections of region i of weight * past[source, at - delay]."""
    first, source, delay, weight = connections
    if len(source) == 0:
        return
    for i in range(len(first) - 1):
        total = 0.0
        for p in range(first[i], first[i + 1]):
            total += weight[p] * past[source[p], at - delay[p]]
        sums[i] += total
