"""Where a potential is taken: contacts one by one, in a row along a probe, with a face, or on the glass below a slice."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from cosim.sdk import Params, Unit

Floats = NDArray[np.float64]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Triple = tuple[Finite, Finite, Finite]

GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


def _points_somewhere(direction: Triple) -> Triple:
    if not np.any(direction):
        raise ValueError("a direction of [0, 0, 0] points nowhere")
    return direction


Direction = Annotated[Triple, AfterValidator(_points_somewhere)]
"""Three numbers whose length does not matter."""


class Probe(Params):
    """Contacts in a row."""

    origin: Annotated[Triple, Unit("um"), Field(description="the first contact")]
    spacing: Annotated[Positive, Unit("um"), Field(description="from contact to contact")]
    count: Annotated[int, Field(ge=1, description="how many contacts")]
    direction: Annotated[Direction, Field(description="from the first contact to the last, of any length")] = (0, 0, 1)

    @property
    def places(self) -> Floats:
        """(count, 3) µm."""
        return np.asarray(self.origin) + np.arange(self.count)[:, None] * self.spacing * _unit_vector(self.direction)


class Disc(Params):
    """A contact that is a flat disc: the mean potential over its face, at points that each stand for an equal part of it."""

    radius: Annotated[Positive, Unit("um")]
    normal: Annotated[Direction, Field(description="the way its face looks, of any length")] = (1, 0, 0)
    points: Annotated[int, Field(ge=2, le=10_000, description="where the potential is taken")] = 50

    @property
    def offsets(self) -> Floats:
        """(points, 3) µm from the centre: radius √((k + ½) / points), turning by the golden angle from point to point."""
        normal = _unit_vector(self.normal)
        across = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
        across /= np.linalg.norm(across)
        k = np.arange(self.points)
        from_centre, angle = self.radius * np.sqrt((k + 0.5) / self.points), k * GOLDEN_ANGLE
        offsets: Floats = (from_centre * np.array([np.cos(angle), np.sin(angle)])).T @ np.array([across, np.cross(normal, across)])
        return offsets


class Slab(Params):
    """A slice of tissue on the glass of a multielectrode array, under saline: three layers, z pointing up."""

    thickness: Annotated[Positive, Unit("um"), Field(description="of the tissue")]
    bottom: Annotated[Finite, Unit("um"), Field(description="z of the glass, where the tissue begins")] = 0.0
    saline: Annotated[float, Field(ge=0, allow_inf_nan=False, description="conductivity above the tissue"), Unit("S/m")] = 1.5
    glass: Annotated[float, Field(ge=0, allow_inf_nan=False, description="conductivity below the tissue"), Unit("S/m")] = 0.0
    images: Annotated[int, Field(ge=1, description="terms of the sum over mirror images")] = 20

    @model_validator(mode="after")
    def _the_current_can_leave(self) -> Slab:
        if self.saline == self.glass == 0:
            raise ValueError("no current can leave a slab between two insulators: give saline or glass a conductivity")
        return self

    @property
    def top(self) -> float:
        """z of the saline, µm."""
        return self.bottom + self.thickness


def _unit_vector(direction: Triple) -> Floats:
    vector = np.asarray(direction, float)
    return vector / float(np.linalg.norm(vector))
