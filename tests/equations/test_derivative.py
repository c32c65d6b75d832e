"""Derivatives of expressions: each rule against differences, chains of names, second ones, what has none."""

from __future__ import annotations

import numpy as np
import pytest

from cosim.sdk import CosimError
from engines.equations.derivative import Derivatives
from engines.equations.expression import FUNCTIONS, read


def values(texts, **symbols):
    """Value of every expression, derivatives worked out."""
    derivatives, found = Derivatives(), dict(symbols)
    for name, text in texts.items():
        derivatives.add(name, read(text, f"mine.yaml:1  expressions.{name}", derivatives=True))
    for name, expression in derivatives.expressions.items():
        found[name] = expression.value(found)
    return {name: float(found[name]) for name in texts}


def slope(text, x, **symbols):
    """By differences over h and 2 h: good to h**4, and to eps / h."""
    h, expression = 1e-3, read(text)
    over = lambda h: (expression.value({"x": x + h, **symbols}) - expression.value({"x": x - h, **symbols})) / (2 * h)  # noqa: E731
    return (4 * over(h) - over(2 * h)) / 3


ONE = [f"{name}(0.3 * x + 0.2)" for name, (count, _) in FUNCTIONS.items() if count == 1 and name not in ("exprel", "sign")]
SHAPES = ["3 * x + 2", "a - x", "-x", "+x", "x * a * x", "a / x", "x / (1 + x)", "x**2", "x**7", "x**-3", "x**0.5", "x**a", "a**x",
          "x**x", "x**1", "(a * x)**-1.5", "exp(-x**2 / a) * sin(a * x)", "(x - 1) / (x + 1) / x", "min(x, a)", "min(a, x)",
          "max(x**2, a)", "clip(x * a, 0.5, 1.4)", "clip(a, x, 2)", "clip(9, a, x)", "where(x < a, x**2, a * x)",
          "x**2 if a < 1 else a", "sqrt(x) if x < a and not x < 0 else a", "sign(x) * x",
          "(x < a) * x**3", "1 / (1 + exp(-x)) + erfc(x) * pi"]  # fmt: skip


@pytest.mark.parametrize("text", [*ONE, *SHAPES])
def test_each_rule_agrees_with_differences(text):
    for x, a in ((0.7, 1.9), (1.3, 0.6), (2.2, 2.9)):
        found = values({"f": f"derivative({text}, x)"}, x=x, a=a)["f"]
        assert found == pytest.approx(slope(text, x, a=a), rel=1e-8, abs=1e-9), (text, x, a)


def test_a_chain_of_names_is_derived_through_and_derivatives_of_derivatives_too():
    chain = {"u": "x**2 + y", "v": "exp(-u) * y", "w": "v / (1 + u)", "w_x": "derivative(w, x)", "w_xy": "derivative(w_x, y)",
             "w_yx": "derivative(derivative(w, y), x)", "both": "2 * derivative(u * v, x) + derivative(u, y)"}  # fmt: skip
    x, y = 0.4, 0.8
    found = values(chain, x=x, y=y)
    u, e = x**2 + y, np.exp(-(x**2 + y))
    w_u = -y * e * (2 + u) / (1 + u) ** 2
    assert found["w_x"] == pytest.approx(2 * x * w_u, rel=1e-14)
    w_uu = y * e * (1 / (1 + u) + 2 / (1 + u) ** 2 + 2 / (1 + u) ** 3)
    assert found["w_xy"] == pytest.approx(2 * x * (w_uu + w_u / y), rel=1e-14)
    assert found["w_yx"] == pytest.approx(found["w_xy"], rel=1e-14)
    assert found["both"] == pytest.approx(2 * 2 * x * (y * e - u * y * e) + 1, rel=1e-14)


def test_the_derivative_of_a_long_chain_is_as_long_as_the_chain():
    chain = {"u0": "x"} | {f"u{k}": f"sin(u{k - 1}) * u{k - 1} * exp(-u{k - 1})" for k in range(1, 40)}
    derivatives = Derivatives()
    for name, text in (chain | {"f": "derivative(u39, x)"}).items():
        derivatives.add(name, read(text, derivatives=True))
    assert len(derivatives.expressions) == 40 + 39 + 1
    assert max(len(expression.text) for expression in derivatives.expressions.values()) < 200


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ({"f": "derivative(a**2, x)"}, "derivative(a ** 2, x) is 0 everywhere"),
        ({"f": "derivative(x, pi)"}, "is 0 everywhere"),
        ({"u": "x**2", "f": "derivative(u**2, u)"}, "u is an expression"),
        ({"f": "derivative(exprel(x), x)"}, "exprel has no derivative here"),
        ({"f": f"derivative({'x / (1 + ' * 28}x{')' * 28}, x)"}, "nested too deep"),
    ],
)
def test_what_has_no_derivative_is_told_with_its_place(texts, told):
    with pytest.raises(CosimError) as caught:
        values(texts, x=1.0, a=2.0)
    assert told in str(caught.value)
    assert caught.value.where == "mine.yaml:1  expressions.f"


@pytest.mark.parametrize("text", ["derivative(x)", "derivative(x, 2)", "derivative(x, y + 1)", "derivative(x, y, z)"])
def test_a_derivative_is_of_an_expression_by_a_symbol(text):
    with pytest.raises(CosimError, match="takes an expression and a symbol"):
        read(text, derivatives=True)


def test_a_constant_function_of_a_name_that_does_not_move_falls_away():
    assert values({"k": "exprel(a)", "f": "derivative(k * x, x)"}, x=3.0, a=0.5)["f"] == pytest.approx(np.expm1(0.5) / 0.5)
