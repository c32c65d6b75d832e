"""A user's model: its file is found and read, its ports are held against what its function builds, its faults name the place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cosim
from cosim.scenario.reader import as_yaml
from cosim.sdk import CosimError, Port, Samples, Setup, Simulator, Space, Spikes, StepOutput, Window, spikes_from_steps
from cosim.sdk.contract import EngineContract
from tests.modelled import ADDERS, LONERS, MODEL, Adders

MS = 1_000_000


@pytest.fixture
def written(tmp_path):
    """Write a model file, ``model.py``, with some of its text changed; the name that a scenario gives it."""

    def write(*changes):
        text = MODEL
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "model.py").write_text(text)
        return f"{tmp_path}/model.py:build"

    return write


class TestAdders(EngineContract):
    engine = Adders
    one_window_ms, many_windows_ms = 60, 2
    bad_params = ({"dt": 0}, {"args": {"cell": 3}}, {"args": {"cells": "three"}}, {"model": "nowhere.py:build"}, {"model": 3})

    @pytest.fixture(autouse=True)
    def _model(self, written):
        type(self).params = Adders.Params(model=written())


def built(model, window=2 * MS, inputs=None, **params):
    return Adders(Adders.Params(model=model, **params), Setup("adders", window, 1, inputs or {}))


def test_a_mean_is_over_its_step_and_a_value_at_its_end(written):
    engine = built(written())
    window = Window(0, 2 * MS)
    x = np.array([[1.0, 0, 0], [2, 0, 0], [3, 0, 0], [4, 0, 0]])
    out = engine.advance(window, {"x": Samples(window, x)})
    np.testing.assert_allclose(out["sum"].values[:, 0], [0.03, 0.10])
    np.testing.assert_allclose(out["mean"].values[:, 0], [(0.01 + 0.03 + 0.06 + 0.10) / 4])


def test_a_coarse_row_is_in_force_over_all_its_steps(written):
    engine = built(written())
    window = Window(0, 2 * MS)
    out = engine.advance(window, {"x": Samples(window, np.array([[1.0, 0, 0], [2, 0, 0]]))})
    np.testing.assert_allclose(out["sum"].values[:, 0], [0.02, 0.06])


@pytest.mark.parametrize(("time", "step"), [(1, 0), (500_000, 0), (500_001, 1), (1_999_999, 3), (2_000_000, 3)])
def test_an_event_belongs_to_the_step_that_ends_at_or_after_it(time, step):
    start = 10 * MS
    spikes = Spikes(Window(start, start + 2 * MS), np.array([start + time]), np.array([0], np.int32))
    assert spikes.steps(500_000).tolist() == [step]
    back = spikes_from_steps(spikes.window, 500_000, spikes.steps(500_000), spikes.channels)
    assert back.times_ns.tolist() == [start + (step + 1) * 500_000]


# -- what may be wrong with a model's file -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([('"spikes": sim', '"spike": sim')], ("no port 'spike'", "did you mean 'spikes'?", "declares x, kicks")),
        ([(', "mean": sim.samples_out()', "")], ("does not return port 'mean'", "add 'mean'")),
        ([('"sum": sim.samples_out()', '"sum": sim.spikes_out()')], ("'sum' is declared as samples out", "bound spikes out")),
        ([('"x": sim.samples_in(args.cells)', '"x": sim.samples_in(2)')], ("'x' is declared with 3 channels", "bound 2")),
        ([('"x": sim.samples_in(args.cells)', '"x": 5')], ("returned int for port 'x'", "sim.spikes_out")),
        ([("return {", "return [] and {")], ("returned list", "by port name")),
        ([("dt_ns=1_000_000", "dt_ns=800_000")], ("'sum': it has a step of 800 us", "dt_ns=500000")),
    ],
)  # fmt: skip
def test_bindings_are_held_against_what_is_declared(written, changes, told):
    with pytest.raises(CosimError) as caught:
        built(written(*changes))
    assert all(part in str(caught.value) for part in told), caught.value


def test_a_window_that_does_not_fit_says_which_do(written):
    with pytest.raises(CosimError, match=r"a window of 1\.2 ms is not a whole number of the 500 us steps") as caught:
        built(written(), window=1_200_000)
    assert "1 ms, 1.5 ms" in caught.value.mend


def test_what_arrives_on_another_step_is_refused_with_the_mend(written):
    port = Port("x", "in", "samples", Space.numbered(3), dt_ns=200_000)
    with pytest.raises(CosimError, match="what arrives has a step of 200 us") as caught:
        built(written(), inputs={"x": port})
    assert "dt_ns=500000" in caught.value.mend


def faults(model, **params):
    engines = {"a": {"use": ADDERS, "window": "2 ms", "params": {"model": model, **params}}}
    file = Path(model.partition(":")[0]).with_name("scenario.yaml")
    file.write_text(as_yaml({"cosim": 1, "about": {"name": "m"}, "clock": {"stop": "4 ms"}, "engines": engines}))
    return cosim.check(file).faults


def test_arguments_are_typed_by_the_function_and_their_faults_name_the_key(written):
    (fault,) = faults(written(), args={"cels": 4})
    assert fault.what == "unknown key 'cels'"
    assert "engines.a.params.args.cels" in fault.where
    assert "cells" in fault.mend


def test_a_function_without_annotation_takes_no_arguments(written):
    model = written(("args: Sum, seed", "args, seed"), ("def ports(args):", "def ports(args):\n    args = Sum()"))
    assert faults(model) == ()
    assert "unknown key" in faults(model, args={"cells": 4})[0].what


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([("def ports", "def port")], "no function 'ports'"),
        ([("def build", "def built")], "no function 'build'"),
        ([("from cosim.sdk import Params", "import no_such_simulator\nfrom cosim.sdk import Params")], "install no_such_simulator"),
        ([("return [", "return [5,")], "ports() of"),
        ([("    return [\n", "    return 5\n    [\n")], "returns int"),
        ([("    space = Space", "    import no_such_simulator\n    space = Space")], "ports() does without"),
        ([("args.cells)\n    return", "args.nothing)\n    return")], "model.py:"),
        ([("args: Sum, seed", "args, seed")], "def build(args: MyParams, seed, sim)"),
        ([("args: Sum, seed", "args: 'Summ', seed")], "'Summ' is not in the file"),
        ([("def build(", "def build((")], "SyntaxError"),
    ],
)
def test_faults_of_the_file_are_told_when_the_scenario_is_checked(written, changes, told):
    (fault,) = faults(written(*changes))
    assert told in str(fault)
    assert "engines.a.params" in fault.where


def test_a_model_of_a_package_and_the_default_function(tmp_path, monkeypatch):
    (tmp_path / "cosim_test_models.py").write_text(MODEL)
    monkeypatch.syspath_prepend(tmp_path)
    assert [port.name for port in Adders.ports(Adders.Params(model="cosim_test_models"))][:2] == ["x", "kicks"]


def test_what_is_not_sampled_yet_is_kept_for_its_row():
    """A row longer than a window is refused by the plan; one that ends inside is whole."""
    output, now = StepOutput(1, lambda: now), [0.0]
    output.bound(Port("y", "out", "samples", Space.numbered(1), dt_ns=2), 1)
    for value in (1.0, 2.0, 3.0, 4.0):
        now[0] = value
        output.sample()
    assert output.take(Window(0, 4)).values.tolist() == [[2.0], [4.0]]


def scenario(model, window="2 ms", dt="1 ms", delay="0 ms"):
    source = {"use": "player", "window": "2 ms", "params": {"values": [[1.0], [2.0]], "dt": dt, "repeat": True}}
    adders = {"use": ADDERS, "window": window, "params": {"model": model}}
    link = {"from": "source.out", "to": "adders.x", "delay": delay}
    return {
        "cosim": 1, "about": {"name": "m"}, "clock": {"stop": "12 ms"}, "engines": {"source": source, "adders": adders},
        "links": {"in": link}, "record": {"streams": ["adders.sum"]},
    }  # fmt: skip


def test_a_window_that_does_not_fit_is_told_when_the_scenario_is_checked(written):
    (fault,) = cosim.check(scenario(written(), window="1.2 ms")).faults
    assert "not a whole number of the 500 us steps of adders's model" in fault.what
    assert "1 ms, 1.5 ms" in fault.mend
    (fault,) = cosim.check(scenario(written(), delay="0.2 ms")).faults
    assert "a delay of 200 us is not a whole number of the 500 us steps" in fault.what


def test_rows_finer_than_a_step_are_resampled(written, tmp_path):
    """Rows of 0.2 ms, 1 and 2 in turn, into steps of 0.5 ms: 1.4 over the first two, 1.6 over the next."""
    run = cosim.run(scenario(written(), dt="0.2 ms"), out=tmp_path / "run", transport="inline")
    np.testing.assert_allclose(run.samples("adders.sum").values[:, 0], np.cumsum(np.tile([0.028, 0.032], 6)))


def test_a_port_without_channels_is_a_fault(written):
    (fault,) = faults(written(), args={"cells": 0})
    assert fault.what == "port a.x has no channels"


def test_a_file_in_the_current_folder_does_not_hide_a_simulator(written, tmp_path):
    """The worker of a model in nest.py must find NEST, not that file; here the simulator is Python's fractions."""
    (tmp_path / "fractions.py").write_text("raise SystemExit('this is no simulator')")
    (tmp_path / "scenario.yaml").write_text(as_yaml(scenario(written())))
    command = [str(Path(sys.executable).with_name("cosim")), "run", "scenario.yaml", "--transport", "zeromq", "--out", "run"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def test_an_error_of_the_model_names_its_line_and_its_root(written, tmp_path):
    broken = "    try:\n        1 / 0\n    except ZeroDivisionError as error:\n        raise RuntimeError('see above') from error\n"
    with pytest.raises(cosim.CosimError) as caught:
        cosim.run(scenario(written(("    inputs =", f"{broken}    inputs ="))), out=tmp_path / "run", transport="inline")
    assert caught.value.what == "ZeroDivisionError: division by zero"
    assert "engine adders, while it was built" in caught.value.where
    assert "model.py:" in caught.value.why


# -- the simulator --------------------------------------------------------------------------------------------------------


def test_a_missing_simulator_says_how_to_get_it():
    missing = Simulator("NoSuch", "no_such_simulator", "no-such", "nosuch")
    assert missing.version is None
    with pytest.raises(CosimError, match="NoSuch is not installed") as caught:
        missing.load()
    assert "neuro-cosim[nosuch]" in caught.value.mend
    assert "cosim env nosuch" in caught.value.mend


def test_an_engine_whose_simulator_is_missing_is_told_before_anything_starts(written, tmp_path, monkeypatch):
    content = two(ADDERS, written())
    missing = Simulator("NoSuch", "no_such_simulator", "no-such", "nosuch")
    monkeypatch.setattr(cosim.check(content).plan.engines["a"].cls, "simulator", missing)
    assert cosim.check(content).ok  # a scenario can be checked where its simulators are not
    with pytest.raises(cosim.ScenarioError) as caught:
        cosim.run(content, out=tmp_path / "run", transport="inline")
    assert "engine a needs NoSuch" in str(caught.value)
    assert "engine b needs NoSuch" in str(caught.value)
    assert not (tmp_path / "run").exists()


def two(use, model):
    engine = {"use": use, "window": "2 ms", "params": {"model": model}}
    return {"cosim": 1, "about": {"name": "m"}, "clock": {"stop": "20 ms"}, "engines": {"a": engine, "b": engine},
            "links": {"ab": {"from": "a.sum", "to": "b.x", "delay": "2 ms", "initial": [9, 7, 5]},
                      "ba": {"from": "b.sum", "to": "a.x", "delay": "2 ms", "initial": [3, 4, 8]}}}  # fmt: skip


def test_two_models_of_a_simulator_that_stands_alone_get_a_process_each(written, tmp_path):
    model = written()
    run = cosim.run(two(LONERS, model), out=tmp_path / "alone", processes=1)
    assert run.provenance["transport"] == "zeromq"
    assert sorted(run.overview["homes"].values()) == [0, 1]
    together = cosim.run(two(ADDERS, model), out=tmp_path / "together", transport="inline")
    assert run.hashes == together.hashes
    with pytest.raises(CosimError, match="a and b are both models of Loner") as caught:
        cosim.run(two(LONERS, model), out=tmp_path / "inline", transport="inline")
    assert "zeromq" in caught.value.mend


@pytest.mark.mpi
def test_two_models_of_a_simulator_that_stands_alone_need_two_ranks(written, tmp_path, mpirun):
    import json

    file = tmp_path / "scenario.yaml"
    file.write_text(json.dumps(two(LONERS, written())))
    answer = mpirun(1, "-m", "cosim.cli", "run", str(file), "--out", str(tmp_path / "one"), "--quiet")
    assert answer.returncode == 2, answer.stderr
    assert "more ranks" in answer.stderr
    answer = mpirun(2, "-m", "cosim.cli", "run", str(file), "--out", str(tmp_path / "two"), "--quiet")
    assert answer.returncode == 0, answer.stderr
