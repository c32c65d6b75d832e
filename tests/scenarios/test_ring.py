"""The ring: its file against what it stands for, theory against itself, claims that are cheap to hold and can fail."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

import cosim
from cosim.api import find_scenario
from cosim.claims import load_beside
from scenarios.ring import peers, theory

SHORT = {"clock.stop": "40 ms"}
PARAMS = "engines.cells.params"


@pytest.fixture(scope="module")
def ring():
    return peers.Ring(peers.network())


@pytest.fixture(scope="module")
def beside():
    """Parts of claims.py by name."""
    return lambda name: load_beside(find_scenario("ring"), "claims.py", name)


@pytest.fixture(scope="module")
def expected(ring, beside):
    return beside("Expected")(ring)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The ring for a short while, in this process; equal settings run once."""
    known = {}

    def go(settings=None):
        key = repr(settings)
        if key not in known:
            out = tmp_path_factory.mktemp("ring") / "run"
            known[key] = cosim.run("ring", settings={**SHORT, **(settings or {})}, out=out, transport="inline")
        return known[key]

    return go


def test_a_cell_has_a_soma_and_thirty_branches_of_five_compartments(ring):
    assert ring.counts == [1] + [5] * 30
    assert [section.label for section in ring.sections] == ["soma"] + ["dendrite"] * 30
    assert np.bincount([section.parent + 1 for section in ring.sections]).tolist() == [1] + [2] * 15


def test_every_cell_hears_one_and_ten_make_a_ring(ring):
    follows = dict(ring.pairs)
    assert sorted(follows.values()) == list(range(100))
    for first in ring.first:
        cells = [first]
        for _ in range(10):
            cells.append(follows[cells[-1]])
        assert cells == [*range(first, first + 10), first]


class TestTheory:
    def cell(self, ring, leak=0.001):
        return theory.Cell(ring.sections, ring.counts, ring.resistivity, 1.0, leak, -65.0)

    def test_areas_are_those_of_cylinders(self, ring):
        assert self.cell(ring).area.sum() * 1e8 == pytest.approx(np.pi * 12.6157**2 + 30 * np.pi * 100.0)

    def test_currents_along_the_cell_come_to_nothing_in_sum(self, ring):
        axial = self.cell(ring).axial
        np.testing.assert_allclose(axial.sum(axis=0), 0.0, atol=1e-12)
        np.testing.assert_allclose(axial, axial.T, atol=1e-12)

    def test_stems_have_the_input_conductance_of_ladders_of_compartments(self, ring):
        """Backwards from the tips by G = G0 (load + G0 tanh nθ) / (G0 + load tanh nθ). A compartment is a T of half its resistance,
        its leak, half its resistance: with x = its length / λ, cosh θ = 1 + x²/2 and 1/G0 = (1/G∞) sqrt(1 + x²/4)."""
        cell, wave_um = self.cell(ring), 1e4 * np.sqrt(1e-4 / (4 * 0.001 * ring.resistivity))
        x = 20.0 / wave_um
        through, load = np.tanh(5 * np.arccosh(1 + x**2 / 2)), 0.0
        own = np.pi * 1e-8 * wave_um * 0.001 * 1e6 / np.sqrt(1 + x**2 / 4)
        for _ in range(4):
            load = 2 * own * (load + own * through) / (own + load * through)  # of two branches side by side
        conductance, current = cell.axial + np.diag(cell.leak), np.eye(len(cell.area))[0]
        soma = 1e2 * np.pi * 12.6157 / 2 / ring.resistivity  # from its middle to its end
        assert 1 / (np.linalg.solve(conductance, current)[0] - 1 / soma) == pytest.approx(load, rel=1e-9)

    def test_a_synapse_further_away_is_heard_later(self, ring):
        cell = self.cell(ring)
        latencies = [cell.latency_ms(place, 0.02, 2.0, 0.0, -10.0) for place in range(1, 6)]
        assert np.all(np.diff(latencies) > 0)


def test_the_first_round_is_as_theory_says(run, expected, beside):
    assert all(claim.holds for claim in beside("_rounds")(run(), expected))
    finer = run({f"{PARAMS}.dt": "0.0125 ms", "clock.stop": "5 ms"})
    latency, order = islice(beside("_speed")(run(), finer, expected), 2)  # a third tells of later rounds
    assert latency.holds
    assert order.holds


@pytest.mark.parametrize(
    ("key", "value"),
    [("projections.ring.weight", "0.002 uS"), ("projections.ring.delay", "6 ms"), ("populations.cells.threshold", "45 mV")],
)
def test_a_ring_that_is_another_one_is_caught(run, expected, beside, key, value):
    assert not all(claim.holds for claim in beside("_rounds")(run({f"{PARAMS}.{key}": value}), expected))


def test_rings_cut_in_two_engines_have_the_same_spikes(run, beside):
    halves, events = beside("_halves"), beside("_events")
    whole = run()
    cut = run(halves(whole))
    theirs = events(cut, "cells.spikes", own=0) | events(cut, "others.spikes", own=5)
    assert len(theirs) == 60
    assert theirs == events(whole)


@pytest.mark.parametrize(("simulator", "stamps", "tolerance_ms"), [("neuron", "grid", 1e-6), ("arbor", "interpolated", 2e-3)])
def test_the_simulator_has_the_same_spikes(simulator, stamps, tolerance_ms, run, beside):
    """NEURON to rounding; Arbor's exponentials of a step are approximations."""
    pytest.importorskip(simulator)
    ours = run({f"{PARAMS}.spike_times": stamps})
    played = beside("_alone")(simulator, ours)
    claim = beside("_apart")(simulator, played, ours, tolerance_ms, "")
    assert len(played["times_ms"]) == 60
    assert claim.holds, claim
    if simulator == "neuron":
        np.testing.assert_allclose(ours.samples("cells.soma").values, played["v"], atol=1e-6)
