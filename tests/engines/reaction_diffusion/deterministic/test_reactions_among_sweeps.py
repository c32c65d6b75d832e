"""Reactions and diffusion together: second order in dt, what is held, what is watched, windows, threads, checkpoints."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from deterministic_systems import (
    AVOGADRO,
    NOTHING,
    advance,
    even_faces,
    grid,
    ledger,
    placed,
    solver,
    system_of,
    tree,
    views_of,
)
from scipy.integrate import solve_ivp

from engines.reaction_diffusion.system import Additions, Flows

BINDING = """\
title: a receptor
species: {A: {unit: "1"}, R: {unit: "1", initial: 4}, AR: {unit: "1"}}
parameters: {on: {unit: 1/s, default: 0.6}}
inputs: {u: {unit: "1", default: 1}}
reactions:
  bind: A + R <-> AR, on * u, 0.8 /s
conserved: {receptors: R + AR, A: A + AR}
outputs: {bound: {value: AR, unit: "1"}}
"""


def line(dt, voxels=9, inside=(2, 3, 4, 5), **more):
    axes = grid((voxels,))
    models = [placed(BINDING)]
    return system_of(axes, np.ones(voxels), even_faces(axes, 1.3), dt, models, inside, **more)


def start_of(system, replicas=1):
    """(replicas, size) A everywhere, more to the left; four receptors in each voxel of the patch."""
    voxels, patch = len(system.volumes), system.patches[0]
    state = np.zeros((replicas, system.size))
    state[:, :voxels] = 9.0 - np.arange(voxels) % 9
    state[:, patch.first : patch.first + len(patch.voxels) * patch.width : patch.width] = 4.0
    return state


def exact(system, time, held=()):
    """(voxels + 2 rows,) A, then R and AR of each row, by one system of equations under Radau."""
    voxels, inside, start = len(system.volumes), system.patches[0].voxels, start_of(system)[0]
    count = voxels + 2 * len(inside)

    def right(_, x):
        a, slopes = x[:voxels], np.zeros(count)
        flux = 1.3 * (a[:-1] - a[1:])
        slopes[: voxels - 1] -= flux
        slopes[1:voxels] += flux
        r, ar = x[voxels::2], x[voxels + 1 :: 2]
        rate = 0.6 * a[inside] * r - 0.8 * ar
        slopes[inside] -= rate
        slopes[voxels::2] -= rate
        slopes[voxels + 1 :: 2] += rate
        slopes[list(held)] = 0.0
        return slopes

    return solve_ivp(right, (0.0, time), start[:count], method="Radau", rtol=1e-11, atol=1e-11).y[:, -1]


@pytest.mark.parametrize("held", [(), (3,), (0, 5)])
def test_reactions_with_diffusion_are_of_second_order_in_dt(held):
    """Strang's splitting, also beside voxels whose concentration is prescribed; such a number does not move at all."""
    clamped = np.full(9, -1)
    clamped[list(held)] = 1 + np.arange(len(held))
    time, errors = 0.8, []
    for steps in (8, 16, 32, 64):
        system = line(time / steps, clamped=clamped)
        state = start_of(system)
        inputs = np.tile(np.r_[1.0, state[0, list(held)] / AVOGADRO], (steps, 1))
        advance(solver(system, tolerance=1e-10), state, steps, inputs)
        errors.append(np.abs(state[0, : 9 + 8] - exact(system, time, held)).max())
        np.testing.assert_allclose(state[0, list(held)], 9.0 - np.array(held), rtol=1e-15)
    for coarse, fine in list(pairwise(errors))[1:]:
        assert np.log2(coarse / fine) == pytest.approx(2.0, abs=0.15)


def test_what_is_held_is_supplied_as_reactions_and_diffusion_take_it():
    system = line(0.05, clamped=np.where(np.isin(np.arange(9), [0, 3]), [1, -1, -1, 2] + [-1] * 5, -1))
    state = start_of(system)
    before = state[0, : 9 + 8].copy()
    advance(solver(system), state, 300, np.tile([1.0, 9.0 / AVOGADRO, 6.0 / AVOGADRO], (300, 1)))
    a, bound = state[0, :9].sum(), state[0, 10:17:2].sum()
    supplied = state[0, ledger(system, "supplied")]
    assert a + bound == pytest.approx(before[:9].sum() + before[10:17:2].sum() + supplied, rel=1e-12)
    assert abs(supplied) > 5.0


def test_released_molecules_are_free_or_bound_or_gone():
    """To 1e-12, over 2000 steps with walls, uptake and releases."""
    system = line(0.02, walls=np.where(np.arange(9) == 8, 0.4, 0.0), uptake=0.1)
    state = start_of(system)
    before = state[0, :9].sum()
    every = np.arange(0, 2000, 50)
    additions = Additions(every, np.full(40, 4), np.full(40, 12.5), np.full(40, ledger(system, "released")))
    advance(solver(system), state, 2000, np.ones((2000, 1)), additions)
    gone = state[0, ledger(system, "left")] + state[0, ledger(system, "taken_up")]
    assert state[0, ledger(system, "released")] == pytest.approx(500.0, rel=1e-14)
    assert state[0, :9].sum() + state[0, 10:17:2].sum() + gone == pytest.approx(before + 500.0, rel=1e-12)


def test_flows_are_shared_out_and_take_no_more_than_there_is():
    system = system_of((), np.ones(2), dt=0.5)
    supplied = ledger(system, "supplied")
    flows = Flows(np.array([0, 0, 1]), np.array([0, 1, 1]), np.full(3, supplied), np.array([0.25, 0.75, 1.0]))
    state = np.zeros((1, system.size))
    inputs = np.array([[8.0, 0.0], [8.0, -4.0], [0.0, -100.0]])
    advance(solver(system, flows=flows), state, 3, inputs)
    np.testing.assert_allclose(state[0, :2], [2.0, 0.0])
    assert state[0, supplied] == pytest.approx(2.0)


def test_what_is_watched_is_a_value_at_the_end_or_a_mean_over_a_row():
    """Uptake of 1 /s from 8 on: means by the trapezoidal rule in each step, from after what is released at its start."""
    system = system_of((), np.ones(1), dt=0.1, uptake=1.0)
    views = views_of([[0], [0], [ledger(system, "taken_up")]], every=2, is_mean=[False, True, False])
    state = np.zeros((1, system.size))
    additions = Additions(np.array([0]), np.array([0]), np.array([8.0]), np.array([ledger(system, "released")]))
    shown = advance(solver(system, views), state, 4, additions=additions, columns=3, every=2)[0]
    x = 8.0 * np.exp(-0.1 * np.arange(5))
    np.testing.assert_allclose(shown[:, 0], x[[2, 4]], rtol=1e-13)
    np.testing.assert_allclose(shown[:, 1], [(x[0] + 2 * x[1] + x[2]) / 4, (x[2] + 2 * x[3] + x[4]) / 4], rtol=1e-13)
    np.testing.assert_allclose(shown[:, 2], 8.0 - x[[2, 4]], rtol=1e-13)


def test_outputs_are_those_of_the_same_moment():
    system = line(0.1)
    patch = system.patches[0]
    views = views_of([[patch.outputs + 1], [patch.first + 3]], uses_outputs=True)
    shown = advance(solver(system, views), start_of(system), 5, np.ones((5, 1)), columns=2)[0]
    np.testing.assert_array_equal(shown[:, 0], shown[:, 1])
    assert (np.diff(shown[:, 0]) > 0).all()


# -- the same, however it is run ---------------------------------------------------------------------------------------


def kept(system, cuts, threads=1, replicas=1, restart=False, seed=4):
    """The state, and what is shown, after 12 steps in windows of some lengths."""
    chance = np.random.default_rng(seed)
    inputs = chance.uniform(0.0, 3.0, (12, 2)) / [1.0, AVOGADRO]
    steps = np.sort(chance.integers(0, 12, 9))
    places = chance.integers(0, len(system.volumes), 9)
    additions = Additions(steps, places, chance.uniform(1.0, 20.0, 9), np.full(9, ledger(system, "released")))
    views = views_of([np.arange(len(system.volumes)), [0]], is_mean=[True, False])
    flows = Flows(np.array([0]), np.array([3]), np.array([ledger(system, "supplied")]), np.ones(1))
    made = solver(system, views, flows=flows, threads=threads)
    state, shown, at = start_of(system, replicas), [], 0
    for count in cuts:
        inside = (steps >= at) & (steps < at + count)
        part = Additions(steps[inside] - at, places[inside], additions.amounts[inside], additions.ledgers[inside])
        shown.append(advance(made, state, count, inputs[at : at + count], part, columns=2))
        at += count
        if restart:
            saved = made.save()
            made.close()
            made = solver(system, views, flows=flows, threads=threads)
            made.load(saved)
    made.close()
    return state, np.concatenate(shown, axis=1)


SYSTEMS = {
    "line": lambda: line(0.3, clamped=np.where(np.arange(9) == 3, 1, -1), walls=np.where(np.arange(9) > 7, 0.2, 0.0), uptake=0.05),
    "tree": lambda: system_of(tree(90), np.ones(90), even_faces(tree(90), 2.0), 0.4, [placed(BINDING)], np.arange(5, 80)),
}


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("cuts", [[1] * 12, [5, 7], [1, 10, 1]])
def test_windows_make_no_difference_to_a_bit(name, cuts):
    system = SYSTEMS[name]()
    for found, expected in zip(kept(system, cuts), kept(system, [12]), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", SYSTEMS)
def test_what_is_saved_goes_on_to_the_same_bits(name):
    system = SYSTEMS[name]()
    for found, expected in zip(kept(system, [4, 3, 5], restart=True), kept(system, [12]), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_replicas_in_threads_are_each_as_one_alone():
    system = SYSTEMS["line"]()
    state, shown = kept(system, [5, 7], threads=3, replicas=5)
    alone, shown_alone = kept(system, [12])
    for replica in range(5):
        np.testing.assert_array_equal(state[replica], alone[0])
        np.testing.assert_array_equal(shown[replica], shown_alone[0])


def test_threads_that_share_voxels_make_no_difference_to_a_bit(monkeypatch):
    """However little there is to share."""
    from engines.reaction_diffusion import deterministic

    axes, chance = grid((40, 35, 3)), np.random.default_rng(0)
    faces = np.array([np.where(axis.parent >= 0, chance.uniform(0.5, 2.0, 4200), 0.0) for axis in axes])
    walls = np.where(chance.random(4200) < 0.1, 0.3, 0.0)
    clamped = np.where(chance.random(4200) < 0.05, 1, -1)
    system = system_of(
        axes, np.ones(4200), faces, 0.3, [placed(BINDING)], np.arange(1000, 1400), walls=walls, clamped=clamped, uptake=0.01
    )
    expected = kept(system, [12])
    monkeypatch.setattr(deterministic, "_WORTH_THREADS", {"voxels": 1, "reactions": 1})
    for threads in (2, 5):
        for found, alone in zip(kept(system, [5, 7], threads=threads), expected, strict=True):
            np.testing.assert_array_equal(found, alone)


def test_replicas_may_have_additions_of_their_own():
    system = system_of((), np.ones(2), dt=0.5)
    mine = Additions(np.array([0]), np.array([1]), np.array([3.0]), np.array([ledger(system, "released")]))
    state = np.zeros((2, system.size))
    advance(solver(system), state, 1, additions=[NOTHING, mine])
    np.testing.assert_array_equal(state[:, :2], [[0.0, 0.0], [0.0, 3.0]])
