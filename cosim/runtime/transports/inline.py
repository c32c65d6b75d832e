"""All engines in one process: nothing travels. The coordinator is called directly."""

from __future__ import annotations

import time
from typing import Any

from cosim.runtime.coordinator import Coordinator
from cosim.runtime.transports import Received
from cosim.runtime.wire import CONTROL, Header
from cosim.sdk import Payload


class Inline:
    """The transport of a single worker beside its coordinator."""

    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator

    @property
    def started(self) -> bool:
        return self._coordinator.started

    def send(self, worker: int, lane: int, payload: Payload) -> None:
        raise AssertionError("a single worker has nobody to send to")

    def grant(self, worker: int, lane: int, oldest_ns: int) -> None:
        raise AssertionError("a single worker has nobody to grant to")

    def poll(self) -> list[Received]:
        self._coordinator.check()
        return [(Header(CONTROL, False, 0, 0, 0, 0, 0), {"stop": True})] if self._coordinator.failure else []

    def wait(self, at_most_s: float) -> None:
        time.sleep(min(at_most_s, 0.001))  # only when pacing: a single worker never waits for a frame

    def report(self, content: dict[str, Any]) -> None:
        self._coordinator.receive(0, content)

    def record(self, lane: int, payload: Payload) -> None:
        self._coordinator.record(lane, payload)
