"""What the code of a rule is given for a projection in a part: places of its arrays, and whole numbers.

A synapse meets a spike of its source at the step of its emission, one of its target the whole delay after it. Weights are brought
up to date when their source spikes; what targets have done since is read from their past. A synapse takes its weight and 4 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
NEVER = -float(2**40)
"""The step of what has not happened."""
ARRAYS = ("rows", "targets", "weights", "states", "source", "past", "heads", "doses", "progress", "numbers")
WHOLES = ("sources", "source_size", "past_size", "mask", "lag_mask", "first_column", "stride", "epoch", "depth")
ENTRIES = (*ARRAYS, *WHOLES)
"""Of a card, in order: addresses of arrays, then whole numbers."""
NUMBERS = ("offset", "scale", "constant", "delay", "lag", "dt_ms", "baseline", "tau_s", "fade")
"""First among ``numbers``; then come constants of the rule, what its traces decay by in a step, and a table for each of them."""
FADING_STEPS = 256
FADING = 2 * FADING_STEPS
"""Entries of a table: what is left of a trace after 0 to 255 steps, and after as many times 256."""
SWEPT, SETTLED, KNOWN = range(3)
"""Among ``progress``."""


@dataclass(eq=False)
class Share:
    """The synapses of a projection onto the neurons of a part. Steps are those at which spikes reach the synapses.

    Attributes
    ----------
    rows
        (sources + 1,) where the synapses of each source begin.
    targets
        (synapses,) uint32 numbers of neurons in the part, in order within a row.
    weights
        (synapses,) shares of the way between bounds; empty where all have ``constant`` and keep it.
    states
        (synapses, states).
    source
        (sources, numbers) of each: step of the last spike, traces just after it, states; for rules with a lag see ``source.py``.
    past
        (targets, mask + 1, numbers) ring of the steps in which each has spiked last: when, how often, traces just after it.
    heads
        (targets,) where the next one goes, modulo the length of the ring.
    doses
        (depth, epoch + 1) integrals of the modulator within the last epochs.
    progress
        Step up to which all synapses know what their targets did; the last of the steps at which all were brought up to date; the
        last for which the modulator is known.
    numbers
        ``NUMBERS``: a weight w has offset + scale w quanta; delay and lag in steps; constants and decays.
    wholes
        By the names in ``WHOLES``: sizes of the records; of the column of neuron i, ``first_column + i // 64 * stride + i % 64``;
        steps of an epoch and how many epochs are kept, 0 where nothing is modulated.
    """

    rows: Integers
    targets: NDArray[np.uint32]
    weights: Floats
    states: Floats
    source: Floats
    past: Floats
    heads: Integers
    doses: Floats
    progress: Floats
    numbers: Floats
    wholes: dict[str, int]

    def card(self) -> list[int]:
        """As ``ENTRIES``; 0 is the address of an array that is empty."""
        arrays: list[NDArray[np.generic]] = [getattr(self, name) for name in ARRAYS]
        assert all(array.flags.c_contiguous for array in arrays)
        return [*(array.ctypes.data if array.size else 0 for array in arrays), *(self.wholes[name] for name in WHOLES)]

    @property
    def number_bytes(self) -> int:
        """Of what grows with synapses."""
        return self.targets.nbytes + self.weights.nbytes + self.states.nbytes


class Plastic(NamedTuple):
    """P plastic projections over the parts of a process, as the loop over steps reads them; P may be 0.

    Attributes
    ----------
    of_group
        (groups + 1,): projections ``of_group[g]`` to ``of_group[g + 1]`` come from group g.
    onto, onto_order
        (populations + 1,) and (P,): those onto a population are ``onto_order[onto[p]:onto[p + 1]]``.
    spike, depart, sweep
        (P,) addresses of the code of their rules.
    cards
        (P * own parts * entries,).
    parts
        Of this process.
    link, left
        (P,) steps that the link of an input has taken of the delay, and those that are left.
    modulator
        (P,) column of ``modulators``; -1 where there is none.
    modulators, first_step
        (steps, modulators) over the window; (1,) the step before it.
    """

    of_group: Integers
    onto: Integers
    onto_order: Integers
    spike: Integers
    depart: Integers
    sweep: Integers
    cards: Integers
    parts: int
    link: Integers
    left: Integers
    modulator: Integers
    modulators: Floats
    first_step: Integers
