"""Code of rules by which weights change at spikes."""

from __future__ import annotations

from engines.point_neurons.plasticity.card import SETTLED
from engines.point_neurons.plasticity.code import Code, bounded, faded, indented, names_in, risen


class Eventful(Code):
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
        lines = [f"now_{name} = fresh_{name} * {faded(name, 'now - last')}" for name in self.rule.pre]
        return [*lines, "elapsed = (now - last) * dt_ms", *self.rule.on_spike] if self.rule.on_spike else lines

    def _renewed(self) -> list[str]:
        values = [risen(f"now_{name}", trace) for name, trace in self.rule.pre.items()]
        return [f"sources_kept[at + {n}] = {value}" for n, value in enumerate([*values, *self.rule.source_states], 1)]

    def _caught_up(self) -> list[str]:
        rule, lines = self.rule, self._newest()
        if rule.between:
            settled = f"progress[{SETTLED}]" if rule.modulated else "0.0"
            lines += [f"s = max(max(last, past[base + ((k - 1) & mask) * past_size] + delay), {settled})"]
        used = names_in(rule.on_post)
        inner = ["e = base + (k & mask) * past_size", "arrival = past[e] + delay", "if arrival > until:", "    break"]
        inner += [*self._flow("arrival"), "s = arrival"] if rule.between else []
        inner += [f"{name} = fresh_{name} * {faded(name, 'arrival - last')}" for name in rule.pre if name in used]
        if post := [name for name in rule.post if name in used]:
            inner += ["before = base + ((k - 1) & mask) * past_size", *self._post(post, "before", "arrival")]
        act = [*rule.on_post, *bounded(rule.on_post)]
        inner += ["for _ in range(int(past[e + 1])):", *indented(act), "k += 1"]
        return [*lines, "while k < head:", *indented(inner)]

    def _flow(self, time: str) -> list[str]:
        rule = self.rule
        if not rule.between:
            return []
        lines = [f"elapsed = ({time} - s) * dt_ms"]
        if rule.modulated is not None:
            lines += [f"dose = dose_between(card, fading_dose, s, {time})", f"kept = faded(fading_dose, {time} - s, fade)"]
        return [*lines, *rule.between, *bounded(rule.between)]

    def _act(self) -> list[str]:
        rule, used = self.rule, names_in(self.rule.on_pre)
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
        return [*lines, *rule.on_pre, *bounded(rule.on_pre), *self._store()]
