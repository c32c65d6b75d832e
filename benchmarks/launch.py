"""Scenarios for benchmarks, and how they are started: in this process, in several, or under mpirun."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

import cosim

ROOT = Path(__file__).resolve().parents[1]
ENGINES = Path(__file__).resolve().with_name("engines.py")
WINDOW_NS = 1_000_000
BARE = {"hashes": False, "check_values": False}
"""Coupling alone: what a run costs that does without hashes and checks."""
_ENVIRONMENT = {  # what Open MPI wants; others don't look at it
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}


def shape_of(doubles: int) -> dict[str, int]:
    """Rows and channels of a frame of that many doubles: one row up to 1000, then rows of 1000."""
    channels = min(doubles, 1000)
    rows = doubles // channels
    return {"rows": rows, "channels": channels, "dt": WINDOW_NS // rows}


def exchanger(number: int, windows: int, doubles: int = 1, **params: Any) -> dict[str, Any]:
    """An engine's entry in a scenario."""
    values = {"number": number, "windows": windows, **shape_of(doubles), **params}
    values["dt"] = f"{values['dt']} ns"
    if "work" in values:
        values["work"] = f"{values['work']} ms"
    return {"use": f"{ENGINES}:Exchanger", "window": "1 ms", "params": values}


def scenario(
    engines: Mapping[str, Any], hears: Sequence[tuple[str, str]], windows: int, delay_windows: int = 1, **more: Any
) -> dict[str, Any]:
    """A scenario of these engines; ``hears`` are pairs of source and target."""
    links = {f"{a}_{b}": {"from": f"{a}.y", "to": f"{b}.x", "delay": f"{delay_windows} ms"} for a, b in hears}
    head = {"cosim": 1, "about": {"name": "benchmark"}, "clock": {"stop": f"{windows} ms", "seed": 1}}
    return {**head, "engines": dict(engines), "links": links, **more}


def ring(
    count: int, windows: int, doubles: int, notes: Path, *, work_ms: Sequence[float] = (), names: Sequence[str] = (), **more: Any
) -> dict[str, Any]:
    """Engines in a ring, each of which hears the one before it; two of them are a pair that exchanges."""
    names = names or [f"e{i:02d}" for i in range(count)]
    engines = {
        name: exchanger(i, windows, doubles, hears=(i - 1) % count, notes=str(notes), **({"work": work_ms[i]} if work_ms else {}))
        for i, name in enumerate(names)
    }
    return scenario(engines, [(names[i - 1], names[i]) for i in range(count)], windows, **more)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(data: Mapping[str, Any], folder: Path, transport: str, workers: int = 1) -> Path:
    """Run a scenario to its end; the folder of the run."""
    out = folder / "run"
    if transport != "mpi":
        cosim.run(data, out=out, transport=transport, processes=workers)
        return out
    job = folder / "job.json"
    job.write_text(json.dumps({"scenario": data, "out": str(out), "transport": "mpi"}))
    mpirun(workers, "benchmarks.rank", str(job))
    return out


def python(module: str, *arguments: str) -> None:
    """Run one of these modules in a process of its own."""
    _run_all([[sys.executable, "-m", module, *arguments]])


def python_each(count: int, module: str, *arguments: str) -> None:
    """Run a module in ``count`` processes at once; each is told its number last."""
    _run_all([[sys.executable, "-m", module, *arguments, str(number)] for number in range(count)])


def mpirun(ranks: int, module: str, *arguments: str) -> None:
    """Run a module on MPI ranks."""
    _run_all([[find_mpirun(), "-n", str(ranks), sys.executable, "-m", module, *arguments]])


def _run_all(commands: Sequence[Sequence[str]]) -> None:
    """Start all at once and wait; when one fails the others are ended, and what it said is raised."""
    started = []
    for command in commands:
        output = tempfile.TemporaryFile()  # noqa: SIM115 - closed below, with its process
        environment = {**os.environ, **_ENVIRONMENT}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        started.append((process, output))
    try:
        for process, _ in started:
            while process.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(1.0)
                _check(started)
        _check(started)
    finally:
        for process, output in started:
            if process.poll() is None:
                process.terminate()
                process.wait()
            output.close()


def _check(started: Sequence[tuple[subprocess.Popen[bytes], IO[bytes]]]) -> None:
    for process, output in started:
        if process.poll():
            output.seek(0)
            said = output.read().decode(errors="replace")
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}:\n{said[-4000:]}")


def find_mpirun() -> str:
    """The launcher beside this interpreter, else the one on the path; empty where there is none."""
    beside = Path(sys.executable).with_name("mpirun")
    return str(beside) if beside.exists() else shutil.which("mpirun") or ""


def has_mpi() -> bool:
    """Whether mpirun and mpi4py are to be had."""
    import importlib.util

    return bool(find_mpirun()) and importlib.util.find_spec("mpi4py") is not None


@contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Keep this process, and what it starts, on the first ``count`` cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def times_us(notes: Path, name: str, own_of: Sequence[str] = ()) -> dict[str, float]:
    """Wall time of a window, from inside the run, without start-up and the first tenth.

    Parameters
    ----------
    own_of
        Engines whose own work is taken off: itself where each has a process, all of them where they share one.

    Returns
    -------
    dict
        ``gross`` and ``net`` of own work, means; ``median`` and ``p95`` of net over the windows. µs.
    """
    begins = np.load(notes / f"{name}.npz")["begins_ns"]
    first = len(begins) // 10
    spans = np.diff(begins[first:]) / 1e3
    own = sum(np.load(notes / f"{other}.npz")["own_ns"][first : first + len(spans)] / 1e3 for other in own_of or (name,))
    net = spans - own
    median, tail = np.percentile(net, (50, 95))
    return {"gross": float(spans.mean()), "net": float(net.mean()), "median": float(median), "p95": float(tail)}
