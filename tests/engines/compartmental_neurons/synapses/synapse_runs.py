"""Mechanisms on cells of one compartment in tests: run from keywords, and by NEURON.

found = run(50, {"ampa": {"spikes": [([5.0, 7.0], 0.001)]}})
found["V"], found["ampa.falling"]     # (steps,) after every step: mV, and a state in its own unit
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.sdk import Payload, Samples, Setup, Spikes, Window
from engines.compartmental_neurons import CompartmentalNeurons
from engines.compartmental_neurons.mechanisms.description import mechanism_file, read_mechanism
from engines.compartmental_neurons.params import Neurons

Floats = NDArray[np.float64]
Named = Mapping[str, Mapping[str, Any]]
MS = 1_000_000
LENGTH = DIAMETER = 20.0
AREA_CM2 = np.pi * LENGTH * DIAMETER * 1e-8
LEAK = [{"mechanism": "passive", "parameters": {"g": 1e-4, "E": -65.0}}]  # S/cm², mV
CLAMPED = 1e9
"""µF/cm²: V of such a membrane stays where it is."""


def cell(membrane: Sequence[Mapping[str, Any]] = LEAK, **more: Any) -> dict[str, Any]:
    """A compartment of 20 µm by 20 µm."""
    shape = {"branches": {"soma": {"length": LENGTH, "diameter": DIAMETER}}}
    return {"morphology": shape, "compartments": {"count": 1}, "membrane": list(membrane), **more}


def run(
    until_ms: float, synapses: Named | None = None, *, dt_ms: float = 0.025, window_ms: float | None = None,
    drives: Named | None = None, size: int = 1, folder: Path = Path(), more: Mapping[str, Any] | None = None,
    engine: Mapping[str, Any] | None = None, record: Sequence[str] = (), **of_cell: Any,
) -> dict[str, Floats]:  # fmt: skip
    """(steps,) of V and of the states of all synapses; (steps, cells) of several cells.

    Parameters
    ----------
    synapses
        By name: ``mechanism`` (else the name), ``parameters``, ``spikes``: of each connection its (times in ms, weight).
    drives
        By name: ``mechanism``, ``parameters``, ``input`` and ``values``, (rows,) or (rows, cells) over equal shares of it.
    more, engine
        Keys of the population, and of the whole.
    record
        Further values, such as ``hh.m``.
    """
    groups = {name: {"mechanism": item.get("mechanism", name), "at": "soma", "parameters": item.get("parameters", {})}
              for name, item in (synapses or {}).items()}  # fmt: skip
    population = {"size": size, "cell": cell(**of_cell), "synapses": groups, **(more or {})}
    trains = {name: item.get("spikes", ()) for name, item in (synapses or {}).items()}
    inputs: dict[str, Any] = {f"to_{name}": {"kind": "spikes", "size": len(given)} for name, given in trains.items() if given}
    for name, item in (drives or {}).items():
        inputs[name] = {"kind": "drive", "to": "cells", "each": np.ndim(item["values"]) == 2} | {
            key: item[key] for key in ("mechanism", "parameters", "input") if key in item
        }
    projections = {
        name: {"from": f"to_{name}", "to": "cells", "synapses": name, "rule": "list", "pairs": [[k, 0] for k in range(len(given))],
               "weight": [weight for _, weight in given], "delay": round(dt_ms * MS)}
        for name, given in trains.items() if given
    }  # fmt: skip
    context = {"folder": folder}
    states = [f"{name}.{state}" for name, group in groups.items() for state in _states(group["mechanism"], folder)]
    wanted = ["V", *states, *record]
    asked = {
        "dt": round(dt_ms * MS), "populations": {"cells": population}, "projections": projections, "inputs": inputs,
        "record": {f"r{k}": {"of": "cells", "value": value} for k, value in enumerate(wanted)}, **(engine or {}),
    }  # fmt: skip
    total = Window(0, round(until_ms * MS))
    played: dict[str, Payload] = {
        f"to_{name}": _spikes(total, [times for times, _ in given], dt_ms) for name, given in trains.items() if given
    }
    for name, item in (drives or {}).items():
        values = np.asarray(item["values"], np.float64)
        played[name] = Samples(total, values if values.ndim == 2 else values.reshape(-1, 1))
    found = play(Neurons.model_validate(asked, context=context), total, round((window_ms or until_ms) * MS), played)
    return {value: np.squeeze(found[f"r{k}"]) for k, value in enumerate(wanted)} | {"spikes_ms": found["spikes_ms"]}


def play(params: Neurons, total: Window, window_ns: int, played: Mapping[str, Payload]) -> dict[str, Floats]:
    """Samples of all ports joined over the windows, and the times of all spikes."""
    ports = {port.name: port for port in CompartmentalNeurons.ports(params) if port.direction == "in"}
    delays = {name: np.zeros(len(port.space), np.int64) for name, port in ports.items()}
    engine = CompartmentalNeurons(params, Setup("cells", window_ns, 1, ports, delays))
    rows: dict[str, list[Floats]] = {"spikes_ms": []}
    for start in range(0, total.stop_ns, window_ns):
        window = Window(start, start + window_ns)
        given = {name: _cut(payload, window, total) for name, payload in played.items()}
        for name, payload in engine.advance(window, given).items():
            if isinstance(payload, Samples):
                rows.setdefault(name, []).append(payload.values.copy())
            elif isinstance(payload, Spikes):
                rows["spikes_ms"].append(payload.times_ns / MS)
    engine.close()
    return {name: np.concatenate(values) for name, values in rows.items()}


def at_ends(until_ms: float, dt_ms: float = 0.025) -> Floats:
    """(steps,) ms of the ends of all steps."""
    return dt_ms * np.arange(1, round(until_ms / dt_ms) + 1)


# -- NEURON ------------------------------------------------------------------------------------------------------------


def neuron_cell(h: Any, capacitance: float = 1.0, leak: float = 1e-4, rest: float = -65.0) -> Any:
    """The same compartment."""
    section = h.Section(name="soma")
    section.L, section.diam, section.nseg, section.cm = LENGTH, DIAMETER, 1, capacitance
    section.insert("pas")
    section(0.5).pas.g, section(0.5).pas.e = leak, rest
    return section


def neuron_run(h: Any, until_ms: float, watched: ArrayLike | Any, *, start: float = -65.0, dt_ms: float = 0.025,
               events: Sequence[tuple[Any, float]] = (), celsius: float = 6.3, secondorder: int = 0) -> list[Floats]:  # fmt: skip
    """(steps,) of every watched reference, after every step; ``events`` are (NetCon, time)."""
    vectors = [h.Vector().record(reference) for reference in watched]
    h.celsius, h.secondorder, h.t = celsius, secondorder, 0.0
    h.CVode().active(0)
    h.dt = dt_ms
    h.finitialize(start)
    for connection, time in events:
        connection.event(time)
    while h.t < until_ms - dt_ms / 2:
        h.fadvance()
    return [np.array(vector)[1:] for vector in vectors]


# -- inside ------------------------------------------------------------------------------------------------------------


def _states(mechanism: str, folder: Path) -> list[str]:
    return read_mechanism(mechanism_file(mechanism, folder)).moving


def _spikes(total: Window, trains: Sequence[Sequence[float]], dt_ms: float) -> Spikes:
    """Each a step early: that is the delay."""
    times = np.concatenate([np.round((np.asarray(train) - dt_ms) * MS).astype(np.int64) for train in trains])
    channels = np.concatenate([np.full(len(train), k, np.int32) for k, train in enumerate(trains)])
    return Spikes.sorted(total, times, channels)


def _cut(payload: Payload, window: Window, total: Window) -> Payload:
    if isinstance(payload, Spikes):
        keep = (payload.times_ns > window.start_ns) & (payload.times_ns <= window.stop_ns)
        return Spikes(window, payload.times_ns[keep], payload.channels[keep])
    assert isinstance(payload, Samples)
    each = total.length_ns // len(payload.values)
    rows = payload.values[window.start_ns // each : window.stop_ns // each]
    return Samples(window, rows)
