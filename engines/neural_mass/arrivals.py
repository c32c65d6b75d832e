"""What regions send that are simulated elsewhere, and how much of it is noise."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import NOT_FED, Setup
from engines.equations.dimensions import si_factor
from engines.neural_mass.network import Network

Floats = NDArray[np.float64]


class Arrivals:
    """Rows of the external regions that have a link, for the history; mean and noise of each are logged at the end.

    The noise is the standard deviation sqrt(<(x_n+1 - x_n)^2> / 2), to which what x does over many steps adds nothing. A finite
    population that stands for a region brings noise: N cells that fire at r and are counted in bins T have a standard deviation of
    sqrt(r / (N T)) beside what their rate does. It enters a mean field as drive, and can lift it over a threshold.
    """

    def __init__(self, network: Network, setup: Setup) -> None:
        self.names = [name for name, _, _ in network.channels.values() if name in setup.inputs]
        self._channels = {name: k for k, (name, _, _) in enumerate(network.channels.values())}
        self._scale = {name: si_factor(unit) for name, unit, _ in network.channels.values()}
        self._unit = {name: unit for name, unit, _ in network.channels.values()}
        space = network.space(network.regions.external)
        self._labels, self._log = space.labels, setup.log
        self._linked = {name: setup.delays_ns[name] != NOT_FED for name in self.names}
        self._count = 0
        self._last: dict[str, Floats] = {}
        self._sums = {name: np.zeros((2, len(space))) for name in self.names}

    def take(self, rows: Mapping[str, Floats]) -> dict[int, Floats]:
        """(steps, external channels) in SI units by channel of the history, from rows in the units of the ports."""
        for name, values in rows.items():
            steps = np.diff(values, axis=0, prepend=self._last.get(name, values[:1]))
            self._sums[name] += values.sum(axis=0), np.square(steps).sum(axis=0)
            self._last[name] = values[-1:].copy()
        self._count += len(next(iter(rows.values()))) if rows else 0
        return {self._channels[name]: values * self._scale[name] for name, values in rows.items()}

    def tell(self) -> None:
        """Mean and noise of what came in, a line a region."""
        for name in self.names if self._count else ():
            mean = self._sums[name][0] / self._count
            noise = np.sqrt(self._sums[name][1] / self._count / 2)
            for i in np.flatnonzero(self._linked[name]):
                self._log.info("%s came in at %.4g %s on average, noise of sd %.3g from step to step", self._labels[i], mean[i],
                               self._unit[name], noise[i])  # fmt: skip
