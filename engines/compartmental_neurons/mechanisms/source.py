"""Kernel code of a mechanism: what depends on temperature alone, currents, how states move on, what a spike does.

    prepare(uniform)                     the derived numbers among the uniform ones
    current(blocks, at, uniform)         conductance G = sum a and current J = -sum b of all currents a V + b, times the area
    move(blocks, at, uniform)            gates, schemes and states after a step, with V at its end
    receive(slot, weight, uniform)       states of one place after a spike
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import indent

from engines.compartmental_neurons.mechanisms.variant import (
    BLOCK,
    CONDUCTANCE,
    CURRENT,
    POTENTIAL,
    Variant,
    concentration_column,
    current_column,
)
from engines.equations.compiled import imports_of
from engines.equations.description import Equations
from engines.equations.expression import Expression
from engines.equations.stepping import Stepper

FARADAY, GAS_CONSTANT = 96485.33212331001, 8.31446261815324
"""C/mol and J/(mol K), exact by the definition of the SI of 2019."""
_SECANT = 1e-6
"""V: over this a current that is not linear in V is differentiated."""

_HEAD = '''"""{title}"""
import math
from numba import carray, cfunc, njit, types, uint64
{imports}

_numbers = types.CPointer(types.float64)


@cfunc(types.void(_numbers), cache=True, nopython=True, error_model="numpy")
def prepare(uniform):
{prepare}


@cfunc(types.void(types.int64, _numbers, _numbers), cache=True, nopython=True, error_model="numpy")
def current(blocks, at, uniform):
{current}


@cfunc(types.void(types.int64, _numbers, _numbers), cache=True, nopython=True, error_model="numpy")
def move(blocks, at, uniform):
{move}

{receive}
'''


class Source:
    """Writes the code of a variant."""

    def __init__(self, variant: Variant) -> None:
        self.variant, self.described, self.parts = variant, variant.description, variant.description.parts

    def code(self) -> str:
        receive = "\n\n".join(self._receive(name) for name in self.described.receptors)
        blank = dict(prepare=self._prepare(), current=self._current(), move=self._move(), receive=receive)
        return _HEAD.format(title=self.variant.name, imports="\n".join(imports_of("\n".join(blank.values()))), **blank)

    # -- parts of the code -----------------------------------------------------------------------------------------

    def _prepare(self) -> str:
        variant = self.variant
        symbols = {name: f"uniform[{k}]" for k, name in enumerate(variant.uniform)} | _CONSTANTS
        lines = []
        for name in variant.derived:
            tree = self.parts.equations.expressions[name]
            lines.append(f"uniform[{variant.uniform.index(name)}] = {tree.code(symbols)}")
        return indent("\n".join(lines) or "pass", "    ")

    def _current(self) -> str:
        if not self.described.currents:
            return "    pass"
        density = self.described.kind == "density"
        area = f" * {self._column('area')}" if density else ""
        wanted: dict[str, Expression] = {}
        for k, (ion, parts) in enumerate(self.variant.linear_currents.items()):
            if parts is None:
                wanted[f"i{k}"] = self.parts.currents[ion]
            else:
                wanted |= {f"a{k}": parts[0], f"b{k}": parts[1]}
        lines = self._evaluate(wanted, "now")
        bent = {f"j{k}": self.parts.currents[ion] for k, (ion, p) in enumerate(self.variant.linear_currents.items()) if p is None}
        if bent:
            lines += [f"further = {self._column(POTENTIAL)} + {_SECANT!r}", *self._evaluate(bent, "further", {POTENTIAL: "further"})]
            for name in bent:
                k = name[1:]
                lines += [f"a{k} = (j{k} - i{k}) / {_SECANT!r}", f"b{k} = i{k} - a{k} * {self._column(POTENTIAL)}"]
        count = len(self.described.currents)
        lines += [f"{self._column(CONDUCTANCE)} = ({' + '.join(f'a{k}' for k in range(count))}){area}"]
        lines += [f"{self._column(CURRENT)} = -({' + '.join(f'b{k}' for k in range(count))}){area}"]
        for k, ion in enumerate(self.described.currents):
            if ion in self.variant.ions_written:
                flow = f"i{k}" if f"i{k}" in wanted else f"(a{k} * {self._column(POTENTIAL)} + b{k})"
                lines.append(f"{self._column(current_column(ion))} = {flow}{area}")
        return self._loop(lines)

    def _move(self) -> str:
        described, parts = self.described, self.parts
        if not self.variant.moves:
            return "    pass"
        lines = [f"x_{name} = {self._column(name)}" for name in described.moving]
        wanted: dict[str, Expression] = {}
        for name, (rest, pace) in parts.gates.items():
            wanted |= {f"rest_{name}": rest} | ({} if pace is None else {f"pace_{name}": pace})
        rates = {}
        for name, scheme in parts.schemes.items():
            rates[name] = [f"rate_{name}_{k}" for k in range(len(scheme.transitions))]
            wanted |= dict(zip(rates[name], (t.rate for t in scheme.transitions), strict=True))
        lines += self._evaluate(wanted, "now") if wanted else []
        moved = []
        for name, (_, pace) in parts.gates.items():
            gone = f"rest_{name}" if pace is None else f"rest_{name} + (x_{name} - rest_{name}) * exp(-dt * pace_{name})"
            moved.append(f"z_{name} = {gone}")
        lines += moved
        if described.states:
            clamps = {name: state.si_clamp for name, state in described.states.items()}
            stepper = Stepper(parts.equations, described.scheme, self._symbols(), clamps, {})
            lines += stepper.lines()
        lines += [f"x_{name} = z_{name}" for name in parts.gates]
        for name, scheme in parts.schemes.items():
            lines += scheme.step(rates[name])
        lines += [f"{self._column(name)} = x_{name}" for name in described.moving]
        if parts.concentrations:
            found = {f"told_{name}": expression for name, expression in parts.concentrations.items()}
            lines += self._evaluate(found, "told")
            lines += [f"{self._column(concentration_column(name))} = told_{name}" for name in parts.concentrations]
        return self._loop(lines)

    def _receive(self, name: str) -> str:
        wanted = {f"new_{state}": expression for (receptor, state), expression in self.parts.receptors.items() if receptor == name}
        used = self.parts.equations.symbols_of(*wanted.values())
        lines = [f"x_{state} = {self._column(state)}" for state in self.described.moving if state in used]
        lines += self._evaluate(wanted, "spike", {"weight": "weight"})
        for state in (target[4:] for target in wanted):
            low, high = self.described.states[state].si_clamp if state in self.described.states else (None, None)
            lines += [] if low is None else [f"new_{state} = max(new_{state}, {low!r})"]
            lines += [] if high is None else [f"new_{state} = min(new_{state}, {high!r})"]
            lines += [f"{self._column(state)} = new_{state}"]
        head = '@cfunc(types.void(_numbers, types.float64, _numbers), cache=True, nopython=True, error_model="numpy")'
        body = ["i = uint64(0)", "start = uint64(0)", *self._constants(lines), *lines]
        return f"{head}\ndef receive_{name}(at, weight, uniform):\n{_indented(body, 4)}\n"

    # -- inside ----------------------------------------------------------------------------------------------------

    def _column(self, name: str) -> str:
        return f"at[start + uint64({self.variant.columns[name] * BLOCK}) + i]"

    def _symbols(self, states: bool = True) -> dict[str, str]:
        variant = self.variant
        found = {name: f"p_{name}" for name in variant.uniform} | _CONSTANTS
        for name in variant.columns:
            if name not in self.described.moving:
                found[name] = self._column(name)
            if name in variant.read_of_ions and name.startswith("i_"):
                found[name] = f"({self._column(name)} / {self._column('area')})"  # columns have the current of the whole area
        return found | ({name: f"x_{name}" for name in self.described.moving} if states else {})

    def _evaluate(self, wanted: Mapping[str, Expression], suffix: str, more: Mapping[str, str] | None = None) -> list[str]:
        """Lines that compute expressions; those that rest on uniform numbers alone are not computed again."""
        equations = self.parts.equations
        left = {name: item for name, item in equations.expressions.items() if name not in self.variant.derived}
        reduced = Equations(equations.dimensions, left, {}, {}, {})
        symbols = self._symbols() | dict(more or {})
        lines = Stepper(reduced, "euler", symbols, {}, {}).evaluate(wanted, suffix)
        return lines

    def _constants(self, lines: Sequence[str]) -> list[str]:
        text = "\n".join(lines)
        names = [f"p_{name} = uniform[{k}]" for k, name in enumerate(self.variant.uniform) if f"p_{name}" in text]
        return names + (["dt = uniform[2]"] if "dt" in text else [])

    def _loop(self, lines: list[str]) -> str:
        used = [state for state in self.described.moving if any(f"x_{state}" in line for line in lines)]
        loaded = [] if any(line.startswith("x_") for line in lines[:1]) else [f"x_{state} = {self._column(state)}" for state in used]
        head = self._constants([*loaded, *lines])
        inner = _indented([*loaded, *lines], 12)
        return _indented(head, 4, "") + (
            "\n    for b in range(blocks):"
            f"\n        start = uint64(b * {self.variant.stride})"
            f"\n        for k in range({BLOCK}):"
            f"\n            i = uint64(k)\n{inner}"
        )


_CONSTANTS = {"faraday": repr(FARADAY), "gas_constant": repr(GAS_CONSTANT)}


def _indented(lines: Sequence[str], spaces: int, empty: str = "pass") -> str:
    return indent("\n".join(lines) or empty, " " * spaces)
