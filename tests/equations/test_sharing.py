"""Shared parts: each is there once, before its first use, and the values stay the same."""

from __future__ import annotations

import ast

import numpy as np

from engines.equations.expression import Expression, read
from engines.equations.sharing import share

TEXTS = {
    "f": "exp(-a * b) * (a - b)**3 + 1 / (1 + exp(-a * b))",
    "g": "(a - b) * a / (a - b) if a < b else (a - b)**-2 * -b",
    "h": "(a - b)**2 + max(a * b, a / b) + (a < b)",
    "alone": "a",
}


def shared(texts):
    return share({name: read(text).tree for name, text in texts.items()})


def test_values_are_the_same_bits():
    for a, b in ((0.3, 1.7), (2.1, -0.4)):
        symbols = {"a": a, "b": b}
        for name, tree in shared(TEXTS).items():
            symbols[name] = Expression("", tree).value(symbols)
        for name, text in TEXTS.items():
            assert np.array_equal(symbols[name], read(text).value({"a": a, "b": b}))


def test_each_operation_is_written_once():
    found = [ast.unparse(tree) for tree in shared(TEXTS).values()]
    assert sum(text.count("a - b") for text in found) == 1
    assert sum(text.replace("-a * b", "").count("a * b") for text in found) == 1  # in exp stands (-a) * b
    assert sum(text.count("exp(") for text in found) == 1


def test_names_keep_their_order_and_what_occurs_once_stays_where_it_is():
    assert [name for name in shared(TEXTS) if name in TEXTS] == list(TEXTS)
    assert list(shared({"f": "a + b * 2", "g": "a - b"})) == ["f", "g"]


def test_a_part_stands_before_what_uses_it():
    known = {"a", "b"}
    for name, tree in shared(TEXTS).items():
        assert Expression("", tree).names() <= known
        known.add(name)


def test_many_copies_of_one_tree_take_no_time():
    """Each level doubles the tree; counted as it is written it would have 2**60 parts."""
    tree = read("a * b").tree
    for _ in range(60):
        tree = ast.BinOp(tree, ast.Add(), tree)
    assert len(share({"f": tree})) == 61
