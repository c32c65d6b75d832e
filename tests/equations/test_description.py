"""Descriptions of models: what is read, every fault with its line, all at once, and nothing of a user's text is ever run."""

from __future__ import annotations

import numpy as np
import pytest

from cosim.sdk import CosimError, Setup, Window
from cosim.sdk.errors import ScenarioError
from engines.equations.description import Description, read_description
from engines.equations.dimensions import of_unit
from engines.neural_mass import NeuralMass
from engines.neural_mass.description import RegionDescription

MODEL = """\
title: A model
states:
  r: {unit: Hz, initial: 1, about: rate}
  v: {unit: mV}
parameters:
  tau: {unit: ms, default: 10}
  gain:
    unit: Hz/mV
    default: 2
inputs:
  drive: {unit: Hz}
expressions:
  total: drive + gain * v
  pull: (total - r) / tau
derivatives:
  r: pull
  v: -v / tau
noise:
  v: gain * 0 * v * tau**0.5 * 0 + noise_size
outputs:
  rate: {value: r + drive, unit: Hz}
"""
MODEL = MODEL.replace("  v: gain * 0 * v * tau**0.5 * 0 + noise_size\n", "  v: v / tau**0.5\n")


def read(tmp_path, text=MODEL, kind=Description):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return read_description(path, kind)


def faults(tmp_path, *changes, kind=Description):
    """(line, what) of every fault of the model with some text changed."""
    text = MODEL
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    with pytest.raises(CosimError) as caught:
        read(tmp_path, text, kind)
    found = caught.value.faults if isinstance(caught.value, ScenarioError) else [caught.value]
    for fault in found:
        assert fault.where.startswith("mine.yaml:")
    return [(int(fault.where.split(":")[1].split()[0]), str(fault)) for fault in found]


def test_a_model_is_read_with_its_equations_in_order(tmp_path):
    description, equations = read(tmp_path)
    assert description.states["r"].initial == 1.0
    assert description.given() == {"r": "Hz", "v": "mV", "tau": "ms", "gain": "Hz/mV", "drive": "Hz"}
    assert list(equations.expressions) == ["total", "pull"]
    assert equations.dimensions["pull"] == of_unit("Hz/s")
    assert equations.needed(equations.derivatives["r"]) == ["total", "pull"]
    assert equations.needed(equations.derivatives["v"]) == []
    assert equations.symbols_of(equations.derivatives["r"]) == {"drive", "gain", "v", "r", "tau"}
    assert equations.derivatives["v"].where == "mine.yaml:17  derivatives.v"


def test_named_expressions_may_stand_in_any_order(tmp_path):
    swapped = MODEL.replace("  total: drive + gain * v\n", "").replace("derivatives:", "  total: drive + gain * v\nderivatives:")
    assert list(read(tmp_path, swapped)[1].expressions) == ["total", "pull"]


def test_a_derivative_in_an_expression_is_worked_out_and_has_its_dimension(tmp_path):
    text = MODEL.replace("derivatives:\n", "  bend: derivative(derivative(pull**2, v), r)\nderivatives:\n")
    _, equations = read(tmp_path, text)
    assert equations.dimensions["bend"] == of_unit("Hz/s**2/mV")
    values = {"drive": 0.3, "gain": 2.0, "v": 0.7, "tau": 0.5, "r": 1.1}
    for name, expression in equations.expressions.items():
        values[name] = expression.value(values)
    assert values["bend"] == pytest.approx(-2 * 2.0 / 0.5**2, rel=1e-14)


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        # YAML
        ("  v: {unit: mV}\n", "  v: {unit: mV\n", 5, ""),
        ("title: A model\n", "title: [A model\n", 2, ""),
        ("  v: {unit: mV}\n", "  v: {unit: mV}\n  v: {unit: V}\n", 5, 'duplicate key "v"'),
        ("derivatives:\n", "derivatives:\n\tr: 1\n", 16, "cannot start any token"),
        # keys
        ("unit: ms, default", "unitt: ms, default", 6, "did you mean 'unit'?"),
        ("inputs:\n  drive: {unit: Hz}\n", "imputs:\n  drive: {unit: Hz}\n", 10, "did you mean 'inputs'?"),
        ("title: A model\n", "", 1, "title is missing"),
        ("derivatives:\n  r: pull\n  v: -v / tau\n", "", 1, "derivatives is missing"),
        ("unit: ms, default: 10", "unit: ms", 6, "default is missing"),
        ("    default: 2\n", "    default: two\n", 9, "number"),
        ("    default: 2\n", "    default: .inf\n", 9, "finite"),
        ("  total: drive + gain * v\n", "  total: [drive, gain]\n", 13, "expressions.total"),
        ("states:\n  r: {unit: Hz, initial: 1, about: rate}\n  v: {unit: mV}\n", "states: {}\n", 2, "at least 1 item"),
        # symbols
        ("drive + gain * v", "drive + gain * w", 13, "there is no symbol 'w'"),
        ("drive + gain * v", "drive + gian * v", 13, "did you mean 'gain'?"),
        ("  drive: {unit: Hz}", "  tau: {unit: Hz}", 11, "'tau' is already one of parameters"),
        ("  pull: (total", "  gain: (total", 14, "'gain' is already one of parameters"),
        ("  tau: {unit: ms, default: 10}", "  exp: {unit: ms, default: 10}", 6, "'exp' is taken"),
        ("  tau: {unit: ms, default: 10}", "  pi: {unit: ms, default: 10}", 6, "'pi' is taken"),
        ("  tau: {unit: ms, default: 10}", "  dt: {unit: ms, default: 10}", 6, "'dt' is taken"),
        ("  tau: {unit: ms, default: 10}", "  derivative: {unit: ms, default: 10}", 6, "'derivative' is taken"),
        ("  tau: {unit: ms, default: 10}", "  lambda: {unit: ms, default: 10}", 6, "'lambda' is no symbol"),
        ("  tau: {unit: ms, default: 10}", "  τ: {unit: ms, default: 10}", 6, "'τ' is no symbol"),
        ("  tau: {unit: ms, default: 10}", "  tau-m: {unit: ms, default: 10}", 6, "'tau-m' is no symbol"),
        ("  tau: {unit: ms, default: 10}", "  2: {unit: ms, default: 10}", 6, "'2' is no symbol"),
        # expressions
        ("  total: drive + gain * v\n", "  total: drive + gain * v + total - total\n", 13, "in a circle: total -> total"),
        ("  total: drive + gain * v\n", "  total: drive + pull * tau\n", 13, "in a circle"),
        ("(total - r) / tau", "(total - r) /", 14, "cannot be read"),
        ("(total - r) / tau", "(total - r.real) / tau", 14, "has no place"),
        ("(total - r) / tau", "(total - r) / tau + derivative(gain, r) * r", 14, "derivative(gain, r) is 0 everywhere"),
        ("  v: -v / tau\n", "  v: -v / tau + derivative(pull, r) * v\n", 17, "derivative has no place here"),
        # states
        ("  v: -v / tau\n", "", 4, "state 'v' has no derivative"),
        ("  v: -v / tau\n", "  v: -v / tau\n  w: v / tau\n", 18, "'w' is no state"),
        ("  v: v / tau**0.5\n", "  tau: v / tau**0.5\n", 19, "'tau' is no state"),
        # dimensions
        ("drive + gain * v", "drive + v", 13, "drive + v adds 1/s and V"),
        ("  v: -v / tau\n", "  v: -v\n", 17, "-v is in V"),
        ("  v: -v / tau\n", "  v: 1\n", 17, "the derivative of v is in V/s"),
        ("  v: v / tau**0.5\n", "  v: v / tau\n", 19, "noise of v is in"),
        ("value: r + drive, unit: Hz", "value: r * tau, unit: Hz", 21, "Hz, the unit of rate, is in 1/s"),
        ("  v: {unit: mV}\n", "  v: {unit: mVolt}\n", 4, "'mVolt' is not a unit"),
        ("value: r + drive, unit: Hz", "value: r, unit: hertzes", 21, "'hertzes' is not a unit"),
        # names of outputs
        ("  rate: {value", "  r/s: {value", 21, "'r/s' is no name of an output"),
        ("  rate: {value", "  lambda: {value", 21, "'lambda' is no name of an output"),
        ("  rate: {value", "  \ufb01: {value", 21, "'\ufb01' is no name of an output"),
        # a model's own numbers
        ("unit: ms, default: 10", "unit: ms, default: 10, range: [20, 30]", 6, "it must be from 20 to 30"),
        ("unit: ms, default: 10", "unit: ms, default: 10, range: [null, 5]", 6, "it must be at most 5"),
        ("unit: ms, default: 10", "unit: ms, default: 0, positive: true", 6, "it must be more than 0"),
        ("unit: ms, default: 10", "unit: ms, default: 10, range: [30, 20]", 6, "range of tau is from 30 to 20"),
        ("unit: Hz, initial: 1,", "unit: Hz, initial: 1, range: [2, null],", 3, "it must be at least 2"),
        ("unit: Hz, initial: 1,", "unit: Hz, initial: 1, clamp: [3, 5],", 3, "initial of r is 1 Hz"),
        ("  v: {unit: mV}\n", "  v: {unit: mV, clamp: [3, 2]}\n", 4, "clamp of v is from 3 to 2"),
        # comments
        ("(total - r) / tau", "'(total - r) / tau # per time'", 14, "has a comment in it"),
    ],
)
def test_each_fault_is_told_with_its_line(tmp_path, old, new, line, told):
    found = faults(tmp_path, (old, new))
    assert line in [number for number, _ in found], found
    assert any(told in text for number, text in found if number == line), found


def test_all_faults_are_told_at_once_and_none_that_only_follows(tmp_path):
    found = faults(
        tmp_path,
        ("  v: {unit: mV}\n", "  v: {unit: mVolt}\n"),
        ("drive + gain * v", "drive + gian * v"),
        ("  r: pull\n", "  r: pull + 1\n"),
        ("  v: -v / tau\n", "  v: -v / tau\n  w: 0\n"),
        ("  tau: {unit: ms, default: 10}", "  tau: {unit: ms, default: 10}\n  exp: {default: 1}"),
        ("value: r + drive, unit: Hz", "value: r == drive, unit: Hz"),
    )
    assert [line for line, _ in sorted(found)] == [4, 7, 14, 19, 23]
    assert "gian" in str(found)


def test_faults_of_numbers_and_names_are_told_with_the_others(tmp_path):
    found = faults(
        tmp_path,
        ("unit: Hz, initial: 1,", "unit: Hz, initial: 1, clamp: [3, 5],"),
        ("unit: ms, default: 10", "unit: ms, default: 10, range: [30, 20]"),
        ("  r: pull\n", "  r: pulll\n"),
        ("  rate: {value", "  r/s: {value"),
    )
    assert [line for line, _ in sorted(found)] == [3, 6, 16, 21]


def test_a_number_within_its_bounds_is_none_too_few(tmp_path):
    text = MODEL.replace("unit: ms, default: 10", "unit: ms, default: 10, range: [10, 10], positive: true")
    read(tmp_path, text.replace("unit: Hz, initial: 1,", "unit: Hz, initial: 1, range: [null, 1], clamp: [1, null],"))


def test_all_unknown_and_missing_keys_are_told_at_once(tmp_path):
    found = faults(tmp_path, ("title: A model", "titel: A model"), ("unit: ms, default", "unit: ms, deflaut"))
    assert sorted(line for line, _ in found) == [1, 1, 6, 6]


def test_a_state_may_stand_still(tmp_path):
    read(tmp_path, MODEL.replace("  v: -v / tau\n", "  v: 0\n"))


def test_lines_are_right_in_folded_text_anchors_and_flow_mappings(tmp_path):
    text = MODEL.replace("  total: drive + gain * v\n", "  total: >-\n    drive\n    + gain * v\n  later: total + v\n")
    text = text.replace(
        "  drive: {unit: Hz}\n", "  drive: &rate {unit: Hz}\n  other: *rate\n  third: {<<: *rate, about: x, unitt: s}\n"
    )
    with pytest.raises(ScenarioError) as caught:
        read(tmp_path, text)
    assert [fault.where for fault in caught.value.faults] == ["mine.yaml:13  inputs.third.unitt"]
    with pytest.raises(ScenarioError) as caught:
        read(tmp_path, text.replace(", unitt: s", ""))
    assert [fault.where for fault in caught.value.faults] == ["mine.yaml:18  expressions.later"]


def test_a_file_that_is_empty_or_missing_or_no_text_is_told(tmp_path):
    with pytest.raises(CosimError, match="no mapping of sections"):
        read(tmp_path, "")
    with pytest.raises(CosimError, match="no mapping of sections"):
        read(tmp_path, "- a\n- b\n")
    (tmp_path / "mine.yaml").write_bytes(b"title: \xff\xfe\n")
    with pytest.raises(CosimError, match=r"mine\.yaml cannot be read"):
        read_description(tmp_path / "mine.yaml", Description)
    with pytest.raises(CosimError, match=r"gone\.yaml cannot be read"):
        read_description(tmp_path / "gone.yaml", Description)


def test_a_file_that_changes_is_read_again_however_soon(tmp_path):
    import os

    path = tmp_path / "mine.yaml"
    defaults = []
    for default in ("10", "20", "30"):
        path.write_text(MODEL.replace("default: 10", f"default: {default}"))
        os.utime(path, ns=(1, 1))  # as coarse as clocks of file systems may be
        defaults.append(read_description(path, Description)[0].parameters["tau"].default)
    assert defaults == [10.0, 20.0, 30.0]


def test_a_file_that_did_not_change_is_the_same_object(tmp_path):
    assert read(tmp_path)[0] is read(tmp_path)[0]


def test_the_engines_own_symbol_is_refused(tmp_path):
    found = faults(
        tmp_path, ("  tau: {unit: ms, default: 10}", "  tau: {unit: ms, default: 10}\n  G: {default: 1}"), kind=RegionDescription
    )
    assert [line for line, _ in found] == [7]


# -- text that would do harm -------------------------------------------------------------------------------------------

ALONE = {"weights": [[0.0, 0.0], [1.0, 0.0]], "delays": 1.0}
HARMLESS = """\
title: TITLE
about: ABOUT
references: [ABOUT]
states: {x: {unit: "1", initial: 1, about: ABOUT}}
parameters: {tau: {unit: ms, default: 10, about: ABOUT, source: ABOUT}}
inputs: {drive: {quantity: current, about: ABOUT}}
coupling: {network: {sends: x, about: ABOUT}}
derivatives: {x: (EXPRESSION + drive + network - x) / tau}
outputs: {out: {value: x, about: ABOUT}}
"""


def run_model(path, **params):
    given = NeuralMass.Params(model=str(path), connectome=ALONE, **params)
    window = Window(0, 1_000_000)
    return NeuralMass(given, Setup("brain", window.length_ns, 1, {}, {})).advance(window, {})["out"].values


@pytest.mark.parametrize(
    "quoted",
    [
        '"""\\nopen({canary!r}, "w")\\n"""',
        "'''\\nopen({canary!r}, 'w')\\n'''",
        '\\\\"""\\nopen({canary!r}, "w")\\n#',
        "{{x}} %s {{0}}",
    ],
)
def test_text_that_closes_a_string_never_gets_into_code(tmp_path, quoted):
    canary = tmp_path / "canary"
    text = quoted.encode().decode("unicode_escape").format(canary=str(canary))
    from io import StringIO

    from ruamel.yaml import YAML

    told = YAML(typ="safe").load(HARMLESS.replace("EXPRESSION", "0"))

    def poisoned(node):
        if isinstance(node, dict):
            return {key: poisoned(value) for key, value in node.items()}
        if isinstance(node, list):
            return [poisoned(value) for value in node]
        return text if node in ("TITLE", "ABOUT") else node

    stream = StringIO()
    YAML(typ="safe").dump(poisoned(told), stream)
    path = tmp_path / "mine.yaml"
    path.write_text(stream.getvalue())
    assert np.isfinite(run_model(path)).all()
    assert not canary.exists()


HARM = [
    "a = 0.0\nwith types.errors.numba.objmode():\n    open({canary!r}, 'w')\nq",
    "x = open({canary!r}, 'w')",
    '"""\nopen({canary!r}, \'w\')\n"""',
    "a b",
]


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize(
    "section", ["states", "parameters", "inputs", "coupling", "expressions", "derivatives", "noise", "outputs"]
)
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_key_of_a_model_is_a_plain_name(tmp_path, harm, section, depth):
    """Of the file, of a section, of an entry: one more key, which no equation names."""
    import json

    from ruamel.yaml import YAML

    canary, path = tmp_path / "canary", tmp_path / "mine.yaml"
    known = {"default": 1, "sends": "x", "value": "x"}
    needed = {"parameters": ("default",), "coupling": ("sends",), "outputs": ("value",)}
    entry = "x" if section in ("expressions", "derivatives", "noise") else {key: known[key] for key in needed.get(section, ())}
    model = YAML(typ="safe").load(HARMLESS.replace("EXPRESSION", "0"))
    node = model if depth == 0 else model.setdefault(section, {})
    if depth == 2:
        node = next((item for item in node.values() if isinstance(item, dict)), node)
    node[harm.format(canary=str(canary))] = entry
    path.write_text(json.dumps(model))  # which is YAML
    with pytest.raises(Exception, match="has faults") as caught:
        run_model(path)
    assert "mend the YAML" not in str(caught.value)
    assert not canary.exists()


@pytest.mark.parametrize(
    "harm",
    [
        "__import__('os').system('touch {canary}')",
        "open('{canary}', 'w')",
        "(lambda: open('{canary}', 'w'))()",
        "exec('open(\\'{canary}\\', \\'w\\')')",
        "x if open('{canary}', 'w') else 1",
        "[open('{canary}', 'w') for x in (1,)][0]",
        "exp(open('{canary}', 'w'))",
        "x.__class__.__base__.__subclasses__()",
        "1\n\nopen('{canary}', 'w')",
    ],
)
def test_code_in_an_expression_is_refused_and_not_run(tmp_path, harm):
    canary, path = tmp_path / "canary", tmp_path / "mine.yaml"
    text = harm.format(canary=canary).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    path.write_text(HARMLESS.replace("{x: (EXPRESSION + drive + network - x) / tau}", f'{{x: "{text}"}}'))
    with pytest.raises(Exception, match="has faults"):
        run_model(path)
    for section in ("sends: x", "value: x"):
        path.write_text(HARMLESS.replace("EXPRESSION", "0").replace(section, f'{section.split()[0]} "{text}"'))
        with pytest.raises(Exception, match="has faults"):
            run_model(path)
    path.write_text(HARMLESS.replace("EXPRESSION", "0"))
    with pytest.raises(CosimError):
        run_model(path, couplings={"network": {"sends": harm.format(canary=canary)}})
    assert not canary.exists()


@pytest.mark.parametrize("name", ["x = open('{canary}', 'w')", "a b", "a;b", "lambda:0", "µ"])
def test_a_coupling_is_called_by_a_plain_name(tmp_path, name):
    path, canary = tmp_path / "mine.yaml", tmp_path / "canary"
    path.write_text(HARMLESS.replace("EXPRESSION", "0"))
    with pytest.raises(CosimError, match="a coupling cannot be called"):
        run_model(path, couplings={name.format(canary=canary): {"term": "network", "strength": 1.0}})
    assert not canary.exists()


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system ['touch {canary}']", "!!python/name:os.system", "!run 'touch {canary}'"]
)
def test_tags_of_yaml_make_nothing(tmp_path, tag):
    canary = tmp_path / "canary"
    with pytest.raises(CosimError):
        read(tmp_path, MODEL.replace("title: A model", f"title: A model\nabout: {{x: {tag.format(canary=canary)}}}"))
    assert not canary.exists()
