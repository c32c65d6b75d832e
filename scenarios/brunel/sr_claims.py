"""Synchronous and regular: excitation wins, and neurons fire in two volleys that set off each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cosim.claims import Claim
from cosim.results import Run
from scenarios.brunel.regime_claims import activity
from scenarios.brunel.theory import DELAY_S


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    found = activity(run, 100, 300)
    yield Claim(
        "mean interval of a neuron",
        expected=2e3 * DELAY_S,
        measured=float(found.intervals_ms().mean()),
        tolerance=0.01,
        source="a volley sets off the other one delay later, and that the first again; tolerance: a tenth of a step",
        unit="ms",
    )
    yield Claim(
        "CV of the intervals",
        expected=0.0,
        measured=found.irregularity(),
        tolerance=0.02,
        source="neurons miss no volley; tolerance: half a step of 0.1 ms",
    )
    yield Claim(
        "rhythm of the network",
        expected=1 / DELAY_S,
        measured=found.rhythm_hz(),
        tolerance=5.0,
        source="a volley every delay; tolerance: one line of the spectrum of 0.2 s",
        unit="Hz",
    )
    yield Claim(
        "correlation of the network's rate with itself one period later",
        expected=1.0,
        measured=found.persistence(),
        tolerance=0.1,
        source="full synchrony; tolerance: the end of a finite record, and volleys that drift by steps",
    )
