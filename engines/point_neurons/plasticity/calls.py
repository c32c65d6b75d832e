"""Kernels of plastic projections for the loop over steps.

arrive   a spike of a source: weights are brought up to date, changed and delivered
depart   a spike of a target is noted in its past
hear     modulators are taken up
settle   at fixed times all synapses of a modulated projection are brought up to date
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from engines.point_neurons.kernels.pointers import place
from engines.point_neurons.plasticity.card import ENTRIES, SETTLED
from engines.point_neurons.plasticity.doses import take_up
from engines.point_neurons.plasticity.pointers import call_depart, call_look, call_spike, call_sweep, numbers_at

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_LENGTH, _EPOCH, _PROGRESS = len(ENTRIES), ENTRIES.index("epoch"), ENTRIES.index("progress")


@_kernel
def _card(plastic, p, own):
    return place(plastic.cards, (p * plastic.parts + own) * _LENGTH)


@_kernel
def arrive(plastic, own, group, source, step, slots, ring, width):
    """A spike of a source, stamped with ``step`` or let in at its end; ``ring`` (slots * width,) of the part."""
    for p in range(plastic.of_group[group], plastic.of_group[group + 1]):
        first = ((step + plastic.left[p]) & (slots - 1)) * width
        now = np.float64(max(step - plastic.link[p], 0))
        call_spike(plastic.spike[p], _card(plastic, p, own), np.int64(source), now, place(ring, first))


@_kernel
def depart(plastic, own, population, local, step):
    """A spike of a neuron of the part, stamped with ``step``; all spikes up to the step before have arrived."""
    for q in range(plastic.onto[population], plastic.onto[population + 1]):
        p = plastic.onto_order[q]
        known = np.float64(step - 1 - plastic.link[p])
        call_depart(plastic.depart[p], _card(plastic, p, own), np.int64(local), np.float64(step), known)


@_kernel
def hear(plastic, own, until):
    """What modulators do up to a step of the window."""
    for p in range(len(plastic.modulator)):
        if plastic.modulator[p] >= 0:
            take_up(_card(plastic, p, own), until, plastic.modulators, plastic.modulator[p], plastic.first_step[0])


@_kernel
def settle(plastic, own, step):
    """At the end of a step of which all spikes have arrived."""
    for p in range(len(plastic.modulator)):
        if plastic.modulator[p] >= 0:
            card, until = _card(plastic, p, own), np.float64(step - plastic.link[p])
            if until == numbers_at(card[_PROGRESS])[SETTLED] + card[_EPOCH]:
                call_sweep(plastic.sweep[p], card, until, 1)


# -- from Python ---------------------------------------------------------------------------------------------------------------


@_kernel
def catch_up(plastic, p, own, until):
    """Let all synapses of a projection in a part know what their targets have done; nothing that comes after depends on it."""
    call_sweep(plastic.sweep[p], _card(plastic, p, own), until, 0)


@_kernel
def look(plastic, p, own, address, until, which, sources, out):
    """Fill ``out`` with values of the synapses of some sources, row after row, or of the sources; ``address``: of the code."""
    call_look(address, _card(plastic, p, own), until, which, place(sources, 0), len(sources), place(out, 0))
