"""Starts a plan under a transport, watches it, stops it in order, and says how it ended."""

from __future__ import annotations

import itertools
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cosim.runtime import wire
from cosim.runtime.coordinator import Coordinator, Listener
from cosim.runtime.failures import describe_failure
from cosim.runtime.placement import first_clash, pack
from cosim.runtime.process import ReportingHandler
from cosim.runtime.transports import mpi as mpi_transport
from cosim.runtime.transports.inline import Inline
from cosim.runtime.transports.zeromq import Hub
from cosim.runtime.worker import Stopped, Worker, build_engine
from cosim.scenario.plan import Plan
from cosim.sdk import CosimError

STOP_S, KILL_S = 3.0, 1.0
"""How long workers get to stop in order, and then to die."""


class RunFailed(CosimError):
    """A run that did not reach its end; its recording is readable in ``folder``."""

    def __init__(self, failure: dict[str, Any], folder: Path) -> None:
        super().__init__(failure["what"], where=failure["where"], why=failure["why"], mend=failure["mend"])
        self.traceback, self.folder = failure.get("traceback", ""), folder


def choose_transport(plan: Plan, asked: str | None = None, processes: int | str | None = None) -> tuple[str, int]:
    """The transport and the number of workers that a run will have."""
    run = plan.scenario.file.run
    transport = asked or run.transport
    processes = processes or run.processes
    if transport == "auto":
        own = any(engine.python for engine in plan.engines.values()) or _workers_needed(plan)[None] > 1
        if mpi_transport.launched_rank() is not None:
            transport = "mpi"
        elif own or (len(plan.engines) > 1 and len(os.sched_getaffinity(0)) > 1 and processes != 1):
            transport = "zeromq"
        else:
            transport = "inline"
    if transport in ("zeromq", "zeromq-tcp"):
        workers = (
            min(len(plan.engines), len(os.sched_getaffinity(0))) if processes == "auto" else min(int(processes), len(plan.engines))
        )
        return transport, max(workers, sum(_workers_needed(plan).values()))
    return transport, 1


def _workers_needed(plan: Plan) -> Counter[Path | None]:
    """For each interpreter the fewest workers that run it: one, or as many as it has models of a simulator that stands alone."""
    models = Counter((engine.python, engine.alone or engine.name) for engine in plan.engines.values())
    needed: Counter[Path | None] = Counter()
    for (python, _), count in models.items():
        needed[python] = max(needed[python], count)
    return needed


def _check_alone(plan: Plan, homes: Mapping[str, int], mend: str) -> None:
    """A CosimError where one process would hold two models of a simulator that can hold one."""
    if clash := first_clash(plan, homes):
        alone = plan.engines[clash[0]].alone
        raise CosimError(
            f"{clash[0]} and {clash[1]} are both models of {alone}, and would share a process",
            why=f"{alone} holds one model a process",
            mend=mend,
        )


def agree_on_plan(make: Callable[[], Plan], transport: str | None) -> Plan:
    """The plan; among MPI ranks a fault on any of them ends all, so that none waits for one that has gone."""
    if transport not in (None, "auto", "mpi") or mpi_transport.launched_rank() is None:
        return make()
    world = mpi_transport.load().COMM_WORLD
    plan: Plan | None = None
    fault: CosimError | None = None
    try:
        plan = make()
    except CosimError as error:
        fault = error
    told = world.allgather(str(fault) if fault else "")
    if fault is not None:
        raise fault
    others = [(rank, text) for rank, text in enumerate(told) if text]
    if others:
        raise CosimError(
            f"MPI rank {others[0][0]} cannot make the plan", why=others[0][1], mend="the same cosim and plug-ins on all ranks"
        )
    assert plan is not None
    return plan


def run_folder(plan: Plan, out: Path | None) -> Path:
    """The folder of a run, made; a CosimError when it cannot be."""
    if out is not None and (out / "run.h5").exists():
        raise CosimError(
            f"{out} holds a run already", why="it would be overwritten", mend="choose another folder with --out, or remove it"
        )
    base = folder = out or Path("runs") / plan.name / time.strftime("%Y-%m-%d_%H-%M-%S")
    try:
        for i in itertools.count(2):  # runs that start in the same second get folders of their own
            try:
                folder.mkdir(parents=True, exist_ok=out is not None)
                break
            except FileExistsError:
                if out is not None:
                    raise
                folder = base.with_name(f"{base.name}_{i}")
        probe = folder / f".cosim-probe-{os.getpid()}"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise CosimError(
            f"nothing can be written to {folder}", why=error.strerror or str(error), mend="choose another folder with --out"
        ) from None
    return folder


def run_plan(
    plan: Plan,
    *,
    out: Path | None = None,
    transport: str | None = None,
    processes: int | None = None,
    listener: Listener | None = None,
) -> Path | None:
    """Run a plan to its end; the folder of the run, or None on MPI ranks other than 0.

    Raises RunFailed with the first failure, KeyboardInterrupt when stopped from outside.
    """
    kind, workers = choose_transport(plan, transport, processes)
    if kind == "inline" and any(e.python for e in plan.engines.values()):
        raise CosimError("an engine with an interpreter of its own (python:) cannot run inline", mend="--transport zeromq")
    if kind == "mpi":
        return _run_mpi(plan, out, listener)
    if kind == "inline":
        _check_alone(plan, dict.fromkeys(plan.engines, 0), "--transport zeromq")
        return _run_inline(plan, run_folder(plan, out), listener)
    return _run_zeromq(plan, out, workers, "tcp" if kind == "zeromq-tcp" else "ipc", listener)


def _conclude(coordinator: Coordinator, interrupted: bool = False) -> Path:
    coordinator.finish(interrupted)
    if interrupted:
        raise KeyboardInterrupt
    if coordinator.failure is not None:
        raise RunFailed(coordinator.failure, coordinator.folder)
    return coordinator.folder


# -- inline ------------------------------------------------------------------------------------------------------------


def _run_inline(plan: Plan, folder: Path, listener: Listener | None) -> Path:
    homes = dict.fromkeys(plan.engines, 0)
    coordinator = Coordinator(plan, folder, 1, homes, "inline", listener)
    transport = Inline(coordinator)
    handler = _log_to(transport)
    interrupted = False
    try:
        Worker(plan, 0, homes, transport).run()
    except KeyboardInterrupt:
        interrupted = True
    except Exception as error:  # ours: a listener, the log's disk
        coordinator.fail(describe_failure(error))
    finally:
        logging.getLogger("cosim").removeHandler(handler)
    return _conclude(coordinator, interrupted)


def _log_to(transport: Any) -> logging.Handler:
    handler = ReportingHandler(transport)
    logger = logging.getLogger("cosim")
    logger.addHandler(handler)
    logger.setLevel(min(logger.level or logging.INFO, logging.INFO))
    return handler


# -- ZeroMQ ------------------------------------------------------------------------------------------------------------


class _Crew:
    """The worker processes of a run, by number."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []
        self.logs: list[Path] = []

    def start(self, interpreter: str, job: Path, number: int, log: Path) -> None:
        with log.open("wb") as file:
            command = [interpreter, "-P", "-m", "cosim.runtime.process", str(job), str(number)]  # -P: a nest.py here is not NEST
            self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT))
        self.logs.append(log)

    def dead(self) -> list[int]:
        """Workers whose process has ended."""
        return [i for i, process in enumerate(self.processes) if process.poll() is not None]

    def end(self, grace_s: float) -> None:
        """Let the processes end by themselves, then terminate, then kill them."""
        deadline = time.monotonic() + grace_s
        for process in self.processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.terminate()
        deadline = time.monotonic() + KILL_S
        for process in self.processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _run_zeromq(plan: Plan, out: Path | None, workers: int, scheme: str, listener: Listener | None) -> Path:
    interpreters = _interpreters(plan, workers)
    folder = run_folder(plan, out)
    homes = pack(plan, workers, interpreters=interpreters)
    _check_alone(plan, homes, "more --processes")
    coordinator = Coordinator(plan, folder, workers, homes, "zeromq" if scheme == "ipc" else "zeromq-tcp", listener)
    sockets = Path(tempfile.mkdtemp(prefix="cosim-"))  # short: the path of a socket has at most 107 characters
    hub, crew, interrupted = Hub(workers, scheme, sockets), _Crew(), False
    coordinator.broadcast = hub.broadcast
    try:
        job = _write_job(plan, sockets, scheme, hub, homes)
        for number, interpreter in enumerate(interpreters):
            crew.start(str(interpreter or sys.executable), job, number, sockets / f"w{number}.log")
        _watch(coordinator, hub, crew)
    except KeyboardInterrupt:
        interrupted = True
        hub.broadcast({"stop": True})
        _drain(coordinator, hub, crew, STOP_S)
    except Exception as error:  # ours: a listener, the log's disk, a message that cannot be read
        coordinator.fail(describe_failure(error))
        _drain(coordinator, hub, crew, STOP_S)
    finally:
        crew.end(STOP_S if coordinator.failure is None and not interrupted else KILL_S)
        hub.close()
        _keep_output(coordinator, crew)
        shutil.rmtree(sockets, ignore_errors=True)
    return _conclude(coordinator, interrupted)


def _interpreters(plan: Plan, workers: int) -> list[Path | None]:
    """For each worker the interpreter that it runs: as many as needed of those that engines ask for, the rest run this one."""
    needed = _workers_needed(plan)
    asked = [python for python in sorted(filter(None, needed)) for _ in range(needed[python])]
    if None not in needed:
        return [asked[i % len(asked)] for i in range(workers)]
    own: list[Path | None] = [None] * max(needed[None], workers - len(asked))
    return own + list(asked)


def _write_job(plan: Plan, sockets: Path, scheme: str, hub: Hub, homes: dict[str, int]) -> Path:
    job = sockets / "job.json"
    content = {
        "scenario": {k: v for k, v in plan.scenario.document.data.items() if k not in ("include", "folder")},
        "folder": str(plan.scenario.folder),
        "homes": homes,
        "scheme": scheme,
        "sockets": str(sockets),
        "reports": hub.reports_address,
        "records": hub.records_address,
    }
    job.write_text(json.dumps(content))
    return job


def _watch(coordinator: Coordinator, hub: Hub, crew: _Crew) -> None:
    """Hear the workers until all have ended, or one has failed and the others have had their time to stop."""
    deadline = None
    while len(coordinator.finals) < coordinator.workers:
        _hear(coordinator, hub)
        coordinator.check()
        lost = [i for i in crew.dead() if i not in coordinator.finals]
        if lost and coordinator.failure is None:
            _hear(coordinator, hub)  # its last words may still be under way
            if coordinator.failure is None and lost[0] not in coordinator.finals:
                coordinator.fail(_loss(coordinator, crew, lost[0]))
        if coordinator.failure is not None:
            deadline = deadline or time.monotonic() + STOP_S
            alive = [i for i in range(coordinator.workers) if i not in coordinator.finals and i not in lost]
            if not alive or time.monotonic() > deadline:
                return
    records = sum(final["records"] for final in coordinator.finals.values())
    came = time.monotonic()
    while hub.taken < records and coordinator.failure is None:  # what workers said last may still be under way
        before = hub.taken
        _hear(coordinator, hub)
        coordinator.check()
        if hub.taken > before or coordinator.recorder.is_behind or len(crew.dead()) < coordinator.workers:
            came = time.monotonic()
        elif time.monotonic() - came > STOP_S:
            coordinator.fail(_records_lost(records - hub.taken))
    coordinator.broadcast({"taken": True})


def _records_lost(count: int) -> dict[str, Any]:
    return {
        "what": f"{count} records of the run are lost",
        "where": "recorder",
        "why": "the processes that had them have ended",
        "mend": "what was recorded until then can be read; run again",
        "traceback": "",
    }


def _hear(coordinator: Coordinator, hub: Hub) -> None:
    recorder = coordinator.recorder
    hub.wait(0.05, not recorder.is_behind)
    while not recorder.is_behind and (record := hub.record()) is not None:
        if recorder.failure is None:
            coordinator.record(*record)
    for content in hub.reports():
        coordinator.receive(content.pop("worker"), content)


def _drain(coordinator: Coordinator, hub: Hub, crew: _Crew, at_most_s: float) -> None:
    deadline = time.monotonic() + at_most_s
    while time.monotonic() < deadline and len(coordinator.finals) < coordinator.workers and len(crew.dead()) < len(crew.processes):
        _hear(coordinator, hub)


def _loss(coordinator: Coordinator, crew: _Crew, number: int) -> dict[str, Any]:
    """What is known of a worker that ended without a word."""
    code = crew.processes[number].returncode
    engines = ", ".join(name for name, home in coordinator.overview.homes.items() if home == number)
    how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with exit code {code}"
    return {
        "what": f"the process of {engines} {how}",
        "where": f"worker {number}, process {crew.processes[number].pid}",
        "why": crew.logs[number].read_text(errors="replace").strip()[-2000:],
        "mend": "out of memory, or ended from outside?" if code == -9 else "",
        "traceback": "",
    }


def _keep_output(coordinator: Coordinator, crew: _Crew) -> None:
    """What engines have printed goes to the log."""
    for number, log in enumerate(crew.logs):
        if text := log.read_text(errors="replace").strip():
            coordinator.tell("OUTPUT", f"worker {number}: {text[-4000:]}")


# -- MPI ---------------------------------------------------------------------------------------------------------------


def _run_mpi(plan: Plan, out: Path | None, listener: Listener | None) -> Path | None:
    world = mpi_transport.load().COMM_WORLD
    extra = mpi_transport.followers_of(plan, world.size)
    leaders = world.size - sum(extra.values())
    executables = world.allgather(sys.executable)
    wanted = {str(e.python): e.python for e in plan.engines.values() if e.python}
    homes = pack(plan, leaders, interpreters=[wanted.get(executable) for executable in executables[:leaders]])
    _check_alone(plan, homes, "more ranks: mpirun -n, one for each of them")
    teams, following = _teams(world, homes, extra, leaders)
    coordinator, fault = None, None
    if world.rank == 0:
        try:
            coordinator = Coordinator(plan, run_folder(plan, out), world.size, homes, "mpi", listener)
        except (CosimError, OSError) as error:
            fault = (error if isinstance(error, CosimError) else CosimError(str(error))).as_dict()
    fault = world.bcast(fault, 0)  # before the run starts: a few bytes
    if fault:
        raise CosimError(fault["what"], where=fault["where"], why=fault["why"], mend=fault["mend"])
    transport = mpi_transport.Mpi(world, coordinator)
    handler, interrupted = _log_to(transport), False
    try:
        if following:
            _follow(plan, *following, transport)
        else:
            Worker(plan, world.rank, homes, transport, teams).run()
        for team in teams.values():
            team.dismiss()
    except KeyboardInterrupt:
        interrupted = True
        if coordinator is not None:
            coordinator.fail(describe_failure(CosimError("interrupted")))
    logging.getLogger("cosim").removeHandler(handler)
    is_over = transport.finish()
    if is_over:
        transport.close()
    if coordinator is None:
        if not is_over and transport.own_failure:
            _say_failure(transport.own_failure)
            world.Abort(1)
        return None
    try:
        return _conclude(coordinator, interrupted)
    finally:
        if not is_over and coordinator.failure is not None:
            _say_failure(coordinator.failure)
            world.Abort(130 if interrupted else 1)


def _teams(
    world: Any, homes: dict[str, int], extra: dict[str, int], leaders: int
) -> tuple[dict[str, Any], tuple[str, Any, Any] | None]:
    """Communicators of the engines that span ranks: the teams led from here, and the one that this rank follows."""
    teams: dict[str, Any] = {}
    following = None
    first = leaders
    for tag, (name, count) in enumerate(extra.items()):
        members = [homes[name], *range(first, first + count)]
        first += count
        if world.rank in members:
            group = world.group.Incl(members)
            comm = world.Create_group(group, tag=tag)
            if world.rank == homes[name]:
                teams[name] = mpi_transport.Team(comm)
            else:
                following = (name, comm, comm.Dup())
    return teams, following


def _follow(plan: Plan, name: str, comm: Any, orders: Any, transport: Any) -> None:
    """The life of a rank that follows an engine's leader."""
    outcome = "done"

    def stop_if_asked() -> None:
        if any(header.kind == wire.CONTROL and "stop" in content for header, content in transport.poll()):
            raise Stopped

    try:
        engine = build_engine(plan, name, comm)
        transport.report({"ready": transport.number})
        mpi_transport.follow(engine, orders, stop_if_asked)
        engine.close()
    except Stopped:
        outcome = "stopped"
    except Exception as error:  # reported like any worker's
        outcome = "failed"
        transport.report({"failed": describe_failure(error)})
    empty = {"compute_ns": {}, "windows": {}, "waited_ns": {}, "offset_ns": 0, "events": [], "waits": []}
    status = {"clocks": {}, "compute_ns": {}, "doing": outcome, "waits": []}
    transport.report({"final": {"outcome": outcome, "links": {}, "trace": empty, "status": status}})


def _say_failure(failure: dict[str, Any]) -> None:
    """Last words before the job is aborted: nothing else will be printed."""
    told = CosimError(failure["what"], where=failure["where"], why=failure["why"], mend=failure["mend"])
    sys.stderr.write(f"error: {told}\n{failure.get('traceback', '')}")
    sys.stderr.flush()
