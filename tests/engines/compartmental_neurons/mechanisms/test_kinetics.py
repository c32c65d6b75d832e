"""Schemes of states that pass into each other, beside matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running_mechanisms import run
from scipy.linalg import expm

from cosim.sdk import CosimError
from engines.compartmental_neurons.mechanisms.exponentials import nodes_of
from engines.compartmental_neurons.mechanisms.graph import VARYING, Graph
from engines.compartmental_neurons.mechanisms.kinetics import Scheme, Transition, read_scheme
from engines.compartmental_neurons.mechanisms.writing import Writer
from engines.equations.expression import Expression, read


def scheme_of(*lines):
    return read_scheme(lines, lambda text, row: read(text))


def matrix_of(scheme, rates):
    """A of dx/dt = A x; its columns sum to 0."""
    found = np.zeros((len(scheme.states),) * 2)
    for transition, rate in zip(scheme.transitions, rates, strict=True):
        source, target = scheme.states.index(transition.source), scheme.states.index(transition.target)
        found[target, source] += rate
        found[source, source] -= rate
    return found


def stepped(scheme, rates, before):
    """What the code of a step makes of occupancies, ``rates`` times the step."""
    graph = Graph()
    names = [graph.symbol(f"q{k}", VARYING) for k in range(len(rates))]
    states = [graph.symbol(f"x{k}", VARYING) for k in range(len(before))]
    after = scheme.step(graph, names, states)
    lines = Writer(lambda node: str(node.value) if node.kind == "symbol" else None, is_eight=False).lines(
        {f"y{k}": node for k, node in enumerate(after)}
    )
    values = {f"q{k}": rate for k, rate in enumerate(rates)} | {f"x{k}": x for k, x in enumerate(before)}
    exec("\n".join(lines), {}, values)
    return np.array([values[f"y{k}"] for k in range(len(before))])


@st.composite
def schemes(draw):
    """A scheme in one piece with rates over many orders of magnitude, and occupancies."""
    size = draw(st.integers(2, 7))
    pairs = {(draw(st.integers(0, k - 1)), k) for k in range(1, size)}
    pairs |= {tuple(sorted(pair)) for pair in draw(st.lists(st.permutations(range(size)).map(lambda order: order[:2]), max_size=5))}
    names = [f"S{k}" for k in draw(st.permutations(range(size)))]
    transitions = []
    for a, b in sorted(pairs):
        ways = draw(st.sampled_from([((a, b), (b, a)), ((a, b), (b, a)), ((a, b),), ((b, a),)]))
        transitions += [Transition(names[source], names[target], Expression("", None)) for source, target in ways]
    scheme = Scheme(tuple(dict.fromkeys(name for t in transitions for name in (t.source, t.target))), tuple(transitions))
    rates = [10.0 ** draw(st.floats(-6, 6)) for _ in transitions]
    weights = np.array([draw(st.floats(0, 1)) for _ in scheme.states]) + 1e-3
    return scheme, rates, weights / weights.sum()


@settings(max_examples=150, deadline=None)
@given(schemes())
def test_a_step_solves_backward_euler(given_):
    scheme, rates, before = given_
    after = stepped(scheme, rates, before)
    system = np.eye(len(before)) - matrix_of(scheme, rates)
    np.testing.assert_allclose(system @ after, before, atol=1e-12 * (1 + max(rates)))
    np.testing.assert_allclose(after, np.linalg.solve(system, before), rtol=1e-6, atol=1e-9)


@settings(max_examples=150, deadline=None)
@given(schemes())
def test_occupancies_stay_from_0_to_1_and_sum_to_1_for_any_step(given_):
    scheme, rates, before = given_
    after = stepped(scheme, rates, before)
    assert after.min() >= -1e-12
    assert after.max() <= 1 + 1e-9
    assert after.sum() == pytest.approx(1, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(schemes())
def test_a_scheme_rests_where_nothing_flows(given_):
    scheme, rates, _ = given_
    matrix = matrix_of(scheme, rates)
    if np.linalg.matrix_rank(matrix, tol=1e-9 * max(rates)) < len(scheme.states) - 1:
        return  # it may rest in several ways
    (rest,) = scheme.steady(rates)
    np.testing.assert_allclose(matrix @ rest, 0, atol=1e-9 * max(rates))
    assert rest.sum() == pytest.approx(1)


def test_many_places_rest_at_once():
    scheme = scheme_of("C <-> O (1, 1)")
    found = scheme.steady([np.array([1.0, 3.0]), 1.0])
    np.testing.assert_allclose(found, [[0.5, 0.5], [0.25, 0.75]])


def test_a_two_state_scheme_is_a_gate(tmp_path):
    """In short steps: a gate's are exact, and a scheme's of first order."""
    text = """
title: {title}
kind: density
parameters: {{g: {{unit: S/cm**2, default: 0.001}}}}
rates: {{up: 0.1 * exp(V / 30), down: 0.2}}
{how}
currents: {{k: g * O * (V - E_k)}}
"""
    (tmp_path / "gate.yaml").write_text(text.format(title="gate", how="gates: {O: {alpha: up, beta: down}}"), encoding="utf-8")
    (tmp_path / "scheme.yaml").write_text(
        text.format(title="scheme", how="kinetics: {s: ['C <-> O (up, down)']}"), encoding="utf-8"
    )
    gone = []
    for dt in (0.01, 0.005):
        current = np.full(round(20 / dt), 0.05)
        one, other = (
            run({f"./{name}.yaml": {}, "passive": {}}, current, [f"{name}.O"], folder=tmp_path, dt_ms=dt)[f"{name}.O"]
            for name in ("gate", "scheme")
        )
        gone.append(np.abs(one - other).max())
    assert gone[0] < 1e-3
    assert gone[0] / gone[1] == pytest.approx(2, rel=0.05)


def test_a_scheme_approaches_the_exponential_of_its_matrix():
    """Order one in the step."""
    scheme, rates = scheme_of("A <-> B (1, 1)", "B <-> C (1, 1)", "C -> A (1)"), np.array([0.5, 0.2, 0.8, 0.1, 0.4])
    exact = expm(matrix_of(scheme, rates)) @ [1.0, 0, 0]
    gone = []
    for steps in (100, 200):
        x = np.array([1.0, 0, 0])
        for _ in range(steps):
            x = stepped(scheme, rates / steps, x)
        gone.append(np.abs(x - exact).max())
    assert gone[0] / gone[1] == pytest.approx(2, rel=0.02)


def test_elimination_takes_a_ladder_from_its_ends():
    """Twelve states in two rows, as of sodium: in this order the products of a step are some 150, not the 600 of a full matrix."""
    rungs = [f"C{k} <-> I{k} (1, 1)" for k in range(6)]
    rows = [f"{row}{k} <-> {row}{k + 1} (1, 1)" for row in "CI" for k in range(5)]
    scheme = scheme_of(*rows, *rungs)
    graph = Graph()
    rates = [graph.symbol(f"q{k}", VARYING) for k in range(len(scheme.transitions))]
    after = scheme.step(graph, rates, [graph.symbol(f"x{k}", VARYING) for k in range(12)])
    nodes = list(nodes_of(after))
    assert sum(node.kind == "/" for node in nodes) == 12
    assert sum(node.kind == "*" and node.parts[0].kind != "number" for node in nodes) < 160


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["C <-> O"], "cannot be read"),
        (["C <- O (1)"], "cannot be read"),
        (["C <-> O (1)"], "has 1 rates"),
        (["C -> O (1, 2)"], "has 2 rates"),
        (["O <-> O (1, 2)"], "leads nowhere"),
        (["A <-> B (1, 2)", "C <-> D (1, 2)"], "hangs together with nothing"),
    ],
)
def test_a_line_that_is_wrong_is_told(lines, said):
    with pytest.raises(CosimError) as caught:
        scheme_of(*lines)
    assert said in str(caught.value)


def test_rates_may_have_commas_in_brackets():
    scheme = scheme_of("C <-> O (max(1, 2), min(3, 4))")
    assert [transition.rate.text for transition in scheme.transitions] == ["max(1, 2)", "min(3, 4)"]
