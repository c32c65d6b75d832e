"""Cutting trees into compartments: areas, resistances and distances, against NEURON and against what is known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neuron_trees import LEAK_S_M2, RESISTIVITY_OHM_M, as_job, measured, rebuilt, steady_state

from cosim.sdk import CosimError, ScenarioError
from engines.compartmental_neurons.morphology.compartments import Discretisation, counts_of, cut
from engines.compartmental_neurons.morphology.tree import Morphology, Section

PLACES = (0.0, 1.0, 1.0, 1.0, 0.5, 0.3, 0.77)


def random_tree(seed, sections=10):
    """Branches along x, y or z by eighths of a µm: NEURON keeps them and their arcs exactly."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(sections):
        count = int(rng.integers(2, 7))
        steps = np.zeros((count, 3))
        steps[np.arange(1, count), rng.integers(0, 3, count - 1)] = rng.integers(1, 400, count - 1) / 8
        diameters = rng.integers(4, 80, count) / 16
        if count > 3 and seed % 2:
            steps[2] = 0  # a step of the diameter
        parent = int(rng.integers(0, number)) if number else -1
        made.append(Section(np.cumsum(steps, axis=0), diameters, parent, float(rng.choice(PLACES)) if number else 0.0, "dendrite"))
    return Morphology(tuple(made))


@st.composite
def trees(draw):
    return random_tree(draw(st.integers(0, 10**6)), draw(st.integers(1, 12)))


def cylinder(length, diameter, parent=-1, at=1.0):
    """Of µm, along x."""
    points = np.array([[0.0, 0, 0], [length, 0, 0]])
    return Section(points, np.full(2, diameter), parent, at if parent >= 0 else 0.0, "dendrite")


def by_section(compartments, values, section):
    """Values of the compartments of one section, from its start to its end."""
    here = np.flatnonzero((compartments.section == section) & (compartments.area > 0))
    return values[here[np.argsort(compartments.at[here])]]


# -- against NEURON --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pairs():
    """(compartments, what NEURON says, site) of 24 random trees."""
    made, jobs = [], []
    for seed in range(24):
        rng = np.random.default_rng(1000 + seed)
        morphology = random_tree(seed)
        counts = rng.integers(1, 8, len(morphology.sections))
        counts[0] |= 1  # with an even count NEURON has no node in the middle of the root, from which it measures distances
        section = int(rng.integers(len(counts)))
        site = [section, int(rng.integers(counts[section]))]
        jobs.append(as_job(morphology, counts, site))
        made.append((cut(morphology, counts, RESISTIVITY_OHM_M), site))
    return [(compartments, found, site) for (compartments, site), found in zip(made, measured(*jobs), strict=True)]


def test_areas_are_those_of_neuron(pairs):
    for compartments, found, _ in pairs:
        for number, section in enumerate(found["sections"]):
            areas = by_section(compartments, compartments.area, number) * 1e12
            np.testing.assert_allclose(areas, section["areas"], rtol=1e-12)  # sums of some ten frusta


def test_axial_resistances_within_sections_are_those_of_neuron(pairs):
    for compartments, found, _ in pairs:
        for number, section in enumerate(found["sections"]):
            ohm = 1 / by_section(compartments, compartments.conductance, number)[1:]
            np.testing.assert_allclose(ohm, np.array(section["resistances"][1:]) * 1e6, rtol=1e-12)


def test_distances_are_those_of_neuron(pairs):
    for compartments, found, _ in pairs:
        for number, section in enumerate(found["sections"]):
            distances = by_section(compartments, compartments.distance, number)
            np.testing.assert_allclose(distances, section["distances"], atol=1e-9)


def test_input_and_transfer_resistances_are_those_of_neuron(pairs):
    for compartments, found, (section, inside) in pairs:
        matrix = steady_state(compartments)
        source = matrix[:, by_section(compartments, np.arange(compartments.count), section)[inside]]
        for number, transfer in enumerate(found["transfer"]):
            ours = by_section(compartments, source, number)
            np.testing.assert_allclose(ours, transfer, rtol=1e-9)  # both solve a linear system of condition up to 1e5


def test_d_lambda_is_the_rule_of_neuron(pairs):
    for seed, (_, found, _) in enumerate(pairs):
        morphology = random_tree(seed)
        expected = [int((section["in_lambdas"] / 0.1 + 0.9) / 2) * 2 + 1 for section in found["sections"]]
        assert counts_of(morphology, Discretisation(d_lambda=0.1), RESISTIVITY_OHM_M, 0.01).tolist() == expected


def test_a_tree_of_neurons_own_points_is_the_same(pairs):
    """Which is how files are held against NEURON to more digits than those of its points."""
    for seed, (compartments, found, _) in enumerate(pairs):
        counts = [section["count"] for section in found["sections"]]
        assert [s.length for s in rebuilt(found).sections] == [s.length for s in random_tree(seed).sections]
        np.testing.assert_array_equal(cut(rebuilt(found), counts, RESISTIVITY_OHM_M).area, compartments.area)


# -- in closed form --------------------------------------------------------------------------------------------------------------


def test_a_sealed_cable_has_the_input_resistance_of_the_book():
    """At x of a sealed cable it is r cosh(x / λ) cosh((L - x) / λ) / sinh(L / λ), r = 4 ρ λ / (π d²); to second order in cuts."""
    length, diameter, rho = 1000e-6, 2e-6, 1.5
    space = math.sqrt(diameter / (4 * rho * LEAK_S_M2))
    errors = []
    for count in (25, 50, 100):
        resistance = steady_state(cut(Morphology((cylinder(1000, 2),)), count, rho))[0, 0]
        x = length / (2 * count)
        expected = 4 * rho * space / (math.pi * diameter**2) * math.cosh(x / space) * math.cosh((length - x) / space)
        errors.append(abs(resistance * math.sinh(length / space) / expected - 1))
    assert errors[2] < 5e-5
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 4, rtol=0.05)


def test_a_cone_has_the_area_and_the_resistance_of_a_cone():
    cone = Section(np.array([[0.0, 0, 0], [30, 0, 0]]), np.array([8.0, 2.0]), -1, 0.0, "soma")
    compartments = cut(Morphology((cone, cylinder(10, 2, 0))), [1, 1], 2.0)
    assert compartments.area[0] == pytest.approx(math.pi * 5 * math.sqrt(30**2 + 3**2) * 1e-12)
    from_middle = 4 * 2.0 * 15e-6 / (math.pi * 5e-6 * 2e-6) + 4 * 2.0 * 5e-6 / (math.pi * 2e-6**2)
    assert 1 / compartments.conductance[1] == pytest.approx(from_middle)


def test_every_section_may_have_its_own_resistivity():
    morphology = Morphology((cylinder(20, 2), cylinder(20, 2, 0)))
    compartments = cut(morphology, 1, [1.0, 3.0])
    half = 4 * 10e-6 / (math.pi * 2e-6**2)
    assert 1 / compartments.conductance[1] == pytest.approx(half * 1.0 + half * 3.0)


# -- the tree of nodes -----------------------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None, derandomize=True)
@given(trees(), st.integers(1, 9))
def test_the_nodes_are_one_tree_breadth_first(morphology, count):
    compartments = cut(morphology, count, 1.0)
    parent = compartments.parent
    assert parent[0] == -1
    assert (parent[1:] >= 0).all()
    assert (parent[1:] < np.arange(1, len(parent))).all()
    assert (np.diff(parent[1:]) >= 0).all()  # children stand in the order of their parents
    assert (compartments.conductance[1:] > 0).all()
    assert compartments.conductance[0] == 0
    assert compartments.section[0] == 0
    assert compartments.area[0] > 0


@settings(max_examples=60, deadline=None, derandomize=True)
@given(trees(), st.integers(1, 40))
def test_no_cut_changes_the_area_or_the_length(morphology, count):
    once, often = cut(morphology, 1, 1.0), cut(morphology, count, 1.0)
    assert often.area.sum() == pytest.approx(once.area.sum(), rel=1e-12)
    assert often.length.sum() == pytest.approx(morphology.lengths.sum(), rel=1e-12)
    has_membrane = often.area > 0
    assert has_membrane.sum() == count * len(morphology.sections)
    cylinders = math.pi * often.diameter * often.length * 1e-12
    np.testing.assert_allclose(cylinders[has_membrane], often.area[has_membrane], rtol=1e-12)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(trees(), st.integers(1, 9))
def test_neighbours_within_a_section_touch(morphology, count):
    compartments = cut(morphology, count, 1.0)
    for section in range(len(morphology.sections)):
        starts, stops = (by_section(compartments, points, section) for points in (compartments.start, compartments.stop))
        np.testing.assert_allclose(starts[1:], stops[:-1], atol=1e-9)
        np.testing.assert_allclose(starts[0], morphology.sections[section].points[0], atol=1e-9)
        np.testing.assert_allclose(stops[-1], morphology.sections[section].points[-1], atol=1e-9)


def test_a_node_without_membrane_stands_only_where_cables_meet():
    one, two = Morphology((cylinder(10, 2), cylinder(10, 1, 0))), (cylinder(10, 2), cylinder(10, 1, 0), cylinder(10, 1, 0))
    assert (cut(one, 3, 1.0).area > 0).all()
    assert (cut(Morphology(two), 3, 1.0).area == 0).sum() == 1
    both_at_start = Morphology((cylinder(10, 2), cylinder(10, 1, 0, 0.0), cylinder(10, 1, 0, 0.0)))
    compartments = cut(both_at_start, 1, 1.0)
    joint = int(np.flatnonzero(compartments.area == 0)[0])
    assert (compartments.at[joint], compartments.section[joint], compartments.parent[joint]) == (0.0, 0, 0)
    assert compartments.length[joint] == compartments.diameter[joint] == 0


def test_a_section_inside_another_begins_at_a_node():
    morphology = Morphology((cylinder(30, 2), cylinder(10, 1, 0, 0.7), cylinder(10, 1, 0, 0.7)))
    compartments = cut(morphology, [3, 1, 1], 1.0)
    last = by_section(compartments, np.arange(5), 0)[2]
    assert compartments.parent[-2:].tolist() == [last, last]
    assert 1 / compartments.conductance[-1] == pytest.approx(4 * 5e-6 / (math.pi * 1e-6**2))


def test_what_begins_at_the_start_of_a_branch_begins_where_the_branch_does():
    direct = Morphology((cylinder(10, 2), cylinder(10, 1, 0), cylinder(10, 1, 0)))
    by_way = Morphology((cylinder(10, 2), cylinder(10, 1, 0), cylinder(10, 1, 1, 0.0)))
    np.testing.assert_allclose(steady_state(cut(direct, 2, 1.0)), steady_state(cut(by_way, 2, 1.0)))


# -- counts ----------------------------------------------------------------------------------------------------------------------


def test_counts_by_length_by_number_and_by_bmtks_rule():
    morphology = Morphology((cylinder(100, 2), cylinder(39, 1, 0), cylinder(81, 1, 0)))
    assert counts_of(morphology, Discretisation(max_length=10), 1.0, 0.01).tolist() == [10, 4, 9]
    assert counts_of(morphology, Discretisation(max_length="0.2 mm"), 1.0, 0.01).tolist() == [1, 1, 1]
    assert counts_of(morphology, Discretisation(count=5), 1.0, 0.01).tolist() == [5, 5, 5]
    assert counts_of(morphology, Discretisation(two_per=40), 1.0, 0.01).tolist() == [5, 1, 5]


def test_a_rule_is_one_of_the_rules():
    with pytest.raises(ValueError, match="give one of max_length, count, d_lambda, two_per, not max_length and count"):
        Discretisation(max_length=10, count=3)
    with pytest.raises(ValueError, match="give one of"):
        Discretisation()


# -- faults ----------------------------------------------------------------------------------------------------------------------


def test_all_faults_of_sections_are_told_at_once():
    flat = Section(np.zeros((2, 3)), np.ones(2), 0, 1.0, "axon", "stub")
    thin = Section(np.eye(3)[:2], np.array([1.0, -2.0]), 5, 1.5, "axon")
    with pytest.raises(ScenarioError) as caught:
        Morphology((cylinder(10, 2), flat, thin), {"tuft": (0, 7)})
    told = str(caught.value)
    for part in ("section 1 (stub) has no length", "diameter of -2 µm", "the parent 5", "begins at 1.5", "names section 7"):
        assert part in told


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ((), "no section"),
        ((Section(np.zeros((1, 3)), np.ones(1), -1, 0.0, "soma"),), "no piece of cable"),
        ((Section(np.array([[0.0, 0, 0], [np.nan, 0, 0]]), np.ones(2), -1, 0.0, "soma"),), "not finite"),
        ((cylinder(1, 1), cylinder(1, 1)), "parent -1"),
        ((cylinder(1, np.inf),), "diameter of inf"),
    ],
)
def test_what_is_no_tree_is_refused(sections, told):
    with pytest.raises(CosimError, match=told):
        Morphology(sections)


@pytest.mark.parametrize(
    ("counts", "rho", "told"), [(0, 1.0, "no compartment"), (1.5, 1.0, "no compartment"), (1, 0.0, "resistivity")]
)
def test_counts_and_resistivities_that_cannot_be_are_refused(counts, rho, told):
    with pytest.raises(CosimError, match=told):
        cut(Morphology((cylinder(10, 2),)), counts, rho)


def test_points_of_a_section_cannot_be_changed_afterwards():
    points = np.array([[0.0, 0, 0], [1, 0, 0]])
    section = Section(points, np.ones(2), -1, 0.0, "soma")
    points[1] = 0
    assert section.length == 1
    with pytest.raises(ValueError, match="read-only"):
        section.points[0, 0] = 5
