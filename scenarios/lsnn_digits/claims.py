"""Trained networks in the engine: the same spikes as on paper, as many right answers as in training, and what adaptation is for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosim.claims import Claim, load_beside
from cosim.results import Run

NEURONS, THRESHOLD_MV, tested, trained = (
    load_beside(Path(__file__), "theory.py", name) for name in ("NEURONS", "THRESHOLD_MV", "tested", "trained")
)
STEPS, answers = (load_beside(Path(__file__), "images.py", name) for name in ("STEPS", "answers"))
STEP_MS, REST_MV = 10.0, -70.0
ROUNDING_MV = 1e-9
READOUT_MV = 100 * 128 * 2.0**-32 / (1 - math.exp(-1.0))
"""Own weights are kept to 2^-31 of a power of two above the largest, 128 mV: each of 100 is off by half of that at the most, and a
step forgets all but 1/e of what was off before."""
PLAIN = {
    "engines.network.params.populations.hidden.parameters.beta": "0 mV",
    **{
        f"engines.network.params.projections.{name}.file": f"weights/plain_{name}.npz" for name in ("input", "recurrent", "readout")
    },
}


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    adaptive, plain = run(), run(PLAIN)
    yield from as_trained(adaptive, "adaptive")
    yield from as_trained(plain, "plain")
    yield from _ahead(is_right(adaptive), is_right(plain))


def as_trained(result: Run, kind: str) -> Iterator[Claim]:
    """The network in the engine against the equations in numpy, and against what the training code counted."""
    expected, counted = tested(kind), trained(kind)[0]
    spikes, readout = spikes_of(result), result.samples("network.potential").values
    steps = len(readout)
    yield Claim(
        f"{kind}: spikes in one of engine and equations, and not in the other",
        expected=0.0,
        measured=float((spikes != expected.spikes[:steps]).sum()),
        tolerance=0.0,  # no potential comes closer to its threshold than rounding goes
        source="the equations of theory.py, from the same weights",
    )
    yield Claim(
        f"{kind}: largest difference in the readout of ten digits",
        expected=0.0,
        measured=float(np.abs(readout - expected.readout[:steps]).max()),
        tolerance=READOUT_MV,
        source="the equations of theory.py, from the same weights",
        unit="mV",
    )
    thresholds = result.samples("network.threshold").values - (REST_MV + THRESHOLD_MV)
    yield Claim(
        f"{kind}: largest difference in the thresholds of ten neurons",
        expected=0.0,
        measured=float(np.abs(thresholds - expected.raised[:steps, : thresholds.shape[1]]).max()),
        tolerance=ROUNDING_MV,
        source="the equations of theory.py",
        unit="mV",
    )
    yield Claim(
        f"{kind}: spikes of all neurons",
        expected=float(counted["spikes"]),
        measured=float(spikes.sum()),
        tolerance=0.0,
        source="the training code, in JAX, on the same images",
    )
    yield Claim(
        f"{kind}: right answers on {counted['images']} images",
        expected=float(counted["right"]),
        measured=float(is_right(result).sum()),
        tolerance=0.0,
        source="the training code, in JAX, on the same images",
    )


def _ahead(adaptive: NDArray[np.bool_], plain: NDArray[np.bool_]) -> Iterator[Claim]:
    only_one = adaptive != plain
    yield Claim(
        "of the images that only one of both networks gets right: share that the adaptive one does",
        expected=1.0,
        measured=float(adaptive[only_one].mean()),
        tolerance=0.5 - 4 * 0.5 / np.sqrt(only_one.sum()),  # equally good ones would have 0.5; 4 standard deviations above it
        source="Bellec et al. 2018: adaptive neurons ahead of as many plain ones; sign test",
    )
    seeds = {kind: np.array([found["right"] / found["images"] for found in trained(kind)]) for kind in ("adaptive", "plain")}
    spread = np.hypot(*(rates.std(ddof=1) for rates in seeds.values()))
    yield Claim(
        "by how much more of the images the adaptive network gets right, as the mean of all seeds has it",
        expected=float(seeds["adaptive"].mean() - seeds["plain"].mean()),
        measured=float(adaptive.mean() - plain.mean()),
        tolerance=float(3 * spread),
        source="the training code, all seeds; 3 standard deviations between seeds",
    )


def spikes_of(result: Run) -> NDArray[np.bool_]:
    """(steps, neurons) of the hidden neurons."""
    train = result.spikes("network.spikes").of("hidden")
    found = np.zeros((len(result.samples("network.potential").values), NEURONS), bool)
    found[np.round(train.times_ms / STEP_MS).astype(int) - 1, train.channels] = True
    return found


def is_right(result: Run) -> NDArray[np.bool_]:
    """(images,) whether the answer is what was shown, of the images that were shown whole."""
    told = answers(result.samples("network.potential").values)
    shown = result.samples("digits.digit").values[::STEPS, 0][: len(told)]
    found: NDArray[np.bool_] = told == shown
    return found
