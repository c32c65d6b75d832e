"""vbjax: its Heun step and its model on JAX, with a past of our making, since it offers only dense delays."""

from __future__ import annotations

import contextlib
import io
import time
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from benchmarks.whole_brain.sides import DT_MS, Case, Floats


class Vbjax:
    """Compiled once; the network term is held over both stages, as here. A ring of what was sent is read by sparse gathers."""

    every, tolerance, is_double = 1, 1e-9, True

    def __init__(self, case: Case) -> None:
        with contextlib.redirect_stdout(io.StringIO()):  # it greets
            import jax
            import vbjax
        jax.config.update("jax_enable_x64", self.is_double)
        self.version = f"vbjax {version('vbjax')}, jax {version('jax')}, {'double' if self.is_double else 'single'} precision"
        known, numbers = case.connections, case.parameters
        theta = vbjax.mpr_default_theta._replace(tau=numbers["tau"], Delta=numbers["delta"], J=numbers["J"], eta=numbers["eta"])
        delays = known.delay_steps(round(DT_MS * 1e6))
        length, regions = int(delays.max()) + 1, len(known)
        source, delay, weight = _padded(known.first, known.sender, delays, known.weight * case.strength * numbers["tau"])
        kind = np.float64 if self.is_double else np.float32
        states = jax.numpy.asarray(case.states, kind)
        past = jax.numpy.tile(states[0], (length, 1))
        places = jax.numpy.asarray(source, np.int32), jax.numpy.asarray(delay, np.int32), jax.numpy.asarray(weight, kind)

        def step(carry: Any, _: Any, places: Any) -> Any:
            state, past, now = carry
            source, delay, weight = places
            row = (now - delay) % length
            received = (weight * past.reshape(-1)[row * regions + source]).sum(axis=1)
            state = vbjax.heun_step(state, vbjax.mpr_dfun, DT_MS, (received, 0.0), theta)
            now = (now + 1) % length
            return (state, past.at[now].set(state[0]), now), state

        @jax.jit
        def loop(states: Any, past: Any, places: Any) -> Any:
            return jax.lax.scan(partial(step, places=places), (states, past, 0), None, length=case.steps, unroll=2)[1]

        self._loop = partial(loop, states, past, places)

    def run(self) -> tuple[float, Floats]:
        begin = time.perf_counter()
        told = self._loop().block_until_ready()
        return time.perf_counter() - begin, np.asarray(told, np.float64)


class VbjaxSingle(Vbjax):
    """As vbjax comes."""

    tolerance, is_double = 1e-2, False


def _padded(first: Any, *values: Any) -> list[Any]:
    """(regions, largest number of connections) of each: sums over rows are much faster on JAX than over lists."""
    counts = np.diff(first)
    rows, columns = np.repeat(np.arange(len(counts)), counts), np.concatenate([np.arange(count) for count in counts])
    found = [np.zeros((len(counts), counts.max()), value.dtype) for value in values]
    for matrix, value in zip(found, values, strict=True):
        matrix[rows, columns] = value
    return found
