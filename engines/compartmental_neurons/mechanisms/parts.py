"""The checked expressions of a mechanism."""

from __future__ import annotations

from engines.compartmental_neurons.mechanisms.kinetics import Scheme
from engines.equations.description import Equations
from engines.equations.expression import Expression


class MechanismParts:
    """Checked expressions, all in SI units.

    Attributes
    ----------
    equations
        With rates among the named expressions; ``derivatives`` of states, not of gates.
    gates
        By gate: where it goes, and how fast, 1/s (None: at once).
    schemes
        Schemes with their rates, 1/s.
    currents
        By ion: in A/m² or, of a point, in A.
    concentrations, initial
        By symbol of the ion, by state.
    receptors
        By receptor and state, with the symbol ``weight``.
    """

    def __init__(self) -> None:
        self.equations: Equations
        self.gates: dict[str, tuple[Expression, Expression | None]] = {}
        self.schemes: dict[str, Scheme] = {}
        self.currents: dict[str, Expression] = {}
        self.concentrations: dict[str, Expression] = {}
        self.initial: dict[str, Expression] = {}
        self.receptors: dict[tuple[str, str], Expression] = {}

    def __eq__(self, other: object) -> bool:
        """They follow from the sections of a description, so those are what two are told apart by."""
        return isinstance(other, MechanismParts)

    __hash__ = None  # type: ignore[assignment]

    def at_start(self, name: str) -> tuple[Expression, ...]:
        """What a gate, an occupancy or a state rests on at the start."""
        if name in self.initial:
            return (self.initial[name],)
        if name in self.gates:
            return (self.gates[name][0],)
        scheme = next((scheme for scheme in self.schemes.values() if name in scheme.states), None)
        return () if scheme is None else tuple(transition.rate for transition in scheme.transitions)
