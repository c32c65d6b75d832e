"""Nengo: a network of ensembles and nodes, stepped window by window."""

from __future__ import annotations

from contextlib import nullcontext
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
    StepInput,
    Window,
    numpy_seeded,
)
from engines.nengo.repeatable import generators_in, in_fixed_order, not_known


class NengoParams(ModelParams):
    dt: Annotated[Duration, Field(gt=0, description="the simulator's step")] = 1_000_000
    optimize: Annotated[bool, Field(description="merge operators: slower to build, faster to run; sums in another order")] = True


class Nengo(ModelEngine):
    """A Nengo network; ``build(args, seed, sim)`` is called inside ``nengo.Network(seed=seed)`` and says what its ports are.

    A row that arrives is in force over the step that ends at its time; a row that leaves is what a probe tells after that step.
    A spike that arrives is 1/dt for the step in which it falls, as Nengo's own.

    ``sim`` offers ``samples_in(target)`` and ``spikes_in(target)``, which feed an ensemble, its neurons or a node (keywords go to
    ``nengo.Connection``), ``samples_out(source)``, ``probe_out(probe)`` or ``probe_out(neurons, "voltage")``, and
    ``spikes_out(ensemble.neurons)``. Which ports a model has does not change the seeds of its ensembles.

    References
    ----------
    Bekolay et al. (2014), Front Neuroinform 7, 48.
    """

    Params = NengoParams
    simulator: ClassVar[Simulator] = Simulator(
        "Nengo", "nengo", "nengo", "nengo", can={"threads": "those of NumPy", "MPI": "no", "save": "yes, with random processes"}
    )

    def __init__(self, params: NengoParams, setup: Setup) -> None:
        nengo = self.simulator.load()
        self._helper, self._dt_ns, seed = NengoHelper(nengo), params.dt, setup.seed % 2**31
        with numpy_seeded(seed), nengo.Network(seed=seed) as network:
            self.build_model(params, setup, self._helper, params.dt)
            # no decoder cache: processes that start together would share its files
            model = nengo.builder.Model(dt=params.dt / 1e9, decoder_cache=nengo.cache.NoDecoderCache())
            # seeds first, so that the ports' own nodes and connections do not change those of the user's
            nengo.builder.network.seed_network(network, model.seeds, model.seeded)
            for made in self._helper.made:
                network.add(made)
            with in_fixed_order() if params.optimize else nullcontext():
                self._sim = nengo.Simulator(network, model=model, progress_bar=False, optimize=params.optimize)
        self._helper.simulator = self._sim
        try:
            self._check(params, nengo.__version__)
        except CosimError:
            self.close()
            raise
        setup.log.info("%d ensembles, %d neurons", len(network.all_ensembles), network.n_neurons)

    def _check(self, params: NengoParams, version: str) -> None:
        """What can be told only of a built network."""
        for output in self.outputs.values():
            output.check(self._sim)
        if params.optimize and any(isinstance(after, set) for after in self._sim.dg.values()):
            raise not_known(f"Nengo {version} has merged operators in plain sets")

    def step(self, window: Window) -> None:
        self._sim.clear_probes()
        for k in range(window.steps(self._dt_ns)):
            self._helper.step = k
            self._sim.step()

    def save(self) -> dict[str, NDArray[Any]]:
        """Every signal that can change, in the order in which Nengo built them, and where random processes stand."""
        state = {f"signal_{i:05}": np.array(value) for i, value in enumerate(self._changing())}
        for i, generator in enumerate(generators_in(self._sim._steps)):
            _, keys, *rest = generator.get_state()
            state |= {f"random_{i:05}": keys, f"random_{i:05}_rest": np.array(rest, np.float64)}
        return state

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        for i, value in enumerate(self._changing()):
            value[...] = state[f"signal_{i:05}"]
        for i, generator in enumerate(generators_in(self._sim._steps)):
            position, has_gauss, gauss = state[f"random_{i:05}_rest"]
            generator.set_state(("MT19937", state[f"random_{i:05}"], int(position), int(has_gauss), gauss))

    def _changing(self) -> list[NDArray[Any]]:
        return [value for signal, value in self._sim.signals.items() if not (signal.readonly or signal.is_view or signal.sparse)]

    def close(self) -> None:
        self._sim.close()


class NengoHelper:
    """What a model's ``build`` makes its ports with.

    Attributes
    ----------
    made
        Nodes, connections and probes of the ports; the engine adds them when the user's own have their seeds.
    step
        Of the window, counted from 0.
    """

    simulator: Any

    def __init__(self, nengo: Any) -> None:
        self.nengo, self.step, self.made = nengo, 0, []

    def samples_in(self, target: Any, size: int | None = None, synapse: Any = None, **connection: Any) -> StepInput:
        """Values into ``target``; ``size`` channels where the connection's transform changes their number."""
        return self._feed(StepInput(size or target.size_in), target, synapse=synapse, **connection)

    def spikes_in(self, target: Any, size: int | None = None, synapse: Any = None, **connection: Any) -> SpikesIn:
        """Spikes into ``target``: each is 1/dt over its step."""
        return self._feed(SpikesIn(size or target.size_in), target, synapse=synapse, **connection)

    def samples_out(self, source: Any, synapse: Any = None, size: int | None = None, **connection: Any) -> ProbeOut:
        """What ``source`` gives (an ensemble: its decoded value), through ``synapse``; keywords go to ``nengo.Connection``."""
        if connection:
            listener = self._make(self.nengo.Node, size_in=size or source.size_out)
            self._make(self.nengo.Connection, source, listener, synapse=synapse, **connection)
            source, synapse = listener, None
        return self.probe_out(source, synapse=synapse)

    def probe_out(self, probed: Any, attribute: str | None = None, synapse: Any = None, size: int | None = None) -> ProbeOut:
        """What a ``nengo.Probe`` tells, or one of ``attribute`` of an object; ``size`` channels where its target has others."""
        is_probe = isinstance(probed, self.nengo.Probe)
        probe = probed if is_probe else self._make(self.nengo.Probe, probed, attribute, synapse=synapse)
        return ProbeOut(self, probe, size or probe.target.size_out)

    def spikes_out(self, neurons: Any) -> SpikesOut:
        """Every spike of ``ensemble.neurons``, a channel each."""
        kind = getattr(neurons, "obj", neurons).ensemble.neuron_type  # a slice of neurons has them as its obj
        if not kind.spiking:
            raise CosimError(
                f"the neurons of {getattr(neurons, 'obj', neurons).ensemble} are {type(kind).__name__}, which do not spike",
                mend="sim.samples_out(neurons) gives their rates; or give the ensemble a spiking neuron_type, such as nengo.LIF()",
            )
        probe = self._make(self.nengo.Probe, neurons, synapse=None)
        return SpikesOut(self, probe, neurons.size_out, getattr(kind, "amplitude", 1.0))

    def _feed(self, binding: Any, target: Any, **connection: Any) -> Any:
        source = self._make(self.nengo.Node, lambda t: binding.at(self.step), size_in=0, size_out=binding.channels)
        self._make(self.nengo.Connection, source, target, **connection)
        return binding

    def _make(self, kind: Any, *args: Any, **options: Any) -> Any:
        self.made.append(kind(*args, **options, add_to_container=False))
        return self.made[-1]


class SpikesIn(InputBinding):
    """Spikes as Nengo has them: 1/dt over a step, each."""

    kind = "spikes"

    def __init__(self, channels: int) -> None:
        self.channels, self._silence = channels, np.zeros(channels)
        self._cells = np.empty(0, np.int32)
        self._first: list[int] | None = None

    def give(self, window: Window, payload: Spikes) -> None:
        self._cells = payload.channels
        steps = np.arange(window.steps(self.dt_ns) + 1)
        self._first = payload.steps(self.dt_ns).searchsorted(steps).tolist() if len(payload) else None

    def at(self, step: int) -> NDArray[np.float64]:
        if self._first is None or self._first[step] == self._first[step + 1]:
            return self._silence
        cells = self._cells[self._first[step] : self._first[step + 1]]
        return np.bincount(cells, minlength=self.channels) * (1e9 / self.dt_ns)


class ProbeOut(OutputBinding):
    """The rows of a probe; a port of ``mean`` values gets the mean over its step, one of ``value`` the value at its end."""

    kind = "samples"

    def __init__(self, helper: NengoHelper, probe: Any, channels: int) -> None:
        self._helper, self._probe, self.channels = helper, probe, channels

    def bound(self, port: Port, dt_ns: int) -> None:
        super().bound(port, dt_ns)
        self._every = (port.dt_ns or dt_ns) // dt_ns

    def check(self, simulator: Any) -> None:
        """That the probe tells as many values as the port has channels, every step."""
        found = simulator.model.sig[self._probe]["in"].size
        if found != self.channels:
            mend = f"sim.probe_out(…, size={found}), and a Space of {found} labels"
            raise CosimError(f"{self._probe} gives {found} values a step, and its port has {self.channels}", mend=mend)
        if self._probe.sample_every is not None:
            raise CosimError(f"{self._probe} has sample_every", mend="leave it out, and say the step in ports(): Port(…, dt_ns=…)")

    def rows(self) -> NDArray[np.float64]:
        """(steps, channels) of the window."""
        return np.asarray(self._helper.simulator.data[self._probe], np.float64).reshape(-1, self.channels)

    def take(self, window: Window) -> Samples:
        rows = self.rows().reshape(-1, self._every, self.channels)
        return Samples(window, rows.mean(axis=1) if self.port.of == "mean" else rows[:, -1].copy())


class SpikesOut(ProbeOut):
    """Spikes that neurons emit, at the end of their step."""

    kind = "spikes"

    def __init__(self, helper: NengoHelper, probe: Any, channels: int, amplitude: float) -> None:
        super().__init__(helper, probe, channels)
        self._amplitude = amplitude

    def take(self, window: Window) -> Spikes:
        rows = self.rows()
        steps, cells = np.nonzero(rows)
        if not len(steps):
            return Spikes.empty(window)
        counts = np.rint(np.abs(rows[steps, cells]) * (self.dt_ns / 1e9 / self._amplitude)).astype(np.int64)
        if np.any(counts != 1):  # some kinds of neuron spike more than once a step
            steps, cells = np.repeat(steps, counts), np.repeat(cells, counts)
        return Spikes(window, window.start_ns + (steps + 1) * self.dt_ns, cells.astype(np.int32))
