"""One process of one case: ``python -m benchmarks.simulators NAME engine|bare WINDOWS`` prints a line of JSON.

A process each, because NEST and NEURON hold one model a process, and so that no simulator runs in what another has left.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np

from benchmarks.simulators.common import MS, SEED, Course, row_of, spike_of, spikes_told, timed
from cosim.sdk import Payload, Port, Samples, Setup, Spikes, Window

WARM = 20
"""Windows that do not count."""


def main(name: str, side: str, windows: str) -> None:
    case, count = import_module(f"benchmarks.simulators.{name}"), WARM + int(windows)
    course = case.bare(count) if side == "bare" else coupled(case, count)
    spans_us = np.diff(course.stamps_ns)[WARM:] / 1e3
    told = np.ascontiguousarray(course.told, np.float64)
    found = {
        "median": float(np.median(spans_us)),
        "mean": float(spans_us.mean()),
        "p95": float(np.percentile(spans_us, 95)),
        "told": len(told),
        "changes": int(np.count_nonzero(np.diff(told, axis=0))),
        "digest": hashlib.sha256(repr(told.shape).encode() + told.tobytes()).hexdigest(),
    }
    print(f"\n{json.dumps(found)}", flush=True)


def coupled(case: ModuleType, windows: int) -> Course:
    """The windows through the engine, with payloads made beforehand."""
    with tempfile.TemporaryDirectory() as scratch:
        params = case.ENGINE.Params(**case.params(Path(scratch)))
        ports = case.ENGINE.ports(params)
        inputs = {port.name: port for port in ports if port.direction == "in"}
        arriving = {name: port if port.kind == "spikes" else port.but(dt_ns=MS) for name, port in inputs.items()}
        delays_ns = {name: np.zeros(len(port.space), np.int64) for name, port in inputs.items()}
        engine = case.ENGINE(params, Setup("engine", MS, SEED, arriving, delays_ns, folder=Path(scratch)))
        spans = [Window(k * MS, (k + 1) * MS) for k in range(windows)]
        given = [{name: payload(port, k, span) for name, port in inputs.items()} for k, span in enumerate(spans)]
        stamps_ns, outputs = timed(lambda k: engine.advance(spans[k], given[k]), windows)
        engine.close()
    (port,) = [port for port in ports if port.direction == "out"]
    said = [output[port.name] for output in outputs]
    if port.kind == "samples":
        return Course(stamps_ns, np.concatenate([samples.values for samples in said]))
    spikes = Spikes.join(said)
    return Course(stamps_ns, spikes_told(windows, spikes.times_ns, spikes.channels))


def payload(port: Port, number: int, window: Window) -> Payload:
    if port.kind == "samples":
        return Samples(window, row_of(number, len(port.space))[None])
    time_ns, channel = spike_of(number)
    return Spikes(window, np.array([time_ns], np.int64), np.array([channel], np.int32))


if __name__ == "__main__":
    main(*sys.argv[1:])
