"""What moves during a run: inputs that are fed, parameters that vary, change or are stimulated, as rows of every step."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import Window
from engines.equations.dimensions import si_factor
from engines.neural_mass.network import Network
from engines.neural_mass.params import StimulusParams
from engines.neural_mass.symbols import Symbols
from engines.neural_mass.values import by_region, number, unit_of

Floats = NDArray[np.float64]


class Drives:
    """Rows of every driven symbol, in SI units.

    A row holds over one step. Its stimuli have the value, and its changes have happened or not, as at the start of the step.
    """

    def __init__(self, network: Network, symbols: Symbols) -> None:
        self._network, self._symbols, self._dt_ns = network, symbols, network.params.dt
        self._base = [symbols.of(name)[:, network.regions.simulated].ravel() for name in symbols.driven]
        params, space = network.params, network.connectome.space
        self._stimuli = [[_Stimulus(s, network) for s in params.stimuli if s.target == name] for name in symbols.driven]
        self._changes = [
            [
                (
                    change.at,
                    network.connectome.space.select(change.regions),
                    by_region(change.to, self._unit(name), space, name, 0.0),
                )
                for change in sorted(params.changes, key=lambda change: change.at)
                if change.parameter == name
            ]
            for name in symbols.driven
        ]

    def rows(self, window: Window, fed: Mapping[str, Floats]) -> Floats:
        """(driven symbols, steps, channels); ``fed`` has (steps, channels) of what came in, in the unit of its port."""
        steps = window.steps(self._dt_ns)
        found = np.empty((len(self._base), steps, self._network.params.replicas * len(self._network.regions.simulated)))
        starts_ns = window.start_ns + self._dt_ns * np.arange(steps if self._base else 0)
        for k, name in enumerate(self._symbols.driven):
            found[k] = self._base[k]
            for at_ns, regions, value in self._changes[k]:
                late = starts_ns >= at_ns
                if late.any():
                    chosen = np.flatnonzero(np.isin(self._channel_regions(), regions))
                    values = np.broadcast_to(value, len(self._network.connectome))[self._channel_regions()[chosen]]
                    found[k][np.ix_(late, chosen)] = values
            if name in fed:
                found[k] = fed[name] * si_factor(self._unit(name))
            for stimulus in self._stimuli[k]:
                stimulus.add(found[k], starts_ns)
        return found

    def _unit(self, name: str) -> str:
        return unit_of(self._network.description, name)

    def _channel_regions(self) -> NDArray[np.int64]:
        return np.tile(self._network.regions.simulated, self._network.params.replicas)


class _Stimulus:
    """amplitude * shape(t) * weight of the region, added from start to stop."""

    def __init__(self, given: StimulusParams, network: Network) -> None:
        unit = unit_of(network.description, given.target)
        amplitude = number(given.amplitude, unit) * si_factor(unit)
        space, weights = network.connectome.space, np.zeros(len(network.connectome))
        if isinstance(given.regions, dict):
            for selector, weight in given.regions.items():
                weights[space.select(selector)] = weight
        else:
            weights[space.select(given.regions)] = 1.0
        self._pattern = np.tile(weights[network.regions.simulated], network.params.replicas) * amplitude
        self._given = given

    def add(self, rows: Floats, starts_ns: NDArray[np.int64]) -> None:
        given = self._given
        on = (starts_ns >= given.start) & (starts_ns < (given.stop if given.stop is not None else np.iinfo(np.int64).max))
        if not on.any():
            return
        since_ns = starts_ns[on] - given.start
        rows[on] += self._shape(since_ns)[:, None] * self._pattern

    def _shape(self, since_ns: NDArray[np.int64]) -> Floats:
        given = self._given
        match given.shape:
            case "pulses":
                assert given.period is not None
                width = given.width if given.width is not None else given.period // 2
                return (since_ns % given.period < width).astype(np.float64)
            case "sine":
                assert given.period is not None
                return np.sin(2 * np.pi * (since_ns % given.period) / given.period)
            case "ramp":
                assert given.stop is not None
                return since_ns / (given.stop - given.start)
        return np.ones(len(since_ns))
