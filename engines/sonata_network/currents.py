"""Currents into the neurons of a network: clamps of the configuration, and what comes over links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import Payload, Samples, Window
from engines.sonata_network.circuit import Circuit
from engines.sonata_network.network import Drive, chosen

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Into:
    """Nodes of a part that a current goes into: its neurons, and their channels among those of the current."""

    neurons: NDArray[np.int64]
    channels: NDArray[np.int64]


class Currents:
    """What is fed into the drives of a network.

    Attributes
    ----------
    changes
        (k,) steps after which a clamp changes.
    """

    def __init__(self, circuit: Circuit, drives: Mapping[str, Drive], each: Mapping[str, bool]) -> None:
        self._dt_ns, self._clamps, self._drives, self._each = circuit.dt_ns, circuit.clamps, drives, dict(each)
        self._of_clamps = [_parts(circuit, clamp.rows) for clamp in circuit.clamps]
        self._of_ports = {name: _parts(circuit, rows) for name, rows in circuit.currents.items()}
        steps = [steps for clamp in circuit.clamps for steps in (clamp.start_step, clamp.stop_step)]
        self.changes = np.unique(np.concatenate(steps)) if steps else np.empty(0, np.int64)

    def cut(self, window: Window) -> list[Window]:
        """Parts of a window over each of which no clamp changes."""
        first, last = window.start_ns // self._dt_ns, window.stop_ns // self._dt_ns
        inner = self.changes[(self.changes > first) & (self.changes < last)] * self._dt_ns
        edges = [window.start_ns, *inner.tolist(), window.stop_ns]
        return [Window(a, b) for a, b in pairwise(edges)]

    def feed(self, window: Window, inputs: Mapping[str, Payload]) -> dict[str, Payload]:
        """Inputs with those of currents replaced by the drives of the network; no clamp changes within the window."""
        fed = {name: payload for name, payload in inputs.items() if name not in self._each}
        for name, drive in self._drives.items():
            fed[drive.port] = self._into(name, drive, window, inputs)
        return fed

    def _into(self, part: str, drive: Drive, window: Window, inputs: Mapping[str, Payload]) -> Samples:
        """pA into a part."""
        width, step = len(drive.part.rows) if drive.each else 1, window.start_ns // self._dt_ns + 1
        held = np.zeros((1, width))
        for clamp, parts in zip(self._clamps, self._of_clamps, strict=True):
            if part in parts:
                held[:, parts[part].neurons if drive.each else slice(None)] += clamp.at(step)
        found = Samples(window, held)
        for name, parts in self._of_ports.items():
            samples = inputs.get(name)
            if part in parts and isinstance(samples, Samples):
                own = samples.values[:, parts[part].channels] if self._each[name] else samples.values
                values = np.zeros((len(own), width))
                values[:, parts[part].neurons if drive.each else slice(None)] = own
                found = self._sum(found, Samples(window, values))
        return found

    def _sum(self, a: Samples, b: Samples) -> Samples:
        """Both, on the finer of their grids."""
        finer = min(a.dt_ns, b.dt_ns)
        if a.dt_ns % finer or b.dt_ns % finer:
            finer = self._dt_ns
        return Samples(a.window, a.refined(finer).values + b.refined(finer).values)


def _parts(circuit: Circuit, rows: Mapping[str, NDArray[np.int64]]) -> dict[str, _Into]:
    """By the name of a part; channels are nodes, population after population."""
    first = dict(zip(rows, np.cumsum([0, *map(len, rows.values())]).tolist(), strict=False))
    return {part.name: _Into(neurons, first[part.population] + places) for part, neurons, places in chosen(circuit, rows)}
