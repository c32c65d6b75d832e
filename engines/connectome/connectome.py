"""A connectome: names and places of regions, and the connections between them, checked and scaled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from cosim.sdk import Space
from engines.connectome.checks import claim_faults, faults_of, together
from engines.connectome.notes import notes_of
from engines.connectome.params import ConnectomeParams
from engines.connectome.scaling import scaled
from engines.connectome.sources import chosen, read
from engines.connectome.tracts import Entries, Matrix, turned

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
UM_PER_MM = 1000.0
MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0}


@dataclass(frozen=True, eq=False)
class Connectome:
    """Regions, and for each the connections that it receives. Arrays are shared and cannot be written.

    Attributes
    ----------
    space
        The regions: labels, groups (hemispheres, cortical) where known, positions in µm.
    first
        (regions + 1,) region i receives the connections ``first[i]:first[i + 1]``.
    sender
        (connections,) region from which each comes, increasing within a receiver.
    weight
        (connections,) not 0, as it enters the network term.
    delay_ms
        (connections,)
    areas_mm2, orientations
        (regions,) surface of each region, and (regions, 3) the mean of the unit normals of its surface (shorter than 1 where it is
        folded), where the source has them.
    notes
        What is worth knowing about the data: one sentence each.
    """

    space: Space
    first: Ints
    sender: Ints
    weight: Floats
    delay_ms: Floats
    areas_mm2: Floats | None = None
    orientations: Floats | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.space)

    @property
    def receiver(self) -> Ints:
        """(connections,) region to which each goes."""
        return np.repeat(np.arange(len(self)), np.diff(self.first))

    def delay_steps(self, dt_ns: int) -> Ints:
        """(connections,): delays as whole steps, a half rounded to even."""
        return np.rint(self.delay_ms / (dt_ns / 1e6)).astype(np.int64)

    def dense(self) -> Floats:
        """(regions, regions) weights, row = receiver."""
        return self._matrix(self.weight)

    def dense_delays_ms(self) -> Floats:
        """(regions, regions), row = receiver; 0 where there is no connection."""
        return self._matrix(self.delay_ms)

    def in_strength(self) -> Floats:
        """(regions,) sum of the weights that each region receives."""
        return np.asarray(np.bincount(self.receiver, self.weight, len(self)), np.float64)

    def _matrix(self, values: Floats) -> Floats:
        matrix = np.zeros((len(self), len(self)))
        matrix[self.receiver, self.sender] = values
        return matrix


def build_connectome(params: ConnectomeParams) -> Connectome:
    """Read, make or take a connectome, check it, then drop the diagonal and scale. What was built is kept for the next call.

    Raises
    ------
    CosimError
        Not exactly one source; all that is wrong with its matrices, names and places at once.
    """
    key, paths = chosen(params)
    return _built(params, key, paths, tuple(path.stat().st_mtime_ns for path in paths))


@lru_cache(maxsize=8)
def _built(params: ConnectomeParams, key: str, paths: tuple[Path, ...], changed_ns: tuple[int, ...]) -> Connectome:
    """``changed_ns``, the time stamps of ``paths``, makes a changed file be read again."""
    tracts = read(params, key, paths)
    together(faults_of(tracts, params))
    receiver, sender, weight = _connections(turned(tracts.weights) if params.transpose else tracts.weights)
    unit_mm = MM[tracts.length_unit or params.length_unit or "mm"]
    length_mm = None if tracts.lengths is None else unit_mm * _at(tracts.lengths, receiver, sender, params.transpose)
    with np.errstate(over="ignore"):  # an endless delay is refused below
        delay_ms = _at(tracts.delays_ms, receiver, sender, params.transpose) if length_mm is None else length_mm / params.speed
    matrix = _compressed(tracts.count, receiver, sender, weight)
    together(claim_faults(tracts.labels, params, matrix, length_mm, delay_ms))
    notes = notes_of(tracts.labels, params, key, matrix, length_mm)
    if params.zero_diagonal:
        between = receiver != sender
        receiver, sender, weight, delay_ms = (each[between] for each in (receiver, sender, weight, delay_ms))
        matrix = _compressed(tracts.count, receiver, sender, weight)
    positions = None if tracts.positions is None else tracts.positions * unit_mm * UM_PER_MM
    built = Connectome(
        space=Space(tracts.labels, tracts.groups, positions),
        first=matrix.indptr.astype(np.int64),
        sender=sender,
        weight=scaled(matrix, params.normalise),
        delay_ms=delay_ms,
        areas_mm2=tracts.areas_mm2,
        orientations=tracts.orientations,
        notes=notes,
    )
    for array in (positions, built.first, sender, built.weight, delay_ms, tracts.areas_mm2, tracts.orientations):
        if array is not None:
            array.flags.writeable = False  # many will read it
    return built


def _connections(weights: Matrix) -> tuple[Ints, Ints, Floats]:
    """Receivers (increasing), senders (increasing within a receiver) and weights of all entries that are not 0."""
    if not isinstance(weights, Entries):
        receiver, sender = np.nonzero(weights)
        return receiver, sender, weights[receiver, sender]
    there = np.flatnonzero(weights.values)
    there = there[np.lexsort((weights.column[there], weights.row[there]))]
    return weights.row[there], weights.column[there], weights.values[there]


def _at(matrix: Matrix | float | None, receiver: Ints, sender: Ints, transpose: bool) -> Floats:
    """(connections,) what a matrix or a number says of each connection; NaN where it says nothing."""
    assert matrix is not None
    row, column = (sender, receiver) if transpose else (receiver, sender)
    if isinstance(matrix, Entries):
        return matrix.at(row, column)
    return np.full(len(row), float(matrix)) if isinstance(matrix, float) else matrix[row, column]


def _compressed(count: int, receiver: Ints, sender: Ints, weight: Floats) -> csr_array:
    first = np.searchsorted(receiver, np.arange(count + 1))
    return csr_array((weight, sender, first), shape=(count, count))
