"""The deterministic solver: concentrations, diffusion by implicit sweeps, reactions to a tolerance in every voxel."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, format_ns
from engines.reaction_diffusion.deterministic_tables import Tables, clamps_of
from engines.reaction_diffusion.kernels import deterministic_records as records
from engines.reaction_diffusion.lanes import LANES
from engines.reaction_diffusion.sweeps import BACKWARD_EULER, SECOND_ORDER
from engines.reaction_diffusion.system import LEDGERS, Additions, Floats, Flows, Integers, System, Views

_SCHEMES = (SECOND_ORDER, BACKWARD_EULER)
_WORTH_THREADS = {"voxels": 50_000, "reactions": 1_000}
"""Numbers in a sweep, and voxels in a patch, some 0.1 ms of work: with less to do another thread costs more than it gives."""


class Deterministic:
    """Moves states on by whole steps.

    A step: what comes in at its start, diffusion for half of it (axis by axis), reactions for all of it in every voxel, diffusion
    for the other half (axes in reverse order); so it is of second order (Strang 1968). Reactions are solved to the tolerance, with
    steps of their own that end with each step of the system, so results do not depend on how many of these a call has.

    Parameters
    ----------
    tolerance
        Relative error of numbers in a step of reactions.
    scheme
        second_order, or backward_euler, of which no number is ever negative.
    threads
        That share replicas, or the voxels of one; results do not depend on them.
    """

    def __init__(
        self, system: System, views: Views, flows: Flows, tolerance: float, scheme: str, threads: int, log: logging.Logger
    ) -> None:
        assert scheme in _SCHEMES
        self._kernels = _compiled(log)
        self._system, self._dt, self._tolerance = system, system.dt, tolerance
        self._tables = tables = Tables.of(system, tolerance, scheme, log)
        self._kept, self._carries = np.empty((0, tables.rows)), np.empty((0, len(LEDGERS) * len(system.shared)))
        self._desks = [_Desk(tables, len(views.every)) for _ in range(threads)]
        self._pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None
        self._run: Callable[..., Any] = self._kernels.run
        self._fixed = (tables.half, tables.sweeps, tables.patches, tables.table, tables.numbers)
        coming = (flows.columns, flows.places, flows.ledgers, flows.shares, *clamps_of(system))
        self._coming = tuple(np.ascontiguousarray(values) for values in coming)
        watched = (views.starts, views.places, views.weights, views.every, views.is_mean)
        self._watched = (*map(np.ascontiguousarray, watched), bool(views.uses_outputs), views.has_means, views.grain)

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
        """Some steps of all replicas.

        Parameters
        ----------
        state
            (replicas, size), moved on in place.
        additions
            Of each replica, or of all alike.
        inputs
            (steps, columns) in SI units.
        out
            (replicas, total) what is watched: row r of column c goes to ``first[c] + r * stride[c]``.

        Raises
        ------
        CosimError
            Reactions cannot be solved to the tolerance, or numbers are not finite.
        """
        inputs = np.ascontiguousarray(inputs, np.float64)
        if len(self._kept) != len(state):
            self._kept = np.zeros((len(state), self._tables.rows))
            self._carries = np.zeros((len(state), self._carries.shape[1]))

        def some(replicas: Sequence[int], desk: _Desk) -> None:
            for replica in replicas:
                coming = additions if isinstance(additions, Additions) else additions[replica if len(additions) > 1 else 0]
                self._advance(replica, desk, state[replica], coming, inputs, steps, (first, stride, out[replica]))

        if self._pool is None or len(state) == 1:
            some(range(len(state)), self._desks[0])
        else:
            self._each(lambda k: some(range(k, len(state), len(self._desks)), self._desks[k]))
        for desk in self._desks:
            if desk.fault[0]:
                raise self._failed(desk)

    def _advance(
        self, replica: int, desk: _Desk, state: Floats, coming: Additions, inputs: Floats, steps: int, shown: tuple[Any, ...]
    ) -> None:
        if self._pool is not None and len(self._kept) == 1 and self._is_large:
            self._advance_together(state, coming, inputs, steps, shown)
            return
        self._run(
            state, inputs, steps, self._dt, self._tolerance, self._system.ledgers, *self._fixed,
            self._kept[replica], self._carries[replica], desk.parts, desk.work, desk.fault,
            coming.steps, coming.places, coming.amounts, coming.ledgers,
            *self._coming, *self._watched, desk.sums, *shown,
        )  # fmt: skip
        if self._run is self._kernels.run:
            from engines.equations.compiled import entry_of

            self._run = entry_of(self._run)

    # -- threads that share a state --------------------------------------------------------------------------------

    @property
    def _is_large(self) -> bool:
        """Whether some sweep or patch is worth threads."""
        tables = self._tables
        reacting = tables.patches[:, records.ROWS].max(initial=0) >= _WORTH_THREADS["reactions"]
        return bool(reacting or (len(tables.sweeps) and len(self._system.volumes) >= _WORTH_THREADS["voxels"]))

    def _advance_together(self, state: Floats, coming: Additions, inputs: Floats, steps: int, shown: tuple[Any, ...]) -> None:
        """The same as ``run``, with every sweep and every patch cut into shares."""
        kernels, desk, tables, ledgers = self._kernels, self._desks[0], self._tables, self._system.ledgers
        kept, carries, addition = self._kept[0], self._carries[0], 0
        seen = (tables.patches, tables.table, tables.numbers, desk.work, *self._watched, desk.sums, *shown)
        for step in range(steps):
            added = (coming.steps, coming.places, coming.amounts, coming.ledgers)
            addition = kernels.come_in(state, inputs, step, self._dt, ledgers, carries, addition, *added, *self._coming)
            kernels.show(state, inputs, step, False, *seen)
            for record in tables.sweeps[: tables.half]:
                self._sweep_together(state, record, carries)
            for number, record in enumerate(tables.patches):
                if not self._react_together(state, inputs, step, number, record, kept):
                    return
                kernels.settle_reactions(state, record, tables.table, desk.parts, carries, ledgers)
            for record in tables.sweeps[tables.half :]:
                self._sweep_together(state, record, carries)
            kernels.show(state, inputs, step, True, *seen)
        kernels.look(state, ledgers, desk.fault)

    def _sweep_together(self, state: Floats, record: Integers, carries: Floats) -> None:
        tables, parts = self._tables, self._desks[0].parts

        def share(k: int) -> None:
            a, b = self._share(int(record[records.UNITS]), k)
            self._kernels.sweep(state, tables.numbers, tables.table, record, a, b, parts, self._desks[k].work)

        if record[records.UNITS] > 1:
            self._each(share)
        else:
            self._kernels.sweep(state, tables.numbers, tables.table, record, 0, 1, parts, self._desks[0].work)
        self._kernels.settle(state, record, parts, carries, self._system.ledgers)

    def _react_together(self, state: Floats, inputs: Floats, step: int, number: int, record: Integers, kept: Floats) -> bool:
        """Whether all went well."""
        tables, parts = self._tables, self._desks[0].parts

        def share(k: int) -> None:
            a, b = (min(LANES * end, int(record[records.ROWS])) for end in self._share(-(-int(record[records.ROWS]) // LANES), k))
            desk = self._desks[k]
            self._kernels.react_rows(
                state, inputs, step, self._dt, self._tolerance, record, tables.table, tables.numbers, kept, a, b,
                parts, desk.work, desk.fault,
            )  # fmt: skip
            if desk.fault[0]:
                desk.fault[2:4] = step, number

        self._each(share)
        return not any(desk.fault[0] for desk in self._desks)

    def _share(self, units: int, k: int) -> tuple[int, int]:
        threads = len(self._desks)
        return units * k // threads, units * (k + 1) // threads

    def _each(self, work: Callable[[int], object]) -> None:
        """Do all shares of some work, the first in this thread."""
        assert self._pool is not None
        others = [self._pool.submit(work, k) for k in range(1, len(self._desks))]
        work(0)
        for other in others:
            other.result()

    # -- what went wrong -------------------------------------------------------------------------------------------

    def _failed(self, desk: _Desk) -> CosimError:
        """What a kernel has found wrong."""
        kind, number, step, patch, row, _ = desk.fault.tolist()
        for other in self._desks:
            other.fault[:], other.sums[:] = 0, 0.0
        name, voxel = self._named(number) if patch < 0 else self._in_patch(patch, row, number)
        where = f"of {name} in voxel {voxel}"
        if kind == records.NOT_FINITE:
            when = "at the end" if patch < 0 else f"{format_ns(round(step * self._dt * 1e9))} after the start"
            why = f"{when} of this window; a rate or an input is not finite, or too large"
            return CosimError(f"the number {where} is not finite", why=why, mend="look at its rates and at inputs")
        return CosimError(
            f"reactions cannot be solved to {self._tolerance:g}, because {where}",
            why=f"{format_ns(round(step * self._dt * 1e9))} after the start of this window steps of reactions "
            f"{'have shrunk to nothing' if kind == records.SHRUNK else 'are more than a million in one step'}; "
            "a rate jumps, or grows without bound",
            mend="look at its rates and at inputs; or allow a larger tolerance",
        )

    def _in_patch(self, number: int, row: int, place: int) -> tuple[str, int]:
        patch = self._system.patches[number]
        return (*patch.chemistry.species, *patch.chemistry.states)[place], int(patch.voxels[row])

    def _named(self, place: int) -> tuple[str, int]:
        """What stands at a place of the state, and its voxel."""
        system, voxels = self._system, len(self._system.volumes)
        if place < len(system.shared) * voxels:
            return system.shared[place // voxels], place % voxels
        number = max(k for k, patch in enumerate(system.patches) if patch.width and patch.first <= place)
        row, own = divmod(place - system.patches[number].first, system.patches[number].width)
        return self._in_patch(number, row, len(system.patches[number].shared) + own)

    # -- checkpoints -----------------------------------------------------------------------------------------------

    def save(self) -> dict[str, NDArray[Any]]:
        """What voxels that react keep from step to step, and what rounding has kept from ledgers."""
        return {"kept": self._kept.copy(), "carries": self._carries.copy()}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._kept, self._carries = np.array(state["kept"], np.float64), np.array(state["carries"], np.float64)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()


class _Desk:
    """Memory that one thread works in."""

    def __init__(self, tables: Tables, columns: int) -> None:
        self.parts, self.work, self.sums = np.zeros(tables.parts), np.zeros(tables.room), np.zeros(columns)
        self.fault = np.zeros(6, np.int64)


def _compiled(log: logging.Logger) -> Any:
    from engines.equations.stamps import is_kept

    kernels = _stamped()
    if not is_kept(kernels.run):
        log.info("compiling the deterministic solver of reactions and diffusion (once on this machine)")
    return kernels


@cache
def _stamped() -> Any:
    """The kernels, which are taken from disk only if nothing that they rest on has changed; looked at once in a process."""
    from engines.equations.stamps import stamp
    from engines.reaction_diffusion.kernels import deterministic_steps

    stamp(deterministic_steps)
    return deterministic_steps
