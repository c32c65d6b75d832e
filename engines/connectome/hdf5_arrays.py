"""Arrays of HDF5 files: numbers, places in a matrix, sparse matrices; what is none of these is refused by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.connectome.damage import reading
from engines.connectome.tracts import Entries, Floats, Ints, Matrix

_LARGEST_PLACE = 2**31
"""Of a row, a column or an entry: the square is still an int64."""
_MOST_REGIONS = 10**6
"""That a list of entries may stand for: one damaged number would else make more than memory holds."""


def place(node: Any) -> str:
    """``weights/data in mine.h5``."""
    return f"{str(node.name).removeprefix('/')} in {Path(node.file.filename).name}"


def values_of(node: Any) -> NDArray[Any]:
    """All values of a dataset, of any type and shape."""
    import h5py

    if not isinstance(node, h5py.Dataset):
        raise CosimError(
            f"{place(node)} is a group, not a dataset", why=f"it holds {', '.join(node) or 'nothing'}", mend="name a dataset"
        )
    if node.dtype.hasobject and h5py.check_string_dtype(node.dtype) is None:  # HDF5 2.0.0 crashes on some that are damaged
        raise CosimError(
            f"{place(node)} is neither numbers nor text",
            why="it holds references or lists",
            mend="write a number or a name in each place",
        )
    with reading(f"{place(node)} cannot be read", "take another copy of the file, or write it anew"):
        return np.asarray(node[()])


def numbers(node: Any) -> Floats:
    """The values of a dataset, real numbers or flags, as float64."""
    values = values_of(node)
    if values.dtype.kind not in "biuf":
        raise CosimError(
            f"{place(node)} is not numbers", why=f"its type is {node.dtype}", mend="write it as integers or floating-point numbers"
        )
    with np.errstate(all="ignore"):  # what float64 does not hold becomes infinite, and is refused with its place
        return values.astype(np.float64)


def sparse(node: Any) -> Matrix:
    """A group that holds a matrix: dense (``data``), compressed rows, or a list of entries."""
    import h5py

    if not isinstance(node, h5py.Group):
        raise CosimError(f"{place(node)} is neither a dataset nor a group", mend="name a dataset, or a group with a sparse matrix")
    parts = {part: node[part] for part in ("data", "indices", "indptr", "row", "col") if part in node}
    values = numbers(parts["data"]) if "data" in parts else None
    if values is not None and values.ndim == 1 and {"indices", "indptr"} <= set(parts):
        first, column = _places(parts["indptr"]), _places(parts["indices"])
        if len(column) == len(values):
            return Entries(len(first) - 1, _rows(parts["indptr"], first, len(values)), column, values)
    if values is not None and values.ndim == 1 and {"row", "col"} <= set(parts):
        row, column = _places(parts["row"]), _places(parts["col"])
        if len(row) == len(column) == len(values):
            largest = int(max(row.max(initial=-1), column.max(initial=-1)))
            count = int(node.attrs["shape"][0]) if "shape" in node.attrs else largest + 1
            if not 0 <= count <= _MOST_REGIONS:
                what, why = f"{place(node)} is for {count} regions", f"it lists {len(row)} entries; at most {_MOST_REGIONS} regions"
                raise CosimError(what, why=why, mend="see whether its row, col and shape are damaged")
            return Entries(count, row, column, values)
    if values is not None and values.ndim == 2:
        return values
    raise CosimError(
        f"group {node.name} is not a matrix",
        why=f"it holds {', '.join(f'{part} of {array.shape}' for part, array in parts.items()) or 'none of the parts of one'}",
        mend="data of two dimensions; data, indices, indptr; or data, row, col",
    )


def _places(node: Any) -> Ints:
    """(entries,) whole numbers from 0."""
    values = numbers(node)
    wrong = values[~((values >= 0) & (values <= _LARGEST_PLACE) & (values == np.floor(values)))]
    if values.ndim != 1 or len(wrong):
        why = f"it is {' x '.join(map(str, values.shape)) or 'one number'}" if values.ndim != 1 else f"one is {wrong[0]:g}"
        raise CosimError(f"{place(node)} is not a list of rows or columns", why=why, mend="count them from 0")
    return values.astype(np.int64)


def _rows(node: Any, first: Ints, count: int) -> Ints:
    """(count,) the row of each entry of a matrix whose row i has the entries first[i] to first[i + 1]."""
    if not len(first) or first[0] != 0 or first[-1] != count or (np.diff(first) < 0).any():
        falls = np.flatnonzero(np.diff(first) < 0)
        ends = f"it goes from {first[0]} to {first[-1]}" if len(first) else "it is empty"
        raise CosimError(
            f"{place(node)} does not part the data into rows",
            why=f"it must rise from 0 to {count}: " + (f"{first[falls[0] + 1]} follows {first[falls[0]]}" if len(falls) else ends),
            mend="write it as scipy.sparse.csr_array has it",
        )
    return np.repeat(np.arange(len(first) - 1), np.diff(first))
