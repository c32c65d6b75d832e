"""The benchmarks of Bhalla, Bilitch and Bower (1992, Trends in Neurosciences 15, 453-458): two passive ones against closed forms.

1: a cable of 1000 compartments. 2: a tree of 1023, by Rall's law one cable. 3: the first with channels, held to convergence here,
and beside NEURON in tests/peers.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.engines.compartmental_neurons.theory.cell_runs import cable, ns, one, passive, run

REST, CURRENT, UNTIL_MS, LENGTH = -65.0, 0.1, 250.0, 1000.0  # mV, nA, ms, um
RESISTANCE, RESISTIVITY, TAU_MS = 40e3, 100.0, 40.0  # ohm cm², ohm cm; 1 uF/cm²
SOLVERS = pytest.mark.parametrize(("solver", "near", "far"), [("backward_euler", 1e-3, 1e-3), ("crank_nicolson", 1e-3, 1e-5)])
"""With bounds on the error at both ends, of the largest V. Under the electrode Crank-Nicolson turns what is far faster than a step
into ripples that are slow to fade: a compartment of 1 um has 1e-5 ms, and loses 8 in 10 000 of them a step of 0.05 ms."""


def charging(x, t, length, diameter, source=0.0):
    """(t, x) mV: a sealed cable under a current that is on from time 0; x and source in um, t in ms.

    V = steady - sum of A_n e^(-t/tau_n) cos(n pi x/L); 2000 terms leave 1e-7 of the first rows.
    """
    cm = 1e-4
    space = np.sqrt(diameter * cm / 4 * RESISTANCE / RESISTIVITY) / cm
    infinite = 4 * RESISTIVITY * space * cm / (np.pi * (diameter * cm) ** 2) * 1e-6  # Mohm
    far, near = np.maximum(x, source), np.minimum(x, source)
    steady = np.cosh(near / space) * np.cosh((length - far) / space) / np.sinh(length / space)
    n = np.arange(2000)
    tau = TAU_MS / (1 + (n * np.pi * space / length) ** 2)
    strength = space / length * np.where(n == 0, 1, 2) * tau / TAU_MS * np.cos(n * np.pi * source / length)
    left = (np.exp(-t[:, None] / tau) * strength) @ np.cos(n[:, None] * np.pi * x / length)
    return CURRENT * infinite * (steady - left)


def pushed(dt_ms, solver, cell, **ends):
    """A current at the start of the root."""
    push = {"pulses": {"push": {"current": CURRENT, "start": 0, "at": {"section": 0, "at": 0.0}}}}
    record = {name: {"of": "a", "at": at} for name, at in ends.items()}
    return one(cell, dt=ns(dt_ms), solver=solver, population=push, record=record)


CABLE = cable(LENGTH, 1.0, 1000, [passive(RESISTANCE, REST)], resistivity=RESISTIVITY, potential=REST)


def errors(found, x, length, diameter):
    """Largest errors at both ends from 2 ms on, and the largest V above rest."""
    expected = charging(x, found.ends_ms, length, diameter, x[0])
    off = np.abs(np.hstack([found["near"], found["far"]]) - REST - expected)[40:]
    return off.max(axis=0), expected.max()


@SOLVERS
def test_rallpack_1(solver, near, far):
    """1 mm by 1 um; steps of 0.05 ms. Backward Euler's error is near dt/t in the first ms, so two of them are left out."""
    found = run(pushed(0.05, solver, CABLE, near={"section": 0, "at": 0.0}, far={"section": 0, "at": 1.0}), UNTIL_MS)
    off, largest = errors(found, np.array([0.5, LENGTH - 0.5]), LENGTH, 1.0)
    assert off[0] < near * largest
    assert off[1] < far * largest


def test_rallpack_1_ends_at_its_steady_state():
    """102.1808 and 43.3423 mV, which are 167.1808 and 108.3423 mV above rest; the ends lie half a compartment beyond the nodes."""
    params = pushed(1000.0, "backward_euler", CABLE, near={"section": 0, "at": 0.0}, far={"section": 0, "at": 1.0})
    found = run(params, 20_000)
    x = np.array([0.5, LENGTH - 0.5])
    at_nodes = charging(x, np.array([1e9]), LENGTH, 1.0, x[0])[0]
    at_ends = charging(np.array([0.0, LENGTH]), np.array([1e9]), LENGTH, 1.0)[0]
    ends = [(found[name][-1, 0] - REST) * at_ends[k] / at_nodes[k] + REST for k, name in enumerate(("near", "far"))]
    assert ends == pytest.approx([102.1808, 43.3423], abs=2e-4)
    assert at_ends + REST == pytest.approx([102.1808, 43.3423], abs=5e-5)


@SOLVERS
def test_rallpack_2(solver, near, far):
    """32 um by 16 um at the trunk, ten levels, one compartment a branch: a cable of 320 um."""
    tree = {
        "morphology": {"rall": {"levels": 10, "length": 32.0, "diameter": 16.0, "label": "soma"}},
        "compartments": {"count": 1},
        "membrane": [passive(RESISTANCE, REST)],
        "resistivity": RESISTIVITY,
        "potential": REST,
    }
    params = pushed(0.05, solver, tree, near={"section": 0, "at": 0.5}, far={"section": "dend[1022]", "at": 0.5})
    found = run(params, UNTIL_MS)
    off, largest = errors(found, np.array([16.0, 304.0]), 320.0, 16.0)
    assert off[0] < near * largest
    assert off[1] < far * largest


def test_rallpack_3_converges():
    """All spikes at the far end: to the 0.02 % by which former simulators agreed, with Crank-Nicolson's steps of 0.0125 ms."""
    axon = [{"mechanism": "hh", "parameters": {"g_leak": 1 / RESISTANCE, "E_leak": -65.0}}]
    cell = cable(LENGTH, 1.0, 1000, axon, resistivity=RESISTIVITY, potential=REST)
    at_end = {"detector": {"section": 0, "at": 1.0}, "threshold": 0.0}
    at_end["pulses"] = {"push": {"current": CURRENT, "start": 0, "at": {"section": 0, "at": 0.0}}}
    params = (one(cell, dt=ns(dt), solver="crank_nicolson", population=at_end) for dt in (0.05, 0.025, 0.0125))
    times = [run(item, UNTIL_MS).times_ms() for item in params]
    assert [len(found) for found in times] == [17, 17, 17]
    exact = (4 * times[2] - times[1]) / 3
    off = [np.abs(found / exact - 1)[1:].max() for found in times]  # the first, at 4 ms, is right to 0.0012 ms
    assert off[2] < 2e-4
    assert off[0] / off[1] == pytest.approx(4.0, rel=0.1)
    assert np.diff(times[1])[-1] == pytest.approx(np.diff(exact)[-1], rel=2e-4)
