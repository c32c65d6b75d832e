"""Kernels of a third factor: integrals of what a modulator did, weighed by how an eligibility decays.

Within an epoch that begins at step B, D(n) is the integral of (m - baseline) exp(-(t - B) / tau) from B to n. A synapse whose
eligibility is c at step s gets c exp((s - B) / tau) (D(n) - D(s)) by step n, however many rows of the modulator lie between. Epochs
keep the exponentials small; at their ends all synapses are brought up to date.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from numba import njit

from engines.equations.maths import exp
from engines.point_neurons.plasticity.card import ENTRIES, KNOWN, NUMBERS, SETTLED
from engines.point_neurons.plasticity.flows import faded
from engines.point_neurons.plasticity.pointers import numbers_at

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_EPOCH, _DEPTH, _DOSES = ENTRIES.index("epoch"), ENTRIES.index("depth"), ENTRIES.index("doses")
_PROGRESS, _NUMBERS = ENTRIES.index("progress"), ENTRIES.index("numbers")
_BASELINE, _TAU_S, _FADE = NUMBERS.index("baseline"), NUMBERS.index("tau_s"), NUMBERS.index("fade")


@_kernel
def take_up(card, until, rows, column, first_step):
    """A modulator up to a step.

    Parameters
    ----------
    rows
        (steps, modulators) from ``first_step`` on.
    """
    epoch, depth = card[_EPOCH], card[_DEPTH]
    doses, progress, numbers = numbers_at(card[_DOSES]), numbers_at(card[_PROGRESS]), numbers_at(card[_NUMBERS])
    for step in range(int(progress[KNOWN]), until):  # its row holds from here to the next
        begun, within = step // epoch, step % epoch
        at = (begun & (depth - 1)) * (epoch + 1) + within
        if within == 0:
            doses[at] = 0.0
        share = exp(-within * numbers[_FADE]) - exp(-(within + 1) * numbers[_FADE])
        doses[at + 1] = doses[at] + (rows[step - first_step, column] - numbers[_BASELINE]) * share * numbers[_TAU_S]
    progress[KNOWN] = until


@_kernel
def dose_between(card, fading, begin, end):
    """Integral of (m - baseline) exp(-(t - begin) / tau), in s, between two steps of the epoch that is not settled yet.

    Parameters
    ----------
    fading
        A table of exp(-t / tau).
    """
    epoch, depth = card[_EPOCH], card[_DEPTH]
    doses, settled, numbers = numbers_at(card[_DOSES]), numbers_at(card[_PROGRESS])[SETTLED], numbers_at(card[_NUMBERS])
    at = (int(settled) // epoch & (depth - 1)) * (epoch + 1)
    gained = doses[at + int(end - settled)] - doses[at + int(begin - settled)]
    return gained / faded(fading, begin - settled, numbers[_FADE])
