"""What follows from the NeuroML file and the spikes of motor neurons alone: who pulls where, and the muscles' potentials."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from cosim.results import SpikeTrain

Floats = NDArray[np.float64]
SPACE = "{http://www.neuroml.org/schema/neuroml2}"


@dataclass(frozen=True)
class Connection:
    """One projection: its ends, and its synapse: ``neuron_to_muscle_exc_syn``."""

    source: str
    target: str
    synapse: str
    weight: float


@dataclass(frozen=True)
class Circuit:
    """What a c302 network file says: the cells by component, and the connections."""

    cells: dict[str, str]
    connections: tuple[Connection, ...]

    def neuromuscular(self, *classes: str) -> list[Connection]:
        """Junctions of motor neurons whose names begin so."""
        return [c for c in self.connections if "to_muscle" in c.synapse and c.source.startswith(classes)]

    def between_neurons(self, kinds: Iterable[str]) -> list[Connection]:
        return [c for c in self.connections if c.synapse in {f"neuron_to_neuron_{kind}_syn" for kind in kinds}]


def circuit(file: Path) -> Circuit:
    network = ElementTree.parse(file).getroot().find(f"{SPACE}network")
    assert network is not None
    cells = {p.get("id", ""): p.get("component", "") for p in network.iter(f"{SPACE}population")}
    found = []
    for p in network.iter(f"{SPACE}projection"):
        weight = sum(float(c.get("weight", 1)) for kind in ("connection", "connectionWD") for c in p.iter(f"{SPACE}{kind}"))
        found.append(
            Connection(p.get("presynapticPopulation", ""), p.get("postsynapticPopulation", ""), p.get("synapse", ""), weight)
        )
    return Circuit(cells, tuple(found))


C_PF, LEAK_NS, REST_MV, PEAK_NS, RISE_MS, DECAY_MS = 3.0, 0.1, -50.0, 0.01, 3.0, 10.0
"""c302's parameter set A."""
REVERSAL_MV = {"exc": 0.0, "inh": -80.0}


def potential(junctions: list[Connection], spikes: SpikeTrain, stop_ms: float, dt_ms: float = 0.1) -> Floats:
    """(steps,) mV of a muscle: C dv/dt = gl (El - v) + sum g (E - v), each g two exponentials from each spike of its neuron.

    NeuroML scales expTwoSynapse so that one spike peaks at gbase. v is exact for a conductance that is held over a step.
    """
    times = np.arange(dt_ms / 2, stop_ms, dt_ms)  # middles of steps
    peak_ms = np.log(DECAY_MS / RISE_MS) * RISE_MS * DECAY_MS / (DECAY_MS - RISE_MS)
    scale = PEAK_NS / (np.exp(-peak_ms / DECAY_MS) - np.exp(-peak_ms / RISE_MS))
    total, driving = np.full(len(times), LEAK_NS), np.full(len(times), LEAK_NS * REST_MV)
    for junction in junctions:
        kind = junction.synapse.split("_")[-2]
        for spike_ms in spikes.times_ms[spikes.channels == spikes.labels.index(junction.source)]:
            since = np.maximum(times - spike_ms, 0.0)
            g = junction.weight * scale * (np.exp(-since / DECAY_MS) - np.exp(-since / RISE_MS))
            total += g
            driving += g * REVERSAL_MV[kind]
    v, course = REST_MV, np.empty(len(times))
    for k, (conductance, towards) in enumerate(zip(total, driving / total, strict=True)):
        v = towards + (v - towards) * np.exp(-conductance * dt_ms / C_PF)  # nS/pF = 1/ms
        course[k] = v
    return course
