"""Refractory times, which are whole numbers of steps: given ones must be, drawn ones are rounded."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, format_ns
from engines.equations.dimensions import si_factor
from engines.equations.expression import Expression
from engines.equations.quantities import number
from engines.point_neurons.description import read_model
from engines.point_neurons.params import Distribution, Population


def value_of(expression: Expression, named: Mapping[str, Expression], values: Mapping[str, object]) -> object:
    """An expression of parameters, and of named expressions of them."""
    known = dict(values)
    for name, inner in named.items():
        if inner.names() <= known.keys():
            known[name] = inner.value(known)
    return expression.value(known)


def refractory_steps(population: Population, parameters: Mapping[str, object], dt_ns: int) -> NDArray[np.float64]:
    """Of a model that has such times, from parameters in SI units: one number, or one for each neuron.

    Raises
    ------
    CosimError
        One that is given is not a whole number of steps; yet to be located.
    """
    described, equations = read_model(population.model)
    assert described.parts.refractory is not None
    times_ns = np.asarray(value_of(described.parts.refractory, equations.expressions, parameters), np.float64) * 1e9
    steps: NDArray[np.float64] = np.rint(times_ns / dt_ns)
    off = np.abs(steps * dt_ns - times_ns) > 0.5  # more than half a ns
    if off.any() and not _is_drawn(population):
        raise CosimError(
            f"a refractory time of {times_ns[off].flat[0] / 1e6:g} ms is not a whole number of {format_ns(dt_ns)} steps",
            mend=f"nearest: {format_ns(round(steps[off].flat[0]) * dt_ns)}",
        )
    return steps


def _used(population: Population) -> list[str]:
    """Parameters on which the refractory time rests."""
    described, equations = read_model(population.model)
    return [] if described.parts.refractory is None else sorted(equations.symbols_of(described.parts.refractory))


def _is_drawn(population: Population) -> bool:
    return any(isinstance(population.parameters.get(name), Distribution) for name in _used(population))


def refuse_broken_steps(population: Population, dt_ns: int) -> None:
    """The CosimError of ``refractory_steps`` from what is given, before anything is drawn."""
    described = population.description
    if described.parts.refractory is None or population.scheme == "quadratic" or _is_drawn(population):
        return
    values = dict[str, object]()
    for name in _used(population):
        item = described.parameters[name]
        given = population.parameters.get(name, item.default)
        try:
            numbers = [number(value, item.unit) for value in (given if isinstance(given, list) else [given])]
        except CosimError:
            return  # of a unit that does not fit, which is told of the parameter
        values[name] = np.array(numbers) * si_factor(item.unit)
    refractory_steps(population, values, dt_ns)
