"""Spaces that cannot be: each is told with its numbers and how to mend it."""

import numpy as np
import pytest
from diffusion_operator import mesh_of
from pydantic import TypeAdapter, ValidationError

from cosim.sdk import CosimError
from engines.reaction_diffusion.geometry.barriers import Barrier
from engines.reaction_diffusion.geometry.diffusion import Diffusion, Graded, coefficients, faces_of
from engines.reaction_diffusion.geometry.source import Space

CABLE = {"cable": {"length": "10 um", "diameter": ["1 um"]}}
DISC = {"radius": "250 nm", "height": "20 nm", "spacing": "10 nm"}
FAULTY = {
    "no space": ({}, "give one of well_mixed, disc, box, dendrite"),
    "two spaces": ({"well_mixed": {"volume": "1 um**3"}, "disc": DISC}, "not well_mixed and disc"),
    "negative volume": ({"well_mixed": {"volume": "-1 um**3"}}, "greater than 0"),
    "volume without unit": ({"well_mixed": {"volume": 1}}, "has no unit"),
    "spacing over the disc": ({"disc": {**DISC, "spacing": "1 um"}}, "spacing of 1 um is larger than the disc's radius of 0.25 um"),
    "negative radius": ({"disc": {**DISC, "radius": "-250 nm"}}, "greater than 0"),
    "a rim of another kind": ({"disc": {**DISC, "rim": "open"}}, "'reflecting' or 'absorbing'"),
    "spacing over the box": ({"box": {"size": "1 um", "spacing": "2 um"}}, "spacing of 2 um is larger than the box of 1 um"),
    "no whole number": ({"box": {"size": "1.05 um", "spacing": "0.1 um"}}, "1.05 um is not a whole number of voxels of 0.1 um"),
    "too many voxels": ({"box": {"size": ["1 mm", "1 mm", "1 mm"], "spacing": "1 um"}}, "takes too much memory"),
    "too many squares": ({"disc": {**DISC, "spacing": "0.01 nm"}}, "takes too much memory"),
    "axes that do not fit": ({"box": {"size": "1 um", "spacing": ["0.1 um", "0.1 um"]}}, "spacing has 2 numbers and size 1"),
    "a boundary of no axis": ({"box": {"size": "1 um", "spacing": "0.1 um", "boundaries": {"y": "absorbing"}}}, "the axis 'y'"),
    "two origins": ({"box": {"size": "1 um", "spacing": "0.1 um", "origin": ["1 um"], "centred": True}}, "centred and origin"),
    "a tortuosity below 1": ({"box": {"size": "1 um", "spacing": "0.1 um", "tortuosity": 0.5}}, "greater than or equal to 1"),
    "voxels longer than cables": ({"dendrite": {"morphology": CABLE, "max_length": "20 um"}}, "longer than all cables"),
    "too many pieces": ({"dendrite": {"morphology": CABLE, "max_length": "0.1 pm"}}, "takes too much memory"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "told"), FAULTY.values(), ids=FAULTY)
def test_a_space_that_cannot_be_is_refused(given, told):
    with pytest.raises(ValidationError, match=told.replace("(", r"\(")):
        Space.model_validate(given, context={"from_file": True})


def test_a_size_that_is_no_whole_number_is_told_both_that_are_near():
    with pytest.raises(ValidationError) as caught:
        Space.model_validate({"box": {"size": "1.05 um", "spacing": "0.1 um"}})
    assert caught.value.errors()[0]["ctx"]["mend"] == "nearest sizes: 1 um and 1.1 um; or a spacing of 0.105 um or 0.0954545 um"


def test_memory_is_told_in_gibibytes():
    with pytest.raises(ValidationError) as caught:
        Space.model_validate({"box": {"size": [1000, 1000, 1000], "spacing": 1}})
    assert "1e+09 voxels take about 186 GiB" in caught.value.errors()[0]["ctx"]["why"]


OUTSIDE = {
    "disc": ({"disc": {"radius": 0.25, "height": 0.02, "spacing": 0.01}}, [0.3, 0, 0], "the disc ends at 0.25 um"),
    "above the disc": ({"disc": {"radius": 0.25, "height": 0.02, "spacing": 0.01}}, [0, 0, 0.02], "0.02 um high"),
    "box": ({"box": {"size": [1, 2], "spacing": 0.1}}, [0.5, 2.3, 0], "from [0, 0, -0.5] um to [1, 2, 0.5] um"),
    "dendrite": ({"dendrite": {"morphology": {"cable": {"length": 10, "diameter": [1]}}, "max_length": 1}}, [5, 4, 0], "4 um away"),
}


@pytest.mark.parametrize(("space", "point", "why"), OUTSIDE.values(), ids=OUTSIDE)
def test_a_point_outside_is_told_where_the_space_ends(space, point, why):
    with pytest.raises(CosimError, match="is outside the") as caught:
        mesh_of(**space).voxel_at(point)
    assert why in caught.value.why


BARRIERS = {
    "between no voxels": ({"axis": "x", "at": 0.44}, "inside voxels", "nearest planes: 0.4 um and 0.5 um"),
    "outside": ({"axis": "x", "at": 1.0}, "is not inside the box", ""),
    "across no axis": ({"axis": "z", "at": 0.5}, "is across z", ""),
    "beside no voxel": ({"axis": "x", "at": 0.5, "in": {"box": {"from": [0.8, 0, -1], "to": [1, 1, 1]}}}, "closes no face", ""),
}


@pytest.mark.parametrize(("barrier", "what", "mend"), BARRIERS.values(), ids=BARRIERS)
def test_a_barrier_that_is_not_between_voxels_is_refused(barrier, what, mend):
    mesh = mesh_of(box={"size": [1.0, 1.0], "spacing": 0.1})
    with pytest.raises(CosimError, match=what) as caught:
        faces_of(mesh, 1.0, {"wall": Barrier.model_validate(barrier)})
    assert caught.value.mend == mend


def test_a_barrier_has_no_place_in_a_dendrite():
    mesh = mesh_of(dendrite={"morphology": {"cable": {"length": 10, "diameter": [1]}}, "max_length": 1})
    with pytest.raises(CosimError, match="barrier 'wall' is across x"):
        faces_of(mesh, 1.0, {"wall": Barrier(axis="x", at=5.0)})


DIFFUSION = TypeAdapter(Diffusion)


def test_coefficients_are_one_number_or_one_for_each_axis_or_an_expression():
    mesh = mesh_of(box={"size": [0.2, 0.2], "spacing": 0.1})
    one = DIFFUSION.validate_python("0.33 um**2/ms", context={"from_file": True})
    each = DIFFUSION.validate_python(["0.3 um**2/ms", "1e-6 cm**2/s"], context={"from_file": True})
    graded = DIFFUSION.validate_python({"along": "0.1 + x"}, context={"from_file": True})
    np.testing.assert_allclose(coefficients(mesh, one), 0.33)
    np.testing.assert_allclose(coefficients(mesh, each), [[0.3] * 4, [0.1] * 4])
    np.testing.assert_allclose(coefficients(mesh, graded), [[0.15, 0.25, 0.15, 0.25]] * 2)


@pytest.mark.parametrize("given", ["-1 um**2/ms", "3 um", 3.0, [], {"along": "w"}, {"along": "x +"}, {"along": "exp()"}], ids=str)
def test_what_is_no_coefficient_is_refused(given):
    with pytest.raises(ValidationError):
        DIFFUSION.validate_python(given, context={"from_file": True})


def test_as_many_coefficients_as_axes_and_none_negative():
    mesh = mesh_of(box={"size": [1.0, 1.0], "spacing": 0.1})
    with pytest.raises(CosimError, match="has 3 numbers, and the box has 2 axes"):
        faces_of(mesh, [1.0, 1.0, 1.0])
    with pytest.raises(CosimError, match=r"'0.5 - x' is -0.05 um\*\*2/ms at \[0.55, 0.05, 0\] um"):
        faces_of(mesh, Graded(along="0.5 - x"))


def test_in_one_voxel_nothing_moves():
    mesh = mesh_of(well_mixed={"volume": 0.1, "area": 1.0})
    assert faces_of(mesh, 0.3).shape == (0, 1)
    assert mesh.voxel_at([5.0, 5.0, 5.0]) == 0
    assert mesh.labels == ("all",)
