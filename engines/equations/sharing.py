"""Parts that expressions have in common get names, so that code of them is compiled, and computed, once."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping

from engines.equations.expression import children

PART = "·{}"
"""Name of a shared part: no symbol of a description can be called so."""


def share(trees: Mapping[str, ast.expr]) -> dict[str, ast.expr]:
    """The same trees in the same order; before the first that uses it, each operation or call that occurs more than once."""
    parts = _Parts()
    for tree in trees.values():
        parts.count(tree)
    found: dict[str, ast.expr] = {}
    for name, tree in trees.items():
        found[name] = parts.renamed(tree, found)
    return found


class _Parts:
    """Every part of some trees under a number; parts that are written alike have the same."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[object, ...], int] = {}
        self._known: dict[int, int] = {}
        self._times: Counter[int] = Counter()

    def count(self, node: ast.expr) -> int:
        """The number of a tree, having counted it; the parts of one that was met before are not counted again."""
        inner = tuple(self.count(child) for child in children(node)) if id(node) not in self._known else ()
        if id(node) not in self._known:
            self._known[id(node)] = self._numbers.setdefault((*_own(node), *inner), len(self._numbers))
        number = self._known[id(node)]
        self._times[number] += 1
        return number

    def renamed(self, node: ast.expr, found: dict[str, ast.expr]) -> ast.expr:
        number = self._known[id(node)]
        if self._times[number] == 1 or not isinstance(node, (ast.BinOp, ast.Call, ast.IfExp)):
            return self._rebuilt(node, found)
        name = PART.format(number)
        if name not in found:
            found[name] = self._rebuilt(node, found)
        return ast.Name(name)

    def _rebuilt(self, node: ast.expr, found: dict[str, ast.expr]) -> ast.expr:
        def renamed(child: ast.expr) -> ast.expr:
            return self.renamed(child, found)

        match node:
            case ast.UnaryOp(op=op, operand=operand):
                return ast.UnaryOp(op, renamed(operand))
            case ast.BinOp(left=left, op=ast.Pow() as op, right=right) if isinstance(right, (ast.Constant, ast.UnaryOp)):
                return ast.BinOp(renamed(left), op, right)  # its sign is read with it
            case ast.BinOp(left=left, op=op, right=right):
                return ast.BinOp(renamed(left), op, renamed(right))
            case ast.Compare(left=left, ops=ops, comparators=rights):
                return ast.Compare(renamed(left), ops, [renamed(right) for right in rights])
            case ast.BoolOp(op=op, values=values):
                return ast.BoolOp(op, [renamed(value) for value in values])
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return ast.IfExp(renamed(test), renamed(body), renamed(orelse))
            case ast.Call(func=func, args=arguments):
                return ast.Call(func, [renamed(argument) for argument in arguments], [])
        return node


def _own(node: ast.expr) -> tuple[object, ...]:
    """What a node is beside its children."""
    match node:
        case ast.Constant(value=value):
            return ("number", float(value))  # type: ignore[arg-type]
        case ast.Name(id=name):
            return ("name", name)
        case ast.Call(func=ast.Name(id=name)):
            return ("call", name)
        case ast.Compare(ops=ops):
            return ("compare", *map(type, ops))
        case ast.UnaryOp(op=op) | ast.BinOp(op=op) | ast.BoolOp(op=op):
            return (type(node), type(op))
    return (type(node),)
