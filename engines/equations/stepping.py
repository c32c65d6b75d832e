"""Lines of kernel code that move the states of one unit (a region, a neuron, a compartment) on by one step.

In the code a state stands in ``x_<name>``. What comes in over a step (parameters, inputs, network terms, random numbers) is held
over its stages. Schemes, for dx = f dt + g dW with W a Wiener process:

    euler              x + f dt + g dW                                                   order 1; Itô
    heun               y = x + f dt + g dW;  x + (f + f(y)) dt / 2 + (g + g(y)) dW / 2   order 2; Stratonovich
    rk4                the classical Runge-Kutta step of f + g dW / dt                   order 4; g free of states
    exponential_euler  x e^(a dt) + b dt (e^(a dt) - 1) / (a dt) + g dW sqrt((e^(2 a dt) - 1) / (2 a dt)),  f = a x + b
                       order 1, exact where a and b are constant; each derivative linear in its own state, g free of states
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cosim.sdk import CosimError
from engines.equations.description import Equations
from engines.equations.expression import Expression, Parts, linear_parts, uses, write
from engines.equations.sharing import share

Integrator = Literal["euler", "heun", "rk4", "exponential_euler"]
Clamps = Mapping[str, tuple[float | None, float | None]]
"""Bounds of states, in SI units."""


@dataclass(frozen=True, eq=False)
class Stepper:
    """Writes the code of a step.

    Attributes
    ----------
    held
        Code of every symbol that is constant over a step.
    random
        Code of dW / sqrt(dt), a standard normal number, for every state with noise.
    """

    equations: Equations
    integrator: Integrator
    held: Mapping[str, str]
    clamps: Clamps
    random: Mapping[str, str]

    def lines(self) -> list[str]:
        """The step. ``dt`` (s) and ``root_dt`` stand in the code beside the symbols."""
        refuse_misfits(self.equations, self.integrator, tuple(self.random))
        lines = [f"w_{state} = root_dt * {code}" for state, code in self.random.items()]
        scheme: list[str] = getattr(self, f"_{self.integrator}")()
        return lines + scheme

    def evaluate(self, wanted: Mapping[str, Expression], suffix: str, states: Mapping[str, str] | None = None) -> list[str]:
        """Lines that compute expressions into the names that are their keys, after the named expressions they rest on."""
        symbols = dict(self.held) | dict(states or {state: f"x_{state}" for state in self.equations.derivatives})
        symbols |= {name: f"e_{name}_{suffix}" for name in self.equations.expressions}
        symbols |= {f"= {target}": target for target in wanted}
        trees = {name: self.equations.expressions[name].tree for name in self.equations.needed(*wanted.values())}
        shared = share(trees | {f"= {target}": expression.tree for target, expression in wanted.items()})
        symbols = {name: f"part{k}_{suffix}" for k, name in enumerate(shared)} | symbols
        return [f"{symbols[name]} = {write(tree, symbols)}" for name, tree in shared.items()]

    # -- schemes ---------------------------------------------------------------------------------------------------

    def _stage(self, number: int, states: Mapping[str, str] | None = None, noise: bool = False) -> list[str]:
        wanted = {f"k{number}_{state}": slope for state, slope in self.equations.derivatives.items()}
        if noise:
            wanted |= {f"g{number}_{state}": self.equations.noise[state] for state in self.random}
        return self.evaluate(wanted, str(number), states)

    def _move(self, target: str, change: Mapping[str, str]) -> list[str]:
        """``target``_state = x_state + change, kept in bounds."""
        lines = []
        for state, code in change.items():
            lines.append(f"{target}_{state} = x_{state} + {code}")
            lines += self._clamp(f"{target}_{state}", state)
        return lines

    def _clamp(self, name: str, state: str) -> list[str]:
        low, high = self.clamps.get(state, (None, None))
        lines = [] if low is None else [f"{name} = larger({name}, {low!r})"]
        return lines if high is None else [*lines, f"{name} = smaller({name}, {high!r})"]

    def _noise(self, code: str) -> dict[str, str]:
        return {state: f" + {code.format(state)}" if state in self.random else "" for state in self.equations.derivatives}

    def _euler(self) -> list[str]:
        noise = self._noise("g1_{0} * w_{0}")
        return self._stage(1, noise=True) + self._move("x", {s: f"dt * k1_{s}{noise[s]}" for s in noise})

    def _heun(self) -> list[str]:
        first, both = self._noise("g1_{0} * w_{0}"), self._noise("0.5 * (g1_{0} + g2_{0}) * w_{0}")
        lines = self._stage(1, noise=True) + self._move("y", {s: f"dt * k1_{s}{first[s]}" for s in first})
        lines += self._stage(2, {s: f"y_{s}" for s in first}, noise=True)
        return lines + self._move("x", {s: f"0.5 * dt * (k1_{s} + k2_{s}){both[s]}" for s in both})

    def _rk4(self) -> list[str]:
        noise = self._noise("g1_{0} * w_{0} / dt")  # held over the step, as any other input
        lines = self._stage(1, noise=True)
        for stage, step in ((2, "0.5 * dt"), (3, "0.5 * dt"), (4, "dt")):
            lines += self._move("y", {s: f"{step} * (k{stage - 1}_{s}{noise[s]})" for s in noise})
            lines += self._stage(stage, {s: f"y_{s}" for s in noise})
        slopes = {s: f"dt * ((k1_{s} + 2.0 * (k2_{s} + k3_{s}) + k4_{s}) / 6.0{noise[s]})" for s in noise}
        return lines + self._move("x", slopes)

    def _exponential_euler(self) -> list[str]:
        wanted = {f"g1_{state}": self.equations.noise[state] for state in self.random}
        for state in self.equations.derivatives:
            slope, offset = linear_slope(self.equations, state)
            wanted |= {f"k1_{state}": Expression("", slope), f"k2_{state}": Expression("", offset)}
        lines, moved = self.evaluate(wanted, "1"), []
        for state in self.equations.derivatives:
            lines += [f"a_{state} = dt * k1_{state}", f"b_{state} = dt * k2_{state}"]
            noise = f" + sqrt(exprel(2.0 * a_{state})) * g1_{state} * w_{state}" if state in self.random else ""
            lines.append(f"y_{state} = x_{state} * exp(a_{state}) + b_{state} * exprel(a_{state}){noise}")
            moved += [f"x_{state} = y_{state}", *self._clamp(f"x_{state}", state)]
        return lines + moved


def linear_in(equations: Equations, expression: Expression, symbol: str) -> Parts | None:
    """(a, b) of an expression a x + b in a symbol x, or None where it is not linear in it."""
    named: dict[str, Parts | None] = {}
    for name in equations.needed(expression):
        tree = equations.expressions[name].tree
        if uses(tree, {symbol, *named}):
            named[name] = linear_parts(tree, symbol, named)
    return linear_parts(expression.tree, symbol, named)


def linear_slope(equations: Equations, state: str) -> Parts:
    """(a, b) of the derivative a x + b of a state x; a CosimError where it is not linear in x."""
    derivative = equations.derivatives[state]
    parts = linear_in(equations, derivative, state)
    if parts is None:
        raise CosimError(
            f"exponential Euler does not apply to {state!r}",
            where=derivative.where,
            why=f"its derivative is not linear in {state}: {derivative.text}",
            mend="use integrator: heun",
        )
    return parts


def refuse_misfits(equations: Equations, integrator: Integrator, noisy: tuple[str, ...]) -> None:
    """A CosimError where a scheme cannot integrate these equations with noise on these states."""
    if integrator == "exponential_euler":
        for state in equations.derivatives:
            linear_slope(equations, state)
    if integrator in ("rk4", "exponential_euler"):
        for state in noisy:
            moving = sorted(equations.symbols_of(equations.noise[state]) & equations.derivatives.keys())
            if moving:
                raise CosimError(
                    f"{integrator} does not take the noise of {state!r}",
                    where=equations.noise[state].where,
                    why=f"its size depends on {', '.join(moving)}, and the scheme is for noise that depends on no state",
                    mend="use integrator: heun (Stratonovich) or euler (Itô)",
                )
