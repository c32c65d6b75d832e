"""A stub in place of a traced axon."""

import numpy as np
import pytest
from pydantic import ValidationError

from cosim.sdk import CosimError
from engines.compartmental_neurons.morphology.source import Form
from engines.compartmental_neurons.morphology.stub import with_stub
from engines.compartmental_neurons.morphology.tree import Morphology, Section


def piece(label, parent, *points, at=1.0, name="", diameter=2.0):
    return Section(np.array(points, float), np.full(len(points), diameter), parent, at, label, name)


SOMA = piece("soma", -1, (-10, 0, 0), (10, 0, 0), at=0.0, name="soma[0]", diameter=20.0)
AXON = piece("axon", 0, (0, 10, 0), (0, 90, 0), at=0.5, name="axon[0]")
TIP = piece("axon", 1, (0, 90, 0), (50, 90, 0), name="axon[1]")
DENDRITE = piece("basal", 0, (10, 0, 0), (40, 0, 0), name="dend[0]")
BRANCH = piece("basal", 3, (40, 0, 0), (80, 0, 0), name="dend[1]")
CELL = Morphology((SOMA, AXON, TIP, DENDRITE, BRANCH), {"neurites": (1, 2, 3, 4), "tips": (2, 4)})
SWC = "1 1 0 0 0 5 -1\n2 2 0 5 0 0.3 1\n3 2 0 99 0 0.2 2\n4 3 5 0 0 1 1\n5 3 50 0 0 1 4\n"


def test_it_is_sixty_micrometres_on_the_middle_of_the_soma():
    first, second = with_stub(CELL).sections[-2:]
    assert [(section.parent, section.parent_at, section.label, section.name) for section in (first, second)] == [
        (0, 0.5, "axon", "axon[0]"),
        (3, 1.0, "axon", "axon[1]"),
    ]
    for section in (first, second):
        assert section.length == pytest.approx(30)
        assert section.diameters.tolist() == [1, 1]


def test_it_goes_the_way_of_the_axon_as_far_as_it_reaches():
    first, second = with_stub(CELL).sections[-2:]
    assert first.points.tolist() == [[0, 0, 0], [0, 30, 0]]
    assert second.points.tolist() == [[0, 30, 0], [0, 60, 0]]


def test_the_rest_of_the_cell_stays_and_its_groups_name_the_same_sections():
    found = with_stub(CELL)
    assert [section.name for section in found.sections] == ["soma[0]", "dend[0]", "dend[1]", "axon[0]", "axon[1]"]
    assert [section.parent for section in found.sections[:3]] == [-1, 0, 1]
    assert found.sections[2].points.tolist() == BRANCH.points.tolist()
    assert dict(found.groups) == {"neurites": (1, 2), "tips": (2,)}


def test_a_cell_without_an_axon_is_given_one():
    found = with_stub(Morphology((SOMA, DENDRITE)))
    assert [section.label for section in found.sections] == ["soma", "basal", "axon", "axon"]
    assert found.sections[-1].points[-1].tolist() == [0, -60, 0]


def test_an_axon_that_ends_where_it_began_is_no_way():
    there_and_back = piece("axon", 0, (0, 0, 0), (0, 20, 0), (0, 0, 0), at=0.5)
    assert with_stub(Morphology((SOMA, there_and_back))).sections[-1].points[-1].tolist() == [0, -60, 0]


def test_what_grows_out_of_the_axon_is_not_cut_off():
    with pytest.raises(CosimError, match=r"dend\[7\] grows out of it"):
        with_stub(Morphology((SOMA, AXON, piece("basal", 1, (0, 90, 0), (5, 90, 0), name="dend[7]"))))
    with pytest.raises(CosimError, match="root of the cell"):
        with_stub(Morphology((piece("axon", -1, (0, 0, 0), (0, 5, 0)),)))


def test_a_file_s_axon_is_replaced_where_the_form_says_so(tmp_path):
    (tmp_path / "cell.swc").write_text(SWC)
    forms = [Form.model_validate({"file": "cell.swc", **more}, context={"folder": tmp_path}) for more in ({}, {"axon": "stub"})]
    whole, short = (form.shape().morphology for form in forms)
    assert [sum(s.length for s in cell.sections if s.label == "axon") for cell in (whole, short)] == pytest.approx([94, 60])
    assert [s.length for s in whole.sections if s.label != "axon"] == [s.length for s in short.sections if s.label != "axon"]


def test_only_a_file_has_a_traced_axon(tmp_path):
    with pytest.raises(ValidationError, match="axon says something of a file"):
        Form.model_validate({"axon": "stub", "branches": {"soma": {"length": "9 um", "diameter": "9 um"}}})
    (tmp_path / "cell.swc").write_text(SWC.replace("\n5 3", "\n5 3 9 120 0 1 3\n6 3"))
    with pytest.raises(ValidationError, match="grows out of it"):
        Form.model_validate({"file": "cell.swc", "axon": "stub"}, context={"folder": tmp_path})
