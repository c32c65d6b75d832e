"""Kernel code of a mechanism: what depends on temperature alone, currents, how states move on, what a spike does.

    prepare(uniform)                     the derived numbers among the uniform ones
    current(blocks, at, uniform)         conductance G = sum a and current J = -sum b of all currents a V + b, times the area
    move(blocks, at, uniform)            gates, schemes and states after a step, with V at its end
    receive(slot, weight, uniform)       states of one place after a spike

A loop goes over blocks of 8 places, without branches or calls, so that it becomes vector code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property, lru_cache
from textwrap import indent

from engines.compartmental_neurons.mechanisms.description import MechanismDescription
from engines.compartmental_neurons.mechanisms.exponentials import share
from engines.compartmental_neurons.mechanisms.graph import UNIFORM, VARYING, Graph, Node
from engines.compartmental_neurons.mechanisms.reading import Reader
from engines.compartmental_neurons.mechanisms.steps import Steps
from engines.compartmental_neurons.mechanisms.variant import (
    BLOCK,
    CONDUCTANCE,
    CURRENT,
    POTENTIAL,
    Variant,
    concentration_column,
    current_column,
)
from engines.compartmental_neurons.mechanisms.writing import Writer
from engines.equations.compiled import imports_of

FARADAY, GAS_CONSTANT = 96485.33212331001, 8.31446261815324
"""C/mol and J/(mol K), exact by the definition of the SI of 2019."""
_SECANT = 1e-6
"""V: over this a current that is not linear in V is differentiated, as NEURON does it."""

_HEAD = """{title!r}
from numba import cfunc, types
{imports}

_numbers = types.CPointer(types.float64)


@cfunc(types.void(_numbers), cache=True, nopython=True, error_model="numpy")
def prepare(uniform):
{prepare}


@cfunc(types.void(types.int64, _numbers, _numbers), cache=True, nopython=True, error_model="numpy")
def current(blocks, at, uniform):
{current}


@cfunc(types.void(types.int64, _numbers, _numbers), cache=True, nopython=True, error_model="numpy")
def move(blocks, at, uniform):
{move}

{receive}
"""
_LOOP = """\
{head}
for b in range(blocks):
    start = b * {stride}
{lines}"""
_RECEIVE = """
@cfunc(types.void(_numbers, types.float64, _numbers), cache=True, nopython=True, error_model="numpy")
def receive_{name}(at, weight, uniform):
{lines}
"""


def source_of(variant: Variant) -> Source:
    """The code of a variant, written once for all that are alike: a network may have cells of a thousand shapes."""
    return _source(_Same(variant.description), variant.name, variant.regional)


class _Same:
    """A description as a key."""

    def __init__(self, description: MechanismDescription) -> None:
        self.description = description

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.description is self.description

    def __hash__(self) -> int:
        return id(self.description)


@lru_cache(maxsize=512)
def _source(described: _Same, name: str, regional: tuple[str, ...]) -> Source:
    return Source(Variant(name, described.description, regional))


class Source:
    """Writes the code of a variant."""

    def __init__(self, variant: Variant) -> None:
        self.variant, self.described, self.parts = variant, variant.description, variant.description.parts
        self.graph = Graph()
        self._derived: dict[Node, int] = {}
        self._blocks = {
            "current": self._loop(self._currents() if self.described.currents else {}),
            "move": self._loop(self._moves() if variant.moves else {}),
            "receive": "\n".join(self._receive(name) for name in self.described.receptors),
        }

    @property
    def derived(self) -> int:
        """How many numbers that are one for all places it works out beforehand."""
        return len(self._derived)

    def code(self) -> str:
        """The text of a module."""
        return self._code

    @cached_property
    def _code(self) -> str:
        blocks = {"prepare": self._prepare(), **self._blocks}
        text = "\n".join(blocks.values())
        eight = sorted({"load", "store"} | set(re.findall(r"\b(same|fused|exponential|slope|\w+_each)\(", text)))
        imports = [*imports_of(text), f"from engines.compartmental_neurons.kernels.eight import {', '.join(eight)}"]
        return _HEAD.format(title=self.variant.name, imports="\n".join(imports), **blocks)

    # -- what is computed ------------------------------------------------------------------------------------------

    def _currents(self) -> dict[str, Node]:
        graph, reader = self.graph, self._reader
        area = self._symbols["area"] if self.described.kind == "density" else graph.one
        potential = self._symbols[POTENTIAL]
        conductance, current, flows = graph.zero, graph.zero, {}
        for ion, linear in self.variant.linear_currents.items():
            if linear is None:
                whole = self.parts.currents[ion]
                flow, further = reader.read(whole), reader.but({POTENTIAL: graph.add(potential, graph.number(_SECANT))}).read(whole)
                a = graph.multiply(graph.subtract(further, flow), graph.number(1.0 / _SECANT))
                b = graph.subtract(flow, graph.multiply(a, potential))
            else:
                a, b = (reader.read(part) for part in linear)
                flow = graph.add(graph.multiply(a, potential), b)
            conductance, current = graph.add(conductance, a), graph.add(current, b)
            if ion in self.variant.ions_written:
                flows[current_column(ion)] = graph.multiply(flow, area)
        found = {CONDUCTANCE: graph.multiply(conductance, area), CURRENT: graph.multiply(graph.negate(current), area)}
        return found | flows

    def _moves(self) -> dict[str, Node]:
        """States after a step, and the concentrations that they then are."""
        steps = Steps(self.graph, self._reader, self.described, self._symbols)
        states = steps.states()
        after = self._reader.but(states)
        told = {concentration_column(name): after.read(item) for name, item in self.parts.concentrations.items()}
        return states | told

    def _receive(self, name: str) -> str:
        graph, found = self.graph, {}
        reader = self._reader.but({"weight": graph.symbol("weight", VARYING)})
        for (receptor, state), expression in self.parts.receptors.items():
            if receptor == name:
                low, high = self.described.states[state].si_clamp if state in self.described.states else (None, None)
                found[state] = graph.within(reader.read(expression), low, high)

        def given(node: Node) -> str | None:
            if node.level == UNIFORM:
                return f"(uniform[{self._place(node)}] > 0.0)" if node.is_condition else f"uniform[{self._place(node)}]"
            if node.kind != "symbol":
                return None
            return "weight" if node.value == "weight" else f"at[{self._offset(str(node.value))}]"

        lines = Writer(given, is_eight=False).lines({f"new_{state}": node for state, node in found.items()})
        lines += [f"at[{self._offset(state)}] = new_{state}" for state in found]
        return _RECEIVE.format(name=name, lines=indent("\n".join(lines), "    "))

    def _prepare(self) -> str:
        def given(node: Node) -> str | None:
            return f"uniform[{self._place(node)}]" if node.kind == "symbol" else None

        graph = self.graph  # a condition is kept as 1 or 0
        kept = {node: graph.choose(node, graph.one, graph.zero) if node.is_condition else node for node in self._derived}
        roots = {f"uniform[{place}]": kept[node] for node, place in self._derived.items()}
        return indent("\n".join(Writer(given, is_eight=False).lines(roots)) or "pass", "    ")

    # -- symbols ---------------------------------------------------------------------------------------------------

    @cached_property
    def _uniform(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.variant.fixed)}

    @cached_property
    def _symbols(self) -> dict[str, Node]:
        graph, variant = self.graph, self.variant
        found = {"faraday": graph.number(FARADAY), "gas_constant": graph.number(GAS_CONSTANT)}
        found |= {name: graph.symbol(name, UNIFORM) for name in self._uniform}
        found |= {name: graph.symbol(name, VARYING) for name in variant.columns}
        for name in variant.read_of_ions:
            if name.startswith("i_"):
                found[name] = graph.divide(found[name], found["area"])  # columns have the current of the whole area
        return found

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.graph, self._symbols, self.parts.equations.expressions)

    # -- lines -----------------------------------------------------------------------------------------------------

    def _loop(self, roots: Mapping[str, Node]) -> str:
        """All places: what is read, what is computed, what is written."""
        if not roots:
            return "    pass"
        uniform: dict[int, str] = {}
        columns: dict[str, str] = {}

        def given(node: Node) -> str | None:
            if node.level == UNIFORM:
                code = uniform.setdefault(place := self._place(node), f"u{place}")
                return f"({code} > same(0.0))" if node.is_condition else code
            return columns.setdefault(str(node.value), f"c{len(columns)}") if node.kind == "symbol" else None

        shared = share(self.graph, list(roots.values()))
        lines = Writer(given, is_eight=True).lines({f"n{k}": node for k, node in enumerate(shared)})
        loads = [f"{code} = load(at, start + {self._offset(name)})" for name, code in columns.items()]
        stores = [f"store(at, start + {self._offset(name)}, n{k})" for k, name in enumerate(roots)]
        head = [f"{code} = same(uniform[{place}])" for place, code in uniform.items()]
        inner = indent("\n".join([*loads, *lines, *stores]), "    ")
        return indent(_LOOP.format(head="\n".join(head), stride=self.variant.stride, lines=inner), "    ")

    def _place(self, node: Node) -> int:
        """Of a uniform number; of one that has none yet, a new one."""
        if node.kind == "symbol":
            return self._uniform[str(node.value)]
        return self._derived.setdefault(node, len(self._uniform) + len(self._derived))

    def _offset(self, name: str) -> int:
        return self.variant.columns[name] * BLOCK


__all__ = ["FARADAY", "GAS_CONSTANT", "Source"]
