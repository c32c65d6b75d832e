"""Workers on MPI ranks; rank 0 also hosts the coordinator.

Nobody sits in a blocking receive, which would spin and take a working engine's core: a waiting rank probes, spins for some tens
of µs, then yields, then sleeps a little where there are more ranks than cores. MPI keeps the order of messages between two ranks.

An engine with ``ranks: k`` is led by the worker that hosts it; k - 1 ranks that host nothing else follow.
"""

from __future__ import annotations

import os
import time
import weakref
from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.runtime import wire
from cosim.runtime.coordinator import Coordinator
from cosim.runtime.transports import Received
from cosim.scenario.plan import Plan
from cosim.sdk import CosimError, Payload, Window

_MESSAGE, _PIECE, _RECORD = 0, 1, 2
RECORDS_AHEAD = 64
_SPIN_S, _SPIN_CROWDED_S, _YIELD_S = 100e-6, 10e-6, 5e-3
_NAP_S, _NAP_CROWDED_S, _NAP_MOST_S = 20e-6, 50e-6, 2e-3
_STORES_KEPT = 8
_CHECK_EVERY_S = 0.1
GIVE_UP_S, GIVE_UP_LATE_S = 3.0, 4.0
"""After a failure, how long ranks may take to stop in order before rank 0, or the rank that failed, aborts the job."""
RANK_VARIABLES = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK")


def launched_rank() -> int | None:
    """The rank that an MPI launcher gave this process, or None outside one; read without MPI."""
    found = [os.environ[name] for name in RANK_VARIABLES if name in os.environ]
    return int(found[0]) if found else None


def load() -> Any:
    """mpi4py's MPI module, or a CosimError that says how to get it."""
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise CosimError(
            "MPI is not to be had here",
            why=str(error),
            mend="pip install 'neuro-cosim[mpi]', which brings mpi4py and mpirun (MPICH)",
        ) from None
    except RuntimeError as error:  # mpi4py finds no MPI library
        raise CosimError(
            "mpi4py finds no MPI library",
            why=str(error).splitlines()[0],
            mend="pip install mpich, or load your cluster's MPI module",
        ) from None
    return MPI


class Mpi:
    """The transport of one rank."""

    def __init__(self, comm: Any, coordinator: Coordinator | None) -> None:
        self._mpi = load()
        self._comm = comm.Dup()
        self.number, self._coordinator = comm.rank, coordinator
        self._iprobe_any = (self._mpi.ANY_SOURCE, self._mpi.ANY_TAG)
        self._status = self._mpi.Status()
        self._sends: deque[tuple[Any, Any]] = deque()
        self._records: deque[tuple[Any, Any]] = deque()
        self._arriving: dict[int, deque[tuple[wire.Header, list[Any], list[Any], int]]] = defaultdict(deque)
        node = comm.Split_type(self._mpi.COMM_TYPE_SHARED)
        self._crowded = node.size > len(os.sched_getaffinity(0))
        node.Free()
        self._checked = 0.0
        self._stores = _Stores()
        self.own_failure: dict[str, Any] | None = None
        if coordinator is not None:
            coordinator.broadcast = self._broadcast

    @property
    def started(self) -> bool:
        return self._coordinator is not None and self._coordinator.started

    # -- to other ranks --------------------------------------------------------------------------------------------

    def send(self, worker: int, lane: int, payload: Payload) -> None:
        self._post(worker, wire.encode(lane, payload), _MESSAGE)

    def grant(self, worker: int, lane: int, oldest_ns: int) -> None:
        self._post(worker, [wire.encode_credit(lane, oldest_ns)], _MESSAGE)

    def report(self, content: dict[str, Any]) -> None:
        self.own_failure = content.get("failed", self.own_failure)
        if self._coordinator is not None:
            self._coordinator.receive(0, content)
        else:
            self._post(0, [wire.encode_control({**content, "worker": self.number})], _MESSAGE)

    def record(self, lane: int, payload: Payload) -> None:
        if self._coordinator is not None:
            self._coordinator.record(lane, payload)
            return
        pieces = wire.encode(lane, payload)
        self._records.append((self._comm.Issend(pieces[0], 0, _RECORD), pieces[0]))  # synchronous: done when rank 0 has taken it
        for piece in pieces[1:]:
            self._records.append((self._comm.Isend(piece, 0, _PIECE), piece))
        while len(self._records) > RECORDS_AHEAD:
            _let_go(self._records)
            if len(self._records) > RECORDS_AHEAD:
                time.sleep(20e-6)

    def _post(self, worker: int, pieces: list[Any], tag: int) -> None:
        comm, sends = self._comm, self._sends
        sends.append((comm.Isend(pieces[0], worker, tag), pieces[0]))
        for piece in pieces[1:]:
            sends.append((comm.Isend(piece, worker, _PIECE), piece))
        if len(sends) > 16:
            _let_go(sends)

    def _broadcast(self, content: dict[str, Any]) -> None:
        for rank in range(1, self._comm.size):
            self._post(rank, [wire.encode_control(content)], _MESSAGE)

    # -- from other ranks ------------------------------------------------------------------------------------------

    def poll(self) -> list[Received]:
        found: list[Received] = []
        comm, status, (source, tag) = self._comm, self._status, self._iprobe_any
        while comm.Iprobe(source, tag, status):
            sender, kind = status.Get_source(), status.Get_tag()
            buffer = bytearray(status.Get_count(self._mpi.BYTE))
            comm.Recv(buffer, sender, kind)  # has arrived: does not wait
            header = wire.read_header(buffer)
            if header.in_pieces:
                arrays = [self._stores.lend(size) for size in header.array_bytes()]
                requests = [comm.Irecv(array, sender, _PIECE) for array in arrays]
                self._arriving[sender].append((header, requests, [buffer, *arrays], kind))
            elif self._arriving and self._arriving[sender]:
                self._arriving[sender].append((header, [], [buffer], kind))  # keeps its place behind what is still arriving
            else:
                self._take(header, [buffer], kind, found)
        if self._arriving:
            self._take_arrived(found)
        if self._coordinator is not None:
            self._look_after(found)
        return found

    def _take_arrived(self, found: list[Received]) -> None:
        for sender, waiting in list(self._arriving.items()):
            while waiting and all(request.Test() for request in waiting[0][1]):
                header, _, pieces, kind = waiting.popleft()
                self._take(header, pieces, kind, found)
            if not waiting:
                del self._arriving[sender]

    def _take(self, header: wire.Header, pieces: list[Any], kind: int, found: list[Received]) -> None:
        if header.kind == wire.CONTROL:
            content = wire.decode_control(pieces[0])
            if self._coordinator is not None:
                self._coordinator.receive(content.pop("worker"), content)
            else:
                found.append((header, content))
        elif header.kind == wire.CREDIT:
            found.append((header, None))
        elif kind == _RECORD:
            assert self._coordinator is not None
            self._coordinator.record(header.lane, wire.decode(header, pieces))
        else:
            found.append((header, wire.decode(header, pieces)))

    def _look_after(self, found: list[Received]) -> None:
        assert self._coordinator is not None
        now = time.perf_counter()
        if now - self._checked > _CHECK_EVERY_S:
            self._checked = now
            self._coordinator.check()
        if self._coordinator.failure is not None:
            found.append((wire.Header(wire.CONTROL, False, 0, 0, 0, 0, 0), {"stop": True}))

    def wait(self, at_most_s: float) -> None:
        source, tag = self._iprobe_any
        probe, clock = self._comm.Iprobe, time.perf_counter
        begin = clock()
        spin = begin + (_SPIN_CROWDED_S if self._crowded else _SPIN_S)
        stop, calm = begin + at_most_s, begin + (0.0 if self._crowded else _YIELD_S)
        nap = _NAP_S
        while not probe(source, tag):
            now = clock()
            if now < spin:
                continue
            if now >= stop or self._arriving:
                return
            if now < calm:
                os.sched_yield()
                continue
            if self._crowded:  # the longer it has waited, the longer it may go on; most of a core is left to whoever works
                nap = min(max(_NAP_CROWDED_S, (now - begin) / 2), _NAP_MOST_S)
            time.sleep(nap)

    # -- the end ---------------------------------------------------------------------------------------------------

    def finish(self) -> bool:
        """Take what still arrives until no rank has anything under way; False when, after a failure, that takes too long."""
        begin, barrier = time.perf_counter(), None
        while True:
            self.poll()
            _let_go(self._sends)
            _let_go(self._records)
            if barrier is None and not self._sends and not self._records and self._all_reported():
                barrier = self._comm.Ibarrier()
            if barrier is not None and barrier.Test():
                break
            if self._coordinator is not None and self._coordinator.failure is not None:
                patience = GIVE_UP_S
            else:
                patience = GIVE_UP_LATE_S if self.own_failure else float("inf")
            if time.perf_counter() - begin > patience:
                return False
            time.sleep(50e-6)
        self.poll()
        return True

    def _all_reported(self) -> bool:
        return self._coordinator is None or len(self._coordinator.finals) == self._coordinator.workers

    def close(self) -> None:
        self._comm.Free()


class _Stores:
    """Memory for large arrays that arrive: lent out, and used again, still mapped, when nobody reads it any more."""

    def __init__(self) -> None:
        self._free: dict[int, list[NDArray[np.uint8]]] = defaultdict(list)

    def lend(self, size: int) -> memoryview:
        """A buffer of ``size`` bytes; it comes back by itself when the last payload made from it is gone."""
        free = self._free[size]
        store = free.pop() if free else np.empty(size, np.uint8)
        lent = store[:]
        weakref.finalize(lent, self._take_back, store)
        # a memoryview keeps ``lent`` itself alive through all that is made from it; an array of an array would keep ``store``
        return lent.data

    def _take_back(self, store: NDArray[np.uint8]) -> None:
        free = self._free[len(store)]
        if len(free) < _STORES_KEPT:
            free.append(store)


def _let_go(requests: deque[tuple[Any, Any]]) -> None:
    """Forget sends that are done, oldest first, with the buffers they held."""
    while requests and requests[0][0].Test():
        requests.popleft()


# -- engines that span several ranks -----------------------------------------------------------------------------------


class Team:
    """The ranks of one engine, seen from the one that leads."""

    def __init__(self, comm: Any) -> None:
        self.comm, self._orders = comm, comm.Dup()

    def advance(self, engine: Any, window: Window, inputs: Mapping[str, Payload]) -> Any:
        """Advance on all ranks at once; what the leader's engine gives is what counts."""
        self._order({"window": list(window), "ports": list(inputs)}, list(inputs.values()))
        return engine.advance(window, inputs)

    def dismiss(self) -> None:
        self._order({"close": True}, [])

    def _order(self, content: dict[str, Any], payloads: list[Payload]) -> None:
        messages = [wire.encode_control(content), *(b"".join(map(bytes, wire.encode(0, payload))) for payload in payloads)]
        for rank in range(1, self._orders.size):
            for message in messages:
                self._orders.Send(message, rank)


def follow(engine: Any, orders: Any, poll: Any) -> None:
    """Advance an engine whenever its leader says so, until dismissed; ``poll`` is called in between, and may raise."""
    while True:
        content = wire.decode_control(_next_order(orders, poll))
        if "close" in content:
            return
        payloads = {}
        for port in content["ports"]:
            message = _next_order(orders, poll)
            payloads[port] = _decode_whole(message)
        engine.advance(Window(*content["window"]), payloads)


def _next_order(orders: Any, poll: Any) -> bytearray:
    status = load().Status()
    begin = time.perf_counter()
    while not orders.Iprobe(0, 0, status):
        poll()
        if time.perf_counter() - begin > _YIELD_S:
            time.sleep(50e-6)
        else:
            os.sched_yield()
    buffer = bytearray(status.Get_count(load().BYTE))
    orders.Recv(buffer, 0, 0)
    return buffer


def _decode_whole(message: bytearray) -> Payload:
    """A payload whose pieces have been put one behind the other."""
    header = wire.read_header(message[: wire.SIZE]) if message[5] else wire.read_header(message)
    if not header.in_pieces:
        return wire.decode(header, [message])
    pieces, offset = [message[: wire.SIZE]], wire.SIZE
    for size in header.array_bytes():
        pieces.append(message[offset : offset + size])
        offset += size
    return wire.decode(header, pieces)


def followers_of(plan: Plan, ranks: int) -> dict[str, int]:
    """How many following ranks each engine with ``ranks: k`` gets: what it asks for, while one rank is left to lead."""
    spare = ranks - 1
    given = {}
    for name, engine in sorted(plan.engines.items()):
        given[name] = min(engine.ranks - 1, max(spare, 0))
        spare -= given[name]
    return {name: count for name, count in given.items() if count}
