"""From ions to a brain: regimes of a cell, translators without bias, each side as if alone, and who is recruited in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

import cosim
from cosim.claims import Claim, load_beside
from cosim.results import Run


def theory(name: str) -> Any:
    return load_beside(Path(__file__), "theory.py", name)


brain, folds, rest, spikes_ms = (theory(name) for name in ("brain", "folds", "rest", "spikes_ms"))
FOCUS, GAMMA, TAU_S, START = (theory(name) for name in ("FOCUS", "GAMMA", "TAU_S", "START"))
Floats = NDArray[np.float64]
Running = Callable[..., Run]
SCENARIO = cosim.load(Path(__file__).parent / "scenario.yaml").file
STRENGTH = float(SCENARIO.engines["brain"].params["G"])
DELAY_MS, CELLS, DT_MS, STEP_MS, SCALE, PER_INFLOW_HZ = 7.0, 10, 1.0, 0.01, 0.028, 1560.0624  # as in scenario.yaml
RECRUITED = (folds()[0][0] + folds()[1][0]) / 2
"""S half way between the ends of the low and of the high state."""
BATHS = (5.5, 7.5, 9.5, 12.5, 17.0, 20.0)
SETTLED_MS, ALONE_MS = 8000.0, 16000.0
PAUSE_MS = 100.0
"""An interval that is longer parts two groups of spikes; within one the longest is 25 ms."""
SHORT = "3 s"


def claims(run: Running) -> Iterator[Claim]:
    yield from claims_of_cells(run)
    coupled = run()
    yield from claims_of_translators(run, coupled)
    yield from claims_alone(run, coupled)
    yield from claims_of_recruitment(coupled)


# -- a cell ------------------------------------------------------------------------------------------------------------


def claims_of_cells(run: Running) -> Iterator[Claim]:
    """Six cells in six baths, without synapses, against the equations."""
    found = run(_alone()).spikes("cells.spikes")
    for channel, bath in enumerate(BATHS):
        measured = Regime(found.times_ms[found.channels == channel])
        expected = Regime(spikes_ms(bath, ALONE_MS))
        if bath == BATHS[0]:
            yield Claim("spikes in a bath of 5.5 mM, in 16 s", 0, measured.spikes, 0, "silent up to 5.5 mM")
            continue
        yield Claim(
            f"rate in a bath of {bath:g} mM",
            expected=expected.rate_hz,
            measured=measured.rate_hz,
            tolerance=0.015 * expected.rate_hz,  # of second order: with half the step a quarter of the distance is left
            source="Runge-Kutta, order 4; tolerance: the engine's step of 0.01 ms",
            unit="Hz",
        )
        if not expected.pauses:
            yield Claim(
                f"… pauses of more than {PAUSE_MS:.0f} ms",
                expected=0,
                measured=measured.pauses,
                tolerance=0,
                source="tonic at 9.5 mM, sustained at 20 mM",
            )
            continue
        yield Claim(
            f"… from the start of one {'seizure' if bath == 17 else 'group of spikes'} to the next",
            expected=expected.period_ms,
            measured=measured.period_ms,
            tolerance=0.015 * expected.period_ms,
            source="Runge-Kutta; groups at 7.5 mM, bursts at 12.5 mM, seizures at 17 mM",
            unit="ms",
        )


class Regime:
    """What a spike train (n,) in ms is like once it has settled."""

    def __init__(self, times_ms: Floats) -> None:
        kept = times_ms[(times_ms > SETTLED_MS) & (times_ms <= ALONE_MS)]
        between = np.diff(kept)
        starts = kept[1:][between > PAUSE_MS]
        self.spikes, self.rate_hz = len(times_ms), 1e3 * len(kept) / (ALONE_MS - SETTLED_MS)
        self.pauses = len(starts)
        self.period_ms = float(np.diff(starts).mean()) if len(starts) > 1 else float("nan")


def _alone() -> dict[str, Any]:
    params = SCENARIO.engines["cells"].params
    cell = params["populations"]["healthy"]["cell"]

    def bathed(bath: float) -> dict[str, Any]:
        return {"size": 1, "cell": {**cell, "membrane": [{"mechanism": "k_bath", "parameters": {"K_bath": f"{bath} mM"}}]}}

    alone = {
        "populations": {f"bath{k}": bathed(bath) for k, bath in enumerate(BATHS)},
        "dt": params["dt"],
        "solver": params["solver"],
    }
    engine = {"use": "compartmental_neurons", "window": "100 ms", "params": alone}
    return {"engines": {"cells": engine}, "links": {}, "clock.stop": f"{ALONE_MS} ms", "record.streams": ["cells.spikes"]}


# -- translators -------------------------------------------------------------------------------------------------------


def claims_of_translators(run: Running, coupled: Run) -> Iterator[Claim]:
    inflow, fibres = coupled.samples("brain.inflow"), coupled.spikes("down")
    known = inflow.times_ms <= fibres.stop_ms - 2 * DELAY_MS  # the last are still on their way
    per_step = inflow.values[known, 0] * PER_INFLOW_HZ * CELLS * DT_MS * 1e-3
    counts = np.histogram(fibres.times_ms, bins=np.append(0, inflow.times_ms[known]) + 1e-9)[0]
    yield from _poisson("on all fibres in the brain", counts, per_step)
    trains, rate_hz, seconds, window_s = 1000, 0.5, 4.0, 0.005
    slow = run(_slow_fibres(trains, rate_hz, seconds)).spikes("down")
    row, kept = np.ceil(slow.times_ms / 1e3 / window_s - 1e-6).astype(int) - 1, slow.times_ms > 0
    counts = np.bincount(row[kept] * trains + slow.channels[kept], minlength=round(seconds / window_s) * trains)
    yield from _poisson(f"at {rate_hz} Hz, {trains} fibres in windows of 5 ms", counts, np.full(len(counts), rate_hz * window_s))
    yield from _open_channels(coupled)


def _poisson(name: str, counts: NDArray[np.int64], expected: Floats) -> Iterator[Claim]:
    """Counts (n,) are independent and Poisson of these means (n,)."""
    total, n = float(expected.sum()), len(counts)
    yield Claim(
        f"spikes {name}",
        expected=total,
        measured=float(counts.sum()),
        tolerance=3 * float(np.sqrt(total)),
        source="rate x time; tolerance: 3 sd of a Poisson count",
    )
    yield Claim(
        "… variance over mean of a count",
        expected=1.0,
        measured=float(((counts - expected) ** 2).sum() / total),
        tolerance=3 * float(np.sqrt((2 * (expected**2).sum() + total) / total**2)),
        source=f"Poisson; tolerance: 3 sd, {n} counts",
    )


def _slow_fibres(trains: int, rate_hz: float, seconds: float) -> dict[str, Any]:
    constant = {"values": [[rate_hz]], "dt": "20 ms", "quantity": "firing_rate", "unit": "Hz"}
    cells = SCENARIO.engines["cells"].params
    few = {
        **cells,
        "inputs": {"fibres": {"kind": "spikes", "size": trains}},
        "record": {},
        "dt": "0.1 ms",
        "solver": "backward_euler",
    }
    few["populations"] = {"healthy": cells["populations"]["healthy"]}
    few["projections"] = {"fh": cells["projections"]["fh"]}
    return {
        "engines": {
            "brain": {"use": "player", "window": "20 ms", "params": constant},
            "cells": {"use": "compartmental_neurons", "window": "5 ms", "params": few},
        },
        "links": {
            "down": {"from": "brain.out", "to": "cells.fibres", "interval": "20 ms", "via": ["rate_to_spikes"], "initial": "0 Hz"}
        },
        "clock.stop": f"{seconds} s",
        "record.streams": ["down"],
    }


def _open_channels(coupled: Run) -> Iterator[Claim]:
    """S as the brain is told it, against every spike opening its share of what is closed, at its own time."""
    spikes, up = coupled.spikes("cells.spikes"), coupled.samples("up")
    told = up.values[up.times_ms > DT_MS / 2, 0]
    opened = 1.0 - np.exp(-GAMMA * SCALE / CELLS)
    order = np.argsort(spikes.times_ms, kind="stable")
    expected, share, at_ms, next_spike = np.empty(len(told)), START, 0.0, 0
    times = np.append(spikes.times_ms[order], np.inf)
    for row in range(len(told)):
        while times[next_spike] <= row + 1:
            share = share * np.exp(-(times[next_spike] - at_ms) * 1e-3 / TAU_S)
            share, at_ms = share + (1 - share) * opened, times[next_spike]
            next_spike += 1
        expected[row] = share * np.exp(-(row + 1 - at_ms) * 1e-3 / TAU_S)
    steepest = float(np.abs(np.diff(expected)).max()) / DT_MS
    yield Claim(
        "channels open, as the brain is told: largest distance to spike by spike",
        expected=0.0,
        measured=float(np.abs(told - expected).max()),
        tolerance=steepest * DT_MS,
        source="spikes of a bin of 1 ms are spread over it",
    )


# -- each side as if it were alone -------------------------------------------------------------------------------------


def claims_alone(run: Running, coupled: Run) -> Iterator[Claim]:
    yield _cells_alone(run, coupled)
    yield from _brain_alone(run, coupled)
    yield _a_mean_field(run)
    short = {"clock.stop": "300 ms", "record.streams": []}
    one, two = (run({**short, "run.transport": transport}) for transport in ("inline", "zeromq"))
    yield Claim(
        "links whose streams differ between one process and two",
        expected=0,
        measured=sum(one.hashes[name] != two.hashes[name] for name in one.hashes),
        tolerance=0,
        source="SHA-256 of every link, inline and ZeroMQ",
    )


def _cells_alone(run: Running, coupled: Run) -> Claim:
    """The recorded spikes on the fibres, played to the cells in windows four times as long."""
    fibres, file = coupled.spikes("down"), coupled.folder / "down.npz"
    times_ms = fibres.times_ms + DELAY_MS - STEP_MS  # a link is recorded in its source's time; synapses take a step at the least
    np.savez(file, timestamps=times_ms[times_ms > 0], node_ids=fibres.channels[times_ms > 0])
    played = {"use": "player", "window": "20 ms", "params": {"file": str(file.resolve()), "channels": CELLS}}
    cells = SCENARIO.engines["cells"].params
    at_once = {name: {**cells["projections"][name], "delay": f"{STEP_MS} ms"} for name in ("fh", "fi")}
    params = {**cells, "record": {}, "projections": {**cells["projections"], **at_once}}
    engines = {"brain": played, "cells": {"use": "compartmental_neurons", "window": "20 ms", "params": params}}
    links = {"down": {"from": "brain.out", "to": "cells.fibres", "delay": f"{STEP_MS} ms"}}
    alone = run({"engines": engines, "links": links, "clock.stop": SHORT, "record.streams": ["cells.spikes"]}).spikes(
        "cells.spikes"
    )
    both = coupled.spikes("cells.spikes")
    expected, found = (
        {*zip(s.times_ms[s.times_ms <= alone.stop_ms].tolist(), s.channels[s.times_ms <= alone.stop_ms].tolist(), strict=True)}
        for s in (both, alone)
    )
    return Claim(
        f"cells alone, the spikes of their fibres played, windows of 20 ms: of {len(expected)} spikes that differ",
        expected=0,
        measured=len(expected ^ found),
        tolerance=0,
        source="the same engine on the same input",
    )


def _brain_alone(run: Running, coupled: Run) -> Iterator[Claim]:
    """The recorded course of open channels, played to the brain."""
    up, file = coupled.samples("up"), coupled.folder / "up.npz"
    known: dict[str, Any] = {"unit": up.unit, "quantity": up.quantity, "of": up.of, "labels": [FOCUS]}
    np.savez(file, values=up.values[up.times_ms > DT_MS / 2], dt_ns=round(DT_MS * 1e6), t0_ns=0, **known)
    engines = {
        "brain": {"use": "neural_mass", "window": "5 ms", "params": SCENARIO.engines["brain"].params},
        "cells": {"use": "player", "window": "5 ms", "params": {"file": str(file.resolve())}},
    }
    links = {"up": {"from": "cells.out", "to": f"brain.external[{FOCUS}]", "delay": f"{DELAY_MS} ms", "initial": START}}
    alone = run({"engines": engines, "links": links, "record.streams": ["brain.gating", "brain.inflow"]})
    for port, name in (("brain.gating", "S of 97 regions"), ("brain.inflow", f"what {FOCUS} hears")):
        yield Claim(
            f"brain alone, the cells' open channels played: largest difference, {name}",
            expected=0.0,
            measured=float(np.abs(alone.samples(port).values - coupled.samples(port).values).max()),
            tolerance=0.0,
            source="the same operations on the same numbers",
        )


def _a_mean_field(run: Running) -> Claim:
    """The region of cells as one more Wong-Wang region, in an engine of its own, against the brain in one piece."""
    params = SCENARIO.engines["brain"].params
    engine = {"use": "neural_mass", "window": "5 ms"}
    piece = {name: value for name, value in params.items() if name != "external"}
    links = {
        "up": {"from": "cells.gating", "to": "brain.external", "delay": f"{DELAY_MS} ms", "initial": START},
        "down": {
            "from": f"brain.gating[{','.join(_senders())}]",
            "to": "cells.external",
            "delay": f"{DELAY_MS} ms",
            "initial": START,
        },
    }
    short = {"clock.stop": SHORT}
    apart = run(
        {
            "engines": {"brain": {**engine, "params": params}, "cells": {**engine, "params": {**piece, "only": [FOCUS]}}},
            "links": links,
            "record.streams": ["brain.gating", "cells.gating"],
            **short,
        }
    )
    whole = run({"engines": {"brain": {**engine, "params": piece}}, "links": {}, "record.streams": ["brain.gating"], **short})
    focus = brain().focus
    together = np.insert(apart.samples("brain.gating").values, focus, apart.samples("cells.gating").values[:, 0], axis=1)
    return Claim(
        f"{FOCUS} a mean field of its own: difference to the brain in one piece",
        expected=0.0,
        measured=float(np.abs(together - whole.samples("brain.gating").values).max()),
        tolerance=0.0,
        source="a cut along delays changes nothing",
    )


def _senders() -> list[str]:
    """The regions that project to the cells."""
    whole = brain()
    return [whole.labels[k] for k in np.flatnonzero(whole.weights[whole.focus])]


# -- recruitment -------------------------------------------------------------------------------------------------------


def claims_of_recruitment(coupled: Run) -> Iterator[Claim]:
    whole, swept, highest = brain(), Swept(coupled), float(coupled.samples("up").values.max())
    others, heard, strengths = whole.others, whole.heard[whole.others], swept.strengths
    yield Claim(
        "S of 97 regions after 10 s without coupling, the largest distance to rest",
        expected=0.0,
        measured=float(np.abs(swept.course[0, -1] - rest()).max()),
        tolerance=1e-9,  # e^(-10 s / 0.12 s) of the distance at the start is left
        source=f"root of S = gamma tau (1 - S) H, {rest():.6f}",
    )
    ceilings = np.array([whole.ceiling(strength, highest)[others] for strength in strengths])
    yield Claim(
        f"how far S of any region under any of {len(strengths)} strengths rises above its ceiling",
        expected=0.0,
        measured=float(max(0.0, (swept.highest - ceilings).max())),
        tolerance=1e-9,
        source=f"least fixed point for {FOCUS} held at {highest:.3f}, the highest that it ever has",
    )
    allowed = (ceilings > RECRUITED).any(axis=1)
    yield Claim(
        f"regions recruited up to G = {strengths[~allowed].max():g}",
        expected=0,
        measured=int(swept.recruited[~allowed].sum()),
        tolerance=0,
        source="the ceiling: too weak, whatever the cells do",
    )
    yield from _order(swept, heard, [whole.labels[k] for k in others])
    yield from _independent(coupled, swept, whole)


def _order(swept: Swept, heard: Floats, labels: list[str]) -> Iterator[Claim]:
    """From which strength each region is recruited, and the share of its input that is from the cells."""
    first, early = swept.first, swept.early(heard)
    yield Claim(
        f"the first region is {labels[int(heard.argmax())]}, which hears most of the cells",
        expected=float(np.nanmin(first)),
        measured=float(first[heard.argmax()]),
        tolerance=0.0,
        source="the largest weight needs the weakest coupling",
        unit="G",
    )
    yield Claim(
        f"weight and weakest coupling of the {len(early)} that hear the cells and come before most: rank correlation",
        expected=-1.0,
        measured=float(spearmanr(heard[early], first[early]).statistic),
        tolerance=0.03,  # ties: two that are recruited by the same of the strengths tried; two out of order would be 0.06
        source="c = G w S + what others add, and all have the same threshold",
    )
    yield Claim(
        "regions recruited with G = 0.5 and more, at the least",
        expected=len(labels),
        measured=int(swept.recruited[swept.strengths >= 0.5].sum(axis=1).min()),
        tolerance=0,
        source="the ceiling is high for all from 0.38 on, and those that are up hold each other up",
    )


def _independent(coupled: Run, swept: Swept, whole: Any) -> Iterator[Claim]:
    """The same equations, solved anew for the course of open channels that was recorded, at all strengths that are tried here."""
    up, open_ = coupled.samples("up"), coupled.samples("brain.gating").values
    told, others = up.values[up.times_ms > DT_MS / 2, 0], whole.others
    for strength in (0.3, 0.34, STRENGTH, 0.5):  # none has a region whose highest S is within 0.04 of the limit
        course = whole.courses(strength, told)[:, others]
        yield Claim(
            f"regions recruited with G = {strength:g}",
            expected=int((means(course).max(axis=0) > RECRUITED).sum()),
            measured=int(swept.recruited[swept.strengths == strength].sum()),
            tolerance=0,
            source="Runge-Kutta, order 4, given the cells' S",
        )
        if strength == STRENGTH:
            yield Claim(
                "… S of 97 regions: largest distance",
                expected=0.0,
                measured=float(np.abs(open_[: len(course)] - course).max()),
                tolerance=1.5 * float(np.abs(np.diff(course, axis=0)).max()),
                source="the same; tolerance: the network term is held for 1 ms, delays are rounded by up to 0.5 ms",
            )
    replica = swept.course[np.flatnonzero(swept.strengths == STRENGTH)[0]]
    yield Claim(
        f"the brain and the replica of G = {STRENGTH:g}: largest difference of means of 20 ms",
        expected=0.0,
        measured=float(np.abs(means(open_)[: len(replica)] - replica[: len(means(open_))]).max()),
        tolerance=1e-12,  # sums in another order
        source="they hear the same",
    )


def means(course: Floats) -> Floats:
    """Of 20 ms, as the sweep tells them, (rows, regions), from (ms, regions)."""
    rows = len(course) // 20
    return np.asarray(course[: 20 * rows].reshape(rows, 20, -1).mean(axis=1))


class Swept:
    """The brains of the sweep: ``strengths`` (n,), ``course`` (n, rows, regions), ``highest`` and ``recruited`` (n, regions)."""

    def __init__(self, run: Run) -> None:
        params = cosim.load(run.folder / "scenario.yaml").file.engines["sweep"].params
        self.strengths = np.array(params["sweep"]["G"], np.float64)
        values = run.samples("sweep.open").values
        self.course = values.reshape(len(values), len(self.strengths), -1).transpose(1, 0, 2)
        self.highest = self.course.max(axis=1)
        self.recruited = self.highest > RECRUITED

    @property
    def first(self) -> Floats:
        """(regions,) the weakest coupling tried that recruits it; nan for none."""
        weakest = self.strengths[self.recruited.argmax(axis=0)]
        found: Floats = np.where(self.recruited.any(axis=0), weakest, np.nan)
        return found

    def early(self, heard: Floats) -> NDArray[np.int64]:
        """Those that hear the cells, by ``heard`` (regions,), and need less than what recruits a quarter of the brain."""
        many = self.recruited.mean(axis=1) >= 0.25
        most = self.strengths[many.argmax()] if many.any() else np.inf
        return np.flatnonzero((heard > 0) & (self.first < most))
