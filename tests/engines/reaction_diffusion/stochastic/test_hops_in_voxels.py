"""Molecules that hop between voxels: against the diffusion equation, in equilibrium, and whatever the voxels are like."""

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.special import gammaln
from scipy.stats import binom
from single_molecules import (
    AVOGADRO,
    NOTHING,
    advance,
    ledger,
    line,
    model,
    placed,
    places_of,
    solver,
    state_of,
    system_of,
    views_of,
)
from test_single_events import assert_distribution, assert_mean, assert_variance

from engines.reaction_diffusion.system import Additions, Axis, Flows

MICRON = 1e-6
D = 3e-10  # m²/s


def spread(system, replicas, seed=1, steps=1, watched=None, columns=1, method="exact", **numbers):
    made = solver(system, watched, replicas=replicas, seed=seed, every=steps, method=method)
    return advance(made, state_of(system, replicas, **numbers), steps, columns, steps)[:, 0]


# -- against the diffusion equation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("voxels", [10, 20, 40])
def test_the_number_in_a_half_does_not_depend_on_the_size_of_voxels(voxels):
    """80 molecules spread over the left fifth of 1 µm: the number in the left half after 0.5 ms is binomial.

    The chance is that of the diffusion equation, 1/2 + sum of 2 / (0.2 n² pi²) sin(0.2 n pi) sin(n pi / 2) e^-(n pi)² Dt; voxels of
    a tenth change it by their second order, less than the standard error of a thousand runs.
    """
    axis, volumes, faces, _ = line(voxels, MICRON / voxels, D)
    system = system_of((), ["g"], volumes, [axis], faces, dt=1e-4)
    n = np.arange(1, 60)
    series = np.sin(0.2 * n * np.pi) * np.sin(0.5 * n * np.pi) * np.exp(-((n * np.pi) ** 2) * D * 5e-4 / MICRON**2)
    chance = 0.5 + np.sum(2.0 / (0.2 * n**2 * np.pi**2) * series)
    start = np.zeros(voxels)
    start[: voxels // 5] = 400 // voxels
    found = spread(system, 1000, steps=5, watched=[np.arange(voxels // 2)], g=start)[:, 0]
    assert_mean(found, 80 * chance)
    assert_variance(found, 80 * chance * (1.0 - chance))


@pytest.mark.parametrize("voxels", [20, 40])
def test_first_passage_through_a_wall_does_not_depend_on_the_size_of_voxels(voxels):
    """Molecules that start at the closed end of 0.5 µm are still inside, as told by the series of odd cosines, at three times."""
    length = 0.5 * MICRON
    axis, volumes, faces, walls = line(voxels, length / voxels, D, walls=(False, True))
    system = system_of((), ["g"], volumes, [axis], faces, walls, dt=1e-4)
    start = np.zeros(voxels)
    start[0] = 50
    made = solver(system, [np.arange(voxels), [ledger(system, "g", "left")]], replicas=400)
    out = advance(made, state_of(system, 400, g=start), 12, 2)
    odd = np.arange(1, 80, 2) * np.pi / 2.0
    for row in (3, 6, 11):
        decay = np.exp(-(odd**2) * D * 1e-4 * (row + 1) / length**2)
        # of molecules anywhere in the first voxel
        first = np.sin(odd / voxels) / (odd / voxels)
        inside = np.sum(2.0 / odd * np.sin(odd) * first * decay)
        assert_mean(out[:, row, 0], 50 * inside, np.sqrt(50 * inside * (1.0 - inside)))
    assert np.array_equal(out.sum(axis=2), np.full((400, 12), 50.0))


def test_hops_in_a_plane_follow_the_two_directions():
    """Means in all voxels of 5 by 4, wider than high, against the matrix exponential."""
    columns, rows = 5, 4
    number = np.arange(columns * rows)
    x, y = number % columns, number // columns
    axes = [Axis(np.where(x > 0, number - 1, -1), 1), Axis(np.where(y > 0, number - columns, -1), columns)]
    volumes = np.full(20, 1e-21)
    faces = np.array([np.where(x > 0, 2e-18, 0.0), np.where(y > 0, 5e-19, 0.0)])
    system = system_of((), ["g"], volumes, axes, faces, dt=2e-4)
    start = np.where(number == 7, 200, 0)
    made = solver(system, [[place] for place in number], replicas=1000)
    found = advance(made, state_of(system, 1000, g=start), 1, 20)[:, 0]
    chances = expm(_generator(system) * 2e-4)[:, 7]
    off = found.mean(axis=0) - 200 * chances
    assert (np.abs(off) < 4.5 * np.sqrt(200 * chances * (1.0 - chances) / 1000)).all()


def _generator(system):
    """(voxels, voxels) 1/s of hops of the first species."""
    voxels = len(system.volumes)
    found = np.zeros((voxels, voxels))
    for k, axis in enumerate(system.axes):
        for v, parent in enumerate(axis.parent):
            if parent >= 0:
                found[parent, v] += system.faces[0, k, v] / system.volumes[v]
                found[v, parent] += system.faces[0, k, v] / system.volumes[parent]
    return found - np.diag(found.sum(axis=0))


@pytest.mark.parametrize("method", ["exact", "tau_leaping"])
def test_on_a_tree_of_unequal_voxels_molecules_end_up_by_volume(method):
    """Three branches of voxels from 1 to 400 in volume, some of which are left 1000 times faster than others."""
    parent = np.array([-1, 0, 1, 0, 3, 3, 5, 0, 7])
    volumes = 1e-21 * np.array([40.0, 1, 400, 20, 3, 80, 2, 10, 150])
    faces = np.where(parent >= 0, 1e-16, 0.0)
    system = system_of((), ["g"], volumes, [Axis(parent, 0)], faces, dt=0.02)
    start = np.where(np.arange(9) == 6, 300, 0)
    made = solver(system, [[v] for v in range(9)], replicas=300, every=4, method=method)
    found = advance(made, state_of(system, 300, g=start), 4, 9, 4)[:, 0]
    share = volumes / volumes.sum()
    assert np.array_equal(found.sum(axis=1), np.full(300, 300.0))
    assert len(np.unique(made._tables.ways.class_species)) == 1 < len(made._tables.ways.bounds)
    off = (found.mean(axis=0) - 300 * share) / np.sqrt(300 * share * (1.0 - share) / 300)
    assert np.abs(off).max() < 4.0
    assert np.allclose(found.var(axis=0), 300 * share * (1.0 - share), rtol=0.35, atol=0.3)


def test_uptake_takes_as_often_as_it_says():
    axis, volumes, faces, _ = line(8, 1e-7, D)
    uptake = np.full(8, 500.0)
    system = system_of((), ["g"], volumes, [axis], faces, uptake=uptake, dt=1e-3)
    watched = [np.arange(8), [ledger(system, "g", "taken_up")]]
    found = spread(system, 500, watched=watched, columns=2, g=np.full(8, 5))
    assert np.array_equal(found.sum(axis=1), np.full(500, 40.0))
    assert_mean(found[:, 0], 40 * np.exp(-0.5), np.sqrt(40 * np.exp(-0.5) * (1.0 - np.exp(-0.5))))


# -- with reactions --------------------------------------------------------------------------------------------------

BINDING = """
title: A and B make C
species: {A: {unit: 1/um**3}, B: {unit: 1/um**3}, C: {unit: 1/um**3}}
reactions: {bind: "A + B <-> C, 0.05 um**3/s, 1 1/s"}
"""


@pytest.mark.parametrize("mobile", [("A", "B", "C"), ("A",), ("A", "B")])
def test_a_reaction_in_voxels_has_the_equilibrium_of_the_whole(mobile, tmp_path):
    """A + B <-> C, whatever of it moves: chances of c are (k / V)^c / (c! (a - c)! (b - c)!) over their sum, V of all voxels.

    Where B and C stay, they are spread evenly, and the equilibrium is of many voxels that share A.
    """
    voxels, volume = 6, 6e-18
    axis, volumes, faces, _ = line(voxels, 1e-6, 1e-11, volume)
    system = system_of([placed(BINDING, tmp_path)], mobile, volumes, [axis], [faces] * len(mobile), dt=8.0)
    names = {name: name if name in mobile else f"m_{name}" for name in "ABC"}
    start = {names["A"]: np.array([12, 0, 0, 0, 0, 0]), names["B"]: np.full(voxels, 2)}
    found = spread(system, 3000, seed=2, watched=[places_of(system, names["C"])], **start)[:, 0]
    c = np.arange(13)
    weights = np.exp(c * np.log(0.05 / 6.0) - gammaln(c + 1) - gammaln(13 - c) - gammaln(13 - c))
    assert_distribution(found, weights / weights.sum())


def test_receptors_under_a_held_transmitter_are_binomial(tmp_path):
    """Sites where the transmitter is held are bound independently; what they take is supplied from outside."""
    text = BINDING.replace("0.05 um**3/s", "k").replace("species:", "parameters: {k: {unit: um**3/s, default: 0.02}}\nspecies:")
    axis, volumes, faces, _ = line(4, 1e-6, 1e-11, 4e-18)
    clamped = np.array([-1, 0, 0, -1])
    system = system_of([placed(text, tmp_path)], ["A"], volumes, [axis], faces, clamped=clamped, inside=[1, 2], dt=1.0)
    watched = [places_of(system, "m_C"), [1, 2], [0, 3], [ledger(system, "A", "supplied")]]
    made = solver(system, watched, replicas=2000, every=5)
    inputs = np.full((5, 1), 37.5e18 / AVOGADRO)  # 37.5 in each of two voxels of 1 µm³: no whole number
    out = advance(made, state_of(system, 2000, m_B=10), 5, 4, 5, inputs)[:, 0]
    assert_distribution(out[:, 0], binom.pmf(np.arange(21), 20, 0.02 * 37.5 / (0.02 * 37.5 + 1.0)))
    assert np.allclose(out[:, 1], 75.0, rtol=1e-12)
    assert np.allclose(out[:, 0] + out[:, 1] + out[:, 2], out[:, 3], rtol=0, atol=1e-9)
    assert_mean(out[:, 2], 75.0)  # in equilibrium with what is held beside it
    assert_variance(out[:, 2], 75.0)


def test_laws_in_voxels_are_propensities_of_what_is_there(tmp_path):
    """A rate law k A of molecules that hop is first-order loss: the number left is binomial."""
    text = """
title: a law
parameters: {k: {unit: 1/s, default: 200.0}}
species: {A: {unit: "1"}, P: {unit: "1"}}
reactions: {turn: {equation: A -> P, rate: k * A}}
"""
    axis, volumes, faces, _ = line(5, 1e-7, D)
    system = system_of([placed(text, tmp_path)], ["A"], volumes, [axis], faces, dt=1e-3)
    found = spread(system, 2000, steps=5, watched=[places_of(system, "A")], A=np.array([20, 0, 0, 0, 20]))[:, 0]
    assert_distribution(found, binom.pmf(np.arange(41), 40, np.exp(-1.0)))


def test_receptors_in_a_few_voxels_keep_every_molecule(tmp_path):
    """Jonas' receptors in some voxels of a line: bound transmitter and free are what was there, step by step."""
    axis, volumes, faces, walls = line(12, 2e-8, D, walls=(True, False))
    system = system_of([model("ampa_jonas")], ["glutamate"], volumes, [axis], faces, walls, inside=[3, 4, 5], dt=1e-6)
    bound = system.patches[0].chemistry.bound("glutamate")
    rows = np.concatenate([system.patches[0].places(row, 12) for row in range(3)])
    watched = np.concatenate([np.arange(12), rows, [ledger(system, "glutamate", "left")]])
    weights = np.concatenate([np.ones(12), np.tile(bound, 3), [1.0]])
    receptors = np.tile((np.arange(len(bound)) > 0).astype(float), 3)
    made = solver(system, [watched, rows, rows], replicas=4, weights=[weights, receptors, np.tile(bound, 3)])
    out = advance(made, state_of(system, 4, glutamate=np.where(np.arange(12) == 4, 500, 0), m_C0=7), 200, 3)
    assert (out[:, :, 0] == 500).all()
    assert (out[:, :, 1] == 21).all()
    assert out[:, :, 2].max() > 1
    assert (made.events > 10_000).all()


# -- what comes in ---------------------------------------------------------------------------------------------------


def test_molecules_that_appear_are_noted_and_no_more_go_than_there_are():
    axis, volumes, faces, _ = line(3, 1e-6, 0.0)
    system = system_of((), ["g"], volumes, [axis], faces, uptake=np.zeros(3), dt=1.0)
    at = Additions(np.array([0, 2, 2, 3]), np.array([1, 1, 0, 1]), np.array([5.0, -3.0, 7.0, -9.0]), np.full(4, system.ledgers))
    made = solver(system, [[0], [1], [ledger(system, "g", "released")]])
    out = advance(made, state_of(system, 1, g=0), 4, 3, additions=at)[0]
    assert out.tolist() == [[0, 5, 5], [0, 5, 5], [7, 2, 9], [7, 0, 7]]


@pytest.mark.parametrize("voxels", [1, 2])
def test_flows_bring_poisson_numbers(voxels):
    axis, volumes, faces, _ = line(voxels, 1e-6, 0.0)
    system = system_of((), ["g"], volumes, [axis], faces, uptake=np.zeros(voxels), dt=0.1)
    flows = Flows(np.array([0, 1]), np.array([0, voxels - 1]), np.full(2, ledger(system, "g", "supplied")), np.array([1.0, 0.5]))
    made = solver(system, [np.arange(voxels), [ledger(system, "g", "supplied")]], replicas=4000, flows=flows)
    inputs = np.tile([30.0, -4.0], (10, 1))
    out = advance(made, state_of(system, 4000, g=20), 10, 2, inputs=inputs)[:, -1]
    assert np.array_equal(out[:, 0], out[:, 1] + 20 * voxels)
    assert_mean(out[:, 1], 28.0)
    assert_variance(out[:, 1], 32.0)


def test_lists_grow_when_molecules_multiply(tmp_path):
    """From 10 molecules to some thousands, past the room that lists begin with, in the middle of steps."""
    text = """
title: growth
species: {A: {unit: "1"}}
reactions: {grow: "A -> 2 A, 6 1/s"}
"""
    axis, volumes, faces, _ = line(4, 1e-6, 1e-11)
    system = system_of([placed(text, tmp_path)], ["A"], volumes, [axis], faces, dt=0.5)
    found = spread(system, 200, steps=2, watched=[np.arange(4)], A=np.array([10, 0, 0, 0]))[:, 0]
    assert found.max() > 3000
    assert_mean(found, 10 * np.exp(6.0))


def test_a_mean_over_steps_and_outputs_are_watched():
    """A record of means is the trapezoidal rule over steps; outputs are worked out where they are asked for."""
    system = system_of([model("ampa_jonas")], ["glutamate"], 3e-21, dt=1e-6)
    output = system.patches[0].chemistry.outputs.index("m.conductance")
    place = system.patches[0].outputs + output
    open_place = places_of(system, "m_O")
    watched = [open_place, open_place, [place]]
    made = solver(system, watched, uses_outputs=True)
    state = state_of(system, 1, glutamate=2000, m_C0=200)
    out = np.zeros((1, 300))
    views = views_of(watched)
    mean = np.array([False, True, False])
    made._views = (*made._views[:4], mean, True, True, views.grain)
    made.advance(state, NOTHING, np.zeros((100, 0)), 100, out, np.arange(3), np.full(3, 3))
    rows = out.reshape(100, 3)
    now = rows[:, 0]
    assert now.max() > 5
    assert np.allclose(rows[:, 1], 0.5 * (now + np.concatenate([[0.0], now[:-1]])))
    assert np.allclose(rows[:, 2], now * rows[-1, 2] / now[-1])
