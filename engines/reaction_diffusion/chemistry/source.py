"""Kernel code of a chemistry: functions of pointers to the numbers of one voxel.

    slopes(x, u, p, m, dx)           dx, molecules (and states) per second
    jacobian(x, u, p, m, J)          their derivatives by x, row by row
    coefficients(x, u, p, m, k)      of mass action: propensity over the product n (n - 1) … of its reactants
    laws(x, u, p, m, v)              propensities of rate laws; other entries stay as they are
    observe(x, u, p, m, z)           outputs

x holds molecules, then states in SI units; u inputs, p parameters, both in SI units; m the measures of the voxel, see ``measures``.
Mass action is written in molecules: constants are worked out first, with the measures of the voxel in them. Nothing of a scenario
stands in the code, so models are compiled once, whatever their parameters and names.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from textwrap import indent

from engines.equations.compiled import imports_of
from engines.equations.expression import Expression, write
from engines.equations.sharing import share
from engines.reaction_diffusion.chemistry.merged import Merged, Way

FUNCTIONS = ("slopes", "jacobian", "coefficients", "laws", "observe")
_HEAD = """{title!r}
from numba import cfunc, types
{imports}

_numbers = types.CPointer(types.float64)
_signature = types.void(_numbers, _numbers, _numbers, _numbers, _numbers)
"""
_FUNCTION = """

@cfunc(_signature, cache=True, nopython=True, error_model="numpy")
def {name}(x, u, p, m, out):
{lines}
"""
_SYMBOL = re.compile(r"([supy])(\d+)(?:_(\d+))?")
Terms = Mapping[int, float]


class Source:
    """Writes the code."""

    def __init__(self, merged: Merged, title: str) -> None:
        self._merged, self._title = merged, title
        self._size = len(merged.species) + len(merged.states)

    def code(self) -> str:
        """The text of a module."""
        functions = [
            _FUNCTION.format(name=name, lines=indent("\n".join(getattr(self, f"_{name}")()), "    ")) for name in FUNCTIONS
        ]
        text = "".join(functions)
        return _HEAD.format(title=self._title, imports="\n".join(imports_of(text))) + text

    # -- functions -------------------------------------------------------------------------------------------------

    def _slopes(self) -> list[str]:
        body, ways = _Body(self._merged), self._merged.ways
        body.want({f"r{c}": way.rate for c, way in enumerate(ways)})
        body.want({f"dy{k}": slope for k, slope in enumerate(self._merged.slopes)})
        lines, flows = [], _paired(ways)
        for c, way in enumerate(ways):
            lines.append(f"f{c} = {body.flow(c, way)}")
        sums: dict[int, list[str]] = defaultdict(list)
        for c, back in flows:
            name = f"f{c}"
            if back is not None:
                name = f"g{c}"
                lines.append(f"{name} = f{c} - f{back}")
            for row, number in ways[c].change.items():
                sums[row].append(_times(number, name, is_first=not sums[row]))
        lines += [f"out[{row}] = {' '.join(sums[row]) or '0.0'}" for row in range(len(self._merged.species))]
        lines += [f"out[{len(self._merged.species) + k}] = dy{k}" for k in range(len(self._merged.slopes))]
        return body.lines(lines)

    def _jacobian(self) -> list[str]:
        body, merged, size = _Body(self._merged), self._merged, self._size
        sums: dict[tuple[int, int], list[str]] = defaultdict(list)
        lines: list[str] = []
        for c, way in enumerate(merged.ways):
            if way.is_mass_action:
                body.want({f"r{c}": way.rate})
            found = body.derivatives_of_flow(c, way)
            for column, code in found:
                name = f"d{len(lines)}"
                lines.append(f"{name} = {code}")
                for row, number in way.change.items():
                    sums[row, column].append(_times(number, name, is_first=not sums[row, column]))
        for k, slope in enumerate(merged.slopes):
            row = len(merged.species) + k
            for column, code in body.derivatives(slope, f"y{k}"):
                sums[row, column].append(code if not sums[row, column] else f"+ {code}")
        lines += [f"for place in range({size * size}):", "    out[place] = 0.0"]
        lines += [f"out[{row * size + column}] = {' '.join(terms)}" for (row, column), terms in sorted(sums.items())]
        return body.lines(lines)

    def _coefficients(self) -> list[str]:
        body, ways = _Body(self._merged), self._merged.ways
        body.want({f"r{c}": way.rate for c, way in enumerate(ways) if way.is_mass_action})
        lines = [f"out[{c}] = {body.constant(c, way) if way.is_mass_action else '0.0'}" for c, way in enumerate(ways)]
        return body.lines(lines) or ["pass"]

    def _laws(self) -> list[str]:
        body = _Body(self._merged)
        laws = {c: way for c, way in enumerate(self._merged.ways) if not way.is_mass_action}
        body.want({f"r{c}": way.rate for c, way in laws.items()})
        return body.lines([f"out[{c}] = {body.flow(c, way)}" for c, way in laws.items()]) or ["pass"]

    def _observe(self) -> list[str]:
        body = _Body(self._merged)
        body.want({f"z{k}": shown for k, shown in enumerate(self._merged.shown)})
        return body.lines([f"out[{k}] = z{k}" for k in range(len(self._merged.shown))]) or ["pass"]


class _Body:
    """Lines of one function: what is read, what is computed of it, what is done with that."""

    def __init__(self, merged: Merged) -> None:
        self._merged = merged
        self._wanted: dict[str, Expression] = {}
        self._molecules: set[int] = set()
        self._scales: dict[tuple[tuple[int, ...], tuple[int, ...]], str] = {}

    def want(self, expressions: Mapping[str, Expression]) -> None:
        """Expressions that are to be computed, by the names in which they are put."""
        self._wanted |= expressions

    def lines(self, last: Sequence[str]) -> list[str]:
        """The whole, with ``last`` in the end."""
        if not last:
            return []
        needed, names = dict[str, ast.expr](), set[str]().union(*(one.names() for one in self._wanted.values()))
        expressions = self._merged.expressions
        for name in reversed(list(expressions)):
            if name in names:
                names |= expressions[name].names()
        needed = {name: expressions[name].tree for name in expressions if name in names}
        shared = share(needed | {f"= {target}": one.tree for target, one in self._wanted.items()})
        codes = {name: name for name in names} | {f"= {target}": target for target in self._wanted}
        codes |= {name: f"part{k}" for k, name in enumerate(shared) if name not in codes}
        computed = [f"{codes[name]} = {write(tree, codes)}" for name, tree in shared.items()]
        return [*self._read(sorted(names - expressions.keys())), *computed, *last]

    def flow(self, c: int, way: Way) -> str:
        """Events of a reaction per second, as if molecules could be divided."""
        if not way.is_mass_action:
            return f"r{c}{self._scaled((way.measure,), ())}"
        factors = [f"n{row}" for row, order in way.reactants.items() for _ in range(order)]
        self._molecules |= way.reactants.keys()
        return " * ".join([self.constant(c, way), *factors])

    def constant(self, c: int, way: Way) -> str:
        """Of mass action in molecules, 1/s."""
        below = [way.measures[row] for row, order in way.reactants.items() for _ in range(order)]
        return f"r{c}{self._scaled((way.measure,), below)}"

    def derivatives_of_flow(self, c: int, way: Way) -> list[tuple[int, str]]:
        """Columns and codes of the derivatives of ``flow``, some columns perhaps twice."""
        if not way.is_mass_action:
            scale = self._scaled((way.measure,), ())
            return [(column, f"{code}{scale}") for column, code in self.derivatives(way.rate, f"r{c}")]
        found = []
        for row, order in way.reactants.items():
            others = [f"n{other}" for other, count in way.reactants.items() for _ in range(count - (other == row))]
            self._molecules |= {other for other, count in way.reactants.items() if count > (other == row)}
            constant = self.constant(c, way) if order == 1 else f"{float(order)!r} * {self.constant(c, way)}"
            found.append((row, " * ".join([constant, *others])))
        below = [way.measures[row] for row, order in way.reactants.items() for _ in range(order)]
        scale = self._scaled((way.measure,), below)
        factors = [f"n{row}" for row, order in way.reactants.items() for _ in range(order)]
        for column, code in self.derivatives(way.rate, f"r{c}"):
            self._molecules |= way.reactants.keys()
            found.append((column, " * ".join([f"{code}{scale}", *factors])))
        return found

    def derivatives(self, expression: Expression, name: str) -> list[tuple[int, str]]:
        """Columns and codes of the derivatives of an expression by numbers of molecules and by states."""
        found = []
        for symbol in sorted(self._merged.symbols_of(expression)):
            match = _SYMBOL.fullmatch(symbol)
            assert match is not None
            if match[1] not in "sy":
                continue
            derivative = self._merged.derivative(expression, symbol)
            if derivative is None:
                continue
            target = f"{name}_{symbol}"
            self.want({target: derivative})
            is_species = match[1] == "s"
            column = int(match[2]) + (0 if is_species else len(self._merged.species))
            found.append((column, f"{target}{self._scaled((), (int(match[3]),)) if is_species else ''}"))
        return found

    def _scaled(self, above: Sequence[int], below: Sequence[int]) -> str:
        """Code behind a number: times some measures and over others."""
        top, bottom = [k for k in above if k], [k for k in below if k]
        for k in list(top):
            if k in bottom:
                top.remove(k)
                bottom.remove(k)
        if not top and not bottom:
            return ""
        key = tuple(sorted(top)), tuple(sorted(bottom))
        return f" * {self._scales.setdefault(key, f'scale{len(self._scales)}')}"

    def _read(self, symbols: Sequence[str]) -> list[str]:
        """Lines that read what comes in, and work out products of measures."""
        lines, found = [], [(symbol, _SYMBOL.fullmatch(symbol)) for symbol in symbols]
        scales = {key: self._scaled((), (int(match[3]),)) for key, match in found if match and match[1] == "s"}
        molecules = self._molecules | {int(match[2]) for _, match in found if match and match[1] == "s"}
        for (top, bottom), name in self._scales.items():
            above = " * ".join(f"m[{k}]" for k in top) or "1.0"
            below = " * ".join(f"m[{k}]" for k in bottom)
            lines.append(f"{name} = {f'{above} / ({below})' if bottom else above}")
        lines += [f"n{row} = x[{row}]" for row in sorted(molecules)]
        for symbol, match in found:
            assert match is not None
            kind, place = match[1], int(match[2])
            if kind == "s":
                lines.append(f"{symbol} = n{place}{scales[symbol]}")
            else:
                lines.append(f"{symbol} = {'x' if kind == 'y' else kind}[{place + len(self._merged.species) * (kind == 'y')}]")
        return lines


def _paired(ways: Sequence[Way]) -> list[tuple[int, int | None]]:
    """Reactions, each with the one behind it where that is its way back."""
    found: list[tuple[int, int | None]] = []
    c = 0
    while c < len(ways):
        is_pair = c + 1 < len(ways) and dict(ways[c + 1].change) == {row: -number for row, number in ways[c].change.items()}
        found.append((c, c + 1 if is_pair else None))
        c += 2 if is_pair else 1
    return found


def _times(number: int, name: str, is_first: bool) -> str:
    """A term of a sum."""
    sign = "-" if number < 0 else "" if is_first else "+"
    size = name if abs(number) == 1 else f"{float(abs(number))!r} * {name}"
    return f"{sign}{'' if is_first else ' '}{size}"
