"""Quantities: times exactly in ns, everything else in the unit that a parameter declares; bare numbers only from Python."""

from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from cosim.sdk import CosimError, Duration, InputFile, Params, Unit
from cosim.sdk.units import factor, parse, parse_ns


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2.5 ms", 2_500_000),
        ("0.1ms", 100_000),
        (" 1e-3 s ", 1_000_000),
        ("10 us", 10_000),
        ("10 µs", 10_000),
        ("7 ns", 7),
        (".5 s", 500_000_000),
        ("2 min", 120 * 10**9),
        ("1 h", 3600 * 10**9),
        ("0.1 s", 100_000_000),
        ("1.000000001 s", 1_000_000_001),
        ("4611686018427387903 ns", 2**62 - 1),  # no float has as many digits
    ],
)
def test_times_become_whole_nanoseconds_exactly(text, ns):
    assert parse_ns(text) == ns


@given(st.integers(0, 10**17))
def test_no_digit_of_a_time_is_lost(ns):
    seconds, rest = divmod(ns, 10**9)
    assert parse_ns(f"{seconds}.{rest:09d} s") == ns


@pytest.mark.parametrize(
    ("text", "mend"),
    [("0.5 ns", "nearest: 0 ms, 1 ns"), ("1.0000001 ms", "nearest: 1 ms, 1000.001 us"), ("-0.5 ns", "nearest: -1 ns, 0 ms")],
)
def test_a_time_that_is_not_whole_is_refused_with_the_two_nearest(text, mend):
    with pytest.raises(CosimError, match="not a whole number of nanoseconds") as caught:
        parse_ns(text)
    assert caught.value.mend.startswith("nearest: ")
    if text != "1.0000001 ms":
        assert caught.value.mend == mend
    else:
        assert caught.value.mend == "nearest: 1 ms, 1000.001 us"


@pytest.mark.parametrize("text", ["5", "ms", "5 mV", "5 ms later", "", "1,5 ms"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(CosimError, match="is not a time"):
        parse_ns(text)


def test_a_time_beyond_64_bits_is_refused():
    with pytest.raises(CosimError, match="64 bits"):
        parse_ns("1e12 s")


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("0.01 s", "ms", 10.0),
        ("-65 mV", "mV", -65.0),
        ("-0.065 V", "mV", -65.0),
        ("0.002 1/ms", "Hz", 2.0),
        ("3 kHz", "1/s", 3000.0),
        ("1 nA", "pA", 1000.0),
        ("2 uS", "nS", 2000.0),
        ("1 cm", "um", 10_000.0),
        ("5", "1", 5.0),
        ("37 degC", "degC", 37.0),
        ("50 spikes/s", "Hz", 50.0),
    ],
)
def test_quantities_are_converted(text, unit, value):
    assert parse(text, unit) == pytest.approx(value, rel=1e-15)  # one rounding, of the product


@pytest.mark.parametrize(("source", "target", "times"), [("uS", "nS", 1e3), ("mV", "V", 1e-3), ("1/ms", "Hz", 1e3)])
def test_factors_between_prefixes_are_exact(source, target, times):
    """A scale of 999.9999999999999 would change bits of everything that a link carries."""
    assert factor(source, target) == times
    assert factor(target, source) == 1 / times


@pytest.mark.parametrize(
    ("text", "unit", "what"),
    [
        ("10 mV", "ms", "cannot be converted to ms"),
        ("10 parrots", "ms", "cannot be converted to ms"),
        ("10", "mV", "'10' has no unit"),
        ("mV", "mV", "is not a quantity"),
        ("ten mV", "mV", "is not a quantity"),
        ("5 mV", "1", "cannot be converted to 1"),
        ("37 degC", "kelvin", "cannot be converted to kelvin"),  # more than a factor
    ],
)
def test_what_cannot_be_converted_is_refused(text, unit, what):
    with pytest.raises(CosimError, match=what):
        parse(text, unit)


def test_a_factor_between_equal_units_is_one_without_looking_them_up():
    assert factor("no such unit", "no such unit") == 1.0
    assert factor("us", "ms") == 1e-3


class Model(Params):
    tau: Annotated[float, Unit("ms"), Field(gt=0)] = 10.0
    weights: Annotated[list[float], Unit("nS")] = [1.0]
    table: Annotated[dict[str, float], Unit("mV")] = {}
    rows: Annotated[list[list[float]], Unit("Hz")] = []
    plain: Annotated[float, Unit("1")] = 0.0
    delay: Duration = 0
    file: InputFile | None = None


FILE = {"from_file": True}


def read(folder: Path | str = ".", **values):
    return Model.model_validate(values, context={**FILE, "folder": str(folder)})


def test_a_file_gives_units_and_python_may_give_numbers():
    assert read(tau="0.02 s", delay="2.5 ms", plain=3).model_dump(include={"tau", "delay", "plain"}) == {
        "tau": 20.0,
        "delay": 2_500_000,
        "plain": 3.0,
    }
    assert Model(tau=5, delay=7).tau == 5.0
    assert Model(delay=7).delay == 7
    assert Model(tau="5 s").tau == 5000.0
    assert read(plain="3").plain == 3.0


@pytest.mark.parametrize(
    ("values", "what", "mend"),
    [
        ({"tau": 5}, "5 has no unit", "write '5 ms'"),
        ({"tau": "5"}, "'5' has no unit", "write '5 ms'"),
        ({"weights": ["1 nS", 2.0]}, "2.0 has no unit", "write '2.0 nS'"),
        ({"table": {"a": 1}}, "1 has no unit", "write '1 mV'"),
        ({"delay": 3}, "3 has no unit", "'3 ms' or '3 s'"),
        ({"delay": 2.5}, "2.5 has no unit", "ms"),
        ({"delay": "0.5 ns"}, "not a whole number", "nearest"),
        ({"tau": "10 mV"}, "cannot be converted", ""),
    ],
)
def test_a_bare_number_in_a_file_is_refused(values, what, mend):
    with pytest.raises(ValidationError) as caught:
        read(**values)
    (detail,) = caught.value.errors()
    assert detail["type"] == "cosim"
    assert what in detail["ctx"]["what"]
    assert mend in detail["ctx"]["mend"]


def test_lists_and_mappings_are_converted_item_by_item():
    model = read(weights=["1 nS", "2 uS"], table={"rest": "-0.07 V"}, rows=[["1 kHz", "2 Hz"], ["3 Hz"]])
    assert model.weights == [1.0, 2000.0]
    assert model.table["rest"] == pytest.approx(-70.0, rel=1e-15)  # one rounding, of the product
    assert model.rows == [[1000.0, 2.0], [3.0]]


def test_limits_hold_after_the_conversion():
    with pytest.raises(ValidationError, match="greater than 0"):
        read(tau="-1 ms")
    with pytest.raises(ValidationError, match="finite"):
        read(tau="1e400 ms")


def test_a_file_is_looked_for_beside_the_scenario(tmp_path):
    (tmp_path / "weights.csv").write_text("")
    assert read(tmp_path, file="weights.csv").file == (tmp_path / "weights.csv").resolve()
    with pytest.raises(ValidationError) as caught:
        read(tmp_path, file="wieghts.csv")
    assert "'wieghts.csv' does not exist" in caught.value.errors()[0]["ctx"]["what"]
    assert str(tmp_path) in caught.value.errors()[0]["ctx"]["why"]


def test_parameters_are_frozen_and_unknown_ones_are_refused():
    with pytest.raises(ValidationError):
        Model().tau = 3.0
    with pytest.raises(ValidationError, match="extra"):
        Model(taw=3.0)


def test_the_json_schema_shows_units():
    properties = Model.model_json_schema()["properties"]
    assert properties["tau"]["unit"] == "ms"
    assert {option["type"] for option in properties["tau"]["anyOf"]} == {"string", "number"}
    assert properties["delay"]["examples"] == ["2.5 ms"]
