"""Recording, against h5py alone with the same chunks, append sizes and flushes.

The recorder by itself is fed payloads as a run feeds it; then a whole run that records all it says. All are timed from the first
payload until the file is closed, and what stands in the file is compared afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import launch
from benchmarks.engines import PATTERNS, Spiker, SpikerParams, pattern
from benchmarks.table import Row, alternate
from cosim.api import load
from cosim.runtime.recorder import CHUNK_BYTES, FLUSH_EVERY_S, Recorder
from cosim.scenario.planner import make_plan
from cosim.sdk import Payload, Samples, Setup, Spikes, Window

PART = 0.7
"""Of bare h5py's throughput: what recording should reach."""
SPIKES = 1000
SPIKE_CHUNK = 65_536
"""As cosim.runtime.recorder makes datasets of spikes."""


@dataclass(frozen=True)
class _Case:
    """A stream: the scenario that gives it, its payloads in turn, and where it stands in a run's file."""

    name: str
    engine: Callable[[str], dict[str, Any]]
    windows: int
    arrays: Sequence[tuple[NDArray[Any], ...]]
    """Of each of the payloads in turn: (values,), or (timestamps in ms within the window, node ids)."""
    place: str
    datasets: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    chunks: tuple[tuple[int, ...], ...]
    kinds: tuple[str, ...]
    """In the file: f8, u8, or ms for f8 that count on from window to window."""
    memory_bytes: int
    """Of one payload, in memory: what the recorder gathers by."""

    @property
    def file_bytes(self) -> int:
        return self.windows * sum(array.size * 8 for array in self.arrays[0])

    def gathered(self, first: int, stop: int) -> list[NDArray[Any]]:
        """What the windows from ``first`` to ``stop`` put into each dataset."""
        columns = []
        for i in range(len(self.datasets)):
            parts = [self.arrays[k % PATTERNS][i] for k in range(first, stop)]
            if self.kinds[i] == "ms":
                parts = [part + k for k, part in zip(range(first, stop), parts, strict=True)]
            columns.append(np.concatenate(parts))
        return columns


def run(quick: bool) -> list[Row]:
    """Samples, narrow and wide, and spikes."""
    mebibytes, repeats = (64, 3) if quick else (384, 5)
    rows: list[Row] = []
    for case in (_samples(1_000, mebibytes), _samples(10_000, mebibytes), _spikes(mebibytes // 4)):
        rows += _measure(case, repeats)
    return rows


def _samples(doubles: int, mebibytes: int) -> _Case:
    sizes = launch.shape_of(doubles)
    rows, width = sizes["rows"], sizes["channels"]
    windows = mebibytes * 2**20 // (8 * doubles)
    return _Case(
        f"samples, {doubles} doubles a window",
        lambda notes: launch.exchanger(0, windows, doubles, notes=notes),
        windows,
        [(pattern(0, turn, doubles).reshape(rows, width),) for turn in range(PATTERNS)],
        "samples/a.y", ("values",), ((0, width),), ((min(65_536, CHUNK_BYTES // (8 * width)), width),), ("f8",), 8 * doubles,
    )  # fmt: skip


def _spikes(mebibytes: int) -> _Case:
    windows = mebibytes * 2**20 // (16 * SPIKES)

    def engine(notes: str) -> dict[str, Any]:
        return {
            "use": f"{launch.ENGINES}:Spiker",
            "window": "1 ms",
            "params": {"spikes": SPIKES, "windows": windows, "notes": notes},
        }

    spiker = Spiker(SpikerParams(spikes=SPIKES, windows=windows), Setup("a", launch.WINDOW_NS, 0))
    said = [spiker.advance(Window(0, launch.WINDOW_NS), {})["y"] for _ in range(PATTERNS)]
    return _Case(
        f"{SPIKES} spikes a window", engine, windows, [(spikes.times_ns / 1e6, spikes.channels) for spikes in said],
        "spikes/a.y", ("timestamps", "node_ids"), ((0,), (0,)), ((SPIKE_CHUNK,), (SPIKE_CHUNK,)), ("ms", "u8"), 12 * SPIKES,
    )  # fmt: skip


def _measure(case: _Case, repeats: int) -> list[Row]:
    gather = max(1, -(-CHUNK_BYTES // case.memory_bytes))
    measures = (lambda: _recorder(case), lambda: _whole_run(case), lambda: _bare(case, gather), lambda: _bare(case, 1))
    alone, whole, floors, each = alternate(repeats, *measures)
    rows = []
    for name, found, floor, limited, note in (
        ("recorder", alone, floors, True, f"floor: bare h5py, {gather} windows an append, as the recorder gathers them"),
        ("run that records, inline", whole, floors, False, "floor: the same; the run's own windows are in the time"),
        ("recorder", alone, each, False, "floor: bare h5py, one window an append"),
    ):
        least = median(floor)
        limit = PART * least if limited else None
        row = Row(f"{name}, {case.name}", f"{case.windows} windows", median(found), least, limit, "MB/s", repeats, True, note)
        row.details = {"ours": found, "floor": floor}
        rows.append(row)
    return rows


def _recorder(case: _Case) -> float:
    """MB/s of the recorder alone."""
    with launch.scratch() as folder:
        data = launch.scenario({"a": case.engine("")}, [], case.windows, record={"streams": ["a.y"]})
        payloads = list(_payloads(case))
        recorder = Recorder(folder / "run.h5", make_plan(load(data)), {})
        begin = time.perf_counter()
        for payload in payloads:
            recorder.put(0, payload)
        recorder.close({}, {})
        rate = case.file_bytes / (time.perf_counter() - begin) / 1e6
        _compare(case, folder / "run.h5", case.place + "/")
        return rate


def _payloads(case: _Case) -> Iterator[Payload]:
    window_ns = launch.WINDOW_NS
    for k in range(case.windows):
        window = Window(k * window_ns, (k + 1) * window_ns)
        arrays = case.arrays[k % PATTERNS]
        if len(arrays) == 1:
            yield Samples(window, arrays[0])
        else:
            yield Spikes(window, np.rint(arrays[0] * 1e6).astype(np.int64) + window.start_ns, arrays[1])


def _whole_run(case: _Case) -> float:
    """MB/s from the run's first window until its files are closed."""
    with launch.scratch() as folder:
        data = launch.scenario({"a": case.engine(str(folder))}, [], case.windows, record={"streams": ["a.y"]})
        launch.run(data, folder, "inline")
        end = time.perf_counter_ns()
        rate = case.file_bytes / (end - int(np.load(folder / "a.npz")["begins_ns"][0])) * 1e3
        _compare(case, folder / "run/run.h5", case.place + "/")
        return rate


def _bare(case: _Case, gather: int) -> float:
    """MB/s of h5py alone, used as a recorder would use it: datasets that grow, readable while they are written."""
    import h5py

    # what is appended is there beforehand: of the payloads in turn, as many arrays as differ
    appends = [case.gathered(first, first + gather) for first in range(PATTERNS)]
    with launch.scratch() as folder:
        begin = flushed = time.perf_counter()
        with h5py.File(folder / "bare.h5", "w", libver="latest") as file:
            datasets = [
                file.create_dataset(name, shape, kind.replace("ms", "f8"), maxshape=(None, *shape[1:]), chunks=chunks)
                for name, shape, kind, chunks in zip(case.datasets, case.shapes, case.kinds, case.chunks, strict=True)
            ]
            file.swmr_mode = True
            for first in range(0, case.windows, gather):
                arrays = appends[first % PATTERNS]
                for dataset, array, kind in zip(datasets, arrays, case.kinds, strict=True):
                    rows = array[: len(array) * min(gather, case.windows - first) // gather]
                    count = len(dataset)
                    dataset.resize(count + len(rows), axis=0)
                    dataset[count:] = rows + (first - first % PATTERNS) if kind == "ms" else rows
                if time.perf_counter() - flushed >= FLUSH_EVERY_S:
                    for dataset in datasets:
                        dataset.flush()
                    flushed = time.perf_counter()
        rate = case.file_bytes / (time.perf_counter() - begin) / 1e6
        _compare(case, folder / "bare.h5", "")
        return rate


def _compare(case: _Case, path: Path, group: str) -> None:
    """Hold every value in the file against what was said; times to a tenth of a ns, because they are floats in ms."""
    import h5py

    rows = len(case.arrays[0][0])
    with h5py.File(path) as file:
        for name in case.datasets:
            if len(file[group + name]) != case.windows * rows:
                raise AssertionError(f"{name} holds {len(file[group + name])} rows of {case.windows * rows}")
        for first in range(0, case.windows, 500):
            expected = case.gathered(first, min(first + 500, case.windows))
            for name, kind, values in zip(case.datasets, case.kinds, expected, strict=True):
                found = file[group + name][first * rows : first * rows + len(values)]
                right = np.allclose(found, values, rtol=0, atol=1e-7) if kind == "ms" else np.array_equal(found, values)
                if not right:
                    raise AssertionError(f"{name} holds wrong values in windows {first} and later")
