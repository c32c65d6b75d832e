"""vbi: its Numba model, which has no delays, and the kernels of tvbk, which it calls, for eight brains at once."""

from __future__ import annotations

import contextlib
import io
import time
from importlib.metadata import version

import numpy as np

from benchmarks.whole_brain.sides import DT_MS, Case, Floats

NO_NOISE = 1e-60
"""Variance of noise that is drawn and changes nothing."""


class Vbi:
    """It counts time in tau (tau = 1, dt = 0.01), draws its noise always, and tells in single precision.

    It takes the network term at both stages of a step, so that results differ by a term of first order in dt.
    """

    every, tolerance = 1, 1e-2

    def __init__(self, case: Case) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            from vbi.models.numba.mpr import MPR_sde
        self.version, self._case, numbers = f"vbi {version('vbi')} (numba)", case, case.parameters
        self._tau = numbers["tau"]
        given = {"J": numbers["J"], "eta": np.array([numbers["eta"]]), "delta": numbers["delta"], "tau": 1.0, "G": case.strength}
        self._model = MPR_sde(
            {
                **given,
                "dt": DT_MS / self._tau,
                "weights": case.connections.dense(),
                "noise_amp": NO_NOISE,
                "RECORD_BOLD": False,
                "seed": 1,
            }
        )

    def run(self) -> tuple[float, Floats]:
        start = (self._case.states * [[self._tau], [1.0]]).ravel()
        end = 10 * (self._case.steps + 1.5) * DT_MS / self._tau  # it divides this by 10 and leaves the last step out
        begin = time.perf_counter()
        told = self._model.run(par={"t_end": end}, x0=start)["rv_d"]
        seconds = time.perf_counter() - begin
        states = told[: self._case.steps].reshape(self._case.steps, 2, -1).astype(np.float64)
        return seconds, states / np.array([self._tau, 1.0])[:, None]


class Tvbk:
    """Single precision, eight brains in the lanes of the processor's vectors, with delays; it tells every tenth step.

    It takes the network term at both stages of a step, so that results differ by a term of first order in dt, which grows where a
    region passes the middle fixed point.
    """

    every, tolerance, brains = 10, 5e-2, 8

    def __init__(self, case: Case) -> None:
        import tvbk

        self.version = f"tvbk {version('tvbk')} of vbi {version('vbi')}"
        self._case, self._tvbk, known, numbers = case, tvbk, case.connections, case.parameters
        self._tau, regions = numbers["tau"], len(known)
        delays = known.delay_steps(round(DT_MS * 1e6))
        self._connections = tvbk.Conn(regions, len(delays))
        self._connections.weights[:], self._connections.idelays[:] = known.weight, delays + 2
        self._connections.indptr[:], self._connections.indices[:] = known.first, known.sender
        self._past = tvbk.Cx8s(regions, 1 << int(delays.max() + 2).bit_length(), 1)
        self._theta = np.zeros((1, regions, 6, self.brains), np.float32)
        names = {"delta": 2, "J": 3, "eta": 4}
        self._theta[:, :, 0] = 1.0
        for name, place in names.items():
            self._theta[:, :, place] = numbers[name]
        self._theta[:, :, 5] = case.given["sweep"]["G"]

    def run(self) -> tuple[float, Floats]:
        start = self._case.states * [[self._tau], [1.0]]
        state = np.repeat(start[None, :, :, None], self.brains, axis=3).astype(np.float32)
        spare, none = np.zeros_like(state), np.zeros((1, 2, self.brains), np.float32)
        seed = np.ones((1, self.brains, 4), np.uint64)
        self._past.buf[:] = start[0][None, :, None, None]
        self._past.cx1[:] = self._past.cx2[:] = 0.0
        told = np.empty((self._case.steps // self.every, *state.shape[1:]), np.float32)
        begin = time.perf_counter()
        for k in range(len(told)):
            self._tvbk.step_mpr(
                self._past, self._connections, state, spare, none, self._theta, k * self.every, self.every, DT_MS / self._tau, seed
            )
            told[k] = state[0]
        seconds = time.perf_counter() - begin
        by_brain = told.transpose(0, 1, 3, 2).reshape(len(told), 2, -1).astype(np.float64)
        return seconds, by_brain / np.array([self._tau, 1.0])[:, None]
