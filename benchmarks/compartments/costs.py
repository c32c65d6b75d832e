"""What our own parts cost: a compartment in a step, alone and among a thousand cells, beside what memory allows.

Each is measured in a process of its own: ``python -m benchmarks.compartments.costs WHAT [ARGUMENTS]`` prints a line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from statistics import median
from typing import Any

import numpy as np

from benchmarks.compartments import ONE_THREAD
from benchmarks.compartments.cells import SCENARIOS, compartments_of
from benchmarks.network.sides import on_cores
from benchmarks.simulators import worker
from benchmarks.table import Row, alternate
from benchmarks.whole_brain.costs import copied
from engines.compartmental_neurons.params import Neurons

SIZES = (1, 10, 100, 1000)
LEVELS = 4
"""Of branches: 2 + 4 + 8 + 16, as in Arbor's ring."""
WORK = 60_000_000
"""Compartments times steps of one measurement."""
BYTES = {"soma": 32.0, "everywhere": 80.0}
"""That a step at least reads and writes of a compartment: V and the right side twice each; with the channels m, h and n too."""


def run(quick: bool) -> list[Row]:
    repeats, rows = 3 if quick else 7, list[Row]()
    for where in BYTES:
        first = None
        for size in SIZES[: 3 if quick else 4]:
            found = worker("benchmarks.compartments.costs", "growth", where, str(size), str(repeats), **ONE_THREAD)
            each, far = median(found["step_ns"]), median(found["far_gb_per_s"])
            bound, first = BYTES[where] / far, first or each
            grown = f"{each / first:.2f} x one cell; {found['cell_kib']:.0f} KiB a cell"
            note = f"{BYTES[where]:g} bytes, copied at {far:.3g} GB/s; {grown}"
            rows.append(
                Row(f"cost of a compartment, channels {'in the soma' if where == 'soma' else where}; floor: its bytes",
                    f"{size} x {found['compartments']}", each, bound, unit="ns/step", repeats=repeats, note=note, details=found)
            )  # fmt: skip
    return rows


# -- in a process of its own -----------------------------------------------------------------------------------------------


def growth(where: str, size: str, repeats: str) -> dict[str, Any]:
    """Windows of a population that nothing moves, and copies of a large array, in turn."""
    on_cores(1)
    params, count = trees(int(size), where), int(size)
    pieces = compartments_of(params)
    steps = max(40, WORK // (pieces * count))
    runs, far = Runs(params, steps), np.ones(2**26)
    took, away = alternate(int(repeats), runs, lambda: copied(far))
    return {
        "step_ns": [seconds / (steps * pieces * count) * 1e9 for seconds in took], "compartments": pieces, "steps": steps,
        "far_gb_per_s": away, "cell_kib": runs.kib / count,
    }  # fmt: skip


class Runs:
    """An engine whose windows follow each other; a call takes the next and says how long it took. ``kib`` is its state."""

    def __init__(self, params: Neurons, steps: int) -> None:
        from cosim.sdk import Setup
        from engines.compartmental_neurons import CompartmentalNeurons

        self._length, self._turn = steps * params.dt, 0
        self._engine = CompartmentalNeurons(params, Setup("cells", self._length, 1))
        self.kib = sum(array.nbytes for array in self._engine.save().values()) / 1024
        self()

    def __call__(self) -> float:
        from cosim.sdk import Window

        window = Window(self._turn * self._length, (self._turn + 1) * self._length)
        began = time.perf_counter()
        self._engine.advance(window, {})
        took = time.perf_counter() - began
        self._turn += 1
        return took


def trees(size: int, where: str) -> Neurons:
    """The ring's cells without synapses; Hodgkin-Huxley channels in the ``soma`` or ``everywhere``."""
    branches: dict[str, Any] = {"soma": {"length": "12.6157 um", "diameter": "12.6157 um", "compartments": 1}}
    ends = ["soma"]
    for _ in range(LEVELS):
        found = []
        for parent in ends:
            for _ in range(2):
                found.append(f"branch{len(branches)}")
                branches[found[-1]] = {"length": "100 um", "diameter": "1 um", "parent": parent, "compartments": 5}
        ends = found
    membrane = [{"mechanism": "hh", "in": "soma" if where == "soma" else "all"}]
    if where == "soma":
        leak = {"g": "0.001 S/cm**2", "E": "-65 mV"}
        membrane.append({"mechanism": "passive", "in": "dendrites", "parameters": leak})  # type: ignore[dict-item]
    cell = {"morphology": {"branches": branches}, "membrane": membrane}
    return Neurons.model_validate({"populations": {"cells": {"size": size, "cell": cell}}}, context={"folder": SCENARIOS})


if __name__ == "__main__":
    print(f"\n{json.dumps(globals()[sys.argv[1]](*sys.argv[2:]))}", flush=True)
