"""What brings the payloads of a model's ports to NEST's generators, and takes them from its recorders and nodes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, InputBinding, OutputBinding, Port, Samples, Spikes, StepOutput, Window, did_you_mean
from cosim.sdk.time import NS_PER_MS
from engines.nest.kernel import set_node


class GeneratorsIn(InputBinding):
    """One generator a channel; ``nodes`` is what the model connects: the generators, or the parrots that relay them."""

    def __init__(self, nest: Any, generators: Any, nodes: Any) -> None:
        self._nest, self._generators, self.nodes, self.channels = nest, list(generators), nodes, len(generators)

    def set(self, channel: int, values: dict[str, Any]) -> None:
        set_node(self._nest, self._generators[channel], values)


class SpikesIn(GeneratorsIn):
    """Spikes of generators."""

    kind = "spikes"

    def give(self, window: Window, payload: Spikes) -> None:
        """Each channel with spikes gets its times: those of a window are all in the past when the next comes."""
        if not len(payload):
            return
        times_ms = (window.start_ns + (payload.steps(self.dt_ns) + 1) * self.dt_ns) / NS_PER_MS
        order = np.argsort(payload.channels, kind="stable")
        active, first = np.unique(payload.channels[order], return_index=True)
        times, bounds = times_ms[order].tolist(), [*first.tolist(), len(order)]  # lists: NEST takes twice as long over arrays
        for channel, (start, stop) in zip(active.tolist(), pairwise(bounds), strict=True):
            self.set(channel, {"spike_times": times[start:stop]})


class RowsIn(GeneratorsIn):
    """Rows of generators that take ``quantity``_times and ``quantity``_values; what they had last stays in force."""

    kind = "samples"

    def __init__(self, nest: Any, generators: Any, nodes: Any, quantity: str) -> None:
        super().__init__(nest, generators, nodes)
        self._times, self._values = f"{quantity}_times", f"{quantity}_values"
        self._latest = np.zeros(self.channels)

    def give(self, window: Window, payload: Samples) -> None:
        """A generator's time is the end of the first step in which the value holds."""
        rows, latest, self._latest = payload.values, self._latest, payload.values[-1].copy()
        times_ms = ((payload.times_ns - payload.dt_ns + self.dt_ns) / NS_PER_MS).tolist()
        changed = np.flatnonzero((rows != latest).any(axis=0))
        for channel, values in zip(changed.tolist(), rows[:, changed].T.tolist(), strict=True):
            self.set(channel, {self._times: times_ms, self._values: values})


class SpikesOut(OutputBinding):
    """Spikes of a recorder, which is emptied after every window."""

    kind = "spikes"

    def __init__(self, nest: Any, recorder: Any, nodes: Any, comm: Any) -> None:
        self._nest, self._recorder, self._comm, self.channels = nest, recorder, comm, len(nodes)
        self._ids = np.array(nodes.tolist(), np.int64)

    def take(self, window: Window) -> Spikes:
        events = self._recorder.get("events")
        senders, times_ms = events["senders"], events["times"]
        if len(senders):
            set_node(self._nest, self._recorder, {"n_events": 0})
        if self._comm is not None:
            senders, times_ms = self._from_all_ranks(senders, times_ms)
        if not len(senders):
            return Spikes.empty(window)
        times_ns = np.rint(times_ms * NS_PER_MS).astype(np.int64)
        # of a neuron with spikes off the grid, one less than half a ns after the start is still this window's
        times_ns = np.clip(times_ns, window.start_ns + 1, window.stop_ns)
        return Spikes.sorted(window, times_ns, np.searchsorted(self._ids, senders).astype(np.int32))

    def _from_all_ranks(self, senders: Any, times_ms: Any) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """On rank 0, which alone is heard, the spikes of all."""
        parts = self._comm.gather((senders, times_ms)) or [(senders, times_ms)]
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


class SamplesOut(StepOutput):
    """The state of nodes, read where NEST stands."""

    def __init__(self, nodes: Any, names: tuple[str, ...], comm: Any) -> None:
        super().__init__(len(nodes) * len(names), self._state)
        self._names, self._comm, self._here = names, comm, np.flatnonzero(nodes.local)
        self._shape = len(names), len(nodes)
        self._local = nodes[self._here.tolist()] if len(self._here) else None
        if self._local is not None:
            check_names(self._local[0].get(), names)

    def bound(self, port: Port, dt_ns: int) -> None:
        """A mean is taken over every step, a value where its row stands."""
        assert port.dt_ns is not None
        super().bound(port, dt_ns if port.of == "mean" else port.dt_ns)

    def _state(self) -> NDArray[np.float64]:
        values = np.zeros(self._shape)
        if self._local is not None:
            for row, name in zip(values, self._names, strict=True):
                row[self._here] = self._local.get(name)
        if self._comm is not None:
            values = self._comm.allreduce(values)
        return values.reshape(-1)


def check_names(known: dict[str, Any], names: tuple[str, ...]) -> None:
    """That a node whose state is ``known`` tells all of these."""
    for name in names:
        if name not in known:
            late = name in known.get("recordables", ())
            why = "only a multimeter gives it, and one smallest delay late" if late else ""
            numbers = [key for key, value in known.items() if isinstance(value, float)]
            mend = f"one of {', '.join(numbers)}" if late else did_you_mean(name, numbers)
            raise CosimError(f"{known['model']} does not tell its {name!r} at once", why=why, mend=mend)
