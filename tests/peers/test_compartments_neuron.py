"""Neurons with branches beside NEURON, in the same steps: what is left between both is rounding.

NEURON takes the slopes of currents over 1e-3 mV, so that its conductances, and with them V, are right to some 1e-12. A spike makes
1000 times as much of it.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.engines.compartmental_neurons.theory.cell_runs import branched, cable, neurons, ns, one, ports_of, run
from tests.peers.cells_in_neuron import NeuronCell, neuron, pulse, stepped

ROUNDING = 1e-8  # mV
EVERYWHERE = {"v": {"of": "a", "at": {"all": "all"}}}
KICK = {"kick": {"current": 0.8, "start": ns(1), "stop": ns(4)}}
SOLVERS = pytest.mark.parametrize(("solver", "secondorder"), [("backward_euler", 0), ("crank_nicolson", 2)])


@pytest.fixture
def h():
    found = neuron()
    yield found
    found.secondorder, found.celsius, found.dt, found.usetable_hh = 0, 6.3, 0.025, 1


def straight(**cell):
    """``branched`` with a trunk that does not taper: NEURON keeps the points of tapers in single precision."""
    given = branched(**cell)
    shape = given["morphology"]["branches"]
    return given | {"morphology": {"branches": shape | {"trunk": shape["trunk"] | {"diameter": 3.0}}}}


def section(cell, name):
    """A section of a cell in NEURON, by the name it has here."""
    return cell.sections[[item.name for item in cell.anatomy.regions.morphology.sections].index(name)]


@SOLVERS
def test_a_spiking_tree(h, solver, secondorder):
    params = one(straight(), solver=solver, record=EVERYWHERE, population={"pulses": KICK})
    cell = NeuronCell(h, params, "a")
    clamp = pulse(h, cell.at(0), 0.8, 1, 3)
    theirs = stepped(h, 30, cell.watched(), secondorder=secondorder)
    assert clamp.amp == 0.8
    assert np.ptp(theirs[:, 0]) > 100
    assert np.abs(run(params, 30)["v"] - theirs).max() < ROUNDING


@SOLVERS
def test_a_tree_that_tapers(h, solver, secondorder):
    """Areas to the single precision of NEURON's points, 2e-7 of them; V to what a spike makes of that."""
    params = one(branched(), solver=solver, record=EVERYWHERE, population={"pulses": KICK})
    cell = NeuronCell(h, params, "a", by_points=True)
    clamp = pulse(h, cell.at(0), 0.8, 1, 3)
    area = cell.anatomy.compartments.area
    assert [segment.area() for segment in cell.segments] == pytest.approx(area[area > 0] * 1e12, rel=1e-6)
    theirs = stepped(h, 30, cell.watched(), secondorder=secondorder)
    assert clamp.amp == 0.8
    assert np.abs(run(params, 30)["v"] - theirs).max() < 1e-4


@pytest.mark.parametrize("celsius", [18.5, 30.0])
def test_warm_channels(h, celsius):
    params = one(straight(temperature=celsius), record=EVERYWHERE, population={"pulses": KICK})
    cell = NeuronCell(h, params, "a")
    clamp = pulse(h, cell.at(0), 0.8, 1, 3)
    theirs = stepped(h, 20, cell.watched(), celsius=celsius)
    assert clamp.amp == 0.8
    assert np.abs(run(params, 20)["v"] - theirs).max() < ROUNDING


def test_steps_of_other_lengths(h):
    for dt_ms in (0.005, 0.1):
        params = one(straight(), dt=ns(dt_ms), record=EVERYWHERE, population={"pulses": KICK})
        cell = NeuronCell(h, params, "a")
        clamp = pulse(h, cell.at(0), 0.8, 1, 3)
        theirs = stepped(h, 10, cell.watched(), dt_ms=dt_ms)
        assert clamp.amp == 0.8
        assert np.abs(run(params, 10)["v"] - theirs).max() < ROUNDING


# -- synapses and delays -------------------------------------------------------------------------------------------------------

SYNAPSES = {
    "exc": {"mechanism": "exponential_synapse", "at": {"section": "right", "at": 0.3}, "parameters": {"tau": 2.0, "E": 0.0}},
    "inh": {"mechanism": "double_exponential_synapse", "at": {"section": "twig", "at": 0.5},
            "parameters": {"tau_rise": 0.7, "tau_decay": 6.0, "E": -80.0}},
}  # fmt: skip
ROUND, BACK = [[0, 1], [1, 2], [2, 0]], [[0, 2], [1, 0], [2, 1]]
WEIGHTS, DELAYS_MS = (0.03, 0.04, 0.05), (1.5, 0.7, 2.2)


def ring_in_neuron(h, params):
    """Three cells; excitation goes round one way, inhibition the other. What has to be kept alive, and the cells."""
    cells = [NeuronCell(h, params, "a") for _ in range(3)]
    excited, inhibited = [], []
    for cell in cells:
        excited.append(h.ExpSyn(section(cell, "right")(0.3)))
        inhibited.append(h.Exp2Syn(section(cell, "twig")(0.5)))
        excited[-1].tau, excited[-1].e = 2.0, 0.0
        inhibited[-1].tau1, inhibited[-1].tau2, inhibited[-1].e = 0.7, 6.0, -80.0
    kept = [excited, inhibited, pulse(h, cells[0].at(0), 0.8, 1, 2)]

    def connect(source, synapse, weight, delay_ms):
        soma = cells[source].sections[0]
        link = h.NetCon(soma(0.5)._ref_v, synapse, sec=soma)
        link.threshold, link.weight[0], link.delay = -10.0, weight, delay_ms
        kept.append(link)

    for (source, target), weight in zip(ROUND, WEIGHTS, strict=True):
        connect(source, excited[target], weight, 3.0)
    for (source, target), delay_ms in zip(BACK, DELAYS_MS, strict=True):
        connect(source, inhibited[target], 0.004, delay_ms)
    return cells, kept


@SOLVERS
def test_a_ring_of_cells_with_synapses_and_delays(h, solver, secondorder):
    """Spikes at the ends of steps, as NEURON's detectors have them; 12 spikes round the ring."""
    listed = {"from": "a", "to": "a", "rule": "list"}
    params = neurons(
        populations={
            "a": {"size": 3, "cell": straight(), "synapses": SYNAPSES, "threshold": -10.0,
                  "pulses": {"kick": KICK["kick"] | {"stop": ns(3), "cells": [0]}}}
        },
        projections={
            "on": listed | {"synapses": "exc", "pairs": ROUND, "weight": list(WEIGHTS), "delay": ns(3.0)},
            "off": listed | {"synapses": "inh", "pairs": BACK, "weight": 0.004, "delay": [ns(delay) for delay in DELAYS_MS]},
        },
        record=EVERYWHERE,
        spike_times="grid",
        solver=solver,
    )  # fmt: skip
    ours = run(params, 60)
    cells, kept = ring_in_neuron(h, params)
    trains = []
    for cell in cells:
        seen = h.NetCon(cell.sections[0](0.5)._ref_v, None, sec=cell.sections[0])
        seen.threshold = -10.0
        trains.append(h.Vector())
        seen.record(trains[-1])
        kept.append(seen)
    theirs = stepped(h, 60, [place for cell in cells for place in cell.watched()], secondorder=secondorder)
    assert [len(train) for train in trains] == [4, 4, 4]
    for k, train in enumerate(trains):
        assert ours.times_ms(k) == pytest.approx(np.array(train), abs=1e-6)
    assert np.abs(ours["v"] - theirs).max() < ROUNDING


@SOLVERS
def test_gap_junctions(h, solver, secondorder):
    """In NEURON, voltage clamps with 50 Mohm in series whose command is the potential on the other side, transferred every step."""
    params = neurons(
        populations={"a": {"size": 2, "cell": straight(), "pulses": {"kick": KICK["kick"] | {"cells": [0]}}}},
        gap_junctions={
            "g": {"from": "a", "to": "a", "pairs": [[0, 1]], "source_at": {"section": "trunk"}, "conductance": 20.0}
        },
        record=EVERYWHERE,
        solver=solver,
    )  # fmt: skip
    ours = run(params, 20)["v"]
    cells = [NeuronCell(h, params, "a") for _ in range(2)]
    sides = [section(cells[0], "trunk")(0.5), section(cells[1], "soma")(0.5)]
    context, clamps = h.ParallelContext(), [h.SEClamp(side) for side in sides]
    kick = pulse(h, cells[0].at(0), 0.8, 1, 3)
    try:
        for number, (side, clamp) in enumerate(zip(sides, clamps, strict=True)):
            clamp.dur1, clamp.rs = 1e9, 50.0
            context.source_var(side._ref_v, number, sec=side.sec)
            context.target_var(clamp, clamp._ref_amp1, 1 - number)
        context.setup_transfer()
        theirs = stepped(h, 20, [place for cell in cells for place in cell.watched()], secondorder=secondorder)
    finally:
        context.gid_clear()
    assert kick.amp == 0.8
    assert np.ptp(theirs[:, theirs.shape[1] // 2 :]) > 5.0  # mV in the cell that nothing else reaches
    assert np.abs(ours - theirs).max() < ROUNDING


# -- a potential outside -------------------------------------------------------------------------------------------------------


def test_a_potential_outside(h):
    """NEURON's ``extracellular`` with what lies outside held by 1e9 S/cm²: all that is left of the layers is ``e_extracellular``.

    The membrane's current moves the outside by 1e-9 of what it does to V, and NEURON solves for both at once.
    """
    params = one(
        straight(), record=EVERYWHERE, inputs={"phi": {"kind": "field", "to": "a"}}, population={"pulses": KICK}
    )  # fmt: skip
    steps, count = 800, len(ports_of(params)["phi"].space)
    phi = np.repeat(np.random.default_rng(1).normal(0, 5.0, (steps // 4, count)), 4, axis=0)
    ours = run(params, steps * 0.025, played={"phi": phi})["v"]
    cell = NeuronCell(h, params, "a")
    clamp = pulse(h, cell.at(0), 0.8, 1, 3)
    for piece in cell.sections:
        piece.insert("extracellular")
        for segment in piece:
            segment.xg[0], segment.xc[0] = 1e9, 0.0
    inside = np.flatnonzero(cell.anatomy.compartments.area > 0)
    played = {segment._ref_e_extracellular: phi[:, node] for segment, node in zip(cell.segments, inside, strict=True)}
    theirs = stepped(h, steps * 0.025, cell.watched(), played=played)
    assert clamp.amp == 0.8
    assert np.ptp(theirs[:40]) > 5.0  # before the pulse
    assert np.abs(ours - theirs).max() < 1e-7


# -- Rallpack 3 ----------------------------------------------------------------------------------------------------------------


def came_up(v, dt_ms):
    """Times at which a trace comes up through 0 mV, on straight lines between rows."""
    after = np.flatnonzero((v[1:] >= 0) & (v[:-1] < 0)) + 1
    return dt_ms * (after + 1 - v[after] / (v[after] - v[after - 1]))


@SOLVERS
def test_rallpack_3(h, solver, secondorder):
    """1000 compartments, 250 ms: 17 spikes along 1 mm, each of which makes what is left between both a little larger."""
    axon = [{"mechanism": "hh", "parameters": {"g_leak": 1 / 40e3, "E_leak": -65.0}}]
    dt_ms, until_ms = 0.05, 250.0
    params = one(
        cable(1000.0, 1.0, 1000, axon, resistivity=100.0),
        dt=ns(dt_ms),
        solver=solver,
        population={"pulses": {"push": {"current": 0.1, "start": 0, "at": {"section": 0, "at": 0.0}}}},
        record={"near": {"of": "a", "at": {"section": 0, "at": 0.0}}, "far": {"of": "a", "at": {"section": 0, "at": 1.0}}},
    )
    ours = run(params, until_ms)
    cell = NeuronCell(h, params, "a")
    clamp = pulse(h, cell.sections[0](0.0005), 0.1)
    ends = [cell.sections[0](place)._ref_v for place in (0.0005, 0.9995)]
    theirs = stepped(h, until_ms, ends, dt_ms=dt_ms, secondorder=secondorder)
    assert clamp.amp == 0.1
    assert len(came_up(theirs[:, 1], dt_ms)) == 17
    assert np.abs(np.hstack([ours["near"], ours["far"]]) - theirs).max() < 1e-5
