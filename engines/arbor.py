"""Arbor: networks of morphologically detailed cells, run window by window."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cosim.sdk import (
    CosimError,
    Duration,
    InputBinding,
    ModelEngine,
    ModelParams,
    OutputBinding,
    Port,
    Samples,
    Setup,
    Simulator,
    Spikes,
    Window,
    format_ns,
)

Array = NDArray[Any]

LATER = 1 + 1e-12
"""Moves a time on the grid safely into the step that begins there: Arbor knows where its steps begin to some 1e-16 only."""


class ArborParams(ModelParams):
    dt: Annotated[Duration, Field(gt=0, description="Arbor's step")] = 25_000
    epoch: Annotated[Duration, Field(gt=0, description="how long Arbor runs at once, at most")] = 1_000_000
    threads: Annotated[int, Field(ge=1)] = 1
    cells_per_group: Annotated[int, Field(ge=1, description="how many cable cells are integrated together")] = 1


class Arbor(ModelEngine):
    """An Arbor recipe; ``build(args, seed, sim)`` hands it to ``sim.recipe(recipe)`` and says what its ports are.

    Arbor stands one step ahead of the window, for only the step that begins at t tells the voltage at t. A row that leaves is the
    value at its time. A spike that arrives acts in the step that begins at its time; one between two steps in the later one. A row
    that arrives acts one step late: over (a + dt, b + dt] where it is in force over (a, b].

    Connections of the recipe are followed by the engine, with Arbor's own times and weights: events can be handed in only with
    ``simulation.update``, and each update lets Arbor 0.12 deliver the spikes of its own connections once more.

    ``sim`` offers ``recipe``, ``catalogue``, ``spikes_in``, ``samples_in``, ``current_in``, ``spikes_out`` and ``samples_out``.

    References
    ----------
    Abi Akar et al. (2019), 27th Euromicro PDP, 274-282.
    """

    Params = ArborParams
    simulator: ClassVar[Simulator] = Simulator(
        "Arbor", "arbor", "arbor", "arbor", can={"threads": "yes: threads", "MPI": "no", "save": "yes"}
    )

    def __init__(self, params: ArborParams, setup: Setup) -> None:
        self._helper = ArborHelper(self.simulator.load(), params, setup.seed)
        self.build_model(params, setup, self._helper, params.dt)
        self._run_ns = self._helper.start(setup.window_ns)
        setup.log.info("%d cells, %d connections", self._helper.cells, len(self._helper.routes))

    def step(self, window: Window) -> None:
        self._helper.clear()
        for start_ns in range(window.start_ns, window.stop_ns, self._run_ns):
            self._helper.run(start_ns + self._run_ns)
        self._helper.collect(window.stop_ns)

    def save(self) -> dict[str, Array]:
        return self._helper.save() | {f"latest_{name}": binding.latest for name, binding in self._sampled()}

    def load(self, state: dict[str, Array]) -> None:
        self._helper.load(state)
        for name, binding in self._sampled():
            binding.latest = np.array(state[f"latest_{name}"])

    def _sampled(self) -> Iterator[tuple[str, SamplesIn]]:
        return ((name, binding) for name, binding in self.inputs.items() if isinstance(binding, SamplesIn))


class ArborHelper:
    """What a model's ``build`` makes its ports with. A target is (cell, label): one synapse, with a label of its own."""

    def __init__(self, arbor: ModuleType, params: ArborParams, seed: int) -> None:
        self._arbor, self._params, self._seed = arbor, params, seed
        self._ms, self._dt = arbor.units.ms, params.dt / 1e6 * arbor.units.ms
        self._targets: dict[tuple[int, str], int] = {}
        self._due = Events()
        self._now_ns = self._seen = self.cells = 0
        self.spikes = self._ahead = (np.empty(0, np.int64), np.empty(0, np.int64))  # times in ns, keys
        self.simulation: Any = None

    # -- the model -------------------------------------------------------------------------------------------------

    def recipe(self, recipe: Any) -> Any:
        """Make the simulation of ``recipe`` and return it; to be called once, before the ports are made."""
        arbor, cable = self._arbor, self._arbor.cell_kind.cable
        if recipe.network_description() is not None:
            raise CosimError("the recipe has a network_description", mend="give the same connections in connections_on")
        context = arbor.context(threads=self._params.threads)
        hint = arbor.partition_hint(cpu_group_size=self._params.cells_per_group)
        domains = arbor.partition_load_balance(recipe, context, {cable: hint})
        self.simulation = arbor.simulation(recipe, context, domains, self._seed)  # connected, so that Arbor checks the labels
        self.simulation.record(arbor.spike_recording.local)  # Arbor 0.12: of spike_recording.all some are missing
        self.cells = recipe.num_cells()
        self._later = np.array([LATER if recipe.cell_kind(gid) == cable else 1.0 for gid in range(self.cells)])
        self._detectors = Detectors(arbor, recipe)
        self.routes = Routes(recipe, self._detectors, self.target)
        self._feed = make_feed(arbor, recipe)
        return self.simulation

    def catalogue(self) -> Any:
        """An ``arbor.catalogue`` with the point mechanism ``step_current``, for ``current_in``; compiled once a machine."""
        return self._arbor.load_catalogue(str(compiled_catalogue(Path(str(self._arbor.__file__)).parent, self._arbor.__version__)))

    # -- the ports -------------------------------------------------------------------------------------------------

    def spikes_in(self, targets: Iterable[tuple[int, str, float]]) -> SpikesIn:
        """A channel for every (cell, label, weight): a spike is an event of that weight."""
        given = list(targets)
        return SpikesIn(self, [self.target(gid, label) for gid, label, _ in given], [weight for *_, weight in given])

    def samples_in(self, targets: Iterable[tuple[int, str]]) -> SamplesIn:
        """A channel for every (cell, label): a change of its value is an event, whose weight is the new value."""
        return SamplesIn(self, [self.target(gid, label) for gid, label in targets])

    def current_in(self, targets: Iterable[tuple[int, str]]) -> SamplesIn:
        """A channel for every (cell, label) of a placed ``step_current``: nA, positive into the cell."""
        return SamplesIn(self, [self.target(gid, label) for gid, label in targets], unit="nA")

    def spikes_out(self, sources: Iterable[int | tuple[int, str]]) -> SpikesOut:
        """A channel for every cell that has one detector, or (cell, label) of a detector."""
        pairs = [source if isinstance(source, tuple) else (int(source), None) for source in sources]
        for gid, _ in pairs:
            self._check_cell(gid)
        self._detectors.look(gid for gid, label in pairs if label is not None)
        return SpikesOut(self, [key(gid, 0 if label is None else self._detectors.only(gid, label)) for gid, label in pairs])

    def samples_out(self, probes: Iterable[tuple[int, str]]) -> SamplesOut:
        """For every (cell, tag) of a probe, a channel for each of its locations, or each value of one over a whole cell."""
        return SamplesOut(self, list(probes))

    def target(self, gid: int, label: str) -> int:
        """The number of a target. Whether there is such a label is asked when all are known."""
        self._check_cell(gid)
        return self._targets.setdefault((int(gid), label), len(self._targets))

    def values_of(self, gid: int, tag: str) -> int:
        """How many values a probe gives at a time."""
        self._check_cell(gid)
        if not (found := self.simulation.probe_metadata((gid, tag))):
            raise CosimError(f"cell {gid} has no probe {tag!r}", mend="let the recipe's probes(gid) return it, with this tag")
        return sum(len(each) if isinstance(each, list) else 1 for each in found)

    def sample(self, gid: int, tag: str, dt_ns: int) -> int:
        """Have a probe read at every multiple of ``dt_ns``; what is returned is for ``simulation.samples``."""
        every = self._arbor.regular_schedule(dt_ns / 1e6 * LATER * self._ms)
        return self.simulation.sample((gid, tag), every)  # type: ignore[no-any-return]

    def _check_cell(self, gid: int) -> None:
        if self.simulation is None:
            raise CosimError("the model has no recipe yet", mend="in build(), before the ports: sim.recipe(recipe)")
        if not 0 <= gid < self.cells:
            raise CosimError(f"there is no cell {gid}", why=f"the recipe has {self.cells} cells, counted from 0")

    # -- through time ----------------------------------------------------------------------------------------------

    def start(self, window_ns: int) -> int:
        """Go to the first step's end; returns how long Arbor runs at once, ns."""
        self._check_cell(0)
        univalent = self._arbor.selection_policy.univalent
        self._labels = [(gid, self._arbor.cell_local_label(label, univalent)) for gid, label in self._targets]
        self._lift = self._later[[gid for gid, _ in self._labels]] if self._labels else np.empty(0)
        try:
            self._update([(target, 0.0, []) for target in range(len(self._labels))])
        except RuntimeError as error:
            raise CosimError(
                "Arbor cannot bring events to a target of this model",
                why=str(error).strip(),
                mend="(cell, label) names a synapse that the recipe places at one location with a label of its own",
            ) from error
        self.run(0)
        self.collect(0)
        return self._run_length(window_ns)

    def _run_length(self, window_ns: int) -> int:
        """The same for all windows that are a whole number of it, so that they agree to the last bit."""
        dt_ns, delay_ns = self._params.dt, self.routes.shortest_ns
        if delay_ns < dt_ns:
            raise CosimError(f"a connection has a delay of {format_ns(delay_ns)}, less than Arbor's step of {format_ns(dt_ns)}")
        steps = divisor(window_ns // dt_ns, max(1, self._params.epoch // dt_ns))
        return divisor(steps, delay_ns // dt_ns) * dt_ns

    def add(self, targets: Array, times_ns: Array, weights: Array) -> None:
        """Events at times on the grid, none before now."""
        self._due.add(times_ns / 1e6 * self._lift[targets], targets, weights)

    def run(self, stop_ns: int) -> None:
        """Go on to one step behind ``stop_ns``, at most by the shortest delay."""
        self._now_ns = stop_ns + self._params.dt
        now = self._now_ns / 1e6
        if (due := self._due.take(now)) is not None:
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

    def collect(self, stop_ns: int) -> None:
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

    def clear(self) -> None:
        """Let Arbor forget the spikes and samples that it has told."""
        self.simulation.clear_samplers()
        self._seen = 0

    def save(self) -> dict[str, Array]:
        arbor = np.frombuffer(self.simulation.serialize().encode(), np.uint8)
        due = dict(zip(("due_ms", "due_targets", "due_weights"), self._due.parts, strict=True))
        return {"arbor": arbor, "now_ns": np.array(self._now_ns), "ahead_ns": self._ahead[0], "ahead": self._ahead[1], **due}

    def load(self, state: dict[str, Array]) -> None:
        text, self._now_ns = np.asarray(state["arbor"]).tobytes().decode(), int(state["now_ns"])
        self._due.parts = state["due_ms"], state["due_targets"], state["due_weights"]
        self._ahead = state["ahead_ns"], state["ahead"]
        own, self._feed.own = self._feed.own, {}
        self._update([])
        self.simulation.reset()  # Arbor 0.12: events that stand where the saved state has none would remain
        self.simulation.deserialize(text)
        # Arbor 0.12 does not save which detectors are above threshold: the shortest step lets them look, and is then undone
        self.simulation.run(np.nextafter(self._now_ns / 1e6, np.inf) * self._ms, self._dt)
        self.simulation.deserialize(text)
        self._feed.own = own
        self._update([])
        self.clear()


# -- events and spikes ---------------------------------------------------------------------------------------------------


class Events:
    """Events that are still to come."""

    def __init__(self) -> None:
        self.parts: tuple[Array, Array, Array] = np.empty(0), np.empty(0, np.int64), np.empty(0)  # ms, targets, weights

    def add(self, *parts: Array) -> None:
        if len(parts[0]):
            self.parts = tuple(np.concatenate(pair) for pair in zip(self.parts, parts, strict=True))  # type: ignore[assignment]

    def take(self, before_ms: float) -> list[tuple[int, float, list[float]]] | None:
        """The (target, weight, times in ms) of those before a time, which are then gone; None where there are none."""
        now = self.parts[0] < before_ms
        if not now.any():
            return None
        times, targets, weights = (part[now] for part in self.parts)
        self.parts = tuple(part[~now] for part in self.parts)  # type: ignore[assignment]
        order = np.lexsort((times, weights, targets))
        times, targets, weights = times[order], targets[order], weights[order]
        new = (targets[1:] != targets[:-1]) | (weights[1:] != weights[:-1])
        bounds, at = [0, *(new.nonzero()[0] + 1).tolist(), len(times)], times.tolist()
        return [(int(targets[i]), float(weights[i]), at[i:j]) for i, j in pairwise(bounds)]


def key(gid: int, detector: int) -> int:
    """One number for a detector of a cell: the two of 32 bits that a spike of Arbor carries, read as one."""
    return detector << 32 | gid


def keys_of(spikes: Array) -> NDArray[np.int64]:
    return spikes["source"].view("<i8")


def divisor(number: int, at_most: int) -> int:
    """The largest divisor of ``number`` that is not above ``at_most``."""
    return next(d for d in range(min(number, at_most), 0, -1) if number % d == 0)


class Routes:
    """The connections of a recipe, followed outside Arbor: what its spikes become.

    Attributes
    ----------
    shortest_ns
        The shortest delay, rounded down.
    """

    def __init__(self, recipe: Any, detectors: Detectors, target: Any) -> None:
        cells = range(recipe.num_cells())
        raw_on: Callable[[int], Any] = getattr(recipe, "raw_connections_on", lambda gid: [])  # Arbor 0.12: the base class has none
        labelled, raw = [(gid, recipe.connections_on(gid)) for gid in cells], [(gid, raw_on(gid)) for gid in cells]
        detectors.look(each.source.gid for _, connections in labelled for each in connections)
        rows = [
            (key(each.source.gid, detectors.only(each.source.gid, each.source.label.label)), gid, each)
            for gid, connections in labelled
            for each in connections
        ]
        rows += [(key(each.source.gid, each.source.index), gid, each) for gid, connections in raw for each in connections]
        rows.sort(key=lambda row: row[0])
        self._sources, starts = np.unique(np.array([source for source, *_ in rows], np.int64), return_index=True)
        self._starts, self._counts = starts, np.diff(starts, append=len(rows))
        self._targets = np.array([target(gid, each.dest.label) for _, gid, each in rows], np.int64)
        self._weights = np.array([each.weight for *_, each in rows])
        self._delays = np.array([each.delay for *_, each in rows])
        self.shortest_ns = int(self._delays.min() * 1e6) if rows else 2**62

    def __len__(self) -> int:
        return len(self._targets)

    def follow(self, times_ms: Array, keys: Array) -> tuple[Array, Array, Array]:
        """Times in ms, targets and weights of the events that spikes become."""
        place = np.searchsorted(self._sources, keys)
        known = np.append(self._sources, -1)[place] == keys
        place = place[known]
        counts = self._counts[place]
        rows = np.repeat(self._starts[place] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        return np.repeat(times_ms[known], counts) + self._delays[rows], self._targets[rows], self._weights[rows]


class Detectors:
    """Which detectors of a cell a label stands for, by the numbers that Arbor's spikes carry."""

    def __init__(self, arbor: ModuleType, recipe: Any) -> None:
        self._arbor, self._recipe = arbor, recipe
        self._known: dict[int, dict[int, list[int]]] = {}  # by cell, by hash of the label

    def look(self, gids: Iterable[int]) -> None:
        """Learn about cells, all at once."""
        if new := sorted(set(gids) - set(self._known)):
            self._known |= find_detectors(self._arbor, self._recipe, new)

    def only(self, gid: int, label: str) -> int:
        """The one detector of that label."""
        found = self._known[gid].get(label_hash(label), [])
        if len(found) == 1:
            return found[0]
        if found:
            raise CosimError(f"{label!r} of cell {gid} stands for {len(found)} detectors", mend="give each a label of its own")
        count = sum(map(len, self._known[gid].values()))
        raise CosimError(f"cell {gid} has no detector {label!r}", why=f"it has {count} under other labels")


def label_hash(label: str) -> int:
    """Arbor's hash of a label: FNV-1a of 64 bits."""
    found = 0xCBF29CE484222325
    for byte in label.encode():
        found = (found ^ byte) * 0x100000001B3 % 2**64
    return found


# -- recipes that Arbor reads ----------------------------------------------------------------------------------------------


def make_feed(arbor: ModuleType, recipe: Any) -> Any:
    """A recipe for updates: no connections; by cell, ``own`` generators of ``recipe`` and further ``generators``."""
    cells = recipe.num_cells()

    class Feed(arbor.recipe):  # type: ignore[misc, name-defined]
        def num_cells(self) -> int:
            return cells  # type: ignore[no-any-return]

        def event_generators(self, gid: int) -> list[Any]:
            return self.own.get(gid, []) + self.generators.get(gid, [])  # type: ignore[no-any-return]

    feed = Feed()
    feed.own = {gid: found for gid in range(cells) if (found := list(recipe.event_generators(gid)))}
    feed.generators = {}
    return feed


def find_detectors(arbor: ModuleType, recipe: Any, gids: list[int]) -> dict[int, dict[int, list[int]]]:
    """The detectors of cells, by hash of their label: Arbor is asked for all connections from these cells to one more."""
    last = len(gids)

    class Probing(arbor.recipe):  # type: ignore[misc, name-defined]
        def num_cells(self) -> int:
            return last + 1

        def cell_kind(self, index: int) -> Any:
            return recipe.cell_kind(gids[index]) if index < last else arbor.cell_kind.lif

        def cell_description(self, index: int) -> Any:
            return recipe.cell_description(gids[index]) if index < last else arbor.lif_cell("source", "target")

        def network_description(self) -> Any:
            count = iter(range(1, 2**53))
            turn = arbor.network_value.custom(lambda source, target: float(next(count)))
            return arbor.network_description(f"(target-cell {last})", '(network-value "turn")', "(scalar 1)", {"turn": turn})

    probing, one = Probing(), arbor.context(threads=1)  # more threads would wait for this one for ever
    found: dict[int, dict[int, list[int]]] = {gid: {} for gid in gids}
    numbers = dict.fromkeys(gids, 0)
    connections = arbor.generate_network_connections(probing, one, arbor.partition_load_balance(probing, one))
    for each in sorted(connections, key=lambda connection: connection.weight):  # in turn: as the detectors are numbered
        if each.source.gid < last:
            gid = gids[each.source.gid]
            found[gid].setdefault(each.source.label, []).append(numbers[gid])
            numbers[gid] += 1
    return found


# -- ports -----------------------------------------------------------------------------------------------------------------


class SpikesIn(InputBinding):
    """Events of a fixed weight."""

    kind = "spikes"

    def __init__(self, helper: ArborHelper, targets: Sequence[int], weights: Sequence[float]) -> None:
        self.channels = len(targets)
        self._helper, self._targets, self._weights = helper, np.array(targets, np.int64), np.array(weights, float)

    def give(self, window: Window, payload: Spikes) -> None:
        times_ns = window.start_ns + (payload.steps(self.dt_ns) + 1) * self.dt_ns
        self._helper.add(self._targets[payload.channels], times_ns, self._weights[payload.channels])


class SamplesIn(InputBinding):
    """An event for every change of a value, one step after the time from which the row is in force.

    Attributes
    ----------
    latest
        (channels,): what the targets were told last.
    """

    kind = "samples"

    def __init__(self, helper: ArborHelper, targets: Sequence[int], unit: str = "") -> None:
        self.channels, self.latest = len(targets), np.zeros(len(targets))
        self._helper, self._targets, self._unit = helper, np.array(targets, np.int64), unit
        if len(set(targets)) < len(targets):
            raise CosimError("an input was given a target twice", mend="give each once: it holds one value at a time")

    def bound(self, port: Port, dt_ns: int) -> None:
        super().bound(port, dt_ns)
        if self._unit and port.unit != self._unit:
            raise CosimError(
                f"port {port.name!r} is in {port.unit}, and step_current takes {self._unit}",
                mend=f"in ports(): Port({port.name!r}, …, unit={self._unit!r}); links convert",
            )

    def give(self, window: Window, payload: Samples) -> None:
        rows = payload.values
        steps, channels = np.nonzero(rows != np.vstack([self.latest, rows[:-1]]))
        self.latest = rows[-1].copy()
        times_ns = window.start_ns + steps * payload.dt_ns + self.dt_ns
        self._helper.add(self._targets[channels], times_ns, rows[steps, channels])


class SpikesOut(OutputBinding):
    """Spikes of detectors, at the times that Arbor interpolates, to the nearest ns."""

    kind = "spikes"

    def __init__(self, helper: ArborHelper, keys: Sequence[int]) -> None:
        self.channels, self._helper = len(keys), helper
        self._order = np.argsort(keys).astype(np.int32)
        self._keys = np.append(np.sort(keys), -1).astype(np.int64)
        if len(np.unique(keys)) < len(keys):
            raise CosimError("spikes_out was given a source twice", mend="give each once; a link can copy its spikes")

    def take(self, window: Window) -> Spikes:
        times_ns, keys = self._helper.spikes
        if not len(keys):
            return Spikes.empty(window)
        place = np.searchsorted(self._keys[:-1], keys)
        mine = self._keys[place] == keys
        return Spikes.sorted(window, times_ns[mine], self._order[place[mine]])


class SamplesOut(OutputBinding):
    """Values of probes; a port of ``mean`` values gets the mean over the ends of the steps of a row."""

    kind = "samples"

    def __init__(self, helper: ArborHelper, probes: list[tuple[int, str]]) -> None:
        self._helper, self._probes = helper, probes
        self.channels = sum(helper.values_of(gid, tag) for gid, tag in probes)

    def bound(self, port: Port, dt_ns: int) -> None:
        super().bound(port, dt_ns)
        assert port.dt_ns is not None
        every = dt_ns if port.of == "mean" else port.dt_ns
        self._each = port.dt_ns // every
        self._handles = [self._helper.sample(gid, tag, every) for gid, tag in self._probes]

    def take(self, window: Window) -> Samples:
        samples = self._helper.simulation.samples
        values = np.hstack([found[:, 1:] for handle in self._handles for found, _ in samples(handle)])
        return Samples(window, values if self._each == 1 else values.reshape(-1, self._each, self.channels).mean(axis=1))


# -- the mechanism ---------------------------------------------------------------------------------------------------------


def compiled_catalogue(package: Path, version: str) -> Path:
    """The library with ``step_current``, compiled for this Arbor unless it has been."""
    source = Path(__file__).parent / "arbor_mechanisms" / "step_current.mod"
    known = hashlib.sha256(source.read_bytes() + f"{version} {platform.machine()}".encode()).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cosim" / "arbor" / known
    library = folder / "cosim.so"
    if library.exists():
        return library
    compiler = os.environ.get("CXX") or next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
    if compiler is None:
        raise CosimError(
            "sim.catalogue() needs a C++ compiler, and none is found",
            why="Arbor's mechanisms are compiled: step_current once for every version of Arbor",
            mend="install one (apt install g++; xcode-select --install), or name it in the environment: CXX",
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        told = [str(package / "bin" / "modcc"), "-t", "cpu", "-N", "arb", "-c", "cosim", "-o", work, str(source)]
        compile_with(told)
        made = [f"{work}/cosim_catalogue.cpp", f"{work}/step_current_cpu.cpp"]
        flags = ["-std=c++20", "-O2", "-fPIC", "-shared", "-DSTANDALONE", f"-I{package / 'include'}", f"-I{work}"]
        compile_with([*shlex.split(compiler), *flags, *made, "-o", f"{work}/cosim.so"])
        Path(work, "cosim.so").replace(library)  # at once: others may be doing the same
    return library


def compile_with(command: list[str]) -> None:
    try:
        subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "").strip() or str(error)
        raise CosimError("Arbor's mechanism step_current could not be compiled", why=f"{command[0]}: {said[-1500:]}") from error
