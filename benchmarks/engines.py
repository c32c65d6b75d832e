"""Engines for benchmarks: they say what is known beforehand and check every value that arrives: a wrong answer is never fast.

``step`` is the engine's own work on plain arrays. The floors call it directly; ``advance`` is the same behind the engine protocol.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import Params, Port, Samples, Setup, Space, Spikes, Unit, Window

PATTERNS = 5
"""Different arrays that an engine says in turn: prime, so that no delay of a few windows hides a wrong order."""
_MEMORY_MARKS = 20


def pattern(number: int, turn: int, size: int) -> NDArray[np.float64]:
    """(size,) what engine ``number`` says in window ``turn``: whole numbers, exact, and different for every engine and turn."""
    return np.arange(size, dtype=np.float64) + 1e8 * (number + 1) + 1e10 * (turn % PATTERNS)


def resident_mib() -> float:
    """Resident memory of this process, MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def use_cpu(seconds: float) -> None:
    """Compute for ``seconds`` of this thread's processor time: time that another process takes from the core does not count."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


class Notes:
    """When each window began, and how long the engine's own work took; kept in memory and written at the end."""

    def __init__(self, windows: int) -> None:
        self._windows = windows
        self._begins_ns: list[int] = []
        self._own_ns: list[int] = []

    def add(self, begin_ns: int, end_ns: int) -> None:
        self._begins_ns.append(begin_ns)
        self._own_ns.append(end_ns - begin_ns)

    def write(self, path: Path) -> None:
        assert len(self._begins_ns) == self._windows, f"{len(self._begins_ns)} windows were run, {self._windows} were asked for"
        np.savez(path, begins_ns=np.array(self._begins_ns), own_ns=np.array(self._own_ns))


class ExchangerParams(Params):
    """What an Exchanger says, whom it hears, and what it costs."""

    number: int = 0
    hears: int = -1
    """Number of the engine it hears; -1: none."""
    rows: int = 1
    channels: int = 1
    dt: Annotated[int, Unit("ns")] = 1_000_000
    """The window divided by ``rows``."""
    delay_windows: int = 1
    windows: int = 1
    work: Annotated[float, Unit("ms")] = 0.0
    """Processor time of each window."""
    notes: str = ""
    """Folder for times; empty: none are kept."""
    memory: str = ""
    """Folder for the resident memory at every 5 % of the run, with the clock; empty: none is kept."""


class Exchanger:
    """Says (rows, channels) doubles every window and checks those it hears."""

    Params = ExchangerParams
    determinism = "bitwise"

    @classmethod
    def ports(cls, params: ExchangerParams) -> list[Port]:
        space = Space.numbered(params.channels)
        return [Port("x", "in", "samples", space), Port("y", "out", "samples", space, dt_ns=params.dt)]

    def __init__(self, params: ExchangerParams, setup: Setup | None = None) -> None:
        self._params, self._name = params, setup.name if setup else str(params.number)
        self._window_count = 0
        shape = (params.rows, params.channels)
        size = params.rows * params.channels
        self._says = [pattern(params.number, turn, size).reshape(shape) for turn in range(PATTERNS)]
        self._expects = [pattern(params.hears, turn, size).reshape(shape) for turn in range(PATTERNS)]
        self._silence = np.zeros(shape)
        self._notes = Notes(params.windows) if params.notes else None
        self._marks: list[tuple[int, float]] = []

    def step(self, heard: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """One window on plain arrays: check what is heard, work, and say the next pattern."""
        begin = time.perf_counter_ns()
        count, params = self._window_count, self._params
        if heard is not None:
            turn = count - params.delay_windows
            expected = self._expects[turn % PATTERNS] if turn >= 0 else self._silence
            if not _same(heard, expected):
                raise AssertionError(f"engine {self._name} heard wrong values in window {count}")
        if params.work:
            use_cpu(params.work * 1e-3)
        if params.memory and (count + 1) * _MEMORY_MARKS // params.windows > count * _MEMORY_MARKS // params.windows:
            self._marks.append((time.perf_counter_ns(), resident_mib()))
        self._window_count = count + 1
        said = self._says[count % PATTERNS]
        if self._notes is not None:
            self._notes.add(begin, time.perf_counter_ns())
        return said

    def advance(self, window: Window, inputs: dict[str, Any]) -> dict[str, Samples]:
        heard = inputs.get("x")
        if heard is None:
            if self._params.hears >= 0:
                raise AssertionError(f"engine {self._name} heard nothing in {window}")
            return {"y": Samples(window, self.step(None))}
        if heard.window != window:
            raise AssertionError(f"engine {self._name} heard {heard.window} in {window}")
        return {"y": Samples(window, self.step(heard.values))}

    def close(self) -> None:
        """Write what was kept."""
        if self._notes is not None:
            self._notes.write(Path(self._params.notes) / f"{self._name}.npz")
        if self._params.memory:
            np.save(Path(self._params.memory) / f"{self._name}.npy", np.array(self._marks))


def _same(heard: NDArray[np.float64], expected: NDArray[np.float64]) -> bool:
    if expected.size == 1:
        return heard.shape == expected.shape and heard.item() == expected.item()
    return heard.shape == expected.shape and bool((heard == expected).all())


class SpikerParams(Params):
    """What a Spiker says, and whom it hears."""

    number: int = 0
    hears: int = -1
    spikes: int = 1000
    cells: int = 1000
    windows: int = 1
    notes: str = ""


class Spiker:
    """Says ``spikes`` spikes every window and checks those it hears, which come one window later."""

    Params = SpikerParams
    determinism = "bitwise"

    @classmethod
    def ports(cls, params: SpikerParams) -> list[Port]:
        space = Space.numbered(params.cells)
        return [Port("x", "in", "spikes", space), Port("y", "out", "spikes", space)]

    def __init__(self, params: SpikerParams, setup: Setup) -> None:
        self._params, self._name, self._window_count = params, setup.name, 0
        self._offsets_ns = 1 + np.sort(np.arange(params.spikes, dtype=np.int64) * 7919 % setup.window_ns)
        self._notes = Notes(params.windows) if params.notes else None

    def _channels(self, number: int, turn: int) -> NDArray[np.int32]:
        """(spikes,) int32: a permutation of the cells that differs for every engine and turn."""
        return ((np.arange(self._params.spikes) * 7 + 13 * number + turn % PATTERNS) % self._params.cells).astype(np.int32)

    def advance(self, window: Window, inputs: dict[str, Any]) -> dict[str, Spikes]:
        begin = time.perf_counter_ns()
        count, heard = self._window_count, inputs.get("x")
        if heard is not None:
            right = heard.window == window and len(heard) == (self._params.spikes if count else 0)
            if right and count:
                right = bool((heard.times_ns - window.start_ns == self._offsets_ns).all())
                right = right and bool((heard.channels == self._channels(self._params.hears, count - 1)).all())
            if not right:
                raise AssertionError(f"engine {self._name} heard wrong spikes in {window}")
        said = Spikes(window, self._offsets_ns + window.start_ns, self._channels(self._params.number, count))
        self._window_count = count + 1
        if self._notes is not None:
            self._notes.add(begin, time.perf_counter_ns())
        return {"y": said}

    def close(self) -> None:
        """Write what was kept."""
        if self._notes is not None:
            self._notes.write(Path(self._params.notes) / f"{self._name}.npz")
