"""What passes between windows and kernels: drives, rates and spikes in, spikes and what is recorded out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import Payload, Samples, Spikes, Window
from engines.equations.dimensions import si_factor
from engines.point_neurons.layout import Layout
from engines.point_neurons.plan import Population, Source
from engines.point_neurons.simulation import Inputs

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Arriving = tuple[Integers, Integers, Integers]  # step, group, source


class Traffic:
    """Inputs of a window for the kernels, and their spikes for the ports.

    Parameters
    ----------
    groups
        Number of every spike input among the groups.
    generated
        (n,) step, group and neuron of spikes of generators, in the order of steps.
    first_channel
        (populations + 1,) of the neurons of each among the channels of all spikes.
    """

    def __init__(
        self, populations: Sequence[Population], layout: Layout, sources: Sequence[Source], groups: Mapping[str, int],
        generated: Arriving, generated_ns: Integers, first_channel: Integers, dt_ns: int,
    ) -> None:  # fmt: skip
        self._populations, self._layout, self._sources, self._groups = populations, layout, sources, groups
        self._generated, self._generated_ns, self._dt_ns = generated, generated_ns, dt_ns
        self._parts = range(layout.first_part, layout.first_part + layout.own_parts)
        self._generated_channel, self._channels = first_channel[generated[1]] + generated[2], int(first_channel[-1])
        self._can_be_early = any(population.variant.scheme == "quadratic" for population in populations)
        scales = {}
        for population in populations:
            for symbols, ports in ((population.variant.common, population.common), (population.variant.each, population.each)):
                for symbol, port in zip(symbols, ports, strict=True):
                    scales[port] = si_factor(population.variant.description.inputs[symbol].unit)
        self._scales = scales
        self._still = self._nothing_moves()

    def _nothing_moves(self) -> Inputs | None:
        """Inputs of any window where none changes; rows are then made for the length that is asked."""
        moving = [source for source in self._sources if source.rate_hz is None]
        ports = [port for population in self._populations for port in (*population.common, *population.each)]
        if moving or ports or self._groups or len(self._generated_ns):
            return None
        nothing = np.empty(0, np.int64)
        return Inputs(
            np.zeros((0, 1)), np.zeros((len(self._parts), 0, 1)), np.zeros((len(self._parts), 0, 1)), nothing, nothing, nothing
        )

    def inputs(self, window: Window, steps: int, payloads: Mapping[str, Payload]) -> Inputs:
        """What comes in over a window."""
        if self._still is not None and len(self._still.drive) == steps:
            return self._still
        rows = {name: self._rows(payload) for name, payload in payloads.items() if isinstance(payload, Samples)}
        drive = [rows[port] * self._scales[port] for population in self._populations for port in population.common]
        found = Inputs(
            _joined(drive, steps),
            np.array([_joined(self._own(part, rows), steps) for part in self._parts]),
            np.array([_joined(self._rates(part, rows, steps), steps) for part in self._parts]),
            *self._arriving(window, payloads),
        )
        if self._still is not None:
            self._still = found
        return found

    def spikes(self, window: Window, keys: Sequence[Integers]) -> tuple[Integers, NDArray[np.int32]]:
        """Times in ns and channels of all spikes of a window, in their order."""
        if len(self._generated_ns):
            a, b = np.searchsorted(self._generated_ns, [window.start_ns, window.stop_ns], side="right")
            keys = [*keys, (self._generated_ns[a:b] - window.start_ns) * self._channels + self._generated_channel[a:b]]
        ordered = keys[0] if len(keys) == 1 else np.concatenate(keys)
        if len(keys) > 1 or self._can_be_early or self._layout.parts > 1:
            ordered.sort()
        times = ordered // self._channels
        channels = (ordered - times * self._channels).astype(np.int32)
        times += window.start_ns
        return times, channels

    def generated_counts(self, window: Window, steps: int, groups: int) -> Integers:
        """(steps, groups) spikes of generators."""
        counts = np.zeros((steps, groups), np.int64)
        if len(self._generated_ns):
            a, b = np.searchsorted(self._generated_ns, [window.start_ns, window.stop_ns], side="right")
            step, group, _ = (column[a:b] for column in self._generated)
            np.add.at(counts, (step - 1 - window.start_ns // self._dt_ns, group), 1)
        return counts

    # -- inside ----------------------------------------------------------------------------------------------------

    def _rows(self, payload: Samples) -> Floats:
        """(steps, channels) of an input."""
        return np.ascontiguousarray(payload.refined(self._dt_ns).values)

    def _own(self, part: int, rows: Mapping[str, Floats]) -> list[Floats]:
        return [
            rows[port][:, self._layout.neurons(p, part)] * self._scales[port]
            for p, population in enumerate(self._populations)
            for port in population.each
        ]

    def _rates(self, part: int, rows: Mapping[str, Floats], steps: int) -> list[Floats]:
        found = []
        for p, population in enumerate(self._populations):
            for source in population.background:
                if source.rate_hz is not None:
                    found.append(np.full((steps, 1), source.rate_hz))
                elif source.each:
                    found.append(np.maximum(rows[source.port][:, self._layout.neurons(p, part)], 0.0))
                else:
                    found.append(np.maximum(rows[source.port], 0.0))
        return found

    def _arriving(self, window: Window, payloads: Mapping[str, Payload]) -> Arriving:
        """Spikes that arrive in the window, from ports and generators, in the order of their steps."""
        a, b = np.searchsorted(self._generated_ns, [window.start_ns, window.stop_ns], side="right")
        columns = [[column[a:b]] for column in self._generated]
        for name, group in self._groups.items():
            payload = payloads.get(name)
            if isinstance(payload, Spikes) and len(payload.times_ns):
                columns[0].append(-(-payload.times_ns // self._dt_ns))
                columns[1].append(np.full(len(payload.times_ns), group, np.int64))
                columns[2].append(payload.channels.astype(np.int64))
        step, group, source = (np.concatenate(column) for column in columns)
        if sum(len(column) > 0 for column in columns[0]) > 1:
            order = np.argsort(step, kind="stable")
            step, group, source = step[order], group[order], source[order]
        return step, group, source


def _joined(columns: Sequence[Floats], steps: int) -> Floats:
    """(steps, channels), at least one channel."""
    return np.ascontiguousarray(np.concatenate(columns, axis=1)) if columns else np.zeros((steps, 1))
