"""Ports of a STEPS simulation: what is set, added and read, through calls of its solver that know what they are about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import InputBinding, OutputBinding, Payload, Port, Samples, Spikes, StepInput, Window, spikes_from_steps

Setter = Callable[[float], Any]
Getter = Callable[[], float]


class SetIn(StepInput):
    """The row in force is set before every step; without a link what the model has set stays."""

    def __init__(self, channels: int, put: Callable[[NDArray[np.float64]], Any]) -> None:
        super().__init__(channels)
        self._put = put

    def act(self, step: int) -> None:
        if self.fed:
            self._put(self.at(step))


class Adder:
    """Adds whole molecules to what is there; what is taken away ends at none."""

    def __init__(self, get: Getter, put: Setter) -> None:
        self._get, self._put = get, put

    def __call__(self, molecules: float) -> None:
        self._put(max(self._get() + molecules, 0.0))


class FluxIn(StepInput):
    """Molecules per s, added before every step in whole numbers.

    Attributes
    ----------
    owed
        (channels,) molecules: the part of one that is still to be added.
    """

    def __init__(self, adders: Sequence[Adder]) -> None:
        super().__init__(len(adders))
        self._adders, self.owed = adders, np.zeros(len(adders))

    def act(self, step: int) -> None:
        due = self.owed + self.at(step) * (self.dt_ns / 1e9)
        whole = np.floor(due)
        self.owed = due - whole
        for channel in np.flatnonzero(whole):
            self._adders[channel](float(whole[channel]))


class ReleaseIn(InputBinding):
    """Each spike adds molecules at the end of the step in which it falls."""

    kind = "spikes"

    def __init__(self, adders: Sequence[Adder], molecules: int) -> None:
        self.channels, self._adders, self._molecules = len(adders), adders, molecules
        self._due: dict[int, list[tuple[int, int]]] = {}

    def give(self, window: Window, payload: Spikes) -> None:
        if len(payload):
            keys = payload.steps(self.dt_ns) * self.channels + payload.channels
            for key, count in Counter(keys.tolist()).items():  # for few spikes a tenth of the time of np.unique
                self._due.setdefault(key // self.channels, []).append((key % self.channels, count))

    def act(self, step: int) -> None:
        for channel, count in self._due.pop(step, ()):
            self._adders[channel](count * self._molecules)


class Reactions(OutputBinding):
    """What has been counted since it was last asked: reactions."""

    def __init__(self, getters: Sequence[Getter]) -> None:
        self.channels, self._getters = len(getters), getters

    def bound(self, port: Port, dt_ns: int) -> None:
        super().bound(port, dt_ns)
        self.start()

    def start(self) -> None:
        """Count from here."""
        self._last = self._read()

    def _read(self) -> NDArray[np.int64]:
        return np.array([get() for get in self._getters], np.int64)

    def _since(self) -> NDArray[np.int64]:
        last, self._last = self._last, self._read()
        return self._last - last


class ExtentOut(Reactions):
    """Reactions, or reactions per s, since the row before."""

    kind = "samples"

    def __init__(self, getters: Sequence[Getter], per_second: bool) -> None:
        super().__init__(getters)
        self._per_second, self._steps = per_second, 0
        self._rows: list[NDArray[np.float64]] = []

    def sample(self) -> None:
        """The simulation stands at the end of a step."""
        self._steps += 1
        assert self.port.dt_ns is not None
        if self._steps % (self.port.dt_ns // self.dt_ns) == 0:
            self._rows.append(self._since() * (1e9 / self.port.dt_ns if self._per_second else 1.0))

    def take(self, window: Window) -> Payload:
        rows, self._rows = self._rows, []
        return Samples(window, np.array(rows))


class EventsOut(Reactions):
    """A spike for each reaction, at the end of its step."""

    kind = "spikes"

    def __init__(self, getters: Sequence[Getter]) -> None:
        super().__init__(getters)
        self._happened: list[NDArray[np.int64]] = []

    def sample(self) -> None:
        """The simulation stands at the end of a step."""
        self._happened.append(self._since())

    def take(self, window: Window) -> Payload:
        counts, self._happened = np.array(self._happened), []
        steps, channels = np.nonzero(counts)
        often = counts[steps, channels]
        return spikes_from_steps(window, self.dt_ns, np.repeat(steps, often), np.repeat(channels, often))
