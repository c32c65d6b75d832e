"""Nengo: an ensemble of 50 neurons; a value comes in, the decoded value goes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.simulators.common import SEED, Course, row_of, timed
from cosim.sdk import Port, Space
from engines.nengo import Nengo

ENGINE, NAME = Nengo, "Nengo, 50 neurons"
SYNAPSE_S = 0.01


def params(folder: Path) -> dict[str, Any]:
    return {"model": f"{__name__}:build", "dt": "1 ms"}


def ports(args: Any) -> list[Port]:
    one = Space(("x",))
    return [Port("drive", "in", "samples", one), Port("value", "out", "samples", one)]


def ensemble() -> Any:
    import nengo

    return nengo.Ensemble(50, 1, seed=SEED)


def build(args, seed, sim):
    cells = ensemble()
    return {"drive": sim.samples_in(cells), "value": sim.samples_out(cells, synapse=SYNAPSE_S)}


def bare(windows: int) -> Course:
    """``step``, with a node that reads an array and one that writes another: nothing grows, as probes would."""
    import nengo

    given, taken = np.zeros(1), np.zeros(1)
    with nengo.Network(seed=SEED) as network:
        cells = ensemble()
        source = nengo.Node(lambda t: given, size_out=1)
        sink = nengo.Node(lambda t, x: taken.__setitem__(slice(None), x), size_in=1)
        nengo.Connection(source, cells, synapse=None)
        nengo.Connection(cells, sink, synapse=SYNAPSE_S)
    rows = [row_of(window, 1) for window in range(windows)]
    with nengo.Simulator(network, dt=0.001, progress_bar=False) as simulator:

        def step(window: int) -> Any:
            given[:] = rows[window]
            simulator.step()
            return taken.copy()

        stamps_ns, told = timed(step, windows)
    return Course(stamps_ns, np.array(told))
