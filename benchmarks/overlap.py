"""Two engines of equal cost overlap: with enough delay both compute at once, and the transfer is hidden as well."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

from benchmarks import launch
from benchmarks.table import Row, alternate, median_of

WORK_MS = 2.0
ALLOWED_RATIO = 1.10
REPEATS = 5


def run(quick: bool) -> list[Row]:
    """Delays of two windows (hides the transfer) and of one; the floor is one engine alone."""
    windows = 100 if quick else 500
    repeats = 3 if quick else REPEATS
    rows: list[Row] = []
    with launch.on_cores(2):
        for transport in ("zeromq", "mpi") if launch.has_mpi() else ("zeromq",):
            rows += [_pair(transport, delay_windows, windows, repeats) for delay_windows in (2, 1)]
    return rows


def _pair(transport: str, delay_windows: int, windows: int, repeats: int) -> Row:
    def ours() -> dict[str, float]:
        with launch.scratch() as folder:
            engines = {
                name: launch.exchanger(i, windows, 1000, hears=1 - i, delay_windows=delay_windows, work=WORK_MS, notes=str(folder))
                for i, name in enumerate("ab")
            }
            data = launch.scenario(engines, [("a", "b"), ("b", "a")], windows, delay_windows)
            out = launch.run(data, folder, transport, 2)
            return {"ms": launch.times_us(folder, "a")["gross"] / 1e3, "overlap": overlap_of(out / "trace.json")}

    def floor() -> dict[str, float]:
        with launch.scratch() as folder:
            engines = {"a": launch.exchanger(0, windows, 1000, work=WORK_MS, notes=str(folder))}
            launch.run(launch.scenario(engines, [], windows), folder, "inline")
            return {"ms": launch.times_us(folder, "a")["gross"] / 1e3}

    results, floors = alternate(repeats, ours, floor)
    alone = median_of(floors, "ms")
    shares = median(result["overlap"] for result in results)
    promised = delay_windows >= 2
    return Row(
        f"two engines of {WORK_MS:g} ms, delay of {delay_windows} window{'s' if promised else ''}, 2 processes, {transport}",
        "1000",
        median_of(results, "ms"),
        alone,
        ALLOWED_RATIO * alone if promised else None,
        "ms/window",
        repeats,
        note=f"floor: one alone; both compute in {shares:.0%} of the time of one (trace)",
        details={"ours": results, "floor": floors},
    )


def overlap_of(trace: Path) -> float:
    """The share of one engine's computing time in which the other computes too, from a run's trace."""
    spans: dict[str, list[tuple[float, float]]] = {}
    for event in json.loads(trace.read_text())["traceEvents"]:
        if event.get("cat") == "compute":
            spans.setdefault(event["name"], []).append((event["ts"], event["ts"] + event["dur"]))
    first, second = (sorted(found) for _, found in sorted(spans.items()))
    return _common(first, second) / sum(stop - start for start, stop in first)


def _common(first: list[tuple[float, float]], second: list[tuple[float, float]]) -> float:
    """Length of what two sorted lists of disjoint spans have in common."""
    total, i, k = 0.0, 0, 0
    while i < len(first) and k < len(second):
        start, stop = max(first[i][0], second[k][0]), min(first[i][1], second[k][1])
        total += max(0.0, stop - start)
        if first[i][1] < second[k][1]:
            i += 1
        else:
            k += 1
    return total
