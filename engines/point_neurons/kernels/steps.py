"""Kernels of steps: populations are moved one after the other, then spikes of all parts are brought to their targets.

move    moves the neurons of a part on by some steps, no spike of which is felt before the last is done
look    whether all states are finite
run     over a window, where all parts are threads of one process: moves, then brings; threads meet between the two
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit, uint64

from engines.point_neurons.kernels.background import add_background
from engines.point_neurons.kernels.barrier import meet
from engines.point_neurons.kernels.delivery import bring, keep, let_in
from engines.point_neurons.kernels.pointers import call_observe, call_update, place
from engines.point_neurons.layout import LANES

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_LOOK_EVERY = 128


@_kernel
def look(own, plan, number, arrays):
    """Note the first state of a neuron in a part that is not finite, unless something is noted already."""
    state = arrays.state[own]
    for p in range(len(plan.update)):
        if number.broken[own] >= 0:
            return
        each = (plan.first_state[p + 1] - plan.first_state[p]) // max(plan.blocks[p], 1)
        for b in range(plan.blocks[p]):
            lanes, at = min(LANES, plan.count[own, p] - b * LANES), plan.first_state[p] + b * each  # others are of no neuron
            for first in range(at, at + each - 2 * LANES, LANES):  # without what is left of being refractory, and the mark
                wrong = False
                for lane in range(lanes):
                    x = state[uint64(first + lane)]
                    wrong |= (x - x) != 0.0
                if wrong:
                    lane = 0
                    while (state[first + lane] - state[first + lane]) == 0.0:
                        lane += 1
                    number.broken[own] = first + lane
                    return


@_kernel
def move(part, own, count, done, first_step, dt, plan, number, arrays, inputs, spikes, early, ends, counts, observed):
    """``count`` steps after ``first_step + done`` of the window; how many spikes there were.

    Parameters
    ----------
    part, own
        Number of the part among all, and in this process.
    """
    # views are made here and not in the steps: each counts a reference, which threads would have to agree on
    state, ring, mean, keys = arrays.state[own], arrays.ring[own], arrays.mean[own], arrays.keys[own]
    regional, rates, my_spikes, my_early = arrays.regional[own], inputs.rates[own], spikes[part], early[part]
    drive, row_drive = inputs.drive.reshape(-1), inputs.drive.shape[1]
    each, row_each = inputs.own[own].reshape(-1), inputs.own.shape[2]
    tables, guides, last, root_dt = arrays.tables[own], arrays.guides[own], arrays.last[own], np.sqrt(dt)
    slots, width, sums = number.slots, number.width, number.sums
    m = 0
    for n in range(count):
        step = first_step + done + n + 1
        slot, now = step & (slots - 1), uint64(first_step + done + n)
        for p in range(len(plan.update)):
            first, lanes = slot * width + plan.first_column[p], plan.blocks[p] * LANES
            for q in range(plan.first_background[p], plan.first_background[p + 1]):
                add_background(
                    q, rates, done + n, dt, step, arrays.background, keys, lanes, arrays.background.key_place[q],
                    first + arrays.background.receptor[q] * LANES, plan.receptors[p] * LANES, ring, tables, guides, last,
                )  # fmt: skip
            before = m
            at, constants, own_constants = plan.first_state[p], plan.first_uniform[p], plan.first_regional[p]
            m = call_update(
                plan.update[p], plan.count[own, p], plan.blocks[p], now, dt, root_dt, part, number.parts, place(state, at),
                place(ring, first), place(mean, slot * sums + plan.first_mean[p]), place(arrays.uniform, constants),
                place(regional, own_constants), place(keys, plan.first_key[p]),
                place(drive, (done + n) * row_drive + plan.first_drive[p]), place(each, (done + n) * row_each + plan.first_own[p]),
                place(my_spikes, 0), place(my_early, 0), m, len(my_spikes),
            )  # fmt: skip
            if m == len(my_spikes):  # there is room for one more than can be; a neuron with too many says so in this way
                number.broken[own] = len(state) + p
                m = before
            ends[part, n, p] = m
            counts[own, done + n, p] = m - before
            for s in range(before, m):
                counts[own, done + n, p] += int(my_early[s])
            for q in range(plan.first_observed[own, p], plan.first_observed[own, p + 1]):
                observed[done + n, plan.observed_column[own, q]] = call_observe(
                    plan.observe[p], plan.observed_which[own, q], plan.observed_local[own, q], place(state, at),
                    place(arrays.uniform, constants), place(regional, own_constants), dt,
                )  # fmt: skip
        for q in range(sums):
            mean[slot * sums + q] = 0
        if step % _LOOK_EVERY == 0:
            look(own, plan, number, arrays)
    return m


@_kernel
def run(
    own, first_step, steps, dt, plan, number, arrays, inputs, synapses, mean_field, plastic, spikes, early, ends, counts, observed
):
    """A window of one part; the keys of its spikes."""
    threads, part = number.parts, own
    keys, kept = np.empty(1024, np.int64), 0
    done, arrived, turn = 0, 0, 0
    while done < steps:
        count = min(number.interval, steps - done)
        arrived = let_in(part, own, first_step + done + count, arrived, inputs, number, arrays, synapses, mean_field, plastic)
        now_spikes, now_early, now_ends = spikes[turn & 1], early[turn & 1], ends[turn & 1]
        m = move(
            part, own, count, done, first_step, dt, plan, number, arrays, inputs, now_spikes, now_early, now_ends, counts, observed
        )
        keys, kept = keep(keys, kept, m, part, count, done, plan, number, now_spikes, now_early, now_ends)
        if threads > 1:
            meet(number.meetings, threads, turn)  # two sets of spikes: who is ahead by one interval writes into the other
        bring(
            part, own, count, done, first_step, plan, number, arrays, synapses, mean_field, plastic, now_spikes, now_early, now_ends
        )  # fmt: skip
        turn += 1
        done += count
    if steps > 0:
        look(own, plan, number, arrays)
    return keys[:kept]
