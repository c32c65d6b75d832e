"""A memory without activity: rates and synapses as on paper, what a read-out wakes, up to when, and that it is facilitation."""

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


Floats = NDArray[np.float64]
Theory = beside("theory.py", "Theory")
ITEMS, SHOWN, STEP_S = 5, 2, 1e-4
CUE_MS, READ_MS, ROW_MS, READ_HZ, READ_MV = (350.0, 700.0), (1750.0, 2000.0), 250.0, 3080, 2.31  # as in scenario.yaml
SETTLED_MS = 200.0
LATER = (8, 9, 10, 11, 12)
"""Rows of 250 ms at which a read-out comes later."""
FLUCTUATION = 0.04
"""Of u x when an item breaks out: 400 neurons fluctuate, and do some of the way by chance."""
Running = Callable[..., Run]


def claims(run: Running) -> Iterator[Claim]:
    rest, asked = Theory(), Theory(boost_mv=READ_MV)
    shown = {item: run() if item == SHOWN else run(_showing(item)) for item in range(1, ITEMS + 1)}
    blank = run({"engines.cue.params.values": [[0], [0]]})
    yield from _spontaneous(blank, rest)
    yield from _synapses(shown[SHOWN], rest)
    yield from _silent(shown[SHOWN], rest)
    yield from _woken(shown, blank, asked)
    yield from forgets(run({"engines.network.params.facilitation": "0 ms"}), asked)
    yield _up_to(run, shown, asked)
    yield _same_spikes(run, shown[SHOWN])


def _showing(item: int, row: int = 7) -> dict[str, Any]:
    """Another item is shown, or the read-out comes at another time."""
    return {
        "links.shown.to": f"network.to_item{item}",
        "engines.network.params.watched": item,
        "engines.readout.params.values": [[0]] * row + [[READ_HZ]],
        "clock.stop": f"{(row + 1) * ROW_MS:g} ms",
    }


# -- at rest, and while it remembers -------------------------------------------------------------------------------------------


def _spontaneous(blank: Run, theory: Any) -> Iterator[Claim]:
    """Rates where nothing was shown, before the read-out."""
    found, expected, unsure = mean_hz(blank, SETTLED_MS, READ_MS[0]), theory.rates_hz, theory.unsure_hz
    assert blank.samples("network.rate").labels == theory.names
    groups = {"items": slice(0, ITEMS), "others": slice(ITEMS, ITEMS + 1), "inhibitory neurons": slice(ITEMS + 1, None)}
    for name, rows in groups.items():
        yield Claim(
            f"spontaneous rate of {name}",
            expected=float(expected[rows].mean()),
            measured=float(found[rows].mean()),
            tolerance=float(unsure[rows].mean()),
            source="Siegert, self-consistent, u and x at these rates; tolerance: skewness of inputs that are kicks",
            unit="Hz",
        )


def _synapses(shown: Run, theory: Any) -> Iterator[Claim]:
    """u and x of 400 neurons, each from its own spikes, and on average from the rate of the item."""
    u, x, spikes = shown.samples("network.u"), shown.samples("network.x"), shown.spikes("network.spikes")
    members, times_s, worst = spikes.groups[f"item{SHOWN}"], u.times_ms * 1e-3, 0.0
    for k, neuron in enumerate(members):
        own = theory.of_spikes(spikes.times_ms[spikes.channels == neuron] * 1e-3, times_s)
        worst = max(worst, *(float(np.abs(course - signal.values[:, k]).max()) for course, signal in zip(own, (u, x), strict=True)))
    yield Claim(
        f"u and x of {len(members)} neurons at {len(times_s)} times: largest distance to what their spikes make of them",
        expected=0.0,
        measured=worst,
        tolerance=1e-9,  # sums of some hundred exponentials
        source="u -> u + U (1 - u), x -> x (1 - u) at each spike, exponential between",
    )
    rate = shown.samples("network.rate")
    course = theory.along(rate.channel(f"item{SHOWN}"), STEP_S, theory.params.use, 1.0)
    for name, at_ms in (("after the cue", CUE_MS[1]), ("before the read-out", READ_MS[0])):
        row, step = round(at_ms / 10.0) - 1, round(at_ms * 1e-3 / STEP_S) - 1
        yield Claim(
            f"u of the item {name}",
            expected=float(course[0][step]),
            measured=float(u.values[row].mean()),
            tolerance=0.03,  # 6 spikes: Poisson trains leave e^(-6 U) = 0.30 of 1 - u, regular ones (1 - U)^6 = 0.26
            source="du/dt = (U - u)/tau_F + U (1 - u) nu with the item's rate; tolerance: between Poisson and regular trains",
        )


def _silent(shown: Run, theory: Any) -> Iterator[Claim]:
    """Until the read-out there is nothing to be seen in the rate of the item."""
    from_ms = CUE_MS[1] + 2 * theory.params.recovery * 1e-6
    released, times_ms = efficacy(shown)
    kept = released[(times_ms > from_ms) & (times_ms <= READ_MS[0])]
    yield Claim(
        "time for which u x of the item is beyond e* before the read-out",
        expected=0.0,
        measured=float((released[times_ms <= READ_MS[0]] > theory.critical).sum() * 10.0),
        tolerance=0.0,
        source=f"e* = {theory.critical:.3f}: Siegert with u x held",
        unit="ms",
    )
    expected, seconds = theory.low_hz(float(kept.mean())), (READ_MS[0] - from_ms) * 1e-3
    counted = float(np.sqrt(expected / (theory.params.excitatory / 10 * seconds)))
    yield Claim(
        f"rate of the item while it is remembered, {from_ms:.0f} to {READ_MS[0]:.0f} ms",
        expected=expected,
        measured=float(mean_hz(shown, from_ms, READ_MS[0])[SHOWN - 1]),
        tolerance=float(theory.unsure_hz[0] / theory.rates_hz[0]) * expected + 3 * counted,
        source="Siegert with u x held at its mean; tolerance: skewness of inputs, 3 sd of the count",
        unit="Hz",
    )


# -- what a read-out wakes -----------------------------------------------------------------------------------------------------


def _woken(shown: dict[int, Run], blank: Run, asked: Any) -> Iterator[Claim]:
    low, source = asked.highest_low_hz, "fires more than the state of low rates allows: {:.2f} Hz, Siegert at e*"
    fired = {item: mean_hz(run, *READ_MS)[:ITEMS] for item, run in shown.items()}
    told = sum(int(rates[item - 1] > low) for item, rates in fired.items())
    untold = sum(int((np.delete(rates, item - 1) > low).sum()) for item, rates in fired.items())
    yield Claim(f"of {ITEMS} items, each shown in a run of its own, those that wake", ITEMS, told, 0, source.format(low))
    yield Claim(f"of {ITEMS * (ITEMS - 1)} that were not shown, those that wake", 0, untold, 0, source.format(low))
    nothing = int((mean_hz(blank, *READ_MS)[:ITEMS] > low).sum())
    yield Claim("where none was shown, items that wake", 0, nothing, 0, source.format(low))


def forgets(run: Run, asked: Any) -> Iterator[Claim]:
    """A network without facilitation is shown an item and asked."""
    low, fired = asked.highest_low_hz, mean_hz(run, *READ_MS)
    yield Claim(
        "without facilitation, items that wake",
        expected=0,
        measured=int((fired[:ITEMS] > low).sum()),
        tolerance=0,
        source=f"u stays at U = {asked.params.use:g}, below e*; more than {low:.2f} Hz",
    )
    released, times_ms = efficacy(run)
    yield Claim(
        "… u x of the item before the read-out",
        expected=asked.params.use,
        measured=float(released[np.searchsorted(times_ms, READ_MS[0])]),
        tolerance=0.01,  # x is within 5 % of 1 at rates below 1 Hz
        source="U: there is nothing to be remembered by",
    )


def _up_to(run: Running, shown: dict[int, Run], asked: Any) -> Claim:
    """Read-outs later and later: at what u x do they no longer wake the item?"""
    released, fired = [], []
    for row in (7, *LATER):
        runs = [shown[item] if row == 7 else run(_showing(item, row)) for item in (1, 2, 3)]
        from_ms = row * ROW_MS
        released.append(np.mean([efficacy(each)[0][round(from_ms / 10.0) - 1] for each in runs]))
        fired.append(np.mean([mean_hz(each, from_ms, from_ms + ROW_MS)[item] for item, each in enumerate(runs)]))
    half = (fired[0] + asked.low_hz(float(released[-1]))) / 2
    return Claim(
        f"u x at which a read-out wakes the item half as much as after 1 s, {3 * len(released)} read-outs up to 3 s",
        expected=asked.breaks_out_in((READ_MS[1] - READ_MS[0]) * 1e-3),
        measured=float(np.interp(half, fired[::-1], released[::-1])),
        tolerance=FLUCTUATION,
        source=f"beyond e* = {asked.critical:.3f} by what lets it break out in 250 ms; tolerance: fluctuations of 400 neurons",
    )


def _same_spikes(run: Running, shown: Run) -> Claim:
    """On two threads, in other windows, in two processes."""
    other = run({"engines.network.params.threads": 2, "engines.network.window": "10 ms", "run.transport": "zeromq"})
    pairs = [
        {*zip(s.times_ms.tolist(), s.channels.tolist(), strict=True)} for s in (r.spikes("network.spikes") for r in (shown, other))
    ]
    return Claim(
        f"on two threads, in windows of 10 ms, two processes: of {len(pairs[0])} spikes that differ",
        expected=0,
        measured=len(pairs[0] ^ pairs[1]),
        tolerance=0,
        source="results depend on neither",
    )


# -- measures ------------------------------------------------------------------------------------------------------------------


def mean_hz(run: Run, from_ms: float, to_ms: float) -> Floats:
    """(populations,)"""
    rate = run.samples("network.rate")
    return np.asarray(rate.values[(rate.times_ms > from_ms + 1e-6) & (rate.times_ms <= to_ms + 1e-6)].mean(axis=0))


def efficacy(run: Run) -> tuple[Floats, Floats]:
    """(rows,) u x of the item that is watched, mean of its neurons, and when."""
    u, x = run.samples("network.u"), run.samples("network.x")
    return (u.values * x.values).mean(axis=1), u.times_ms
