"""Ports of EDEN: frames for its readers, what its writers give, and the elements of NeuroML that join both to cells.

EDEN stands at step k, where time is k dt: it writes rows and events of that time, waits until every reader has a frame later
than it, applies all frames before, and computes the step from k to k + 1. So a frame stamped (k - 1/2) dt acts in that step,
and the step before the last of a window needs one more frame to go ahead: ``(k - 3/4) dt``, which changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from cosim.sdk import InputBinding, OutputBinding, Samples, Spikes, Window
from engines.eden.process import Process, Stream
from engines.neuroml.network import Cell, Network

COLUMN, DIGITS = 16, 8
"""EDEN 0.2.3 writes a number into 16 characters, with 8 digits."""

CURRENT, PLAIN = "cosim_current", "cosim_current_without_dimension"
"""Point currents whose value is given from outside, for cells in physical units and for cells without."""


def _point_current(name: str, base: str, exposed: str, dimension: str) -> list[Element]:
    kind = Element("ComponentType", name=f"{name}_type", extends=base)
    SubElement(kind, "VariableRequirement", name="given", dimension=dimension)
    dynamics = SubElement(kind, "Dynamics")
    SubElement(dynamics, "DerivedVariable", name=exposed, dimension=dimension, exposure=exposed, value="given")
    return [kind, Element(f"{name}_type", id=name)]


COMPONENTS = (
    *_point_current(CURRENT, "basePointCurrent", "i", "current"),
    *_point_current(PLAIN, "basePointCurrentDL", "I", "none"),
)


class Clock:
    """EDEN's time: whole steps of the float nearest to dt in ms, so that 0.1 ms is 0.10000000149 ms."""

    def __init__(self, dt_ns: int) -> None:
        self.dt_ns = dt_ns
        self.dt_s = float(np.float32(dt_ns / 1e6)) * 1e-3

    def stamp(self, step: int, before: float) -> str:
        """The time ``before`` steps before ``step``, in s."""
        return repr(max(step - before, 0.0) * self.dt_s)

    def go_ahead(self, window: Window) -> str:
        return self.stamp(window.stop_ns // self.dt_ns, 0.75)

    @property
    def limit_ns(self) -> int:
        """Up to where steps can be told apart, in the text and in the synapses: these compare times in ms as floats.

        EDEN 0.2.3: where neighbouring floats are further apart than dt, a synapse gets a spike twice, and later none.
        """
        in_floats = math.ceil(math.log2(self.dt_ns / 1e6)) + 23  # floats below 2^k ms are 2^(k - 24) ms apart
        in_text = math.ceil(math.log10(self.dt_ns / 1e9)) + DIGITS - 1
        return min(2**in_floats * 10**6, 10**in_text * 10**9)


class Reader(InputBinding):
    """One of EDEN's readers; ``end`` is our end of its pipe."""

    def __init__(self, channels: int, clock: Clock, end: int) -> None:
        self.channels, self.clock, self.end = channels, clock, end
        self._given: Samples | Spikes | None = None

    def give(self, window: Window, payload: Samples | Spikes) -> None:
        self._given = payload

    def frames(self, window: Window) -> bytes:
        """What lets EDEN go through the window: lines of a time in s and what happens then."""
        given, self._given = self._given, None
        return "\n".join([*self._lines(window, given), ""]).encode()

    def _lines(self, window: Window, given: Samples | Spikes | None) -> Iterator[str]:
        raise NotImplementedError


class SpikesIn(Reader):
    """Spikes: each acts at the end of its step, a second one of its channel in that step one step later."""

    kind = "spikes"

    def __init__(self, channels: int, clock: Clock, end: int) -> None:
        super().__init__(channels, clock, end)
        self._free = [0] * channels  # by channel: the first step in which none acts yet
        self._later: list[tuple[int, int]] = []  # (step, channel) of those that act after the window

    def _lines(self, window: Window, given: Spikes | None) -> Iterator[str]:
        last = window.stop_ns // self.clock.dt_ns
        events, self._later = self._later, []
        if given is not None and len(given):
            steps = given.steps(self.clock.dt_ns) + (window.start_ns // self.clock.dt_ns + 1)
            for step, channel in zip(steps.tolist(), given.channels.tolist(), strict=True):
                # EDEN 0.2.3 keeps a flag, and no count, of what arrives in a step
                step = max(step, self._free[channel])
                self._free[channel] = step + 1
                events.append((step, channel))
            events.sort()
        for step, group in groupby(events, key=lambda event: event[0]):
            if step > last:
                self._later += group
            else:
                yield " ".join([self.clock.stamp(step, 0.5), *(str(channel) for _, channel in group)])
        if not any(step == last for step, _ in events):
            yield self.clock.go_ahead(window)


class CurrentIn(Reader):
    """Rows, each in force over the steps that it covers; without a link 0."""

    kind = "samples"

    def __init__(self, channels: int, clock: Clock, end: int) -> None:
        super().__init__(channels, clock, end)
        self._row = " ".join(["0"] * channels)

    def _lines(self, window: Window, given: Samples | None) -> Iterator[str]:
        step = window.start_ns // self.clock.dt_ns
        if given is None:
            yield f"{self.clock.stamp(step, 0.5)} {self._row}"
        else:
            each = given.dt_ns // self.clock.dt_ns
            for values in given.values.tolist():
                self._row = " ".join(map(repr, values))
                yield f"{self.clock.stamp(step, 0.5)} {self._row}"
                step += each
        yield f"{self.clock.go_ahead(window)} {self._row}"


class SpikesOut(OutputBinding):
    """Spikes, at the end of their step."""

    kind = "spikes"

    def __init__(self, channels: int, clock: Clock, stream: Stream) -> None:
        self.channels, self.clock, self.stream = channels, clock, stream

    def take(self, window: Window) -> Spikes:
        lines = self.stream.take().splitlines()  # of a time in s and the channels that fired
        if not lines:
            return Spikes.empty(window)
        counts = [line.count(b" ", COLUMN) for line in lines]
        times_s = np.array([line[:COLUMN] for line in lines]).astype(np.float64)
        channels = np.array(b"".join(line[COLUMN:] for line in lines).split()).astype(np.int32)
        steps = np.rint(times_s / self.clock.dt_s).astype(np.int64)
        return Spikes(window, np.repeat(steps * self.clock.dt_ns, counts), channels)


class SamplesOut(OutputBinding):
    """The state at the time of each row."""

    kind = "samples"

    def __init__(self, channels: int, stream: Stream) -> None:
        self.channels, self.stream = channels, stream
        self._line = np.dtype([("time", f"S{COLUMN}"), ("values", f"S{COLUMN + 1}", (channels,)), ("end", "S1")])

    def take(self, window: Window) -> Samples:
        return Samples(window, np.frombuffer(self.stream.take(), self._line)["values"].astype(np.float64))


class Wiring:
    """What is added to a network so that ports reach its cells."""

    def __init__(self, network: Network, process: Process, clock: Clock, seed: int) -> None:
        self.network, self.process, self.clock = network, process, clock
        self._added: list[Element] = []
        self._references: list[str] = []
        self._readers: list[Reader] = []
        run = {"target": network.id, "length": "1e12ms", "step": f"{clock.dt_ns / 1e6!r}ms", "seed": str(seed % 2**31)}
        self._run = Element("Simulation", run, id="cosim_run")

    def spikes_in(self, cells: Sequence[Cell], synapse: str, weight: float, segment: int) -> Reader:
        source, end = self._reader("EdenEventSetReader", len(cells))
        SubElement(source, "Port", id="spike")
        for population, rows in _by_population(cells):
            ends = {"presynapticPopulation": source.get("id", ""), "postsynapticPopulation": population, "synapse": synapse}
            projection = self._add("projection", ends)
            for n, row in enumerate(rows):
                place = {"preCellId": str(row), "postCellId": str(cells[row].number), "postSegmentId": str(segment)}
                SubElement(projection, "connectionWD", place, id=str(n), weight=repr(weight), delay="0ms")
        self._readers.append(SpikesIn(len(cells), self.clock, end))
        return self._readers[-1]

    def current_in(self, cells: Sequence[Cell], unit: str, segment: int) -> Reader:
        source, end = self._reader("EdenTimeSeriesReader", len(cells))
        component, carried = (PLAIN, {"dimension": "none"}) if unit == "1" else (CURRENT, {"dimension": "current", "units": unit})
        SubElement(source, "InputColumn", carried, id="i")
        for population, rows in _by_population(cells):
            inputs = self._add("inputList", {"component": component, "population": population})
            for n, row in enumerate(rows):
                place = {"target": cells[row].path, "destination": "synapses", "segmentId": str(segment)}
                SubElement(inputs, "inputW", place, id=str(n), weight="1")
                self._references.append(f"set input {inputs.get('id')} {n} given {source.get('id')}[{row}]/i")
        self._readers.append(CurrentIn(len(cells), self.clock, end))
        return self._readers[-1]

    def pace(self) -> Reader:
        """A reader that nothing hangs on: it has a network without inputs wait for the next window."""
        source, end = self._reader("EdenEventSetReader", 1)
        SubElement(source, "Port", id="spike")
        self._readers.append(SpikesIn(1, self.clock, end))
        return self._readers[-1]

    def spikes_out(self, cells: Sequence[Cell]) -> SpikesOut:
        stream, to = self.process.writer()
        writer = self._writer("EdenEventOutputFile", to, {})
        for row, cell in enumerate(cells):
            SubElement(writer, "EventSelection", id=str(row), select=cell.path, eventPort="spike")
        return SpikesOut(len(cells), self.clock, stream)

    def samples_out(self, cells: Sequence[Cell], path: str, unit: str, dt_ns: int) -> SamplesOut:
        stream, to = self.process.writer()
        writer = self._writer("EdenOutputFile", to, {"sampling_interval": self._every(dt_ns)})
        units = {} if unit == "1" else {"output_units": unit}
        for row, cell in enumerate(cells):
            SubElement(writer, "OutputColumn", {"id": f"c{row}", "quantity": f"{cell.path}/{path}", **units})
        return SamplesOut(len(cells), stream)

    @property
    def readers(self) -> list[Reader]:
        """All, in the reverse of the order in which EDEN waits for them: the frame that wakes it is given last."""
        if not self._readers:
            self.pace()
        currents = [reader for reader in self._readers if reader.kind == "samples"]
        return [*currents, *(reader for reader in self._readers if reader.kind == "spikes")][::-1]

    def model(self, window_ns: int) -> bytes:
        """The whole model as EDEN is to run it; to be called last, for the writer that is done last in a step stands last."""
        self._writer("EdenEventOutputFile", self.process.beat, {"maximum_interval": self._every(window_ns)})
        if self._references:
            (self.process.folder / "setup.txt").write_text("\n".join([*self._references, ""]))
            SubElement(self._run, "EdenCustomSetup", filename="setup.txt")
        return self.network.written(COMPONENTS, self._added, self._run)

    def _every(self, dt_ns: int) -> str:
        """An interval that rounding does not lengthen to one step more, nor shorten to one less."""
        return f"{(dt_ns - self.clock.dt_ns / 2) / 1e6!r}ms"

    def _reader(self, tag: str, instances: int) -> tuple[Element, int]:
        end, to = self.process.reader()
        return self._add(tag, {"href": to, "format": "ascii_v0", "instances": str(instances)}), end

    def _writer(self, tag: str, to: str, more: dict[str, str]) -> Element:
        return SubElement(self._run, tag, {"href": to, "format": "ascii_v0", **more}, id=f"cosim_writer_{len(self._run)}")

    def _add(self, tag: str, attributes: dict[str, str]) -> Element:
        self._added.append(Element(tag, attributes, id=f"cosim_{len(self._added)}"))
        return self._added[-1]


def _by_population(cells: Sequence[Cell]) -> Iterable[tuple[str, list[int]]]:
    """Populations, and the rows of their cells."""
    rows: dict[str, list[int]] = {}
    for row, cell in enumerate(cells):
        rows.setdefault(cell.population, []).append(row)
    return rows.items()
