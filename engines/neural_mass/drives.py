"""What moves during a run: inputs that are fed, parameters that vary, change or are stimulated, as rows of every step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, Window
from engines.equations.dimensions import si_factor
from engines.equations.quantities import number
from engines.neural_mass.network import Network
from engines.neural_mass.params import ChangeParams, StimulusParams
from engines.neural_mass.symbols import Symbols
from engines.neural_mass.values import by_region, unit_of

Floats = NDArray[np.float64]


class Drives:
    """Rows of every driven symbol, in SI units.

    A row holds over one step. Its stimuli have the value, and its changes have happened or not, as at the start of the step.
    """

    def __init__(self, network: Network, symbols: Symbols) -> None:
        self._network, self._symbols, self._dt_ns = network, symbols, network.params.dt
        self._base = [symbols.of(name)[:, network.regions.simulated].ravel() for name in symbols.driven]
        self._scales = [si_factor(unit_of(network.description, name)) for name in symbols.driven]
        params, regions = network.params, np.tile(network.regions.simulated, network.params.replicas)
        self._stimuli = [[_Stimulus(s, network) for s in params.stimuli if s.target == name] for name in symbols.driven]
        self._changes = [
            [(c.at, *changed(c, network)) for c in sorted(params.changes, key=lambda c: c.at) if c.parameter == name]
            for name in symbols.driven
        ]
        for changes in self._changes:
            for k, (at_ns, is_changed, values) in enumerate(changes):
                changes[k] = at_ns, is_changed[regions], values[regions]

    def rows(self, window: Window, fed: Mapping[str, Floats]) -> Floats:
        """(driven symbols, steps, channels); ``fed`` has (steps, channels) of what came in, in the unit of its port."""
        steps = window.steps(self._dt_ns)
        found = np.empty((len(self._base), steps, self._network.params.replicas * len(self._network.regions.simulated)))
        starts_ns = window.start_ns + self._dt_ns * np.arange(steps if self._base else 0)
        for k, name in enumerate(self._symbols.driven):
            rows = found[k]
            rows[:] = self._base[k]
            for at_ns, is_changed, values in self._changes[k]:
                if starts_ns[-1] >= at_ns:
                    rows[np.searchsorted(starts_ns, at_ns) :, is_changed] = values[is_changed]
            if name in fed:
                np.multiply(fed[name], self._scales[k], out=rows)
            for stimulus in self._stimuli[k]:
                stimulus.add(rows, starts_ns)
        return found


def changed(change: ChangeParams, network: Network) -> tuple[NDArray[np.bool_], Floats]:
    """(regions,) whether each gets a new value, and the value, in SI units; a mapping without default changes what it names."""
    space, unit = network.connectome.space, unit_of(network.description, change.parameter)
    is_changed = np.zeros(len(space), bool)
    is_changed[space.select(change.regions)] = True
    if isinstance(change.to, dict) and "default" not in change.to:
        named = np.concatenate([space.select(selector) for selector in change.to])
        is_changed &= np.isin(np.arange(len(space)), named)
    return is_changed, np.broadcast_to(by_region(change.to, unit, space, "to", 0.0), len(space)).copy()


def pattern(given: StimulusParams, network: Network) -> Floats:
    """(regions,) amplitude of a stimulus in SI units."""
    unit = unit_of(network.description, given.target)
    space, weights = network.connectome.space, np.zeros(len(network.connectome))
    if isinstance(given.regions, dict):
        for selector, weight in given.regions.items():
            weights[space.select(selector)] = weight
    else:
        weights[space.select(given.regions)] = 1.0
    return weights * number(given.amplitude, unit) * si_factor(unit)


def check_drives(network: Network) -> list[CosimError]:
    """The faults of stimuli and changes that only the regions tell: each with its key."""
    faults = []
    makers: list[tuple[str, Callable[[], object]]] = [
        (f"stimuli.{k}", partial(pattern, given, network)) for k, given in enumerate(network.params.stimuli)
    ]
    makers += [(f"changes.{k}", partial(changed, given, network)) for k, given in enumerate(network.params.changes)]
    for key, make in makers:
        try:
            make()
        except CosimError as error:
            faults.append(error.about(key))
    return faults


class _Stimulus:
    """amplitude * shape(t) * weight of the region, added from start to stop."""

    def __init__(self, given: StimulusParams, network: Network) -> None:
        self._given = given
        self._pattern = np.tile(pattern(given, network)[network.regions.simulated], network.params.replicas)

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
                from engines.neural_mass import sums

                return np.asarray(sums.sines(2 * np.pi * (since_ns % given.period) / given.period))
            case "ramp":
                assert given.stop is not None
                return since_ns / (given.stop - given.start)
        return np.ones(len(since_ns))
