"""The loops: one call advances the whole network over a window; another draws a projection.

Random numbers are counted, not drawn: each is a hash of what it is for (a key from seed and name, the neuron, the step), so it
does not depend on windows, engines or the order of calls. The hash is the finaliser of SplitMix64 (Steele, Lea and Flood 2014;
Stafford's mix 13).

What spikes bring is summed in whole quanta, a power of two some 2^-40 of the largest weight onto that population. Integer sums do
not depend on their order, floating-point sums of different weights do: so a network may be cut anywhere. 2^23 of the largest
weights fit into one step and neuron.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np
from numba import njit

from engines.equations.randoms import GOLDEN, mix

_TO_UNIT = 2.0**-53
_LARGEST_MEAN = 16.0  # of one Poisson draw by inversion; larger means are sums of draws
_TABLE, _GUIDE, _BELOW_GUIDE = 80, 256, 45  # P(n >= 79 | mean 16) < 2^-53; 8 of 53 bits guide into the table
FIXED_INDEGREE, BERNOULLI, ALL_TO_ALL, ONE_TO_ONE = range(4)


# -- drawing a projection ------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True, error_model="numpy")
def _partners(rule, key, target, sources, indegree, probability, skip_self, found):
    """Write the sources of one target neuron into ``found``; how many they are. Random numbers are keyed by the target alone."""
    state = mix(key ^ mix(np.uint64(target) + GOLDEN))
    choices = sources - 1 if skip_self else sources
    count = 0
    if rule == FIXED_INDEGREE:
        for _ in range(indegree):
            state += GOLDEN
            found[count] = np.int64(((mix(state) >> np.uint64(32)) * np.uint64(choices)) >> np.uint64(32))
            count += 1
    elif rule == BERNOULLI:  # gaps between partners are geometric
        at = -1
        while True:
            state += GOLDEN
            gap = math.log(((mix(state) >> np.uint64(11)) + 1.0) * _TO_UNIT) / math.log1p(-probability)
            if gap >= choices - 1 - at:
                break
            at += 1 + int(gap)
            found[count] = at
            count += 1
    elif rule == ALL_TO_ALL:
        for source in range(choices):
            found[source] = source
        count = choices
    else:
        found[0] = target
        count = 0 if skip_self else 1
    if skip_self and rule != ONE_TO_ONE:
        for n in range(count):
            found[n] += found[n] >= target
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def draw(rule, key, sources, targets, indegree, probability, skip_self, first_column):
    """Synapses of a projection, CSR by source: row_start (sources + 1,), columns of a ring slot in the order of the targets."""
    found = np.empty(max(sources, indegree), np.int64)
    row_start = np.zeros(sources + 1, np.int64)
    for target in range(targets):
        for n in range(_partners(rule, key, target, sources, indegree, probability, skip_self, found)):
            row_start[found[n] + 1] += 1
    for source in range(sources):
        row_start[source + 1] += row_start[source]
    at, columns = row_start[:-1].copy(), np.empty(row_start[-1], np.uint32)
    for target in range(targets):
        for n in range(_partners(rule, key, target, sources, indegree, probability, skip_self, found)):
            columns[at[found[n]]] = first_column + target
            at[found[n]] += 1
    return row_start, columns


# -- what arrives in a step ----------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True, error_model="numpy")
def _deliver(group, source, step, synapses, ring):
    """Lay the effects of one spike into the ring."""
    for p in range(synapses.of_group[group], synapses.of_group[group + 1]):
        slot = ring[(step + synapses.delay[p]) % len(ring)]
        weight, row = synapses.weight[p], synapses.row[p] + source
        for j in range(synapses.row_start[row], synapses.row_start[row + 1]):
            slot[synapses.targets[j]] += weight


@njit(cache=True, nogil=True, error_model="numpy")
def _fill_table(mean, table):
    """P(count <= n) in units of 2^-53, up to where nothing is left."""
    term = math.exp(-mean)
    total = term
    for n in range(len(table) - 1):
        table[n] = np.int64(total * 2.0**53)
        term *= mean / (n + 1)
        if term < 2.0**-60 and n > mean:
            table[n] = 1 << 53
            return
        total += term
    table[-1] = 1 << 53


@njit(cache=True, nogil=True, error_model="numpy")
def _fill_guide(table, guide):
    """For each value of the uppermost bits, the smallest count that a number with these bits can mean."""
    n = 0
    for top in range(len(guide)):
        while (top << _BELOW_GUIDE) >= table[n]:
            n += 1
        guide[top] = n


@njit(cache=True, nogil=True, error_model="numpy")
def _add_poisson(q, row, step, dt_s, cells, poisson, table, guide, last, slot):
    """Poisson spikes of source ``q`` in one step, by inversion of the distribution; its table is kept while the rate stays."""
    p = poisson.population[q]
    step_key = mix(poisson.key[q] + np.uint64(step) * GOLDEN)
    weight, column, each, keys = poisson.weight[q], poisson.column[q], poisson.each[q], poisson.neuron_key[poisson.of_neuron[q] :]
    first, size = cells.first[p], cells.first[p + 1] - cells.first[p]
    columns = slot[first:] if weight >= 0 or cells.is_qif[p] else slot[len(cells.bias) + first :]
    for i in range(size):
        mean = row[column + i if each else column] * dt_s
        draws = max(0, math.ceil(mean / _LARGEST_MEAN))
        if mean != last[q]:
            last[q] = mean
            if draws > 0:
                _fill_table(mean / draws, table)
                if not each:  # it pays when many neurons share it
                    _fill_guide(table, guide)
        count = 0
        for d in range(draws):
            uniform = np.int64(mix((step_key + np.uint64(d) * GOLDEN) ^ keys[i]) >> np.uint64(11))
            n = guide[uniform >> _BELOW_GUIDE]
            while uniform >= table[n]:
                n += 1
            count += n
        columns[i] += count * weight


# -- integrating one step ------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True, error_model="numpy")
def _reserve(times, neurons, needed):
    """The two arrays, larger when they do not hold ``needed``."""
    if needed <= len(times):
        return times, neurons
    more_times, more_neurons = np.empty(2 * needed, np.int64), np.empty(2 * needed, np.int32)
    more_times[: len(times)], more_neurons[: len(neurons)] = times, neurons
    return more_times, more_neurons


@njit(cache=True, nogil=True, error_model="numpy")
def _step_lif(p, a, b, stop_ns, drive, cells, lif, state, slot, times, neurons, count):
    """One step of a lif population, in NEST's order: move V, decay the currents, add what arrives at the step's end, threshold."""
    v, wait, i_ex, i_in = state.v[a:b], state.wait[a:b], state.i_ex[a:b], state.i_in[a:b]
    total = len(cells.bias)
    new_ex, new_in = slot[a:b], slot[total + a : total + b]
    keep_v, gain_ex, gain_in, gain_bias = lif.keep_v[p], lif.gain_ex[p], lif.gain_in[p], lif.gain_bias[p]
    keep_ex, keep_in, quantum, threshold = lif.keep_ex[p], lif.keep_in[p], cells.quantum[p], lif.threshold[p]
    for i in range(b - a):
        moved = keep_v * v[i] + gain_ex * i_ex[i] + gain_in * i_in[i] + gain_bias * drive[i]
        v[i] = v[i] if wait[i] > 0.0 else moved
        wait[i] = max(wait[i] - 1.0, 0.0)
    for i in range(b - a):
        i_ex[i] = keep_ex * i_ex[i] + quantum * new_ex[i]
        i_in[i] = keep_in * i_in[i] + quantum * new_in[i]
    new_ex[:] = 0
    new_in[:] = 0
    times, neurons = _reserve(times, neurons, count + b - a)
    for i in range(b - a):
        if v[i] >= threshold:
            v[i], wait[i] = lif.reset[p], lif.refractory[p]
            times[count], neurons[count] = stop_ns, a + i
            count += 1
    return times, neurons, count


@njit(cache=True, nogil=True, error_model="numpy")
def _time_to_peak(v, current, peak):
    """When V' = V² + I goes through ``peak``, in tau; the differences of arcus functions are taken by their addition theorems."""
    if current > 0.0:
        q = math.sqrt(current)
        return math.atan2(q * (peak - v), q * q + peak * v) / q
    q = math.sqrt(-current)
    if v <= q:
        return math.inf
    if q == 0.0:
        return (peak - v) / (peak * v)
    distance = q * (peak - v) / (peak * v - q * q)
    return math.atanh(distance) / q if distance < 1.0 else math.inf


@njit(cache=True, nogil=True, error_model="numpy")
def _flow(v, current, span):
    """V after ``span`` (in tau) of V' = V² + I when it stays below the peak: a Möbius map, without the poles of the tangent."""
    if current > 0.0:
        q = math.sqrt(current)
        c, s = math.cos(q * span), math.sin(q * span)
        return (v * c + q * s) / (c - v * s / q)
    if current < 0.0:
        q = math.sqrt(-current)
        t = math.tanh(q * span)
        return (v - q * t) / (1.0 - v * t / q)
    return v / (1.0 - v * span)


@njit(cache=True, nogil=True, error_model="numpy")
def _step_qif(p, a, b, start_ns, dt_ns, drive, qif, state, moved, times, neurons, count):
    """One step of a qif population under the currents ``drive`` (size,), held over the step."""
    v, wait = state.v[a:b], state.wait[a:b]
    span, peak = qif.span[p], qif.peak[p]
    for i in range(b - a):
        # V(h) = (V + I T)/(1 - V T), T = tan(sqrt(I) h)/sqrt(I) = h top/bottom with x = I h² of either sign: the sixth convergent
        # of Lambert's continued fraction, whose error, x^6/1.4e9, is below a last bit for |x| <= 0.1.
        # NaN marks those that fire, are silent, or have a larger x: they go the slower way below.
        x = drive[i] * span * span
        top = (10395.0 + x * (21.0 * x - 1260.0)) * span
        bottom = 10395.0 + x * (x * (210.0 - x) - 4725.0)
        above, below = v[i] * bottom + drive[i] * top, bottom - v[i] * top
        simple = (abs(x) <= 0.1) & (below > 0.0) & (above < peak * below) & (wait[i] == 0.0)
        moved[i] = above / below if simple else math.nan
    for i in range(b - a):
        if moved[i] == moved[i]:
            v[i] = moved[i]
            continue
        left = span
        while True:
            if wait[i] >= left:
                wait[i] -= left
                break
            left -= wait[i]
            wait[i] = 0.0
            until = max(_time_to_peak(v[i], drive[i], peak), 0.0)
            if until > left:
                v[i] = _flow(v[i], drive[i], left)
                break
            left -= until
            v[i], wait[i] = -peak, 2.0 / peak
            times, neurons = _reserve(times, neurons, count + 1)
            into_ns = math.ceil((1.0 - left / span) * dt_ns)
            times[count], neurons[count] = start_ns + min(max(into_ns, 1), dt_ns), a + i
            count += 1
    return times, neurons, count


@njit(cache=True, nogil=True, error_model="numpy")
def _drive_of(p, a, b, k, slot, step, dt_s, cells, qif, mean_field, state, inputs, drive):
    """Write the currents (size,) that hold over the step: bias, inputs, and for qif what its partners fire."""
    common, column = inputs.common[k, p], inputs.own_column[p]
    if cells.is_qif[p]:
        heard = 0.0
        for m in range(mean_field.of_target[p], mean_field.of_target[p + 1]):
            heard += mean_field.J[m] * state.history[(step - mean_field.delay[m]) % len(state.history), mean_field.group[m]]
        state.s[p] = qif.keep_s[p] * state.s[p] + (1.0 - qif.keep_s[p]) * heard
        common += qif.tau_s[p] * state.s[p]
    for i in range(b - a):
        drive[i] = cells.bias[a + i] + common
    if column >= 0:
        for i in range(b - a):
            drive[i] += inputs.own[k, column + i]
    if cells.is_qif[p] and cells.has_synapses[p]:
        keep, scale = qif.keep_s[p], (1.0 - qif.keep_s[p]) * cells.quantum[p] / dt_s
        for i in range(a, b):
            state.i_ex[i] = keep * state.i_ex[i] + scale * slot[i]
            drive[i - a] += qif.tau_s[p] * state.i_ex[i]
            slot[i] = 0


@njit(cache=True, nogil=True, error_model="numpy")
def advance(first_step, steps, dt_ns, cells, lif, qif, groups, synapses, mean_field, poisson, state, arrivals, inputs, recorded):
    """Run ``steps`` steps after ``first_step``.

    Returns
    -------
    times_ns (spikes,), neurons (spikes,), rate (steps, populations) in Hz, potential (steps, recorded).
    """
    dt_s = dt_ns * 1e-9
    populations, slots = len(cells.is_qif), len(state.ring)
    rate, potential = np.empty((steps, populations)), np.empty((steps, len(recorded)))
    drive, moved = np.empty(len(cells.bias)), np.empty(len(cells.bias))
    sources = len(poisson.population)
    tables, guides, last = np.empty((sources, _TABLE), np.int64), np.zeros((sources, _GUIDE), np.int64), np.full(sources, -1.0)
    times, neurons, count, arrived = np.empty(256, np.int64), np.empty(256, np.int32), 0, 0
    for k in range(steps):
        step = first_step + k + 1
        now = step % slots
        slot = state.ring[now]
        state.history[now] = 0.0
        while arrived < len(arrivals.step) and arrivals.step[arrived] <= step:
            group = arrivals.group[arrived]
            _deliver(group, arrivals.channel[arrived], step, synapses, state.ring)
            state.history[now, group] += 1.0
            arrived += 1
        for g in range(populations, len(groups.size)):
            late = groups.rate_before[g] if step <= groups.arrived[g] else 0.0
            state.history[now, g] = state.history[now, g] / (groups.size[g] * dt_s) + late
        for q in range(sources):
            _add_poisson(q, inputs.rates[k], step, dt_s, cells, poisson, tables[q], guides[q], last, slot)
        for p in range(populations):
            a, b, before = cells.first[p], cells.first[p + 1], count
            _drive_of(p, a, b, k, slot, step, dt_s, cells, qif, mean_field, state, inputs, drive)
            if cells.is_qif[p]:
                start_ns = (step - 1) * dt_ns
                times, neurons, count = _step_qif(p, a, b, start_ns, dt_ns, drive, qif, state, moved, times, neurons, count)
            else:
                times, neurons, count = _step_lif(p, a, b, step * dt_ns, drive, cells, lif, state, slot, times, neurons, count)
            for n in range(before, count):
                _deliver(p, neurons[n] - a, step, synapses, state.ring)
            rate[k, p] = state.history[now, p] = (count - before) / ((b - a) * dt_s)
        for n in range(len(recorded)):
            potential[k, n] = state.v[recorded[n]]
    return times[:count].copy(), neurons[:count].copy(), rate, potential
