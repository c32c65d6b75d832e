"""Kernels of a rule, as code. They are called by address, with the card of a projection in a part.

spike    a spike of a source: weights are brought up to date, changed and delivered
depart   a spike of a target is noted in its past
sweep    all synapses learn what their targets have done; or, at the fixed times of modulated rules, have an event
look     what weights and states of synapses are, nothing changed
shown    what is recorded of source neurons

An update of a weight is a function of the spikes of its two neurons alone. When it is made is not: so results do not depend on
windows, threads or how long the memory of past spikes is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import indent

from engines.equations.compiled import imports_of
from engines.point_neurons.plasticity.card import ARRAYS, ENTRIES, FADING, NUMBERS, SETTLED, SWEPT
from engines.point_neurons.plasticity.rule import Rule, Trace

_KERNEL_NAMES = """
    card source now ring begin end at last since until j local base head k e before arrival s column value which keeps flows settles
    out first m many effect time newest known count n chosen sources_kept elapsed dose efficacy w
    np math njit cfunc spike depart sweep look shown go_on bring_up dose_between faded numbers_at shorts_at wholes_at OPTIONS
"""
_PREFIXES = ("fresh_", "now_", "decay_", "fading_")
RESERVED = frozenset(_KERNEL_NAMES.split()) | {*ENTRIES, *NUMBERS}
"""Names that rules leave alone, but for the four that they are given."""

_HEAD = '''"""Kernels of a rule of plasticity: made from its description, not to be edited."""

import math

import numpy as np
from numba import cfunc, njit

{imports}
from engines.point_neurons.plasticity.doses import dose_between
from engines.point_neurons.plasticity.flows import faded
from engines.point_neurons.plasticity.pointers import DEPART, LOOK, SPIKE, SWEEP, numbers_at, shorts_at, wholes_at

OPTIONS = {{"cache": True, "error_model": "numpy"}}
'''

_SPIKE = """
@cfunc(SPIKE, **OPTIONS)
def spike(card, source, now, ring):
    CARD
    begin, end = rows[source], rows[source + 1]
{settle}
    at = source * source_size
{source}
    since, until = max(last, progress[{swept}]), now
{prepare}
{synapses}
    sources_kept[at] = now
{renewed}
"""

_DELIVER = """
        column = first_column + (local >> 6) * stride + (local & 63)
        ring[column] += np.int64(np.rint((offset + scale * w){efficacy}))
"""

_LASTING = """
    for j in range(begin, end):
        local = np.int64(targets[j])
{load}
{caught_up}
{act}
{deliver}
"""

_SCALED = """
    if card[{weights}] == 0:
        value = np.int64(np.rint((offset + scale * constant) * efficacy))
        for j in range(begin, end):
            local = np.int64(targets[j])
            ring[first_column + (local >> 6) * stride + (local & 63)] += value
    else:
        for j in range(begin, end):
            local, w = np.int64(targets[j]), weights[j]
{deliver}
"""

_SWEEP = """
@njit(**OPTIONS)
def go_on(card, source, until, keeps, flows, which, out, first):
    CARD
    begin, end = rows[source], rows[source + 1]
    at = source * source_size
{source}
    since = max(last, progress[{swept}])
{prepare}
    for j in range(begin, end):
        local = np.int64(targets[j])
{load}
{caught_up}
        if flows:
{flow}
        if keeps:
{store}
        else:
            out[first + j - begin] = {value}
    return first + end - begin


@njit(**OPTIONS)
def bring_up(card, until, settles):
    progress, rows, kept = numbers_at(card[{progress}]), wholes_at(card[{row}]), numbers_at(card[{kept}])
    for source in range(card[{sources}]):
        since = max(kept[source * card[{size}]], progress[{swept}])
        if rows[source] < rows[source + 1] and (settles or since < until):
            go_on(card, source, until, True, settles, 0, progress, 0)
    progress[{swept}] = max(progress[{swept}], until)
    if settles:
        progress[{settled}] = until


@cfunc(SWEEP, **OPTIONS)
def sweep(card, until, settles):
    bring_up(card, until, settles != 0)


@cfunc(LOOK, **OPTIONS)
def look(card, until, which, sources, count, out):
    first = 0
    for n in range(count):
        first = go_on(card, sources[n], until, False, True, which, out, first)


@cfunc(DEPART, **OPTIONS)
def depart(card, local, step, known):
    CARD
    base, head = local * (mask + 1) * past_size, heads[local]
    before, e = base + ((head - 1) & mask) * past_size, base + (head & mask) * past_size
    if past[before] == step:  # not the first of this step: they share a record
        e = before
        past[e + 1] += 1.0
    else:
        if past[base + ((head + 1) & mask) * past_size] + delay > progress[{swept}]:  # it will be the oldest that is left
            bring_up(card, min(past[base + ((head - mask // 2) & mask) * past_size] + delay, known), False)
        past[e], past[e + 1] = step, 1.0
        heads[local] = head + 1
{departed}
"""

_STILL = """
@cfunc(SWEEP, **OPTIONS)
def sweep(card, until, settles):
    pass


@cfunc(LOOK, **OPTIONS)
def look(card, until, which, sources, count, out):
    rows, weights, first = wholes_at(card[{row}]), numbers_at(card[{weights}]), 0
    for n in range(count):
        for j in range(rows[sources[n]], rows[sources[n] + 1]):
            out[first] = numbers_at(card[{numbers}])[{constant}] if card[{weights}] == 0 else weights[j]
            first += 1


@cfunc(DEPART, **OPTIONS)
def depart(card, local, step, known):
    pass
"""

_SHOWN = """
@cfunc(LOOK, **OPTIONS)
def shown(card, until, which, chosen, count, out):
    CARD
    for n in range(count):
        at = chosen[n] * source_size
{source}
        elapsed = (until - last) * dt_ms
{values}
"""


def code_of(rule: Rule) -> str:
    """The module of a rule."""
    code = (_Flowing if rule.is_continuous else _Eventful)(rule)
    body = "\n\n\n".join(code.with_card(function) for part in code.parts() for function in part.strip("\n").split("\n\n\n"))
    lines = [*imports_of(body), *(f"from {module} import {name}" for name, module in rule.imports.items())]
    return "\n".join([_HEAD.format(imports="\n".join(lines)), body, ""])


def refuse_reserved(rule: Rule) -> None:
    """A ValueError where a rule has one name for two things, or one that kernels use."""
    own = [*rule.constants, *rule.pre, *rule.post, *rule.states, *rule.source_states]
    if twice := sorted({name for name in own if own.count(name) > 1}):
        raise ValueError(f"a rule has two meanings for {', '.join(twice)}")
    if taken := sorted(name for name in own if name in RESERVED or name.startswith(_PREFIXES)):
        raise ValueError(f"rules cannot call something {', '.join(taken)}: kernels use the name")


@dataclass(frozen=True, eq=False)
class _Code:
    """The code of a rule."""

    rule: Rule

    def parts(self) -> list[str]:
        """The functions of the module, in pieces of text with two empty lines between functions."""
        if not self.rule.is_lasting:
            still = {name: ENTRIES.index(of) for name, of in (("row", "rows"), ("weights", "weights"), ("numbers", "numbers"))}
            return [_STILL.format(constant=NUMBERS.index("constant"), **still), self._spike(), *self._shown()]
        places = {"progress": "progress", "row": "rows", "kept": "source", "sources": "sources", "size": "source_size"}
        sweep = _SWEEP.format(
            source=_lines(self._source(), 4), load=_lines(self._load(), 8),
            prepare=_lines(self._prepare(), 4), caught_up=_lines(self._caught_up(), 8), flow=_lines(self._flow("until"), 12),
            store=_lines(self._store(), 12), value=self._value(), departed=_lines(self._departed(), 4), swept=SWEPT,
            settled=SETTLED, **{name: ENTRIES.index(of) for name, of in places.items()},
        )  # fmt: skip
        return [sweep, self._spike(), *self._shown()]

    def _spike(self) -> str:
        efficacy = " * efficacy" if self.rule.on_spike else ""
        deliver = _DELIVER.strip("\n").format(efficacy=efficacy)
        if self.rule.is_lasting:
            synapses = _LASTING.format(
                load=_lines(self._load(), 8), caught_up=_lines(self._caught_up(), 8), act=_lines(self._act(), 8), deliver=deliver
            )
        else:
            synapses = _SCALED.format(weights=ENTRIES.index("weights"), deliver=indent(deliver, "    "))
        return _SPIKE.format(
            settle=_lines(self._settled(), 4), swept=SWEPT,
            source=_lines(self._source(), 4), prepare=_lines([*self._prepare(), *self._at_spike()], 4),
            synapses=synapses.strip("\n"), renewed=_lines(self._renewed(), 4),
        )  # fmt: skip

    # -- what the kinds of rules do differently --------------------------------------------------------------------

    def _source(self) -> list[str]:
        """``last`` and what else the record of a source has."""
        raise NotImplementedError

    def _prepare(self) -> list[str]:
        """What is the same for all synapses of a row."""
        return []

    def _settled(self) -> list[str]:
        """An event of all synapses that is due before this one."""
        return []

    def _at_spike(self) -> list[str]:
        """Traces of the source just before its spike, its states and the efficacy."""
        return []

    def _caught_up(self) -> list[str]:
        """What has happened to a synapse up to ``until``."""
        raise NotImplementedError

    def _flow(self, time: str) -> list[str]:
        """Between events, from ``s`` on to a step."""
        raise NotImplementedError

    def _act(self) -> list[str]:
        """What the spike of the source does to a synapse, and that its weight is kept."""
        raise NotImplementedError

    def _renewed(self) -> list[str]:
        """The record of the source after its spike."""
        raise NotImplementedError

    # -- pieces ----------------------------------------------------------------------------------------------------

    def with_card(self, text: str) -> str:
        """The text of a function, with what it takes from the card in place of CARD."""
        used = _names([text])
        lines = [line for name, line in self._card() if name in used]
        return text.replace("CARD", _lines(lines, 4).lstrip() if lines else "pass")

    def _card(self) -> list[tuple[str, str]]:
        """All that is on the card: its name and the line that takes it."""
        kinds = {"rows": "wholes_at", "heads": "wholes_at", "targets": "shorts_at"}
        traces = (*self.rule.pre, *self.rule.post)
        own = [*NUMBERS, *self.rule.constants, *(f"decay_{trace}" for trace in traces)]
        lines = list[tuple[str, str]]()
        for n, name in enumerate(ENTRIES):
            symbol = "sources_kept" if name == "source" else name
            value = f"{kinds.get(name, 'numbers_at')}(card[{n}])" if name in ARRAYS else f"card[{n}]"
            lines.append((symbol, f"{symbol} = {value}"))
        numbers = f"card[{ENTRIES.index('numbers')}]"
        lines += [(name, f"{name} = numbers_at({numbers})[{n}]") for n, name in enumerate(own)]
        tables = [(f"fading_{trace}", 8 * (len(own) + n * FADING)) for n, trace in enumerate(traces)]
        return lines + [(name, f"{name} = numbers_at({numbers} + {at})") for name, at in tables]

    def _load(self) -> list[str]:
        """``w`` and the states of a synapse."""
        count = len(self.rule.states)
        return ["w = weights[j]", *(f"{state} = states[j * {count} + {n}]" for n, state in enumerate(self.rule.states))]

    def _store(self) -> list[str]:
        count = len(self.rule.states)
        return ["weights[j] = w", *(f"states[j * {count} + {n}] = {state}" for n, state in enumerate(self.rule.states))]

    def _value(self) -> str:
        """What ``which`` asks for: 0 the weight, n the state n - 1."""
        code = "w"
        for n, state in enumerate(self.rule.states):
            code = f"({state} if which == {n + 1} else {code})"
        return code

    def _newest(self) -> list[str]:
        """``k`` becomes the place behind the last spike of the target that has arrived by ``since``."""
        return [
            "base, head = local * (mask + 1) * past_size, heads[local]",
            "k = head",
            "while past[base + ((k - 1) & mask) * past_size] + delay > since:",
            "    k -= 1",
        ]

    def _post(self, names: Iterable[str], at: str, time: str) -> list[str]:
        """Traces of the target at ``time``, from its spike at place ``at``."""
        places = list(self.rule.post)
        return [f"{n} = past[{at} + {2 + places.index(n)}] * {_faded(n, f'{time} - past[{at}] - delay')}" for n in names]

    def _departed(self) -> list[str]:
        """Traces of a target just after its spike."""
        lines = []
        for n, (name, trace) in enumerate(self.rule.post.items(), 2):
            left = _faded(name, "step - past[before]")
            lines.append(f"past[e + {n}] = {_risen(f'past[before + {n}] * {left}', trace)}")
        return lines

    def _shown(self) -> list[str]:
        rule = self.rule
        if not rule.shown:
            return []
        lines = []
        for n, expression in enumerate(rule.shown.values()):
            lines += [f"{'el' if n else ''}if which == {n}:", f"    out[n] = {expression}"]
        return [_SHOWN.format(source=_lines(self._source(), 8), values=_lines(lines, 8))]


class _Eventful(_Code):
    """Weights and states change at spikes. The record of a source: step of its last spike, traces just after it, states."""

    def _source(self) -> list[str]:
        names = [*(f"fresh_{trace}" for trace in self.rule.pre), *self.rule.source_states]
        return ["last = sources_kept[at]", *(f"{name} = sources_kept[at + {n}]" for n, name in enumerate(names, 1))]

    def _settled(self) -> list[str]:
        if self.rule.modulated is None:
            return []
        due = f"progress[{SETTLED}] + epoch"
        return [f"while now > {due}:", f"    bring_up(card, {due}, True)"]

    def _at_spike(self) -> list[str]:
        lines = [f"now_{name} = fresh_{name} * {_faded(name, 'now - last')}" for name in self.rule.pre]
        return [*lines, "elapsed = (now - last) * dt_ms", *self.rule.on_spike] if self.rule.on_spike else lines

    def _renewed(self) -> list[str]:
        values = [_risen(f"now_{name}", trace) for name, trace in self.rule.pre.items()]
        return [f"sources_kept[at + {n}] = {value}" for n, value in enumerate([*values, *self.rule.source_states], 1)]

    def _caught_up(self) -> list[str]:
        rule, lines = self.rule, self._newest()
        if rule.between:
            settled = f"progress[{SETTLED}]" if rule.modulated else "0.0"
            lines += [f"s = max(max(last, past[base + ((k - 1) & mask) * past_size] + delay), {settled})"]
        used = _names(rule.on_post)
        inner = ["e = base + (k & mask) * past_size", "arrival = past[e] + delay", "if arrival > until:", "    break"]
        inner += [*self._flow("arrival"), "s = arrival"] if rule.between else []
        inner += [f"{name} = fresh_{name} * {_faded(name, 'arrival - last')}" for name in rule.pre if name in used]
        if post := [name for name in rule.post if name in used]:
            inner += ["before = base + ((k - 1) & mask) * past_size", *self._post(post, "before", "arrival")]
        act = [*rule.on_post, *_bounded(rule.on_post)]
        inner += ["for _ in range(int(past[e + 1])):", *_indented(act), "k += 1"]
        return [*lines, "while k < head:", *_indented(inner)]

    def _flow(self, time: str) -> list[str]:
        rule = self.rule
        if not rule.between:
            return []
        lines = [f"elapsed = ({time} - s) * dt_ms"]
        if rule.modulated is not None:
            lines += [f"dose = dose_between(card, s, {time})"]
        return [*lines, *rule.between, *_bounded(rule.between)]

    def _act(self) -> list[str]:
        rule, used = self.rule, _names(self.rule.on_pre)
        lines = self._flow("now")
        if post := [name for name in rule.post if name in used]:
            lines += [
                "k -= 1",
                "while past[base + (k & mask) * past_size] + delay == now:",
                "    k -= 1",
                "e = base + (k & mask) * past_size",
                *self._post(post, "e", "now"),
            ]
        lines += [f"{name} = now_{name}" for name in rule.pre if name in used]
        return [*lines, *rule.on_pre, *_bounded(rule.on_pre), *self._store()]


class _Flowing(_Code):
    """Synapses move on by themselves. The record of a source: step of its last spike, how many there were, a ring of the last.

    Entries of the ring have the step at which a spike acts, a lag after it, and the traces just after that.
    """

    def _entry(self, number: str) -> str:
        return f"at + 2 + (({number}) & lag_mask) * {1 + len(self.rule.pre)}"

    def _source(self) -> list[str]:
        return ["last, many = sources_kept[at], int(sources_kept[at + 1])"]

    def _prepare(self) -> list[str]:
        """``newest`` is behind the last spike of the source that has acted by ``since``."""
        return ["newest = many", f"while sources_kept[{self._entry('newest - 1')}] > since:", "    newest -= 1"]

    def _caught_up(self) -> list[str]:
        inner = [
            "arrival, effect = math.inf, math.inf",
            "if k < head:",
            "    arrival = past[base + (k & mask) * past_size] + delay",
            "if m < many:",
            f"    effect = sources_kept[{self._entry('m')}]",
            "time = min(arrival, effect)",
            "if time > until:",
            "    break",
            *self._flow("time"),
            "s = time",
            "k += arrival <= time",
            "m += effect <= time",
        ]
        begin = f"s = max(max(sources_kept[{self._entry('m - 1')}], past[base + ((k - 1) & mask) * past_size] + delay), 0.0)"
        return [*self._newest(), "m = newest", begin, "while True:", *_indented(inner)]

    def _flow(self, time: str) -> list[str]:
        rule, used = self.rule, _names(self.rule.between)
        lines = ["e = base + ((k - 1) & mask) * past_size", *self._post([n for n in rule.post if n in used], "e", "s")]
        lines += [f"e = {self._entry('m - 1')}"]
        for n, name in enumerate(rule.pre, 1):
            if name in used:
                lines += [f"{name} = sources_kept[e + {n}] * {_faded(name, 's - sources_kept[e]')}"]
        return [*lines, f"elapsed = ({time} - s) * dt_ms", *rule.between, *_bounded(rule.between)]

    def _act(self) -> list[str]:
        """What pieces between events come to is kept at events alone, for a piece cut in two has not quite the same bits."""
        return ["if lag > 0.0:", *_indented(self._store()), *self._flow("now"), "if lag == 0.0:", *_indented(self._store())]

    def _renewed(self) -> list[str]:
        lines = [f"before, effect = {self._entry('many - 1')}, now + lag", "e = before", "if sources_kept[before] < effect:"]
        lines += [f"    e = {self._entry('many')}", "    sources_kept[e] = effect", "    many += 1"]
        for n, (name, trace) in enumerate(self.rule.pre.items(), 1):
            decayed = f"sources_kept[before + {n}] * {_faded(name, 'effect - sources_kept[before]')}"
            lines += [f"sources_kept[e + {n}] = {_risen(decayed, trace)}"]
        return [*lines, "sources_kept[at + 1] = many"]


def _faded(trace: str, steps: str) -> str:
    """What is left of a trace after some steps."""
    return f"faded(fading_{trace}, {steps}, decay_{trace})"


def _risen(value: str, trace: Trace) -> str:
    """A trace just after a spike, from what it was just before."""
    return "1.0" if trace.is_nearest else f"{value} + 1.0"


def _bounded(lines: Sequence[str]) -> list[str]:
    return ["w = min(max(w, 0.0), 1.0)"] if any(re.match(r"\s*w\s*=", line) for line in lines) else []


def _names(lines: Sequence[str]) -> frozenset[str]:
    return frozenset(re.findall(r"[A-Za-z_]\w*", " ".join(lines)))


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _lines(lines: Sequence[str], spaces: int) -> str:
    return indent("\n".join(lines) or "pass", " " * spaces)
