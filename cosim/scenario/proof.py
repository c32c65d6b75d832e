"""The launch proof: no timing, transport or machine can deadlock a run; decided before any engine is built.

Rules of this file:

1. It knows windows, links and times, and nothing of engines, payloads or processes.
2. Before its window (T - H, T], an engine needs of a link source time up to ``ceil_P(T - D)``, or ``floor_P(T - H - D)`` where
   the link holds. Source time up to 0 is there from the start.
3. A run deadlocks if and only if round some cycle of links the needs compose to ``f(T) >= T`` for some window end T: then the
   engines of that cycle wait for one another. Running an engine takes nothing from another, so the order does not matter.

Three ways to decide, each used where the one before does not settle it:

* *slack*: the worst rounding of every link, summed round every cycle. Negative everywhere proves the graph live.
* *game*: the tokens are played, least time first, over two hyper-periods and every delay in the loop. Exact.
* *phases*: where the hyper-period is absurd (windows without a common measure), f is evaluated round each cycle for every phase
  that can differ; beyond ``MOST_PHASES`` the worst rounding is taken, exact where roundings are independent (Chinese remainder).
"""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import gcd, lcm
from typing import Any

import numpy as np

from cosim.sdk.errors import CosimError
from cosim.sdk.time import format_ns

MOST_EVENTS = 300_000
MOST_PHASES = 4_000_000
MOST_CYCLES = 20_000


@dataclass(frozen=True)
class Flow:
    """One link, as the clockwork sees it: ``delay_ns`` is the whole delay, lead included."""

    name: str
    source: str
    target: str
    interval_ns: int
    delay_ns: int
    hold: bool = False

    def need_ns(self, start_ns: int, stop_ns: int) -> int:
        """Source time that must have been delivered before the target's window (start, stop]."""
        if self.hold:
            return (start_ns - self.delay_ns) // self.interval_ns * self.interval_ns
        return -((self.delay_ns - stop_ns) // self.interval_ns) * self.interval_ns

    def oldest_ns(self, start_ns: int) -> int:
        """The first source time that the target's window from ``start_ns`` still needs."""
        last = (start_ns - self.delay_ns) // self.interval_ns * self.interval_ns
        return last - self.interval_ns if self.hold else last


@dataclass(frozen=True)
class Wait:
    """One engine of a blocked loop: what it has of a link, and what it needs."""

    engine: str
    start_ns: int
    stop_ns: int
    flow: Flow
    has_ns: int
    needs_ns: int

    def __str__(self) -> str:
        return (
            f"{self.engine} waits for {self.flow.source} (link {self.flow.name}) before its window ({format_ns(self.start_ns)}, "
            f"{format_ns(self.stop_ns)}]: has {format_ns(self.has_ns)}, needs {format_ns(self.needs_ns)}"
        )


@dataclass(frozen=True)
class Deadlock:
    """A loop of engines that wait for one another, and the smallest delay that frees it."""

    waits: tuple[Wait, ...]
    freeing: Flow | None

    def draw(self) -> str:
        """``a --out (delay 0 ms)--> b --back (delay 0 ms)--> a``"""
        flows = [wait.flow for wait in reversed(self.waits)]
        return flows[0].source + "".join(f" --{f.name} (delay {format_ns(f.delay_ns)})--> {f.target}" for f in flows)

    def lines(self) -> list[str]:
        """The loop and who waits for whom, numbered."""
        return [self.draw(), *(f"{i}. {wait}" for i, wait in enumerate(self.waits, 1))]

    def mend(self) -> str:
        if self.freeing is None:
            return "let one of the links hold (time: hold)"
        now = next(w.flow.delay_ns for w in self.waits if w.flow.name == self.freeing.name)
        more = self.freeing.delay_ns - now
        whole = format_ns(self.freeing.delay_ns)
        return f"give link {self.freeing.name} a delay of {whole} in all ({format_ns(more)} more), or let it hold (time: hold)"


@dataclass(frozen=True)
class Proof:
    """The verdict, and the room each link needs.

    Attributes
    ----------
    method
        What settled it: slack, game or phases.
    buffers_ns
        For each link, the span of source time that must fit between what its source has sent and what its target still needs.
    in_loop
        Links of loops: the loop itself bounds how far their source can run ahead.
    """

    deadlocks: tuple[Deadlock, ...]
    method: str
    hyper_period_ns: int
    buffers_ns: Mapping[str, int]
    in_loop: frozenset[str]

    @property
    def is_live(self) -> bool:
        return not self.deadlocks


def prove(windows_ns: Mapping[str, int], flows: Sequence[Flow]) -> Proof:
    """Whether engines with these windows and links can always go on; exact in both directions."""
    loops = _strong_components(windows_ns, flows)
    deadlocks: list[Deadlock] = []
    methods: list[str] = []
    inside: set[str] = set()
    for engines in loops:
        inner = [f for f in flows if f.source in engines and f.target in engines]
        inside.update(f.name for f in inner)
        dead, method = _decide({e: windows_ns[e] for e in engines}, inner)
        methods.append(method)
        if dead:
            deadlocks.append(dead)
    order = ("slack", "game", "phases")
    method = max(methods, key=order.index, default="slack")
    hyper = lcm(*windows_ns.values(), *(f.interval_ns for f in flows))
    return Proof(tuple(deadlocks), method, hyper, _buffers(windows_ns, flows), frozenset(inside))


def _buffers(windows_ns: Mapping[str, int], flows: Sequence[Flow]) -> dict[str, int]:
    """Room that is always enough: however paths join, each engine and link on them adds one rounding at most, and what the target
    still needs is rounded down to whole frames once more."""
    longest: dict[str, int] = defaultdict(int)
    for flow in flows:
        longest[flow.target] = max(longest[flow.target], flow.interval_ns)
    slack = sum(windows_ns.values()) + sum(longest.values())
    return {f.name: f.delay_ns + slack + f.interval_ns + (f.interval_ns + windows_ns[f.target] if f.hold else 0) for f in flows}


# -- one strongly connected component ----------------------------------------------------------------------------------


def _decide(windows_ns: Mapping[str, int], flows: Sequence[Flow]) -> tuple[Deadlock | None, str]:
    if not _may_lock(windows_ns, flows):
        return None, "slack"
    horizon = _horizon(windows_ns, flows)
    if sum(horizon // h for h in windows_ns.values()) * max(1, len(flows) // len(windows_ns)) <= MOST_EVENTS:
        waits, method = play(windows_ns, flows, horizon).blocked, "game"
    else:
        waits, method = _blocked_cycle(windows_ns, flows), "phases"
    if not waits:
        return None, method
    return Deadlock(tuple(waits), _freeing(windows_ns, [w.flow for w in waits])), method


def worst_need_ns(windows_ns: Mapping[str, int], flow: Flow) -> int:
    """The largest ``ceil_H(need(T)) - T`` over all window ends T of the target: an upper bound, attained by single roundings."""
    target, source, interval, delay = windows_ns[flow.target], windows_ns[flow.source], flow.interval_ns, flow.delay_ns
    if flow.hold:
        return -target - delay + source - gcd(interval, source)
    common = gcd(target, interval)
    return -delay + interval - common + delay % common + source - gcd(interval, source)


def _may_lock(windows_ns: Mapping[str, int], flows: Sequence[Flow]) -> bool:
    """Whether some cycle has a sum of worst roundings >= 0 (longest paths, Bellman-Ford)."""
    index = {engine: i for i, engine in enumerate(windows_ns)}
    count = len(index)
    ends = np.array([index[f.source] for f in flows])
    starts = np.array([index[f.target] for f in flows])
    weights = np.array([worst_need_ns(windows_ns, f) for f in flows], dtype=object) * (count + 1) + 1  # >= 0 becomes > 0
    length = np.zeros(count, dtype=object)  # Python's integers: a century of ns times a hundred engines is beyond 64 bits
    for _ in range(count):
        longer = length.copy()
        np.maximum.at(longer, ends, length[starts] + weights)
        if (longer == length).all():
            return False
        length = longer
    return True


def _horizon(windows_ns: Mapping[str, int], flows: Sequence[Flow]) -> int:
    """Two hyper-periods, and as long as it takes until no window of a cycle is served by the time before 0."""
    largest: dict[str, int] = defaultdict(int)
    for flow in flows:
        largest[flow.target] = max(largest[flow.target], flow.delay_ns + flow.interval_ns)
    hyper = lcm(*windows_ns.values(), *(f.interval_ns for f in flows))
    return 2 * hyper + sum(largest.values()) + sum(windows_ns.values())


@dataclass
class Game:
    """How a game of tokens ended: the blocked loop, or none; the largest occupancy of each link."""

    blocked: list[Wait]
    peaks_ns: dict[str, int]


def play(windows_ns: Mapping[str, int], flows: Sequence[Flow], horizon_ns: int) -> Game:
    """Play the tokens, least time first, until every engine has passed the horizon or none can go on.

    Engines may run beyond the horizon where others need it; in a loop they cannot run away.
    """
    clocks = dict.fromkeys(windows_ns, 0)
    into: dict[str, list[Flow]] = {engine: [] for engine in windows_ns}
    out: dict[str, list[Flow]] = {engine: [] for engine in windows_ns}
    for flow in flows:
        into[flow.target].append(flow)
        out[flow.source].append(flow)
    peaks = dict.fromkeys((f.name for f in flows), 0)

    def missing(engine: str) -> Flow | None:
        start = clocks[engine]
        stop = start + windows_ns[engine]
        return next((f for f in into[engine] if 0 < f.need_ns(start, stop) > clocks[f.source]), None)

    ready = [(0, engine) for engine in windows_ns if missing(engine) is None]
    heapq.heapify(ready)
    queued = {engine for _, engine in ready}
    behind = set(windows_ns)
    while ready and behind:
        _, engine = heapq.heappop(ready)
        queued.discard(engine)
        after = clocks[engine] + windows_ns[engine]
        for flow in out[engine]:  # counted before the step: a self-loop's receiver has not moved on yet
            peaks[flow.name] = max(peaks[flow.name], after - flow.oldest_ns(clocks[flow.target]))
        clocks[engine] = after
        if after >= horizon_ns:
            behind.discard(engine)
        for other in {engine, *(f.target for f in out[engine])}:
            if other not in queued and missing(other) is None:
                heapq.heappush(ready, (clocks[other], other))
                queued.add(other)
    stuck = min(behind, key=lambda engine: (clocks[engine], engine), default=None)
    return Game(_loop(stuck, clocks, windows_ns, missing) if stuck is not None else [], peaks)


def _loop(first: str, clocks: Mapping[str, int], windows_ns: Mapping[str, int], missing: object) -> list[Wait]:
    """Follow who waits for whom from a blocked engine until it closes."""
    chain: list[Wait] = []
    engine = first
    while engine not in [wait.engine for wait in chain]:
        flow = missing(engine)  # type: ignore[operator]
        start, stop = clocks[engine], clocks[engine] + windows_ns[engine]
        has = clocks[flow.source] // flow.interval_ns * flow.interval_ns
        chain.append(Wait(engine, start, stop, flow, has, flow.need_ns(start, stop)))
        engine = flow.source
    return chain[[wait.engine for wait in chain].index(engine) :]


def _freeing(windows_ns: Mapping[str, int], loop: Sequence[Flow]) -> Flow | None:
    """The link of a loop that needs the least additional delay, with that delay."""
    engines = {f.target: windows_ns[f.target] for f in loop}
    most = sum(f.interval_ns + windows_ns[f.source] + windows_ns[f.target] for f in loop)
    best: tuple[int, Flow] | None = None
    for i, flow in enumerate(loop):
        low, high = 0, most  # a longer delay never needs more, so the verdict changes once
        while high - low > 1:
            middle = (low + high) // 2
            changed = [*loop[:i], replace(flow, delay_ns=flow.delay_ns + middle), *loop[i + 1 :]]
            if _cycle_locks(engines, changed) is None:
                high = middle
            else:
                low = middle
        if best is None or high < best[0]:
            best = (high, replace(flow, delay_ns=flow.delay_ns + high))
    return best[1] if best else None


# -- the closed form, cycle by cycle -----------------------------------------------------------------------------------


def _blocked_cycle(windows_ns: Mapping[str, int], flows: Sequence[Flow]) -> list[Wait]:
    """The first cycle of links with f(T) >= T for some T, as the waits at that T."""
    for count, cycle in enumerate(_cycles(_suspects(windows_ns, flows))):
        if count >= MOST_CYCLES:
            raise CosimError(
                "the loops of this scenario are too many to be decided one by one",
                why=f"over {MOST_CYCLES} loops of links have hardly any delay to spare, and windows without a common measure",
                mend="give windows a common measure, or links more delay",
            )
        at = _cycle_locks(windows_ns, cycle)
        if at is None:
            continue
        waits, stop = [], at
        for flow in cycle:
            start = stop - windows_ns[flow.target]
            need = flow.need_ns(start, stop)
            source = windows_ns[flow.source]
            stop = -(-need // source) * source
            waits.append(Wait(flow.target, start, start + windows_ns[flow.target], flow, stop - source, need))
        return waits
    return []


def _suspects(windows_ns: Mapping[str, int], flows: Sequence[Flow]) -> list[Flow]:
    """Links that can lie on a locking cycle: those on a closed walk whose worst roundings sum to 0 or more."""
    engines = list(windows_ns)
    index = {engine: i for i, engine in enumerate(engines)}
    never = -(10**30)
    hop = np.full((len(engines), len(engines)), never, dtype=object)
    for flow in flows:
        a, b = index[flow.target], index[flow.source]
        hop[a, b] = max(hop[a, b], worst_need_ns(windows_ns, flow))
    longest = np.full_like(hop, never)
    np.fill_diagonal(longest, 0)
    for _ in engines:  # walks of at most as many links as there are engines
        longest = np.maximum(longest, (longest[:, :, None] + hop[None, :, :]).max(axis=1))
    return [f for f in flows if longest[index[f.source], index[f.target]] + worst_need_ns(windows_ns, f) >= 0]


def _cycles(flows: Sequence[Flow]) -> Iterator[list[Flow]]:
    """Simple cycles, each as the links met when walking from target to source; parallel links one after the other."""
    import networkx as nx

    between: dict[tuple[str, str], list[Flow]] = defaultdict(list)
    for flow in flows:
        between[flow.target, flow.source].append(flow)
    for nodes in nx.simple_cycles(nx.DiGraph(list(between))):
        hops = [between[a, b] for a, b in zip(nodes, [*nodes[1:], nodes[0]], strict=True)]
        yield from (list(choice) for choice in itertools.product(*hops))


def _cycle_locks(windows_ns: Mapping[str, int], cycle: Sequence[Flow]) -> int | None:
    """A window end T of the first link's target with f(T) >= T round the cycle, or None."""
    if sum(worst_need_ns(windows_ns, f) for f in cycle) < 0:
        return None
    rotations = [list(cycle[i:]) + list(cycle[:i]) for i in range(len(cycle))]
    best = min(rotations, key=lambda c: _phases(windows_ns, c))
    first, count = windows_ns[best[0].target], _phases(windows_ns, best)
    own = {flow.target: windows_ns[flow.target] for flow in cycle}
    period = lcm(*own.values(), *(f.interval_ns for f in cycle))
    shown = _horizon(own, cycle) // period * period + period  # the same phase, beyond all that is served by the time before 0
    stop = first
    if count <= MOST_PHASES:  # the verdict does not change when all times are moved by a period
        ends = first * np.arange(1, count + 1, dtype=np.int64)
        locked = np.flatnonzero(_round(windows_ns, best, ends) >= ends)
        if not len(locked):
            return None
        stop = int(ends[locked[0]])
    stop += shown
    for flow in best:  # walk on to the engine that the caller's cycle starts with
        if flow is cycle[0]:
            break
        stop = _round(windows_ns, [flow], stop)
    return stop


def _phases(windows_ns: Mapping[str, int], cycle: Sequence[Flow]) -> int:
    """How many window ends of the first engine can round differently.

    ``ceil_m(x) >= T`` asks the same of ``x - T`` for every T that is a multiple of m, so the last roundings drop out.
    """
    first = windows_ns[cycle[0].target]
    moduli = [m for f in cycle for m in (f.interval_ns, windows_ns[f.source])]
    while moduli and first % moduli[-1] == 0:
        moduli.pop()
    whole = lcm(*moduli) if moduli else 1
    return whole // gcd(whole, first)


def _round(windows_ns: Mapping[str, int], cycle: Sequence[Flow], ends: Any) -> Any:
    """f(T) for each window end, one or an array of them: what the first engine's window needs, followed round the cycle."""
    for flow in cycle:
        interval, source = flow.interval_ns, windows_ns[flow.source]
        if flow.hold:
            ends = (ends - windows_ns[flow.target] - flow.delay_ns) // interval * interval
        else:
            ends = -((flow.delay_ns - ends) // interval) * interval
        ends = -(-ends // source) * source
    return ends


def _strong_components(windows_ns: Mapping[str, int], flows: Sequence[Flow]) -> list[set[str]]:
    """Sets of engines that reach one another; single engines only where a link leads back to themselves."""
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from(windows_ns)
    graph.add_edges_from((f.source, f.target) for f in flows)
    order = {engine: i for i, engine in enumerate(windows_ns)}
    found = [set(c) for c in nx.strongly_connected_components(graph)]
    loops = [c for c in found if len(c) > 1 or graph.has_edge(*(next(iter(c)),) * 2)]
    return sorted(loops, key=lambda c: min(order[e] for e in c))
