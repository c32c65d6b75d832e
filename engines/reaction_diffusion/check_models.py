"""Models in regions: names that they have, numbers in their ranges, species that are ours."""

from __future__ import annotations

from collections.abc import Iterator

from cosim.sdk import CosimError, did_you_mean
from engines.reaction_diffusion.checks import Checks, faults_of, is_on_membrane, value_faults
from engines.reaction_diffusion.chemistry.chemistry import Chemistry
from engines.reaction_diffusion.layout import placed_model
from engines.reaction_diffusion.params import Placed
from engines.reaction_diffusion.recorded import COUNTED


def _placed(name: str, item: Placed, shared: tuple[str, ...]) -> Chemistry:
    """A CosimError where the numbers that a scenario gives make no sense of the model."""
    return Chemistry.of([placed_model(name, item, shared)], shared)


class Models(Checks):
    """Of all placed models."""

    def faults(self) -> Iterator[CosimError]:
        shared = tuple(self.params.species)
        for name, item in self.params.models.items():
            where = f"params.models.{name}"
            found = [*self._model(name, item, where)]
            yield from found or faults_of(lambda name=name, item=item: _placed(name, item, shared), where)  # type: ignore[misc]

    def _model(self, name: str, item: Placed, where: str) -> Iterator[CosimError]:
        described, shared = item.description, self.params.species
        unsound = faults_of(lambda: self.voxels(item.region), f"{where}.in")
        yield from unsound
        yield from value_faults(item.parameters, described.parameters, f"{where}.parameters", "parameter")
        yield from value_faults(item.inputs, described.inputs, f"{where}.inputs", "input")
        yield from value_faults(item.initial, {**described.species, **described.states}, f"{where}.initial", "species or state")
        for key, value in item.initial.items():
            if key in described.species:
                yield from self.not_negative(value, described.species[key].unit, f"{where}.initial.{key}")
        for theirs, ours in item.names.items():
            if theirs not in described.species:
                mend = did_you_mean(theirs, described.species)
                yield CosimError(f"{item.model.stem} has no species {theirs!r}", where=f"{where}.names.{theirs}", mend=mend)
            if ours not in shared:
                yield CosimError(f"there is no species {ours!r}", where=f"{where}.names.{theirs}", mend=did_you_mean(ours, shared))
        counted = [key for key, species in described.species.items() if species.unit == COUNTED]
        if item.count is not None and not counted:
            why = f"all species of {item.model.stem} are concentrations"
            yield CosimError("there is nothing to count", where=f"{where}.count", why=why, mend="say it under initial")
        for key, species in described.species.items():
            ours = item.names.get(key, key)
            if ours in shared:
                yield from self._fits(name, key, species.unit, ours, where)
                if key in item.initial:
                    mend = f"say it under params.species.{ours}.initial"
                    yield CosimError(f"{key} is the species {ours}", where=f"{where}.initial.{key}", mend=mend)
            elif not unsound and is_on_membrane(species.unit):
                yield from self.needs_membrane(self.voxels(item.region), f"{key} is on membrane", where)

    def _fits(self, name: str, key: str, unit: str, ours: str, where: str) -> Iterator[CosimError]:
        """A model's species that is one of ours is the same kind of density."""
        our_unit = self.params.species[ours].unit
        on_membrane = [is_on_membrane(each) for each in (unit, our_unit)]
        if unit == COUNTED or on_membrane[0] != on_membrane[1]:
            why = f"{key} of the model is in {unit}, the species {ours} in {our_unit}"
            yield CosimError(f"{name} cannot share {ours}", where=where, why=why, mend="give one of them another name")
