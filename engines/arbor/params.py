"""The parameters of the engine beside the model's own."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cosim.sdk import Duration, ModelParams


class ArborParams(ModelParams):
    dt: Annotated[Duration, Field(gt=0, description="Arbor's step")] = 25_000
    epoch: Annotated[Duration, Field(gt=0, description="how long Arbor runs at once, at most")] = 1_000_000
    threads: Annotated[int, Field(ge=1)] = 1
    cells_per_group: Annotated[int, Field(ge=1, description="how many cable cells are integrated together")] = 1
