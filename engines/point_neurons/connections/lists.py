"""Synapses that are listed one by one: in the scenario, in a file, or by whoever reads another form."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import compress
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.sdk import CosimError, did_you_mean
from engines.equations.quantities import number
from engines.point_neurons.params import Projection

COLUMNS = ("source", "target", "weight", "delay")


@dataclass(frozen=True, eq=False)
class Edges:
    """Synapses of one projection, in any order; a pair of neurons may have several.

    Attributes
    ----------
    source, target
        (n,) numbers of neurons in their populations, from 0 on.
    weight
        (n,) in the unit of the receptor, one for all, or None: the projection says it.
    delay_ms
        (n,), one for all, or None: the projection says it. Rounded to whole steps.
    rows
        What row 0 is called in faults: 0, or 2 for the second line of a file.
    given
        (n,) in place of weight: as a scenario lists them, in units that the receptor must fit.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    weight: NDArray[np.float64] | float | None = None
    delay_ms: NDArray[np.float64] | float | None = None
    rows: int = 0
    given: tuple[float | str | None, ...] | None = None

    def __len__(self) -> int:
        return len(self.source)

    def only(self, chosen: NDArray[np.bool_]) -> Edges:
        """Some of them."""
        weight, delay = self.weight, self.delay_ms
        return replace(
            self,
            source=self.source[chosen],
            target=self.target[chosen],
            weight=weight[chosen] if isinstance(weight, np.ndarray) else weight,
            delay_ms=delay[chosen] if isinstance(delay, np.ndarray) else delay,
            given=None if self.given is None else tuple(compress(self.given, chosen)),
        )

    @property
    def is_negative(self) -> NDArray[np.bool_]:
        """(n,), or (1,) where all are alike: whether the weight is below 0."""
        if self.given is not None:
            return np.array([str(item).lstrip().startswith("-") for item in self.given])
        return np.atleast_1d(0.0 if self.weight is None else self.weight) < 0.0

    def weights_in(self, unit: str) -> NDArray[np.float64] | float | None:
        """``weight``, or what is ``given`` in a unit; a CosimError where it is in another."""
        if self.given is None:
            return self.weight
        known = dict[float | str | None, float]()
        for k, item in enumerate(self.given):
            try:
                known[item] = known[item] if item in known else number(item, unit)
            except CosimError as error:
                raise error.about(f"weight {k}") from None
        return _shortest(np.array([known[item] for item in self.given]))


def edges_of(
    source: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None, delay_ms: ArrayLike | None = None, rows: int = 0
) -> Edges:
    """Synapses from arrays, as a reader of another form has them: ``connect(..., edges={projection: edges_of(...)})``.

    Parameters
    ----------
    source, target
        (n,) whole numbers of neurons within the two populations, from 0 on, in any order.
    weight
        (n,) or one for all, in the unit of the receptor. Where both signs occur, each synapse takes the first receptor for its
        sign, unless the projection names one.
    delay_ms
        (n,) or one for all, rounded to whole steps.
    rows
        The number of the first row in faults.

    Raises
    ------
    CosimError
        Arrays of different lengths, numbers that are not whole, values that are not finite; yet to be located.
    """
    ends = {name: _whole(name, values, rows) for name, values in (("source", source), ("target", target))}
    values = {name: _values(name, given, rows) for name, given in (("weight", weight), ("delay", delay_ms)) if given is not None}
    lengths = {name: len(column) for name, column in {**ends, **values}.items() if column.ndim}
    if len(set(lengths.values())) > 1:
        raise CosimError("columns differ in length", why=", ".join(f"{name} has {n}" for name, n in lengths.items()))
    least = {name: _shortest(column) for name, column in values.items()}
    return Edges(ends["source"], ends["target"], least.get("weight"), least.get("delay"), rows)


def _whole(name: str, values: ArrayLike, rows: int) -> NDArray[np.int64]:
    given = np.asarray(values)
    if given.ndim != 1:
        raise CosimError(f"{name} has {given.ndim} dimensions", mend="one number a synapse")
    if given.dtype.kind in "iu":
        return given.astype(np.int64, copy=False)
    numbers = _values(name, given, rows)
    if (broken := np.flatnonzero(numbers != np.floor(numbers))).size:
        what = f"row {rows + broken[0]}: {name} is {numbers[broken[0]]:g}, not a whole number"
        raise CosimError(what, why="neurons are numbered from 0 on")
    return numbers.astype(np.int64)


def _values(name: str, values: ArrayLike, rows: int) -> NDArray[np.float64]:
    try:
        found = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise CosimError(f"{name} is not numbers", why=str(error)) from None
    if found.ndim > 1:
        raise CosimError(f"{name} has {found.ndim} dimensions", mend="one number a synapse, or one for all")
    if (broken := np.flatnonzero(~np.isfinite(found))).size:
        raise CosimError(f"row {rows + broken[0]}: {name} is {np.atleast_1d(found)[broken[0]]}, not finite")
    return found


def _shortest(values: NDArray[np.float64]) -> NDArray[np.float64] | float:
    """One for all where all are the same, which takes no memory."""
    same = values.ndim == 0 or (len(values) and (values == values[0]).all())
    return float(values.reshape(-1)[0]) if same else values


# -- what a scenario lists -----------------------------------------------------------------------------------------------------


def read_edges(projection: Projection) -> Edges:
    """Synapses of a projection with rule ``list``.

    Raises
    ------
    CosimError
        A file that cannot be read, lacks a column or has one too many, columns that differ in length; yet to be located.
    """
    if projection.file is not None:
        stat = projection.file.stat()
        return _read_file(projection.file, stat.st_mtime_ns, stat.st_size)
    pairs = np.array(projection.pairs or [], np.int64).reshape(-1, 2)
    given = tuple(projection.weight) if isinstance(projection.weight, list) else None
    if given is not None and len(given) != len(pairs):
        raise CosimError(f"{len(given)} weights for {len(pairs)} pairs", mend="give one weight for all, or one for each pair")
    return replace(edges_of(pairs[:, 0], pairs[:, 1]), given=given)


@lru_cache(maxsize=8)
def _read_file(path: Path, changed_ns: int, size: int) -> Edges:
    """Kept, as a scenario is checked before it is run; ``changed_ns`` and ``size`` tell whether the file is still the same."""
    try:
        columns = _read_npz(path) if path.suffix == ".npz" else _read_csv(path)
    except OSError as error:
        raise CosimError(f"{path.name} cannot be read", why=str(error)) from None
    if missing := [name for name in COLUMNS[:2] if name not in columns]:
        raise CosimError(f"{path.name} has no {' and no '.join(missing)}", why=f"it has {', '.join(columns)}")
    if stray := next((name for name in columns if name not in COLUMNS), None):
        mend = did_you_mean(stray, COLUMNS)
        raise CosimError(f"{path.name} has {stray}, which means nothing here", why=f"known are {', '.join(COLUMNS)}", mend=mend)
    try:
        first = 0 if path.suffix == ".npz" else 2  # as editors count the lines below the header
        return edges_of(columns["source"], columns["target"], columns.get("weight"), columns.get("delay"), first)
    except CosimError as error:
        raise error.about(path.name) from None


def _read_npz(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, EOFError, BadZipFile, zlib.error, NotImplementedError) as error:
        raise CosimError(f"{path.name} is no .npz of numbers", why=str(error)) from None


def _read_csv(path: Path) -> dict[str, NDArray[np.generic]]:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        names = [name.strip().strip('"') for name in file.readline().split(",")]
        if not {"source", "target"} & {*names}:
            raise CosimError(f"{path.name} does not begin with a header", mend="first line: source,target[,weight][,delay]")
        place = file.tell()
        if not file.read(1):
            return {name: np.empty(0) for name in names}
        file.seek(place)
        try:
            table = np.loadtxt(file, delimiter=",", ndmin=2, comments=None)
        except ValueError as error:
            raise CosimError(
                f"{path.name} is not a table of numbers", why=str(error), mend="as many on each line as names"
            ) from None
    if table.shape[1] != len(names):
        raise CosimError(
            f"{path.name} has {table.shape[1]} numbers a line for {len(names)} names", why=f"names: {', '.join(names)}"
        )
    return dict(zip(names, table.T, strict=True))


def edge_faults(edges: Edges, sources: int, targets: int) -> Iterator[CosimError]:
    """Neurons that are not there, by their row; yet to be located."""
    for name, column, size in (("source", edges.source, sources), ("target", edges.target, targets)):
        beyond = np.flatnonzero((column < 0) | (column >= size))
        if len(beyond):
            more = f", and so in {len(beyond) - 1} more rows" if len(beyond) > 1 else ""
            what = f"row {edges.rows + beyond[0]}: there is no {name} neuron {column[beyond[0]]}{more}"
            yield CosimError(what, why=f"the {name} population has {size} neurons, counted from 0")
