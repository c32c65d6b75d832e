"""rV2 in NEST: the rates that theory has for its neurons, and for the mean fields that hear them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from cosim.claims import Claim, load_beside
from cosim.results import Run

rates_stand_where_theory_does = load_beside(Path(__file__), "simulator_claims.py", "rates_stand_where_theory_does")


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    yield from rates_stand_where_theory_does(run(), "NEST", dt_ms=0.05)
