"""What our own parts cost: an event and a voxel in a step from ten to a million voxels, a window, and replicas on two threads.

Each is measured in a process of its own: ``python -m benchmarks.reactions.costs WHAT [ARGUMENTS]`` prints a line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from statistics import median
from typing import Any

import numpy as np

from benchmarks.network.sides import on_cores
from benchmarks.reactions import ONE_THREAD
from benchmarks.reactions.cases import params
from benchmarks.reactions.sides import last_of, rarely_told, timed
from benchmarks.simulators import worker
from benchmarks.table import Row

FILMS = {3: 100, 10: 100, 32: 100, 100: 10, 316: 10, 1000: 1}
"""Voxels along a side, and molecules in each."""
GRIDS, REACTING = (10, 22, 46, 100), (10, 22, 46)
EVENTS, VOXEL_STEPS, REACTING_VOXEL_STEPS = 5_000_000, 20_000_000, 100_000
"""Of one measurement."""


def run(quick: bool) -> list[Row]:
    repeats, rows = 3 if quick else 5, list[Row]()
    rows += _growth("events", list(FILMS)[: 5 if quick else 6], "an event: a hop in a flat square", "ns/event", repeats)
    rows += _growth("voxels", GRIDS[: 3 if quick else 4], "a voxel in a step: diffusion in a cube", "ns/step", repeats)
    rows += _growth("reacting", REACTING[: 2 if quick else 3], "a voxel in a step: and receptors in it", "ns/step", repeats)
    rows += [_window(case, repeats) for case in ("well_mixed", "cable", "cable_buffered")]
    if (os.cpu_count() or 1) > 1:
        rows.append(_replicas(repeats))
    return rows


def _growth(what: str, sides: Any, title: str, unit: str, repeats: int) -> list[Row]:
    rows, first = list[Row](), 0.0
    for side in sides:
        found = worker("benchmarks.reactions.costs", what, str(side), str(repeats), **ONE_THREAD)
        each = median(found["ns"])
        first = first or each
        note = f"{each / first:.2f} x the smallest; {found['state_mib']:.3g} MiB of state"
        rows.append(
            Row(f"cost of {title}", f"{found['voxels']} voxels", each, unit=unit, repeats=repeats, note=note, details=found)
        )
    return rows


def _window(case: str, repeats: int) -> Row:
    found = worker("benchmarks.reactions.costs", "windows", case, str(repeats), **ONE_THREAD)
    short, long = median(found["short_us"]), median(found["long_us"])
    note = f"a window costs {short - long:.3g} us beside its step"
    return Row(f"windows of one step: {case}; floor: the step in a long window", "1 step", short, long, unit="us", repeats=repeats,
               note=note, details=found)  # fmt: skip


def _replicas(repeats: int) -> Row:
    found = worker("benchmarks.reactions.costs", "replicas", str(repeats), OMP_NUM_THREADS="1", NUMBA_NUM_THREADS="2")
    two, one = median(found["two_s"]), median(found["one_s"])
    note = f"{one / two:.2f} x as fast as on one, the same bits"
    return Row("8 replicas of a cleft on 2 threads; floor: on 1", "8 x 400 voxels", two, one, unit="s", repeats=repeats, note=note,
               details=found)  # fmt: skip


# -- in a process of its own -----------------------------------------------------------------------------------------------


class Runs:
    """An engine whose windows follow each other; a call takes the next, and says how many seconds it took and what it told."""

    def __init__(self, given: Any, window_ns: int, seed: int = 1) -> None:
        from cosim.sdk import Setup
        from engines.reaction_diffusion import ReactionDiffusion

        self.engine = ReactionDiffusion(rarely_told(given, window_ns), Setup("reactions", window_ns, seed))
        self._length, self._turn = window_ns, 0
        self.state_mib = sum(array.nbytes for array in self.engine.save().values()) / 2**20
        self()

    def __call__(self) -> tuple[float, dict[str, list[float]]]:
        start = self._turn * self._length
        self._turn += 1
        (took, _), said = timed(self.engine, start, start + self._length)
        return took, last_of(said)


def events(side: str, repeats: str) -> dict[str, Any]:
    """Molecules that hop; they are spread evenly and stay so, so that the number of hops is known but for its chance."""
    on_cores(1)
    count, each = int(side), FILMS[int(side)]
    rate = 1e-10 / 1e-16  # of a molecule, to one neighbour, 1/s
    expected_per_s = 4 * count * (count - 1) * each * rate
    dt_ns = max(round(EVENTS / expected_per_s * 1e9), 1)
    runs, found = Runs(params("film", count, each, dt=f"{dt_ns} ns"), dt_ns), []
    total = int(runs.engine._solver.events.sum())
    for _ in range(int(repeats)):
        took, said = runs()
        now = int(runs.engine._solver.events.sum())
        happened, total = now - total, now
        expected = expected_per_s * dt_ns * 1e-9
        if said["total"] != [float(each * count**2)] or abs(happened - expected) > 0.01 * expected:
            raise AssertionError(
                f"{count} x {count}: {happened} hops of {said['total']} molecules, and {expected:.6g} are expected"
            )
        found.append(took / happened * 1e9)
    return {"ns": found, "voxels": count**2, "state_mib": runs.state_mib, "events": EVENTS}


def voxels(side: str, repeats: str) -> dict[str, Any]:
    """What is left in an eighth of a cube is the third power of what is left in half a line of voxels, whose modes are cosines."""
    return _grid(int(side), int(repeats), VOXEL_STEPS, False)


def reacting(side: str, repeats: str) -> dict[str, Any]:
    return _grid(int(side), int(repeats), REACTING_VOXEL_STEPS, True)


def _grid(side: int, repeats: int, work: int, with_receptors: bool) -> dict[str, Any]:
    on_cores(1)
    count = max(work // side**3, 2)
    runs, found = Runs(params("grid", side, with_receptors), count * 1000), []
    start = (side // 2) ** 3 * 602_214.076
    for turn in range(repeats):
        took, said = runs()
        if abs(said["total"][0] / start - 1) > 1e-10:
            raise AssertionError(f"{side}³ voxels: {said['total'][0]!r} molecules of {start!r}")
        expected = left_in_half(side, (turn + 2) * count * 1e-6) ** 3
        if not with_receptors and abs(said["corner"][0] - expected) > 1e-6:
            raise AssertionError(f"{side}³ voxels: {said['corner'][0]!r} mM in the corner, and {expected!r} is expected")
        found.append(took / (count * side**3) * 1e9)
    return {"ns": found, "voxels": side**3, "steps": count, "state_mib": runs.state_mib}


def left_in_half(side: int, time_s: float) -> float:
    """Of a line of voxels of 1 um of which one half was full: mean of that half after a time, D = 0.76 um²/ms."""
    place, mode = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    modes = np.cos(np.pi * mode * (place + 0.5) / side) * np.sqrt(np.where(mode == 0, 1.0, 2.0) / side)
    decay = np.exp(-4 * 760.0 * np.sin(np.pi * np.arange(side) / (2 * side)) ** 2 * time_s)
    half = (np.arange(side) < side // 2).astype(float)
    return float(half @ (modes @ (decay * (modes.T @ half))) / half.sum())


def windows(case: str, repeats: str) -> dict[str, Any]:
    """Microseconds of a step, in windows of one step and in one long window; the same numbers at their ends."""
    on_cores(1)
    given, count = params(case), 2000
    short, long = Runs(given, given.dt), Runs(given, given.dt * count)
    for _ in range(count - 1):
        _, told = short()
    found: dict[str, list[float]] = {"short_us": [], "long_us": []}
    for _ in range(int(repeats)):
        began = time.perf_counter()
        took = 0.0
        for _ in range(count):
            spent, told = short()
            took += spent
        found["short_us"].append(took / count * 1e6)
        found.setdefault("with_records_us", []).append((time.perf_counter() - began) / count * 1e6)
        spent, expected = long()
        found["long_us"].append(spent / count * 1e6)
        if told != expected:
            raise AssertionError(f"{case}: short windows do not tell what one long window tells")
    return found


def replicas(repeats: str) -> dict[str, Any]:
    """Eight clefts, on one thread and on two, in turn."""
    on_cores(2)
    window_ns = 20_000
    runs = {threads: Runs(params("cleft_of_cubes", dt="10 us", replicas=8, threads=threads), window_ns) for threads in (1, 2)}
    found: dict[str, Any] = {"one_s": [], "two_s": []}
    for _ in range(int(repeats)):
        (one, told), (two, also) = runs[1](), runs[2]()
        if told != also or len({tuple(told[name][k::8]) for name in told for k in range(8)}) < 3:
            raise AssertionError("replicas on two threads are not those on one, or all alike")
        found["one_s"].append(one)
        found["two_s"].append(two)
    return found


if __name__ == "__main__":
    print(f"\n{json.dumps(globals()[sys.argv[1]](*sys.argv[2:]))}", flush=True)
