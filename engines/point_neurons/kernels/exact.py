"""Exact integration of linear equations: over a step, what is held constant moves states by a matrix exponential.

    dx/dt = A x + B u + c,   u held:   x(t + h) = P x + Q u + q,   (P Q q; 0 1) = expm(h (A B c; 0 0))

No case is singular: equal time constants are as any others (Rotter and Diesmann 1999, Biol Cybern 81, 381).
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence, Set
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.equations.description import Equations
from engines.equations.expression import Expression, Parts, linear_parts, uses
from engines.point_neurons.kernels.exponential import exponentials

Numbers = Mapping[str, float | NDArray[np.float64]]
_NOTHING = ast.Constant(0.0)


@dataclass(frozen=True, eq=False)
class LinearEquations:
    """Slopes of the derivatives of some states by states and by what is held, as expressions of parameters.

    Attributes
    ----------
    slopes
        (row state, column symbol) of all that are not 0.
    offsets
        What is left of each derivative when all states and held symbols are 0.
    """

    states: Sequence[str]
    held: Sequence[str]
    slopes: Mapping[tuple[str, str], Expression]
    offsets: Mapping[str, Expression]

    def pattern(self) -> NDArray[np.bool_]:
        """(states, states + held + 1): which entries of (P Q q) may differ from 0."""
        columns, count = [*self.states, *self.held], len(self.states)
        direct = np.zeros((len(columns) + 1, len(columns) + 1), bool)
        for row, column in self.slopes:
            direct[columns.index(row), columns.index(column)] = True
        for row, offset in self.offsets.items():
            direct[columns.index(row), -1] = not _is_zero(offset.tree)
        reach = direct | np.eye(len(direct), dtype=bool)
        for _ in columns:
            reach = reach @ reach
        found: NDArray[np.bool_] = reach[:count]
        return found

    def without(self, still: Set[str]) -> LinearEquations:
        """The equations where some of the states stand still."""
        slopes = {cell: slope for cell, slope in self.slopes.items() if cell[0] not in still}
        offsets = {state: Expression("0", _NOTHING) if state in still else offset for state, offset in self.offsets.items()}
        return LinearEquations(self.states, self.held, slopes, offsets)

    def propagator(self, equations: Equations, parameters: Numbers, dt_s: float, is_mean: bool = False) -> NDArray[np.float64]:
        """(…, states, states + held + 1) for numbers or for (n,) arrays of parameters.

        Parameters
        ----------
        is_mean
            Of the mean over the span in place of the end: the integral of expm(s M) over s from 0 to 1 stands beside expm(M) in
            expm(M 1; 0 0).
        """
        columns = [*self.states, *self.held]
        values = dict(parameters) | dict.fromkeys(columns, 0.0)
        named = equations.expressions
        for name in equations.needed(*self.slopes.values(), *self.offsets.values()):
            values[name] = named[name].value(values)  # type: ignore[assignment]
        cells = {(row, columns.index(column)): slope for (row, column), slope in self.slopes.items()}
        cells |= {(row, len(columns)): offset for row, offset in self.offsets.items()}
        numbers = {cell: np.asarray(expression.value(values), np.float64) for cell, expression in cells.items()}
        shape = np.broadcast_shapes(*(number.shape for number in numbers.values()))
        matrix = np.zeros((*shape, len(columns) + 1, len(columns) + 1))
        for (row, column), number in numbers.items():
            matrix[..., columns.index(row), column] = number
        matrix *= dt_s
        if not is_mean:
            found: NDArray[np.float64] = exponentials(matrix)[..., : len(self.states), :]
            return found
        size = matrix.shape[-1]
        wide = np.zeros((*shape, 2 * size, 2 * size))
        wide[..., :size, :size], wide[..., :size, size:] = matrix, np.eye(size)
        mean: NDArray[np.float64] = exponentials(wide)[..., : len(self.states), size:]
        return mean


def linear_equations(equations: Equations, states: Sequence[str], held: Sequence[str]) -> LinearEquations:
    """The derivatives of some states, taken apart.

    Raises
    ------
    CosimError
        One is not linear in states and inputs with slopes that only parameters make.
    """
    slopes: dict[tuple[str, str], Expression] = {}
    for state in states:
        slopes |= _slopes(equations, state, states, held)
    offsets = {state: _at_zero(equations, equations.derivatives[state], {*states, *held}) for state in states}
    return LinearEquations(states, held, slopes, offsets)


def free_states(equations: Equations, states: Sequence[str], held: Sequence[str]) -> list[str]:
    """Those of some states that are linear and rest on none but each other."""
    while True:
        found = []
        for state in states:
            try:
                _slopes(equations, state, states, held)
            except CosimError:
                continue
            found.append(state)
        if found == list(states):
            return found
        states = found


def _slopes(equations: Equations, state: str, states: Sequence[str], held: Sequence[str]) -> dict[tuple[str, str], Expression]:
    """Those of one state that are not 0; a CosimError where it is not linear, or rests on states that are not among these."""
    derivative, slopes = equations.derivatives[state], {}
    for symbol in (*states, *held):
        slope = _slope(equations, derivative, symbol)
        moving = equations.symbols_of(slope) & {*equations.derivatives, *held} if slope else ()
        if slope is None or moving:
            why = f"its derivative is not linear in {symbol}: {derivative.text}"
            raise CosimError(f"{state!r} cannot be integrated exactly", where=derivative.where, why=why, mend="use scheme: rk4")
        if not _is_zero(slope.tree):
            slopes[state, symbol] = slope
    if others := sorted(equations.symbols_of(derivative) & equations.derivatives.keys() - {*states}):
        why = f"its derivative has {', '.join(others)} in it, which moves in another way"
        raise CosimError(f"{state!r} cannot be integrated exactly", where=derivative.where, why=why)
    return slopes


def _at_zero(equations: Equations, expression: Expression, symbols: Set[str]) -> Expression:
    """What an expression is where some symbols are 0; a bare 0 where nothing is left."""
    nothing: dict[str, ast.expr] = dict.fromkeys(symbols, _NOTHING)
    for name in equations.needed(expression):
        tree = equations.expressions[name].tree
        if uses(tree, nothing):
            nothing[name] = _simple(_Replaced(nothing).visit(deepcopy(tree)))
    return Expression(expression.text, _simple(_Replaced(nothing).visit(deepcopy(expression.tree))), expression.where)


class _Replaced(ast.NodeTransformer):
    """Names are replaced by trees."""

    def __init__(self, trees: Mapping[str, ast.expr]) -> None:
        self._trees = trees

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._trees.get(node.id, node)


def _slope(equations: Equations, expression: Expression, symbol: str) -> Expression | None:
    named: dict[str, Parts | None] = {}
    for name in equations.needed(expression):
        tree = equations.expressions[name].tree
        if uses(tree, {symbol, *named}):
            named[name] = linear_parts(tree, symbol, named)
    parts = linear_parts(expression.tree, symbol, named)
    return None if parts is None else Expression(f"slope by {symbol}", _simple(parts[0]))


def _simple(node: ast.expr) -> ast.expr:
    """The tree without sums, products and signs of 0."""
    match node:
        case ast.UnaryOp(op=op, operand=operand):
            inner = _simple(operand)
            return _NOTHING if _is_zero(inner) else ast.UnaryOp(op, inner)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            first, second = _simple(left), _simple(right)
            if _is_zero(second):
                return first
            if _is_zero(first):
                return second if isinstance(op, ast.Add) else ast.UnaryOp(ast.USub(), second)
            return ast.BinOp(first, op, second)
        case ast.BinOp(left=left, op=ast.Mult() as op, right=right):
            first, second = _simple(left), _simple(right)
            return _NOTHING if _is_zero(first) or _is_zero(second) else ast.BinOp(first, op, second)
        case ast.BinOp(left=left, op=ast.Div() as op, right=right):
            first = _simple(left)
            return _NOTHING if _is_zero(first) else ast.BinOp(first, op, right)
    return node


def _is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0
