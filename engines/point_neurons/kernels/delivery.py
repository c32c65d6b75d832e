"""Kernels that bring spikes to their targets: whole quanta added to a ring of what arrives in the coming steps.

Row ``step % slots`` of a part's ring has what arrives at the end of a step, by column. Sums of whole numbers do not depend on
their order, so a network may be spread over threads, processes and engines anywhere.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit, uint64

from engines.point_neurons.connections.synapses import NONE
from engines.point_neurons.plasticity.calls import arrive, depart, hear, settle

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_NONE = np.int64(NONE)


@_kernel
def deliver(part, group, source, step, synapses, mean_field, slots, ring, width, mean, sums, parts, this_part):
    """Lay the effects of one spike of a source, stamped with ``step``, into the ring of a part.

    Parameters
    ----------
    part, this_part
        Number of the part in this process, and among all.
    ring, mean
        (slots * width,) and (slots * sums,) int64.
    """
    for p in range(synapses.of_group[group], synapses.of_group[group + 1]):
        row = synapses.row_at[p, part] + source
        begin, end = synapses.rows[row], synapses.rows[row + 1]
        if begin == end:
            continue
        weight_at, delay_at = synapses.weight_at[p, part], synapses.delay_at[p, part]
        weight, shift = synapses.weight[p], synapses.shift[p]
        first = uint64(((step + synapses.delay[p]) & (slots - 1)) * width)
        if weight_at == _NONE and delay_at == _NONE:
            for j in range(begin, end):
                ring[first + uint64(synapses.targets[uint64(j)])] += weight
        elif delay_at == _NONE:
            for j in range(begin, end):
                own = np.int64(synapses.weights[uint64(j + weight_at)]) << shift
                ring[first + uint64(synapses.targets[uint64(j)])] += own
        elif weight_at == _NONE:
            for j in range(begin, end):
                slot = (step + np.int64(synapses.delays[uint64(j + delay_at)])) & (slots - 1)
                ring[uint64(slot * width) + uint64(synapses.targets[uint64(j)])] += weight
        else:
            for j in range(begin, end):
                slot = (step + np.int64(synapses.delays[uint64(j + delay_at)])) & (slots - 1)
                own = np.int64(synapses.weights[uint64(j + weight_at)]) << shift
                ring[uint64(slot * width) + uint64(synapses.targets[uint64(j)])] += own
    for m in range(mean_field.of_group[group], mean_field.of_group[group + 1]):
        slot = (step + mean_field.delay[m]) & (slots - 1)
        mean[slot * sums + mean_field.place[m]] += mean_field.weight[m]
        own_column = mean_field.own_column[m]
        if own_column >= 0 and source % parts == this_part:
            local = source // parts
            ring[slot * width + own_column + (local // 64) * mean_field.stride[m] + local % 64] -= mean_field.weight[m]


@_kernel
def bring(part, own, count, done, first_step, plan, number, arrays, synapses, mean_field, plastic, spikes, early, ends):
    """Spikes of an interval, of all parts, to their targets in one; as often as the whole part of ``early`` is above 0, again."""
    learns = len(plastic.spike) > 0
    ring, mean = arrays.ring[own], arrays.mean[own]
    parts, slots, width, sums = number.parts, number.slots, number.width, number.sums
    for n in range(count):
        step = first_step + done + n + 1
        for other in range(parts):
            a = 0
            if n > 0:
                a = ends[other, n - 1, len(plan.update) - 1]
            for p in range(len(plan.update)):
                b = ends[other, n, p]
                for s in range(a, b):
                    source = spikes[other, s]
                    for _ in range(1 + int(early[other, s])):
                        deliver(
                            own, plan.group[p], source, step, synapses, mean_field, slots, ring, width, mean, sums, parts, part
                        )  # fmt: skip
                        if learns:
                            arrive(plastic, own, plan.group[p], source, step, slots, ring, width)
                            if other == part:
                                depart(plastic, own, p, source // parts, step)
                a = b
        if learns:
            settle(plastic, own, step)


@_kernel
def let_in(part, own, until, arrived, inputs, number, arrays, synapses, mean_field, plastic):
    """Spikes from outside up to a step, to their targets in a part; how many of the window have been let in."""
    ring, mean, learns = arrays.ring[own], arrays.mean[own], len(plastic.spike) > 0
    if learns:
        hear(plastic, own, until)
    while arrived < len(inputs.step) and inputs.step[arrived] <= until:
        deliver(
            own,
            inputs.group[arrived],
            inputs.source[arrived],
            inputs.step[arrived],
            synapses,
            mean_field,
            number.slots,
            ring,
            number.width,
            mean,
            number.sums,
            number.parts,
            part,
        )
        if learns:
            group, source, step = inputs.group[arrived], inputs.source[arrived], inputs.step[arrived]
            arrive(plastic, own, group, source, step, number.slots, ring, number.width)
        arrived += 1
    return arrived


@_kernel
def keep(keys, kept, m, part, count, done, plan, number, spikes, early, ends):
    """Keys of the spikes of an interval: (time in ns since the start of the window) * channels + channel."""
    found = m
    for s in range(m):
        found += int(early[part, s])
    if kept + found > len(keys):
        more = np.empty(2 * (kept + found), np.int64)
        more[:kept] = keys[:kept]
        keys = more
    s = 0
    for n in range(count):
        until = (done + n + 1) * number.dt_ns
        for p in range(len(plan.update)):
            first = plan.first_channel[p]
            while s < ends[part, n, p]:
                more_of_it = int(early[part, s])
                before = min(int((early[part, s] - more_of_it) * number.dt_ns), number.dt_ns - 1)
                for _ in range(1 + more_of_it):
                    keys[kept] = (until - before) * number.channels + first + spikes[part, s]
                    kept += 1
                s += 1
    return keys, kept
