"""A column in NEST as a region of a TVB brain: each simulator against itself alone, the translators, and where all must stand."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import cosim
from cosim.claims import Claim, load_beside
from cosim.results import Run, SpikeTrain
from cosim.scenario.plan import derived_seed
from cosim.sdk.loading import load_file

HERE = Path(__file__)
coupled, column_hz, next_order_hz, lags_ms = (
    load_beside(HERE, "theory.py", name) for name in ("coupled", "column_hz", "next_order_hz", "lags_ms")
)
BRAIN = coupled()
COLUMN, LIGHT_PA, DT_MS = BRAIN.column, 75.0, 0.1
OTHERS = np.delete(np.arange(len(BRAIN.labels)), COLUMN)
DIRECT = np.flatnonzero(BRAIN.weights[:, COLUMN])
"""Regions that hear the column."""

Floats = NDArray[np.float64]
SEED, SIZE = 42, 1000  # as in scenario.yaml
SIZES = (250, 1000, 2000)
DELAY_MS = 7.4
NEVER = 10**9
SPANS_MS = {"at rest": (300.0, 1000.0, 0.0), "under the current": (1300.0, 2000.0, LIGHT_PA)}
"""From, to, and pA. 300 ms are some ten times what the brain takes to settle."""
BIN_MS = 5.0


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    lit = run()
    yield from _both_at_once()
    yield _tvb_alone(lit)
    yield from _nest_alone(lit)
    yield from _unbiased(lit)
    for name, span in SPANS_MS.items():
        yield from _fixed_point(lit, name, *span)
    dark = run({"engines.light.params.values": [[0], [0], [0]], "clock.stop": "1.1 s"})
    yield from _first_effects(lit, dark)
    yield _follows_noise(lit)
    yield from _fluctuation(lit, run)


def _both_at_once() -> Iterator[Claim]:
    """No run: the proof plays the windows, TVB and NEST as dear as each other, which they are."""
    forecast = cosim.check(HERE.parent / "scenario.yaml").as_dict()["forecast"]
    yield Claim(
        "forecast: a process for each engine is faster than one by",
        expected=2.0,
        measured=forecast["speed_up"],
        tolerance=0.02,  # the player, and the first windows
        source="two engines of equal cost that never wait for each other",
    )


def _tvb_alone(lit: Run) -> Claim:
    """All 76 regions in TVB, run by TVB; after each step the history is told what the column's rate was."""
    model = load_file(HERE.parent / "brain.py", "brain.py")
    args = model.Brain(connectome={"tvb": "connectivity_76", "speed": "4 mm/ms"}, external=("rPFCPOL",))
    from engines.tvb import Tvb

    Tvb.simulator.load()
    rates, returned = lit.samples("brain.rate").values, lit.samples("up")
    column = returned.values[returned.times_ms > 1e-9, 0]  # a link is recorded in its source's time
    brain = model.simulator(args)
    connectivity = brain.connectivity
    connectivity.configure()
    connectivity.set_idelays(brain.integrator.dt)
    brain.initial_conditions = np.repeat(brain.initial_conditions, connectivity.horizon, axis=0)
    brain.configure()
    largest, past, before = 0.0, brain.history.buffer, brain.current_step
    # brain(…) is a generator, and what it has told of a step stands in its history when it comes back
    for k, ((_, told),) in zip(range(len(column)), brain(simulation_length=len(column) * DT_MS), strict=False):
        past[(before + 1 + k) % len(past), 0, COLUMN, 0] = column[k]
        largest = max(largest, float(np.abs(told[0, OTHERS, 0] - rates[k, OTHERS]).max()))
    return Claim(
        f"TVB alone with the column's rate in its history, {len(column)} steps: largest difference of 75 regions",
        expected=0.0,
        measured=largest * 1e3,
        tolerance=0.0,  # the same operations in the same order
        source="tvb.simulator run by itself",
        unit="Hz",
    )


def _nest_alone(lit: Run) -> Iterator[Claim]:
    fibres, spikes = lit.spikes("down"), lit.spikes("column.spikes")
    # a link is recorded in its source's time; NEST hears a spike at the end of the step in which it arrives
    steps = -(-np.rint((fibres.times_ms + DELAY_MS) * 1e6).astype(np.int64) // round(DT_MS * 1e6))
    order = np.lexsort((steps, fibres.channels))
    order = order[(steps[order] > 0) & (steps[order] * DT_MS <= spikes.stop_ms)]
    with tempfile.TemporaryDirectory() as folder:
        inputs, outputs = Path(folder, "inputs.npz"), Path(folder, "spikes.npz")
        light = {"from_ms": [1000 + DT_MS, 2000 + DT_MS], "current_pa": [LIGHT_PA, 0.0]}
        sent = {"times_ms": np.round(steps[order] * DT_MS, 1), "channels": fibres.channels[order]}
        np.savez(inputs, size=SIZE, stop_ms=spikes.stop_ms, seed=derived_seed(SEED, "engine", "column"), **sent, **light)
        subprocess.run([sys.executable, HERE.parent / "alone.py", inputs, outputs], check=True, stdout=subprocess.DEVNULL)
        alone = np.load(outputs)
        found = set(zip(np.rint(alone["times_ms"] / DT_MS).astype(int).tolist(), alone["channels"].tolist(), strict=True))
    recorded = set(zip(np.rint(spikes.times_ms / DT_MS).astype(int).tolist(), spikes.channels.tolist(), strict=True))
    yield Claim(
        "NEST alone with the recorded fibres' spikes, one Simulate: spikes of the column",
        expected=len(recorded),
        measured=len(found),
        tolerance=0,
        source="nest run by itself in a process of its own",
    )
    yield Claim("… that differ, one for one", 0, len(found ^ recorded), 0, "the same")


def _unbiased(lit: Run) -> Iterator[Claim]:
    inflow, fibres = lit.samples("brain.inflow"), lit.spikes("down")
    per_step = inflow.values[:, 0] / BRAIN.strength * (5 * SIZE) * DT_MS  # kHz ms: spikes of all fibres
    counts = np.histogram(fibres.times_ms, bins=np.append(0, inflow.times_ms) + 1e-9)[0]
    counts, per_step = counts[: -round(DELAY_MS / DT_MS)], per_step[: -round(DELAY_MS / DT_MS)]  # the last are still on their way
    yield Claim(
        "spikes on the fibres, all together",
        expected=float(per_step.sum()),
        measured=float(counts.sum()),
        tolerance=3 * float(np.sqrt(per_step.sum())),
        source="integral of the inflow over G sum W; tolerance: 3 sd of a Poisson count",
    )
    yield Claim(
        f"… variance over mean of their number in a step, {len(counts)} steps",
        expected=1.0,
        measured=float(((counts - per_step) ** 2 / per_step).mean()),
        tolerance=3 * float(np.sqrt(2 / len(counts))),
        source="Poisson; tolerance: 3 sd of a sample variance",
    )
    rate, excitatory = lit.samples("up"), lit.spikes("column.spikes").of("exc")
    yield Claim(
        "spikes of the excitatory cells, as the returned rate tells them",
        expected=len(excitatory.times_ms),
        measured=float(rate.values[rate.times_ms > 1e-9].sum() * DT_MS * len(excitatory.groups["exc"])),
        tolerance=1e-6,  # a sum of doubles
        source="rate dt N counts them: nothing lost, nothing twice",
    )


def _fixed_point(lit: Run, name: str, from_ms: float, to_ms: float, current_pa: float) -> Iterator[Claim]:
    expected, rate = BRAIN.rates_hz(current_pa), lit.samples("brain.rate")
    found = rate.values[during(rate.times_ms, from_ms, to_ms)].mean(axis=0) * 1e3
    found[COLUMN] = during(lit.spikes("column.spikes").times_ms, from_ms, to_ms).sum() / (SIZE * (to_ms - from_ms) * 1e-3)
    heard_hz = BRAIN.fibre_hz(found)
    unsure = next_order_hz(heard_hz, current_pa)
    yield Claim(
        f"rate of the column {name}, from what it hears",
        expected=column_hz(heard_hz, current_pa),
        measured=float(found[COLUMN]),
        tolerance=unsure,
        source="Siegert, Fourcaud and Brunel; tolerance: threshold moved by sigma tau_syn/tau + J/2",
        unit="Hz",
    )
    yield Claim(
        f"75 mean fields {name}: largest distance to the fixed point of all",
        expected=0.0,
        measured=float(np.abs(found - expected)[OTHERS].max()),
        tolerance=unsure * float(np.abs(_moved_by_column(expected)[OTHERS]).max()) + _noise_hz(lit, from_ms, to_ms),
        source="76 equations, the column by Siegert; tolerance: as far as they hear it, 3 sd of their noise",
        unit="Hz",
    )


def _moved_by_column(rates_hz: Floats) -> Floats:
    """(regions,) by how much each rate moves when the column's is 1 Hz higher."""
    from scenarios.mean_field import rate_slope

    drive = -1 + 0.01 * (3 * rates_hz + 0.06 * BRAIN.weights @ rates_hz)
    loop = rate_slope(drive, 0.7)[:, None] * (3 * np.eye(len(drive)) + 0.06 * BRAIN.weights)
    loop[COLUMN] = 0.0
    return np.asarray(np.linalg.solve(np.eye(len(drive)) - loop, np.eye(len(drive))[COLUMN]))


def _noise_hz(lit: Run, from_ms: float, to_ms: float) -> float:
    """3 standard errors of the noisiest region's mean, from means of 50 ms."""
    rate = lit.samples("brain.rate")
    means = rate.values[during(rate.times_ms, from_ms, to_ms)][:, OTHERS].reshape(-1, 500, len(OTHERS)).mean(axis=1) * 1e3
    return 3 * float((means.std(axis=0, ddof=1) / np.sqrt(len(means))).max())


def _first_effects(lit: Run, dark: Run) -> Iterator[Claim]:
    """Two runs that differ in the current from 1 s on: the first row of each region that is another one."""
    start, first = _first_altered(lit, dark), BRAIN.first_steps()
    with_light, without = lit.samples("brain.rate").values, dark.samples("brain.rate").values
    altered = with_light[: len(without)] != without
    after = np.where(altered.any(axis=0), altered.argmax(axis=0) + 1, NEVER) - start
    direct = BRAIN.steps[DIRECT, COLUMN] + 1
    yield Claim(
        f"first effect on the {len(DIRECT)} regions that hear the column: largest distance to their tract's delay",
        expected=0.0,
        measured=float(np.abs(after[DIRECT] - np.minimum(direct, first[DIRECT])).max()) * DT_MS,
        tolerance=0.0,
        source="tract length / speed, and the step in which it acts; from the first altered spike",
        unit="ms",
    )
    far = np.setdiff1d(OTHERS, DIRECT)
    yield Claim(
        f"regions of the other {len(far)} that show an effect before the shortest path has been passed",
        expected=0,
        measured=int((after[far] < first[far]).sum()),
        tolerance=0,
        source="shortest path over all tracts (Dijkstra); two regions hear none of them and never show one",
    )
    yield Claim(
        "altered spikes in the column before the current has come",
        expected=0,
        measured=int(start * DT_MS <= 1000 + 1.0),
        tolerance=0,
        source="1 s, and NEST's delay of the current, 1 ms",
    )


def _first_altered(lit: Run, dark: Run) -> int:
    """The step in which the number of the column's excitatory spikes is another one for the first time."""

    def counts(spikes: SpikeTrain) -> NDArray[np.int64]:
        return np.bincount(np.rint(spikes.of("exc").times_ms / DT_MS).astype(np.int64), minlength=30_000)

    stop = round(1100 / DT_MS)
    return int(np.flatnonzero(counts(lit.spikes("column.spikes"))[:stop] != counts(dark.spikes("column.spikes"))[:stop])[0])


def _follows_noise(lit: Run) -> Claim:
    """Delays from the noise of one run: when the correlation of the column's rate and a region's acceleration first stands out."""
    rate, excitatory = lit.samples("brain.rate").values, lit.spikes("column.spikes").of("exc")
    column = np.bincount(np.rint(excitatory.times_ms / DT_MS).astype(np.int64), minlength=len(rate) + 1)[1 : len(rate) + 1]
    lags, correlations = lags_ms(column.astype(float), rate[:, DIRECT])
    first = np.abs(correlations) > 0.5 * np.abs(correlations).max(axis=0)
    found = lags[first.argmax(axis=0)]
    return Claim(
        f"delay of {len(DIRECT)} tracts, from the column's noise: largest distance to length / speed, and a step",
        expected=0.0,
        measured=float(np.abs(found - DT_MS * (BRAIN.steps[DIRECT, COLUMN] + 1)).max()),
        tolerance=1e-9,
        source="first lag with half of the largest correlation; unit of the lags: 0.1 ms",
        unit="ms",
    )


def _fluctuation(lit: Run, run: Callable[..., Run]) -> Iterator[Claim]:
    """As large columns have as many more fibres, nothing in them is shared by more than its share."""
    settings = {"clock.stop": "1 s", "record.streams": ["brain.rate", "column.spikes"]}
    found: dict[str, list[float]] = {"returned rate": [], "75 regions, rms": []}
    for size in SIZES:
        done = lit if size == SIZE else run({**settings, "engines.column.params.args.size": size})
        excitatory, rate = done.spikes("column.spikes").of("exc"), done.samples("brain.rate")
        edges = np.arange(SPANS_MS["at rest"][0], SPANS_MS["at rest"][1] + BIN_MS / 2, BIN_MS)
        found["returned rate"].append(float(np.histogram(excitatory.times_ms, edges)[0].std()) / (0.8 * size * BIN_MS * 1e-3))
        rows = during(rate.times_ms, *SPANS_MS["at rest"][:2])
        found["75 regions, rms"].append(float(np.sqrt(rate.values[rows][:, OTHERS].var(axis=0).mean())))
    for name, deviations in found.items():
        yield Claim(
            f"power of N with which the fluctuation falls: {name}",
            expected=-0.5,
            measured=float(np.polyfit(np.log(SIZES), np.log(deviations), 1)[0]),
            tolerance=0.15,  # 140 bins, of which neighbours correlate: 10 % of a deviation, sd 0.05 of the power
            source=f"N^-1/2, {SIZES[0]} to {SIZES[-1]} cells; tolerance: 3 sd of 700 ms",
        )


def during(times_ms: Floats, from_ms: float, to_ms: float) -> NDArray[np.bool_]:
    return (times_ms > from_ms + 1e-9) & (times_ms <= to_ms + 1e-9)
