"""STEPS, well mixed: a vesicle is released every window, open receptors are counted at its end; stops at every 0.1 ms."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.simulators.common import CELLS, MS, SEED, Course, spike_of, timed
from cosim.sdk import Port, Space
from engines.steps import Steps

ENGINE, NAME = Steps, "STEPS, a cleft"
STEP_NS, MOLECULES, RECEPTORS = 100_000, 100, 80


def params(folder: Path) -> dict[str, Any]:
    return {"model": f"{__name__}:build", "step": f"{STEP_NS} ns"}


def ports(args: Any) -> list[Port]:
    return [Port("release", "in", "spikes", Space.numbered(CELLS)), Port("open", "out", "samples", Space(("receptors",)))]


def cleft() -> tuple[Any, Any]:
    """Transmitter that decays and opens receptors."""
    from steps.geom import Compartment, Geometry, Patch
    from steps.model import Model, ReactionManager, Species, SurfaceSystem, VolumeSystem

    model, r = Model(), ReactionManager()
    with model:
        Glu, Shut, Open = Species.Create()
        inside = VolumeSystem.Create()
        membrane = SurfaceSystem.Create()
        with inside:
            Glu > r["decay"] > None  # noqa: B015
            r["decay"].K = 1000
        with membrane:
            Glu.i + Shut.s < r["bind"] > Open.s  # noqa: B015
            r["bind"].K = 4.6e6, 900
    geometry = Geometry()
    with geometry:
        cleft = Compartment.Create(inside, vol=3.2e-21)
        psd = Patch.Create(cleft, None, membrane, area=4e-14)  # noqa: F841
    return model, geometry


def build(args, seed, sim):
    simulation = sim.simulation("Wmdirect", *cleft())
    simulation.psd.Shut.Count = RECEPTORS
    return {"release": sim.release_in(["cleft.Glu"] * CELLS, MOLECULES), "open": sim.count_out("psd.Open")}


def bare(windows: int) -> Course:
    """The solver's own calls, a fiftieth of what the same takes through the interface of names."""
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):  # STEPS 5.1 makes a folder .logs where it is imported
        import steps.interface  # noqa: F401
        from steps.rng import RNG
        from steps.sim import Simulation
        from steps.utils import SetVerbosity

        SetVerbosity(0)
    simulation = Simulation("Wmdirect", *cleft(), RNG("mt19937", 512, SEED), check=False)
    simulation.newRun()
    simulation.psd.Shut.Count = RECEPTORS
    solver = simulation.solver
    run, get, put, read = solver.run, solver.getCompSpecCount, solver.setCompSpecCount, solver.getPatchSpecCount

    def step(window: int) -> float:
        time_ns, start_ns = spike_of(window)[0], window * MS
        for stop_ns in range(start_ns + STEP_NS, start_ns + MS + 1, STEP_NS):
            run(stop_ns / 1e9)
            if stop_ns - STEP_NS < time_ns <= stop_ns:
                put("cleft", "Glu", get("cleft", "Glu") + MOLECULES)
        return read("psd", "Open")

    stamps_ns, told = timed(step, windows)
    return Course(stamps_ns, np.array(told)[:, None])
