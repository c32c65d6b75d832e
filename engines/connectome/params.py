"""Parameters of a connectome: the YAML keys, their units, ranges and defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from cosim.sdk import InputFile, Params, Unit

Matrix = list[list[float]]


class GenerateParams(Params):
    """A made connectome: regions on two half ellipsoids, weights that fall with distance (see ``generator.py``)."""

    regions: Annotated[int, Field(ge=2, le=5000, description="number of regions; the left hemisphere has the odd one")] = 8
    seed: Annotated[int, Field(ge=0, description="the same seed gives the same connectome")] = 1
    density: Annotated[float, Field(gt=0, le=1, description="share of the ordered pairs of regions that are connected")] = 0.3
    decay_length: Annotated[float, Field(gt=0), Unit("mm"), Field(description="distance over which weights fall by e")] = 40.0
    spread: Annotated[float, Field(ge=0, description="standard deviation of the logarithm of a weight at a given distance")] = 1.0
    tortuosity: Annotated[float, Field(ge=1, description="tract length over straight distance")] = 1.3


class ConnectomeParams(Params):
    """Weights, tract lengths and region names: one of ``tvb``, ``file``, ``generate`` or ``weights``."""

    model_config = ConfigDict(allow_inf_nan=False)

    tvb: Annotated[str | None, Field(description="a connectome of the package tvb-data, such as connectivity_76")] = None
    file: Annotated[InputFile | None, Field(description="a zip file in the TVB layout: weights, tract_lengths, centres")] = None
    generate: Annotated[GenerateParams | None, Field(description="make one, from a seed")] = None
    weights: Annotated[Matrix | None, Field(description="row = receiver, column = sender")] = None
    lengths: Annotated[float | Matrix | None, Unit("mm"), Field(description="tract lengths, with weights: one or a matrix")] = None
    delays: Annotated[float | Matrix | None, Unit("ms"), Field(description="delays in place of lengths: one or a matrix")] = None
    labels: Annotated[list[str] | None, Field(description="region names, with weights; else r0, r1, …")] = None
    positions: Annotated[Matrix | None, Unit("mm"), Field(description="x, y, z of each region, with weights")] = None
    speed: Annotated[float, Field(gt=0), Unit("mm/ms"), Field(description="conduction speed: delay = length / speed")] = 4.0
    zero_diagonal: Annotated[bool, Field(description="drop the connections of a region to itself")] = True
    normalise: Annotated[
        Literal["none", "max", "row_sum", "spectral"],
        Field(description="scale weights: largest is 1; each row sums to 1; spectral radius is 1. none keeps what the source says"),
    ] = "none"
