"""What a model's build function makes its ports with."""

from __future__ import annotations

import contextlib
import gc
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cosim.sdk import CosimError
from engines.neuron.bindings import Clock, Rows, SamplesIn, SpikesIn, SpikesOut
from engines.neuron.contents import inventory, kind_of, listed
from engines.neuron.mechanisms import told


class NeuronHelper:
    """What a model's ``build`` makes its ports with; ``h`` is NEURON's."""

    def __init__(self, h: Any, clock: Clock, folders: Sequence[Path]) -> None:
        self.h, self.clock = h, clock
        self._folders, self._kept, self._sources = folders, [], set()
        gc.collect()  # of what an earlier model may have left
        self._seen = inventory(h)

    def load_hoc(self, path: str) -> None:
        """Run a hoc file that lies beside the model's file or the scenario; one that defines templates only once a process."""
        found = next((folder / path for folder in self._folders if (folder / path).is_file()), None)
        if found is None:
            raise CosimError(f"hoc file {path!r} does not exist", why=f"looked in {' and '.join(map(str, self._folders))}")
        again = () if re.search(r"^\s*begintemplate\b", found.read_text(), re.MULTILINE) else (1,)
        with told(f"hoc file {path!r} cannot be loaded"), contextlib.chdir(found.parent):
            self.h.load_file(*again, str(found.resolve()))

    def keep(self, *things: Any) -> None:
        """Hold on to cells and connections: NEURON forgets what no Python name refers to when ``build`` has returned."""
        self._kept += things

    def spikes_in(self, targets: Any, weight: float | None = None) -> SpikesIn:
        """Events for synapses or artificial cells, with ``weight``; or through NetCons of the model. Their delays are not added."""
        connections = [self._connection(target, weight) for target in listed(targets)]
        self.keep(targets)
        return self._made(SpikesIn(self.clock, connections))

    def current_in(self, segments: Any) -> SamplesIn:
        """Current through an electrode (IClamp) in each segment, nA; inward positive."""
        clamps = [self.h.IClamp(segment) for segment in self._segments(segments)]
        for clamp in clamps:
            clamp.dur, clamp.amp = 1e30, 0.0
        self.keep(clamps)
        return self.samples_in([clamp._ref_amp for clamp in clamps], unit="nA")

    def extracellular_in(self, segments: Any) -> SamplesIn:
        """Potential outside each segment, mV; inserts ``extracellular`` where it is missing."""
        found = self._segments(segments)
        for section in {segment.sec for segment in found}:
            if not section.has_membrane("extracellular"):
                section.insert("extracellular")
        return self.samples_in([segment._ref_e_extracellular for segment in found], unit="mV")

    def samples_in(self, refs: Any, unit: str = "1") -> SamplesIn:
        """Values for anything that has a ``_ref_``; ``unit`` is the one that NEURON takes it in."""
        return self._made(SamplesIn(self.h, listed(refs), unit))

    def spikes_out(self, sources: Any, threshold: float | Sequence[float] | None = None) -> SpikesOut:
        """Spikes of sections (in their middle), segments or artificial cells.

        NEURON has one threshold a source, 10 mV unless the model sets another; those given here hold for the model, too.
        """
        connections, refs = map(list, zip(*map(self._source, listed(sources)), strict=True))
        if threshold is not None:
            for connection, one in zip(connections, np.broadcast_to(threshold, len(connections)).tolist(), strict=True):
                connection.threshold = one
        return self._made(SpikesOut(self.h, self.clock, connections, refs))

    def voltage_out(self, segments: Any) -> Rows:
        """Membrane potential of each segment, mV."""
        return self.samples_out([segment._ref_v for segment in self._segments(segments)], unit="mV")

    def membrane_current_out(self, segments: Any) -> Rows:
        """Current through each segment's membrane, synapses included and electrodes not, nA; outward positive."""
        self.h.CVode().use_fast_imem(1)
        return self.samples_out([segment._ref_i_membrane_ for segment in self._segments(segments)], unit="nA")

    def samples_out(self, refs: Any, unit: str = "1") -> Rows:
        """Anything that has a ``_ref_``; ``unit`` is the one that NEURON gives it in."""
        return self._made(Rows(self.h, listed(refs), unit))

    def hold_all_there(self, model: str) -> None:
        """A CosimError where something that ``build`` had made is gone since it returned."""
        gc.collect()
        there = inventory(self.h)
        if lost := [f"{count - there.get(name, 0)} {name}" for name, count in self._seen.items() if there.get(name, 0) < count]:
            raise CosimError(
                f"{', '.join(lost)} of {model} vanished when it returned",
                why="NEURON deletes what no Python name refers to any more",
                mend="in build(): sim.keep(cells, connections) before the return",
            )

    def _made(self, binding: Any) -> Any:
        self._seen = inventory(self.h)
        return binding

    def _segments(self, things: Any) -> list[Any]:
        found = [thing(0.5) if kind_of(thing) == "Section" else thing for thing in listed(things)]
        self.keep(*found)
        return found

    def _connection(self, target: Any, weight: float | None) -> Any:
        made = kind_of(target) == "NetCon"
        if not made and weight is None:
            raise CosimError("spikes_in() is given synapses and no weight", mend="sim.spikes_in(synapses, weight=0.01)")
        connection = target if made else self.h.NetCon(None, target)
        if weight is not None:
            connection.weight[0] = weight
        return connection

    def _source(self, source: Any) -> tuple[Any, Any]:
        """A NetCon that listens to a source, and the potential whose crossing is its spike (an artificial cell: None)."""
        segment = source(0.5) if kind_of(source) == "Section" else source
        ref = segment._ref_v if kind_of(segment) == "Segment" else None
        key = source if ref is None else ref
        if key in self._sources:
            raise CosimError(f"{source} is in spikes_out() twice", mend="one port for it, whose channels links select")
        self._sources.add(key)
        self.keep(segment)
        return (self.h.NetCon(source, None), None) if ref is None else (self.h.NetCon(ref, None, sec=segment.sec), ref)
