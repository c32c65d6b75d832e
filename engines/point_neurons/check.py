"""What the types of the parameters cannot say: names that must exist, pairs that must fit. All faults are told at once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from cosim.sdk import CosimError, did_you_mean
from cosim.sdk.errors import raise_all
from engines.equations.dimensions import si_factor
from engines.equations.quantities import number
from engines.equations.stepping import refuse_misfits
from engines.point_neurons.connections.checks import check_projections
from engines.point_neurons.connections.lists import Edges
from engines.point_neurons.connections.positions import position_faults
from engines.point_neurons.connections.projections import neurons_of
from engines.point_neurons.connections.receptors import receptor_of
from engines.point_neurons.description import read_model
from engines.point_neurons.distributions import numbers_of
from engines.point_neurons.generators import spikes_of
from engines.point_neurons.kernels.refractory import refuse_broken_steps
from engines.point_neurons.kernels.variant import linear_part
from engines.point_neurons.params import (
    Distribution,
    DriveInput,
    Generator,
    ModulatorInput,
    Network,
    Population,
    SpikesInput,
    Value,
)
from engines.point_neurons.plasticity.checks import check_plasticity

OUTPUTS = ("spikes", "rate")


def check(params: Network, edges: Mapping[str, Edges] | None = None) -> None:
    """Raise a CosimError, or a ScenarioError for several, when the network cannot be built; ``edges`` as ``connect`` takes them."""
    raise_all(
        [*_populations(params), *_generators(params), *check_projections(params, edges), *_inputs(params), *_recorded(params)]
    )
    raise_all(check_plasticity(params, (*OUTPUTS, *params.record, *params.inputs)))


def _populations(params: Network) -> Iterator[CosimError]:
    for name, population in neurons_of(params).items():
        where, described = f"params.populations.{name}", population.description
        for section, known in (("parameters", described.parameters), ("initial", described.states)):
            for symbol, value in getattr(population, section).items():
                at = f"{where}.{section}.{symbol}"
                if symbol not in known:
                    what = f"{population.model.stem} has no {'parameter' if section == 'parameters' else 'state'} {symbol!r}"
                    yield CosimError(what, where=at, mend=did_you_mean(symbol, known))
                    continue
                item = known[symbol]
                yield from (fault.located(at) for fault in _value(symbol, value, item.unit, population.size, item.beyond))
        yield from _scheme(population, where)
        yield from _refractory(population, params.dt, where)
        yield from position_faults(population, where)
        for key, source in population.poisson.items():
            yield from _spike(params, name, source.weight, source.receptor, f"{where}.poisson.{key}")


def _generators(params: Network) -> Iterator[CosimError]:
    """Faults of the spikes that are given, in the scenario or in files."""
    for name, population in params.populations.items():
        if isinstance(population, Generator):
            try:
                spikes_of(population, name)
            except CosimError as error:
                yield error.located(f"params.populations.{name}.{'file' if population.times is None else 'times'}")


def _value(symbol: str, value: Value, unit: str, size: int, beyond: Callable[[float], str]) -> Iterator[CosimError]:
    """Faults of what a parameter or state is given."""
    if isinstance(value, Distribution):
        try:
            least, largest = numbers_of(value, unit).bounds
        except CosimError as error:
            yield error
            return
        if value.kind == "uniform":  # the others may reach far, and are held to it as they are drawn
            yield from _reach(symbol, least, largest, unit, beyond)
        return
    values = value if isinstance(value, list) else [value]
    if isinstance(value, list) and len(value) != size:
        yield CosimError(f"{len(value)} values for {size} neurons", mend="give one for all, one for each, or a distribution")
    for item in values:
        try:
            found = number(item, unit)
        except CosimError as error:
            yield error
            return
        if why := beyond(found):
            yield CosimError(f"{symbol} is {found:g} {unit}".removesuffix(" 1"), why=why)
            return


def _reach(symbol: str, least: float, largest: float, unit: str, beyond: Callable[[float], str]) -> Iterator[CosimError]:
    """Faults of the ends of a uniform distribution, which are not drawn themselves where they differ."""
    ends = {"low": math.nextafter(least, largest), "high": math.nextafter(largest, least)}
    for key, end in ends.items():
        if why := beyond(end):
            what = f"{symbol} is drawn from {least:g} to {largest:g} {unit}".removesuffix(" 1")
            yield CosimError(what, why=why, mend=f"{key}: … leaves out what is {'below' if key == 'low' else 'above'} it")
            return


def _scheme(population: Population, where: str) -> Iterator[CosimError]:
    """A CosimError where the equations cannot be integrated as the scenario or the model says."""
    described, equations = read_model(population.model)
    scheme = population.scheme
    try:
        if scheme == "exact" or scheme == "quadratic":
            linear_part(described, equations, scheme)
        else:
            refuse_misfits(equations, "rk4" if scheme == "semi_exact" else scheme, tuple(equations.noise))
    except CosimError as error:
        yield error.located(f"{where}.integrator" if population.integrator else where)


def _refractory(population: Population, dt_ns: int, where: str) -> Iterator[CosimError]:
    try:
        refuse_broken_steps(population, dt_ns)
    except CosimError as error:
        yield error.located(f"{where}.parameters")


def _spike(params: Network, target: str, weight: float | str | None, receptor: str | None, where: str) -> Iterator[CosimError]:
    """Faults of the weight of a background spike, or of one of a rate."""
    try:
        receptor_of(neurons_of(params)[target].description, receptor, lambda unit: (number(weight, unit),) * 2)
    except CosimError as error:
        yield error.located(f"{where}.weight")


def _inputs(params: Network) -> Iterator[CosimError]:
    neurons = neurons_of(params)
    taken = dict[tuple[str, str], str]()
    for name, port in params.inputs.items():
        where = f"params.inputs.{name}"
        if name in (*OUTPUTS, *params.record) or name in params.populations:
            what = f"the name {name!r} is taken by {'a population' if name in params.populations else 'an output'}"
            yield CosimError(what, where=where, mend="choose another")
        if isinstance(port, (SpikesInput, ModulatorInput)):
            continue
        if port.target not in neurons:
            yield _unknown(port.target, neurons, f"{where}.to")
        elif not isinstance(port, DriveInput):
            yield from _spike(params, port.target, port.weight, port.receptor, where)
        elif port.input not in (inputs := neurons[port.target].description.inputs):
            what = f"{neurons[port.target].model.stem} has no input {port.input!r}"
            yield CosimError(what, where=f"{where}.input", mend=did_you_mean(port.input, inputs))
        elif (other := taken.setdefault((port.target, port.input), name)) != name:
            what = f"{port.input} of {port.target} comes over {other!r} already"
            yield CosimError(what, where=where, mend="link both sources to that port: they are summed")


def _recorded(params: Network) -> Iterator[CosimError]:
    neurons = neurons_of(params)
    for port, selected in params.record.items():
        where, units = f"params.record.{port}", dict[str, str]()
        if port in OUTPUTS:
            yield CosimError(f"{port} is always given out", where=where, mend="leave it out of record")
            continue
        if not any(selected.values()):
            yield CosimError("nothing is chosen", where=where, mend="name populations, and their neurons or all")
        for name, chosen in selected.items():
            if name not in neurons:
                yield _unknown(name, neurons, f"{where}.{name}")
                continue
            described, equations = read_model(neurons[name].model)
            if port not in {*described.outputs, *described.states}:
                what = f"{neurons[name].model.stem} has no output or state {port!r}"
                yield CosimError(what, where=f"{where}.{name}", mend=did_you_mean(port, [*described.outputs, *described.states]))
                continue
            units[name] = described.outputs[port].unit if port in described.outputs else described.states[port].unit
            used = equations.symbols_of(equations.outputs[port]) if port in equations.outputs else frozenset[str]()
            if moving := sorted(used & {*described.inputs, *described.receptors}):
                what = f"{port} rests on {', '.join(moving)}, which is held over a step and then gone"
                yield CosimError(what, where=f"{where}.{name}", mend="record outputs of states and parameters")
            size = neurons[name].size
            if isinstance(chosen, list) and (twice := [neuron for neuron, count in Counter(chosen).items() if count > 1]):
                yield CosimError(f"neuron {twice[0]} of {name} is named twice", where=f"{where}.{name}", mend="name each once")
            if isinstance(chosen, list) and chosen and max(chosen) >= size:
                yield CosimError(
                    f"{name} has no neuron {max(chosen)}", where=f"{where}.{name}", why=f"it has {size}, counted from 0"
                )
        if len({si_factor(unit) for unit in units.values()}) > 1:
            told = ", ".join(f"{unit} of {name}" for name, unit in units.items())
            yield CosimError("one port has one unit", where=where, why=told, mend="give outputs of the models names of their own")


def _unknown(name: str, known: Iterable[str], where: str) -> CosimError:
    return CosimError(f"there is no population of neurons {name!r}", where=where, mend=did_you_mean(name, list(known)))
