"""Synapses share states where all they do adds up, and only there; connections keep what the rule promises."""

from __future__ import annotations

import numpy as np
import pytest

from engines.compartmental_neurons.mechanisms.description import read_mechanism, shipped
from engines.compartmental_neurons.params import Projection
from engines.compartmental_neurons.wiring import is_shared, wire

FOURTH_POWER = """
title: Channels that a fourth power opens
kind: point
parameters: {g: {unit: uS, default: 0.001}, E: {unit: mV, default: -95}, tau: {unit: ms, default: 50, positive: true}}
states: {bound: {unit: "1"}}
derivatives: {bound: -bound / tau}
currents: {nonspecific: CURRENT}
receptors: {spikes: {weight: "1", sets: {bound: bound + weight}}}
"""


@pytest.mark.parametrize("name", ["exponential_synapse", "double_exponential_synapse", "ampa_nmda", "nmda", "alpha_synapse"])
def test_conductances_that_jump_and_decay_are_shared(name):
    assert is_shared(read_mechanism(shipped()[name]))


@pytest.mark.parametrize("name", ["tsodyks_markram_synapse", "gaba_b"])
def test_what_remembers_its_own_spikes_is_not(name):
    assert not is_shared(read_mechanism(shipped()[name]))


@pytest.mark.parametrize(
    ("current", "shared"),
    [("g * bound * (V - E)", True), ("g * bound**4 * (V - E)", False), ("g * (bound + 1) * (V - E)", False)],
)
def test_a_current_that_is_no_sum_over_states_is_of_one_synapse(tmp_path, current, shared):
    (tmp_path / "mine.yaml").write_text(FOURTH_POWER.replace("CURRENT", current))
    assert is_shared(read_mechanism(tmp_path / "mine.yaml")) == shared


def test_a_clamped_state_is_of_one_synapse(tmp_path):
    text = FOURTH_POWER.replace("CURRENT", "g * bound * (V - E)").replace('{unit: "1"}}', '{unit: "1", clamp: [0, 1]}}')
    (tmp_path / "mine.yaml").write_text(text)
    assert not is_shared(read_mechanism(tmp_path / "mine.yaml"))


def test_an_indegree_is_kept_where_cells_are_no_partners_of_their_own():
    given = {"from": "a", "to": "a", "synapses": "s", "rule": "fixed_indegree", "indegree": 5, "autapses": False}
    wired = wire("p", Projection.model_validate({**given, "weight": 1.0, "delay": 10**6}), 10, 10, 3)
    assert (np.bincount(wired.target, minlength=10) == 5).all()
    assert (wired.source != wired.target).all()
    assert set(wired.source.tolist()) == set(range(10))
