"""Whoever errs reads what, where, why and how to mend; all faults of a file at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import cosim
import cosim.scenario
from cosim.scenario.schema import ScenarioFile
from tests.puppets import FAULTY, PUPPET

BASE = f"""cosim: 1
about: {{name: base}}
clock: {{stop: 10 ms}}
engines:
  a: {{use: {PUPPET}, window: 1 ms}}
  b: {{use: {PUPPET}, window: 1 ms}}
links:
  ab: {{from: a.y, to: b.x, delay: 1 ms}}
"""


def faults_of(tmp_path, text, settings=()):
    file = tmp_path / "scenario.yaml"
    file.write_text(text)
    report = cosim.check(file, settings)
    return report.faults


def one_fault(tmp_path, text, settings=()):
    (fault,) = faults_of(tmp_path, text, settings)
    return fault


def test_the_base_is_sound(tmp_path):
    assert faults_of(tmp_path, BASE) == ()


CASES = {
    "an unknown key": ("window: 1 ms}\n  b", "windw: 1 ms, window: 1 ms}\n  b", "unknown key 'windw'", "did you mean 'window'?", 5),
    "a number without a unit": ("delay: 1 ms", "delay: 1", "1 has no unit", "1 ms", 8),
    "a wrong unit": ("delay: 1 ms", "delay: 1 mV", "'1 mV' is not a time", "2.5 ms", 8),
    "a time that is not whole": ("delay: 1 ms", "delay: 0.5 ns", "not a whole number of nanoseconds", "nearest", 8),
    "a key given twice": ("  b: {use", "  a: {use", "key 'a' is given twice", "keep one", 6),
    "an engine that does not exist": (
        f"a: {{use: {PUPPET}",
        "a: {use: neural_mas",
        "no engine 'neural_mas'",
        "did you mean 'neural_mass'?",
        5,
    ),
    "a link from nowhere": ("from: a.y", "from: c.y", "no engine 'c'", "known here: a, b", 8),
    "a port that does not exist": ("from: a.y", "from: a.z", "a has no output 'z'", "known here: y, spikes", 8),
    "a port of the other direction": ("from: a.y", "from: a.x", "a has no output 'x'", "known here", 8),
    "a channel that does not exist": ("from: a.y", "from: 'a.y[frist]'", "no channel is called 'frist'", "did you mean first?", 8),
    "kinds that don't match": ("from: a.y", "from: a.spikes", "brings spikes to a port that takes samples", "spikes_to_rate", 8),
    "counts that don't map": ("to: b.x", "to: 'b.x[0]'", "2 channels don't map to 1", "sum, mean", 8),
    "a translator that does not exist": ("delay: 1 ms}", "delay: 1 ms, via: [lowpass]}", "no translator 'lowpass'", "low_pass", 8),
    "a translator's unknown parameter": (
        "delay: 1 ms}",
        "delay: 1 ms, via: [{low_pass: {tau: 2 ms, taw: 1}}]}",
        "unknown key 'taw'",
        "did you mean 'tau'?",
        8,
    ),
    "an interval off the grid": (
        "delay: 1 ms}",
        "delay: 1 ms, interval: 1.5 ms}",
        "not a whole number of the 1 ms steps",
        "nearest: 1 ms, 2 ms",
        8,
    ),
    "held spikes": (
        "from: a.y, to: b.x",
        "time: hold, from: a.spikes, to: b.events",
        "spikes cannot be held",
        "leave 'time' out",
        8,
    ),
    "an initial value of spikes": (
        "from: a.y, to: b.x",
        "initial: 1, from: a.spikes, to: b.events",
        "no initial value",
        "leave 'initial' out",
        8,
    ),
    "a missing key": ("window: 1 ms}\n  b", "cost: 1}\n  b", "key 'window' is missing", "", 5),
    "a parameter out of kind": ("window: 1 ms}\nlinks", "window: 1 ms, params: {channels: many}}\nlinks", "valid integer", "", 6),
    "a stream that does not exist": ("links:", "record: {streams: [a.w]}\nlinks:", "a has no output 'w'", "known here", 7),
}


@pytest.mark.parametrize("case", CASES)
def test_says_what_is_wrong_where_and_how_to_mend(case, tmp_path):
    old, new, what, mend, line = CASES[case]
    assert old in BASE
    fault = one_fault(tmp_path, BASE.replace(old, new, 1))
    assert what in str(fault)
    assert mend in str(fault)
    assert f"scenario.yaml:{line} " in fault.where


def test_all_faults_are_told_at_once_in_the_order_of_their_lines(tmp_path):
    text = BASE.replace("stop: 10 ms", "stop: 10").replace("delay: 1 ms", "delay: -1 ms").replace("use: ", "usee: ", 1)
    faults = faults_of(tmp_path, text)
    assert len(faults) == 4  # usee is unknown and use is missing
    assert "10 has no unit" in faults[0].what


def test_faults_of_reading_and_of_matching_are_told_together(tmp_path):
    """a cannot be read, so nothing is said of links that touch it; c and its link are looked at all the same."""
    more = f"  c: {{use: {PUPPET}, window: 1 ms, params: {{channels: many}}}}\nlinks:\n  bb: {{from: b.z, to: b.x}}"
    text = BASE.replace("window: 1 ms}\n  b", "windw: 1 ms}\n  b").replace("links:", more)
    told = [fault.what for fault in faults_of(tmp_path, text)]
    assert len(told) == 4
    assert told[0] == "key 'window' is missing"
    assert told[1] == "unknown key 'windw'"
    assert "valid integer" in told[2]
    assert told[3] == "b has no output 'z'"


def test_a_window_that_is_no_multiple_of_the_step(tmp_path):
    text = BASE.replace("window: 1 ms}\nlinks", "window: 2.5 ms, params: {dt: 1 ms}}\nlinks")
    fault = one_fault(tmp_path, text)
    assert "a window of 2.5 ms is not a whole number of the 1 ms steps of b.y" in fault.what
    assert fault.mend == "nearest: 2 ms, 3 ms"


def test_a_delay_off_the_grid_that_a_port_asks_for(tmp_path):
    text = BASE.replace("window: 1 ms}\nlinks", "window: 1 ms, params: {asks: 0.5 ms}}\nlinks").replace(
        "delay: 1 ms", "delay: 0.75 ms"
    )
    fault = one_fault(tmp_path, text)
    assert "a delay of 0.75 ms is not a whole number of the 0.5 ms steps" in fault.what.replace("750 us", "0.75 ms").replace(
        "500 us", "0.5 ms"
    )


def test_a_loop_without_delay_is_drawn(tmp_path):
    text = BASE.replace(", delay: 1 ms", "") + "  ba: {from: b.y, to: a.x}\n"
    fault = one_fault(tmp_path, text)
    assert "a loop of 2 links has too little delay" in fault.what
    assert "--ab (delay 0 ms)--> " in fault.why
    assert "needs 1 ms" in fault.why
    assert "delay of 1 ms" in fault.mend
    report = cosim.check(tmp_path / "scenario.yaml").as_dict()
    assert report["ok"] is False
    assert len(report["deadlock"]["loop"]) == 3


def test_a_missing_file_of_a_parameter(tmp_path):
    text = BASE.replace(f"b: {{use: {PUPPET}, window: 1 ms}}", "b: {use: player, window: 1 ms, params: {file: spikes.csv}}").split(
        "links:"
    )[0]
    fault = one_fault(tmp_path, text)
    assert "file 'spikes.csv' does not exist" in fault.what
    assert str(tmp_path) in fault.why


def test_a_missing_scenario_is_named():
    (fault,) = cosim.check("populaton_swap").faults
    assert "no scenario 'populaton_swap'" in fault.what


def test_an_include_that_does_not_exist_and_one_that_includes_itself(tmp_path):
    fault = one_fault(tmp_path, BASE + "include: [missing.yaml]\n")
    assert "'missing.yaml' does not exist" in fault.what
    assert "include.0" in fault.where
    (tmp_path / "loop.yaml").write_text("include: [loop.yaml]\n")
    fault = one_fault(tmp_path, BASE + "include: [loop.yaml]\n")
    assert "include one another" in str(fault)


def test_text_that_is_no_yaml_has_a_line(tmp_path):
    fault = one_fault(tmp_path, "cosim: 1\nengines: {a: [}\n")
    assert "not YAML" in fault.what
    assert ":2" in fault.where


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import no_such_simulator\n", "plug_in.py:1: ModuleNotFoundError"),
        ("x = 1\nraise ValueError('too old')\n", "plug_in.py:2: ValueError: too old"),
        ("def broken(:\n", "plug_in.py:1: SyntaxError"),
        ("class Engine: pass\n", "it has no Params, ports, advance"),
        ("class Motor: pass\n", ""),
    ],
)
def test_a_plug_in_that_fails_to_import_is_named_with_file_and_line(source, why, tmp_path):
    (tmp_path / "plug_in.py").write_text(source)
    fault = one_fault(tmp_path, BASE.replace(f"a: {{use: {PUPPET}", "a: {use: ./plug_in.py:Engine"))
    assert why in fault.why
    assert "./plug_in.py:Engine" in str(fault) or "Engine" in str(fault)


def test_units_of_another_dimension_name_a_translator(tmp_path):
    text = (
        BASE.replace(f"a: {{use: {PUPPET}", "a: {use: player")
        .replace("window: 1 ms}\n  b", "window: 1 ms, params: {values: [[1.0, 2.0]], dt: 1 ms, unit: mV}}\n  b")
        .replace("a.y", "a.out")
    )
    fault = one_fault(tmp_path, text)
    assert "in mV" in fault.what
    assert "scale" in fault.mend


def test_values_set_on_the_command_line_are_checked_like_those_of_the_file(tmp_path):
    assert "--set clock.stop=5" in one_fault(tmp_path, BASE, ["clock.stop=5"]).where
    assert "unknown key 'clok'" in one_fault(tmp_path, BASE, ["clok.stop=5 ms"]).what
    assert "KEY=VALUE" in one_fault(tmp_path, BASE, ["clock.stop"]).what


def test_yaml_12_scalars(tmp_path):
    from cosim.scenario.reader import read_text

    data = read_text("a: 1e-8\nb: on\nc: yes\nd: 012\ne: ~\nf: .5\ng: '5'\nh: true\n", "x").data
    assert data == {"a": 1e-8, "b": "on", "c": "yes", "d": 12, "e": None, "f": 0.5, "g": "5", "h": True}


def test_includes_are_overlaid_and_keep_their_origin(tmp_path):
    (tmp_path / "params.yaml").write_text("clock: {seed: 3, stop: 1 s}\nengines:\n  a: {window: 2 ms}\n")
    file = tmp_path / "scenario.yaml"
    file.write_text(BASE.replace(f"a: {{use: {PUPPET}, window: 1 ms}}", f"a: {{use: {PUPPET}}}") + "include: [params.yaml]\n")
    scenario = cosim.load(file)
    assert scenario.file.clock.seed == 3
    assert scenario.file.clock.stop == 10_000_000  # what the file says wins over what it includes
    assert scenario.file.engines["a"].window == 2_000_000
    assert "params.yaml:3" in str(scenario.document.mark(("engines", "a", "window")))
    assert "params.yaml:3" in scenario.dump()


def test_a_resolved_scenario_is_the_same_scenario(tmp_path):
    file = tmp_path / "scenario.yaml"
    file.write_text(BASE)
    first = cosim.load(file, ["clock.seed=9"])
    (tmp_path / "resolved").mkdir()
    again = tmp_path / "resolved" / "scenario.yaml"
    again.write_text(first.dump())
    second = cosim.load(again)
    assert second.file.model_dump(exclude={"folder"}) == first.file.model_dump(exclude={"folder"})
    assert second.folder == first.folder.resolve()


def test_the_json_schema_knows_every_key():
    schema = ScenarioFile.model_json_schema(by_alias=True)
    assert {"cosim", "about", "clock", "engines", "links", "record", "run"} <= set(schema["properties"])
    assert {"from", "to", "delay", "via"} <= set(schema["$defs"]["LinkEntry"]["properties"])


def test_the_installed_schema_is_that_of_the_model():
    """Mend: cosim describe --schema > cosim/scenario/scenario.schema.json"""
    installed = Path(cosim.scenario.__file__).parent / "scenario.schema.json"
    assert json.loads(installed.read_text()) == ScenarioFile.model_json_schema(by_alias=True)


def test_the_command_tells_faults_and_ends_with_2(tmp_path):
    file = tmp_path / "scenario.yaml"
    file.write_text(BASE.replace("a.y", "a.z"))
    for command in ("check", "run"):
        answer = subprocess.run(
            [sys.executable, "-m", "cosim.cli", command, str(file)], capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert answer.returncode == 2
        assert "a has no output 'z'" in answer.stderr
        assert "Traceback" not in answer.stderr
    answer = subprocess.run(
        [sys.executable, "-m", "cosim.cli", "check", str(file), "--json"], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 2
    assert json.loads(answer.stdout)["errors"][0]["what"] == "a has no output 'z'"


def test_a_folder_that_cannot_be_written(tmp_path):
    file = tmp_path / "scenario.yaml"
    file.write_text(BASE)
    answer = subprocess.run(
        [sys.executable, "-m", "cosim.cli", "run", str(file), "--out", "/proc/nowhere/run"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 2
    assert "nothing can be written to /proc/nowhere/run" in answer.stderr


def test_no_mpi_installed_says_how_to_get_it(tmp_path):
    file = tmp_path / "scenario.yaml"
    file.write_text(BASE)
    code = "import sys; sys.modules['mpi4py'] = None; from cosim.cli import main; main()"
    answer = subprocess.run(
        [sys.executable, "-c", code, "run", str(file), "--transport", "mpi"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert answer.returncode == 2
    assert "pip install 'neuro-cosim[mpi]'" in answer.stderr


def test_engines_that_fail_while_they_are_built_are_named(tmp_path):
    text = BASE.replace(f"b: {{use: {PUPPET}, window: 1 ms}}", f"b: {{use: {FAULTY}, window: 1 ms, params: {{fault: build}}}}")
    file = tmp_path / "scenario.yaml"
    file.write_text(text)
    with pytest.raises(cosim.CosimError, match="the model does not compile") as caught:
        cosim.run(file, out=tmp_path / "run", transport="inline")
    assert "engine b" in caught.value.where
