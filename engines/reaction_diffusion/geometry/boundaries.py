"""What is at the edge of a space: nothing passes, all that comes leaves, or a membrane of some permeability."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from cosim.sdk import Unit
from cosim.sdk.units import split_quantity

Permeability = Annotated[float, Unit("um/ms"), Field(ge=0)]


Word = Literal["reflecting", "absorbing"]


def _kind(value: object) -> str:
    return "word" if isinstance(value, str) and split_quantity(value) is None else "permeability"


Boundary = Annotated[
    Annotated[Word, Tag("word")] | Annotated[Permeability, Tag("permeability")],
    Discriminator(_kind),
    Field(description="reflecting, absorbing, or a permeability such as 0.1 um/ms, behind which is nothing"),
]


Boundaries = Annotated[
    Annotated[Boundary, Tag("all")]
    | Annotated[
        dict[
            str,
            Annotated[
                Annotated[Boundary, Tag("both")] | Annotated[tuple[Boundary, Boundary], Tag("each")],
                Discriminator(lambda value: "each" if isinstance(value, (list, tuple)) else "both"),
            ],
        ],
        Tag("axes"),
    ],
    Discriminator(lambda value: "axes" if isinstance(value, dict) else "all"),
]


def permeability_of(boundary: str | float) -> float:
    """µm/ms: 0 where it reflects, infinite where it absorbs."""
    return {"reflecting": 0.0, "absorbing": math.inf}[boundary] if isinstance(boundary, str) else boundary
