"""Connectomes: read, made, written out; what is refused and how."""

from __future__ import annotations

import bz2
import os
import zipfile
from importlib.util import find_spec

import numpy as np
import pytest
from pydantic import ValidationError

from cosim.sdk import CosimError
from engines.connectome import build_connectome, tvb_zip
from engines.connectome.generator import generate
from engines.connectome.params import ConnectomeParams

needs_tvb_data = pytest.mark.skipif(find_spec("tvb_data") is None, reason="tvb-data is not installed")
FILES = {
    "weights.txt": "0 1.5 0\n2 0 0\n0 3 1\n",
    "tract_lengths.txt": "0 20 30\n20 0 40\n30 40 0\n",
    "centres.txt": "lA 1 2 3\nlB 4 5 6\nrA -1 2.5 3e0\n",
}


def build(**params):
    return build_connectome(ConnectomeParams(**params))


def zipped(folder, files, name="mine.zip"):
    with zipfile.ZipFile(folder / name, "w") as archive:
        for member, content in files.items():
            archive.writestr(member, content)
    return folder / name


# -- tvb-data ------------------------------------------------------------------------------------------------------------


@needs_tvb_data
def test_the_default_connectome_of_tvb():
    """Counts of tvb-data 3.0.0."""
    made = build(tvb="connectivity_76", zero_diagonal=False, speed=1.0)
    assert made.weights.shape == (76, 76)
    assert np.count_nonzero(made.weights) == 1560
    assert made.weights.sum() == pytest.approx(2988.8457, abs=1e-4)
    assert build(tvb="connectivity_76").weights.sum() == pytest.approx(2852.8457, abs=1e-4)
    assert made.delays_ms.max() == pytest.approx(153.486, abs=1e-3)  # at 1 mm/ms, lengths are delays
    assert made.space.labels[0] == "rA1"
    assert [len(made.space.groups[side]) for side in ("left", "right")] == [38, 38]
    assert made.space.positions[0] == pytest.approx([-9885.591, -47084.818, -3139.360])  # µm


@needs_tvb_data
def test_compressed_members_folders_and_further_columns_are_read():
    packed = build(tvb="connectivity_68", zero_diagonal=False)
    assert np.count_nonzero(packed.weights) == 1244
    assert np.array_equal(packed.weights, packed.weights.T)
    assert len(build(tvb="connectivity_192")) == 192  # in a folder
    assert build(tvb="connectivity_66").space.labels[0] == "rBSTS"  # a word stands behind each place
    assert build(tvb="paupau").space.labels == ("lA1", "lA2", "rA1", "rA2")
    assert set(build(tvb="connectivity_96").space.groups) == {"left", "right", "cortical", "subcortical"}


@needs_tvb_data
def test_an_unknown_name_is_told_with_the_near_ones():
    with pytest.raises(CosimError) as caught:
        build(tvb="conectivity_76")
    assert "connectivity_76" in caught.value.mend


def test_a_missing_package_is_told_with_what_to_install(monkeypatch):
    monkeypatch.setattr(tvb_zip, "find_spec", lambda name: None)
    with pytest.raises(CosimError) as caught:
        build(tvb="connectivity_76")
    assert "pip install tvb-data" in caught.value.mend


# -- files ---------------------------------------------------------------------------------------------------------------


def test_a_file_is_read_in_a_folder_compressed_and_with_commas(tmp_path):
    files = {
        "mine/weights.txt.bz2": bz2.compress(FILES["weights.txt"].encode()),
        "mine/tract_lengths.txt": FILES["tract_lengths.txt"].replace(" ", ","),
        "mine/centres.txt": FILES["centres.txt"],
        "__MACOSX/mine/._weights.txt": "not this",
        "mine/hemispheres.txt": "0\n0\n1\n",
    }
    made = build(file=zipped(tmp_path, files), speed=2.0)
    assert np.array_equal(made.weights, [[0, 1.5, 0], [2, 0, 0], [0, 3, 0]])
    assert np.array_equal(made.delays_ms, [[0, 10, 15], [10, 0, 20], [15, 20, 0]])
    assert made.space.labels == ("lA", "lB", "rA")
    assert made.space.groups == {"left": (0, 1), "right": (2,)}
    assert np.array_equal(made.space.positions[2], [-1000, 2500, 3000])


def test_a_file_that_changes_is_read_again(tmp_path):
    path = zipped(tmp_path, FILES)
    assert build(file=path).weights[0, 1] == 1.5
    stamp = path.stat().st_mtime_ns
    zipped(tmp_path, {**FILES, "weights.txt": "0 7 0\n0 0 0\n0 0 0\n"})
    os.utime(path, ns=(stamp + 10**9, stamp + 10**9))
    assert build(file=path).weights[0, 1] == 7.0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"weights.txt": None}, "no weights"),
        ({"tract_lengths.txt": "0 1\n1 0\n"}, "2 x 2"),
        ({"tract_lengths.txt": "0 1 1\n1 0 -4\n1 1 0\n"}, "negative"),
        ({"weights.txt": "0 1\n1 0\n0 0\n"}, "3 x 2"),
        ({"weights.txt": "0 1 nan\n1 0 0\n0 0 0\n"}, "not finite"),
        ({"weights.txt": "0 1 0\n1 0\n0 0 0\n"}, "not a table"),
        ({"centres.txt": "a 1 2 3\na 4 5 6\nb 7 8 9\n"}, "two regions are called 'a'"),
        ({"centres.txt": "a 1 2 3\nb 4 5\nc 7 8 9\n"}, "line 2 of centres"),
        ({"centres.txt": "a 1 2 3\n"}, "1 labels for 3 regions"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, change, told):
    files = {name: text for name, text in {**FILES, **change}.items() if text is not None}
    with pytest.raises(CosimError, match=told):
        build(file=zipped(tmp_path, files))


def test_what_is_no_zip_file_is_refused(tmp_path):
    (tmp_path / "mine.zip").write_text("no")
    with pytest.raises(CosimError, match=r"mine\.zip cannot be read"):
        build(file=tmp_path / "mine.zip")
    with pytest.raises(ValidationError, match="does not exist"):
        ConnectomeParams(file=tmp_path / "other.zip")


# -- written out ---------------------------------------------------------------------------------------------------------


def test_weights_with_lengths_or_delays():
    weights = [[1.0, 2.0], [0.0, 0.0]]
    by_length = build(weights=weights, lengths="20 mm", speed="4 m/s")
    assert np.array_equal(by_length.delays_ms, np.full((2, 2), 5.0))  # a m/s is a mm/ms
    assert np.array_equal(by_length.weights, [[0, 2], [0, 0]])
    by_delay = build(weights=weights, delays=[["0 ms", "2 ms"], ["3 ms", "0 ms"]], labels=["a", "b"], zero_diagonal=False)
    assert np.array_equal(by_delay.delays_ms, [[0, 2], [3, 0]])
    assert np.array_equal(by_delay.weights, weights)
    assert by_delay.space.labels == ("a", "b")


def test_half_a_step_is_rounded_to_even():
    made = build(weights=[[0.0, 1.0], [1.0, 0.0]], delays=[[0.0, 0.5], [1.5, 0.0]])
    assert np.array_equal(made.delay_steps(1_000_000), [[0, 0], [2, 0]])


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"weights": [[0.0, 1.0], [1.0]], "delays": 1.0}, "differ in length"),
        ({"weights": [[0.0, 1.0]], "delays": 1.0}, "1 x 2"),
        ({"weights": [[0.0]]}, "lengths or delays"),
        ({"weights": [[0.0]], "delays": 1.0, "lengths": 1.0}, "lengths or delays"),
        ({"weights": [[0.0]], "delays": -1.0}, "negative"),
        ({"weights": [[0.0]], "delays": 1.0, "labels": ["a", "b"]}, "2 labels for 1 regions"),
        ({"weights": [[0.0]], "delays": 1.0, "positions": [[0.0, 1.0]]}, "1 x 2, not 1 x 3"),
        ({"generate": {}, "labels": ["a"]}, "belongs to weights"),
        ({"generate": {}, "tvb": "connectivity_76"}, "one source, not 2: tvb, generate"),
        ({}, "one source, not 0"),
        ({"weights": [[0.0, 1.0], [0.0, 0.0]], "delays": 1.0, "normalise": "spectral"}, "cannot be normalised by spectral"),
    ],
)
def test_what_does_not_fit_is_refused(params, told):
    with pytest.raises(CosimError, match=told):
        build(**params)


def test_weights_can_be_scaled():
    weights = np.array([[0.0, 2.0, 2.0], [8.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    scaled = {
        how: build(weights=weights.tolist(), delays=1.0, normalise=how).weights for how in ("none", "max", "row_sum", "spectral")
    }
    assert np.array_equal(scaled["none"], weights)
    assert np.array_equal(scaled["max"], weights / 8)
    assert np.array_equal(scaled["row_sum"], [[0, 0.5, 0.5], [1, 0, 0], [0, 0, 0]])
    assert np.allclose(scaled["spectral"], weights / 4, rtol=1e-12)  # the loop of regions 0 and 1 has eigenvalues ±√(2 · 8)


# -- made ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("regions", [2, 7, 90])
def test_a_made_connectome_has_the_density_hemispheres_and_lengths_that_were_asked_for(regions):
    made = build(generate={"regions": regions, "density": 0.4, "seed": 9}, speed=1.0)
    assert np.count_nonzero(made.weights) == max(regions, round(0.4 * regions * (regions - 1)))
    assert (made.weights >= 0).all()
    assert (np.count_nonzero(made.weights, axis=1) > 0).all()  # every region hears something
    assert made.weights.sum() == pytest.approx(regions)  # a row sums to 1 on average
    left = list(made.space.groups["left"])
    assert len(left) == regions - regions // 2
    assert (made.space.positions[left, 0] < 0).all()
    assert (np.delete(made.space.positions, left, axis=0)[:, 0] > 0).all()
    distances_mm = np.linalg.norm(made.space.positions[:, None] - made.space.positions[None], axis=2) / 1000
    assert np.allclose(made.delays_ms, 1.3 * distances_mm, rtol=1e-12)
    assert (distances_mm[~np.eye(regions, dtype=bool)] > 1).all()  # no two regions in one place


def test_a_made_connectome_depends_on_its_seed_alone():
    first, other = build(generate={"seed": 4}), build(generate={"seed": 5})
    generate.cache_clear()
    again = build(generate={"seed": 4})
    assert np.array_equal(first.weights, again.weights)
    assert np.array_equal(first.delays_ms, again.delays_ms)
    assert not np.array_equal(first.weights, other.weights)


def test_made_weights_fall_with_distance():
    """Without spread, log(weight) is a straight line over distance, of slope -1 / decay length."""
    made = build(generate={"regions": 30, "density": 1.0, "spread": 0.0, "decay_length": "25 mm"}, speed=1.0)
    pairs = made.weights > 0
    slope, _ = np.polyfit(made.delays_ms[pairs] / 1.3, np.log(made.weights[pairs]), 1)
    assert slope == pytest.approx(-1 / 25, rel=1e-9)  # exact but for rounding
    assert np.count_nonzero(pairs) == 30 * 29
