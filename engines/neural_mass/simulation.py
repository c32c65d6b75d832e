"""A network in motion: kernels, states and the past, in SI units. Ports and windows are the engine's business."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, format_ns
from engines.equations.compiled import load_compiled
from engines.neural_mass.history import read_history
from engines.neural_mass.network import Network
from engines.neural_mass.outflow import Outflow
from engines.neural_mass.source import Source
from engines.neural_mass.symbols import Symbols
from engines.neural_mass.wiring import WIDEST, connect, remaining_steps

Floats = NDArray[np.float64]
ROOM = 1024
"""Columns of the history that are filled before the last ones are moved to its front."""
WORTH_THREADS = 20_000
"""States times steps from which replicas are shared out: handing them to threads takes some 50 us."""
MOST_ROOMS, FREE = 4, 3
"""Arrays that are kept for later windows; what counts references of one that nobody else holds: list, loop and count."""


class Simulation:
    """The regions simulated here, all replicas.

    Attributes
    ----------
    state
        (replicas, states, regions).
    """

    position: int
    """Column of the history that holds now."""
    _history: Floats  # (replicas, channels, kept regions, columns)

    def __init__(
        self, network: Network, symbols: Symbols, link_delays_ns: NDArray[np.int64], seed: int, log: logging.Logger
    ) -> None:
        self.network, self.symbols = network, symbols
        self._rooms: list[Floats] = []
        params, regions = network.params, network.regions
        self._dt_s = params.dt / 1e9
        self.noisy = self._noisy_states()
        source = self._source()
        self._source_channels = source.channels
        self.kernel = load_compiled(f"{params.model.stem} ({params.integrator})", source.code(), log)
        from engines.equations import randoms

        kept, simulated = regions.kept, regions.simulated
        self._simulated = np.searchsorted(kept, simulated)
        self._external, self._linked = np.searchsorted(kept, regions.external), np.flatnonzero(link_delays_ns >= 0)
        self._regional = np.ascontiguousarray(symbols.regional_values[:, :, simulated])
        remaining = [remaining_steps(connectome, regions, link_delays_ns, params.dt) for connectome in network.connectomes]
        incoming = [
            connect(connectome, steps, simulated, kept, kept, network.block, params.dt)
            for connectome, steps in zip(network.connectomes, remaining, strict=True)
        ]
        self.connections = sum(len(part.source) for part in incoming)
        self._layers = tuple(part.arrays() for part in incoming) or (_nothing(len(simulated)),)
        self._outflow = {name: Outflow(network, symbols, source.channels, layers) for name, (_, layers) in network.inflows.items()}
        longest = [part.steps.max(initial=0) for part in incoming]
        self.past = int(max([0, *longest, *(outflow.longest for outflow in self._outflow.values())]))
        key = randoms.key_of(seed, "noise")
        everyone = [simulated + m * len(network.connectome) for m in self._each]
        terms = [list(network.equations.noise).index(name) for name in self.noisy]  # whichever others are 0
        streams = [[randoms.streams(key, rows, k) for k in terms] for rows in everyone]
        self._streams = np.array(streams, np.uint64).reshape(params.replicas, len(self.noisy), len(simulated))
        self._pool = ThreadPoolExecutor(params.threads - 1) if params.threads > 1 and params.replicas > 1 else None
        self._begin()

    # -- moving on -------------------------------------------------------------------------------------------------

    def advance(self, first_step: int, steps: int, driven: Floats, arrived: Mapping[int, Floats]) -> Floats:
        """Outputs (outputs, steps, channels) of some steps, in SI units.

        Parameters
        ----------
        driven
            (driven symbols, steps, channels).
        arrived
            What external regions sent, by channel of the history: (steps, replicas * linked regions).

        Raises
        ------
        CosimError
            A state is no longer finite: model, region, time and state.
        """
        outputs = self._room((len(self.network.wanted), steps, self.network.params.replicas * len(self._simulated)))
        self.inflows = {name: np.empty((steps, self.network.params.replicas * len(self._external))) for name in self._outflow}
        done = 0
        while done < steps:
            if self.position == self._history.shape[3] - 1:
                self._rewind()
            count = min(steps - done, self._history.shape[3] - 1 - self.position)
            part = slice(done, done + count)
            self._let_in({k: rows[part] for k, rows in arrived.items()}, count)
            whole = count == steps  # then no copies are needed
            moved = driven if whole else np.ascontiguousarray(driven[:, part])
            out = outputs if whole else self._room((len(outputs), count, outputs.shape[2]))
            self._integrate(first_step + done, count, moved, out)
            if not whole:
                outputs[:, part] = out
            for name, outflow in self._outflow.items():
                self.inflows[name][part] = outflow.rows(self._history, self.position, count)
            self.position, done = self.position + count, done + count
        return outputs

    def save(self) -> dict[str, NDArray[Any]]:
        """States, and what was sent as far back as the longest delay."""
        return {"state": self.state.copy(), "history": self._history[..., self.position - self.past : self.position + 1].copy()}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        self.position = self.past
        self._history[..., : self.past + 1] = state["history"]
        self.state[:] = state["state"]

    # -- inside ----------------------------------------------------------------------------------------------------

    def _room(self, shape: tuple[int, ...]) -> Floats:
        """An array to be filled and handed out: one of earlier windows that nobody holds any more, else a new one.

        New memory comes page by page from the system, which takes as long as the kernel and is done by one core at a time.
        """
        for room in self._rooms:
            if room.shape == shape and sys.getrefcount(room) == FREE:
                return room
        self._rooms = [np.empty(shape), *self._rooms[: MOST_ROOMS - 1]]
        return self._rooms[0]

    @property
    def _each(self) -> range:
        return range(self.network.params.replicas)

    def _noisy_states(self) -> list[str]:
        """States whose noise is not 0 everywhere for good."""

        def is_zero(name: str) -> bool:
            equations, symbols = self.network.equations, self.symbols
            used = equations.symbols_of(equations.noise[name])
            if used & {*symbols.driven, *self.network.description.states, *self.network.description.coupling}:
                return False
            values: dict[str, Any] = {symbol: symbols.of(symbol) for symbol in used}
            for inner in equations.needed(equations.noise[name]):
                values[inner] = equations.expressions[inner].value(values)
            return not np.any(np.asarray(equations.noise[name].value(values), np.float64))

        return [name for name in self.network.equations.noise if not is_zero(name)]

    def _source(self) -> Source:
        network, symbols, described = self.network, self.symbols, self.network.description
        return Source(
            network.equations,
            network.layers,
            network.params.integrator,
            {name: state.si_clamp for name, state in described.states.items()},
            symbols.uniform,
            symbols.regional,
            symbols.driven,
            list(described.coupling),
            list(described.inputs),
            self.noisy,
            {name: network.output_expression(name) for name in network.wanted},
        )

    def _begin(self) -> None:
        """States at time 0, and what was sent before."""
        network, kept = self.network, self.network.regions.kept
        states = [self._states_before()] * self.network.params.replicas  # (states, rows, all regions) each
        regional = np.ascontiguousarray(self.symbols.regional_values[:, :, kept])
        channels = len(self._source_channels)
        self.position = self.past
        self._history = np.zeros((len(states), channels, len(kept), self.past + 1 + max(ROOM, self.past)))
        for m, before in enumerate(states):
            before = np.ascontiguousarray(before[:, -(self.past + 1) :, kept])
            sent = np.empty((channels, before.shape[1], len(kept)))
            self.kernel.send(m, self.symbols.uniform_values, regional, before, sent)
            self._history[m] = sent[:, -1, :, None]  # external regions that nothing feeds stay so
            self._history[m, :, :, : self.past + 1] = sent.transpose(0, 2, 1)
        self.state = np.ascontiguousarray(np.array([before[:, -1][:, network.regions.simulated] for before in states]))

    def _states_before(self) -> Floats:
        """(states, rows, regions): the last row is time 0; one row where the past was constant."""
        if self.network.params.history is not None:
            return read_history(self.network, self.past + 1)
        return self.network.initial_states()[:, None]

    def _integrate(self, first_step: int, count: int, driven: Floats, outputs: Floats) -> None:
        replicas, threads = self.network.params.replicas, self.network.params.threads

        finite = np.empty(replicas, np.int64)

        def part(first: int, last: int) -> None:
            self.kernel.integrate(
                first, last, count, self.position, first_step, self.network.block or WIDEST, self._dt_s, self._simulated,
                self.symbols.uniform_values, self._regional, driven, self._layers, self._streams,
                self.state, self._history, outputs, finite,
            )  # fmt: skip

        if self._pool is None or count * self.state.size < WORTH_THREADS:
            part(0, replicas)
        else:
            edges = [replicas * k // threads for k in range(threads + 1)]
            others = [self._pool.submit(part, *edge) for edge in pairwise(edges[1:])]
            part(0, edges[1])  # of this thread, while the others wake
            for other in others:
                other.result()
        if (finite < count).any():
            raise self._divergence(int(finite.argmin()), first_step + int(finite.min()) + 1)

    def _divergence(self, replica: int, step: int) -> CosimError:
        state, region = np.argwhere(~np.isfinite(self.state[replica]))[0]
        network = self.network
        name = self.network.connectome.space.labels[network.regions.simulated[region]]
        label = f"{replica}/{name}" if network.params.replicas > 1 else name
        which = list(network.description.states)[state]
        return CosimError(
            f"{network.params.model.stem} diverged in region {label} at {format_ns(step * network.params.dt)}",
            why=f"its state {which} is {self.state[replica, state, region]}",
            mend=f"use a dt below {format_ns(network.params.dt)}, a weaker coupling or input, or another integrator",
        )

    def _let_in(self, arrived: Mapping[int, Floats], count: int) -> None:
        for channel, rows in arrived.items():
            columns = slice(self.position + 1, self.position + 1 + count)
            by_replica = rows.reshape(count, self.network.params.replicas, -1)
            for m in self._each:
                self._history[m, channel, self._external[self._linked], columns] = by_replica[:, m, self._linked].T

    def _rewind(self) -> None:
        """Move what the delays still need to the front of the history."""
        self._history[..., : self.past + 1] = self._history[..., self.position - self.past : self.position + 1].copy()
        self.position = self.past


def _nothing(regions: int) -> Any:
    empty = (np.zeros(regions + 1, np.int64), np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0))
    return empty, empty


def linked(network: Network, delays_ns: Mapping[str, NDArray[np.int64]], names: Sequence[str]) -> NDArray[np.int64]:
    """(external regions,) the whole delay of the links of each; a CosimError where ports or replicas differ in it."""
    count = len(network.regions.external)
    rows = [row for name in names for row in delays_ns[name].reshape(network.params.replicas, count)]
    if any((row != rows[0]).any() for row in rows):
        raise CosimError("links to the ports of external regions differ in delay", mend="give links of one region the same delay")
    return rows[0] if rows else np.full(count, -1)
