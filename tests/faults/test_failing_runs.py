"""An engine breaks its promises, a worker dies, the disk is full, the user has enough: first failure wins, the record stays."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time

import pytest

import cosim
from cosim.runtime.launcher import RunFailed
from tests.puppets import FAULTY, PUPPET

GONE_S = 5.0
"""All processes of a run are gone within this time after a failure (DESIGN 9)."""


def scenario(fault="raise", at="5 ms", **clock):
    return {
        "cosim": 1,
        "about": {"name": "failing"},
        "clock": {"stop": "20 ms", **clock},
        "engines": {
            "good": {"use": PUPPET, "window": "1 ms"},
            "bad": {"use": FAULTY, "window": "1 ms", "params": {"fault": fault, "at": at}},
        },
        "links": {
            "there": {"from": "good.y", "to": "bad.x", "delay": "1 ms"},
            "back": {"from": "bad.y", "to": "good.x", "delay": "1 ms"},
        },
        "record": {"streams": ["good.y"]},
    }


MESSAGES = {
    "window": "y covers (4 ms, 5 ms] shifted",
    "shape": "y gives shape (3, 2) where (1, 2) is promised",
    "dtype": "y gives float32 where float64 is promised",
    "kind": "y gives Spikes where samples are promised",
    "missing": "y is missing",
    "unsorted": "not sorted by (time, channel)",
    "outside": "outside its window",
    "nan": "y gives nan in channel 'right' at 5 ms",
    "raise": "ValueError: the solver has diverged",
    "exit": "SystemExit: 3",
}


@pytest.mark.parametrize("fault", MESSAGES)
def test_a_broken_promise_names_engine_window_and_what_differs(fault, tmp_path):
    with pytest.raises(RunFailed) as caught:
        cosim.run(scenario(fault), out=tmp_path, transport="inline")
    error = caught.value
    expected = MESSAGES[fault] if fault != "window" else "and not its window (4 ms, 5 ms]"
    assert expected in error.what
    assert "engine bad, window (4 ms, 5 ms]" in error.where
    run = cosim.open_run(tmp_path)
    assert run.provenance["outcome"] == "failed"
    assert len(run.samples("good.y").values) >= 4


@pytest.mark.parametrize("transport", ["zeromq", "zeromq-tcp"])
def test_the_engine_that_failed_is_named_over_zeromq_too(transport, tmp_path):
    with pytest.raises(RunFailed, match="the solver has diverged") as caught:
        cosim.run(scenario(), out=tmp_path, transport=transport, processes=2)
    assert "the solver has diverged" in caught.value.traceback
    assert "engine bad" in caught.value.where
    assert len(cosim.open_run(tmp_path).samples("good.y").values) >= 4
    assert children_of(os.getpid()) == []


def test_a_killed_worker_is_named_and_the_others_are_gone(tmp_path):
    begin = time.monotonic()
    with pytest.raises(RunFailed, match="was killed by signal 9") as caught:
        cosim.run(scenario("kill"), out=tmp_path, transport="zeromq", processes=2)
    assert "the process of bad" in caught.value.what
    assert children_of(os.getpid()) == []
    assert time.monotonic() - begin < 60
    assert len(cosim.open_run(tmp_path).samples("good.y").values) >= 3


@pytest.mark.mpi
@pytest.mark.parametrize(("fault", "told"), [("raise", "the solver has diverged"), ("kill", "")])
def test_mpi_ranks_end_when_one_fails_or_dies(fault, told, mpirun, tmp_path):
    file, out = tmp_path / "scenario.yaml", tmp_path / "run"
    file.write_text(json.dumps(scenario(fault)))
    answer = mpirun(2, "-m", "cosim.cli", "run", str(file), "--out", str(out), timeout=60)
    assert answer.returncode != 0
    assert told in answer.stderr
    assert cosim.open_run(out).provenance["name"] == "failing"  # readable, whatever happened


def start(tmp_path, content, *options):
    file, out = tmp_path / "scenario.yaml", tmp_path / "run"
    file.write_text(json.dumps(content))
    command = [sys.executable, "-m", "cosim.cli", "run", str(file), "--out", str(out), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return process, out


def wait_until_running(out, at_least=20, seconds=60):
    """Until the recorder has written something: then all workers are at work."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if len(cosim.open_run(out).samples("good.y").values) >= at_least:
                return
        except (cosim.CosimError, KeyError):
            pass
        time.sleep(0.1)
    raise AssertionError("the run has not started")


def children_of(pid):
    """Processes whose parent is ``pid``, from /proc."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208
        try:
            with open(f"/proc/{entry}/stat") as file:  # noqa: PTH123
                fields = file.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(entry))
    return found


def gone(pids, within_s):
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if not any(os.path.exists(f"/proc/{pid}") for pid in pids):  # noqa: PTH110
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("options", [("--transport", "inline"), ("--transport", "zeromq", "--processes", "2")])
def test_ctrl_c_stops_in_order(options, tmp_path):
    content = scenario(at="1 h", stop="1000 s")
    process, out = start(tmp_path, content, *options)
    wait_until_running(out)
    workers = children_of(process.pid)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert gone(workers, GONE_S)
    run = cosim.open_run(out)
    assert run.provenance["outcome"] == "interrupted"
    assert len(run.samples("good.y").values) >= 20


def test_a_launcher_that_is_killed_takes_its_workers_along_and_leaves_a_readable_record(tmp_path):
    process, out = start(tmp_path, scenario(at="1 h", stop="1000 s"), "--transport", "zeromq", "--processes", "2")
    wait_until_running(out)
    workers = children_of(process.pid)
    assert len(workers) == 2
    process.kill()
    process.communicate(timeout=30)
    assert gone(workers, GONE_S)
    run = cosim.open_run(out)
    assert run.provenance["outcome"] == "running"  # it ended without a word
    assert len(run.samples("good.y").values) >= 20
    answer = subprocess.run([sys.executable, "-m", "cosim.cli", "info", str(out)], capture_output=True, text=True, check=False)
    assert "ended without a word" in answer.stdout


def test_an_engine_that_hangs_is_ended_when_another_fails(tmp_path):
    content = scenario("sleep")
    content["engines"]["ugly"] = {"use": FAULTY, "window": "1 ms", "params": {"fault": "raise", "at": "8 ms"}}
    begin = time.monotonic()
    with pytest.raises(RunFailed, match="the solver has diverged"):
        cosim.run(content, out=tmp_path, transport="zeromq", processes=3)
    assert children_of(os.getpid()) == []
    assert time.monotonic() - begin < 50  # the engine would sleep for 60 s


@pytest.mark.parametrize("transport", ["inline", "zeromq"])
def test_a_full_disk_ends_the_run_and_what_was_written_is_readable(transport, tmp_path):
    """A limit on the size of files stands for the full disk: writing fails the same way."""
    content = scenario(at="1 h", stop="100 s")
    content["engines"]["good"]["params"] = {"channels": 2000}
    content["links"] = {}
    file, out = tmp_path / "scenario.yaml", tmp_path / "run"
    file.write_text(json.dumps(content))
    command = [sys.executable, "-m", "cosim.cli", "run", str(file), "--out", str(out), "--transport", transport]
    limit = 20_000_000
    answer = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert answer.returncode == 1, answer.stderr
    assert "recording stopped" in answer.stderr
    assert len(cosim.open_run(out).samples("good.y").values) > 100


def test_a_stall_says_who_waits_for_whom(tmp_path):
    """bad sleeps: it computes, good waits for it, and the two are not confused."""
    content = scenario("sleep", stop="20 ms")
    content["run"] = {"stall_after": "2 s"}
    process, _ = start(tmp_path, content, "--transport", "zeromq", "--processes", "2")
    lines = []
    deadline = time.monotonic() + 60
    for line in process.stderr:
        lines.append(line)
        if "2. " in line or time.monotonic() > deadline:
            break
    text = "".join(lines)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert "nothing has moved for" in text
    assert "bad is computing" in text
    assert "good waits for bad (link back)" in text


def test_windows_can_be_paced_by_the_wall_clock(tmp_path):
    """200 ms of simulated time at twice real time take at least 100 ms less the last window."""
    content = scenario(at="1 h", stop="200 ms")
    content["run"] = {"realtime": 2.0}
    begin = time.perf_counter()
    cosim.run(content, out=tmp_path, transport="inline")
    assert time.perf_counter() - begin >= 0.0995
