"""Where reactions and diffusion go on: a well mixed volume, a disc, a box, or cables of a morphology."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from cosim.sdk import Params, Unit
from engines.reaction_diffusion.geometry.box import Box
from engines.reaction_diffusion.geometry.dendrite import Dendrite
from engines.reaction_diffusion.geometry.disc import Disc
from engines.reaction_diffusion.geometry.mesh import Mesh, Walls

KINDS = ("well_mixed", "disc", "box", "dendrite")


class WellMixed(Params):
    """One voxel, in which everything is everywhere."""

    volume: Annotated[float, Unit("um**3"), Field(gt=0)]
    area: Annotated[float, Unit("um**2"), Field(ge=0, description="of membrane")] = 0.0

    def mesh(self) -> Mesh:
        """Its voxel."""
        nothing = np.empty((0, 1))
        return Mesh(
            "well_mixed",
            np.array([self.volume]),
            np.array([self.area]),
            np.zeros((1, 3)),
            (),
            (),
            nothing,
            np.empty(0),
            Walls.none(0),
        )


class Space(Params):
    """A space; give one of its kinds."""

    well_mixed: WellMixed | None = None
    disc: Disc | None = None
    box: Box | None = None
    dendrite: Dendrite | None = None

    @model_validator(mode="after")
    def _one(self) -> Space:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of {', '.join(KINDS)}" + (f", not {' and '.join(given)}" if given else ""))
        return self

    @property
    def kind(self) -> str:
        """Which one it is."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    def mesh(self) -> Mesh:
        """Its voxels; worked out once for spaces that are alike."""
        return _mesh_of(_Same(self))


class _Same:
    """A space that is equal to another one with the same parameters, so that a cache finds it."""

    def __init__(self, space: Space) -> None:
        self.space, self._text = space, space.model_dump_json()

    def __hash__(self) -> int:
        return hash(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._text == other._text


@lru_cache(maxsize=4)
def _mesh_of(same: _Same) -> Mesh:
    of_kind: WellMixed | Disc | Box | Dendrite = getattr(same.space, same.space.kind)
    return of_kind.mesh()
