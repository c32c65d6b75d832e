"""A connectome: weights, delays, names and places of regions, checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, Space
from engines.connectome.generator import generate
from engines.connectome.params import ConnectomeParams
from engines.connectome.tvb_zip import find_tvb, hemispheres_of, read_zip

Floats = NDArray[np.float64]
UM_PER_MM = 1000.0


@dataclass(frozen=True, eq=False)
class Tracts:
    """What a source says, before speed and scaling.

    Attributes
    ----------
    weights
        (regions, regions), row = receiver.
    lengths_mm
        (regions, regions) tract lengths, or None when ``delays_ms`` is given instead.
    positions_mm
        (regions, 3), or None.
    """

    labels: tuple[str, ...]
    weights: Floats
    lengths_mm: Floats | None
    delays_ms: Floats | None = None
    positions_mm: Floats | None = None
    groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Connectome:
    """Weights as they enter the network term, and delays.

    Attributes
    ----------
    space
        The regions: labels, groups (hemispheres, cortical) where known, positions in µm.
    weights
        (regions, regions), row = receiver.
    delays_ms
        (regions, regions), row = receiver.
    """

    space: Space
    weights: Floats
    delays_ms: Floats

    def __len__(self) -> int:
        return len(self.space)

    def delay_steps(self, dt_ns: int) -> NDArray[np.int64]:
        """(regions, regions): delays as whole steps, a half rounded to even."""
        return np.rint(self.delays_ms / (dt_ns / 1e6)).astype(np.int64)


def build_connectome(params: ConnectomeParams) -> Connectome:
    """Read, make or take a connectome, check it, then drop the diagonal and scale.

    Raises
    ------
    CosimError
        Not exactly one source; a matrix that is not square, finite or of the right size; a negative length; a name twice.
    """
    tracts = _tracts(params)
    _check(tracts)
    weights = tracts.weights.copy()
    if params.zero_diagonal:
        np.fill_diagonal(weights, 0.0)
    delays_ms = tracts.delays_ms if tracts.lengths_mm is None else tracts.lengths_mm / params.speed
    assert delays_ms is not None
    positions = None if tracts.positions_mm is None else tracts.positions_mm * UM_PER_MM
    return Connectome(Space(tracts.labels, tracts.groups, positions), _scaled(weights, params.normalise), delays_ms)


def _tracts(params: ConnectomeParams) -> Tracts:
    sources = ("tvb", "file", "generate", "weights")
    given = [name for name in sources if getattr(params, name) is not None]
    if len(given) != 1:
        raise CosimError(
            f"a connectome has one source, not {len(given)}" + (f": {', '.join(given)}" if given else ""),
            mend="write one of tvb: connectivity_76, file: my.zip, generate: {regions: 8}, weights: [[…], …]",
        )
    stray = [name for name in ("lengths", "delays", "labels", "positions") if getattr(params, name) is not None]
    if stray and given != ["weights"]:
        raise CosimError(
            f"{', '.join(stray)} of a connectome belongs to weights, not to {given[0]}",
            mend=f"remove {', '.join(stray)}, or give weights",
        )
    if params.generate is not None:
        return Tracts(**generate(params.generate))
    if params.weights is not None:
        return _explicit(params)
    path = find_tvb(params.tvb) if params.tvb is not None else params.file
    assert path is not None
    return Tracts(**read_zip(path, path.stat().st_mtime_ns))


def _explicit(params: ConnectomeParams) -> Tracts:
    weights = _matrix("weights", params.weights)
    if (params.lengths is None) == (params.delays is None):
        raise CosimError(
            "weights need lengths or delays, one of both", mend='add delays: "2 ms" for all connections, or a matrix of them'
        )
    labels = tuple(params.labels) if params.labels is not None else tuple(f"r{i}" for i in range(len(weights)))
    lengths, delays = (
        None if v is None else _matrix(n, v, weights.shape) for n, v in (("lengths", params.lengths), ("delays", params.delays))
    )
    positions = None if params.positions is None else _matrix("positions", params.positions)
    return Tracts(labels, weights, lengths, delays, positions, hemispheres_of(labels))


def _matrix(name: str, value: object, shape: tuple[int, ...] | None = None) -> Floats:
    """A nested list as an array; a single number fills ``shape``."""
    if isinstance(value, (int, float)) and shape is not None:
        return np.full(shape, float(value))
    assert isinstance(value, list)
    sizes = sorted({len(row) for row in value})
    if len(sizes) != 1:
        raise CosimError(f"rows of {name} differ in length", why=f"there are rows of {' and '.join(map(str, sizes))} numbers")
    return np.array(value, np.float64)


def _check(tracts: Tracts) -> None:
    count = len(tracts.weights)
    shapes = {"weights": tracts.weights, "lengths": tracts.lengths_mm, "delays": tracts.delays_ms}
    for name, matrix in shapes.items():
        if matrix is None:
            continue
        if matrix.shape != (count, count):
            raise CosimError(
                f"{name} of the connectome are {' x '.join(map(str, matrix.shape))}",
                why=f"{count} rows of weights make {count} regions, so every matrix is {count} x {count}",
            )
        if not np.isfinite(matrix).all():
            raise CosimError(f"{name} of the connectome are not finite", why=_place(tracts, ~np.isfinite(matrix)))
        if name != "weights" and (matrix < 0).any():
            raise CosimError(f"{name} of the connectome are negative", why=_place(tracts, matrix < 0))
    if len(tracts.labels) != count:
        raise CosimError(f"the connectome has {len(tracts.labels)} labels for {count} regions")
    twice = [label for label, times in Counter(tracts.labels).items() if times > 1]
    if twice:
        raise CosimError(
            f"two regions are called {twice[0]!r}", why="a link names a region by its label", mend="give every region its own label"
        )
    if tracts.positions_mm is not None and tracts.positions_mm.shape != (count, 3):
        raise CosimError(f"positions of the connectome are {' x '.join(map(str, tracts.positions_mm.shape))}, not {count} x 3")


def _place(tracts: Tracts, wrong: NDArray[np.bool_]) -> str:
    """``the first of 3: from b to a`` (row = receiver)."""
    row, column = np.argwhere(wrong)[0]
    names = tracts.labels if len(tracts.labels) == len(wrong) else tuple(map(str, range(len(wrong))))
    return f"the first of {int(wrong.sum())}: row {names[row]}, column {names[column]}"


def _scaled(weights: Floats, normalise: str) -> Floats:
    """Weights over their largest magnitude, over each row's sum of magnitudes, or over the spectral radius."""
    if normalise == "none":
        return weights
    if normalise == "row_sum":
        sums = np.abs(weights).sum(axis=1, keepdims=True)
        return weights / np.where(sums > 0, sums, 1.0)
    size = np.abs(weights).max() if normalise == "max" else np.abs(np.linalg.eigvals(weights)).max()
    if size <= 0:
        raise CosimError(
            f"the connectome cannot be normalised by {normalise}",
            why="all weights are 0" if normalise == "max" else "its spectral radius is 0: no loop of connections",
            mend="use normalise: none",
        )
    return np.asarray(weights / size)
