"""Cells in tests: told by keywords, run over windows; what comes out of their ports.

found = run(neurons(populations={"a": {"cell": cable(1000.0, 2.0)}}, record={"v": {"of": "a"}}), until_ms=10)
found["v"], found.times_ms(0)                        # (steps, places), and when the first cell spiked
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import Payload, Port, Samples, Setup, Spikes, Window
from engines.compartmental_neurons import CompartmentalNeurons
from engines.compartmental_neurons.params import Neurons

Floats = NDArray[np.float64]
MS = 1_000_000
HH = {"mechanism": "hh"}


def ns(time_ms: float) -> int:
    return round(time_ms * MS)


def passive(resistance: float = 20e3, reversal: float = -65.0, **where: Any) -> dict[str, Any]:
    """A leak; ``resistance`` of the membrane in ohm cm²."""
    return {"mechanism": "passive", "parameters": {"g": 1.0 / resistance, "E": reversal}, **where}


def cable(
    length: float, diameter: float, count: int = 100, membrane: Iterable[Mapping[str, Any]] | None = None, **cell: Any
) -> dict[str, Any]:
    """A cylinder in µm, cut into ``count`` compartments; passive where nothing is said of its membrane."""
    return {
        "morphology": {"cable": {"length": length, "diameter": diameter, "label": "soma"}},
        "compartments": {"count": count},
        "membrane": [passive()] if membrane is None else [dict(item) for item in membrane],
        **cell,
    }


def patch(diameter: float = 20.0, membrane: Iterable[Mapping[str, Any]] = (HH,), **cell: Any) -> dict[str, Any]:
    """One compartment, as long as it is wide, that is a soma."""
    shape = {"branches": {"soma": {"length": diameter, "diameter": diameter, "compartments": 1}}}
    return {"morphology": shape, "membrane": [dict(item) for item in membrane], **cell}


def patch_cm2(diameter: float = 20.0) -> float:
    """Membrane of a ``patch``."""
    return float(np.pi * diameter**2 * 1e-8)


def branched(**cell: Any) -> dict[str, Any]:
    """A soma with channels of Hodgkin and Huxley, a tapering trunk with two daughters, one of which forks, and a thin axon."""
    shape = {
        "soma": {"length": 18.0, "diameter": 16.0, "compartments": 1},
        "trunk": {"length": 120.0, "diameter": [4.0, 2.0], "parent": "soma", "compartments": 5},
        "left": {"length": 90.0, "diameter": 1.5, "parent": "trunk", "compartments": 3},
        "right": {"length": 150.0, "diameter": 1.2, "parent": "trunk", "compartments": 5},
        "twig": {"length": 60.0, "diameter": 0.8, "parent": "right", "at": 0.6, "compartments": 3},
        "far": {"length": 70.0, "diameter": 0.9, "parent": "right", "compartments": 3},
        "axon": {"length": 200.0, "diameter": 1.0, "parent": "soma", "at": 0.0, "label": "axon", "compartments": 7},
    }
    membrane = [HH | {"in": "soma"}, HH | {"in": "axon"}, passive(5e3, -66.0, **{"in": "dendrites"})]
    return {"morphology": {"branches": shape}, "membrane": membrane, "resistivity": 120.0, "capacitance": 1.1} | cell


def neurons(folder: Path = Path(), **given: Any) -> Neurons:
    return Neurons.model_validate(given, context={"folder": folder})


def one(cell: Mapping[str, Any], **given: Any) -> Neurons:
    """A population ``a`` of one cell; ``population`` has further keys of it."""
    population = {"cell": dict(cell), **given.pop("population", {})}
    return neurons(populations={"a": population}, **given)


@dataclass(frozen=True)
class Run:
    """Rows of all records, and all spikes."""

    dt_ms: float
    spikes: Spikes
    rows: dict[str, Floats] = field(default_factory=dict)

    def __getitem__(self, port: str) -> Floats:
        return self.rows[port]

    @property
    def ends_ms(self) -> Floats:
        """(steps,) when the rows stand."""
        steps = np.arange(1, len(next(iter(self.rows.values()))) + 1, dtype=np.float64)
        return self.dt_ms * steps

    def times_ms(self, channel: int = 0) -> Floats:
        times: Floats = self.spikes.times_ns[self.spikes.channels == channel] / MS
        return times

    def is_the_same_as(self, other: Run) -> bool:
        """Bit for bit."""
        same = [np.array_equal(getattr(self.spikes, key), getattr(other.spikes, key)) for key in ("times_ns", "channels")]
        return all(same) and all(self[port].tobytes() == other[port].tobytes() for port in self.rows | other.rows)


def ports_of(params: Neurons) -> dict[str, Port]:
    return {port.name: port for port in CompartmentalNeurons.ports(params)}


def build(params: Neurons, window_ms: float, links_ms: Mapping[str, float] | None = None, seed: int = 1) -> CompartmentalNeurons:
    """An engine all of whose inputs are linked; ``links_ms`` are delays of links."""
    ports = {name: port for name, port in ports_of(params).items() if port.direction == "in"}
    delays = {name: np.full(len(port.space), ns((links_ms or {}).get(name, 0.0)), np.int64) for name, port in ports.items()}
    return CompartmentalNeurons(params, Setup("cells", ns(window_ms), seed, ports, delays))


def run(
    params: Neurons, until_ms: float, window_ms: float | None = None, played: Mapping[str, Any] | None = None, *, seed: int = 1
) -> Run:
    """From time 0.

    Parameters
    ----------
    played
        By port: rows, (rows,) or (rows, channels), held over equal shares of the run; or a pair (times in ms, channels) of spikes.
    """
    total, step = Window(0, ns(until_ms)), ns(window_ms or until_ms)
    payloads = {name: payload_of(values, total) for name, values in (played or {}).items()}
    engine = build(params, step / MS, seed=seed)
    try:
        parts = [advance(engine, Window(start, start + step), payloads) for start in range(0, total.stop_ns, step)]
    finally:
        engine.close()
    return joined(params, parts)


def advance(engine: CompartmentalNeurons, window: Window, payloads: Mapping[str, Payload]) -> Mapping[str, Payload]:
    return engine.advance(window, {name: payload.cut(window) for name, payload in payloads.items()})


def joined(params: Neurons, parts: list[Mapping[str, Payload]]) -> Run:
    """What windows gave, one after the other."""
    spikes = Spikes.join([part["spikes"] for part in parts])  # type: ignore[misc]
    rows = {name: np.concatenate([part[name].values for part in parts]) for name in parts[0] if name != "spikes"}  # type: ignore[union-attr]
    return Run(params.dt / MS, spikes, rows)


def payload_of(values: Any, total: Window) -> Payload:
    if isinstance(values, tuple):
        times = np.array([ns(time) for time in values[0]], np.int64)
        return Spikes.sorted(total, times, np.broadcast_to(np.asarray(values[1], np.int32), times.shape))
    rows = np.asarray(values, np.float64)
    return Samples(total, rows if rows.ndim == 2 else rows.reshape(-1, 1))
