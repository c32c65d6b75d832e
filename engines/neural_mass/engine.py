"""The neural mass engine: ports, time stepping, what comes in from regions that are simulated elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import HELD, NOT_FED, CosimError, Payload, Port, Samples, Setup, Space, Window
from engines.connectome import Connectome, build_connectome
from engines.neural_mass.params import NeuralMassParams
from engines.neural_mass.wiring import Regions, connect, lead_steps, remaining_steps, split_regions

Floats = NDArray[np.float64]
_ROOM = 1024  # columns of the history that are filled before the last ones are moved to its front


class NeuralMass:
    """A brain of regions of Montbrió, Pazó and Roxin, coupled by delayed rates.

    tau dr/dt = delta / (pi tau) + 2 r v
    tau dv/dt = v^2 + eta + J tau r + tau (c + drive) + current - (pi tau r)^2
    c_i(t)    = G sum_j W_ij r_j(t - tau_ij),   tau_ij = length_ij / speed, in whole steps

    r in Hz, v dimensionless. The network term and the inputs are held over the stages of a step, and taken at its start; so Heun
    and RK4 are of second and fourth order within a region, and of first order in the coupling. A blow-up is not caught here: keep
    tau at ten steps or more (1 ms at a dt of 0.1 ms), for with three Heun leaves the high state and with one both explode.

    Ports
    -----
    ``rate``, ``potential`` are the exact state at the end of each step. ``drive`` (Hz) is added to c, ``current`` to the bracket,
    each in force over the step that ends at its row's time. Regions that are named in ``external``, or that project to those in
    ``only``, are not simulated: ``external`` takes their rates over links whose whole delay may be anything up to the connection's
    and one step, the rest of which is waited here. A brain that is cut so agrees with the whole one bit for bit. A region without
    a link keeps its initial rate. ``inflow`` offers what the regions in ``external`` receive from here, as many steps ahead
    (``lead_ns``) as the shortest connection takes: its row that ends at e is c for the step that ends at e + lead. What external
    regions receive from each other is left out: link them directly. A region that takes this ``inflow`` as its ``drive``
    sets G to 0, so that it is not counted twice.

    References
    ----------
    Montbrió, Pazó and Roxin (2015), Phys Rev X 5, 021028, equations 12.
    """

    Params: ClassVar[type] = NeuralMassParams
    determinism: ClassVar[str] = "bitwise"

    _history: Floats  # (kept regions, columns), Hz
    _potential: Floats  # (regions,)
    _position: int  # the column of the history that holds now

    @classmethod
    def ports(cls, params: NeuralMassParams) -> Sequence[Port]:
        connectome, regions = _layout(params)
        here, elsewhere = connectome.space.take(regions.simulated), connectome.space.take(regions.external)
        found = [
            _samples("rate", "out", here, "firing_rate", "Hz", params.dt),
            _samples("potential", "out", here, "mean_potential", "1", params.dt),
            _samples("drive", "in", here, "firing_rate", "Hz", params.dt),
            _samples("current", "in", here, "current", "1", params.dt),
        ]
        if len(elsewhere):
            found.append(_samples("external", "in", elsewhere, "firing_rate", "Hz", params.dt))
        if regions.gives_inflow:
            lead_ns = lead_steps(connectome, regions, params.dt) * params.dt
            found.append(_samples("inflow", "out", elsewhere, "firing_rate", "Hz", params.dt).but(lead_ns=lead_ns))
        return found

    def __init__(self, params: NeuralMassParams, setup: Setup) -> None:
        connectome, self._regions = _layout(params)
        self._dt_ns = params.dt
        Window(0, setup.window_ns).steps(params.dt)
        self._build(params, setup, connectome)
        setup.log.info(
            "%d regions, %d connections, %d regions external, delays up to %g ms",
            len(self._simulated), len(self._incoming[1]), len(self._regions.external), self._past * params.dt / 1e6,
        )  # fmt: skip

    def advance(self, window: Window, inputs: Mapping[str, Payload]) -> Mapping[str, Payload]:
        steps, here, elsewhere = window.steps(self._dt_ns), len(self._simulated), len(self._regions.external)
        drive, current = self._rows(inputs, "drive", steps, here), self._rows(inputs, "current", steps, here)
        arriving = self._rows(inputs, "external", steps, elsewhere)
        rate, potential = np.empty((steps, here)), np.empty((steps, here))
        inflow = np.empty((steps, elsewhere if self._regions.gives_inflow else 0))
        done = 0
        while done < steps:
            if self._position == self._history.shape[1] - 1:
                self._rewind()
            count = min(steps - done, self._history.shape[1] - 1 - self._position)
            part = slice(done, done + count)
            self._integrate(
                self._is_rk4, self._constants, count, self._position, self._simulated, self._lookahead,
                self._incoming, self._inflowing, self._arriving, self._channels, arriving[part], drive[part], current[part],
                self._history, self._potential, rate[part], potential[part], inflow[part],
            )  # fmt: skip
            self._position, done = self._position + count, done + count
        out = {"rate": Samples(window, rate), "potential": Samples(window, potential)}
        if self._regions.gives_inflow:
            out["inflow"] = Samples(window, inflow)
        return out

    def save(self) -> dict[str, NDArray[Any]]:
        """The potentials, and the rates as far back as the longest delay."""
        return {
            "history": self._history[:, self._position - self._past : self._position + 1].copy(),
            "potential": self._potential.copy(),
        }

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self._position = self._past
        self._history[:, : self._past + 1] = state["history"]
        self._potential[:] = state["potential"]

    def close(self) -> None:
        """Nothing is held open."""

    # -- inside ----------------------------------------------------------------------------------------------------

    def _build(self, params: NeuralMassParams, setup: Setup, connectome: Connectome) -> None:
        kernels = _load_kernels(setup)
        regions, kept = self._regions, self._regions.kept
        linked_ns = setup.delays_ns["external"] if "external" in setup.inputs else np.full(len(regions.external), NOT_FED)
        if (linked_ns == HELD).any():
            raise CosimError(
                "rates of external regions cannot be held",
                why="a connection needs the rate of a given time before; what a holding link brings has no fixed delay",
                mend="leave 'time: hold' out of the links to external",
            )
        _tell_of_gaps(setup, connectome, regions, linked_ns)
        remaining = remaining_steps(connectome, regions, linked_ns, params.dt)
        incoming = connect(connectome.weights, remaining, regions.simulated, kept, kept)
        ahead = connectome.delay_steps(params.dt) - lead_steps(connectome, regions, params.dt)
        inflowing = connect(connectome.weights, ahead, regions.external, regions.simulated, kept)

        self._integrate, self._is_rk4 = kernels.integrate, params.integrator == "rk4"
        eta = params.eta + params.current
        self._constants = np.array([params.dt / 1e9, params.tau / 1e3, eta, params.J, params.delta, params.G])
        self._incoming, self._inflowing = incoming.arrays(), inflowing.arrays()
        self._simulated = np.searchsorted(kept, regions.simulated)
        self._lookahead = incoming.known_ahead(self._simulated, kernels.LOOKAHEAD)
        self._channels = np.flatnonzero(linked_ns >= 0)
        self._arriving = np.searchsorted(kept, regions.external)[self._channels]

        rate_hz, potential = _initial(params, len(connectome))
        self._past = int(max([0, *incoming.steps, *inflowing.steps]))
        self._position = self._past
        self._history = np.repeat(rate_hz[kept, None], self._past + 1 + _ROOM, axis=1)
        self._potential = potential[regions.simulated]

    def _rewind(self) -> None:
        """Move what the delays still need to the front of the history."""
        self._history[:, : self._past + 1] = self._history[:, self._position - self._past : self._position + 1]
        self._position = self._past

    def _rows(self, inputs: Mapping[str, Payload], name: str, steps: int, channels: int) -> Floats:
        """(steps, channels) of an input, zeros where nothing is connected."""
        payload = inputs.get(name)
        if payload is None:
            return np.zeros((steps, channels))
        assert isinstance(payload, Samples)
        return np.ascontiguousarray(payload.refined(self._dt_ns).values)


def _layout(params: NeuralMassParams) -> tuple[Connectome, Regions]:
    connectome = build_connectome(params.connectome)
    _initial(params, len(connectome))
    return connectome, split_regions(connectome.space, connectome.weights, params.external, params.only)


def _initial(params: NeuralMassParams, regions: int) -> tuple[Floats, Floats]:
    """(regions,) each: rate in Hz, and potential."""
    given = {"rate": params.initial.rate, "v": params.initial.v}
    for name, value in given.items():
        if isinstance(value, list) and len(value) != regions:
            raise CosimError(
                f"initial.{name} has {len(value)} values for {regions} regions",
                mend="give one value for all, or one for each region",
            )
    rate_hz, potential = (np.broadcast_to(np.array(value, np.float64), regions).copy() for value in given.values())
    if rate_hz.min() < 0:
        raise CosimError("initial.rate is negative", why=f"the least is {rate_hz.min():g} Hz", mend="give rates of 0 Hz and more")
    return rate_hz, potential


def _samples(name: str, direction: Literal["in", "out"], space: Space, quantity: str, unit: str, dt_ns: int) -> Port:
    return Port(name, direction, "samples", space, quantity, unit, of="value", dt_ns=dt_ns)


def _load_kernels(setup: Setup) -> ModuleType:
    """Numba and the compiled loop; a log line when it had to be compiled."""
    began = time.perf_counter()
    from engines.neural_mass import kernels

    took_s = time.perf_counter() - began
    if kernels.integrate.stats.cache_misses and took_s > 0.5:
        setup.log.info("compiled kernels in %.1f s (first run only)", took_s)
    return kernels


def _tell_of_gaps(setup: Setup, connectome: Connectome, regions: Regions, linked_ns: NDArray[np.int64]) -> None:
    """What a cut leaves out, once a run."""
    names = connectome.space.labels
    missing = [names[region] for region, delay_ns in zip(regions.external, linked_ns, strict=True) if delay_ns < 0]
    if missing:
        setup.log.info("no link brings the rate of %s: the initial rate is kept", ", ".join(missing))
    if regions.gives_inflow and connectome.weights[np.ix_(regions.external, regions.external)].any():
        setup.log.info("inflow leaves out what external regions send to each other")
