"""What is at the edge of a space: nothing passes, all that comes leaves, or a membrane of some permeability."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from cosim.sdk import Unit
from cosim.sdk.units import split_quantity

Permeability = Annotated[float, Unit("um/ms"), Field(ge=0)]


def _kind(value: object) -> str:
    return "word" if isinstance(value, str) and split_quantity(value) is None else "permeability"


Boundary = Annotated[
    Annotated[Literal["reflecting", "absorbing"], Tag("word")] | Annotated[Permeability, Tag("permeability")],
    Discriminator(_kind),
    Field(description="reflecting, absorbing, or a permeability such as 0.1 um/ms, behind which is nothing"),
]


def permeability_of(boundary: str | float) -> float:
    """µm/ms: 0 where it reflects, infinite where it absorbs."""
    return {"reflecting": 0.0, "absorbing": math.inf}[boundary] if isinstance(boundary, str) else boundary
