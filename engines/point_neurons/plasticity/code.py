"""Pieces of code that all kinds of rules are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import indent

from engines.point_neurons.plasticity.card import ARRAYS, ENTRIES, FADING, NUMBERS, SETTLED, SWEPT
from engines.point_neurons.plasticity.rule import Rule, Trace
from engines.point_neurons.plasticity.templates import DELIVER, LASTING, SCALED, SHOWN, SPIKE_TEXT, STILL, SWEEP_TEXT


@dataclass(frozen=True, eq=False)
class Code:
    """The code of a rule."""

    rule: Rule

    def parts(self) -> list[str]:
        """The functions of the module, in pieces of text with two empty lines between functions."""
        if not self.rule.is_lasting:
            still = {name: ENTRIES.index(of) for name, of in (("row", "rows"), ("weights", "weights"), ("numbers", "numbers"))}
            return [STILL.format(constant=NUMBERS.index("constant"), **still), self._spike(), *self._shown()]
        places = {"progress": "progress", "row": "rows", "kept": "source", "sources": "sources", "size": "source_size"}
        sweep = SWEEP_TEXT.format(
            source=block(self._source(), 4), load=block(self._load(), 8),
            prepare=block(self._prepare(), 4), caught_up=block(self._caught_up(), 8), flow=block(self._flow("until"), 12),
            store=block(self._store(), 12), value=self._value(), departed=block(self._departed(), 4), swept=SWEPT,
            settled=SETTLED, **{name: ENTRIES.index(of) for name, of in places.items()},
        )  # fmt: skip
        return [sweep, self._spike(), *self._shown()]

    def _spike(self) -> str:
        efficacy = " * efficacy" if self.rule.on_spike else ""
        deliver = DELIVER.strip("\n").format(efficacy=efficacy)
        if self.rule.is_lasting:
            synapses = LASTING.format(
                load=block(self._load(), 8), caught_up=block(self._caught_up(), 8), act=block(self._act(), 8), deliver=deliver
            )
        else:
            synapses = SCALED.format(weights=ENTRIES.index("weights"), deliver=indent(deliver, "    "))
        return SPIKE_TEXT.format(
            settle=block(self._settled(), 4), swept=SWEPT,
            source=block(self._source(), 4), prepare=block([*self._prepare(), *self._at_spike()], 4),
            synapses=synapses.strip("\n"), renewed=block(self._renewed(), 4),
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
        used = names_in([text])
        lines = [line for name, line in self._card() if name in used]
        return text.replace("CARD", block(lines, 4).lstrip() if lines else "pass")

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
        faded = (*traces, "dose") if self.rule.modulated is not None else traces
        tables = [(f"fading_{name}", 8 * (len(own) + n * FADING)) for n, name in enumerate(faded)]
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
        return [f"{n} = past[{at} + {2 + places.index(n)}] * {faded(n, f'{time} - past[{at}] - delay')}" for n in names]

    def _departed(self) -> list[str]:
        """Traces of a target just after its spike."""
        lines = []
        for n, (name, trace) in enumerate(self.rule.post.items(), 2):
            left = faded(name, "step - past[before]")
            lines.append(f"past[e + {n}] = {risen(f'past[before + {n}] * {left}', trace)}")
        return lines

    def _shown(self) -> list[str]:
        rule = self.rule
        if not rule.shown:
            return []
        lines = []
        for n, expression in enumerate(rule.shown.values()):
            lines += [f"{'el' if n else ''}if which == {n}:", f"    out[n] = {expression}"]
        return [SHOWN.format(source=block(self._source(), 8), values=block(lines, 8))]


def faded(trace: str, steps: str) -> str:
    """What is left of a trace after some steps."""
    return f"faded(fading_{trace}, {steps}, decay_{trace})"


def risen(value: str, trace: Trace) -> str:
    """A trace just after a spike, from what it was just before."""
    return "1.0" if trace.is_nearest else f"{value} + 1.0"


def bounded(lines: Sequence[str]) -> list[str]:
    return ["w = min(max(w, 0.0), 1.0)"] if any(re.match(r"\s*w\s*=", line) for line in lines) else []


def names_in(lines: Sequence[str]) -> frozenset[str]:
    return frozenset(re.findall(r"[A-Za-z_]\w*", " ".join(lines)))


def indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def block(lines: Sequence[str], spaces: int) -> str:
    return indent("\n".join(lines) or "pass", " " * spaces)
