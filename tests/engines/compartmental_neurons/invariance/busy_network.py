"""A network in which everything of the engine goes on at once: what results may not depend on is held against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engines.compartmental_neurons.params import Neurons
from tests.engines.compartmental_neurons.theory.cell_runs import HH, branched, neurons, ns, passive, patch, ports_of

CALCIUM = [
    {"mechanism": "ca_hva", "in": "dendrites", "parameters": {"g": 2e-4}},
    {"mechanism": "ca_pool", "in": "dendrites"},
    {"mechanism": "k_sk", "in": "dendrites", "parameters": {"g": 1e-3}},
]
"""Currents of an ion, its concentration, a reversal potential that follows, a channel that hears of both."""
TREE = branched(
    membrane=[HH | {"in": "soma"}, HH | {"in": "axon"}, passive(5e3, -66.0, **{"in": "dendrites"}), *CALCIUM],
    ions={"ca": {"inside": 1e-4, "outside": 2.0}},
)
SYNAPSES = {
    "fast": {"mechanism": "exponential_synapse", "at": {"in": "dendrites", "count": 6}},
    "slow": {"mechanism": "double_exponential_synapse", "at": "soma", "parameters": {"E": -75.0}},
    "tired": {"mechanism": "tsodyks_markram_synapse", "at": {"section": "twig", "at": 0.9}},
}
POPULATIONS: Mapping[str, Any] = {
    "trees": {
        "size": 11,
        "cell": TREE,
        "synapses": SYNAPSES,
        "pulses": {"kick": {"current": 0.8, "start": ns(1.0), "stop": ns(3.1), "cells": [0, 4, 10]}},
    },
    "balls": {
        "size": 4,
        "cell": patch(12.0),
        "synapses": {"in": {"mechanism": "exponential_synapse", "at": "soma"}},
        "substeps": 2,
    },
}
PROJECTIONS: Mapping[str, Any] = {
    "ring": {"from": "trees", "to": "trees", "synapses": "fast", "rule": "list", "pairs": [[k, (k + 1) % 11] for k in range(11)],
             "weight": 0.01, "delay": ns(1.3)},
    "tb": {"from": "trees", "to": "balls", "synapses": "in", "rule": "fixed_indegree", "indegree": 3, "weight": 0.004,
           "delay": ns(0.4)},
    "bt": {"from": "balls", "to": "trees", "synapses": "slow", "weight": 0.003, "delay": ns(0.7)},
    "st": {"from": "balls", "to": "trees", "synapses": "tired", "rule": "bernoulli", "probability": 0.6, "weight": 0.002,
           "delay": ns(2.0)},
    "xt": {"from": "outside", "to": "trees", "synapses": "fast", "rule": "one_to_one", "weight": 0.012, "delay": ns(0.5)},
}  # fmt: skip
INPUTS: Mapping[str, Any] = {
    "outside": {"kind": "spikes", "size": 11},
    "push": {"kind": "drive", "to": "balls", "each": True},
    "phi": {"kind": "field", "to": "trees"},
    "warmth": {"kind": "temperature"},
    "salt": {"kind": "concentration", "to": "balls", "symbol": "k_o"},
}
RECORD: Mapping[str, Any] = {
    "v": {"of": "trees", "at": {"all": "all"}},
    "currents": {"of": "trees", "value": "membrane_current", "cells": [0, 8, 10]},
    "calcium": {"of": "trees", "value": "ca_i", "at": {"section": "far", "at": 0.5}},
    "reversal": {"of": "trees", "value": "E_ca", "at": {"section": "far", "at": 0.5}},
    "m": {"of": "trees", "value": "hh.m"},
    "g": {"of": "trees", "value": "slow.falling"},
    "ball": {"of": "balls"},
}


def busy(**changes: Any) -> Neurons:
    given = {"populations": POPULATIONS, "projections": PROJECTIONS, "inputs": INPUTS, "record": RECORD, "seed": 3, **changes}
    return neurons(**given)


def played(params: Neurons, until_ms: float) -> dict[str, Any]:
    """Into all inputs: spikes off the grid, currents, fields, warmth and potassium that change every 0.1 ms."""
    rng = np.random.default_rng(5)
    count, rows = int(3 * until_ms), round(until_ms / 0.1)
    ports = ports_of(params)
    wave = np.sin(0.03 * np.arange(rows))[:, None]
    return {
        "outside": (np.sort(rng.uniform(0.01, until_ms, count)), rng.integers(0, 11, count)),
        "push": 0.06 + 0.04 * rng.uniform(-1, 1, (rows, 4)),
        "phi": wave * rng.normal(0, 2.0, (1, len(ports["phi"].space))),
        "warmth": 8.0 + 2.0 * wave,
        "salt": 5.0 + wave,
    }
