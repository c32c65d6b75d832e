"""Our side."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.whole_brain.sides import DT_MS, Case, Floats
from cosim.sdk import Samples, Setup, Window
from engines.neural_mass import NeuralMass

DT_NS = round(DT_MS * 1e6)
WINDOW_STEPS = 100


class Ours:
    """The engine, in windows of ``window_steps``."""

    version, every, tolerance = "ours", 1, 0.0

    def __init__(self, case: Case, window_steps: int = WINDOW_STEPS) -> None:
        self._case = case
        params = NeuralMass.Params(
            model=case.model, connectome=dict(case.connectome), G=case.strength, parameters=dict(case.parameters),
            initial={name: values.tolist() for name, values in case.initial.items()}, integrator=case.integrator,
            outputs=list(case.initial), dt=DT_NS, **case.given,
        )  # fmt: skip
        length_ns = window_steps * DT_NS
        self.engine = NeuralMass(params, Setup("brain", length_ns, 1, {}, {}))
        self._windows = [Window(k * length_ns, (k + 1) * length_ns) for k in range(case.steps // window_steps)]
        self._start = self.engine.save()

    def run(self) -> tuple[float, Floats]:
        self.engine.load(self._start)
        told = []
        begin = time.perf_counter()
        for window in self._windows:
            out = self.engine.advance(window, {})
            told.append([samples.values for samples in out.values() if isinstance(samples, Samples)])
        seconds = time.perf_counter() - begin
        states = np.concatenate([np.stack(values, axis=1) for values in told])
        return seconds, states * np.array(self._case.scales)[:, None]
