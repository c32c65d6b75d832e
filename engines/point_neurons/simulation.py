"""A network in motion: kernels, states and what is under way, in SI units. Ports and windows are the engine's business."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, format_ns
from engines.equations.compiled import entry_of
from engines.equations.stamps import is_kept, stamp
from engines.point_neurons.connections.synapses import MeanField, Synapses
from engines.point_neurons.kernels import delivery
from engines.point_neurons.kernels import steps as kernels
from engines.point_neurons.kernels.background import GUIDE, MOST_SPIKES, TABLE
from engines.point_neurons.layout import LANES, Layout, from_blocks, in_blocks
from engines.point_neurons.plan import Background, Plan, Population
from engines.point_neurons.plasticity.learning import Learning
from engines.point_neurons.ranks import Ranks

stamp(kernels)
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Arrays(NamedTuple):
    """What kernels move and look up; the first axis is the part of this process, unless it says otherwise.

    Attributes
    ----------
    state, regional, keys
        In blocks of lanes, population after population.
    ring, mean
        (parts, slots * width): quanta that arrive in each of the coming steps, by column; and of all neurons of a population alike.
    uniform
        One number a constant and population; of all parts.
    tables, guides, last
        Of background spikes, and the mean that they were made for.
    """

    state: Floats
    ring: Integers
    mean: Integers
    regional: Floats
    keys: NDArray[np.uint64]
    uniform: Floats
    background: Background
    tables: Integers
    guides: Integers
    last: Floats


class Inputs(NamedTuple):
    """What comes in over a window.

    Attributes
    ----------
    drive
        (steps, channels) inputs of one channel for a population.
    own
        (parts, steps, lanes) inputs of one channel a neuron.
    rates
        (parts, steps, channels) of background spikes, Hz.
    step, group, source
        (spikes,) that arrive, in the order of their steps.
    """

    drive: Floats
    own: Floats
    rates: Floats
    step: Integers
    group: Integers
    source: Integers


class Number(NamedTuple):
    """Sizes of a run; ``meetings`` is where threads meet, ``broken`` has of each part what is amiss: a place of its state
    that is not finite; that many places and the number of a population with too many spikes; or -1."""

    parts: int
    channels: int
    dt_ns: int
    interval: int
    slots: int
    width: int
    sums: int
    meetings: Integers
    broken: Integers


class Simulation:
    """The neurons of this process.

    Attributes
    ----------
    arrays
        What moves.
    """

    def __init__(
        self,
        plan: Plan,
        populations: Sequence[Population],
        layout: Layout,
        synapses: Synapses,
        mean_field: MeanField,
        learning: Learning,
        longest: int,
        interval: int,
        dt_ns: int,
        channels: int,
        log: logging.Logger,
        comm: Any = None,
    ) -> None:
        self._plan, self._populations, self._layout, self._dt_ns = plan, populations, layout, dt_ns
        self._ranks = Ranks(comm, layout.own_parts) if comm is not None and comm.size > 1 else None
        self._synapses, self._mean_field, self._learning = synapses, mean_field, learning
        parts, lanes = layout.own_parts, int(layout.first_lane[-1])
        interval = max(1, min(interval, 256, 2**22 // max(lanes, 1)))
        slots = 1 << int(longest + interval + 1).bit_length()
        width, sums = int(layout.first_column[-1]), int(plan.first_mean[-1])
        self.number = Number(
            layout.parts, channels, dt_ns, interval, slots, width, sums, np.zeros(1, np.int64), np.full(parts, -1, np.int64)
        )
        sources = max(1, len(plan.background.key))
        self.arrays = Arrays(
            np.zeros((parts, max(1, int(layout.first_state[-1])))),
            np.zeros((parts, max(1, slots * width)), np.int64),
            np.zeros((parts, max(1, slots * sums)), np.int64),
            _rows([[p.regional_of(layout, part) for p in populations] for part in self._own()], np.float64),
            _rows([[p.keys_of(layout, part) for p in populations] for part in self._own()], np.uint64),
            np.array([value for p in populations for value in p.uniform_values] or [0.0]),
            plan.background,
            np.zeros((parts, sources, TABLE), np.int64),
            np.zeros((parts, sources, GUIDE), np.int64),
            np.full((parts, sources), -1.0),
        )
        self.set_states([p.initial for p in populations])
        most = max((p.most_spikes for p in populations), default=1)
        room = lanes * interval * most + 1
        self._spikes = np.zeros((2, layout.parts, room), np.int32)
        self._early = np.zeros((2, layout.parts, room))
        self._ends = np.zeros((2, layout.parts, interval, max(1, len(populations))), np.int64)
        self._is_counted = any(p.variant.description.spike.is_counted for p in populations)
        self._pool = ThreadPoolExecutor(parts - 1) if parts > 1 else None
        tell_compiling(log)
        nothing = np.empty(0, np.int64)
        empty = Inputs(np.zeros((1, 1)), np.zeros((parts, 1, 1)), np.zeros((parts, 1, 1)), nothing, nothing, nothing)
        self._run = kernels.run
        self.advance(0, 0, empty, np.empty((0, 1)))  # compiles
        if self._ranks is None and len(kernels.run.overloads) == 1:
            self._run = entry_of(kernels.run)

    def advance(self, first_step: int, steps: int, inputs: Inputs, observed: Floats) -> tuple[list[Integers], Integers]:
        """Some steps after ``first_step``.

        Parameters
        ----------
        observed
            (steps, recorded columns), filled with what is recorded.

        Returns
        -------
        list
            Of each part of this process, keys of its spikes: (time since the start in ns) * channels + channel.
        NDArray
            (steps, populations) spikes.

        Raises
        ------
        CosimError
            A state is not finite at the end of a window, or of a step in 128; a neuron spikes too often in one step.
        """
        counts = np.zeros((self._layout.own_parts, max(steps, 1), len(self._populations)), np.int64)
        self.number.meetings[0] = 0
        if self._ranks is not None:
            found = self._over_ranks(first_step, steps, inputs, counts, observed)
        else:
            common = (
                first_step, steps, self._dt_ns / 1e9, self._plan, self.number, self.arrays, inputs, self._synapses,
                self._mean_field, self._learning.plastic, self._spikes, self._early, self._ends, counts, observed,
            )  # fmt: skip
            found = self._everywhere(self._run, common)
        self._refuse_broken(first_step + steps)
        return found, counts[:, :steps].sum(axis=0)

    def save(self, step: int) -> dict[str, NDArray[Any]]:
        """What stands at a step, in the order of the neurons: by population (numbers a neuron keeps, size) of its state, and
        (slots, receptors, size) quanta that arrive in the steps after it; and (slots, sums) of those that all get alike."""
        found: dict[str, NDArray[Any]] = {"step": np.array(step)}
        rows = (step + 1 + np.arange(self.number.slots)) % self.number.slots
        for p, population in enumerate(self._populations):
            receptors = len(population.variant.receptors)
            state = np.zeros((population.variant.slots, population.size))
            quanta = np.zeros((self.number.slots, receptors, population.size), np.int64)
            for own, part in enumerate(self._own()):
                here, count = slice(part, None, self._layout.parts), self._layout.count(p, part)
                place = slice(*self._layout.first_state[p : p + 2])
                state[:, here] = from_blocks(self.arrays.state[own, place], len(state))[:, :count]
                ring = self._ring(own)[rows, slice(*self._layout.first_column[p : p + 2])]
                for k, row in enumerate(ring if receptors else ()):
                    quanta[k, :, here] = from_blocks(row, receptors)[:, :count]
            found[f"{population.name}.state"], found[f"{population.name}.arriving"] = state, quanta
        if self._ranks is not None:
            self._ranks.total([array for name, array in found.items() if name != "step"])
        sums = self.arrays.mean[0, : self.number.slots * self.number.sums].reshape(self.number.slots, -1)
        return found | {"sums": sums[rows].copy()}

    def load(self, saved: Mapping[str, NDArray[Any]]) -> int:
        """Back to where ``save`` was called, with any number of parts; the step that it was."""
        for population in self._populations:
            shape = (population.variant.slots, population.size)
            given = saved.get(f"{population.name}.state")
            if given is None or given.shape != shape:
                why = f"{population.name} has shape {None if given is None else given.shape}, this network {shape}"
                raise CosimError("the saved state is of another network", why=why)
        step, sums = int(saved["step"]), saved["sums"]
        self.arrays.ring[:], self.arrays.mean[:] = 0, 0
        rows = (step + 1 + np.arange(min(self.number.slots, len(sums)))) % self.number.slots  # what is beyond them is 0
        self.set_states([saved[f"{population.name}.state"] for population in self._populations])
        for p, population in enumerate(self._populations):
            quanta = saved[f"{population.name}.arriving"]
            for own, part in enumerate(self._own() if quanta.shape[1] else ()):
                neurons = self._layout.neurons(p, part)
                for k, row in enumerate(rows):
                    self._ring(own)[row, slice(*self._layout.first_column[p : p + 2])] = in_blocks(
                        quanta[k][:, neurons], quanta.shape[1]
                    )
        mean = self.arrays.mean[:, : self.number.slots * self.number.sums].reshape(len(self.arrays.mean), self.number.slots, -1)
        mean[:, rows] = sums[: len(rows)]
        return step

    def set_states(self, states: Sequence[Floats]) -> None:
        """(numbers a neuron keeps, size) of every population."""
        for p, rows in enumerate(states):
            for own, part in enumerate(self._own()):
                place = slice(*self._layout.first_state[p : p + 2])
                self.arrays.state[own, place] = in_blocks(np.asarray(rows)[:, self._layout.neurons(p, part)], len(rows))

    # -- inside ----------------------------------------------------------------------------------------------------

    def _own(self) -> range:
        return range(self._layout.first_part, self._layout.first_part + self._layout.own_parts)

    def _ring(self, own: int) -> Integers:
        """(slots, columns) of a part."""
        return self.arrays.ring[own, : self.number.slots * self.number.width].reshape(self.number.slots, -1)

    def _each(self, work: Callable[[int], object]) -> None:
        """Something for every part, each on a thread."""
        others = [self._pool.submit(work, own) for own in range(1, self._layout.own_parts)] if self._pool else []
        work(0)
        for other in others:
            other.result()

    def _everywhere(self, kernel: Any, common: tuple[Any, ...]) -> list[Any]:
        """A kernel for every part, each on a thread."""
        if self._pool is None:
            return [kernel(0, *common)]
        others = [self._pool.submit(kernel, own, *common) for own in range(1, self._layout.own_parts)]
        mine = kernel(0, *common)
        return [mine, *(other.result() for other in others)]

    def _over_ranks(self, first_step: int, steps: int, inputs: Inputs, counts: Integers, observed: Floats) -> list[Integers]:
        """The same as ``run`` of the kernels, interval by interval; spikes of all ranks at rank 0, what is counted everywhere."""
        assert self._ranks is not None
        own, dt_s = self._layout.own_parts, self._dt_ns / 1e9
        found, done = [np.empty(0, np.int64)], 0
        arrived = [0] * own
        observed[:] = 0.0
        spikes, early, ends = self._spikes[0], self._early[0], self._ends[0]
        while done < steps:
            count = min(self.number.interval, steps - done)
            until = first_step + done + count

            def move(k: int, until: int = until, done: int = done, count: int = count) -> int:
                arrived[k] = delivery.let_in(
                    self._layout.first_part + k,
                    k,
                    until,
                    arrived[k],
                    inputs,
                    self.number,
                    self.arrays,
                    self._synapses,
                    self._mean_field,
                    self._learning.plastic,
                )
                return int(
                    kernels.move(
                        self._layout.first_part + k, k, count, done, first_step, dt_s, self._plan, self.number, self.arrays, inputs,
                        spikes, early, ends, counts, observed,
                    )
                )  # fmt: skip

            def bring(k: int, done: int = done, count: int = count) -> None:
                delivery.bring(
                    self._layout.first_part + k, k, count, done, first_step, self._plan, self.number, self.arrays, self._synapses,
                    self._mean_field, self._learning.plastic, spikes, early, ends,
                )  # fmt: skip

            self._each(move)
            for part in self._own():
                nothing, m = np.empty(0, np.int64), int(ends[part, count - 1, -1])
                keys, kept = delivery.keep(nothing, 0, m, part, count, done, self._plan, self.number, spikes, early, ends)
                found.append(keys[:kept])
            part_ends = np.ascontiguousarray(ends[:, :count])
            self._ranks.exchange(part_ends, [spikes, early] if self._is_counted else [spikes])
            ends[:, :count] = part_ends
            self._each(bring)
            done += count
        if steps:
            for k in range(own):
                kernels.look(k, self._plan, self.number, self.arrays)
        self._ranks.total([counts, observed] if observed.size else [counts])
        return [self._ranks.gathered(np.concatenate(found))]

    def _refuse_broken(self, step: int) -> None:
        """Raise on all ranks alike, for one that went on alone would wait for the others."""
        broken = [own for own in range(self._layout.own_parts) if self.number.broken[own] >= 0]
        error = self._divergence(step, broken[0]) if broken else None
        if self._ranks is not None:
            error = self._ranks.first(error)
        if error is not None:
            raise error

    def _overflow(self, population: Population, step: int) -> CosimError:
        return CosimError(
            f"{population.name}: too many spikes before {format_ns(step * self._dt_ns)}",
            why=f"one of its neurons would spike more than {MOST_SPIKES} times within {format_ns(self._dt_ns)}",
            mend="use lower rates or weaker inputs",
        )

    def _divergence(self, step: int, own: int) -> CosimError:
        place = int(self.number.broken[own])
        if place >= self.arrays.state.shape[1]:
            return self._overflow(self._populations[place - self.arrays.state.shape[1]], step)
        p = int(np.searchsorted(self._layout.first_state, place, side="right")) - 1
        population = self._populations[p]
        slots = population.variant.slots
        block, rest = divmod(place - int(self._layout.first_state[p]), slots * LANES)
        neuron = (block * LANES + rest % LANES) * self._layout.parts + self._layout.first_part + own
        names = [*population.variant.states, "refractory time", "mark"]
        return CosimError(
            f"{population.name} diverged: neuron {neuron}, before {format_ns(step * self._dt_ns)}",
            why=f"its state {names[rest // LANES]} is {self.arrays.state[own, place]}",
            mend=f"use a dt below {format_ns(self._dt_ns)}, weaker weights or inputs, or another integrator",
        )


def _rows(parts: Sequence[Sequence[NDArray[Any]]], kind: Any) -> NDArray[Any]:
    found = np.array([np.concatenate([*rows, np.zeros(1, kind)]) for rows in parts], kind)
    return np.ascontiguousarray(found)


def tell_compiling(log: logging.Logger) -> None:
    """Say so where kernels are not on this machine yet."""
    if not is_kept(kernels.run):
        log.info("compiling the kernels of point neurons (once on this machine)")


def initial_arrivals(simulation: Simulation, mean_field: MeanField, group: int, spikes_per_step: float, delay_before: int) -> None:
    """What mean-field projections bring of spikes that a group fired before time 0 at a constant rate."""
    number = simulation.number
    for m in range(mean_field.of_group[group], mean_field.of_group[group + 1]):
        quanta = round(float(mean_field.weight[m]) * spikes_per_step)
        for step in range(1, delay_before + int(mean_field.delay[m]) + 1):
            simulation.arrays.mean[:, (step % number.slots) * number.sums + mean_field.place[m]] += quanta
