"""What is written into a brain and read from it, step by step."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import (
    HELD,
    CosimError,
    OutputBinding,
    Port,
    Samples,
    Setup,
    StepInput,
    StepOutput,
    Window,
    did_you_mean,
    format_ns,
)
from engines.tvb.brain import Brain, Delayed
from engines.tvb.ways import restore, saved, seed_noise

Ints = NDArray[np.int64]


class External(StepInput):
    """What regions send that are simulated elsewhere."""

    def __init__(self, brain: Brain, regions: Ints, variable: int, setup: Setup) -> None:
        self._entries = brain.entries(regions)
        super().__init__(len(self._entries))
        self._brain, self._variable, self._setup = brain, variable, setup
        for region in regions:
            if (variable, region) in brain.coming:
                name = brain.tvb.model.state_variables[variable]
                raise CosimError(f"{name} of {brain.space.labels[region]} comes in by two ports", mend="keep one of them")
            brain.coming.add((variable, region))
        brain.external[regions] = True

    def bound(self, port: Port, dt_ns: int) -> None:
        super().bound(port, dt_ns)
        delays_ns = self._setup.delays_ns.get(port.name, np.zeros(0, np.int64))
        if (delays_ns == HELD).any():
            raise CosimError(
                f"what external regions send cannot be held (port {port.name!r})",
                why="a connection needs the value of a given time before; what a holding link brings has no fixed delay",
                mend=f"leave 'time: hold' out of the links to {port.name}",
            )
        self._fed = np.flatnonzero(delays_ns >= 0)
        names, modes = self._brain.space.labels, self._brain.state.shape[2]
        for channel in self._fed:
            region, mode = divmod(self._entries[channel], modes)
            self._make_up(region, mode, self._whole_steps(names[region], int(delays_ns[channel])))
        if missing := [names[entry // modes] for entry in np.delete(self._entries, self._fed)]:
            self._setup.log.info("no link brings %s of %s: it stays as it is at first", port.name, ", ".join(missing))

    def apply(self, k: int) -> None:
        self._brain.held[self._variable].reshape(-1)[self._entries[self._fed]] = self.at(k)[self._fed]

    def _whole_steps(self, region: str, delay_ns: int) -> int:
        steps, rest = divmod(delay_ns, self.dt_ns)
        if rest:
            raise CosimError(
                f"the link of {region} has a delay of {format_ns(delay_ns)}",
                why=f"that is not a whole number of steps of {format_ns(self.dt_ns)}",
                mend=f"nearest: {format_ns(steps * self.dt_ns)}, {format_ns((steps + 1) * self.dt_ns)}",
            )
        return steps

    def _make_up(self, region: int, mode: int, steps: int) -> None:
        """A row that arrives is ``steps`` old: the past moves by as many, and connections have as many less to wait."""
        brain, dt_ns = self._brain, self.dt_ns
        row = int(np.flatnonzero(brain.tvb.model.cvar == self._variable)[0])
        receivers = np.flatnonzero(brain.weighted[:, region] & ~brain.external)
        if len(receivers) and brain.delays[receivers, region].min() < steps - 1:
            nearest = receivers[brain.delays[receivers, region].argmin()]
            sender, receiver = brain.space.labels[region], brain.space.labels[nearest]
            takes_ns = int(brain.delays[nearest, region]) * dt_ns
            raise CosimError(
                f"the link of {sender} is too slow for the connection from {sender} to {receiver}",
                why=f"the connection takes {format_ns(takes_ns)}, the link with its lead {format_ns(steps * dt_ns)}",
                mend=f"shorten the link's whole delay to at most {format_ns(takes_ns + dt_ns)}, the connection's and one step",
            )
        brain.made_up[row, region, mode] = steps
        rows = brain.ring.until(0)
        past = rows[:, row, region, mode][np.maximum(np.arange(len(rows)) - steps, 0)]
        brain.ring.rows[:, row, region, mode] = np.tile(np.roll(past, 1), 2)


class Stimulus(StepInput):
    """Added to a derivative over each step."""

    def __init__(self, brain: Brain, regions: Ints, variable: int) -> None:
        super().__init__(len(regions))
        self._brain, self._regions, self._variable = brain, regions, variable
        if brain.stimulus is None:
            brain.stimulus = np.zeros((len(brain.state), len(brain.space), 1))

    def apply(self, k: int) -> None:
        self._brain.stimulus[self._variable, self._regions, 0] += self.at(k)


class Parameter(StepInput):
    """A parameter, written in place before each step."""

    def __init__(self, brain: Brain, regions: Ints, name: str, setup: Setup) -> None:
        super().__init__(len(regions))
        model, count = brain.tvb.model, len(brain.space)
        known = [key for key in type(model).declarative_attrs if isinstance(getattr(model, key, None), np.ndarray)]
        if name not in known:
            raise CosimError(f"{brain.name} has no parameter {name!r}", mend=did_you_mean(name, known))
        value = np.asarray(getattr(model, name), np.float64)
        if value.size not in (1, count):
            raise CosimError(
                f"{name} of {brain.name} has {value.size} values", mend=f"give it one, or one for each of {count} regions"
            )
        setattr(model, name, np.broadcast_to(value.reshape(-1), count).reshape(model.spatial_param_reshape).copy())
        self._values, self._regions, self._setup = getattr(model, name).reshape(-1), regions, setup
        self._derive = model.update_derived_parameters

    def bound(self, port: Port, dt_ns: int) -> None:
        super().bound(port, dt_ns)
        self._fed = np.flatnonzero(self._setup.delays_ns.get(port.name, np.zeros(self.channels)) != -1)

    def apply(self, k: int) -> None:
        row, regions = self.at(k)[self._fed], self._regions[self._fed]
        if not np.array_equal(self._values[regions], row):
            self._values[regions] = row
            self._derive()


class Inflow(StepOutput):
    """TVB's coupling term of some regions, as far as it comes from here, ahead of time."""

    def __init__(self, brain: Brain, regions: Ints, term: int, setup: Setup) -> None:
        self._entries = brain.entries(regions)
        super().__init__(len(self._entries), self._look)
        self._brain, self._regions, self._term, self._setup = brain, regions, term, setup

    def bound(self, port: Port, dt_ns: int) -> None:
        super().bound(port, dt_ns)
        brain, names = self._brain, self._brain.space.labels
        into = np.isin(np.arange(len(names)), self._regions)
        weighted = brain.weighted & into[:, None] & ~brain.external
        if not weighted.any():
            raise CosimError(f"port {port.name!r}: no region that is simulated here projects to {names[self._regions[0]]}")
        longest, (lead, rest) = int(brain.delays[weighted].min()), divmod(port.lead_ns, dt_ns)
        if rest or lead > longest:
            raise CosimError(
                f"port {port.name!r} cannot speak {format_ns(port.lead_ns)} ahead",
                why=f"the shortest connection takes {format_ns(longest * dt_ns)}, in steps of {format_ns(dt_ns)}",
                mend=f"in ports(): Port({port.name!r}, …, lead_ns={longest * dt_ns})",
            )
        if lead < longest:
            self._setup.log.info("%s could speak %s ahead (lead_ns=%d)", port.name, format_ns(longest * dt_ns), longest * dt_ns)
        if (brain.weighted & into[:, None] & brain.external).any():
            self._setup.log.info("%s leaves out what external regions send to each other", port.name)
        self._delayed = Delayed(brain.ring, brain.tvb.history, weighted, (brain.delays[weighted] - lead)[:, None])
        self._coupling = copy.copy(brain.tvb.coupling)
        for cached in ("_cached_lri", "_cached_nzr"):  # TVB 2.10: a coupling remembers the connections of the first history it met
            vars(self._coupling).pop(cached, None)
        terms = len(self._coupling(brain.step, self._delayed))
        if not -terms <= self._term < terms:
            raise CosimError(f"port {port.name!r} asks for term {self._term}, and there are {terms} coupling terms", mend="from 0")
        self._refuse_if_mutual(port.name)

    def _refuse_if_mutual(self, name: str) -> None:
        shape = self._delayed.n_cvar, self._delayed.n_node, self._delayed.n_mode
        answers = []
        for value in (0, 1):
            self._delayed.current = np.full(shape, value, self._brain.ring.rows.dtype)
            answers.append(self._look())
        if not np.array_equal(*answers):
            coupling = type(self._coupling).__name__
            raise CosimError(
                f"port {name!r}: under {coupling} coupling nobody here knows what an external region receives",
                why=f"{coupling} depends on the receiver's own state, which is elsewhere",
                mend="send it what the others do: sim.samples_out(…), over links that take the connections' delays",
            )

    def _look(self) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self._coupling(self._brain.step, self._delayed)[self._term].reshape(-1)[self._entries]
        return found


class MonitorOut(OutputBinding):
    """A TVB monitor. On a port whose rows come more often, what it told last is repeated; 0 before the first."""

    kind = "samples"

    def __init__(self, brain: Brain, monitor: Any, afferent: bool) -> None:
        self._brain, self.monitor, self._afferent = brain, monitor, afferent
        brain.looks_ahead |= afferent
        brain.seed += 1
        seed_noise(getattr(monitor, "obsnoise", None), brain.seed)
        monitor.configure()
        monitor.config_for_sim(brain.tvb)
        self.channels = self._count()
        self._latest = np.zeros(self.channels)
        self._rows: list[NDArray[np.float64]] = []

    def bound(self, port: Port, dt_ns: int) -> None:
        super().bound(port, dt_ns)
        period = getattr(self.monitor, "_period_in_steps", None) or self.monitor.istep  # TVB 2.10: projections round down
        self._every = (port.dt_ns or dt_ns) // dt_ns
        if period % self._every:
            name = type(self.monitor).__name__
            raise CosimError(
                f"port {port.name!r} has rows of {format_ns(port.dt_ns or dt_ns)}; {name} tells one in {format_ns(period * dt_ns)}",
                mend=f"in ports(): Port({port.name!r}, …, dt_ns={period * dt_ns}), or what divides it: a row is then repeated",
            )

    def sample(self) -> None:
        step = self._brain.step
        told = self.monitor.record(step, self._see(step))
        if told is not None:
            self._latest = np.array(told[1], np.float64).reshape(-1)
        if step % self._every == 0:
            self._rows.append(self._latest)

    def take(self, window: Window) -> Samples:
        rows, self._rows = self._rows, []
        return Samples(window, np.array(rows))

    def _count(self) -> int:
        """Values that the monitor tells at once: it is asked at step 0, and put back."""
        noise = getattr(self.monitor, "obsnoise", None)
        kept = [(thing, saved(thing)) for thing in (self.monitor, noise) if thing is not None]
        told = self.monitor.record(0, self._see(0))
        for thing, state in kept:
            restore(thing, state)
        if told is None:
            raise CosimError(
                f"{type(self.monitor).__name__} tells no samples", mend="a monitor that records, such as TemporalAverage"
            )
        return int(np.size(told[1]))

    def _see(self, step: int) -> Any:
        """What TVB shows its monitors after a step: the variables of interest, or the coupling of the step that follows."""
        return self._brain.coupling(step + 1) if self._afferent else self._brain.tvb.model.observe(self._brain.state)
