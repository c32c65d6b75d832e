"""Cells with dendrites as one region of a brain: each simulator against itself alone, and both together against their theory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosim.claims import Claim, load_beside
from cosim.results import Run, SpikeTrain
from engines.connectome.tvb_zip import find_tvb, read_zip

HERE = Path(__file__)
brain_and_labels, stimulus, rates_hz, inflow_hz, working_point, first_heard_ms, POOLED = (
    load_beside(HERE, "theory.py", name)
    for name in ("brain", "stimulus", "rates_hz", "inflow_hz", "working_point", "first_heard_ms", "POOLED")
)
simulate, answer, Column, FIBRES, ARBOR_DT_MS = (
    load_beside(HERE, "alone.py", name) for name in ("simulate", "answer", "Column", "FIBRES", "DT_MS")
)

Floats = NDArray[np.float64]
AT_REST, STIMULATED = (300.0, 2000.0), (2300.0, 4000.0)
"""ms. What is averaged; the slowest mode of the brain dies out with some 50 ms."""
TRACT_MS, DT_MS = 6.3, 0.1
"""The shortest tract to and from rV2, which is the lead of ``down`` and the delay of ``up``; the brain's step."""
INFLOWS_HZ, SECONDS = (58.0, 64.0, 70.0, 76.0, 82.0, 88.0, 94.0), 2.0
"""Where, and for how long, the cells' answer is measured."""
DELAYS_MS = np.rint(np.asarray(read_zip(find_tvb("connectivity_76")).lengths) / 4.0 / DT_MS) * DT_MS
"""(regions, regions) row = receiver, at 4 mm/ms; tvb-data has lengths in mm, also where there is no tract."""
POKED_MS, POKED_CELLS = 150.02, 10
ARGS = Column()
EXC = ARGS.size * 4 // 5


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    result = run()
    yield from _arbor_alone(result)
    yield from _brain_alone(run, result)
    yield from _translators(result)
    yield from _together(result)
    yield from _travels(run)


def _arbor_alone(result: Run) -> Iterator[Claim]:
    """Each event that the column was handed, at the step in which it acts, to Arbor with its own connections, in one run."""
    spikes, heard = result.spikes("column.spikes"), result.spikes("down")
    acts = np.ceil((heard.times_ms + TRACT_MS) / ARBOR_DT_MS - 1e-9) * ARBOR_DT_MS  # the step that begins there, or the next
    schedules = [
        acts[rows].tolist() for rows in rows_of(heard.channels[acts > 0], ARGS.size * len(FIBRES), np.flatnonzero(acts > 0))
    ]
    times_ns, cells, voltage = simulate(ARGS, schedules, spikes.stop_ms)
    found_ns, source = np.rint(spikes.times_ms * 1e6).astype(np.int64), "Arbor 0.12 run once, its own connections, all input known"
    yield Claim("spikes of the column", len(times_ns), len(found_ns), 0, source)
    expected, found = (
        set(zip(times_ns.tolist(), cells.tolist(), strict=True)),
        set(zip(found_ns.tolist(), spikes.channels.tolist(), strict=True)),
    )
    yield Claim("spikes that differ in cell or time, to the ns", 0, len(expected ^ found), 0, source)
    course = result.samples("column.voltage").values
    yield Claim(
        "soma and tuft of a cell: largest difference of 2 x 32 000 voltages",
        expected=0.0,
        measured=float(np.abs(voltage[: len(course)] - course).max()),
        tolerance=0.0,  # a step of 2^-5 ms is exact in binary, so that cuts into windows round nothing
        source=source,
        unit="mV",
    )


def _brain_alone(run: Callable[..., Run], result: Run) -> Iterator[Claim]:
    """The mean fields with the rate of the cells, as it was, from a file."""
    up, file = result.samples("up"), result.folder / "up.npz"
    known = {"unit": up.unit, "quantity": up.quantity, "of": up.of, "labels": ["rV2"]}
    np.savez(file, values=up.values[up.times_ms > DT_MS / 2], dt_ns=round(DT_MS * 1e6), t0_ns=0, **known)
    played = {"use": "player", "window": "1 ms", "params": {"file": str(file.resolve())}}
    links = {
        "light": {"from": "stimulus.out", "to": "brain.current[rV1]"},
        "up": {"from": "column.out", "to": "brain.external[rV2]", "delay": f"{TRACT_MS} ms", "initial": "20 Hz"},
    }
    alone = run({"engines.column": played, "links": links, "record.streams": ["brain.rate", "brain.inflow"]})
    for port, name in (("brain.rate", "rates of 75 regions"), ("brain.inflow", "what rV2 hears")):
        yield Claim(
            f"brain without cells, their rate played: largest difference, {name}",
            expected=0.0,
            measured=float(np.abs(alone.samples(port).values - result.samples(port).values).max()),
            tolerance=0.0,
            source="the same operations on the same numbers",
            unit="Hz",
        )


def _translators(result: Run) -> Iterator[Claim]:
    """Neither direction loses or adds anything."""
    whole, _ = brain_and_labels()
    heard, inflow, trains = result.spikes("down"), result.samples("brain.inflow"), ARGS.size * len(FIBRES)
    each = POOLED * inflow.values.sum() * DT_MS * 1e-3 / (whole.G * whole.weights[whole.swapped].sum())
    counts = np.bincount(heard.channels[heard.times_ms > 0], minlength=trains)
    yield Claim(
        f"events at {trains} synapses, over the integral of their rate",
        expected=1.0,
        measured=float(counts.sum() / (trains * each)),
        tolerance=float(3 / np.sqrt(trains * each)) + 1e-6,  # and the digits of the scale in scenario.yaml
        source="a Poisson count, 3 sd",
    )
    yield Claim(
        "their counts: variance over mean",
        expected=1.0,
        measured=float(counts.var(ddof=1) / counts.mean()),
        tolerance=float(3 * np.sqrt(2 / (trains - 1))),
        source="independent Poisson trains; tolerance: 3 sd of a sample variance",
    )
    spikes, up = result.spikes("column.spikes"), result.samples("up")
    yield Claim(
        "spikes of exc in the rate that goes back",
        expected=float(np.isin(spikes.channels, spikes.groups["exc"]).sum()),
        measured=float(up.values[up.times_ms > DT_MS / 2].sum() * EXC * DT_MS * 1e-3),
        tolerance=1e-6,  # rounding of 40 000 sums
        source="every spike is in one bin",
    )


def _together(result: Run) -> Iterator[Claim]:
    """Where cells and brain stand: the answer of the cells alone, met by the fixed point of 75 equations."""
    whole, _ = brain_and_labels()
    others = np.delete(np.arange(len(whole.weights)), whole.swapped)
    rates, inflow, spikes = result.samples("brain.rate"), result.samples("brain.inflow"), result.spikes("column.spikes")
    curve = answer(ARGS, INFLOWS_HZ, SECONDS, seed=1)
    for name, span_ms, current in (("at rest", AT_REST, 0.0), ("stimulated", STIMULATED, stimulus())):
        seconds, rows = (span_ms[1] - span_ms[0]) * 1e-3, during(rates.times_ms, span_ms)
        expected, heard = working_point(curve, current)
        fired = mean_rate_hz(spikes, span_ms)
        softness = inflow_hz(expected + 0.5, current) - inflow_hz(expected - 0.5, current)
        loop = 1 / (1 - curve.slope(heard) * softness)
        tolerance = 3 * loop * float(np.hypot(curve.error_hz(heard), curve.counting_error_hz(seconds)))
        source = f"cells alone ({len(INFLOWS_HZ)} x {SECONDS:g} s) meet 75 equations; tolerance: 3 sd of both counts"
        yield Claim(f"rate of the cells {name}", expected, fired, tolerance, source, "Hz")
        tolerance = softness * (tolerance + wander_hz(spikes, span_ms))
        yield Claim(f"what they hear {name}", heard, float(inflow.values[rows].mean()), tolerance, source, "Hz")
        # the mean over the span as each region hears it: later by its tract, and by its own time constant. That it remembers some
        # tau, rather than hears late by tau, is worth the noise of that much of the cells' spikes at either end
        late_ms = DELAYS_MS[:, whole.swapped] + whole.tau_s * 1e3
        as_heard = np.array([mean_rate_hz(spikes, (span_ms[0] - late, span_ms[1] - late)) for late in late_ms])
        at_ends = 3 * float(np.sqrt(2 * whole.tau_s * fired / EXC)) / seconds
        gain = float((rates_hz(fired + 0.5, current) - rates_hz(fired - 0.5, current))[others].max())
        yield Claim(
            f"75 mean fields {name}, given the rate of the cells: largest distance to theory",
            expected=0.0,
            measured=float(np.abs(rates.values[rows].mean(axis=0) - rates_hz(as_heard, current)[others]).max()),
            tolerance=gain * at_ends,
            source="fixed point of 75 equations; tolerance: 3 sd of the cells' spikes within 10 ms of either end",
            unit="Hz",
        )


def _travels(run: Callable[..., Run]) -> Iterator[Claim]:
    """One more spike at each synapse of ten cells: when does who differ from the run without it?"""
    (whole, labels), short = brain_and_labels(), {"clock.stop": "250 ms"}
    poke = {"use": "player", "window": "10 ms", "params": {"spikes": [[f"{POKED_MS} ms", 0]], "channels": 1}}
    link = {"from": "poke.out", "to": f"column.fibres[0:{POKED_CELLS * len(FIBRES)}]"}
    first, second = run(short), run({**short, "engines.poke": poke, "links.poke": link})
    spoken_ms = float(first_difference_ms(first, second, "up")[0])
    expected, echo_ms = first_heard_ms(spoken_ms, DELAYS_MS, DT_MS)
    found = first_difference_ms(first, second, "brain.rate")
    at = np.array([labels.index(label) for label in first.samples("brain.rate").labels])
    direct, reached = whole.weights[at, whole.swapped] != 0, np.isfinite(found)
    yield Claim(
        "ten cells poked: first spike that differs, after the poke", 0.0, max(0.0, POKED_MS - spoken_ms), 0.0, "causality", "ms"
    )
    yield Claim(
        f"{direct.sum()} regions with a tract from rV2: first difference, against tract and step",
        expected=0.0,
        measured=float(np.abs(found[direct] - expected[at][direct]).max()),
        tolerance=1e-6,  # times are whole ns
        source="length / speed in steps of 0.1 ms, and the step that hears it",
        unit="ms",
    )
    yield Claim(
        f"all {reached.sum()} regions that differ within 100 ms: by how much one does before any path of tracts brings it",
        expected=0.0,
        measured=float(np.maximum(expected[at][reached] - found[reached], 0.0).max()),
        tolerance=1e-6,
        source="shortest path through the connectome",
        unit="ms",
    )
    yield Claim(
        "echo: what rV2 hears differs first, after its own spike",
        expected=echo_ms - spoken_ms,
        measured=float(first_difference_ms(first, second, "brain.inflow")[0]) + TRACT_MS - spoken_ms,
        tolerance=1e-6,
        source="shortest way out and back",
        unit="ms",
    )


# -- measures ------------------------------------------------------------------------------------------------------------------


def wander_hz(spikes: SpikeTrain, span_ms: tuple[float, float]) -> float:
    """By how much the cells' mean rate differs where the span is moved back by 1 to 40 ms: others hear that much later."""
    means = [mean_rate_hz(spikes, (span_ms[0] - late, span_ms[1] - late)) for late in range(41)]
    return float(np.abs(np.array(means) - means[0]).max())


def first_difference_ms(first: Run, second: Run, stream: str) -> Floats:
    """(channels,) the first row's time at which two runs differ; infinite where they never do."""
    one, other = first.samples(stream), second.samples(stream)
    differ = one.values != other.values
    return np.where(differ.any(axis=0), one.times_ms[differ.argmax(axis=0)], np.inf)


def mean_rate_hz(spikes: SpikeTrain, span_ms: tuple[float, float]) -> float:
    """Of the excitatory cells."""
    return float((during(spikes.times_ms, span_ms) & (spikes.channels < EXC)).sum() / (EXC * (span_ms[1] - span_ms[0]) * 1e-3))


def rows_of(channels: NDArray[np.int64], count: int, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The rows of each channel, in order."""
    order = np.argsort(channels, kind="stable")
    return np.split(rows[order], np.cumsum(np.bincount(channels, minlength=count))[:-1])


def during(times_ms: Floats, span_ms: tuple[float, float]) -> NDArray[np.bool_]:
    """Those after the first and up to the second time."""
    return (times_ms > span_ms[0]) & (times_ms <= span_ms[1])
