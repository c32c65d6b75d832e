"""Inputs that nothing is linked to leave cells as they are: a temperature of their own, their own concentrations, no current."""

from __future__ import annotations

import numpy as np

from cosim.sdk import NOT_FED, Samples, Setup, Window
from engines.compartmental_neurons import CompartmentalNeurons
from tests.engines.compartmental_neurons.invariance.busy_network import INPUTS, PROJECTIONS, busy
from tests.engines.compartmental_neurons.theory.cell_runs import joined, neurons, ns, patch, ports_of, run

WITHIN = {name: item for name, item in PROJECTIONS.items() if item["from"] != "outside"}
"""Projections that need no input."""


def unlinked(params, until_ms):
    engine = CompartmentalNeurons(params, Setup("cells", ns(until_ms), 1))
    found = engine.advance(Window(0, ns(until_ms)), {})
    engine.close()
    return joined(params, [found])


def test_a_network_without_links_is_one_without_inputs():
    bare = busy(inputs={}, projections=WITHIN)
    with_ports = busy(projections=WITHIN)
    assert len(with_ports.inputs) == len(INPUTS) == 5
    found = unlinked(with_ports, 10.0)
    assert len(found.spikes) > 3
    assert found.is_the_same_as(run(bare, 10.0))


def test_a_concentration_that_is_linked_to_one_cell_leaves_the_others():
    """Potassium outside rises around cell 1 of 3; the channel of cell 2 is told to be fed by nothing."""
    salty = patch(ions={"k": {"inside": 54.4, "outside": 2.5}}, membrane=[{"mechanism": "hh"}])
    params = neurons(
        populations={"a": {"size": 3, "cell": salty}},
        inputs={"salt": {"kind": "concentration", "to": "a", "symbol": "k_o", "each": True}},
        record={"E": {"of": "a", "value": "E_k"}, "v": {"of": "a"}},
    )
    delays = np.array([0, 0, NOT_FED])
    engine = CompartmentalNeurons(params, Setup("cells", ns(5), 1, {"salt": ports_of(params)["salt"]}, {"salt": delays}))
    window = Window(0, ns(5))
    found = engine.advance(window, {"salt": Samples(window, np.array([[2.5, 10.0, 0.0]]))})
    engine.close()
    nernst = 8.31446261815324 * (6.3 + 273.15) / 96485.33212331001 * 1e3 * np.log(np.array([2.5, 10.0, 2.5]) / 54.4)
    assert np.abs(found["E"].values[-1] - nernst).max() < 1e-9
    assert np.array_equal(found["v"].values[:, 0], found["v"].values[:, 2])
    assert found["v"].values[-1, 1] > found["v"].values[-1, 0] + 1.0
