"""neurolib: its compiled loops. Only they are timed: it draws its noise beforehand, also where there is none."""

from __future__ import annotations

import time
from importlib import import_module
from importlib.metadata import version
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.whole_brain.sides import DT_MS, SPEED, Case, Floats

LOOP = "timeIntegration_njit_elementwise"


class Neurolib:
    every, tolerance = 1, 1e-9

    def __init__(self, case: Case) -> None:
        self.version, known = f"neurolib {version('neurolib')}", case.connections
        self._case, model = case, {"stuart_landau": "hopf", "wilson_cowan": "wc"}[case.model]
        self._module = import_module(f"neurolib.models.{model}.timeIntegration")
        loaded = import_module(f"neurolib.models.{model}.loadDefaultParams")
        lengths = known.dense_delays_ms() * SPEED
        self._params = loaded.loadDefaultParams(Cmat=known.dense(), Dmat=lengths)
        self._params.update(dt=DT_MS, duration=case.steps * DT_MS, signalV=SPEED, K_gl=case.strength, sigma_ou=0.0, seed=1)
        first, second = case.states[0][:, None], case.states[1][:, None]
        numbers = case.parameters
        if model == "hopf":
            frequency = 2 * np.pi * numbers["f"] * 1e-3
            self._params.update(a=numbers["a"], w=frequency, coupling="diffusive", xs_init=first, ys_init=second)
        else:
            self._params.update(
                tau_exc=numbers["tau_E"], tau_inh=numbers["tau_I"], a_exc=numbers["a_E"], a_inh=numbers["a_I"],
                mu_exc=numbers["theta_E"], mu_inh=numbers["theta_I"], exc_ext=numbers["P"], exc_init=first, inh_init=second,
            )  # fmt: skip

    def run(self) -> tuple[float, Floats]:
        loop, seconds = getattr(self._module, LOOP), []

        def timed(*arguments: Any) -> Any:
            begin = time.perf_counter()
            found = loop(*arguments)
            seconds.append(time.perf_counter() - begin)
            return found

        with mock.patch.object(self._module, LOOP, timed):
            _, *states, _, _ = self._module.timeIntegration(self._params)
        return seconds[0], np.stack([state[:, -self._case.steps :].T for state in states], axis=1)
