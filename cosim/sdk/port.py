"""Ports: named inputs and outputs, and the space of their channels."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cosim.sdk.errors import CosimError

_SLICE = re.compile(r"^(-?\d*):(-?\d*)(?::(-?[1-9]\d*))?$")


@dataclass(frozen=True, eq=False)
class Segments:
    """Straight pieces of cable, one a channel: the membrane that a current crosses, a place where a field acts.

    Attributes
    ----------
    start, stop
        (n, 3) float64 in µm, the two ends of the axis.
    diameter
        (n,) float64 in µm.
    """

    start: NDArray[np.float64]
    stop: NDArray[np.float64]
    diameter: NDArray[np.float64]

    def __post_init__(self) -> None:
        shapes, count = tuple(np.shape(part) for part in (self.start, self.stop, self.diameter)), len(self)
        if shapes != ((count, 3), (count, 3), (count,)):
            raise ValueError(f"segments have start (n, 3), stop (n, 3) and diameter (n,), not {', '.join(map(str, shapes))}")

    def __len__(self) -> int:
        return len(self.start)

    @property
    def middles(self) -> NDArray[np.float64]:
        """(n, 3) µm."""
        return (self.start + self.stop) / 2

    def take(self, rows: NDArray[np.int64]) -> Segments:
        """Some of them, in the order of ``rows``."""
        return Segments(self.start[rows], self.stop[rows], self.diameter[rows])


@dataclass(frozen=True, eq=False)
class Space:
    """What the channels of a port are.

    Attributes
    ----------
    labels
        One name a channel.
    groups
        Named sets of channels, such as populations, as rows of ``labels``.
    positions
        (n, 3) float64 in µm, or None. A port whose space has positions carries a field.
    segments
        Of channels that are pieces of cable, or None. Where no positions are given, they are the middles of the segments.
    """

    labels: tuple[str, ...]
    groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    positions: NDArray[np.float64] | None = None
    segments: Segments | None = None

    def __post_init__(self) -> None:
        if self.segments is None:
            return
        if len(self.segments) != len(self.labels):
            raise ValueError(f"{len(self.segments)} segments for {len(self.labels)} channels")
        if self.positions is None:
            object.__setattr__(self, "positions", self.segments.middles)

    @classmethod
    def numbered(cls, count: int, groups: Mapping[str, tuple[int, ...]] | None = None) -> Space:
        """``count`` channels about which there is nothing to say."""
        return cls(tuple(map(str, range(count))), groups or {})

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, selector: str | int | Sequence[str | int]) -> NDArray[np.int64]:
        """Rows that a selector names: a label, a group, a glob, a slice, or a list of these.

        A group is tried before a label, a label before a glob. Raises a CosimError that suggests near names.
        """
        if isinstance(selector, (list, tuple)):
            parts = [self.select(part) for part in selector]
            return np.concatenate(parts) if parts else np.empty(0, np.int64)
        text = str(selector)
        if text in self.groups:
            return np.asarray(self.groups[text], np.int64)
        if text in self.labels:
            return np.array([self.labels.index(text)], np.int64)
        if text == "*":
            return np.arange(len(self.labels))
        if (match := _SLICE.match(text)) is not None:
            start, stop, step = (int(part) if part else None for part in match.groups())
            rows = np.arange(len(self.labels))[start:stop:step]
        else:
            members = dict.fromkeys(row for name, rows in self.groups.items() if fnmatch.fnmatchcase(name, text) for row in rows)
            rows = np.array(list(members) or [i for i, name in enumerate(self.labels) if fnmatch.fnmatchcase(name, text)], np.int64)
        if not len(rows):
            near = difflib.get_close_matches(text, [*self.groups, *self.labels], 3)
            raise CosimError(
                f"no channel is called {text!r}",
                why=f"there are {len(self.labels)} channels: {_some(self.labels)}"
                + (f"; groups: {_some(tuple(self.groups))}" if self.groups else ""),
                mend=f"did you mean {' or '.join(near)}?"
                if near
                else "name a label, a group, a glob such as 'l*', or a slice such as 0:10",
            )
        return rows

    def take(self, rows: NDArray[np.int64]) -> Space:
        """The space of some of the channels, in the order of ``rows``."""
        new = {int(old): i for i, old in enumerate(rows)}
        groups = {name: kept for name, old in self.groups.items() if (kept := tuple(new[r] for r in old if r in new))}
        positions = None if self.positions is None else self.positions[rows]
        segments = None if self.segments is None else self.segments.take(rows)
        return Space(tuple(self.labels[r] for r in rows), groups, positions, segments)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 6 else f"{', '.join(names[:5])} … {names[-1]}"


@dataclass(frozen=True, eq=False)
class Port:
    """A named input or output of an engine.

    Attributes
    ----------
    quantity
        A field-standard name: firing_rate, membrane_potential, current, …; empty fits any.
    unit
        Of samples; a scale that differs from a partner's is converted, a dimension that differs is refused.
    of
        Whether a row is the value at its time, or the mean over the step before it.
    dt_ns
        An output: the step of its rows (None: one row a window). An input: the step it asks for (None: as they come).
    lead_ns
        An output that speaks of the future: what it says in (s, e] holds in (s + lead, e + lead].
    allow_nan
        Whether NaN is a value here and not an error.
    """

    name: str
    direction: Literal["in", "out"]
    kind: Literal["spikes", "samples"]
    space: Space
    quantity: str = ""
    unit: str = "1"
    of: Literal["value", "mean"] = "value"
    dt_ns: int | None = None
    lead_ns: int = 0
    allow_nan: bool = False

    def but(self, **changes: object) -> Port:
        """The same port with some attributes changed."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def describe(self) -> str:
        """``samples of firing_rate in Hz, 76 channels``."""
        what = "spikes" if self.kind == "spikes" else f"samples of {self.quantity or 'anything'} in {self.unit}"
        count = len(self.space)
        return f"{what}, {count} channel{'s' if count != 1 else ''}"
