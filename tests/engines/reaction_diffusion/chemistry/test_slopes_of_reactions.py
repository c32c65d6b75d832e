"""The code of a chemistry against the same rates worked out another way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_chemistry import VOXEL, Compiled, Interpreted, chemistry_of, model_of, placed

from engines.reaction_diffusion.chemistry.chemistry import Chemistry

UNITS = ("1", "1/m**2", "mol/m**2", "1/m**3", "mol/m**3")
PLACES = ((0,), (1, 2), (3, 4))
ROUNDING = 1e-12
"""Relative to the largest term: some ten operations of 1e-16 each."""


# -- networks at random --------------------------------------------------------------------------------------------------------


@st.composite
def networks(draw):
    """Measures of species, and reactions: molecules in and out, measure, constant in SI units of the model's symbols."""
    measures = draw(st.lists(st.integers(0, 4), min_size=1, max_size=5))
    sides = st.dictionaries(st.integers(0, len(measures) - 1), st.integers(1, 3), max_size=3)
    reactions = []
    for left, right in draw(st.lists(st.tuples(sides, sides), min_size=1, max_size=6)):
        if left == right:
            continue
        place = min(next(p for p, kinds in enumerate(PLACES) if measures[k] in kinds) for k in (*left, *right))
        measure = draw(st.sampled_from(PLACES[place]))
        reactions.append((left, right, measure, draw(st.floats(0.1, 10))))
    numbers = [draw(st.floats(1, 100)) for _ in measures]
    return measures, reactions, np.array(numbers)


def text_of(measures, reactions):
    lines = ["title: at random", "species:"]
    lines += [f'  S{k}: {{unit: "{UNITS[measure]}"}}' for k, measure in enumerate(measures)]
    parameters, equations = [], []
    for c, (left, right, measure, _) in enumerate(reactions):
        below = "".join(f"/({UNITS[measures[k]]})**{order}" for k, order in left.items())
        parameters.append(f'  k{c}: {{unit: "{UNITS[measure]}/s{below}", default: 1}}')
        before, after = (" + ".join(f"{number} S{k}" for k, number in side.items()) for side in (left, right))
        equations.append(f'  r{c}: "{before} -> {after}, k{c}"')
    return "\n".join([*lines, *(["parameters:", *parameters, "reactions:", *equations] if reactions else [])])


def expected(measures, reactions, n):
    """Molecules per second by the law of mass action in the units of the symbols, for numbers that may be complex."""
    slopes = np.zeros(len(n), n.dtype)
    for left, right, measure, constant in reactions:
        rate = constant * VOXEL[measure]
        for k, order in left.items():
            rate = rate * (n[k] / VOXEL[measures[k]]) ** order
        for k in range(len(n)):
            slopes[k] += (right.get(k, 0) - left.get(k, 0)) * rate
    return slopes


def scaled(measures, reactions):
    """The same with constants by which ten molecules of each react some times a second."""
    found = []
    for left, right, measure, constant in reactions:
        for k, order in left.items():
            constant = constant * (VOXEL[measures[k]] / 10) ** order
        found.append((left, right, measure, constant / VOXEL[measure]))
    return found


@settings(max_examples=60, deadline=None)
@given(networks())
def test_slopes_and_jacobian_are_those_of_mass_action(network):
    measures, reactions, n = network
    reactions = scaled(measures, reactions)
    values = {f"k{c}": reaction[3] for c, reaction in enumerate(reactions)}
    run = Interpreted(chemistry_of(text_of(measures, reactions), **values))
    largest = np.abs(expected(measures, reactions, n)).max() + sum(4 * r[3] * VOXEL[r[2]] for r in reactions)
    terms = [abs(expected(measures, [reaction], n)).max() for reaction in reactions]
    tolerance = ROUNDING * max([largest, *terms])
    np.testing.assert_allclose(run.slopes(n), expected(measures, reactions, n), rtol=ROUNDING, atol=tolerance)
    step = 1e-30
    for k in range(len(n)):
        moved = n.astype(complex)
        moved[k] += 1j * step
        column = expected(measures, reactions, moved).imag / step
        np.testing.assert_allclose(run.jacobian(n)[:, k], column, rtol=ROUNDING, atol=10 * tolerance)


@settings(max_examples=60, deadline=None)
@given(networks())
def test_coefficients_times_products_of_molecules_are_the_flows(network):
    measures, reactions, n = network
    reactions = scaled(measures, reactions)
    values = {f"k{c}": reaction[3] for c, reaction in enumerate(reactions)}
    chemistry = chemistry_of(text_of(measures, reactions), **values)
    found = Interpreted(chemistry).coefficients(n)
    for coefficient, channel, (left, right, measure, constant) in zip(found, chemistry.channels, reactions, strict=True):
        orders = np.array([left.get(k, 0) for k in range(len(n))])
        expected_one = constant * VOXEL[measure] / np.prod(VOXEL[measures] ** orders)
        assert coefficient == pytest.approx(expected_one, rel=ROUNDING)
        assert (channel.reactants == orders).all()
        assert (channel.change == [right.get(k, 0) - left.get(k, 0) for k in range(len(n))]).all()
        assert channel.is_mass_action


@settings(max_examples=40, deadline=None)
@given(networks())
def test_laws_found_are_all_there_are_and_no_slope_breaks_them(network):
    measures, reactions, n = network
    reactions = scaled(measures, reactions)
    values = {f"k{c}": reaction[3] for c, reaction in enumerate(reactions)}
    chemistry = chemistry_of(text_of(measures, reactions), **values)
    laws = chemistry.conservation()
    changes = np.array([channel.change for channel in chemistry.channels]).reshape(-1, len(n))
    rank = np.linalg.matrix_rank(changes) if len(changes) else 0
    assert laws.shape == (len(n) - rank, len(n))
    assert not (laws @ changes.T).any()
    if len(laws):
        assert np.linalg.matrix_rank(laws) == len(laws)
        slopes = Interpreted(chemistry).slopes(n)
        assert np.abs(laws @ slopes).max() <= 1e-11 * (1 + np.abs(slopes).max() * np.abs(laws).max())


# -- rate laws, states, inputs -------------------------------------------------------------------------------------------------

MIXED = """
title: laws and states
parameters:
  k_on: {unit: 1/(mM*ms), default: 2}
  v: {unit: uM/ms, default: 3}
  v_area: {unit: umol/m**2/ms, default: 0.02}
  K: {unit: uM, default: 5}
  tau: {unit: ms, default: 4}
  V_h: {unit: mV, default: -40}
  s_h: {unit: mV, default: 6}
inputs: {V: {unit: mV, default: -60}}
species:
  A: {unit: uM}
  B: {unit: mM}
  E: {unit: uM}
  R: {unit: "1", initial: 1}
  RA: {unit: "1"}
  M: {unit: 1/um**2}
states: {h: {unit: "1", initial: 0.5}, w: {unit: mV}}
expressions:
  h_inf: 1 / (1 + exp((V - V_h) / s_h))
  hill: A**2 / (K**2 + A**2)
  opened: h * hill
derivatives:
  h: (h_inf * (1 - 0.5 * hill) - h) / tau
  w: (V * h - w) / tau * (1 + B / K)
reactions:
  bind: A + R <-> RA, 2 * k_on * h, 4 /ms
  pump: {equation: A ->, rate: v * opened}
  membrane_pump: {equation: "A -> B", rate: v_area * A / (K + A)}
  exchange: {equation: A <-> B, forward: A / tau, backward: 0.5 * h * B / tau}
  enzyme: {equation: B -> A, catalyst: E, k_cat: 5 /s, K_M: 2 uM}
  insert: {equation: -> M, rate: 3 1/um**2/s * w / V_h}
  leave: M + A -> A, 0.1 /uM/ms
  open_pore: {equation: RA -> RA + B, rate: 100 * h / tau}
outputs:
  current: {value: RA * v * tau / K, unit: "1"}
  level: {value: hill * w, unit: mV}
""".replace("3 1/um**2/s * w / V_h", "flux * w / V_h").replace(
    "  v: {unit: uM/ms", "  flux: {unit: 1/um**2/s, default: 3}\n  v: {unit: uM/ms"
)
AVOGADRO = 6.02214076e23


def mixed(x, potential):
    """Slopes of the model above, written down by hand, in SI units; numbers may be complex."""
    area, volume = 3e-13, 2e-20
    mol = AVOGADRO * volume
    n_a, n_b, n_e, n_r, n_ra, n_m, h, w = x
    a, b, e = n_a / mol, n_b / mol, n_e / mol
    m = n_m / area
    k_on, v, v_area, half, tau = 2 * 1e3, 3e-3 / 1e-3, 0.02e-6 / 1e-3, 5e-3, 4e-3
    hill = a**2 / (half**2 + a**2)
    h_inf = 1 / (1 + np.exp((potential + 0.040) / 0.006))
    bind, unbind = 2 * k_on * h * a * n_r, 4e3 * n_ra
    pump = v * h * hill * mol
    through = v_area * a / (half + a) * AVOGADRO * area
    there, back = a / tau * mol, 0.5 * h * b / tau * mol
    enzyme = 5 * e * b / (2e-3 + b) * mol
    insert = 3e12 * w / -0.040 * area
    leave = 0.1 / (1e-3 * 1e-3) * m * a * area
    pore = 100 * h / tau
    return np.array(
        [
            -bind + unbind - pump - through - there + back + enzyme,
            through + there - back - enzyme + pore,
            0 * n_a,
            -bind + unbind,
            bind - unbind,
            insert - leave,
            (h_inf * (1 - 0.5 * hill) - h) / tau,
            (potential * h - w) / tau * (1 + b / half),
        ]
    )


X = np.array([40.0, 25.0, 9.0, 70.0, 10.0, 33.0, 0.3, -0.05])


@pytest.fixture(scope="module")
def mixture():
    return Chemistry.of([placed(model_of(MIXED))], [])


@pytest.mark.parametrize("kind", [Interpreted, Compiled])
def test_laws_states_and_inputs_are_written_as_by_hand(mixture, kind):
    run = kind(mixture)
    slopes = mixed(X, -0.055)
    np.testing.assert_allclose(run.slopes(X, [-0.055]), slopes, rtol=1e-12)
    step, jacobian = 1e-30, run.jacobian(X, [-0.055])
    for k in range(len(X)):
        moved = X.astype(complex)
        moved[k] += 1j * step
        column = mixed(moved, -0.055).imag / step
        np.testing.assert_allclose(jacobian[:, k], column, rtol=1e-11, atol=1e-11 * np.abs(jacobian[:, k]).max())


def test_compiled_code_gives_what_python_gives(mixture):
    compiled, interpreted = Compiled(mixture), Interpreted(mixture)
    for name in ("slopes", "jacobian", "coefficients", "observe"):
        np.testing.assert_array_equal(getattr(compiled, name)(X, [-0.05]), getattr(interpreted, name)(X, [-0.05]))


def test_propensities_of_laws_are_their_flows(mixture):
    run, names = Interpreted(mixture), [channel.name for channel in mixture.channels]
    laws = run.laws(X, [-0.05])
    of_mass_action = [channel.is_mass_action for channel in mixture.channels]
    assert np.isnan(laws[of_mass_action]).all()  # left as they were
    assert (run.coefficients(X, [-0.05])[np.logical_not(of_mass_action)] == 0).all()
    assert laws[names.index("a.exchange.backward")] == pytest.approx(0.5 * X[6] * X[1] / 4e-3)
    assert laws[names.index("a.insert")] > 0  # w and V_h are both negative
    turned = X.copy()
    turned[7] = 0.05
    assert run.laws(turned, [-0.05])[names.index("a.insert")] < 0  # which the stochastic solvers refuse
    assert run.slopes(turned, [-0.05])[5] < 0


def test_a_channel_says_what_moves_its_propensity(mixture):
    rests_on = {channel.name: channel.rests_on for channel in mixture.channels}
    species, states = list(mixture.species), len(mixture.species)
    a, r, e, b = (species.index(f"a.{name}") for name in "AREB")
    assert rests_on["a.bind.forward"] == (a, r, states)
    assert rests_on["a.pump"] == (a, states)
    assert rests_on["a.enzyme"] == tuple(sorted((e, b)))
    assert rests_on["a.insert"] == (states + 1,)


def test_constants_that_states_or_inputs_move_are_no_constants(mixture):
    assert not mixture.is_constant
    assert mixture.has_laws
    plain = chemistry_of(
        '{title: t, species: {A: {unit: "1"}}, parameters: {k: {unit: 1/s, default: 1}}, reactions: {r: "A ->, k"}}'
    )
    assert plain.is_constant
    assert not plain.has_laws


def test_outputs_are_in_si_units_with_the_units_of_the_file_beside(mixture):
    hill = (X[0] / (AVOGADRO * 2e-20)) ** 2 / ((5e-3) ** 2 + (X[0] / (AVOGADRO * 2e-20)) ** 2)
    found = Interpreted(mixture).observe(X)
    np.testing.assert_allclose(found, [X[4] * 3e-3 / 1e-3 * 4e-3 / 5e-3, hill * X[7]], rtol=1e-13)
    assert mixture.outputs == ("a.current", "a.level")
    assert dict(mixture.output_units) == {"a.current": "1", "a.level": "mV"}


# -- models together -----------------------------------------------------------------------------------------------------------

RECEPTOR = """
title: a receptor
species: {T: {unit: mM}, R: {unit: "1", initial: 1}, TR: {unit: "1"}}
parameters: {k: {unit: 1/(mM*ms), default: 3}}
reactions: {bind: "T + R <-> TR, k, 2 /ms"}
conserved: {T: T + TR}
"""
BUFFER = """
title: a buffer that counts in uM
species: {ligand: {unit: uM}, B: {unit: uM}, LB: {unit: uM}, D: {unit: uM}}
reactions: {bind: "ligand + B <-> LB, 1 /uM/s, 2 /s", twice: "ligand + LB <-> D, 4 /uM/s, 2 /s"}
conserved: {ligand: ligand + LB + 2*D}
"""


def test_models_that_share_a_species_are_one_chemistry():
    parts = [placed(model_of(RECEPTOR), "ampa"), placed(model_of(RECEPTOR), "nmda", k=5e3)]
    parts.append(placed(model_of(BUFFER), "buffer", {"ligand": "T"}))
    both = Chemistry.of(parts, ["other", "T"])
    assert both.species == ("T", "ampa.R", "ampa.TR", "nmda.R", "nmda.TR", "buffer.B", "buffer.LB", "buffer.D")
    assert both.measures.tolist() == [4, 0, 0, 0, 0, 4, 4, 4]
    assert dict(both.species_units)["T"] == "mM"
    assert both.parameters == ("ampa.k", "nmda.k")
    assert both.values.tolist() == [3e3, 5e3]
    assert both.bound("T").tolist() == [0, 0, 1, 0, 1, 0, 1, 2]
    assert both.bound("other").tolist() == [0] * 8
    n = np.array([50.0, 5, 6, 7, 8, 9, 10, 11])
    mol = AVOGADRO * 2e-20
    c = n / mol
    slopes = [3e3 * c[0] * n[1] - 2e3 * n[2], 5e3 * c[0] * n[3] - 2e3 * n[4]]
    slopes += [(1e3 * c[0] * c[5] - 2 * c[6]) * mol, (4e3 * c[0] * c[6] - 2 * c[7]) * mol]
    expected_ones = [-sum(slopes), -slopes[0], slopes[0], -slopes[1], slopes[1], -slopes[2], slopes[2] - slopes[3], slopes[3]]
    np.testing.assert_allclose(Compiled(both).slopes(n), expected_ones, rtol=1e-12)
    laws = both.conservation()
    assert len(laws) == 4
    assert (laws >= 0).all()
    assert any((law == [1, 0, 1, 0, 1, 0, 1, 2]).all() for law in laws)


def test_the_code_depends_neither_on_names_nor_on_parameters():
    receptor = model_of(RECEPTOR)
    first, second = (Chemistry.of([placed(receptor, name, k=k)], ["T"]) for name, k in (("ampa", 1.0), ("gaba", 9.0)))
    assert first.code == second.code


def test_a_shared_species_comes_first_and_in_the_order_of_the_shared_ones():
    text = '{title: t, species: {own: {unit: "1"}, B: {unit: mM}, A: {unit: mM}}, reactions: {r: "A -> B, 1 /s"}}'
    assert chemistry_of(text, ["A", "C", "B"]).species == ("A", "B", "a.own")
