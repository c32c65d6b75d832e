"""What every kind of monitor is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, Space, format_ns, nearest_multiples
from engines.equations.description import Output

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Taken:
    """What a monitor takes: the rows of one output of the model.

    Attributes
    ----------
    name, output
        Of the model.
    space
        The regions simulated here, of one replica.
    dt_ns
        A row's step.
    """

    name: str
    output: Output
    space: Space
    replicas: int
    dt_ns: int


class Monitor(Protocol):
    """Makes one port of the rows of one output.

    Attributes
    ----------
    state
        All that lasts from window to window; saved and restored with the engine.
    """

    state: dict[str, NDArray[Any]]

    def take(self, rows: Floats) -> Floats:
        """What the port says, from (steps, replicas * regions) of the output in its unit over a window."""
        ...


def steps_of(name: str, key: str, length_ns: int, step_ns: int, what: str = "steps") -> int:
    """How many steps a length of a monitor has; a CosimError where they are not whole."""
    if length_ns % step_ns:
        raise CosimError(
            f"monitors.{name}: {key} {format_ns(length_ns)} is not a whole number of {what} of {format_ns(step_ns)}",
            mend=f"nearest: {nearest_multiples(length_ns, step_ns)}",
        )
    return length_ns // step_ns


def refuse_uneven_window(name: str, key: str, length_ns: int, window_ns: int) -> None:
    """A CosimError where a window is not a whole number of the lengths that a monitor works in."""
    if window_ns % length_ns:
        below = next(window_ns // n for n in range(1, window_ns + 1) if window_ns % n == 0 and window_ns // n <= length_ns)
        windows = nearest_multiples(window_ns, length_ns).replace(", ", " or ")
        raise CosimError(
            f"monitors.{name}: a window of {format_ns(window_ns)} is not a whole number of times {key}, {format_ns(length_ns)}",
            why="what lies across the end of a window would depend on where windows are cut",
            mend=f"{key}: {format_ns(below)}, or a window of {windows}",
        )


def mean_of(rows: Floats, steps: int) -> Floats:
    """(rows / steps, channels): the mean of every stretch of ``steps`` rows, summed in the order of time."""
    stretches = rows.reshape(-1, steps, rows.shape[1])
    return summed(stretches[:, k] for k in range(steps)) / steps


def summed(parts: Iterable[Floats]) -> Floats:
    """The sum of arrays of one shape, one after the other: NumPy's own sums change their order with the shape."""
    first, *others = parts
    total = np.array(first)
    for part in others:
        total += part
    return total
