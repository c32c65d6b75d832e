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
from engines.equations.stamps import stamp

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


_ROOM = 64


@dataclass(frozen=True, eq=False)
class Connections:
    """Synapses in the order of their sources.

    Attributes
    ----------
    first
        (sources + 1,) of each source among the synapses: detectors by channel, then the channels of inputs.
    batch, code, receptor, slot, uniform, dt_ns
        (n,) the batch of the target, address of the code that takes the spike up and its number among the mechanism's receptors,
        places in the arena, inner step.
    weight
        (n,) SI.
    delay_ns
        (n,) from the time of the spike, links' delays taken off.
    """

    first: Integers
    batch: Integers
    code: Integers
    receptor: Integers
    slot: Integers
    uniform: Integers
    dt_ns: Integers
    weight: Floats
    delay_ns: Integers


class Events:
    """What is due, and what is still to come: a heap by the start of the step at which each acts."""

    def __init__(self, connections: Connections, batches: int, dt_ns: int) -> None:
        from engines.compartmental_neurons.kernels import queue

        stamp(queue)
        self._queue, self.connections, self._batches, self._dt_ns = queue, connections, batches, dt_ns
        self._weight = connections.weight.view(np.int64)
        self._first, self._count = np.zeros(batches + 1, np.int64), 0
        self._ns, self._synapse = np.empty(0, np.int64), np.empty(0, np.int64)
        self._none = np.zeros(EVENT, np.int64), np.zeros(batches + 1, np.int64)
        self._make_room(_ROOM)
        nothing = np.empty(0, np.int64)
        self.arrive(nothing, nothing)  # compiles
        self._take(0)

    def _make_room(self, room: int) -> None:
        """For as many events on their way; those that are stay."""
        ns, synapse = np.empty(room, np.int64), np.empty(room, np.int64)
        if self._count:
            ns[: self._count], synapse[: self._count] = self._ns[: self._count], self._synapse[: self._count]
        self._ns, self._synapse = ns, synapse
        self._rows, self._events = np.empty((room, EVENT + 2), np.int64), np.empty(room * EVENT, np.int64)

    def fan_out(self, spikes: Integers) -> None:
        """Spikes of cells: time in ns and channel of each, one after the other."""
        self.arrive(np.ascontiguousarray(spikes[0::2]), np.ascontiguousarray(spikes[1::2]))

    def arrive(self, times_ns: Integers, sources: Integers) -> None:
        """Spikes of any sources, at the times at which they leave them."""
        found, times_ns = self.connections, np.array(times_ns, np.int64)  # a copy, for payloads may not be written to
        needed = self._count + self._queue.size_of(sources, found.first)
        if needed > len(self._ns):
            self._make_room(max(needed, 2 * len(self._ns)))
        self._count = self._queue.put(
            times_ns, sources, found.first, found.delay_ns, found.dt_ns, self._ns, self._synapse, self._count
        )

    def due(self, step: int, steps: int) -> tuple[Integers, Integers]:
        """Events of some steps, for kernels, and the first of each batch among them; they are then gone from here."""
        until = (step + steps) * self._dt_ns
        if not self._count or self._ns[0] >= until:
            return self._none
        self._take(until)
        return self._events, self._first

    def _take(self, until: int) -> None:
        found = self.connections
        count = self._queue.take(
            self._ns, self._synapse, self._count, until, self._rows,
            found.dt_ns, found.batch, found.code, found.receptor, found.slot, found.uniform, self._weight,
        )  # fmt: skip
        self._count -= count
        self._queue.order(self._rows, count, self._batches, self._events, self._first)

    def save(self) -> dict[str, NDArray[Any]]:
        ns, synapse = self._ns[: self._count], self._synapse[: self._count]
        order = np.lexsort((synapse, ns))  # as sorted a heap as any
        return {"due_ns": ns[order], "due_synapse": synapse[order]}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._count = 0
        self._make_room(max(_ROOM, len(state["due_ns"])))
        self._count = len(state["due_ns"])
        self._ns[: self._count], self._synapse[: self._count] = state["due_ns"], state["due_synapse"]
