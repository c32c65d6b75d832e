"""The chemistry of a voxel: models that are placed together, as one list of species and of reactions that go one way each.

Numbers of a voxel are x: molecules of each species, then states of models in SI units.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.equations.compiled import load_compiled
from engines.reaction_diffusion.chemistry.conservation import laws_of
from engines.reaction_diffusion.chemistry.merged import Merged, PlacedModel
from engines.reaction_diffusion.chemistry.source import FUNCTIONS, Source

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Channel:
    """A reaction that goes one way.

    Attributes
    ----------
    reactants
        (species,) how many molecules of each one event takes part in; of mass action the orders.
    change
        (species,) what one event adds to each.
    measure
        Of the place where it happens, in which its rate is counted.
    is_mass_action
        Its propensity is a coefficient times the product of n (n - 1) … over its reactants; else it is a rate law.
    rests_on
        Places in x that move its propensity: of mass action its reactants and the states in its constant.
    """

    name: str
    reactants: Integers
    change: Integers
    measure: int
    is_mass_action: bool
    rests_on: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Compiled:
    """Addresses of functions of five pointers to float64: x, inputs, parameters, measures of the voxel, and where results go.

    Attributes
    ----------
    slopes
        dx (species and states,) per second.
    jacobian
        (species and states, species and states), row by row.
    coefficients
        (channels,) of mass action in 1/s; of others 0.
    laws
        (channels,) propensities of rate laws in 1/s; other entries stay as they are.
    observe
        (outputs,) in SI units.
    """

    slopes: int
    jacobian: int
    coefficients: int
    laws: int
    observe: int


@dataclass(frozen=True, eq=False)
class Chemistry:
    """Models placed in the same voxels.

    Attributes
    ----------
    species
        Shared ones first, then those of models, such as ``ampa.C0``.
    measures
        (species,) of the symbol of each, see ``measures``.
    values
        (parameters,) in SI units.
    output_units, output_quantities, species_units
        As the models' files say.
    """

    species: tuple[str, ...]
    measures: Integers
    states: tuple[str, ...]
    inputs: tuple[str, ...]
    parameters: tuple[str, ...]
    values: Floats
    channels: tuple[Channel, ...]
    outputs: tuple[str, ...]
    output_units: Mapping[str, str]
    output_quantities: Mapping[str, str]
    species_units: Mapping[str, str]
    _merged: Merged = field(repr=False)

    @classmethod
    def of(cls, placed: Sequence[PlacedModel], shared: Sequence[str]) -> Chemistry:
        """Of models that are placed together.

        Parameters
        ----------
        shared
            Species that may be in every voxel; a model's species of such a name, or mapped to one, is that one.

        Raises
        ------
        CosimError
            A rate constant is negative for the models' parameters; two models have one name.
        """
        names = [model.name for model in placed]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise CosimError(f"there are two models {twice[0]!r}", mend="give each a name of its own")
        merged = Merged(placed, shared)
        values = [model.values[key] for model in placed for key in model.description.parameters]
        items = merged.output_items
        found = cls(
            merged.species,
            np.array(merged.measures, np.int64),
            merged.states,
            merged.inputs,
            merged.parameters,
            np.array(values, np.float64),
            _channels(merged),
            merged.outputs,
            {name: unit for name, unit, _ in items},
            {name: quantity for name, _, quantity in items},
            merged.units,
            merged,
        )
        found._refuse_negative()
        return found

    @cached_property
    def is_constant(self) -> bool:
        """Whether coefficients of mass action depend on parameters and measures alone."""
        merged = self._merged
        rates = [way.rate for way in merged.ways if way.is_mass_action]
        return all(symbol.startswith("p") for symbol in merged.symbols_of(*rates)) if rates else True

    @property
    def has_laws(self) -> bool:
        return any(not channel.is_mass_action for channel in self.channels)

    @cached_property
    def is_still(self) -> bool:
        """Whether nothing in it ever changes."""
        return not self.channels and not self.states

    def conservation(self) -> Integers:
        """(laws, species) weights of all independent sums that no reaction changes, whole numbers."""
        changes = np.array([channel.change for channel in self.channels], np.int64)
        return laws_of(changes.reshape(len(self.channels), len(self.species)))

    def bound(self, name: str) -> Integers:
        """(species,) how many molecules of a species one of each other species has bound, as the models claim."""
        found = np.zeros(len(self.species), np.int64)
        for claimed, weights in self._merged.claims:
            if claimed == name:
                for row, weight in weights.items():
                    found[row] = weight
        if name in self.species:
            found[self.species.index(name)] = 0
        return found

    def compiled(self, log: logging.Logger) -> Compiled:
        """Its code, compiled once on a machine for all models that are alike but for parameters and names."""
        module = load_compiled(self._title, self.code, log)
        return Compiled(*(int(getattr(module, name).address) for name in FUNCTIONS))

    @cached_property
    def code(self) -> str:
        """The text of the module that is compiled."""
        return Source(self._merged, "reactions").code()

    # -- inside ----------------------------------------------------------------------------------------------------

    @property
    def _title(self) -> str:
        models = dict.fromkeys(name.partition(".")[0] for name in (*self.species, *self.states, *self.parameters) if "." in name)
        return f"reactions of {', '.join(models)}" if models else "reactions"

    def _refuse_negative(self) -> None:
        """Constants of parameters alone are known now."""
        merged = self._merged
        known: dict[str, object] = {f"p{k}": float(value) for k, value in enumerate(self.values)}
        for way in merged.ways:
            symbols = merged.symbols_of(way.rate)
            if not way.is_mass_action or not symbols <= known.keys():
                continue
            value = way.rate.value(_with_expressions(merged, way.rate.names(), known))
            if not value >= 0:  # type: ignore[operator]  # nan too
                used = ", ".join(f"{self.parameters[int(symbol[1:])]} = {known[symbol]:g}" for symbol in sorted(symbols))
                raise CosimError(
                    f"the rate constant of {way.name} is {value:g} in SI units",
                    why=f"{way.rate.text}" + (f" with {used}" if used else ""),
                    mend="a rate constant is 0 or more",
                )


def _with_expressions(merged: Merged, names: frozenset[str], known: Mapping[str, object]) -> dict[str, object]:
    """Values of the named expressions among some names, beside those that are known."""
    found = dict(known)

    def add(name: str) -> None:
        if name not in found:
            expression = merged.expressions[name]
            for inner in expression.names():
                add(inner)
            found[name] = expression.value(found)

    for name in names:
        add(name)
    return found


def _channels(merged: Merged) -> tuple[Channel, ...]:
    found = []
    for way in merged.ways:
        rests_on = set(way.reactants) if way.is_mass_action else set()
        for symbol in merged.symbols_of(way.rate):
            if symbol[0] == "s":
                rests_on.add(int(symbol[1:].partition("_")[0]))
            elif symbol[0] == "y":
                rests_on.add(len(merged.species) + int(symbol[1:]))
        reactants, change = (_row(numbers, len(merged.species)) for numbers in (way.reactants, way.change))
        found.append(Channel(way.name, reactants, change, way.measure, way.is_mass_action, tuple(sorted(rests_on))))
    return tuple(found)


def _row(numbers: Mapping[int, int], size: int) -> Integers:
    found = np.zeros(size, np.int64)
    for place, number in numbers.items():
        found[place] = number
    return found


__all__ = ["Channel", "Chemistry", "Compiled", "PlacedModel"]
