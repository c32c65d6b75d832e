"""Engines for tests whose outputs are simple, exact functions of their inputs: what a real run must carry without a scratch."""

from __future__ import annotations

import os
import signal
import time
from typing import Annotated, Literal

import numpy as np

from cosim.sdk import Params, Port, Samples, Setup, Space, Spikes, Unit, Window

PUPPET = f"{__file__}:Puppet"
FAULTY = f"{__file__}:Faulty"
COLLECTIVE = f"{__file__}:Collective"


class PuppetParams(Params):
    channels: int = 2
    dt: Annotated[int, Unit("ns")] = 0
    """Step of the samples; 0: one row a window."""
    lead: Annotated[int, Unit("ns")] = 0
    work: Annotated[float, Unit("ms")] = 0.0
    asks: Annotated[int, Unit("ns")] = 0
    """Step that the input port asks for."""


class Puppet:
    """y' = something that remembers all it has ever been told: two runs agree only if every bit that arrived agrees."""

    Params = PuppetParams
    determinism = "bitwise"

    @classmethod
    def ports(cls, params):
        space = Space.numbered(params.channels, {"first": (0,), "all": tuple(range(params.channels))})
        return [
            Port("x", "in", "samples", space, dt_ns=params.asks or None),
            Port("events", "in", "spikes", space),
            Port("y", "out", "samples", space, dt_ns=params.dt or None, lead_ns=params.lead),
            Port("spikes", "out", "spikes", space),
        ]

    def __init__(self, params, setup: Setup):
        self._params, self._seed = params, setup.seed
        self._state = np.linspace(0.1, 0.9, params.channels) * (1 + setup.seed % 7)
        self._setup = setup

    def advance(self, window: Window, inputs):
        params = self._params
        if params.work:
            end = time.perf_counter() + params.work * 1e-3
            while time.perf_counter() < end:
                pass
        if "x" in inputs:
            x = inputs["x"]
            assert x.window == window and x.dt_ns == self._setup.inputs["x"].dt_ns
            for row in x.values:
                self._state = np.cos(self._state * 1.7 + row)
        if "events" in inputs:
            events = inputs["events"]
            assert events.window == window
            assert (events.times_ns > window.start_ns).all() and (events.times_ns <= window.stop_ns).all()
            for time_ns, channel in zip(events.times_ns, events.channels, strict=True):
                self._state[channel] = np.sin(self._state[channel] + (time_ns - window.start_ns) * 1e-6)
        rows = window.steps(params.dt) if params.dt else 1
        values = np.empty((rows, params.channels))
        for k in range(rows):
            self._state = np.sin(self._state * 2.3 + k)
            values[k] = self._state
        fire = np.flatnonzero(self._state > 0.3).astype(np.int32)
        times = window.start_ns + 1 + (np.abs(self._state[fire]) * (window.length_ns - 1)).astype(np.int64)
        return {"y": Samples(window, values), "spikes": Spikes.sorted(window, times, fire)}

    def close(self):
        pass


class FaultyParams(Params):
    fault: Literal[
        "window", "shape", "dtype", "unsorted", "nan", "raise", "missing", "kill", "exit", "sleep", "kind", "build", "outside"
    ] = "raise"
    at: Annotated[int, Unit("ns")] = 5_000_000


class Faulty:
    """An engine that keeps its promises until a given time."""

    Params = FaultyParams

    @classmethod
    def ports(cls, params):
        return [
            Port("x", "in", "samples", Space.numbered(2)),
            Port("y", "out", "samples", Space(("left", "right"))),
            Port("spikes", "out", "spikes", Space.numbered(2)),
        ]

    def __init__(self, params, setup):
        self._params = params
        if params.fault == "build":
            raise RuntimeError("the model does not compile")

    def advance(self, window, inputs):
        good = {"y": Samples(window, np.ones((1, 2))), "spikes": Spikes.empty(window)}
        if window.stop_ns < self._params.at:
            return good
        fault = self._params.fault
        if fault == "raise":
            raise ValueError("the solver has diverged")
        if fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "exit":
            raise SystemExit(3)
        if fault == "sleep":
            time.sleep(60)
        if fault == "nan":
            return {**good, "y": Samples(window, np.array([[1.0, np.nan]]))}
        two = np.array([window.stop_ns, window.stop_ns - 5], np.int64)
        return {
            "window": {**good, "y": Samples(window.shifted(1), np.ones((1, 2)))},
            "shape": {**good, "y": Samples(window, np.ones((3, 2)))},
            "dtype": {**good, "y": Samples(window, np.ones((1, 2), np.float32))},
            "kind": {**good, "y": Spikes.empty(window)},
            "missing": {"spikes": good["spikes"]},
            "unsorted": {**good, "spikes": Spikes(window, two, np.zeros(2, np.int32))},
            "outside": {**good, "spikes": Spikes(window, two + 100, np.zeros(2, np.int32))},
        }[fault]

    def close(self):
        pass


class CollectiveParams(Params):
    channels: int = 4


class Collective:
    """An engine on several MPI ranks: every rank works on its share of the channels, a collective puts them together."""

    Params = CollectiveParams

    @classmethod
    def ports(cls, params):
        space = Space.numbered(params.channels)
        return [
            Port("x", "in", "samples", space),
            Port("y", "out", "samples", space),
            Port("ranks", "out", "samples", Space(("ranks",))),
        ]

    def __init__(self, params, setup):
        self._comm = setup.comm
        self._state = np.arange(1.0, params.channels + 1)

    def advance(self, window, inputs):
        rank, size = (self._comm.rank, self._comm.size) if self._comm is not None else (0, 1)
        mine = np.zeros_like(self._state)
        x = inputs["x"].values[-1] if "x" in inputs else np.zeros_like(self._state)
        mine[rank::size] = np.cos(self._state + x)[rank::size]
        if self._comm is not None:
            whole = np.empty_like(mine)
            self._comm.Allreduce(mine, whole)
            mine = whole
        self._state = mine
        return {"y": Samples(window, mine[None].copy()), "ranks": Samples(window, np.array([[float(size)]]))}

    def close(self):
        pass
