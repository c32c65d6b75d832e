"""Plain neurons, trained alike: in the engine they do what they did in training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from cosim.claims import Claim, load_beside
from cosim.results import Run

as_trained = load_beside(Path(__file__), "claims.py", "as_trained")


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    yield from as_trained(run(), "plain")
