"""Expressions: what may stand in them, what is refused and where, and one value by Python, NumPy and a kernel."""

from __future__ import annotations

import ast
import logging
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.sdk import CosimError
from engines.equations.compiled import imports_of, load_compiled
from engines.equations.expression import FUNCTIONS, MOST_DEPTH, read

SYMBOLS = {"a": "a", "b": "b", "c": "c"}


def kernel(*texts):
    """(a, b, c, out) that writes the value of each expression."""
    body = "\n".join(f"    out[{k}] = {read(text).code(SYMBOLS)}" for k, text in enumerate(texts))
    code = "\n".join(
        [
            *imports_of(body),
            "from numba import float64, njit, void",
            "@njit(void(float64, float64, float64, float64[::1]), cache=True, nogil=True, error_model='numpy')",
            "def evaluate(a, b, c, out):",
            body,
        ]
    )
    evaluate = load_compiled("a test", code, logging.getLogger(__name__)).evaluate

    def values(a=0.0, b=0.0, c=0.0):
        out = np.empty(len(texts))
        evaluate(a, b, c, out)
        return out

    return values


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "column", "told"),
    [
        ("a + b.real", 5, "'b.real' has no place"),
        ("a + b[0]", 5, "'b[0]' has no place"),
        ("1 + (lambda: a)", 6, "'lambda: a' has no place"),
        ("exp([x for x in a])", 5, "'[x for x in a]' has no place"),
        ("a * {b: c}", 5, "'{b: c}' has no place"),
        ("a + (b := 2)", 6, "'b := 2' has no place"),
        ("a + 'b'", 5, "\"'b'\" has no place"),
        ("a + True", 5, "'True' has no place"),
        ("a + None", 5, "'None' has no place"),
        ("a + ...", 5, "'...' has no place"),
        ("a + 1j", 5, "'1j' has no place"),
        ("a, b", 1, "'a, b' has no place"),
        ("max(*a)", 5, "'*a' has no place"),
        ("max(a, b, key=c)", 1, "has no place"),
        ("a + exp(x=b)", 5, "'exp(x=b)' has no place"),
        ("a % b", 1, "'a % b' has no place"),
        ("a // b", 1, "'a // b' has no place"),
        ("a @ b", 1, "'a @ b' has no place"),
        ("a << b", 1, "'a << b' has no place"),
        ("~a", 1, "'~a' has no place"),
        ("2 * a ^ b", 1, "^ is no power"),
        ("a + (b == c)", 6, "compares in a way"),
        ("a != b", 1, "compares in a way"),
        ("a in b", 1, "compares in a way"),
        ("a is b", 1, "compares in a way"),
        ("a + 1e999", 5, "1e999 is too large"),
        ("a + 1" + 400 * "0", 5, "is too large"),
        ("a + __import__('os')", 16, "\"'os'\" has no place"),
        ("a + __import__(os)", 5, "there is no function '__import__'"),
        ("a + eval(b)", 5, "there is no function 'eval'"),
        ("a + expp(b)", 5, "did you mean 'exp'?"),
        ("a.b(c)", 1, "has no place"),
        ("exp(a)(b)", 1, "has no place"),
        ("a + exp(b, c)", 5, "exp takes 1 argument, not 2"),
        ("a + clip(b)", 5, "clip takes 3 arguments, not 1"),
        ("derivative(a, b)", 1, "derivative has no place here"),
        ("µ + b.real", 5, "'b.real' has no place"),  # columns count characters, not bytes
    ],
)
def test_everything_else_is_refused_with_its_column(text, column, told):
    with pytest.raises(CosimError) as caught:
        read(text, "mine.yaml:3  expressions.x")
    assert told in str(caught.value)
    assert f"at column {column} of" in caught.value.why
    assert caught.value.where == "mine.yaml:3  expressions.x"


@pytest.mark.parametrize("text", ["a +", "a + * b", "(a", "a b", "", "a = b", "import os", "a; b", "exp(a", "2a"])
def test_what_is_not_in_the_grammar_is_refused_with_a_column(text):
    with pytest.raises(CosimError, match="cannot be read") as caught:
        read(text, "mine.yaml:3")
    assert caught.value.why.startswith("at column ")  # that of Python, whose choice differs between versions
    assert caught.value.where == "mine.yaml:3"


def test_a_fault_in_a_long_expression_shows_the_part_about_its_column():
    with pytest.raises(CosimError) as caught:
        read(" + ".join(["a"] * 40) + " + b.real + " + " + ".join(["c"] * 10))
    assert "at column 161 of" in caught.value.why
    assert "a + b.real + c" in caught.value.why
    assert len(caught.value.why) < 120


@pytest.mark.parametrize(
    "text", ["-" * 3000 + "a", "(" * 1900 + "a" + ")" * 1900, "+".join(["a"] * (MOST_DEPTH + 1)), "exp(" * 80 + "a" + ")" * 80,
             "a" * 4001, "**".join(["a"] * 70), "a if b<c else " * 70 + "a", "a\0b"], ids=range(8)
)  # fmt: skip
def test_what_is_too_deep_or_too_long_is_refused(text):
    with pytest.raises(CosimError):
        read(text)


@pytest.mark.parametrize(
    "text", ["+".join(["a"] * MOST_DEPTH), "exp(" * (MOST_DEPTH - 1) + "a" + ")" * (MOST_DEPTH - 1),
             "a if b<c else " * (MOST_DEPTH - 2) + "a", "(" * (MOST_DEPTH - 1) + "a" + "**63)" * (MOST_DEPTH - 1)], ids=range(4)
)  # fmt: skip
def test_code_of_the_deepest_expressions_can_be_read_and_is_short(text):
    code = read(text).code(SYMBOLS)
    ast.parse(code)
    assert len(code) < 20 * len(text)


def test_huge_powers_are_numbers_and_take_no_time():
    values = kernel("2**9**9**9", "a**1e300", "a**64", "a**65", "9**9**9")(a=1.5)
    assert values[0] == values[1] == values[4] == math.inf
    assert values[2:4] == pytest.approx([1.5**64, 1.5**65], rel=1e-14)


def test_names_are_the_symbols_without_functions_and_constants():
    assert read("exp(a) * pi + where(b < 1, log, c)").names() == {"a", "b", "log", "c"}
    assert read(2.5).value({}) == 2.5
    assert read("  a\n + b ").text == "a + b"


# -- values ------------------------------------------------------------------------------------------------------------


CONDITIONS = {
    "(a < b) + (a < c)": lambda a, b, c: (a < b) + (a < c),
    "-(a < b)": lambda a, b, c: -(a < b),
    "2 * (a < b < c)": lambda a, b, c: 2 * (a < b < c),
    "3 * (a and b)": lambda a, b, c: 3 * bool(a and b),
    "0 or a": lambda a, b, c: bool(a),
    "not a": lambda a, b, c: not a,
    "where(a, 5, 6)": lambda a, b, c: 5 if a else 6,
    "5 if not b else 6": lambda a, b, c: 5 if not b else 6,
    "exp(a < b)": lambda a, b, c: math.exp(a < b),
    "(a < b) < 2 * (b > c)": lambda a, b, c: (a < b) < 2 * (b > c),
    "(a > b) ** 2 - (a >= c)": lambda a, b, c: (a > b) ** 2 - (a >= c),
}


@pytest.mark.parametrize("point", [(1.0, 2.0, 3.0), (2.0, 0.0, 1.0), (0.0, 0.5, 0.1), (-1.0, 0.0, 0.0)])
def test_conditions_are_1_or_0_and_a_number_holds_where_it_is_not_0(point):
    by_python = [float(of(*point)) for of in CONDITIONS.values()]
    by_numpy = [float(read(text).value(dict(zip("abc", point, strict=True)))) for text in CONDITIONS]
    assert by_numpy == pytest.approx(by_python, rel=1e-15)
    assert kernel(*CONDITIONS)(*point) == pytest.approx(by_python, rel=1e-15)


def test_arrays_give_arrays():
    a = np.linspace(-2, 2, 5)
    found = read("a if 0 < a and a < 2 else -exp(a) * b").value({"a": a, "b": 2.0})
    assert np.array_equal(found, np.where((a > 0) & (a < 2), a, -np.exp(a) * 2.0))


class Unclear(Exception):
    """A value too near to a limit to say what it must be."""


class Bounded:
    """A number and how far off it may be, with each operation and function good to some units of the last place."""

    def __init__(self, value: float, error: float = 0.0) -> None:
        if not math.isfinite(value) or abs(value) > 1e60 or error > 1e-3 * (1 + abs(value)):
            raise Unclear
        self.value, self.error = value, error + 8 * 2.3e-16 * abs(value) + 1e-290

    @staticmethod
    def of(x) -> Bounded:
        if isinstance(x, Bounded):
            return x
        exact = Bounded(float(x))
        exact.error = 0.0
        return exact

    def __add__(self, other):
        other = Bounded.of(other)
        return Bounded(self.value + other.value, self.error + other.error)

    def __mul__(self, other):
        other = Bounded.of(other)
        error = abs(self.value) * other.error + abs(other.value) * self.error + self.error * other.error
        return Bounded(self.value * other.value, error)

    def __truediv__(self, other):
        other = Bounded.of(other)
        if abs(other.value) <= 2 * other.error:
            raise Unclear
        quotient = self.value / other.value
        return Bounded(quotient, (self.error + abs(quotient) * other.error) / (abs(other.value) - other.error))

    def __pow__(self, other):
        other = Bounded.of(other)
        return lifted(lambda x, y: x**y, abs(other.value))(self, other)

    def __neg__(self):
        return Bounded(-self.value, self.error)

    def __pos__(self):
        return self

    def __sub__(self, other):
        return self + (-Bounded.of(other))

    def __radd__(self, other):
        return Bounded.of(other) + self

    def __rsub__(self, other):
        return Bounded.of(other) - self

    def __rmul__(self, other):
        return Bounded.of(other) * self

    def __rtruediv__(self, other):
        return Bounded.of(other) / self

    def __rpow__(self, other):
        return Bounded.of(other) ** self

    def _less(self, other) -> bool:
        other = Bounded.of(other)
        if abs(self.value - other.value) <= self.error + other.error:
            raise Unclear
        return self.value < other.value

    __lt__ = __le__ = _less

    def __gt__(self, other):
        return not self._less(other)

    __ge__ = __gt__

    def __bool__(self):
        return self._less(0.0) or not self._less(0.0)


def lifted(function, units=0.0):
    """A function of numbers as one of bounded numbers: off by what it makes of the errors of its arguments."""

    def of(*arguments):
        bounded = [Bounded.of(x) for x in arguments]
        try:
            value = float(function(*(x.value for x in bounded)))
            corners = [[x.value - x.error for x in bounded], [x.value + x.error for x in bounded]]
            corners += [[x.value + (-1) ** k * x.error for k, x in enumerate(bounded)]]
            error = max(abs(float(function(*corner)) - value) for corner in corners)
        except (ValueError, OverflowError, ZeroDivisionError, TypeError):
            raise Unclear from None
        if not math.isfinite(error) or any(abs(x.value) > 1e5 for x in bounded):
            raise Unclear
        return Bounded(value, 2 * error + units * 2.3e-16 * abs(value))

    return of


def chosen(condition, yes, no):
    return yes if condition else no


def of_sign(x):
    is_zero = not isinstance(x, Bounded) and x == 0
    return 0.0 if is_zero else 1.0 if x > 0 else -1.0


BY_PYTHON = {
    **{name: lifted(getattr(math, name)) for name in ("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tan", "sinh", "cosh")},
    "tanh": lifted(math.tanh),
    "arctan": lifted(math.atan),
    "erf": lifted(math.erf),
    "erfc": lifted(math.erfc, 8),
    "exprel": lifted(lambda x: math.expm1(x) / x if x else 1.0),
    "logistic": lifted(lambda x: 1 / (1 + math.exp(-x)) if x > -30 else math.exp(x) / (1 + math.exp(x))),
    "softplus": lifted(lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x)))),
    "abs": lifted(abs),
    "sign": of_sign,
    "min": lambda a, b: a if Bounded.of(a) < b else b,
    "max": lambda a, b: a if Bounded.of(a) > b else b,
    "clip": lambda x, low, high: low if Bounded.of(x) < low else high if Bounded.of(x) > high else x,
    "where": chosen,
    "pi": math.pi,
}


def trees():
    """Texts of allowed nodes, some levels deep."""
    numbers = st.sampled_from(["0.5", "2", "1e-3", "3.25", "7", "pi", "0"])
    leaves = st.one_of(st.sampled_from("abc"), st.sampled_from("abc"), numbers)

    def grown(inner):
        compared = st.builds(lambda x, op, y: f"({x} {op} {y})", inner, st.sampled_from(["<", "<=", ">", ">="]), inner)
        chained = st.builds(lambda x, y, z: f"({x} < {y} <= {z})", inner, inner, inner)
        simple = st.one_of(compared, compared, chained)
        conditions = st.one_of(
            simple,
            st.builds(lambda p, op, q: f"({p} {op} {q})", simple, st.sampled_from(["and", "or"]), simple),
            st.builds(lambda p: f"(not {p})", simple),
        )
        calls = [
            st.builds(lambda name, x: f"{name}({x})", st.just(name), inner) for name, (count, _) in FUNCTIONS.items() if count == 1
        ]
        return st.one_of(
            st.builds(lambda x, op, y: f"({x} {op} {y})", inner, st.sampled_from("+-*/"), inner),
            st.builds(lambda x, op, y: f"{x} {op} {y}", inner, st.sampled_from("+-*/"), inner).map(lambda text: f"({text})"),
            st.builds(lambda x, n: f"({x})**{n}", inner, st.sampled_from(["2", "3", "4", "7", "-1", "-2", "(-3)"])),
            st.builds(lambda x, y: f"(abs({x}) + 0.1)**{y}", inner, st.sampled_from(["0.5", "1.7", "(-0.3)", "a", "(b - c)"])),
            st.builds(lambda sign, x: f"({sign}{x})", st.sampled_from("+-"), inner),
            st.one_of(calls),
            st.one_of(calls),
            st.builds(lambda name, x, y: f"{name}({x}, {y})", st.sampled_from(["min", "max"]), inner, inner),
            st.builds(lambda x: f"clip({x}, -0.7, 0.8)", inner),
            st.builds(lambda p, x, y: f"where({p}, {x}, {y})", conditions, inner, inner),
            st.builds(lambda p, x, y: f"({x} if {p} else {y})", conditions, inner, inner),
            conditions,
        )

    return st.recursive(leaves, grown, max_leaves=10)


POINTS = [(0.3, -1.7, 2.9), (-2.2, 0.9, 0.04), (1.3, 1.1, -0.6)]


def expected(text, point):
    """By Python's own evaluation of the text."""
    names = {name: Bounded.of(value) for name, value in zip("abc", point, strict=True)}
    try:
        found = eval(text, {"__builtins__": {}}, BY_PYTHON | names)
        return found if isinstance(found, Bounded) else Bounded(float(found))  # made of constants, good to some last places too
    except (ArithmeticError, TypeError):  # of constants alone: 0**-1, or a root of a negative number
        raise Unclear from None


@settings(max_examples=400, deadline=None, derandomize=True)
@given(trees())
def test_numpy_and_python_give_one_value(text):
    expression = read(text)
    for point in POINTS:
        try:
            by_python = expected(text, point)
        except Unclear:
            continue
        found = float(expression.value(dict(zip("abc", point, strict=True))))
        assert abs(found - by_python.value) <= by_python.error, text


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.lists(trees().filter(lambda text: len(text) > 8), min_size=25, max_size=25))
def test_a_kernel_and_python_give_one_value(texts):
    run, clear = kernel(*texts), 0
    for point in POINTS:
        found = run(*point)
        for text, value in zip(texts, found, strict=True):
            try:
                by_python = expected(text, point)
            except Unclear:
                continue
            clear += 1
            assert abs(value - by_python.value) <= by_python.error, (text, point)
    assert clear > 10


@pytest.mark.parametrize("name", [name for name, (count, _) in FUNCTIONS.items() if count == 1])
def test_each_function_of_one_number_agrees_with_scipy_or_numpy_over_its_range(name):
    run, x = kernel(f"{name}(a)"), np.concatenate([np.linspace(-6, 6, 241), [1e-12, -1e-12, 25.0, -25.0]])
    if name in ("log", "sqrt"):
        x = x[x > 0]
    if name == "log1p":
        x = x[x > -1]
    by_numpy = read(f"{name}(a)").value({"a": x})
    found = np.array([run(value)[0] for value in x])
    error = np.abs(found - by_numpy) / np.maximum(np.abs(by_numpy), 1e-300)
    # 6 units of the last place of erfc, 2 of others; where sin and cos cross 0, of the argument
    assert (np.minimum(error, np.abs(found - by_numpy) / 2e-16 * 1e-16) < 2e-15).all()
