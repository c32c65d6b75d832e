"""Sections out of traced samples: points with a type and a parent, as SWC files list them.

The rules are those of NEURON's Import3d. A section is a run of samples of one type without a branch. A root of one sample is a
sphere, stood in for by a cylinder as long as it is wide, which has the sphere's area; so is a soma of three samples in the form of
NeuroMorpho.org. A section repeats the sample that it leaves from, with two exceptions: one that leaves the soma keeps its own
diameter there, and one that leaves the middle of the soma begins at its own first sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.compartmental_neurons.morphology.tree import Floats, Morphology, Section

SOMA = 1
LABELS = {1: "soma", 2: "axon", 3: "basal", 4: "apical"}
_NAMES = {1: "soma", 2: "axon", 3: "dend", 4: "apic"}
"""NEURON's, so that its dend[3] is ours."""


@dataclass(frozen=True, eq=False)
class Samples:
    """n samples, the root first, parents before their children.

    Attributes
    ----------
    types
        (n,) as in SWC: 1 soma, 2 axon, 3 basal or any dendrite, 4 apical dendrite, others of the user's own.
    points
        (n, 3) µm.
    diameters
        (n,) µm.
    parent
        (n,) number of the sample before, -1 for the root.
    """

    types: NDArray[np.int64]
    points: Floats
    diameters: Floats
    parent: NDArray[np.int64]


def label_of(kind: int) -> str:
    """``soma``, ``axon``, ``basal``, ``apical``, else ``type_5``."""
    return LABELS.get(kind, f"type_{kind}")


def name_of(kind: int, number: int) -> str:
    """``soma[0]``, ``axon[2]``, ``dend[3]``, ``apic[0]``, else ``dend_5[1]``: the number-th of its type."""
    return f"{_NAMES.get(kind, f'dend_{kind}')}[{number}]"


def morphology_of(samples: Samples) -> Morphology:
    """The sections of traced samples."""
    return Morphology(_Sections(samples).built())


class _Sections:
    """Samples on their way to sections. A run is the numbers of a section's own samples."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._type, self._parent = samples.types.tolist(), samples.parent.tolist()
        self._children: list[list[int]] = [[] for _ in self._type]
        for sample, parent in enumerate(self._parent[1:], 1):
            self._children[parent].append(sample)
        self._soma_children = [sum(self._type[child] == SOMA for child in children) for children in self._children]
        self._dropped = self._outline_of_sphere()
        self._runs: list[list[int]] = []
        self._run_of = [-1] * len(self._type)
        for sample in range(len(self._type)):
            if sample not in self._dropped:
                self._place(sample)

    def built(self) -> tuple[Section, ...]:
        sections: list[Section] = []
        places: list[tuple[int, float]] = []  # of each run: its section, and where on it others begin that would begin at its end
        counts: dict[int, int] = {}
        for number, run in enumerate(self._runs):
            kind = self._type[run[0]]
            points, diameters = self._cable(number)
            parent, at = self._begins(number, places)
            if number and not np.any(points != points[0]):
                places.append((parent, at))  # of no length: what goes on from it goes on from where it began
                continue
            name = name_of(kind, counts.get(kind, 0))
            counts[kind] = counts.get(kind, 0) + 1
            places.append((len(sections), -1.0))
            sections.append(Section(points, diameters, parent, at, label_of(kind), name))
        return tuple(sections)

    # -- runs -----------------------------------------------------------------------------------------------------------------

    def _outline_of_sphere(self) -> frozenset[int]:
        """Two samples that NeuroMorpho.org sets on both sides of the root, for a sphere of the area that they enclose."""
        somata = [sample for sample, kind in enumerate(self._type) if kind == SOMA]
        if len(somata) != 3 or somata[0] != 0 or any(self._parent[s] != 0 or self._children[s] for s in somata[1:]):
            return frozenset()
        diameters, points = self._samples.diameters[somata], self._samples.points[somata]
        length = float(np.sum(np.sqrt(np.sum((points[1:] - points[0]) ** 2, axis=1))))
        is_sphere = (diameters == diameters[0]).all() and abs(length / diameters[0] - 1) < 0.01
        return frozenset(somata[1:]) if is_sphere else frozenset()

    def _place(self, sample: int) -> None:
        """Into the run of its parent where it goes on with it, else into one of its own."""
        parent = self._parent[sample]
        if parent >= 0 and self._goes_on(parent, sample):
            self._run_of[sample] = self._run_of[parent]
            self._runs[self._run_of[parent]].append(sample)
        else:
            self._run_of[sample] = len(self._runs)
            self._runs.append([sample])

    def _goes_on(self, parent: int, sample: int) -> bool:
        if self._type[parent] != self._type[sample]:
            return False
        if self._type[parent] == SOMA:  # which branches only where a soma leaves a soma
            first = next(child for child in self._children[parent] if self._type[child] == SOMA)
            return sample == first and (parent == 0 or self._soma_children[parent] == 1)
        if self._is_stem(parent):
            children = self._children[parent]
            return sample == children[0] and all(self._type[child] == self._type[parent] for child in children)
        return len(self._children[parent]) == 1

    def _is_stem(self, sample: int) -> bool:
        """Whether it is a root or the first sample off the soma, at which no section ends.

        NEURON 9 leaves out the second sample of all, where a section from the soma to it ends. Areas depend on it, so it is kept.
        """
        return self._type[sample] != SOMA and (sample == 0 or (sample > 1 and self._type[self._parent[sample]] == SOMA))

    # -- a section from a run -------------------------------------------------------------------------------------------------

    def _cable(self, number: int) -> tuple[Floats, Floats]:
        """Its points and diameters, with the sample that it leaves from where it is drawn from there."""
        run = self._runs[number]
        points, diameters = self._samples.points[run], self._samples.diameters[run]
        if number == 0:
            return (points, diameters) if len(run) > 1 else sphere(points[0], float(diameters[0]))
        parent = self._parent[run[0]]
        if self._leaves_middle(number):
            return points, diameters
        leaves_soma = self._type[parent] == SOMA and self._type[run[0]] != SOMA
        first = diameters[0] if leaves_soma else self._samples.diameters[parent]
        return np.vstack([self._samples.points[parent], points]), np.concatenate([[first], diameters])

    def _leaves_middle(self, number: int) -> bool:
        """Whether it is a dendrite that begins where its own samples do; one of a single sample needs that of the soma too."""
        run = self._runs[number]
        parent = self._parent[run[0]]
        if self._type[parent] != SOMA or self._type[run[0]] == SOMA or len(run) == 1:
            return False
        soma = self._runs[self._run_of[parent]]
        inside = parent not in (soma[0], soma[-1]) or (parent == soma[0] and self._run_of[parent] > 0 and len(soma) > 1)
        return (len(soma) == 1 and self._run_of[parent] == 0) or inside or self._soma_children[parent] > 1

    def _begins(self, number: int, places: list[tuple[int, float]]) -> tuple[int, float]:
        """Number of the section on which it begins, and where."""
        if number == 0:
            return -1, 0.0
        first = self._runs[number][0]
        parent = self._parent[first]
        on = self._run_of[parent]
        section, at = places[on]
        return (section, self._at(first, parent, on)) if at < 0 else (section, at)

    def _at(self, first: int, parent: int, on: int) -> float:
        run = self._runs[on]
        is_soma, is_root = self._type[parent] == SOMA, on == 0
        if is_soma and is_root and len(run) == 1:
            return 0.5
        if (is_root and parent == run[0]) or (self._is_stem(parent) and len(run) > 1):
            return 0.0
        return 0.5 if is_soma and parent != run[-1] else 1.0


def sphere(centre: Floats, diameter: float) -> tuple[Floats, Floats]:
    """A cylinder along x of the sphere's area."""
    along = np.array([[-0.5, 0.0, 0.0], [0.0, 0.0, 0.0], [0.5, 0.0, 0.0]])
    return centre + along * diameter, np.full(3, diameter)
