"""The neural mass engine: ports, windows, what comes in from regions that are simulated elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import HELD, CosimError, Payload, Port, Samples, Setup, Window
from engines.equations.dimensions import si_factor
from engines.neural_mass.arrivals import Arrivals
from engines.neural_mass.checks import checked_network
from engines.neural_mass.description import model_file, read_model, shipped
from engines.neural_mass.drives import Drives
from engines.neural_mass.network import Network
from engines.neural_mass.params import NeuralMassParams
from engines.neural_mass.simulation import Simulation, linked
from engines.neural_mass.symbols import build_symbols
from engines.neural_mass.telling import tell
from engines.neural_mass.tuning import tuned

Floats = NDArray[np.float64]
MOST_KEPT_REGIONS = 2000
"""Up to which the run's file gets the matrices of connections, 32 MB each."""


class NeuralMass:
    """A brain of regions, each a mean field of a population, coupled through connectomes with delays.

    A region is a model that is described in a file (``cosim describe neural_mass.<model>`` tells one; ``model: ./mine.yaml``
    is your own). What a coupling term of region i receives is

        c_i(t) = G f(sum_j W_ij x_j(t - tau_ij)),   tau_ij = length_ij / speed, to whole steps, a half to even

    where x is what regions send and f is linear unless the model or ``couplings`` says otherwise; row i is the receiver. The
    network terms and all inputs are held over the stages of a step, and taken at its start: so Heun and RK4 are of second and
    fourth order within a region, and of first order in the coupling. Noise is a function of seed, region and step, so neither
    windows nor restarts nor which regions are simulated here change a bit.

    Ports
    -----
    Outputs of the model (or those named in ``outputs``) are exact at the end of each step; one that shows a network term or an
    input shows that of the step that ended. Inputs of the model, and parameters named in ``vary``, are in force over the step that
    ends at their row's time. Monitors are ports by the names that ``monitors`` gives them.

    Regions that are named in ``external``, or that project to those in ``only``, are not simulated: ``external`` takes what they
    send over links whose whole delay may be anything up to the connection's and one step, the rest of which is waited here. A
    brain that is cut so agrees with the whole one bit for bit. A region without a link keeps its initial state. ``inflow`` offers
    what the regions in ``external`` receive from here, as many steps ahead (``lead_ns``) as the shortest connection takes: its row
    that ends at e is the term of the step that ends at e + lead. What external regions receive from each other is left out: link
    them directly. A region that takes this ``inflow`` as an input sets G to 0, so that it is not counted twice.
    """

    Params: ClassVar[type] = NeuralMassParams
    determinism: ClassVar[str] = "bitwise"

    @classmethod
    def models(cls) -> Mapping[str, str]:
        """Name and title of every model that comes with the engine."""
        return {name: read_model(path)[0].title for name, path in shipped().items()}

    @classmethod
    def describe_model(cls, name: str) -> str:
        """A model in words, by its name or by the path of a file."""
        return tell(model_file(name, Path.cwd()))

    @classmethod
    def ports(cls, params: NeuralMassParams) -> Sequence[Port]:
        return checked_network(params).ports()

    def __init__(self, params: NeuralMassParams, setup: Setup) -> None:
        self._dt_ns, self._log = params.dt, setup.log
        Window(0, setup.window_ns).steps(params.dt)
        self._network = network = checked_network(params)
        described = network.description
        self._fed = [name for name in (*described.inputs, *params.vary) if name in setup.inputs]
        fed_inputs = [name for name in self._fed if name in described.inputs]
        found = tuned(network, setup)
        symbols = build_symbols(params, described, network.layers, network.connectome.space, fed_inputs, found)
        self._arrivals = Arrivals(network, setup)
        delays_ns = linked(network, setup.delays_ns, self._arrivals.names)
        if (delays_ns == HELD).any():
            raise CosimError(
                "what external regions send cannot be held",
                why="a connection needs the activity of a given time before; what a holding link brings has no fixed delay",
                mend="leave 'time: hold' out of the links to external",
            )
        if params.history is not None and (delays_ns >= 0).any():
            raise CosimError(
                "a history does not go together with linked external regions",
                why="what they sent before time 0 comes over the links, as their initial value, and not from the file",
                mend="leave history out, or simulate all regions here",
            )
        self._drives = Drives(network, symbols)
        self._simulation = Simulation(network, symbols, delays_ns, setup.seed, setup.log)
        self._monitors = {
            name: monitor.build(name, network.taken_by(name), setup.window_ns, setup.log)
            for name, monitor in params.monitors.items()
        }
        self._scales = [1.0 / si_factor(output.unit) for output in network.wanted.values()]
        self._tell(setup, delays_ns)

    def advance(self, window: Window, inputs: Mapping[str, Payload]) -> Mapping[str, Payload]:
        steps = window.steps(self._dt_ns)
        fed = {name: self._rows(inputs[name]) for name in self._fed}
        arrived = self._arrivals.take({name: self._rows(inputs[name]) for name in self._arrivals.names})
        values = self._simulation.advance(window.start_ns // self._dt_ns, steps, self._drives.rows(window, fed), arrived)
        for k, scale in enumerate(self._scales):
            if scale != 1.0:
                values[k] *= scale
        rows = dict(zip(self._network.wanted, values, strict=True))
        out = {name: Samples(window, rows[name]) for name in self._network.ported}
        for name, monitor in self._monitors.items():
            out[name] = Samples(window, monitor.take(rows[self._network.source_of(name)]))
        for name, (term, _) in self._network.inflows.items():
            unit = self._network.description.coupling[term].unit
            out[name] = Samples(window, self._simulation.inflows[name] / si_factor(unit))
        return out

    def save(self) -> dict[str, NDArray[Any]]:
        """States, what was sent as far back as the longest delay, and what monitors keep."""
        kept = {f"{name}.{key}": value.copy() for name, monitor in self._monitors.items() for key, value in monitor.state.items()}
        return self._simulation.save() | kept

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self._simulation.load(state)
        for name, monitor in self._monitors.items():
            for key in monitor.state:
                monitor.state[key] = state[f"{name}.{key}"].copy()

    def kept(self) -> dict[str, NDArray[Any]]:
        """Names of all regions, weights (row = receiver, without G) and delays; of couplings with a connectome of their own too."""
        network = self._network
        found: dict[str, NDArray[Any]] = {"labels": np.array(network.connectome.space.labels, np.str_)}
        if len(network.connectome) > MOST_KEPT_REGIONS:
            self._log.info("weights and delays of more than %d regions are not kept with the run", MOST_KEPT_REGIONS)
            return found
        own = {f"_{layer.name}": layer.connectome for layer in network.layers if layer.connectome is not network.connectome}
        for suffix, connectome in {"": network.connectome, **own}.items():
            found[f"weights{suffix}"], found[f"delays_ms{suffix}"] = connectome.dense(), connectome.dense_delays_ms()
        return found

    def close(self) -> None:
        self._arrivals.tell()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _rows(self, payload: Payload) -> Floats:
        """(steps, channels) of an input."""
        assert isinstance(payload, Samples)
        return np.ascontiguousarray(payload.refined(self._dt_ns).values)

    def _tell(self, setup: Setup, delays_ns: NDArray[np.int64]) -> None:
        """What there is, and what a cut leaves out, once a run."""
        network: Network = self._network
        labels, regions = network.connectome.space.labels, network.regions
        setup.log.info(
            "%s: %d regions, %d connections, %d regions external, delays up to %g ms",
            network.params.model.stem, len(regions.simulated), self._simulation.connections, len(regions.external),
            self._simulation.past * self._dt_ns / 1e6,
        )  # fmt: skip
        for connectome in {id(c): c for c in network.connectomes}.values():
            for note in connectome.notes:
                setup.log.info("connectome: %s", note)
        if network.params.threads > 1 and network.params.replicas == 1:
            setup.log.info("threads share out replicas, and there is one")
        missing = [labels[region] for region, delay_ns in zip(regions.external, delays_ns, strict=True) if delay_ns < 0]
        if missing:
            setup.log.info("no link brings the activity of %s: the initial state is kept", ", ".join(missing))
        told = {term for term, _ in network.inflows.values()}
        for layer in network.layers if regions.gives_inflow else ():
            if layer.term not in told:
                setup.log.info("what external regions receive over %s is not offered: its coupling is not linear", layer.name)
        for connectome in network.connectomes if regions.gives_inflow else ():
            between = np.isin(connectome.receiver, regions.external) & np.isin(connectome.sender, regions.external)
            if between.any():
                setup.log.info("inflow leaves out what external regions send to each other")
                break
