"""Diffusion: every step is what the scheme says; orders in dt and dx; what comes, stays and leaves adds up."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from deterministic_systems import advance, after, even_faces, grid, ledger, matrix, solver, system_of, tree, views_of
from scipy.linalg import expm
from scipy.special import erf

GAMMA = 1.0 - 0.5**0.5
SHAPES = [(9,), (40, 3), (3, 40), (5, 4, 6), (37, 3), (1, 33, 2), (5, 1, 9)]


def one_sweep(numbers, operator, held, span, scheme):
    """The scheme by dense matrices; rows of what is held are 0, and so are their increments."""
    free = np.where(held, 0.0, 1.0)
    if scheme == "backward_euler":
        return numbers + np.linalg.solve(np.eye(len(numbers)) - span * operator * free, span * operator @ numbers)
    inverse = np.linalg.inv(np.eye(len(numbers)) - GAMMA * span * operator * free)
    first = operator @ numbers
    first = inverse @ first
    second = inverse @ (operator @ (numbers + span * (1.0 - GAMMA) * first))
    return numbers + span * ((1.0 - GAMMA) * first + GAMMA * second)


def uneven(shape, seed=1, walls=False, holes=False, held=False):
    """A box where everything differs from voxel to voxel."""
    chance, axes = np.random.default_rng(seed), grid(shape)
    voxels = int(np.prod(shape))
    volumes = chance.uniform(0.5, 2.0, voxels)
    if holes:
        volumes[chance.random(voxels) < 0.2] = 0.0
    faces = np.zeros((len(axes), voxels))
    for number, axis in enumerate(axes):
        there = (axis.parent >= 0) & (volumes > 0) & (volumes[axis.parent] > 0)
        faces[number, there] = chance.uniform(0.1, 5.0, there.sum())
    at_walls = (chance.random(faces.shape) < 0.2) & (volumes > 0)
    outside = np.where(at_walls, chance.random(faces.shape), 0.0) if walls else 0.0
    columns = np.where((chance.random(voxels) < 0.1) & (volumes > 0), 0, -1) if held else -1
    return system_of(axes, volumes, faces, dt=0.3, walls=outside, clamped=columns)


def numbers_of(system, seed=2):
    return np.where(system.volumes > 0, 100.0 * np.random.default_rng(seed).random(len(system.volumes)), 0.0)


@pytest.mark.parametrize("scheme", ["second_order", "backward_euler"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [{}, {"walls": True}, {"holes": True, "walls": True}, {"held": True, "walls": True}])
def test_a_step_is_half_a_step_along_every_axis_and_back(shape, kind, scheme):
    system = uneven(shape, **kind)
    numbers = numbers_of(system)
    held = system.clamped[0] >= 0
    numbers[held] = 70.0 * 6.02214076e23 * system.volumes[held]
    scale = np.abs(numbers).max()
    moving = [axis for axis in range(len(system.axes)) if system.faces[0, axis].any() or system.walls[0, axis].any()]
    order = [*((axis, 0.5) for axis in moving[:-1]), (moving[-1], 1.0), *((axis, 0.5) for axis in moving[-2::-1])]
    expected = numbers
    for axis, part in order:
        operator = matrix(system, axis)
        expected = one_sweep(expected, operator, held, part * system.dt, scheme)
    found = after(system, numbers, 1, inputs=np.array([[70.0]]), scheme=scheme)[: len(numbers)]
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13 * scale)


@pytest.mark.parametrize("scheme", ["second_order", "backward_euler"])
def test_a_step_in_a_tree_is_one_sweep(scheme):
    axes, chance = tree(150), np.random.default_rng(3)
    held = np.where(np.isin(np.arange(150), [4, 77]), 0, -1)
    walls = np.where(np.arange(150) % 40 == 6, 0.7, 0.0)
    faces = np.where(axes[0].parent >= 0, chance.uniform(0.1, 5.0, 150), 0.0)
    system = system_of(axes, chance.uniform(0.5, 2.0, 150), faces, dt=0.3, walls=walls, clamped=held)
    numbers = numbers_of(system)
    numbers[held >= 0] = 7.0 * 6.02214076e23 * system.volumes[held >= 0]
    expected = one_sweep(numbers, matrix(system, 0), held >= 0, system.dt, scheme)
    found = after(system, numbers, 1, inputs=np.array([[7.0]]), scheme=scheme)[:150]
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13 * numbers.max())


def test_along_even_axes_a_step_is_one_sweep_each():
    """They commute, so halves make no difference."""
    axes = grid((7, 6, 9))
    system = system_of(axes, np.full(378, 2.0), even_faces(axes, 1.5), dt=0.4)
    expected = numbers = numbers_of(system)
    for axis in range(3):
        expected = one_sweep(expected, matrix(system, axis), np.zeros(378, bool), system.dt, "second_order")
    np.testing.assert_allclose(after(system, numbers, 1)[:378], expected, rtol=1e-12)


@pytest.mark.parametrize(("scheme", "order"), [("second_order", 2.0), ("backward_euler", 1.0)])
@pytest.mark.parametrize("kind", [{}, {"walls": True, "held": True}])
def test_the_order_in_dt_is_that_of_the_scheme(scheme, order, kind):
    """Halving dt, against the exponential of the whole operator; not yet asymptotic steps take 0.15 of the order."""
    system = uneven((6, 5, 4), **kind)
    operator = sum(matrix(system, axis) for axis in range(3))
    numbers, inputs = numbers_of(system), np.full((64, 1), 40.0 / 6.02214076e23)
    held = system.clamped[0] >= 0
    numbers[held] = 40.0 * system.volumes[held]
    exact, errors = expm(0.8 * operator) @ numbers, []
    for steps in (16, 32, 64):
        part = system_of(system.axes, system.volumes, system.faces[0], 0.8 / steps, walls=system.walls, clamped=system.clamped)
        errors.append(np.abs(after(part, numbers, steps, inputs[:steps], scheme=scheme)[: len(numbers)] - exact).max())
    for coarse, fine in pairwise(errors):
        assert np.log2(coarse / fine) == pytest.approx(order, abs=0.15)


# -- in space ----------------------------------------------------------------------------------------------------------


def box(cells, length, diffusion, dt, dimensions):
    spacing = length / cells
    axes = grid((cells,) * dimensions)
    conductance = diffusion * spacing ** (dimensions - 2)
    return system_of(axes, np.full(cells**dimensions, spacing**dimensions), even_faces(axes, conductance), dt)


def averages(cells, length, variance):
    """(cells,) integrals over cells of a normal density around the middle."""
    edges = np.linspace(-0.5 * length, 0.5 * length, cells + 1)
    return np.diff(0.5 * erf(edges / np.sqrt(2.0 * variance)))


def outer(rows):
    """(voxels,) products of numbers along each axis, x first."""
    found = np.ones(1)
    for row in rows:
        found = np.multiply.outer(row, found).ravel()
    return found


@pytest.mark.parametrize(("dimensions", "cells"), [(1, (20, 40, 80)), (2, (20, 40, 80)), (3, (20, 40))])
def test_the_error_against_the_function_of_green_is_of_second_order_in_the_spacing(dimensions, cells):
    """A cloud of variance 2 D t0 spreads to 2 D (t0 + t); numbers in voxels are its integrals; walls are 5 widths away."""
    errors = []
    for count in cells:
        steps = 2 * count
        system = box(count, 10.0, 1.0, 0.3 / steps, dimensions)
        start, end = (outer([averages(count, 10.0, variance)] * dimensions) for variance in (0.4, 1.0))
        found = after(system, start, steps)[: len(start)]
        errors.append(np.abs(found - end).max() / end.max())
    for coarse, fine in pairwise(errors):
        assert np.log2(coarse / fine) == pytest.approx(2.0, abs=0.25)
    assert errors[-1] < (0.02 if dimensions == 3 else 0.003)


@pytest.mark.parametrize("mode", [(1, 0, 0), (2, 1, 3)])
def test_a_mode_of_a_box_decays_at_its_rate(mode):
    """cos(n pi x / L) by exp(-D (n pi / L)² t); the error falls by 4 as spacing and dt are halved."""
    errors = []
    for cells in (12, 24):
        system = box(cells, 3.0, 0.5, 0.2 / cells, 3)
        start = outer([np.cos(number * np.pi * (np.arange(cells) + 0.5) / cells) for number in mode])
        rate = 0.5 * sum((number * np.pi / 3.0) ** 2 for number in mode)
        found = after(system, start, cells)[: start.size]
        errors.append(abs(found @ start / (start @ start) / np.exp(-0.2 * rate) - 1.0))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.1)
    assert errors[1] < 0.02


# -- sums --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["second_order", "backward_euler"])
@pytest.mark.parametrize("make", [lambda: uneven((7, 5, 9), walls=True), lambda: uneven((64, 40), walls=True, held=True), None])
def test_all_molecules_are_somewhere(make, scheme):
    """Here, gone through walls, taken up, less what was supplied: to rounding, after a thousand steps."""
    if make is None:
        axes = tree(200)
        system = system_of(axes, np.ones(200), even_faces(axes, 3.0), 0.1, walls=np.where(np.arange(200) == 90, 0.5, 0.0))
    else:
        system = make()
    system = system_of(
        system.axes, system.volumes, system.faces[0], 0.01, walls=system.walls, clamped=system.clamped,
        uptake=np.where(system.volumes > 0, 0.05, 0.0),
    )  # fmt: skip
    numbers = numbers_of(system)
    voxels = len(numbers)
    state = after(system, numbers, 1000, inputs=np.full((1000, 1), 40.0 / 6.02214076e23), scheme=scheme)
    there = state[:voxels].sum() + state[ledger(system, "left")] + state[ledger(system, "taken_up")]
    everything = numbers.sum() + max(state[ledger(system, "supplied")], 0.0)
    assert abs(there - state[ledger(system, "supplied")] - numbers.sum()) < 1e-12 * everything
    assert state[ledger(system, "left")] > 0.01 * numbers.sum()
    assert state[ledger(system, "taken_up")] > 0.01 * numbers.sum()


def test_nothing_drifts_where_nothing_changes():
    axes = tree(300)
    volumes = np.random.default_rng(0).uniform(0.1, 3.0, 300)
    system = system_of(axes, volumes, even_faces(axes, 1e4), 1.0)
    state = after(system, 0.25 * volumes, 200)[:300]
    np.testing.assert_allclose(state, 0.25 * volumes, rtol=1e-12)


def test_by_backward_euler_no_number_is_ever_negative():
    """A molecule in one voxel, with D dt / dx² of 20 and of 10^5: by the scheme of second order some are, at first."""
    axes, start = grid((15, 12, 11)), np.zeros(1980)
    start[990] = 1.0
    for conductance in (20.0, 1e5):
        walls = np.where(np.arange(1980) % 15 == 14, conductance, 0.0)
        system = system_of(axes, np.ones(1980), even_faces(axes, conductance), 1.0, walls=walls)
        assert after(system, start, 1, scheme="backward_euler")[:1980].min() >= 0.0
        assert after(system, start, 3, scheme="backward_euler")[:1980].min() >= 0.0
    system = system_of(axes, np.ones(1980), even_faces(axes, 20.0), 1.0)
    assert after(system, start, 1)[:1980].min() < 0.0


def test_what_leaves_through_a_wall_is_what_theory_says():
    """Absorbing at one end, closed at the other: sum of 8 / ((2k+1)² pi²) exp(-((2k+1) pi / 2 L)² D t) is left."""
    cells, length, time = 80, 2.0, 0.7
    spacing = length / cells
    axes = grid((cells,))
    walls = np.where(np.arange(cells) == cells - 1, 2.0 / spacing, 0.0)
    system = system_of(axes, np.full(cells, spacing), even_faces(axes, 1.0 / spacing), time / 400, walls=walls)
    gone = after(system, np.full(cells, 1.0 / cells), 400)[ledger(system, "left")]
    odd = 2 * np.arange(200) + 1
    here = (8.0 / (odd * np.pi) ** 2 * np.exp(-((0.5 * odd * np.pi / length) ** 2) * time)).sum()
    assert gone == pytest.approx(1.0 - here, rel=2e-4)


def test_between_two_held_ends_as_much_is_supplied_as_flows():
    """A steady gradient: D A (c_0 - c_1) / L per second comes in at one end and goes at the other."""
    axes = grid((11,))
    held = np.where(np.isin(np.arange(11), [0, 10]), [0] + [-1] * 9 + [1], -1)
    system = system_of(axes, np.ones(11), even_faces(axes, 2.0), 0.5, clamped=held)
    inputs = np.tile(np.array([3.0, 1.0]) / 6.02214076e23, (400, 1))
    views = views_of([np.arange(11), [ledger(system, "supplied")], [5]])
    state = np.zeros((1, system.size))
    shown = advance(solver(system, views), state, 400, inputs, columns=3)[0]
    np.testing.assert_allclose(state[0, :11], np.linspace(3.0, 1.0, 11), rtol=1e-9)
    np.testing.assert_allclose(np.diff(shown[-5:, 1]), 0.0, atol=1e-8)  # what comes in goes out
    np.testing.assert_allclose(shown[:, 0], shown[:, 1], rtol=1e-12)


def test_uptake_is_exact_and_what_is_held_is_supplied_again():
    rates = np.array([0.3, 0.3, 0.5])
    held = np.array([-1, -1, 0])
    system = system_of((), np.ones(3), None, 0.25, uptake=rates, clamped=held)
    state = after(system, [8.0, 4.0, 2.0], 12, inputs=np.full((12, 1), 2.0 / 6.02214076e23))
    np.testing.assert_allclose(state[:3], [8.0 * np.exp(-0.9), 4.0 * np.exp(-0.9), 2.0], rtol=1e-14)
    assert state[ledger(system, "supplied")] == pytest.approx(2.0 * 0.5 * 3.0, rel=1e-13)
    assert state[ledger(system, "taken_up")] == pytest.approx(12.0 * (1.0 - np.exp(-0.9)) + 3.0, rel=1e-13)
