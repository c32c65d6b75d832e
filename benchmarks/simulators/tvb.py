"""The Virtual Brain: 76 regions in steps of 0.1 ms; their current is written every window, their rates go out at its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.simulators.common import MS, Course, row_of, timed
from cosim.sdk import Port, Space
from engines.tvb import Tvb

ENGINE, NAME = Tvb, "TVB, 76 regions"
REGIONS, DT_NS = 76, 100_000


def params(folder: Path) -> dict[str, Any]:
    return {"model": f"{__name__}:build"}


def ports(args: Any) -> list[Port]:
    regions = Space.numbered(REGIONS)
    return [Port("current", "in", "samples", regions, "current"), Port("rate", "out", "samples", regions, "firing_rate", "kHz")]


def brain() -> Any:
    """A simulator with TVB's connectome of 76 regions, at 4 mm/ms; not yet configured."""
    from tvb.datatypes.connectivity import Connectivity
    from tvb.simulator import coupling, integrators, models, monitors
    from tvb.simulator.simulator import Simulator

    connectivity, n = Connectivity.from_file("connectivity_76.zip"), np.array
    connectivity.speed = n([4.0])
    steps = int(np.rint(connectivity.tract_lengths.max() / 4.0 / (DT_NS / MS))) + 1  # TVB 2.10 completes a shorter past at random
    return Simulator(
        model=models.MontbrioPazoRoxin(tau=n([10.0]), cr=n([10.0]), eta=n([-1.0]), J=n([3.0]), Delta=n([0.7]), I=np.zeros(REGIONS)),
        connectivity=connectivity,
        coupling=coupling.Linear(a=n([0.06])),
        integrator=integrators.HeunDeterministic(dt=DT_NS / MS),
        initial_conditions=np.full((steps, 2, REGIONS, 1), [[[0.02]], [[-0.5]]]),
        monitors=[monitors.Raw()],
    )


def build(args, seed, sim):
    sim.simulator(brain())
    return {"current": sim.parameter_in("I"), "rate": sim.samples_out("r")}


def bare(windows: int) -> Course:
    """The calls of TVB's own loop without its monitors, which is the cheapest way: its generator takes a tenth more."""
    simulator = brain()
    simulator.configure()
    model, integrate, couple = simulator.model, simulator.integrate_next_step, simulator._loop_compute_node_coupling
    current, remember, local = model.I.reshape(-1), simulator._loop_update_history, simulator._prepare_local_coupling()
    rows = [row_of(window, REGIONS) for window in range(windows)]
    state, at = simulator.current_state, simulator.current_step + 1
    arriving = couple(at)

    def step(window: int) -> Any:
        nonlocal state, at, arriving
        current[:] = rows[window]
        for _ in range(MS // DT_NS):
            state = integrate(state, model, arriving, local, 0.0)
            remember(at, state)
            at += 1
            arriving = couple(at)
        return state[0, :, 0].copy()

    stamps_ns, told = timed(step, windows)
    return Course(stamps_ns, np.array(told))
