"""Dimensions: one rule for each kind of node, and what is told where two do not fit."""

from __future__ import annotations

from fractions import Fraction

import pytest

from cosim.sdk import CosimError
from engines.equations.dimensions import NONE, of_expression, of_unit, si_factor
from engines.equations.expression import FUNCTIONS, read

SYMBOLS = {"t1": of_unit("ms"), "v": of_unit("mV"), "i": of_unit("nA"), "r": of_unit("Hz"), "x": NONE, "y": NONE}


def dimension(text):
    return of_expression(read(text, "mine.yaml:7  expressions.e"), SYMBOLS)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("3.5", "1"),
        ("pi", "1"),
        ("v", "V"),
        ("-v", "V"),
        ("v + 2 * v - v / 3", "V"),
        ("v * i", "W"),
        ("v / i", "ohm"),
        ("1 / t1", "Hz"),
        ("r * t1", "1"),
        ("v**2", "V**2"),
        ("v**-1", "1/V"),
        ("v**0.5 * v**1.5", "V**2"),
        ("v**-0.5", "1/V**0.5"),
        ("v**100 / v**99", "V"),
        ("x**y", "1"),
        ("2**(r * t1)", "1"),
        ("sqrt(v)**2", "V"),
        ("sqrt(r) * t1**0.5", "1"),
        ("sign(v)", "1"),
        ("abs(v)", "V"),
        ("min(v, 2 * v)", "V"),
        ("max(0, v)", "V"),
        ("clip(v, 0, v)", "V"),
        ("v < 2 * v < 0", "1"),
        ("v > 0 and r > 0", "1"),
        ("not v", "1"),
        ("v and x", "1"),
        ("where(v > 0, r, 0)", "Hz"),
        ("where(v, 0, r)", "Hz"),
        ("r if v > 0 else 2 * r", "Hz"),
        ("v + 0", "V"),
        ("0 - v", "V"),
        ("exp(v / v) * r", "Hz"),
        ("0 * v", "V"),
        ("(v > 0) * i", "A"),
    ],
)
def test_each_node_has_the_dimension_of_its_rule(text, unit):
    assert dimension(text) == of_unit(unit)


@pytest.mark.parametrize(
    "name", [name for name, (count, _) in FUNCTIONS.items() if count == 1 and name not in ("abs", "sqrt", "sign")]
)
def test_functions_take_and_give_bare_numbers(name):
    assert dimension(f"{name}(r * t1)") == NONE
    with pytest.raises(CosimError) as caught:
        dimension(f"2 * {name}(v)")
    assert caught.value.what == f"{name}(v) takes a bare number"
    assert caught.value.why == "v is in V"
    assert caught.value.where == "mine.yaml:7  expressions.e"


@pytest.mark.parametrize(
    ("text", "what", "why"),
    [
        ("v + i", "v + i adds V and A", "v is in V, i in A"),
        ("v - r * x", "v - r * x subtracts V and 1/s", "v is in V, r * x in 1/s"),
        ("v + 1", "v + 1 adds V and a bare number", "v is in V, 1 in a bare number"),
        ("1 + v", "1 + v adds a bare number and V", "1 is in a bare number, v in V"),
        ("v < 3", "v < 3 compares V and a bare number", "3 in a bare number"),
        ("0 < v < i", "0 < v < i compares V and A", "i in A"),
        ("v if x else i", "v if x else i chooses between V and A", "i in A"),
        ("where(x, v, i)", "where(x, v, i) chooses between V and A", "i in A"),
        ("min(v, i)", "min(v, i) min takes V and A", "i in A"),
        ("clip(v, 0, 1)", "clip(v, 0, 1) clip takes V and a bare number", "1 in a bare number"),
        ("x**v", "the exponent v is in V", "a bare number"),
        ("v**x", "v is in V and raised to x", "depend on a value"),
        ("v**(1 + 1)", "v is in V and raised to 1 + 1", "depend on a value"),
        ("where(v > i, 1, 2)", "v > i compares V and A", "i in A"),
        ("x if v + i else y", "v + i adds V and A", "i in A"),
        ("not (v > i)", "v > i compares", "i in A"),
        ("x and (v > i)", "v > i compares", "i in A"),
        ("exp(-(v - i))", "v - i subtracts V and A", "i in A"),
    ],
)
def test_what_does_not_fit_is_told_with_both_dimensions(text, what, why):
    with pytest.raises(CosimError) as caught:
        dimension(text)
    assert what in caught.value.what
    assert caught.value.why.endswith(why)
    assert caught.value.where == "mine.yaml:7  expressions.e"


def test_a_dimension_is_told_by_a_known_unit_or_by_base_units():
    assert [str(of_unit(unit)) for unit in ("1", "mV", "pA", "nS", "pF", "mM", "Hz", "mV/ms", "Hz/s**0.5")] == [
        "a bare number", "V", "A", "S", "F", "mol/m**3", "1/s", "V/s", "s**-1.5",
    ]  # fmt: skip
    assert str(of_unit("kg*m")) == "kg*m"
    assert (of_unit("V") ** Fraction(1, 2)).exponents[2] == Fraction(-3, 2)


def test_factors_lead_to_si_units():
    assert [si_factor(unit) for unit in ("ms", "mV", "Hz", "1/ms", "nS/um**2", "1")] == [1e-3, 1e-3, 1.0, 1e3, 1e3, 1.0]


@pytest.mark.parametrize("unit", ["mVV", "degC", "ms +", "1 mV mV(", "dB", "__import__"])
def test_what_is_no_unit_is_refused(unit):
    with pytest.raises(CosimError):
        of_unit(unit)
