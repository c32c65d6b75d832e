"""Releases: spikes become molecules at sites, at the start of the step that is nearest to the spike, or over some time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import Window
from engines.equations.stamps import stamp
from engines.reaction_diffusion.params import Release
from engines.reaction_diffusion.system import Additions, Floats, Integers

_LEFT = 1e-9
"""Part of a vesicle that comes out with the last step of its emptying."""


@dataclass(frozen=True, eq=False)
class Sites:
    """Where a release puts its molecules.

    Attributes
    ----------
    starts
        (sites + 1,) of each among the places.
    places, shares
        In the state, and what part of a vesicle comes to each.
    ledger
        Place of what was released.
    """

    starts: Integers
    places: Integers
    shares: Floats
    ledger: int

    @property
    def count(self) -> int:
        return len(self.starts) - 1


class Releaser:
    """One port of spikes.

    A spike at t acts at the start of the step nearest to t. The mean, or for whole molecules a number of vesicles, comes out.
    """

    def __init__(self, name: str, params: Release, sites: Sites, dt_ns: int, replicas: int, seed: int, is_whole: bool) -> None:
        from engines.equations.randoms import key_of, streams
        from engines.reaction_diffusion.kernels import vesicles

        stamp(vesicles)
        self._empty = vesicles.empty
        self._params, self._sites, self._dt_ns, self._is_whole = params, sites, dt_ns, is_whole
        self._replicas = replicas if is_whole and params.vesicles is not None else 1
        shape = (self._replicas, sites.count)
        places = params.vesicles.places if params.vesicles else 1
        self._docked, self._use = np.full(shape, float(places)), np.zeros(shape)
        self._last_ns = np.zeros(shape, np.int64)
        self._streams = streams(key_of(seed, "release", name), np.arange(self._replicas), 0)
        self._counters = np.zeros(self._replicas, np.int64)
        self._shape = _course(params.lasting, dt_ns)
        empty = np.empty(0, np.int64)
        self._coming = [Additions(empty, empty, np.empty(0), empty) for _ in range(self._replicas)]  # steps are counted from time 0
        self._times_ns = np.sort(np.array(params.times or [], np.int64))

    @property
    def is_alike(self) -> bool:
        """Whether all replicas are given the same."""
        return self._replicas == 1

    @property
    def is_due(self) -> bool:
        """Whether anything is to come out."""
        return any(len(coming.steps) for coming in self._coming)

    def hear(self, window: Window, times_ns: Integers, channels: Integers) -> None:
        """Spikes of a window, and the release's own times in it."""
        if not len(times_ns) and not len(self._times_ns):
            return
        own = self._times_ns[(self._times_ns <= window.stop_ns) & ((self._times_ns > window.start_ns) | (self._times_ns == 0))]
        own = own[(own > 0) | (window.start_ns == 0)]
        if len(own):
            every = np.arange(self._sites.count)
            times_ns = np.concatenate([times_ns, np.repeat(own, len(every))])
            channels = np.concatenate([channels, np.tile(every, len(own))])
            order = np.lexsort((channels, times_ns))
            times_ns, channels = times_ns[order], channels[order]
        if not len(times_ns):
            return
        steps = (times_ns + self._dt_ns // 2) // self._dt_ns
        for replica, coming in enumerate(self._coming):
            amounts = self._params.molecules * self._vesicles(replica, times_ns, channels)
            self._coming[replica] = _joined(coming, self._at_places(steps, channels, amounts))

    def take(self, replica: int, first: int, steps: int) -> Additions:
        """What is due in some steps; ``steps`` of the answer are counted from ``first``."""
        coming = self._coming[min(replica, self._replicas - 1)]
        upto = int(np.searchsorted(coming.steps, first + steps))
        return Additions(coming.steps[:upto] - first, coming.places[:upto], coming.amounts[:upto], coming.ledgers[:upto])

    def forget(self, upto: int) -> None:
        """What acted before a step."""
        for replica, coming in enumerate(self._coming):
            if len(coming.steps):
                first = int(np.searchsorted(coming.steps, upto))
                left = slice(first, None)
                self._coming[replica] = Additions(
                    coming.steps[left], coming.places[left], coming.amounts[left], coming.ledgers[left]
                )

    def _vesicles(self, replica: int, times_ns: Integers, channels: Integers) -> Floats:
        """(n,) vesicles, or their mean, that each spike releases."""
        released, item = np.ones(len(times_ns)), self._params.vesicles
        if item is not None:
            counter = int(self._counters[replica]) if self._is_whole else -1
            state = (self._docked[replica], self._use[replica], self._last_ns[replica])
            numbers = (float(item.places), item.probability, item.recovery or 0, item.facilitation or 0)
            stream = self._streams[replica]
            self._counters[replica] = self._empty(times_ns, channels.astype(np.int64), *state, *numbers, stream, counter, released)
        return released

    def _at_places(self, steps: Integers, channels: Integers, amounts: Floats) -> Additions:
        """Spread over the places of a site, and over time."""
        sites, course = self._sites, self._shape
        counts = np.diff(sites.starts)[channels]
        event = np.repeat(np.arange(len(steps)), counts)
        within = np.arange(len(event)) - np.repeat(np.cumsum(counts) - counts, counts)
        at = sites.starts[channels][event] + within
        if len(sites.shares) == sites.count and len(course) == 1:
            parts = (np.round(amounts) if self._is_whole else amounts)[:, None]
        elif self._is_whole:
            parts = _whole_parts(np.round(amounts), sites, channels, course)
        else:
            parts = (amounts[event] * sites.shares[at])[:, None] * course
        rows, steps_later = np.nonzero(parts)
        due = steps[event[rows]] + steps_later
        order = np.argsort(due, kind="stable")  # of one step in the order of the spikes
        rows, steps_later = rows[order], steps_later[order]
        return Additions(due[order], sites.places[at[rows]], parts[rows, steps_later], np.full(len(rows), sites.ledger))

    def save(self) -> dict[str, NDArray[Any]]:
        state: dict[str, NDArray[Any]] = {"docked": self._docked.copy(), "use": self._use.copy(), "last_ns": self._last_ns.copy()}
        state["counters"] = self._counters.copy()
        for replica, coming in enumerate(self._coming):
            for name in ("steps", "places", "amounts", "ledgers"):
                state[f"{name}{replica}"] = getattr(coming, name).copy()
        return state

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._docked, self._use, self._last_ns = (np.array(state[name]) for name in ("docked", "use", "last_ns"))
        self._counters = np.array(state["counters"])
        self._coming = [
            Additions(*(np.array(state[f"{name}{k}"]) for name in ("steps", "places", "amounts", "ledgers")))
            for k in range(self._replicas)
        ]


def together(parts: Sequence[Additions]) -> Additions:
    """Of several releases, in order of the steps."""
    joined = parts[0]
    for part in parts[1:]:
        joined = _joined(joined, part)
    return joined


def _course(lasting: int | None, dt_ns: int) -> Floats:
    """(steps,) parts of a vesicle that come out in each step from the first on, of sum 1."""
    if lasting is None:
        return np.ones(1)
    count = max(1, math.ceil(-math.log(_LEFT) * lasting / dt_ns))
    left = np.exp(-dt_ns / lasting * np.arange(count + 1))
    left[-1] = 0.0
    return np.asarray(-np.diff(left), np.float64)


def _whole_parts(amounts: Floats, sites: Sites, channels: Integers, course: Floats) -> Floats:
    """(places of all events, steps of the course) whole numbers whose sum over an event is its amount."""
    found = []
    for amount, site in zip(amounts, channels, strict=True):
        shares = sites.shares[sites.starts[site] : sites.starts[site + 1]]
        upto = np.floor(amount * np.cumsum(np.outer(course, shares).ravel()) + 0.5)
        upto[-1] = amount
        found.append(np.diff(upto, prepend=0.0).reshape(len(course), len(shares)).T)
    return np.concatenate(found)


def _joined(a: Additions, b: Additions) -> Additions:
    if not len(a.steps) or not len(b.steps):
        return b if not len(a.steps) else a
    steps = np.concatenate([a.steps, b.steps])
    order = np.argsort(steps, kind="stable")
    pairs = ((a.places, b.places), (a.amounts, b.amounts), (a.ledgers, b.ledgers))
    return Additions(steps[order], *(np.concatenate(pair)[order] for pair in pairs))  # type: ignore[arg-type]
