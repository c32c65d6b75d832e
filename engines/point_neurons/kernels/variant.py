"""What code a population needs: its model and scheme, which numbers are one for all neurons and which are not, what is recorded."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from cosim.sdk import CosimError
from engines.equations.derivative import Derivatives
from engines.equations.description import Equations
from engines.equations.expression import Expression, read
from engines.point_neurons.description import NeuronDescription, Scheme
from engines.point_neurons.kernels.exact import LinearEquations, free_states, linear_equations


@dataclass(frozen=True, eq=False)
class Variant:
    """One kind of code.

    Attributes
    ----------
    uniform, regional
        Constants that are one number for the population, and those that each neuron has its own of; parameters by their names,
        derived ones by names that begin with a digit.
    common, each
        Inputs of the model that come with one channel for all neurons, and with one each; others are 0.
    observed
        What is recorded.
    """

    name: str
    description: NeuronDescription
    equations: Equations
    scheme: Scheme
    uniform: tuple[str, ...]
    regional: tuple[str, ...]
    common: tuple[str, ...]
    each: tuple[str, ...]
    observed: tuple[str, ...]
    noisy: tuple[str, ...]

    @property
    def key(self) -> tuple[object, ...]:
        """Populations with equal keys share code."""
        return (self.description.model_dump_json(), *(getattr(self, name) for name in _PLAIN))

    @property
    def states(self) -> list[str]:
        return list(self.description.states)

    @property
    def slots(self) -> int:
        """Numbers that a neuron keeps: its states, what is left of being refractory, and a mark."""
        return len(self.states) + 2

    @property
    def receptors(self) -> list[str]:
        return list(self.description.receptors)

    @cached_property
    def linear(self) -> LinearEquations:
        """Of the states that move exactly."""
        return linear_part(self.description, self.equations, self.scheme)

    @cached_property
    def dozing(self) -> LinearEquations:
        """The same in a refractory neuron."""
        return self.linear.without({*self.description.spike.holds})

    @cached_property
    def drowsy(self) -> list[str]:
        """States that move, and otherwise in a refractory neuron: they rest on ones that it holds."""
        return drowsy(self.description, self.linear)

    @cached_property
    def quadratic(self) -> Quadratic:
        return quadratic_part(self.description, self.equations)


_PLAIN = ("scheme", "uniform", "regional", "common", "each", "observed", "noisy")


@dataclass(frozen=True, eq=False)
class Quadratic:
    """A state with V' = a V² + b V + c, a and b of parameters, and what happens at its peak.

    Attributes
    ----------
    square, slope
        a and b. ``slope`` may have V in it, to be taken as 0.
    expressions
        Named ones on which they rest.
    peak, reset
        Of parameters.
    """

    state: str
    square: Expression
    slope: Expression
    expressions: Mapping[str, Expression]
    peak: Expression
    reset: Expression


def linear_part(description: NeuronDescription, equations: Equations, scheme: Scheme) -> LinearEquations:
    """Of the states that a scheme moves exactly: all, all but the quadratic one, or those that rest on no others.

    Raises
    ------
    CosimError
        The equations cannot be integrated by the scheme.
    """
    held = [*description.inputs, *description.receptors]
    if scheme == "semi_exact":
        plain = [name for name, state in description.states.items() if state.clamp == (None, None) and name not in equations.noise]
        return linear_equations(equations, free_states(equations, plain, held), held)
    if bounded := [name for name, state in description.states.items() if state.clamp != (None, None)]:
        why = f"{', '.join(bounded)} has a clamp"
        raise CosimError(f"{scheme} integration keeps no state in bounds", why=why, mend="use scheme: semi_exact or rk4")
    quick = {quadratic_part(description, equations).state} if scheme == "quadratic" else set()
    return linear_equations(equations, [state for state in description.states if state not in quick], held)


def drowsy(description: NeuronDescription, linear: LinearEquations) -> list[str]:
    """States that move exactly and are not held, but rest on ones that a refractory neuron holds."""
    pattern, holds = linear.pattern(), description.spike.holds
    held = [k for k, state in enumerate(linear.states) if state in holds]
    return [state for row, state in enumerate(linear.states) if state not in holds and pattern[row, held].any()]


def quadratic_part(description: NeuronDescription, equations: Equations) -> Quadratic:
    """A CosimError where there is none."""
    parts, spike = description.parts, description.spike
    text = read(spike.when or "0")
    match text.tree:
        case ast.Compare(left=ast.Name(id=state), ops=[ast.GtE()], comparators=[peak]) if state in description.states:
            bound = Expression(ast.unparse(peak), peak)
        case _:
            raise CosimError("scheme quadratic needs a spike at a bound", why=f"when: {spike.when}", mend="write when: V >= peak")
    if list(spike.reset) != [state] or not equations.symbols_of(bound, parts.reset[state]) <= description.parameters.keys():
        raise CosimError("scheme quadratic resets its state, and nothing else", mend="reset it to an expression of parameters")
    derivatives = Derivatives()
    for name, expression in equations.expressions.items():
        derivatives.add(name, expression)
    slope = derivatives.of(equations.derivatives[state], state)
    derivatives.add("1slope", slope)
    twice = derivatives.of(slope, state)
    if isinstance(twice.tree, ast.Constant) and twice.tree.value == 0.0:
        why = f"its derivative has no square of it: {equations.derivatives[state].text}"
        raise CosimError(f"{state!r} cannot be integrated quadratically", why=why, mend="use integrator: exact, or rk4")
    found = Equations(equations.dimensions, derivatives.expressions, {}, {}, {})
    if not found.symbols_of(twice) <= description.parameters.keys() or not found.symbols_of(slope) <= {
        *description.parameters,
        state,
    }:
        why = f"its derivative is not a V² + b V + c with a and b of parameters: {equations.derivatives[state].text}"
        raise CosimError(f"{state!r} cannot be integrated quadratically", why=why, mend="use scheme: rk4")
    return Quadratic(state, twice, slope, derivatives.expressions, bound, parts.reset[state])
