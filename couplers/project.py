"""Samples on one space become samples on another, through a sparse matrix of weights read from a file."""

from __future__ import annotations

import csv
import logging
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cosim.sdk import CosimError, InputFile, Params, Payload, Port, Samples, Space

log = logging.getLogger(__name__)

COLUMNS = ["target", "source", "weight"]
MOST_FAULTS = 10
"""Told of one file; the rest is counted."""


class ProjectParams(Params):
    weights: Annotated[
        InputFile,
        Field(description=".csv with columns target,source,weight (labels or rows from 0), or .npz of scipy.sparse.save_npz"),
    ]
    normalise: Annotated[
        Literal["none", "rows"],
        Field(description="rows: divide the weights of each target by their sum, which makes it a weighted mean"),
    ] = "none"


class Project:
    """y = W x in every step, with W (targets, sources) sparse.

    Sums run along each row of W in the order of source channels, whatever the order of the file, one step after the other, so
    that neither layout nor frames change a bit. Exact and without memory: group delay 0; the mean goes as W, independent channels
    of variance σ² give Σ_j W_ij² σ². A quantity that is shared out (currents, counts) is conserved where the columns of W sum to
    1; one that is averaged (rates, potentials) keeps a uniform input where the rows do, which ``normalise: rows`` brings about.
    ``report`` has the extremes of both sums, and they are logged once. Source: the formula.
    """

    Params = ProjectParams
    place = "target"

    def __init__(self, source: Port, target: Port, params: ProjectParams) -> None:
        if source.kind != "samples":
            raise CosimError(
                f"project takes samples, and {source.name!r} brings {source.describe()}",
                mend="make a rate of the spikes first: via: [{spikes_to_rate: {pool: channel, bin: 1 ms}}, …]",
            )
        self._weights = _read(params.weights, target.space, source.space)
        if params.normalise == "rows":
            _normalise_rows(self._weights, params.weights, target.space)
        if len(target.space) < len(source.space):
            self.place = "source"  # there the data get smaller
        self.port = source.but(space=target.space)
        self.state: dict[str, NDArray[Any]] = {}
        self.report = _sums(self._weights)
        log.info("%s: %s", params.weights.name, ", ".join(f"{name} {value:.6g}" for name, value in self.report.items()))

    def translate(self, payload: Payload, rng: np.random.Generator) -> Samples:
        """Values (steps, targets)."""
        assert isinstance(payload, Samples)
        out = np.empty((len(payload.values), len(self.port.space)))
        for k, x in enumerate(payload.values):  # the product with a matrix may sum in another order than that with a vector
            out[k] = self._weights @ x
        return Samples(payload.window, out)


def _read(path: Path, targets: Space, sources: Space) -> Any:
    """The weights as a CSR array (targets, sources), each row in the order of source channels."""
    weights = _read_npz(path, targets, sources) if path.suffix == ".npz" else _read_csv(path, targets, sources)
    weights.sum_duplicates()  # which sorts each row, too
    return weights


def _read_npz(path: Path, targets: Space, sources: Space) -> Any:
    from scipy import sparse

    try:
        weights = sparse.csr_array(sparse.load_npz(path), dtype=np.float64)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise CosimError(
            f"{path.name} is not a sparse matrix", why=str(error), mend="write it with scipy.sparse.save_npz"
        ) from None
    if weights.shape != (len(targets), len(sources)):
        rows, columns = weights.shape
        raise CosimError(
            f"{path.name} is {rows} x {columns}, and the link has {len(targets)} target and {len(sources)} source channels",
            mend="write it as (targets, sources)"
            + (": it is the other way round" if weights.shape == (len(sources), len(targets)) else ""),
        )
    if not np.isfinite(weights.data).all():
        raise CosimError(f"{path.name} has weights that are not finite")
    return weights


def _read_csv(path: Path, targets: Space, sources: Space) -> Any:
    from scipy import sparse

    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [[cell.strip() for cell in line] for line in csv.reader(file)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise CosimError(
            f"{path.name} is not a CSV file", why=str(error), mend="write .csv, or .npz with scipy.sparse.save_npz"
        ) from None
    if not lines or lines[0] != COLUMNS:
        raise CosimError(
            f"{path.name} does not start with the header {','.join(COLUMNS)}",
            why=f"line 1 is {','.join(lines[0])!r}" if lines else "it is empty",
            mend=f"name the columns in line 1: {','.join(COLUMNS)}",
        )
    faults = [f"line {n}: {len(line)} columns, not 3" for n, line in enumerate(lines, 1) if line and len(line) != 3]
    numbers = [n for n, line in enumerate(lines, 1) if len(line) == 3 and n > 1]
    rows = _places([lines[n - 1][0] for n in numbers], numbers, targets, "target", faults)
    columns = _places([lines[n - 1][1] for n in numbers], numbers, sources, "source", faults)
    values = [_weight(lines[n - 1][2], n, faults) for n in numbers]
    seen: dict[tuple[int, int], int] = {}
    for n, pair in zip(numbers, zip(rows, columns, strict=True), strict=True):
        if -1 not in pair and (before := seen.setdefault(pair, n)) != n:
            faults.append(f"line {n}: this pair has a weight in line {before} already")
    if faults:
        more = [f"… and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []
        raise CosimError(
            f"{path.name} has {len(faults)} fault{'s' if len(faults) > 1 else ''}", why="; ".join(faults[:MOST_FAULTS] + more)
        )
    return sparse.coo_array((values, (rows, columns)), shape=(len(targets), len(sources)), dtype=np.float64).tocsr()


def _places(names: Sequence[str], numbers: Sequence[int], space: Space, side: str, faults: list[str]) -> list[int]:
    """Channel of each name, -1 for a fault. A column holds labels, or else rows from 0, never both: '1' could be either."""
    known = {label: i for i, label in enumerate(space.labels)}
    if any(name not in known for name in names) and all(name.isdecimal() for name in names):
        known = {str(i): i for i in range(len(space))}
    for n, name in zip(numbers, names, strict=True):
        if name not in known:
            faults.append(
                f"line {n}: no {side} channel is called {name!r} (there are {len(space)}: {space.labels[0]} … {space.labels[-1]})"
            )
    return [known.get(name, -1) for name in names]


def _weight(text: str, number: int, faults: list[str]) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        faults.append(f"line {number}: the weight {text!r} is not a finite number")
    return value


def _normalise_rows(weights: Any, path: Path, targets: Space) -> None:
    """Divide each row by its sum, in place; a target without any weight stays at 0."""
    sums, entries = weights.sum(axis=1), np.diff(weights.indptr)
    bad = np.flatnonzero((entries > 0) & (sums == 0))
    if len(bad):
        raise CosimError(
            f"{path.name}: the weights of {targets.labels[bad[0]]!r} sum to 0, and cannot be normalised",
            why=f"{len(bad)} of {len(targets)} targets are like this",
            mend="normalise: none",
        )
    weights.data /= np.repeat(sums, entries)


def _sums(weights: Any) -> dict[str, float]:
    rows, columns = weights.sum(axis=1), weights.sum(axis=0)
    return {
        "weights": weights.nnz,
        "targets without": int((np.diff(weights.indptr) == 0).sum()),
        "sources without": weights.shape[1] - len(np.unique(weights.indices)),
        "least row sum": float(rows.min()),
        "largest row sum": float(rows.max()),
        "least column sum": float(columns.min()),
        "largest column sum": float(columns.max()),
    }
