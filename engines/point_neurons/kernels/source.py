"""Kernels of a variant, as code: a loop over the neurons of a population for one step, and a look at one of them.

Everything is in SI units. What is of one neuron stands in blocks of lanes, see ``layout``. Both functions are called by address, so
what they are given are pointers.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import indent

from engines.equations.compiled import imports_of
from engines.equations.description import Equations
from engines.equations.expression import Expression, read
from engines.equations.stepping import Stepper
from engines.point_neurons.kernels.exact import LinearEquations
from engines.point_neurons.kernels.variant import Variant
from engines.point_neurons.layout import LANES

_HEAD = '''"""Kernels of point neurons: made from a description, not to be edited."""

import math

import numpy as np
from numba import cfunc, uint64

{imports}
from engines.equations.randoms import uniform as uniform_number
from engines.point_neurons.kernels.background import MOST_SPIKES, number_of
from engines.point_neurons.kernels.pointers import OBSERVE, UPDATE
from engines.point_neurons.kernels.quadratic import flow, quick_flow, time_to_peak

OPTIONS = {{"cache": True, "error_model": "numpy"}}
EASY = 1.7e308  # marks lanes with which a loop is done
BELOW_ONE = 1.0 - 2.0**-53
'''

_UPDATE = """
# {title}
@cfunc(UPDATE, **OPTIONS)
def update(
    count, blocks, now, dt, root_dt, part, parts, state, ring, mean, uniform, regional, keys, drive, own, spikes, early, m, room
):
{constants}
    for b in range(blocks):
        at, column = uint64(b * {state_block}), uint64(b * {column_block})
        place, lanes_at = uint64(b * {regional_block}), uint64(b * {key_block})
        own_at = uint64(b * {lanes})
        fired = 0
        for lane in range({lanes}):
            i = uint64(lane)
{body}
        if fired:
            for lane in range(min({lanes}, count - b * {lanes})):
{emit}
    return m
"""

_EMIT = """
                if state[at + uint64({mark} + lane)] != 0.0:
                    spikes[m] = (b * {lanes} + lane) * parts + part
                    early[m] = 0.0
                    m += 1
"""

_EMIT_COUNTED = """
                found = state[at + uint64({mark} + lane)]
                if found != 0.0:
                    number = {number}
                    if number > MOST_SPIKES:
                        return room
                    if number > 0:
                        spikes[m] = (b * {lanes} + lane) * parts + part
                        early[m] = number - 1
                        m += 1
"""

_OBSERVE = """
@cfunc(OBSERVE, **OPTIONS)
def observe(which, local, state, uniform, regional, dt):
    b, i = local // {lanes}, uint64(local % {lanes})
    at, place = uint64(b * {state_block}), uint64(b * {regional_block})
{constants}
{body}
    return math.nan
"""


@dataclass(frozen=True, eq=False)
class Source:
    """What the kernels of a variant are made from."""

    variant: Variant

    def code(self) -> str:
        """The module, with the functions ``update`` and ``observe``."""
        variant = self.variant
        sizes = {
            "lanes": LANES,
            "state_block": variant.slots * LANES,
            "regional_block": len(variant.regional) * LANES,
            "column_block": len(variant.receptors) * LANES,
        }
        is_quadratic = variant.scheme == "quadratic"
        emit = self._fire_quadratic() if is_quadratic else self._emit()
        update = _UPDATE.format(
            title=f"{variant.name}, {variant.scheme}", key_block=(self._streams) * LANES,
            constants=_lines(self._constants(), 4), body=_lines(self._body(), 12), emit=emit, **sizes,
        )  # fmt: skip
        observe = _OBSERVE.format(constants=_lines(self._constants(arriving=False), 4), body=_lines(self._observed(), 4), **sizes)
        body = update + observe
        return _HEAD.format(imports="\n".join(imports_of(body))) + body

    # -- symbols ---------------------------------------------------------------------------------------------------

    @property
    def _wait(self) -> int:
        return len(self.variant.states) * LANES

    @property
    def _mark(self) -> int:
        return (len(self.variant.states) + 1) * LANES

    @property
    def _streams(self) -> int:
        return len(self.variant.noisy) + self.variant.description.spike.is_random

    def _constants(self, arriving: bool = True) -> list[str]:
        variant = self.variant
        lines = [f"p_{name} = uniform[{k}]" for k, name in enumerate(variant.uniform)]
        if arriving:
            lines += [f"d_{name} = drive[{k}]" for k, name in enumerate(variant.common)]
            lines += [f"mean_{r} = mean[{r}]" for r in range(len(variant.receptors))]
        return lines

    def _constant(self, name: str) -> str:
        variant = self.variant
        if name in variant.uniform:
            return f"p_{name}"
        return f"regional[place + uint64({variant.regional.index(name) * LANES}) + i]"

    def _held(self, moving: bool = True) -> dict[str, str]:
        variant = self.variant
        found = {name: self._constant(name) for name in (*variant.uniform, *variant.regional)}
        found |= dict.fromkeys((*variant.description.inputs, *variant.receptors), "0.0")
        if moving:
            found |= {name: f"d_{name}" for name in variant.common}
            found |= {name: f"own[own_at + uint64(p_1own_{name}) + i]" for name in variant.each}
            found |= {name: f"h_{name}" for name in variant.receptors}
        return found

    def _evaluate(
        self, wanted: Mapping[str, Expression], suffix: str, states: Mapping[str, str] | None = None, moving: bool = True
    ) -> list[str]:
        return Stepper(self.variant.equations, "euler", self._held(moving), {}, {}).evaluate(wanted, suffix, states)

    # -- the loop --------------------------------------------------------------------------------------------------

    def _body(self) -> list[str]:
        variant, described = self.variant, self.variant.description
        lines = [f"x_{state} = state[at + uint64({k * LANES}) + i]" for k, state in enumerate(variant.states)]
        lines += self._arrivals()
        if described.spike.refractory is not None:
            lines += [f"wait = state[at + uint64({self._wait}) + i]"]
        if variant.scheme == "quadratic":
            return lines + self._move_quadratic()
        lines += [f"old_{state} = x_{state}" for state in described.spike.holds]
        lines += ["awake = select(wait > 0.0, 0.0, 1.0)"] if described.spike.holds and variant.scheme != "exact" else []
        lines += self._moved()
        lines += self._added()
        if described.spike.holds:
            lines += [f"x_{state} = select(wait > 0.0, old_{state}, x_{state})" for state in described.spike.holds]
        lines += self._spike()
        lines += [f"state[at + uint64({k * LANES}) + i] = x_{state}" for k, state in enumerate(variant.states)]
        return lines

    def _arrivals(self) -> list[str]:
        lines = []
        for r, name in enumerate(self.variant.receptors):
            lines += [
                f"a_{name} = np.float64(ring[column + uint64({r * LANES}) + i] + mean_{r}) * p_1quantum_{name}",
                f"ring[column + uint64({r * LANES}) + i] = 0",
                f"h_{name} = a_{name} / dt",
            ]
        return lines

    def _moved(self) -> list[str]:
        variant = self.variant
        exactly = [f"x_{state} = y_{state}" for state in variant.linear.states] if variant.scheme.endswith("exact") else []
        if variant.scheme == "exact":
            return self._propagated() + exactly
        clamps = {name: state.si_clamp for name, state in variant.description.states.items()}
        streams = {state: f"normal(keys[lanes_at + uint64({k * LANES}) + i], now)" for k, state in enumerate(variant.noisy)}
        held = self._held() | {"1awake": "awake"}
        if variant.scheme != "semi_exact":
            return Stepper(_standing_still(variant), variant.scheme, held, clamps, streams).lines()  # type: ignore[arg-type]
        moving = _without(_standing_still(variant), variant.linear.states)
        stages = [{state: f"{at}_{state}" for state in variant.linear.states} for at in "xmmy"]
        lines = self._propagated("half ", "m") + self._propagated()
        return lines + _StagedStepper(moving, "rk4", held, clamps, streams, stages).lines() + exactly

    def _propagated(self, span: str = "", target: str = "y") -> list[str]:
        """What states that move exactly are after a step or half of it."""
        variant, lines = self.variant, []
        for state in variant.linear.states:
            code = self._row(variant.linear, state, span)
            if state in variant.drowsy:
                code = f"select(wait > 0.0, {self._row(variant.dozing, state, f'{span}dozing ')}, {code})"
            lines.append(f"{target}_{state} = {code}")
        return lines

    def _row(self, linear: LinearEquations, state: str, kind: str) -> str:
        held, terms = self._held(), []
        pattern, columns = linear.pattern()[linear.states.index(state)], [*linear.states, *linear.held]
        for k, name in enumerate(columns):
            code = f"x_{name}" if k < len(linear.states) else held[name]
            if pattern[k] and code != "0.0":
                terms.append(f"{self._constant(propagator(state, name, kind))} * {code}")
        if pattern[-1]:
            terms.append(self._constant(propagator(state, "", kind)))
        return " + ".join(terms) or "0.0"

    def _added(self) -> list[str]:
        described = self.variant.description
        adds = described.parts.adds
        lines = [f"x_{state} = x_{state} + {self._constant(added(receptor, state))} * a_{receptor}" for receptor, state in adds]
        for state in dict.fromkeys(state for _, state in adds):
            low, high = described.states[state].si_clamp
            lines += [] if low is None else [f"x_{state} = larger(x_{state}, {low!r})"]
            lines += [] if high is None else [f"x_{state} = smaller(x_{state}, {high!r})"]
        return lines

    def _spike(self) -> list[str]:
        parts, spike, mark = self.variant.description.parts, self.variant.description.spike, "1.0"
        if parts.when is not None:
            lines = [*self._evaluate({"chance": parts.when}, "when"), "has_fired = chance != 0.0"]
            if spike.refractory is not None:
                lines += ["has_fired = has_fired & (wait <= 0.0)"]
        elif spike.repeats is not None:
            mark, lines = f"np.floor(a_{spike.repeats} + 0.5)", [f"has_fired = a_{spike.repeats} >= 0.5"]
        else:
            assert parts.hazard is not None
            lines = self._evaluate({"hazard": parts.hazard}, "hazard")
            lines += ["mean = larger(hazard, 0.0) * dt", f"has_fired = uniform_number({self._spike_key('i')}, now) < -expm1(-mean)"]
            if spike.rate is not None:
                mark = "mean"
                lines += ["has_fired = has_fired | (mean > 16.0)"]  # the number is then a sum of draws, which may be 0
            if spike.refractory is not None:
                lines += ["has_fired = has_fired & (wait <= 0.0)"]
        wanted = {f"r_{state}": expression for state, expression in parts.reset.items()}
        lines += self._evaluate(wanted, "reset") if wanted else []
        lines += [f"x_{state} = select(has_fired, r_{state}, x_{state})" for state in parts.reset]
        if spike.refractory is not None:
            wait = f"select(has_fired, {self._constant('1refractory')}, larger(wait - 1.0, 0.0))"
            lines += [f"state[at + uint64({self._wait}) + i] = {wait}"]
        return [*lines, f"state[at + uint64({self._mark}) + i] = select(has_fired, {mark}, 0.0)", "fired += np.int64(has_fired)"]

    def _spike_key(self, lane: str) -> str:
        """The stream of random numbers that says whether a neuron spikes."""
        return f"keys[lanes_at + uint64({len(self.variant.noisy) * LANES}) + {lane}]"

    def _emit(self) -> str:
        spike = self.variant.description.spike
        drawn = f"number_of({self._spike_key('uint64(lane)')}, now, found)"
        text = _EMIT_COUNTED if spike.is_counted else _EMIT
        number = drawn if spike.is_random else "int(min(found, 2.0 * MOST_SPIKES))"
        return text.strip("\n").format(mark=self._mark, lanes=LANES, number=number)

    # -- quadratic -------------------------------------------------------------------------------------------------

    def _move_quadratic(self) -> list[str]:
        """All lanes at once; those that fire, are silent or take too long a step for the shortcut are marked.

        Other states, of synapses, act on the quadratic one by their means over the step; what arrives, from the next one on.
        """
        variant, quadratic = self.variant, self.variant.quadratic
        others = [state for state in variant.states if state != quadratic.state]
        lines = [f"m_{state} = {self._row(variant.linear, state, 'mean ')}" for state in others] + self._propagated()
        lines += [f"x_{state} = y_{state}" for state in others] + self._added()
        lines += self._evaluate({"rest": variant.equations.derivatives[quadratic.state]}, "rest", {
            **{state: f"m_{state}" for state in others}, quadratic.state: "0.0",
        })  # fmt: skip
        square, half = self._constant("1square"), self._constant("1half_slope")
        lines += [
            f"d = {square} * rest - {half} * {half}",
            f"y = {square} * x_{quadratic.state} + {half}",
            f"moved = quick_flow(y, d, dt, {self._constant('1peak')})",
        ]
        if variant.description.spike.refractory is not None:
            lines += ["moved = select(wait > 0.0, math.nan, moved)"]
        lines += ["is_hard = moved != moved", "fired += np.int64(is_hard)"]
        lines += [f"state[at + uint64({self._mark}) + i] = select(is_hard, d, EASY)"]
        place = {state: k * LANES for k, state in enumerate(variant.states)}
        lines += [f"state[at + uint64({place[state]}) + i] = x_{state}" for state in others]
        return [
            *lines,
            f"state[at + uint64({place[quadratic.state]}) + i] = select(is_hard, x_{quadratic.state}, (moved - {half}) / {square})",
        ]

    def _fire_quadratic(self) -> str:
        """One marked lane at a time: from spike to spike within the step."""
        variant, quadratic = self.variant, self.variant.quadratic
        place = variant.states.index(quadratic.state) * LANES
        refractory = self._constant("1refractory") if variant.description.spike.refractory is not None else "0.0"
        square, half, peak = self._constant("1square"), self._constant("1half_slope"), self._constant("1peak")
        lines = [
            "i = uint64(lane)",
            f"d = state[at + uint64({self._mark}) + i]",
            "if d == EASY:",
            "    continue",
            "if m == room:",
            "    return room",
            f"y, left = {square} * state[at + uint64({place}) + i] + {half}, dt",
            f"wait = state[at + uint64({self._wait}) + i]",
            "is_finite = (d - d) + (y - y) == 0.0",
            "y = y if is_finite else math.nan",
            "while is_finite:",
            "    if wait >= left:",
            "        wait -= left",
            "        break",
            "    left, wait = left - wait, 0.0",
            f"    until = time_to_peak(y, d, {peak})",
            "    if not until <= left:",
            "        y = flow(y, d, left)",
            "        break",
            "    until = max(until, 0.0)",
            f"    left, wait, y = left - until, {refractory}, {self._constant('1reset')}",
            f"    spikes[m] = (b * {LANES} + lane) * parts + part",
            "    early[m] = min(left / dt, BELOW_ONE)",
            "    m += 1",
            "    if m == room:",
            "        return room",
            f"state[at + uint64({place}) + i] = (y - {half}) / {square}",
            f"state[at + uint64({self._wait}) + i] = wait",
        ]
        return _lines(lines, 16)

    # -- what is recorded ------------------------------------------------------------------------------------------

    def _observed(self) -> list[str]:
        variant, lines = self.variant, []
        for which, name in enumerate(variant.observed):
            expression = observed(variant, name)
            used = variant.equations.symbols_of(expression) & {*variant.states}
            inner = [f"x_{state} = state[at + uint64({variant.states.index(state) * LANES}) + i]" for state in sorted(used)]
            inner += self._evaluate({"found": expression}, f"out{which}", moving=False)
            lines += [f"if which == {which}:", *(f"    {line}" for line in [*inner, "return found"])]
        return lines


def observed(variant: Variant, name: str) -> Expression:
    """What is recorded under a name: an output of the model, or a state."""
    return variant.equations.outputs[name] if name in variant.equations.outputs else read(name)


def _standing_still(variant: Variant) -> Equations:
    """The equations, in which states that a refractory neuron holds have derivative and noise 0 over all stages of a step."""
    equations, held = variant.equations, variant.description.spike.holds

    def still(items: Mapping[str, Expression]) -> dict[str, Expression]:
        stopped = {
            state: Expression(item.text, ast.BinOp(ast.Name("1awake"), ast.Mult(), item.tree), item.where)
            for state, item in items.items()
        }
        return {state: stopped[state] if state in held else item for state, item in items.items()}

    return replace(equations, derivatives=still(equations.derivatives), noise=still(equations.noise))


def _without(equations: Equations, states: Sequence[str]) -> Equations:
    derivatives = {state: item for state, item in equations.derivatives.items() if state not in states}
    return replace(equations, derivatives=derivatives)


@dataclass(frozen=True, eq=False)
class _StagedStepper(Stepper):
    """One beside whose states there are others, in the code by these names at each of its stages."""

    beside: Sequence[Mapping[str, str]]

    def _stage(self, number: int, states: Mapping[str, str] | None = None, noise: bool = False) -> list[str]:
        own = states or {state: f"x_{state}" for state in self.equations.derivatives}
        return super()._stage(number, {**own, **self.beside[number - 1]}, noise)


def propagator(state: str, column: str, kind: str = "") -> str:
    """Name of an entry of a matrix that moves states; of what a constant adds where ``column`` is empty.

    Parameters
    ----------
    kind
        ``half`` where it is over half a step, ``dozing`` where it is for a refractory neuron.
    """
    return f"1{kind.replace(' ', '_')}from_{column}_to_{state}"


def added(receptor: str, state: str) -> str:
    """Name of what a weight of one unit at a receptor adds to a state."""
    return f"1adds_{receptor}_{state}"


def _lines(lines: Sequence[str], spaces: int) -> str:
    return indent("\n".join(lines) or "pass", " " * spaces)
