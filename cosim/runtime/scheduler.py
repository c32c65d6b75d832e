"""Which engine may run its next window: the scheduling rule, and nothing else.

Rules of this file:

1. No socket, thread, file or wall clock: what has been delivered comes in, which engine to run goes out.
2. *Need*: an engine's window waits until every in-link has delivered what it needs. Nothing newer is looked at.
3. *Credit*: it waits while an out-link that no loop bounds has no room left at its other end.
4. *Fire*: of the engines that may run, the one furthest behind goes first; ties are broken by the order of their names.

It speaks of the engines of one worker; links lead to engines here and elsewhere.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cosim.scenario.proof import Flow, Wait


class _Inbound:
    """A link that ends here: what it has delivered, will have delivered in the end, and what its engine's next window needs."""

    __slots__ = ("delivered_ns", "end_ns", "engine", "flow", "granted_ns", "is_local", "need_ns", "room_step_ns")

    def __init__(self, flow: Flow, end_ns: int, is_local: bool, room_step_ns: int) -> None:
        self.flow, self.end_ns, self.is_local = flow, end_ns, is_local
        # before time 0 nothing has been delivered: the first frames, of the initial value, come like all others
        self.delivered_ns = flow.oldest_ns(0)
        self.engine: _Engine
        self.need_ns = 0
        self.granted_ns = flow.oldest_ns(0)
        self.room_step_ns = room_step_ns


class _Outbound:
    """A link that starts here and is held by credit: the room at its other end."""

    __slots__ = ("buffer_ns", "engine", "flow", "limit_ns")

    def __init__(self, flow: Flow, buffer_ns: int) -> None:
        self.flow, self.buffer_ns = flow, buffer_ns
        self.limit_ns = flow.oldest_ns(0) + buffer_ns
        self.engine: _Engine


class _Engine:
    __slots__ = ("clock_ns", "goal_ns", "inbound", "index", "missing", "name", "outbound", "window_ns")

    def __init__(self, name: str, index: int, window_ns: int, goal_ns: int) -> None:
        self.name, self.index, self.window_ns, self.goal_ns = name, index, window_ns, goal_ns
        self.clock_ns = 0
        self.missing = 0
        self.inbound: list[_Inbound] = []
        self.outbound: list[_Outbound] = []


@dataclass(frozen=True)
class Credit:
    """Room granted on a link: the first source time that its target still needs."""

    link: str
    oldest_ns: int


class Scheduler:
    """Decides for the engines of one worker.

    Parameters
    ----------
    windows_ns, goals_ns
        Of the engines hosted here, the windows; of all engines, the time at which they are done.
    flows
        All links that touch them.
    buffers_ns
        Room of each link that is held by credit; a link inside a loop is bounded by the loop and is not named here.
    """

    def __init__(
        self, windows_ns: Mapping[str, int], goals_ns: Mapping[str, int], flows: Sequence[Flow], buffers_ns: Mapping[str, int]
    ) -> None:
        self._engines = {name: _Engine(name, i, windows_ns[name], goals_ns[name]) for i, name in enumerate(sorted(windows_ns))}
        self.expected = 0
        """Links that have frames to come: every frame that is sent is taken, so that hashes don't depend on who ends first."""
        self._inbound: dict[str, _Inbound] = {}
        self._outbound: dict[str, _Outbound] = {}
        for flow in flows:
            if flow.target in self._engines:
                step = max(4 * flow.interval_ns, 1) if flow.name in buffers_ns else 0
                end = goals_ns[flow.source] // flow.interval_ns * flow.interval_ns
                inbound = _Inbound(flow, end, flow.source in self._engines, step)
                self.expected += inbound.delivered_ns < end
                inbound.engine = self._engines[flow.target]
                inbound.engine.inbound.append(inbound)
                self._inbound[flow.name] = inbound
            if flow.source in self._engines and flow.name in buffers_ns:
                outbound = _Outbound(flow, buffers_ns[flow.name])
                outbound.engine = self._engines[flow.source]
                outbound.engine.outbound.append(outbound)
                self._outbound[flow.name] = outbound
        self._ready: list[tuple[int, int, _Engine]] = []
        self.unfinished = 0
        for engine in self._engines.values():
            if engine.goal_ns > 0:
                self.unfinished += 1
                self._look_ahead(engine)

    # -- what comes in ---------------------------------------------------------------------------------------------

    def offered(self, link: str, stop_ns: int) -> None:
        """A frame of ``link`` has come that ends at source time ``stop_ns``."""
        inbound = self._inbound[link]
        before, need = inbound.delivered_ns, inbound.need_ns
        inbound.delivered_ns = stop_ns
        if stop_ns == inbound.end_ns:
            self.expected -= 1
        if before < need <= stop_ns:
            self._one_less(inbound.engine)

    def granted(self, link: str, oldest_ns: int) -> None:
        """The target of ``link`` needs nothing before source time ``oldest_ns`` any more."""
        outbound = self._outbound[link]
        engine, limit = outbound.engine, oldest_ns + outbound.buffer_ns
        stop = engine.clock_ns + engine.window_ns
        before, outbound.limit_ns = outbound.limit_ns, limit
        if before < stop <= limit:
            self._one_less(engine)

    def advanced(self, name: str) -> list[Credit]:
        """An engine has run its window; the credits that are now due to the sources of its links elsewhere."""
        engine = self._engines[name]
        engine.clock_ns += engine.window_ns
        credits = []
        is_done = engine.clock_ns >= engine.goal_ns
        for inbound in engine.inbound:
            if inbound.room_step_ns:
                oldest = inbound.end_ns if is_done else inbound.flow.oldest_ns(engine.clock_ns)
                if inbound.is_local:
                    self.granted(inbound.flow.name, oldest)
                elif inbound.delivered_ns < inbound.end_ns and (is_done or oldest - inbound.granted_ns >= inbound.room_step_ns):
                    inbound.granted_ns = oldest
                    credits.append(Credit(inbound.flow.name, oldest))
        if is_done:
            self.unfinished -= 1
        else:
            self._look_ahead(engine)
        return credits

    # -- what goes out ---------------------------------------------------------------------------------------------

    def next(self) -> str | None:
        """The engine to run now, or None when all must wait."""
        return heapq.heappop(self._ready)[2].name if self._ready else None

    def peek_start_ns(self) -> int | None:
        """Where the window starts that would run next."""
        return self._ready[0][0] if self._ready else None

    def lacking(self) -> str | None:
        """The link that keeps the engine furthest behind from running."""
        behind: _Engine | None = None
        for engine in self._engines.values():
            if engine.missing and engine.clock_ns < engine.goal_ns and (behind is None or engine.clock_ns < behind.clock_ns):
                behind = engine
        if behind is None:
            return None
        for inbound in behind.inbound:
            if inbound.delivered_ns < inbound.need_ns:
                return inbound.flow.name
        return behind.outbound[0].flow.name if behind.outbound else None

    def waits(self) -> list[Wait]:
        """Who waits for which link, with have and need; for links held by credit, the room."""
        found = []
        for engine in self._engines.values():
            if engine.clock_ns >= engine.goal_ns:
                continue
            start, stop = engine.clock_ns, engine.clock_ns + engine.window_ns
            found += [
                Wait(engine.name, start, stop, i.flow, i.delivered_ns, i.need_ns)
                for i in engine.inbound
                if i.delivered_ns < i.need_ns
            ]
            found += [Wait(engine.name, start, stop, o.flow, o.limit_ns, stop) for o in engine.outbound if o.limit_ns < stop]
        return found

    # -- inside ----------------------------------------------------------------------------------------------------

    def _look_ahead(self, engine: _Engine) -> None:
        """Count what the engine's next window still waits for."""
        start = engine.clock_ns
        stop = start + engine.window_ns
        missing = 0
        for inbound in engine.inbound:
            inbound.need_ns = need = inbound.flow.need_ns(start, stop)
            if inbound.delivered_ns < need:
                missing += 1
        for outbound in engine.outbound:
            if outbound.limit_ns < stop:
                missing += 1
        engine.missing = missing
        if not missing:
            heapq.heappush(self._ready, (start, engine.index, engine))

    def _one_less(self, engine: _Engine) -> None:
        if engine.clock_ns >= engine.goal_ns:
            return
        engine.missing -= 1
        if not engine.missing:
            heapq.heappush(self._ready, (engine.clock_ns, engine.index, engine))
