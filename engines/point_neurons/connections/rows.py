"""Kernels that lay synapses into rows, one for each source and part: first they are counted, then, drawn once more, filled in.

So nothing is held but what is kept. Targets of a part are gone through in order, therefore those of a row stand in order.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, uint64
from numpy.typing import NDArray

from engines.point_neurons.connections.rules import most_partners, partners, put_in_order
from engines.point_neurons.draws import Draws, draw_many, stream_of
from engines.point_neurons.layout import LANES

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_inline = njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
_LANES = np.uint64(LANES)


class Columns(NamedTuple):
    """Columns of a ring's row: neuron i of a part has ``first + i // 64 * stride + i % 64``."""

    first: int
    stride: int


class Own(NamedTuple):
    """Values that synapses have of their own, kept as whole numbers floor(scale x - part + 1/2) - whole from ``least`` to ``most``.

    Attributes
    ----------
    is_kept
        Whether they have any.
    draws, key
        What x is drawn from, with the stream of the neuron that the rule goes by and the number of the partner as counter.
    listed
        (synapses,) x of a list, in the order of the targets; empty where they are drawn.
    """

    is_kept: bool
    draws: Draws
    key: np.uint64
    listed: NDArray[np.float64]
    scale: float
    part: float
    whole: float
    least: float
    most: float


class Arrays(NamedTuple):
    """What is filled: as in ``Synapses``."""

    targets: NDArray[np.uint32]
    weights: NDArray[np.int32]
    delays: NDArray[np.uint8] | NDArray[np.uint16]


@_kernel
def _whole(own, neuron, first, count, values):
    """The whole numbers of ``count`` synapses of one neuron, of which the first is number ``first`` of a list."""
    if len(own.listed):
        for n in range(count):
            values[n] = own.listed[first + n]
    else:
        draw_many(own.draws, stream_of(own.key, neuron), count, values)
    scale, part, whole, least, most = own.scale, own.part, own.whole, own.least, own.most
    for n in range(count):
        number = np.floor(values[uint64(n)] * scale - part + 0.5) - whole
        values[uint64(n)] = min(max(number, least), most)


@_inline
def _column(columns, local):
    return np.uint32(uint64(columns.first) + local // _LANES * uint64(columns.stride) + local % _LANES)


# -- by target -----------------------------------------------------------------------------------------------------------------


@_kernel
def count_by_target(rule, part, parts, rows, at):
    """Add to ``rows[at + 1 + source]`` how many synapses that source has in a part."""
    found, seen = np.empty(most_partners(rule), np.uint32), np.zeros(rule.sources // 64 + 1, np.uint64)
    beyond = uint64(at + 1)
    for target in range(part, rule.targets, parts):
        for n in range(partners(rule, target, found, seen)):
            rows[beyond + uint64(found[uint64(n)])] += 1


@_kernel
def starts(rows, at, sources, begin):
    """Make counts places: ``rows[at + 1 + source]`` becomes where the row of that source begins; where the last one ends."""
    rows[at] = begin
    for place in range(at + 1, at + 1 + sources):
        count = rows[place]
        rows[place] = begin
        begin += count
    return begin


@_kernel
def fill_by_target(rule, part, parts, rows, at, weight_at, delay_at, columns, weight, delay, arrays):
    """Write the synapses of a part. Each moves the beginning of its row on, so that in the end it is that of the next row.

    Parameters
    ----------
    weight_at, delay_at
        Synapse j has ``arrays.weights[j + weight_at]`` and ``arrays.delays[j + delay_at]``, if it has its own.
    weight, delay
        Own.
    """
    targets, weights, delays = arrays.targets, arrays.weights, arrays.delays
    most = most_partners(rule)
    found, seen = np.empty(most, np.uint32), np.zeros(rule.sources // 64 + 1, np.uint64)
    strengths, steps = np.empty(most if weight.is_kept else 0), np.empty(most if delay.is_kept else 0)
    beyond, local = uint64(at + 1), uint64(0)
    for target in range(part, rule.targets, parts):
        count, column = partners(rule, target, found, seen), _column(columns, local)
        first = rule.first[target] if len(rule.first) > 1 else 0
        local += uint64(1)
        if weight.is_kept:
            _whole(weight, target, first, count, strengths)
        if delay.is_kept:
            _whole(delay, target, first, count, steps)
        if weight.is_kept and delay.is_kept:
            for n in range(count):
                row = beyond + uint64(found[uint64(n)])
                j = uint64(rows[row])
                rows[row] += 1
                targets[j] = column
                weights[j + uint64(weight_at)] = np.int32(strengths[uint64(n)])
                delays[j + uint64(delay_at)] = np.uint16(steps[uint64(n)])
        elif weight.is_kept:
            for n in range(count):
                row = beyond + uint64(found[uint64(n)])
                j = uint64(rows[row])
                rows[row] += 1
                targets[j] = column
                weights[j + uint64(weight_at)] = np.int32(strengths[uint64(n)])
        elif delay.is_kept:
            for n in range(count):
                row = beyond + uint64(found[uint64(n)])
                j = uint64(rows[row])
                rows[row] += 1
                targets[j] = column
                delays[j + uint64(delay_at)] = np.uint16(steps[uint64(n)])
        else:
            for n in range(count):
                row = beyond + uint64(found[uint64(n)])
                targets[uint64(rows[row])] = column
                rows[row] += 1


# -- by source: the rule is that of partners with the populations exchanged --------------------------------------------------


@_kernel
def count_by_source(rule, from_source, to_source, first_part, parts, rows, at):
    """The same for some sources and all parts of a process; ``at`` (own parts,)."""
    found, seen = np.empty(most_partners(rule), np.uint32), np.zeros(rule.sources // 64 + 1, np.uint64)
    for source in range(from_source, to_source):
        for n in range(partners(rule, source, found, seen)):
            own_part = np.int64(found[n] % np.uint32(parts)) - first_part
            if 0 <= own_part < len(at):
                rows[at[own_part] + 1 + source] += 1


@_kernel
def fill_by_source(rule, from_source, to_source, first_part, parts, rows, at, weight_at, delay_at, columns, weight, delay, arrays):
    """The same; ``weight_at`` and ``delay_at`` (own parts,)."""
    targets, weights, delays = arrays.targets, arrays.weights, arrays.delays
    most = most_partners(rule)
    found, seen = np.empty(most, np.uint32), np.zeros(rule.sources // 64 + 1, np.uint64)
    in_order, first = np.empty(most, np.uint32), np.empty(most + 1, np.int64)
    strengths, steps = np.empty(most if weight.is_kept else 0), np.empty(most if delay.is_kept else 0)
    for source in range(from_source, to_source):
        count = partners(rule, source, found, seen)
        put_in_order(found, count, rule.sources, in_order, first)
        if weight.is_kept:
            _whole(weight, source, 0, count, strengths)
        if delay.is_kept:
            _whole(delay, source, 0, count, steps)
        for n in range(count):
            target = found[uint64(n)]
            own_part = np.int64(target % np.uint32(parts)) - first_part
            if not 0 <= own_part < len(at):
                continue
            row = at[own_part] + 1 + source
            j = uint64(rows[row])
            rows[row] += 1
            targets[j] = _column(columns, uint64(target // np.uint32(parts)))
            if weight.is_kept:
                weights[j + uint64(weight_at[own_part])] = np.int32(strengths[uint64(n)])
            if delay.is_kept:
                delays[j + uint64(delay_at[own_part])] = np.uint16(steps[uint64(n)])
