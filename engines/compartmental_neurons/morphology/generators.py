"""Cells by rule: a cable, Rall's symmetric tree, the branching cells of Arbor's ring network."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from cosim.sdk import Params
from engines.compartmental_neurons.morphology.branches import Branch, Diameters, Fraction, Length, Shape, shape_of

Positive = Annotated[int, Field(ge=1)]


class Cable(Params):
    """A cylinder, or a cone cut off."""

    length: Length
    diameter: Annotated[Diameters, Field(min_length=1, max_length=2, description="one, or [at the start, at the end]")]
    label: str = "dendrite"

    def shape(self, seed: int = 0, cell: int = 0) -> Shape:
        return shape_of({"cable": Branch(length=self.length, diameter=self.diameter, label=self.label)})


class Rall(Params):
    """A tree that forks in two at the end of every branch, each daughter thinner by the 3/2-power law.

    d_daughter = 2^(-2/3) d and l_daughter = 2^(-1/3) l: every level is as long in length constants as the trunk, so that the tree
    answers a current into the trunk as one cylinder of the trunk's diameter and ``levels`` times its length (Rall 1959,
    Experimental Neurology 1, 491-527). Ten levels of 32 µm by 16 µm make the tree of Rallpack 2.
    """

    levels: Annotated[int, Field(ge=1, le=16, description="of branches, the trunk the first")]
    length: Length = Field(description="of the trunk")
    diameter: Length = Field(description="of the trunk")
    soma: Length | None = Field(
        None, description="diameter of a soma, a cylinder as long as it is wide, from whose end the trunk goes on"
    )
    label: str = "dendrite"

    def shape(self, seed: int = 0, cell: int = 0) -> Shape:
        branches = {} if self.soma is None else {"soma": Branch(length=self.soma, diameter=[self.soma])}
        parents: list[str | None] = [next(iter(branches), None)]
        for level in range(self.levels):
            length, diameter = self.length * 2 ** (-level / 3), self.diameter * 2 ** (-2 * level / 3)
            found = []
            for number in range(2**level):
                name = f"dend[{2**level - 1 + number}]"
                parent = parents[number // 2 if level else 0]
                branches[name] = Branch(length=length, diameter=[diameter], parent=parent, label=self.label)
                found.append(name)
            parents = list(found)
        return shape_of(branches)


class Ring(Params):
    """The branching cell of Arbor's ring benchmark, whose values are the defaults.

    A soma of 500 µm², and ``depth`` levels of dendrites. At the end of every branch of a level two branches of the next may begin,
    each with the level's probability. Probabilities, lengths and compartments go in a straight line from their first value at the
    first level to their last at the last. Every cell draws its own, by its number and the seed.
    """

    depth: Annotated[int, Field(ge=1, le=16, description="levels of dendrites")] = 5
    branch_probability: tuple[Fraction, Fraction] = (1.0, 0.5)
    length: tuple[Length, Length] = Field((200.0, 20.0), description="of a branch")
    compartments: tuple[Positive, Positive] = Field((20, 2), description="of a branch")
    diameter: Length = Field(1.0, description="of all dendrites")
    soma: Length = Field(12.6157, description="diameter and length of the soma")

    def shape(self, seed: int = 0, cell: int = 0) -> Shape:
        """That of the cell of a number."""
        from engines.equations.randoms import key_of, streams, uniforms  # compiles: not for checks

        key, drawn = key_of(seed, "ring cell"), 0
        branches = {"soma": Branch(length=self.soma, diameter=[self.soma], compartments=1)}
        ends = ["soma"]
        for level in range(self.depth):
            words = streams(key, np.arange(drawn, drawn + 2 * len(ends)), cell)
            drawn += len(words)
            uniform = uniforms(words)
            parents = [ends[number // 2] for number in np.flatnonzero(uniform < self._at(self.branch_probability, level))]
            ends = [f"dend[{len(branches) - 1 + number}]" for number in range(len(parents))]
            length, count = self._at(self.length, level), int(self._at(self.compartments, level) + 0.5)
            for name, parent in zip(ends, parents, strict=True):
                branches[name] = Branch(length=length, diameter=[self.diameter], parent=parent, compartments=count)
        return shape_of(branches)

    def _at(self, ends: tuple[float, float], level: int) -> float:
        share = level / (self.depth - 1) if self.depth > 1 else 0.0
        return ends[0] + share * (ends[1] - ends[0])
