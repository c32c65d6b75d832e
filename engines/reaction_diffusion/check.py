"""What the types of the parameters cannot say: names that must exist, pairs that must fit. All faults are told at once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from cosim.sdk import CosimError, format_ns
from cosim.sdk.errors import raise_all
from engines.reaction_diffusion.check_models import Models
from engines.reaction_diffusion.check_ports import Inputs, Records, Releases
from engines.reaction_diffusion.checks import Checks, all_faults, faults_of, is_on_membrane
from engines.reaction_diffusion.chemistry.measures import measure_of
from engines.reaction_diffusion.geometry.barriers import closed_by
from engines.reaction_diffusion.geometry.diffusion import faces_of
from engines.reaction_diffusion.geometry.mesh import Mesh
from engines.reaction_diffusion.needed import needed, refuse_too_large
from engines.reaction_diffusion.params import ReactionsAndDiffusion
from engines.reaction_diffusion.recorded import ACCOUNTS, COUNTED


def check(params: ReactionsAndDiffusion) -> Mesh:
    """The space, cut into voxels.

    Raises
    ------
    ScenarioError
        All that keeps the system from being built.
    """
    try:
        mesh = params.space.mesh()
    except CosimError as error:
        raise_all([item.located("params.space") for item in all_faults(error)])
        raise
    kinds = (Names, Regions, SpeciesInAll, Models, Releases, Inputs, Records)
    raise_all([fault for kind in kinds for fault in kind(params, mesh).faults()])
    refuse_too_large(needed(params, mesh))
    return mesh


def refuse_broken_rows(params: ReactionsAndDiffusion, window_ns: int) -> None:
    """Rows of records that are not a whole number of steps, or of which windows are not a whole number."""
    faults = []
    for name, record in params.record.items():
        if record.every is not None and window_ns % record.every:
            what = f"a window of {format_ns(window_ns)} is not a whole number of rows of {format_ns(record.every)}"
            faults.append(CosimError(what, where=f"params.record.{name}.every", mend=f"such as {format_ns(window_ns)}"))
    raise_all(faults)


class Names(Checks):
    """Each name has one meaning."""

    def faults(self) -> Iterator[CosimError]:
        """Each name has one meaning."""
        params = self.params
        taken: dict[str, str] = {}
        for section in ("species", "models"):
            for name in getattr(params, section):
                where = f"params.{section}.{name}"
                if not name.isidentifier():
                    yield CosimError(f"{name!r} is no name", where=where, mend="use letters, digits and _, such as glutamate")
                elif name in ACCOUNTS:
                    yield CosimError(f"{name!r} is taken", where=where, why="records call a ledger so", mend="choose another name")
                elif name in taken:
                    yield CosimError(f"{name!r} is already one of {taken[name]}", where=where, mend="choose another name")
                taken.setdefault(name, section)
        ports: dict[str, str] = {}
        for section in ("release", "inputs", "record"):
            for name in getattr(params, section):
                if name in ports:
                    yield CosimError(
                        f"there is a port {name!r} in {ports[name]}", where=f"params.{section}.{name}", mend="choose another"
                    )
                ports.setdefault(name, section)


class Regions(Checks):
    """Regions have voxels, barriers faces."""

    def faults(self) -> Iterator[CosimError]:
        for name in self.params.regions:
            if name == "all":
                why = "it is the whole space"
                yield CosimError("the name 'all' is taken", where=f"params.regions.{name}", why=why, mend="choose another name")
            yield from faults_of(lambda name=name: self.voxels(name), f"params.regions.{name}")  # type: ignore[misc]
        for name, barrier in self.params.barriers.items():
            make = partial(closed_by, {name: barrier}, self.mesh, self.params.regions)
            yield from faults_of(make, f"params.barriers.{name}")


class SpeciesInAll(Checks):
    """Units, coefficients and initial numbers of species."""

    def faults(self) -> Iterator[CosimError]:
        params = self.params
        for name, item in params.species.items():
            where = f"params.species.{name}"
            unsound = faults_of(lambda item=item: measure_of(item.unit), f"{where}.unit")  # type: ignore[misc]
            yield from unsound
            yield from faults_of(lambda item=item: faces_of(self.mesh, item.diffusion), f"{where}.diffusion")  # type: ignore[misc]
            if unsound:
                continue
            if item.unit == COUNTED:
                mend = "a concentration, such as mM; what is counted belongs to a model"
                yield CosimError(f"{name} is in plain numbers", where=f"{where}.unit", mend=mend)
            elif is_on_membrane(item.unit):
                yield from self.needs_membrane(np.flatnonzero(self.mesh.volumes > 0), f"{name} is on membrane", f"{where}.unit")
                yield from self._even(name, where)
            by_region = item.initial if isinstance(item.initial, dict) else {"": item.initial}
            for region, value in by_region.items():
                at = f"{where}.initial" + (f".{region}" if region else "")
                if region:
                    yield from faults_of(lambda region=region: self.voxels(region), at)  # type: ignore[misc]
                yield from self.not_negative(value, item.unit, at)

    def _even(self, name: str, where: str) -> Iterator[CosimError]:
        """What is on membrane diffuses by volume, which comes to the same where both go together."""
        active = self.mesh.volumes > 0
        ratio = self.mesh.areas[active] / self.mesh.volumes[active]
        if self.params.species[name].diffusion and np.ptp(ratio) > 1e-6 * ratio.max():
            why = "its density would come to rest uneven, since membrane and volume do not go together here"
            mend = "a space of even height or thickness; or diffusion: 0 um**2/ms"
            yield CosimError(f"{name} is on membrane and diffuses", where=f"{where}.diffusion", why=why, mend=mend)
