"""A small circuit of one model, in NEST and here: spikes at given times and held currents come in, traces and spikes go out.

    ours, theirs = circuit.here(500), circuit.in_nest(500, record=["V_m"])

Each NEST run starts from an empty kernel, for a process has but one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.engines.point_neurons.running import Synapses, circuit, run

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """Spikes, in the order of time and neuron, and traces (steps, neurons) from the end of the first step on."""

    times_ms: Floats
    neurons: NDArray[np.int64]
    traces: Mapping[str, Floats]

    def has_the_spikes_of(self, other: Found) -> bool:
        """Whether both have the same spikes, at the same steps."""
        same = np.array_equal(self.neurons, other.neurons) and np.array_equal(self.times_ms, other.times_ms)
        return same and len(self.times_ms) > 0


@dataclass(frozen=True)
class Circuit:
    """Neurons of one model.

    Attributes
    ----------
    parameters
        By name; one number, or one for each neuron.
    trains
        Times in ms of spikes, of each train.
    inhibitory
        Synapses whose weight is positive here and negative in NEST: to its receptor of this name.
    currents
        (rows, neurons) in pA, held over ``row_ms``.
    """

    model: str
    size: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    trains: Sequence[Sequence[float]] = ()
    synapses: Sequence[Synapses] = ()
    inhibitory: str = ""
    currents: Floats | None = None
    row_ms: float = 0.1
    dt_ms: float = 0.1

    def here(self, stop_ms: float, **population: Any) -> Found:
        """With our engine; all states are traced. ``population`` says more of the neurons, such as ``integrator``."""
        network = circuit(
            self.model, self.size, self.parameters, trains=self.trains, synapses=self.synapses, dt_ms=self.dt_ms, **population
        )
        steps, played = round(stop_ms / self.dt_ms), {}
        if self.currents is not None:
            played["current"] = np.repeat(self.currents, round(self.row_ms / self.dt_ms), axis=0)[:steps]
        found = run(stop_ms, played, **network)
        own = found.spikes.channels < self.size
        return Found(found.times_ms()[own], found.spikes.channels[own].astype(np.int64), {n: found[n] for n in network["record"]})

    def in_nest(self, stop_ms: float, record: Sequence[str], **given: Any) -> Found:
        """With NEST; ``given`` are parameters that only it has, such as ``gsl_error_tol``. Currents reach it where they do here."""
        nest = fresh_nest(self.dt_ms)
        neurons = nest.Create(self.model, self.size, params={**self.parameters, **given})
        meter = nest.Create("multimeter", params={"record_from": list(record), "interval": self.dt_ms})
        recorder = nest.Create("spike_recorder")
        nest.Connect(meter, neurons)
        nest.Connect(neurons, recorder)
        sources = {"neurons": neurons}
        if self.trains:
            sources["trains"] = nest.Create("spike_generator", len(self.trains), params=_trains(self.trains))
        for synapses in self.synapses:
            sign = -1.0 if synapses.receptor and synapses.receptor == self.inhibitory else 1.0
            _connect(nest, sources[synapses.source], neurons, synapses, sign * synapses.weight)
        if self.currents is not None:
            self._drive(nest, neurons)
        nest.Simulate(stop_ms + 2 * self.dt_ms)  # what is recorded in the last step comes later
        return _found(recorder.events, meter.events, neurons, record, round(stop_ms / self.dt_ms), self.dt_ms)

    def _drive(self, nest: Any, neurons: Any) -> None:
        """A generator's current acts from its delay on, one step after its time: here it is told to begin a step early."""
        assert self.currents is not None
        for neuron, rows in zip(neurons, self.currents.T, strict=True):
            early = np.arange(len(rows)) * self.row_ms - self.dt_ms
            first = int(np.searchsorted(early, 0.5 * self.dt_ms))
            assert not rows[:first].any(), "a generator's first time is after 0: what acts over the first two steps is I_e"
            times = np.round(early[first:], 6).tolist()
            generator = nest.Create("step_current_generator", params={"amplitude_times": times, "amplitude_values": rows[first:]})
            nest.Connect(generator, neuron, syn_spec={"delay": self.dt_ms})


def fresh_nest(dt_ms: float) -> Any:
    """NEST with an empty kernel; a skip where it is not installed."""
    pytest.importorskip("nest", reason="NEST is not installed (extra: nest)")
    from engines.nest import Nest
    from engines.nest.kernel import reset

    nest = Nest.simulator.load()
    reset(nest, {"resolution": dt_ms})
    return nest


def _trains(trains: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
    """Several spikes at one time are one with a multiplicity."""
    found = []
    for train in trains:
        times, counts = np.unique(np.asarray(train, np.float64), return_counts=True)
        found.append({"spike_times": times, "spike_multiplicities": counts})
    return found


def _connect(nest: Any, sources: Any, neurons: Any, synapses: Synapses, weight: float) -> None:
    pairs = np.array(synapses.pairs, np.int64).reshape(-1, 2)
    before, after = np.array(sources.tolist())[pairs[:, 0]], np.array(neurons.tolist())[pairs[:, 1]]
    constant = {"weight": np.full(len(pairs), weight), "delay": np.full(len(pairs), synapses.delay_ms)}
    nest.Connect(before, after, "one_to_one", syn_spec={"synapse_model": "static_synapse", **constant})


def _found(
    spikes: Mapping[str, Any], traces: Mapping[str, Any], neurons: Any, record: Sequence[str], steps: int, dt_ms: float
) -> Found:
    first = neurons.tolist()[0]
    order = np.lexsort((traces["senders"], traces["times"]))
    shaped = {name: np.asarray(traces[name])[order].reshape(-1, len(neurons))[:steps] for name in record}
    step, who = np.rint(spikes["times"] / dt_ms).astype(np.int64), np.asarray(spikes["senders"]) - first
    kept = step <= steps
    step, who = step[kept], who[kept]
    order = np.lexsort((who, step))
    return Found(np.round(step[order] * dt_ms, 6), who[order].astype(np.int64), shaped)


def random_trains(count: int, rate_hz: float, stop_ms: float, seed: int, dt_ms: float = 0.1) -> list[list[float]]:
    """Independent Poisson spikes on the grid of ``dt_ms``, several at a time among them."""
    rng = np.random.default_rng(seed)
    steps = round(stop_ms / dt_ms)
    trains = []
    for _ in range(count):
        counts = rng.poisson(rate_hz * dt_ms / 1e3, steps)
        trains.append(np.round((1 + np.repeat(np.arange(steps), counts)) * dt_ms, 6).tolist())
    return trains


def largest_difference(ours: Floats, theirs: Floats) -> float:
    """Over all steps and neurons."""
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max())
