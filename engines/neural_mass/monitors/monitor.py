"""What every kind of monitor is."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import Port
from engines.equations.description import Output

Floats = NDArray[np.float64]


class Monitor(Protocol):
    """Makes one port of the rows of one output.

    Attributes
    ----------
    state
        All that lasts from window to window; saved and restored with the engine.
    """

    state: dict[str, NDArray[Any]]

    def take(self, rows: Floats) -> Floats:
        """What the port says, from (steps, channels) of the output in its unit over a window."""
        ...


def refuse_misfit(name: str, every_ns: int, dt_ns: int) -> None:
    """A CosimError where a monitor's interval is not a whole number of steps."""
    from cosim.sdk import CosimError, format_ns
    from cosim.sdk.time import nearest_multiples

    if every_ns % dt_ns:
        raise CosimError(
            f"monitors.{name}: every {format_ns(every_ns)} is not a whole number of steps of {format_ns(dt_ns)}",
            mend=f"nearest: {' and '.join(format_ns(t) for t in nearest_multiples(every_ns, dt_ns))}",
        )


__all__ = ["Floats", "Monitor", "Output", "Port", "refuse_misfit"]
