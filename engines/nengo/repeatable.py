"""What makes a run of Nengo repeatable: the order of its operators, and its random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from inspect import isfunction
from types import SimpleNamespace
from typing import Any

import numpy as np

from cosim.sdk import CosimError


@contextmanager
def in_fixed_order() -> Iterator[None]:
    """Nengo's optimiser keeps operators in sets, ordered by where they lie in memory, and stops by the clock.

    While this holds, its sets keep the order of insertion and it stops by the count of merges: sums are taken in one order
    always. Nengo 4.1; the engine looks afterwards whether the sets were those.
    """
    try:
        from nengo.builder import optimizer
        from nengo.utils import graphs, stdlib

        clock, ordered = optimizer.Timer, stdlib.OrderedSet
    except (ImportError, AttributeError) as error:
        raise not_known(f"{type(error).__name__}: {error}") from error
    standing = nullcontext(SimpleNamespace(duration=1.0))  # every pass of the optimiser takes one second
    try:
        optimizer.set = graphs.set = ordered  # type: ignore[attr-defined]
        optimizer.Timer = lambda: standing
        yield
    finally:
        del optimizer.set, graphs.set  # type: ignore[attr-defined]
        optimizer.Timer = clock


def not_known(why: str) -> CosimError:
    what = "the optimiser of this Nengo is not known, and could take sums in another order in every run"
    return CosimError(what, why=why, mend="optimize: false")


def generators_in(functions: list[Any]) -> list[np.random.RandomState]:
    """The generators that Nengo's step functions hold, in order: Nengo gives each random process one of its own."""
    found: dict[int, Any] = {}
    waiting = list(functions)
    while waiting:
        thing = waiting.pop(0)
        if id(thing) not in found:
            found[id(thing)] = thing
            waiting += [cell.cell_contents for cell in thing.__closure__ or ()] if isfunction(thing) else []
            waiting += thing.values() if isinstance(thing, dict) else []
    return [thing for thing in found.values() if isinstance(thing, np.random.RandomState)]
