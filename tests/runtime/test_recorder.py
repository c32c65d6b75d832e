"""What a run leaves on disk, read with h5py alone: the layout of DESIGN 10, which is SONATA's for spikes."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import h5py
import numpy as np
import pytest

import cosim
from tests.ported import ported, samples, spikes

MS = 1_000_000
POSITIONS = [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
ENGINES = {
    "a": [
        samples("y", "out", ["left", "right"], unit="mV", quantity="membrane_potential", dt_ns=MS // 2, positions=POSITIONS),
        samples("mean", "out", 3, of="mean"),
        spikes("s", "out", ["c0", "c1", "c2"], groups={"L2/3E": [0, 2], "50%": [1]}),
    ],
    "b": [samples("x", "in", 2, unit="V"), spikes("e", "in", 3)],
}
LINKS = {
    "down": {"from": "a.y", "to": "b.x", "delay": "2 ms", "initial": "-65 mV", "record": True},
    "events": {"from": "a.s", "to": "b.e", "delay": "1 ms", "record": True},
    "held": {"from": "a.y", "to": "b.x", "time": "hold"},
}
STREAMS = {"streams": ["a.y", "a.mean", "a.s"]}


@pytest.fixture(scope="module", params=["inline", "zeromq"])
def recorded(request, tmp_path_factory):
    out = tmp_path_factory.mktemp("recorded") / "run"
    scenario = ported(ENGINES, LINKS, "4 ms", record=STREAMS, clock={"seed": 11})
    cosim.run(scenario, out=out, transport=request.param, processes=2)
    return out


def test_a_run_leaves_what_the_design_says(recorded):
    assert {f.name for f in recorded.iterdir()} >= {"run.h5", "scenario.yaml", "log.jsonl", "trace.json"}
    for line in (recorded / "log.jsonl").read_text().splitlines():
        assert {"time", "level", "text"} <= set(json.loads(line))


def test_spikes_are_laid_out_as_sonata_reads_them(recorded):
    with h5py.File(recorded / "run.h5") as file:
        group = file["spikes/a.s"]
        times, ids = group["timestamps"], group["node_ids"]
        assert (times.dtype, ids.dtype) == (np.float64, np.uint64)
        assert times.attrs["units"] == "milliseconds"
        assert group.attrs["sorting"] == "by_time"
        expected = [(k + (1 + c) * 1e-6, c) for k in range(4) for c in range(3)] + [(k, c) for k in (1, 2, 3, 4) for c in range(3)]
        expected_times, expected_ids = zip(*sorted(expected), strict=True)
        assert times[:] == pytest.approx(expected_times, rel=1e-15)  # the sums above are rounded once more than the file's values
        assert ids[:].tolist() == list(expected_ids)
        assert [label.decode() for label in group["labels"]] == ["c0", "c1", "c2"]
        assert (np.diff(times[:]) >= 0).all()


def test_samples_keep_their_grid_unit_quantity_labels_and_positions(recorded):
    with h5py.File(recorded / "run.h5") as file:
        group = file["samples/a.y"]
        assert group["values"][:].tolist() == [[k / 2, 1000 + k / 2] for k in range(1, 9)]
        attributes = {name: group.attrs[name] for name in ("t0_ns", "dt_ns", "unit", "quantity", "of")}
        assert attributes == {"t0_ns": 0, "dt_ns": MS // 2, "unit": "mV", "quantity": "membrane_potential", "of": "value"}
        assert [label.decode() for label in group["labels"]] == ["left", "right"]
        assert group["positions"][:].tolist() == POSITIONS
        assert group["positions"].attrs["unit"] == "um"
        assert file["samples/a.mean"].attrs["of"] == "mean"
        assert file["samples/a.mean"].attrs["dt_ns"] == MS


def test_a_links_hash_can_be_verified_from_what_was_recorded_of_it(recorded):
    """SHA-256 over the stop and the bytes of every frame that comes out of the link, those of its initial value first."""
    with h5py.File(recorded / "run.h5") as file:
        group = file["links/down"]
        values = group["values"][:]
        assert values[:4].tolist() == [[-0.065, -0.065]] * 4  # 2 ms of rows of 0.5 ms, in the target's unit
        assert values[4].tolist() == pytest.approx([0.5e-3, 1.0005], rel=1e-15)  # one rounding
        sha, first = hashlib.sha256(), int(group.attrs["first_frame"])
        for frame in range(len(values) // 2):
            sha.update(((first + frame + 1) * MS).to_bytes(8, "little", signed=True))
            sha.update(values[2 * frame : 2 * frame + 2].tobytes())
        assert sha.hexdigest() == group.attrs["sha256"]
        assert group.attrs["frames"] == len(values) // 2 == len(group["digests"])
        assert group.attrs["bytes"] == values.nbytes
        assert group.attrs["t0_ns"] == -2 * MS
        assert (group.attrs["delay_ns"], group.attrs["interval_ns"]) == (2 * MS, MS)
        assert (group.attrs["from"], group.attrs["to"]) == ("a.y", "b.x")


def test_the_running_hashes_are_those_of_each_frame(recorded):
    with h5py.File(recorded / "run.h5") as file:
        group = file["links/events"]
        times = np.rint(group["timestamps"][:] * MS).astype(np.int64)
        channels = group["node_ids"][:].astype(np.int32)
        sha, digests = hashlib.sha256(), []
        first = int(group.attrs["first_frame"])
        for frame in range(first, 4):
            inside = (times > frame * MS) & (times <= (frame + 1) * MS)
            sha.update(((frame + 1) * MS).to_bytes(8, "little", signed=True))
            sha.update(times[inside].tobytes())
            sha.update(channels[inside].tobytes())
            digests.append(int.from_bytes(sha.digest()[:8], "little"))
        assert group["digests"][:].tolist() == digests
        assert group.attrs["sha256"] == sha.hexdigest()


def test_a_link_that_is_not_recorded_keeps_its_hash_only(recorded):
    with h5py.File(recorded / "run.h5") as file:
        group = file["links/held"]
        assert set(group) == {"digests"}
        assert len(group.attrs["sha256"]) == 64


def test_provenance_tells_how_to_make_the_run_again(recorded, tmp_path):
    with h5py.File(recorded / "run.h5") as file:
        facts = dict(file["provenance"].attrs)
    assert {"versions", "host", "command_line", "started", "platform", "transport", "workers", "wall_s"} <= set(facts)
    assert (facts["name"], facts["seed"], facts["stop_ns"], facts["outcome"]) == ("ported", 11, 4 * MS, "done")
    assert "numpy" in json.loads(facts["versions"])
    assert facts["scenario"] == (recorded / "scenario.yaml").read_text()
    again = cosim.run(recorded / "scenario.yaml", out=tmp_path / "again", transport="inline")
    assert again.hashes == cosim.open_run(recorded).hashes


def test_the_trace_is_one_that_chrome_reads(recorded):
    trace = json.loads((recorded / "trace.json").read_text())
    events = [event for event in trace["traceEvents"] if event["ph"] == "X" and event["cat"] == "compute"]
    assert sorted(event["args"]["to_ms"] for event in events if event["name"] == "a") == [1, 2, 3, 4]
    assert all(event["dur"] >= 0 for event in events)
    assert trace["overview"]["windows"] == {"a": 4, "b": 4}


def test_a_scenario_of_any_size_is_kept(tmp_path):
    """Beyond the 64 kB that HDF5 puts into an object's header."""
    scenario = ported({"a": [samples("y", "out")]}, {}, "1 ms")
    scenario["about"]["description"] = "long " * 50_000
    run = cosim.run(scenario, out=tmp_path, transport="inline")
    assert len(run.provenance["scenario"]) > 250_000


def test_nothing_is_hashed_where_hashes_are_not_wanted(tmp_path):
    scenario = ported({"a": [samples("y", "out")], "b": [samples("x", "in")]}, {"l": {"from": "a.y", "to": "b.x"}}, "3 ms")
    run = cosim.run({**scenario, "run": {"hashes": False}}, out=tmp_path, transport="inline")
    assert run.hashes == {"l": ""}
    assert run.links()["l"].frames == 3


READER = """
import sys, time, cosim
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    try:
        run = cosim.open_run(sys.argv[1])
        read = len(run.samples("a.y").values), len(run.spikes("a.spikes").times_ms), len(run.links()["l"].digests)
        outcome = run.provenance["outcome"]
    except (cosim.CosimError, KeyError):
        read, outcome = (0, 0, 0), "none"
    if min(read) > 200 and outcome == "running":
        print(*read)
        break
    time.sleep(0.05)
"""


def test_a_run_is_read_by_another_process_while_it_goes_on(tmp_path):
    """Another process reads what has been written, and ends before the run does: the run waits for it."""
    out = tmp_path / "run"
    engines = {"a": [samples("y", "out"), spikes("spikes", "out")], "b": [samples("x", "in")]}
    scenario = ported(engines, {"l": {"from": "a.y", "to": "b.x"}}, "1000 s", record={"streams": ["a.y", "a.spikes"]})
    reader = subprocess.Popen([sys.executable, "-c", READER, str(out)], stdout=subprocess.PIPE, text=True)

    class StopWhenRead:
        def started(self, plan, transport, workers):
            pass

        def progressed(self, overview):
            if reader.poll() is not None:
                raise KeyboardInterrupt

        def told(self, level, text):
            pass

        def ended(self, overview):
            pass

    with pytest.raises(KeyboardInterrupt):
        cosim.run(scenario, out=out, transport="inline", listener=StopWhenRead())
    read = [int(word) for word in reader.communicate(timeout=60)[0].split()]
    assert len(read) == 3
    assert min(read) > 200
    run = cosim.open_run(out)
    assert run.provenance["outcome"] == "interrupted"
    assert len(run.samples("a.y").values) > read[0]
    assert len(run.spikes("a.spikes").times_ms) >= read[1]
    assert len(run.links()["l"].digests) >= read[2]
