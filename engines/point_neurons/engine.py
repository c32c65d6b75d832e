"""The engine: ports, windows, checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import Payload, Port, Samples, Setup, Space, Spikes, Window
from engines.equations.dimensions import si_factor
from engines.point_neurons.check import check
from engines.point_neurons.connections.lists import Edges
from engines.point_neurons.connections.projections import neurons_of
from engines.point_neurons.description import model_file, read_model, shipped
from engines.point_neurons.params import DriveInput, ModulatorInput, Network, RateInput, SpikesInput
from engines.point_neurons.plasticity.records import weight_ports
from engines.point_neurons.recorded import columns_of, recorded_ports


class PointNeurons:
    """Networks of point neurons, each population of a model that is a description, with event-driven synapses.

    A network may be cut into engines along its delays: what lives elsewhere becomes an input of kind ``spikes``, the
    populations and projections keep their names, parameters and ``seed``, and the result is the same spike for spike. A
    projection's delay includes the delay of the link that brings its spikes; the two may be equal, for a spike that is
    stamped at the end of a step is taken up by that very step.

    A step goes in the order of NEST: states move on, what arrives at the step's end is added, refractory states are held, the
    condition for a spike is looked at, spikes are stamped with the end of the step. What arrives between two grid points acts at
    the later one. Samples hold over the step that ends at their time.

    References
    ----------
    Rotter and Diesmann (1999), Biological Cybernetics 81, 381: exact integration.
    Morrison, Mehring, Geisel, Aertsen and Diesmann (2005), Neural Computation 17, 1776: spikes exchanged every minimal delay.
    """

    Params: ClassVar[type[Network]] = Network
    determinism: ClassVar[str] = "bitwise"

    @classmethod
    def ports(cls, params: Network) -> Sequence[Port]:
        check(params)
        populations = params.populations
        first = np.cumsum([0, *(p.size for p in populations.values())]).tolist()
        members = {name: tuple(range(a, b)) for name, a, b in zip(populations, first[:-1], first[1:], strict=True)}
        ports = [
            Port("spikes", "out", "spikes", Space.numbered(first[-1], members)),
            Port(
                "rate", "out", "samples", Space(tuple(populations)), quantity="firing_rate", unit="Hz", of="mean", dt_ns=params.dt
            ),
            *recorded_ports(params),
            *weight_ports(params),
        ]
        for name, port in params.inputs.items():
            if isinstance(port, SpikesInput):
                ports.append(Port(name, "in", "spikes", Space.numbered(port.size)))
                continue
            if isinstance(port, ModulatorInput):
                ports.append(Port(name, "in", "samples", Space((name,)), dt_ns=params.dt))
                continue
            space = Space.numbered(populations[port.target].size) if port.each else Space((port.target,))
            quantity, unit = _quantity(params, port)
            ports.append(Port(name, "in", "samples", space, quantity=quantity, unit=unit, dt_ns=params.dt))
        return ports

    @classmethod
    def models(cls) -> dict[str, str]:
        return {name: read_model(path)[0].title for name, path in shipped().items()} | {"spike_generator": "Spikes at given times"}

    @classmethod
    def describe_model(cls, name: str) -> str:
        from engines.point_neurons.telling import GENERATOR, tell

        return GENERATOR if name == "spike_generator" else tell(model_file(name, Path()))

    def __init__(self, params: Network, setup: Setup, edges: Mapping[str, Edges] | None = None) -> None:
        from engines.point_neurons.build import build
        from engines.point_neurons.plasticity.lasting import Lasting
        from engines.point_neurons.plasticity.recorder import Records

        if edges is None and any(projection.rule == "sonata" for projection in params.projections.values()):
            from engines.sonata_network.listed import edges_for

            edges = edges_for(params)
        check(params, edges)
        Window(0, setup.window_ns).steps(params.dt)  # refuses a window that is not a whole number of steps
        self._dt_ns = params.dt
        built = build(params, setup.seed if params.seed is None else params.seed, setup, edges)
        self._simulation, self._traffic, self._learning = built.simulation, built.traffic, built.learning
        self._records, self._lasting = Records(params, built.learning, weight_ports(params)), Lasting(built.learning)
        self._modulators = [name for name, port in params.inputs.items() if isinstance(port, ModulatorInput)]
        self._log = setup.log
        populations, neurons = list(params.populations), list(neurons_of(params))
        self._sizes = np.array([population.size for population in params.populations.values()], np.float64)
        spiking = [populations.index(name) for name in neurons]
        self._neurons = slice(None) if len(spiking) == len(populations) else np.array(spiking, np.int64)
        columns = columns_of(params)
        self._recorded = {p.name: (len(columns[p.name]), 1.0 / si_factor(p.unit)) for p in recorded_ports(params)}
        self._step = 0
        self._columns = sum(width for width, _ in self._recorded.values())
        self.synapse_arrays, self.synapse_count = built.synapses, len(built.synapses.targets) + built.learning.synapses
        setup.log.info("%d neurons, %d synapses", sum(p.size for p in params.populations.values()), self.synapse_count)

    def advance(self, window: Window, inputs: Mapping[str, Payload]) -> Mapping[str, Payload]:
        steps = window.steps(self._dt_ns)
        observed = np.empty((steps, max(1, self._columns)))
        coming = self._traffic.inputs(window, steps, inputs)
        self._hear(window, steps, inputs)
        found, fired, weights = self._records.advance(self._simulation, window.start_ns // self._dt_ns, steps, coming, observed)
        self._step = window.stop_ns // self._dt_ns
        counts = self._traffic.generated_counts(window, steps, len(self._sizes))
        counts[:, self._neurons] = fired
        out: dict[str, Payload] = {"spikes": Spikes(window, *self._traffic.spikes(window, found))}
        out["rate"] = Samples(window, counts / (self._sizes * (self._dt_ns / 1e9)))
        first = 0
        for name, (width, scale) in self._recorded.items():
            out[name] = Samples(window, observed[:, first : first + width] * scale)
            first += width
        return out | {name: Samples(window, rows) for name, rows in weights.items()}

    def _hear(self, window: Window, steps: int, inputs: Mapping[str, Payload]) -> None:
        """Modulators over a window; 0 where nothing is linked."""
        if not self._modulators:
            return
        rows = np.zeros((steps, len(self._modulators)))
        for column, name in enumerate(self._modulators):
            payload = inputs.get(name)
            if isinstance(payload, Samples):
                rows[:, column] = payload.refined(self._dt_ns).values[:, 0]
        self._learning.hear(window.start_ns // self._dt_ns, rows)

    def kept(self) -> dict[str, NDArray[Any]]:
        """Of plastic projections, source, target and weight of every synapse."""
        return self._lasting.kept(self._step, self._log)

    def close(self) -> None: ...

    def save(self) -> dict[str, NDArray[Any]]:
        """States, weights that change and what is under way, by neuron: it may be loaded with other threads or ranks."""
        return self._simulation.save(self._step) | self._lasting.save(self._step)

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self._step = self._simulation.load(state)
        self._lasting.load(state, self._step)


def _quantity(params: Network, port: RateInput | DriveInput) -> tuple[str, str]:
    if isinstance(port, RateInput):
        return "firing_rate", "Hz"
    item = neurons_of(params)[port.target].description.inputs[port.input]
    return item.quantity, item.unit
