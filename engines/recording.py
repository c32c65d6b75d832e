"""Recorded activity read from a file or given as a table: what the player plays."""

from __future__ import annotations

import csv
import difflib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, Space, format_ns
from cosim.sdk.time import NS_PER_MS


@dataclass(frozen=True, eq=False)
class Recording:
    """Spikes, or samples on a regular grid, with the names of their channels.

    Attributes
    ----------
    times_ns, channels
        Of spikes: (n,) int64 and (n,) int32, sorted by (time, channel), all after 0.
    values, dt_ns, first
        Of samples: (rows, channels) float64; row k stands at (first + k + 1) * dt_ns.
    unit, quantity, of
        As the file states them, or empty.
    """

    name: str
    kind: Literal["spikes", "samples"]
    space: Space
    times_ns: NDArray[np.int64] | None = None
    channels: NDArray[np.int32] | None = None
    values: NDArray[np.float64] | None = None
    dt_ns: int | None = None
    first: int = 0
    unit: str = ""
    quantity: str = ""
    of: Literal["", "value", "mean"] = ""

    @property
    def stop_ns(self) -> int:
        """Where it ends: the last row or spike."""
        if self.values is not None and self.dt_ns is not None:
            return (self.first + len(self.values)) * self.dt_ns
        assert self.times_ns is not None
        return int(self.times_ns[-1]) if len(self.times_ns) else 0

    @classmethod
    def of_spikes(
        cls, name: str, times_ns: NDArray[np.int64], channels: Sequence[Any] | NDArray[Any], labels: Sequence[str] | int | None
    ) -> Recording:
        """From times and channels: labels, or rows from 0 where none of them is a label."""
        early = np.flatnonzero(times_ns <= 0)
        if len(early):
            raise CosimError(
                f"{name}: spike {early[0] + 1} is at {format_ns(int(times_ns[early[0]]))}",
                why="time starts after 0: the first window is (0, …], and a spike at its start belongs to the one before",
                mend="shift the times",
            )
        space, rows = _place(name, channels, labels)
        order = np.lexsort((rows, times_ns))
        return cls(name, "spikes", space, times_ns=_frozen(times_ns[order]), channels=_frozen(rows[order]))

    @classmethod
    def of_samples(cls, name: str, values: Any, labels: Sequence[str] | int | None, dt_ns: int | None, t0_ns: int = 0) -> Recording:
        """From rows of values, the first of which stands at t0 + dt."""
        try:
            table = np.array(values, np.float64)
        except ValueError:
            raise CosimError(f"{name}: the rows are not equally long, or hold what is not a number") from None
        table = table[:, None] if table.ndim == 1 else table  # one channel
        if table.ndim != 2 or not table.size:
            raise CosimError(f"{name} has no values", mend="give a row of channels for each step")
        if dt_ns is None:
            raise CosimError(f"{name} does not say its step", mend="add dt, such as dt: 1 ms")
        if t0_ns % dt_ns:
            raise CosimError(
                f"{name} is off the grid: its first row is at {format_ns(t0_ns + dt_ns)}, and its step is {format_ns(dt_ns)}",
                mend="times must be whole multiples of the step",
            )
        if isinstance(labels, int) or labels is None:
            space = Space.numbered(table.shape[1] if labels is None else labels)
        else:
            space = Space(tuple(labels))
        if len(space) != table.shape[1]:
            raise CosimError(f"{name} has {table.shape[1]} columns of values, and {len(space)} channels are named")
        if not np.isfinite(table).all():
            row, channel = np.argwhere(~np.isfinite(table))[0]
            raise CosimError(
                f"{name}: row {row + 1} of channel {space.labels[channel]!r} is {table[row, channel]}", why="values must be finite"
            )
        return cls(name, "samples", space, values=_frozen(table), dt_ns=dt_ns, first=t0_ns // dt_ns)


def read_recording(path: Path, stream: str, labels: Sequence[str] | int | None, dt_ns: int | None) -> Recording:
    """A ``.csv``, an ``.npz``, or one stream of a run's ``.h5``; ``labels`` and ``dt_ns`` tell what the file does not."""
    readers = {".csv": _read_csv, ".npz": _read_npz, ".h5": _read_h5, ".hdf5": _read_h5}
    if path.suffix not in readers:
        raise CosimError(f"{path.name} is of no kind that can be played", mend=f"kinds: {', '.join(readers)}")
    if stream and readers[path.suffix] is not _read_h5:
        raise CosimError(f"{path.name} has no streams", why="only a run's .h5 holds several", mend=f"leave out stream: {stream}")
    try:
        return readers[path.suffix](path, stream, labels, dt_ns)
    except (OSError, UnicodeDecodeError, csv.Error, zipfile.BadZipFile, ValueError) as error:
        raise CosimError(f"{path.name} cannot be read as {path.suffix[1:]}", why=str(error)) from None


def _read_csv(path: Path, stream: str, labels: Sequence[str] | int | None, dt_ns: int | None) -> Recording:
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = [[cell.strip() for cell in line] for line in csv.reader(file)]
    header = lines[0] if lines else []
    if len(header) < 2 or header[0] != "time_ms":
        raise CosimError(
            f"{path.name} does not start with a header",
            why=f"line 1 is {','.join(header)!r}",
            mend="time_ms,channel for spikes; time_ms and one label a channel for samples",
        )
    body = [(n, line) for n, line in enumerate(lines[1:], 2) if line]
    for n, line in body:
        if len(line) != len(header):
            raise CosimError(f"{path.name}, line {n}: {len(line)} columns, and the header has {len(header)}")
    times_ns = to_ns([_number(path, n, line[0]) for n, line in body])
    if header == ["time_ms", "channel"]:
        return Recording.of_spikes(path.name, times_ns, [line[1] for _, line in body], labels)
    values = [[_number(path, n, cell) for cell in line[1:]] for n, line in body]
    step = dt_ns
    if len(times_ns) > 1:
        step = int(times_ns[1] - times_ns[0])
        uneven = np.flatnonzero(np.diff(times_ns) != step)
        if step <= 0 or len(uneven):
            n = body[uneven[0] + 1][0] if len(uneven) else body[1][0]
            raise CosimError(
                f"{path.name}, line {n}: the times do not go on in steps of {format_ns(abs(step))}",
                why="samples stand on a regular grid",
            )
        if dt_ns not in (None, step):
            raise CosimError(f"{path.name} has a step of {format_ns(step)}, and dt is {format_ns(dt_ns or 0)}", mend="leave dt out")
    start_ns = int(times_ns[0]) - step if len(times_ns) and step else 0
    return Recording.of_samples(path.name, values, header[1:] if labels is None else labels, step, start_ns)


def _read_npz(path: Path, stream: str, labels: Sequence[str] | int | None, dt_ns: int | None) -> Recording:
    with np.load(path, allow_pickle=False) as file:
        return _from_arrays(path.name, {name: file[name] for name in file.files}, labels, dt_ns)


def _read_h5(path: Path, stream: str, labels: Sequence[str] | int | None, dt_ns: int | None) -> Recording:
    import h5py

    with h5py.File(path, "r") as file:
        streams = {name: group for kind in ("spikes", "samples") for name, group in file.get(kind, {}).items()}
        streams |= {name: link for name, link in file.get("links", {}).items() if "values" in link or "timestamps" in link}
        if not stream and len(streams) == 1:
            stream = next(iter(streams))
        if stream not in streams:
            near = difflib.get_close_matches(stream, streams, 3)
            raise CosimError(
                f"{path.name} has no stream {stream!r}"
                if stream
                else f"{path.name} holds {len(streams)} streams, and none is named",
                why=f"there are: {', '.join(streams) or 'none'}",
                mend=f"did you mean {' or '.join(near)}?" if near else "stream: <engine>.<port>",
            )
        group = streams[stream]
        arrays = {name: group[name][()] for name in ("timestamps", "node_ids", "values", "labels") if name in group}
        return _from_arrays(f"{path.name}:{stream}", {**group.attrs, **arrays}, labels, dt_ns)


def _from_arrays(name: str, items: Mapping[str, Any], labels: Sequence[str] | int | None, dt_ns: int | None) -> Recording:
    """From arrays named as in a run's file: ``timestamps`` (ms) and ``node_ids``, or ``values`` and ``dt_ns``."""
    if labels is None and "labels" in items:
        labels = [_text(label) for label in np.ravel(items["labels"])]
    if "timestamps" in items and "node_ids" in items:
        return Recording.of_spikes(name, to_ns(items["timestamps"]), np.asarray(items["node_ids"]), labels)
    if "values" not in items:
        raise CosimError(f"{name} has neither timestamps and node_ids nor values", why=f"it has {', '.join(items) or 'nothing'}")
    stated = int(items["dt_ns"]) if "dt_ns" in items else dt_ns
    if dt_ns not in (None, stated):
        raise CosimError(f"{name} has a step of {format_ns(stated or 0)}, and dt is {format_ns(dt_ns or 0)}", mend="leave dt out")
    of: Any = _text(items.get("of", ""))
    if of not in ("", "value", "mean"):
        raise CosimError(f"{name} says that its rows are {of!r}", why="of is value or mean")
    found = Recording.of_samples(name, items["values"], labels, stated, int(items.get("t0_ns", 0)))
    return replace(found, unit=_text(items.get("unit", "")), quantity=_text(items.get("quantity", "")), of=of)


def to_ns(times_ms: Any) -> NDArray[np.int64]:
    """Milliseconds to the nearest whole nanosecond."""
    times = np.asarray(times_ms, np.float64)
    if not np.isfinite(times).all():
        raise CosimError(f"time {np.flatnonzero(~np.isfinite(times))[0] + 1} is not finite")
    return np.rint(times * NS_PER_MS).astype(np.int64)


def _place(
    name: str, channels: Sequence[Any] | NDArray[Any], labels: Sequence[str] | int | None
) -> tuple[Space, NDArray[np.int32]]:
    """Space and rows of the channels of spikes; a column holds labels, or else rows from 0, never both: '1' could be either."""
    array = np.asarray(channels)
    if array.dtype.kind in "iu":
        rows = array.astype(np.int64)
    else:
        texts = [str(channel) for channel in channels]
        numbered = all(text.isdecimal() for text in texts)
        if labels is None and not numbered:
            labels = list(dict.fromkeys(texts))  # in order of appearance
        known = {} if labels is None or isinstance(labels, int) else {label: i for i, label in enumerate(labels)}
        if numbered and not all(text in known for text in texts):
            known = {text: int(text) for text in texts}
        unknown = next((text for text in texts if text not in known), None)
        if unknown is not None:
            raise CosimError(
                f"{name}: no channel is called {unknown!r}", why=f"there are {', '.join(known) or f'{labels}, counted from 0'}"
            )
        rows = np.array([known[text] for text in texts], np.int64)
    if labels is None:
        labels = int(rows.max()) + 1 if len(rows) else 0
    space = Space.numbered(labels) if isinstance(labels, int) else Space(tuple(labels))
    if not len(space):
        raise CosimError(f"{name} has no channels", mend="add channels: how many there are, or their names")
    if len(rows) and not 0 <= rows.min() <= rows.max() < len(space):
        bad = int(rows.max()) if rows.min() >= 0 else int(rows.min())
        raise CosimError(f"{name}: channel {bad} does not exist", why=f"there are {len(space)}, counted from 0")
    return space, rows.astype(np.int32)


def _number(path: Path, line: int, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise CosimError(f"{path.name}, line {line}: {text!r} is not a number") from None


def _text(value: Any) -> str:
    value = value.item() if isinstance(value, np.ndarray) else value
    return value.decode() if isinstance(value, bytes) else str(value)


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Handed out in slices, so never written again."""
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array
