"""A network with all its draws made: parameters, positions, synapses and spikes as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.equations.dimensions import si_factor
from engines.point_neurons.connections.positions import dimensions_of, positions_of
from engines.point_neurons.connections.projections import groups_of, neurons_of
from engines.point_neurons.params import Generator, Network, Population
from engines.sonata_network.listed import edges_for
from engines.sonata_network.templates import TEMPLATES, Template

MOST_PAIRS = 200_000_000
"""Of a projection of all onto all, which stores no synapses here but would in a file."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Synapse:
    """Synapses, E of them, as NEST takes them: weights onto the second receptor of conductance models are below 0."""

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    weight: Floats
    delay_ms: Floats


class Realised:
    """One network of those that parameters allow.

    Parameters
    ----------
    seed
        Of all draws.
    """

    def __init__(self, network: Network, seed: int) -> None:
        from engines.point_neurons.connections.connect import connect  # compiles
        from engines.point_neurons.connections.quanta import quanta_of
        from engines.point_neurons.layout import Layout

        self._network, self._seed, self._neurons = network, seed, neurons_of(network)
        sizes = tuple(population.size for population in self._neurons.values())
        receptors = tuple(len(population.description.receptors) for population in self._neurons.values())
        layout = Layout(tuple(self._neurons), sizes, (1,) * len(sizes), receptors)
        edges = edges_for(network)
        self._synapses, _, self._wiring = connect(network, seed, layout, {}, quanta_of(network, edges), edges=edges)

    def parameters(self, name: str) -> dict[str, float | Floats]:
        """Of a population, by NEST's names and in its units; states at time 0 among them."""
        from engines.point_neurons.kernels.constants import initial_of, parameters_of

        population = self._neurons[name]
        described, template = population.description, _template(population)
        values = parameters_of(name, population, self._seed)
        states = initial_of(name, population, values, self._seed)
        found: dict[str, float | Floats] = {}
        for key in (*template.parameters, *template.states):
            own = template.own(key)
            unit = (described.states if key in template.states else described.parameters)[own].unit
            value = np.asarray(states[own] if key in template.states else values[own]) / si_factor(unit)
            found[key] = _exact(float(value.flat[0])) if (value == value.flat[0]).all() else value
        return found

    def positions(self, name: str) -> Floats:
        """(neurons, 2 or 3) µm; (neurons, 0) where there are none."""
        population = self._network.populations.get(name)
        if not isinstance(population, Population) or dimensions_of(population) is None:
            return np.empty((groups_of(self._network)[name], 0))
        return positions_of(name, population, self._seed)

    def trains(self, name: str) -> tuple[Floats, NDArray[np.int64]]:
        """Times in ms of a generator's spikes, and the neuron of each."""
        from engines.point_neurons.generators import spikes_of

        generator = self._network.populations[name]
        assert isinstance(generator, Generator)
        times, neurons = spikes_of(generator)
        return times / 1e6, neurons

    def synapses(self, name: str) -> Synapse:
        """All of a projection."""
        mean = [each for each in self._wiring.mean if each.plan.name == name]
        if mean:
            return self._everybody(name)
        found = self._wiring.listing(name, self._synapses)
        plans = [each.plan for each in self._wiring.stored if each.plan.name == name]
        exact = len(plans) == 1 and not plans[0].has_own_weights  # what is stored is rounded, to some 12 digits
        weight = np.full(len(found.source), plans[0].weight_bounds[0]) if exact else found.weight
        weight = self._signed(name, plans[0].receptor, weight)
        return Synapse(found.source, found.target, weight, found.delay_ms)

    # -- inside ------------------------------------------------------------------------------------------------------------------

    def _signed(self, name: str, receptor: int, weight: Floats) -> Floats:
        target = self._neurons[self._network.projections[name].target]
        template = _template(target)
        inhibits = template.is_conductance and list(target.description.receptors)[receptor] == template.receptors[1]
        return -weight if inhibits else weight

    def _everybody(self, name: str) -> Synapse:
        """Each source with each target, as a projection of all onto all means it."""
        each = next(each for each in self._wiring.mean if each.plan.name == name)
        plan, dt_ms = each.plan, self._network.dt / 1e6
        if plan.sources * plan.targets > MOST_PAIRS:
            what = f"projection {name} has {plan.sources * plan.targets} synapses"
            raise CosimError(what, why=f"at most {MOST_PAIRS} pairs of a projection of all onto all are written")
        source, target = np.divmod(np.arange(plan.sources * plan.targets), plan.targets)
        kept = source != target if plan.is_alone else np.ones(len(source), bool)
        count = int(kept.sum())
        weight = self._signed(name, plan.receptor, np.full(count, plan.weight_bounds[0]))
        delay = np.full(count, (each.steps.constant or 0) * dt_ms + each.steps.link_ns / 1e6)
        return Synapse(source[kept], target[kept], weight, delay)


def _template(population: Population) -> Template:
    return next(template for template in TEMPLATES.values() if template.model == population.model.stem)


def _exact(value: float) -> float:
    """Without the last digit, which changing units has made: 2.0 ms, not 2.0000000000000004."""
    return float(f"{value:.15g}")
