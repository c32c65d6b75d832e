"""The microcircuit as a region: each side as if alone, the translators, and what brain and column do to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.claims import Claim, load_beside
from cosim.results import Run
from scenarios.microcircuit.tables import POPULATIONS


def beside(file: str, name: str) -> Any:
    """From a file of this folder."""
    return load_beside(Path(__file__), file, name)


Floats = NDArray[np.float64]
brain, Column, told_hz, TOLD, G, REST_HZ = (
    beside("theory.py", name) for name in ("brain", "Column", "told_hz", "TOLD", "G", "REST_HZ")
)
BRAIN, THEORY = brain(), Column()
OTHERS = np.delete(np.arange(len(BRAIN.labels)), BRAIN.region)
DT_MS, DELAY_MS, FIBRES, CURRENT, FACTOR = 0.1, 7.4, 4000, 2.0, 5.0  # as in scenario.yaml
AT_REST, LIT = (300.0, 3000.0), (3300.0, 6000.0)
"""ms; 300 ms are some ten times what the brain takes to settle."""
PIECE_MS = 50.0
"""Of means whose spread says how sure an average is: longer than the column remembers, and as long as the brain does."""
MEAN_FIELD = 0.1
"""By what share theory may miss how far the column's rates move: inputs are kicks of 0.56 and -2.2 mV, threshold is 15 mV off."""
Running = Callable[..., Run]


def claims(run: Running) -> Iterator[Claim]:
    coupled = run()
    yield from _column_alone(run, coupled)
    yield from _brain_alone(run, coupled)
    yield from _unbiased(coupled)
    own, bright = Answer(_microcircuit(run)), Answer(_alone(run, heard_hz(coupled, LIT)))
    yield from _against("at rest", "the microcircuit itself, without a brain", Answer(coupled, AT_REST), own)
    yield from _against("under the current", "the column alone, its fibres at that constant rate", Answer(coupled, LIT), bright)
    yield from _moved_by_the_brain(coupled)
    for name, span_ms, current in (("at rest", AT_REST, 0.0), ("under the current", LIT, CURRENT)):
        yield from _heard_by_the_brain(coupled, name, span_ms, current)
    yield _same_hashes(run)


# -- each side as if it were alone ---------------------------------------------------------------------------------------------


def _column_alone(run: Running, coupled: Run) -> Iterator[Claim]:
    """The recorded spikes on the fibres, played to the column in windows ten times as long."""
    fibres, file = coupled.spikes("down"), coupled.folder / "down.npz"
    times_ms = fibres.times_ms + DELAY_MS  # a link is recorded in its source's time
    np.savez(file, timestamps=times_ms[times_ms > 0], node_ids=fibres.channels[times_ms > 0])
    played = {"use": "player", "window": "20 ms", "params": {"file": str(file.resolve()), "channels": FIBRES}}
    alone = run(_without_brain(played, {"from": "brain.out", "to": "column.fibres"})).spikes("column.spikes")
    expected, found = (
        {*zip(s.times_ms.tolist(), s.channels.tolist(), strict=True)} for s in (coupled.spikes("column.spikes"), alone)
    )
    yield Claim(
        f"column alone, the spikes of its fibres played, windows of 20 ms: of {len(expected)} spikes that differ",
        expected=0,
        measured=len(expected ^ found),
        tolerance=0,
        source="the same engine on the same input",
    )


def _brain_alone(run: Running, coupled: Run) -> Iterator[Claim]:
    """The recorded rate of the column, played to the brain."""
    up, file = coupled.samples("up"), coupled.folder / "up.npz"
    known: dict[str, Any] = {"unit": up.unit, "quantity": up.quantity, "of": up.of, "labels": ["rV1"]}
    np.savez(file, values=up.values[up.times_ms > DT_MS / 2], dt_ns=round(DT_MS * 1e6), t0_ns=0, **known)
    links = {
        "stimulus": {"from": "light.out", "to": "brain.current[rV2]"},
        "up": {"from": "column.out", "to": "brain.external[rV1]", "delay": f"{DELAY_MS} ms", "initial": f"{REST_HZ} Hz"},
    }
    played = {"use": "player", "window": "2 ms", "params": {"file": str(file.resolve())}}
    alone = run({"engines.column": played, "links": links, "record.streams": ["brain.rate", "brain.inflow"]})
    for port, name in (("brain.rate", "rates of 75 regions"), ("brain.inflow", "what rV1 hears")):
        yield Claim(
            f"brain alone, the column's rate played: largest difference, {name}",
            expected=0.0,
            measured=float(np.abs(alone.samples(port).values - coupled.samples(port).values).max()),
            tolerance=0.0,
            source="the same operations on the same numbers",
            unit="Hz",
        )


def _microcircuit(run: Running) -> Run:
    """Without fibres: all its background fires at 8 Hz."""
    params = {"neurons": 0.1, "indegrees": 0.1}
    engine = {"use": "scenarios.microcircuit.microcircuit:Microcircuit", "window": "20 ms", "params": params}
    return run({"engines": {"column": engine}, "links": {}, "record.streams": ["column.rate"]})


def _alone(run: Running, heard_hz: float) -> Run:
    """The column with fibres that fire at a constant rate."""
    rate = {
        "use": "player",
        "window": "20 ms",
        "params": {"values": [[heard_hz]], "dt": "20 ms", "quantity": "firing_rate", "unit": "Hz"},
    }
    link = {"from": "brain.out", "to": "column.fibres", "via": ["rate_to_spikes"], "initial": f"{heard_hz!r} Hz"}
    return run(_without_brain(rate, link))


def _without_brain(player: Mapping[str, Any], link: Mapping[str, Any]) -> dict[str, Any]:
    column = {"neurons": 0.1, "indegrees": 0.1, "share": 0.3}
    return {
        "engines": {
            "column": {"use": "./column.py:Column", "window": "20 ms", "params": column},
            "brain": {**player, "cost": 0.01},
        },
        "links": {"down": link},
        "record.streams": ["column.rate", "column.spikes"],
    }


# -- translators ---------------------------------------------------------------------------------------------------------------


def _unbiased(coupled: Run) -> Iterator[Claim]:
    inflow, fibres = coupled.samples("brain.inflow"), coupled.spikes("down")
    known = inflow.times_ms <= fibres.stop_ms - 2 * DELAY_MS  # the last are still on their way
    per_step = inflow.values[known, 0] / G * FIBRES * DT_MS * 1e-3
    counts = np.histogram(fibres.times_ms, bins=np.append(0, inflow.times_ms[known]) + 1e-9)[0]
    yield Claim(
        "spikes on the fibres, all together",
        expected=float(per_step.sum()),
        measured=float(counts.sum()),
        tolerance=3 * float(np.sqrt(per_step.sum())),
        source="integral of the inflow over G; tolerance: 3 sd of a Poisson count",
    )
    yield Claim(
        f"… variance over mean of their number in a step, {len(counts)} steps",
        expected=1.0,
        measured=float(((counts - per_step) ** 2 / per_step).mean()),
        tolerance=3 * float(np.sqrt((2 + 1 / per_step.mean()) / len(counts))),
        source="Poisson; tolerance: 3 sd",
    )
    each = np.bincount(fibres.channels[(fibres.times_ms > 0) & (fibres.times_ms <= inflow.times_ms[known][-1])], minlength=FIBRES)
    yield Claim(
        f"… variance over mean of their number on a fibre, {FIBRES} fibres",
        expected=1.0,
        measured=float(each.var(ddof=1) / each.mean()),
        tolerance=3 * float(np.sqrt(2 / (FIBRES - 1))),
        source="independent trains of one rate; tolerance: 3 sd of a sample variance",
    )
    spikes, up = coupled.spikes("column.spikes"), coupled.samples("up")
    told = np.concatenate([spikes.groups[name] for name in TOLD])
    yield Claim(
        "spikes of L23E and L5E, as the returned rate tells them",
        expected=float(np.isin(spikes.channels, told).sum()),
        measured=float(up.values[up.times_ms > DT_MS / 2].sum() / FACTOR * len(told) * DT_MS * 1e-3),
        tolerance=1e-6,  # a sum of doubles
        source="rate dt N / 5 counts them: nothing lost, nothing twice",
    )


# -- what the brain does to the column -----------------------------------------------------------------------------------------


class Answer:
    """Rates of the eight populations, averaged: ``hz`` (8,), and ``sd_hz`` (8,) how sure they are."""

    def __init__(self, run: Run, span_ms: tuple[float, float] = (AT_REST[0], LIT[1])) -> None:
        rate = run.samples("column.rate")
        assert rate.labels == POPULATIONS
        rows = rate.values[during(rate.times_ms, span_ms)]
        pieces = rows.reshape(-1, round(PIECE_MS / DT_MS), len(POPULATIONS)).mean(axis=1)
        self.hz, self.sd_hz = pieces.mean(axis=0), pieces.std(axis=0, ddof=1) / np.sqrt(len(pieces))


def _against(name: str, what: str, found: Answer, expected: Answer) -> Iterator[Claim]:
    for k, population in enumerate(POPULATIONS):
        yield Claim(
            f"{population} {name}, in the brain",
            expected=float(expected.hz[k]),
            measured=float(found.hz[k]),
            tolerance=3 * float(np.hypot(found.sd_hz[k], expected.sd_hz[k])),
            source=f"{what}; tolerance: 3 sd of both averages, from means of {PIECE_MS:.0f} ms",
            unit="Hz",
        )


def _moved_by_the_brain(coupled: Run) -> Iterator[Claim]:
    rest, lit = Answer(coupled, AT_REST), Answer(coupled, LIT)
    expected = THEORY.rates_hz(heard_hz(coupled, LIT)) - THEORY.rates_hz(heard_hz(coupled, AT_REST))
    for k, population in enumerate(POPULATIONS):
        yield Claim(
            f"{population}: by how much more it fires under the current",
            expected=float(expected[k]),
            measured=float(lit.hz[k] - rest.hz[k]),
            tolerance=MEAN_FIELD * float(expected[k]) + 3 * float(np.hypot(lit.sd_hz[k], rest.sd_hz[k])),
            source="Siegert, self-consistent, eight populations; tolerance: a tenth, 3 sd of both averages",
            unit="Hz",
        )


# -- what the column does to the brain -----------------------------------------------------------------------------------------


def _heard_by_the_brain(coupled: Run, name: str, span_ms: tuple[float, float], current: float) -> Iterator[Claim]:
    """Regions and what the column hears, against the fixed point with the column's mean rate held."""
    up, rate = coupled.samples("up"), coupled.samples("brain.rate")
    courses = rate.values[during(rate.times_ms, span_ms)]
    # a region hears the column later by its tract, and some 10 ms later on average, for it remembers
    late_ms = np.maximum(BRAIN.steps[:, BRAIN.region] * DT_MS, DELAY_MS) + 10.0
    told = np.array([up.values[during(up.times_ms + late, span_ms), 0].mean() for late in late_ms])
    pieces = up.values[during(up.times_ms, span_ms), 0].reshape(-1, round(PIECE_MS / DT_MS)).mean(axis=1)
    sure_hz = 3 * float(pieces.std(ddof=1)) * np.sqrt(2) * PIECE_MS / (span_ms[1] - span_ms[0])  # a piece at either end
    still = BRAIN.rates_hz(told, current)
    bent = BRAIN.bent_hz(still, np.insert(courses.var(axis=0), BRAIN.region, 0.0))
    expected, deaf = BRAIN.rates_hz(told, current, bent), BRAIN.rates_hz(REST_HZ, current, bent)
    found, moved = np.insert(courses.mean(axis=0), BRAIN.region, float(told[BRAIN.region])), np.abs(BRAIN.moved(still, current))
    unsure = sure_hz * moved + np.abs(expected - still) / 2
    source = (
        "75 equations, given the column's mean rate; tolerance: 3 sd of it in 50 ms at both ends, and half of what fluctuations do"
    )
    direct = np.flatnonzero(BRAIN.weights[:, BRAIN.region])
    reached = OTHERS[moved[OTHERS] > 0]  # rCC and lCC have no tracts
    worst = reached[int((np.abs(found - expected) / np.maximum(unsure, 1e-12))[reached].argmax())]
    yield Claim(
        f"{len(reached)} regions {name}: distance of {BRAIN.labels[worst]}, the worst, to the fixed point",
        expected=0.0,
        measured=float(np.abs(found - expected)[worst]),
        tolerance=float(unsure[worst]),
        source=source,
        unit="Hz",
    )
    yield Claim(
        f"five that hear it, {name}: by how much more they fire than if it fired at 8 Hz",
        expected=float((expected - deaf)[direct].mean()),
        measured=float((found - deaf)[direct].mean()),
        tolerance=float(unsure[direct].mean()),
        source=source,
        unit="Hz",
    )
    yield Claim(
        f"what the column hears {name}",
        expected=BRAIN.heard_hz(expected),
        measured=heard_hz(coupled, span_ms),
        tolerance=BRAIN.heard_hz(unsure),
        source=source,
        unit="Hz",
    )


def _same_hashes(run: Running) -> Claim:
    short = {"clock.stop": "300 ms", "record.streams": []}
    one, two = (run({**short, "run.transport": transport}) for transport in ("inline", "zeromq"))
    return Claim(
        "links whose streams differ between one process and two",
        expected=0,
        measured=sum(one.hashes[name] != two.hashes[name] for name in one.hashes),
        tolerance=0,
        source="SHA-256 of every link, inline and ZeroMQ",
    )


# -- measures ------------------------------------------------------------------------------------------------------------------


def heard_hz(coupled: Run, span_ms: tuple[float, float]) -> float:
    """x: the mean rate of the column's fibres, as the brain says it."""
    inflow = coupled.samples("brain.inflow")
    return float(inflow.values[during(inflow.times_ms + DELAY_MS, span_ms)].mean() / G)


def during(times_ms: Floats, span_ms: tuple[float, float]) -> NDArray[np.bool_]:
    """Rows after the first and up to the second time."""
    return (times_ms > span_ms[0] + 1e-6) & (times_ms <= span_ms[1] + 1e-6)
