"""Regions: labels, groups, sections, distances, what they have of each other, and what is refused."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.sdk import CosimError
from engines.compartmental_neurons.morphology.branches import Branch, shape_of
from engines.compartmental_neurons.morphology.compartments import cut
from engines.compartmental_neurons.morphology.regions import Region, Regions
from engines.compartmental_neurons.morphology.tree import Morphology

BRANCHES = {
    "soma": Branch(length=20, diameter=20),
    "trunk": Branch(length=300, diameter=3, parent="soma", label="apical"),
    "left": Branch(length=100, diameter=2, parent="trunk", label="apical"),
    "right": Branch(length=200, diameter=2, parent="trunk", label="apical"),
    "basal": Branch(length=100, diameter=2, parent="soma", at=0),
    "axon": Branch(length=60, diameter=1, parent="soma", at=0),
    "twig": Branch(length=10, diameter=1, parent="axon", label="boutons"),
}


@pytest.fixture(scope="module")
def cell():
    """Compartments of 10 µm, and of the soma of 20 µm in two."""
    sections = shape_of(BRANCHES).morphology.sections
    morphology = Morphology(sections, {"tuft": (2, 3), "apical": (2,)})
    return morphology, cut(morphology, [round(section.length / 10) for section in sections], 1.0)


def region(**given):
    return Region(**{{"from_": "from", "in_": "in"}.get(key, key): value for key, value in given.items()})


def names_in(cell, wanted, **named):
    """The sections that a region is in, with how many of their compartments."""
    morphology, compartments = cell
    mask = Regions(morphology, compartments, named).mask(wanted)
    counts = np.bincount(compartments.section[mask], minlength=len(morphology.sections))
    return {section.name: int(count) for section, count in zip(morphology.sections, counts, strict=True) if count}


# -- what they are made of -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("soma", {"soma": 2}),
        ("basal", {"basal": 10}),
        ("boutons", {"twig": 1}),
        ("tuft", {"left": 10, "right": 20}),
        ("apical", {"left": 10}),  # a group goes before a label
        (region(label="apical"), {"trunk": 30, "left": 10, "right": 20}),
        (region(label=["soma", "axon"]), {"soma": 2, "axon": 6}),
        (region(group="apical"), {"left": 10}),
        (region(section=[0, "twig"]), {"soma": 2, "twig": 1}),
        ("dendrites", {"trunk": 30, "left": 10, "right": 20, "basal": 10, "twig": 1}),
        ("all", {"soma": 2, "trunk": 30, "left": 10, "right": 20, "basal": 10, "axon": 6, "twig": 1}),
        (region(union=["soma", region(label="basal")]), {"soma": 2, "basal": 10}),
        (region(in_="all", without="dendrites"), {"soma": 2, "axon": 6}),
        (region(without=region(union=["dendrites", "soma"])), {"axon": 6}),
        (region(in_="tuft", from_=410), {"right": 10}),
        (region(in_="dendrites", to=30), {"trunk": 2, "basal": 2}),
        (region(label="apical", from_=300, to=330), {"trunk": 1, "left": 2, "right": 2}),
        (region(from_="0.4 mm"), {"left": 1, "right": 11}),
        (region(in_="tuft", from_=5000), {}),
    ],
)  # fmt: skip
def test_regions_are_the_sections_and_compartments_they_say(cell, wanted, expected):
    assert names_in(cell, wanted) == expected


def test_regions_may_be_made_of_named_ones(cell):
    named = {"far": region(in_="tuft", from_=400), "ends": region(union=["far", "boutons"]), "apical": region(label="apical")}
    assert names_in(cell, "ends", **named) == {"left": 1, "right": 11, "twig": 1}
    assert names_in(cell, "apical", **named) == {"trunk": 30, "left": 10, "right": 20}  # one's own go before all


def test_a_label_that_any_cell_may_have_is_no_fault_where_one_has_none(cell):
    morphology = Morphology(cell[0].sections[:1])
    assert not Regions(morphology, cut(morphology, 1, 1.0)).mask("axon").any()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.floats(1, 600), min_size=1, max_size=5, unique=True))
def test_distances_share_a_cell_out(cell, limits):
    """Every compartment is in one of [0, a), [a, b), …: whatever their limits."""
    limits = [0.0, *sorted(limits), 1e6]
    masks = [Regions(*cell).mask(region(from_=low, to=high)) for low, high in pairwise(limits)]
    np.testing.assert_array_equal(np.sum(masks, axis=0), cell[1].area > 0)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.permutations(["soma", "axon", "basal", "tuft", "boutons", "trunk"]), st.integers(1, 5))
def test_union_and_without_are_those_of_sets(cell, names, count):
    regions = Regions(*cell, {"trunk": region(section="trunk")})
    union, rest = region(union=names[:count]), region(union=names[count:])
    mask = regions.mask(union)
    np.testing.assert_array_equal(mask, np.logical_or.reduce([regions.mask(name) for name in names[:count]]))
    np.testing.assert_array_equal(regions.mask(region(in_="all", without=union)), regions.mask("all") & ~mask)
    assert not (mask & regions.mask(rest)).any()


def test_nodes_where_sections_meet_are_in_no_region(cell):
    assert (cell[1].area == 0).any()
    assert (cell[1].area[Regions(*cell).mask("all")] > 0).all()


# -- faults ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("apicall", "did you mean 'apical'?"),
        (region(label="bsal"), "did you mean 'basal'?"),
        (region(group="tufts"), "did you mean 'tuft'?"),
        (region(section=99), "0 to 6"),
        (region(section="trunc"), "did you mean 'trunk'?"),
        (region(in_="soma", without="nothing"), "nothing is called 'nothing'"),
    ],
)
def test_what_a_cell_does_not_have_is_refused(cell, wanted, told):
    with pytest.raises(CosimError) as caught:
        Regions(*cell).mask(wanted)
    assert told in str(caught.value)


def test_a_region_that_is_defined_by_itself_is_refused(cell):
    named = {"a": region(in_="b"), "b": region(union=["soma", "a"]), "basal": region(in_="basal", to=50)}
    with pytest.raises(CosimError, match="a → b → a"):
        names_in(cell, "a", **named)
    with pytest.raises(CosimError, match=r"\{label: basal\} is the label"):
        names_in(cell, "basal", **named)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "say which part of the cell"),
        ({"label": "soma", "group": "tuft"}, "give one of in, label, group, section, union, not label and group"),
        ({"in": "soma", "from": 30, "to": 20}, "from 30 um to 20 um, which is nowhere"),
        ({"in": "soma", "from": "30 mV"}, "cannot be converted"),
        ({"union": []}, "at least 1"),
        ({"inside": "soma"}, "Extra inputs"),
    ],
)
def test_a_region_that_says_nothing_or_too_much_is_refused(given, told):
    with pytest.raises(ValueError, match=told):
        Region.model_validate(given)
