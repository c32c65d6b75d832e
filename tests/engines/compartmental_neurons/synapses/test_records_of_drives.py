"""States of mechanisms that inputs drive can be recorded, under the input's name."""

from __future__ import annotations

import numpy as np
import pytest
from synapse_runs import at_ends, cell, run

from engines.compartmental_neurons import CompartmentalNeurons
from engines.compartmental_neurons.params import Neurons


def test_a_receptor_that_hears_a_concentration_shows_its_open_part():
    """r = r∞ (1 - exp(-(a T + b) t)), r∞ = a T / (a T + b), of a = 1.1 /(mM ms), b = 0.19 /ms, T = 1 mM."""
    found = run(5, drives={"cleft": {"mechanism": "ampa_two_state", "values": [1.0] * 5}}, record=["cleft.r"])["cleft.r"]
    exact = 1.1 / 1.29 * (1 - np.exp(-1.29 * at_ends(5)))
    assert found == pytest.approx(exact, rel=1e-9)


def test_a_record_looks_where_the_drive_is():
    soma_and_dendrite = {
        "soma": {"length": 20, "diameter": 20},
        "dendrite": {"length": 100, "diameter": 2, "parent": "soma", "compartments": 5},
    }
    drive = {"kind": "drive", "to": "cells", "mechanism": "ampa_jonas", "at": {"section": 1, "at": 0.9}}
    scenario = {
        "populations": {"cells": {"size": 2, "cell": cell() | {"morphology": {"branches": soma_and_dendrite}}}},
        "inputs": {"cleft": drive},
        "record": {"open": {"of": "cells", "value": "cleft.O"}, "there": {"of": "cells", "at": drive["at"]}},
    }
    ports = {port.name: port for port in CompartmentalNeurons.ports(Neurons.model_validate(scenario))}
    assert (ports["open"].unit, len(ports["open"].space)) == ("1", 2)
    np.testing.assert_array_equal(ports["open"].space.positions, ports["there"].space.positions)


def test_a_state_that_the_driven_mechanism_has_not_is_told():
    scenario = {
        "populations": {"cells": {"cell": cell()}},
        "inputs": {"cleft": {"kind": "drive", "to": "cells", "mechanism": "ampa_two_state"}},
        "record": {"wrong": {"of": "cells", "value": "cleft.s"}},
    }
    with pytest.raises(Exception, match="cleft has no state 's'"):
        CompartmentalNeurons.ports(Neurons.model_validate(scenario))
