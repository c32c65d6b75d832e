"""A shipped model alone in one voxel: its compiled code, in the units of its file, under SciPy's solver."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from scipy.integrate import solve_ivp

from cosim.sdk.units import si_dimension
from engines.reaction_diffusion.chemistry.chemistry import Chemistry, PlacedModel
from engines.reaction_diffusion.chemistry.description import read_reactions, shipped

AVOGADRO = 6.02214076e23
_POINTER = ctypes.POINTER(ctypes.c_double)
_FUNCTION = ctypes.CFUNCTYPE(None, *[_POINTER] * 5)


def factor(unit):
    """What a number in a unit is multiplied by to be in SI units."""
    return si_dimension(unit)[0]


class Voxel:
    """A model in a voxel.

    Parameters
    ----------
    volume, area
        um³ and um².
    count
        Multiplies the initial numbers of species that are counted.
    held
        Species that do not change.
    inputs, parameters, initial
        In the units of the model's file.
    """

    def __init__(
        self,
        model: str,
        volume: float = 1.0,
        area: float = 1.0,
        count: float = 1.0,
        held: Sequence[str] = (),
        inputs: Mapping[str, float] | None = None,
        parameters: Mapping[str, float] | None = None,
        initial: Mapping[str, float] | None = None,
    ) -> None:
        self.described = described = read_reactions(shipped()[model])
        given = {name: item.default for name, item in described.parameters.items()} | dict(parameters or {})
        values = {name: number * factor(described.parameters[name].unit) for name, number in given.items()}
        self.chemistry = chemistry = Chemistry.of([PlacedModel("m", described, values, {})], ())
        self.names = [name.removeprefix("m.") for name in (*chemistry.species, *chemistry.states)]
        measures = np.array([1.0, area * 1e-12, AVOGADRO * area * 1e-12, volume * 1e-18, AVOGADRO * volume * 1e-18])
        self.per = np.ones(len(self.names))  # molecules, or SI, in one unit of the file
        for row, name in enumerate(self.names):
            item = described.species.get(name) or described.states[name]
            place = measures[chemistry.measures[row]] if name in described.species else 1.0
            self.per[row] = factor(item.unit) * place
        self.start = np.array([self._initial(name, count, initial or {}) for name in self.names])
        self._held = [self.names.index(name) for name in held]
        self._given = {name: item.default for name, item in described.inputs.items()} | dict(inputs or {})
        self._measures = measures
        self._pointers = [self._inputs(), np.ascontiguousarray(chemistry.values), measures]

    def slopes(self, values: np.ndarray) -> np.ndarray:
        """(names,) per second, of numbers in the file's units."""
        found = self._call("slopes", values, len(self.names)) / self.per
        found[self._held] = 0.0
        return found

    def jacobian(self, values: np.ndarray) -> np.ndarray:
        """(names, names) of ``slopes``."""
        size = len(self.names)
        found = self._call("jacobian", values, size * size).reshape(size, size) * self.per / self.per[:, None]
        found[self._held] = 0.0
        return found

    def outputs(self, values: np.ndarray) -> dict[str, float]:
        """By name, in the file's units."""
        names = [name.removeprefix("m.") for name in self.chemistry.outputs]
        found = self._call("observe", values, len(names))
        return {name: number / factor(self.described.outputs[name].unit) for name, number in zip(names, found, strict=True)}

    def run(self, duration: float, times: Sequence[float] | None = None, start: np.ndarray | None = None, tolerance: float = 1e-10):
        """(names, times) from 0 to ``duration`` s; at its end alone where no times are named."""
        start = self.start if start is None else start
        scale = np.maximum(np.abs(start).max(), 1.0)
        found = solve_ivp(
            lambda t, x: self.slopes(x), (0, duration), start, "Radau", [duration] if times is None else times,
            rtol=tolerance, atol=tolerance * 1e-3 * scale, jac=lambda t, x: self.jacobian(x),
        )  # fmt: skip
        assert found.success, found.message
        return found.y

    def at(self, **values: float) -> np.ndarray:
        """The initial numbers with some others."""
        found = self.start.copy()
        for name, number in values.items():
            found[self.names.index(name)] = number
        return found

    def hear(self, **inputs: float) -> None:
        """Set inputs."""
        self._given |= inputs
        self._pointers[0] = self._inputs()

    # -- inside ----------------------------------------------------------------------------------------------------

    @cached_property
    def _functions(self):
        compiled = self.chemistry.compiled(logging.getLogger(__name__))
        return {name: _FUNCTION(getattr(compiled, name)) for name in ("slopes", "jacobian", "observe")}

    def _call(self, name, values, size):
        found = np.zeros(size)
        x = np.ascontiguousarray(values * self.per)
        arrays = [x, *self._pointers, found]
        self._functions[name](*(array.ctypes.data_as(_POINTER) for array in arrays))
        return found

    def _inputs(self):
        numbers = [self._given[name.removeprefix("m.")] for name in self.chemistry.inputs]
        units = [self.described.inputs[name.removeprefix("m.")].unit for name in self.chemistry.inputs]
        return np.array([number * factor(unit) for number, unit in zip(numbers, units, strict=True)] or [0.0])

    def _initial(self, name, count, given):
        item = self.described.species.get(name) or self.described.states[name]
        value = given.get(name, item.initial)
        return value * count if name in self.described.species and item.unit == "1" else value
