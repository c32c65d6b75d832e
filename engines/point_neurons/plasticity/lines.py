"""Faults of the lines of code that a rule is made of, told before they are compiled."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from cosim.sdk import CosimError, did_you_mean
from engines.equations.compiled import FUNCTIONS
from engines.point_neurons.plasticity.rule import Rule
from engines.point_neurons.plasticity.templates import PREFIXES, RESERVED

_KNOWN = {name for names in FUNCTIONS.values() for name in names.split()} | {"min", "max", "abs", "math", "np", "dt_ms"}


def line_faults(rule: Rule) -> Iterator[CosimError]:
    """Names that mean two things or nothing, lines that cannot be read, kinds of lines that do not go together."""
    own = [*rule.constants, *rule.pre, *rule.post, *rule.states, *rule.source_states]
    for name in sorted({name for name in own if own.count(name) > 1}):
        yield CosimError(f"the rule has two meanings for {name!r}", mend="choose another name for one")
    for name in own:
        if name in RESERVED or name.startswith(PREFIXES):
            yield CosimError(f"the rule cannot call something {name!r}", why="kernels use the name", mend="choose another")
    if rule.lag_ms and not rule.is_continuous:
        yield CosimError("lag_ms goes with between alone", why="the rule has on_pre or on_post", mend="leave lag_ms out")
    if rule.is_continuous and (rule.states or rule.modulated or rule.on_spike):
        yield CosimError(
            "between alone moves w by traces", why="it has no states, modulator or on_spike", mend="add on_pre or on_post"
        )
    if bool(rule.on_spike) != bool(rule.source_states):
        yield CosimError("on_spike and source_states go together", mend="give both, or leave both out")
    traces, synapse = [*rule.pre, *rule.post], ["w", *rule.states]
    third = ["dose", "kept"] if rule.modulated else []
    stages = {
        "on_pre": (rule.on_pre, [*traces, *synapse]),
        "on_post": (rule.on_post, [*traces, *synapse]),
        "between": (rule.between, [*(traces if rule.is_continuous else []), *synapse, *third, "elapsed"]),
        "on_spike": (rule.on_spike, [*rule.source_states, "elapsed"]),
        "shown": (tuple(f"value = {text}" for text in rule.shown.values()), [*rule.source_states, "elapsed"]),
    }
    for stage, (lines, names) in stages.items():
        yield from _stage(stage, lines, {*names, *rule.constants, *rule.imports, *_KNOWN})
    if rule.on_spike and "efficacy" not in " ".join(rule.on_spike):
        yield CosimError(
            "on_spike sets no efficacy", why="weights are multiplied by it", mend="add a line such as efficacy = u * x"
        )


def _stage(stage: str, lines: Sequence[str], known: set[str]) -> Iterator[CosimError]:
    try:
        nodes = list(ast.walk(ast.parse("\n".join(lines))))
    except SyntaxError as error:
        yield CosimError(f"{stage} cannot be read", why=f"{error.msg}: {(error.text or '').strip()}")
        return
    found = [node for node in nodes if isinstance(node, ast.Name)]
    made = {node.id for node in found if isinstance(node.ctx, ast.Store)}
    for name in sorted({node.id for node in found} - made - known):
        yield CosimError(f"{stage} uses {name!r}, which is nothing there", mend=did_you_mean(name, sorted(known - _KNOWN)))
