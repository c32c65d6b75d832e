"""What our own parts cost: a region and a connection per step, replicas on two cores, the first and the second start, memory.

Each is measured in a process of its own: ``python -m benchmarks.whole_brain.costs WHAT [ARGUMENTS]`` prints a line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np

from benchmarks.engines import resident_mib
from benchmarks.simulators import worker
from benchmarks.table import Row, alternate, median_of
from benchmarks.whole_brain.ours import DT_NS, WINDOW_STEPS, Ours
from benchmarks.whole_brain.sides import Case, case_of, drawn, mixed
from cosim.sdk import Window

SIZES = {76: 1560, 998: 35_730, 4000: 144_000}
"""Regions: connections."""
BLOCK = 32
BYTES = 8.0 + 16.0 / BLOCK
"""Least bytes a connection reads per step: a number of the past, and weight, sender and delay once a block."""
ALLOWED_FIRST_S, ALLOWED_SECOND_S, ALLOWED_THREADS, ALLOWED_GROWTH = 15.0, 1.0, 0.6, 1.05
REPLICAS = 8


def run(quick: bool) -> list[Row]:
    repeats = 3 if quick else 7
    rows: list[Row] = []
    for regions in SIZES:
        rows += _sizes(worker("benchmarks.whole_brain.costs", "size", str(regions), str(repeats)), repeats)
    return [*rows, _replicas(repeats), *_starts(repeats), _memory(200_000 if quick else 1_000_000)]


def _sizes(found: dict[str, Any], repeats: int) -> list[Row]:
    size = f"{found['regions']} / {found['connections']}"
    bandwidth, far = median(found["near_gb_per_s"]), median(found["far_gb_per_s"])
    bound = BYTES / bandwidth
    near = f"{found['past_mib']:.3g} MiB of past, copied at {bandwidth:.3g} GB/s (large arrays {far:.3g})"
    return [
        Row("cost of a region", size, found["region_ns"], unit="ns/step", repeats=repeats, details=found),
        Row("cost of a connection; floor: its bytes", size, found["connection_ns"], bound, unit="ns/step", repeats=repeats,
            note=f"{BYTES:g} bytes; {near}", details=found),
    ]  # fmt: skip


def _replicas(repeats: int) -> Row:
    found = worker("benchmarks.whole_brain.costs", "replicas", str(repeats))
    one, two = median(found["one"]), median(found["two"])
    note = f"{one / two:.2f} x on two cores; floor: one thread"
    return Row(
        f"{REPLICAS} replicas, 2 threads",
        "76 / 1560",
        two,
        one,
        ALLOWED_THREADS * one,
        "us/step",
        repeats,
        note=note,
        details=found,
    )


def _starts(repeats: int) -> list[Row]:
    """A new cache each time, so that the first start of each pair compiles all, its own kernels and those it shares."""
    first: list[dict[str, float]] = []
    second: list[dict[str, float]] = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            caches = {"XDG_CACHE_HOME": folder, "NUMBA_CACHE_DIR": f"{folder}/numba"}
            for results in (first, second):
                begin = time.perf_counter()
                found = worker("benchmarks.whole_brain.costs", "start", **caches)
                results.append({**found, "process_s": time.perf_counter() - begin})
    rows = []
    for name, results, limit in (("first", first, ALLOWED_FIRST_S), ("second", second, ALLOWED_SECOND_S)):
        engine, process = median_of(results, "engine_s"), median_of(results, "process_s")
        note = f"engine built and its first window, cache {'empty' if name == 'first' else 'filled'}; whole process {process:.2f} s"
        rows.append(Row(f"{name} start", "76 / 1560", engine, None, limit, "s", repeats, note=note, details={"ours": results}))
    return rows


def _memory(steps: int) -> Row:
    found = worker("benchmarks.whole_brain.costs", "memory", str(steps))
    start, end = found["mib"][0], found["mib"][-1]
    note = f"resident at 10 %: {start:.1f}, at the end: {end:.1f} MiB"
    return Row(f"memory over {steps:g} steps", "76 / 1560", end / start, None, ALLOWED_GROWTH, "x", note=note, details=found)


# -- in a process of its own -----------------------------------------------------------------------------------------------


def size(regions: str, repeats: str) -> dict[str, Any]:
    """A brain with all its connections and one with hardly any, in turn: two equations for the two costs."""
    _on_cores(1)
    count, whole = int(regions), _brain(int(regions), SIZES[int(regions)])
    few = _brain(count, count)
    brains = [Ours(case) for case in (whole, few)]
    for brain in brains:
        brain.run()
    past = int(whole.connections.delay_steps(100_000).max()) + BLOCK
    near, far = np.ones(count * past), np.ones(2**26)
    measures = [lambda b=b, c=c: b.run()[0] / c.steps * 1e9 for b, c in zip(brains, (whole, few), strict=True)]
    full, sparse, nearby, away = alternate(int(repeats), *measures, lambda: copied(near), lambda: copied(far))
    many, least = len(whole.connections.weight), len(few.connections.weight)
    connection_ns = (median(full) - median(sparse)) / (many - least)
    return {
        "regions": count, "connections": many, "connection_ns": connection_ns, "past_mib": near.nbytes / 2**20,
        "region_ns": (median(sparse) - least * connection_ns) / count,
        "step_ns": full, "step_ns_few": sparse, "near_gb_per_s": nearby, "far_gb_per_s": away,
    }  # fmt: skip


def _brain(regions: int, connections: int) -> Case:
    case, given = case_of("mpr_76", quick=False), {"short_delays": "round"}
    if (regions, connections) == (76, 1560):
        return case
    steps = max(400, 1_000_000 // regions // 100 * 100)
    return replace(case, connectome=drawn(regions, connections), initial=mixed(regions), steps=steps, given=given)


def copied(source: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """GB/s of a copy, read and written bytes together."""
    target, turns = np.empty_like(source), max(1, 2**27 // source.nbytes)
    target[:] = source
    begin = time.perf_counter()
    for _ in range(turns):
        np.copyto(target, source)
    return 2 * turns * source.nbytes / (time.perf_counter() - begin) / 1e9


def replicas(repeats: str) -> dict[str, Any]:
    """The same replicas by one thread and by two; the same bits."""
    _on_cores(2)
    case, sweep = case_of("mpr_76", quick=True), {"G": [0.002 * (1 + k / REPLICAS) for k in range(REPLICAS)]}
    brains = [Ours(replace(case, given={"replicas": REPLICAS, "sweep": sweep, "threads": k})) for k in (1, 2)]
    one, two = (brain.run()[1] for brain in brains)
    if one.tobytes() != two.tobytes():
        raise AssertionError("two threads tell other bits than one")
    found = alternate(int(repeats), *(lambda b=b: b.run()[0] / case.steps * 1e6 for b in brains))
    return dict(zip(("one", "two"), found, strict=True))


def start() -> dict[str, Any]:
    """Seconds to build an engine and to the end of its first window."""
    begin = time.perf_counter()
    Ours(replace(case_of("mpr_76", quick=True), steps=100)).run()
    return {"engine_s": time.perf_counter() - begin}


def memory(steps: str) -> dict[str, Any]:
    """Resident memory at every tenth of a long run, whose outputs are dropped."""
    engine, marks = Ours(case_of("mpr_76", quick=True)).engine, []
    count = int(steps) // WINDOW_STEPS
    for k in range(count):
        engine.advance(Window(k * WINDOW_STEPS * DT_NS, (k + 1) * WINDOW_STEPS * DT_NS), {})
        if (k + 1) * 10 // count > k * 10 // count:
            marks.append(resident_mib())
    return {"mib": marks}


def _on_cores(count: int) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-count:])


if __name__ == "__main__":
    print(f"\n{json.dumps(globals()[sys.argv[1]](*sys.argv[2:]))}", flush=True)
