"""How the channels that a link brings become channels of the port where it ends."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, Payload, Port, Samples, Spikes

Operation = Literal["one_to_one", "broadcast", "sum", "mean", "weights"]


@dataclass(frozen=True, eq=False)
class ChannelMap:
    """The operation, the scale between units, and the rows of the target port that are filled.

    ``into`` is None where the link fills the whole port.
    """

    operation: Operation
    scale: float
    into: NDArray[np.int64] | None
    width: int
    """Channels of the target port."""
    weights: Any = None
    """(targets, sources) CSR, for ``weights``."""

    @property
    def reduces(self) -> bool:
        """Whether less comes out than goes in, so that it is better done before the data travel."""
        return self.operation in ("sum", "mean") or (self.operation == "weights" and self.weights.shape[0] < self.weights.shape[1])

    def rows_filled(self, width: int) -> NDArray[np.int64]:
        return np.arange(width) if self.into is None else self.into

    def combine(self, payload: Payload) -> Payload:
        """The operation alone, on the chain's own channels."""
        if self.operation == "one_to_one":
            return payload
        if isinstance(payload, Spikes):
            return self._combine_spikes(payload)
        values = payload.values
        if self.operation == "broadcast":
            values = np.broadcast_to(values, (len(values), self._count())).copy()
        elif self.operation == "weights":
            values = np.ascontiguousarray((self.weights @ values.T).T)
        else:
            total = values.sum(axis=1, keepdims=True)
            values = total / values.shape[1] if self.operation == "mean" else total
        return Samples(payload.window, values)

    def convert(self, payload: Payload) -> Payload:
        """From the unit that arrives to that of the target port."""
        if self.scale == 1.0 or isinstance(payload, Spikes):
            return payload
        return Samples(payload.window, payload.values * self.scale)

    def renumber(self, spikes: Spikes) -> Spikes:
        """Channels of the link as rows of the target port."""
        if self.into is None or not len(spikes):
            return spikes
        return Spikes.sorted(spikes.window, spikes.times_ns, self.into[spikes.channels].astype(np.int32))

    def add_to(self, total: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Add (steps, channels) of the link to (steps, width) of the target port."""
        if self.into is None:
            total += values
        else:
            total[:, self.into] += values

    def _count(self) -> int:
        return self.width if self.into is None else len(self.into)

    def _combine_spikes(self, spikes: Spikes) -> Spikes:
        if self.operation == "sum":
            return Spikes(spikes.window, spikes.times_ns, np.zeros(len(spikes), np.int32))
        count = self._count()  # broadcast: each event goes to every channel
        times, channels = np.repeat(spikes.times_ns, count), np.tile(np.arange(count, dtype=np.int32), len(spikes))
        return Spikes.sorted(spikes.window, times, channels)


def match_channels(
    carried: Port, taken: Port, asked: Any, folder: Path, scale: float, into: NDArray[np.int64] | None, width: int
) -> ChannelMap:
    """The map that the counts say, or that ``asked`` names; a CosimError where the counts don't fit."""
    sources, targets = len(carried.space), len(taken.space)
    if asked is None:
        if sources == targets:
            asked = "one_to_one"
        elif sources == 1:
            asked = "broadcast"
        else:
            raise CosimError(
                f"{sources} channels don't map to {targets} by themselves",
                why=f"{carried.name} brings {sources}, {taken.name} takes {targets}; only equal counts and one to many are plain",
                mend="say how: map: sum, mean or {weights: file.csv}; or select channels: engine.port[selector]",
            )
    if isinstance(asked, str):
        wrong = {
            "one_to_one": sources != targets,
            "broadcast": sources != 1,
            "sum": targets != 1,
            "mean": targets != 1 or carried.kind == "spikes",
        }[asked]
        if wrong:
            needs = {
                "one_to_one": "equal counts",
                "broadcast": "one source channel",
                "sum": "one target channel",
                "mean": "one target channel, and samples",
            }[asked]
            raise CosimError(f"map: {asked} needs {needs}", why=f"{carried.describe()} to {targets}")
        operation: Operation = asked  # type: ignore[assignment]
        return ChannelMap(operation, scale, into, width)
    if carried.kind == "spikes":
        raise CosimError("spikes cannot be weighted", mend="turn them into samples first, via: spikes_to_rate")
    return ChannelMap("weights", scale, into, width, read_weights(folder / asked.weights, carried, taken))


def read_weights(path: Path, carried: Port, taken: Port) -> Any:
    """A CSR matrix (targets, sources) from a CSV table with the columns target, source, weight; names or indices."""
    from scipy.sparse import csr_array

    if not path.is_file():
        raise CosimError(f"file {path.name!r} does not exist", why=f"looked for {path}")
    rows, columns, weights = [], [], []
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames is None or not {"target", "source", "weight"} <= set(reader.fieldnames):
            raise CosimError(f"{path.name} has no columns target, source, weight", why=f"its first line is {reader.fieldnames}")
        for line in reader:
            try:
                rows.append(_index(taken, line["target"]))
                columns.append(_index(carried, line["source"]))
                weights.append(float(line["weight"]))
            except (CosimError, ValueError) as error:
                raise CosimError(f"{path.name}:{reader.line_num} cannot be used", why=str(error)) from None
    if not np.isfinite(weights).all():
        raise CosimError(f"{path.name} has weights that are not finite")
    matrix = csr_array((weights, (rows, columns)), shape=(len(taken.space), len(carried.space)))
    matrix.sort_indices()
    return matrix


def _index(port: Port, name: str) -> int:
    if name in port.space.labels:
        return port.space.labels.index(name)
    if name.isdigit() and int(name) < len(port.space):
        return int(name)
    raise CosimError(f"{port.name} has no channel {name!r}")
