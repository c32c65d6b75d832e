"""Neurolucida files: trees and outlines of somata as NEURON's Import3d makes them, and what is refused."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest
from neuron_trees import measured

from cosim.sdk import CosimError
from engines.compartmental_neurons.morphology.asc import read_asc
from engines.compartmental_neurons.morphology.compartments import cut
from engines.compartmental_neurons.morphology.outline import soma_of

pytest.importorskip("morphio", reason="MorphIO is not installed")

DENDRITE = """( (Color RGB (255, 128, 0))
  (Dendrite)
  ( 12 0 0 2.0)  ; Root
  ( 20 5 0 1.5)
  ( 30 5 1 1.5)
  (
    ( 40 10 0 1.0)
    ( 50 15 0 1.0)
   Normal
  |
    ( 30 5 1 1.2)
    ( 40 0 0 1.2)
    ( 60 -5 0 0.8)
    (Cross (Color White) (Name "Marker 1") ( 55 -3 0 0.5))
   Normal
  )
)
"""
APICAL = "( (Apical)\n ( 0 10 0 3.0)\n ( 0 50 0 2.0)\n ( 0 100 5 2.0)\n)\n"
AXON = '( (Color Green) (Axon)\n ( -12 0 0 1.0)\n ( -50, 0, 0, 0.5)\n)\n( (Color White) ( 100 100 0) "a label")\n'
TREES = DENDRITE + APICAL + AXON


def outline(seed, points, height=0.0, tilt=0.0):
    """Points around the origin, closed by the first, stretched and turned at random."""
    rng = np.random.default_rng(seed)
    angle, radius = np.sort(rng.uniform(0, 2 * np.pi, points)), rng.uniform(5, 12, points)
    turn, stretch = rng.uniform(0, np.pi), rng.uniform(0.4, 2.5)
    x, y = stretch * radius * np.cos(angle), radius * np.sin(angle)
    z = height + tilt * rng.normal(size=points)
    return np.round(np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn), z], axis=1), 3)


def body(points):
    return '("CellBody"\n (Color Blue)\n (CellBody)\n' + "".join(" ({} {} {} 0.1)\n".format(*point) for point in points) + ")\n"


@pytest.fixture
def file(tmp_path):
    def write(text, name="cell.asc"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def areas_of(morphology):
    """(sections,) µm²."""
    compartments = cut(morphology, 1, 1.0)
    return np.bincount(compartments.section, compartments.area * 1e12)


# -- against NEURON --------------------------------------------------------------------------------------------------------------


def test_cells_have_the_sections_areas_and_lengths_of_neuron(file):
    """Somata of one outline, flat and not, and of stacks of two to five."""
    somata = [[outline(seed, 6 + seed, tilt=0.3 * (seed % 2))] for seed in range(20)]
    somata += [[outline(50 * seed + k, 7 + k, height=2.0 * k) for k in range(2 + seed % 4)] for seed in range(8)]
    paths = [file("".join(map(body, outlines)) + TREES, f"{number}.asc") for number, outlines in enumerate(somata)]
    for path, found in zip(paths, measured(*({"asc": str(path)} for path in paths)), strict=True):
        ours = read_asc(path)
        by_name = {section.name: section for section in ours.sections}
        areas = dict(zip(by_name, areas_of(ours), strict=True))
        assert sorted(by_name) == sorted(section["name"] for section in found["sections"])
        for section in found["sections"]:
            one = by_name[section["name"]]
            parent = ours.sections[one.parent].name if one.parent >= 0 else None
            assert (parent, one.parent_at if parent else 0.0) == (section["parent"], section["at"])
            assert one.length == pytest.approx(section["length"], rel=1e-6)  # NEURON's and MorphIO's single precision
            assert areas[one.name] == pytest.approx(sum(section["areas"]), rel=1e-6)


# -- what is made ----------------------------------------------------------------------------------------------------------------


def test_trees_begin_on_the_middle_of_the_soma_at_their_own_first_points(file):
    ours = read_asc(file(body(outline(1, 12)) + TREES))
    told = [(s.name, s.label, s.parent, s.parent_at, len(s.points)) for s in ours.sections]
    assert told == [
        ("soma[0]", "soma", -1, 0.0, 21), ("dend[0]", "basal", 0, 0.5, 3), ("dend[1]", "basal", 1, 1.0, 3),
        ("dend[2]", "basal", 1, 1.0, 3), ("apic[0]", "apical", 0, 0.5, 3), ("axon[0]", "axon", 0, 0.5, 2),
    ]  # fmt: skip
    assert ours.sections[2].diameters.tolist() == [1, 1, 1]  # a branch is as wide at its fork as at its own first point


def test_one_tree_without_a_soma_is_a_cell(file):
    ours = read_asc(file(DENDRITE))
    assert [(s.name, s.parent) for s in ours.sections] == [("dend[0]", -1), ("dend[1]", 0), ("dend[2]", 0)]


def test_an_ellipse_becomes_nearly_the_spheroid_that_it_is_cut_from():
    """The ends, where the outline turns back, are cut off: between 80 and 100 % of the area of the spheroid."""
    a, b = 12.0, 6.0
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    points, diameters = soma_of([np.stack([a * np.cos(angle), b * np.sin(angle), 0 * angle], axis=1)])
    assert len(points) == 21
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    area = np.sum(np.pi / 2 * (diameters[1:] + diameters[:-1]) * np.hypot(lengths, np.diff(diameters) / 2))
    eccentricity = math.sqrt(1 - (b / a) ** 2)
    spheroid = 2 * np.pi * b**2 * (1 + a / (b * eccentricity) * math.asin(eccentricity))
    assert 0.8 < area / spheroid < 1
    assert diameters.max() == pytest.approx(2 * b, rel=0.02)


def test_a_stack_of_circles_is_a_cable_as_wide_as_they_are():
    """As wide as circle and polygon of a hundred corners, whose circumferences differ by less than 1 in 1000."""
    angle = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    circles = [np.stack([r * np.cos(angle) + 3, r * np.sin(angle), 0 * angle + z], axis=1) for r, z in ((4, 0), (6, 2), (5, 4))]
    points, diameters = soma_of(circles)
    np.testing.assert_allclose(diameters, [8, 12, 10], rtol=1e-3)
    np.testing.assert_allclose(points, [[3, 0, 0], [3, 0, 2], [3, 0, 4]], atol=0.1)


# -- faults ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        (body(outline(1, 8)) + TREES.replace("(Dendrite)", "(Twig)"), 13, "3 trees are drawn and 2 are understood"),
        (body(outline(1, 8)) + TREES[:-30], 39, "not closed"),
        (body(outline(1, 8)) + ")\n" + TREES, 13, "not opened"),
        (TREES, 1, "does not hang together"),
        (body(outline(1, 8)) + body(np.add(outline(1, 8), [90, 0, 0])) + TREES, 13, "a second soma"),
        (body(outline(1, 8)) + body(outline(1, 8, 3.0)) + body(outline(1, 8, 1.0)) + TREES, 1, "not in order"),
        (body(outline(1, 8)[:2]) + TREES, 1, "no outline"),
        (body([[0, 0, 0], [1, 1, 0], [2, 2, 0], [3, 3, 0]]) + TREES, 1, "encloses nothing"),
        (body([[1, 1, 0]] * 5) + TREES, 1, "no length"),
        (body(outline(1, 8)) + TREES.replace("( 20 5 0 1.5)", "( 20 five 0 1.5)"), 16, "MorphIO does not understand"),
        (body(outline(1, 8)) + TREES.replace("( 40 10 0 1.0)", "( 40 10 0 0.0)"), 1, "diameter of 0"),
        ("", 1, "does not hang together"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) and "\n" not in value else "",
)
def test_files_that_are_no_cell_are_refused_with_the_line(file, text, line, told):
    with pytest.raises(CosimError, match=told) as caught:
        read_asc(file(text))
    fault = getattr(caught.value, "faults", [caught.value])[0]
    assert fault.where == f"cell.asc:{line}"


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CosimError, match=r"none\.asc cannot be read"):
        read_asc(tmp_path / "none.asc")


def test_without_morphio_the_error_says_what_to_install(file, monkeypatch):
    def none(name, *rest):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", none)
    with pytest.raises(CosimError) as caught:
        read_asc(file(TREES))
    assert "neuro-cosim[morphologies]" in caught.value.mend
