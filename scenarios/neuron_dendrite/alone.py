"""One of the two simulators without the other: what a run has recorded is played to it, by the simulator's own means.

    python alone.py RUN cell OUT.npz        v (rows, compartments) and spikes_ms of NEURON, driven by the recorded spikes of NEST
    python alone.py RUN network OUT.npz     times_ms and channels of NEST, which hears the recorded spikes of the cell

cosim reads the run here; it steps nothing.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import cosim
from cosim.results import Run


def deliveries(run: Run, args: Any) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """When (ms) a spike of the network comes to which synapse; the excitatory synapses first."""
    spikes, links = run.spikes("network.spikes"), run.links()
    count = len(spikes.groups["exc"])
    times, synapses = [], []
    for link, cells, synapse in (
        ("excite", (0, args.excitatory), 0),
        ("inhibit", (count, count + args.inhibitory), args.excitatory),
    ):
        heard = (spikes.channels >= cells[0]) & (spikes.channels < cells[1])
        times.append(spikes.times_ms[heard] + links[link].delay_ms)
        synapses.append(spikes.channels[heard] - cells[0] + synapse)
    return np.concatenate(times), np.concatenate(synapses)


def cell(run: Run, plan: Any) -> dict[str, NDArray[Any]]:
    """NEURON, one step after the other."""
    import cell as model
    from neuron import h

    params = plan.engines["cell"].params
    args, dt_ms = params.args, params.dt / 1e6
    segments, exc, inh = model.make(h, args)
    weights = [args.g_exc * 1e-3] * len(exc) + [args.g_inh * 1e-3] * len(inh)
    connections = [h.NetCon(None, synapse) for synapse in (*exc, *inh)]
    for connection, weight in zip(connections, weights, strict=True):
        connection.weight[0] = weight
    electrode = plan.engines["electrode"].params
    clamp = h.IClamp(segments[0])
    clamp.dur, clamp.amp = electrode.dt / 1e6, electrode.values[0][0] * 1e-3
    crossings = h.Vector()
    axon = h.NetCon(segments[0]._ref_v, None, sec=segments[0].sec)
    axon.threshold = model.THRESHOLD_MV
    axon.record(crossings)
    h.celsius, h.dt = params.celsius, dt_ms
    h.finitialize(params.v_init)
    for time, synapse in zip(*deliveries(run, args), strict=True):
        connections[synapse].event(time)
    every, rows = args.row // params.dt, plan.stop_ns // args.row
    voltages = h.PtrVector(len(segments))
    for i, segment in enumerate(segments):
        voltages.pset(i, segment._ref_v)
    row, v = h.Vector(len(segments)), np.empty((rows, len(segments)))
    for k in range(rows):
        for _ in range(every):
            h.fadvance()
        voltages.gather(row)
        v[k] = row
    return {"v": v, "spikes_ms": np.rint(np.array(crossings) / dt_ms) * dt_ms}


def network(run: Run, plan: Any) -> dict[str, NDArray[Any]]:
    """NEST, in one call."""
    import nest
    import network as model

    engine = plan.engines["network"]
    dt_ms = engine.params.dt / 1e6
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(resolution=dt_ms, rng_seed=1 + engine.seed % (2**32 - 1))
    cells = model.make(nest, engine.params.args)
    synapse = {"weight": engine.params.args.touch, "delay": model.DELAY_MS}
    arrive = run.spikes("cell.spikes").times_ms + run.links()["answer"].delay_ms
    on_grid = [math.ceil(round(time / dt_ms, 6)) * dt_ms for time in arrive]
    axon = nest.Create("spike_generator", params={"spike_times": np.round(on_grid, 6)})
    nest.Connect(axon, cells[::10], "all_to_all", synapse)
    recorder = nest.Create("spike_recorder")
    nest.Connect(cells, recorder, syn_spec={"delay": model.DELAY_MS})  # no new smallest delay: it orders NEST's random numbers
    nest.Simulate(plan.stop_ns / 1e6)
    events = recorder.get("events")
    order = np.lexsort((events["senders"], np.round(events["times"], 6)))
    return {"times_ms": np.round(events["times"], 6)[order], "channels": events["senders"][order] - cells[0].global_id}


if __name__ == "__main__":
    folder, which, out = sys.argv[1:]
    plan = cosim.check(Path(folder) / "scenario.yaml").plan
    np.savez(out, **{"cell": cell, "network": network}[which](Run(Path(folder)), plan))
