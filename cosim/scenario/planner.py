"""From a scenario to its plan: ports and units matched, translators built, every link compiled, the graph proven.

All faults are collected; what depends on something faulty is passed over in silence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.scenario import registry
from cosim.scenario.channels import match_channels
from cosim.scenario.interpreters import interpreter
from cosim.scenario.plan import EnginePlan, LinkPlan, Plan, Stage, derived_seed
from cosim.scenario.proof import prove
from cosim.scenario.reader import KeyPath
from cosim.scenario.schema import EngineEntry, LinkEntry, Scenario, validated
from cosim.sdk import HELD, NOT_FED, CosimError, Params, Port, ScenarioError, did_you_mean, format_ns, nearest_multiples
from cosim.sdk.units import factor, parse

_ENDPOINT = re.compile(r"^\s*([A-Za-z_][\w-]*)\.([A-Za-z_]\w*)\s*(?:\[(.*)\])?\s*$")
MOST_REPEATS = 1000
RESAMPLER = "resample"
"""The translator that the plan puts at a link's end when a port asks for another step than what arrives."""


def make_plan(scenario: Scenario, *, check_loops: bool = True) -> Plan:
    """Match ports and units, build and check every translator, prove the graph; a ScenarioError lists all faults."""
    return _Planner(scenario).plan(check_loops)


def plan_all(load: Callable[[], Scenario], *, check_loops: bool = True) -> Plan:
    """Load a scenario and plan it; faults of reading and of planning are told together."""
    try:
        scenario = load()
    except ScenarioError as error:
        faults = list(error.faults)
        if error.rest is not None:
            try:
                make_plan(error.rest)
            except ScenarioError as more:
                faults += more.faults
        raise ScenarioError(sorted(faults, key=lambda f: _line(f.where))) from None
    return make_plan(scenario, check_loops=check_loops)


class _Planner:
    """Collects faults while it goes; what depends on something faulty is passed over in silence."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario, self.document = scenario, scenario.document
        self.faults: list[CosimError] = []

    def plan(self, check_loops: bool) -> Plan:
        file = self.scenario.file
        engines = {name: made for name, entry in file.engines.items() if (made := self._engine(name, entry))}
        links = {name: link for name, entry in sorted(file.links.items()) if (link := self._link(name, entry, engines))}
        engines = {name: self._connect(engine, links) for name, engine in engines.items()}
        streams = self._streams(engines, links)
        try:
            proof = prove({n: e.window_ns for n, e in engines.items()}, [link.flow for link in links.values()])
        except CosimError as error:
            raise ScenarioError([*self.faults, error]) from None
        if check_loops:
            self.faults += [self._loop_fault(dead) for dead in proof.deadlocks]
        if self.faults:
            raise ScenarioError(sorted(self.faults, key=lambda f: _line(f.where)))
        return Plan(self.scenario, engines, links, streams, proof)

    def _fault(self, path: KeyPath, error: CosimError) -> None:
        """Note faults of what stands at a path; one that an engine tells of a key of its own, ``params.key…``, stands there."""
        for fault in error.faults if isinstance(error, ScenarioError) else (error,):
            keys = tuple(fault.where.split(".")) if path[-1] == "params" and fault.where.startswith("params.") else ("params",)
            fault.where = self.document.where((*path[:-1], *keys) if path[-1] == "params" else path)
            self.faults.append(fault)

    # -- engines ---------------------------------------------------------------------------------------------------

    def _engine(self, name: str, entry: EngineEntry) -> EnginePlan | None:
        path: KeyPath = ("engines", name)
        try:
            cls = registry.find("engine", entry.use, self.scenario.folder)
        except CosimError as error:
            self._fault((*path, "use"), error)
            return None
        params = self._params(cls.Params, entry.params, (*path, "params"))
        if params is None:
            return None
        try:
            ports: list[Port] = list(cls.ports(params))
        except Exception as error:  # a plug-in may raise anything
            told = error if isinstance(error, CosimError) else CosimError(f"ports() of {entry.use} raised {error!r}")
            for fault in told.faults if isinstance(told, ScenarioError) else (told,):
                self._fault((*path, "params"), fault)
            return None
        step_ns = cls.step_ns(params) if hasattr(cls, "step_ns") else None
        if step_ns and entry.window % step_ns:
            self._fault((*path, "window"), _not_whole("a window", entry.window, step_ns, f"of {name}'s model"))
            return None
        for port in ports:
            if not len(port.space):
                mend = "leave a port of nothing out of ports()"
                self._fault((*path, "params"), CosimError(f"port {name}.{port.name} has no channels", mend=mend))
                return None
            if entry.window % (port.dt_ns or entry.window):
                self._fault((*path, "window"), _not_whole("a window", entry.window, port.dt_ns, f"of {name}.{port.name}"))
                return None
        outputs = {port.name: port.but(dt_ns=port.dt_ns or entry.window) for port in ports if port.direction == "out"}
        inputs = {port.name: port for port in ports if port.direction == "in"}
        seed = derived_seed(self.scenario.file.clock.seed, "engine", name)
        python = interpreter(entry.python, self.scenario.folder) if entry.python else None
        return EnginePlan(name, cls, params, entry.window, seed, outputs, inputs, {}, {}, entry.ranks, python, entry.cost, step_ns)

    def _params(self, model: type[Params], values: Mapping[str, Any], path: KeyPath) -> Any | None:
        document = replace(self.document, folder=self.scenario.folder)
        return validated(model, dict(values), path, document, self.faults)

    def _connect(self, engine: EnginePlan, links: Mapping[str, LinkPlan]) -> EnginePlan:
        """The engine's inputs as they will arrive: on the finest grid of the links that end there."""
        arriving, delays = {}, {}
        for port in engine.inputs.values():
            into = [link for link in links.values() if link.target == engine.name and link.target_port.name == port.name]
            if not into:
                continue
            if port.kind == "samples":
                dt_ns = math.gcd(*(link.arriving_dt_ns or engine.window_ns for link in into))
                arriving[port.name] = port.but(dt_ns=dt_ns)
            else:
                arriving[port.name] = port
            delay = np.full(len(port.space), NOT_FED, np.int64)
            for link in into:
                delay[link.channels.rows_filled(len(port.space))] = HELD if link.hold else link.delay_ns
            delays[port.name] = delay
        return replace(engine, arriving=arriving, delays_ns=delays)

    # -- links -----------------------------------------------------------------------------------------------------

    def _link(self, name: str, entry: LinkEntry, engines: Mapping[str, EnginePlan]) -> LinkPlan | None:
        path: KeyPath = ("links", name)
        source = self._end((*path, "from"), entry.source, "out", engines)
        target = self._end((*path, "to"), entry.target, "in", engines)
        if source is None or target is None:
            return None
        try:
            return self._compile(name, entry, source, target, engines)
        except _Told:
            return None
        except CosimError as error:
            self._fault(getattr(error, "path", path), error)
            return None

    def _end(
        self, path: KeyPath, text: str, direction: str, engines: Mapping[str, EnginePlan]
    ) -> tuple[str, Port, NDArray[np.int64] | None] | None:
        match = _ENDPOINT.match(text)
        if match is None:
            self._fault(path, CosimError(f"{text!r} is not a port", mend="write engine.port or engine.port[selector]"))
            return None
        engine, port_name, selector = match.groups()
        if engine not in engines:
            if engine not in self.scenario.file.engines and engine not in self.scenario.absent:  # else its own fault is told
                self._fault(
                    path, CosimError(f"there is no engine {engine!r}", mend=did_you_mean(engine, list(self.scenario.file.engines)))
                )
            return None
        ports, others = engines[engine].outputs, engines[engine].inputs
        if direction == "in":
            ports, others = others, ports
        if port_name not in ports:
            kind = "output" if direction == "out" else "input"
            why = (
                f"{port_name!r} is an {'input' if direction == 'out' else 'output'} of {engine}"
                if port_name in others
                else f"its {kind}s: {', '.join(ports) or 'none'}"
            )
            self._fault(
                path,
                CosimError(
                    f"{engine} has no {kind} {port_name!r}",
                    why=why,
                    mend=did_you_mean(port_name, list(ports)) or f"{engine} has no {kind}s",
                ),
            )
            return None
        if selector is None or selector.strip() == "*":
            return engine, ports[port_name], None
        try:
            parts = [part.strip() for part in selector.split(",") if part.strip()]
            rows = ports[port_name].space.select(parts if len(parts) != 1 else parts[0])
            counts = np.bincount(rows)
            if len(rows) == 0 or counts.max() > 1:
                twice = ports[port_name].space.labels[int(counts.argmax())] if len(rows) else ""
                raise CosimError(f"[{selector}] selects channel {twice!r} twice" if twice else f"[{selector}] selects nothing")
            return engine, ports[port_name], rows
        except CosimError as error:
            self._fault(path, error.about(f"{engine}.{port_name}"))
            return None

    def _compile(
        self,
        name: str,
        entry: LinkEntry,
        source_end: tuple[str, Port, NDArray[np.int64] | None],
        target_end: tuple[str, Port, NDArray[np.int64] | None],
        engines: Mapping[str, EnginePlan],
    ) -> LinkPlan:
        path: KeyPath = ("links", name)
        source, source_port, select = source_end
        target, target_port, into = target_end
        window_ns, target_window_ns = engines[source].window_ns, engines[target].window_ns
        interval_ns = entry.interval or window_ns
        delay_ns = entry.delay + source_port.lead_ns
        hold = entry.time == "hold"
        port = source_port if select is None else source_port.but(space=source_port.space.take(select))
        if port.kind == "spikes":
            port = port.but(dt_ns=interval_ns)  # the grid of a stream of spikes is that of its frames
        elif interval_ns % (port.dt_ns or window_ns):
            raise _at(
                (*path, "interval"), _not_whole("an interval", interval_ns, port.dt_ns or window_ns, f"of {source}.{port.name}")
            )
        if into is not None and len(np.unique(into)) < len(into):
            raise _at((*path, "to"), CosimError("a channel is selected twice", why=f"{entry.target} names {len(into)} channels"))
        taken = target_port if into is None else target_port.but(space=target_port.space.take(into))
        stages, carried = self._chain(name, entry, port, taken, interval_ns)
        if hold and carried.kind == "spikes":
            raise _at(
                (*path, "time"),
                CosimError(
                    "spikes cannot be held", why="a hold reads the last value known; spikes are events", mend="leave 'time' out"
                ),
            )
        asked, step_ns = target_port.dt_ns, engines[target].step_ns
        if asked is None and step_ns and carried.kind == "samples" and (carried.dt_ns or interval_ns) % step_ns:
            asked = step_ns  # rows that are not whole steps of the simulator
        if carried.kind == "samples" and taken.kind == "samples" and asked and not hold and carried.dt_ns != asked:
            stage = self._stage(RESAMPLER, {}, carried, taken.but(dt_ns=asked), interval_ns, (*path, "to"))
            stages, carried = (*stages, stage), stage.port
        if carried.kind != taken.kind:
            raise self._kinds_differ(name, port, taken, carried)
        if carried.allow_nan and not taken.allow_nan and taken.kind == "samples":
            raise CosimError(
                f"what arrives may be NaN, which {target}.{taken.name} does not take", why=f"{source}.{port.name} allows NaN"
            )
        scale = self._scale(path, carried, taken) if taken.kind == "samples" else 1.0
        try:
            channels = match_channels(carried, taken, entry.map, self.scenario.folder, scale, into, len(target_port.space))
        except CosimError as error:
            raise _at((*path, "map") if entry.map is not None else path, error) from None
        at_source = 0
        for stage in stages:
            if stage.place != "source":
                break
            at_source += 1
        initial, at_end = self._initial(path, entry, port, carried)
        dt_ns = None
        if carried.kind == "samples":
            dt_ns = target_window_ns if hold else math.gcd(carried.dt_ns or interval_ns, delay_ns, target_window_ns)
            if hold and asked:
                dt_ns = asked
            elif asked and dt_ns != asked:
                whose = f"that {target}.{target_port.name} asks for"
                raise _at((*path, "delay"), _not_whole("a delay", delay_ns, asked, whose))
            elif step_ns and dt_ns % step_ns and not hold:
                raise _at((*path, "delay"), _not_whole("a delay", delay_ns, step_ns, f"of {target}'s model"))
        if carried.kind == "samples" and dt_ns and not hold and (carried.dt_ns or interval_ns) // dt_ns > MOST_REPEATS:
            step = carried.dt_ns or interval_ns
            raise _at(
                (*path, "delay"),
                CosimError(
                    f"a delay of {format_ns(delay_ns)} would cut rows of {format_ns(step)} into steps of {format_ns(dt_ns)}",
                    why=f"each row would be repeated {step // dt_ns} times, so that the delay can be kept exactly",
                    mend=f"nearest delays that keep the rows: {nearest_multiples(delay_ns, step)}",
                ),
            )
        record = entry.record or name in self.scenario.file.record.streams
        return LinkPlan(
            name, source, source_port, select, stages, at_source, channels, channels.reduces and at_source == len(stages),
            target, target_port, interval_ns, delay_ns, hold, initial, at_end, carried, dt_ns, record,
        )  # fmt: skip

    def _chain(self, name: str, entry: LinkEntry, port: Port, taken: Port, interval_ns: int) -> tuple[tuple[Stage, ...], Port]:
        stages: list[Stage] = []
        for i, step in enumerate(entry.via):
            ((use, values),) = step.items()
            stage = self._stage(use, values or {}, port, taken, interval_ns, ("links", name, "via", i, use))
            stages.append(stage)
            port = stage.port
        return tuple(stages), port

    def _stage(self, use: str, values: Mapping[str, Any], port: Port, taken: Port, interval_ns: int, path: KeyPath) -> Stage:
        try:
            cls = registry.find("translator", use, self.scenario.folder)
        except CosimError as error:
            raise _at(path, error) from None
        params = self._params(cls.Params, values, path)
        if params is None:
            raise _Told
        try:
            translator = cls(port, taken, params)
        except CosimError as error:
            raise _at(path, error) from None
        except Exception as error:  # an author's slip: told like any other fault
            raise _at(path, CosimError(f"translator {use!r} cannot be built", why=f"{type(error).__name__}: {error}")) from error
        out: Port = translator.port
        if out.kind == "spikes" or out.dt_ns is None:
            out = out.but(dt_ns=interval_ns)  # the grid of a stream of spikes is that of its frames
        return Stage(use, cls, params, port, taken, out, translator.place)

    def _kinds_differ(self, name: str, port: Port, taken: Port, carried: Port) -> CosimError:
        fitting = self._fitting(carried, taken)
        return CosimError(
            f"link {name!r} brings {carried.kind} to a port that takes {taken.kind}",
            why=f"what arrives: {carried.describe()}; {taken.name} takes {taken.describe()}",
            mend=f"add a translator, via: {' or '.join(fitting)}"
            if fitting
            else "no installed translator fits; write one (cosim new translator)",
        )

    def _fitting(self, carried: Port, taken: Port) -> list[str]:
        """Installed translators that turn one port into the kind of the other; where some give its dimension, only these."""
        kind, dimension = [], []
        for use in registry.installed("translator"):
            try:
                cls = registry.find("translator", use, self.scenario.folder)
                port = cls(carried, taken, cls.Params()).port
            except Exception:  # it needs parameters, or refuses this pair
                continue
            if port.kind == taken.kind:
                kind.append(use)
                if port.kind == "spikes" or _converts(port.unit, taken.unit):
                    dimension.append(use)
        return dimension or (kind if carried.kind != taken.kind else [])

    def _scale(self, path: KeyPath, carried: Port, taken: Port) -> float:
        """The factor between units; a fault where dimensions or quantities differ."""
        try:
            scale = factor(carried.unit, taken.unit)
        except CosimError:
            fitting = [n for n in self._fitting(carried, taken) if n != RESAMPLER]
            raise CosimError(
                f"what arrives is in {carried.unit}, {taken.name} takes {taken.unit}",
                why=f"{carried.quantity or 'a quantity'} and {taken.quantity or 'a quantity'} differ in dimension",
                mend=f"add a translator, via: {' or '.join([*fitting, 'scale (factor, unit, quantity)'])}",
            ) from None
        if carried.quantity and taken.quantity and carried.quantity != taken.quantity:
            raise CosimError(
                f"what arrives is {carried.quantity}, {taken.name} takes {taken.quantity}",
                mend=f"if that is meant, say so: via: {{scale: {{factor: 1, quantity: {taken.quantity}}}}}",
            )
        return scale

    def _initial(self, path: KeyPath, entry: LinkEntry, port: Port, carried: Port) -> tuple[NDArray[np.float64] | None, bool]:
        at_end = port.kind == "spikes"
        of = carried if at_end else port
        if entry.initial is None:
            return None, at_end
        if of.kind == "spikes":
            raise _at(
                (*path, "initial"),
                CosimError(
                    "a link of spikes has no initial value", why="before time 0 there are no spikes", mend="leave 'initial' out"
                ),
            )
        items = entry.initial if isinstance(entry.initial, list) else [entry.initial]
        if len(items) not in (1, len(of.space)):
            raise _at(
                (*path, "initial"),
                CosimError(f"{len(items)} initial values for {len(of.space)} channels", mend="give one, or one a channel"),
            )
        try:
            values = [parse(item, of.unit) if isinstance(item, str) else _bare(item, of.unit) for item in items]
        except CosimError as error:
            raise _at((*path, "initial"), error) from None
        return np.full(len(of.space), values[0]) if len(values) == 1 else np.array(values), at_end

    def _streams(self, engines: Mapping[str, EnginePlan], links: Mapping[str, LinkPlan]) -> tuple[str, ...]:
        streams: list[str] = []
        for i, text in enumerate(self.scenario.file.record.streams):
            if text in self.scenario.file.links:
                continue
            end = self._end(("record", "streams", i), text, "out", engines)
            if end is not None and end[2] is not None:
                self._fault(("record", "streams", i), CosimError("a stream is recorded whole", mend=f"{end[0]}.{end[1].name}"))
            elif end is not None:
                streams.append(f"{end[0]}.{end[1].name}")
        streams += [f"{link.source}.{link.source_port.name}" for link in links.values() if link.record]
        return tuple(dict.fromkeys(streams))

    def _loop_fault(self, dead: Any) -> CosimError:
        first = dead.waits[0].flow.name
        fault = CosimError(
            f"a loop of {len(dead.waits)} link{'s' if len(dead.waits) > 1 else ''} has too little delay: "
            "its engines would wait for one another for ever",
            where=self.document.where(("links", first)),
            why="\n       ".join(dead.lines()),
            mend=dead.mend(),
        )
        fault.deadlock = dead  # type: ignore[attr-defined]
        return fault


class _Told(Exception):
    """Raised where the faults have been collected already."""


def _at(path: KeyPath, error: CosimError) -> CosimError:
    error.path = path  # type: ignore[attr-defined]
    return error


def _not_whole(what: str, value_ns: int, step_ns: int | None, whose: str) -> CosimError:
    assert step_ns is not None
    return CosimError(
        f"{what} of {format_ns(value_ns)} is not a whole number of the {format_ns(step_ns)} steps {whose}",
        mend=f"nearest: {nearest_multiples(value_ns, step_ns)}",
    )


def _bare(value: float, unit: str) -> float:
    if unit != "1":
        raise CosimError(f"{value} has no unit", mend=f"write '{value} {unit}'")
    return float(value)


def _converts(source: str, target: str) -> bool:
    try:
        return bool(factor(source, target))
    except CosimError:
        return False


def _line(where: str) -> tuple[str, int]:
    head = where.split("  ")[0]
    file, _, line = head.rpartition(":")
    return (file, int(line)) if line.isdigit() else (head, 0)
