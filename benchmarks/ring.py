"""Rings: sixteen engines in one process and in two, and eight on two cores of which one has far more to do.

The eight work by processor time, so that a core taken from the slow engine shows.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from benchmarks import launch
from benchmarks.floors import call_ring, process_ring
from benchmarks.table import Row, alternate, median_of

DOUBLES = 1000
LONG_MS, SHORT_MS = 4.0, 0.2
UNEQUAL_LIMIT_MS = 4.3


def run(quick: bool) -> list[Row]:
    """All rings; each on at most two cores."""
    repeats = 3 if quick else 5
    with launch.on_cores(2):
        return [*_sixteen(500 if quick else 2_000, repeats), *_unequal(60 if quick else 250, repeats)]


def _sixteen(windows: int, repeats: int) -> list[Row]:
    """Per engine-window: what the ring's window takes, divided by sixteen."""
    plain = [f"e{i:02d}" for i in range(16)]
    # engines are dealt to workers in the order of their names: with these, each worker has one half of the ring
    halves = [f"e{i % 8:02d}{'ab'[i // 8]}" for i in range(16)]

    def ours(transport: str, names: list[str]) -> Callable[[], float]:
        def measure() -> float:
            with launch.scratch() as folder:
                launch.run(launch.ring(16, windows, DOUBLES, folder, names=names, run=launch.BARE), folder, transport, 2)
                return launch.times_us(folder, names[0])["gross"] / 16

        return measure

    def floor() -> float:
        with launch.scratch() as folder:
            call_ring(16, windows, DOUBLES, folder)
            return launch.times_us(folder, "0")["gross"] / 16

    cases = {"1 process, inline": ("inline", plain)}
    for transport in ("zeromq", "mpi") if launch.has_mpi() else ("zeromq",):
        cases[f"2 processes, {transport}, every link crosses"] = (transport, plain)
        cases[f"2 processes, {transport}, 2 links cross"] = (transport, halves)
    *results, floors = alternate(repeats, *(ours(*case) for case in cases.values()), floor)
    note = "with the engines' own checks; floor: bare calls in one process"
    return [
        Row(f"ring of 16, {name}", f"{DOUBLES}", median(result), median(floors), None, "us/engine-window", repeats, note=note)
        for name, result in zip(cases, results, strict=True)
    ]


def _unequal(windows: int, repeats: int) -> list[Row]:
    """One engine with 4 ms of work a window and seven with 0.2 ms: no wait may take the busy engine's core."""
    work_ms = (LONG_MS, *(SHORT_MS,) * 7)
    rows = []
    for transport in ("zeromq", "mpi") if launch.has_mpi() else ("zeromq",):

        def ours(transport: str = transport) -> dict[str, float]:
            with launch.scratch() as folder:
                launch.run(launch.ring(8, windows, DOUBLES, folder, work_ms=work_ms), folder, transport, 8)
                return launch.times_us(folder, "e00")

        def floor(transport: str = transport) -> dict[str, float]:
            with launch.scratch() as folder:
                process_ring(transport, 8, windows, DOUBLES, folder, work_ms)
                return launch.times_us(folder, "0")

        results, floors = alternate(repeats, ours, floor)
        bare = "bare pyzmq" if transport == "zeromq" else "bare mpi4py, blocking receives"
        name = f"ring of 8, {LONG_MS:g} ms and 7 × {SHORT_MS:g} ms of work, 2 cores, {transport}"
        window_ms, floor_ms = median_of(results, "gross") / 1e3, median_of(floors, "gross") / 1e3
        row = Row(name, f"{DOUBLES}", window_ms, floor_ms, UNEQUAL_LIMIT_MS, "ms/window", repeats, note=f"floor: {bare}")
        row.details = {"ours": results, "floor": floors}
        rows.append(row)
    return rows
