"""Defects that a review found, each held down by a test."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import cosim
from cosim.runtime.launcher import run_folder
from cosim.runtime.link import LinkSource
from cosim.scenario.proof import Flow, prove
from cosim.sdk import Samples, Window
from tests.puppets import COLLECTIVE, PUPPET

MS = 1_000_000


def two(link=None, **more):
    engines = {name: {"use": PUPPET, "window": "1 ms", "params": {"channels": 4}} for name in "ab"}
    links = {"ab": {"from": "a.y", "to": "b.x", "delay": "1 ms", **(link or {})}}
    return {"cosim": 1, "about": {"name": "two"}, "clock": {"stop": "20 ms"}, "engines": engines, "links": links, **more}


def test_selected_channels_lie_in_memory_as_they_would_have_travelled():
    """Sums round by the order of memory: inline and over a wire it must be the same."""
    plan = cosim.check(two({"from": "a.y[0:2]", "to": "b.x[0:2]"})).plan
    got = []
    LinkSource(plan.links["ab"], MS, 1, got.append).send(Samples(Window(0, MS), np.arange(40.0).reshape(10, 4)))
    assert got[0].values.flags.c_contiguous


@pytest.mark.mpi
def test_one_rank_may_lead_two_engines_with_ranks(mpirun, tmp_path):
    engines = {name: {"use": COLLECTIVE, "window": "1 ms", "ranks": 2} for name in "ab"}
    scenario = {**two(), "engines": engines, "record": {"streams": ["a.ranks", "b.ranks"]}}
    file, out = tmp_path / "scenario.yaml", tmp_path / "run"
    file.write_text(json.dumps(scenario))
    answer = mpirun(3, "-m", "cosim.cli", "run", str(file), "--out", str(out), "--quiet", timeout=60)
    assert answer.returncode == 0, answer.stderr
    run = cosim.open_run(out)
    assert (run.samples("a.ranks").values == 2).all()
    assert (run.samples("b.ranks").values == 2).all()


def test_every_record_is_taken_before_a_run_ends(tmp_path):
    """More than the queue holds arrives faster than the disk takes it; the last row is there all the same."""
    scenario = two(record={"streams": ["a.y"]})
    scenario["engines"]["a"]["params"] = {"channels": 200_000}
    scenario["links"] = {}
    scenario["clock"]["stop"] = "100 ms"
    run = cosim.run(scenario, out=tmp_path, transport="zeromq", processes=2)
    assert run.samples("a.y").values.shape == (100, 200_000)


def test_a_single_worker_hears_stop(tmp_path):
    file, out = tmp_path / "scenario.yaml", tmp_path / "run"
    file.write_text(json.dumps({**two(record={"streams": ["a.y"]}), "clock": {"stop": "1000 s"}}))
    command = [sys.executable, "-m", "cosim.cli", "run", str(file), "--out", str(out), "--transport", "zeromq", "--processes", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if len(cosim.open_run(out).samples("a.y").values) > 20:
                break
        except (cosim.CosimError, KeyError):
            pass
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)  # as a batch system would
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert cosim.open_run(out).provenance["outcome"] == "interrupted"
    assert (out / "trace.json").exists()


def test_a_loop_among_windows_without_a_common_measure_is_named():
    """1 ms, 60 Hz, 30 Hz, 44.1 kHz: no hyper-period of these fits into 64 bits of ns."""
    windows = {"brain": 1_000_000, "eye": 16_666_667, "body": 33_333_333, "ear": 22_676}
    flows = [
        Flow("a", "brain", "eye", 1_000_000, 0),
        Flow("b", "eye", "body", 16_666_667, 0),
        Flow("c", "body", "brain", 33_333_333, 0),
    ]
    flows += [Flow("d", "ear", "brain", 22_676, 0), Flow("e", "brain", "ear", 1_000_000, 100 * MS)]
    verdict = prove(windows, flows)
    (dead,) = verdict.deadlocks
    assert {wait.flow.name for wait in dead.waits} == {"a", "b", "c"}
    assert all(wait.needs_ns > wait.has_ns for wait in dead.waits)
    assert not prove({"x": 4 * 10**18, "y": 4 * 10**18 - 1}, [Flow("f", "x", "y", 1, 0), Flow("g", "y", "x", 1, 0)]).is_live


def test_many_loops_with_delay_to_spare_are_no_burden():
    """12 engines all to all, one tight pair: only what can lock is looked at, one by one."""
    windows = {f"e{i}": 1_000_003 + 2 * i for i in range(12)}
    flows = [Flow(f"{a}{b}", a, b, windows[a], 50 * MS) for a in windows for b in windows if a != b]
    tight = [
        Flow(f.name, f.source, f.target, f.interval_ns, 1_000_001) if {f.source, f.target} == {"e0", "e1"} else f for f in flows
    ]
    verdict = prove(windows, tight)
    assert verdict.method == "phases"


def test_runs_that_start_at_once_get_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cosim.runtime.launcher.time.strftime", lambda form: "now")
    plan = cosim.check(two()).plan
    assert [run_folder(plan, None).name for _ in range(3)] == ["now", "now_2", "now_3"]


def test_a_run_is_not_written_over(tmp_path):
    cosim.run(two(), out=tmp_path, transport="inline")
    with pytest.raises(cosim.CosimError, match="holds a run already"):
        cosim.run(two(), out=tmp_path, transport="inline")


def test_odd_characters_survive_settings_and_the_resolved_file(tmp_path):
    words = "a \U0001f9e0 with\x7f odd\u2028 characters"
    scenario = cosim.load(two(), {"about.description": words})
    assert scenario.file.about.description == words
    file = tmp_path / "again.yaml"
    file.write_text(scenario.dump(), encoding="utf-8")
    assert cosim.load(file).file.about.description == words


def test_a_setting_of_several_lines_is_one_value():
    scenario = cosim.load(two(), ["engines.b.params=channels: 4\nwork: 0 ms"])
    assert scenario.file.engines["b"].params == {"channels": 4, "work": "0 ms"}


def test_an_alias_that_contains_itself_is_a_fault(tmp_path):
    file = tmp_path / "loop.yaml"
    file.write_text("cosim: &a [*a]\n")
    (fault,) = cosim.check(file).faults
    assert "nested too deeply" in fault.what


def test_a_delay_that_would_explode_the_grid_is_refused():
    (fault,) = cosim.check(two({"delay": "2.345677 ms"})).faults
    assert fault.what == "a delay of 2345.677 us would cut rows of 1 ms into steps of 1 ns"
    assert fault.mend == "nearest delays that keep the rows: 2 ms, 3 ms"


def test_the_resolved_scenario_runs_to_the_same_hashes(tmp_path):
    first = cosim.run(two(), out=tmp_path / "first", transport="inline")
    again = cosim.run(tmp_path / "first" / "scenario.yaml", out=tmp_path / "again", transport="zeromq", processes=2)
    assert again.hashes == first.hashes
