"""Kernels of background spikes: Poisson counts of every neuron and step, added to what arrives.

A count is found by inversion of its distribution: it is the number of thresholds P(count <= n), in units of 2^-53, that a uniform
number of 53 bits has reached. The number is a hash of the source, the neuron and the step. Up to a mean of 4, counts of 64 lanes
are compared with the first sixteen thresholds side by side; larger ones are looked up from the upper bits of the number.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np
from numba import njit, uint64

from engines.equations.maths import exp, expm1
from engines.equations.randoms import GOLDEN, mix, uniform

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_SIDE_BY_SIDE = 4.0
_LARGEST_MEAN = 16.0  # of one draw; larger means are sums of draws
MOST_SPIKES = 1 << 20  # of a neuron in a step
TABLE, GUIDE = 80, 256  # P(n >= 79 | mean 16) < 2^-53
_BELOW_GUIDE = 45  # 8 of 53 bits guide into the table
_BELOW_53 = np.uint64(11)


@_kernel
def fill_table(mean, tables, guides, q):
    """P(count <= n) in units of 2^-53; and for each value of the uppermost bits the smallest count that such a number can mean."""
    term = exp(-mean)
    total, full = term, np.int64(1 << 53)
    for n in range(TABLE):
        tables[q, n] = full if (term < 2.0**-60 and n > mean) or n == TABLE - 1 else np.int64(total * 2.0**53)
        term *= mean / (n + 1)
        total += term
    n = 0
    for top in range(GUIDE):
        while (top << _BELOW_GUIDE) >= tables[q, n]:
            n += 1
        guides[q, top] = n


@_kernel
def number_of(stream, now, mean):
    """How many spikes a Poisson process of some mean has in a step."""
    if mean <= _LARGEST_MEAN:
        return _number_below(uniform(stream, now), mean)
    if mean > MOST_SPIKES:
        return 2 * MOST_SPIKES
    draws, count = math.ceil(mean / _LARGEST_MEAN), 0
    for d in range(draws):
        count += _number_below(uniform(mix(stream + np.uint64(d) * GOLDEN), now), mean / draws)
    return count


@_kernel
def _number_below(u, mean):
    """The largest n of which P(n or more) is above a uniform number."""
    term = mean * exp(-mean)
    beyond, n = -expm1(-mean), 0
    while u < beyond and n < 20.0 + 2.0 * mean:  # farther than any u reaches; what rounding leaves of 0 may be above the least u
        n += 1
        beyond -= term
        term *= mean / (n + 1)
    return n


@_kernel
def _looked_up(number, tables, guides, q):
    n = guides[q, number >> _BELOW_GUIDE]
    while number >= tables[q, n]:
        n += 1
    return n


@_kernel
def add_side_by_side(key, keys, first_lane, lanes, ring, first, stride, weight, tables, q):
    """Counts of a mean up to 4, times ``weight``, into a row of the ring."""
    t0, t1, t2, t3, t4, t5, t6, t7 = (
        tables[q, 0],
        tables[q, 1],
        tables[q, 2],
        tables[q, 3],
        tables[q, 4],
        tables[q, 5],
        tables[q, 6],
        tables[q, 7],
    )
    t8, t9, t10, t11, t12, t13, t14, t15 = (
        tables[q, 8],
        tables[q, 9],
        tables[q, 10],
        tables[q, 11],
        tables[q, 12],
        tables[q, 13],
        tables[q, 14],
        tables[q, 15],
    )
    for b in range(lanes // 64):
        at, from_lane, beyond = uint64(first + b * stride), uint64(first_lane + b * 64), 0
        for lane in range(64):
            u = np.int64(mix(key ^ keys[from_lane + uint64(lane)]) >> _BELOW_53)
            low = np.int64(u >= t0) + np.int64(u >= t1) + np.int64(u >= t2) + np.int64(u >= t3)
            low += np.int64(u >= t4) + np.int64(u >= t5) + np.int64(u >= t6) + np.int64(u >= t7)
            high = np.int64(u >= t8) + np.int64(u >= t9) + np.int64(u >= t10) + np.int64(u >= t11)
            high += np.int64(u >= t12) + np.int64(u >= t13) + np.int64(u >= t14)
            beyond += np.int64(u >= t15)
            ring[at + uint64(lane)] += (low + high + np.int64(u >= t15)) * weight
        if beyond:
            for lane in range(64):
                u, n = np.int64(mix(key ^ keys[from_lane + uint64(lane)]) >> _BELOW_53), 16
                while u >= tables[q, n]:
                    ring[at + uint64(lane)] += weight
                    n += 1


@_kernel
def add_background(q, rates, row, dt, step, background, keys, lanes, first_lane, first, stride, ring, tables, guides, last):
    """Poisson spikes of source ``q`` in one step.

    Parameters
    ----------
    row
        of ``rates`` (rows, channels) in Hz; ``background.channel[q]`` is the first of this source, one for all or one a lane.
    last
        (sources,) the mean that the table is of.
    """
    key = mix(background.key[q] + np.uint64(step) * GOLDEN)
    weight, channel, each = background.weight[q], background.channel[q], background.each[q]
    if not each:
        mean = rates[row, channel] * dt
        draws = max(0, math.ceil(mean / _LARGEST_MEAN))
        if draws == 0:
            return
        if mean != last[q]:
            last[q] = mean
            fill_table(mean / draws, tables, guides, q)
        if mean <= _SIDE_BY_SIDE:
            add_side_by_side(key, keys, first_lane, lanes, ring, first, stride, weight, tables, q)
            return
        for i in range(lanes):
            count = 0
            for d in range(draws):
                number = mix((key + np.uint64(d) * GOLDEN) ^ keys[first_lane + i])
                count += _looked_up(np.int64(number >> _BELOW_53), tables, guides, q)
            ring[first + (i // 64) * stride + i % 64] += count * weight
        return
    for i in range(lanes):
        mean = rates[row, channel + i] * dt
        draws = max(0, math.ceil(mean / _LARGEST_MEAN))
        count = 0
        for d in range(draws):
            term = exp(-mean / draws)
            u = (np.float64(mix((key + np.uint64(d) * GOLDEN) ^ keys[first_lane + i]) >> _BELOW_53) + 0.5) * 2.0**-53
            n = 0
            while u > term and n < TABLE:
                u -= term
                n += 1
                term *= mean / draws / n
            count += n
        ring[first + (i // 64) * stride + i % 64] += count * weight
