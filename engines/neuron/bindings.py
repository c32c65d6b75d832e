"""Ports of a NEURON model: events, values written where they change, crossings, values read."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, InputBinding, OutputBinding, Port, Samples, Spikes, StepOutput, Window
from cosim.sdk.units import factor


class Clock:
    """The t at which NEURON stands: at the window's start, and after each of its steps.

    Attributes
    ----------
    lanes
        How many inputs deliver events: those of one step must not meet.
    """

    def __init__(self, dt: float) -> None:
        self.dt, self.lanes = dt, 0

    def stand(self, start: float, steps: int) -> None:
        self.start, self._steps = start, steps
        self._ends: list[float] | None = None

    @property
    def ends(self) -> list[float]:
        """ms, the window's start and the end of each step: bit for bit what NEURON's t will be, as it adds half a step twice."""
        if self._ends is None:
            halves = np.full(2 * self._steps + 1, 0.5 * self.dt)
            halves[0] = self.start
            self._ends = np.add.accumulate(halves)[::2].tolist()
        return self._ends


class Pointers:
    """Places in NEURON's memory, read and written with one call."""

    def __init__(self, h: Any, refs: Sequence[Any]) -> None:
        pointers, self._vector = h.PtrVector(max(len(refs), 1)), h.Vector(max(len(refs), 1))
        for i, ref in enumerate(refs):
            pointers.pset(i, ref)
        self._values = self._vector.as_numpy()[: len(refs)]  # NEURON's own memory
        self._gather, self._scatter = (pointers.gather, pointers.scatter) if refs else (lambda vector: None, lambda vector: None)

    def read(self) -> NDArray[np.float64]:
        """What stands there, (n,) float64; the next call overwrites it."""
        self._gather(self._vector)
        return self._values

    def write(self, values: NDArray[np.float64]) -> None:
        self._values[:] = values
        self._scatter(self._vector)


class SpikesIn(InputBinding):
    """Events delivered at the end of their step."""

    kind = "spikes"
    changes: Sequence[int] = ()

    def __init__(self, clock: Clock, connections: list[Any]) -> None:
        self._clock, self._lane, self.channels = clock, clock.lanes, len(connections)
        clock.lanes += 1
        self._connections, self._events = connections, [connection.event for connection in connections]

    def give(self, window: Window, payload: Spikes) -> None:
        if not len(payload):
            return
        ends, lanes, last, behind = self._clock.ends, self._clock.lanes, -1, 0
        # NEURON's queue promises no order to events of one time, and sums of floats depend on it. So the events of a step stand
        # some 1e-16 of the time apart, those of this port on a lane of their own, the last just before NEURON's t at its end.
        for step, channel in zip(payload.steps(self.dt_ns).tolist()[::-1], payload.channels.tolist()[::-1], strict=True):
            behind = behind + lanes if step == last else self._lane + 1
            end, last = ends[step + 1], step
            self._events[channel](end - behind * math.ulp(end))


class SamplesIn(InputBinding):
    """Values written where they change."""

    kind = "samples"

    def __init__(self, h: Any, refs: Sequence[Any], unit: str) -> None:
        self._places, self._unit, self.channels = Pointers(h, refs), unit, len(refs)
        self.changes: Sequence[int] = ()

    def bound(self, port: Port, dt_ns: int) -> None:
        super().bound(port, dt_ns)
        self._factor = scale(port, port.unit, self._unit)

    def give(self, window: Window, payload: Samples) -> None:
        values = payload.values
        self._places.write(values[0] * self._factor)
        if len(values) > 1:
            changed = np.flatnonzero((values[1:] != values[:-1]).any(axis=1)) + 1
            self.changes = (changed * (payload.dt_ns // self.dt_ns)).tolist()
            self._next = iter(values[changed])
        else:
            self.changes = ()

    def change(self) -> None:
        self._places.write(next(self._next) * self._factor)


class SpikesOut(OutputBinding):
    """Spikes at the end of the step in which NEURON has them happen.

    NEURON looks for crossings at the start of the next step and stamps them with the t of the last and 1e-10 ms more. The step that
    ends a window has no next one yet, so its crossings are looked for here; NEURON's own, at the next window's start, are left out.
    Events of artificial cells keep their own time. So do those of mechanisms in a section, but for what they WATCH: they find that
    at the start of the next step, too, with the t of the last, and nobody else can know; it leaves with the end of the next step.
    """

    kind = "spikes"

    def __init__(self, h: Any, clock: Clock, connections: list[Any], refs: list[Any]) -> None:
        self._clock, self._connections, self.channels = clock, connections, len(connections)
        self._times, self._cells = h.Vector(), h.Vector()
        for i, connection in enumerate(connections):
            connection.record(self._times, self._cells, i)
        self._crosses = np.array([ref is not None for ref in refs])
        self._place = [bisect_right if hasattr(connection.pre(), "get_segment") else bisect_left for connection in connections]
        self._watched = np.flatnonzero(self._crosses).astype(np.int32)
        self._voltages = Pointers(h, [ref for ref in refs if ref is not None])
        self._above = self._before = np.zeros(len(self._watched), bool)

    def bound(self, port: Port, dt_ns: int) -> None:
        super().bound(port, dt_ns)
        self._thresholds = np.array([connection.threshold for connection in self._connections])[self._watched]

    def visits(self, steps: int) -> Sequence[int]:
        return (steps - 1, steps) if len(self._watched) else ()

    def visit(self) -> None:
        self._before, self._above = self._above, self._voltages.read() > self._thresholds

    def take(self, window: Window) -> Spikes:
        last = self._watched[self._above & ~self._before]
        if not len(last) and not self._times.size():
            return Spikes.empty(window)
        times, cells = np.array(self._times.to_python()), np.array(self._cells.to_python(), np.int32)
        self._times.resize(0)
        self._cells.resize(0)
        steps = np.rint((times - self._clock.start) / self._clock.dt).astype(np.int64)
        for i in np.flatnonzero(~self._crosses[cells]):
            steps[i] = min(max(self._place[cells[i]](self._clock.ends, times[i]), 1), window.steps(self.dt_ns))
        new = steps > 0
        steps = np.concatenate((steps[new], np.full(len(last), window.steps(self.dt_ns))))
        cells = np.concatenate((cells[new], last))
        return Spikes.sorted(window, window.start_ns + steps * self.dt_ns, cells)


class Rows(StepOutput):
    """Values read at the ends of rows; at the end of every step where a row is a mean."""

    def __init__(self, h: Any, refs: Sequence[Any], unit: str) -> None:
        super().__init__(len(refs), Pointers(h, refs).read)
        self._unit = unit

    def bound(self, port: Port, dt_ns: int) -> None:
        super().bound(port, dt_ns)
        read, times = self._read, scale(port, self._unit, port.unit)
        if times != 1.0:
            self._read = lambda: np.multiply(read(), times)
        self._apart = 1 if self._sums else self._every
        self._every = self._every if self._sums else 1  # of values only those at the ends of rows are looked at

    def visits(self, steps: int) -> Sequence[int]:
        return range(self._apart, steps + 1, self._apart)

    visit = StepOutput.sample


def scale(port: Port, source: str, target: str) -> float:
    """What values in ``source`` are multiplied by to be in ``target``; 1 where either says nothing."""
    if "1" in (source, target):
        return 1.0
    try:
        return factor(source, target)
    except CosimError as error:
        raise CosimError(f"port {port.name!r} is in {port.unit}: {error.what}", why=error.why) from None
