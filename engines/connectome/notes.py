"""What is worth knowing about a connectome that is not wrong: one sentence each, for the log of a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from engines.connectome.checks import isolated
from engines.connectome.damage import brief
from engines.connectome.params import ConnectomeParams

_NAME = 40
"""Characters of a name in a note."""
_FEW = 10
"""Regions up to which any length may be meant, as in a toy."""


def notes_of(
    labels: tuple[str, ...], params: ConnectomeParams, source: str, matrix: csr_array, length_mm: NDArray[np.float64] | None
) -> tuple[str, ...]:
    """Of the connections as they came, row = receiver, before the diagonal is dropped and weights are scaled."""
    labels = tuple(brief(label, _NAME) for label in labels)
    found = [_on_diagonal(matrix) if params.zero_diagonal else "", _without(labels, matrix), _negative(matrix)]
    if source != "generate":  # which is directed by design
        found.append(_asymmetric(labels, matrix))
    if length_mm is not None and matrix.nnz:
        found += [_implausible(length_mm, len(labels)), _instant(matrix, length_mm)]
    return tuple(filter(None, found))


def _on_diagonal(matrix: csr_array) -> str:
    own = int(np.count_nonzero(matrix.diagonal()))
    return f"{own} connections of a region to itself are dropped (zero_diagonal)" if own else ""


def _without(labels: tuple[str, ...], matrix: csr_array) -> str:
    alone = isolated(matrix)
    return f"{len(alone)} regions have no connection to others: {_some([labels[row] for row in alone])}" if len(alone) else ""


def _negative(matrix: csr_array) -> str:
    count = int((matrix.data < 0).sum())
    return f"{count} of {matrix.nnz} weights are negative" if count else ""


def _asymmetric(labels: tuple[str, ...], matrix: csr_array) -> str:
    """Says who hears whom, so that a reversed matrix shows."""
    difference = (matrix - matrix.T).tocoo()
    if not difference.nnz or not np.abs(difference.data).max():
        return ""
    worst = int(difference.data.argmax())
    to, source = int(difference.row[worst]), int(difference.col[worst])
    share = np.abs(difference.data).sum() / (2 * np.abs(matrix.data).sum())
    return (
        f"weights are asymmetric by {100 * share:.3g} %, a row is a receiver: "
        f"{labels[source]} -> {labels[to]} weighs {matrix[to, source]:g}, {labels[to]} -> {labels[source]} {matrix[source, to]:g}"
    )


def _implausible(length_mm: NDArray[np.float64], count: int) -> str:
    longest = float(length_mm.max())
    if count <= _FEW or 1.0 <= longest <= 1000.0:
        return ""
    return f"the longest tract is {longest:g} mm: see whether length_unit is right"


def _instant(matrix: csr_array, length_mm: NDArray[np.float64]) -> str:
    receiver = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    count = int(((length_mm == 0) & (receiver != matrix.indices)).sum())
    return f"{count} of {matrix.nnz} connections have a length of 0" if count else ""


def _some(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 6 else f"{', '.join(names[:5])} … {names[-1]}"
