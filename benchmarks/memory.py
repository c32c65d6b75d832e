"""Memory stays flat: the resident memory of every process at 25, 50, 75 and 100 % of a long run."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import launch
from benchmarks.engines import resident_mib
from benchmarks.table import Row

ALLOWED_RATIO = 1.05
"""Growth after the first quarter that the allocator and the trace's last drawn windows may account for."""
DOUBLES = 1000


def run(quick: bool) -> list[Row]:
    """A pair inline, a pair over ZeroMQ, and a source that could run ahead of a slow target."""
    inline, zeromq, ahead = (50_000, 12_000, 4_000) if quick else (600_000, 120_000, 80_000)
    rows = [*_measure("inline", _pair, inline), *_measure("zeromq", _pair, zeromq)]
    return [*rows, *_measure("zeromq, fast source, slow target", _ahead, ahead)]


def _pair(windows: int, folder: Path) -> dict[str, Any]:
    engines = {name: launch.exchanger(i, windows, DOUBLES, hears=1 - i, memory=str(folder)) for i, name in enumerate("ab")}
    return launch.scenario(engines, [("a", "b"), ("b", "a")], windows)


def _ahead(windows: int, folder: Path) -> dict[str, Any]:
    source = launch.exchanger(0, windows, DOUBLES, memory=str(folder))
    target = launch.exchanger(1, windows, DOUBLES, hears=0, memory=str(folder), work=0.1)
    return launch.scenario({"a": source, "b": target}, [("a", "b")], windows)


def _measure(name: str, make: Any, windows: int) -> list[Row]:
    """One row for every process; runs in a process of its own, so that it starts small."""
    with launch.scratch() as folder:
        job, transport = folder / "job.json", name.split(",")[0]
        content = {"scenario": make(windows, folder), "out": str(folder / "run"), "transport": transport, "processes": 2}
        job.write_text(json.dumps({**content, "memory": str(folder)}))
        launch.python("benchmarks.rank", str(job))
        engines = ("a",) if transport == "inline" else ("a", "b")
        marks = {f"process of {engine}": np.load(folder / f"{engine}.npy") for engine in engines}
        launcher = np.load(folder / "launcher.npy")
        ended = f"; {launcher[-1, 1]:.1f} after the end"
        if transport != "inline":
            before = np.searchsorted(launcher[:, 0], marks["process of a"][:, 0]) - 1  # the sample before each mark
            marks["launcher"] = launcher[before.clip(min=0)]
        return [
            _row(f"{name}, {process}", windows, found[:, 1], ended * (process == "launcher")) for process, found in marks.items()
        ]


def _row(name: str, windows: int, marks_mib: Any, ended: str) -> Row:
    quarters = [float(marks_mib[len(marks_mib) * k // 4 - 1]) for k in (1, 2, 3, 4)]
    note = "RSS at 25/50/75/100 %: " + " / ".join(f"{mib:.1f}" for mib in quarters) + f" MiB{ended}; floor: at 25 %"
    row = Row(f"memory, {name}", f"{windows} windows", quarters[3], quarters[0], ALLOWED_RATIO * quarters[0], "MiB", note=note)
    row.details = {"rss_mib": list(map(float, marks_mib))}
    return row


class Sampler:
    """Notes this process's resident memory every ``every_s``: for the launcher, which runs no engine."""

    def __init__(self, every_s: float = 0.05) -> None:
        self._every_s, self._over = every_s, threading.Event()
        self._marks: list[tuple[int, float]] = []
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while not self._over.wait(self._every_s):
            self._marks.append((time.perf_counter_ns(), resident_mib()))

    def write(self, path: Path) -> None:
        self._over.set()
        self._thread.join()
        np.save(path, np.array(self._marks))
