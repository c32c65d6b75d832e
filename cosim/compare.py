"""Two runs held against each other: the first link, frame and channel that differ, and the engine upstream to blame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.results import LinkRecord, Run
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
    """All links that differ, the earliest first: its source is where the runs part."""
    ours, theirs = first.links(), second.links()
    found = []
    for name in sorted(ours.keys() | theirs.keys()):
        if name not in ours or name not in theirs:
            found.append(Difference(name, (ours.get(name) or theirs[name]).source, None, None, "is in one run only"))
        elif (found_here := _first_difference(first, second, ours[name], theirs[name])) is not None:
            found.append(found_here)
    return sorted(found, key=lambda d: (d.time_ms is not None, d.time_ms or 0.0, d.link))


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
            columns = np.flatnonzero(a.values[row].view(np.int64) != b.values[row].view(np.int64))  # -0.0 is not 0.0
            if len(columns):
                c = columns[0]
                return f"channel {a.labels[c]}: {float(a.values[row, c])!r} against {float(b.values[row, c])!r}"
    else:
        events = []
        for run in (first, second):
            s = run.spikes(link.name)
            inside = (s.times_ms > start_ms) & (s.times_ms <= stop_ms)
            events.append(set(zip(s.times_ms[inside], s.channels[inside], strict=True)))
        only = sorted(events[0] ^ events[1])
        if only:
            time, channel = only[0]
            label = s.labels[channel]
            return f"channel {label}: a spike at {time:.10g} ms in {'the first' if only[0] in events[0] else 'the second'} run only"
    return "(what was recorded of it is equal: the order or number of equal events differs)"
