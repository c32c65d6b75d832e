"""Connectomes from HDF5 files: dense datasets, or groups that hold a matrix as ``data`` with its places.

A group is dense (``data`` of two dimensions), compressed rows (``data, indices, indptr``) or a list (``data, row, col``), as the
files of tvbo are. What is not named is looked for, in any group, by the usual names below. A ``unit`` among the attributes of the
lengths is taken to be theirs. Matlab's files (v7.3) have their matrices turned on reading, since Matlab stores columns.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cosim.sdk import CosimError, did_you_mean
from engines.connectome.damage import brief, reading
from engines.connectome.hdf5_arrays import numbers, place, sparse, values_of
from engines.connectome.params import Hdf5Params
from engines.connectome.text import decoded
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

    mend = "see whether h5dump reads it; take another copy, or write it anew"
    with reading(f"{params.path.name} cannot be read as HDF5", mend), h5py.File(params.path, "r") as file:
        return _read(file, params)


def _read(file: Any, params: Hdf5Params) -> Tracts:
    found = {key: _node(file, key, getattr(params, key, None), params.path.name) for key in _USUAL}
    if found["weights"] is None:
        raise CosimError(
            f"{params.path.name} has no weights",
            why=f"it has {brief(', '.join(_names(file))) or 'nothing'}",
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
        if found[key] is not None and (flags := numbers(found[key])).shape == (count,):
            groups |= split(flags != 0, yes, no)
    positions, areas, orientations = (
        None if found[key] is None else numbers(found[key]) for key in ("positions", "areas", "orientations")
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
        matrix = numbers(node)
        if matrix.ndim == 0:
            raise CosimError(f"{place(node)} is one number, not a matrix", mend="write a row and a column for each region")
        return matrix.T if "MATLAB_class" in node.attrs else matrix
    return sparse(node)


def _unit(node: Any) -> Any:
    unit = None if node is None else node.attrs.get("unit")
    unit = unit.decode(errors="replace") if isinstance(unit, bytes) else str(unit)
    return unit if unit in ("mm", "cm", "m") else None


def _labels(node: Any) -> tuple[str, ...]:
    if node is None:
        return ()
    return tuple(decoded(value) if isinstance(value, bytes) else str(value) for value in values_of(node).ravel())


def _from_sidecar(file: Any, path: Path) -> tuple[str, ...]:
    """Names in the YAML file that tvbo puts beside its matrices."""
    beside = path.parent / str(file.attrs.get("sidecar_file", ""))
    if not beside.is_file():
        return ()
    from ruamel.yaml import YAML

    with reading(
        f"{beside.name}, which {path.name} names for its regions, cannot be read",
        "mend it, or name the labels: hdf5: {path: …, labels: its/name}",
    ):
        nodes = (YAML(typ="safe").load(beside) or {}).get("nodes") or []
        return tuple(str(node["label"]) for node in nodes if "label" in node)
