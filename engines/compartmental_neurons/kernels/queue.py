"""Events on their way: into a heap ordered by the start of the step at which they act, and out of it in the order of kernels."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from engines.compartmental_neurons.kernels.index import EVENT

_kernel = njit(cache=True, nogil=True, error_model="numpy")


@_kernel
def size_of(sources, first):
    """How many events spikes of some sources make."""
    count = 0
    for source in sources:
        count += first[source + 1] - first[source]
    return count


@_kernel
def put(times_ns, sources, first, delay_ns, dt_ns, heap_ns, heap_synapse, count):
    """Push the events of spikes; how many there are then. The heap has room. One acts at the nearest step, of two the earlier."""
    for k in range(len(times_ns)):
        for synapse in range(first[sources[k]], first[sources[k] + 1]):
            at, dt = count, dt_ns[synapse]
            due = -((dt - 2 * (times_ns[k] + delay_ns[synapse])) // (2 * dt)) * dt  # ceil((2 t - dt) / (2 dt)) steps
            count += 1
            while at > 0:
                parent = (at - 1) // 2
                if heap_ns[parent] <= due:
                    break
                heap_ns[at], heap_synapse[at] = heap_ns[parent], heap_synapse[parent]
                at = parent
            heap_ns[at], heap_synapse[at] = due, synapse
    return count


@_kernel
def take(heap_ns, heap_synapse, count, until_ns, rows, dt_ns, batch, code, receptor, slot, uniform, weight):
    """Pop what acts before a time; how many, with inner step, code, slot, uniform, weight, batch and receptor in ``rows``."""
    found = 0
    while count > 0 and heap_ns[0] < until_ns and found < len(rows):
        synapse, due = heap_synapse[0], heap_ns[0]
        count -= 1
        last_ns, last = heap_ns[count], heap_synapse[count]
        at = 0
        while True:
            child = 2 * at + 1
            if child >= count:
                break
            if child + 1 < count and heap_ns[child + 1] < heap_ns[child]:
                child += 1
            if last_ns <= heap_ns[child]:
                break
            heap_ns[at], heap_synapse[at] = heap_ns[child], heap_synapse[child]
            at = child
        heap_ns[at], heap_synapse[at] = last_ns, last
        rows[found, 0] = due // dt_ns[synapse]
        rows[found, 1], rows[found, 2], rows[found, 3] = code[synapse], slot[synapse], uniform[synapse]
        rows[found, 4], rows[found, 5], rows[found, 6] = weight[synapse], batch[synapse], receptor[synapse]
        found += 1
    return found


@_kernel
def _before(rows, a, b):
    for key in (5, 0, 2, 6, 4):
        if rows[a, key] != rows[b, key]:
            return rows[a, key] < rows[b, key]
    return False


@_kernel
def order(rows, count, batches, events, first):
    """Rows sorted by batch, inner step, slot, receptor and weight into ``events``, and the first of each batch: merges of runs."""
    here, there = np.arange(count), np.empty(count, np.int64)
    width = 1
    while width < count:
        for begin in range(0, count, 2 * width):
            middle, end = min(begin + width, count), min(begin + 2 * width, count)
            i, j = begin, middle
            for k in range(begin, end):
                if i < middle and (j >= end or not _before(rows, here[j], here[i])):
                    there[k] = here[i]
                    i += 1
                else:
                    there[k] = here[j]
                    j += 1
        here, there = there, here
        width *= 2
    b = 0
    for k in range(count):
        row = here[k]
        while b <= rows[row, 5]:
            first[b] = k
            b += 1
        for key in range(EVENT):
            events[k * EVENT + key] = rows[row, key]
    while b <= batches:
        first[b] = count
        b += 1
