"""The FMU engine: the contract, what it gives against FMPy alone and against the model's equation, and what FMUs may do wrong."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

import cosim
from cosim.sdk import CosimError, Samples, Setup, Window
from cosim.sdk.contract import EngineContract
from tests.simulators import fmu_source

fmpy = pytest.importorskip("fmpy", reason="FMPy is not installed (extra: fmi)")
if shutil.which("gcc") is None:
    pytest.skip("gcc is not installed", allow_module_level=True)

from engines.fmu import Fmu  # noqa: E402
from engines.fmu.description import known_unit  # noqa: E402

MS = 1_000_000
VERSIONS = (2, 3)


@pytest.fixture(scope="session")
def muscles(tmp_path_factory):
    """The muscle for FMI 2 and 3, by version."""
    folder = tmp_path_factory.mktemp("fmu")
    return {version: fmu_source.build(version, folder / f"muscle{version}.fmu") for version in VERSIONS}


@pytest.fixture(params=VERSIONS, ids="fmi{}".format)
def muscle(request, muscles):
    return muscles[request.param]


def make(fmu, window_ms=1, **params):
    return Fmu(Fmu.Params(fmu=fmu, **params), Setup("muscle", round(window_ms * MS), 1))


def play(engine, window_ms, rows, port="force", drive="drive"):
    """What ``port`` gives for (steps,) of drive, a row a ms."""
    out = []
    for start in range(0, len(rows), window_ms):
        window = Window(start * MS, (start + window_ms) * MS)
        given = {drive: Samples(window, np.asarray(rows[start : start + window_ms], float)[:, None])}
        out.append(engine.advance(window, given)[port].values)
    engine.close()
    return np.concatenate(out)


def equation(drive, tau=0.05, gain=10.0):
    """The muscle's own equation, step by step."""
    force, forces = 0.0, []
    for value in drive:
        force += 0.001 / tau * (gain * value - force)
        forces.append(force)
    return np.array(forces)[:, None]


def changed(version, target, *changes):
    """The muscle with another modelDescription.xml."""
    text = (Path(fmu_source.__file__).parent / f"fmi{version}.xml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return fmu_source.build(version, target, text)


class _Muscle(EngineContract):
    engine, version = Fmu, 2
    one_window_ms, many_windows_ms = 60, 2
    bad_params = ({"step": 0}, {"start": {"gian": 3}}, {"inputs": ["force"]}, {"fmu": "nowhere.fmu"}, {"outputs": ["label"]})

    @pytest.fixture(autouse=True)
    def _params(self, muscles):
        type(self).params = Fmu.Params(fmu=muscles[self.version], start={"tau": "20 ms"})

    def make_inputs(self, port, window):
        found = super().make_inputs(port, window)
        return Samples(window, found.values + 1) if port.name == "mode" else found


class TestFmi2(_Muscle):
    version = 2


class TestFmi3(_Muscle):
    version = 3


del _Muscle


def test_ports_are_the_variables_of_the_file(muscle):
    ports = {port.name: port for port in Fmu.ports(Fmu.Params(fmu=muscle))}
    inputs = ["drive", "load", "units", "on", "mode"] + ["warmth"] * ("3" in muscle.name)
    assert list(ports) == [*inputs, "force", "tendon_stretch", "steps", "strained"]
    assert ports["force"].unit == "N"  # of its type
    assert ports["drive"].unit == "1"  # impulses are no unit that links know
    assert ports["load"].space.labels == ports["tendon_stretch"].space.labels == ("1", "2")
    assert {port.dt_ns for port in ports.values()} == {MS}


def test_the_file_is_read_without_fmpy(muscle):
    code = f"import sys; from engines.fmu import Fmu; Fmu.ports(Fmu.Params(fmu={str(muscle)!r})); assert 'fmpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_it_equals_fmpy_run_alone(muscles):
    rng = np.random.default_rng(4)
    drive, load = rng.uniform(0, 2, 50), rng.uniform(0, 5, (50, 2))
    description = fmpy.read_model_description(str(muscles[2]))
    alone = fmpy.instantiate_fmu(fmpy.extract(str(muscles[2])), description, "CoSimulation")
    alone.setupExperiment(startTime=0.0)
    alone.setReal([1], [7.0])
    alone.enterInitializationMode()
    alone.exitInitializationMode()
    expected = []
    for k in range(50):
        alone.setReal([0, 4, 5], [drive[k], *load[k]])
        alone.setInteger([8], [k % 4])
        alone.setBoolean([10], [k % 7 > 0])
        alone.doStep(k / 1000, 0.001)
        expected.append([*alone.getReal([3, 6, 7]), *alone.getInteger([9]), *alone.getBoolean([11])])
    alone.terminate()
    alone.freeInstance()

    for version in VERSIONS:
        engine, got, window = make(muscles[version], 50, start={"gain": 7}), [], Window(0, 50 * MS)
        steps = np.arange(50.0)[:, None]
        given = {"drive": drive[:, None], "load": load, "units": steps % 4 + 0.3, "on": (steps % 7 > 0) * 1.0}
        out = engine.advance(window, {name: Samples(window, rows) for name, rows in given.items()})
        got = np.hstack([out[name].values for name in ("force", "tendon_stretch", "steps", "strained")])
        engine.close()
        assert np.array_equal(got, expected)
    assert len(np.unique(got[:, -1])) == 2


@pytest.mark.parametrize("window_ms", [1, 2, 5, 10])
def test_a_row_acts_over_the_step_that_ends_at_its_time(muscle, window_ms):
    drive = np.zeros(20)
    drive[9] = 1.0  # the row at 10 ms, a window's last with all of these windows
    force = play(make(muscle, window_ms), window_ms, drive)
    assert not force[:9].any()
    assert force[9] == 0.001 / 0.05 * 10  # the row at 10 ms of the output knows it
    assert np.array_equal(force, equation(drive))


def test_a_row_that_is_longer_than_a_step_is_held(muscle):
    engine, window = make(muscle, 4), Window(0, 4 * MS)
    out = engine.advance(window, {"drive": Samples(window, np.array([[1.0], [3.0]]))})
    engine.close()
    assert np.array_equal(out["force"].values, equation([1, 1, 3, 3]))


def test_the_step_is_the_communication_step(muscle):
    engine, window = make(muscle, 2, step=MS // 2), Window(0, 2 * MS)
    out = engine.advance(window, {})
    engine.close()
    assert out["steps"].values.ravel().tolist() == [1, 2, 3, 4]
    with pytest.raises(CosimError, match="not a whole number of the 1 ms steps of the FMU muscle"):
        make(muscle, 1.5)


def test_what_no_link_feeds_keeps_its_start_value(muscle):
    engine, window = make(muscle, 3, start={"drive": 2.0, "mode": 2}), Window(0, 3 * MS)
    force = engine.advance(window, {})["force"].values
    engine.close()
    assert np.array_equal(force, equation([2, 2, 2], tau=0.025))


def test_start_values_take_units_and_arrays(muscles):
    engine, window = make(muscles[3], start={"tau": "25 ms", "gain": "0.02 kN", "load": [1.0, 2.0]}), Window(0, MS)
    out = engine.advance(window, {"drive": Samples(window, np.ones((1, 1)))})
    engine.close()
    force = equation([1], tau=0.025, gain=20)
    assert np.array_equal(out["force"].values, force)
    assert np.allclose(out["tendon_stretch"].values, [[1e-4 * (force[0, 0] - 1), 2e-4 * (force[0, 0] - 2)]], rtol=1e-15)
    with pytest.raises(CosimError, match="cannot be converted to s"):
        make(muscles[3], start={"tau": "3 kg"})


def test_a_structural_parameter_sets_the_size_of_arrays(muscles):
    params = {"start": {"size": 5}}
    ports = {port.name: port for port in Fmu.ports(Fmu.Params(fmu=muscles[3], **params))}
    assert ports["load"].space.labels == ("1", "2", "3", "4", "5")
    engine, window = make(muscles[3], **params), Window(0, MS)
    out = engine.advance(window, {"load": Samples(window, np.arange(5.0)[None])})
    engine.close()
    assert np.allclose(out["tendon_stretch"].values, [[-1e-4 * (i + 1) * i for i in range(5)]], rtol=1e-15, atol=0)


def test_ports_may_be_chosen_and_named(muscles):
    params = Fmu.Params(
        fmu=muscles[2],
        inputs={"both": ["load[2]", "drive"], "boost": "gain"},
        outputs=["tendon.stretch", "tau", "tendon.stretch[2]"],
        start={"drive": 1},
    )
    with pytest.raises(CosimError, match="port 'both' would carry Real in N and Real in 1"):
        Fmu.ports(params)
    params = params.model_copy(update={"inputs": {"last": ["load[2]"], "boost": "gain"}})
    ports = {port.name: port for port in Fmu.ports(params)}
    assert {name: port.space.labels for name, port in ports.items()} == {
        "last": ("2",), "boost": ("gain",), "tendon_stretch": ("1", "2"), "tau": ("tau",), "tendon_stretch_2": ("2",)
    }  # fmt: skip
    engine, window = Fmu(params, Setup("m", MS, 1)), Window(0, MS)
    out = engine.advance(window, {"last": Samples(window, np.array([[1.0]])), "boost": Samples(window, np.array([[50.0]]))})
    engine.close()
    assert np.allclose(out["tendon_stretch"].values, [[1e-4, 0]], rtol=1e-15)  # a tunable parameter acts as an input does
    assert out["tau"].values == 0.05


@pytest.mark.parametrize(
    ("written", "known"), [("m/s2", "m/s**2"), ("N.m", "N*m"), ("W/(m2.K)", "W/(m**2*K)"), ("degC", "degC"), ("impulses", "1")]
)
def test_units_are_read_as_fmi_writes_them(written, known):
    assert known_unit(written) == known


def test_whole_numbers_are_held_to_their_range(muscle):
    for port, value, message in (("units", 6, "from 0 to 5, and gets 6"), ("on", 2, "0 to 1"), ("mode", 0.4, "from 1 to 2")):
        engine = make(muscle)
        with pytest.raises(CosimError, match=message):
            play(engine, 1, [value], drive=port)
        engine.close()


def test_an_error_tells_what_the_fmu_said(muscle):
    engine = make(muscle, start={"limit": 3.0})
    with pytest.raises(CosimError, match=r"stops in the step from 2 ms") as told:
        play(engine, 1, [1, 2, 4])
    engine.close()
    assert "(error)" in told.value.why
    assert "the drive is 4, and the limit 3" in told.value.why
    with pytest.raises(CosimError, match="does not start") as told:
        make(muscle, start={"tau": 0})
    assert "tau is 0 s, and must be positive" in told.value.why


def test_a_discarded_step_tells_how_far_it_came(muscles):
    engine = make(muscles[2])
    with pytest.raises(CosimError, match="stops in the step from 1 ms") as told:
        play(engine, 1, [1, -1])
    engine.close()
    assert "(discard)" in told.value.why
    assert "it came to 0.00125 s" in told.value.why
    assert told.value.mend == "step: a shorter one"


def test_an_fmu_may_end_the_run(muscles):
    engine = make(muscles[3], start={"label": "mortal"})
    with pytest.raises(CosimError, match=r"asks to end the run at 0.011 s"):
        play(engine, 1, np.ones(20))
    engine.close()


def test_what_the_fmu_logs_reaches_the_log(muscles, caplog):
    caplog.set_level(logging.INFO)
    make(muscles[2], start={"label": "old"}, log=True).close()
    assert [(r.levelname, r.message) for r in caplog.records if "muscle2.fmu: " in r.message] == [
        ("INFO", "muscle2.fmu: a muscle is made"),
        ("WARNING", "muscle2.fmu: the muscle old is old"),
    ]


def test_the_guid_is_the_files(tmp_path):
    fmu = changed(2, tmp_path / "other.fmu", ('guid="{muscle}"', 'guid="{bone}"'))
    with pytest.raises(CosimError, match="does not start") as told:
        make(fmu)
    assert "the guid is {bone}, not {muscle}" in told.value.why


@pytest.mark.parametrize("version", VERSIONS)
def test_an_fmu_that_cannot_save_says_so(tmp_path, version):
    able = f' canGetAndSetFMU{"state" if version == 2 else "State"}="true"'
    engine = make(changed(version, tmp_path / "m.fmu", (able, "")))
    play(engine, 1, [1])
    with pytest.raises(CosimError, match="cannot save its state"):
        engine.save()
    with pytest.raises(CosimError, match="cannot save its state"):
        engine.load({"fmu": np.zeros(1, np.uint8)})


def test_without_a_step_in_the_file_one_is_asked_for(tmp_path):
    fmu = changed(2, tmp_path / "m.fmu", (' stepSize="0.001"', ""))
    with pytest.raises(CosimError, match="does not say in which steps it goes"):
        Fmu.ports(Fmu.Params(fmu=fmu))
    assert np.array_equal(play(make(fmu, step=MS), 1, [1, 2]), equation([1, 2]))
    fmu = changed(2, tmp_path / "m.fmu", ('stepSize="0.001"', 'stepSize="0.33333333333"'))
    with pytest.raises(CosimError, match="does not say in which steps") as told:
        Fmu.ports(Fmu.Params(fmu=fmu))
    assert "not a whole number of ns" in told.value.why


def test_what_is_no_cosimulation_fmu_is_refused(tmp_path):
    for change, message in (
        (("CoSimulation ", "ModelExchange "), "is of FMI 2.0, and offers ModelExchange"),
        (('fmiVersion="2.0"', 'fmiVersion="1.0"'), "is of FMI 1.0"),
        (("<fmiModelDescription", "<"), "is not an FMU"),
    ):
        fmu = changed(2, tmp_path / "m.fmu", change)
        with pytest.raises(CosimError, match=message):
            Fmu.ports(Fmu.Params(fmu=fmu))
    (tmp_path / "text.fmu").write_text("nothing")
    with pytest.raises(CosimError, match="is not an FMU"):
        Fmu.ports(Fmu.Params(fmu=tmp_path / "text.fmu"))


def test_a_missing_platform_names_those_that_are_there(muscle, monkeypatch):
    monkeypatch.setattr(fmpy, "platform", "win64")
    monkeypatch.setattr(fmpy, "platform_tuple", "x86_64-windows")
    with pytest.raises(CosimError, match=r"muscle\d.fmu has no program for (win64|x86_64-windows)") as told:
        make(muscle)
    assert "linux" in told.value.why


def test_wrong_names_are_told(muscle):
    for params, message, mend in (
        ({"start": {"tua": 1}}, "no variable 'tua'", "'tau'"),
        ({"inputs": ["drvie"]}, "no variable 'drvie'", "'drive'"),
        ({"inputs": ["force"]}, "'force' cannot be an input", "set it by start"),
        ({"outputs": ["label"]}, "'label' is a String", "set it by start"),
        ({"outputs": ["drive"]}, "two ports of muscle. are called 'drive'", "outputs: {other_drive"),
        ({"outputs": {"a.b": "force"}}, "'a.b' is no name for a port", "outputs: {port: 'force'}"),
    ):
        with pytest.raises(CosimError, match=message.replace("muscle.", r"muscle\d.fmu")) as told:
            Fmu.ports(Fmu.Params(fmu=muscle, **params))
        assert mend in told.value.mend
    with pytest.raises(ValidationError, match="does not exist"):
        Fmu.Params(fmu="nowhere.fmu")


def test_nothing_is_left_behind(muscle, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    engine = make(muscle)
    assert list(tmp_path.iterdir())
    engine.close()
    engine.close()
    with pytest.raises(CosimError, match="does not start"):
        make(muscle, start={"tau": 0})
    assert not list(tmp_path.iterdir())


def test_a_missing_fmpy_is_told(muscle, monkeypatch):
    monkeypatch.setitem(sys.modules, "fmpy", None)
    with pytest.raises(CosimError) as told:
        make(muscle)
    assert "neuro-cosim[fmi]" in told.value.mend


def test_a_scenario_gives_the_same_bits_in_one_process_and_in_two(muscles, tmp_path):
    (tmp_path / "scenario.yaml").write_text(f"""
cosim: 1
about: {{name: limb, description: A muscle that is driven}}
clock: {{stop: 100 ms, seed: 1}}
engines:
  input: {{use: player, window: 50 ms, params: {{values: [[0.5], [1.5]], dt: 50 ms}}}}
  muscle: {{use: fmu, window: 2 ms, params: {{fmu: {muscles[3]}, start: {{tau: 20 ms}}}}}}
  other: {{use: fmu, window: 10 ms, params: {{fmu: {muscles[2]}}}}}
links:
  drive: {{from: input.out, to: muscle.drive}}
  pull: {{from: muscle.force, to: other.load, delay: 10 ms}}
  back: {{from: other.force, to: muscle.load, delay: 10 ms}}
record: {{streams: [muscle.tendon_stretch]}}
""")
    runs = [
        cosim.run(tmp_path / "scenario.yaml", out=tmp_path / name, **how)
        for name, how in (("one", {"transport": "inline"}), ("two", {"transport": "zeromq", "processes": 2}))
    ]
    assert len(runs[0].hashes) == 3
    assert runs[0].hashes == runs[1].hashes
