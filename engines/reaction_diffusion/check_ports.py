"""Ports: releases, inputs and records, whose species, places and values must exist."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cosim.sdk import CosimError, did_you_mean, format_ns
from engines.reaction_diffusion.checks import Checks, faults_of
from engines.reaction_diffusion.chemistry.measures import IN_VOLUME, measure_of
from engines.reaction_diffusion.incoming import is_points
from engines.reaction_diffusion.params import ConcentrationInput, Record, ValueInput
from engines.reaction_diffusion.recorded import COUNTED, shown_by, voxels_shown
from engines.reaction_diffusion.start import molecules_of


class Releases(Checks):
    """Of all releases."""

    def faults(self) -> Iterator[CosimError]:
        for name, item in self.params.release.items():
            where = f"params.release.{name}"
            if item.species not in self.params.species:
                mend = did_you_mean(item.species, self.params.species)
                yield CosimError(f"there is no species {item.species!r}", where=f"{where}.species", mend=mend)
            if self.params.solver != "deterministic" and item.molecules != round(item.molecules):
                yield CosimError(
                    "molecules are whole", where=f"{where}.molecules", why="of a stochastic solver", mend="a whole number"
                )
            for k, time in enumerate(item.times or ()):
                if time < 0:
                    yield CosimError(f"{format_ns(time)} is before the start", where=f"{where}.times.{k}", mend="0 or later")
            if is_points(item):
                yield from self.inside(item.at, f"{where}.at")
            else:
                yield from faults_of(lambda item=item: self.voxels(item.at), f"{where}.at")  # type: ignore[misc]


class Inputs(Checks):
    """Of all inputs."""

    def faults(self) -> Iterator[CosimError]:
        fed: dict[str, str] = {}
        clamped: dict[str, set[int]] = {}
        for name, item in self.params.inputs.items():
            where = f"params.inputs.{name}"
            if isinstance(item, ValueInput):
                known = [f"{placed}.{key}" for placed, model in self.params.models.items() for key in model.description.inputs]
                if item.of not in known:
                    mend = did_you_mean(item.of, known) if known else "no model has an input"
                    yield CosimError(f"there is no input {item.of!r}", where=f"{where}.of", mend=mend)
                elif item.of in fed:
                    yield CosimError(
                        f"{item.of} is fed by {fed[item.of]}", where=f"{where}.of", mend="let several links end in one port"
                    )
                fed.setdefault(item.of, name)
                continue
            if item.species not in self.params.species:
                mend = did_you_mean(item.species, self.params.species)
                yield CosimError(f"there is no species {item.species!r}", where=f"{where}.species", mend=mend)
                continue
            if getattr(item, "valence", 1) == 0:
                yield CosimError("an ion without charge carries no current", where=f"{where}.valence", mend="such as 2 of calcium")
            elif isinstance(item, ConcentrationInput) and measure_of(self.params.species[item.species].unit) not in IN_VOLUME:
                why = f"{item.species} is in {self.params.species[item.species].unit}"
                yield CosimError(
                    "only what is in the volume is held", where=f"{where}.species", why=why, mend="such as a species in mM"
                )
            if not isinstance(item, ConcentrationInput) and item.at is not None:
                if item.region != "all" or item.each:
                    yield CosimError(
                        "an input is at places or in a region", where=f"{where}.at", mend="leave at out, or in and each"
                    )
                yield from self.inside(item.at, f"{where}.at")
                continue
            unsound = faults_of(lambda item=item: self.voxels(item.region), f"{where}.in")  # type: ignore[misc]
            yield from unsound
            if isinstance(item, ConcentrationInput) and not unsound:
                voxels = set(self.voxels(item.region).tolist())
                if voxels & clamped.setdefault(item.species, set()):
                    yield CosimError(
                        f"{item.species} is prescribed twice there", where=f"{where}.in", mend="regions that do not overlap"
                    )
                clamped[item.species] |= voxels


class Records(Checks):
    """Of all records."""

    def faults(self) -> Iterator[CosimError]:
        for name, record in self.params.record.items():
            yield from self._record(record, f"params.record.{name}")

    def _record(self, record: Record, where: str) -> Iterator[CosimError]:
        params = self.params
        if record.every is not None and record.every % params.dt:
            what = f"{format_ns(record.every)} is not a whole number of steps of {format_ns(params.dt)}"
            yield CosimError(what, where=f"{where}.every", mend=f"a multiple of {format_ns(params.dt)}")
        if record.region is not None and record.at is not None:
            yield CosimError("a record is in a region or at places", where=f"{where}.at", mend="leave one of them out")
            return
        unsound = faults_of(lambda: shown_by(record, params), f"{where}.value")
        if record.region is not None:
            unsound += faults_of(lambda: self.voxels(record.region), f"{where}.in")
        if record.at is not None:
            unsound += list(self.inside(record.at, f"{where}.at"))
        yield from unsound
        if not unsound and not self._model_unsound(record):
            yield from self._shown(record, where)

    def _model_unsound(self, record: Record) -> bool:
        placed = self.params.models.get(record.value.partition(".")[0])
        return placed is not None and bool(faults_of(lambda: self.voxels(placed.region), ""))

    def _shown(self, record: Record, where: str) -> Iterator[CosimError]:
        shown, params = shown_by(record, self.params), self.params
        if shown.kind == "account":
            if record.over not in (None, "sum") or record.at is not None or record.region is not None:
                yield CosimError(f"{record.value} is of the whole space", where=where, mend="leave in, at and over out")
            return
        if shown.over == "fraction":
            if shown.kind != "species" or shown.unit != COUNTED:
                yield CosimError(f"{record.value} is no part of a count", where=f"{where}.over", mend="over: mean, or sum")
            elif molecules_of(params.models[record.value.partition(".")[0]]) == 0:
                yield CosimError("there are no molecules of which to tell a part", where=f"{where}.over", mend="give a count")
        if shown.kind == "state" and record.over == "sum":
            yield CosimError(f"{record.value} is no amount", where=f"{where}.over", mend="over: mean, or each")
        if shown.over == "sum" and (shown.kind == "concentration" or (shown.kind == "species" and shown.unit != COUNTED)):
            yield CosimError("concentrations are not summed", where=f"{where}.over", mend="over: mean; molecules: total, bound")
        placed = params.models.get(record.value.partition(".")[0])
        voxels = voxels_shown(record, params, self.mesh)
        if placed is not None and record.at is not None:
            outside = ~np.isin(voxels, self.voxels(placed.region))
            if outside.any():
                k = int(np.flatnonzero(outside)[0])
                yield CosimError(
                    f"{record.value} is not there",
                    where=f"{where}.at.{k}",
                    why="the model is in other voxels",
                    mend="a place in its region",
                )
        elif not len(voxels):
            yield CosimError(
                f"{record.value} is nowhere in that region", where=f"{where}.in", mend="a region that overlaps the model's"
            )
