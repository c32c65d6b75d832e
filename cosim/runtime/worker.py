"""A worker: hosts engines, runs whichever is ready, and hands on what they say."""

from __future__ import annotations

import itertools
import logging
import os
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cosim.runtime import wire
from cosim.runtime.failures import PartFailed, describe_failure
from cosim.runtime.link import Inlet, LinkSource, LinkTarget, check_payload
from cosim.runtime.scheduler import Scheduler
from cosim.runtime.trace import Trace
from cosim.runtime.transports import Transport
from cosim.scenario.plan import EnginePlan, LinkPlan, Plan
from cosim.sdk import CosimError, Keeper, Payload, Port, Samples, Setup, Window

RUN_AHEAD = 8
"""Intervals that a source may run ahead of what its target needs, where no loop bounds it."""
STATUS_EVERY_S = 0.2
DIGESTS_AT_ONCE = 4096
MOST_KEPT_BYTES = 1 << 26
"""Of one array that an engine leaves in the run's file: the matrix of some 2900 regions."""


class Stopped(Exception):
    """The coordinator has asked this worker to stop."""


class _Outlet:
    """An output port of a hosted engine: what checks it, and who takes its payloads."""

    __slots__ = ("port", "rows", "sinks", "width")

    def __init__(self, port: Port, rows: int) -> None:
        self.port, self.rows, self.width = port, rows, len(port.space)
        self.sinks: list[Callable[[Payload], None]] = []


class _Hosted:
    """An engine that lives here."""

    def __init__(self, plan: EnginePlan) -> None:
        self.plan, self.name, self.window_ns = plan, plan.name, plan.window_ns
        self.engine: Any = None
        self.clock_ns = 0
        self.inlets: list[Inlet] = []
        self.outlets: list[_Outlet] = []
        self.team: Any = None
        """The engine's ranks, where it has several: it is led from here."""


class Worker:
    """The engines of one process (or of one MPI rank), and the links that touch them.

    Parameters
    ----------
    homes
        For every engine of the plan, the number of the worker that hosts it.
    teams
        For engines spread over several MPI ranks, what leads or follows them (see transports.mpi).
    """

    def __init__(
        self, plan: Plan, number: int, homes: Mapping[str, int], transport: Transport, teams: Mapping[str, Any] | None = None
    ) -> None:
        self.plan, self.number, self.homes, self.transport = plan, number, homes, transport
        self.teams = teams or {}
        run = plan.scenario.file.run
        self._checks, self._pace = run.check_values, run.realtime
        self._lanes = list(plan.links)
        self._hosted = {name: _Hosted(plan.engines[name]) for name in plan.engines if homes[name] == number}
        self._sources: list[LinkSource] = []
        self._targets: dict[str, LinkTarget] = {}
        self.trace = Trace()
        self.doing = "building"
        self._since = time.perf_counter()
        self._jitter = _injected_delay()
        self._wire_up()

    # -- wiring ----------------------------------------------------------------------------------------------------

    def _wire_up(self) -> None:
        plan, seed = self.plan, self.plan.seed
        links = [link for link in plan.links.values() if link.source in self._hosted or link.target in self._hosted]
        loose = {
            n: b + RUN_AHEAD * plan.links[n].interval_ns for n, b in plan.proof.buffers_ns.items() if n not in plan.proof.in_loop
        }
        self.scheduler = Scheduler(
            {n: h.window_ns for n, h in self._hosted.items()}, plan.goals_ns, [link.flow for link in links], loose
        )
        hashes = plan.scenario.file.run.hashes
        for link in links:
            if link.target in self._hosted:
                self._targets[link.name] = LinkTarget(link, seed, hashes, self._keeper(link), self._checks)
        for hosted in self._hosted.values():
            self._make_inlets(hosted)
            self._make_outlets(hosted, seed)

    def _make_inlets(self, hosted: _Hosted) -> None:
        for name, port in hosted.plan.arriving.items():
            into = [self._targets[link.name] for link in self.plan.links_into[hosted.name] if link.target_port.name == name]
            hosted.inlets.append(Inlet(name, into, len(port.space), port.dt_ns if port.kind == "samples" else None))

    def _make_outlets(self, hosted: _Hosted, seed: int) -> None:
        streams = self.plan.streams
        for name, port in hosted.plan.outputs.items():
            outlet = _Outlet(port, hosted.window_ns // (port.dt_ns or hosted.window_ns))
            for link in self.plan.links_from[hosted.name]:
                if link.source_port.name == name:
                    source = LinkSource(link, hosted.window_ns, seed, self._deliverer(link), self._checks)
                    self._sources.append(source)
                    outlet.sinks.append(source.send)
            stream = f"{hosted.name}.{name}"
            if stream in streams:
                lane = streams.index(stream)
                outlet.sinks.append(lambda payload, lane=lane: self.transport.record(lane, payload))  # type: ignore[misc]
            hosted.outlets.append(outlet)

    def _deliverer(self, link: LinkPlan) -> Callable[[Payload], None]:
        """Where the frames of a link go: to an engine here, or to another worker."""
        scheduler, name = self.scheduler, link.name
        if link.target in self._hosted:
            target = self._targets[name]

            def deliver_here(payload: Payload) -> None:
                stop = payload.window.stop_ns
                if type(payload) is Samples and not payload.values.flags.c_contiguous:  # as if it had travelled
                    payload = Samples(payload.window, np.ascontiguousarray(payload.values))
                target.offer(payload)
                scheduler.offered(name, stop)

            return deliver_here
        transport, lane, home = self.transport, self._lanes.index(name), self.homes[link.target]
        return lambda payload: transport.send(home, lane, payload)

    def _keeper(self, link: LinkPlan) -> Callable[[Payload], None] | None:
        if not link.record:
            return None
        lane = len(self.plan.streams) + self._lanes.index(link.name)
        return lambda payload: self.transport.record(lane, payload)

    # -- life ------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Build, start together with the others, run to the goals, close; whatever fails is reported."""
        try:
            self._build()
            self._start_together()
            for source in self._sources:
                source.first_frames()
            self._loop()
            self.doing = "done"
        except Stopped:
            self.doing = "stopped"
        except KeyboardInterrupt:
            self.doing = "interrupted"
            raise
        except BaseException as error:
            self._report_failure(error)
        finally:
            self._close()

    def _build(self) -> None:
        for name, hosted in self._hosted.items():
            self.doing = f"building {name}"
            self._status()
            team = self.teams.get(name)
            with _context(f"engine {name}", "while it was built"):
                hosted.engine = build_engine(self.plan, name, team.comm if team else None)
            hosted.team = team

    def _start_together(self) -> None:
        """Wait until every worker has built its engines."""
        self.doing = "waiting for the others to be built"
        self.transport.report({"ready": self.number})
        started = False
        while not started:
            for header, content in self.transport.poll():
                if header.kind == wire.CONTROL and "go" in content:
                    started = True
                else:
                    self._receive(header, content)
            if not started:
                if getattr(self.transport, "started", False):
                    break
                self.transport.wait(0.1)
        self.doing = "running"
        self._started = time.perf_counter()
        self.trace.start()

    def _loop(self) -> None:
        scheduler, transport, hosted = self.scheduler, self.transport, self._hosted
        clock, next_status = time.perf_counter, 0.0
        alone = len(set(self.homes.values())) == 1
        while scheduler.unfinished or scheduler.expected:
            if not alone:
                for header, content in transport.poll():
                    self._receive(header, content)
            now = clock()
            if now >= next_status:
                self._status()
                if alone:  # no frames arrive, but the coordinator looks after the run, and may stop it
                    for header, content in transport.poll():
                        self._receive(header, content)
                next_status = now + STATUS_EVERY_S
            if self._pace is not None and (ahead := self._ahead_s(now)) > 0:
                transport.wait(ahead)
                continue
            name = scheduler.next()
            if name is None:
                self._wait()
            else:
                self._fire(hosted[name])

    def _ahead_s(self, now: float) -> float:
        """How long the next window must still wait for the wall clock, when the run is paced."""
        start = self.scheduler.peek_start_ns()
        return 0.0 if start is None else start * 1e-9 / (self._pace or 1.0) - (now - self._started)

    def _wait(self) -> None:
        begin, link = time.perf_counter_ns(), self.scheduler.lacking()
        self.doing = "waiting"
        self.transport.wait(STATUS_EVERY_S)
        if link is not None:
            self.trace.waited(begin, time.perf_counter_ns(), link)

    def _fire(self, hosted: _Hosted) -> None:
        """Run one window of an engine and hand on what it gives."""
        start = hosted.clock_ns
        window = Window(start, start + hosted.window_ns)
        inputs = {inlet.name: inlet.take(window) for inlet in hosted.inlets}
        if self._jitter:
            self._jitter()
        self.doing = hosted.name
        begin = time.perf_counter_ns()
        try:
            outputs = (
                hosted.engine.advance(window, inputs) if hosted.team is None else hosted.team.advance(hosted.engine, window, inputs)
            )
        except (Exception, SystemExit) as error:
            raise PartFailed(f"engine {hosted.name}, window {window}", error) from error
        end = time.perf_counter_ns()
        self.doing = "running"
        self.trace.computed(hosted.name, window, begin, end)
        hosted.clock_ns = window.stop_ns
        for outlet in hosted.outlets:
            port = outlet.port
            try:
                payload = outputs[port.name]
            except (KeyError, TypeError):
                given = ", ".join(outputs) if isinstance(outputs, Mapping) else type(outputs).__name__
                raise CosimError(
                    f"{port.name} is missing",
                    where=f"engine {hosted.name}, window {window}",
                    why=f"advance returned {given or 'nothing'}",
                ) from None
            if self._checks and not _is_plainly_fine(payload, window, outlet):
                check_payload(payload, lambda: f"engine {hosted.name}, window {window}", port, window, outlet.rows)
            if type(payload) is Samples:
                payload.values.flags.writeable = False
            for sink in outlet.sinks:
                sink(payload)
        for credit in self.scheduler.advanced(hosted.name):
            self.transport.grant(self.homes[self.plan.links[credit.link].source], self._lanes.index(credit.link), credit.oldest_ns)

    def _receive(self, header: wire.Header, content: Any) -> None:
        if header.kind == wire.CONTROL:
            if "stop" in content:
                raise Stopped
            return
        name = self._lanes[header.lane]
        if header.kind == wire.CREDIT:
            self.scheduler.granted(name, header.start_ns)
            return
        self._targets[name].offer(content)
        self.scheduler.offered(name, header.stop_ns)

    # -- telling ---------------------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """Where each engine stands, and who waits for whom."""
        return {
            "clocks": {name: hosted.clock_ns for name, hosted in self._hosted.items()},
            "doing": self.doing,
            "compute_ns": dict(self.trace.compute_ns),
            "waits": [str(wait) for wait in self.scheduler.waits()] if self.doing == "waiting" else [],
        }

    def _status(self) -> None:
        self.transport.report({"status": self.status(), **self._digests(DIGESTS_AT_ONCE)})

    def _digests(self, least: int) -> dict[str, Any]:
        """Running hashes that have gathered, to be kept by the recorder."""
        full = {name: target for name, target in self._targets.items() if len(target.digests) >= max(least, 1)}
        taken = {name: target.digests[:] for name, target in full.items()}
        for name, digests in taken.items():
            del full[name].digests[: len(digests)]
        return {"digests": taken} if taken else {}

    def _report_failure(self, error: BaseException) -> None:
        self.doing = "failed"
        self.transport.report({"failed": describe_failure(error)})

    def _report_kept(self, hosted: _Hosted) -> None:
        """What an engine leaves in the run's file; a fault in it is told, and ends nothing."""
        if not isinstance(hosted.engine, Keeper):
            return
        kept: dict[str, Any] = {}
        try:
            for name, value in hosted.engine.kept().items():
                array = np.asarray(value)
                if array.dtype.kind not in "biufU":
                    raise TypeError(f"{name!r} is neither numbers nor text, but {array.dtype}")
                if array.nbytes > MOST_KEPT_BYTES:
                    raise ValueError(f"{name!r} has {array.nbytes} bytes, and at most {MOST_KEPT_BYTES} are kept")
                kept[name] = wire.encode_array(array)
        except (Exception, SystemExit) as error:
            text = f"engine {hosted.name}: what it leaves in the run's file is lost: {error!r}"
            self.transport.report({"log": {"level": "WARNING", "text": text}})
        if kept:
            self.transport.report({"kept": {"engine": hosted.name, "arrays": kept}})

    def _close(self) -> None:
        for hosted in self._hosted.values():
            if self.doing == "done":
                self._report_kept(hosted)
            close = getattr(hosted.engine, "close", None)
            if close is None:
                continue
            try:
                close()
            except (Exception, SystemExit) as error:  # closing comes last: tell, and go on with the others
                self.transport.report({"log": {"level": "WARNING", "text": f"engine {hosted.name}: close() raised {error!r}"}})
        links = {n: {"sha256": t.sha256, "frames": t.frames, "bytes": t.bytes} for n, t in self._targets.items()}
        final = {"outcome": self.doing, "links": links, "trace": self.trace.as_dict(), "status": self.status()}
        self.transport.report({"final": final, **self._digests(1)})


def build_engine(plan: Plan, name: str, comm: Any) -> Any:
    """An engine of the plan, at time 0."""
    engine = plan.engines[name]
    log = logging.getLogger(f"cosim.engine.{name}")
    setup = Setup(name, engine.window_ns, engine.seed, engine.arriving, engine.delays_ns, comm, plan.scenario.folder, log)
    return engine.cls(engine.params, setup)


class _context:  # noqa: N801 - reads as a word in 'with'
    """Adds a place to whatever is raised inside."""

    def __init__(self, where: str, when: str) -> None:
        self._where, self._when = where, when

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, CosimError):
            error.located(self._where)
        elif isinstance(error, (Exception, SystemExit)):
            raise PartFailed(f"{self._where}, {self._when}", error) from error


def _is_plainly_fine(payload: Any, window: Window, outlet: _Outlet) -> bool:
    """The checks of ``check_payload`` in the order in which they are cheapest; False means: look closer."""
    if type(payload) is not Samples or payload.window != window or outlet.port.kind != "samples":
        return False
    values = payload.values
    if type(values) is not np.ndarray or values.dtype.char != "d" or values.shape != (outlet.rows, outlet.width):
        return False
    return outlet.port.allow_nan or bool(np.isfinite(values).all())


def _injected_delay() -> Callable[[], None] | None:
    """For tests of determinism: random pauses before every window, asked for by the environment."""
    most_ms = float(os.environ.get("COSIM_TEST_DELAY_MS", "0"))
    if not most_ms:
        return None
    rng, count = random.Random(os.getpid()), itertools.count()

    def pause() -> None:
        if next(count) % 2:
            time.sleep(rng.uniform(0, most_ms) * 1e-3)

    return pause
