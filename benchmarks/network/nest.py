"""A network in NEST, from the parameters of ours: models, rules and units have the same names."""

from __future__ import annotations

from typing import Any

from engines.equations.quantities import number
from engines.point_neurons import Network
from engines.point_neurons.params import Distribution

_COUNTS = {
    "fixed_indegree": ("indegree", "indegree"),
    "fixed_total_number": ("number", "N"),
    "fixed_outdegree": ("outdegree", "outdegree"),
}


def build(nest: Any, network: Network, seed: int, threads: int) -> dict[str, Any]:
    """Populations by name, connected; a spike recorder on all."""
    nest.ResetKernel()
    nest.set(resolution=network.dt / 1e6, local_num_threads=threads, rng_seed=seed, overwrite_files=False)
    nest.verbosity = nest.VerbosityLevel.ERROR
    cells = {}
    for name, population in network.populations.items():
        described = population.description
        units = {symbol: item.unit for section in (described.parameters, described.states) for symbol, item in section.items()}
        given = {symbol: number(value, units[symbol]) for symbol, value in population.parameters.items()}
        cells[name] = nest.Create(population.model.stem, population.size, params=given)
        for symbol, value in population.initial.items():
            cells[name].set({"V_m" if symbol == "V" else symbol: _drawn(nest, value, units[symbol])})
        for background in population.poisson.values():
            generator = nest.Create("poisson_generator", params={"rate": background.rate})
            synapse = {"weight": number(background.weight, _unit(network, name)), "delay": network.dt / 1e6}
            nest.Connect(generator, cells[name], syn_spec=synapse)
    for projection in network.projections.values():
        key, theirs = _COUNTS[projection.rule]
        rule = {"rule": projection.rule, theirs: getattr(projection, key)}
        unit = _unit(network, projection.target)
        synapse = {"weight": _drawn(nest, projection.weight, unit), "delay": _drawn(nest, projection.delay, "ms", network.dt / 2e6)}
        nest.Connect(cells[projection.source], cells[projection.target], rule, synapse)
    return cells


def _unit(network: Network, target: str) -> str:
    """Of the weights onto a population: the same at all receptors of these models."""
    return next(iter(network.populations[target].description.receptors.values())).weight


def _drawn(nest: Any, value: Any, unit: str, least: float | None = None) -> Any:
    """A number, or NEST's way to draw one; what is below ``least`` is drawn again, as delays of less than half a step are."""
    if not isinstance(value, Distribution):
        return number(value, unit)
    first, second = (number(item, unit) for item in getattr(value, value.kind))
    found = nest.random.uniform(min=first, max=second) if value.kind == "uniform" else nest.random.normal(mean=first, std=second)
    if value.low is None and value.high is None and least is None:
        return found
    low, high = (number(limit, unit) if limit is not None else far for limit, far in ((value.low, -1e9), (value.high, 1e9)))
    low = max(low, -1e9 if least is None else least)
    return nest.math.redraw(found, min=low, max=high)
