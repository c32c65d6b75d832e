"""Schemes of states that pass into each other: ``C <-> O (opening, closing)``, one line a pair.

Occupancies x are numbers from 0 to 1 whose sum is 1. With the rates held over a step, backward Euler x' = x + dt A x', whose matrix
1 - dt A has columns that sum to 1 and no positive number beside its diagonal, so it is solved without looking for pivots, and
occupancies stay from 0 to 1 for any step. The steady state is that of A x = 0 with sum 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.equations.expression import Expression

_LINE = re.compile(r"^\s*([A-Za-z_]\w*)\s*(<->|->)\s*([A-Za-z_]\w*)\s*\((.*)\)\s*$")


@dataclass(frozen=True, eq=False)
class Transition:
    """From one state to another, at a rate in 1/s."""

    source: str
    target: str
    rate: Expression


@dataclass(frozen=True, eq=False)
class Scheme:
    """States and what passes between them."""

    states: tuple[str, ...]
    transitions: tuple[Transition, ...]

    def steady(self, rates: Sequence[float | NDArray[np.float64]]) -> NDArray[np.float64]:
        """(slots, states) occupancies at rest for the rates of all transitions, each (slots,) or one number."""
        slots = np.broadcast_shapes(*(np.shape(rate) for rate in rates), (1,))[0]
        size = len(self.states)
        matrix = np.zeros((slots, size, size))
        for transition, rate in zip(self.transitions, rates, strict=True):
            source, target = self.states.index(transition.source), self.states.index(transition.target)
            matrix[:, target, source] += rate
            matrix[:, source, source] -= rate
        matrix[:, -1, :] = 1.0
        right = np.zeros((slots, size, 1))
        right[:, -1] = 1.0
        found: NDArray[np.float64] = np.linalg.solve(matrix, right)[:, :, 0]
        return found

    def step(self, rates: Sequence[str]) -> list[str]:
        """Lines that move ``x_<state>`` on by a step of ``dt``, given the code of all rates: elimination in the order of states."""
        places = {state: k for k, state in enumerate(self.states)}
        entries = {(k, k): "1.0" for k in range(len(places))}
        lines = []
        for k, (transition, rate) in enumerate(zip(self.transitions, rates, strict=True)):
            lines.append(f"q{k} = dt * {rate}")
            source, target = places[transition.source], places[transition.target]
            entries[source, source] += f" + q{k}"
            entries[target, source] = f"{entries.get((target, source), '')} - q{k}".strip()
        lines += [f"m{i}_{j} = {code}" for (i, j), code in sorted(entries.items())]
        lines += [f"y{i} = x_{state}" for i, state in enumerate(self.states)]
        present = set(entries)
        for k in range(len(places)):
            lines.append(f"m{k}_{k} = 1.0 / m{k}_{k}")
            for i in range(k + 1, len(places)):
                if (i, k) not in present:
                    continue
                lines.append(f"f = m{i}_{k} * m{k}_{k}")
                for j in range(k + 1, len(places)):
                    if (k, j) in present:
                        old = f"m{i}_{j} - " if (i, j) in present else "-"
                        lines.append(f"m{i}_{j} = {old}f * m{k}_{j}")
                        present.add((i, j))
                lines.append(f"y{i} = y{i} - f * y{k}")
        for k in reversed(range(len(places))):
            rest = "".join(f" - m{k}_{j} * y{j}" for j in range(k + 1, len(places)) if (k, j) in present)
            lines.append(f"y{k} = (y{k}{rest}) * m{k}_{k}")
        return lines + [f"x_{state} = y{i}" for i, state in enumerate(self.states)]


def read_scheme(lines: Sequence[str], rate: Callable[[str, int], Expression | None]) -> Scheme | None:
    """A scheme from its lines.

    Parameters
    ----------
    rate
        Gives the expression of a rate from its text and the number of its line, or None where it has a fault.

    Raises
    ------
    CosimError
        A line cannot be read; a state passes into itself; parts of a scheme do not hang together.
    """
    transitions: list[Transition | None] = []
    for row, line in enumerate(lines):
        match = _LINE.match(line)
        if match is None:
            raise CosimError(f"{line!r} cannot be read", mend="write it like 'C <-> O (opening, closing)' or 'O -> D (rate)'")
        first, arrow, second, inner = match.groups()
        texts = _split(inner)
        if len(texts) != (2 if arrow == "<->" else 1):
            raise CosimError(f"{line!r} has {len(texts)} rates", mend="<-> takes two, -> takes one")
        if first == second:
            raise CosimError(f"{line!r} leads nowhere", mend="two different states")
        for text, source, target in zip(texts, (first, second), (second, first), strict=False):
            found = rate(text, row)
            transitions.append(None if found is None else Transition(source, target, found))
    kept = tuple(transition for transition in transitions if transition is not None)
    if len(kept) < len(transitions):
        return None
    states = tuple(dict.fromkeys(name for item in kept for name in (item.source, item.target)))
    reached = {states[0]} if states else set[str]()
    while more := {b for t in kept for a, b in ((t.source, t.target), (t.target, t.source)) if a in reached} - reached:
        reached |= more
    if reached != set(states):
        raise CosimError(f"{sorted(set(states) - reached)[0]} hangs together with nothing", mend="a scheme is one piece")
    return Scheme(states, kept)


def _split(text: str) -> list[str]:
    """Parts between the commas that stand in no brackets."""
    parts, depth, current = [], 0, ""
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += character
    return [*parts, current.strip()]
