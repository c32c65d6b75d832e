"""Cables: volumes and resistances of frusta and shells, and trees against closed forms."""

import math

import numpy as np
import pytest
from diffusion_operator import decays_of, mesh_of, nearest, operator_of, order_between
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.sparse import diags
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import spsolve

from engines.compartmental_neurons.morphology.source import Form
from engines.reaction_diffusion.geometry.diffusion import Graded, faces_of, walls_of

CABLE = {"cable": {"length": 10.0, "diameter": [2.0, 0.5]}}
TREE = {
    "branches": {
        "trunk": {"length": 7.0, "diameter": [2.0, 1.0]},
        "left": {"length": 5.0, "diameter": [0.8, 0.4], "parent": "trunk"},
        "right": {"length": 0.3, "diameter": 0.6, "parent": "trunk"},
        "tip": {"length": 4.0, "diameter": 0.5, "parent": "right"},
        "twin": {"length": 2.0, "diameter": 0.5, "parent": "right"},
        "spine": {"length": 1.0, "diameter": 0.1, "parent": "left", "at": 0.4},
        "back": {"length": 3.0, "diameter": 1.0, "parent": "trunk", "at": 0.0},
        "second": {"length": 3.0, "diameter": 1.0, "parent": "trunk", "at": 0.0},
        "on": {"length": 2.0, "diameter": 0.3, "parent": "left"},
    }
}


def dendrite(morphology, max_length, **more):
    return mesh_of(dendrite={"morphology": morphology, "max_length": max_length, **more})


def volume_of(form):
    """Of all frusta, um³."""
    total = 0.0
    for section in Form.model_validate(form).shape().morphology.sections:
        a, b, length = section.diameters[:-1], section.diameters[1:], np.diff(section.arc)
        total += float(np.sum(math.pi / 12 * length * (a * a + a * b + b * b)))
    return total


@given(max_length=st.floats(0.05, 12))
@settings(max_examples=30, deadline=None)
def test_however_long_voxels_are_they_hold_the_same(max_length):
    mesh = dendrite(TREE, max_length)
    assert mesh.volumes.sum() == pytest.approx(volume_of(TREE), rel=1e-12)
    sides = [section.diameters.sum() / 2 * np.hypot(section.length, np.diff(section.diameters)[0] / 2) * math.pi
             for section in Form.model_validate(TREE).shape().morphology.sections]  # fmt: skip
    assert mesh.areas.sum() == pytest.approx(sum(sides), rel=1e-12)
    assert (mesh.volumes > 0).all()
    assert connected_components(operator_of(mesh, 1.0))[0] == 1
    assert np.count_nonzero(mesh.axes[0].parent < 0) == 1
    assert (mesh.axes[0].parent < np.arange(mesh.count)).all()
    assert len(set(mesh.labels)) == mesh.count


@st.composite
def trees(draw):
    """Branches that leave others at their starts, ends and inside."""
    branches = {}
    for number in range(draw(st.integers(1, 12))):
        branch = {"length": draw(st.floats(3, 20)), "diameter": draw(st.lists(st.floats(0.05, 5), min_size=2, max_size=2))}
        if number:
            branch["parent"] = f"b{draw(st.integers(0, number - 1))}"
            branch["at"] = draw(st.sampled_from([0.0, 0.3, 0.5, 1.0]))
        branches[f"b{number}"] = branch
    return {"branches": branches}


@given(form=trees(), max_length=st.floats(0.5, 3), shell=st.one_of(st.none(), st.floats(0.01, 1)))
@settings(max_examples=60, deadline=None)
def test_any_tree_is_cut_into_one_that_loses_nothing(form, max_length, shell):
    mesh = dendrite(form, max_length, shell=shell)
    if shell is None:
        assert mesh.volumes.sum() == pytest.approx(volume_of(form), rel=1e-12)
    else:
        assert (mesh.volumes <= dendrite(form, max_length).volumes * (1 + 1e-9)).all()
    parent = mesh.axes[0].parent
    assert parent[0] == -1
    assert ((parent[1:] >= 0) & (parent[1:] < np.arange(1, mesh.count))).all()
    assert (np.isfinite(mesh.openings) & (mesh.openings >= 0)).all()
    assert (mesh.openings[0, 1:] > 0).all()
    matrix = operator_of(mesh, 1.0)
    assert abs(np.asarray(matrix.sum(axis=0))).max() <= 1e-12 * abs(matrix).max()


@given(form=trees())
@settings(max_examples=30, deadline=None)
def test_ends_are_those_behind_which_no_branch_goes_on(form):
    """Counted from the branches alone: of every branch its end, and the root's start, unless another begins there."""
    begun = set()
    for name, branch in form["branches"].items():
        while "parent" in branch and branch["at"] == 0:  # it begins where its parent does
            name, branch = branch["parent"], form["branches"][branch["parent"]]
            begun.add((name, 0.0))
        if "parent" in branch:
            begun.add((branch["parent"], branch["at"]))
    root = ("b0", 0.0)
    ends = [(name, 1.0) for name in form["branches"] if (name, 1.0) not in begun] + [root] * (root not in begun)
    assert len(dendrite(form, 1.0, ends="absorbing").walls.voxels) == len(ends)


@pytest.mark.parametrize("count", [1, 2, 7, 100])
def test_through_a_taper_goes_what_a_cone_lets_however_it_is_cut(count):
    """From end to end the resistance of a frustum is 4 L / (π a b D)."""
    mesh = dendrite(CABLE, 10.0 / count, ends="absorbing")
    assert mesh.count == count
    walls = walls_of(mesh, 0.4).sum(axis=0)
    passed = np.concatenate([faces_of(mesh, 0.4)[0, 1:], walls[[0, -1]]]) / 1e-15
    if count == 1:  # both ends bound the same voxel: the two halves from its middle
        halves = [4 * 5.0 / (math.pi * 1.25 * end * 0.4) for end in (2.0, 0.5)]
        assert walls[0] / 1e-15 == pytest.approx(sum(1 / half for half in halves), rel=1e-12)
    else:
        assert (1 / passed).sum() == pytest.approx(4 * 10.0 / (math.pi * 2.0 * 0.5 * 0.4), rel=1e-12)


def test_three_sealed_cables_that_meet_have_the_modes_of_a_star():
    """Sum of A_i tan(q L_i) = 0, D = 1."""
    cables = {"a": (3.0, 1.0), "b": (2.0, 0.6), "c": (4.1, 0.8)}
    form = {"branches": {name: {"length": length, "diameter": diameter, **({"parent": "a"} if name != "a" else {})}
                         for name, (length, diameter) in cables.items()}}  # fmt: skip
    root = brentq(lambda q: sum(d**2 * math.tan(q * length) for length, d in cables.values()), 0.39, 0.52)
    spacings = (0.5, 0.25, 0.125)
    errors = [nearest(decays_of(dendrite(form, s), 1.0, 5), root**2) / root**2 - 1 for s in spacings]
    assert abs(errors[-1]) < 1e-3
    assert order_between(errors, spacings) == pytest.approx(2, abs=0.25)


def test_a_tree_of_ralls_takes_up_what_its_equivalent_cylinder_does():
    """Uptake through the membrane at k: into the trunk's start flows A sqrt(4 k D / d) tanh(n L / λ), λ² = D d / (4 k)."""
    levels, length, diameter, rate, diffusion = 4, 8.0, 2.0, 0.01, 0.5
    constant = math.sqrt(diffusion * diameter / (4 * rate))
    exact = math.pi / 4 * diameter**2 * diffusion / constant * math.tanh(levels * length / constant)
    spacings, errors = (2.0, 1.0, 0.5), []
    for spacing in spacings:
        mesh = dendrite({"rall": {"levels": levels, "length": length, "diameter": diameter}}, spacing)
        into = np.zeros(mesh.count)
        into[0] = 1.0
        found = spsolve((diags(rate * mesh.areas) - operator_of(mesh, diffusion)).tocsc(), into)
        first, area = mesh.compartments.length[0] / 2, math.pi / 4 * diameter**2
        at_start = found[0] + first / (diffusion * area)  # from the middle of the first voxel to the trunk's start
        errors.append(1 / at_start / exact - 1)
    assert abs(errors[-1]) < 2e-3
    assert order_between(errors, spacings) == pytest.approx(2, abs=0.3)


def test_a_tree_whose_cross_sections_add_up_has_the_modes_of_a_cable():
    """Daughters of d / sqrt 2: the sum over voxels at one distance is a cable, to rounding where the cuts agree."""
    form = {"branches": {"a": {"length": 2.5, "diameter": 1.0}}}
    for name, parent, level in (("b", "a", 1), ("c", "a", 1), ("d", "b", 2), ("e", "b", 2), ("f", "c", 2), ("g", "c", 2)):
        length = 3.0 if level == 1 else 2.5
        form["branches"][name] = {"length": length, "diameter": 2 ** (-level / 2), "parent": parent}
    tree, cable = dendrite(form, 1.0), dendrite({"cable": {"length": 8.0, "diameter": 1.0}}, 1.0)
    assert tree.count == 2 + 1 + 2 * (2 + 1) + 4 * 2
    of_tree, of_cable = decays_of(tree, 1.0, 17), decays_of(cable, 1.0, 6)
    for decay in of_cable:
        assert nearest(of_tree, decay) == pytest.approx(decay, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("diameters", [[2.0, 1.0], [1.0, 0.2], [0.2, 0.1], [0.8, 0.8]], ids=str)
def test_a_shell_under_the_membrane_is_what_lies_less_deep(diameters):
    """Of 0.2 um: from 2 um to 1 um everywhere a ring; from 0.4 um down all of the inside."""
    thickness, length = 0.2, 10.0
    mesh = dendrite({"cable": {"length": length, "diameter": diameters}}, 0.7, shell=thickness, ends="absorbing")

    def area(x):
        d = diameters[0] + (diameters[1] - diameters[0]) * x / length
        return math.pi / 4 * (d**2 - max(d - 2 * thickness, 0.0) ** 2)

    kink = [length * (diameters[0] - 0.4) / (diameters[0] - diameters[1])] if diameters == [1.0, 0.2] else None
    assert mesh.volumes.sum() == pytest.approx(quad(area, 0, length, points=kink)[0], rel=1e-9)
    passed = np.concatenate([faces_of(mesh, 1.0)[0, 1:], walls_of(mesh, 1.0).sum(axis=0)[[0, -1]]]) / 1e-15
    assert (1 / passed).sum() == pytest.approx(quad(lambda x: 1 / area(x), 0, length, points=kink)[0], rel=1e-9)


def test_a_part_of_a_cell_ends_where_it_is_cut():
    """1 um of a cable of 4 um between 1 and 2 um from its middle: as a cable of 1 um with absorbing ends, twice."""
    form = {"cable": {"length": 4.0, "diameter": 0.5}}
    part = dendrite(form, 0.1, ends="absorbing", **{"in": {"from": 1.0, "to": 1.5}})
    assert part.volumes.sum() == pytest.approx(2 * 0.5 * math.pi / 4 * 0.25, rel=1e-9)
    alone = dendrite({"cable": {"length": 0.5, "diameter": 0.5}}, 0.1, ends="absorbing")
    np.testing.assert_allclose(decays_of(part, 1.0, 2), decays_of(alone, 1.0, 2)[0], rtol=1e-9)


def test_sections_that_are_left_out_leave_no_joint_behind():
    form = {"branches": {"soma": {"length": 10.0, "diameter": 10.0, "label": "soma"}}}
    form["branches"] |= {f"d{k}": {"length": 5.0, "diameter": 1.0, "parent": "soma", "label": "basal"} for k in range(3)}
    whole, part = dendrite(form, 1.0), dendrite(form, 1.0, **{"in": "basal"})
    assert whole.volumes.sum() == pytest.approx(math.pi / 4 * (1000 + 15), rel=1e-12)
    assert part.volumes.sum() == pytest.approx(math.pi / 4 * 15, rel=1e-12)
    assert part.count == 15
    assert np.count_nonzero(part.axes[0].parent < 0) == 3


def test_a_spine_leaves_from_the_voxel_at_its_place():
    mesh = dendrite(TREE, 0.5)
    names, parent = mesh.labels, mesh.axes[0].parent
    neck = next(k for k, name in enumerate(names) if name.startswith("spine"))
    at = mesh.compartments.at[parent[neck]]
    assert names[parent[neck]].startswith("left")
    assert abs(at - 0.4) * 5.0 <= 0.25


def test_places_and_distances_are_those_of_the_cable():
    mesh = dendrite({"cable": {"length": 10.0, "diameter": 1.0}}, 1.0)
    np.testing.assert_allclose(mesh.distances, abs(np.arange(10) + 0.5 - 5))
    np.testing.assert_allclose(mesh.positions[:, 0] - mesh.positions[0, 0], np.arange(10))
    np.testing.assert_allclose(mesh.segments.middles, mesh.positions, atol=1e-12)


def test_a_graded_coefficient_follows_the_distance_along_the_cable():
    mesh = dendrite({"cable": {"length": 10.0, "diameter": 1.0}}, 1.0)
    passed = faces_of(mesh, Graded(along="0.2 + 0.1 * distance"))[0, 1:] / 1e-15
    values = 0.2 + 0.1 * mesh.distances
    np.testing.assert_allclose(passed, math.pi / 4 * 2 * values[1:] * values[:-1] / (values[1:] + values[:-1]))
