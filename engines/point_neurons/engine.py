"""The engine: ports, windows, checkpoints."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, Payload, Port, Samples, Setup, Space, Spikes, Window
from engines.point_neurons.arrays import Arrivals, Drive, State
from engines.point_neurons.check import check, partners
from engines.point_neurons.params import CurrentInput, Lif, Network, RateInput, SpikesInput


class PointNeurons:
    """Quadratic or leaky integrate-and-fire populations with event-driven synapses.

    A network may be cut into engines along its delays: what lives elsewhere becomes an input of kind ``spikes``, the
    populations and projections keep their names, parameters and ``seed``, and the result is the same spike for spike. A
    projection's delay includes the delay of the link that brings its spikes; the two may be equal, for a spike that is
    stamped at the end of a step is taken up by that very step.

    Conventions: lif neurons spike on the grid, at the end of a step, in the order of NEST's iaf_psc_exp: move V, let the
    currents decay, add what arrives at the end of the step, compare with V_th. Spikes that arrive between two grid points act
    at the later one. Samples hold over the step that ends at their time. qif neurons hear in a step what arrives in it: the
    rate of their partners is that of the step ``delay`` earlier.

    References
    ----------
    Rotter and Diesmann (1999), Biological Cybernetics 81, 381: exact integration.
    Montbrió, Pazó and Roxin (2015), Physical Review X 5, 021028: qif networks and their mean field.
    """

    Params: ClassVar[type[Network]] = Network
    determinism: ClassVar[str] = "bitwise"

    @classmethod
    def ports(cls, params: Network) -> Sequence[Port]:
        check(params)
        populations = params.populations
        first = np.cumsum([0, *(p.size for p in populations.values())]).tolist()
        members = {name: tuple(range(a, b)) for name, a, b in zip(populations, first[:-1], first[1:], strict=True)}
        names = Space(tuple(populations))
        ports = [
            Port("spikes", "out", "spikes", Space.numbered(first[-1], members)),
            Port("rate", "out", "samples", names, quantity="firing_rate", unit="Hz", of="mean", dt_ns=params.dt),
        ]
        labels = tuple(f"{name}[{i}]" for name, neurons in params.record_potential.items() for i in neurons)
        if labels:
            lif = any(isinstance(populations[name], Lif) for name in params.record_potential)
            ports.append(
                Port(
                    "potential",
                    "out",
                    "samples",
                    Space(labels),
                    quantity="membrane_potential",
                    unit="mV" if lif else "1",
                    dt_ns=params.dt,
                )
            )
        for name, port in params.inputs.items():
            if isinstance(port, SpikesInput):
                ports.append(Port(name, "in", "spikes", Space.numbered(port.size)))
                continue
            space = Space.numbered(populations[port.target].size) if port.each else Space((port.target,))
            quantity, unit = ("firing_rate", "Hz") if isinstance(port, RateInput) else ("current", _current_unit(params, port))
            ports.append(Port(name, "in", "samples", space, quantity=quantity, unit=unit, dt_ns=params.dt))
        return ports

    def __init__(self, params: Network, setup: Setup) -> None:
        from engines.point_neurons import connect, kernels, poisson, populations

        check(params)
        Window(0, setup.window_ns).steps(params.dt)  # refuses a window that is not a whole number of steps
        self._params, self._dt_ns, self._kernel = params, params.dt, kernels.advance
        seed = setup.seed if params.seed is None else params.seed
        _say_when_compiling(setup.log, Path(kernels.__file__))

        link_ns = populations.link_delays(params, setup)
        quanta = populations.quanta(params)
        groups = populations.groups(params, link_ns)
        synapses, mean_field = connect.connect(params, seed, groups, link_ns, quanta)
        noise, self._noise_rates = poisson.poisson_sources(params, seed, quanta)
        cells = populations.cells(params, quanta)
        constants = populations.lif_constants(params), populations.qif_constants(params)
        self._network = (cells, *constants, groups, synapses, mean_field, noise)
        self._state = populations.state_at_zero(params, seed, groups, synapses, mean_field)

        self._group = {name: g for g, name in enumerate(partners(params))}
        self._population = {name: p for p, name in enumerate(params.populations)}
        self._tau_s = constants[1].tau_s
        self._own_column, self._own_width = self._columns_of_own_drive()
        recorded = [(self._population[name], i) for name, neurons in params.record_potential.items() for i in neurons]
        self._recorded = np.array([cells.first[p] + i for p, i in recorded], np.int64)
        rest = [p.E_L if isinstance(p, Lif) else 0.0 for p in params.populations.values()]
        self._recorded_rest = np.array([rest[p] for p, _ in recorded])
        self._has_qif = bool(cells.is_qif.any())
        self.advance(Window(0, 0), {})  # compiles
        setup.log.info("%d neurons, %d synapses", len(cells.bias), len(synapses.targets))

    def advance(self, window: Window, inputs: Mapping[str, Payload]) -> Mapping[str, Payload]:
        steps = window.length_ns and window.steps(self._dt_ns)
        times, neurons, rate, potential = self._kernel(
            window.start_ns // self._dt_ns,
            steps,
            self._dt_ns,
            *self._network,
            self._state,
            self._arrivals(inputs),
            self._drive(steps, inputs),
            self._recorded,
        )
        # lif spikes come in order; those of qif neurons fall anywhere within a step
        spikes = Spikes.sorted(window, times, neurons) if self._has_qif else Spikes(window, times, neurons)
        out: dict[str, Payload] = {"spikes": spikes, "rate": Samples(window, rate)}
        if len(self._recorded):
            out["potential"] = Samples(window, potential + self._recorded_rest)
        return out

    def close(self) -> None: ...

    def save(self) -> dict[str, NDArray[Any]]:
        return {name: array.copy() for name, array in self._state._asdict().items()}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        for name, array in self._state._asdict().items():
            if name not in state or state[name].shape != array.shape:
                why = f"{name} has shape {state[name].shape if name in state else None}, this network {array.shape}"
                raise CosimError("the saved state is of another network", why=why)
        self._state = State(
            **{name: np.array(state[name], array.dtype, order="C") for name, array in self._state._asdict().items()}
        )

    # -- what is played in ------------------------------------------------------------------------------------------------------

    def _columns_of_own_drive(self) -> tuple[NDArray[np.int64], int]:
        """(populations,) first column of those that hear an input neuron by neuron, -1 for the others; and how many columns."""
        column, width = np.full(len(self._population), -1, np.int64), 0
        for port in self._params.inputs.values():
            if isinstance(port, (RateInput, CurrentInput)) and port.each and self._adds_current(port):
                target = self._population[port.target]
                if column[target] < 0:
                    column[target] = width
                    width += self._params.populations[port.target].size
        return column, width

    @staticmethod
    def _adds_current(port: RateInput | CurrentInput) -> bool:
        return isinstance(port, CurrentInput) or port.weight is None

    def _arrivals(self, inputs: Mapping[str, Payload]) -> Arrivals:
        """The spikes of all inputs, in the order of the steps that they fall into."""
        step, group, channel = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for name, payload in inputs.items():
            if isinstance(payload, Spikes) and len(payload):
                step.append(-(-payload.times_ns // self._dt_ns))
                group.append(np.full(len(payload), self._group[name]))
                channel.append(payload.channels.astype(np.int64))
        if len(step) == 2:
            return Arrivals(step[1], group[1], channel[1])
        steps = np.concatenate(step)
        order = np.argsort(steps, kind="stable")
        return Arrivals(steps[order], np.concatenate(group)[order], np.concatenate(channel)[order])

    def _drive(self, steps: int, inputs: Mapping[str, Payload]) -> Drive:
        """Sums of the sampled inputs, in the order of their declaration."""
        common, own = np.zeros((steps, len(self._population))), np.zeros((steps, self._own_width))
        played: dict[str, NDArray[np.float64]] = {}
        for name, port in self._params.inputs.items():
            payload = inputs.get(name)
            if not isinstance(payload, Samples) or isinstance(port, SpikesInput):
                continue
            values = played[name] = payload.refined(self._dt_ns).values
            if not self._adds_current(port):
                continue
            target = self._population[port.target]
            if isinstance(port, RateInput):
                values = values * (self._tau_s[target] * (1.0 if port.J is None else port.J))
            if port.each:
                first = self._own_column[target]
                own[:, first : first + values.shape[1]] += values
            else:
                common[:, target] += values[:, 0]
        return Drive(common, own, self._own_column, self._poisson_rates(steps, played))

    def _poisson_rates(self, steps: int, played: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """(steps, columns) Hz: constant for the background, as played for rate inputs, 0 for those that are not connected."""
        columns = [np.empty((steps, 0))]
        for rate in self._noise_rates:
            if isinstance(rate, str):
                port = self._params.inputs[rate]
                assert isinstance(port, RateInput)
                width = self._params.populations[port.target].size if port.each else 1
                columns.append(played.get(rate, np.zeros((steps, width))))
            else:
                columns.append(np.full((steps, 1), rate))
        return np.concatenate(columns, axis=1)


def _current_unit(params: Network, port: CurrentInput) -> str:
    return "pA" if isinstance(params.populations[port.target], Lif) else "1"


def _say_when_compiling(log: logging.Logger, kernels: Path) -> None:
    if not any((kernels.parent / "__pycache__").glob("kernels.advance-*.nbi")):
        log.info("compiling kernels (first run only)")
