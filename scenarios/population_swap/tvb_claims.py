"""The brain in TVB: its regions against those of ``neural_mass``, intact and with rV2 as another engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from cosim.claims import Claim, load_beside
from cosim.results import Run

WHOLE, REGION = (load_beside(Path(__file__), "claims.py", name) for name in ("WHOLE", "REGION"))
brain_and_labels, stimulus = (load_beside(Path(__file__), "theory.py", name) for name in ("brain", "stimulus"))
OURS = {"connectome": {"tvb": "connectivity_76", "speed": "4 mm/ms"}, "G": 0.06, **REGION}
MEAN_FIELD = {**REGION, "connectome": {"labels": ["rV2"], "weights": [[0]], "delays": "0 ms"}, "G": 0}
SINGLE = 2.0**-24
"""Half a unit in the last place of 1: TVB 2.10 keeps weights and delayed rates in single precision."""


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    brain, _ = brain_and_labels()
    whole = {key: value for key, value in WHOLE.items() if key != "engines.brain.params.external"}
    tvb = run({**whole, "engines.brain.params.args.external": []}).samples("brain.rate")
    ours = run({**whole, "engines.brain": {"use": "neural_mass", "window": "1 ms", "params": OURS}}).samples("brain.rate")
    in_hz = tvb.values * 1e3
    # what a region hears is off by up to 2 roundings, of weight and rate; the loop hands on the sum of its gains
    rounding = 2 * SINGLE * float(ours.values.max()) * float(np.abs(brain.gain(stimulus())).sum())
    yield Claim(
        "76 regions, TVB against neural_mass: largest difference",
        expected=0.0,
        measured=float(np.abs(in_hz - ours.values).max()),
        tolerance=rounding,
        source="the same equations, steps and delays; single precision of TVB's past, through the loop",
        unit="Hz",
    )
    for name, at_ms, current in (("at rest", 1000.0, 0.0), ("stimulated", 2000.0, stimulus())):
        yield Claim(
            f"76 regions {name} in TVB: largest distance to theory",
            expected=0.0,
            measured=float(np.abs(in_hz[np.searchsorted(tvb.times_ms, at_ms)] - brain.rates_hz(current=current)).max()),
            tolerance=1e-5 + rounding,  # 1 s after the start or the step, e^(-1 s / 60 ms) of it is left
            source="fixed point of the 76 equations",
            unit="Hz",
        )
    column = {
        "links.down.initial": "0.05784302 kHz",
        "engines.column": {"use": "neural_mass", "window": "1 ms", "params": MEAN_FIELD},
        "links.up": {"from": "column.rate", "to": "brain.external[rV2]", "delay": "6.3 ms", "initial": "20 Hz"},
        "record.streams": ["brain.rate", "column.rate"],
    }
    cut = run(column)
    others = np.delete(in_hz, brain.swapped, axis=1)
    yield Claim(
        "TVB with rV2 as a mean field of ours: difference to TVB intact, 75 regions",
        expected=0.0,
        measured=float(np.abs(cut.samples("brain.rate").values * 1e3 - others).max()),
        tolerance=rounding,  # rV2 is stepped in double precision here, and hears TVB's sum
        source="a cut along delays changes nothing but where rV2 is rounded",
        unit="Hz",
    )
