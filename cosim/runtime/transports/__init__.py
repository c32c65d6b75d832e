"""How messages get from worker to worker: one module per transport.

A transport connects the workers of one run, numbered from 0, and each of them with the coordinator.
"""

from __future__ import annotations

from typing import Any, Protocol

from cosim.runtime.wire import Header
from cosim.sdk import Payload

Received = tuple[Header, Any]
"""A header, and its payload (Spikes, Samples), control content (dict) or None (a credit)."""


class Transport(Protocol):
    """One worker's view of the others."""

    def send(self, worker: int, lane: int, payload: Payload) -> None:
        """Hand a frame over; its arrays are not written again."""
        ...

    def grant(self, worker: int, lane: int, oldest_ns: int) -> None:
        """Tell a link's source how far its target has come."""
        ...

    def poll(self) -> list[Received]:
        """What has arrived; never waits."""
        ...

    def wait(self, at_most_s: float) -> None:
        """Wait until something may have arrived, without taking a working engine's core."""
        ...

    def report(self, content: dict[str, Any]) -> None:
        """Tell the coordinator."""
        ...

    def record(self, lane: int, payload: Payload) -> None:
        """Hand a payload to the recorder; waits while the recorder is behind."""
        ...
