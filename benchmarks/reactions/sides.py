"""Our engine's runs, in a process of their own on one core: ``python -m benchmarks.reactions.sides WHAT CASE …``."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.network.sides import on_cores
from benchmarks.reactions.cases import params
from cosim.sdk import Samples, Setup, Window
from engines.reaction_diffusion import ReactionDiffusion
from engines.reaction_diffusion.params import ReactionsAndDiffusion

MS = 1_000_000
Floats = NDArray[np.float64]


def race(case: str, stop_ms: str, dt: str, seed: str) -> dict[str, Any]:
    """Seconds and events of one stochastic run, after a tenth of one that does not count."""
    on_cores(1)
    stop_ns = round(float(stop_ms) * MS)
    given = rarely_told(params(case, dt=dt), stop_ns)
    for seed_of_run in (int(seed) + 1, int(seed)):
        engine = ReactionDiffusion(given, Setup("reactions", stop_ns, seed_of_run))
        (run_s, cpu_s), said = timed(engine, 0, stop_ns)
        events = int(engine._solver.events.sum())
        engine.close()
    return {"version": "cosim", "run_s": run_s, "cpu_s": cpu_s, "events": events, "voxels": voxels(given), "told": last_of(said)}


def steps(case: str, count: str, scheme: str, dt: str = "1 us") -> dict[str, Any]:
    """Seconds of that many deterministic steps, after as many that do not count; what each species is at the end."""
    on_cores(1)
    given = params(case, diffusion_scheme=scheme, dt=dt)
    length = int(count) * given.dt
    given = rarely_told(given, length)
    for _ in range(2):
        engine = ReactionDiffusion(given, Setup("reactions", length, 1))
        (run_s, cpu_s), said = timed(engine, 0, length)
        engine.close()
    return {"version": "cosim", "run_s": run_s, "cpu_s": cpu_s, "steps": int(count), "voxels": voxels(given), "told": last_of(said)}


def timed(engine: ReactionDiffusion, start_ns: int, stop_ns: int) -> tuple[tuple[float, float], dict[str, Any]]:
    """Seconds, of the clock and of the processor, and what it said."""
    window = Window(start_ns, stop_ns)
    began, began_cpu = time.perf_counter(), time.process_time()
    said = engine.advance(window, {})
    return (time.perf_counter() - began, time.process_time() - began_cpu), dict(said)


def rarely_told(given: ReactionsAndDiffusion, every_ns: int) -> ReactionsAndDiffusion:
    """Records with one row, at the end."""
    record = {name: item.model_copy(update={"every": every_ns}) for name, item in given.record.items()}
    return given.model_copy(update={"record": record})


def last_of(said: dict[str, Any]) -> dict[str, list[float]]:
    return {name: payload.values[-1].tolist() for name, payload in said.items() if isinstance(payload, Samples)}


def voxels(given: ReactionsAndDiffusion) -> int:
    return int((given.space.mesh().volumes > 0).sum())


if __name__ == "__main__":
    print(f"\n{json.dumps(globals()[sys.argv[1]](*sys.argv[2:]))}", flush=True)
