"""Code of the numbers of a graph: a line for each that is used more than once, products fused with the sums they are part of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from engines.compartmental_neurons.mechanisms.exponentials import nodes_of
from engines.compartmental_neurons.mechanisms.graph import Node

_DEEPEST = 12
"""Levels of brackets in a line."""
_CALLED = {"abs": "magnitude", "min": "smaller", "max": "larger"}
_OF_EIGHT = ("exponential", "slope")


class Writer:
    """Writes lines.

    Parameters
    ----------
    given
        Code of a node that is there already, or None: it and what it is made of is then computed here.
    is_eight
        Whether numbers are those of 8 places at once.
    """

    def __init__(self, given: Callable[[Node], str | None], is_eight: bool) -> None:
        self._given, self._is_eight = given, is_eight

    def lines(self, roots: Mapping[str, Node]) -> list[str]:
        """Lines that compute numbers into the names that are their keys, in their order, after all has been computed."""
        parts = {node: self._operands(node) for node in self._needed(list(roots.values()))}
        uses = Counter(part for operands in parts.values() for part in operands)
        uses.update(roots.values())
        codes: dict[Node, str] = {}
        depths: dict[Node, int] = {}
        found = []
        for node, operands in parts.items():
            given = self._given(node)
            if given is not None:
                codes[node], depths[node] = given, 0
                continue
            codes[node] = self._code(node, [codes[part] for part in operands])
            depths[node] = 1 + max((depths[part] for part in operands), default=0)
            if operands and (uses[node] > 1 or depths[node] > _DEEPEST):
                name = f"v{node.order}"
                found.append(f"{name} = {codes[node]}")
                codes[node], depths[node] = name, 0
        return found + [f"{target} = {codes[node]}" for target, node in roots.items()]

    def _needed(self, roots: Sequence[Node]) -> list[Node]:
        """Parts that code is written of, each before what it is a part of."""
        return list(nodes_of(roots, self._operands))

    def _operands(self, node: Node) -> tuple[Node, ...]:
        if self._given(node) is not None:
            return ()
        if node.kind == "held" or (node.is_call("slope") and not self._is_eight):
            return (node.parts[0],)
        if node.kind == "+":
            product, other = self._product_of(node)
            if product is not None:
                _, x, y = self._signed(product)
                return (y, other) if x is None else (x, y, other)
        if node.kind == "*":
            _, x, y = self._signed(node)
            return (y,) if x is None else (x, y)
        return node.parts

    def _signed(self, product: Node) -> tuple[bool, Node | None, Node]:
        """Whether it is minus, and the factors of a product; the first None where there is but one."""
        first, second = product.parts
        if first.kind == "number" and first.value == -1.0:
            if second.kind == "*" and self._given(second) is None:
                return True, second.parts[0], second.parts[1]
            return True, None, second
        return False, first, second

    def _code(self, node: Node, parts: list[str]) -> str:
        match node.kind:
            case "number":
                return f"same({node.value!r})" if self._is_eight else repr(node.value)
            case "held":
                return parts[0]
            case "+":
                product, _ = self._product_of(node)
                if product is None:
                    return f"({parts[0]} + {parts[1]})"
                is_minus, x, _ = self._signed(product)
                if x is None:
                    return f"({parts[1]} - {parts[0]})"
                sign = "-" if is_minus else ""
                if not self._is_eight:
                    return f"({sign}{parts[0]} * {parts[1]} + {parts[2]})"
                return f"fused({sign}{parts[0]}, {parts[1]}, {parts[2]})"
            case "*":
                is_minus, x, _ = self._signed(node)
                sign = "-" if is_minus else ""
                return f"({sign}{parts[0]})" if x is None else f"({sign}{parts[0]} * {parts[1]})"
            case "call":
                return self._called(str(node.value), parts)
            case "choice":
                return f"select{'_each' if self._is_eight else ''}({', '.join(parts)})"
            case "not":
                return f"opposite_each({parts[0]})" if self._is_eight else f"(not {parts[0]})"
            case "and":
                return f"both_each({parts[0]}, {parts[1]})" if self._is_eight else f"({parts[0]} & {parts[1]})"
        return f"({parts[0]} {node.kind} {parts[1]})"

    def _product_of(self, node: Node) -> tuple[Node | None, Node]:
        """A product among the terms of a sum, and the other term."""
        for product, other in (node.parts, node.parts[::-1]):
            if product.kind == "*" and self._given(product) is None:
                return product, other
        return None, node

    def _called(self, name: str, parts: list[str]) -> str:
        if name in _OF_EIGHT:
            if self._is_eight:
                return f"{name}({', '.join(parts)})"
            return f"exp({parts[0]})" if name == "exponential" else f"(1.0 / exprel({parts[0]}))"
        return f"{_CALLED.get(name, name)}{'_each' if self._is_eight else ''}({', '.join(parts)})"
