"""Networks of point neurons: the engine against NEST and Brian2 on the same networks, and what its parts cost.

Each run is a process of its own, the sides in turn. NEST is built from the same parameters as our network; rates and intervals
between spikes of a run must agree before its time counts. What is not installed is passed over, and said so.
"""

from __future__ import annotations

import os
import statistics
from importlib.util import find_spec
from typing import Any

from benchmarks.simulators import pass_over, worker
from benchmarks.table import Row, alternate

ONE_THREAD = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
OWED = {("brunel", "nest", 1): 4.5, ("brunel", "nest", 2): 3.5, ("brunel", "brian2", 1): 1.3, ("microcircuit", "nest", 1): 3.0}
"""Times faster than the other side: case, side, threads."""
ALLOWED_WINDOWS, OWED_BUILDING, MOST_BYTES = 1.03, 2.0, 16.0
RATE_TOLERANCE, CV_TOLERANCE = 0.03, 0.05  # random numbers differ; a second of 12 500 neurons has 400 000 spikes


def run(quick: bool) -> list[Row]:
    """A row for each race, then windows, building, bytes, and the costs of a spike and of a neuron."""
    from benchmarks.network import costs

    repeats, milliseconds = (3, 300) if quick else (5, 1000)
    rows = list[Row]()
    for case in ("brunel", "microcircuit"):
        for threads in (1, 2):
            if threads <= (os.cpu_count() or 1):
                rows += _races(case, threads, repeats, milliseconds)
    return [*rows, _windows(repeats, milliseconds), *costs.run(quick)]


def _races(case: str, threads: int, repeats: int, milliseconds: int) -> list[Row]:
    others = [side for side in ("nest", "brian2") if (case, side, threads) in OWED or side == "nest"]
    present = [side for side in others if find_spec(side) is not None]
    for side in set(others) - set(present):
        pass_over(f"{case}, {threads} threads, against {side}", side)
    found = alternate(repeats, *(lambda side=side: _side(side, case, threads, milliseconds) for side in ("ours", *present)))
    ours, rows = found[0], list[Row]()
    for side, theirs in zip(present, found[1:], strict=True):
        _agree(case, ours[0], theirs[0])
        owed = OWED.get((case, side, threads), 3.0)
        mine, other = _median(ours, "run_s"), _median(theirs, "run_s")
        size = f"{ours[0]['neurons']} / {ours[0]['synapses']:.3g}"
        memory = f"{_median(ours, 'peak_mib'):.0f} against {_median(theirs, 'peak_mib'):.0f} MiB"
        rates = f"{ours[0]['rate_hz']:.2f} against {theirs[0]['rate_hz']:.2f} Hz"
        note = f"{other / mine:.1f} x as fast, owed {owed:g} x; {rates}; {memory}"
        title, per_second = f"{case}, {threads} thread{'s' * (threads > 1)}, against {theirs[0]['version']}", 1000.0 / milliseconds
        rows.append(
            Row(title, size, mine * per_second, other * per_second, other * per_second / owed, "s/s", repeats, note=note,
                details={"ours": ours, "theirs": theirs})
        )  # fmt: skip
        if side == "nest":
            mine, other = _median(ours, "build_s"), _median(theirs, "build_s")
            note = f"{other / mine:.1f} x as fast, owed {OWED_BUILDING:g} x"
            rows.append(Row(f"{title}: building", size, mine, other, other / OWED_BUILDING, "s", repeats, note=note))
    return rows


def _windows(repeats: int, milliseconds: int) -> Row:
    """One process, in turn: a second in windows of 1 ms, and in one."""
    found = worker("benchmarks.network.sides", "windows", str(milliseconds), str(repeats), **ONE_THREAD)
    short, long = statistics.median(found["short_s"]), statistics.median(found["long_s"])
    note = f"1 ms windows {100 * (short / long - 1):+.1f} %; best of each {min(found['short_s']):.3f}, {min(found['long_s']):.3f} s"
    return Row(
        "brunel, windows of 1 ms; floor: one", "12500 / 1.56e+07", short, long, ALLOWED_WINDOWS * long, "s", repeats, note=note
    )


def _side(side: str, case: str, threads: int, milliseconds: int) -> dict[str, Any]:
    return worker("benchmarks.network.sides", side, case, str(threads), str(milliseconds), **ONE_THREAD)


def _median(results: list[dict[str, Any]], key: str) -> float:
    return statistics.median(result[key] for result in results)


def _agree(case: str, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    for key, tolerance in (("rate_hz", RATE_TOLERANCE), ("cv", CV_TOLERANCE)):
        if abs(ours[key] - theirs[key]) > tolerance * max(abs(theirs[key]), 0.2):
            raise AssertionError(f"{case}: {key} is {ours[key]:.4g}, and {theirs[key]:.4g} in {theirs['version']}")
