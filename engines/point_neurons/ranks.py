"""A network over MPI ranks: spikes are exchanged every interval by one collective, what leaves the engine is gathered at rank 0.

Every rank has the same threads, so the parts of rank r are those from r * threads on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError

Integers = NDArray[np.int64]


class Ranks:
    """The ranks of one engine."""

    def __init__(self, comm: Any, own_parts: int) -> None:
        from mpi4py import MPI

        self._in_place, self._sum, self._comm, self._own = MPI.IN_PLACE, MPI.SUM, comm, own_parts

    def exchange(self, ends: Integers, columns: Sequence[NDArray[Any]]) -> None:
        """Give all ranks the spikes of an interval.

        Parameters
        ----------
        ends
            (parts, steps, populations) places behind the spikes of each step and population; those of own parts are sent.
        columns
            Each (parts, room), of what is known of spikes.
        """
        comm, own = self._comm, self._own
        comm.Allgather(self._in_place, ends)
        counts = ends[:, -1, -1]
        first = comm.rank * own
        sizes = counts.reshape(comm.size, own).sum(axis=1)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        for column in columns:
            sent = np.concatenate([column[part, : counts[part]] for part in range(first, first + own)])
            received = np.empty(int(sizes.sum()), column.dtype)
            comm.Allgatherv(sent, [received, (sizes, starts)])
            place = 0
            for part, count in enumerate(counts):
                column[part, :count] = received[place : place + count]
                place += int(count)

    def first(self, error: CosimError | None) -> CosimError | None:
        """The error of the lowest rank that has one, on all ranks."""
        is_wrong = np.array([error is not None], np.int64)
        self.total([is_wrong])
        if not is_wrong[0]:
            return None
        told: list[CosimError | None] = self._comm.allgather(error)
        return next(found for found in told if found is not None)

    def gathered(self, column: NDArray[Any]) -> NDArray[Any]:
        """Numbers of all ranks, one rank after the other; at rank 0, nothing elsewhere."""
        comm = self._comm
        sizes = np.array(comm.allgather(len(column)))
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        received = np.empty(int(sizes.sum()) if comm.rank == 0 else 0, column.dtype)
        comm.Gatherv(np.ascontiguousarray(column), [received, (sizes, starts)] if comm.rank == 0 else None)
        return received

    def total(self, numbers: Sequence[NDArray[Any]]) -> None:
        """Sums over all ranks, in place."""
        for array in numbers:
            self._comm.Allreduce(self._in_place, array, self._sum)
