"""Kernels of a network of neurons, as code: for each variant of a population a loop over its neurons, and one over steps.

Everything is in SI units. Two functions are made:

    move     moves the neurons of a part on by some steps, of which no spike is felt before the last is done
    run      over a window, where all parts are threads of one process: moves, then brings the spikes of all parts to the targets of
             its own; threads meet between the two
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import indent

from engines.equations.compiled import imports_of
from engines.equations.description import Equations
from engines.equations.expression import Expression
from engines.equations.stepping import Stepper
from engines.point_neurons.layout import LANES
from engines.point_neurons.variant import Variant

_HEAD = '''"""Kernels of a network of point neurons: made from descriptions, not to be edited."""

import math

import numpy as np
from numba import njit, uint64

{imports}
from engines.equations.randoms import uniform as uniform_number
from engines.point_neurons.background import add_background, number_of
from engines.point_neurons.barrier import meet
from engines.point_neurons.delivery import bring, keep, let_in
from engines.point_neurons.quadratic import flow, quick_flow, time_to_peak

OPTIONS = {{"cache": True, "nogil": True, "error_model": "numpy"}}
EASY = 1.7e308  # marks lanes with which a loop is done
'''

_UPDATE = """
# {title}
@njit(**OPTIONS)
def update_{k}(
    count, blocks, step, now, dt, root_dt, part, parts, state, first_state, ring, first_column, mean, first_mean,
    uniform, first_uniform, regional, first_regional, keys, first_key, drive, first_drive, own, first_own, spikes, early, m,
):
{constants}
    for b in range(blocks):
        at, column = uint64(first_state + b * {state_block}), uint64(first_column + b * {column_block})
        place, lanes_at = uint64(first_regional + b * {regional_block}), uint64(first_key + b * {key_block})
        own_at = uint64(first_own + b * {lanes})
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
                    for _ in range(min({number}, len(spikes) - m)):
                        spikes[m] = (b * {lanes} + lane) * parts + part
                        early[m] = 0.0
                        m += 1
"""

_OBSERVE = """
@njit(**OPTIONS)
def observe_{k}(which, local, state, first_state, uniform, first_uniform, regional, first_regional, dt):
    b, i = local // {lanes}, uint64(local % {lanes})
    at, place = uint64(first_state + b * {state_block}), uint64(first_regional + b * {regional_block})
{constants}
{body}
    return math.nan
"""

_MOVE = """
@njit(**OPTIONS)
def move(part, own, count, done, first_step, dt, plan, number, arrays, inputs, spikes, early, ends, counts, observed):
    state, ring, mean, keys = arrays.state[own], arrays.ring[own], arrays.mean[own], arrays.keys[own]
    regional = arrays.regional[own]
    each, row_each, uniform, rates = inputs.own[own], len(inputs.own[own, 0]), arrays.uniform, inputs.rates[own]
    each = each.reshape(-1)
    tables, guides, last = arrays.tables[own], arrays.guides[own], arrays.last[own]
    slots, width, sums = number.slots, number.width, number.sums
    my_spikes, my_early, root_dt = spikes[part], early[part], np.sqrt(dt)
    drive, row_drive = inputs.drive.reshape(-1), len(inputs.drive[0])
    m = 0
    for n in range(count):
        step = first_step + done + n + 1
        slot, now = step & (slots - 1), uint64(first_step + done + n)
        for p in range(len(plan.variant)):
            first, lanes = slot * width + plan.first_column[p], plan.blocks[p] * {lanes}
            for q in range(plan.first_background[p], plan.first_background[p + 1]):
                add_background(
                    q, rates, done + n, dt, step, arrays.background, keys, lanes, arrays.background.key_place[q],
                    first + arrays.background.receptor[q] * {lanes}, plan.receptors[p] * {lanes}, ring, tables, guides, last,
                )
            before = m
{dispatch}
            ends[part, n, p] = m
            counts[own, done + n, p] = m - before
            for q in range(plan.first_observed[own, p], plan.first_observed[own, p + 1]):
{observe}
        for q in range(sums):
            mean[slot * sums + q] = 0
        if m == len(my_spikes):  # there is room for one more than neurons may fire
            number.broken[own] = len(state)
        if step % 128 == 0 and number.broken[own] < 0:
            for s in range(len(state)):
                if (state[s] - state[s]) != 0.0:
                    number.broken[own] = s
                    break
    return m
"""

_RUN = """
@njit(**OPTIONS)
def run(own, first_step, steps, dt, plan, number, arrays, inputs, synapses, mean_field, spikes, early, ends, counts, observed):
    threads, part = number.parts, own
    keys, kept = np.empty(1024, np.int64), 0
    done, arrived, turn = 0, 0, 0
    while done < steps:
        count = min(number.interval, steps - done)
        arrived = let_in(part, own, first_step + done + count, arrived, inputs, number, arrays, synapses, mean_field)
        now_spikes, now_early, now_ends = spikes[turn & 1], early[turn & 1], ends[turn & 1]
        m = move(
            part, own, count, done, first_step, dt, plan, number, arrays, inputs, now_spikes, now_early, now_ends, counts, observed
        )
        keys, kept = keep(keys, kept, m, part, count, done, plan, number, now_spikes, now_early, now_ends)
        if threads > 1:
            meet(number.meetings, threads, turn)  # two sets of spikes: who is ahead by one interval writes into the other
        bring(part, own, count, done, first_step, plan, number, arrays, synapses, mean_field, now_spikes, now_ends)
        turn += 1
        done += count
    return keys[:kept]
"""


@dataclass(frozen=True, eq=False)
class Source:
    """What the kernels of a network are made from: the variants of its populations."""

    variants: Sequence[Variant]

    def code(self) -> str:
        """The module."""
        parts = [_Loop(k, variant).code() for k, variant in enumerate(self.variants)]
        body = "".join(parts) + self._move() + _RUN
        return _HEAD.format(imports="\n".join(imports_of(body))) + body

    def _move(self) -> str:
        dispatch, observe = [], []
        for k in range(len(self.variants)):
            dispatch += [
                f"{'el' if k else ''}if plan.variant[p] == {k}:",
                f"    m = update_{k}(",
                "        plan.count[own, p], plan.blocks[p], step, now, dt, root_dt, part, number.parts,",
                "        state, plan.first_state[p], ring, first, mean, slot * sums + plan.first_mean[p],",
                "        uniform, plan.first_uniform[p],",
                "        regional, plan.first_regional[p], keys, plan.first_key[p],",
                "        drive, (done + n) * row_drive + plan.first_drive[p], each, (done + n) * row_each + plan.first_own[p],",
                "        my_spikes, my_early, m,",
                "    )",
            ]
            observe += [
                f"{'el' if k else ''}if plan.variant[p] == {k}:",
                f"    observed[done + n, plan.observed_column[own, q]] = observe_{k}(",
                "        plan.observed_which[own, q], plan.observed_local[own, q], state, plan.first_state[p], uniform,",
                "        plan.first_uniform[p], regional, plan.first_regional[p], dt,",
                "    )",
            ]
        return _MOVE.format(lanes=LANES, dispatch=_lines(dispatch, 12), observe=_lines(observe, 16))


@dataclass(frozen=True, eq=False)
class _Loop:
    """The loop over the neurons of one variant."""

    number: int
    variant: Variant

    def code(self) -> str:
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
            k=self.number, title=f"{variant.name}, {variant.scheme}", key_block=(self._streams) * LANES,
            constants=_lines(self._constants(), 4), body=_lines(self._body(), 12), emit=emit, **sizes,
        )  # fmt: skip
        observe = _OBSERVE.format(
            k=self.number, constants=_lines(self._constants(arriving=False), 4), body=_lines(self._observed(), 4), **sizes
        )
        return update + observe

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
        lines = [f"p_{name} = uniform[first_uniform + {k}]" for k, name in enumerate(variant.uniform)]
        if arriving:
            lines += [f"d_{name} = drive[first_drive + {k}]" for k, name in enumerate(variant.common)]
            lines += [f"mean_{r} = mean[first_mean + {r}]" for r in range(len(variant.receptors))]
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
        lines += [f"b_{state} = x_{state}" for state in described.spike.holds]
        lines += ["awake = select(wait > 0.0, 0.0, 1.0)"] if described.spike.holds and variant.scheme != "exact" else []
        lines += self._moved()
        lines += self._added()
        if described.spike.holds:
            lines += [f"x_{state} = select(wait > 0.0, b_{state}, x_{state})" for state in described.spike.holds]
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
        if variant.scheme == "exact":
            return self._propagated(variant.states)
        clamps = {name: state.si_clamp for name, state in variant.description.states.items()}
        streams = {state: f"normal(keys[lanes_at + uint64({k * LANES}) + i], now)" for k, state in enumerate(variant.noisy)}
        held = self._held() | {"1awake": "awake"}
        return Stepper(_standing_still(variant), variant.scheme, held, clamps, streams).lines()  # type: ignore[arg-type]

    def _propagated(self, states: Sequence[str]) -> list[str]:
        linear, held = self.variant.linear, self._held()
        pattern, columns, lines = linear.pattern(), [*linear.states, *linear.held], []
        for row, state in enumerate(linear.states):
            terms = []
            for k, name in enumerate(columns):
                code = f"x_{name}" if k < len(linear.states) else held[name]
                if pattern[row, k] and code != "0.0":
                    terms.append(f"{self._constant(propagator(state, name))} * {code}")
            if pattern[row, -1]:
                terms.append(self._constant(propagator(state, "")))
            lines.append(f"y_{state} = {' + '.join(terms) or '0.0'}")
        return lines + [f"x_{state} = y_{state}" for state in linear.states]

    def _added(self) -> list[str]:
        adds = self.variant.description.parts.adds
        return [f"x_{state} = x_{state} + {self._constant(added(receptor, state))} * a_{receptor}" for receptor, state in adds]

    def _spike(self) -> list[str]:
        parts, spike, mark = self.variant.description.parts, self.variant.description.spike, "1.0"
        if parts.when is not None:
            lines = [*self._evaluate({"chance": parts.when}, "when"), "has_fired = chance != 0.0"]
            if spike.refractory is not None and not self._states_of(parts.when) <= {*spike.holds}:
                lines += ["has_fired = has_fired & (wait <= 0.0)"]
        elif spike.repeats is not None:
            mark, lines = f"np.floor(a_{spike.repeats} + 0.5)", [f"has_fired = a_{spike.repeats} >= 0.5"]
        else:
            assert parts.hazard is not None
            lines = self._evaluate({"hazard": parts.hazard}, "hazard")
            lines += ["mean = larger(hazard, 0.0) * dt", f"has_fired = uniform_number({self._spike_key('i')}, now) < -expm1(-mean)"]
            mark = "mean" if spike.rate is not None else mark
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
        drawn = f"number_of(uniform_number({self._spike_key('uint64(lane)')}, now), found)"
        text = _EMIT_COUNTED if spike.is_counted else _EMIT
        return text.strip("\n").format(mark=self._mark, lanes=LANES, number=drawn if spike.is_random else "int(found)")

    def _states_of(self, expression: Expression) -> frozenset[str]:
        return self.variant.equations.symbols_of(expression) & {*self.variant.states}

    # -- quadratic -------------------------------------------------------------------------------------------------

    def _move_quadratic(self) -> list[str]:
        """All lanes at once; those that fire, are silent or take too long a step for the shortcut are marked.

        Other states, of synapses, act on the quadratic one as the mean of what they are at both ends of the step.
        """
        variant, quadratic = self.variant, self.variant.quadratic
        others = [state for state in variant.states if state != quadratic.state]
        lines = [f"b_{state} = x_{state}" for state in others] + self._propagated(others) + self._added()
        lines += self._evaluate({"rest": variant.equations.derivatives[quadratic.state]}, "rest", {
            **{state: f"(0.5 * (b_{state} + x_{state}))" for state in others}, quadratic.state: "0.0",
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
            f"y, left = {square} * state[at + uint64({place}) + i] + {half}, dt",
            f"wait = state[at + uint64({self._wait}) + i]",
            "while True:",
            "    if wait >= left:",
            "        wait -= left",
            "        break",
            "    left, wait = left - wait, 0.0",
            f"    until = max(time_to_peak(y, d, {peak}), 0.0)",
            "    if until > left:",
            "        y = flow(y, d, left)",
            "        break",
            f"    left, wait, y = left - until, {refractory}, {self._constant('1reset')}",
            f"    spikes[m] = (b * {LANES} + lane) * parts + part",
            "    early[m] = left / dt",
            "    m += 1",
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
    from engines.equations.expression import read

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


def propagator(state: str, column: str) -> str:
    """Name of an entry of the matrix that moves states; of what a constant adds where ``column`` is empty."""
    return f"1from_{column}_to_{state}"


def added(receptor: str, state: str) -> str:
    """Name of what a weight of one unit at a receptor adds to a state."""
    return f"1adds_{receptor}_{state}"


def _lines(lines: Sequence[str], spaces: int) -> str:
    return indent("\n".join(lines) or "pass", " " * spaces)
