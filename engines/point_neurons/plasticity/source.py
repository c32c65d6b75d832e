"""Kernels of plastic projections, as code: for each rule its functions, and what calls them by projection.

    arrive      a spike of a source: weights are brought up to date, changed and delivered
    depart      a spike of a target is noted in its past
    catch_up    all synapses of a projection learn what their targets have done
    settle      the same at the fixed times of modulated projections, of which their synapses make events
    look        what weights and states of synapses are, nothing changed
    shown       what is recorded of source neurons

An update of a weight is a function of the spikes of its two neurons alone. When it is made is not: so results do not depend on
windows, threads or how large the memory of past spikes is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import indent

from engines.point_neurons.plasticity.rule import Rule, Trace

RESERVED = frozenset(
    "plastic p own source now first ring row begin end at last since until j local base head k e before arrival step s mask size "
    "delay past_at heads_at column value which keeps flows settles out place dt_ms m many lag effect time newest first_column "
    "stride offset scale np math uint64 njit hear arrive depart catch_up settle look shown".split()
)
"""Names that rules must leave alone."""

_IMPORTS = (
    "from engines.point_neurons.plasticity.doses import dose_between, hear",
    "from engines.point_neurons.synapses import NONE",
)

_SPIKE = """
@njit(**OPTIONS)
def spike_{k}(plastic, p, own, source, now, first, ring):
    row = uint64(plastic.row_at[p, own] + source)
    begin, end = plastic.rows[row], plastic.rows[row + uint64(1)]
    if begin == end:
        return
{numbers}
{settle}
    at = plastic.source_at[p, own] + source * plastic.source_size[p]
{source}
    since, until = max(last, plastic.swept[p, own]), now
{at_spike}
    first_column, stride, offset, scale = plastic.first_column[p], plastic.stride[p], plastic.offset[p], plastic.scale[p]
{synapses}
    plastic.source[uint64(at)] = now
{renewed}
"""

_CONSTANT = """
    if plastic.weight_at[p, own] == NONE:
        value = np.int64(np.rint((offset + scale * plastic.constant[p]) * efficacy))
        for j in range(begin, end):
            local = np.int64(plastic.targets[uint64(j)])
            ring[first + uint64(first_column + (local >> 6) * stride + (local & 63))] += value
    else:
        for j in range(begin, end):
            local = np.int64(plastic.targets[uint64(j)])
            w = plastic.weights[uint64(j + plastic.weight_at[p, own])]
            column = uint64(first_column + (local >> 6) * stride + (local & 63))
            ring[first + column] += np.int64(np.rint((offset + scale * w) * efficacy))
"""

_LASTING = """
    for j in range(begin, end):
        local = np.int64(plastic.targets[uint64(j)])
{load}
{catch_up}
{act}
{store}
        column = uint64(first_column + (local >> 6) * stride + (local & 63))
        ring[first + column] += np.int64(np.rint((offset + scale * w){efficacy}))
"""

_ROW = """
@njit(**OPTIONS)
def row_{k}(plastic, p, own, source, until, keeps, flows, which, out, place):
    row = uint64(plastic.row_at[p, own] + source)
    begin, end = plastic.rows[row], plastic.rows[row + uint64(1)]
{numbers}
    at = plastic.source_at[p, own] + source * plastic.source_size[p]
{source}
    since = max(last, plastic.swept[p, own])
{prepare}
    for j in range(begin, end):
        local = np.int64(plastic.targets[uint64(j)])
{load}
{catch_up}
        if flows:
{flow}
        if keeps:
{store}
        else:
            out[place + j - begin] = {value}


@njit(**OPTIONS)
def sweep_{k}(plastic, p, own, until, settles):
    out = np.empty(0)
    for source in range(plastic.sources[p]):
        row = plastic.row_at[p, own] + source
        if plastic.rows[row] == plastic.rows[row + 1]:
            continue
        at = plastic.source_at[p, own] + source * plastic.source_size[p]
        if settles or max({last}, plastic.swept[p, own]) < until:
            row_{k}(plastic, p, own, source, until, True, settles, 0, out, 0)
    plastic.swept[p, own] = max(plastic.swept[p, own], until)
    if settles:
        plastic.settled[p, own] = until


@njit(**OPTIONS)
def look_{k}(plastic, p, own, until, which, sources, out):
    place = 0
    for source in sources:
        row_{k}(plastic, p, own, source, until, False, True, which, out, place)
        row = plastic.row_at[p, own] + source
        place += plastic.rows[row + 1] - plastic.rows[row]


@njit(**OPTIONS)
def depart_{k}(plastic, p, own, local, step):
{numbers}
    mask, size, delay = plastic.mask[p], plastic.past_size[p], plastic.delay[p]
    base = plastic.past_at[p, own] + local * (mask + 1) * size
    head = plastic.heads[plastic.heads_at[p, own] + local]
    if plastic.past[base + ((head + 1) & mask) * size] + delay > plastic.swept[p, own]:  # it will be the oldest that is left
        until = min(plastic.past[base + ((head - mask // 2) & mask) * size] + delay, np.float64(step - 1 - plastic.link[p]))
        sweep_{k}(plastic, p, own, until, False)
    before, e = base + ((head - 1) & mask) * size, base + (head & mask) * size
    plastic.past[e] = step
{departed}
    plastic.heads[plastic.heads_at[p, own] + local] = head + 1
"""

_SHOWN = """
@njit(**OPTIONS)
def shown_{k}(plastic, p, own, until, which, sources, out):
{numbers}
    place = 0
    for source in sources:
        at = plastic.source_at[p, own] + source * plastic.source_size[p]
{source}
        elapsed = (until - last) * dt_ms
{values}
        place += 1
"""

_STATIC = """
@njit(**OPTIONS)
def sweep_{k}(plastic, p, own, until, settles):
    return


@njit(**OPTIONS)
def look_{k}(plastic, p, own, until, which, sources, out):
    place = 0
    for source in sources:
        row = plastic.row_at[p, own] + source
        for j in range(plastic.rows[row], plastic.rows[row + 1]):
            out[place] = plastic.constant[p]
            if plastic.weight_at[p, own] != NONE:
                out[place] = plastic.weights[j + plastic.weight_at[p, own]]
            place += 1


@njit(**OPTIONS)
def depart_{k}(plastic, p, own, local, step):
    return
"""

_ALL = """
@njit(**OPTIONS)
def arrive(plastic, own, group, source, step, slots, ring, width):
    for p in range(plastic.of_group[group], plastic.of_group[group + 1]):
        now = np.float64(max(step - plastic.link[p], 0))
        first = uint64(((step + plastic.left[p]) & (slots - 1)) * width)
{arrive}


@njit(**OPTIONS)
def depart(plastic, own, population, local, step):
    for q in range(plastic.onto[population], plastic.onto[population + 1]):
        p = plastic.onto_order[q]
{depart}


@njit(**OPTIONS)
def catch_up(plastic, p, own, until, settles):
{catch_up}


@njit(**OPTIONS)
def settle(plastic, own, step):
    for p in range(len(plastic.rule)):
        until = np.float64(step - plastic.link[p])
        if plastic.epoch[p] > 0 and until == plastic.settled[p, own] + plastic.epoch[p]:
            catch_up(plastic, p, own, until, True)


@njit(**OPTIONS)
def look(plastic, p, own, until, which, sources, out):
{look}


@njit(**OPTIONS)
def shown(plastic, p, own, until, which, sources, out):
{shown}
"""


def imports_for(rules: Iterable[Rule]) -> list[str]:
    """Lines that import what the lines of rules call, and what all kernels of plasticity do."""
    called = {name: module for rule in rules for name, module in rule.imports.items()}
    lines = [f"from {module} import {name}" for name, module in called.items()]
    return [*lines, *_IMPORTS]


def code_of(rules: Sequence[Rule]) -> str:
    """Functions of all rules, each of its own code; projections name them by their place."""
    parts = [(_Flowing if rule.is_continuous else _Eventful)(k, rule).code() for k, rule in enumerate(rules)]
    calls = {
        "arrive": "spike_{k}(plastic, p, own, source, now, first, ring)",
        "depart": "depart_{k}(plastic, p, own, local, step)",
        "catch_up": "sweep_{k}(plastic, p, own, until, settles)",
        "look": "look_{k}(plastic, p, own, until, which, sources, out)",
        "shown": "shown_{k}(plastic, p, own, until, which, sources, out)",
    }
    chosen = {name: _lines(_dispatched(call, len(rules)), 8 if name in ("arrive", "depart") else 4) for name, call in calls.items()}
    return "".join(parts) + _ALL.format(**chosen)


def _dispatched(call: str, rules: int) -> list[str]:
    lines = []
    for k in range(rules):
        lines += [f"{'el' if k else ''}if plastic.rule[p] == {k}:", f"    {call.format(k=k)}"]
    return lines


# -- one rule ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Code:
    """The code of a rule, whose constants come first among its numbers, then decays of pre and post traces by step, then dt."""

    number: int
    rule: Rule

    def code(self) -> str:
        raise NotImplementedError

    def _numbers(self) -> list[str]:
        rule = self.rule
        names = [*rule.constants, *(f"decay_{trace}" for trace in (*rule.pre, *rule.post)), "dt_ms"]
        return ["at = plastic.number_at[p]", *(f"{name} = plastic.numbers[at + {n}]" for n, name in enumerate(names))]

    def _load(self) -> list[str]:
        """``w`` and the states of a synapse."""
        count = len(self.rule.states)
        lines = ["w = plastic.weights[uint64(j + plastic.weight_at[p, own])]"]
        return lines + [
            f"{state} = plastic.states[uint64((j + plastic.state_at[p, own]) * {count} + {n})]"
            for n, state in enumerate(self.rule.states)
        ]

    def _store(self) -> list[str]:
        count = len(self.rule.states)
        lines = ["plastic.weights[uint64(j + plastic.weight_at[p, own])] = w"]
        return lines + [
            f"plastic.states[uint64((j + plastic.state_at[p, own]) * {count} + {n})] = {state}"
            for n, state in enumerate(self.rule.states)
        ]

    def _value(self) -> str:
        """What ``which`` asks for: 0 the weight, n the state n - 1."""
        code = "w"
        for n, state in enumerate(self.rule.states):
            code = f"({state} if which == {n + 1} else {code})"
        return code

    @staticmethod
    def _newest(bound: str) -> list[str]:
        """``k`` becomes the place behind the last spike of the target that has arrived by ``bound``."""
        return [
            "base, head = past_at + local * (mask + 1) * size, plastic.heads[uint64(heads_at + local)]",
            "k = head",
            f"while plastic.past[uint64(base + ((k - 1) & mask) * size)] + delay > {bound}:",
            "    k -= 1",
        ]

    @staticmethod
    def _history() -> list[str]:
        return [
            "mask, size, delay = plastic.mask[p], plastic.past_size[p], plastic.delay[p]",
            "past_at, heads_at = plastic.past_at[p, own], plastic.heads_at[p, own]",
        ]

    def _post(self, names: Iterable[str], at: str, time: str) -> list[str]:
        """Traces of the target at ``time``, from its spike at place ``at``."""
        places = list(self.rule.post)
        return [
            f"{name} = plastic.past[{at} + uint64({1 + places.index(name)})] "
            f"* exp((plastic.past[{at}] + delay - {time}) * decay_{name})"
            for name in names
        ]

    def _departed(self) -> list[str]:
        lines = []
        for n, (name, trace) in enumerate(self.rule.post.items()):
            value = f"plastic.past[before + {1 + n}] * exp((plastic.past[before] - step) * decay_{name})"
            lines.append(f"plastic.past[e + {1 + n}] = {_risen(value, trace)}")
        return lines

    def _shown(self) -> str:
        return f"\n\n@njit(**OPTIONS)\ndef shown_{self.number}(plastic, p, own, until, which, sources, out):\n    return\n"


class _Eventful(_Code):
    """Weights and states change at spikes; source neurons have one record: the step of the last spike, traces, states."""

    def code(self) -> str:
        rule, k = self.rule, self.number
        numbers = _lines(self._numbers(), 4)
        if rule.is_lasting:
            synapses = _LASTING.format(
                load=_lines(self._load(), 8),
                catch_up=_lines(self._caught_up(), 8),
                act=_lines(self._act(), 8),
                store=_lines(self._store(), 8),
                efficacy=" * efficacy" if rule.on_spike else "",
            )
        else:
            synapses = _CONSTANT
        spike = _SPIKE.format(
            k=k, numbers=numbers, settle=_lines(self._settled(), 4), source=_lines(self._source(), 4),
            at_spike=_lines(self._at_spike(), 4), synapses=synapses.strip("\n"), renewed=_lines(self._renewed(), 4),
        )  # fmt: skip
        if rule.is_lasting:
            spike = self._rows(numbers) + spike
        else:
            spike = _STATIC.format(k=k) + spike
        return spike + (self._shown_sources() if rule.shown else self._shown())

    def _rows(self, numbers: str) -> str:
        return _ROW.format(
            k=self.number, numbers=numbers, source=_lines(self._source(), 4), prepare=_lines(self._history(), 4),
            load=_lines(self._load(), 8), catch_up=_lines(self._caught_up(), 8), flow=_lines(self._flow("until"), 12),
            store=_lines(self._store(), 12), value=self._value(), last="plastic.source[at]", departed=_lines(self._departed(), 4),
        )  # fmt: skip

    @property
    def _flows(self) -> bool:
        return bool(self.rule.between)

    def _source(self) -> list[str]:
        """``last``, and as ``fresh_...`` traces just after it, and states."""
        names = [*(f"fresh_{trace}" for trace in self.rule.pre), *self.rule.source_states]
        return ["last = plastic.source[uint64(at)]", *(f"{name} = plastic.source[uint64(at + {1 + n})]" for n, name in enumerate(names))]

    def _settled(self) -> list[str]:
        if self.rule.modulated is None:
            return []
        return [
            "while now > plastic.settled[p, own] + plastic.epoch[p]:",
            f"    sweep_{self.number}(plastic, p, own, plastic.settled[p, own] + plastic.epoch[p], True)",
        ]

    def _at_spike(self) -> list[str]:
        """Traces of the source just before the spike, its states and the efficacy."""
        rule = self.rule
        lines = [f"now_{name} = fresh_{name} * exp((last - now) * decay_{name})" for name in rule.pre]
        if rule.on_spike:
            lines += ["elapsed = (now - last) * dt_ms", *rule.on_spike]
        return lines + (self._history() if rule.is_lasting else [])

    def _renewed(self) -> list[str]:
        lines = [
            f"plastic.source[uint64(at + {1 + n})] = {_risen(f'now_{name}', trace)}" for n, (name, trace) in enumerate(self.rule.pre.items())
        ]
        first = 1 + len(self.rule.pre)
        return lines + [f"plastic.source[uint64(at + {first + n})] = {name}" for n, name in enumerate(self.rule.source_states)]

    def _caught_up(self) -> list[str]:
        """What spikes of the target have done up to ``until``."""
        rule = self.rule
        lines = self._newest("since")
        if self._flows:
            settled = "plastic.settled[p, own]" if rule.modulated else "0.0"
            lines += [f"s = max(max(last, plastic.past[uint64(base + ((k - 1) & mask) * size)] + delay), {settled})"]
        used = _names(rule.on_post)
        inner = [
            "e = uint64(base + (k & mask) * size)",
            "arrival = plastic.past[e] + delay",
            "if arrival > until:",
            "    break",
            *self._flow("arrival"),
            *([] if not self._flows else ["s = arrival"]),
            *(f"{name} = fresh_{name} * exp((last - arrival) * decay_{name})" for name in rule.pre if name in used),
        ]
        post = [name for name in rule.post if name in used]
        if post:
            inner += ["before = uint64(base + ((k - 1) & mask) * size)", *self._post(post, "before", "arrival")]
        inner += [*rule.on_post, *_bounded(rule.on_post), "k += 1"]
        return [*lines, "while k < head:", *_indented(inner)]

    def _flow(self, time: str) -> list[str]:
        """From ``s`` on to a step."""
        rule = self.rule
        if not self._flows:
            return ["pass"] if time == "until" else []
        lines = [f"elapsed = ({time} - s) * dt_ms"]
        if rule.modulated is not None:
            lines += [f"dose = dose_between(plastic, p, own, s, {time})"]
        return [*lines, *rule.between, *_bounded(rule.between)]

    def _act(self) -> list[str]:
        """What the spike of the source does, with traces of the target just before it."""
        rule, used = self.rule, _names(self.rule.on_pre)
        lines = self._flow("now")
        post = [name for name in rule.post if name in used]
        if post:
            lines += [
                "k -= 1",
                "while plastic.past[uint64(base + (k & mask) * size)] + delay == now:",
                "    k -= 1",
                "e = uint64(base + (k & mask) * size)",
                *self._post(post, "e", "now"),
            ]
        lines += [f"{name} = now_{name}" for name in rule.pre if name in used]
        return [*lines, *rule.on_pre, *_bounded(rule.on_pre)]

    def _shown_sources(self) -> str:
        lines = []
        for n, expression in enumerate(self.rule.shown.values()):
            lines += [f"{'el' if n else ''}if which == {n}:", f"    out[place] = {expression}"]
        return "\n" + _SHOWN.format(
            k=self.number, numbers=_lines(self._numbers(), 4), source=_lines(self._source(), 8), values=_lines(lines, 8)
        )


class _Flowing(_Code):
    """Synapses move on by themselves. The record of a source has its last spike, how many there were, and a ring of the last.

    Entries of the ring have the step at which a spike acts, a lag after it, and the traces just after that.
    """

    def code(self) -> str:
        k, numbers = self.number, _lines(self._numbers(), 4)
        rows = _ROW.format(
            k=k, numbers=numbers, source=_lines(self._source(), 4), prepare=_lines(self._history(), 4),
            load=_lines(self._load(), 8), catch_up=_lines(self._caught_up(), 8), flow=_lines(self._flow("until"), 12),
            store=_lines(self._store(), 12), value=self._value(), last="plastic.source[at]", departed=_lines(self._departed(), 4),
        )  # fmt: skip
        synapses = _LASTING.format(
            load=_lines(self._load(), 8), catch_up=_lines(self._caught_up(), 8), act=_lines(self._act(), 8), store="", efficacy="",
        )  # fmt: skip
        spike = _SPIKE.format(
            k=k, numbers=numbers, settle="", source=_lines(self._source(), 4), at_spike=_lines(self._history(), 4),
            synapses=synapses.strip("\n"), renewed=_lines(self._renewed(), 4),
        )  # fmt: skip
        return rows + spike + self._shown()

    def _entry(self, number: str) -> str:
        return f"uint64(at + 2 + (({number}) & lag_mask) * {1 + len(self.rule.pre)})"

    def _source(self) -> list[str]:
        return [
            "last, many = plastic.source[uint64(at)], int(plastic.source[uint64(at + 1)])",
            "lag, lag_mask = plastic.lag[p], plastic.lag_mask[p]",
        ]

    def _history(self) -> list[str]:
        """``newest`` is behind the last spike of the source that has acted by ``since``."""
        lines = [*_Code._history(), "newest = many"]
        return [*lines, f"while plastic.source[{self._entry('newest - 1')}] > since:", "    newest -= 1"]

    def _caught_up(self) -> list[str]:
        first = f"max(plastic.source[{self._entry('m - 1')}], plastic.past[uint64(base + ((k - 1) & mask) * size)] + delay)"
        inner = [
            "arrival, effect = math.inf, math.inf",
            "if k < head:",
            "    arrival = plastic.past[uint64(base + (k & mask) * size)] + delay",
            "if m < many:",
            f"    effect = plastic.source[{self._entry('m')}]",
            "time = min(arrival, effect)",
            "if time > until:",
            "    break",
            *self._flow("time"),
            "s = time",
            "k += arrival <= time",
            "m += effect <= time",
        ]
        lines = [*self._newest("since"), "m = newest", f"s = max({first}, 0.0)"]
        return [*lines, "while True:", *_indented(inner)]

    def _flow(self, time: str) -> list[str]:
        """From ``s``, with the traces just after it, on to a step."""
        rule, used = self.rule, _names(self.rule.between)
        lines = ["e = uint64(base + ((k - 1) & mask) * size)", *self._post([n for n in rule.post if n in used], "e", "s")]
        lines += [f"e = {self._entry('m - 1')}"]
        for n, name in enumerate(rule.pre):
            if name in used:
                lines += [f"{name} = plastic.source[e + uint64({1 + n})] * exp((plastic.source[e] - s) * decay_{name})"]
        return [*lines, f"elapsed = ({time} - s) * dt_ms", *rule.between, *_bounded(rule.between)]

    def _act(self) -> list[str]:
        """Pieces between events are not cut where weights are looked at: what they come to is kept at events alone."""
        return ["if lag > 0.0:", *_indented(self._store()), *self._flow("now"), "if lag == 0.0:", *_indented(self._store())]

    def _renewed(self) -> list[str]:
        lines = [f"before, effect = {self._entry('many - 1')}, now + lag", "if plastic.source[before] < effect:"]
        lines += [f"    e = {self._entry('many')}", "    plastic.source[e] = effect"]
        for n in range(len(self.rule.pre)):
            name = list(self.rule.pre)[n]
            value = f"plastic.source[before + uint64({1 + n})] * exp((plastic.source[before] - effect) * decay_{name})"
            lines += [f"    plastic.source[e + uint64({1 + n})] = {value}"]
        lines += ["    many += 1", "else:", "    e = before"]
        for n, trace in enumerate(self.rule.pre.values()):
            lines += [f"plastic.source[e + uint64({1 + n})] = {_risen(f'plastic.source[e + uint64({1 + n})]', trace)}"]
        return [*lines, "plastic.source[uint64(at + 1)] = many"]


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _risen(value: str, trace: Trace) -> str:
    """A trace just after a spike, from what it was just before."""
    return "1.0" if trace.is_nearest else f"{value} + 1.0"


def _bounded(lines: Sequence[str]) -> list[str]:
    return ["w = min(max(w, 0.0), 1.0)"] if any(re.match(r"\s*w\s*=", line) for line in lines) else []


def _names(lines: Sequence[str]) -> frozenset[str]:
    return frozenset(re.findall(r"[A-Za-z_]\w*", " ".join(lines)))


def _lines(lines: Sequence[str], spaces: int) -> str:
    return indent("\n".join(lines) or "pass", " " * spaces)


def refuse_reserved(rule: Rule) -> None:
    """A ValueError where a rule uses names of the kernels for its own."""
    own: Mapping[str, object] = {**rule.constants, **rule.pre, **rule.post, **dict.fromkeys(rule.states), **rule.source_states}
    if taken := sorted(own.keys() & RESERVED):
        raise ValueError(f"rules cannot call something {', '.join(taken)}: kernels use the name")
