"""Gap junctions, currents and conductances from outside: exact solutions and NEURON."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from scipy.linalg import expm
from synapse_runs import at_ends, neuron_cell, neuron_run, run

from cosim.sdk import Setup
from engines.neuron.mechanisms import load_mechanisms

AREA = np.pi * 20.0 * 20.0 * 1e-8  # cm²
CAPACITANCE, LEAK = AREA * 1e3, AREA * 1e-4 * 1e6  # nF, uS
NMODL = """
NEURON { POINT_PROCESS HalfGapOfCosimTests  RANGE g, vpeer  NONSPECIFIC_CURRENT i }
UNITS { (nA) = (nanoamp) (mV) = (millivolt) (uS) = (microsiemens) }
PARAMETER { g = 0 (uS) }
ASSIGNED { v (mV) vpeer (mV) i (nA) }
BREAKPOINT { i = g*(v - vpeer) }
"""


def joined(conductance_ns, size=2, pairs=((0, 1),)):
    junction = {"from": "cells", "to": "cells", "pairs": [list(pair) for pair in pairs], "conductance": conductance_ns}
    return {"gap_junctions": {"joint": junction}}


PULSE = {"push": {"at": "soma", "current": 0.1, "start": 5_000_000, "stop": 45_000_000, "cells": [0]}}


def exact(conductance_us, until_ms, dt_ms):
    """(steps, 2) of two compartments under a current of 0.1 nA into the first from 5 to 45 ms."""
    matrix = np.array([[-LEAK - conductance_us, conductance_us], [conductance_us, -LEAK - conductance_us]]) / CAPACITANCE
    step, y, found = expm(matrix * dt_ms), np.zeros(2), []
    pushed = np.linalg.solve(matrix, (step - np.eye(2)) @ np.array([0.1 / CAPACITANCE, 0.0]))
    for k in range(round(until_ms / dt_ms)):
        y = step @ y + (pushed if 5.0 <= k * dt_ms + dt_ms / 2 < 45.0 else 0.0)
        found.append(y - 65.0)
    return np.array(found)


def test_two_joined_cells_approach_their_exact_solution_with_the_step():
    """Backward Euler with the peer of the step before: first order, half a step, half the error."""
    errors = []
    for dt_ms in (0.05, 0.025):
        found = run(80, size=2, more={"pulses": PULSE}, engine=joined(2.0), dt_ms=dt_ms)["V"]
        errors.append(np.abs(found - exact(2e-3, 80, dt_ms)).max())
    assert errors[0] < 0.2  # half a step of the 8 mV/ms with which the current comes on
    assert errors[0] / errors[1] == pytest.approx(2.0, abs=0.15)


def test_current_that_leaves_one_cell_enters_the_other():
    """At rest under a steady current: V1 - V2 = I / (g_leak + 2 g_gap), and no charge is lost: V1 + V2 = 2 E + I / g_leak."""
    push = {"push": {"at": "soma", "current": 0.1, "cells": [0]}}
    v = run(400, size=2, more={"pulses": push}, engine=joined(2.0), dt_ms=0.1)["V"][-1]
    assert v[0] - v[1] == pytest.approx(0.1 / (LEAK + 2 * 2e-3), rel=1e-9)
    assert v.sum() == pytest.approx(-130.0 + 0.1 / LEAK, rel=1e-9)


def test_joined_cells_at_one_potential_stay_where_they_are():
    """From the first step on: a junction knows its peer before anything has moved."""
    assert np.ptp(run(5, size=2, engine=joined(50.0))["V"]) < 1e-9


@pytest.mark.skipif(shutil.which("c++") is None, reason="there is no c++")
def test_potentials_over_a_gap_junction_are_those_of_neuron(tmp_path):
    """NEURON's transfer of V after every step."""
    h = pytest.importorskip("neuron").h
    (tmp_path / "half_gap_of_cosim_tests.mod").write_text(NMODL)
    load_mechanisms(h, tmp_path, Setup("test", 1, 1))
    context = h.ParallelContext()
    sections, halves = [neuron_cell(h), neuron_cell(h)], []
    for k, section in enumerate(sections):
        halves.append(h.HalfGapOfCosimTests(section(0.5)))
        halves[k].g = 2e-3
        context.source_var(section(0.5)._ref_v, 7001 + k, sec=section)
    for k, half in enumerate(halves):
        context.target_var(half, half._ref_vpeer, 7002 - k)
    context.setup_transfer()
    clamp = h.IClamp(sections[0](0.5))
    clamp.delay, clamp.dur, clamp.amp = 5.0, 40.0, 0.1
    theirs = np.stack(neuron_run(h, 80, [section(0.5)._ref_v for section in sections]), axis=1)
    ours = run(80, size=2, more={"pulses": PULSE}, engine=joined(2.0))["V"]
    context.gid_clear()
    assert np.ptp(theirs[:, 1]) > 1.0
    assert np.abs(ours - theirs).max() < 1e-9


def test_eight_cells_in_a_ring_of_junctions_share_a_current_evenly():
    """Laplace on a ring: potentials fall off symmetrically on both sides of the cell that is pushed, in batches side by side."""
    pairs = [(k, (k + 1) % 9) for k in range(9)]
    push = {"push": {"at": "soma", "current": 0.1, "cells": [0]}}
    v = run(400, size=9, more={"pulses": push}, engine=joined(2.0, pairs=pairs), dt_ms=0.1)["V"][-1]
    matrix = np.eye(9) * (LEAK + 4e-3)
    for a, b in pairs:
        matrix[a, b] = matrix[b, a] = -2e-3
    assert v == pytest.approx(np.linalg.solve(matrix, np.r_[0.1, np.zeros(8)]) - 65.0, abs=1e-8)


def test_a_current_from_outside_is_that_of_neurons_clamp():
    h = pytest.importorskip("neuron").h
    section = neuron_cell(h)
    clamp = h.IClamp(section(0.5))
    clamp.dur, clamp.delay = 1e9, 0.0
    values = np.random.default_rng(2).uniform(-0.1, 0.2, 40)
    times, currents = h.Vector(np.arange(40.0)), h.Vector(values)
    currents.play(clamp._ref_amp, times)  # no interpolation: a step a ms
    (theirs,) = neuron_run(h, 40, [section(0.5)._ref_v])
    ours = run(40, drives={"clamp": {"mechanism": "current_clamp", "values": values}})["V"]
    assert np.ptp(theirs) > 10.0
    assert np.abs(ours - theirs).max() < 1e-9


def test_inward_is_positive():
    up, down = (run(5, drives={"clamp": {"mechanism": "current_clamp", "values": [i]}})["V"][-1] for i in (0.05, -0.05))
    assert up + 65.0 == pytest.approx(-(down + 65.0), rel=1e-9)
    assert up > -65.0


def test_a_conductance_that_is_told_is_a_conductance():
    """Under a constant one: V goes to (g_leak E_leak + g E) / (g_leak + g) with a time constant of C / (g_leak + g)."""
    given = {"heard": {"mechanism": "conductance_input", "parameters": {"E": -10.0}, "values": [2e-3]}}
    found = run(40, drives=given)["V"]
    total = LEAK + 2e-3
    rest = (LEAK * -65.0 + 2e-3 * -10.0) / total
    steps = np.arange(1, 1601)
    assert found == pytest.approx(rest + (-65.0 - rest) * (1 + 0.025 * total / CAPACITANCE) ** -steps, abs=1e-9)  # backward Euler


def test_every_cell_hears_its_own_channel():
    values = np.tile([[0.0, 0.02, 0.05]], (4, 1))
    v = run(4, size=3, drives={"clamp": {"mechanism": "current_clamp", "values": values}})["V"][-1]
    assert (v + 65.0) / (v[2] + 65.0) == pytest.approx([0.0, 0.4, 1.0], abs=1e-9)


def test_what_is_told_over_a_step_is_felt_in_that_step():
    """A conductance of which another engine has the time course: row k holds over step k."""
    told = 1e-3 * np.exp(-at_ends(20) / 5.0) * np.exp(0.025 / 5.0)  # at the start of every step
    given = {"heard": {"mechanism": "conductance_input", "values": told}}
    spike = {"exponential_synapse": {"parameters": {"tau": 5.0}, "spikes": [([0.05], 1e-3)]}}
    heard, felt = run(20, drives=given)["V"], run(20.05, spike)["V"]
    assert heard == pytest.approx(felt[2:], abs=1e-9)
