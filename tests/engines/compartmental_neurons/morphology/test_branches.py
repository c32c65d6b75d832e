"""Cells by description: named branches, cables, Rall's tree and the cells of Arbor's ring."""

from __future__ import annotations

import math

import numpy as np
import pytest
from neuron_trees import steady_state

from engines.compartmental_neurons.morphology.branches import Branch, shape_of
from engines.compartmental_neurons.morphology.compartments import cut
from engines.compartmental_neurons.morphology.generators import Cable, Rall, Ring


def branches(**given):
    return {name: Branch(**values) for name, values in given.items()}


CELL = branches(
    tuft={"length": 100, "diameter": [2, 1], "parent": "trunk", "label": "apical"},
    soma={"length": 20, "diameter": 20},
    trunk={"length": 300, "diameter": 3, "parent": "soma", "label": "apical"},
    axon={"length": 50, "diameter": 1, "parent": "soma", "at": 0, "compartments": 5},
    oblique={"points": [(0, 0, 0), (0, 30, 0), (0, 30, 40)], "diameter": [1.5, 1, 0.5], "parent": "trunk", "at": 0.3},
)


# -- named branches --------------------------------------------------------------------------------------------------------------


def test_branches_become_sections_with_parents_first_whatever_their_order():
    made = shape_of(CELL)
    told = [(s.name, s.label, s.parent, s.parent_at, s.length) for s in made.morphology.sections]
    assert told == [
        ("soma", "soma", -1, 0.0, 20), ("trunk", "apical", 0, 1.0, 300), ("axon", "axon", 0, 0.0, 50),
        ("tuft", "apical", 1, 1.0, 100), ("oblique", "dendrite", 1, 0.3, 70),
    ]  # fmt: skip
    assert made.counts.tolist() == [0, 0, 5, 0, 0]
    assert made.morphology.sections[3].diameters.tolist() == [2, 1]
    assert made.morphology.sections[4].diameters.tolist() == [1.5, 1, 0.5]


def test_straight_branches_begin_where_they_leave_and_go_on_from_ends():
    soma, trunk, axon, tuft, _ = shape_of(CELL).morphology.sections
    np.testing.assert_allclose(trunk.points[0], soma.points[-1])
    np.testing.assert_allclose(axon.points[0], soma.points[0])
    np.testing.assert_allclose(tuft.points[0], trunk.points[-1])
    np.testing.assert_allclose(tuft.points, [[320, 0, 0], [420, 0, 0]])
    np.testing.assert_allclose(axon.points[-1], [-50, 0, 0])


def test_branches_of_one_place_fan_out():
    twigs = {f"twig{number}": Branch(length=10, diameter=1, parent="stem") for number in range(3)}
    made = shape_of({"stem": Branch(length=10, diameter=1), **twigs, "side": Branch(length=5, diameter=1, parent="stem", at=0.5)})
    ends = np.array([section.points[-1] for section in made.morphology.sections[1:]])
    assert len(np.unique(np.round(ends, 6), axis=0)) == 4
    np.testing.assert_allclose(ends[1], [20, 0, 0], atol=1e-9)
    np.testing.assert_allclose(ends[0] * [1, -1, 1], ends[2])
    np.testing.assert_allclose(ends[3], [5, 5, 0], atol=1e-9)


def test_a_taper_is_linear_along_bent_branches():
    bent = Branch(points=[(0, 0, 0), (0, 30, 0), (0, 30, 10)], diameter=[4, 2])
    (section,) = shape_of({"bent": bent}).morphology.sections
    assert section.diameters.tolist() == [4, 2.5, 2]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"length": 10, "diameter": -2}, "a diameter is -2 um"),
        ({"length": 10, "diameter": [2, 0]}, "a diameter is 0 um"),
        ({"length": -10, "diameter": 2}, "greater than 0"),
        ({"length": "10 ms", "diameter": 2}, "cannot be converted to um"),
        ({"diameter": 2}, "either length or points"),
        ({"length": 10, "points": [(0, 0, 0), (1, 1, 1)], "diameter": 2}, "either length or points"),
        ({"points": [(1, 1, 1), (1, 1, 1)], "diameter": 2}, "in one place"),
        ({"length": 10, "diameter": [1, 2, 3]}, "3 diameters: give 1 or 2"),
        ({"points": [(0, 0, 0), (1, 1, 1), (2, 2, 3)], "diameter": [1, 2, 3, 4]}, "4 diameters: give 1, 2 or 3"),
        ({"length": 10, "diameter": 1, "at": 1.5}, "less than or equal to 1"),
        ({"length": 10, "diameter": 1, "compartments": 0}, "greater than or equal to 1"),
        ({"length": 10, "diameter": float("nan")}, "finite"),
    ],
)
def test_branches_that_cannot_be_are_refused(given, told):
    with pytest.raises(ValueError, match=told):
        Branch(**given)


@pytest.mark.parametrize(
    ("parents", "told"),
    [
        ({"soma": None, "axon": "somma"}, r"axon leaves 'somma', which is not there: did you mean 'soma'\?"),
        ({"soma": None, "axon": None}, "soma and axon have no parent"),
        ({"soma": "axon", "axon": "soma"}, "every branch has a parent"),
        ({"soma": None, "axon": "twig", "twig": "axon"}, "axon, twig leave each other in a circle"),
    ],
)
def test_branches_that_are_no_tree_are_refused(parents, told):
    with pytest.raises(ValueError, match=told):
        shape_of({name: Branch(length=1, diameter=1, parent=parent) for name, parent in parents.items()})


# -- rules -----------------------------------------------------------------------------------------------------------------------


def test_a_cable_may_taper():
    (section,) = Cable(length="1 mm", diameter=["4 um", "1 um"], label="axon").shape().morphology.sections
    assert (section.length, section.diameters.tolist(), section.label) == (1000, [4, 1], "axon")


@pytest.mark.parametrize("count", [1, 4])
def test_ralls_tree_is_one_cylinder_to_a_current_into_its_trunk(count):
    """Also when cut, as every level is cut into pieces of the same areas and resistances in sum."""
    tree = cut(Rall(levels=6, length=50, diameter=8).shape().morphology, count, 1.5)
    cylinder = cut(Cable(length=300, diameter=8).shape().morphology, 6 * count, 1.5)
    at_tree, at_cylinder = steady_state(tree)[:, 0], steady_state(cylinder)[:, 0]
    assert at_tree[0] == pytest.approx(at_cylinder[0], rel=1e-12)
    for node in range(tree.count):
        if tree.area[node] > 0:
            level = int(math.log2(tree.section[node] + 1))
            place = level * count + int(tree.at[node] * count)
            assert at_tree[node] == pytest.approx(at_cylinder[place], rel=1e-11)


def test_ten_levels_of_32_by_16_um_are_the_tree_of_rallpack_2():
    """1023 branches, the last ones 4 µm long and 0.25 µm thick (Bhalla, Bilitch and Bower 1992)."""
    sections = Rall(levels=10, length=32, diameter=16).shape().morphology.sections
    assert len(sections) == 1023
    assert (sections[-1].length, sections[-1].diameters[0]) == (pytest.approx(4), pytest.approx(0.25))
    assert (sections[1].length, sections[1].diameters[0]) == (pytest.approx(25.4, abs=0.01), pytest.approx(10.08, abs=0.01))


def test_ralls_tree_may_stand_on_a_soma():
    sections = Rall(levels=2, length=32, diameter=16, soma=20).shape().morphology.sections
    assert [(s.name, s.label, s.parent) for s in sections] == [
        ("soma", "soma", -1), ("dend[0]", "dendrite", 0), ("dend[1]", "dendrite", 1), ("dend[2]", "dendrite", 1)
    ]  # fmt: skip


# -- ring cells ------------------------------------------------------------------------------------------------------------------


def levels_of(morphology):
    level = [0]
    for section in morphology.sections[1:]:
        level.append(level[section.parent] + 1)
    return np.array(level)


def test_ring_cells_have_a_soma_of_500_um2_and_levels_of_falling_length():
    shape = Ring().shape(seed=1, cell=7)
    soma = cut(shape.morphology, 1, 1.0).area[0]
    assert soma * 1e12 == pytest.approx(500, rel=1e-4)
    levels = levels_of(shape.morphology)
    assert set(levels) == {0, 1, 2, 3, 4, 5}
    expected = {0: (12.6157, 1), 1: (200, 20), 2: (155, 16), 3: (110, 11), 4: (65, 7), 5: (20, 2)}
    for section, level, count in zip(shape.morphology.sections, levels, shape.counts, strict=True):
        assert (section.length, count) == (pytest.approx(expected[level][0]), expected[level][1])
        assert section.parent_at == (1 if level else 0)


def test_ring_cells_branch_with_the_probabilities_of_their_levels():
    """Of 300 cells; 4 standard errors of a binomial."""
    tried, grown = np.zeros(5), np.zeros(5)
    for cell in range(300):
        levels = np.bincount(levels_of(Ring().shape(seed=3, cell=cell).morphology), minlength=6)
        tried += 2 * levels[:5]
        grown += levels[1:]
    expected = np.array([1, 0.875, 0.75, 0.625, 0.5])
    assert (np.abs(grown / tried - expected) <= 4 * np.sqrt(expected * (1 - expected) / tried)).all()


def test_ring_cells_hang_on_seed_and_number_alone():
    def tree(seed, cell):
        return [(s.parent, s.length) for s in Ring(depth=7).shape(seed, cell).morphology.sections]

    assert tree(1, 5) == tree(1, 5)
    assert tree(1, 5) != tree(1, 6)
    assert tree(1, 5) != tree(2, 5)


def test_a_ring_cell_of_one_level_has_the_first_values():
    shape = Ring(depth=1, length=(30, 5), compartments=(3, 1)).shape()
    assert [s.length for s in shape.morphology.sections] == [12.6157, 30, 30]
    assert shape.counts.tolist() == [1, 3, 3]
    assert len(Ring(depth=3, branch_probability=(0, 1)).shape().morphology.sections) == 1
