"""Batches in memory and the calls that move them on: from exchange of spikes to exchange of spikes, over threads."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, format_ns
from engines.compartmental_neurons.batch import Assembler, Batch
from engines.compartmental_neurons.cells import Cells, Floats, Integers
from engines.compartmental_neurons.events import Events
from engines.compartmental_neurons.kernels import index
from engines.compartmental_neurons.kernels.steps import prepare, run
from engines.compartmental_neurons.mechanisms.source import source_of
from engines.compartmental_neurons.memory import Arena, Pairs, Table
from engines.equations.compiled import load_compiled
from engines.equations.stamps import is_kept, stamp

_MOST_SPIKES = 1 << 20
"""Room for spikes of a call, over which no more than one a detector and step can come."""


class Simulation:
    """Cells at a point of time.

    Attributes
    ----------
    arena, table
        All numbers, and where they are.
    batches
        In the order of populations and cells.
    """

    def __init__(
        self, populations: Sequence[Cells], dt_ns: int, threads: int, is_middle: bool, interpolates: bool, log: logging.Logger
    ) -> None:
        _compile(log)
        self.dt_ns, self._threads, self._populations = dt_ns, threads, populations
        arena, table = Arena(), Table(index.HEAD)
        assembler = Assembler(arena, table, dt_ns, is_middle, interpolates)
        self.batches: list[Batch] = []
        self._records: list[list[int]] = []
        self._kernels: dict[Cells, Mapping[str, ModuleType]] = {}
        for cells in populations:
            kernels = {
                placed.name: load_compiled(placed.name, source_of(placed.variant).code(), log) for placed in cells.active
            }  # fmt: skip
            self._kernels[cells] = kernels
            for numbers in cells.batches():
                batch, record = assembler.lay(cells, numbers, kernels)
                self.batches.append(batch)
                self._records.append(record)
        self._arena, self._table = arena, table
        self._interval = 1 << 40
        self._spikes: list[Integers] = []

    def finish(
        self,
        inputs: Pairs,
        observed: Pairs,
        transfers: Sequence[tuple[int, int]],
        temperature: int,
        interval: int,
        window_steps: int,
        events: Events,
    ) -> None:
        """Fix what goes in and out, and make everything ready for the first step.

        Parameters
        ----------
        inputs, observed
            Of each batch by its number: place in the arena and column.
        transfers
            Target and source of numbers that go from cell to cell after every step.
        temperature
            Column of the input, or -1.
        interval
            Steps for which no spike of these cells acts on any of them.
        window_steps
            Steps of a window.
        """
        for number, record in enumerate(self._records):
            pairs, seen = inputs.of(number), observed.of(number)
            record[index.INPUTS], record[index.INPUT_COUNT] = self._table.add(pairs), len(pairs)
            record[index.OBSERVED], record[index.OBSERVED_COUNT] = self._table.add(seen), len(seen)
            record[index.TEMPERATURE] = temperature
        head = [self._table.add(self._records), len(self._records), self._table.add(transfers), len(transfers)]
        self._table.set_head(head)
        self.arena, self.table = self._arena.whole(), self._table.whole()
        for target, source in transfers:  # the first step, too, sees what is on the other side
            self.arena[target] = self.arena[source]
        for number in range(len(self.batches)):
            prepare(self.arena, self.table, int(head[0]) + number * index.BATCH)
        detectors = max(1, sum(len(cells.numbers) for cells in self._populations if cells.detector is not None))
        substeps = max(cells.substeps for cells in self._populations)
        most = max(1, _MOST_SPIKES // (detectors * substeps))
        self._interval = max(1, min(interval, most, window_steps))
        self.events = events
        self._shares = _shares(self.batches, 1 if transfers else self._threads)
        self._spikes = [np.zeros(1 + 2 * detectors * substeps * self._interval, np.int64) for _ in self._shares]
        self._pool = ThreadPoolExecutor(len(self._shares)) if len(self._shares) > 1 else None

    def kernel(self, cells: Cells, name: str) -> ModuleType:
        """The compiled code of a mechanism of some cells."""
        return self._kernels[cells][name]

    def advance(self, step: int, steps: int, rows: Floats, observed: Floats) -> tuple[Integers, Integers]:
        """Move on; times in ns and channels of all spikes, in their order."""
        if steps <= self._interval:
            found = self._advance(step, steps, rows, observed)
        else:
            found = []
            for done in range(0, steps, self._interval):
                count = min(self._interval, steps - done)
                found += self._advance(step + done, count, rows[done : done + count], observed[done : done + count])
        if not found:
            return _NOTHING
        times, channels = (np.concatenate(part) for part in zip(*(pairs.reshape(-1, 2).T for pairs in found), strict=True))
        order = np.lexsort((channels, times))
        return times[order], channels[order]

    def _advance(self, step: int, steps: int, rows: Floats, observed: Floats) -> list[Integers]:
        """No longer than spikes take to act; time and channel of each, by thread."""
        events, first = self.events.due(step, steps)
        if self._pool is None:
            wrong = run(self.arena, self.table, 0, len(self.batches), step, steps, events, first, rows, observed, self._spikes[0])
        else:

            def share(k: int) -> int:
                a, b = self._shares[k]
                return int(run(self.arena, self.table, a, b, step, steps, events, first, rows, observed, self._spikes[k]))

            ends = list(self._pool.map(share, range(len(self._shares))))
            wrong = min((end for end in ends if end >= 0), default=-1)
        if wrong >= 0:
            raise self._unsound(wrong % len(self.batches), step + wrong // len(self.batches) + 1)
        found = []
        for spikes in self._spikes:
            if spikes[0]:
                found.append(spikes[1 : 1 + 2 * spikes[0]].copy())
                spikes[0] = 0
                self.events.fan_out(found[-1])
        return found

    def _unsound(self, number: int, step: int) -> CosimError:
        batch = self.batches[number]
        nodes = batch.population.compartments.count
        field = self.arena[batch.fields["V"] : batch.fields["V"] + nodes * batch.lanes].reshape(nodes, batch.lanes)
        real = np.abs(field[:, : len(batch.cells)])
        node, lane = divmod(int(np.argmax(np.nan_to_num(real, nan=np.inf))), len(batch.cells))
        cell = batch.cells[lane]
        what = f"the potential of {batch.population.name}[{cell}] is {field[node, lane] * 1e3:g} mV in compartment {node}"
        dt = format_ns(self.dt_ns // batch.population.substeps)
        why = f"by {format_ns(step * self.dt_ns)}; the step of {dt} is too long for what happens there, or an input is too strong"
        return CosimError(what, why=why, mend="a shorter dt, or weaker inputs")

    def save(self) -> dict[str, NDArray[Any]]:
        return {"numbers": self.arena.copy(), **self.events.save()}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        if len(state["numbers"]) != len(self.arena):
            raise CosimError("the saved state is of other cells", why=f"{len(state['numbers'])} numbers, not {len(self.arena)}")
        self.arena[:] = state["numbers"]
        self.events.load(state)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()


_NOTHING = (np.empty(0, np.int64), np.empty(0, np.int64))


def _shares(batches: Sequence[Batch], threads: int) -> list[tuple[int, int]]:
    """First and last batch of each thread, by the work that they are."""
    work = np.cumsum([batch.population.compartments.count * batch.population.substeps for batch in batches])
    ends = np.searchsorted(work, work[-1] * np.arange(1, threads + 1) / threads - 0.5) + 1
    edges = np.unique(np.concatenate([[0], np.minimum(ends, len(batches))])).tolist()
    return list(pairwise(edges))


def _compile(log: logging.Logger) -> None:
    from engines.compartmental_neurons.kernels import pointers, steps, vectors

    stamp(steps, pointers, vectors)
    if not is_kept(run):
        log.info("compiling the loop over steps of compartmental neurons (once on this machine)")
