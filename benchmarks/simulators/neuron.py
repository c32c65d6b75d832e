"""NEURON: a ring of ten Hodgkin-Huxley somata; a spike comes in every window, spikes go out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.simulators.common import CELLS, MS, Course, spike_of, spikes_told, timed
from cosim.sdk import Port, Space
from engines.neuron import Neuron

ENGINE, NAME = Neuron, "NEURON, 10 cells"
DT_NS, WEIGHT, THRESHOLD = 25_000, 0.02, -10.0


def params(folder: Path) -> dict[str, Any]:
    return {"model": f"{__name__}:build", "dt": f"{DT_NS} ns"}


def ports(args: Any) -> list[Port]:
    cells = Space.numbered(CELLS)
    return [Port("kicks", "in", "spikes", cells), Port("spikes", "out", "spikes", cells)]


def network(h: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """Somata, their synapses, and what connects them in a ring."""
    somata, synapses = [h.Section(name=f"soma{i}") for i in range(CELLS)], []
    for soma in somata:
        soma.L = soma.diam = 20
        soma.insert("hh")
        synapse = h.ExpSyn(soma(0.5))
        synapse.tau = 2.0
        synapses.append(synapse)
    ring = [h.NetCon(soma(0.5)._ref_v, synapses[(i + 1) % CELLS], sec=soma) for i, soma in enumerate(somata)]
    for connection in ring:
        connection.threshold, connection.delay, connection.weight[0] = THRESHOLD, 5.0, 0.01
    return somata, synapses, ring


def build(args, seed, sim):
    somata, synapses, ring = network(sim.h)
    sim.keep(ring)
    return {"kicks": sim.spikes_in(synapses, weight=WEIGHT), "spikes": sim.spikes_out(somata, threshold=THRESHOLD)}


def bare(windows: int) -> Course:
    """``NetCon.event``, ``psolve`` (less than half of what ``continuerun`` takes) and vectors that are emptied."""
    from neuron import h

    somata, synapses, _ring = network(h)
    kicks, ears = [h.NetCon(None, synapse) for synapse in synapses], []
    times, cells = h.Vector(), h.Vector()
    for i, soma in enumerate(somata):
        kicks[i].weight[0] = WEIGHT
        ears.append(h.NetCon(soma(0.5)._ref_v, None, sec=soma))
        ears[i].threshold = THRESHOLD
        ears[i].record(times, cells, i)
    parallel = h.ParallelContext()
    h.dt = DT_NS / MS
    parallel.set_maxstep(10)  # NEURON 9.0: psolve refuses to run without, and it must stand before finitialize
    h.finitialize(-65.0)

    def step(window: int) -> tuple[Any, Any]:
        time_ns, channel = spike_of(window)
        kicks[channel].event(time_ns / MS)
        parallel.psolve(window + 1.0)
        told = times.as_numpy().copy(), cells.as_numpy().copy()
        if times.size():
            times.resize(0)
            cells.resize(0)
        return told

    stamps_ns, told = timed(step, windows)
    parallel.psolve(windows + 1.0)  # crossings in the last step are found at the start of the next
    told.append((times.as_numpy().copy(), cells.as_numpy().copy()))
    times_ms, channels = (np.concatenate(parts) for parts in zip(*told, strict=True))
    return Course(stamps_ns, spikes_told(windows, np.rint(times_ms * MS / DT_NS) * DT_NS, channels))
