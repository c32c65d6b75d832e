"""A mechanism as it is compiled: which of its numbers are one for all places, and in which column of a block each stands.

The places of a mechanism in a batch of cells are dealt out in blocks of 8. Column c of block b holds the numbers
``arena[base + (b * columns + c) * 8 + place]``; all numbers of a block lie together, so that a kernel needs one pointer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from engines.compartmental_neurons.mechanisms.description import MechanismDescription
from engines.compartmental_neurons.mechanisms.symbols import WEIGHT, ion_of, unit_of_ion
from engines.equations.expression import Expression
from engines.equations.stepping import linear_in

BLOCK = 8
POTENTIAL, CONDUCTANCE, CURRENT = "V", "1conductance", "1current"
UNIFORM = ("celsius", "temperature", "1dt")
"""The first numbers of a mechanism that are one for all places."""


@dataclass(frozen=True, eq=False)
class Variant:
    """A mechanism, and which of its parameters differ from place to place.

    Attributes
    ----------
    regional
        Names of those parameters, in order.
    """

    name: str
    description: MechanismDescription
    regional: tuple[str, ...]

    @cached_property
    def symbols(self) -> frozenset[str]:
        """All that its expressions use."""
        parts = self.description.parts
        wanted = [*parts.currents.values(), *parts.concentrations.values(), *parts.equations.derivatives.values()]
        wanted += [item for pair in parts.gates.values() for item in pair if item is not None]
        wanted += [transition.rate for scheme in parts.schemes.values() for transition in scheme.transitions]
        wanted += parts.receptors.values()
        return parts.equations.symbols_of(*wanted) - {WEIGHT}

    @cached_property
    def columns(self) -> dict[str, int]:
        """Number of every column, by what it holds."""
        described = self.description
        names = [POTENTIAL, CONDUCTANCE, CURRENT, *self.regional, *described.moving, *described.inputs]
        names += [name for name in ("area", "diameter") if name in self.symbols or (name == "area" and described.kind != "point")]
        names += sorted(self.read_of_ions)
        names += [current_column(ion) for ion in self.ions_written]
        names += [concentration_column(name) for name in described.concentrations]
        return {name: column for column, name in enumerate(dict.fromkeys(names))}

    @cached_property
    def read_of_ions(self) -> frozenset[str]:
        """Symbols of ions that it reads, such as ``E_na``."""
        own = {*self.description.parameters, *self.description.moving, *self.description.inputs, *self.description.expressions}
        start = self.description.parts.equations.symbols_of(*self.description.parts.initial.values())
        return frozenset(name for name in (self.symbols | start) - own if unit_of_ion(name))

    @cached_property
    def ions_written(self) -> tuple[str, ...]:
        """Ions of which it carries current."""
        return tuple(name for name in self.description.currents if name != "nonspecific")

    @cached_property
    def ions(self) -> tuple[str, ...]:
        """All ions that it has to do with."""
        named = (ion_of(name) for name in (*self.read_of_ions, *self.description.concentrations))
        return tuple(dict.fromkeys([*named, *self.ions_written]))

    @property
    def stride(self) -> int:
        """Numbers of a block."""
        return len(self.columns) * BLOCK

    @cached_property
    def fixed(self) -> tuple[str, ...]:
        """What is given as one number for all places: temperature, step, parameters."""
        return (*UNIFORM, *(name for name in self.description.parameters if name not in self.regional))

    @cached_property
    def derived(self) -> tuple[str, ...]:
        """What its code works out of these alone, whenever the temperature changes."""
        from engines.compartmental_neurons.mechanisms.source import source_of

        return tuple(f"1derived{k}" for k in range(source_of(self).derived))

    @property
    def uniform(self) -> tuple[str, ...]:
        """All that is one number for all places."""
        return (*self.fixed, *self.derived)

    @cached_property
    def linear_currents(self) -> dict[str, tuple[Expression, Expression] | None]:
        """(a, b) of each current a V + b; None where it is not linear in V."""
        equations, found = self.description.parts.equations, {}
        for ion, current in self.description.parts.currents.items():
            parts = linear_in(equations, current, POTENTIAL)
            found[ion] = parts and (Expression("", parts[0], current.where), Expression("", parts[1], current.where))
        return found

    @property
    def has_conductance(self) -> bool:
        """Whether any current moves with the potential."""
        return any(not _is_zero(parts[0]) if parts else True for parts in self.linear_currents.values())

    @property
    def moves(self) -> bool:
        """Whether anything changes of itself, or is told to others, after a step."""
        return bool(self.description.moving or self.description.concentrations)


def current_column(ion: str) -> str:
    """Column of the current that a mechanism carries of an ion."""
    return f"1current_{ion}"


def concentration_column(symbol: str) -> str:
    """Column of a concentration that a mechanism sets."""
    return f"1sets_{symbol}"


def _is_zero(expression: Expression) -> bool:
    import ast

    return isinstance(expression.tree, ast.Constant) and expression.tree.value == 0
