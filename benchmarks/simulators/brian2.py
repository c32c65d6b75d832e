"""Brian2, code generated for NumPy: ten cells, all connected; a spike comes in every window, spikes go out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.simulators.common import CELLS, MS, Course, spike_of, spikes_told
from cosim.sdk import Port, Space
from engines.brian2 import Brian2

ENGINE, NAME = Brian2, "Brian2 (numpy), 10 cells"
DT_NS = 100_000
STEPS = MS // DT_NS


def params(folder: Path) -> dict[str, Any]:
    return {"model": f"{__name__}:build", "dt": f"{DT_NS} ns", "codegen": "numpy"}


def ports(args: Any) -> list[Port]:
    cells = Space.numbered(CELLS)
    return [Port("kicks", "in", "spikes", cells), Port("spikes", "out", "spikes", cells)]


def network(kicks: Any) -> tuple[Any, list[Any]]:
    """The cells, and the synapses among them and from ``kicks``."""
    from brian2 import NeuronGroup, Synapses, ms, mV

    equations = """dv/dt = (-(v + 65 * mV) + drive) / (10 * ms) : volt (unless refractory)
                   drive : volt (constant)"""
    cells = NeuronGroup(CELLS, equations, threshold="v > -50 * mV", reset="v = -65 * mV", refractory=2 * ms, method="exact")
    cells.v, cells.drive = -65 * mV, np.linspace(13, 17, CELLS) * mV
    within = Synapses(cells, cells, on_pre="v_post += 1 * mV", delay=1.5 * ms)
    within.connect(condition="i != j")
    outside = Synapses(kicks, cells, on_pre="v_post += 4 * mV", delay=1 * ms)
    outside.connect(j="i")
    return cells, [within, outside]


def build(args, seed, sim):
    from brian2 import SpikeGeneratorGroup, ms

    kicks = SpikeGeneratorGroup(CELLS, [], [] * ms)
    cells, synapses = network(kicks)
    sim.add(cells, synapses)
    return {"kicks": sim.spikes_in(kicks), "spikes": sim.spikes_out(cells)}


def bare(windows: int) -> Course:
    """One ``run`` met by a ``network_operation`` every window: repeated calls of ``run`` take 40 to 100 ms each.

    Spikes enter by a group whose threshold reads a flag: a SpikeGeneratorGroup is read only when ``run`` begins.
    """
    from brian2 import Network, NeuronGroup, SpikeMonitor, defaultclock, ms, network_operation, prefs

    prefs.codegen.target = "numpy"
    defaultclock.dt = DT_NS / MS * ms
    kicks = NeuronGroup(CELLS, "fired : 1", threshold="fired > 0.5", reset="fired = 0")
    cells, synapses = network(kicks)
    monitor = SpikeMonitor(cells)
    flags, told_i, told_t = kicks.variables["fired"].get_value(), monitor.variables["i"], monitor.variables["t"]
    stamps_ns, told = list[int](), list[tuple[Any, Any]]()
    seen = step = due = channel = 0

    @network_operation(dt=1 * ms, when="start", order=-2)
    def meet() -> None:
        nonlocal seen, step, due, channel
        count = monitor.num_spikes
        told.append((told_i.get_value()[seen:count].copy(), told_t.get_value()[seen:count].copy()))
        stamps_ns.append(time.perf_counter_ns())
        window, seen, step = len(told) - 1, count, 0
        time_ns, channel = spike_of(window)
        due = (time_ns - window * MS - 1) // DT_NS

    @network_operation(when="start", order=-1)
    def feed() -> None:
        nonlocal step
        if step == due:
            flags[channel] = 1.0
        step += 1

    Network(cells, kicks, synapses, monitor, meet, feed).run((windows * STEPS + 1) * defaultclock.dt)
    channels, times_s = (np.concatenate(parts) for parts in zip(*told, strict=True))
    return Course(stamps_ns, spikes_told(windows, (np.rint(times_s * 1e9 / DT_NS) + 1) * DT_NS, channels))
