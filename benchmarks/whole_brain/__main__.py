"""One case in one process on one core: ``python -m benchmarks.whole_brain CASE SIDE,SIDE REPEATS SIZE`` prints a line of JSON."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from importlib import import_module
from typing import Any

if __name__ == "__main__":
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # before libraries count the cores

import numpy as np

from benchmarks.table import alternate
from benchmarks.whole_brain.sides import Case, Floats, Side, case_of

SIDES = {
    "ours": "ours:Ours", "tvb": "tvb:Tvb", "vbjax": "vbjax:Vbjax", "vbjax_single": "vbjax:VbjaxSingle",
    "neurolib": "neurolib:Neurolib", "vbi": "vbi:Vbi", "tvbk": "vbi:Tvbk",
}  # fmt: skip


def main(name: str, others: str, repeats: str, size: str) -> None:
    case = case_of(name, size == "quick")
    ours = build("ours", case)
    lacking: list[str] = []
    expected = ours.run()[1]
    found: dict[str, Any] = {"us_per_step": {}, "difference": {}, "versions": {}, "lacking": lacking}
    found |= {"regions": expected.shape[2], "connections": len(case.connections.weight), "steps": case.steps}
    for other in others.split(","):
        try:
            side = build(other, case)
        except ImportError as error:
            lacking.append(f"{other} ({error})")
            continue
        found["versions"][other] = side.version
        found["difference"][other] = check(other, side, side.run()[1], expected)  # the first call compiles
        measures = [partial(timed, *named, case, expected) for named in (("ours", ours), (other, side))]
        mine, theirs = alternate(int(repeats), *measures)
        found["us_per_step"].setdefault("ours", []).extend(mine)
        found["us_per_step"][other] = theirs
    print(f"\n{json.dumps(found)}", flush=True)


def build(name: str, case: Case) -> Side:
    module, _, kind = SIDES[name].partition(":")
    side: Side = getattr(import_module(f"benchmarks.whole_brain.{module}"), kind)(case)
    return side


def timed(name: str, side: Side, case: Case, expected: Floats) -> float:
    """Microseconds a step of one run, whose states are checked."""
    seconds, states = side.run()
    check(name, side, states, expected)
    return seconds / case.steps * 1e6


def check(name: str, side: Side, states: Floats, expected: Floats) -> float:
    """The largest difference of any state from ours, as a share of its largest value."""
    wanted = expected[side.every - 1 :: side.every]
    assert states.shape == wanted.shape, f"{name}: {states.shape} for {wanted.shape}"
    found = float((np.abs(states - wanted).max(axis=(0, 2)) / np.abs(wanted).max(axis=(0, 2))).max())
    if not found <= side.tolerance:
        raise AssertionError(f"{name}: its states differ from ours by {found:.2e}, more than {side.tolerance:g}")
    if not np.ptp(wanted[-1], axis=-1).min() > 1e-3 * np.abs(wanted).max():
        raise AssertionError("all regions do the same: nothing is compared")
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
