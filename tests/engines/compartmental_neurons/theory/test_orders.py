"""The order of both solvers in time and in space, measured in potentials at a fixed time and place."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tests.engines.compartmental_neurons.theory.cell_runs import HH, branched, cable, ns, one, passive, patch, run

SOLVERS = pytest.mark.parametrize(("solver", "order"), [("backward_euler", 1), ("crank_nicolson", 2)])
STEPS_MS = (0.04, 0.02, 0.01, 0.005)
SPIKE = {"pulses": {"push": {"current": 0.6, "start": 0}}}
"""Of the branched cell at the soma: a spike at 1.7 ms, in all of it. On from time 0, it is whole with steps of any length."""


def potentials(params, until_ms):
    """(places,) mV at the end."""
    return run(params, until_ms)["v"][-1]


def orders(values):
    """Of results with steps that halve each time, from the differences between them; the last is the one that counts."""
    gaps = [np.abs(a - b).max() for a, b in pairwise(values)]
    return np.log2(np.divide(gaps[:-1], gaps[1:]))


@SOLVERS
def test_order_in_time_of_a_passive_tree(solver, order):
    cell = branched(membrane=[passive(5e3)])
    everywhere = {"v": {"of": "a", "at": {"all": "all"}}}
    found = [potentials(one(cell, dt=ns(dt), solver=solver, population=SPIKE, record=everywhere), 4.0) for dt in STEPS_MS]
    assert found[-1].max() - found[-1].min() > 5.0
    assert orders(found)[-1] == pytest.approx(order, abs=0.05)


@SOLVERS
@pytest.mark.parametrize("at_ms", [1.6, 2.4, 4.0])
def test_order_in_time_of_a_spiking_tree(solver, order, at_ms):
    """On the way up, near the peak and on the way down; gates stand half a step ahead, or the second order would be lost."""
    everywhere = {"v": {"of": "a", "at": {"all": "all"}}}
    found = [potentials(one(branched(), dt=ns(dt), solver=solver, population=SPIKE, record=everywhere), at_ms) for dt in STEPS_MS]
    assert orders(found)[-1] == pytest.approx(order, abs=0.06)


def test_both_solvers_come_to_the_same():
    """Extrapolated to steps of no length; with steps of 0.04 ms they are 1.6 mV apart."""
    everywhere = {"v": {"of": "a", "at": {"all": "all"}}}

    def found(solver, dt):
        return potentials(one(branched(), dt=ns(dt), solver=solver, population=SPIKE, record=everywhere), 3.0)

    first = [found("backward_euler", dt) for dt in (0.01, 0.005, 0.0025)]
    second = [found("crank_nicolson", dt) for dt in (0.01, 0.005)]
    without = (8 * first[2] - 6 * first[1] + first[0]) / 3  # errors of dt and of dt^2 cancel
    assert without == pytest.approx((4 * second[1] - second[0]) / 3, abs=2e-3)


@pytest.mark.parametrize("solver", ["backward_euler", "crank_nicolson"])
def test_a_spike_onto_a_synapse_leaves_the_first_order(solver):
    """By either solver, as in NEURON: a conductance that jumps at the start of a step is taken for that of its middle."""
    arriving = {"p": {"from": "x", "to": "a", "synapses": "s", "weight": 0.003, "delay": ns(0.1)}}
    synapses = {"s": {"mechanism": "exponential_synapse", "at": "soma"}}
    found = []
    for dt in STEPS_MS[1:]:
        params = one(
            patch(membrane=[passive(5e3)]), dt=ns(dt), solver=solver, population={"synapses": synapses}, projections=arriving,
            inputs={"x": {"kind": "spikes", "size": 1}}, record={"v": {"of": "a"}},
        )  # fmt: skip
        found.append(run(params, 6.0, played={"x": ([0.9], 0)})["v"][-1])
    assert orders(found)[-1] == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(("membrane", "gap_mv"), [([passive(20e3)], 0.5), ([HH], 5.0)])
def test_order_in_space_is_two(membrane, gap_mv):
    """Counts of 9, 27, 81 and 243 have a node in the middle of the cable, into which the current goes, and at 5/6 of it."""
    found = []
    for count in (9, 27, 81, 243):
        params = one(
            cable(900.0, 2.0, count, membrane, resistivity=150.0),
            dt=ns(0.02),
            solver="crank_nicolson",
            population={"pulses": {"push": {"current": 0.4, "start": 0, "at": {"section": 0, "at": 0.5}}}},
            record={"v": {"of": "a", "at": {"section": 0, "at": 5 / 6}}},
        )
        found.append(potentials(params, 2.0))
    assert found[-1][0] > -65 + gap_mv
    gaps = np.abs(np.diff(found, axis=0))[:, 0]
    assert np.log(gaps[1] / gaps[2]) / np.log(3) == pytest.approx(2.0, abs=0.06)
