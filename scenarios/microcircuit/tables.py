"""The cortical microcircuit of Potjans and Diesmann in numbers, whole and scaled down. Rows are targets, columns sources.

Scaling by van Albada, Helias and Diesmann (2015): a share k of the synapses of a neuron, each 1/sqrt(k) times as strong, leaves
the variance of what a neuron hears as it is, and takes away a share 1 - sqrt(k) of the mean. A constant current brings that back,

I = tau_syn (1 - sqrt(k)) (sum_j w_j K_j r_j + w K_ext r_ext)

with the in-degrees K and rates r of the whole circuit. Fewer neurons at the same in-degrees share more of their input.

References
----------
Potjans and Diesmann (2014), Cerebral Cortex 24, 785: tables 4 and 5.
van Albada, Helias and Diesmann (2015), PLoS Computational Biology 11, e1004490.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

POPULATIONS = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
SIZES = np.array([20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948])
PROBABILITY = np.array(
    [
        [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0000, 0.0076, 0.0000],
        [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0000, 0.0042, 0.0000],
        [0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0000],
        [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0000, 0.1057, 0.0000],
        [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0000],
        [0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0000],
        [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
        [0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443],
    ]
)
"""That two neurons are connected at all."""
OUTSIDE = np.array([1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100])
"""Synapses of a neuron from outside, each of which fires at ``OUTSIDE_HZ``."""
OUTSIDE_HZ = 8.0
THALAMIC_SIZE = 902
THALAMIC = np.array([0.0, 0.0, 0.0983, 0.0619, 0.0, 0.0, 0.0512, 0.0196])

CAPACITY_PF, MEMBRANE_MS, SYNAPSE_MS, REFRACTORY_MS = 250.0, 10.0, 0.5, 2.0
REST_MV, RESET_MV, THRESHOLD_MV = -65.0, -65.0, -50.0
PEAK_MV = 0.15
"""Of the potential after one excitatory spike; twice as much from L4E to L23E."""
INHIBITION = 4.0
"""How many times as strong an inhibitory synapse is."""
WEIGHT_SD = 0.1
"""Of the mean."""
DELAY_MS = {"E": (1.5, 0.75), "I": (0.75, 0.375)}
"""Mean and standard deviation, by the kind of the source."""

RATES_HZ = np.array([0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829])
"""Of the whole circuit, which is what the currents of a scaled one are reckoned with."""
START_MV = {
    "original": (np.full(8, -58.0), np.full(8, 10.0)),
    "optimised": (
        np.array([-68.28, -63.16, -63.33, -63.45, -63.11, -61.66, -66.72, -61.43]),
        np.array([5.36, 4.57, 4.74, 4.94, 4.94, 4.55, 5.46, 4.48]),
    ),
}
"""Mean and standard deviation of the potentials at time 0; those of the running circuit spare it a volley at the start."""


def synapses_between(probability: Floats, sources: Integers, targets: Integers) -> Floats:
    """How many synapses, drawn with replacement from all pairs, leave a pair without any with 1 - ``probability``."""
    pairs = sources * targets.astype(np.float64)
    return np.asarray(np.log1p(-probability) / np.log1p(-1.0 / pairs))


def weight_pa(peak_mv: float) -> float:
    """The jump of a current whose potential peaks at ``peak_mv``."""
    ratio = MEMBRANE_MS / SYNAPSE_MS
    peak: float = ratio ** (-1.0 / (ratio - 1.0)) - ratio ** (
        -ratio / (ratio - 1.0)
    )  # e^(-t/tau_m) - e^(-t/tau_syn) where it is largest
    return peak_mv * CAPACITY_PF * (1.0 / SYNAPSE_MS - 1.0 / MEMBRANE_MS) / peak


@dataclass(frozen=True, eq=False)
class Circuit:
    """The circuit at one scale.

    Attributes
    ----------
    sizes
        (8,)
    synapses, weights_pa
        (8, 8): how many in all, and their mean strength.
    outside_hz, outside_pa
        (8,) rate of the Poisson spikes into one neuron, and the strength of each.
    current_pa
        (8,)
    thalamic
        (8,) synapses from the thalamus in all, as strong as those of the whole circuit: their in-degrees are not scaled.
    """

    sizes: Integers
    synapses: Integers
    weights_pa: Floats
    outside_hz: Floats
    outside_pa: float
    current_pa: Floats
    thalamic: Integers


def circuit(neurons: float = 1.0, indegrees: float = 1.0, background: Literal["poisson", "dc"] = "poisson") -> Circuit:
    """The circuit with a share of its neurons, each with a share of its synapses."""
    one = weight_pa(PEAK_MV)
    weights = np.where([name.endswith("E") for name in POPULATIONS], one, -INHIBITION * one) * np.ones((8, 1))
    weights[0, 2] *= 2.0
    whole = synapses_between(PROBABILITY, SIZES, SIZES[:, None])
    thalamic = synapses_between(THALAMIC, np.array(THALAMIC_SIZE), SIZES)
    lost = 1.0 - math.sqrt(indegrees)
    heard = (weights * whole / SIZES[:, None]) @ RATES_HZ
    outside = one * OUTSIDE * OUTSIDE_HZ
    is_poisson = background == "poisson"
    mean = lost * heard + (lost if is_poisson else 1.0) * outside  # pA Hz
    return Circuit(
        sizes=np.rint(SIZES * neurons).astype(np.int64),
        synapses=np.rint(whole * neurons * indegrees).astype(np.int64),
        weights_pa=weights / math.sqrt(indegrees),
        outside_hz=OUTSIDE * OUTSIDE_HZ * indegrees if is_poisson else np.zeros(8),
        outside_pa=one / math.sqrt(indegrees),
        current_pa=SYNAPSE_MS / 1e3 * mean,
        thalamic=np.rint(thalamic * neurons).astype(np.int64),
    )
