"""Molecule by molecule: nothing is lost, the mean is that of concentrations, the variance that of independent receptors."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from cosim.claims import Claim
from cosim.results import Run

CLEFT, CELLS = "engines.cleft.params", "engines.dendrite.params.populations.cell.size"
SPIKE_MS, RECEPTORS = 2.0, {"ampa": 80, "nmda": 20}
BY_CONCENTRATIONS = {
    f"{CLEFT}.solver": "deterministic",
    f"{CLEFT}.replicas": 1,
    f"{CLEFT}.threads": 1,
    f"{CLEFT}.dt": "2.5 us",
    CELLS: 1,
}
FEW = {f"{CLEFT}.replicas": 4, CELLS: 4, "clock.stop": "4 ms"}


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    chance, mean = run(), run(BY_CONCENTRATIONS)
    lost = chance.samples("cleft.total").values - chance.samples("cleft.released").values
    yield Claim(
        f"molecules of transmitter made or lost in any of {lost.shape[1]} replicas at any of {len(lost)} times",
        expected=0.0,
        measured=float(np.abs(lost).max()),
        tolerance=0.0,
        source="whole numbers: free, bound, taken up and left are what was released",
    )
    yield from _means(chance, mean)
    yield from _variance(chance)
    yield from _windows(run)


def _means(chance: Run, mean: Run) -> Iterator[Claim]:
    streams = {
        "cleft.free": "free transmitter",
        "cleft.ampa": "AMPA conductance",
        "cleft.nmda": "NMDA conductance",
        "dendrite.head": "spine",
    }
    for stream, name in streams.items():
        expected, found = mean.samples(stream), chance.samples(stream).values
        rows = np.flatnonzero(expected.times_ms > SPIKE_MS + 1.0)[::20]
        error = found[rows].std(axis=1, ddof=1) / np.sqrt(found.shape[1])
        distance = np.abs(found[rows].mean(axis=1) - expected.values[rows, 0]) / error
        yield Claim(
            f"{name}: mean of {found.shape[1]} replicas, largest distance to concentrations at {len(rows)} times",
            expected=0.0,
            measured=float(distance.max()),
            tolerance=4.0,
            source="in standard errors of the mean; the largest of some that hang together",
        )


def _variance(chance: Run) -> Iterator[Claim]:
    """Receptors open independently where the transmitter is the same: N p (1 - p)."""
    for name, count in RECEPTORS.items():
        opened = chance.samples(f"cleft.{name}_open")
        rows = np.flatnonzero(opened.times_ms > SPIKE_MS + 1.0)[::20]
        values = opened.values[rows]
        p = values.mean(axis=1) / count
        replicas = values.shape[1]
        yield Claim(
            f"{name}: variance of the number of open receptors over N p (1 - p), mean of {len(rows)} times",
            expected=1.0,
            measured=float((values.var(axis=1, ddof=1) / (count * p * (1 - p))).mean()),
            tolerance=3 * float(np.sqrt(2 / (replicas - 1))),
            source=f"binomial; tolerance: 3 standard errors of one variance of {replicas}",
        )


def _windows(run: Callable[..., Run]) -> Iterator[Claim]:
    one = run(FEW)
    other = run({**FEW, "engines.cleft.window": "50 us", "engines.dendrite.window": "0.25 ms", f"{CLEFT}.threads": 1})
    for stream, unit in (("cleft.ampa", "pS"), ("dendrite.head", "mV")):
        yield Claim(
            f"windows of 50 and 250 us in place of 500 us, one thread in place of two: largest difference of {stream}",
            expected=0.0,
            measured=float(np.abs(one.samples(stream).values - other.samples(stream).values).max()),
            tolerance=0.0,
            source="random numbers are counted, not drawn from what time it is",
            unit=unit,
        )
