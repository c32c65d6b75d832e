"""Simulators: what a window of each wrapped one costs through its engine, against the same calls made by hand.

Each case is a tiny model, so that what is measured is the exchange. A process each, engine and by hand in turn. Both must tell the
same bits, so that a wrong answer is never fast. What is not installed is passed over, and said so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from benchmarks.launch import ROOT
from benchmarks.table import Row, alternate, median_of

CASES = ("nest", "neuron", "arbor", "brian2", "tvb", "nengo", "mujoco", "fmu", "steps", "eden")
WINDOWS = 300
ALLOWED_US, ALLOWED_RATIO = 20.0, 1.3


def run(quick: bool) -> list[Row]:
    """A row for each simulator that is installed, then two of them that compute at once."""
    from benchmarks.simulators import pair

    rows = []
    for name in CASES:
        case = import_module(f"benchmarks.simulators.{name}")
        if lacking := what_is_lacking(case.ENGINE.simulator, *getattr(case, "PROGRAMS", ())):
            pass_over(case.NAME, lacking)
        else:
            rows.append(_row(name, case, 3 if quick else 5))
    return [*rows, *pair.run(quick)]


def _row(name: str, case: ModuleType, repeats: int) -> Row:
    def side(which: str) -> dict[str, Any]:
        return worker("benchmarks.simulators", name, which, str(WINDOWS), OMP_NUM_THREADS="1")

    ours, floors = alternate(repeats, lambda: side("engine"), lambda: side("bare"))
    if len({result["digest"] for result in (*ours, *floors)}) > 1 or ours[0]["changes"] < 20:
        counts = sorted({(result["told"], result["changes"]) for result in (*ours, *floors)})
        raise AssertionError(f"{case.NAME}: the engine and the simulator by hand do not tell the same, or nothing: {counts}")
    means, tails = (f"{median_of(ours, key):.3g} (floor {median_of(floors, key):.3g})" for key in ("mean", "p95"))
    simulator, least = case.ENGINE.simulator, median_of(floors, "median")
    return Row(
        case.NAME,
        "1 ms",
        median_of(ours, "median"),
        least,
        ALLOWED_RATIO * least + ALLOWED_US,
        repeats=repeats,
        note=f"{simulator.name} {simulator.version}; mean {means}, p95 {tails}",
        details={"windows": WINDOWS, "ours": ours, "floor": floors},
    )


def what_is_lacking(simulator: Any, *programs: str) -> str:
    """The first of what is needed and not there; empty where all is."""
    wanted = [simulator.name] * (simulator.version is None) + [program for program in programs if not shutil.which(program)]
    return wanted[0] if wanted else ""


def pass_over(name: str, lacking: str) -> None:
    """Said beside the table, which goes to the standard output."""
    print(f"passed over: {name}: {lacking} is not installed", file=sys.stderr, flush=True)


def worker(module: str, *arguments: str, **environment: str) -> dict[str, Any]:
    """Run a module in a process of its own; what it says in its last line of JSON."""
    command = [sys.executable, "-m", module, *arguments]
    answer = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    lines = [line for line in answer.stdout.splitlines() if line.startswith("{")]
    if answer.returncode or not lines:
        raise RuntimeError(f"{command!r} ended with {answer.returncode}:\n{(answer.stdout + answer.stderr)[-4000:]}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found
