"""Sites: where they lie, that random ones are counted and uniform, and that those off the tree are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_regions import BRANCHES

from cosim.sdk import CosimError
from engines.compartmental_neurons.morphology.branches import shape_of
from engines.compartmental_neurons.morphology.compartments import cut
from engines.compartmental_neurons.morphology.regions import Region, Regions
from engines.compartmental_neurons.morphology.sites import Site, compartments_of


def regions_of(per_um=10, named=None):
    morphology = shape_of(BRANCHES).morphology
    counts = np.maximum(np.round(morphology.lengths / per_um), 1).astype(int)
    return Regions(morphology, cut(morphology, counts, 1.0), {"tuft": Region(section=["left", "right"]), **(named or {})})


@pytest.fixture(scope="module")
def regions():
    """Of compartments of 10 µm."""
    return regions_of()


def site(**given):
    return Site(**{{"in_": "in", "all_": "all"}.get(key, key): value for key, value in given.items()})


def told(regions, wanted, **more):
    """Section and place of each compartment."""
    c = regions.compartments
    found = compartments_of(wanted, regions, **more)
    return [(regions.morphology.sections[c.section[k]].name, round(float(c.at[k]), 6)) for k in found]


# -- single places ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("trunk", ("trunk", 0.516667)),
        (site(in_="soma"), ("soma", 0.75)),
        (site(in_="soma", at=0), ("soma", 0.25)),
        (site(in_=Region(label="apical"), at=1), ("trunk", 0.983333)),
        (site(section=1, at=0.1), ("trunk", 0.116667)),
        (site(section="axon"), ("axon", 0.583333)),
        (site(nearest=(175, 3, 0)), ("trunk", 0.516667)),
        (site(nearest=(-1e6, 1e5, 0)), ("basal", 0.95)),
        (site(in_="tuft", nearest=(0, 0, 0)), ("left", 0.05)),
    ],
)
def test_a_place_is_the_compartment_it_is_in(wanted, expected):
    regions = regions_of(named={"trunk": Region(section="trunk")})
    assert told(regions, wanted) == [expected]


def test_places_at_ends_of_sections_are_the_last_compartments(regions):
    for section in regions.morphology.sections:
        places = [told(regions, site(section=section.name, at=at))[0][1] for at in (0, 1)]
        assert places[0] == pytest.approx(1 - places[1])


# -- many ------------------------------------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.one_of(st.floats(0.1, 600), st.integers(1, 60).map(lambda k: 10.0 * k)), st.sampled_from([10, 7, 3, 33]))
def test_a_distance_is_one_compartment_on_every_path_that_reaches_it(distance, per_um):
    """Also at the border of two, where sums of lengths are off by rounding."""
    regions = regions_of(per_um)
    reach = {"trunk": (10, 310), "left": (310, 410), "right": (310, 510), "basal": (10, 110), "axon": (10, 70), "twig": (70, 80)}
    tips = ("left", "right", "basal", "twig")
    expected = sorted(name for name, (low, high) in reach.items() if low <= distance < high or (distance == high and name in tips))
    wanted = site(in_=Region(without="soma"), distance=distance)
    if expected:
        assert sorted(name for name, _ in told(regions, wanted)) == expected
    else:
        with pytest.raises(CosimError, match="off the tree"):
            told(regions, wanted)


def test_every_multiple_of_a_distance_is_a_site(regions):
    assert told(regions, site(in_="axon", every=20)) == [("axon", 0.25), ("axon", 0.583333), ("axon", 0.916667)]
    assert len(told(regions, site(in_="tuft", every=2.5))) == 40 + 80  # four in each compartment
    every = site(in_=Region(label="apical"), every=50)
    assert [len(told(regions_of(per_um), every)) for per_um in (3, 10, 100)] == [6 + 2 + 4] * 3


def test_all_is_every_compartment_once(regions):
    found = compartments_of(site(all_="tuft"), regions)
    assert len(found) == len(set(found)) == 30


def test_random_sites_are_uniform_along_the_cable():
    """Counts in 300 µm of trunk, 100 µm of left and 200 µm of right; 4 standard deviations."""
    regions, count = regions_of(40), 6000
    found = compartments_of(site(in_=Region(label="apical"), count=count), regions, seed=5)
    counts = np.bincount(regions.compartments.section[found])[1:4]
    share = np.array([300, 100, 200]) / 600
    assert (np.abs(counts - count * share) < 4 * np.sqrt(count * share * (1 - share))).all()


def test_random_sites_hang_on_seed_cell_and_name_and_more_of_them_do_not_move_the_first(regions):
    few, many = site(in_="tuft", count=50), site(in_="tuft", count=80)
    first = compartments_of(few, regions, 1, 2, "ampa")
    np.testing.assert_array_equal(first, compartments_of(many, regions, 1, 2, "ampa")[:50])
    for other in ((2, 2, "ampa"), (1, 3, "ampa"), (1, 2, "nmda")):
        assert (first != compartments_of(few, regions, *other)).sum() > 30


def test_random_sites_stay_where_they_are_when_the_cell_is_cut_finer(regions):
    few = site(in_="tuft", count=40)
    coarse, fine = regions_of(20), regions_of(1)
    ends = [np.stack([r.compartments.start, r.compartments.stop])[:, compartments_of(few, r, 1)] for r in (coarse, fine)]
    middle = ends[1].mean(axis=0)
    for point, start, stop in zip(middle, *ends[0], strict=True):
        length = np.linalg.norm(stop - start)
        assert np.linalg.norm(point - start) + np.linalg.norm(stop - point) == pytest.approx(length, abs=1e-6)


# -- faults ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (site(section=7), ("section 7 is off the tree", "0 to 6")),
        (site(section="dend[3]"), ("no section is named 'dend[3]'", "")),
        (site(in_="tuft", distance=700), ("off the tree", "reaches from 310 um to 510 um")),
        (site(in_="tuft", distance=200), ("off the tree", "reaches from 310 um to 510 um")),
        (site(in_="axon", every=300), ("off the tree", "reaches from 10 um to 70 um")),
        (site(in_=Region(**{"in": "axon", "from": 900})), ("of which the cell has nothing", "reaches to 510 um")),
        (site(in_=Region(**{"in": "axon", "from": 40}), at=0), ("outside it", "from 0.583 to 0.917")),
        ("somma", ("nothing is called 'somma'", "did you mean 'soma'?")),
    ],
)
def test_sites_off_the_tree_are_refused_with_the_reason(regions, wanted, expected):
    with pytest.raises(CosimError) as caught:
        compartments_of(wanted, regions)
    for part in expected:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "say where it is"),
        ({"section": 1, "distance": 3}, "not section and distance"),
        ({"in": "soma", "count": 3, "at": 0.5}, "count says where without it"),
        ({"in": "soma", "section": 3}, "section says where without in"),
        ({"in": "soma", "all": "soma"}, "all says where without in"),
        ({"in": "soma", "at": 1.1}, "less than or equal to 1"),
        ({"in": "soma", "count": 0}, "greater than or equal to 1"),
        ({"in": "soma", "every": 0}, "greater than 0"),
        ({"nearest": [1, 2]}, "Field required"),
    ],
)
def test_a_site_that_says_nothing_or_too_much_is_refused(given, expected):
    with pytest.raises(ValueError, match=expected):
        Site.model_validate(given)
