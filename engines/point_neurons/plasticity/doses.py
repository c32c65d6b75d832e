"""Kernels of a third factor: integrals of what a modulator did, weighed by how an eligibility decays.

Within an epoch that begins at step B, D(n) is the integral of (m - baseline) exp(-(t - B) / tau) from B to n. A synapse whose
eligibility is c at step s gets c exp((s - B) / tau) (D(n) - D(s)) by step n, however many rows of the modulator lie between. Epochs
keep the exponentials small; at their ends all synapses are brought up to date.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from numba import njit

from engines.equations.maths import exp

_kernel = njit(cache=True, nogil=True, error_model="numpy")


@_kernel
def hear(plastic, own, until):
    """Take up the modulators to a step of this window."""
    for p in range(len(plastic.rule)):
        epoch, fade = plastic.epoch[p], plastic.fade[p]
        while epoch > 0 and plastic.known[p, own] < until:
            step = plastic.known[p, own]  # its row holds from here to the next
            within = step % epoch
            at = plastic.dose_at[p, own] + (step // epoch & (plastic.depth[p] - 1)) * (epoch + 1) + within
            if within == 0:
                plastic.doses[at] = 0.0
            modulator = plastic.modulators[step - plastic.first_step[0], plastic.modulator[p]] - plastic.baseline[p]
            share = exp(-within * fade) - exp(-(within + 1) * fade)
            plastic.doses[at + 1] = plastic.doses[at] + modulator * share * plastic.tau_s[p]
            plastic.known[p, own] += 1


@_kernel
def dose_between(plastic, p, own, begin, end):
    """Integral of (m - baseline) exp(-(t - begin) / tau), in s, between two steps of the epoch that is not settled yet."""
    epoch, settled = plastic.epoch[p], plastic.settled[p, own]
    at = plastic.dose_at[p, own] + (int(settled) // epoch & (plastic.depth[p] - 1)) * (epoch + 1)
    gained = plastic.doses[at + int(end - settled)] - plastic.doses[at + int(begin - settled)]
    return gained * exp((begin - settled) * plastic.fade[p])
