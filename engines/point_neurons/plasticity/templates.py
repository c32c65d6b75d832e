"""The functions of a rule, as text with gaps. CARD stands for what a function takes from its card."""

from __future__ import annotations

from engines.point_neurons.plasticity.card import ENTRIES, NUMBERS

_KERNEL_NAMES = """
    card source now ring begin end at last since until j local base head k e before arrival s column value which keeps flows settles
    out first m many effect time newest known count n chosen sources_kept elapsed dose kept efficacy w
    np math njit cfunc spike depart sweep look shown go_on bring_up dose_between faded numbers_at shorts_at wholes_at OPTIONS
"""
PREFIXES = ("fresh_", "now_", "decay_", "fading_")
RESERVED = frozenset(_KERNEL_NAMES.split()) | {*ENTRIES, *NUMBERS}
"""Names, and beginnings of names, that rules leave alone but for those that they are given."""

SPIKE_TEXT = """
@cfunc(SPIKE, **OPTIONS)
def spike(card, source, now, ring):
    CARD
    begin, end = rows[source], rows[source + 1]
{settle}
    at = source * source_size
{source}
    since, until = max(last, progress[{swept}]), now
{prepare}
{synapses}
    sources_kept[at] = now
{renewed}
"""

DELIVER = """
        column = first_column + (local >> 6) * stride + (local & 63)
        ring[column] += np.int64(np.rint((offset + scale * w){efficacy}))
"""

LASTING = """
    for j in range(begin, end):
        local = np.int64(targets[j])
{load}
{caught_up}
{act}
{deliver}
"""

SCALED = """
    if card[{weights}] == 0:
        value = np.int64(np.rint((offset + scale * constant) * efficacy))
        for j in range(begin, end):
            local = np.int64(targets[j])
            ring[first_column + (local >> 6) * stride + (local & 63)] += value
    else:
        for j in range(begin, end):
            local, w = np.int64(targets[j]), weights[j]
{deliver}
"""

SWEEP_TEXT = """
@njit(**OPTIONS)
def go_on(card, source, until, keeps, flows, which, out, first):
    CARD
    begin, end = rows[source], rows[source + 1]
    at = source * source_size
{source}
    since = max(last, progress[{swept}])
{prepare}
    for j in range(begin, end):
        local = np.int64(targets[j])
{load}
{caught_up}
        if flows:
{flow}
        if keeps:
{store}
        else:
            out[first + j - begin] = {value}
    return first + end - begin


@njit(**OPTIONS)
def bring_up(card, until, settles):
    progress, rows, kept = numbers_at(card[{progress}]), wholes_at(card[{row}]), numbers_at(card[{kept}])
    for source in range(card[{sources}]):
        since = max(kept[source * card[{size}]], progress[{swept}])
        if rows[source] < rows[source + 1] and (settles or since < until):
            go_on(card, source, until, True, settles, 0, progress, 0)
    progress[{swept}] = max(progress[{swept}], until)
    if settles:
        progress[{settled}] = until


@cfunc(SWEEP, **OPTIONS)
def sweep(card, until, settles):
    bring_up(card, until, settles != 0)


@cfunc(LOOK, **OPTIONS)
def look(card, until, which, sources, count, out):
    first = 0
    for n in range(count):
        first = go_on(card, sources[n], until, False, True, which, out, first)


@cfunc(DEPART, **OPTIONS)
def depart(card, local, step, known):
    CARD
    base, head = local * (mask + 1) * past_size, heads[local]
    before, e = base + ((head - 1) & mask) * past_size, base + (head & mask) * past_size
    if past[before] == step:  # not the first of this step: they share a record
        e = before
        past[e + 1] += 1.0
    else:
        if past[base + ((head + 1) & mask) * past_size] + delay > progress[{swept}]:  # it will be the oldest that is left
            bring_up(card, min(past[base + ((head - mask // 2) & mask) * past_size] + delay, known), False)
        past[e], past[e + 1] = step, 1.0
        heads[local] = head + 1
{departed}
"""

STILL = """
@cfunc(SWEEP, **OPTIONS)
def sweep(card, until, settles):
    pass


@cfunc(LOOK, **OPTIONS)
def look(card, until, which, sources, count, out):
    rows, weights, first = wholes_at(card[{row}]), numbers_at(card[{weights}]), 0
    for n in range(count):
        for j in range(rows[sources[n]], rows[sources[n] + 1]):
            out[first] = numbers_at(card[{numbers}])[{constant}] if card[{weights}] == 0 else weights[j]
            first += 1


@cfunc(DEPART, **OPTIONS)
def depart(card, local, step, known):
    pass
"""

SHOWN = """
@cfunc(LOOK, **OPTIONS)
def shown(card, until, which, chosen, count, out):
    CARD
    for n in range(count):
        at = chosen[n] * source_size
{source}
        elapsed = (until - last) * dt_ms
{values}
"""
