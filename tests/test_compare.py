"""Two runs are told apart by the first link, frame and channel that differ."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import cosim
from cosim.compare import differences
from cosim.sdk import CosimError
from tests.ported import ported, samples, spikes

TABLE = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]


def run(folder, values=TABLE, times=((1.5, "a"), (2.5, "b")), record=True, dt="0.7 ms", **more):
    """Two players into one engine: what they play is what the links carry."""
    scenario = ported({"b": ("7 ms", [samples("x", "in", ["left", "right"]), spikes("e", "in", ["p", "q"])])}, {}, "7 ms", **more)
    scenario["engines"] |= {
        "rows": {"use": "player", "window": dt, "params": {"values": np.asarray(values).tolist(), "dt": dt}},
        "events": {"use": "player", "window": "1 ms", "params": {"spikes": [list(t) for t in times], "channels": ["a", "b"]}},
    }
    scenario["links"] = {
        "values": {"from": "rows.out", "to": "b.x", "record": record},
        "events": {"from": "events.out", "to": "b.e", "delay": "1 ms", "record": record},
    }
    return cosim.run(scenario, out=folder, transport="inline")


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return run(tmp_path_factory.mktemp("first"))


def changed(row, column, value):
    table = np.array(TABLE)
    table[row, column] = value
    return table


def test_equal_runs_are_equal(first, tmp_path):
    assert differences(first, run(tmp_path)) == []


@pytest.mark.parametrize("row", [0, 1, 2, 3])
def test_the_frame_and_the_channel_of_samples_are_found(row, first, tmp_path):
    """Frames of 0.7 ms, whose multiples are no round numbers."""
    (found,) = differences(first, run(tmp_path, changed(row, 1, 9.5)))
    assert (found.link, found.source, found.frame) == ("values", "rows.out", row)
    assert found.time_ms == pytest.approx(0.7 * (row + 1), rel=1e-12)  # the expected value is rounded, too
    assert found.what == f"channel right: {TABLE[row][1]} against 9.5"
    assert "rows.out" in str(found)


def test_zeros_of_different_sign_differ(tmp_path):
    one, other = run(tmp_path / "1", changed(2, 0, 0.0)), run(tmp_path / "2", changed(2, 0, -0.0))
    (found,) = differences(one, other)
    assert found.frame == 2
    assert found.what == "channel left: 0.0 against -0.0"


def test_the_spike_that_one_run_lacks_is_found(first, tmp_path):
    """Frame 0 of the link is the one before time 0, frame 2 the one of (1 ms, 2 ms]."""
    (found,) = differences(first, run(tmp_path, times=((1.75, "b"), (2.5, "b"))))
    assert (found.link, found.frame, found.time_ms) == ("events", 2, 2.0)
    assert found.what == "channel p: a spike at 1.5 ms in the first run only"
    (found,) = differences(run(tmp_path / "2", times=((1.75, "b"), (2.5, "b"))), first)
    assert "a spike at 1.5 ms in the second run only" in found.what


def test_a_spike_that_comes_twice_differs_though_no_time_does(first, tmp_path):
    (found,) = differences(first, run(tmp_path, times=((1.5, "a"), (1.5, "a"), (2.5, "b"))))
    assert found.frame == 2
    assert "number of equal events differs" in found.what


def test_the_earliest_difference_comes_first(first, tmp_path):
    found = differences(first, run(tmp_path, changed(3, 0, 0.0), times=((0.5, "a"), (2.5, "b"))))
    assert [difference.link for difference in found] == ["events", "values"]
    assert [difference.time_ms for difference in found] == [1.0, pytest.approx(2.8, rel=1e-12)]


def test_without_a_recording_the_frame_is_known_and_the_channel_is_not(tmp_path):
    one, other = run(tmp_path / "1", record=False), run(tmp_path / "2", changed(1, 1, 0.0), record=False)
    (found,) = differences(one, other)
    assert found.frame == 1
    assert "record: true" in found.what


def test_a_run_that_goes_on_longer_is_told(first, tmp_path):
    longer = run(tmp_path, clock={"stop": "14 ms"})
    found = differences(first, longer)
    assert {difference.link for difference in found} == {"values", "events"}
    assert all("one goes on longer" in difference.what for difference in found)


def test_a_link_of_one_run_only_comes_first(first, tmp_path):
    other = cosim.run(ported({"b": ("7 ms", [])}, {}, "7 ms"), out=tmp_path, transport="inline")
    found = differences(first, other)
    assert [str(difference) for difference in found] == [
        "events (from events.out)    is in one run only",
        "values (from rows.out)    is in one run only",
    ]


def test_runs_without_hashes_are_not_called_equal(tmp_path):
    one, other = (run(tmp_path / str(k), changed(0, 0, k), run={"hashes": False}) for k in (1, 2))
    with pytest.raises(CosimError, match="hash of link") as caught:
        differences(one, other)
    assert "hashes: true" in caught.value.mend


def diff(*folders):
    command = [sys.executable, "-m", "cosim.cli", "diff", *map(str, folders)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_ends_with_3_where_runs_differ(first, tmp_path):
    other = run(tmp_path, changed(2, 0, 0.5))
    answer = diff(first.folder, other.folder)
    assert answer.returncode == 3
    assert "differ: 1 of 2 links; the runs part at rows.out" in answer.stdout
    assert "frame 2, source time 2.1 ms  channel left: 5.0 against 0.5" in answer.stdout
    answer = diff(first.folder, first.folder)
    assert answer.returncode == 0
    assert "equal: all 2 links carry the same bits" in answer.stdout
    assert diff(first.folder, tmp_path / "nowhere").returncode == 2
