"""The code that is made of a mechanism: the same numbers as the expressions, in vectors, with as little to do as can be."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numba import njit

from engines.compartmental_neurons.kernels.eight import exponential, fused, load, power_each, same, slope, store
from engines.compartmental_neurons.kernels.pointers import call_blocks, call_prepare, place
from engines.compartmental_neurons.mechanisms.description import mechanism_file, read_mechanism, shipped
from engines.compartmental_neurons.mechanisms.exponentials import nodes_of, share
from engines.compartmental_neurons.mechanisms.graph import NUMBER, UNIFORM, VARYING, Graph
from engines.compartmental_neurons.mechanisms.placed import values_of
from engines.compartmental_neurons.mechanisms.reading import Reader
from engines.compartmental_neurons.mechanisms.source import Source
from engines.compartmental_neurons.mechanisms.variant import Variant
from engines.compartmental_neurons.mechanisms.writing import Writer
from engines.equations.expression import Expression, read

ALIGNED = 8


def aligned(size):
    raw = np.zeros(size + ALIGNED)
    skip = (-raw.ctypes.data % 64) // 8
    return raw[skip : skip + size]


def code_of(name, regional=()):
    described = read_mechanism(mechanism_file(name, Path()))
    return described, Source(Variant(name, described, tuple(regional)))


# -- functions ---------------------------------------------------------------------------------------------------------


@njit
def _functions(x, y):
    for k in range(0, len(x), 8):
        at = place(x, k)
        e = exponential(load(at, 0))
        store(place(y[0], k), 0, e)
        store(place(y[1], k), 0, slope(load(at, 0), e))
        store(place(y[2], k), 0, fused(load(at, 0), load(at, 0), same(1.0)))
        store(place(y[3], k), 0, power_each(load(at, 0), same(2.5)))


def evaluated(x):
    x = np.asarray(x, np.float64)
    full = aligned(-(-len(x) // 8) * 8)
    full[: len(x)] = x
    out = np.zeros((4, len(full)))
    _functions(full, out)
    return out[:, : len(x)]


def test_exponentials_are_right_to_the_last_place():
    x = np.random.default_rng(1).uniform(-340, 340, 40_000)
    x[:20_000] /= 100
    exact = np.exp(x.astype(np.longdouble))
    gone = np.abs(evaluated(x)[0] - exact) / np.spacing(exact.astype(np.float64))
    assert gone.max() < 1.01  # units of the last place, beside what the reference's own rounding is


def test_a_rate_that_is_0_over_0_is_right_to_the_last_places():
    """x / (e^x - 1), near 0 and far from it."""
    near = np.concatenate([10.0 ** np.arange(-300, 0, 7.0), np.linspace(-0.3, 0.3, 1001), np.linspace(-60, 60, 1001)])
    x = np.concatenate([near, -near]).astype(np.longdouble)
    exact = np.where(x == 0, 1.0, x / np.where(x == 0, 1.0, np.expm1(x)))
    np.testing.assert_allclose(evaluated(x)[1], exact.astype(np.float64), rtol=1.5e-15)
    assert (evaluated([0.0, -0.0])[1] == 1.0).all()


def test_functions_have_ends_and_keep_what_is_no_number():
    e, s, _, power = evaluated([400.0, -400.0, np.nan, np.inf, -np.inf, 4.0, 0.0])
    assert e[0] == e[3] == pytest.approx(np.exp(350), rel=1e-13)
    assert e[1] == e[4] == pytest.approx(np.exp(-350), rel=1e-13)
    assert np.isnan(e[2])
    assert np.isnan(s[2])
    assert power[5] == 32.0
    assert power[6] == 0.0


def test_products_are_rounded_with_the_sum_that_they_are_in():
    x = 1.0 + 2.0**-30
    assert evaluated([x])[2, 0] == 2.0 + 2.0**-29  # of x² + 1, whose 2^-60 would be lost on the way
    assert evaluated([2.0**-30])[2, 0] == 1.0


# -- algebra -----------------------------------------------------------------------------------------------------------

SYMBOLS = {"a": 0.7, "b": -1.3, "c": 2.1, "u": 0.4, "w": -0.6}
"""Of each place but for u and w, which are one number for all."""
_LEAVES = st.sampled_from(["a", "b", "c", "u", "w", "0", "1", "2", "-1", "0.5", "3.7"])


_OF_ONE = (
    "(-{0})", "exp(0.3 * {0})", "exp(-0.6 * {0} + 0.1)", "exprel({0})", "(1 / exprel(-{0}))", "logistic({0})", "{0}**3",
    "(1 + {0}**2)**-0.7", "(1 / (1 + 1 / (1 + {0}**2)))", "sqrt(1 + {0}**2)",
)  # fmt: skip
_OF_TWO = (
    "({0} + {1})", "({0} - {1})", "({0} * {1})", "({0} / (2 + {1}**2))", "({0} if {0} < {1} else {1} * 2)", "max({0}, {1})",
)  # fmt: skip


def _longer(inner):
    one = st.tuples(st.sampled_from(_OF_ONE), inner).map(lambda parts: parts[0].format(parts[1]))
    return one | st.tuples(st.sampled_from(_OF_TWO), inner, inner).map(lambda parts: parts[0].format(*parts[1:]))


EXPRESSIONS = st.recursive(_LEAVES, _longer, max_leaves=12)


@settings(max_examples=200, deadline=None)
@given(st.lists(EXPRESSIONS, min_size=1, max_size=3))
def test_algebra_changes_nothing_but_rounding(texts):
    """Whatever is folded, taken out, turned round or shared: the value is that of the expression."""
    expressions = [read(text) for text in texts]
    largest = max(abs(_value(tree)) for item in expressions for tree in ast.walk(item.tree) if isinstance(tree, ast.expr))
    assume(largest < 1e5)  # so that few digits cancel
    graph = Graph()
    symbols = {name: graph.symbol(name, UNIFORM if name in "uw" else VARYING) for name in SYMBOLS}
    reader = Reader(graph, symbols, {})
    nodes = share(graph, [reader.read(expression) for expression in expressions])
    writer = Writer(lambda node: str(node.value) if node.kind == "symbol" else None, is_eight=False)
    code = "\n".join(writer.lines({f"n{k}": node for k, node in enumerate(nodes)}))
    values = dict(SYMBOLS)
    exec(code, {name: _plain(name) for name in re.findall(r"(\w+)\(", code)}, values)
    for k, expression in enumerate(expressions):
        assert values[f"n{k}"] == pytest.approx(_value(expression.tree), rel=1e-9, abs=1e-13 * (1 + largest) ** 2), texts[k]


def _value(tree):
    """Of a part of an expression; 0 of what is none, such as the name of a function."""
    if isinstance(tree, ast.Name) and tree.id not in SYMBOLS:
        return 0.0
    return float(np.nan_to_num(Expression("", tree).value(SYMBOLS), nan=np.inf))


def _plain(name):
    """A function of kernels by NumPy."""
    from scipy import special

    own = {
        "exprel": special.exprel, "logistic": special.expit, "select": lambda c, yes, no: yes if c else no, "larger": max,
        "smaller": min, "magnitude": abs, "power": np.power,
    }  # fmt: skip
    return own.get(name) or getattr(np, name)


def shared(*texts):
    graph = Graph()
    reader = Reader(graph, {"V": graph.symbol("V", VARYING), "k": graph.symbol("k", UNIFORM)}, {})
    return list(nodes_of(share(graph, [reader.read(read(text)) for text in texts])))


def count(nodes, kind, value=""):
    return sum(node.kind == kind and (not value or node.value == value) and node.level == VARYING for node in nodes)


@pytest.mark.parametrize(
    ("texts", "exponentials", "divisions"),
    [
        (["exp(V / 10)", "exp(V / 20 + 3)", "exp((V - 5) / 80)"], 1, 0),  # powers of one
        (["exp(V / 3)", "exp(V / 2)"], 1, 0),  # of e^(V / 6)
        (["exp(V / 10)", "exp(-V / 10)"], 1, 1),  # a reciprocal
        (["exp(V / k)", "exp(-V / k)"], 1, 1),
        (["exp(V / 10)", "exp(V / 17)"], 2, 0),  # nothing in common
        (["exp(V / 10)", "exp(V / 1000)"], 2, 0),  # a hundredth power would lose two digits
        (["1 / exprel(V / 9)", "1 / exprel(-V / 9)"], 1, 0),  # the one division is within the function
        (["1 / exprel((V - k) / 9)", "1 / exprel((k - V) / 9)"], 1, 0),
        (["1 / exp(V)"], 1, 0),
        (["1 / (1 / (1 + exp(V)))"], 1, 0),  # quotients of quotients
        (["1 / (3 + 2 / (1 + exp(V)))"], 1, 1),
        (["V / 3 + V / k"], 0, 0),  # what is one for all places is worked out beforehand
        (["exp(k)**2 * V"], 0, 0),
    ],
)
def test_what_follows_from_each_other_is_computed_once(texts, exponentials, divisions):
    nodes = shared(*texts)
    assert count(nodes, "call", "exponential") == exponentials
    assert count(nodes, "/") == divisions


def test_numbers_are_folded():
    (node,) = shared("2 * 3 + exp(0) - 1 / 4")
    assert node.level == NUMBER
    assert node.value == 6.75


def test_what_cannot_be_folded_is_left():
    assert any(node.kind == "/" for node in shared("V + 1 / 0"))


# -- mechanisms --------------------------------------------------------------------------------------------------------


@njit
def _prepare(address, uniform):
    call_prepare(address, place(uniform, 0))


@njit
def _blocks(address, blocks, numbers, uniform):
    call_blocks(address, blocks, place(numbers, 0), place(uniform, 0))


def compiled(source):
    """Functions of a mechanism by name, compiled here and not kept."""
    names: dict[str, object] = {}
    exec(source.code().replace(", cache=True", ""), names)
    return names


@pytest.mark.parametrize("name", ["hh", "na_transient", "na_persistent", "k_persistent", "ca_ghk", "k_bath", "nak_pump", "k_v2"])
def test_code_has_the_numbers_of_the_expressions(name):
    """Of 24 places at once, each with a potential of its own, some of them where rates are 0 / 0."""
    described, source = code_of(name)
    variant = source.variant
    rng, blocks = np.random.default_rng(3), 3
    numbers = aligned(blocks * variant.stride)
    column = {key: numbers.reshape(blocks, -1, 8)[:, place_] for key, place_ in variant.columns.items()}
    column["V"][:] = rng.uniform(-0.12, 0.06, (blocks, 8))
    column["V"].flat[:6] = [-0.04, -0.055, -0.027, -0.017, 0.0, -0.066]
    for key in column.keys() - {"V", "1conductance", "1current"}:
        column[key][:] = rng.uniform(0.1, 0.9, (blocks, 8))
    area = column.get("area", np.ones((blocks, 8))).copy()
    given = values_of(described, {"g": 0.3} if "g" in described.parameters else {})
    given |= {"celsius": 30.0, "temperature": 303.15, "1dt": 25e-6}
    uniform = aligned(len(variant.uniform))
    uniform[: len(variant.fixed)] = [given[key] for key in variant.fixed]
    before = {key: values.copy() for key, values in column.items()}
    functions = compiled(source)
    _prepare(functions["prepare"].address, uniform)
    _blocks(functions["current"].address, blocks, numbers, uniform)

    def of(expression, **more):
        known = given | {key: values for key, values in before.items() if not key.startswith("1")} | more
        known |= {"faraday": 96485.33212331001, "gas_constant": 8.31446261815324}
        for key, item in described.parts.equations.expressions.items():
            known[key] = item.value(known)
        return expression.value(known)

    flows = [of(item) for item in described.parts.currents.values()]
    slopes = [
        (of(item, V=before["V"] + 1e-6) - flow) / 1e-6 for item, flow in zip(described.parts.currents.values(), flows, strict=True)
    ]
    total, conductance = sum(flows) * area, sum(slopes) * area
    size = sum(map(np.abs, flows)) * area  # of what cancels in the sum
    np.testing.assert_allclose(column["1conductance"], conductance, atol=1e-6 * np.abs(conductance).max())  # a difference quotient
    ours = column["1conductance"] * before["V"] - column["1current"]
    np.testing.assert_allclose(ours, np.broadcast_to(total, ours.shape), atol=1e-12 * size.max())
    if functions["move"] is not None and described.gates:
        _blocks(functions["move"].address, blocks, numbers, uniform)
        for gate, (rest, pace) in described.parts.gates.items():
            target = of(rest)
            kept = 0.0 if pace is None else np.exp(-25e-6 * of(pace))
            np.testing.assert_allclose(column[gate], target + (before[gate] - target) * kept, rtol=1e-12, atol=1e-14, err_msg=gate)


_SCALAR = re.compile(r"\bv(?:add|sub|mul|div|fmadd|fmsub|fnmadd|fnmsub|max|min|sqrt)\w*sd\b")


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_place_is_worked_out_in_vectors(name):
    """No arithmetic of single numbers, and no call, in what runs at every step."""
    source = code_of(name)[1]
    lines = source.code()
    lines = lines[lines.index("def current") :]
    lines = lines[: lines.find("def receive") if "def receive" in lines else len(lines)]
    called = set(re.findall(r"(\w+)\(", lines)) - {"current", "move", "load", "store", "same", "range", "cfunc", "void", "CPointer"}
    assert called <= {"exponential", "slope", "fused"} | {item for item in called if item.endswith("_each")}
    if name not in ("hh", "na_carter", "k_persistent", "ca_ghk"):
        return  # a few are compiled
    functions = compiled(source)
    for part in ("current", "move"):
        found = re.search(rf"\n(_ZN\w*{part}\w*):\n(.*?)\n\.Lfunc_end", functions[part]._library.get_asm_str(), re.DOTALL)
        assert found is not None
        text = found[2]
        if "ymm" not in text and "zmm" not in text:
            pytest.skip("this machine's vectors have two numbers")
        assert not _SCALAR.findall(text)
        assert not re.findall(r"\bcall", text)


def test_rates_at_any_temperature_are_worked_out_again_when_it_changes():
    described, source = code_of("na_transient")
    variant = source.variant
    uniform = aligned(len(variant.uniform))
    given = values_of(described, {}) | {"celsius": 23.0, "temperature": 296.15, "1dt": 25e-6}
    uniform[: len(variant.fixed)] = [given[key] for key in variant.fixed]
    prepare = compiled(source)["prepare"].address
    _prepare(prepare, uniform)
    cold = uniform.copy()
    uniform[0] = 33.0
    _prepare(prepare, uniform)
    changed = np.flatnonzero(uniform != cold)
    assert set(np.round(uniform[changed[1:]] / cold[changed[1:]], 12)) == {2.3}


def test_code_does_not_depend_on_what_was_made_before():
    assert code_of("k_v2")[1].code() == code_of("k_v2")[1].code()
