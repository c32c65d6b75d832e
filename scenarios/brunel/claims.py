"""Asynchronous and irregular: the mean field holds, and what the network does together fades as it grows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from cosim.claims import Claim
from cosim.results import Run
from scenarios.brunel.regime_claims import activity, neurons_alone
from scenarios.brunel.theory import ASYNCHRONOUS, DT_S, KICK

SIZES = (5000, 12_500, 31_250)


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    yield from neurons_alone(run, ASYNCHRONOUS)
    found = activity(run, 200, 1200)
    expected, on_grid = ASYNCHRONOUS.rate_hz(), ASYNCHRONOUS.rate_hz(KICK, DT_S)
    yield Claim(
        "rate of the network",
        expected=expected,
        measured=found.rate_hz(),
        tolerance=expected - on_grid,
        source="mean field; tolerance: a threshold looked at every 0.1 ms and higher by one kick of 0.1 mV",
        unit="Hz",
    )
    yield Claim(
        "CV of the intervals",
        expected=0.41,
        measured=found.irregularity(),
        tolerance=0.015,
        source="NEST 3.10 from the same numbers; tolerance: 3 sd of the difference of two seeds",
    )
    mode = ASYNCHRONOUS.mode()
    yield Claim(
        "rhythm of what remains of fluctuations",
        expected=mode.imag / (2 * np.pi),
        measured=found.rhythm_hz(),
        tolerance=-mode.real / (2 * np.pi) + 10.0,
        source="slowest mode of the linear theory; tolerance: its half width, and what one second tells of so wide a band",
        unit="Hz",
    )
    yield Claim(
        "correlation of the network's rate with itself one period later",
        expected=0.0,
        measured=found.persistence(),
        tolerance=float(np.exp(2 * np.pi * mode.real / mode.imag)),
        source="what of the slowest mode is left then, at most; in the synchronous regimes 0.77 and 0.97",
    )
    together = [activity(run, 200, 800, _of_size(size)).fluctuation() for size in SIZES]
    yield Claim(
        "power of N with which the fluctuations of the network's rate fall",
        expected=-0.5,
        measured=float(np.polyfit(np.log(SIZES), np.log(together), 1)[0]),
        tolerance=0.1,
        source="independent neurons, N^-1/2; tolerance: 3 sd from seed to seed",
    )


def _of_size(size: int) -> dict[str, int]:
    """The same numbers of inputs from other numbers of neurons."""
    populations = "engines.network.params.populations"
    return {f"{populations}.E.size": size * 4 // 5, f"{populations}.I.size": size // 5}
