"""The engine: ports, windows, checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, Payload, Port, Samples, Segments, Setup, Space, Spikes, Window
from engines.compartmental_neurons.check import check, refuse_broken_records
from engines.compartmental_neurons.mechanisms.description import mechanism_file, read_mechanism, shipped
from engines.compartmental_neurons.needed import refuse_too_long
from engines.compartmental_neurons.params import (
    ConcentrationInput,
    DriveInput,
    FieldInput,
    Neurons,
    SpikesInput,
    TemperatureInput,
)
from engines.compartmental_neurons.populations import Kind
from engines.compartmental_neurons.recorded import origins_of, recorded_ports
from engines.equations.dimensions import si_factor

Kinds = Mapping[str, Sequence[Kind]]
_LINKED = (TemperatureInput, ConcentrationInput, FieldInput)
"""Inputs that lead nowhere where no link ends in them."""


class CompartmentalNeurons:
    """Neurons with branches, cut into compartments, with channels, synapses and pumps that are descriptions.

    A step goes in the order of NEURON's fixed step: spikes that are due act on synapses, currents are taken from the potential and
    the gates, the potential moves on (backward Euler, or Crank-Nicolson in the middle of the step), gates follow the new potential.
    A spike acts at the start of the step that is nearest to its time. Samples hold over the step that ends at their time.

    References
    ----------
    Hines (1984), Efficient computation of branched nerve equations, Int J Bio-Med Comput 15, 69.
    Carnevale and Hines (2006), The NEURON Book.
    """

    Params: ClassVar[type[Neurons]] = Neurons
    determinism: ClassVar[str] = "bitwise"

    @classmethod
    def ports(cls, params: Neurons) -> Sequence[Port]:
        seed = params.seed or 0
        return cls._ports(params, check(params, seed), seed)

    @classmethod
    def _ports(cls, params: Neurons, kinds: Kinds, seed: int) -> list[Port]:
        sizes = [population.size for population in params.populations.values()]
        first = np.cumsum([0, *sizes]).tolist()
        members = {name: tuple(range(a, b)) for name, a, b in zip(params.populations, first[:-1], first[1:], strict=True)}
        ports = [Port("spikes", "out", "spikes", Space.numbered(first[-1], members)), *recorded_ports(params, kinds, seed)]
        return [*ports, *(_input_port(params, name, kinds, seed) for name in params.inputs)]

    @classmethod
    def models(cls) -> dict[str, str]:
        return {name: read_mechanism(path).title for name, path in shipped().items()}

    @classmethod
    def describe_model(cls, name: str) -> str:
        from engines.compartmental_neurons.telling import tell

        return tell(mechanism_file(name, Path()))

    def __init__(self, params: Neurons, setup: Setup) -> None:
        from engines.compartmental_neurons.build import build

        seed = params.seed or 0
        Window(0, setup.window_ns).steps(params.dt)  # refuses a window that is not a whole number of steps
        kinds = check(params, seed)
        ports = self._ports(params, kinds, seed)
        outputs = [port for port in ports if port.direction == "out" and port.kind == "samples"]
        self._outputs = [(port.name, len(port.space), (port.dt_ns or params.dt) // params.dt) for port in outputs]
        refuse_broken_records(params, setup.window_ns)
        self._columns = sum(width for _, width, _ in self._outputs)
        rows = sum(len(port.space) for port in ports if port.direction == "in" and port.kind == "samples")
        refuse_too_long(setup.window_ns // params.dt, self._columns, rows)
        linked = setup.inputs
        self._deaf = {name for name, item in params.inputs.items() if name not in linked and isinstance(item, _LINKED)}
        built = build(params, setup, setup.seed if params.seed is None else params.seed, kinds)
        self._built, self._simulation, self._dt_ns = built, built.simulation, params.dt
        self._scale = np.concatenate([np.full(len(port.space), 1.0 / si_factor(port.unit)) for port in outputs] or [np.empty(0)])
        self._no_rows = np.zeros((0, 0))
        compartments = sum(b.population.compartments.count * len(b.cells) for b in self._simulation.batches)
        setup.log.info("%d cells, %d compartments", sum(p.size for p in params.populations.values()), compartments)

    def advance(self, window: Window, inputs: Mapping[str, Payload]) -> Mapping[str, Payload]:
        if not self._deaf.isdisjoint(inputs):
            name = min(self._deaf & inputs.keys())
            why = "the engine was set up without a link to it, and temperature, concentrations and fields are as the cells say"
            raise CosimError(
                f"something comes in by {name}", where=f"params.inputs.{name}", why=why, mend="name it in Setup.inputs"
            )
        steps = (window.stop_ns - window.start_ns) // self._dt_ns
        observed = np.empty((steps, self._columns)) if self._columns else self._nothing(steps)
        rows = self._rows(window, steps, inputs) if self._built.width else self._nothing(steps)
        if self._built.spike_inputs:
            self._arrive(inputs)
        times, channels = self._simulation.advance(window.start_ns // self._dt_ns, steps, rows, observed)
        out: dict[str, Payload] = {"spikes": Spikes(window, times, channels)}
        if self._columns:
            observed *= self._scale
            first = 0
            for name, width, every in self._outputs:
                found = observed[every - 1 :: every, first : first + width]
                out[name] = Samples(window, found if every == 1 else np.ascontiguousarray(found))
                first += width
        return out

    def _nothing(self, steps: int) -> NDArray[np.float64]:
        if len(self._no_rows) != steps:
            self._no_rows = np.zeros((steps, 0))
        return self._no_rows

    def _rows(self, window: Window, steps: int, inputs: Mapping[str, Payload]) -> NDArray[np.float64]:
        """(steps, columns) of all inputs, in SI units."""
        rows = np.zeros((steps, self._built.width))
        for name, column in self._built.inputs.items():
            payload = inputs.get(name)
            if isinstance(payload, Samples):
                values = payload.refined(self._dt_ns).values * column.factor
                matrix = self._built.fields.get(name)
                rows[:, column.first : column.first + column.count] = values if matrix is None else (matrix @ values.T).T
        if self._built.pulses:
            begin = window.start_ns + self._dt_ns * np.arange(steps)
            for start, stop, column_number, current in self._built.pulses:
                within = np.minimum(begin + self._dt_ns, stop) - np.maximum(begin, start)  # ns of each step, so the charge is right
                rows[:, column_number] = current * (np.maximum(within, 0) / self._dt_ns)
        return rows

    def _arrive(self, inputs: Mapping[str, Payload]) -> None:
        for name, (first, _) in self._built.spike_inputs.items():
            payload = inputs.get(name)
            if isinstance(payload, Spikes) and len(payload.times_ns):
                self._simulation.events.arrive(payload.times_ns, first + payload.channels.astype(np.int64))

    def close(self) -> None:
        self._simulation.close()

    def save(self) -> dict[str, NDArray[Any]]:
        return self._simulation.save()

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self._simulation.load(state)


def _input_port(params: Neurons, name: str, kinds: Kinds, seed: int) -> Port:
    item = params.inputs[name]
    if isinstance(item, SpikesInput):
        return Port(name, "in", "spikes", Space.numbered(item.size))
    if isinstance(item, DriveInput):
        return _drive_port(params, name, item, kinds, seed)
    if isinstance(item, ConcentrationInput):
        space = Space.numbered(params.populations[item.target].size) if item.each else Space((item.target,))
        return Port(name, "in", "samples", space, quantity="concentration", unit="mM", dt_ns=params.dt)
    if isinstance(item, FieldInput):
        return _field_port(params, name, item, kinds)
    return Port(name, "in", "samples", Space((name,)), quantity="temperature", dt_ns=params.dt)


def _drive_port(params: Neurons, name: str, item: DriveInput, kinds: Kinds, seed: int) -> Port:
    from engines.compartmental_neurons.morphology.sites import compartments_of
    from engines.compartmental_neurons.recorded import Shown, shapes_of, space_of

    described = read_mechanism(item.mechanism)
    given = described.inputs[item.input or next(iter(described.inputs))]
    space = Space((item.target,))
    if item.each:
        shapes = shapes_of(kinds[item.target])
        shown = [
            Shown(
                item.target,
                cell,
                compartments_of(item.at, shapes[cell].anatomy.regions, seed, cell, f"{item.target}.{name}"),
                "",
            )
            for cell in sorted(shapes)
        ]
        space = space_of(shown, kinds[item.target], origins_of(params.populations[item.target]))
    return Port(name, "in", "samples", space, quantity=given.quantity, unit=given.unit, dt_ns=params.dt)


def _field_port(params: Neurons, name: str, item: FieldInput, kinds: Kinds) -> Port:
    """Every compartment of every cell, those without membrane too: currents run between them."""
    labels, places, origins = [], [], origins_of(params.populations[item.target])
    shape = {int(cell): kind for kind in kinds[item.target] for cell in kind.numbers}
    for cell, kind in sorted(shape.items()):
        compartments = kind.anatomy.compartments
        labels += [f"{item.target}[{cell}].{node}" for node in range(compartments.count)]
        ends = [getattr(compartments, end) + origins[cell] for end in ("start", "middle", "stop")]
        places.append((*ends, compartments.diameter))
    start, middle, stop, diameter = (np.concatenate(parts) for parts in zip(*places, strict=True))
    space = Space(tuple(labels), positions=middle, segments=Segments(start, stop, diameter))
    return Port(name, "in", "samples", space, quantity="extracellular_potential", unit="mV", dt_ns=params.dt)
