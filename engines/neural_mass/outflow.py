"""What external regions receive from the regions simulated here, ahead of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.neural_mass.network import Network
from engines.neural_mass.symbols import Symbols
from engines.neural_mass.wiring import connect

Floats = NDArray[np.float64]


class Outflow:
    """One port: G sum_j W_ij x_j of the linear layers of one coupling term, as many steps ahead as the shortest connection takes.

    Attributes
    ----------
    longest
        Steps of the past that are needed.
    """

    def __init__(self, network: Network, symbols: Symbols, channels: Sequence[str], layers: list[int]) -> None:
        regions, dt_ns, self._externals = network.regions, network.params.dt, len(network.regions.external)
        self._parts: list[tuple[Any, int, Floats]] = []
        self.longest = 0
        for layer in (network.layers[k] for k in layers):
            ahead = layer.connectome.delay_steps(dt_ns) - network.lead
            connections = connect(layer.connectome, ahead, regions.external, regions.simulated, regions.kept, network.block, dt_ns)
            strength = symbols.of("G")[:, regions.external]
            if layer.strength is not None:
                strength = np.full_like(strength, layer.strength)
            self._parts.append((connections.arrays(), channels.index(layer.channels[0]), strength))
            self.longest = max(self.longest, int(connections.steps.max(initial=0)))

    def rows(self, history: Floats, position: int, count: int) -> Floats:
        """(count, replicas * external regions) of the steps that begin at ``position`` of the history."""
        from engines.neural_mass import sums

        replicas = len(history)
        found = np.zeros((count, replicas, self._externals))
        total, row = np.empty((count, self._externals)), np.empty(count)
        for (ahead, now), channel, strength in self._parts:
            for m in range(replicas):
                sums.sum_ahead(total, count, position, ahead, history[m, channel], row)
                for n in range(count):
                    sums.add_now(total, n, position + n, now, history[m, channel])
                found[:, m] += strength[m] * total
        return found.reshape(count, -1)
