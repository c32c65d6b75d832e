"""The coordinator: hears of all workers, keeps the record, the log and the outcome; sits in no data path."""

from __future__ import annotations

import json
import platform
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from cosim.runtime.failures import describe_failure
from cosim.runtime.recorder import Recorder
from cosim.runtime.trace import write_chrome_trace
from cosim.runtime.wire import decode_array
from cosim.scenario.plan import Plan
from cosim.sdk import CosimError, Payload, format_ns


class Listener(Protocol):
    """Whoever shows a run while it goes on; the command line has one."""

    def started(self, plan: Plan, transport: str, workers: int) -> None: ...
    def progressed(self, overview: Overview) -> None: ...
    def told(self, level: str, text: str) -> None: ...
    def ended(self, overview: Overview) -> None: ...


@dataclass
class Overview:
    """Where a run stands.

    Attributes
    ----------
    clocks_ns, compute_ns, waited_ns
        By engine, by engine, by link.
    doing
        What each worker says it does.
    """

    stop_ns: int
    clocks_ns: dict[str, int] = field(default_factory=dict)
    compute_ns: dict[str, int] = field(default_factory=dict)
    waited_ns: dict[str, int] = field(default_factory=dict)
    windows: dict[str, int] = field(default_factory=dict)
    doing: dict[int, str] = field(default_factory=dict)
    waits: dict[int, list[str]] = field(default_factory=dict)
    homes: dict[str, int] = field(default_factory=dict)
    wall_s: float = 0.0

    @property
    def time_ns(self) -> int:
        """What every engine has reached."""
        return min(min(self.clocks_ns.values(), default=0), self.stop_ns)

    @property
    def speed(self) -> float:
        """Simulated time over wall time."""
        return self.time_ns * 1e-9 / self.wall_s if self.wall_s else 0.0

    @property
    def bottleneck(self) -> str:
        """The engine that has computed longest."""
        return max(self.compute_ns, key=self.compute_ns.__getitem__, default="")


class Coordinator:
    """One run, seen from where its results are kept."""

    def __init__(
        self, plan: Plan, folder: Path, workers: int, homes: dict[str, int], transport: str, listener: Listener | None
    ) -> None:
        self.plan, self.folder, self.workers, self.transport = plan, folder, workers, transport
        self._listener = listener
        self.overview = Overview(plan.stop_ns, clocks_ns=dict.fromkeys(plan.engines, 0), homes=homes)
        self.failure: dict[str, Any] | None = None
        self.broadcast: Callable[[dict[str, Any]], None] = lambda content: None
        """Set by the transport: sends a control message to every worker that is not in this process."""
        self.started = False
        self.finals: dict[int, dict[str, Any]] = {}
        self._ready: set[int] = set()
        self._kept: dict[str, dict[str, NDArray[Any]]] = {}
        self._moved, self._stalls = time.monotonic(), 0
        self._heard: dict[int, float] = {}
        self._begin, self._end = time.perf_counter(), 0.0
        self._log = (folder / "log.jsonl").open("a", encoding="utf-8")
        (folder / "scenario.yaml").write_text(plan.scenario.dump(), encoding="utf-8")
        self.recorder = Recorder(folder / "run.h5", plan, provenance(plan, transport, workers))
        if listener:
            listener.started(plan, transport, workers)

    # -- what comes in ---------------------------------------------------------------------------------------------

    def receive(self, worker: int, content: dict[str, Any]) -> None:
        """Take a worker's report."""
        if "status" in content:
            self._take_status(worker, content["status"])
        if "digests" in content:
            self.recorder.put_digests(content["digests"])
        if "log" in content:
            self.tell(content["log"]["level"], content["log"]["text"])
        if "ready" in content:
            self._ready.add(worker)
            if len(self._ready) == self.workers:
                self._begin, self.started = time.perf_counter(), True
                self.broadcast({"go": True})
        if "kept" in content:
            kept = content["kept"]
            self._kept[kept["engine"]] = {name: decode_array(array) for name, array in kept["arrays"].items()}
        if "failed" in content:
            self.fail(content["failed"])
        if "final" in content:
            final = content["final"]
            self.finals[worker] = final
            self._end = time.perf_counter()
            self.overview.windows.update(final["trace"]["windows"])
            for link, waited in final["trace"]["waited_ns"].items():
                self.overview.waited_ns[link] = self.overview.waited_ns.get(link, 0) + waited
            self._take_status(worker, final["status"])

    def record(self, lane: int, payload: Payload) -> None:
        self.recorder.put(lane, payload)

    def fail(self, failure: dict[str, Any]) -> None:
        """The first failure wins; the other workers are asked to stop."""
        if self.failure is None:
            self.failure = failure
            self.broadcast({"stop": True})

    def check(self) -> None:
        """To be called now and then: shows progress, notices a stall and a recorder that cannot go on."""
        if self.recorder.failure is None:
            self.recorder.tick()
        if self.recorder.failure is not None and self.failure is None:
            self.fail(self._recording_stopped())
        if self.started:
            self.overview.wall_s = time.perf_counter() - self._begin
        if self._listener:
            self._listener.progressed(self.overview)
        quiet = time.monotonic() - self._moved
        if self.started and quiet > self.plan.scenario.file.run.stall_after * 1e-9 * (self._stalls + 1):
            self._stalls += 1
            self.tell("WARNING", "\n".join([f"nothing has moved for {quiet:.0f} s", *self.stall_report()]))

    def stall_report(self) -> list[str]:
        """Who computes and who waits for whom; computing is never confused with waiting."""
        lines = []
        for worker, doing in sorted(self.overview.doing.items()):
            if doing == "waiting":
                lines += self.overview.waits.get(worker, [])
            elif doing in self.plan.engines:
                lines.append(f"{doing} is computing, its clock at {format_ns(self.overview.clocks_ns[doing])}")
            elif doing == "running":  # a rank in a long window tells nothing before it ends
                engines = ", ".join(name for name, home in self.overview.homes.items() if home == worker)
                since = self._silence_s(worker)
                lines.append(f"{engines or f'worker {worker}'} was running {since:.0f} s ago, and computes since")
            elif doing.startswith("building"):
                lines.append(f"worker {worker} is still {doing}")
        return [f"{i}. {line}" for i, line in enumerate(lines, 1)]

    def _silence_s(self, worker: int) -> float:
        return time.monotonic() - self._heard.get(worker, self._moved)

    def tell(self, level: str, text: str) -> None:
        """To the log and to whoever watches."""
        self._log.write(json.dumps({"time": time.time(), "level": level, "text": text}) + "\n")
        self._log.flush()
        if self._listener:
            self._listener.told(level, text)

    def _take_status(self, worker: int, status: dict[str, Any]) -> None:
        overview = self.overview
        self._heard[worker] = time.monotonic()
        before = sum(overview.clocks_ns.values())
        overview.clocks_ns.update(status["clocks"])
        overview.compute_ns.update(status["compute_ns"])
        overview.doing[worker], overview.waits[worker] = status["doing"], status["waits"]
        if sum(overview.clocks_ns.values()) != before:
            self._moved, self._stalls = time.monotonic(), 0

    # -- the end ---------------------------------------------------------------------------------------------------

    def finish(self, interrupted: bool = False) -> None:
        """Close the recording, write trace and log; then raise what failed, if anything did."""
        if self.started:
            self.overview.wall_s = (self._end or time.perf_counter()) - self._begin
        links = {name: facts for final in self.finals.values() for name, facts in final["links"].items()}
        outcome = "failed" if self.failure else "interrupted" if interrupted else "done"
        ending = {"outcome": outcome, "wall_s": self.overview.wall_s, "simulated_s": self.overview.time_ns * 1e-9}
        if self.failure:
            ending["failure"] = json.dumps(self.failure)
        self.recorder.close(links if outcome == "done" else {}, ending, self._kept)
        if self.recorder.failure is not None and self.failure is None:
            self.failure = self._recording_stopped()
        try:
            traces = {worker: final["trace"] for worker, final in self.finals.items()}
            write_chrome_trace(self.folder / "trace.json", traces, self._summary())
            self._log.write(json.dumps({"time": time.time(), "level": "INFO", "text": outcome, **(self.failure or {})}) + "\n")
            self._log.close()
        except OSError:  # the disk is full: the failure has been kept above
            pass
        if self._listener:
            self._listener.ended(self.overview)

    def _recording_stopped(self) -> dict[str, Any]:
        return describe_failure(
            CosimError(
                f"recording stopped: {self.recorder.failure}",
                where=str(self.recorder.path),
                why="what was written before is readable",
                mend="free some space, or record less",
            )
        )

    def _summary(self) -> dict[str, Any]:
        o = self.overview
        return {
            "wall_s": o.wall_s,
            "compute_ns": o.compute_ns,
            "waited_ns": o.waited_ns,
            "windows": o.windows,
            "homes": o.homes,
            "transport": self.transport,
        }


def provenance(plan: Plan, transport: str, workers: int) -> dict[str, Any]:
    """What somebody needs to know to make the run again."""
    packages = {}
    for name in ("neuro-cosim", "numpy", "numba", "scipy", "h5py", "pyzmq", "mpi4py"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "scenario": plan.scenario.dump(),
        "name": plan.name,
        "seed": plan.seed,
        "stop_ns": plan.stop_ns,
        "versions": json.dumps({"python": platform.python_version(), **packages}),
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "command_line": " ".join(sys.argv),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "transport": transport,
        "workers": workers,
        "outcome": "running",
    }
