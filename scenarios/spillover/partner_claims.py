"""Receptors in an engine of their own: what they do comes to what they do beside the transmitter, as windows get short."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.claims import Claim
from cosim.results import Run

Floats = NDArray[np.float64]
SEPARATE = ("block", "receptors")
WINDOWS_US = (80, 40, 20)
STEPS_US = (10.0, 5.0)


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    finest = run()
    yield from _conserved(finest)
    yield from _order(run)
    yield _steps(run)


def exchanged(window_us: float) -> dict[str, Any]:
    """Settings: what crosses is as old as a window."""
    window = f"{window_us:g} us"
    return {"clock.stop": "3 ms", **{f"engines.{engine}.window": window for engine in SEPARATE}, "links.down.delay": window}


def stepped(step_us: float) -> dict[str, Any]:
    """Settings: all engines in steps of that."""
    return {f"engines.{engine}.params.dt": f"{step_us:g} us" for engine in (*SEPARATE, "whole")}


def _series(run: Run, name: str) -> Floats:
    values: Floats = run.samples(name).values[:, 0]
    return values


def _conserved(finest: Run) -> Iterator[Claim]:
    released, total, supplied, bound = (
        _series(finest, name) for name in ("block.released", "block.total", "block.supplied", "receptors.bound")
    )
    yield Claim(
        "free, taken up and left in one engine, bound in the other: largest difference to what was released, of it",
        expected=0.0,
        measured=float(np.abs(total + bound - released).max() / released[-1]),
        tolerance=1e-10,
        source="what receptors bind is taken out of the block in the same step",
    )
    yield Claim(
        "what the block hands over, and what is bound: largest difference",
        expected=0.0,
        measured=float(np.abs(supplied + bound).max()),
        tolerance=1e-9,
        source="rounding, of 3000 molecules",
    )


def _order(run: Callable[..., Run]) -> Iterator[Claim]:
    apart = []
    for window in WINDOWS_US:
        found = run(exchanged(window))
        whole, parts = _series(found, "whole.ampa"), _series(found, "receptors.ampa")
        rows = min(len(whole), len(parts))  # the last windows end at different times
        apart.append(float(np.abs(parts[:rows] - whole[:rows]).max()))
    for k in (0, 1):
        yield Claim(
            f"windows of {WINDOWS_US[k]} and {WINDOWS_US[k + 1]} µs: order in which AMPA receptors come to those of one engine",
            expected=1.0,
            measured=float(np.log2(apart[k] / apart[k + 1])),
            tolerance=0.15,  # the second order is a fifth of it where receptors bind at 10 /ms
            source="what is heard is as old as a window",
        )


def _steps(run: Callable[..., Run]) -> Claim:
    """What steps leave, apart from windows: the largest number of bound molecules, carried on to a window of 0."""
    left = []
    for step in STEPS_US:
        peaks = []
        for window in WINDOWS_US[1:]:
            found = run({**exchanged(window), **stepped(step)})
            peaks.append(_series(found, "receptors.ampa").max())
        left.append(float(2 * peaks[1] - peaks[0] - _series(found, "whole.ampa").max()))
    return Claim(
        "steps of 10 and 5 µs, carried on to windows of 0: order in which the peak of AMPA receptors comes to that of one",
        expected=2.0,
        measured=float(np.log2(left[0] / left[1])),
        tolerance=0.5,
        source="one engine has halves of steps, two hand over means of them; where a vesicle is released 3 mM fall to 2 in a step",
    )
