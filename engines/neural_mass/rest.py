"""States of rest: of all regions at once, with a parameter of each that brings an output to its target.

Solved for the states x and the parameter p of every region, without noise,

    f(x_i, p_i, c_i) = 0,   y(x_i, p_i, c_i) = target_i,   c_i = G sum_j W_ij sent(x_j)

where delays do not matter. Newton's method solves each region for given c, and c is renewed until it stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from cosim.sdk import CosimError, Setup
from engines.equations.dimensions import si_factor
from engines.neural_mass.network import Network
from engines.neural_mass.params import TuneParams
from engines.neural_mass.simulation import Simulation
from engines.neural_mass.symbols import Symbols, build_symbols
from engines.neural_mass.values import by_region, unit_of, unit_of_output

Floats = NDArray[np.float64]
MOST_ROUNDS, MOST_STEPS, MOST_EIGENVALUES = 200, 60, 2500
_SMALL = 1e-6  # of a central difference, relative


class Rest:
    """The equations of rest of all regions."""

    def __init__(self, network: Network, tune: TuneParams, setup: Setup) -> None:
        self._network, self._tune = network, tune
        unit = unit_of_output(network.description, tune.output)
        self.target: Floats = np.broadcast_to(
            by_region(tune.target, unit, network.connectome.space, "tune.target", None), len(network.connectome)
        ).copy()
        self._small_target = 0.01 * np.maximum(np.abs(self.target), 1e-3 * si_factor(unit))
        self._symbols = symbols_of(network, _given(network))
        self._kernel = simulation_of(network, self._symbols, setup).kernel
        self._row = list(self._symbols.regional).index(tune.parameter)
        self._output = list(network.wanted).index(tune.output)
        shape = (len(network.connectome),) * 2
        self._sums = [
            (csr_array((layer.connectome.weight, layer.connectome.sender, layer.connectome.first), shape), channel)
            for layer in network.layers
            for channel in _channels_of(network, layer.channels)
        ]
        self._scale = np.array([si_factor(state.unit) for state in network.description.states.values()] + [self._parameter_scale()])

    def solved(self) -> Floats:
        """(replicas, regions) of the parameter."""
        return np.array([rest[-1] for rest in self._rests])

    def sensitivity(self) -> Floats:
        """(replicas, regions): dp_i / dtarget_i at rest, with what the regions receive from each other held."""
        return np.array([self._local(m) for m in range(self._network.params.replicas)])

    def growth(self) -> Floats:
        """(replicas,) largest real part (1/s) of the eigenvalues at rest, without delays; -inf for too large a network."""
        states, regions = len(self._scale) - 1, len(self._network.connectome)
        if states * regions > MOST_EIGENVALUES:
            return np.full(self._network.params.replicas, -np.inf)
        return np.array([np.linalg.eigvals(self._linearised(m)).real.max() for m in range(self._network.params.replicas)])

    # -- inside ----------------------------------------------------------------------------------------------------

    @cached_property
    def _rests(self) -> list[Floats]:
        """(states + 1, regions) of each replica: states at rest and the parameter."""
        return [self._rest(m) for m in range(self._network.params.replicas)]

    def _parameter_scale(self) -> float:
        return si_factor(unit_of(self._network.description, self._tune.parameter))

    def _linearised(self, m: int) -> Floats:
        """(states * regions) squared: d(derivative of state a of region i) / d(state b of region j)."""
        regional, rest = self._symbols.regional_values[m], self._rests[m]
        sums = self._received(m, regional, rest)
        states, regions = len(rest) - 1, rest.shape[1]
        small = _SMALL * np.maximum(np.abs(rest), 1e-3 * self._scale[:, None])
        found = np.zeros((states, regions, states, regions))
        each = np.arange(regions)
        found[:, each, :, each] = self._jacobian(m, regional, rest, sums, small)[:, :states, :states]
        sent = [self._differences(lambda x: self._sent(m, regional, x), rest, small, b) for b in range(states)]
        for j, (matrix, channel) in enumerate(self._sums):
            little = _SMALL * np.maximum(np.abs(sums), 1e-3 * np.abs(sums).max() + 1e-12)
            of_sum = self._differences(lambda x: self._misses(m, regional, rest, x), sums, little, j)[:states]
            for b in range(states):
                found[:, :, b, :] += of_sum[:, :, None] * (matrix.toarray() * sent[b][channel])
        return found.reshape(states * regions, states * regions)

    def _differences(self, function: Callable[[Floats], Floats], at: Floats, small: Floats, row: int) -> Floats:
        """d(function) / d(row of its argument), region by region, by central differences."""
        moved = np.zeros_like(at)
        moved[row] = small[row]
        return np.asarray((function(at + moved) - function(at - moved)) / (2 * small[row]))

    def _local(self, m: int) -> Floats:
        regional, middle = self._symbols.regional_values[m], self.target
        rest = self._rests[m]
        sums, found = self._received(m, regional, rest), []
        for sign in (1, -1):
            self.target = middle + sign * self._small_target
            found.append(self._newton(m, regional, rest, sums)[-1])
        self.target = middle
        return np.asarray((found[0] - found[1]) / (2 * self._small_target))

    def _rest(self, m: int) -> Floats:
        """(states + 1, regions): states at rest and the parameter."""
        regional = self._symbols.regional_values[m]
        unknown = np.vstack([self._network.initial_states(), regional[self._row]])
        before = unknown
        for _ in range(MOST_ROUNDS):
            sums = self._received(m, regional, unknown)
            unknown = self._newton(m, regional, unknown, sums)
            if np.all(np.abs(unknown - before) <= 1e-10 * np.maximum(np.abs(unknown), 1e-3 * self._scale[:, None])):
                return unknown
            moved, before = np.abs(unknown - before), unknown
        why = "what regions receive from each other does not settle"
        raise self._failure(why, moved / self._scale[:, None])

    def _received(self, m: int, regional: Floats, unknown: Floats) -> Floats:
        """(sums, regions): sum_j W_ij of what is sent at rest."""
        sent = self._sent(m, regional, unknown)
        return np.array([matrix @ sent[k] for matrix, k in self._sums]).reshape(len(self._sums), unknown.shape[1])

    def _sent(self, m: int, regional: Floats, unknown: Floats) -> Floats:
        """(channels, regions)"""
        sent = np.empty((max(1, len(self._network.channels)), 1, unknown.shape[1]))
        values, states = self._with(regional, unknown[-1])[None], np.ascontiguousarray(unknown[:-1, None])
        self._kernel.send(0, self._symbols.uniform_values[m : m + 1], values, states, sent)
        return sent[:, 0]

    def _with(self, regional: Floats, parameter: Floats) -> Floats:
        values = regional.copy()
        values[self._row] = parameter
        return values

    def _misses(self, m: int, regional: Floats, unknown: Floats, sums: Floats) -> Floats:
        """(states + 1, regions): derivatives, and what the output misses."""
        slope, output = np.empty((len(unknown) - 1, unknown.shape[1])), np.empty((len(self._network.wanted), unknown.shape[1]))
        values = self._with(regional, unknown[-1])[None]
        self._kernel.slopes(
            0, self._symbols.uniform_values[m : m + 1], values, np.ascontiguousarray(unknown[:-1]), sums, slope, output
        )
        return np.vstack([slope, output[self._output] - self.target])

    def _newton(self, m: int, regional: Floats, unknown: Floats, sums: Floats) -> Floats:
        """Each region's states and parameter for given sums."""
        missed = self._misses(m, regional, unknown, sums)
        for _ in range(MOST_STEPS):
            size = np.maximum(np.abs(unknown), 1e-3 * self._scale[:, None])
            jacobian = self._jacobian(m, regional, unknown, sums, _SMALL * size)
            terms = (np.abs(jacobian) @ size.T[:, :, None])[:, :, 0].T  # each equation is weighed against its own
            weight: Floats = 1.0 / np.maximum(terms, 1e-300)
            try:
                step = np.asarray(np.linalg.solve(jacobian, missed.T[:, :, None])[:, :, 0].T, np.float64)
            except np.linalg.LinAlgError:
                why = "no state of rest has it, or the output does not depend on the parameter there"
                raise self._failure(why, np.abs(missed * weight)) from None
            if np.all(np.abs(step) <= 1e-11 * size):
                return unknown - step
            unknown, missed = self._stepped(m, regional, unknown, sums, step, missed, weight)
        raise self._failure("no state of rest has it", np.abs(missed * weight))

    def _jacobian(self, m: int, regional: Floats, unknown: Floats, sums: Floats, small: Floats) -> Floats:
        """(regions, equations, unknowns), by central differences."""
        return np.stack(
            [self._differences(lambda x: self._misses(m, regional, x, sums), unknown, small, k).T for k in range(len(unknown))],
            axis=2,
        )

    def _stepped(
        self, m: int, regional: Floats, unknown: Floats, sums: Floats, step: Floats, missed: Floats, weight: Floats
    ) -> tuple[Floats, Floats]:
        """A step, halved in every region where it does not lead nearer; and what is missed there."""
        share, size = np.ones(unknown.shape[1]), np.max(np.abs(missed) * weight, axis=0)
        for _ in range(30):
            tried = unknown - share * step
            there = self._misses(m, regional, tried, sums)
            is_worse = ~(np.max(np.abs(there) * weight, axis=0) <= size) & (size > 1e-10)
            if not is_worse.any():
                break
            share[is_worse] /= 2
        if not np.isfinite(there).all():
            raise self._failure("no state of rest has it", np.abs(there))
        return tried, there

    def _failure(self, why: str, missed: Floats) -> CosimError:
        worst = int(np.argmax(np.where(np.isfinite(missed), missed, np.inf).max(axis=0)))
        region = self._network.connectome.space.labels[worst]
        return CosimError(
            f"{self._tune.parameter} cannot be tuned: region {region} does not reach the target",
            why=why,
            mend="start nearer (initial, and the parameter's own value), or choose another target or a smaller G",
        )


def simulation_of(network: Network, symbols: Symbols, setup: Setup) -> Simulation:
    return Simulation(network, symbols, np.empty(0, np.int64), setup.seed, setup.log)


def symbols_of(network: Network, tuned: Mapping[str, Floats]) -> Symbols:
    return build_symbols(network.params, network.description, network.layers, network.connectome.space, (), tuned)


def _given(network: Network) -> dict[str, Floats]:
    """The parameter's own value, as one a region: where Newton's method starts."""
    tune, params = network.params.tune, network.params
    assert tune is not None
    symbols = build_symbols(params, network.description, network.layers, network.connectome.space)
    return {tune.parameter: symbols.of(tune.parameter)}


def _channels_of(network: Network, texts: tuple[str, ...]) -> list[int]:
    known = list(network.channels)
    return [known.index(text) for text in texts]
