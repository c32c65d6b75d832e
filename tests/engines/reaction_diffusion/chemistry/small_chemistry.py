"""Models written in tests, and what their code gives for some numbers."""

from __future__ import annotations

import ctypes
import logging
import tempfile
from pathlib import Path

import numpy as np

from engines.equations.dimensions import si_factor
from engines.reaction_diffusion.chemistry.chemistry import Chemistry, PlacedModel
from engines.reaction_diffusion.chemistry.description import read_reactions
from engines.reaction_diffusion.chemistry.measures import measures_of

_POINTERS = [ctypes.POINTER(ctypes.c_double)] * 5
VOXEL = measures_of(2e-20, 3e-13)


def model_of(text, name="model.yaml"):
    """The description in a text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(text, encoding="utf-8")
        return read_reactions(path)


def placed(description, name="a", names=None, **values):
    """A placed model with its own parameters, but for some given in SI units."""
    own = {key: item.default * si_factor(item.unit) for key, item in description.parameters.items()}
    return PlacedModel(name, description, own | values, names or {})


def chemistry_of(text, shared=(), **values):
    return Chemistry.of([placed(model_of(text), **values)], shared)


class Interpreted:
    """The functions of a chemistry, run by Python."""

    def __init__(self, chemistry):
        self.chemistry, self._functions = chemistry, {}
        lines = [line for line in chemistry.code.splitlines() if not line.startswith(("@cfunc", "_numbers", "_signature"))]
        exec("\n".join(lines), self._functions)

    def _call(self, name, size, x, u, m, fill=0.0):
        out = np.full(size, fill)
        inputs = np.zeros(len(self.chemistry.inputs)) if u is None else np.asarray(u, np.float64)
        with np.errstate(all="ignore"):
            self._run(name, np.asarray(x, np.float64), inputs, self.chemistry.values, m, out)
        return out

    def _run(self, name, *arrays):
        self._functions[name](*arrays)

    @property
    def size(self):
        return len(self.chemistry.species) + len(self.chemistry.states)

    def slopes(self, x, u=None, m=VOXEL):
        return self._call("slopes", self.size, x, u, m)

    def jacobian(self, x, u=None, m=VOXEL):
        return self._call("jacobian", self.size**2, x, u, m, fill=9.0).reshape(self.size, self.size)

    def coefficients(self, x, u=None, m=VOXEL):
        return self._call("coefficients", len(self.chemistry.channels), x, u, m, fill=9.0)

    def laws(self, x, u=None, m=VOXEL):
        return self._call("laws", len(self.chemistry.channels), x, u, m, fill=np.nan)

    def observe(self, x, u=None, m=VOXEL):
        return self._call("observe", len(self.chemistry.outputs), x, u, m)


class Compiled(Interpreted):
    """The functions of a chemistry, compiled."""

    def __init__(self, chemistry):
        super().__init__(chemistry)
        self._addresses = chemistry.compiled(logging.getLogger("test"))

    def _run(self, name, *arrays):
        function = ctypes.CFUNCTYPE(None, *_POINTERS)(getattr(self._addresses, name))
        function(*(array.ctypes.data_as(kind) for array, kind in zip(arrays, _POINTERS, strict=True)))
