"""Texts of SWC files: random cells, and random faults."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

SOMA, AXON, BASAL, APICAL, CUSTOM = 1, 2, 3, 4, 5


def branching_order(parents, types):
    """Samples branch by branch, soma before others: the order in which NEURON's import takes a run of lines for a section."""
    children = [[] for _ in parents]
    for sample, parent in enumerate(parents):
        if parent >= 0:
            children[parent].append(sample)
    order, waiting = [], [0]
    while waiting:
        sample = waiting.pop()
        order.append(sample)
        first = sorted(children[sample], key=lambda child: (types[child] != SOMA, types[child] != types[sample], child))
        waiting.extend(reversed(first))
    return order


def cell(seed, samples, has_soma=True):
    """Rows (number, type, x, y, z, radius, parent) of a random cell; eighths of a µm, which NEURON keeps exactly."""
    rng = np.random.default_rng(seed)
    parents, types = [-1], [SOMA if has_soma else int(rng.choice([AXON, BASAL, APICAL, CUSTOM]))]
    for sample in range(1, samples):
        parent = sample - 1 if rng.random() < 0.65 else int(rng.integers(sample))
        kind = int(rng.choice([SOMA, BASAL, BASAL, AXON, APICAL])) if types[parent] == SOMA else types[parent]
        parents.append(parent)
        types.append(int(rng.choice([AXON, BASAL, APICAL, CUSTOM])) if kind != SOMA and rng.random() < 0.1 else kind)
    order = branching_order(parents, types)
    number = {sample: rank + 1 for rank, sample in enumerate(order)}
    points, radii = rng.integers(-400, 400, (samples, 3)) / 8, rng.integers(2, 40, samples) / 8
    soma = radii[0]
    return [
        (number[s], types[s], *points[s], soma if types[s] == SOMA and rng.random() < 0.7 else radii[s], number.get(parents[s], -1))
        for s in order
    ]


def text_of(rows):
    return "# a comment\n" + "".join(f"{n} {kind} {x!r} {y!r} {z!r} {r!r} {p}\n" for n, kind, x, y, z, r, p in plain(rows))


def plain(rows):
    return [tuple(value.item() if isinstance(value, np.generic) else value for value in row) for row in rows]


@st.composite
def cells(draw):
    """Rows of a cell that is in order."""
    return cell(draw(st.integers(0, 10**6)), draw(st.integers(2, 40)), draw(st.booleans()))


FAULTS = {
    "parent": (6, "9999", "parent 9999 does not exist"),
    "self": (6, "number", "own ancestors"),
    "root": (6, "-1", "a second root"),
    "radius": (5, "0", "radius is 0"),
    "negative": (5, "-3.5", "radius is -3.5"),
    "not a number": (2, "nan", "x is nan"),
    "word": (3, "twelve", "y is 'twelve'"),
    "infinite": (4, "inf", "z is inf"),
    "fraction": (0, "1.5", "number is 1.5"),
    "kind": (1, "3.5", "type is 3.5"),
    "below": (1, "-3", "type is -3"),
    "twice": (0, "1", "given twice"),
}
"""Field, what stands in it, and what is said of that."""


@st.composite
def broken_cells(draw):
    """Text of a cell with a fault in one line, the number of that line, and what has to be said."""
    rows = [[str(value) for value in row] for row in plain(draw(cells()))]
    row = draw(st.integers(1, len(rows) - 1))
    field, value, told = FAULTS[draw(st.sampled_from(sorted(FAULTS)))]
    rows[row][field] = rows[row][0] if value == "number" else value
    return "\n".join(" ".join(row) for row in rows) + "\n", row + 1, told
