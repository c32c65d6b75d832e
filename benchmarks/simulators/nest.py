"""NEST: ten cells, all connected; a spike comes in every window, spikes go out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.simulators.common import CELLS, MS, SEED, Course, spike_of, spikes_told, timed
from cosim.sdk import Port, Space
from engines.nest import Nest

ENGINE, NAME = Nest, "NEST, 10 cells"
INPUT = {"weight": 400.0, "delay": 1.0}


def params(folder: Path) -> dict[str, Any]:
    return {"model": f"{__name__}:build", "dt": "0.1 ms"}


def ports(args: Any) -> list[Port]:
    cells = Space.numbered(CELLS)
    return [Port("kicks", "in", "spikes", cells), Port("spikes", "out", "spikes", cells)]


def network() -> Any:
    import nest

    cells = nest.Create("iaf_psc_exp", CELLS, {"I_e": 380.0})
    cells.V_m = np.linspace(-70.0, -60.0, CELLS).tolist()
    nest.Connect(cells, cells, "all_to_all", {"weight": 20.0, "delay": 1.5})
    return cells


def build(args, seed, sim):
    cells = network()
    return {"kicks": sim.spikes_in(cells, **INPUT), "spikes": sim.spikes_out(cells)}


def bare(windows: int) -> Course:
    """PyNEST's ``set``, which reads all of a node first, ``Simulate`` and ``get``; after ``Run`` no recorder can be emptied."""
    import nest

    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(resolution=0.1, rng_seed=SEED)
    cells = network()
    generators, recorder = nest.Create("spike_generator", CELLS), nest.Create("spike_recorder")
    nest.Connect(generators, cells, "one_to_one", INPUT)
    nest.Connect(cells, recorder)
    each = list(generators)

    def step(window: int) -> tuple[Any, Any]:
        time_ns, channel = spike_of(window)
        each[channel].set(spike_times=[time_ns / MS])
        nest.Simulate(1.0)
        events = recorder.get("events")
        if len(events["times"]):
            recorder.set(n_events=0)
        return events["times"], events["senders"]

    stamps_ns, told = timed(step, windows)
    times_ms, senders = (np.concatenate(parts) for parts in zip(*told, strict=True))
    return Course(stamps_ns, spikes_told(windows, np.rint(times_ms * MS), senders - cells[0].global_id))
