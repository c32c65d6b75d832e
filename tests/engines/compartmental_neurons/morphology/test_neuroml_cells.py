"""Cells of NeuroML2: segments to sections, groups, places between ends, and what is refused."""

from __future__ import annotations

import importlib
import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

from cosim.sdk import CosimError, ScenarioError
from engines.compartmental_neurons.morphology.compartments import cut
from engines.compartmental_neurons.morphology.neuroml import read_neuroml

pytest.importorskip("neuroml", reason="libNeuroML is not installed (extra: neuroml)")

HEAD = '<neuroml xmlns="http://www.neuroml.org/schema/neuroml2" id="file">\n'
SOMA = '<proximal x="0" y="0" z="0" diameter="10"/><distal x="0" y="0" z="0" diameter="10"/>'


def segment(number, parent=None, stop=None, start=None, along=None, name=""):
    """A line of XML; points are (x, y, z, diameter)."""
    fraction = "" if along is None else f' fractionAlong="{along}"'
    parts = [] if parent is None else [f'<parent segment="{parent}"{fraction}/>']
    for tag, point in (("proximal", start), ("distal", stop)):
        if point is not None:
            parts.append('<{} x="{}" y="{}" z="{}" diameter="{}"/>'.format(tag, *point))
    return f'<segment id="{number}" name="{name or f"seg{number}"}">{"".join(parts)}</segment>\n'


def group(name, *members, lex="", include=(), path=None, tree=None):
    parts = [f'<member segment="{member}"/>' for member in members]
    parts += [f'<include segmentGroup="{other}"/>' for other in include]
    if path:
        parts.append('<path><from segment="{}"/><to segment="{}"/></path>'.format(*path))
    if tree is not None:
        parts.append(f'<subTree><from segment="{tree}"/></subTree>')
    return f'<segmentGroup id="{name}"{f" neuroLexId={chr(34)}{lex}{chr(34)}" if lex else ""}>{"".join(parts)}</segmentGroup>\n'


def cell(*lines, name="cell"):
    return f'<cell id="{name}">\n<morphology id="m_{name}">\n{"".join(lines)}</morphology>\n</cell>\n'


@pytest.fixture
def read(tmp_path):
    def of(*cells, which=None):
        path = tmp_path / "cell.nml"
        path.write_text(HEAD + "".join(cells) + "</neuroml>\n", encoding="utf-8")
        return read_neuroml(path, which)

    return of


ROOT = segment(0, stop=(0, 0, 0, 10), start=(0, 0, 0, 10), name="soma")
STEM = segment(1, 0, (0, 50, 0, 1), (0, 5, 0, 2))
TIP = segment(2, 1, (0, 80, 0, 1))
TWIG = segment(3, 1, (30, 27.5, 0, 1), (0, 27.5, 0, 1), along=0.5)
AXON = segment(4, 0, (0, -50, 0, 1), (0, -5, 0, 1), along=0)
GROUPS = group("soma_group", 0, lex="GO:0043025") + group("dendrite_group", 1, 2, 3, lex="GO:0030425")
GROUPS += group("axon_group", 4, lex="GO:0030424")


# -- sections --------------------------------------------------------------------------------------------------------------------


def test_chains_of_segments_are_sections_and_groups_name_them(read):
    made = read(cell(ROOT, STEM, TIP, TWIG, AXON, GROUPS))
    told = [(s.name, s.label, s.parent, round(s.parent_at, 12), s.length) for s in made.sections]
    assert told == [
        ("soma", "soma", -1, 0.0, 10.0), ("seg1", "dendrite", 0, 1.0, 75.0),
        ("seg3", "dendrite", 1, 0.3, 30.0), ("seg4", "axon", 0, 0.0, 45.0),
    ]  # fmt: skip
    assert made.groups == {"soma_group": (0,), "dendrite_group": (1, 2), "axon_group": (3,)}
    assert made.sections[1].diameters.tolist() == [2, 1, 1]


def test_a_segment_that_ends_where_it_begins_is_a_sphere(read):
    area = cut(read(cell(ROOT)), 1, 1.0).area.sum()
    assert area == pytest.approx(4 * math.pi * 5e-6**2)


def test_a_diameter_steps_between_sections_without_a_ring_of_membrane(read):
    """π (2 · 45 + 1 · 30), and half the resistance of each in series."""
    wide = segment(1, 0, (0, 50, 0, 2), (0, 5, 0, 2))
    made = read(cell(ROOT, wide, segment(2, 1, (0, 80, 0, 1), (0, 50, 0, 1))))
    assert [s.length for s in made.sections] == [10, 45, 30]
    compartments = cut(made, 1, 1.0)
    assert compartments.area[1:].sum() == pytest.approx(math.pi * (2 * 45 + 30) * 1e-12)
    assert 1 / compartments.conductance[2] == pytest.approx(4 / math.pi * (22.5 / 4 + 15) * 1e6)


def test_a_segment_without_a_start_begins_where_it_leaves_its_parent(read):
    made = read(cell(ROOT, STEM, segment(2, 1, (40, 27.5, 0, 1), along=0.5)))
    assert made.sections[2].points[0].tolist() == [0, 27.5, 0]
    assert made.sections[2].diameters[0] == 1.5


def test_sections_end_where_groups_do(read):
    """So that a group is whole sections, whatever it is made of."""
    parts = [segment(n, n - 1, (0, 10.0 * n, 0, 1), (0, 10.0, 0, 1) if n == 1 else None) for n in range(1, 7)]
    parts = [part for part in parts if 'id="1"' not in part] + [segment(1, 0, (0, 15, 0, 1), (0, 10, 0, 1))]
    groups = group("near", 1, 2) + group("far", tree=4) + group("way", path=(2, 5)) + group("both", include=("near", "far"))
    made = read(cell(ROOT, *parts, groups))
    lengths = {name: sum(made.sections[number].length for number in numbers) for name, numbers in made.groups.items()}
    assert lengths == {"near": 10, "far": 30, "way": 35, "both": 40}
    assert sum(s.length for s in made.sections) == 10 + 50


def test_labels_come_from_ontologies_and_from_names(read):
    groups = group("apical_dends", 1, lex="GO:0030425") + group("My_Basal", 3) + group("axon_group", 4, lex="GO:0030424")
    made = read(cell(ROOT, STEM, TWIG, AXON, groups))
    assert [s.label for s in made.sections] == ["type_0", "apical", "basal", "axon"]


def test_a_section_has_the_name_of_its_unbranched_group(read):
    made = read(cell(ROOT, STEM, TIP, group("trunk", 1, 2, lex="sao864921383")))
    assert [s.name for s in made.sections] == ["soma", "trunk"]


def test_the_order_of_segments_does_not_matter(read):
    ordered, mixed = read(cell(ROOT, STEM, TIP, TWIG, AXON)), read(cell(TIP, AXON, TWIG, STEM, ROOT))
    assert sorted(s.name for s in mixed.sections) == sorted(s.name for s in ordered.sections)
    assert cut(mixed, 3, 1.0).area.sum() == pytest.approx(cut(ordered, 3, 1.0).area.sum())


def test_one_of_several_cells_is_asked_for_by_its_id(read):
    cells = (cell(ROOT, name="a"), cell(ROOT, STEM, name="b"))
    assert len(read(*cells, which="b").sections) == 2
    with pytest.raises(CosimError, match="has 2 cells"):
        read(*cells)
    with pytest.raises(CosimError, match="no cell 'c'"):
        read(*cells, which="c")


def test_a_morphology_may_stand_beside_its_cell(read):
    beside = f'<morphology id="apart">\n{ROOT}{STEM}</morphology>\n<cell id="cell" morphology="apart"/>\n'
    assert len(read(beside).sections) == 2


def test_all_cells_of_c302_are_trees_with_one_soma():
    c302 = importlib.util.find_spec("c302")
    if c302 is None:
        pytest.skip("c302 is not installed")
    files = sorted((Path(c302.origin).parent / "NeuroML2").glob("A*.cell.nml"))
    assert len(files) > 50
    for file in files:
        made = read_neuroml(file)
        assert [s.label for s in made.sections].count("soma") == 1
        soma = made.sections[0]
        assert soma.length == pytest.approx(soma.diameters[0])
        assert set(made.groups["all"]) == set(range(len(made.sections)))
        assert np.isfinite(cut(made, 2, 1.0).conductance).all()


# -- faults ----------------------------------------------------------------------------------------------------------------------


def test_faults_of_segments_are_told_at_once_with_their_lines(read):
    lines = [
        ROOT,
        segment(1, 7, (0, 1, 0, 1)),
        segment(2, 0, (0, 1, 0, -1), (0, 0, 0, 1)),
        segment(2, 0),
        segment(3, 0, (0, 9, 0, 1), along=2),
    ]
    with pytest.raises(ScenarioError) as caught:
        read(cell(*lines))
    told = {(fault.where, fault.what) for fault in caught.value.faults}
    assert told >= {
        ("cell.nml:5", "segment 1 has the parent 7, which does not exist"),
        ("cell.nml:8", "segment 3 begins at 2 of its parent"),
    }
    whats = " ".join(fault.what for fault in caught.value.faults)
    assert "segment 2 has a point that is not finite, or a diameter that is not above 0" in whats
    assert "segment 2 is given twice" in whats
    assert "segment 2 has no distal" in whats


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ((ROOT, segment(5, 6, (0, 1, 0, 1)), segment(6, 5, (0, 2, 0, 1))), "own ancestor"),
        ((ROOT, segment(1, stop=(0, 9, 0, 1), start=(0, 5, 0, 1))), "does not hang together"),
        ((segment(0, 1, (0, 1, 0, 1)), segment(1, 0, (0, 2, 0, 1))), "does not hang together"),
        ((segment(0, stop=(0, 9, 0, 1)),), "no proximal"),
        ((ROOT, segment(1, 0, (0, 5, 0, 1), (0, 5, 0, 2))), "has no length"),
        ((ROOT, group("g", 9)), "segment 9, which does not exist"),
        ((ROOT, group("g", include=("h",))), "there is no such group"),
        ((ROOT, group("g", include=("h",)), group("h", include=("g",))), "includes itself"),
        ((), "no segments"),
    ],
)
def test_what_is_no_tree_is_refused(read, lines, told):
    with pytest.raises(CosimError) as caught:
        read(cell(*lines))
    assert told in str(caught.value)


def test_a_file_that_is_no_neuroml_is_refused(tmp_path):
    path = tmp_path / "cell.nml"
    path.write_text("<neuroml><cell>", encoding="utf-8")
    with pytest.raises(CosimError, match=r"cell\.nml cannot be read"):
        read_neuroml(path)
    path.write_text(HEAD + "</neuroml>", encoding="utf-8")
    with pytest.raises(CosimError, match="has 0 cells"):
        read_neuroml(path)


def test_without_libneuroml_the_error_says_what_to_install(read, monkeypatch):
    def none(name, *rest):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", none)
    with pytest.raises(CosimError) as caught:
        read(cell(ROOT))
    assert "neuro-cosim[morphologies]" in caught.value.mend
