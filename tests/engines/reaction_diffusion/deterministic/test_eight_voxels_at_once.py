"""Slopes of eight voxels are those of one, and steps in eight voxels are those in one after the other, to the bit."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from deterministic_systems import LOG, advance, placed, solver, system_of
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.equations.compiled import load_compiled
from engines.reaction_diffusion.chemistry.chemistry import Chemistry
from engines.reaction_diffusion.chemistry.description import shipped
from engines.reaction_diffusion.chemistry.measures import measures_of
from engines.reaction_diffusion.elimination import Elimination
from engines.reaction_diffusion.lanes import eightfold, pattern

POINTER = ctypes.POINTER(ctypes.c_double)
EVERYTHING = """\
title: one of each operation that rates may have
species: {A: {unit: mM}, B: {unit: mM}}
parameters: {k: {unit: 1/s, default: 3}, z: {unit: "1", default: 0.7}}
inputs: {v: {unit: "1", default: 1}, w: {unit: "1", default: 2}}
states: {s: {unit: "1"}}
expressions:
  one: exp(-v) + log(1 + w * w) - sqrt(abs(v)) + w**5 - v**-2 + abs(w)**1.7
  two: sin(v) * cos(w) + tanh(s) - arctan(v) + sinh(v) / cosh(w) + expm1(v) + log1p(w * w) + exprel(v) + tan(z)
  three: min(v, w) - max(v, z) + clip(s, 0, 1) + sign(v - w) + v**3 + erf(v) + erfc(w) + logistic(v)
  four: where((v > w) or (s < 0.5 and not v < z), one, -two) + (1 if z > 0.5 else v) + (v >= w) + (2 if v and w else 3)
  five: where(z > 0.5, v, w) + where(z < 0.5 or v > 0, w, 1)
reactions:
  law: {equation: A -> B, rate: k * A * z + 0 * k * A * (three + five) }
  back: B -> A, k * z**2
derivatives: {s: k * (one + two + three + four + five)}
"""


def call(address, *arrays):
    function = ctypes.CFUNCTYPE(None, *[POINTER] * 5)(address)
    function(*(array.ctypes.data_as(POINTER) for array in arrays))


def both(chemistry, seeds=(5,)):
    """Slopes and Jacobians by the code for eight voxels, and by that for one: pairs of (numbers, 8)."""
    count = len(chemistry.species) + len(chemistry.states)
    of_eight, of_one = load_compiled("eight voxels", eightfold(chemistry.code), LOG), chemistry.compiled(LOG)
    for seed in seeds:
        chance = np.random.default_rng(seed)
        x, u = chance.uniform(0.0, 2.0, (count, 8)), chance.normal(size=(len(chemistry.inputs) + 1, 8))
        m = np.ascontiguousarray(measures_of(chance.uniform(1e-21, 1e-19, 8), chance.uniform(1e-13, 1e-12, 8)))
        p = np.append(chemistry.values, 0.0)
        for name, size in (("slopes", count), ("jacobian", count**2)):
            wide, one = np.zeros((size, 8)), np.zeros((size, 8))
            call(getattr(of_eight, name).address, x, u, p, m, wide)
            for lane in range(8):
                out, column = np.zeros(size), [np.ascontiguousarray(part[:, lane]) for part in (x, u, m)]
                call(getattr(of_one, name), column[0], column[1], p, column[2], out)
                one[:, lane] = out
            yield wide, one


def test_every_operation_gives_the_same_bits_in_eight_voxels_as_in_one():
    for wide, one in both(Chemistry.of([placed(EVERYTHING)], ()), range(40)):
        np.testing.assert_array_equal(wide, one)
        assert np.isfinite(one).all()


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_shipped_model_has_the_same_slopes_in_eight_voxels_as_in_one(name):
    """Compiled, so that code which does not compile is found here."""
    for wide, one in both(Chemistry.of([placed(name)], ())):
        np.testing.assert_array_equal(wide, one)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_the_pattern_has_all_derivatives_that_are_not_0(name):
    chemistry = Chemistry.of([placed(name)], ())
    for _, one in list(both(chemistry))[1::2]:
        assert set(np.flatnonzero(one.any(axis=1))) <= set(pattern(chemistry.code))


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("dt", [1e-6, 3e-5, 1e-3])
def test_voxels_taken_together_go_where_each_would_alone(dt, held):
    """From nothing to 3 mM, so that at 30 µs some voxels need more than a step and at 1 ms all are stiff; to the bit."""
    rows, steps = 19, 40
    volumes = np.linspace(0.5, 2.0, rows) * 1e-20
    inputs = np.full((steps, 1), 1.5)

    def found(which):
        clamped = np.where(held & (which % 5 == 2), 0, -1)
        system = system_of((), volumes[which], dt=dt, models=[placed("ampa_jonas")], shared=("glutamate",), clamped=clamped)
        state, count = np.zeros((1, system.size)), len(which)
        state[0, :count] = (np.linspace(0.0, 3.0, rows) * volumes * 6.02214076e23)[which]
        state[0, count : 8 * count : 7] = 80.0
        made = solver(system)
        advance(made, state, steps, inputs)
        return np.column_stack([state[0, :count], state[0, count : 8 * count].reshape(count, 7), made.save()["kept"][0]])

    together = found(np.arange(rows))
    for row in (0, 1, 7, 8, 12, 18):
        np.testing.assert_array_equal(found(np.array([row])), together[row : row + 1])


# -- elimination -------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n * n - 1)))))
def test_an_elimination_touches_all_that_comes_to_be(problem):
    """Its factors, made only from what it lists, solve the equations."""
    count, places = problem
    chance = np.random.default_rng(count)
    matrix = np.zeros(count * count)
    matrix[list(places)] = chance.normal(size=len(places))
    matrix = matrix.reshape(count, count)
    np.fill_diagonal(matrix, 1.0 + np.abs(matrix).sum(axis=0) + np.abs(matrix).sum(axis=1))
    course = Elimination.of(count, sorted(places))
    assert sorted(course.pivots) == list(range(count))
    factors, allowed = matrix.copy(), set(course.entries)
    for pivot, rows, columns in zip(course.pivots, course.rows, course.columns, strict=True):
        for row in rows:
            factors[row, pivot] /= factors[pivot, pivot]
            for column in columns:
                assert row * count + column in allowed
                factors[row, column] -= factors[row, pivot] * factors[pivot, column]
    right = chance.normal(size=count)
    x = right.copy()
    for pivot, rows in zip(course.pivots, course.rows, strict=True):
        x[list(rows)] -= factors[list(rows), pivot] * x[pivot]
    for pivot, columns in reversed(list(zip(course.pivots, course.columns, strict=True))):
        x[pivot] = (x[pivot] - factors[pivot, list(columns)] @ x[list(columns)]) / factors[pivot, pivot]
    np.testing.assert_allclose(matrix @ x, right, atol=1e-12)


def test_a_chain_is_eliminated_without_touching_anything_else():
    """However its species are numbered."""
    order = np.random.default_rng(0).permutation(30)
    places = [int(order[a] * 30 + order[b]) for a in range(30) for b in (a - 1, a, a + 1) if 0 <= b < 30]
    assert len(Elimination.of(30, places).entries) == len(places)
