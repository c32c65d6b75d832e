"""Workers in processes of their own; frames go straight from worker to worker over ZeroMQ.

Every worker pulls from one socket; whoever has something for it pushes there: other workers their frames and credits, the
coordinator its control messages. On one machine the sockets are files (ipc), or TCP on loopback. ZeroMQ keeps the order of
messages between two workers, which is all that links need.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Any

import zmq

from cosim.runtime import wire
from cosim.runtime.transports import Received
from cosim.sdk import CosimError, Payload

RECORDS_AHEAD = 64
"""Messages to the recorder that may be under way: beyond, a worker waits for the disk."""
LINGER_MS = 2000
SPIN_S = 200e-6
"""How long a waiting worker looks before it sleeps, where every worker has a core: waking it again costs 20 µs and more."""


def bind(socket: Any, scheme: str, folder: Path, name: str) -> str:
    """Bind a socket in the run's own folder (ipc) or on loopback (tcp); its address."""
    if scheme == "ipc":
        address = f"ipc://{folder / name}"
        socket.bind(address)
        return address
    return f"tcp://127.0.0.1:{socket.bind_to_random_port('tcp://127.0.0.1')}"


def receive(socket: Any) -> tuple[wire.Header, Any]:
    """The message that waits at a socket; large arrays are views of what arrived."""
    first = socket.recv()
    header = wire.read_header(first)
    if header.kind == wire.CREDIT:
        return header, None
    if header.kind == wire.CONTROL:
        return header, wire.decode_control(first)
    pieces = [first]
    while header.in_pieces and socket.getsockopt(zmq.RCVMORE):
        pieces.append(socket.recv(copy=False).buffer)
    return header, wire.decode(header, pieces)


def _has_message(socket: Any) -> bool:
    return bool(socket.getsockopt(zmq.EVENTS) & zmq.POLLIN)


def send(socket: Any, pieces: list[Any]) -> None:
    """Send a message; a large one without copying its arrays."""
    if len(pieces) == 1:
        socket.send(pieces[0])
    else:
        socket.send(pieces[0], zmq.SNDMORE)
        for i, piece in enumerate(pieces[1:], 2):
            socket.send(piece, zmq.SNDMORE if i < len(pieces) else 0, copy=False)


class ZeroMQ:
    """The transport of one worker process.

    Parameters
    ----------
    reports, records
        Addresses of the coordinator's sockets.
    """

    def __init__(self, number: int, scheme: str, folder: Path, reports: str, records: str) -> None:
        self.number = number
        self._context = zmq.Context()
        self._inbox = self._socket(zmq.PULL)
        address = bind(self._inbox, scheme, folder, f"w{number}")
        self._reports = self._socket(zmq.PUSH)
        self._reports.connect(reports)
        self._records = self._socket(zmq.PUSH, RECORDS_AHEAD)
        self._records.connect(records)
        self._recorded = 0
        self._peers: dict[int, Any] = {}
        self._waited: list[Received] = []
        """What ended the last wait."""
        self._timeout_ms = -1
        self._crowded = True
        self._lock = threading.Lock()
        self.report({"hello": address, "pid": os.getpid()})

    def _socket(self, kind: int, high_water: int = 0) -> Any:
        socket = self._context.socket(kind)
        socket.setsockopt(zmq.SNDHWM, high_water)
        socket.setsockopt(zmq.RCVHWM, 0)
        socket.setsockopt(zmq.LINGER, LINGER_MS)
        return socket

    def meet(self, timeout_s: float = 60.0) -> bool:
        """Wait for the coordinator's list of addresses and connect to the other workers; False when asked to stop instead."""
        if not self._inbox.poll(timeout_s * 1000):
            raise CosimError(
                "the coordinator has not answered", why=f"waited {timeout_s:.0f} s for the addresses of the other workers"
            )
        _, content = receive(self._inbox)
        if "stop" in content:
            return False
        self._crowded = len(content["addresses"]) > len(os.sched_getaffinity(0))
        for number, address in enumerate(content["addresses"]):
            if number != self.number:
                self._peers[number] = self._socket(zmq.PUSH)
                self._peers[number].connect(address)
        return True

    def send(self, worker: int, lane: int, payload: Payload) -> None:
        send(self._peers[worker], wire.encode(lane, payload))

    def grant(self, worker: int, lane: int, oldest_ns: int) -> None:
        self._peers[worker].send(wire.encode_credit(lane, oldest_ns))

    def poll(self) -> list[Received]:
        messages, self._waited = self._waited, []
        while _has_message(self._inbox):
            messages.append(receive(self._inbox))
        return messages

    def wait(self, at_most_s: float) -> None:
        if not self._crowded:
            calm = time.perf_counter() + SPIN_S
            while time.perf_counter() < calm:
                if _has_message(self._inbox):
                    return
                os.sched_yield()
        timeout_ms = max(1, int(at_most_s * 1000))
        if timeout_ms != self._timeout_ms:
            self._timeout_ms = timeout_ms
            self._inbox.setsockopt(zmq.RCVTIMEO, timeout_ms)
        with contextlib.suppress(zmq.Again):  # a receive that may time out costs half of what asking first does
            self._waited.append(receive(self._inbox))

    def report(self, content: dict[str, Any]) -> None:
        if "final" in content:  # tells how many records belong to the run: they come on a socket of their own
            content = {**content, "final": {**content["final"], "records": self._recorded}}
        with self._lock:  # the status thread reports too
            self._reports.send(wire.encode_control({**content, "worker": self.number}))

    def record(self, lane: int, payload: Payload) -> None:
        pieces = wire.encode(lane, payload)
        self._recorded += 1
        send(self._records, pieces)  # blocks while RECORDS_AHEAD messages are under way

    def await_taken(self) -> None:
        """Stay until the coordinator has every record, or asks to stop.

        ZeroMQ (libzmq 4.3) loses what is still on its way to a socket that has as much as it wants when the other end goes.
        """
        while self._recorded:
            if self._inbox.poll(1000):
                header, content = receive(self._inbox)
                if header.kind == wire.CONTROL and content.keys() & {"taken", "stop"}:
                    return

    def close(self) -> None:
        self._records.close(linger=-1)  # the disk may be slow; who does not want to wait ends this process
        self._context.destroy(linger=LINGER_MS)


class Hub:
    """The coordinator's end: hears reports and records, sends control messages; no frame of a link comes this way."""

    def __init__(self, workers: int, scheme: str, folder: Path) -> None:
        self._context = zmq.Context()
        self._reports = self._context.socket(zmq.PULL)
        self._reports.setsockopt(zmq.RCVHWM, 0)
        self._records = self._context.socket(zmq.PULL)
        self._records.setsockopt(zmq.RCVHWM, RECORDS_AHEAD)
        self.reports_address = bind(self._reports, scheme, folder, "reports")
        self.records_address = bind(self._records, scheme, folder, "records")
        self._poller = zmq.Poller()
        self._poller.register(self._reports, zmq.POLLIN)
        self._poller.register(self._records, zmq.POLLIN)
        self._addresses: dict[int, str] = {}
        self._inboxes: dict[int, Any] = {}
        self._workers = workers
        self.taken = 0
        """Records that have come."""

    def wait(self, at_most_s: float, take_records: bool) -> None:
        """Wait for a report, or for a record where they can be taken."""
        if take_records:
            self._poller.poll(int(at_most_s * 1000))
        else:
            self._reports.poll(int(at_most_s * 1000))

    def reports(self) -> list[dict[str, Any]]:
        """What the workers have reported; each says its number under ``worker``."""
        found = []
        while _has_message(self._reports):
            _, content = receive(self._reports)
            if "hello" in content:
                self._meet(content["worker"], content["hello"])
            found.append(content)
        return found

    def record(self) -> tuple[int, Payload] | None:
        """The next payload for the recorder, if one has come."""
        if not _has_message(self._records):
            return None
        header, payload = receive(self._records)
        self.taken += 1
        return header.lane, payload

    def broadcast(self, content: dict[str, Any]) -> None:
        message = wire.encode_control(content)
        for inbox in self._inboxes.values():
            inbox.send(message)

    def _meet(self, worker: int, address: str) -> None:
        self._addresses[worker] = address
        inbox = self._context.socket(zmq.PUSH)
        inbox.setsockopt(zmq.SNDHWM, 0)
        inbox.connect(address)
        self._inboxes[worker] = inbox
        if len(self._addresses) == self._workers:
            self.broadcast({"addresses": [self._addresses[i] for i in range(self._workers)]})

    def close(self) -> None:
        self._context.destroy(linger=200)
