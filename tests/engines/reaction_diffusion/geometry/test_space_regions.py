"""Regions: what is in them, by what names, and what is told of those that have nothing."""

import numpy as np
import pytest
from diffusion_operator import mesh_of
from pydantic import TypeAdapter

from cosim.sdk import CosimError
from engines.reaction_diffusion.geometry.regions import AnyRegion, voxels_of

FROM_FILE = {"from_file": True}
DISC = {"disc": {"radius": 0.25, "height": 0.02, "spacing": 0.01}}
BOX = {"box": {"size": [1.0, 1.0], "spacing": 0.1}}
DENDRITE = {
    "dendrite": {
        "max_length": 0.5,
        "morphology": {
            "branches": {
                "soma": {"length": 4.0, "diameter": 4.0, "label": "soma"},
                "trunk": {"length": 10.0, "diameter": 1.0, "parent": "soma", "label": "apical"},
                "spine": {"length": 1.0, "diameter": 0.2, "parent": "trunk", "at": 0.5, "label": "apical"},
            }
        },
    }
}


def region(given):
    return TypeAdapter(AnyRegion).validate_python(given, context=FROM_FILE)


def voxels(given, space, **named):
    return voxels_of(region(given), mesh_of(**space), {name: region(value) for name, value in named.items()})


PSD = {"ball": {"centre": ["0 nm", "0 nm", "0 nm"], "radius": "100 nm"}}


def test_a_ball_has_the_voxels_whose_places_are_in_it():
    mesh = mesh_of(**DISC)
    expected = np.flatnonzero((np.hypot(*mesh.positions[:, :2].T) <= 0.1 + 1e-9) & mesh.active)
    np.testing.assert_array_equal(voxels(PSD, DISC), expected)
    assert mesh.areas[expected].sum() == pytest.approx(np.pi * 0.1**2, rel=0.02)  # staircase of 10 voxels to the radius


def test_all_of_a_disc_is_what_has_volume():
    mesh = mesh_of(**DISC)
    np.testing.assert_array_equal(voxels("all", DISC), np.flatnonzero(mesh.active))
    assert len(voxels("all", DISC)) < mesh.count


def test_what_is_not_in_a_region_and_what_is_make_all():
    inside, outside = voxels("psd", DISC, psd=PSD), voxels({"not": "psd"}, DISC, psd=PSD)
    np.testing.assert_array_equal(np.sort(np.concatenate([inside, outside])), voxels("all", DISC))


def test_a_list_is_a_union_and_all_that_one_region_says_holds():
    left, low = {"box": {"to": ["0.5 um", "9 um", "9 um"]}}, {"box": {"to": ["9 um", "0.5 um", "9 um"]}}
    assert len(voxels([left, low], BOX)) == 75
    assert len(voxels({"in": "left", **low}, BOX, left=left)) == 25
    assert len(voxels({"in": "left", "not": low}, BOX, left=left)) == 25


def test_the_rim_is_the_ring_inside_of_it():
    mesh = mesh_of(**DISC)
    found = voxels({"rim": "30 nm"}, DISC)
    assert (np.hypot(*mesh.positions[found, :2].T) > 0.22 - 1e-9).all()
    assert mesh.areas[found].sum() == pytest.approx(np.pi * (0.25**2 - 0.22**2), rel=0.1)


def test_cables_are_named_as_their_sections_and_labels_are():
    mesh = mesh_of(**DENDRITE)
    assert set(mesh.labels_of(voxels("spine", DENDRITE))) == {"spine@0.25", "spine@0.75"}
    np.testing.assert_array_equal(voxels({"section": ["soma", "apical"]}, DENDRITE), voxels("all", DENDRITE))
    np.testing.assert_array_equal(voxels({"section": 2}, DENDRITE), voxels("spine", DENDRITE))
    near = voxels({"section": "trunk", "from": "2 um", "to": "4 um"}, DENDRITE)
    assert len(near) == 4
    assert ((mesh.distances[near] >= 2) & (mesh.distances[near] < 4)).all()


def test_a_name_of_ones_own_comes_before_one_of_the_cell():
    assert len(voxels("apical", DENDRITE, apical={"section": "spine"})) == 2


EMPTY = {
    "a ball between voxels": (
        {"ball": {"centre": ["5 nm", "5 nm", "0 nm"], "radius": "1 nm"}}, DISC, "0.006071 um outside of it",
    ),
    "a box beside the box": ({"box": {"from": ["2 um", "0 um", "-1 um"]}}, BOX, "1.05 um outside of it"),
    "beyond the tips": ({"from": "100 um"}, DENDRITE, "from 0 um to 12 um along the cables"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "space", "why"), EMPTY.values(), ids=EMPTY)
def test_a_region_without_a_voxel_says_how_far_the_nearest_is(given, space, why):
    with pytest.raises(CosimError, match="has no voxel") as caught:
        voxels("mine", space, mine=given)
    assert why in caught.value.why


WRONG = {
    "unknown": ("nowhere", DISC, {}, "there is no region 'nowhere'"),
    "itself": ("a", DISC, {"a": {"in": "b"}, "b": ["a"]}, "defined by itself"),
    "a rim of a box": ({"rim": "1 um"}, BOX, {}, "near the rim, and a box space has none"),
    "a section of a box": ({"section": "soma"}, BOX, {}, "is a section, and a box space has none"),
    "along a disc": ({"from": "1 um"}, DISC, {}, "along the cables"),
    "unknown section": ({"section": "axon7"}, DENDRITE, {}, "nothing is called 'axon7'"),
}


@pytest.mark.parametrize(("given", "space", "named", "what"), WRONG.values(), ids=WRONG)
def test_a_region_that_cannot_be_is_refused(given, space, named, what):
    with pytest.raises(CosimError, match=what):
        voxels(given, space, **named)


@pytest.mark.parametrize("given", [{}, [], {"from": "2 um", "to": "1 um"}, {"rim": 3}, {"ball": {"radius": "-1 um"}}], ids=str)
def test_what_says_nothing_is_no_region(given):
    with pytest.raises(ValueError, match="validation error"):
        region(given)
