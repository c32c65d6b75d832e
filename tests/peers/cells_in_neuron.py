"""The cells of a scenario in NEURON: the same sections and compartments, channels, currents, synapses, in the same steps.

Made from what the scenario says of its cells, so that both simulators are told the same; rate tables are off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.compartmental_neurons.anatomy import Anatomy, anatomy_of
from engines.compartmental_neurons.params import Neurons

Floats = NDArray[np.float64]


def neuron() -> Any:
    """NEURON, without rate tables; whatever a former test left of its globals."""
    h = pytest.importorskip("neuron", reason="NEURON is not installed (extra: neuron)").h
    h.usetable_hh = 0
    h.CVode().active(0)
    return h


class NeuronCell:
    """One cell of a population.

    Attributes
    ----------
    sections
        In the order of the morphology's.
    anatomy
        Whose compartments they have.
    """

    def __init__(self, h: Any, params: Neurons, population: str, by_points: bool = False) -> None:
        """``by_points`` builds tapers from 3-D points, which NEURON keeps in single precision; without, cylinders by L and diam."""
        cell = params.populations[population].cell
        self.h, self.anatomy = h, anatomy_of(cell)
        regions, compartments = self.anatomy.regions, self.anatomy.compartments
        self.sections = self._sections(by_points)
        for number, section in enumerate(self.sections):
            mine = (compartments.section == number) & (compartments.area > 0)
            section.nseg = int(mine.sum())
            section.Ra = cell.resistivity
            section.cm = cell.capacitance
            if by_points:  # setting nseg anew counts points over again
                section.nseg = section.nseg
            for item in cell.membrane:
                if (regions.mask(item.region) & mine).any():
                    _insert(section, item)

    def _sections(self, by_points: bool) -> list[Any]:
        sections: list[Any] = []
        for number, given in enumerate(self.anatomy.regions.morphology.sections):
            section = self.h.Section(name=f"s{number}")
            if by_points:
                for point, diameter in zip(given.points, given.diameters, strict=True):
                    section.pt3dadd(*point, diameter)
            else:
                assert np.ptp(given.diameters) == 0, "a taper needs points"
                section.L, section.diam = given.length, given.diameters[0]
            if given.parent >= 0:
                section.connect(sections[given.parent](given.parent_at), 0)
            sections.append(section)
        return sections

    def at(self, node: int) -> Any:
        """The segment of a compartment."""
        compartments = self.anatomy.compartments
        return self.sections[int(compartments.section[node])](float(compartments.at[node]))

    @property
    def segments(self) -> list[Any]:
        """Of all compartments that have membrane, in their order."""
        return [self.at(int(node)) for node in np.flatnonzero(self.anatomy.compartments.area > 0)]

    def watched(self, name: str = "v") -> list[Any]:
        return [getattr(segment, f"_ref_{name}") for segment in self.segments]


def _insert(section: Any, item: Any) -> None:
    """``passive`` and ``hh``, with their parameters."""
    given = {key: float(value) for key, value in item.parameters.items()}
    name = item.mechanism.stem
    if name == "passive":
        section.insert("pas")
        section.g_pas, section.e_pas = given.get("g", 1e-3), given.get("E", -70.0)
        return
    assert name == "hh"
    section.insert("hh")
    section.ena, section.ek = 50.0, -77.0
    for ours, theirs in (("g_na", "gnabar"), ("g_k", "gkbar"), ("g_leak", "gl"), ("E_leak", "el")):
        if ours in given:
            setattr(section, f"{theirs}_hh", given[ours])


def pulse(h: Any, segment: Any, current_na: float, start_ms: float = 0.0, length_ms: float = 1e9) -> Any:
    clamp = h.IClamp(segment)
    clamp.delay, clamp.dur, clamp.amp = start_ms, length_ms, current_na
    return clamp


def stepped(
    h: Any,
    until_ms: float,
    watched: Sequence[Any],
    *,
    dt_ms: float = 0.025,
    start_mv: float = -65.0,
    celsius: float = 6.3,
    secondorder: int = 0,
    played: Mapping[Any, Floats] | None = None,
) -> Floats:
    """(steps, watched) after every step; ``played`` are references and a number for each step."""
    h.dt, h.celsius, h.secondorder, h.t = dt_ms, celsius, secondorder, 0.0
    found = np.empty((round(until_ms / dt_ms), len(watched)))
    vectors = []
    for reference, values in (played or {}).items():
        vectors.append(h.Vector(values))
        vectors[-1].play(reference, dt_ms)
    h.finitialize(start_mv)
    for step in range(len(found)):
        h.fadvance()
        found[step] = [reference[0] for reference in watched]
    return found


def anatomy(params: Neurons, population: str) -> Anatomy:
    return anatomy_of(params.populations[population].cell)
