"""A network as its parameters say it: model, layers, regions and ports, without kernels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, Port, Space
from engines.connectome import Connectome, build_connectome
from engines.equations.description import Equations, Output
from engines.equations.dimensions import of_expression, of_unit
from engines.equations.expression import Expression, read
from engines.neural_mass.description import RegionDescription, read_model
from engines.neural_mass.layers import Layer, build_layers
from engines.neural_mass.monitors import Taken
from engines.neural_mass.params import NeuralMassParams
from engines.neural_mass.symbols import build_symbols
from engines.neural_mass.values import by_region
from engines.neural_mass.wiring import Regions, block_steps, lead_steps, refuse_short_delays, split_regions


@dataclass(frozen=True, eq=False)
class Network:
    """All that follows from the parameters alone.

    Attributes
    ----------
    extra
        Outputs that are computed beside those of ports and monitors.
    channels
        Port name, unit, quantity and expression of everything that regions send, each once.
    """

    params: NeuralMassParams
    description: RegionDescription
    equations: Equations
    connectome: Connectome
    layers: list[Layer]
    regions: Regions
    extra: tuple[str, ...] = ()

    @property
    def connectomes(self) -> list[Connectome]:
        return [layer.connectome for layer in self.layers]

    @cached_property
    def block(self) -> int:
        """Steps whose network sums are made at once, 0 where each step has its own."""
        return block_steps(self.connectomes, self.params.dt)

    @cached_property
    def lead(self) -> int:
        """Steps by which the inflow of external regions is known ahead."""
        return lead_steps(self.connectomes, self.regions, self.params.dt)

    @cached_property
    def wanted(self) -> dict[str, Output]:
        """Outputs that are computed: those of ports and those that monitors take."""
        described = self.description
        names = list(described.outputs) if self.params.outputs is None else list(self.params.outputs)
        names += [self.source_of(name) for name in self.params.monitors]
        names += self.extra
        return {name: self.output(name) for name in dict.fromkeys(names)}

    @property
    def ported(self) -> list[str]:
        """Outputs that are ports."""
        return list(self.description.outputs) if self.params.outputs is None else list(dict.fromkeys(self.params.outputs))

    def output(self, name: str) -> Output:
        """An output of the model, or a state as one."""
        if name in self.description.outputs:
            return self.description.outputs[name]
        state = self.description.states[name]
        return Output(value=name, unit=state.unit, about=state.about)

    def output_expression(self, name: str) -> Expression:
        """Of an output in SI units."""
        return self.equations.outputs[name] if name in self.equations.outputs else read(name)

    def source_of(self, monitor: str) -> str:
        """The output that a monitor takes."""
        given = self.params.monitors[monitor]
        if given.of is not None:
            return given.of
        role = getattr(self.description, given.role)
        if role is None:
            raise CosimError(
                f"monitors.{monitor}: the model does not say which output is its {given.role.replace('_', ' ')}",
                mend=f"write of: one of {', '.join([*self.description.outputs, *self.description.states])}",
            )
        return str(role)

    def taken_by(self, monitor: str) -> Taken:
        """What a monitor takes."""
        name, space = self.source_of(monitor), self.connectome.space.take(self.regions.simulated)
        return Taken(name, self.wanted[name], space, self.params.replicas, self.params.dt)

    @cached_property
    def channels(self) -> dict[str, tuple[str, str, str]]:
        """Expression of what travels: port name, unit, quantity."""
        found: dict[str, tuple[str, str, str]] = {}
        for layer in self.layers:
            term = self.description.coupling[layer.term]
            for k, text in enumerate(layer.channels):
                dimension = of_expression(read(text), self.equations.dimensions)
                fits = dimension == of_unit(term.unit) and len(layer.channels) == 1
                suffix = f"_{('sin', 'cos')[k]}" if len(layer.channels) > 1 else ""
                unit = term.unit if fits else _si_unit(dimension)
                found.setdefault(text, (layer.name + suffix, unit, term.quantity if fits else ""))
        if len(found) == 1:
            return {text: ("external", unit, quantity) for text, (_, unit, quantity) in found.items()}
        return {text: (f"external_{name}", unit, quantity) for text, (name, unit, quantity) in found.items()}

    @cached_property
    def inflows(self) -> dict[str, tuple[str, list[int]]]:
        """Port name of what external regions receive: coupling term, and its linear layers."""
        if not self.regions.gives_inflow:
            return {}
        terms = {t: [k for k, layer in enumerate(self.layers) if layer.term == t] for t in self.description.coupling}
        linear = {t: ks for t, ks in terms.items() if ks and all(self.layers[k].function == "linear" for k in ks)}
        return {"inflow" if len(linear) == 1 else f"inflow_{t}": (t, ks) for t, ks in linear.items()}

    def initial_states(self) -> NDArray[np.float64]:
        """(states, regions) at time 0, in SI units."""
        space, given, found = self.connectome.space, self.params.initial, []
        for name, state in self.description.states.items():
            value = by_region(given.get(name, state.initial), state.unit, space, f"initial.{name}", state.initial)
            found.append(np.broadcast_to(value, len(space)))
        return np.array(found)

    def space(self, rows: NDArray[np.int64] | None = None) -> Space:
        """Channels of ports: the regions in ``rows``; with replicas, all regions of replica 0, then of 1, labelled ``0/rV1``."""
        part = self.connectome.space if rows is None else self.connectome.space.take(rows)
        return replicated(part, self.params.replicas)

    def ports(self) -> list[Port]:
        """The ports, in the order in which they are told."""
        params, described = self.params, self.description
        here, elsewhere = self.space(self.regions.simulated), self.space(self.regions.external)

        def samples(name: str, direction: Literal["in", "out"], space: Space, quantity: str, unit: str) -> Port:
            return Port(name, direction, "samples", space, quantity, unit, of="value", dt_ns=params.dt)

        found = [samples(name, "out", here, out.quantity, out.unit) for name in self.ported for out in [self.wanted[name]]]
        for name, monitor in params.monitors.items():
            port = monitor.port(name, self.taken_by(name))
            found.append(port.but(space=replicated(port.space, params.replicas)))
        found += [samples(name, "in", here, item.quantity, item.unit) for name, item in described.inputs.items()]
        units = {name: item.unit for name, item in described.parameters.items()} | {"G": "1"}
        found += [samples(name, "in", here, "", units[name]) for name in params.vary]
        if len(elsewhere):
            found += [samples(name, "in", elsewhere, quantity, unit) for name, unit, quantity in self.channels.values()]
        for name, (term, _) in self.inflows.items():
            item = described.coupling[term]
            port = samples(name, "out", elsewhere, item.quantity, item.unit)
            found.append(port.but(lead_ns=self.lead * params.dt))
        return found


def build_network(params: NeuralMassParams) -> Network:
    """Read, check and join all that the parameters name.

    Raises
    ------
    CosimError
        A connectome, coupling or selection of regions that does not fit; delays that the step would lose.
    """
    description, equations = read_model(params.model)
    connectome = build_connectome(params.connectome)
    layers = build_layers(params, description, equations)
    if params.short_delays == "refuse":
        for layer in layers:
            refuse_short_delays(layer.name, layer.connectome, params.dt)
    regions = split_regions(connectome.space, [layer.connectome for layer in layers], params.external, params.only)
    network = Network(params, description, equations, connectome, layers, regions)
    network.initial_states()
    build_symbols(params, description, layers, connectome.space)
    return network


def replicated(space: Space, replicas: int) -> Space:
    """The channels of all replicas."""
    if replicas == 1:
        return space
    count, each = len(space), range(replicas)
    groups = {name: tuple(m * count + row for m in each for row in rows) for name, rows in space.groups.items()}
    groups |= {f"replica{m}": tuple(range(m * count, (m + 1) * count)) for m in each}
    positions = None if space.positions is None else np.tile(space.positions, (replicas, 1))
    return Space(tuple(f"{m}/{label}" for m in each for label in space.labels), groups, positions)


def _si_unit(dimension: object) -> str:
    text = str(dimension)
    return "1" if text == "a bare number" else text
