"""A configured TVB simulator, where it stands, and its past."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import (
    CosimError,
    Setup,
    Space,
    did_you_mean,
)
from engines.tvb.ways import configure, seed_noise, whole_dt

Ints = NDArray[np.int64]


class Brain:
    """A configured TVB simulator, and where it stands.

    Attributes
    ----------
    state, held
        (variables, regions, modes). Of external regions the state is not integrated: it is what was held there last.
    step
        The last that was made; TVB's ``current_step``, with 0 at time 0.
    delays, weighted
        (regions, regions), row = receiver: steps, and which connections there are.
    made_up
        (coupling variables, regions, modes): steps that the links of external regions take.
    """

    def __init__(self, simulator: Any, setup: Setup) -> None:
        self.tvb, self.name = simulator, type(simulator.model).__name__
        self.dt_ns = whole_dt(simulator.integrator.dt)
        if simulator.surface is not None:
            raise CosimError("the simulator has a surface", mend="leave it out: regions are what this engine couples")
        seed_noise(getattr(simulator.integrator, "noise", None), setup.seed)
        configure(simulator)
        history, connectivity = simulator.history, simulator.connectivity
        self.delays, self.weighted = np.array(connectivity.idelays, np.int64), np.array(history.nnz_mask)
        self.space, self.seed = Space(tuple(map(str, connectivity.region_labels))), setup.seed
        self.external = np.zeros(len(self.space), bool)
        self.coming: set[tuple[int, int]] = set()

        buffer = np.array(history.buffer)  # TVB 2.10: weights and history are of single precision
        past = np.roll(buffer, -1 - simulator.current_step % len(buffer), axis=0)  # the oldest first, now last
        self.ring = Ring(np.concatenate([past[:1], past]))
        self.made_up = np.zeros(past.shape[1:], np.int64)
        self.state = np.array(simulator.current_state, np.float64)
        self.held = self.state.copy()
        self.stimulus: NDArray[np.float64] | None = None
        self.step, self.looks_ahead = 0, False

    def select(self, regions: Any) -> Ints:
        """Rows of regions, in the order in which they are told."""
        count, given = len(self.space), np.atleast_1d(np.asarray([] if regions is None else regions))
        if regions is None or given.dtype.kind not in "iu":
            return np.arange(count) if regions is None else self.space.select(given.tolist())
        if given.min() < 0 or given.max() >= count:
            raise CosimError(f"there is no region {given[(given < 0) | (given >= count)][0]}", mend=f"0 to {count - 1}, or a label")
        return given.astype(np.int64)

    def entries(self, regions: Ints) -> Ints:
        """Where regions stand in a flattened (regions, modes)."""
        modes = self.state.shape[2]
        return (regions[:, None] * modes + np.arange(modes)).reshape(-1)

    def variable(self, name: str) -> int:
        known = list(self.tvb.model.state_variables)
        if name not in known:
            raise CosimError(f"{self.name} has no state variable {name!r}", mend=did_you_mean(name, known))
        return known.index(name)

    def coupling(self, step: int) -> Any:
        return self.tvb._loop_compute_node_coupling(step)

    def wire(self) -> None:
        """Let TVB's coupling look back over what the links have left of each delay."""
        receivers, senders = np.nonzero(self.weighted)
        back = self.delays[self.weighted][:, None] - self.made_up[:, senders]
        back[:, self.external[receivers]] = np.maximum(back[:, self.external[receivers]], -1)  # nobody asks what these receive
        if self.looks_ahead and back.min() < 0:
            told = "a link of an external region takes one step longer than a connection does"
            raise CosimError("a monitor of the coupling looks one step ahead", why=told, mend="shorten the link by a step")
        self.tvb.history = Delayed(self.ring, self.tvb.history, self.weighted, back)
        self._outside = np.flatnonzero(self.external)
        if self.tvb.stimulus is not None and self.stimulus is None:
            self.stimulus = np.zeros((len(self.state), len(self.space), 1))

    def open_window(self, steps: int) -> None:
        self.tvb.current_step, self.tvb.current_state = self.step, self.state
        if self.tvb.stimulus is not None:
            times_ms = np.arange(self.step, self.step + steps) * self.tvb.integrator.dt
            self.tvb.stimulus.configure_time(times_ms.reshape(1, -1))

    def begin_step(self) -> None:
        self.step += 1
        if self.stimulus is not None:
            self.stimulus[:] = 0
            self.tvb._loop_update_stimulus(self.step, self.stimulus)

    def make_step(self) -> None:
        """The coupling first: links of full delay bring what it needs with the row of this very step."""
        tvb, outside = self.tvb, self._outside
        if len(outside):
            self.ring.put(self.step, self.held[tvb.model.cvar])
        coupling = self.coupling(self.step)
        stimulus = 0.0 if self.stimulus is None else self.stimulus
        self.state = tvb.integrate_next_step(self.state, tvb.model, coupling, 0.0, stimulus)
        if len(outside):
            self.state[:, outside] = self.held[:, outside]
        tvb._loop_update_history(self.step, self.state)


class Ring:
    """The coupling variables of the last steps. Every row stands twice, so that the last ones always stand together, in order."""

    def __init__(self, past: NDArray[Any]) -> None:
        """``past``: (steps, coupling variables, regions, modes); the last is that of step 0."""
        self.length = len(past)
        self.load(np.roll(past, 1, axis=0))

    def put(self, step: int, row: NDArray[Any]) -> None:
        place = step % self.length
        self.rows[place] = self.rows[place + self.length] = row

    def until(self, step: int) -> NDArray[Any]:
        """(length, …): the rows up to ``step``."""
        place = step % self.length + 1
        return self.rows[place : place + self.length]

    def save(self) -> NDArray[Any]:
        return self.rows[: self.length].copy()

    def load(self, rows: NDArray[Any]) -> None:
        self.rows = np.concatenate([rows, rows])


class Delayed:
    """What TVB's couplings ask of a history, where each connection looks back as far as it is told.

    The step that ends at s reads the row of step s - 1 - back; back = -1 is the row of the step itself.
    """

    def __init__(self, ring: Ring, original: Any, weighted: NDArray[np.bool_], back: Ints) -> None:
        """``weighted``: (regions, regions), its connections; ``back``: (coupling variables or 1, connections, modes or 1)."""
        self._ring, self._original, self._weighted = ring, original, weighted
        self.cvars = np.array(original.cvars)
        self.n_cvar, self.n_node, self.n_mode = ring.rows.shape[1:]
        self.nnz_row_el_idx, senders = np.nonzero(weighted)
        self.n_nnzw = len(senders)
        weights = np.where(weighted, original.weights, 0).astype(original.weights.dtype)
        self.nnz_weights, self.es_weights = weights[weighted], weights[:, None, :, None]
        self._dense = np.zeros((self.n_node, self.n_cvar, self.n_node, self.n_mode), ring.rows.dtype)
        variables, modes = np.arange(self.n_cvar)[:, None, None], np.arange(self.n_mode)
        places = (variables * self.n_node + senders[:, None]) * self.n_mode + modes
        self._places = (ring.length - 2 - back) * ring.rows[0].size + places

    current: NDArray[Any] | None = None

    def query_sparse(self, step: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """(coupling variables, regions, modes) before the step, and (coupling variables, connections, modes) as they arrive."""
        rows = self._ring.until(step)
        return rows[-2] if self.current is None else self.current, rows.reshape(-1).take(self._places)

    def query(self, step: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """The same as (receivers, coupling variables, senders, modes), 0 where there is no connection."""
        current, arriving = self.query_sparse(step)
        self._dense.transpose(1, 0, 2, 3)[:, self._weighted] = arriving
        return current, self._dense

    def update(self, step: int, state: NDArray[Any]) -> None:
        self._ring.put(step, state[self.cvars])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)
