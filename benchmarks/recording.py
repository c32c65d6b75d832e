"""Recording: a run that records all it says, against h5py alone with the same chunks, append sizes and flushes.

Both from the first window until the file is closed; what stands in the file is compared afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks import launch
from benchmarks.engines import pattern
from benchmarks.table import Row, alternate
from cosim.runtime.recorder import FLUSH_EVERY_S, WRITE_AT_BYTES

PART = 0.7
SPIKES = 1000
SPIKE_CHUNK = 65_536
"""As cosim.runtime.recorder makes datasets of spikes."""


def run(quick: bool) -> list[Row]:
    """Samples, wide and narrow, and spikes."""
    mebibytes, repeats = (64, 3) if quick else (512, 5)
    return [_samples(1000, mebibytes, repeats), _samples(10_000, mebibytes, repeats), _spikes(mebibytes // 4, repeats)]


def _samples(doubles: int, mebibytes: int, repeats: int) -> Row:
    sizes = launch.shape_of(doubles)
    rows, width = sizes["rows"], sizes["channels"]
    windows = mebibytes * 2**20 // (8 * doubles)
    patterns = [pattern(0, turn, doubles).reshape(rows, width) for turn in range(5)]

    def ours() -> float:
        with launch.scratch() as folder:
            data = launch.scenario({"a": launch.exchanger(0, windows, doubles, notes=str(folder))}, [], windows, record={"streams": ["a.y"]})
            rate = _recorded(data, folder, 8 * doubles * windows)
            _compare(folder / "run/run.h5", "samples/a.y/values", patterns, windows)
            return rate

    def appends() -> Iterator[dict[str, Any]]:
        each = -(-WRITE_AT_BYTES // (8 * doubles))
        for first in range(0, windows, each):
            yield {"values": np.concatenate([patterns[k % 5] for k in range(first, min(first + each, windows))])}

    def floor() -> float:
        chunk = max(1, min(65_536, WRITE_AT_BYTES // (8 * width)))
        with launch.scratch() as folder:
            rate = _bare(folder / "bare.h5", {"values": ((0, width), "f8", (chunk, width))}, appends, 8 * doubles * windows)
            _compare(folder / "bare.h5", "values", patterns, windows)
            return rate

    return _row(f"samples of {doubles} doubles", f"{windows} windows", *alternate(repeats, ours, floor))


def _spikes(mebibytes: int, repeats: int) -> Row:
    windows = mebibytes * 2**20 // (16 * SPIKES)
    size = 16 * SPIKES * windows

    def ours() -> float:
        with launch.scratch() as folder:
            params = {"spikes": SPIKES, "windows": windows, "notes": str(folder)}
            engines = {"a": {"use": f"{launch.ENGINES}:Spiker", "window": "1 ms", "params": params}}
            rate = _recorded(launch.scenario(engines, [], windows, record={"streams": ["a.y"]}), folder, size)
            _count_spikes(folder / "run/run.h5", "spikes/a.y/", windows)
            return rate

    def appends() -> Iterator[dict[str, Any]]:
        each = -(-WRITE_AT_BYTES // (12 * SPIKES))
        for first in range(0, windows, each):
            count = SPIKES * min(each, windows - first)
            yield {"timestamps": np.arange(count) * 1e-3 + first, "node_ids": np.arange(count, dtype=np.int32)}

    def floor() -> float:
        sets = {"timestamps": ((0,), "f8", (SPIKE_CHUNK,)), "node_ids": ((0,), "u8", (SPIKE_CHUNK,))}
        with launch.scratch() as folder:
            rate = _bare(folder / "bare.h5", sets, appends, size)
            _count_spikes(folder / "bare.h5", "", windows)
            return rate

    return _row(f"{SPIKES} spikes a window", f"{windows} windows", *alternate(repeats, ours, floor))


def _row(name: str, size: str, ours: list[float], floors: list[float]) -> Row:
    least = median(floors)
    return Row(f"recording, {name}", size, median(ours), least, PART * least, "MB/s", len(ours), True, "floor: bare h5py", {"ours": ours, "floor": floors})


def _recorded(data: dict[str, Any], folder: Path, size: int) -> float:
    """MB/s from the run's first window until its files are closed."""
    launch.run(data, folder, "inline")
    end = time.perf_counter_ns()
    return size / (end - int(np.load(folder / "a.npz")["begins_ns"][0])) * 1e3


def _bare(path: Path, sets: dict[str, tuple[Any, str, Any]], appends: Callable[[], Iterator[dict[str, Any]]], size: int) -> float:
    """MB/s of h5py alone, as a recorder would use it: datasets that grow, readable while they are written."""
    import h5py

    begin = flushed = time.perf_counter()
    with h5py.File(path, "w", libver="latest") as file:
        datasets = {name: file.create_dataset(name, shape, kind, maxshape=(None, *shape[1:]), chunks=chunks) for name, (shape, kind, chunks) in sets.items()}
        file.swmr_mode = True
        for arrays in appends():
            for name, array in arrays.items():
                dataset = datasets[name]
                count = len(dataset)
                dataset.resize(count + len(array), axis=0)
                dataset[count:] = array
            if time.perf_counter() - flushed >= FLUSH_EVERY_S:
                for dataset in datasets.values():
                    dataset.flush()
                flushed = time.perf_counter()
    return size / (time.perf_counter() - begin) / 1e6


def _compare(path: Path, name: str, patterns: list[Any], windows: int) -> None:
    import h5py

    rows = len(patterns[0])
    with h5py.File(path) as file:
        values = file[name]
        if len(values) != windows * rows:
            raise AssertionError(f"{path.name} holds {len(values)} rows of {windows * rows}")
        block = 500
        for first in range(0, windows, block):
            expected = np.concatenate([patterns[k % 5] for k in range(first, min(first + block, windows))])
            if not np.array_equal(values[first * rows : first * rows + len(expected)], expected):
                raise AssertionError(f"{path.name} holds wrong values")


def _count_spikes(path: Path, group: str, windows: int) -> None:
    import h5py

    with h5py.File(path) as file:
        times, cells = file[f"{group}timestamps"], file[f"{group}node_ids"]
        if not len(times) == len(cells) == windows * SPIKES or not bool((np.diff(times[:100_000]) >= 0).all()):
            raise AssertionError(f"{path.name} holds wrong spikes")
