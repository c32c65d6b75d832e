"""Ports of an exported network: what they need of it, and how they are joined to NEURON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cosim.sdk import CosimError
from cosim.sdk.model import Binding
from engines.neuroml.conversion import Exported, Wanted
from engines.neuroml.network import Cell, Network
from engines.neuron import NeuronHelper


class Paths:
    """The paths of cells, as jNeuroML 0.14 understands them in all kinds of populations: ``cells/3/squid``."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._components = {p.get("id", ""): p.get("component", "") for p in network.element.iter("population")}

    def of(self, cells: Sequence[Cell], path: str = "") -> list[str]:
        """Of cells, or of what lies behind them: ``2/v``."""
        for component in {self._components[cell.population] for cell in cells}:
            self._check_segment(component, path.partition("/")[0])
        behind = f"/{path}" if path else ""
        return [f"{cell.population}/{cell.number}/{self._components[cell.population]}{behind}" for cell in cells]

    def of_voltage(self, cells: Sequence[Cell], segment: int) -> list[str]:
        return self.of(cells, f"{segment}/v" if segment else "v")

    def _check_segment(self, component: str, segment: str) -> None:
        """A CosimError with the cell's segments where it has none of that number."""
        elements = [e for e in self.network.model.elements if e.get("id") == component]
        known = {found.get("id", ""): found.get("name", "") for e in elements for found in e.iter("segment")}
        if segment.isdigit() and segment not in known:
            named = ", ".join(f"{number} ({name})" for number, name in list(known.items())[:12])
            why = f"it has {named}" if known else "it is a point, without segments"
            raise CosimError(f"cell {component!r} has no segment {segment}", why=why)


class Asking(Paths):
    """Collects what ports need, before there is a NEURON model."""

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.wanted = Wanted()

    def spikes_in(self, cells: Sequence[Cell], synapse: str, weight: float, segment: int) -> None:
        self.wanted.synapses[synapse] = None
        self.wanted.quantities |= dict.fromkeys(self.of_voltage(cells, segment))

    def current_in(self, cells: Sequence[Cell], unit: str, segment: int) -> None:
        if unit == "1":
            raise CosimError("NEURON has no currents without a dimension", mend="unit: nA")
        self.wanted.quantities |= dict.fromkeys(self.of_voltage(cells, segment))

    def spikes_out(self, cells: Sequence[Cell]) -> None:
        self.wanted.sources |= dict.fromkeys(self.of(cells))

    def samples_out(self, cells: Sequence[Cell], path: str, unit: str, dt_ns: int) -> None:
        self.wanted.quantities |= dict.fromkeys(self.of(cells, path))


class Wiring(Paths):
    """Joins the same ports to the network that stands in NEURON."""

    def __init__(self, network: Network, helper: NeuronHelper, exported: Exported) -> None:
        super().__init__(network)
        self._helper, self._exported = helper, exported

    def spikes_in(self, cells: Sequence[Cell], synapse: str, weight: float, segment: int) -> Binding:
        make = getattr(self._helper.h, synapse, None)
        if make is None:
            raise CosimError(f"jNeuroML has made no NEURON mechanism of {synapse!r}", why="it does so for synapses of spikes")
        return self._helper.spikes_in([make(place) for place in self._segments(cells, segment)], weight)

    def current_in(self, cells: Sequence[Cell], unit: str, segment: int) -> Binding:
        return self._helper.current_in(self._segments(cells, segment))

    def spikes_out(self, cells: Sequence[Cell]) -> Binding:
        sources = [self._exported.sources[path] for path in self.of(cells)]
        found = [self._find(source.place) for source in sources]
        return self._helper.spikes_out(found, [source.threshold or 0.0 for source in sources])

    def samples_out(self, cells: Sequence[Cell], path: str, unit: str, dt_ns: int) -> Binding:
        values = [self._exported.values[found] for found in self.of(cells, path)]
        return self._helper.samples_out([self._reference(value.place) for value in values], values[0].unit)

    def _segments(self, cells: Sequence[Cell], segment: int) -> list[Any]:
        return [self._owner(self._exported.values[path].place)[0] for path in self.of_voltage(cells, segment)]

    def _owner(self, text: str) -> tuple[Any, str]:
        """``a_cells[3].soma.v(0.5)`` as the segment and ``v``; ``m_iaf_cells[3].iMemb`` as the mechanism and ``iMemb``."""
        path, _, x = text.rstrip(")").partition("(")
        owner, _, name = path.rpartition(".")
        found = self._find(owner)
        return (found(float(x)) if x else found), name

    def _reference(self, text: str) -> Any:
        owner, name = self._owner(text)
        found = getattr(owner, f"_ref_{name}", None)
        if found is None:
            raise CosimError(f"jNeuroML calls it {text} in NEURON, which has no such variable")
        return found

    def _find(self, text: str) -> Any:
        found = self._helper.h
        for part in text.split("."):
            name, _, number = part.rstrip("]").partition("[")
            found = getattr(found, name)[int(number)] if number else getattr(found, name)
        return found
