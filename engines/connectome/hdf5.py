"""Connectomes from HDF5 files: dense datasets, or groups that hold a matrix as ``data`` with its places.

A group is dense (``data`` of two dimensions), compressed rows (``data, indices, indptr``) or a list (``data, row, col``), as the
files of tvbo are. What is not named is looked for, in any group, by the usual names below. A ``unit`` among the attributes of the
lengths is taken to be theirs. Matlab's files (v7.3) have their matrices turned on reading, since Matlab stores columns.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, did_you_mean
from engines.connectome.params import Hdf5Params
from engines.connectome.tracts import Entries, Matrix, Tracts, hemispheres_of, numbered, split

_USUAL = {
    "weights": ("weights", "weight", "sc", "structural_connectivity"),
    "lengths": ("tract_lengths", "tract_length", "lengths", "length", "len", "fibre_lengths", "fiber_lengths"),
    "delays": ("delays", "delays_ms", "delay"),
    "labels": ("region_labels", "labels", "names"),
    "positions": ("centres", "centers", "positions", "coordinates"),
    "areas": ("areas",),
    "orientations": ("average_orientations", "orientations"),
    "hemispheres": ("hemispheres",),
    "cortical": ("cortical",),
}


def read_hdf5(params: Hdf5Params) -> Tracts:
    """Weights, lengths or delays, and what is known of the regions."""
    import h5py

    try:
        with h5py.File(params.path, "r") as file:
            return _read(file, params)
    except OSError as error:
        raise CosimError(f"{params.path.name} cannot be read as HDF5", why=str(error)) from None


def _read(file: Any, params: Hdf5Params) -> Tracts:
    found = {key: _node(file, key, getattr(params, key, None), params.path.name) for key in _USUAL}
    if found["weights"] is None:
        raise CosimError(
            f"{params.path.name} has no weights",
            why=f"it has {', '.join(_names(file)) or 'nothing'}",
            mend="name the dataset: hdf5: {path: …, weights: its/name}",
        )
    if params.delays is not None and params.lengths is None:
        found["lengths"] = None
    if params.delays is None and found["lengths"] is not None:
        found["delays"] = None
    weights, lengths, delays = (_matrix(found[key]) for key in ("weights", "lengths", "delays"))
    assert weights is not None
    count = weights.count if isinstance(weights, Entries) else len(weights)
    labels = _labels(found["labels"]) or _from_sidecar(file, params.path) or numbered(count)
    groups = hemispheres_of(labels)
    for key, (yes, no) in (("hemispheres", ("right", "left")), ("cortical", ("cortical", "subcortical"))):
        if found[key] is not None and found[key].shape == (count,):
            groups |= split(np.asarray(found[key]).astype(bool), yes, no)
    positions, areas, orientations = (
        None if found[key] is None else np.asarray(found[key], np.float64) for key in ("positions", "areas", "orientations")
    )
    return Tracts(labels, weights, lengths, delays, positions, groups, _unit(found["lengths"]), areas, orientations)


def _names(file: Any) -> list[str]:
    import h5py

    names: list[str] = []
    file.visititems(lambda name, node: names.append(name) if isinstance(node, h5py.Dataset) else None)
    return names


def _node(file: Any, key: str, given: str | None, name: str) -> Any:
    """The dataset or group that is named, or the one of a usual name, or None."""
    if given is not None:
        if given not in file:
            raise CosimError(f"{name} has no dataset {given!r}", mend=did_you_mean(given, _names(file)))
        return file[given]
    nodes: dict[str, None] = {}
    for path in _names(file):
        nodes[path] = None
        if path.endswith("/data"):
            nodes[path.removesuffix("/data")] = None
    for usual in _USUAL[key]:
        matching = [path for path in nodes if path.rsplit("/", 1)[-1].lower() == usual]
        if len(matching) > 1:
            raise CosimError(
                f"{name} has several datasets that may be its {key}",
                why=", ".join(matching),
                mend=f"name one: hdf5: {{path: …, {key}: {matching[0]}}}",
            )
        if matching:
            return file[matching[0]]
    return None


def _matrix(node: Any) -> Matrix | None:
    """A dataset, or a group in one of three layouts."""
    import h5py

    if node is None:
        return None
    if isinstance(node, h5py.Dataset):
        matrix = np.asarray(node[()], np.float64)
        return matrix.T if "MATLAB_class" in node.attrs else matrix
    parts = {part: np.asarray(node[part][()]) for part in ("data", "indices", "indptr", "row", "col") if part in node}
    values = parts["data"].astype(np.float64) if "data" in parts else None
    if values is not None and {"indices", "indptr"} <= set(parts):
        count = len(parts["indptr"]) - 1
        rows = np.repeat(np.arange(count), np.diff(parts["indptr"]))
        if len(rows) == len(parts["indices"]) == len(values):
            return Entries(count, rows.astype(np.int64), parts["indices"].astype(np.int64), values)
    if values is not None and {"row", "col"} <= set(parts) and len(parts["row"]) == len(parts["col"]) == len(values):
        largest = max(parts["row"].max(initial=-1), parts["col"].max(initial=-1))
        count = int(node.attrs["shape"][0]) if "shape" in node.attrs else int(largest) + 1
        return Entries(count, parts["row"].astype(np.int64), parts["col"].astype(np.int64), values)
    if values is not None and values.ndim == 2:
        return values
    raise CosimError(
        f"group {node.name} is not a matrix",
        why=f"it holds {', '.join(f'{part} of {array.shape}' for part, array in parts.items()) or 'none of the parts of one'}",
        mend="data of two dimensions; data, indices, indptr; or data, row, col",
    )


def _unit(node: Any) -> Any:
    unit = None if node is None else node.attrs.get("unit")
    unit = unit.decode() if isinstance(unit, bytes) else unit
    return unit if unit in ("mm", "cm", "m") else None


def _labels(node: Any) -> tuple[str, ...]:
    if node is None:
        return ()
    values: NDArray[Any] = np.asarray(node[()]).ravel()
    return tuple(value.decode() if isinstance(value, bytes) else str(value) for value in values)


def _from_sidecar(file: Any, path: Path) -> tuple[str, ...]:
    """Names in the YAML file that tvbo puts beside its matrices."""
    beside = path.parent / str(file.attrs.get("sidecar_file", ""))
    if not beside.is_file():
        return ()
    from ruamel.yaml import YAML

    nodes = (YAML(typ="safe").load(beside) or {}).get("nodes") or []
    return tuple(str(node["label"]) for node in nodes if "label" in node)
