"""What a scenario or a model of regions says wrongly is told, all at once and with a way to mend it; nothing of it is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from cosim.sdk import CosimError, Setup, Window
from cosim.sdk.errors import ScenarioError
from engines.neural_mass import NeuralMass

MS = 1_000_000
RING = {"weights": [[0.0, 1.0], [1.0, 0.0]], "delays": 0.0, "labels": ["a", "b"]}
SIX = {"generate": {"regions": 6, "seed": 3, "density": 0.6}}
PLAIN = """\
title: plain
states:
  x: {unit: mV, initial: 1}
parameters:
  tau: {unit: ms, default: 10}
  b: {unit: mV, default: 1, range: [0, null]}
  s: {unit: mV/s**0.5, default: 0}
  rest: {unit: mV, default: 3}
coupling:
  net: {unit: mV, sends: x}
derivatives:
  x: (net - x + b) / tau
noise:
  x: s
outputs:
  out: {value: x, unit: mV}
  above: {value: x - rest, unit: mV}
  drawn: {value: b, unit: mV}
  tau: {value: 2 * x, unit: mV}
"""
SIGMOID = """\
title: sigmoid
states:
  x: {unit: mV, initial: 8}
  turn: {initial: 1}
parameters:
  T: {unit: s, default: 1}
coupling:
  net: {unit: Hz, sends: x, function: sigmoidal, sends_unit: mV, midpoint: 6, slope: 1, height: 10}
derivatives:
  x: 0 * x * net
  turn: 0 * turn / T
outputs:
  c: {value: net, unit: Hz}
"""


@pytest.fixture
def plain(tmp_path):
    return write(tmp_path, PLAIN)


def write(folder: Path, text: str, *changes: tuple[str, str]) -> str:
    """A model's file, with some text changed."""
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def build(duration_ms=1, **params):
    return NeuralMass(NeuralMass.Params(**params), Setup("brain", round(duration_ms * MS), 1, {}, {}))


def run(duration_ms=1, **params):
    """The last row of every port."""
    rows = build(duration_ms, **params).advance(Window(0, round(duration_ms * MS)), {})
    return {name: payload.values[-1] for name, payload in rows.items()}


def faults(is_from_file=False, **params):
    """Place and text of every fault that the parameters have."""
    with pytest.raises(ValidationError) as caught:
        NeuralMass.Params.model_validate(params, context={"from_file": True} if is_from_file else None)
    told = caught.value.errors()
    return {".".join(map(str, item["loc"])): " ".join([item["msg"], *map(str, item.get("ctx", {}).values())]) for item in told}


def refused(**params):
    """The fault that the ports have."""
    with pytest.raises(CosimError) as caught:
        NeuralMass.ports(NeuralMass.Params(**params))
    return caught.value


# -- one value, one instruction --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "place", "told"),
    [
        ({"vary": ["b"], "changes": [{"at": 0, "parameter": "b", "to": 2.0}]}, "vary", "b is in vary and in changes"),
        ({"vary": ["b"], "replicas": 2, "sweep": {"b": [1.0, 2.0]}}, "vary", "b is in vary and in sweep"),
        ({"vary": ["b"], "tune": {"parameter": "b", "output": "out", "target": 3.0}}, "vary", "b is in vary and in tune"),
        (
            {"replicas": 2, "sweep": {"b": [1.0, 2.0]}, "tune": {"parameter": "b", "output": "out", "target": 3.0}},
            "tune",
            "b is in tune and in sweep",
        ),
        ({"vary": ["b", "b"]}, "vary", "b is named twice"),
        ({"outputs": ["x", "out", "x"]}, "outputs", "x is named twice"),
    ],
)
def test_two_instructions_for_one_value_are_refused(plain, given, place, told):
    assert told in faults(model=plain, connectome=RING, **given)[place]


def test_a_start_and_a_past_are_refused_together(plain, tmp_path):
    np.savez(tmp_path / "past.npz", x=np.ones((1, 2)))
    given = {"model": plain, "connectome": RING, "history": str(tmp_path / "past.npz")}
    NeuralMass.Params(**given)
    assert "initial and history" in faults(**given, initial={"x": 2.0})["initial"]


def test_instructions_for_different_values_stand_together(plain):
    tune = {"parameter": "b", "output": "out", "target": 3.0}
    changes = [{"at": 0, "parameter": "b", "to": 2.0}]  # a tuned parameter may change later on
    NeuralMass.Params(model=plain, connectome=RING, vary=["tau"], tune=tune, changes=changes, replicas=2, sweep={"G": [0.0, 0.1]})


# -- numbers ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("1 mV", "mV cannot be converted to 1"),
        ([1.0, "2 s"], "s cannot be converted to 1"),
        ({"default": 1.0, "a": None}, "None is not a number"),
        (True, "True is not a number"),
        (10**400, "is not finite"),
        ("1e400", "is not finite"),
    ],
)
def test_a_coupling_that_cannot_be_read_has_one_fault(given, told):
    found = faults(connectome=RING, G=given)
    assert list(found) == ["G"]
    assert told in found["G"]


def test_a_coupling_is_one_number_or_one_a_region_or_by_region():
    for given in (2, 2.0, "2", np.float64(2), [2, 2.0], {"a": 2, "b": "2"}, {"default": 2.0}):
        value = NeuralMass.Params(connectome=RING, G=given).G
        assert np.all(np.array(list(value.values()) if isinstance(value, dict) else value) == 2.0)


def test_a_sweep_over_nothing_is_refused():
    assert "at least 1 item" in faults(connectome=RING, sweep={"G": []})["sweep.G"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"shape": "constant", "period": 5 * MS}, "constant has no period"),
        ({"shape": "ramp", "stop": 5 * MS, "period": 5 * MS}, "ramp has no period"),
        ({"shape": "sine", "period": 5 * MS, "width": MS}, "sine has no width"),
        ({"shape": "pulses", "period": 5 * MS, "width": 6 * MS}, "6 ms is longer than the period, 5 ms"),
    ],
)
def test_a_stimulus_with_what_its_shape_does_not_have_is_refused(given, told):
    assert told in faults(connectome=RING, stimuli=[{"target": "current", "amplitude": 1.0, **given}])["stimuli.0"]


# -- couplings and their units ---------------------------------------------------------------------------------------------


def logistic(x):
    return 1 / (1 + np.exp(-x))


def test_midpoint_and_slope_are_in_the_unit_of_what_is_sent(tmp_path):
    """10 Hz / (1 + exp(-(8 mV - 6 mV) / 1 mV)), whatever the unit of what is sent."""
    expected = 10 * logistic(2.0)
    assert run(model=write(tmp_path, SIGMOID), connectome=RING)["c"] == pytest.approx(expected, rel=1e-12)
    micro = write(tmp_path, SIGMOID, ("sends_unit: mV, midpoint: 6, slope: 1,", "sends_unit: uV, midpoint: 6000, slope: 1000,"))
    assert run(model=micro, connectome=RING)["c"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (", sends_unit: mV", "", "say sends_unit: mV"),
        ("sends_unit: mV", "sends_unit: ms", "x is in V, not in ms"),
        ("sends_unit: mV", "sends_unit: mVolt", "'mVolt' is not a unit"),
        ("sends: x, function: sigmoidal, sends_unit: mV", "sends: turn, function: kuramoto", "write strength: 1 Hz"),
    ],
)
def test_a_term_whose_unit_would_be_guessed_is_refused(tmp_path, old, new, told):
    assert told in faults(model=write(tmp_path, SIGMOID, (old, new)), connectome=RING)["model"]


def test_a_coupling_has_its_own_midpoint_slope_and_height(tmp_path):
    model = write(tmp_path, SIGMOID)
    own = {"midpoint": "0.007 V", "slope": "500 uV", "height": "0.02 kHz", "strength": 3.0}
    expected = 3 * 20 * logistic((8 - 7) / 0.5)
    assert run(model=model, connectome=RING, couplings={"net": own})["c"] == pytest.approx(expected, rel=1e-12)
    plain_numbers = {"midpoint": 7.0, "slope": 0.5, "height": 20.0, "strength": "3"}
    assert run(model=model, connectome=RING, couplings={"net": plain_numbers})["c"] == pytest.approx(expected, rel=1e-12)
    bare = {"sends": "turn", "midpoint": 0.5, "slope": 2.0}  # what is sent is a bare number, and so are these
    expected = 10 * logistic((1 - 0.5) / 2)
    assert run(model=model, connectome=RING, couplings={"net": bare})["c"] == pytest.approx(expected, rel=1e-12)


def test_the_strength_of_phases_makes_the_term(tmp_path):
    """3 Hz sin(theta_j - theta_i), as 0.003 kHz is."""
    model, start = write(tmp_path, SIGMOID), {"turn": [0.0, 1.0]}
    for strength in ("3 Hz", "0.003kHz", "3 /s"):
        pull = {"sends": "turn", "function": "kuramoto", "strength": strength}
        found = run(model=model, connectome=RING, couplings={"net": pull}, initial=start)["c"]
        assert found == pytest.approx([3 * np.sin(1), -3 * np.sin(1)], rel=1e-12)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"strength": "2 mV"}, "the strength is in V"),
        ({"strength": "nan"}, "strength: 'nan' is not a number with a unit"),
        ({"strength": "1e999"}, "strength: '1e999' is not a number"),
        ({"strength": "1 banana"}, "strength: 'banana' is not a unit"),
        ({"midpoint": "6 Hz"}, "midpoint is in 1/s, what is sent in V"),
        ({"height": "6 mV"}, "height is in V, the term in 1/s"),
        ({"slope": "-1 mV"}, "slope is -1 mV"),
        ({"sends": "turn", "midpoint": "1 mV"}, "midpoint is in V, what is sent in a bare number"),
        ({"function": "kuramoto", "sends": "turn"}, "kuramoto gives a bare number"),
        ({"function": "kuramoto", "sends": "turn", "strength": "3 s"}, "write strength: 1 Hz"),
        ({"function": "kuramoto", "sends": "turn", "strength": "3 Hz", "midpoint": 1.0}, "kuramoto has no midpoint"),
        ({"function": "linear"}, "give strength a unit of"),
        ({"function": "linear", "sends": "turn / T", "strength": "2 mV"}, "write strength as a bare number"),
        ({"sends": "x # potential"}, "has a comment in it"),
    ],
)
def test_a_coupling_whose_units_do_not_fit_is_refused(tmp_path, given, told):
    assert told in str(refused(model=write(tmp_path, SIGMOID), connectome=RING, couplings={"net": given}))


def test_a_term_that_sends_another_unit_needs_units_with_its_numbers(tmp_path):
    text = write(tmp_path, SIGMOID, ("sends: x, function: sigmoidal, sends_unit: mV", "sends: turn, function: sigmoidal"))
    given = {"model": text, "connectome": RING}
    assert "midpoint is in a bare number, what is sent in V" in str(refused(**given, couplings={"net": {"sends": "x"}}))
    own = {"sends": "x", "midpoint": "6 mV", "slope": "1 mV"}
    assert run(**given, couplings={"net": own})["c"] == pytest.approx(10 * logistic(2.0), rel=1e-12)


def test_numbers_of_a_coupling_in_a_file_have_units(tmp_path):
    shared = {"model": write(tmp_path, SIGMOID), "connectome": {**RING, "delays": "0 ms"}}

    def from_file(own):
        return NeuralMass.Params.model_validate({**shared, "couplings": {"net": own}}, context={"from_file": True})

    with pytest.raises(CosimError, match="midpoint is in a bare number, what is sent in V"):
        NeuralMass.ports(from_file({"midpoint": 6}))
    NeuralMass.ports(from_file({"midpoint": 0, "slope": "1mV", "strength": 2}))
    assert "True is not a number" in faults(**shared, couplings={"net": {"strength": True}})["couplings.net.strength"]


def test_the_faults_of_all_couplings_are_told_at_once():
    error = refused(
        connectome=SIX,
        couplings={"one": {}, "two": {"term": "network", "sends": "p + w"}, "three": {"term": "network", "connectome": RING}},
    )
    assert isinstance(error, ScenarioError)
    assert [fault.what.split(":")[0] for fault in error.faults] == ["coupling 'one'", "coupling 'two'", "coupling 'three'"]
    assert "no symbol 'p' and 'w'" in str(error)


# -- the file of a model ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("states:\n", "states:\n\ty: 1\n", "mine.yaml:3: found character"),
        ("noise:\n", "title: again\nnoise:\n", 'mine.yaml:13: found duplicate key "title"'),
        pytest.param("title: plain", "title: " + "[" * 900 + "]" * 900, "it is nested too deep", id="deep"),
        ("title: plain", "title: 2021-99-99", "month must be in 1..12"),
        ("title: plain", "title: !!bool x", "mine.yaml cannot be read"),
    ],
)
def test_a_file_that_is_no_yaml_is_told_with_its_line(tmp_path, old, new, told):
    assert told in faults(model=write(tmp_path, PLAIN, (old, new)), connectome=RING)["model"]


def test_what_regions_send_is_told_beside_all_other_faults(tmp_path):
    path = write(tmp_path, PLAIN, ("sends: x", "sends: xx"), ("  x: s\n", "  x: ss\n"), ("unit: ms", "unit: mss"))
    told = faults(model=path, connectome=RING)["model"]
    assert all(word in told for word in ("mine.yaml:10", "'xx'", "mine.yaml:14", "'ss'", "mine.yaml:5", "'mss'"))


# -- tuning ----------------------------------------------------------------------------------------------------------------


def tuned(plain, **tune):
    return run(5, model=plain, connectome=RING, G=0.1, tune={"parameter": "b", "output": "out", **tune})


def test_a_target_is_given_for_every_region(plain):
    with pytest.raises(CosimError, match=r"tune\.target leaves out b\n"):
        tuned(plain, target={"a": 3.0})
    drawn = tuned(plain, target={"a": 3.0, "b": "0.002 V"})["drawn"]
    assert drawn == pytest.approx([3 - 0.2, 2 - 0.3], rel=1e-9)  # b_i = x_i - G x_j
    assert tuned(plain, target={"a": 3.0, "default": 2.0})["drawn"] == pytest.approx(drawn, rel=1e-12)


@pytest.mark.parametrize("method", ["fixed_point", "iterative"])
def test_a_value_beyond_the_bounds_of_its_parameter_is_no_solution(plain, method):
    with pytest.raises(CosimError, match=r"region a would need -2\.7 mV") as caught:
        tuned(plain, target=-3.0, method=method)
    assert caught.value.why == "it must be at least 0"


def test_a_target_of_zero_is_reached_at_rest(plain):
    """At the parameter's own bound, b = 0 but for rounding."""
    assert tuned(plain, target=0.0)["drawn"] == pytest.approx(0.0, abs=1e-9)


def test_a_target_of_zero_is_reached_by_simulating(plain):
    """From far below, so that the average of a first simulation, with b = 2.7 mV as at rest, misses it."""
    given = {"model": plain, "connectome": RING, "G": 0.1, "initial": {"x": -500.0}, "outputs": ["above", "drawn"]}
    tune = {"parameter": "b", "output": "above", "target": 0.0, "method": "iterative", "duration": 500 * MS, "tolerance": 0.001}
    rows = build(500, **given, tune=tune).advance(Window(0, 500 * MS), {})
    assert np.abs(rows["above"].values[500:].mean(axis=0)).max() <= 0.001
    assert rows["drawn"].values[0].min() > 2.71
    with pytest.raises(CosimError, match="tune needs a tolerance"):
        run(5, **given, tune={key: value for key, value in tune.items() if key != "tolerance"})


@pytest.mark.parametrize(
    ("given", "place", "told"),
    [
        ({"method": "iterative", "duration": 999_999}, "tune.duration", "less than ten steps"),
        ({"method": "iterative", "tolerance": -1.0}, "tune.tolerance", "must be more than 0"),
        ({"method": "iterative", "tolerance": "1 s"}, "tune.tolerance", "s cannot be converted to mV"),
        ({"tolerance": 1.0}, "tune", "tolerance is of method iterative"),
        ({"duration": 100 * MS}, "tune", "duration is of method iterative"),
        ({"at_most": 3}, "tune", "at_most is of method iterative"),
        ({"target": "3 s"}, "tune.target", "s cannot be converted to mV"),
    ],
)
def test_settings_of_tuning_that_cannot_be_or_do_nothing_are_refused(plain, given, place, told):
    tune = {"parameter": "b", "output": "out", "target": 3.0, **given}
    assert told in faults(model=plain, connectome=RING, tune=tune)[place]


def test_settings_that_were_written_out_in_full_are_read_again(plain):
    given = NeuralMass.Params(model=plain, connectome=RING, tune={"parameter": "b", "output": "out", "target": 3.0})
    assert NeuralMass.Params(**given.model_dump()) == given


def test_an_output_goes_before_a_parameter_of_its_name(plain):
    """The output tau is 2 x in mV; the parameter tau is in ms."""
    given = {"model": plain, "connectome": RING, "G": 0.1, "outputs": ["drawn"]}
    found = run(5, **given, tune={"parameter": "b", "output": "tau", "target": "0.006 V"})["drawn"]
    assert found == pytest.approx(3 - 0.3, rel=1e-9)
    tune = {"parameter": "b", "output": "tau", "target": "6 ms"}
    assert "ms cannot be converted to mV" in faults(**given, tune=tune)["tune.target"]
    assert run(1, **given, parameters={"tau": "20 ms"})["drawn"] == pytest.approx(1.0)


# -- a model in words ------------------------------------------------------------------------------------------------------


def test_a_model_is_told_with_its_clamps_and_the_numbers_of_its_couplings(tmp_path):
    clamped = ("x: {unit: mV, initial: 8}", "x: {unit: mV, initial: 8, range: [0, null], clamp: [-5, 50]}")
    told = NeuralMass.describe_model(write(tmp_path, SIGMOID, clamped))
    assert "x >= 0, kept at -5 <= x <= 50" in told
    assert "midpoint 6 mV, slope 1 mV, height 10 Hz" in told
    assert "midpoint" not in NeuralMass.describe_model("linear")


def test_a_file_of_the_user_s_is_told_by_its_name_wherever_it_is(tmp_path):
    (tmp_path / "models").mkdir()
    assert "(model: mine.yaml)" in NeuralMass.describe_model(write(tmp_path / "models", PLAIN))
    assert "(model: linear)" in NeuralMass.describe_model("linear")
