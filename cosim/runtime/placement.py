"""Which engine goes to which worker: the dearest first, each to the worker with the least to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cosim.scenario.plan import Plan


def pack(
    plan: Plan, workers: int, costs: Mapping[str, float] | None = None, interpreters: Sequence[str | None] | None = None
) -> dict[str, int]:
    """The worker of every engine.

    Parameters
    ----------
    workers
        How many there are; every one gets an engine while there are enough.
    costs
        Wall time per simulated time of each engine; the scenario's ``cost`` where not given.
    interpreters
        For each worker the interpreter that it runs, where engines ask for one of their own (``python:``).
    """
    load = [0.0] * workers
    count = [0] * workers
    homes: dict[str, int] = {}
    order = sorted(plan.engines.values(), key=lambda e: (-(costs or {}).get(e.name, e.cost), e.name))
    for engine in order:
        fitting = [w for w in range(workers) if interpreters is None or interpreters[w] == engine.python] or list(range(workers))
        home = min(fitting, key=lambda w: (load[w], count[w], w))
        homes[engine.name] = home
        load[home] += (costs or {}).get(engine.name, engine.cost)
        count[home] += 1
    return homes
