"""Checked expressions as nodes of a graph."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

from engines.compartmental_neurons.mechanisms.graph import Graph, Node
from engines.equations.expression import CONSTANTS, Expression

_OPERATIONS: Mapping[type, str] = {ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.Pow: "power"}
_COMPARED: Mapping[type, str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}


class Reader:
    """Reads expressions for given values of symbols.

    Parameters
    ----------
    symbols
        Nodes of what is given.
    named
        Named expressions, in whose place what they stand for is read.
    """

    def __init__(self, graph: Graph, symbols: Mapping[str, Node], named: Mapping[str, Expression]) -> None:
        self.graph, self._symbols, self._named = graph, dict(symbols), named

    def read(self, expression: Expression) -> Node:
        return self.number(expression.tree)

    def but(self, symbols: Mapping[str, Node]) -> Reader:
        """The same with other values of some symbols."""
        given = {name: node for name, node in self._symbols.items() if name not in self._named}
        return Reader(self.graph, given | dict(symbols), self._named)

    def number(self, tree: ast.expr) -> Node:
        graph = self.graph
        match tree:
            case ast.Constant(value=value):
                return graph.number(float(value))  # type: ignore[arg-type]
            case ast.Name(id=name):
                return self._symbol(name)
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                return graph.choose(self._condition(tree), graph.one, graph.zero)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return graph.negate(self.number(operand))
            case ast.UnaryOp(operand=operand):
                return self.number(operand)
            case ast.BinOp(left=left, op=op, right=right):
                operation: Callable[[Node, Node], Node] = getattr(graph, _OPERATIONS[type(op)])
                return operation(self.number(left), self.number(right))
            case ast.IfExp(test=test, body=yes, orelse=no) | ast.Call(func=ast.Name(id="where"), args=[test, yes, no]):
                return graph.choose(self._condition(test), self.number(yes), self.number(no))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return graph.call(name, *map(self.number, arguments))
        raise AssertionError(ast.dump(tree))

    def _symbol(self, name: str) -> Node:
        if name in CONSTANTS:
            return self.graph.number(CONSTANTS[name])
        if name not in self._symbols:
            self._symbols[name] = self.read(self._named[name])
        return self._symbols[name]

    def _condition(self, tree: ast.expr) -> Node:
        """A number holds where it is not 0."""
        graph = self.graph
        match tree:
            case ast.Compare(left=left, ops=ops, comparators=rights):
                sides = [self.number(side) for side in (left, *rights)]
                found = graph.one
                for op, a, b in zip(ops, sides, sides[1:], strict=False):
                    found = graph.both(found, graph.compare(_COMPARED[type(op)], a, b))
                return found
            case ast.BoolOp(op=op, values=values):
                join = graph.both if isinstance(op, ast.And) else graph.either
                found = self._condition(values[0])
                for value in values[1:]:
                    found = join(found, self._condition(value))
                return found
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return graph.opposite(self._condition(operand))
        return graph.opposite(graph.compare("==", self.number(tree), graph.zero))
