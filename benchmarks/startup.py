"""Start-up: the command line, and a run of two engines that has one window."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import mkdtemp

from benchmarks import launch
from benchmarks.table import Row, alternate

CLI = launch.ROOT / "cosim" / "cli.py"


def run(quick: bool) -> list[Row]:
    """Wall time of whole commands; the floor is an interpreter that imports NumPy and pydantic."""
    repeats = 3 if quick else 7
    with launch.scratch() as folder:
        data = launch.ring(2, 1, 1, folder)
        scenario = folder / "scenario.yaml"
        scenario.write_text(json.dumps(data))  # JSON is YAML
        cases: dict[str, Callable[[], float]] = {}
        if CLI.exists():
            command = "import sys; from cosim.cli import main; sys.exit(main())"
            cases["cosim --help"] = lambda: _wall_ms("-c", command, "--help")
            cases["cosim check population_swap"] = lambda: _wall_ms("-c", command, "check", "population_swap")
            cases["cosim check, two engines"] = lambda: _wall_ms("-c", command, "check", str(scenario))
        cases["run of one window, inline"] = lambda: _run_ms(folder, data, "inline")
        cases["run of one window, zeromq, 2 processes"] = lambda: _run_ms(folder, data, "zeromq")
        if launch.has_mpi():
            cases["run of one window, mpi, 2 ranks"] = lambda: _mpi_ms(folder, data)
        *results, floors = alternate(repeats, *cases.values(), lambda: _wall_ms("-c", "import numpy, pydantic"))
    least = median(floors)
    note = "floor: python that imports numpy and pydantic"
    return [
        Row(f"start-up, {name}", "", median(found), least, None, "ms", repeats, note=note, details={"ours": found})
        for name, found in zip(cases, results, strict=True)
    ]


def _wall_ms(*arguments: str) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, cwd=launch.ROOT, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - begin) * 1e3


def _job(folder: Path, data: object, transport: str) -> str:
    job = folder / "job.json"
    job.write_text(json.dumps({"scenario": data, "out": mkdtemp(dir=folder), "transport": transport, "processes": 2}))
    return str(job)


def _run_ms(folder: Path, data: object, transport: str) -> float:
    return _wall_ms("-m", "benchmarks.rank", _job(folder, data, transport))


def _mpi_ms(folder: Path, data: object) -> float:
    job = _job(folder, data, "mpi")
    begin = time.perf_counter()
    launch.mpirun(2, "benchmarks.rank", job)
    return (time.perf_counter() - begin) * 1e3
