"""Who computed, who waited for whom: counted for every window, drawn for the first ones.

The file is in Chrome's trace format: open it in https://ui.perfetto.dev or chrome://tracing.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cosim.sdk import Window

MOST_EVENTS = 20_000
"""Windows drawn per worker; all are counted."""


class Trace:
    """The times of one worker, in wall-clock ns."""

    def __init__(self) -> None:
        self.compute_ns: dict[str, int] = defaultdict(int)
        self.windows: dict[str, int] = defaultdict(int)
        self.waited_ns: dict[str, int] = defaultdict(int)
        """By the link that was waited for."""
        self._events: list[tuple[str, int, int, int]] = []
        self._waits: list[tuple[str, int, int]] = []
        self.started_ns = 0
        self._offset_ns = time.time_ns() - time.perf_counter_ns()  # puts the workers of a machine on one axis

    def start(self) -> None:
        self.started_ns = time.perf_counter_ns()

    def computed(self, engine: str, window: Window, begin_ns: int, end_ns: int) -> None:
        self.compute_ns[engine] += end_ns - begin_ns
        self.windows[engine] += 1
        if len(self._events) < MOST_EVENTS:
            self._events.append((engine, window.stop_ns, begin_ns, end_ns))

    def waited(self, begin_ns: int, end_ns: int, link: str) -> None:
        """The worker had nothing to run: it waited for a link."""
        self.waited_ns[link] += end_ns - begin_ns
        if len(self._waits) < MOST_EVENTS:
            self._waits.append((link, begin_ns, end_ns))

    def as_dict(self) -> dict[str, Any]:
        """Sums and events, as they travel to the coordinator."""
        return {
            "compute_ns": dict(self.compute_ns),
            "windows": dict(self.windows),
            "waited_ns": dict(self.waited_ns),
            "wall_ns": time.perf_counter_ns() - self.started_ns if self.started_ns else 0,
            "offset_ns": self._offset_ns,
            "events": self._events,
            "waits": self._waits,
        }


def chrome_events(worker: int, trace: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A worker's trace as Chrome trace events: one row an engine, one for waiting."""
    offset = trace["offset_ns"]
    rows = {name: i + 1 for i, name in enumerate(sorted(trace["compute_ns"]))}
    named = [("process_name", 0, f"worker {worker}"), *(("thread_name", tid, name) for name, tid in rows.items())]
    for what, tid, name in named:
        yield {"ph": "M", "pid": worker, "tid": tid, "name": what, "args": {"name": name}}
    for engine, stop_ns, begin, end in trace["events"]:
        shown = {"tid": rows[engine], "name": engine, "cat": "compute", "args": {"to_ms": stop_ns / 1e6}}
        yield {"ph": "X", "pid": worker, "ts": (begin + offset) / 1e3, "dur": (end - begin) / 1e3, **shown}
    for link, begin, end in trace["waits"]:
        shown = {"tid": 0, "name": f"waits for {link}", "cat": "wait"}
        yield {"ph": "X", "pid": worker, "ts": (begin + offset) / 1e3, "dur": (end - begin) / 1e3, **shown}


def write_chrome_trace(path: Path, traces: Mapping[int, dict[str, Any]], overview: dict[str, Any]) -> None:
    """All workers' traces as one file, event by event."""
    with path.open("w", encoding="utf-8") as file:
        file.write('{"overview": ' + json.dumps(overview) + ', "traceEvents": [')
        events = (event for worker, trace in sorted(traces.items()) for event in chrome_events(worker, trace))
        for i, event in enumerate(events):
            file.write((",\n" if i else "\n") + json.dumps(event))
        file.write("\n]}\n")
