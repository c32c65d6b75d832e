"""Which engine goes to which worker: even loads, and as few links between workers as even loads allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cosim.scenario.plan import EnginePlan, Plan

_SLACK = 1.05
"""How much the busiest worker may have more to do for the sake of keeping neighbours together."""


def pack(plan: Plan, workers: int, interpreters: Sequence[Path | None] | None = None) -> dict[str, int]:
    """The worker of every engine; every worker gets one while there are enough.

    Parameters
    ----------
    interpreters
        For each worker the interpreter that it runs, where engines ask for one of their own (``python:``).
    """
    even = _dearest_first(plan, workers, interpreters)
    if (interpreters is not None and any(interpreters)) or workers >= len(plan.engines):
        return even
    together = _neighbours_together(plan, workers)
    return together if _busiest(plan, together) <= _SLACK * _busiest(plan, even) and not first_clash(plan, together) else even


def _dearest_first(plan: Plan, workers: int, interpreters: Sequence[Path | None] | None) -> dict[str, int]:
    """The dearest engine first, each to the worker with the least to do."""
    load, count = [0.0] * workers, [0] * workers
    homes: dict[str, int] = {}
    for engine in sorted(plan.engines.values(), key=lambda e: (-e.cost, e.name)):
        fitting = [w for w in range(workers) if interpreters is None or interpreters[w] == engine.python] or list(range(workers))
        taken = {homes[e.name] for e in plan.engines.values() if engine.alone and e.alone == engine.alone and e.name in homes}
        home = min([w for w in fitting if w not in taken] or fitting, key=lambda w: (load[w], count[w], w))
        homes[engine.name] = home
        load[home] += engine.cost
        count[home] += 1
    return homes


def _neighbours_together(plan: Plan, workers: int) -> dict[str, int]:
    """Engines in the order in which links reach them, dealt out in runs of equal cost."""
    total, done, homes = sum(e.cost for e in plan.engines.values()), 0.0, {}
    for engine in _along_links(plan):
        homes[engine.name] = min(workers - 1, int((done + engine.cost / 2) * workers / total))
        done += engine.cost
    return homes


def first_clash(plan: Plan, homes: Mapping[str, int]) -> tuple[str, str] | None:
    """Two engines that would share a worker, where it can hold one of them only."""
    held: dict[tuple[int, str], str] = {}
    for name, engine in plan.engines.items():
        if engine.alone and (other := held.setdefault((homes[name], engine.alone), name)) != name:
            return other, name
    return None


def _along_links(plan: Plan) -> list[EnginePlan]:
    found: dict[str, EnginePlan] = {}
    for start in plan.engines:
        ahead = [start]
        while ahead:
            name = ahead.pop()
            if name not in found:
                found[name] = plan.engines[name]
                ahead += [link.target for link in reversed(plan.links_from[name])]
    return list(found.values())


def _busiest(plan: Plan, homes: dict[str, int]) -> float:
    load: dict[int, float] = {}
    for name, home in homes.items():
        load[home] = load.get(home, 0.0) + plan.engines[name].cost
    return max(load.values())
