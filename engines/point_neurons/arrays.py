"""The network as flat arrays: what the kernels read, and what they change.

Populations stand one after the other; *neuron* is an index into that row. A *group* is what a projection may come from: the
populations, then the spike inputs. *Step* k covers ((k-1) dt, k dt].
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bits = NDArray[np.uint64]


class Cells(NamedTuple):
    """Of each population, and the neurons' own drive."""

    first: Integers  # (populations + 1,) its neurons are first[p]..first[p + 1]
    is_qif: NDArray[np.bool_]  # (populations,)
    has_synapses: NDArray[np.bool_]  # (populations,) whether anything is ever written into the ring for it
    quantum: Floats  # (populations,) pA or 1: unit of what the ring counts
    bias: Floats  # (neurons,) I_e in pA, eta_j


class LifConstants(NamedTuple):
    """(populations,) each: the exact propagator over one step, potentials relative to E_L (Rotter and Diesmann 1999)."""

    keep_v: Floats  # exp(-dt/tau_m)
    gain_ex: Floats  # mV/pA
    gain_in: Floats  # mV/pA
    gain_bias: Floats  # mV/pA
    keep_ex: Floats  # exp(-dt/tau_syn)
    keep_in: Floats
    threshold: Floats  # mV
    reset: Floats  # mV
    refractory: Floats  # steps


class QifConstants(NamedTuple):
    """(populations,) each."""

    tau_s: Floats  # tau in seconds
    span: Floats  # dt/tau
    peak: Floats
    keep_s: Floats  # exp(-dt/tau_s), 0 without filter


class Groups(NamedTuple):
    """(groups,) each."""

    size: Integers
    arrived: Integers  # steps that its spikes have already been under way when they come in; 0 for populations
    rate_before: Floats  # Hz, before time 0


class Synapses(NamedTuple):
    """Stored projections in the order of their groups, then of their names; CSR by source."""

    of_group: Integers  # (groups + 1,) projections that leave group g
    row: Integers  # (projections,) where its rows begin in row_start
    row_start: Integers  # rows of all projections, one behind the other
    targets: NDArray[np.uint32]  # column of a ring slot: receptor * neurons + neuron
    weight: Integers  # (projections,) in quanta of the target population
    delay: Integers  # (projections,) steps from arrival to effect


class MeanField(NamedTuple):
    """Projections that go through the mean rate, in the order of their targets, then of their names."""

    of_target: Integers  # (populations + 1,)
    group: Integers
    J: Floats
    delay: Integers  # steps


class Poisson(NamedTuple):
    """Independent Poisson spikes: the background and the rate inputs of lif populations."""

    population: Integers
    column: Integers  # first of its columns in the rates of a window
    each: NDArray[np.bool_]  # one column a neuron, or one for all
    weight: Integers  # in quanta
    key: Bits
    of_neuron: Integers  # where its neurons' keys begin
    neuron_key: Bits


class State(NamedTuple):
    """All that lasts from step to step. Time itself comes with the window, and random numbers are a function of it."""

    v: Floats  # (neurons,) mV relative to E_L, or dimensionless
    wait: Floats  # (neurons,) what is left of refractoriness: lif in steps, qif in tau
    i_ex: Floats  # (neurons,) pA; of qif: filtered synaptic rate times J, Hz
    i_in: Floats  # (neurons,) pA
    s: Floats  # (populations,) filtered sum of J times mean rate, Hz
    ring: Integers  # (slots, 2 neurons) what arrives in a step, in quanta
    history: Floats  # (slots, groups) mean rate in a step, Hz


class Arrivals(NamedTuple):
    """Spikes from elsewhere, in the order of their steps."""

    step: Integers
    group: Integers
    channel: Integers


class Drive(NamedTuple):
    """What is played in over a window, a row a step."""

    common: Floats  # (steps, populations) pA or 1
    own: Floats  # (steps, columns) pA or 1, one column a neuron of populations that have it
    own_column: Integers  # (populations,) the first of them, -1 for none
    rates: Floats  # (steps, columns) Hz, of the Poisson spikes
