import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import sparse

from cosim.sdk import CosimError, Port, Samples, Space, Window
from cosim.sdk.contract import TranslatorContract, assert_payload_fits, same_bits
from cosim.sdk.time import NS_PER_MS
from couplers.project import Project

RNG = np.random.default_rng(0)  # the protocol's argument; this translator draws nothing
SOURCE = Port("rate", "out", "samples", Space(("V1", "V2", "S1", "M1")), "firing_rate", "Hz", "mean", 250_000)
TARGET = Port("drive", "in", "samples", Space(("left", "right")))
TABLE = "target,source,weight\nleft,V1,0.5\nleft,M1,2\nright,V2,-1\n"
MATRIX = np.array([[0.5, 0, 0, 2], [0, -1, 0, 0]])


def write(folder, text=TABLE):
    path = folder / "weights.csv"
    path.write_text(text)
    return path


def build(path, source=SOURCE, target=TARGET, **params):
    return Project(source, target, Project.Params(weights=path, **params))


def fault(folder, text, **params):
    with pytest.raises(CosimError) as caught:
        build(write(folder, text), **params)
    return caught.value


class TestProject(TranslatorContract):
    translator = Project
    source, target = SOURCE, TARGET
    refuses = ((Port("spikes", "out", "spikes", SOURCE.space, dt_ns=NS_PER_MS), TARGET),)

    @pytest.fixture(autouse=True)
    def _weights(self, tmp_path):
        type(self).params = Project.Params(weights=write(tmp_path))


def test_it_is_the_product_with_the_matrix(tmp_path):
    x = np.arange(8.0).reshape(2, 4)
    out = build(write(tmp_path)).translate(Samples(Window(0, 500_000), x), RNG)
    assert np.array_equal(out.values, x @ MATRIX.T)  # halves and whole numbers: no rounding


def test_labels_rows_and_npz_say_the_same(tmp_path):
    numbers = "target,source,weight\n0,0,0.5\n0,3,2\n1,1,-1\n"
    sparse.save_npz(tmp_path / "w.npz", sparse.csr_array(MATRIX))
    frame = Samples(Window(0, NS_PER_MS), np.random.default_rng(1).random((4, 4)))
    a, b, c = (build(p).translate(frame, RNG) for p in (write(tmp_path), write(tmp_path, numbers), tmp_path / "w.npz"))
    assert same_bits(a, b)
    assert same_bits(a, c)


def test_labels_that_look_like_rows_are_labels(tmp_path):
    target = TARGET.but(space=Space(("2", "1")))
    out = build(write(tmp_path, "target,source,weight\n1,V1,1\n2,V2,3\n"), target=target)
    assert out.translate(Samples(Window(0, 250_000), np.ones((1, 4))), RNG).values.tolist() == [[3, 1]]


@given(st.permutations(range(12)), st.integers(1, 7))
def test_neither_the_order_of_the_file_nor_the_frames_change_a_bit(tmp_path_factory, order, cut):
    folder, weights = tmp_path_factory.mktemp("w", numbered=True), np.random.default_rng(2).standard_normal((3, 4))
    lines = [f"{i // 4},{i % 4},{float(weights[i // 4, i % 4])!r}" for i in range(12)]
    target = TARGET.but(space=Space.numbered(3))
    plain = build(write(folder, "target,source,weight\n" + "\n".join(lines)), target=target)
    mixed = build(write(folder, "target,source,weight\n" + "\n".join(lines[i] for i in order)), target=target)
    whole = Samples(Window(0, 8), np.random.default_rng(3).standard_normal((8, 4)))
    once = plain.translate(whole, RNG)
    assert same_bits(Samples.join([mixed.translate(whole.cut(w), RNG) for w in (Window(0, cut), Window(cut, 8))]), once)


def test_a_matrix_with_unsorted_rows_sums_in_the_order_of_channels(tmp_path):
    """1e16 + 1 - 1e16 + 3: what is lost depends on the order, here that of the source channels."""
    columns, weights = [3, 1, 2, 0], [3.0, 1.0, -1e16, 1e16]
    path = tmp_path / "w.npz"
    sparse.save_npz(path, sparse.csr_array((weights, columns, [0, 4, 4]), shape=(2, 4)))
    assert not sparse.load_npz(path).has_sorted_indices
    out = build(path).translate(Samples(Window(0, 250_000), np.ones((1, 4))), RNG)
    assert out.values[0, 0] == ((1e16 + 1) - 1e16) + 3 != ((3 + 1) - 1e16) + 1e16


def test_normalised_rows_keep_a_uniform_input(tmp_path):
    table, target = (
        "target,source,weight\nleft,V1,0.3\nleft,M1,0.9\nright,S1,5\n",
        TARGET.but(space=Space(("left", "right", "none"))),
    )
    out = build(write(tmp_path, table), target=target, normalise="rows").translate(
        Samples(Window(0, 250_000), np.full((1, 4), 7.0)), RNG
    )
    assert out.values[0] == pytest.approx([7, 7, 0], rel=1e-15)  # a target without weights gets nothing
    error = fault(tmp_path, "target,source,weight\nright,V1,1\nright,V2,-1\n", normalise="rows")
    assert "'right' sum to 0" in error.what


def test_the_report_has_the_sums_that_say_what_is_conserved(tmp_path):
    report = build(write(tmp_path)).report
    assert report == {
        "weights": 3,
        "targets without": 0,
        "sources without": 1,
        "least row sum": -1,
        "largest row sum": 2.5,
        "least column sum": -1,
        "largest column sum": 2,
    }


def test_it_runs_where_the_data_are_smaller(tmp_path):
    assert build(write(tmp_path)).place == "source"
    wide = build(write(tmp_path), target=TARGET.but(space=Space(("left", "right", "a", "b"))))
    assert wide.place == "target"
    frame = Samples(Window(0, 250_000), np.ones((1, 4)))
    assert_payload_fits(wide.translate(frame, RNG), wide.port, frame.window)


def test_every_fault_of_a_file_is_told_with_its_line(tmp_path):
    error = fault(
        tmp_path, "target,source,weight\nlft,V1,1\nleft,V9,1\nleft,V1,much\nleft,V1,nan\n\nright,V2,1,1\nright,V2,1\nright,V2,2\n"
    )
    assert error.what == "weights.csv has 7 faults"
    for told in (
        "line 2: no target channel is called 'lft' (there are 2: left … right)",
        "line 3: no source channel is called 'V9'",
        "line 4: the weight 'much' is not a finite number",
        "line 5: the weight 'nan' is not a finite number",
        "line 5: this pair has a weight in line 4 already",
        "line 7: 4 columns, not 3",
        "line 9: this pair has a weight in line 8 already",
    ):
        assert told in error.why


def test_many_faults_are_counted(tmp_path):
    error = fault(tmp_path, "target,source,weight\n" + "x,V1,1\n" * 25)
    assert error.what == "weights.csv has 25 faults"
    assert error.why.endswith("… and 15 more")


@pytest.mark.parametrize("text", ["", "left,V1,1\n", "source,target,weight\nV1,left,1\n"])
def test_the_header_is_required(tmp_path, text):
    assert "does not start with the header target,source,weight" in fault(tmp_path, text).what


def test_a_row_beyond_the_space_is_refused(tmp_path):
    assert "line 2: no target channel is called '2'" in fault(tmp_path, "target,source,weight\n2,0,1\n").why


def test_npz_faults_are_told(tmp_path):
    path = tmp_path / "w.npz"
    sparse.save_npz(path, sparse.csr_array(MATRIX.T))
    with pytest.raises(CosimError, match="4 x 2, and the link has 2 target and 4 source") as caught:
        build(path)
    assert "the other way round" in caught.value.mend
    sparse.save_npz(path, sparse.csr_array(MATRIX * np.nan))
    with pytest.raises(CosimError, match="not finite"):
        build(path)
    np.savez(path, values=MATRIX)
    with pytest.raises(CosimError, match="is not a sparse matrix"):
        build(path)
    path.write_bytes(b"no zip")
    with pytest.raises(CosimError, match="is not a sparse matrix"):
        build(path)


def test_refusals_say_what_fits(tmp_path):
    with pytest.raises(CosimError, match="takes samples") as caught:
        build(write(tmp_path), source=Port("spikes", "out", "spikes", SOURCE.space, dt_ns=NS_PER_MS))
    assert "spikes_to_rate" in caught.value.mend
    with pytest.raises(ValidationError, match="does not exist"):
        Project.Params(weights=tmp_path / "none.csv")
