"""How long a run will take, and what holds it up: the game of tokens with a cost for every window.

Costs are the scenario's ``cost`` (relative), or measured seconds per window of an earlier run.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cosim.scenario.plan import Plan
from cosim.scenario.proof import Flow

MOST_WINDOWS = 20_000


@dataclass(frozen=True)
class Forecast:
    """What the timed game gives.

    Attributes
    ----------
    unit
        ``s`` where costs were measured, else ``cost`` (the scenario's relative unit).
    one_process, one_each
        Wall time of the whole run with all engines in one process, and with a process for each.
    speed_up
        Their ratio: what concurrency can give; delays decide it.
    bottleneck
        The engine that computes longest.
    critical
        Engines and links that the last window waited for, walking back: the loop or chain to shorten.
    """

    unit: str
    one_process: float
    one_each: float
    bottleneck: str
    critical: tuple[str, ...]
    windows: Mapping[str, int]

    @property
    def speed_up(self) -> float:
        return self.one_process / self.one_each if self.one_each else 1.0

    def as_dict(self) -> dict[str, Any]:
        return {
            "unit": self.unit,
            "one_process": self.one_process,
            "one_each": self.one_each,
            "speed_up": self.speed_up,
            "bottleneck": self.bottleneck,
            "critical": list(self.critical),
            "windows": dict(self.windows),
        }


def forecast(plan: Plan, measured_s: Mapping[str, float] | None = None) -> Forecast:
    """Play a run with costs; a long one is played in part and scaled."""
    engines = plan.engines
    if measured_s:
        cost = {name: measured_s.get(name, 0.0) for name in engines}
    else:
        cost = {name: e.cost * e.window_ns * 1e-9 for name, e in engines.items()}
    total = {name: goal // engines[name].window_ns for name, goal in plan.goals_ns.items()}
    share = min(1.0, MOST_WINDOWS / max(1, sum(total.values())))
    horizon = max(max((e.window_ns for e in engines.values()), default=1) * 4, int(plan.stop_ns * share))
    horizon = min(horizon, plan.stop_ns)
    finish, critical = _play(plan, cost, horizon)
    scale = plan.stop_ns / horizon
    alone = sum(cost[name] * total[name] for name in engines)
    busiest = max(engines, key=lambda name: cost[name] * total[name], default="")
    return Forecast("s" if measured_s else "cost", alone, finish * scale, busiest, critical, total)


def _play(plan: Plan, cost: Mapping[str, float], horizon_ns: int) -> tuple[float, tuple[str, ...]]:
    """Each engine in a process of its own: a window starts when what it needs has been said. Links cost nothing."""
    into: dict[str, list[Flow]] = defaultdict(list)
    for link in plan.links.values():
        into[link.target].append(link.flow)
    windows = {name: e.window_ns for name, e in plan.engines.items()}
    ends: dict[str, list[float]] = {name: [0.0] for name in windows}  # wall time at which each window ended
    cause: dict[tuple[str, int], tuple[str, int, str] | None] = {}
    ready = [(0, name) for name in sorted(windows)]
    heapq.heapify(ready)
    blocked: dict[str, list[tuple[int, str]]] = defaultdict(list)
    while ready:
        start, name = heapq.heappop(ready)
        if start >= horizon_ns:
            continue
        k, begin, why = len(ends[name]) - 1, ends[name][-1], (name, len(ends[name]) - 1, "")
        waits_for = None
        for flow in into[name]:
            need = flow.need_ns(start, start + windows[name])
            if need <= 0:
                continue
            index = -(-need // windows[flow.source])
            if index >= len(ends[flow.source]):
                waits_for = flow.source
                break
            if ends[flow.source][index] > begin:
                begin, why = ends[flow.source][index], (flow.source, index, flow.name)
        if waits_for is not None:
            if (len(ends[waits_for]) - 1) * windows[waits_for] < horizon_ns:  # it has a window to run
                blocked[waits_for].append((start, name))
            continue
        ends[name].append(begin + cost[name])
        cause[name, k + 1] = why
        heapq.heappush(ready, (start + windows[name], name))
        for entry in blocked.pop(name, []):
            heapq.heappush(ready, entry)
    last = max(ends, key=lambda name: ends[name][-1])
    return ends[last][-1], _walk_back(last, len(ends[last]) - 1, cause)


def _walk_back(name: str, k: int, cause: Mapping[tuple[str, int], tuple[str, int, str] | None]) -> tuple[str, ...]:
    """The engines and links that the last window waited for, until the pattern repeats."""
    seen: list[str] = [name]
    while (why := cause.get((name, k))) is not None and len(seen) < 12:
        name, k, link = why
        if not link:
            continue
        if name in seen:
            seen += [link, name]
            break
        seen += [link, name]
    return tuple(reversed(seen))
