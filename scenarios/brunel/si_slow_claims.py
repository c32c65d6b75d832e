"""Synchronous and irregular, slow: input from outside hardly reaches the threshold, and inhibition ends each volley."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cosim.claims import Claim
from cosim.results import Run
from scenarios.brunel.regime_claims import activity, neurons_alone, of_paper
from scenarios.brunel.theory import SLOW


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    yield from neurons_alone(run, SLOW)
    found = activity(run, 500, 3000)
    yield from of_paper(found, rate_hz=5.5, rhythm_hz=22.0, variation=0.74, spreads=(0.15, 0.8, 0.01))
    yield Claim(
        "standard deviation of the network's rate over its mean",
        expected=2.0,
        measured=found.fluctuation(),
        tolerance=0.5,
        source="volleys with silence between them, above 1; in the asynchronous state 0.6",
    )
