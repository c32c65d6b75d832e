"""Code of rules by which weights move between spikes, as traces tell."""

from __future__ import annotations

from engines.point_neurons.plasticity.code import Code, bounded, faded, indented, names_in, risen


class Flowing(Code):
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
        return [*self._newest(), "m = newest", begin, "while True:", *indented(inner)]

    def _flow(self, time: str) -> list[str]:
        rule, used = self.rule, names_in(self.rule.between)
        lines = ["e = base + ((k - 1) & mask) * past_size", *self._post([n for n in rule.post if n in used], "e", "s")]
        lines += [f"e = {self._entry('m - 1')}"]
        for n, name in enumerate(rule.pre, 1):
            if name in used:
                lines += [f"{name} = sources_kept[e + {n}] * {faded(name, 's - sources_kept[e]')}"]
        return [*lines, f"elapsed = ({time} - s) * dt_ms", *rule.between, *bounded(rule.between)]

    def _act(self) -> list[str]:
        """What pieces between events come to is kept at events alone, for a piece cut in two has not quite the same bits."""
        return ["if lag > 0.0:", *indented(self._store()), *self._flow("now"), "if lag == 0.0:", *indented(self._store())]

    def _renewed(self) -> list[str]:
        lines = [f"before, effect = {self._entry('many - 1')}, now + lag", "e = before", "if sources_kept[before] < effect:"]
        lines += [f"    e = {self._entry('many')}", "    sources_kept[e] = effect", "    many += 1"]
        for n, (name, trace) in enumerate(self.rule.pre.items(), 1):
            decayed = f"sources_kept[before + {n}] * {faded(name, 'effect - sources_kept[before]')}"
            lines += [f"sources_kept[e + {n}] = {risen(decayed, trace)}"]
        return [*lines, "sources_kept[at + 1] = many"]
