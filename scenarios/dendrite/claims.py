"""A reconstructed cell in a network: NEURON has the same voltage, and its field is what its currents make, a dipole."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import cosim
from cosim.claims import Claim
from cosim.results import Run
from cosim.sdk.loading import load_file

HERE = Path(__file__).resolve().parent
theory = load_file(HERE / "theory.py", "theory.py")

Floats = NDArray[np.float64]
CONDUCTIVITY = 0.3
AROUND_A_SPIKE_MS = (-1.0, 3.0)
VOLLEY_MS = (70.0, 75.0)
"""When the first one is at the tuft; 10 to 15 ms after the surprise."""
SHORT = {"clock.stop": "100 ms"}
CELL = "engines.cell.params"
ALONE = {**SHORT, f"{CELL}.projections.excitation.weight": "0 nS", f"{CELL}.projections.inhibition.weight": "0 nS"}
"""The cell hears the volley only."""
FAR_MM, EXTENT_MM = 20.0, 0.48


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    whole = run()
    yield from _currents(whole)
    yield from _windows(whole, run)
    volley = run(ALONE)
    yield from _reversal(volley)
    yield _far(volley, run({**ALONE, "engines.probe.params.origin": ["303 um", f"{379 - FAR_MM * 1e3} um", "29 um"]}))
    if find_spec("neuron") is not None:
        yield from _neuron(whole)


def _currents(whole: Run) -> Iterator[Claim]:
    membrane, lfp = whole.samples("cell.membrane"), whole.samples("lfp")
    sizes = np.abs(membrane.values).sum(axis=1)
    yield Claim(
        f"currents through all of the membrane: largest sum in {len(sizes)} steps, of the largest sum of their sizes",
        expected=0.0,
        measured=float(np.abs(membrane.values.sum(axis=1)).max() / sizes.max()),
        tolerance=1e-12,  # rounding, of the solver too
        source="what enters a cell leaves it",
    )
    plan = cosim.check(whole.folder / "scenario.yaml").plan
    assert plan is not None
    pieces = plan.engines["cell"].outputs["membrane"].space.segments
    rows = np.linspace(0, len(sizes) - 1, 50).astype(int)
    expected = np.array([theory.field_of_lines(membrane.values[row], pieces, lfp.positions_um, CONDUCTIVITY) for row in rows])
    yield Claim(
        "potential at the contacts: largest difference to the formula of a line source, added up by hand in 50 steps",
        expected=0.0,
        measured=float(np.abs(lfp.values[rows] - expected).max() / np.abs(expected).max()),
        tolerance=1e-9,  # rounding, where a contact is far along the axis of a piece
        source="Holt and Koch (1999), of the recorded currents; of the largest potential",
    )


def _windows(whole: Run, run: Callable[..., Run]) -> Iterator[Claim]:
    windows = {"engines.network.window": "1 ms", "engines.cell.window": "0.1 ms", "engines.probe.window": "2 ms"}
    other = run({**SHORT, **windows})
    for stream, unit in (("cell.v", "mV"), ("lfp", "uV")):
        found = other.samples(stream).values
        yield Claim(
            f"windows of 1 and 0.1 ms in place of 2 ms: largest difference of {stream}",
            expected=0.0,
            measured=float(np.abs(found - whole.samples(stream).values[: len(found)]).max()),
            tolerance=0.0,  # the same steps
            source="delays are those of the links, whatever the windows",
            unit=unit,
        )


def _reversal(volley: Run) -> Iterator[Claim]:
    places, found = volley.samples("lfp").positions_um, _mean(volley, "lfp")
    tip = volley.samples("cell.v").positions_um
    assert tip is not None
    highest = tip[np.argmin(tip[:, 1])]  # y points down
    yield Claim(
        f"a volley at the tuft alone, {VOLLEY_MS[0]:g} to {VOLLEY_MS[1]:g} ms: changes of the potential's sign along the probe",
        expected=1.0,
        measured=float(np.sum(np.diff(np.sign(found)) != 0)),
        tolerance=0.0,
        source="one sink and one source: a dipole",
    )
    yield Claim(
        "the same: sign at the contact beside the tuft",
        expected=-1.0,
        measured=float(np.sign(found[np.argmin(np.linalg.norm(places - highest, axis=1))])),
        tolerance=0.0,
        source="where current enters the cell it leaves the tissue",
    )


def _far(volley: Run, away: Run) -> Claim:
    currents, middles = _mean(volley, "cell.membrane"), volley.samples("cell.membrane").positions_um
    expected = theory.field_of_dipole(currents, middles, away.samples("lfp").positions_um, CONDUCTIVITY)
    return Claim(
        f"the same, {FAR_MM:g} mm away: potential at the first contact",
        expected=float(expected[0]) * 1e6,
        measured=float(_mean(away, "lfp")[0]) * 1e6,
        tolerance=abs(float(expected[0])) * 1e6 * 2 * EXTENT_MM / FAR_MM,
        source="the dipole of the recorded currents; tolerance: the next order, twice the size of the cell over the distance",
        unit="pV",
    )


def _neuron(whole: Run) -> Iterator[Claim]:
    v, own = whole.samples("cell.v"), whole.spikes("cell.spikes")
    ours, theirs = v.values[:, 0], _alone(whole)
    spikes = own.times_ms[own.times_ms <= own.stop_ms]
    crossings = _crossings_ms(v.times_ms, theirs)
    yield Claim("spikes of the cell, and of NEURON alone", float(len(crossings)), float(len(spikes)), 0.0, "the same spikes arrive")
    yield Claim(
        "largest difference of their times",
        expected=0.0,
        measured=float(np.abs(spikes - crossings).max() * 1e3) if len(spikes) == len(crossings) else np.inf,
        tolerance=1.0,
        source="NEURON's points are in single precision, which moves spikes by tenths of a µs",
        unit="us",
    )
    away = np.ones(len(ours), bool)
    for time in spikes:
        away &= (v.times_ms < time + AROUND_A_SPIKE_MS[0]) | (v.times_ms > time + AROUND_A_SPIKE_MS[1])
    yield Claim(
        f"largest difference of the soma's voltage, but for {AROUND_A_SPIKE_MS[1] - AROUND_A_SPIKE_MS[0]:g} ms around spikes",
        expected=0.0,
        measured=float(np.abs(ours - theirs)[away].max() * 1e3),
        tolerance=5.0,
        source="the same, 1 µs of a voltage that moves by 5 mV in a ms",
        unit="uV",
    )


def _alone(run: Run) -> Floats:
    """(steps,) the soma's voltage in NEURON, in a process and a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(HERE / "alone.py"), str(run.folder.resolve()), "alone.npz"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found: Floats = np.load(Path(folder) / "alone.npz")["v"]
        return found


def _crossings_ms(times_ms: Floats, v: Floats, threshold_mv: float = -20.0) -> Floats:
    """Where the voltage comes up through the threshold, between steps."""
    k = np.flatnonzero((v[1:] >= threshold_mv) & (v[:-1] < threshold_mv))
    part = (threshold_mv - v[k]) / (v[k + 1] - v[k])
    found: Floats = times_ms[k] + part * (times_ms[k + 1] - times_ms[k])
    return found


def _mean(run: Run, stream: str) -> Floats:
    """(channels,) while the volley is at the tuft."""
    found = run.samples(stream)
    mean: Floats = found.values[(found.times_ms > VOLLEY_MS[0]) & (found.times_ms <= VOLLEY_MS[1])].mean(axis=0)
    return mean
