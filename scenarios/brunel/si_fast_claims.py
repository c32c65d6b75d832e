"""Synchronous and irregular, fast: strong inhibition one delay late, neurons that skip most of its cycles."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cosim.claims import Claim
from cosim.results import Run
from scenarios.brunel.regime_claims import activity, neurons_alone, of_paper
from scenarios.brunel.theory import FAST


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    yield from neurons_alone(run, FAST)
    found = activity(run, 200, 1200)
    yield from of_paper(found, rate_hz=60.7, rhythm_hz=180.0, variation=0.83, spreads=(0.6, 2.5, 0.03))
    yield Claim(
        "correlation of the network's rate with itself one period later",
        expected=0.77,
        measured=found.persistence(),
        tolerance=0.15,
        source="where the asynchronous state is unstable a rhythm goes on; in it, 0.1 to 0.2; tolerance: half way to that",
    )
