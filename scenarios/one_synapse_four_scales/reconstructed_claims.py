"""The synapse on a reconstructed cell: its currents, their field, and windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from cosim.claims import Claim
from cosim.results import Run
from cosim.sdk.loading import load_file

shared = load_file(Path(__file__).resolve().parent / "claims.py", "claims.py")
AT_REST_MV = -92.5
"""Of bmtk's fit; without synapses the cell stays within some mV of it."""


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    whole = run()
    yield from shared.claims_of_currents(whole)
    yield from shared.claims_of_windows(run, whole)
    yield from _block(run, whole)


def _block(run: Callable[..., Run], whole: Run) -> Iterator[Claim]:
    """Conductances that NMDA receptors have in the run, at the potential that came back a window later."""
    v, nmda, opened = (whole.samples(name) for name in ("dendrite.head", "cleft.nmda", "cleft.nmda_open"))
    late = round(0.25 / (v.times_ms[1] - v.times_ms[0]))
    heard = np.concatenate([np.full(late, AT_REST_MV), v.values[:-late, 0]])
    expected = 50.0 * 20 * opened.values[:, 0] / (1 + np.exp(-0.062 * heard) / 3.57)
    middle = (expected[1:] + expected[:-1]) / 2
    found = nmda.values[1:, 0]
    yield Claim(
        "conductance of NMDA receptors at the potential of 0.25 ms before: largest difference, of the largest",
        expected=0.0,
        measured=float(np.abs(found - middle).max() / middle.max()),
        tolerance=0.01,
        source="Jahr and Stevens (1990), of the recorded fraction and potential; tolerance: a mean over 25 us, of rows at its ends",
    )
