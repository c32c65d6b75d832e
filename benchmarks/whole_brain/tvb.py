"""The Virtual Brain: tvb-library with its NumPy models, coupling and history."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.whole_brain.sides import DT_MS, SPEED, Case, Floats
from engines.tvb import Tvb as Engine

INTEGRATORS = {"heun": "HeunDeterministic", "euler": "EulerDeterministic"}


class Tvb:
    """TVB's simulator and its Raw monitor. It keeps weights and the past in single precision."""

    every, tolerance = 1, 1e-5

    def __init__(self, case: Case) -> None:
        if Engine.simulator.version is None:
            raise ImportError("tvb-library")
        Engine.simulator.load()
        from tvb.datatypes.connectivity import Connectivity
        from tvb.simulator import coupling, integrators, monitors
        from tvb.simulator.simulator import Simulator

        self.version = f"tvb-library {Engine.simulator.version}"
        self._case, known = case, case.connections
        connectivity = Connectivity(
            weights=known.dense(),
            tract_lengths=known.dense_delays_ms() * SPEED,
            speed=np.array([SPEED]),
            region_labels=np.array(known.space.labels),
            centres=np.zeros((len(known), 3)),
        )
        connectivity.configure()
        connectivity.set_idelays(DT_MS)
        model, strength = _model(case)
        model.variables_of_interest = list(model.state_variables)
        self._simulator = Simulator(
            model=model,
            connectivity=connectivity,
            coupling=coupling.Linear(a=np.array([strength])),
            integrator=getattr(integrators, INTEGRATORS[case.integrator])(dt=DT_MS),
            monitors=(monitors.Raw(),),
            initial_conditions=np.repeat(case.states[None, :, :, None], connectivity.horizon, axis=0),
        )
        self._simulator.configure()
        self._start = (self._simulator.current_step, self._simulator.current_state.copy(), self._simulator.history.buffer.copy())

    def run(self) -> tuple[float, Floats]:
        simulator = self._simulator
        simulator.current_step, simulator.current_state = self._start[0], self._start[1].copy()
        simulator.history.buffer = self._start[2]
        begin = time.perf_counter()
        told = [states for ((_, states),) in simulator(n_steps=self._case.steps)]
        return time.perf_counter() - begin, np.array(told)[:, :, :, 0]


def _model(case: Case) -> tuple[Any, float]:
    """TVB's model with the case's numbers, and its strength of coupling."""
    from tvb.simulator import models

    given = {name: np.array([value]) for name, value in case.parameters.items()}
    if case.model == "generic_2d_oscillator":
        return models.Generic2dOscillator(**given), case.strength
    given["Delta"] = given.pop("delta")
    return models.MontbrioPazoRoxin(**given), case.strength * case.parameters["tau"]  # TVB's network term is without tau
