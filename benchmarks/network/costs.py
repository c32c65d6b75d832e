"""What our own parts cost: a neuron in a step, a spike at a synapse, bytes of a synapse, and how they grow.

Each is measured in a process of its own: ``python -m benchmarks.network.costs WHAT [ARGUMENTS]`` prints a line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from statistics import median
from typing import Any

import numpy as np

from benchmarks.engines import resident_mib
from benchmarks.network import MOST_BYTES, ONE_THREAD
from benchmarks.network.networks import brunel
from benchmarks.network.sides import MS, on_cores
from benchmarks.simulators import worker
from benchmarks.table import Row, alternate
from benchmarks.whole_brain.costs import copied

SIZES = (1_000, 12_500, 100_000)
PARTNERS = 1250
"""Of a neuron, whatever the size."""
BYTES = 4.0
"""That a spike reads at a synapse without a weight and a delay of its own: the place of the target."""


def run(quick: bool) -> list[Row]:
    repeats, rows = 3 if quick else 5, list[Row]()
    for size in SIZES[: 2 if quick else 3]:
        found = worker("benchmarks.network.costs", "growth", str(size), str(repeats), **ONE_THREAD)
        shape, rate = f"{size} / {size * PARTNERS:.3g}", f"{found['rate_hz']:.1f} Hz"
        bound = BYTES / median(found["far_gb_per_s"])
        rows += [
            Row("cost of a neuron with its background", shape, median(found["neuron_ns"]), unit="ns/step", repeats=repeats,
                note=f"{rate}; without background {median(found['quiet_ns']):.2f}", details=found),
            Row("cost of a spike at a synapse; floor: its bytes", shape, median(found["spike_ns"]), bound, unit="ns",
                repeats=repeats, note=f"{BYTES:g} bytes, copied at {median(found['far_gb_per_s']):.3g} GB/s; {rate}"),
        ]  # fmt: skip
    for own in ("0", "1"):
        found = worker("benchmarks.network.costs", "bytes", own, **ONE_THREAD)
        name = "bytes of a synapse" + (", weight and delay of its own" if own == "1" else "")
        note = f"process grew by {found['grown_mib']:.0f} MiB, {found['grown_bytes']:.1f} bytes a synapse, with neurons and all"
        rows.append(
            Row(name, f"12500 / {found['synapses']:.3g}", found["kept_bytes"], None, MOST_BYTES, "bytes", note=note, details=found)
        )
    return rows


# -- in a process of its own -----------------------------------------------------------------------------------------------


def growth(size: str, repeats: str) -> dict[str, Any]:
    """A network, the same without synapses, and the same without background too, in turn: differences are what each part costs."""
    on_cores(1)
    count = int(size)
    whole = brunel(count, partners=PARTNERS)
    alone = whole.model_copy(update={"projections": {}})
    silent = {name: item.model_copy(update={"poisson": {}}) for name, item in whole.populations.items()}
    quiet = alone.model_copy(update={"populations": silent})
    steps = max(200, 20_000_000 // count // 100 * 100)
    far = np.ones(2**26)
    runs = [_Runs(network, steps) for network in (whole, alone, quiet)]
    full, neurons, nothing, away = alternate(int(repeats), *runs, lambda: copied(far))
    spikes = runs[0].spikes
    return {
        "neuron_ns": [b / steps / count * 1e9 for b in neurons], "quiet_ns": [c / steps / count * 1e9 for c in nothing],
        "spike_ns": [(a - b) / (spikes * PARTNERS) * 1e9 for a, b in zip(full, neurons, strict=True)],
        "rate_hz": spikes / count / (steps * 1e-4), "far_gb_per_s": away,
    }  # fmt: skip


class _Runs:
    """An engine whose windows follow each other; a call takes the next and says how long it took."""

    def __init__(self, network: Any, steps: int) -> None:
        from cosim.sdk import Setup
        from engines.point_neurons import PointNeurons

        self._length, self._turn, self.spikes = steps * MS // 10, 0, 0
        self._engine = PointNeurons(network, Setup("net", self._length, 1))
        self()

    def __call__(self) -> float:
        from cosim.sdk import Window

        window = Window(self._turn * self._length, (self._turn + 1) * self._length)
        began = time.perf_counter()
        found = self._engine.advance(window, {})["spikes"]
        took = time.perf_counter() - began
        self._turn, self.spikes = self._turn + 1, len(found)
        return took


def bytes(own: str) -> dict[str, Any]:
    """What the arrays of synapses hold, and by how much the process grew."""
    from cosim.sdk import Setup
    from engines.point_neurons import PointNeurons

    on_cores(1)
    setup = Setup("net", MS, 1)
    PointNeurons(brunel(500, partners=50, own=own == "1"), setup)
    before = resident_mib()
    engine = PointNeurons(brunel(own=own == "1"), setup)
    grown, count = resident_mib() - before, engine.synapse_count
    kept = sum(array.nbytes for array in engine.synapse_arrays)
    return {"synapses": count, "kept_bytes": kept / count, "grown_mib": grown, "grown_bytes": grown * 2**20 / count}


if __name__ == "__main__":
    print(f"\n{json.dumps(globals()[sys.argv[1]](*sys.argv[2:]))}", flush=True)
