"""Two runs held against each other: the first link, frame and channel that differ, and the engine upstream to blame.

Runs without links, of one engine say, are compared by what they recorded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.results import LinkRecord, Run, SampledSignal
from cosim.sdk import CosimError
from cosim.sdk.time import NS_PER_MS


@dataclass(frozen=True)
class Difference:
    """Where two streams of one link part.

    Attributes
    ----------
    time_ms
        Source time at the end of the first frame that differs; None where only one run has the link.
    """

    link: str
    source: str
    frame: int | None
    time_ms: float | None
    what: str

    def __str__(self) -> str:
        place = f"frame {self.frame}, source time {self.time_ms:g} ms" if self.frame is not None else ""
        return f"{self.link} (from {self.source})  {place}  {self.what}".rstrip()


def differences(first: Run, second: Run) -> list[Difference]:
    """All links that differ, the earliest first: its source is where the runs part; of runs without links, recorded streams."""
    ours, theirs = first.links(), second.links()
    found = [] if ours or theirs else _different_streams(first, second)
    for name in sorted(ours.keys() | theirs.keys()):
        if name not in ours or name not in theirs:
            found.append(Difference(name, (ours.get(name) or theirs[name]).source, None, None, "is in one run only"))
        elif (found_here := _first_difference(first, second, ours[name], theirs[name])) is not None:
            found.append(found_here)
    return sorted(found, key=lambda d: (d.time_ms is not None, d.time_ms or 0.0, d.link))


def _different_streams(first: Run, second: Run) -> list[Difference]:
    kinds, others = first.streams(), second.streams()
    if not kinds or not others:
        raise CosimError("these runs have no links, and nothing was recorded", mend="name streams in record")
    found = []
    for name in sorted(kinds.keys() | others.keys()):
        source = name.split(".")[0]
        if kinds.get(name) != others.get(name):
            found.append(Difference(name, source, None, None, "is in one run only"))
        elif kinds[name] == "samples":
            a, b = first.samples(name), second.samples(name)
            rows = min(len(a.values), len(b.values))
            differ = np.flatnonzero((_words(a.values[:rows]) != _words(b.values[:rows])).any(axis=1))
            if len(differ) or len(a.values) != len(b.values):
                row = int(differ[0]) if len(differ) else rows
                longer = a if len(a.values) > len(b.values) else b
                what = _unequal(a, b, row) if len(differ) else "one goes on longer"
                found.append(Difference(name, source, row, float(longer.times_ms[row]), what))
        elif (only := _spike_in_one(first, second, name, -np.inf, np.inf)) is not None:
            found.append(Difference(name, source, None, only[0], only[1]))
    return found


def _words(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.ascontiguousarray(values).view(np.int64)  # -0.0 is not 0.0, and NaN is NaN


def _unequal(a: SampledSignal, b: SampledSignal, row: int) -> str:
    c = np.flatnonzero(_words(a.values[row]) != _words(b.values[row]))[0]
    return f"channel {a.labels[c]}: {float(a.values[row, c])!r} against {float(b.values[row, c])!r}"


def _spike_in_one(first: Run, second: Run, name: str, start_ms: float, stop_ms: float) -> tuple[float, str] | None:
    """Time and words of the first spike that only one run has."""
    events = []
    for run in (first, second):
        s = run.spikes(name)
        inside = (s.times_ms > start_ms) & (s.times_ms <= stop_ms)
        events.append(set(zip(s.times_ms[inside], s.channels[inside], strict=True)))
    only = sorted(events[0] ^ events[1])
    if not only:
        return None
    time, channel = only[0]
    which = "the first" if only[0] in events[0] else "the second"
    return float(time), f"channel {s.labels[channel]}: a spike at {time:.10g} ms in {which} run only"


def _first_difference(first: Run, second: Run, ours: LinkRecord, theirs: LinkRecord) -> Difference | None:
    if ours.sha256 and ours.sha256 == theirs.sha256 and ours.frames == theirs.frames:  # frames without spikes add no bytes
        return None
    for link in (ours, theirs):
        if link.frames and not len(link.digests):
            raise CosimError(
                f"the hash of link {link.name} was not kept", mend="run with hashes: true (the default) to compare runs"
            )
    common = min(len(ours.digests), len(theirs.digests))
    unequal = np.flatnonzero(ours.digests[:common] != theirs.digests[:common])
    if not len(unequal):
        if len(ours.digests) == len(theirs.digests):
            return None
        what = f"{len(ours.digests)} frames against {len(theirs.digests)}: one goes on longer"
        return Difference(ours.name, ours.source, common, (ours.first_frame + common + 1) * ours.interval_ms, what)
    index = int(unequal[0])
    interval_ns, number = round(ours.interval_ms * NS_PER_MS), ours.first_frame + index
    span_ms = number * interval_ns / NS_PER_MS, (number + 1) * interval_ns / NS_PER_MS  # rounded as the recorded times are
    return Difference(ours.name, ours.source, index, span_ms[1], _channel(first, second, ours, *span_ms))


def _channel(first: Run, second: Run, link: LinkRecord, start_ms: float, stop_ms: float) -> str:
    """Which channel differs, where the link was recorded in both runs."""
    kind = first.streams().get(link.name)
    if kind is None or second.streams().get(link.name) != kind:
        return "(record: true on the link would tell the channel)"
    if kind == "samples":
        a, b = first.samples(link.name), second.samples(link.name)
        rows = [i for i in np.flatnonzero((a.times_ms > start_ms) & (a.times_ms <= stop_ms)) if i < len(b.values)]
        for row in rows:
            if (_words(a.values[row]) != _words(b.values[row])).any():
                return _unequal(a, b, row)
    elif (only := _spike_in_one(first, second, link.name, start_ms, stop_ms)) is not None:
        return only[1]
    return "(what was recorded of it is equal: the order or number of equal events differs)"
