"""Boxes of one to three dimensions against the modes of a box, and barriers against resistances in series."""

import math

import numpy as np
import pytest
from diffusion_operator import decays_of, mesh_of, nearest, operator_of, order_between
from scipy.optimize import brentq

from engines.reaction_diffusion.geometry.barriers import Barrier
from engines.reaction_diffusion.geometry.diffusion import Graded, faces_of, walls_of

BOXES = {
    "1-D": {"size": [2.0], "spacing": 0.1},
    "2-D": {"size": [1.0, 0.6], "spacing": [0.1, 0.2], "volume_fraction": 0.2, "tortuosity": [1.2, 1.8]},
    "3-D": {"size": [1.0, 0.6, 0.4], "spacing": 0.1, "boundaries": {"x": ["reflecting", "absorbing"], "z": 0.3}},
}


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_volumes_add_up_to_the_fluid_of_the_box(box):
    mesh = mesh_of(box={**box, "thickness": 0.5, "membrane": 2.0})
    size = math.prod([*box["size"], *[0.5] * (3 - len(box["size"]))])
    assert mesh.volumes.sum() == pytest.approx(size * box.get("volume_fraction", 1.0), rel=1e-12)
    assert mesh.areas.sum() == pytest.approx(2.0 * size, rel=1e-12)


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_what_leaves_a_voxel_arrives_in_another_or_leaves_through_a_wall(box):
    mesh = mesh_of(box=box)
    matrix = operator_of(mesh, 0.3)
    assert abs(matrix - matrix.T).max() == 0
    lost = -np.asarray(matrix.sum(axis=0)).ravel()
    np.testing.assert_allclose(lost, walls_of(mesh, 0.3).sum(axis=0) / 1e-15, atol=1e-12 * abs(matrix).max())


def test_parents_are_one_stride_before():
    mesh = mesh_of(box={"size": [0.4, 0.3, 0.2], "spacing": 0.1})
    assert [axis.stride for axis in mesh.axes] == [1, 4, 12]
    for axis, opening in zip(mesh.axes, mesh.openings, strict=True):
        inner = axis.parent >= 0
        np.testing.assert_array_equal(axis.parent[inner], np.flatnonzero(inner) - axis.stride)
        assert (opening[~inner] == 0).all()
        step = mesh.positions[inner] - mesh.positions[axis.parent[inner]]
        np.testing.assert_allclose(step.sum(axis=1), 0.1, rtol=1e-12)


ENDS = {
    "reflecting": ("reflecting", math.pi),
    "absorbing": ("absorbing", math.pi),
    "absorbing at one end": ({"x": ["absorbing", "reflecting"]}, math.pi / 2),
    "permeable at one end": ({"x": ["reflecting", 0.8]}, brentq(lambda q: q * math.tan(q) - 0.8 / 0.5, 1e-6, 1.5)),
}  # fmt: skip


@pytest.mark.parametrize(("boundaries", "root"), ENDS.values(), ids=ENDS)
def test_modes_of_a_line_decay_as_they_should_to_second_order(boundaries, root):
    """Length 1 um, D = 0.5 um²/ms: the slowest mode of a wave number q decays with D q²."""
    exact, spacings = 0.5 * root**2, (1 / 20, 1 / 40, 1 / 80)
    found = [decays_of(mesh_of(box={"size": 1.0, "spacing": s, "boundaries": boundaries}), 0.5, 3) for s in spacings]
    errors = [nearest(decays, exact) / exact - 1 for decays in found]
    assert abs(errors[-1]) < 2e-4
    assert order_between(errors, spacings) == pytest.approx(2, abs=0.05)


def test_modes_of_a_box_are_those_of_its_axes_together():
    """A box of 1 x 0.5 x 0.25 um with coefficients of its own along each axis; the grid's own cosines are exact modes."""
    box, diffusion = {"size": [1.0, 0.5, 0.25], "spacing": [0.1, 0.05, 0.05]}, [0.2, 0.1, 0.4]
    mesh = mesh_of(box=box)
    matrix, (x, y, z) = operator_of(mesh, diffusion), mesh.positions.T
    mode = np.cos(3 * math.pi * x) * np.cos(2 * math.pi * y / 0.5) * np.cos(math.pi * z / 0.25)
    numbers = zip(diffusion, (3, 2, 1), box["size"], box["spacing"], strict=True)
    decay = sum(d * (2 / s * math.sin(n * math.pi * s / (2 * length))) ** 2 for d, n, length, s in numbers)
    np.testing.assert_allclose(matrix @ mode / mesh.volumes, -decay * mode, atol=1e-11 * decay)


def test_tortuosity_slows_and_volume_fraction_only_holds_less():
    plain, tissue = (
        mesh_of(box={"size": 1.0, "spacing": 0.05, "boundaries": "absorbing", **more})
        for more in ({}, {"tortuosity": 1.6, "volume_fraction": 0.2})
    )
    np.testing.assert_allclose(decays_of(tissue, 0.76), decays_of(plain, 0.76) / 1.6**2, rtol=1e-9)
    assert tissue.volumes.sum() == pytest.approx(0.2 * plain.volumes.sum())


def test_a_barrier_of_some_permeability_is_in_series_with_the_fluid():
    """From the middle of the first voxel to that of the last: distance / (D A), and 1 / (P A)."""
    box = {"size": [1.0, 0.2], "spacing": 0.1, "thickness": 0.3, "volume_fraction": 0.5, "tortuosity": 2.0}
    mesh = mesh_of(box=box)
    barrier = Barrier(axis="x", at=0.4, permeability=0.7)
    passed = faces_of(mesh, 0.5, {"wall": barrier})[0].reshape(2, 10)[:, 1:] / 1e-15
    area = 0.1 * 0.3 * 0.5
    expected = 0.9 / (0.5 / 4 * area) + 1 / (0.7 * area)
    np.testing.assert_allclose((1 / passed).sum(axis=1), expected, rtol=1e-12)


def test_a_closed_barrier_passes_nothing_but_through_its_gap():
    mesh = mesh_of(box={"size": [1.0, 1.0], "spacing": 0.1})
    regions = {"gap": {"box": {"from": [0, 0.4, -1], "to": [1, 0.6, 1]}}}
    regions = {name: _region(region) for name, region in regions.items()}
    whole, with_gap = Barrier(axis="x", at=0.5), Barrier.model_validate({"axis": "x", "at": 0.5, "in": {"not": "gap"}})
    assert np.count_nonzero(decays_of(mesh, 0.5, barriers={"wall": whole}) < 1e-9) == 2
    assert np.count_nonzero(decays_of(mesh, 0.5, barriers={"wall": with_gap}, regions=regions) < 1e-9) == 1
    closed = faces_of(mesh, 0.5, {"wall": with_gap}, regions)[0] == 0
    closed &= mesh.openings[0] > 0
    assert sorted(np.round(mesh.positions[closed, 1], 9)) == [0.05, 0.15, 0.25, 0.35, 0.65, 0.75, 0.85, 0.95]


def test_through_a_graded_medium_goes_what_its_resistance_lets():
    """D = 0.1 + 0.4 x over 1 um: the integral of 1 / D is ln(5) / 0.4."""
    errors, spacings = [], (1 / 10, 1 / 20, 1 / 40)
    for spacing in spacings:
        mesh = mesh_of(box={"size": 1.0, "spacing": spacing, "thickness": 1.0, "boundaries": "absorbing"})
        graded = Graded(along="0.1 + 0.4 * x")
        passed = np.concatenate([faces_of(mesh, graded)[0, 1:], walls_of(mesh, graded).sum(axis=0)[[0, -1]]]) / 1e-15
        errors.append((1 / passed).sum() / (math.log(5) / 0.4) - 1)
    assert order_between(errors, spacings) == pytest.approx(2, abs=0.1)
    assert abs(errors[-1]) < 1e-3


def test_a_million_voxels_are_cut_and_their_names_are_not_asked_for():
    mesh = mesh_of(box={"size": [10.0, 10.0, 10.0], "spacing": 0.1})
    assert mesh.count == 10**6
    assert mesh.labels_of(np.array([0, 10**6 - 1])) == ("x0y0z0", "x99y99z99")
    assert faces_of(mesh, 0.3).shape == (3, 10**6)


def test_a_centred_box_has_its_middle_at_zero():
    mesh = mesh_of(box={"size": [0.5, 0.3], "spacing": 0.1, "centred": True})
    assert mesh.voxel_at([0, 0, 0]) == 2 + 5 * 1
    np.testing.assert_allclose(mesh.positions.mean(axis=0), 0, atol=1e-12)


def _region(given):
    from engines.reaction_diffusion.geometry.regions import Region

    return Region.model_validate(given)
