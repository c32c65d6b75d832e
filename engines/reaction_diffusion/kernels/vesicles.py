"""What spikes release from docked vesicles: how many of them each empties, one spike after the other."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from engines.equations.maths import exp
from engines.equations.randoms import uniform

_kernel = njit(cache=True, nogil=True, error_model="numpy")


@_kernel
def _chosen(most, chance, stream, counter):
    """How many of ``most`` are chosen, each with the same chance, and the counter after it."""
    found = 0.0
    for _ in range(int(most)):
        if uniform(stream, counter) < chance:
            found += 1.0
        counter += 1
    return found, counter


@_kernel
def empty(times_ns, sites, docked, use, last_ns, places, probability, recovery_ns, facilitation_ns, stream, counter, released):
    """Vesicles that each spike releases.

    Parameters
    ----------
    times_ns, sites
        (n,) of the spikes, in order.
    docked, use, last_ns
        (sites,) vesicles now, u after the last spike, and its time; they go on.
    recovery_ns, facilitation_ns
        0: docked again at once; u does not move.
    counter
        Of the random numbers used so far; below 0: means are released and no numbers drawn.
    released
        (n,) what comes out.

    Returns
    -------
    The counter after it.
    """
    for k in range(len(times_ns)):
        site = sites[k]
        passed = np.float64(times_ns[k] - last_ns[site])
        gone = places - docked[site]
        back = 1.0 if recovery_ns == 0 else 1.0 - exp(-passed / recovery_ns)
        chance = probability
        if facilitation_ns > 0:
            kept = use[site] * exp(-passed / facilitation_ns)
            chance = kept + probability * (1.0 - kept)
            use[site] = chance
        if counter < 0:
            docked[site] += gone * back
            released[k] = docked[site] * chance
        else:
            filled, counter = _chosen(gone, back, stream, counter)
            docked[site] += filled
            released[k], counter = _chosen(docked[site], chance, stream, counter)
        docked[site] -= released[k]
        last_ns[site] = times_ns[k]
    return counter
