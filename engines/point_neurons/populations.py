"""Populations of a network, made ready for kernels: constants, states at time 0, background, what comes in and what is recorded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, Setup
from engines.point_neurons.connections.projections import neurons_of
from engines.point_neurons.connections.quanta import receptor_and_weight
from engines.point_neurons.description import read_model
from engines.point_neurons.kernels.constants import constants_of, initial_of, parameters_of
from engines.point_neurons.kernels.variant import Variant
from engines.point_neurons.layout import LANES
from engines.point_neurons.params import DriveInput, Network, RateInput
from engines.point_neurons.params import Population as Given
from engines.point_neurons.plan import Population, Source
from engines.point_neurons.recorded import columns_of


def make_populations(network: Network, seed: int, quanta: Sequence[NDArray[np.float64]], setup: Setup) -> list[Population]:
    """Every population of neurons, in order."""
    columns = columns_of(network)
    groups, found, channel = {name: g for g, name in enumerate(network.populations)}, [], 0
    first = {}
    for name, item in network.populations.items():
        first[name], channel = channel, channel + item.size
    for (name, given), quantum in zip(neurons_of(network).items(), quanta, strict=True):
        try:
            found.append(_population(name, groups[name], first[name], given, network, seed, quantum, setup, columns))
        except CosimError as error:
            raise error.located(f"params.populations.{name}") from None
    return found


def _population(
    name: str, group: int, first_channel: int, given: Given, network: Network, seed: int, quanta: NDArray[np.float64], setup: Setup,
    columns: Mapping[str, Sequence[tuple[str, int]]],
) -> Population:  # fmt: skip
    described, equations = read_model(given.model)
    parameters = parameters_of(name, given, seed)
    constants = constants_of(given, parameters, quanta.tolist(), network.dt)
    drives = {port: item for port, item in network.inputs.items() if isinstance(item, DriveInput) and item.target == name}
    connected = {port: item for port, item in drives.items() if port in setup.inputs}
    common = {item.input: port for port, item in connected.items() if not item.each}
    each = {item.input: port for port, item in connected.items() if item.each}
    lanes = _lanes(given.size, network.threads * _ranks(setup))
    constants |= {f"1own_{symbol}": float(k * lanes) for k, symbol in enumerate(each)}
    recorded = [port for port, entries in columns.items() if any(owner == name for owner, _ in entries)]
    regional = tuple(symbol for symbol, value in constants.items() if np.ndim(value))
    noisy = tuple(state for state in equations.noise if not _is_silent(equations.noise[state].names(), parameters))
    if noisy and given.scheme in ("exact", "quadratic"):
        why = f"{', '.join(noisy)} has noise"
        raise CosimError(f"{given.scheme} integration takes no noise", why=why, mend="integrator: heun, or exponential_euler")
    variant = Variant(
        given.model.stem, described, equations, given.scheme, tuple(symbol for symbol in constants if symbol not in regional),
        regional, tuple(common), tuple(each), tuple(recorded), noisy,
    )  # fmt: skip
    initial = initial_of(name, given, parameters, seed)
    rows = np.array([*initial.values(), np.zeros(given.size), np.zeros(given.size)])
    first_column = np.cumsum([0, *(len(entries) for entries in columns.values())]).tolist()
    observed = [
        (neuron, recorded.index(port), first_column[k] + column)
        for k, (port, entries) in enumerate(columns.items())
        for column, (owner, neuron) in enumerate(entries)
        if owner == name
    ]
    shortest = float(np.min(constants.get("1refractory", 0.0))) if given.scheme == "quadratic" else 0.0
    if given.scheme == "quadratic" and not shortest > 0.0:
        raise CosimError(
            "quadratic integration needs refractoriness", why="spikes are not bound to steps", mend="refractory: a time"
        )
    most = 2 + math.floor(network.dt / 1e9 / shortest) if shortest else 1 + described.spike.is_counted
    background = list(_background(name, given, network, quanta, setup))
    return Population(
        name,
        given.size,
        group,
        first_channel,
        variant,
        constants,
        rows,
        background,
        list(common.values()),
        list(each.values()),
        observed,
        most,
        seed,
    )


def _ranks(setup: Setup) -> int:
    return 1 if setup.comm is None else int(setup.comm.size)


def _lanes(size: int, parts: int) -> int:
    """Of a population in a part."""
    in_part = math.ceil(size / parts)
    return math.ceil(in_part / LANES) * LANES


def _is_silent(names: frozenset[str], parameters: Mapping[str, float | NDArray[np.float64]]) -> bool:
    """Whether noise is a parameter alone, and that is 0."""
    return len(names) == 1 and not np.any(np.asarray(parameters.get(next(iter(names)), 1.0)))


def _background(name: str, given: Given, network: Network, quanta: NDArray[np.float64], setup: Setup) -> list[Source]:
    found = []
    for key, item in given.poisson.items():
        if item.rate > 0:
            receptor, weight = receptor_and_weight(network, name, item)
            found.append(Source(key, item.rate, "", False, round(weight / quanta[receptor]), receptor))
    for port, given_input in network.inputs.items():
        if isinstance(given_input, RateInput) and given_input.target == name and port in setup.inputs:
            receptor, weight = receptor_and_weight(network, name, given_input)
            found.append(Source(f"input {port}", None, port, given_input.each, round(weight / quanta[receptor]), receptor))
    return found
