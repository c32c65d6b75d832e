"""The kernel of a network of regions, as code: coupling, derivatives, integrator and outputs of one model in one loop.

Parameters of one value are scalars in the code, others rows; what changes during a run comes as rows of every step. Everything is
in SI units. Three functions are made:

    integrate   moves replicas on by some steps; ``finite`` has the steps after which all states of each were finite
    send        what regions send in given states: the history before time 0
    slopes      derivatives and outputs in given states with given network sums: for what is found without simulating
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import indent

from engines.equations.compiled import imports_of
from engines.equations.description import Equations
from engines.equations.expression import Expression, read
from engines.equations.stepping import Clamps, Integrator, Stepper
from engines.neural_mass.layers import Layer, strength_of, weights_of

_HEAD = '''"""Kernels of a network of regions: made from descriptions, not to be edited."""

import numpy as np
from numba import njit, uint64

{imports}
from engines.neural_mass.sums import SEND, SLOPES, add_now, integrate_of, sum_ahead

OPTIONS = {{"cache": True, "nogil": True, "error_model": "numpy"}}
LAYERS = {layers}
'''


_INTEGRATE = """
@njit(integrate_of(LAYERS), **OPTIONS)
def integrate(
    replica, last, steps, position, first_step, block, dt, simulated, uniform, regional, driven, layers,
    streams, state, history, outputs, finite,
):
    # views are made here and not in the steps: each counts a reference, which threads would have to agree on
    regions, root_dt = len(simulated), np.sqrt(dt)
    sums, row = np.zeros(({sums}, block, regions)), np.empty(block)
    sent = np.empty(({channels}, regions))
    for m in range(replica, last):
        offset = uint64(m * regions)  # a place that cannot be negative is looked up without asking
{constants}
{views}
        for c in range(len(sent)):
            for i in range(regions):
                sent[c, i] = history[m, c, simulated[i], position]
        finite[m], done = steps, 0
        while finite[m] == steps and done < steps:
            count = min(block, steps - done)
            at = position + done
{ahead}
            for n in range(count):
                column, now, step = at + n, done + n, uint64(first_step + done + n)
{now}
                broken = 0
                for i in range(regions):
                    place = offset + uint64(i)
{step}
                for i in range(regions):
{keep}
                if broken:
                    finite[m] = done + n
                    break
            done += count
"""

_SEND = """
@njit(SEND, **OPTIONS)
def send(replica, uniform, regional, states, sent):
    m, regions = replica, states.shape[2]
{constants}
    for n in range(states.shape[1]):
        for i in range(regions):
{body}
"""

_SLOPES = """
@njit(SLOPES, **OPTIONS)
def slopes(replica, uniform, regional, state, sums, slope, output):
    m, regions = replica, state.shape[1]
{constants}
    for i in range(regions):
{body}
"""


@dataclass(frozen=True, eq=False)
class Source:
    """What a kernel is made from.

    Attributes
    ----------
    uniform, regional, driven
        Parameters, strengths and sums of weights that are one number a replica, those that are (regions,) a replica, and those
        of them and of the inputs that are (regions,) a step.
    noisy
        States with noise; their numbers come from streams of that order.
    """

    equations: Equations
    layers: Sequence[Layer]
    integrator: Integrator
    clamps: Clamps
    uniform: Sequence[str]
    regional: Sequence[str]
    driven: Sequence[str]
    terms: Sequence[str]
    inputs: Sequence[str]
    noisy: Sequence[str]
    outputs: Mapping[str, Expression]
    channels: Sequence[str] = field(init=False)
    """Expressions of what travels, each once, whichever layers share it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", list(dict.fromkeys(c for layer in self.layers for c in layer.channels)) or ["0"])

    @property
    def states(self) -> list[str]:
        return list(self.equations.derivatives)

    def layer_sums(self) -> list[tuple[int, int, int]]:
        """(number, layer, channel) of every network sum."""
        found = [(k, self.channels.index(c)) for k, layer in enumerate(self.layers) for c in layer.channels]
        return [(j, k, c) for j, (k, c) in enumerate(found)]

    def code(self) -> str:
        """The module."""
        body = self._integrate() + self._send() + self._slopes()
        return _HEAD.format(imports="\n".join(imports_of(body)), layers=max(1, len(self.layers))) + body

    # -- inside ----------------------------------------------------------------------------------------------------

    def _held(self, moving: bool) -> dict[str, str]:
        """Code of every symbol that is constant over a step; ``moving``: where the rows of a step are at hand."""
        found = {name: f"c_{name}" for name in self.terms} | dict.fromkeys(self.inputs, "0.0")
        found |= {name: f"p_{name}" for name in self.uniform}
        found |= {name: f"p_{name}[i]" for name in self.regional}
        return found | ({name: f"driven[{k}, now, place]" for k, name in enumerate(self.driven)} if moving else {})

    def _constants(self) -> list[str]:
        lines = [f"p_{name} = uniform[m, {k}]" for k, name in enumerate(self.uniform)]
        return lines + [f"p_{name} = regional[m, {k}]" for k, name in enumerate(self.regional)]

    def _terms(self, held: Mapping[str, str], sums: Sequence[str], own: Sequence[str]) -> list[str]:
        """c_<term>: what arrives over all its layers; ``own`` is what the receiver sends, by channel."""
        parts: dict[str, list[str]] = {name: [] for name in self.terms}
        known = self.layer_sums()
        for k, layer in enumerate(self.layers):
            strength = held["G" if layer.strength is None else strength_of(k)]
            mine = [sums[j] for j, row, _ in known if row == k]
            weights = held.get(weights_of(k), "")
            mine_own = [own[c] for _, row, c in known if row == k]
            parts[layer.term].append(layer.received(strength, mine, mine_own, weights))
        return [f"c_{name} = {' + '.join(part) or '0.0'}" for name, part in parts.items()]

    def _expressions(self, wanted: Mapping[str, Expression], suffix: str, held: Mapping[str, str]) -> list[str]:
        return Stepper(self.equations, "euler", held, {}, {}).evaluate(wanted, suffix)

    def _channel_lines(self, held: Mapping[str, str]) -> list[str]:
        return self._expressions({f"s_{k}": read(text) for k, text in enumerate(self.channels)}, "sent", held)

    def _integrate(self) -> str:
        held, sums = self._held(moving=True), self.layer_sums()
        random = {state: f"normal(z_{state}[i], step)" for state in self.noisy}
        stepper = Stepper(self.equations, self.integrator, held, self.clamps, random)
        step = [f"x_{state} = state[m, {k}, i]" for k, state in enumerate(self.states)]
        step += self._terms(held, [f"n_{j}[n, i]" for j in range(len(sums))], [f"sent[{c}, i]" for c in range(len(self.channels))])
        step += stepper.lines()
        step += [f"state[m, {k}, i] = x_{state}" for k, state in enumerate(self.states)]
        step += [f"broken |= (x_{state} - x_{state}) != 0.0" for state in self.states]
        step += self._channel_lines(held) + [f"sent[{k}, i] = s_{k}" for k in range(len(self.channels))]
        step += self._expressions({f"o_{k}": expression for k, expression in enumerate(self.outputs.values())}, "out", held)
        step += [f"outputs[{k}, now, place] = o_{k}" for k in range(len(self.outputs))]
        views = [f"n_{j}, ahead_{j}, now_{j} = sums[{j}], layers[{k}][0], layers[{k}][1]" for j, k, _ in sums]
        views += [f"past_{c} = history[m, {c}]" for c in range(len(self.channels))]
        views += [f"z_{state} = streams[m, {k}]" for k, state in enumerate(self.noisy)]
        return _INTEGRATE.format(
            sums=max(1, len(sums)),
            channels=len(self.channels),
            constants=_lines(self._constants(), 8),
            ahead=_lines([f"sum_ahead(n_{j}, count, at, ahead_{j}, past_{c}, row)" for j, _, c in sums], 12),
            now=_lines([f"add_now(n_{j}, n, column, now_{j}, past_{c})" for j, _, c in sums], 16),
            views=_lines(views, 8),
            step=_lines(step, 20),
            keep=_lines([f"past_{k}[simulated[i], column + 1] = sent[{k}, i]" for k in range(len(self.channels))], 20),
        )

    def _send(self) -> str:
        held = self._held(moving=False)
        body = [f"x_{state} = states[{k}, n, i]" for k, state in enumerate(self.states)]
        body += self._channel_lines(held) + [f"sent[{k}, n, i] = s_{k}" for k in range(len(self.channels))]
        return _SEND.format(constants=_lines(self._constants(), 4), body=_lines(body, 12))

    def _slopes(self) -> str:
        held = self._held(moving=False)
        body = [f"x_{state} = state[{k}, i]" for k, state in enumerate(self.states)]
        body += self._channel_lines(held)
        sums, own = [f"sums[{j}, i]" for j in range(len(self.layer_sums()))], [f"s_{c}" for c in range(len(self.channels))]
        body += self._terms(held, sums, own)
        body += self._expressions({f"k_{state}": slope for state, slope in self.equations.derivatives.items()}, "slope", held)
        body += [f"slope[{k}, i] = k_{state}" for k, state in enumerate(self.states)]
        body += self._expressions({f"o_{k}": expression for k, expression in enumerate(self.outputs.values())}, "out", held)
        body += [f"output[{k}, i] = o_{k}" for k in range(len(self.outputs))]
        return _SLOPES.format(constants=_lines(self._constants(), 4), body=_lines(body, 8))


def _lines(lines: Sequence[str], spaces: int) -> str:
    return indent("\n".join(lines) or "pass", " " * spaces)
