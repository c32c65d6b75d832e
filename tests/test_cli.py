"""The commands, as a user types them: what they print, where, and how they end."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import cosim
from cosim.api import installed_scenarios
from tests.ported import ported, samples, spikes
from tests.puppets import FAULTY

SCENARIO = ported(
    {
        "brain_with_a_long_name": [samples("y", "out", 2, quantity="firing_rate", unit="Hz"), samples("x", "in", 3)],
        "b": [spikes("e", "in", 2), samples("y", "out", 3)],
    },
    {
        "down": {
            "from": "brain_with_a_long_name.y",
            "to": "b.e",
            "delay": "1 ms",
            "via": [{"low_pass": {"tau": "5 ms"}}, "rate_to_spikes"],
        },
        "up_with_a_long_name": {"from": "b.y", "to": "brain_with_a_long_name.x", "delay": "2 ms", "initial": 1},
        "self": {"from": "b.y[0]", "to": "brain_with_a_long_name.x[1]", "time": "hold"},
    },
    "3 ms",
    record={"streams": ["b.y", "down"]},
)
SCENARIO["about"]["description"] = "for tests [of the commands]"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "scenario.yaml").write_text(json.dumps(SCENARIO))
    return tmp_path


def cosim_in(folder, *words):
    return subprocess.run(
        [sys.executable, "-m", "cosim.cli", *map(str, words)], capture_output=True, text=True, check=False, cwd=folder
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A run in one process, and what it said."""
    folder = tmp_path_factory.mktemp("done")
    (folder / "scenario.yaml").write_text(json.dumps(SCENARIO))
    return folder, cosim_in(folder, "run", "scenario.yaml", "--out", "run", "--transport", "inline")


def test_a_run_prints_its_summary_and_nothing_else_on_standard_output(done):
    folder, answer = done
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert lines[0].startswith("ported  done: 0.003 s simulated in")
    assert lines[-1] == "results: run/run.h5"
    rows = [line.split()[0] for line in lines[1:-1]]
    assert rows == ["engine", "b", "brain_with_a_long_name", "link", "down", "self", "up_with_a_long_name"]
    assert cosim.open_run(folder / "run").hashes["down"][:16] in answer.stdout
    assert "\x1b" not in answer.stdout + answer.stderr  # no colours on a pipe
    assert answer.stderr.splitlines() == ["ported: 2 engines, 3 links, 3 ms in one process"]


def test_quiet_says_nothing(folder):
    answer = cosim_in(folder, "run", ".", "--out", "run", "--quiet", "--transport", "inline")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    assert (folder / "run" / "run.h5").exists()


def test_a_run_takes_its_options(folder):
    words = [
        "--set",
        "engines.b.cost=2",
        "--stop",
        "5 ms",
        "--seed",
        "9",
        "--realtime",
        "1000",
        "--processes",
        "2",
        "--transport",
        "zeromq",
    ]
    answer = cosim_in(folder, "run", "scenario.yaml", "--out", "other/place", *words, "--plot")
    assert answer.returncode == 0, answer.stderr
    run = cosim.open_run(folder / "other" / "place")
    facts = run.provenance
    assert (facts["seed"], facts["stop_ns"], facts["transport"], facts["workers"]) == (9, 5_000_000, "zeromq", 2)
    assert "--set run.realtime=1000" in facts["scenario"]
    assert "realtime: 1000" in facts["scenario"]
    assert "--seed 9" in facts["command_line"]
    assert (folder / "other" / "place" / "figure.png").stat().st_size > 10_000
    assert len(run.samples("b.y").values) == 5


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["run", "scenario.yaml", "--transport", "zeromk"], "did you mean 'zeromq'?"),
        (["run", "scenario.yaml", "--set", "clock.stp=1 s"], "did you mean 'stop'?"),
        (["run", "scenario.yaml", "--stop", "5"], "5 has no unit"),
        (["run", "scenario.yaml", "--processes", "0"], "Invalid value"),
        (["run", "nowhere.yaml"], "there is no scenario 'nowhere.yaml'"),
        (["run"], "Missing argument"),
        (["runn"], "No such command"),
        (["check", "scenario.yaml", "--jsn"], "No such option"),
        (["explain", "scenario.yaml", "dwn"], "did you mean 'down'?"),
        (["describe", "neural_mas"], "did you mean 'neural_mass'?"),
        (["describe"], "name an engine or a translator"),
        (["list", "engine"], "did you mean 'engines'?"),
        (["info", "."], "is not a run"),
        (["plot", "."], "is not a run"),
        (["graph", "scenario.yaml", "--out", "graph.doc"], "no picture"),
    ],
)
def test_a_slip_ends_with_2_and_a_hint_and_no_traceback(words, what, folder):
    answer = cosim_in(folder, *words)
    assert answer.returncode == 2, answer.stdout + answer.stderr
    assert what in answer.stderr
    assert answer.stdout == ""
    assert "Traceback" not in answer.stderr


def test_a_run_that_fails_ends_with_1_and_says_what_is_left(folder):
    bad = {**SCENARIO, "links": {}, "engines": {"bad": {"use": FAULTY, "window": "1 ms", "params": {"at": "2 ms"}}}, "record": {}}
    (folder / "bad.yaml").write_text(json.dumps(bad))
    answer = cosim_in(folder, "run", "bad.yaml", "--out", "run", "--transport", "inline")
    assert answer.returncode == 1
    assert "error: engine bad, window (1 ms, 2 ms]: ValueError: the solver has diverged" in answer.stderr
    assert "Traceback" in answer.stderr  # the engine's own
    assert "recorded so far: run/run.h5" in answer.stderr
    answer = cosim_in(folder, "info", "run")
    assert answer.returncode == 0
    assert answer.stdout.startswith("ported  failed")


def test_help_names_every_command(tmp_path):
    answer = cosim_in(tmp_path, "--help")
    assert answer.returncode == 0
    for command in ("run", "check", "graph", "explain", "info", "diff", "verify", "plot", "list", "describe", "doctor", "env"):
        assert f" {command} " in answer.stdout
    assert cosim_in(tmp_path).stdout.strip() == answer.stdout.strip()  # without a word, too


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["check", "--help"]])
def test_help_imports_nothing_heavy(words, tmp_path):
    code = (
        f"import sys; sys.argv = ['cosim', *{words}]\nfrom cosim.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print({m.partition('.')[0] for m in sys.modules} & {'numpy', 'h5py', 'zmq', 'numba', 'networkx', 'matplotlib', 'pint'})"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert answer.stdout.splitlines()[-1] == "set()", answer.stderr


def test_check_prints_plan_proof_and_forecast(folder):
    answer = cosim_in(folder, "check", "scenario.yaml")
    assert answer.returncode == 0, answer.stderr
    assert "ported  for tests [of the commands]" in answer.stdout
    assert "brain_with_a_long_name.y" in answer.stdout  # in full, however wide
    assert "low_pass > rate_to_spikes" in answer.stdout
    assert "0 ms (hold)" in answer.stdout
    assert "cannot deadlock" in answer.stdout
    assert "x as fast as one process" in answer.stdout
    assert list(folder.iterdir()) == [folder / "scenario.yaml"]  # nothing is built, nothing left


def test_check_for_programs(folder):
    answer = cosim_in(folder, "check", "scenario.yaml", "--json")
    facts = json.loads(answer.stdout)
    assert set(facts) == {"ok", "errors", "deadlock", "forecast"}
    assert (facts["ok"], facts["errors"], facts["deadlock"]) == (True, [], None)
    assert facts["forecast"]["windows"] == {"brain_with_a_long_name": 3, "b": 3}
    answer = cosim_in(
        folder,
        "check",
        "scenario.yaml",
        "--json",
        "--set",
        "links.up_with_a_long_name.delay=0 ms",
        "--set",
        "links.down.delay=0 ms",
    )
    facts = json.loads(answer.stdout)
    assert answer.returncode == 2
    assert not facts["ok"]
    assert set(facts["errors"][0]) == {"where", "what", "why", "mend"}
    assert "scenario.yaml:1  links." in facts["errors"][0]["where"] or "--set" in facts["errors"][0]["where"]
    assert len(facts["deadlock"]["loop"]) == 3
    assert "delay" in facts["deadlock"]["mend"]


@pytest.mark.parametrize("name", ["graph.svg", "graph.png"])
def test_graph_draws_engines_and_links(name, folder):
    answer = cosim_in(folder, "graph", "scenario.yaml", "--out", name)
    assert answer.stdout == f"picture: {name}\n", answer.stderr
    content = (folder / name).read_bytes()
    assert content.startswith(b"\x89PNG" if name.endswith("png") else b"<?xml")
    assert len(content) > 5_000


def test_graph_draws_a_scenario_that_would_deadlock(folder):
    answer = cosim_in(
        folder, "graph", "scenario.yaml", "--set", "links.up_with_a_long_name.delay=0 ms", "--set", "links.down.delay=0 ms"
    )
    assert answer.returncode == 0, answer.stderr
    assert (folder / "ported.svg").exists()


def test_explain_goes_hop_by_hop(folder):
    answer = cosim_in(folder, "explain", "scenario.yaml", "down")
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert lines[0] == "brain_with_a_long_name.y --down--> b.e"
    words = [line.split()[0] for line in lines if line.startswith("  ") and line.strip() and line[2] != " "]
    assert words == ["says", "low_pass", "rate_to_spikes", "takes", "delay", "lookahead", "room", "before"]
    assert "1 ms in all: lead of the port 0 ms + link 1 ms" in answer.stdout
    answer = cosim_in(folder, "explain", "scenario.yaml", "self")
    assert "select    1 of 3 channels" in answer.stdout
    assert "one to one to 1 of 3 channels" in answer.stdout
    assert "held: the last value known" in answer.stdout


def test_info_tells_of_streams_and_how_the_run_was_made(done):
    folder, _ = done
    answer = cosim_in(folder, "info", "run")
    assert "stream: b.y  3 x 3 samples" in answer.stdout
    assert "stream: down " in answer.stdout
    assert "run scenario.yaml --out run --transport inline" in answer.stdout
    facts = json.loads(cosim_in(folder, "info", "run", "--json").stdout)
    assert set(facts) == {"provenance", "streams", "hashes"}
    assert facts["streams"]["b.y"] == "samples"
    assert facts["hashes"] == cosim.open_run(folder / "run").hashes


def test_diff_of_a_run_with_itself(done):
    folder, _ = done
    answer = cosim_in(folder, "diff", "run", "run")
    assert (answer.returncode, answer.stdout) == (0, "equal: all 3 links carry the same bits\n")


@pytest.mark.parametrize("options", [[], ["--out", "deep/down/run.svg"]])
def test_plot_draws_a_run(options, done):
    folder, _ = done
    answer = cosim_in(folder, "plot", "run", *options)
    picture = folder / (options[1] if options else "run/figure.png")
    assert answer.returncode == 0, answer.stderr
    assert picture.stat().st_size > 10_000


def test_plot_draws_the_scenarios_own_figure(folder):
    (folder / "figure.py").write_text(
        "def figure(run):\n    from matplotlib.figure import Figure\n"
        "    made = Figure()\n    made.text(0.5, 0.5, 'our own figure of ' + run.provenance['name'])\n    return made\n"
    )
    assert cosim_in(folder, "run", ".", "--out", "run", "--quiet", "--transport", "inline").returncode == 0
    assert cosim_in(folder, "plot", "run", "--out", "own.svg").returncode == 0
    assert "our own figure of ported" in (folder / "own.svg").read_text()


@pytest.mark.parametrize(
    ("what", "name"), [("engines", "neural_mass"), ("translators", "low_pass"), ("scenarios", min(installed_scenarios()))]
)
def test_list_names_what_is_installed(what, name, tmp_path):
    answer = cosim_in(tmp_path, "list", what)
    assert answer.returncode == 0, answer.stderr
    lines = {line.split()[0]: line for line in answer.stdout.splitlines()}
    assert len(lines[name].split()) > 3


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (
            "player",
            [
                "player  (engine, engines.player:Player)",
                "Plays a recording",
                "time | None",
                "'hold' | 'zero' | 'error'",
                "ports: they depend",
            ],
        ),
        ("low_pass", ["(translator, couplers.low_pass:LowPass)", "time constant", "required", "References"]),
        ("couplers.scale:Scale", ["(translator, couplers.scale:Scale)", "factor"]),
        (f"{FAULTY}", ["(engine, ", "at  ", "ports with the default parameters", "out y", "spikes, 2 channels"]),
    ],
)
def test_describe_tells_parameters_units_and_ports(name, parts, tmp_path):
    answer = cosim_in(tmp_path, "describe", name)
    assert answer.returncode == 0, answer.stderr
    assert [part for part in parts if part not in answer.stdout] == []
    assert " object at 0x" not in answer.stdout


def test_describe_prints_json_schemas(tmp_path):
    schema = json.loads(cosim_in(tmp_path, "describe", "--schema").stdout)
    assert schema["title"] == "ScenarioFile"
    assert "from" in schema["$defs"]["LinkEntry"]["properties"]
    assert "tau" in json.loads(cosim_in(tmp_path, "describe", "low_pass", "--schema").stdout)["properties"]


def test_doctor_looks_at_the_machine(tmp_path):
    """Its verdict is this machine's; that it looks at everything is ours."""
    answer = cosim_in(tmp_path, "doctor")
    assert answer.returncode in (0, 1)
    found = {line.split(maxsplit=2)[1] for line in answer.stdout.splitlines()}
    assert {"python", "numpy", "numba", "pyzmq", "cores", "mpi", "nest", "neuron", "mujoco"} <= found
    assert ("!!" in answer.stdout) == (answer.returncode == 1)


def test_verify_without_claims_says_so(folder):
    answer = cosim_in(folder, "verify", ".")
    assert answer.returncode == 2
    assert "claims nothing" in answer.stderr


def test_check_forecasts_in_seconds_from_the_costs_of_an_earlier_run(done):
    """In one process, the run takes what its windows have been measured to cost."""
    folder, _ = done
    costs = cosim.open_run(folder / "run").costs_s
    answer = cosim_in(folder, "check", "scenario.yaml", "--costs", "run", "--json")
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)["forecast"]
    assert told["unit"] == "s"
    assert told["one_process"] == pytest.approx(sum(costs[name] * count for name, count in told["windows"].items()))
    assert told["one_each"] <= told["one_process"] * (1 + 1e-9)
    assert "forecast of the engines' own time" in cosim_in(folder, "check", "scenario.yaml", "--costs", "run").stdout
    assert cosim_in(folder, "check", "scenario.yaml", "--costs", "nowhere").returncode == 2
