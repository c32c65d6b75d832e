"""What there is in NEURON: instances of mechanisms, their variables and random streams, and how many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def kinds_of_points(h: Any) -> Iterator[str]:
    """What synapses, electrodes and artificial cells there can be."""
    kinds, name = h.MechanismType(1), h.ref("")
    for i in range(int(kinds.count())):
        kinds.select(i)
        kinds.selected(name)
        yield name[0]


def instances(h: Any) -> Iterator[tuple[str, Any, Any]]:
    """Each instance of a mechanism: its name, what has its ``_ref_``s, and what has its random streams."""
    for name in kinds_of_points(h):
        yield from ((name, found, found) for found in h.List(name))
    for section in h.allsec():
        yield from ((mechanism.name(), segment, mechanism) for segment in section for mechanism in segment)


def assigned(h: Any) -> Iterator[Any]:
    """A reference to every ASSIGNED variable of every instance."""
    known: dict[str, list[tuple[str, int]]] = {}
    for mechanism, owner, _ in instances(h):
        if mechanism not in known:
            standard, name = h.MechanismStandard(mechanism, 2), h.ref("")
            sizes = [(int(standard.name(name, i)), name[0]) for i in range(int(standard.count()))]
            known[mechanism] = [(f"_ref_{name}", size) for size, name in sizes]
        for name, size in known[mechanism]:
            ref = getattr(owner, name)
            yield from (ref,) if size == 1 else (ref[i] for i in range(size))


def random_streams(h: Any) -> Iterator[Any]:
    """Every RANDOM variable of every instance."""
    known: dict[str, list[str]] = {}
    for mechanism, _, owner in instances(h):
        if mechanism not in known:
            names = [name for name in dir(owner) if not name.startswith("__")]
            known[mechanism] = [name for name in names if is_random(owner, name)]
        yield from (getattr(owner, name) for name in known[mechanism])


def is_random(owner: Any, name: str) -> bool:
    """Whether it is a RANDOM variable; a POINTER that points nowhere raises when it is looked at."""
    try:
        return kind_of(getattr(owner, name, None)) == "NMODLRandom"
    except ValueError:
        return False


def inventory(h: Any) -> dict[str, int]:
    """How many there are of sections, connections, synapses, electrodes and artificial cells."""
    counts = {name: int(h.List(name).count()) for name in ("NetCon", *kinds_of_points(h))}
    return {"Section": sum(1 for _ in h.allsec()), **counts}


def kind_of(thing: Any) -> str:
    return type(thing).__name__


def listed(things: Any) -> list[Any]:
    """A list as it is; one thing as a list (a section counts as one, not as its segments)."""
    return list(things) if isinstance(things, (list, tuple)) else [things]
