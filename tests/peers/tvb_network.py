"""One brain in TVB's simulator and in ours: the same regions, connections, delays, steps and initial states.

What is alike. Row = receiver in both. A delay is length / speed, in whole steps, a half to even, in both (TVB: ``rint``). The
network term is taken at the start of a step and held over its stages in both; TVB's ``Linear`` coupling has a = G. TVB keeps the
connections of a region to itself, of length 0, of which its 76 regions have some: so ours has ``zero_diagonal: false``.

What differs. TVB 2.10 keeps weights, and the past of what is sent, in single precision: trajectories agree to some 1e-8 where
nothing makes the rounding grow. ``precise`` puts both into double precision; what is then left is the order of sums, some 1e-14.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import Setup, Window
from engines.neural_mass import NeuralMass

Floats = NDArray[np.float64]
CONNECTIVITY = "connectivity_76"
REGIONS = 76
SPEED = 4.0
INTEGRATORS = {"heun": "HeunDeterministic", "euler": "EulerDeterministic", "rk4": "RungeKutta4thOrderDeterministic"}


def random_states(ranges: Mapping[str, tuple[float, float]], seed: int, regions: int = REGIONS) -> dict[str, Floats]:
    """State: (regions,), each uniform between its bounds."""
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(low, high, regions) for name, (low, high) in ranges.items()}


def run_ours(
    model: str, initial: Mapping[str, Floats], *, steps: int, dt_ms: float = 0.1, integrator: str = "heun", speed: float = SPEED,
    weights: Floats | None = None, lengths: Floats | None = None, **params: Any,
) -> Floats:  # fmt: skip
    """(steps, states, regions) of the neural mass engine after each step, states in the order and units of the model's file.

    Parameters
    ----------
    initial
        State: (regions,) at time 0 and before, in its unit. States that are left out have the model's own.
    weights, lengths
        (regions, regions), row = receiver, lengths in mm; else those of TVB's 76 regions.
    params
        Others of the engine: ``parameters``, ``G``, ``couplings``, …
    """
    source: dict[str, Any] = {"tvb": CONNECTIVITY}
    if weights is not None:
        assert lengths is not None
        source = {"weights": weights.tolist(), "lengths": lengths.tolist()}
    given = NeuralMass.Params(
        model=model, connectome={**source, "speed": speed, "zero_diagonal": False},
        initial={name: np.asarray(values).tolist() for name, values in initial.items()},
        integrator=integrator, dt=round(dt_ms * 1e6), **params,
    )  # fmt: skip
    states = list(given.description.states)
    given = given.model_copy(update={"outputs": states})
    window = Window(0, steps * given.dt)
    engine = NeuralMass(given, Setup("brain", window.length_ns, 1, {}, {}))
    out = engine.advance(window, {})
    return np.stack([out[name].values for name in states], axis=1)


def run_tvb(
    model: Any, coupling: Any, initial: Mapping[str, Floats], *, steps: int, dt_ms: float = 0.1, integrator: str = "heun",
    speed: float = SPEED, weights: Floats | None = None, lengths: Floats | None = None, precise: bool = True,
) -> Floats:  # fmt: skip
    """(steps, states, regions) of TVB's simulator after each step, states in the order of the model's ``state_variables``.

    Parameters
    ----------
    model, coupling
        Of ``tvb.simulator``, with their parameters; a model of one mode.
    initial
        TVB's name of each state: (regions,) at time 0 and before.
    """
    simulator = tvb_simulator(
        model, coupling, initial, dt_ms=dt_ms, integrator=integrator, speed=speed, weights=weights, lengths=lengths, precise=precise
    )
    return np.array([states[:, :, 0] for ((_, states),) in simulator(n_steps=steps)])


def tvb_simulator(
    model: Any, coupling: Any, initial: Mapping[str, Floats], *, dt_ms: float = 0.1, integrator: str = "heun",
    speed: float = SPEED, weights: Floats | None = None, lengths: Floats | None = None, precise: bool = True,
) -> Any:  # fmt: skip
    """TVB's simulator, configured, with one monitor that gives every state at every step."""
    from tvb.simulator import integrators, monitors
    from tvb.simulator.simulator import Simulator

    assert set(initial) == set(model.state_variables), f"TVB's states are {', '.join(model.state_variables)}"
    model.variables_of_interest = list(model.state_variables)
    connectivity = _connectivity(weights, lengths, speed, dt_ms)
    states = np.array(
        [np.broadcast_to(initial[name], connectivity.number_of_regions) for name in model.state_variables], np.float64
    )
    simulator = Simulator(
        model=model,
        coupling=coupling,
        connectivity=connectivity,
        integrator=getattr(integrators, INTEGRATORS[integrator])(dt=dt_ms),
        monitors=(monitors.Raw(),),
        # a shorter history is filled with random draws, of a longer one the state is taken from the wrong row
        initial_conditions=np.repeat(states[None, :, :, None], connectivity.horizon, axis=0),
    )
    simulator.configure()
    if precise:
        simulator.history = _precise(simulator)
    return simulator


def largest_difference(ours: Floats, theirs: Floats) -> Floats:
    """(states,) the largest difference of each state over steps and regions, as a share of its largest size."""
    assert ours.shape == theirs.shape
    assert np.isfinite(ours).all()
    assert np.isfinite(theirs).all()
    return np.abs(ours - theirs).max(axis=(0, 2)) / np.abs(theirs).max(axis=(0, 2))


def _connectivity(weights: Floats | None, lengths: Floats | None, speed: float, dt_ms: float) -> Any:
    from tvb.datatypes.connectivity import Connectivity

    if weights is None:
        found = Connectivity.from_file(f"{CONNECTIVITY}.zip")
    else:
        labels = np.array([f"r{i}" for i in range(len(weights))])
        found = Connectivity(weights=weights, tract_lengths=lengths, region_labels=labels, centres=np.zeros((len(weights), 3)))
    found.speed = np.array([speed])
    found.configure()
    found.set_idelays(dt_ms)
    return found


def _precise(simulator: Any) -> Any:
    """The simulator's history in double precision."""
    from tvb.simulator.descriptors import NDArray as Field
    from tvb.simulator.history import SparseHistory

    past, connections = ("n_time", "n_cvar", "n_node", "n_mode"), ("n_node", "n_cvar", "n_node", "n_mode")

    class PreciseHistory(SparseHistory):  # type: ignore[misc]  # TVB has no types
        weights = Field(("n_node", "n_node"), "d")
        es_weights = Field(connections, "d")
        nnz_weights = Field(("n_nnzw",), "d")
        buffer = Field(past, "d", read_only=False)
        current_state = Field(past[1:], "d", read_only=False)
        delayed_state = Field(connections, "d", read_only=False)

    connectivity, model = simulator.connectivity, simulator.model
    found = PreciseHistory(connectivity.weights, connectivity.idelays, model.cvar, model.number_of_modes)
    found.initialize(np.repeat(simulator.current_state[None, model.cvar], connectivity.horizon, axis=0))
    return found
