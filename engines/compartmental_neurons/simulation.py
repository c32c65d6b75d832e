"""Batches in memory and the calls that move them on: from exchange of spikes to exchange of spikes, over threads."""

from __future__ import annotations

import hashlib
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

_WORTH_THREADS = 200_000
"""Compartments times steps, some 0.2 ms of work: with less to do another thread costs more than it gives."""
_MOST_SPIKES = 1 << 20
"""Room for spikes of a call, over which no more than one a detector and step can come."""
_PIECE = 1 << 20
"""Numbers that are taken at a time for the print of a state."""


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
        del self._arena, self._table, self._records  # their pieces are in the whole now
        for target, source in transfers:  # the first step, too, sees what is on the other side
            self.arena[target] = self.arena[source]
        for number in range(len(self.batches)):
            prepare(self.arena, self.table, int(head[0]) + number * index.BATCH)
        detectors = max(1, sum(len(cells.numbers) for cells in self._populations if cells.detector is not None))
        substeps = max(cells.substeps for cells in self._populations)
        most = max(1, _MOST_SPIKES // (detectors * substeps))
        self._interval = max(1, min(interval, most, window_steps))
        self.events = events
        self._work = sum(b.population.compartments.count * len(b.cells) * b.population.substeps for b in self.batches)
        self._shares = _shares(self.batches, 1 if transfers else self._threads)
        self._spikes = [np.zeros(1 + 2 * detectors * substeps * self._interval, np.int64) for _ in self._shares]
        self._is_closed = False
        self._print = _print_of(self.arena, self.table, self._populations, events)
        self._pool = ThreadPoolExecutor(len(self._shares) - 1) if len(self._shares) > 1 else None

    def kernel(self, cells: Cells, name: str) -> ModuleType:
        """The compiled code of a mechanism of some cells."""
        return self._kernels[cells][name]

    def advance(self, step: int, steps: int, rows: Floats, observed: Floats) -> tuple[Integers, NDArray[np.int32]]:
        """Move on; times in ns and channels of all spikes, in their order."""
        if self._is_closed:
            raise CosimError("the engine is closed", why="its threads are gone", mend="build another, and load a saved state")
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
        return times[order], channels[order].astype(np.int32)

    def _advance(self, step: int, steps: int, rows: Floats, observed: Floats) -> list[Integers]:
        """No longer than spikes take to act; time and channel of each, by thread."""
        events, first = self.events.due(step, steps)
        if self._pool is None or steps * self._work < _WORTH_THREADS:
            wrong = run(self.arena, self.table, 0, len(self.batches), step, steps, events, first, rows, observed, self._spikes[0])
        else:

            def share(k: int) -> int:
                a, b = self._shares[k]
                return int(run(self.arena, self.table, a, b, step, steps, events, first, rows, observed, self._spikes[k]))

            others = [self._pool.submit(share, k) for k in range(1, len(self._shares))]
            ends = [share(0), *(other.result() for other in others)]
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
        return {"numbers": self.arena.copy(), "print": self._print.copy(), **self.events.save()}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        missing = sorted({"numbers", "print", "due_ns", "due_synapse"} - state.keys())
        if missing:
            raise CosimError(f"the saved state has no {missing[0]}", why="it is not one of this engine", mend="load what was saved")
        mend = "load it into an engine of the scenario that it was saved from"
        if len(state["numbers"]) != len(self.arena):
            why = f"{len(state['numbers'])} numbers, not {len(self.arena)}"
            raise CosimError("the saved state is of other cells", why=why, mend=mend)
        if not np.array_equal(state["print"], self._print):
            why = "cells, mechanisms, parameters, synapses, links or dt differ, and numbers of both lie in one state"
            raise CosimError("the saved state is of other cells", why=why, mend=mend)
        self.arena[:] = state["numbers"]
        self.events.load(state)

    def close(self) -> None:
        self._is_closed = True
        if self._pool is not None:
            self._pool.shutdown()


_NOTHING = (np.empty(0, np.int64), np.empty(0, np.int32))


def _print_of(arena: Floats, table: Integers, populations: Sequence[Cells], events: Events) -> Integers:
    """(2,) numbers that stand for cells at time 0, their mechanisms and which synapses there are.

    Numbers count with 24 bits: the last ones of an exponential function may differ from machine to machine. Addresses of code are
    left out, the code itself is in.
    """
    found, told = hashlib.blake2b(digest_size=16), table.copy()
    first, count = told[index.BATCHES], told[index.BATCH_COUNT]
    for record in told[first : first + count * index.BATCH].reshape(-1, index.BATCH):
        at, mechanisms = record[index.MECHANISMS], record[index.MECHANISM_COUNT]
        of_batch = told[at : at + mechanisms * index.MECHANISM].reshape(-1, index.MECHANISM)
        of_batch[:, [index.PREPARE, index.CURRENT, index.MOVE]] = 0
    found.update(told.tobytes())
    with np.errstate(over="ignore", under="ignore"):
        for begin in range(0, len(arena), _PIECE):
            found.update((arena[begin : begin + _PIECE].astype(np.float32) + np.float32(0.0)).tobytes())
    for cells in populations:
        found.update(f"{cells.name} {cells.substeps}".encode())
        for placed in cells.active:
            found.update(source_of(placed.variant).code().encode())
    synapses = events.connections
    for values in (synapses.first, synapses.batch, synapses.slot, synapses.uniform, synapses.dt_ns):
        found.update(values.tobytes())
    return np.frombuffer(found.digest(), np.int64).copy()


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
