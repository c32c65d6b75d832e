"""Synapses as the kernels read them: outgoing lists of every source neuron, by projection and part of the targets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Synapses(NamedTuple):
    """Static synapses of a process, P projections that store any, over its parts.

    Weights are whole numbers of quanta of the target population's receptor, so that sums of them do not depend on their order.
    Row r of projection p in part q starts at ``rows[row_at[p, q] + r]`` and ends where the next one starts.

    Attributes
    ----------
    of_group
        (groups + 1,) int64: projections ``of_group[g]`` to ``of_group[g + 1]`` come from group g (a population or a spike input).
    row_at
        (P, own parts) int64.
    rows
        Places in ``targets``.
    targets
        (synapses,) uint32 columns of a row of the part's ring.
    weight
        (P,) int64 quanta of every synapse, where it has no own.
    weight_at
        (P, own parts) int64: synapse j has ``weights[j + weight_at] << shift``; ``NONE`` where all have one weight.
    shift
        (P,) int64.
    weights
        int32.
    delay
        (P,) int64 steps of every synapse, where it has no own; of an input, what is left beyond its link.
    delay_at
        (P, own parts) int64: synapse j has ``delays[j + delay_at]`` steps; ``NONE`` where all have one delay.
    delays
        uint8, or uint16 where one is over 255 steps.
    """

    of_group: NDArray[np.int64]
    row_at: NDArray[np.int64]
    rows: NDArray[np.int64]
    targets: NDArray[np.uint32]
    weight: NDArray[np.int64]
    weight_at: NDArray[np.int64]
    shift: NDArray[np.int64]
    weights: NDArray[np.int32]
    delay: NDArray[np.int64]
    delay_at: NDArray[np.int64]
    delays: NDArray[np.uint8] | NDArray[np.uint16]


class MeanField(NamedTuple):
    """Projections of all onto all with one weight and delay, M of them: one sum for a population, no synapses.

    Attributes
    ----------
    of_group
        (groups + 1,) int64: ``order`` by the group that they come from.
    place
        (M,) int64: which sum, population and receptor, they add to.
    weight, delay
        (M,) int64 quanta and steps.
    own_column, stride
        (M,) int64: where autapses are left out, the column of neuron 0 of the source population in its part (-1 where they are not)
        and the width of a block of columns.
    """

    of_group: NDArray[np.int64]
    place: NDArray[np.int64]
    weight: NDArray[np.int64]
    delay: NDArray[np.int64]
    own_column: NDArray[np.int64]
    stride: NDArray[np.int64]


NONE = np.iinfo(np.int64).min
