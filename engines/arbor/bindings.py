"""What brings the payloads of a model's ports to Arbor as events, and takes its spikes and probes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from cosim.sdk import CosimError, InputBinding, OutputBinding, Port, Samples, Spikes, Window
from engines.arbor.detectors import key
from engines.arbor.tissue import Tissue


class EventsIn(InputBinding):
    """A channel for every target, (cell, label)."""

    def __init__(self, tissue: Tissue, targets: Iterable[tuple[int, str]]) -> None:
        self._tissue = tissue
        self._targets = np.array([tissue.target(gid, label) for gid, label in targets], np.int64)
        self.channels = len(self._targets)


class SpikesIn(EventsIn):
    """Events of a fixed weight."""

    kind = "spikes"

    def __init__(self, tissue: Tissue, targets: Iterable[tuple[int, str]], weights: Sequence[float]) -> None:
        super().__init__(tissue, targets)
        self._weights = np.array(weights, float)

    def give(self, window: Window, payload: Spikes) -> None:
        times_ns = window.start_ns + (payload.steps(self.dt_ns) + 1) * self.dt_ns
        self._tissue.add(self._targets[payload.channels], times_ns, self._weights[payload.channels])


class SamplesIn(EventsIn):
    """An event for every change of a value, one step after the time from which the row is in force.

    Attributes
    ----------
    latest
        (channels,): what the targets were told last.
    """

    kind = "samples"

    def __init__(self, tissue: Tissue, targets: Iterable[tuple[int, str]], unit: str = "") -> None:
        super().__init__(tissue, targets)
        self.latest, self._unit = np.zeros(self.channels), unit
        if len(np.unique(self._targets)) < self.channels:
            raise CosimError("an input was given a target twice", mend="give each once: it holds one value at a time")

    def bound(self, port: Port, dt_ns: int) -> None:
        super().bound(port, dt_ns)
        if self._unit and port.unit != self._unit:
            raise CosimError(
                f"port {port.name!r} is in {port.unit}, and step_current takes {self._unit}",
                mend=f"in ports(): Port({port.name!r}, …, unit={self._unit!r}); links convert",
            )

    def give(self, window: Window, payload: Samples) -> None:
        rows = payload.values
        steps, channels = np.nonzero(rows != np.vstack([self.latest, rows[:-1]]))
        self.latest = rows[-1].copy()
        times_ns = window.start_ns + steps * payload.dt_ns + self.dt_ns
        self._tissue.add(self._targets[channels], times_ns, rows[steps, channels])


class SpikesOut(OutputBinding):
    """Spikes of detectors, at the times that Arbor interpolates, to the nearest ns."""

    kind = "spikes"

    def __init__(self, tissue: Tissue, sources: Sequence[tuple[int, str | None]]) -> None:
        self.channels, self._tissue = len(sources), tissue
        for gid, _ in sources:
            tissue.check_cell(gid)
        detectors = tissue.detectors
        detectors.look(gid for gid, label in sources if label is not None)
        keys = [key(gid, 0 if label is None else detectors.only(gid, label)) for gid, label in sources]
        if len(set(keys)) < len(keys):
            raise CosimError("spikes_out was given a source twice", mend="give each once; a link can copy its spikes")
        self._order = np.argsort(keys).astype(np.int32)
        self._keys = np.append(np.sort(keys), -1).astype(np.int64)

    def take(self, window: Window) -> Spikes:
        times_ns, keys = self._tissue.spikes
        if not len(keys):
            return Spikes.empty(window)
        place = np.searchsorted(self._keys[:-1], keys)
        mine = self._keys[place] == keys
        return Spikes.sorted(window, times_ns[mine], self._order[place[mine]])


class SamplesOut(OutputBinding):
    """Values of probes; a port of ``mean`` values gets the mean over the ends of the steps of a row."""

    kind = "samples"

    def __init__(self, tissue: Tissue, probes: Sequence[tuple[int, str]]) -> None:
        self._tissue, self._probes = tissue, probes
        self.channels = sum(tissue.values_of(gid, tag) for gid, tag in probes)

    def bound(self, port: Port, dt_ns: int) -> None:
        super().bound(port, dt_ns)
        assert port.dt_ns is not None
        every = dt_ns if port.of == "mean" else port.dt_ns
        self._each = port.dt_ns // every
        self._handles = [self._tissue.sample(gid, tag, every) for gid, tag in self._probes]

    def take(self, window: Window) -> Samples:
        samples = self._tissue.simulation.samples
        values = np.hstack([found[:, 1:] for handle in self._handles for found, _ in samples(handle)])
        return Samples(window, values if self._each == 1 else values.reshape(-1, self._each, self.channels).mean(axis=1))
