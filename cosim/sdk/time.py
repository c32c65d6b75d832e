"""Simulated time: whole nanoseconds, and windows ``(start, stop]`` of them.

A float millisecond exists only on the line that calls a simulator.
"""

from __future__ import annotations

from typing import NamedTuple

from cosim.sdk.errors import CosimError

NS_PER_MS = 1_000_000


class Window(NamedTuple):
    """The span ``(start, stop]`` of one ``advance``, in ns: what a stepping simulator knows when it stands at ``stop``."""

    start_ns: int
    stop_ns: int

    @property
    def length_ns(self) -> int:
        return self.stop_ns - self.start_ns

    @property
    def start_ms(self) -> float:
        return self.start_ns / NS_PER_MS

    @property
    def stop_ms(self) -> float:
        return self.stop_ns / NS_PER_MS

    @property
    def length_ms(self) -> float:
        return (self.stop_ns - self.start_ns) / NS_PER_MS

    def steps(self, dt_ns: int) -> int:
        """How many steps of ``dt_ns`` fill the window; a CosimError when they don't."""
        steps, rest = divmod(self.stop_ns - self.start_ns, dt_ns)
        if rest or steps < 1:
            raise CosimError(
                f"a window of {format_ns(self.length_ns)} is not a whole number of {format_ns(dt_ns)} steps",
                mend=f"nearest: {nearest_multiples(self.length_ns, dt_ns)}",
            )
        return steps

    def shifted(self, by_ns: int) -> Window:
        """The same span, ``by_ns`` later."""
        return Window(self.start_ns + by_ns, self.stop_ns + by_ns)

    def __str__(self) -> str:
        return f"({format_ns(self.start_ns)}, {format_ns(self.stop_ns)}]"


def nearest_multiples(value_ns: int, step_ns: int) -> str:
    """The two whole multiples of ``step_ns`` beside ``value_ns``, as text: ``2 ms, 3 ms``."""
    below = value_ns // step_ns * step_ns
    return ", ".join(format_ns(near) for near in (below, below + step_ns) if near > 0)


def format_ns(time_ns: int) -> str:
    """``2500000`` as ``2.5 ms``: the largest unit that keeps the number short and exact."""
    for unit, size in (("s", 1_000_000_000), ("ms", NS_PER_MS), ("us", 1_000)):
        if time_ns and abs(time_ns) >= size and time_ns * 1000 % size == 0:
            return f"{time_ns / size:.15g} {unit}"
    return f"{time_ns} ns" if time_ns else "0 ms"
