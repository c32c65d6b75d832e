"""All the command line does, from Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cosim
from cosim.api import installed_scenarios
from cosim.runtime.launcher import RunFailed
from cosim.scenario.schema import Scenario
from tests.ported import ported, samples
from tests.puppets import FAULTY

MS = 1_000_000
SCENARIO = ported({"a": [samples("y", "out")], "b": [samples("x", "in")]}, {"l": {"from": "a.y", "to": "b.x"}}, "3 ms")


def test_a_scenario_of_python_values_runs(tmp_path):
    run = cosim.run(SCENARIO, out=tmp_path, transport="inline")
    assert run.provenance["outcome"] == "done"
    assert run.links()["l"].frames == 3
    assert repr(run) == f"Run('{tmp_path}')"


def test_a_scenario_of_python_values_is_not_changed(tmp_path):
    before = repr(SCENARIO)
    cosim.check(SCENARIO, {"clock.stop": "9 ms", "engines.a.params.ports.0.unit": "mV"})
    assert repr(SCENARIO) == before


@pytest.mark.parametrize("settings", [["clock.stop=5 ms", "clock.seed=3"], {"clock.stop": "5 ms", "clock.seed": 3}])
@pytest.mark.parametrize("kind", ["values", "scenario", "file", "folder"])
def test_settings_override_whatever_is_given(settings, kind, tmp_path):
    (tmp_path / "scenario.yaml").write_text(cosim.load(SCENARIO).dump())
    given = {
        "values": SCENARIO,
        "scenario": cosim.load(SCENARIO),
        "file": tmp_path / "scenario.yaml",
        "folder": str(tmp_path),
    }[kind]
    plan = cosim.check(given, settings).plan
    assert (plan.stop_ns, plan.seed) == (5 * MS, 3)
    if kind == "scenario":
        assert given.file.clock.stop == 3 * MS


@pytest.mark.parametrize("text", ["*", "5", "null", "a: b", "# none", "[1, 2]", "µs", '"'])
def test_a_string_given_from_python_stays_that_string(text):
    assert cosim.load(SCENARIO, {"about.description": text}).file.about.description == text


def test_settings_from_python_may_be_any_value():
    scenario = cosim.load(SCENARIO, {"engines.a.params": {"ports": []}, "links": {}, "run.realtime": 2.5, "run.hashes": False})
    assert scenario.file.engines["a"].params == {"ports": []}
    assert (scenario.file.links, scenario.file.run.realtime, scenario.file.run.hashes) == ({}, 2.5, False)


def test_a_loaded_scenario_is_used_as_it_is():
    scenario = cosim.load(SCENARIO)
    assert isinstance(scenario, Scenario)
    assert cosim.load(scenario) is scenario


def test_installed_scenarios_are_found_with_dashes_or_underscores():
    known = installed_scenarios()
    assert known
    for name, file in known.items():
        assert cosim.find_scenario(name) == file
        assert cosim.find_scenario(name.replace("_", "-")) == file
        assert cosim.load(file).name == name.replace("/", "_")


def test_a_scenario_that_is_not_there_is_answered_with_a_near_name(tmp_path):
    name = min(installed_scenarios())
    with pytest.raises(cosim.CosimError, match="there is no scenario") as caught:
        cosim.find_scenario(name[:-1])
    assert f"did you mean {name!r}?" in caught.value.mend
    for path in (tmp_path / "no.yaml", tmp_path):
        with pytest.raises(cosim.CosimError, match="there is no scenario"):
            cosim.find_scenario(path)


def test_faults_are_returned_by_check_and_raised_by_run(tmp_path):
    wrong = {**SCENARIO, "links": {"l": {"from": "a.z", "to": "b.x"}, "m": {"from": "a.y", "to": "b.z"}}}
    report = cosim.check(wrong)
    assert not report.ok
    assert report.plan is None
    assert len(report.faults) == 2
    with pytest.raises(cosim.ScenarioError, match="a has no output 'z'") as caught:
        cosim.run(wrong, out=tmp_path / "run")
    assert len(caught.value.faults) == 2
    assert not (tmp_path / "run").exists()
    assert set(report.as_dict()) == {"ok", "errors", "deadlock", "forecast"}
    assert report.as_dict()["errors"][0]["where"] == "ported  links.l.from"


def test_a_deadlock_is_told_as_a_loop():
    loop = {"there": {"from": "a.y", "to": "b.x"}, "back": {"from": "b.y", "to": "a.x"}}
    ports = [samples("x", "in"), samples("y", "out")]
    facts = cosim.check(ported({"a": ports, "b": ports}, loop)).as_dict()
    assert facts["ok"] is False
    assert facts["forecast"] is None
    assert "(delay 0 ms)" in facts["deadlock"]["loop"][0]
    assert "1 ms in all" in facts["deadlock"]["mend"]


def test_a_run_that_failed_names_its_folder(tmp_path):
    scenario = {**SCENARIO, "links": {}, "engines": {"bad": {"use": FAULTY, "window": "1 ms", "params": {"at": "2 ms"}}}}
    with pytest.raises(RunFailed, match="the solver has diverged") as caught:
        cosim.run(scenario, out=tmp_path, transport="inline")
    assert caught.value.folder == tmp_path
    assert cosim.open_run(tmp_path).provenance["outcome"] == "failed"


def test_runs_without_a_folder_go_below_runs_by_name_and_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one, other = (cosim.run(SCENARIO, transport="inline") for _ in range(2))
    assert one.folder != other.folder
    assert one.folder.parent == other.folder.parent == Path("runs/ported")


def test_a_listener_hears_of_the_run(tmp_path):
    heard = []

    class Listener:
        def started(self, plan, transport, workers):
            heard.append(("started", plan.name, transport, workers))

        def progressed(self, overview):
            heard.append(("progressed", overview.time_ns))

        def told(self, level, text):
            heard.append(("told", text))

        def ended(self, overview):
            heard.append(("ended", overview.time_ns))

    cosim.run(SCENARIO, out=tmp_path, transport="inline", listener=Listener())
    assert heard[0] == ("started", "ported", "inline", 1)
    assert heard[-1] == ("ended", 3 * MS)
    times = [words[1] for words in heard if words[0] == "progressed"]
    assert times == sorted(times)


def test_equal_seeds_give_equal_runs_and_others_do_not(tmp_path):
    link = {"from": "a.y", "to": "b.x", "via": "rate_to_spikes"}
    ports = {"a": [samples("y", "out", unit="kHz")], "b": [{"name": "x", "direction": "in", "kind": "spikes"}]}
    hashes = [
        cosim.run(ported(ports, {"l": link}), settings={"clock.seed": s}, out=tmp_path / str(i), transport="inline").hashes["l"]
        for i, s in enumerate((1, 1, 2))
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_public_names_are_there_and_others_are_not():
    assert {name for name in cosim.__all__ if getattr(cosim, name) is not None} == set(cosim.__all__)
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        _ = cosim.runn


NOTEBOOK = """
import cosim
run = cosim.run({scenario!r}, out="run", transport="zeromq", processes=2)
print(run.hashes["l"])
"""


def test_python_needs_no_main_guard_to_start_processes(tmp_path):
    """Worker processes run a module of their own, so that a script or a notebook is not imported again."""
    answer = subprocess.run(
        [sys.executable, "-c", NOTEBOOK.format(scenario=SCENARIO)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == cosim.run(SCENARIO, out=tmp_path / "inline", transport="inline").hashes["l"]


def test_values_of_numpy_are_told_to_be_no_values_of_a_scenario():
    """A scenario is text: NumPy's numbers are turned into Python's by their owner."""
    with pytest.raises(TypeError, match="int64"):
        cosim.load({**SCENARIO, "clock": {"stop": "3 ms", "seed": np.int64(3)}})
