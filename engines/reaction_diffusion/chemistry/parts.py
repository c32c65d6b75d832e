"""What the checked text of a model of reactions comes down to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engines.equations.description import Equations
from engines.equations.expression import Expression


@dataclass(frozen=True, eq=False)
class OneWay:
    """One direction of a reaction.

    Attributes
    ----------
    name
        Of the reaction, and where it goes both ways ``.forward`` or ``.backward``.
    reactants
        How many of each species go in; of mass action the orders.
    change
        What one event adds to each species.
    measure
        In which the rate counts: an event rate is the rate in SI units times this measure of the voxel.
    rate
        The constant of mass action, or the whole rate.
    text
        As it was written.
    """

    name: str
    reactants: Mapping[str, int]
    change: Mapping[str, int]
    measure: int
    is_mass_action: bool
    rate: Expression
    text: str


@dataclass(frozen=True, eq=False)
class ReactionParts:
    """A checked model.

    Attributes
    ----------
    measures
        Of every species.
    ways
        All reactions, each direction by itself.
    claims
        What is said to be conserved: how much of it is in a molecule of each species.
    """

    equations: Equations
    measures: Mapping[str, int]
    ways: tuple[OneWay, ...]
    claims: Mapping[str, Mapping[str, int]]
