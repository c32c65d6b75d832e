"""Gains: sensors against a dense product, files of every kind, and the arrays of tvb-data."""

from __future__ import annotations

import bz2
import logging
import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from cosim.sdk import CosimError, Setup, Space, Window
from cosim.sdk.contract import EngineContract
from engines.equations.description import Output
from engines.neural_mass import NeuralMass
from engines.neural_mass.monitors import Taken
from engines.neural_mass.monitors.gain import GainParams, ScalpParams

MS = 1_000_000
LABELS = ("l1", "l2", "l3", "r1", "r2", "r3")
SIX = {"generate": {"regions": 6, "seed": 3, "density": 0.6}}
LOG = logging.getLogger("test")
needs_tvb_data = pytest.mark.skipif(find_spec("tvb_data") is None, reason="tvb-data is not installed")
RNG = np.random.default_rng(8)
MATRIX = RNG.normal(size=(4, 6))


def taken(labels=LABELS, replicas=1):
    return Taken("x", Output(value="x"), Space(tuple(labels)), replicas, MS)


def shown(params, rows, source=None, window_steps=None):
    """(rows / steps, sensors): what a monitor makes of rows of 1 ms."""
    source = source or taken()
    window_steps = window_steps or len(rows)
    monitor = params.build("s", source, window_steps * MS, LOG)
    return np.concatenate([monitor.take(rows[k : k + window_steps]) for k in range(0, len(rows), window_steps)])


@pytest.fixture
def files(tmp_path):
    """One matrix in every form that has names, its regions in another order, and without names."""
    order = [3, 0, 5, 1, 4, 2]
    regions, matrix = [LABELS[k] for k in order], MATRIX[:, order]
    lines = [f"s{k}," + ",".join(map(repr, row.tolist())) for k, row in enumerate(matrix)]
    (tmp_path / "named.csv").write_text("\n".join([",".join(["sensor", *regions]), *lines]) + "\n")
    places = np.arange(12.0).reshape(4, 3)
    np.savez(tmp_path / "named.npz", gain=matrix, sensors=["s0", "s1", "s2", "s3"], regions=regions, positions_mm=places)
    np.save(tmp_path / "plain.npy", MATRIX)
    np.savez(tmp_path / "plain.npz", gain=MATRIX)
    return tmp_path


class TestGain(EngineContract):
    engine = NeuralMass
    one_window_ms, many_windows_ms = 40, 2

    @pytest.fixture(autouse=True)
    def _file(self, tmp_path):
        np.save(tmp_path / "gain.npy", RNG.normal(size=(9, 6)))
        monitors = {"lfp": {"kind": "gain", "of": "potential", "matrix": str(tmp_path / "gain.npy"), "every": MS}}
        type(self).params = NeuralMass.Params(connectome=SIX, replicas=2, monitors=monitors, initial={"r": 2.0})
        yield
        del type(self).params


@pytest.mark.parametrize("name", ["named.csv", "named.npz", "plain.npy", "plain.npz"])
def test_sensors_show_the_dense_product_whatever_the_file(files, name):
    rows = RNG.normal(size=(50, 6))
    found = shown(GainParams(kind="gain", of="x", matrix=str(files / name), every=5 * MS), rows)
    assert np.allclose(found, rows.reshape(10, 5, 6).mean(axis=1) @ MATRIX.T, rtol=1e-12, atol=1e-14)


def test_a_row_is_a_sensor_and_a_column_a_region(files):
    only_r1 = np.zeros((1, 6))
    only_r1[0, 3] = 2.0
    found = shown(GainParams(kind="gain", of="x", matrix=str(files / "named.csv")), only_r1)
    assert np.allclose(found[0], 2.0 * MATRIX[:, 3], rtol=1e-15)


def test_replicas_and_cuts_between_windows_do_not_change_a_bit(files):
    params = GainParams(kind="gain", of="x", matrix=str(files / "plain.npy"), every=2 * MS)
    rows = RNG.normal(size=(40, 18))
    three = taken(replicas=3)
    whole = shown(params, rows, three)
    assert whole.shape == (20, 12)
    for steps in (2, 4, 20):
        assert np.array_equal(shown(params, rows, three, steps), whole)
    for m in range(3):
        assert np.array_equal(shown(params, rows[:, 6 * m : 6 * m + 6]), whole[:, 4 * m : 4 * m + 4])


def test_the_port_has_the_sensors_as_its_space(files):
    monitors = {
        "lfp": {"kind": "gain", "of": "potential", "matrix": str(files / "named.npz"), "unit": "uV", "quantity": "lfp"},
        "plain": {"kind": "gain", "of": "rate", "matrix": str(files / "plain.npy"), "sensors": ["a", "b", "c", "d"]},
    }
    params = NeuralMass.Params(connectome=SIX, monitors=monitors, replicas=2)
    ports = {port.name: port for port in NeuralMass.ports(params)}
    lfp, plain = ports["lfp"], ports["plain"]
    assert (lfp.quantity, lfp.unit, lfp.of, lfp.dt_ns) == ("lfp", "uV", "mean", MS)
    assert lfp.space.labels == tuple(f"{m}/s{k}" for m in (0, 1) for k in range(4))
    assert np.array_equal(lfp.space.positions, np.tile(1000.0 * np.arange(12.0).reshape(4, 3), (2, 1)))  # mm -> um
    assert (plain.unit, plain.space.labels[:4]) == ("1", ("0/a", "0/b", "0/c", "0/d"))
    out = NeuralMass(params, Setup("brain", 2 * MS, 1)).advance(Window(0, 2 * MS), {})
    means = out["potential"].values.reshape(2, 10, 2, 6).mean(axis=1)
    assert np.allclose(out["lfp"].values, (means @ MATRIX.T).reshape(2, 8), rtol=1e-12)


def test_sensors_of_a_part_of_the_brain_show_that_part(files):
    params = GainParams(kind="gain", of="x", matrix=str(files / "named.csv"))
    rows = RNG.normal(size=(3, 2))
    assert np.allclose(shown(params, rows, taken(["r2", "l1"])), rows @ MATRIX[:, [4, 0]].T, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("turned.npy", {}, "6 sensors x 4 regions, and 6 are simulated.*the other way round"),
        ("seven.npy", {}, "4 sensors x 7 regions, and 6 are simulated.*name its regions"),
        ("others.csv", {}, "no gain of region 'l1'.*6 of 6 regions are missing"),
        ("headless.csv", {}, "no table of gains.*starts with '1'"),
        ("ragged.csv", {}, "line 3 has not 3 cells"),
        ("words.csv", {}, "could not convert string"),
        ("nan.npy", {}, "not finite"),
        ("plain.npy", {"sensors": ["a", "b"]}, "4 sensors, and 2 names"),
        ("plain.npy", {"sensors": ["a", "b", "c", "c"]}, "4 sensors, and 3 names"),
        ("torn.npz", {}, "no file of gains"),
        ("gain.txt", {}, "write .csv, .npy or .npz"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_name(files, name, given, told):
    np.save(files / "turned.npy", MATRIX.T)
    np.save(files / "seven.npy", np.ones((4, 7)))
    np.save(files / "nan.npy", np.full((4, 6), np.nan))
    (files / "others.csv").write_text("sensor,a,b,c,d,e,f\ns0,1,2,3,4,5,6\n")
    (files / "headless.csv").write_text("1,2,3,4,5,6\n1,2,3,4,5,6\n")
    (files / "ragged.csv").write_text("sensor,l1,l2\ns0,1,2\ns1,1\n")
    (files / "words.csv").write_text("sensor,l1,l2\ns0,1,much\n")
    (files / "torn.npz").write_bytes((files / "named.npz").read_bytes()[:200])
    (files / "gain.txt").write_text("1")
    with pytest.raises(CosimError, match=name.replace(".", r"\.")) as caught:
        GainParams(kind="gain", of="x", matrix=str(files / name), **given).port("s", taken())
    assert re.search(f"(?s){told}", str(caught.value))


def test_a_unit_that_is_none_and_a_source_that_is_missing_are_refused(files):
    for wrong in ({"unit": "furlongs per"}, {"of": None}):
        with pytest.raises(ValidationError):
            GainParams(**{"kind": "gain", "of": "x", "matrix": str(files / "plain.npy"), **wrong})


# -- tvb-data ------------------------------------------------------------------------------------------------------------


def folder():
    return Path(find_spec("tvb_data").submodule_search_locations[0])


def reduced(sensors, count):
    """(names, gains) by plain sums over vertices, one after the other."""
    projection, names = {
        "eeg_65": ("projection_eeg_65_surface_16k.npy", "eeg_brainstorm_65.txt"),
        "eeg_62": ("projection_eeg_62_surface_16k.mat", "eeg_unitvector_62.txt.bz2"),
        "meg_276": ("projection_meg_276_surface_16k.npy", "meg_brainstorm_276.txt"),
    }[sensors]
    path = folder() / "projectionMatrix" / projection
    if path.suffix == ".mat":
        from scipy.io import loadmat

        by_vertex = loadmat(path)["ProjectionMatrix"]
    else:
        by_vertex = np.load(path)
    data = (folder() / "sensors" / names).read_bytes()
    labels = [line.split()[0] for line in (bz2.decompress(data) if names.endswith("bz2") else data).decode().splitlines()]
    region_of = np.loadtxt(folder() / "regionMapping" / f"regionMapping_16k_{count}.txt").astype(int)[:16384]
    gain = np.zeros((len(by_vertex), count))
    np.add.at(gain.T, region_of, by_vertex.T)
    heard = np.isfinite(gain).all(axis=1)
    return [label for label, hears in zip(labels, heard, strict=True) if hears], gain[heard]


@needs_tvb_data
@pytest.mark.parametrize(("kind", "sensors", "channels"), [("eeg", "eeg_65", 63), ("eeg", "eeg_62", 62), ("meg", "meg_276", 248)])
@pytest.mark.parametrize("count", [76, 192])
def test_scalp_sensors_show_the_sum_over_the_vertices_of_each_region(kind, sensors, channels, count):
    params = NeuralMass.Params(
        connectome={"tvb": f"connectivity_{count}"},
        short_delays="round",
        outputs=["potential"],
        initial={"v": np.linspace(-2, 0, count).tolist()},
        monitors={"scalp": {"kind": kind, "of": "potential", "sensors": sensors}},
    )
    port = next(port for port in NeuralMass.ports(params) if port.name == "scalp")
    labels, gain = reduced(sensors, count)
    assert len(port.space) == channels
    assert list(port.space.labels) == labels
    assert (port.quantity, port.unit) == (kind, "1")
    assert (port.space.positions is None) == (sensors == "eeg_62")  # unit vectors are no positions
    out = NeuralMass(params, Setup("brain", 3 * MS, 1)).advance(Window(0, 3 * MS), {})
    expected = out["potential"].values.reshape(3, 10, count).mean(axis=1) @ gain.T
    assert np.allclose(out["scalp"].values, expected, rtol=1e-9, atol=1e-12 * np.abs(expected).max())  # sums of 16384 terms


@needs_tvb_data
def test_a_reference_is_subtracted_from_every_sensor():
    labels = tuple(name for name in _regions_of_76())
    rows = RNG.normal(size=(4, 76))
    plain, average, cz = (
        shown(ScalpParams(kind="eeg", of="x", reference=reference), rows, taken(labels)) for reference in (None, "average", "Cz")
    )
    names, _ = reduced("eeg_65", 76)
    assert np.allclose(average, plain - plain.mean(axis=1, keepdims=True), rtol=0, atol=1e-10 * np.abs(plain).max())
    assert np.allclose(cz, plain - plain[:, [names.index("Cz")]], rtol=0, atol=1e-10 * np.abs(plain).max())
    assert np.abs(cz[:, names.index("Cz")]).max() == 0


def _regions_of_76():
    import zipfile

    with zipfile.ZipFile(folder() / "connectivity" / "connectivity_76.zip") as archive:
        return [line.split()[0] for line in archive.read("centres.txt").decode().splitlines()]


@needs_tvb_data
def test_regions_are_found_by_their_names_and_not_by_their_order():
    labels = _regions_of_76()
    order = np.random.default_rng(3).permutation(76)[:20]
    rows = RNG.normal(size=(2, 20))
    found = shown(ScalpParams(kind="meg", of="x"), rows, taken([labels[k] for k in order]))
    _, gain = reduced("meg_276", 76)
    assert np.allclose(found, rows @ gain[:, order].T, rtol=1e-9, atol=1e-12 * np.abs(found).max())


@needs_tvb_data
@pytest.mark.parametrize(
    ("given", "labels", "told"),
    [
        ({"kind": "eeg"}, LABELS, "the 76 or 192 regions of tvb-data"),
        ({"kind": "eeg", "sensors": "meg_276"}, ("rA1",), "no sensors of eeg"),
        ({"kind": "meg", "reference": "average"}, ("rA1",), "no reference"),
        ({"kind": "eeg", "reference": "Czz"}, ("rA1",), "no sensor 'Czz'"),
    ],
)
def test_sensors_that_do_not_fit_the_brain_are_refused(given, labels, told):
    with pytest.raises(CosimError, match=told) as caught:
        ScalpParams(of="x", **given).port("s", taken(labels))
    assert caught.value.mend


def test_sensors_that_there_are_not_are_refused_with_those_there_are():
    with pytest.raises(ValidationError, match="eeg_66") as caught:
        ScalpParams(kind="eeg", of="x", sensors="eeg_66")
    assert "eeg_65" in caught.value.errors()[0]["ctx"]["mend"]


@needs_tvb_data
@pytest.mark.skipif(find_spec("tvb") is None, reason="tvb-library is not installed")
@pytest.mark.filterwarnings("ignore")
def test_gains_of_76_regions_are_those_of_tvbs_own_monitor():
    from tvb.simulator.lab import connectivity, coupling, integrators, models, monitors, simulator

    theirs = monitors.EEG.from_file()
    theirs.period = 1.0
    simulator.Simulator(
        model=models.Generic2dOscillator(),
        connectivity=connectivity.Connectivity.from_file(),
        coupling=coupling.Linear(),
        integrator=integrators.HeunDeterministic(dt=0.5),
        monitors=(theirs,),
    ).configure()
    _, ours = reduced("eeg_65", 76)
    heard = np.abs(theirs.gain).max(axis=1) > 0  # TVB keeps the two channels without gains, as zeros
    assert np.allclose(theirs.gain[heard], ours, rtol=1e-9, atol=1e-9 * np.abs(ours).max())
    rows = RNG.normal(size=(1, 76))
    found = shown(ScalpParams(kind="eeg", of="x"), rows, taken(_regions_of_76()))
    assert np.allclose(found, rows @ theirs.gain[heard].T, rtol=1e-9, atol=1e-12 * np.abs(found).max())
