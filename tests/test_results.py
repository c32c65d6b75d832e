"""Reading a run: NumPy, xarray, Neo."""

from __future__ import annotations

import numpy as np
import pytest

import cosim
from cosim.sdk import CosimError
from tests.ported import ported, samples, spikes

MS = 1_000_000
ENGINES = {
    "a": (
        "3 ms",
        [
            samples(
                "y",
                "out",
                ["left", "right"],
                unit="mV",
                quantity="membrane_potential",
                dt_ns=MS // 10,
                positions=[[0, 0, 0], [1, 2, 3]],
            ),
            samples("plain", "out", 2, unit="1"),
            spikes("s", "out", ["c0", "c1", "c2", "silent"], groups={"L2/3E": [0, 2], "50%": [1]}),
        ],
    ),
    "b": [samples("x", "in", 2), spikes("e", "in", 2)],
}
LINKS = {
    "odd": {"from": "a.plain", "to": "b.x", "delay": "2 ms", "record": True},
    "pair": {"from": "a.s[c2,c0]", "to": "b.e", "record": True},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    return cosim.run(ported(ENGINES, LINKS, "4 ms", record={"streams": ["a.y", "a.s"]}), out=out, transport="inline")


def test_streams_are_named_with_their_kind(run):
    assert run.streams() == {"a.s": "spikes", "a.y": "samples", "a.plain": "samples", "odd": "samples", "pair": "spikes"}


def test_samples_have_times_labels_unit_and_positions(run):
    signal = run.samples("a.y")
    assert signal.values.shape == (60, 2)  # two windows of 3 ms, to 6 ms
    assert signal.times_ms == pytest.approx(np.arange(1, 61) / 10, rel=1e-15)
    assert (signal.labels, signal.unit, signal.quantity, signal.of) == (("left", "right"), "mV", "membrane_potential", "value")
    assert signal.positions_um.tolist() == [[0, 0, 0], [1, 2, 3]]
    assert signal.channel("right")[0] == 1000.1
    with pytest.raises(CosimError, match="no channel 'middle'"):
        signal.channel("middle")
    assert run.samples("a.plain").positions_um is None
    assert run.samples("a.plain").labels == ("0", "1")


def test_what_a_link_carried_stands_at_the_sources_time(run):
    signal = run.samples("odd")
    assert signal.times_ms.tolist() == [0, 3, 6]  # the frame before 0 is the initial value's
    assert signal.values[:, 0].tolist() == [0, 3, 6]
    link = run.links()["odd"]
    assert (link.source, link.target, link.delay_ms, link.interval_ms, link.first_frame, link.frames) == (
        "a.plain",
        "b.x",
        2,
        3,
        -1,
        3,
    )
    assert run.hashes["odd"] == link.sha256


def test_spikes_have_groups_whatever_their_names(run):
    train = run.spikes("a.s")
    assert {name: rows.tolist() for name, rows in train.groups.items()} == {"L2/3E": [0, 2], "50%": [1]}
    upper = train.of("L2/3E")
    assert set(upper.channels) == {0, 2}
    assert len(upper.times_ms) == 8
    assert train.channels.dtype == np.int64
    assert set(run.spikes("pair").channels) == {0, 1}


def test_xarray_knows_time_and_channel(run):
    pytest.importorskip("xarray", reason="xarray is not installed")
    array = run.samples("a.y").to_xarray()
    assert array.dims == ("time", "channel")
    assert float(array.sel(channel="left").isel(time=9)) == 1.0
    assert (array.name, array.attrs["unit"]) == ("a.y", "mV")


def test_neo_gets_a_train_for_every_channel_even_beyond_the_stop(run):
    """a runs to 6 ms, the run's stop is 4 ms: Neo refuses spikes after t_stop."""
    pytest.importorskip("neo", reason="neo is not installed")
    trains = run.spikes("a.s").to_neo()
    assert [train.name for train in trains] == ["c0", "c1", "c2", "silent"]
    assert trains[1].magnitude.tolist() == [2e-6, 3.0, 3.000002, 6.0]
    assert float(trains[0].t_stop) == 6.0
    assert trains[0].units.dimensionality.string == "ms"


def test_neo_gets_samples_with_their_unit(run):
    pytest.importorskip("neo", reason="neo is not installed")
    signal = run.samples("a.y").to_neo()
    assert signal.shape == (60, 2)
    assert signal.units.dimensionality.string == "mV"
    assert float(signal.sampling_period.rescale("ms")) == pytest.approx(0.1, rel=1e-12)  # a difference of two rounded times
    assert run.samples("a.plain").to_neo().units.dimensionality.string == "dimensionless"


def test_a_stream_that_was_not_recorded_is_answered_with_those_that_were(run):
    with pytest.raises(CosimError, match=r"no samples 'a\.z'") as caught:
        run.samples("a.z")
    assert "a.y" in caught.value.why
    with pytest.raises(CosimError, match=r"no spikes 'a\.y'"):
        run.spikes("a.y")


def test_a_run_is_opened_by_its_folder_or_its_file(run, tmp_path):
    assert (
        cosim.open_run(run.folder).hashes == cosim.open_run(run.folder / "run.h5").hashes == cosim.open_run(str(run.folder)).hashes
    )
    with pytest.raises(CosimError, match="is not a run"):
        cosim.open_run(tmp_path)
    (tmp_path / "run.h5").write_text("not HDF5")
    with pytest.raises(CosimError, match="cannot be read"):
        cosim.open_run(tmp_path).streams()


def test_provenance_and_overview_are_plain_values(run):
    facts = run.provenance
    assert (facts["name"], facts["outcome"], facts["stop_ns"]) == ("ported", "done", 4 * MS)
    assert isinstance(facts["stop_ns"], int)
    assert run.overview["windows"] == {"a": 2, "b": 4}
