"""The cells that are raced: Arbor's ring, a reconstructed cell under 500 synapses, the cables of Rallpack 1 and 3.

References
----------
Bhalla, Bilitch and Bower (1992), Rallpacks: a set of benchmarks for neuronal simulators, Trends in Neurosciences 15, 453.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import Payload, Spikes, Window
from engines.compartmental_neurons.params import Neurons

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
MS = 1_000_000
SYNAPSES, RATE_HZ, WEIGHT_US, TAU_RISE_MS, TAU_DECAY_MS = 500, 10.0, 2.5e-4, 0.2, 2.0
PIECES, LENGTH_UM, DIAMETER_UM, INJECTED_NA = 1000, 1000.0, 1.0, 0.1
CABLE_HH = {"g_na": 0.12, "g_k": 0.036, "g_leak": 2.5e-5, "E_leak": -65.0}
"""S/cm², mV; the leak is 1 / 40 kohm cm²."""


@dataclass(frozen=True)
class Case:
    """What is raced, and how long it is.

    Attributes
    ----------
    heard
        By input: times in ns and channels of the spikes that come.
    tells_v
        Whether the port ``v`` is there, (steps, columns).
    """

    params: Neurons
    milliseconds: int
    cells: int
    compartments: int
    heard: dict[str, tuple[NDArray[np.int64], NDArray[np.int32]]]
    tells_v: bool

    def inputs(self, window: Window) -> dict[str, Payload]:
        """What comes in a window."""
        found: dict[str, Payload] = {}
        for name, (times, channels) in self.heard.items():
            here = (times > window.start_ns) & (times <= window.stop_ns)
            found[name] = Spikes(window, times[here], channels[here])
        return found


def case_of(name: str, threads: int = 1, stamps: str = "interpolated") -> Case:
    """A case by name; ``stamps`` as ``spike_times``."""
    given = {"threads": threads, "spike_times": stamps}
    return {"ring": _ring, "allen": _allen, "rallpack1": _rallpack1, "rallpack3": _rallpack3}[name](given)


def _ring(given: dict[str, Any]) -> Case:
    from scenarios.ring import peers

    params = peers.network().model_copy(update={"record": {}, **given})
    return Case(params, 200, 100, 151, {"kick": (np.array([MS // 2]), np.zeros(1, np.int32))}, False)


def _allen(given: dict[str, Any]) -> Case:
    """The cell of the scenario dendrite; every synapse has a train of its own, which come as one input."""
    synapses = {"tau_rise": f"{TAU_RISE_MS} ms", "tau_decay": f"{TAU_DECAY_MS} ms", "E": "0 mV"}
    group = {"mechanism": "double_exponential_synapse", "at": {"in": "dendrites", "count": SYNAPSES}, "parameters": synapses}
    projection = {"from": "afferents", "to": "cell", "synapses": "afferents", "weight": f"{WEIGHT_US} uS", "delay": "1 ms"}
    data = {
        "populations": {"cell": {"cell": "./cell.yaml", "synapses": {"afferents": group}}},
        "inputs": {"afferents": {"kind": "spikes", "size": SYNAPSES}},
        "projections": {"afferents": projection},
        "record": {"v": {"of": "cell"}},
        "seed": 1,
    }
    params = Neurons.model_validate({**data, **given}, context={"folder": SCENARIOS / "dendrite"})
    return Case(params, 500, 1, compartments_of(params), {"afferents": trains(500)}, True)


def trains(milliseconds: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Poisson trains on the grid of 0.025 ms, ordered by time; the last ms is left empty."""
    rng = np.random.default_rng(1)
    steps = (milliseconds - 1) * 40
    steps_heard, channels = np.nonzero(rng.random((steps, SYNAPSES)) < RATE_HZ * 2.5e-5)
    return (steps_heard + 1) * 25_000, channels.astype(np.int32)


def compartments_of(params: Neurons) -> int:
    """Of the first cell, those with membrane."""
    from engines.compartmental_neurons.anatomy import anatomy_of

    population = next(iter(params.populations.values()))
    return int((anatomy_of(population.cell).compartments.area > 0).sum())


def _rallpack1(given: dict[str, Any]) -> Case:
    return _cable({"mechanism": "passive", "parameters": {"g": f"{CABLE_HH['g_leak']} S/cm**2", "E": "-65 mV"}}, given)


def _rallpack3(given: dict[str, Any]) -> Case:
    units = {"g_na": "S/cm**2", "g_k": "S/cm**2", "g_leak": "S/cm**2", "E_leak": "mV"}
    return _cable({"mechanism": "hh", "parameters": {key: f"{value} {units[key]}" for key, value in CABLE_HH.items()}}, given)


def _cable(membrane: dict[str, Any], given: dict[str, Any]) -> Case:
    """A current from the start on into the first compartment; V in the first and the last, spikes in the last."""
    cell = {
        "morphology": {"cable": {"length": f"{LENGTH_UM} um", "diameter": f"{DIAMETER_UM} um"}},
        "compartments": {"count": PIECES}, "resistivity": "100 ohm*cm", "membrane": [membrane],
    }  # fmt: skip
    first, last = ({"section": 0, "at": at} for at in (0.0, 1.0))
    population = {
        "cell": cell, "pulses": {"in": {"at": first, "current": f"{INJECTED_NA} nA"}}, "detector": last, "threshold": "-20 mV",
    }  # fmt: skip
    record = {"first": {"of": "cell", "at": first}, "last": {"of": "cell", "at": last}}
    data = {"dt": "0.05 ms", "populations": {"cell": population}, "record": record}
    return Case(Neurons.model_validate({**data, **given}, context={"folder": SCENARIOS}), 250, 1, PIECES, {}, True)
