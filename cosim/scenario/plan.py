"""The plan: engines, links and translators with all that a run needs to know of them, frozen.

A plan is a function of the scenario alone (see planner.py). Every process of a run makes the same plan for itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cosim.scenario.channels import ChannelMap
from cosim.scenario.proof import Flow, Proof
from cosim.scenario.schema import Scenario
from cosim.sdk import Port


@dataclass(frozen=True)
class EnginePlan:
    """One engine, ready to be built."""

    name: str
    cls: Any
    params: Any
    window_ns: int
    seed: int
    outputs: Mapping[str, Port]
    inputs: Mapping[str, Port]
    arriving: Mapping[str, Port]
    """The connected input ports as they will arrive."""
    delays_ns: Mapping[str, NDArray[np.int64]]
    ranks: int = 1
    python: Path | None = None
    """The interpreter of its own."""
    cost: float = 1.0
    step_ns: int | None = None
    """The simulator's step, where the parameters tell it."""

    @property
    def alone(self) -> str | None:
        """What a process can hold one of, where this engine takes it: the name of a simulator."""
        simulator = getattr(self.cls, "simulator", None)
        return (simulator.alone or None) if simulator is not None else None


@dataclass(frozen=True)
class Stage:
    """One translator of a chain: how to build it, what comes out of it, and at which end of the link it runs."""

    name: str
    cls: Any
    params: Any
    source: Port
    target: Port
    port: Port
    place: Literal["source", "target"]

    def build(self) -> Any:
        return self.cls(self.source, self.target, self.params)


@dataclass(frozen=True)
class LinkPlan:
    """One link, compiled: what is done at its source, on the way, and at its target."""

    name: str
    source: str
    source_port: Port
    select: NDArray[np.int64] | None
    """Rows of the source port that are taken; None for all."""
    stages: tuple[Stage, ...]
    stages_at_source: int
    channels: ChannelMap
    map_at_source: bool
    target: str
    target_port: Port
    interval_ns: int
    delay_ns: int
    """The whole delay: the port's lead and the link's own."""
    hold: bool
    initial: NDArray[np.float64] | None
    """(channels,) of the source side, or of the chain's end where the source gives spikes and the chain does not."""
    initial_at_end: bool
    carried: Port
    """What comes out of the chain, on the chain's grid."""
    arriving_dt_ns: int | None
    record: bool = False

    @property
    def fed_port(self) -> Port:
        """The target port, restricted to the channels that this link feeds."""
        into = self.channels.into
        port = self.target_port.but(name=self.name)
        return port if into is None else port.but(space=port.space.take(into))

    @property
    def flow(self) -> Flow:
        return Flow(self.name, self.source, self.target, self.interval_ns, self.delay_ns, self.hold)


@dataclass(frozen=True)
class Plan:
    """A checked scenario, frozen."""

    scenario: Scenario
    engines: Mapping[str, EnginePlan]
    links: Mapping[str, LinkPlan]
    streams: tuple[str, ...]
    """``engine.port`` streams to be recorded."""
    proof: Proof

    @property
    def name(self) -> str:
        return self.scenario.name

    @property
    def stop_ns(self) -> int:
        return self.scenario.file.clock.stop

    @property
    def seed(self) -> int:
        return self.scenario.file.clock.seed

    @cached_property
    def links_into(self) -> dict[str, list[LinkPlan]]:
        """For each engine, the links that end there, in the order of their names."""
        return {e: [link for _, link in sorted(self.links.items()) if link.target == e] for e in self.engines}

    @cached_property
    def links_from(self) -> dict[str, list[LinkPlan]]:
        return {e: [link for _, link in sorted(self.links.items()) if link.source == e] for e in self.engines}

    @cached_property
    def goals_ns(self) -> dict[str, int]:
        """How far each engine runs: past the stop, and as far as others need it to get there."""
        goals = {name: -(-self.stop_ns // e.window_ns) * e.window_ns for name, e in self.engines.items()}
        pending = list(self.links.values())
        while pending:
            link = pending.pop()
            stop, window = goals[link.target], self.engines[link.source].window_ns
            need = -(-link.flow.need_ns(stop - self.engines[link.target].window_ns, stop) // window) * window
            if need > goals[link.source]:
                goals[link.source] = need
                pending += self.links_into[link.source]
        return goals


def derived_seed(seed: int, *names: str) -> int:
    """A seed of 63 bits for a named part, the same in every process."""
    text = "/".join((str(seed), *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1
