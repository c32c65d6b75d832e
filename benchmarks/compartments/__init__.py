"""Cells with branches: the engine against NEURON, CoreNEURON and Arbor on the same cells, and what its parts cost.

Each run is a process of its own, the sides in turn; each is built from the same description, and what it tells must be what ours
tells before its time counts. What is not installed is passed over, and said so.
"""

from __future__ import annotations

import os
import statistics
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.simulators import pass_over, worker
from benchmarks.table import Row, alternate

ONE_THREAD = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
SIDES = {
    "ring": ("neuron", "neuron_tables", "coreneuron", "arbor"),
    "allen": ("neuron",),
    "rallpack1": ("neuron", "arbor"),
    "rallpack3": ("neuron", "arbor"),
}
"""Whom each case is raced against."""
NEEDS = {"neuron": ("neuron",), "neuron_tables": ("neuron",), "coreneuron": ("neuron",), "arbor": ("arbor",)}
OWED = {("ring", "neuron"): 3.0, ("ring", "arbor"): 1.5, ("allen", "neuron"): 2.0}
"""Times faster than the other side."""
ALLOWED_WINDOWS = 1.05
TIME_MS = {"neuron": 1e-5, "neuron_tables": 1e-5, "coreneuron": 1e-5, "arbor": 2e-3}
"""By which spikes may differ: NEURON's stamps are sums of steps; Arbor's exponentials are (1 + x/2) / (1 - x/2), dt = 25 µs."""
TIME_LONG_MS = {("rallpack3", "arbor"): 0.15}
"""Where that adds up over 17 intervals, dt = 50 µs."""
VOLT_MV = {("rallpack1", "neuron"): 1e-6, ("rallpack1", "arbor"): 1e-6, ("rallpack3", "neuron"): 1e-4, ("allen", "neuron"): 0.2}
"""By which V may differ: rounding, which spikes make larger; the cell's own spikes rise by 0.4 mV in 1 µs."""


def run(quick: bool) -> list[Row]:
    """A row for each race, then windows, and the cost of a compartment and its growth."""
    from benchmarks.compartments import costs

    repeats, rows = 3 if quick else 7, list[Row]()
    for threads in (1, 2):
        if threads <= (os.cpu_count() or 1):
            rows += _races("ring", threads, repeats)
    for case in ("allen", "rallpack1", "rallpack3"):
        rows += _races(case, 1, repeats)
    rows += _windows("ring", "100 x 151", repeats)
    if find_spec("bmtk") is not None:
        rows += _windows("allen", "1 x 264", repeats)
    return [*rows, *costs.run(quick)]


def _races(case: str, threads: int, repeats: int) -> list[Row]:
    present = [side for side in SIDES[case] if not _lacking(case, side)]
    for side in set(SIDES[case]) - set(present):
        pass_over(f"{case}, {threads} threads, against {side}", _lacking(case, side))
    if case == "allen" and not present:
        return []
    found = alternate(repeats, *(lambda side=side: _side(side, case, threads) for side in ("ours", *present)))
    ours, rows = found[0], list[Row]()
    for side, theirs in zip(present, found[1:], strict=True):
        _agree(case, side, ours[0], theirs[0])
        owed, mine, other = OWED.get((case, side), 1.0), _median(ours), _median(theirs)
        each = [1e9 * time / ours[0]["compartment_steps"] for time in (mine, other)]
        note = f"{other / mine:.1f} x as fast, owed {owed:g} x; {each[0]:.2f} against {each[1]:.2f} ns per compartment and step"
        title = f"{case}, {threads} thread{'s' * (threads > 1)}, against {theirs[0]['version']}"
        rows.append(
            Row(title, f"{ours[0]['cells']} x {ours[0]['compartments']}", mine, other, other / owed, "s", repeats, note=note,
                details={"ours": ours, "theirs": theirs})
        )  # fmt: skip
    return rows


def _windows(case: str, size: str, repeats: int) -> list[Row]:
    """One process, in turn: short windows, and one; the same bits."""
    found = worker("benchmarks.compartments.sides", "windows", case, str(repeats), **ONE_THREAD)
    rows, long = [], statistics.median(found["one"])
    for name in ("0.1", "1"):
        short = statistics.median(found[name])
        limit = ALLOWED_WINDOWS * long if case == "ring" else None
        note = f"{100 * (short / long - 1):+.1f} %; best of each {min(found[name]):.3f}, {min(found['one']):.3f} s"
        title = f"{case}, windows of {name} ms; floor: one"
        rows.append(Row(title, size, short, long, limit, "s", repeats, note=note, details=found))
    return rows


def _lacking(case: str, side: str) -> str:
    needed = (*NEEDS[side], *(("bmtk",) if case == "allen" else ()))
    return next((name for name in needed if find_spec(name) is None), "")


def _side(side: str, case: str, threads: int) -> dict[str, Any]:
    return worker("benchmarks.compartments.sides", side, case, str(threads), **ONE_THREAD)


def _median(results: list[dict[str, Any]]) -> float:
    return float(statistics.median(result["run_s"] for result in results))


def _agree(case: str, side: str, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Spikes one by one, of NEURON with its stamps, at the ends of steps; and V where both tell it."""
    mine, title = ours["spikes" if side == "arbor" else "spikes_on_grid"], f"{case}, {theirs['version']}"
    if len(mine) != len(theirs["spikes"]):
        raise AssertionError(f"{title}: {len(theirs['spikes'])} spikes, and ours are {len(mine)}")
    apart = np.abs(np.array(mine) - np.array(theirs["spikes"])).max(initial=0.0)
    if apart > TIME_LONG_MS.get((case, side), TIME_MS[side]):
        raise AssertionError(f"{title}: spikes are up to {apart:.3g} ms away from ours")
    if (case, side) in VOLT_MV:
        told = np.array(theirs["v"])
        differ = np.abs(np.array(ours["v"])[: len(told)] - told).max()
        if not differ <= VOLT_MV[case, side]:
            raise AssertionError(f"{title}: V is up to {differ:.3g} mV away from ours")
