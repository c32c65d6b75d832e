"""An engine whose ports a test names, whose outputs are a formula, and which keeps what it was given."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from cosim.sdk import Params, Port, Samples, Space, Spikes, Window

PORTED = f"{__file__}:Ported"


class PortedParams(Params):
    ports: list[dict[str, Any]] = []
    """Arguments of Port; ``channels`` (a count or labels), ``groups`` and ``positions`` make its space."""


class Ported:
    """Samples: the row's time in ms + 1000 × channel. Spikes: channel c fires 1 + c ns after the window's start, and at its end."""

    Params = PortedParams
    heard: ClassVar[dict[str, list[Any]]] = {}
    """By ``engine.port``, what arrived window by window; engines of one process share it."""

    @classmethod
    def ports(cls, params):
        made = []
        for given in params.ports:
            more = dict(given)
            labels, groups, positions = more.pop("channels", 1), more.pop("groups", {}), more.pop("positions", None)
            labels = tuple(map(str, range(labels))) if isinstance(labels, int) else tuple(labels)
            groups = {name: tuple(rows) for name, rows in groups.items()}
            made.append(Port(space=Space(labels, groups, None if positions is None else np.array(positions, float)), **more))
        return made

    def __init__(self, params, setup):
        self.setup = setup
        self.out = [port for port in self.ports(params) if port.direction == "out"]
        for port in self.ports(params):
            if port.direction == "in":
                self.heard[f"{setup.name}.{port.name}"] = []

    def advance(self, window: Window, inputs):
        for name, payload in inputs.items():
            self.heard[f"{self.setup.name}.{name}"].append(payload)
        return {port.name: said(port, window) for port in self.out}

    def close(self):
        pass


def said(port: Port, window: Window):
    """What the engine gives on a port for a window."""
    channels = np.arange(len(port.space))
    if port.kind == "spikes":
        times = np.concatenate([window.start_ns + 1 + channels, np.full(len(channels), window.stop_ns)])
        return Spikes.sorted(window, times.astype(np.int64), np.tile(channels, 2).astype(np.int32))
    steps = window.steps(port.dt_ns) if port.dt_ns else 1
    times_ms = (window.start_ns + window.length_ns // steps * np.arange(1, steps + 1)) * 1e-6
    return Samples(window, times_ms[:, None] + 1000.0 * channels)


def samples(name: str, direction: str, channels: Any = 1, **more: Any) -> dict[str, Any]:
    return {"name": name, "direction": direction, "kind": "samples", "channels": channels, **more}


def spikes(name: str, direction: str, channels: Any = 1, **more: Any) -> dict[str, Any]:
    return {"name": name, "direction": direction, "kind": "spikes", "channels": channels, **more}


def ported(engines: dict[str, Any], links: dict[str, Any], stop: str = "4 ms", **more: Any) -> dict[str, Any]:
    """A scenario of such engines: ``engines`` maps a name to its ports, or to (window, ports)."""
    entries = {}
    for name, given in engines.items():
        window, ports = given if isinstance(given, tuple) else ("1 ms", given)
        entries[name] = {"use": PORTED, "window": window, "params": {"ports": ports}}
    clock = {"stop": stop, **more.pop("clock", {})}
    return {"cosim": 1, "about": {"name": "ported"}, "clock": clock, "engines": entries, "links": links, **more}
