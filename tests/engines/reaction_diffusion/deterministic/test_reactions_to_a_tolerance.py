"""Reactions in one voxel: against SciPy's Radau and published numbers, stiff and not; what is conserved; what goes wrong."""

from __future__ import annotations

import ctypes
from itertools import pairwise

import numpy as np
import pytest
from deterministic_systems import AVOGADRO, LOG, advance, after, placed, solver, system_of, views_of
from scipy.integrate import solve_ivp

from cosim.sdk import CosimError
from engines.reaction_diffusion.chemistry.measures import measures_of

VOLUME = 1e-20
ROBERTSON = """\
title: three species of Robertson (1966)
species: {A: {unit: "1", initial: 1}, B: {unit: "1"}, C: {unit: "1"}}
reactions:
  slow: A -> B, 0.04 /s
  fast: 2 B -> B + C, 3e7 /s
  back: B + C -> A + C, 1e4 /s
"""
HIRES = """\
title: high irradiance response of Schaefer (1975)
states:
  a: {unit: "1"}
  b: {unit: "1"}
  c: {unit: "1"}
  d: {unit: "1"}
  e: {unit: "1"}
  f: {unit: "1"}
  g: {unit: "1"}
  h: {unit: "1"}
derivatives:
  a: (-1.71 * a + 0.43 * b + 8.32 * c + 0.0007) / second
  b: (1.71 * a - 8.75 * b) / second
  c: (-10.03 * c + 0.43 * d + 0.035 * e) / second
  d: (8.32 * b + 1.71 * c - 1.12 * d) / second
  e: (-1.745 * e + 0.43 * f + 0.43 * g) / second
  f: (-280 * f * h + 0.69 * d + 1.71 * e - 0.43 * f + 0.69 * g) / second
  g: (280 * f * h - 1.81 * g) / second
  h: (-280 * f * h + 1.81 * g) / second
parameters: {second: {unit: s, default: 1}}
"""
RING = """\
title: a ring and a dimer
species: {A: {unit: "1"}, B: {unit: "1"}, C: {unit: "1"}, D: {unit: "1"}}
reactions:
  one: A <-> B, 3 /s, 1 /s
  two: B <-> C, 40 /s, 7 /s
  three: C <-> A, 2 /s, 9 /s
  pair: 2 A <-> D, 0.5 /s, 0.3 /s
"""
NOTHING_YET = """\
title: one that has to be begun by another
species: {A: {unit: "1"}, B: {unit: "1"}}
reactions:
  grow: A + B -> 2 B, 4 /s
"""
BLOW_UP = """\
title: infinite after a while
species: {A: {unit: "1"}}
reactions:
  up: 2 A -> 3 A, 1 /s
"""


def one_voxel(model, dt, shared=(), rows=1, **values):
    return system_of((), np.full(rows, VOLUME), dt=dt, models=[placed(model, **values)], shared=shared)


def reference(system, start, time, inputs=()):
    """The compiled slopes under Radau, at its tightest."""
    chemistry, pointer = system.patches[0].chemistry, ctypes.POINTER(ctypes.c_double)
    slopes = ctypes.CFUNCTYPE(None, *[pointer] * 5)(chemistry.compiled(LOG).slopes)
    others = [np.array([*inputs, 0.0]), np.append(chemistry.values, 0.0), measures_of(VOLUME, 1e-12)]

    def right(_, x):
        out = np.empty(len(x))
        slopes(*(np.ascontiguousarray(array).ctypes.data_as(pointer) for array in (x, *others, out)))
        return out

    found = solve_ivp(right, (0.0, time), start, method="Radau", rtol=1e-12, atol=1e-14 * np.max(start))
    assert found.success
    return found.y[:, -1]


def test_the_stiff_problem_of_robertson_is_solved_to_its_published_numbers():
    """At 40 s (Hairer and Wanner 1996): 0.7158271, 9.185535e-6, 0.2841637; |J| is 2e3 /s, and in one step of 40 s, too."""
    for steps in (1, 400):
        system = one_voxel(ROBERTSON, 40.0 / steps)
        found = after(system, [1.0, 0.0, 0.0], steps, tolerance=1e-8)[:3]
        np.testing.assert_allclose(found, [0.7158270687, 9.185534765e-6, 0.2841637457], rtol=2e-7)
        assert found.sum() == pytest.approx(1.0, abs=1e-12)


def test_the_high_irradiance_response_is_solved_to_its_published_numbers():
    """At 321.8122 s (Mazzia and Magherini 2008, Test Set for Initial Value Problem Solvers), eight states of a model."""
    system = one_voxel(HIRES, 321.8122)
    found = after(system, [1.0, 0, 0, 0, 0, 0, 0, 0.0057], 1, tolerance=1e-7)[:8]
    published = [
        0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4, 0.1175651343283149e-2,
        0.2386356198831331e-2, 0.6238968252742796e-2, 0.2849998395185769e-2, 0.2850001604814231e-2,
    ]  # fmt: skip
    np.testing.assert_allclose(found, published, rtol=1e-5)


@pytest.mark.parametrize("dt", [1e-6, 1e-4, 1e-3, 1e-2])
def test_receptors_follow_their_equations_whether_steps_are_explicit_or_not(dt):
    """80 AMPA receptors of Jonas et al. with 1 mM for 10 ms; |J| dt is 0.1 to 1000."""
    system = one_voxel("ampa_jonas", dt, ("glutamate",))
    start = np.array([VOLUME * AVOGADRO, 80.0, *[0.0] * 6])
    found = after(system, start, round(1e-2 / dt))[:8]
    expected = reference(system, start, 1e-2)
    np.testing.assert_allclose(found, expected, atol=80.0 * 1e-6)


@pytest.mark.parametrize("dt", [1e-5, 1.0])
def test_the_error_falls_with_the_tolerance(dt):
    """One step, or a thousand; errors stay below the tolerance times the largest number."""
    start, time = np.array([50.0, 5.0, 1.0, 20.0]), 1.0 if dt == 1.0 else 1e-2
    system = one_voxel(RING, dt)
    expected, errors = reference(system, start, time), []
    for tolerance in (1e-3, 1e-5, 1e-7, 1e-9):
        found = after(system, start, round(time / dt), tolerance=tolerance)[:4]
        errors.append(np.abs(found - expected).max() / 50.0)
        assert errors[-1] < tolerance
    if dt == 1.0:
        assert all(fine < 0.1 * coarse for coarse, fine in pairwise(errors))


def without_control(model, start, time, steps, kept):
    """With any error allowed a step is as long as dt."""
    system = one_voxel(model, time / steps)
    made, state = solver(system, tolerance=1e9), np.zeros((1, system.size))
    state[0, : len(start)] = start
    made.load({"kept": np.full((1, 1), kept), "carries": np.zeros((1, 0))})
    advance(made, state, steps)
    return state[0, : len(start)]


def test_explicit_steps_are_of_order_5():
    """B' = 4 A B with A + B = 7 is logistic growth, 7 / (1 + 6 exp(-28 t)) from 1 on."""
    exact = 7.0 / (1.0 + 6.0 * np.exp(-28.0 * 0.25))
    errors = [abs(without_control(NOTHING_YET, [6.0, 1.0], 0.25, steps, -1.0)[1] - exact) for steps in (32, 64, 128)]
    for coarse, fine in pairwise(errors):
        assert np.log2(coarse / fine) == pytest.approx(5.0, abs=0.3)


def test_implicit_steps_are_of_order_4():
    """Of a ring with two rates of 400 /s."""
    model, start = RING.replace("40 /s, 7 /s", "400 /s, 400 /s"), np.array([20.0, 20.0, 5.0, 10.0])
    expected = reference(one_voxel(model, 1.0), start, 0.2)
    errors = [np.abs(without_control(model, start, 0.2, steps, 1.0) - expected).max() for steps in (8, 16, 32)]
    assert np.log2(errors[-2] / errors[-1]) == pytest.approx(4.0, abs=0.4)


@pytest.mark.parametrize("dt", [1e-3, 0.1, 10.0, 1e3])
def test_what_reactions_conserve_is_conserved_to_rounding(dt):
    system = one_voxel(RING, dt)
    start = np.array([1e5, 3.0, 0.0, 2.0])
    found = after(system, start, 300)[:4]
    weights = np.array([1.0, 1.0, 1.0, 2.0])
    assert abs(found @ weights / (start @ weights) - 1.0) < 1e-12
    assert (found >= 0).all()


def test_where_nothing_happens_nothing_changes():
    system = one_voxel(NOTHING_YET, 0.1)
    np.testing.assert_array_equal(after(system, [7.0, 0.0], 50)[:2], [7.0, 0.0])
    np.testing.assert_array_equal(after(system, [0.0, 3.0], 50)[:2], [0.0, 3.0])


def test_many_species_are_solved_as_few_are():
    """A chain of 19, which takes three vectors of eight; stiff at its end."""
    names = [f"S{k}" for k in range(19)]
    text = "title: a chain\nspecies:\n" + "".join(f"  {name}: {{unit: '1'}}\n" for name in names) + "reactions:\n"
    text += "".join(f"  r{k}: {a} <-> {b}, {1.5**k} /s, {2.0 + k} /s\n" for k, (a, b) in enumerate(pairwise(names)))
    for dt in (1e-4, 1.0):
        system = one_voxel(text, dt)
        start, steps = np.r_[100.0, np.zeros(18)], 20 if dt < 1 else 3
        found = after(system, start, steps)[:19]
        np.testing.assert_allclose(found, reference(system, start, steps * dt), atol=2e-4)
        assert found.sum() == pytest.approx(100.0, rel=1e-12)


def test_inputs_and_outputs_of_a_model_are_in_si_units():
    """The block of magnesium at -70 mV: open channels times 10 pS or so times 0.0445; the input comes in V."""
    system = system_of((), [VOLUME], dt=1e-4, models=[placed("nmda_lester_jahr")], shared=("glutamate",))
    patch = system.patches[0]
    names = patch.chemistry.outputs
    (column,) = [k for k, name in enumerate(patch.chemistry.inputs) if name.endswith(".V")]
    places = [[patch.outputs + k] for k in range(len(names))]
    shown = []
    for volts in (-0.07, 0.0):
        inputs = np.zeros((100, len(patch.chemistry.inputs)))
        inputs[:, column] = volts
        state = np.zeros((1, system.size))
        state[0, 0], state[0, 1] = VOLUME * AVOGADRO, 20.0
        made = solver(system, views_of(places, uses_outputs=True))
        shown.append(advance(made, state, 100, inputs, columns=len(places))[0, -1])
    conductance = names.index("m.conductance")
    assert shown[0][conductance] / shown[1][conductance] == pytest.approx(0.04447 / 0.78118, rel=2e-3)


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def test_a_number_that_grows_without_bound_is_named():
    """x' = x², x(0) = 1: infinite at 1 s."""
    system = one_voxel(BLOW_UP, 0.4, rows=3)
    state = np.zeros((1, system.size))
    state[0, :3] = [0.1, 1.0, 0.2]
    with pytest.raises(CosimError) as error:
        advance(solver(system), state, 5)
    assert "m.A in voxel 1" in str(error.value)
    assert "800 ms" in str(error.value)


def test_an_input_that_is_not_a_number_is_found():
    system = system_of((), [VOLUME], dt=1e-3, models=[placed("nmda_lester_jahr")], shared=("glutamate",), clamped=0)
    inputs = np.full((3, max(1, len(system.patches[0].chemistry.inputs))), np.nan)
    with pytest.raises(CosimError, match="glutamate in voxel 0 is not finite"):
        after(system, [1.0, 20.0], 3, inputs)


def test_a_rate_that_is_not_a_number_is_found_beside_species_that_rest():
    text = """\
title: one that leaves, and one that does nothing
species: {A: {unit: "1"}, B: {unit: "1"}}
inputs: {u: {unit: 1/s, default: 1}}
reactions:
  leave: A ->, u
  rest: B ->, 0 /s
"""
    with pytest.raises(CosimError, match=r"m\.A in voxel 0 is not finite"):
        after(one_voxel(text, 1e-3), [1.0, 20.0], 3, np.array([[1.0], [np.nan], [1.0]]))


def test_after_a_fault_another_state_can_be_gone_on_with():
    system = one_voxel(BLOW_UP, 0.4)
    made, state = solver(system), np.zeros((1, system.size))
    state[0, 0] = 1.0
    with pytest.raises(CosimError):
        advance(made, state, 5)
    state[0, 0] = 0.5
    advance(made, state, 2)
    assert state[0, 0] == pytest.approx(1.0 / (2.0 - 0.8), rel=1e-5)
