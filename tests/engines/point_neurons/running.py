"""Networks of point neurons in tests: built from keywords, run over windows; what comes out, and what it may not depend on.

found = run(100, populations={"e": {"model": "iaf_psc_exp", "size": 2, "parameters": {"I_e": 400.0}}},
            record={"potential": {"e": [0]}})
found.times_ms(channel=1), found["potential"]        # (spikes,) and (steps, recorded neurons)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import Payload, Port, Samples, Setup, Spikes, Window
from cosim.sdk.contract import played as cut
from cosim.sdk.contract import same_bits
from engines.point_neurons import Network, PointNeurons
from engines.point_neurons.description import model_file, read_model

MS = 1_000_000
Floats = NDArray[np.float64]
Played = Mapping[str, Any]
"""By port: rows, (rows,) or (rows, channels), held over equal shares of the run; or a pair (times in ms, channels) of spikes."""


def ns(time_ms: float) -> int:
    return round(time_ms * MS)


@dataclass(frozen=True)
class Synapses:
    """Of one weight and delay, from ``trains`` or ``neurons`` to ``neurons``: (source, target) of each."""

    source: str
    pairs: Sequence[tuple[int, int]]
    weight: float
    delay_ms: float = 0.1
    receptor: str | None = None


def circuit(
    model: str, size: int = 1, parameters: Mapping[str, Any] | None = None, *, trains: Sequence[Sequence[float]] = (),
    synapses: Sequence[Synapses] = (), dt_ms: float = 0.1, **population: Any,
) -> dict[str, Any]:  # fmt: skip
    """Keywords of a network: ``neurons``, each with a drive ``current`` of its own, and ``trains`` that spike at given times in ms.

    Every parameter has one value a neuron, and all states are recorded: so one kernel serves all circuits of a model, and tests
    need not wait for others to be compiled.
    """
    described = read_model(model_file(model, Path()))[0]
    given = {name: parameter.default for name, parameter in described.parameters.items()} | dict(parameters or {})
    listed = {name: np.broadcast_to(np.asarray(value, np.float64), size).tolist() for name, value in given.items()}
    network: dict[str, Any] = {
        "dt": ns(dt_ms),
        "populations": {"neurons": {"model": model, "size": size, "parameters": listed, **population}},
        "projections": {
            f"s{k}": {
                "from": item.source, "to": "neurons", "rule": "list", "pairs": list(item.pairs), "weight": item.weight,
                "delay": item.delay_ms, "receptor": item.receptor,
            }
            for k, item in enumerate(synapses)
        },
        "record": {name: {"neurons": "all"} for name in described.states},
    }  # fmt: skip
    if trains:
        times = [[float(time) for time in train] for train in trains]
        network["populations"]["trains"] = {"model": "spike_generator", "size": len(times), "times": times}
    if "current" in described.inputs:
        network["inputs"] = {"current": {"kind": "drive", "to": "neurons", "each": True}}
    return network


@dataclass(frozen=True)
class Run:
    """What came out of all ports, from time 0 on."""

    out: Mapping[str, Payload]
    engine: PointNeurons

    @property
    def spikes(self) -> Spikes:
        spikes = self.out["spikes"]
        assert isinstance(spikes, Spikes)
        return spikes

    def times_ms(self, channel: int | None = None) -> Floats:
        """(spikes,) of one channel, or of all."""
        is_meant = np.full(len(self.spikes.times_ns), True) if channel is None else self.spikes.channels == channel
        found: Floats = self.spikes.times_ns[is_meant] / MS
        return found

    def __getitem__(self, port: str) -> Floats:
        """(rows, channels) of a port of samples."""
        samples = self.out[port]
        assert isinstance(samples, Samples)
        return samples.values

    def differs(self, other: Run) -> list[str]:
        """Names of ports that are not equal bit for bit."""
        return [name for name in self.out if not same_bits(self.out[name], other.out[name])]


def build(
    window_ms: float = 1.0, *, seed: int = 1, delays_ms: Mapping[str, float] | None = None, rows: Mapping[str, int] | None = None,
    **network: Any,
) -> PointNeurons:  # fmt: skip
    """An engine all of whose inputs are connected, over links of ``delays_ms`` (0 where they name none).

    Parameters
    ----------
    rows
        Length in ns of a row of an input of samples, where it is not the step.
    """
    params = Network(**network)
    ports = {port.name: port.but(dt_ns=(rows or {}).get(port.name, port.dt_ns)) for port in _inputs(params)}
    delays = {name: np.full(len(port.space), ns((delays_ms or {}).get(name, 0.0)), np.int64) for name, port in ports.items()}
    return PointNeurons(params, Setup("net", ns(window_ms), seed, ports, delays))


def run(
    stop_ms: float, played: Played | None = None, *, window_ms: float | None = None, seed: int = 1,
    delays_ms: Mapping[str, float] | None = None, **network: Any,
) -> Run:  # fmt: skip
    """A network from 0 to ``stop_ms``, in one window or in windows of ``window_ms``; inputs that are not played are silent."""
    total, length = Window(0, ns(stop_ms)), ns(window_ms or stop_ms)
    params = Network(**network)
    given = {port.name: _payload(port, (played or {}).get(port.name), total, params.dt) for port in _inputs(params)}
    rows = {name: total.length_ns // len(item.values) for name, item in given.items() if isinstance(item, Samples)}
    engine = build(length / MS, seed=seed, delays_ms=delays_ms, rows=rows, **network)
    found = advance(engine, [Window(start, start + length) for start in range(0, total.stop_ns, length)], given)
    engine.close()
    return Run(found, engine)


def advance(engine: PointNeurons, windows: Sequence[Window], given: Mapping[str, Payload]) -> dict[str, Payload]:
    """Outputs over some windows, joined; ``given`` is cut to each."""
    parts = [engine.advance(window, cut(dict(given), window)) for window in windows]
    return {name: _joined([part[name] for part in parts]) for name in parts[0]}


def changes(stop_ms: float, short_ms: float, played: Played | None = None, **given: Any) -> list[str]:
    """What the results depend on and must not: short windows, threads, a saved state; empty where all is well."""
    found, reference = list[str](), run(stop_ms, played, **given)
    if reference.differs(run(stop_ms, played, window_ms=short_ms, **given)):
        found.append(f"windows of {short_ms} ms")
    for threads in (2, 3):
        if reference.differs(run(stop_ms, played, window_ms=short_ms, **(given | {"threads": threads}))):
            found.append(f"{threads} threads")
    found += _after_a_save(reference, stop_ms, short_ms, played, given)
    return found


def _after_a_save(reference: Run, stop_ms: float, short_ms: float, played: Played | None, given: Mapping[str, Any]) -> list[str]:
    """A run whose second half is played in another engine, of two threads."""
    network = {key: value for key, value in given.items() if key not in ("seed", "delays_ms")}
    links = {key: value for key, value in given.items() if key in ("seed", "delays_ms")}
    total, length, params = Window(0, ns(stop_ms)), ns(short_ms), Network(**network)
    payloads = {port.name: _payload(port, (played or {}).get(port.name), total, params.dt) for port in _inputs(params)}
    rows = {name: total.length_ns // len(item.values) for name, item in payloads.items() if isinstance(item, Samples)}
    windows = [Window(start, start + length) for start in range(0, total.stop_ns, length)]
    half = len(windows) // 2
    first = build(short_ms, rows=rows, **links, **network)
    second = build(short_ms, rows=rows, **links, **(network | {"threads": 2}))
    before = advance(first, windows[:half], payloads)
    second.load({name: np.array(value) for name, value in first.save().items()})
    after = advance(second, windows[half:], payloads)
    joined = Run({name: _joined([before[name], after[name]]) for name in before}, second)
    return ["a saved state"] if reference.differs(joined) else []


def _inputs(params: Network) -> list[Port]:
    return [port for port in PointNeurons.ports(params) if port.direction == "in"]


def _payload(port: Port, what: Any, window: Window, dt_ns: int) -> Payload:
    if port.kind == "spikes":
        times, channels = ([], []) if what is None else what
        return Spikes.sorted(window, np.array([ns(t) for t in times], np.int64), np.array(channels, np.int32))
    rows = np.zeros((window.steps(dt_ns), len(port.space))) if what is None else np.asarray(what, np.float64)
    rows = rows[:, None] if rows.ndim == 1 else rows
    return Samples(window, np.array(np.broadcast_to(rows, (len(rows), len(port.space)))))


def _joined(parts: Sequence[Payload]) -> Payload:
    return (Spikes if isinstance(parts[0], Spikes) else Samples).join(parts)  # type: ignore[arg-type]
