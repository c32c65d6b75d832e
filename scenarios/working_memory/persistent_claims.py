"""Driven further, the item that was shown comes back by itself whenever its synapses have recovered so far that it must."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.claims import Claim, load_beside
from cosim.results import Run


def beside(file: str, name: str) -> Any:
    """From a file of this folder."""
    return load_beside(Path(__file__), file, name)


Theory, Memory = beside("theory.py", "Theory"), beside("network.py", "Memory")
efficacy, ITEMS, SHOWN, CUE_MS, FLUCTUATION = (
    beside("claims.py", name) for name in ("efficacy", "ITEMS", "SHOWN", "CUE_MS", "FLUCTUATION")
)
DRIVE, BIN_MS = "23.7 mV", 10.0  # as in persistent.yaml
AWAKE_HZ, QUIET_HZ, QUIET_BINS = 15.0, 8.0, 5
"""An item comes back in a bin with the first rate, after some bins with less than the second."""


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    kept, theory = run(), Theory(Memory(drive=DRIVE))
    rate = kept.samples("network.rate")
    rows = round(BIN_MS / (rate.times_ms[1] - rate.times_ms[0]))
    items_hz = rate.values[:, :ITEMS].reshape(-1, rows, ITEMS).mean(axis=1)
    onsets = onsets_of(items_hz[:, SHOWN - 1])
    released, _ = efficacy(kept)
    yield Claim(
        f"u x of the item 20 ms before it comes back, mean of {len(onsets)} times",
        expected=theory.critical,
        measured=float(released[onsets - 2].mean()) if len(onsets) else np.nan,
        tolerance=FLUCTUATION,
        source="e*, Siegert with u x held; tolerance: fluctuations of 400 neurons",
    )
    between = np.diff(np.append(onsets, len(items_hz))) * BIN_MS * 1e-3
    yield Claim(
        "longest time without it, to the end",
        expected=0.0,
        measured=float(between.max(initial=0.0)) if len(onsets) else np.inf,
        tolerance=theory.params.facilitation / 1e9,  # for as long as it is remembered
        source="tau_F: it comes back before it is forgotten",
        unit="s",
    )
    others = np.delete(items_hz, SHOWN - 1, axis=1)[round(CUE_MS[0] / BIN_MS) :]
    yield Claim("bins of 10 ms in which another item is as active", 0, int((others > AWAKE_HZ).sum()), 0, "it was not shown")


def onsets_of(item_hz: NDArray[np.float64]) -> NDArray[np.int64]:
    """Bins in which an item comes back after the cue."""
    first = round(CUE_MS[1] / BIN_MS) + QUIET_BINS
    return np.array(
        [k for k in range(first, len(item_hz)) if item_hz[k] > AWAKE_HZ and item_hz[k - QUIET_BINS : k].max() < QUIET_HZ], np.int64
    )
