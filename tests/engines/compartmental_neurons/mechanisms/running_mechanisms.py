"""One compartment, 10 µm wide and long, with some mechanisms: in this engine and in NEURON, driven by the same current.

found = run({"hh": {"g_na": 0.1}}, current_na, celsius=6.3, record=["V", "hh.m"])
found["V"], found["hh.m"]                            # (steps,) at the ends of steps, in mV and the states' own units
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import Samples, Setup, Window
from engines.compartmental_neurons import CompartmentalNeurons
from engines.compartmental_neurons.params import Neurons

Floats = NDArray[np.float64]
LOG = logging.getLogger(__name__)
DT_MS = 0.025
LEAK = {"g": 0.0005, "E": -45}
IONS: Mapping[str, Any] = {"na": {"reversal": 50}, "k": {"reversal": -77}, "ca": {"inside": 5e-5, "outside": 2}}


def sweep(steps: int, strength_na: float = 0.04, dt_ms: float = DT_MS) -> Floats:
    """(steps,) a current in nA of four periods that have nothing in common: it takes a cell with ``LEAK`` all over its range."""
    t = np.arange(steps) * dt_ms
    return strength_na * sum(np.sin(2 * np.pi * t / period + period) for period in (3.7, 11.3, 41.9, 97.1))


def run(
    mechanisms: Mapping[str, Mapping[str, Any]],
    current_na: Floats,
    record: Sequence[str] = ("V",),
    *,
    celsius: float = 34.0,
    start_mv: float = -70.0,
    ions: Mapping[str, Any] = IONS,
    dt_ms: float = DT_MS,
    cells: int = 1,
    capacitance: float = 1.0,
    diameter_um: float = 10.0,
    folder: Path = Path(),
    solver: str = "backward_euler",
) -> dict[str, Floats]:
    """(steps,) of ``V``, of fields such as ``ca_i``, and of states such as ``hh.m``; of the last of ``cells`` cells that are alike.

    Parameters
    ----------
    mechanisms
        Parameters of each, in their own units, by the name of its file, which is in ``folder`` or comes with the engine.
    capacitance
        uF/cm**2.
    """
    given = {
        "dt": round(dt_ms * 1e6),
        "solver": solver,
        "populations": {
            "cell": {
                "size": cells,
                "cell": {
                    "morphology": {"cable": {"length": diameter_um, "diameter": diameter_um, "label": "soma"}},
                    "compartments": {"count": 1},
                    "capacitance": capacitance,
                    "membrane": [{"mechanism": name, "parameters": dict(values)} for name, values in mechanisms.items()],
                    "ions": ions,
                    "potential": start_mv,
                    "temperature": celsius,
                },
            }
        },
        "inputs": {"current": {"kind": "drive", "to": "cell"}},
        "record": {f"r{k}": {"of": "cell", "value": name, "cells": [cells - 1]} for k, name in enumerate(record)},
    }
    params = Neurons.model_validate(given, context={"folder": folder})
    ports = {port.name: port for port in CompartmentalNeurons.ports(params) if port.direction == "in"}
    window = Window(0, len(current_na) * params.dt)
    engine = CompartmentalNeurons(params, Setup("cells", window.stop_ns, 1, ports, {"current": np.zeros(1, np.int64)}))
    out = engine.advance(window, {"current": Samples(window, np.asarray(current_na, np.float64)[:, None])})
    engine.close()
    return {name: out[f"r{k}"].values[:, 0] for k, name in enumerate(record)}


# -- NEURON ------------------------------------------------------------------------------------------------------------


def bmtk_mechanisms() -> Path | None:
    """The folder of the NMODL files that come with bmtk, found without importing it."""
    spec = importlib.util.find_spec("bmtk")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "utils" / "scripts" / "bionet" / "mechanisms" / "modfiles"
    return folder if folder.is_dir() else None


def loaded(folder: Path) -> Any:
    """NEURON with the mechanisms of a folder, compiled once on a machine."""
    from neuron import h

    from engines.neuron.mechanisms import load_mechanisms

    h.load_file("stdrun.hoc")
    load_mechanisms(h, folder, SimpleNamespace(log=LOG))
    return h


def run_neuron(
    h: Any,
    mechanisms: Mapping[str, Mapping[str, Any]],
    current_na: Floats,
    record: Sequence[str] = ("v",),
    *,
    celsius: float = 34.0,
    start_mv: float = -70.0,
    reversal: Mapping[str, float] | None = None,
    dt_ms: float = DT_MS,
    diameter_um: float = 10.0,
    states: Mapping[str, float] | None = None,
    second_order: bool = False,
) -> dict[str, Floats]:
    """As ``run``, with suffixes for files, and names such as ``v``, ``cai`` and ``m_hh``.

    Parameters
    ----------
    reversal
        Of ions, such as ``ena``, mV; of the others NEURON's own.
    states
        At the start, such as ``C1_NaV``; of the others what the mechanisms say.
    """
    section = h.Section(name="soma")
    section.L = section.diam = diameter_um
    section.nseg, section.cm, section.Ra = 1, 1, 100
    for suffix, values in mechanisms.items():
        section.insert(suffix)
        for name, value in values.items():
            setattr(section, f"{name}_{suffix}", value)
    for name, value in ({"ena": 50.0, "ek": -77.0} | dict(reversal or {})).items():
        if h.ismembrane(f"{name[1:]}_ion", sec=section):
            setattr(section, name, value)
    clamp = h.IClamp(section(0.5))
    clamp.delay, clamp.dur = 0, 1e9
    played = h.Vector(current_na)
    played.play(clamp._ref_amp, dt_ms)
    vectors = [h.Vector().record(getattr(section(0.5), f"_ref_{name}")) for name in record]
    h.celsius, h.dt, h.steps_per_ms = celsius, dt_ms, 1 / dt_ms
    h.secondorder = 2 if second_order else 0
    h.finitialize(start_mv)
    for name, value in (states or {}).items():
        setattr(section(0.5), name, value)
    for _ in current_na:
        h.fadvance()
    return {name: np.array(vector)[1 : len(current_na) + 1] for name, vector in zip(record, vectors, strict=True)}
