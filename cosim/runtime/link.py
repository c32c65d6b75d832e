"""The two ends of a link: what its source does to a window's payload, and what its target does to a frame.

source:  select channels -> cut into frames -> translate -> reduce          -> travel
target:  translate -> map -> hash -> later by the delay -> kept until a window takes it
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.runtime.failures import PartFailed
from cosim.scenario.plan import LinkPlan, derived_seed
from cosim.sdk import CosimError, Payload, Samples, Spikes, Window, format_ns

Deliver = Callable[[Payload], None]


class Chain:
    """The translators of one side of a link, with their state."""

    def __init__(self, link: LinkPlan, first: int, last: int, seed: int, checks: bool = True) -> None:
        self._link, self._checks = link, checks
        self._translators = [
            (stage.name, stage.build(), derived_seed(seed, "link", link.name, str(i)))
            for i, stage in enumerate(link.stages)
            if first <= i < last
        ]

    def __bool__(self) -> bool:
        return bool(self._translators)

    def translate(self, payload: Payload) -> Payload:
        window = payload.window
        for name, translator, seed in self._translators:
            # key: scenario seed, link and place in the chain; counter: where the frame starts
            bits = np.random.Philox(key=seed, counter=(window.start_ns % 2**64) << 128)
            try:
                payload = translator.translate(payload, np.random.Generator(bits))
            except CosimError as error:
                raise error.located(f"link {self._link.name}, translator {name}, frame {window}") from None
            except Exception as error:
                raise PartFailed(f"link {self._link.name}, translator {name}, frame {window}", error) from error
            if self._checks:
                port = translator.port
                rows = 1 if port.kind == "spikes" or port.dt_ns is None else window.steps(port.dt_ns)
                where = f"link {self._link.name}, translator {name}, frame {window}"
                check_payload(payload, lambda: where, port, window, rows)  # noqa: B023 - called at once
        return payload


class LinkSource:
    """A link at its source: window payloads in, frames out."""

    def __init__(self, link: LinkPlan, window_ns: int, seed: int, deliver: Deliver, checks: bool = True) -> None:
        self._link, self._deliver = link, deliver
        self._chain = Chain(link, 0, link.stages_at_source, seed, checks)
        self._parts: list[Payload] = []
        self._frame_stop_ns = link.interval_ns
        self._same_frames = link.interval_ns == window_ns
        self._renumber: NDArray[np.int32] | None = None
        if link.select is not None and link.source_port.kind == "spikes":
            self._renumber = np.full(len(link.source_port.space), -1, np.int32)
            self._renumber[link.select] = np.arange(len(link.select), dtype=np.int32)
        self._plain = link.select is None and not self._chain and not link.map_at_source

    def first_frames(self) -> None:
        """Send what the link says of source time before 0: its initial value, through the chain."""
        link = self._link
        first = link.flow.oldest_ns(0) // link.interval_ns
        for j in range(first, 0):
            window = Window(j * link.interval_ns, (j + 1) * link.interval_ns)
            payload: Payload
            if link.source_port.kind == "spikes":
                payload = Spikes.empty(window)
            else:
                channels = len(link.source_port.space) if link.select is None else len(link.select)
                start = link.initial if link.initial is not None else np.zeros(channels)
                rows = window.steps(link.source_port.dt_ns or link.interval_ns)
                payload = Samples(window, np.tile(start, (rows, 1)))
            self._deliver(self._finish(payload))

    def send(self, payload: Payload) -> None:
        """Take a window's payload and deliver the frames that it completes."""
        if self._same_frames:
            if self._plain:
                self._deliver(payload)
                return
            self._deliver(self._finish(self._select(payload)))
            return
        self._parts.append(self._select(payload))
        interval = self._link.interval_ns
        while payload.window.stop_ns >= self._frame_stop_ns:
            whole = _join(self._parts)
            frame = Window(self._frame_stop_ns - interval, self._frame_stop_ns)
            rest = Window(frame.stop_ns, whole.window.stop_ns)
            self._parts = [whole.cut(rest)] if rest.length_ns else []
            self._frame_stop_ns += interval
            self._deliver(self._finish(whole.cut(frame)))

    def _select(self, payload: Payload) -> Payload:
        rows = self._link.select
        if rows is None:
            return payload
        if isinstance(payload, Samples):
            return Samples(payload.window, np.take(payload.values, rows, axis=1))  # rows by rows in memory, as they travel
        assert self._renumber is not None
        channels = self._renumber[payload.channels]
        kept = channels >= 0
        times, channels = payload.times_ns[kept], channels[kept]
        if len(rows) > 1 and (np.diff(rows) < 0).any():
            return Spikes.sorted(payload.window, times, channels)
        return Spikes(payload.window, times, channels)

    def _finish(self, payload: Payload) -> Payload:
        payload = self._chain.translate(payload)
        return self._link.channels.combine(payload) if self._link.map_at_source else payload


class LinkTarget:
    """A link at its target: frames in, kept until a window of the engine takes them."""

    def __init__(self, link: LinkPlan, seed: int, hashes: bool, keep: Deliver | None = None, checks: bool = True) -> None:
        self._link = link
        self._chain = Chain(link, link.stages_at_source, len(link.stages), seed, checks)
        self._frames: deque[Payload] = deque()
        self._delay_ns, self._hold = link.delay_ns, link.hold
        self._dt_ns = link.arriving_dt_ns
        self._same_grid = self._dt_ns is None or self._dt_ns == link.carried.dt_ns
        self._sha = hashlib.sha256() if hashes else None
        self._keep = keep
        self._forced = link.initial if link.initial_at_end else None
        channels = link.channels
        self._plain_map = channels.operation == "one_to_one" or link.map_at_source
        self._identity = self._plain_map and channels.scale == 1.0
        self.channels = channels
        self.frames = self.bytes = 0
        self.digests: list[int] = []
        """After every frame the first 8 bytes of the running hash; emptied by whoever keeps them."""

    @property
    def sha256(self) -> str:
        return self._sha.hexdigest() if self._sha else ""

    def offer(self, payload: Payload) -> None:
        """Take the next frame, on the source's time."""
        if self._chain:
            payload = self._chain.translate(payload)
        if self._forced is not None and payload.window.stop_ns <= 0:
            assert isinstance(payload, Samples)
            payload = Samples(payload.window, np.tile(self._forced, (len(payload.values), 1)))
            payload = self._link.channels.combine(payload) if self._link.map_at_source else payload
        if not self._identity:
            if not self._plain_map:
                payload = self._link.channels.combine(payload)
            payload = self._link.channels.convert(payload)
        self.frames += 1
        if self._sha is not None:
            self._sha.update(payload.window.stop_ns.to_bytes(8, "little", signed=True))  # so that silence counts
        if isinstance(payload, Samples):
            array: NDArray[Any] = payload.values
            self.bytes += array.nbytes
            if self._sha is not None:
                self._sha.update(_bytes(array))
        else:
            self.bytes += payload.times_ns.nbytes + payload.channels.nbytes
            if self._sha is not None:
                self._sha.update(_bytes(payload.times_ns))
                self._sha.update(_bytes(payload.channels))
        if self._sha is not None:
            self.digests.append(int.from_bytes(self._sha.digest()[:8], "little"))
        if self._keep is not None:
            self._keep(payload)
        if self._link.channels.into is not None and isinstance(payload, Spikes):
            payload = self._link.channels.renumber(payload)
        if self._delay_ns and not self._hold:
            if type(payload) is Samples:  # written out: this is the most common step of all
                start, stop = payload.window
                payload = Samples(Window(start + self._delay_ns, stop + self._delay_ns), payload.values)
            else:
                payload = payload.shifted(self._delay_ns)
        self._frames.append(payload)

    def take(self, window: Window) -> Payload:
        """What holds in ``window``, which must have been delivered; older frames are let go."""
        if self._hold:
            return self._take_held(window)
        frames = self._frames
        if self._same_grid and frames[0].window == window:
            return frames.popleft()
        parts: list[Payload] = []
        for frame in frames:
            start, stop = max(frame.window.start_ns, window.start_ns), min(frame.window.stop_ns, window.stop_ns)
            if start >= stop:
                if frame.window.start_ns >= window.stop_ns:
                    break
                continue
            part = frame.refined(self._dt_ns) if isinstance(frame, Samples) and self._dt_ns else frame
            parts.append(part.cut(Window(start, stop)))
        while frames and frames[0].window.stop_ns <= window.stop_ns:
            frames.popleft()
        return _join(parts)

    def _take_held(self, window: Window) -> Samples:
        """One value over the whole window: the last known at its start."""
        interval = self._link.interval_ns
        last = (window.start_ns - self._delay_ns) // interval * interval
        while self._frames[0].window.stop_ns < last:
            self._frames.popleft()
        frame = self._frames[0]
        assert isinstance(frame, Samples) and frame.window.stop_ns == last
        dt_ns = self._dt_ns or window.length_ns
        return Samples(window, np.repeat(frame.values[-1:], window.steps(dt_ns), axis=0))


class Inlet:
    """An input port: the links that end there, merged in the order of their names.

    Parameters
    ----------
    dt_ns
        Step of the rows that the engine gets; None for spikes.
    """

    def __init__(self, name: str, links: list[LinkTarget], width: int, dt_ns: int | None) -> None:
        self.name, self._links, self._width, self._dt_ns = name, links, width, dt_ns
        self._is_plain = len(links) == 1 and (dt_ns is None or links[0].channels.into is None)

    def take(self, window: Window) -> Payload:
        """What all the links say of ``window``: spikes united and sorted, samples summed, 0 in channels that no link feeds."""
        if self._is_plain:
            return _read_only(self._links[0].take(window))
        parts = [link.take(window) for link in self._links]
        if self._dt_ns is None:
            times = np.concatenate([part.times_ns for part in parts])
            channels = np.concatenate([part.channels for part in parts])  # type: ignore[union-attr]
            return _read_only(Spikes.sorted(window, times, channels))
        total = np.zeros((window.steps(self._dt_ns), self._width))
        for link, part in zip(self._links, parts, strict=True):
            link.channels.add_to(total, part.refined(self._dt_ns).values)  # type: ignore[union-attr]
        return _read_only(Samples(window, total))


def _bytes(array: NDArray[Any]) -> memoryview:
    return (array if array.flags.c_contiguous else np.ascontiguousarray(array)).data


def _join(parts: list[Payload]) -> Payload:
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], Spikes):
        return Spikes.join(parts)  # type: ignore[arg-type]
    return Samples.join(parts)  # type: ignore[arg-type]


def _read_only(payload: Payload) -> Payload:
    if isinstance(payload, Samples):
        payload.values.flags.writeable = False
    else:
        payload.times_ns.flags.writeable = payload.channels.flags.writeable = False
    return payload


def check_payload(payload: Any, where: Callable[[], str], port: Any, window: Window, rows: int) -> None:
    """Hold what an engine gave against its port; a CosimError says what differs."""
    width = len(port.space)
    if port.kind == "samples":
        if not isinstance(payload, Samples):
            raise CosimError(f"{port.name} gives {type(payload).__name__} where samples are promised", where=where())
        values = payload.values
        if payload.window != window:
            raise CosimError(
                f"{port.name} covers {Window(*payload.window)} and not its window {window}",
                where=where(),
                mend="return Samples(window, values)",
            )
        if not isinstance(values, np.ndarray) or values.dtype != np.float64:
            raise CosimError(
                f"{port.name} gives {getattr(values, 'dtype', type(values).__name__)} where float64 is promised",
                where=where(),
                mend="values.astype(np.float64)",
            )
        if values.shape != (rows, width):
            why = f"{rows} steps of {format_ns(window.length_ns // rows)} and {width} channels"
            raise CosimError(f"{port.name} gives shape {values.shape} where {(rows, width)} is promised", where=where(), why=why)
        if not port.allow_nan and not np.isfinite(values).all():
            step, channel = np.argwhere(~np.isfinite(values))[0]
            time = window.start_ns + (step + 1) * (window.length_ns // rows)
            raise CosimError(
                f"{port.name} gives {values[step, channel]} in channel {port.space.labels[channel]!r} at {format_ns(int(time))}",
                where=where(),
                why="a value that is not finite spoils everything downstream",
                mend="a smaller dt, other parameters, or allow_nan on the port where NaN has a meaning",
            )
        return
    if not isinstance(payload, Spikes):
        raise CosimError(f"{port.name} gives {type(payload).__name__} where spikes are promised", where=where())
    times, channels = payload.times_ns, payload.channels
    if payload.window != window:
        raise CosimError(
            f"{port.name} covers {Window(*payload.window)} and not its window {window}",
            where=where(),
            mend="return Spikes(window, times_ns, channels)",
        )
    kinds = [str(getattr(array, "dtype", type(array).__name__)) for array in (times, channels)]
    if kinds != ["int64", "int32"]:
        raise CosimError(
            f"{port.name} gives times {kinds[0]} and channels {kinds[1]} where int64 and int32 are promised", where=where()
        )
    if times.shape != channels.shape or times.ndim != 1:
        raise CosimError(f"{port.name} gives {times.shape} times for {channels.shape} channels", where=where())
    if not len(times):
        return
    low, high = int(times.min()), int(times.max())
    if low <= window.start_ns or high > window.stop_ns:
        raise CosimError(
            f"{port.name} gives a spike at {format_ns(low if low <= window.start_ns else high)}, outside its window {window}",
            where=where(),
        )
    if channels.min() < 0 or channels.max() >= width:
        wrong = int(channels.min() if channels.min() < 0 else channels.max())
        raise CosimError(f"{port.name} gives a spike in channel {wrong} of {width}", where=where())
    later = times[1:] > times[:-1]
    if not (later | ((times[1:] == times[:-1]) & (channels[1:] >= channels[:-1]))).all():
        raise CosimError(
            f"{port.name} gives spikes that are not sorted by (time, channel)",
            where=where(),
            mend="return Spikes.sorted(window, times_ns, channels)",
        )
