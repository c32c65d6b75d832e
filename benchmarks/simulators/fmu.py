"""An FMU for FMI 2: the muscle of the tests, compiled with gcc; its drive comes in, its force goes out."""

from __future__ import annotations

import ctypes
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.simulators.common import Course, row_of, timed
from engines.fmu import Fmu
from tests.simulators.fmu_source import build as compile_muscle

ENGINE, NAME = Fmu, "FMU, a muscle"
PROGRAMS = ("gcc",)
DRIVE, FORCE = 0, 3
"""Their value references."""


def params(folder: Path) -> dict[str, Any]:
    return {"fmu": compile_muscle(2, folder / "muscle.fmu"), "step": "1 ms", "inputs": ["drive"], "outputs": ["force"]}


def bare(windows: int) -> Course:
    """FMPy's calls with arrays that stay where they are: half of what lists take."""
    import fmpy

    with tempfile.TemporaryDirectory() as scratch:
        path = compile_muscle(2, Path(scratch) / "muscle.fmu")
        unpacked = fmpy.extract(str(path))
        fmu = fmpy.instantiate_fmu(unpacked, fmpy.read_model_description(str(path)), "CoSimulation")
        fmu.setupExperiment(startTime=0.0)
        fmu.enterInitializationMode()
        fmu.exitInitializationMode()
        drive, force = (ctypes.c_uint32 * 1)(DRIVE), (ctypes.c_uint32 * 1)(FORCE)
        given, taken = np.zeros(1), np.zeros(1)
        given_there, taken_there = np.ctypeslib.as_ctypes(given), np.ctypeslib.as_ctypes(taken)
        rows = [row_of(window, 1) for window in range(windows)]

        def step(window: int) -> Any:
            given[:] = rows[window]
            fmu.fmi2SetReal(fmu.component, drive, 1, given_there)
            fmu.fmi2DoStep(fmu.component, window / 1000, 0.001, 0)
            fmu.fmi2GetReal(fmu.component, force, 1, taken_there)
            return taken.copy()

        stamps_ns, told = timed(step, windows)
        fmu.terminate()
        fmu.freeInstance()
        shutil.rmtree(unpacked, ignore_errors=True)
    return Course(stamps_ns, np.array(told))
