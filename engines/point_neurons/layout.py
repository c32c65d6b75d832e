"""Where neurons live: dealt out to parts, one a thread and process, and there in blocks of 64 lanes.

Neuron i of a population belongs to part ``i % parts`` and is there the neuron ``i // parts``. Numbers that neurons of a part share
in a loop stand in blocks: 64 lanes of the first state, 64 of the second, and so on, then the next block. So a loop over the lanes
of a block moves through one array at fixed distances, and the compiler makes vector code of it without asking what overlaps.

A *column* is a place in a row of the ring of arriving spikes: of one neuron and receptor.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

LANES = 64


@dataclass(frozen=True)
class Layout:
    """Populations over parts.

    Attributes
    ----------
    names, sizes, states, receptors
        Of each population of neurons: its name, how many neurons, numbers a neuron keeps, receptors.
    parts
        Over all processes.
    first_part, own_parts
        Those of this process.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    states: tuple[int, ...]
    receptors: tuple[int, ...]
    parts: int = 1
    first_part: int = 0
    own_parts: int = 1

    def count(self, population: int, part: int) -> int:
        """Neurons of a population in a part."""
        return max(0, (self.sizes[population] - part + self.parts - 1) // self.parts)

    @cached_property
    def blocks(self) -> NDArray[np.int64]:
        """(populations,) of a part; every part has as many."""
        return np.array([-(-self.count(p, 0) // LANES) for p in range(len(self.sizes))], np.int64)

    @cached_property
    def first_state(self) -> NDArray[np.int64]:
        """(populations + 1,) places in the state of a part."""
        return _starts(self.blocks * LANES * np.array(self.states, np.int64))

    @cached_property
    def first_column(self) -> NDArray[np.int64]:
        """(populations + 1,) places in a row of a part's ring; the last is its width."""
        return _starts(self.blocks * LANES * np.array(self.receptors, np.int64))

    @cached_property
    def first_lane(self) -> NDArray[np.int64]:
        """(populations + 1,) places among what each neuron of a part has one of."""
        return _starts(self.blocks * LANES)

    def neurons(self, population: int, part: int) -> NDArray[np.int64]:
        """(lanes,) numbers of the neurons in the lanes of a part; lanes that are left over repeat the last neuron."""
        lanes = np.arange(self.blocks[population] * LANES)
        numbers = np.minimum(lanes, max(self.count(population, part) - 1, 0)) * self.parts + part
        return np.minimum(numbers, self.sizes[population] - 1)  # of a part without any, to have something there


def _starts(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])


def in_blocks(rows: NDArray[np.generic], each: int) -> NDArray[np.generic]:
    """(each, lanes) laid out in blocks of 64 lanes, as one row."""
    return np.ascontiguousarray(rows.reshape(each, -1, LANES).transpose(1, 0, 2)).reshape(-1)


def from_blocks(flat: NDArray[np.generic], each: int) -> NDArray[np.generic]:
    """(each, lanes) of what ``in_blocks`` made."""
    return flat.reshape(-1, each, LANES).transpose(1, 0, 2).reshape(each, -1)
