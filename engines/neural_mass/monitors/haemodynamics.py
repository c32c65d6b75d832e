"""Haemodynamic models: descriptions with one input, the activity, compiled into a kernel that steps all regions."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any

from engines.equations.compiled import imports_of, load_compiled
from engines.equations.description import Checker, Description, Equations, read_description
from engines.equations.stepping import Stepper

HERE = Path(__file__).parent
_KERNEL = '''"""Kernel of a haemodynamic model: made from its description, not to be edited."""

import numpy as np
from numba import float64, int64, njit, types

{imports}
_ROW, _TABLE = types.Array(float64, 1, "C", readonly=True), types.Array(float64, 2, "C", readonly=True)


@njit(
    types.void(_TABLE, int64, int64, float64, float64, _ROW, float64[:, ::1], float64[:, ::1]),
    cache=True, nogil=True, error_model="numpy",
)
def integrate(rows, count, every, gain, dt, values, state, out):
    """Each step holds the mean of ``count`` rows; a row goes out at the end of every ``every``-th step."""
    channels, total = rows.shape[1], np.empty(rows.shape[1])
{constants}
    for k in range(len(rows) // count):
        total[:] = rows[k * count]
        for n in range(k * count + 1, (k + 1) * count):
            for i in range(channels):
                total[i] += rows[n, i]
        for i in range(channels):
            u_activity = gain * total[i] / count
{step}
            if (k + 1) % every == 0:
{show}
                out[k // every, i] = o_shown
'''


class Haemodynamics(Description):
    """A haemodynamic model's file."""

    def check(self, equations: Equations, checker: Checker) -> None:
        if list(self.inputs) != ["activity"] or self.inputs["activity"].unit != "1":
            checker.fault("a haemodynamic model has one input", "inputs", mend="inputs: {activity: {}}, a bare number")
        if "bold" not in self.outputs:
            checker.fault("a haemodynamic model has an output bold", "outputs", mend="outputs: {bold: {value: …, quantity: bold}}")
        for name in self.noise:
            checker.fault("a haemodynamic model has no noise", "noise", name, mend="give noise to the regions' own model")


@dataclass(frozen=True, eq=False)
class Model:
    """A description that was read."""

    path: Path
    description: Haemodynamics
    equations: Equations

    def code(self, shown: str) -> str:
        """The kernel's module; ``shown`` is the output that it gives."""
        described, equations = self.description, self.equations
        held = {name: f"p_{name}" for name in described.parameters} | {"activity": "u_activity"}
        clamps = {name: state.si_clamp for name, state in described.states.items()}
        stepper = Stepper(equations, "heun", held, clamps, {})
        step = [f"x_{name} = state[{k}, i]" for k, name in enumerate(described.states)]
        step += [*stepper.lines(), *(f"state[{k}, i] = x_{name}" for k, name in enumerate(described.states))]
        show = stepper.evaluate({"o_shown": equations.outputs[shown]}, "out")
        parts = {
            "constants": _lines([f"p_{name} = values[{k}]" for k, name in enumerate(described.parameters)], 4),
            "step": _lines(step, 12),
            "show": _lines(show, 16),
        }
        return _KERNEL.format(imports="\n".join(imports_of("\n".join(parts.values()))), **parts)

    def kernel(self, shown: str, log: logging.Logger) -> Any:
        return load_compiled(f"{self.path.stem} (heun)", self.code(shown), log).integrate


def shipped() -> dict[str, Path]:
    """Name and file of every haemodynamic model that comes with the engine."""
    return {path.stem: path for path in sorted(HERE.glob("*.yaml"))}


def read_haemodynamics(path: Path) -> Model:
    """A model's file, checked."""
    return Model(path, *read_description(path, Haemodynamics))


def _lines(lines: list[str], spaces: int) -> str:
    return indent("\n".join(lines) or "pass", " " * spaces)
