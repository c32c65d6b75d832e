"""All cells in a bath of 7.5 mM: the region is at rest as its mean field is, and nobody is recruited."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cosim.claims import Claim, load_beside
from cosim.results import Run


def beside(file: str, name: str) -> Any:
    """From a file of this folder."""
    return load_beside(Path(__file__), file, name)


brain = beside("theory.py", "brain")
RECRUITED, STRENGTH, Swept = (beside("claims.py", name) for name in ("RECRUITED", "STRENGTH", "Swept"))
SETTLED_MS, PIECE_MS = 7000.0, 500
"""Cells begin to fire after 5 s, when the bath has come to them."""


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    result, whole = run(), brain()
    up, gating = result.samples("up"), result.samples("brain.gating")
    told = up.values[up.times_ms > SETTLED_MS, 0]
    pieces = told[: len(told) // PIECE_MS * PIECE_MS].reshape(-1, PIECE_MS).mean(axis=1)
    sure = 3 * float(pieces.std(ddof=1) / np.sqrt(len(pieces)))
    intact = whole.intact(STRENGTH)
    yield Claim(
        "mean share of open channels of the cells, as of a mean field",
        expected=float(intact[whole.focus]),
        measured=float(pieces.mean()),
        tolerance=sure + 0.02 * float(intact[whole.focus]),
        source="fixed point of 98 mean fields; tolerance: 3 sd of means of 0.5 s, and the scale's two digits",
    )
    found, still = gating.values[gating.times_ms > SETTLED_MS].mean(axis=0), intact[whole.others]
    shift = (
        whole.ceiling(STRENGTH, intact[whole.focus] + 0.001)[whole.others]
        - whole.ceiling(STRENGTH, intact[whole.focus])[whole.others]
    )
    worst = int(np.abs(found - still).argmax())
    yield Claim(
        f"S of 97 regions: distance of {whole.labels[whole.others[worst]]}, the worst, to the brain without cells",
        expected=0.0,
        measured=float(np.abs(found - still).max()),
        tolerance=(sure + 0.02 * float(intact[whole.focus])) * float(shift.max()) / 0.001,
        source="fixed point; tolerance: as far as what is unsure of the cells moves it",
    )
    swept = Swept(result)
    strongest = float(swept.strengths.max())
    yield Claim(
        f"regions recruited under any of {len(swept.strengths)} strengths up to G = {strongest:g}",
        expected=0,
        measured=int(swept.recruited.any(axis=0).sum()),
        tolerance=0,
        source="the ceiling for the highest S of the cells",
    )
    ceiling = whole.ceiling(strongest, float(up.values.max()))[whole.others]
    yield Claim(
        f"regions whose ceiling at G = {strongest:g} is above the limit",
        expected=0,
        measured=int((ceiling > RECRUITED).sum()),
        tolerance=0,
        source="least fixed point of 97 mean fields",
    )
