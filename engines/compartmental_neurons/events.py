"""Spikes on their way: from detectors and inputs over connections to synapses, each due at a step.

An event acts at the start of the step that is nearest to its time. Events of one step and synapse act in the order of their
weights, so the result rests neither on the order in which they came nor on threads or windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.compartmental_neurons.kernels.index import EVENT

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Connections:
    """Synapses in the order of their sources.

    Attributes
    ----------
    first
        (sources + 1,) of each source among the synapses: detectors by channel, then the channels of inputs.
    batch, code, slot, uniform, dt_ns
        (n,) the batch of the target, address of the code that takes the spike up, places in the arena, inner step.
    weight
        (n,) SI.
    delay_ns
        (n,) from the time of the spike, links' delays taken off.
    """

    first: Integers
    batch: Integers
    code: Integers
    slot: Integers
    uniform: Integers
    dt_ns: Integers
    weight: Floats
    delay_ns: Integers


class Events:
    """What is due, and what is still to come."""

    def __init__(self, connections: Connections, batches: int, dt_ns: int) -> None:
        self._connections, self._batches, self._dt_ns = connections, batches, dt_ns
        self._ns, self._synapse = np.empty(0, np.int64), np.empty(0, np.int64)
        self._none = np.zeros(EVENT, np.int64), np.zeros(batches + 1, np.int64)

    def fan_out(self, spikes: Integers) -> None:
        """Spikes of cells: time in ns and channel of each, one after the other."""
        self.arrive(spikes[0::2], spikes[1::2])

    def arrive(self, times_ns: Integers, sources: Integers) -> None:
        """Spikes of any sources, at the times at which they leave them."""
        first = self._connections.first
        counts = first[sources + 1] - first[sources]
        total = int(counts.sum())
        if not total:
            return
        within = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
        synapses = np.repeat(first[sources], counts) + within
        due = np.repeat(times_ns, counts) + self._connections.delay_ns[synapses]
        self._ns, self._synapse = np.concatenate([self._ns, due]), np.concatenate([self._synapse, synapses])

    def due(self, step: int, steps: int) -> tuple[Integers, Integers]:
        """Events of some steps, for kernels, and the first of each batch among them; they are then gone from here."""
        if not len(self._ns):
            self._none[1][:] = 0
            return self._none
        found = self._connections
        dt_ns = found.dt_ns[self._synapse]
        inner = -((dt_ns - 2 * self._ns) // (2 * dt_ns))  # the nearest step, of two the earlier: ceil((2 t - dt) / (2 dt))
        is_due = inner < (step + steps) * (self._dt_ns // dt_ns)
        synapse, inner = self._synapse[is_due], inner[is_due]
        self._ns, self._synapse = self._ns[~is_due], self._synapse[~is_due]
        batch, weight = found.batch[synapse], found.weight[synapse].view(np.int64)
        rows = np.stack([inner, found.code[synapse], found.slot[synapse], found.uniform[synapse], weight], axis=1)
        order = np.lexsort((weight, rows[:, 2], rows[:, 1], inner, batch))
        first = np.searchsorted(batch[order], np.arange(self._batches + 1))
        return (np.ascontiguousarray(rows[order]).ravel() if len(rows) else self._none[0]), first.astype(np.int64)

    def save(self) -> dict[str, NDArray[Any]]:
        return {"due_ns": self._ns.copy(), "due_synapse": self._synapse.copy()}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._ns, self._synapse = state["due_ns"].copy(), state["due_synapse"].copy()
