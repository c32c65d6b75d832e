"""Constants of a population, in SI units: parameters, and what kernels want worked out before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.equations.description import Equations, Parameter, State
from engines.equations.dimensions import si_factor
from engines.equations.randoms import key_of
from engines.point_neurons.description import read_model
from engines.point_neurons.draws import draw_values
from engines.point_neurons.kernels.exact import LinearEquations
from engines.point_neurons.kernels.refractory import refractory_steps, value_of
from engines.point_neurons.kernels.source import added, propagator
from engines.point_neurons.kernels.variant import Quadratic, drowsy, linear_part, quadratic_part
from engines.point_neurons.params import Distribution, Population, Value

Numbers = float | NDArray[np.float64]


def parameters_of(name: str, population: Population, seed: int) -> dict[str, Numbers]:
    """Values of all parameters of the model: one number, or one for each neuron.

    Raises
    ------
    CosimError
        A drawn one is beyond the bounds of the parameter.
    """
    described, found = population.description, dict[str, Numbers]()
    for symbol, parameter in described.parameters.items():
        if symbol in population.parameters:
            key = key_of(seed, "parameters", name, symbol)
            found[symbol] = draw_values(population.parameters[symbol], parameter.unit, population.size, key)
            _hold(population.parameters[symbol], found[symbol], symbol, parameter, f"params.populations.{name}.parameters.{symbol}")
        else:
            found[symbol] = parameter.default * si_factor(parameter.unit)
    return found


def initial_of(name: str, population: Population, parameters: Mapping[str, Numbers], seed: int) -> dict[str, NDArray[np.float64]]:
    """(size,) of every state at time 0; a CosimError where a drawn one is beyond the bounds of the state."""
    described, equations = read_model(population.model)
    found = {}
    for symbol, state in described.states.items():
        if symbol in population.initial:
            key = key_of(seed, "initial", name, symbol)
            value: object = draw_values(population.initial[symbol], state.unit, population.size, key)
            _hold(population.initial[symbol], value, symbol, state, f"params.populations.{name}.initial.{symbol}")
        elif symbol in described.parts.initial:
            value = value_of(described.parts.initial[symbol], equations.expressions, parameters)
        else:
            value = state.initial * si_factor(state.unit)
        found[symbol] = np.array(np.broadcast_to(np.asarray(value, np.float64), population.size))
    return found


def _hold(given: Value, values: object, symbol: str, item: Parameter | State, where: str) -> None:
    """A CosimError where what is drawn is beyond the bounds of the model: the reach of most distributions is, but practically
    never what is drawn of them."""
    if not isinstance(given, Distribution):
        return  # checked before
    numbers = np.asarray(values, np.float64) / si_factor(item.unit)
    for key, neuron in (("low", int(np.argmin(numbers))), ("high", int(np.argmax(numbers)))):
        found = float(numbers[neuron])
        if why := item.beyond(found) if np.isfinite(found) else "it is not finite":
            what = f"{symbol} of neuron {neuron} is drawn as {found:g} {item.unit}".removesuffix(" 1")
            bounded = f"add {key}: … to the distribution, or make it narrower"
            mend = "a smaller half width" if given.kind == "lorentzian" else bounded
            raise CosimError(what, where=where, why=why, mend=mend)


def constants_of(
    population: Population, parameters: Mapping[str, Numbers], quanta: Sequence[float], dt_ns: int
) -> dict[str, Numbers]:
    """All constants of the kernels, derived ones under names that begin with a digit.

    Parameters
    ----------
    quanta
        Of each receptor, in the SI unit of its weights.
    """
    described, equations = read_model(population.model)
    found: dict[str, Numbers] = dict(parameters)
    found |= {f"1quantum_{name}": quantum for name, quantum in zip(described.receptors, quanta, strict=True)}
    for (receptor, state), slope in described.parts.adds.items():
        found[added(receptor, state)] = _number(value_of(slope, equations.expressions, parameters))
    dt_s = dt_ns / 1e9
    if population.scheme in ("exact", "semi_exact", "quadratic"):
        linear = linear_part(described, equations, population.scheme)
        dozing, states = linear.without({*described.spike.holds}), drowsy(described, linear)
        for span, part in (("", 1.0), ("half ", 0.5)) if population.scheme == "semi_exact" else (("", 1.0),):
            found |= _propagators(linear, equations, parameters, part * dt_s, linear.states, span)
            found |= _propagators(dozing, equations, parameters, part * dt_s, states, f"{span}dozing ")
        if population.scheme == "quadratic":
            found |= _propagators(linear, equations, parameters, dt_s, linear.states, "mean ")
    refractory = described.parts.refractory
    if population.scheme == "quadratic":
        found |= _of_quadratic(quadratic_part(described, equations), parameters)
        if refractory is not None:
            found["1refractory"] = _number(value_of(refractory, equations.expressions, parameters))
    elif refractory is not None:
        found["1refractory"] = _number(refractory_steps(population, parameters, dt_ns))
    return found


def _propagators(
    linear: LinearEquations,
    equations: Equations,
    parameters: Mapping[str, Numbers],
    span_s: float,
    states: Sequence[str],
    kind: str,
) -> dict[str, Numbers]:
    """Entries that move some of the states over a span of time; of kind ``mean`` those of their means over it."""
    if not states:
        return {}
    matrix, pattern, columns = (
        linear.propagator(equations, parameters, span_s, is_mean=kind == "mean "),
        linear.pattern(),
        [*linear.states, *linear.held, ""],
    )
    return {
        propagator(state, name, kind): _number(matrix[..., row, k])
        for row, state in enumerate(linear.states)
        if state in states
        for k, name in enumerate(columns)
        if pattern[row, k]
    }


def _of_quadratic(quadratic: Quadratic, parameters: Mapping[str, Numbers]) -> dict[str, Numbers]:
    values = {**parameters, quadratic.state: 0.0}
    square = 0.5 * np.asarray(value_of(quadratic.square, quadratic.expressions, values))
    half = 0.5 * np.asarray(value_of(quadratic.slope, quadratic.expressions, values))
    peak, reset = (np.asarray(value_of(e, quadratic.expressions, values)) for e in (quadratic.peak, quadratic.reset))
    found = {"1square": square, "1half_slope": half, "1peak": square * peak + half, "1reset": square * reset + half}
    return {name: _number(value) for name, value in found.items()}


def _number(value: object) -> Numbers:
    found = np.asarray(value, np.float64)
    return float(found) if found.ndim == 0 else found
