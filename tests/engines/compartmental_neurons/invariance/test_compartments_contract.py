"""What every engine promises, held by two networks of neurons with branches."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from cosim.sdk import Payload, Port, Samples, Window
from cosim.sdk.contract import EngineContract
from engines.compartmental_neurons import CompartmentalNeurons
from tests.engines.compartmental_neurons.invariance.busy_network import INPUTS, POPULATIONS, PROJECTIONS, RECORD, busy
from tests.engines.compartmental_neurons.theory.cell_runs import branched, cable, neurons, ns

SIZES = {"push": (0.0, 0.1), "phi": (-1.0, 1.0), "warmth": (6.0, 10.0), "salt": (4.0, 6.0)}


class TestEverything(EngineContract):
    engine = CompartmentalNeurons
    params = busy()
    one_window_ms, many_windows_ms, delay_ms = 16, 2, 0.3
    bad_params: ClassVar = (
        {"no_such_parameter_at_all": 1},
        {"dt": 0},
        {"solver": "runge_kutta"},
        {"threads": 0},
        {"populations": {}},
        {"populations": dict(POPULATIONS) | {"balls": dict(POPULATIONS["balls"]) | {"substeps": 3}}},
        {"projections": {"x": {"from": "nobody", "to": "trees", "synapses": "fast", "weight": 1.0, "delay": 1000000}}},
        {"projections": {"x": dict(PROJECTIONS["ring"]) | {"delay": 1000}}},
        {"projections": {"x": dict(PROJECTIONS["ring"]) | {"pairs": [[0, 11]]}}},
        {"projections": {"x": dict(PROJECTIONS["ring"]) | {"synapses": "nothing"}}},
        {"projections": {"x": dict(PROJECTIONS["ring"]) | {"weight": "1 mV"}}},
        {"inputs": {"trees": {"kind": "spikes", "size": 1}}},
        {"inputs": {"fast": {"kind": "drive", "to": "trees"}}},
        {"inputs": {"o": {"kind": "concentration", "to": "balls", "symbol": "zn_o"}}},
        {"inputs": dict(INPUTS) | {"more": {"kind": "temperature"}}},
        {"record": {"spikes": {"of": "trees"}}},
        {"record": {"r": {"of": "trees", "cells": [11]}}},
        {"record": {"r": {"of": "trees", "cells": []}}},
        {"record": {"r": {"of": "balls", "value": "ca_i"}}},
        {"record": {"r": dict(RECORD["m"]) | {"at": {"section": "twig"}}}},
    )

    def make_inputs(self, port: Port, window: Window) -> Payload:
        """Sizes that cells bear."""
        if port.kind == "spikes":
            return super().make_inputs(port, window)
        rng, (low, high) = np.random.default_rng(len(port.name)), SIZES[port.name]
        assert port.dt_ns is not None
        return Samples(window, rng.uniform(low, high, (window.steps(ns(0.5)), len(port.space))))


class TestJoined(EngineContract):
    engine = CompartmentalNeurons
    params = neurons(
        populations={
            "a": {
                "size": 5,
                "cell": branched(),
                "pulses": {"p": {"current": 0.7, "start": 0, "cells": [0, 2, 3, 4]}},
                "positions": [(k, 0, 0) for k in range(5)],
            },
            "b": {"size": 2, "cell": cable(300.0, 3.0, 10, [{"mechanism": "hh"}]), "substeps": 5},
            "ring": {"size": 4, "cell": {"morphology": {"ring": {"depth": 3}}, "membrane": [{"mechanism": "hh"}]}},
        },
        gap_junctions={
            "ab": {"from": "a", "to": "b", "pairs": [[0, 0], [3, 1]], "source_at": {"section": "far"}, "conductance": 30.0},
            "rr": {"from": "ring", "to": "ring", "pairs": [[0, 1], [1, 2], [2, 3]], "conductance": 1.0},
            "ar": {"from": "a", "to": "ring", "pairs": [[3, 0]], "conductance": 5.0},
        },
        record={"v": {"of": "b", "at": {"every": 50.0}}, "m": {"of": "ring", "value": "hh.m", "cells": [2, 0]}},
        solver="crank_nicolson",
        spike_times="grid",
        threads=2,
    )
    one_window_ms, many_windows_ms = 12, 0.5


@pytest.mark.parametrize("contract", [TestEverything(), TestJoined()])
def test_the_networks_of_the_contract_are_alive(contract):
    found = contract.run(contract.one_window_ms)
    assert len(found["spikes"].times_ns) > 3
    assert all(np.ptp(payload.values) > 0 for name, payload in found.items() if name != "spikes")
