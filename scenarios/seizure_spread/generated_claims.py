"""The spread over a made connectome: the claims of ``claims.py`` that rest on the connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from cosim.claims import Claim, load_beside
from cosim.results import Run

claims_of_spread, claims_of_strength, claim_of_cut = (
    load_beside(Path(__file__), "claims.py", name) for name in ("claims_of_spread", "claims_of_strength", "claim_of_cut")
)
made_brain = load_beside(Path(__file__), "theory.py", "made_brain")


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    brain = made_brain()
    yield from claims_of_spread(run, brain, 2.0)
    yield from claims_of_strength(run, brain)
    yield from claim_of_cut(run, brain, 2.0)
