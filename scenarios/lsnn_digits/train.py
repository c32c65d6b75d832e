"""Trains the networks of this scenario: python scenarios/lsnn_digits/train.py [--seeds 1 2 3 4 5] [--epochs 300]

Needs JAX and scikit-learn (pip install jax scikit-learn); cosim is not needed. Writes ``weights/`` for the first seed, and how well
each network did in ``weights/trained.json``.

The neurons are those of the engine's model ``lsnn``, in units of the distance from rest to threshold and in steps of 10 ms:

    V <- alpha V + W_in x + W z,   b <- rho b,   z = [V >= 1 + beta b],   V <- V - (1 + beta b) z,   b <- b + z
    y <- alpha y + W_out z         of the step before: synapses take one step

Gradients go through time, with gamma max(0, 1 - |V - 1 - beta b|) in place of the derivative of [.] (Bellec et al. 2018). Images
come in random order, and states last from each to the next, as they do in the scenario: nobody resets the network between two.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import jax
import jax.numpy as jnp
import numpy as np
from images import CHANNELS, CUE, GREYS, answers, encode, halves, read_digits

jax.config.update("jax_enable_x64", True)  # for the test; training is in single precision
NEURONS, DIGITS = 100, 10
STEP_MS, TAU_M_MS, TAU_A_MS = 10.0, 10.0, 400.0
ALPHA, RHO = float(np.exp(-STEP_MS / TAU_M_MS)), float(np.exp(-STEP_MS / TAU_A_MS))
BETA = {"adaptive": 0.2, "plain": 0.0}
GAMMA, SPARSE, BATCH, RATE, CLIP = 0.8, 0.08, 64, 0.01, 1.0
"""Of the pseudo-derivative; spikes a step that a neuron is to fire; images a batch; learning rate at the start; of the gradient."""
JITTER = 2
"""Grey values of training images are moved by up to as much, where they are not 0."""
THRESHOLD_MV, QUANTUM_MV = 15.0, 1e3 * 2.0**-18
"""What weights are rounded to before they are tested and written: in volts a power of two, so that the engine has them exactly."""
HERE = Path(__file__).parent / "weights"


@jax.custom_jvp
def spike(over: Any) -> Any:
    return (over >= 0).astype(over.dtype)


@spike.defjvp
def _(values: Any, slopes: Any) -> Any:
    return spike(values[0]), GAMMA * jnp.maximum(0.0, 1.0 - jnp.abs(values[0])) * slopes[0]


def stream(weights: Any, beta: float, state: Any, inputs: Any) -> Any:
    """State after (steps, batch, channels), and (steps, batch, …) spikes and readout."""

    def step(state: Any, x: Any) -> Any:
        V, b, z, y = state
        y = ALPHA * y + z @ weights["readout"]
        V = ALPHA * V + x @ weights["input"] + z @ weights["recurrent"]
        b = RHO * b
        threshold = 1.0 + beta * b
        z = spike(V - threshold)
        state = V - threshold * z, b + z, z, y
        return state, (z, y)

    return jax.lax.scan(step, state, inputs)


def at_rest(batch: int, kind: Any) -> Any:
    return *(jnp.zeros((batch, NEURONS), kind) for _ in range(3)), jnp.zeros((batch, DIGITS), kind)


def loss(weights: Any, beta: float, state: Any, inputs: Any, digits: Any) -> Any:
    """Cross entropy of the mean readout after the image, and what keeps neurons from firing more or less than they are to."""
    others = {**weights, "recurrent": weights["recurrent"] * (1.0 - jnp.eye(NEURONS, dtype=jnp.float32))}
    state, (z, y) = stream(others, beta, state, inputs)
    chances = jax.nn.log_softmax(y[-CUE:].mean(axis=0))
    missed = -jnp.take_along_axis(chances, digits[:, None], axis=1).mean()
    busy = ((z.mean(axis=(0, 1)) - SPARSE) ** 2).sum()
    return missed + busy, state


def train(kind: str, seed: int, epochs: int, learned: Any) -> dict[str, Any]:
    """Weights after ``epochs``, by Adam with a rate that falls to 0 along half a cosine."""
    rng = np.random.default_rng(seed)
    images, digits = (column[learned] for column in read_digits())
    sizes = {"input": (CHANNELS, NEURONS, 0.3), "recurrent": (NEURONS, NEURONS, 0.05), "readout": (NEURONS, DIGITS, 0.03)}
    weights = {name: jnp.asarray(rng.normal(0.0, sd, (a, b)), jnp.float32) for name, (a, b, sd) in sizes.items()}
    mean = square = {name: jnp.zeros_like(value) for name, value in weights.items()}
    state, batches = at_rest(BATCH, jnp.float32), len(images) // BATCH
    total = epochs * batches

    @jax.jit
    def update(weights: Any, mean: Any, square: Any, turn: Any, state: Any, inputs: Any, digits: Any) -> Any:
        slopes, state = jax.grad(loss, has_aux=True)(weights, BETA[kind], state, inputs.astype(jnp.float32), digits)
        length = jnp.sqrt(sum((value**2).sum() for value in slopes.values()))
        rate = 0.5 * RATE * (1.0 + jnp.cos(jnp.pi * turn / total))
        for name, slope in slopes.items():
            slope = slope * jnp.minimum(1.0, CLIP / length)
            mean[name] = 0.9 * mean[name] + 0.1 * slope
            square[name] = 0.999 * square[name] + 0.001 * slope**2
            spread = jnp.sqrt(square[name] / (1.0 - 0.999 ** (turn + 1.0))) + 1e-8
            weights[name] = weights[name] - rate * mean[name] / (1.0 - 0.9 ** (turn + 1.0)) / spread
        return weights, mean, square, state

    for epoch in range(epochs):
        order = rng.permutation(len(images))
        moved = images + rng.integers(-JITTER, JITTER + 1, images.shape) * (images > 0)
        shown = encode(np.clip(moved, 0, GREYS)).transpose(1, 0, 2)
        for k in range(batches):
            chosen = order[k * BATCH : (k + 1) * BATCH]
            turn = jnp.float32(epoch * batches + k)
            weights, mean, square, state = update(weights, mean, square, turn, state, shown[:, chosen], digits[chosen])
    return {name: np.asarray(value, np.float64) for name, value in weights.items()}


def rounded(weights: dict[str, Any]) -> dict[str, Any]:
    """In mV: whole quanta, no neuron its own partner."""
    found = {name: np.round(value * THRESHOLD_MV / QUANTUM_MV) * QUANTUM_MV for name, value in weights.items()}
    np.fill_diagonal(found["recurrent"], 0.0)
    return found


def test(weights: dict[str, Any], kind: str, tested: Any) -> dict[str, Any]:
    """One stream of images after the other, in double precision."""
    images, digits = (column[tested] for column in read_digits())
    told = {name: jnp.asarray(value / THRESHOLD_MV) for name, value in weights.items()}
    inputs = jnp.asarray(encode(images).reshape(-1, 1, CHANNELS), jnp.float64)
    _, (z, y) = jax.jit(stream, static_argnums=1)(told, BETA[kind], at_rest(1, jnp.float64), inputs)
    right = int((answers(np.asarray(y[:, 0])) == digits).sum())
    rate = float(z.mean()) / STEP_MS * 1e3
    return {"right": right, "images": len(digits), "spikes": int(z.sum()), "rate_hz": round(rate, 3)}


def write(weights: dict[str, Any], kind: str) -> None:
    """As the engine reads synapses: source, target and weight in mV of each."""
    HERE.mkdir(exist_ok=True)
    for name, value in weights.items():
        source, target = np.nonzero(value)
        listed = {
            "source": source.astype(np.uint8),
            "target": target.astype(np.uint8),
            "weight": value[source, target].astype("f4"),
        }
        np.savez_compressed(HERE / f"{kind}_{name}.npz", **listed)


def main() -> None:
    asked = argparse.ArgumentParser(description="train the networks of lsnn_digits")
    asked.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    asked.add_argument("--epochs", type=int, default=300)
    asked.add_argument("--keep", action="store_true", help="write nothing")
    asked.add_argument("--validate", action="store_true", help="test on a quarter of the images to learn from; implies --keep")
    given = asked.parse_args()
    learned, tested = halves()
    if given.validate:  # by which the constants above were chosen
        is_held = learned // 10 % 5 == 3
        learned, tested, given.keep = learned[~is_held], learned[is_held], True
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in BETA}
    for seed in given.seeds:
        for kind in BETA:
            began = time.perf_counter()
            weights = rounded(train(kind, seed, given.epochs, learned))
            found[kind].append({"seed": seed, **test(weights, kind, tested)})
            print(kind, found[kind][-1], f"{time.perf_counter() - began:.0f} s", flush=True)
            if seed == given.seeds[0] and not given.keep:
                write(weights, kind)
    if not given.keep:
        (HERE / "trained.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
