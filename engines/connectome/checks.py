"""What is wrong with a connectome, all of it told at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from cosim.sdk import CosimError
from engines.connectome.params import ConnectomeParams
from engines.connectome.tracts import Entries, Matrix, Tracts

Floats = NDArray[np.float64]
_LARGEST = 1e300
"""Beyond this, sums over connections and changes of units would leave what a float holds."""
_LONGEST_MS = 3.6e6
"""An hour: no fibre is so slow, and the past that a run must keep would outgrow any memory."""
_SAME = 1e-6
"""Two ways are the same if they differ by less than this share of the largest value: files hold some seven digits."""


def together(faults: Sequence[CosimError]) -> None:
    """Raise one fault as it is, several as one error that numbers them."""
    if len(faults) == 1:
        raise faults[0]
    if faults:
        told = (f"{fault.what}: {fault.why}" if fault.why else fault.what for fault in faults)
        raise CosimError(
            f"the connectome has {len(faults)} faults",
            why="\n       ".join(f"{number}. {text}" for number, text in enumerate(told, 1)),
            mend="; ".join(dict.fromkeys(fault.mend for fault in faults if fault.mend)),
        )


def faults_of(tracts: Tracts, params: ConnectomeParams) -> list[CosimError]:
    """All that is wrong with what a source says: sizes, numbers, names, places, units."""
    if not tracts.count:
        why, mend = "its weights have no row", "give a row of weights for each region"
        return [CosimError("the connectome has no regions", why=why, mend=mend)]
    faults = _given(tracts, params)
    matrices = {"weights": tracts.weights, "lengths": tracts.lengths, "delays": tracts.delays_ms}
    for name, matrix in matrices.items():
        if matrix is not None:
            faults += _matrix_faults(tracts, name, matrix)
    return faults + _label_faults(tracts) + _shape_faults(tracts)


def claim_faults(
    labels: tuple[str, ...], params: ConnectomeParams, matrix: csr_array, length_mm: Floats | None, delay_ms: Floats
) -> list[CosimError]:
    """What does not hold of the connections, row = receiver: a delay for each that can be; and what the user claims of them."""
    faults = []
    receiver = np.repeat(np.arange(len(labels)), np.diff(matrix.indptr))
    missing = np.flatnonzero(np.isnan(delay_ms))
    if len(missing):
        to, source = labels[receiver[missing[0]]], labels[matrix.indices[missing[0]]]
        faults.append(
            CosimError(
                f"{len(missing)} of {matrix.nnz} connections have no length",
                why=f"the first is from {source} to {to}",
                mend="give a length or delay wherever there is a weight",
            )
        )
    if (delay_ms > _LONGEST_MS).any():
        faults.append(_slow(labels, params, matrix, length_mm, delay_ms))
    if params.symmetric and not faults:
        delays = csr_array((delay_ms, matrix.indices, matrix.indptr), shape=matrix.shape)
        faults += [*_one_way("weights", labels, matrix), *_one_way("lengths", labels, delays)]
    alone = isolated(matrix)
    if params.isolated == "refuse" and len(alone):
        faults.append(
            CosimError(
                f"{len(alone)} regions have no connection to others",
                why=f"the first is {labels[alone[0]]}",
                mend="take them out of the data, or write isolated: note",
            )
        )
    return faults


def _slow(
    labels: tuple[str, ...], params: ConnectomeParams, matrix: csr_array, length_mm: Floats | None, delay_ms: Floats
) -> CosimError:
    longest = int(np.nanargmax(delay_ms if length_mm is None else length_mm))
    source = labels[matrix.indices[longest]]
    to = labels[np.searchsorted(matrix.indptr, longest, side="right") - 1]
    way = "" if length_mm is None else f"{length_mm[longest]:g} mm at {params.speed:g} mm/ms, "
    return CosimError(
        f"{int((delay_ms > _LONGEST_MS).sum())} of {matrix.nnz} connections have a delay of more than an hour ({_LONGEST_MS:g} ms)",
        why=f"the longest is from {source} to {to}: {way}a delay of {delay_ms[longest]:g} ms",
        mend="see whether delays are in ms"
        if length_mm is None
        else "see whether lengths are in the unit that length_unit says, and speed in mm/ms (the same number as in m/s)",
    )


def isolated(matrix: csr_array) -> NDArray[np.int64]:
    """Regions that neither hear nor tell another."""
    entries = matrix.tocoo()
    between = entries.row != entries.col
    return np.setdiff1d(np.arange(matrix.shape[0]), np.concatenate([entries.row[between], entries.col[between]]))


def _given(tracts: Tracts, params: ConnectomeParams) -> list[CosimError]:
    faults = []
    if (tracts.lengths is None) == (tracts.delays_ms is None):
        have = "neither is given" if tracts.lengths is None else "both are given"
        faults.append(
            CosimError(
                f"weights need lengths or delays, one of both: {have}",
                mend='add delays: "2 ms" or lengths: "20 mm" for all connections, or a matrix of them',
            )
        )
    if tracts.length_unit is not None and params.length_unit not in (None, tracts.length_unit):
        faults.append(
            CosimError(
                f"lengths are in {tracts.length_unit}, not in {params.length_unit}",
                why="the source says its unit itself",
                mend="remove length_unit",
            )
        )
    return faults


def _matrix_faults(tracts: Tracts, name: str, matrix: Matrix | float) -> list[CosimError]:
    count = tracts.count
    if isinstance(matrix, np.ndarray) and matrix.shape != (count, count):
        return [
            CosimError(
                f"{name} of the connectome are {' x '.join(map(str, matrix.shape))}",
                why=f"{count} rows of weights make {count} regions, so every matrix is {count} x {count}",
                mend="give every matrix a row and a column for each region",
            )
        ]
    if isinstance(matrix, Entries) and (wrong := _misplaced(tracts, name, matrix)):
        return wrong
    values = matrix.values if isinstance(matrix, Entries) else np.atleast_2d(matrix)
    faults = []
    large = np.isfinite(values) & (np.abs(values) > _LARGEST)
    negative = (values < 0) & (name != "weights")
    for wrong_values, what in ((~np.isfinite(values), "not finite"), (large, f"beyond {_LARGEST:g}"), (negative, "negative")):
        if wrong_values.any():
            need = f"{name} are finite numbers" + (", not negative" if name != "weights" else "") + "; 0 where there is nothing"
            faults.append(CosimError(f"{name} of the connectome are {what}", why=_place(tracts, matrix, wrong_values), mend=need))
    return faults


def _misplaced(tracts: Tracts, name: str, matrix: Entries) -> list[CosimError]:
    if matrix.count != tracts.count:
        what = f"{name} of the connectome are for {matrix.count} regions, its weights for {tracts.count}"
        return [CosimError(what, mend="give both for the same regions")]
    places = np.concatenate([matrix.row, matrix.column])
    outside = places[(places < 0) | (places >= matrix.count)]
    if len(outside):
        what, why = f"{name} of the connectome name region {outside[0]}", f"regions are 0 to {matrix.count - 1}"
        return [CosimError(what, why=why, mend="count rows and columns from 0")]
    keys, times = np.unique(matrix.row * matrix.count + matrix.column, return_counts=True)
    if (times > 1).any():
        row, column = divmod(int(keys[times > 1][0]), matrix.count)
        names = _names(tracts)
        return [
            CosimError(
                f"{int((times > 1).sum())} {name} of the connectome are given more than once",
                why=f"the first: row {names[row]}, column {names[column]}",
                mend="add parallel connections up to one",
            )
        ]
    return []


def _label_faults(tracts: Tracts) -> list[CosimError]:
    if len(tracts.labels) != tracts.count:
        what = f"the connectome has {len(tracts.labels)} labels for {tracts.count} regions"
        return [CosimError(what, mend="give every region its own label")]
    twice = [label for label, times in Counter(tracts.labels).items() if times > 1]
    if twice:
        return [
            CosimError(
                f"two regions are called {twice[0]!r}" + (f", and {len(twice) - 1} more names are not unique" if twice[1:] else ""),
                why="a link names a region by its label",
                mend="give every region its own label",
            )
        ]
    return []


def _shape_faults(tracts: Tracts) -> list[CosimError]:
    faults = []
    shapes = {
        "positions": (tracts.positions, (tracts.count, 3)),
        "areas": (tracts.areas_mm2, (tracts.count,)),
        "orientations": (tracts.orientations, (tracts.count, 3)),
    }
    for name, (array, shape) in shapes.items():
        if array is None:
            continue
        if array.shape != shape:
            have, need = (" x ".join(map(str, each)) for each in (array.shape, shape))
            faults.append(CosimError(f"{name} of the connectome are {have}, not {need}", mend=f"give {need}: one for each region"))
        elif (wrong := ~(np.abs(array) <= _LARGEST)).any():
            row = int(np.argwhere(wrong)[0][0])
            what = f"beyond {_LARGEST:g}" if np.isfinite(array).all() else "not finite"
            why = f"the first is that of {_names(tracts)[row]}"
            faults.append(CosimError(f"{name} of the connectome are {what}", why=why, mend="give finite ones, or leave them out"))
    return faults


def _one_way(name: str, labels: tuple[str, ...], matrix: csr_array) -> list[CosimError]:
    """The pair whose two ways differ most, if they differ."""
    difference = abs(matrix - matrix.T).tocoo()
    if not difference.nnz or difference.data.max() <= _SAME * np.abs(matrix.data).max():
        return []
    worst = int(difference.data.argmax())
    a, b = int(difference.row[worst]), int(difference.col[worst])
    return [
        CosimError(
            f"{name} of the connectome are not symmetric",
            why=f"the worst pair: {labels[a]} -> {labels[b]} {matrix[b, a]:g}, {labels[b]} -> {labels[a]} {matrix[a, b]:g}"
            + (" ms" if name == "lengths" else ""),
            mend="mend the data, or leave out symmetric: true",
        )
    ]


def _place(tracts: Tracts, matrix: Matrix | float, wrong: NDArray[np.bool_]) -> str:
    """``the first of 3: row b, column a``, in the order of the source."""
    first = np.argwhere(wrong)[0]
    if isinstance(matrix, float):
        return f"it is {matrix:g} for all connections"
    row, column = (matrix.row[first[0]], matrix.column[first[0]]) if isinstance(matrix, Entries) else first
    names = _names(tracts)
    return f"the first of {int(wrong.sum())}: row {names[row]}, column {names[column]}"


def _names(tracts: Tracts) -> tuple[str, ...]:
    return tracts.labels if len(tracts.labels) == tracts.count else tuple(map(str, range(tracts.count)))
