import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cosim.sdk import CosimError, Samples, Setup, Spikes, Window
from cosim.sdk.contract import EngineContract
from cosim.sdk.time import NS_PER_MS
from engines.player import Player

SPIKES = [[0.5, 0], ["1 ms", 2], [1.0, 0], [1.000001, 1], [9.0, 2], [20.0, 1]]
VALUES = [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]


def window_ms(start: float, stop: float) -> Window:
    return Window(round(start * NS_PER_MS), round(stop * NS_PER_MS))


def build(window: float = 1, **params) -> Player:
    return Player(Player.Params(**params), Setup("player", round(window * NS_PER_MS), 1))


def spikes(player: Player, start: float, stop: float) -> list[tuple[int, int]]:
    out = player.advance(window_ms(start, stop), {})["out"]
    assert isinstance(out, Spikes)
    return list(zip(out.times_ns.tolist(), out.channels.tolist(), strict=True))


def rows(player: Player, start: float, stop: float) -> list[list[float]]:
    out = player.advance(window_ms(start, stop), {})["out"]
    assert isinstance(out, Samples)
    return out.values.tolist()


def port(**params):
    (only,) = Player.ports(Player.Params(**params))
    return only


def fault(**params) -> CosimError:
    with pytest.raises(CosimError) as caught:
        Player.ports(Player.Params(**params))
    return caught.value


def run_file(folder):
    """A run's file as DESIGN 10 lays it out."""
    path = folder / "run.h5"
    with h5py.File(path, "w") as file:
        cells = file.create_group("spikes/column.spikes")
        cells["timestamps"], cells["node_ids"] = np.array([0.7, 0.2, 3.0]), np.array([1, 0, 1], np.uint64)
        cells["labels"] = ["exc", "inh"]
        rate = file.create_group("samples/brain.rate")
        rate["values"], rate["labels"] = np.array(VALUES), ["rV1", "lV1"]
        rate.attrs.update({"t0_ns": 0, "dt_ns": NS_PER_MS, "unit": "Hz", "quantity": "firing_rate", "of": "mean"})
    return path


class TestSpikes(EngineContract):
    engine = Player
    params = Player.Params(spikes=SPIKES)
    bad_params = ({"spikes": None}, {"dt": NS_PER_MS}, {"channels": 2}, {"unit": "Hz"}, {"values": VALUES, "dt": NS_PER_MS})


class TestRepeatedSpikes(EngineContract):
    engine = Player
    params = Player.Params(spikes=SPIKES[:4], repeat=True, length="3 ms")
    bad_params = ({"length": None}, {"length": NS_PER_MS})


class TestSamples(EngineContract):
    engine = Player
    params = Player.Params(values=VALUES, dt="0.5 ms", unit="Hz", quantity="firing_rate", after="zero")
    bad_params = ({"dt": None}, {"values": [[1.0], [2.0, 3.0]]}, {"values": []}, {"channels": ["a"]}, {"values": [[float("nan")]]})


class TestRepeatedSamples(EngineContract):
    engine = Player
    params = Player.Params(values=VALUES, dt="1 ms", repeat=True)


def test_every_spike_is_played_once_at_its_own_time():
    player = build(spikes=SPIKES)
    assert spikes(player, 0, 1) == [(500_000, 0), (1_000_000, 0), (1_000_000, 2)]  # a spike at the stop belongs to the window
    assert spikes(player, 1, 2) == [(1_000_001, 1)]
    assert spikes(player, 2, 30) == [(9_000_000, 2), (20_000_000, 1)]
    assert spikes(player, 30, 40) == []


@given(
    st.integers(3, 9), st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2)), max_size=6), st.integers(0, 40), st.integers(1, 30)
)
def test_repeated_spikes_are_those_of_the_endless_train(length, events, start, span):
    player = build(spikes=[[f"{t} ns", c] for t, c in events], channels=3, repeat=True, length=length)
    endless = sorted((t + turn * length, c) for t, c in events for turn in range(30))
    out = player.advance(Window(start, start + span), {})["out"]
    assert list(zip(out.times_ns.tolist(), out.channels.tolist(), strict=True)) == [
        e for e in endless if start < e[0] <= start + span
    ]


@pytest.mark.parametrize(
    ("params", "beyond"),
    [({"after": "hold"}, [[3, 30], [3, 30]]), ({"after": "zero"}, [[0, 0], [0, 0]]), ({"repeat": True}, [[1, 10], [2, 20]])],
)
def test_what_comes_after_the_end(params, beyond):
    player = build(values=VALUES, dt="1 ms", **params)
    assert rows(player, 0, 2) == VALUES[:2]
    assert rows(player, 2, 5) == [VALUES[2], *beyond]
    assert rows(player, 3, 5) == beyond


def test_an_end_that_is_an_error_says_where_it_is():
    player = build(values=VALUES, dt="1 ms", after="error")
    assert rows(player, 0, 3) == VALUES
    with pytest.raises(CosimError, match=r"values covers \(0 ms, 3 ms\], and the window is \(3 ms, 4 ms\]"):
        rows(player, 3, 4)
    with pytest.raises(CosimError, match=r"spikes covers \(0 ms, 20 ms\]"):
        spikes(build(spikes=SPIKES, after="error"), 20, 21)


def test_a_csv_of_spikes(tmp_path):
    path = tmp_path / "spikes.csv"
    path.write_text("time_ms,channel\n2.5,inh\n\n1e-6,exc\n2.5,exc\n0.1234567,inh\n")
    assert port(file=path).space.labels == ("inh", "exc")  # in order of appearance
    assert port(file=path, channels=["exc", "inh", "silent"]).space.labels == ("exc", "inh", "silent")
    player = build(file=path, channels=["exc", "inh"])
    assert spikes(player, 0, 5) == [(1, 0), (123_457, 1), (2_500_000, 0), (2_500_000, 1)]  # 123 456.7 ns: to the nearest
    path.write_text("time_ms,channel\n1,7\n2,0\n")
    assert len(port(file=path).space) == 8
    assert len(port(file=path, channels=20).space) == 20
    assert spikes(build(file=path), 0, 2) == [(1_000_000, 7), (2_000_000, 0)]


def test_a_csv_of_samples(tmp_path):
    path = tmp_path / "rates.csv"
    path.write_text("time_ms,rV1,lV1\n0.5,1,10\n1.0,2,20\n1.5,3,30\n")
    found = port(file=path, unit="Hz", quantity="firing_rate", of="mean")
    assert (found.space.labels, found.dt_ns, found.unit, found.quantity, found.of) == (
        ("rV1", "lV1"),
        500_000,
        "Hz",
        "firing_rate",
        "mean",
    )
    assert rows(build(file=path), 0, 1) == VALUES[:2]
    path.write_text("time_ms,a\n5,1\n")
    assert port(file=path, dt="5 ms").dt_ns == 5_000_000


@pytest.mark.parametrize(
    ("params", "before"), [({"after": "hold"}, [1, 10]), ({"after": "zero"}, [0, 0]), ({"repeat": True}, [3, 30])]
)
def test_a_recording_that_starts_late_is_played_at_its_time(tmp_path, params, before):
    path = tmp_path / "late.csv"
    path.write_text("time_ms,a,b\n3,1,10\n4,2,20\n5,3,30\n")
    assert rows(build(file=path, **params), 1, 4) == [before, *VALUES[:2]]
    with pytest.raises(CosimError, match=r"covers \(2 ms, 5 ms\]"):
        rows(build(file=path, after="error"), 1, 3)


def test_a_recording_that_starts_at_or_before_zero_is_played_from_zero(tmp_path):
    path = tmp_path / "early.csv"
    path.write_text("time_ms,a,b\n0,1,10\n1,2,20\n2,3,30\n")
    assert rows(build(file=path), 0, 2) == VALUES[1:]


def test_an_npz_is_named_as_a_run(tmp_path):
    path = tmp_path / "recording.npz"
    np.savez(path, timestamps=[2.0, 1.0], node_ids=[1, 0], labels=["a", "b"])
    assert port(file=path).space.labels == ("a", "b")
    assert spikes(build(file=path), 0, 2) == [(1_000_000, 0), (2_000_000, 1)]
    np.savez(path, values=[1.0, 2.0], dt_ns=NS_PER_MS, unit="mV")
    assert (port(file=path).unit, len(port(file=path).space), port(file=path).of) == ("mV", 1, "value")
    assert rows(build(file=path), 0, 2) == [[1], [2]]


def test_a_stream_of_a_run_is_played_again(tmp_path):
    path = run_file(tmp_path)
    assert port(file=path, stream="column.spikes").space.labels == ("exc", "inh")
    assert spikes(build(file=path, stream="column.spikes"), 0, 3) == [(200_000, 0), (700_000, 1), (3_000_000, 1)]
    found = port(file=path, stream="brain.rate")
    assert (found.space.labels, found.dt_ns, found.unit, found.quantity, found.of) == (
        ("rV1", "lV1"),
        NS_PER_MS,
        "Hz",
        "firing_rate",
        "mean",
    )
    assert rows(build(file=path, stream="brain.rate"), 0, 3) == VALUES


def test_what_a_link_delivered_is_played_on_the_time_of_its_source(tmp_path):
    """A recorded link begins before time 0, with what it says of the time before."""
    path = run_file(tmp_path)
    with h5py.File(path, "r+") as file:
        link = file.create_group("links/up")
        link["values"] = np.array([[9.0], [9.0], [1.0], [2.0]])
        link.attrs.update({"t0_ns": -2 * NS_PER_MS, "dt_ns": NS_PER_MS, "unit": "Hz", "quantity": "", "of": "mean"})
        file.create_group("links/down").attrs["sha256"] = "not recorded"
    assert rows(build(file=path, stream="up"), 0, 2) == [[1.0], [2.0]]
    assert "down" not in fault(file=path, stream="nothing").why


def test_a_run_of_one_stream_needs_no_name(tmp_path):
    path = tmp_path / "one.h5"
    with h5py.File(path, "w") as file:
        file["spikes/a.b/timestamps"], file["spikes/a.b/node_ids"] = [1.0], [3]
        file["spikes/a.b"].attrs["labels"] = [b"w", b"x", b"y", b"z"]
    assert port(file=path).space.labels == ("w", "x", "y", "z")


def test_faults_of_a_run_are_told(tmp_path):
    path = run_file(tmp_path)
    error = fault(file=path, stream="column.spike")
    assert error.what == "run.h5 has no stream 'column.spike'"
    assert error.mend == "did you mean column.spikes?"
    error = fault(file=path)
    assert "holds 2 streams, and none is named" in error.what
    assert "column.spikes, brain.rate" in error.why
    error = fault(file=path, stream="brain.rate", unit="kHz")
    assert error.what == "run.h5:brain.rate states unit 'Hz', and the parameters say 'kHz'"
    assert "step of 1 ms, and dt is 2 ms" in fault(file=path, stream="brain.rate", dt="2 ms").what
    path.write_bytes(b"torn")
    assert "cannot be read as h5" in fault(file=path, stream="brain.rate").what


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "does not start with a header"),
        ("0.5,1\n", "does not start with a header"),
        ("time_ms,channel\n1\n", "line 2: 1 columns, and the header has 2"),
        ("time_ms,channel\nsoon,1\n", "line 2: 'soon' is not a number"),
        ("time_ms,channel\n1,1\n0,1\n", "spike 2 is at 0 ms"),
        ("time_ms,channel\n", "has no channels"),
        ("time_ms,channel\nnan,1\n", "time 1 is not finite"),
        ("time_ms,a\n1,1\n2,1\n\n3.5,1\n", "line 5: the times do not go on in steps of 1 ms"),
        ("time_ms,a\n2,1\n1,1\n", "line 3: the times do not go on"),
        ("time_ms,a\n1,1\n1,1\n", "line 3: the times do not go on"),
        ("time_ms,a\n0.25,1\n1.25,1\n", "off the grid"),
        ("time_ms,a\n1,1\n2,nan\n", "row 2 of channel 'a' is nan"),
        ("time_ms,a\n1,1\n", "does not say its step"),
        ("time_ms,a\n", "has no values"),
    ],
)
def test_faults_of_a_csv_are_told(tmp_path, text, told):
    path = tmp_path / "table.csv"
    path.write_text(text)
    assert told in fault(file=path).what


def test_channels_that_do_not_fit_are_told(tmp_path):
    assert "channel 2 does not exist" in fault(spikes=SPIKES, channels=2).what
    assert "no channel is called 'x'" in fault(spikes=[[1, "x"]], channels=["y"]).what
    error = fault(spikes=[[1, "x"]], channels=3)
    assert "no channel is called 'x'" in error.what
    assert error.why == "there are 3, counted from 0"
    path = tmp_path / "table.txt"
    path.write_text("")
    assert ".csv, .npz, .h5" in fault(file=path).mend


def test_a_window_that_the_step_does_not_fill_is_refused():
    with pytest.raises(CosimError, match="a step of 2 ms, which does not fill the window of 5 ms") as caught:
        build(window=5, values=VALUES, dt="2 ms")
    assert caught.value.mend == "window: 2 ms, or a multiple of it"


def test_parameters_that_do_not_go_together_are_refused():
    for bad in ({}, {"values": VALUES}, {"spikes": [], "values": VALUES, "dt": "1 ms"}, {"spikes": [], "stream": "a.b"}):
        with pytest.raises(ValidationError):
            Player.Params(**bad)
    assert "add length" in fault(spikes=SPIKES, repeat=True).mend
    assert "after its length of 5 ms" in fault(spikes=SPIKES, length="5 ms").what
    assert "leave length out" in fault(values=VALUES, dt="1 ms", length="5 ms").mend
    assert "which have no unit and no dt" in fault(spikes=SPIKES, unit="Hz", dt="1 ms").what


def test_what_is_handed_out_cannot_be_written():
    out = build(values=VALUES, dt="1 ms").advance(window_ms(0, 2), {})["out"]
    with pytest.raises(ValueError, match="read-only"):
        out.values[0, 0] = 5
