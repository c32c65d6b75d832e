"""What a model is built with, and what brings its ports' payloads to Brian2's arrays and takes them out."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import (
    CosimError,
    InputBinding,
    OutputBinding,
    Port,
    Samples,
    Spikes,
    StepInput,
    StepOutput,
    Window,
    did_you_mean,
    spikes_from_steps,
)
from cosim.sdk.units import factor


class Brian2Helper:
    """What a model's ``build`` makes its ports with."""

    def __init__(self, brian2: ModuleType) -> None:
        self.brian2, self.network = brian2, brian2.Network()
        self.namespace: dict[str, Any] = {}
        self.step = self.count = 0  # in the window, and since time 0

    def add(self, *objects: Any) -> None:
        """The objects that the model is made of. Names in their equations are looked up where this is called, as by ``run()``."""
        self.network.add(*objects)
        caller = sys._getframe(1)
        self.namespace.update(caller.f_globals | caller.f_locals)

    def spikes_in(self, group: Any) -> SpikesIn:
        """Spikes of ``group``, a SpikeGeneratorGroup without spikes of its own."""
        if not isinstance(group, self.brian2.SpikeGeneratorGroup) or len(group.variables["spike_time"].get_value()):
            raise CosimError(
                f"spikes come in through a SpikeGeneratorGroup without spikes of its own, not {group}",
                mend="drive = SpikeGeneratorGroup(10, [], [] * ms), and sim.spikes_in(drive)",
            )
        self.network.add(group)
        return SpikesIn(self, group)

    def samples_in(self, group: Any, variable: str) -> SamplesIn:
        """Values for a parameter: a current, a conductance, the ``rates`` of a PoissonGroup."""
        return SamplesIn(Place(self.brian2, group, variable, write=True))

    def spikes_out(self, group: Any, event: str = "spike") -> SpikesOut:
        """Every spike (or other ``event``) of a group, a channel a cell."""
        if event not in (known := getattr(group, "events", {})):
            raise CosimError(f"{group.name} has no event {event!r}", mend=did_you_mean(event, known) or "give it a threshold")
        return SpikesOut(self, group, event)

    def samples_out(self, group: Any, variable: str) -> SamplesOut:
        """What a variable holds, a channel an element."""
        return SamplesOut(Place(self.brian2, group, variable))


class Place:
    """A variable of a group: the array in which the simulation has it, and the array's unit, which is Brian2's own: V, A, S, Hz."""

    def __init__(self, brian2: ModuleType, group: Any, name: str, write: bool = False) -> None:
        def is_own(key: str) -> bool:  # an element each, or one for all: not the v_post of synapses
            stored = isinstance(group.variables[key], brian2.core.variables.ArrayVariable)
            return stored and group.variables.indices[key] in ("_idx", "_sub_idx", "0") and not key.startswith("_")

        if name not in group.variables or not is_own(name):
            raise CosimError(
                f"{group.name} does not store a variable {name!r}",
                why="an expression is stored where it is declared (constant over dt)",
                mend=did_you_mean(name, filter(is_own, group.variables)),
            )
        variable = group.variables[name]
        if write and (variable.read_only or (variable.scalar and variable.constant)):
            raise CosimError(f"{group.name}.{name} is constant", mend="declare it without (constant)")
        is_part = isinstance(group, brian2.Subgroup) and not variable.scalar
        self.array: NDArray[Any] = variable.get_value()[group.start : group.stop] if is_part else variable.get_value()
        self.name = f"{group.name}.{name}"
        self.unit = "1" if variable.dim.is_dimensionless else str(brian2.get_unit(variable.dim))

    def factor(self, port: Port) -> float:
        try:
            return factor(port.unit, self.unit)
        except CosimError as error:
            what = f"port {port.name!r} is in {port.unit}, and {self.name} in {self.unit}"
            raise CosimError(what, why=error.what, mend=f"in ports(): a unit that {self.unit} can be converted to") from None


class SamplesIn(StepInput):
    """Rows for a parameter, which keeps the model's own value while no link feeds the port."""

    def __init__(self, place: Place) -> None:
        super().__init__(len(place.array))
        self._place = place

    def bound(self, port: Port, dt_ns: int) -> None:
        super().bound(port, dt_ns)
        self._factor = self._place.factor(port)

    def give(self, window: Window, payload: Samples) -> None:
        super().give(window, Samples(window, payload.values * self._factor))

    def act(self, step: int) -> None:
        """Before a step: write the row that comes into force."""
        if self.fed and step % self._each == 0:
            self._place.array[:] = self.at(step)


class SamplesOut(StepOutput):
    """What a variable holds after a step."""

    def __init__(self, place: Place) -> None:
        super().__init__(len(place.array), lambda: place.array / self._factor)
        self._place = place

    def bound(self, port: Port, dt_ns: int) -> None:
        super().bound(port, dt_ns)
        self._factor = self._place.factor(port)


class SpikesIn(InputBinding):
    """Spikes that a group is made to emit, by writing its list of the cells that spike in a step.

    A group spikes once a step: the synapses of a cell that gets more spikes in one receive the others besides.
    """

    kind = "spikes"

    def __init__(self, helper: Brian2Helper, group: Any) -> None:
        group.active = False  # it would empty the list
        self._helper, self._list, self.channels = helper, group.variables["_spikespace"].get_value(), len(group)
        self._channels, self._edges = np.empty(0, np.int32), list[int]()

    def give(self, window: Window, payload: Spikes) -> None:
        edges = np.searchsorted(payload.steps(self.dt_ns), np.arange(window.steps(self.dt_ns) + 1))
        self._channels, self._edges = payload.channels, edges.tolist()  # those of step k: edges[k] to edges[k + 1]

    def act(self, step: int) -> None:
        """Before a step: the cells that spike in it, whose number stands at the list's end."""
        self._list[-1] = 0
        if self._edges and self._edges[step] < self._edges[step + 1]:
            cells, counts = np.unique(self._channels[self._edges[step] : self._edges[step + 1]], return_counts=True)
            self._list[: len(cells)], self._list[-1] = cells, len(cells)
            for already in range(1, counts.max()):
                self._push(cells[counts > already])

    def _push(self, cells: NDArray[np.int32]) -> None:
        """Spikes to all synapses that start from the group, under way from this step on."""
        for found in self._helper.network.sorted_objects:
            if getattr(found, "eventspace", None) is self._list:
                found.queue.push(cells)


class SpikesOut(OutputBinding):
    """Events of a group, each at the end of the step in which it happens."""

    kind = "spikes"

    def __init__(self, helper: Brian2Helper, group: Any, event: str) -> None:
        self._helper, self._list = helper, group.variables[f"_{event}space"].get_value()
        self._clock, self._first, self.channels = group.clock, group.start, len(group)
        self._steps: list[int] = []
        self._cells: list[NDArray[np.int32]] = []

    def bound(self, port: Port, dt_ns: int) -> None:
        super().bound(port, dt_ns)
        self._every = max(round(self._clock.dt_ * 1e9) // dt_ns, 1)

    def sample(self) -> None:
        """After a step: the cells that spiked in it, whose number stands at the list's end."""
        if (count := self._list[-1]) and self._helper.count % self._every == 0:
            cells = self._list[:count] - self._first
            self._cells.append(cells[(cells >= 0) & (cells < self.channels)])  # the list is that of the whole group
            self._steps.append(self._helper.step)

    def take(self, window: Window) -> Spikes:
        if not self._cells:
            return Spikes.empty(window)
        steps = np.repeat(self._steps, [len(cells) for cells in self._cells])
        cells, self._steps, self._cells = np.concatenate(self._cells), [], []
        return spikes_from_steps(window, self.dt_ns, steps, cells)
