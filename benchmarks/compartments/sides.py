"""One run of one side, in a process of its own: ``python -m benchmarks.compartments.sides SIDE CASE THREADS``."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.compartments.cells import MS, Case, case_of
from benchmarks.network.sides import on_cores

EVERY = 20
"""Steps between the values of V that are told."""
WARM_NS = 10 * MS
"""Of a run before, in which spikes come and arrive: all code is then compiled."""


def ours(name: str, threads: str) -> dict[str, Any]:
    """A run in one window, after a short one that compiles; then one with NEURON's stamps, whose time does not count."""
    on_cores(int(threads))
    case = case_of(name, int(threads))
    steps = case.milliseconds * MS // case.params.dt
    _advanced(case, WARM_NS)
    run_s, spikes, v = _advanced(case, case.milliseconds * MS)
    _, on_grid, _ = _advanced(case_of(name, int(threads), "grid"), case.milliseconds * MS)
    found = {"run_s": run_s, "version": "cosim", "cells": case.cells, "compartments": case.compartments, "spikes": spikes}
    found |= {"compartment_steps": case.cells * case.compartments * steps, "spikes_on_grid": on_grid}
    return found | ({"v": v[EVERY - 1 :: EVERY].tolist()} if case.tells_v else {})


def _advanced(case: Case, length_ns: int, window_ns: int = 0) -> tuple[float, list[float], NDArray[np.float64]]:
    """Seconds; times in ms of all spikes, cell by cell; V."""
    from cosim.sdk import Setup, Window
    from engines.compartmental_neurons import CompartmentalNeurons

    step_ns = window_ns or length_ns
    engine = CompartmentalNeurons(case.params, Setup("cells", step_ns, 1))
    windows = [Window(start, start + step_ns) for start in range(0, length_ns, step_ns)]
    inputs = [case.inputs(window) for window in windows]
    began = time.perf_counter()
    told = [engine.advance(window, heard) for window, heard in zip(windows, inputs, strict=True)]
    run_s = time.perf_counter() - began
    engine.close()
    times = np.concatenate([each["spikes"].times_ns for each in told]) / 1e6
    cells = np.concatenate([each["spikes"].channels for each in told])  # type: ignore[union-attr]
    ports = [name for name in told[0] if name != "spikes"]
    v = [np.hstack([each[name].values for name in ports]) for each in told if ports]  # type: ignore[union-attr]
    return run_s, times[np.lexsort((times, cells))].tolist(), np.concatenate(v) if v else np.empty((0, 0))


def neuron(name: str, threads: str) -> dict[str, Any]:
    """NEURON, rates of gates computed."""
    return _neuron(name, int(threads))


def neuron_tables(name: str, threads: str) -> dict[str, Any]:
    """NEURON as it is where nothing is said: rates of hh looked up."""
    return _neuron(name, int(threads), tables=True) | {"version": f"{_version('neuron')}, tables of rates"}


def coreneuron(name: str, threads: str) -> dict[str, Any]:
    return _neuron(name, int(threads), core=True) | {"version": f"{_version('neuron')}, CoreNEURON"}


def _neuron(name: str, threads: int, **how: bool) -> dict[str, Any]:
    on_cores(threads)
    if name == "ring":
        from scenarios.ring import peers

        found = peers.in_neuron(peers.Ring(peers.network()), 200.0, threads, **how)
    else:
        from benchmarks.compartments import neuron as theirs

        found = theirs.allen() if name == "allen" else theirs.cable(name)
    return _told(found, _version("neuron"))


def arbor(name: str, threads: str) -> dict[str, Any]:
    """Ten cells in each of its groups, which is the fastest."""
    on_cores(int(threads))
    if name == "ring":
        from scenarios.ring import peers

        found = peers.in_arbor(peers.Ring(peers.network()), 200.0, int(threads), group=10)
    else:
        from benchmarks.compartments import arbor as theirs

        found = theirs.cable(name)
    return _told(found, _version("arbor"))


def _told(found: dict[str, Any], version: str) -> dict[str, Any]:
    order = np.lexsort((found["times_ms"], found["channels"]))
    v = np.asarray(found.get("v", ()))
    told = {"run_s": found["run_s"], "version": version, "spikes": np.asarray(found["times_ms"])[order].tolist()}
    return told | ({"v": v[EVERY - 1 :: EVERY].tolist()} if v.size else {})


def _version(simulator: str) -> str:
    from importlib.metadata import version

    return f"{ {'neuron': 'NEURON', 'arbor': 'Arbor'}[simulator] } {version(simulator)}"


def windows(name: str, repeats: str) -> dict[str, list[float]]:
    """A case in windows of 0.1 and 1 ms and in one, in turn; the same spikes and the same V."""
    on_cores(1)
    case, found = case_of(name), dict[str, list[float]]()
    lengths = {"0.1": MS // 10, "1": MS, "one": case.milliseconds * MS}
    _advanced(case, WARM_NS)
    for _ in range(int(repeats)):
        told = []
        for length, window_ns in lengths.items():
            took, spikes, v = _advanced(case, case.milliseconds * MS, window_ns)
            found.setdefault(length, []).append(took)
            told.append((spikes, v.tobytes()))
        if not told[0] == told[1] == told[2]:
            raise AssertionError(f"{name}: short windows do not tell what one long window tells")
    return found


if __name__ == "__main__":
    print(f"\n{json.dumps(globals()[sys.argv[1]](*sys.argv[2:]))}", flush=True)
