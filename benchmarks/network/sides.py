"""One run of one side, in a process of its own: ``python -m benchmarks.network.sides SIDE CASE THREADS MILLISECONDS``."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.network.networks import network_of

MS = 1_000_000


def ours(case: str, threads: str, milliseconds: str) -> dict[str, Any]:
    """A run of our engine in one window, after a short one that compiles."""
    from cosim.sdk import Setup, Window
    from engines.point_neurons import PointNeurons

    on_cores(int(threads))
    network, stop = network_of(case, int(threads)), int(milliseconds) * MS
    PointNeurons(network.model_copy(update={"projections": {}}), Setup("net", MS, 1)).advance(Window(0, MS), {})
    began = time.perf_counter()
    engine = PointNeurons(network, Setup("net", stop, 1))
    build_s = time.perf_counter() - began
    began = time.perf_counter()
    spikes = engine.advance(Window(0, stop), {})["spikes"]
    run_s = time.perf_counter() - began
    found = _told(spikes.times_ns / 1e6, spikes.channels, sum(p.size for p in network.populations.values()), int(milliseconds))
    return found | {"build_s": build_s, "run_s": run_s, "synapses": engine.synapse_count, "version": "cosim"}


def nest(case: str, threads: str, milliseconds: str) -> dict[str, Any]:
    """The same network in NEST; Prepare belongs to building, as it makes what delivers spikes."""
    import nest

    from benchmarks.network.nest import build

    on_cores(int(threads))
    network = network_of(case)
    began = time.perf_counter()
    cells = build(nest, network, 12345, int(threads))
    recorder = nest.Create("spike_recorder")
    for population in cells.values():
        nest.Connect(population, recorder)
    nest.Prepare()
    build_s = time.perf_counter() - began
    began = time.perf_counter()
    nest.Run(float(milliseconds))
    run_s = time.perf_counter() - began
    nest.Cleanup()
    events = recorder.events
    count = sum(population.size for population in network.populations.values())
    found = _told(np.asarray(events["times"]), np.asarray(events["senders"]), count, int(milliseconds))
    return found | {"build_s": build_s, "run_s": run_s, "version": f"NEST {nest.__version__}"}


def brian2(case: str, threads: str, milliseconds: str) -> dict[str, Any]:
    """Brunel's network as a program that Brian2 writes in C++; its own clock says how long the loop took."""
    import tempfile

    from brian2 import Hz, Network, NeuronGroup, PoissonInput, SpikeMonitor, Synapses, defaultclock, device, ms, mV, set_device

    assert (case, threads) == ("brunel", "1")
    on_cores(1)
    folder = tempfile.mkdtemp()
    set_device("cpp_standalone", directory=folder, build_on_run=False)
    defaultclock.dt = 0.1 * ms
    size, weight = 12_500, 0.1 * mV
    began = time.perf_counter()
    equations = "dv/dt = -v/(20*ms) : volt (unless refractory)"
    cells = NeuronGroup(size, equations, threshold="v >= 20*mV", reset="v = 0*mV", refractory=2 * ms, method="exact")
    excitatory, inhibitory, parts = cells[:10_000], cells[10_000:], []
    rng = np.random.default_rng(1)
    for source, partners, by in ((excitatory, 1000, weight), (inhibitory, 250, -5 * weight)):
        synapses = Synapses(source, cells, on_pre="v_post += strength", namespace={"strength": by}, delay=1.5 * ms)
        senders = rng.integers(0, len(source), size * partners)
        synapses.connect(i=senders, j=np.repeat(np.arange(size), partners))
        parts.append(synapses)
    outside = PoissonInput(cells, "v", 1000, 20 * Hz, weight)
    monitor = SpikeMonitor(cells)
    network = Network(cells, *parts, outside, monitor)
    network.run(float(milliseconds) * ms)
    device.build(directory=folder, compile=True, run=True, debug=False)
    build_s = time.perf_counter() - began
    found = _told(np.asarray(monitor.t / ms), np.asarray(monitor.i), size, int(milliseconds))
    import brian2

    run_s = device._last_run_time
    return found | {"build_s": build_s - run_s, "run_s": run_s, "version": f"Brian2 {brian2.__version__} standalone"}


def windows(milliseconds: str, repeats: str) -> dict[str, Any]:
    """The same network in windows of 1 ms and in one, in turn; the same spikes."""
    from cosim.sdk import Setup, Window
    from engines.point_neurons import PointNeurons

    on_cores(1)
    network, stop = network_of("brunel"), int(milliseconds) * MS

    def go(length: int) -> tuple[float, NDArray[np.int64]]:
        engine = PointNeurons(network, Setup("net", length, 1))
        windows = [Window(start, start + length) for start in range(0, stop, length)]
        began = time.perf_counter()
        spikes = [engine.advance(window, {})["spikes"] for window in windows]
        took = time.perf_counter() - began
        return took, np.concatenate([each.times_ns for each in spikes])

    found: dict[str, list[float]] = {"short_s": [], "long_s": []}
    for _ in range(int(repeats)):
        (short, first), (long, second) = go(MS), go(stop)
        if not np.array_equal(first, second):
            raise AssertionError("windows of 1 ms tell other spikes than one long window")
        found["short_s"].append(short)
        found["long_s"].append(long)
    return found


def _told(times_ms: NDArray[np.float64], neurons: NDArray[Any], count: int, milliseconds: int) -> dict[str, Any]:
    """Mean rate and mean CV of the intervals after the first 100 ms, and the most memory that the process has had."""
    late = times_ms > 100.0
    order = np.lexsort((times_ms[late], neurons[late]))
    times, owner = times_ms[late][order], neurons[late][order]
    intervals, same = np.diff(times), np.diff(owner) == 0
    sums = [np.bincount(owner[1:][same], intervals[same] ** power, minlength=int(owner.max()) + 1) for power in (0, 1, 2)]
    enough = sums[0] >= 4
    mean, square = sums[1][enough] / sums[0][enough], sums[2][enough] / sums[0][enough]
    cv = float(np.mean(np.sqrt(np.maximum(square - mean**2, 0.0)) / mean)) if enough.any() else 0.0
    rate = late.sum() / count / (milliseconds - 100) * 1000.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"neurons": count, "spikes": len(times_ms), "rate_hz": float(rate), "cv": cv, "peak_mib": peak}


def on_cores(count: int) -> None:
    """Stay on some cores: the last ones, for others tend to begin with the first."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-count:])


if __name__ == "__main__":
    print(f"\n{json.dumps(globals()[sys.argv[1]](*sys.argv[2:]))}", flush=True)
