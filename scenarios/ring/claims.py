"""One spike runs round each ring for ever, as fast as the cell's equations say, and as in NEURON and Arbor."""

from __future__ import annotations

import copy
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import cosim
from cosim.claims import Claim
from cosim.results import Run
from cosim.sdk.loading import load_file

HERE = Path(__file__).resolve().parent
peers, theory = (load_file(HERE / file, file) for file in ("peers.py", "theory.py"))

Floats = NDArray[np.float64]
PARAMS = "engines.cells.params"
RINGS, CELLS = 10, 10
"""How many, and cells of each."""
HALVES = {"clock.stop": "100 ms"}


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    whole, ring = run(), peers.Ring(peers.network())
    expected = Expected(ring)
    yield from _rounds(whole, expected)
    yield from _speed(whole, run({f"{PARAMS}.dt": "0.0125 ms", "clock.stop": "20 ms"}), expected)
    yield from _the_same(whole, run)
    if find_spec("neuron") is not None:
        yield from _neuron(run({f"{PARAMS}.spike_times": "grid"}))
    if find_spec("arbor") is not None:
        yield _arbor(whole)


class Expected:
    """What theory.py says of this cell: latencies of the first spike and of all others, without steps."""

    def __init__(self, ring: Any) -> None:
        passive = ring.membrane("dendrite")["passive"]
        cell = theory.Cell(ring.sections, ring.counts, ring.resistivity, ring.capacitance, passive["g"], passive["E"])
        count = ring.counts[ring.section]
        place = int(cell.first[ring.section]) + min(int(ring.at * count), count - 1)
        synapse = (ring.tau, ring.reversal, ring.threshold)
        self.first_ms = cell.latency_ms(place, ring.kick, *synapse, at_rest_ms=peers.KICK_MS)
        self.next_ms = cell.latency_ms(place, ring.weight, *synapse, at_rest_ms=peers.KICK_MS + self.first_ms + ring.delay_ms)
        self.hop_ms = ring.delay_ms + self.next_ms
        self.dt_ms = ring.dt_ms


def _rounds(whole: Run, expected: Expected) -> Iterator[Claim]:
    spikes = whole.spikes("cells.spikes")
    hops = int((spikes.stop_ms - peers.KICK_MS - expected.first_ms) / expected.hop_ms)
    yield Claim(
        "spikes of all rings",
        expected=float(RINGS * (1 + hops)),
        measured=float(len(spikes.times_ms)),
        tolerance=0.0,  # none is lost, none is born
        source=f"theory.py: one every {expected.hop_ms:.3f} ms in each ring",
    )
    wrong, apart, first = 0, 0.0, _ring(whole, 0)[0]
    for number in range(RINGS):
        times, cells = _ring(whole, number)
        wrong += int((cells != np.arange(len(cells)) % CELLS).sum())
        apart = max(apart, float(np.abs(times - first).max()) if len(times) == len(first) else np.inf)
    yield Claim("spikes that are not those of the next cell", 0.0, float(wrong), 0.0, "the order of a ring")
    yield Claim("largest difference between the times of two rings", 0.0, apart, 0.0, "cells side by side are alike", "ms")


def _speed(whole: Run, finer: Run, expected: Expected) -> Iterator[Claim]:
    latencies = [_ring(run, 0)[0][0] - peers.KICK_MS for run in (whole, finer)]
    error = 2 * (latencies[0] - latencies[1])
    yield Claim(
        "latency of the first spike, from steps of 25 and 12.5 µs to a step of 0",
        expected=expected.first_ms,
        measured=2 * latencies[1] - latencies[0],
        tolerance=abs(error) / 20,  # the next order, which two steps leave: measured it is a hundredth
        source="the cell's equations by an implicit Runge-Kutta method; tolerance: 1/20 of what a step of 25 µs costs",
        unit="ms",
    )
    yield Claim(
        "the same: by how much a step of half the length is nearer",
        expected=2.0,
        measured=(latencies[0] - expected.first_ms) / (latencies[1] - expected.first_ms),
        tolerance=0.1,
        source="backward Euler is of first order; tolerance: the next one, 1/20 as large",
    )
    own = _ring(whole, 0)[0][::CELLS]
    yield Claim(
        "period of a ring",
        expected=CELLS * expected.hop_ms,
        measured=float(own[2] - own[1]),
        tolerance=CELLS * (expected.dt_ms / 2 + 2 * abs(error)),
        source="10 (delay + latency); tolerance: a cell hears on the grid, and answers as late as the first, at half the weight",
        unit="ms",
    )


def _the_same(whole: Run, run: Callable[..., Run]) -> Iterator[Claim]:
    others = {
        "windows of 0.1 ms": {"engines.cells.window": "0.1 ms", "engines.kick.window": "0.1 ms"},
        "one window": {"engines.cells.window": "200 ms", "engines.kick.window": "200 ms"},
        "2 threads": {f"{PARAMS}.threads": 2},
    }
    for name, settings in others.items():
        other = run(settings)
        v = np.abs(other.samples("cells.soma").values - whole.samples("cells.soma").values)
        yield Claim(f"{name}: spikes that differ", 0.0, float(len(_events(other) ^ _events(whole))), 0.0, "the same steps")
        yield Claim(f"{name}: largest difference of V in ten somata", 0.0, float(v.max()), 0.0, "the same steps", "mV")
    cut = run({**HALVES, **_halves(whole)})
    stop_ms = cut.spikes("cells.spikes").stop_ms
    theirs = _events(cut, "cells.spikes", own=0) | _events(cut, "others.spikes", own=CELLS // 2)
    yield Claim(
        f"every ring cut in two, each half in an engine of its own: spikes that differ, of {len(theirs)}",
        expected=0.0,
        measured=float(len(theirs ^ {event for event in _events(whole) if event[0] <= stop_ms * 1e6})),
        tolerance=0.0,
        source="a link of 5 ms is a connection of 5 ms",
    )


def _neuron(on_grid: Run) -> Iterator[Claim]:
    """NEURON tells a spike at the end of the step in which it found it, and goes on from there."""
    played = _alone("neuron", on_grid)
    yield _apart("NEURON", played, on_grid, 1e-6, "the same steps; tolerance: rounding, of times that NEURON adds up")
    yield Claim(
        f"largest difference of V to NEURON, ten somata in {len(played['v'])} steps",
        expected=0.0,
        measured=float(np.abs(on_grid.samples("cells.soma").values - played["v"]).max()),
        tolerance=1e-6,  # a synapse one compartment further on makes 10 mV
        source="NEURON, rates of gates computed, not looked up; tolerance: rounding, which a spike makes larger",
        unit="mV",
    )


def _arbor(whole: Run) -> Claim:
    source = (
        "Arbor; tolerance: its exponentials of a step x are (1 + x/2) / (1 - x/2), which makes gates too fast by x²/12, here 1e-3"
    )
    return _apart("Arbor", _alone("arbor", whole), whole, 2e-3, source)


def _apart(name: str, played: dict[str, NDArray[Any]], run: Run, tolerance: float, source: str) -> Claim:
    """How far spikes of a simulator are from ours, cell by cell."""
    times, cells = peers.spikes_of(played)
    spikes = run.spikes("cells.spikes")
    ours, owners = peers.spikes_of({"times_ms": spikes.times_ms, "channels": spikes.channels})
    same = np.array_equal(cells, owners)
    apart = float(np.abs(ours - times).max()) if same else np.inf
    return Claim(f"largest difference to {name} of {len(times)} spikes", 0.0, apart, tolerance, source, "ms")


def _alone(which: str, run: Run) -> dict[str, NDArray[Any]]:
    """What peers.py has of a simulator over the time of a run, in a process and a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(HERE / "peers.py"), which, str(run.spikes("cells.spikes").stop_ms), "alone.npz"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return dict(np.load(Path(folder) / "alone.npz"))


def _ring(run: Run, number: int) -> tuple[Floats, NDArray[np.int64]]:
    """Times in ms and cells, 0 to 9, of the spikes of a ring, in their order."""
    spikes = run.spikes("cells.spikes")
    own = spikes.channels // CELLS == number
    order = np.argsort(spikes.times_ms[own], kind="stable")
    return spikes.times_ms[own][order], spikes.channels[own][order] % CELLS


def _events(run: Run, stream: str = "cells.spikes", own: int | None = None) -> set[tuple[int, int]]:
    """Spikes as (ns, cell); of half rings, that begin at cell ``own`` of each, as cells of the whole."""
    spikes = run.spikes(stream)
    cells = spikes.channels.astype(np.int64)
    if own is not None:
        half = CELLS // 2
        cells = cells // half * CELLS + cells % half + own
    return set(zip(np.rint(spikes.times_ms * 1e6).astype(np.int64).tolist(), cells.tolist(), strict=True))


def _halves(run: Run) -> dict[str, Any]:
    """Cells 0 to 4 of every ring in one engine, 5 to 9 in another, and links in place of the connections between them."""
    data, half = cosim.load(run.folder / "scenario.yaml").document.data, CELLS // 2
    first = copy.deepcopy(data["engines"]["cells"])
    first["params"]["populations"]["cells"]["size"] = RINGS * half
    first["params"]["record"] = {}
    within = [[ring * half + i, ring * half + i + 1] for ring in range(RINGS) for i in range(half - 1)]
    across = [[ring * half + half - 1, ring * half] for ring in range(RINGS)]
    ring = first["params"]["projections"]["ring"]
    ring["pairs"] = within
    first["params"]["inputs"]["axons"] = {"kind": "spikes", "size": RINGS * half}
    first["params"]["projections"]["from_others"] = {**ring, "from": "axons", "pairs": across}
    first["params"]["projections"]["kick"]["pairs"] = [[0, ring * half] for ring in range(RINGS)]
    second = copy.deepcopy(first)
    del second["params"]["inputs"]["kick"], second["params"]["projections"]["kick"]
    links = {
        **data["links"],
        "there": {"from": "cells.spikes", "to": "others.axons", "delay": "5 ms"},
        "back": {"from": "others.spikes", "to": "cells.axons", "delay": "5 ms"},
    }
    return {
        "engines.cells": first, "engines.others": second, "links": links, "record.streams": ["cells.spikes", "others.spikes"],
    }  # fmt: skip
