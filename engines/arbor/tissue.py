"""A recipe's simulation, and where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, Window, format_ns
from engines.arbor.detectors import Detectors, keys_of
from engines.arbor.events import Events, make_feed
from engines.arbor.network import Routes
from engines.arbor.params import ArborParams

Array = NDArray[Any]

LATER = 1 + 1e-12
"""Moves a time on the grid safely into the step that begins there: Arbor knows where its steps begin to some 1e-16 only."""


class Tissue:
    """The simulation of a recipe, which stands one step ahead of the window.

    Attributes
    ----------
    simulation
        Arbor's; once started it has no connections, which ``routes`` follow instead.
    spikes
        Times in ns and keys, of the last window.
    """

    def __init__(self, arbor: ModuleType, recipe: Any, params: ArborParams, seed: int) -> None:
        cable = arbor.cell_kind.cable
        if recipe.network_description() is not None:
            raise CosimError("the recipe has a network_description", mend="give the same connections in connections_on")
        context = arbor.context(threads=params.threads)
        hint = arbor.partition_hint(cpu_group_size=params.cells_per_group)
        domains = arbor.partition_load_balance(recipe, context, {cable: hint})
        self.simulation: Any = arbor.simulation(recipe, context, domains, seed)  # connected, so that Arbor checks the labels
        self.simulation.record(arbor.spike_recording.local)  # Arbor 0.12: of spike_recording.all some are missing
        self._arbor, self._params = arbor, params
        self._ms, self._dt = arbor.units.ms, params.dt / 1e6 * arbor.units.ms
        self.cells = recipe.num_cells()
        self._later = np.array([LATER if recipe.cell_kind(gid) == cable else 1.0 for gid in range(self.cells)])
        self._targets: dict[tuple[int, str], int] = {}
        self.detectors = Detectors(arbor, recipe)
        self.routes = Routes(recipe, self.detectors, self.target)
        self._feed, self._due = make_feed(arbor, recipe), Events()
        self._now_ns = self._seen = 0
        self.spikes = self._ahead = (np.empty(0, np.int64), np.empty(0, np.int64))

    # -- what a model names ------------------------------------------------------------------------------------------

    def check_cell(self, gid: int) -> None:
        if not 0 <= gid < self.cells:
            raise CosimError(f"there is no cell {gid}", why=f"the recipe has {self.cells} cells, counted from 0")

    def target(self, gid: int, label: str) -> int:
        """The number of a target. Whether there is such a label is asked when all are known."""
        self.check_cell(gid)
        return self._targets.setdefault((int(gid), label), len(self._targets))

    def values_of(self, gid: int, tag: str) -> int:
        """How many values a probe gives at a time."""
        self.check_cell(gid)
        if not (found := self.simulation.probe_metadata((gid, tag))):
            raise CosimError(f"cell {gid} has no probe {tag!r}", mend="let the recipe's probes(gid) return it, with this tag")
        return sum(len(each) if isinstance(each, list) else 1 for each in found)

    def sample(self, gid: int, tag: str, dt_ns: int) -> int:
        """Have a probe read at every multiple of ``dt_ns``; what is returned is for ``simulation.samples``."""
        every = self._arbor.regular_schedule(dt_ns / 1e6 * LATER * self._ms)
        return self.simulation.sample((gid, tag), every)  # type: ignore[no-any-return]

    # -- through time --------------------------------------------------------------------------------------------------

    def start(self, window_ns: int) -> None:
        """Go to the end of the first step, ready for windows of that length."""
        univalent = self._arbor.selection_policy.univalent
        self._labels = [(gid, self._arbor.cell_local_label(label, univalent)) for gid, label in self._targets]
        self._lift = self._later[[gid for gid, _ in self._labels]]
        try:
            self._update([(target, 0.0, []) for target in range(len(self._labels))])
        except RuntimeError as error:
            raise CosimError(
                "Arbor cannot bring events to a target of this model",
                why=str(error).strip(),
                mend="(cell, label) names a synapse that the recipe places at one location with a label of its own",
            ) from error
        self._run(0)
        self._collect(0)
        self._run_ns = self._run_length(window_ns)

    def add(self, targets: Array, times_ns: Array, weights: Array) -> None:
        """Events at times on the grid, none before now."""
        self._due.add(times_ns / 1e6 * self._lift[targets], targets, weights)

    def advance(self, window: Window) -> None:
        """Go through ``window``; ``spikes`` are then its."""
        self._clear()
        for stop_ns in range(window.start_ns + self._run_ns, window.stop_ns + 1, self._run_ns):
            self._run(stop_ns)
        self._collect(window.stop_ns)

    def _run_length(self, window_ns: int) -> int:
        """How long Arbor runs at once, ns: the same for all windows that are multiples of it, so that they agree bit for bit."""
        dt_ns, delay_ns = self._params.dt, self.routes.shortest_ns
        if delay_ns < dt_ns:
            raise CosimError(f"a connection has a delay of {format_ns(delay_ns)}, less than Arbor's step of {format_ns(dt_ns)}")
        steps = divisor(window_ns // dt_ns, max(1, self._params.epoch // dt_ns))
        return divisor(steps, delay_ns // dt_ns) * dt_ns

    def _run(self, stop_ns: int) -> None:
        """Go on to one step behind ``stop_ns``, at most by the shortest delay."""
        self._now_ns = stop_ns + self._params.dt
        now = self._now_ns / 1e6
        if due := self._due.take(now):
            self._update(due)
        self.simulation.run(now * self._ms, self._dt)
        if len(self.routes):
            told = self.simulation.spikes()
            if len(new := told[self._seen :]):
                times, targets, weights = self.routes.follow(new["time"], keys_of(new))
                self._due.add(np.maximum(times, now), targets, weights)  # at least now: a sum may end in another bit
            self._seen = len(told)

    def _update(self, due: Iterable[tuple[int, float, Sequence[float]]]) -> None:
        """Let ``due`` be the events from here on: (target, weight, times in ms)."""
        generators: dict[int, list[Any]] = {}
        for target, weight, times in due:
            gid, label = self._labels[target]
            schedule = self._arbor.explicit_schedule()
            schedule.times_ms = times
            generators.setdefault(gid, []).append(self._arbor.event_generator(label, weight, schedule))
        self._feed.generators = generators
        self.simulation.update(self._feed)

    def _collect(self, stop_ns: int) -> None:
        """Let ``spikes`` be those that are new and not after ``stop_ns``."""
        times, keys = self._ahead
        if len(new := self.simulation.spikes()):
            if not np.isfinite(new["time"]).all():
                raise CosimError(
                    f"Arbor tells no time for a spike of cell {new[~np.isfinite(new['time'])]['source']['gid'][0]}",
                    why="of two threshold detectors in one compartment, Arbor 0.12 can only time the first",
                    mend="place them in different compartments, or one of them",
                )
            times = np.concatenate([times, np.maximum(np.rint(new["time"] * 1e6).astype(np.int64), 1)])
            keys = np.concatenate([keys, keys_of(new)])
        now = times <= stop_ns
        self.spikes, self._ahead = (times[now], keys[now]), (times[~now], keys[~now])

    def _clear(self) -> None:
        """Let Arbor forget the spikes and samples that it has told."""
        self.simulation.clear_samplers()
        self._seen = 0

    # -- save and load -------------------------------------------------------------------------------------------------

    def save(self) -> dict[str, Array]:
        arbor = np.frombuffer(self.simulation.serialize().encode(), np.uint8)
        times, keys = self._ahead
        return {"arbor": arbor, "now_ns": np.array(self._now_ns), "ahead_ns": times, "ahead": keys, **self._due.save()}

    def load(self, state: dict[str, Array]) -> None:
        text, self._now_ns = np.asarray(state["arbor"]).tobytes().decode(), int(state["now_ns"])
        self._ahead = state["ahead_ns"], state["ahead"]
        self._due.load(state)
        own, self._feed.own = self._feed.own, {}
        self._update([])
        self.simulation.reset()  # Arbor 0.12: events that stand where the saved state has none would remain
        self.simulation.deserialize(text)
        # Arbor 0.12 does not save which detectors are above threshold: the shortest step lets them look, and is then undone
        self.simulation.run(np.nextafter(self._now_ns / 1e6, np.inf) * self._ms, self._dt)
        self.simulation.deserialize(text)
        self._feed.own = own
        self._update([])
        self._clear()


def divisor(number: int, at_most: int) -> int:
    """The largest divisor of ``number`` that is not above ``at_most``."""
    return next(d for d in range(min(number, at_most), 0, -1) if number % d == 0)
