"""Numbers of a kernel as a graph in which equal parts are one, brought into forms that take few operations.

What a kernel computes for every place, step after step, is worth some algebra beforehand: numbers are folded; what is one for all
places (*uniform*) is kept together, so that it can be computed once; a quotient of quotients has one division; a sum takes out
common factors. Nothing changes but rounding.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engines.equations.expression import FUNCTIONS, MOST_POWER

NUMBER, UNIFORM, VARYING = 0, 1, 2
"""Levels: known when code is written; one for all places; of each place."""
Key = tuple[object, ...]
_COMPARED: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Node:
    """A number, or a condition.

    Attributes
    ----------
    kind
        number, symbol, call, choice, held; + * /; < <= > >= == and not.
    value
        Of a number; name of a symbol or a call.
    order
        Parts have smaller ones.
    """

    kind: str
    parts: tuple[Node, ...]
    value: float | str
    level: int
    order: int

    @property
    def is_condition(self) -> bool:
        """Whether it holds or not, and is no number."""
        return self.kind in ("<", "<=", ">", ">=", "and", "not")

    def is_call(self, name: str) -> bool:
        return self.kind == "call" and self.value == name


class Graph:
    """Makes nodes.

    Attributes
    ----------
    has_shared
        Whether exponentials have been shared, after which ``1 / e^x`` is no longer made ``e^-x``.
    """

    def __init__(self) -> None:
        self._known: dict[Key, Node] = {}
        self.has_shared = False
        self.zero, self.one = self.number(0.0), self.number(1.0)

    def make(self, kind: str, *parts: Node, value: float | str = "", level: int = NUMBER) -> Node:
        """A node as it is, without any algebra."""
        key = (kind, value, math.copysign(1.0, value) if isinstance(value, float) else 0.0, level, *map(id, parts))
        if key not in self._known:
            highest = max([level, *(part.level for part in parts)])
            self._known[key] = Node(kind, parts, value, highest, len(self._known))
        return self._known[key]

    def number(self, value: float) -> Node:
        return self.make("number", value=float(value))

    def symbol(self, name: str, level: int) -> Node:
        return self.make("symbol", value=name, level=level)

    def held(self, node: Node) -> Node:
        """A number into which no algebra looks."""
        return node if node.kind in ("number", "symbol", "held") else self.make("held", node)

    # -- arithmetic ------------------------------------------------------------------------------------------------

    def add(self, a: Node, b: Node) -> Node:
        if a.level < b.level:
            a, b = b, a
        if b is self.zero:
            return a
        if a.level == NUMBER:
            return self._folded("+", a, b, operator.add)
        if a.level > b.level:
            if _has_rest(a):
                return self.add(a.parts[0], self.add(a.parts[1], b))
            return self.make("+", a, b)
        if _has_rest(a) or _has_rest(b):
            (x, u), (y, w) = (node.parts if _has_rest(node) else (node, self.zero) for node in (a, b))
            return self.add(self.add(x, y), self.add(u, w))
        return self._sum(a, b)

    def subtract(self, a: Node, b: Node) -> Node:
        return self.add(a, self.negate(b))

    def negate(self, a: Node) -> Node:
        return self.multiply(self.number(-1.0), a)

    def multiply(self, a: Node, b: Node) -> Node:
        level = max(a.level, b.level)
        if level == NUMBER:
            return self._folded("*", a, b, operator.mul)
        (first, x), (second, y) = self.split(a, level), self.split(b, level)
        coefficient = self.multiply(first, second)
        if x is self.one or y is self.one:
            return self._scaled(coefficient, y if x is self.one else x)
        if x.kind == "/" and y.kind == "/":
            (top, bottom), (other_top, other_bottom) = x.parts, y.parts
            return self.multiply(coefficient, self.divide(self.multiply(top, other_top), self.multiply(bottom, other_bottom)))
        return self._scaled(coefficient, self._product(x, y))

    def divide(self, a: Node, b: Node) -> Node:
        if b.level == NUMBER:
            inverse = self._inverse(b)
            if inverse is None or a.level == NUMBER:
                return self.make("/", a, b) if inverse is None else self._folded("/", a, b, operator.truediv)
            return self.multiply(a, inverse)
        if b.level < a.level:
            return self.multiply(a, self.divide(self.one, b))
        (first, x), (second, y) = self.split(a, b.level), self.split(b, b.level)
        return self.multiply(self.divide(first, second), self._fraction(x, y))

    def power(self, base: Node, exponent: Node) -> Node:
        value = exponent.value if exponent.kind == "number" else math.nan
        assert isinstance(value, float)
        if value == 0.5:
            return self.call("sqrt", base)
        if value != value or value != math.floor(value) or abs(value) > MOST_POWER:
            if exponent.kind == "number" and base.level == VARYING:
                return self.call("exp", self.multiply(exponent, self.call("log", base)))
            return self.call("power", base, exponent)
        if value < 0:
            return self.divide(self.one, self._whole_power(base, int(-value)))
        return self._whole_power(base, int(value))

    # -- functions and choices -------------------------------------------------------------------------------------

    def call(self, name: str, *arguments: Node) -> Node:
        """A function, by its name in expressions."""
        if all(argument.kind == "number" for argument in arguments):
            found = _value(name, *(float(argument.value) for argument in arguments))
            if math.isfinite(found):
                return self.number(found)
        first = arguments[0]
        if name == "clip":
            return self.call("min", self.call("max", *arguments[:2]), arguments[2])
        if name == "sign":
            down = self.choose(self.compare("<", first, self.zero), self.number(-1.0), self.zero)
            return self.choose(self.compare(">", first, self.zero), self.one, down)
        if first.level == VARYING:
            if name == "exp":
                return self.exponential(first)
            if name == "exprel":
                return self.divide(self.one, self.slope(first))
            if name == "logistic":
                return self.divide(self.one, self.add(self.one, self.exponential(self.negate(first))))
        return self.make("call", *arguments, value=name)

    def exponential(self, argument: Node) -> Node:
        """e^x, of each place."""
        return self.make("call", argument, value="exponential")

    def slope(self, argument: Node) -> Node:
        """x / (e^x - 1), of each place."""
        return self.make("call", argument, self.exponential(argument), value="slope")

    def within(self, node: Node, low: float | None, high: float | None) -> Node:
        """A number kept within bounds, of which there may be none."""
        kept = node if low is None else self.call("max", node, self.number(low))
        return kept if high is None else self.call("min", kept, self.number(high))

    def compare(self, sign: str, a: Node, b: Node) -> Node:
        if a.kind == b.kind == "number":
            assert isinstance(a.value, float)
            assert isinstance(b.value, float)
            return self.one if _COMPARED[sign](a.value, b.value) else self.zero
        return self.make(sign, a, b)

    def both(self, a: Node, b: Node) -> Node:
        for one, other in ((a, b), (b, a)):
            if one.kind == "number":
                return other if one.value else self.zero
        return self.make("and", a, b)

    def either(self, a: Node, b: Node) -> Node:
        return self.opposite(self.both(self.opposite(a), self.opposite(b)))

    def opposite(self, a: Node) -> Node:
        if a.kind == "number":
            return self.zero if a.value else self.one
        return a.parts[0] if a.kind == "not" else self.make("not", a)

    def choose(self, condition: Node, yes: Node, no: Node) -> Node:
        if condition.kind == "number":
            return yes if condition.value else no
        return yes if yes is no else self.make("choice", condition, yes, no)

    # -- forms -----------------------------------------------------------------------------------------------------

    def split(self, node: Node, level: int) -> tuple[Node, Node]:
        """A number as (what is below a level) * (the rest)."""
        if node.level < level:
            return node, self.one
        if node.kind == "*" and node.parts[0].level < level:
            return node.parts[0], node.parts[1]
        return self.one, node

    def affine(self, node: Node) -> tuple[Node, Node, Node]:
        """a, x, b of a varying number a x + b, a and b below it."""
        inner, rest = node.parts if _has_rest(node) else (node, self.zero)
        coefficient, x = self.split(inner, VARYING)
        return coefficient, x, rest

    # -- inside ----------------------------------------------------------------------------------------------------

    def _inverse(self, node: Node) -> Node | None:
        """1 / x of a number, or None where that is none."""
        value = float(node.value) if node.kind == "number" else 0.0
        return self.number(1.0 / value) if value and math.isfinite(1.0 / value) else None

    def _folded(self, kind: str, a: Node, b: Node, operation: Callable[[float, float], float]) -> Node:
        if a.kind == b.kind == "number":
            found = operation(float(a.value), float(b.value))
            if math.isfinite(found):
                return self.number(found)
        return self.make(kind, a, b)

    def _scaled(self, coefficient: Node, x: Node) -> Node:
        if coefficient is self.one:
            return x
        if coefficient is self.zero or x is self.one:
            return coefficient
        if _has_rest(x):
            return self.add(self.multiply(coefficient, x.parts[0]), self.multiply(coefficient, x.parts[1]))
        return self.make("*", coefficient, x)

    def _product(self, x: Node, y: Node) -> Node:
        return self.make("*", *sorted((x, y), key=lambda node: node.order))

    def _sum(self, a: Node, b: Node) -> Node:
        (first, x), (second, y) = self.split(a, a.level), self.split(b, b.level)
        if x is y:
            return self.multiply(self.add(first, second), x)
        common, only_x, only_y = _in_common(x, y)
        if common:
            inner = self.add(self.multiply(first, self._all(only_x)), self.multiply(second, self._all(only_y)))
            return self.multiply(y if not only_y else x if not only_x else self._all(common), inner)
        return self.make("+", *sorted((a, b), key=lambda node: node.order))

    def _all(self, factors: list[Node]) -> Node:
        found = self.one
        for factor in factors:
            found = self.multiply(found, factor)
        return found

    def _fraction(self, p: Node, q: Node) -> Node:
        if q.kind == "/":
            return self.divide(self.multiply(p, q.parts[1]), q.parts[0])
        if p.kind == "/":
            return self.divide(p.parts[0], self.multiply(p.parts[1], q))
        common, only_p, only_q = _in_common(p, q)
        if common:
            return self.divide(self._all(only_p), self._all(only_q))
        if q.is_call("exponential") and not self.has_shared:
            return self.multiply(p, self.exponential(self.negate(q.parts[0])))
        if q.kind == "+":
            for one, other in (q.parts, q.parts[::-1]):
                coefficient, inner = self.split(one, q.level)
                if inner.kind == "/":  # p / (other + c r / s) = p s / (other s + c r)
                    r, s = inner.parts
                    return self.divide(self.multiply(p, s), self.add(self.multiply(other, s), self.multiply(coefficient, r)))
        return self.make("/", p, q)

    def _whole_power(self, base: Node, whole: int) -> Node:
        if whole == 0:
            return self.one
        if whole % 2:
            return base if whole == 1 else self.multiply(self._whole_power(base, whole - 1), base)
        half = self._whole_power(base, whole // 2)
        return self.multiply(half, half)


def _value(name: str, *arguments: float) -> float:
    """Of a function."""
    function: Callable[..., Any] = np.power if name == "power" else FUNCTIONS[name][1]
    with np.errstate(all="ignore"):
        return float(function(*arguments))


def _has_rest(node: Node) -> bool:
    """Whether it is a sum of something and of a number of a lower level, which stands last."""
    return node.kind == "+" and node.parts[1].level < node.level


def _outer(node: Node) -> list[Node]:
    """Factors that a product was made of last."""
    return list(node.parts) if node.kind == "*" and node.parts[0].level == node.level else [node]


def _factors(node: Node) -> list[Node]:
    """All factors."""
    outer = _outer(node)
    return [factor for part in outer for factor in _factors(part)] if len(outer) > 1 else outer


def _in_common(x: Node, y: Node) -> tuple[list[Node], list[Node], list[Node]]:
    """Factors of both, of the first alone, of the second alone; such as are there as they are come first."""
    found: tuple[list[Node], list[Node], list[Node]] = ([], [x], [y])
    for of_x, of_y in (([x], _outer(y)), (_outer(x), [y]), (_outer(x), _outer(y)), (_factors(x), _factors(y))):
        common = []
        for factor in list(of_x):
            if factor in of_y:
                of_x.remove(factor)
                of_y.remove(factor)
                common.append(factor)
        if common:
            return common, of_x, of_y
    return found
