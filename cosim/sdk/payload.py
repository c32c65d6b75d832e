"""What one frame carries: ``Spikes`` or ``Samples``, each with the window it covers.

Both can be cut, joined and shifted in time without loss. Arrays of a payload are shared, never copied, between engines of
one process: whoever receives them only reads, and an engine hands over arrays that it will not write again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.sdk.errors import CosimError
from cosim.sdk.time import Window, format_ns

_NO_TIMES = np.empty(0, np.int64)
_NO_CHANNELS = np.empty(0, np.int32)
_NO_TIMES.flags.writeable = _NO_CHANNELS.flags.writeable = False


@dataclass(frozen=True, slots=True, eq=False)
class Spikes:
    """Events in a window, sorted by (time, channel).

    Attributes
    ----------
    times_ns
        (n,) int64, in ``(start, stop]``.
    channels
        (n,) int32, rows of the port's ``Space``.
    """

    window: Window
    times_ns: NDArray[np.int64]
    channels: NDArray[np.int32]

    @classmethod
    def empty(cls, window: Window) -> Spikes:
        return cls(window, _NO_TIMES, _NO_CHANNELS)

    @classmethod
    def sorted(cls, window: Window, times_ns: NDArray[np.int64], channels: NDArray[np.int32]) -> Spikes:
        """The events in the order the contract asks for."""
        order = np.lexsort((channels, times_ns))
        return cls(window, times_ns[order], channels[order])

    def __len__(self) -> int:
        return len(self.times_ns)

    def steps(self, dt_ns: int) -> NDArray[np.int64]:
        """(n,) int64: the step of ``dt_ns`` of each event; step k covers (start + k dt, start + (k + 1) dt]."""
        return (self.times_ns - self.window.start_ns - 1) // dt_ns

    def cut(self, window: Window) -> Spikes:
        """The events in ``window``, which may reach beyond this payload."""
        first, last = np.searchsorted(self.times_ns, window, side="right")
        return Spikes(window, self.times_ns[first:last], self.channels[first:last])

    def shifted(self, by_ns: int) -> Spikes:
        """The same events, ``by_ns`` later."""
        return Spikes(self.window.shifted(by_ns), self.times_ns + by_ns, self.channels)

    @classmethod
    def join(cls, parts: Sequence[Spikes]) -> Spikes:
        """Neighbouring parts, in order of time, as one payload."""
        window = Window(parts[0].window.start_ns, parts[-1].window.stop_ns)
        full = [part for part in parts if len(part.times_ns)]
        if not full:
            return cls.empty(window)
        if len(full) == 1:
            return cls(window, full[0].times_ns, full[0].channels)
        return cls(window, np.concatenate([p.times_ns for p in full]), np.concatenate([p.channels for p in full]))


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Values on a regular grid: row k stands at ``start + (k + 1) * dt`` and is in force over the step that ends there.

    Attributes
    ----------
    values
        (steps, channels) float64; ``dt`` is the window's length divided by steps.
    """

    window: Window
    values: NDArray[np.float64]

    @property
    def dt_ns(self) -> int:
        return (self.window.stop_ns - self.window.start_ns) // len(self.values)

    @property
    def times_ns(self) -> NDArray[np.int64]:
        """(steps,) int64: the time at which each row stands."""
        return self.window.start_ns + self.dt_ns * np.arange(1, len(self.values) + 1, dtype=np.int64)

    def cut(self, window: Window) -> Samples:
        """The rows of ``window``, which must lie inside and on the grid."""
        dt_ns = self.dt_ns
        first, off_start = divmod(window.start_ns - self.window.start_ns, dt_ns)
        last, off_stop = divmod(window.stop_ns - self.window.start_ns, dt_ns)
        if off_start or off_stop or not 0 <= first <= last <= len(self.values):
            raise CosimError(f"{window} is not on the {format_ns(dt_ns)} grid of samples in {self.window}")
        return Samples(window, self.values[first:last])

    def shifted(self, by_ns: int) -> Samples:
        """The same rows, ``by_ns`` later."""
        return Samples(self.window.shifted(by_ns), self.values)

    def refined(self, dt_ns: int) -> Samples:
        """The same course on a finer grid: each row is repeated over the step in which it is in force."""
        times, rest = divmod(self.dt_ns, dt_ns)
        if rest:
            raise CosimError(f"{format_ns(self.dt_ns)} is not a whole number of {format_ns(dt_ns)} steps")
        return self if times == 1 else Samples(self.window, np.repeat(self.values, times, axis=0))

    @classmethod
    def join(cls, parts: Sequence[Samples]) -> Samples:
        """Neighbouring parts of one grid, in order of time, as one payload."""
        window = Window(parts[0].window.start_ns, parts[-1].window.stop_ns)
        return cls(window, parts[0].values if len(parts) == 1 else np.concatenate([part.values for part in parts]))


Payload = Spikes | Samples
