"""Which source reaches which cell, by the rules of projections, and over which slot of its synapses.

Random numbers are counted: those of a pair, or of a connection of a cell, rest on the seed, the projection's name and the numbers
of both alone.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.compartmental_neurons.cells import Floats, Integers
from engines.compartmental_neurons.mechanisms.description import MechanismDescription
from engines.compartmental_neurons.params import Projection
from engines.equations.expression import Expression, linear_parts
from engines.equations.stepping import linear_in

_MOST_PAIRS = 1 << 24


@dataclass(frozen=True, eq=False)
class Wired:
    """The connections of a projection, ordered by target cell, then by source.

    Attributes
    ----------
    source, target
        (n,) channel of the source in its population or input, number of the target cell.
    number
        (n,) the how-manieth connection of the projection onto its cell it is.
    listed
        (n,) row of ``pairs`` that it comes from, for weights and delays of their own.
    """

    source: Integers
    target: Integers
    number: Integers
    listed: Integers


def wire(name: str, projection: Projection, sources: int, targets: int, seed: int) -> Wired:
    """The connections of a projection."""
    source, target = _pairs(name, projection, sources, targets, seed)
    listed = np.arange(len(source))
    if projection.source == projection.target and not projection.autapses:
        keep = source != target
        source, target, listed = source[keep], target[keep], listed[keep]
    order = np.lexsort((listed, source, target)) if projection.rule != "list" else np.lexsort((listed, target))
    source, target, listed = source[order], target[order], listed[order]
    first = np.searchsorted(target, target)
    return Wired(source, target, np.arange(len(target)) - first, listed)


def _pairs(name: str, projection: Projection, sources: int, targets: int, seed: int) -> tuple[Integers, Integers]:
    if projection.rule == "list":
        given = np.array(projection.pairs, np.int64).reshape(-1, 2)
        return given[:, 0], given[:, 1]
    if projection.rule == "one_to_one":
        count = np.arange(min(sources, targets))
        return count, count
    if projection.rule == "fixed_indegree":
        degree = projection.indegree or 0
        target = np.repeat(np.arange(targets), degree)
        drawn = _uniform(seed, name, target, np.tile(np.arange(degree), targets))
        leaves_out = projection.source == projection.target and not projection.autapses
        others = sources - 1 if leaves_out else sources
        source = np.minimum((drawn * others).astype(np.int64), others - 1)
        return source + (leaves_out & (source >= target)), target
    found_source, found_target = [], []
    rows = max(1, _MOST_PAIRS // max(sources, 1))
    for first in range(0, targets, rows):
        some = np.arange(first, min(first + rows, targets))
        target, source = np.repeat(some, sources), np.tile(np.arange(sources), len(some))
        if projection.rule == "bernoulli":
            keep = _uniform(seed, name, target, source) < float(projection.probability or 0.0)
            target, source = target[keep], source[keep]
        found_source.append(source)
        found_target.append(target)
    return np.concatenate(found_source), np.concatenate(found_target)


def _uniform(seed: int, name: str, target: Integers, counter: Integers) -> Floats:
    """(n,) numbers in (0, 1)."""
    from engines.equations.randoms import GOLDEN, key_of, mix, streams, uniforms

    words = streams(key_of(seed, "projection", name), target, 0) ^ (np.asarray(counter, np.uint64) * GOLDEN)
    mixed: NDArray[np.uint64] = mix.py_func(words)
    return uniforms(mixed)


def is_shared(described: MechanismDescription) -> bool:
    """Whether spikes of many sources may act on the same states: all that happens is linear in them.

    A spike adds a multiple of its weight, derivatives are sums over states, and so are currents, which are 0 with them.
    """
    parts, equations = described.parts, described.parts.equations
    moving, clamped = frozenset(described.moving), any(state.clamp != (None, None) for state in described.states.values())
    if clamped or described.gates or described.occupancies or described.concentrations:
        return False
    for (_, state), expression in parts.receptors.items():
        own = linear_in(equations, expression, state)
        if own is None or linear_parts(own[1], "weight", {}) is None or expression.names() & {*moving, "V"} - {state}:
            return False
        slope = Expression("", own[0])
        if slope.names() or slope.value({}) != 1.0:
            return False
    fixed = {*moving, "V", *described.inputs}
    linear = all(_is_sum(described, item, fixed) for item in equations.derivatives.values())
    return linear and all(_is_sum(described, item, moving) for item in parts.currents.values())


def _is_sum(described: MechanismDescription, expression: Expression, fixed: Collection[str]) -> bool:
    """Whether it is a sum over states, each times something that rests on nothing of what is ``fixed``, and no more."""
    equations, rest = described.parts.equations, expression
    for state in described.states:
        found = linear_in(equations, rest, state)
        if found is None or equations.symbols_of(Expression("", found[0])) & set(fixed):
            return False
        rest = Expression("", found[1])
    names = equations.symbols_of(rest)
    return not names & set(described.moving) and _is_zero(rest)


def _is_zero(rest: Expression) -> bool:
    """Whether what is left is made of zeros: products with one, their sums and differences."""
    match rest.tree:
        case ast.Constant(value=value):
            return value == 0
        case ast.UnaryOp(operand=operand):
            return _is_zero(Expression("", operand))
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _is_zero(Expression("", left)) or _is_zero(Expression("", right))
        case ast.BinOp(left=left, op=ast.Div()):
            return _is_zero(Expression("", left))
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            return _is_zero(Expression("", left)) and _is_zero(Expression("", right))
    return False


@dataclass(frozen=True, eq=False)
class Slots:
    """Where the synapses of one group are.

    Attributes
    ----------
    cells, nodes
        (k,) of every slot, ordered by cell.
    of_site, first_site
        Slots of the sites of all cells, and (cells + 1,) where those of each begin, where sources share them; else empty.
    """

    cells: Integers
    nodes: Integers
    of_site: Integers
    first_site: Integers

    def dealt(self, wired: Wired) -> Integers:
        """(n,) the slot of each connection: those onto a cell go to its sites in turn."""
        return self.of_site[_in_turn(self.first_site, wired)]


def shared_slots(sites: Sequence[Integers]) -> Slots:
    """One slot for each compartment in which a cell has sites: spikes that act there act on one state."""
    cell, node, first = _flat(sites)
    most = int(node.max(initial=0)) + 1
    keys, of_site = np.unique(cell * most + node, return_inverse=True)
    return Slots(keys // most, keys % most, of_site, first)


def own_slots(sites: Sequence[Integers], wired: Sequence[Wired]) -> tuple[Slots, list[Integers]]:
    """One slot for each connection; the slots of every projection's connections."""
    _, node, first = _flat(sites)
    target = np.concatenate([item.target for item in wired])
    nodes = np.concatenate([node[_in_turn(first, item)] for item in wired])
    order = np.argsort(target, kind="stable")
    slot = np.empty(len(target), np.int64)
    slot[order] = np.arange(len(target))
    ends = np.cumsum([len(item.target) for item in wired])[:-1]
    nothing = np.empty(0, np.int64)
    return Slots(target[order], nodes[order], nothing, nothing), np.split(slot, ends)


def of_cells(ordered: Integers, cells: Integers) -> Integers:
    """Where in an ordered list of cells some of them are; ``cells`` are ordered too."""
    first, stop = np.searchsorted(ordered, cells, side="left"), np.searchsorted(ordered, cells, side="right")
    counts = stop - first
    found: Integers = np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(int(counts.sum()))
    return found


def _flat(sites: Sequence[Integers]) -> tuple[Integers, Integers, Integers]:
    """Cell and compartment of every site, and where those of each cell begin."""
    counts = np.array([len(found) for found in sites], np.int64)
    first = np.concatenate([[0], np.cumsum(counts)])
    return np.repeat(np.arange(len(sites)), counts), np.concatenate([*sites, np.empty(0, np.int64)]).astype(np.int64), first


def _in_turn(first: Integers, wired: Wired) -> Integers:
    """(n,) the site of each connection."""
    counts = first[wired.target + 1] - first[wired.target]
    found: Integers = first[wired.target] + wired.number % counts
    return found
