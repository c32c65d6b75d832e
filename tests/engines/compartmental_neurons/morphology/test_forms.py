"""Forms of cells: files of one's own and of packages, branches and rules; what is told when a scenario is checked."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from cosim.sdk import CosimError
from engines.compartmental_neurons.morphology.source import Form, file_of_package, read

SWC = "1 1 0 0 0 5 -1\n2 3 9 0 0 1 1\n3 3 19 0 0 1 2\n"


def form(folder, **given):
    """As a scenario in a folder gives it."""
    return Form.model_validate(given, context={"from_file": True, "folder": str(folder)})


def test_a_file_is_looked_for_beside_the_scenario(tmp_path):
    (tmp_path / "cell.swc").write_text(SWC, encoding="utf-8")
    shape = form(tmp_path, file="cell.swc").shape()
    assert [s.name for s in shape.morphology.sections] == ["soma[0]", "dend[0]"]
    assert shape.counts.tolist() == [0, 0]
    with pytest.raises(ValueError, match="does not exist"):
        form(tmp_path, file="other.swc")


def test_a_file_that_changes_is_read_again(tmp_path):
    path = tmp_path / "cell.swc"
    path.write_text(SWC, encoding="utf-8")
    assert read(path) is read(path)
    path.write_text(SWC + "4 3 29 0 0 1 3\n", encoding="utf-8")
    assert read(path).sections[1].length == 20


def test_a_file_of_a_package_is_found_and_the_package_not_imported():
    if importlib.util.find_spec("bmtk") is None:
        pytest.skip("bmtk is not installed")
    code = """
from engines.compartmental_neurons.morphology.source import Form
import sys
form = Form(package="bmtk", file="utils/scripts/bionet/morphologies/Scnn1a_473845048_m.swc")
assert len(form.shape().morphology.sections) == 123
assert "bmtk" not in sys.modules and "numba" not in sys.modules
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr


def test_what_a_package_does_not_have_is_told():
    with pytest.raises(CosimError, match="there is no package 'no_such_package'") as caught:
        file_of_package("no_such_package", "cell.swc")
    assert caught.value.mend == "pip install no_such_package"
    with pytest.raises(CosimError, match=r"package 'numpy' has no file 'cell\.swc'"):
        file_of_package("numpy", "cell.swc")
    with pytest.raises(ValueError, match="there is no package"):
        Form(package="no_such_package", file="cell.swc")


def test_all_faults_of_a_file_are_told_when_a_scenario_is_checked(tmp_path):
    (tmp_path / "cell.swc").write_text("1 1 0 0 0 0 -1\n2 3 9 0 0 1 7\n", encoding="utf-8")
    with pytest.raises(ValueError, match="has faults") as caught:
        form(tmp_path, file="cell.swc")
    (detail,) = caught.value.errors()
    for part in ("cell.swc:1: radius is 0", "cell.swc:2: parent 7 does not exist"):
        assert part in detail["msg"]


def test_one_fault_of_a_file_is_told_with_its_line(tmp_path):
    (tmp_path / "cell.swc").write_text(SWC.replace("19", "x"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"cell\.swc:3: x is 'x'"):
        form(tmp_path, file="cell.swc")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "give one of file, branches, cable, rall, ring"),
        ({"ring": {}, "cable": {"length": "1 um", "diameter": "1 um"}}, "not cable and ring"),
        ({"package": "numpy", "ring": {}}, "package says something of a file"),
        ({"cell": "a", "ring": {}}, "cell says something of a file"),
        ({"branches": {}}, "at least 1"),
        ({"branches": {"a": {"length": "1 um", "diameter": "1 um", "parent": "b"}}}, "a leaves 'b', which is not there"),
        ({"branches": {"a": {"length": "1 um", "diameter": 1}}}, "1 has no unit"),
        ({"cable": {"length": "1 um", "diameter": ["1 um", "-1 um"]}}, "a diameter is -1 um"),
        ({"rall": {"levels": 20, "length": "1 um", "diameter": "1 um"}}, "less than or equal to 16"),
        ({"ring": {"branch_probability": [1, 2]}}, "less than or equal to 1"),
        ({"ring": {"depth": 0}}, "greater than or equal to 1"),
    ],
)
def test_forms_that_cannot_be_are_refused(tmp_path, given, told):
    with pytest.raises(ValueError, match=told):
        form(tmp_path, **given)


@pytest.mark.parametrize(
    ("name", "cell", "told"),
    [("cell.txt", None, "of no known kind"), ("none.swc", None, "cannot be read"), ("cell.swc", "a", "has one cell")],
)
def test_files_of_no_known_kind_are_refused(tmp_path, name, cell, told):
    with pytest.raises(CosimError, match=told):
        read(tmp_path / name, cell)


def test_only_ring_cells_differ_from_each_other(tmp_path):
    cable = form(tmp_path, cable={"length": "1 mm", "diameter": "2 um"})
    ring = form(tmp_path, ring={})
    assert (cable.varies, ring.varies) == (False, True)
    np.testing.assert_array_equal(cable.shape(1, 2).morphology.lengths, cable.shape(2, 3).morphology.lengths)
    assert len({len(ring.shape(1, cell).counts) for cell in range(10)}) > 1


def test_a_neuroml_file_may_have_several_cells(tmp_path):
    pytest.importorskip("neuroml", reason="libNeuroML is not installed (extra: neuroml)")
    ends = '<proximal x="0" y="0" z="0" diameter="{0}"/><distal x="0" y="0" z="0" diameter="{0}"/>'
    cells = [
        f'<cell id="{name}"><morphology id="m{name}"><segment id="0" name="s">{ends.format(size)}</segment></morphology></cell>'
        for name, size in (("a", 5), ("b", 7))
    ]
    head = '<neuroml xmlns="http://www.neuroml.org/schema/neuroml2" id="file">'
    (tmp_path / "cells.nml").write_text(head + "".join(cells) + "</neuroml>", encoding="utf-8")
    assert form(tmp_path, file="cells.nml", cell="b").shape().morphology.sections[0].length == 7
    with pytest.raises(ValueError, match="has 2 cells"):
        form(tmp_path, file="cells.nml")
