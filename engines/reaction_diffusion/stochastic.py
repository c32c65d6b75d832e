"""The stochastic solvers: single molecules, with events as they come or in leaps, in replicas."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.equations.randoms import streams
from engines.equations.stamps import is_kept, stamp
from engines.reaction_diffusion.kernels import records as r
from engines.reaction_diffusion.stochastic_tables import Tables
from engines.reaction_diffusion.system import Additions, Floats, Flows, Integers, System, Views

_STREAMS = (r.TIMES_STREAM, r.CHOICES_STREAM, r.SECOND_STREAM, r.DRAWS_STREAM)
_SAVED = (
    "counts", "numbers", "last_inputs", "coefficients", "one_coefficients", "source_sums",
    "sizes", "debts", "levels", "ways_out", "positions", "members", "blocks", "free", "group_sizes", "active",
)  # fmt: skip


class Stochastic:
    """Replicas of a system at a point of time.

    Each replica has streams of random numbers of its own, which it counts; so nothing depends on windows, on threads, or on how
    many replicas there are. States of models, which are no molecules, follow their equations with numbers held as they are at the
    end of a step (Runge-Kutta of order 4, in as many parts as they are fast); rates that depend on them change from step to step.
    """

    def __init__(
        self,
        system: System,
        views: Views,
        flows: Flows,
        seed_key: np.uint64,
        method: str,
        epsilon: float,
        threads: int,
        replicas: int,
        log: logging.Logger,
    ) -> None:
        from engines.reaction_diffusion.kernels import stochastic_steps

        if method not in ("exact", "tau_leaping"):
            raise ValueError(f"there is no method {method!r}; there are exact and tau_leaping")
        stamp(stochastic_steps)
        if not is_kept(stochastic_steps.run):
            log.info("compiling the stochastic solver (once on this machine)")
        self._system, self._epsilon = system, float(epsilon) if method == "tau_leaping" else 0.0
        self._tables = Tables(system, flows, self._epsilon > 0.0, log)
        self._way = stochastic_steps.ONE if self._tables.is_direct else stochastic_steps.MANY
        self._run, self._states = stochastic_steps.run, (stochastic_steps.LOADED, stochastic_steps.RUNNING)
        self._views = (
            views.starts, views.places, views.weights, views.every, views.is_mean,
            bool(views.uses_outputs), views.has_means, views.grain,
        )  # fmt: skip
        self._sums = np.zeros((replicas, len(views.every)))
        self._threads, self._replicas, self._flows = max(1, min(threads, replicas)), replicas, len(flows.columns)
        self._pool = ThreadPoolExecutor(self._threads) if self._threads > 1 else None
        self._make_work(seed_key)

    @property
    def events(self) -> Integers:
        """(replicas,) events so far."""
        return self._work["counts"][:, r.EVENTS].copy()

    # -- work ------------------------------------------------------------------------------------------------------

    def _make_work(self, key: np.uint64) -> None:
        replicas, tables, system = self._replicas, self._tables, self._system
        rows, classes = int(tables.fixed[r.ROWS]), int(tables.fixed[r.CLASSES])
        places = len(system.shared) * len(system.volumes)
        channels, coefficients, scratch = tables.sizes
        room = -(-rows // r.BLOCK) + 1  # blocks that a group may have
        blocks = room + min(r.GROUPS, rows)
        length = system.ledgers + r.LEDGER_COUNT * len(system.shared)
        leaps = self._epsilon > 0.0
        if tables.is_direct:
            rows, room, blocks = 0, 1, 1
        shapes: dict[str, tuple[int, type]] = {
            "counts": (r.COUNT_LENGTH, np.int64),
            "numbers": (r.NUMBER_LENGTH, np.float64),
            "sizes": (classes, np.int64),
            "sums": (classes, np.float64),
            "needed": (classes, np.int64),
            "debts": (places, np.int32),
            "exponentials": (2 * r.BATCH, np.float64),
            "uniforms": (2 * r.BATCH, np.float64),
            "coefficients": (coefficients, np.float64),
            "one_coefficients": (channels if tables.is_direct else 0, np.float64),
            "levels": (rows, np.int32),
            "ways_out": (2 * max(1, tables.ways.kinds.size), np.int32),
            "ahead": (r.AHEAD_ROOM, np.int64),
            "positions": (rows, np.int32),
            "members": (blocks * r.BLOCK, np.int32),
            "blocks": (r.GROUPS * room if rows else 1, np.int32),
            "free": (blocks, np.int32),
            "group_sizes": (r.GROUPS, np.int64),
            "active": (r.GROUPS + 1, np.int32),
            "source_sums": (int(tables.fixed[r.SOURCES]), np.float64),
            "means": (length * leaps, np.float64),
            "variances": (length * leaps, np.float64),
            "intensities": (channels * leaps, np.float64),
            "scratch": (scratch, np.float64),
        }
        self._work: dict[str, NDArray[Any]] = {
            name: np.zeros((replicas, max(1, size)), kind) for name, (size, kind) in shapes.items()
        }
        self._work["levels"][:] = -1
        pairs = self._work["ways_out"].reshape(replicas, -1, 2)[:, : tables.ways.kinds.size]
        pairs[:, :, 0], pairs[:, :, 1] = tables.ways.kinds.reshape(-1), r.HIGH
        self._work["free"][:] = np.arange(blocks)
        self._work["counts"][:, r.FREE_COUNT] = blocks
        self._works = np.zeros((replicas, r.WORK), np.int64)
        self._works[:, r.ROOM] = room
        for term, entry in enumerate(_STREAMS):
            self._works[:, entry] = streams(key, np.arange(replicas), term).view(np.int64)
        self._list_starts = np.zeros(classes + 1, np.int64)
        self._set("lists", np.zeros((replicas, 1), np.int32))
        for name in list(self._work):
            self._set(name, self._work[name])
        self._columns = -1

    def _set(self, name: str, array: NDArray[Any]) -> None:
        """An array of all replicas, and where that of each begins in its record."""
        self._work[name] = array
        self._works[:, getattr(r, name.upper())] = array.ctypes.data + array.strides[0] * np.arange(self._replicas)
        if name == "lists":
            self._works[:, r.LIST_STARTS] = self._list_starts.ctypes.data

    def _make_room(self, needed: Integers) -> None:
        """Lists with room for so many entries of each class, those that are there kept."""
        old, starts = self._work["lists"], self._list_starts
        room = np.maximum(np.diff(starts), needed)
        if np.array_equal(room, np.diff(starts)):
            return
        self._list_starts = np.concatenate([[0], np.cumsum(room)])
        lists = np.zeros((self._replicas, max(1, int(self._list_starts[-1]))), np.int32)
        for c, (begin, end) in enumerate(pairwise(starts.tolist())):
            lists[:, self._list_starts[c] : self._list_starts[c] + end - begin] = old[:, begin:end]
        self._set("lists", lists)

    def _make_queue(self, pairs: int) -> None:
        if "queue" not in self._work or self._work["queue"].shape[1] < 2 * pairs:
            self._set("queue", np.zeros((self._replicas, 4 * pairs), np.int64))

    # -- time ------------------------------------------------------------------------------------------------------

    def advance(
        self,
        state: Floats,
        additions: Additions | Sequence[Additions],
        inputs: Floats,
        steps: int,
        out: Floats,
        first: Integers,
        stride: Integers,
    ) -> None:
        """Move all replicas on by some steps.

        Parameters
        ----------
        state
            (replicas, size), moved on in place.
        additions
            Of all replicas, or of each.
        inputs
            (steps, columns) in SI units.
        out
            (replicas, numbers): row k of column c goes to ``out[replica, first[c] + k * stride[c]]``.

        Raises
        ------
        CosimError
            A propensity is negative, not finite, or beyond 2^87 per second.
        """
        self._prepare(state, inputs)
        together, edges = self._join(additions)
        statuses = np.full(self._replicas, r.FULL, np.int64)
        inputs = np.ascontiguousarray(inputs)
        fixed = int(self._tables.fixed.ctypes.data)
        numbers = (self._way, self._epsilon, self._system.dt), steps, inputs, together, edges

        def go(begin: int, end: int) -> None:
            self._run(fixed, self._works, state, statuses, begin, end, *numbers, self._views, self._sums, first, stride, out)

        while True:
            if self._pool is None:
                go(0, self._replicas)
            else:
                shares = np.linspace(0, self._replicas, min(self._replicas, 8 * self._threads) + 1).astype(int).tolist()
                list(self._pool.map(lambda pair: go(*pair), pairwise(shares)))
            if (statuses == r.SOUND).all():
                return
            self._refuse_faults(statuses)
            self._make_room(self._grown())

    def _prepare(self, state: Floats, inputs: Floats) -> None:
        if inputs.shape[1] != self._columns:
            self._columns = inputs.shape[1]
            if "last_inputs" not in self._work or self._work["last_inputs"].shape[1] != max(1, self._columns):
                self._set("last_inputs", np.zeros((self._replicas, max(1, self._columns))))
        if not self._work["counts"][:, r.STARTED].any() and len(self._list_starts) > 1:
            self._make_room(self._needed(state))

    def _needed(self, state: Floats) -> Integers:
        """(classes,) entries of the replica that has most, and some more."""
        ways = self._tables.ways
        kinds = ways.kinds.reshape(-1)
        listed = np.flatnonzero(kinds >= 0)
        classes, most = ways.kind_classes[kinds[listed]], np.zeros(len(ways.bounds))
        for numbers in state:
            most = np.maximum(most, np.bincount(classes, numbers[listed], len(most)))
        return (1.25 * most).astype(np.int64) + 64

    def _grown(self) -> Integers:
        """(classes,) room for the entries that are there and those that had none, and as many again."""
        room, needed = np.diff(self._list_starts), self._work["needed"].max(axis=0)
        self._work["needed"][:] = 0
        return np.where(needed > room, 2 * needed, room)

    def _join(self, additions: Additions | Sequence[Additions]) -> tuple[tuple[NDArray[Any], ...], Integers]:
        """All additions in one, and (replicas, 2) where those of each begin and end."""
        if isinstance(additions, Additions):
            self._make_queue(len(additions.steps) + self._flows + self._tables.most_changes + 8)
            edges = np.zeros((self._replicas, 2), np.int64)
            edges[:, 1] = len(additions.steps)
            arrays = additions.steps, additions.places, additions.amounts, additions.ledgers
            return tuple(np.array(array) for array in arrays), edges
        lengths = np.array([len(part.steps) for part in additions])
        self._make_queue(int(lengths.max()) + self._flows + self._tables.most_changes + 8)
        ends = np.cumsum(lengths)
        keys = ("steps", "places", "amounts", "ledgers")
        joined = tuple(np.concatenate([getattr(part, key) for part in additions]) for key in keys)
        if len(additions) == 1:
            return joined, np.repeat([[0, ends[0]]], self._replicas, axis=0)
        return joined, np.stack([ends - lengths, ends], axis=1)

    def _refuse_faults(self, statuses: Integers) -> None:
        wrong = np.flatnonzero(statuses > r.FULL)
        if not len(wrong):
            return
        replica = int(wrong[0])
        counts = self._work["counts"][replica]
        row, fault = int(counts[r.FAULT_ROW]), int(statuses[replica])
        for patch in self._tables.patches:
            if row < len(patch.voxels):
                break
            row -= len(patch.voxels)
        place = f"in voxel {patch.voxels[row]} of replica {replica}"
        if fault == r.TOO_FAST:
            raise CosimError(
                f"reactions are too fast {place}",
                why="their propensities add up to more than 2^87 per second",
                mend="look at the units of rate constants; what is that fast is better taken as in equilibrium",
            )
        name = patch.chemistry.channels[int(counts[r.FAULT_CHANNEL])].name
        what = "is not finite" if fault == r.NOT_FINITE else "is negative"
        raise CosimError(
            f"the propensity of {name} {what} {place}",
            why="a rate is worked out of parameters, inputs, states and numbers of molecules as they are there",
            mend="look at its rate for divisions by 0 and differences; a rate that may be negative is two: forward and backward",
        )

    # -- checkpoints -----------------------------------------------------------------------------------------------

    def save(self) -> dict[str, NDArray[Any]]:
        """All that lasts beside the state."""
        saved = {name: self._work[name].copy() for name in _SAVED if name in self._work}
        sizes, starts = self._work["sizes"], self._list_starts
        lists = self._work["lists"]
        parts = [lists[k, starts[c] : starts[c] + sizes[k, c]] for k in range(self._replicas) for c in range(len(starts) - 1)]
        saved["lists"] = np.concatenate([np.empty(0, np.int32), *parts])
        return saved

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """What ``save`` gave, of a solver of the same system."""
        for name in _SAVED:
            if name not in state:
                continue
            if name == "last_inputs":
                self._set(name, state[name].copy())
            elif state[name].shape == self._work[name].shape:
                self._work[name][:] = state[name]
            else:
                why = f"{name} are {state[name].shape}, not {self._work[name].shape}"
                raise CosimError(
                    "the saved state is of another system", why=why, mend="load it into the scenario it was saved from"
                )
        counts, starts = self._work["counts"], self._list_starts
        counts[:, r.STARTED] = np.minimum(counts[:, r.STARTED], self._states[0])
        if len(starts) == 1:
            return
        sizes = self._work["sizes"]
        self._make_room((1.25 * sizes.max(axis=0)).astype(np.int64) + 64)
        self._work["sums"][:] = sizes * self._tables.ways.bounds
        at = 0
        for k in range(self._replicas):
            for c in range(len(starts) - 1):
                begin = self._list_starts[c]
                self._work["lists"][k, begin : begin + sizes[k, c]] = state["lists"][at : at + sizes[k, c]]
                at += int(sizes[k, c])

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
