"""A region of a whole brain as a network: where all regions must stand, what N neurons cost, and how a stimulus is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosim.claims import Claim, load_beside
from cosim.results import Run

brain_and_labels, stimulus = (load_beside(Path(__file__), "theory.py", name) for name in ("brain", "stimulus"))
BRAIN, LABELS = brain_and_labels()
SWAPPED = BRAIN.swapped
OTHERS = np.delete(np.arange(len(LABELS)), SWAPPED)
UNSTIMULATED = OTHERS[stimulus()[OTHERS] == 0]

Floats = NDArray[np.float64]
SIZES = (1000, 4000, 16000)
AT_REST, STIMULATED = (600.0, 1000.0), (1500.0, 2000.0)
"""ms. What is averaged; the slowest mode dies out with some 50 ms, so 1e-4 of a step is left when each begins."""
REGION = {
    "parameters": {"tau": "10 ms", "eta": -1, "J": 3, "delta": 0.7},
    "initial": {"r": "20 Hz", "v": -0.5},
    "dt": "0.1 ms",
}
WHOLE = {
    "engines.brain.params.external": [],
    "engines.column.params.populations.rV2.size": 1,  # it has no link any more
    "links": {"light": {"from": "stimulus.out", "to": "brain.current[rV1]"}},
    "record.streams": ["brain.rate"],
}


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    whole = run(WHOLE).samples("brain.rate")
    for name, at_ms, current in (("at rest", AT_REST[1], 0.0), ("stimulated", STIMULATED[1], stimulus())):
        yield Claim(
            f"intact brain {name}: largest distance to theory, 76 regions",
            expected=0.0,
            measured=float(np.abs(whole.values[np.searchsorted(whole.times_ms, at_ms)] - BRAIN.rates_hz(current=current)).max()),
            tolerance=1e-5,  # 1 s after the start or the step, e^(-1 s / 60 ms) of it is left
            source="fixed point of the 76 equations",
            unit="Hz",
        )
    yield _same_bits(run, whole.values)
    fell_short, others_fell_short = [], []
    for size in SIZES:
        settings = {"engines.column.params.populations.rV2.size": size, "record.streams": ["brain.rate", "column.rate"]}
        result = run(settings)
        rates = np.insert(result.samples("brain.rate").values, SWAPPED, result.samples("column.rate").values[:, 0], axis=1)
        for name, span_ms, current in (("at rest", AT_REST, 0.0), ("stimulated", STIMULATED, stimulus())):
            yield from _rates_with_neurons(size, name, during(whole.times_ms, span_ms), rates, current)
        rest = during(whole.times_ms, AT_REST)
        short = BRAIN.rates_hz() - rates[rest].mean(axis=0)
        fell_short.append(short[SWAPPED])
        others_fell_short.append(root_mean_square(short[OTHERS]))
        yield from _falls_short(size, short)
        yield from _answer(size, whole.times_ms, rates - rates[rest].mean(axis=0), whole.values - whole.values[rest].mean(axis=0))
    # the sum over neurons itself has -0.475 between these sizes (curvature, the peak at 100); what rV2 falls short is known to 4 %
    # from its count, which moves a power by 0.02, one sd; what the others do is smooth, for each of them averages over its past
    for name, short, tolerance in (("rV2 comes", fell_short, 0.08), ("the other 75 regions come", others_fell_short, 0.04)):
        yield Claim(
            f"power of N with which {name} to the mean field",
            expected=-0.5,
            measured=float(np.polyfit(np.log(SIZES), np.log(short), 1)[0]),
            tolerance=tolerance,
            source="N^-1/2, the missing tail of the excitabilities; tolerance: next orders, 3 sd of the count",
        )


def _same_bits(run: Callable[..., Run], whole: Floats) -> Claim:
    column = {**REGION, "connectome": {"labels": ["rV2"], "weights": [[0]], "delays": "0 ms"}, "G": 0}
    heard_hz = BRAIN.G * sum(float(weight) * 20.0 for weight in BRAIN.weights[SWAPPED])  # before time 0, to the last bit
    cut = run(
        {
            "links.down.initial": f"{heard_hz!r} Hz",
            "engines.column": {"use": "neural_mass", "window": "1 ms", "params": column},
            "links.up": {"from": "column.rate", "to": "brain.external[rV2]", "delay": "6.3 ms", "initial": "20 Hz"},
            "record.streams": ["brain.rate", "column.rate"],
        }
    )
    rates = np.insert(cut.samples("brain.rate").values, SWAPPED, cut.samples("column.rate").values[:, 0], axis=1)
    return Claim(
        "rV2 a mean field of its own: difference to the intact brain",
        expected=0.0,
        measured=float(np.abs(rates - whole).max()),
        tolerance=0.0,  # the same operations in the same order
        source="a cut along delays changes nothing",
        unit="Hz",
    )


def _rates_with_neurons(size: int, name: str, span: NDArray[np.bool_], rates: Floats, current: Floats | float) -> Iterator[Claim]:
    """Every region's mean rate against the fixed point with rV2 summed over its neurons."""
    gain, seconds = BRAIN.gain(current), span.sum() * 1e-4
    distance = rates[span].mean(axis=0) - (expected := BRAIN.rates_hz(size, current))
    tolerance = 2 * BRAIN.self_bias_hz(size, current) + 3 * BRAIN.counting_error_hz(size, seconds, current)
    yield Claim(
        f"rate of rV2 {name}, {size} neurons",
        expected=float(expected[SWAPPED]),
        measured=float(expected[SWAPPED] + distance[SWAPPED]),
        tolerance=tolerance,
        source="fixed point, rV2 summed over its neurons; tolerance: second order in 1/N, 3 sd of the count",
        unit="Hz",
    )
    yield Claim(
        f"75 mean fields {name}, {size} neurons: largest distance to theory",
        expected=0.0,
        measured=float(np.abs(distance[OTHERS]).max()),
        tolerance=tolerance * float(gain[OTHERS].max() / gain[SWAPPED]),  # as far as a region hears rV2
        source="the same fixed point",
        unit="Hz",
    )


def _falls_short(size: int, short: Floats) -> Iterator[Claim]:
    """Mean field less measured, (regions,), against the closed form."""
    bias, gain = -BRAIN.bias_hz(size), BRAIN.gain()
    counted = BRAIN.counting_error_hz(size, (AT_REST[1] - AT_REST[0]) * 1e-3) * gain / gain[SWAPPED]
    for name, rows in (("rV2 falls", np.array([SWAPPED])), ("the other 75 fall (rms)", OTHERS)):
        expected = root_mean_square(bias[rows])
        yield Claim(
            f"what {name} short of the mean field, {size} neurons",
            expected=expected,
            measured=root_mean_square(short[rows]),
            tolerance=0.05 * expected + 3 * root_mean_square(counted[rows]),  # both fall as N^-1/2
            source="-zeta(1/2) sqrt(delta/(pi^3 N)) / tau, through the linearised brain; tolerance: next orders, 3 sd of the count",
            unit="Hz",
        )


def _answer(size: int, times_ms: Floats, swapped: Floats, intact: Floats) -> Iterator[Claim]:
    """Both brains' courses, (steps, regions), less their rates at rest, while the stimulus lasts."""
    lit = during(times_ms, (AT_REST[1], STIMULATED[1]))
    swapped, intact = swapped[lit], intact[lit]
    off = root_mean_square((swapped - intact)[:, UNSTIMULATED]) / root_mean_square(intact[:, UNSTIMULATED])
    yield Claim(
        f"answer of 74 mean fields, {size} neurons: distance to the intact brain's, relative",
        expected=0.0,
        measured=off,
        tolerance=float(-BRAIN.bias_hz(size)[SWAPPED] / BRAIN.rates_hz()[SWAPPED]),  # no more than rV2 itself is off
        source="the closed-form bias of rV2 over its rate, N^-1/2",
    )
    binned = (swapped - intact)[:, SWAPPED].reshape(-1, 100).mean(axis=1)  # 10 ms
    yield Claim(
        f"answer of rV2, {size} neurons: distance to the intact brain's, rms of 10 ms bins",
        expected=0.0,
        measured=root_mean_square(binned),
        tolerance=float(np.sqrt(BRAIN.rates_hz(size, stimulus())[SWAPPED] / (size * 0.01))),
        source="a count of Poisson neurons, sqrt(r / (N 10 ms)); these fire more regularly",
        unit="Hz",
    )


def root_mean_square(values: Floats) -> float:
    return float(np.sqrt((values**2).mean()))


def during(times_ms: Floats, span_ms: tuple[float, float]) -> NDArray[np.bool_]:
    """Rows after the first and up to the second time."""
    return (times_ms > span_ms[0]) & (times_ms <= span_ms[1])
