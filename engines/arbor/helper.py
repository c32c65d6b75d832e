"""What a model's build function makes its ports with."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any

from cosim.sdk import CosimError
from engines.arbor.bindings import SamplesIn, SamplesOut, SpikesIn, SpikesOut
from engines.arbor.current import load_current
from engines.arbor.params import ArborParams
from engines.arbor.tissue import Tissue


class ArborHelper:
    """What a model's ``build`` makes its ports with. A target is (cell, label): one synapse, with a label of its own."""

    def __init__(self, arbor: ModuleType, params: ArborParams, seed: int) -> None:
        self._arbor, self._params, self._seed = arbor, params, seed
        self._tissue: Tissue | None = None

    @property
    def tissue(self) -> Tissue:
        """What was made of the recipe; a CosimError before ``recipe`` has been called."""
        if self._tissue is None:
            raise CosimError("the model has no recipe yet", mend="in build(), before the ports: sim.recipe(recipe)")
        return self._tissue

    def recipe(self, recipe: Any) -> Any:
        """Make the simulation of ``recipe`` and return it; to be called once, before the ports are made."""
        self._tissue = Tissue(self._arbor, recipe, self._params, self._seed)
        return self._tissue.simulation

    def catalogue(self) -> Any:
        """An ``arbor.catalogue`` with the point mechanism ``step_current``, for ``current_in``; compiled once a machine."""
        return load_current(self._arbor)

    def spikes_in(self, targets: Iterable[tuple[int, str, float]]) -> SpikesIn:
        """A channel for every (cell, label, weight): a spike is an event of that weight."""
        given = list(targets)
        return SpikesIn(self.tissue, [(gid, label) for gid, label, _ in given], [weight for *_, weight in given])

    def samples_in(self, targets: Iterable[tuple[int, str]]) -> SamplesIn:
        """A channel for every (cell, label): a change of its value is an event, whose weight is the new value."""
        return SamplesIn(self.tissue, targets)

    def current_in(self, targets: Iterable[tuple[int, str]]) -> SamplesIn:
        """A channel for every (cell, label) of a placed ``step_current``: nA, positive into the cell."""
        return SamplesIn(self.tissue, targets, unit="nA")

    def spikes_out(self, sources: Iterable[int | tuple[int, str]]) -> SpikesOut:
        """A channel for every cell that has one detector, or (cell, label) of a detector."""
        pairs = [source if isinstance(source, tuple) else (int(source), None) for source in sources]
        return SpikesOut(self.tissue, pairs)

    def samples_out(self, probes: Iterable[tuple[int, str]]) -> SamplesOut:
        """For every (cell, tag) of a probe, a channel for each of its locations, or each value of one over a whole cell."""
        return SamplesOut(self.tissue, list(probes))
