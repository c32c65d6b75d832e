"""Discs: volumes exact, faces symmetric, and what diffuses against Bessel modes and times of escape."""

import math

import numpy as np
import pytest
from diffusion_operator import decays_of, mesh_of, nearest, operator_of, order_between
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import spsolve
from scipy.special import jn_zeros, jnp_zeros, jv, jvp

from engines.reaction_diffusion.geometry.diffusion import walls_of

RIMS = st.one_of(st.sampled_from(["reflecting", "absorbing"]), st.floats(0.01, 10))


@given(radius=st.floats(0.05, 5), share=st.floats(0.02, 1), rim=RIMS)
@settings(max_examples=60, deadline=None)
def test_any_disc_holds_its_volume_and_is_one_piece(radius, share, rim):
    mesh = mesh_of(disc={"radius": radius, "height": 0.02, "spacing": share * radius, "rim": rim})
    # where the rim lies on a line of the grid, areas of slivers lose digits
    assert mesh.volumes.sum() == pytest.approx(math.pi * radius**2 * 0.02, rel=1e-10)
    np.testing.assert_allclose(mesh.volumes, mesh.areas * 0.02, rtol=1e-12)
    matrix = operator_of(mesh, 0.3)[mesh.active][:, mesh.active]
    assert abs(matrix - matrix.T).max() == 0
    assert connected_components(matrix)[0] == 1
    assert (mesh.walls.openings > 0).all()
    assert mesh.volumes[mesh.active].min() > 0.2 * (share * radius) ** 2 * 0.02  # no slivers
    if not isinstance(rim, str):
        assert mesh.walls.permeances.sum() == pytest.approx(rim * 2 * math.pi * radius * 0.02, rel=1e-12)


def test_without_a_rim_to_leave_by_nothing_is_lost_and_a_flat_field_stays_flat():
    matrix = operator_of(mesh_of(disc={"radius": 0.25, "height": 0.02, "spacing": 0.01}), 0.33)
    assert abs(np.asarray(matrix.sum(axis=0))).max() < 1e-13 * abs(matrix).max() * 10
    assert abs(matrix @ np.ones(matrix.shape[0])).max() < 1e-13 * abs(matrix).max() * 10


@given(share=st.floats(0.03, 1), rim=RIMS)
@settings(max_examples=60, deadline=None)
def test_left_and_right_and_up_and_down_are_alike(share, rim):
    mesh = mesh_of(disc={"radius": 0.25, "height": 0.02, "spacing": 0.25 * share, "rim": rim})
    count = mesh.grid.shape[0]
    for values in (mesh.volumes, walls_of(mesh, 0.3).sum(axis=0) / 1e-15):
        square = values.reshape(count, count)
        for turned in (square.T, square[::-1], square[:, ::-1]):
            np.testing.assert_allclose(turned, square, rtol=1e-9)
    along_x, along_y = (opening.reshape(count, count) for opening in mesh.openings)
    np.testing.assert_allclose(along_y.T, along_x, rtol=1e-9, atol=1e-12)


MODES = {
    "reflecting": ([(1, jnp_zeros(1, 1)[0]), (2, jnp_zeros(2, 1)[0]), (0, jnp_zeros(0, 1)[0])], 1.0),
    "absorbing": ([(0, jn_zeros(0, 1)[0]), (1, jn_zeros(1, 1)[0]), (2, jn_zeros(2, 1)[0])], 3.0),
}


@pytest.mark.parametrize("rim", MODES)
def test_bessel_modes_decay_as_they_should_to_second_order(rim):
    """Radius 1, D = 1: squares of the zeros of J_m' (reflecting) and J_m (absorbing).

    Errors are below 0.23, 0.35 and 0.86 (reflecting), 0.57, 1.6 and 2.5 (absorbing) times the spacing squared, between which and
    nearly 0 they jump as the grid meets the rim. Of a first-order scheme they would be eight times as much at the last spacing.
    """
    spacings = np.array([0.1, 0.05, 0.025, 0.0125])
    found = [decays_of(mesh_of(disc={"radius": 1.0, "height": 0.1, "spacing": s, "rim": rim}), 1.0, 8) for s in spacings]
    roots, most = MODES[rim]
    for _, root in roots:
        errors = np.array([nearest(decays, root**2) / root**2 - 1 for decays in found])
        assert (abs(errors) < most * spacings**2).all()


@pytest.mark.parametrize("permeability", [0.05, 0.5, 5.0])
def test_a_permeable_rim_lets_modes_decay_as_they_should_to_first_order(permeability):
    """D J_m'(q) q + P J_m(q) = 0, with R = D = 1. The error was -0.15 to -0.26 P spacing / D where that is small, else less."""
    spacings = np.array([0.1, 0.05, 0.025, 0.0125])
    found = [decays_of(mesh_of(disc={"radius": 1.0, "height": 0.1, "spacing": s, "rim": permeability}), 1.0, 8) for s in spacings]
    for m in (0, 1, 2):
        root = brentq(lambda q, m=m: q * jvp(m, q) + permeability * jv(m, q), 1e-3 + 0.2 * m, jn_zeros(m, 1)[0])
        errors = np.array([nearest(decays, root**2) / root**2 - 1 for decays in found])
        assert (abs(errors) < 0.3 * permeability * spacings + 2 * spacings**2).all()


@pytest.mark.parametrize("diffusion", [0.3, [0.5, 0.1]], ids=["isotropic", "faster along x"])
def test_the_time_until_molecules_leave_is_that_of_a_disc(diffusion):
    """D_x T_xx + D_y T_yy = -1 with T = 0 at the rim: T = (R² - r²) / (2 (D_x + D_y))."""
    errors, spacings = [], (0.1, 0.05, 0.025)
    total = 2 * diffusion if isinstance(diffusion, float) else sum(diffusion)
    for spacing in spacings:
        mesh = mesh_of(disc={"radius": 1.0, "height": 0.1, "spacing": spacing, "rim": "absorbing"})
        matrix = operator_of(mesh, diffusion)[mesh.active][:, mesh.active]
        times = np.zeros(mesh.count)
        times[mesh.active] = spsolve(matrix.tocsc(), -mesh.volumes[mesh.active])
        errors.append(times[mesh.voxel_at([0, 0, 0])] * 2 * total - 1)
    assert abs(errors[-1]) < 1e-3
    assert order_between(errors, spacings) > 1.8


def test_a_disc_of_few_voxels_is_still_a_disc():
    mesh = mesh_of(disc={"radius": 0.1, "height": 0.02, "spacing": 0.1, "rim": "absorbing"})
    assert mesh.active.sum() == 1
    assert mesh.volumes.sum() == pytest.approx(math.pi * 0.1**2 * 0.02, rel=1e-12)


def test_a_point_between_the_last_voxels_and_the_rim_is_in_the_nearest():
    mesh = mesh_of(disc={"radius": 0.25, "height": 0.02, "spacing": 0.01, "centre": [1.0, 2.0, 3.0]})
    found = mesh.voxel_at([1.2499, 2.0, 3.0])
    assert mesh.volumes[found] > 0
    np.testing.assert_allclose(mesh.positions[found], [1.24, 2.0, 3.0])
