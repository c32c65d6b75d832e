"""The unit that a ring of arriving spikes counts in: for each population and receptor a power of two.

Weights are rounded to whole quanta, some 2^-40 of the largest onto the receptor. Sums of whole numbers do not depend on their
order, so a network may be spread over threads, processes and engines anywhere; 2^23 of the largest weights may arrive in a step.
The quantum follows from the parameters of what ends in the population alone, so all processes agree on it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from engines.equations.dimensions import si_factor
from engines.equations.quantities import number
from engines.point_neurons.connections.lists import Edges
from engines.point_neurons.connections.projections import neurons_of, plans_of
from engines.point_neurons.connections.receptors import receptor_of
from engines.point_neurons.params import Background, Network, RateInput

_FINEST = 40


def quanta_of(network: Network, edges: Mapping[str, Edges] | None = None) -> list[NDArray[np.float64]]:
    """Of each population of neurons, (receptors,) in SI units; of a receptor that nothing arrives at, 1.

    Parameters
    ----------
    edges
        Synapses of projections whose rule is ``sonata``, by their names.
    """
    largest = [np.zeros(len(population.description.receptors)) for population in neurons_of(network).values()]
    for plan in plans_of(network, edges):
        weight = max(map(abs, plan.weight_bounds)) * si_factor(plan.unit)
        largest[plan.population][plan.receptor] = max(largest[plan.population][plan.receptor], weight)
    for population, receptor, weight in _poisson_weights(network):
        largest[population][receptor] = max(largest[population][receptor], abs(weight))
    return [np.array([quantum_of(weight) for weight in of_population]) for of_population in largest]


def quantum_of(largest: float) -> float:
    """A power of two between 2^-40 and 2^-39 of the largest weight."""
    return math.ldexp(1.0, math.frexp(largest)[1] - _FINEST) if largest else 1.0


def _poisson_weights(network: Network) -> Iterator[tuple[int, int, float]]:
    """Population, receptor and weight in SI units of all backgrounds and rate inputs."""
    names = list(neurons_of(network))
    for name, population in neurons_of(network).items():
        for background in population.poisson.values():
            yield names.index(name), *receptor_and_weight(network, name, background)
    for port in network.inputs.values():
        if isinstance(port, RateInput):
            yield names.index(port.target), *receptor_and_weight(network, port.target, port)


def receptor_and_weight(network: Network, target: str, spikes: Background | RateInput) -> tuple[int, float]:
    """Which receptor of ``target`` Poisson spikes act on, and the weight of each in SI units; a CosimError, yet to be located."""

    def bounds(unit: str) -> tuple[float, float]:
        weight = number(spikes.weight, unit)
        return weight, weight

    receptors = neurons_of(network)[target].description.receptors
    receptor = receptor_of(neurons_of(network)[target].description, spikes.receptor, bounds)
    unit = list(receptors.values())[receptor].weight
    return receptor, number(spikes.weight, unit) * si_factor(unit)
