"""Neither how time is cut into windows nor how many threads share the cells shows in a single bit."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engines.compartmental_neurons.invariance.busy_network import busy, played
from tests.engines.compartmental_neurons.theory.cell_runs import branched, neurons, ns, run

UNTIL_MS = 30.0
SOLVERS = pytest.mark.parametrize("solver", ["backward_euler", "crank_nicolson"])


@SOLVERS
def test_one_long_window_equals_many_short_ones(solver):
    params = busy(solver=solver)
    inputs = played(params, UNTIL_MS)
    whole = run(params, UNTIL_MS, played=inputs)
    assert all(np.ptp(whole[port]) > 0 for port in whole.rows)
    assert len(set(whole.spikes.channels.tolist())) > 12  # nearly everybody spikes
    assert np.ptp(whole["v"]) > 80
    for window_ms in (0.1, 0.3, 2.5):
        assert run(params, UNTIL_MS, window_ms, inputs).is_the_same_as(whole), window_ms


def test_windows_of_a_single_step_are_windows_like_others():
    params = busy()
    inputs = played(params, 3.0)
    inputs = {name: values if name == "outside" else np.repeat(values, 4, axis=0) for name, values in inputs.items()}
    assert run(params, 3.0, 0.025, inputs).is_the_same_as(run(params, 3.0, played=inputs))


@SOLVERS
def test_threads_share_the_cells_and_change_nothing(solver):
    alone = busy(solver=solver)
    inputs = played(alone, UNTIL_MS)
    found = [run(busy(solver=solver, threads=threads), UNTIL_MS, 2.5, inputs) for threads in (1, 2, 3, 16)]
    assert len(found[0].spikes) > 20
    assert all(other.is_the_same_as(found[0]) for other in found[1:])


@pytest.mark.parametrize("threads", [1, 2])
def test_cells_joined_by_gap_junctions_do_not_depend_on_windows(threads):
    """What lies across is seen at the start of every step, whatever a call's length."""
    junctions = {"g": {"from": "a", "to": "a", "pairs": [[0, 1], [1, 2], [2, 8], [8, 0]], "conductance": 2.0}}
    junctions["far"] = {"from": "a", "to": "a", "source_at": {"section": "far"}, "pairs": [[3, 8]], "conductance": 1.0}
    params = neurons(
        populations={"a": {"size": 9, "cell": branched(), "pulses": {"p": {"current": 0.6, "start": 0, "cells": [0]}}}},
        gap_junctions=junctions,
        record={"v": {"of": "a"}},
        threads=threads,
    )
    whole = run(params, 15.0)
    assert len(whole.times_ms(0)) > 0
    assert np.ptp(whole["v"][:, 8]) > 1.0  # what flows into cell 0 is felt in its neighbours
    for window_ms in (0.025, 0.5):
        assert run(params, 15.0, window_ms).is_the_same_as(whole)


def test_seeds_count_where_something_is_drawn_and_only_there():
    """Random connections and sites; of the engine's seed only connections, for places are known before it is."""
    given = {"inputs": {}, "record": {"v": {"of": "trees", "at": {"in": "dendrites", "count": 2}}}, "projections": {}}
    quiet = [run(busy(**given, seed=None), 5.0, seed=seed) for seed in (1, 2)]
    assert quiet[0].is_the_same_as(quiet[1])
    drawn = [run(busy(seed=seed), 5.0, played=played(busy(), 5.0)) for seed in (3, 4, 3)]
    assert drawn[0].is_the_same_as(drawn[2])
    assert not drawn[0].is_the_same_as(drawn[1])


def test_steps_within_a_step_are_steps_of_their_own():
    """A population with 4 steps in one of 0.1 ms has the potentials of one with steps of 0.025 ms; its rows are every fourth."""
    pulses = {"p": {"current": 0.6, "start": ns(0.5), "stop": ns(2.5)}}
    fine = neurons(populations={"a": {"cell": branched(), "pulses": pulses}}, record={"v": {"of": "a"}})
    coarse = neurons(
        populations={"a": {"cell": branched(), "pulses": pulses, "substeps": 4}}, record={"v": {"of": "a"}}, dt=ns(0.1)
    )
    every, fourth = run(fine, 12.0), run(coarse, 12.0)
    assert len(every.times_ms()) > 0
    assert fourth["v"].tobytes() == every["v"][3::4].tobytes()
    assert fourth.spikes.times_ns.tolist() == every.spikes.times_ns.tolist()
