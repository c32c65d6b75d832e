"""What the simulators of the variants claim together: theory holds, whoever steps the neurons or the brain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from cosim.claims import Claim, load_beside
from cosim.results import Run

brain_and_labels, stimulus = (load_beside(Path(__file__), "theory.py", name) for name in ("brain", "stimulus"))
AT_REST, STIMULATED = (600.0, 1000.0), (1600.0, 2000.0)
"""ms; the slowest mode dies out with some 50 ms."""


def rates_stand_where_theory_does(run: Run, simulator: str, dt_ms: float) -> Iterator[Claim]:
    """Rates of the 75 mean fields and of a network whose neurons jump from peak to -peak at once, at rest and stimulated."""
    brain, _ = brain_and_labels()
    brain = replace(brain, pauses=False)
    spikes, rates = run.spikes("column.spikes"), run.samples("brain.rate")
    size, others = len(spikes.labels), np.delete(np.arange(len(brain.weights)), brain.swapped)
    for name, span_ms, current in (("at rest", AT_REST, 0.0), ("stimulated", STIMULATED, stimulus())):
        seconds = (span_ms[1] - span_ms[0]) * 1e-3
        expected, gain = brain.rates_hz(size, current), brain.gain(current)
        counted = ((spikes.times_ms > span_ms[0]) & (spikes.times_ms <= span_ms[1])).sum() / (size * seconds)
        # a neuron is reset at the end of the step in which it passes the peak, half a step late; slow ones are late by less
        late = float(expected[brain.swapped]) ** 2 * 0.5e-3 * dt_ms * float(gain[brain.swapped])
        tolerance = 2 * brain.self_bias_hz(size, current) + 3 * brain.counting_error_hz(size, seconds, current) + late
        yield Claim(
            f"rate of rV2 {name}, {size} neurons in {simulator}",
            expected=float(expected[brain.swapped]),
            measured=float(counted),
            tolerance=tolerance,
            source="fixed point, rV2 summed over its neurons; tolerance: next order in 1/N, 3 sd of the count, half a step",
            unit="Hz",
        )
        rows = (rates.times_ms > span_ms[0]) & (rates.times_ms <= span_ms[1])
        yield Claim(
            f"75 mean fields {name}: largest distance to theory",
            expected=0.0,
            measured=float(np.abs(rates.values[rows].mean(axis=0) - expected[others]).max()),
            tolerance=tolerance * float(gain[others].max() / gain[brain.swapped]),  # as far as a region hears rV2
            source="the same fixed point",
            unit="Hz",
        )
