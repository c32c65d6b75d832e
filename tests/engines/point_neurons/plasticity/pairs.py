"""Plastic synapses of all of some sources onto all of some targets whose spikes are given, and what each should come to.

What they should come to is worked out from the definitions, spike by spike and pair by pair, in plain Python: no traces, no steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.engines.point_neurons.running import MS

Train = Sequence[float]
Weights = NDArray[np.float64]
DELAY_MS, W_MAX = 1.5, 2e-4
"""Of the plastic synapses. Their weights are far below the 1 that makes a target spike."""
KICK_MS = 0.1


def trains(count: int, rate_hz: float, stop_ms: float, seed: int) -> list[list[float]]:
    """Random spikes on the grid of 0.1 ms, at most one a step."""
    rng, steps = np.random.default_rng(seed), round(10 * stop_ms)
    fired = rng.random((count, steps)) < rate_hz * 1e-4
    return [[round((k + 1) * 0.1, 1) for k in np.flatnonzero(row)] for row in fired]


def network(
    pre: Sequence[Train], post: Sequence[Train], plasticity: Mapping[str, Any], weight: float = W_MAX / 2, **more: Any
) -> dict[str, Any]:
    """Keywords of a network in which relays spike as ``post`` says; ``weights`` gives out every synapse each 0.5 ms."""
    kicks = [[round(t - KICK_MS, 1) for t in train] for train in post]
    bounds = {} if plasticity["rule"] == "tsodyks_markram" else {"w_max": W_MAX}
    return {
        "populations": {
            "pre": {"model": "spike_generator", "size": len(pre), "times": [list(train) for train in pre]},
            "kicks": {"model": "spike_generator", "size": len(post), "times": kicks},
            "post": {"model": "parrot", "size": len(post)},
        },
        "projections": {
            "kick": {"from": "kicks", "to": "post", "rule": "one_to_one", "weight": 1.0, "delay": KICK_MS},
            "learns": {
                "from": "pre", "to": "post", "rule": "all_to_all", "weight": weight, "delay": DELAY_MS,
                "plasticity": bounds | dict(plasticity),
            },
        },
        "weights": {"w": {"projection": "learns", "synapses": "all", "every": MS // 2}},
    } | more  # fmt: skip


def expected(
    pre: Sequence[Train], post: Sequence[Train], course: Callable[[Train, Train, float], float], stop_ms: float
) -> Weights:
    """(synapses,) by target, then by source: w at a time, as ``course`` of the spikes as they reach a synapse."""
    arriving = [[t + DELAY_MS for t in train] for train in post]
    return np.array([course(source, target, stop_ms) for target in arriving for source in pre])


def pair_stdp(
    tau_plus: float, tau_minus: float, up: Callable[[float], float], down: Callable[[float], float], nearest: bool = False,
    start: float = 0.5,
) -> Callable[[Train, Train, float], float]:  # fmt: skip
    """w of pair STDP; ``up`` and ``down`` are steps of w, for a pair without distance."""

    def course(pre: Train, post: Train, stop_ms: float) -> float:
        w = start
        for time, is_pre in events(pre, post, stop_ms):
            partners = [time - t for t in (post if is_pre else pre) if t < time - 1e-6]
            partners = [min(partners)] if nearest and partners else partners
            seen = sum(math.exp(-gap / (tau_minus if is_pre else tau_plus)) for gap in partners)
            w += -down(w) * seen if is_pre else up(w) * seen
            w = min(max(w, 0.0), 1.0)
        return w

    return course


def triplet_stdp(
    taus: Mapping[str, float], amplitudes: Mapping[str, float], start: float = 0.5
) -> Callable[[Train, Train, float], float]:
    """w of triplet STDP."""

    def seen(train: Train, time: float, tau: float) -> float:
        return sum(math.exp((t - time) / tau) for t in train if t < time - 1e-6)

    def course(pre: Train, post: Train, stop_ms: float) -> float:
        w = start
        for time, is_pre in events(pre, post, stop_ms):
            if is_pre:
                a = amplitudes["A2_minus"] + amplitudes["A3_minus"] * seen(pre, time, taus["tau_x"])
                w -= a * seen(post, time, taus["tau_minus"])
            else:
                a = amplitudes["A2_plus"] + amplitudes["A3_plus"] * seen(post, time, taus["tau_y"])
                w += a * seen(pre, time, taus["tau_plus"])
            w = min(max(w, 0.0), 1.0)
        return w

    return course


def events(pre: Train, post: Train, stop_ms: float) -> list[tuple[float, bool]]:
    """Time, and whether it is a spike of the source: those of targets come first where both spike at once."""
    found = [(round(t, 6), False) for t in post] + [(round(t, 6), True) for t in pre]
    return [(time, is_pre) for time, is_pre in sorted(found) if time <= stop_ms + 1e-6]
