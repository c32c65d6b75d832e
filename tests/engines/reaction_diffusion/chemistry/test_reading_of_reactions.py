"""Texts of reactions, constants and claims, and what is made of them."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_chemistry import Interpreted, chemistry_of, model_of

from cosim.sdk.errors import ScenarioError
from engines.equations.dimensions import of_unit
from engines.reaction_diffusion.chemistry.conservation import laws_of, rank_of
from engines.reaction_diffusion.chemistry.description import read_reactions, shipped
from engines.reaction_diffusion.chemistry.equation import read_equation
from engines.reaction_diffusion.chemistry.measures import AVOGADRO, UNITS, measure_of, measures_of, place_of
from engines.reaction_diffusion.chemistry.rates import unit_that_fits
from engines.reaction_diffusion.chemistry.telling import tell


@pytest.mark.parametrize(
    ("text", "left", "right", "is_reversible", "constants"),
    [
        ("A + B <-> C, k_f, k_b", {"A": 1, "B": 1}, {"C": 1}, True, ("k_f", "k_b")),
        ("2 A -> B, 3 /mM/ms", {"A": 2}, {"B": 1}, False, ("3 /mM/ms",)),
        ("2*A+A -> B", {"A": 3}, {"B": 1}, False, ()),
        ("2A ⇌ ∅, max(a, b), c", {"A": 2}, {}, True, ("max(a, b)", "c")),
        ("-> A, 1 mM/s", {}, {"A": 1}, False, ("1 mM/s",)),
        ("A →", {"A": 1}, {}, False, ()),
        ("A <=> 0, 1 /s, 2 mM/s", {"A": 1}, {}, True, ("1 /s", "2 mM/s")),
        ("E + S -> E + 2 P, k", {"E": 1, "S": 1}, {"E": 1, "P": 2}, False, ("k",)),
    ],
)
def test_a_reaction_is_read_as_a_paper_prints_it(text, left, right, is_reversible, constants):
    equation = read_equation(text)
    assert (equation.left, equation.right, equation.is_reversible, equation.constants) == (left, right, is_reversible, constants)


def test_what_comes_out_as_it_went_in_is_no_change():
    assert read_equation("E + 2 S -> E + P, k").change == {"S": -2, "P": 1}


HEAD = """title: constants
parameters: {k: {unit: 1/(mM*ms), default: 4.59}, tau: {unit: ms, default: 4}, A0: {unit: uM, default: 2}}
inputs: {V: {unit: mV, default: 10}}
species: {A: {unit: mM}, B: {unit: uM}}
expressions: {twice: 2 * k}
"""


@pytest.mark.parametrize(
    ("text", "per_mol"),
    [
        ("4.59 /mM/ms", 4590),
        ("4.59 1/(mM*ms)", 4590),
        ("4.59e0/mM/ms", 4590),
        ("4.59e6 /M/s", 4590),
        ("4.59 mM**-1 ms**-1", 4590),
        ("k", 4590),
        ("2*k", 9180),
        ("twice", 9180),
        ("1/(tau*A0)", 1 / (4e-3 * 2e-3)),
        ("0.5 / tau / A0", 0.5 / (4e-3 * 2e-3)),
        ("k * exp(-tau / tau)", 4590 * np.exp(-1)),
        ("k if tau > A0 / A0 * tau else 2 * k", 9180),
        ("0", 0),
    ],
)
def test_a_constant_is_a_number_with_a_unit_or_an_expression(text, per_mol):
    run = Interpreted(chemistry_of(f'{HEAD}reactions: {{bind: "A + B ->, {text}"}}\n'))
    volume = 3e-19
    (found,) = run.coefficients([1, 1], [0.01], measures_of(volume, 0))
    # A + B in molecules: k / (N_A V); that of the constant per number of molecules has N_A in it already
    assert found == pytest.approx(per_mol / (AVOGADRO * volume), rel=1e-14)


@given(st.lists(st.sampled_from(["1", "mM", "uM", "1/um**2", "umol/m**2", "1/um**3", "mol/m**3"]), max_size=3), st.integers(0, 3))
def test_the_unit_that_is_suggested_fits(reactants, which):
    above = [*reactants, "mM"][which % (len(reactants) + 1)]
    below = {unit: reactants.count(unit) for unit in reactants}
    product = of_unit(unit_that_fits(above, below))
    for unit in reactants:
        product = product * of_unit(unit)
    assert product == of_unit(above) / of_unit("s")


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_of_each_order_and_place_one_unit_fits_and_others_do_not(unit, order):
    text = (
        f'title: t\nspecies: {{A: {{unit: "{unit}"}}}}\nreactions: {{r: "{f"{order} A" if order else ""} -> {order + 1} A, %s"}}\n'
    )
    fitting = unit_that_fits(unit, {unit: order})
    for other in ("V", "1/s**2", "mM*V/s", *(unit_that_fits(unit, {unit: n}) for n in range(5) if n != order and unit != "1")):
        with pytest.raises(ScenarioError) as caught:
            model_of(text % f"2 {other}")
        assert re.search(r"a unit such as (.*)", str(caught.value))[1] == fitting
    run = Interpreted(chemistry_of(text % f"2 {fitting}"))
    m = measures_of(5e-20, 7e-13)
    n, c = 3.0, 3.0 / m[measure_of(unit)]
    assert run.slopes([n], m=m)[0] == pytest.approx(2e3 * c**order * m[measure_of(unit)], rel=1e-13)


def test_places_go_from_numbers_over_membrane_to_volume():
    assert place_of([4, 2, 3]) == (1, 2)
    assert place_of([4, 0]) == (0,)
    assert place_of([3, 4]) == (3, 4)
    np.testing.assert_allclose(measures_of(2.0, 3.0), [1, 3, 3 * AVOGADRO, 2, 2 * AVOGADRO])
    assert measures_of(np.ones(7), np.zeros(7)).shape == (5, 7)


# -- conservation --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "laws"),
    [
        ([[-1, -1, 1]], [[1, 0, 1], [0, 1, 1]]),
        ([[-2, 1]], [[1, 2]]),
        ([[1, 0], [-1, 0]], [[0, 1]]),
        ([[1], [-1]], np.empty((0, 1))),
        ([[-1, -1, 1, 0], [0, 1, -1, 1]], [[1, 0, 1, 1], [0, 1, 1, 0]]),  # an enzyme, bound and free; a substance
        ([[-3, 2, 0], [0, -5, 7]], [[14, 21, 15]]),
        ([[1, 1]], [[1, -1]]),  # what has no law without negative numbers
    ],
)
def test_laws_are_those_a_chemist_writes(changes, laws):
    np.testing.assert_array_equal(laws_of(np.array(changes)), laws)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 7).flatmap(lambda n: st.lists(st.lists(st.integers(-3, 3), min_size=n, max_size=n), min_size=1, max_size=7)))
def test_there_are_as_many_laws_as_independent_species(changes):
    matrix = np.array(changes)
    laws = laws_of(matrix)
    assert laws.shape == (matrix.shape[1] - rank_of(changes), matrix.shape[1])
    assert not (laws @ matrix.T).any()
    assert rank_of(laws.tolist()) == len(laws)
    assert all(np.gcd.reduce(law) == 1 for law in laws)


def test_a_long_chain_is_quickly_seen_to_conserve_one_sum():
    changes = np.eye(60, k=1, dtype=np.int64)[:-1] - np.eye(60, dtype=np.int64)[:-1]
    np.testing.assert_array_equal(laws_of(changes), np.ones((1, 60)))


# -- in words ------------------------------------------------------------------------------------------------------------------

TOLD = """title: A pump
about: It pumps.
references: [A paper]
parameters: {v: {unit: uM/s, default: 3, positive: true, about: at most, source: the paper}}
inputs: {V: {unit: mV, default: -70, quantity: membrane_potential, about: where it is}}
species: {A: {unit: uM, initial: 2, about: ions}, E: {unit: "1", initial: 1}, EA: {unit: "1"}, B: {unit: uM}, P: {unit: uM}}
states: {h: {unit: "1", initial: 0.5, about: a gate}}
derivatives: {h: -h * v / A}
reactions:
  bind: A + E <-> EA, 3 /uM/s, 2 /s
  pump: {equation: "A -> B", rate: v * h, about: through it, source: another}
  turn: {equation: "B -> P", catalyst: E, k_cat: 3 /s, K_M: 2 uM}
  swap: {equation: B <-> P, forward: v, backward: v * h}
conserved: {sites: E + EA}
outputs: {flux: {value: v * h, unit: mM/s, about: what it does}}
"""


def test_a_model_is_told_in_words(tmp_path):
    path = tmp_path / "pump.yaml"
    path.write_text(TOLD, encoding="utf-8")
    lines = [" ".join(line.split()) for line in tell(path).splitlines()]
    for line in (
        "A pump (model: pump.yaml)",
        "It pumps.",
        "A 2 uM at t = 0 ions",
        "E 1 molecules at t = 0",
        "h 0.5 at t = 0 a gate",
        "bind A + E <-> EA 3 /uM/s and back 2 /s",
        "pump A -> B at the rate v * h through it [another]",
        "turn B -> P catalysed by E: k_cat = 3 /s, K_M = 2 uM",
        "swap B <-> P at the rates v and back v * h",
        "sites E + EA",
        "A + EA + B + P",
        "dh/dt = -h * v / A",
        "V -70 mV membrane_potential where it is",
        "v 3 uM/s v > 0 at most [the paper]",
        "flux = v * h mM/s what it does",
        "A paper",
    ):
        assert line in lines, f"{line}\nis not in\n" + "\n".join(lines)


@pytest.mark.parametrize("name", shipped())
def test_every_model_that_is_shipped_is_told(name):
    text = tell(shipped()[name])
    assert f"(model: {name})" in text
    assert all(f"\n  {species} " in text for species in read_reactions(shipped()[name]).species)
