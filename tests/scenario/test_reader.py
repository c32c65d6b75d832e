"""What tests/faults does not touch: overrides of every shape, overlays of overlays, and the resolved scenario."""

from __future__ import annotations

import pytest

from cosim.scenario.reader import Document, read_file, read_text, set_values
from cosim.sdk import CosimError


def overridden(text, *settings):
    document = read_text(text, "s.yaml")
    set_values(document, settings)
    return document


@pytest.mark.parametrize(
    ("setting", "data"),
    [
        ("a.b=2", {"a": {"b": 2, "c": [1, {"d": 3}]}}),
        ("a.c.0=9", {"a": {"b": 1, "c": [9, {"d": 3}]}}),
        ("a.c.1.d=2 ms", {"a": {"b": 1, "c": [1, {"d": "2 ms"}]}}),
        ("a.c=[]", {"a": {"b": 1, "c": []}}),
        ("a={x: {y: 1e-3}}", {"a": {"x": {"y": 1e-3}}}),
        ("a.new.deep=on", {"a": {"b": 1, "c": [1, {"d": 3}], "new": {"deep": "on"}}}),
        ("a.new.0.x=1", {"a": {"b": 1, "c": [1, {"d": 3}], "new": {"0": {"x": 1}}}}),  # no list is there: a key
        ("a.b=", {"a": {"b": None, "c": [1, {"d": 3}]}}),
        ("a.b='5'", {"a": {"b": "5", "c": [1, {"d": 3}]}}),
        ("a.b=k=v", {"a": {"b": "k=v", "c": [1, {"d": 3}]}}),
    ],
)
def test_an_override_reaches_any_place(setting, data):
    document = overridden("a: {b: 1, c: [1, {d: 3}]}\n", setting)
    assert document.data == data
    assert document.faults == []


@pytest.mark.parametrize(
    ("setting", "what"),
    [
        ("a.b.x=1", "leads nowhere"),
        ("a.c.7=1", "no item 7 in a list of 2"),
        ("a.c.first=1", "no item 'first'"),
        ("a.c.7.d=1", "leads nowhere"),
        ("a.b=[1", "not YAML"),
        ("=1", "KEY=VALUE"),
    ],
)
def test_an_override_that_leads_nowhere_is_told_with_the_others(setting, what):
    document = overridden("a: {b: 1, c: [1, {d: 3}]}\n", setting, "nothing")
    first, second = document.faults
    assert what in first.what
    assert "KEY=VALUE" in second.what
    assert f"--set {setting}" in document.faults[0].where


def test_an_override_is_the_origin_of_its_value():
    document = overridden("a: {b: 1}\n", "a.b={x: [1, 2]}")
    assert str(document.mark(("a", "b", "x", 1))) == "--set a.b={x: [1, 2]}"
    assert str(document.mark(("a",))) == "s.yaml:1"
    assert document.where(("a", "nothing")) == "s.yaml:1  a.nothing"


def test_values_without_a_file_are_placed_by_the_scenarios_name():
    assert Document(data={"about": {"name": "nb"}}).where(("engines", "a")) == "nb  engines.a"


def test_overlays_nest_and_the_later_wins(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "deep.yaml").write_text("a: {x: 1, y: 1, z: 1}\n")
    (tmp_path / "parts" / "one.yaml").write_text("include: deep.yaml\na: {y: 2}\nlist: [1, 2]\n")
    (tmp_path / "two.yaml").write_text("a: {z: 3}\nlist: [3]\n")
    main = tmp_path / "main.yaml"
    main.write_text("include: [parts/one.yaml, two.yaml]\nb: 1\n")
    document = read_file(main)
    assert document.data["a"] == {"x": 1, "y": 2, "z": 3}
    assert document.data["list"] == [3]  # a list is replaced whole
    assert str(document.mark(("a", "x"))).endswith("deep.yaml:1")
    assert str(document.mark(("a", "y"))).endswith("one.yaml:2")
    assert str(document.mark(("list", 0))).endswith("two.yaml:2")
    assert document.folder == tmp_path


def test_a_fault_of_an_included_file_names_that_file_and_its_line(tmp_path):
    (tmp_path / "bad.yaml").write_text("a: 1\nb: [1,\nc: 2\n")
    main = tmp_path / "main.yaml"
    main.write_text("b: 1\ninclude: [bad.yaml, gone.yaml]\n")
    bad, gone = read_file(main).faults
    assert "not YAML" in bad.what
    assert "main.yaml:2" in bad.where
    assert "bad.yaml:4" in bad.why  # where the parser gives up
    assert "does not exist" in gone.what
    assert "gone.yaml" in gone.why


def test_a_value_that_replaces_a_mapping_forgets_where_the_mapping_was_written(tmp_path):
    (tmp_path / "base.yaml").write_text("a:\n  b: {c: 1}\n")
    main = tmp_path / "main.yaml"
    main.write_text("\n\ninclude: base.yaml\na: {b: 2}\n")
    document = read_file(main)
    assert document.data["a"] == {"b": 2}
    assert ("a", "b", "c") not in document.marks
    assert str(document.mark(("a", "b"))).endswith("main.yaml:4")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-.5", -0.5),
        ("1e3", 1000.0),
        ("1.", 1.0),
        ("0x1F", 31),
        ("0o17", 15),
        ("-0", 0),
        ("+.inf", float("inf")),
        ("no", "no"),
        ("Off", "Off"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2026-11-21", "2026-11-21"),
        ("null", None),
        ("~", None),
        ('"null"', "null"),
        ("!!str 5", 5),
        ("2 ms", "2 ms"),
        (".5.5", ".5.5"),
    ],
)
def test_scalars_are_those_of_yaml_12(text, value):
    found = read_text(f"v: {text}\n", "x").data["v"]
    assert found == value
    assert type(found) is type(value)


def test_not_a_number_is_a_number():
    assert read_text("v: .nan\n", "x").data["v"] != read_text("v: .nan\n", "x").data["v"]


def test_a_file_that_is_no_mapping_is_told():
    with pytest.raises(CosimError, match="a scenario is a mapping"):
        read_text("- 1\n- 2\n", "x")
    assert read_text("", "x").data == {}


def test_an_overlay_with_another_engine_replaces_its_parameters(tmp_path):
    """Parameters belong to the engine that ``use`` names; those of the same engine are merged."""
    (tmp_path / "base.yaml").write_text("engines: {a: {use: one, window: 1 ms, params: {x: 1, y: 2}}}")
    over = tmp_path / "over.yaml"
    over.write_text("include: [base.yaml]\nengines: {a: {use: two, params: {z: 3}}}")
    assert read_file(over).data["engines"]["a"] == {"use": "two", "window": "1 ms", "params": {"z": 3}}
    over.write_text("include: [base.yaml]\nengines: {a: {use: one, params: {x: 3}}}")
    assert read_file(over).data["engines"]["a"]["params"] == {"x": 3, "y": 2}
