"""Kernels of the rules by which a target neuron finds its partners.

Random numbers are keyed by the target alone, and counted: word n of a target is the n-th of the SplitMix64 sequence that starts at
its stream. So the partners of a neuron do not depend on which part it is in.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, uint64
from numpy.typing import NDArray

from engines.equations.maths import log1p, log_of_positive
from engines.equations.randoms import GOLDEN, mix
from engines.point_neurons.connections.surroundings import Surroundings, near
from engines.point_neurons.draws import below, bits_of, stream_of

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_inline = njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
ALL_TO_ALL, ONE_TO_ONE, INDEGREE, BERNOULLI, DISTANCE, LIST = range(6)
_ONE = np.uint64(1)
_IN_WORD, _WORD = np.uint64(6), np.uint64(63)
_BELOW_53 = np.uint64(11)
_HALF = np.uint64(32)
_AT_ONCE = 16  # logarithms, side by side


class Rule(NamedTuple):
    """How the targets of a projection find their partners.

    Attributes
    ----------
    kind
        One of the constants above.
    key
        Of the random numbers.
    sources, targets
        Sizes of the populations.
    is_alone, is_distinct
        Whether a neuron is no partner of its own, and has no partner twice.
    degree
        Of INDEGREE, where all have as many.
    probability
        Of BERNOULLI.
    first
        (targets + 1,) of INDEGREE where they have not, and of LIST: its partners are numbers ``first[t]`` to ``first[t + 1]``.
    listed
        (synapses,) uint32 of LIST: sources in the order of the targets.
    surroundings
        Of DISTANCE.
    """

    kind: int
    key: np.uint64
    sources: int
    targets: int
    is_alone: bool
    is_distinct: bool
    degree: int
    probability: float
    first: NDArray[np.int64]
    listed: NDArray[np.uint32]
    surroundings: Surroundings


# -- the partners of one target ------------------------------------------------------------------------------------------------


@_kernel
def most_partners(rule):
    """No target has more."""
    if len(rule.first) == 1:
        return rule.degree if rule.kind == INDEGREE else 1 if rule.kind == ONE_TO_ONE else rule.sources
    most = 0
    for target in range(rule.targets):
        most = max(most, rule.first[target + 1] - rule.first[target])
    return most


@_kernel
def partners(rule, target, found, seen):
    """Write the sources of a target into ``found``; how many they are.

    Parameters
    ----------
    found
        (most partners,) uint32.
    seen
        (sources / 64, rounded up) uint64 zeros, which are left as they were.
    """
    if rule.kind == LIST:
        first = rule.first[target]
        count = rule.first[target + 1] - first
        for n in range(count):
            found[n] = rule.listed[first + n]
        return count
    if rule.kind == ONE_TO_ONE:
        found[0] = target
        return 1
    stream, choices = stream_of(rule.key, target), rule.sources - rule.is_alone
    if rule.kind == INDEGREE:
        count = rule.degree if len(rule.first) == 1 else rule.first[target + 1] - rule.first[target]
        if rule.is_distinct:
            _draw_distinct(stream, count, choices, found, seen)
        else:
            bits = bits_of(choices)
            for n in range(count):
                found[uint64(n)] = below(mix(stream + uint64(n) * GOLDEN), choices, bits)
    elif rule.kind == BERNOULLI:
        count = _draw_each(stream, rule.probability, choices, found)
    elif rule.kind == DISTANCE:
        return near(rule.surroundings, stream, target, rule.is_alone, found)
    else:
        count = choices
        for n in range(count):
            found[n] = n
    if rule.is_alone:
        for n in range(count):
            found[uint64(n)] += found[uint64(n)] >= target
    return count


@_kernel
def _draw_distinct(stream, count, choices, found, seen):
    """``count`` different numbers below ``choices``, all sets of them as likely (Floyd, in Bentley 1987, CACM 30, 754)."""
    bits = bits_of(choices)
    for n in range(count):
        last = uint64(choices - count + n)
        number = below(mix(stream + uint64(n) * GOLDEN), last + _ONE, bits)
        if (seen[number >> _IN_WORD] >> (number & _WORD)) & _ONE:
            number = last
        seen[number >> _IN_WORD] |= _ONE << (number & _WORD)
        found[n] = number
    for n in range(count):
        seen[found[n] >> _IN_WORD] = 0


@_kernel
def _draw_each(stream, probability, choices, found):
    """Each number below ``choices`` with a probability: gaps between them are geometric."""
    if probability <= 0.0:
        return 0
    scale, gaps = 1.0 / log1p(-probability), np.empty(_AT_ONCE)  # -0 where it is 1: all gaps are 0
    count, at, first = 0, -1.0, uint64(0)
    while True:
        for k in range(_AT_ONCE):
            word = mix(stream + (first + uint64(k)) * GOLDEN)
            gaps[uint64(k)] = np.floor(log_of_positive((np.float64(word >> _BELOW_53) + 0.5) * 2.0**-53) * scale)
        for k in range(_AT_ONCE):
            at += 1.0 + gaps[uint64(k)]
            if not at < choices:
                return count
            found[uint64(count)] = np.uint32(at)
            count += 1
        first += uint64(_AT_ONCE)


@_kernel
def put_in_order(found, count, limit, sorted_, first):
    """Sort ``count`` numbers below ``limit`` that are spread evenly, as those that are drawn are.

    Each goes to one of as many shares of the range as there are numbers, which makes nearly all of the way; the rest is insertion.

    Parameters
    ----------
    sorted_
        (count or more,) uint32; what is sorted stands in ``found`` in the end.
    first
        (count or more + 1,) int64.
    """
    scale = (uint64(count) << _HALF) // uint64(limit)
    first[: count + 1] = 0
    for n in range(count):
        first[((uint64(found[uint64(n)]) * scale) >> _HALF) + _ONE] += 1
    for share in range(count):
        first[share + 1] += first[share]
    for n in range(count):
        share = (uint64(found[uint64(n)]) * scale) >> _HALF
        sorted_[uint64(first[share])] = found[uint64(n)]
        first[share] += 1
    for n in range(count):
        number, place = sorted_[uint64(n)], n
        while place > 0 and found[uint64(place - 1)] > number:
            found[uint64(place)] = found[uint64(place - 1)]
            place -= 1
        found[uint64(place)] = number


# -- in-degrees that differ, and lists -----------------------------------------------------------------------------------------


@_kernel
def shared_out(key, number, sources, targets, is_distinct):
    """(targets + 1,) where the partners of each target begin, when ``number`` pairs are drawn from all.

    A draw with replacement takes a random target. Without it a random pair of a random target is taken unless it is already: as
    any of the pairs of a target may be those that are, the chance of that is how many they are by how many there can be.
    """
    first = np.zeros(targets + 1, np.int64)
    bits, bits_within, n = bits_of(targets), bits_of(sources), uint64(0)
    # beyond half of the pairs those that are left out are drawn, as few draws would hit the last ones
    holes = is_distinct and 2 * number > sources * targets
    left = sources * targets - number if holes else number
    while left > 0:
        target = below(mix(key + n * GOLDEN), targets, bits)
        n += _ONE
        if is_distinct:
            within = below(mix(key + n * GOLDEN), sources, bits_within)
            n += _ONE
            if within < uint64(first[target + _ONE]):
                continue
        first[target + _ONE] += 1
        left -= 1
    for target in range(targets):
        first[target + 1] = first[target] + (sources - first[target + 1] if holes else first[target + 1])
    return first


@_kernel
def by_target(target, targets):
    """(targets + 1,) where the edges of each target begin, and (edges,) their numbers in that order; those of one as they came."""
    first, order = np.zeros(targets + 1, np.int64), np.empty(len(target), np.int64)
    for edge in range(len(target)):
        first[target[edge] + 1] += 1
    for t in range(targets):
        first[t + 1] += first[t]
    at = first.copy()
    for edge in range(len(target)):
        order[at[target[edge]]] = edge
        at[target[edge]] += 1
    return first, order
